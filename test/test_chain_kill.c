/* The chain's process killed at any point of an import, of single blocks and of reorganisations: what
 * was acknowledged is there, and all that is there is as a fresh replay makes it. A few kills in
 * `scons test`, a thousand with TROUPE_STRESS. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "actors/node/chain.h"
#include "test/support/chain_room.h"
#include "test/support/craft.h"
#include "test/support/runner.h"

enum { KILLS = 30, KILLS_IN_STRESS = 1000, KILLS_CHECKED = 8, KILLS_IN_VALGRIND = 3 };

#define TRUNK  102 /* from then on a coinbase of each branch is spent in each block */
#define FORKS  24
#define BLOCKS 400

/* ---- a tree of blocks, in the order in which they are handed over ---- */

struct item {
    struct btc_writer raw;
    struct btc_hash hash;
    struct btc_header header;
    struct btc_hash coinbase; /* its id */
    int parent;               /* -1: genesis */
    int32_t height;
};

static struct item items[BLOCKS];
static int items_count;

/* The block `height` below or at this one. */
static int ancestor(int at, int32_t height)
{
    while (items[at].height > height)
        at = items[at].parent;
    return at;
}

/* Spends a coinbase of its own branch to two outputs. */
static void grow(int parent)
{
    static const uint8_t op_true[] = {0x51};
    struct btc_header genesis = btc_params_get(BTC_REGTEST)->genesis;
    struct craft craft = parent < 0 ? craft_after(&genesis, 0)
                                    : craft_after(&items[parent].header, items[parent].height);
    struct btc_tx_in in = {.sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out outs[2] = {{20 * BTC_COIN, {op_true, 1}}, {5 * BTC_COIN, {op_true, 1}}};
    struct btc_tx tx = {.version = 2, .in_count = 1, .ins = &in, .out_count = 2, .outs = outs};
    struct btc_block block;
    assert_true(items_count < BLOCKS);
    struct item *item = &items[items_count];
    craft.salt = (uint32_t)items_count;
    craft.claim = 25 * BTC_COIN; /* less than allowed, also behind the halving */
    if (craft.height > TRUNK) {
        in.prev.txid = items[ancestor(parent, craft.height - 101)].coinbase;
        craft.txs = &tx;
        craft.tx_count = 1;
        assert_int_equal(btc_tx_seal(&tx), 0);
    }
    *item = (struct item){.parent = parent, .height = craft.height};
    item->raw = craft_block(&craft, &item->hash);
    btc_header_parse(item->raw.data, &item->header);
    assert_int_equal(btc_block_parse(item->raw.data, item->raw.size, &block, NULL), 0);
    item->coinbase = block.txs[0].txid;
    btc_block_free(&block);
    items_count++;
}

/* Fork after fork, each some blocks below the tip and one block longer: each wins with its last. */
static int plant(void **state)
{
    int tip = -1;
    (void)state;
    for (int i = 0; i < TRUNK; i++) {
        grow(tip);
        tip = items_count - 1;
    }
    for (int i = 0; i < FORKS; i++) {
        int depth = 1 + i % 7;
        int at = ancestor(tip, items[tip].height - depth);
        for (int j = 0; j <= depth; j++) {
            grow(at);
            at = items_count - 1;
        }
        tip = at;
        for (int j = 0; j < i % 4; j++) {
            grow(tip);
            tip = items_count - 1;
        }
    }
    return 0;
}

static int clear(void **state)
{
    (void)state;
    while (items_count > 0)
        btc_writer_free(&items[--items_count].raw);
    return 0;
}

/* ---- the one who is killed ---- */

static int add(struct room *room, int i)
{
    struct chain_change change;
    return chain_add_block(room->chain, items[i].raw.data, items[i].raw.size, &change, &room->err);
}

/* By its place: alone, in a batch with those that follow, or held first and then followed. Gives
 * how many it took. */
static int take(struct room *room, int i)
{
    struct chain_change change;
    int count = 1;
    if (i % 3 == 0) {
        count = items_count - i < 5 ? items_count - i : 5;
        if (chain_batch_begin(room->chain, &room->err) != 0)
            _exit(1);
    }
    chain_set_hold(room->chain, i % 3 == 1 ? 2 : 0, NULL, NULL);
    for (int j = i; j < i + count; j++)
        if (add(room, j) < 0)
            _exit(1);
    if (i % 3 == 0 && chain_batch_end(room->chain, &room->err) != 0)
        _exit(1);
    if (i % 3 == 1 && chain_follow(room->chain, &items[i].hash, &change, &room->err) < 0)
        _exit(1);
    return count;
}

/* Goes through all, passing over what is known, and tells what is done. */
_Noreturn static void run_child(struct room *room, int acknowledge)
{
    if (chain_open(room->datadir, btc_params_get(BTC_REGTEST), &room->chain, &room->err) != 0)
        _exit(1);
    for (int i = 0; i < items_count;) {
        i += take(room, i);
        if (write(acknowledge, &i, sizeof(i)) != (ssize_t)sizeof(i))
            _exit(1);
    }
    for (;;)
        pause();
}

/* Kills it some moment after it has done `wanted` blocks; gives how many it said it has. */
static int run_and_kill(struct room *room, int wanted, unsigned spins)
{
    int ends[2];
    int done = 0;
    int status;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        run_child(room, ends[1]);
    }
    close(ends[1]);
    while (done < wanted && read(ends[0], &done, sizeof(done)) == (ssize_t)sizeof(done))
        ;
    for (volatile unsigned i = 0; i < spins; i++)
        ;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &done, sizeof(done)) == (ssize_t)sizeof(done))
        ;
    close(ends[0]);
    return done;
}

