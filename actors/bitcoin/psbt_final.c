/* The combiner, finaliser and extractor of PSBTs: see psbt.h. */
#include "actors/bitcoin/psbt_impl.h"

#include <stdlib.h>
#include <string.h>

enum {
    ITEMS_MAX = BTC_MULTISIG_KEYS_MAX + 2, /* of a witness made here: dummy, signatures, script */
    SCRIPT_SIG_SIZE_MAX = 10000,
    VERIFY_ALL = BTC_VERIFY_DER | BTC_VERIFY_WITNESS | BTC_VERIFY_P2SH | BTC_VERIFY_TAPROOT |
                 BTC_VERIFY_NULL_DUMMY,
};

int btc_psbt_combine(struct btc_psbt *into, const struct btc_psbt *from, struct btc_error *err)
{
    struct btc_span a = {NULL, 0};
    struct btc_span b = {NULL, 0};
    if (!psbt_find(&into->global, PSBT_GLOBAL_TX, &a) ||
        !psbt_find(&from->global, PSBT_GLOBAL_TX, &b) || a.size != b.size ||
        memcmp(a.data, b.data, a.size) != 0)
        return btc_fail(err, BTC_EINVALID, "the PSBTs are of different transactions");
    int rc = psbt_merge(into, &into->global, &from->global);
    for (size_t i = 0; rc == 0 && i < into->tx.in_count; i++)
        rc = psbt_merge(into, &into->ins[i], &from->ins[i]);
    for (size_t i = 0; rc == 0 && i < into->tx.out_count; i++)
        rc = psbt_merge(into, &into->outs[i], &from->outs[i]);
    if (rc != 0)
        return btc_fail(err, rc, "the PSBTs don't fit one: %s", btc_code_text(rc));
    for (size_t i = 0; rc == 0 && i < into->tx.in_count; i++) {
        rc = psbt_refresh_coin(into, i, err);
        if (rc != 0)
            return btc_fail_within(err, rc, "PSBT, input %zu: ", i);
    }
    return 0;
}

/* What goes into one input, while it is put together. */
struct final {
    struct btc_signed single;
    struct btc_writer script_sig;
    struct btc_span witness[ITEMS_MAX];
    size_t witness_count;
};

/* Does this key unlock the coin of a single key? Whether it is so is verified after. */
static bool key_fits(const struct psbt_lock *lock, struct btc_span key)
{
    struct btc_hash160 hash;
    struct btc_span due = lock->coin.payload;
    if (lock->coin.kind == BTC_SCRIPT_P2PK)
        return key.size == due.size && memcmp(key.data, due.data, due.size) == 0;
    if (lock->coin.kind == BTC_SCRIPT_P2SH)
        due = btc_script_classify(lock->redeem_script).payload;
    return btc_hash160(key.data, key.size, &hash) == 0 &&
           memcmp(hash.bytes, due.data, sizeof(hash.bytes)) == 0;
}

static struct btc_span key_of(const struct psbt_record *record)
{
    return (struct btc_span){record->key.data + 1, record->key.size - 1};
}

static int finalise_single(const struct psbt_list *list, const struct psbt_lock *lock,
                           struct final *final, struct btc_error *err)
{
    struct psbt_slice found = psbt_all(list, PSBT_IN_PARTIAL_SIG);
    struct btc_tx_in in = {0};
    size_t at = 0;
    while (at < found.count && !key_fits(lock, key_of(&found.records[at])))
        at++;
    if (at == found.count)
        return btc_fail(err, BTC_PSBT_NOT_READY, "its signature is missing");
    struct btc_span key = key_of(&found.records[at]);
    struct btc_span signature = found.records[at].value;
    final->single.kind = lock->coin.kind;
    memcpy(final->single.key, key.data, key.size);
    final->single.key_size = key.size;
    memcpy(final->single.signature, signature.data, signature.size);
    final->single.signature_size = signature.size;
    int rc = btc_sign_assemble(&final->single);
    if (rc != 0)
        return btc_fail(err, rc, "its script could not be made: %s", btc_code_text(rc));
    btc_sign_put(&final->single, &in);
    btc_write_bytes(&final->script_sig, in.script_sig.data, in.script_sig.size);
    memcpy(final->witness, in.witness, in.witness_count * sizeof(*in.witness));
    final->witness_count = in.witness_count;
    return 0;
}

static int finalise_taproot(const struct psbt_list *list, struct final *final,
                            struct btc_error *err)
{
    if (!psbt_find(list, PSBT_IN_TAP_KEY_SIG, &final->witness[0]))
        return btc_fail(err, BTC_PSBT_NOT_READY, "its taproot signature is missing");
    final->witness_count = 1;
    return 0;
}

