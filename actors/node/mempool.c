/* The pool's public calls: see mempool.h and mempool_impl.h. */
#include "actors/node/mempool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/node/mempool_impl.h"

#define FLOOR_RATE_MAX 1e12 /* more than anybody can pay; times a size it fits 63 bits */

/* ---- open and close ---- */

int mempool_new(struct chain *chain, size_t usage_max, const struct mempool_listener *listener,
                struct mempool **ret_pool, struct btc_error *err)
{
    struct mempool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for the pool of transactions");
    pool->chain = chain;
    pool->usage_max = usage_max != 0 ? usage_max : MEMPOOL_BYTES_MAX;
    if (listener != NULL)
        pool->listener = *listener;
    *ret_pool = pool;
    return 0;
}

void mempool_free(struct mempool *pool)
{
    if (pool == NULL)
        return;
    pool->listener = (struct mempool_listener){0};
    struct pool_entry *entry;
    while ((entry = mempool_after(pool, 0)) != NULL)
        mempool_remove(pool, entry, MEMPOOL_EVICTED, NULL);
    free(pool);
}

/* ---- the floor ---- */

int64_t mempool_fee_at(uint64_t rate, uint64_t vsize)
{
    return (int64_t)((rate * vsize + 999) / 1000);
}

/* 2 to the minus x, for x from 0 to 1: e^y by its series, near enough for a floor. */
static double half_to_the(double x)
{
    double y = x * 0.69314718056;
    return 1 / (1 + y + y * y / 2 + y * y * y / 6);
}

/* Halves over time, faster while the pool is far from full; at half a step it is gone. */
static double floor_rate(struct mempool *pool, int64_t now_s)
{
    int64_t passed_s = now_s - pool->floor_s;
    if (pool->floor_rate == 0 || !pool->floor_may_fall || passed_s < 10)
        return pool->floor_rate;
    int64_t halflife_s = MEMPOOL_FLOOR_HALFLIFE_S;
    if (pool->usage < pool->usage_max / 4)
        halflife_s /= 4;
    else if (pool->usage < pool->usage_max / 2)
        halflife_s /= 2;
    for (; passed_s >= halflife_s && pool->floor_rate >= 1; passed_s -= halflife_s)
        pool->floor_rate /= 2;
    pool->floor_rate *= half_to_the((double)(passed_s % halflife_s) / (double)halflife_s);
    pool->floor_s = now_s;
    if (pool->floor_rate < MEMPOOL_INCREMENT_RATE / 2.0)
        pool->floor_rate = 0;
    return pool->floor_rate;
}

static uint64_t whole_floor(struct mempool *pool, int64_t now_s)
{
    double rate = floor_rate(pool, now_s);
    uint64_t whole = (uint64_t)rate;
    return whole + ((double)whole < rate);
}

uint64_t mempool_min_rate(struct mempool *pool, int64_t now_s)
{
    uint64_t rate = whole_floor(pool, now_s);
    return rate > MEMPOOL_RELAY_RATE ? rate : MEMPOOL_RELAY_RATE;
}

void mempool_trim(struct mempool *pool, int64_t now_s)
{
    while (pool->usage > pool->usage_max && pool->count > 0) {
        struct pool_entry *entry = mempool_least_worth(pool);
        if (entry == NULL) /* all are out of that order, for want of memory */
            entry = mempool_after(pool, 0);
        double rate = entry->worth * 1000 + MEMPOOL_INCREMENT_RATE;
        rate = rate < FLOOR_RATE_MAX ? rate : FLOOR_RATE_MAX;
        if (rate > floor_rate(pool, now_s)) {
            pool->floor_rate = rate;
            pool->floor_s = now_s;
            pool->floor_may_fall = false;
        }
        mempool_remove_family(pool, entry, MEMPOOL_EVICTED, NULL);
    }
}

/* ---- checking ---- */

void mempool_give_reason(struct candidate *c, const char *reason)
{
    snprintf(c->verdict->reason, sizeof(c->verdict->reason), "%s", reason);
}

