/*
 * What the files of the book share: its struct, its statements, and how they are run. Nobody else
 * includes this.
 *
 * The database is the only truth. In memory there are only the public nodes of the chains, which
 * never change, the secret while it is unlocked, and a sieve of scripts and unspent coins, which may hold more than is true
 * but never less; so a transaction that is rolled back leaves nothing to repair.
 */
#ifndef ACTORS_WALLET_BOOK_IMPL_H
#define ACTORS_WALLET_BOOK_IMPL_H

#include <sqlite3.h>

#include "actors/bitcoin/bip32.h"
#include "actors/wallet/book.h"
#include "actors/wallet/keys.h"
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
    BOOK_SQL_OWN_SCRIPTS,
    BOOK_SQL_ALL_COINS,
    BOOK_SQL_SEED,
    BOOK_SQL_SET_SEED,
    BOOK_SQL_WALLET,
    BOOK_SQL_ADD_WALLET,
    BOOK_SQL_SET_ACCOUNTS,
    BOOK_SQL_FIND_KEY,
    BOOK_SQL_FIND_ENTRY,
    BOOK_SQL_FIND_PENDING,
    BOOK_SQL_PENDING_COUNT,
    BOOK_SQL_PENDING_ADD,
    BOOK_SQL_PENDING_ADD_IN,
    BOOK_SQL_PENDING_ADD_OUT,
    BOOK_SQL_PENDING_FIND,
    BOOK_SQL_PENDING_RECEIVE,
    BOOK_SQL_PENDING_SPENDER,
    BOOK_SQL_PENDING_FIND_OUT,
    BOOK_SQL_PENDING_MARK,
    BOOK_SQL_PENDING_MARK_TREE,
    BOOK_SQL_PENDING_GIVE_WAY,
    BOOK_SQL_PENDING_DELETE_IN,
    BOOK_SQL_PENDING_DELETE_OUT,
    BOOK_SQL_PENDING_DELETE,
    BOOK_SQL_PENDING_SUM_OUT,
    BOOK_SQL_PENDING_SUM_IN,
    BOOK_SQL_PENDING_OWN_OUTS,
    BOOK_SQL_PENDING_COINS,
    BOOK_SQL_LIST_GONE,
    BOOK_SQL_LIST_PENDING,
    BOOK_SQL_LIST_PENDING_COINS,
    BOOK_SQL_LIST_PENDING_SCRIPTS,
    BOOK_SQL_LIST_UNCONFIRMED,
    BOOK_SQL_SENT_ABOVE,
    BOOK_SQL_DRAFT_OF_TXID,
    BOOK_SQL_DRAFT_SENT,
    BOOK_SQL_DRAFT_SIGNED,
    BOOK_SQL_DRAFT_GIVEN_OUT,
    BOOK_SQL_DRAFT_DATA,
    BOOK_SQL_DRAFT,
    BOOK_SQL_LIST_DRAFTS,
    BOOK_SQL_DRAFT_IS_DEAD,
    BOOK_SQL_DRAFT_INPUTS,
    BOOK_SQL_ADD_DRAFT,
    BOOK_SQL_ADD_DRAFT_INPUT,
    BOOK_SQL_DROP_DRAFT,
    BOOK_SQL_DROP_DRAFT_INPUTS,
    BOOK_SQL_OPEN_DRAFTS,
    BOOK_SQL_CANDIDATES,
    BOOK_SQL_SUM_CANDIDATES,
    BOOK_SQL_SPENDABLE,
    BOOK_SQL_COIN_EXISTS,
    BOOK_SQL_ANY_COIN,
    BOOK_SQL_CHANGE_SCRIPT,
    BOOK_SQL_PENDING_IS_LOST,
    BOOK_SQL_PENDING_TREE,
    BOOK_SQL_DRAFT_HEIR,
    BOOK_SQL_DESCRIPTOR,
    BOOK_SQL_COUNT_DESCRIPTORS,
    BOOK_SQL_ADD_DESCRIPTOR,
    BOOK_SQL_KNOW_DESCRIPTOR,
    BOOK_SQL_ADD_SOURCE_SCRIPT,
    BOOK_SQL_LOCK_COIN,
    BOOK_SQL_UNLOCK_COIN,
    BOOK_SQL_COUNT,
};

