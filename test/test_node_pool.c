/* The node's pool as others see it: its methods, its events in order, its part in mining and in a
 * reorganisation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/craft.h"
#include "test/support/pay.h"
#include "test/support/purses.h"
#include "test/support/runner.h"

#define TOLD_MAX 256

enum kind { ADDED, REMOVED, CONNECTED, DISCONNECTED };

struct told {
    enum kind kind;
    struct node_hash32 id;
    enum node_tx_removal reason;
    bool has_raw;
    size_t raw_size;
    int64_t fee;
    uint64_t sequence;
};

/* What the node told, in order; its writer is the listener's thread. */
struct ear {
    struct troupe_ref node;
    struct told told[TOLD_MAX];
    atomic_uint count;
    unsigned wanted;
};

static struct ear ear;
static struct purses *purses;
static struct troupe_error error;

static void hear(struct told told)
{
    unsigned at = ear.count;
    if (at == TOLD_MAX)
        return;
    ear.told[at] = told;
    ear.count = at + 1;
}

static void on_added(struct troupe_actor *self, void *user, const struct node_tx_added *event,
                     const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL)
        hear((struct told){.kind = ADDED,
                           .id = event->txid,
                           .has_raw = event->has_raw,
                           .raw_size = event->raw.size,
                           .fee = event->fee_sat,
                           .sequence = event->sequence});
}

static void on_removed(struct troupe_actor *self, void *user, const struct node_tx_removed *event,
                       const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL)
        hear((struct told){.kind = REMOVED, .id = event->txid, .reason = event->reason});
}

static void on_connected(struct troupe_actor *self, void *user,
                         const struct node_block_connected *event,
                         const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL)
        hear((struct told){.kind = CONNECTED, .id = event->hash});
}

static void on_disconnected(struct troupe_actor *self, void *user,
                            const struct node_block_disconnected *event,
                            const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL)
        hear((struct told){.kind = DISCONNECTED, .id = event->hash});
}

static atomic_bool is_listening;

static bool listens(void *user)
{
    (void)user;
    return is_listening;
}

static int listen_to(struct troupe_actor *self, void *state, const void *argument)
{
    struct troupe_handler *handler;
    (void)state;
    (void)argument;
    int code = node_on_tx_added(self, ear.node, on_added, NULL, &handler);
    if (code == 0)
        code = node_on_tx_removed(self, ear.node, on_removed, NULL, &handler);
    if (code == 0)
        code = node_on_block_connected(self, ear.node, on_connected, NULL, &handler);
    if (code == 0)
        code = node_on_block_disconnected(self, ear.node, on_disconnected, NULL, &handler);
    is_listening = code == 0;
    return code;
}

static void on_mined(struct troupe_actor *self, void *user, const struct node_mine_item *item)
{
    struct node_hash32 *hash = user;
    (void)self;
    *hash = item->hash;
}

static struct node_hash32 mine(uint32_t count)
{
    struct btc_span script = pay_script();
    struct node_mine_args args = {.count = count, .script = {script.data, script.size}};
    struct node_hash32 last = {{0}};
    if (node_mine(purses->troupe, purses->node, &args, on_mined, &last, &error, NULL) != 0)
        fail_msg("%s", error.text);
    return last;
}

static int open_all(void **state)
{
    static const struct troupe_actor_def def = {.name = "ear", .start = listen_to};
    struct troupe_ref ref;
    if (purses_open(state) != 0)
        return -1;
    purses = *state;
    memset(&ear, 0, sizeof(ear));
    ear.node = purses->node;
    mine(101);
    is_listening = false;
    if (troupe_spawn(purses->troupe, &def, NULL, &ref) != 0)
        return -1;
    runner_wait(listens, NULL);
    return 0;
}

static int close_all(void **state)
{
    return purses_close(state);
}

static bool has_heard(void *user)
{
    (void)user;
    return ear.count >= ear.wanted;
}

/* Waits until so many events came. */
static void wait_for(unsigned count)
{
    ear.wanted = count;
    runner_wait(has_heard, NULL);
}

static struct btc_block block_at(uint32_t height, uint8_t **ret_raw)
{
    struct node_get_block_hash_args at = {.height = height};
    struct node_get_block_hash_results found;
    struct node_get_block_results results;
    struct btc_block block;
    assert_int_equal(node_get_block_hash(purses->troupe, purses->node, &at, &found, &error, NULL),
                     0);
    struct node_get_block_args args = {.hash = found.hash};
    assert_int_equal(node_get_block(purses->troupe, purses->node, &args, &results, &error, NULL),
                     0);
    *ret_raw = malloc(results.block.size);
    assert_non_null(*ret_raw);
    troupe_blob_copy(&results.block, *ret_raw);
    assert_int_equal(btc_block_parse(*ret_raw, results.block.size, &block, NULL), 0);
    troupe_release(results.message);
    return block;
}

