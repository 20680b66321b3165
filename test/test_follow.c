/* Snapshot, then stream: a copy is level with its source whatever comes first, gets lost or dies.
 *
 * The first half has a real publisher, in one, two and three processes; its copy is a sum, so an
 * event that is applied twice or never shows at once. In the second half the publisher is a raw
 * peer, so that replies, events and losses come in the order that the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"

/* What a follower has: its copy, and how it came by it. */
struct copy {
    struct troupe_ref source;
    struct troupe_handler *handler;
    uint64_t sum;
    uint64_t wanted;
    unsigned snapshots;
    unsigned events;
    unsigned errors;
    int code;
    bool disconnects; /* when the snapshot comes */
};

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_get_sum_results *results)
{
    struct copy *copy = user;
    (void)self;
    if (error != NULL) {
        copy->errors++;
        copy->code = error->code;
        return;
    }
    copy->snapshots++;
    copy->sum = results->sum;
    if (copy->disconnects) {
        troupe_handler_disconnect(copy->handler);
    }
}

static void on_added(struct troupe_actor *self, void *user, const struct probe_added *event,
                     const struct troupe_event_info *info)
{
    struct copy *copy = user;
    (void)self;
    assert_non_null(event);
    assert_int_not_equal(info->sequence, 0);
    copy->events++;
    copy->sum += event->number;
    assert_int_equal(copy->sum, event->sum);
}

static int follow(struct troupe_actor *self, void *state, const void *argument)
{
    struct copy *copy = (struct copy *)(uintptr_t)argument;
    (void)state;
    return probe_follow_added(self, copy->source, on_sum, on_added, copy, &copy->handler);
}

static const struct troupe_actor_def follower = {
    .name = "follower", .start = follow, .flags = TROUPE_PINNED};

static bool is_level(void *user)
{
    const struct copy *copy = user;
    return copy->snapshots > 0 && copy->sum == copy->wanted;
}

/* ---- a real publisher ---------------------------------------------------------------------------- */

static void add(uint32_t times)
{
    struct probe_add_args args = {.times = times};
    assert_int_equal(probe_add(places.troupe, places.probe, &args, NULL, NULL), 0);
}

static void spawn_follower(struct troupe *troupe, struct copy *copy)
{
    struct troupe_ref ref;
    assert_int_equal(troupe_spawn(troupe, &follower, copy, &ref), 0);
    troupe_step(troupe, 0);
}

static void test_copy_is_level_from_the_first_event_on(void **state)
{
    struct copy copy = {.source = places.probe, .wanted = 200 * 201 / 2};
    (void)state;
    add(100);
    spawn_follower(places.troupe, &copy);
    add(100); /* the follower is not run: snapshot and events wait for it together */
    places_wait(&places, is_level, &copy);
    assert_int_equal(copy.snapshots, 1);
    assert_true(copy.events <= 100);
    assert_int_equal(copy.errors, 0);
}

static void test_copy_that_was_flooded_is_fetched_again(void **state)
{
    struct copy copy = {.source = places.probe};
    (void)state;
    spawn_follower(places.troupe, &copy);
    places_wait(&places, is_level, &copy);
    add(2 * TROUPE_MAILBOX_MAX); /* more than the follower, who is not run, has room for */
    copy.wanted = (uint64_t)TROUPE_MAILBOX_MAX * (2 * TROUPE_MAILBOX_MAX + 1);
    places_wait(&places, is_level, &copy);
    assert_true(copy.snapshots >= 2);
    assert_int_equal(copy.errors, 0);
}

static void test_snapshot_is_stamped_for_everyone(void **state)
{
    struct probe_get_sum_results before;
    struct probe_get_sum_results after;
    (void)state;
    assert_int_equal(probe_get_sum(places.troupe, places.probe, &before, NULL, NULL), 0);
    add(3);
    assert_int_equal(probe_get_sum(places.troupe, places.probe, &after, NULL, NULL), 0);
    assert_int_not_equal(after.epoch, 0);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(before.sequence, 0);
    assert_int_equal(after.sequence, 3);
}

