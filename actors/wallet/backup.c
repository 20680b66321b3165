/* The copy of a wallet's file, as a stream: made in steps, so that the wallet goes on meanwhile, then
 * read in pieces, as fast as the asker takes them. */
#include <stdlib.h>

#include "actors/bitcoin/bip32.h"
#include "actors/wallet/wallet_impl.h"

#define PAGES_MAX  1000 /* of SQLite, copied in one step */
#define PIECE_SIZE (256 * 1024)
#define PAUSE_MS   1

struct backup {
    struct wallet *wallet;
    struct troupe_call *call;
    struct book_backup *copy;
    int64_t offset;
    int64_t total;
    uint8_t piece[PIECE_SIZE];
};

static void finish(struct backup *backup)
{
    book_backup_end(backup->copy);
    backup->wallet->backup = NULL;
    btc_wipe(backup->piece, sizeof(backup->piece));
    free(backup);
}

static void fail(struct backup *backup, int code, const struct btc_error *err)
{
    wallet_fail_book(backup->call, code, err);
    finish(backup);
}

static void send(struct backup *backup);

static void on_room(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    (void)self;
    (void)call;
    send(user);
}

static void send(struct backup *backup)
{
    struct btc_error err;
    int code = 0;
    while (code == 0) {
        size_t size = 0;
        int rc = book_backup_read(backup->copy, backup->offset, backup->piece, PIECE_SIZE, &size,
                                  &err);
        if (rc != 0) {
            fail(backup, rc, &err);
            return;
        }
        if (size == 0) {
            wallet_backup_end(backup->call);
            finish(backup);
            return;
        }
        struct wallet_backup_item item = {.offset_bytes = (uint64_t)backup->offset,
                                          .total_bytes = (uint64_t)backup->total,
                                          .piece = {.data = backup->piece, .size = size}};
        code = wallet_backup_item(backup->call, &item);
        if (code == 0)
            backup->offset += (int64_t)size;
    }
    if (code == TROUPE_EBUSY) {
        troupe_on_room(backup->call, on_room, backup);
        return;
    }
    troupe_fail(backup->call, code, NULL);
    finish(backup);
}

/* How large it is: where reading ends. */
static int measure(struct backup *backup, struct btc_error *err)
{
    size_t size = 1;
    int rc = 0;
    backup->total = 0;
    while (rc == 0 && size > 0) {
        rc = book_backup_read(backup->copy, backup->total, backup->piece, PIECE_SIZE, &size, err);
        if (rc == 0)
            backup->total += (int64_t)size;
    }
    return rc;
}

static void copy(struct troupe_actor *self, void *user)
{
    struct backup *backup = user;
    struct btc_error err;
    int left = 0;
    int total = 0;
    if (troupe_cancelled(backup->call)) {
        troupe_fail(backup->call, TROUPE_ECANCELED, NULL);
        finish(backup);
        return;
    }
    int rc = book_backup_step(backup->copy, PAGES_MAX, &left, &total, &err);
    if (rc == 0 && left > 0) {
        int code = troupe_after(self, PAUSE_MS, copy, backup, NULL);
        if (code == 0)
            return;
        troupe_fail(backup->call, code, NULL);
        finish(backup);
        return;
    }
    if (rc == 0)
        rc = measure(backup, &err);
    if (rc != 0)
        fail(backup, rc, &err);
    else
        send(backup);
}

void wallet_serve_backup(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct wallet *wallet = state;
    struct btc_error err;
    if (wallet->backup != NULL) {
        troupe_fail(call, TROUPE_EBUSY, "a copy is being made already: try again later");
        return;
    }
    struct backup *backup = calloc(1, sizeof(*backup));
    if (backup == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    backup->wallet = wallet;
    backup->call = call;
    int rc = book_backup_begin(wallet->book, NULL, &backup->copy, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        free(backup);
        return;
    }
    wallet->backup = backup;
    troupe_defer(call);
    copy(self, backup);
}

void wallet_backup_stop(struct wallet *wallet)
{
    if (wallet->backup != NULL)
        finish(wallet->backup);
}
