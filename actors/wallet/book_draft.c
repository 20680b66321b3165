/* Drafts: made, stored, looked up, forgotten. */
#include "actors/wallet/book_draft.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    CANDIDATES_MAX = 5000, /* coins to choose from: the largest */
    TX_VERSION = 2,
    SEQUENCE_LOCK_TIME = (int)(BTC_SEQUENCE_FINAL - 1),
};

/* --- looking up --- */

static int read_draft(struct book *book, sqlite3_stmt *row, struct book_draft *ret_draft,
                      struct btc_error *err)
{
    *ret_draft = (struct book_draft){
        .id = sqlite3_column_int64(row, 0),
        .state = (enum book_draft_state)sqlite3_column_int(row, 1),
        .paid = sqlite3_column_int64(row, 4),
        .fee = sqlite3_column_int64(row, 5),
        .change = sqlite3_column_int64(row, 6),
        .change_index = sqlite3_column_int(row, 7),
        .vsize = (uint32_t)sqlite3_column_int64(row, 8),
        .input_count = (uint32_t)sqlite3_column_int64(row, 9),
        .output_count = (uint32_t)sqlite3_column_int64(row, 10),
        .made_s = sqlite3_column_int64(row, 11),
        .is_given_out = sqlite3_column_int(row, 12) != 0,
    };
    int rc = book_column_bytes(book, row, 2, ret_draft->txid.bytes, BTC_HASH_SIZE, err);
    if (rc == 0 && sqlite3_column_type(row, 3) != SQLITE_NULL)
        rc = book_column_bytes(book, row, 3, ret_draft->replaces.bytes, BTC_HASH_SIZE, err);
    return rc;
}

int book_get_draft(struct book *book, int64_t id, struct book_draft *ret_draft,
                   struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_DRAFT, &row, err, "i", id);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return btc_fail(err, BOOK_NONE, "no draft %lld: it was dropped, or never was",
                        (long long)id);
    rc = read_draft(book, row, ret_draft, err);
    sqlite3_reset(row);
    return rc;
}

