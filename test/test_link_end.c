/* How a link ends: its peer dies, is stopped, or says BYE. Every ask completes, once; nothing waits
 * longer than it should. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/runner.h"

enum { WAIT = 3 };

/* ---- death ----------------------------------------------------------------------------------- */

enum { WAITING = 500, FLOOD_MAX = 4096, TEXT_BYTES = 1000 };

struct dying {
    struct troupe_ref child;
    unsigned asked;
    unsigned completed;
    unsigned lost;
    unsigned down;
    unsigned told;
    bool killed;
    double killed_at;
};

static void count_end(struct dying *dying, const struct troupe_error *error)
{
    assert_non_null(error);
    assert_true(dying->killed);
    dying->completed++;
    dying->lost += error->code == TROUPE_ELOST;
    dying->down += error->code == TROUPE_EDOWN;
}

static void finish_if_over(struct troupe_actor *self, const struct dying *dying)
{
    if (dying->completed == dying->asked && dying->told == 2) {
        places_done(self);
    }
}

static void waited(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    count_end(user, error);
    finish_if_over(self, user);
}

static void gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct dying *dying = user;
    assert_true(troupe_ref_equal(ref, dying->child) || troupe_ref_equal(ref, places.probe));
    assert_int_equal(why, TROUPE_ELOST);
    dying->told++;
    finish_if_over(self, dying);
}

static void kill_child(struct dying *dying)
{
    dying->killed = true;
    dying->killed_at = now_s();
    assert_int_equal(kill(places.children[0], SIGKILL), 0);
}

static void kill_it(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    (void)self;
    (void)results;
    assert_null(error); /* the peer has all that was sent before it */
    kill_child(user);
}

static void ask_and_kill(struct troupe_actor *self, void *user)
{
    struct dying *dying = user;
    struct probe_wait_args args = {.ms = 60000};
    struct probe_echo_args last = {.number = 1};
    assert_int_equal(troupe_watch(self, places.probe, gone, user, NULL), 0);
    assert_int_equal(troupe_watch(self, dying->child, gone, user, NULL), 0);
    for (; dying->asked < WAITING; dying->asked++) {
        assert_int_equal(probe_wait_ask(self, places.probe, &args, waited, user, NULL), 0);
    }
    assert_int_equal(probe_echo_ask(self, places.probe, &last, kill_it, user, NULL), 0);
}

static bool nothing_open(void *user)
{
    struct troupe_stats stats;
    (void)user;
    troupe_stats(places.troupe, &stats);
    return stats.asks_open == 0 && stats.links == 0;
}

/* Rules 1, 6 and 11. */
static void test_killed_peer_ends_every_ask_once_and_tells_watchers(void **state)
{
    (void)state;
    struct probe_spawn_results spawned;
    places_open(&places, 2);
    assert_int_equal(probe_spawn(places.troupe, places.probe, &spawned, NULL, NULL), 0);
    struct dying dying = {.child = spawned.child};
    places_run(&places, ask_and_kill, &dying);
    assert_true(now_s() - dying.killed_at < bound_ms(500) * 1e-3);
    assert_int_equal(dying.completed, WAITING);
    assert_int_equal(dying.lost, WAITING); /* the peer had them all: outcome unknown */
    wait_until(places.troupe, nothing_open, NULL);
    places_reap(&places, 0);
    places_close(&places);
}

static void echoed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_echo_results *results)
{
    struct dying *dying = user;
    (void)results;
    count_end(dying, error);
    if (dying->completed == dying->asked) {
        places_done(self);
    }
}

static void flood_and_kill(struct troupe_actor *self, void *user)
{
    static char text[TEXT_BYTES];
    struct dying *dying = user;
    memset(text, 'x', sizeof text);
    struct probe_echo_args args = {.text = {.data = text, .size = sizeof text}};
    int status;
    assert_int_equal(kill(places.children[0], SIGSTOP), 0);
    assert_int_equal(waitpid(places.children[0], &status, WUNTRACED), places.children[0]);
    while (dying->asked < FLOOD_MAX &&
           probe_echo_ask(self, places.probe, &args, echoed, user, NULL) == 0) {
        dying->asked++;
    }
    kill_child(dying);
}

/* Rule 6: what never left our own queue is certainly not delivered, and says so. */
static void test_asks_that_never_left_say_down_and_those_that_did_say_lost(void **state)
{
    (void)state;
    struct dying dying = {0};
    places_open(&places, 2);
    places_run(&places, flood_and_kill, &dying);
    assert_true(dying.asked > 2000);
    assert_int_equal(dying.completed, dying.asked);
    assert_int_equal(dying.lost + dying.down, dying.asked);
    assert_true(dying.lost > 0);
    assert_true(dying.down > dying.asked / 2);
    places_reap(&places, 0);
    places_close(&places);
}

