/* Signed messages: see message.h. */
#include "actors/bitcoin/message.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/base64.h"
#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/sign.h"

enum {
    HEADER_BASE = 27,      /* of a recoverable signature's first byte */
    HEADER_COMPRESSED = 4, /* added to it: the address is of the compressed key */
    WITNESS_ITEMS_MAX = 2,
    PREIMAGE_SIZE_MAX = BTC_MESSAGE_SIZE_MAX + 64,
    VERIFY_ALL = BTC_VERIFY_DER | BTC_VERIFY_WITNESS | BTC_VERIFY_P2SH | BTC_VERIFY_TAPROOT,
};

enum { PREFIX_SIZE = 3 };
static const char simple_prefix[] =
    "smp"; /* of BIP322's simple form, since it has one; few write it */

/* --- P2PKH --- */

static int legacy_hash(struct btc_span message, struct btc_hash *ret_hash)
{
    static const char prefix[] = "Bitcoin Signed Message:\n";
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_var(&w, prefix, sizeof(prefix) - 1);
    btc_write_var(&w, message.data, message.size);
    int rc = w.failed != 0 ? w.failed : btc_sha256d(w.data, w.size, ret_hash);
    btc_writer_free(&w);
    return rc;
}

/* Is the key's hash, in one of its forms, the payload? 0: yes. 1: no. Else an error's code. */
static int compare_key(const uint8_t key[BTC_KEY_SIZE], bool is_compressed, struct btc_span payload)
{
    uint8_t longer[BTC_KEY_LONG_SIZE];
    struct btc_hash160 hash;
    int rc = btc_key_expand(key, longer);
    if (rc == 0)
        rc = is_compressed ? btc_hash160(key, BTC_KEY_SIZE, &hash)
                           : btc_hash160(longer, sizeof(longer), &hash);
    return rc != 0 ? rc : memcmp(hash.bytes, payload.data, sizeof(hash.bytes)) != 0;
}

static int sign_legacy(struct btc_span payload, const uint8_t *secret, struct btc_span message,
                       struct btc_writer *w, struct btc_error *err)
{
    uint8_t key[BTC_KEY_SIZE];
    uint8_t signature[BTC_RECOVERABLE_SIZE];
    struct btc_hash hash;
    bool is_compressed = true;
    int rc = btc_key_of_secret(secret, key);
    if (rc == 0)
        rc = compare_key(key, true, payload);
    if (rc == 1) {
        is_compressed = false;
        rc = compare_key(key, false, payload);
    }
    if (rc == 1)
        return btc_fail(err, BTC_EUSAGE, "the private key is not that of the address");
    if (rc == 0)
        rc = legacy_hash(message, &hash);
    if (rc == 0)
        rc = btc_recoverable_sign(secret, &hash, signature);
    if (rc != 0)
        return btc_fail(err, rc == BTC_EINVALID ? BTC_EUSAGE : rc,
                        "the message could not be signed: %s", btc_code_text(rc));
    signature[0] = (uint8_t)(signature[0] + HEADER_BASE + (is_compressed ? HEADER_COMPRESSED : 0));
    btc_write_bytes(w, signature, sizeof(signature));
    return 0;
}

static int verify_legacy(struct btc_span payload, struct btc_span message,
                         struct btc_span signature, struct btc_error *err)
{
    uint8_t bare[BTC_RECOVERABLE_SIZE];
    uint8_t key[BTC_KEY_SIZE];
    struct btc_hash hash;
    if (signature.size != BTC_RECOVERABLE_SIZE || signature.data[0] < HEADER_BASE ||
        signature.data[0] >= HEADER_BASE + 2 * HEADER_COMPRESSED)
        return btc_fail(err, BTC_EFORMAT,
                        "signature: its %zu bytes are none for a message of a P2PKH address",
                        signature.size);
    unsigned header = signature.data[0] - (unsigned)HEADER_BASE;
    memcpy(bare, signature.data, sizeof(bare));
    bare[0] = (uint8_t)(header % HEADER_COMPRESSED);
    int rc = legacy_hash(message, &hash);
    if (rc == 0)
        rc = btc_recoverable_key(bare, &hash, key);
    if (rc == 0)
        rc = compare_key(key, header >= HEADER_COMPRESSED, payload);
    if (rc == 1 || rc == BTC_EINVALID)
        return btc_fail(err, BTC_EINVALID,
                        "the signature is not that of this address over this message");
    return rc == 0 ? 0
                   : btc_fail(err, rc, "the signature could not be checked: %s", btc_code_text(rc));
}

