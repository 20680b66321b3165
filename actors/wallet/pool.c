/* What is in no block yet: heard from the node's pool, and the wallet's own payments given to it again.
 *
 * Single transactions come with the node's events. When some were missed, the node is a new one, one
 * was too large for its event, or the book went back, all is made level in one look:
 *
 *      IDLE ---- wallet_pool_look ----> SCHEDULED ----> READ: the pool from where it is known
 *       ^                                                  |
 *       |                                                  v
 *       +---- RESUBMIT: own ones, one by one <---- STATUS: what is pending here, 200 at a time
 *
 * So the number of questions does not grow with the transactions that others make. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/wallet/wallet_impl.h"

#define AGAIN_MS 60000 /* until own payments that the node does not take are given to it again */

static void begin(struct troupe_actor *self, void *user);
static void resubmit(struct troupe_actor *self, struct wallet *wallet);

/* ---- when ---- */

void wallet_pool_look(struct troupe_actor *self, struct wallet *wallet, uint32_t delay_ms)
{
    struct wallet_pool *pool = &wallet->pool;
    pool->is_wanted = true;
    if (pool->phase == WALLET_POOL_SCHEDULED)
        troupe_cancel(self, pool->timer);
    else if (pool->phase != WALLET_POOL_IDLE)
        return;
    bool is_timed = troupe_after(self, delay_ms, begin, wallet, &pool->timer) == 0;
    pool->phase = is_timed ? WALLET_POOL_SCHEDULED : WALLET_POOL_IDLE;
}

void wallet_pool_look_at_all(struct troupe_actor *self, struct wallet *wallet)
{
    wallet->pool.is_whole = true;
    wallet->pool.is_behind = true;
    wallet_pool_look(self, wallet, 0);
}

static void finish(struct troupe_actor *self, struct wallet *wallet, int code)
{
    struct wallet_pool *pool = &wallet->pool;
    pool->phase = WALLET_POOL_IDLE;
    if ((code == 0 || code == TROUPE_EUNIMPLEMENTED) && !pool->is_whole)
        pool->is_behind = false;
    wallet_tell_state(self, wallet, true);
    wallet_answer_waits(wallet);
    if (code == TROUPE_EUNIMPLEMENTED) {
        pool->is_wanted = false; /* an older node has no pool */
    } else if (code != 0) {
        pool->is_whole = true;
        wallet_pool_look(self, wallet, WALLET_RETRY_MS);
    } else if (pool->is_wanted) {
        wallet_pool_look(self, wallet, 0);
    } else if (pool->has_unsent) {
        wallet_pool_look(self, wallet, AGAIN_MS);
    }
}

/* ---- taking in, letting go ---- */

/* Is it one of the book's, and new? Of most transactions it is not, and nothing is to be told. */
static bool take_in(struct troupe_actor *self, struct wallet *wallet, const void *data, size_t size,
                    const struct node_hash32 *hash, int64_t time_s)
{
    struct btc_error err;
    struct btc_hash txid;
    int rc = book_add_pending(wallet->book, data, size, time_s, &err);
    if (rc == BTC_EIO || rc == BTC_ECORRUPT)
        troupe_report(self, "%s", err.text);
    if (rc != 0)
        return false; /* none of the book's, or one more than are kept */
    memcpy(txid.bytes, hash->bytes, sizeof(txid.bytes));
    wallet_tell_pending(self, wallet, &txid);
    wallet_tell_used_by(self, wallet, &txid);
    return true;
}

void wallet_drop(struct troupe_actor *self, struct wallet *wallet, const struct btc_hash *txid,
                 enum book_drop why)
{
    int rc = book_drop_pending(wallet->book, txid, why, NULL);
    if (rc == 0) /* otherwise it is not pending, or can't be dropped now */
        wallet_tell_state(self, wallet, true);
}

/* ---- the pool ---- */

static void on_page(struct troupe_actor *self, void *user, const struct node_get_mempool_item *item)
{
    struct wallet *wallet = user;
    uint8_t *raw = item->raw.size > 0 ? malloc(item->raw.size) : NULL;
    size_t at = 0;
    if (raw == NULL)
        return;
    troupe_blob_copy(&item->raw, raw);
    for (size_t i = 0; i < item->txs_count; i++) {
        const struct node_pool_tx *tx = &item->txs[i];
        if (tx->size_bytes > item->raw.size - at)
            break;
        (void)take_in(self, wallet, raw + at, tx->size_bytes, &tx->txid, tx->time_s);
        at += tx->size_bytes;
        wallet->pool.sequence = tx->sequence;
    }
    free(raw);
}

/* ---- what became of the pending ones ---- */

static void ask_status(struct troupe_actor *self, struct wallet *wallet);

static void on_status(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct node_get_tx_status_results *results)
{
    struct wallet *wallet = user;
    struct wallet_pool *pool = &wallet->pool;
    if (error != NULL) {
        finish(self, wallet, error->code);
        return;
    }
    for (size_t i = 0; i < results->statuses_count && i < pool->asked_count; i++)
        if (results->statuses[i].place == NODE_TX_PLACE_UNKNOWN)
            wallet_drop(self, wallet, &pool->asked[i], BOOK_DROP_EVICTED);
    if (pool->cursor != 0)
        ask_status(self, wallet);
    else
        resubmit(self, wallet);
}

