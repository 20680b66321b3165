/* actor.c - slots, the turn and the life of an actor.
 *
 *        spawn                    start returned 0                 stop, or start failed
 *   EMPTY -----> STARTING (TI_START) -----> RUNNING (messages) -----> ENDED -----> EMPTY
 *                    |                                                  ^
 *                    +--------------------------------------------------+
 *
 * The essay on threads and slots is at the top of runtime.h; mailboxes are mailbox.c's, what an actor
 * waits for is pending.c's. */
#include <stdlib.h>
#include <string.h>

#include "bus/runtime.h"

static _Thread_local struct troupe_actor *current;

struct troupe_actor *ti_current(void)
{
    return current;
}

/* ---- slots --------------------------------------------------------------------------------------- */

struct troupe_actor *ti_actor_slot(struct troupe *troupe, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= TROUPE_ACTORS_MAX) {
        return NULL;
    }
    struct troupe_actor *chunk = atomic_load_explicit(&troupe->chunks[index / TI_SLOTS_PER_CHUNK],
                                                      memory_order_acquire);
    return chunk != NULL ? &chunk[index % TI_SLOTS_PER_CHUNK] : NULL;
}

static void give_back(struct troupe *troupe, struct troupe_actor *slot)
{
    slot->free_next = NULL;
    if (troupe->free_first == NULL) {
        troupe->free_first = slot;
    } else {
        troupe->free_last->free_next = slot;
    }
    troupe->free_last = slot;
}

static struct troupe_actor *new_slot(struct troupe *troupe, int *ret_error)
{
    if (troupe->slots_count == TROUPE_ACTORS_MAX) {
        *ret_error = TROUPE_EBUSY;
        return NULL;
    }
    uint32_t index = troupe->slots_count;
    struct troupe_actor *chunk = atomic_load_explicit(&troupe->chunks[index / TI_SLOTS_PER_CHUNK],
                                                      memory_order_relaxed);
    if (chunk == NULL) {
        chunk = calloc(TI_SLOTS_PER_CHUNK, sizeof *chunk);
        if (chunk == NULL) {
            *ret_error = TROUPE_ENOMEM;
            return NULL;
        }
        atomic_store_explicit(&troupe->chunks[index / TI_SLOTS_PER_CHUNK], chunk,
                              memory_order_release);
    }
    troupe->slots_count++;
    struct troupe_actor *slot = &chunk[index % TI_SLOTS_PER_CHUNK];
    slot->troupe = troupe;
    slot->index = index;
    slot->executor = &troupe->pool;
    atomic_store(&slot->scheduled, true); /* ours from birth */
    return slot;
}

/* A slot that is ours: its flag is won. A freed one may still be bouncing a late message; then the
 * next is tried. */
static struct troupe_actor *take_slot(struct troupe *troupe, int *ret_error)
{
    struct troupe_actor *slot = NULL;
    pthread_mutex_lock(&troupe->actors_lock);
    for (int tries = 0; tries < 4 && troupe->free_first != NULL; tries++) {
        struct troupe_actor *candidate = troupe->free_first;
        troupe->free_first = candidate->free_next;
        if (!atomic_exchange(&candidate->scheduled, true)) {
            slot = candidate;
            break;
        }
        give_back(troupe, candidate);
    }
    if (slot == NULL) {
        slot = new_slot(troupe, ret_error);
    }
    pthread_mutex_unlock(&troupe->actors_lock);
    return slot;
}

/* ---- a turn -------------------------------------------------------------------------------------- */

/* Gives up everything that would have called back. */
static void end_pending(struct troupe_actor *self)
{
    for (uint32_t i = 0; i < self->pending_count; i++) {
        struct ti_pending *pending = &self->pending[i];
        switch (pending->kind) {
        case TI_ASK:
            ti_ask_abandon(self, pending);
            break;
        case TI_AFTER:
            ti_timer_remove(self->troupe, pending->timer);
            break;
        case TI_WATCH:
            ti_watch_end(self, pending);
            break;
        case TI_SUBSCRIPTION:
            ti_subscription_end(self, pending);
            break;
        case TI_FREE:
            break;
        }
    }
    ti_alarm_end(self);
    free(self->pending);
    self->pending = NULL;
    self->pending_count = self->pending_room = self->pending_free = 0;
    memset(self->counts, 0, sizeof self->counts);
}

