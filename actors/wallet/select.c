/* Branch and bound as in Murch, "An Evaluation of Coin Selection Strategies" (2016); single random
 * draw. */
#include "actors/wallet/select.h"

#include <stdlib.h>
#include <string.h>

/* SplitMix64. */
uint64_t select_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

struct ranked {
    int64_t value;
    size_t index;
};

static int by_value_falling(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->value != y->value)
        return x->value < y->value ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* [owned] the coins, the largest first. */
static struct ranked *rank(const struct select_task *task)
{
    struct ranked *coins = malloc((task->count + 1) * sizeof(*coins));
    if (!coins)
        return NULL;
    for (size_t i = 0; i < task->count; i++)
        coins[i] = (struct ranked){task->values[i], i};
    qsort(coins, task->count, sizeof(*coins), by_value_falling);
    return coins;
}

/* A walk over the tree of "with it, without it", the largest coin at the root. */
struct walk {
    const struct select_task *task;
    const struct ranked *coins;
    bool *with;       /* of the coins above `depth` */
    bool *best;       /* the best set so far */
    size_t depth;     /* the coin to decide on */
    size_t picked;    /* how many are taken */
    int64_t sum;      /* of those */
    int64_t left;     /* of those below */
    int64_t best_sum; /* INT64_MAX: none yet */
};

/* Is it useless to go further down from here? Keeps the set if it is the best. */
static bool is_end(struct walk *walk)
{
    const struct select_task *task = walk->task;
    if (walk->sum + walk->left < task->target || walk->sum > task->target + task->excess_max)
        return true;
    if (walk->sum < task->target)
        return walk->depth == task->count || walk->picked == task->pick_max;
    if (walk->sum < walk->best_sum) {
        walk->best_sum = walk->sum;
        memcpy(walk->best, walk->with, task->count * sizeof(*walk->best));
    }
    return true;
}

/* Back to the last coin that was taken, and without it now. False: there is none. */
static bool turn_back(struct walk *walk)
{
    while (walk->depth > 0) {
        size_t at = --walk->depth;
        if (!walk->with[at]) {
            walk->left += walk->coins[at].value;
            continue;
        }
        walk->with[at] = false;
        walk->sum -= walk->coins[at].value;
        walk->picked--;
        walk->depth++;
        return true;
    }
    return false;
}

static void go_down(struct walk *walk)
{
    const struct ranked *coins = walk->coins;
    size_t at = walk->depth++;
    walk->left -= coins[at].value;
    /* The like of one that was left out leads where that has led. */
    bool is_like = at > 0 && !walk->with[at - 1] && coins[at].value == coins[at - 1].value;
    walk->with[at] = !is_like;
    if (!is_like) {
        walk->sum += coins[at].value;
        walk->picked++;
    }
}

int select_exact(const struct select_task *task, bool *ret_picks)
{
    struct ranked *coins = rank(task);
    bool *flags = calloc(2 * task->count + 1, sizeof(*flags));
    struct walk walk = {.task = task, .coins = coins, .with = flags, .best_sum = INT64_MAX};
    if (!coins || !flags) {
        free(coins);
        free(flags);
        return BTC_ENOMEM;
    }
    walk.best = flags + task->count;
    for (size_t i = 0; i < task->count; i++)
        walk.left += coins[i].value;
    for (int tries = 0; tries < SELECT_TRIES_MAX && walk.best_sum != task->target; tries++) {
        if (!is_end(&walk))
            go_down(&walk);
        else if (!turn_back(&walk))
            break;
    }
    for (size_t i = 0; i < task->count; i++)
        ret_picks[coins[i].index] = walk.best[i];
    free(coins);
    free(flags);
    return walk.best_sum < INT64_MAX ? 0 : SELECT_NONE;
}

/* Take coins in this order; SELECT_NONE: pick_max of them are not enough. */
static int take(const struct select_task *task, const struct ranked *coins, int64_t wanted,
                bool *ret_picks)
{
    int64_t sum = 0;
    memset(ret_picks, 0, task->count * sizeof(*ret_picks));
    for (size_t i = 0; i < task->count && i < task->pick_max && sum < wanted; i++) {
        ret_picks[coins[i].index] = true;
        sum += coins[i].value;
    }
    return sum >= wanted ? 0 : SELECT_NONE;
}

int select_enough(const struct select_task *task, bool *ret_picks)
{
    uint64_t seed = task->seed;
    struct ranked *falling = rank(task);
    struct ranked *mixed = malloc((task->count + 1) * sizeof(*mixed));
    if (!falling || !mixed) {
        free(falling);
        free(mixed);
        return BTC_ENOMEM;
    }
    memcpy(mixed, falling, task->count * sizeof(*mixed));
    for (size_t i = task->count; i > 1; i--) {
        size_t other = (size_t)(select_random(&seed) % i);
        struct ranked coin = mixed[i - 1];
        mixed[i - 1] = mixed[other];
        mixed[other] = coin;
    }
    int rc = take(task, mixed, task->target + task->change_need, ret_picks);
    if (rc != 0)
        rc = take(task, falling, task->target + task->change_need, ret_picks);
    if (rc != 0) /* without change, then */
        rc = take(task, falling, task->target, ret_picks);
    free(falling);
    free(mixed);
    return rc;
}

int select_coins(const struct select_task *task, bool *ret_picks)
{
    int rc = select_exact(task, ret_picks);
    return rc == SELECT_NONE ? select_enough(task, ret_picks) : rc;
}
