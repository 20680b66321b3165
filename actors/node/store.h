/*
 * Private to the chain engine: the SQLite file behind it, row by row. Nothing here knows a rule of
 * Bitcoin.
 *
 * Functions give 0, CHAIN_ABSENT for a row that is not there, or a negative error with its sentence
 * in store->err.
 */
#ifndef ACTORS_NODE_STORE_H
#define ACTORS_NODE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "actors/node/chain.h"

/* The statements, each prepared once: see the table in store.c. */
enum chain_statement {
    ST_SAVE,
    ST_RELEASE,
    ST_ROLL_BACK_TO,
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLL_BACK,
    ST_HEADER_BY_HASH,
    ST_HEADER_BY_ID,
    ST_HEADER_ADD,
    ST_HEADER_FAIL,
    ST_HEADER_MOST_WORK,
    ST_BRANCH_LEAF,
    ST_BLOCK_ADD,
    ST_BLOCK_FLAG,
    ST_BLOCK_READ,
    ST_BLOCK_VALIDATION,
    ST_UNDO_ADD,
    ST_UNDO_READ,
    ST_UNDO_DELETE,
    ST_ACTIVE_ADD,
    ST_ACTIVE_DELETE,
    ST_ACTIVE_AT,
    ST_ACTIVE_TIP,
    ST_BEST_SET,
    ST_BEST_CUT,
    ST_BEST_AT,
    ST_BEST_TIP,
    ST_COIN_GET,
    ST_COIN_OF_TX,
    ST_COIN_ADD,
    ST_COIN_DELETE,
    ST_TOTALS_GET,
    ST_TOTALS_SET,
    ST_COUNT,
};

struct chain_store {
    sqlite3 *db;
    int lock_fd;
    bool was_killed; /* whoever had it open last did not close it */
    char *path;      /* [owned] of the SQLite file, for error texts */
    struct btc_error
        *err; /* [borrowed] where the current public call wants its error; may be NULL */
    sqlite3_stmt *statements[ST_COUNT];
};

/* Lock the folder, open or create the file and its schema. A new one holds no headers. */
int chain_store_open(struct chain_store *store, const char *datadir,
                     const struct btc_params *params) BTC_MUST_CHECK;
void chain_store_close(struct chain_store *store);

/* All of the file: SQLite's own check of it, and whether coins, active chain and undo data are as
 * many as the totals say. Takes as long as reading it. BTC_ECORRUPT. */
int chain_store_check(struct chain_store *store) BTC_MUST_CHECK;
int64_t chain_store_size(const struct chain_store *store); /* bytes of the file */
/* Write the file anew without its gaps; needs as much room as it has, for that time. */
int chain_store_compact(struct chain_store *store) BTC_MUST_CHECK;

/* For store_open.c: SQLite's last error in our words; statements that are needed when memory is out. */
int chain_store_fail(struct chain_store *store, int code) BTC_MUST_CHECK;
int chain_store_prepare_undoing(struct chain_store *store) BTC_MUST_CHECK;

/*
 * Transactions. A savepoint outside a batch is a transaction of its own; inside one it is a part
 * that can be undone alone. `end` keeps it when rc is 0 and undoes it otherwise; it gives rc back,
 * or the error that keeping it met.
 */
int chain_store_save(struct chain_store *store) BTC_MUST_CHECK;
int chain_store_end(struct chain_store *store, int rc) BTC_MUST_CHECK;
int chain_store_run(struct chain_store *store, enum chain_statement which) BTC_MUST_CHECK;

/* Headers. The ways to find one: by hash, row, or height in one of the two chains; the tips of
 * these. */
int chain_store_find(struct chain_store *store, const struct btc_hash *hash,
                     struct chain_entry *ret_entry) BTC_MUST_CHECK;
int chain_store_get(struct chain_store *store, int64_t id, struct chain_entry *ret_entry)
    BTC_MUST_CHECK;
int chain_store_at(struct chain_store *store, enum chain_statement which, int32_t height,
                   struct chain_entry *ret_entry) BTC_MUST_CHECK; /* ST_ACTIVE_AT, ST_BEST_AT */
int chain_store_top(struct chain_store *store, enum chain_statement which,
                    struct chain_entry *ret_entry)
    BTC_MUST_CHECK; /* ST_ACTIVE_TIP, ST_BEST_TIP, ST_HEADER_MOST_WORK */

/* Add a header row and fill in entry->id. */
int chain_store_add(struct chain_store *store, struct chain_entry *entry) BTC_MUST_CHECK;

/* Run a statement that changes rows and takes up to two numbers. */
int chain_store_change(struct chain_store *store, enum chain_statement which, int64_t first,
                       int64_t second) BTC_MUST_CHECK;

/* The entry with the most work among those behind `id` (itself included) that have blocks without a
 * gap. */
int chain_store_branch_leaf(struct chain_store *store, int64_t id, struct chain_entry *ret_entry)
    BTC_MUST_CHECK;

/* Raw blocks and undo data, by header row. *ret_data is owned by the caller: free(). */
int chain_store_put_blob(struct chain_store *store, enum chain_statement which, int64_t id,
                         const void *data, size_t size) BTC_MUST_CHECK;
int chain_store_get_blob(struct chain_store *store, enum chain_statement which, int64_t id,
                         uint8_t **ret_data, size_t *ret_size) BTC_MUST_CHECK;

/* One unspent output. The script of a coin that was read lives until the next coin is read. */
int chain_store_coin_get(struct chain_store *store, const struct btc_outpoint *outpoint,
                         struct chain_coin *ret_coin) BTC_MUST_CHECK;
int chain_store_coin_of_tx(struct chain_store *store, const struct btc_hash *txid,
                           int32_t *ret_height)
    BTC_MUST_CHECK; /* the height of any unspent output of a transaction */
int chain_store_coin_add(struct chain_store *store, const struct btc_outpoint *outpoint,
                         const struct chain_coin *coin)
    BTC_MUST_CHECK; /* BTC_EINVALID when it is there already */
int chain_store_coin_delete(struct chain_store *store, const struct btc_outpoint *outpoint)
    BTC_MUST_CHECK;

/* The totals of struct chain_stats that are not heights. */
int chain_store_get_totals(struct chain_store *store, struct chain_stats *stats) BTC_MUST_CHECK;
int chain_store_put_totals(struct chain_store *store, const struct chain_stats *stats)
    BTC_MUST_CHECK;

#endif