static void end(struct troupe_actor *self, int code)
{
    struct troupe *troupe = self->troupe;
    uint64_t id = atomic_load(&self->id);
    if (self->phase == TI_RUNNING && self->def->stop != NULL) {
        self->deadline_ns = 0;
        self->def->stop(self, self->state);
    }
    self->phase = TI_ENDED;
    while (self->calls != NULL) {
        struct troupe_call *call = self->calls;
        troupe_fail(call, TROUPE_ELOST, "the actor ended before it answered");
    }
    end_pending(self);
    atomic_store(&self->id, 0);
    ti_role_actor_ended(troupe, self->role, id, code);
    ti_watch_fire(troupe, ti_ref_here(id), TROUPE_EDOWN);
    ti_agent_actor_ended(troupe, id);
    if (self->published) {
        ti_topics_actor_ended(troupe, id);
        self->published = false;
    }
    if (self->def->state_size != 0) {
        explicit_bzero(self->state, self->def->state_size);
    }
    free(self->state);
    self->state = NULL;
}

static void start(struct troupe_actor *self)
{
    int code = self->def->start != NULL ? self->def->start(self, self->state, self->argument) : 0;
    if (code != 0) {
        end(self, code);
        return;
    }
    self->phase = TI_RUNNING;
    if (self->role != 0) {
        struct ti_role *role = ti_role_at(self->troupe, self->role);
        if (atomic_load(&role->actor) == atomic_load(&self->id)) {
            ti_host_event(self->troupe, TROUPE_ROLE_READY, role->name, 0, 0, NULL);
        }
    }
}

static void handle_timer(struct troupe_actor *self, struct troupe_message *message)
{
    struct ti_pending *pending = ti_pending_find(self, message->serial);
    if (message->serial == 0) {
        ti_handle_alarm(self);
    } else if (pending != NULL && pending->kind == TI_AFTER) { /* else it was cancelled meanwhile */
        struct ti_pending entry = *pending;
        ti_pending_free(self, pending);
        self->trace = entry.trace;
        ((troupe_after_fn *)entry.on_done)(self, entry.user);
    }
}

static void run_job(struct troupe_actor *self, struct troupe_message *message)
{
    void *argument = message->as.job.argument;
    message->as.job.argument = NULL; /* the job's from now on */
    message->as.job.run(self, argument);
}

static void handle(struct troupe_actor *self, struct troupe_message *message)
{
    self->handling = message;
    self->trace = message->trace;
    self->deadline_ns = 0;
    self->waiter = 0;
    switch (message->kind) {
    case TI_REQUEST:
        self->deadline_ns = message->deadline_ns;
        self->waiter = message->waiter;
        ti_handle_request(self, (struct troupe_call *)message);
        self->handling = NULL;
        return; /* the call frees its message when it is answered */
    case TI_REPLY:
    case TI_ERROR:
    case TI_FAILED:
    case TI_ITEM:
        ti_handle_answer(self, message);
        break;
    case TI_EVENT:
    case TI_LOST:
    case TI_LATEST:
        ti_handle_event(self, message);
        break;
    case TI_TIMER:
        handle_timer(self, message);
        break;
    case TI_GONE:
        ti_handle_gone(self, message);
        break;
    case TI_CANCEL:
        ti_handle_cancel(self, message);
        break;
    case TI_CREDIT:
        ti_handle_credit(self, message);
        break;
    case TI_MOVED:
        ti_handle_moved(self, message);
        break;
    case TI_RUN:
        run_job(self, message);
        break;
    case TI_START:
        start(self);
        break;
    case TI_STOP:
        end(self, 0);
        break;
    }
    self->handling = NULL;
    ti_message_release(message);
}

/* What arrives for somebody who is gone, or never was. */
static void refuse(struct troupe_actor *self, struct troupe_message *message)
{
    switch (message->kind) {
    case TI_REQUEST:
        ti_bounce(self->troupe, message, TROUPE_EDOWN, "the actor has ended");
        return;
    case TI_REPLY:
    case TI_ERROR:
    case TI_FAILED:
        ti_late(self->troupe, message->target, message);
        break;
    case TI_MOVED: {
        struct ti_address asker = {
            .kind = TI_TO_ACTOR, .actor = message->target, .id = message->serial};
        ti_moved_in_vain(self->troupe, &asker, message);
        break;
    }
    default:
        break;
    }
    ti_message_release(message);
}

