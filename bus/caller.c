/* caller.c - sync calls: a plain thread sends a request and waits for what comes back.
 *
 * A call that waits has a number, which goes with its request and with all that is asked in turn
 * (ti_cause): what in the end needs the waiting thread itself, because it alone runs the pinned
 * actors, is refused at once instead of waiting for its deadline.
 *
 * Each thread that calls has one struct ti_caller, made at its first call and let go when the thread
 * ends; an answer in flight holds it too, so a late one finds a caller that no longer waits for it
 * and is dropped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus/bypass.h"

static pthread_key_t caller_key;
static pthread_once_t caller_once = PTHREAD_ONCE_INIT;

void ti_caller_release(struct ti_caller *caller)
{
    if (atomic_fetch_sub_explicit(&caller->holders, 1, memory_order_acq_rel) == 1) {
        pthread_cond_destroy(&caller->wake);
        pthread_mutex_destroy(&caller->lock);
        free(caller);
    }
}

static void thread_ends(void *caller)
{
    ti_caller_release(caller);
}

static void make_key(void)
{
    pthread_key_create(&caller_key, thread_ends);
}

static struct ti_caller *new_caller(void)
{
    struct ti_caller *caller = calloc(1, sizeof *caller);
    if (caller == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&caller->lock, NULL);
    pthread_cond_init(&caller->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    atomic_init(&caller->holders, 1);
    return caller;
}

static struct ti_caller *my_caller(void)
{
    pthread_once(&caller_once, make_key);
    struct ti_caller *caller = pthread_getspecific(caller_key);
    if (caller == NULL && (caller = new_caller()) != NULL) {
        pthread_setspecific(caller_key, caller);
    }
    return caller;
}

uint64_t ti_caller_waits(void)
{
    pthread_once(&caller_once, make_key);
    struct ti_caller *caller = pthread_getspecific(caller_key);
    return caller != NULL ? atomic_load(&caller->waits_in) : 0;
}

void ti_caller_steps(struct troupe *troupe)
{
    struct ti_caller *caller = my_caller();
    struct ti_caller *before = NULL;
    pthread_mutex_lock(&troupe->pinned.lock);
    if (caller != NULL && caller != troupe->stepper) {
        before = troupe->stepper;
        troupe->stepper = caller;
        atomic_fetch_add_explicit(&caller->holders, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&troupe->pinned.lock);
    if (before != NULL) {
        ti_caller_release(before);
    }
}

bool ti_caller_is_stepper(struct troupe *troupe, uint64_t waiter)
{
    pthread_mutex_lock(&troupe->pinned.lock);
    bool is = troupe->stepper != NULL && atomic_load(&troupe->stepper->waits_in) == waiter;
    pthread_mutex_unlock(&troupe->pinned.lock);
    return is;
}

/* A call that waits: the caller, where the request went, and what to do with items. */
struct wait {
    struct troupe *troupe;
    struct ti_caller *caller;
    const struct troupe_method *method;
    struct ti_address from;
    struct ti_route route;
    struct ti_bypass *bypass; /* that this thread leads, because the answer comes by it */
    uint64_t wire;
    uint64_t trace;
    uint64_t due_ns;
    uint64_t item_ns;
    uint32_t consumed;
    bool nested; /* the caller was made for this call: the thread's own waits further out */
};

static bool has_message(void *user)
{
    struct ti_caller *caller = user;
    pthread_mutex_lock(&caller->lock);
    bool has = caller->first != NULL;
    pthread_mutex_unlock(&caller->lock);
    return has;
}

/* Receives on this thread, which saves the wake-up of another one, and of this one by that. Nobody
 * else brings what it waits for, or wakes it. */
static void lead(struct wait *wait, uint64_t due_ns)
{
    if (wait->bypass != NULL) {
        ti_bypass_lead(wait->bypass, has_message, wait->caller, due_ns);
        wait->bypass = NULL;
    }
}

