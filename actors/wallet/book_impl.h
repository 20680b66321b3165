/*
 * What the files of the book share: its struct, its statements, and how they are run. Nobody else
 * includes this.
 *
 * The database is the only truth. In memory there are only the public nodes of the two chains,
 * which never change, and a sieve of scripts and unspent coins, which may hold more than is true
 * but never less; so a transaction that is rolled back leaves nothing to repair.
 */
#ifndef ACTORS_WALLET_BOOK_IMPL_H
#define ACTORS_WALLET_BOOK_IMPL_H

#include <sqlite3.h>

#include "actors/bitcoin/bip32.h"
#include "actors/wallet/book.h"
#include "actors/wallet/sieve.h"

#define BOOK_OUTPOINT_SIZE 36 /* bytes in the sieve: txid, index in the machine's order */

enum book_sql {
    BOOK_SQL_BEGIN,
    BOOK_SQL_COMMIT,
    BOOK_SQL_ROLLBACK,
    BOOK_SQL_STATE,
    BOOK_SQL_SET_STATE,
    BOOK_SQL_BLOCK,
    BOOK_SQL_ADD_BLOCK,
    BOOK_SQL_PRUNE_BLOCKS,
    BOOK_SQL_FORGET_BLOCKS,
    BOOK_SQL_ADD_SCRIPT,
    BOOK_SQL_ADD_OWN_SCRIPT,
    BOOK_SQL_FIND_SCRIPT,
    BOOK_SQL_USE_SCRIPT,
    BOOK_SQL_GIVE_SCRIPT,
    BOOK_SQL_LABEL_SCRIPT,
    BOOK_SQL_CHAIN_STATE,
    BOOK_SQL_CHAIN_SCRIPT,
    BOOK_SQL_OWN_COINS,
    BOOK_SQL_ADD_COIN,
    BOOK_SQL_FIND_COIN,
    BOOK_SQL_SPEND_COIN,
    BOOK_SQL_MATURING,
    BOOK_SQL_UNSPEND_COINS,
    BOOK_SQL_FORGET_COINS,
    BOOK_SQL_SUM_COINS,
    BOOK_SQL_ADD_ENTRY,
    BOOK_SQL_FORGET_ENTRIES,
    BOOK_SQL_SUM_ENTRIES,
    BOOK_SQL_LIST_ENTRIES,
    BOOK_SQL_LIST_COINS,
    BOOK_SQL_LIST_SCRIPTS,
    BOOK_SQL_ALL_SCRIPTS,
    BOOK_SQL_ALL_COINS,
    BOOK_SQL_SENTENCE,
    BOOK_SQL_COUNT,
};

struct book {
    sqlite3 *db;
    sqlite3_stmt *statements[BOOK_SQL_COUNT]; /* prepared at first use */
    const struct btc_params *params;
    struct btc_hd_node chains[2]; /* public */
    struct sieve sieve;
    char *path; /* of the file, for messages */
};

/* The row that every block updates. Sums: [is own][is immature]. */
struct book_state {
    int32_t height;
    int64_t sums[2][2];
};

/* --- book_db.c: running statements --- */

/*
 * Bind and start a statement. `types` has a letter for each parameter: i int64_t, t text (NULL
 * allowed), b pointer and size_t. BOOK_ROW: columns of *ret_statement may be read, until
 * sqlite3_reset(); 0: it is done, and reset.
 */
#define BOOK_ROW 1
int book_query(struct book *book, enum book_sql which, sqlite3_stmt **ret_statement,
               struct btc_error *err, const char *types, ...) BTC_MUST_CHECK;

/* The next row of a started statement: as book_query(). */
int book_next(struct book *book, sqlite3_stmt *statement, struct btc_error *err) BTC_MUST_CHECK;

/* Run a statement that gives no rows. */
int book_run(struct book *book, enum book_sql which, struct btc_error *err, const char *types, ...)
    BTC_MUST_CHECK;

/* Run fixed SQL text, for opening. */
int book_exec(struct book *book, const char *sql, struct btc_error *err) BTC_MUST_CHECK;

/* Turn SQLite's last error into ours. Never gives 0. */
int book_db_fail(struct book *book, struct btc_error *err);

/*
 * One transaction. `is_durable`: on the disk when book_end() returns, also if the machine then
 * loses power; otherwise only the file's consistency is sure, and blocks are simply applied again.
 * book_end() commits when rc >= 0, else rolls back; it gives rc or the failure of the commit.
 *
 * Rolling back must not need memory: a transaction that stays open would swallow all later ones. So
 * it is prepared once the file has its tables (which spoils what was prepared before); until then
 * closing the file is the way back.
 */
int book_prepare_undoing(struct book *book, struct btc_error *err) BTC_MUST_CHECK;
int book_begin(struct book *book, bool is_durable, struct btc_error *err) BTC_MUST_CHECK;
int book_end(struct book *book, int rc, struct btc_error *err) BTC_MUST_CHECK;

/* A column of exactly `size` bytes, copied; anything else is BTC_ECORRUPT. */
int book_column_bytes(struct book *book, sqlite3_stmt *statement, int column, void *ret_bytes,
                      size_t size, struct btc_error *err) BTC_MUST_CHECK;

/* A text column, cut to size_max bytes with the NUL; NULL reads as "". */
void book_column_text(sqlite3_stmt *statement, int column, char *ret_text, size_t size_max);

int book_get_state(struct book *book, struct book_state *ret_state, struct btc_error *err)
    BTC_MUST_CHECK;
int book_set_state(struct book *book, const struct book_state *state, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- book_scripts.c --- */

/* Know BOOK_GAP_LIMIT scripts beyond the last one used or given out of both chains. *ret_has_grown
 * (may be NULL) tells whether there are new ones. Within a transaction. */
int book_extend(struct book *book, bool *ret_has_grown, struct btc_error *err) BTC_MUST_CHECK;

/* Read a script's columns, which start at `column` in the order of BOOK_SCRIPT_COLUMNS. */
#define BOOK_SCRIPT_COLUMNS "s.id, s.chain, s.child, s.used, s.label, s.script"
void book_read_script(struct book *book, sqlite3_stmt *statement, int column,
                      struct book_script *ret_script);

/* --- book_blocks.c, book_chain.c --- */

/* Can a coin made in block `height` not be spent yet, in a chain whose last block is `tip`? */
static inline bool book_is_immature(bool is_coinbase, int32_t height, int32_t tip)
{
    return is_coinbase && tip - height < BTC_COINBASE_MATURITY;
}

/* Add up the unspent coins as of state->height into state->sums. */
int book_sum_coins(struct book *book, struct book_state *state, struct btc_error *err)
    BTC_MUST_CHECK;

/* Forget what is above `height`, within a transaction; nothing when the book ends below. */
int book_forget_above(struct book *book, int32_t height, struct btc_error *err) BTC_MUST_CHECK;

/* Put all unspent coins into the sieve. */
int book_sieve_coins(struct book *book, struct btc_error *err) BTC_MUST_CHECK;

#endif
