/* A wallet's file, copied and put up again; and blocks that are looked at again: with the real actors,
 * in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "test/support/peer.h"
#include "test/support/purses.h"

#define BLOCKS 250 /* more than two reports of a rescan */

/* ---- backup and restore ---- */

struct file {
    uint8_t *data;
    size_t size;
    uint64_t total;
    unsigned pieces;
};

static void on_piece(struct troupe_actor *self, void *user, const struct wallet_backup_item *item)
{
    struct file *file = user;
    (void)self;
    assert_int_equal(item->offset_bytes, file->size);
    file->data = realloc(file->data, file->size + item->piece.size);
    assert_non_null(file->data);
    troupe_blob_copy(&item->piece, file->data + file->size);
    file->size += item->piece.size;
    file->total = item->total_bytes;
    file->pieces++;
}

static struct file back_up(struct purses *purses, struct troupe_ref wallet)
{
    struct file file = {.size = 0};
    assert_int_equal(wallet_backup(purses->troupe, wallet, on_piece, &file, NULL, NULL), 0);
    assert_int_equal(file.size, file.total);
    return file;
}

static int restore_piece(struct purses *purses, const char *name, const struct file *file,
                         size_t offset, size_t size, struct troupe_ref *ret_ref)
{
    struct wallets_restore_args args = {.name = troupe_text(name),
                                        .offset_bytes = offset,
                                        .is_last = offset + size >= file->size,
                                        .piece = {.data = file->data + offset, .size = size}};
    struct wallets_restore_results results;
    int code = wallets_restore(purses->troupe, purses->wallets, &args, &results, NULL, NULL);
    if (code == 0 && args.is_last)
        *ret_ref = results.wallet;
    return code;
}

static void copy_is_the_same_wallet(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_get(purses, "default");
    struct troupe_ref again;
    purses_mine(purses, wallet, 120);
    struct file file = back_up(purses, wallet);
    size_t half = file.size / 2;
    assert_int_equal(restore_piece(purses, "again", &file, 0, half, &again), 0);
    assert_int_equal(restore_piece(purses, "again", &file, 0, half, &again), 0); /* begins anew */
    assert_int_equal(restore_piece(purses, "again", &file, half, file.size - half, &again), 0);
    assert_int_equal(restore_piece(purses, "again", &file, 0, half, &again), WALLETS_EXISTS);
    purses_mine(purses, wallet, 1);
    purses_wait_level(purses, again);
    assert_int_equal(purses_balance(purses, again).confirmed_sat,
                     purses_balance(purses, wallet).confirmed_sat);
    free(file.data);
}

static void what_is_no_copy_is_refused(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref ref;
    struct file file = back_up(purses, purses_get(purses, "default"));
    size_t half = file.size / 2;
    assert_int_equal(restore_piece(purses, "x", &file, half, 100, &ref), WALLETS_INVALID);
    assert_int_equal(restore_piece(purses, "x", &file, 0, half, &ref), 0);
    assert_int_equal(restore_piece(purses, "x", &file, half + 1, 100, &ref), WALLETS_INVALID);
    struct file cut = {.data = file.data, .size = half};
    assert_int_not_equal(restore_piece(purses, "x", &cut, 0, half, &ref), 0);
    memset(file.data, 'x', 100);
    assert_int_not_equal(restore_piece(purses, "x", &file, 0, file.size, &ref), 0);
    struct wallets_open_args args = {.name = troupe_text("x")};
    struct wallets_open_results results;
    assert_int_equal(wallets_open(purses->troupe, purses->wallets, &args, &results, NULL, NULL),
                     WALLETS_NOT_FOUND);
    free(file.data);
}

/* ---- rescan ---- */

struct progress {
    struct troupe_ref wallet;
    unsigned items;
    uint32_t height;
    uint32_t to_height;
    uint64_t txs;
    uint64_t token;
    int code;
    bool is_done;
};

static void on_item(struct troupe_actor *self, void *user, const struct wallet_rescan_item *item)
{
    struct progress *progress = user;
    assert_true(item->height >= progress->height);
    progress->items++;
    progress->height = item->height;
    progress->to_height = item->to_height;
    progress->txs = item->txs;
    if (self != NULL)
        troupe_cancel(self, progress->token);
}

static int rescan(struct purses *purses, struct troupe_ref wallet, uint32_t from,
                  struct progress *progress)
{
    struct wallet_rescan_args args = {.from_height = from};
    *progress = (struct progress){.height = 0};
    return wallet_rescan(purses->troupe, wallet, &args, on_item, progress, NULL, NULL);
}

