/* The SQLite file of a chain as a whole: its lock, its schema, its soundness. See store.h. */
#include "actors/node/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION   2
#define PAGE_CACHE_KIB   65536
#define TO_TEXT(number)  TO_TEXT_(number)
#define TO_TEXT_(number) #number

/*
 * Write-ahead log: readers and the writer do not wait for one another, and a commit is one append.
 * synchronous=FULL makes each commit wait for the disk. NORMAL would do against kill -9, but may
 * lose the last commits with the power, and a block of a regtest chain that was acknowledged to the
 * wallet can be had from nobody again. The price is one fsync per transaction (milliseconds), which
 * an import spreads over a batch of blocks.
 */
static const char connection_setup[] = "PRAGMA journal_mode=WAL;"
                                       "PRAGMA synchronous=FULL;"
                                       "PRAGMA foreign_keys=OFF;"
                                       "PRAGMA temp_store=MEMORY;"
                                       "PRAGMA cache_size=-" TO_TEXT(PAGE_CACHE_KIB) ";";

/*
 * headers: all that were ever accepted, with the cumulated work as 32 bytes, most significant
 * first, so that it sorts. active and best: which headers make up the chain of connected blocks and
 * the one with the most work, by height. coins: unspent outputs; clustered by outpoint because
 * every access is by it. totals: one row.
 */
static const char schema[] =
    "CREATE TABLE headers(id INTEGER PRIMARY KEY, prev INTEGER NOT NULL, height INTEGER NOT NULL,"
    " hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL, work BLOB NOT NULL,"
    " period_time INTEGER NOT NULL, flags INTEGER NOT NULL DEFAULT 0,"
    " validation INTEGER NOT NULL DEFAULT 0, tx_count INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX headers_prev ON headers(prev);"
    "CREATE TABLE active(height INTEGER PRIMARY KEY, id INTEGER NOT NULL);"
    "CREATE TABLE best(height INTEGER PRIMARY KEY, id INTEGER NOT NULL);"
    "CREATE TABLE blocks(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE undo(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE coins(txid BLOB NOT NULL, vout INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " height INTEGER NOT NULL, coinbase INTEGER NOT NULL, script BLOB NOT NULL,"
    " PRIMARY KEY(txid, vout)) WITHOUT ROWID;"
    "CREATE TABLE totals(one INTEGER PRIMARY KEY CHECK(one = 1), txs INTEGER NOT NULL,"
    " coins INTEGER NOT NULL, amount INTEGER NOT NULL, signatures INTEGER NOT NULL,"
    " partial INTEGER NOT NULL);"
    "INSERT INTO totals VALUES(1, 0, 0, 0, 0, 0);"
    "CREATE INDEX headers_work ON headers(work);";

/* From the version of its index to the next; what is new in a version stands in `schema`, too. */
static const char *const steps[SCHEMA_VERSION] = {
    NULL,
    "CREATE INDEX headers_work ON headers(work);", /* the most work, when a block was refused */
};

/* ---- open ---- */

/* One process per folder: a lock on a file in it, which goes away with the process however that
 * ends. */
static int lock_folder(struct chain_store *store, const char *datadir)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/lock", datadir) >= (int)sizeof(path))
        return btc_fail(store->err, BTC_EUSAGE, "the path of the data directory is too long");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return btc_fail(store->err, BTC_EIO, "data directory %s: %s", datadir, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int reason = errno;
        char pid[24] = "";
        ssize_t size = read(fd, pid, sizeof(pid) - 1);
        close(fd);
        if (reason != EWOULDBLOCK)
            return btc_fail(store->err, BTC_EIO, "%s: %s", path, strerror(reason));
        pid[size > 0 ? strcspn(pid, "\n") : 0] = '\0';
        return btc_fail(store->err, BTC_EINUSE,
                        "data directory %s is in use by another process (pid %s); stop that one, "
                        "or name another directory",
                        datadir, pid[0] != '\0' ? pid : "unknown");
    }
    char text[24];
    int size = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        int reason = errno;
        close(fd);
        return btc_fail(store->err, BTC_EIO, "%s: %s", path, strerror(reason));
    }
    store->lock_fd = fd;
    return 0;
}

static int execute(struct chain_store *store, const char *sql)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : chain_store_fail(store, code);
}

static int pragma_number(struct chain_store *store, const char *sql, int *ret_value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        *ret_value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 0 : chain_store_fail(store, code);
}

/* ---- versions of the schema ---- */

static int create(struct chain_store *store, const struct btc_params *params)
{
    char text[sizeof(schema) + 128];
    const uint8_t *m = params->magic;
    uint32_t own = (uint32_t)m[0] << 24 | (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3];
    snprintf(text, sizeof(text),
             "BEGIN; %s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT;", schema,
             (int)own, SCHEMA_VERSION);
    return execute(store, text);
}