#define BOOK_CHAINS (KEYS_ACCOUNTS * KEYS_CHAINS) /* script.chain: 2 * account + chain */

struct book_secret;

/* What is no longer pending, since something else has its coins, until book_take_gone(). */
struct book_gone {
    struct book_entry *entries;
    size_t room;
    size_t count;
    size_t kept; /* of them, by what is committed */
};

struct book {
    sqlite3 *db;
    sqlite3_stmt *statements[BOOK_SQL_COUNT]; /* prepared at first use */
    struct book_gone gone;
    const struct btc_params *params;
    struct btc_hd_node accounts[KEYS_ACCOUNTS]; /* public */
    struct btc_hd_node chains[BOOK_CHAINS];     /* public */
    uint8_t fingerprint[KEYS_FINGERPRINT_SIZE]; /* of the root */
    struct book_secret *secret;                 /* [owned] while an encrypted book is unlocked */
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
/* The same in a loop, after a row of which reading ended with `rc`: negative, and it is the last. */
int book_go_on(struct book *book, sqlite3_stmt *statement, int rc, struct btc_error *err)
    BTC_MUST_CHECK;

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

/* A column of any bytes, copied. [owned] *ret_bytes: free(). */
int book_column_copy(sqlite3_stmt *statement, int column, uint8_t **ret_bytes, size_t *ret_size,
                     struct btc_error *err) BTC_MUST_CHECK;

/* A text column, cut to size_max bytes with the NUL; NULL reads as "". */
void book_column_text(sqlite3_stmt *statement, int column, char *ret_text, size_t size_max);

int book_get_state(struct book *book, struct book_state *ret_state, struct btc_error *err)
    BTC_MUST_CHECK;
int book_set_state(struct book *book, const struct book_state *state, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- book_schema.c --- */

/* See whose file it is; make the book when it is nobody's yet, migrate an older one. Within a
 * transaction. */
int book_check_file(struct book *book, const struct book_options *options, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- book_keys.c --- */

/* Choose or restore the entropy of a new book, and store it. Within a transaction. */
int book_make_keys(struct book *book, const char *sentence, const char *passphrase,
                   struct btc_error *err) BTC_MUST_CHECK;

/* Store what an older book lacks of its keys' public part. Within a transaction. */
int book_complete_keys(struct book *book, struct btc_error *err) BTC_MUST_CHECK;

/* Read network and accounts, and derive the chains' public nodes. */
int book_load_keys(struct book *book, struct btc_error *err) BTC_MUST_CHECK;

/* The secret entropy, or BOOK_LOCKED. The caller wipes it. */
int book_entropy(struct book *book, uint8_t ret_entropy[BTC_BIP39_ENTROPY_SIZE_MAX],
                 size_t *ret_size, struct btc_error *err) BTC_MUST_CHECK;

/* Where the key of an own script lies. BOOK_NONE: not an own one. */
struct book_key_place {
    enum keys_account account;
    uint32_t chain;
    uint32_t index;
};
int book_find_key(struct book *book, struct btc_span script, struct book_key_place *ret_place,
                  struct btc_error *err) BTC_MUST_CHECK;

/* Secrets for some signatures, on the stack: opened, used and closed (wiped) within one call.
 * book_signer_open(): BOOK_LOCKED. */
struct book_signer {
    struct btc_hd_node accounts[KEYS_ACCOUNTS];
};
int book_signer_open(struct book *book, struct book_signer *ret_signer, struct btc_error *err)
    BTC_MUST_CHECK;
int book_signer_secret(const struct book_signer *signer, const struct book_key_place *place,
                       uint8_t ret_secret[BTC_SECRET_SIZE], struct btc_error *err) BTC_MUST_CHECK;
void book_signer_close(struct book_signer *signer);

/* --- book_scripts.c --- */

/* Are own scripts those of their keys? Those that are still to be given out, or, thoroughly, all.
 * BTC_ECORRUPT. */
int book_check_scripts(struct book *book, bool is_thorough, struct btc_error *err) BTC_MUST_CHECK;

/* Know BOOK_GAP_LIMIT scripts beyond the last one used or given out of both chains. *ret_has_grown
 * (may be NULL) tells whether there are new ones. Within a transaction. */
int book_extend(struct book *book, bool *ret_has_grown, struct btc_error *err) BTC_MUST_CHECK;

/* Read a script's columns, which start at `column` in the order of BOOK_SCRIPT_COLUMNS. */
#define BOOK_SCRIPT_COLUMNS \
    "s.id, s.chain, coalesce(s.child, s.source_child), s.used, s.label, s.script"
void book_read_script(struct book *book, sqlite3_stmt *statement, int column,
                      struct book_script *ret_script);

/* --- book_descriptors.c --- */

/* The same for the descriptors that are watched. Sets *has_grown if there are new scripts. */
int book_extend_descriptors(struct book *book, bool *has_grown, struct btc_error *err)
    BTC_MUST_CHECK;

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

/* Put all unspent coins into the sieve, and what pending transactions spend. */
int book_sieve_coins(struct book *book, struct btc_error *err) BTC_MUST_CHECK;
int book_sieve_coin(struct book *book, const struct btc_outpoint *outpoint, struct btc_error *err)
    BTC_MUST_CHECK;
bool book_may_be_coin(const struct book *book, const struct btc_outpoint *outpoint);

/* A script of the book: its id and whether its key is here. */
struct book_match {
    int64_t id;
    bool is_own;
    bool is_used;
    bool is_ranged; /* one of many, so that more of them are to be known once it is used */
};

/* BOOK_ROW when the output's script is the book's, 0 when not. */
int book_match_output(struct book *book, const struct btc_tx_out *out, struct book_match *ret_match,
                      struct btc_error *err) BTC_MUST_CHECK;

/* Mark the scripts of these outputs as used, and know the ones beyond. Within a transaction. */
int book_mark_used(struct book *book, const struct btc_tx *txs, size_t count, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- book_list.c --- */

/* A row of BOOK_SQL_LIST_ENTRIES, or of a list with the same columns. */
int book_read_entry(struct book *book, sqlite3_stmt *row, struct book_entry *ret_entry,
                    struct btc_error *err) BTC_MUST_CHECK;

/* --- book_pending.c; within a transaction --- */

/* A block has this transaction: it is no longer pending, and what else spends its coins is gone. */
int book_settle_pending(struct book *book, const struct btc_tx *tx, struct btc_error *err)
    BTC_MUST_CHECK;

/* Note which own payments lie in blocks above `height`; put them back once those are forgotten. */
struct book_recall {
    int64_t *drafts; /* [owned] by id, oldest first */
    size_t count;
};
int book_recall_own(struct book *book, int32_t height, struct book_recall *ret_recall,
                    struct btc_error *err) BTC_MUST_CHECK;
int book_restore_own(struct book *book, const struct book_recall *recall, struct btc_error *err)
    BTC_MUST_CHECK;
void book_recall_free(struct book_recall *recall);

/* Make a stored draft pending and BOOK_SENT. What it conflicts with gives way. */
int book_add_own_pending(struct book *book, int64_t draft_id, int64_t time_s, struct btc_error *err)
    BTC_MUST_CHECK;

/* The balance of the blocks becomes that with what is pending. */
int book_add_pending_sums(struct book *book, const struct book_state *state,
                          struct book_balance *balance, struct btc_error *err) BTC_MUST_CHECK;

/* --- book_care.c --- */

/* Are the file's pages in order? The indexes' contents, too, if thoroughly; else nothing of a file
 * over BOOK_CHECK_SIZE. BTC_ECORRUPT. */
int book_check_pages(struct book *book, bool is_thorough, struct btc_error *err) BTC_MUST_CHECK;

/* Bytes of the file, its log apart. */
int64_t book_size(const struct book *book);

/* --- book_backup.c --- */

/* Remove the nameless copy that a process left which was killed: it may hold keys that are not
 * encrypted. */
void book_backup_sweep(const struct book *book);

#endif
