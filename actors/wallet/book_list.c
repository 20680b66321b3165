/* What a person asks of the book: balance and lists, each page one index range. */
#include "actors/wallet/book_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/wallet/book_draft.h"
#include "actors/wallet/book_spend.h"

#define ORDINAL_BITS 32 /* of a cursor: below the height */

/* Where a list goes on: (height, ordinal) of the last item shown, as one number above 0. */
static int64_t make_cursor(int32_t height, int64_t ordinal)
{
    return ((int64_t)height << ORDINAL_BITS | (ordinal & UINT32_MAX)) + 1;
}

static int64_t cursor_height(int64_t cursor)
{
    return cursor <= 0 ? INT64_MAX : (cursor - 1) >> ORDINAL_BITS;
}

static int64_t cursor_ordinal(int64_t cursor)
{
    return cursor <= 0 ? INT64_MAX : (cursor - 1) & UINT32_MAX;
}

/* What is pending comes first: at its items cursors are above those of all heights. */
static bool is_among_pending(int64_t cursor)
{
    return cursor_height(cursor) >= INT32_MAX && cursor_ordinal(cursor) > 0;
}

/* Where to go on among the blocks' items. */
static int64_t below_pending(int64_t cursor)
{
    return is_among_pending(cursor) ? BOOK_CURSOR_BLOCKS : cursor;
}

static int check_page(size_t count_max, struct btc_error *err)
{
    return count_max > 0 ? 0 : btc_fail(err, BTC_EUSAGE, "a page must have room for one item");
}

int book_balance(struct book *book, struct book_balance *ret_balance, struct btc_error *err)
{
    struct book_state state;
    int rc = book_get_state(book, &state, err);
    if (rc < 0)
        return rc;
    struct book_balance balance = {
        .confirmed = state.sums[0][0] + state.sums[1][0],
        .immature = state.sums[0][1] + state.sums[1][1],
        .watch_only = state.sums[0][0] + state.sums[0][1],
    };
    rc = book_add_pending_sums(book, &state, &balance, err);
    if (rc == 0)
        *ret_balance = balance;
    return rc;
}

int book_read_entry(struct book *book, sqlite3_stmt *row, struct book_entry *ret_entry,
                    struct btc_error *err)
{
    *ret_entry = (struct book_entry){
        .height = sqlite3_column_int(row, 0),
        .position = (uint32_t)sqlite3_column_int64(row, 1),
        .time_s = sqlite3_column_int64(row, 3),
        .received = sqlite3_column_int64(row, 4),
        .sent = sqlite3_column_int64(row, 5),
        .fee = sqlite3_column_int64(row, 6),
        .is_coinbase = sqlite3_column_int(row, 7) != 0,
    };
    ret_entry->net = ret_entry->received - ret_entry->sent;
    return book_column_bytes(book, row, 2, ret_entry->txid.bytes, BTC_HASH_SIZE, err);
}

/* Fill a page from *count on with rows of one of both lists; *cursor is then at the last one. */
static int page_entries(struct book *book, bool is_pending, int64_t *cursor,
                        struct book_entry *ret_items, size_t count_max, size_t *count,
                        struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, is_pending ? BOOK_SQL_LIST_PENDING : BOOK_SQL_LIST_ENTRIES, &row, err,
                        "iii", cursor_height(*cursor), cursor_ordinal(*cursor),
                        (int64_t)(count_max - *count));
    while (rc == BOOK_ROW) {
        struct book_entry *item = &ret_items[(*count)++];
        rc = book_read_entry(book, row, item, err);
        *cursor = make_cursor(is_pending ? INT32_MAX : item->height, item->position);
        item->is_pending = is_pending;
        if (is_pending)
            item->position = 0;
        rc = book_go_on(book, row, rc, err);
    }
    return rc;
}

