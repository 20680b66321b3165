/* The pool as it changes: families, replacement rule by rule, its bound on memory, what blocks and
 * reorganisations do to it, what goes into the next block. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/mempool.h"
#include "actors/node/mine.h"
#include "test/support/craft.h"
#include "test/support/pay.h"

#define COINS    120
#define NOW_S    1800000000
#define TOLD_MAX 4096

/* What the pool told. */
struct told {
    struct btc_hash txid;
    bool is_added;
    enum mempool_removal why;
    struct btc_hash by;
};

struct fixture {
    struct room *room;
    struct mempool *pool;
    struct pay_coin coins[COINS];
    struct mempool_verdict verdict;
    struct btc_error err;
    size_t told_count;
    struct told told[TOLD_MAX];
};

static void on_added(void *user, const struct mempool_tx *tx)
{
    struct fixture *f = user;
    f->told[f->told_count % TOLD_MAX] = (struct told){.txid = tx->tx->txid, .is_added = true};
    f->told_count++;
}

static void on_removed(void *user, const struct mempool_tx *tx, enum mempool_removal why,
                       const struct btc_hash *by)
{
    struct fixture *f = user;
    struct told *told = &f->told[f->told_count++ % TOLD_MAX];
    *told = (struct told){.txid = tx->tx->txid, .why = why};
    if (by != NULL)
        told->by = *by;
}

static struct fixture *open_pool(void **state, size_t usage_max)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->room = *state;
    struct mempool_listener listener = {.added = on_added, .removed = on_removed, .user = f};
    pay_open_chain(f->room, COINS, f->coins);
    assert_int_equal(mempool_new(f->room->chain, usage_max, &listener, &f->pool, &f->err), 0);
    return f;
}

static void close_pool(struct fixture *f)
{
    mempool_free(f->pool);
    free(f);
}

static int offer_at(struct fixture *f, struct btc_writer w, int64_t now_s)
{
    int rc = mempool_accept(f->pool, w.data, w.size, now_s, &f->verdict, &f->err);
    btc_writer_free(&w);
    return rc;
}

static int offer(struct fixture *f, struct btc_writer w)
{
    return offer_at(f, w, NOW_S);
}

static void takes(struct fixture *f, struct btc_writer w)
{
    if (offer(f, w) != 0)
        fail_msg("%s: %s", f->verdict.reason, f->err.text);
}

static void refuses(struct fixture *f, struct btc_writer w, const char *reason)
{
    assert_int_equal(offer(f, w), BTC_ELIMIT);
    assert_string_equal(f->verdict.reason, reason);
}

static size_t count_of(struct fixture *f)
{
    struct mempool_totals totals;
    mempool_get_totals(f->pool, NOW_S, &totals);
    return totals.count;
}

static bool holds(struct fixture *f, const struct pay_coin *output)
{
    struct mempool_tx tx;
    return mempool_find(f->pool, &output->at.txid, &tx);
}

/* Of 31 virtual bytes for each output; the first has what the others and the fee leave. */
static struct btc_writer large(const struct pay_coin *coin, size_t count, int64_t fee,
                               struct pay_coin *ret_coin)
{
    struct btc_tx_out *outs = calloc(count, sizeof(*outs));
    struct btc_hash txid;
    assert_non_null(outs);
    for (size_t i = 1; i < count; i++)
        outs[i] = (struct btc_tx_out){1000, pay_script()};
    outs[0] = (struct btc_tx_out){coin->amount - fee - 1000 * ((int64_t)count - 1), pay_script()};
    struct pay pay = {.coins = coin, .coin_count = 1, .outs = outs, .out_count = count};
    struct btc_writer w = pay_make(&pay, &txid);
    if (ret_coin != NULL)
        *ret_coin = (struct pay_coin){{txid, 0}, outs[0].amount};
    free(outs);
    return w;
}

/* ---- families ---- */

static void chain_of_25_is_the_longest(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin at = f->coins[0];
    for (int i = 0; i < MEMPOOL_FAMILY_MAX; i++)
        takes(f, pay_split(&at, 1, 200, &at));
    refuses(f, pay_split(&at, 1, 200, NULL), "too-long-mempool-chain");
    assert_int_equal(count_of(f), MEMPOOL_FAMILY_MAX);
    close_pool(f);
}

