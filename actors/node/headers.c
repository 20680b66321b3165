/* Accepting headers: see engine.h. */
#include "actors/node/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- median time past ---- */

static void window_push(struct time_window *window, int64_t id, uint32_t time_s)
{
    if (window->count == BTC_MEDIAN_TIME_SPAN) {
        memmove(window->times_s, window->times_s + 1,
                (BTC_MEDIAN_TIME_SPAN - 1) * sizeof(window->times_s[0]));
        window->count--;
    }
    window->times_s[window->count++] = time_s;
    window->id = id;
}

static int window_fill(struct chain *chain, const struct chain_entry *entry,
                       struct time_window *ret_window)
{
    uint32_t newest_first[BTC_MEDIAN_TIME_SPAN];
    size_t count = 0;
    struct chain_entry at = *entry;
    for (;;) {
        newest_first[count++] = at.header.time_s;
        if (count == BTC_MEDIAN_TIME_SPAN || at.height == 0)
            break;
        int rc = chain_store_get(&chain->store, at.prev_id, &at);
        if (rc != 0)
            return rc < 0 ? rc
                          : btc_fail(chain->store.err, BTC_ECORRUPT,
                                     "the header before height %d is missing", at.height);
    }
    *ret_window = (struct time_window){.id = entry->id};
    while (count > 0)
        ret_window->times_s[ret_window->count++] = newest_first[--count];
    return 0;
}

