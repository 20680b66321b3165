/*
 * What each type of record must look like: BIP174's and BIP371's tables, as one table here. Types
 * that it does not name are let pass as they are.
 */
#include "actors/bitcoin/psbt_impl.h"

#include <string.h>

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>

#include "actors/bitcoin/tx.h"

enum {
    XPUB_SIZE = 78,
    SIGNATURE_SIZE_MIN = 9, /* bytes: the shortest DER and a hash type */
    LEAF_SIZE_MIN = 33,     /* a control block: version and key, then hashes */
    LEAF_HASHES_MAX = 128,
};

/* What stands behind the type in a key. */
enum key_form {
    KEY_NONE,
    KEY_PUBLIC, /* 33 or 65 bytes, on the curve */
    KEY_XONLY,  /* 32 bytes, on the curve */
    KEY_XPUB,   /* 78 bytes */
    KEY_HASH20, /* any 20, 32 bytes */
    KEY_HASH32,
    KEY_XONLY_LEAF, /* x only and a leaf's hash */
    KEY_CONTROL,    /* a control block */
};

struct field {
    uint8_t kind;
    uint8_t type;
    uint8_t key;
    size_t size_min; /* of the value */
    size_t size_max;
    const char *name;
    int (*check)(const struct psbt_record *record, struct btc_error *err); /* NULL: sizes will do */
};

static bool is_xonly(const uint8_t *key)
{
    secp256k1_xonly_pubkey point;
    return secp256k1_xonly_pubkey_parse(secp256k1_context_static, &point, key) == 1;
}

static int check_tx(const struct psbt_record *record, struct btc_error *err)
{
    struct btc_tx tx;
    int rc = btc_tx_parse(record->value.data, record->value.size, &tx, err);
    if (rc == 0)
        btc_tx_free(&tx);
    return rc;
}

/* Reads a coin, which fills its value. */
static int read_coin(struct btc_span value, struct btc_tx_out *ret_coin, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(value.data, value.size, err);
    uint64_t amount;
    int rc = btc_read_u64(&r, "amount", &amount);
    if (rc == 0)
        rc = btc_read_var(&r, "output script", &ret_coin->script);
    if (rc == 0)
        rc = btc_read_end(&r, "the coin");
    if (rc == 0)
        ret_coin->amount = (int64_t)amount;
    return rc;
}

static int check_coin(const struct psbt_record *record, struct btc_error *err)
{
    struct btc_tx_out coin;
    return read_coin(record->value, &coin, err);
}

static int check_steps(size_t size, struct btc_error *err)
{
    if (size < BTC_FINGERPRINT_SIZE || size % sizeof(uint32_t) != 0)
        return btc_fail(err, BTC_EFORMAT, "%zu bytes are no fingerprint and path", size);
    if (size / sizeof(uint32_t) - 1 > BTC_PATH_COUNT_MAX)
        return btc_fail(err, BTC_ELIMIT, "a path of %zu steps is over the maximum of %d",
                        size / sizeof(uint32_t) - 1, BTC_PATH_COUNT_MAX);
    return 0;
}

static int check_origin(const struct psbt_record *record, struct btc_error *err)
{
    return check_steps(record->value.size, err);
}

static int check_xpub(const struct psbt_record *record, struct btc_error *err)
{
    uint8_t depth = record->key.data[1 + 4];
    size_t steps = record->value.size / sizeof(uint32_t);
    if (record->value.size % sizeof(uint32_t) != 0 || steps != (size_t)depth + 1)
        return btc_fail(err, BTC_EFORMAT,
                        "%zu bytes are no fingerprint and path of the key's depth, %u",
                        record->value.size, depth);
    return 0;
}

static int check_tap_origin(const struct psbt_record *record, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(record->value.data, record->value.size, err);
    size_t hashes;
    struct btc_span skipped;
    int rc = btc_read_count(&r, "leaf hashes", BTC_HASH_SIZE, &hashes);
    if (rc == 0)
        rc = btc_read_view(&r, "leaf hashes", hashes * BTC_HASH_SIZE, &skipped);
    return rc == 0 ? check_steps(btc_reader_left(&r), err) : rc;
}

