/* Events between two processes: whatever is missing is told, by whatever shows it. The publisher is
 * a raw peer, so that each loss happens where the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/probe.h"

enum { CHANGED = 1, NEWEST = 2, SEEN_MAX = 64, EPOCH = 7 };

static struct room room;
static struct peer peer;

/* What the subscriber was told: events as {n, n}, losses as {from, to}. */
struct seen {
    bool lost;
    uint64_t from;
    uint64_t to;
    uint64_t value;
};
static struct seen seen[SEEN_MAX];
static size_t seen_count;
static struct troupe_handler *handler;
static uint64_t echoes;

static void note(const struct troupe_event_info *info, bool lost, uint64_t value)
{
    assert_true(seen_count < SEEN_MAX);
    seen[seen_count++] = (struct seen){.lost = lost,
                                       .from = lost ? info->lost_from : info->sequence,
                                       .to = lost ? info->lost_to : info->sequence,
                                       .value = value};
    if (lost) {
        assert_int_equal(info->sequence, 0);
    }
}

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    note(info, event == NULL, event != NULL ? event->number : 0);
}

static void on_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                      const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    note(info, event == NULL, event != NULL ? event->number : 0);
}

static int want_changed(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    return probe_on_changed(self, peer.far, on_changed, NULL, &handler);
}

static int want_newest(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    return probe_on_newest(self, peer.far, on_newest, NULL, &handler);
}

static const struct troupe_actor_def changed_listener = {
    .name = "listener", .start = want_changed, .flags = TROUPE_PINNED};
static const struct troupe_actor_def newest_listener = {
    .name = "listener", .start = want_newest, .flags = TROUPE_PINNED};

