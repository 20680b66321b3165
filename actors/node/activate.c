/* The calls that change a chain, and which branch of it is active: see chain.h and engine.h. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/engine.h"

/* ---- what the handle shows ---- */

static struct chain_view view(const struct chain *chain)
{
    return (struct chain_view){.tip = chain->tip, .best = chain->best, .stats = chain->stats};
}

static void put_back(struct chain *chain, const struct chain_view *before)
{
    chain->tip = before->tip;
    chain->best = before->best;
    chain->stats = before->stats;
    chain->window = (struct time_window){0}; /* rows have gone, and their ids come again */
}

/* ---- batches ---- */

int chain_batch_begin(struct chain *chain, struct btc_error *err)
{
    chain->store.err = err;
    if (chain->batch)
        return btc_fail(err, BTC_EUSAGE, "a batch is open already");
    int rc = chain_store_run(&chain->store, ST_BEGIN);
    chain->batch = rc == 0;
    chain->before_batch = view(chain);
    return rc;
}

int chain_batch_end(struct chain *chain, struct btc_error *err)
{
    chain->store.err = err;
    if (!chain->batch)
        return btc_fail(err, BTC_EUSAGE, "no batch is open");
    chain->batch = false;
    int rc = chain_store_run(&chain->store, ST_COMMIT);
    if (rc == 0)
        return 0;
    chain->store.err = NULL;
    if (!sqlite3_get_autocommit(chain->store.db))
        (void)!chain_store_run(&chain->store, ST_ROLL_BACK);
    put_back(chain, &chain->before_batch);
    return rc;
}

/*
 * Begin a change. Inside a batch SQLite may have undone everything after a failure, on a full disk
 * for one: what came after would then be kept without what came before, so the rest of the batch is
 * refused.
 */
static int begin_change(struct chain *chain, struct btc_error *err)
{
    chain->store.err = err;
    if (chain->batch && sqlite3_get_autocommit(chain->store.db))
        return btc_fail(err, BTC_EIO, "this batch was undone after an earlier failure; end it");
    chain->before = view(chain);
    return chain_store_save(&chain->store);
}

/* End it; after a failure the handle shows again what the store holds, and err the reason. */
static int end_change(struct chain *chain, int rc)
{
    rc = chain_store_end(&chain->store, rc);
    if (rc >= 0)
        return rc;
    bool whole_batch = chain->batch && sqlite3_get_autocommit(chain->store.db);
    put_back(chain, whole_batch ? &chain->before_batch : &chain->before);
    return rc;
}

/* ---- headers ---- */

/* A header that was refused, as opposed to a failure of ours. */
static bool is_refusal(int rc)
{
    return rc == BTC_EINVALID || rc == BTC_EORPHAN || rc == BTC_ENETWORK;
}

int chain_add_headers(struct chain *chain, const uint8_t *bytes, size_t count, size_t *ret_added,
                      struct btc_error *err)
{
    *ret_added = 0;
    int rc = begin_change(chain, err);
    if (rc != 0)
        return rc;
    size_t added = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct btc_header header;
        struct chain_entry entry;
        int32_t height = chain->last_height + 1;
        btc_header_parse(bytes + i * BTC_HEADER_SIZE, &header);
        rc = chain_accept_header(chain, &header, &entry, &height);
        if (rc < 0) {
            btc_fail_within(err, rc, "header %d: ", height);
            break;
        }
        chain->last_height = entry.height;
        added += rc == 0;
        rc = 0;
    }
    int ended = end_change(chain, is_refusal(rc) ? 0 : rc);
    if (ended == 0)
        *ret_added = added;
    return ended != 0 ? ended : rc;
}

/* ---- which branch is active ---- */

/* The blocks from `leaf` back to the active chain, newest first. */
struct path {
    struct chain_entry *entries; /* [owned] */
    size_t count;
    size_t capacity;
    struct chain_entry fork; /* the active block that they build on */
    bool complete;           /* all of them are stored */
};

