/* What passes in a process, shown to who looks at it from wherever: troupe.Bus's `observe`. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "interfaces/bus.h"
#include "test/support/places.h"
#include "test/support/probe.h"

enum { ECHO = 1, CHECK = 2, FORWARD = 10, TOLD = 12, SECRET = 20 }; /* of probe.iface */
enum { PUBLISHED = 10000 }; /* each makes two records: more than a process keeps */

static struct troupe_ref agent_of(const char *role)
{
    struct troupe_ref ref;
    assert_int_equal(troupe_host_find(places.troupe, role, &ref), 0);
    return ref;
}

static bool holds(struct troupe_bytes bytes, const char *word)
{
    return bytes.size != 0 && memmem(bytes.data, bytes.size, word, strlen(word)) != NULL;
}

/* ---- one who looks at two places while a call goes through both -------------------------------- */

struct look {
    struct troupe_actor *self;
    uint64_t tokens[2];
    int begun;
    int ended;
    int handles; /* of that, seen */
    bool asked;
    bool forwarded;
    uint64_t sent_trace;    /* of what `other` was asked, which hands it on to `probe` */
    uint64_t handled_trace; /* of what `probe` answered for it */
    uint64_t echo_trace;
    uint64_t handled_ns;
    uint64_t answered_ns;
    int code_of_check;
    bool words_seen;
    bool done_seen;   /* of an ask here, in one process */
    pthread_t thread; /* which calls, too */
    uint64_t sent_by_thread;
    uint64_t done_by_thread;
    bool secret_handled;
    bool secret_seen;
};

static void look_ended(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct look *look = user;
    assert_non_null(error);
    assert_int_equal(error->code, TROUPE_ECANCELED);
    if (++look->ended == 2) {
        places_done(self);
    }
}

static void end_look(struct look *look)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(troupe_cancel(look->self, look->tokens[i]), 0);
    }
}

static void see(struct look *look, const struct bus_passed *passed)
{
    if (passed->interface != probe_interface.id) {
        return;
    }
    look->secret_seen = look->secret_seen || holds(passed->contents, "hush");
    if (passed->step == BUS_STEP_HANDLE && passed->member == FORWARD) {
        look->sent_trace = look->sent_trace == 0 ? passed->trace : look->sent_trace;
        look->handles++;
    }
    if (passed->step == BUS_STEP_ANSWER && passed->member == FORWARD) {
        look->handled_trace = passed->trace;
    }
    if (passed->step == BUS_STEP_HANDLE && passed->member == ECHO) {
        look->handled_ns = passed->time_ns;
        look->echo_trace = passed->trace;
        assert_true(passed->actor != 0);
    }
    if (passed->step == BUS_STEP_ANSWER && passed->member == ECHO) {
        look->answered_ns = passed->time_ns;
    }
    if (passed->step == BUS_STEP_ANSWER && passed->member == CHECK) {
        look->code_of_check = passed->code;
    }
    if (passed->actor == 0 && passed->member == TOLD) {
        uint64_t *at = passed->step == BUS_STEP_SEND ? &look->sent_by_thread
                                                     : &look->done_by_thread;
        *at = passed->trace;
        return;
    }
    if (passed->step == BUS_STEP_DONE && passed->member == ECHO) {
        look->done_seen = look->echo_trace == passed->trace;
    }
    if (passed->member == ECHO && holds(passed->contents, "good day")) {
        look->words_seen = true;
    }
    if (passed->step == BUS_STEP_ANSWER && passed->member == SECRET) {
        look->secret_handled = true;
        assert_true(passed->size_bytes > 0);
    }
}

static void forwarded(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct probe_forward_results *results)
{
    (void)self;
    assert_null(error);
    assert_int_equal(results->number, 5 + 1);
    ((struct look *)user)->forwarded = true;
}

static void ignored(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    (void)user;
    assert_int_equal(error->code, PROBE_ODD);
}

static void echoed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_echo_results *results)
{
    (void)self;
    (void)user;
    (void)results;
    assert_null(error);
}

static void kept(struct troupe_actor *self, void *user, const struct troupe_error *error,
                 const struct probe_secret_results *results)
{
    (void)self;
    (void)user;
    (void)results;
    assert_null(error);
}

static void *call_from_thread(void *argument)
{
    struct probe_told_results results;
    (void)argument;
    int error = probe_told(places.troupe, places.probe, &results, NULL, NULL);
    return error == 0 ? NULL : argument;
}

static void ask_all(struct look *look)
{
    assert_int_equal(pthread_create(&look->thread, NULL, call_from_thread, NULL), 0);
    struct probe_echo_args echo = {.number = 4, .text = troupe_text("good day")};
    struct probe_check_args check = {.number = 3};
    struct probe_secret_args secret = {.word = troupe_text("hush hush")};
    struct probe_forward_args forward = {.number = 5, .text = troupe_text("here")};
    struct troupe_actor *self = look->self;
    assert_int_equal(probe_echo_ask(self, places.probe, &echo, echoed, look, NULL), 0);
    assert_int_equal(probe_check_ask(self, places.probe, &check, ignored, look, NULL), 0);
    assert_int_equal(probe_secret_ask(self, places.probe, &secret, kept, look, NULL), 0);
    assert_int_equal(probe_forward_ask(self, places.other, &forward, forwarded, look, NULL), 0);
}

