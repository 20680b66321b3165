/* The coins of a transaction that is offered: see mempool_impl.h. */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/sig.h"
#include "actors/node/mempool_impl.h"

/* ---- the next block ---- */

int mempool_check_final(struct mempool *pool, struct candidate *c)
{
    struct chain_entry tip;
    uint32_t median_s;
    chain_tip(pool->chain, &tip);
    int rc = chain_median_time(pool->chain, &tip, &median_s, c->err);
    if (rc != 0)
        return rc;
    if (btc_tx_is_final(&c->tx, tip.height + 1, median_s))
        return 0;
    return mempool_refuse(c, BTC_ELIMIT, "non-final",
                          "its lock time %u is not reached in block %d (BIP113)", c->tx.lock_time,
                          tip.height + 1);
}

/* ---- where the coins are ---- */

/* One that is tested before it, and pays this coin; or spends it. */
static int find_among_others(struct candidate *c, size_t index, const struct btc_tx **ret_other)
{
    const struct btc_outpoint *prev = &c->tx.ins[index].prev;
    *ret_other = NULL;
    for (size_t i = 0; i < c->others_count; i++) {
        const struct btc_tx *other = c->others[i];
        if (btc_hash_equal(&other->txid, &prev->txid) && prev->index < other->out_count)
            *ret_other = other;
        for (size_t j = 0; j < other->in_count; j++)
            if (btc_outpoint_equal(&other->ins[j].prev, prev))
                return mempool_refuse(c, BTC_ELIMIT, "conflict-in-package",
                                      "input %zu spends what one before it spends", index);
    }
    return 0;
}

