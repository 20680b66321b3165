/*
 * The node's chain: headers, blocks and the coins that are left unspent, in one SQLite file.
 *
 * Who calls: the node actor, from the one thread that it gives to the chain. A chain handle has no
 * locks and must stay on one thread at a time; nothing here knows of the bus. Calls may wait for
 * the disk.
 *
 * What is promised: when a call that changes the chain returns 0 outside a batch, or when
 * chain_batch_end() does, the change is on disk and survives kill -9 and loss of power. A block is
 * connected whole or not at all: headers, raw block, coins, undo data, tip and totals change in one
 * SQLite transaction.
 *
 * What is checked, per block, is said by its `validation`: CHAIN_FULL when every input was checked,
 * CHAIN_PARTIAL when some script is outside the templates of actors/bitcoin/sig.h (and for every
 * block of signet, whose blocks carry a signature that is not checked here). Everything else about
 * a partial block is checked as for a full one.
 *
 * Errors are those of actors/bitcoin/error.h; every failure leaves a sentence in err (which may be
 * NULL).
 */
#ifndef ACTORS_NODE_CHAIN_H
#define ACTORS_NODE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/error.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/pow.h"
#include "actors/bitcoin/tx.h"

#define CHAIN_HEADERS_MAX 2000 /* headers handed over by one call, as in one P2P message */
#define CHAIN_REORG_MAX   1000 /* blocks that one reorganisation may disconnect */

#define CHAIN_CHECK_SIZE (64ll << 20) /* bytes of a store that is checked whole after a crash */

/* Positive outcomes. */
#define CHAIN_KNOWN  1 /* nothing to do: it is here already */
#define CHAIN_SIDE   2 /* stored, but not on the active chain: less work, or a gap before it */
#define CHAIN_ABSENT 3 /* there is no such entry */

enum chain_validation {
    CHAIN_UNCHECKED = 0, /* header only, or a block that was never connected */
    CHAIN_FULL = 1,
    CHAIN_PARTIAL = 2,
};

/* A header and what is known of its block. */
struct chain_entry {
    int64_t id; /* row in the store; for the engine's own use */
    int64_t prev_id;
    int32_t height;
    struct btc_hash hash;
    struct btc_header header;
    struct btc_u256 work;   /* of the chain from genesis up to and with this header */
    uint32_t period_time_s; /* time of the first header of its difficulty period */
    bool has_block;         /* the raw block is stored */
    bool failed;            /* it, or one before it, broke a rule: never to be connected */
    enum chain_validation validation;
    uint32_t tx_count; /* 0 while only the header is known */
};

struct chain_stats {
    int32_t height;          /* of the last connected block; genesis is 0 */
    int32_t header_height;   /* of the header with the most work */
    int64_t tx_count;        /* in connected blocks; genesis not counted */
    int64_t coin_count;      /* unspent outputs */
    int64_t coin_amount;     /* their sum, satoshi */
    int64_t signature_count; /* verified in connected blocks */
    int64_t partial_count;   /* connected blocks with CHAIN_PARTIAL */
};

/*
 * What an accepted block did to the active chain: blocks above `fork` up to old_tip were
 * disconnected (none when fork is old_tip), those above it up to new_tip were connected. Raw blocks
 * of both stay readable by hash.
 */
struct chain_change {
    struct chain_entry old_tip;
    struct chain_entry fork;
    struct chain_entry new_tip;
};

struct chain_coin {
    bool found;
    bool coinbase;
    int32_t height;
    int64_t amount;         /* satoshi */
    struct btc_span script; /* [owned] by the struct chain_coins it is in */
};

struct chain_coins {
    size_t count;
    uint8_t *scripts;         /* [owned] all scripts, one behind the other */
    struct chain_coin *coins; /* in the order of the question */
};

struct chain; /* opaque */

