/*
 * The file's tables, version by version, and whose file it is.
 *
 * A new book goes through all versions, an older one through those that it lacks, in the transaction
 * that opens it: killed in between, it is the old one still. A version once released is never
 * edited; a change is a version more.
 */
#include "actors/wallet/book_impl.h"

#include <stdio.h>
#include <string.h>

#include "actors/wallet/keys.h"

#define APPLICATION_ID 0x54727077 /* "Trpw", in the file's header */
#define SCHEMA_VERSION 3

static const char *const versions[SCHEMA_VERSION] = {
    /* 1: following the chain */
    "CREATE TABLE wallet (network TEXT NOT NULL, account TEXT NOT NULL);" /* account: an xpub */
    "CREATE TABLE seed (entropy BLOB NOT NULL);"
    "CREATE TABLE state (height INTEGER NOT NULL, own INTEGER NOT NULL, own_immature INTEGER NOT"
    " NULL, watched INTEGER NOT NULL, watched_immature INTEGER NOT NULL);"
    "CREATE TABLE block (height INTEGER PRIMARY KEY, hash BLOB NOT NULL);"
    /* chain and child: NULL when watched only. given: handed out as an address. */
    "CREATE TABLE script (id INTEGER PRIMARY KEY, script BLOB NOT NULL UNIQUE, chain INTEGER,"
    " child INTEGER, given INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0,"
    " label TEXT NOT NULL DEFAULT '', UNIQUE (chain, child));"
    /* own: whether script.chain is known; here too, so that sums need no join. */
    "CREATE TABLE coin (id INTEGER PRIMARY KEY, txid BLOB NOT NULL, vout INTEGER NOT NULL,"
    " height INTEGER NOT NULL, script INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " coinbase INTEGER NOT NULL, own INTEGER NOT NULL, spent_height INTEGER,"
    " UNIQUE (txid, vout, height));"
    "CREATE INDEX coin_unspent ON coin (height, coinbase, own, amount) WHERE spent_height IS NULL;"
    "CREATE INDEX coin_spent ON coin (spent_height) WHERE spent_height IS NOT NULL;"
    "CREATE TABLE entry (height INTEGER NOT NULL, position INTEGER NOT NULL, txid BLOB NOT NULL,"
    " time INTEGER NOT NULL, received INTEGER NOT NULL, sent INTEGER NOT NULL, fee INTEGER NOT "
    "NULL,"
    " coinbase INTEGER NOT NULL, PRIMARY KEY (height, position)) WITHOUT ROWID;",

    /* 2: spending. script.chain is now 2 * account + chain; accounts: BIP84, BIP86. */
    "ALTER TABLE wallet ADD COLUMN account86 TEXT;"
    "ALTER TABLE wallet ADD COLUMN fingerprint BLOB;"
    /* Encrypted: entropy is empty. */
    "ALTER TABLE seed ADD COLUMN box BLOB;"
    /* Of a watched descriptor. */
    "ALTER TABLE script ADD COLUMN source INTEGER;"
    "ALTER TABLE script ADD COLUMN source_child INTEGER;"
    "CREATE INDEX script_source ON script (source, source_child) WHERE source IS NOT NULL;"
    "CREATE INDEX script_free ON script (chain, child) WHERE used = 0 AND given = 0;"
    "CREATE INDEX entry_txid ON entry (txid);"
    "CREATE TABLE descriptor (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL UNIQUE,"
    " label TEXT NOT NULL, known INTEGER NOT NULL DEFAULT 0);" /* scripts of it */
    /* own: a draft of ours. gone: about to be deleted, within one transaction. */
    "CREATE TABLE pending (id INTEGER PRIMARY KEY AUTOINCREMENT, txid BLOB NOT NULL UNIQUE,"
    " data BLOB NOT NULL, time INTEGER NOT NULL, received INTEGER NOT NULL, sent INTEGER NOT NULL,"
    " fee INTEGER NOT NULL, own INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX pending_gone ON pending (gone) WHERE gone = 1;"
    "CREATE TABLE pending_in (txid BLOB NOT NULL, vout INTEGER NOT NULL, pending INTEGER NOT NULL,"
    " PRIMARY KEY (txid, vout)) WITHOUT ROWID;"
    "CREATE INDEX pending_in_of ON pending_in (pending);"
    "CREATE TABLE pending_out (id INTEGER PRIMARY KEY AUTOINCREMENT, txid BLOB NOT NULL,"
    " vout INTEGER NOT NULL, pending INTEGER NOT NULL, script INTEGER NOT NULL, amount INTEGER"
    " NOT NULL, own INTEGER NOT NULL, UNIQUE (txid, vout));"
    "CREATE INDEX pending_out_of ON pending_out (pending);"
    /* data: unsigned, or signed once. change_script: of script, while it is not sent. */
    "CREATE TABLE draft (id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL,"
    " txid BLOB NOT NULL, data BLOB NOT NULL, replaces BLOB, paid INTEGER NOT NULL,"
    " fee INTEGER NOT NULL, change INTEGER NOT NULL, change_index INTEGER NOT NULL,"
    " change_script INTEGER, vsize INTEGER NOT NULL, inputs INTEGER NOT NULL, outputs INTEGER"
    " NOT NULL, made INTEGER NOT NULL);"
    "CREATE INDEX draft_txid ON draft (txid);"
    "CREATE INDEX draft_open ON draft (state) WHERE state < 2;"
    "CREATE TABLE draft_in (draft INTEGER NOT NULL, position INTEGER NOT NULL, txid BLOB NOT NULL,"
    " vout INTEGER NOT NULL, amount INTEGER NOT NULL, script BLOB NOT NULL,"
    " PRIMARY KEY (draft, position)) WITHOUT ROWID;"
    "CREATE INDEX draft_in_coin ON draft_in (txid, vout);"
    "CREATE TABLE locked (txid BLOB NOT NULL, vout INTEGER NOT NULL, PRIMARY KEY (txid, vout))"
    " WITHOUT ROWID;",

    /* 3: given_out: others may have it signed, before it is sent. */
    "ALTER TABLE draft ADD COLUMN given_out INTEGER NOT NULL DEFAULT 0;",
};

