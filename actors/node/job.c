/* What takes long, in turns: see node_impl.h. A turn is a timer of 0 ms: it comes behind what waits
 * in the mailbox. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/node_impl.h"

static void tick(struct troupe_actor *self, void *user);

static void job_free(struct job *job)
{
    node_work_free(job);
    if (node_job_is_scan(job))
        node_scan_free(job->as.scan);
    free(job);
}

/* Nobody's turn will come: there is no memory for a timer. */
static void abandon(struct node *node, int error)
{
    for (struct job *job = node->jobs; job != NULL; job = job->next)
        troupe_fail(job->call, error, "the node has no room for its work");
    node_jobs_free(node);
}

/* A waiting job whose asker is gone is let go at the next turn of any. */
static bool is_ready(const struct job *job)
{
    return !job->is_waiting || troupe_cancelled(job->call);
}

static void schedule(struct troupe_actor *self, struct node *node)
{
    struct job *job = node->jobs;
    while (job != NULL && !is_ready(job))
        job = job->next;
    if (job == NULL || node->is_ticking)
        return;
    int error = troupe_after(self, 0, tick, node, NULL);
    node->is_ticking = error == 0;
    if (error != 0)
        abandon(node, error);
}

static void on_room(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    struct job *job = user;
    (void)call;
    job->is_waiting = false;
    schedule(self, job->node);
}

static void append(struct node *node, struct job *job)
{
    struct job **at = &node->jobs;
    while (*at != NULL)
        at = &(*at)->next;
    job->next = NULL;
    *at = job;
}

static void tick(struct troupe_actor *self, void *user)
{
    struct node *node = user;
    struct job **at = &node->jobs;
    node->is_ticking = false;
    while (*at != NULL && !is_ready(*at))
        at = &(*at)->next;
    struct job *job = *at;
    if (job == NULL)
        return;
    *at = job->next;
    enum job_outcome outcome = JOB_DONE;
    if (troupe_cancelled(job->call))
        troupe_fail(job->call, TROUPE_ECANCELED, NULL);
    else
        outcome = job->step(self, job);
    if (outcome == JOB_DONE) {
        node->jobs_count--;
        job_free(job);
    } else {
        append(node, job);
        job->is_waiting = outcome == JOB_WAIT;
        if (job->is_waiting)
            troupe_on_room(job->call, on_room, job);
    }
    schedule(self, node);
}

struct job *node_job_new(struct node *node, struct troupe_call *call,
                         enum job_outcome (*step)(struct troupe_actor *self, struct job *job))
{
    struct job *job = NULL;
    if (node->jobs_count >= NODE_JOBS_MAX) {
        troupe_fail(call, TROUPE_EBUSY, "the node serves as many streams as it can; try later");
        return NULL;
    }
    job = calloc(1, sizeof(*job));
    if (job == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return NULL;
    }
    job->node = node;
    job->call = call;
    job->step = step;
    return job;
}

void node_job_start(struct troupe_actor *self, struct job *job)
{
    troupe_defer(job->call);
    job->node->jobs_count++;
    append(job->node, job);
    schedule(self, job->node);
}

void node_jobs_free(struct node *node)
{
    while (node->jobs != NULL) {
        struct job *job = node->jobs;
        node->jobs = job->next;
        job_free(job);
    }
    node->jobs_count = 0;
}

enum job_outcome node_job_item_failed(struct job *job, int error)
{
    if (error == TROUPE_EBUSY)
        return JOB_WAIT;
    troupe_fail(job->call, error, NULL);
    return JOB_DONE;
}

/* ---- ranges of the active chain ---- */

/* The entry at the job's next height. False: the range is at its end, or the chain below it is not
 * the one it began with; the call was answered. */
static bool next_entry(struct job *job, struct chain_entry *ret_entry, void (*end)(struct job *job))
{
    struct btc_error err;
    if (job->as.range.next > job->as.range.to) {
        end(job);
        return false;
    }
    int rc = chain_block_at(job->node->chain, job->as.range.next, ret_entry, &err);
    if (rc < 0) {
        node_fail_chain(job->call, rc, &err);
        return false;
    }
    if (rc != 0 ||
        (job->as.range.has_prev && !btc_hash_equal(&ret_entry->header.prev, &job->as.range.prev))) {
        end(job);
        return false;
    }
    return true;
}

