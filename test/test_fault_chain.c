/* The node's chain when memory or the disk fail it: blocks one by one and in batches, headers, a
 * reorganisation with coins that come back, a block that breaks a rule; on a new file and on one
 * with a chain. See test/support/fault_store.h for what must hold. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/node/mine.h"
#include "test/support/chain_room.h"
#include "test/support/fault.h"
#include "test/support/fault_store.h"

enum { BASE = 105 };

static struct room *room;
static struct chain *chain;
static char file[128];

/* What the scenarios are made of. `a`: two blocks on the base, the first with transactions. `b`:
 * three blocks on the base, the second with a transaction. `c`: one on `b`. */
enum { A1, A2, B1, B2, B3, BAD, C1, FIRST1, FIRST2, FIRST3, FIRST4, BLOCKS };
static struct btc_span blocks[BLOCKS];
static void *base;
static size_t base_size;
static struct btc_outpoint spent_by_a; /* and not by b */

static const uint8_t op_true[] = {0x51};
static const struct btc_span anyone = {op_true, 1};

/* ---- steps ----------------------------------------------------------------------------------- */

static int add(int block, int expected, struct btc_error *err)
{
    struct chain_change change;
    int rc = chain_add_block(chain, blocks[block].data, blocks[block].size, &change, err);
    if (rc < 0 && rc == expected) {
        return 0;
    }
    if (rc >= 0 && rc != expected) {
        fail_msg("block %d: %d instead of %d", block, rc, expected);
    }
    return rc < 0 ? rc : 0;
}

/* As the node does: what was taken before a failure is kept. */
static int add_batch(int first, int last, size_t *at, struct btc_error *err)
{
    struct btc_error why = {0};
    size_t taken = 0;
    int rc = chain_batch_begin(chain, err);
    if (rc != 0) {
        return rc;
    }
    for (int block = first; rc == 0 && block <= last; block++) {
        rc = add(block, 0, err);
        taken += rc == 0;
    }
    int ended = chain_batch_end(chain, &why);
    if (ended != 0) {
        *err = rc == 0 ? why : *err;
        return rc == 0 ? ended : rc;
    }
    *at += taken;
    return rc;
}

static int add_headers(struct btc_error *err)
{
    uint8_t bytes[2 * BTC_HEADER_SIZE];
    size_t added;
    memcpy(bytes, blocks[A1].data, BTC_HEADER_SIZE);
    memcpy(bytes + BTC_HEADER_SIZE, blocks[A2].data, BTC_HEADER_SIZE);
    int rc = chain_add_headers(chain, bytes, 2, &added, err);
    if (rc == 0) {
        assert_int_equal(added, 2);
    }
    return rc;
}

/* Everything that only asks; an answer must be right. */
static int ask(struct btc_error *err)
{
    struct chain_entry entry;
    struct chain_coins coins;
    uint8_t *raw = NULL;
    size_t size;
    uint32_t time_s;
    chain_tip(chain, &entry);
    int rc = chain_find_fork(chain, &entry.hash, 1, &entry, err);
    if (rc == 0) {
        assert_int_equal(entry.height, BASE + 3);
        rc = chain_read_block(chain, &entry, &raw, &size, err);
    }
    if (rc == 0) {
        assert_int_equal(size, blocks[B3].size);
        assert_memory_equal(raw, blocks[B3].data, size);
        fault_free(raw);
        rc = chain_median_time(chain, &entry, &time_s, err);
    }
    rc = rc != 0 ? rc : chain_get_coins(chain, &spent_by_a, 1, &coins, err);
    if (rc == 0) {
        assert_true(coins.coins[0].found);
        assert_int_equal(coins.coins[0].script.size, sizeof op_true);
        assert_memory_equal(coins.coins[0].script.data, op_true, sizeof op_true);
        chain_coins_free(&coins);
    }
    return rc;
}

/* ---- what a chain holds ---------------------------------------------------------------------- */

/* By hash: ids are the store's own business. */
static const char *const queries[] = {
    "SELECT quote(hash)||quote(header)||quote(work)||period_time||'/'||flags||'/'||validation||'/'"
    "||tx_count FROM headers ORDER BY hash",
    "SELECT a.height||quote(h.hash) FROM active a JOIN headers h ON h.id=a.id ORDER BY a.height",
    "SELECT b.height||quote(h.hash) FROM best b JOIN headers h ON h.id=b.id ORDER BY b.height",
    "SELECT quote(h.hash)||quote(b.data) FROM blocks b JOIN headers h ON h.id=b.id ORDER BY h.hash",
    "SELECT quote(h.hash)||quote(u.data) FROM undo u JOIN headers h ON h.id=u.id ORDER BY h.hash",
    "SELECT (SELECT count(*) FROM blocks)||'/'||(SELECT count(*) FROM undo)",
    "SELECT quote(txid)||vout||'/'||amount||'/'||height||coinbase||quote(script) FROM coins"
    " ORDER BY txid, vout",
    "SELECT txs||'/'||coins||'/'||amount||'/'||signatures||'/'||partial FROM totals",
};

