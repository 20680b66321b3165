/* The signatures of a block, once all coins that it spends are known: see engine.h. */
#include "actors/node/engine.h"

#include <stdlib.h>

#include "actors/bitcoin/sig.h"

static int check_tx(const struct btc_tx *tx, const struct btc_tx_out *coins, unsigned flags,
                    struct block_inputs *inputs, struct btc_error *err)
{
    struct btc_spending spending;
    int rc = btc_spending_prepare(tx, coins, &spending);
    if (rc != 0)
        return btc_fail(err, rc, "the hashes for its signatures could not be computed: %s",
                        btc_code_text(rc));
    for (size_t i = 0; i < tx->in_count; i++) {
        rc = btc_verify_input(&spending, i, flags, err);
        if (rc < 0)
            return btc_fail_within(err, rc, "input %zu: ", i);
        if (rc == BTC_OUTSIDE_TEMPLATES)
            inputs->outside++;
        else
            inputs->checked++;
    }
    return 0;
}

static int check_sigops(const struct btc_block *block, const struct btc_tx_out *coins,
                        unsigned flags, struct btc_error *err)
{
    size_t cost = 0;
    for (size_t i = 0; i < block->tx_count; i++) {
        const struct btc_tx *tx = &block->txs[i];
        cost += btc_tx_sigops_cost(tx, i == 0 ? NULL : coins, flags);
        coins += i == 0 ? 0 : tx->in_count;
    }
    if (cost > CHAIN_SIGOPS_COST_MAX)
        return btc_fail(err, BTC_EINVALID, "its signature operations cost %zu, over %d", cost,
                        CHAIN_SIGOPS_COST_MAX);
    return 0;
}

int chain_check_inputs(const struct btc_block *block, const struct btc_tx_out *coins,
                       unsigned flags, struct block_inputs *ret_inputs, struct btc_error *err)
{
    struct block_inputs inputs = {0};
    int rc = check_sigops(block, coins, flags, err);
    for (size_t i = 1; rc == 0 && i < block->tx_count; i++) {
        rc = check_tx(&block->txs[i], coins, flags, &inputs, err);
        if (rc != 0)
            return btc_fail_within(err, rc, "transaction %zu: ", i);
        coins += block->txs[i].in_count;
    }
    if (rc == 0)
        *ret_inputs = inputs;
    return rc;
}
