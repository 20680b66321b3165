/* The rows in the SQLite file of a chain: see store.h. */
#include "actors/node/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/bitcoin/sqlite.h"

#define FLAG_BLOCK  1 /* headers.flags: the raw block is in `blocks` */
#define FLAG_FAILED 2 /* it or an ancestor broke a rule */

#define ENTRY \
    "h.id,h.prev,h.height,h.hash,h.header,h.work,h.period_time,h.flags,h.validation,h.tx_count"

static const char *const statement_texts[ST_COUNT] = {
    [ST_SAVE] = "SAVEPOINT step",
    [ST_RELEASE] = "RELEASE step",
    [ST_ROLL_BACK_TO] = "ROLLBACK TO step",
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_ROLL_BACK] = "ROLLBACK",
    [ST_HEADER_BY_HASH] = "SELECT " ENTRY " FROM headers h WHERE hash=?1",
    [ST_HEADER_BY_ID] = "SELECT " ENTRY " FROM headers h WHERE id=?1",
    [ST_HEADER_ADD] = "INSERT INTO headers(prev,height,hash,header,work,period_time)"
                      " VALUES(?1,?2,?3,?4,?5,?6)",
    [ST_HEADER_FAIL] = "WITH RECURSIVE d(id) AS (VALUES(?1) UNION ALL"
                       " SELECT h.id FROM headers h JOIN d ON h.prev=d.id)"
                       " UPDATE headers SET flags=flags|2 WHERE id IN d",
    [ST_HEADER_MOST_WORK] = "SELECT " ENTRY " FROM headers h WHERE flags&2=0"
                            " ORDER BY work DESC, id LIMIT 1",
    [ST_BRANCH_LEAF] = "WITH RECURSIVE d(id) AS (VALUES(?1) UNION ALL"
                       " SELECT h.id FROM headers h JOIN d ON h.prev=d.id WHERE h.flags&3=1)"
                       " SELECT " ENTRY " FROM headers h JOIN d ON h.id=d.id"
                       " ORDER BY h.work DESC, h.id LIMIT 1",
    [ST_BLOCK_ADD] = "INSERT INTO blocks(id,data) VALUES(?1,?2)",
    [ST_BLOCK_FLAG] = "UPDATE headers SET flags=flags|1, tx_count=?2 WHERE id=?1",
    [ST_BLOCK_READ] = "SELECT data FROM blocks WHERE id=?1",
    [ST_BLOCK_VALIDATION] = "UPDATE headers SET validation=?2 WHERE id=?1",
    [ST_UNDO_ADD] = "INSERT INTO undo(id,data) VALUES(?1,?2)",
    [ST_UNDO_READ] = "SELECT data FROM undo WHERE id=?1",
    [ST_UNDO_DELETE] = "DELETE FROM undo WHERE id=?1",
    [ST_ACTIVE_ADD] = "INSERT INTO active(height,id) VALUES(?1,?2)",
    [ST_ACTIVE_DELETE] = "DELETE FROM active WHERE height=?1",
    [ST_ACTIVE_AT] = "SELECT " ENTRY " FROM active a JOIN headers h ON h.id=a.id WHERE a.height=?1",
    [ST_ACTIVE_TIP] = "SELECT " ENTRY " FROM active a JOIN headers h ON h.id=a.id"
                      " ORDER BY a.height DESC LIMIT 1",
    [ST_BEST_SET] = "INSERT OR REPLACE INTO best(height,id) VALUES(?1,?2)",
    [ST_BEST_CUT] = "DELETE FROM best WHERE height>?1",
    [ST_BEST_AT] = "SELECT " ENTRY " FROM best b JOIN headers h ON h.id=b.id WHERE b.height=?1",
    [ST_BEST_TIP] = "SELECT " ENTRY " FROM best b JOIN headers h ON h.id=b.id"
                    " ORDER BY b.height DESC LIMIT 1",
    [ST_COIN_GET] = "SELECT amount,height,coinbase,script FROM coins WHERE txid=?1 AND vout=?2",
    [ST_COIN_OF_TX] = "SELECT height FROM coins WHERE txid=?1 LIMIT 1",
    [ST_COIN_ADD] = "INSERT INTO coins(txid,vout,amount,height,coinbase,script)"
                    " VALUES(?1,?2,?3,?4,?5,?6)",
    [ST_COIN_DELETE] = "DELETE FROM coins WHERE txid=?1 AND vout=?2",
    [ST_TOTALS_GET] = "SELECT txs,coins,amount,signatures,partial FROM totals",
    [ST_TOTALS_SET] = "UPDATE totals SET txs=?1,coins=?2,amount=?3,signatures=?4,partial=?5",
};

