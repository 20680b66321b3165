/*
 * The peers' engine, two of them joined in memory, and one against peers that break the rules: no
 * sockets, and a clock that the tests turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/p2p.h"
#include "test/support/chain_room.h"
#include "test/support/deaf.h"
#include "test/support/runner.h"

#define ID      7 /* of the only peer, or the first */
#define HONEST  8
#define TURNS   20000
#define TICK_MS 1000

static const uint8_t op_true[] = {0x51};
static const struct btc_span nobody = {op_true, 1};

/* A node: its chain, its engine, and what that told. */
struct side {
    void *room_state;
    struct room *room;
    struct p2p *p2p;
    uint64_t now_ms;
    size_t changes;
    size_t readies;
    uint32_t ready_id;
    size_t drops;
    size_t bans;
    size_t troubles;
    uint32_t dropped_id;
    char reason[P2P_REASON_SIZE];
};

static void on_changed(void *user, const struct chain_change *changes, size_t count)
{
    struct side *side = user;
    (void)changes;
    side->changes += count;
}

static void on_ready(void *user, uint32_t id)
{
    struct side *side = user;
    side->readies++;
    side->ready_id = id;
}

static void on_dropped(void *user, uint32_t id, const char *reason, bool is_banned)
{
    struct side *side = user;
    side->drops++;
    side->bans += is_banned;
    side->dropped_id = id;
    snprintf(side->reason, sizeof(side->reason), "%s", reason);
}

static void on_trouble(void *user, int code, const struct btc_error *err)
{
    struct side *side = user;
    (void)code;
    (void)err;
    side->troubles++;
}

static struct side *side_new(uint64_t nonce)
{
    struct side *side = calloc(1, sizeof(*side));
    assert_non_null(side);
    assert_int_equal(room_open(&side->room_state), 0);
    side->room = side->room_state;
    room_open_chain(side->room, BTC_REGTEST);
    struct p2p_config config = {
        .chain = side->room->chain,
        .agent = "/test/",
        .nonce = nonce,
        .listener = {on_changed, deaf_headers, on_ready, on_dropped, on_trouble, side},
    };
    assert_int_equal(p2p_new(&config, &side->p2p, &side->room->err), 0);
    side->now_ms = 1000;
    return side;
}

static void side_free(struct side *side)
{
    p2p_free(side->p2p);
    room_close(&side->room_state);
    free(side);
}

static void opens(struct side *side, uint32_t id, bool is_inbound)
{
    assert_int_equal(
        p2p_open(side->p2p, id, "127.0.0.1:1", is_inbound, side->now_ms, &side->room->err), 0);
}

static size_t memory_of(const struct side *side, uint32_t id)
{
    struct p2p_info infos[P2P_PEERS_MAX];
    size_t count = p2p_list(side->p2p, infos);
    for (size_t i = 0; i < count; i++) {
        if (infos[i].id == id)
            return infos[i].memory;
    }
    return 0;
}

static uint32_t score_of(const struct side *side, uint32_t id)
{
    struct p2p_info infos[P2P_PEERS_MAX];
    size_t count = p2p_list(side->p2p, infos);
    for (size_t i = 0; i < count; i++) {
        if (infos[i].id == id)
            return infos[i].score;
    }
    return P2P_SCORE_MAX;
}

static void assert_quota(const struct side *side, uint32_t id)
{
    assert_true(memory_of(side, id) <=
                P2P_INBOX_BYTES_MAX + P2P_OUTBOX_BYTES_MAX +
                    (P2P_PLAN_MAX + P2P_PRESYNC_ROWS_MAX) * sizeof(struct btc_hash));
}

/* Moves what one has to say to the other; how many bytes. */
static size_t carry(struct side *from, uint32_t id_there, struct side *to, uint32_t id_here)
{
    struct btc_span output = p2p_output(from->p2p, id_there);
    size_t room = p2p_room(to->p2p, id_here);
    size_t size = output.size < room ? output.size : room;
    if (size > 0) {
        p2p_receive(to->p2p, id_here, output.data, size);
        p2p_sent(from->p2p, id_there, size);
    }
    return size;
}

