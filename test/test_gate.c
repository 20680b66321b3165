/* A gate: a process hands on the roles of another one to peers that speak the frames and are no
 * runtimes. Three sides: the prober behind, the gate, and raw peers as tabs of a browser are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "bus/cbor.h"
#include "bus/runtime.h"
#include "interfaces/bus.h"
#include "test/support/peer.h"
#include "test/support/probe.h"
#include "test/support/prober.h"

enum { CHANGED = 1, NEWEST = 2, SUBSCRIBE = 10 };
enum { ECHO = 1, HANG = 4, COUNT = 5, MAKE = 6, SUM = 7, SPAWN = 8, TOLD = 12, PUBLISH = 13 };
enum { END = 14, BUDGET = 17 };

static const struct troupe_interface *const passes[] = {&probe_interface, NULL};
static struct room behind;
static struct room gate;
static struct peer tabs[2];
static uint64_t ids[2];
static uint64_t behind_link;

/* Gives the gate a link to what is behind, as a launcher would after a restart, too. */
static void join(void)
{
    int requests[2];
    int events[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events), 0);
    struct troupe_grant there = {.role = "probe", .events_fd = events[0]};
    struct troupe_grant here = {.role = "probe", .events_fd = events[1]};
    struct troupe_link_config exports = {
        .peer = "gate", .fd = requests[0], .exports = &there, .exports_count = 1};
    struct troupe_link_config imports = {
        .peer = "behind", .fd = requests[1], .imports = &here, .imports_count = 1};
    assert_int_equal(troupe_host_link(behind.troupe, &exports, &behind_link), 0);
    assert_int_equal(troupe_host_link(gate.troupe, &imports, NULL), 0);
}

static bool behind_is_up(void *user)
{
    (void)user;
    return room_up(behind_link) != 0;
}

