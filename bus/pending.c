/* pending.c - the table of what will call an actor back: asks, timers, watches, subscriptions.
 *
 * Its owner's alone. A serial is the entry's use count above the PENDING_BITS of its index: finding
 * is one look, and no serial is ever used twice. */
#include <stdlib.h>
#include <string.h>

#include "bus/runtime.h"

#define PENDING_BITS 20

/* Only the owner counts, so this needs no atomic addition. */
static void count(struct troupe_actor *self, enum ti_pending_kind kind, int by)
{
    unsigned before = atomic_load_explicit(&self->counts[kind], memory_order_relaxed);
    atomic_store_explicit(&self->counts[kind], before + (unsigned)by, memory_order_relaxed);
}

struct ti_pending *ti_pending_add(struct troupe_actor *self, enum ti_pending_kind kind,
                                  uint32_t max)
{
    if (atomic_load_explicit(&self->counts[kind], memory_order_relaxed) >= max) {
        return NULL;
    }
    if (self->pending_free == 0 && self->pending_count == self->pending_room) {
        uint32_t room = self->pending_room != 0 ? self->pending_room * 2 : 4;
        struct ti_pending *bigger = realloc(self->pending, room * sizeof *bigger);
        if (bigger == NULL) {
            return NULL;
        }
        memset(bigger + self->pending_room, 0, (room - self->pending_room) * sizeof *bigger);
        self->pending = bigger;
        self->pending_room = room;
    }
    uint32_t index = self->pending_free;
    if (index != 0) {
        index--;
        self->pending_free = self->pending[index].next_free;
    } else {
        index = self->pending_count++;
    }
    struct ti_pending *pending = &self->pending[index];
    uint64_t uses = (pending->serial >> PENDING_BITS) + 1;
    *pending = (struct ti_pending){.serial = (uses << PENDING_BITS) | index,
                                   .kind = kind,
                                   .trace = self->trace,
                                   .deadline_ns = self->deadline_ns,
                                   .waiter = self->waiter};
    count(self, kind, 1);
    return pending;
}

struct ti_pending *ti_pending_find(struct troupe_actor *self, uint64_t serial)
{
    uint32_t index = (uint32_t)(serial & ((1u << PENDING_BITS) - 1));
    if (index >= self->pending_count || self->pending[index].serial != serial ||
        self->pending[index].kind == TI_FREE) {
        return NULL;
    }
    return &self->pending[index];
}

void ti_pending_free(struct troupe_actor *self, struct ti_pending *pending)
{
    count(self, pending->kind, -1);
    pending->kind = TI_FREE;
    pending->next_free = self->pending_free;
    self->pending_free = (uint32_t)(pending - self->pending) + 1;
}
