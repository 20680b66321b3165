/* Families and replacement: see mempool_impl.h. The rules are Bitcoin Core's (validation.cpp,
 * policy/rbf.cpp) as of version 29; their numbers those of BIP125. */
#include <string.h>

#include "actors/node/mempool_impl.h"

#define CARVE_OUT_VBYTES 10000 /* one small child of one parent may be the 26th of its family */

/* ---- families ---- */

static int too_large(struct candidate *c, const char *what)
{
    return mempool_refuse(c, BTC_ELIMIT, "too-long-mempool-chain",
                          "%s would be over %d transactions or %d virtual bytes", what,
                          MEMPOOL_FAMILY_MAX, MEMPOOL_FAMILY_VBYTES_MAX);
}

static int check_descendants(struct candidate *c, size_t more_count, size_t more_vsize)
{
    for (size_t i = 0; i < c->ancestors.count; i++) {
        const struct pool_entry *ancestor = c->ancestors.items[i];
        if (ancestor->family_count + 1 > MEMPOOL_FAMILY_MAX + more_count ||
            ancestor->family_vsize + c->vsize > MEMPOOL_FAMILY_VBYTES_MAX + more_vsize)
            return too_large(c, "one that it spends, with all that spend from that one,");
    }
    return 0;
}

int mempool_check_family(struct mempool *pool, struct candidate *c)
{
    uint64_t vsize = c->vsize;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->parents.count; i++)
        rc = pool_list_add(&c->ancestors, c->parents.items[i]);
    if (rc == 0)
        rc = mempool_spread(pool, &c->ancestors, false, c->is_back ? 0 : MEMPOOL_FAMILY_MAX - 1);
    if (rc == BTC_ENOMEM)
        return btc_fail(c->err, rc, "no memory for its family");
    if (c->is_back)
        return 0;
    for (size_t i = 0; i < c->ancestors.count; i++)
        vsize += c->ancestors.items[i]->vsize;
    if (rc != 0 || c->ancestors.count + 1 > MEMPOOL_FAMILY_MAX || vsize > MEMPOOL_FAMILY_VBYTES_MAX)
        return too_large(c, "it and all that it spends from");
    bool is_carved_out = c->vsize <= CARVE_OUT_VBYTES && c->ancestors.count == 1;
    return check_descendants(c, is_carved_out ? 1 : 0, is_carved_out ? CARVE_OUT_VBYTES : 0);
}

/* ---- replacement ---- */

int mempool_check_rivals(struct mempool *pool, struct candidate *c)
{
    (void)pool;
    for (size_t i = 0; i < c->rivals.count; i++)
        if (pool_list_has(&c->ancestors, c->rivals.items[i]))
            return mempool_refuse(c, BTC_EINVALID, "bad-txns-spends-conflicting-tx",
                                  "it spends from one that it would replace");
    return 0;
}

static void hex_of(const struct pool_entry *entry, char text[BTC_HASH_HEX_SIZE])
{
    btc_hash_to_hex(&entry->tx.txid, text);
}

/* It must pay a higher rate than each that spends the same coin. a / b > c / d by a * d > c * b:
 * below 2^51 times 2^20, in floating point of 64 bits of mantissa or where that is not, near. */
static int check_rates(struct candidate *c)
{
    char text[BTC_HASH_HEX_SIZE];
    for (size_t i = 0; i < c->rivals.count; i++) {
        const struct pool_entry *rival = c->rivals.items[i];
        long double offered = (long double)c->fee * (long double)rival->vsize;
        if (offered > (long double)rival->fee * (long double)c->vsize)
            continue;
        hex_of(rival, text);
        return mempool_refuse(c, BTC_ELIMIT, "insufficient fee",
                              "rejecting replacement: %lld satoshi for %zu virtual bytes is no "
                              "higher rate than %lld for %zu, which %s pays",
                              (long long)c->fee, c->vsize, (long long)rival->fee, rival->vsize,
                              text);
    }
    return 0;
}

/* Rule 5, and what would leave. */
static int find_leaving(struct mempool *pool, struct candidate *c)
{
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->rivals.count; i++) {
        count += c->rivals.items[i]->family_count;
        rc = pool_list_add(&c->leaving, c->rivals.items[i]);
    }
    if (rc == 0 && count > MEMPOOL_REPLACED_MAX)
        return mempool_refuse(c, BTC_ELIMIT, "too many potential replacements",
                              "rejecting replacement: %zu transactions would leave, over %d", count,
                              MEMPOOL_REPLACED_MAX);
    if (rc == 0)
        rc = mempool_spread(pool, &c->leaving, true, 0);
    return rc == 0 ? 0 : btc_fail(c->err, rc, "no memory for what it replaces");
}

/* Rule 2: it may spend from what waits only where one that it replaces did. */
static int check_parents(struct candidate *c)
{
    char text[BTC_HASH_HEX_SIZE];
    for (size_t i = 0; i < c->parents.count; i++) {
        bool is_theirs = false;
        for (size_t j = 0; j < c->rivals.count; j++)
            is_theirs = is_theirs ||
                        pool_list_has(&c->rivals.items[j]->parents, c->parents.items[i]);
        if (is_theirs)
            continue;
        hex_of(c->parents.items[i], text);
        return mempool_refuse(c, BTC_ELIMIT, "replacement-adds-unconfirmed",
                              "rejecting replacement: it spends from %s, which waits itself", text);
    }
    return 0;
}

/* Rules 3 and 4. */
static int check_fees(struct candidate *c)
{
    int64_t fees = 0;
    for (size_t i = 0; i < c->leaving.count; i++)
        fees += c->leaving.items[i]->fee;
    if (c->fee < fees)
        return mempool_refuse(c, BTC_ELIMIT, "insufficient fee",
                              "rejecting replacement: %lld satoshi are less than the %lld that "
                              "would leave",
                              (long long)c->fee, (long long)fees);
    int64_t relay = mempool_fee_at(MEMPOOL_INCREMENT_RATE, c->vsize);
    if (c->fee - fees < relay)
        return mempool_refuse(c, BTC_ELIMIT, "insufficient fee",
                              "rejecting replacement: %lld satoshi more do not pay for its own "
                              "relay, which costs %lld",
                              (long long)(c->fee - fees), (long long)relay);
    return 0;
}

int mempool_check_replacement(struct mempool *pool, struct candidate *c)
{
    if (c->rivals.count == 0)
        return 0;
    int rc = check_rates(c);
    if (rc == 0)
        rc = find_leaving(pool, c);
    if (rc == 0)
        rc = check_parents(c);
    return rc == 0 ? check_fees(c) : rc;
}
