/* The book's statements, and how they are run: the one place that speaks SQLite's error codes. */
#include "actors/wallet/book_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/sqlite.h"

/* Does a pending transaction spend the coin of this table's row? */
#define PENDING_SPENDS(coin) \
    "EXISTS (SELECT 1 FROM pending_in q WHERE q.txid = " coin ".txid AND q.vout = " coin ".vout)"

#define IS_LOCKED(coin) \
    "EXISTS (SELECT 1 FROM locked l WHERE l.txid = " coin ".txid AND l.vout = " coin ".vout)"

/* Does a draft made since ?1 hold it that is not sent? */
#define IS_HELD(coin)                                                                      \
    "EXISTS (SELECT 1 FROM draft_in f JOIN draft d ON d.id = f.draft WHERE f.txid = " coin \
    ".txid AND f.vout = " coin ".vout AND d.state < 2 AND d.made > ?1)"

#define DRAFT_COLUMNS                                                                            \
    "id, state, txid, replaces, paid, fee, change, change_index, vsize, inputs, outputs, made, " \
    "given_out"

#define COIN_FLAGS(coin) IS_LOCKED(coin) ", " IS_HELD(coin)
#define IS_KEPT(coin)    "(" IS_LOCKED(coin) " OR " IS_HELD(coin) ")"

/* Own payments that no block can have: a coin that one spends went with its block, and nothing that is
 * pending makes it anew; and what builds on them. */
#define IS_LOST(pending)                                                                       \
    "(" pending " IN (WITH RECURSIVE lost (id) AS (SELECT p.id FROM pending p JOIN pending_in" \
    " i ON i.pending = p.id WHERE p.own = 1 AND NOT EXISTS (SELECT 1 FROM coin c WHERE"        \
    " c.txid = i.txid AND c.vout = i.vout) AND NOT EXISTS (SELECT 1 FROM pending_out o WHERE"  \
    " o.txid = i.txid AND o.vout = i.vout) UNION SELECT i.pending FROM lost l JOIN pending p"  \
    " ON p.id = l.id JOIN pending_in i ON i.txid = p.txid) SELECT id FROM lost))"

/* Coins that a draft may choose: unconfirmed ones, too, if ?3. ?2: the last height of a coinbase. */
#define CANDIDATES                                                                                \
    "SELECT c.txid, c.vout, c.amount AS amount, s.script FROM coin c JOIN script s"               \
    " ON s.id = c.script WHERE c.spent_height IS NULL AND c.own = 1"                              \
    " AND NOT (c.coinbase = 1 AND c.height > ?2) AND NOT " IS_KEPT(                               \
        "c") " AND NOT " PENDING_SPENDS("c") " UNION ALL SELECT o.txid, o.vout, o.amount, "       \
                                             "s.script FROM pending_out"                          \
                                             " o JOIN pending p ON p.id = o.pending JOIN script " \
                                             "s ON s.id = o.script"                               \
                                             " WHERE ?3 AND o.own = 1 AND p.own = 1 AND "         \
                                             "NOT " IS_KEPT("o") " AND NOT " PENDING_SPENDS(      \
                                                 "o") " AND NOT " IS_LOST("o.pending")

