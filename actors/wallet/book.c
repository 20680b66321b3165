/*
 * Opening, making and checking the book.
 *
 * The lock: SQLite in exclusive locking mode takes the file's lock at the first access and holds it
 * until the file is closed or the process ends, by whatever end. With it, WAL needs no shared
 * memory file either. A new book is one transaction: killed in the middle of it, there is an empty
 * file that the next call takes for a new one.
 */
#include "actors/wallet/book_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/wallet/keys.h"

#define APPLICATION_ID 0x54727077 /* "Trpw", in the file's header */
#define SCHEMA_VERSION 1

static const char schema[] =
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
    " coinbase INTEGER NOT NULL, PRIMARY KEY (height, position)) WITHOUT ROWID;";

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

/* Opened only when others may read it: closing it drops a lock that this process may hold, but then
 * it has been here before. By descriptor, because a sandboxed process changes no mode by path. */
static int keep_to_owner(const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0)
        return -1;
    if ((info.st_mode & 07777) == 0600)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fchmod(fd, 0600);
    int reason = errno;
    close(fd);
    errno = reason;
    return rc;
}

/* Make the directory and an empty file that only its owner may read, or see that they are there. */
static int make_file(const char *dir, const char *path, struct btc_error *err)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return btc_fail(err, BTC_EIO, "the wallet's directory %s cannot be made: %s", dir,
                        strerror(errno));
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno != EEXIST || keep_to_owner(path) < 0)
        return btc_fail(err, BTC_EIO, "the wallet file %s cannot be made or changed: %s", path,
                        strerror(errno));
    return 0;
}

