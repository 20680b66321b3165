/* Payments from the wallet's book: drafted, signed, sent, confirmed, undone, replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "actors/wallet/select.h"
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

static void reopen(void **state)
{
    book_close(book);
    book = books_open(*state, BTC_REGTEST, NULL);
    books_check(book);
}

static int64_t total(void)
{
    struct book_balance balance = books_balance(book);
    return balance.confirmed + balance.pending + balance.immature;
}

static size_t count_coins(size_t *ret_pending, size_t *ret_held)
{
    static struct book_coin coins[200];
    int64_t cursor = 0;
    size_t count = 0;
    size_t found;
    *ret_pending = *ret_held = 0;
    do {
        assert_int_equal(book_list_coins(book, &cursor, coins, 2, &found, NULL), 0);
        for (size_t i = 0; i < found; i++) {
            *ret_pending += coins[i].is_pending;
            *ret_held += coins[i].is_held;
        }
        count += found;
    } while (cursor != 0);
    return count;
}

/* --- a payment's way --- */

static void a_payment_is_pending_then_confirmed_then_undone(void **state)
{
    struct book_entry entries[8];
    size_t pending;
    size_t held;
    struct book_draft draft = purse_draft(book, 250000, 5000);
    assert_int_equal(draft.paid, 250000);
    assert_int_equal(total(), 1500000); /* a draft changes nothing yet */
    struct btc_span data = purse_send(book, draft.id);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(total(), 1500000 - 250000 - draft.fee);
        assert_int_equal(books_balance(book).pending, draft.change);
        assert_int_equal(books_list_entries(book, entries, 8), FUNDS + 1);
        assert_true(entries[0].is_pending);
        assert_int_equal(entries[0].height, 0);
        assert_int_equal(entries[0].net, -250000 - draft.fee);
        assert_int_equal(entries[0].fee, draft.fee);
        assert_false(entries[1].is_pending);
        size_t count = count_coins(&pending, &held);
        assert_int_equal(count, FUNDS - draft.input_count + pending);
        assert_int_equal(pending, draft.change > 0);
        reopen(state);
    }
    purse_mine(book, chain, &data, 1, 1);
    assert_int_equal(books_balance(book).pending, 0);
    assert_int_equal(books_balance(book).confirmed, 1500000 - 250000 - draft.fee);
    assert_int_equal(books_list_entries(book, entries, 8), FUNDS + 1);
    assert_false(entries[0].is_pending);
    books_check(book);

    assert_int_equal(book_disconnect_block(book, 2, &chain->hashes[2], NULL), 0);
    assert_int_equal(books_balance(book).pending, draft.change);
    assert_int_equal(total(), 1500000 - 250000 - draft.fee);
    assert_int_equal(books_list_entries(book, entries, 8), FUNDS + 1);
    assert_true(entries[0].is_pending);
    books_check(book);
    reopen(state);
    purse_mine(book, chain, &data, 1, 2); /* another block has it */
    assert_int_equal(books_balance(book).pending, 0);

    assert_int_equal(book_rescan_from(book, 0, NULL),
                     0); /* nothing is forgotten by looking again */
    books_apply_up_to(book, chain, 2);
    assert_int_equal(books_balance(book).confirmed, 1500000 - 250000 - draft.fee);
    assert_int_equal(books_balance(book).pending, 0);
    books_check(book);
    purse_free(data);
}

static void sending_again_gives_the_same_bytes(void **state)
{
    struct book_draft draft = purse_draft(book, 250000, 1000);
    uint8_t *data;
    size_t size;
    assert_int_equal(book_send_draft(book, draft.id, 0, &data, &size, NULL), BTC_EUSAGE);
    struct btc_span first = purse_send(book, draft.id);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(book_sign_draft(book, draft.id, &data, &size, NULL), 0);
        assert_int_equal(size, first.size);
        assert_memory_equal(data, first.data, size);
        free(data);
        assert_int_equal(book_send_draft(book, draft.id, 0, &data, &size, NULL), BOOK_KNOWN);
        assert_int_equal(size, first.size);
        assert_memory_equal(data, first.data, size);
        free(data);
        if (i == 1)
            purse_mine(book, chain, &first, 1, 1);
        reopen(state);
    }
    assert_int_equal(total(), 1500000 - 250000 - draft.fee);
    assert_int_equal(book_drop_draft(book, draft.id, NULL), BTC_EUSAGE);
    assert_int_equal(book_sign_draft(book, 999, &data, &size, NULL), BOOK_NONE);
    assert_int_equal(book_send_draft(book, 999, 0, &data, &size, NULL), BOOK_NONE);
    purse_free(first);
}

