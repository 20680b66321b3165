/*
 * Headers with little work, from a peer that is written by hand: none is stored before the chain that
 * they lead to is known to have enough.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "actors/node/p2p.h"
#include "test/support/chain_room.h"
#include "test/support/deaf.h"

#define ID          7
#define EASY_MAX    12200 /* headers of an attack */
#define WORK_NEEDED 4500  /* in headers of regtest, of two hashes each */

static uint8_t easy[EASY_MAX][BTC_HEADER_SIZE];

struct fixture {
    struct room *room;
    struct chain *chain;
    struct btc_params params;
    struct p2p *p2p;
    uint64_t now_ms;
    size_t drops;
    size_t bans;
    size_t troubles;
    char reason[P2P_REASON_SIZE];
    struct btc_error err;
};

static void on_dropped(void *user, uint32_t id, const char *reason, bool is_banned)
{
    struct fixture *f = user;
    (void)id;
    f->drops++;
    f->bans += is_banned;
    snprintf(f->reason, sizeof(f->reason), "%s", reason);
}

static void on_trouble(void *user, int code, const struct btc_error *err)
{
    struct fixture *f = user;
    (void)code;
    (void)err;
    f->troubles++;
}

/* Each builds on the one before, the first on genesis. */
static void make_easy(uint32_t salt, size_t from)
{
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    struct btc_hash prev = params->genesis_hash;
    if (from > 0)
        assert_int_equal(btc_sha256d(easy[from - 1], BTC_HEADER_SIZE, &prev), 0);
    for (size_t i = from; i < EASY_MAX; i++) {
        struct btc_header header = {.version = 4,
                                    .prev = prev,
                                    .time_s = params->genesis.time_s + (uint32_t)i + 1,
                                    .bits = params->genesis.bits};
        header.merkle_root.bytes[0] = (uint8_t)salt;
        do {
            header.nonce++;
            assert_int_equal(btc_header_hash(&header, &prev), 0);
        } while (btc_pow_check(&prev, header.bits, params, NULL) != 0);
        btc_header_write(&header, easy[i]);
    }
}

/* False: it does not take all of it, unless time passes. */
static bool put_message_at_once(struct fixture *f, enum p2p_kind kind, struct btc_span payload)
{
    struct btc_writer w;
    size_t at = 0;
    size_t room;
    btc_writer_init(&w, 1u << 20);
    p2p_write_message(&w, &f->params, kind, payload);
    while (f->drops == 0 && at < w.size && (room = p2p_room(f->p2p, ID)) > 0) {
        room = room < w.size - at ? room : w.size - at;
        p2p_receive(f->p2p, ID, w.data + at, room);
        at += room;
        while (p2p_work(f->p2p, f->now_ms))
            continue;
    }
    bool is_whole = at == w.size;
    btc_writer_free(&w);
    return is_whole;
}

static void put_message(struct fixture *f, enum p2p_kind kind, struct btc_span payload)
{
    f->now_ms += 1000;
    bool is_whole = put_message_at_once(f, kind, payload);
    assert_true(is_whole || f->drops > 0);
}

static void open_node(struct fixture *f, void **state)
{
    struct btc_writer w;
    struct p2p_version version = {.protocol = P2P_PROTOCOL, .services = 9, .nonce = 1};
    *f = (struct fixture){.room = *state, .now_ms = 1000, .params = *btc_params_get(BTC_REGTEST)};
    f->params.minimum_chain_work = (struct btc_u256){
        {[30] = (uint8_t)(2 * WORK_NEEDED >> 8), [31] = (uint8_t)(2 * WORK_NEEDED & 0xff)}};
    assert_int_equal(chain_open(f->room->datadir, &f->params, &f->chain, &f->err), 0);
    struct p2p_config config = {
        .chain = f->chain,
        .agent = "/test/",
        .nonce = 11,
        .listener = {deaf_changed, deaf_headers, deaf_ready, on_dropped, on_trouble, f},
    };
    assert_int_equal(p2p_new(&config, &f->p2p, &f->err), 0);
    assert_int_equal(p2p_open(f->p2p, ID, "127.0.0.1:1", true, f->now_ms, &f->err), 0);
    btc_writer_init(&w, 1000);
    p2p_write_version(&w, &f->params, &version);
    p2p_receive(f->p2p, ID, w.data, w.size);
    btc_writer_free(&w);
    put_message(f, P2P_VERACK, (struct btc_span){NULL, 0});
    p2p_sent(f->p2p, ID, p2p_output(f->p2p, ID).size);
}

