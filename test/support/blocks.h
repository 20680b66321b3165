/*
 * Chains of blocks for tests of what follows a chain: the mainnet's first ones, and made ones for
 * what those do not have. A made block has no proof of work and no true merkle root: it is for code
 * that leaves both to the node.
 */
#ifndef TEST_SUPPORT_BLOCKS_H
#define TEST_SUPPORT_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/script.h"

#define BLOCKS_MAIN_COUNT 255
#define BLOCKS_MAX        1024

/* By height; genesis, at 0, has a hash only. */
struct blocks {
    struct btc_span blocks[BLOCKS_MAX];
    struct btc_hash hashes[BLOCKS_MAX];
    int32_t tip;
    void *file; /* [owned] that all of them look into; NULL: each owns its bytes */
};

/* Regtest's genesis. [owned] blocks_free(). */
struct blocks *blocks_new(void);

/* The mainnet's blocks 1 to 255; NULL, with the reason printed, without the shared data. */
struct blocks *blocks_load_main(void);

void blocks_free(struct blocks *blocks);

/* Take the made blocks above `height` away. */
void blocks_cut(struct blocks *blocks, int32_t height);

/* A block in the making. `salt` tells the blocks of two branches apart. */
struct blocks_draft {
    struct btc_writer txs;
    uint64_t tx_count;
    int32_t height; /* written into the coinbase */
    uint32_t salt;
};

struct blocks_draft blocks_draft(int32_t height, uint32_t salt);

/* Add a transaction that spends these coins (at most 8), or a coinbase for none; gives its id. */
struct btc_hash blocks_add_tx(struct blocks_draft *draft, const struct btc_outpoint *spent,
                              size_t spent_count, struct btc_tx_out *outs, size_t out_count);
struct btc_hash blocks_add_coinbase(struct blocks_draft *draft, struct btc_tx_out out);

struct btc_tx_out blocks_out_to(const struct btc_script *script, int64_t amount);
struct btc_tx_out blocks_out_to_other(int64_t amount); /* to nobody's script */

/* Put the block at its height; what was there and above goes. */
void blocks_finish(struct blocks *blocks, struct blocks_draft *draft);

/* A block with only a coinbase for nobody, on top. */
void blocks_add_empty(struct blocks *blocks, uint32_t salt);

#endif
