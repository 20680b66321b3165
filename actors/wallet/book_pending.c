/*
 * Transactions that are not in a block: payments of the book's own, which it keeps until a block has
 * them or something else has their coins, and what the node's pool shows.
 *
 * No two of them spend the same coin: the one that comes later is right, since it comes from the
 * pool or replaces the other on purpose, and the other goes with all that builds on it. What they
 * spend and make is in tables of its own, so that the rows of the blocks stay what the blocks say.
 */
#include "actors/wallet/book_impl.h"

#include <stdlib.h>
#include <string.h>

#include "actors/wallet/book_spend.h"

/* One transaction on its way in. */
struct arrival {
    const struct btc_tx *tx;
    struct btc_span data;
    int64_t time_s;
    int64_t received;
    int64_t sent;
    int64_t fee; /* -1: not known */
    bool is_own;
    bool is_relevant;
};

static int add_gone(struct book *book, const struct book_entry *entry, struct btc_error *err)
{
    struct book_gone *gone = &book->gone;
    if (gone->count == gone->room) {
        size_t room = gone->room == 0 ? 16 : 2 * gone->room;
        struct book_entry *grown = realloc(gone->entries, room * sizeof(*grown));
        if (grown == NULL)
            return btc_fail(err, BTC_ENOMEM, "no memory for what is no longer pending");
        gone->entries = grown;
        gone->room = room;
    }
    gone->entries[gone->count++] = *entry;
    return 0;
}

/* For book_take_gone(), once it is committed. */
static int note_gone(struct book *book, struct btc_error *err)
{
    sqlite3_stmt *row;
    struct book_entry entry;
    int rc = book_query(book, BOOK_SQL_LIST_GONE, &row, err, "");
    while (rc == BOOK_ROW) {
        rc = book_read_entry(book, row, &entry, err);
        entry.position = 0;
        entry.is_pending = true;
        if (rc == 0)
            rc = add_gone(book, &entry, err);
        rc = book_go_on(book, row, rc, err);
    }
    return rc;
}

size_t book_take_gone(struct book *book, struct book_entry *ret_entries, size_t count_max)
{
    struct book_gone *gone = &book->gone;
    size_t count = gone->count < count_max ? gone->count : count_max;
    if (count > 0)
        memcpy(ret_entries, gone->entries, count * sizeof(*ret_entries));
    gone->count = gone->kept -= count;
    if (gone->count > 0)
        memmove(gone->entries, gone->entries + count, gone->count * sizeof(*gone->entries));
    return count;
}

/* Delete what is marked as gone. */
static int sweep(struct book *book, bool gives_way, struct btc_error *err)
{
    static const enum book_sql steps[] = {BOOK_SQL_PENDING_DELETE_IN, BOOK_SQL_PENDING_DELETE_OUT,
                                          BOOK_SQL_PENDING_DELETE};
    int rc = gives_way ? note_gone(book, err) : 0;
    if (rc == 0 && gives_way)
        rc = book_run(book, BOOK_SQL_PENDING_GIVE_WAY, err, "");
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
        rc = book_run(book, steps[i], err, "");
    return rc;
}

/* The pending transaction that spends this coin: BOOK_ROW, or 0 for none. */
static int find_spender(struct book *book, const struct btc_outpoint *coin, int64_t *ret_id,
                        struct btc_hash *ret_txid, struct btc_error *err)
{
    sqlite3_stmt *row;
    if (!book_may_be_coin(book, coin))
        return 0;
    int rc = book_query(book, BOOK_SQL_PENDING_SPENDER, &row, err, "bi", coin->txid.bytes,
                        (size_t)BTC_HASH_SIZE, (int64_t)coin->index);
    if (rc != BOOK_ROW)
        return rc;
    *ret_id = sqlite3_column_int64(row, 0);
    rc = book_column_bytes(book, row, 1, ret_txid->bytes, BTC_HASH_SIZE, err);
    sqlite3_reset(row);
    return rc < 0 ? rc : BOOK_ROW;
}