static void one_of_25_descendants_is_the_last_but_for_the_carve_out(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin outs[30];
    struct pay_coin child;
    takes(f, pay_split(&f->coins[0], 30, 2000, outs));
    takes(f, pay_split(&outs[0], 1, 200, &child));
    for (int i = 1; i < 24; i++)
        takes(f, pay_split(&outs[i], 1, 200, NULL));
    refuses(f, pay_split(&child, 1, 200, NULL), "too-long-mempool-chain"); /* a grandchild */
    takes(f, pay_split(&outs[24], 1, 200, NULL)); /* a child alone with its parent: one more */
    refuses(f, pay_split(&outs[25], 1, 200, NULL), "too-long-mempool-chain");
    close_pool(f);
}

static void family_of_101_kilobytes_is_the_largest(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin at;
    takes(f, large(&f->coins[0], 3000, 100000, &at));
    assert_true(f->verdict.vsize > 90000);
    refuses(f, large(&at, 350, 12000, NULL), "too-long-mempool-chain");
    takes(f, large(&at, 100, 12000, NULL));
    close_pool(f);
}

/* ---- replacement ---- */

static void replacement_pays_more_and_is_told(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin old;
    struct pay_coin child;
    struct pay_coin new;
    takes(f, pay_split(&f->coins[0], 1, 1000, &old));
    takes(f, pay_split(&old, 1, 1000, &child));
    f->told_count = 0;
    takes(f, pay_split(&f->coins[0], 1, 3000, &new));
    assert_int_equal(f->told_count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_false(f->told[i].is_added);
        assert_int_equal(f->told[i].why, MEMPOOL_REPLACED);
        assert_true(btc_hash_equal(&f->told[i].by, &new.at.txid));
    }
    assert_true(f->told[2].is_added);
    assert_false(holds(f, &old));
    assert_false(holds(f, &child));
    assert_int_equal(count_of(f), 1);
    close_pool(f);
}

static void replacement_needs_a_higher_rate_than_each(void **state)
{
    struct fixture *f = open_pool(state, 0);
    takes(f, pay_split(&f->coins[0], 1, 1100, NULL)); /* 10 satoshi a byte */
    refuses(f, large(&f->coins[0], 10, 3000, NULL), "insufficient fee");
    assert_non_null(strstr(f->err.text, "higher rate"));
    takes(f, large(&f->coins[0], 10, 5000, NULL));
    close_pool(f);
}

static void replacement_pays_all_fees_and_its_own_relay(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin old;
    takes(f, pay_split(&f->coins[0], 1, 200, &old));
    takes(f, pay_split(&old, 1, 5000, NULL));
    refuses(f, pay_split(&f->coins[0], 1, 5100, NULL), "insufficient fee"); /* rule 3 */
    assert_non_null(strstr(f->err.text, "would leave"));
    refuses(f, pay_split(&f->coins[0], 1, 5309, NULL), "insufficient fee"); /* rule 4 */
    assert_non_null(strstr(f->err.text, "own relay"));
    assert_int_equal(f->verdict.vsize, 110);
    takes(f, pay_split(&f->coins[0], 1, 5310, NULL));
    close_pool(f);
}

static void replacement_adds_no_parent_that_waits(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin other;
    struct pay_coin both[2];
    struct btc_tx_out out = {0, pay_script()};
    struct pay pay = {.coins = both, .coin_count = 2, .outs = &out, .out_count = 1};
    takes(f, pay_split(&f->coins[0], 1, 300, NULL));
    takes(f, pay_split(&f->coins[1], 1, 300, &other));
    both[0] = f->coins[0];
    both[1] = other;
    out.amount = both[0].amount + both[1].amount - 5000;
    refuses(f, pay_make(&pay, NULL), "replacement-adds-unconfirmed"); /* rule 2 */
    /* It may spend from a parent of what it replaces. */
    takes(f, pay_split(&other, 1, 300, NULL));
    both[0] = f->coins[2];
    takes(f, pay_make(&pay, NULL));
    close_pool(f);
}

static void replacement_spends_not_what_it_replaces(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin both[2];
    struct btc_tx_out out = {0, pay_script()};
    struct pay pay = {.coins = both, .coin_count = 2, .outs = &out, .out_count = 1};
    both[0] = f->coins[0];
    takes(f, pay_split(&f->coins[0], 1, 300, &both[1]));
    out.amount = both[0].amount + both[1].amount - 5000;
    assert_int_equal(offer(f, pay_make(&pay, NULL)), BTC_EINVALID);
    assert_string_equal(f->verdict.reason, "bad-txns-spends-conflicting-tx");
    close_pool(f);
}

