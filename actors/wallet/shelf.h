/*
 * The shelf: the folder with a book for each wallet. The one named SHELF_DEFAULT lies in the folder
 * itself and is made when it is opened first; each other one lies in a folder of its name, which is
 * made whole elsewhere and then moved there: a wallet is there with all that it was made of, or not
 * at all. Errors as in book.h. One shelf on one thread; knows nothing of the bus.
 */
#ifndef ACTORS_WALLET_SHELF_H
#define ACTORS_WALLET_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/wallet/book.h"

#define SHELF_DEFAULT   "default"
#define SHELF_NAME_SIZE 33   /* bytes of the longest name, with the NUL */
#define SHELF_PATH_SIZE 4096 /* bytes of the longest path, with the NUL */

struct shelf {
    char folder[SHELF_PATH_SIZE]; /* made when it does not exist; its parent must */
    const struct btc_params *params;
};

/* 1 to 32 of a-z, 0-9, _ and -. */
bool shelf_is_name(const char *name);

/* Where a wallet's book lies. `name` is good. BTC_EUSAGE: the path is too long. */
int shelf_path(const struct shelf *shelf, const char *name, char ret_path[SHELF_PATH_SIZE],
               struct btc_error *err) BTC_MUST_CHECK;

/* Remove what is in the making: left by a process that died. Only whoever has the default wallet
 * open may, since nobody else then makes any. */
void shelf_sweep(const struct shelf *shelf);

bool shelf_has(const struct shelf *shelf, const char *name);
/* BOOK_NONE: no wallet of that name. Else as book_open(). */
int shelf_open(const struct shelf *shelf, const char *name, struct book **ret_book,
               struct btc_error *err) BTC_MUST_CHECK;

/* Make a wallet and open it: of these words, or NULL; under this passphrase, or NULL. BOOK_KNOWN:
 * there is one of that name. */
int shelf_create(const struct shelf *shelf, const char *name, const char *sentence,
                 const char *passphrase, struct book **ret_book, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * Make a wallet of a copy of its file. Pieces come in order, the first one at offset 0, which
 * begins anew; one at another offset than where the last one ended is BTC_EUSAGE. BOOK_KNOWN: there
 * is one of that name. shelf_restore_end() looks whether the file is a wallet of this network, and
 * opens it.
 */
int shelf_restore(const struct shelf *shelf, const char *name, uint64_t offset, const void *data,
                  size_t size, struct btc_error *err) BTC_MUST_CHECK;
int shelf_restore_end(const struct shelf *shelf, const char *name, struct book **ret_book,
                      struct btc_error *err) BTC_MUST_CHECK;

/* Write down which wallets are open, in place of what was written before; none: forget it. Not the
 * default one, which always is. It outlives the process, not surely the machine. */
int shelf_remember(const struct shelf *shelf, const char *const *names, size_t count,
                   struct btc_error *err) BTC_MUST_CHECK;
/* What was written down last, as far as it are names. How many. */
size_t shelf_recall(const struct shelf *shelf, char (*ret_names)[SHELF_NAME_SIZE],
                    size_t count_max);

/* Names of the wallets there are, by name, rising, from the one after `after` on ("": the first). */
int shelf_list(const struct shelf *shelf, const char *after, char (*ret_names)[SHELF_NAME_SIZE],
               size_t count_max, size_t *ret_count, bool *ret_has_more, struct btc_error *err)
    BTC_MUST_CHECK;

#endif
