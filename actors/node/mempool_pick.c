/* What goes into the next block, and what that says of rates: see mempool_impl.h.
 *
 * By ancestor fee rate: of all that wait the one is taken, with what it needs, that together pay the
 * highest rate; and so on with what is left. A choice that was overtaken (an ancestor went in with
 * another one) is valued anew when its turn comes; one that went up is entered once more. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/mempool_impl.h"
#include "actors/node/mine.h"

#define MISSES_MAX  1000 /* in a row that do not fit: what is left will not either */
#define LAST_BLOCKS 6    /* that the estimate looks at */

struct choice {
    struct pool_entry *entry;
    double rate; /* satoshi for a virtual byte, with its ancestors */
};

/* Choices in a heap, the highest rate on top; of equal ones the older. */
struct choices {
    struct choice *items; /* [owned] */
    size_t count;
    size_t capacity;
};

struct picking {
    struct mempool *pool;
    struct choices choices;
    struct pool_list package; /* of the choice at hand: it, and its ancestors not picked yet */
    uint64_t package_vsize;
    int64_t package_fee;
    size_t package_weight;
    size_t package_sigops;
    size_t weight_left;
    size_t sigops_left;
    struct mempool_pick *pick;
    size_t capacity;
};

/* ---- heap ---- */

static bool is_before(const struct choice *a, const struct choice *b)
{
    return a->rate != b->rate ? a->rate > b->rate : a->entry->sequence < b->entry->sequence;
}

static void swap(struct choice *a, struct choice *b)
{
    struct choice kept = *a;
    *a = *b;
    *b = kept;
}

static int push(struct choices *choices, struct pool_entry *entry, double rate)
{
    if (choices->count == choices->capacity) {
        size_t capacity = choices->capacity == 0 ? 64 : choices->capacity * 2;
        struct choice *items = realloc(choices->items, capacity * sizeof(*items));
        if (items == NULL)
            return BTC_ENOMEM;
        choices->items = items;
        choices->capacity = capacity;
    }
    size_t at = choices->count++;
    choices->items[at] = (struct choice){entry, rate};
    for (; at > 0 && is_before(&choices->items[at], &choices->items[(at - 1) / 2]);
         at = (at - 1) / 2)
        swap(&choices->items[at], &choices->items[(at - 1) / 2]);
    return 0;
}

static struct choice pop(struct choices *choices)
{
    struct choice top = choices->items[0];
    choices->items[0] = choices->items[--choices->count];
    for (size_t at = 0;;) {
        size_t best = at;
        for (size_t below = 2 * at + 1; below <= 2 * at + 2; below++)
            if (below < choices->count && is_before(&choices->items[below], &choices->items[best]))
                best = below;
        if (best == at)
            return top;
        swap(&choices->items[at], &choices->items[best]);
        at = best;
    }
}

/* ---- packages ---- */

static int make_package(struct picking *p, struct pool_entry *entry)
{
    p->package.count = 0;
    int rc = pool_list_add(&p->package, entry);
    if (rc == 0)
        rc = mempool_spread(p->pool, &p->package, false, 0);
    size_t kept = 0;
    p->package_vsize = 0;
    p->package_fee = 0;
    p->package_weight = 0;
    p->package_sigops = 0;
    for (size_t i = 0; rc == 0 && i < p->package.count; i++) {
        struct pool_entry *one = p->package.items[i];
        if (one->is_picked)
            continue;
        p->package.items[kept++] = one;
        p->package_vsize += one->vsize;
        p->package_fee += one->fee;
        p->package_weight += btc_tx_weight(&one->tx);
        p->package_sigops += one->sigops;
    }
    p->package.count = kept;
    return rc;
}

static double package_rate(const struct picking *p)
{
    return (double)p->package_fee / (double)p->package_vsize;
}

static int enter(struct picking *p, struct pool_entry *entry)
{
    int rc = make_package(p, entry);
    return rc == 0 ? push(&p->choices, entry, package_rate(p)) : rc;
}

static int grow_pick(struct picking *p)
{
    struct mempool_pick *pick = p->pick;
    if (pick->count < p->capacity)
        return 0;
    size_t capacity = p->capacity == 0 ? 64 : p->capacity * 2;
    const struct btc_tx **txs = realloc(pick->txs, capacity * sizeof(const struct btc_tx *));
    if (txs == NULL)
        return BTC_ENOMEM;
    pick->txs = txs;
    uint64_t *rates = realloc(pick->rates, capacity * sizeof(*rates));
    if (rates == NULL)
        return BTC_ENOMEM;
    pick->rates = rates;
    p->capacity = capacity;
    return 0;
}

static bool waits_for_parent(const struct pool_entry *entry)
{
    for (size_t i = 0; i < entry->parents.count; i++)
        if (!entry->parents.items[i]->is_picked)
            return true;
    return false;
}

/* Parents first: families are small, so by looking again and again. */
static int pick_package(struct picking *p)
{
    uint64_t rate = (uint64_t)(package_rate(p) * 1000);
    for (size_t picked = 0; picked < p->package.count;) {
        for (size_t i = 0; i < p->package.count; i++) {
            struct pool_entry *entry = p->package.items[i];
            if (entry->is_picked || waits_for_parent(entry))
                continue;
            int rc = grow_pick(p);
            if (rc != 0)
                return rc;
            entry->is_picked = true;
            p->pick->txs[p->pick->count] = &entry->tx;
            p->pick->rates[p->pick->count++] = rate;
            picked++;
        }
    }
    p->pick->fees += p->package_fee;
    p->pick->vsize += p->package_vsize;
    p->weight_left -= p->package_weight;
    p->sigops_left -= p->package_sigops;
    return 0;
}

