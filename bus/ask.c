/* ask.c - the asker's side of a request, and its one completion.
 *
 * An ask is an entry in the asker's table of pending things, under a serial that nothing else ever
 * has. Whatever ends it (an answer, its deadline, a cancel, the loss of its target) arrives as a
 * message with that serial; the first one takes the entry away and runs the callback, all others
 * find nothing and are counted as late. So completion needs no lock and can't happen twice; and it
 * can't fail to happen, because every entry has a timer.
 * The callee's side is answer.c. */
#include <assert.h>
#include <stdlib.h>

#include "bus/runtime.h"

/* ---- sending ------------------------------------------------------------------------------------- */

uint64_t ti_number_new(struct troupe *troupe)
{
    uint64_t number = atomic_fetch_add_explicit(&troupe->next_number, 1, memory_order_relaxed);
    return number != 0 ? number : ti_number_new(troupe);
}

uint64_t ti_wait_ns(const struct troupe_method *method, const struct troupe_options *options)
{
    uint64_t ms = options != NULL && options->deadline_ms != 0 ? options->deadline_ms
                                                               : method->deadline_ms;
    if (ms == 0 || ms > TROUPE_DEADLINE_MS_MAX) {
        ms = ms == 0 ? TROUPE_DEADLINE_MS : TROUPE_DEADLINE_MS_MAX;
    }
    return ms * 1000000u;
}

struct ti_span ti_span_of_ask(const struct troupe *troupe, const struct troupe_method *method,
                              const struct troupe_options *options)
{
    const uint64_t rough_ns = 100 * TI_TICK_NS_MAX; /* in what is longer, a tick does not matter */
    const struct troupe_actor *self = ti_current();
    uint64_t wait_ns = ti_wait_ns(method, options);
    uint64_t end_ns = self != NULL && self->deadline_ns != 0 ? self->deadline_ns : UINT64_MAX;
    uint64_t now = ti_tick_ns(troupe) + TI_TICK_NS_MAX; /* or earlier, not later */
    if (wait_ns < rough_ns || end_ns < now + rough_ns) {
        now = ti_now_ns(troupe);
    }
    return (struct ti_span){.from_ns = now,
                            .until_ns = end_ns < now + wait_ns ? end_ns : now + wait_ns};
}

uint32_t ti_span_ms(struct ti_span time)
{
    uint64_t left = time.until_ns <= time.from_ns
                        ? 0
                        : (time.until_ns - time.from_ns + 999999) / 1000000u;
    return left < TROUPE_DEADLINE_MS_MAX ? (uint32_t)left : TROUPE_DEADLINE_MS_MAX;
}

static int send_here(struct troupe *troupe, uint64_t actor, const struct troupe_method *method,
                     const struct troupe_body *body, const struct ti_address *from,
                     const struct ti_cause *cause)
{
    struct troupe_message *message = ti_message_new(TI_REQUEST, body);
    if (message == NULL) {
        return TROUPE_ENOMEM;
    }
    message->interface = method->interface->id;
    message->ordinal = method->ordinal;
    message->wipe = (method->flags & TROUPE_SECRET_ARGS) != 0;
    message->deadline_ns = cause->time.until_ns;
    message->trace = cause->trace;
    message->waiter = cause->waiter;
    message->from = ti_address_hold(*from);
    int error = ti_push(troupe, actor, message, true);
    if (error != 0) {
        ti_message_release(message);
    }
    return error;
}

