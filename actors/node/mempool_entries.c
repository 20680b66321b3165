/* The pool's transactions, their orders and their families: see mempool_impl.h. */
#include <malloc.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "actors/node/mempool_impl.h"

#define CHUNK_HEAD      sizeof(size_t) /* what the allocator adds to a piece of memory */
#define TREE_NODE_BYTES 32             /* a node of tsearch(), as the allocator counts */

/* ---- lists ---- */

static size_t chunk(void *memory)
{
    return memory == NULL ? 0 : malloc_usable_size(memory) + CHUNK_HEAD;
}

int pool_list_add(struct pool_list *list, struct pool_entry *entry)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 2 : list->capacity * 2;
        struct pool_entry **items = realloc(list->items, capacity * sizeof(struct pool_entry *));
        if (items == NULL)
            return BTC_ENOMEM;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = entry;
    return 0;
}

bool pool_list_has(const struct pool_list *list, const struct pool_entry *entry)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == entry)
            return true;
    return false;
}

void pool_list_remove(struct pool_list *list, const struct pool_entry *entry)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] != entry)
            continue;
        list->items[i] = list->items[--list->count];
        return;
    }
}

void pool_list_free(struct pool_list *list)
{
    free(list->items);
    *list = (struct pool_list){0};
}

/* ---- orders ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_txid(const void *a, const void *b)
{
    const struct pool_entry *x = a;
    const struct pool_entry *y = b;
    return memcmp(x->tx.txid.bytes, y->tx.txid.bytes, BTC_HASH_SIZE);
}

static int by_wtxid(const void *a, const void *b)
{
    const struct pool_entry *x = a;
    const struct pool_entry *y = b;
    return memcmp(x->tx.wtxid.bytes, y->tx.wtxid.bytes, BTC_HASH_SIZE);
}

static int by_spent(const void *a, const void *b)
{
    const struct spent_coin *x = a;
    const struct spent_coin *y = b;
    int order = memcmp(x->outpoint.txid.bytes, y->outpoint.txid.bytes, BTC_HASH_SIZE);
    return order != 0 ? order : compare_numbers(x->outpoint.index, y->outpoint.index);
}

static int by_sequence(const void *a, const void *b)
{
    const struct pool_entry *x = a;
    const struct pool_entry *y = b;
    return compare_numbers(x->sequence, y->sequence);
}

/* Of two that are worth the same the younger one is let go of first. */
static int by_worth(const void *a, const void *b)
{
    const struct pool_entry *x = a;
    const struct pool_entry *y = b;
    if (x->worth != y->worth)
        return x->worth < y->worth ? -1 : 1;
    return compare_numbers(y->sequence, x->sequence);
}

struct pool_entry *mempool_get(struct mempool *pool, const struct btc_hash *txid)
{
    struct pool_entry key;
    key.tx.txid = *txid;
    struct pool_entry **found = tfind(&key, &pool->by_txid, by_txid);
    return found == NULL ? NULL : *found;
}

bool mempool_find_wtxid(struct mempool *pool, const struct btc_hash *wtxid,
                        struct mempool_tx *ret_tx)
{
    struct pool_entry key;
    key.tx.wtxid = *wtxid;
    struct pool_entry **found = tfind(&key, &pool->by_wtxid, by_wtxid);
    if (found != NULL)
        mempool_show(*found, ret_tx);
    return found != NULL;
}

struct pool_entry *mempool_get_spender(struct mempool *pool, const struct btc_outpoint *outpoint)
{
    struct spent_coin key = {.outpoint = *outpoint};
    struct spent_coin **found = tfind(&key, &pool->by_spent, by_spent);
    return found == NULL ? NULL : (*found)->by;
}

/* What a search leaves behind on its way down: tfind() is asked for what is not there. */
struct bound {
    uint64_t after;
    struct pool_entry *found;
};

static int seek_after(const void *a, const void *b)
{
    struct bound *bound = (struct bound *)(uintptr_t)a;
    struct pool_entry *entry = (struct pool_entry *)(uintptr_t)b;
    if (entry->sequence <= bound->after)
        return 1;
    bound->found = entry;
    return -1;
}

static int seek_least(const void *a, const void *b)
{
    struct bound *bound = (struct bound *)(uintptr_t)a;
    bound->found = (struct pool_entry *)(uintptr_t)b;
    return -1;
}

struct pool_entry *mempool_after(struct mempool *pool, uint64_t sequence)
{
    struct bound bound = {.after = sequence};
    (void)tfind(&bound, &pool->by_sequence, seek_after);
    return bound.found;
}

struct pool_entry *mempool_least_worth(struct mempool *pool)
{
    struct bound bound = {.found = NULL};
    (void)tfind(&bound, &pool->by_worth, seek_least);
    return bound.found;
}

/* ---- families ---- */

