/* The jobs that change the chain: mining on regtest, and importing a file. What they report was
 * committed before; a failure leaves all that came before it. */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/script.h"
#include "actors/node/mine.h"
#include "actors/node/node_impl.h"

static enum job_outcome step_mine(struct troupe_actor *self, struct job *job);
static enum job_outcome step_import(struct troupe_actor *self, struct job *job);

void node_work_free(struct job *job)
{
    if (job->step == step_mine)
        free(job->as.mine.script);
    if (job->step == step_import)
        import_close(job->as.import.file);
}

/* ---- mining ---- */

/* Adds what the pool picks for the next block to the request. */
static int pick_txs(struct node *node, struct mine_request *request, struct mempool_pick *ret_pick,
                    struct btc_error *err)
{
    size_t weight = MINE_SPARE_WEIGHT + 4 * request->script.size;
    size_t sigops = 4 * btc_script_sigops(request->script);
    int rc = mempool_pick(node->pool, BTC_BLOCK_WEIGHT_MAX - weight,
                          sigops < MINE_SIGOPS_MAX ? MINE_SIGOPS_MAX - sigops : 0, ret_pick, err);
    if (rc != 0)
        return rc;
    request->txs = ret_pick->txs;
    request->tx_count = ret_pick->count;
    request->fees = ret_pick->fees;
    return 0;
}

static int mine_one(struct job *job, struct chain_change *ret_change, struct btc_error *err)
{
    struct mine_request request = {
        .script = {job->as.mine.script, job->as.mine.script_size},
    };
    struct mempool_pick pick;
    struct chain_entry tip;
    uint8_t *data = NULL;
    size_t size = 0;
    chain_tip(job->node->chain, &tip);
    request.extra_nonce = (uint32_t)tip.height + 1;
    int rc = pick_txs(job->node, &request, &pick, err);
    if (rc != 0)
        return rc;
    rc = mine_block(job->node->chain, &request, &data, &size, err);
    if (rc == 0)
        rc = chain_add_block(job->node->chain, data, size, ret_change, err);
    mempool_pick_free(&pick);
    free(data);
    return rc > 0 ? btc_fail(err, BTC_EINVALID, "another branch has as much work") : rc;
}

/* The pool learns of a block when it is committed: what it picked must not be picked again before. */
static bool pool_is_empty(const struct job *job)
{
    struct mempool_tx tx;
    return !mempool_next(job->node->pool, 0, &tx);
}

/* Mines some blocks in one transaction: items[0..ready) when it is committed. */
static int mine_some(struct troupe_actor *self, struct job *job, struct btc_error *err)
{
    struct chain_change changes[NODE_MINE_STEP_MAX];
    uint32_t count = 0;
    uint32_t count_max = pool_is_empty(job) ? NODE_MINE_STEP_MAX : 1;
    int rc = chain_batch_begin(job->node->chain, err);
    if (rc != 0)
        return rc;
    while (rc == 0 && count < count_max && count < job->as.mine.left) {
        rc = mine_one(job, &changes[count], err);
        count += rc == 0;
    }
    struct btc_error why;
    int ended = chain_batch_end(job->node->chain, &why);
    if (ended != 0) {
        *err = why;
        return ended;
    }
    for (uint32_t i = 0; i < count; i++)
        job->as.mine.items[i] = (struct node_mine_item){
            .height = (uint32_t)changes[i].new_tip.height,
            .hash = node_hash(&changes[i].new_tip.hash)};
    job->as.mine.sent = 0;
    job->as.mine.ready = count;
    job->as.mine.left -= count;
    node_publish_changes(self, job->node, changes, count);
    return rc;
}

static enum job_outcome step_mine(struct troupe_actor *self, struct job *job)
{
    struct btc_error err;
    while (job->as.mine.sent < job->as.mine.ready) {
        int error = node_mine_item(job->call, &job->as.mine.items[job->as.mine.sent]);
        if (error != 0)
            return node_job_item_failed(job, error);
        job->as.mine.sent++;
    }
    if (job->as.mine.left == 0) {
        node_mine_end(job->call);
        return JOB_DONE;
    }
    int rc = mine_some(self, job, &err);
    if (rc != 0) {
        node_note_trouble(self, job->node, rc, &err);
        node_fail_chain(job->call, rc, &err);
        return JOB_DONE;
    }
    return JOB_MORE;
}

