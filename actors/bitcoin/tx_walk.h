/*
 * Private to tx.c and block.c: one walk over a serialised transaction, used twice.
 *
 * The first walk has no arrays and only counts, so that all arrays of a transaction, or of a whole
 * block, fit one allocation of known size; the second one, over the same bytes, fills them.
 */
#ifndef ACTORS_BITCOIN_TX_WALK_H
#define ACTORS_BITCOIN_TX_WALK_H

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/tx.h"

#define BTC_TX_SIZE_MIN 51 /* bytes: version, one input without script, no output, lock time */

struct btc_tx_walk {
    struct btc_reader reader;
    bool fill;     /* false: count only */
    bool is_plain; /* never BIP144's form; there may be no inputs */
    struct btc_tx_in *ins;
    struct btc_tx_out *outs;
    struct btc_span *items; /* of witnesses */
    size_t in_count;
    size_t out_count;
    size_t item_count;
};

/* Walk one transaction; with walk->fill also describe it in *tx and compute its ids. */
int btc_tx_walk(struct btc_tx_walk *walk, struct btc_tx *tx) BTC_MUST_CHECK;

/*
 * After the counting walk: allocate the arrays behind `extra` bytes for the caller's own use (a
 * multiple of 16, or 0), and rewind to `offset` to fill. The arena is [owned] by the caller:
 * free(). BTC_ENOMEM.
 */
int btc_tx_walk_alloc(struct btc_tx_walk *walk, size_t offset, size_t extra, void **ret_arena)
    BTC_MUST_CHECK;

#endif