/* Until nobody has anything to say. */
static void talk(struct side *a, uint32_t id_at_a, struct side *b, uint32_t id_at_b)
{
    for (int i = 0; i < TURNS; i++) {
        size_t moved = carry(a, id_at_a, b, id_at_b) + carry(b, id_at_b, a, id_at_a);
        bool more = p2p_work(a->p2p, a->now_ms += 10);
        more = p2p_work(b->p2p, b->now_ms += 10) || more;
        if (moved == 0 && !more && p2p_output(a->p2p, id_at_a).size == 0 &&
            p2p_output(b->p2p, id_at_b).size == 0)
            return;
    }
    fail_msg("they do not come to an end");
}

static void tick(struct side *side, uint64_t for_ms)
{
    for (uint64_t passed = 0; passed < for_ms; passed += TICK_MS)
        p2p_tick(side->p2p, side->now_ms += TICK_MS);
}

/* ---- a peer that is written by hand ---- */

/* Whole bytes, as far as they are taken. Returns how many were. */
static size_t put(struct side *side, uint32_t id, const uint8_t *data, size_t size)
{
    size_t put = 0;
    while (put < size) {
        size_t room = p2p_room(side->p2p, id);
        room = size - put < room ? size - put : room;
        if (room == 0)
            break;
        p2p_receive(side->p2p, id, data + put, room);
        put += room;
        while (p2p_work(side->p2p, side->now_ms))
            continue;
        assert_quota(side, id);
    }
    while (p2p_work(side->p2p, side->now_ms))
        continue;
    return put;
}

static void put_message(struct side *side, uint32_t id, enum p2p_kind kind, struct btc_span payload)
{
    struct btc_writer w;
    btc_writer_init(&w, 8u << 20);
    p2p_write_message(&w, btc_params_get(BTC_REGTEST), kind, payload);
    assert_int_equal(w.failed, 0);
    put(side, id, w.data, w.size);
    btc_writer_free(&w);
}

/* Everything said so far is read and forgotten. */
static void swallow(struct side *side, uint32_t id)
{
    p2p_sent(side->p2p, id, p2p_output(side->p2p, id).size);
}

static void shake_hands(struct side *side, uint32_t id, int32_t protocol)
{
    struct p2p_version version = {.protocol = protocol, .services = 9, .nonce = 1, .relays = true};
    struct btc_writer w;
    opens(side, id, true);
    btc_writer_init(&w, 1000);
    p2p_write_version(&w, btc_params_get(BTC_REGTEST), &version);
    put(side, id, w.data, w.size);
    btc_writer_free(&w);
    put_message(side, id, P2P_VERACK, (struct btc_span){NULL, 0});
    swallow(side, id);
}

static uint32_t ready_count(const struct side *side)
{
    struct p2p_totals totals;
    p2p_get_totals(side->p2p, &totals);
    return totals.inbound + totals.outbound;
}

/* ---- two nodes ---- */

static void blocks_are_synced_in_both_directions(void **state)
{
    int count = runner_in_valgrind() ? 60 : 300;
    struct side *a = side_new(11);
    struct side *b = side_new(12);
    (void)state;
    room_mine_many(a->room, nobody, count, 1);
    opens(a, ID, true);
    opens(b, ID, false);
    talk(a, ID, b, ID);
    assert_int_equal(room_tip(b->room).height, count);
    assert_int_equal(b->changes, count);
    room_assert_same(a->room, b->room);
    /* and from the one that connected to the one that listens */
    room_mine_many(b->room, nobody, 5, 2);
    p2p_chain_changed(b->p2p);
    tick(b, 1000);
    talk(a, ID, b, ID);
    assert_int_equal(room_tip(a->room).height, count + 5);
    assert_int_equal(a->readies, 1);
    assert_int_equal(b->readies, 1);
    assert_int_equal(b->ready_id, ID);
    assert_int_equal(a->drops + b->drops, 0);
    side_free(a);
    side_free(b);
}

static void a_reorganisation_travels(void **state)
{
    struct side *a = side_new(11);
    struct side *b = side_new(12);
    (void)state;
    room_mine_many(a->room, nobody, 20, 1);
    room_mine_many(b->room, nobody, 12, 2); /* another branch from genesis on */
    opens(a, ID, true);
    opens(b, ID, false);
    talk(a, ID, b, ID);
    assert_int_equal(room_tip(b->room).height, 20);
    room_assert_same(a->room, b->room);
    assert_int_equal(a->drops + b->drops, 0);
    side_free(a);
    side_free(b);
}

