/* Each rule about a block's content, by a block that breaks this one only, and one beside it that
 * does not. Where regtest has a rule from the first block on, the rule before it is asked of a
 * network that gets it later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/script.h"
#include "actors/node/chain.h"
#include "test/support/chain_room.h"
#include "test/support/craft.h"

#define LATER 1000 /* height at which a rule comes that the test does not reach */

static const uint8_t op_true[] = {0x51};
static const struct btc_span anyone = {op_true, sizeof(op_true)};

/* Regtest, with what is later there. */
static struct btc_params own_network;

static void open_own(struct room *room)
{
    if (chain_open(room->datadir, &own_network, &room->chain, &room->err) != 0)
        fail_msg("%s", room->err.text);
}

/* What a block on the tip needs. */
static struct craft on_tip(struct room *room)
{
    struct chain_entry tip = room_tip(room);
    return craft_after(&tip.header, tip.height);
}

static int add(struct room *room, const struct craft *craft)
{
    struct chain_change change;
    struct btc_writer w = craft_block(craft, NULL);
    int rc = chain_add_block(room->chain, w.data, w.size, &change, &room->err);
    btc_writer_free(&w);
    return rc;
}

static void assert_taken(struct room *room, const struct craft *craft)
{
    if (add(room, craft) != 0)
        fail_msg("%s", room->err.text);
}

