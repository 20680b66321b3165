/* Which drafts there are, and which of them may be forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/purse.h"

#define FUNDS 5
static const int64_t funds[FUNDS] = {100000, 200000, 300000, 400000, 500000};

static struct blocks *chain;
static struct book *book;

static int setup(void **state)
{
    return purse_open(state, funds, FUNDS, &chain, &book);
}

static int teardown(void **state)
{
    return purse_close(state, chain, book);
}

/* By pages of two; how many. */
static size_t list(bool with_sent, struct book_draft *ret_drafts)
{
    int64_t cursor = 0;
    size_t count = 0;
    do {
        size_t found = 0;
        assert_int_equal(
            book_list_drafts(book, with_sent, &cursor, ret_drafts + count, 2, &found, NULL), 0);
        count += found;
    } while (cursor != 0);
    return count;
}

static void they_are_listed_newest_first(void **state)
{
    struct book_draft found[8];
    size_t count;
    uint8_t *data;
    (void)state;
    assert_int_equal(list(true, found), 0);
    struct book_draft sent = purse_draft(book, 50000, 1000);
    purse_free(purse_send(book, sent.id));
    struct book_draft signed_ = purse_draft(book, 60000, 1000);
    assert_int_equal(book_sign_draft(book, signed_.id, &data, &count, NULL), 0);
    free(data);
    struct book_draft drafted = purse_draft(book, 70000, 1000);

    assert_int_equal(list(false, found), 2);
    assert_int_equal(found[0].id, drafted.id);
    assert_int_equal(found[0].state, BOOK_DRAFTED);
    assert_int_equal(found[0].paid, 70000);
    assert_int_equal(found[0].made_s, PURSE_NOW_S);
    assert_int_equal(found[1].id, signed_.id);
    assert_int_equal(found[1].state, BOOK_SIGNED);
    assert_int_equal(list(true, found), 3);
    assert_int_equal(found[2].id, sent.id);
    assert_int_equal(found[2].state, BOOK_SENT);
    assert_memory_equal(&found[2].txid, &sent.txid, sizeof(sent.txid));
}

static void one_holds_its_coins_for_a_while(void **state)
{
    struct book_draft draft = purse_draft(book, 50000, 1000);
    int64_t until_s = PURSE_NOW_S + BOOK_DRAFT_HOLD_S;
    (void)state;
    assert_int_equal(book_draft_holds_until(&draft, PURSE_NOW_S), until_s);
    assert_int_equal(book_draft_holds_until(&draft, until_s - 1), until_s);
    assert_int_equal(book_draft_holds_until(&draft, until_s), 0);
    draft.state = BOOK_SENT;
    assert_int_equal(book_draft_holds_until(&draft, PURSE_NOW_S), 0);
}

static void one_that_is_dropped_lets_go_of_its_coins(void **state)
{
    struct book_draft_options options = purse_options(1000);
    struct book_draft draft = purse_draft(book, 1400000, 1000);
    struct book_draft other;
    uint8_t *data;
    size_t size;
    (void)state;
    assert_int_equal(book_sign_draft(book, draft.id, &data, &size, NULL), 0);
    free(data);
    assert_int_equal(purse_try(book, 1400000, &options, &other, NULL), BOOK_SHORT);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), 0);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), BOOK_NONE);
    assert_int_equal(book_send_draft(book, draft.id, PURSE_NOW_S, &data, &size, NULL), BOOK_NONE);
    assert_int_equal(purse_try(book, 1400000, &options, &other, NULL), 0);
}

static void one_that_was_sent_stays(void **state)
{
    struct btc_error err;
    struct book_draft draft = purse_draft(book, 50000, 1000);
    (void)state;
    purse_free(purse_send(book, draft.id));
    assert_int_equal(book_drop_draft(book, draft.id, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "it pays"));
    assert_int_equal(book_drop_pending(book, &draft.txid, BOOK_DROP_ABANDONED, NULL), 0);
    assert_int_equal(book_drop_draft(book, draft.id, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "gave way"));
}

/* Signs it as a PSBT, as if for others. */
static void give_out(int64_t id)
{
    uint8_t *psbt;
    uint8_t *signed_;
    size_t size;
    size_t count;
    assert_int_equal(book_psbt_create(book, id, &psbt, &size, NULL), 0);
    assert_int_equal(book_psbt_sign(book, psbt, size, &signed_, &size, &count, NULL), 0);
    assert_true(count > 0);
    free(psbt);
    free(signed_);
}

static void one_that_was_given_out_stays_until_it_cannot_pay(void **state)
{
    struct btc_error err;
    struct book_draft_options options = purse_options(1000);
    struct book_draft draft = purse_draft(book, 1400000, 1000);
    struct book_draft other;
    (void)state;
    give_out(draft.id);
    assert_int_equal(book_drop_draft(book, draft.id, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "pay twice"));
    options.now_s += BOOK_DRAFT_HOLD_S;
    assert_int_equal(purse_try(book, 1300000, &options, &other, NULL), 0);
    struct btc_span data = purse_send(book, other.id);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), BTC_EUSAGE); /* it is in no block */
    purse_mine(book, chain, &data, 1, 1);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), 0);
    purse_free(data);
    books_check(book);
}

/* --- all that there is --- */

static int try_all(int64_t fee_rate, struct book_draft *ret_draft)
{
    static const uint8_t script[] = {0, 20, [21] = 1};
    const struct book_output output = {.script = {script, sizeof(script)}, .takes_rest = true};
    struct book_draft_options options = purse_options(fee_rate);
    return book_make_draft(book, &output, 1, &options, ret_draft, NULL);
}

static void all_is_all_or_says_what_it_leaves(void **state)
{
    enum { MORE = BOOK_INPUTS_MAX - FUNDS };
    static int64_t amounts[MORE];
    struct book_draft draft;
    (void)state;
    for (size_t i = 0; i < MORE; i++)
        amounts[i] = 10000;
    purse_fund(book, chain, amounts, MORE);
    assert_int_equal(try_all(1000, &draft), 0); /* exactly as many as fit */
    assert_int_equal(draft.input_count, BOOK_INPUTS_MAX);
    assert_int_equal(draft.left_count, 0);
    assert_int_equal(draft.left, 0);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), 0);

    purse_fund(book, chain, amounts, 3);
    assert_int_equal(try_all(1000, &draft), 0);
    assert_int_equal(draft.input_count, BOOK_INPUTS_MAX);
    assert_int_equal(draft.left_count, 3);
    assert_int_equal(draft.left, 30000);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), 0);

    assert_int_equal(try_all(200000, &draft), 0); /* 10,000 satoshi are not worth spending */
    assert_int_equal(draft.input_count, FUNDS);
    assert_int_equal(draft.left_count, MORE + 3);
}

#define WITH_BOOK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOOK(they_are_listed_newest_first),
        WITH_BOOK(one_holds_its_coins_for_a_while),
        WITH_BOOK(one_that_is_dropped_lets_go_of_its_coins),
        WITH_BOOK(one_that_was_sent_stays),
        WITH_BOOK(one_that_was_given_out_stays_until_it_cannot_pay),
        WITH_BOOK(all_is_all_or_says_what_it_leaves),
    };
    return cmocka_run_group_tests_name("book_drafts", tests, NULL, NULL);
}
