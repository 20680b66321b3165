/* One process: actors, mailboxes, executors, timers, and what becomes of work when somebody ends. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/prober.h"

static struct troupe_stats stats(void)
{
    struct troupe_stats now;
    troupe_stats(places.troupe, &now);
    return now;
}

static struct troupe_ref spawn(const struct troupe_actor_def *def, const void *argument)
{
    struct troupe_ref ref;
    assert_int_equal(troupe_spawn(places.troupe, def, argument, &ref), 0);
    return ref;
}

/* ---- an actor that stands still until it is let go -------------------------------------------------- */

struct brake {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stands;
    bool released;
};
static struct brake brake;

static void brake_set(void)
{
    pthread_mutex_init(&brake.lock, NULL);
    pthread_cond_init(&brake.changed, NULL);
    brake.stands = brake.released = false;
}

static void brake_release(void)
{
    pthread_mutex_lock(&brake.lock);
    brake.released = true;
    pthread_cond_broadcast(&brake.changed);
    pthread_mutex_unlock(&brake.lock);
}

static void brake_await_standing(void)
{
    pthread_mutex_lock(&brake.lock);
    while (!brake.stands) {
        pthread_cond_wait(&brake.changed, &brake.lock);
    }
    pthread_mutex_unlock(&brake.lock);
}

/* Its start does not return before the brake is released: what it is sent waits in its mailbox. */
static int stand(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    pthread_mutex_lock(&brake.lock);
    brake.stands = true;
    pthread_cond_broadcast(&brake.changed);
    while (!brake.released) {
        pthread_cond_wait(&brake.changed, &brake.lock);
    }
    pthread_mutex_unlock(&brake.lock);
    return 0;
}

static atomic_uint_fast64_t standing_handled;

static void standing_tell(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct probe_tell_args *args)
{
    (void)self;
    (void)state;
    (void)call;
    assert_int_equal(args->number, atomic_fetch_add(&standing_handled, 1));
}

static const struct probe_handlers standing_handlers = {.tell = standing_tell};
static const struct troupe_service standing_services[] = {
    {.interface = &probe_interface, .handlers = &standing_handlers}};
static const struct troupe_actor_def standing = {.name = "standing",
                                                 .start = stand,
                                                 .services = standing_services,
                                                 .services_count = 1,
                                                 .flags = TROUPE_DETACHED,
                                                 .mailbox_max = 10};

static struct troupe_ref spawn_standing(void)
{
    brake_set();
    atomic_store(&standing_handled, 0);
    struct troupe_ref ref = spawn(&standing, NULL);
    brake_await_standing();
    return ref;
}

/* ---- mailboxes ---------------------------------------------------------------------------------------- */

static bool all_ten(void *user)
{
    (void)user;
    return atomic_load(&standing_handled) == 10;
}

static void test_full_mailbox_refuses_and_keeps_what_it_has_in_order(void **state)
{
    (void)state;
    struct troupe_ref ref = spawn_standing();
    for (uint64_t i = 0; i < 10; i++) {
        struct probe_tell_args args = {.number = i};
        assert_int_equal(probe_tell(places.troupe, ref, &args), 0);
    }
    struct probe_tell_args one_more = {.number = 10};
    uint64_t busy = stats().refused_busy;
    assert_int_equal(probe_tell(places.troupe, ref, &one_more), TROUPE_EBUSY);
    assert_int_equal(stats().refused_busy, busy + 1);
    brake_release();
    places_wait(&places, all_ten, NULL);
}

static atomic_uint letters;

static void on_letter(void *user, const struct troupe_dead_letter *letter)
{
    (void)user;
    assert_int_equal(letter->interface, probe_interface.id);
    atomic_fetch_add(&letters, 1);
}

static bool three_letters(void *user)
{
    (void)user;
    return atomic_load(&letters) == 3;
}