static struct pay_coin coinbase_at(uint32_t height)
{
    uint8_t *raw;
    struct btc_block block = block_at(height, &raw);
    struct pay_coin coin = {{block.txs[0].txid, 0}, block.txs[0].outs[0].amount};
    btc_block_free(&block);
    free(raw);
    return coin;
}

static int submit(const struct btc_writer *w, struct node_submit_tx_results *ret_results)
{
    struct node_submit_tx_args args = {.tx = {.data = w->data, .size = w->size}};
    return node_submit_tx(purses->troupe, purses->node, &args, ret_results, &error, NULL);
}

static struct node_tx_status status_of(const struct node_hash32 *txid)
{
    struct node_get_tx_status_args args = {.txids = txid, .txids_count = 1};
    struct node_get_tx_status_results results;
    assert_int_equal(
        node_get_tx_status(purses->troupe, purses->node, &args, &results, &error, NULL), 0);
    assert_int_equal(results.statuses_count, 1);
    struct node_tx_status status = results.statuses[0];
    troupe_release(results.message);
    return status;
}

/* Fetches it, from the pool or from a block, and compares. */
static void assert_fetched(const struct node_hash32 *txid, const struct node_hash32 *block,
                           const struct btc_writer *w)
{
    struct node_get_tx_args args = {.txid = *txid, .has_block = block != NULL};
    struct node_get_tx_results results;
    if (block != NULL)
        args.block = *block;
    if (node_get_tx(purses->troupe, purses->node, &args, &results, &error, NULL) != 0)
        fail_msg("%s", error.text);
    uint8_t *raw = malloc(results.tx.size);
    assert_non_null(raw);
    troupe_blob_copy(&results.tx, raw);
    assert_int_equal(results.tx.size, w->size);
    assert_memory_equal(raw, w->data, w->size);
    assert_int_equal(results.has_height, block != NULL);
    free(raw);
    troupe_release(results.message);
}

/* ---- the tests ---- */

static void payment_is_told_found_and_mined_with_its_fee(void **state)
{
    struct node_submit_tx_results sent;
    uint8_t *raw;
    (void)state;
    struct pay_coin coin = coinbase_at(1);
    struct btc_writer w = pay_split(&coin, 1, 12345, NULL);
    assert_int_equal(submit(&w, &sent), 0);
    assert_false(sent.was_known);
    assert_int_equal(sent.fee_sat, 12345);
    wait_for(1);
    assert_true(ear.told[0].kind == ADDED && ear.told[0].has_raw);
    assert_int_equal(ear.told[0].raw_size, w.size);
    assert_int_equal(ear.told[0].fee, 12345);
    assert_memory_equal(ear.told[0].id.bytes, sent.txid.bytes, 32);
    assert_int_equal(submit(&w, &sent), 0);
    assert_true(sent.was_known);
    assert_fetched(&sent.txid, NULL, &w);
    assert_int_equal(status_of(&sent.txid).place, NODE_TX_PLACE_POOL);
    struct node_hash32 hash = mine(1);
    wait_for(3);
    assert_int_equal(ear.told[1].kind, CONNECTED); /* blocks first */
    assert_int_equal(ear.told[2].kind, REMOVED);
    assert_int_equal(ear.told[2].reason, NODE_TX_REMOVAL_CONFIRMED);
    struct node_tx_status status = status_of(&sent.txid);
    assert_int_equal(status.place, NODE_TX_PLACE_CONFIRMED);
    assert_int_equal(status.height, 102);
    assert_fetched(&sent.txid, &hash, &w);
    struct btc_block block = block_at(102, &raw);
    assert_int_equal(block.tx_count, 2);
    assert_int_equal(block.txs[0].outs[0].amount, 50 * BTC_COIN + 12345);
    btc_block_free(&block);
    free(raw);
    btc_writer_free(&w);
    memset(sent.txid.bytes, 9, 32);
    assert_int_equal(status_of(&sent.txid).place, NODE_TX_PLACE_UNKNOWN);
}