int ti_send_request(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                    const struct troupe_body *arguments, const struct ti_address *from,
                    struct ti_span time, uint64_t trace, struct ti_route *ret_route,
                    uint64_t *ret_wire)
{
    struct troupe_actor *self = ti_current();
    struct ti_cause cause = {.time = time, .trace = trace};
    if (cause.trace == 0 && self != NULL) {
        cause.trace = self->trace;
    }
    if (cause.trace == 0) {
        cause.trace = ti_number_new(troupe);
    }
    struct troupe_body body = ti_body(arguments);
    struct ti_route route;
    int error = ti_route_find(troupe, to, &route);
    if (error != 0) {
        return error;
    }
    *ret_wire = 0;
    uint64_t began_ns = ti_traced(troupe) ? ti_now_ns(troupe)
                                          : 0; /* it may be handled before this returns */
    if (from->kind != TI_NOBODY) {             /* nobody waits for what a tell sets off */
        cause.waiter = self != NULL ? self->waiter : ti_caller_waits();
    }
    if (route.actor != 0) {
        error = send_here(troupe, route.actor, method, &body, from, &cause);
    } else {
        error = ti_link_request(route.link, route.target, method, &body, from, &cause, ret_wire);
    }
    if (error != 0) {
        ti_route_release(&route);
        return error;
    }
    ti_count(&troupe->counters, TI_MESSAGES_SENT, 1);
    if (ti_traced(troupe)) {
        ti_trace(troupe,
                 &(struct troupe_trace){.kind = TROUPE_TRACE_SEND,
                                        .time_ns = began_ns,
                                        .trace = cause.trace,
                                        .actor = ti_ref_of(self),
                                        .target = to,
                                        .interface = method->interface->id,
                                        .method = method->ordinal},
                 &body, (method->flags & TROUPE_SECRET_ARGS) != 0);
    }
    *ret_route = route;
    return 0;
}

int troupe_tell(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                const struct troupe_body *body)
{
    static const struct ti_address nobody;
    struct ti_route route;
    uint64_t wire;
    int error = ti_send_request(troupe, to, method, body, &nobody,
                                ti_span_of_ask(troupe, method, NULL), 0, &route, &wire);
    if (error == 0) {
        ti_route_release(&route);
    }
    return error;
}

void ti_send_cancel(struct troupe *troupe, const struct ti_route *route, uint64_t wire,
                    const struct ti_address *from)
{
    if (route->actor == 0) {
        ti_link_cancel(route->link, wire);
        return;
    }
    struct troupe_message *message = ti_message_new(TI_CANCEL, NULL);
    if (message == NULL) {
        return;
    }
    message->from = ti_address_hold(*from);
    if (ti_push(troupe, route->actor, message, false) != 0) {
        ti_message_release(message);
    }
}

void ti_send_credit(struct troupe *troupe, const struct ti_route *route, uint64_t wire,
                    const struct ti_address *from, uint32_t items)
{
    if (route->actor == 0) {
        ti_link_stream_credit(route->link, wire, items);
        return;
    }
    struct troupe_message *message = ti_message_new(TI_CREDIT, NULL);
    if (message == NULL) {
        return; /* the stream ends by its deadline */
    }
    message->from = ti_address_hold(*from);
    message->serial = items;
    if (ti_push(troupe, route->actor, message, false) != 0) {
        ti_message_release(message);
    }
}

/* ---- asking from an actor -------------------------------------------------------------------------- */

static struct ti_address address_of(struct troupe_actor *self, uint64_t serial)
{
    return (struct ti_address){.kind = TI_TO_ACTOR, .actor = atomic_load(&self->id), .id = serial};
}

void ti_timer_to_actor(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    (void)object;
    struct troupe_message *message = ti_message_new(TI_TIMER, NULL);
    if (message == NULL) { /* a deadline must not get lost */
        ti_timer_again(troupe);
        return;
    }
    message->serial = serial;
    if (ti_push(troupe, id, message, false) != 0) {
        ti_message_release(message);
    }
}

/* One alarm for all asks of an actor. Who ends leaves it as it is, and the next one's deadline is
 * mostly later: so an ask costs no timer. False: no memory. */
static bool set_alarm(struct troupe_actor *self, uint64_t due_ns)
{
    if (self->alarm != 0 && self->alarm_ns <= due_ns) {
        return true;
    }
    if (!self->alarm_reserved && !ti_timers_reserve(self->troupe, 1)) {
        return false;
    }
    self->alarm_reserved = true;
    ti_timer_remove(self->troupe, self->alarm);
    self->alarm = ti_timer_add_reserved(self->troupe, due_ns, ti_timer_to_actor,
                                        atomic_load(&self->id), NULL);
    self->alarm_ns = due_ns;
    return true;
}

