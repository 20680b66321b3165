/* answer.c - the callee's side of a request: its turn, its answer, its stream.
 *
 * A request that was handled but not answered is in its actor's list of open calls: when the actor
 * ends they fail with TROUPE_ELOST. One that was never handled is bounced: TROUPE_EDOWN, or
 * TROUPE_ETIMEOUT when its time was over before its turn came. Cancels and credits find the call by
 * the address that its answer goes to. Runs on the thread that runs the actor; ti_deliver and
 * ti_bounce on any. */
#include <stdio.h>
#include <string.h>

#include "bus/runtime.h"

static bool same_address(const struct ti_address *a, const struct ti_address *b)
{
    return a->kind == b->kind && a->actor == b->actor && a->object == b->object && a->id == b->id;
}

/* ---- answering ----------------------------------------------------------------------------------------- */

void ti_moved_in_vain(struct troupe *troupe, const struct ti_address *asker,
                      const struct troupe_message *moved)
{
    struct ti_route route = {.actor = moved->from.actor};
    if (moved->from.kind == TI_TO_LINK) {
        route.link = moved->from.object;
    }
    ti_send_cancel(troupe, &route, moved->from.id, asker);
}

/* Nobody waits for it any more. */
static void pass_over(struct troupe *troupe, const struct ti_address *to,
                      const struct troupe_message *answer)
{
    if (answer->kind == TI_MOVED) {
        ti_moved_in_vain(troupe, to, answer);
    }
    ti_late(troupe, to->kind == TI_TO_ACTOR ? to->actor : 0, answer);
}

bool ti_deliver(struct troupe *troupe, const struct ti_address *to, struct troupe_message *answer)
{
    bool waits = true;
    if (to->kind == TI_TO_ACTOR) {
        answer->serial = to->id;
        if (ti_push(troupe, to->actor, answer, false) == 0) {
            return true;
        }
        waits = false;
        pass_over(troupe, to, answer);
    } else if (to->kind == TI_TO_CALLER) {
        struct ti_caller *caller = to->object;
        pthread_mutex_lock(&caller->lock);
        if (caller->waiting && caller->serial == to->id) {
            answer->next = NULL;
            if (caller->first == NULL) {
                caller->first = answer;
            } else {
                caller->last->next = answer;
            }
            caller->last = answer;
            answer = NULL;
        }
        pthread_mutex_unlock(&caller->lock);
        if (answer == NULL) { /* with the lock it would be woken only to wait for that */
            pthread_cond_signal(&caller->wake);
            return true;
        }
        waits = false;
        pass_over(troupe, to, answer);
    } else if (to->kind ==
               TI_TO_LINK) { /* it was forwarded: it came by one link, leaves by another */
        struct troupe_error room;
        const struct troupe_error *story = ti_message_story(answer, &room);
        int error = ti_link_answer(to->object, to->id, story != NULL ? TI_ERROR : answer->kind,
                                   answer->wipe, &answer->body, story);
        if (error != 0 && error != TROUPE_EDOWN) { /* that: whoever asked is gone */
            ti_error_set(&room, error,
                         error == TROUPE_EBUSY ? "the items before it are still unread" : NULL);
            int gone = ti_link_answer(to->object, to->id, TI_ERROR, false, NULL, &room);
            (void)gone;
        }
    }
    ti_message_release(answer);
    return waits;
}

void ti_deliver_failed(struct troupe *troupe, struct troupe_message *request, int code)
{
    struct ti_address to = ti_address_hold(request->from); /* the asker frees the request's */
    request->kind = TI_FAILED;
    request->as.why = code;
    ti_deliver(troupe, &to, request);
    ti_address_release(&to);
}

/* Ends a request [owned] with an error. One that can't be made for want of memory still tells its
 * code. */
static void deliver_error(struct troupe *troupe, struct troupe_message *request,
                          const struct troupe_error *error)
{
    const struct ti_address *to = &request->from;
    if (to->kind == TI_TO_LINK) {
        int gone = ti_link_answer(to->object, to->id, TI_ERROR, false, NULL, error);
        (void)gone;
        ti_message_release(request);
        return;
    }
    struct troupe_message *answer = ti_message_error_copy(error);
    if (answer != NULL) {
        ti_deliver(troupe, to, answer);
        ti_message_release(request);
    } else {
        int code = error->code < 0 ? error->code : TROUPE_ENOMEM; /* a declared one has data */
        ti_call_credit((struct troupe_call *)request);
        ti_deliver_failed(troupe, request, code);
    }
}