/* ---- a raw publisher ------------------------------------------------------------------------------ */

enum { ADDED = 4, TOLD = 12, GET_SUM = 31, SUBSCRIBE = 10, EPOCH = 7 };

static struct room room;
static struct peer peer;
static struct copy mirror;
static uint64_t told;      /* the newest event, or loss, that came to this process */
static uint64_t questions; /* that the peer has asked */
static uint64_t base_id;   /* of the room's last request of each kind, 0 when it was taken */
static uint64_t fetch_id;
static uint64_t cancelled_id;

/* Hears what comes, after the follower: its subscription is the older one. */
static void on_told(struct troupe_actor *self, void *user, const struct probe_added *event,
                    const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    told = event != NULL ? info->sequence : info->lost_to;
}

static int hear(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    return probe_on_added(self, peer.far, on_told, NULL, NULL);
}

static const struct troupe_actor_def witness = {
    .name = "witness", .start = hear, .flags = TROUPE_PINNED};

static int open_room(void **state)
{
    (void)state;
    questions = told = base_id = fetch_id = cancelled_id = 0;
    peer_room_open(&room);
    peer_open(&room, &peer, "far");
    mirror = (struct copy){.source = peer.far};
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    peer_close(&peer);
    peer_room_close(&room);
    return 0;
}

/* Runs the follower; what the peer has sent before is in then, and what the room asked is noted. */
static void settle(void)
{
    struct frame frame;
    uint64_t id = ++questions;
    bool answered = false;
    for (int pass = 0; pass < 2; pass++) { /* once for what came, once for what that caused */
        peer_request(&peer, pass == 0 ? id : (id = ++questions), 1, TOLD, NULL, 0);
        for (answered = false; !answered;) {
            assert_true(peer_read(&peer, &frame));
            if (frame.kind == FRAME_REQUEST) {
                bool is_fetch = frame.request.interface == probe_interface.id;
                assert_int_equal(frame.request.method, is_fetch ? GET_SUM : SUBSCRIBE);
                uint64_t *known = is_fetch ? &fetch_id : &base_id;
                assert_int_equal(*known, 0); /* never two on their way */
                *known = frame.request.id;
            } else if (frame.kind == FRAME_CANCEL) {
                cancelled_id = frame.cancel;
            }
            answered = frame.kind == FRAME_REPLY && frame.reply.id == id;
        }
        troupe_step(room.troupe, 0);
    }
}

static uint64_t await_id(uint64_t *known)
{
    double due = now_s() + bound_ms(10000) / 1000.0;
    while (*known == 0 && now_s() < due) {
        troupe_step(room.troupe, 10);
        settle();
    }
    uint64_t id = *known;
    assert_int_not_equal(id, 0);
    *known = 0;
    return id;
}

static uint64_t await_fetch(void)
{
    return await_id(&fetch_id);
}

static uint64_t await_base(void)
{
    return await_id(&base_id);
}

static void expect_no_fetch(void)
{
    settle();
    assert_int_equal(fetch_id, 0);
}

static void say_base(uint64_t id, uint8_t epoch, uint8_t sequence)
{
    const uint8_t results[] = {0xa2, 0x00, epoch, 0x01, sequence};
    peer_reply(&peer, id, results, sizeof results);
    settle();
}

/* After event n the sum is 100 + n * 10: a snapshot is right if it says so. */
static void say_snapshot(uint64_t id, uint8_t epoch, uint8_t sequence)
{
    const uint8_t results[] = {0xa3, 0x00,  0x18, (uint8_t)(100 + sequence * 10),
                               0x01, epoch, 0x02, sequence};
    peer_reply(&peer, id, results, sizeof results);
    settle();
}

static void publish_as(uint64_t epoch, uint64_t sequence, const uint8_t *fields, size_t size)
{
    uint8_t to[128];
    struct frame_event frame = {.interface = probe_interface.id,
                                .event = ADDED,
                                .epoch = epoch,
                                .sequence = sequence,
                                .body = {.data = {.data = fields, .size = size}}};
    peer_publish(&peer, to, ti_frame_write_event(to, sizeof to, &frame));
}