void node_serve_mine(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct node_mine_args *args)
{
    struct node *node = state;
    if (node->params->network != BTC_REGTEST) {
        node_fail_wrong_network(call, "blocks are mined on regtest only; this is another network");
        return;
    }
    struct job *job = node_job_new(node, call, step_mine);
    if (job == NULL)
        return;
    job->as.mine.script = malloc(args->script.size + 1);
    if (job->as.mine.script == NULL) {
        free(job);
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    if (args->script.size > 0)
        memcpy(job->as.mine.script, args->script.data, args->script.size);
    job->as.mine.script_size = args->script.size;
    job->as.mine.left = args->count;
    node_job_start(self, job);
}

/* ---- importing ---- */

struct batch {
    struct chain_change changes[NODE_BATCH_MAX];
    size_t changes_count;
    uint64_t headers;
    struct import_item item; /* the last one read; empty: the file itself failed */
};

/* 0, IMPORT_END, or why it stops. */
static int import_one(struct job *job, struct batch *batch, struct btc_error *err)
{
    struct chain *chain = job->node->chain;
    batch->item = (struct import_item){.size = 0};
    int rc = import_next(job->as.import.file, &batch->item, err);
    if (rc != 0)
        return rc;
    if (batch->item.kind == IMPORT_HEADERS) {
        size_t added = 0;
        rc = chain_add_headers(chain, batch->item.data, batch->item.size / BTC_HEADER_SIZE, &added,
                               err);
        batch->headers += added;
        return rc;
    }
    rc = chain_add_block(chain, batch->item.data, batch->item.size,
                         &batch->changes[batch->changes_count], err);
    if (rc == BTC_EORPHAN)
        return import_put_off(job->as.import.file, &batch->item, err);
    if (rc == 0)
        batch->changes_count++;
    job->as.import.progress.blocks += rc == 0 || rc == CHAIN_SIDE;
    return rc < 0 ? rc : import_arrived(job->as.import.file, &batch->item, err);
}

/* Reads for some milliseconds, in one transaction, and tells what came of it. */
static int import_some(struct troupe_actor *self, struct job *job, struct batch *batch,
                       struct btc_error *err)
{
    uint64_t until_ms = troupe_now_ms() + NODE_STEP_MS;
    uint64_t blocks = job->as.import.progress.blocks;
    int rc = chain_batch_begin(job->node->chain, err);
    if (rc != 0)
        return rc;
    for (int i = 0; rc == 0 && i < NODE_BATCH_MAX && troupe_now_ms() < until_ms; i++)
        rc = import_one(job, batch, err);
    struct btc_error why;
    int ended = chain_batch_end(job->node->chain, &why);
    if (ended != 0) { /* nothing of this step was kept, whatever went wrong before */
        job->as.import.progress.blocks = blocks;
        *err = why;
        return ended;
    }
    job->as.import.progress.headers += batch->headers;
    node_publish_changes(self, job->node, batch->changes, batch->changes_count);
    if (batch->headers > 0 && batch->changes_count == 0)
        node_publish_tip(self, job->node);
    return rc;
}

/* From time to time, and when it is over. A report that the asker has no room for is left out, but
 * for the last. */
static int report(struct troupe_actor *self, struct job *job, const struct batch *batch)
{
    struct node_import_file_item *progress = &job->as.import.progress;
    struct import_progress bytes;
    struct chain_entry tip;
    uint64_t now_ms = troupe_now_ms();
    if (!job->as.import.is_at_end && now_ms - job->as.import.reported_ms < NODE_REPORT_MS)
        return 0;
    job->as.import.reported_ms = now_ms;
    import_get_progress(job->as.import.file, &bytes);
    chain_tip(job->node->chain, &tip);
    progress->done_bytes = bytes.done_bytes;
    progress->total_bytes = bytes.total_bytes;
    progress->height = (uint32_t)tip.height;
    if (batch != NULL)
        node_publish_phase(self, job->node,
                           job->as.import.is_at_end             ? NODE_SYNC_PHASE_IDLE
                           : batch->item.kind == IMPORT_HEADERS ? NODE_SYNC_PHASE_HEADERS
                                                                : NODE_SYNC_PHASE_BLOCKS,
                           bytes.done_bytes, bytes.total_bytes);
    int error = node_import_file_item(job->call, progress);
    return error == TROUPE_EBUSY && !job->as.import.is_at_end ? 0 : error;
}

static void fail_import(struct troupe_actor *self, struct job *job, const struct batch *batch,
                        int code, const struct btc_error *err)
{
    struct import_progress bytes;
    import_get_progress(job->as.import.file, &bytes);
    node_note_trouble(self, job->node, code, err);
    node_publish_phase(self, job->node, NODE_SYNC_PHASE_IDLE, bytes.done_bytes, bytes.total_bytes);
    if (batch->item.size > 0) {
        node_fail_refusal(job->call, job->node, batch->item.data, batch->item.size,
                          batch->item.kind == IMPORT_BLOCK, code, err);
    } else if (code == BTC_EFORMAT) {
        struct node_bad_file data = {.offset_bytes = bytes.done_bytes};
        node_fail_bad_file(job->call, &data, err->text);
    } else {
        node_fail_chain(job->call, code, err);
    }
}

static enum job_outcome step_import(struct troupe_actor *self, struct job *job)
{
    struct batch batch = {.changes_count = 0};
    struct btc_error err;
    bool was_at_end = job->as.import.is_at_end;
    if (!was_at_end) {
        int rc = import_some(self, job, &batch, &err);
        if (rc < 0) {
            fail_import(self, job, &batch, rc, &err);
            return JOB_DONE;
        }
        job->as.import.is_at_end = rc == IMPORT_END;
    }
    int error = report(self, job, was_at_end ? NULL : &batch);
    if (error != 0)
        return node_job_item_failed(job, error);
    if (!job->as.import.is_at_end)
        return JOB_MORE;
    node_import_file_end(job->call);
    return JOB_DONE;
}

void node_serve_import_file(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct node_import_file_args *args)
{
    struct node *node = state;
    struct import *file = NULL;
    struct btc_error err;
    char path[NODE_IMPORT_FILE_PATH_BYTES_MAX + 1];
    if (args->path.size > 0)
        memcpy(path, args->path.data, args->path.size);
    path[args->path.size] = '\0';
    int rc = import_open(path, node->params, &file, &err);
    if (rc != 0) {
        struct node_bad_file data = {.offset_bytes = 0};
        if (rc == BTC_EIO || rc == BTC_EUSAGE)
            node_fail_bad_file(call, &data, err.text);
        else
            node_fail_chain(call, rc, &err);
        return;
    }
    struct job *job = node_job_new(node, call, step_import);
    if (job == NULL) {
        import_close(file);
        return;
    }
    job->as.import.file = file;
    node_job_start(self, job);
}
