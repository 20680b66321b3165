/* Chains of blocks, read or made. */
#include "test/support/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/vectors.h"

static const uint8_t other_script[22] = {BTC_OP_0, 20, 9, 9, 9};

struct blocks *blocks_new(void)
{
    struct blocks *blocks = calloc(1, sizeof(*blocks));
    blocks->hashes[0] = btc_params_get(BTC_REGTEST)->genesis_hash;
    return blocks;
}

struct blocks *blocks_load_main(void)
{
    size_t size;
    char *file = vectors_load("mainnet-blocks-1-255.dat", &size);
    if (!file)
        return NULL;
    struct blocks *blocks = calloc(1, sizeof(*blocks));
    blocks->file = file;
    blocks->hashes[0] = btc_params_get(BTC_MAIN)->genesis_hash;
    struct btc_reader reader = btc_reader_of(file, size, NULL);
    while (btc_reader_left(&reader) > 0) {
        uint32_t magic;
        uint32_t block_size;
        struct btc_header header;
        int32_t height = ++blocks->tip;
        assert_int_equal(btc_read_u32(&reader, "magic", &magic), 0);
        assert_int_equal(btc_read_u32(&reader, "size", &block_size), 0);
        assert_int_equal(btc_read_view(&reader, "block", block_size, &blocks->blocks[height]), 0);
        btc_header_parse(blocks->blocks[height].data, &header);
        assert_int_equal(btc_header_hash(&header, &blocks->hashes[height]), 0);
    }
    assert_int_equal(blocks->tip, BLOCKS_MAIN_COUNT);
    return blocks;
}

void blocks_cut(struct blocks *blocks, int32_t height)
{
    for (; blocks->tip > height; blocks->tip--)
        free((void *)(uintptr_t)blocks->blocks[blocks->tip].data);
}

void blocks_free(struct blocks *blocks)
{
    if (!blocks->file)
        blocks_cut(blocks, 0);
    free(blocks->file);
    free(blocks);
}

struct blocks_draft blocks_draft(int32_t height, uint32_t salt)
{
    struct blocks_draft draft = {.height = height, .salt = salt};
    btc_writer_init(&draft.txs, BTC_BLOCK_SIZE_MAX);
    return draft;
}

struct btc_hash blocks_add_tx(struct blocks_draft *draft, const struct btc_outpoint *spent,
                              size_t spent_count, struct btc_tx_out *outs, size_t out_count)
{
    uint8_t script_sig[8] = {4};
    struct btc_tx_in ins[8] = {0};
    struct btc_tx tx = {.version = 2, .ins = ins, .outs = outs, .out_count = out_count};
    assert_true(spent_count <= 8);
    tx.in_count = spent_count > 0 ? spent_count : 1;
    for (size_t i = 0; i < tx.in_count; i++) {
        ins[i].sequence = BTC_SEQUENCE_FINAL;
        if (spent_count > 0)
            ins[i].prev = spent[i];
    }
    if (spent_count == 0) {
        memcpy(script_sig + 1, &draft->height, 4);
        memcpy(script_sig + 5, &draft->salt, 3);
        ins[0].prev.index = BTC_OUTPOINT_COINBASE_INDEX;
        ins[0].script_sig = (struct btc_span){script_sig, sizeof(script_sig)};
    }
    assert_int_equal(btc_tx_seal(&tx), 0);
    btc_tx_write(&tx, true, &draft->txs);
    draft->tx_count++;
    return tx.txid;
}

struct btc_hash blocks_add_coinbase(struct blocks_draft *draft, struct btc_tx_out out)
{
    return blocks_add_tx(draft, NULL, 0, &out, 1);
}

static struct btc_tx_out out_to(struct btc_span script, int64_t amount)
{
    return (struct btc_tx_out){.amount = amount, .script = script};
}

struct btc_tx_out blocks_out_to(const struct btc_script *script, int64_t amount)
{
    return out_to(btc_script_span(script), amount);
}

struct btc_tx_out blocks_out_to_other(int64_t amount)
{
    return out_to((struct btc_span){other_script, sizeof(other_script)}, amount);
}

void blocks_finish(struct blocks *blocks, struct blocks_draft *draft)
{
    struct btc_header header = {.version = 4,
                                .prev = blocks->hashes[draft->height - 1],
                                .time_s = 1700000000,
                                .bits = 0x207fffff,
                                .nonce = draft->salt};
    uint8_t bytes[BTC_HEADER_SIZE];
    struct btc_writer writer;
    header.time_s += (uint32_t)draft->height;
    header.merkle_root.bytes[0] = (uint8_t)draft->tx_count;
    btc_header_write(&header, bytes);
    btc_writer_init(&writer, BTC_BLOCK_SIZE_MAX);
    btc_write_bytes(&writer, bytes, sizeof(bytes));
    btc_write_compact(&writer, draft->tx_count);
    btc_write_bytes(&writer, draft->txs.data, draft->txs.size);
    btc_writer_free(&draft->txs);
    assert_int_equal(writer.failed, 0);
    assert_true(draft->height < BLOCKS_MAX);
    blocks_cut(blocks, draft->height - 1);
    assert_int_equal(btc_header_hash(&header, &blocks->hashes[draft->height]), 0);
    blocks->blocks[draft->height] = (struct btc_span){writer.data, writer.size};
    blocks->tip = draft->height;
}

void blocks_add_empty(struct blocks *blocks, uint32_t salt)
{
    struct blocks_draft draft = blocks_draft(blocks->tip + 1, salt);
    blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
    blocks_finish(blocks, &draft);
}