static void unconfirmed_payments_are_listed_parents_first(void **state)
{
    struct btc_hash txids[3];
    struct btc_hash listed[8];
    struct btc_span data[3];
    size_t count;
    int64_t cursor = 0;
    for (int i = 0; i < 3; i++) { /* the second and third spend the change of the one before */
        struct book_draft draft = purse_draft(book, i == 0 ? 1400000 : 10000, 1000);
        data[i] = purse_send(book, draft.id);
        txids[i] = draft.txid;
    }
    purse_mine(book, chain, data, 1, 1);
    assert_int_equal(book_disconnect_block(book, 2, &chain->hashes[2], NULL), 0);
    reopen(state);
    assert_int_equal(book_list_unconfirmed(book, &cursor, listed, 2, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(book_list_unconfirmed(book, &cursor, listed + 2, 2, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(cursor, 0);
    assert_memory_equal(listed, txids, sizeof(txids));

    struct book_tx tx;
    assert_int_equal(book_get_tx(book, &txids[1], &tx, NULL), 0);
    assert_true(tx.entry.is_pending);
    assert_int_equal(tx.size, data[1].size);
    assert_memory_equal(tx.data, data[1].data, tx.size);
    free(tx.data);
    /* a parent that is given up takes its children along */
    assert_int_equal(book_drop_pending(book, &txids[0], BOOK_DROP_EVICTED, NULL), 0);
    assert_int_equal(book_get_tx(book, &txids[0], &tx, NULL), 0); /* it may be mined still */
    free(tx.data);
    assert_int_equal(book_drop_pending(book, &txids[0], BOOK_DROP_ABANDONED, NULL), 0);
    assert_int_equal(book_get_tx(book, &txids[2], &tx, NULL), BOOK_NONE);
    assert_int_equal(total(), 1500000);
    for (int i = 0; i < 3; i++)
        purse_free(data[i]);
}

/* --- what others send --- */

static void what_the_pool_shows_is_pending(void **state)
{
    struct btc_script script = books_script_of(KEYS_BIP86, 0, 18);
    struct btc_span first = purse_payment(77, &script, 5000);
    struct btc_span second = purse_payment(77, &script, 4000); /* of the same coin */
    struct btc_tx_out nobody = blocks_out_to_other(1);
    struct btc_script other = {.size = nobody.script.size};
    memcpy(other.bytes, nobody.script.data, nobody.script.size);
    struct btc_span none = purse_payment(78, &other, 4000);
    struct btc_hash txid = purse_txid(second);
    struct book_script given;
    assert_int_equal(book_add_pending(book, first.data, first.size, 5, NULL), 0);
    assert_int_equal(book_add_pending(book, first.data, first.size, 5, NULL), BOOK_KNOWN);
    assert_int_equal(book_add_pending(book, none.data, none.size, 5, NULL), BOOK_NONE);
    assert_int_equal(book_add_pending(book, none.data, none.size - 1, 5, NULL), BTC_EFORMAT);
    assert_int_equal(books_balance(book).pending, 5000);
    assert_int_equal(book_new_address(book, BTC_SCRIPT_P2TR, BOOK_RECEIVE, "", &given, NULL, NULL),
                     0);
    assert_int_equal(given.index, 19); /* behind the one that is used now */
    assert_int_equal(book_add_pending(book, second.data, second.size, 6, NULL),
                     0); /* replaces it */
    assert_int_equal(books_balance(book).pending, 4000);
    reopen(state);
    assert_int_equal(books_balance(book).pending, 4000);

    struct book_draft draft; /* what somebody may still take back is not spent */
    struct book_draft_options options = purse_options(1000);
    assert_int_equal(purse_try(book, 1501000, &options, &draft, NULL), BOOK_SHORT);
    purse_mine(book, chain, &first, 1, 1); /* and the block has the other one */
    assert_int_equal(books_balance(book).pending, 0);
    assert_int_equal(books_balance(book).confirmed, 1505000);
    assert_int_equal(book_drop_pending(book, &txid, BOOK_DROP_CONFLICT, NULL), BOOK_NONE);
    books_check(book);
    purse_free(first);
    purse_free(second);
    purse_free(none);
}

static void a_block_that_spends_a_payments_coins_drops_it(void **state)
{
    struct book_draft draft = purse_draft(book, 1400000, 1000);
    struct btc_span data = purse_send(book, draft.id);
    struct book_draft child = purse_draft(book, 20000, 1000); /* from its change */
    struct btc_span child_data = purse_send(book, child.id);
    struct btc_tx tx;
    struct book_entry gone[3];
    uint8_t *again;
    size_t size;
    assert_int_equal(btc_tx_parse(data.data, data.size, &tx, NULL), 0);
    assert_int_equal(book_take_gone(book, gone, 3), 0);
    struct blocks_draft block = blocks_draft(2, 1);
    struct btc_tx_out out = blocks_out_to_other(90000);
    blocks_add_coinbase(&block, blocks_out_to_other(1));
    blocks_add_tx(&block, &tx.ins[0].prev, 1, &out, 1);
    blocks_finish(chain, &block);
    books_apply_up_to(book, chain, 2);
    assert_int_equal(books_balance(book).pending, 0);
    assert_int_equal(book_take_gone(book, gone, 1), 1);
    assert_true(btc_hash_equal(&gone[0].txid, &draft.txid));
    assert_true(gone[0].is_pending);
    assert_int_equal(book_take_gone(book, gone, 3), 1);
    assert_true(btc_hash_equal(&gone[0].txid, &child.txid));
    assert_int_equal(book_take_gone(book, gone, 3), 0);
    reopen(state);
    assert_int_equal(book_get_draft(book, draft.id, &draft, NULL), 0);
    assert_int_equal(draft.state, BOOK_GAVE_WAY);
    assert_int_equal(book_get_draft(book, child.id, &child, NULL), 0);
    assert_int_equal(child.state, BOOK_GAVE_WAY);
    assert_int_equal(book_send_draft(book, draft.id, 0, &again, &size, NULL), BOOK_CONFLICT);
    btc_tx_free(&tx);
    purse_free(data);
    purse_free(child_data);
}

/* --- drafting --- */

static void drafts_do_not_share_coins_until_they_are_old(void **state)
{
    struct book_draft_options options = purse_options(1000);
    struct book_draft first = purse_draft(book, 700000, 1000);
    struct book_draft second = purse_draft(book, 250000, 1000);
    struct book_draft third;
    struct btc_error err = {0};
    uint8_t *data;
    size_t size;
    (void)state;
    assert_int_equal(purse_try(book, 700000, &options, &third, &err), BOOK_SHORT);
    assert_non_null(strstr(err.text, "drafts that were not sent"));
    options.now_s += BOOK_DRAFT_HOLD_S;
    assert_int_equal(purse_try(book, 1400000, &options, &third, &err), 0);
    purse_free(purse_send(book, third.id));
    assert_int_equal(book_sign_draft(book, first.id, &data, &size, &err), BOOK_CONFLICT);
    assert_int_equal(book_drop_draft(book, first.id, NULL), 0);
    assert_int_equal(book_drop_draft(book, second.id, NULL), 0);
    assert_int_equal(book_drop_draft(book, second.id, NULL), BOOK_NONE);
}

static void coins_locked_or_chosen_by_hand(void **state)
{
    struct book_coin coins[FUNDS];
    struct btc_outpoint chosen[2];
    struct book_draft_options options = purse_options(1000);
    struct book_draft draft;
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_coins(book, &cursor, coins, FUNDS, &count, NULL), 0);
    for (size_t i = 0; i < FUNDS; i++)
        assert_int_equal(
            book_lock_coins(book, &coins[i].outpoint, 1, coins[i].amount > 200000, NULL), 0);
    reopen(state);
    assert_int_equal(purse_try(book, 310000, &options, &draft, NULL), BOOK_SHORT);
    for (size_t i = 0, j = 0; i < FUNDS; i++)
        if (coins[i].amount == 400000 || coins[i].amount == 100000)
            chosen[j++] = coins[i].outpoint;
    options.coins = chosen; /* one of them locked */
    options.coin_count = 2;
    assert_int_equal(purse_try(book, 310000, &options, &draft, NULL), 0);
    assert_int_equal(draft.input_count, 2);
    assert_int_equal(draft.paid + draft.fee + draft.change, 500000);
    purse_free(purse_send(book, draft.id));
    struct btc_error err = {0};
    assert_int_equal(purse_try(book, 310000, &options, &draft, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "spent"));
}

static void everything_can_be_sent_without_change(void **state)
{
    struct btc_tx_out other = blocks_out_to_other(0);
    struct book_output outputs[] = {{.script = other.script, .takes_rest = true},
                                    {.script = other.script, .amount = 1000}};
    struct book_draft_options options = purse_options(2000);
    struct book_draft draft;
    (void)state;
    assert_int_equal(book_make_draft(book, outputs, 2, &options, &draft, NULL), 0);
    assert_int_equal(draft.input_count, FUNDS);
    assert_int_equal(draft.output_count, 2);
    assert_int_equal(draft.change_index, -1);
    assert_int_equal(draft.paid + draft.fee, 1500000);
    assert_int_equal(draft.fee, 2 * draft.vsize);
    purse_free(purse_send(book, draft.id));
    assert_int_equal(total(), 0);
}

static void the_fee_can_be_taken_off_what_is_paid(void **state)
{
    struct btc_tx_out other = blocks_out_to_other(0);
    struct book_output outputs[] = {{.script = other.script, .amount = 700000, .pays_fee = true},
                                    {.script = other.script, .amount = 800000, .pays_fee = true}};
    struct book_draft_options options = purse_options(1000);
    struct book_draft draft;
    (void)state;
    assert_int_equal(book_make_draft(book, outputs, 2, &options, &draft, NULL), 0);
    assert_int_equal(draft.paid + draft.fee, 1500000);
    assert_int_equal(draft.fee, draft.vsize);
    purse_free(purse_send(book, draft.id));
    outputs[0].amount = 400;
    assert_int_equal(book_make_draft(book, outputs, 1, &options, &draft, NULL), BOOK_SHORT);
}

static void what_would_be_a_mistake_is_refused(void **state)
{
    struct book_draft_options options = purse_options(1000);
    struct book_draft draft;
    struct btc_error err = {0};
    (void)state;
    assert_int_equal(purse_try(book, 200, &options, &draft, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "dust"));
    assert_int_equal(purse_try(book, -1, &options, &draft, &err), BTC_EUSAGE);
    assert_int_equal(purse_try(book, BTC_MONEY_MAX + 1, &options, &draft, &err), BTC_EUSAGE);
    options.fee_rate = 0;
    assert_int_equal(purse_try(book, 10000, &options, &draft, &err), BTC_EUSAGE);
    options.fee_rate = BOOK_FEE_RATE_MAX + 1;
    assert_int_equal(purse_try(book, 10000, &options, &draft, &err), BTC_EUSAGE);
    options.fee_rate = 1000000;
    options.fee_max = 20000;
    assert_int_equal(purse_try(book, 10000, &options, &draft, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "lower fee rate"));
    options.fee_max = 0;
    assert_int_equal(purse_try(book, 10000, &options, &draft, &err), 0);
    assert_int_equal(book_make_draft(book, NULL, 0, &options, &draft, &err), BTC_ELIMIT);
}

/* Whatever amounts and rates: the fee is as asked for, at most what change would have cost more. */
static void fees_are_as_asked_for_whatever_is_paid(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    int64_t amounts[40];
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 40; i++)
        amounts[i] = 500 + (int64_t)(select_random(&seed) % 100000);
    purse_fund(book, chain, amounts, 40);
    int made = 0;
    for (int i = 0; i < 40; i++) {
        struct book_draft_options options = purse_options(100 +
                                                          (int64_t)(select_random(&seed) % 30000));
        struct book_draft draft;
        options.change = i % 3 == 0 ? BTC_SCRIPT_P2TR : BTC_SCRIPT_P2WPKH;
        int64_t amount = 1000 + (int64_t)(select_random(&seed) % 600000);
        int rc = purse_try(book, amount, &options, &draft, NULL);
        if (rc != 0) {
            assert_int_equal(rc, BOOK_SHORT);
            continue;
        }
        made++;
        int64_t wanted = (draft.vsize * options.fee_rate + 999) / 1000;
        int64_t slack = draft.change > 0 ? 0 : (110 * options.fee_rate) / 1000 + 331;
        assert_true(draft.fee >= wanted && draft.fee <= wanted + slack);
        assert_int_equal(draft.paid, amount);
        assert_true(draft.change == 0 || draft.change >= 294);
        purse_free(purse_send(book, draft.id));
        books_check(book);
    }
    assert_true(made > 5);
    (void)state;
}

static void lock_time_and_sequence_are_as_asked_for(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct book_draft_options options = purse_options(1000);
        struct book_draft draft;
        struct btc_tx tx;
        options.has_lock_time = i % 2;
        options.is_final = i / 2;
        options.change = BTC_SCRIPT_P2TR;
        assert_int_equal(purse_try(book, 60000, &options, &draft, NULL), 0);
        struct btc_span data = purse_send(book, draft.id);
        assert_int_equal(btc_tx_parse(data.data, data.size, &tx, NULL), 0);
        assert_int_equal(tx.lock_time, i % 2 ? books_height(book) : 0);
        for (size_t j = 0; j < tx.in_count; j++)
            assert_int_equal(tx.ins[j].sequence, i / 2 ? BTC_SEQUENCE_FINAL - 1 : BTC_SEQUENCE_RBF);
        if (draft.change_index >= 0)
            assert_int_equal(btc_script_classify(tx.outs[draft.change_index].script).kind,
                             BTC_SCRIPT_P2TR);
        btc_tx_free(&tx);
        purse_free(data);
    }
}

/* --- replacing --- */

static void a_bumped_payment_pays_the_same_once(void **state)
{
    struct book_draft_options options = purse_options(1000);
    struct book_draft first = purse_draft(book, 450000, 1000);
    struct btc_span data = purse_send(book, first.id);
    struct book_draft bumped;
    struct btc_error err = {0};
    struct book_tx tx;
    options.fee_rate = 20000;
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &bumped, &err), 0);
    assert_int_equal(bumped.paid, 450000);
    assert_true(bumped.fee > first.fee);
    assert_true(btc_hash_equal(&bumped.replaces, &first.txid));
    assert_int_equal(total(), 1500000 - 450000 - first.fee);
    struct btc_span bumped_data = purse_send(book, bumped.id);
    assert_int_equal(total(), 1500000 - 450000 - bumped.fee);
    reopen(state);
    assert_int_equal(book_get_tx(book, &first.txid, &tx, NULL), BOOK_NONE);
    assert_int_equal(book_get_draft(book, first.id, &first, NULL), 0);
    assert_int_equal(first.state, BOOK_GAVE_WAY);
    assert_int_equal(book_get_tx(book, &bumped.txid, &tx, NULL), 0);
    assert_int_equal(tx.draft_id, bumped.id);
    assert_true(btc_hash_equal(&tx.replaces, &first.txid));
    free(tx.data);
    /* a miner had the first one: it is what counts, and the other is gone */
    purse_mine(book, chain, &data, 1, 1);
    assert_int_equal(books_balance(book).confirmed, 1500000 - 450000 - first.fee);
    assert_int_equal(books_balance(book).pending, 0);
    assert_int_equal(book_get_draft(book, first.id, &first, NULL), 0);
    assert_int_equal(first.state, BOOK_SENT);
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &bumped, &err), BOOK_NONE);
    books_check(book);
    purse_free(data);
    purse_free(bumped_data);
}