int book_list_drafts(struct book *book, bool with_sent, int64_t *cursor,
                     struct book_draft *ret_items, size_t count_max, size_t *ret_count,
                     struct btc_error *err)
{
    sqlite3_stmt *row;
    size_t count = 0;
    if (count_max == 0)
        return btc_fail(err, BTC_EUSAGE, "a page must have room for one item");
    int rc = book_query(book, BOOK_SQL_LIST_DRAFTS, &row, err, "iii",
                        *cursor > 0 ? *cursor : INT64_MAX, (int64_t)with_sent, (int64_t)count_max);
    while (rc == BOOK_ROW) {
        rc = read_draft(book, row, &ret_items[count++], err);
        rc = book_go_on(book, row, rc, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : ret_items[count - 1].id;
    *ret_count = count;
    return 0;
}

int64_t book_draft_holds_until(const struct book_draft *draft, int64_t now_s)
{
    int64_t until_s = draft->made_s + BOOK_DRAFT_HOLD_S;
    return draft->state < BOOK_SENT && now_s < until_s ? until_s : 0;
}

static int read_input(struct book *book, sqlite3_stmt *row, struct book_input *ret_input,
                      struct btc_error *err)
{
    size_t size = (size_t)sqlite3_column_bytes(row, 3);
    if (size < 1 || size > sizeof(ret_input->script.bytes))
        return btc_fail(err, BTC_ECORRUPT, "%s is damaged: a coin's script of %zu bytes",
                        book->path, size);
    memcpy(ret_input->script.bytes, sqlite3_column_blob(row, 3), size);
    ret_input->script.size = size;
    ret_input->coin.index = (uint32_t)sqlite3_column_int64(row, 1);
    ret_input->amount = sqlite3_column_int64(row, 2);
    return book_column_bytes(book, row, 0, ret_input->coin.txid.bytes, BTC_HASH_SIZE, err);
}

int book_draft_inputs(struct book *book, int64_t id, struct book_input **ret_inputs,
                      size_t *ret_count, struct btc_error *err)
{
    struct book_draft draft;
    sqlite3_stmt *row;
    size_t count = 0;
    int rc = book_get_draft(book, id, &draft, err);
    if (rc != 0)
        return rc;
    struct book_input *inputs = calloc(draft.input_count, sizeof(*inputs));
    if (!inputs)
        return btc_fail(err, BTC_ENOMEM, "no memory for a draft's coins");
    rc = book_query(book, BOOK_SQL_DRAFT_INPUTS, &row, err, "i", id);
    while (rc == BOOK_ROW) {
        rc = count < draft.input_count
                 ? read_input(book, row, &inputs[count++], err)
                 : btc_fail(err, BTC_ECORRUPT, "%s is damaged: a draft's coins", book->path);
        rc = book_go_on(book, row, rc, err);
    }
    if (rc == 0 && count != draft.input_count)
        rc = btc_fail(err, BTC_ECORRUPT, "%s is damaged: a draft lacks coins", book->path);
    if (rc < 0) {
        free(inputs);
        return rc;
    }
    *ret_inputs = inputs;
    *ret_count = count;
    return 0;
}

/* --- what there is to spend --- */

int book_plan_candidates(struct book_plan *plan, bool with_pending)
{
    struct book *book = plan->book;
    struct book_state state;
    sqlite3_stmt *row;
    struct book_input *grown = realloc(plan->inputs, (plan->input_count + CANDIDATES_MAX) *
                                                         sizeof(*plan->inputs));
    if (!grown)
        return btc_fail(plan->err, BTC_ENOMEM, "no memory to choose coins");
    plan->inputs = grown;
    int rc = book_get_state(book, &state, plan->err);
    if (rc == 0)
        rc = book_query(book, BOOK_SQL_CANDIDATES, &row, plan->err, "iiii",
                        plan->options->now_s - BOOK_DRAFT_HOLD_S,
                        (int64_t)state.height - BTC_COINBASE_MATURITY, (int64_t)with_pending,
                        (int64_t)CANDIDATES_MAX);
    while (rc == BOOK_ROW) {
        rc = read_input(book, row, &plan->inputs[plan->input_count++], plan->err);
        rc = book_go_on(book, row, rc, plan->err);
    }
    return rc;
}

/* What it leaves of all that there is, although it is to take all. */
static int count_left(struct book_plan *plan, struct book_draft *draft)
{
    struct book_state state;
    sqlite3_stmt *row;
    int rc = book_get_state(plan->book, &state, plan->err);
    if (rc == 0)
        rc = book_query(plan->book, BOOK_SQL_SUM_CANDIDATES, &row, plan->err, "iii",
                        plan->options->now_s - BOOK_DRAFT_HOLD_S,
                        (int64_t)state.height - BTC_COINBASE_MATURITY, (int64_t) true);
    if (rc != BOOK_ROW)
        return rc;
    draft->left_count = (uint32_t)sqlite3_column_int64(row, 0);
    draft->left = sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    return 0;
}

/* Why this coin cannot be spent; BOOK_ROW: it can, and *ret_row stands on it. */
static int find_spendable(struct book_plan *plan, const struct btc_outpoint *coin,
                          sqlite3_stmt **ret_row)
{
    struct book_state state;
    char txid[BTC_HASH_HEX_SIZE];
    const char *reason = NULL;
    btc_hash_to_hex(&coin->txid, txid);
    int rc = book_get_state(plan->book, &state, plan->err);
    if (rc == 0)
        rc = book_query(plan->book, BOOK_SQL_SPENDABLE, ret_row, plan->err, "bi", coin->txid.bytes,
                        (size_t)BTC_HASH_SIZE, (int64_t)coin->index);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return btc_fail(plan->err, BTC_EUSAGE,
                        "coin %s:%u is not the wallet's, or is spent: choose others", txid,
                        coin->index);
    if (sqlite3_column_int(*ret_row, 4) == 0)
        reason = "it is watched only: its key is not here";
    else if (book_is_immature(sqlite3_column_int(*ret_row, 5) != 0, sqlite3_column_int(*ret_row, 6),
                              state.height))
        reason = "it is of a coinbase, and too young";
    else if (sqlite3_column_int(*ret_row, 7) == 0)
        reason = "somebody else's transaction that makes it is in no block yet";
    if (!reason)
        return BOOK_ROW;
    sqlite3_reset(*ret_row);
    return btc_fail(plan->err, BTC_EUSAGE, "coin %s:%u cannot be spent: %s", txid, coin->index,
                    reason);
}

static int take_chosen(struct book_plan *plan)
{
    const struct book_draft_options *options = plan->options;
    if (options->coin_count > BOOK_INPUTS_MAX || options->coin_count < 1)
        return btc_fail(plan->err, BTC_ELIMIT, "%zu coins chosen: 1 to %d can be spent at once",
                        options->coin_count, BOOK_INPUTS_MAX);
    plan->inputs = calloc(options->coin_count, sizeof(*plan->inputs));
    if (!plan->inputs)
        return btc_fail(plan->err, BTC_ENOMEM, "no memory for the coins");
    for (size_t i = 0; i < options->coin_count; i++) {
        sqlite3_stmt *row;
        for (size_t j = 0; j < i; j++)
            if (btc_outpoint_equal(&options->coins[i], &options->coins[j]))
                return btc_fail(plan->err, BTC_EUSAGE, "coin %zu is chosen twice", i);
        int rc = find_spendable(plan, &options->coins[i], &row);
        if (rc != BOOK_ROW)
            return rc;
        rc = read_input(plan->book, row, &plan->inputs[plan->input_count++], plan->err);
        sqlite3_reset(row);
        if (rc < 0)
            return rc;
    }
    plan->forced = plan->input_count;
    return 0;
}

/* The lowest one that no other open draft has; when all known ones are taken so, the first of
 * them: at worst two drafts share it, of which only one may be sent. */
int book_plan_change(struct book_plan *plan, enum btc_script_kind kind)
{
    struct book *book = plan->book;
    sqlite3_stmt *row;
    int64_t chain = KEYS_CHAINS * (kind == BTC_SCRIPT_P2TR ? KEYS_BIP86 : KEYS_BIP84) + BOOK_CHANGE;
    int rc = book_query(book, BOOK_SQL_CHANGE_SCRIPT, &row, plan->err, "i", chain);
    if (rc != BOOK_ROW)
        return rc < 0 ? rc
                      : btc_fail(plan->err, BTC_ECORRUPT, "%s is damaged: no script for change",
                                 book->path);
    size_t size = (size_t)sqlite3_column_bytes(row, 1);
    if (size <= sizeof(plan->change_script.bytes)) {
        memcpy(plan->change_script.bytes, sqlite3_column_blob(row, 1), size);
        plan->change_script.size = size;
    }
    plan->change_script_id = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return 0;
}

/* --- storing --- */

static int forget_draft(struct book *book, int64_t id, struct btc_error *err)
{
    int rc = book_run(book, BOOK_SQL_DROP_DRAFT_INPUTS, err, "i", id);
    return rc < 0 ? rc : book_run(book, BOOK_SQL_DROP_DRAFT, err, "i", id);
}

/* Old drafts that nobody signed make room for new ones. */
static int make_room(struct book_plan *plan)
{
    struct book *book = plan->book;
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_OPEN_DRAFTS, &row, plan->err, "i",
                        plan->options->now_s - BOOK_DRAFT_HOLD_S);
    if (rc != BOOK_ROW)
        return rc;
    int64_t count = sqlite3_column_int64(row, 0);
    int64_t oldest = sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    if (count < BOOK_DRAFTS_MAX)
        return 0;
    if (oldest != 0)
        return forget_draft(book, oldest, plan->err);
    return btc_fail(plan->err, BTC_ELIMIT, "%d drafts are open: send or drop some",
                    BOOK_DRAFTS_MAX);
}

/* The unsigned transaction. */
static int write_tx(const struct book_plan *plan, struct btc_writer *w, struct btc_hash *ret_txid)
{
    struct book_state state;
    struct btc_tx_in *ins = calloc(plan->input_count, sizeof(*ins));
    struct btc_tx tx = {.version = TX_VERSION,
                        .ins = ins,
                        .in_count = plan->input_count,
                        .outs = plan->outs,
                        .out_count = plan->out_count};
    if (!ins)
        return btc_fail(plan->err, BTC_ENOMEM, "no memory for a draft");
    int rc = book_get_state(plan->book, &state, plan->err);
    if (rc == 0 && plan->options->has_lock_time)
        tx.lock_time = (uint32_t)state.height;
    for (size_t i = 0; i < plan->input_count; i++) {
        ins[i].prev = plan->inputs[i].coin;
        ins[i].sequence = plan->options->is_final ? (uint32_t)SEQUENCE_LOCK_TIME : BTC_SEQUENCE_RBF;
    }
    if (rc == 0) {
        rc = btc_tx_seal(&tx);
        btc_tx_write(&tx, false, w);
        rc = rc < 0 ? rc : w->failed;
        if (rc < 0)
            rc = btc_fail(plan->err, rc, "the draft could not be written: %s", btc_code_text(rc));
    }
    *ret_txid = tx.txid;
    free(ins);
    return rc;
}

int book_store_draft(struct book_plan *plan, struct book_draft *ret_draft)
{
    struct book *book = plan->book;
    struct btc_writer w;
    struct btc_hash txid;
    bool is_new = btc_hash_is_zero(&plan->replaces);
    bool has_change = plan->change_index != SIZE_MAX;
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    int rc = make_room(plan);
    if (rc == 0)
        rc = write_tx(plan, &w, &txid);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_ADD_DRAFT, plan->err, "bbbiiiiiiiii", txid.bytes,
                      (size_t)BTC_HASH_SIZE, w.data, w.size, plan->replaces.bytes,
                      is_new ? (size_t)0 : (size_t)BTC_HASH_SIZE, plan->paid, plan->fee,
                      plan->change, has_change ? (int64_t)plan->change_index : (int64_t)-1,
                      has_change ? plan->change_script_id : (int64_t)0, (int64_t)plan->vsize,
                      (int64_t)plan->input_count, (int64_t)plan->out_count, plan->options->now_s);
    int64_t id = sqlite3_last_insert_rowid(book->db);
    for (size_t i = 0; i < plan->input_count && rc == 0; i++) {
        const struct book_input *input = &plan->inputs[i];
        rc = book_run(book, BOOK_SQL_ADD_DRAFT_INPUT, plan->err, "iibiib", id, (int64_t)i,
                      input->coin.txid.bytes, (size_t)BTC_HASH_SIZE, (int64_t)input->coin.index,
                      input->amount, input->script.bytes, input->script.size);
    }
    btc_writer_free(&w);
    return rc < 0 ? rc : book_get_draft(book, id, ret_draft, plan->err);
}

