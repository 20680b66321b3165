/* What a PSBT says, and the updater, who makes it say more: see psbt.h. */
#include "actors/bitcoin/psbt_impl.h"

#include <string.h>

static enum psbt_kind kind_of(enum btc_psbt_side side)
{
    return side == BTC_PSBT_INPUT ? PSBT_IN : PSBT_OUT;
}

/* Lists are only looked at through this: what is const stays so. */
static const struct psbt_list *look(const struct btc_psbt *psbt, enum btc_psbt_side side,
                                    size_t index)
{
    if (side == BTC_PSBT_INPUT)
        return index < psbt->tx.in_count ? &psbt->ins[index] : NULL;
    return index < psbt->tx.out_count ? &psbt->outs[index] : NULL;
}

int btc_psbt_coin(const struct btc_psbt *psbt, size_t index, struct btc_tx_out *ret_coin)
{
    if (index >= psbt->tx.in_count || !psbt->coin_states[index].is_known)
        return BTC_ENOTFOUND;
    *ret_coin = psbt->coins[index];
    return 0;
}

static int add_amount(int64_t amount, int64_t *total)
{
    if (amount < 0 || amount > BTC_MONEY_MAX || *total > BTC_MONEY_MAX - amount)
        return BTC_EINVALID;
    *total += amount;
    return 0;
}

int btc_psbt_fee(const struct btc_psbt *psbt, int64_t *ret_fee, struct btc_error *err)
{
    int64_t in = 0;
    int64_t out = 0;
    for (size_t i = 0; i < psbt->tx.in_count; i++) {
        if (!psbt->coin_states[i].is_known)
            return btc_fail(err, BTC_ENOTFOUND,
                            "PSBT, input %zu: the coin that it spends is not given", i);
        if (add_amount(psbt->coins[i].amount, &in) != 0)
            return btc_fail(err, BTC_EINVALID, "PSBT, input %zu: %lld satoshi can't be", i,
                            (long long)psbt->coins[i].amount);
    }
    for (size_t i = 0; i < psbt->tx.out_count; i++)
        if (add_amount(psbt->tx.outs[i].amount, &out) != 0)
            return btc_fail(err, BTC_EINVALID, "PSBT, output %zu: %lld satoshi can't be", i,
                            (long long)psbt->tx.outs[i].amount);
    if (out > in)
        return btc_fail(err, BTC_EINVALID, "PSBT: outputs of %lld satoshi exceed the inputs' %lld",
                        (long long)out, (long long)in);
    *ret_fee = in - out;
    return 0;
}

bool btc_psbt_is_final(const struct btc_psbt *psbt, size_t index)
{
    const struct psbt_list *list = look(psbt, BTC_PSBT_INPUT, index);
    struct btc_span value;
    return list != NULL && (psbt_find(list, PSBT_IN_FINAL_SCRIPT_SIG, &value) ||
                            psbt_find(list, PSBT_IN_FINAL_WITNESS, &value));
}

size_t btc_psbt_signature_count(const struct btc_psbt *psbt, size_t index)
{
    const struct psbt_list *list = look(psbt, BTC_PSBT_INPUT, index);
    if (list == NULL)
        return 0;
    return psbt_all(list, PSBT_IN_PARTIAL_SIG).count + psbt_all(list, PSBT_IN_TAP_KEY_SIG).count +
           psbt_all(list, PSBT_IN_TAP_SCRIPT_SIG).count;
}

int btc_psbt_key(const struct btc_psbt *psbt, enum btc_psbt_side side, size_t index, size_t number,
                 struct btc_psbt_key *ret_key)
{
    const struct psbt_list *list = look(psbt, side, index);
    if (list == NULL)
        return BTC_ENOTFOUND;
    bool is_input = side == BTC_PSBT_INPUT;
    struct psbt_slice found = psbt_all(list, is_input ? PSBT_IN_DERIVATION : PSBT_OUT_DERIVATION);
    bool is_taproot = number >= found.count;
    if (is_taproot) {
        number -= found.count;
        found = psbt_all(list, is_input ? PSBT_IN_TAP_DERIVATION : PSBT_OUT_TAP_DERIVATION);
        if (number >= found.count)
            return BTC_ENOTFOUND;
    }
    const struct psbt_record *record = &found.records[number];
    ret_key->key = (struct btc_span){record->key.data + 1, record->key.size - 1};
    ret_key->is_taproot = is_taproot;
    psbt_read_origin(record->value, is_taproot, &ret_key->origin);
    return 0;
}

