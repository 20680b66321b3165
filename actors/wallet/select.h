/*
 * Which coins a payment spends: first a set that needs no change (branch and bound), else coins in
 * random order until there is enough, else the largest.
 *
 * Values are effective: a coin's amount less what spending it costs at the wanted fee rate, so that
 * a target of payments plus the rest of the fee is all there is to reach. Pure functions, any
 * thread; the random numbers are only to hide which coins there are, and are given as a seed.
 */
#ifndef ACTORS_WALLET_SELECT_H
#define ACTORS_WALLET_SELECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

#define SELECT_TRIES_MAX 100000 /* steps of the branch and bound */

struct select_task {
    const int64_t *values; /* [borrowed] above 0, at most BTC_MONEY_MAX in all */
    size_t count;
    size_t pick_max;     /* coins at most */
    int64_t target;      /* above 0 */
    int64_t excess_max;  /* how much over the target may go to the fee: what change would cost */
    int64_t change_need; /* what change takes besides: its fee and the least amount */
    uint64_t seed;
};

#define SELECT_NONE 1 /* no such set was found */

/*
 * The set whose sum is over the target by least, and not by more than excess_max; of small sets
 * certainly, of large ones unless SELECT_TRIES_MAX were not enough. 0, SELECT_NONE, BTC_ENOMEM.
 */
int select_exact(const struct select_task *task, bool *ret_picks) BTC_MUST_CHECK;

/* Coins in random order up to target + change_need, or the largest if those are too many for
 * pick_max. 0, SELECT_NONE: not enough; BTC_ENOMEM. */
int select_enough(const struct select_task *task, bool *ret_picks) BTC_MUST_CHECK;

/* select_exact(), then select_enough(). */
int select_coins(const struct select_task *task, bool *ret_picks) BTC_MUST_CHECK;

/* The next of a sequence of random numbers; not for secrets. */
uint64_t select_random(uint64_t *seed);

#endif
