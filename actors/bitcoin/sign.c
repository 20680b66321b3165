/* Signing inputs, and their weights: see sign.h. */
#include "actors/bitcoin/sign.h"

#include <string.h>

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/sig.h"

enum {
    SIGNATURE_SIZE = BTC_DER_SIZE_MAX + 1, /* ECDSA, with its hash type */
    NESTED_SIZE = 2 + BTC_HASH160_SIZE,    /* P2WPKH as the script of P2SH */
    WITNESS_SCALE = 4,
};

bool btc_sighash_is_defined(uint32_t hash_type)
{
    uint32_t base = hash_type & ~(uint32_t)BTC_SIGHASH_ANYONECANPAY;
    return base >= BTC_SIGHASH_ALL && base <= BTC_SIGHASH_SINGLE;
}

/* Does the key, in the compressed form of it->key, unlock the coin? Then it->key gets the form that
 * it does so in. 0, BTC_SIGN_NOT_OURS, or an error's code. */
static int match_hashed(const struct btc_script_match *match, struct btc_signed *it)
{
    uint8_t longer[BTC_KEY_LONG_SIZE];
    struct btc_hash160 hash;
    int rc = btc_hash160(it->key, BTC_KEY_SIZE, &hash);
    if (rc == 0 && match->kind == BTC_SCRIPT_P2SH) {
        struct btc_script nested;
        rc = btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, sizeof(hash.bytes), &nested);
        if (rc == 0)
            rc = btc_hash160(nested.bytes, nested.size, &hash);
    }
    if (rc != 0)
        return rc;
    if (memcmp(hash.bytes, match->payload.data, sizeof(hash.bytes)) == 0)
        return 0;
    if (match->kind != BTC_SCRIPT_P2PKH)
        return BTC_SIGN_NOT_OURS;
    rc = btc_key_expand(it->key, longer);
    if (rc == 0)
        rc = btc_hash160(longer, sizeof(longer), &hash);
    if (rc != 0 || memcmp(hash.bytes, match->payload.data, sizeof(hash.bytes)) != 0)
        return rc != 0 ? rc : BTC_SIGN_NOT_OURS;
    memcpy(it->key, longer, sizeof(longer));
    it->key_size = sizeof(longer);
    return 0;
}

static int match_plain(const struct btc_script_match *match, struct btc_signed *it)
{
    if (match->payload.size == BTC_KEY_LONG_SIZE) {
        uint8_t longer[BTC_KEY_LONG_SIZE];
        int rc = btc_key_expand(it->key, longer);
        if (rc != 0)
            return rc;
        memcpy(it->key, longer, sizeof(longer));
        it->key_size = sizeof(longer);
    }
    return memcmp(it->key, match->payload.data, it->key_size) == 0 ? 0 : BTC_SIGN_NOT_OURS;
}

static int match_taproot(const struct btc_script_match *match, const uint8_t *merkle_root,
                         struct btc_signed *it)
{
    uint8_t output[BTC_XONLY_SIZE];
    int rc = btc_taproot_output_key(it->key + 1, merkle_root, output);
    if (rc != 0)
        return rc;
    if (memcmp(output, match->payload.data, sizeof(output)) != 0)
        return BTC_SIGN_NOT_OURS;
    memcpy(it->key, output, sizeof(output));
    it->key_size = sizeof(output);
    return 0;
}

static int match_coin(const struct btc_script_match *match, const uint8_t *merkle_root,
                      struct btc_signed *it)
{
    it->kind = match->kind;
    it->key_size = BTC_KEY_SIZE;
    switch (match->kind) {
    case BTC_SCRIPT_P2PK:
        return match_plain(match, it);
    case BTC_SCRIPT_P2PKH:
    case BTC_SCRIPT_P2WPKH:
    case BTC_SCRIPT_P2SH:
        return match_hashed(match, it);
    case BTC_SCRIPT_P2TR:
        return match_taproot(match, merkle_root, it);
    default:
        return BTC_SIGN_NOT_OURS;
    }
}

/* SINGLE signs the output of the same index: without it, legacy signatures would sign the number one,
 * and so anything. */
