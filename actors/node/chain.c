/* The public calls on a chain, and the choice of the active one: see chain.h and engine.h. */
#include "actors/node/chain.h"

#include <stdlib.h>
#include <string.h>

#include "actors/node/engine.h"

#define COIN_SCRIPTS_SIZE_MAX (64u << 20) /* bytes that one question about coins may bring */

/* ---- open and close ---- */

static int add_genesis(struct chain *chain)
{
    struct chain_store *store = &chain->store;
    struct chain_entry genesis = {
        .hash = chain->params->genesis_hash,
        .header = chain->params->genesis,
        .period_time_s = chain->params->genesis.time_s,
    };
    uint8_t raw[BTC_GENESIS_SIZE];
    btc_genesis_block(chain->params, raw);
    struct btc_u256 target;
    int rc = btc_bits_to_target(genesis.header.bits, &target);
    if (rc == 0)
        rc = btc_target_work(&target, &genesis.work);
    if (rc != 0)
        return btc_fail(store->err, rc, "the genesis block's work can't be computed");
    rc = chain_store_save(store);
    if (rc != 0)
        return rc;
    rc = chain_store_add(store, &genesis);
    if (rc == 0)
        rc = chain_store_put_blob(store, ST_BLOCK_ADD, genesis.id, raw, sizeof(raw));
    if (rc == 0)
        rc = chain_store_change(store, ST_BLOCK_FLAG, genesis.id, 1);
    if (rc == 0)
        rc = chain_store_change(store, ST_BLOCK_VALIDATION, genesis.id, CHAIN_FULL);
    if (rc == 0)
        rc = chain_store_change(store, ST_ACTIVE_ADD, 0, genesis.id);
    if (rc == 0)
        rc = chain_store_change(store, ST_BEST_SET, 0, genesis.id);
    return chain_store_end(store, rc);
}

static int load(struct chain *chain)
{
    struct chain_store *store = &chain->store;
    int rc = chain_store_top(store, ST_ACTIVE_TIP, &chain->tip);
    if (rc == 0)
        rc = chain_store_top(store, ST_BEST_TIP, &chain->best);
    if (rc == 0)
        rc = chain_store_get_totals(store, &chain->stats);
    chain->stats.height = chain->tip.height;
    return rc;
}

/* Is the block at the tip there, with what it takes to undo it? The cheap part of chain_check(). */
static int check_tip(struct chain *chain)
{
    struct chain_store *store = &chain->store;
    uint8_t *data = NULL;
    uint8_t *undo = NULL;
    size_t size = 0;
    size_t undo_size = 0;
    struct btc_hash hash;
    int rc = chain_store_get_blob(store, ST_BLOCK_READ, chain->tip.id, &data, &size);
    if (rc == 0 && chain->tip.height > 0)
        rc = chain_store_get_blob(store, ST_UNDO_READ, chain->tip.id, &undo, &undo_size);
    if (rc == 0 && (size < BTC_HEADER_SIZE || btc_sha256d(data, BTC_HEADER_SIZE, &hash) != 0 ||
                    !btc_hash_equal(&hash, &chain->tip.hash)))
        rc = CHAIN_ABSENT;
    free(undo);
    free(data);
    if (rc <= 0 && btc_u256_compare(&chain->best.work, &chain->tip.work) >= 0)
        return rc;
    return rc < 0 ? rc
                  : btc_fail(store->err, BTC_ECORRUPT,
                             "%s is damaged (block %d, its last one, is not whole); move it away "
                             "and import again",
                             store->path, chain->tip.height);
}

int chain_check(struct chain *chain, struct btc_error *err)
{
    chain->store.err = err;
    return chain_store_check(&chain->store);
}

int chain_compact(struct chain *chain, int64_t *ret_before, int64_t *ret_after,
                  struct btc_error *err)
{
    chain->store.err = err;
    if (chain->batch)
        return btc_fail(err, BTC_EUSAGE, "a batch is open");
    *ret_before = chain_store_size(&chain->store);
    int rc = chain_store_compact(&chain->store);
    *ret_after = chain_store_size(&chain->store);
    return rc;
}

static int open_chain(struct chain *chain, const char *datadir)
{
    int rc = chain_store_open(&chain->store, datadir, chain->params);
    if (rc == 0)
        rc = load(chain);
    if (rc == CHAIN_ABSENT) {
        rc = add_genesis(chain);
        if (rc == 0)
            rc = load(chain);
    }
    struct chain_entry genesis;
    if (rc == 0)
        rc = chain_store_at(&chain->store, ST_ACTIVE_AT, 0, &genesis);
    if (rc == 0 && btc_hash_equal(&genesis.hash, &chain->params->genesis_hash)) {
        rc = check_tip(chain);
        bool whole = chain->store.was_killed && chain_store_size(&chain->store) <= CHAIN_CHECK_SIZE;
        return rc == 0 && whole ? chain_store_check(&chain->store) : rc;
    }
    return rc < 0 ? rc
                  : btc_fail(chain->store.err, BTC_ECORRUPT,
                             "%s does not begin with the genesis block of %s", chain->store.path,
                             chain->params->name);
}