static void refusals_carry_their_reason(void **state)
{
    struct node_submit_tx_results sent;
    struct node_tx_rejected rejected;
    struct node_get_tx_results got;
    (void)state;
    struct pay_coin coin = coinbase_at(1);
    struct btc_writer w = pay_split(&coin, 1, 0, NULL);
    assert_int_equal(submit(&w, &sent), NODE_TX_REJECTED);
    assert_int_equal(node_tx_rejected_from_error(&error, &rejected), 0);
    assert_int_equal(rejected.reason.size, strlen("min relay fee not met"));
    assert_memory_equal(rejected.reason.data, "min relay fee not met", rejected.reason.size);
    assert_non_null(strstr(error.text, "to be relayed"));
    w.size--;
    assert_int_equal(submit(&w, &sent), NODE_TX_REJECTED);
    btc_writer_free(&w);
    struct node_get_tx_args args = {.txid = {{1}}};
    assert_int_equal(node_get_tx(purses->troupe, purses->node, &args, &got, &error, NULL),
                     NODE_NOT_FOUND);
    args.has_block = true;
    assert_int_equal(node_get_tx(purses->troupe, purses->node, &args, &got, &error, NULL),
                     NODE_NOT_FOUND);
    assert_int_equal(ear.count, 0);
}

static void tests_of_transactions_change_nothing(void **state)
{
    struct node_test_txs_results results;
    struct pay_coin child;
    struct btc_writer all;
    (void)state;
    struct pay_coin coin = coinbase_at(1);
    struct btc_writer parent = pay_split(&coin, 1, 500, &child);
    struct btc_writer second = pay_split(&child, 1, 0, NULL);
    btc_writer_init(&all, BTC_TX_SIZE_MAX);
    btc_write_bytes(&all, parent.data, parent.size);
    btc_write_bytes(&all, second.data, second.size);
    struct node_test_txs_args args = {.txs = {.data = all.data, .size = all.size}};
    assert_int_equal(node_test_txs(purses->troupe, purses->node, &args, &results, &error, NULL), 0);
    assert_int_equal(results.results_count, 2);
    assert_true(results.results[0].allowed && results.results[0].has_fee_sat);
    assert_int_equal(results.results[0].fee_sat, 500);
    assert_false(results.results[0].has_reason || results.results[1].allowed);
    assert_memory_equal(results.results[1].reason.data, "min relay fee not met", 21);
    troupe_release(results.message);
    args.txs.size--; /* cut off */
    assert_int_equal(node_test_txs(purses->troupe, purses->node, &args, &results, &error, NULL),
                     TROUPE_EINVAL);
    for (int i = 0; i < 24; i++) /* and one too many */
        btc_write_bytes(&all, parent.data, parent.size);
    args.txs = (struct troupe_blob){.data = all.data, .size = all.size};
    assert_int_equal(node_test_txs(purses->troupe, purses->node, &args, &results, &error, NULL),
                     TROUPE_EINVAL);
    btc_writer_free(&all);
    btc_writer_free(&parent);
    btc_writer_free(&second);
    assert_int_equal(ear.count, 0);
}

/* What a stream of the pool brought. */
struct streamed {
    unsigned items;
    size_t txs;
    size_t sizes;
    size_t raw_bytes;
    uint64_t last;
    struct node_pool_totals totals;
};

static void on_item(struct troupe_actor *self, void *user, const struct node_get_mempool_item *item)
{
    struct streamed *streamed = user;
    (void)self;
    streamed->items++;
    for (size_t i = 0; i < item->txs_count; i++) {
        assert_true(item->txs[i].sequence > streamed->last);
        streamed->last = item->txs[i].sequence;
        streamed->sizes += item->txs[i].size_bytes;
    }
    streamed->txs += item->txs_count;
    streamed->raw_bytes += item->raw.size;
    streamed->totals = item->totals;
}

static struct streamed stream(uint64_t after, bool with_raw)
{
    struct streamed streamed = {.items = 0};
    struct node_get_mempool_args args = {.after_seq = after, .with_raw = with_raw};
    assert_int_equal(
        node_get_mempool(purses->troupe, purses->node, &args, on_item, &streamed, &error, NULL), 0);
    return streamed;
}