static void test_messages_after_the_stop_are_dead_letters(void **state)
{
    (void)state;
    atomic_store(&letters, 0);
    troupe_dead_letters(places.troupe, on_letter, NULL);
    struct troupe_ref ref = spawn_standing();
    struct probe_tell_args args = {.number = 0};
    assert_int_equal(probe_tell(places.troupe, ref, &args), 0);
    assert_int_equal(troupe_stop(places.troupe, ref), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(probe_tell(places.troupe, ref, &args), 0); /* accepted: it has not ended */
    }
    uint64_t before = stats().dead_letters;
    brake_release();
    places_wait(&places, three_letters, NULL);
    assert_int_equal(stats().dead_letters, before + 3);
    assert_int_equal(atomic_load(&standing_handled), 1);
    troupe_dead_letters(places.troupe, NULL, NULL);
}

/* ---- asks: one completion each --------------------------------------------------------------------------- */

struct tally {
    int wanted;
    int completed;
    int last_code;
    uint64_t token;
    struct troupe_ref ref;
};

static void tallied(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct tally *tally = user;
    tally->last_code = error != NULL ? error->code : 0;
    if (++tally->completed == tally->wanted) {
        places_done(self);
    }
}

static void ask_then_stop(struct troupe_actor *self, void *user)
{
    struct tally *tally = user;
    tally->wanted = 5;
    for (int i = 0; i < tally->wanted; i++) {
        assert_int_equal(probe_hang_ask(self, tally->ref, tallied, user, NULL), 0);
    }
    assert_int_equal(troupe_stop(troupe_runtime(self), tally->ref), 0);
}

static void test_unanswered_calls_of_an_ended_actor_are_lost(void **state)
{
    (void)state;
    struct tally tally = {.ref = spawn(&probe_actor, NULL)};
    places_run(&places, ask_then_stop, &tally);
    assert_int_equal(tally.completed, 5);
    assert_int_equal(tally.last_code, TROUPE_ELOST);
    assert_int_equal(stats().asks_open, 0);
}

static void stop_then_ask(struct troupe_actor *self, void *user)
{
    struct tally *tally = user;
    tally->wanted = 5;
    assert_int_equal(troupe_stop(troupe_runtime(self), tally->ref), 0);
    for (int i = 0; i < tally->wanted; i++) {
        assert_int_equal(probe_hang_ask(self, tally->ref, tallied, user, NULL), 0);
    }
    brake_release();
}

static void test_requests_that_wait_at_an_ended_actor_are_certainly_not_delivered(void **state)
{
    (void)state;
    struct tally tally = {.ref = spawn_standing()};
    places_run(&places, stop_then_ask, &tally);
    assert_int_equal(tally.completed, 5);
    assert_int_equal(tally.last_code, TROUPE_EDOWN);
}

static void ask_and_cancel(struct troupe_actor *self, void *user)
{
    struct tally *tally = user;
    struct troupe_options options = {.ret_token = &tally->token};
    tally->wanted = 1;
    assert_int_equal(probe_hang_ask(self, places.probe, tallied, user, &options), 0);
    assert_int_equal(troupe_cancel(self, tally->token), 0);
    assert_int_equal(tally->completed, 0); /* later, as a message, never inside the call */
}

static void test_cancelled_ask_completes_once_with_that(void **state)
{
    (void)state;
    struct tally tally = {0};
    places_run(&places, ask_and_cancel, &tally);
    assert_int_equal(tally.completed, 1);
    assert_int_equal(tally.last_code, TROUPE_ECANCELED);
    assert_int_equal(stats().asks_open, 0);
}

/* Gives up a call, again and again: one whose time was over before its turn came has no late answer. */
static bool late_one(void *user)
{
    struct probe_wait_args args = {.ms = 60};
    struct troupe_options options = {.deadline_ms = 10};
    assert_int_equal(probe_wait(places.troupe, places.probe, &args, NULL, &options),
                     TROUPE_ETIMEOUT);
    return stats().replies_late > *(uint64_t *)user;
}

static void test_late_reply_is_dropped_and_counted(void **state)
{
    (void)state;
    uint64_t before = stats().replies_late;
    places_wait(&places, late_one, &before);
}