static void close_node(struct fixture *f)
{
    assert_int_equal(f->troubles, 0);
    p2p_free(f->p2p);
    chain_close(f->chain);
}

static struct btc_writer row_of(size_t first, size_t count)
{
    struct btc_writer w;
    btc_writer_init(&w, 1u << 20);
    btc_write_compact(&w, count);
    for (size_t i = 0; i < count; i++) {
        btc_write_bytes(&w, easy[first + i], BTC_HEADER_SIZE);
        btc_write_u8(&w, 0);
    }
    return w;
}

static void show(struct fixture *f, size_t first, size_t count)
{
    struct btc_writer row = row_of(first, count);
    p2p_sent(f->p2p, ID, p2p_output(f->p2p, ID).size);
    put_message(f, P2P_HEADERS, (struct btc_span){row.data, row.size});
    btc_writer_free(&row);
}

/* The node's first message now asks for what follows this one; -1: genesis. */
static void assert_asked(struct fixture *f, int after)
{
    struct btc_span output = p2p_output(f->p2p, ID);
    struct btc_hash hash = f->params.genesis_hash;
    struct p2p_locator locator;
    assert_true(output.size > P2P_HEAD_SIZE);
    assert_memory_equal(output.data + 4, "getheaders", 10);
    size_t size = output.data[16] | (size_t)output.data[17] << 8; /* of this one's payload */
    struct btc_span payload = {output.data + P2P_HEAD_SIZE, size};
    assert_int_equal(p2p_read_locator(payload, &locator, &f->err), 0);
    if (after >= 0)
        assert_int_equal(btc_sha256d(easy[after], BTC_HEADER_SIZE, &hash), 0);
    struct btc_hash first = p2p_locator_at(&locator, 0);
    assert_true(btc_hash_equal(&first, &hash));
}

static int32_t stored(const struct fixture *f)
{
    struct chain_entry entry;
    chain_header_tip(f->chain, &entry);
    return entry.height;
}

static void show_rows(struct fixture *f, size_t count)
{
    for (size_t at = 0; at < count; at += P2P_HEADERS_MAX)
        show(f, at, count - at < P2P_HEADERS_MAX ? count - at : P2P_HEADERS_MAX);
}

/* As many headers as make just enough work are shown for the first time. */
static void show_first_pass(struct fixture *f)
{
    show_rows(f, 4499);
    assert_int_equal(stored(f), 0);
    assert_asked(f, -1);
}

static bool is_poor(struct fixture *f)
{
    struct p2p_info infos[P2P_PEERS_MAX];
    assert_int_equal(p2p_list(f->p2p, infos), 1);
    return infos[0].is_poor;
}

static void too_little_work_is_not_stored(void **state)
{
    struct fixture f;
    struct p2p_info infos[P2P_PEERS_MAX];
    open_node(&f, state);
    for (int again = 0; again < 3; again++) {
        show(&f, 0, 2000);
        assert_asked(&f, 1999);
        show(&f, 2000, 2000);
        assert_asked(&f, 3999);
        assert_int_equal(p2p_list(f.p2p, infos), 1);
        assert_true(infos[0].memory < P2P_INBOX_BYTES_MAX + P2P_PRESYNC_ROWS_MAX * 32);
        show(&f, 4000, 498); /* one less than it takes, with genesis */
        assert_int_equal(p2p_output(f.p2p, ID).size, 0);
        assert_int_equal(stored(&f), 0);
        assert_true(is_poor(&f));
    }
    show(&f, 0, 100);
    for (size_t i = 0; i < 20; i++)
        show(&f, 100 + i, 1); /* the next blocks of such a chain */
    assert_true(is_poor(&f));
    assert_int_equal(stored(&f), 0);
    assert_int_equal(f.drops, 0);
    close_node(&f);
}

static void enough_work_is_shown_twice_and_stored(void **state)
{
    struct fixture f;
    open_node(&f, state);
    show_first_pass(&f);
    show(&f, 0, 2000);
    assert_int_equal(stored(&f), 2000);
    assert_asked(&f, 1999);
    show(&f, 4999, 1); /* a new block is told of meanwhile */
    show(&f, 2000, 2000);
    show(&f, 4000, 1000); /* and is in here */
    assert_int_equal(stored(&f), 5000);
    assert_false(is_poor(&f));
    assert_int_equal(f.drops, 0);
    close_node(&f);
}

static void other_headers_in_the_second_pass_are_not_stored(void **state)
{
    struct fixture f;
    open_node(&f, state);
    show_first_pass(&f);
    show(&f, 0, 2000);
    make_easy(2, 3999);
    show(&f, 2000, 2000);
    assert_int_equal(stored(&f), 2000);
    assert_int_equal(f.drops, 1);
    assert_int_equal(f.bans, 0);
    assert_non_null(strstr(f.reason, "differ"));
    close_node(&f);
    make_easy(1, 0);
}

