/* The pool of transactions as the node's actor has it: see node_impl.h. Whoever offers the pool a
 * transaction, its listener tells the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/node/node_impl.h"

int64_t node_now_s(void)
{
    return (int64_t)time(NULL);
}

/* ---- what it tells ---- */

static void on_added(void *user, const struct mempool_tx *tx)
{
    struct node_tx_added event = {
        .txid = node_hash(&tx->tx->txid),
        .fee_sat = tx->fee,
        .vsize_vbytes = (uint32_t)tx->vsize,
        .sequence = tx->sequence,
        .has_raw = tx->tx->raw.size <= NODE_TX_ADDED_RAW_BYTES_MAX,
        .raw = {.data = tx->tx->raw.data, .size = tx->tx->raw.size},
    };
    node_publish_tx_added(user, &event);
}

static void on_removed(void *user, const struct mempool_tx *tx, enum mempool_removal why,
                       const struct btc_hash *by)
{
    static const enum node_tx_removal reasons[] = {
        [MEMPOOL_CONFIRMED] = NODE_TX_REMOVAL_CONFIRMED,
        [MEMPOOL_REPLACED] = NODE_TX_REMOVAL_REPLACED,
        [MEMPOOL_CONFLICT] = NODE_TX_REMOVAL_CONFLICT,
        [MEMPOOL_EVICTED] = NODE_TX_REMOVAL_EVICTED,
        [MEMPOOL_EXPIRED] = NODE_TX_REMOVAL_EXPIRED,
        [MEMPOOL_REORGANISED] = NODE_TX_REMOVAL_REORGANISED,
    };
    struct node_tx_removed event = {
        .txid = node_hash(&tx->tx->txid), .reason = reasons[why], .has_replaced_by = by != NULL};
    if (by != NULL)
        event.replaced_by = node_hash(by);
    node_publish_tx_removed(user, &event);
}

static void expire(struct troupe_actor *self, void *user)
{
    struct node *node = user;
    mempool_expire(node->pool, node_now_s());
    /* Without memory for a timer it is looked at when a block comes. */
    (void)!troupe_after(self, NODE_EXPIRE_MS, expire, node, NULL);
}

int node_pool_start(struct troupe_actor *self, struct node *node)
{
    struct btc_error err;
    struct mempool_listener listener = {.added = on_added, .removed = on_removed, .user = self};
    if (mempool_new(node->chain, 0, &listener, &node->pool, &err) != 0) {
        troupe_report(self, "%s", err.text);
        return TROUPE_ENOMEM;
    }
    return troupe_after(self, NODE_EXPIRE_MS, expire, node, NULL);
}

void node_pool_follow(struct troupe_actor *self, struct node *node,
                      const struct chain_change *changes, size_t count)
{
    struct btc_error err;
    for (size_t i = 0; i < count; i++) {
        if (mempool_follow(node->pool, &changes[i], node_now_s(), &err) == 0)
            continue;
        char text[NODE_ALERT_TEXT_BYTES_MAX];
        snprintf(text, sizeof(text), "the pool of transactions was emptied: %s", err.text);
        struct node_alert alert = {.level = NODE_ALERT_LEVEL_WARNING, .text = troupe_text(text)};
        node_publish_alert(self, &alert);
    }
    if (count > 0)
        mempool_expire(node->pool, node_now_s());
}

/* ---- where a transaction is ---- */

static struct btc_hash hash_of(const struct node_hash32 *bytes)
{
    struct btc_hash hash;
    memcpy(hash.bytes, bytes->bytes, sizeof(hash.bytes));
    return hash;
}

static bool reply_from_block(struct troupe_call *call, const struct btc_block *block,
                             const struct btc_hash *txid, bool is_active, int32_t height)
{
    for (size_t i = 0; i < block->tx_count; i++) {
        const struct btc_tx *tx = &block->txs[i];
        if (!btc_hash_equal(&tx->txid, txid))
            continue;
        struct node_get_tx_results results = {.tx = {.data = tx->raw.data, .size = tx->raw.size},
                                              .has_height = is_active,
                                              .height = (uint32_t)height};
        node_get_tx_reply(call, &results);
        return true;
    }
    return false;
}