static bool lacks_output(const struct btc_tx *tx, size_t index, uint32_t hash_type)
{
    return (hash_type & ~(uint32_t)BTC_SIGHASH_ANYONECANPAY) == BTC_SIGHASH_SINGLE &&
           index >= tx->out_count;
}

int btc_sign_ecdsa(const struct btc_spending *spending, size_t index, bool is_segwit,
                   struct btc_span script_code, uint32_t hash_type,
                   const uint8_t secret[BTC_SECRET_SIZE],
                   uint8_t ret_signature[BTC_SIGNATURE_SIZE_MAX], size_t *ret_size)
{
    struct btc_hash hash;
    size_t size;
    if (!btc_sighash_is_defined(hash_type) || lacks_output(spending->tx, index, hash_type))
        return BTC_EUSAGE;
    int rc = is_segwit ? btc_sighash_bip143(spending->tx, &spending->bip143, index, script_code,
                                            spending->coins[index].amount, hash_type, &hash)
                       : btc_sighash_legacy(spending->tx, index, script_code, hash_type, &hash);
    if (rc == 0)
        rc = btc_ecdsa_sign(secret, &hash, ret_signature, &size);
    if (rc != 0)
        return rc;
    ret_signature[size] = (uint8_t)hash_type;
    *ret_size = size + 1;
    return 0;
}

static int sign_coin(const struct btc_spending *spending, size_t index, const uint8_t *secret,
                     uint32_t hash_type, struct btc_signed *it)
{
    struct btc_span code = spending->coins[index].script;
    struct btc_hash160 hash;
    struct btc_script hashed;
    bool is_segwit = it->kind == BTC_SCRIPT_P2WPKH || it->kind == BTC_SCRIPT_P2SH;
    if (is_segwit) { /* BIP143: its script code is the P2PKH script of the key */
        int rc = btc_hash160(it->key, it->key_size, &hash);
        if (rc == 0)
            rc = btc_script_build(BTC_SCRIPT_P2PKH, hash.bytes, sizeof(hash.bytes), &hashed);
        if (rc != 0)
            return rc;
        code = btc_script_span(&hashed);
    }
    return btc_sign_ecdsa(spending, index, is_segwit, code, hash_type, secret, it->signature,
                          &it->signature_size);
}

static int sign_taproot(const struct btc_spending *spending, size_t index, const uint8_t *secret,
                        const struct btc_sign_options *options, struct btc_signed *it)
{
    uint8_t tweaked[BTC_SECRET_SIZE];
    struct btc_hash hash;
    int rc = btc_sighash_bip341(spending, index, options->hash_type, (struct btc_span){NULL, 0},
                                &hash);
    if (rc == 0)
        rc = btc_taproot_output_secret(secret, options->merkle_root, tweaked);
    if (rc == 0)
        rc = btc_schnorr_sign(tweaked, &hash, options->aux, it->signature);
    btc_wipe(tweaked, sizeof(tweaked));
    if (rc != 0)
        return rc;
    it->signature_size = BTC_SCHNORR_SIZE;
    if (options->hash_type != BTC_SIGHASH_DEFAULT)
        it->signature[it->signature_size++] = (uint8_t)options->hash_type;
    return 0;
}

int btc_sign_assemble(struct btc_signed *it)
{
    struct btc_writer w;
    btc_writer_init(&w, BTC_SIGN_SCRIPT_SIG_SIZE_MAX);
    if (it->kind == BTC_SCRIPT_P2PK || it->kind == BTC_SCRIPT_P2PKH)
        btc_script_write_push(&w, it->signature, it->signature_size);
    if (it->kind == BTC_SCRIPT_P2PKH)
        btc_script_write_push(&w, it->key, it->key_size);
    int rc = 0;
    if (it->kind == BTC_SCRIPT_P2SH) {
        struct btc_hash160 hash;
        struct btc_script nested;
        rc = btc_hash160(it->key, it->key_size, &hash);
        if (rc == 0)
            rc = btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, sizeof(hash.bytes), &nested);
        if (rc == 0)
            btc_script_write_push(&w, nested.bytes, nested.size);
    }
    if (rc == 0)
        rc = w.failed;
    if (rc == 0 && w.size > 0)
        memcpy(it->script_sig, w.data, w.size);
    it->script_sig_size = w.size;
    btc_writer_free(&w);
    return rc;
}

