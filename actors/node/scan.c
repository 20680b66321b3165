/* The job that looks through the outputs of connected blocks for scripts, a step at a time. Matching
 * is by a sorted list; what was found is kept until the asker has room for it, a bounded number, and
 * the block that it was found in is gone on with at the output behind. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/node_impl.h"

struct wanted {
    struct btc_span script;
    uint32_t index; /* in the asker's list */
};

struct node_scan {
    uint8_t *bytes; /* [owned] all scripts, one behind the other */
    size_t count;
    struct wanted wanted[NODE_SCAN_SCRIPTS_MAX];
    int32_t next; /* height of the block to look at, from transaction and output on */
    size_t tx;
    size_t out;
    int32_t to;
    struct btc_hash prev; /* what the next one must build on */
    bool has_prev;
    struct btc_hash current; /* the block that was looked at last, maybe in part */
    bool is_at_end;
    uint64_t reported_ms;
    size_t hits_count;
    struct node_scan_hit hits[NODE_SCAN_ITEM_HITS_MAX];
};

void node_scan_free(struct node_scan *scan)
{
    if (scan != NULL)
        free(scan->bytes);
    free(scan);
}

/* ---- matching ---- */

static int compare_scripts(struct btc_span a, struct btc_span b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

static int by_script(const void *a, const void *b)
{
    return compare_scripts(((const struct wanted *)a)->script, ((const struct wanted *)b)->script);
}

static bool is_full(const struct node_scan *scan)
{
    return scan->hits_count == NODE_SCAN_ITEM_HITS_MAX;
}

static void look_at_output(struct node_scan *scan, const struct btc_tx *tx, size_t out)
{
    struct wanted key = {.script = tx->outs[out].script};
    const struct wanted *found = bsearch(&key, scan->wanted, scan->count, sizeof(scan->wanted[0]),
                                         by_script);
    if (found == NULL)
        return;
    scan->hits[scan->hits_count++] = (struct node_scan_hit){
        .txid = node_hash(&tx->txid),
        .index = (uint32_t)out,
        .amount_sat = tx->outs[out].amount,
        .height = (uint32_t)scan->next,
        .script = found->index,
        .is_coinbase = scan->tx == 0,
    };
}

/* Stops where there is no more room; the position says where. */
static void look_at_block(struct node_scan *scan, const struct btc_block *block)
{
    for (; scan->tx < block->tx_count; scan->tx++, scan->out = 0) {
        const struct btc_tx *tx = &block->txs[scan->tx];
        for (; scan->out < tx->out_count; scan->out++) {
            if (is_full(scan))
                return;
            look_at_output(scan, tx, scan->out);
        }
    }
}

/* ---- the steps ---- */

/* Looks at the next block. 0, CHAIN_ABSENT at the end of the range or where the chain below is not the
 * one it began with, or an error. */
static int scan_block(struct node *node, struct node_scan *scan, struct btc_error *err)
{
    struct chain_entry entry;
    struct btc_block block;
    uint8_t *data = NULL;
    size_t size = 0;
    int rc = scan->next > scan->to ? CHAIN_ABSENT
                                   : chain_block_at(node->chain, scan->next, &entry, err);
    if (rc != 0)
        return rc < 0 ? rc : CHAIN_ABSENT;
    if (scan->has_prev && !btc_hash_equal(&entry.header.prev, &scan->prev))
        return CHAIN_ABSENT;
    if ((scan->tx > 0 || scan->out > 0) && !btc_hash_equal(&entry.hash, &scan->current))
        return CHAIN_ABSENT;
    scan->current = entry.hash;
    rc = chain_read_block(node->chain, &entry, &data, &size, err);
    if (rc == CHAIN_ABSENT)
        rc = btc_fail(err, BTC_ECORRUPT, "block %d is not in the store", entry.height);
    if (rc == 0)
        rc = btc_block_parse(data, size, &block, err);
    if (rc == 0) {
        look_at_block(scan, &block);
        if (scan->tx == block.tx_count) {
            scan->prev = entry.hash;
            scan->has_prev = true;
            scan->next++;
            scan->tx = 0;
        }
        btc_block_free(&block);
    }
    free(data);
    return rc;
}

static int scan_some(struct node *node, struct node_scan *scan, struct btc_error *err)
{
    uint64_t until_ms = troupe_now_ms() + NODE_STEP_MS;
    int rc = 0;
    while (rc == 0 && !is_full(scan) && troupe_now_ms() < until_ms)
        rc = scan_block(node, scan, err);
    scan->is_at_end = rc == CHAIN_ABSENT;
    return rc < 0 ? rc : 0;
}

/* Which of the hits are unspent now. */
static int look_up_coins(struct node *node, struct node_scan *scan, struct btc_error *err)
{
    struct btc_outpoint outpoints[NODE_SCAN_ITEM_HITS_MAX];
    struct chain_coins coins;
    for (size_t i = 0; i < scan->hits_count; i++) {
        memcpy(outpoints[i].txid.bytes, scan->hits[i].txid.bytes, BTC_HASH_SIZE);
        outpoints[i].index = scan->hits[i].index;
    }
    int rc = chain_get_coins(node->chain, outpoints, scan->hits_count, &coins, err);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < scan->hits_count; i++)
        scan->hits[i].is_unspent = coins.coins[i].found;
    chain_coins_free(&coins);
    return 0;
}

