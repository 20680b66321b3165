/* observe.h - what passes in this process, for those who look. See observe.c. */
#ifndef TROUPE_BUS_OBSERVE_H
#define TROUPE_BUS_OBSERVE_H

#include <pthread.h>

#include "bus/troupe.h"

struct bus_passed;
struct record;

/* Of a runtime. */
struct ti_observed {
    pthread_mutex_t lock;
    struct record *ring; /* TROUPE_OBSERVED_MAX of them, while somebody looks */
    uint64_t count;      /* records ever made */
    unsigned observers;
    unsigned bus_wanted;       /* of those, who look at troupe.Bus, too */
    size_t contents_bytes_max; /* the most that one of them wants */
};

/* Somebody who looks: the agent's. */
struct ti_observer {
    uint64_t next;   /* the record it reads next */
    uint64_t missed; /* records that were overwritten before it read them; it sets this to 0 */
    bool bus;
    size_t contents_bytes_max;
};

/* From now on records are made, for this one among others. Errors: TROUPE_ENOMEM. */
int ti_observe_begin(struct troupe *troupe, bool bus, size_t contents_bytes_max,
                     struct ti_observer *ret_observer);
void ti_observe_end(struct troupe *troupe, const struct ti_observer *observer);
/* A message passes. Any thread; may be called under any lock. `contents` may be NULL. */
void ti_observe(struct troupe *troupe, const struct troupe_trace *trace,
                const struct troupe_body *contents);
/* The next records, at most `passed_max`, their contents in `contents`, which has room for as many
 * times what the observer wants. Returns how many; 0: nothing has passed. */
size_t ti_observed_read(struct troupe *troupe, struct ti_observer *observer,
                        struct bus_passed *ret_passed, size_t passed_max, uint8_t *contents);

/* ---- who looks from elsewhere, by the agent (observe_serve.c) -------------------------------------- */

struct bus_observe_args;
struct ti_onlookers {
    struct onlooker *first;
    uint8_t *contents; /* of one item */
    bool ticks;
};
/* Serves `observe`. */
void ti_onlooker_add(struct troupe_actor *self, struct ti_onlookers *onlookers,
                     struct troupe_call *call, const struct bus_observe_args *args);
/* The agent ends, and the calls with it. */
void ti_onlookers_end(struct troupe_actor *self, struct ti_onlookers *onlookers);

#endif