int btc_sign_input(const struct btc_spending *spending, size_t index,
                   const uint8_t secret[BTC_SECRET_SIZE], const struct btc_sign_options *options,
                   struct btc_signed *ret_signed, struct btc_error *err)
{
    static const struct btc_sign_options plain;
    struct btc_signed it = {0};
    if (options == NULL)
        options = &plain;
    uint32_t hash_type = options->hash_type;
    if (index >= spending->tx->in_count)
        return btc_fail(err, BTC_EUSAGE, "there is no input %zu to sign", index);
    struct btc_script_match match = btc_script_classify(spending->coins[index].script);
    if (hash_type != 0 && !btc_sighash_is_defined(hash_type))
        return btc_fail(err, BTC_EUSAGE, "input %zu: hash type 0x%02x is none", index, hash_type);
    if (lacks_output(spending->tx, index, hash_type))
        return btc_fail(err, BTC_EUSAGE, "input %zu: there is no output %zu for SINGLE", index,
                        index);
    int rc = btc_key_of_secret(secret, it.key);
    if (rc == BTC_EINVALID)
        return btc_fail(err, BTC_EUSAGE, "input %zu: the private key is out of range", index);
    if (rc == 0)
        rc = match_coin(&match, options->merkle_root, &it);
    if (rc == 0)
        rc = it.kind == BTC_SCRIPT_P2TR
                 ? sign_taproot(spending, index, secret, options, &it)
                 : sign_coin(spending, index, secret, hash_type != 0 ? hash_type : BTC_SIGHASH_ALL,
                             &it);
    if (rc == 0)
        rc = btc_sign_assemble(&it);
    if (rc < 0)
        return btc_fail(err, rc, "input %zu could not be signed: %s", index, btc_code_text(rc));
    if (rc == 0)
        *ret_signed = it;
    return rc;
}

void btc_sign_put(struct btc_signed *it, struct btc_tx_in *in)
{
    it->witness_count = 0;
    if (it->kind == BTC_SCRIPT_P2WPKH || it->kind == BTC_SCRIPT_P2SH || it->kind == BTC_SCRIPT_P2TR)
        it->witness[it->witness_count++] = (struct btc_span){it->signature, it->signature_size};
    if (it->witness_count > 0 && it->kind != BTC_SCRIPT_P2TR)
        it->witness[it->witness_count++] = (struct btc_span){it->key, it->key_size};
    in->script_sig = (struct btc_span){it->script_sig, it->script_sig_size};
    in->witness = it->witness;
    in->witness_count = it->witness_count;
}

size_t btc_weight_of_frame(size_t in_count, size_t out_count, bool has_witness)
{
    size_t size = 4 + btc_compact_size(in_count) + btc_compact_size(out_count) + 4;
    return WITNESS_SCALE * size + (has_witness ? 2 : 0); /* marker and flag */
}

size_t btc_weight_of_input(enum btc_script_kind kind, bool has_witness)
{
    size_t script;
    size_t witness = 1; /* the count of items */
    switch (kind) {
    case BTC_SCRIPT_P2PK:
        script = 1 + SIGNATURE_SIZE;
        break;
    case BTC_SCRIPT_P2PKH:
        script = 1 + SIGNATURE_SIZE + 1 + BTC_KEY_SIZE;
        break;
    case BTC_SCRIPT_P2WPKH:
    case BTC_SCRIPT_P2SH:
        script = kind == BTC_SCRIPT_P2SH ? 1 + NESTED_SIZE : 0;
        witness += 1 + SIGNATURE_SIZE + 1 + BTC_KEY_SIZE;
        break;
    case BTC_SCRIPT_P2TR:
        script = 0;
        witness += 1 + BTC_SCHNORR_SIZE;
        break;
    default:
        return 0;
    }
    size_t size = BTC_HASH_SIZE + 4 + btc_compact_size(script) + script + 4;
    return WITNESS_SCALE * size + (has_witness ? witness : 0);
}

size_t btc_weight_of_output(size_t script_size)
{
    return WITNESS_SCALE * (8 + btc_compact_size(script_size) + script_size);
}
