/* Mining on regtest: see mine.h. */
#include "actors/node/mine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/bitcoin/script.h"

#define BLOCK_VERSION 0x20000000 /* BIP9: no bit signalled */

/* What a coinbase is made of, kept together because the transaction only points at it. */
struct coinbase {
    struct btc_writer script_sig;
    struct btc_tx_in in;
    struct btc_tx_out outs[2];
    struct btc_span reserved; /* the witness item that goes with a commitment */
    uint8_t commitment[BTC_COMMITMENT_SCRIPT_SIZE];
    struct btc_tx tx;
};

static const uint8_t reserved_value[BTC_HASH_SIZE];

static int make_coinbase(struct coinbase *c, const struct mine_request *request, int32_t height,
                         int64_t amount)
{
    btc_writer_init(&c->script_sig, 100);
    btc_script_write_number(&c->script_sig, height);
    uint32_t extra = request->extra_nonce;
    uint8_t nonce[4] = {(uint8_t)extra, (uint8_t)(extra >> 8), (uint8_t)(extra >> 16),
                        (uint8_t)(extra >> 24)};
    btc_script_write_push(&c->script_sig, nonce, sizeof(nonce));
    c->in = (struct btc_tx_in){
        .prev.index = BTC_OUTPOINT_COINBASE_INDEX,
        .script_sig = {c->script_sig.data, c->script_sig.size},
        .sequence = BTC_SEQUENCE_FINAL,
    };
    c->outs[0] = (struct btc_tx_out){amount, request->script};
    c->tx = (struct btc_tx){
        .version = 2, .in_count = 1, .ins = &c->in, .out_count = 1, .outs = c->outs};
    return c->script_sig.failed != 0 ? c->script_sig.failed : btc_tx_seal(&c->tx);
}

/* Commit to the witnesses of `block` in its coinbase, which is txs[0] there. */
static int add_commitment(struct coinbase *c, struct btc_block *block)
{
    struct btc_hash commitment;
    int rc = btc_block_witness_commitment(block, reserved_value, &commitment);
    if (rc != 0)
        return rc;
    btc_commitment_script(&commitment, c->commitment);
    c->outs[1] = (struct btc_tx_out){0, {c->commitment, sizeof(c->commitment)}};
    c->tx.out_count = 2;
    c->reserved = (struct btc_span){reserved_value, sizeof(reserved_value)};
    c->in.witness = &c->reserved;
    c->in.witness_count = 1;
    rc = btc_tx_seal(&c->tx);
    block->txs[0] = c->tx;
    return rc;
}

static int find_nonce(struct btc_header *header, const struct btc_params *params,
                      struct btc_error *err)
{
    do {
        struct btc_hash hash;
        int rc = btc_header_hash(header, &hash);
        if (rc != 0)
            return btc_fail(err, rc, "the hash library failed");
        if (btc_pow_check(&hash, header->bits, params, NULL) == 0)
            return 0;
    } while (header->nonce++ != UINT32_MAX);
    return btc_fail(err, BTC_ELIMIT, "no nonce gives enough work; try another extra nonce");
}

static int write_block(const struct btc_block *block, uint8_t **ret_data, size_t *ret_size,
                       struct btc_error *err)
{
    struct btc_writer w;
    uint8_t header[BTC_HEADER_SIZE];
    btc_writer_init(&w, BTC_BLOCK_SIZE_MAX);
    btc_header_write(&block->header, header);
    btc_write_bytes(&w, header, sizeof(header));
    btc_write_compact(&w, block->tx_count);
    for (size_t i = 0; i < block->tx_count; i++)
        btc_tx_write(&block->txs[i], true, &w);
    if (w.failed != 0) {
        int rc = btc_fail(err, w.failed, "the block does not fit %d bytes", BTC_BLOCK_SIZE_MAX);
        btc_writer_free(&w);
        return rc;
    }
    *ret_data = w.data;
    *ret_size = w.size;
    return 0;
}

/* Root, nonce and bytes of a block whose transactions are in place. */
static int finish_block(struct chain *chain, struct btc_block *block, struct coinbase *coinbase,
                        uint8_t **ret_data, size_t *ret_size, struct btc_error *err)
{
    bool witness = false;
    block->base_size = BTC_HEADER_SIZE + btc_compact_size(block->tx_count);
    for (size_t i = 0; i < block->tx_count; i++)
        witness = witness || block->txs[i].has_witness;
    int rc = witness ? add_commitment(coinbase, block) : 0;
    if (rc == 0)
        rc = btc_block_merkle_root(block, &block->header.merkle_root, NULL);
    if (rc != 0)
        return btc_fail(err, rc, "the block's hashes could not be computed: %s", btc_code_text(rc));
    block->size = block->base_size;
    for (size_t i = 0; i < block->tx_count; i++) {
        block->size += block->txs[i].size;
        block->base_size += block->txs[i].base_size;
    }
    if (btc_block_weight(block) > BTC_BLOCK_WEIGHT_MAX)
        return btc_fail(err, BTC_ELIMIT, "the transactions weigh %zu, over %d",
                        btc_block_weight(block), BTC_BLOCK_WEIGHT_MAX);
    rc = find_nonce(&block->header, chain_params(chain), err);
    return rc != 0 ? rc : write_block(block, ret_data, ret_size, err);
}

int mine_block(struct chain *chain, const struct mine_request *request, uint8_t **ret_data,
               size_t *ret_size, struct btc_error *err)
{
    const struct btc_params *params = chain_params(chain);
    struct chain_entry tip;
    uint32_t median_s = 0;
    chain_tip(chain, &tip);
    if (params->network != BTC_REGTEST)
        return btc_fail(err, BTC_EUSAGE, "mining is for regtest, this is %s", params->name);
    if (request->script.size > BTC_SCRIPT_SIZE_MAX)
        return btc_fail(err, BTC_EUSAGE, "a script of %zu bytes can't be paid to",
                        request->script.size);
    int rc = chain_median_time(chain, &tip, &median_s, err);
    if (rc != 0)
        return rc;
    int64_t now_s = (int64_t)time(NULL);
    struct btc_block block = {
        .header = {.version = BLOCK_VERSION,
                   .prev = tip.hash,
                   .time_s = now_s > median_s ? (uint32_t)now_s : median_s + 1,
                   .bits = tip.header.bits},
        .tx_count = request->tx_count + 1,
    };
    block.txs = calloc(block.tx_count, sizeof(*block.txs));
    if (block.txs == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for %zu transactions", block.tx_count);
    struct coinbase coinbase = {0};
    rc = make_coinbase(&coinbase, request, tip.height + 1,
                       btc_subsidy(params, tip.height + 1) + request->fees);
    if (rc != 0) {
        btc_fail(err, rc, "the coinbase could not be made");
    } else {
        block.txs[0] = coinbase.tx;
        for (size_t i = 0; i < request->tx_count; i++)
            block.txs[i + 1] = *request->txs[i];
        rc = finish_block(chain, &block, &coinbase, ret_data, ret_size, err);
    }
    btc_writer_free(&coinbase.script_sig);
    free(block.txs);
    return rc;
}