/* --- BIP322 --- */

/* Its two transactions, of which the second one spends the first: neither can be mined. */
struct bip322 {
    uint8_t script_sig[2 + BTC_HASH_SIZE];
    struct btc_tx_in spend_in;
    struct btc_tx_out coin;
    struct btc_tx to_spend;
    struct btc_tx_in sign_in;
    struct btc_tx_out sign_out;
    struct btc_tx to_sign;
    struct btc_spending spending;
};

static int bip322_init(struct bip322 *it, struct btc_span script, struct btc_span message)
{
    static const uint8_t no_coin[] = {BTC_OP_RETURN};
    struct btc_hash hash;
    int rc = btc_tagged_hash("BIP0322-signed-message", message.data, message.size, &hash);
    if (rc != 0)
        return rc;
    *it = (struct bip322){.script_sig = {BTC_OP_0, BTC_HASH_SIZE}};
    memcpy(it->script_sig + 2, hash.bytes, BTC_HASH_SIZE);
    it->spend_in = (struct btc_tx_in){.prev = {{{0}}, BTC_OUTPOINT_COINBASE_INDEX},
                                      .script_sig = {it->script_sig, sizeof(it->script_sig)}};
    it->coin = (struct btc_tx_out){0, script};
    it->to_spend = (struct btc_tx){
        .in_count = 1, .out_count = 1, .ins = &it->spend_in, .outs = &it->coin};
    rc = btc_tx_seal(&it->to_spend);
    it->sign_in = (struct btc_tx_in){.prev = {it->to_spend.txid, 0}};
    it->sign_out = (struct btc_tx_out){0, {no_coin, sizeof(no_coin)}};
    it->to_sign = (struct btc_tx){
        .in_count = 1, .out_count = 1, .ins = &it->sign_in, .outs = &it->sign_out};
    if (rc == 0)
        rc = btc_spending_prepare(&it->to_sign, &it->coin, &it->spending);
    return rc;
}

static int sign_bip322(struct btc_span script, const uint8_t *secret, struct btc_span message,
                       struct btc_writer *w, struct btc_error *err)
{
    struct bip322 it;
    struct btc_signed signature;
    int rc = bip322_init(&it, script, message);
    if (rc != 0)
        return btc_fail(err, rc, "the message could not be hashed: %s", btc_code_text(rc));
    rc = btc_sign_input(&it.spending, 0, secret, NULL, &signature, err);
    if (rc == BTC_SIGN_NOT_OURS)
        return btc_fail(err, BTC_EUSAGE, "the private key is not that of the address");
    if (rc != 0)
        return btc_fail_within(err, rc, "message: ");
    btc_sign_put(&signature, &it.sign_in);
    btc_write_compact(w, it.sign_in.witness_count);
    for (size_t i = 0; i < it.sign_in.witness_count; i++)
        btc_write_var(w, it.sign_in.witness[i].data, it.sign_in.witness[i].size);
    return 0;
}

static int read_witness(struct btc_span signature, struct btc_span *ret_items, size_t *ret_count,
                        struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(signature.data, signature.size, err);
    int rc = btc_read_count(&r, "witness item count", 1, ret_count);
    if (rc == 0 && (*ret_count == 0 || *ret_count > WITNESS_ITEMS_MAX))
        rc = btc_fail(err, BTC_EFORMAT, "a witness of %zu items is none of a single key",
                      *ret_count);
    for (size_t i = 0; rc == 0 && i < *ret_count; i++)
        rc = btc_read_var(&r, "witness item", &ret_items[i]);
    if (rc == 0)
        rc = btc_read_end(&r, "the witness");
    return rc == 0 ? 0 : btc_fail_within(err, rc, "signature: ");
}

