/* The pool as a stream, and transactions that are tested: see node_impl.h. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/node_impl.h"

#define TESTS_MAX NODE_TEST_TXS_RESULTS_RESULTS_MAX

_Static_assert(TESTS_MAX <= MEMPOOL_TEST_MAX, "the pool tests as many");

/* ---- tests ---- */

/* Where each of the serialized transactions begins and ends. 0, BTC_EFORMAT, BTC_ELIMIT. */
static int split(const uint8_t *data, size_t size, struct btc_span *ret_txs, size_t *ret_count,
                 struct btc_error *err)
{
    size_t count = 0;
    for (size_t at = 0; at < size;) {
        size_t one = 0;
        if (count == TESTS_MAX)
            return btc_fail(err, BTC_ELIMIT, "at most %d transactions are tested at a time",
                            TESTS_MAX);
        int rc = btc_tx_measure(data + at, size - at, &one, err);
        if (rc != 0)
            return btc_fail_within(err, rc, "transaction %zu: ", count);
        ret_txs[count++] = (struct btc_span){data + at, one};
        at += one;
    }
    *ret_count = count;
    return 0;
}

static struct node_tx_test result_of(const struct mempool_verdict *verdict,
                                     const struct btc_error *err)
{
    bool allowed = verdict->reason[0] == '\0';
    return (struct node_tx_test){
        .txid = node_hash(&verdict->txid),
        .allowed = allowed,
        .has_reason = !allowed,
        .reason = troupe_text(verdict->reason),
        .has_details = !allowed,
        .details = troupe_text(err->text),
        .has_fee_sat = verdict->has_fee,
        .fee_sat = verdict->fee,
        .vsize_vbytes = (uint32_t)verdict->vsize,
    };
}

static void test_txs(struct node *node, struct troupe_call *call, const uint8_t *data, size_t size)
{
    struct btc_span txs[TESTS_MAX];
    struct mempool_verdict verdicts[TESTS_MAX];
    struct btc_error errors[TESTS_MAX];
    struct node_tx_test tests[TESTS_MAX];
    struct btc_error err;
    size_t count = 0;
    int rc = split(data, size, txs, &count, &err);
    if (rc != 0) {
        troupe_fail(call, TROUPE_EINVAL, err.text);
        return;
    }
    rc = mempool_test(node->pool, txs, count, node_now_s(), verdicts, errors, &err);
    if (rc != 0) {
        node_fail_chain(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < count; i++)
        tests[i] = result_of(&verdicts[i], &errors[i]);
    struct node_test_txs_results results = {.results = tests, .results_count = count};
    node_test_txs_reply(call, &results);
}

void node_serve_test_txs(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_test_txs_args *args)
{
    (void)self;
    uint8_t *data = malloc(args->txs.size + 1);
    if (data == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    troupe_blob_copy(&args->txs, data);
    test_txs(state, call, data, args->txs.size);
    free(data);
}

/* ---- the pool as a stream ---- */

static struct node_pool_totals totals_of(struct node *node)
{
    struct mempool_totals totals;
    mempool_get_totals(node->pool, node_now_s(), &totals);
    return (struct node_pool_totals){.txs = (uint32_t)totals.count,
                                     .vsize_vbytes = totals.vsize,
                                     .fees_sat = totals.fees,
                                     .usage_bytes = totals.usage,
                                     .usage_bytes_max = totals.usage_max,
                                     .min_rate_sat = totals.min_rate,
                                     .sequence = totals.sequence};
}

/* The transactions of the next item. */
static size_t collect(struct job *job, struct node_pool_tx *ret_txs, struct btc_writer *raw)
{
    struct mempool *pool = job->node->pool;
    struct mempool_tx tx;
    size_t count = 0;
    while (count < NODE_GET_MEMPOOL_ITEM_TXS_MAX && mempool_next(pool, job->as.pool.after, &tx)) {
        if (job->as.pool.with_raw && count > 0 &&
            raw->size + tx.tx->raw.size > NODE_POOL_ITEM_BYTES)
            break;
        if (job->as.pool.with_raw)
            btc_write_bytes(raw, tx.tx->raw.data, tx.tx->raw.size);
        job->as.pool.after = tx.sequence;
        ret_txs[count++] = (struct node_pool_tx){.txid = node_hash(&tx.tx->txid),
                                                 .fee_sat = tx.fee,
                                                 .vsize_vbytes = (uint32_t)tx.vsize,
                                                 .sequence = tx.sequence,
                                                 .size_bytes = (uint32_t)tx.tx->raw.size,
                                                 .time_s = tx.time_s};
    }
    return count;
}

static enum job_outcome step_pool(struct troupe_actor *self, struct job *job)
{
    struct node_pool_tx txs[NODE_GET_MEMPOOL_ITEM_TXS_MAX];
    struct btc_writer raw;
    uint64_t before = job->as.pool.after;
    (void)self;
    btc_writer_init(&raw, NODE_GET_MEMPOOL_ITEM_RAW_BYTES_MAX);
    size_t count = collect(job, txs, &raw);
    if (raw.failed != 0) {
        btc_writer_free(&raw);
        troupe_fail(job->call, TROUPE_ENOMEM, NULL);
        return JOB_DONE;
    }
    if (count == 0 && job->as.pool.has_sent) {
        node_get_mempool_end(job->call);
        return JOB_DONE;
    }
    struct node_get_mempool_item item = {.txs = txs,
                                         .txs_count = count,
                                         .raw = {.data = raw.data, .size = raw.size},
                                         .totals = totals_of(job->node)};
    int error = node_get_mempool_item(job->call, &item);
    btc_writer_free(&raw);
    if (error != 0) {
        job->as.pool.after = before;
        return node_job_item_failed(job, error);
    }
    job->as.pool.has_sent = true;
    return JOB_MORE;
}

void node_serve_get_mempool(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct node_get_mempool_args *args)
{
    struct job *job = node_job_new(state, call, step_pool);
    if (job == NULL)
        return;
    job->as.pool.after = args->after_seq;
    job->as.pool.with_raw = args->with_raw;
    node_job_start(self, job);
}