static void replacement_throws_out_100_at_most(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin coins[5];
    struct btc_tx_out out = {0, pay_script()};
    struct pay pay = {.coins = coins, .coin_count = 5, .outs = &out, .out_count = 1};
    for (int i = 0; i < 5; i++) { /* families of 21, 20, 20, 20, 20 */
        struct pay_coin at = coins[i] = f->coins[i];
        for (int j = 0; j < 20 + (i == 0); j++)
            takes(f, pay_split(&at, 1, 150, &at));
        out.amount += coins[i].amount;
    }
    out.amount -= 1000000;
    refuses(f, pay_make(&pay, NULL), "too many potential replacements"); /* rule 5 */
    pay.coins = coins + 1;
    pay.coin_count = 4;
    out.amount -= coins[0].amount;
    takes(f, pay_make(&pay, NULL));
    assert_int_equal(count_of(f), 22);
    close_pool(f);
}

/* ---- the bound on memory, and time ---- */

static size_t memory_in_use(void)
{
    return mallinfo2().uordblks;
}

/* Offers that pay more and more, so that each gets in and another has to go. */
static void flood(struct fixture *f, struct pay_coin *coins, size_t count, size_t rounds)
{
    int64_t fee = 1000;
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++, fee += 50) {
            struct pay_coin coin = coins[i];
            struct pay_coin two[2];
            int rc = offer(f, pay_split(&coin, 2 + i % 20, fee, i % 20 == 0 ? two : NULL));
            if (rc == 0 && i % 20 == 0)
                (void)!offer(f, pay_split(&two[1], 1, 2 * fee, NULL));
        }
}

static void bound_on_memory_holds_under_a_flood(void **state)
{
    enum { BOUND = 60000 };
    struct fixture *f = open_pool(state, BOUND);
    struct mempool_totals totals;
    size_t before = memory_in_use();
    size_t most = 0;
    for (size_t round = 0; round < 4; round++) {
        flood(f, f->coins, COINS, 1);
        mempool_get_totals(f->pool, NOW_S, &totals);
        assert_true(totals.usage <= BOUND);
        assert_true(totals.count > 10);
        size_t used = memory_in_use() - before;
        most = used > most ? used : most;
#ifndef __SANITIZE_ADDRESS__
        assert_true(used < BOUND + 300000); /* SQLite's caches grow beside it, up to their bound */
#endif
    }
    assert_true(totals.min_rate > MEMPOOL_RELAY_RATE);
    size_t evicted = 0;
    for (size_t i = 0; i < f->told_count && i < TOLD_MAX; i++)
        evicted += !f->told[i].is_added && f->told[i].why == MEMPOOL_EVICTED;
    assert_true(evicted > 10);
    close_pool(f);
}

static void what_it_counts_is_what_it_takes(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct mempool_totals totals;
    takes(f, pay_split(&f->coins[0], 1, 1000, NULL)); /* caches are warm */
    mempool_get_totals(f->pool, NOW_S, &totals);
    size_t counted = totals.usage;
    size_t before = memory_in_use();
    for (size_t i = 1; i < COINS; i++) {
        struct pay_coin at[8];
        takes(f, pay_split(&f->coins[i], 1 + i % 8, 5000, at));
        if (i % 4 == 0)
            takes(f, pay_split(&at[0], 1, 5000, NULL));
    }
    size_t taken = memory_in_use() - before;
    mempool_get_totals(f->pool, NOW_S, &totals);
    counted = totals.usage - counted;
#ifdef __SANITIZE_ADDRESS__
    taken = counted; /* its allocator does not say */
#endif
    if (taken == 0) /* nor does that of valgrind */
        taken = counted;
    assert_in_range(counted, taken * 90 / 100, taken * 115 / 100);
    close_pool(f);
}