static int check_witness(const struct psbt_record *record, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(record->value.data, record->value.size, err);
    struct btc_span item;
    size_t count;
    int rc = btc_read_count(&r, "witness item count", 1, &count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = btc_read_var(&r, "witness item", &item);
    return rc == 0 ? btc_read_end(&r, "the witness") : rc;
}

static int check_schnorr(const struct psbt_record *record, struct btc_error *err)
{
    struct btc_span value = record->value;
    if (value.size > BTC_SCHNORR_SIZE && !btc_sighash_is_defined(value.data[BTC_SCHNORR_SIZE]))
        return btc_fail(err, BTC_EFORMAT, "hash type 0x%02x is none", value.data[BTC_SCHNORR_SIZE]);
    return 0;
}

static int check_xonly(const struct psbt_record *record, struct btc_error *err)
{
    return is_xonly(record->value.data)
               ? 0
               : btc_fail(err, BTC_EFORMAT, "the value is no public key on the curve");
}

#define ANY 0, BTC_PSBT_SIZE_MAX

static const struct field fields[] = {
    {PSBT_GLOBAL, PSBT_GLOBAL_TX, KEY_NONE, ANY, "unsigned transaction", NULL},
    {PSBT_GLOBAL, PSBT_GLOBAL_XPUB, KEY_XPUB, ANY, "extended key", check_xpub},
    {PSBT_GLOBAL, PSBT_GLOBAL_VERSION, KEY_NONE, 4, 4, "version", NULL},
    {PSBT_IN, PSBT_IN_PREV_TX, KEY_NONE, ANY, "previous transaction", check_tx},
    {PSBT_IN, PSBT_IN_WITNESS_UTXO, KEY_NONE, ANY, "spent coin", check_coin},
    {PSBT_IN, PSBT_IN_PARTIAL_SIG, KEY_PUBLIC, SIGNATURE_SIZE_MIN, BTC_SIGNATURE_SIZE_MAX,
     "partial signature", NULL},
    {PSBT_IN, PSBT_IN_SIGHASH, KEY_NONE, 4, 4, "hash type", NULL},
    {PSBT_IN, PSBT_IN_REDEEM_SCRIPT, KEY_NONE, ANY, "redeem script", NULL},
    {PSBT_IN, PSBT_IN_WITNESS_SCRIPT, KEY_NONE, ANY, "witness script", NULL},
    {PSBT_IN, PSBT_IN_DERIVATION, KEY_PUBLIC, ANY, "origin of a key", check_origin},
    {PSBT_IN, PSBT_IN_FINAL_SCRIPT_SIG, KEY_NONE, ANY, "final script", NULL},
    {PSBT_IN, PSBT_IN_FINAL_WITNESS, KEY_NONE, ANY, "final witness", check_witness},
    {PSBT_IN, PSBT_IN_RIPEMD160, KEY_HASH20, ANY, "RIPEMD160 preimage", NULL},
    {PSBT_IN, PSBT_IN_SHA256, KEY_HASH32, ANY, "SHA256 preimage", NULL},
    {PSBT_IN, PSBT_IN_HASH160, KEY_HASH20, ANY, "HASH160 preimage", NULL},
    {PSBT_IN, PSBT_IN_HASH256, KEY_HASH32, ANY, "HASH256 preimage", NULL},
    {PSBT_IN, PSBT_IN_TAP_KEY_SIG, KEY_NONE, BTC_SCHNORR_SIZE, BTC_SCHNORR_SIZE + 1,
     "taproot signature", check_schnorr},
    {PSBT_IN, PSBT_IN_TAP_SCRIPT_SIG, KEY_XONLY_LEAF, BTC_SCHNORR_SIZE, BTC_SCHNORR_SIZE + 1,
     "taproot script signature", check_schnorr},
    {PSBT_IN, PSBT_IN_TAP_LEAF, KEY_CONTROL, 1, BTC_PSBT_SIZE_MAX, "taproot script", NULL},
    {PSBT_IN, PSBT_IN_TAP_DERIVATION, KEY_XONLY, ANY, "origin of a taproot key", check_tap_origin},
    {PSBT_IN, PSBT_IN_TAP_INTERNAL_KEY, KEY_NONE, BTC_XONLY_SIZE, BTC_XONLY_SIZE,
     "taproot internal key", check_xonly},
    {PSBT_IN, PSBT_IN_TAP_MERKLE_ROOT, KEY_NONE, BTC_HASH_SIZE, BTC_HASH_SIZE,
     "taproot merkle root", NULL},
    {PSBT_OUT, PSBT_OUT_REDEEM_SCRIPT, KEY_NONE, ANY, "redeem script", NULL},
    {PSBT_OUT, PSBT_OUT_WITNESS_SCRIPT, KEY_NONE, ANY, "witness script", NULL},
    {PSBT_OUT, PSBT_OUT_DERIVATION, KEY_PUBLIC, ANY, "origin of a key", check_origin},
    {PSBT_OUT, PSBT_OUT_TAP_INTERNAL_KEY, KEY_NONE, BTC_XONLY_SIZE, BTC_XONLY_SIZE,
     "taproot internal key", check_xonly},
    {PSBT_OUT, PSBT_OUT_TAP_TREE, KEY_NONE, 1, BTC_PSBT_SIZE_MAX, "taproot tree", NULL},
    {PSBT_OUT, PSBT_OUT_TAP_DERIVATION, KEY_XONLY, ANY, "origin of a taproot key",
     check_tap_origin},
};

static const struct field *field_of(enum psbt_kind kind, uint64_t type)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].kind == kind && fields[i].type == type)
            return &fields[i];
    return NULL;
}