static bool signature_by(const struct psbt_list *list, struct btc_span key,
                         struct btc_span *ret_signature)
{
    struct psbt_slice found = psbt_all(list, PSBT_IN_PARTIAL_SIG);
    for (size_t i = 0; i < found.count; i++) {
        struct btc_span it = key_of(&found.records[i]);
        if (it.size != key.size || memcmp(it.data, key.data, key.size) != 0)
            continue;
        *ret_signature = found.records[i].value;
        return true;
    }
    return false;
}

/* The first signatures that are there, in the order of the script's keys. */
static int finalise_multisig(const struct psbt_list *list, const struct psbt_lock *lock,
                             struct final *final, struct btc_error *err)
{
    const struct btc_multisig *multisig = &lock->multisig;
    size_t count = 1; /* CHECKMULTISIG takes one element too many */
    final->witness[0] = (struct btc_span){NULL, 0};
    for (size_t i = 0; i < multisig->key_count && count <= multisig->required; i++)
        if (signature_by(list, multisig->keys[i], &final->witness[count]))
            count++;
    if (count <= multisig->required)
        return btc_fail(err, BTC_PSBT_NOT_READY, "it has %zu of %zu signatures", count - 1,
                        multisig->required);
    if (lock->is_segwit) {
        final->witness[count++] = lock->witness_script;
        final->witness_count = count;
    } else {
        for (size_t i = 0; i < count; i++)
            btc_script_write_push(&final->script_sig, final->witness[i].data,
                                  final->witness[i].size);
    }
    if (lock->redeem_script.size > 0)
        btc_script_write_push(&final->script_sig, lock->redeem_script.data,
                              lock->redeem_script.size);
    return 0;
}

/* Each signature must be of the type that the input asks for. */
static int check_hash_types(const struct psbt_list *list, struct btc_error *err)
{
    uint32_t asked;
    if (!psbt_read_sighash(list, &asked))
        return 0;
    struct psbt_slice found = psbt_all(list, PSBT_IN_PARTIAL_SIG);
    struct btc_span tap;
    uint32_t type = asked;
    for (size_t i = 0; type == asked && i < found.count; i++)
        type = found.records[i].value.data[found.records[i].value.size - 1];
    if (type == asked && psbt_find(list, PSBT_IN_TAP_KEY_SIG, &tap))
        type = tap.size > BTC_SCHNORR_SIZE ? tap.data[BTC_SCHNORR_SIZE] : BTC_SIGHASH_DEFAULT;
    if (type == asked)
        return 0;
    return btc_fail(err, BTC_EINVALID,
                    "a signature is of hash type 0x%02x, the input asks for 0x%02x", type, asked);
}

static int verify(struct btc_psbt *psbt, size_t index, const struct final *final,
                  struct btc_error *err)
{
    struct btc_tx_in *in = &psbt->tx.ins[index];
    const struct btc_tx_in bare = *in;
    in->script_sig = (struct btc_span){final->script_sig.data, final->script_sig.size};
    in->witness = final->witness;
    in->witness_count = final->witness_count;
    int rc = btc_verify_input(&psbt->spending, index, VERIFY_ALL, err);
    *in = bare;
    return rc == BTC_OUTSIDE_TEMPLATES
               ? btc_fail(err, BTC_EINVALID, "what its signatures make is outside the templates")
               : rc;
}

/* Put the two final records, then drop what they replace. */
static int store(struct btc_psbt *psbt, size_t index, const struct final *final,
                 struct btc_error *err)
{
    static const uint8_t replaced[] = {
        PSBT_IN_PARTIAL_SIG,    PSBT_IN_SIGHASH,          PSBT_IN_REDEEM_SCRIPT,
        PSBT_IN_WITNESS_SCRIPT, PSBT_IN_DERIVATION,       PSBT_IN_RIPEMD160,
        PSBT_IN_SHA256,         PSBT_IN_HASH160,          PSBT_IN_HASH256,
        PSBT_IN_TAP_KEY_SIG,    PSBT_IN_TAP_SCRIPT_SIG,   PSBT_IN_TAP_LEAF,
        PSBT_IN_TAP_DERIVATION, PSBT_IN_TAP_INTERNAL_KEY, PSBT_IN_TAP_MERKLE_ROOT,
    };
    static const uint8_t sig_key = PSBT_IN_FINAL_SCRIPT_SIG;
    static const uint8_t witness_key = PSBT_IN_FINAL_WITNESS;
    struct psbt_list *list = &psbt->ins[index];
    struct btc_writer w;
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    btc_write_compact(&w, final->witness_count);
    for (size_t i = 0; i < final->witness_count; i++)
        btc_write_var(&w, final->witness[i].data, final->witness[i].size);
    int rc = w.failed;
    if (rc == 0 && final->script_sig.size > 0)
        rc = psbt_put(psbt, list, (struct btc_span){&sig_key, 1},
                      (struct btc_span){final->script_sig.data, final->script_sig.size});
    if (rc == 0 && final->witness_count > 0) {
        rc = psbt_put(psbt, list, (struct btc_span){&witness_key, 1},
                      (struct btc_span){w.data, w.size});
        if (rc != 0)
            psbt_drop(psbt, list, sig_key);
    }
    btc_writer_free(&w);
    if (rc != 0)
        return btc_fail(err, rc, "no room for its final script: %s", btc_code_text(rc));
    for (size_t i = 0; i < sizeof(replaced); i++)
        psbt_drop(psbt, list, replaced[i]);
    return 0;
}

