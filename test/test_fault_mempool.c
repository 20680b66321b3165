/* The pool when memory fails it: at any call, a transaction is in it whole or not at all, nothing leaks,
 * and it goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/mempool.h"
#include "actors/node/p2p.h"
#include "test/support/craft.h"
#include "test/support/deaf.h"
#include "test/support/fault.h"
#include "test/support/pay.h"
#include "test/support/runner.h"

enum { COINS = 6, NOW_S = 1800000000 };

/* Signed before, since that is not what fails here. */
enum { PARENT, CHILD, RIVAL, OTHER, GRANDCHILD, TXS };

static struct room *room;
static struct pay_coin coins[COINS];
static struct btc_writer txs[TXS];
static struct chain_change change; /* a reorganisation that took PARENT and OTHER back */

static void make_txs(void)
{
    struct pay_coin parent;
    struct pay_coin child;
    txs[PARENT] = pay_split(&coins[0], 1, 1000, &parent);
    txs[CHILD] = pay_split(&parent, 1, 1000, &child);
    txs[RIVAL] = pay_split(&coins[0], 2, 5000, NULL);
    txs[OTHER] = pay_split(&coins[1], 1, 1000, NULL);
    txs[GRANDCHILD] = pay_split(&child, 1, 1000, NULL);
}

static void mine(int which)
{
    struct btc_tx tx;
    assert_int_equal(btc_tx_parse(txs[which].data, txs[which].size, &tx, &room->err), 0);
    assert_int_equal(room_mine(room, pay_script(), &tx, 1000, 0), 0);
    btc_tx_free(&tx);
}

static int open_all(void **state)
{
    if (room_open(state) != 0)
        return -1;
    room = *state;
    pay_open_chain(room, COINS, coins);
    make_txs();
    struct chain_entry fork = room_tip(room);
    struct btc_header header = fork.header;
    mine(PARENT);
    mine(OTHER);
    for (int32_t i = 0; i < 3; i++) {
        struct craft craft = craft_after(&header, fork.height + i);
        craft.claim = 1;
        struct btc_writer w = craft_block(&craft, NULL);
        int rc = chain_add_block(room->chain, w.data, w.size, &change, &room->err);
        assert_int_equal(rc, i < 2 ? CHAIN_SIDE : 0);
        btc_header_parse(w.data, &header);
        btc_writer_free(&w);
    }
    return 0;
}

static int close_all(void **state)
{
    for (size_t i = 0; i < TXS; i++)
        btc_writer_free(&txs[i]);
    return room_close(state);
}

/* 0, or no memory; that a parent is missing follows from that. */
static void offer(struct mempool *pool, int which)
{
    struct mempool_verdict verdict;
    struct btc_error err = {0};
    int rc = mempool_accept(pool, txs[which].data, txs[which].size, NOW_S, &verdict, &err);
    if (rc < 0 && !fault_fired())
        fail_msg("%d: %s", which, err.text);
    if (rc < 0)
        assert_true(err.text[0] != '\0');
}

static void assert_sound(struct mempool *pool)
{
    struct mempool_totals totals;
    struct mempool_tx tx;
    struct mempool_tx same;
    size_t count = 0;
    uint64_t vsize = 0;
    int64_t fees = 0;
    for (uint64_t at = 0; mempool_next(pool, at, &tx); at = tx.sequence, count++) {
        vsize += tx.vsize;
        fees += tx.fee;
        assert_true(mempool_find(pool, &tx.tx->txid, &same) && same.tx == tx.tx);
        assert_true(mempool_find_wtxid(pool, &tx.tx->wtxid, &same) && same.tx == tx.tx);
        for (size_t i = 0; i < tx.tx->in_count; i++)
            assert_true(mempool_spender(pool, &tx.tx->ins[i].prev, &same) && same.tx == tx.tx);
    }
    mempool_get_totals(pool, NOW_S, &totals);
    assert_int_equal(totals.count, count);
    assert_int_equal(totals.vsize, vsize);
    assert_int_equal(totals.fees, fees);
}

static void ask(struct mempool *pool)
{
    struct mempool_pick pick;
    struct mempool_verdict verdicts[2];
    struct btc_error errors[2];
    struct btc_error err;
    struct btc_span both[] = {{txs[PARENT].data, txs[PARENT].size},
                              {txs[CHILD].data, txs[CHILD].size}};
    uint64_t rate;
    bool from_pool;
    if (mempool_pick(pool, BTC_BLOCK_WEIGHT_MAX, 80000, &pick, &err) == 0)
        mempool_pick_free(&pick);
    (void)!mempool_estimate(pool, 1, NOW_S, &rate, &from_pool, &err);
    (void)!mempool_test(pool, both, 2, NOW_S, verdicts, errors, &err);
}

