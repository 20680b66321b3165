/*
 * The book's part in transactions that travel as PSBTs: its drafts go out with what others need to
 * sign or check them, and what comes in is signed where its keys are, once every amount is known.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/origin.h"
#include "actors/bitcoin/psbt.h"
#include "actors/wallet/book_draft.h"

/* One PSBT at work. */
struct exchange {
    struct book *book;
    struct btc_psbt *psbt; /* [owned] */
    struct btc_error *err;
};

/* [owned] *ret_data. */
static int write_psbt(const struct exchange *it, uint8_t **ret_data, size_t *ret_size)
{
    struct btc_writer w;
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    btc_psbt_write(it->psbt, &w);
    int rc = w.failed;
    if (rc < 0) {
        btc_writer_free(&w);
        return btc_fail(it->err, rc, "the PSBT could not be written: %s", btc_code_text(rc));
    }
    *ret_data = w.data;
    *ret_size = w.size;
    return 0;
}

/* Say where the key of a script of ours lies; nothing for one that is not. */
static int describe_key(struct exchange *it, enum btc_psbt_side side, size_t index,
                        struct btc_span script)
{
    struct book *book = it->book;
    struct book_key_place place;
    struct btc_key_origin origin = {.path_count = KEYS_PATH_COUNT};
    struct btc_hd_node node;
    int rc = book_find_key(book, script, &place, it->err);
    if (rc != 0)
        return rc == BOOK_NONE ? 0 : rc;
    const struct btc_hd_node *chain =
        &book->chains[KEYS_CHAINS * (uint32_t)place.account + place.chain];
    rc = btc_hd_child(chain, place.index, &node);
    if (rc < 0)
        return btc_fail(it->err, rc, "a key of the wallet could not be derived: %s",
                        btc_code_text(rc));
    memcpy(origin.fingerprint, book->fingerprint, sizeof(origin.fingerprint));
    keys_path(book->params, place.account, place.chain, place.index, origin.path);
    if (place.account == KEYS_BIP86)
        return btc_psbt_set_internal_key(it->psbt, side, index, node.key + 1, &origin, it->err);
    return btc_psbt_add_key(it->psbt, side, index, (struct btc_span){node.key, sizeof(node.key)},
                            &origin, it->err);
}

static int describe(struct exchange *it, const struct btc_tx *tx, const struct book_input *inputs)
{
    int rc = 0;
    for (size_t i = 0; i < tx->in_count && rc == 0; i++) {
        struct btc_span script = btc_script_span(&inputs[i].script);
        struct btc_tx_out coin = {.amount = inputs[i].amount, .script = script};
        rc = btc_psbt_set_witness_utxo(it->psbt, i, &coin, it->err);
        if (rc == 0)
            rc = describe_key(it, BTC_PSBT_INPUT, i, script);
    }
    for (size_t i = 0; i < tx->out_count && rc == 0; i++)
        rc = describe_key(it, BTC_PSBT_OUTPUT, i, tx->outs[i].script);
    return rc;
}

/* What leaves the book can be sent by others, who sign it themselves if it is not yet signed: a draft is
 * no longer ours alone. */
static int note_given_out(struct book *book, const struct btc_hash *txid, struct btc_error *err)
{
    int rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    return book_end(
        book,
        book_run(book, BOOK_SQL_DRAFT_GIVEN_OUT, err, "b", txid->bytes, (size_t)BTC_HASH_SIZE),
        err);
}

int book_psbt_create(struct book *book, int64_t draft_id, uint8_t **ret_data, size_t *ret_size,
                     struct btc_error *err)
{
    struct exchange it = {.book = book, .err = err};
    struct book_input *inputs;
    struct btc_tx tx = {0};
    uint8_t *data = NULL;
    size_t size;
    size_t count;
    int rc = book_draft_inputs(book, draft_id, &inputs, &count, err);
    if (rc != 0)
        return rc;
    rc = book_draft_data(book, draft_id, &data, &size, err);
    if (rc == 0)
        rc = btc_tx_parse(data, size, &tx, err);
    if (rc == 0 && tx.in_count != count)
        rc = btc_fail(err, BTC_ECORRUPT, "%s is damaged: a draft's coins", book->path);
    if (rc == 0)
        rc = btc_psbt_create(&tx, &it.psbt, err);
    if (rc == 0)
        rc = describe(&it, &tx, inputs);
    if (rc == 0)
        rc = note_given_out(book, &tx.txid, err);
    if (rc == 0)
        rc = write_psbt(&it, ret_data, ret_size);
    btc_psbt_free(it.psbt);
    btc_tx_free(&tx);
    free(data);
    free(inputs);
    return rc;
}

/* --- signing what comes in --- */