/* The file, and what the handle shows of it. */
static uint64_t digest(void)
{
    struct chain_stats stats;
    struct chain_entry tip;
    struct chain_entry best;
    chain_get_stats(chain, &stats);
    chain_tip(chain, &tip);
    chain_header_tip(chain, &best);
    uint64_t hash = fault_store_digest(file, queries, sizeof queries / sizeof *queries);
    hash = fault_store_hash(hash, &stats, sizeof stats);
    hash = fault_store_hash(hash, tip.hash.bytes, sizeof tip.hash.bytes);
    return fault_store_hash(hash, best.hash.bytes, sizeof best.hash.bytes);
}

static int open_chain(struct btc_error *err)
{
    return chain_open(room->datadir, btc_params_get(BTC_REGTEST), &chain, err);
}

static void close_chain(void)
{
    chain_close(chain);
    chain = NULL;
}

/* ---- the scenarios --------------------------------------------------------------------------- */

static void reset_to_nothing(void)
{
    close_chain();
    room_remove_chain(room);
}

static void reset_to_base(void)
{
    reset_to_nothing();
    assert_int_equal(mkdir(room->datadir, 0700), 0);
    room_write_file(room, base, base_size);
    assert_int_equal(rename(room->file, file), 0);
}

static int step_from_nothing(size_t *at, size_t to, struct btc_error *err)
{
    int last = to > 3 ? FIRST4 : FIRST1 + (int)to - 1;
    if (*at > 0) {
        return add_batch(FIRST1 + (int)*at, last, at, err);
    }
    int rc = add(FIRST1, 0, err);
    *at += rc == 0;
    return rc;
}

static int one_from_base(size_t step, struct btc_error *err)
{
    switch (step) {
    case 0:
        return add_headers(err);
    case 1:
        return add(A1, 0, err);
    case 2:
        return add(A2, 0, err);
    case 3:
        return add(B1, CHAIN_SIDE, err);
    case 4:
        return add(B2, CHAIN_SIDE, err);
    case 5:
        return add(B3, 0, err); /* the reorganisation */
    case 6:
        return ask(err);
    case 7:
        return add(C1, 0, err);
    default:
        return add(BAD, BTC_EINVALID, err);
    }
}

static int step_from_base(size_t *at, size_t to, struct btc_error *err)
{
    (void)to;
    int rc = one_from_base(*at, err);
    *at += rc == 0;
    return rc;
}

static const struct fault_store from_nothing = {
    .name = "chain, new",
    .folder = "test_chain_",
    .file = file,
    .steps = 4,
    .batch_max = 3,
    .reset = reset_to_nothing,
    .open = open_chain,
    .close = close_chain,
    .step = step_from_nothing,
    .digest = digest,
};
static const struct fault_store from_base = {
    .name = "chain, grown",
    .folder = "test_chain_",
    .file = file,
    .steps = 9,
    .batch_max = 1,
    .last_may_be_lost = true,
    .reset = reset_to_base,
    .open = open_chain,
    .close = close_chain,
    .step = step_from_base,
    .digest = digest,
};

static void test_new_chain_without_memory(void **state)
{
    (void)state;
    fault_store_try(&from_nothing, FAULT_MEMORY, ENOMEM, 20);
    fault_store_try(&from_nothing, FAULT_SQLITE_MEMORY, ENOMEM, 30);
}

static void test_new_chain_whose_own_files_fail(void **state)
{
    (void)state;
    fault_store_try(&from_nothing, FAULT_FILES, EIO, 20);
    fault_store_try(&from_nothing, FAULT_FILES, ENOSPC, 20);
}

static void test_new_chain_on_a_disk_that_fails(void **state)
{
    (void)state;
    fault_store_try(&from_nothing, FAULT_SQLITE, EIO, 20);
    fault_store_try(&from_nothing, FAULT_SQLITE, ENOSPC, 20);
}

static void test_chain_without_memory(void **state)
{
    (void)state;
    fault_store_try(&from_base, FAULT_MEMORY, ENOMEM, 20);
    fault_store_try(&from_base, FAULT_SQLITE_MEMORY, ENOMEM, 30);
}

static void test_chain_on_a_disk_that_fails(void **state)
{
    (void)state;
    fault_store_try(&from_base, FAULT_SQLITE, EIO, 20);
    fault_store_try(&from_base, FAULT_SQLITE, ENOSPC, 20);
}

/* ---- making the blocks ----------------------------------------------------------------------- */