/* Gives the slot to the next actor. The executor of a detached one ends with its thread. */
static void retire(struct troupe_actor *self)
{
    struct troupe *troupe = self->troupe;
    struct ti_executor *executor = self->executor;
    self->executor = &troupe->pool;
    self->quick = false;
    self->phase = TI_EMPTY;
    pthread_mutex_lock(&troupe->actors_lock);
    self->def = NULL;
    if (executor != &troupe->pool && executor != &troupe->pinned) {
        pthread_mutex_lock(&executor->lock);
        executor->closing = true;
        pthread_mutex_unlock(&executor->lock);
        executor->next = troupe->detached_ended;
        troupe->detached_ended = executor;
    }
    give_back(troupe, self);
    if (atomic_fetch_sub(&troupe->actors_count, 1) == 1) {
        pthread_cond_broadcast(&troupe->actors_changed);
    }
    pthread_mutex_unlock(&troupe->actors_lock);
}

/* Handled between two looks at the clock, if something waits to leave; the first look is after one. */
enum { LOOK_MESSAGES = 4 };

int ti_actor_run(struct troupe_actor *self)
{
    struct troupe *troupe = self->troupe;
    struct troupe_actor *outer = current;
    int handled = 0;
    bool begun = self->executor == &troupe->pool && ti_turn_begin(); /* others may take long */
    current = self;
    int quantum = troupe->schedule == NULL ? TROUPE_QUANTUM_MESSAGES : 1;
    while (handled < quantum) {
        struct troupe_message *message = ti_actor_next(self);
        if (message == NULL) {
            break;
        }
        if (handled == 1 || (handled != 0 && handled % LOOK_MESSAGES == 0)) {
            ti_turn_goes_on();
        }
        handled++;
        if (message->target != atomic_load_explicit(&self->id, memory_order_relaxed)) {
            refuse(self, message);
            continue;
        }
        handle(self, message);
    }
    current = outer;
    ti_turn_end(begun);
    atomic_fetch_add_explicit(&self->handled, (unsigned)handled, memory_order_relaxed);
    ti_count(&troupe->counters, TI_MESSAGES_HANDLED, (unsigned)handled);
    if (self->phase == TI_ENDED && self->first == NULL) {
        retire(self);
    }
    if (self->first == NULL) {
        atomic_store(&self->scheduled, false);
        if (atomic_load(&self->inbox) == NULL || atomic_exchange(&self->scheduled, true)) {
            return handled;
        }
    }
    ti_executor_ready(self->executor, self);
    return handled;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static int own_thread(struct ti_executor **ret_executor)
{
    struct ti_executor *executor = malloc(sizeof *executor);
    if (executor == NULL) {
        return TROUPE_ENOMEM;
    }
    int error = ti_executor_init(executor, 1, false, NULL);
    if (error != 0) {
        free(executor);
        return error;
    }
    *ret_executor = executor;
    return 0;
}

/* Joins the threads of detached actors that have ended. Not from such a thread itself. */
void ti_actors_join(struct troupe *troupe)
{
    pthread_mutex_lock(&troupe->actors_lock);
    struct ti_executor *ended = troupe->detached_ended;
    troupe->detached_ended = NULL;
    pthread_mutex_unlock(&troupe->actors_lock);
    while (ended != NULL) {
        struct ti_executor *next = ended->next;
        ti_executor_close(ended);
        free(ended);
        ended = next;
    }
}

int ti_spawn(struct troupe *troupe, const struct troupe_actor_def *def, const void *argument,
             uint32_t role, uint64_t *ret_id)
{
    if (atomic_load(&troupe->closing)) {
        return TROUPE_ECLOSED;
    }
    ti_actors_join(troupe);
    void *state = calloc(1, def->state_size != 0 ? def->state_size : 1);
    struct troupe_message *message = ti_message_new(TI_START, NULL);
    unsigned flags = troupe->schedule == NULL ? def->flags : 0; /* one thread runs them all */
    struct ti_executor *executor = flags & TROUPE_PINNED ? &troupe->pinned : &troupe->pool;
    int error = state == NULL || message == NULL ? TROUPE_ENOMEM : 0;
    if (error == 0 && flags & TROUPE_DETACHED) {
        error = own_thread(&executor);
    }
    bool own = error == 0 && flags & TROUPE_DETACHED;
    struct troupe_actor *self = error == 0 ? take_slot(troupe, &error) : NULL;
    if (self == NULL) {
        if (own) {
            ti_executor_close(executor);
            free(executor);
        }
        free(state);
        if (message != NULL) {
            ti_message_release(message);
        }
        return error;
    }
    atomic_fetch_add(&troupe->actors_count, 1);
    self->generation++;
    self->executor = executor;
    self->quick = (flags & TROUPE_QUICK) != 0;
    self->phase = TI_STARTING;
    pthread_mutex_lock(&troupe->actors_lock); /* the agent looks at these two */
    self->role = role;
    self->def = def;
    pthread_mutex_unlock(&troupe->actors_lock);
    self->state = state;
    self->argument = argument;
    atomic_store(&self->handled, 0);
    atomic_store(&self->pinned, executor == &troupe->pinned);
    atomic_store(&self->mailbox_max, def->mailbox_max != 0 ? def->mailbox_max : TROUPE_MAILBOX_MAX);
    uint64_t id = ((uint64_t)self->generation << 32) | self->index;
    message->target = id;
    /* TI_START goes first, before anyone can know the id. */
    message->next = self->first;
    self->first = message;
    if (message->next == NULL) {
        self->last = message;
    }
    atomic_store(&self->id, id);
    if (ret_id != NULL) {
        *ret_id = id;
    } else {
        ti_role_actor_started(troupe, role, id);
    }
    ti_executor_ready(executor, self);
    if (atomic_load(&troupe->closing)) { /* meanwhile: it may have been overlooked */
        atomic_store(&troupe->stop_missed, true);
    }
    return 0;
}

int troupe_spawn(struct troupe *troupe, const struct troupe_actor_def *def, const void *argument,
                 struct troupe_ref *ret_ref)
{
    uint64_t id;
    uint32_t role = current != NULL && current->troupe == troupe ? current->role : 0;
    int error = ti_spawn(troupe, def, argument, role, &id);
    if (error == 0) {
        *ret_ref = ti_ref_here(id);
    }
    return error;
}

int troupe_stop(struct troupe *troupe, struct troupe_ref ref)
{
    struct ti_route route;
    int error = ti_route_find(troupe, ref, &route);
    if (error != 0) {
        return error;
    }
    if (route.actor == 0) {
        ti_route_release(&route);
        return TROUPE_EPERM;
    }
    struct troupe_message *message = ti_message_new(TI_STOP, NULL);
    if (message == NULL) {
        return TROUPE_ENOMEM;
    }
    error = ti_push(troupe, route.actor, message, false);
    if (error != 0) {
        ti_message_release(message);
    }
    return error;
}

void ti_actors_free(struct troupe *troupe)
{
    for (uint32_t index = 0; index < troupe->slots_count; index++) {
        struct troupe_actor *slot = ti_actor_slot(troupe, index);
        ti_actor_collect(slot); /* what came for somebody who was gone, too late to be bounced */
        while (slot->first != NULL) {
            struct troupe_message *message = slot->first;
            slot->first = message->next;
            ti_message_release(message);
        }
    }
    for (size_t i = 0; i < sizeof troupe->chunks / sizeof *troupe->chunks; i++) {
        free(atomic_load(&troupe->chunks[i]));
    }
}

struct troupe_ref troupe_self(const struct troupe_actor *self)
{
    return ti_ref_here(atomic_load(&self->id));
}

struct troupe *troupe_runtime(const struct troupe_actor *self)
{
    return self->troupe;
}

struct troupe_message *troupe_keep(struct troupe_actor *self)
{
    struct troupe_message *message = self->handling;
    atomic_fetch_add_explicit(&message->holders, 1, memory_order_relaxed);
    return message;
}
