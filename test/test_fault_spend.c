/* Payments when memory or the disk fail the book: drafted, signed, sent, in a block, undone; coins
 * locked, others' transactions coming and going, descriptors watched, a copy made. See
 * test/support/fault_store.h for what must hold. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/fault.h"
#include "test/support/fault_store.h"
#include "test/support/purse.h"

enum { ITEMS_MAX = 64, STEPS = 11 };

static char folder[64];
static char dir[80];
static char file[128];
static char copy[128];
static struct book *book;
static struct blocks *chain;   /* 1: a coin, 2: the payment of it */
static struct btc_span theirs; /* somebody's payment */
static struct btc_hash theirs_txid;
static struct btc_outpoint coin;

/* Everything to one script from one coin: with no choice, and ECDSA, it is the same each time. */
static int draft_it(struct btc_error *err)
{
    struct book_draft_options options = purse_options(1000);
    struct btc_tx_out other = blocks_out_to_other(0);
    struct book_output output = {.script = other.script, .takes_rest = true};
    struct book_draft draft;
    options.coins = &coin;
    options.coin_count = 1;
    int rc = book_get_draft(book, 1, &draft, err); /* it was made, although something failed */
    return rc == BOOK_NONE ? book_make_draft(book, &output, 1, &options, &draft, err) : rc;
}

static int sign_it(struct btc_error *err)
{
    uint8_t *data;
    size_t size;
    int rc = book_sign_draft(book, 1, &data, &size, err);
    if (rc == 0)
        fault_free(data);
    return rc;
}

static int send_it(struct btc_error *err)
{
    uint8_t *data;
    size_t size;
    int rc = book_send_draft(book, 1, PURSE_NOW_S, &data, &size, err);
    if (rc >= 0)
        fault_free(data);
    return rc == BOOK_KNOWN ? 0 : rc;
}

static int apply(int32_t height, struct btc_error *err)
{
    int rc = book_apply_block(book, height, &chain->hashes[height], &chain->hashes[height - 1],
                              chain->blocks[height].data, chain->blocks[height].size, NULL, err);
    return rc == BOOK_KNOWN ? 0 : rc;
}

static int copy_it(struct btc_error *err)
{
    struct book_backup *backup;
    int left = 1;
    int total;
    unlink(copy);
    int rc = book_backup_begin(book, copy, &backup, err);
    if (rc != 0)
        return rc;
    while (rc == 0 && left > 0)
        rc = book_backup_step(backup, 8, &left, &total, err);
    book_backup_end(backup);
    return rc;
}

static int not_positive(int rc)
{
    return rc > 0 ? 0 : rc;
}

static int exchange_psbt(struct btc_error *err)
{
    uint8_t *data;
    uint8_t *result;
    size_t size;
    size_t result_size;
    size_t count;
    int rc = book_psbt_create(book, 1, &data, &size, err);
    if (rc != 0)
        return rc;
    rc = book_psbt_sign(book, data, size, &result, &result_size, &count, err);
    if (rc == 0)
        fault_free(result);
    fault_free(data);
    return rc;
}

static int one(size_t step, struct btc_error *err)
{
    switch (step) {
    case 0:
        return apply(1, err);
    case 1:
        return draft_it(err);
    case 2:
        return exchange_psbt(err);
    case 3:
        return sign_it(err);
    case 4:
        return send_it(err);
    case 5:
        return not_positive(book_add_pending(book, theirs.data, theirs.size, 7, err));
    case 6:
        return apply(2, err);
    case 7:
        return not_positive(book_disconnect_block(book, 2, &chain->hashes[2], err));
    case 8:
        return book_lock_coins(book, &coin, 1, true, err);
    case 9:
        return not_positive(book_drop_pending(book, &theirs_txid, BOOK_DROP_REPLACED, err));
    default:
        return not_positive(copy_it(err));
    }
}

static int do_step(size_t *at, size_t to, struct btc_error *err)
{
    (void)to;
    int rc = one(*at, err);
    *at += rc == 0;
    return rc;
}

/* --- what a book holds --- */