int mempool_spread(struct mempool *pool, struct pool_list *list, bool down, size_t count_max)
{
    uint64_t mark = ++pool->mark;
    for (size_t i = 0; i < list->count; i++)
        list->items[i]->mark = mark;
    for (size_t i = 0; i < list->count; i++) {
        const struct pool_list *next = down ? &list->items[i]->children : &list->items[i]->parents;
        for (size_t j = 0; j < next->count; j++) {
            if (next->items[j]->mark == mark)
                continue;
            next->items[j]->mark = mark;
            int rc = pool_list_add(list, next->items[j]);
            if (rc != 0)
                return rc;
            if (count_max != 0 && list->count > count_max)
                return BTC_ELIMIT;
        }
    }
    return 0;
}

/* Its rate, or its family's where that is higher: a parent is worth what its children pay. */
static double worth(const struct pool_entry *entry)
{
    double own = (double)entry->fee / (double)entry->vsize;
    if (entry->family_vsize == 0)
        return own;
    double family = (double)entry->family_fee / (double)entry->family_vsize;
    return own > family ? own : family;
}

/* The node that goes makes room for the one that comes: glibc frees and takes the same size. Without
 * memory the entry is out of the order, and is let go of by age. */
static void change_family(struct mempool *pool, struct pool_entry *entry, long count, int64_t vsize,
                          int64_t fee)
{
    tdelete(entry, &pool->by_worth, by_worth);
    entry->family_count += (size_t)count;
    entry->family_vsize += (uint64_t)vsize;
    entry->family_fee += fee;
    entry->worth = worth(entry);
    (void)tsearch(entry, &pool->by_worth, by_worth);
}

int mempool_recount(struct mempool *pool, struct pool_entry *entry)
{
    struct pool_list family = {0};
    int rc = pool_list_add(&family, entry);
    if (rc == 0)
        rc = mempool_spread(pool, &family, true, 0);
    long count = -(long)entry->family_count;
    int64_t vsize = -(int64_t)entry->family_vsize;
    int64_t fee = -entry->family_fee;
    for (size_t i = 0; i < family.count; i++) {
        count++;
        vsize += (int64_t)family.items[i]->vsize;
        fee += family.items[i]->fee;
    }
    if (rc == 0)
        change_family(pool, entry, count, vsize, fee);
    pool_list_free(&family);
    return rc;
}

/* ---- in and out ---- */

static void unlink_orders(struct mempool *pool, struct pool_entry *entry)
{
    tdelete(entry, &pool->by_txid, by_txid);
    tdelete(entry, &pool->by_wtxid, by_wtxid);
    tdelete(entry, &pool->by_sequence, by_sequence);
    tdelete(entry, &pool->by_worth, by_worth);
    for (size_t i = 0; i < entry->tx.in_count; i++) {
        struct spent_coin **found = tfind(&entry->spent[i], &pool->by_spent, by_spent);
        if (found != NULL && *found == &entry->spent[i])
            tdelete(&entry->spent[i], &pool->by_spent, by_spent);
    }
}

static int link_orders(struct mempool *pool, struct pool_entry *entry)
{
    bool linked = tsearch(entry, &pool->by_txid, by_txid) != NULL &&
                  tsearch(entry, &pool->by_wtxid, by_wtxid) != NULL &&
                  tsearch(entry, &pool->by_sequence, by_sequence) != NULL &&
                  tsearch(entry, &pool->by_worth, by_worth) != NULL;
    for (size_t i = 0; linked && i < entry->tx.in_count; i++)
        linked = tsearch(&entry->spent[i], &pool->by_spent, by_spent) != NULL;
    if (!linked)
        unlink_orders(pool, entry);
    return linked ? 0 : BTC_ENOMEM;
}

/* Children that were here before it: it comes back from a block that was taken back. */
static int find_children(struct mempool *pool, struct pool_entry *entry)
{
    for (size_t i = 0; i < entry->tx.out_count; i++) {
        struct btc_outpoint outpoint = {entry->tx.txid, (uint32_t)i};
        struct pool_entry *child = mempool_get_spender(pool, &outpoint);
        if (child == NULL || pool_list_has(&entry->children, child))
            continue;
        int rc = pool_list_add(&entry->children, child);
        if (rc == 0)
            rc = pool_list_add(&child->parents, entry);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void leave_family(struct pool_entry *entry)
{
    for (size_t i = 0; i < entry->parents.count; i++)
        pool_list_remove(&entry->parents.items[i]->children, entry);
    for (size_t i = 0; i < entry->children.count; i++)
        pool_list_remove(&entry->children.items[i]->parents, entry);
}

static int join_family(struct mempool *pool, struct pool_entry *entry, const struct candidate *c)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < entry->parents.count; i++)
        rc = pool_list_add(&entry->parents.items[i]->children, entry);
    if (rc == 0 && c->is_back)
        rc = find_children(pool, entry);
    if (rc != 0) {
        leave_family(entry);
        return rc;
    }
    for (size_t i = 0; i < c->ancestors.count; i++)
        change_family(pool, c->ancestors.items[i], 1, (int64_t)entry->vsize, entry->fee);
    return 0;
}

static size_t list_usage(const struct pool_entry *entry)
{
    return chunk(entry->parents.items) + chunk(entry->children.items);
}