static void new_blocks_are_announced_by_their_headers(void **state)
{
    struct side *a = side_new(11);
    struct side *b = side_new(12);
    (void)state;
    opens(a, ID, true);
    opens(b, ID, false);
    talk(a, ID, b, ID);
    for (int i = 1; i <= 12; i++) {
        struct side *miner = i % 2 ? a : b;
        room_mine_many(miner->room, nobody, i % 3 + 1, (uint32_t)i);
        p2p_chain_changed(miner->p2p);
        tick(miner, 1000);
        talk(a, ID, b, ID);
        room_assert_same(a->room, b->room);
    }
    assert_int_equal(a->drops + b->drops, 0);
    side_free(a);
    side_free(b);
}

static void a_node_knows_itself(void **state)
{
    struct side *a = side_new(11);
    (void)state;
    opens(a, 1, true);
    opens(a, 2, false);
    for (int i = 0; i < 10; i++) {
        carry(a, 1, a, 2);
        carry(a, 2, a, 1);
        p2p_work(a->p2p, a->now_ms += 10);
    }
    assert_int_equal(a->drops, 1);
    assert_non_null(strstr(a->reason, "this node itself"));
    assert_int_equal(ready_count(a), 0);
    side_free(a);
}

/* ---- waits ---- */

static void who_does_not_answer_is_dropped(void **state)
{
    struct side *a = side_new(11);
    (void)state;
    opens(a, ID, true); /* says nothing at all */
    tick(a, P2P_HANDSHAKE_MS);
    assert_int_equal(a->drops, 0);
    tick(a, 2 * TICK_MS);
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->bans, 0);
    assert_non_null(strstr(a->reason, "no handshake"));
    shake_hands(a, ID, P2P_PROTOCOL); /* says no more than that */
    put_message(a, ID, P2P_HEADERS, (struct btc_span){(const uint8_t *)"", 1});
    tick(a, P2P_PING_MS + P2P_PONG_MS + 4 * TICK_MS);
    assert_int_equal(a->drops, 2);
    assert_int_equal(a->bans, 0);
    side_free(a);
}

static void time_in_which_the_node_was_away_does_not_count(void **state)
{
    struct side *a = side_new(11);
    (void)state;
    opens(a, ID, true);
    p2p_tick(a->p2p, a->now_ms += 3600000);
    assert_int_equal(a->drops, 0);
    side_free(a);
}

static void old_protocols_are_not_talked_to(void **state)
{
    struct side *a = side_new(11);
    (void)state;
    shake_hands(a, ID, P2P_PROTOCOL_MIN - 1);
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->bans, 0);
    shake_hands(a, ID, P2P_PROTOCOL_MIN);
    assert_int_equal(a->drops, 1);
    assert_int_equal(ready_count(a), 1);
    side_free(a);
}

/* Headers of another node, in front of blocks that never come. */
static void show_headers(struct side *to, uint32_t id, struct side *of, int32_t first,
                         int32_t count)
{
    struct btc_writer w;
    struct chain_entry entry;
    uint8_t header[BTC_HEADER_SIZE];
    btc_writer_init(&w, 1u << 20);
    btc_write_compact(&w, (uint64_t)count);
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(chain_header_at(of->room->chain, first + i, &entry, NULL), 0);
        btc_header_write(&entry.header, header);
        btc_write_bytes(&w, header, sizeof(header));
        btc_write_u8(&w, 0);
    }
    put_message(to, id, P2P_HEADERS, (struct btc_span){w.data, w.size});
    btc_writer_free(&w);
}

/* Some more of a stream that goes round and round. */
static void flood(struct side *side, const struct btc_writer *w, size_t *at)
{
    *at += put(side, ID, w->data + *at, w->size - *at);
    *at = *at == w->size ? 0 : *at;
    tick(side, TICK_MS);
}

