/* Keeping the book level with the node: see the diagram in wallet_impl.h. What is asked here is
 * asked from timers, so that it does not inherit the deadline of a call that caused it. */
#include <stdlib.h>
#include <string.h>

#include "actors/wallet/wallet_impl.h"

static void begin(struct troupe_actor *self, void *user);

/* ---- calls that wait ---- */

static void take_wait(struct wallet *wallet, size_t index)
{
    wallet->waits[index] = wallet->waits[--wallet->waits_count];
}

void wallet_answer_waits(struct wallet *wallet)
{
    struct wallet_wait_synced_results results;
    bool is_level = wallet->phase == WALLET_IDLE && !wallet->is_wanted && !wallet->pool.is_behind &&
                    wallet_synced(wallet, &results.synced, NULL) == 0;
    for (size_t i = wallet->waits_count; i-- > 0;) {
        struct wallet_wait wait = wallet->waits[i];
        if (is_level && results.synced.height >= wait.height) {
            take_wait(wallet, i);
            wallet_wait_synced_reply(wait.call, &results);
        } else if (troupe_cancelled(wait.call)) {
            take_wait(wallet, i);
            troupe_fail(wait.call, TROUPE_ECANCELED, NULL);
        }
    }
}

static void fail_waits(struct wallet *wallet, int code, const struct btc_error *err)
{
    while (wallet->waits_count > 0) {
        struct troupe_call *call = wallet->waits[0].call;
        take_wait(wallet, 0);
        wallet_fail_book(call, code, err);
    }
}

void wallet_serve_wait_synced(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_wait_synced_args *args)
{
    struct wallet *wallet = state;
    wallet_answer_waits(wallet);
    if (wallet->waits_count == WALLET_WAITS_MAX) {
        troupe_fail(call, TROUPE_EBUSY, "too many wait for the wallet already; try later");
        return;
    }
    troupe_defer(call);
    wallet->waits[wallet->waits_count++] = (struct wallet_wait){.call = call,
                                                                .height = args->height};
    struct wallet_synced synced;
    if (wallet_synced(wallet, &synced, NULL) == 0 && synced.height >= args->height)
        wallet_answer_waits(wallet);
    else
        wallet_follow(self, wallet); /* it may know of a block before its event is here */
}

/* ---- taking blocks in ---- */

static void schedule(struct troupe_actor *self, struct wallet *wallet, uint32_t delay_ms)
{
    int error = troupe_after(self, delay_ms, begin, wallet, NULL);
    wallet->phase = error == 0 ? WALLET_SCHEDULED : WALLET_IDLE; /* else the next event begins */
    if (error != 0)
        troupe_report(self, "can't go on following the node now: %s", troupe_error_text(error));
}

void wallet_follow(struct troupe_actor *self, struct wallet *wallet)
{
    wallet->is_wanted = true;
    if (wallet->phase == WALLET_IDLE)
        schedule(self, wallet, 0);
}

/* The node could not be asked, or the book failed: everything is in doubt. */
static void try_later(struct troupe_actor *self, struct wallet *wallet)
{
    wallet->is_wanted = true;
    wallet->is_doubtful = true;
    schedule(self, wallet, WALLET_RETRY_MS);
}

static void book_failed(struct troupe_actor *self, struct wallet *wallet, int code,
                        const struct btc_error *err)
{
    if (!wallet->is_failure_told)
        troupe_report(self, "%s; the wallet itself tries again every second", err->text);
    wallet->is_failure_told = true;
    wallet->is_failed = true;
    fail_waits(wallet, code, err);
}

/* 0, an outcome of the book's, or a failure of it. */
static int apply(struct troupe_actor *self, struct wallet *wallet,
                 const struct node_get_blocks_item *item, struct btc_error *err)
{
    struct btc_hash hash;
    struct btc_hash prev;
    size_t changes = 0;
    if (item->block.size > wallet->block_size) {
        uint8_t *block = realloc(wallet->block, item->block.size);
        if (block == NULL)
            return btc_fail(err, BTC_ENOMEM, "no memory for a block of %zu bytes",
                            item->block.size);
        wallet->block = block;
        wallet->block_size = item->block.size;
    }
    if (item->block.size > 0)
        troupe_blob_copy(&item->block, wallet->block);
    memcpy(hash.bytes, item->hash.bytes, sizeof(hash.bytes));
    memcpy(prev.bytes, item->prev_hash.bytes, sizeof(prev.bytes));
    int rc = book_apply_block(wallet->book, (int32_t)item->height, &hash, &prev, wallet->block,
                              item->block.size, &changes, err);
    if (rc == 0 && changes > 0) {
        wallet_tell_txs(self, wallet, (int32_t)item->height, changes);
        wallet_tell_used(self, wallet, (int32_t)item->height);
    }
    return rc;
}

static void on_block(struct troupe_actor *self, void *user, const struct node_get_blocks_item *item)
{
    struct wallet *wallet = user;
    struct btc_error err;
    if (wallet->is_given_up)
        return;
    if (item->height > wallet->node_height)
        wallet->node_height = item->height;
    int rc = apply(self, wallet, item, &err);
    if (rc == 0)
        wallet_tell_state(self, wallet, false);
    if (rc == 0 || rc == BOOK_KNOWN)
        return;
    if (rc < 0)
        book_failed(self, wallet, rc, &err);
    wallet->is_given_up = true; /* rewound for a rescan meanwhile, or another branch */
    wallet->is_wanted = true;
    wallet->is_doubtful = true;
    troupe_cancel(self, wallet->stream);
}

