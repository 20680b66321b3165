/* Which transactions the pool takes, and the reasons for which it refuses others: one rule at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/mempool.h"
#include "test/support/pay.h"

#define COINS 20
#define NOW_S 1800000000

struct fixture {
    struct room *room;
    struct mempool *pool;
    struct pay_coin coins[COINS]; /* confirmed, of about 2.5 BTC each */
    struct mempool_verdict verdict;
    struct btc_error err;
};

static void open_pool(struct fixture *f, void **state)
{
    *f = (struct fixture){.room = *state};
    pay_open_chain(f->room, COINS, f->coins);
    assert_int_equal(mempool_new(f->room->chain, 0, NULL, &f->pool, &f->err), 0);
}

static void close_pool(struct fixture *f)
{
    mempool_free(f->pool);
}

/* Offers it, and frees it. */
static int offer(struct fixture *f, struct btc_writer w)
{
    int rc = mempool_accept(f->pool, w.data, w.size, NOW_S, &f->verdict, &f->err);
    btc_writer_free(&w);
    return rc;
}

static void refuses(struct fixture *f, struct btc_writer w, int code, const char *reason)
{
    int rc = offer(f, w);
    assert_string_equal(f->verdict.reason, reason);
    assert_int_equal(rc, code);
    assert_true(strlen(f->err.text) > 8);
}

static struct btc_tx_out out_of(int64_t amount)
{
    return (struct btc_tx_out){amount, pay_script()};
}

/* Coin number i to one output, less the fee. */
static struct btc_writer simple(const struct fixture *f, size_t i, int64_t fee)
{
    return pay_split(&f->coins[i], 1, fee, NULL);
}

/* ---- taken ---- */

static void takes_what_pays_and_finds_it_again(void **state)
{
    struct fixture f;
    struct mempool_tx tx;
    struct mempool_totals totals;
    struct btc_hash wtxid;
    open_pool(&f, state);
    struct btc_writer w = simple(&f, 0, 1000);
    assert_int_equal(mempool_accept(f.pool, w.data, w.size, NOW_S, &f.verdict, &f.err), 0);
    assert_string_equal(f.verdict.reason, "");
    assert_int_equal(f.verdict.fee, 1000);
    assert_int_equal(f.verdict.vsize, 110);
    assert_int_equal(mempool_accept(f.pool, w.data, w.size, NOW_S, &f.verdict, &f.err),
                     MEMPOOL_KNOWN);
    assert_true(mempool_find(f.pool, &f.verdict.txid, &tx));
    assert_int_equal(tx.tx->raw.size, w.size);
    assert_memory_equal(tx.tx->raw.data, w.data, w.size);
    wtxid = tx.tx->wtxid;
    assert_true(mempool_find_wtxid(f.pool, &wtxid, &tx));
    assert_false(mempool_find(f.pool, &wtxid, &tx));
    assert_true(mempool_spender(f.pool, &f.coins[0].at, &tx));
    assert_false(mempool_spender(f.pool, &f.coins[1].at, &tx));
    assert_true(mempool_next(f.pool, 0, &tx));
    assert_false(mempool_next(f.pool, tx.sequence, &tx));
    mempool_get_totals(f.pool, NOW_S, &totals);
    assert_int_equal(totals.count, 1);
    assert_int_equal(totals.fees, 1000);
    assert_int_equal(totals.min_rate, MEMPOOL_RELAY_RATE);
    btc_writer_free(&w);
    close_pool(&f);
}

static void order_of_arrival_goes_on_over_a_restart(void **state)
{
    struct fixture f;
    struct mempool_tx first;
    struct mempool_tx again;
    open_pool(&f, state);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(offer(&f, simple(&f, i, 1000)), 0);
    uint64_t last = 0;
    for (size_t i = 0; i < 5; i++) {
        assert_true(mempool_next(f.pool, last, &first));
        assert_true(first.sequence > last);
        last = first.sequence;
    }
    mempool_free(f.pool);
    assert_int_equal(mempool_new(f.room->chain, 0, NULL, &f.pool, &f.err), 0);
    struct btc_writer w = simple(&f, 0, 1000);
    assert_int_equal(mempool_accept(f.pool, w.data, w.size, NOW_S + 1, &f.verdict, &f.err), 0);
    btc_writer_free(&w);
    assert_true(mempool_next(f.pool, last, &again));
    close_pool(&f);
}

