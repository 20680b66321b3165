/* Connecting a block to the coins, and taking it off again: see engine.h. */
#include "actors/node/engine.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/script.h"
#include "actors/bitcoin/sig.h"

#define SEQUENCE_LOCK_DISABLED (1u << 31) /* BIP68 */
#define SEQUENCE_LOCK_IS_TIME  (1u << 22)
#define SEQUENCE_LOCK_MASK     0xffffu
#define SEQUENCE_LOCK_UNIT_LOG 9 /* 512 seconds */

/* The coins that a block spends, as they are kept: more than any valid block can come to. An input
 * takes 41 bytes at least, which weigh four times that; its coin's script is of any size that can
 * be spent, and has 15 bytes in front of it at most. Memory is taken as it is needed. */
#define INPUT_WEIGHT_MIN 164u
#define SPENT_SIZE_MAX   (15u + BTC_SCRIPT_SIZE_MAX)
#define UNDO_SIZE_MAX    (256u << 20)
_Static_assert(BTC_BLOCK_WEIGHT_MAX / INPUT_WEIGHT_MIN * SPENT_SIZE_MAX <= UNDO_SIZE_MAX,
               "a valid block would be refused for the coins that it spends");

/* One block being connected. */
struct connection {
    struct chain *chain;
    const struct btc_block *block;
    int32_t height;
    uint32_t prev_median_s; /* median time past of the block before */
    struct chain_stats stats;
    int64_t fees;
    struct block_inputs inputs;
    struct btc_writer spent; /* the coins that it spends, in order: its undo data */
    uint32_t spent_count;
};

/* Blocks of main that repeat a coinbase whose outputs were unspent; the older outputs are lost
 * (BIP30). */
static bool repeats_coinbase(const struct btc_params *params, int32_t height)
{
    return params->network == BTC_MAIN && (height == 91842 || height == 91880);
}

/* ---- coins made and spent ---- */

static int make_coins(struct connection *c, const struct btc_tx *tx)
{
    struct chain_store *store = &c->chain->store;
    bool coinbase = btc_tx_is_coinbase(tx);
    for (size_t i = 0; i < tx->out_count; i++) {
        const struct btc_tx_out *out = &tx->outs[i];
        if (btc_script_is_unspendable(out->script))
            continue;
        struct btc_outpoint outpoint = {tx->txid, (uint32_t)i};
        struct chain_coin coin = {.coinbase = coinbase,
                                  .height = c->height,
                                  .amount = out->amount,
                                  .script = out->script};
        struct chain_coin lost;
        if (coinbase && repeats_coinbase(c->chain->params, c->height) &&
            chain_store_coin_get(store, &outpoint, &lost) == 0) {
            c->stats.coin_count--;
            c->stats.coin_amount -= lost.amount;
            int rc = chain_store_coin_delete(store, &outpoint);
            if (rc != 0)
                return rc;
        }
        int rc = chain_store_coin_add(store, &outpoint, &coin);
        if (rc != 0)
            return rc;
        c->stats.coin_count++;
        c->stats.coin_amount += out->amount;
    }
    return 0;
}

static void remember_spent(struct connection *c, const struct chain_coin *coin)
{
    btc_write_u64(&c->spent, (uint64_t)coin->amount);
    btc_write_u32(&c->spent, (uint32_t)coin->height << 1 | coin->coinbase);
    btc_write_var(&c->spent, coin->script.data, coin->script.size);
    c->spent_count++;
}

int chain_check_age(struct chain *chain, const struct btc_tx *tx, size_t index, int32_t coin_height,
                    int32_t height, uint32_t prev_median_s, struct btc_error *err)
{
    uint32_t sequence = tx->ins[index].sequence;
    if ((uint32_t)tx->version < 2 || (sequence & SEQUENCE_LOCK_DISABLED) != 0 ||
        height < chain->params->csv_height)
        return 0;
    uint32_t wait = sequence & SEQUENCE_LOCK_MASK;
    if ((sequence & SEQUENCE_LOCK_IS_TIME) == 0) {
        if (coin_height + (int32_t)wait > height)
            return btc_fail(err, BTC_EINVALID, "its coin is younger than %u blocks (BIP68)", wait);
        return 0;
    }
    struct chain_entry before;
    uint32_t born_s = 0;
    int rc = chain_block_at(chain, coin_height > 0 ? coin_height - 1 : 0, &before, err);
    if (rc == 0)
        rc = chain_median_time(chain, &before, &born_s, err);
    if (rc != 0)
        return rc < 0 ? rc : btc_fail(err, BTC_ECORRUPT, "the block before a coin's is missing");
    int64_t wait_s = (int64_t)wait << SEQUENCE_LOCK_UNIT_LOG;
    if (born_s + wait_s > prev_median_s)
        return btc_fail(err, BTC_EINVALID, "its coin is younger than %lld seconds (BIP68)",
                        (long long)wait_s);
    return 0;
}

