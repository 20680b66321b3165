/* What a person asks of the book: balance and lists, each page one index range. */
#include "actors/wallet/book_impl.h"

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
    *ret_balance = (struct book_balance){
        .confirmed = state.sums[0][0] + state.sums[1][0],
        .immature = state.sums[0][1] + state.sums[1][1],
        .watch_only = state.sums[0][0] + state.sums[0][1],
    };
    return 0;
}

static int read_entry(struct book *book, sqlite3_stmt *row, struct book_entry *ret_entry,
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

int book_list_entries(struct book *book, int64_t *cursor, struct book_entry *ret_items,
                      size_t count_max, size_t *ret_count, struct btc_error *err)
{
    sqlite3_stmt *row;
    size_t count = 0;
    int rc = check_page(count_max, err);
    if (rc < 0)
        return rc;
    rc = book_query(book, BOOK_SQL_LIST_ENTRIES, &row, err, "iii", cursor_height(*cursor),
                    cursor_ordinal(*cursor), (int64_t)count_max);
    while (rc == BOOK_ROW) {
        rc = read_entry(book, row, &ret_items[count++], err);
        if (rc < 0)
            sqlite3_reset(row);
        else
            rc = book_next(book, row, err);
    }
    if (rc < 0)
        return rc;
    const struct book_entry *last = &ret_items[count_max - 1];
    *cursor = count < count_max ? 0 : make_cursor(last->height, last->position);
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
    };
    book_read_script(book, row, 6, &ret_coin->script);
    return book_column_bytes(book, row, 1, ret_coin->outpoint.txid.bytes, BTC_HASH_SIZE, err);
}

int book_list_coins(struct book *book, int64_t *cursor, struct book_coin *ret_items,
                    size_t count_max, size_t *ret_count, struct btc_error *err)
{
    sqlite3_stmt *row;
    struct book_state state;
    size_t count = 0;
    int64_t last_id = 0;
    int rc = check_page(count_max, err);
    if (rc == 0)
        rc = book_get_state(book, &state, err);
    if (rc < 0)
        return rc;
    rc = book_query(book, BOOK_SQL_LIST_COINS, &row, err, "iii", cursor_height(*cursor),
                    cursor_ordinal(*cursor), (int64_t)count_max);
    while (rc == BOOK_ROW) {
        last_id = sqlite3_column_int64(row, 0);
        rc = read_coin(book, row, state.height, &ret_items[count++], err);
        if (rc < 0)
            sqlite3_reset(row);
        else
            rc = book_next(book, row, err);
    }
    if (rc < 0)
        return rc;
    *cursor = count < count_max ? 0 : make_cursor(ret_items[count_max - 1].height, last_id);
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