/* ---- form ---- */

static void refuses_forms_that_are_not_relayed(void **state)
{
    struct fixture f;
    static const uint8_t unknown[] = {BTC_OP_DUP, BTC_OP_DUP, BTC_OP_EQUAL};
    static const uint8_t version_0[] = {BTC_OP_0, 3, 1, 2, 3};
    static const uint8_t unfinished[] = {BTC_OP_RETURN, 5, 1};
    uint8_t data[84] = {BTC_OP_RETURN, BTC_OP_PUSHDATA1, 81};
    struct btc_tx_out outs[3] = {out_of(1000)};
    struct pay pay = {.coins = f.coins, .coin_count = 1, .outs = outs, .out_count = 1};
    open_pool(&f, state);
    pay.version = 3;
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "version");
    pay.version = -1;
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "version");
    pay.version = 0;
    outs[0].script = (struct btc_span){unknown, sizeof(unknown)};
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "scriptpubkey");
    outs[0].script = (struct btc_span){version_0, sizeof(version_0)};
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "scriptpubkey");
    outs[0] = (struct btc_tx_out){0, {unfinished, sizeof(unfinished)}};
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "scriptpubkey");
    outs[0] = (struct btc_tx_out){0, {data, sizeof(data)}};
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "scriptpubkey");
    data[2] = 80;
    outs[0].script.size = 83;
    outs[1] = outs[0];
    pay.out_count = 2;
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "multi-op-return");
    outs[1] = out_of(f.coins[0].amount - 1000);
    assert_int_equal(offer(&f, pay_make(&pay, NULL)), 0); /* one of that size may be */
    close_pool(&f);
}

static void refuses_dust_of_each_kind_at_its_limit(void **state)
{
    struct fixture f;
    uint8_t payload[32] = {2};
    static const struct {
        enum btc_script_kind kind;
        size_t size;
        int64_t least;
    } kinds[] = {{BTC_SCRIPT_P2PKH, 20, 546},
                 {BTC_SCRIPT_P2SH, 20, 540},
                 {BTC_SCRIPT_P2WPKH, 20, 294},
                 {BTC_SCRIPT_P2WSH, 32, 330},
                 {BTC_SCRIPT_P2TR, 32, 330}};
    open_pool(&f, state);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct btc_script script;
        assert_int_equal(btc_script_build(kinds[i].kind, payload, kinds[i].size, &script), 0);
        struct btc_tx_out outs[] = {out_of(f.coins[i].amount - 10000),
                                    {kinds[i].least - 1, btc_script_span(&script)}};
        struct pay pay = {.coins = &f.coins[i], .coin_count = 1, .outs = outs, .out_count = 2};
        refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "dust");
        outs[1].amount++;
        assert_int_equal(offer(&f, pay_make(&pay, NULL)), 0);
    }
    close_pool(&f);
}

static void refuses_what_no_block_could_have(void **state)
{
    struct fixture f;
    struct btc_tx_out outs[2] = {out_of(-1), out_of(1000)};
    struct pay_coin twice[2];
    open_pool(&f, state);
    struct pay pay = {.coins = f.coins, .coin_count = 1, .outs = outs, .out_count = 2};
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-vout-negative");
    outs[0].amount = BTC_MONEY_MAX + 1;
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-vout-toolarge");
    outs[0].amount = BTC_MONEY_MAX;
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-txouttotal-toolarge");
    outs[0].amount = 1000;
    twice[0] = twice[1] = f.coins[0];
    pay.coins = twice;
    pay.coin_count = 2;
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-inputs-duplicate");
    twice[1].at = (struct btc_outpoint){.index = BTC_OUTPOINT_COINBASE_INDEX};
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-prevout-null");
    pay.coins = &twice[1];
    pay.coin_count = 1;
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-cb-length");
    pay.coins = f.coins;
    pay.out_count = 0;
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-vout-empty");
    outs[0] = out_of(f.coins[0].amount + 1);
    pay.out_count = 1;
    refuses(&f, pay_make(&pay, NULL), BTC_EINVALID, "bad-txns-in-belowout");
    close_pool(&f);
}