static void full_pool_lets_the_least_go_and_asks_for_more(void **state)
{
    struct fixture *f = open_pool(state, 20000);
    struct mempool_totals totals;
    struct pay_coin cheap;
    struct pay_coin dear;
    struct pay_coin parent;
    takes(f, pay_split(&f->coins[0], 1, 300, &cheap));
    takes(f, pay_split(&f->coins[1], 1, 100000, &dear));
    takes(f, pay_split(&f->coins[2], 1, 200, &parent)); /* cheap, but its child pays for it */
    takes(f, pay_split(&parent, 1, 100000, NULL));
    for (size_t i = 3; i < COINS && holds(f, &cheap); i++)
        (void)!offer(f, pay_split(&f->coins[i], 1, 1000, NULL));
    assert_false(holds(f, &cheap));
    assert_true(holds(f, &dear));
    assert_true(holds(f, &parent));
    mempool_get_totals(f->pool, NOW_S, &totals);
    assert_true(totals.min_rate > 1000 + 300 * 1000 / 110);
    refuses(f, pay_split(&f->coins[COINS - 1], 1, 300, NULL), "mempool min fee not met");
    close_pool(f);
}

static void floor_falls_by_half_in_its_time_after_a_block(void **state)
{
    struct fixture *f = open_pool(state, 20000);
    struct mempool_totals totals;
    struct mempool_totals later;
    struct chain_change change;
    flood(f, f->coins, COINS, 1);
    mempool_get_totals(f->pool, NOW_S, &totals);
    assert_true(totals.min_rate > 10000);
    mempool_get_totals(f->pool, NOW_S + 10 * MEMPOOL_FLOOR_HALFLIFE_S, &later);
    assert_int_equal(later.min_rate, totals.min_rate); /* no block has come */
    chain_tip(f->room->chain, &change.old_tip);
    change.fork = change.old_tip;
    room_mine_many(f->room, pay_script(), 1, 0);
    chain_tip(f->room->chain, &change.new_tip);
    assert_int_equal(mempool_follow(f->pool, &change, NOW_S, &f->err), 0);
    mempool_get_totals(f->pool, NOW_S + MEMPOOL_FLOOR_HALFLIFE_S, &later);
    assert_in_range(later.min_rate, totals.min_rate * 48 / 100, totals.min_rate * 52 / 100);
    mempool_get_totals(f->pool, NOW_S + 100 * MEMPOOL_FLOOR_HALFLIFE_S, &later);
    assert_int_equal(later.min_rate, MEMPOOL_RELAY_RATE);
    close_pool(f);
}

static void what_waits_for_two_weeks_is_let_go_of_with_its_children(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin parent;
    takes(f, pay_split(&f->coins[0], 1, 1000, &parent));
    assert_int_equal(offer_at(f, pay_split(&parent, 1, 1000, NULL), NOW_S + 1000), 0);
    assert_int_equal(offer_at(f, pay_split(&f->coins[1], 1, 1000, NULL), NOW_S + 1000), 0);
    mempool_expire(f->pool, NOW_S + MEMPOOL_EXPIRY_S);
    assert_int_equal(count_of(f), 3);
    f->told_count = 0;
    mempool_expire(f->pool, NOW_S + MEMPOOL_EXPIRY_S + 1);
    assert_int_equal(count_of(f), 1);
    assert_int_equal(f->told_count, 2);
    assert_int_equal(f->told[0].why, MEMPOOL_EXPIRED);
    close_pool(f);
}

/* ---- blocks ---- */

/* Mines what the pool picks, and has the pool follow. */
static struct chain_change mine(struct fixture *f, uint32_t extra)
{
    struct mempool_pick pick;
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    assert_int_equal(mempool_pick(f->pool, BTC_BLOCK_WEIGHT_MAX - MINE_SPARE_WEIGHT,
                                  MINE_SIGOPS_MAX, &pick, &f->err),
                     0);
    struct mine_request request = {.script = pay_script(),
                                   .txs = pick.txs,
                                   .tx_count = pick.count,
                                   .fees = pick.fees,
                                   .extra_nonce = extra};
    assert_int_equal(mine_block(f->room->chain, &request, &raw, &size, &f->err), 0);
    if (chain_add_block(f->room->chain, raw, size, &change, &f->err) != 0)
        fail_msg("%s", f->err.text);
    free(raw);
    mempool_pick_free(&pick);
    assert_int_equal(mempool_follow(f->pool, &change, NOW_S, &f->err), 0);
    return change;
}