int btc_psbt_finalise(struct btc_psbt *psbt, size_t index, struct btc_error *err)
{
    struct psbt_lock lock;
    struct final final = {0};
    if (index >= psbt->tx.in_count)
        return btc_fail(err, BTC_EUSAGE, "PSBT: there is no input %zu", index);
    if (btc_psbt_is_final(psbt, index))
        return 0;
    const struct psbt_list *list = &psbt->ins[index];
    btc_writer_init(&final.script_sig, SCRIPT_SIG_SIZE_MAX);
    int rc = psbt_read_lock(psbt, index, &lock, err);
    if (rc == 0)
        rc = lock.is_taproot    ? finalise_taproot(list, &final, err)
             : lock.is_multisig ? finalise_multisig(list, &lock, &final, err)
                                : finalise_single(list, &lock, &final, err);
    if (rc == 0 && final.script_sig.failed != 0)
        rc = btc_fail(err, final.script_sig.failed, "its script could not be made");
    if (rc == 0)
        rc = check_hash_types(list, err);
    if (rc == 0 && lock.is_taproot)
        rc = psbt_want_all_coins(psbt, err);
    if (rc == 0)
        rc = psbt_prepare(psbt, err);
    if (rc == 0)
        rc = verify(psbt, index, &final, err);
    if (rc == 0)
        rc = store(psbt, index, &final, err);
    btc_writer_free(&final.script_sig);
    return rc != 0 ? btc_fail_within(err, rc, "PSBT, input %zu: ", index) : 0;
}

/* The final script and witness of an input; items has room for all of them from *at on. */
static void fill_input(const struct psbt_list *list, struct btc_span *items, size_t *at,
                       struct btc_tx_in *in)
{
    struct btc_span value;
    if (psbt_find(list, PSBT_IN_FINAL_SCRIPT_SIG, &value))
        in->script_sig = value;
    if (!psbt_find(list, PSBT_IN_FINAL_WITNESS, &value))
        return;
    struct btc_reader r = btc_reader_of(value.data, value.size, NULL);
    size_t count = 0;
    if (btc_read_count(&r, "witness item count", 1, &count) != 0)
        return; /* can't be: it was checked when it came in */
    in->witness = items + *at;
    while (in->witness_count < count && btc_read_var(&r, "witness item", &items[*at]) == 0) {
        in->witness_count++;
        (*at)++;
    }
}

int btc_psbt_extract(const struct btc_psbt *psbt, struct btc_writer *w, struct btc_error *err)
{
    size_t items_max = 0; /* each takes a byte at least */
    for (size_t i = 0; i < psbt->tx.in_count; i++) {
        struct btc_span value;
        if (!btc_psbt_is_final(psbt, i))
            return btc_fail(err, BTC_PSBT_NOT_READY, "PSBT, input %zu: it is not final yet", i);
        if (psbt_find(&psbt->ins[i], PSBT_IN_FINAL_WITNESS, &value))
            items_max += value.size;
        if (items_max > BTC_TX_SIZE_MAX)
            return btc_fail(err, BTC_ELIMIT, "PSBT: its witnesses are over %d bytes",
                            BTC_TX_SIZE_MAX);
    }
    struct btc_tx tx = psbt->tx;
    struct btc_span *items = calloc(items_max + 1, sizeof(*items));
    tx.ins = calloc(tx.in_count + 1, sizeof(*tx.ins));
    if (items == NULL || tx.ins == NULL) {
        free(items);
        free(tx.ins);
        return btc_fail(err, BTC_ENOMEM, "no memory for the signed transaction");
    }
    size_t at = 0;
    for (size_t i = 0; i < tx.in_count; i++) {
        tx.ins[i] = psbt->tx.ins[i];
        fill_input(&psbt->ins[i], items, &at, &tx.ins[i]);
    }
    btc_tx_write(&tx, true, w);
    free(items);
    free(tx.ins);
    return w->failed == 0
               ? 0
               : btc_fail(err, w->failed, "the signed transaction: %s", btc_code_text(w->failed));
}