static void refuses_bytes_that_are_no_transaction(void **state)
{
    struct fixture f;
    open_pool(&f, state);
    struct btc_writer w = simple(&f, 0, 1000);
    for (size_t size = 0; size < w.size; size++) {
        assert_int_equal(mempool_accept(f.pool, w.data, size, NOW_S, &f.verdict, &f.err),
                         BTC_EFORMAT);
        assert_string_equal(f.verdict.reason, "TX decode failed");
        assert_false(f.verdict.has_txid);
    }
    btc_writer_free(&w);
    close_pool(&f);
}

/* ---- coins, times, fees ---- */

static void refuses_coins_that_are_not_there(void **state)
{
    struct fixture f;
    struct pay_coin missing;
    open_pool(&f, state);
    missing = f.coins[0];
    missing.at.index = COINS;
    refuses(&f, pay_split(&missing, 1, 1000, NULL), BTC_EORPHAN, "missing-inputs");
    /* The one that made the coins is in the chain, and what it spent is gone. */
    struct pay_coin coinbase = pay_coinbase(f.room, 1);
    refuses(&f, pay_split(&coinbase, COINS, 100000, NULL), BTC_ELIMIT, "txn-already-known");
    /* That a parent waits is enough; that it has no such output is not. */
    struct pay_coin child;
    assert_int_equal(offer(&f, pay_split(&f.coins[0], 1, 1000, &child)), 0);
    child.at.index = 1;
    refuses(&f, pay_split(&child, 1, 1000, NULL), BTC_EORPHAN, "missing-inputs");
    child.at.index = 0;
    assert_int_equal(offer(&f, pay_split(&child, 1, 1000, NULL)), 0);
    close_pool(&f);
}

static bool knows_nothing(void *user, const struct btc_outpoint *outpoint)
{
    (void)outpoint;
    ++*(size_t *)user;
    return false;
}

/* Of a transaction with thousands of inputs that are made up only one is looked for. */
static void looks_for_coins_up_to_the_first_that_is_nowhere(void **state)
{
    struct fixture f;
    struct chain_coins coins;
    size_t asked = 0;
    open_pool(&f, state);
    struct btc_outpoint outpoints[] = {f.coins[0].at, f.coins[1].at, f.coins[2].at};
    outpoints[1].index = COINS;
    assert_int_equal(
        chain_get_coins_needed(f.room->chain, outpoints, 3, knows_nothing, &asked, &coins, &f.err),
        0);
    assert_int_equal(asked, 1);
    assert_true(coins.coins[0].found);
    assert_false(coins.coins[1].found);
    assert_false(coins.coins[2].found); /* it is there, but nobody looked */
    chain_coins_free(&coins);
    assert_int_equal(chain_get_coins(f.room->chain, outpoints, 3, &coins, &f.err), 0);
    assert_true(coins.coins[2].found);
    chain_coins_free(&coins);
    /* Behind coins of the pool the others are found all the same. */
    struct pay_coin both[2] = {{.amount = 0}, f.coins[4]};
    assert_int_equal(offer(&f, pay_split(&f.coins[3], 1, 1000, &both[0])), 0);
    struct btc_tx_out out = out_of(both[0].amount + both[1].amount - 1000);
    struct pay pay = {.coins = both, .coin_count = 2, .outs = &out, .out_count = 1};
    assert_int_equal(offer(&f, pay_make(&pay, NULL)), 0);
    close_pool(&f);
}

static void waits_for_a_coinbase_to_be_100_blocks_old(void **state)
{
    struct fixture f;
    open_pool(&f, state); /* tip 102: in block 103 the coinbase of block 3 may be spent */
    struct pay_coin ripe = pay_coinbase(f.room, 3);
    struct pay_coin green = pay_coinbase(f.room, 4);
    assert_int_equal(offer(&f, pay_split(&ripe, 1, 1000, NULL)), 0);
    refuses(&f, pay_split(&green, 1, 1000, NULL), BTC_ELIMIT,
            "bad-txns-premature-spend-of-coinbase");
    close_pool(&f);
}