/* --- making --- */

int book_check_options(const struct book_draft_options *options, struct btc_error *err)
{
    if (options->fee_rate < BOOK_FEE_RATE_MIN || options->fee_rate > BOOK_FEE_RATE_MAX)
        return btc_fail(err, BTC_EUSAGE,
                        "a fee rate of %lld satoshi per 1,000 vbytes; it can be %d to %d",
                        (long long)options->fee_rate, BOOK_FEE_RATE_MIN, BOOK_FEE_RATE_MAX);
    return 0;
}

static int add_output(struct book_plan *plan, const struct book_output *output, size_t index)
{
    int64_t least = book_dust(output->script);
    bool is_data = btc_script_classify(output->script).kind == BTC_SCRIPT_RETURN;
    if (output->script.size == 0 || output->script.size > BTC_SCRIPT_SIZE_MAX)
        return btc_fail(plan->err, BTC_EUSAGE, "output %zu has a script of %zu bytes", index,
                        output->script.size);
    if (output->takes_rest) {
        if (plan->rest != SIZE_MAX || is_data)
            return btc_fail(plan->err, BTC_EUSAGE,
                            "output %zu: one output, to an address, can take the rest", index);
        plan->rest = index;
    } else if (output->amount > BTC_MONEY_MAX) {
        return btc_fail(plan->err, BTC_EUSAGE, "output %zu pays more than there can be", index);
    } else if (output->amount < least || (output->amount == 0 && !is_data)) {
        return btc_fail(plan->err, BTC_EUSAGE,
                        "output %zu pays %lld satoshi; below %lld it is dust, which nodes do not "
                        "relay",
                        index, (long long)output->amount, (long long)least);
    }
    int64_t amount = output->takes_rest ? 0 : output->amount;
    plan->outs[index] = (struct btc_tx_out){.amount = amount, .script = output->script};
    plan->out_count++;
    plan->paid += amount;
    if (plan->paid > BTC_MONEY_MAX)
        return btc_fail(plan->err, BTC_EUSAGE, "the outputs pay more than there can be");
    return 0;
}

