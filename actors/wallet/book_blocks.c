/*
 * Taking blocks in and undoing them.
 *
 * A block is read twice: first for its outputs only, until no more scripts are used that the book
 * has to look beyond (a payment may be to a script that is only known once an earlier one is seen
 * as used, and the order in a block need not be the order in which addresses were given out); then
 * in full. Both passes ask the sieve first, so a block that has nothing for the book costs no
 * lookup.
 */
#include "actors/wallet/book_impl.h"

#include <string.h>

/* A block on its way into the book. */
struct intake {
    struct book *book;
    const struct btc_block *block;
    struct book_state state; /* as it will be after the block */
    size_t entry_count;
    struct btc_error *err;
};

/* What one transaction does to the book. */
struct effect {
    int64_t received;
    int64_t sent;
    size_t own_in_count;
    bool is_relevant;
};

static void outpoint_bytes(const struct btc_outpoint *outpoint,
                           uint8_t ret_bytes[BOOK_OUTPOINT_SIZE])
{
    memcpy(ret_bytes, outpoint->txid.bytes, BTC_HASH_SIZE);
    memcpy(ret_bytes + BTC_HASH_SIZE, &outpoint->index, sizeof(outpoint->index));
}

int book_sieve_coin(struct book *book, const struct btc_outpoint *outpoint, struct btc_error *err)
{
    uint8_t bytes[BOOK_OUTPOINT_SIZE];
    outpoint_bytes(outpoint, bytes);
    int rc = sieve_add(&book->sieve, bytes, sizeof(bytes));
    return rc < 0 ? btc_fail(err, rc, "%s: no memory for its coins", book->path) : 0;
}

static int sieve_all(struct book *book, enum book_sql which, struct btc_error *err)
{
    sqlite3_stmt *row;
    struct btc_outpoint outpoint;
    int rc = book_query(book, which, &row, err, "");
    while (rc == BOOK_ROW) {
        outpoint.index = (uint32_t)sqlite3_column_int64(row, 1);
        rc = book_column_bytes(book, row, 0, outpoint.txid.bytes, BTC_HASH_SIZE, err);
        if (rc == 0)
            rc = book_sieve_coin(book, &outpoint, err);
        rc = book_go_on(book, row, rc, err);
    }
    return rc;
}

int book_sieve_coins(struct book *book, struct btc_error *err)
{
    int rc = sieve_all(book, BOOK_SQL_ALL_COINS, err);
    return rc < 0 ? rc : sieve_all(book, BOOK_SQL_PENDING_COINS, err);
}

bool book_may_be_coin(const struct book *book, const struct btc_outpoint *outpoint)
{
    uint8_t bytes[BOOK_OUTPOINT_SIZE];
    outpoint_bytes(outpoint, bytes);
    return sieve_has(&book->sieve, bytes, sizeof(bytes));
}

int book_sum_coins(struct book *book, struct book_state *state, struct btc_error *err)
{
    sqlite3_stmt *row;
    memset(state->sums, 0, sizeof(state->sums));
    int rc = book_query(book, BOOK_SQL_SUM_COINS, &row, err, "ii", (int64_t)state->height,
                        (int64_t)BTC_COINBASE_MATURITY);
    while (rc == BOOK_ROW) {
        state->sums[sqlite3_column_int(row, 0) != 0][sqlite3_column_int(row, 1) != 0] =
            sqlite3_column_int64(row, 2);
        rc = book_next(book, row, err);
    }
    return rc;
}

int book_match_output(struct book *book, const struct btc_tx_out *out, struct book_match *ret_match,
                      struct btc_error *err)
{
    sqlite3_stmt *row;
    if (!sieve_has(&book->sieve, out->script.data, out->script.size) ||
        btc_script_is_unspendable(out->script))
        return 0;
    int rc = book_query(book, BOOK_SQL_FIND_SCRIPT, &row, err, "b", out->script.data,
                        out->script.size);
    if (rc != BOOK_ROW)
        return rc;
    ret_match->id = sqlite3_column_int64(row, 0);
    ret_match->is_own = sqlite3_column_int(row, 1) != 0;
    ret_match->is_used = sqlite3_column_int(row, 2) != 0;
    ret_match->is_ranged = sqlite3_column_int(row, 3) != 0;
    sqlite3_reset(row);
    return BOOK_ROW;
}

/* First pass: mark scripts as used; *ret_own_used tells whether one of many newly is. */
static int mark_once(struct book *book, const struct btc_tx *txs, size_t count,
                     bool *ret_ranged_used, struct btc_error *err)
{
    *ret_ranged_used = false;
    for (size_t i = 0; i < count; i++) {
        const struct btc_tx *tx = &txs[i];
        for (size_t j = 0; j < tx->out_count; j++) {
            struct book_match match;
            int rc = book_match_output(book, &tx->outs[j], &match, err);
            if (rc < 0)
                return rc;
            if (rc == 0 || match.is_used)
                continue;
            rc = book_run(book, BOOK_SQL_USE_SCRIPT, err, "i", match.id);
            if (rc < 0)
                return rc;
            *ret_ranged_used |= match.is_ranged;
        }
    }
    return 0;
}