static int is_missing(struct mempool *pool, struct candidate *c, size_t index)
{
    const struct btc_outpoint *prev = &c->tx.ins[index].prev;
    char text[BTC_HASH_HEX_SIZE];
    int32_t height;
    int rc = chain_find_tx(pool->chain, &c->tx.txid, &height, c->err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return mempool_refuse(c, BTC_ELIMIT, "txn-already-known", "it is in block %d already",
                              height);
    btc_hash_to_hex(&prev->txid, text);
    return mempool_refuse(c, BTC_EORPHAN, "missing-inputs",
                          "output %u of %s, which input %zu spends, does not exist or was spent",
                          prev->index, text, index);
}

/* Where input `index` finds its coin. *ret_height: of the block that it is in, or may be in. */
static int find_coin(struct mempool *pool, struct candidate *c, size_t index,
                     const struct chain_entry *tip, int32_t *ret_height)
{
    const struct btc_outpoint *prev = &c->tx.ins[index].prev;
    const struct chain_coin *stored = &c->stored.coins[index];
    const struct btc_tx *other;
    int rc = find_among_others(c, index, &other);
    if (rc != 0)
        return rc;
    *ret_height = tip->height + 1;
    if (stored->found) {
        c->coins[index] = (struct btc_tx_out){stored->amount, stored->script};
        *ret_height = stored->height;
        return 0;
    }
    struct pool_entry *parent = mempool_get(pool, &prev->txid);
    if (other == NULL && parent != NULL && prev->index < parent->tx.out_count) {
        other = &parent->tx;
        if (!pool_list_has(&c->parents, parent))
            rc = pool_list_add(&c->parents, parent);
    }
    if (rc != 0)
        return btc_fail(c->err, rc, "no memory");
    if (other == NULL)
        return is_missing(pool, c, index);
    c->coins[index] = other->outs[prev->index];
    return 0;
}

static int find_rival(struct mempool *pool, struct candidate *c, size_t index)
{
    struct pool_entry *rival = mempool_get_spender(pool, &c->tx.ins[index].prev);
    if (rival == NULL || pool_list_has(&c->rivals, rival))
        return 0;
    return pool_list_add(&c->rivals, rival) == 0 ? 0 : btc_fail(c->err, BTC_ENOMEM, "no memory");
}

struct waiting {
    struct mempool *pool;
    const struct candidate *candidate;
};

/* Is it paid by one in the pool, or by one that is tested before it? */
static bool is_waiting(void *user, const struct btc_outpoint *outpoint)
{
    const struct waiting *waiting = user;
    const struct candidate *c = waiting->candidate;
    const struct pool_entry *parent = mempool_get(waiting->pool, &outpoint->txid);
    if (parent != NULL && outpoint->index < parent->tx.out_count)
        return true;
    for (size_t i = 0; i < c->others_count; i++)
        if (btc_hash_equal(&c->others[i]->txid, &outpoint->txid) &&
            outpoint->index < c->others[i]->out_count)
            return true;
    return false;
}

/* One coin that is nowhere is enough: thousands of made up ones would each cost a search. */
static int ask_chain(struct mempool *pool, struct candidate *c)
{
    struct btc_outpoint *prevs = calloc(c->tx.in_count, sizeof(*prevs));
    c->coins = calloc(c->tx.in_count, sizeof(*c->coins));
    if (prevs == NULL || c->coins == NULL) {
        free(prevs);
        return btc_fail(c->err, BTC_ENOMEM, "no memory for %zu inputs", c->tx.in_count);
    }
    for (size_t i = 0; i < c->tx.in_count; i++)
        prevs[i] = c->tx.ins[i].prev;
    struct waiting waiting = {pool, c};
    int rc = chain_get_coins_needed(pool->chain, prevs, c->tx.in_count, is_waiting, &waiting,
                                    &c->stored, c->err);
    free(prevs);
    return rc;
}

/* What it spends and pays: the rules of blocks. */
static int count_amounts(struct candidate *c)
{
    int64_t in_total = 0;
    int64_t out_total = 0;
    for (size_t i = 0; i < c->tx.in_count; i++) {
        in_total += c->coins[i].amount;
        if (in_total > BTC_MONEY_MAX)
            return mempool_refuse(c, BTC_EINVALID, "bad-txns-inputvalues-outofrange",
                                  "inputs add up to more than can exist");
    }
    for (size_t i = 0; i < c->tx.out_count; i++)
        out_total += c->tx.outs[i].amount;
    if (out_total > in_total)
        return mempool_refuse(c, BTC_EINVALID, "bad-txns-in-belowout",
                              "pays %lld satoshi out of %lld", (long long)out_total,
                              (long long)in_total);
    c->fee = in_total - out_total;
    return 0;
}

static void measure(struct candidate *c, unsigned flags)
{
    c->sigops = btc_tx_sigops_cost(&c->tx, c->coins, flags);
    size_t weight = btc_tx_weight(&c->tx);
    size_t least = c->sigops * MEMPOOL_BYTES_PER_SIGOP;
    c->vsize = ((weight > least ? weight : least) + 3) / 4;
    c->verdict->fee = c->fee;
    c->verdict->vsize = c->vsize;
    c->verdict->has_fee = true;
}

int mempool_find_coins(struct mempool *pool, struct candidate *c)
{
    struct chain_entry tip;
    uint32_t median_s;
    chain_tip(pool->chain, &tip);
    int rc = chain_median_time(pool->chain, &tip, &median_s, c->err);
    if (rc == 0)
        rc = ask_chain(pool, c);
    if (rc != 0)
        return rc;
    int32_t *heights = calloc(c->tx.in_count, sizeof(*heights));
    if (heights == NULL)
        return btc_fail(c->err, BTC_ENOMEM, "no memory for %zu inputs", c->tx.in_count);
    for (size_t i = 0; rc == 0 && i < c->tx.in_count; i++) {
        rc = find_coin(pool, c, i, &tip, &heights[i]);
        if (rc == 0)
            rc = find_rival(pool, c, i);
    }
    for (size_t i = 0; rc == 0 && i < c->tx.in_count; i++) {
        rc = chain_check_age(pool->chain, &c->tx, i, heights[i], tip.height + 1, median_s, c->err);
        if (rc == BTC_EINVALID)
            rc = mempool_refuse(c, BTC_ELIMIT, "non-BIP68-final", "input %zu: %s", i, c->err->text);
    }
    for (size_t i = 0; rc == 0 && i < c->tx.in_count; i++)
        if (c->stored.coins[i].found && c->stored.coins[i].coinbase &&
            tip.height + 1 - heights[i] < BTC_COINBASE_MATURITY)
            rc = mempool_refuse(c, BTC_ELIMIT, "bad-txns-premature-spend-of-coinbase",
                                "input %zu spends the coinbase of block %d, which is not %d "
                                "blocks old",
                                i, heights[i], BTC_COINBASE_MATURITY);
    free(heights);
    if (rc == 0)
        rc = count_amounts(c);
    if (rc == 0)
        measure(c, btc_verify_flags_at(chain_params(pool->chain), tip.height + 1));
    return rc;
}

/* ---- signatures ---- */

int mempool_check_signatures(struct mempool *pool, struct candidate *c)
{
    struct btc_spending spending;
    struct chain_entry tip;
    chain_tip(pool->chain, &tip);
    unsigned flags = btc_verify_flags_at(chain_params(pool->chain), tip.height + 1);
    int rc = btc_spending_prepare(&c->tx, c->coins, &spending);
    if (rc != 0)
        return btc_fail(c->err, rc, "the hashes for its signatures could not be computed: %s",
                        btc_code_text(rc));
    for (size_t i = 0; rc == 0 && i < c->tx.in_count; i++) {
        rc = btc_verify_input(&spending, i, flags, c->err);
        if (rc == BTC_OUTSIDE_TEMPLATES)
            return mempool_refuse(c, BTC_ELIMIT, "script-not-verifiable",
                                  "input %zu is spent in a way that this node can't verify: it "
                                  "takes only what it has verified in full",
                                  i);
        if (rc == BTC_EINVALID) {
            mempool_give_reason(c, "mempool-script-verify-flag-failed");
            btc_fail_within(c->err, rc, "input %zu: ", i);
        }
    }
    return rc == 0 ? mempool_check_signature_forms(c) : rc;
}