static void hand_on(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct probe_echo_args *args)
{
    (void)state;
    (void)args;
    int error = troupe_forward(call, troupe_self(self));
    (void)error; /* the asker sees */
}

static void test_call_handed_on_in_a_circle_fails(void **state)
{
    (void)state;
    static const struct probe_handlers handlers = {.echo = hand_on};
    static const struct troupe_service services[] = {{&probe_interface, &handlers}};
    static const struct troupe_actor_def def = {
        .name = "circle", .services = services, .services_count = 1};
    struct troupe_ref circle;
    struct probe_echo_args args = {.number = 1};
    struct probe_echo_results results;
    assert_int_equal(troupe_spawn(places.troupe, &def, NULL, &circle), 0);
    assert_int_equal(probe_echo(places.troupe, circle, &args, &results, NULL, NULL), TROUPE_ECYCLE);
}

static void ask_too_many(struct troupe_actor *self, void *user)
{
    struct tally *tally = user;
    for (int i = 0; i < TROUPE_ASKS_MAX; i++) {
        int error = probe_hang_ask(self, tally->ref, tallied, user, NULL);
        assert_int_equal(error, 0);
    }
    assert_int_equal(probe_hang_ask(self, tally->ref, tallied, user, NULL), TROUPE_EBUSY);
    tally->wanted = TROUPE_ASKS_MAX;
    brake_release();
}

static void test_asks_in_flight_are_bounded(void **state)
{
    (void)state;
    struct troupe_actor_def wide = standing;
    wide.mailbox_max = TROUPE_ASKS_MAX + 1;
    brake_set();
    struct tally tally = {.ref = spawn(&wide, NULL)};
    brake_await_standing();
    places_run(&places, ask_too_many, &tally);
    assert_int_equal(tally.completed, TROUPE_ASKS_MAX);
    assert_int_equal(tally.last_code, TROUPE_EUNIMPLEMENTED);
    assert_int_equal(troupe_stop(places.troupe, tally.ref), 0);
    struct probe_told_results told;
    while (probe_told(places.troupe, tally.ref, &told, NULL, NULL) != TROUPE_EDOWN) {
    } /* `wide` must outlive it */
}

/* ---- timers --------------------------------------------------------------------------------------------------- */

struct timing {
    int order[3];
    int count;
    uint64_t cancelled;
};

static void first(struct troupe_actor *self, void *user)
{
    struct timing *timing = user;
    (void)self;
    timing->order[timing->count++] = 1;
}

static void second(struct troupe_actor *self, void *user)
{
    struct timing *timing = user;
    timing->order[timing->count++] = 2;
    assert_int_equal(troupe_cancel(self, timing->cancelled), TROUPE_ENOENT);
    places_done(self);
}

static void never(struct troupe_actor *self, void *user)
{
    (void)self;
    (void)user;
    fail_msg("a cancelled timer ran");
}

static void set_timers(struct troupe_actor *self, void *user)
{
    struct timing *timing = user;
    assert_int_equal(troupe_after(self, 30, second, user, NULL), 0);
    assert_int_equal(troupe_after(self, 20, never, user, &timing->cancelled), 0);
    assert_int_equal(troupe_after(self, 5, first, user, NULL), 0);
    assert_int_equal(troupe_cancel(self, timing->cancelled), 0);
}

static void test_timers_run_in_their_order_and_not_when_cancelled(void **state)
{
    (void)state;
    struct timing timing = {.count = 0};
    places_run(&places, set_timers, &timing);
    assert_int_equal(timing.count, 2);
    assert_int_equal(timing.order[0], 1);
    assert_int_equal(timing.order[1], 2);
}

/* ---- executors ------------------------------------------------------------------------------------------------ */

