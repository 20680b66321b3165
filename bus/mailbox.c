/* mailbox.c - how a message gets into an actor's mailbox, and out of it.
 *
 * The inbox is a stack that any thread pushes on with one compare-and-swap; the runner takes it whole
 * and turns it round, which keeps the order in which each sender sent. Who finds the actor asleep puts
 * it on its executor's queue, or, if it is quick and the thread runs such itself, on the thread's own. */
#include <stdlib.h>

#include "bus/runtime.h"

/* Quick actors that this thread has woken and will run itself, oldest first. */
static _Thread_local struct {
    bool open;
    struct troupe_actor *first;
    struct troupe_actor *last;
} quick;

bool ti_quick_begin(void)
{
    bool begun = !quick.open && ti_current() == NULL;
    quick.open = quick.open || begun;
    return begun;
}

void ti_quick_end(bool begun)
{
    while (begun && quick.first != NULL) {
        struct troupe_actor *actor = quick.first;
        quick.first = actor->ready_next;
        ti_actor_run(actor);
    }
    quick.open = quick.open && !begun;
}

/* Its flag is won: somebody has to run it. */
static void ready(struct troupe_actor *slot)
{
    if (!quick.open || !slot->quick) {
        ti_executor_ready(slot->executor, slot);
        return;
    }
    slot->ready_next = NULL;
    if (quick.first == NULL) {
        quick.first = slot;
    } else {
        quick.last->ready_next = slot;
    }
    quick.last = slot;
}

static void push(struct troupe_actor *slot, struct troupe_message *message)
{
    struct troupe_message *head = atomic_load_explicit(&slot->inbox, memory_order_relaxed);
    do {
        message->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&slot->inbox, &head, message,
                                                    memory_order_seq_cst, memory_order_relaxed));
    if (!atomic_load(&slot->scheduled) && !atomic_exchange(&slot->scheduled, true)) {
        ready(slot);
    }
}

/* A place in the mailbox. Who has `used` of the places already gets another only while as many are
 * free: nobody ever takes more than half of what the others have left. */
static int take_place(struct troupe_actor *slot, uint32_t used)
{
    uint32_t max = atomic_load_explicit(&slot->mailbox_max, memory_order_relaxed);
    uint32_t taken = atomic_fetch_add_explicit(&slot->waiting, 1, memory_order_relaxed);
    if (taken + used < max) {
        if (taken == 0) {
            atomic_store_explicit(&slot->waiting_since_ns, ti_tick_ns(slot->troupe),
                                  memory_order_relaxed);
        }
        return 0;
    }
    atomic_fetch_sub_explicit(&slot->waiting, 1, memory_order_relaxed);
    ti_count(&slot->troupe->counters, TI_REFUSED_BUSY, 1);
    return TROUPE_EBUSY;
}

static int deliver(struct troupe *troupe, uint64_t actor, struct troupe_message *message,
                   bool counted, uint32_t used)
{
    struct troupe_actor *slot = ti_actor_slot(troupe, actor);
    if (slot == NULL || actor == 0 || atomic_load(&slot->id) != actor) {
        return TROUPE_EDOWN;
    }
    if (message->waiter != 0 && message->kind == TI_REQUEST && atomic_load(&slot->pinned) &&
        ti_caller_is_stepper(troupe, message->waiter)) {
        return TROUPE_ECYCLE;
    }
    message->target = actor;
    message->counted = counted;
    int error = counted ? take_place(slot, used) : 0;
    if (error == 0) {
        push(slot, message);
    }
    return error;
}

int ti_push(struct troupe *troupe, uint64_t actor, struct troupe_message *message, bool counted)
{
    return deliver(troupe, actor, message, counted, 0);
}

int ti_push_for_peer(struct troupe *troupe, uint64_t actor, struct troupe_message *message,
                     uint32_t used)
{
    return deliver(troupe, actor, message, true, used);
}

int ti_run_in(struct troupe *troupe, uint64_t actor, ti_run_fn *run, void *argument)
{
    struct troupe_message *message = ti_message_new(TI_RUN, NULL);
    if (message == NULL) {
        free(argument);
        return TROUPE_ENOMEM;
    }
    message->as.job.run = run;
    message->as.job.argument = argument;
    int error = ti_push(troupe, actor, message, false);
    if (error != 0) {
        ti_message_release(message);
    }
    return error;
}

void ti_actor_collect(struct troupe_actor *self)
{
    struct troupe_message *newest = atomic_exchange_explicit(&self->inbox, NULL,
                                                             memory_order_acquire);
    struct troupe_message *oldest = NULL;
    struct troupe_message *last = newest;
    while (newest != NULL) {
        struct troupe_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    if (oldest == NULL) {
        return;
    }
    if (self->first == NULL) {
        self->first = oldest;
    } else {
        self->last->next = oldest;
    }
    self->last = last;
}

struct troupe_message *ti_actor_next(struct troupe_actor *self)
{
    if (self->first == NULL) {
        ti_actor_collect(self);
    }
    struct troupe_message *message = self->first;
    if (message != NULL) {
        self->first = message->next;
        if (message->counted) {
            atomic_fetch_sub_explicit(&self->waiting, 1, memory_order_relaxed);
        }
    }
    return message;
}