static void look_item(struct troupe_actor *self, void *user, const struct bus_observe_item *item)
{
    struct look *look = user;
    (void)self;
    assert_int_equal(item->missed, 0);
    for (size_t i = 0; i < item->passed_count; i++) {
        see(look, &item->passed[i]);
    }
    look->begun += item->passed_count == 0;
    if (look->begun >= 2 && !look->asked) { /* both said that they have begun */
        look->asked = true;
        ask_all(look);
    }
    bool thread_seen = places.count != 1 || look->done_by_thread != 0;
    if (look->forwarded && look->secret_handled && thread_seen && look->handles >= 2 &&
        look->handled_trace != 0 && look->ended == 0 && look->tokens[0] != 0) {
        end_look(look);
        look->tokens[0] = 0;
    }
}

static void begin_look(struct troupe_actor *self, void *user)
{
    struct look *look = user;
    struct bus_observe_args args = {.contents_bytes_max = 1000};
    look->self = self;
    const char *agents[] = {"probe.bus", "other.bus"};
    for (int i = 0; i < 2; i++) {
        struct troupe_options options = {.ret_token = &look->tokens[i]};
        assert_int_equal(bus_observe_ask(self, agent_of(agents[i]), &args, look_item, look_ended,
                                         look, &options),
                         0);
    }
}

static void test_call_is_followed_through_both_places(void **state)
{
    struct look look = {.begun = 0};
    (void)state;
    places_run(&places, begin_look, &look);
    assert_int_equal(pthread_join(look.thread, NULL), 0);
    assert_true(look.sent_by_thread == look.done_by_thread);
    assert_true(look.sent_trace == look.handled_trace);
    assert_true(look.answered_ns >= look.handled_ns && look.handled_ns != 0);
    assert_int_equal(look.code_of_check, PROBE_ODD);
    assert_true(look.words_seen);
    assert_int_equal(look.done_seen, places.count == 1); /* else the asker is elsewhere */
    assert_false(look.secret_seen);
}

/* ---- one who does not read -------------------------------------------------------------------------- */

struct slow {
    bool published;
    uint64_t seen;
    uint64_t missed;
};

static void slow_item(struct troupe_actor *self, void *user, const struct bus_observe_item *item)
{
    struct slow *slow = user;
    (void)self;
    for (size_t i = 0; i < item->passed_count; i++) {
        slow->seen += item->passed[i].step == BUS_STEP_PUBLISH;
    }
    slow->missed += item->missed;
    if (!slow->published) {
        struct probe_publish_args args = {.times = PUBLISHED};
        struct troupe_options options = {.deadline_ms = 60000};
        slow->published = true;
        assert_int_equal(probe_publish(places.troupe, places.probe, &args, NULL, &options), 0);
    }
    if (slow->seen + slow->missed >= UINT64_C(2) * PUBLISHED) {
        troupe_host_unlink(places.troupe, places.links[0]);
    }
}

/* A plain thread that does something else while records come: it is told what it missed. */
static void test_who_reads_too_slowly_is_told_what_it_missed(void **state)
{
    struct slow slow = {.published = false};
    struct bus_observe_args args = {0};
    struct troupe_error error;
    (void)state;
    int code = bus_observe(places.troupe, agent_of("probe.bus"), &args, slow_item, &slow, &error,
                           NULL);
    assert_true(code == TROUPE_EDOWN || code == TROUPE_ELOST);
    assert_true(slow.missed > 0);
    assert_true(slow.seen + slow.missed >= UINT64_C(2) * PUBLISHED &&
                slow.seen + slow.missed <= UINT64_C(2) * PUBLISHED + 100);
}

/* ---- as many as may --------------------------------------------------------------------------------- */

struct crowd {
    uint64_t tokens[TROUPE_OBSERVERS_MAX];
    int begun; /* said so */
    int refused;
    int ended;
};

static void crowd_ended(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct crowd *crowd = user;
    if (error->code == TROUPE_EBUSY) {
        assert_non_null(strstr(error->text, "as many look"));
        crowd->refused++;
        for (int i = 0; i < TROUPE_OBSERVERS_MAX; i++) {
            assert_int_equal(troupe_cancel(self, crowd->tokens[i]), 0);
        }
    } else {
        assert_int_equal(error->code, TROUPE_ECANCELED);
        crowd->ended++;
    }
    if (crowd->ended == TROUPE_OBSERVERS_MAX) {
        places_done(self);
    }
}

static void crowd_item(struct troupe_actor *self, void *user, const struct bus_observe_item *item)
{
    struct crowd *crowd = user;
    struct bus_observe_args args = {.bus = true};
    (void)item;
    if (++crowd->begun == 1) { /* all are there: they were asked in one go */
        assert_int_equal(bus_observe_ask(self, agent_of("probe.bus"), &args, crowd_item,
                                         crowd_ended, crowd, NULL),
                         0);
    }
}

static void begin_crowd(struct troupe_actor *self, void *user)
{
    struct crowd *crowd = user;
    struct bus_observe_args args = {.bus = true};
    for (int i = 0; i < TROUPE_OBSERVERS_MAX; i++) {
        struct troupe_options options = {.ret_token = &crowd->tokens[i]};
        assert_int_equal(bus_observe_ask(self, agent_of("probe.bus"), &args, crowd_item,
                                         crowd_ended, crowd, &options),
                         0);
    }
}

static void test_as_many_as_may_look_at_a_time(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) { /* who is gone makes room */
        struct crowd crowd = {.begun = 0};
        places_run(&places, begin_crowd, &crowd);
        assert_int_equal(crowd.refused, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREE_WAYS(test_call_is_followed_through_both_places),
        {"test_who_reads_too_slowly_is_told_what_it_missed [two processes]",
         test_who_reads_too_slowly_is_told_what_it_missed, places_setup_two, places_teardown, NULL},
        THREE_WAYS(test_as_many_as_may_look_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