static void rescan_reports_and_changes_nothing_that_is_right(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_get(purses, "default");
    struct progress progress;
    purses_mine(purses, wallet, BLOCKS);
    struct wallet_balance before = purses_balance(purses, wallet);
    assert_int_equal(rescan(purses, wallet, 0, &progress), 0);
    assert_true(progress.items >= 3);
    assert_int_equal(progress.height, BLOCKS);
    assert_int_equal(progress.to_height, BLOCKS);
    assert_int_equal(progress.txs, BLOCKS);
    assert_int_equal(rescan(purses, wallet, BLOCKS - 9, &progress), 0);
    assert_int_equal(progress.txs, 10);
    struct wallet_balance after = purses_balance(purses, wallet);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(rescan(purses, wallet, BLOCKS + 1, &progress), WALLET_INVALID);
}

/* Takes rows out of the file of a wallet that is closed. */
static void damage(struct purses *purses, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/regtest/wallet/hurt/wallet.sqlite", purses->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static size_t count_txs(struct purses *purses, struct troupe_ref wallet)
{
    struct wallet_list_txs_args args = {.max = 0};
    struct wallet_list_txs_results page;
    assert_int_equal(wallet_list_txs(purses->troupe, wallet, &args, &page, NULL, NULL), 0);
    size_t count = page.txs_count;
    troupe_release(page.message);
    return count;
}

static void rescan_finds_what_is_missing(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_create(purses, "hurt", "");
    struct wallets_close_args args = {.name = troupe_text("hurt")};
    struct progress progress;
    purses_mine(purses, wallet, 20);
    assert_int_equal(wallets_close(purses->troupe, purses->wallets, &args, NULL, NULL), 0);
    damage(purses, "DELETE FROM entry WHERE height IN (7, 11)");
    wallet = purses_get(purses, "hurt");
    assert_int_equal(count_txs(purses, wallet), 18);
    assert_int_equal(rescan(purses, wallet, 12, &progress), 0); /* above */
    purses_wait_level(purses, wallet);
    assert_int_equal(count_txs(purses, wallet), 18);
    assert_int_equal(rescan(purses, wallet, 0, &progress), 0);
    purses_wait_level(purses, wallet);
    assert_int_equal(count_txs(purses, wallet), 20);
    assert_int_equal(purses_balance(purses, wallet).immature_sat, INT64_C(20) * 50 * 100000000);
}

static void on_end(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct progress *progress = user;
    (void)self;
    progress->code = error != NULL ? error->code : 0;
    progress->is_done = true;
}

static int begin_rescan(struct troupe_actor *self, void *state, const void *argument)
{
    struct progress *progress = (struct progress *)(uintptr_t)argument;
    struct wallet_rescan_args args = {.from_height = 0};
    struct troupe_options options = {.ret_token = &progress->token};
    (void)state;
    return wallet_rescan_ask(self, progress->wallet, &args, on_item, on_end, progress, &options);
}

static const struct troupe_actor_def asker = {
    .name = "asker", .start = begin_rescan, .flags = TROUPE_PINNED};

static void rescan_that_is_given_up_changes_nothing(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_get(purses, "default");
    struct progress progress = {.wallet = wallet};
    struct troupe_ref ref;
    char path[128];
    purses_mine(purses, wallet, BLOCKS);
    struct wallet_balance before = purses_balance(purses, wallet);
    assert_int_equal(troupe_spawn(purses->troupe, &asker, &progress, &ref), 0);
    double due = now_s() + bound_ms(20000) / 1000.0;
    while (!progress.is_done && now_s() < due)
        troupe_step(purses->troupe, 10);
    assert_true(progress.is_done);
    assert_int_equal(progress.code, TROUPE_ECANCELED);
    assert_true(progress.height < BLOCKS);
    struct wallet_balance after = purses_balance(purses, wallet);
    assert_memory_equal(&before, &after, sizeof(before));
    snprintf(path, sizeof(path), "%s/regtest/wallet/rescan.new", purses->folder);
    while (access(path, F_OK) == 0 && now_s() < due)
        troupe_step(purses->troupe, 10);
    assert_int_not_equal(access(path, F_OK), 0);
    purses_mine(purses, wallet, 1); /* it follows as before */
    assert_int_equal(rescan(purses, wallet, BLOCKS, &progress), 0);
}

#define WITH_PURSES(test) cmocka_unit_test_setup_teardown(test, purses_open, purses_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PURSES(copy_is_the_same_wallet),
        WITH_PURSES(what_is_no_copy_is_refused),
        WITH_PURSES(rescan_reports_and_changes_nothing_that_is_right),
        WITH_PURSES(rescan_finds_what_is_missing),
        WITH_PURSES(rescan_that_is_given_up_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