static void test_detached_actor_that_blocks_stops_nobody_else(void **state)
{
    (void)state;
    struct troupe_actor_def still = standing;
    brake_set();
    struct troupe_ref refs[8];
    for (size_t i = 0; i < 8; i++) { /* more than there are workers */
        refs[i] = spawn(&still, NULL);
    }
    brake_await_standing();
    struct probe_echo_args args = {.number = 3};
    struct probe_echo_results results;
    assert_int_equal(probe_echo(places.troupe, places.probe, &args, &results, NULL, NULL), 0);
    troupe_release(results.message);
    brake_release();
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(troupe_stop(places.troupe, refs[i]), 0);
        struct probe_told_results told;
        while (probe_told(places.troupe, refs[i], &told, NULL, NULL) != TROUPE_EDOWN) {
        }
    }
}

static pthread_t pinned_thread;

static int note_thread(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    pinned_thread = pthread_self();
    return troupe_stop(troupe_runtime(self), troupe_self(self));
}

static const struct troupe_actor_def pinned = {
    .name = "pinned", .start = note_thread, .flags = TROUPE_PINNED};

static void test_pinned_actor_runs_in_step_when_its_descriptor_says_so(void **state)
{
    (void)state;
    struct pollfd ready = {.fd = troupe_fd(places.troupe), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 0), 0);
    pinned_thread = 0;
    spawn(&pinned, NULL);
    assert_int_equal(poll(&ready, 1, 0), 1);
    assert_true(pinned_thread == 0);
    assert_true(troupe_step(places.troupe, 0) > 0);
    assert_true(pthread_equal(pinned_thread, pthread_self()));
    while (troupe_step(places.troupe, 0) > 0) {
    }
    assert_int_equal(poll(&ready, 1, 0), 0);
}

static void *call_many(void *argument)
{
    uintptr_t failures = 0;
    (void)argument;
    for (uint64_t i = 0; i < 500; i++) {
        struct probe_echo_args args = {.number = i};
        struct probe_echo_results results;
        int error = probe_echo(places.troupe, places.probe, &args, &results, NULL, NULL);
        failures += error != 0 || results.number != i;
        if (error == 0) {
            troupe_release(results.message);
        }
    }
    return (void *)failures;
}

static void test_many_threads_call_at_once(void **state)
{
    (void)state;
    pthread_t threads[16];
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_many, NULL), 0);
    }
    for (size_t i = 0; i < 16; i++) {
        void *failures;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
    }
    assert_int_equal(stats().asks_open, 0);
}

static bool nothing_waits(void *user)
{
    (void)user;
    return stats().messages_waiting == 0 && stats().actors == 3;
}

static void test_ten_thousand_actors_come_and_go(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct troupe_ref *refs = malloc(COUNT * sizeof *refs);
    for (size_t i = 0; i < COUNT; i++) {
        refs[i] = spawn(&probe_actor, NULL);
    }
    for (size_t i = 0; i < COUNT; i++) {
        struct probe_tell_args args = {.number = i};
        assert_int_equal(probe_tell(places.troupe, refs[i], &args), 0);
        assert_int_equal(troupe_stop(places.troupe, refs[i]), 0);
    }
    places_wait(&places, nothing_waits, NULL);
    struct probe_tell_args args = {.number = 0};
    assert_int_equal(probe_tell(places.troupe, refs[0], &args), TROUPE_EDOWN);
    struct troupe_ref next = spawn(&probe_actor, NULL); /* in a slot that another had */
    assert_int_equal(probe_tell(places.troupe, next, &args), 0);
    free(refs);
}

/* ---- starting, looking up, looking on ---------------------------------------------------------------------------- */

static int refuse_start(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return -1;
}

static void unexpected_stop(struct troupe_actor *self, void *state)
{
    (void)self;
    (void)state;
    fail_msg("stop of an actor that never started");
}

static const struct troupe_actor_def failing = {
    .name = "failing", .start = refuse_start, .stop = unexpected_stop};

static bool is_down(void *user)
{
    struct probe_told_results told;
    return probe_told(places.troupe, *(struct troupe_ref *)user, &told, NULL, NULL) == TROUPE_EDOWN;
}