int book_mark_used(struct book *book, const struct btc_tx *txs, size_t count, struct btc_error *err)
{
    bool has_grown = true;
    while (has_grown) {
        bool is_ranged_used;
        int rc = mark_once(book, txs, count, &is_ranged_used, err);
        has_grown = false;
        if (rc == 0 && is_ranged_used)
            rc = book_extend(book, &has_grown, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_amount(struct intake *in, bool is_own, bool is_immature, int64_t amount)
{
    int64_t *sum = &in->state.sums[is_own][is_immature];
    if (__builtin_add_overflow(*sum, amount, sum) || *sum < 0)
        return btc_fail(in->err, BTC_EINVALID, "block %d: amounts that cannot be",
                        in->state.height);
    return 0;
}

/* Coinbase outputs that can be spent from this block on. */
static int mature_coins(struct intake *in)
{
    sqlite3_stmt *row;
    int rc = book_query(in->book, BOOK_SQL_MATURING, &row, in->err, "i",
                        (int64_t)in->state.height - BTC_COINBASE_MATURITY);
    while (rc == BOOK_ROW) {
        bool is_own = sqlite3_column_int(row, 0) != 0;
        int64_t amount = sqlite3_column_int64(row, 1);
        rc = add_amount(in, is_own, true, -amount);
        if (rc == 0)
            rc = add_amount(in, is_own, false, amount);
        rc = book_go_on(in->book, row, rc, in->err);
    }
    return rc;
}

/* Is there an unspent coin at this outpoint? Then *ret_row stands on it, until sqlite3_reset(). */
static int find_coin(struct intake *in, const struct btc_outpoint *outpoint, sqlite3_stmt **ret_row)
{
    if (!book_may_be_coin(in->book, outpoint))
        return 0;
    return book_query(in->book, BOOK_SQL_FIND_COIN, ret_row, in->err, "bi", outpoint->txid.bytes,
                      (size_t)BTC_HASH_SIZE, (int64_t)outpoint->index);
}

static int spend_input(struct intake *in, const struct btc_tx_in *input, struct effect *effect)
{
    sqlite3_stmt *row;
    int rc = find_coin(in, &input->prev, &row);
    if (rc != BOOK_ROW)
        return rc;
    int64_t id = sqlite3_column_int64(row, 0);
    int64_t amount = sqlite3_column_int64(row, 1);
    bool is_immature = book_is_immature(sqlite3_column_int(row, 3) != 0, sqlite3_column_int(row, 2),
                                        in->state.height);
    bool is_own = sqlite3_column_int(row, 4) != 0;
    sqlite3_reset(row);
    effect->sent += amount;
    effect->own_in_count++;
    effect->is_relevant = true;
    rc = add_amount(in, is_own, is_immature, -amount);
    if (rc < 0)
        return rc;
    return book_run(in->book, BOOK_SQL_SPEND_COIN, in->err, "ii", (int64_t)in->state.height, id);
}

static int take_output(struct intake *in, const struct btc_tx *tx, size_t index, bool is_coinbase,
                       struct effect *effect)
{
    const struct btc_tx_out *out = &tx->outs[index];
    const struct btc_outpoint outpoint = {.txid = tx->txid, .index = (uint32_t)index};
    struct book_match match;
    sqlite3_stmt *row;

    int rc = book_match_output(in->book, out, &match, in->err);
    if (rc <= 0)
        return rc;
    if (out->amount < 0 || out->amount > BTC_MONEY_MAX)
        return btc_fail(in->err, BTC_EINVALID, "block %d: an output of %lld satoshi",
                        in->state.height, (long long)out->amount);
    /* Two early coinbases were repeated: the network has one coin for both (BIP30), and so has the
     * book. */
    rc = find_coin(in, &outpoint, &row);
    if (rc == BOOK_ROW)
        sqlite3_reset(row);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    effect->received += out->amount;
    effect->is_relevant = true;
    rc = book_run(in->book, BOOK_SQL_ADD_COIN, in->err, "biiiiii", tx->txid.bytes,
                  (size_t)BTC_HASH_SIZE, (int64_t)index, (int64_t)in->state.height, match.id,
                  out->amount, (int64_t)is_coinbase, (int64_t)match.is_own);
    if (rc == 0)
        rc = book_sieve_coin(in->book, &outpoint, in->err);
    return rc < 0 ? rc : add_amount(in, match.is_own, is_coinbase, out->amount);
}

/* What is left over, when every input is known; else -1. */
static int compute_fee(const struct intake *in, const struct btc_tx *tx, bool is_coinbase,
                       const struct effect *effect, int64_t *ret_fee)
{
    if (is_coinbase || effect->own_in_count < tx->in_count) {
        *ret_fee = -1;
        return 0;
    }
    int64_t fee = effect->sent;
    for (size_t i = 0; i < tx->out_count; i++)
        fee -= tx->outs[i].amount; /* in range: btc_tx_check() has seen them */
    if (fee < 0)
        return btc_fail(in->err, BTC_EINVALID, "block %d: a transaction spends more than it has",
                        in->state.height);
    *ret_fee = fee;
    return 0;
}

static int take_tx(struct intake *in, size_t position)
{
    const struct btc_tx *tx = &in->block->txs[position];
    bool is_coinbase = btc_tx_is_coinbase(tx);
    struct effect effect = {0};
    int64_t fee = -1;
    int rc = is_coinbase ? 0 : book_settle_pending(in->book, tx, in->err);

    for (size_t i = 0; i < tx->in_count && rc == 0 && !is_coinbase; i++)
        rc = spend_input(in, &tx->ins[i], &effect);
    for (size_t i = 0; i < tx->out_count && rc == 0; i++)
        rc = take_output(in, tx, i, is_coinbase, &effect);
    if (rc < 0 || !effect.is_relevant)
        return rc;
    rc = btc_tx_check(tx, in->err);
    if (rc < 0)
        return btc_fail_within(in->err, rc, "block %d, transaction %zu: ", in->state.height,
                               position);
    rc = compute_fee(in, tx, is_coinbase, &effect, &fee);
    if (rc < 0)
        return rc;
    in->entry_count++;
    return book_run(in->book, BOOK_SQL_ADD_ENTRY, in->err, "iibiiiii", (int64_t)in->state.height,
                    (int64_t)position, tx->txid.bytes, (size_t)BTC_HASH_SIZE,
                    (int64_t)in->block->header.time_s, effect.received, effect.sent, fee,
                    (int64_t)is_coinbase);
}

/* Within a transaction: everything that the block changes. */
static int take_block(struct intake *in, int32_t height)
{
    int rc = book_mark_used(in->book, in->block->txs, in->block->tx_count, in->err);
    if (rc == 0)
        rc = book_get_state(in->book, &in->state, in->err);
    in->state.height = height;
    if (rc == 0)
        rc = mature_coins(in);
    for (size_t i = 0; i < in->block->tx_count && rc == 0; i++)
        rc = take_tx(in, i);
    if (rc == 0)
        rc = book_run(in->book, BOOK_SQL_ADD_BLOCK, in->err, "ib", (int64_t)height,
                      in->block->hash.bytes, (size_t)BTC_HASH_SIZE);
    if (rc == 0)
        rc = book_run(in->book, BOOK_SQL_PRUNE_BLOCKS, in->err, "i",
                      (int64_t)height - BOOK_BLOCKS_MAX);
    return rc < 0 ? rc : book_set_state(in->book, &in->state, in->err);
}

/* 0 when the block is the next one, else an outcome. */
static int place_block(struct book *book, int32_t height, const struct btc_hash *hash,
                       const struct btc_hash *prev_hash, struct btc_error *err)
{
    struct book_state state;
    struct btc_hash known;

    int rc = book_get_state(book, &state, err);
    if (rc < 0)
        return rc;
    if (height > state.height + 1)
        return BOOK_AHEAD;
    bool is_next = height == state.height + 1;
    rc = book_find_block(book, is_next ? state.height : height, &known, err);
    if (rc == BOOK_NONE) /* so long ago that only the height is known */
        return is_next ? 0 : BOOK_KNOWN;
    if (rc < 0)
        return rc;
    if (!btc_hash_equal(&known, is_next ? prev_hash : hash))
        return BOOK_FORK;
    return is_next ? 0 : BOOK_KNOWN;
}

int book_apply_block(struct book *book, int32_t height, const struct btc_hash *hash,
                     const struct btc_hash *prev_hash, const void *data, size_t size,
                     size_t *ret_changes, struct btc_error *err)
{
    struct btc_block block;
    struct intake in = {.book = book, .block = &block, .err = err};

    int rc = place_block(book, height, hash, prev_hash, err);
    if (rc != 0)
        return rc;
    rc = btc_block_parse(data, size, &block, err);
    if (rc < 0)
        return btc_fail_within(err, rc, "block %d: ", height);
    if (!btc_hash_equal(&block.hash, hash) || !btc_hash_equal(&block.header.prev, prev_hash)) {
        rc = btc_fail(err, BTC_EFORMAT, "block %d: its bytes are not the block announced", height);
    } else {
        rc = book_begin(book, false, err);
        if (rc == 0)
            rc = book_end(book, take_block(&in, height), err);
    }
    btc_block_free(&block);
    if (rc == 0 && ret_changes)
        *ret_changes = in.entry_count;
    return rc;
}