/* One input: find its coin, check it, take it off the set. Its signature is checked later, with all
 * others. */
static int spend_input(struct connection *c, const struct btc_tx *tx, size_t index,
                       int64_t *in_total)
{
    struct chain_store *store = &c->chain->store;
    struct btc_error *err = store->err;
    const struct btc_tx_in *in = &tx->ins[index];
    struct chain_coin coin;
    int rc = chain_store_coin_get(store, &in->prev, &coin);
    if (rc == CHAIN_ABSENT) {
        char text[BTC_HASH_HEX_SIZE];
        btc_hash_to_hex(&in->prev.txid, text);
        return btc_fail(err, BTC_EINVALID, "output %u of %s does not exist or was spent before",
                        in->prev.index, text);
    }
    if (rc != 0)
        return rc;
    if (coin.coinbase && c->height - coin.height < BTC_COINBASE_MATURITY)
        return btc_fail(err, BTC_EINVALID,
                        "spends the coinbase of block %d, which is not %d blocks old", coin.height,
                        BTC_COINBASE_MATURITY);
    rc = chain_check_age(c->chain, tx, index, coin.height, c->height, c->prev_median_s, err);
    if (rc != 0)
        return rc;
    *in_total += coin.amount;
    if (*in_total > BTC_MONEY_MAX)
        return btc_fail(err, BTC_EINVALID, "inputs add up to more than can exist");
    remember_spent(c, &coin);
    c->stats.coin_count--;
    c->stats.coin_amount -= coin.amount;
    return chain_store_coin_delete(store, &in->prev);
}

static int connect_tx(struct connection *c, size_t i)
{
    struct btc_error *err = c->chain->store.err;
    const struct btc_tx *tx = &c->block->txs[i];
    if (i == 0)
        return 0; /* the coinbase, whose amount depends on all the others */
    int64_t in_total = 0;
    int64_t out_total = 0;
    for (size_t j = 0; j < tx->in_count; j++) {
        int rc = spend_input(c, tx, j, &in_total);
        if (rc != 0)
            return btc_fail_within(err, rc, "input %zu: ", j);
    }
    for (size_t j = 0; j < tx->out_count; j++)
        out_total += tx->outs[j].amount;
    if (out_total > in_total)
        return btc_fail(err, BTC_EINVALID, "pays %lld satoshi out of %lld", (long long)out_total,
                        (long long)in_total);
    c->fees += in_total - out_total;
    return make_coins(c, tx);
}

static int connect_coinbase(struct connection *c)
{
    struct btc_error *err = c->chain->store.err;
    const struct btc_tx *coinbase = &c->block->txs[0];
    int64_t claimed = 0;
    for (size_t i = 0; i < coinbase->out_count; i++)
        claimed += coinbase->outs[i].amount;
    int64_t allowed = btc_subsidy(c->chain->params, c->height) + c->fees;
    if (claimed > allowed)
        return btc_fail(err, BTC_EINVALID, "claims %lld satoshi, subsidy and fees are %lld",
                        (long long)claimed, (long long)allowed);
    return make_coins(c, coinbase);
}

static int read_spent(struct btc_reader *r, struct chain_coin *ret_coin)
{
    uint64_t amount;
    uint32_t height;
    struct btc_span script;
    if (btc_read_u64(r, "amount", &amount) < 0 || btc_read_u32(r, "height", &height) < 0 ||
        btc_read_var(r, "script", &script) < 0)
        return BTC_ECORRUPT;
    *ret_coin = (struct chain_coin){.coinbase = (height & 1) != 0,
                                    .height = (int32_t)(height >> 1),
                                    .amount = (int64_t)amount,
                                    .script = script};
    return 0;
}

/* ---- connect ---- */