/* SQLite's last error in our words. */
int chain_store_fail(struct chain_store *store, int code)
{
    if ((code & 0xff) != SQLITE_CORRUPT && (code & 0xff) != SQLITE_NOTADB)
        return btc_sqlite_fail(store->err, store->db, code, store->path);
    return btc_fail(store->err, BTC_ECORRUPT, "%s is damaged (%s); move it away and import again",
                    store->path, sqlite3_errmsg(store->db));
}

static int damaged(struct chain_store *store, const char *what)
{
    return btc_fail(store->err, BTC_ECORRUPT, "%s: %s is not what was stored; import again",
                    store->path, what);
}

/* The statement, ready to bind. It is left reset by everyone who used it, so that no read stays
 * open. */
static int prepared(struct chain_store *store, enum chain_statement which, sqlite3_stmt **ret)
{
    if (store->statements[which] == NULL) {
        int code = sqlite3_prepare_v3(store->db, statement_texts[which], -1,
                                      SQLITE_PREPARE_PERSISTENT, &store->statements[which], NULL);
        if (code != SQLITE_OK)
            return chain_store_fail(store, code);
    }
    *ret = store->statements[which];
    return 0;
}

/* Run a bound statement that gives no row. */
static int finish(struct chain_store *store, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    int rc = 0;
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        rc = chain_store_fail(store, code);
    sqlite3_reset(statement);
    return rc;
}

int chain_store_run(struct chain_store *store, enum chain_statement which)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, which, &statement);
    return rc != 0 ? rc : finish(store, statement);
}

int chain_store_change(struct chain_store *store, enum chain_statement which, int64_t first,
                       int64_t second)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, which, &statement);
    if (rc != 0)
        return rc;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_int64(statement, 2, second);
    return finish(store, statement);
}

int chain_store_save(struct chain_store *store)
{
    return chain_store_run(store, ST_SAVE);
}

int chain_store_end(struct chain_store *store, int rc)
{
    sqlite3_reset(store->statements[ST_COIN_GET]); /* the last coin read is over: see there */
    if (rc == 0)
        rc = chain_store_run(store, ST_RELEASE);
    if (rc >= 0 || sqlite3_get_autocommit(store->db))
        return rc; /* SQLite itself may have rolled everything back: on a full disk, for one */
    struct btc_error *err = store->err; /* keep the first reason */
    store->err = NULL;
    if (chain_store_run(store, ST_ROLL_BACK_TO) == 0)
        (void)!chain_store_run(store, ST_RELEASE);
    store->err = err;
    return rc;
}

/* Undoing must not need memory: a transaction that can't be undone would swallow all later ones. */
int chain_store_prepare_undoing(struct chain_store *store)
{
    static const enum chain_statement undoing[] = {ST_ROLL_BACK, ST_ROLL_BACK_TO, ST_RELEASE};
    sqlite3_stmt *statement;
    int rc = 0;
    for (size_t i = 0; i < sizeof(undoing) / sizeof(undoing[0]) && rc == 0; i++)
        rc = prepared(store, undoing[i], &statement);
    return rc;
}

/* ---- close ---- */

void chain_store_close(struct chain_store *store)
{
    for (int i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db); /* rolls back what is open */
    free(store->path);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
}

/* ---- headers ---- */

static bool column_bytes(sqlite3_stmt *row, int column, void *ret_bytes, int size)
{
    const void *data = sqlite3_column_blob(row, column);
    if (data == NULL || sqlite3_column_bytes(row, column) != size)
        return false;
    memcpy(ret_bytes, data, (size_t)size);
    return true;
}

/* Step a statement that selects ENTRY and read its one row. */
static int read_entry(struct chain_store *store, sqlite3_stmt *row, struct chain_entry *ret_entry)
{
    int code = sqlite3_step(row);
    int rc = 0;
    struct chain_entry entry;
    uint8_t header[BTC_HEADER_SIZE];
    if (code == SQLITE_DONE) {
        rc = CHAIN_ABSENT;
    } else if (code != SQLITE_ROW) {
        rc = chain_store_fail(store, code);
    } else if (!column_bytes(row, 3, entry.hash.bytes, BTC_HASH_SIZE) ||
               !column_bytes(row, 4, header, BTC_HEADER_SIZE) ||
               !column_bytes(row, 5, entry.work.bytes, sizeof(entry.work.bytes))) {
        rc = damaged(store, "a header");
    } else {
        int flags = sqlite3_column_int(row, 7);
        btc_header_parse(header, &entry.header);
        entry.id = sqlite3_column_int64(row, 0);
        entry.prev_id = sqlite3_column_int64(row, 1);
        entry.height = sqlite3_column_int(row, 2);
        entry.period_time_s = (uint32_t)sqlite3_column_int64(row, 6);
        entry.has_block = (flags & FLAG_BLOCK) != 0;
        entry.failed = (flags & FLAG_FAILED) != 0;
        entry.validation = (enum chain_validation)sqlite3_column_int(row, 8);
        entry.tx_count = (uint32_t)sqlite3_column_int64(row, 9);
        *ret_entry = entry;
    }
    sqlite3_reset(row);
    return rc;
}

