/*
 * Mining on regtest: the next block for the tip of a chain, paid to a script.
 */
#ifndef ACTORS_NODE_MINE_H
#define ACTORS_NODE_MINE_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/tx.h"
#include "actors/node/chain.h"

#define MINE_SPARE_WEIGHT 4000  /* of a block, for header and coinbase without its script */
#define MINE_SIGOPS_MAX   80000 /* BIP141: their cost, in a block */

struct mine_request {
    struct btc_span script; /* [borrowed] output script that gets subsidy and fees */
    const struct btc_tx *const
        *txs; /* [borrowed] to include, parents before children; already checked */
    size_t tx_count;
    int64_t fees;         /* satoshi, the sum that these pay */
    uint32_t extra_nonce; /* makes coinbases of one height differ from one another */
};

/*
 * Build a block on the chain's tip and find its nonce (two tries on average; bounded by the 2^32
 * nonces, then BTC_ELIMIT). Coinbase with height (BIP34), witness commitment when a transaction has
 * a witness (BIP141), a time that is the clock's or one second above the median time past. The
 * block is not added: hand *ret_data [owned by the caller: free()] to chain_add_block(). BTC_EUSAGE
 * on another network than regtest or for a script over BTC_SCRIPT_SIZE_MAX, BTC_ELIMIT over the
 * block's maximum weight.
 */
int mine_block(struct chain *chain, const struct mine_request *request, uint8_t **ret_data,
               size_t *ret_size, struct btc_error *err) BTC_MUST_CHECK;

#endif