int mempool_refuse(struct candidate *c, int code, const char *reason, const char *format, ...)
{
    char text[BTC_ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    mempool_give_reason(c, reason);
    return btc_fail(c->err, code, "%s", text);
}

int mempool_parse(struct candidate *c, const void *data, size_t size)
{
    *c->verdict = (struct mempool_verdict){.has_txid = false};
    struct btc_tx tx = {0};
    uint8_t *raw = malloc(size + 1);
    if (raw == NULL)
        return btc_fail(c->err, BTC_ENOMEM, "no memory for %zu bytes", size);
    if (size > 0)
        memcpy(raw, data, size);
    int rc = btc_tx_parse(raw, size, &tx, c->err);
    c->raw = raw;
    c->tx = tx;
    if (rc == BTC_ELIMIT)
        rc = BTC_EFORMAT;
    if (rc == BTC_EFORMAT)
        mempool_give_reason(c, "TX decode failed");
    if (rc != 0)
        return rc;
    c->verdict->txid = c->tx.txid;
    c->verdict->has_txid = true;
    c->vsize = (btc_tx_weight(&c->tx) + 3) / 4;
    c->verdict->vsize = c->vsize;
    return 0;
}

void mempool_candidate_free(struct candidate *c)
{
    btc_tx_free(&c->tx);
    free(c->raw);
    free(c->coins);
    chain_coins_free(&c->stored);
    pool_list_free(&c->parents);
    pool_list_free(&c->ancestors);
    pool_list_free(&c->rivals);
    pool_list_free(&c->leaving);
}

static int check_fee(struct mempool *pool, struct candidate *c)
{
    if (c->is_back)
        return 0;
    int64_t least = mempool_fee_at(whole_floor(pool, c->now_s), c->vsize);
    if (c->fee < least)
        return mempool_refuse(c, BTC_ELIMIT, "mempool min fee not met",
                              "the pool is full: a fee of %lld satoshi is less than the %lld that "
                              "%zu virtual bytes must pay now",
                              (long long)c->fee, (long long)least, c->vsize);
    least = mempool_fee_at(MEMPOOL_RELAY_RATE, c->vsize);
    if (c->fee < least)
        return mempool_refuse(c, BTC_ELIMIT, "min relay fee not met",
                              "a fee of %lld satoshi is less than the %lld that %zu virtual bytes "
                              "must pay to be relayed",
                              (long long)c->fee, (long long)least, c->vsize);
    return 0;
}

static int check_not_here(struct mempool *pool, struct candidate *c)
{
    struct pool_entry *same = mempool_get(pool, &c->tx.txid);
    if (same == NULL)
        return 0;
    c->verdict->has_fee = true;
    c->verdict->fee = same->fee;
    c->verdict->vsize = same->vsize;
    if (btc_hash_equal(&same->tx.wtxid, &c->tx.wtxid)) {
        mempool_refuse(c, BTC_ELIMIT, "txn-already-in-mempool", "it is in the pool already");
        return MEMPOOL_KNOWN;
    }
    return mempool_refuse(c, BTC_ELIMIT, "txn-same-nonwitness-data-in-mempool",
                          "the pool has it with other witnesses");
}

static int check_sigops(struct candidate *c)
{
    if (c->sigops <= MEMPOOL_SIGOPS_MAX)
        return 0;
    return mempool_refuse(c, BTC_ELIMIT, "bad-txns-too-many-sigops",
                          "its signature operations cost %zu, over %d", c->sigops,
                          MEMPOOL_SIGOPS_MAX);
}

int mempool_check(struct mempool *pool, struct candidate *c)
{
    int rc = mempool_check_form(c);
    if (rc == 0)
        rc = mempool_check_final(pool, c);
    if (rc == 0)
        rc = check_not_here(pool, c);
    if (rc == 0)
        rc = mempool_find_coins(pool, c);
    if (rc == 0)
        rc = mempool_check_input_forms(c);
    if (rc == 0)
        rc = check_sigops(c);
    if (rc == 0)
        rc = check_fee(pool, c);
    if (rc == 0)
        rc = mempool_check_family(pool, c);
    if (rc == 0)
        rc = mempool_check_rivals(pool, c);
    if (rc == 0)
        rc = mempool_check_replacement(pool, c);
    if (rc != 0)
        return rc;
    c->verdict->has_verified = true;
    c->verdict->sigops = c->sigops;
    return mempool_check_signatures(pool, c);
}

/* ---- offers ---- */

static int take(struct mempool *pool, struct candidate *c)
{
    struct btc_hash txid = c->tx.txid;
    struct mempool_tx shown;
    struct pool_entry *entry;
    mempool_remove_all(pool, &c->leaving, MEMPOOL_REPLACED, &txid);
    int rc = mempool_add(pool, c, &entry);
    if (rc != 0)
        return btc_fail(c->err, rc, "no memory for one more transaction");
    mempool_show(entry, &shown);
    if (pool->listener.added != NULL)
        pool->listener.added(pool->listener.user, &shown);
    mempool_trim(pool, c->now_s);
    if (mempool_get(pool, &txid) == NULL)
        return mempool_refuse(c, BTC_ELIMIT, "mempool full",
                              "the pool is full of transactions that pay more");
    return 0;
}

int mempool_accept(struct mempool *pool, const void *data, size_t size, int64_t now_s,
                   struct mempool_verdict *ret_verdict, struct btc_error *err)
{
    struct btc_error own = {.code = 0};
    struct candidate c = {.now_s = now_s, .verdict = ret_verdict, .err = err != NULL ? err : &own};
    int rc = mempool_parse(&c, data, size);
    if (rc == 0)
        rc = mempool_check(pool, &c);
    if (rc == MEMPOOL_KNOWN)
        ret_verdict->reason[0] = '\0';
    if (rc == 0)
        rc = take(pool, &c);
    mempool_candidate_free(&c);
    return rc;
}

static bool is_own_trouble(int rc)
{
    return rc < 0 && rc != BTC_EFORMAT && rc != BTC_EINVALID && rc != BTC_EORPHAN &&
           rc != BTC_ELIMIT;
}

int mempool_test(struct mempool *pool, const struct btc_span *txs, size_t count, int64_t now_s,
                 struct mempool_verdict *ret_verdicts, struct btc_error *ret_errors,
                 struct btc_error *err)
{
    struct candidate candidates[MEMPOOL_TEST_MAX];
    const struct btc_tx *others[MEMPOOL_TEST_MAX];
    size_t others_count = 0;
    size_t done = 0;
    int rc = 0;
    for (; done < count && done < MEMPOOL_TEST_MAX && !is_own_trouble(rc); done++) {
        struct candidate *c = &candidates[done];
        *c = (struct candidate){.now_s = now_s,
                                .others = others,
                                .others_count = others_count,
                                .verdict = &ret_verdicts[done],
                                .err = &ret_errors[done]};
        ret_errors[done] = (struct btc_error){.code = 0};
        rc = mempool_parse(c, txs[done].data, txs[done].size);
        if (rc == 0)
            rc = mempool_check(pool, c);
        if (rc == 0)
            others[others_count++] = &c->tx;
    }
    for (size_t i = 0; i < done; i++)
        mempool_candidate_free(&candidates[i]);
    return is_own_trouble(rc) ? btc_fail(err, rc, "%s", ret_errors[done - 1].text) : 0;
}

void mempool_expire(struct mempool *pool, int64_t now_s)
{
    struct pool_entry *entry;
    while ((entry = mempool_after(pool, 0)) != NULL && entry->time_s < now_s - MEMPOOL_EXPIRY_S)
        mempool_remove_family(pool, entry, MEMPOOL_EXPIRED, NULL);
}

/* ---- what it holds ---- */

void mempool_show(const struct pool_entry *entry, struct mempool_tx *ret_tx)
{
    *ret_tx = (struct mempool_tx){.tx = &entry->tx,
                                  .fee = entry->fee,
                                  .vsize = entry->vsize,
                                  .sequence = entry->sequence,
                                  .time_s = entry->time_s};
}

void mempool_get_totals(struct mempool *pool, int64_t now_s, struct mempool_totals *ret_totals)
{
    *ret_totals = (struct mempool_totals){.count = pool->count,
                                          .vsize = pool->vsize,
                                          .fees = pool->fees,
                                          .usage = pool->usage,
                                          .usage_max = pool->usage_max,
                                          .min_rate = mempool_min_rate(pool, now_s),
                                          .sequence = pool->sequence};
}

static bool show_found(const struct pool_entry *entry, struct mempool_tx *ret_tx)
{
    if (entry != NULL)
        mempool_show(entry, ret_tx);
    return entry != NULL;
}

bool mempool_find(struct mempool *pool, const struct btc_hash *txid, struct mempool_tx *ret_tx)
{
    return show_found(mempool_get(pool, txid), ret_tx);
}

bool mempool_next(struct mempool *pool, uint64_t after, struct mempool_tx *ret_tx)
{
    return show_found(mempool_after(pool, after), ret_tx);
}

bool mempool_spender(struct mempool *pool, const struct btc_outpoint *outpoint,
                     struct mempool_tx *ret_tx)
{
    return show_found(mempool_get_spender(pool, outpoint), ret_tx);
}
