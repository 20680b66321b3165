/* The wallet's book when memory or the disk fail it: made from words, blocks with payments that come
 * and go, addresses given out, labels, something watched, a block undone for another. See
 * test/support/fault_store.h for what must hold. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/books.h"
#include "test/support/fault.h"
#include "test/support/fault_store.h"

enum { TIP = 4, ITEMS_MAX = 64 };

static char folder[64];
static char dir[80];
static char file[128];
static struct book *book;
static struct blocks *chain; /* pays, spends, and pays to scripts far ahead */
static struct blocks *other; /* as it up to block 2 */

/* ---- steps ----------------------------------------------------------------------------------- */

static int apply(const struct blocks *from, int32_t height, struct btc_error *err)
{
    int rc = book_apply_block(book, height, &from->hashes[height], &from->hashes[height - 1],
                              from->blocks[height].data, from->blocks[height].size, NULL, err);
    assert_true(rc <= 0);
    return rc;
}

static int give(struct btc_error *err)
{
    struct book_script script;
    bool beyond;
    return book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_CHANGE, "rent", &script, &beyond, err);
}

static int label(struct btc_error *err)
{
    struct book_script script;
    int64_t cursor = 0;
    size_t count;
    int rc = book_list_scripts(book, &cursor, &script, 1, &count, err);
    if (rc != 0) {
        return rc;
    }
    assert_int_equal(count, 1);
    return book_set_label(book, script.id, "savings", err);
}

/* Goes back to genesis. */
static int watch(struct btc_error *err)
{
    int rc = book_watch(book, "51", "anyone's", 1, err);
    assert_true(rc <= 0);
    return rc;
}

static int one(size_t step, struct btc_error *err)
{
    switch (step) {
    case 0:
    case 1:
    case 2:
        return apply(chain, (int32_t)step + 1, err);
    case 3:
        return give(err);
    case 4:
        return label(err);
    case 5:
        return book_disconnect_block(book, 3, &chain->hashes[3], err);
    case 6:
    case 7:
        return apply(other, (int32_t)step - 3, err);
    case 8:
        return book_rewind(book, 1, err);
    case 9:
        return apply(chain, 2, err);
    case 10:
        return watch(err);
    default:
        return apply(chain, (int32_t)step - 10, err);
    }
}

static int do_step(size_t *at, size_t to, struct btc_error *err)
{
    (void)to;
    int rc = one(*at, err);
    *at += rc == 0;
    return rc;
}

/* ---- what a book holds ----------------------------------------------------------------------- */

static uint64_t add_scripts(uint64_t hash)
{
    struct book_script items[ITEMS_MAX];
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_scripts(book, &cursor, items, ITEMS_MAX, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        hash = fault_store_hash(hash, &items[i].chain, sizeof items[i].chain);
        hash = fault_store_hash(hash, &items[i].index, sizeof items[i].index);
        hash = fault_store_hash(hash, &items[i].is_used, sizeof items[i].is_used);
        hash = fault_store_hash(hash, items[i].text, strlen(items[i].text));
        hash = fault_store_hash(hash, items[i].label, strlen(items[i].label) + 1);
    }
    return hash;
}

static uint64_t add_coins(uint64_t hash)
{
    struct book_coin items[ITEMS_MAX];
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_coins(book, &cursor, items, ITEMS_MAX, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        hash = fault_store_hash(hash, &items[i].outpoint, sizeof items[i].outpoint);
        hash = fault_store_hash(hash, &items[i].amount, sizeof items[i].amount);
        hash = fault_store_hash(hash, &items[i].height, sizeof items[i].height);
        hash = fault_store_hash(hash, items[i].script.text, strlen(items[i].script.text));
    }
    return hash;
}

static uint64_t add_entries(uint64_t hash)
{
    struct book_entry items[ITEMS_MAX];
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_entries(book, &cursor, items, ITEMS_MAX, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        hash = fault_store_hash(hash, &items[i].txid, sizeof items[i].txid);
        hash = fault_store_hash(hash, &items[i].height, sizeof items[i].height);
        hash = fault_store_hash(hash, &items[i].net, sizeof items[i].net);
        hash = fault_store_hash(hash, &items[i].fee, sizeof items[i].fee);
    }
    return hash;
}

