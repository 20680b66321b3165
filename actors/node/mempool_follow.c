/* What a change of the chain does to the pool: see mempool_impl.h.
 *
 * Blocks are read again, one at a time: the change may be long, and most have little to do with the
 * pool. First those that were connected take out what they hold and what is at odds with them. Then
 * what was in those that were taken back comes back, oldest first, as if it were offered; and since
 * anything in the pool may have stood on them, all of it is looked at once more. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/mempool_impl.h"

typedef int (*visit_fn)(struct mempool *pool, const struct btc_tx *tx, int64_t now_s,
                        struct btc_error *err);

/* ---- connected ---- */

static int leave_with_block(struct mempool *pool, const struct btc_tx *tx, int64_t now_s,
                            struct btc_error *err)
{
    (void)now_s;
    (void)err;
    for (size_t i = 0; i < tx->in_count; i++) {
        struct pool_entry *rival = mempool_get_spender(pool, &tx->ins[i].prev);
        if (rival != NULL && !btc_hash_equal(&rival->tx.txid, &tx->txid))
            mempool_remove_family(pool, rival, MEMPOOL_CONFLICT, NULL);
    }
    struct pool_entry *entry = mempool_get(pool, &tx->txid);
    if (entry != NULL)
        mempool_remove(pool, entry, MEMPOOL_CONFIRMED, NULL);
    return 0;
}

/* ---- taken back ---- */

/* It has children that were here before: count their families with it. */
static int join_children(struct mempool *pool, struct pool_entry *entry)
{
    struct pool_list ancestors = {0};
    if (entry->children.count == 0)
        return 0;
    int rc = pool_list_add(&ancestors, entry);
    if (rc == 0)
        rc = mempool_spread(pool, &ancestors, false, 0);
    for (size_t i = 0; rc == 0 && i < ancestors.count; i++)
        rc = mempool_recount(pool, ancestors.items[i]);
    pool_list_free(&ancestors);
    return rc;
}

static int come_back(struct mempool *pool, const struct btc_tx *tx, int64_t now_s,
                     struct btc_error *err)
{
    struct mempool_verdict verdict;
    struct btc_error why;
    struct candidate c = {.now_s = now_s, .is_back = true, .verdict = &verdict, .err = &why};
    struct pool_entry *entry = NULL;
    struct mempool_tx shown;
    if (btc_tx_is_coinbase(tx))
        return 0;
    int rc = mempool_parse(&c, tx->raw.data, tx->raw.size);
    if (rc == 0)
        rc = mempool_check(pool, &c);
    bool is_taken = rc == 0;
    if (rc == 0) {
        mempool_remove_all(pool, &c.leaving, MEMPOOL_REPLACED, &tx->txid);
        rc = mempool_add(pool, &c, &entry);
    }
    if (rc == 0)
        rc = join_children(pool, entry);
    if (rc == 0) {
        mempool_show(entry, &shown);
        if (pool->listener.added != NULL)
            pool->listener.added(pool->listener.user, &shown);
    }
    mempool_candidate_free(&c);
    if (rc == BTC_ENOMEM || rc == BTC_EIO || rc == BTC_ECORRUPT || (is_taken && rc != 0))
        return btc_fail(err, rc, "a transaction could not be put back: %s", btc_code_text(rc));
    return 0; /* refused: it is gone, as on any node that sees it for the first time */
}

/* ---- blocks ---- */

static int visit_block(struct mempool *pool, const struct btc_hash *hash, visit_fn visit,
                       int64_t now_s, struct btc_error *err)
{
    struct chain_entry entry;
    struct btc_block block = {0};
    uint8_t *raw = NULL;
    size_t size = 0;
    int rc = chain_find(pool->chain, hash, &entry, err);
    if (rc == 0)
        rc = chain_read_block(pool->chain, &entry, &raw, &size, err);
    if (rc == CHAIN_ABSENT)
        rc = btc_fail(err, BTC_ECORRUPT, "a block of the chain is missing");
    if (rc == 0)
        rc = btc_block_parse(raw, size, &block, err);
    for (size_t i = 0; rc == 0 && i < block.tx_count; i++)
        rc = visit(pool, &block.txs[i], now_s, err);
    btc_block_free(&block);
    free(raw);
    return rc;
}