static void test_actor_whose_start_fails_is_gone(void **state)
{
    (void)state;
    struct troupe_ref ref = spawn(&failing, NULL);
    places_wait(&places, is_down, &ref);
}

static void look_up(struct troupe_actor *self, void *user)
{
    struct troupe_ref ref;
    (void)user;
    /* Spawned by the test, it has no role, and so no right to any. */
    assert_int_equal(troupe_lookup(self, "probe", &ref), TROUPE_ENOENT);
    assert_int_equal(troupe_lookup(self, "nobody", &ref), TROUPE_ENOENT);
    places_done(self);
}

static void test_role_that_is_not_used_is_not_found(void **state)
{
    (void)state;
    places_run(&places, look_up, NULL);
}

struct traces {
    _Atomic uint64_t trace;
    atomic_uint kinds;
    atomic_bool mixed;
};

static void on_trace(void *user, const struct troupe_trace *trace)
{
    struct traces *traces = user;
    if (trace->interface != probe_interface.id) {
        return;
    }
    uint64_t known = 0;
    if (!atomic_compare_exchange_strong(&traces->trace, &known, trace->trace) &&
        known != trace->trace) {
        atomic_store(&traces->mixed, true);
    }
    atomic_fetch_or(&traces->kinds, 1u << trace->kind);
}

static void test_trace_follows_one_call_through_all_that_it_causes(void **state)
{
    (void)state;
    struct traces traces = {.trace = 0};
    struct probe_relay_args args = {.who = places.probe, .number = 5};
    struct probe_relay_results results;
    troupe_trace(places.troupe, on_trace, &traces);
    assert_int_equal(probe_relay(places.troupe, places.other, &args, &results, NULL, NULL), 0);
    troupe_trace(places.troupe, NULL, NULL);
    assert_false(atomic_load(&traces.mixed));
    unsigned wanted = 1u << TROUPE_TRACE_SEND | 1u << TROUPE_TRACE_HANDLE |
                      1u << TROUPE_TRACE_ANSWER | 1u << TROUPE_TRACE_DONE;
    assert_int_equal(atomic_load(&traces.kinds) & wanted, wanted);
}

/* ---- events in one process ------------------------------------------------------------------------------------------ */

struct slow {
    uint64_t received;
    uint64_t lost;
    uint64_t newest;
};
static struct slow slow;
static pthread_mutex_t slow_lock = PTHREAD_MUTEX_INITIALIZER;

static void slow_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                         const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    pthread_mutex_lock(&slow_lock);
    if (event != NULL) {
        slow.received++;
    } else {
        slow.lost += info->lost_to - info->lost_from + 1;
    }
    pthread_mutex_unlock(&slow_lock);
}

static void slow_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                        const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    pthread_mutex_lock(&slow_lock);
    slow.newest = event->number;
    pthread_mutex_unlock(&slow_lock);
}

static int subscribe_and_stand(struct troupe_actor *self, void *state, const void *argument)
{
    struct troupe_handler *handler;
    assert_int_equal(probe_on_changed(self, places.probe, slow_changed, NULL, &handler), 0);
    assert_int_equal(probe_on_newest(self, places.probe, slow_newest, NULL, &handler), 0);
    return stand(self, state, argument);
}

static bool all_told(void *user)
{
    uint64_t published = *(uint64_t *)user;
    pthread_mutex_lock(&slow_lock);
    bool all = slow.received + slow.lost == published && slow.newest == published;
    pthread_mutex_unlock(&slow_lock);
    return all;
}

static void test_slow_subscriber_is_told_what_it_missed(void **state)
{
    (void)state;
    static const struct troupe_actor_def listener = {.name = "listener",
                                                     .start = subscribe_and_stand,
                                                     .flags = TROUPE_DETACHED,
                                                     .mailbox_max = 16};
    uint64_t published = 1000;
    memset(&slow, 0, sizeof slow);
    brake_set();
    spawn(&listener, NULL);
    brake_await_standing();
    struct probe_publish_args args = {.times = (uint32_t)published};
    assert_int_equal(probe_publish(places.troupe, places.probe, &args, NULL, NULL), 0);
    brake_release(); /* the publisher was not held up by it */
    places_wait(&places, all_told, &published);
    pthread_mutex_lock(&slow_lock);
    assert_true(slow.received >= 1);
    assert_true(slow.lost >= published - 16);
    pthread_mutex_unlock(&slow_lock);
}