/* It is never without something to look at, and none of that is what is waited for. */
static void a_flood_does_not_outlast_what_is_waited_for(void **state)
{
    struct side *a = side_new(11);
    struct side *miner = side_new(12);
    struct btc_writer w;
    size_t at = 0;
    (void)state;
    btc_writer_init(&w, 8u << 20);
    for (int i = 0; i < 20000; i++)
        p2p_write_message(&w, btc_params_get(BTC_REGTEST), P2P_SENDADDRV2,
                          (struct btc_span){NULL, 0});
    opens(a, ID, true);
    for (uint64_t ms = 0; ms < P2P_HANDSHAKE_MS + 2 * TICK_MS && a->drops == 0; ms += TICK_MS)
        flood(a, &w, &at);
    assert_int_equal(a->drops, 1);
    assert_non_null(strstr(a->reason, "no handshake"));
    room_mine_many(miner->room, nobody, 3, 1);
    shake_hands(a, ID, P2P_PROTOCOL);
    show_headers(a, ID, miner, 1, 3);
    at = 0;
    for (uint64_t ms = 0; ms < P2P_PATIENCE * P2P_BLOCK_MS + 2 * TICK_MS && a->drops == 1;
         ms += TICK_MS) {
        swallow(a, ID);
        flood(a, &w, &at);
    }
    assert_int_equal(a->drops, 2);
    assert_non_null(strstr(a->reason, "none of the blocks"));
    btc_writer_free(&w);
    side_free(a);
    side_free(miner);
}

static void who_stalls_blocks_is_dropped_and_another_asked(void **state)
{
    struct side *a = side_new(11);
    struct side *miner = side_new(12);
    struct p2p_totals totals;
    (void)state;
    room_mine_many(miner->room, nobody, 40, 1);
    shake_hands(a, ID, P2P_PROTOCOL);
    show_headers(a, ID, miner, 1, 40);
    p2p_get_totals(a->p2p, &totals);
    assert_int_equal(totals.flights, P2P_FLIGHTS_MAX);
    opens(a, HONEST, false);
    opens(miner, ID, true);
    talk(a, HONEST, miner, ID); /* all but what the other one was asked for */
    assert_int_equal(room_tip(a->room).height, 0);
    tick(a, P2P_BLOCK_MS + 2 * TICK_MS);
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->dropped_id, ID);
    assert_non_null(strstr(a->reason, "none of the blocks"));
    talk(a, HONEST, miner, ID);
    assert_int_equal(room_tip(a->room).height, 40);
    assert_int_equal(a->drops, 1);
    side_free(a);
    side_free(miner);
}

/* More work than the honest chain has, but no blocks: that holds up nobody. */
static void headers_without_blocks_hold_up_nobody(void **state)
{
    struct side *a = side_new(11);
    struct side *liar = side_new(12);
    struct side *honest = side_new(13);
    (void)state;
    room_mine_many(liar->room, nobody, 60, 1);
    room_mine_many(honest->room, nobody, 30, 2);
    shake_hands(a, ID, P2P_PROTOCOL);
    show_headers(a, ID, liar, 1, 60);
    opens(a, HONEST, false);
    opens(honest, ID, true);
    talk(a, HONEST, honest, ID);
    assert_int_equal(room_tip(a->room).height, 30);
    room_mine_many(honest->room, nobody, 3, 3);
    p2p_chain_changed(honest->p2p);
    tick(honest, 1000);
    talk(a, HONEST, honest, ID);
    assert_int_equal(room_tip(a->room).height, 33);
    side_free(a);
    side_free(liar);
    side_free(honest);
}

/* ---- rules ---- */

struct offence {
    const char *name;
    enum p2p_kind kind;
    const char *payload; /* in hex */
    const char *reason;
    uint32_t points;
};