static void on_end(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct wallet *wallet = user;
    wallet->phase = WALLET_IDLE;
    if (wallet->is_failed || (error != NULL && error->code != TROUPE_ECANCELED)) {
        try_later(self, wallet);
    } else if (wallet->is_wanted || error != NULL) {
        schedule(self, wallet, 0);
    } else {
        wallet->is_failure_told = false;
        wallet_tell_state(self, wallet, true);
        wallet_answer_waits(wallet);
    }
}

static void read_on(struct troupe_actor *self, struct wallet *wallet)
{
    struct wallet_synced synced;
    struct btc_error err;
    struct troupe_options options = {.ret_token = &wallet->stream};
    int rc = wallet_synced(wallet, &synced, &err);
    if (rc != 0) {
        book_failed(self, wallet, rc, &err);
        try_later(self, wallet);
        return;
    }
    struct node_get_blocks_args args = {.from = synced.height + 1, .to = UINT32_MAX};
    wallet->phase = WALLET_BLOCKS;
    if (node_get_blocks_ask(self, wallet->node, &args, on_block, on_end, wallet, &options) != 0)
        try_later(self, wallet);
}

/* ---- the branch ---- */

static void on_fork(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct node_find_fork_results *results)
{
    struct wallet *wallet = user;
    struct wallet_synced synced;
    struct btc_error err;
    if (error != NULL) {
        try_later(self, wallet);
        return;
    }
    int rc = wallet_synced(wallet, &synced, &err);
    if (rc == 0 && results->height < synced.height) {
        wallet_tell_removed(self, wallet, (int32_t)results->height);
        rc = book_rewind(wallet->book, (int32_t)results->height, &err);
        wallet_pool_look_at_all(self, wallet); /* what was in those blocks is pending again */
    }
    if (rc != 0) {
        book_failed(self, wallet, rc, &err);
        try_later(self, wallet);
        return;
    }
    wallet->is_doubtful = false;
    read_on(self, wallet);
}

/* The last ten blocks one by one, then in doubling steps, genesis last. */
static int make_locator(struct wallet *wallet, struct node_hash32 *locator, size_t *ret_count,
                        struct btc_error *err)
{
    struct btc_hash hash;
    int32_t height = 0;
    int32_t step = 1;
    size_t count = 0;
    int rc = book_synced(wallet->book, &height, &hash, err);
    while (rc == 0 && count < NODE_FIND_FORK_LOCATOR_MAX) {
        rc = book_find_block(wallet->book, height, &hash, err);
        if (rc == 0)
            memcpy(locator[count++].bytes, hash.bytes, sizeof(hash.bytes));
        if (rc < 0 || height == 0)
            break;
        rc = 0; /* longer ago than kept: go on to genesis */
        step = count > 10 ? step * 2 : 1;
        height = height > step ? height - step : 0;
    }
    *ret_count = count;
    return rc < 0 ? rc : 0;
}

static void begin(struct troupe_actor *self, void *user)
{
    struct wallet *wallet = user;
    struct node_hash32 locator[NODE_FIND_FORK_LOCATOR_MAX];
    struct node_find_fork_args args = {.locator = locator};
    struct btc_error err;
    wallet->is_wanted = false;
    wallet->is_given_up = false;
    wallet->is_failed = false;
    if (!wallet->is_doubtful) {
        read_on(self, wallet);
        return;
    }
    int rc = make_locator(wallet, locator, &args.locator_count, &err);
    if (rc != 0) {
        book_failed(self, wallet, rc, &err);
        try_later(self, wallet);
        return;
    }
    wallet->phase = WALLET_FORK;
    if (node_find_fork_ask(self, wallet->node, &args, on_fork, wallet, NULL) != 0)
        try_later(self, wallet);
}

/* ---- what the node tells ---- */

static void on_connected(struct troupe_actor *self, void *user,
                         const struct node_block_connected *event,
                         const struct troupe_event_info *info)
{
    struct wallet *wallet = user;
    struct btc_hash hash;
    (void)info;
    if (event == NULL) { /* some were missed */
        wallet->is_doubtful = true;
    } else {
        wallet->node_height = event->height;
        if (book_find_block(wallet->book, (int32_t)event->height, &hash, NULL) == 0 &&
            memcmp(hash.bytes, event->hash.bytes, sizeof(hash.bytes)) == 0)
            return; /* came in the stream already */
    }
    wallet_follow(self, wallet);
}

static void on_disconnected(struct troupe_actor *self, void *user,
                            const struct node_block_disconnected *event,
                            const struct troupe_event_info *info)
{
    struct wallet *wallet = user;
    (void)info;
    if (event != NULL)
        wallet->node_height = event->height - 1;
    wallet->is_doubtful = true;
    wallet_follow(self, wallet);
}

static void on_tip(struct troupe_actor *self, void *user, const struct node_tip_changed *event,
                   const struct troupe_event_info *info)
{
    struct wallet *wallet = user;
    (void)self;
    (void)info;
    if (event != NULL)
        wallet->node_height = event->tip.height;
}

int wallet_follow_start(struct troupe_actor *self, struct wallet *wallet)
{
    struct troupe_handler *handler;
    int error = troupe_lookup(self, "node", &wallet->node);
    if (error == 0)
        error = node_on_block_connected(self, wallet->node, on_connected, wallet, &handler);
    if (error == 0)
        error = node_on_block_disconnected(self, wallet->node, on_disconnected, wallet, &handler);
    if (error == 0)
        error = node_on_tip_changed(self, wallet->node, on_tip, wallet, &handler);
    if (error != 0)
        return error;
    wallet->is_doubtful = true;
    wallet_follow(self, wallet);
    return 0;
}
