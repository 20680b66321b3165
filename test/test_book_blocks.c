/*
 * The wallet's book on made blocks, for what real ones do not have: blocks that do not fit, forks,
 * impossible amounts, spends of its own, the gap limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/books.h"

enum { PAGE = 16 };

/* --- blocks that do not fit --- */

static void blocks_that_do_not_fit_are_told_apart(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct blocks *chain = blocks_new();
    struct btc_hash hash;
    struct btc_error err = {0};
    for (int i = 0; i < 5; i++)
        blocks_add_empty(chain, 1);
    assert_int_equal(books_apply(book, chain, 2, NULL), BOOK_AHEAD);
    books_apply_up_to(book, chain, 3);
    assert_int_equal(books_apply(book, chain, 5, NULL), BOOK_AHEAD);
    assert_int_equal(books_apply(book, chain, 3, NULL), BOOK_KNOWN);
    assert_int_equal(books_apply(book, chain, 1, NULL), BOOK_KNOWN);
    assert_int_equal(book_disconnect_block(book, 4, &chain->hashes[4], NULL), BOOK_KNOWN);
    assert_int_equal(book_disconnect_block(book, 2, &chain->hashes[2], NULL), BOOK_FORK);
    assert_int_equal(book_disconnect_block(book, 3, &chain->hashes[2], NULL), BOOK_FORK);
    struct btc_hash old = chain->hashes[3];

    /* Another branch from block 2 on. */
    for (int32_t height = 3; height <= 5; height++) {
        struct blocks_draft draft = blocks_draft(height, 2);
        blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
        blocks_finish(chain, &draft);
        if (height < 5)
            assert_int_equal(books_apply(book, chain, height, NULL), BOOK_FORK);
    }
    int32_t fork = books_height(book);
    while (book_find_block(book, fork, &hash, NULL) == 0 &&
           !btc_hash_equal(&hash, &chain->hashes[fork]))
        fork--;
    assert_int_equal(fork, 2);
    assert_int_equal(book_disconnect_block(book, 3, &old, NULL), 0);
    books_apply_up_to(book, chain, 5);
    assert_int_equal(book_find_block(book, 6, &hash, NULL), BOOK_NONE);
    assert_int_equal(book_find_block(book, -1, &hash, NULL), BOOK_NONE);

    /* Bytes that are not what they are said to be change nothing. */
    blocks_add_empty(chain, 3);
    for (size_t cut = 0; cut < chain->blocks[6].size; cut++)
        assert_int_equal(book_apply_block(book, 6, &chain->hashes[6], &chain->hashes[5],
                                          chain->blocks[6].data, cut, NULL, &err),
                         BTC_EFORMAT);
    assert_int_equal(book_apply_block(book, 6, &chain->hashes[6], &chain->hashes[5],
                                      chain->blocks[5].data, chain->blocks[5].size, NULL, &err),
                     BTC_EFORMAT);
    assert_non_null(strstr(err.text, "not the block announced"));
    assert_int_equal(books_height(book), 5);
    books_apply_up_to(book, chain, 6);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void amounts_that_cannot_be_are_refused(void **state)
{
    static const int64_t amounts[] = {-1, BTC_MONEY_MAX + 1, INT64_MAX, INT64_MIN};
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct btc_script script = books_script(0, 0);
    struct btc_error err = {0};
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        struct blocks *chain = blocks_new();
        struct blocks_draft draft = blocks_draft(1, 1);
        blocks_add_coinbase(&draft, blocks_out_to(&script, amounts[i]));
        blocks_finish(chain, &draft);
        assert_int_equal(book_apply_block(book, 1, &chain->hashes[1], &chain->hashes[0],
                                          chain->blocks[1].data, chain->blocks[1].size, NULL, &err),
                         BTC_EINVALID);
        blocks_free(chain);
    }
    assert_int_equal(books_height(book), 0);
    assert_int_equal(books_total(book), 0);
    /* Each amount possible, their sum not: a block no node accepts, but no overflow either. */
    struct blocks *chain = blocks_new();
    struct btc_hash none = {{1}};
    struct btc_outpoint foreign = {.txid = none};
    struct blocks_draft draft = blocks_draft(1, 1);
    blocks_add_coinbase(&draft, blocks_out_to_other(50));
    for (uint32_t i = 0; i < 5000; i++) {
        struct btc_tx_out out = blocks_out_to(&script, BTC_MONEY_MAX);
        foreign.index = i;
        blocks_add_tx(&draft, &foreign, 1, &out, 1);
    }
    blocks_finish(chain, &draft);
    assert_int_equal(book_apply_block(book, 1, &chain->hashes[1], &chain->hashes[0],
                                      chain->blocks[1].data, chain->blocks[1].size, NULL, &err),
                     BTC_EINVALID);
    books_check(book);
    blocks_free(chain);
    book_close(book);
}