/* The coin as the book has it, spent or not: BOOK_ROW, and *ret_row stands on amount and script. */
static int find_coin(struct exchange *it, const struct btc_outpoint *coin, sqlite3_stmt **ret_row)
{
    return book_query(it->book, BOOK_SQL_ANY_COIN, ret_row, it->err, "bi", coin->txid.bytes,
                      (size_t)BTC_HASH_SIZE, (int64_t)coin->index);
}

/* Is what the PSBT says of an input what the book knows? If it says nothing, say it. */
static int price_input(struct exchange *it, size_t index)
{
    sqlite3_stmt *row;
    struct btc_tx_out told = {0};
    int found = btc_psbt_coin(it->psbt, index, &told);
    int rc = find_coin(it, &btc_psbt_tx(it->psbt)->ins[index].prev, &row);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return found == 0 ? 0
                          : btc_fail(it->err, BTC_EINVALID,
                                     "input %zu: the PSBT does not say what it spends: have its "
                                     "maker add that coin",
                                     index);
    struct btc_tx_out coin = {
        .amount = sqlite3_column_int64(row, 0),
        .script = {sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1)},
    };
    if (found != 0)
        rc = btc_psbt_set_witness_utxo(it->psbt, index, &coin, it->err);
    else if (told.amount != coin.amount || told.script.size != coin.script.size ||
             memcmp(told.script.data, coin.script.data, told.script.size) != 0)
        rc = btc_fail(it->err, BTC_EINVALID,
                      "input %zu: the PSBT says it spends %lld satoshi, the wallet knows a coin of "
                      "%lld there: do not sign this",
                      index, (long long)told.amount, (long long)coin.amount);
    else
        rc = 0;
    sqlite3_reset(row);
    return rc;
}

/* Sign input `index` if its key is here; counts it then. */
static int sign_input(struct exchange *it, const struct book_signer *signer, size_t index,
                      size_t *signed_count)
{
    struct btc_tx_out coin;
    struct book_key_place place;
    uint8_t secret[BTC_SECRET_SIZE];
    int rc = btc_psbt_coin(it->psbt, index, &coin);
    if (rc == 0)
        rc = book_find_key(it->book, coin.script, &place, it->err);
    if (rc != 0)
        return rc == BOOK_NONE ? 0 : rc;
    size_t before = btc_psbt_signature_count(it->psbt, index);
    rc = book_signer_secret(signer, &place, secret, it->err);
    if (rc == 0)
        rc = btc_psbt_sign(it->psbt, index, secret, 0, it->err);
    btc_wipe(secret, sizeof(secret));
    if (rc == 0)
        *signed_count += btc_psbt_signature_count(it->psbt, index) > before;
    return rc == BTC_PSBT_NOT_OURS ? 0 : rc;
}

/* Are there inputs here that only this book can sign? */
static int has_own(struct exchange *it, bool *ret_has)
{
    *ret_has = false;
    for (size_t i = 0; i < btc_psbt_tx(it->psbt)->in_count && !*ret_has; i++) {
        struct btc_tx_out coin;
        struct book_key_place place;
        if (btc_psbt_is_final(it->psbt, i) || btc_psbt_coin(it->psbt, i, &coin) != 0)
            continue;
        int rc = book_find_key(it->book, coin.script, &place, it->err);
        if (rc < 0)
            return rc;
        *ret_has = rc == 0;
    }
    return 0;
}

static int sign_inputs(struct exchange *it, size_t *signed_count)
{
    size_t count = btc_psbt_tx(it->psbt)->in_count;
    struct book_signer signer;
    int64_t fee;
    bool has = false;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = price_input(it, i);
    if (rc == 0)
        rc = btc_psbt_fee(it->psbt, &fee, it->err);
    if (rc == 0)
        rc = has_own(it, &has);
    if (rc != 0 || !has)
        return rc;
    if (fee > BOOK_FEE_MAX)
        return btc_fail(it->err, BTC_EUSAGE,
                        "it pays a fee of %lld satoshi, more than %lld: nothing is signed",
                        (long long)fee, (long long)BOOK_FEE_MAX);
    rc = book_signer_open(it->book, &signer, it->err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < count && rc == 0; i++)
        if (!btc_psbt_is_final(it->psbt, i))
            rc = sign_input(it, &signer, i, signed_count);
    book_signer_close(&signer);
    return rc;
}

int book_psbt_sign(struct book *book, const void *data, size_t size, uint8_t **ret_data,
                   size_t *ret_size, size_t *ret_signed, struct btc_error *err)
{
    struct exchange it = {.book = book, .err = err};
    size_t signed_count = 0;
    int rc = btc_psbt_parse(data, size, &it.psbt, err);
    if (rc == 0)
        rc = sign_inputs(&it, &signed_count);
    if (rc == 0 && signed_count > 0)
        rc = note_given_out(book, &btc_psbt_tx(it.psbt)->txid, err);
    if (rc == 0)
        rc = write_psbt(&it, ret_data, ret_size);
    if (rc == 0)
        *ret_signed = signed_count;
    btc_psbt_free(it.psbt);
    return rc;
}

