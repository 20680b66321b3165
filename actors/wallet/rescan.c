/* Looking at blocks again. A second book, made of a copy of the wallet's own, goes back to where the
 * rescan begins and reads the blocks from there; the wallet goes on meanwhile, with all it knows. Only
 * when both differ in the end does the wallet itself go back, to before the first difference, and
 * follow from there. So a rescan that is given up, or whose process dies, has changed nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/wallet/wallet_impl.h"

#define FOLDER     "rescan.new" /* below the wallet's: no wallet has such a name */
#define TELL_COUNT 100          /* blocks between two reports */
#define PAGE       64

struct rescan {
    struct wallet *wallet;
    struct troupe_call *call;
    struct book *book; /* the second one */
    char folder[SHELF_PATH_SIZE + sizeof(FOLDER) + 1];
    uint32_t from;
    uint32_t to;
    uint32_t height; /* done up to */
    uint64_t txs;
    uint64_t stream;
    uint8_t *block;
    size_t block_size;
    int code; /* why it is given up, if not 0 */
    struct btc_error err;
    struct book_entry mine[PAGE];
    struct book_entry other[PAGE];
};

/* ---- the second book's folder ---- */

static void remove_files(const char *folder)
{
    static const char *const names[] = {BOOK_FILE_NAME, BOOK_FILE_NAME "-wal",
                                        BOOK_FILE_NAME "-journal"};
    char path[sizeof(((struct rescan *)0)->folder) + 32];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static int copy_book(struct rescan *rescan, struct btc_error *err)
{
    struct wallet *wallet = rescan->wallet;
    struct book_backup *copy = NULL;
    char path[sizeof(rescan->folder) + 32];
    int left = 1;
    int total = 0;
    snprintf(rescan->folder, sizeof(rescan->folder), "%s/" FOLDER, wallet->folder);
    snprintf(path, sizeof(path), "%s/" BOOK_FILE_NAME, rescan->folder);
    remove_files(rescan->folder); /* of a process that died */
    if (mkdir(rescan->folder, 0700) != 0)
        return btc_fail(err, BTC_EIO, "%s can't be made: %s", rescan->folder, strerror(errno));
    int rc = book_backup_begin(wallet->book, path, &copy, err);
    while (rc == 0 && left > 0)
        rc = book_backup_step(copy, -1, &left, &total, err);
    book_backup_end(copy);
    struct book_options options = {.dir = rescan->folder, .params = wallet->params};
    if (rc == 0)
        rc = book_open(&options, &rescan->book, err);
    return rc != 0 ? rc : book_rescan_from(rescan->book, (int32_t)rescan->from, err);
}

static void free_rescan(struct rescan *rescan)
{
    rescan->wallet->rescan = NULL;
    book_close(rescan->book);
    remove_files(rescan->folder);
    free(rescan->block);
    free(rescan);
}

void wallet_rescan_stop(struct wallet *wallet)
{
    if (wallet->rescan != NULL)
        free_rescan(wallet->rescan);
}

/* ---- telling ---- */

static void tell(struct troupe_actor *self, struct rescan *rescan, bool is_done)
{
    struct wallet_scan_progress event = {.from_height = rescan->from,
                                         .height = rescan->height,
                                         .to_height = rescan->to,
                                         .is_done = is_done};
    struct wallet_rescan_item item = {
        .height = rescan->height, .to_height = rescan->to, .txs = rescan->txs};
    wallet_publish_scan_progress(self, &event);
    if (rescan->code == 0 && wallet_rescan_item(rescan->call, &item) == TROUPE_ECANCELED)
        rescan->code = TROUPE_ECANCELED;
}

/* ---- comparing ---- */

/* Entries that are in blocks from the rescan's first one on, newest first; pages of both books. */
struct reader {
    struct book *book;
    struct book_entry *rows;
    size_t count;
    size_t at;
    int64_t cursor;
    bool is_begun;
};

/* The next entry, or NULL behind the last. */
static int next_entry(struct reader *reader, const struct book_entry **ret_entry,
                      struct btc_error *err)
{
    if (!reader->is_begun)
        reader->cursor = BOOK_CURSOR_BLOCKS;
    if (reader->at == reader->count && (!reader->is_begun || reader->cursor != 0)) {
        int rc = book_list_entries(reader->book, &reader->cursor, reader->rows, PAGE,
                                   &reader->count, err);
        if (rc != 0)
            return rc;
        reader->is_begun = true;
        reader->at = 0;
    }
    *ret_entry = reader->at < reader->count ? &reader->rows[reader->at++] : NULL;
    return 0;
}

/* Up to and with `to`, which may be less than the wallet has by now. */
static int next_below(struct reader *reader, uint32_t to, const struct book_entry **ret_entry,
                      struct btc_error *err)
{
    int rc = 0;
    do
        rc = next_entry(reader, ret_entry, err);
    while (rc == 0 && *ret_entry != NULL && (*ret_entry)->height > (int32_t)to);
    return rc;
}

static bool is_same(const struct book_entry *a, const struct book_entry *b)
{
    return a->height == b->height && a->position == b->position &&
           btc_hash_equal(&a->txid, &b->txid) && a->received == b->received && a->sent == b->sent;
}

/* The height of the lowest difference; -1: there is none. */
static int compare(struct rescan *rescan, int32_t *ret_height, struct btc_error *err)
{
    struct reader mine = {.book = rescan->wallet->book, .rows = rescan->mine};
    struct reader other = {.book = rescan->book, .rows = rescan->other};
    const struct book_entry *a = NULL;
    const struct book_entry *b = NULL;
    int32_t lowest = -1;
    int rc = next_below(&mine, rescan->to, &a, err);
    if (rc == 0)
        rc = next_below(&other, rescan->to, &b, err);
    while (rc == 0 && (a != NULL || b != NULL)) {
        int32_t at = a == NULL                            ? b->height
                     : b == NULL || a->height > b->height ? a->height
                                                          : b->height;
        if (at < (int32_t)rescan->from)
            break;
        bool takes_a = a != NULL && (b == NULL || a->height >= b->height);
        bool takes_b = b != NULL && (a == NULL || b->height >= a->height);
        if (!takes_a || !takes_b || !is_same(a, b))
            lowest = at;
        if (takes_a)
            rc = next_entry(&mine, &a, err);
        if (rc == 0 && takes_b)
            rc = next_entry(&other, &b, err);
    }
    *ret_height = lowest;
    return rc;
}

/* The wallet itself goes back to where it is wrong. */
static int settle(struct troupe_actor *self, struct rescan *rescan, struct btc_error *err)
{
    struct wallet *wallet = rescan->wallet;
    int32_t height = -1;
    int rc = compare(rescan, &height, err);
    if (rc != 0 || height < 0)
        return rc;
    wallet_tell_removed(self, wallet, height - 1);
    rc = book_rewind(wallet->book, height > 0 ? height - 1 : 0, err);
    wallet->is_doubtful = true;
    wallet_follow(self, wallet);
    wallet_pool_look_at_all(self, wallet);
    return rc;
}

/* ---- reading ---- */

static void finish(struct troupe_actor *self, struct rescan *rescan)
{
    if (rescan->code == 0 && rescan->height < rescan->to)
        rescan->code = btc_fail(&rescan->err, BTC_EUSAGE,
                                "the chain was reorganised meanwhile: begin the rescan again");
    if (rescan->code == 0)
        rescan->code = settle(self, rescan, &rescan->err);
    tell(self, rescan, true);
    if (rescan->code == 0)
        wallet_rescan_end(rescan->call);
    else if (rescan->err.code != 0)
        wallet_fail_book(rescan->call, rescan->code, &rescan->err);
    else
        troupe_fail(rescan->call, rescan->code, NULL);
    free_rescan(rescan);
}

static int take(struct rescan *rescan, const struct node_get_blocks_item *item)
{
    struct btc_hash hash;
    struct btc_hash prev;
    size_t changes = 0;
    if (item->block.size > rescan->block_size) {
        uint8_t *block = realloc(rescan->block, item->block.size);
        if (block == NULL)
            return btc_fail(&rescan->err, BTC_ENOMEM, "no memory for a block");
        rescan->block = block;
        rescan->block_size = item->block.size;
    }
    if (item->block.size > 0)
        troupe_blob_copy(&item->block, rescan->block);
    memcpy(hash.bytes, item->hash.bytes, sizeof(hash.bytes));
    memcpy(prev.bytes, item->prev_hash.bytes, sizeof(prev.bytes));
    int rc = book_apply_block(rescan->book, (int32_t)item->height, &hash, &prev, rescan->block,
                              item->block.size, &changes, &rescan->err);
    rescan->txs += rc == 0 ? changes : 0;
    if (rc == 0)
        rescan->height = item->height;
    return rc < 0 ? rc : 0; /* on another branch: it shows in the end */
}

static void on_block(struct troupe_actor *self, void *user, const struct node_get_blocks_item *item)
{
    struct rescan *rescan = user;
    if (rescan->code != 0)
        return;
    rescan->code = take(rescan, item);
    if (rescan->code == 0 && (item->height - rescan->from) % TELL_COUNT == 0)
        tell(self, rescan, false);
    if (rescan->code == 0 && troupe_cancelled(rescan->call))
        rescan->code = TROUPE_ECANCELED;
    if (rescan->code != 0)
        troupe_cancel(self, rescan->stream);
}

static void on_end(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct rescan *rescan = user;
    if (error != NULL && rescan->code == 0)
        rescan->code = error->code;
    finish(self, rescan);
}

static void begin(struct troupe_actor *self, struct rescan *rescan)
{
    struct node_get_blocks_args blocks = {.from = rescan->from, .to = rescan->to};
    struct troupe_options options = {.ret_token = &rescan->stream};
    bool has_blocks = rescan->from <= rescan->to;
    rescan->height = rescan->from - 1;
    rescan->code = copy_book(rescan, &rescan->err);
    if (rescan->code == 0 && has_blocks)
        rescan->code = node_get_blocks_ask(self, rescan->wallet->node, &blocks, on_block, on_end,
                                           rescan, &options);
    if (rescan->code != 0 || !has_blocks)
        finish(self, rescan);
}

void wallet_serve_rescan(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallet_rescan_args *args)
{
    struct wallet *wallet = state;
    struct wallet_synced synced;
    struct btc_error err;
    if (wallet->rescan != NULL) {
        troupe_fail(call, TROUPE_EBUSY, "a rescan is running already: wait for it, or end it");
        return;
    }
    int rc = wallet_synced(wallet, &synced, &err);
    if (rc == 0 && args->from_height > synced.height)
        rc = btc_fail(&err, BTC_EUSAGE, "the wallet is at block %u: begin there or below",
                      synced.height);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct rescan *rescan = calloc(1, sizeof(*rescan));
    if (rescan == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, "no memory for a rescan");
        return;
    }
    wallet->rescan = rescan;
    rescan->wallet = wallet;
    rescan->call = call;
    rescan->from = args->from_height > 0 ? args->from_height : 1; /* genesis pays nobody */
    rescan->to = synced.height;
    troupe_defer(call);
    begin(self, rescan);
}