static void passed(struct job *job, const struct chain_entry *entry)
{
    job->as.range.prev = entry->hash;
    job->as.range.has_prev = true;
    job->as.range.next = entry->height + 1;
}

static void end_blocks(struct job *job)
{
    node_get_blocks_end(job->call);
}

/* One block a turn. One that there is no room for is read again: rare, and nothing is kept. */
static enum job_outcome step_blocks(struct troupe_actor *self, struct job *job)
{
    struct chain_entry entry;
    struct btc_error err;
    uint8_t *data = NULL;
    size_t size = 0;
    (void)self;
    if (!next_entry(job, &entry, end_blocks))
        return JOB_DONE;
    int rc = chain_read_block(job->node->chain, &entry, &data, &size, &err);
    if (rc != 0) {
        if (rc > 0)
            rc = btc_fail(&err, BTC_ECORRUPT, "block %d is not in the store", entry.height);
        node_fail_chain(job->call, rc, &err);
        return JOB_DONE;
    }
    struct node_get_blocks_item item = {
        .height = (uint32_t)entry.height,
        .hash = node_hash(&entry.hash),
        .prev_hash = node_hash(&entry.header.prev),
        .block = {.data = data, .size = size},
    };
    int error = node_get_blocks_item(job->call, &item);
    free(data);
    if (error != 0)
        return node_job_item_failed(job, error);
    passed(job, &entry);
    return JOB_MORE;
}

void node_serve_get_blocks(struct troupe_actor *self, void *state, struct troupe_call *call,
                           const struct node_get_blocks_args *args)
{
    struct job *job = node_job_new(state, call, step_blocks);
    if (job == NULL)
        return;
    job->as.range.next = args->from > INT32_MAX ? INT32_MAX : (int32_t)args->from;
    job->as.range.to = args->to > INT32_MAX ? INT32_MAX - 1 : (int32_t)args->to;
    node_job_start(self, job);
}

static void end_headers(struct job *job)
{
    node_get_headers_end(job->call);
}

static enum job_outcome step_headers(struct troupe_actor *self, struct job *job)
{
    uint8_t headers[NODE_HEADERS_ITEM_MAX * BTC_HEADER_SIZE];
    struct chain_entry entry;
    struct job before = *job;
    size_t count = 0;
    (void)self;
    if (!next_entry(job, &entry, end_headers))
        return JOB_DONE;
    struct node_get_headers_item item = {.height = (uint32_t)entry.height};
    do {
        btc_header_write(&entry.header, headers + count++ * BTC_HEADER_SIZE);
        passed(job, &entry);
    } while (count < NODE_HEADERS_ITEM_MAX && job->as.range.next <= job->as.range.to &&
             chain_block_at(job->node->chain, job->as.range.next, &entry, NULL) == 0 &&
             btc_hash_equal(&entry.header.prev, &job->as.range.prev));
    item.headers = (struct troupe_bytes){.data = headers, .size = count * BTC_HEADER_SIZE};
    int error = node_get_headers_item(job->call, &item);
    if (error != 0) {
        job->as = before.as;
        return node_job_item_failed(job, error);
    }
    return JOB_MORE;
}

void node_serve_get_headers(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct node_get_headers_args *args)
{
    struct node *node = state;
    struct btc_hash locator[NODE_GET_HEADERS_LOCATOR_MAX];
    struct chain_entry fork;
    struct btc_error err;
    bool has_fork = false;
    for (size_t i = 0; i < args->locator_count; i++)
        memcpy(locator[i].bytes, args->locator[i].bytes, BTC_HASH_SIZE);
    int rc = chain_find_fork(node->chain, locator, args->locator_count, &fork, &err);
    if (rc != 0) {
        node_fail_chain(call, rc, &err);
        return;
    }
    struct job *job = node_job_new(node, call, step_headers);
    if (job == NULL)
        return;
    for (size_t i = 0; i < args->locator_count; i++)
        has_fork = has_fork || btc_hash_equal(&locator[i], &fork.hash);
    job->as.range.next = has_fork ? fork.height + 1 : 0; /* genesis is told, too */
    job->as.range.to = job->as.range.next - 1 +
                       (int32_t)(args->max != 0 ? args->max : NODE_GET_HEADERS_MAX_MAX);
    node_job_start(self, job);
}