static enum job_outcome step_scan(struct troupe_actor *self, struct job *job)
{
    struct node_scan *scan = job->as.scan;
    struct btc_error err;
    (void)self;
    int rc = scan->is_at_end || is_full(scan) ? 0 : scan_some(job->node, scan, &err);
    uint64_t now_ms = troupe_now_ms();
    if (rc == 0 && !scan->is_at_end && !is_full(scan) &&
        now_ms - scan->reported_ms < NODE_REPORT_MS)
        return JOB_MORE;
    if (rc == 0)
        rc = look_up_coins(job->node, scan, &err);
    if (rc != 0) {
        node_fail_chain(job->call, rc, &err);
        return JOB_DONE;
    }
    struct node_scan_item item = {
        .height = scan->next > 0 ? (uint32_t)scan->next - 1 : 0,
        .to = (uint32_t)scan->to,
        .hits = scan->hits,
        .hits_count = scan->hits_count,
    };
    int error = node_scan_item(job->call, &item);
    if (error != 0)
        return node_job_item_failed(job, error);
    scan->hits_count = 0;
    scan->reported_ms = now_ms;
    if (!scan->is_at_end)
        return JOB_MORE;
    node_scan_end(job->call);
    return JOB_DONE;
}

/* ---- the beginning ---- */

static struct node_scan *scan_new(const struct node_scan_args *args)
{
    struct node_scan *scan = calloc(1, sizeof(*scan));
    size_t size = 0;
    for (size_t i = 0; i < args->scripts_count; i++)
        size += args->scripts[i].size;
    if (scan != NULL)
        scan->bytes = malloc(size + 1);
    if (scan == NULL || scan->bytes == NULL) {
        node_scan_free(scan);
        return NULL;
    }
    uint8_t *at = scan->bytes;
    scan->count = args->scripts_count;
    for (size_t i = 0; i < scan->count; i++) {
        struct troupe_bytes script = args->scripts[i];
        if (script.size > 0)
            memcpy(at, script.data, script.size);
        scan->wanted[i] = (struct wanted){{at, script.size}, (uint32_t)i};
        at += script.size;
    }
    qsort(scan->wanted, scan->count, sizeof(scan->wanted[0]), by_script);
    return scan;
}

void node_serve_scan(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct node_scan_args *args)
{
    struct node *node = state;
    struct chain_entry tip;
    chain_tip(node->chain, &tip);
    if (args->scripts_count == 0) {
        troupe_fail(call, TROUPE_EINVAL, "there is no script to look for");
        return;
    }
    struct job *job = node_job_new(node, call, step_scan);
    if (job == NULL)
        return;
    job->as.scan = scan_new(args);
    if (job->as.scan == NULL) {
        free(job);
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    job->as.scan->next = args->from > INT32_MAX ? INT32_MAX : (int32_t)args->from;
    job->as.scan->to = args->has_to && args->to < (uint32_t)tip.height ? (int32_t)args->to
                                                                       : tip.height;
    job->as.scan->reported_ms = troupe_now_ms();
    node_job_start(self, job);
}

bool node_job_is_scan(const struct job *job)
{
    return job->step == step_scan;
}