static int compare_times(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t window_median(const struct time_window *window)
{
    uint32_t sorted[BTC_MEDIAN_TIME_SPAN];
    memcpy(sorted, window->times_s, window->count * sizeof(sorted[0]));
    qsort(sorted, window->count, sizeof(sorted[0]), compare_times);
    return sorted[window->count / 2];
}

int chain_median_time(struct chain *chain, const struct chain_entry *entry, uint32_t *ret_time_s,
                      struct btc_error *err)
{
    chain->store.err = err;
    struct time_window window = chain->window;
    int rc = window.id == entry->id ? 0 : window_fill(chain, entry, &window);
    if (rc == 0)
        *ret_time_s = window_median(&window);
    return rc;
}

/* ---- the rules ---- */

/* Bits that the header behind `prev` must carry. The first header of a period pays for the one
 * before it. */
static int expected_bits(struct chain *chain, const struct chain_entry *prev, uint32_t *ret_bits)
{
    const struct btc_params *params = chain->params;
    int32_t height = prev->height + 1;
    if (params->pow_no_retarget || height % params->retarget_interval != 0) {
        *ret_bits = prev->header.bits;
        return 0;
    }
    int64_t timespan_s = (int64_t)prev->header.time_s - prev->period_time_s;
    int rc = btc_pow_retarget(prev->header.bits, timespan_s, params, ret_bits);
    if (rc != 0)
        return btc_fail(chain->store.err, rc, "the new difficulty can't be computed");
    return 0;
}

/* BIP34, 66 and 65 each retired the version below it. */
static int32_t version_min(const struct btc_params *params, int32_t height)
{
    if (height >= params->bip65_height)
        return 4;
    if (height >= params->bip66_height)
        return 3;
    return height >= params->bip34_height ? 2 : 1;
}

static int check_in_chain(struct chain *chain, const struct chain_entry *prev,
                          const struct btc_header *header)
{
    int32_t height = prev->height + 1;
    struct btc_error *err = chain->store.err;
    if (prev->failed)
        return btc_fail(err, BTC_EINVALID, "it builds on a block that was refused");
    uint32_t bits;
    int rc = expected_bits(chain, prev, &bits);
    if (rc != 0)
        return rc;
    if (header->bits != bits)
        return btc_fail(err, BTC_EINVALID,
                        "header %d: bits are %08x, the difficulty rule says %08x", height,
                        header->bits, bits);
    uint32_t median_s = 0;
    rc = chain_median_time(chain, prev, &median_s, err);
    if (rc != 0)
        return rc;
    if (header->time_s <= median_s)
        return btc_fail(err, BTC_EINVALID,
                        "header %d: time %u is not after the median of the 11 before it, %u",
                        height, header->time_s, median_s);
    if ((int64_t)header->time_s > (int64_t)time(NULL) + BTC_FUTURE_TIME_MAX_S)
        return btc_fail(err, BTC_EINVALID,
                        "time %u is more than two hours ahead of this machine's clock",
                        header->time_s);
    int32_t version = version_min(chain->params, height);
    if (header->version < version)
        return btc_fail(err, BTC_EINVALID, "version %d, at least %d is required", header->version,
                        version);
    return 0;
}

/* The parent, from the cache where headers come in order. */
static int find_parent(struct chain *chain, const struct btc_header *header,
                       struct chain_entry *ret_prev)
{
    if (btc_hash_equal(&header->prev, &chain->best.hash)) {
        *ret_prev = chain->best;
        return 0;
    }
    int rc = chain_store_find(&chain->store, &header->prev, ret_prev);
    if (rc != CHAIN_ABSENT)
        return rc;
    if (btc_hash_is_zero(&header->prev))
        return btc_fail(chain->store.err, BTC_ENETWORK,
                        "it begins a chain, but not that of %s: it is another genesis block",
                        chain->params->name);
    char text[BTC_HASH_HEX_SIZE];
    btc_hash_to_hex(&header->prev, text);
    return btc_fail(chain->store.err, BTC_EORPHAN,
                    "it builds on %s, which is not known; import the blocks before it first", text);
}

int chain_accept_header(struct chain *chain, const struct btc_header *header,
                        struct chain_entry *ret_entry, int32_t *ret_height)
{
    struct btc_error *err = chain->store.err;
    struct chain_entry entry = {.header = *header};
    int rc = btc_header_hash(header, &entry.hash);
    if (rc != 0)
        return btc_fail(err, rc, "the hash library failed");
    rc = chain_store_find(&chain->store, &entry.hash, ret_entry);
    if (rc == 0)
        *ret_height = ret_entry->height;
    if (rc != CHAIN_ABSENT)
        return rc == 0 ? CHAIN_KNOWN : rc;
    struct chain_entry prev = {0};
    int parent = find_parent(chain, header, &prev);
    if (parent == 0)
        *ret_height = prev.height + 1;
    struct btc_error orphan = {0};
    if (parent < 0 && err != NULL)
        orphan = *err;
    /* Work first: nobody makes us read or store anything for free. */
    rc = btc_pow_check(&entry.hash, header->bits, chain->params, err);
    if (rc != 0)
        return rc;
    if (parent < 0) {
        if (err != NULL)
            *err = orphan;
        return parent;
    }
    rc = check_in_chain(chain, &prev, header);
    if (rc != 0)
        return rc;

    struct btc_u256 target;
    struct btc_u256 work;
    rc = btc_bits_to_target(header->bits, &target);
    if (rc == 0)
        rc = btc_target_work(&target, &work);
    if (rc == 0)
        rc = btc_u256_add(&prev.work, &work, &entry.work);
    if (rc != 0)
        return btc_fail(err, rc, "its work can't be added up");
    entry.prev_id = prev.id;
    entry.height = prev.height + 1;
    bool first = entry.height % chain->params->retarget_interval == 0;
    entry.period_time_s = first ? header->time_s : prev.period_time_s;
    rc = chain_store_add(&chain->store, &entry);
    if (rc == 0)
        rc = chain_update_best(chain, &entry);
    if (rc != 0)
        return rc;
    if (chain->window.id == prev.id)
        window_push(&chain->window, entry.id, header->time_s);
    else
        rc = window_fill(chain, &entry, &chain->window);
    *ret_entry = entry;
    return rc;
}

int chain_update_best(struct chain *chain, const struct chain_entry *entry)
{
    struct chain_store *store = &chain->store;
    if (btc_u256_compare(&entry->work, &chain->best.work) <= 0)
        return 0;
    int rc = 0;
    if (chain->best.height >= entry->height)
        rc = chain_store_change(store, ST_BEST_CUT, entry->height, 0);
    struct chain_entry at = *entry;
    while (rc == 0) {
        struct chain_entry held = {0};
        rc = chain_store_at(store, ST_BEST_AT, at.height, &held);
        if (rc < 0 || (rc == 0 && held.id == at.id))
            break;
        rc = chain_store_change(store, ST_BEST_SET, at.height, at.id);
        if (rc != 0 || at.prev_id == chain->best.id || at.height == 0)
            break;
        rc = chain_store_get(store, at.prev_id, &at);
    }
    if (rc == 0)
        chain->best = *entry;
    return rc == CHAIN_ABSENT ? btc_fail(store->err, BTC_ECORRUPT,
                                         "the header before height %d is missing", at.height)
                              : rc;
}