/* The blocks above `fork` up to `top`, rising. */
static int visit_branch(struct mempool *pool, const struct chain_entry *fork,
                        const struct chain_entry *top, visit_fn visit, int64_t now_s,
                        struct btc_error *err)
{
    if (top->height <= fork->height)
        return 0;
    size_t count = (size_t)(top->height - fork->height);
    struct btc_hash *hashes = calloc(count, sizeof(*hashes));
    if (hashes == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for a branch of %zu blocks", count);
    struct chain_entry at = *top;
    int rc = 0;
    for (size_t i = count; rc == 0 && i-- > 0;) {
        hashes[i] = at.hash;
        struct btc_hash prev = at.header.prev;
        rc = i > 0 ? chain_find(pool->chain, &prev, &at, err) : 0;
    }
    if (rc > 0)
        rc = btc_fail(err, BTC_ECORRUPT, "a header of the chain is missing");
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = visit_block(pool, &hashes[i], visit, now_s, err);
    free(hashes);
    return rc;
}

/* ---- what stood on blocks that are gone ---- */

/* Could it be offered now? Its place in the pool, and its fee, are its own already; signatures do
 * not depend on the chain. */
static int check_again(struct mempool *pool, const struct pool_entry *entry, int64_t now_s)
{
    struct mempool_verdict verdict;
    struct btc_error err;
    struct candidate c = {
        .tx = entry->tx, .now_s = now_s, .is_back = true, .verdict = &verdict, .err = &err};
    int rc = mempool_check_final(pool, &c);
    if (rc == 0)
        rc = mempool_find_coins(pool, &c);
    c.tx = (struct btc_tx){0};
    mempool_candidate_free(&c);
    return rc;
}

static bool has_grown_too_large(struct mempool *pool, struct pool_entry *entry)
{
    struct pool_list ancestors = {0};
    uint64_t vsize = 0;
    int rc = pool_list_add(&ancestors, entry);
    if (rc == 0)
        rc = mempool_spread(pool, &ancestors, false, MEMPOOL_FAMILY_MAX);
    for (size_t i = 0; i < ancestors.count; i++)
        vsize += ancestors.items[i]->vsize;
    pool_list_free(&ancestors);
    return rc != 0 || vsize > MEMPOOL_FAMILY_VBYTES_MAX;
}

static void settle(struct mempool *pool, int64_t now_s)
{
    struct pool_entry *entry;
    uint64_t sequence = 0;
    while ((entry = mempool_after(pool, sequence)) != NULL) {
        sequence = entry->sequence;
        if (check_again(pool, entry, now_s) != 0 || has_grown_too_large(pool, entry))
            mempool_remove_family(pool, entry, MEMPOOL_REORGANISED, NULL);
    }
    mempool_trim(pool, now_s);
}

static void clear(struct mempool *pool)
{
    struct pool_entry *entry;
    while ((entry = mempool_after(pool, 0)) != NULL)
        mempool_remove_family(pool, entry, MEMPOOL_REORGANISED, NULL);
}

int mempool_follow(struct mempool *pool, const struct chain_change *change, int64_t now_s,
                   struct btc_error *err)
{
    bool is_back = change->old_tip.height > change->fork.height;
    pool->floor_may_fall = true;
    int rc = 0;
    if (pool->count > 0)
        rc = visit_branch(pool, &change->fork, &change->new_tip, leave_with_block, now_s, err);
    if (rc == 0 && is_back) {
        rc = visit_branch(pool, &change->fork, &change->old_tip, come_back, now_s, err);
        if (rc == 0)
            settle(pool, now_s);
    }
    if (rc != 0)
        clear(pool);
    return rc;
}