/* Takes the call out of its actor's hands. */
static void detach(struct troupe_call *call)
{
    struct troupe_actor *self = call->self;
    if (self == NULL) {
        return;
    }
    if (self->handling == &call->message) {
        self->answered = true;
    }
    if (self->waiter == call->message.waiter) {
        self->waiter = 0; /* whoever waited for this call does not wait for what comes after it */
    }
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else if (self->calls == call) {
        self->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
    call->previous = call->next = NULL;
    call->self = NULL;
}

static void trace_answer(struct troupe *troupe, const struct troupe_call *call, int code,
                         const struct troupe_body *body)
{
    if (ti_traced(troupe)) {
        ti_trace(troupe,
                 &(struct troupe_trace){.kind = TROUPE_TRACE_ANSWER,
                                        .trace = call->message.trace,
                                        .actor = ti_ref_here(call->message.target),
                                        .interface = call->message.interface,
                                        .method = call->message.ordinal,
                                        .code = code},
                 body, (call->method->flags & TROUPE_SECRET_RESULTS) != 0);
    }
}

int troupe_reply(struct troupe_call *call, const struct troupe_body *results)
{
    struct troupe *troupe = call->self->troupe;
    const struct ti_address *to = &call->message.from;
    struct troupe_body body = ti_body(results);
    bool wipe = (call->method->flags & TROUPE_SECRET_RESULTS) != 0;
    int error = 0;
    trace_answer(troupe, call, 0, &body);
    detach(call);
    if (to->kind == TI_TO_LINK) {
        error = ti_link_answer(to->object, to->id, TI_REPLY, wipe, &body, NULL);
    } else if (to->kind != TI_NOBODY) {
        struct troupe_message *answer = ti_message_new(TI_REPLY, &body);
        error = answer == NULL ? TROUPE_ENOMEM : 0;
        if (answer != NULL) {
            answer->wipe = wipe;
            answer->trace = call->message.trace;
            answer->interface = call->message.interface;
            answer->ordinal = call->message.ordinal;
            ti_deliver(troupe, to, answer);
        }
    }
    if (error != 0 && error != TROUPE_EDOWN) {
        struct troupe_error story;
        ti_error_set(&story, error, NULL);
        deliver_error(troupe, &call->message, &story);
    } else {
        ti_message_release(&call->message);
    }
    return error;
}

int troupe_fail_with(struct troupe_call *call, const struct troupe_error *error)
{
    struct troupe *troupe = call->self->troupe;
    trace_answer(troupe, call, error->code, NULL);
    detach(call);
    if (call->message.from.kind != TI_NOBODY) {
        deliver_error(troupe, &call->message, error);
    } else {
        ti_dead_letter(troupe, call->message.target, call->message.interface, call->message.ordinal,
                       error->code);
        ti_message_release(&call->message);
    }
    return 0;
}

int troupe_fail(struct troupe_call *call, int code, const char *text)
{
    struct troupe_error error;
    ti_error_set(&error, code, text);
    return troupe_fail_with(call, &error);
}

void troupe_defer(struct troupe_call *call)
{
    call->deferred = true;
}

/* Tells whoever asked where the call is now: its cancel and its credits go there. False: nobody waits
 * for the answer any more; what went over a link has been cancelled there. */
static bool tell_moved(struct troupe *troupe, const struct ti_address *asker,
                       const struct ti_route *route, uint64_t wire)
{
    if (asker->kind == TI_TO_LINK) {
        return ti_link_moved(asker->object, asker->id, route, wire);
    }
    struct troupe_message *message = ti_message_new(TI_MOVED, NULL);
    if (message == NULL) {
        return true; /* it stays uncancelled until its deadline */
    }
    struct ti_address now = {.kind = TI_TO_ACTOR, .actor = route->actor};
    if (route->actor == 0) {
        now = (struct ti_address){.kind = TI_TO_LINK, .object = route->link, .id = wire};
    }
    message->from = ti_address_hold(now);
    return ti_deliver(troupe, asker, message);
}

int troupe_forward(struct troupe_call *call, struct troupe_ref to)
{
    struct troupe *troupe = call->self->troupe;
    struct troupe_message *message = &call->message;
    struct ti_route route;
    uint64_t wire = 0;
    int error = ti_route_find(troupe, to, &route);
    if (error != 0) {
        troupe_fail(call, error, "the actor that was to answer is gone");
        return error;
    }
    if (++call->forwards > TROUPE_FORWARDS_MAX) {
        ti_route_release(&route);
        troupe_fail(call, TROUPE_ECYCLE, "it was handed on too often: in a circle?");
        return TROUPE_ECYCLE;
    }
    call->cancelled = troupe_cancelled(call); /* a cancel in this mailbox would be lost */
    if (route.actor != 0) {
        detach(call);
        call->deferred = false;
        call->cancelled = !tell_moved(troupe, &message->from, &route, 0) || call->cancelled;
        error = ti_push(troupe, route.actor, message, true);
        if (error != 0) {
            ti_bounce(troupe, message, error, "the actor that was to answer could not take it");
        }
        return error;
    }
    struct ti_cause cause = {
        .time = {.from_ns = ti_now_ns(troupe), .until_ns = message->deadline_ns},
        .trace = message->trace,
        .waiter = message->waiter};
    error = ti_link_request(route.link, route.target, call->method, &message->body, &message->from,
                            &cause, &wire);
    if (error != 0) {
        troupe_fail(call, error, "the actor that was to answer could not be reached");
    } else {
        tell_moved(troupe, &message->from, &route, wire);
        detach(call);
        ti_message_release(message);
    }
    ti_route_release(&route);
    return error;
}

void ti_bounce(struct troupe *troupe, struct troupe_message *message, int code, const char *text)
{
    if (message->from.kind == TI_NOBODY) {
        ti_dead_letter(troupe, message->target, message->interface, message->ordinal, code);
        ti_message_release(message);
    } else {
        struct troupe_error error;
        ti_error_set(&error, code, text);
        deliver_error(troupe, message, &error);
    }
}

int troupe_gen_reply(struct troupe_call *call, const struct troupe_writer *writer)
{
    if (writer->error != 0) {
        char text[TROUPE_TEXT_BYTES_MAX];
        snprintf(text, sizeof text, "the answer does not fit its interface: %s",
                 writer->what != NULL ? writer->what : "too large");
        int error = writer->error;
        troupe_fail(call, error, text);
        return error;
    }
    struct troupe_body body = ti_written(writer);
    bool secret = (call->method->flags & TROUPE_SECRET_RESULTS) != 0;
    int error = troupe_reply(call, &body);
    if (secret) {
        ti_writer_wipe(writer);
    }
    return error;
}

int troupe_gen_fail(struct troupe_call *call, int code, const struct troupe_writer *writer,
                    const char *text)
{
    struct troupe_error error;
    ti_error_set(&error, code, text);
    if (writer->error == 0 && writer->size <= sizeof error.data) {
        memcpy(error.data, writer->data, writer->size);
        error.data_size = writer->size;
    }
    return troupe_fail_with(call, &error);
}

void troupe_gen_refuse(struct troupe_call *call, struct troupe_reader *reader)
{
    struct troupe_error error;
    if (troupe_reader_finish(reader, &error) != 0) {
        troupe_fail_with(call, &error);
    }
}

void troupe_gen_error_reader(const struct troupe_error *error, struct troupe_reader *ret_reader)
{
    ti_reader_init(ret_reader, error->data, error->data_size, NULL, NULL);
}

/* ---- handling ------------------------------------------------------------------------------------------ */

static const struct troupe_method *method_of(const struct troupe_interface *interface,
                                             uint32_t ordinal)
{
    for (size_t i = 0; i < interface->methods_count; i++) {
        if (interface->methods[i].ordinal == ordinal) {
            return &interface->methods[i];
        }
    }
    return NULL;
}

void ti_call_credit(struct troupe_call *call)
{
    if (call->arrived_on != NULL) {
        struct ti_link *link = call->arrived_on;
        call->arrived_on = NULL;
        ti_link_consumed(link, call->credit_bytes);
        ti_link_release(link);
    }
}

/* Why a request whose turn has come is not handled; NULL: it is. */
static const char *check_turn(const struct troupe_actor *self, const struct troupe_message *message,
                              int *ret_code)
{
    if (message->deadline_ns <= ti_tick_ns(self->troupe)) {
        *ret_code = TROUPE_ETIMEOUT;
        return "its time was over before its turn came";
    }
    if (message->from.kind == TI_TO_LINK && ti_link_is_full(message->from.object)) {
        *ret_code = TROUPE_EBUSY;
        return "the answers before it are still unread";
    }
    return NULL;
}

/* A reply that has a blob finds room when it is made, or it is not yet made. The items of a stream
 * find theirs one by one. */
static int keep_room(struct troupe_message *message, const struct troupe_method *method)
{
    bool needs = message->from.kind == TI_TO_LINK && method->blob_results_bytes_max != 0 &&
                 (method->flags & TROUPE_STREAM) == 0;
    return needs ? ti_link_reply_room(message->from.object, message->from.id,
                                      method->blob_results_bytes_max, message)
                 : 0;
}

void ti_handle_request(struct troupe_actor *self, struct troupe_call *call)
{
    struct troupe_message *message = &call->message;
    const struct troupe_method *method = NULL;
    const void *handlers = NULL;
    int code = 0;
    const char *why = check_turn(self, message, &code);
    for (size_t i = 0; i < self->def->services_count && method == NULL; i++) {
        if (self->def->services[i].interface->id == message->interface) {
            method = method_of(self->def->services[i].interface, message->ordinal);
            handlers = self->def->services[i].handlers;
        }
    }
    if (code == 0) {
        code = method != NULL ? keep_room(message, method) : TROUPE_EUNIMPLEMENTED;
        if (code == TROUPE_EBUSY) {
            return;
        }
    }
    ti_call_credit(call);
    if (code != 0) {
        ti_bounce(self->troupe, message, code, why);
        return;
    }
    message->wipe = message->wipe || (method->flags & TROUPE_SECRET_ARGS) != 0;
    call->self = self;
    call->method = method;
    call->window = TROUPE_STREAM_WINDOW_MESSAGES;
    call->link_full = false;
    call->on_room = NULL;
    call->next = self->calls;
    if (self->calls != NULL) {
        self->calls->previous = call;
    }
    self->calls = call;
    if (ti_traced(self->troupe)) {
        ti_trace(self->troupe,
                 &(struct troupe_trace){.kind = TROUPE_TRACE_HANDLE,
                                        .trace = message->trace,
                                        .actor = ti_ref_of(self),
                                        .interface = message->interface,
                                        .method = message->ordinal},
                 &message->body, message->wipe);
    }
    atomic_fetch_add_explicit(&message->holders, 1, memory_order_relaxed);
    self->answered = false;
    struct troupe_reader reader;
    ti_reader_init(&reader, message->body.data, message->body.size, &message->body,
                   &message->arena);
    if (handlers != NULL) {
        method->dispatch(handlers, self, self->state, call, &reader);
    } else { /* it stands for one elsewhere */
        ti_gate_forward(self, call);
    }
    if (!self->answered && !call->deferred) { /* once answered, the call may be elsewhere */
        if (message->from.kind == TI_NOBODY) {
            detach(call);
            ti_message_release(message);
        } else {
            troupe_fail(call, TROUPE_EUNANSWERED, NULL);
        }
    }
    ti_message_release(message);
}

static struct troupe_call *open_call(struct troupe_actor *self, const struct ti_address *from)
{
    struct troupe_call *call = self->calls;
    while (call != NULL && !same_address(&call->message.from, from)) {
        call = call->next;
    }
    return call;
}

/* Or a reason to find out that nobody listens. */
static bool has_room(const struct troupe_call *call)
{
    return (call->window > 0 && !call->link_full) || call->cancelled;
}

static void run_on_room(struct troupe_actor *self, struct troupe_call *call)
{
    troupe_room_fn *on_room = call->on_room;
    if (on_room != NULL && has_room(call)) {
        call->on_room = NULL;
        self->trace = call->message.trace;
        self->deadline_ns = call->message.deadline_ns;
        on_room(self, call->room_user, call);
    }
}

void ti_handle_cancel(struct troupe_actor *self, struct troupe_message *message)
{
    struct troupe_call *call = open_call(self, &message->from);
    if (call != NULL) {
        call->cancelled = true;
        run_on_room(self, call);
    }
}

static void restart_deadline(struct troupe_call *call)
{
    call->message.deadline_ns = ti_now_ns(call->self->troupe) + ti_wait_ns(call->method, NULL);
}

void ti_handle_credit(struct troupe_actor *self, struct troupe_message *message)
{
    struct troupe_call *call = open_call(self, &message->from);
    if (call == NULL) {
        if (message->from.kind == TI_TO_LINK && message->serial != 0) {
            ti_link_credit_onward(message->from.object, message->from.id,
                                  (uint32_t)message->serial);
        }
        return;
    }
    /* More than was sent can't come back: a link has checked that, and an actor does not lie. */
    call->window += (uint32_t)message->serial;
    call->link_full = false;
    restart_deadline(call);
    run_on_room(self, call);
}

int troupe_item(struct troupe_call *call, const struct troupe_body *item)
{
    const struct ti_address *to = &call->message.from;
    struct troupe_body body = ti_body(item);
    bool wipe = (call->method->flags & TROUPE_SECRET_RESULTS) != 0;
    int error = 0;
    if (troupe_cancelled(call)) {
        return TROUPE_ECANCELED;
    }
    if (call->window == 0) {
        return TROUPE_EBUSY;
    }
    if (to->kind == TI_TO_LINK) {
        error = ti_link_answer(to->object, to->id, TI_ITEM, wipe, &body, NULL);
        call->link_full = error == TROUPE_EBUSY;
    } else {
        struct troupe_message *answer = ti_message_new(TI_ITEM, &body);
        if (answer == NULL) {
            return TROUPE_ENOMEM;
        }
        answer->wipe = wipe;
        answer->trace = call->message.trace;
        ti_deliver(call->self->troupe, to, answer);
    }
    if (error == 0) {
        call->window--;
        restart_deadline(call);
    }
    return error == TROUPE_EDOWN ? TROUPE_ECANCELED : error;
}

int troupe_gen_item(struct troupe_call *call, const struct troupe_writer *writer)
{
    if (writer->error != 0) {
        return writer->error;
    }
    struct troupe_body body = ti_written(writer);
    int error = troupe_item(call, &body);
    if ((call->method->flags & TROUPE_SECRET_RESULTS) != 0) {
        ti_writer_wipe(writer);
    }
    return error;
}

void troupe_on_room(struct troupe_call *call, troupe_room_fn *on_room, void *user)
{
    call->on_room = on_room;
    call->room_user = user;
    call->deferred = true;
    if (has_room(call)) { /* already: say so, but later */
        struct troupe_actor *self = call->self;
        struct ti_route route = {.actor = atomic_load(&self->id)};
        ti_send_credit(self->troupe, &route, 0, &call->message.from, 0);
    }
}

/* The cancel may wait in this actor's own mailbox: look, without handling what comes before it. */
static bool cancel_waits(struct troupe_call *call)
{
    struct troupe_actor *self = call->self;
    ti_actor_collect(self);
    for (struct troupe_message *m = self->first; m != NULL; m = m->next) {
        if (m->kind == TI_CANCEL && same_address(&m->from, &call->message.from)) {
            return true;
        }
    }
    return false;
}

bool troupe_cancelled(const struct troupe_call *call)
{
    return call->cancelled || call->message.deadline_ns <= ti_now_ns(call->self->troupe) ||
           cancel_waits((struct troupe_call *)call);
}

uint32_t troupe_remaining_ms(const struct troupe_call *call)
{
    uint64_t now = ti_now_ns(call->self->troupe);
    uint64_t due = call->message.deadline_ns;
    return due <= now ? 0 : (uint32_t)((due - now) / 1000000u);
}

/* Whether an actor of this process serves the method. */
static bool serves(struct troupe *troupe, uint64_t actor, const struct troupe_method *method)
{
    struct troupe_actor *slot = ti_actor_slot(troupe, actor);
    bool has = false;
    pthread_mutex_lock(&troupe->actors_lock); /* keeps `def` */
    const struct troupe_actor_def *def = slot != NULL && atomic_load(&slot->id) == actor ? slot->def
                                                                                         : NULL;
    for (size_t i = 0; def != NULL && i < def->services_count; i++) {
        has = has || (def->services[i].interface->id == method->interface->id &&
                      method_of(def->services[i].interface, method->ordinal) != NULL);
    }
    pthread_mutex_unlock(&troupe->actors_lock);
    return has;
}

bool troupe_gen_has(struct troupe *troupe, struct troupe_ref ref,
                    const struct troupe_method *method)
{
    struct ti_route route;
    if (ti_route_find(troupe, ref, &route) != 0) {
        return false;
    }
    uint32_t version = method->since != 0 ? method->since : 1;
    bool has = route.actor != 0 ? serves(troupe, route.actor, method)
                                : ti_link_serves(route.link, method->interface->id, version);
    ti_route_release(&route);
    return has;
}