/*
 * Open, or create, the chain in folder datadir (made when absent; its parent must exist) for one
 * network. The folder stays locked until chain_close(). BTC_EINUSE names the process that holds it;
 * BTC_ENETWORK: the folder belongs to another network; BTC_ECORRUPT: made by a newer version, or
 * damaged (an older version is brought up to date); BTC_EIO: path and reason.
 */
int chain_open(const char *datadir, const struct btc_params *params, struct chain **ret_chain,
               struct btc_error *err) BTC_MUST_CHECK;

/*
 * Check all of the store: what SQLite has to say, and that coins, blocks and undo data are those that
 * were counted. Takes as long as reading the file. chain_open() checks the tip only; all, up to
 * CHAIN_CHECK_SIZE, when the last one who had it open was killed. BTC_ECORRUPT says what to do.
 */
int chain_check(struct chain *chain, struct btc_error *err) BTC_MUST_CHECK;

/* Write the store anew without its gaps, which needs as much room as it has for that time. The sizes
 * are in bytes. BTC_EIO: nothing changed. */
int chain_compact(struct chain *chain, int64_t *ret_before, int64_t *ret_after,
                  struct btc_error *err) BTC_MUST_CHECK;

/* Close and release; an open batch is rolled back. NULL is fine. */
void chain_close(struct chain *chain);

const struct btc_params *chain_params(const struct chain *chain);

/* ---- what it holds ---- */

void chain_get_stats(const struct chain *chain, struct chain_stats *ret_stats);
void chain_tip(const struct chain *chain, struct chain_entry *ret_entry); /* last connected block */
void chain_header_tip(const struct chain *chain,
                      struct chain_entry *ret_entry); /* header with most work */

/* 0, CHAIN_ABSENT, or an error. The first is about connected blocks, the second about the most-work
 * headers. */
int chain_block_at(struct chain *chain, int32_t height, struct chain_entry *ret_entry,
                   struct btc_error *err) BTC_MUST_CHECK;
int chain_header_at(struct chain *chain, int32_t height, struct chain_entry *ret_entry,
                    struct btc_error *err) BTC_MUST_CHECK;
int chain_find(struct chain *chain, const struct btc_hash *hash, struct chain_entry *ret_entry,
               struct btc_error *err) BTC_MUST_CHECK;

