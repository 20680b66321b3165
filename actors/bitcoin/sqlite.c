/* SQLite's failures in words: see sqlite.h. */
#include "actors/bitcoin/sqlite.h"

#include <string.h>

/* "could not be ...", by extended code; NULL: SQLite's own words will do. */
static const char *operation(int code)
{
    switch (code) {
    case SQLITE_IOERR_READ:
    case SQLITE_IOERR_SHORT_READ:
        return "read";
    case SQLITE_IOERR_WRITE:
        return "written";
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
        return "put on the disk";
    case SQLITE_IOERR_TRUNCATE:
        return "shortened";
    case SQLITE_IOERR_FSTAT:
    case SQLITE_IOERR_ACCESS:
        return "looked at";
    case SQLITE_IOERR_DELETE:
        return "removed";
    case SQLITE_IOERR_LOCK:
    case SQLITE_IOERR_RDLOCK:
    case SQLITE_IOERR_SHMLOCK:
    case SQLITE_IOERR_CHECKRESERVEDLOCK:
        return "locked";
    case SQLITE_IOERR_SHMOPEN:
    case SQLITE_IOERR_SHMSIZE:
    case SQLITE_IOERR_SHMMAP:
        return "shared";
    default:
        return (code & 0xff) == SQLITE_CANTOPEN ? "opened" : NULL;
    }
}

int btc_sqlite_fail(struct btc_error *err, sqlite3 *db, int code, const char *path)
{
    if (db != NULL && (sqlite3_extended_errcode(db) & 0xff) == (code & 0xff))
        code = sqlite3_extended_errcode(db);
    const char *failed = operation(code);
    int reason = db != NULL ? sqlite3_system_errno(db) : 0;
    if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM)
        return btc_fail(err, BTC_ENOMEM, "%s: no memory", path);
    if ((code & 0xff) == SQLITE_FULL)
        return btc_fail(err, BTC_EIO, "%s: the disk is full; free some space and try again", path);
    if (failed == NULL)
        return btc_fail(err, BTC_EIO, "%s: %s", path,
                        db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
    return btc_fail(err, BTC_EIO, "%s: it or its log could not be %s: %s; see to the disk", path,
                    failed, reason != 0 ? strerror(reason) : sqlite3_errstr(code));
}