static void malformed_messages_cost_points(void **state)
{
    static const struct offence offences[] = {
        {"version", P2P_VERSION, "00", "second version", 20},
        {"ping", P2P_PING, "0102", "ping", 20},
        {"pong", P2P_PONG, "", "pong", 20},
        {"getheaders", P2P_GETHEADERS, "01", "getheaders", 100},
        {"getblocks", P2P_GETBLOCKS, "01", "getblocks", 20},
        {"headers", P2P_HEADERS, "01", "headers", 100},
        {"inv", P2P_INV, "05", "inv", 100},
        {"getdata", P2P_GETDATA, "01ff", "getdata", 100},
        {"notfound", P2P_NOTFOUND, "02", "notfound", 100},
        {"block", P2P_BLOCK, "00", "not asked for", 20},
        {"addr", P2P_ADDR, "01", "addr", 20},
        {"addrv2", P2P_ADDRV2, "01", "addrv2", 20},
        {"feefilter", P2P_FEEFILTER, "01", "feefilter", 20},
        {"sendcmpct", P2P_SENDCMPCT, "01", "sendcmpct", 20},
    };
    struct side *a = side_new(11);
    uint8_t bytes[64];
    (void)state;
    for (size_t i = 0; i < sizeof(offences) / sizeof(offences[0]); i++) {
        const struct offence *offence = &offences[i];
        size_t size = strlen(offence->payload) / 2;
        assert_int_equal(btc_hex_decode(offence->payload, size, bytes), 0);
        shake_hands(a, ID, P2P_PROTOCOL);
        put_message(a, ID, offence->kind, (struct btc_span){bytes, size});
        assert_int_equal(score_of(a, ID), offence->points);
        while (score_of(a, ID) < P2P_SCORE_MAX) {
            size_t drops = a->drops;
            put_message(a, ID, offence->kind, (struct btc_span){bytes, size});
            assert_true(a->drops == drops || score_of(a, ID) == P2P_SCORE_MAX);
        }
        assert_int_equal(a->drops, i + 1);
        assert_int_equal(a->bans, i + 1);
        if (strstr(a->reason, offence->reason) == NULL)
            fail_msg("%s: %s", offence->name, a->reason);
    }
    side_free(a);
}

static void bytes_that_are_no_messages_end_it(void **state)
{
    struct side *a = side_new(11);
    struct btc_writer w;
    uint8_t noise[1000];
    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 37);
    opens(a, ID, true);
    put(a, ID, noise, sizeof(noise));
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->bans, 0);
    btc_writer_init(&w, 1000);
    p2p_write_number(&w, btc_params_get(BTC_REGTEST), P2P_PING, 1);
    w.data[P2P_HEAD_SIZE] ^= 1; /* the checksum is another one now */
    shake_hands(a, ID, P2P_PROTOCOL);
    put(a, ID, w.data, w.size);
    assert_int_equal(a->bans, 1);
    w.data[P2P_HEAD_SIZE - 5] = 0xff; /* and the length is 4 GB */
    shake_hands(a, ID, P2P_PROTOCOL);
    put(a, ID, w.data, w.size);
    assert_int_equal(a->bans, 2);
    btc_writer_free(&w);
    side_free(a);
}

static void unknown_messages_are_passed_over_whatever_their_size(void **state)
{
    struct side *a = side_new(11);
    uint8_t *bytes = calloc(1, P2P_HEAD_SIZE + P2P_PAYLOAD_MAX);
    struct btc_writer w;
    (void)state;
    assert_non_null(bytes);
    btc_writer_init(&w, P2P_HEAD_SIZE + P2P_PAYLOAD_MAX);
    p2p_write_message(&w, btc_params_get(BTC_REGTEST), P2P_TX, (struct btc_span){bytes, 1000});
    memcpy(w.data + 4, "whatever", 8);
    shake_hands(a, ID, P2P_PROTOCOL);
    put(a, ID, w.data, w.size);
    assert_int_equal(score_of(a, ID), 0);
    assert_int_equal(a->drops, 0);
    btc_writer_free(&w);
    free(bytes);
    side_free(a);
}

static void nothing_large_comes_before_the_handshake(void **state)
{
    struct side *a = side_new(11);
    uint8_t *bytes = calloc(1, 100000);
    struct btc_writer w;
    (void)state;
    assert_non_null(bytes);
    btc_writer_init(&w, 200000);
    p2p_write_message(&w, btc_params_get(BTC_REGTEST), P2P_BLOCK, (struct btc_span){bytes, 100000});
    opens(a, ID, true);
    assert_true(put(a, ID, w.data, w.size) <= P2P_SLACK_BYTES);
    assert_int_equal(a->bans, 1);
    assert_non_null(strstr(a->reason, "before the handshake"));
    btc_writer_free(&w);
    free(bytes);
    side_free(a);
}

