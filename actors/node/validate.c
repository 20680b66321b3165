/* What can be said of a block without the coins it spends: see engine.h. */
#include "actors/node/engine.h"

#include <string.h>

#include "actors/bitcoin/script.h"

#define SIGOPS_LEGACY_COST 4

/*
 * BIP141: a block with witnesses commits to them in its coinbase; one without a commitment has
 * none.
 */
static int check_commitment(const struct btc_block *block, struct btc_error *err)
{
    long index = btc_block_commitment_index(block);
    if (index < 0) {
        for (size_t i = 0; i < block->tx_count; i++)
            if (block->txs[i].has_witness)
                return btc_fail(err, BTC_EINVALID,
                                "transaction %zu has a witness that the block does not commit to",
                                i);
        return 0;
    }
    const struct btc_tx_in *in = &block->txs[0].ins[0];
    if (in->witness_count != 1 || in->witness[0].size != BTC_HASH_SIZE)
        return btc_fail(err, BTC_EINVALID, "the coinbase lacks the value for its commitment");
    struct btc_hash commitment;
    int rc = btc_block_witness_commitment(block, in->witness[0].data, &commitment);
    if (rc != 0)
        return btc_fail(err, rc, "the witness commitment could not be computed: %s",
                        btc_code_text(rc));
    uint8_t wanted[BTC_COMMITMENT_SCRIPT_SIZE];
    btc_commitment_script(&commitment, wanted);
    /* The script may go on behind the commitment. */
    if (memcmp(block->txs[0].outs[index].script.data, wanted, sizeof(wanted)) != 0)
        return btc_fail(err, BTC_EINVALID,
                        "the witness commitment is not that of its transactions");
    return 0;
}

int chain_check_shape(const struct btc_block *block, const struct block_context *context,
                      struct btc_error *err)
{
    if (block->tx_count == 0)
        return btc_fail(err, BTC_EINVALID, "it has no transactions");
    struct btc_hash root;
    bool mutated;
    int rc = btc_block_merkle_root(block, &root, &mutated);
    if (rc != 0)
        return btc_fail(err, rc, "the merkle root could not be computed: %s", btc_code_text(rc));
    if (!btc_hash_equal(&root, &block->header.merkle_root))
        return btc_fail(err, BTC_EINVALID,
                        "the transactions do not give the header's merkle root: they were changed "
                        "or damaged");
    if (mutated)
        return btc_fail(err, BTC_EINVALID, "transactions are repeated under the same merkle root");
    if (!btc_tx_is_coinbase(&block->txs[0]))
        return btc_fail(err, BTC_EINVALID, "its first transaction is not a coinbase");
    if (context->height >= context->params->segwit_height)
        return check_commitment(block, err);
    for (size_t i = 0; i < block->tx_count; i++)
        if (block->txs[i].has_witness)
            return btc_fail(err, BTC_EINVALID, "transaction %zu has a witness before BIP141", i);
    return 0;
}

/* BIP34: the coinbase script begins with the height. */
static int check_height(const struct btc_block *block, const struct block_context *context,
                        struct btc_error *err)
{
    if (context->height < context->params->bip34_height)
        return 0;
    struct btc_writer wanted;
    btc_writer_init(&wanted, 16);
    btc_script_write_number(&wanted, context->height);
    struct btc_span script = block->txs[0].ins[0].script_sig;
    bool same = wanted.failed == 0 && script.size >= wanted.size &&
                memcmp(script.data, wanted.data, wanted.size) == 0;
    int rc = wanted.failed;
    btc_writer_free(&wanted);
    if (rc != 0)
        return btc_fail(err, rc, "no memory");
    return same
               ? 0
               : btc_fail(err, BTC_EINVALID, "the coinbase does not begin with the block's height");
}

static int check_tx(const struct btc_block *block, size_t i, const struct block_context *context,
                    struct btc_error *err)
{
    const struct btc_tx *tx = &block->txs[i];
    if (i > 0 && btc_tx_is_coinbase(tx))
        return btc_fail(err, BTC_EINVALID, "a second coinbase");
    int rc = btc_tx_check(tx, err);
    if (rc == 0 && !btc_tx_is_final(tx, context->height, context->lock_time_clock_s))
        rc = btc_fail(err, BTC_EINVALID, "its lock time %u is not reached", tx->lock_time);
    return rc;
}

static size_t sigops_cost(const struct btc_tx *tx)
{
    size_t count = 0;
    for (size_t i = 0; i < tx->in_count; i++)
        count += btc_script_sigops(tx->ins[i].script_sig);
    for (size_t i = 0; i < tx->out_count; i++)
        count += btc_script_sigops(tx->outs[i].script);
    return count * SIGOPS_LEGACY_COST;
}

int chain_check_block(const struct btc_block *block, const struct block_context *context,
                      struct btc_error *err)
{
    if (btc_block_weight(block) > BTC_BLOCK_WEIGHT_MAX)
        return btc_fail(err, BTC_EINVALID, "its weight %zu is over %d", btc_block_weight(block),
                        BTC_BLOCK_WEIGHT_MAX);
    size_t sigops = 0;
    int rc = check_height(block, context, err);
    for (size_t i = 0; rc == 0 && i < block->tx_count; i++) {
        rc = check_tx(block, i, context, err);
        if (rc != 0)
            return btc_fail_within(err, rc, "transaction %zu: ", i);
        sigops += sigops_cost(&block->txs[i]);
    }
    if (rc == 0 && sigops > CHAIN_SIGOPS_COST_MAX)
        return btc_fail(err, BTC_EINVALID, "its signature operations cost %zu, over %d", sigops,
                        CHAIN_SIGOPS_COST_MAX);
    return rc;
}
