/* Signature hashes and the check of one input: see sig.h. */
#include "actors/bitcoin/sig.h"

#include <string.h>

#include <secp256k1.h>

#include "actors/bitcoin/bytes.h"

#define PREIMAGE_SIZE_MAX (2 * BTC_TX_SIZE_MAX)
#define SCALAR_SIZE       32
#define PUSH_SIZE_MAX     520 /* bytes that one stack item may have */
#define TYPE_MASK         0x1f

static int hash_written(struct btc_writer *w, struct btc_hash *ret_hash)
{
    int rc = w->failed;
    if (rc == 0)
        rc = btc_sha256d(w->data, w->size, ret_hash);
    btc_writer_free(w);
    return rc;
}

static void write_outpoint(struct btc_writer *w, const struct btc_outpoint *outpoint)
{
    btc_write_bytes(w, outpoint->txid.bytes, BTC_HASH_SIZE);
    btc_write_u32(w, outpoint->index);
}

static void write_out(struct btc_writer *w, const struct btc_tx_out *out)
{
    btc_write_u64(w, (uint64_t)out->amount);
    btc_write_var(w, out->script.data, out->script.size);
}

/* A script code as legacy hashes see it: without any OP_CODESEPARATOR. What can't be read as
 * opcodes stays. */
static void write_script_code(struct btc_writer *w, struct btc_span code)
{
    struct btc_writer kept;
    btc_writer_init(&kept, PREIMAGE_SIZE_MAX);
    while (code.size > 0) {
        struct btc_span at = code;
        struct btc_span data;
        if (btc_script_next_push(&code, &data) == BTC_EFORMAT) {
            bool cut_off = code.data[0] <= BTC_OP_PUSHDATA4;
            size_t size = cut_off ? code.size : 1;
            code.data += size;
            code.size -= size;
        }
        if (at.data[0] != BTC_OP_CODESEPARATOR)
            btc_write_bytes(&kept, at.data, at.size - code.size);
    }
    btc_write_var(w, kept.data, kept.size);
    if (kept.failed != 0 && w->failed == 0)
        w->failed = kept.failed;
    btc_writer_free(&kept);
}

static void write_legacy_ins(struct btc_writer *w, const struct btc_tx *tx, size_t index,
                             struct btc_span script_code, uint32_t hash_type)
{
    bool alone = (hash_type & BTC_SIGHASH_ANYONECANPAY) != 0;
    uint32_t base = hash_type & TYPE_MASK;
    btc_write_compact(w, alone ? 1 : tx->in_count);
    for (size_t i = 0; i < tx->in_count; i++) {
        bool own = i == index;
        if (alone && !own)
            continue;
        write_outpoint(w, &tx->ins[i].prev);
        if (own)
            write_script_code(w, script_code);
        else
            btc_write_compact(w, 0);
        bool open = !own && (base == BTC_SIGHASH_NONE || base == BTC_SIGHASH_SINGLE);
        btc_write_u32(w, open ? 0 : tx->ins[i].sequence);
    }
}

static void write_legacy_outs(struct btc_writer *w, const struct btc_tx *tx, size_t index,
                              uint32_t hash_type)
{
    static const struct btc_tx_out blank = {.amount = -1};
    uint32_t base = hash_type & TYPE_MASK;
    size_t count = tx->out_count;
    if (base == BTC_SIGHASH_NONE)
        count = 0;
    if (base == BTC_SIGHASH_SINGLE)
        count = index + 1;
    btc_write_compact(w, count);
    for (size_t i = 0; i < count; i++) {
        bool hidden = base == BTC_SIGHASH_SINGLE && i < index;
        write_out(w, hidden ? &blank : &tx->outs[i]);
    }
}

int btc_sighash_legacy(const struct btc_tx *tx, size_t index, struct btc_span script_code,
                       uint32_t hash_type, struct btc_hash *ret_hash)
{
    if (index >= tx->in_count)
        return BTC_EUSAGE;
    if ((hash_type & TYPE_MASK) == BTC_SIGHASH_SINGLE && index >= tx->out_count) {
        *ret_hash = (struct btc_hash){{1}};
        return 0;
    }
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_u32(&w, (uint32_t)tx->version);
    write_legacy_ins(&w, tx, index, script_code, hash_type);
    write_legacy_outs(&w, tx, index, hash_type);
    btc_write_u32(&w, tx->lock_time);
    btc_write_u32(&w, hash_type);
    return hash_written(&w, ret_hash);
}

