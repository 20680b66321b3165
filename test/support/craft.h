/*
 * Blocks made by hand on any parent of regtest: with work and a true merkle root, and otherwise as
 * a test wants them, also against the rules.
 */
#ifndef TEST_SUPPORT_CRAFT_H
#define TEST_SUPPORT_CRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/bytes.h"

/* What is 0 is filled in. */
struct craft {
    struct btc_header header; /* version 4, bits of regtest, merkle root and nonce as needed */
    int32_t height;           /* of the block, for its coinbase */
    int64_t claim;            /* satoshi that the coinbase pays to anyone */
    uint32_t salt;            /* tells blocks of one height apart */
    const struct btc_tx *txs; /* [borrowed] behind the coinbase */
    size_t tx_count;
    const struct btc_tx *coinbase; /* [borrowed] instead of one made of the above */
};

/* Gives the block, to be freed with btc_writer_free(), and its hash (may be NULL). */
struct btc_writer craft_block(const struct craft *craft, struct btc_hash *ret_hash);

/* On top of this header, a second later. */
struct craft craft_after(const struct btc_header *header, int32_t height);

#endif