/* By what it says: nobody else can look into an open book. */
static uint64_t digest(void)
{
    char words[BTC_BIP39_SENTENCE_SIZE];
    struct btc_hash hash_of_tip;
    int32_t height;
    struct book_balance balance = books_balance(book);
    books_check(book);
    assert_int_equal(book_sentence(book, words, NULL), 0);
    assert_string_equal(words, BOOKS_SENTENCE);
    assert_int_equal(book_synced(book, &height, &hash_of_tip, NULL), 0);
    uint64_t hash = fault_store_hash(0, &height, sizeof height);
    hash = fault_store_hash(hash, hash_of_tip.bytes, sizeof hash_of_tip.bytes);
    hash = fault_store_hash(hash, &balance, sizeof balance);
    return add_entries(add_coins(add_scripts(hash)));
}

/* ---- the scenario ---------------------------------------------------------------------------- */

/* One that was made, although something failed, has its words. */
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
    }
    rmdir(dir);
}

/* As it is for the first time, and with a mode that has to be changed. */
static void reset_to_open_mode(void)
{
    reset();
    assert_int_equal(mkdir(dir, 0700), 0);
    FILE *stream = fopen(file, "we");
    assert_non_null(stream);
    fclose(stream);
    assert_int_equal(chmod(file, 0644), 0);
}

static const struct fault_store store = {
    .name = "book",
    .folder = "test_fault_book.",
    .file = file,
    .steps = 14,
    .batch_max = 1,
    .reset = reset,
    .open = open_book,
    .close = close_book,
    .step = do_step,
    .digest = digest,
};

static void test_book_without_memory(void **state)
{
    (void)state;
    fault_store_try(&store, FAULT_MEMORY, ENOMEM, 20);
    fault_store_try(&store, FAULT_SQLITE_MEMORY, ENOMEM, 30);
}

static void test_book_whose_own_files_fail(void **state)
{
    struct fault_store open_mode = store;
    (void)state;
    fault_store_try(&store, FAULT_FILES, EIO, 5);
    open_mode.reset = reset_to_open_mode;
    open_mode.name = "book, readable by all";
    fault_store_try(&open_mode, FAULT_FILES, ENOSPC, 5);
}

static void test_book_on_a_disk_that_fails(void **state)
{
    (void)state;
    fault_store_try(&store, FAULT_SQLITE, EIO, 20);
    fault_store_try(&store, FAULT_SQLITE, ENOSPC, 20);
}

/* ---- making the blocks ----------------------------------------------------------------------- */

/* Pays to the last script that is looked for (and so makes the book look further), spends what block
 * 1 paid, and pays to anyone. */
static struct blocks *make_chain(uint32_t salt)
{
    static const uint8_t op_true[] = {0x51};
    struct blocks *made = blocks_new();
    struct btc_outpoint coin = {.index = 0};
    for (int32_t height = 1; height <= TIP; height++) {
        struct btc_script receive = books_script(0, (uint32_t)height * 15);
        struct btc_script change = books_script(1, (uint32_t)height);
        struct blocks_draft draft = blocks_draft(height, height > 2 ? salt : 1);
        struct btc_tx_out outs[] = {blocks_out_to(&change, (20 - 4 * height) * BTC_COIN),
                                    {.amount = 2 * BTC_COIN, .script = {op_true, 1}}};
        struct btc_outpoint foreign = {.txid = {{1}}, .index = (uint32_t)height};
        blocks_add_coinbase(&draft, blocks_out_to(&receive, 50 * BTC_COIN));
        struct btc_hash txid = blocks_add_tx(&draft, height == 1 ? &foreign : &coin, 1, outs, 2);
        coin.txid = txid;
        blocks_finish(made, &draft);
    }
    return made;
}

static int setup(void **state)
{
    fault_store_setup(state);
    snprintf(folder, sizeof folder, "/tmp/test_fault_book.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(dir, sizeof dir, "%s/w", folder);
    snprintf(file, sizeof file, "%s/" BOOK_FILE_NAME, dir);
    chain = make_chain(1);
    other = make_chain(2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    reset();
    blocks_free(chain);
    blocks_free(other);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_without_memory),
        cmocka_unit_test(test_book_whose_own_files_fail),
        cmocka_unit_test(test_book_on_a_disk_that_fails),
    };
    return cmocka_run_group_tests_name("fault_book", tests, setup, teardown);
}