static const char *const statements[BOOK_SQL_COUNT] = {
    [BOOK_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [BOOK_SQL_COMMIT] = "COMMIT",
    [BOOK_SQL_ROLLBACK] = "ROLLBACK",
    [BOOK_SQL_STATE] = "SELECT height, own, own_immature, watched, watched_immature FROM state",
    [BOOK_SQL_SET_STATE] = "UPDATE state SET height = ?, own = ?, own_immature = ?, watched = ?,"
                           " watched_immature = ?",
    [BOOK_SQL_BLOCK] = "SELECT hash FROM block WHERE height = ?",
    [BOOK_SQL_ADD_BLOCK] = "INSERT INTO block (height, hash) VALUES (?, ?)",
    [BOOK_SQL_PRUNE_BLOCKS] = "DELETE FROM block WHERE height > 0 AND height <= ?",
    [BOOK_SQL_FORGET_BLOCKS] = "DELETE FROM block WHERE height > ?",
    [BOOK_SQL_ADD_SCRIPT] = "INSERT INTO script (script, label) VALUES (?, ?)"
                            " ON CONFLICT (script) DO NOTHING",
    [BOOK_SQL_ADD_OWN_SCRIPT] = "INSERT INTO script (script, chain, child) VALUES (?, ?, ?)"
                                " ON CONFLICT (script) DO UPDATE"
                                " SET chain = excluded.chain, child = excluded.child",
    [BOOK_SQL_FIND_SCRIPT] = "SELECT id, chain IS NOT NULL, used, chain IS NOT NULL OR source"
                             " IS NOT NULL FROM script WHERE script = ?",
    [BOOK_SQL_USE_SCRIPT] = "UPDATE script SET used = 1 WHERE id = ?",
    [BOOK_SQL_GIVE_SCRIPT] = "UPDATE script SET given = 1, label = ? WHERE id = ?",
    [BOOK_SQL_LABEL_SCRIPT] = "UPDATE script SET label = ? WHERE id = ?",
    [BOOK_SQL_CHAIN_STATE] =
        "SELECT (SELECT max(child) FROM script WHERE chain = ?1),"
        " (SELECT child FROM script WHERE chain = ?1 AND (used OR given)"
        "  ORDER BY child DESC LIMIT 1),"
        " (SELECT child FROM script WHERE chain = ?1 AND used ORDER BY child DESC LIMIT 1)",
    [BOOK_SQL_CHAIN_SCRIPT] = "SELECT " BOOK_SCRIPT_COLUMNS
                              " FROM script s WHERE s.chain = ? AND s.child = ?",
    [BOOK_SQL_OWN_COINS] = "UPDATE coin SET own = 1 WHERE own = 0 AND script IN"
                           " (SELECT id FROM script WHERE chain IS NOT NULL)",
    [BOOK_SQL_ADD_COIN] = "INSERT INTO coin (txid, vout, height, script, amount, coinbase, own)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [BOOK_SQL_FIND_COIN] = "SELECT id, amount, height, coinbase, own FROM coin"
                           " WHERE txid = ? AND vout = ? AND spent_height IS NULL",
    [BOOK_SQL_SPEND_COIN] = "UPDATE coin SET spent_height = ? WHERE id = ?",
    [BOOK_SQL_MATURING] = "SELECT own, sum(amount) FROM coin WHERE spent_height IS NULL"
                          " AND height = ? AND coinbase = 1 GROUP BY own",
    [BOOK_SQL_UNSPEND_COINS] = "UPDATE coin SET spent_height = NULL WHERE spent_height > ?",
    [BOOK_SQL_FORGET_COINS] = "DELETE FROM coin WHERE spent_height IS NULL AND height > ?",
    [BOOK_SQL_SUM_COINS] = "SELECT own, coinbase = 1 AND ? - height < ?, sum(amount) FROM coin"
                           " WHERE spent_height IS NULL GROUP BY 1, 2",
    [BOOK_SQL_ADD_ENTRY] = "INSERT INTO entry (height, position, txid, time, received, sent, fee,"
                           " coinbase) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [BOOK_SQL_FORGET_ENTRIES] = "DELETE FROM entry WHERE height > ?",
    [BOOK_SQL_SUM_ENTRIES] = "SELECT sum(received) - sum(sent) FROM entry",
    [BOOK_SQL_LIST_ENTRIES] = "SELECT height, position, txid, time, received, sent, fee, coinbase"
                              " FROM entry WHERE (height, position) < (?, ?)"
                              " ORDER BY height DESC, position DESC LIMIT ?",
    [BOOK_SQL_LIST_COINS] =
        "SELECT c.id, c.txid, c.vout, c.amount, c.height, c.coinbase, " COIN_FLAGS(
            "c") ", " BOOK_SCRIPT_COLUMNS
                 " FROM coin c JOIN script s ON s.id = c.script WHERE c.spent_height IS NULL"
                 " AND (c.height, c.id) < (?2, ?3) AND NOT " PENDING_SPENDS(
                     "c") " ORDER BY c.height DESC, c.id DESC LIMIT ?4",
    [BOOK_SQL_LIST_SCRIPTS] =
        "SELECT " BOOK_SCRIPT_COLUMNS " FROM script s WHERE s.id > ?"
        " AND (s.used OR s.given OR (s.chain IS NULL AND s.source IS NULL)) ORDER BY s.id LIMIT ?",
    [BOOK_SQL_ALL_SCRIPTS] = "SELECT script FROM script",
    [BOOK_SQL_OWN_SCRIPTS] = "SELECT chain, child, script FROM script WHERE chain IS NOT NULL"
                             " AND (? OR (used = 0 AND given = 0))",
    [BOOK_SQL_ALL_COINS] = "SELECT txid, vout FROM coin WHERE spent_height IS NULL",
    [BOOK_SQL_SEED] = "SELECT entropy, box FROM seed",
    [BOOK_SQL_SET_SEED] = "UPDATE seed SET entropy = ?, box = ?",
    [BOOK_SQL_WALLET] = "SELECT network, account, account86, fingerprint FROM wallet",
    [BOOK_SQL_ADD_WALLET] = "INSERT INTO wallet (network, account) VALUES (?, '')",
    [BOOK_SQL_SET_ACCOUNTS] = "UPDATE wallet SET account = ?, account86 = ?, fingerprint = ?",
    [BOOK_SQL_FIND_KEY] = "SELECT chain, child FROM script WHERE script = ?"
                          " AND chain IS NOT NULL",
    [BOOK_SQL_FIND_ENTRY] = "SELECT height, position, txid, time, received, sent, fee, coinbase"
                            " FROM entry WHERE txid = ? ORDER BY height DESC LIMIT 1",
    [BOOK_SQL_FIND_PENDING] = "SELECT 0, id, txid, time, received, sent, fee, 0, data FROM pending"
                              " WHERE txid = ?",
    [BOOK_SQL_PENDING_COUNT] = "SELECT count(*) FROM pending",
    [BOOK_SQL_PENDING_ADD] = "INSERT INTO pending (txid, data, time, received, sent, fee, own)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [BOOK_SQL_PENDING_ADD_IN] = "INSERT INTO pending_in (txid, vout, pending) VALUES (?, ?, ?)",
    [BOOK_SQL_PENDING_ADD_OUT] = "INSERT INTO pending_out (txid, vout, pending, script, amount,"
                                 " own) VALUES (?, ?, ?, ?, ?, ?)",
    [BOOK_SQL_PENDING_FIND] = "SELECT id, time, received, sent, fee, own, data FROM pending"
                              " WHERE txid = ?",
    [BOOK_SQL_PENDING_RECEIVE] = "UPDATE pending SET received = received + ? WHERE id = ?",
    [BOOK_SQL_PENDING_SPENDER] = "SELECT p.id, p.txid FROM pending_in i JOIN pending p"
                                 " ON p.id = i.pending WHERE i.txid = ? AND i.vout = ?",
    [BOOK_SQL_PENDING_FIND_OUT] = "SELECT amount FROM pending_out WHERE txid = ? AND vout = ?",
    [BOOK_SQL_PENDING_MARK] = "UPDATE pending SET gone = 1 WHERE id = ?",
    [BOOK_SQL_PENDING_MARK_TREE] =
        "WITH RECURSIVE tree (id) AS (VALUES (?1) UNION SELECT i.pending FROM tree t"
        " JOIN pending p ON p.id = t.id JOIN pending_in i ON i.txid = p.txid)"
        " UPDATE pending SET gone = 1 WHERE id IN (SELECT id FROM tree)",
    [BOOK_SQL_PENDING_GIVE_WAY] = "UPDATE draft SET state = 3 WHERE state = 2 AND txid IN"
                                  " (SELECT txid FROM pending WHERE gone = 1)",
    [BOOK_SQL_PENDING_DELETE_IN] = "DELETE FROM pending_in WHERE pending IN"
                                   " (SELECT id FROM pending WHERE gone = 1)",
    [BOOK_SQL_PENDING_DELETE_OUT] = "DELETE FROM pending_out WHERE pending IN"
                                    " (SELECT id FROM pending WHERE gone = 1)",
    [BOOK_SQL_PENDING_DELETE] = "DELETE FROM pending WHERE gone = 1",
    [BOOK_SQL_PENDING_SUM_OUT] = "SELECT o.own, sum(o.amount) FROM pending_out o"
                                 " WHERE NOT " PENDING_SPENDS("o") " AND NOT " IS_LOST(
                                     "o.pending") " GROUP BY 1",
    [BOOK_SQL_PENDING_SUM_IN] =
        "SELECT c.own, c.coinbase = 1 AND ? - c.height < ?, sum(c.amount)"
        " FROM pending_in i CROSS JOIN coin c ON c.txid = i.txid AND c.vout = i.vout"
        " WHERE c.spent_height IS NULL GROUP BY 1, 2",
    [BOOK_SQL_PENDING_OWN_OUTS] = "UPDATE pending_out SET own = 1 WHERE own = 0 AND script IN"
                                  " (SELECT id FROM script WHERE chain IS NOT NULL)",
    [BOOK_SQL_PENDING_COINS] = "SELECT txid, vout FROM pending_in UNION ALL"
                               " SELECT txid, vout FROM pending_out",
    [BOOK_SQL_LIST_GONE] = "SELECT 0, id, txid, time, received, sent, fee, 0 FROM pending"
                           " WHERE gone = 1 ORDER BY id",
    [BOOK_SQL_LIST_PENDING] = "SELECT 0, id, txid, time, received, sent, fee, 0 FROM pending"
                              " WHERE id < ?2 AND ?1 ORDER BY id DESC LIMIT ?3",
    [BOOK_SQL_LIST_PENDING_COINS] = "SELECT o.id, o.txid, o.vout, o.amount, 0, 0, " COIN_FLAGS(
        "o") ", " BOOK_SCRIPT_COLUMNS
             " FROM pending_out o JOIN script s ON s.id = o.script WHERE o.id < ?3"
             " AND ?2 AND NOT " PENDING_SPENDS("o") " ORDER BY o.id DESC LIMIT ?4",
    [BOOK_SQL_LIST_PENDING_SCRIPTS] = "SELECT " BOOK_SCRIPT_COLUMNS
                                      ", o.vout FROM pending_out o JOIN script s ON s.id = o.script"
                                      " WHERE o.txid = ? AND o.vout >= ? ORDER BY o.vout LIMIT ?",
    [BOOK_SQL_LIST_UNCONFIRMED] =
        /* a child is drafted after its parent is sent */
    "SELECT draft, txid FROM (SELECT min(d.id) AS draft, p.txid AS txid FROM pending p"
    " JOIN draft d ON d.txid = p.txid WHERE p.own = 1 GROUP BY p.txid)"
    " WHERE draft > ? ORDER BY draft LIMIT ?",
    [BOOK_SQL_SENT_ABOVE] = "SELECT d.id FROM entry e JOIN draft d ON d.txid = e.txid"
                            " WHERE e.height > ? AND d.state = 2 GROUP BY e.txid"
                            " ORDER BY e.height, e.position",
    [BOOK_SQL_DRAFT_OF_TXID] = "SELECT id, state, replaces, data FROM draft WHERE txid = ?"
                               " ORDER BY state = 2 DESC, id DESC LIMIT 1",
    [BOOK_SQL_DRAFT_SENT] = "UPDATE draft SET state = 2, change_script = NULL WHERE id = ?",
    [BOOK_SQL_DRAFT_SIGNED] = "UPDATE draft SET state = 1, data = ? WHERE id = ?",
    [BOOK_SQL_DRAFT_GIVEN_OUT] = "UPDATE draft SET given_out = 1 WHERE txid = ?",
    [BOOK_SQL_DRAFT_DATA] = "SELECT data, paid + change + fee, fee, made FROM draft WHERE id = ?",
    [BOOK_SQL_DRAFT] = "SELECT " DRAFT_COLUMNS " FROM draft WHERE id = ?",
    [BOOK_SQL_LIST_DRAFTS] = "SELECT " DRAFT_COLUMNS " FROM draft WHERE id < ? AND (? OR state < 2)"
                             " ORDER BY id DESC LIMIT ?",
    [BOOK_SQL_DRAFT_IS_DEAD] = "SELECT 1 FROM draft_in f JOIN coin c ON c.txid = f.txid"
                               " AND c.vout = f.vout WHERE f.draft = ? AND c.spent_height IS NOT"
                               " NULL LIMIT 1",
    [BOOK_SQL_DRAFT_INPUTS] = "SELECT txid, vout, amount, script FROM draft_in WHERE draft = ?"
                              " ORDER BY position",
    [BOOK_SQL_ADD_DRAFT] =
        "INSERT INTO draft (state, txid, data, replaces, paid, fee, change, change_index,"
        " change_script, vsize, inputs, outputs, made)"
        " VALUES (0, ?, ?, nullif(?, x''), ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?)",
    [BOOK_SQL_ADD_DRAFT_INPUT] = "INSERT INTO draft_in (draft, position, txid, vout, amount,"
                                 " script) VALUES (?, ?, ?, ?, ?, ?)",
    [BOOK_SQL_DROP_DRAFT] = "DELETE FROM draft WHERE id = ?",
    [BOOK_SQL_DROP_DRAFT_INPUTS] = "DELETE FROM draft_in WHERE draft = ?",
    [BOOK_SQL_OPEN_DRAFTS] = "SELECT count(*), min(CASE WHEN state = 0 AND made <= ? THEN id END)"
                             " FROM draft WHERE state < 2",
    [BOOK_SQL_CANDIDATES] = CANDIDATES " ORDER BY 3 DESC LIMIT ?4",
    [BOOK_SQL_SUM_CANDIDATES] = "SELECT count(*), total(amount) FROM (" CANDIDATES ")",
    [BOOK_SQL_SPENDABLE] =
        "SELECT c.txid, c.vout, c.amount, s.script, c.own, c.coinbase, c.height, 1 FROM coin c"
        " JOIN script s ON s.id = c.script WHERE c.txid = ?1 AND c.vout = ?2"
        " AND c.spent_height IS NULL AND NOT " PENDING_SPENDS(
            "c") " UNION ALL SELECT o.txid, o.vout, o.amount, s.script, o.own, 0, 0, p.own"
                 " FROM pending_out o JOIN pending p ON p.id = o.pending JOIN script s ON s.id = "
                 "o.script"
                 " WHERE o.txid = ?1 AND o.vout = ?2 AND NOT " PENDING_SPENDS(
                     "o") " AND NOT " IS_LOST("o.pending"),
    [BOOK_SQL_PENDING_IS_LOST] = "SELECT 1 FROM pending WHERE txid = ? AND " IS_LOST("id"),
    [BOOK_SQL_COIN_EXISTS] =
        "SELECT 1 FROM coin WHERE txid = ?1 AND vout = ?2 AND spent_height IS NULL"
        " UNION ALL SELECT 1 FROM pending_out WHERE txid = ?1 AND vout = ?2",
    [BOOK_SQL_ANY_COIN] =
        "SELECT c.amount, s.script FROM coin c JOIN script s ON s.id = c.script"
        " WHERE c.txid = ?1 AND c.vout = ?2 UNION ALL SELECT o.amount, s.script FROM pending_out o"
        " JOIN script s ON s.id = o.script WHERE o.txid = ?1 AND o.vout = ?2",
    [BOOK_SQL_CHANGE_SCRIPT] =
        "SELECT id, script FROM script WHERE chain = ? AND used = 0 AND given = 0"
        " ORDER BY id IN (SELECT change_script FROM draft WHERE state < 2), child LIMIT 1",
    /* The last of the own ones with max(): SQLite takes the other columns of that row. */
    [BOOK_SQL_PENDING_TREE] =
        "WITH RECURSIVE tree (id) AS (VALUES (?1) UNION SELECT i.pending FROM tree t"
        " JOIN pending p ON p.id = t.id JOIN pending_in i ON i.txid = p.txid)"
        " SELECT sum(max(p.fee, 0)), sum(p.own AND p.id <> ?1), p.txid, max(p.id * p.own)"
        " FROM tree t JOIN pending p ON p.id = t.id",
    [BOOK_SQL_DRAFT_HEIR] =
        "WITH RECURSIVE heir (txid) AS (VALUES (?1) UNION SELECT d.txid FROM heir h"
        " JOIN draft d ON d.replaces = h.txid)"
        " SELECT d.id FROM heir h JOIN draft d ON d.txid = h.txid WHERE d.state = 2 LIMIT 1",
    [BOOK_SQL_DESCRIPTOR] = "SELECT d.id, d.text, d.label, d.known, (SELECT s.source_child"
                            " FROM script s WHERE s.source = d.id AND s.used = 1"
                            " ORDER BY s.source_child DESC LIMIT 1)"
                            " FROM descriptor d WHERE d.id > ? ORDER BY d.id LIMIT 1",
    [BOOK_SQL_COUNT_DESCRIPTORS] = "SELECT count(*), total(text = ?) FROM descriptor",
    [BOOK_SQL_ADD_DESCRIPTOR] = "INSERT INTO descriptor (text, label) VALUES (?, ?)",
    [BOOK_SQL_KNOW_DESCRIPTOR] = "UPDATE descriptor SET known = ? WHERE id = ?",
    [BOOK_SQL_ADD_SOURCE_SCRIPT] =
        "INSERT INTO script (script, label, source, source_child, given) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (script) DO UPDATE SET source = excluded.source,"
        " source_child = excluded.source_child WHERE source IS NULL",
    [BOOK_SQL_LOCK_COIN] = "INSERT OR IGNORE INTO locked (txid, vout) VALUES (?, ?)",
    [BOOK_SQL_UNLOCK_COIN] = "DELETE FROM locked WHERE txid = ? AND vout = ?",
};

int book_db_fail(struct book *book, struct btc_error *err)
{
    int code = sqlite3_extended_errcode(book->db);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return btc_fail(err, BTC_EINUSE,
                        "%s is in use by another process: end that one, or give another directory",
                        book->path);
    case SQLITE_NOTADB:
        return btc_fail(err, BTC_EUSAGE, "%s is not a wallet file: move it away", book->path);
    case SQLITE_CORRUPT:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return btc_fail(err, BTC_ECORRUPT,
                        "%s is damaged (%s): restore it from a backup or from its words",
                        book->path, sqlite3_errmsg(book->db));
    default:
        return btc_sqlite_fail(err, book->db, code, book->path);
    }
}