/* Is this entry one of the connected blocks? 1 yes, 0 no, or an error. */
int chain_is_active(struct chain *chain, const struct chain_entry *entry, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * The raw block of an entry, as it came. *ret_data is [owned] by the caller: free(). CHAIN_ABSENT
 * when only its header is known. A range of blocks is read by going through heights with
 * chain_block_at() and this.
 */
int chain_read_block(struct chain *chain, const struct chain_entry *entry, uint8_t **ret_data,
                     size_t *ret_size, struct btc_error *err) BTC_MUST_CHECK;

/* Median time past (BIP113): the median of the times of the last 11 headers up to and with entry.
 */
int chain_median_time(struct chain *chain, const struct chain_entry *entry, uint32_t *ret_time_s,
                      struct btc_error *err) BTC_MUST_CHECK;

/*
 * BIP68: an input may ask that its coin be so many blocks, or so much time, old. Is that of an input,
 * in block `coin_height`, old enough for block `height`, when the block before has that median time
 * past? BTC_EINVALID: no.
 */
int chain_check_age(struct chain *chain, const struct btc_tx *tx, size_t index, int32_t coin_height,
                    int32_t height, uint32_t prev_median_s, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Look up `count` outpoints among the unspent outputs at once. Release with chain_coins_free().
 */
int chain_get_coins(struct chain *chain, const struct btc_outpoint *outpoints, size_t count,
                    struct chain_coins *ret_coins, struct btc_error *err) BTC_MUST_CHECK;

/* The same for whoever needs them all: ends at the first that is neither there nor known to `has_it`,
 * which is asked about those that are not; those behind it are then not found. */
int chain_get_coins_needed(struct chain *chain, const struct btc_outpoint *outpoints, size_t count,
                           bool (*has_it)(void *user, const struct btc_outpoint *outpoint),
                           void *user, struct chain_coins *ret_coins, struct btc_error *err)
    BTC_MUST_CHECK;
void chain_coins_free(struct chain_coins *coins);

/* The height of the block that a transaction is in, by its unspent outputs: CHAIN_ABSENT also when
 * all of them are spent. */
int chain_find_tx(struct chain *chain, const struct btc_hash *txid, int32_t *ret_height,
                  struct btc_error *err) BTC_MUST_CHECK;

/* The last block of the active chain that someone with this locator has too: the first of these hashes
 * that is in it; genesis when none is. */
int chain_find_fork(struct chain *chain, const struct btc_hash *locator, size_t count,
                    struct chain_entry *ret_entry, struct btc_error *err) BTC_MUST_CHECK;

/* ---- changing it ---- */

/*
 * Between these, changes are collected in one transaction: nothing in it counts as done before
 * chain_batch_end() returned 0. Blocks of an import are put into batches, because each transaction
 * waits for the disk. A batch does not nest. When chain_batch_end() fails the chain is as it was
 * before chain_batch_begin().
 */
int chain_batch_begin(struct chain *chain, struct btc_error *err) BTC_MUST_CHECK;
int chain_batch_end(struct chain *chain, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Take `count` headers of 80 bytes, each building on a known one (normally the one before it). All
 * before the first bad one are kept; *ret_added (also set on failure) says how many were new.
 * BTC_EINVALID or BTC_EORPHAN: err names height and reason: proof of work, bits against the
 * difficulty rule, median time, clock, version.
 */
int chain_add_headers(struct chain *chain, const uint8_t *bytes, size_t count, size_t *ret_added,
                      struct btc_error *err) BTC_MUST_CHECK;

/*
 * Take one raw block: header rules, block rules, storing, and, where it makes the chain with the
 * most work, connecting (with a reorganisation when that is on another branch). 0: connected,
 * *ret_change says what moved. CHAIN_KNOWN: it is stored already. CHAIN_SIDE: stored, tip
 * unchanged. BTC_EORPHAN: its parent is unknown. BTC_EFORMAT, BTC_EINVALID: refused, err says why;
 * the chain is unchanged. BTC_ELIMIT: over 4,000,000 bytes, or it would undo more than
 * CHAIN_REORG_MAX blocks. *ret_change is filled in only for 0.
 */
int chain_add_block(struct chain *chain, const void *data, size_t size,
                    struct chain_change *ret_change, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Holding: a branch with more work that would undo more than `blocks` connected ones is stored, but
 * not followed at once: chain_add_block() gives CHAIN_SIDE, and on_held (may be NULL) is called
 * before it returns; it must not call the chain. 0 blocks: nothing is held, as at first.
 */
void chain_set_hold(struct chain *chain, int32_t blocks, void (*on_held)(void *user), void *user);

/* The last branch that was held: its end and the block that it leaves the active chain at. 0, or
 * CHAIN_ABSENT: none, or chain_forget_held() was called since. */
int chain_get_held(const struct chain *chain, struct chain_entry *ret_leaf,
                   struct chain_entry *ret_fork) BTC_MUST_CHECK;
void chain_forget_held(struct chain *chain);

/*
 * Make the branch of this block, with what is stored on top of it, the active one, if it has more
 * work: however much that undoes, up to CHAIN_REORG_MAX. 0: *ret_change says what moved.
 * CHAIN_KNOWN: it has no more work. CHAIN_SIDE: blocks of it are missing. CHAIN_ABSENT: there is no
 * such block. BTC_EINVALID: it breaks a rule, which is remembered. BTC_ELIMIT as above.
 */
int chain_follow(struct chain *chain, const struct btc_hash *hash, struct chain_change *ret_change,
                 struct btc_error *err) BTC_MUST_CHECK;

#endif