/* The value of a pragma or query that gives one number. */
static int read_number(struct book *book, const char *sql, int64_t *ret_number,
                       struct btc_error *err)
{
    sqlite3_stmt *row;
    if (sqlite3_prepare_v2(book->db, sql, -1, &row, NULL) != SQLITE_OK)
        return book_db_fail(book, err);
    int rc = sqlite3_step(row) == SQLITE_ROW ? 0 : book_db_fail(book, err);
    if (rc == 0)
        *ret_number = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return rc;
}

/* Bring the tables from one version to this program's. */
static int upgrade(struct book *book, int64_t version, struct btc_error *err)
{
    char header[128];
    snprintf(header, sizeof(header), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, SCHEMA_VERSION);
    int rc = 0;
    for (int64_t i = version; i < SCHEMA_VERSION && rc == 0; i++)
        rc = book_exec(book, versions[i], err);
    return rc < 0 ? rc : book_exec(book, header, err);
}

/* Fill the empty file: tables, keys, and genesis as the first block. */
static int make_book(struct book *book, const struct book_options *options, struct btc_error *err)
{
    int rc = upgrade(book, 0, err);
    if (rc == 0)
        rc = book_exec(book, "INSERT INTO state VALUES (0, 0, 0, 0, 0)", err);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_ADD_BLOCK, err, "ib", (int64_t)0,
                      book->params->genesis_hash.bytes, (size_t)BTC_HASH_SIZE);
    return rc < 0 ? rc : book_make_keys(book, options->sentence, options->passphrase, err);
}

static int migrate(struct book *book, int64_t version, struct btc_error *err)
{
    int rc = upgrade(book, version, err);
    return rc < 0 || version >= 2 ? rc : book_complete_keys(book, err);
}

int book_check_file(struct book *book, const struct book_options *options, struct btc_error *err)
{
    int64_t application;
    int64_t version;
    int64_t tables;
    int rc = read_number(book, "PRAGMA application_id", &application, err);
    if (rc == 0)
        rc = read_number(book, "PRAGMA user_version", &version, err);
    if (rc == 0)
        rc = read_number(book, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (rc < 0)
        return rc;
    bool is_empty = application == 0 && version == 0 && tables == 0;
    if (is_empty && options->may_make)
        return make_book(book, options, err);
    if (is_empty)
        return btc_fail(err, BTC_ECORRUPT,
                        "%s is empty: there is no wallet in it; restore a backup in its place",
                        book->path);
    if (application != APPLICATION_ID)
        return btc_fail(err, BTC_EUSAGE, "%s is another program's database: move it away",
                        book->path);
    if (version < 1 || version > SCHEMA_VERSION)
        return btc_fail(err, BTC_EUSAGE,
                        "%s has version %lld, this program knows %d: use a newer program",
                        book->path, (long long)version, SCHEMA_VERSION);
    if (options->sentence || options->passphrase)
        return btc_fail(err, BTC_EUSAGE, "%s exists already: %s new wallet only", book->path,
                        options->sentence ? "words can be restored into a"
                                          : "a first passphrase is for a");
    return version < SCHEMA_VERSION ? migrate(book, version, err) : 0;
}