static int verify_bip322(enum btc_script_kind kind, struct btc_span script, struct btc_span message,
                         struct btc_span signature, struct btc_error *err)
{
    struct btc_span items[WITNESS_ITEMS_MAX];
    struct bip322 it;
    size_t count;
    int rc = read_witness(signature, items, &count, err);
    if (rc != 0)
        return rc;
    /* BIP322: of hash type ALL only, which taproot may leave out. */
    bool is_default = kind == BTC_SCRIPT_P2TR && items[0].size == BTC_SCHNORR_SIZE;
    if (!is_default && (items[0].size == 0 || items[0].data[items[0].size - 1] != BTC_SIGHASH_ALL))
        return btc_fail(err, BTC_EINVALID, "signature: its hash type is not ALL");
    rc = bip322_init(&it, script, message);
    if (rc != 0)
        return btc_fail(err, rc, "the message could not be hashed: %s", btc_code_text(rc));
    it.sign_in.witness = items;
    it.sign_in.witness_count = count;
    rc = btc_verify_input(&it.spending, 0, VERIFY_ALL, err);
    if (rc == BTC_OUTSIDE_TEMPLATES)
        return btc_fail(err, BTC_EINVALID, "signature: only those of a single key are checked");
    if (rc == BTC_EINVALID)
        return btc_fail(err, rc, "the signature is not that of this address over this message");
    return rc;
}

/* --- both --- */

static int check_size(struct btc_span message, struct btc_error *err)
{
    if (message.size <= BTC_MESSAGE_SIZE_MAX)
        return 0;
    return btc_fail(err, BTC_ELIMIT, "a message of %zu bytes is over the maximum of %d",
                    message.size, BTC_MESSAGE_SIZE_MAX);
}

static int fail_kind(enum btc_script_kind kind, struct btc_error *err)
{
    return btc_fail(err, BTC_EUSAGE,
                    "messages are signed by P2PKH, P2WPKH and P2TR addresses, this one is %s",
                    btc_script_kind_name(kind));
}

int btc_message_sign(struct btc_span script, const uint8_t secret[BTC_SECRET_SIZE],
                     struct btc_span message, char ret_text[BTC_MESSAGE_SIGNATURE_TEXT_SIZE],
                     struct btc_error *err)
{
    struct btc_script_match match = btc_script_classify(script);
    struct btc_writer w;
    char *text = NULL;
    int rc = check_size(message, err);
    if (rc != 0)
        return rc;
    btc_writer_init(&w, BTC_MESSAGE_SIGNATURE_TEXT_SIZE / 4 * 3 - 3);
    if (match.kind == BTC_SCRIPT_P2PKH)
        rc = sign_legacy(match.payload, secret, message, &w, err);
    else if (match.kind == BTC_SCRIPT_P2WPKH || match.kind == BTC_SCRIPT_P2TR)
        rc = sign_bip322(script, secret, message, &w, err);
    else
        rc = fail_kind(match.kind, err);
    if (rc == 0) {
        rc = w.failed != 0 ? w.failed : btc_base64_encode(w.data, w.size, &text);
        if (rc == 0)
            memcpy(ret_text, text, strlen(text) + 1);
        else
            btc_fail(err, rc, "the signature could not be written: %s", btc_code_text(rc));
    }
    btc_writer_free(&w);
    free(text);
    return rc;
}

int btc_message_verify(struct btc_span script, struct btc_span message, const char *text,
                       struct btc_error *err)
{
    struct btc_script_match match = btc_script_classify(script);
    struct btc_writer w;
    size_t size = strnlen(text, BTC_MESSAGE_SIGNATURE_TEXT_SIZE);
    int rc = check_size(message, err);
    if (rc != 0)
        return rc;
    if (size == BTC_MESSAGE_SIGNATURE_TEXT_SIZE)
        return btc_fail(err, BTC_EFORMAT, "signature: it is longer than %d characters",
                        BTC_MESSAGE_SIGNATURE_TEXT_SIZE - 1);
    btc_writer_init(&w, BTC_MESSAGE_SIGNATURE_TEXT_SIZE);
    if (match.kind != BTC_SCRIPT_P2PKH && strncmp(text, simple_prefix, PREFIX_SIZE) == 0) {
        text += PREFIX_SIZE;
        size -= PREFIX_SIZE;
    }
    rc = btc_base64_decode(text, size, &w, err);
    if (rc != 0)
        rc = btc_fail_within(err, rc, "signature: ");
    struct btc_span signature = {w.data, w.size};
    if (rc == 0 && match.kind == BTC_SCRIPT_P2PKH)
        rc = verify_legacy(match.payload, message, signature, err);
    else if (rc == 0 && (match.kind == BTC_SCRIPT_P2WPKH || match.kind == BTC_SCRIPT_P2TR))
        rc = verify_bip322(match.kind, script, message, signature, err);
    else if (rc == 0)
        rc = fail_kind(match.kind, err);
    btc_writer_free(&w);
    return rc;
}