static uint64_t digest(void)
{
    struct book_entry entries[ITEMS_MAX];
    struct book_coin coins[ITEMS_MAX];
    struct book_draft draft = {0};
    struct book_balance balance = books_balance(book);
    int64_t cursor = 0;
    size_t count;
    books_check(book);
    uint64_t hash = fault_store_hash(0, &balance, sizeof balance);
    assert_int_equal(book_list_entries(book, &cursor, entries, ITEMS_MAX, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        hash = fault_store_hash(hash, &entries[i].txid, sizeof entries[i].txid);
        hash = fault_store_hash(hash, &entries[i].height, sizeof entries[i].height);
        hash = fault_store_hash(hash, &entries[i].net, sizeof entries[i].net);
    }
    cursor = 0;
    assert_int_equal(book_list_coins(book, &cursor, coins, ITEMS_MAX, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        hash = fault_store_hash(hash, &coins[i].outpoint, sizeof coins[i].outpoint);
        hash = fault_store_hash(hash, &coins[i].is_locked, sizeof coins[i].is_locked);
        hash = fault_store_hash(hash, &coins[i].is_pending, sizeof coins[i].is_pending);
    }
    if (book_get_draft(book, 1, &draft, NULL) == 0) {
        hash = fault_store_hash(hash, &draft.state, sizeof draft.state);
        hash = fault_store_hash(hash, &draft.txid, sizeof draft.txid);
    }
    return hash;
}

/* --- the scenario --- */

static int open_book(struct btc_error *err)
{
    int rc = books_try_open(dir, BTC_REGTEST, BOOKS_SENTENCE, &book, err);
    return rc == BTC_EUSAGE ? books_try_open(dir, BTC_REGTEST, NULL, &book, err) : rc;
}

static void close_book(void)
{
    book_close(book);
    book = NULL;
}

static void reset(void)
{
    static const char *const endings[] = {"", "-wal", "-journal", "-shm"};
    close_book();
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[160];
        snprintf(path, sizeof path, "%s%s", file, endings[i]);
        unlink(path);
        snprintf(path, sizeof path, "%s%s", copy, endings[i]);
        unlink(path);
    }
    rmdir(dir);
}

static const struct fault_store store = {
    .name = "spend",
    .folder = "test_fault_spend.",
    .file = file,
    .steps = STEPS,
    .batch_max = 1,
    .reset = reset,
    .open = open_book,
    .close = close_book,
    .step = do_step,
    .digest = digest,
};

static void test_payments_without_memory(void **state)
{
    (void)state;
    fault_store_try(&store, FAULT_MEMORY, ENOMEM, 15);
    fault_store_try(&store, FAULT_SQLITE_MEMORY, ENOMEM, 20);
}

static void test_payments_on_a_disk_that_fails(void **state)
{
    (void)state;
    fault_store_try(&store, FAULT_SQLITE, EIO, 12);
    fault_store_try(&store, FAULT_SQLITE, ENOSPC, 12);
}

/* Block 2 has the payment, which is made once without failures for it. */
static int setup(void **state)
{
    fault_store_setup(state);
    snprintf(folder, sizeof folder, "/tmp/test_fault_spend.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(dir, sizeof dir, "%s/w", folder);
    snprintf(file, sizeof file, "%s/" BOOK_FILE_NAME, dir);
    snprintf(copy, sizeof copy, "%s/copy", folder);
    struct btc_script script = books_script(0, 3);
    struct btc_script other = books_script_of(KEYS_BIP86, 0, 3);
    struct btc_span first = purse_payment(1, &script, 90000);
    uint8_t *data;
    size_t size;
    theirs = purse_payment(2, &other, 5000);
    theirs_txid = purse_txid(theirs);
    chain = blocks_new();
    assert_int_equal(open_book(NULL), 0);
    purse_mine(book, chain, &first, 1, 1);
    coin = (struct btc_outpoint){purse_txid(first), 0};
    assert_int_equal(draft_it(NULL), 0);
    assert_int_equal(sign_it(NULL), 0);
    assert_int_equal(book_send_draft(book, 1, 0, &data, &size, NULL), 0);
    struct btc_span payment = {data, size};
    purse_mine(book, chain, &payment, 1, 1);
    fault_free(data);
    free((void *)(uintptr_t)first.data);
    reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    reset();
    blocks_free(chain);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payments_without_memory),
        cmocka_unit_test(test_payments_on_a_disk_that_fails),
    };
    return cmocka_run_group_tests_name("fault_spend", tests, setup, teardown);
}