static void test_answer_may_outlive_its_runtime(void **state)
{
    (void)state;
    struct probe_make_args args = {.size = 5 * TROUPE_CHUNK_BYTES_MAX + 100, .seed = 3};
    struct probe_make_results results;
    const void *cursor = NULL;
    struct troupe_bytes piece;
    uint32_t at = 0;
    places_open(&places, 2);
    assert_int_equal(probe_make(places.troupe, places.probe, &args, &results, NULL, NULL), 0);
    places_close(&places);
    while (troupe_blob_next(&results.data, &cursor, &piece)) {
        for (size_t i = 0; i < piece.size; i++, at++) {
            assert_int_equal(piece.data[i], (uint8_t)(at * 7 + 3));
        }
    }
    assert_int_equal(at, args.size);
    troupe_release(results.message);
}

static atomic_ullong heard; /* the number of the newest event; each publishing is one */
static atomic_bool stays;
static atomic_bool may_end;

static void on_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                      const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL) {
        atomic_store(&heard, event->number);
    }
}

static int listen(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    return probe_on_newest(self, *(const struct troupe_ref *)argument, on_newest, NULL, NULL);
}

static void published(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    (void)user;
    (void)error;
}

static int ask_once(struct troupe_actor *self, void *state, const void *argument)
{
    struct probe_publish_args args = {.times = 1};
    (void)state;
    return probe_publish_ask(self, *(const struct troupe_ref *)argument, &args, published, NULL,
                             NULL);
}

static int ask_and_stay(struct troupe_actor *self, void *state, const void *argument)
{
    int error = ask_once(self, state, argument);
    atomic_store(&stays, true);
    while (!atomic_load(&may_end)) {
        sched_yield();
    }
    return error;
}

static bool stays_now(void *user)
{
    (void)user;
    return atomic_load(&stays);
}

static bool is_heard(void *user)
{
    return atomic_load(&heard) == *(const uint64_t *)user;
}

/* Publishes until it is heard: from then on every event is. */
static bool listens(void *user)
{
    uint64_t *count = user;
    struct probe_publish_args args = {.times = 1};
    assert_int_equal(probe_publish(places.troupe, places.probe, &args, NULL, NULL), 0);
    (*count)++;
    return atomic_load(&heard) != 0;
}

/* Two places, and an actor that listens to the probe's. Nobody uses the link from now on. Returns the
 * number of the next event. */
static uint64_t open_with_listener(void)
{
    static const struct troupe_actor_def listener = {.name = "listens", .start = listen};
    struct troupe_ref ref;
    uint64_t count = 0;
    places_open(&places, 2);
    atomic_store(&heard, 0);
    atomic_store(&may_end, false);
    atomic_store(&stays, false);
    assert_int_equal(troupe_spawn(places.troupe, &listener, &places.probe, &ref), 0);
    places_wait(&places, listens, &count);
    places_wait(&places, is_heard, &count);
    return count + 1;
}

static void wait_heard(uint64_t number)
{
    places_wait(&places, is_heard, &number);
    atomic_store(&may_end, true);
    places_close(&places);
}

/* What others send may wait for the end of their turn. */
static void test_what_a_detached_actor_sends_leaves_at_once(void **state)
{
    (void)state;
    static const struct troupe_actor_def def = {
        .name = "stays", .start = ask_and_stay, .flags = TROUPE_DETACHED};
    struct troupe_ref ref;
    uint64_t next = open_with_listener();
    assert_int_equal(troupe_spawn(places.troupe, &def, &places.probe, &ref), 0);
    wait_heard(next);
}

static void test_turn_that_takes_long_holds_back_nobody_else(void **state)
{
    (void)state;
    static const struct troupe_actor_def slow = {.name = "stays", .start = ask_and_stay};
    static const struct troupe_actor_def def = {.name = "asks", .start = ask_once};
    struct troupe_ref ref;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        print_message("skip: one CPU makes one worker, which the slow turn keeps\n");
        skip();
    }
    uint64_t next = open_with_listener();
    assert_int_equal(troupe_spawn(places.troupe, &slow, &places.probe, &ref), 0);
    places_wait(&places, stays_now, NULL);
    assert_int_equal(troupe_spawn(places.troupe, &def, &places.probe, &ref), 0);
    wait_heard(next + 1); /* both have left */
}