/* The coin of a payment went with its block, and nothing makes it anew: what the payment left is no money. */
static void a_payment_whose_coin_is_gone_does_not_count(void **state)
{
    struct btc_hash hash;
    struct book_draft draft;
    struct book_draft later;
    struct book_coin coins[FUNDS];
    struct book_draft_options options = purse_options(1000);
    int64_t cursor = 0;
    size_t count;
    int32_t height;
    (void)state;
    assert_int_equal(book_list_coins(book, &cursor, coins, FUNDS, &count, NULL), 0);
    struct btc_outpoint coin = coins[0].outpoint;
    options.coins = &coin;
    options.coin_count = 1;
    assert_int_equal(purse_try(book, coins[0].amount / 2, &options, &draft, NULL), 0);
    struct btc_span data = purse_send(book, draft.id);
    coin = (struct btc_outpoint){draft.txid, (uint32_t)draft.change_index};
    assert_int_equal(purse_try(book, 10000, &options, &later, NULL), 0);
    struct btc_span later_data = purse_send(book, later.id);
    assert_int_equal(book_pending_is_lost(book, &later.txid, NULL), BOOK_NONE);
    assert_int_equal(book_synced(book, &height, &hash, NULL), 0);
    assert_int_equal(book_disconnect_block(book, height, &hash, NULL), 0);
    assert_int_equal(book_pending_is_lost(book, &draft.txid, NULL), 0);
    assert_int_equal(book_pending_is_lost(book, &later.txid, NULL), 0);
    assert_int_equal(total(), 0);
    coin = (struct btc_outpoint){later.txid, (uint32_t)later.change_index};
    assert_int_not_equal(purse_try(book, 1000, &options, &draft, NULL), 0);
    books_check(book);
    purse_free(data);
    purse_free(later_data);
}

