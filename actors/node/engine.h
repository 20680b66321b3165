/*
 * Private to the chain engine: the handle, and what its files offer one another.
 *
 *   chain.c     the public calls that ask, and open and close
 *   activate.c  the public calls that change it; which branch is active, reorganisation
 *   headers.c   accepting a header: proof of work, difficulty, times, versions; the chain with
 *               the most work
 *   validate.c  what can be said of a block without the coins it spends
 *   connect.c   connecting a block to the coins, and taking it off again
 *   signatures.c  whether a block's inputs may spend their coins
 *   store.c     rows
 *   store_open.c  the file as a whole
 *
 * The cached tip, best header and totals in the handle always equal the store's: whoever undoes a
 * change puts them back as they were before it. Reading them again might fail, too.
 */
#ifndef ACTORS_NODE_ENGINE_H
#define ACTORS_NODE_ENGINE_H

#include "actors/node/chain.h"
#include "actors/node/crew.h"
#include "actors/node/store.h"

/* Times of the last headers up to one of them: median time past without reading eleven rows for
 * each header. */
struct time_window {
    int64_t id; /* of the last header; 0: nothing cached */
    size_t count;
    uint32_t times_s[BTC_MEDIAN_TIME_SPAN]; /* oldest first */
};

/* What the handle shows without asking the store. */
struct chain_view {
    struct chain_entry tip;
    struct chain_entry best;
    struct chain_stats stats;
};

struct chain {
    const struct btc_params *params;
    struct chain_store store;
    struct crew *crew; /* [owned] checks signatures */
    struct chain_entry tip;
    struct chain_entry best;
    struct chain_stats stats;
    struct time_window window;
    int32_t hold; /* blocks that a branch may undo without being held; 0: any */
    bool has_held;
    struct chain_entry held_leaf;
    struct chain_entry held_fork;
    void (*on_held)(void *user);
    void *on_held_user;
    bool batch;
    struct chain_view before;       /* the present change */
    struct chain_view before_batch; /* the present batch */
    int32_t last_height; /* of the last header that chain_add_headers() took: names the next one in
                            errors */
};

/* What the rules for a block's content depend on besides the block. */
struct block_context {
    const struct btc_params *params;
    int32_t height;
    uint32_t lock_time_clock_s; /* median time past of the block before, or the block's own time
                                   before BIP113 */
};

/*
 * headers.c: check a header against its chain and store it. 0, CHAIN_KNOWN; the entry is given in
 * both cases. *ret_height is set as soon as its height is known, also when it is then refused.
 */
int chain_accept_header(struct chain *chain, const struct btc_header *header,
                        struct chain_entry *ret_entry, int32_t *ret_height) BTC_MUST_CHECK;

/* headers.c: make the chain that ends in `entry` the one with the most work, if it has more than
 * the present. */
int chain_update_best(struct chain *chain, const struct chain_entry *entry) BTC_MUST_CHECK;

/*
 * validate.c: does the content belong to this header (merkle root not forgeable, witness
 * commitment)? A block that fails here may be fine in another shape: only this copy is refused, not
 * its id.
 */
int chain_check_shape(const struct btc_block *block, const struct block_context *context,
                      struct btc_error *err) BTC_MUST_CHECK;

/* validate.c: coinbase, every transaction by itself, lock times, sizes, signature operations. */
int chain_check_block(const struct btc_block *block, const struct block_context *context,
                      struct btc_error *err) BTC_MUST_CHECK;

#define CHAIN_SIGOPS_COST_MAX 80000 /* BIP141 */

/* What became of the inputs of a block, the coinbase's left out. */
struct block_inputs {
    size_t sigops_cost; /* of the whole block, BIP141 */
    int64_t checked;
    int64_t outside; /* of the templates: not checked */
};

/*
 * signatures.c: check that every input of the block may spend its coin, and that its signature
 * operations do not cost too much; the crew's threads share the work. `coins` are those that it
 * spends, in the order of its inputs, without the coinbase's; flags are of btc_verify_input(). The
 * error is that of the first input that fails, whatever the number of threads.
 */
int chain_check_inputs(struct crew *crew, const struct btc_block *block,
                       const struct btc_tx_out *coins, unsigned flags,
                       struct block_inputs *ret_inputs, struct btc_error *err) BTC_MUST_CHECK;

/* connect.c: put a block whose parent is the tip on top of the chain; BTC_EINVALID when it breaks a
 * rule. */
int chain_connect(struct chain *chain, const struct btc_block *block, struct chain_entry *entry)
    BTC_MUST_CHECK;

/* connect.c: take the tip off. */
int chain_disconnect(struct chain *chain) BTC_MUST_CHECK;

#endif
