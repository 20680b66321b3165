/* Where the book stands in the chain, and the way back. */
#include "actors/wallet/book_impl.h"

int book_synced(struct book *book, int32_t *ret_height, struct btc_hash *ret_hash,
                struct btc_error *err)
{
    struct book_state state;
    struct btc_hash hash = {{0}};

    int rc = book_get_state(book, &state, err);
    if (rc == 0)
        rc = book_find_block(book, state.height, &hash, err);
    if (rc < 0)
        return rc;
    *ret_height = state.height;
    *ret_hash = hash;
    return 0;
}

int book_find_block(struct book *book, int32_t height, struct btc_hash *ret_hash,
                    struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_BLOCK, &row, err, "i", (int64_t)height);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return BOOK_NONE;
    rc = book_column_bytes(book, row, 0, ret_hash->bytes, BTC_HASH_SIZE, err);
    sqlite3_reset(row);
    return rc;
}

static int forget(struct book *book, struct book_state *state, int32_t height,
                  struct btc_error *err)
{
    /* Coins made above were also spent above, so by the second statement they are all unspent. */
    static const enum book_sql steps[] = {BOOK_SQL_UNSPEND_COINS, BOOK_SQL_FORGET_COINS,
                                          BOOK_SQL_FORGET_ENTRIES, BOOK_SQL_FORGET_BLOCKS};
    int rc = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
        rc = book_run(book, steps[i], err, "i", (int64_t)height);
    state->height = height;
    if (rc == 0)
        rc = book_sum_coins(book, state, err);
    if (rc == 0)
        rc = book_set_state(book, state, err);
    return rc < 0 ? rc : book_sieve_coins(book, err);
}

int book_forget_above(struct book *book, int32_t height, struct btc_error *err)
{
    struct book_state state;
    struct book_recall recall;
    int rc = book_get_state(book, &state, err);
    if (rc < 0 || state.height <= height)
        return rc;
    rc = book_recall_own(book, height, &recall, err);
    if (rc < 0)
        return rc;
    rc = forget(book, &state, height, err);
    if (rc == 0)
        rc = book_restore_own(book, &recall, err);
    book_recall_free(&recall);
    return rc;
}

int book_rewind(struct book *book, int32_t height, struct btc_error *err)
{
    int rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    return book_end(book, book_forget_above(book, height < 0 ? 0 : height, err), err);
}

int book_rescan_from(struct book *book, int32_t from_height, struct btc_error *err)
{
    return book_rewind(book, from_height < 1 ? 0 : from_height - 1, err);
}

int book_disconnect_block(struct book *book, int32_t height, const struct btc_hash *hash,
                          struct btc_error *err)
{
    struct book_state state;
    struct btc_hash known;

    int rc = book_get_state(book, &state, err);
    if (rc < 0)
        return rc;
    if (height > state.height)
        return BOOK_KNOWN;
    if (height < state.height || height < 1)
        return BOOK_FORK;
    rc = book_find_block(book, height, &known, err);
    if (rc < 0)
        return rc;
    if (rc == 0 && !btc_hash_equal(&known, hash))
        return BOOK_FORK;
    return book_rewind(book, height - 1, err);
}