/* Everything that spends the coins of `tx`, but itself, gives way. *ret_self: its own id, or 0. */
static int clear_conflicts(struct book *book, const struct btc_tx *tx, int64_t *ret_self,
                           struct btc_error *err)
{
    *ret_self = 0;
    for (size_t i = 0; i < tx->in_count; i++) {
        struct btc_hash txid;
        int64_t id;
        int rc = find_spender(book, &tx->ins[i].prev, &id, &txid, err);
        if (rc == BOOK_ROW && btc_hash_equal(&txid, &tx->txid)) {
            *ret_self = id;
            rc = 0;
        } else if (rc == BOOK_ROW) {
            rc = book_run(book, BOOK_SQL_PENDING_MARK_TREE, err, "i", id);
            if (rc == 0)
                rc = sweep(book, true, err);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A draft of ours that turns up, wherever it was signed and sent, is a sent one. *ret_found. */
static int claim_draft(struct book *book, const struct btc_tx *tx, bool *ret_found,
                       struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_DRAFT_OF_TXID, &row, err, "b", tx->txid.bytes,
                        (size_t)BTC_HASH_SIZE);
    *ret_found = rc == BOOK_ROW;
    if (rc != BOOK_ROW)
        return rc;
    int64_t id = sqlite3_column_int64(row, 0);
    int state = sqlite3_column_int(row, 1);
    sqlite3_reset(row);
    if (state == BOOK_SENT)
        return 0;
    if (state == BOOK_DRAFTED)
        rc = book_run(book, BOOK_SQL_DRAFT_SIGNED, err, "bi", tx->raw.data, tx->raw.size, id);
    else
        rc = 0;
    return rc < 0 ? rc : book_run(book, BOOK_SQL_DRAFT_SENT, err, "i", id);
}

int book_settle_pending(struct book *book, const struct btc_tx *tx, struct btc_error *err)
{
    bool is_near = false;
    bool is_draft;
    int64_t self;
    for (size_t i = 0; i < tx->in_count && !is_near; i++)
        is_near = book_may_be_coin(book, &tx->ins[i].prev);
    if (!is_near)
        return 0;
    int rc = clear_conflicts(book, tx, &self, err);
    if (rc == 0 && self != 0)
        rc = book_run(book, BOOK_SQL_PENDING_MARK, err, "i", self);
    if (rc == 0 && self != 0)
        rc = sweep(book, false, err);
    return rc < 0 ? rc : claim_draft(book, tx, &is_draft, err);
}

/* --- arriving --- */

/* Is there an amount that the statement finds at this coin? */
static int add_spent(struct book *book, enum book_sql which, const struct btc_outpoint *coin,
                     int column, struct arrival *it, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, which, &row, err, "bi", coin->txid.bytes, (size_t)BTC_HASH_SIZE,
                        (int64_t)coin->index);
    if (rc != BOOK_ROW)
        return rc;
    it->sent += sqlite3_column_int64(row, column);
    it->is_relevant = true;
    sqlite3_reset(row);
    return BOOK_ROW;
}

/* What it means for the book. Amounts are in range: btc_tx_check() has seen them. */
static int measure(struct book *book, struct arrival *it, struct btc_error *err)
{
    const struct btc_tx *tx = it->tx;
    size_t known = 0;
    int64_t paid = 0;
    for (size_t i = 0; i < tx->in_count; i++) {
        const struct btc_outpoint *coin = &tx->ins[i].prev;
        if (!book_may_be_coin(book, coin))
            continue;
        int rc = add_spent(book, BOOK_SQL_FIND_COIN, coin, 1, it, err);
        if (rc == 0)
            rc = add_spent(book, BOOK_SQL_PENDING_FIND_OUT, coin, 0, it, err);
        if (rc < 0)
            return rc;
        known += rc == BOOK_ROW;
    }
    for (size_t i = 0; i < tx->out_count; i++) {
        struct book_match match;
        int rc = book_match_output(book, &tx->outs[i], &match, err);
        if (rc < 0)
            return rc;
        paid += tx->outs[i].amount;
        if (rc == BOOK_ROW) {
            it->received += tx->outs[i].amount;
            it->is_relevant = true;
        }
    }
    it->fee = known == tx->in_count ? it->sent - paid : -1;
    if (known == tx->in_count && it->fee < 0)
        return btc_fail(err, BTC_EINVALID, "the transaction spends more than it has");
    return 0;
}

static int insert_in(struct book *book, const struct btc_outpoint *coin, int64_t id,
                     struct btc_error *err)
{
    int rc = book_run(book, BOOK_SQL_PENDING_ADD_IN, err, "bii", coin->txid.bytes,
                      (size_t)BTC_HASH_SIZE, (int64_t)coin->index, id);
    return rc < 0 ? rc : book_sieve_coin(book, coin, err);
}

static int insert_out(struct book *book, const struct btc_tx *tx, size_t index, int64_t id,
                      struct btc_error *err)
{
    const struct btc_outpoint coin = {.txid = tx->txid, .index = (uint32_t)index};
    struct book_match match;
    int rc = book_match_output(book, &tx->outs[index], &match, err);
    if (rc != BOOK_ROW)
        return rc;
    rc = book_run(book, BOOK_SQL_PENDING_ADD_OUT, err, "biiiii", tx->txid.bytes,
                  (size_t)BTC_HASH_SIZE, (int64_t)index, id, match.id, tx->outs[index].amount,
                  (int64_t)match.is_own);
    return rc < 0 ? rc : book_sieve_coin(book, &coin, err);
}

static int insert(struct book *book, const struct arrival *it, struct btc_error *err)
{
    const struct btc_tx *tx = it->tx;
    int64_t self;
    int rc = clear_conflicts(book, tx, &self, err);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_PENDING_ADD, err, "bbiiiii", tx->txid.bytes,
                      (size_t)BTC_HASH_SIZE, it->data.data, it->data.size, it->time_s, it->received,
                      it->sent, it->fee, (int64_t)it->is_own);
    int64_t id = sqlite3_last_insert_rowid(book->db);
    for (size_t i = 0; i < tx->in_count && rc == 0; i++)
        rc = insert_in(book, &tx->ins[i].prev, id, err);
    for (size_t i = 0; i < tx->out_count && rc == 0; i++)
        rc = insert_out(book, tx, i, id, err);
    return rc;
}

