/* Addresses and exported keys. */
#include "actors/bitcoin/address.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <secp256k1.h>

#include "actors/bitcoin/base58.h"

enum { WIF_DATA_SIZE = 1 + BTC_SECRET_SIZE + 1 };

/* A witness program of any version: OP_0 or OP_1..OP_16, then one push of all the rest. */
static bool is_witness_program(struct btc_span script, int *ret_version)
{
    if (script.size < 4 || script.size > 2 + BTC_WITNESS_PROGRAM_MAX)
        return false;
    if (script.data[1] != script.size - 2)
        return false;
    uint8_t opcode = script.data[0];
    if (opcode != BTC_OP_0 && (opcode < BTC_OP_1 || opcode > BTC_OP_16))
        return false;
    *ret_version = opcode == BTC_OP_0 ? 0 : opcode - BTC_OP_1 + 1;
    return true;
}

static int encode_hash(uint8_t version, struct btc_span hash, char ret_text[BTC_ADDRESS_SIZE])
{
    uint8_t data[1 + BTC_HASH160_SIZE];
    data[0] = version;
    memcpy(data + 1, hash.data, BTC_HASH160_SIZE);
    return btc_base58check_encode(data, sizeof(data), ret_text, BTC_ADDRESS_SIZE);
}

int btc_address_encode(const struct btc_params *params, struct btc_span script,
                       char ret_text[BTC_ADDRESS_SIZE])
{
    struct btc_script_match match = btc_script_classify(script);
    int version;

    if (match.kind == BTC_SCRIPT_P2PKH)
        return encode_hash(params->base58_p2pkh, match.payload, ret_text);
    if (match.kind == BTC_SCRIPT_P2SH)
        return encode_hash(params->base58_p2sh, match.payload, ret_text);
    if (!is_witness_program(script, &version))
        return BTC_ADDRESS_NONE;
    int rc = btc_segwit_encode(params->bech32_hrp, version, script.data + 2, script.size - 2,
                               ret_text);
    return rc == BTC_EFORMAT ? BTC_ADDRESS_NONE : rc; /* version 0 of a size that is not defined */
}

/* Does text start with one of the networks' segwit prefixes and the separator, in either case? */
static const struct btc_params *segwit_network(const char *text)
{
    for (int i = 0; i < BTC_NETWORK_COUNT; i++) {
        const struct btc_params *params = btc_params_get((enum btc_network)i);
        size_t size = strlen(params->bech32_hrp);
        if (strncasecmp(text, params->bech32_hrp, size) == 0 && text[size] == '1')
            return params;
    }
    return NULL;
}

static int decode_segwit(const struct btc_params *params, const char *text,
                         struct btc_script *ret_script, struct btc_error *err)
{
    uint8_t program[BTC_WITNESS_PROGRAM_MAX];
    size_t size = 0;
    int version = 0;

    int rc = btc_segwit_decode(params->bech32_hrp, text, &version, program, &size, err);
    if (rc < 0)
        return btc_fail_within(err, rc, "address: ");
    ret_script->bytes[0] = (uint8_t)(version == 0 ? BTC_OP_0 : BTC_OP_1 + version - 1);
    ret_script->bytes[1] = (uint8_t)size;
    memcpy(ret_script->bytes + 2, program, size);
    ret_script->size = size + 2;
    return 0;
}

static int decode_base58(const struct btc_params *params, const char *text,
                         struct btc_script *ret_script, struct btc_error *err)
{
    uint8_t data[1 + BTC_HASH160_SIZE];
    size_t size = 0;

    int rc = btc_base58check_decode(text, data, sizeof(data), &size, err);
    if (rc < 0)
        return btc_fail_within(err, rc, "address: ");
    if (size != sizeof(data))
        return btc_fail(err, BTC_EFORMAT, "address: %zu bytes, %zu are due", size, sizeof(data));
    if (data[0] == params->base58_p2pkh)
        return btc_script_build(BTC_SCRIPT_P2PKH, data + 1, BTC_HASH160_SIZE, ret_script);
    if (data[0] == params->base58_p2sh)
        return btc_script_build(BTC_SCRIPT_P2SH, data + 1, BTC_HASH160_SIZE, ret_script);
    return btc_fail(err, BTC_ENETWORK, "address: not one of network %s (version byte %u)",
                    params->name, data[0]);
}

int btc_address_decode(const struct btc_params *params, const char *text,
                       struct btc_script *ret_script, struct btc_error *err)
{
    const struct btc_params *found = segwit_network(text);
    if (!found)
        return decode_base58(params, text, ret_script, err);
    if (strcmp(found->bech32_hrp, params->bech32_hrp) != 0)
        return btc_fail(err, BTC_ENETWORK, "address: one of network %s, this is %s", found->name,
                        params->name);
    return decode_segwit(params, text, ret_script, err);
}

int btc_wif_encode(const struct btc_params *params, const uint8_t secret[BTC_SECRET_SIZE],
                   bool is_compressed, char ret_text[BTC_WIF_SIZE])
{
    uint8_t data[WIF_DATA_SIZE];
    data[0] = params->base58_wif;
    memcpy(data + 1, secret, BTC_SECRET_SIZE);
    data[WIF_DATA_SIZE - 1] = 1;
    int rc = btc_base58check_encode(data, is_compressed ? WIF_DATA_SIZE : WIF_DATA_SIZE - 1,
                                    ret_text, BTC_WIF_SIZE);
    OPENSSL_cleanse(data, sizeof(data));
    return rc;
}

int btc_wif_decode(const struct btc_params *params, const char *text,
                   uint8_t ret_secret[BTC_SECRET_SIZE], bool *ret_is_compressed,
                   struct btc_error *err)
{
    uint8_t data[WIF_DATA_SIZE];
    size_t size = 0;

    int rc = btc_base58check_decode(text, data, sizeof(data), &size, err);
    if (rc < 0)
        return btc_fail_within(err, rc, "private key: ");
    bool is_compressed = size == WIF_DATA_SIZE;
    if (size < WIF_DATA_SIZE - 1 || (is_compressed && data[WIF_DATA_SIZE - 1] != 1))
        rc = btc_fail(err, BTC_EFORMAT, "private key: not of its size or form");
    else if (data[0] != params->base58_wif)
        rc = btc_fail(err, BTC_ENETWORK, "private key: not one of network %s (version byte %u)",
                      params->name, data[0]);
    else if (!secp256k1_ec_seckey_verify(secp256k1_context_static, data + 1))
        rc = btc_fail(err, BTC_EFORMAT, "private key: out of the curve's range");
    if (rc == 0) {
        memcpy(ret_secret, data + 1, BTC_SECRET_SIZE);
        *ret_is_compressed = is_compressed;
    }
    OPENSSL_cleanse(data, sizeof(data));
    return rc;
}
