/*
 * The node's pool of transactions that wait for a block: which it takes, keeps, replaces and lets
 * go of. In memory only; nothing here knows of the bus.
 *
 * Who calls: whoever owns the chain, on the chain's thread. After each change of the chain
 * mempool_follow() must be called before anything else here.
 *
 * Which transactions it takes is policy, stricter than the rules for blocks, and the same as that of
 * Bitcoin Core 29 where nothing else is said: standard forms only (version 1 or 2, scripts of the
 * templates, at most 400,000 weight, no dust, at most one RETURN output of 83 bytes), final and
 * unlocked (BIP113, BIP68) in the next block, paying for their relay, not in too large families, and
 * verified in full: an input outside of what actors/bitcoin/sig.h can verify is refused, and the text
 * says so. Two that spend the same coin: the second replaces the first under rules 3 to 5 and 2 of
 * BIP125 and if it pays a higher rate than each that it replaces; signalling is not asked for.
 *
 * Rates are in satoshi for 1,000 virtual bytes (BIP141: weight / 4, rounded up).
 */
#ifndef ACTORS_NODE_MEMPOOL_H
#define ACTORS_NODE_MEMPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"
#include "actors/bitcoin/tx.h"
#include "actors/node/chain.h"

#define MEMPOOL_BYTES_MAX         (64u << 20)  /* of memory, by default */
#define MEMPOOL_EXPIRY_S          (336 * 3600) /* how long a transaction waits at most */
#define MEMPOOL_RELAY_RATE        1000         /* the least that is relayed: 1 satoshi a byte */
#define MEMPOOL_INCREMENT_RATE    1000         /* by which a replacement, or a floor, must go up */
#define MEMPOOL_FLOOR_HALFLIFE_S  (12 * 3600)
#define MEMPOOL_FAMILY_MAX        25     /* ancestors, or descendants, itself included */
#define MEMPOOL_FAMILY_VBYTES_MAX 101000 /* and what these add up to */
#define MEMPOOL_REPLACED_MAX      100    /* transactions that one may replace (BIP125, rule 5) */
#define MEMPOOL_TEST_MAX          25     /* transactions that are tested together */
#define MEMPOOL_REASON_SIZE       64     /* bytes of a reason, with the NUL */

/* Positive outcomes. */
#define MEMPOOL_KNOWN 1 /* it is in the pool already */

enum mempool_removal {
    MEMPOOL_CONFIRMED,
    MEMPOOL_REPLACED,
    MEMPOOL_CONFLICT,
    MEMPOOL_EVICTED,
    MEMPOOL_EXPIRED,
    MEMPOOL_REORGANISED,
};

/* A transaction in the pool; everything in it is [borrowed] until the next call that changes the
 * pool. */
struct mempool_tx {
    const struct btc_tx *tx; /* tx->raw: as it came */
    int64_t fee;             /* satoshi */
    size_t vsize;
    uint64_t sequence; /* grows with each one added, over restarts too while the clock does */
    int64_t time_s;    /* when it came in */
};

/* What became of a transaction that was offered. */
struct mempool_verdict {
    struct btc_hash txid;
    bool has_txid; /* it parses */
    bool has_fee;  /* all its coins are known */
    int64_t fee;
    size_t vsize;
    bool has_verified; /* it came to signatures; they may be wrong */
    size_t sigops;     /* their cost, in that case */
    /* Why it is refused, in the words of Bitcoin Core's reject-reason ("missing-inputs", "dust");
     * empty when it is not. The sentence is in err. */
    char reason[MEMPOOL_REASON_SIZE];
};

/* Told of each transaction that comes or goes, within the call that does it; may ask, but not change
 * the pool. by: what replaced it, else NULL. A member may be NULL. */
struct mempool_listener {
    void (*added)(void *user, const struct mempool_tx *tx);
    void (*removed)(void *user, const struct mempool_tx *tx, enum mempool_removal why,
                    const struct btc_hash *by);
    void *user;
};

struct mempool_totals {
    size_t count;
    uint64_t vsize;
    int64_t fees;
    size_t usage;      /* bytes of memory, as the allocator counts */
    size_t usage_max;  /* its bound */
    uint64_t min_rate; /* what a transaction must pay now */
    uint64_t sequence; /* of the last one added; 0: none yet */
};

struct mempool; /* opaque */