int chain_store_find(struct chain_store *store, const struct btc_hash *hash,
                     struct chain_entry *ret_entry)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, ST_HEADER_BY_HASH, &statement);
    if (rc != 0)
        return rc;
    sqlite3_bind_blob(statement, 1, hash->bytes, BTC_HASH_SIZE, SQLITE_STATIC);
    return read_entry(store, statement, ret_entry);
}

static int read_entry_by(struct chain_store *store, enum chain_statement which, int64_t number,
                         struct chain_entry *ret_entry)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, which, &statement);
    if (rc != 0)
        return rc;
    if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_int64(statement, 1, number);
    return read_entry(store, statement, ret_entry);
}

int chain_store_get(struct chain_store *store, int64_t id, struct chain_entry *ret_entry)
{
    return read_entry_by(store, ST_HEADER_BY_ID, id, ret_entry);
}

int chain_store_at(struct chain_store *store, enum chain_statement which, int32_t height,
                   struct chain_entry *ret_entry)
{
    return read_entry_by(store, which, height, ret_entry);
}

int chain_store_top(struct chain_store *store, enum chain_statement which,
                    struct chain_entry *ret_entry)
{
    return read_entry_by(store, which, 0, ret_entry);
}

int chain_store_branch_leaf(struct chain_store *store, int64_t id, struct chain_entry *ret_entry)
{
    return read_entry_by(store, ST_BRANCH_LEAF, id, ret_entry);
}

int chain_store_add(struct chain_store *store, struct chain_entry *entry)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, ST_HEADER_ADD, &statement);
    if (rc != 0)
        return rc;
    uint8_t header[BTC_HEADER_SIZE];
    btc_header_write(&entry->header, header);
    sqlite3_bind_int64(statement, 1, entry->prev_id);
    sqlite3_bind_int64(statement, 2, entry->height);
    sqlite3_bind_blob(statement, 3, entry->hash.bytes, BTC_HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 4, header, sizeof(header), SQLITE_STATIC);
    sqlite3_bind_blob(statement, 5, entry->work.bytes, sizeof(entry->work.bytes), SQLITE_STATIC);
    sqlite3_bind_int64(statement, 6, entry->period_time_s);
    rc = finish(store, statement);
    sqlite3_clear_bindings(statement);
    if (rc == 0)
        entry->id = sqlite3_last_insert_rowid(store->db);
    return rc;
}

/* ---- blobs and coins ---- */

int chain_store_put_blob(struct chain_store *store, enum chain_statement which, int64_t id,
                         const void *data, size_t size)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, which, &statement);
    if (rc != 0)
        return rc;
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_blob64(statement, 2, data, size, SQLITE_STATIC);
    rc = finish(store, statement);
    sqlite3_clear_bindings(statement);
    return rc;
}

int chain_store_get_blob(struct chain_store *store, enum chain_statement which, int64_t id,
                         uint8_t **ret_data, size_t *ret_size)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, which, &statement);
    if (rc != 0)
        return rc;
    sqlite3_bind_int64(statement, 1, id);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        size_t size = (size_t)sqlite3_column_bytes(statement, 0);
        uint8_t *data = malloc(size + 1);
        if (data == NULL) {
            rc = btc_fail(store->err, BTC_ENOMEM, "no memory for %zu bytes", size);
        } else {
            if (size > 0)
                memcpy(data, sqlite3_column_blob(statement, 0), size);
            *ret_data = data;
            *ret_size = size;
        }
    } else {
        rc = code == SQLITE_DONE ? CHAIN_ABSENT : chain_store_fail(store, code);
    }
    sqlite3_reset(statement);
    return rc;
}

static int bind_outpoint(struct chain_store *store, enum chain_statement which,
                         const struct btc_outpoint *outpoint, sqlite3_stmt **ret_statement)
{
    int rc = prepared(store, which, ret_statement);
    if (rc != 0)
        return rc;
    sqlite3_reset(*ret_statement); /* ST_COIN_GET keeps its row, for the script in it */
    sqlite3_bind_blob(*ret_statement, 1, outpoint->txid.bytes, BTC_HASH_SIZE, SQLITE_STATIC);
    sqlite3_bind_int64(*ret_statement, 2, outpoint->index);
    return 0;
}

