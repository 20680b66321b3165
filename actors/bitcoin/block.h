/*
 * Block headers and blocks: parse, identify, merkle roots. Layouts: developer reference "Block
 * headers", "Serialized blocks"; witness commitment: BIP141.
 */
#ifndef ACTORS_BITCOIN_BLOCK_H
#define ACTORS_BITCOIN_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/tx.h"

#define BTC_HEADER_SIZE      80
#define BTC_BLOCK_SIZE_MAX   4000000 /* bytes with witnesses */
#define BTC_BLOCK_WEIGHT_MAX 4000000 /* BIP141 */

struct btc_header {
    int32_t version;
    struct btc_hash prev;
    struct btc_hash merkle_root;
    uint32_t time_s; /* seconds since 1970 */
    uint32_t bits;   /* the target in compact form: pow.h */
    uint32_t nonce;
};

/*
 * As btc_tx: a block looks into the buffer it was parsed from [borrowed] and one btc_block_free()
 * releases all of its transactions, which must not be freed one by one.
 */
struct btc_block {
    struct btc_header header;
    struct btc_hash hash;
    size_t tx_count;
    struct btc_tx *txs;
    size_t size;      /* bytes with witnesses */
    size_t base_size; /* bytes without */
    struct btc_span raw;
    void *arena;
};

void btc_header_parse(const uint8_t bytes[BTC_HEADER_SIZE], struct btc_header *ret_header);
void btc_header_write(const struct btc_header *header, uint8_t ret_bytes[BTC_HEADER_SIZE]);

/* The block's id: double SHA-256 of the 80 bytes. 0, BTC_ENOMEM, BTC_ECRYPTO. */
int btc_header_hash(const struct btc_header *header, struct btc_hash *ret_hash) BTC_MUST_CHECK;

/*
 * Parse a block that fills data[0..size) exactly; ids of all transactions are computed. Checks the
 * layout, not the rules. BTC_EFORMAT with what and offset, BTC_ELIMIT over BTC_BLOCK_SIZE_MAX,
 * BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_block_parse(const void *data, size_t size, struct btc_block *ret_block,
                    struct btc_error *err) BTC_MUST_CHECK;

void btc_block_free(struct btc_block *block);

/* BIP141: 3 * base size + size. */
size_t btc_block_weight(const struct btc_block *block);

/*
 * Merkle root of `count` >= 1 leaves. `hashes` is used as scratch space and is overwritten.
 * *ret_mutated (may be NULL) tells whether two equal neighbours were joined at some level: then the
 * same root also belongs to a different list with repeated entries, and the block must not be
 * accepted in this shape (CVE-2012-2459).
 */
int btc_merkle_root(struct btc_hash *hashes, size_t count, struct btc_hash *ret_root,
                    bool *ret_mutated) BTC_MUST_CHECK;

/* Merkle root over the block's txids. */
int btc_block_merkle_root(const struct btc_block *block, struct btc_hash *ret_root,
                          bool *ret_mutated) BTC_MUST_CHECK;

/*
 * BIP141's commitment: SHA256d(merkle root over wtxids with the coinbase's as zero || reserved
 * value). 0, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_block_witness_commitment(const struct btc_block *block,
                                 const uint8_t reserved[BTC_HASH_SIZE],
                                 struct btc_hash *ret_commitment) BTC_MUST_CHECK;

/* Index of the coinbase output that holds the commitment (the last one that looks like it), or -1.
 */
long btc_block_commitment_index(const struct btc_block *block);

/* The output script that holds a commitment: RETURN and a push of mark and hash (BIP141). */
#define BTC_COMMITMENT_SCRIPT_SIZE 38
void btc_commitment_script(const struct btc_hash *commitment,
                           uint8_t ret_script[BTC_COMMITMENT_SCRIPT_SIZE]);

#endif
