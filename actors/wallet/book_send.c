/*
 * From a draft to a payment that cannot be made twice: signed once, its bytes stored before anyone
 * has them; its coins taken before anyone is to send it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "actors/bitcoin/sign.h"
#include "actors/wallet/book_draft.h"

int book_draft_data(struct book *book, int64_t id, uint8_t **ret_data, size_t *ret_size,
                    struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_DRAFT_DATA, &row, err, "i", id);
    if (rc != BOOK_ROW)
        return rc < 0 ? rc : btc_fail(err, BOOK_NONE, "no draft %lld", (long long)id);
    rc = book_column_copy(row, 0, ret_data, ret_size, err);
    sqlite3_reset(row);
    return rc;
}

/* Is the coin there, and spent by nothing but `draft` and what it replaces? */
static int check_coin(struct book *book, const struct book_draft *draft,
                      const struct btc_outpoint *coin, struct btc_error *err)
{
    sqlite3_stmt *row;
    struct btc_hash spender = {{0}};
    int rc = book_query(book, BOOK_SQL_PENDING_SPENDER, &row, err, "bi", coin->txid.bytes,
                        (size_t)BTC_HASH_SIZE, (int64_t)coin->index);
    if (rc == BOOK_ROW) {
        rc = book_column_bytes(book, row, 1, spender.bytes, BTC_HASH_SIZE, err);
        sqlite3_reset(row);
        if (rc < 0 || btc_hash_equal(&spender, &draft->txid) ||
            btc_hash_equal(&spender, &draft->replaces))
            return rc;
        return btc_fail(err, BOOK_CONFLICT,
                        "draft %lld: another pending transaction spends its coins: see `history` "
                        "before you pay anew",
                        (long long)draft->id);
    }
    if (rc == 0)
        rc = book_query(book, BOOK_SQL_COIN_EXISTS, &row, err, "bi", coin->txid.bytes,
                        (size_t)BTC_HASH_SIZE, (int64_t)coin->index);
    if (rc == BOOK_ROW) {
        sqlite3_reset(row);
        return 0;
    }
    return rc < 0 ? rc
                  : btc_fail(err, BOOK_CONFLICT,
                             "draft %lld: a coin of it is spent, or gone with its block: see "
                             "`history` before you pay anew",
                             (long long)draft->id);
}

/* What a replacement of a pending payment must pay at least: the fees of it and of all that builds on
 * it. Own payments that do would be lost with it, though they were said to be sent. */
static int look_at_tree(struct book *book, int64_t pending_id, int64_t *ret_fee,
                        struct btc_error *err)
{
    sqlite3_stmt *row;
    struct btc_hash last;
    char text[BTC_HASH_HEX_SIZE];
    int rc = book_query(book, BOOK_SQL_PENDING_TREE, &row, err, "i", pending_id);
    if (rc != BOOK_ROW)
        return rc;
    *ret_fee = sqlite3_column_int64(row, 0);
    int64_t later = sqlite3_column_int64(row, 1);
    rc = book_column_bytes(book, row, 2, last.bytes, BTC_HASH_SIZE, err);
    sqlite3_reset(row);
    if (rc < 0 || later == 0)
        return rc;
    btc_hash_to_hex(&last, text);
    return btc_fail(err, BTC_EUSAGE,
                    "%lld later payment%s of this wallet spend%s what it left, and would be lost: "
                    "bump the last of them, whose fee helps this one, too: %s",
                    (long long)later, later == 1 ? "" : "s", later == 1 ? "s" : "", text);
}

/* What it replaces must be there still: one that was given up pays nobody, and neither may this. */
static int check_replaced(struct book *book, const struct book_draft *draft, struct btc_error *err)
{
    sqlite3_stmt *row;
    if (btc_hash_is_zero(&draft->replaces))
        return 0;
    int rc = book_query(book, BOOK_SQL_PENDING_FIND, &row, err, "b", draft->replaces.bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc == BOOK_ROW) {
        int64_t id = sqlite3_column_int64(row, 0);
        int64_t fee;
        sqlite3_reset(row);
        return look_at_tree(book, id, &fee, err);
    }
    struct book_tx tx;
    if (rc == 0 && book_get_tx(book, &draft->replaces, &tx, NULL) == 0) {
        free(tx.data);
        return btc_fail(err, BOOK_CONFLICT,
                        "draft %lld: what it was to replace is in block %d: it is paid",
                        (long long)draft->id, (int)tx.entry.height);
    }
    return rc < 0 ? rc
                  : btc_fail(err, BOOK_CONFLICT,
                             "draft %lld: what it replaces is no longer pending: see `history` "
                             "before you pay anew",
                             (long long)draft->id);
}