static void takes_only_what_is_final_in_the_next_block(void **state)
{
    struct fixture f;
    struct chain_entry tip;
    uint32_t median_s;
    open_pool(&f, state);
    chain_tip(f.room->chain, &tip);
    assert_int_equal(chain_median_time(f.room->chain, &tip, &median_s, &f.err), 0);
    const struct {
        uint32_t lock_time;
        bool is_final;
    } cases[] = {{(uint32_t)tip.height, true},
                 {(uint32_t)tip.height + 1, false},
                 {median_s - 1, true},
                 {median_s, false}};
    for (size_t i = 0; i < 4; i++) {
        struct btc_tx_out out = out_of(f.coins[i].amount - 1000);
        struct pay pay = {.coins = &f.coins[i],
                          .coin_count = 1,
                          .outs = &out,
                          .out_count = 1,
                          .lock_time = cases[i].lock_time};
        if (cases[i].is_final)
            assert_int_equal(offer(&f, pay_make(&pay, NULL)), 0);
        else
            refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "non-final");
        pay.sequence = BTC_SEQUENCE_FINAL; /* of all inputs: then the lock time counts nothing */
        if (!cases[i].is_final)
            assert_int_equal(offer(&f, pay_make(&pay, NULL)), 0);
    }
    close_pool(&f);
}

static void takes_only_what_is_unlocked_in_the_next_block(void **state)
{
    struct fixture f;
    open_pool(&f, state); /* the coins are one block old in the next block */
    const struct {
        uint32_t sequence;
        int32_t version;
        bool is_unlocked;
    } cases[] = {{1, 2, true},
                 {2, 2, false},
                 {2, 1, true},
                 {1u << 22, 2, true},
                 {1u << 22 | 1, 2, false},
                 {1u << 31 | 9, 2, true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct btc_tx_out out = out_of(f.coins[i].amount - 1000);
        struct pay pay = {.coins = &f.coins[i],
                          .coin_count = 1,
                          .outs = &out,
                          .out_count = 1,
                          .version = cases[i].version,
                          .sequence = cases[i].sequence};
        if (cases[i].is_unlocked)
            assert_int_equal(offer(&f, pay_make(&pay, NULL)), 0);
        else
            refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "non-BIP68-final");
    }
    /* A coin that waits itself counts as one of the next block. */
    struct pay_coin child;
    struct btc_tx_out out = out_of(1000000);
    assert_int_equal(offer(&f, pay_split(&f.coins[10], 1, 1000, &child)), 0);
    struct pay pay = {
        .coins = &child, .coin_count = 1, .outs = &out, .out_count = 1, .sequence = 1};
    refuses(&f, pay_make(&pay, NULL), BTC_ELIMIT, "non-BIP68-final");
    close_pool(&f);
}

static void wants_a_satoshi_for_each_virtual_byte(void **state)
{
    struct fixture f;
    open_pool(&f, state);
    refuses(&f, simple(&f, 0, 0), BTC_ELIMIT, "min relay fee not met");
    size_t vsize = f.verdict.vsize;
    assert_true(f.verdict.has_fee);
    refuses(&f, simple(&f, 0, (int64_t)vsize - 1), BTC_ELIMIT, "min relay fee not met");
    assert_int_equal(offer(&f, simple(&f, 0, (int64_t)vsize)), 0);
    close_pool(&f);
}

/* ---- signatures ---- */

static void refuses_signatures_that_do_not_verify(void **state)
{
    struct fixture f;
    struct btc_tx tx;
    open_pool(&f, state);
    struct btc_writer w = simple(&f, 0, 1000);
    assert_int_equal(btc_tx_parse(w.data, w.size, &tx, &f.err), 0);
    size_t at = (size_t)(tx.ins[0].witness[0].data - w.data);
    btc_tx_free(&tx);
    w.data[at + 10] ^= 1; /* in R */
    refuses(&f, w, BTC_EINVALID, "mempool-script-verify-flag-failed");
    /* Whose amount is not the coin's. */
    struct pay_coin coin = f.coins[0];
    coin.amount--;
    refuses(&f, pay_split(&coin, 1, 1000, NULL), BTC_EINVALID, "mempool-script-verify-flag-failed");
    close_pool(&f);
}