/* The next message for this call, or NULL when the time is over. */
static struct troupe_message *next(struct wait *wait)
{
    struct ti_caller *caller = wait->caller;
    struct troupe_schedule *schedule = wait->troupe->schedule;
    while (schedule != NULL && caller->first == NULL && ti_now_ns(wait->troupe) < wait->due_ns) {
        troupe_schedule_step(schedule); /* nobody else would: one thread runs everything */
    }
    if (wait->bypass == NULL && wait->route.link != NULL) {
        wait->bypass = ti_link_enter(wait->route.link);
    }
    lead(wait, wait->due_ns);
    struct timespec until = {.tv_sec = (time_t)(wait->due_ns / 1000000000u),
                             .tv_nsec = (long)(wait->due_ns % 1000000000u)};
    pthread_mutex_lock(&caller->lock);
    while (caller->first == NULL && schedule == NULL &&
           pthread_cond_timedwait(&caller->wake, &caller->lock, &until) != ETIMEDOUT) {
    }
    struct troupe_message *message = caller->first;
    if (message != NULL) {
        caller->first = message->next;
    }
    pthread_mutex_unlock(&caller->lock);
    return message;
}

static void listen(struct ti_caller *caller, bool waiting)
{
    pthread_mutex_lock(&caller->lock);
    caller->waiting = waiting;
    struct troupe_message *left = caller->first;
    caller->first = NULL;
    pthread_mutex_unlock(&caller->lock);
    while (left != NULL) {
        struct troupe_message *following = left->next;
        ti_message_release(left);
        left = following;
    }
}

static void finish(struct wait *wait)
{
    listen(wait->caller, false);
    if (wait->nested) {
        ti_caller_release(wait->caller);
    } else {
        atomic_store(&wait->caller->waits_in, 0);
    }
}

static int begin(struct wait *wait, struct troupe_ref to, const struct troupe_body *body,
                 const struct troupe_options *options)
{
    if (ti_current() != NULL) {
        return TROUPE_EWOULDBLOCK;
    }
    wait->caller = my_caller();
    if (wait->caller != NULL &&
        wait->caller->waiting) { /* inside the callback of a stream's item */
        wait->nested = true;
        wait->caller = new_caller();
    }
    if (wait->caller == NULL) {
        return TROUPE_ENOMEM;
    }
    if (!wait->nested) {
        atomic_store(&wait->caller->waits_in, ti_number_new(wait->troupe));
    }
    uint64_t serial = ++wait->caller->serial;
    wait->from = (struct ti_address){.kind = TI_TO_CALLER, .object = wait->caller, .id = serial};
    wait->trace = ti_number_new(wait->troupe);
    struct ti_span time = ti_span_of_ask(wait->troupe, wait->method, options);
    wait->due_ns = time.until_ns;
    wait->item_ns = ti_wait_ns(wait->method, options);
    listen(wait->caller, true);
    struct ti_route ahead = {.link = NULL};
    if (ti_route_find(wait->troupe, to, &ahead) == 0 && ahead.link != NULL) {
        wait->bypass = ti_link_enter(ahead.link); /* before the answer can wake another thread */
    }
    bool begun = ti_quick_begin();
    int error = ti_send_request(wait->troupe, to, wait->method, body, &wait->from, time,
                                wait->trace, &wait->route, &wait->wire);
    ti_quick_end(begun);
    if (error != 0 || wait->route.link != ahead.link) {
        lead(wait, 0);
    }
    ti_route_release(&ahead);
    if (error != 0) {
        finish(wait);
        return error;
    }
    ti_count(&wait->troupe->counters, TI_ASKS_BEGUN, 1);
    return 0;
}

/* Ends the call. An error of the bus's own (deadline, bad item) cancels it at the target. */
static void end(struct wait *wait, bool give_up)
{
    if (give_up) {
        ti_send_cancel(wait->troupe, &wait->route, wait->wire, &wait->from);
    }
    finish(wait);
    ti_route_release(&wait->route);
    ti_count(&wait->troupe->counters, TI_ASKS_COMPLETED, 1);
}

/* The request was forwarded: credits, and a cancel, go to where it is now. */
static void move(struct wait *wait, const struct troupe_message *message)
{
    ti_route_release(&wait->route);
    wait->route = (struct ti_route){.actor = message->from.actor};
    wait->wire = message->from.id;
    if (message->from.kind == TI_TO_LINK) {
        wait->route.link = ti_link_hold(message->from.object);
    }
}