static void publish(uint8_t epoch, uint8_t sequence)
{
    const uint8_t fields[] = {0xa2, 0x00, 0x0a, 0x01, 0x18, (uint8_t)(100 + sequence * 10)};
    publish_as(epoch, sequence, fields, sizeof fields);
}

static bool is_told(void *user)
{
    const uint64_t *sequence = user;
    return told == *sequence;
}

/* The event, or that it is lost, has come to the follower. */
static void await_event(uint64_t sequence)
{
    wait_until(room.troupe, is_told, &sequence);
    settle();
}

static void start(void)
{
    struct troupe_ref ref;
    assert_int_equal(troupe_spawn(room.troupe, &witness, NULL, &ref), 0);
    troupe_step(room.troupe, 0);
    spawn_follower(room.troupe, &mirror);
}

/* Subscribes and is told where the topic stands; returns the id of the fetch, unanswered. */
static uint64_t begin(uint8_t sequence)
{
    start();
    say_base(await_base(), EPOCH, sequence);
    return await_fetch();
}

static void test_events_before_the_snapshot_are_held(void **state)
{
    (void)state;
    uint64_t fetch = begin(0);
    publish(EPOCH, 1);
    publish(EPOCH, 2);
    publish(EPOCH, 3);
    await_event(3);
    assert_int_equal(mirror.events, 0);
    say_snapshot(fetch, EPOCH, 2);
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.events, 1); /* the first two are in the snapshot */
    assert_int_equal(mirror.sum, 130);
    expect_no_fetch();
}

static void test_events_that_the_snapshot_overtook_are_dropped(void **state)
{
    (void)state;
    say_snapshot(begin(0), EPOCH, 2);
    assert_int_equal(mirror.sum, 120);
    publish(EPOCH, 1);
    publish(EPOCH, 2);
    publish(EPOCH, 3);
    await_event(3);
    assert_int_equal(mirror.events, 1);
    assert_int_equal(mirror.sum, 130);
}

static void test_lost_events_are_made_up_for_by_one_fetch(void **state)
{
    (void)state;
    say_snapshot(begin(0), EPOCH, 0);
    publish(EPOCH, 1);
    await_event(1);
    publish(EPOCH, 4); /* 2 and 3 are lost */
    publish(EPOCH, 7); /* 5 and 6 too */
    await_event(7);
    uint64_t fetch = await_fetch();
    expect_no_fetch(); /* one at a time */
    say_snapshot(fetch, EPOCH, 5);
    assert_int_equal(mirror.snapshots, 1); /* that is too old */
    say_snapshot(await_fetch(), EPOCH, 7);
    assert_int_equal(mirror.snapshots, 2);
    assert_int_equal(mirror.events, 1);
    assert_int_equal(mirror.sum, 170);
    assert_int_equal(mirror.errors, 0);
    publish(EPOCH, 8);
    await_event(8);
    assert_int_equal(mirror.sum, 180);
}

static void test_loss_that_the_snapshot_includes_is_no_loss(void **state)
{
    (void)state;
    say_snapshot(begin(0), EPOCH, 6);
    publish(EPOCH, 4);
    publish(EPOCH, 7); /* 1 to 3, 5 and 6 are told lost */
    await_event(7);
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.sum, 170);
    expect_no_fetch();
}

/* What is told lost late lies before an event that is held already. */
static void test_snapshot_includes_what_was_held_when_a_loss_was_told(void **state)
{
    (void)state;
    start();
    uint64_t base = await_base();
    uint64_t fetch = await_fetch();
    publish(EPOCH, 3);
    await_event(3);
    say_base(base, EPOCH, 1);
    await_event(2); /* lost */
    say_snapshot(fetch, EPOCH, 2);
    assert_int_equal(mirror.snapshots, 0);
    say_snapshot(await_fetch(), EPOCH, 3);
    assert_int_equal(mirror.snapshots, 1);
}