/* The next page of those that are pending; they are the first of the history. */
static void ask_status(struct troupe_actor *self, struct wallet *wallet)
{
    struct wallet_pool *pool = &wallet->pool;
    struct node_hash32 txids[WALLET_PAGE_MAX];
    struct node_get_tx_status_args args = {.txids = txids};
    struct book_entry *rows = wallet->page.txs.rows;
    size_t count = 0;
    pool->phase = WALLET_POOL_STATUS;
    pool->asked_count = 0;
    if (book_list_entries(wallet->book, &pool->cursor, rows, WALLET_PAGE_MAX, &count, NULL) != 0) {
        finish(self, wallet, TROUPE_ESYSTEM);
        return;
    }
    for (size_t i = 0; i < count && rows[i].is_pending; i++) {
        pool->asked[pool->asked_count] = rows[i].txid;
        memcpy(txids[pool->asked_count++].bytes, rows[i].txid.bytes, sizeof(txids[0].bytes));
    }
    if (pool->asked_count < count)
        pool->cursor = 0;
    args.txids_count = pool->asked_count;
    if (pool->asked_count == 0)
        resubmit(self, wallet);
    else if (node_get_tx_status_ask(self, wallet->node, &args, on_status, wallet, NULL) != 0)
        finish(self, wallet, TROUPE_EBUSY);
}

static void on_read(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct wallet *wallet = user;
    if (error != NULL) {
        finish(self, wallet, error->code);
        return;
    }
    wallet->pool.cursor = 0;
    ask_status(self, wallet);
}

static void begin(struct troupe_actor *self, void *user)
{
    struct wallet *wallet = user;
    struct wallet_pool *pool = &wallet->pool;
    struct node_get_mempool_args args = {.after_seq = pool->is_whole ? 0 : pool->sequence,
                                         .with_raw = true};
    pool->is_wanted = false;
    pool->is_whole = false;
    pool->phase = WALLET_POOL_READ;
    int code = node_get_mempool_ask(self, wallet->node, &args, on_page, on_read, wallet, NULL);
    if (code != 0)
        finish(self, wallet, code);
}

/* ---- own payments ---- */

static void on_submitted(struct troupe_actor *self, void *user, const struct troupe_error *error,
                         const struct node_submit_tx_results *results)
{
    struct wallet *wallet = user;
    (void)results;
    if (error != NULL && error->code != NODE_TX_REJECTED) {
        finish(self, wallet, error->code);
        return;
    }
    if (error != NULL)
        wallet->pool.has_unsent = true; /* in a block that is not here yet, or not valid now */
    resubmit(self, wallet);
}

/* The next one of them. The node knows most: then it says so, and that is all. */
static void resubmit(struct troupe_actor *self, struct wallet *wallet)
{
    struct wallet_pool *pool = &wallet->pool;
    struct btc_hash txid;
    struct book_tx tx;
    size_t count = 0;
    if (pool->phase != WALLET_POOL_RESUBMIT) {
        pool->phase = WALLET_POOL_RESUBMIT;
        pool->cursor = 0;
        pool->has_unsent = false;
    } else if (pool->cursor == 0) {
        finish(self, wallet, 0);
        return;
    }
    if (book_list_unconfirmed(wallet->book, &pool->cursor, &txid, 1, &count, NULL) != 0 ||
        count == 0 || book_get_tx(wallet->book, &txid, &tx, NULL) != 0) {
        finish(self, wallet, 0);
        return;
    }
    struct node_submit_tx_args args = {.tx = {.data = tx.data, .size = tx.size}};
    if (node_submit_tx_ask(self, wallet->node, &args, on_submitted, wallet, NULL) != 0)
        finish(self, wallet, TROUPE_EBUSY);
    free(tx.data);
}

/* ---- what the node tells ---- */

static void on_added(struct troupe_actor *self, void *user, const struct node_tx_added *event,
                     const struct troupe_event_info *info)
{
    struct wallet *wallet = user;
    struct wallet_pool *pool = &wallet->pool;
    (void)info;
    if (event == NULL) { /* some were missed, or it is another run of the node */
        wallet_pool_look_at_all(self, wallet);
    } else if (!event->has_raw || pool->phase > WALLET_POOL_SCHEDULED) {
        wallet_pool_look(self, wallet, 0); /* from the last one that is known */
    } else {
        pool->sequence = event->sequence;
        if (take_in(self, wallet, event->raw.data, event->raw.size, &event->txid,
                    (int64_t)time(NULL)))
            wallet_tell_state(self, wallet, true);
    }
}

static void on_removed(struct troupe_actor *self, void *user, const struct node_tx_removed *event,
                       const struct troupe_event_info *info)
{
    struct wallet *wallet = user;
    struct btc_hash txid;
    (void)info;
    if (event == NULL) {
        wallet_pool_look_at_all(self, wallet);
        return;
    }
    memcpy(txid.bytes, event->txid.bytes, sizeof(txid.bytes));
    switch (event->reason) {
    case NODE_TX_REMOVAL_CONFIRMED: /* its block says so, too */
        return;
    case NODE_TX_REMOVAL_REPLACED:
        wallet_drop(self, wallet, &txid, BOOK_DROP_REPLACED);
        return;
    case NODE_TX_REMOVAL_CONFLICT:
        wallet_drop(self, wallet, &txid, BOOK_DROP_CONFLICT);
        return;
    default:
        wallet_drop(self, wallet, &txid, BOOK_DROP_EVICTED);
        return;
    }
}

int wallet_pool_start(struct troupe_actor *self, struct wallet *wallet)
{
    struct troupe_handler *handler;
    int error = node_on_tx_added(self, wallet->node, on_added, wallet, &handler);
    if (error == 0)
        error = node_on_tx_removed(self, wallet->node, on_removed, wallet, &handler);
    if (error == 0)
        wallet_pool_look_at_all(self, wallet);
    return error;
}