static void assert_refused(struct room *room, const struct craft *craft, const char *words)
{
    struct chain_stats before = room_stats(room);
    assert_int_equal(add(room, craft), BTC_EINVALID);
    if (strstr(room->err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", room->err.text, words);
    struct chain_stats after = room_stats(room);
    assert_memory_equal(&before, &after, sizeof(before));
}

/* Blocks whose coinbases anyone may spend; gives the first one's id. */
static struct btc_hash lay_ground(struct room *room, int count)
{
    struct btc_hash txid;
    assert_int_equal(chain_batch_begin(room->chain, &room->err), 0);
    for (int i = 0; i < count; i++) {
        struct craft craft = on_tip(room);
        assert_taken(room, &craft);
    }
    assert_int_equal(chain_batch_end(room->chain, &room->err), 0);
    struct chain_entry entry;
    struct btc_block block;
    uint8_t *raw;
    size_t size;
    assert_int_equal(chain_block_at(room->chain, 1, &entry, &room->err), 0);
    assert_int_equal(chain_read_block(room->chain, &entry, &raw, &size, &room->err), 0);
    assert_int_equal(btc_block_parse(raw, size, &block, &room->err), 0);
    txid = block.txs[0].txid;
    btc_block_free(&block);
    free(raw);
    return txid;
}

/* A transaction of one input and one output. */
struct spend {
    struct btc_tx tx;
    struct btc_tx_in in;
    struct btc_tx_out out;
};

static void make_spend(struct spend *spend, const struct btc_hash *txid, int64_t amount)
{
    *spend = (struct spend){.in = {.prev = {*txid, 0}, .sequence = 0}, .out = {amount, anyone}};
    spend->tx = (struct btc_tx){
        .version = 2, .in_count = 1, .ins = &spend->in, .out_count = 1, .outs = &spend->out};
    assert_int_equal(btc_tx_seal(&spend->tx), 0);
}

static struct craft with_txs(struct room *room, const struct btc_tx *txs, size_t count)
{
    struct craft craft = on_tip(room);
    craft.txs = txs;
    craft.tx_count = count;
    return craft;
}

/* ---- identity ---- */

/* BIP30, where BIP34 does not make coinbases different. */
static void transaction_may_come_again_only_when_all_of_it_was_spent(void **state)
{
    struct room *room = *state;
    struct btc_tx_in in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                           .script_sig = {(const uint8_t *)"again", 5},
                           .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out outs[2] = {{25 * BTC_COIN, anyone}, {25 * BTC_COIN, anyone}};
    struct btc_tx twice = {.version = 1, .in_count = 1, .ins = &in, .out_count = 2, .outs = outs};
    struct spend spends[2];
    assert_int_equal(btc_tx_seal(&twice), 0);
    own_network.bip34_height = LATER;
    open_own(room);
    struct craft craft = on_tip(room);
    craft.coinbase = &twice;
    assert_taken(room, &craft);
    craft = on_tip(room);
    craft.coinbase = &twice;
    assert_refused(room, &craft, "a transaction with the same id is still there (BIP30)");
    lay_ground(room, 100);
    for (size_t i = 0; i < 2; i++) {
        make_spend(&spends[i], &twice.txid, 25 * BTC_COIN);
        spends[i].in.prev.index = (uint32_t)i;
        assert_int_equal(btc_tx_seal(&spends[i].tx), 0);
        craft = with_txs(room, &spends[i].tx, 1);
        assert_taken(room, &craft);
        craft = on_tip(room);
        craft.coinbase = &twice;
        if (i == 0)
            assert_refused(room, &craft, "(BIP30)");
    }
    assert_taken(room, &craft);
    assert_int_equal(room_stats(room).coin_count, 100 + 2 + 2 + 2);
}

static void coinbase_need_not_name_its_height_before_bip34(void **state)
{
    struct room *room = *state;
    own_network.bip34_height = 3;
    open_own(room);
    for (int32_t height = 1; height <= 2; height++) {
        struct craft craft = on_tip(room);
        craft.height = 77 + height;
        assert_taken(room, &craft);
    }
    struct craft craft = on_tip(room);
    craft.height = 2;
    assert_refused(room, &craft, "the coinbase does not begin with the block's height");
    craft.height = 3;
    assert_taken(room, &craft);
}

/* ---- time ---- */

/* A lock time that the block's own time has reached, but not the median of those before it. */
static void lock_time_is_held_against_the_median_since_bip113(void **state)
{
    struct room *room = *state;
    own_network.csv_height = 105;
    open_own(room);
    struct btc_hash txid = lay_ground(room, 103);
    for (int32_t height = 104; height <= 105; height++) {
        struct chain_entry tip = room_tip(room);
        uint32_t median_s;
        struct spend spend;
        assert_int_equal(chain_median_time(room->chain, &tip, &median_s, &room->err), 0);
        make_spend(&spend, &txid, 50 * BTC_COIN);
        spend.tx.lock_time = median_s;
        assert_true(median_s < tip.header.time_s && median_s > 500000000);
        assert_int_equal(btc_tx_seal(&spend.tx), 0);
        struct craft craft = with_txs(room, &spend.tx, 1);
        if (height < 105) {
            assert_taken(room, &craft);
            txid = spend.tx.txid;
            continue;
        }
        assert_refused(room, &craft, "is not reached");
        spend.tx.lock_time = median_s - 1;
        assert_int_equal(btc_tx_seal(&spend.tx), 0);
        assert_taken(room, &craft);
    }
}

/* The same age of a coin, asked for before and after. */
static void coins_have_no_age_before_bip68(void **state)
{
    struct room *room = *state;
    struct spend spend;
    own_network.csv_height = 103;
    open_own(room);
    struct btc_hash txid = lay_ground(room, 101);
    make_spend(&spend, &txid, 50 * BTC_COIN);
    spend.in.sequence = 5000;
    assert_int_equal(btc_tx_seal(&spend.tx), 0);
    struct craft craft = with_txs(room, &spend.tx, 1);
    assert_taken(room, &craft);
    txid = spend.tx.txid;
    make_spend(&spend, &txid, 50 * BTC_COIN);
    static const struct {
        int32_t version;
        uint32_t sequence;
        const char *words; /* NULL: taken */
    } ages[] = {
        {2, 2, "its coin is younger than 2 blocks (BIP68)"},
        {2, 1u << 22 | 1, "its coin is younger than 512 seconds (BIP68)"},
        {-1, 2, "its coin is younger than 2 blocks (BIP68)"}, /* versions have no sign there */
        {2, 1, NULL},
    };
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        spend.tx.version = ages[i].version;
        spend.in.sequence = ages[i].sequence;
        assert_int_equal(btc_tx_seal(&spend.tx), 0);
        craft = with_txs(room, &spend.tx, 1);
        if (ages[i].words != NULL)
            assert_refused(room, &craft, ages[i].words);
        else
            assert_taken(room, &craft);
    }
    static const struct {
        int32_t version;
        uint32_t sequence;
    } ageless[] = {{1, 5000}, {2, 1u << 31 | 5000}, {2, 1u << 22}};
    for (size_t i = 0; i < sizeof(ageless) / sizeof(ageless[0]); i++) {
        txid = spend.tx.txid;
        make_spend(&spend, &txid, 50 * BTC_COIN);
        spend.tx.version = ageless[i].version;
        spend.in.sequence = ageless[i].sequence;
        assert_int_equal(btc_tx_seal(&spend.tx), 0);
        craft = with_txs(room, &spend.tx, 1);
        assert_taken(room, &craft);
    }
}

/* ---- size ---- */

static void block_weighs_at_most_four_million(void **state)
{
    struct room *room = *state;
    static uint8_t script[BTC_BLOCK_WEIGHT_MAX / 4];
    struct btc_tx_in in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                           .script_sig = {(const uint8_t *)"\x51\x00", 2},
                           .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out out = {0, {script, 0}};
    struct btc_tx coinbase = {
        .version = 1, .in_count = 1, .ins = &in, .out_count = 1, .outs = &out};
    room_open_chain(room, BTC_REGTEST);
    script[0] = 0x6a; /* RETURN: nobody's coin */
    /* header, count of transactions, and a transaction of one input and output around a script */
    size_t around = BTC_HEADER_SIZE + 1 + 4 + 1 + 36 + 1 + 2 + 4 + 1 + 8 + 5 + 4;
    struct craft craft = on_tip(room);
    craft.coinbase = &coinbase;
    out.script.size = sizeof(script) - around + 1;
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    assert_refused(room, &craft, "its weight 4000004 is over 4000000");
    out.script.size--;
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    assert_taken(room, &craft);
}

/* ---- witnesses ---- */

static void witness_comes_with_bip141_and_its_commitment(void **state)
{
    struct room *room = *state;
    static const struct btc_span item = {op_true, sizeof(op_true)};
    struct spend spend;
    own_network.segwit_height = 103;
    open_own(room);
    struct btc_hash txid = lay_ground(room, 101);
    make_spend(&spend, &txid, 50 * BTC_COIN);
    spend.in.witness = &item;
    spend.in.witness_count = 1;
    assert_int_equal(btc_tx_seal(&spend.tx), 0);
    struct craft craft = with_txs(room, &spend.tx, 1);
    assert_refused(room, &craft, "transaction 1 has a witness before BIP141");
    craft = on_tip(room);
    assert_taken(room, &craft);
    craft = with_txs(room, &spend.tx, 1);
    assert_refused(room, &craft, "transaction 1 has a witness that the block does not commit to");

    struct btc_hash hash = {{0}};
    uint8_t commitment[BTC_COMMITMENT_SCRIPT_SIZE];
    btc_commitment_script(&hash, commitment);
    struct btc_tx_in in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                           .script_sig = {(const uint8_t *)"\x01\x67", 2},
                           .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out outs[2] = {{50 * BTC_COIN, anyone}, {0, {commitment, sizeof(commitment)}}};
    struct btc_tx coinbase = {
        .version = 1, .in_count = 1, .ins = &in, .out_count = 2, .outs = outs};
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    craft = on_tip(room);
    craft.coinbase = &coinbase;
    assert_refused(room, &craft, "the coinbase lacks the value for its commitment");
}

/* ---- transactions ---- */

static void coin_is_spent_once_and_after_it_was_made(void **state)
{
    struct room *room = *state;
    struct spend spends[2];
    struct btc_tx txs[2];
    room_open_chain(room, BTC_REGTEST);
    struct btc_hash txid = lay_ground(room, 101);
    make_spend(&spends[0], &txid, 50 * BTC_COIN);
    make_spend(&spends[1], &txid, 49 * BTC_COIN);
    txs[0] = spends[0].tx;
    txs[1] = spends[1].tx;
    struct craft craft = with_txs(room, txs, 2);
    assert_refused(room, &craft, "transaction 2: input 0: output 0 of ");
    make_spend(&spends[1], &spends[0].tx.txid, 50 * BTC_COIN);
    txs[0] = spends[1].tx;
    txs[1] = spends[0].tx;
    assert_refused(room, &craft, "transaction 1: input 0: output 0 of ");
    txs[0] = spends[0].tx;
    txs[1] = spends[1].tx;
    assert_taken(room, &craft);
}

static void transaction_is_sound_by_itself(void **state)
{
    struct room *room = *state;
    struct spend spend;
    room_open_chain(room, BTC_REGTEST);
    struct btc_hash txid = lay_ground(room, 101);
    struct craft craft = with_txs(room, &spend.tx, 1);
    make_spend(&spend, &txid, -1);
    assert_refused(room, &craft, "transaction 1: output 0: -1 satoshi is not an amount");
    make_spend(&spend, &txid, BTC_MONEY_MAX + 1);
    assert_refused(room, &craft, "transaction 1: output 0: 2100000000000001 satoshi is not");
    make_spend(&spend, &txid, 50 * BTC_COIN);
    struct btc_tx_in twice[2] = {spend.in, spend.in};
    spend.tx.ins = twice;
    spend.tx.in_count = 2;
    assert_int_equal(btc_tx_seal(&spend.tx), 0);
    assert_refused(room, &craft, "transaction 1: spends output 0 of ");
}

static void coinbase_script_is_neither_empty_nor_long(void **state)
{
    static const size_t sizes[] = {1, 101, 2};
    static const uint8_t script[101];
    struct room *room = *state;
    own_network.bip34_height = LATER;
    open_own(room);
    for (size_t i = 0; i < 3; i++) {
        struct btc_tx_in in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                               .script_sig = {script, sizes[i]},
                               .sequence = BTC_SEQUENCE_FINAL};
        struct btc_tx_out out = {50 * BTC_COIN, anyone};
        struct btc_tx coinbase = {
            .version = 1, .in_count = 1, .ins = &in, .out_count = 1, .outs = &out};
        struct craft craft = on_tip(room);
        craft.coinbase = &coinbase;
        assert_int_equal(btc_tx_seal(&coinbase), 0);
        if (i < 2)
            assert_refused(room, &craft, "bytes, not 2 to 100");
        else
            assert_taken(room, &craft);
    }
}

static void subsidy_is_halved_in_time(void **state)
{
    struct room *room = *state;
    room_open_chain(room, BTC_REGTEST);
    lay_ground(room, 149);
    struct craft craft = on_tip(room);
    craft.claim = 25 * BTC_COIN + 1;
    assert_refused(room, &craft,
                   "coinbase: claims 2500000001 satoshi, subsidy and fees are 2500000000");
    craft.claim--;
    assert_taken(room, &craft);
}

static int open_fresh(void **state)
{
    own_network = *btc_params_get(BTC_REGTEST);
    return room_open(state);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, open_fresh, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(transaction_may_come_again_only_when_all_of_it_was_spent),
        in_room(coinbase_need_not_name_its_height_before_bip34),
        in_room(lock_time_is_held_against_the_median_since_bip113),
        in_room(coins_have_no_age_before_bip68),
        in_room(block_weighs_at_most_four_million),
        in_room(witness_comes_with_bip141_and_its_commitment),
        in_room(coin_is_spent_once_and_after_it_was_made),
        in_room(transaction_is_sound_by_itself),
        in_room(coinbase_script_is_neither_empty_nor_long),
        in_room(subsidy_is_halved_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
