/* Looking after the book's file: is it whole, and is it no larger than it needs to be. */
#include "actors/wallet/book_impl.h"

#include <string.h>
#include <sys/stat.h>

int64_t book_size(const struct book *book)
{
    struct stat info;
    return stat(book->path, &info) == 0 ? (int64_t)info.st_size : 0;
}

int book_check_pages(struct book *book, bool is_thorough, struct btc_error *err)
{
    sqlite3_stmt *row;
    if (!is_thorough && book_size(book) > BOOK_CHECK_SIZE)
        return 0;
    if (sqlite3_prepare_v2(book->db,
                           is_thorough ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", -1,
                           &row, NULL) != SQLITE_OK)
        return book_db_fail(book, err);
    char text[128] = "";
    int rc = sqlite3_step(row) == SQLITE_ROW ? 0 : book_db_fail(book, err);
    if (rc == 0)
        book_column_text(row, 0, text, sizeof(text));
    sqlite3_finalize(row);
    if (rc == 0 && strcmp(text, "ok") != 0)
        rc = btc_fail(err, BTC_ECORRUPT,
                      "%s is damaged (%s): move it away, and restore it from a backup or from its "
                      "words",
                      book->path, text);
    return rc;
}

/* What is written anew lies in memory on its way (see open_file()): a temporary file would hold keys. */
int book_compact(struct book *book, int64_t *ret_before, int64_t *ret_after, struct btc_error *err)
{
    int rc = book_exec(book, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    int64_t before = book_size(book);
    if (rc == 0 && before > BOOK_COMPACT_SIZE)
        return btc_fail(err, BTC_ELIMIT, "%s has more than %lld MiB: too much to be written anew",
                        book->path, BOOK_COMPACT_SIZE >> 20);
    if (rc == 0)
        rc = book_exec(book, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);", err);
    if (rc != 0)
        return rc;
    *ret_before = before;
    *ret_after = book_size(book);
    return 0;
}