/* ---- the check ---- */

/* Both have the same coins, and the first file is sound. */
static void assert_same_coins(struct room *a, struct room *b)
{
    char sql[512];
    sqlite3 *db;
    sqlite3_stmt *row;
    static const char *const questions[] = {
        "PRAGMA integrity_check",
        "SELECT CASE count(*) WHEN 0 THEN 'ok' ELSE 'other coins' END FROM ("
        "SELECT * FROM coins EXCEPT SELECT * FROM other.coins)",
        "SELECT CASE count(*) WHEN 0 THEN 'ok' ELSE 'coins lack' END FROM ("
        "SELECT * FROM other.coins EXCEPT SELECT * FROM coins)",
        "SELECT CASE (SELECT count(*) FROM undo) WHEN (SELECT count(*) FROM active) - 1 THEN 'ok' "
        "ELSE 'undo data' END"};
    snprintf(sql, sizeof(sql), "%s/chain.sqlite", a->datadir);
    assert_int_equal(sqlite3_open(sql, &db), SQLITE_OK);
    snprintf(sql, sizeof(sql), "ATTACH '%s/chain.sqlite' AS other", b->datadir);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        assert_int_equal(sqlite3_prepare_v2(db, questions[i], -1, &row, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(row, 0), "ok");
        sqlite3_finalize(row);
    }
    sqlite3_close(db);
}

/* All that was said to be done is there, and it makes what a fresh replay of the same blocks makes. */
static void check(struct room *room, int done)
{
    void *other_state;
    struct chain_entry entry;
    assert_int_equal(room_open(&other_state), 0);
    struct room *other = other_state;
    room_open_chain(room, BTC_REGTEST);
    room_open_chain(other, BTC_REGTEST);
    for (int i = 0; i < done; i++) {
        assert_int_equal(chain_find(room->chain, &items[i].hash, &entry, &room->err), 0);
        assert_true(entry.has_block);
        assert_true(room_tip(room).height >= entry.height);
    }
    assert_int_equal(chain_batch_begin(other->chain, &other->err), 0);
    room_copy_blocks(room, other, 1, room_tip(room).height, 0);
    assert_int_equal(chain_batch_end(other->chain, &other->err), 0);
    struct chain_stats stats = room_stats(room);
    struct chain_stats again = room_stats(other);
    stats.header_height = again.header_height; /* side branches were not copied */
    assert_memory_equal(&stats, &again, sizeof(stats));
    chain_close(room->chain);
    room->chain = NULL;
    chain_close(other->chain);
    other->chain = NULL;
    assert_same_coins(room, other);
    room_close(&other_state);
}

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 12) % below;
}

static void kill_9_at_any_point_loses_nothing_acknowledged(void **state)
{
    struct room *room = *state;
    int kills = getenv("TROUPE_STRESS") != NULL ? KILLS_IN_STRESS
                : runner_in_valgrind()          ? KILLS_IN_VALGRIND
                : runner_slowness() > 1         ? KILLS_CHECKED
                                                : KILLS;
    unsigned seed = (unsigned)time(NULL);
    int done = 0;
    int rounds = 1;
    print_message("%d kills from seed %u\n", kills, seed);
    for (int i = 0; i < kills; i++) {
        if (done >= items_count) { /* all are in: begin anew */
            room_remove_chain(room);
            done = 0;
            rounds++;
        }
        int wanted = done + (int)draw(&seed, 60);
        int now = run_and_kill(room, wanted < items_count ? wanted : items_count,
                               draw(&seed, 4) == 0 ? 0 : draw(&seed, 1000000));
        done = now > done ? now : done;
        check(room, done);
    }
    print_message("%d blocks, %d times\n", items_count, rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kill_9_at_any_point_loses_nothing_acknowledged, room_open,
                                        room_close),
    };
    return cmocka_run_group_tests(tests, plant, clear);
}