/* All inputs against the coins that were put by for the undo data. */
static int check_inputs(struct connection *c)
{
    struct btc_error *err = c->chain->store.err;
    unsigned flags = btc_verify_flags_at(c->chain->params, c->height);
    struct btc_tx_out *coins = calloc((size_t)c->spent_count + 1, sizeof(*coins));
    int rc = coins == NULL ? BTC_ENOMEM : c->spent.failed;
    struct btc_reader r = btc_reader_of(c->spent.data, c->spent.size, NULL);
    for (uint32_t i = 0; rc == 0 && i < c->spent_count; i++) {
        struct chain_coin coin;
        rc = read_spent(&r, &coin);
        if (rc == 0)
            coins[i] = (struct btc_tx_out){coin.amount, coin.script};
    }
    if (rc != 0)
        rc = btc_fail(err, rc, "the coins that it spends could not be kept: %s", btc_code_text(rc));
    else
        rc = chain_check_inputs(c->chain->crew, c->block, coins, flags, &c->inputs, err);
    free(coins);
    return rc;
}

/* Undo data: signatures checked, number of coins spent, these coins. */
static int store_undo(struct connection *c, int64_t id)
{
    struct btc_writer w;
    btc_writer_init(&w, UNDO_SIZE_MAX + 16);
    btc_write_u64(&w, (uint64_t)c->inputs.checked);
    btc_write_u32(&w, c->spent_count);
    btc_write_bytes(&w, c->spent.data, c->spent.size);
    int rc = w.failed != 0 ? w.failed : c->spent.failed;
    if (rc != 0)
        rc = btc_fail(c->chain->store.err, rc, "the coins that it spends could not be kept: %s",
                      btc_code_text(rc));
    else
        rc = chain_store_put_blob(&c->chain->store, ST_UNDO_ADD, id, w.data, w.size);
    btc_writer_free(&w);
    return rc;
}

static int connect_txs(struct connection *c)
{
    struct btc_error *err = c->chain->store.err;
    for (size_t i = 0; i < c->block->tx_count; i++) {
        int rc = connect_tx(c, i);
        if (rc != 0)
            return btc_fail_within(err, rc, "transaction %zu: ", i);
    }
    int rc = connect_coinbase(c);
    return rc != 0 ? btc_fail_within(err, rc, "coinbase: ") : 0;
}

static int finish_connection(struct connection *c, struct chain_entry *entry)
{
    struct chain_store *store = &c->chain->store;
    bool partial = c->inputs.outside > 0 || c->chain->params->signet_blocks;
    entry->validation = partial ? CHAIN_PARTIAL : CHAIN_FULL;
    c->stats.height = entry->height;
    c->stats.tx_count += (int64_t)c->block->tx_count;
    c->stats.signature_count += c->inputs.checked;
    c->stats.partial_count += partial;
    int rc = store_undo(c, entry->id);
    if (rc == 0)
        rc = chain_store_change(store, ST_BLOCK_VALIDATION, entry->id, entry->validation);
    if (rc == 0)
        rc = chain_store_change(store, ST_ACTIVE_ADD, entry->height, entry->id);
    if (rc == 0)
        rc = chain_store_put_totals(store, &c->stats);
    if (rc == 0) {
        c->chain->stats = c->stats;
        c->chain->tip = *entry;
    }
    return rc;
}

int chain_connect(struct chain *chain, const struct btc_block *block, struct chain_entry *entry)
{
    struct connection c = {
        .chain = chain, .block = block, .height = entry->height, .stats = chain->stats};
    btc_writer_init(&c.spent, UNDO_SIZE_MAX);
    int rc = chain_median_time(chain, &chain->tip, &c.prev_median_s, chain->store.err);
    struct block_context context = {
        .params = chain->params,
        .height = c.height,
        .lock_time_clock_s = c.height >= chain->params->csv_height ? c.prev_median_s
                                                                   : block->header.time_s,
    };
    if (rc == 0)
        rc = chain_check_block(block, &context, chain->store.err);
    if (rc == 0)
        rc = connect_txs(&c);
    if (rc == 0)
        rc = check_inputs(&c);
    if (rc == 0)
        rc = finish_connection(&c, entry);
    btc_writer_free(&c.spent);
    return rc;
}

/* ---- disconnect ---- */

