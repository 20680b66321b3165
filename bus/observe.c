/* observe.c - what passes in this process, for those who look: a ring of the newest records.
 *
 * A record is made on whatever thread the message passes (ti_trace), under the ring's lock, only
 * while somebody looks. The agent, which serves `observe`, reads it with a cursor for each of those:
 * who falls behind by more than the ring is told how many records it missed. So a message never
 * waits for who looks, and memory has a bound.
 *
 * Contents are copied only where they were asked for, and never of a method that has a secret: what
 * ti_trace is given is what may be shown. */
#include <stdlib.h>
#include <string.h>

#include "bus/observe.h"
#include "bus/runtime.h"
#include "interfaces/bus.h"

struct record {
    struct troupe_trace trace;
    uint8_t *contents; /* or NULL */
};

int ti_observe_begin(struct troupe *troupe, bool bus, size_t contents_bytes_max,
                     struct ti_observer *ret_observer)
{
    struct ti_observed *observed = &troupe->observed;
    int error = 0;
    pthread_mutex_lock(&observed->lock);
    if (observed->observers == 0) {
        observed->ring = calloc(TROUPE_OBSERVED_MAX, sizeof *observed->ring);
        error = observed->ring == NULL ? TROUPE_ENOMEM : 0;
    }
    if (error == 0) {
        observed->observers++;
        observed->bus_wanted += bus;
        if (contents_bytes_max > observed->contents_bytes_max) {
            observed->contents_bytes_max = contents_bytes_max;
        }
        *ret_observer = (struct ti_observer){
            .next = observed->count, .bus = bus, .contents_bytes_max = contents_bytes_max};
        atomic_fetch_or(&troupe->traced, TI_TRACED_OBSERVED);
    }
    pthread_mutex_unlock(&observed->lock);
    return error;
}

static void forget(struct ti_observed *observed)
{
    for (size_t i = 0; i < TROUPE_OBSERVED_MAX; i++) {
        free(observed->ring[i].contents);
    }
    free(observed->ring);
    observed->ring = NULL;
    observed->contents_bytes_max = 0; /* of the largest wish since anybody looks: none wants more */
}

void ti_observe_end(struct troupe *troupe, const struct ti_observer *observer)
{
    struct ti_observed *observed = &troupe->observed;
    pthread_mutex_lock(&observed->lock);
    observed->bus_wanted -= observer->bus;
    if (--observed->observers == 0) {
        atomic_fetch_and(&troupe->traced, ~(unsigned)TI_TRACED_OBSERVED);
        forget(observed);
    }
    pthread_mutex_unlock(&observed->lock);
}

void ti_observe(struct troupe *troupe, const struct troupe_trace *trace,
                const struct troupe_body *contents)
{
    struct ti_observed *observed = &troupe->observed;
    pthread_mutex_lock(&observed->lock);
    if (observed->ring != NULL &&
        (trace->interface != bus_interface.id || observed->bus_wanted != 0)) {
        struct record *record = &observed->ring[observed->count++ % TROUPE_OBSERVED_MAX];
        free(record->contents);
        *record = (struct record){.trace = *trace};
        if (contents != NULL && contents->size != 0 &&
            contents->size <= observed->contents_bytes_max) {
            record->contents = malloc(contents->size); /* without memory it is not shown */
            if (record->contents != NULL) {
                memcpy(record->contents, contents->data, contents->size);
            }
        }
    }
    pthread_mutex_unlock(&observed->lock);
}

/* Where the target is, as a person or a program elsewhere would name it. */
static void tell_target(struct troupe *troupe, struct troupe_ref target, struct bus_passed *passed)
{
    if (target.place == TI_PLACE_HERE) {
        passed->has_to_actor = true;
        passed->to_actor = target.id;
    } else if (target.place == TI_PLACE_ROLE) {
        passed->has_to_role = true;
        passed->to_role = troupe_text(ti_role_at(troupe, (uint32_t)target.id)->name);
    } else if (target.place >= TI_PLACE_LINKS) {
        passed->has_to_link = true;
        passed->to_link = target.place;
    }
}

static void tell(struct troupe *troupe, const struct record *record, struct bus_passed *passed)
{
    const struct troupe_trace *trace = &record->trace;
    *passed = (struct bus_passed){.time_ns = trace->time_ns,
                                  .step = (enum bus_step)trace->kind,
                                  .trace = trace->trace,
                                  .actor = trace->actor.id,
                                  .interface = trace->interface,
                                  .member = trace->method,
                                  .code = trace->code,
                                  .size_bytes = trace->size_bytes};
    tell_target(troupe, trace->target, passed);
}

size_t ti_observed_read(struct troupe *troupe, struct ti_observer *observer,
                        struct bus_passed *ret_passed, size_t passed_max, uint8_t *contents)
{
    struct ti_observed *observed = &troupe->observed;
    size_t count = 0;
    pthread_mutex_lock(&observed->lock);
    if (observed->count - observer->next > TROUPE_OBSERVED_MAX) {
        uint64_t oldest = observed->count - TROUPE_OBSERVED_MAX;
        observer->missed += oldest - observer->next;
        observer->next = oldest;
    }
    while (count < passed_max && observer->next != observed->count) {
        const struct record *record = &observed->ring[observer->next++ % TROUPE_OBSERVED_MAX];
        if (record->trace.interface == bus_interface.id && !observer->bus) {
            continue;
        }
        struct bus_passed *entry = &ret_passed[count++];
        tell(troupe, record, entry);
        size_t size = entry->size_bytes;
        if (record->contents != NULL && size <= observer->contents_bytes_max) {
            memcpy(contents, record->contents, size); /* the ring may go on while it is sent */
            entry->has_contents = true;
            entry->contents = (struct troupe_bytes){.data = contents, .size = size};
            contents += size;
        }
    }
    pthread_mutex_unlock(&observed->lock);
    return count;
}
