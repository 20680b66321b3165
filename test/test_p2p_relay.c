/*
 * Transactions between the engine and peers that are written by hand: whom it asks, what it tells,
 * what a flood of bad ones costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/p2p.h"
#include "test/support/deaf.h"
#include "test/support/pay.h"

#define COINS   60
#define TICK_MS 1000

struct fixture {
    struct room *room;
    struct mempool *pool;
    struct p2p *p2p;
    uint64_t now_ms;
    struct pay_coin coins[COINS];
    struct btc_error err;
    size_t drops;
};

static void on_dropped(void *user, uint32_t id, const char *reason, bool is_banned)
{
    struct fixture *f = user;
    (void)id;
    (void)reason;
    (void)is_banned;
    f->drops++;
}

static void on_trouble(void *user, int code, const struct btc_error *err)
{
    (void)user;
    (void)code;
    fail_msg("%s", err->text);
}

static void open_node(struct fixture *f, void **state)
{
    *f = (struct fixture){.room = *state, .now_ms = 1000};
    pay_open_chain(f->room, COINS, f->coins);
    assert_int_equal(mempool_new(f->room->chain, 0, NULL, &f->pool, &f->err), 0);
    struct p2p_config config = {
        .chain = f->room->chain,
        .pool = f->pool,
        .agent = "/test/",
        .nonce = 11,
        .listener = {deaf_changed, deaf_headers, deaf_ready, on_dropped, on_trouble, f},
    };
    assert_int_equal(p2p_new(&config, &f->p2p, &f->err), 0);
}

static void close_node(struct fixture *f)
{
    p2p_free(f->p2p);
    mempool_free(f->pool);
}

static void work(struct fixture *f)
{
    while (p2p_work(f->p2p, f->now_ms))
        continue;
}

static void tick(struct fixture *f, uint64_t for_ms)
{
    for (uint64_t passed = 0; passed < for_ms; passed += TICK_MS)
        p2p_tick(f->p2p, f->now_ms += TICK_MS);
}

static void put_message(struct fixture *f, uint32_t id, enum p2p_kind kind, struct btc_span payload)
{
    struct btc_writer w;
    btc_writer_init(&w, P2P_INBOX_BYTES_MAX);
    p2p_write_message(&w, btc_params_get(BTC_REGTEST), kind, payload);
    assert_true(w.size <= p2p_room(f->p2p, id));
    p2p_receive(f->p2p, id, w.data, w.size);
    btc_writer_free(&w);
    work(f);
}

/* How many items of all `kind` messages were said to it; what was said is forgotten. */
static size_t said(struct fixture *f, uint32_t id, enum p2p_kind kind)
{
    struct btc_span output = p2p_output(f->p2p, id);
    size_t count = 0;
    for (size_t at = 0; at < output.size;) {
        struct p2p_head head;
        struct p2p_inventory inventory;
        assert_int_equal(
            p2p_read_head(btc_params_get(BTC_REGTEST), output.data + at, &head, &f->err), 0);
        struct btc_span payload = {output.data + at + P2P_HEAD_SIZE, head.size};
        if (head.kind == kind) {
            assert_int_equal(p2p_read_inventory(payload, &inventory, &f->err), 0);
            count += inventory.count;
        }
        at += P2P_HEAD_SIZE + head.size;
    }
    p2p_sent(f->p2p, id, output.size);
    return count;
}

static void connect_with(struct fixture *f, uint32_t id, bool is_inbound, bool wants_wtxids)
{
    struct p2p_version version = {
        .protocol = P2P_PROTOCOL, .services = 9, .nonce = 1, .relays = true};
    struct btc_writer w;
    assert_int_equal(p2p_open(f->p2p, id, "127.0.0.1:1", is_inbound, f->now_ms, &f->err), 0);
    btc_writer_init(&w, 1000);
    p2p_write_version(&w, btc_params_get(BTC_REGTEST), &version);
    p2p_receive(f->p2p, id, w.data, w.size);
    btc_writer_free(&w);
    if (wants_wtxids)
        put_message(f, id, P2P_WTXIDRELAY, (struct btc_span){NULL, 0});
    put_message(f, id, P2P_VERACK, (struct btc_span){NULL, 0});
    (void)said(f, id, P2P_INV);
}

static void connect_peer(struct fixture *f, uint32_t id, bool is_inbound)
{
    connect_with(f, id, is_inbound, true);
}

/* It tells of a transaction; is it asked for it? */
static bool is_asked_for(struct fixture *f, uint32_t id, struct p2p_item item)
{
    struct btc_writer w;
    btc_writer_init(&w, 1000);
    p2p_write_inventory(&w, btc_params_get(BTC_REGTEST), P2P_INV, &item, 1);
    p2p_receive(f->p2p, id, w.data, w.size);
    btc_writer_free(&w);
    work(f);
    return said(f, id, P2P_GETDATA) > 0;
}

static bool is_asked(struct fixture *f, uint32_t id, uint8_t name)
{
    return is_asked_for(f, id, (struct p2p_item){P2P_ITEM_WTX, {{name, 1, 2, 3}}});
}