/* Rule 12. */
static void test_closing_is_bounded_when_the_peer_is_stopped(void **state)
{
    (void)state;
    int status;
    places_open(&places, 2);
    assert_int_equal(kill(places.children[0], SIGSTOP), 0);
    double begun = now_s();
    troupe_close(places.troupe, 200);
    assert_true(now_s() - begun < bound_ms(1000) * 1e-3);
    assert_int_equal(kill(places.children[0], SIGKILL), 0);
    assert_int_equal(waitpid(places.children[0], &status, 0), places.children[0]);
}

static bool was_cancelled(void *user)
{
    struct probe_told_results told;
    (void)user;
    assert_int_equal(probe_told(places.troupe, places.probe, &told, NULL, NULL), 0);
    return told.cancelled != 0;
}

/* The one in the middle has nothing left to answer, and must not wait for it. */
static void test_cancelled_forwarded_call_does_not_hold_up_the_close(void **state)
{
    (void)state;
    struct troupe_options options = {.deadline_ms = 50};
    bool arrived = false;
    places_open(&places, 3);
    while (!arrived && options.deadline_ms < 20000) { /* what comes too late is not begun */
        assert_int_equal(probe_hang_there(places.troupe, places.other, NULL, &options),
                         TROUPE_ETIMEOUT);
        for (int i = 0; i < 100 && !(arrived = was_cancelled(NULL)); i++) {
            troupe_step(places.troupe, 10);
        }
        options.deadline_ms *= 4;
    }
    assert_true(arrived);
    double begun = now_s();
    places_close(&places);
    assert_true(now_s() - begun < bound_ms(TROUPE_DRAIN_MS / 2) * 1e-3);
}

/* ---- BYE ------------------------------------------------------------------------------------- */

static struct room room;
static struct peer peer;

static int open_room(void **state)
{
    (void)state;
    peer_room_open(&room);
    peer_open(&room, &peer, "far");
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    peer_close(&peer);
    peer_room_close(&room);
    return 0;
}

static void request_wait(uint64_t id, uint8_t ms)
{
    const uint8_t args[] = {0xa1, 0x00, 0x18, ms};
    peer_request(&peer, id, 1, WAIT, args, sizeof args);
}

static void send_bye(bool ack)
{
    uint8_t to[8];
    peer_send(&peer, to,
              ack ? ti_frame_write_bye_ack(to, sizeof to) : ti_frame_write_bye(to, sizeof to));
}

static void test_requests_accepted_before_the_close_are_answered(void **state)
{
    (void)state;
    struct frame frame;
    struct probe_tell_args args = {.number = 1};
    unsigned replies = 0;
    request_wait(1, 100);
    request_wait(2, 200);
    peer_check_alive(&peer, 3);
    troupe_host_unlink(room.troupe, peer.link);
    assert_int_equal(probe_tell(room.troupe, peer.far, &args), TROUPE_EDOWN); /* nothing new */
    do {
        assert_true(peer_read(&peer, &frame));
        replies += frame.kind == FRAME_REPLY;
    } while (frame.kind != FRAME_BYE);
    assert_int_equal(replies, 2);
    send_bye(true);
    send_bye(false);
    peer_expect(&peer, FRAME_BYE_ACK, &frame);
    assert_int_equal(room_wait_gone(&room, peer.link, NULL), 0);
}

static const uint8_t empty[] = {0xa0};

static struct ended {
    unsigned times;
    int code;
} ended;

static void hang_ended(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    (void)user;
    ended.times++;
    ended.code = error != NULL ? error->code : 0;
}

static int ask_hang(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    return probe_hang_ask(self, peer.far, hang_ended, NULL, NULL);
}

static const struct troupe_actor_def asker_actor = {
    .name = "asker", .start = ask_hang, .flags = TROUPE_PINNED};

static void test_peer_that_says_bye_still_answers_what_it_was_asked(void **state)
{
    (void)state;
    struct frame frame;
    uint64_t id = 0;
    struct troupe_ref asker;
    ended = (struct ended){0};
    assert_int_equal(troupe_spawn(room.troupe, &asker_actor, NULL, &asker), 0);
    troupe_step(room.troupe, 0);
    peer_expect(&peer, FRAME_REQUEST, &frame);
    id = frame.request.id;
    send_bye(false);
    peer_expect(&peer, FRAME_BYE_ACK, &frame);
    peer_reply(&peer, id, empty, sizeof empty);
    peer_expect(&peer, FRAME_BYE, &frame);
    send_bye(true);
    assert_int_equal(room_wait_gone(&room, peer.link, NULL), 0);
    troupe_step(room.troupe, 0);
    assert_int_equal(ended.times, 1);
    assert_int_equal(ended.code, 0);
}