static int open_file(struct book *book, struct btc_error *err)
{
    if (sqlite3_open_v2(book->path, &book->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return book->db ? book_db_fail(book, err)
                        : btc_fail(err, BTC_ENOMEM, "%s: no memory", book->path);
    if (sqlite3_db_readonly(book->db, "main") == 1)
        return btc_fail(err, BTC_EIO, "%s cannot be written: its permissions forbid it",
                        book->path);
    sqlite3_busy_timeout(book->db, BOOK_LOCK_WAIT_MS);
    return book_exec(book,
                     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                     "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
                     "PRAGMA temp_store = MEMORY;",
                     err);
}

/* The entropy of a new book: from the words given, or random. */
static int choose_entropy(const char *sentence, uint8_t ret_entropy[BTC_BIP39_ENTROPY_SIZE_MAX],
                          size_t *ret_size, struct btc_error *err)
{
    if (sentence) {
        int rc = btc_bip39_decode(sentence, ret_entropy, ret_size, err);
        return rc < 0 ? btc_fail_within(err, rc, "the words to restore from: ") : 0;
    }
    *ret_size = KEYS_ENTROPY_SIZE;
    return keys_new_entropy(ret_entropy, err);
}

static int insert_keys(struct book *book, const uint8_t *entropy, size_t size, const char *account,
                       struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = 0;
    if (sqlite3_prepare_v2(book->db, "INSERT INTO seed VALUES (?)", -1, &row, NULL) != SQLITE_OK)
        return book_db_fail(book, err);
    sqlite3_bind_blob64(row, 1, entropy, size, SQLITE_STATIC);
    if (sqlite3_step(row) != SQLITE_DONE)
        rc = book_db_fail(book, err);
    sqlite3_finalize(row);
    if (rc < 0)
        return rc;
    if (sqlite3_prepare_v2(book->db, "INSERT INTO wallet VALUES (?, ?)", -1, &row, NULL) !=
        SQLITE_OK)
        return book_db_fail(book, err);
    sqlite3_bind_text(row, 1, book->params->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(row, 2, account, -1, SQLITE_STATIC);
    if (sqlite3_step(row) != SQLITE_DONE)
        rc = book_db_fail(book, err);
    sqlite3_finalize(row);
    return rc;
}

static int make_keys(struct book *book, const char *sentence, struct btc_error *err)
{
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size = 0;
    struct btc_hd_node account;
    char text[BTC_HD_TEXT_SIZE];

    int rc = choose_entropy(sentence, entropy, &size, err);
    if (rc == 0)
        rc = keys_account(entropy, size, book->params, &account, err);
    if (rc == 0) {
        rc = btc_hd_encode(&account, book->params->bip32_public, false, text);
        if (rc < 0)
            rc = btc_fail(err, rc, "the wallet's account key could not be written");
    }
    if (rc == 0)
        rc = insert_keys(book, entropy, size, text, err);
    btc_wipe(entropy, sizeof(entropy));
    return rc;
}

/* Fill the empty file: tables, keys, and genesis as the first block. */
static int make_book(struct book *book, const char *sentence, struct btc_error *err)
{
    char header[128];
    snprintf(header, sizeof(header), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, SCHEMA_VERSION);
    int rc = book_exec(book, header, err);
    if (rc == 0)
        rc = book_exec(book, schema, err);
    if (rc == 0)
        rc = book_exec(book, "INSERT INTO state VALUES (0, 0, 0, 0, 0)", err);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_ADD_BLOCK, err, "ib", (int64_t)0,
                      book->params->genesis_hash.bytes, (size_t)BTC_HASH_SIZE);
    return rc < 0 ? rc : make_keys(book, sentence, err);
}

/* See whose file it is, and make the book when it is nobody's yet. */
static int check_file(struct book *book, const char *sentence, struct btc_error *err)
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
    if (application == 0 && version == 0 && tables == 0)
        return make_book(book, sentence, err);
    if (application != APPLICATION_ID)
        return btc_fail(err, BTC_EUSAGE, "%s is another program's database: move it away",
                        book->path);
    if (version != SCHEMA_VERSION)
        return btc_fail(err, BTC_EUSAGE,
                        "%s has version %lld, this program knows %d: use a newer program",
                        book->path, (long long)version, SCHEMA_VERSION);
    if (sentence)
        return btc_fail(err, BTC_EUSAGE,
                        "%s exists already: words can be restored into a new wallet only",
                        book->path);
    return 0;
}

/* Read network and account, and derive the two chains' public nodes. */
static int load_account(struct book *book, struct btc_error *err)
{
    sqlite3_stmt *row;
    char network[16] = "";
    char text[BTC_HD_TEXT_SIZE] = "";
    struct btc_hd_node account;

    if (sqlite3_prepare_v2(book->db, "SELECT network, account FROM wallet", -1, &row, NULL) !=
        SQLITE_OK)
        return book_db_fail(book, err);
    int rc = sqlite3_step(row) == SQLITE_ROW ? 0 : book_db_fail(book, err);
    if (rc == 0) {
        book_column_text(row, 0, network, sizeof(network));
        book_column_text(row, 1, text, sizeof(text));
    }
    sqlite3_finalize(row);
    if (rc < 0)
        return rc;
    if (strcmp(network, book->params->name) != 0)
        return btc_fail(err, BTC_ENETWORK,
                        "%s is a wallet of network \"%s\", not %s: choose that network, or another "
                        "directory",
                        book->path, network, book->params->name);
    rc = btc_hd_decode(text, book->params->bip32_public, book->params->bip32_private, &account,
                       err);
    if (rc < 0)
        return btc_fail_within(err, rc, "%s is damaged: ", book->path);
    for (uint32_t i = 0; i < 2 && rc == 0; i++)
        rc = btc_hd_child(&account, i, &book->chains[i]);
    return rc < 0 ? btc_fail(err, rc, "%s: the wallet's chains cannot be derived", book->path) : 0;
}

static int load_sieve(struct book *book, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_ALL_SCRIPTS, &row, err, "");
    while (rc == BOOK_ROW) {
        rc = sieve_add(&book->sieve, sqlite3_column_blob(row, 0),
                       (size_t)sqlite3_column_bytes(row, 0));
        if (rc < 0)
            rc = btc_fail(err, rc, "%s: no memory for its scripts", book->path);
        else
            rc = book_next(book, row, err);
    }
    return rc < 0 ? rc : book_sieve_coins(book, err);
}