static int path_push(struct path *path, const struct chain_entry *entry, struct btc_error *err)
{
    if (path->count == path->capacity) {
        size_t capacity = path->capacity == 0 ? 8 : path->capacity * 2;
        struct chain_entry *entries = realloc(path->entries, capacity * sizeof(*entries));
        if (entries == NULL)
            return btc_fail(err, BTC_ENOMEM, "no memory for a branch of %zu blocks", capacity);
        path->entries = entries;
        path->capacity = capacity;
    }
    path->entries[path->count++] = *entry;
    return 0;
}

static int find_path(struct chain *chain, const struct chain_entry *leaf, struct path *ret_path)
{
    struct path path = {.complete = true};
    struct chain_entry at = *leaf;
    int rc = 0;
    while (rc == 0 && path.complete) {
        int active = at.id == chain->tip.id ? 1 : chain_is_active(chain, &at, chain->store.err);
        if (active != 0) {
            rc = active < 0 ? active : 0;
            break;
        }
        path.complete = at.has_block && !at.failed;
        rc = path_push(&path, &at, chain->store.err);
        if (rc == 0)
            rc = chain_store_get(&chain->store, at.prev_id, &at);
    }
    if (rc != 0) {
        free(path.entries);
        return rc < 0 ? rc : btc_fail(chain->store.err, BTC_ECORRUPT, "a header is missing");
    }
    path.fork = at;
    *ret_path = path;
    return 0;
}

/* Connect one block of a branch: `fresh` when it is that, else as stored; `fresh` may be NULL. */
static int connect_entry(struct chain *chain, struct chain_entry *entry,
                         const struct btc_block *fresh)
{
    struct btc_error *err = chain->store.err;
    uint8_t *raw = NULL;
    size_t size = 0;
    struct btc_block stored = {0};
    const struct btc_block *block = fresh;
    int rc = 0;
    if (fresh == NULL || !btc_hash_equal(&entry->hash, &fresh->hash)) {
        rc = chain_store_get_blob(&chain->store, ST_BLOCK_READ, entry->id, &raw, &size);
        if (rc == 0)
            rc = btc_block_parse(raw, size, &stored, err);
        if (rc == CHAIN_ABSENT || rc == BTC_EFORMAT || rc == BTC_EINVALID)
            rc = btc_fail(err, BTC_ECORRUPT, "its stored data is damaged; import again");
        block = &stored;
    }
    if (rc == 0)
        rc = chain_connect(chain, block, entry);
    btc_block_free(&stored);
    free(raw);
    if (rc == 0)
        return 0;
    char text[BTC_HASH_HEX_SIZE];
    btc_hash_to_hex(&entry->hash, text);
    return btc_fail_within(err, rc, "block %d (%s): ", entry->height, text);
}

/* Make the branch of `path` the active one. On BTC_EINVALID *ret_bad is the block that broke a
 * rule. */
static int switch_to(struct chain *chain, struct path *path, const struct btc_block *fresh,
                     struct chain_entry *ret_bad)
{
    if (chain->tip.height - path->fork.height > CHAIN_REORG_MAX)
        return btc_fail(chain->store.err, BTC_ELIMIT,
                        "a branch with more work would undo %d blocks, over the maximum of %d",
                        chain->tip.height - path->fork.height, CHAIN_REORG_MAX);
    int rc = 0;
    while (rc == 0 && chain->tip.id != path->fork.id)
        rc = chain_disconnect(chain);
    for (size_t i = path->count; rc == 0 && i-- > 0;) {
        rc = connect_entry(chain, &path->entries[i], fresh);
        if (rc == BTC_EINVALID)
            *ret_bad = path->entries[i];
    }
    return rc;
}

/* A block that broke a rule is never tried again, nor what builds on it; the most work is elsewhere
 * now. `fresh`: a header that was taken back with it, or NULL. */
static int mark_failed(struct chain *chain, const struct btc_header *fresh,
                       const struct btc_hash *bad)
{
    struct chain_entry entry;
    int32_t height;
    int rc = fresh != NULL ? chain_accept_header(chain, fresh, &entry, &height) : 0;
    if (rc >= 0)
        rc = chain_store_find(&chain->store, bad, &entry);
    if (rc == 0)
        rc = chain_store_change(&chain->store, ST_HEADER_FAIL, entry.id, 0);
    if (rc == 0)
        rc = chain_store_top(&chain->store, ST_HEADER_MOST_WORK, &entry);
    if (rc != 0)
        return rc < 0 ? rc : BTC_ECORRUPT;
    if (chain->best.id == entry.id)
        return 0;
    chain->best.work = (struct btc_u256){{0}};
    return chain_update_best(chain, &entry);
}