static void test_bye_that_is_never_answered_ends_the_link_in_time(void **state)
{
    (void)state;
    double begun = now_s();
    char text[512];
    troupe_host_unlink(room.troupe, peer.link);
    assert_int_equal(room_wait_gone(&room, peer.link, text), TROUPE_ETIMEOUT);
    assert_non_null(strstr(text, "BYE"));
    assert_true(now_s() - begun < (TROUPE_DRAIN_MS + bound_ms(5000)) * 1e-3);
}

static void test_goaway_ends_the_link_with_its_reason(void **state)
{
    (void)state;
    uint8_t to[64];
    char text[512];
    struct frame_goaway goaway = {.code = -TROUPE_EPERM, .text = troupe_text("not you")};
    peer_send(&peer, to, ti_frame_write_goaway(to, sizeof to, &goaway));
    assert_int_equal(room_wait_gone(&room, peer.link, text), TROUPE_EPERM);
    assert_non_null(strstr(text, "not you"));
}

static bool has_ended(void *user)
{
    (void)user;
    return ended.times != 0;
}

/* A peer that goes says which requests it has seen: those after them surely had no effect. */
static void test_goaway_tells_unseen_requests_from_lost_ones(void **state)
{
    (void)state;
    uint8_t to[64];
    struct frame frame;
    struct troupe_ref asker;
    for (int unseen = 0; unseen < 2; unseen++) {
        ended = (struct ended){0};
        assert_int_equal(troupe_spawn(room.troupe, &asker_actor, NULL, &asker), 0);
        troupe_step(room.troupe, 0);
        peer_expect(&peer, FRAME_REQUEST, &frame);
        struct frame_goaway goaway = {.code = -TROUPE_EPERM,
                                      .last_id = frame.request.id - (uint64_t)unseen};
        peer_send(&peer, to, ti_frame_write_goaway(to, sizeof to, &goaway));
        wait_until(room.troupe, has_ended, NULL);
        assert_int_equal(ended.code, unseen ? TROUPE_EDOWN : TROUPE_ELOST);
        peer_close(&peer);
        peer_open(&room, &peer, unseen ? "far3" : "far2");
    }
}

/* NNG says nothing of a peer that goes before its greeting; whoever knows of its death does. */
static void test_peer_that_died_before_its_hello_is_not_waited_for(void **state)
{
    (void)state;
    char text[512];
    struct peer silent;
    struct troupe_ref asker;
    struct troupe_ref far = peer.far;
    peer_connect(&room, &silent, "far2");
    ended = (struct ended){0};
    peer.far = silent.far;
    assert_int_equal(troupe_spawn(room.troupe, &asker_actor, NULL, &asker), 0);
    troupe_step(room.troupe, 0);
    peer.far = far;
    troupe_host_peer_died(room.troupe, "far2");
    troupe_host_peer_died(room.troupe,
                          "far"); /* which has spoken: its socket is to be read first */
    wait_until(room.troupe, has_ended, NULL);
    assert_int_equal(ended.code, TROUPE_EDOWN);
    assert_int_equal(room_wait_gone(&room, silent.link, text), TROUPE_ELOST);
    assert_non_null(strstr(text, "before it said hello"));
    peer_check_alive(&peer, 1);
    peer_close(&silent);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_peer_ends_every_ask_once_and_tells_watchers),
        cmocka_unit_test(test_asks_that_never_left_say_down_and_those_that_did_say_lost),
        cmocka_unit_test(test_answer_may_outlive_its_runtime),
        cmocka_unit_test(test_what_a_detached_actor_sends_leaves_at_once),
        cmocka_unit_test(test_turn_that_takes_long_holds_back_nobody_else),
        cmocka_unit_test(test_closing_is_bounded_when_the_peer_is_stopped),
        cmocka_unit_test(test_cancelled_forwarded_call_does_not_hold_up_the_close),
        TEST(test_requests_accepted_before_the_close_are_answered),
        TEST(test_peer_that_says_bye_still_answers_what_it_was_asked),
        TEST(test_bye_that_is_never_answered_ends_the_link_in_time),
        TEST(test_goaway_ends_the_link_with_its_reason),
        TEST(test_goaway_tells_unseen_requests_from_lost_ones),
        TEST(test_peer_that_died_before_its_hello_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) +
           (runner_in_valgrind()
                ? 0
                : cmocka_run_group_tests_name("with a bypass", tests, links_bypass, links_plain));
}