static int open_all(void **state)
{
    struct troupe_config config = {.name = "gate"};
    (void)state;
    peer_room_open(&behind);
    gate = (struct room){0};
    assert_int_equal(troupe_open(&config, &gate.troupe), 0);
    assert_int_equal(troupe_host_gate(gate.troupe, passes), 0);
    assert_int_equal(troupe_host_gate(gate.troupe, passes), TROUPE_EINVAL);
    join();
    wait_until(behind.troupe, behind_is_up, NULL);
    for (int i = 0; i < 2; i++) {
        peer_open_gate(&gate, &tabs[i]);
        ids[i] = 0;
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    peer_close(&tabs[0]);
    peer_close(&tabs[1]);
    troupe_close(gate.troupe, 500);
    peer_room_close(&behind);
    return 0;
}

/* A request of the probe's with one unsigned argument, or none; returns its id. */
static uint64_t ask(int tab, uint64_t target, uint32_t method, const uint64_t *number)
{
    struct troupe_writer writer;
    troupe_writer_init(&writer);
    troupe_put_map(&writer, number != NULL);
    if (number != NULL) {
        troupe_put_uint(&writer, 0);
        troupe_put_uint(&writer, *number);
    }
    peer_request(&tabs[tab], ++ids[tab], target, method, writer.data, writer.size);
    return ids[tab];
}

static void expect_reply(int tab, uint64_t id, struct frame *ret_frame)
{
    peer_expect(&tabs[tab], FRAME_REPLY, ret_frame);
    assert_int_equal(ret_frame->reply.id, id);
}

static void expect_error(int tab, uint64_t id, int code)
{
    struct frame frame;
    peer_expect(&tabs[tab], FRAME_ERROR, &frame);
    assert_int_equal(frame.error.id, id);
    assert_int_equal(frame.error.code, -code);
}

/* A request of the bus's, with what `writer` has. */
static uint64_t ask_bus(int tab, uint64_t target, uint32_t method, struct troupe_writer *writer)
{
    uint8_t to[256];
    struct frame_request request = {.id = ++ids[tab],
                                    .target = target,
                                    .interface = bus_interface.id,
                                    .method = method,
                                    .budget_ms = bound_ms(5000),
                                    .body = {.data = {.data = writer->data, .size = writer->size}}};
    peer_send(&tabs[tab], to, ti_frame_write_request(to, sizeof to, &request));
    return ids[tab];
}

static struct bus_subscribe_results subscribe(int tab, uint64_t source, uint32_t event)
{
    struct frame frame;
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct bus_subscribe_results results;
    struct bus_subscribe_args args = {
        .interface = probe_interface.id, .event = event, .source = source};
    troupe_writer_init(&writer);
    bus_subscribe_args_write(&writer, &args);
    expect_reply(tab, ask_bus(tab, 0, SUBSCRIBE, &writer), &frame);
    ti_reader_init(&reader, frame.reply.body.data.data, frame.reply.body.data.size, NULL, NULL);
    bus_subscribe_results_read(&reader, &results);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    return results;
}

static void publish(uint64_t times)
{
    struct frame frame;
    uint64_t id = ask(1, 1, PUBLISH, &times);
    expect_reply(1, id, &frame);
}

static void expect_event(int tab, uint32_t event, uint64_t source, uint64_t sequence)
{
    struct frame frame;
    do {
        peer_expect(&tabs[tab], FRAME_EVENT, &frame);
    } while (frame.event.event != event);
    assert_int_equal(frame.event.source, source);
    assert_int_equal(frame.event.sequence, sequence);
}

static uint64_t told_cancelled(void)
{
    struct probe_told_results results;
    struct troupe_ref probe;
    assert_int_equal(troupe_host_find(behind.troupe, "probe", &probe), 0);
    assert_int_equal(probe_told(behind.troupe, probe, &results, NULL, NULL), 0);
    return results.cancelled;
}

static bool cancel_arrived(void *user)
{
    (void)user;
    return told_cancelled() != 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

static void test_gate_hands_requests_on(void **state)
{
    struct frame frame;
    (void)state;
    peer_check_alive(&tabs[0], ++ids[0]);
    peer_check_alive(&tabs[1], ++ids[1]);
    uint64_t seven = 7;
    expect_error(0, ask(0, 1, 99, &seven), TROUPE_EUNIMPLEMENTED);
    expect_error(0, ask(0, 3, ECHO, &seven), TROUPE_EPERM);
    uint64_t id = ask(0, 1, BUDGET, NULL);
    expect_reply(0, id, &frame); /* a map of one number: what is left of the tab's time */
    struct troupe_reader reader;
    struct probe_budget_results budget;
    ti_reader_init(&reader, frame.reply.body.data.data, frame.reply.body.data.size, NULL, NULL);
    probe_budget_results_read(&reader, &budget);
    assert_in_range(budget.ms, 1, bound_ms(5000));
}

static void test_gate_passes_no_other_interface(void **state)
{
    static const uint8_t empty[] = {0xa0};
    uint8_t to[64];
    struct frame_request request = {.id = ++ids[0],
                                    .target = 1,
                                    .interface = 900,
                                    .method = 1,
                                    .budget_ms = 1000,
                                    .body = {.data = {.data = empty, .size = 1}}};
    (void)state;
    peer_send(&tabs[0], to, ti_frame_write_request(to, sizeof to, &request));
    expect_error(0, ids[0], TROUPE_EUNIMPLEMENTED);
}

static void test_gate_stands_for_refs_that_come_from_behind(void **state)
{
    struct frame frame;
    (void)state;
    expect_reply(0, ask(0, 1, SPAWN, NULL), &frame);
    assert_int_equal(frame.reply.body.refs_count, 1);
    assert_int_equal(frame.reply.body.refs[0].owner, FRAME_OWNER_SENDER);
    uint64_t child = frame.reply.body.refs[0].id;
    expect_reply(0, ask(0, child, TOLD, NULL), &frame);
    expect_error(1, ask(1, child, TOLD, NULL), TROUPE_EPERM); /* it was handed to the other tab */
    subscribe(0, child, CHANGED);
    uint64_t one = 1;
    ask(0, child, PUBLISH, &one);
    for (unsigned seen = 0; seen != 3;) { /* they come by two ways: in either order */
        assert_true(peer_read(&tabs[0], &frame));
        seen |= frame.kind == FRAME_REPLY ? 1 : frame.kind == FRAME_EVENT ? 2 : 0;
        if (frame.kind == FRAME_EVENT) {
            assert_int_equal(frame.event.source, child);
            assert_int_equal(frame.event.sequence, 1);
        }
    }
    expect_reply(0, ask(0, child, END, NULL), &frame);
    expect_error(0, ask(0, child, TOLD, NULL), TROUPE_EDOWN);
}

static void test_gate_passes_streams_and_their_credit(void **state)
{
    struct frame frame;
    uint8_t to[64];
    uint64_t wanted = 3 * TROUPE_STREAM_WINDOW_MESSAGES;
    (void)state;
    uint64_t id = ask(0, 1, COUNT, &wanted);
    for (uint64_t i = 0; i < wanted; i++) {
        peer_expect(&tabs[0], FRAME_ITEM, &frame);
        assert_int_equal(frame.item.index, i);
        struct frame_credit credit = {.channel = id << 1, .messages = 1};
        peer_send(&tabs[0], to, ti_frame_write_credit(to, sizeof to, &credit));
    }
    expect_reply(0, id, &frame);
}

static void test_gate_passes_a_cancel(void **state)
{
    uint8_t to[64];
    (void)state;
    uint64_t id = ask(0, 1, HANG, NULL);
    peer_check_alive(&tabs[0], ++ids[0]); /* it has arrived there */
    peer_send(&tabs[0], to, ti_frame_write_cancel(to, sizeof to, id));
    wait_until(behind.troupe, cancel_arrived, NULL);
}

static void test_gate_that_loses_a_tab_gives_up_what_it_asked(void **state)
{
    (void)state;
    ask(0, 1, HANG, NULL);
    peer_check_alive(&tabs[0], ++ids[0]);
    shutdown(tabs[0].fd, SHUT_RDWR);
    wait_until(behind.troupe, cancel_arrived, NULL);
    peer_check_alive(&tabs[1], ++ids[1]);
}

static void test_gate_passes_blobs(void **state)
{
    enum { SIZE = 200000 };
    struct frame frame;
    struct troupe_writer writer;
    struct probe_make_args args = {.size = SIZE, .seed = 3};
    (void)state;
    troupe_writer_init(&writer);
    probe_make_args_write(&writer, &args);
    peer_request(&tabs[0], ++ids[0], 1, MAKE, writer.data, writer.size);
    expect_reply(0, ids[0], &frame);
    assert_int_equal(frame.reply.body.blob_size, SIZE);
    uint64_t got = 0;
    while (got < SIZE) {
        peer_expect(&tabs[0], FRAME_CHUNK, &frame);
        assert_int_equal(frame.chunk.offset, got);
        assert_int_equal(frame.chunk.bytes.data[0], (uint8_t)(got * 7 + 3));
        got += frame.chunk.bytes.size;
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static void test_gate_passes_events_to_all_who_asked(void **state)
{
    (void)state;
    assert_int_equal(subscribe(0, 1, CHANGED).sequence, 0);
    publish(2);
    expect_event(0, CHANGED, 1, 1);
    expect_event(0, CHANGED, 1, 2);
    assert_int_equal(subscribe(1, 1, CHANGED).sequence, 2);
    subscribe(1, 1, CHANGED); /* twice is once */
    publish(1);
    expect_event(0, CHANGED, 1, 3);
    publish(1);
    expect_event(0, CHANGED, 1, 4);
    struct bus_subscribe_results newest = subscribe(0, 1, NEWEST);
    assert_int_equal(newest.sequence, 4);
    assert_true(newest.has_fields);
}

enum { ROUNDS = 200, TIMES = 1000, FLOOD = ROUNDS * TIMES };

/* The gate has heard all of them, or that it missed them. */
static bool flood_is_over(void *user)
{
    struct troupe_stats stats = peer_room_stats(&gate);
    (void)user;
    return stats.events_delivered + stats.events_lost >= FLOOD;
}

static void test_gate_tells_a_slow_tab_what_it_missed(void **state)
{
    struct frame frame;
    struct frame_topic topic;
    uint64_t seen = 0;
    uint64_t told = 0;
    (void)state;
    subscribe(0, 1, CHANGED);
    for (int i = 0; i < ROUNDS; i++) {
        publish(
            TIMES); /* by the other tab, while this one reads nothing: more than what may wait */
    }
    wait_until(gate.troupe, flood_is_over, NULL);
    while (told < FLOOD && seen < FLOOD) {
        assert_true(peer_read(&tabs[0], &frame));
        if (frame.kind == FRAME_EVENT) {
            assert_int_equal(frame.event.sequence, (seen > told ? seen : told) + 1);
            seen = frame.event.sequence;
        } else if (frame.kind == FRAME_HEARTBEAT) {
            assert_true(ti_frame_next_topic(&frame.heartbeat.topics, &topic));
            assert_true(topic.sequence > seen);
            assert_int_equal(topic.source, 1);
            told = topic.sequence;
        }
    }
    assert_true(told != 0);
}

static void test_gate_says_that_the_publisher_is_a_new_one(void **state)
{
    struct frame frame;
    (void)state;
    uint64_t epoch = subscribe(0, 1, CHANGED).epoch;
    peer_room_close(&behind);
    expect_error(0, ask(0, 1, TOLD, NULL), TROUPE_EDOWN);
    peer_room_open(&behind);
    join();
    do {
        peer_expect(&tabs[0], FRAME_HEARTBEAT, &frame);
    } while (frame.heartbeat.epoch == epoch);
    peer_check_alive(&tabs[0], ++ids[0]); /* and what it stands for is the new one */
}

/* ---- a peer can only hurt itself ------------------------------------------------------------- */

static void test_gate_takes_no_events(void **state)
{
    static const uint8_t fields[] = {0xa0};
    uint8_t to[64];
    struct frame_event event = {.interface = probe_interface.id,
                                .event = CHANGED,
                                .source = 1,
                                .epoch = 1,
                                .sequence = 1,
                                .body = {.data = {.data = fields, .size = 1}}};
    (void)state;
    peer_send(&tabs[0], to, ti_frame_write_event(to, sizeof to, &event));
    assert_true(peer_told(&tabs[0], TROUPE_EPROTOCOL));
    peer_check_alive(&tabs[1], ++ids[1]);
}

static void test_process_that_is_no_gate_opens_none(void **state)
{
    int ends[2];
    struct troupe_grant export = {.role = "probe", .events_fd = -1};
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct troupe_link_config config = {
        .peer = "tab", .fd = ends[0], .exports = &export, .exports_count = 1, .gate = true};
    assert_int_equal(troupe_host_link(behind.troupe, &config, NULL), TROUPE_EINVAL);
    assert_int_equal(recv(ends[1], &ends, 1, 0), 0); /* kept, and closed */
}

/* ---- its own roles ----------------------------------------------------------------------------- */

static void test_gate_passes_roles_of_its_own_process(void **state)
{
    (void)state;
    peer_close(&tabs[0]);
    assert_int_equal(troupe_host_gate(behind.troupe, passes), 0);
    peer_open_gate(&behind, &tabs[0]);
    peer_check_alive(&tabs[0], ++ids[0]);
    struct bus_subscribe_results before = subscribe(0, 1, CHANGED);
    publish(2); /* by the other tab, from elsewhere */
    expect_event(0, CHANGED, 1, before.sequence + 1);
    expect_event(0, CHANGED, 1, before.sequence + 2);
    struct bus_subscribe_results after = subscribe(0, 1, CHANGED);
    assert_int_equal(after.epoch, before.epoch);
    assert_int_equal(after.sequence, before.sequence + 2);
    struct frame frame;
    expect_reply(0, ask(0, 1, SPAWN, NULL), &frame);
    uint64_t child = frame.reply.body.refs[0].id; /* whom it hands out is stood for, too */
    expect_reply(0, ask(0, child, TOLD, NULL), &frame);
    assert_int_equal(subscribe(0, child, CHANGED).sequence, 0);
}

/* ---- the bus of a process ----------------------------------------------------------------------- */

enum { AGENT = 2, LIST_ACTORS = 1, OBSERVE = 7, LIST_ASKS = 8, LATEST = 11, WATCH = 12 };

static void expect_probe_behind(void)
{
    struct frame frame;
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_arena arena = {0};
    struct bus_list_actors_results results;
    size_t probes = 0;
    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    expect_reply(0, ask_bus(0, AGENT, LIST_ACTORS, &writer), &frame);
    ti_reader_init(&reader, frame.reply.body.data.data, frame.reply.body.data.size, NULL, &arena);
    bus_list_actors_results_read(&reader, &results);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    for (size_t i = 0; i < results.actors_count; i++) {
        probes += results.actors[i].has_role; /* which no actor of the gate's is */
    }
    assert_int_equal(probes, 1);
    ti_arena_free(&arena);
}

static bool behind_is_gone(void *user)
{
    (void)user;
    return troupe_host_find(gate.troupe, "probe.bus", &(struct troupe_ref){0}) != 0;
}

static void test_gate_shows_what_is_behind_again_and_again(void **state)
{
    struct troupe_writer writer;
    (void)state;
    expect_probe_behind();
    troupe_host_unlink(behind.troupe, behind_link);
    wait_until(gate.troupe, behind_is_gone, NULL);
    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    expect_error(0, ask_bus(0, AGENT, LIST_ACTORS, &writer), TROUPE_EDOWN);
    join();
    wait_until(behind.troupe, behind_is_up, NULL);
    expect_probe_behind();
}

static void test_gate_passes_no_errands(void **state)
{
    static const uint32_t errands[] = {SUBSCRIBE, LATEST, WATCH};
    struct bus_subscribe_args args = {
        .interface = probe_interface.id, .event = CHANGED, .source = AGENT};
    struct troupe_writer writer;
    (void)state;
    for (size_t i = 0; i < sizeof errands / sizeof errands[0]; i++) {
        troupe_writer_init(&writer);
        troupe_put_map(&writer, 0);
        expect_error(0, ask_bus(0, AGENT, errands[i], &writer), TROUPE_EPERM);
    }
    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    expect_error(0, ask_bus(0, AGENT, WATCH + 1, &writer), TROUPE_EUNIMPLEMENTED);
    expect_error(0, ask(0, AGENT, ECHO, NULL), TROUPE_EUNIMPLEMENTED);
    for (size_t i = 0; i < 2; i++) { /* an agent publishes nothing */
        troupe_writer_init(&writer);
        bus_subscribe_args_write(&writer, &args);
        expect_error(0, ask_bus(0, 0, errands[i], &writer), TROUPE_EPERM);
    }
    peer_check_alive(&tabs[0], ++ids[0]);
}

static bool nobody_looks(void *user)
{
    (void)user;
    return !ti_traced(behind.troupe);
}

static void test_gate_that_loses_a_tab_looks_no_more(void **state)
{
    struct bus_observe_args args = {.contents_bytes_max = 0};
    struct troupe_writer writer;
    struct frame frame;
    (void)state;
    troupe_writer_init(&writer);
    bus_observe_args_write(&writer, &args);
    uint64_t id = ask_bus(0, AGENT, OBSERVE, &writer);
    peer_expect(&tabs[0], FRAME_ITEM, &frame);
    assert_int_equal(frame.item.id, id);
    assert_true(ti_traced(behind.troupe));
    shutdown(tabs[0].fd, SHUT_RDWR);
    wait_until(behind.troupe, nobody_looks, NULL);
}

/* What one process says of the request that hangs: how many of its sides, which have one trace. */
static size_t count_hanging(uint64_t target, uint64_t *trace)
{
    struct frame frame;
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_arena arena = {0};
    struct bus_list_asks_results results;
    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    expect_reply(1, ask_bus(1, target, LIST_ASKS, &writer), &frame);
    ti_reader_init(&reader, frame.reply.body.data.data, frame.reply.body.data.size, NULL, &arena);
    bus_list_asks_results_read(&reader, &results);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_int_equal(results.more, 0);
    for (size_t i = 0; i < results.asks_count; i++) {
        const struct bus_ask *hanging = &results.asks[i];
        assert_int_equal(hanging->interface, probe_interface.id);
        assert_int_equal(hanging->method, HANG);
        assert_true(hanging->left_ms > 0 && hanging->left_ms <= bound_ms(5000));
        assert_true(*trace == 0 || *trace == hanging->trace);
        *trace = hanging->trace;
    }
    size_t count = results.asks_count;
    ti_arena_free(&arena);
    return count;
}

static void test_request_in_flight_is_seen_at_each_end_of_its_links(void **state)
{
    uint64_t trace = 0;
    (void)state;
    assert_int_equal(count_hanging(AGENT, &trace), 0);
    ask(0, 1, HANG, NULL);
    peer_check_alive(&tabs[0], ++ids[0]);              /* it has arrived there */
    assert_int_equal(count_hanging(0, &trace), 2);     /* the gate: from the tab, and on its way */
    assert_int_equal(count_hanging(AGENT, &trace), 1); /* who is to answer */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gate_hands_requests_on),
        TEST(test_gate_passes_no_other_interface),
        TEST(test_gate_stands_for_refs_that_come_from_behind),
        TEST(test_gate_passes_streams_and_their_credit),
        TEST(test_gate_passes_a_cancel),
        TEST(test_gate_that_loses_a_tab_gives_up_what_it_asked),
        TEST(test_gate_passes_blobs),
        TEST(test_gate_passes_events_to_all_who_asked),
        TEST(test_gate_tells_a_slow_tab_what_it_missed),
        TEST(test_gate_says_that_the_publisher_is_a_new_one),
        TEST(test_gate_takes_no_events),
        TEST(test_process_that_is_no_gate_opens_none),
        TEST(test_gate_passes_roles_of_its_own_process),
        TEST(test_gate_shows_what_is_behind_again_and_again),
        TEST(test_gate_passes_no_errands),
        TEST(test_gate_that_loses_a_tab_looks_no_more),
        TEST(test_request_in_flight_is_seen_at_each_end_of_its_links),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