/* From an older version to this one: all steps or none. */
static int migrate(struct chain_store *store, int version)
{
    char text[64];
    int rc = execute(store, "BEGIN IMMEDIATE");
    for (int from = version; rc == 0 && from < SCHEMA_VERSION; from++)
        rc = execute(store, steps[from]);
    snprintf(text, sizeof(text), "PRAGMA user_version=%d; COMMIT;", SCHEMA_VERSION);
    if (rc == 0)
        rc = execute(store, text);
    if (rc != 0 && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return rc == 0 ? 0
                   : btc_fail_within(store->err, rc,
                                     "bringing the store from format %d to %d: ", version,
                                     SCHEMA_VERSION);
}

/* SQLite's application id holds the network's magic, its user version our schema's. */
static int check_or_create(struct chain_store *store, const struct btc_params *params)
{
    int version = 0;
    int application = 0;
    int rc = pragma_number(store, "PRAGMA user_version", &version);
    if (rc == 0)
        rc = pragma_number(store, "PRAGMA application_id", &application);
    if (rc != 0)
        return rc;
    uint32_t id = (uint32_t)application;
    uint8_t magic[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    const struct btc_params *owner = btc_params_by_magic(magic);
    if (version == 0)
        return create(store, params);
    if (owner == NULL || owner->network != params->network)
        return btc_fail(store->err, BTC_ENETWORK, "%s holds a chain of %s, not of %s", store->path,
                        owner != NULL ? owner->name : "something else", params->name);
    if (version > SCHEMA_VERSION)
        return btc_fail(store->err, BTC_ECORRUPT,
                        "%s was made by a newer version of this program (its format is %d, this "
                        "one reads up to %d): start that one, or move the file away and import "
                        "again",
                        store->path, version, SCHEMA_VERSION);
    return version < SCHEMA_VERSION ? migrate(store, version) : 0;
}

/* SQLite removes its log when it is closed in order. */
static bool has_log(const char *path)
{
    char log[4096];
    struct stat info;
    return snprintf(log, sizeof(log), "%s-wal", path) < (int)sizeof(log) && stat(log, &info) == 0 &&
           info.st_size > 0;
}

int chain_store_open(struct chain_store *store, const char *datadir,
                     const struct btc_params *params)
{
    if (mkdir(datadir, 0700) < 0 && errno != EEXIST)
        return btc_fail(store->err, BTC_EIO, "data directory %s can't be made: %s", datadir,
                        strerror(errno));
    int rc = lock_folder(store, datadir);
    if (rc != 0)
        return rc;
    char *path = NULL;
    if (asprintf(&path, "%s/chain.sqlite", datadir) < 0)
        return btc_fail(store->err, BTC_ENOMEM, "no memory");
    store->path = path;
    store->was_killed = has_log(path);
    int code = sqlite3_open_v2(
        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK)
        return chain_store_fail(store, code);
    sqlite3_extended_result_codes(store->db, 1);
    rc = execute(store, connection_setup);
    if (rc == 0)
        rc = check_or_create(store, params);
    return rc != 0 ? rc : chain_store_prepare_undoing(store);
}

/* ---- checks ---- */

/* The first column of the first row, if that is not `wanted`, is what is wrong. */
static int expect(struct chain_store *store, const char *sql, const char *wanted)
{
    sqlite3_stmt *row = NULL;
    int code = sqlite3_prepare_v2(store->db, sql, -1, &row, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    int rc = code != SQLITE_ROW ? chain_store_fail(store, code)
             : text != NULL && strcmp(text, wanted) == 0
                 ? 0
                 : btc_fail(store->err, BTC_ECORRUPT,
                            "%s is damaged (%s); move it away and import again", store->path,
                            text != NULL ? text : "no answer");
    sqlite3_finalize(row);
    return rc;
}

int chain_store_check(struct chain_store *store)
{
    int rc = expect(store, "PRAGMA quick_check(1)", "ok");
    if (rc == 0)
        rc = expect(store,
                    "SELECT CASE WHEN (SELECT count(*) FROM coins) = coins AND"
                    " (SELECT ifnull(sum(amount), 0) FROM coins) = amount"
                    " THEN 'ok' ELSE 'the coins are not those that were counted' END FROM totals",
                    "ok");
    if (rc == 0)
        rc = expect(store,
                    "SELECT CASE WHEN count(*) = max(height) + 1 AND (SELECT count(*) FROM undo)"
                    " = max(height) THEN 'ok' ELSE 'blocks of the chain are missing' END"
                    " FROM active",
                    "ok");
    return rc;
}

int64_t chain_store_size(const struct chain_store *store)
{
    struct stat info;
    return stat(store->path, &info) == 0 ? (int64_t)info.st_size : 0;
}

int chain_store_compact(struct chain_store *store)
{
    return execute(store, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
}