int chain_open(const char *datadir, const struct btc_params *params, struct chain **ret_chain,
               struct btc_error *err)
{
    struct chain *chain = calloc(1, sizeof(*chain));
    if (chain == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory");
    chain->params = params;
    chain->store.lock_fd = -1;
    chain->store.err = err;
    int rc = crew_open(crew_threads(), &chain->crew, err);
    if (rc == 0)
        rc = open_chain(chain, datadir);
    if (rc != 0) {
        chain_close(chain);
        return rc;
    }
    *ret_chain = chain;
    return 0;
}

void chain_close(struct chain *chain)
{
    if (chain == NULL)
        return;
    chain_store_close(&chain->store);
    crew_close(chain->crew);
    free(chain);
}

const struct btc_params *chain_params(const struct chain *chain)
{
    return chain->params;
}

/* ---- what it holds ---- */

void chain_get_stats(const struct chain *chain, struct chain_stats *ret_stats)
{
    *ret_stats = chain->stats;
    ret_stats->header_height = chain->best.height;
}

void chain_tip(const struct chain *chain, struct chain_entry *ret_entry)
{
    *ret_entry = chain->tip;
}

void chain_header_tip(const struct chain *chain, struct chain_entry *ret_entry)
{
    *ret_entry = chain->best;
}

int chain_block_at(struct chain *chain, int32_t height, struct chain_entry *ret_entry,
                   struct btc_error *err)
{
    chain->store.err = err;
    return chain_store_at(&chain->store, ST_ACTIVE_AT, height, ret_entry);
}

int chain_header_at(struct chain *chain, int32_t height, struct chain_entry *ret_entry,
                    struct btc_error *err)
{
    chain->store.err = err;
    return chain_store_at(&chain->store, ST_BEST_AT, height, ret_entry);
}

int chain_find(struct chain *chain, const struct btc_hash *hash, struct chain_entry *ret_entry,
               struct btc_error *err)
{
    chain->store.err = err;
    return chain_store_find(&chain->store, hash, ret_entry);
}

int chain_is_active(struct chain *chain, const struct chain_entry *entry, struct btc_error *err)
{
    struct chain_entry held;
    int rc = chain_block_at(chain, entry->height, &held, err);
    if (rc < 0)
        return rc;
    return rc == 0 && held.id == entry->id;
}

int chain_read_block(struct chain *chain, const struct chain_entry *entry, uint8_t **ret_data,
                     size_t *ret_size, struct btc_error *err)
{
    chain->store.err = err;
    return chain_store_get_blob(&chain->store, ST_BLOCK_READ, entry->id, ret_data, ret_size);
}

/* Look all coins up within one view of the store, scripts into one buffer. has_it: NULL, or see
 * chain_get_coins_needed(). */
static int collect_coins(struct chain *chain, const struct btc_outpoint *outpoints,
                         bool (*has_it)(void *user, const struct btc_outpoint *outpoint),
                         void *user, struct chain_coins *coins, struct btc_writer *scripts)
{
    for (size_t i = 0; i < coins->count; i++) {
        struct chain_coin *coin = &coins->coins[i];
        int rc = chain_store_coin_get(&chain->store, &outpoints[i], coin);
        if (rc < 0)
            return rc;
        if (rc == 0)
            btc_write_bytes(scripts, coin->script.data, coin->script.size);
        else if (has_it != NULL && !has_it(user, &outpoints[i]))
            break;
    }
    if (scripts->failed != 0)
        return btc_fail(chain->store.err, scripts->failed, "the scripts of %zu coins: %s",
                        coins->count, btc_code_text(scripts->failed));
    return 0;
}

int chain_get_coins(struct chain *chain, const struct btc_outpoint *outpoints, size_t count,
                    struct chain_coins *ret_coins, struct btc_error *err)
{
    return chain_get_coins_needed(chain, outpoints, count, NULL, NULL, ret_coins, err);
}

int chain_get_coins_needed(struct chain *chain, const struct btc_outpoint *outpoints, size_t count,
                           bool (*has_it)(void *user, const struct btc_outpoint *outpoint),
                           void *user, struct chain_coins *ret_coins, struct btc_error *err)
{
    chain->store.err = err;
    struct chain_coins coins = {.count = count, .coins = calloc(count + 1, sizeof(*coins.coins))};
    if (coins.coins == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for %zu coins", count);
    struct btc_writer scripts;
    btc_writer_init(&scripts, COIN_SCRIPTS_SIZE_MAX);
    int rc = chain_store_save(&chain->store);
    if (rc == 0)
        rc = chain_store_end(&chain->store,
                             collect_coins(chain, outpoints, has_it, user, &coins, &scripts));
    coins.scripts = scripts.data;
    if (rc != 0) {
        chain_coins_free(&coins);
        return rc;
    }
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        struct btc_span *script = &coins.coins[i].script;
        script->data = script->size > 0 ? coins.scripts + offset : NULL;
        offset += script->size;
    }
    *ret_coins = coins;
    return 0;
}

void chain_coins_free(struct chain_coins *coins)
{
    free(coins->coins);
    free(coins->scripts);
    *coins = (struct chain_coins){0};
}

int chain_find_tx(struct chain *chain, const struct btc_hash *txid, int32_t *ret_height,
                  struct btc_error *err)
{
    chain->store.err = err;
    return chain_store_coin_of_tx(&chain->store, txid, ret_height);
}

int chain_find_fork(struct chain *chain, const struct btc_hash *locator, size_t count,
                    struct chain_entry *ret_entry, struct btc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct chain_entry entry;
        int rc = chain_find(chain, &locator[i], &entry, err);
        if (rc == 0)
            rc = chain_is_active(chain, &entry, err);
        else if (rc == CHAIN_ABSENT)
            rc = 0;
        if (rc < 0)
            return rc;
        if (rc == 1) {
            *ret_entry = entry;
            return 0;
        }
    }
    int rc = chain_block_at(chain, 0, ret_entry, err);
    return rc <= 0 ? rc : btc_fail(err, BTC_ECORRUPT, "the genesis block is missing");
}