/* The one way to ask: `prepared` holds the callbacks. */
static int ask(struct troupe_actor *self, struct troupe_ref to, const struct troupe_method *method,
               const struct troupe_body *body, const struct ti_pending *prepared,
               const struct troupe_options *options)
{
    struct troupe *troupe = self->troupe;
    struct ti_span time = ti_span_of_ask(troupe, method, options);
    struct ti_pending *pending = set_alarm(self, time.until_ns)
                                     ? ti_pending_add(self, TI_ASK, TROUPE_ASKS_MAX)
                                     : NULL;
    if (pending == NULL) {
        ti_count(&troupe->counters, TI_REFUSED_BUSY, 1);
        return self->counts[TI_ASK] >= TROUPE_ASKS_MAX ? TROUPE_EBUSY : TROUPE_ENOMEM;
    }
    pending->due_ns = time.until_ns;
    pending->method = method;
    pending->item_ns = ti_wait_ns(method, options);
    pending->user = prepared->user;
    pending->on_done = prepared->on_done;
    pending->on_item = prepared->on_item;
    pending->typed = prepared->typed;
    pending->typed_item = prepared->typed_item;
    uint64_t serial = pending->serial;
    struct ti_address from = address_of(self, serial);
    int error = ti_send_request(troupe, to, method, body, &from, time, 0, &pending->route,
                                &pending->wire);
    if (error != 0) {
        ti_pending_free(self, pending);
        return error;
    }
    ti_count(&troupe->counters, TI_ASKS_BEGUN, 1);
    if (options != NULL && options->ret_token != NULL) {
        *options->ret_token = serial;
    }
    return 0;
}

int troupe_ask(struct troupe_actor *self, struct troupe_ref to, const struct troupe_method *method,
               const struct troupe_body *body, troupe_done_fn *on_done, void *user,
               const struct troupe_options *options)
{
    struct ti_pending prepared = {.on_done = (troupe_any_fn *)on_done, .user = user};
    return ask(self, to, method, body, &prepared, options);
}

struct troupe_body ti_written(const struct troupe_writer *writer)
{
    return (struct troupe_body){.data = writer->data,
                                .size = writer->size,
                                .refs = writer->refs,
                                .refs_count = writer->refs_count,
                                .blob = writer->blob};
}

void ti_written_wipe(const struct troupe_writer *writer, const struct troupe_method *method)
{
    if ((method->flags & TROUPE_SECRET_ARGS) != 0) {
        ti_writer_wipe(writer);
    }
}

int troupe_gen_ask(struct troupe_actor *self, struct troupe_ref to,
                   const struct troupe_method *method, const struct troupe_writer *writer,
                   troupe_typed_fn *typed, troupe_any_fn *on_done, void *user,
                   const struct troupe_options *options)
{
    return troupe_gen_ask_stream(self, to, method, writer, NULL, NULL, typed, on_done, user,
                                 options);
}

int troupe_gen_ask_stream(struct troupe_actor *self, struct troupe_ref to,
                          const struct troupe_method *method, const struct troupe_writer *writer,
                          troupe_typed_fn *typed_item, troupe_any_fn *on_item,
                          troupe_typed_fn *typed, troupe_any_fn *on_done, void *user,
                          const struct troupe_options *options)
{
    if (writer->error != 0) {
        return writer->error;
    }
    struct ti_pending prepared = {.typed = (troupe_any_fn *)typed,
                                  .typed_item = (troupe_any_fn *)typed_item,
                                  .on_done = on_done,
                                  .on_item = on_item,
                                  .user = user};
    struct troupe_body body = ti_written(writer);
    int error = ask(self, to, method, &body, &prepared, options);
    ti_written_wipe(writer, method);
    return error;
}

int troupe_gen_tell(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                    const struct troupe_writer *writer)
{
    if (writer->error != 0) {
        return writer->error;
    }
    struct troupe_body body = ti_written(writer);
    int error = troupe_tell(troupe, to, method, &body);
    ti_written_wipe(writer, method);
    return error;
}