/* As `send` does, of a draft that is signed here. */
static int try_send(int64_t id, struct btc_error *err)
{
    uint8_t *data = NULL;
    size_t size;
    struct book_draft draft;
    int rc = book_get_draft(book, id, &draft, err);
    if (rc == 0 && draft.state == BOOK_DRAFTED)
        rc = book_sign_draft(book, id, &data, &size, err);
    free(data);
    data = NULL;
    if (rc == 0)
        rc = book_send_draft(book, id, PURSE_NOW_S, &data, &size, err);
    free(data);
    return rc;
}

static void assert_refused(int64_t id, int code, const char *format, int64_t number)
{
    struct btc_error err = {0};
    char wanted[128];
    snprintf(wanted, sizeof(wanted), format, (long long)number);
    assert_int_equal(try_send(id, &err), code);
    if (strstr(err.text, wanted) == NULL)
        fail_msg("%s", err.text);
}

/* Who sends a draft again, or too late, learns what pays: a person who drafted anew would pay twice. */
static void what_pays_in_the_stead_of_a_draft_is_told(void **state)
{
    struct book_draft_options options = purse_options(20000);
    struct book_draft first = purse_draft(book, 450000, 1000);
    struct btc_span data = purse_send(book, first.id);
    struct book_draft bumped;
    struct book_draft again;
    struct book_draft late;
    struct book_tx tx;
    struct btc_error err = {0};
    (void)state;
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &bumped, NULL), 0);
    struct btc_span bumped_data = purse_send(book, bumped.id);
    assert_refused(first.id, BOOK_CONFLICT, "draft %lld pays in its stead", bumped.id);
    assert_int_equal(book_get_tx(book, &first.txid, &tx, &err), BOOK_NONE);
    assert_non_null(strstr(err.text, "pays in its stead"));
    options.fee_rate = 40000;
    assert_int_equal(book_bump_fee(book, &bumped.txid, &options, &again, NULL), 0);
    struct btc_span again_data = purse_send(book, again.id);
    assert_refused(first.id, BOOK_CONFLICT, "draft %lld pays in its stead", again.id);
    options.fee_rate = 80000;
    assert_int_equal(book_bump_fee(book, &again.txid, &options, &late, NULL), 0);
    purse_mine(book, chain, &again_data, 1, 1);
    assert_refused(late.id, BOOK_CONFLICT, "is in block %lld: it is paid", 2);
    purse_free(data);
    purse_free(bumped_data);
    purse_free(again_data);
}