/* A coinbase that commits to the witnesses of what comes behind it (BIP141). */
struct committed {
    struct btc_tx_in in;
    struct btc_tx_out outs[2];
    struct btc_span reserved;
    uint8_t script_sig[8];
    uint8_t commitment[BTC_COMMITMENT_SCRIPT_SIZE];
    struct btc_tx tx;
};

static void make_committed(struct committed *c, int32_t height, const struct btc_tx *txs,
                           size_t tx_count)
{
    static const uint8_t zeros[BTC_HASH_SIZE];
    struct btc_tx all[8];
    struct btc_block block = {.txs = all, .tx_count = tx_count + 1};
    struct btc_hash hash;
    struct btc_writer w;
    *c = (struct committed){.reserved = {zeros, sizeof(zeros)}};
    assert_true(tx_count < 8);
    for (size_t i = 0; i < tx_count; i++)
        all[i + 1] = txs[i];
    all[0] = c->tx;
    assert_int_equal(btc_block_witness_commitment(&block, zeros, &hash), 0);
    btc_commitment_script(&hash, c->commitment);
    btc_writer_init(&w, sizeof(c->script_sig));
    btc_script_write_number(&w, height);
    memcpy(c->script_sig, w.data, w.size);
    c->in = (struct btc_tx_in){.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                               .script_sig = {c->script_sig, w.size + 1},
                               .sequence = BTC_SEQUENCE_FINAL,
                               .witness = &c->reserved,
                               .witness_count = 1};
    btc_writer_free(&w);
    c->outs[0] = (struct btc_tx_out){1, pay_script()};
    c->outs[1] = (struct btc_tx_out){0, {c->commitment, sizeof(c->commitment)}};
    c->tx = (struct btc_tx){
        .version = 2, .in_count = 1, .ins = &c->in, .out_count = 2, .outs = c->outs};
    assert_int_equal(btc_tx_seal(&c->tx), 0);
}

/* A branch of `count` blocks from `fork` on, the first with these transactions; it must win. */
static void branch(struct fixture *f, const struct chain_entry *fork, int count,
                   const struct btc_tx *txs, size_t tx_count)
{
    struct btc_header header = fork->header;
    struct chain_change change;
    struct committed committed;
    int32_t height = fork->height;
    int rc = CHAIN_SIDE;
    make_committed(&committed, height + 1, txs, tx_count);
    for (int i = 0; i < count; i++) {
        struct craft craft = craft_after(&header, height++);
        craft.salt = 77;
        craft.claim = 1;
        if (i == 0 && tx_count > 0) {
            craft.txs = txs;
            craft.tx_count = tx_count;
            craft.coinbase = &committed.tx;
        }
        assert_int_equal(rc, CHAIN_SIDE);
        struct btc_writer w = craft_block(&craft, NULL);
        rc = chain_add_block(f->room->chain, w.data, w.size, &change, &f->err);
        btc_header_parse(w.data, &header);
        btc_writer_free(&w);
    }
    if (rc != 0)
        fail_msg("%d: %s", rc, f->err.text);
    assert_int_equal(mempool_follow(f->pool, &change, NOW_S, &f->err), 0);
}