static void oversized_lists_are_banned(void **state)
{
    struct side *a = side_new(11);
    size_t size = 3 + (size_t)(P2P_INVENTORY_MAX + 1) * 36;
    uint8_t *bytes = calloc(1, size);
    enum p2p_kind kinds[] = {P2P_INV, P2P_GETDATA, P2P_NOTFOUND};
    (void)state;
    assert_non_null(bytes);
    bytes[0] = 0xfd;
    bytes[1] = (P2P_INVENTORY_MAX + 1) & 0xff;
    bytes[2] = (P2P_INVENTORY_MAX + 1) >> 8;
    for (size_t i = 0; i < 3; i++) {
        shake_hands(a, ID, P2P_PROTOCOL);
        put_message(a, ID, kinds[i], (struct btc_span){bytes, size});
        assert_int_equal(a->bans, i + 1);
        assert_non_null(strstr(a->reason, "over the maximum of 50000"));
    }
    size_t headers = P2P_HEADERS_MAX + 1;
    bytes[1] = headers & 0xff;
    bytes[2] = (uint8_t)(headers >> 8);
    shake_hands(a, ID, P2P_PROTOCOL);
    put_message(a, ID, P2P_HEADERS, (struct btc_span){bytes, 3 + headers * 81});
    assert_int_equal(a->bans, 4);
    assert_non_null(strstr(a->reason, "over the maximum of 2000"));
    free(bytes);
    side_free(a);
}

static void headers_must_connect_and_be_worked_for(void **state)
{
    struct side *a = side_new(11);
    struct side *miner = side_new(12);
    uint8_t bytes[1 + 81] = {1};
    (void)state;
    room_mine_many(miner->room, nobody, 20, 1);
    shake_hands(a, ID, P2P_PROTOCOL);
    for (int i = 0; i < P2P_SCORE_MAX / 10; i++) {
        assert_int_equal(a->bans, 0);
        show_headers(a, ID, miner, 5, 3); /* 1 to 4 were never shown */
        swallow(a, ID);
    }
    assert_int_equal(a->bans, 1);
    assert_non_null(strstr(a->reason, "nothing known"));
    shake_hands(a, ID, P2P_PROTOCOL);
    put_message(a, ID, P2P_HEADERS, (struct btc_span){bytes, sizeof(bytes)}); /* bits of 0 */
    assert_int_equal(a->bans, 2);
    side_free(a);
    side_free(miner);
}

/* Easy headers in any number would fill the disk. */
static void headers_that_lead_nowhere_are_bounded(void **state)
{
    struct side *a = side_new(11);
    struct side *spammer = side_new(12);
    const int branch = 400;
    uint32_t shown = 0;
    (void)state;
    if (runner_in_valgrind()) {
        print_message("skip: too slow under valgrind\n");
        side_free(a);
        side_free(spammer);
        skip();
    }
    room_mine_many(a->room, nobody, branch + 1, 1);
    shake_hands(a, ID, P2P_PROTOCOL);
    for (uint32_t i = 2; a->bans == 0; i++) {
        room_remove_chain(spammer->room);
        room_open_chain(spammer->room, BTC_REGTEST);
        room_mine_many(spammer->room, nobody, branch, i);
        show_headers(a, ID, spammer, 1, branch);
        tick(a, 2 * TICK_MS); /* it has the time it needs */
        swallow(a, ID);
        shown += (uint32_t)branch;
        assert_true(shown <= P2P_SIDE_HEADERS_MAX + (uint32_t)branch);
    }
    assert_non_null(strstr(a->reason, "less work"));
    p2p_free(spammer->p2p);
    spammer->p2p = NULL;
    side_free(a);
    side_free(spammer);
}