/* It would take them with it, though they were said to be sent. */
static void a_payment_that_others_build_on_is_not_replaced(void **state)
{
    struct book_draft_options options = purse_options(20000);
    struct book_draft first = purse_draft(book, 450000, 1000);
    struct btc_span data = purse_send(book, first.id);
    struct btc_outpoint change = {first.txid, (uint32_t)first.change_index};
    struct book_draft before;
    struct book_draft second;
    struct book_draft bumped;
    struct btc_error err = {0};
    (void)state;
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &before, NULL), 0);
    options.coins = &change;
    options.coin_count = 1;
    assert_int_equal(purse_try(book, 10000, &options, &second, NULL), 0);
    struct btc_span second_data = purse_send(book, second.id);
    options.coins = NULL;
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &bumped, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "1 later payment of this wallet"));
    assert_refused(before.id, BTC_EUSAGE, "%lld later payment of this wallet spends", 1);
    options.fee_rate = 80000;
    assert_int_equal(book_bump_fee(book, &second.txid, &options, &bumped, &err), 0);
    struct btc_span bumped_data = purse_send(book, bumped.id);
    assert_int_equal(total(), 1500000 - 450000 - first.fee - 10000 - bumped.fee);
    purse_free(data);
    purse_free(second_data);
    purse_free(bumped_data);
}