static void block_takes_what_it_holds_and_nothing_else(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin parent;
    struct pay_coin child;
    takes(f, pay_split(&f->coins[0], 1, 1000, &parent));
    takes(f, pay_split(&parent, 1, 1000, &child));
    takes(f, pay_split(&f->coins[1], 1, 1000, NULL));
    f->told_count = 0;
    mine(f, 1);
    assert_int_equal(count_of(f), 0);
    assert_int_equal(f->told_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(f->told[i].why, MEMPOOL_CONFIRMED);
    takes(f, pay_split(&child, 1, 1000, NULL)); /* its parent is in the chain now */
    close_pool(f);
}

static void block_throws_out_what_is_at_odds_with_it(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin parent;
    struct pay_coin kept;
    struct btc_tx tx;
    struct chain_change change;
    takes(f, pay_split(&f->coins[0], 1, 1000, &parent));
    takes(f, pay_split(&parent, 1, 1000, NULL));
    takes(f, pay_split(&f->coins[1], 1, 1000, &kept));
    struct btc_writer w = pay_split(&f->coins[0], 3, 500, NULL);
    assert_int_equal(btc_tx_parse(w.data, w.size, &tx, &f->err), 0);
    chain_tip(f->room->chain, &change.old_tip);
    change.fork = change.old_tip;
    assert_int_equal(room_mine(f->room, pay_script(), &tx, 500, 0), 0);
    chain_tip(f->room->chain, &change.new_tip);
    f->told_count = 0;
    assert_int_equal(mempool_follow(f->pool, &change, NOW_S, &f->err), 0);
    assert_int_equal(f->told_count, 2);
    assert_int_equal(f->told[0].why, MEMPOOL_CONFLICT);
    assert_int_equal(count_of(f), 1);
    assert_true(holds(f, &kept));
    btc_tx_free(&tx);
    btc_writer_free(&w);
    close_pool(f);
}

static void reorganisation_puts_back_what_it_undid(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct chain_entry fork;
    struct pay_coin parent;
    struct pay_coin child;
    struct pay_coin grandchild;
    struct pay_coin other;
    chain_tip(f->room->chain, &fork);
    takes(f, pay_split(&f->coins[0], 1, 1000, &parent));
    mine(f, 1);
    takes(f, pay_split(&parent, 1, 1000, &child));
    mine(f, 2);
    takes(f, pay_split(&child, 1, 1000, &grandchild)); /* it waits, and its ancestors come back */
    takes(f, pay_split(&f->coins[1], 1, 1000, &other));
    f->told_count = 0;
    branch(f, &fork, 3, NULL, 0);
    assert_int_equal(count_of(f), 4);
    assert_int_equal(f->told_count, 2); /* the two that came back */
    assert_true(f->told[0].is_added && f->told[1].is_added);
    assert_true(holds(f, &parent) && holds(f, &child) && holds(f, &grandchild));
    mine(f, 3); /* parents first: the chain takes the block */
    assert_int_equal(count_of(f), 0);
    close_pool(f);
}

static void reorganisation_leaves_out_what_the_new_branch_has_or_forbids(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct chain_entry fork;
    struct pay_coin spent;
    struct pay_coin stays;
    struct pay_coin green;
    struct btc_tx txs[2];
    chain_tip(f->room->chain, &fork); /* 102 */
    struct btc_writer same = pay_split(&f->coins[0], 1, 1000, NULL);
    struct btc_writer rival = pay_split(&f->coins[1], 2, 1000, NULL);
    assert_int_equal(mempool_accept(f->pool, same.data, same.size, NOW_S, &f->verdict, &f->err), 0);
    takes(f, pay_split(&f->coins[1], 1, 1000, &spent));
    takes(f, pay_split(&f->coins[2], 1, 1000, &stays));
    mine(f, 1);
    mine(f, 2);
    mine(f, 3);
    struct pay_coin ripe = pay_coinbase(f->room, 6); /* in block 106, which the branch lacks */
    takes(f, pay_split(&spent, 1, 1000, NULL));      /* whose coin goes */
    takes(f, pay_split(&ripe, 1, 1000, &green));
    assert_int_equal(btc_tx_parse(same.data, same.size, &txs[0], &f->err), 0);
    assert_int_equal(btc_tx_parse(rival.data, rival.size, &txs[1], &f->err), 0);
    branch(f, &fork, 4, txs, 2);
    mempool_expire(f->pool, NOW_S);
    assert_int_equal(room_tip(f->room).height, 106);
    assert_true(holds(f, &stays));
    assert_true(holds(f, &green)); /* still ripe: the branch is longer */
    assert_int_equal(count_of(f), 2);
    for (size_t i = 0; i < 2; i++)
        btc_tx_free(&txs[i]);
    btc_writer_free(&same);
    btc_writer_free(&rival);
    close_pool(f);
}

static void coinbase_that_was_undone_takes_its_heirs_along(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct chain_entry fork;
    struct pay_coin heir;
    chain_tip(f->room->chain, &fork);
    struct btc_hash early = pay_coinbase(f->room, 102).at.txid;
    room_mine_many(f->room, pay_script(), 100, 0);
    struct pay_coin coinbase = pay_coinbase(f->room, 103);
    assert_false(btc_hash_equal(&early, &coinbase.at.txid));
    takes(f, pay_split(&coinbase, 1, 1000, &heir));
    takes(f, pay_split(&heir, 1, 1000, NULL));
    f->told_count = 0;
    branch(f, &fork, 101, NULL, 0);
    assert_int_equal(count_of(f), 0);
    assert_int_equal(f->told_count, 2);
    assert_int_equal(f->told[0].why, MEMPOOL_REORGANISED);
    close_pool(f);
}

/* ---- picks ---- */

static void pick_goes_by_the_rate_of_a_family(void **state)
{
    struct fixture *f = open_pool(state, 0);
    struct pay_coin parent;
    struct pay_coin child;
    struct pay_coin middle;
    struct pay_coin cheap;
    struct mempool_pick pick;
    takes(f, pay_split(&f->coins[0], 1, 120, &parent));
    takes(f, pay_split(&f->coins[1], 1, 3000, &middle));
    takes(f, pay_split(&f->coins[2], 1, 500, &cheap));
    takes(f, pay_split(&parent, 1, 20000, &child));
    assert_int_equal(mempool_pick(f->pool, 4000000, 80000, &pick, &f->err), 0);
    assert_int_equal(pick.count, 4);
    const struct pay_coin *order[] = {&parent, &child, &middle, &cheap};
    for (size_t i = 0; i < 4; i++)
        assert_true(btc_hash_equal(&pick.txs[i]->txid, &order[i]->at.txid));
    assert_int_equal(pick.fees, 120 + 3000 + 500 + 20000);
    assert_true(pick.rates[0] == pick.rates[1] && pick.rates[1] > pick.rates[2]);
    mempool_pick_free(&pick);
    assert_int_equal(mempool_pick(f->pool, 1000, 80000, &pick, &f->err), 0); /* room for two */
    assert_int_equal(pick.count, 2);
    mempool_pick_free(&pick);
    assert_int_equal(mempool_pick(f->pool, 4000000, 1, &pick, &f->err), 0); /* one signature */
    assert_int_equal(pick.count, 1);
    assert_true(btc_hash_equal(&pick.txs[0]->txid, &middle.at.txid));
    mempool_pick_free(&pick);
    close_pool(f);
}

static void estimate_is_the_floor_until_not_all_fits(void **state)
{
    struct fixture *f = open_pool(state, 0);
    uint64_t rate;
    bool from_pool;
    assert_int_equal(mempool_estimate(f->pool, 1, NOW_S, &rate, &from_pool, &f->err), 0);
    assert_int_equal(rate, MEMPOOL_RELAY_RATE);
    assert_false(from_pool);
    for (size_t i = 0; i < 12; i++) /* of 93 kB each: more than one block's million */
        takes(f, large(&f->coins[i], 3000, (int64_t)(i + 2) * 93150, NULL));
    assert_int_equal(mempool_estimate(f->pool, 1, NOW_S, &rate, &from_pool, &f->err), 0);
    assert_true(from_pool);
    assert_in_range(rate, 4000, 4300); /* the last two of twelve find no room */
    assert_int_equal(mempool_estimate(f->pool, 2, NOW_S, &rate, &from_pool, &f->err), 0);
    assert_int_equal(rate, MEMPOOL_RELAY_RATE);
    mine(f, 1);
    assert_int_equal(count_of(f), 2);
    close_pool(f);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(chain_of_25_is_the_longest),
        in_room(one_of_25_descendants_is_the_last_but_for_the_carve_out),
        in_room(family_of_101_kilobytes_is_the_largest),
        in_room(replacement_pays_more_and_is_told),
        in_room(replacement_needs_a_higher_rate_than_each),
        in_room(replacement_pays_all_fees_and_its_own_relay),
        in_room(replacement_adds_no_parent_that_waits),
        in_room(replacement_spends_not_what_it_replaces),
        in_room(replacement_throws_out_100_at_most),
        in_room(bound_on_memory_holds_under_a_flood),
        in_room(what_it_counts_is_what_it_takes),
        in_room(full_pool_lets_the_least_go_and_asks_for_more),
        in_room(floor_falls_by_half_in_its_time_after_a_block),
        in_room(what_waits_for_two_weeks_is_let_go_of_with_its_children),
        in_room(block_takes_what_it_holds_and_nothing_else),
        in_room(block_throws_out_what_is_at_odds_with_it),
        in_room(reorganisation_puts_back_what_it_undid),
        in_room(reorganisation_leaves_out_what_the_new_branch_has_or_forbids),
        in_room(coinbase_that_was_undone_takes_its_heirs_along),
        in_room(pick_goes_by_the_rate_of_a_family),
        in_room(estimate_is_the_floor_until_not_all_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