/* False: it could not be kept, and is refused again later. */
static bool remember_failure(struct chain *chain, const struct btc_header *fresh,
                             const struct btc_hash *bad)
{
    struct btc_error *err = chain->store.err;
    bool kept = begin_change(chain, NULL) == 0 &&
                end_change(chain, mark_failed(chain, fresh, bad)) == 0;
    chain->store.err = err;
    return kept;
}

/* ---- blocks ---- */

/* Is a person to be asked before this branch is followed? */
static bool hold(struct chain *chain, const struct path *path)
{
    int32_t undone = chain->tip.height - path->fork.height;
    if (chain->hold == 0 || undone <= chain->hold || undone > CHAIN_REORG_MAX)
        return false;
    chain->has_held = true;
    chain->held_leaf = path->entries[0];
    chain->held_fork = path->fork;
    if (chain->on_held != NULL)
        chain->on_held(chain->on_held_user);
    return true;
}

/* Make the most work that is stored from `id` on active, if it is more than the present. `fresh`:
 * the block that came just now; NULL: it was decided already. */
static int follow(struct chain *chain, int64_t id, const struct btc_block *fresh,
                  struct chain_change *change, struct chain_entry *ret_bad)
{
    struct chain_entry leaf;
    struct path path = {0};
    int rc = chain_store_branch_leaf(&chain->store, id, &leaf);
    if (rc != 0)
        return rc < 0 ? rc : btc_fail(chain->store.err, BTC_ECORRUPT, "a header is missing");
    if (btc_u256_compare(&leaf.work, &chain->tip.work) <= 0)
        return fresh != NULL ? CHAIN_SIDE : CHAIN_KNOWN;
    rc = find_path(chain, &leaf, &path);
    if (rc != 0)
        return rc;
    change->old_tip = chain->tip;
    change->fork = path.fork;
    if (!path.complete || (fresh != NULL && hold(chain, &path)))
        rc = CHAIN_SIDE;
    else
        rc = switch_to(chain, &path, fresh, ret_bad);
    change->new_tip = chain->tip;
    free(path.entries);
    return rc;
}

/* Store a block whose header was accepted and connect what it makes possible. */
static int take_block(struct chain *chain, const struct btc_block *block, struct chain_entry *entry,
                      struct chain_change *change, struct chain_entry *ret_bad)
{
    struct chain_store *store = &chain->store;
    int rc = chain_store_put_blob(store, ST_BLOCK_ADD, entry->id, block->raw.data, block->raw.size);
    if (rc == 0)
        rc = chain_store_change(store, ST_BLOCK_FLAG, entry->id, (int64_t)block->tx_count);
    return rc != 0 ? rc : follow(chain, entry->id, block, change, ret_bad);
}

/* Header rules and shape; then it is ready to be taken. 0, CHAIN_KNOWN when only the header was
 * known. */
static int check_new_block(struct chain *chain, const struct btc_block *block,
                           struct chain_entry *ret_entry)
{
    struct btc_error *err = chain->store.err;
    int32_t height = -1;
    int rc = chain_accept_header(chain, &block->header, ret_entry, &height);
    if (rc >= 0) {
        struct block_context context = {.params = chain->params, .height = ret_entry->height};
        rc = ret_entry->failed ? btc_fail(err, BTC_EINVALID, "it was refused before")
                               : chain_check_shape(block, &context, err);
    }
    if (rc == 0)
        return 0;
    char text[BTC_HASH_HEX_SIZE];
    btc_hash_to_hex(&block->hash, text);
    return height < 0 ? btc_fail_within(err, rc, "block %s: ", text)
                      : btc_fail_within(err, rc, "block %d (%s): ", height, text);
}

