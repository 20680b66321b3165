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

#include "actors/wallet/book_spend.h"

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

/* A file that only its owner may read: made, empty, if it is not there and may be. */
static int find_file(const struct book_options *options, const char *path, struct btc_error *err)
{
    bool makes = options->may_make;
    if (makes && mkdir(options->dir, 0700) < 0 && errno != EEXIST)
        return btc_fail(err, BTC_EIO, "the wallet's directory %s cannot be made: %s", options->dir,
                        strerror(errno));
    int fd = makes ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if ((makes && errno != EEXIST) || keep_to_owner(path) < 0)
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
    /* A book has neither: in a copy that somebody gave, they would act in this program's name. */
    sqlite3_db_config(book->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(book->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_busy_timeout(book->db, BOOK_LOCK_WAIT_MS);
    return book_exec(book,
                     "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                     "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
                     "PRAGMA temp_store = MEMORY;",
                     err);
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
    rc = book_check_file(book, options, err);
    if (rc == 0)
        rc = book_load_keys(book, err);
    if (rc == 0)
        rc = load_sieve(book, err);
    if (rc == 0)
        rc = book_check_scripts(book, false, err);
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
    if (asprintf(&book->path, "%s/%s", options->dir,
                 options->file != NULL ? options->file : BOOK_FILE_NAME) < 0) {
        free(book);
        return btc_fail(err, BTC_ENOMEM, "no memory for the wallet in %s", options->dir);
    }
    int rc = sieve_init(&book->sieve);
    if (rc < 0)
        rc = btc_fail(err, rc, "%s: no randomness from the system: %s", book->path,
                      strerror(errno));
    if (rc == 0)
        rc = find_file(options, book->path, err);
    if (rc == 0)
        rc = open_file(book, err);
    if (rc == 0)
        rc = book_check_pages(book, false, err);
    if (rc == 0)
        rc = fill(book, options, err);
    if (rc == 0)
        book_backup_sweep(book); /* the lock is ours: nobody else makes one */
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
    book_lock(book);
    sieve_free(&book->sieve);
    free(book->gone.entries);
    free(book->path);
    free(book);
}

int book_check(struct book *book, struct btc_error *err)
{
    struct book_state kept;
    struct book_state found;
    sqlite3_stmt *row;

    int rc = book_check_pages(book, true, err);
    if (rc == 0)
        rc = book_get_state(book, &kept, err);
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
    return book_check_scripts(book, true, err);
}