/* Put one record of a type with key data (at most of a long key), after its check. */
static int put(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index, uint8_t type,
               struct btc_span key_data, struct btc_span value, struct btc_error *err)
{
    const char *name = side == BTC_PSBT_INPUT ? "input" : "output";
    struct psbt_list *list = psbt_list_of(psbt, kind_of(side), index);
    uint8_t key[1 + BTC_KEY_LONG_SIZE];
    if (list == NULL)
        return btc_fail(err, BTC_EUSAGE, "PSBT: there is no %s %zu", name, index);
    if (key_data.size > BTC_KEY_LONG_SIZE)
        return btc_fail(err, BTC_EUSAGE, "PSBT, %s %zu: a key of %zu bytes is none", name, index,
                        key_data.size);
    key[0] = type;
    if (key_data.size > 0)
        memcpy(key + 1, key_data.data, key_data.size);
    struct psbt_record record = {{key, 1 + key_data.size}, value, NULL};
    int rc = psbt_check_record(kind_of(side), &record, err);
    if (rc != 0)
        return btc_fail_within(err, rc == BTC_EFORMAT ? BTC_EUSAGE : rc, "PSBT, %s %zu: ", name,
                               index);
    rc = psbt_put(psbt, list, record.key, value);
    return rc == 0 ? 0
                   : btc_fail(err, rc, "PSBT, %s %zu: no room for a record: %s", name, index,
                              btc_code_text(rc));
}

static const struct btc_span no_data;

/* One of the two forms of an input's coin; when it contradicts the rest, nothing is changed. */
static int put_coin(struct btc_psbt *psbt, size_t index, uint8_t type, struct btc_span value,
                    struct btc_error *err)
{
    const struct psbt_list *list = look(psbt, BTC_PSBT_INPUT, index);
    struct btc_span before;
    if (list != NULL && psbt_find(list, type, &before)) {
        if (before.size == value.size && memcmp(before.data, value.data, value.size) == 0)
            return 0;
        return btc_fail(err, BTC_EINVALID,
                        "PSBT, input %zu: the coin that it spends is given already, as another",
                        index);
    }
    int rc = put(psbt, BTC_PSBT_INPUT, index, type, no_data, value, err);
    if (rc != 0)
        return rc;
    rc = psbt_refresh_coin(psbt, index, err);
    if (rc != 0) {
        psbt_drop(psbt, &psbt->ins[index], type);
        /* As it was before: that had no contradiction. */
        if (psbt_refresh_coin(psbt, index, NULL) != 0)
            psbt->coin_states[index].is_known = false;
        return btc_fail_within(err, rc, "PSBT, input %zu: ", index);
    }
    return 0;
}

int btc_psbt_set_witness_utxo(struct btc_psbt *psbt, size_t index, const struct btc_tx_out *coin,
                              struct btc_error *err)
{
    struct btc_writer w;
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    btc_write_u64(&w, (uint64_t)coin->amount);
    btc_write_var(&w, coin->script.data, coin->script.size);
    int rc = w.failed;
    if (rc == 0)
        rc = put_coin(psbt, index, PSBT_IN_WITNESS_UTXO, (struct btc_span){w.data, w.size}, err);
    else
        rc = btc_fail(err, rc, "PSBT, input %zu: spent coin: %s", index, btc_code_text(rc));
    btc_writer_free(&w);
    return rc;
}

int btc_psbt_set_prev_tx(struct btc_psbt *psbt, size_t index, struct btc_span raw_tx,
                         struct btc_error *err)
{
    return put_coin(psbt, index, PSBT_IN_PREV_TX, raw_tx, err);
}