/* Takes one item; TROUPE_EMALFORMED when it is not valid. */
static int take_item(struct wait *wait, struct troupe_message *message, troupe_typed_fn *typed_item,
                     troupe_any_fn *on_item, void *user)
{
    if (typed_item == NULL) {
        return TROUPE_EMALFORMED;
    }
    struct troupe_reader reader;
    ti_reader_init(&reader, message->body.data, message->body.size, &message->body,
                   &message->arena);
    typed_item(NULL, on_item, user, NULL, &reader);
    if (reader.error != 0) {
        return TROUPE_EMALFORMED;
    }
    wait->due_ns = ti_now_ns(wait->troupe) + wait->item_ns;
    if (++wait->consumed == TROUPE_STREAM_WINDOW_MESSAGES / 4) {
        ti_send_credit(wait->troupe, &wait->route, wait->wire, &wait->from, wait->consumed);
        wait->consumed = 0;
    }
    return 0;
}

/* The asker has its answer: `error` 0 and the reply, or none. */
static void show_done(const struct wait *wait, int error, const struct troupe_body *body)
{
    if (ti_traced(wait->troupe)) {
        ti_trace(wait->troupe,
                 &(struct troupe_trace){.kind = TROUPE_TRACE_DONE,
                                        .trace = wait->trace,
                                        .interface = wait->method->interface->id,
                                        .method = wait->method->ordinal,
                                        .code = error},
                 body, (wait->method->flags & TROUPE_SECRET_RESULTS) != 0);
    }
}

static int call(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                const struct troupe_body *body, troupe_typed_fn *typed_item, troupe_any_fn *on_item,
                void *user, struct troupe_message **ret_reply, struct troupe_error *ret_error,
                const struct troupe_options *options)
{
    struct troupe_error story;
    struct wait wait = {.troupe = troupe, .method = method};
    int error = begin(&wait, to, body, options);
    if (error != 0) {
        ti_error_set(ret_error != NULL ? ret_error : &story, error, NULL);
        return error;
    }
    struct troupe_message *message = NULL;
    while (error == 0 && (message = next(&wait)) != NULL &&
           (message->kind == TI_ITEM || message->kind == TI_MOVED)) {
        if (message->kind == TI_ITEM) {
            error = take_item(&wait, message, typed_item, on_item, user);
        } else {
            move(&wait, message);
        }
        ti_message_release(message);
    }
    if (error == 0 && message == NULL) {
        error = TROUPE_ETIMEOUT;
    }
    end(&wait, error != 0);
    if (error != 0) {
        ti_error_set(&story, error, NULL);
    } else {
        const struct troupe_error *told = ti_message_story(message, &story);
        if (told == NULL) {
            *ret_reply = message;
            show_done(&wait, 0, &message->body);
            return 0;
        }
        story = told != &story ? *told : story;
        error = story.code;
        ti_message_release(message);
    }
    show_done(&wait, error, NULL);
    if (ret_error != NULL) {
        *ret_error = story;
    }
    return error;
}

int troupe_call(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                const struct troupe_body *body, struct troupe_message **ret_reply,
                struct troupe_error *ret_error, const struct troupe_options *options)
{
    return call(troupe, to, method, body, NULL, NULL, NULL, ret_reply, ret_error, options);
}

int troupe_gen_call(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                    const struct troupe_writer *writer, struct troupe_reader *ret_reader,
                    struct troupe_message **ret_message, struct troupe_error *ret_error,
                    const struct troupe_options *options)
{
    if (writer->error != 0) {
        if (ret_error != NULL) {
            ti_error_set(ret_error, writer->error, writer->what);
        }
        return writer->error;
    }
    struct troupe_body body = ti_written(writer);
    int error = call(troupe, to, method, &body, NULL, NULL, NULL, ret_message, ret_error, options);
    ti_written_wipe(writer, method);
    if (error == 0) {
        struct troupe_message *reply = *ret_message;
        ti_reader_init(ret_reader, reply->body.data, reply->body.size, &reply->body, &reply->arena);
    }
    return error;
}

int troupe_gen_call_stream(struct troupe *troupe, struct troupe_ref to,
                           const struct troupe_method *method, const struct troupe_writer *writer,
                           troupe_typed_fn *typed_item, troupe_any_fn *on_item, void *user,
                           struct troupe_error *ret_error, const struct troupe_options *options)
{
    struct troupe_message *reply = NULL;
    struct troupe_body body = ti_written(writer);
    if (writer->error != 0) {
        if (ret_error != NULL) {
            ti_error_set(ret_error, writer->error, writer->what);
        }
        return writer->error;
    }
    int error = call(troupe, to, method, &body, typed_item, on_item, user, &reply, ret_error,
                     options);
    ti_written_wipe(writer, method);
    troupe_release(reply);
    return error;
}
