/*
 * Private to the pool: what is in it, and what its files offer one another.
 *
 *   mempool.c          the public calls that offer and ask; the bound on memory
 *   mempool_entries.c  the transactions and their order by id, spent coin, age and worth; families
 *   mempool_policy.c   what can be said of a transaction without the coins it spends
 *   mempool_inputs.c   its coins: where they are, whether they may be spent in the next block
 *   mempool_replace.c  families that are too large; one transaction in place of others
 *   mempool_follow.c   what a change of the chain does to the pool
 *   mempool_pick.c     what goes into the next block, and the rates that follow from it
 *
 * The orders are trees of <search.h>. Each node of one holds a pointer to an entry (or to a spent
 * coin in it); none is ever walked whole where something else would do.
 */
#ifndef ACTORS_NODE_MEMPOOL_IMPL_H
#define ACTORS_NODE_MEMPOOL_IMPL_H

#include "actors/node/mempool.h"

#define MEMPOOL_BYTES_PER_SIGOP 20    /* a transaction counts as at least so large */
#define MEMPOOL_SIGOPS_MAX      16000 /* their cost, in one transaction: a fifth of a block's */

struct pool_entry;

struct pool_list {
    struct pool_entry **items; /* [owned] */
    size_t count;
    size_t capacity;
};

/* A coin that an entry spends, as the tree of spent coins has it. */
struct spent_coin {
    struct btc_outpoint outpoint;
    struct pool_entry *by;
};

struct pool_entry {
    struct btc_tx tx; /* [owned] looks into raw */
    uint8_t *raw;     /* [owned] */
    int64_t fee;
    size_t vsize;
    size_t sigops; /* their cost */
    uint64_t sequence;
    int64_t time_s;
    size_t usage;             /* bytes that it added to the pool's, lists left out */
    struct pool_list parents; /* in the pool; each once */
    struct pool_list children;
    size_t family_count; /* of it and its descendants */
    uint64_t family_vsize;
    int64_t family_fee;
    double worth;  /* what letting go of it, and of all that needs it, would cost: its place in the
                      order */
    uint64_t mark; /* of the walk that came here last */
    struct pool_entry *next; /* of a family that is being removed */
    bool is_picked;
    struct spent_coin spent[];
};

struct mempool {
    struct chain *chain;
    struct mempool_listener listener;
    void *by_txid; /* trees */
    void *by_wtxid;
    void *by_spent;
    void *by_sequence;
    void *by_worth;
    size_t count;
    uint64_t vsize;
    int64_t fees;
    size_t usage;
    size_t usage_max;
    uint64_t sequence;
    uint64_t mark;
    /* The floor: raised by what was let go of, halved over time once a block has come. */
    double floor_rate;
    int64_t floor_s; /* when it was computed */
    bool floor_may_fall;
};

/* One transaction on its way in. */
struct candidate {
    struct btc_tx tx; /* [owned] with raw, until it is an entry's */
    uint8_t *raw;
    int64_t now_s;
    /* Those before it that are tested together with it; they are not in the pool. */
    const struct btc_tx *const *others;
    size_t others_count;
    bool is_back; /* from a block that was taken back: fees and families don't count */
    int64_t fee;
    size_t vsize;
    size_t sigops;
    struct btc_tx_out *coins;  /* [owned] what it spends, in order of its inputs */
    struct chain_coins stored; /* [owned] scripts of those in the chain */
    struct pool_list parents;
    struct pool_list ancestors; /* parents included */
    struct pool_list rivals;    /* that spend the same coins */
    struct pool_list leaving;   /* these and their descendants */
    struct mempool_verdict *verdict;
    struct btc_error *err;
};

/* Why a candidate is not taken: fills in the reason and the sentence and gives code back. */
int mempool_refuse(struct candidate *c, int code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Only the reason, for a sentence that is there already. */
void mempool_give_reason(struct candidate *c, const char *reason);

/* What a virtual size pays at a rate: rounded up, as the network's nodes do. */
int64_t mempool_fee_at(uint64_t rate, uint64_t vsize);

/* ---- mempool_entries.c ---- */

int pool_list_add(struct pool_list *list, struct pool_entry *entry) BTC_MUST_CHECK;
void pool_list_remove(struct pool_list *list, const struct pool_entry *entry);
bool pool_list_has(const struct pool_list *list, const struct pool_entry *entry);
void pool_list_free(struct pool_list *list);

struct pool_entry *mempool_get(struct mempool *pool, const struct btc_hash *txid);
struct pool_entry *mempool_get_spender(struct mempool *pool, const struct btc_outpoint *outpoint);
struct pool_entry *mempool_after(struct mempool *pool, uint64_t sequence);
struct pool_entry *mempool_least_worth(struct mempool *pool);

/* All of `list`'s ancestors or descendants, themselves included, each once; list grows to hold
 * them. At most count_max (0: no bound), then BTC_ELIMIT. BTC_ENOMEM. */
int mempool_spread(struct mempool *pool, struct pool_list *list, bool down, size_t count_max)
    BTC_MUST_CHECK;

/* Make the candidate an entry; on success it owns what the candidate did. BTC_ENOMEM. */
int mempool_add(struct mempool *pool, struct candidate *c, struct pool_entry **ret_entry)
    BTC_MUST_CHECK;

/* Take one entry out, tell of it and release it. Its children lose a parent. */
void mempool_remove(struct mempool *pool, struct pool_entry *entry, enum mempool_removal why,
                    const struct btc_hash *by);

/* The same for all of a list, which must hold the descendants of each. */
void mempool_remove_all(struct mempool *pool, struct pool_list *list, enum mempool_removal why,
                        const struct btc_hash *by);

/* An entry with all that needs it, children first. */
void mempool_remove_family(struct mempool *pool, struct pool_entry *entry, enum mempool_removal why,
                           const struct btc_hash *by);

/* Count the entry's family anew, after parents came back behind their children. */
int mempool_recount(struct mempool *pool, struct pool_entry *entry) BTC_MUST_CHECK;

void mempool_show(const struct pool_entry *entry, struct mempool_tx *ret_tx);

/* ---- the steps of a check; each 0 or what mempool_accept() says ---- */

int mempool_check_form(struct candidate *c) BTC_MUST_CHECK; /* mempool_policy.c */
int mempool_check_final(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK;
int mempool_find_coins(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK; /* inputs */
int mempool_check_signatures(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK;
int mempool_check_family(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK; /* replace */
int mempool_check_rivals(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK;
int mempool_check_replacement(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK;

/* Forms of input that are not relayed, with the coins known; mempool_policy.c. */
int mempool_check_input_forms(struct candidate *c) BTC_MUST_CHECK;

/* Forms of signature and key that are not relayed; mempool_policy.c. After they were verified. */
int mempool_check_signature_forms(struct candidate *c) BTC_MUST_CHECK;

/* All checks in order; mempool.c. */
int mempool_check(struct mempool *pool, struct candidate *c) BTC_MUST_CHECK;
int mempool_parse(struct candidate *c, const void *data, size_t size) BTC_MUST_CHECK;
void mempool_candidate_free(struct candidate *c);

/* What a transaction must pay now; mempool.c. */
uint64_t mempool_min_rate(struct mempool *pool, int64_t now_s);

/* Down to the bound on memory; mempool.c. */
void mempool_trim(struct mempool *pool, int64_t now_s);

#endif