static void get_from_block(struct node *node, struct troupe_call *call, const struct btc_hash *txid,
                           const struct btc_hash *hash)
{
    struct chain_entry entry;
    struct btc_block block = {0};
    struct btc_error err;
    uint8_t *raw = NULL;
    size_t size = 0;
    int rc = chain_find(node->chain, hash, &entry, &err);
    if (rc == 0)
        rc = chain_read_block(node->chain, &entry, &raw, &size, &err);
    int active = rc == 0 ? chain_is_active(node->chain, &entry, &err) : 0;
    if (rc == 0)
        rc = active < 0 ? active : btc_block_parse(raw, size, &block, &err);
    if (rc < 0)
        node_fail_chain(call, rc, &err);
    else if (rc != 0)
        node_fail_not_found(call, "no block of that hash is stored here");
    else if (!reply_from_block(call, &block, txid, active == 1, entry.height))
        node_fail_not_found(call, "that block has no such transaction");
    btc_block_free(&block);
    free(raw);
}

void node_serve_get_tx(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct node_get_tx_args *args)
{
    struct node *node = state;
    struct btc_hash txid = hash_of(&args->txid);
    struct mempool_tx tx;
    (void)self;
    if (args->has_block) {
        struct btc_hash hash = hash_of(&args->block);
        get_from_block(node, call, &txid, &hash);
    } else if (mempool_find(node->pool, &txid, &tx)) {
        struct node_get_tx_results results = {
            .tx = {.data = tx.tx->raw.data, .size = tx.tx->raw.size}};
        node_get_tx_reply(call, &results);
    } else {
        node_fail_not_found(call, "the pool has no such transaction; for one that is confirmed "
                                  "name its block, too");
    }
}

void node_serve_get_tx_status(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct node_get_tx_status_args *args)
{
    struct node *node = state;
    struct node_tx_status statuses[NODE_GET_TX_STATUS_TXIDS_MAX];
    struct chain_entry tip;
    struct mempool_tx tx;
    struct btc_error err;
    (void)self;
    for (size_t i = 0; i < args->txids_count; i++) {
        struct btc_hash txid = hash_of(&args->txids[i]);
        int32_t height = 0;
        statuses[i] = (struct node_tx_status){.place = NODE_TX_PLACE_POOL};
        if (mempool_find(node->pool, &txid, &tx))
            continue;
        int rc = chain_find_tx(node->chain, &txid, &height, &err);
        if (rc < 0) {
            node_fail_chain(call, rc, &err);
            return;
        }
        statuses[i] = (struct node_tx_status){.place = rc == 0 ? NODE_TX_PLACE_CONFIRMED
                                                               : NODE_TX_PLACE_UNKNOWN,
                                              .has_height = rc == 0,
                                              .height = (uint32_t)height};
    }
    chain_tip(node->chain, &tip);
    struct node_get_tx_status_results results = {
        .statuses = statuses, .statuses_count = args->txids_count, .tip = node_tip_of(&tip)};
    node_get_tx_status_reply(call, &results);
}

/* ---- offers ---- */

void node_serve_submit_tx(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct node_submit_tx_args *args)
{
    struct node *node = state;
    struct mempool_verdict verdict;
    struct btc_error err;
    (void)self;
    uint8_t *data = malloc(args->tx.size + 1);
    if (data == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    troupe_blob_copy(&args->tx, data);
    int rc = mempool_accept(node->pool, data, args->tx.size, node_now_s(), &verdict, &err);
    free(data);
    if (rc >= 0) {
        struct node_submit_tx_results results = {.txid = node_hash(&verdict.txid),
                                                 .was_known = rc == MEMPOOL_KNOWN,
                                                 .fee_sat = verdict.fee,
                                                 .vsize_vbytes = (uint32_t)verdict.vsize};
        node_submit_tx_reply(call, &results);
    } else if (verdict.reason[0] != '\0') {
        struct node_tx_rejected rejected = {.reason = troupe_text(verdict.reason)};
        node_fail_tx_rejected(call, &rejected, err.text);
    } else {
        node_fail_chain(call, rc, &err);
    }
}

void node_serve_estimate_fee(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct node_estimate_fee_args *args)
{
    struct node *node = state;
    struct mempool_totals totals;
    struct btc_error err;
    uint64_t rate = 0;
    bool from_pool = false;
    (void)self;
    if (args->target_blocks == 0) {
        troupe_fail(call, TROUPE_EINVAL, "in how many blocks? From 1 to 1008");
        return;
    }
    int rc = mempool_estimate(node->pool, args->target_blocks, node_now_s(), &rate, &from_pool,
                              &err);
    if (rc != 0) {
        node_fail_chain(call, rc, &err);
        return;
    }
    mempool_get_totals(node->pool, node_now_s(), &totals);
    struct node_estimate_fee_results results = {.rate_sat = rate,
                                                .basis = from_pool ? NODE_FEE_BASIS_POOL
                                                                   : NODE_FEE_BASIS_FLOOR,
                                                .floor_sat = totals.min_rate};
    node_estimate_fee_reply(call, &results);
}
