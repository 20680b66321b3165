/*
 * The hashes of Bitcoin, all computed by OpenSSL's libcrypto.
 *
 * The algorithms are fetched once per process (thread-safe, on first use) and never released: that
 * is the only state here. Every function may be called on any thread and returns 0, BTC_ENOMEM, or
 * BTC_ECRYPTO where libcrypto does not offer the algorithm (RIPEMD-160 needs OpenSSL 3.0.7 or
 * newer).
 */
#ifndef ACTORS_BITCOIN_HASH_H
#define ACTORS_BITCOIN_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/error.h"

#define BTC_HASH_SIZE     32
#define BTC_HASH160_SIZE  20
#define BTC_HASH_HEX_SIZE (2 * BTC_HASH_SIZE + 1) /* with the NUL */

/* Bytes in the order they have on the wire; people read block and transaction ids the other way
 * round. */
struct btc_hash {
    uint8_t bytes[BTC_HASH_SIZE];
};

struct btc_hash160 {
    uint8_t bytes[BTC_HASH160_SIZE];
};

static inline bool btc_hash_equal(const struct btc_hash *a, const struct btc_hash *b)
{
    return memcmp(a->bytes, b->bytes, BTC_HASH_SIZE) == 0;
}

/* All zero: the previous block of a genesis block, the previous transaction of a coinbase. */
bool btc_hash_is_zero(const struct btc_hash *hash);

int btc_sha256(const void *data, size_t size, struct btc_hash *ret_hash) BTC_MUST_CHECK;

/* SHA-256 of the SHA-256. */
int btc_sha256d(const void *data, size_t size, struct btc_hash *ret_hash) BTC_MUST_CHECK;

/* SHA-256 of `count` spans as if they were one. */
int btc_sha256_spans(const struct btc_span *spans, size_t count, struct btc_hash *ret_hash)
    BTC_MUST_CHECK;

/* Double SHA-256 of `count` spans as if they were one. */
int btc_sha256d_spans(const struct btc_span *spans, size_t count, struct btc_hash *ret_hash)
    BTC_MUST_CHECK;

/* RIPEMD-160 of the SHA-256. */
int btc_hash160(const void *data, size_t size, struct btc_hash160 *ret_hash) BTC_MUST_CHECK;

/* SHA256(SHA256(tag) || SHA256(tag) || data), BIP340. */
int btc_tagged_hash(const char *tag, const void *data, size_t size, struct btc_hash *ret_hash)
    BTC_MUST_CHECK;

/* Block and transaction ids as people write them: 64 hex digits, last byte first. */
void btc_hash_to_hex(const struct btc_hash *hash, char ret_text[BTC_HASH_HEX_SIZE]);

/* The way back. BTC_EFORMAT for anything but 64 hex digits. */
int btc_hash_from_hex(const char *text, struct btc_hash *ret_hash) BTC_MUST_CHECK;

#endif