static void a_bump_given_up_leaves_what_it_was_to_replace(void **state)
{
    struct book_draft_options options = purse_options(20000);
    struct book_draft first = purse_draft(book, 450000, 1000);
    struct btc_span data = purse_send(book, first.id);
    struct book_draft bumped;
    struct book_draft late;
    uint8_t *late_data;
    size_t late_size;
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &bumped, NULL), 0);
    options.fee_rate = 40000;
    assert_int_equal(book_bump_fee(book, &first.txid, &options, &late, NULL), 0);
    struct btc_span bumped_data = purse_send(book, bumped.id);
    assert_int_equal(book_drop_pending(book, &bumped.txid, BOOK_DROP_ABANDONED, NULL), 0);
    reopen(state);
    assert_int_equal(total(), 1500000 - 450000 - first.fee);
    assert_int_equal(book_get_draft(book, first.id, &first, NULL), 0);
    assert_int_equal(first.state, BOOK_SENT);
    assert_int_equal(book_get_draft(book, bumped.id, &bumped, NULL), 0);
    assert_int_equal(bumped.state, BOOK_GAVE_WAY);
    /* given up too, it is not brought back by another bump of it */
    assert_int_equal(book_drop_pending(book, &first.txid, BOOK_DROP_ABANDONED, NULL), 0);
    assert_int_equal(total(), 1500000);
    assert_int_equal(book_sign_draft(book, late.id, &late_data, &late_size, NULL), BOOK_CONFLICT);
    books_check(book);
    purse_free(data);
    purse_free(bumped_data);
}