/* --- coins of one's own --- */

static void payments_spends_and_fees_add_up(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct blocks *chain = blocks_new();
    struct btc_script receive = books_script(0, 0);
    struct btc_script change = books_script(1, 0);
    struct book_entry entries[PAGE];

    struct blocks_draft draft = blocks_draft(1, 1);
    struct btc_outpoint coin = {
        .txid = blocks_add_coinbase(&draft, blocks_out_to(&receive, 50 * BTC_COIN))};
    blocks_finish(chain, &draft);
    while (chain->tip < 100)
        blocks_add_empty(chain, 1);
    books_apply_up_to(book, chain, 100);
    assert_int_equal(books_balance(book).immature, 50 * BTC_COIN);
    assert_int_equal(books_balance(book).confirmed, 0);

    /* At 101 it can be spent, and is: 30 out, 19.9999 back, the rest as fee; and the change once
     * more in the same block. */
    draft = blocks_draft(101, 1);
    blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
    struct btc_tx_out outs[] = {blocks_out_to_other(30 * BTC_COIN),
                                blocks_out_to(&change, 20 * BTC_COIN - 10000)};
    struct btc_outpoint back = {.txid = blocks_add_tx(&draft, &coin, 1, outs, 2), .index = 1};
    struct btc_tx_out self = blocks_out_to(&receive, 20 * BTC_COIN - 10500);
    blocks_add_tx(&draft, &back, 1, &self, 1);
    blocks_finish(chain, &draft);
    size_t changes;
    assert_int_equal(books_apply(book, chain, 101, &changes), 0);
    assert_int_equal(changes, 2);
    assert_int_equal(books_balance(book).confirmed, 20 * BTC_COIN - 10500);
    assert_int_equal(books_balance(book).immature, 0);
    assert_int_equal(books_balance(book).watch_only, 0);
    assert_int_equal(books_list_entries(book, entries, PAGE), 3);
    assert_int_equal(entries[0].net, -500);
    assert_int_equal(entries[0].fee, 500);
    assert_int_equal(entries[1].net, -30 * BTC_COIN - 10000);
    assert_int_equal(entries[1].fee, 10000);
    assert_int_equal(entries[2].net, 50 * BTC_COIN);

    /* The second use of the same inputs is somebody else's business: nothing is counted twice. */
    draft = blocks_draft(102, 1);
    blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
    struct btc_tx_out stolen = blocks_out_to_other(1);
    blocks_add_tx(&draft, &coin, 1, &stolen, 1);
    blocks_finish(chain, &draft);
    assert_int_equal(books_apply(book, chain, 102, &changes), 0);
    assert_int_equal(changes, 0);
    books_check(book);

    assert_int_equal(book_rewind(book, 100, NULL), 0);
    assert_int_equal(books_balance(book).immature, 50 * BTC_COIN);
    assert_int_equal(books_balance(book).confirmed, 0);
    books_check(book);
    book_close(book);

    /* Undone in one run, found again in the next: the coin is unspent for both. */
    book = books_open(*state, BTC_REGTEST, NULL);
    books_apply_up_to(book, chain, 102);
    assert_int_equal(books_balance(book).confirmed, 20 * BTC_COIN - 10500);
    books_check(book);
    book_close(book);
    book = books_open(*state, BTC_REGTEST, NULL);
    assert_int_equal(book_rewind(book, 100, NULL), 0);
    books_apply_up_to(book, chain, 102);
    assert_int_equal(books_balance(book).confirmed, 20 * BTC_COIN - 10500);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void the_gap_moves_with_what_is_used(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct blocks *chain = blocks_new();
    /* In an order that only a second look at the block gets right; 60 is beyond the gap of 39. */
    static const uint32_t indices[] = {60, 39, 19};
    struct blocks_draft draft = blocks_draft(1, 1);
    blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
    for (uint32_t i = 0; i < 3; i++) {
        struct btc_outpoint foreign = {.txid = {{1}}, .index = i};
        struct btc_script script = books_script(0, indices[i]);
        struct btc_tx_out out = blocks_out_to(&script, 1 << i);
        blocks_add_tx(&draft, &foreign, 1, &out, 1);
    }
    blocks_finish(chain, &draft);
    books_apply_up_to(book, chain, 1);
    assert_int_equal(books_total(book), 2 + 4);
    struct book_script script;
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
    assert_int_equal(script.index, 40);
    /* What is used stays used after a reorganisation: an address is never shown twice. */
    assert_int_equal(book_rewind(book, 0, NULL), 0);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
    assert_int_equal(script.index, 41);
    books_apply_up_to(book, chain, 1);
    assert_int_equal(books_total(book), 1 + 2 + 4); /* 41 + 20 > 60 now */
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void what_was_watched_can_become_ones_own(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct blocks *chain = blocks_new();
    struct btc_script far = books_script(0, 20);
    struct btc_script near = books_script(0, 0);
    char hex[2 * BTC_SCRIPT_TEMPLATE_SIZE_MAX + 1];
    btc_hex_encode(far.bytes, far.size, hex);
    assert_int_equal(book_watch(book, hex, "far", -1, NULL), 0);
    struct blocks_draft draft = blocks_draft(1, 1);
    blocks_add_coinbase(&draft, blocks_out_to(&far, 50 * BTC_COIN));
    blocks_finish(chain, &draft);
    draft = blocks_draft(2, 1);
    blocks_add_coinbase(&draft, blocks_out_to(&near, 1 * BTC_COIN));
    blocks_finish(chain, &draft);
    books_apply_up_to(book, chain, 1);
    assert_int_equal(books_balance(book).watch_only, 50 * BTC_COIN);
    books_check(book);
    books_apply_up_to(book, chain, 2);
    assert_int_equal(books_balance(book).watch_only, 0);
    assert_int_equal(books_total(book), 51 * BTC_COIN);
    books_check(book);
    assert_int_equal(book_rewind(book, 1, NULL), 0);
    assert_int_equal(books_balance(book).watch_only, 0);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void a_repeated_coinbase_is_one_coin(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct blocks *chain = blocks_new();
    struct btc_script script = books_script(0, 3);
    for (int32_t height = 1; height <= 2; height++) {
        struct blocks_draft draft = blocks_draft(height, 1);
        draft.height = 77; /* in its script: the same transaction twice */
        blocks_add_coinbase(&draft, blocks_out_to(&script, 50 * BTC_COIN));
        draft.height = height;
        blocks_finish(chain, &draft);
    }
    books_apply_up_to(book, chain, 2);
    assert_int_equal(books_total(book), 50 * BTC_COIN);
    books_check(book);
    assert_int_equal(book_disconnect_block(book, 2, &chain->hashes[2], NULL), 0);
    assert_int_equal(books_total(book), 50 * BTC_COIN);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void old_hashes_are_not_kept_for_ever(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, NULL);
    struct blocks *chain = blocks_new();
    struct btc_hash hash;
    struct btc_hash prev = chain->hashes[0];
    for (int32_t height = 1; height <= BOOK_BLOCKS_MAX + 10; height++) {
        struct blocks *one = blocks_new();
        struct blocks_draft draft = blocks_draft(1, (uint32_t)height);
        one->hashes[0] = prev;
        blocks_add_coinbase(&draft, blocks_out_to_other(1));
        blocks_finish(one, &draft);
        assert_int_equal(book_apply_block(book, height, &one->hashes[1], &prev, one->blocks[1].data,
                                          one->blocks[1].size, NULL, NULL),
                         0);
        prev = one->hashes[1];
        blocks_free(one);
    }
    assert_int_equal(book_find_block(book, 10, &hash, NULL), BOOK_NONE);
    assert_int_equal(book_find_block(book, 11, &hash, NULL), 0);
    assert_int_equal(book_find_block(book, 0, &hash, NULL), 0);
    /* Back to where no hash is known: the next block of that height is taken, whatever its parent,
     * and from there on the chain must hold together again. */
    int32_t height;
    assert_int_equal(book_rewind(book, 5, NULL), 0);
    assert_int_equal(book_synced(book, &height, &hash, NULL), 0);
    assert_int_equal(height, 5);
    assert_true(btc_hash_is_zero(&hash));
    for (int i = 0; i < 7; i++)
        blocks_add_empty(chain, 4);
    assert_int_equal(books_apply(book, chain, 5, NULL), BOOK_KNOWN);
    assert_int_equal(books_apply(book, chain, 7, NULL), BOOK_AHEAD);
    assert_int_equal(books_apply(book, chain, 6, NULL), 0);
    assert_int_equal(book_apply_block(book, 7, &chain->hashes[7], &prev, chain->blocks[7].data,
                                      chain->blocks[7].size, NULL, NULL),
                     BOOK_FORK);
    assert_int_equal(books_apply(book, chain, 7, NULL), 0);
    book_close(book);
    blocks_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(blocks_that_do_not_fit_are_told_apart),
        books_test(amounts_that_cannot_be_are_refused),
        books_test(payments_spends_and_fees_add_up),
        books_test(the_gap_moves_with_what_is_used),
        books_test(what_was_watched_can_become_ones_own),
        books_test(a_repeated_coinbase_is_one_coin),
        books_test(old_hashes_are_not_kept_for_ever),
    };
    return cmocka_run_group_tests_name("book_blocks", tests, NULL, NULL);
}