/* An empty pool on the chain [kept, must outlive it]. usage_max 0: MEMPOOL_BYTES_MAX. 0,
 * BTC_ENOMEM. */
int mempool_new(struct chain *chain, size_t usage_max, const struct mempool_listener *listener,
                struct mempool **ret_pool, struct btc_error *err) BTC_MUST_CHECK;
void mempool_free(struct mempool *pool); /* tells nobody; NULL is fine */

/*
 * Offer one serialised transaction. 0: it is in the pool now. MEMPOOL_KNOWN. BTC_EFORMAT: it does
 * not parse. BTC_EORPHAN: some coin is neither in the chain nor in the pool ("missing-inputs").
 * BTC_EINVALID: it could never be in a block, as it is. BTC_ELIMIT: refused by policy, or as things
 * are now (form, fee, conflict, family, lock time, an input that can't be verified here): who sent
 * it did no wrong. *ret_verdict is always filled in. Other errors are the node's own trouble.
 */
int mempool_accept(struct mempool *pool, const void *data, size_t size, int64_t now_s,
                   struct mempool_verdict *ret_verdict, struct btc_error *err) BTC_MUST_CHECK;

/*
 * What mempool_accept() would say to each of `count` <= MEMPOOL_TEST_MAX transactions, where each may
 * also spend what those before it pay. The pool stays as it is. ret_errors has a sentence
 * for each that is refused.
 * 0, or the node's own trouble.
 */
int mempool_test(struct mempool *pool, const struct btc_span *txs, size_t count, int64_t now_s,
                 struct mempool_verdict *ret_verdicts, struct btc_error *ret_errors,
                 struct btc_error *err) BTC_MUST_CHECK;

/* Bring the pool to the chain's new state: what is in new blocks leaves, what is at odds with them
 * leaves, what was in blocks that were taken back comes back where it still may. After a failure
 * the pool is empty, or sound, but may lack some of the latter. */
int mempool_follow(struct mempool *pool, const struct chain_change *change, int64_t now_s,
                   struct btc_error *err) BTC_MUST_CHECK;

/* Let go of what has waited too long; call now and then. */
void mempool_expire(struct mempool *pool, int64_t now_s);

/* ---- what it holds ---- */

void mempool_get_totals(struct mempool *pool, int64_t now_s, struct mempool_totals *ret_totals);

/* By its txid, or by its wtxid. False: not here. */
bool mempool_find(struct mempool *pool, const struct btc_hash *txid, struct mempool_tx *ret_tx);
bool mempool_find_wtxid(struct mempool *pool, const struct btc_hash *wtxid,
                        struct mempool_tx *ret_tx);

/* The first with a sequence above `after`. False: there is none. */
bool mempool_next(struct mempool *pool, uint64_t after, struct mempool_tx *ret_tx);

/* The transaction that spends this output. False: none here does. */
bool mempool_spender(struct mempool *pool, const struct btc_outpoint *outpoint,
                     struct mempool_tx *ret_tx);

/* ---- for the next block ---- */

struct mempool_pick {
    const struct btc_tx **txs; /* [owned] the array; parents before children */
    size_t count;
    int64_t fees; /* of all */
    /* The rate at which each was chosen (that of it and its ancestors), the highest first. */
    uint64_t *rates; /* [owned] */
    uint64_t vsize;  /* of all */
};

/*
 * Choose by ancestor fee rate what goes into blocks of this much weight and signature operations'
 * cost in all. Release with mempool_pick_free(); what it points at is [borrowed] as above. 0,
 * BTC_ENOMEM.
 */
int mempool_pick(struct mempool *pool, size_t weight_max, size_t sigops_max,
                 struct mempool_pick *ret_pick, struct btc_error *err) BTC_MUST_CHECK;
void mempool_pick_free(struct mempool_pick *pick);

/*
 * The rate that should do for one of the next `blocks` (1 to 1,008) blocks: that of what just
 * finds room in them, less the share that the last blocks suggest goes to later ones; the floor
 * where all that waits fits. *ret_from_pool says which. 0, or the chain's own trouble.
 */
int mempool_estimate(struct mempool *pool, uint32_t blocks, int64_t now_s, uint64_t *ret_rate,
                     bool *ret_from_pool, struct btc_error *err) BTC_MUST_CHECK;

#endif