static void a_bump_at_a_lower_rate_pays_the_least(void **state)
{
    /* A whole coin less the fee: with no change, a bump needs a second coin and is much larger. */
    struct book_draft_options options = purse_options(20000);
    struct book_draft first = purse_draft(book, 500000 - 2300, 20000);
    struct book_draft bumped;
    (void)state;
    assert_int_equal(first.input_count, 1);
    assert_int_equal(first.change, 0);
    purse_free(purse_send(book, first.id));
    for (int64_t rate = 1000; rate < 60000; rate += 1000) {
        options.fee_rate = rate;
        assert_int_equal(book_bump_fee(book, &first.txid, &options, &bumped, NULL), 0);
        assert_int_equal(bumped.paid, first.paid);
        assert_true(bumped.fee >= first.fee + bumped.vsize);
        assert_true(bumped.fee * first.vsize > first.fee * bumped.vsize);
        assert_true(bumped.fee * 1000 >= rate * bumped.vsize);
        if (rate == 1000) /* not more than that, to the satoshi that is rounded */
            assert_true(bumped.fee <= first.fee * bumped.vsize / first.vsize + bumped.vsize + 2);
        assert_int_equal(book_drop_draft(book, bumped.id, NULL), 0);
    }
}

/* At the rate that is asked for, one coin more would be enough; not for what replacing takes. */
static void a_bump_finds_the_coins_for_the_least_fee(void **state)
{
    struct book_draft_options options = purse_options(400000);
    struct book_draft_options low = purse_options(1000);
    struct book_draft first;
    struct book_draft bumped;
    struct book_draft other;
    (void)state;
    options.fee_max = BTC_COIN;
    assert_int_equal(purse_try(book, 440000, &options, &first, NULL), 0);
    assert_int_equal(first.input_count, 1);
    purse_free(purse_send(book, first.id));
    low.fee_max = BTC_COIN;
    assert_int_equal(book_bump_fee(book, &first.txid, &low, &bumped, NULL), 0);
    assert_true(bumped.fee >= first.fee + bumped.vsize);
    assert_true(bumped.input_count > 1);
    assert_int_equal(book_drop_draft(book, bumped.id, NULL), 0);
    low.fee_max = 0;
    assert_int_equal(purse_try(book, 990000, &low, &other, NULL), 0); /* has the other coins */
    low.fee_max = 1000;
    assert_int_equal(book_bump_fee(book, &first.txid, &low, &bumped, NULL), BOOK_SHORT);
    assert_int_equal(book_drop_draft(book, other.id, NULL), 0);
    assert_int_equal(book_bump_fee(book, &first.txid, &low, &bumped, NULL), BTC_EUSAGE);
}