/* ---- completion -------------------------------------------------------------------------------------- */

/* The end of an ask: takes the entry away, then runs the callback in the context of the ask. */
static void complete(struct troupe_actor *self, struct ti_pending *pending,
                     const struct troupe_error *error, struct troupe_message *reply)
{
    struct ti_pending entry = *pending;
    assert((error == NULL) != (reply == NULL));
    ti_pending_free(self, pending);
    ti_count(&self->troupe->counters, TI_ASKS_COMPLETED, 1);
    self->trace = entry.trace != 0 ? entry.trace : self->trace;
    self->deadline_ns = entry.deadline_ns;
    self->waiter = entry.waiter;
    if (ti_traced(self->troupe)) {
        ti_trace(self->troupe,
                 &(struct troupe_trace){.kind = TROUPE_TRACE_DONE,
                                        .trace = self->trace,
                                        .actor = ti_ref_of(self),
                                        .interface = entry.method->interface->id,
                                        .method = entry.method->ordinal,
                                        .code = error != NULL ? error->code : 0},
                 reply != NULL ? &reply->body : NULL,
                 (entry.method->flags & TROUPE_SECRET_RESULTS) != 0);
    }
    if (entry.typed == NULL) {
        ((troupe_done_fn *)entry.on_done)(self, entry.user, error,
                                          error != NULL ? NULL : &reply->body);
    } else if (error != NULL) {
        ((troupe_typed_fn *)entry.typed)(self, entry.on_done, entry.user, error, NULL);
    } else {
        struct troupe_reader reader;
        ti_reader_init(&reader, reply->body.data, reply->body.size, &reply->body, &reply->arena);
        ((troupe_typed_fn *)entry.typed)(self, entry.on_done, entry.user, NULL, &reader);
    }
    ti_route_release(&entry.route);
}

static void complete_with(struct troupe_actor *self, struct ti_pending *pending, int code,
                          const char *text)
{
    struct troupe_error error;
    ti_error_set(&error, code, text);
    struct ti_address from = address_of(self, pending->serial);
    ti_send_cancel(self->troupe, &pending->route, pending->wire, &from);
    complete(self, pending, &error, NULL);
}

static bool has_deadline(const struct ti_pending *pending)
{
    return pending->kind == TI_ASK && !pending->cancelled;
}

void ti_handle_alarm(struct troupe_actor *self)
{
    ti_timer_remove(self->troupe, self->alarm); /* another was set after this one was over */
    self->alarm = 0;
    uint64_t now = ti_now_ns(self->troupe);
    for (uint32_t i = 0; i < self->pending_count; i++) { /* a callback may move them */
        if (has_deadline(&self->pending[i]) && self->pending[i].due_ns <= now) {
            self->trace = 0; /* not that of the one before */
            complete_with(self, &self->pending[i], TROUPE_ETIMEOUT, NULL);
        }
    }
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < self->pending_count; i++) {
        bool earlier = has_deadline(&self->pending[i]) && self->pending[i].due_ns < next;
        next = earlier ? self->pending[i].due_ns : next;
    }
    if (next != UINT64_MAX) {
        bool set = set_alarm(self, next);
        assert(set); /* it is reserved */
    }
}

void ti_alarm_end(struct troupe_actor *self)
{
    ti_timer_remove(self->troupe, self->alarm);
    if (self->alarm_reserved) {
        ti_timers_unreserve(self->troupe, 1);
    }
    self->alarm = 0;
    self->alarm_reserved = false;
}

void ti_ask_abandon(struct troupe_actor *self, struct ti_pending *pending)
{
    struct ti_address from = address_of(self, pending->serial);
    ti_send_cancel(self->troupe, &pending->route, pending->wire, &from);
    ti_route_release(&pending->route);
    ti_count(&self->troupe->counters, TI_ASKS_COMPLETED, 1);
}