static void stream_brings_the_pool_in_order_and_from_any_point(void **state)
{
    static struct pay_coin coins[200];
    struct node_submit_tx_results sent;
    (void)state;
    struct streamed got = stream(0, true);
    assert_int_equal(got.items, 1);
    assert_int_equal(got.txs, 0);
    struct pay_coin coin = coinbase_at(1);
    struct btc_writer w = pay_split(&coin, 200, 10000, coins);
    assert_int_equal(submit(&w, &sent), 0);
    assert_true(w.size > 6000 && w.size < NODE_TX_ADDED_RAW_BYTES_MAX);
    btc_writer_free(&w);
    mine(1);
    for (size_t i = 0; i < 130; i++) { /* half a megabyte and more: more than an item */
        w = pay_split(&coins[i], 130, 5000, NULL);
        assert_int_equal(submit(&w, &sent), 0);
        btc_writer_free(&w);
    }
    got = stream(0, true);
    assert_true(got.items >= 2);
    assert_int_equal(got.txs, 130);
    assert_int_equal(got.raw_bytes, got.sizes);
    assert_int_equal(got.totals.txs, 130);
    assert_int_equal(got.totals.fees_sat, 130 * 5000);
    assert_int_equal(got.totals.sequence, got.last);
    uint64_t last = got.last;
    got = stream(last - 10, false);
    assert_int_equal(got.txs, 10);
    assert_int_equal(got.raw_bytes, 0);
    got = stream(last, true);
    assert_int_equal(got.txs, 0);
    assert_int_equal(got.items, 1);
}

static void large_transaction_is_told_without_its_bytes(void **state)
{
    struct node_submit_tx_results sent;
    (void)state;
    struct pay_coin coin = coinbase_at(1);
    struct btc_writer w = pay_split(&coin, 400, 20000, NULL);
    assert_true(w.size > NODE_TX_ADDED_RAW_BYTES_MAX);
    assert_int_equal(submit(&w, &sent), 0);
    wait_for(1);
    assert_false(ear.told[0].has_raw);
    assert_fetched(&sent.txid, NULL, &w);
    btc_writer_free(&w);
}

static void reorganisation_tells_blocks_and_then_what_came_back(void **state)
{
    struct node_submit_tx_results sent;
    struct btc_header header;
    uint8_t *raw;
    (void)state;
    struct pay_coin coin = coinbase_at(1);
    struct btc_block fork = block_at(101, &raw);
    header = fork.header;
    btc_block_free(&fork);
    free(raw);
    struct btc_writer w = pay_split(&coin, 1, 1000, NULL);
    assert_int_equal(submit(&w, &sent), 0);
    mine(1);
    wait_for(3);
    for (int32_t height = 101; height < 103; height++) {
        struct craft craft = craft_after(&header, height);
        craft.salt = 5;
        struct btc_writer block = craft_block(&craft, NULL);
        struct node_submit_block_args args = {.block = {.data = block.data, .size = block.size}};
        struct node_submit_block_results results;
        if (node_submit_block(purses->troupe, purses->node, &args, &results, &error, NULL) != 0)
            fail_msg("%s", error.text);
        btc_header_parse(block.data, &header);
        btc_writer_free(&block);
    }
    wait_for(7);
    assert_int_equal(ear.told[3].kind, DISCONNECTED);
    assert_int_equal(ear.told[4].kind, CONNECTED);
    assert_int_equal(ear.told[5].kind, CONNECTED);
    assert_int_equal(ear.told[6].kind, ADDED);
    assert_true(ear.told[6].sequence > ear.told[0].sequence);
    assert_memory_equal(ear.told[6].id.bytes, sent.txid.bytes, 32);
    assert_int_equal(status_of(&sent.txid).place, NODE_TX_PLACE_POOL);
    mine(1);
    assert_int_equal(status_of(&sent.txid).height, 104);
    btc_writer_free(&w);
}

static void estimate_of_an_empty_pool_is_the_floor(void **state)
{
    struct node_estimate_fee_args args = {.target_blocks = 6};
    struct node_estimate_fee_results results;
    (void)state;
    assert_int_equal(node_estimate_fee(purses->troupe, purses->node, &args, &results, &error, NULL),
                     0);
    assert_int_equal(results.rate_sat, 1000);
    assert_int_equal(results.floor_sat, 1000);
    assert_int_equal(results.basis, NODE_FEE_BASIS_FLOOR);
    args.target_blocks = 0;
    assert_int_equal(node_estimate_fee(purses->troupe, purses->node, &args, &results, &error, NULL),
                     TROUPE_EINVAL);
}

#define with_node(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_node(payment_is_told_found_and_mined_with_its_fee),
        with_node(refusals_carry_their_reason),
        with_node(tests_of_transactions_change_nothing),
        with_node(stream_brings_the_pool_in_order_and_from_any_point),
        with_node(large_transaction_is_told_without_its_bytes),
        with_node(reorganisation_tells_blocks_and_then_what_came_back),
        with_node(estimate_of_an_empty_pool_is_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