static int add_outputs(struct book_plan *plan, const struct book_output *outputs, size_t count,
                       bool *pays_fee)
{
    if (count < 1 || count > BOOK_OUTPUTS_MAX)
        return btc_fail(plan->err, BTC_ELIMIT, "%zu outputs: a payment has 1 to %d", count,
                        BOOK_OUTPUTS_MAX);
    plan->outs = calloc(count + 1, sizeof(*plan->outs));
    if (!plan->outs)
        return btc_fail(plan->err, BTC_ENOMEM, "no memory for the outputs");
    for (size_t i = 0; i < count; i++) {
        int rc = add_output(plan, &outputs[i], i);
        if (rc < 0)
            return rc;
        pays_fee[i] = outputs[i].pays_fee && !outputs[i].takes_rest;
        plan->pays_fee_count += pays_fee[i];
    }
    if (plan->rest != SIZE_MAX)
        plan->pays_fee_count = 0; /* it pays the fee */
    plan->pays_fee = pays_fee;
    return 0;
}

/* As the payees', so that it does not stand out. */
static enum btc_script_kind change_kind(const struct book_plan *plan)
{
    if (plan->options->change == BTC_SCRIPT_P2TR || plan->options->change == BTC_SCRIPT_P2WPKH)
        return plan->options->change;
    for (size_t i = 0; i < plan->out_count; i++)
        if (btc_script_classify(plan->outs[i].script).kind == BTC_SCRIPT_P2TR)
            return BTC_SCRIPT_P2TR;
    return BTC_SCRIPT_P2WPKH;
}

