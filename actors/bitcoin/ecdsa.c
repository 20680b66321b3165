/* Reading and verifying single signatures: see sig.h. */
#include "actors/bitcoin/sig.h"

#include <string.h>

#include <secp256k1.h>
#include <secp256k1_schnorrsig.h>

#include "actors/bitcoin/bytes.h"

#define SCALAR_SIZE 32

/*
 * One INTEGER of a laxly encoded signature, as a 32-byte scalar. Early blocks hold signatures that
 * OpenSSL's parser of the time took: length bytes in long form and padded, excess zeros, negative
 * numbers read as positive. 0: read; a number of over 32 bytes sets *overflow (it can't verify).
 * BTC_EFORMAT: not even that.
 */
static int lax_integer(struct btc_reader *r, uint8_t ret_scalar[SCALAR_SIZE], bool *overflow)
{
    uint8_t tag;
    uint8_t length;
    if (btc_read_u8(r, "tag", &tag) < 0 || tag != 0x02 || btc_read_u8(r, "length", &length) < 0)
        return BTC_EFORMAT;
    size_t size = length;
    if ((length & 0x80) != 0) { /* long form: the next (length & 0x7f) bytes are the length */
        struct btc_span digits;
        if (btc_read_view(r, "long length", length & 0x7f, &digits) < 0)
            return BTC_EFORMAT;
        size = 0;
        for (size_t i = 0; i < digits.size; i++) {
            if (size > btc_reader_left(r))
                return BTC_EFORMAT;
            size = size << 8 | digits.data[i];
        }
    }
    struct btc_span number;
    if (btc_read_view(r, "number", size, &number) < 0)
        return BTC_EFORMAT;
    while (number.size > 0 && number.data[0] == 0) {
        number.data++;
        number.size--;
    }
    memset(ret_scalar, 0, SCALAR_SIZE);
    if (number.size > SCALAR_SIZE)
        *overflow = true;
    else if (number.size > 0)
        memcpy(ret_scalar + SCALAR_SIZE - number.size, number.data, number.size);
    return 0;
}

/* A signature in anything that once passed for DER. The length of the SEQUENCE and what is behind S
 * do not count. */
static bool parse_lax(struct btc_span signature, secp256k1_ecdsa_signature *ret_parsed)
{
    struct btc_reader r = btc_reader_of(signature.data, signature.size, NULL);
    uint8_t tag;
    uint8_t length;
    struct btc_span skipped;
    if (btc_read_u8(&r, "tag", &tag) < 0 || tag != 0x30 || btc_read_u8(&r, "length", &length) < 0)
        return false;
    if ((length & 0x80) != 0 && btc_read_view(&r, "long length", length & 0x7f, &skipped) < 0)
        return false;
    uint8_t compact[2 * SCALAR_SIZE];
    bool overflow = false;
    if (lax_integer(&r, compact, &overflow) < 0 ||
        lax_integer(&r, compact + SCALAR_SIZE, &overflow) < 0 || overflow)
        return false;
    return secp256k1_ecdsa_signature_parse_compact(secp256k1_context_static, ret_parsed, compact);
}

bool btc_ecdsa_verify(struct btc_span key, struct btc_span signature, bool strict,
                      const struct btc_hash *hash)
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_pubkey point;
    secp256k1_ecdsa_signature parsed;
    if (key.size == 0 || signature.size == 0 ||
        !secp256k1_ec_pubkey_parse(context, &point, key.data, key.size))
        return false;
    if (strict
            ? !secp256k1_ecdsa_signature_parse_der(context, &parsed, signature.data, signature.size)
            : !parse_lax(signature, &parsed))
        return false;
    /* The library verifies low S only; the network's rules take either. */
    secp256k1_ecdsa_signature_normalize(context, &parsed, &parsed);
    return secp256k1_ecdsa_verify(context, &parsed, hash->bytes, &point) == 1;
}

bool btc_schnorr_verify(const uint8_t key[32], const uint8_t signature[64], struct btc_span message)
{
    secp256k1_xonly_pubkey point;
    return secp256k1_xonly_pubkey_parse(secp256k1_context_static, &point, key) &&
           secp256k1_schnorrsig_verify(secp256k1_context_static, signature, message.data,
                                       message.size, &point) == 1;
}
