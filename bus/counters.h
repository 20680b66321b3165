/* counters.h - what a runtime counts about itself.
 *
 * A worker of the pool has a set of its own, which it alone changes and without a locked instruction;
 * all other threads share one. Each counter only grows, and what is read of it is the sum over the sets. */
#ifndef TROUPE_BUS_COUNTERS_H
#define TROUPE_BUS_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/troupe_limits.h"

enum ti_counter {
    TI_MESSAGES_SENT,
    TI_MESSAGES_HANDLED,
    TI_ASKS_BEGUN,
    TI_ASKS_COMPLETED,
    TI_REPLIES_LATE,
    TI_DEAD_LETTERS,
    TI_EVENTS_PUBLISHED,
    TI_EVENTS_DELIVERED,
    TI_EVENTS_LOST,
    TI_REFUSED_BUSY,
    TI_FRAMES_IN,
    TI_FRAMES_OUT,
    TI_BATCHES_IN,
    TI_BATCHES_OUT,
    TI_BYTES_IN,
    TI_BYTES_OUT,
    TI_LINKS_REFUSED,
    TI_COUNTERS
};

struct ti_counters {
    struct ti_counter_set {
        atomic_ullong values[TI_COUNTERS];
        uint64_t apart[8]; /* no two sets share a cache line */
    } shared, workers[TROUPE_WORKERS_MAX];
};

/* The set of this thread, if it is a worker, and whose. */
struct ti_own_counters {
    const struct ti_counters *of;
    struct ti_counter_set *set;
};
extern _Thread_local struct ti_own_counters ti_own_counters;

static inline void ti_count(struct ti_counters *counters, enum ti_counter which, uint64_t n)
{
    if (ti_own_counters.of == counters) {
        atomic_ullong *value = &ti_own_counters.set->values[which];
        uint64_t before = atomic_load_explicit(value, memory_order_relaxed);
        atomic_store_explicit(value, before + n, memory_order_release);
    } else {
        atomic_fetch_add_explicit(&counters->shared.values[which], n, memory_order_release);
    }
}

static inline uint64_t ti_counted(const struct ti_counters *counters, enum ti_counter which)
{
    uint64_t sum = atomic_load_explicit(&counters->shared.values[which], memory_order_acquire);
    for (size_t i = 0; i < TROUPE_WORKERS_MAX; i++) {
        sum += atomic_load_explicit(&counters->workers[i].values[which], memory_order_acquire);
    }
    return sum;
}

#endif