static void refuses_what_it_cannot_verify_and_says_so(void **state)
{
    struct fixture f;
    static const uint8_t redeem[] = {BTC_OP_1}; /* anyone may spend it */
    static const uint8_t script_sig[] = {1, BTC_OP_1};
    struct btc_hash160 hash;
    struct btc_script script;
    struct btc_hash txid;
    struct btc_tx funding;
    open_pool(&f, state);
    assert_int_equal(btc_hash160(redeem, sizeof(redeem), &hash), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2SH, hash.bytes, 20, &script), 0);
    struct btc_tx_out out = {f.coins[0].amount - 1000, btc_script_span(&script)};
    struct pay pay = {.coins = f.coins, .coin_count = 1, .outs = &out, .out_count = 1};
    struct btc_writer w = pay_make(&pay, &txid);
    assert_int_equal(btc_tx_parse(w.data, w.size, &funding, &f.err), 0);
    assert_int_equal(room_mine(f.room, pay_script(), &funding, 1000, 0), 0);
    btc_tx_free(&funding);
    btc_writer_free(&w);
    struct btc_tx_in in = {.prev = {txid, 0}, .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out back = out_of(out.amount - 1000);
    struct btc_tx tx = {.version = 2, .in_count = 1, .ins = &in, .out_count = 1, .outs = &back};
    in.script_sig = (struct btc_span){script_sig, sizeof(script_sig)};
    assert_int_equal(btc_tx_seal(&tx), 0);
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    btc_tx_write(&tx, true, &w);
    refuses(&f, w, BTC_ELIMIT, "script-not-verifiable");
    assert_non_null(strstr(f.err.text, "can't verify"));
    close_pool(&f);
}

/* ---- tests of transactions ---- */

static void tests_transactions_together_and_keeps_nothing(void **state)
{
    struct fixture f;
    struct pay_coin children[2];
    struct mempool_verdict verdicts[4];
    struct btc_error errors[4];
    struct mempool_tx tx;
    open_pool(&f, state);
    struct btc_writer w[4];
    w[0] = pay_split(&f.coins[0], 2, 1000, children);
    w[1] = pay_split(&children[1], 1, 1000, NULL);
    w[2] = pay_split(&children[0], 1, 0, NULL);
    w[3] = pay_split(&f.coins[0], 1, 5000, NULL);
    struct btc_span spans[4];
    for (size_t i = 0; i < 4; i++)
        spans[i] = (struct btc_span){w[i].data, w[i].size};
    assert_int_equal(mempool_test(f.pool, spans, 4, NOW_S, verdicts, errors, &f.err), 0);
    assert_string_equal(verdicts[0].reason, "");
    assert_string_equal(verdicts[1].reason, "");
    assert_string_equal(verdicts[2].reason, "min relay fee not met");
    assert_string_equal(verdicts[3].reason, "conflict-in-package");
    assert_false(mempool_next(f.pool, 0, &tx));
    assert_int_equal(mempool_test(f.pool, &spans[1], 1, NOW_S, verdicts, errors, &f.err), 0);
    assert_string_equal(verdicts[0].reason, "missing-inputs");
    for (size_t i = 0; i < 4; i++)
        btc_writer_free(&w[i]);
    close_pool(&f);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(takes_what_pays_and_finds_it_again),
        in_room(order_of_arrival_goes_on_over_a_restart),
        in_room(refuses_forms_that_are_not_relayed),
        in_room(refuses_dust_of_each_kind_at_its_limit),
        in_room(refuses_what_no_block_could_have),
        in_room(refuses_bytes_that_are_no_transaction),
        in_room(refuses_coins_that_are_not_there),
        in_room(looks_for_coins_up_to_the_first_that_is_nowhere),
        in_room(waits_for_a_coinbase_to_be_100_blocks_old),
        in_room(takes_only_what_is_final_in_the_next_block),
        in_room(takes_only_what_is_unlocked_in_the_next_block),
        in_room(wants_a_satoshi_for_each_virtual_byte),
        in_room(refuses_signatures_that_do_not_verify),
        in_room(refuses_what_it_cannot_verify_and_says_so),
        in_room(tests_transactions_together_and_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