int book_make_draft(struct book *book, const struct book_output *outputs, size_t count,
                    const struct book_draft_options *options, struct book_draft *ret_draft,
                    struct btc_error *err)
{
    bool pays_fee[BOOK_OUTPUTS_MAX];
    struct book_plan plan = {.book = book, .options = options, .err = err, .rest = SIZE_MAX};
    int rc = book_check_options(options, err);
    if (rc == 0)
        rc = add_outputs(&plan, outputs, count, pays_fee);
    if (rc == 0 && getrandom(&plan.seed, sizeof(plan.seed), 0) != (ssize_t)sizeof(plan.seed))
        rc = btc_fail(err, BTC_EIO, "no randomness to choose coins");
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc == 0) {
        rc = options->coins ? take_chosen(&plan) : book_plan_candidates(&plan, true);
        if (rc == 0)
            rc = book_plan_change(&plan, change_kind(&plan));
        if (rc == 0)
            rc = book_plan_make(&plan);
        if (rc == 0)
            rc = book_store_draft(&plan, ret_draft);
        if (rc == 0 && plan.rest != SIZE_MAX && !options->coins)
            rc = count_left(&plan, ret_draft); /* its own coins are held by now */
        rc = book_end(book, rc, err);
    }
    book_plan_free(&plan);
    return rc;
}

/* Whoever was given it can send it at any time, until a block spends a coin of it. */
static int check_harmless(struct book *book, const struct book_draft *draft, struct btc_error *err)
{
    sqlite3_stmt *row;
    if (!draft->is_given_out)
        return 0;
    int rc = book_query(book, BOOK_SQL_DRAFT_IS_DEAD, &row, err, "i", draft->id);
    if (rc == BOOK_ROW)
        sqlite3_reset(row);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return btc_fail(err, BTC_EUSAGE,
                    "draft %lld was given out, as a PSBT: others may still sign and send it, and a "
                    "payment in its stead would pay twice; send it, or spend one of its coins "
                    "otherwise: once that is in a block, it can be dropped",
                    (long long)draft->id);
}

int book_drop_draft(struct book *book, int64_t id, struct btc_error *err)
{
    struct book_draft draft;
    int rc = book_get_draft(book, id, &draft, err);
    if (rc == 0 && draft.state == BOOK_SENT)
        return btc_fail(err, BTC_EUSAGE,
                        "draft %lld was sent: a payment can't be dropped, it pays; while it is "
                        "pending, another one with a higher fee can replace it (bump)",
                        (long long)id);
    if (rc == 0 && draft.state == BOOK_GAVE_WAY)
        return btc_fail(err, BTC_EUSAGE,
                        "draft %lld was sent, and gave way: it holds no coins, and is kept as what "
                        "became of them",
                        (long long)id);
    if (rc == 0)
        rc = check_harmless(book, &draft, err);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc != 0)
        return rc;
    return book_end(book, forget_draft(book, id, err), err);
}