int book_list_entries(struct book *book, int64_t *cursor, struct book_entry *ret_items,
                      size_t count_max, size_t *ret_count, struct btc_error *err)
{
    size_t count = 0;
    int64_t at = *cursor;
    int rc = check_page(count_max, err);
    if (rc == 0 && is_among_pending(at))
        rc = page_entries(book, true, &at, ret_items, count_max, &count, err);
    if (rc == 0 && count < count_max) {
        at = below_pending(at);
        rc = page_entries(book, false, &at, ret_items, count_max, &count, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : at;
    *ret_count = count;
    return 0;
}

static int read_coin(struct book *book, sqlite3_stmt *row, int32_t tip, struct book_coin *ret_coin,
                     struct btc_error *err)
{
    int32_t height = sqlite3_column_int(row, 4);
    bool is_coinbase = sqlite3_column_int(row, 5) != 0;
    *ret_coin = (struct book_coin){
        .outpoint.index = (uint32_t)sqlite3_column_int64(row, 2),
        .amount = sqlite3_column_int64(row, 3),
        .height = height,
        .is_coinbase = is_coinbase,
        .is_mature = !book_is_immature(is_coinbase, height, tip),
        .is_locked = sqlite3_column_int(row, 6) != 0,
        .is_held = sqlite3_column_int(row, 7) != 0,
    };
    book_read_script(book, row, 8, &ret_coin->script);
    return book_column_bytes(book, row, 1, ret_coin->outpoint.txid.bytes, BTC_HASH_SIZE, err);
}

static int page_coins(struct book *book, bool is_pending, int64_t *cursor,
                      struct book_coin *ret_items, size_t count_max, size_t *count,
                      struct btc_error *err)
{
    sqlite3_stmt *row;
    struct book_state state;
    int rc = book_get_state(book, &state, err);
    if (rc == 0)
        rc = book_query(book, is_pending ? BOOK_SQL_LIST_PENDING_COINS : BOOK_SQL_LIST_COINS, &row,
                        err, "iiii", (int64_t)time(NULL) - BOOK_DRAFT_HOLD_S,
                        cursor_height(*cursor), cursor_ordinal(*cursor),
                        (int64_t)(count_max - *count));
    while (rc == BOOK_ROW) {
        struct book_coin *item = &ret_items[(*count)++];
        int64_t id = sqlite3_column_int64(row, 0);
        rc = read_coin(book, row, state.height, item, err);
        *cursor = make_cursor(is_pending ? INT32_MAX : item->height, id);
        item->is_pending = is_pending;
        rc = book_go_on(book, row, rc, err);
    }
    return rc;
}

int book_list_coins(struct book *book, int64_t *cursor, struct book_coin *ret_items,
                    size_t count_max, size_t *ret_count, struct btc_error *err)
{
    size_t count = 0;
    int64_t at = *cursor;
    int rc = check_page(count_max, err);
    if (rc == 0 && is_among_pending(at))
        rc = page_coins(book, true, &at, ret_items, count_max, &count, err);
    if (rc == 0 && count < count_max) {
        at = below_pending(at);
        rc = page_coins(book, false, &at, ret_items, count_max, &count, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : at;
    *ret_count = count;
    return 0;
}

int book_list_scripts(struct book *book, int64_t *cursor, struct book_script *ret_items,
                      size_t count_max, size_t *ret_count, struct btc_error *err)
{
    sqlite3_stmt *row;
    size_t count = 0;
    int rc = check_page(count_max, err);
    if (rc < 0)
        return rc;
    rc = book_query(book, BOOK_SQL_LIST_SCRIPTS, &row, err, "ii", *cursor, (int64_t)count_max);
    while (rc == BOOK_ROW) {
        book_read_script(book, row, 0, &ret_items[count++]);
        rc = book_next(book, row, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : ret_items[count_max - 1].id;
    *ret_count = count;
    return 0;
}

int book_list_pending_scripts(struct book *book, const struct btc_hash *txid, int64_t *cursor,
                              struct book_script *ret_items, size_t count_max, size_t *ret_count,
                              struct btc_error *err)
{
    sqlite3_stmt *row;
    size_t count = 0;
    int64_t next = 0;
    int rc = check_page(count_max, err);
    if (rc < 0)
        return rc;
    rc = book_query(book, BOOK_SQL_LIST_PENDING_SCRIPTS, &row, err, "bii", txid->bytes,
                    (size_t)BTC_HASH_SIZE, *cursor, (int64_t)count_max);
    while (rc == BOOK_ROW) {
        book_read_script(book, row, 0, &ret_items[count++]);
        next = sqlite3_column_int64(row, 6) + 1;
        rc = book_next(book, row, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : next;
    *ret_count = count;
    return 0;
}

/* What is not in a block has no place in one. */
static int find_tx(struct book *book, const struct btc_hash *txid, struct book_tx *tx,
                   struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_FIND_ENTRY, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
    if (rc == 0) {
        rc = book_query(book, BOOK_SQL_FIND_PENDING, &row, err, "b", txid->bytes,
                        (size_t)BTC_HASH_SIZE);
        tx->entry.is_pending = rc == BOOK_ROW;
    }
    if (rc <= 0)
        return rc < 0 ? rc : book_tell_gone(book, txid, BOOK_NONE, err);
    bool is_pending = tx->entry.is_pending;
    rc = book_read_entry(book, row, &tx->entry, err);
    tx->entry.is_pending = is_pending;
    if (is_pending) {
        tx->entry.position = 0;
        if (rc == 0)
            rc = book_column_copy(row, 8, &tx->data, &tx->size, err);
    }
    sqlite3_reset(row);
    return rc;
}

int book_get_tx(struct book *book, const struct btc_hash *txid, struct book_tx *ret_tx,
                struct btc_error *err)
{
    sqlite3_stmt *row;
    struct book_tx tx = {0};
    int rc = find_tx(book, txid, &tx, err);
    if (rc != 0)
        return rc;
    rc = book_query(book, BOOK_SQL_DRAFT_OF_TXID, &row, err, "b", txid->bytes,
                    (size_t)BTC_HASH_SIZE);
    if (rc == BOOK_ROW) {
        tx.draft_id = sqlite3_column_int64(row, 0);
        rc = 0;
        if (sqlite3_column_type(row, 2) != SQLITE_NULL)
            rc = book_column_bytes(book, row, 2, tx.replaces.bytes, BTC_HASH_SIZE, err);
        if (rc == 0 && !tx.data)
            rc = book_column_copy(row, 3, &tx.data, &tx.size, err);
        sqlite3_reset(row);
    }
    if (rc < 0)
        free(tx.data);
    else
        *ret_tx = tx;
    return rc;
}