int book_exec(struct book *book, const char *sql, struct btc_error *err)
{
    return sqlite3_exec(book->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : book_db_fail(book, err);
}

static int prepare(struct book *book, enum book_sql which, struct btc_error *err)
{
    if (book->statements[which])
        return 0;
    if (sqlite3_prepare_v3(book->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                           &book->statements[which], NULL) != SQLITE_OK)
        return book_db_fail(book, err);
    return 0;
}

/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): it cannot see that callers start `args` */
static int bind(sqlite3_stmt *statement, const char *types, va_list args)
{
    int rc = SQLITE_OK;
    for (int i = 0; types[i] != '\0' && rc == SQLITE_OK; i++) {
        if (types[i] == 'i') {
            rc = sqlite3_bind_int64(statement, i + 1, va_arg(args, int64_t));
        } else if (types[i] == 't') {
            rc = sqlite3_bind_text(statement, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
        } else {
            const void *data = va_arg(args, const void *);
            size_t size = va_arg(args, size_t);
            rc = sqlite3_bind_blob64(statement, i + 1, data ? data : "", size, SQLITE_STATIC);
        }
    }
    return rc;
}
/* NOLINTEND(clang-analyzer-valist.Uninitialized) */

int book_next(struct book *book, sqlite3_stmt *statement, struct btc_error *err)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        return BOOK_ROW;
    rc = rc == SQLITE_DONE ? 0 : book_db_fail(book, err);
    sqlite3_reset(statement);
    return rc;
}

