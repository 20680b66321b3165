/*
 * Copies of the file by SQLite's backup interface, in steps: it restarts by itself what a change in
 * between makes stale, and changes through this connection are followed at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/bitcoin/sqlite.h"
#include "actors/wallet/book_impl.h"
#include "actors/wallet/book_spend.h"

struct book_backup {
    struct book *book; /* [borrowed] */
    char *path;        /* [owned] of the copy */
    bool is_nameless;  /* it is deleted at the end, whatever becomes of it */
    bool is_complete;
    sqlite3 *db;
    sqlite3_backup *steps; /* NULL once complete */
    int fd;                /* to read the copy, or -1 */
};

#define NAMELESS ".copy" /* behind the file's name: one that nobody named */

void book_backup_sweep(const struct book *book)
{
    char *path;
    if (asprintf(&path, "%s" NAMELESS, book->path) < 0)
        return; /* no memory: the next one does it */
    unlink(path);
    free(path);
}

/* The copy's empty file, for its owner only: a file that is there stays as it is. */
static int make_file(const struct book_backup *backup, struct btc_error *err)
{
    if (backup->is_nameless)
        unlink(backup->path); /* left by a process that was killed */
    int fd = open(backup->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return btc_fail(err, errno == EEXIST ? BTC_EUSAGE : BTC_EIO,
                        "the copy %s cannot be made: %s", backup->path, strerror(errno));
    close(fd);
    return 0;
}

static int open_copy(struct book_backup *backup, struct btc_error *err)
{
    int rc = sqlite3_open_v2(backup->path, &backup->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(backup->db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL", NULL,
                          NULL, NULL);
    if (rc != SQLITE_OK)
        return btc_sqlite_fail(err, backup->db, rc, backup->path);
    backup->steps = sqlite3_backup_init(backup->db, "main", backup->book->db, "main");
    if (!backup->steps)
        return btc_sqlite_fail(err, backup->db, sqlite3_errcode(backup->db), backup->path);
    return 0;
}

int book_backup_begin(struct book *book, const char *path, struct book_backup **ret_backup,
                      struct btc_error *err)
{
    struct book_backup *backup = calloc(1, sizeof(*backup));
    if (!backup)
        return btc_fail(err, BTC_ENOMEM, "no memory for a copy");
    *backup = (struct book_backup){.book = book, .is_nameless = !path, .fd = -1};
    if (asprintf(&backup->path, "%s%s", path ? path : book->path, path ? "" : NAMELESS) < 0) {
        free(backup);
        return btc_fail(err, BTC_ENOMEM, "no memory for a copy");
    }
    int rc = make_file(backup, err);
    if (rc < 0) { /* it is not ours to remove */
        free(backup->path);
        free(backup);
        return rc;
    }
    rc = open_copy(backup, err);
    if (rc < 0) {
        book_backup_end(backup);
        return rc;
    }
    *ret_backup = backup;
    return 0;
}

/* All pages are there: close the copy, so that it is on the disk, and open it to read. */
static int complete(struct book_backup *backup, struct btc_error *err)
{
    int rc = sqlite3_backup_finish(backup->steps);
    backup->steps = NULL;
    if (rc == SQLITE_OK)
        rc = sqlite3_close(backup->db);
    if (rc != SQLITE_OK)
        return btc_sqlite_fail(err, backup->db, rc, backup->path);
    backup->db = NULL;
    backup->fd = open(backup->path, O_RDONLY | O_CLOEXEC);
    if (backup->fd < 0 || fsync(backup->fd) < 0)
        return btc_fail(err, BTC_EIO, "the copy %s could not be put on the disk: %s", backup->path,
                        strerror(errno));
    if (backup->is_nameless)
        unlink(backup->path);
    backup->is_complete = true;
    return 0;
}

int book_backup_step(struct book_backup *backup, int pages, int *ret_left, int *ret_total,
                     struct btc_error *err)
{
    if (backup->is_complete)
        return btc_fail(err, BTC_EUSAGE, "the copy is complete");
    if (!backup->steps)
        return btc_fail(err, BTC_EIO, "%s: the copy has failed before", backup->path);
    int rc = sqlite3_backup_step(backup->steps, pages > 0 ? pages : 1);
    *ret_total = sqlite3_backup_pagecount(backup->steps);
    *ret_left = sqlite3_backup_remaining(backup->steps);
    if (rc == SQLITE_DONE) {
        *ret_left = 0;
        return complete(backup, err);
    }
    if (rc == SQLITE_OK) {
        if (*ret_left == 0)
            *ret_left = 1; /* 0 says that it is complete */
        return 0;
    }
    sqlite3_backup_finish(backup->steps);
    backup->steps = NULL;
    return btc_sqlite_fail(err, backup->db, rc, backup->path);
}

int book_backup_read(struct book_backup *backup, int64_t offset, void *ret_bytes, size_t size_max,
                     size_t *ret_size, struct btc_error *err)
{
    if (!backup->is_complete)
        return btc_fail(err, BTC_EUSAGE, "the copy is not complete yet");
    ssize_t got = pread(backup->fd, ret_bytes, size_max, offset);
    if (got < 0)
        return btc_fail(err, BTC_EIO, "the copy %s could not be read: %s", backup->path,
                        strerror(errno));
    *ret_size = (size_t)got;
    return 0;
}

void book_backup_end(struct book_backup *backup)
{
    if (!backup)
        return;
    if (backup->steps)
        sqlite3_backup_finish(backup->steps);
    sqlite3_close(backup->db);
    if (backup->fd >= 0)
        close(backup->fd);
    if (!backup->is_complete)
        unlink(backup->path);
    free(backup->path);
    free(backup);
}
