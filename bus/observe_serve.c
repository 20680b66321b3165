/* observe_serve.c - those who look at what passes in this process: the agent's part of observe.c.
 *
 * Each has a stream. Every TICK_MS, while there are any, what is new is sent to them, as far as they
 * have made room; who has none is given the rest later, or told what it missed. */
#include <stdlib.h>

#include "bus/observe.h"
#include "bus/runtime.h"
#include "interfaces/bus.h"

#define TICK_MS 50
#define EMPTY_NS \
    UINT64_C(1000000000) /* so long without an item: an empty one says that it goes on */

struct onlooker {
    struct onlooker *next;
    struct troupe_call *call;
    struct ti_observer observer;
    uint64_t told_ns;
};

/* Sends what is new. Returns 0, or why it can't go on. */
static int tell(struct troupe *troupe, struct onlooker *onlooker, uint8_t *contents)
{
    struct bus_passed passed[BUS_OBSERVE_ITEM_PASSED_MAX];
    int error = 0;
    bool more = true;
    while (error == 0 && more) {
        struct ti_observer ahead = onlooker->observer;
        uint64_t now_ns = ti_now_ns(troupe);
        size_t count = ti_observed_read(troupe, &ahead, passed, BUS_OBSERVE_ITEM_PASSED_MAX,
                                        contents);
        more = count == BUS_OBSERVE_ITEM_PASSED_MAX;
        if (count == 0 && ahead.missed == 0 && now_ns - onlooker->told_ns < EMPTY_NS) {
            onlooker->observer = ahead;
            return troupe_cancelled(onlooker->call) ? TROUPE_ECANCELED : 0;
        }
        struct bus_observe_item item = {
            .passed = passed, .passed_count = count, .missed = ahead.missed};
        error = bus_observe_item(onlooker->call, &item);
        if (error == 0) {
            ahead.missed = 0;
            onlooker->observer = ahead;
            onlooker->told_ns = now_ns;
        }
    }
    return error == TROUPE_EBUSY || error == TROUPE_ENOMEM ? 0 : error;
}

static void remove_onlooker(struct troupe_actor *self, struct onlooker **at, int error)
{
    struct onlooker *onlooker = *at;
    *at = onlooker->next;
    ti_observe_end(self->troupe, &onlooker->observer);
    troupe_fail(onlooker->call, error, NULL);
    free(onlooker);
}

static void tick(struct troupe_actor *self, void *user);

static int tick_later(struct troupe_actor *self, struct ti_onlookers *onlookers)
{
    int error = onlookers->ticks ? 0 : troupe_after(self, TICK_MS, tick, onlookers, NULL);
    onlookers->ticks = error == 0;
    return error;
}

static void tick(struct troupe_actor *self, void *user)
{
    struct ti_onlookers *onlookers = user;
    struct onlooker **at = &onlookers->first;
    onlookers->ticks = false;
    while (*at != NULL) {
        int error = tell(self->troupe, *at, onlookers->contents);
        if (error != 0) {
            remove_onlooker(self, at, error);
        } else {
            at = &(*at)->next;
        }
    }
    int error = onlookers->first != NULL ? tick_later(self, onlookers) : 0;
    while (error != 0 && onlookers->first != NULL) { /* nobody would look after them */
        remove_onlooker(self, &onlookers->first, error);
    }
    if (onlookers->first == NULL) {
        free(onlookers->contents);
        onlookers->contents = NULL;
    }
}

/* How many there are, without those who have gone since the last tick. */
static size_t count_present(struct troupe_actor *self, struct ti_onlookers *onlookers)
{
    size_t count = 0;
    struct onlooker **at = &onlookers->first;
    while (*at != NULL) {
        if (troupe_cancelled((*at)->call)) {
            remove_onlooker(self, at, TROUPE_ECANCELED);
        } else {
            count++;
            at = &(*at)->next;
        }
    }
    return count;
}

static int add(struct troupe_actor *self, struct ti_onlookers *onlookers, struct troupe_call *call,
               const struct bus_observe_args *args)
{
    size_t contents_max = args->contents_bytes_max < BUS_PASSED_CONTENTS_BYTES_MAX
                              ? args->contents_bytes_max
                              : BUS_PASSED_CONTENTS_BYTES_MAX;
    if (count_present(self, onlookers) == TROUPE_OBSERVERS_MAX) {
        return TROUPE_EBUSY;
    }
    struct onlooker *onlooker = calloc(1, sizeof *onlooker);
    if (onlookers->contents == NULL) {
        onlookers->contents = malloc((size_t)BUS_OBSERVE_ITEM_PASSED_MAX *
                                     BUS_PASSED_CONTENTS_BYTES_MAX);
    }
    int error = onlooker == NULL || onlookers->contents == NULL ? TROUPE_ENOMEM : 0;
    error = error != 0 ? error : tick_later(self, onlookers);
    error = error != 0
                ? error
                : ti_observe_begin(self->troupe, args->bus, contents_max, &onlooker->observer);
    if (error != 0) {
        free(onlooker);
        return error;
    }
    onlooker->call = call;
    onlooker->next = onlookers->first;
    onlookers->first = onlooker;
    return 0;
}

void ti_onlooker_add(struct troupe_actor *self, struct ti_onlookers *onlookers,
                     struct troupe_call *call, const struct bus_observe_args *args)
{
    int error = add(self, onlookers, call, args);
    if (error != 0) {
        troupe_fail(call, error,
                    error == TROUPE_EBUSY ? "as many look at this process as may at a time" : NULL);
        return;
    }
    troupe_defer(call);
}

void ti_onlookers_end(struct troupe_actor *self, struct ti_onlookers *onlookers)
{
    while (onlookers->first != NULL) {
        struct onlooker *next = onlookers->first->next;
        ti_observe_end(self->troupe, &onlookers->first->observer);
        free(onlookers->first); /* its call fails as the agent ends */
        onlookers->first = next;
    }
    free(onlookers->contents);
    onlookers->contents = NULL;
}