struct churn {
    struct troupe_handler *handler;
    int heard;
    int rounds;
};

static void heard(struct troupe_actor *self, void *user, const struct probe_changed *event,
                  const struct troupe_event_info *info)
{
    struct churn *churn = user;
    (void)self;
    (void)event;
    (void)info;
    churn->heard++;
    fail_msg("an event after the disconnect");
}

static void churned(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct churn *churn = user;
    assert_null(error);
    if (++churn->rounds == 100) {
        places_done(self);
    }
}

static void subscribe_and_leave(struct troupe_actor *self, void *user)
{
    struct churn *churn = user;
    struct probe_publish_args args = {.times = 1};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(probe_on_changed(self, places.probe, heard, user, &churn->handler), 0);
        assert_int_equal(probe_publish_ask(self, places.probe, &args, churned, user, NULL), 0);
        troupe_handler_disconnect(churn->handler);
    }
}

static void test_no_event_comes_after_the_disconnect(void **state)
{
    (void)state;
    struct churn churn = {0};
    places_run(&places, subscribe_and_leave, &churn);
    assert_int_equal(churn.heard, 0);
}

/* ---- closing ------------------------------------------------------------------------------------------------------- */

static void ask_and_leave(struct troupe_actor *self, void *user)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(probe_hang_ask(self, places.probe, tallied, user, NULL), 0);
    }
    places_done(self); /* ends with ten asks open: nobody is called back */
}

static void test_closing_with_work_in_flight_ends(void **state)
{
    (void)state;
    static struct tally tally = {.wanted = -1};
    places_run(&places, ask_and_leave, &tally);
    assert_int_equal(tally.completed, 0);
    assert_int_equal(stats().asks_open, 0);
    for (int i = 0; i < 1000; i++) {
        struct probe_tell_args args = {.number = 1};
        int error = probe_tell(places.troupe, places.probe, &args);
        assert_true(error == 0 || error == TROUPE_EBUSY);
    }
} /* the teardown closes: a leak, or a hang, fails it */

#define ONE_WAY(test)                                        \
    {                                                        \
#test, test, places_setup_one, places_teardown, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_WAY(test_full_mailbox_refuses_and_keeps_what_it_has_in_order),
        ONE_WAY(test_messages_after_the_stop_are_dead_letters),
        ONE_WAY(test_unanswered_calls_of_an_ended_actor_are_lost),
        ONE_WAY(test_requests_that_wait_at_an_ended_actor_are_certainly_not_delivered),
        ONE_WAY(test_cancelled_ask_completes_once_with_that),
        ONE_WAY(test_late_reply_is_dropped_and_counted),
        ONE_WAY(test_call_handed_on_in_a_circle_fails),
        ONE_WAY(test_asks_in_flight_are_bounded),
        ONE_WAY(test_timers_run_in_their_order_and_not_when_cancelled),
        ONE_WAY(test_detached_actor_that_blocks_stops_nobody_else),
        ONE_WAY(test_pinned_actor_runs_in_step_when_its_descriptor_says_so),
        ONE_WAY(test_many_threads_call_at_once),
        ONE_WAY(test_ten_thousand_actors_come_and_go),
        ONE_WAY(test_actor_whose_start_fails_is_gone),
        ONE_WAY(test_role_that_is_not_used_is_not_found),
        ONE_WAY(test_trace_follows_one_call_through_all_that_it_causes),
        ONE_WAY(test_slow_subscriber_is_told_what_it_missed),
        ONE_WAY(test_no_event_comes_after_the_disconnect),
        ONE_WAY(test_closing_with_work_in_flight_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
