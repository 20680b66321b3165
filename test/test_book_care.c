/* The book's file: damage is found wherever it is, and gaps go. */
#include <fcntl.h>
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

#include "test/support/purse.h"

enum { COINS = 200, PAGE_SIZE = 4096 };

static void path_of(void **state, char ret_path[256])
{
    snprintf(ret_path, 256, "%s/" BOOK_FILE_NAME, (const char *)*state);
}

static off_t size_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_size;
}

static struct book *make_book(void **state, struct blocks *chain)
{
    int64_t amounts[COINS];
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    for (size_t i = 0; i < COINS; i++)
        amounts[i] = 10000;
    purse_fund(book, chain, amounts, COINS);
    return book;
}

/* What is there gets `page`, and what was there comes back. */
static void swap_page(const char *path, off_t at, uint8_t page[PAGE_SIZE])
{
    uint8_t old[PAGE_SIZE];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, old, PAGE_SIZE, at), PAGE_SIZE);
    assert_int_equal(pwrite(fd, page, PAGE_SIZE, at), PAGE_SIZE);
    close(fd);
    memcpy(page, old, PAGE_SIZE);
}

static void damage_is_found_at_opening_on_whatever_page(void **state)
{
    struct blocks *chain = blocks_new();
    struct book *book = make_book(state, chain);
    struct btc_error err;
    char path[256];
    book_close(book);
    path_of(state, path);
    off_t size = size_of(path);
    assert_true(size > 10 * PAGE_SIZE);
    for (off_t at = PAGE_SIZE; at < size; at += PAGE_SIZE) {
        uint8_t page[PAGE_SIZE];
        memset(page, 0x5a, sizeof(page));
        swap_page(path, at, page);
        assert_int_equal(books_try_open(*state, BTC_REGTEST, NULL, &book, &err), BTC_ECORRUPT);
        assert_non_null(strstr(err.text, path));
        assert_non_null(strstr(err.text, "restore it"));
        swap_page(path, at, page);
    }
    book = books_open(*state, BTC_REGTEST, NULL);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void compacting_gives_back_what_is_not_used(void **state)
{
    struct blocks *chain = blocks_new();
    struct book *book = make_book(state, chain);
    struct book_balance before = books_balance(book);
    int64_t size_before = 0;
    int64_t size_after = 0;
    char path[256];
    path_of(state, path);
    struct book_draft draft = purse_draft(book, 30000, 1000);
    assert_int_equal(book_rewind(book, 0, NULL), 0);
    assert_int_equal(book_compact(book, &size_before, &size_after, NULL), 0);
    assert_true(size_after < size_before);
    assert_int_equal(size_after, size_of(path));
    books_apply_up_to(book, chain, 1);
    struct book_balance after = books_balance(book);
    assert_memory_equal(&before, &after, sizeof(before));
    purse_free(purse_send(book, draft.id)); /* ids are what they were */
    books_check(book);
    book_close(book);
    book = books_open(*state, BTC_REGTEST, NULL);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(damage_is_found_at_opening_on_whatever_page),
        books_test(compacting_gives_back_what_is_not_used),
    };
    return cmocka_run_group_tests_name("book_care", tests, NULL, NULL);
}