static void a_bad_block_bans_who_sent_it(void **state)
{
    struct side *a = side_new(11);
    struct side *miner = side_new(12);
    struct chain_entry entry;
    uint8_t *data = NULL;
    size_t size = 0;
    (void)state;
    room_mine_many(miner->room, nobody, 3, 1);
    shake_hands(a, ID, P2P_PROTOCOL);
    show_headers(a, ID, miner, 1, 3);
    assert_int_equal(chain_block_at(miner->room->chain, 1, &entry, NULL), 0);
    assert_int_equal(chain_read_block(miner->room->chain, &entry, &data, &size, NULL), 0);
    data[size - 6] ^= 1; /* in the coinbase: the merkle root is another one now */
    put_message(a, ID, P2P_BLOCK, (struct btc_span){data, size});
    assert_int_equal(a->bans, 1);
    assert_int_equal(room_tip(a->room).height, 0);
    free(data);
    /* The block itself is not to blame: somebody else has it whole. */
    opens(a, HONEST, false);
    opens(miner, ID, true);
    talk(a, HONEST, miner, ID);
    assert_int_equal(room_tip(a->room).height, 3);
    side_free(a);
    side_free(miner);
}

/* ---- what a peer can cost ---- */

/* Asks for the same blocks again and again and reads nothing of the answers. */
static void who_does_not_read_is_not_served_and_then_dropped(void **state)
{
    struct side *a = side_new(11);
    struct btc_writer w;
    struct p2p_item items[100];
    static uint8_t large[10000];
    struct btc_span script = {large, sizeof(large)};
    (void)state;
    room_mine_many(a->room, script, 5, 1);
    for (size_t i = 0; i < 100; i++)
        items[i] = (struct p2p_item){P2P_ITEM_BLOCK, room_tip(a->room).hash};
    shake_hands(a, ID, P2P_PROTOCOL);
    btc_writer_init(&w, 1u << 20);
    for (int i = 0; i < 20; i++)
        p2p_write_inventory(&w, btc_params_get(BTC_REGTEST), P2P_GETDATA, items, 100);
    put(a, ID, w.data, w.size);
    tick(a, 10 * TICK_MS);
    while (p2p_work(a->p2p, a->now_ms))
        continue;
    size_t waiting = p2p_output(a->p2p, ID).size;
    assert_true(waiting >= P2P_OUTBOX_BYTES);
    assert_true(waiting < P2P_OUTBOX_BYTES + P2P_SLACK_BYTES);
    assert_int_equal(a->drops, 0);
    /* slowly is fine, for as long as it takes */
    for (int i = 0; i < 3; i++) {
        p2p_sent(a->p2p, ID, 1);
        tick(a, P2P_PONG_MS - TICK_MS);
    }
    assert_int_equal(a->drops, 0);
    tick(a, 3 * TICK_MS);
    assert_int_equal(a->drops, 1);
    assert_int_equal(a->bans, 0);
    assert_non_null(strstr(a->reason, "read nothing"));
    btc_writer_free(&w);
    side_free(a);
}

/* A flood takes its share of the time, and no more: what is too much waits where it came from. */
static void a_flood_is_taken_at_the_pace_of_its_share(void **state)
{
    struct side *a = side_new(11);
    struct btc_writer w;
    size_t taken = 0;
    (void)state;
    shake_hands(a, ID, P2P_PROTOCOL);
    btc_writer_init(&w, 8u << 20);
    for (int i = 0; i < 100000; i++)
        p2p_write_number(&w, btc_params_get(BTC_REGTEST), P2P_PONG, 1);
    taken = put(a, ID, w.data, w.size);
    assert_true(taken < w.size / 2);
    assert_int_equal(p2p_room(a->p2p, ID), 0);
    tick(a, TICK_MS);
    while (p2p_work(a->p2p, a->now_ms))
        continue;
    size_t again = put(a, ID, w.data + taken, w.size - taken);
    assert_true(again > 0);
    assert_true(again < P2P_TOKENS_PER_S * 32 + P2P_SLACK_BYTES);
    btc_writer_free(&w);
    side_free(a);
}