int book_go_on(struct book *book, sqlite3_stmt *statement, int rc, struct btc_error *err)
{
    if (rc >= 0)
        return book_next(book, statement, err);
    sqlite3_reset(statement);
    return rc;
}

static int start(struct book *book, enum book_sql which, struct btc_error *err, const char *types,
                 va_list args)
{
    int rc = prepare(book, which, err);
    if (rc < 0)
        return rc;
    if (bind(book->statements[which], types, args) != SQLITE_OK)
        return book_db_fail(book, err);
    return book_next(book, book->statements[which], err);
}

int book_query(struct book *book, enum book_sql which, sqlite3_stmt **ret_statement,
               struct btc_error *err, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int rc = start(book, which, err, types, args);
    va_end(args);
    *ret_statement = book->statements[which];
    return rc;
}

int book_run(struct book *book, enum book_sql which, struct btc_error *err, const char *types, ...)
{
    va_list args;
    va_start(args, types);
    int rc = start(book, which, err, types, args);
    va_end(args);
    if (rc == BOOK_ROW)
        sqlite3_reset(book->statements[which]);
    return rc < 0 ? rc : 0;
}

int book_prepare_undoing(struct book *book, struct btc_error *err)
{
    return prepare(book, BOOK_SQL_ROLLBACK, err);
}