/* One result of a stream: the callback, a new deadline, and now and then room for more. */
static void handle_item(struct troupe_actor *self, struct ti_pending *pending,
                        struct troupe_message *message)
{
    struct troupe *troupe = self->troupe;
    uint64_t serial = pending->serial;
    if (pending->typed_item == NULL) {
        return; /* the method has no items: nobody asked for this */
    }
    pending->due_ns = ti_now_ns(troupe) + pending->item_ns; /* not earlier: the alarm is in time */
    self->trace = pending->trace != 0 ? pending->trace : self->trace;
    self->deadline_ns = pending->deadline_ns;
    self->waiter = pending->waiter;
    struct troupe_reader reader;
    ti_reader_init(&reader, message->body.data, message->body.size, &message->body,
                   &message->arena);
    ((troupe_typed_fn *)pending->typed_item)(self, pending->on_item, pending->user, NULL, &reader);
    /* The callback may have asked: the table may have moved. Or it has cancelled. */
    pending = ti_pending_find(self, serial);
    if (pending == NULL || pending->cancelled) {
        return;
    }
    if (reader.error != 0) {
        complete_with(self, pending, TROUPE_EMALFORMED, "an item of the stream is not valid");
        return;
    }
    if (++pending->consumed == TROUPE_STREAM_WINDOW_MESSAGES / 4) {
        struct ti_address from = address_of(self, serial);
        ti_send_credit(troupe, &pending->route, pending->wire, &from, pending->consumed);
        pending->consumed = 0;
    }
}

void ti_handle_answer(struct troupe_actor *self, struct troupe_message *message)
{
    struct ti_pending *pending = ti_pending_find(self, message->serial);
    struct troupe_error room;
    const struct troupe_error *error = ti_message_story(message, &room);
    bool last_word = error != NULL && error->code == TROUPE_ECANCELED;
    if (pending == NULL || pending->kind != TI_ASK || (pending->cancelled && !last_word)) {
        ti_late(self->troupe, message->target, message);
        return;
    }
    if (message->kind == TI_ITEM) {
        handle_item(self, pending, message);
    } else {
        complete(self, pending, error, error != NULL ? NULL : message);
    }
}

void ti_handle_moved(struct troupe_actor *self, struct troupe_message *message)
{
    struct ti_pending *pending = ti_pending_find(self, message->serial);
    struct ti_route route = {.actor = message->from.actor};
    if (message->from.kind == TI_TO_LINK) {
        route.link = message->from.object;
    }
    if (pending == NULL || pending->kind != TI_ASK || pending->cancelled) {
        struct ti_address asker = address_of(self, message->serial); /* gave up meanwhile */
        ti_moved_in_vain(self->troupe, &asker, message);
        return;
    }
    ti_route_release(&pending->route);
    pending->route = route;
    pending->wire = message->from.id;
    if (route.link != NULL) {
        ti_link_hold(route.link);
    }
}

int troupe_cancel(struct troupe_actor *self, uint64_t token)
{
    struct ti_pending *pending = ti_pending_find(self, token);
    if (pending == NULL || pending->cancelled) {
        return TROUPE_ENOENT;
    }
    if (pending->kind == TI_AFTER) {
        ti_timer_remove(self->troupe, pending->timer);
        ti_pending_free(self, pending);
        return 0;
    }
    if (pending->kind == TI_WATCH) {
        ti_watch_end(self, pending);
        ti_pending_free(self, pending);
        return 0;
    }
    if (pending->kind != TI_ASK) {
        return TROUPE_ENOENT;
    }
    /* Its callback runs later, like any completion: as a message to ourselves. */
    struct troupe_message *message = ti_message_error(TROUPE_ECANCELED, NULL);
    if (message == NULL) {
        return TROUPE_ENOMEM;
    }
    message->serial = token;
    struct ti_address from = address_of(self, token);
    ti_send_cancel(self->troupe, &pending->route, pending->wire, &from);
    int error = ti_push(self->troupe, atomic_load(&self->id), message, false);
    if (error != 0) {
        ti_message_release(message);
    }
    pending->cancelled = error == 0;
    return error;
}