static void offer(struct fixture *f, size_t coin)
{
    struct mempool_verdict verdict;
    struct btc_writer w = pay_split(&f->coins[coin], 1, 1000, NULL);
    assert_int_equal(mempool_accept(f->pool, w.data, w.size, 1800000000, &verdict, &f->err), 0);
    btc_writer_free(&w);
}

/* ---- asking ---- */

static void who_announces_and_does_not_deliver_keeps_nothing_from_us(void **state)
{
    struct fixture f;
    open_node(&f, state);
    for (uint32_t id = 1; id <= 8; id++)
        connect_peer(&f, id, id <= 5);
    /* The first of them says it has it, and never sends it. */
    assert_true(is_asked(&f, 1, 7));
    assert_false(is_asked(&f, 1, 7));
    assert_true(is_asked(&f, 2, 7)); /* another may have it */
    assert_true(is_asked(&f, 3, 7));
    assert_false(is_asked(&f, 4, 7)); /* but we don't take it from all of them */
    assert_true(is_asked(&f, 6, 7));  /* those that we chose are asked whoever came to us said */
    assert_true(is_asked(&f, 7, 7));
    tick(&f, P2P_TX_MS + 2 * TICK_MS);
    assert_true(is_asked(&f, 5, 7)); /* the time of the others is over */
    close_node(&f);
}

/* ---- telling ---- */

static void who_comes_to_us_is_told_what_is_new(void **state)
{
    struct fixture f;
    open_node(&f, state);
    for (size_t i = 0; i < 20; i++)
        offer(&f, i);
    connect_peer(&f, 1, true);
    connect_peer(&f, 2, false);
    tick(&f, 2 * TICK_MS);
    assert_int_equal(said(&f, 1, P2P_INV), 0);
    assert_int_equal(said(&f, 2, P2P_INV), 20); /* whom we chose spreads what waited for it */
    offer(&f, 20);
    tick(&f, 2 * TICK_MS);
    assert_int_equal(said(&f, 1, P2P_INV), 1);
    assert_int_equal(said(&f, 2, P2P_INV), 1);
    close_node(&f);
}

/* ---- what a flood costs ---- */

/* All coins in one, with a last signature that is wrong: each is verified up to there. */
static struct btc_writer bad_tx(const struct fixture *f, int64_t amount)
{
    struct btc_tx_out out = {amount, pay_script()};
    struct pay pay = {.coins = f->coins, .coin_count = COINS, .outs = &out, .out_count = 1};
    struct btc_writer w = pay_make(&pay, NULL);
    w.data[w.size - 60] ^= 1; /* before the lock time and the key */
    return w;
}

static void signatures_that_are_wrong_cost_what_they_take(void **state)
{
    struct fixture f;
    size_t rounds = 0;
    open_node(&f, state);
    connect_peer(&f, 1, true);
    for (int64_t amount = 100000000;; amount++, rounds++) {
        struct btc_writer tx = bad_tx(&f, amount);
        struct btc_writer w;
        btc_writer_init(&w, P2P_INBOX_BYTES_MAX);
        p2p_write_message(&w, btc_params_get(BTC_REGTEST), P2P_TX,
                          (struct btc_span){tx.data, tx.size});
        bool is_full = p2p_room(f.p2p, 1) < w.size || rounds > 200;
        if (!is_full)
            p2p_receive(f.p2p, 1, w.data, w.size);
        btc_writer_free(&w);
        btc_writer_free(&tx);
        if (is_full)
            break;
        work(&f);
    }
    /* A signature takes about 60 us, a token stands for 20; there are hashes and coins beside it.
     * What was not looked at waits in the inbox. */
    size_t waiting = P2P_SLACK_BYTES / (COINS * 148);
    assert_true(rounds <= P2P_TOKENS_MAX / (COINS * 10) + waiting + 2);
    assert_int_equal(f.drops, 0);
    close_node(&f);
}

/* It is refused, but has the name of the one with a witness, for peers that go by that: theirs is wanted. */
static void a_copy_without_its_witness_does_not_keep_the_whole_away(void **state)
{
    struct fixture f;
    struct btc_tx tx;
    struct btc_writer bare;
    open_node(&f, state);
    connect_peer(&f, 1, true);
    connect_with(&f, 2, true, false);
    struct btc_writer whole = pay_split(&f.coins[0], 1, 1000, NULL);
    assert_int_equal(btc_tx_parse(whole.data, whole.size, &tx, &f.err), 0);
    btc_writer_init(&bare, 1000);
    btc_tx_write(&tx, false, &bare);
    put_message(&f, 1, P2P_TX, (struct btc_span){bare.data, bare.size});
    assert_true(is_asked_for(&f, 2, (struct p2p_item){P2P_ITEM_TX, tx.txid}));
    assert_int_equal(f.drops, 0);
    btc_tx_free(&tx);
    btc_writer_free(&bare);
    btc_writer_free(&whole);
    close_node(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_announces_and_does_not_deliver_keeps_nothing_from_us,
                                        room_open, room_close),
        cmocka_unit_test_setup_teardown(who_comes_to_us_is_told_what_is_new, room_open, room_close),
        cmocka_unit_test_setup_teardown(a_copy_without_its_witness_does_not_keep_the_whole_away,
                                        room_open, room_close),
        cmocka_unit_test_setup_teardown(signatures_that_are_wrong_cost_what_they_take, room_open,
                                        room_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