int btc_psbt_set_sighash(struct btc_psbt *psbt, size_t index, uint32_t hash_type,
                         struct btc_error *err)
{
    uint8_t value[4];
    if (hash_type != BTC_SIGHASH_DEFAULT && !btc_sighash_is_defined(hash_type))
        return btc_fail(err, BTC_EUSAGE, "PSBT, input %zu: hash type 0x%02x is none", index,
                        hash_type);
    for (int i = 0; i < 4; i++)
        value[i] = (uint8_t)(hash_type >> 8 * i);
    return put(psbt, BTC_PSBT_INPUT, index, PSBT_IN_SIGHASH, no_data,
               (struct btc_span){value, sizeof(value)}, err);
}

int btc_psbt_set_redeem_script(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                               struct btc_span script, struct btc_error *err)
{
    return put(psbt, side, index,
               side == BTC_PSBT_INPUT ? PSBT_IN_REDEEM_SCRIPT : PSBT_OUT_REDEEM_SCRIPT, no_data,
               script, err);
}

int btc_psbt_set_witness_script(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                                struct btc_span script, struct btc_error *err)
{
    return put(psbt, side, index,
               side == BTC_PSBT_INPUT ? PSBT_IN_WITNESS_SCRIPT : PSBT_OUT_WITNESS_SCRIPT, no_data,
               script, err);
}

/* Fingerprint and path, behind no leaf hashes for taproot. The path has its count checked. */
static size_t write_origin(const struct btc_key_origin *origin, bool is_taproot,
                           uint8_t ret_value[1 + 4 * (1 + BTC_PATH_COUNT_MAX)])
{
    size_t size = 0;
    if (is_taproot)
        ret_value[size++] = 0;
    memcpy(ret_value + size, origin->fingerprint, BTC_FINGERPRINT_SIZE);
    size += BTC_FINGERPRINT_SIZE;
    for (size_t i = 0; i < origin->path_count; i++)
        for (int j = 0; j < 4; j++)
            ret_value[size++] = (uint8_t)(origin->path[i] >> 8 * j);
    return size;
}

static int put_origin(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index, uint8_t type,
                      bool is_taproot, struct btc_span key, const struct btc_key_origin *origin,
                      struct btc_error *err)
{
    uint8_t value[1 + 4 * (1 + BTC_PATH_COUNT_MAX)];
    if (origin->path_count > BTC_PATH_COUNT_MAX)
        return btc_fail(err, BTC_EUSAGE, "a path of %zu steps is over the maximum of %d",
                        origin->path_count, BTC_PATH_COUNT_MAX);
    size_t size = write_origin(origin, is_taproot, value);
    return put(psbt, side, index, type, key, (struct btc_span){value, size}, err);
}

int btc_psbt_add_key(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                     struct btc_span key, const struct btc_key_origin *origin,
                     struct btc_error *err)
{
    uint8_t type = side == BTC_PSBT_INPUT ? PSBT_IN_DERIVATION : PSBT_OUT_DERIVATION;
    return put_origin(psbt, side, index, type, false, key, origin, err);
}

int btc_psbt_set_internal_key(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                              const uint8_t key[BTC_XONLY_SIZE],
                              const struct btc_key_origin *origin, struct btc_error *err)
{
    bool is_input = side == BTC_PSBT_INPUT;
    struct btc_span span = {key, BTC_XONLY_SIZE};
    int rc = put_origin(psbt, side, index,
                        is_input ? PSBT_IN_TAP_DERIVATION : PSBT_OUT_TAP_DERIVATION, true, span,
                        origin, err);
    if (rc == 0)
        rc = put(psbt, side, index, is_input ? PSBT_IN_TAP_INTERNAL_KEY : PSBT_OUT_TAP_INTERNAL_KEY,
                 no_data, span, err);
    return rc;
}

int btc_psbt_add_signature(struct btc_psbt *psbt, size_t index, struct btc_span key,
                           struct btc_span signature, struct btc_error *err)
{
    return put(psbt, BTC_PSBT_INPUT, index, PSBT_IN_PARTIAL_SIG, key, signature, err);
}

int btc_psbt_set_tap_signature(struct btc_psbt *psbt, size_t index, struct btc_span signature,
                               struct btc_error *err)
{
    return put(psbt, BTC_PSBT_INPUT, index, PSBT_IN_TAP_KEY_SIG, no_data, signature, err);
}