int btc_bip143_prepare(const struct btc_tx *tx, struct btc_bip143 *ret_parts)
{
    struct btc_bip143 parts;
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    for (size_t i = 0; i < tx->in_count; i++)
        write_outpoint(&w, &tx->ins[i].prev);
    int rc = hash_written(&w, &parts.prevouts);
    for (size_t i = 0; rc == 0 && i < tx->in_count; i++)
        btc_write_u32(&w, tx->ins[i].sequence);
    if (rc == 0)
        rc = hash_written(&w, &parts.sequences);
    for (size_t i = 0; rc == 0 && i < tx->out_count; i++)
        write_out(&w, &tx->outs[i]);
    if (rc == 0)
        rc = hash_written(&w, &parts.outputs);
    if (rc == 0)
        *ret_parts = parts;
    return rc;
}

int btc_sighash_bip143(const struct btc_tx *tx, const struct btc_bip143 *parts, size_t index,
                       struct btc_span script_code, int64_t amount, uint32_t hash_type,
                       struct btc_hash *ret_hash)
{
    static const struct btc_hash zero;
    if (index >= tx->in_count)
        return BTC_EUSAGE;
    bool alone = (hash_type & BTC_SIGHASH_ANYONECANPAY) != 0;
    uint32_t base = hash_type & TYPE_MASK;
    bool all_outs = base != BTC_SIGHASH_NONE && base != BTC_SIGHASH_SINGLE;
    struct btc_writer w;
    struct btc_hash outputs = all_outs ? parts->outputs : zero;
    if (base == BTC_SIGHASH_SINGLE && index < tx->out_count) {
        btc_writer_init(&w, PREIMAGE_SIZE_MAX);
        write_out(&w, &tx->outs[index]);
        int rc = hash_written(&w, &outputs);
        if (rc != 0)
            return rc;
    }
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_u32(&w, (uint32_t)tx->version);
    btc_write_bytes(&w, (alone ? &zero : &parts->prevouts)->bytes, BTC_HASH_SIZE);
    btc_write_bytes(&w, (alone || !all_outs ? &zero : &parts->sequences)->bytes, BTC_HASH_SIZE);
    write_outpoint(&w, &tx->ins[index].prev);
    btc_write_var(&w, script_code.data, script_code.size);
    btc_write_u64(&w, (uint64_t)amount);
    btc_write_u32(&w, tx->ins[index].sequence);
    btc_write_bytes(&w, outputs.bytes, BTC_HASH_SIZE);
    btc_write_u32(&w, tx->lock_time);
    btc_write_u32(&w, hash_type);
    return hash_written(&w, ret_hash);
}

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

/* Key and signature of an input, wherever its template keeps them; signature with its hash type
 * byte. */
struct claim {
    struct btc_span key;
    struct btc_span signature;
};

/* scriptSig of exactly `count` pushes, in order. Else BTC_OUTSIDE_TEMPLATES. */
static int read_pushes(struct btc_span script_sig, struct btc_span *pushes, size_t count)
{
    struct btc_span extra;
    for (size_t i = 0; i < count; i++)
        if (btc_script_next_push(&script_sig, &pushes[i]) != 1)
            return BTC_OUTSIDE_TEMPLATES;
    return btc_script_next_push(&script_sig, &extra) == 0 ? 0 : BTC_OUTSIDE_TEMPLATES;
}

static int check_key_hash(struct btc_span key, struct btc_span wanted, struct btc_error *err)
{
    struct btc_hash160 hash;
    int rc = btc_hash160(key.data, key.size, &hash);
    if (rc != 0)
        return btc_fail(err, rc, "the hash library failed");
    if (memcmp(hash.bytes, wanted.data, BTC_HASH160_SIZE) != 0)
        return btc_fail(err, BTC_EINVALID,
                        "the public key is not the one that the coin is locked to");
    return 0;
}