static int fill(struct book *book, const struct book_options *options, struct btc_error *err)
{
    int rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    rc = check_file(book, options->sentence, err);
    if (rc == 0)
        rc = load_account(book, err);
    if (rc == 0)
        rc = load_sieve(book, err);
    if (rc == 0)
        rc = book_extend(book, NULL, err);
    return book_end(book, rc, err);
}

int book_open(const struct book_options *options, struct book **ret_book, struct btc_error *err)
{
    struct book *book = calloc(1, sizeof(*book));
    if (!book)
        return btc_fail(err, BTC_ENOMEM, "no memory for the wallet in %s", options->dir);
    book->params = options->params;
    if (asprintf(&book->path, "%s/%s", options->dir, BOOK_FILE_NAME) < 0) {
        free(book);
        return btc_fail(err, BTC_ENOMEM, "no memory for the wallet in %s", options->dir);
    }
    int rc = sieve_init(&book->sieve);
    if (rc < 0)
        rc = btc_fail(err, rc, "%s: no randomness from the system: %s", book->path,
                      strerror(errno));
    if (rc == 0)
        rc = make_file(options->dir, book->path, err);
    if (rc == 0)
        rc = open_file(book, err);
    if (rc == 0)
        rc = fill(book, options, err);
    if (rc == 0)
        rc = book_prepare_undoing(book, err);
    if (rc < 0) {
        book_close(book);
        return rc;
    }
    *ret_book = book;
    return 0;
}

void book_close(struct book *book)
{
    if (!book)
        return;
    for (int i = 0; i < BOOK_SQL_COUNT; i++)
        sqlite3_finalize(book->statements[i]);
    sqlite3_close(book->db);
    sieve_free(&book->sieve);
    free(book->path);
    free(book);
}

int book_sentence(struct book *book, char ret_sentence[BTC_BIP39_SENTENCE_SIZE],
                  struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_SENTENCE, &row, err, "");
    if (rc < 0)
        return rc;
    if (rc == BOOK_ROW) {
        rc = btc_bip39_encode(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0),
                              ret_sentence);
        sqlite3_reset(row);
        if (rc == 0)
            return 0;
    }
    return btc_fail(err, BTC_ECORRUPT, "%s is damaged: it holds no entropy of a wallet",
                    book->path);
}

int book_check(struct book *book, struct btc_error *err)
{
    struct book_state kept;
    struct book_state found;
    sqlite3_stmt *row;

    int rc = book_get_state(book, &kept, err);
    if (rc < 0)
        return rc;
    found.height = kept.height;
    rc = book_sum_coins(book, &found, err);
    if (rc < 0)
        return rc;
    rc = book_query(book, BOOK_SQL_SUM_ENTRIES, &row, err, "");
    if (rc < 0)
        return rc;
    int64_t history = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    int64_t total = 0;
    for (int i = 0; i < 4; i++) {
        int64_t kept_sum = kept.sums[i / 2][i % 2];
        total += found.sums[i / 2][i % 2];
        if (kept_sum != found.sums[i / 2][i % 2])
            return btc_fail(err, BTC_ECORRUPT,
                            "%s: %s%s coins are kept as %lld satoshi and add up to %lld",
                            book->path, i / 2 ? "own" : "watched", i % 2 ? " immature" : "",
                            (long long)kept_sum, (long long)found.sums[i / 2][i % 2]);
    }
    if (history != total)
        return btc_fail(err, BTC_ECORRUPT,
                        "%s: the history adds up to %lld satoshi, the coins to %lld", book->path,
                        (long long)history, (long long)total);
    return 0;
}