int book_begin(struct book *book, bool is_durable, struct btc_error *err)
{
    int rc = book_exec(
        book, is_durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err);
    return rc < 0 ? rc : book_run(book, BOOK_SQL_BEGIN, err, "");
}

int book_end(struct book *book, int rc, struct btc_error *err)
{
    if (rc >= 0) {
        int committed = book_run(book, BOOK_SQL_COMMIT, err, "");
        if (committed == 0) {
            book->gone.kept = book->gone.count;
            return rc;
        }
        rc = committed;
    }
    book->gone.count = book->gone.kept;
    /* After some errors (a full disk) SQLite has rolled back by itself. */
    if (!sqlite3_get_autocommit(book->db))
        (void)!book_run(book, BOOK_SQL_ROLLBACK, NULL, "");
    return rc;
}

int book_column_bytes(struct book *book, sqlite3_stmt *statement, int column, void *ret_bytes,
                      size_t size, struct btc_error *err)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    if (!bytes || (size_t)sqlite3_column_bytes(statement, column) != size)
        return btc_fail(err, BTC_ECORRUPT,
                        "%s is damaged (%s is not of %zu bytes): restore it from its words",
                        book->path, sqlite3_column_name(statement, column), size);
    memcpy(ret_bytes, bytes, size);
    return 0;
}