/* What builds on what went in has become cheaper to take. */
static int enter_descendants(struct picking *p)
{
    struct pool_list family = {0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < p->package.count; i++)
        rc = pool_list_add(&family, p->package.items[i]);
    if (rc == 0)
        rc = mempool_spread(p->pool, &family, true, 0);
    for (size_t i = 0; rc == 0 && i < family.count; i++)
        if (!family.items[i]->is_picked)
            rc = enter(p, family.items[i]);
    pool_list_free(&family);
    return rc;
}

static int pick_all(struct picking *p)
{
    int rc = 0;
    size_t misses = 0;
    while (rc == 0 && p->choices.count > 0 && misses < MISSES_MAX) {
        struct choice choice = pop(&p->choices);
        if (choice.entry->is_picked)
            continue;
        rc = make_package(p, choice.entry);
        if (rc == 0 && package_rate(p) < choice.rate) { /* something that it had counted on is in */
            rc = push(&p->choices, choice.entry, package_rate(p));
        } else if (rc == 0 &&
                   (p->package_weight > p->weight_left || p->package_sigops > p->sigops_left)) {
            misses++;
        } else if (rc == 0) {
            misses = 0;
            rc = pick_package(p);
            if (rc == 0)
                rc = enter_descendants(p);
        }
    }
    return rc;
}

int mempool_pick(struct mempool *pool, size_t weight_max, size_t sigops_max,
                 struct mempool_pick *ret_pick, struct btc_error *err)
{
    *ret_pick = (struct mempool_pick){.count = 0};
    struct picking p = {
        .pool = pool, .weight_left = weight_max, .sigops_left = sigops_max, .pick = ret_pick};
    struct pool_entry *entry;
    int rc = 0;
    for (entry = mempool_after(pool, 0); entry != NULL;
         entry = mempool_after(pool, entry->sequence))
        entry->is_picked = false;
    for (entry = mempool_after(pool, 0); rc == 0 && entry != NULL;
         entry = mempool_after(pool, entry->sequence))
        rc = enter(&p, entry);
    if (rc == 0)
        rc = pick_all(&p);
    free(p.choices.items);
    pool_list_free(&p.package);
    if (rc == 0)
        return 0;
    mempool_pick_free(ret_pick);
    return btc_fail(err, rc, "no memory to choose among %zu transactions", pool->count);
}

void mempool_pick_free(struct mempool_pick *pick)
{
    free(pick->txs);
    free(pick->rates);
    *pick = (struct mempool_pick){.count = 0};
}

/* ---- the estimate ---- */

/* How full the last blocks were, from 0 to 1. */
static int last_fill(struct chain *chain, double *ret_fill, struct btc_error *err)
{
    struct chain_entry entry;
    int32_t height;
    int32_t seen = 0;
    double weight = 0;
    int rc = 0;
    chain_tip(chain, &entry);
    for (height = entry.height; rc == 0 && height > 0 && seen < LAST_BLOCKS; height--, seen++) {
        uint8_t *raw = NULL;
        size_t size = 0;
        struct btc_block block = {0};
        rc = chain_block_at(chain, height, &entry, err);
        if (rc == 0)
            rc = chain_read_block(chain, &entry, &raw, &size, err);
        if (rc == 0)
            rc = btc_block_parse(raw, size, &block, err);
        weight += rc == 0 ? (double)btc_block_weight(&block) : 0;
        btc_block_free(&block);
        free(raw);
    }
    *ret_fill = seen > 0 ? weight / seen / BTC_BLOCK_WEIGHT_MAX : 0;
    return rc > 0 ? btc_fail(err, BTC_ECORRUPT, "a block of the chain is missing") : rc;
}

int mempool_estimate(struct mempool *pool, uint32_t blocks, int64_t now_s, uint64_t *ret_rate,
                     bool *ret_from_pool, struct btc_error *err)
{
    struct mempool_pick pick;
    double fill = 0;
    uint64_t floor = mempool_min_rate(pool, now_s);
    *ret_rate = floor;
    *ret_from_pool = false;
    if (pool->count == 0)
        return 0;
    int rc = last_fill(pool->chain, &fill, err);
    if (rc != 0)
        return rc;
    /* Where blocks were full, half of each is expected to go to those who come later and pay more. */
    double room = (double)(BTC_BLOCK_WEIGHT_MAX - MINE_SPARE_WEIGHT) * blocks * (1 - fill / 2);
    rc = mempool_pick(pool, (size_t)room, SIZE_MAX, &pick, err);
    if (rc != 0)
        return rc;
    if (pick.count < pool->count) {
        uint64_t rate = pick.count > 0 ? pick.rates[pick.count - 1] : 0;
        /* To get in front of the last one that finds room. */
        rate += MEMPOOL_INCREMENT_RATE / 10;
        *ret_rate = rate > floor ? rate : floor;
        *ret_from_pool = *ret_rate > floor;
    }
    mempool_pick_free(&pick);
    return 0;
}