/* Other calls of the node's are served between the turns, however many peers flood at once. */
static void a_turn_is_short_however_many_flood(void **state)
{
    enum { FLOODERS = 6 };
    struct side *a = side_new(11);
    struct btc_hash unknown[P2P_LOCATOR_MAX] = {{{0}}};
    struct btc_writer w;
    size_t served = 0;
    (void)state;
    for (size_t i = 0; i < P2P_LOCATOR_MAX; i++)
        unknown[i].bytes[0] = (uint8_t)(i + 1);
    btc_writer_init(&w, 1u << 20);
    for (int i = 0; i < P2P_TURN_MESSAGES; i++)
        p2p_write_getheaders(&w, btc_params_get(BTC_REGTEST), unknown, P2P_LOCATOR_MAX);
    for (uint32_t id = 100; id < 100 + FLOODERS; id++)
        shake_hands(a, id, P2P_PROTOCOL);
    for (uint32_t id = 100; id < 100 + FLOODERS; id++) {
        assert_true(p2p_room(a->p2p, id) >= w.size);
        p2p_receive(a->p2p, id, w.data, w.size);
    }
    assert_true(p2p_work(a->p2p, a->now_ms));
    for (uint32_t id = 100; id < 100 + FLOODERS; id++)
        served += p2p_output(a->p2p, id).size > 0;
    assert_int_equal(served, 1);
    while (p2p_work(a->p2p, a->now_ms))
        continue;
    for (uint32_t id = 100; id < 100 + FLOODERS; id++)
        assert_true(p2p_output(a->p2p, id).size > 0);
    btc_writer_free(&w);
    side_free(a);
}

static void an_honest_peer_goes_on_beside_hostile_ones(void **state)
{
    struct side *a = side_new(11);
    struct side *honest = side_new(12);
    struct btc_writer w;
    (void)state;
    room_mine_many(honest->room, nobody, 100, 1);
    btc_writer_init(&w, 8u << 20);
    for (int i = 0; i < 20000; i++)
        p2p_write_number(&w, btc_params_get(BTC_REGTEST), P2P_PING, 1);
    for (uint32_t id = 100; id < 110; id++) {
        shake_hands(a, id, P2P_PROTOCOL);
        put(a, id, w.data, w.size); /* and never reads the answers */
    }
    opens(a, HONEST, false);
    opens(honest, ID, true);
    talk(a, HONEST, honest, ID);
    assert_int_equal(room_tip(a->room).height, 100);
    for (uint32_t id = 100; id < 110; id++)
        assert_quota(a, id);
    btc_writer_free(&w);
    side_free(a);
    side_free(honest);
}

static void there_are_as_many_peers_as_there_may_be(void **state)
{
    struct side *a = side_new(11);
    (void)state;
    for (uint32_t id = 1; id <= P2P_PEERS_MAX; id++)
        opens(a, id, true);
    assert_int_equal(p2p_open(a->p2p, 1000, "x", true, a->now_ms, &a->room->err), BTC_ELIMIT);
    p2p_close(a->p2p, 5);
    opens(a, 1000, true);
    side_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_synced_in_both_directions),
        cmocka_unit_test(a_reorganisation_travels),
        cmocka_unit_test(new_blocks_are_announced_by_their_headers),
        cmocka_unit_test(a_node_knows_itself),
        cmocka_unit_test(who_does_not_answer_is_dropped),
        cmocka_unit_test(time_in_which_the_node_was_away_does_not_count),
        cmocka_unit_test(old_protocols_are_not_talked_to),
        cmocka_unit_test(a_flood_does_not_outlast_what_is_waited_for),
        cmocka_unit_test(who_stalls_blocks_is_dropped_and_another_asked),
        cmocka_unit_test(headers_without_blocks_hold_up_nobody),
        cmocka_unit_test(malformed_messages_cost_points),
        cmocka_unit_test(bytes_that_are_no_messages_end_it),
        cmocka_unit_test(unknown_messages_are_passed_over_whatever_their_size),
        cmocka_unit_test(nothing_large_comes_before_the_handshake),
        cmocka_unit_test(oversized_lists_are_banned),
        cmocka_unit_test(headers_must_connect_and_be_worked_for),
        cmocka_unit_test(headers_that_lead_nowhere_are_bounded),
        cmocka_unit_test(a_bad_block_bans_who_sent_it),
        cmocka_unit_test(who_does_not_read_is_not_served_and_then_dropped),
        cmocka_unit_test(a_flood_is_taken_at_the_pace_of_its_share),
        cmocka_unit_test(a_turn_is_short_however_many_flood),
        cmocka_unit_test(an_honest_peer_goes_on_beside_hostile_ones),
        cmocka_unit_test(there_are_as_many_peers_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
