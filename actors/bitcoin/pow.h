/*
 * Proof of work: targets, work and difficulty. 256-bit numbers are 32 bytes, most significant
 * first, so that memcmp() (and SQLite) order them; arithmetic is libcrypto's BIGNUM.
 */
#ifndef ACTORS_BITCOIN_POW_H
#define ACTORS_BITCOIN_POW_H

#include <stdint.h>

#include "actors/bitcoin/block.h"

struct btc_params; /* params.h */

struct btc_u256 {
    uint8_t bytes[32]; /* most significant first */
};

/* -1, 0 or 1 as a is below, equal to or above b. */
int btc_u256_compare(const struct btc_u256 *a, const struct btc_u256 *b);

/*
 * The target that compact `bits` stand for. 0, or BTC_EINVALID where they stand for none: negative,
 * zero, or over 256 bits (developer reference "Target nBits").
 */
int btc_bits_to_target(uint32_t bits, struct btc_u256 *ret_target) BTC_MUST_CHECK;

/* The compact form of a target; low bits that do not fit are cut off, as the network does. */
uint32_t btc_target_to_bits(const struct btc_u256 *target);

/* Expected number of hashes for a target: 2^256 / (target + 1). 0, BTC_ENOMEM, BTC_ECRYPTO. */
int btc_target_work(const struct btc_u256 *target, struct btc_u256 *ret_work) BTC_MUST_CHECK;

/* a + b; BTC_ELIMIT over 256 bits. */
int btc_u256_add(const struct btc_u256 *a, const struct btc_u256 *b, struct btc_u256 *ret_sum)
    BTC_MUST_CHECK;

/*
 * Does `hash` (a header's) meet the target of `bits`, and is that target allowed by the network's
 * limit? 0, or BTC_EINVALID with the reason in err.
 */
int btc_pow_check(const struct btc_hash *hash, uint32_t bits, const struct btc_params *params,
                  struct btc_error *err) BTC_MUST_CHECK;

/*
 * The bits after a period of params->retarget_interval blocks that carried `bits` and took
 * timespan_s seconds from its first to its last header: target * timespan / two weeks, timespan
 * clamped to a quarter .. four times, at most the network's limit. 0, BTC_EINVALID for impossible
 * bits, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_pow_retarget(uint32_t bits, int64_t timespan_s, const struct btc_params *params,
                     uint32_t *ret_bits) BTC_MUST_CHECK;

#endif