/* --- finalising --- */

static int finalise(struct exchange *it, struct btc_writer *w)
{
    int rc = 0;
    for (size_t i = 0; i < btc_psbt_tx(it->psbt)->in_count && rc == 0; i++) {
        rc = btc_psbt_finalise(it->psbt, i, it->err);
        if (rc == BTC_PSBT_NOT_READY)
            rc = btc_fail_within(it->err, BTC_EINVALID, "not all is signed yet: ");
    }
    if (rc == 0)
        rc = btc_psbt_extract(it->psbt, w, it->err);
    return rc > 0 ? BTC_EINVALID : rc;
}

/* What came as final already was signed elsewhere: is it signed at all? */
static int verify_draft(struct book *book, int64_t draft_id, const struct btc_tx *tx,
                        struct btc_error *err)
{
    struct book_input *inputs;
    struct btc_spending spending;
    size_t count;
    int rc = book_draft_inputs(book, draft_id, &inputs, &count, err);
    if (rc != 0)
        return rc;
    struct btc_tx_out *coins = calloc(count, sizeof(*coins));
    if (!coins)
        rc = btc_fail(err, BTC_ENOMEM, "no memory to check a transaction");
    else if (tx->in_count != count)
        rc = btc_fail(err, BTC_ECORRUPT, "%s is damaged: a draft's coins", book->path);
    for (size_t i = 0; coins && rc == 0 && i < count; i++)
        coins[i] = (struct btc_tx_out){.amount = inputs[i].amount,
                                       .script = btc_script_span(&inputs[i].script)};
    if (rc == 0) {
        rc = btc_spending_prepare(tx, coins, &spending);
        rc = rc < 0
                 ? btc_fail(err, rc, "the transaction could not be hashed: %s", btc_code_text(rc))
                 : book_verify(&spending, err);
    }
    free(coins);
    free(inputs);
    return rc;
}

static int store_signed(struct book *book, int64_t draft_id, const struct btc_tx *tx,
                        struct btc_error *err)
{
    int rc = verify_draft(book, draft_id, tx, err);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc != 0)
        return rc;
    return book_end(
        book,
        book_run(book, BOOK_SQL_DRAFT_SIGNED, err, "bi", tx->raw.data, tx->raw.size, draft_id),
        err);
}

/* A draft of ours is then signed; one that was already keeps its bytes, which are given back. */
static int keep_signed(struct book *book, struct btc_writer *w, int64_t *ret_draft_id,
                       struct btc_error *err)
{
    struct btc_tx tx;
    sqlite3_stmt *row;
    int rc = btc_tx_parse(w->data, w->size, &tx, err);
    if (rc < 0)
        return rc;
    rc = book_query(book, BOOK_SQL_DRAFT_OF_TXID, &row, err, "b", tx.txid.bytes,
                    (size_t)BTC_HASH_SIZE);
    *ret_draft_id = 0;
    if (rc != BOOK_ROW) {
        btc_tx_free(&tx);
        return rc;
    }
    *ret_draft_id = sqlite3_column_int64(row, 0);
    bool is_new = sqlite3_column_int(row, 1) == BOOK_DRAFTED;
    sqlite3_reset(row);
    rc = note_given_out(book, &tx.txid, err);
    if (is_new && rc == 0)
        rc = store_signed(book, *ret_draft_id, &tx, err);
    btc_tx_free(&tx);
    if (!is_new && rc == 0) {
        uint8_t *data;
        size_t size;
        rc = book_draft_data(book, *ret_draft_id, &data, &size, err);
        if (rc != 0)
            return rc;
        btc_writer_free(w);
        w->data = data;
        w->size = size;
        return 0;
    }
    return rc;
}

int book_psbt_finalise(struct book *book, const void *data, size_t size, uint8_t **ret_data,
                       size_t *ret_size, int64_t *ret_draft_id, struct btc_error *err)
{
    struct exchange it = {.book = book, .err = err};
    struct btc_writer w;
    int64_t draft_id = 0;
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    int rc = btc_psbt_parse(data, size, &it.psbt, err);
    if (rc == 0)
        rc = finalise(&it, &w);
    if (rc == 0)
        rc = keep_signed(book, &w, &draft_id, err);
    btc_psbt_free(it.psbt);
    if (rc != 0) {
        btc_writer_free(&w);
        return rc;
    }
    *ret_data = w.data;
    *ret_size = w.size;
    *ret_draft_id = draft_id;
    return 0;
}
