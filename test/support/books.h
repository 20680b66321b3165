/*
 * A book for each test in a directory of its own, and shorthand for what tests of the book do again
 * and again. Every call here fails the running test when the book does.
 */
#ifndef TEST_SUPPORT_BOOKS_H
#define TEST_SUPPORT_BOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "actors/wallet/book.h"
#include "actors/wallet/keys.h"
#include "test/support/blocks.h"

/* The words of 16 zero bytes, as in BIP84. */
#define BOOKS_SENTENCE                                                                         \
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon " \
    "about"

/* Setup and teardown: *state is the path of an empty directory [owned]. */
int books_make_dir(void **state);
int books_remove_dir(void **state);

#define books_test(name) cmocka_unit_test_setup_teardown(name, books_make_dir, books_remove_dir)

/* As book_open(); this one may fail. */
int books_try_open(const char *dir, enum btc_network network, const char *sentence,
                   struct book **ret_book, struct btc_error *err);
struct book *books_open(const char *dir, enum btc_network network, const char *sentence);

void books_check(struct book *book);
struct book_balance books_balance(struct book *book);
int64_t books_total(struct book *book); /* confirmed and immature */
int32_t books_height(struct book *book);

/* All entries, by pages of a few; how many. */
size_t books_list_entries(struct book *book, struct book_entry *ret_entries, size_t count_max);

/* Apply the chain's block of that height; gives the outcome. */
int books_apply(struct book *book, const struct blocks *chain, int32_t height, size_t *ret_changes);

/* From where the book stands up to and with `to`. */
void books_apply_up_to(struct book *book, const struct blocks *chain, int32_t to);

/* Script `index` of the receive (0) or change (1) chain of BOOKS_SENTENCE on regtest: of BIP84, or
 * of either account. */
struct btc_script books_script(uint32_t chain, uint32_t index);
struct btc_script books_script_of(enum keys_account account, uint32_t chain, uint32_t index);

#endif