int book_column_copy(sqlite3_stmt *statement, int column, uint8_t **ret_bytes, size_t *ret_size,
                     struct btc_error *err)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    size_t size = (size_t)sqlite3_column_bytes(statement, column);
    uint8_t *copy = bytes ? malloc(size) : NULL;
    if (!copy)
        return btc_fail(err, BTC_ENOMEM, "no memory for %zu bytes of a transaction", size);
    memcpy(copy, bytes, size);
    *ret_bytes = copy;
    *ret_size = size;
    return 0;
}

void book_column_text(sqlite3_stmt *statement, int column, char *ret_text, size_t size_max)
{
    /* As bytes: for a text SQLite would need memory, to put a NUL behind it. */
    const char *text = sqlite3_column_blob(statement, column);
    int size = text ? sqlite3_column_bytes(statement, column) : 0;
    snprintf(ret_text, size_max, "%.*s", size, text ? text : "");
}

int book_get_state(struct book *book, struct book_state *ret_state, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_STATE, &row, err, "");
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return btc_fail(err, BTC_ECORRUPT, "%s is damaged (no state): restore it from its words",
                        book->path);
    *ret_state = (struct book_state){
        .height = sqlite3_column_int(row, 0),
        .sums[1] = {sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)},
        .sums[0] = {sqlite3_column_int64(row, 3), sqlite3_column_int64(row, 4)},
    };
    sqlite3_reset(row);
    return 0;
}

int book_set_state(struct book *book, const struct book_state *state, struct btc_error *err)
{
    return book_run(book, BOOK_SQL_SET_STATE, err, "iiiii", (int64_t)state->height,
                    state->sums[1][0], state->sums[1][1], state->sums[0][0], state->sums[0][1]);
}
