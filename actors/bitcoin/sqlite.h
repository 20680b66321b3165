/*
 * What went wrong with an SQLite file, in words: node and wallet keep one each.
 */
#ifndef ACTORS_BITCOIN_SQLITE_H
#define ACTORS_BITCOIN_SQLITE_H

#include <sqlite3.h>

#include "actors/bitcoin/error.h"

/*
 * For failures that have nothing to do with what the file holds: says of `path` which operation
 * failed, on the file or its log, and why. `code` is SQLite's; db (may be NULL) is where
 * it came from. Gives BTC_ENOMEM, or BTC_EIO for all others.
 */
int btc_sqlite_fail(struct btc_error *err, sqlite3 *db, int code, const char *path);

#endif