static int remove_coins(struct chain *chain, const struct btc_tx *tx, struct chain_stats *stats)
{
    for (size_t i = 0; i < tx->out_count; i++) {
        if (btc_script_is_unspendable(tx->outs[i].script))
            continue;
        struct btc_outpoint outpoint = {tx->txid, (uint32_t)i};
        int rc = chain_store_coin_delete(&chain->store, &outpoint);
        if (rc != 0)
            return rc;
        stats->coin_count--;
        stats->coin_amount -= tx->outs[i].amount;
    }
    return 0;
}

static int restore_coin(struct chain *chain, const struct btc_outpoint *outpoint,
                        const struct chain_coin *coin, struct chain_stats *stats)
{
    stats->coin_count++;
    stats->coin_amount += coin->amount;
    return chain_store_coin_add(&chain->store, outpoint, coin);
}

/* Give the coins back, last transaction first, since a transaction may spend one before it in the
 * same block. */
static int undo_txs(struct chain *chain, const struct btc_block *block, struct btc_reader *r,
                    uint32_t count, struct chain_stats *stats)
{
    struct chain_coin *spent = calloc((size_t)count + 1, sizeof(*spent));
    if (spent == NULL)
        return btc_fail(chain->store.err, BTC_ENOMEM, "no memory for %u coins", count);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < count; i++)
        rc = read_spent(r, &spent[i]);
    size_t left = count;
    for (size_t i = block->tx_count; rc == 0 && i-- > 0;) {
        const struct btc_tx *tx = &block->txs[i];
        rc = remove_coins(chain, tx, stats);
        for (size_t j = i > 0 ? tx->in_count : 0; rc == 0 && j-- > 0;)
            rc = left == 0 ? BTC_ECORRUPT
                           : restore_coin(chain, &tx->ins[j].prev, &spent[--left], stats);
    }
    free(spent);
    return rc;
}

static int undo_block(struct chain *chain, const struct btc_block *block, const uint8_t *undo,
                      size_t undo_size)
{
    struct chain_store *store = &chain->store;
    struct btc_reader r = btc_reader_of(undo, undo_size, store->err);
    uint64_t signatures;
    uint32_t count;
    struct chain_stats stats = chain->stats;
    struct chain_entry tip = chain->tip;
    if (btc_read_u64(&r, "signature count", &signatures) < 0 ||
        btc_read_u32(&r, "coin count", &count) < 0 || count > undo_size)
        return BTC_ECORRUPT;
    int rc = undo_txs(chain, block, &r, count, &stats);
    if (rc == 0)
        rc = chain_store_change(store, ST_UNDO_DELETE, tip.id, 0);
    if (rc == 0)
        rc = chain_store_change(store, ST_ACTIVE_DELETE, tip.height, 0);
    stats.height--;
    stats.tx_count -= (int64_t)block->tx_count;
    stats.signature_count -= (int64_t)signatures;
    stats.partial_count -= tip.validation == CHAIN_PARTIAL;
    if (rc == 0)
        rc = chain_store_put_totals(store, &stats);
    if (rc == 0)
        rc = chain_store_get(store, tip.prev_id, &chain->tip);
    if (rc == 0)
        chain->stats = stats;
    return rc;
}

int chain_disconnect(struct chain *chain)
{
    struct btc_error *err = chain->store.err;
    int32_t height = chain->tip.height;
    uint8_t *raw = NULL;
    uint8_t *undo = NULL;
    size_t raw_size = 0;
    size_t undo_size = 0;
    struct btc_block block = {0};
    int rc = chain_store_get_blob(&chain->store, ST_BLOCK_READ, chain->tip.id, &raw, &raw_size);
    if (rc == 0)
        rc = chain_store_get_blob(&chain->store, ST_UNDO_READ, chain->tip.id, &undo, &undo_size);
    if (rc == 0)
        rc = btc_block_parse(raw, raw_size, &block, err);
    if (rc == 0)
        rc = undo_block(chain, &block, undo, undo_size);
    btc_block_free(&block);
    free(undo);
    free(raw);
    if (rc == CHAIN_ABSENT || rc == BTC_ECORRUPT || rc == BTC_EFORMAT || rc == BTC_EINVALID)
        rc = btc_fail(err, BTC_ECORRUPT,
                      "block %d can't be undone, its stored data is damaged; move the data "
                      "directory away and import again",
                      height);
    return rc;
}