/* Mines on the room's chain; added there with the outcome `expected`. */
static void make(int block, struct btc_span script, const struct btc_tx *const *txs, size_t count,
                 uint32_t extra, int64_t fees, int expected)
{
    struct mine_request request = {
        .script = script, .txs = txs, .tx_count = count, .fees = fees, .extra_nonce = extra};
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    if (mine_block(room->chain, &request, &raw, &size, &room->err) != 0) {
        fail_msg("%s", room->err.text);
    }
    int rc = chain_add_block(room->chain, raw, size, &change, &room->err);
    if (rc != expected) {
        fail_msg("block %d: %d, %s", block, rc, room->err.text);
    }
    uint8_t *copy = malloc(size);
    memcpy(copy, raw, size);
    fault_free(raw);
    blocks[block] = (struct btc_span){copy, size};
}

/* Spends output 0 of a transaction that anyone may spend. */
struct spending {
    struct btc_tx tx;
    struct btc_tx_in in;
    struct btc_tx_out out;
};

static void spend(struct spending *spending, struct btc_hash txid)
{
    *spending = (struct spending){0};
    spending->in = (struct btc_tx_in){.prev = {txid, 0}, .sequence = BTC_SEQUENCE_FINAL};
    spending->out = (struct btc_tx_out){50 * BTC_COIN, anyone};
    spending->tx = (struct btc_tx){
        .version = 2, .in_count = 1, .ins = &spending->in, .out_count = 1, .outs = &spending->out};
    assert_int_equal(btc_tx_seal(&spending->tx), 0);
}

static struct btc_hash coinbase_at(int32_t height)
{
    struct chain_entry entry;
    uint8_t *raw;
    size_t size;
    struct btc_block block;
    assert_int_equal(chain_block_at(room->chain, height, &entry, &room->err), 0);
    assert_int_equal(chain_read_block(room->chain, &entry, &raw, &size, &room->err), 0);
    assert_int_equal(btc_block_parse(raw, size, &block, &room->err), 0);
    struct btc_hash txid = block.txs[0].txid;
    btc_block_free(&block);
    fault_free(raw);
    return txid;
}

static void load_base(void)
{
    struct stat status;
    chain_close(room->chain); /* the log goes into the file */
    room->chain = NULL;
    FILE *stream = fopen(file, "rbe");
    assert_non_null(stream);
    assert_int_equal(fstat(fileno(stream), &status), 0);
    base_size = (size_t)status.st_size;
    base = malloc(base_size);
    assert_int_equal(fread(base, 1, base_size, stream), base_size);
    fclose(stream);
}

static void make_branches(void)
{
    struct spending first;
    struct spending second;
    struct spending other;
    room_open_chain(room, BTC_REGTEST);
    spent_by_a = (struct btc_outpoint){coinbase_at(1), 0};
    spend(&first, spent_by_a.txid);
    spend(&second, first.tx.txid); /* in the same block */
    spend(&other, coinbase_at(2));
    const struct btc_tx *txs[] = {&first.tx, &second.tx};
    const struct btc_tx *others[] = {&other.tx};
    make(A1, anyone, txs, 2, 1, 0, 0);
    make(A2, anyone, NULL, 0, 1, 0, 0);
    reset_to_base();
    room_open_chain(room, BTC_REGTEST);
    make(B1, anyone, NULL, 0, 2, 0, 0);
    make(B2, anyone, others, 1, 2, 0, 0);
    make(B3, anyone, NULL, 0, 2, 0, 0);
    make(C1, anyone, NULL, 0, 2, 0, 0);
    make(BAD, anyone, NULL, 0, 2, 1, BTC_EINVALID); /* takes a fee that nobody paid */
}

static int setup(void **state)
{
    (void)state;
    fault_store_setup(NULL);
    if (room_open((void **)&room) != 0) {
        return -1;
    }
    snprintf(file, sizeof file, "%s/chain.sqlite", room->datadir);
    room_open_chain(room, BTC_REGTEST);
    make(FIRST1, anyone, NULL, 0, 7, 0, 0);
    make(FIRST2, anyone, NULL, 0, 7, 0, 0);
    make(FIRST3, anyone, NULL, 0, 7, 0, 0);
    make(FIRST4, anyone, NULL, 0, 7, 0, 0);
    room_mine_many(room, anyone, BASE - 4, 0);
    load_base();
    make_branches();
    room_remove_chain(room);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close_chain();
    for (int i = 0; i < BLOCKS; i++) {
        free((void *)(uintptr_t)blocks[i].data);
    }
    free(base);
    return room_close((void **)&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_chain_without_memory),
        cmocka_unit_test(test_new_chain_whose_own_files_fail),
        cmocka_unit_test(test_new_chain_on_a_disk_that_fails),
        cmocka_unit_test(test_chain_without_memory),
        cmocka_unit_test(test_chain_on_a_disk_that_fails),
    };
    return cmocka_run_group_tests_name("fault_chain", tests, setup, teardown);
}