/* All that a pool does. False: there was no memory for the pool itself. */
static bool run(void)
{
    struct mempool *pool;
    struct btc_error err;
    if (mempool_new(room->chain, 0, NULL, &pool, &err) != 0)
        return false;
    offer(pool, PARENT);
    offer(pool, CHILD);
    offer(pool, GRANDCHILD);
    ask(pool);
    offer(pool, RIVAL);
    assert_sound(pool);
    (void)!mempool_follow(pool, &change, NOW_S, &err);
    assert_sound(pool);
    bool is_hit = fault_fired();
    fault_stop();
    struct mempool_verdict verdict; /* it goes on */
    int rc = mempool_accept(pool, txs[OTHER].data, txs[OTHER].size, NOW_S, &verdict, &err);
    assert_true(rc == 0 || rc == MEMPOOL_KNOWN);
    rc = mempool_accept(pool, txs[RIVAL].data, txs[RIVAL].size, NOW_S, &verdict, &err);
    assert_true(rc == 0 || rc == MEMPOOL_KNOWN);
    assert_sound(pool);
    mempool_free(pool);
    return is_hit;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    fault_start(FAULT_MEMORY, 0, 0);
    run();
    fault_start(FAULT_MEMORY, 0, 0);
    run(); /* what is kept for later is there now */
    int64_t live = fault_live();
    uint64_t step = runner_in_valgrind() ? 7 : 1;
    uint64_t n = 1;
    for (bool is_over = false; !is_over; n += step) {
        fault_start(FAULT_MEMORY, n, 1);
        is_over = !run() && !fault_fired();
        fault_stop();
        assert_int_equal(fault_live(), live);
    }
    assert_true(n > 50);
}

/* ---- a peer that sends one ---- */

static void on_dropped(void *user, uint32_t id, const char *reason, bool is_banned)
{
    (void)user;
    (void)id;
    if (is_banned)
        fail_msg("banned: %s", reason);
}

static void on_trouble(void *user, int code, const struct btc_error *err)
{
    (void)user;
    (void)err;
    assert_int_equal(code, BTC_ENOMEM);
}

static void put(struct p2p *p2p, const struct btc_writer *w)
{
    p2p_receive(p2p, 1, w->data, w->size);
    while (p2p_work(p2p, 2000))
        continue;
}

/* Its words were made before: only what is done with them may fail. */
static bool send_tx(const struct btc_writer *hello, const struct btc_writer *tx)
{
    struct p2p_config config = {
        .chain = room->chain,
        .agent = "/test/",
        .nonce = 11,
        .listener = {.changed = deaf_changed,
                     .headers = deaf_headers,
                     .ready = deaf_ready,
                     .dropped = on_dropped,
                     .trouble = on_trouble},
    };
    struct p2p_info infos[P2P_PEERS_MAX];
    struct btc_error err;
    struct p2p *p2p;
    struct mempool *pool;
    if (mempool_new(room->chain, 0, NULL, &pool, &err) != 0)
        return true;
    config.pool = pool;
    if (p2p_new(&config, &p2p, &err) == 0) {
        assert_int_equal(p2p_open(p2p, 1, "127.0.0.1:1", true, 1000, &err), 0);
        put(p2p, hello);
        put(p2p, tx);
        for (size_t i = p2p_list(p2p, infos); i > 0; i--)
            assert_int_equal(infos[i - 1].score, 0);
        p2p_free(p2p);
    }
    mempool_free(pool);
    return fault_fired();
}

static void nobody_is_blamed_for_want_of_memory(void **state)
{
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    struct p2p_version version = {.protocol = P2P_PROTOCOL, .services = 9, .nonce = 1};
    struct btc_writer hello;
    struct btc_writer tx;
    uint64_t n = 1;
    (void)state;
    btc_writer_init(&hello, 1000);
    btc_writer_init(&tx, 10000);
    p2p_write_version(&hello, params, &version);
    p2p_write_message(&hello, params, P2P_VERACK, (struct btc_span){NULL, 0});
    p2p_write_message(&tx, params, P2P_TX, (struct btc_span){txs[PARENT].data, txs[PARENT].size});
    for (bool is_hit = true; is_hit; n++) {
        fault_start(FAULT_MEMORY, n, 1);
        is_hit = send_tx(&hello, &tx);
        fault_stop();
    }
    assert_true(n > 10);
    btc_writer_free(&hello);
    btc_writer_free(&tx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(nobody_is_blamed_for_want_of_memory),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