static void release(struct pool_entry *entry)
{
    pool_list_free(&entry->parents);
    pool_list_free(&entry->children);
    btc_tx_free(&entry->tx);
    free(entry->raw);
    free(entry);
}

int mempool_add(struct mempool *pool, struct candidate *c, struct pool_entry **ret_entry)
{
    size_t in_count = c->tx.in_count;
    struct pool_entry *entry = calloc(1, sizeof(*entry) + in_count * sizeof(struct spent_coin));
    if (entry == NULL)
        return BTC_ENOMEM;
    *entry = (struct pool_entry){.tx = c->tx,
                                 .raw = c->raw,
                                 .fee = c->fee,
                                 .vsize = c->vsize,
                                 .sigops = c->sigops,
                                 .time_s = c->now_s,
                                 .parents = c->parents,
                                 .family_count = 1,
                                 .family_vsize = c->vsize,
                                 .family_fee = c->fee};
    entry->sequence = pool->sequence != 0 ? pool->sequence + 1
                                          : (uint64_t)c->now_s * 1000000; /* microseconds */
    entry->worth = worth(entry);
    for (size_t i = 0; i < in_count; i++)
        entry->spent[i] = (struct spent_coin){c->tx.ins[i].prev, entry};
    int rc = link_orders(pool, entry);
    if (rc == 0) {
        rc = join_family(pool, entry, c);
        if (rc != 0)
            unlink_orders(pool, entry);
    }
    if (rc != 0) {
        free(entry);
        return rc;
    }
    c->tx = (struct btc_tx){0};
    c->raw = NULL;
    c->parents = (struct pool_list){0};
    /* Four orders and the spent coins; a list of children costs its parent about as much. */
    entry->usage = chunk(entry) + chunk(entry->raw) + chunk(entry->tx.arena) + list_usage(entry) +
                   (4 + in_count) * TREE_NODE_BYTES + entry->parents.count * TREE_NODE_BYTES;
    pool->sequence = entry->sequence;
    pool->usage += entry->usage;
    pool->count++;
    pool->vsize += entry->vsize;
    pool->fees += entry->fee;
    *ret_entry = entry;
    return 0;
}

/* Its ancestors' families get smaller. A count that fails for want of memory is left too large: it
 * only makes them seem worth more. */
static void shrink_ancestors(struct mempool *pool, struct pool_entry *entry)
{
    struct pool_list ancestors = {0};
    if (entry->parents.count == 0)
        return;
    int rc = pool_list_add(&ancestors, entry);
    if (rc == 0)
        rc = mempool_spread(pool, &ancestors, false, 0);
    for (size_t i = 1; rc == 0 && i < ancestors.count; i++)
        change_family(pool, ancestors.items[i], -1, -(int64_t)entry->vsize, -entry->fee);
    pool_list_free(&ancestors);
}

void mempool_remove(struct mempool *pool, struct pool_entry *entry, enum mempool_removal why,
                    const struct btc_hash *by)
{
    shrink_ancestors(pool, entry);
    leave_family(entry);
    unlink_orders(pool, entry);
    pool->usage -= entry->usage;
    pool->count--;
    pool->vsize -= entry->vsize;
    pool->fees -= entry->fee;
    struct mempool_tx shown;
    mempool_show(entry, &shown);
    if (pool->listener.removed != NULL)
        pool->listener.removed(pool->listener.user, &shown, why, by);
    release(entry);
}

/* Children before parents: spread() lists each behind one of its parents, so from the end. One whose
 * other parent stands behind it has been taken off that one's list of children already. */
void mempool_remove_all(struct mempool *pool, struct pool_list *list, enum mempool_removal why,
                        const struct btc_hash *by)
{
    while (list->count > 0)
        mempool_remove(pool, list->items[--list->count], why, by);
}

/* Without a list, since this is what is done when there is no memory, too: they are chained to one
 * another, the entry last. */
static struct pool_entry *chain_family(struct mempool *pool, struct pool_entry *entry)
{
    uint64_t mark = ++pool->mark;
    struct pool_entry *last = entry;
    entry->mark = mark;
    entry->next = NULL;
    for (struct pool_entry *at = entry; at != NULL; at = at->next)
        for (size_t i = 0; i < at->children.count; i++) {
            struct pool_entry *child = at->children.items[i];
            if (child->mark == mark)
                continue;
            child->mark = mark;
            child->next = NULL;
            last->next = child;
            last = child;
        }
    struct pool_entry *turned = NULL;
    while (entry != NULL) {
        struct pool_entry *next = entry->next;
        entry->next = turned;
        turned = entry;
        entry = next;
    }
    return turned;
}

void mempool_remove_family(struct mempool *pool, struct pool_entry *entry, enum mempool_removal why,
                           const struct btc_hash *by)
{
    struct pool_entry *at = chain_family(pool, entry);
    while (at != NULL) {
        struct pool_entry *next = at->next;
        mempool_remove(pool, at, why, by);
        at = next;
    }
}