/* BOOK_KNOWN: it is in a block or pending. */
static int is_known(struct book *book, const struct btc_hash *txid, struct btc_error *err)
{
    static const enum book_sql places[] = {BOOK_SQL_PENDING_FIND, BOOK_SQL_FIND_ENTRY};
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *row;
        int rc = book_query(book, places[i], &row, err, "b", txid->bytes, (size_t)BTC_HASH_SIZE);
        if (rc == BOOK_ROW)
            sqlite3_reset(row);
        if (rc != 0)
            return rc < 0 ? rc : BOOK_KNOWN;
    }
    return 0;
}

static int check_room(struct book *book, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_PENDING_COUNT, &row, err, "");
    if (rc != BOOK_ROW)
        return rc;
    int64_t count = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    if (count < BOOK_PENDING_MAX)
        return 0;
    return btc_fail(err, BTC_ELIMIT, "%d transactions are pending: no more are kept",
                    BOOK_PENDING_MAX);
}

/* An output that the book took no notice of when its transaction came: nobody watched its script. */
static int complete_out(struct book *book, const struct arrival *it, size_t index, int64_t id,
                        int64_t *received, struct btc_error *err)
{
    const struct btc_tx *tx = it->tx;
    sqlite3_stmt *row;
    struct book_match match;
    int rc = book_match_output(book, &tx->outs[index], &match, err);
    if (rc == BOOK_ROW) {
        rc = book_query(book, BOOK_SQL_PENDING_FIND_OUT, &row, err, "bi", tx->txid.bytes,
                        (size_t)BTC_HASH_SIZE, (int64_t)index);
        if (rc == BOOK_ROW)
            sqlite3_reset(row);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        *received += tx->outs[index].amount;
        rc = insert_out(book, tx, index, id, err);
    }
    return rc;
}

/* It is known: is there more in it than when it came? BOOK_KNOWN: no. */
static int complete(struct book *book, const struct arrival *it, struct btc_error *err)
{
    sqlite3_stmt *row;
    int64_t received = 0;
    int rc = book_query(book, BOOK_SQL_PENDING_FIND, &row, err, "b", it->tx->txid.bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc != BOOK_ROW)
        return rc < 0 ? rc : BOOK_KNOWN;
    int64_t id = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    rc = book_mark_used(book, it->tx, 1, err);
    for (size_t i = 0; i < it->tx->out_count && rc == 0; i++)
        rc = complete_out(book, it, i, id, &received, err);
    if (rc != 0 || received == 0)
        return rc < 0 ? rc : BOOK_KNOWN;
    return book_run(book, BOOK_SQL_PENDING_RECEIVE, err, "ii", received, id);
}

static int take_in(struct book *book, struct arrival *it, struct btc_error *err)
{
    int rc = is_known(book, &it->tx->txid, err);
    if (rc == BOOK_KNOWN)
        return complete(book, it, err);
    if (rc == 0)
        rc = book_mark_used(book, it->tx, 1, err);
    if (rc == 0)
        rc = measure(book, it, err);
    if (rc != 0)
        return rc;
    if (!it->is_relevant)
        return BOOK_NONE;
    rc = claim_draft(book, it->tx, &it->is_own, err);
    if (rc == 0 && !it->is_own)
        rc = check_room(book, err);
    return rc < 0 ? rc : insert(book, it, err);
}