/* Can it still be paid, as it is? */
static int check_payable(struct book *book, const struct book_draft *draft,
                         const struct book_input *inputs, size_t count, struct btc_error *err)
{
    int rc = check_replaced(book, draft, err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = check_coin(book, draft, &inputs[i].coin, err);
    return rc;
}

/* --- signing --- */

/* The transaction of a draft on its way to be signed. */
struct signing {
    struct book *book;
    const struct book_input *inputs;
    struct btc_tx tx;
    struct btc_tx_out *coins;   /* [owned] as of inputs */
    struct btc_signed *signed_; /* [owned] */
    struct btc_error *err;
};

static int sign_one(struct signing *it, const struct btc_spending *spending,
                    const struct book_signer *signer, size_t index)
{
    struct book_key_place place;
    uint8_t secret[BTC_SECRET_SIZE];
    int rc = book_find_key(it->book, it->coins[index].script, &place, it->err);
    if (rc == BOOK_NONE)
        return btc_fail(it->err, BTC_ECORRUPT, "%s is damaged: it lacks a script of a draft",
                        it->book->path);
    if (rc == 0)
        rc = book_signer_secret(signer, &place, secret, it->err);
    if (rc == 0)
        rc = btc_sign_input(spending, index, secret, NULL, &it->signed_[index], it->err);
    btc_wipe(secret, sizeof(secret));
    if (rc == BTC_SIGN_NOT_OURS)
        return btc_fail(it->err, BTC_ECORRUPT, "%s is damaged: a key does not fit its script",
                        it->book->path);
    if (rc == 0)
        btc_sign_put(&it->signed_[index], &it->tx.ins[index]);
    return rc;
}

int book_verify(const struct btc_spending *spending, struct btc_error *err)
{
    for (size_t i = 0; i < spending->tx->in_count; i++) {
        int rc = btc_verify_input(
            spending, i, BTC_VERIFY_DER | BTC_VERIFY_P2SH | BTC_VERIFY_WITNESS | BTC_VERIFY_TAPROOT,
            err);
        if (rc > 0)
            rc = btc_fail(err, BTC_EINVALID, "input %zu was signed outside the templates", i);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int sign_all(struct signing *it, const struct book_signer *signer)
{
    struct btc_spending spending;
    int rc = btc_spending_prepare(&it->tx, it->coins, &spending);
    if (rc < 0)
        return btc_fail(it->err, rc, "the draft could not be hashed: %s", btc_code_text(rc));
    for (size_t i = 0; i < it->tx.in_count && rc == 0; i++)
        rc = sign_one(it, &spending, signer, i);
    return rc == 0 ? book_verify(&spending, it->err) : rc;
}

/* Sign and store; the result is only given out once it is on the disk. */
static int sign_and_store(struct signing *it, const struct book_signer *signer, int64_t id,
                          uint8_t **ret_data, size_t *ret_size)
{
    struct btc_writer w;
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    int rc = sign_all(it, signer);
    if (rc == 0) {
        it->tx.has_witness = true;
        btc_tx_write(&it->tx, true, &w);
        if (w.failed < 0)
            rc = btc_fail(it->err, w.failed, "the signed transaction could not be written: %s",
                          btc_code_text(w.failed));
    }
    if (rc == 0)
        rc = book_begin(it->book, true, it->err);
    if (rc == 0)
        rc = book_end(it->book,
                      book_run(it->book, BOOK_SQL_DRAFT_SIGNED, it->err, "bi", w.data, w.size, id),
                      it->err);
    if (rc != 0) {
        btc_writer_free(&w);
        return rc;
    }
    *ret_data = w.data;
    *ret_size = w.size;
    return 0;
}

static int sign_data(struct book *book, int64_t id, const struct book_input *inputs, size_t count,
                     const struct book_signer *signer, uint8_t **ret_data, size_t *ret_size,
                     struct btc_error *err)
{
    struct signing it = {.book = book, .inputs = inputs, .err = err};
    uint8_t *unsigned_data = NULL;
    size_t unsigned_size;
    int rc = book_draft_data(book, id, &unsigned_data, &unsigned_size, err);
    if (rc == 0)
        rc = btc_tx_parse(unsigned_data, unsigned_size, &it.tx, err);
    if (rc == 0 && it.tx.in_count != count)
        rc = btc_fail(err, BTC_ECORRUPT, "%s is damaged: a draft's coins", book->path);
    if (rc == 0) {
        it.coins = calloc(count, sizeof(*it.coins));
        it.signed_ = calloc(count, sizeof(*it.signed_));
        if (!it.coins || !it.signed_)
            rc = btc_fail(err, BTC_ENOMEM, "no memory to sign a draft");
        for (size_t i = 0; i < count && it.coins; i++)
            it.coins[i] = (struct btc_tx_out){.amount = inputs[i].amount,
                                              .script = btc_script_span(&inputs[i].script)};
    }
    if (rc == 0 && it.coins && it.signed_)
        rc = sign_and_store(&it, signer, id, ret_data, ret_size);
    free(it.coins);
    free(it.signed_);
    btc_tx_free(&it.tx);
    free(unsigned_data);
    return rc;
}

int book_sign_draft(struct book *book, int64_t id, uint8_t **ret_data, size_t *ret_size,
                    struct btc_error *err)
{
    struct book_draft draft;
    struct book_signer signer;
    struct book_input *inputs;
    size_t count;
    int rc = book_get_draft(book, id, &draft, err);
    if (rc != 0)
        return rc;
    if (draft.state != BOOK_DRAFTED)
        return book_draft_data(book, id, ret_data, ret_size, err);
    rc = book_draft_inputs(book, id, &inputs, &count, err);
    if (rc != 0)
        return rc;
    rc = check_payable(book, &draft, inputs, count, err);
    if (rc == 0)
        rc = book_signer_open(book, &signer, err);
    if (rc == 0) {
        rc = sign_data(book, id, inputs, count, &signer, ret_data, ret_size, err);
        book_signer_close(&signer);
    }
    free(inputs);
    return rc;
}

/* --- sending --- */

int book_tell_gone(struct book *book, const struct btc_hash *txid, int code, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_DRAFT_OF_TXID, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc < 0)
        return rc;
    int64_t id = rc == BOOK_ROW ? sqlite3_column_int64(row, 0) : 0;
    bool gave_way = rc == BOOK_ROW && sqlite3_column_int(row, 1) == BOOK_GAVE_WAY;
    if (rc == BOOK_ROW)
        sqlite3_reset(row);
    if (!gave_way)
        return btc_fail(err, code, "the wallet has no such transaction");
    rc = book_query(book, BOOK_SQL_DRAFT_HEIR, &row, err, "b", txid->bytes, (size_t)BTC_HASH_SIZE);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return btc_fail(err, code,
                        "draft %lld was given up, or its coins are spent otherwise: see `history` "
                        "before you pay anew",
                        (long long)id);
    int64_t heir = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return btc_fail(err, code, "draft %lld was replaced: draft %lld pays in its stead",
                    (long long)id, (long long)heir);
}

static int mark_sent(struct book *book, const struct book_draft *draft, int64_t now_s,
                     struct btc_error *err)
{
    struct book_input *inputs;
    size_t count;
    int rc = book_draft_inputs(book, draft->id, &inputs, &count, err);
    if (rc != 0)
        return rc;
    rc = check_payable(book, draft, inputs, count, err);
    if (rc == 0)
        rc = book_add_own_pending(book, draft->id, now_s, err);
    free(inputs);
    return rc;
}

int book_send_draft(struct book *book, int64_t id, int64_t now_s, uint8_t **ret_data,
                    size_t *ret_size, struct btc_error *err)
{
    struct book_draft draft;
    int rc = book_get_draft(book, id, &draft, err);
    if (rc != 0)
        return rc;
    if (draft.state == BOOK_DRAFTED)
        return btc_fail(err, BTC_EUSAGE, "draft %lld is not signed yet: sign it first",
                        (long long)id);
    if (draft.state == BOOK_GAVE_WAY)
        return book_tell_gone(book, &draft.txid, BOOK_CONFLICT, err);
    uint8_t *data;
    size_t size;
    rc = book_draft_data(book, id, &data, &size, err);
    if (rc != 0)
        return rc;
    if (draft.state == BOOK_SIGNED) {
        rc = book_begin(book, true, err);
        if (rc == 0)
            rc = book_end(book, mark_sent(book, &draft, now_s, err), err);
        if (rc != 0) {
            free(data);
            return rc;
        }
    }
    *ret_data = data;
    *ret_size = size;
    return draft.state == BOOK_SENT ? BOOK_KNOWN : 0;
}

/* --- replacing --- */

/* The pending payment with this id: its row's id, its draft and its bytes. */
static int find_payment(struct book *book, const struct btc_hash *txid, int64_t *ret_pending,
                        struct book_draft *ret_draft, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_PENDING_FIND, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc < 0)
        return rc;
    bool is_own = rc == BOOK_ROW && sqlite3_column_int(row, 5) != 0;
    *ret_pending = rc == BOOK_ROW ? sqlite3_column_int64(row, 0) : 0;
    if (rc == BOOK_ROW)
        sqlite3_reset(row);
    if (!is_own)
        return btc_fail(err, BOOK_NONE,
                        "no payment of this wallet that is still unconfirmed: there is nothing to "
                        "bump");
    rc = book_query(book, BOOK_SQL_DRAFT_OF_TXID, &row, err, "b", txid->bytes,
                    (size_t)BTC_HASH_SIZE);
    if (rc != BOOK_ROW)
        return rc < 0 ? rc : btc_fail(err, BTC_ECORRUPT, "%s lacks a draft", book->path);
    int64_t id = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return book_get_draft(book, id, ret_draft, err);
}

/* The same payees; change goes to the same script again. */
static int plan_outputs(struct book_plan *plan, const struct btc_tx *tx,
                        const struct book_draft *draft)
{
    plan->outs = calloc(tx->out_count + 1, sizeof(*plan->outs));
    if (!plan->outs)
        return btc_fail(plan->err, BTC_ENOMEM, "no memory to replace a payment");
    for (size_t i = 0; i < tx->out_count; i++) {
        const struct btc_tx_out *out = &tx->outs[i];
        if (draft->change_index == (int32_t)i &&
            out->script.size <= sizeof(plan->change_script.bytes)) {
            memcpy(plan->change_script.bytes, out->script.data, out->script.size);
            plan->change_script.size = out->script.size;
        } else {
            plan->outs[plan->out_count++] = *out;
            plan->paid += out->amount;
        }
    }
    if (plan->change_script.size > 0)
        return 0;
    return book_plan_change(plan, btc_script_classify(tx->outs[0].script).kind);
}

/* Choose for a replacement: the same coins, and further ones as needed. */
static int plan_inputs(struct book_plan *plan, int64_t draft_id)
{
    free(plan->inputs);
    plan->inputs = NULL;
    plan->input_count = 0;
    int rc = book_draft_inputs(plan->book, draft_id, &plan->inputs, &plan->input_count, plan->err);
    plan->forced = plan->input_count;
    if (rc == 0)
        rc = book_plan_candidates(plan, false); /* no further unconfirmed ones (BIP125) */
    return rc == 0 ? book_plan_make(plan) : rc;
}

static int bump(struct book_plan *plan, const struct btc_hash *txid, const struct btc_tx *tx,
                const struct book_draft *draft, int64_t pending_id, struct book_draft *ret_draft)
{
    for (size_t i = 0; i < tx->in_count; i++)
        if (tx->ins[i].sequence > BTC_SEQUENCE_RBF)
            return btc_fail(plan->err, BTC_EUSAGE,
                            "the payment was made final: it cannot be replaced");
    plan->replaces = *txid;
    plan->replaced_rate = (draft->fee * 1000 * 4 + (int64_t)btc_tx_weight(tx) - 1) /
                          (int64_t)btc_tx_weight(tx);
    int rc = look_at_tree(plan->book, pending_id, &plan->replaced_fee, plan->err);
    if (rc == 0)
        rc = plan_outputs(plan, tx, draft);
    if (rc == 0)
        rc = plan_inputs(plan, draft->id);
    if (rc == BOOK_SHORT) { /* perhaps for the rate that was asked for, but not for the least */
        plan->choice_rate = book_plan_least_rate(plan);
        rc = plan_inputs(plan, draft->id);
    }
    return rc != 0 ? rc : book_store_draft(plan, ret_draft);
}

int book_bump_fee(struct book *book, const struct btc_hash *txid,
                  const struct book_draft_options *options, struct book_draft *ret_draft,
                  struct btc_error *err)
{
    struct book_plan plan = {.book = book, .options = options, .err = err, .rest = SIZE_MAX};
    struct book_draft draft;
    struct btc_tx tx = {0};
    uint8_t *data = NULL;
    size_t size;
    int64_t pending_id;
    int rc = book_check_options(options, err);
    if (rc == 0)
        rc = find_payment(book, txid, &pending_id, &draft, err);
    if (rc == 0)
        rc = book_draft_data(book, draft.id, &data, &size, err);
    if (rc == 0)
        rc = btc_tx_parse(data, size, &tx, err);
    if (rc == 0 && getrandom(&plan.seed, sizeof(plan.seed), 0) != (ssize_t)sizeof(plan.seed))
        rc = btc_fail(err, BTC_EIO, "no randomness to choose coins");
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc == 0)
        rc = book_end(book, bump(&plan, txid, &tx, &draft, pending_id, ret_draft), err);
    book_plan_free(&plan);
    btc_tx_free(&tx);
    free(data);
    return rc;
}