int chain_store_coin_get(struct chain_store *store, const struct btc_outpoint *outpoint,
                         struct chain_coin *ret_coin)
{
    sqlite3_stmt *row = NULL;
    int rc = bind_outpoint(store, ST_COIN_GET, outpoint, &row);
    if (rc != 0)
        return rc;
    int code = sqlite3_step(row);
    if (code != SQLITE_ROW) {
        sqlite3_reset(row);
        return code == SQLITE_DONE ? CHAIN_ABSENT : chain_store_fail(store, code);
    }
    *ret_coin = (struct chain_coin){
        .found = true,
        .amount = sqlite3_column_int64(row, 0),
        .height = sqlite3_column_int(row, 1),
        .coinbase = sqlite3_column_int(row, 2) != 0,
    };
    ret_coin->script.data = sqlite3_column_blob(row, 3);
    ret_coin->script.size = (size_t)sqlite3_column_bytes(row, 3);
    return 0;
}

int chain_store_coin_of_tx(struct chain_store *store, const struct btc_hash *txid,
                           int32_t *ret_height)
{
    sqlite3_stmt *row = NULL;
    int rc = prepared(store, ST_COIN_OF_TX, &row);
    if (rc != 0)
        return rc;
    sqlite3_bind_blob(row, 1, txid->bytes, BTC_HASH_SIZE, SQLITE_STATIC);
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW)
        *ret_height = sqlite3_column_int(row, 0);
    sqlite3_reset(row);
    return code == SQLITE_ROW    ? 0
           : code == SQLITE_DONE ? CHAIN_ABSENT
                                 : chain_store_fail(store, code);
}

int chain_store_coin_add(struct chain_store *store, const struct btc_outpoint *outpoint,
                         const struct chain_coin *coin)
{
    sqlite3_stmt *statement = NULL;
    int rc = bind_outpoint(store, ST_COIN_ADD, outpoint, &statement);
    if (rc != 0)
        return rc;
    sqlite3_bind_int64(statement, 3, coin->amount);
    sqlite3_bind_int64(statement, 4, coin->height);
    sqlite3_bind_int64(statement, 5, coin->coinbase);
    /* A NULL pointer would bind NULL, and an empty script is not NULL. */
    sqlite3_bind_blob64(statement, 6, coin->script.size > 0 ? coin->script.data : (const void *)"",
                        coin->script.size, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    if (code == SQLITE_CONSTRAINT_PRIMARYKEY)
        rc = btc_fail(store->err, BTC_EINVALID,
                      "an unspent output of a transaction with the same id is still there (BIP30)");
    else if (code != SQLITE_DONE)
        rc = chain_store_fail(store, code);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc;
}

int chain_store_coin_delete(struct chain_store *store, const struct btc_outpoint *outpoint)
{
    sqlite3_stmt *statement = NULL;
    int rc = bind_outpoint(store, ST_COIN_DELETE, outpoint, &statement);
    return rc != 0 ? rc : finish(store, statement);
}

/* ---- totals ---- */

int chain_store_get_totals(struct chain_store *store, struct chain_stats *stats)
{
    sqlite3_stmt *row = NULL;
    int rc = prepared(store, ST_TOTALS_GET, &row);
    if (rc != 0)
        return rc;
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        stats->tx_count = sqlite3_column_int64(row, 0);
        stats->coin_count = sqlite3_column_int64(row, 1);
        stats->coin_amount = sqlite3_column_int64(row, 2);
        stats->signature_count = sqlite3_column_int64(row, 3);
        stats->partial_count = sqlite3_column_int64(row, 4);
    } else {
        rc = code == SQLITE_DONE ? damaged(store, "the row of totals")
                                 : chain_store_fail(store, code);
    }
    sqlite3_reset(row);
    return rc;
}

int chain_store_put_totals(struct chain_store *store, const struct chain_stats *stats)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepared(store, ST_TOTALS_SET, &statement);
    if (rc != 0)
        return rc;
    sqlite3_bind_int64(statement, 1, stats->tx_count);
    sqlite3_bind_int64(statement, 2, stats->coin_count);
    sqlite3_bind_int64(statement, 3, stats->coin_amount);
    sqlite3_bind_int64(statement, 4, stats->signature_count);
    sqlite3_bind_int64(statement, 5, stats->partial_count);
    return finish(store, statement);
}