int book_add_pending(struct book *book, const void *data, size_t size, int64_t time_s,
                     struct btc_error *err)
{
    struct btc_tx tx;
    int rc = btc_tx_parse(data, size, &tx, err);
    if (rc < 0)
        return rc;
    struct arrival it = {.tx = &tx, .data = {data, size}, .time_s = time_s};
    rc = btc_tx_check(&tx, err);
    if (rc == 0 && btc_tx_is_coinbase(&tx))
        rc = btc_fail(err, BTC_EINVALID, "a coinbase comes in blocks only");
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc == 0)
        rc = book_end(book, take_in(book, &it, err), err);
    btc_tx_free(&tx);
    return rc;
}

/* The draft of this id, and what it replaces, zero for none. BOOK_ROW, or 0: no draft is it. */
static int find_draft(struct book *book, const struct btc_hash *txid, int64_t *ret_id,
                      int *ret_state, struct btc_hash *ret_replaces, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_DRAFT_OF_TXID, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc != BOOK_ROW)
        return rc;
    *ret_id = sqlite3_column_int64(row, 0);
    *ret_state = sqlite3_column_int(row, 1);
    *ret_replaces = (struct btc_hash){{0}};
    if (sqlite3_column_type(row, 2) != SQLITE_NULL)
        rc = book_column_bytes(book, row, 2, ret_replaces->bytes, BTC_HASH_SIZE, err);
    sqlite3_reset(row);
    return rc < 0 ? rc : BOOK_ROW;
}

/* A payment was given up: what it was to replace is with the node still, and pending again. */
static int restore_replaced(struct book *book, const struct btc_hash *txid, struct btc_error *err)
{
    struct btc_hash replaced;
    struct btc_hash earlier;
    int64_t id;
    int state;
    int rc = find_draft(book, txid, &id, &state, &replaced, err);
    if (rc != BOOK_ROW || btc_hash_is_zero(&replaced))
        return rc < 0 ? rc : 0;
    rc = find_draft(book, &replaced, &id, &state, &earlier, err);
    if (rc != BOOK_ROW || state != BOOK_GAVE_WAY)
        return rc < 0 ? rc : 0;
    const struct book_recall recall = {.drafts = &id, .count = 1};
    return book_restore_own(book, &recall, err);
}

int book_drop_pending(struct book *book, const struct btc_hash *txid, enum book_drop why,
                      struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_PENDING_FIND, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return btc_fail(err, BOOK_NONE, "no such transaction is pending");
    int64_t id = sqlite3_column_int64(row, 0);
    bool is_own = sqlite3_column_int(row, 5) != 0;
    sqlite3_reset(row);
    if (is_own && why == BOOK_DROP_EVICTED)
        return 0;
    rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    rc = book_run(book, BOOK_SQL_PENDING_MARK_TREE, err, "i", id);
    if (rc == 0)
        rc = sweep(book, true, err);
    if (rc == 0 && is_own && why == BOOK_DROP_ABANDONED)
        rc = restore_replaced(book, txid, err);
    return book_end(book, rc, err);
}

int book_pending_is_lost(struct book *book, const struct btc_hash *txid, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_PENDING_IS_LOST, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc != BOOK_ROW)
        return rc < 0 ? rc : btc_fail(err, BOOK_NONE, "a block can have it");
    sqlite3_reset(row);
    return 0;
}

