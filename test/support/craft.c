/* Blocks made by hand: see craft.h. */
#include "test/support/craft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "actors/bitcoin/params.h"
#include "actors/bitcoin/pow.h"
#include "actors/bitcoin/script.h"

static const uint8_t op_true[] = {0x51};

/* Find a nonce and write it all. */
static struct btc_writer finish(struct btc_block *block, struct btc_hash *ret_hash)
{
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    struct btc_writer w;
    uint8_t header[BTC_HEADER_SIZE];
    assert_int_equal(btc_block_merkle_root(block, &block->header.merkle_root, NULL), 0);
    while (btc_header_hash(&block->header, &block->hash) == 0 &&
           btc_pow_check(&block->hash, block->header.bits, params, NULL) != 0)
        block->header.nonce++;
    btc_writer_init(&w, 2 * BTC_BLOCK_SIZE_MAX);
    btc_header_write(&block->header, header);
    btc_write_bytes(&w, header, sizeof(header));
    btc_write_compact(&w, block->tx_count);
    for (size_t i = 0; i < block->tx_count; i++)
        btc_tx_write(&block->txs[i], true, &w);
    assert_int_equal(w.failed, 0);
    if (ret_hash != NULL)
        *ret_hash = block->hash;
    return w;
}

struct btc_writer craft_block(const struct craft *craft, struct btc_hash *ret_hash)
{
    struct btc_writer script_sig;
    struct btc_tx_in in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                           .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out out = {craft->claim != 0 ? craft->claim : 50 * BTC_COIN,
                             {op_true, sizeof(op_true)}};
    struct btc_tx coinbase = {
        .version = 2, .in_count = 1, .ins = &in, .out_count = 1, .outs = &out};
    struct btc_block block = {.header = craft->header, .tx_count = craft->tx_count + 1};
    btc_writer_init(&script_sig, 100);
    btc_script_write_number(&script_sig, craft->height);
    btc_script_write_push(&script_sig, (const uint8_t *)&craft->salt, sizeof(craft->salt));
    in.script_sig = (struct btc_span){script_sig.data, script_sig.size};
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    if (block.header.version == 0)
        block.header.version = 4;
    if (block.header.bits == 0)
        block.header.bits = btc_params_get(BTC_REGTEST)->genesis.bits;
    block.txs = calloc(block.tx_count, sizeof(*block.txs));
    assert_non_null(block.txs);
    block.txs[0] = craft->coinbase != NULL ? *craft->coinbase : coinbase;
    for (size_t i = 0; i < craft->tx_count; i++)
        block.txs[i + 1] = craft->txs[i];
    struct btc_writer w = finish(&block, ret_hash);
    free(block.txs);
    btc_writer_free(&script_sig);
    return w;
}

struct craft craft_after(const struct btc_header *header, int32_t height)
{
    struct craft craft = {.header.time_s = header->time_s + 1, .height = height + 1};
    assert_int_equal(btc_header_hash(header, &craft.header.prev), 0);
    return craft;
}