static void nothing_in_the_second_pass_is_not_the_same(void **state)
{
    struct fixture f;
    open_node(&f, state);
    show_first_pass(&f);
    show(&f, 0, 0);
    assert_int_equal(stored(&f), 0);
    assert_int_equal(f.drops, 1);
    assert_int_equal(f.bans, 0);
    assert_non_null(strstr(f.reason, "differ"));
    close_node(&f);
}

/* An empty answer says where the chain ends, as one that is not full does. */
static void a_chain_of_full_rows_ends_with_an_empty_one(void **state)
{
    struct fixture f;
    open_node(&f, state);
    show(&f, 0, 2000);
    show(&f, 2000, 2000);
    show(&f, 0, 0);
    assert_int_equal(p2p_output(f.p2p, ID).size, 0);
    assert_int_equal(f.drops, 0);
    show_first_pass(&f); /* it has grown meanwhile */
    show(&f, 0, 2000);
    assert_int_equal(stored(&f), 2000);
    close_node(&f);
}

static sqlite3 *hold_store(struct fixture *f)
{
    char path[256];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/chain.sqlite", f->room->datadir);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* The peer says so, and is not asked for headers merely because nothing of it is known. */
static void has_genesis(struct fixture *f)
{
    struct p2p_item item = {P2P_ITEM_BLOCK, f->params.genesis_hash};
    struct btc_writer w;
    btc_writer_init(&w, 1000);
    p2p_write_inventory(&w, &f->params, P2P_INV, &item, 1);
    p2p_receive(f->p2p, ID, w.data, w.size);
    while (p2p_work(f->p2p, f->now_ms))
        continue;
    btc_writer_free(&w);
}

static void what_could_not_be_stored_is_asked_for_again(void **state)
{
    struct fixture f;
    open_node(&f, state);
    show_first_pass(&f);
    has_genesis(&f);
    sqlite3 *holder = hold_store(&f);
    show(&f, 0, 2000);
    assert_int_equal(f.troubles, 1);
    assert_int_equal(stored(&f), 0);
    assert_int_equal(p2p_output(f.p2p, ID).size, 0);
    sqlite3_close(holder);
    for (int i = 0; i <= P2P_REASK_MS / 1000; i++)
        p2p_tick(f.p2p, f.now_ms += 1000);
    assert_asked(&f, -1);
    show_first_pass(&f);
    show(&f, 0, 2000);
    assert_int_equal(stored(&f), 2000);
    assert_int_equal(f.drops, 0);
    f.troubles = 0;
    close_node(&f);
}

/* It is stored row by row, and has less work than the other one until the last. */
static void a_better_chain_of_any_length_is_stored(void **state)
{
    struct fixture f;
    open_node(&f, state);
    show_rows(&f, 6000);
    show_rows(&f, 12100);
    assert_int_equal(stored(&f), 12100);
    make_easy(2, 0);
    show_rows(&f, 12000);
    show_rows(&f, 12200);
    assert_int_equal(stored(&f), 12200);
    assert_int_equal(f.drops, 0);
    close_node(&f);
    make_easy(1, 0);
}

/* Rows that it was not asked for take from its share of the time. */
static void rows_beside_the_passes_are_charged(void **state)
{
    struct fixture f;
    struct btc_writer row = row_of(2000, 2000);
    struct btc_span payload = {row.data, row.size};
    int taken = 0;
    open_node(&f, state);
    show(&f, 0, 2000);
    show(&f, 2000, 2000);
    while (taken < 100 && put_message_at_once(&f, P2P_HEADERS, payload))
        taken++;
    assert_true(taken < P2P_TOKENS_MAX / (P2P_HEADERS_MAX / 2) + 2); /* and what its inbox holds */
    assert_int_equal(f.drops, 0);
    btc_writer_free(&row);
    close_node(&f);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(too_little_work_is_not_stored),
        IN_ROOM(enough_work_is_shown_twice_and_stored),
        IN_ROOM(other_headers_in_the_second_pass_are_not_stored),
        IN_ROOM(nothing_in_the_second_pass_is_not_the_same),
        IN_ROOM(a_chain_of_full_rows_ends_with_an_empty_one),
        IN_ROOM(what_could_not_be_stored_is_asked_for_again),
        IN_ROOM(a_better_chain_of_any_length_is_stored),
        IN_ROOM(rows_beside_the_passes_are_charged),
    };
    make_easy(1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