static void test_snapshot_from_before_the_subscription_is_not_taken(void **state)
{
    (void)state;
    uint64_t fetch = begin(5);
    say_snapshot(fetch, EPOCH, 4); /* nobody would tell event 5 */
    assert_int_equal(mirror.snapshots, 0);
    say_snapshot(await_fetch(), EPOCH, 5);
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.errors, 0);
}

static void test_event_that_is_not_valid_makes_the_copy_old(void **state)
{
    const uint8_t fields[] = {0xa1, 0x00, 0x61, 'x'};
    (void)state;
    say_snapshot(begin(0), EPOCH, 0);
    publish_as(EPOCH, 1, fields, sizeof fields);
    say_snapshot(await_fetch(), EPOCH, 1);
    assert_int_equal(mirror.snapshots, 2);
    assert_int_equal(mirror.sum, 110);
}

static void test_failed_fetch_is_told_and_repeated(void **state)
{
    const uint8_t unsaid[] = {0xa3, 0x00, 0x00, 0x01, 0x00, 0x02, 0x00};
    const uint8_t invalid[] = {0xa3, 0x00, 0x20, 0x01, 0x07, 0x02, 0x00};
    (void)state;
    peer_reply(&peer, begin(0), unsaid, sizeof unsaid); /* does not say what it includes */
    settle();
    assert_int_equal(mirror.errors, 1);
    assert_int_equal(mirror.code, TROUPE_EPROTOCOL);
    peer_reply(&peer, await_fetch(), invalid, sizeof invalid);
    settle();
    assert_int_equal(mirror.errors, 2);
    assert_int_equal(mirror.code, TROUPE_EINVAL);
    uint8_t to[64];
    struct frame_error error = {.id = await_fetch(), .code = -TROUPE_EBUSY};
    peer_send(&peer, to, ti_frame_write_error(to, sizeof to, &error));
    settle();
    assert_int_equal(mirror.errors, 3);
    assert_int_equal(mirror.code, TROUPE_EBUSY);
    say_snapshot(await_fetch(), EPOCH, 0);
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.errors, 3);
}

static void replace_link(void)
{
    uint64_t old = peer.link;
    peer_close(&peer);
    assert_int_equal(room_wait_gone(&room, old, NULL), TROUPE_ELOST);
    peer_open(&room, &peer, "far");
    questions = base_id = fetch_id = 0;
}

static bool has_error(void *user)
{
    (void)user;
    return mirror.errors > 0;
}

static void test_restarted_publisher_is_fetched_from_again(void **state)
{
    (void)state;
    say_snapshot(begin(0), EPOCH, 5);
    publish(EPOCH, 6);
    await_event(6);
    replace_link();
    say_base(await_base(), EPOCH + 1, 1);
    publish(EPOCH + 1, 2);
    await_event(2);
    say_snapshot(await_fetch(), EPOCH + 1, 1);
    assert_int_equal(mirror.snapshots, 2);
    assert_int_equal(mirror.events, 2); /* the second run's second was held */
    assert_int_equal(mirror.sum, 120);
}

static void test_publisher_that_dies_before_its_snapshot_is_asked_again(void **state)
{
    (void)state;
    begin(0);
    replace_link();
    wait_until(room.troupe, has_error, NULL);
    uint64_t base = await_base();
    uint64_t early = await_fetch(); /* before the new one has said where it stands */
    say_snapshot(early, EPOCH + 1, 3);
    assert_int_equal(mirror.snapshots, 0);
    say_base(base, EPOCH + 1, 3);
    say_snapshot(await_fetch(), EPOCH + 1, 3);
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.sum, 130);
}

static bool leaves;

/* Looks whether it is time to go; held events go with the subscription. */
static void leave(struct troupe_actor *self, void *user)
{
    if (leaves) {
        troupe_handler_disconnect(mirror.handler);
    } else {
        assert_int_equal(troupe_after(self, 1, leave, user, NULL), 0);
    }
}

