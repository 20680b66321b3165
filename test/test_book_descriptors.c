/* Descriptors of the wallet's own accounts, and of others that it watches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/purse.h"

static size_t list(struct book *book, struct book_descriptor *ret_items)
{
    int64_t cursor = 0;
    size_t count = 0;
    do {
        size_t found;
        assert_int_equal(book_list_descriptors(book, &cursor, ret_items + count, 3, &found, NULL),
                         0);
        count += found;
    } while (cursor != 0);
    return count;
}

/* The accounts' keys are those of BIP84 and BIP86. */
static void the_accounts_descriptors_are_written(void **state)
{
    struct book_descriptor items[12];
    struct book *book = books_open(*state, BTC_MAIN, BOOKS_SENTENCE);
    assert_int_equal(list(book, items), 4);
    const char *wpkh = "wpkh([73c5da0a/84h/0h/0h]"
                       "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshW"
                       "cMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V/0/*)#";
    const char *tr =
        "tr([73c5da0a/86h/0h/0h]"
        "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrL"
        "prQ3VCECoY49yfdDEHGCtMMj92pReUsQ/1/*)#";
    assert_memory_equal(items[0].text, wpkh, strlen(wpkh));
    assert_memory_equal(items[3].text, tr, strlen(tr));
    assert_int_equal(items[3].chain, BOOK_CHANGE);
    assert_true(items[3].is_own);
    book_close(book);
}

/* What one book exports, another one watches: the same coins, but none to spend. */
static void another_book_watches_an_account(void **state)
{
    static const int64_t amounts[] = {1000, 2000, 3000, 4000};
    struct book_descriptor items[12];
    struct blocks *chain = blocks_new();
    struct book_draft draft;
    struct book_draft_options options = purse_options(1000);
    char sub[4096];
    snprintf(sub, sizeof(sub), "%s/sub", (char *)*state);
    struct book *own = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct book *watcher = books_open(sub, BTC_REGTEST, NULL);
    purse_fund(own, chain, amounts, 4);
    for (uint32_t i = 1; i <= 3; i++) { /* each within the gap of the one before */
        struct btc_script script = books_script_of(KEYS_BIP86, 0, 19 * i);
        struct btc_span data = purse_payment(i, &script, 100);
        purse_mine(own, chain, &data, 1, 1);
        purse_free(data);
    }
    assert_int_equal(books_balance(own).confirmed, 10300);
    books_apply_up_to(watcher, chain, chain->tip);
    assert_int_equal(list(own, items), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(book_import(watcher, items[i].text, "theirs", 0, NULL), 0);
    assert_int_equal(book_import(watcher, items[0].text, "theirs", 0, NULL), BOOK_KNOWN);
    books_apply_up_to(watcher, chain, chain->tip);
    assert_int_equal(books_balance(watcher).confirmed, 10300);
    assert_int_equal(books_balance(watcher).watch_only, 10300);
    assert_int_equal(purse_try(watcher, 1000, &options, &draft, NULL), BOOK_SHORT);
    books_check(watcher);
    book_close(watcher);
    watcher = books_open(sub, BTC_REGTEST, NULL);
    assert_int_equal(list(watcher, items), 8);
    assert_int_equal(items[7].chain, BOOK_WATCHED);

    struct book_script scripts[40]; /* those in the gap are not listed */
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_scripts(watcher, &cursor, scripts, 40, &count, NULL), 0);
    assert_int_equal(count, 4 + 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(scripts[i].chain, BOOK_WATCHED);
        assert_string_equal(scripts[i].label, "theirs");
    }
    assert_int_equal(scripts[count - 1].index, 57);
    book_close(watcher);
    book_close(own);
    blocks_free(chain);
}

static void what_cannot_be_watched_is_explained(void **state)
{
    static const struct {
        const char *text;
        int rc;
        const char *why;
    } wrong[] = {
        {"wpkh("
         "xprv9s21ZrQH143K3GJpoapnV8SFfukcVBSfeCficPSGfubmSFDxo1kuHnLisriDvSnRRuL2Qrg5ggqHKNVpx"
         "R86QEC8w35uxmGoggxtQTPvfUu/0/*)",
         BTC_EUSAGE, "private"},
        {"wpkh(02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5)#aaaaaaaa",
         BTC_EFORMAT, "checksum"},
        {"wsh(multi(1,02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5))",
         BTC_EUSAGE, "none of"},
        {"wpkh(", BTC_EFORMAT, ""},
    };
    struct book *book = books_open(*state, BTC_MAIN, NULL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct btc_error err = {0};
        assert_int_equal(book_import(book, wrong[i].text, "", -1, &err), wrong[i].rc);
        if (!strstr(err.text, wrong[i].why))
            fail_msg("%s", err.text);
    }
    assert_int_equal(
        book_import(book,
                    "wpkh(02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5)", "",
                    -1, NULL),
        0);
    struct book_script script; /* listed, although it was not used: there is just the one */
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_scripts(book, &cursor, &script, 1, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(script.kind, BTC_SCRIPT_P2WPKH);
    /* anything else goes to book_watch() */
    assert_int_equal(
        book_import(book, "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5", "",
                    -1, NULL),
        0);
    book_close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(the_accounts_descriptors_are_written),
        books_test(another_book_watches_an_account),
        books_test(what_cannot_be_watched_is_explained),
    };
    return cmocka_run_group_tests_name("book_descriptors", tests, NULL, NULL);
}