static int claim_of(const struct btc_tx_in *in, const struct btc_script_match *match,
                    struct claim *ret_claim, struct btc_error *err)
{
    struct btc_span pushes[2];
    if (match->kind == BTC_SCRIPT_P2PK) {
        int rc = read_pushes(in->script_sig, pushes, 1);
        if (rc == 0)
            *ret_claim = (struct claim){match->payload, pushes[0]};
        return rc;
    }
    if (match->kind == BTC_SCRIPT_P2PKH) {
        int rc = read_pushes(in->script_sig, pushes, 2);
        if (rc != 0)
            return rc;
        *ret_claim = (struct claim){pushes[1], pushes[0]};
    } else { /* BIP141: nothing in the script, exactly signature and key in the witness */
        if (in->script_sig.size != 0 || in->witness_count != 2)
            return btc_fail(err, BTC_EINVALID,
                            "P2WPKH wants an empty input script and two witness items, not %zu "
                            "bytes and %zu items",
                            in->script_sig.size, in->witness_count);
        *ret_claim = (struct claim){in->witness[1], in->witness[0]};
    }
    return check_key_hash(ret_claim->key, match->payload, err);
}

static int check_claim(const struct btc_tx *tx, size_t index, const struct btc_tx_out *spent,
                       const struct btc_script_match *match, const struct btc_bip143 *parts,
                       const struct claim *claim, unsigned flags, struct btc_error *err)
{
    if (claim->signature.size > PUSH_SIZE_MAX || claim->key.size > PUSH_SIZE_MAX)
        return btc_fail(err, BTC_EINVALID, "signature or key is over %d bytes", PUSH_SIZE_MAX);
    if (claim->signature.size == 0)
        return btc_fail(err, BTC_EINVALID, "the signature is empty");
    struct btc_span der = {claim->signature.data, claim->signature.size - 1};
    uint32_t hash_type = claim->signature.data[der.size];
    struct btc_hash hash;
    int rc;
    if (match->kind == BTC_SCRIPT_P2WPKH) {
        struct btc_script code;
        struct btc_bip143 own;
        rc = btc_script_build(BTC_SCRIPT_P2PKH, match->payload.data, match->payload.size, &code);
        if (rc == 0 && parts == NULL) {
            rc = btc_bip143_prepare(tx, &own);
            parts = &own;
        }
        if (rc == 0)
            rc = btc_sighash_bip143(tx, parts, index, btc_script_span(&code), spent->amount,
                                    hash_type, &hash);
    } else {
        rc = btc_sighash_legacy(tx, index, spent->script, hash_type, &hash);
    }
    if (rc != 0)
        return btc_fail(err, rc, "the signature hash could not be computed: %s", btc_code_text(rc));
    if (!btc_ecdsa_verify(claim->key, der, (flags & BTC_VERIFY_DER) != 0, &hash))
        return btc_fail(err, BTC_EINVALID, "the %s signature does not verify",
                        btc_script_kind_name(match->kind));
    return 0;
}

int btc_verify_input(const struct btc_tx *tx, size_t index, const struct btc_tx_out *spent,
                     const struct btc_bip143 *parts, unsigned flags, struct btc_error *err)
{
    if (index >= tx->in_count)
        return btc_fail(err, BTC_EUSAGE, "there is no input %zu", index);
    const struct btc_tx_in *in = &tx->ins[index];
    struct btc_script_match match = btc_script_classify(spent->script);
    bool legacy = match.kind == BTC_SCRIPT_P2PK || match.kind == BTC_SCRIPT_P2PKH;
    bool witness = match.kind == BTC_SCRIPT_P2WPKH && (flags & BTC_VERIFY_WITNESS) != 0;
    if (!legacy && !witness)
        return BTC_OUTSIDE_TEMPLATES;
    struct claim claim = {{0}, {0}};
    int rc = claim_of(in, &match, &claim, err);
    if (rc != 0)
        return rc;
    if (legacy && in->witness_count > 0 && (flags & BTC_VERIFY_WITNESS) != 0)
        return btc_fail(err, BTC_EINVALID, "a %s coin takes no witness",
                        btc_script_kind_name(match.kind));
    return check_claim(tx, index, spent, &match, parts, &claim, flags, err);
}