static bool key_fits(enum key_form form, struct btc_span data)
{
    switch (form) {
    case KEY_NONE:
        return data.size == 0;
    case KEY_PUBLIC:
        return btc_key_is_valid(data.data, data.size);
    case KEY_XONLY:
        return data.size == BTC_XONLY_SIZE && is_xonly(data.data);
    case KEY_XPUB:
        return data.size == XPUB_SIZE;
    case KEY_HASH20:
        return data.size == BTC_HASH160_SIZE;
    case KEY_HASH32:
        return data.size == BTC_HASH_SIZE;
    case KEY_XONLY_LEAF:
        return data.size == BTC_XONLY_SIZE + BTC_HASH_SIZE && is_xonly(data.data);
    case KEY_CONTROL:
        return data.size >= LEAF_SIZE_MIN && (data.size - LEAF_SIZE_MIN) % BTC_HASH_SIZE == 0 &&
               (data.size - LEAF_SIZE_MIN) / BTC_HASH_SIZE <= LEAF_HASHES_MAX;
    }
    return false;
}

int psbt_split_key(struct btc_span key, uint64_t *ret_type, struct btc_span *ret_data)
{
    struct btc_reader r = btc_reader_of(key.data, key.size, NULL);
    int rc = btc_read_compact(&r, "type", ret_type);
    if (rc == 0)
        *ret_data = (struct btc_span){key.data + r.offset, key.size - r.offset};
    return rc;
}

int psbt_check_record(enum psbt_kind kind, const struct psbt_record *record, struct btc_error *err)
{
    struct btc_span data;
    uint64_t type;
    if (psbt_split_key(record->key, &type, &data) != 0)
        return btc_fail(err, BTC_EFORMAT, "its key does not start with a type");
    const struct field *field = field_of(kind, type);
    if (field == NULL)
        return 0;
    if (!key_fits((enum key_form)field->key, data))
        return btc_fail(err, BTC_EFORMAT, "%s (type 0x%02x): its key of %zu bytes is none such",
                        field->name, field->type, record->key.size);
    if (record->value.size < field->size_min || record->value.size > field->size_max)
        return btc_fail(err, BTC_EFORMAT,
                        "%s (type 0x%02x): its value has %zu bytes, not %zu to %zu", field->name,
                        field->type, record->value.size, field->size_min, field->size_max);
    int rc = field->check != NULL ? field->check(record, err) : 0;
    return rc == 0 ? 0 : btc_fail_within(err, rc, "%s (type 0x%02x): ", field->name, field->type);
}