static void a_payment_made_final_is_not_bumped(void **state)
{
    struct book_draft_options options = purse_options(1000);
    struct book_draft draft;
    (void)state;
    options.is_final = true;
    assert_int_equal(purse_try(book, 100000, &options, &draft, NULL), 0);
    purse_free(purse_send(book, draft.id));
    options.fee_rate = 20000;
    assert_int_equal(book_bump_fee(book, &draft.txid, &options, &draft, NULL), BTC_EUSAGE);
}

static void a_locked_book_drafts_but_does_not_sign(void **state)
{
    uint8_t *data;
    size_t size;
    (void)state;
    assert_int_equal(book_change_passphrase(book, NULL, "secret", NULL), 0);
    struct book_draft draft = purse_draft(book, 100000, 1000);
    assert_int_equal(book_sign_draft(book, draft.id, &data, &size, NULL), BOOK_LOCKED);
    assert_int_equal(book_unlock(book, "secret", NULL), 0);
    struct btc_span sent = purse_send(book, draft.id);
    book_lock(book);
    assert_int_equal(book_send_draft(book, draft.id, 0, &data, &size, NULL), BOOK_KNOWN);
    free(data);
    purse_free(sent);
}

#define spend_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        spend_test(a_payment_is_pending_then_confirmed_then_undone),
        spend_test(sending_again_gives_the_same_bytes),
        spend_test(unconfirmed_payments_are_listed_parents_first),
        spend_test(what_the_pool_shows_is_pending),
        spend_test(a_block_that_spends_a_payments_coins_drops_it),
        spend_test(drafts_do_not_share_coins_until_they_are_old),
        spend_test(coins_locked_or_chosen_by_hand),
        spend_test(everything_can_be_sent_without_change),
        spend_test(the_fee_can_be_taken_off_what_is_paid),
        spend_test(what_would_be_a_mistake_is_refused),
        spend_test(fees_are_as_asked_for_whatever_is_paid),
        spend_test(lock_time_and_sequence_are_as_asked_for),
        spend_test(a_bumped_payment_pays_the_same_once),
        spend_test(a_payment_whose_coin_is_gone_does_not_count),
        spend_test(what_pays_in_the_stead_of_a_draft_is_told),
        spend_test(a_payment_that_others_build_on_is_not_replaced),
        spend_test(a_bump_given_up_leaves_what_it_was_to_replace),
        spend_test(a_bump_at_a_lower_rate_pays_the_least),
        spend_test(a_bump_finds_the_coins_for_the_least_fee),
        spend_test(a_payment_made_final_is_not_bumped),
        spend_test(a_locked_book_drafts_but_does_not_sign),
    };
    return cmocka_run_group_tests_name("book_spend", tests, NULL, NULL);
}
