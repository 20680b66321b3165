/* Block headers and blocks: see block.h. */
#include "actors/bitcoin/block.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/tx_walk.h"

/* Output script of a witness commitment: RETURN, push of 36, this mark, the hash (BIP141). */
static const uint8_t commitment_mark[] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void put_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

void btc_header_parse(const uint8_t bytes[BTC_HEADER_SIZE], struct btc_header *ret_header)
{
    ret_header->version = (int32_t)get_u32(bytes);
    memcpy(ret_header->prev.bytes, bytes + 4, BTC_HASH_SIZE);
    memcpy(ret_header->merkle_root.bytes, bytes + 36, BTC_HASH_SIZE);
    ret_header->time_s = get_u32(bytes + 68);
    ret_header->bits = get_u32(bytes + 72);
    ret_header->nonce = get_u32(bytes + 76);
}

void btc_header_write(const struct btc_header *header, uint8_t ret_bytes[BTC_HEADER_SIZE])
{
    put_u32(ret_bytes, (uint32_t)header->version);
    memcpy(ret_bytes + 4, header->prev.bytes, BTC_HASH_SIZE);
    memcpy(ret_bytes + 36, header->merkle_root.bytes, BTC_HASH_SIZE);
    put_u32(ret_bytes + 68, header->time_s);
    put_u32(ret_bytes + 72, header->bits);
    put_u32(ret_bytes + 76, header->nonce);
}

int btc_header_hash(const struct btc_header *header, struct btc_hash *ret_hash)
{
    uint8_t bytes[BTC_HEADER_SIZE];
    btc_header_write(header, bytes);
    return btc_sha256d(bytes, sizeof(bytes), ret_hash);
}

/* All transactions, once to count and once to fill. */
static int walk_txs(struct btc_tx_walk *walk, size_t count, struct btc_tx *txs)
{
    for (size_t i = 0; i < count; i++) {
        struct btc_tx *tx = walk->fill ? &txs[i] : NULL;
        int rc = btc_tx_walk(walk, tx);
        if (rc != 0)
            return btc_fail_within(walk->reader.err, rc, "transaction %zu of %zu: ", i, count);
    }
    return 0;
}

int btc_block_parse(const void *data, size_t size, struct btc_block *ret_block,
                    struct btc_error *err)
{
    if (size > BTC_BLOCK_SIZE_MAX)
        return btc_fail(err, BTC_ELIMIT, "a block of %zu bytes is over the maximum of %d", size,
                        BTC_BLOCK_SIZE_MAX);
    struct btc_tx_walk walk = {.reader = btc_reader_of(data, size, err)};
    struct btc_block block = {.raw = {data, size}, .size = size};
    uint8_t header[BTC_HEADER_SIZE];
    if (btc_read_bytes(&walk.reader, "block header", sizeof(header), header) < 0 ||
        btc_read_count(&walk.reader, "transaction count", BTC_TX_SIZE_MIN, &block.tx_count) < 0)
        return BTC_EFORMAT;
    btc_header_parse(header, &block.header);
    size_t start = walk.reader.offset;
    int rc = walk_txs(&walk, block.tx_count, NULL);
    if (rc == 0)
        rc = btc_read_end(&walk.reader, "the block's transactions");
    size_t tx_bytes = (block.tx_count * sizeof(struct btc_tx) + 15) & ~(size_t)15;
    if (rc == 0)
        rc = btc_tx_walk_alloc(&walk, start, tx_bytes, &block.arena);
    if (rc != 0)
        return rc;
    block.txs = block.arena;
    rc = walk_txs(&walk, block.tx_count, block.txs);
    if (rc == 0) {
        rc = btc_header_hash(&block.header, &block.hash);
        if (rc != 0)
            btc_fail(err, rc, "block header: the hash library failed");
    }
    if (rc != 0) {
        btc_block_free(&block);
        return rc;
    }
    block.base_size = start;
    for (size_t i = 0; i < block.tx_count; i++)
        block.base_size += block.txs[i].base_size;
    *ret_block = block;
    return 0;
}

void btc_block_free(struct btc_block *block)
{
    free(block->arena);
    *block = (struct btc_block){0};
}

size_t btc_block_weight(const struct btc_block *block)
{
    return 3 * block->base_size + block->size;
}

int btc_merkle_root(struct btc_hash *hashes, size_t count, struct btc_hash *ret_root,
                    bool *ret_mutated)
{
    bool mutated = false;
    while (count > 1) {
        size_t joined = 0;
        for (size_t i = 0; i < count; i += 2) {
            const struct btc_hash *left = &hashes[i];
            const struct btc_hash *right = i + 1 < count ? &hashes[i + 1] : left;
            mutated = mutated || (right != left && btc_hash_equal(left, right));
            struct btc_span pair[] = {{left->bytes, BTC_HASH_SIZE}, {right->bytes, BTC_HASH_SIZE}};
            struct btc_hash parent;
            int rc = btc_sha256d_spans(pair, 2, &parent);
            if (rc != 0)
                return rc;
            hashes[joined++] = parent;
        }
        count = joined;
    }
    *ret_root = hashes[0];
    if (ret_mutated != NULL)
        *ret_mutated = mutated;
    return 0;
}

/* Root over txids, or over wtxids with the coinbase's taken as zero. */
static int root_over(const struct btc_block *block, bool witness, struct btc_hash *ret_root,
                     bool *ret_mutated)
{
    if (block->tx_count == 0)
        return BTC_EINVALID;
    struct btc_hash *hashes = calloc(block->tx_count, sizeof(*hashes));
    if (hashes == NULL)
        return BTC_ENOMEM;
    for (size_t i = witness ? 1 : 0; i < block->tx_count; i++)
        hashes[i] = witness ? block->txs[i].wtxid : block->txs[i].txid;
    int rc = btc_merkle_root(hashes, block->tx_count, ret_root, ret_mutated);
    free(hashes);
    return rc;
}

int btc_block_merkle_root(const struct btc_block *block, struct btc_hash *ret_root,
                          bool *ret_mutated)
{
    return root_over(block, false, ret_root, ret_mutated);
}

int btc_block_witness_commitment(const struct btc_block *block,
                                 const uint8_t reserved[BTC_HASH_SIZE],
                                 struct btc_hash *ret_commitment)
{
    struct btc_hash root;
    int rc = root_over(block, true, &root, NULL);
    if (rc != 0)
        return rc;
    struct btc_span parts[] = {{root.bytes, BTC_HASH_SIZE}, {reserved, BTC_HASH_SIZE}};
    return btc_sha256d_spans(parts, 2, ret_commitment);
}

long btc_block_commitment_index(const struct btc_block *block)
{
    if (block->tx_count == 0)
        return -1;
    const struct btc_tx *coinbase = &block->txs[0];
    for (size_t i = coinbase->out_count; i-- > 0;) {
        struct btc_span script = coinbase->outs[i].script;
        if (script.size >= sizeof(commitment_mark) + BTC_HASH_SIZE &&
            memcmp(script.data, commitment_mark, sizeof(commitment_mark)) == 0)
            return (long)i;
    }
    return -1;
}

void btc_commitment_script(const struct btc_hash *commitment,
                           uint8_t ret_script[BTC_COMMITMENT_SCRIPT_SIZE])
{
    memcpy(ret_script, commitment_mark, sizeof(commitment_mark));
    memcpy(ret_script + sizeof(commitment_mark), commitment->bytes, BTC_HASH_SIZE);
}