int book_list_unconfirmed(struct book *book, int64_t *cursor, struct btc_hash *ret_txids,
                          size_t count_max, size_t *ret_count, struct btc_error *err)
{
    sqlite3_stmt *row;
    size_t count = 0;
    int64_t last = 0;
    if (count_max == 0)
        return btc_fail(err, BTC_EUSAGE, "a page must have room for one item");
    int rc = book_query(book, BOOK_SQL_LIST_UNCONFIRMED, &row, err, "ii", *cursor,
                        (int64_t)count_max);
    while (rc == BOOK_ROW) {
        last = sqlite3_column_int64(row, 0);
        rc = book_column_bytes(book, row, 1, ret_txids[count++].bytes, BTC_HASH_SIZE, err);
        rc = book_go_on(book, row, rc, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : last;
    *ret_count = count;
    return 0;
}

/* --- own payments --- */

int book_add_own_pending(struct book *book, int64_t draft_id, int64_t time_s, struct btc_error *err)
{
    sqlite3_stmt *row;
    struct btc_tx tx = {0};
    struct arrival it = {.tx = &tx, .time_s = time_s};
    int rc = book_query(book, BOOK_SQL_DRAFT_DATA, &row, err, "i", draft_id);
    if (rc != BOOK_ROW)
        return rc < 0 ? rc
                      : btc_fail(err, BTC_ECORRUPT, "%s is damaged: it lacks its draft %lld",
                                 book->path, (long long)draft_id);
    it.data = (struct btc_span){sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0)};
    int64_t sent = sqlite3_column_int64(row, 1);
    int64_t fee = sqlite3_column_int64(row, 2);
    rc = btc_tx_parse(it.data.data, it.data.size, &tx, err);
    if (rc == BTC_EFORMAT)
        rc = btc_fail_within(err, BTC_ECORRUPT, "%s is damaged: its draft %lld: ", book->path,
                             (long long)draft_id);
    if (rc == 0)
        rc = is_known(book, &tx.txid, err);
    if (rc == 0)
        rc = book_mark_used(book, &tx, 1, err);
    if (rc == 0)
        rc = measure(book, &it, err);
    it.sent = sent;
    it.fee = fee;
    it.is_own = true;
    if (rc == 0)
        rc = insert(book, &it, err);
    btc_tx_free(&tx);
    sqlite3_reset(row);
    return rc < 0 ? rc : book_run(book, BOOK_SQL_DRAFT_SENT, err, "i", draft_id);
}

int book_recall_own(struct book *book, int32_t height, struct book_recall *ret_recall,
                    struct btc_error *err)
{
    struct book_recall recall = {0};
    sqlite3_stmt *row;
    size_t room = 0;
    int rc = book_query(book, BOOK_SQL_SENT_ABOVE, &row, err, "i", (int64_t)height);
    while (rc == BOOK_ROW) {
        if (recall.count == room) {
            room = room > 0 ? 2 * room : 16;
            int64_t *grown = realloc(recall.drafts, room * sizeof(*grown));
            if (!grown) {
                sqlite3_reset(row);
                rc = btc_fail(err, BTC_ENOMEM, "%s: no memory to go back", book->path);
                break;
            }
            recall.drafts = grown;
        }
        recall.drafts[recall.count++] = sqlite3_column_int64(row, 0);
        rc = book_next(book, row, err);
    }
    if (rc < 0) {
        book_recall_free(&recall);
        return rc;
    }
    *ret_recall = recall;
    return 0;
}

int book_restore_own(struct book *book, const struct book_recall *recall, struct btc_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < recall->count && rc == 0; i++) {
        sqlite3_stmt *row;
        int64_t made_s = 0;
        rc = book_query(book, BOOK_SQL_DRAFT_DATA, &row, err, "i", recall->drafts[i]);
        if (rc == BOOK_ROW) {
            made_s = sqlite3_column_int64(row, 3);
            sqlite3_reset(row);
            rc = 0;
        }
        if (rc == 0)
            rc = book_add_own_pending(book, recall->drafts[i], made_s, err);
    }
    return rc;
}

void book_recall_free(struct book_recall *recall)
{
    free(recall->drafts);
    *recall = (struct book_recall){0};
}

/* --- what it comes to --- */

int book_add_pending_sums(struct book *book, const struct book_state *state,
                          struct book_balance *balance, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_PENDING_SUM_OUT, &row, err, "");
    while (rc == BOOK_ROW) {
        int64_t amount = sqlite3_column_int64(row, 1);
        balance->pending += amount;
        if (sqlite3_column_int(row, 0) == 0)
            balance->watch_only += amount;
        rc = book_next(book, row, err);
    }
    if (rc == 0)
        rc = book_query(book, BOOK_SQL_PENDING_SUM_IN, &row, err, "ii", (int64_t)state->height,
                        (int64_t)BTC_COINBASE_MATURITY);
    while (rc == BOOK_ROW) {
        int64_t amount = sqlite3_column_int64(row, 2);
        *(sqlite3_column_int(row, 1) != 0 ? &balance->immature : &balance->confirmed) -= amount;
        if (sqlite3_column_int(row, 0) == 0)
            balance->watch_only -= amount;
        rc = book_next(book, row, err);
    }
    return rc;
}

/* --- coins locked by hand --- */

int book_lock_coins(struct book *book, const struct btc_outpoint *coins, size_t count,
                    bool is_locked, struct btc_error *err)
{
    int rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = book_run(book, is_locked ? BOOK_SQL_LOCK_COIN : BOOK_SQL_UNLOCK_COIN, err, "bi",
                      coins[i].txid.bytes, (size_t)BTC_HASH_SIZE, (int64_t)coins[i].index);
    return book_end(book, rc, err);
}