/* The output that the input spends, of the whole previous transaction. The coin's script looks into
 * raw. */
static int coin_of_prev_tx(const struct btc_psbt *psbt, size_t index, struct btc_span raw,
                           struct btc_tx_out *ret_coin, struct btc_error *err)
{
    const struct btc_outpoint *prev = &psbt->tx.ins[index].prev;
    struct btc_tx tx;
    int rc = btc_tx_parse(raw.data, raw.size, &tx, err);
    if (rc != 0)
        return rc;
    if (!btc_hash_equal(&tx.txid, &prev->txid)) {
        char found[BTC_HASH_HEX_SIZE];
        char due[BTC_HASH_HEX_SIZE];
        btc_hash_to_hex(&tx.txid, found);
        btc_hash_to_hex(&prev->txid, due);
        rc = btc_fail(err, BTC_EINVALID,
                      "previous transaction (type 0x00): it is %s, the input spends %s", found,
                      due);
    } else if (prev->index >= tx.out_count) {
        rc = btc_fail(err, BTC_EINVALID,
                      "previous transaction (type 0x00): it has %zu outputs, the input spends "
                      "output %u",
                      tx.out_count, prev->index);
    } else {
        *ret_coin = tx.outs[prev->index];
    }
    btc_tx_free(&tx);
    return rc;
}

static bool is_same_coin(const struct btc_tx_out *a, const struct btc_tx_out *b)
{
    return a->amount == b->amount && a->script.size == b->script.size &&
           (a->script.size == 0 || memcmp(a->script.data, b->script.data, a->script.size) == 0);
}

int psbt_refresh_coin(struct btc_psbt *psbt, size_t index, struct btc_error *err)
{
    const struct psbt_list *list = &psbt->ins[index];
    struct btc_tx_out whole = {0};
    struct btc_tx_out alone = {0};
    struct btc_span value;
    int rc = 0;

    psbt->spending_is_ready = false;
    psbt->coin_states[index] = (struct psbt_coin){0};
    psbt->coins[index] = (struct btc_tx_out){0};
    bool has_whole = psbt_find(list, PSBT_IN_PREV_TX, &value);
    if (has_whole)
        rc = coin_of_prev_tx(psbt, index, value, &whole, err);
    bool has_alone = psbt_find(list, PSBT_IN_WITNESS_UTXO, &value);
    if (rc == 0 && has_alone)
        rc = read_coin(value, &alone, err);
    if (rc == 0 && has_whole && has_alone && !is_same_coin(&whole, &alone))
        rc = btc_fail(err, BTC_EINVALID,
                      "spent coin (type 0x01): it is not the output of the previous transaction");
    if (rc == 0 && (has_whole || has_alone)) {
        psbt->coin_states[index] = (struct psbt_coin){.is_known = true, .is_whole = has_whole};
        psbt->coins[index] = has_whole ? whole : alone;
    }
    return rc;
}

void psbt_read_origin(struct btc_span value, bool is_taproot, struct btc_key_origin *ret_origin)
{
    struct btc_reader r = btc_reader_of(value.data, value.size, NULL);
    struct btc_span skipped;
    size_t hashes = 0;
    *ret_origin = (struct btc_key_origin){0};
    if (is_taproot && (btc_read_count(&r, "leaf hashes", BTC_HASH_SIZE, &hashes) != 0 ||
                       btc_read_view(&r, "leaf hashes", hashes * BTC_HASH_SIZE, &skipped) != 0))
        return;
    if (btc_read_bytes(&r, "fingerprint", BTC_FINGERPRINT_SIZE, ret_origin->fingerprint) != 0)
        return;
    while (ret_origin->path_count < BTC_PATH_COUNT_MAX &&
           btc_read_u32(&r, "step", &ret_origin->path[ret_origin->path_count]) == 0)
        ret_origin->path_count++;
}