/* *ret_again: a block behind this one broke a rule, not this one; that is known now. */
static int add_once(struct chain *chain, const struct btc_block *block,
                    struct chain_change *ret_change, bool *ret_again, struct btc_error *err)
{
    struct chain_entry entry = {0};
    struct chain_entry bad = {0};
    struct chain_change change = {0};
    *ret_again = false;
    int rc = begin_change(chain, err);
    if (rc != 0)
        return rc;
    rc = check_new_block(chain, block, &entry);
    if (rc == 0)
        rc = take_block(chain, block, &entry, &change, &bad);
    int outcome = rc > 0 ? rc : 0;
    rc = end_change(chain, rc > 0 ? 0 : rc);
    if (rc == BTC_EINVALID && bad.id != 0)
        *ret_again = remember_failure(chain, &block->header, &bad.hash) &&
                     bad.height > entry.height;
    if (rc != 0 || outcome != 0)
        return rc != 0 ? rc : outcome;
    *ret_change = change;
    return 0;
}

/* Each time round, one more of the stored blocks behind this one is known to be bad. */
static int add_parsed(struct chain *chain, const struct btc_block *block,
                      struct chain_change *ret_change, struct btc_error *err)
{
    bool again;
    int rc;
    do {
        rc = add_once(chain, block, ret_change, &again, err);
    } while (again);
    return rc;
}

int chain_add_block(struct chain *chain, const void *data, size_t size,
                    struct chain_change *ret_change, struct btc_error *err)
{
    if (size >= BTC_HEADER_SIZE) { /* is it here already? Cheaper to know before parsing */
        struct btc_hash hash;
        struct chain_entry known;
        int rc = btc_sha256d(data, BTC_HEADER_SIZE, &hash);
        if (rc != 0)
            return btc_fail(err, rc, "the hash library failed");
        rc = chain_find(chain, &hash, &known, err);
        if (rc < 0)
            return rc;
        if (rc == 0 && known.has_block)
            return CHAIN_KNOWN;
    }
    struct btc_block block;
    int rc = btc_block_parse(data, size, &block, err);
    if (rc != 0)
        return btc_fail_within(err, rc, "block does not parse: ");
    rc = add_parsed(chain, &block, ret_change, err);
    btc_block_free(&block);
    return rc;
}

/* ---- holding ---- */

void chain_set_hold(struct chain *chain, int32_t blocks, void (*on_held)(void *user), void *user)
{
    chain->hold = blocks;
    chain->on_held = on_held;
    chain->on_held_user = user;
}

int chain_get_held(const struct chain *chain, struct chain_entry *ret_leaf,
                   struct chain_entry *ret_fork)
{
    if (!chain->has_held)
        return CHAIN_ABSENT;
    *ret_leaf = chain->held_leaf;
    *ret_fork = chain->held_fork;
    return 0;
}

void chain_forget_held(struct chain *chain)
{
    chain->has_held = false;
}

static int follow_once(struct chain *chain, const struct btc_hash *hash,
                       struct chain_change *ret_change, bool *ret_again, struct btc_error *err)
{
    struct chain_entry entry;
    struct chain_entry bad = {0};
    struct chain_change change = {0};
    *ret_again = false;
    int rc = begin_change(chain, err);
    if (rc != 0)
        return rc;
    rc = chain_store_find(&chain->store, hash, &entry);
    if (rc == 0)
        rc = entry.has_block ? follow(chain, entry.id, NULL, &change, &bad) : CHAIN_ABSENT;
    int outcome = rc > 0 ? rc : 0;
    rc = end_change(chain, rc > 0 ? 0 : rc);
    if (rc == BTC_EINVALID && bad.id != 0)
        *ret_again = remember_failure(chain, NULL, &bad.hash) && bad.height > entry.height;
    if (rc != 0 || outcome != 0)
        return rc != 0 ? rc : outcome;
    *ret_change = change;
    return 0;
}

int chain_follow(struct chain *chain, const struct btc_hash *hash, struct chain_change *ret_change,
                 struct btc_error *err)
{
    bool again;
    int rc;
    do {
        rc = follow_once(chain, hash, ret_change, &again, err);
    } while (again);
    return rc;
}