static int follow_for_a_while(struct troupe_actor *self, void *state, const void *argument)
{
    leaves = false;
    leave(self, NULL);
    return follow(self, state, argument);
}

static const struct troupe_actor_def short_follower = {
    .name = "follower", .start = follow_for_a_while, .flags = TROUPE_PINNED};

static bool is_cancelled(void *user)
{
    (void)user;
    settle();
    return cancelled_id != 0;
}

static void test_disconnect_while_fetching_is_the_end(void **state)
{
    struct troupe_ref ref;
    (void)state;
    assert_int_equal(troupe_spawn(room.troupe, &witness, NULL, &ref), 0);
    troupe_step(room.troupe, 0);
    assert_int_equal(troupe_spawn(room.troupe, &short_follower, &mirror, &ref), 0);
    troupe_step(room.troupe, 0);
    say_base(await_base(), EPOCH, 0);
    uint64_t fetch = await_fetch();
    publish(EPOCH, 1);
    await_event(1);
    leaves = true;
    wait_until(room.troupe, is_cancelled, NULL);
    assert_int_equal(cancelled_id, fetch);
    say_snapshot(fetch, EPOCH, 1); /* nobody waits for it */
    publish(EPOCH, 2);
    await_event(2);
    expect_no_fetch();
    assert_int_equal(mirror.snapshots + mirror.events + mirror.errors, 0);
}

static void test_disconnect_in_the_snapshot_ends_what_is_held(void **state)
{
    (void)state;
    mirror.disconnects = true;
    uint64_t fetch = begin(0);
    publish(EPOCH, 1);
    publish(EPOCH, 2);
    await_event(2);
    say_snapshot(fetch, EPOCH, 0);
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.events, 0);
}

/* More events than are held: what is dropped, the snapshot must include. */
static void test_what_is_held_is_bounded(void **state)
{
    enum { MANY = TROUPE_FOLLOW_HELD_MAX + 1 };
    const uint8_t fields[] = {0xa2, 0x00, 0x0a, 0x01, 0x00};
    const uint8_t all[] = {0xa3, 0x00, 0x00, 0x01, EPOCH, 0x02, 0x19, MANY >> 8, MANY & 0xff};
    (void)state;
    uint64_t fetch = begin(0);
    for (uint64_t i = 1; i <= MANY; i++) {
        publish_as(EPOCH, i, fields, sizeof fields);
        if (i % 64 == 0 || i == MANY) { /* NNG's queue has room for 128 */
            await_event(i);
        }
    }
    say_snapshot(fetch, EPOCH, 0);
    assert_int_equal(mirror.snapshots, 0);
    peer_reply(&peer, await_fetch(), all, sizeof all);
    settle();
    assert_int_equal(mirror.snapshots, 1);
    assert_int_equal(mirror.events, 0);
}

#define RAW(test) cmocka_unit_test_setup_teardown(test, open_room, close_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREE_WAYS(test_copy_is_level_from_the_first_event_on),
        THREE_WAYS(test_copy_that_was_flooded_is_fetched_again),
        THREE_WAYS(test_snapshot_is_stamped_for_everyone),
        RAW(test_events_before_the_snapshot_are_held),
        RAW(test_events_that_the_snapshot_overtook_are_dropped),
        RAW(test_lost_events_are_made_up_for_by_one_fetch),
        RAW(test_loss_that_the_snapshot_includes_is_no_loss),
        RAW(test_snapshot_includes_what_was_held_when_a_loss_was_told),
        RAW(test_snapshot_from_before_the_subscription_is_not_taken),
        RAW(test_event_that_is_not_valid_makes_the_copy_old),
        RAW(test_failed_fetch_is_told_and_repeated),
        RAW(test_restarted_publisher_is_fetched_from_again),
        RAW(test_publisher_that_dies_before_its_snapshot_is_asked_again),
        RAW(test_disconnect_while_fetching_is_the_end),
        RAW(test_disconnect_in_the_snapshot_ends_what_is_held),
        RAW(test_what_is_held_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
