/*
 * A set of 64-bit fingerprints that says "certainly not" or "perhaps": it keeps the scripts and
 * coins of others, which are nearly all there are in a block, away from the database.
 *
 * A block of thousands of inputs and outputs costs some microseconds here instead of a database
 * lookup each. What is once added stays: an entry that is no longer true costs one lookup. The hash
 * is keyed with a random number, so nobody can fill the table with chosen collisions. One thread at
 * a time.
 */
#ifndef ACTORS_WALLET_SIEVE_H
#define ACTORS_WALLET_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

struct sieve {
    uint64_t *slots;   /* [owned] 0 is an empty slot; never more than half of them are taken */
    size_t slot_count; /* a power of two, or 0 */
    size_t count;
    uint64_t key;
};

/* An empty set under a random key. 0, or BTC_EIO when the system gives no randomness. */
int sieve_init(struct sieve *sieve) BTC_MUST_CHECK;

void sieve_free(struct sieve *sieve);

/* 0, BTC_ENOMEM. */
int sieve_add(struct sieve *sieve, const void *data, size_t size) BTC_MUST_CHECK;

/* False: it was never added. True: it was, or happens to have the fingerprint of one that was. */
bool sieve_has(const struct sieve *sieve, const void *data, size_t size);

#endif