static int open_room(void **state)
{
    (void)state;
    seen_count = 0;
    echoes = 0;
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

/* Spawns a listener; returns the id of its question where the topic stands. */
static uint64_t listen_to(const struct troupe_actor_def *def)
{
    struct troupe_ref ref;
    struct frame frame;
    assert_int_equal(troupe_spawn(room.troupe, def, NULL, &ref), 0);
    troupe_step(room.troupe, 0);
    peer_expect(&peer, FRAME_REQUEST, &frame);
    assert_int_equal(frame.request.target, 0);
    return frame.request.id;
}

/* What the peer has sent is in, and the listener has handled it. */
static void settle(void)
{
    peer_check_alive(&peer, ++echoes);
    troupe_step(room.troupe, 0);
}

/* "The topic stands at `sequence`", with the newest value for an event that keeps it. */
static void say_base(uint64_t id, uint8_t epoch, uint8_t sequence, bool with_value)
{
    uint8_t results[] = {0xa3, 0x00, epoch, 0x01, sequence, 0x02, 0x43, 0xa1, 0x00, sequence};
    results[0] = with_value ? 0xa3 : 0xa2;
    peer_reply(&peer, id, results, with_value ? sizeof results : 5);
    settle();
}

static void publish_fields(uint32_t event, uint64_t epoch, uint64_t sequence, const uint8_t *fields,
                           size_t size)
{
    uint8_t to[128];
    struct frame_event frame = {.interface = probe_interface.id,
                                .event = event,
                                .epoch = epoch,
                                .sequence = sequence,
                                .body = {.data = {.data = fields, .size = size}}};
    peer_publish(&peer, to, ti_frame_write_event(to, sizeof to, &frame));
}

static void publish(uint32_t event, uint64_t epoch, uint8_t sequence)
{
    const uint8_t fields[] = {0xa1, 0x00, sequence};
    publish_fields(event, epoch, sequence, fields, sizeof fields);
}

static void beat(uint32_t event, uint64_t epoch, uint64_t sequence)
{
    uint8_t to[128];
    struct frame_topic topic = {
        .interface = probe_interface.id, .event = event, .sequence = sequence};
    peer_publish(&peer, to, ti_frame_write_heartbeat(to, sizeof to, epoch, &topic, 1));
}

static bool saw_last(void *user)
{
    return seen_count != 0 && seen[seen_count - 1].to >= *(uint64_t *)user;
}

/* Waits until something reaches `last`, then compares all that was seen. */
static void expect(uint64_t last, const struct seen *wanted, size_t count)
{
    wait_until(room.troupe, saw_last, &last);
    for (size_t i = 0; i < count && i < seen_count; i++) {
        assert_int_equal(seen[i].lost, wanted[i].lost);
        assert_int_equal(seen[i].from, wanted[i].from);
        assert_int_equal(seen[i].to, wanted[i].to);
    }
    assert_int_equal(seen_count, count);
}
#define EXPECT(last, ...)                                       \
    do {                                                        \
        static const struct seen wanted[] = {__VA_ARGS__};      \
        expect((last), wanted, sizeof wanted / sizeof *wanted); \
    } while (0)
#define EVENT(n)               \
    {                          \
        .from = (n), .to = (n) \
    }
#define LOST(f, t)                           \
    {                                        \
        .lost = true, .from = (f), .to = (t) \
    }

/* ---- rule 4: told, never silently dropped ---------------------------------------------------- */

static void test_gap_in_the_sequence_is_told(void **state)
{
    (void)state;
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    publish(CHANGED, EPOCH, 2);
    publish(CHANGED, EPOCH, 5);
    EXPECT(5, EVENT(1), EVENT(2), LOST(3, 4), EVENT(5));
    assert_int_equal(peer_room_stats(&room).events_lost, 2);
    assert_int_equal(peer_room_stats(&room).events_delivered, 3);
}

static void test_heartbeat_tells_a_lost_tail(void **state)
{
    (void)state;
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    beat(CHANGED, EPOCH, 4);
    beat(CHANGED, EPOCH, 4); /* told once */
    publish(CHANGED, EPOCH, 5);
    EXPECT(5, EVENT(1), LOST(2, 4), EVENT(5));
}

static void test_new_epoch_tells_that_all_may_be_lost(void **state)
{
    (void)state;
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    publish(CHANGED, EPOCH, 2);
    publish(CHANGED, EPOCH + 1, 3);
    EXPECT(3, EVENT(1), EVENT(2), LOST(0, 0), EVENT(3));
}

/* The base and the events come over two sockets: neither order may leave a hole. */
static void test_events_that_overtake_the_base_leave_no_hole(void **state)
{
    (void)state;
    uint64_t five = 5;
    uint64_t id = listen_to(&changed_listener);
    publish(CHANGED, EPOCH, 5);
    wait_until(room.troupe, saw_last, &five);
    say_base(id, EPOCH, 8, false);
    for (uint8_t i = 6; i <= 9; i++) {
        publish(CHANGED, EPOCH, i);
    }
    EXPECT(9, EVENT(5), EVENT(6), EVENT(7), EVENT(8), EVENT(9));
}

static void test_event_missed_before_the_base_came_is_told(void **state)
{
    (void)state;
    uint64_t six = 6;
    uint64_t id = listen_to(&changed_listener);
    publish(CHANGED, EPOCH, 6);
    wait_until(room.troupe, saw_last, &six);
    say_base(id, EPOCH, 3, false); /* so 4 and 5 were lost */
    publish(CHANGED, EPOCH, 7);
    EXPECT(7, EVENT(6), LOST(4, 5), EVENT(7));
}

static void test_tail_lost_before_the_base_came_is_told(void **state)
{
    (void)state;
    uint64_t id = listen_to(&changed_listener);
    publish(CHANGED, EPOCH, 5);
    beat(CHANGED, EPOCH, 8);
    EXPECT(8, EVENT(5), LOST(6, 8));
    say_base(id, EPOCH, 8, false);
    publish(CHANGED, EPOCH, 9);
    EXPECT(9, EVENT(5), LOST(6, 8), EVENT(9));
}

/* No heartbeat follows it: what it said must not be forgotten when the base comes late. */
static void test_heartbeat_before_the_base_is_remembered(void **state)
{
    (void)state;
    uint64_t one = 1;
    say_base(listen_to(&newest_listener), EPOCH, 0, false);
    uint64_t id = listen_to(&changed_listener);
    beat(CHANGED, EPOCH, 8);
    publish(NEWEST, EPOCH, 1);
    wait_until(room.troupe, saw_last, &one);
    say_base(id, EPOCH, 3, false);
    EXPECT(8, EVENT(1), LOST(4, 8));
}

static void test_newest_value_that_got_lost_is_fetched(void **state)
{
    (void)state;
    struct frame frame;
    uint64_t one = 1;
    say_base(listen_to(&newest_listener), EPOCH, 1, true);
    wait_until(room.troupe, saw_last, &one);
    beat(NEWEST, EPOCH, 5);
    peer_expect(&peer, FRAME_REQUEST, &frame);
    assert_int_equal(frame.request.target, 0);
    say_base(frame.request.id, EPOCH, 5, true);
    EXPECT(5, EVENT(1), EVENT(5));
    assert_int_equal(seen[1].value, 5);
}

static bool saw_count(void *user)
{
    return seen_count >= *(size_t *)user;
}

static void test_value_of_an_old_publisher_is_not_given_to_a_new_subscriber(void **state)
{
    (void)state;
    struct troupe_ref ref;
    struct frame frame;
    size_t count = 1;
    say_base(listen_to(&newest_listener), EPOCH, 1, true);
    wait_until(room.troupe, saw_count, &count);
    beat(NEWEST, EPOCH + 1, 5);
    peer_expect(&peer, FRAME_REQUEST, &frame); /* for the new publisher's value */
    uint64_t question = frame.request.id;
    assert_int_equal(troupe_spawn(room.troupe, &newest_listener, NULL, &ref), 0);
    settle();
    say_base(question, EPOCH + 1, 5, true);
    count = 3;
    wait_until(room.troupe, saw_count, &count);
    EXPECT(5, EVENT(1), EVENT(5), EVENT(5));
}

static void test_value_without_a_sequence_is_not_taken(void **state)
{
    (void)state;
    say_base(listen_to(&newest_listener), EPOCH, 0, true);
    publish(NEWEST, EPOCH, 1);
    EXPECT(1, EVENT(1));
}

static void test_event_that_is_not_of_its_interface_is_told_lost(void **state)
{
    (void)state;
    static const uint8_t text_for_number[] = {0xa1, 0x00, 0x61, 'x'};
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    publish_fields(CHANGED, EPOCH, 2, text_for_number, sizeof text_for_number);
    publish(CHANGED, EPOCH, 3);
    EXPECT(3, EVENT(1), LOST(2, 2), EVENT(3));
    assert_true(room_reported("not of its interface"));
}

static void replace_link(void)
{
    uint64_t old = peer.link;
    peer_close(&peer);
    assert_int_equal(room_wait_gone(&room, old, NULL), TROUPE_ELOST);
    peer_open(&room, &peer, "far");
    echoes = 0;
}

static void test_what_a_new_link_missed_is_told(void **state)
{
    (void)state;
    struct frame frame;
    uint64_t two = 2;
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    publish(CHANGED, EPOCH, 2);
    wait_until(room.troupe, saw_last, &two);
    replace_link();
    peer_expect(&peer, FRAME_REQUEST, &frame);
    say_base(frame.request.id, EPOCH, 4, false);
    EXPECT(4, EVENT(1), EVENT(2), LOST(3, 4));
    publish(CHANGED, EPOCH, 5);
    EXPECT(5, EVENT(1), EVENT(2), LOST(3, 4), EVENT(5));
}

static void test_new_publisher_on_a_new_link_tells_lost(void **state)
{
    (void)state;
    struct frame frame;
    uint64_t one = 1;
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    wait_until(room.troupe, saw_last, &one);
    replace_link();
    peer_expect(&peer, FRAME_REQUEST, &frame);
    say_base(frame.request.id, EPOCH + 1, 0, false);
    publish(CHANGED, EPOCH + 1, 1);
    publish(CHANGED, EPOCH + 1, 2);
    EXPECT(2, EVENT(1), LOST(0, 0), EVENT(1), EVENT(2));
}

/* The process died and came again, and its old socket still holds what nobody has read. */
static void test_late_word_of_an_old_link_is_passed_over(void **state)
{
    (void)state;
    struct frame frame;
    uint64_t one = 1;
    say_base(listen_to(&changed_listener), EPOCH, 0, false);
    publish(CHANGED, EPOCH, 1);
    wait_until(room.troupe, saw_last, &one);
    struct peer old = peer;
    peer_open(&room, &peer, "far");
    echoes = 0;
    peer_expect(&peer, FRAME_REQUEST, &frame);
    say_base(frame.request.id, EPOCH + 1, 0, false);
    struct peer new = peer;
    peer = old;
    publish(CHANGED, EPOCH, 2);
    beat(CHANGED, EPOCH, 9);
    peer_check_alive(&peer, ++echoes);
    old = peer;
    peer = new;
    settle();
    publish(CHANGED, EPOCH + 1, 1);
    publish(CHANGED, EPOCH + 1, 2);
    publish(CHANGED, EPOCH + 1, 3);
    EXPECT(3, EVENT(1), LOST(0, 0), EVENT(1), EVENT(2), EVENT(3));
    peer_close(&old);
}

/* ---- what a publisher says ------------------------------------------------------------------- */

static void publish_once(struct troupe_ref who)
{
    struct probe_publish_args args = {.times = 1};
    assert_int_equal(probe_publish(room.troupe, who, &args, NULL, NULL), 0);
}

/* Reads until a heartbeat has come after `events` events; returns the topics that heartbeats from
 * there on name, up to `wanted`. */
static size_t topics_told(size_t events, size_t wanted)
{
    struct frame frame;
    struct frame_topic topic;
    size_t told = 0;
    while (events != 0 || told < wanted) {
        peer_read_event(&peer, &frame);
        if (frame.kind == FRAME_EVENT) {
            assert_true(events != 0);
            events--;
            continue;
        }
        told = events != 0 ? 0 : told;
        while (events == 0 && ti_frame_next_topic(&frame.heartbeat.topics, &topic)) {
            assert_int_equal(topic.sequence, 1);
            told++;
        }
    }
    return told;
}

/* PUB may drop a heartbeat behind a flood of another topic: the next one must say all again. */
static void test_heartbeat_says_where_all_topics_of_a_role_stand(void **state)
{
    (void)state;
    struct probe_spawn_results spawned;
    publish_once(room.probe);
    assert_int_equal(topics_told(2, 2), 2);
    assert_int_equal(probe_spawn(room.troupe, room.probe, &spawned, NULL, NULL), 0);
    publish_once(spawned.child);
    assert_int_equal(topics_told(2, 4), 4);
}

static void test_heartbeats_reach_more_topics_than_one_frame_holds(void **state)
{
    (void)state;
    enum { CHILDREN = 200 };
    struct probe_spawn_results spawned;
    for (int i = 0; i < CHILDREN; i++) {
        assert_int_equal(probe_spawn(room.troupe, room.probe, &spawned, NULL, NULL), 0);
        publish_once(spawned.child);
    }
    assert_int_equal(topics_told(2 * CHILDREN, 2 * CHILDREN), 2 * CHILDREN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        TEST(test_gap_in_the_sequence_is_told),
        TEST(test_heartbeat_tells_a_lost_tail),
        TEST(test_new_epoch_tells_that_all_may_be_lost),
        TEST(test_events_that_overtake_the_base_leave_no_hole),
        TEST(test_event_missed_before_the_base_came_is_told),
        TEST(test_tail_lost_before_the_base_came_is_told),
        TEST(test_heartbeat_before_the_base_is_remembered),
        TEST(test_newest_value_that_got_lost_is_fetched),
        TEST(test_value_of_an_old_publisher_is_not_given_to_a_new_subscriber),
        TEST(test_value_without_a_sequence_is_not_taken),
        TEST(test_event_that_is_not_of_its_interface_is_told_lost),
        TEST(test_what_a_new_link_missed_is_told),
        TEST(test_new_publisher_on_a_new_link_tells_lost),
        TEST(test_late_word_of_an_old_link_is_passed_over),
        TEST(test_heartbeat_says_where_all_topics_of_a_role_stand),
        TEST(test_heartbeats_reach_more_topics_than_one_frame_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
