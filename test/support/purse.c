/* Coins and payments for tests. */
#include "test/support/purse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/sig.h"

/* Of coins that were paid in, by txid, to price inputs with: a few are enough. */
enum { KNOWN_MAX = 4096 };

static struct {
    struct btc_outpoint coin;
    int64_t amount;
    uint8_t script[34];
    size_t script_size;
} known[KNOWN_MAX];
static size_t known_count;

static void learn(const struct btc_tx *tx)
{
    for (size_t i = 0; i < tx->out_count; i++) {
        if (tx->outs[i].script.size > sizeof(known[0].script))
            continue;
        size_t at = known_count++ % KNOWN_MAX;
        known[at].coin = (struct btc_outpoint){tx->txid, (uint32_t)i};
        known[at].amount = tx->outs[i].amount;
        known[at].script_size = tx->outs[i].script.size;
        memcpy(known[at].script, tx->outs[i].script.data, tx->outs[i].script.size);
    }
}

static struct btc_tx_out look_up(const struct btc_outpoint *coin)
{
    for (size_t i = 0; i < known_count && i < KNOWN_MAX; i++)
        if (btc_outpoint_equal(&known[i].coin, coin))
            return (struct btc_tx_out){known[i].amount, {known[i].script, known[i].script_size}};
    fail_msg("a coin that was never paid");
    return (struct btc_tx_out){0};
}

void purse_free(struct btc_span data)
{
    free((void *)(uintptr_t)data.data);
}

static struct btc_tx parse(struct btc_span data)
{
    struct btc_tx tx;
    struct btc_error err = {0};
    if (btc_tx_parse(data.data, data.size, &tx, &err) != 0)
        fail_msg("%s", err.text);
    return tx;
}

struct btc_hash purse_txid(struct btc_span data)
{
    struct btc_tx tx = parse(data);
    struct btc_hash txid = tx.txid;
    btc_tx_free(&tx);
    return txid;
}

struct btc_span purse_payment(uint32_t number, const struct btc_script *script, int64_t amount)
{
    struct btc_tx_out out = blocks_out_to(script, amount);
    struct btc_tx_in in = {.prev = {{{5}}, number}, .sequence = BTC_SEQUENCE_RBF};
    struct btc_tx tx = {.version = 2, .ins = &in, .in_count = 1, .outs = &out, .out_count = 1};
    struct btc_writer w;
    assert_int_equal(btc_tx_seal(&tx), 0);
    learn(&tx);
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    btc_tx_write(&tx, true, &w);
    assert_int_equal(w.failed, 0);
    return (struct btc_span){w.data, w.size};
}

void purse_mine(struct book *book, struct blocks *chain, const struct btc_span *txs, size_t count,
                uint32_t salt)
{
    struct blocks_draft draft = blocks_draft(books_height(book) + 1, salt);
    blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
    for (size_t i = 0; i < count; i++) {
        struct btc_tx tx = parse(txs[i]);
        learn(&tx);
        btc_tx_free(&tx);
        btc_write_bytes(&draft.txs, txs[i].data, txs[i].size);
        draft.tx_count++;
    }
    blocks_finish(chain, &draft);
    assert_int_equal(books_apply(book, chain, chain->tip, NULL), 0);
}

void purse_fund(struct book *book, struct blocks *chain, const int64_t *amounts, size_t count)
{
    static uint32_t number = 1000;
    struct btc_span *txs = calloc(count + 1, sizeof(*txs));
    for (size_t i = 0; i < count; i++) {
        struct btc_script script = books_script_of((enum keys_account)(i % 2), 0,
                                                   (uint32_t)(i / 2 % 20));
        txs[i] = purse_payment(number++, &script, amounts[i]);
    }
    purse_mine(book, chain, txs, count, 1);
    for (size_t i = 0; i < count; i++)
        purse_free(txs[i]);
    free(txs);
}

struct book_draft_options purse_options(int64_t fee_rate)
{
    return (struct book_draft_options){.fee_rate = fee_rate, .now_s = PURSE_NOW_S};
}

int purse_try(struct book *book, int64_t amount, const struct book_draft_options *options,
              struct book_draft *ret_draft, struct btc_error *err)
{
    struct btc_tx_out other = blocks_out_to_other(amount);
    struct book_output output = {.script = other.script, .amount = amount};
    return book_make_draft(book, &output, 1, options, ret_draft, err);
}

struct book_draft purse_draft(struct book *book, int64_t amount, int64_t fee_rate)
{
    struct book_draft_options options = purse_options(fee_rate);
    struct book_draft draft;
    struct btc_error err = {0};
    if (purse_try(book, amount, &options, &draft, &err) != 0)
        fail_msg("%s", err.text);
    return draft;
}

void purse_check_signed(struct book *book, const struct book_draft *draft, struct btc_span data)
{
    struct btc_tx tx = parse(data);
    struct btc_tx_out *coins = calloc(tx.in_count, sizeof(*coins));
    struct btc_spending spending;
    struct btc_error err = {0};
    int64_t left = 0;
    (void)book;
    for (size_t i = 0; i < tx.in_count; i++) {
        coins[i] = look_up(&tx.ins[i].prev);
        left += coins[i].amount;
    }
    for (size_t i = 0; i < tx.out_count; i++)
        left -= tx.outs[i].amount;
    assert_int_equal(btc_spending_prepare(&tx, coins, &spending), 0);
    for (size_t i = 0; i < tx.in_count; i++)
        if (btc_verify_input(&spending, i,
                             BTC_VERIFY_DER | BTC_VERIFY_P2SH | BTC_VERIFY_WITNESS |
                                 BTC_VERIFY_TAPROOT,
                             &err) != 0)
            fail_msg("input %zu: %s", i, err.text);
    assert_int_equal(left, draft->fee);
    assert_true(btc_hash_equal(&tx.txid, &draft->txid));
    size_t vsize = (btc_tx_weight(&tx) + 3) / 4;
    assert_true(vsize <= draft->vsize && vsize + tx.in_count >= draft->vsize);
    learn(&tx);
    free(coins);
    btc_tx_free(&tx);
}

struct btc_span purse_send(struct book *book, int64_t draft_id)
{
    struct btc_error err = {0};
    struct book_draft draft;
    uint8_t *signed_data;
    uint8_t *sent_data;
    size_t signed_size;
    size_t sent_size;
    assert_int_equal(book_get_draft(book, draft_id, &draft, NULL), 0);
    if (book_sign_draft(book, draft_id, &signed_data, &signed_size, &err) != 0)
        fail_msg("%s", err.text);
    purse_check_signed(book, &draft, (struct btc_span){signed_data, signed_size});
    if (book_send_draft(book, draft_id, PURSE_NOW_S, &sent_data, &sent_size, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(sent_size, signed_size);
    assert_memory_equal(sent_data, signed_data, sent_size);
    free(signed_data);
    return (struct btc_span){sent_data, sent_size};
}

int purse_open(void **state, const int64_t *amounts, size_t count, struct blocks **ret_chain,
               struct book **ret_book)
{
    if (books_make_dir(state) != 0)
        return -1;
    *ret_chain = blocks_new();
    *ret_book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    purse_fund(*ret_book, *ret_chain, amounts, count);
    return 0;
}

int purse_close(void **state, struct blocks *chain, struct book *book)
{
    book_close(book);
    blocks_free(chain);
    return books_remove_dir(state);
}
