/* Books for tests. */
#include "test/support/books.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/wallet/keys.h"

int books_make_dir(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *dir;
    if (asprintf(&dir, "%s/test_book.XXXXXX", tmp ? tmp : "/tmp") < 0 || !mkdtemp(dir))
        return -1;
    *state = dir;
    return 0;
}

int books_remove_dir(void **state)
{
    static const char *const files[] = {"", "-wal", "-shm", "-journal"};
    char path[4096];
    char *dir = *state;
    for (int sub = 0; sub < 2; sub++) {
        for (size_t i = 0; i < 4; i++) {
            snprintf(path, sizeof(path), "%s%s/%s%s", dir, sub ? "" : "/sub", BOOK_FILE_NAME,
                     files[i]);
            unlink(path);
        }
        snprintf(path, sizeof(path), "%s%s", dir, sub ? "" : "/sub");
        rmdir(path);
    }
    free(dir);
    return 0;
}

int books_try_open(const char *dir, enum btc_network network, const char *sentence,
                   struct book **ret_book, struct btc_error *err)
{
    struct book_options options = {
        .dir = dir, .may_make = true, .params = btc_params_get(network), .sentence = sentence};
    return book_open(&options, ret_book, err);
}

struct book *books_open(const char *dir, enum btc_network network, const char *sentence)
{
    struct book *book = NULL;
    struct btc_error err = {0};
    if (books_try_open(dir, network, sentence, &book, &err) != 0)
        fail_msg("%s", err.text);
    return book;
}

void books_check(struct book *book)
{
    struct btc_error err = {0};
    if (book_check(book, &err) != 0)
        fail_msg("%s", err.text);
}

struct book_balance books_balance(struct book *book)
{
    struct book_balance balance;
    assert_int_equal(book_balance(book, &balance, NULL), 0);
    return balance;
}

int64_t books_total(struct book *book)
{
    struct book_balance balance = books_balance(book);
    return balance.confirmed + balance.immature;
}

int32_t books_height(struct book *book)
{
    int32_t height;
    struct btc_hash hash;
    assert_int_equal(book_synced(book, &height, &hash, NULL), 0);
    return height;
}

size_t books_list_entries(struct book *book, struct book_entry *ret_entries, size_t count_max)
{
    int64_t cursor = 0;
    size_t count = 0;
    do {
        struct book_entry page[4];
        size_t found;
        assert_int_equal(book_list_entries(book, &cursor, page, 4, &found, NULL), 0);
        assert_true(count + found <= count_max);
        memcpy(ret_entries + count, page, found * sizeof(page[0]));
        count += found;
    } while (cursor != 0);
    return count;
}

int books_apply(struct book *book, const struct blocks *chain, int32_t height, size_t *ret_changes)
{
    struct btc_error err = {0};
    int rc = book_apply_block(book, height, &chain->hashes[height], &chain->hashes[height - 1],
                              chain->blocks[height].data, chain->blocks[height].size, ret_changes,
                              &err);
    if (rc < 0)
        fail_msg("%s", err.text);
    return rc;
}

void books_apply_up_to(struct book *book, const struct blocks *chain, int32_t to)
{
    for (int32_t height = books_height(book) + 1; height <= to; height++)
        assert_int_equal(books_apply(book, chain, height, NULL), 0);
}

struct btc_script books_script_of(enum keys_account account, uint32_t chain, uint32_t index)
{
    static const uint8_t entropy[16];
    static struct btc_hd_node nodes[KEYS_ACCOUNTS][KEYS_CHAINS];
    struct btc_script script;
    if (nodes[account][0].depth == 0) {
        struct btc_hd_node node;
        assert_int_equal(
            keys_account(entropy, 16, btc_params_get(BTC_REGTEST), account, &node, NULL), 0);
        for (uint32_t i = 0; i < KEYS_CHAINS; i++)
            assert_int_equal(btc_hd_child(&node, i, &nodes[account][i]), 0);
    }
    assert_int_equal(keys_script(&nodes[account][chain], account, index, &script, NULL), 0);
    return script;
}

struct btc_script books_script(uint32_t chain, uint32_t index)
{
    return books_script_of(KEYS_BIP84, chain, index);
}
