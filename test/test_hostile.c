/* Hostile peers, continued from test_link and test_link_flow: conversations that break off at each
 * byte, floods of every frame, silence, and what is announced and never sent. An honest peer of the
 * same process is served all the while, the reason is said, and memory grows by less than 16 MiB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/cbor.h"
#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/runner.h"

enum {
    GROWTH_MAX_KIB = 16 * 1024,
    ECHO = 1,
    COUNT = 5,
    MAKE = 6,
    SUM = 7,
    PIECES = 19,
    BUS = 0,
    BUS_SUBSCRIBE = 10,
    BUS_WATCH = 12,
    SP_HEADER_BYTES = 8,
};

static struct room room;
static struct peer honest;
static struct peer hostile;
static uint64_t honest_id;
static long resident_before;
static long resident_most;

static int open_room(void **state)
{
    (void)state;
    peer_room_open(&room);
    peer_open(&room, &honest, "friend");
    honest_id = 0;
    hostile = (struct peer){.fd = -1, .listens = -1, .tells = -1};
    peer_check_alive(&honest, ++honest_id);
    resident_before = resident_most = resident_kib();
    return 0;
}

static void measure(void)
{
    long now = resident_kib();
    resident_most = now > resident_most ? now : resident_most;
}

/* Whatever the hostile peer did: the honest one is served, memory did not grow, the room closes. */
static int close_room(void **state)
{
    (void)state;
    peer_check_alive(&honest, ++honest_id);
    assert_int_equal(room_gone(honest.link), 0);
    measure();
    print_message("memory grew by %ld KiB\n", resident_most - resident_before);
    if (bound_ms(1) == 1) { /* no checker that has memory of its own */
        assert_true(resident_most - resident_before < GROWTH_MAX_KIB);
    }
    peer_close(&hostile);
    peer_close(&honest);
    peer_room_close(&room);
    return 0;
}

static void expect_gone(int code, const char *words)
{
    char text[512];
    assert_int_equal(room_wait_gone(&room, hostile.link, text), code);
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
    assert_true(room_reported(words));
}

static void expect_alive(uint64_t id)
{
    peer_check_alive(&hostile, id);
    assert_int_equal(room_gone(hostile.link), 0);
}

/* ---- breaking off ---------------------------------------------------------------------------- */

enum way { STOP_READING, STOP_WRITING, CLOSE, SAY_NO_MORE, WAYS };

/* Hello, a call and BYE, with NNG's framing. */
static size_t write_conversation(uint8_t *to, size_t max)
{
    static const uint8_t head[SP_HEADER_BYTES] = {0, 'S', 'P', 0, 0, 0x10, 0, 0};
    static const uint8_t args[] = {0xa2, 0x00, 0x18, 0x2a, 0x01, 0x62, 'o', 'k'};
    struct frame_request request = {.id = 1,
                                    .target = 1,
                                    .interface = probe_interface.id,
                                    .method = ECHO,
                                    .budget_ms = 1000,
                                    .body = {.data = {.data = args, .size = sizeof args}}};
    size_t size = sizeof head;
    memcpy(to, head, sizeof head);
    for (int i = 0; i < 3; i++) {
        uint8_t *at = to + size + 8;
        size_t room_left = max - size - 8;
        size_t used = i == 0   ? peer_write_hello(&hostile, at, room_left)
                      : i == 1 ? ti_frame_write_request(at, room_left, &request)
                               : ti_frame_write_bye(at, room_left);
        memset(to + size, 0, 8);
        to[size + 7] = (uint8_t)used; /* of one byte, all of them */
        size += 8 + used;
    }
    return size;
}

/* Within NNG's handshake, or once the room has said hello: between them nothing tells when it has
 * got there. */
static size_t break_off(struct peer *peer, size_t cut, enum way way)
{
    uint8_t whole[512];
    struct frame frame;
    size_t said = cut < SP_HEADER_BYTES ? 0 : SP_HEADER_BYTES;
    snprintf(hostile.role, sizeof hostile.role, "far");
    size_t size = write_conversation(whole, sizeof whole);
    if (said == 0) {
        peer_connect(&room, peer, "far");
        peer_shake_events(peer);
    } else {
        peer_join(&room, peer, "far");
        peer_expect(peer, FRAME_HELLO, &frame);
    }
    peer_write(peer->fd, whole + said, cut - said);
    if (way == STOP_READING) {
        shutdown(peer->fd, SHUT_RD);
        peer_write(peer->fd, whole + cut, size - cut); /* its answer can't be written */
        shutdown(peer->fd, SHUT_WR);
    } else if (way == STOP_WRITING) {
        shutdown(peer->fd, SHUT_WR);
    } else if (way == CLOSE) {
        close(peer->fd);
        peer->fd = -1;
    }
    return size;
}

/* 0 where the other side had said BYE. */
static void expect_over(const struct peer *peer)
{
    int code = room_wait_gone(&room, peer->link, NULL);
    assert_true(code == TROUPE_ELOST || code == 0);
}

static void break_off_everywhere(enum way way)
{
    size_t size = SP_HEADER_BYTES + 1;
    for (size_t cut = SP_HEADER_BYTES; cut < size; cut += runner_in_valgrind() ? 9 : 1) {
        size = break_off(&hostile, cut, way);
        expect_over(&hostile);
        peer_close(&hostile);
        hostile.fd = hostile.listens = hostile.tells = -1;
        peer_check_alive(&honest, ++honest_id);
        measure();
    }
}

static void test_peer_that_stops_reading_at_each_byte_of_a_conversation(void **state)
{
    (void)state;
    break_off_everywhere(STOP_READING);
}

static void test_peer_that_stops_writing_at_each_byte_of_a_conversation(void **state)
{
    (void)state;
    break_off_everywhere(STOP_WRITING);
}

static void test_peer_that_dies_at_each_byte_of_a_conversation(void **state)
{
    (void)state;
    break_off_everywhere(CLOSE);
}

/* Before NNG's handshake is complete there is no pipe whose end NNG would tell: the time for hello
 * ends these, all together. */
static void test_peer_that_breaks_off_within_the_handshake_is_ended_in_time(void **state)
{
    (void)state;
    static struct peer peers[SP_HEADER_BYTES * WAYS];
    size_t count = 0;
    for (size_t cut = 0; cut < SP_HEADER_BYTES; cut++) {
        for (enum way way = STOP_READING; way < WAYS; way++) {
            break_off(&peers[count++], cut, way);
        }
    }
    peer_check_alive(&honest, ++honest_id);
    for (size_t i = 0; i < count; i++) {
        int code = room_wait_gone(&room, peers[i].link, NULL);
        if (i % WAYS == STOP_READING && room_up(peers[i].link) == 1) { /* its hello was faster */
            assert_true(code == TROUPE_ELOST || code == 0);
        } else {
            assert_true(code == TROUPE_ETIMEOUT || code == TROUPE_ELOST);
            assert_int_equal(room_up(peers[i].link), 0);
        }
        peer_close(&peers[i]);
    }
    assert_true(room_reported("did not say hello in time"));
}

/* ---- silence --------------------------------------------------------------------------------- */

static void test_silence_after_connecting_ends_the_link(void **state)
{
    (void)state;
    static struct peer silent[3];
    static const uint8_t other[SP_HEADER_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0}; /* REQ */
    peer_connect(&room, &silent[0], "far");                                        /* not a byte */
    peer_connect(&room, &silent[1], "far"); /* another protocol of NNG's */
    peer_write(silent[1].fd, other, sizeof other);
    peer_connect(&room, &silent[2], "far"); /* not NNG at all */
    peer_write(silent[2].fd, "GET / HTTP/1.0\r\n\r\n", 18);
    for (size_t i = 0; i < 3; i++) {
        int code = room_wait_gone(&room, silent[i].link, NULL);
        assert_true(code == TROUPE_ETIMEOUT || (i > 0 && code == TROUPE_ELOST));
        assert_int_equal(room_up(silent[i].link), 0);
        peer_close(&silent[i]);
    }
    assert_true(room_reported("did not say hello in time"));
}

static void test_event_sockets_that_are_never_connected_end_the_link(void **state)
{
    (void)state;
    static const uint8_t head[SP_HEADER_BYTES] = {0, 'S', 'P', 0, 0, 0x10, 0, 0};
    peer_connect(&room, &hostile, "far");
    peer_write(hostile.fd, head, sizeof head);
    peer_say_hello(&hostile);
    expect_gone(TROUPE_ETIMEOUT, "in time");
    assert_int_equal(room_up(hostile.link), 0);
}

static void test_event_socket_that_closes_ends_the_link(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    close(hostile.tells);
    hostile.tells = -1;
    expect_gone(TROUPE_ELOST, "closed without BYE");
}

/* ---- hello ----------------------------------------------------------------------------------- */

static size_t long_hello(uint8_t *to, size_t count)
{
    static const uint8_t head[] = {0x86, 0x00, 0x01, 0x19, 0x10, 0x00, 0x19, 0x10, 0x00, 0x99};
    size_t size = sizeof head;
    memcpy(to, head, size);
    to[size++] = (uint8_t)(count >> 8);
    to[size++] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        const uint8_t one[] = {0x83, 0x19, (uint8_t)((i + 256) >> 8), (uint8_t)i, 0x01, 0x00};
        memcpy(to + size, one, sizeof one);
        size += sizeof one;
    }
    memcpy(to + size,
           "\x81\x63"
           "far",
           5);
    return size + 5;
}

static void test_list_of_interfaces_that_is_too_long_is_refused(void **state)
{
    (void)state;
    static uint8_t hello[TI_FRAME_HELLO_BYTES_MAX];
    struct frame frame;
    peer_join(&room, &hostile, "far");
    peer_send(&hostile, hello, long_hello(hello, TROUPE_INTERFACES_MAX));
    peer_expect(&hostile, FRAME_HELLO, &frame);
    expect_alive(1);
    peer_close(&hostile);
    peer_join(&room, &hostile, "far");
    peer_send(&hostile, hello, long_hello(hello, TROUPE_INTERFACES_MAX + 1));
    expect_gone(TROUPE_EMALFORMED, "interfaces");
}

/* ---- large and deep -------------------------------------------------------------------------- */

static void send_args(const uint8_t *args, size_t size)
{
    static uint8_t to[TI_FRAME_BYTES_MAX + 1024];
    /* By hand: our own writer makes nothing of that kind. */
    static const uint8_t head[] = {0x89, 0x01, 0x01, 0x01, 0x19, 0x03, 0x85,
                                   0x01, 0x19, 0x03, 0xe8, 0x80, 0x00};
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, args, size);
    peer_send(&hostile, to, sizeof head + size);
}

static void test_deep_arguments_are_refused(void **state)
{
    (void)state;
    uint8_t args[200] = {0xa1, 0x05};
    memset(args + 2, 0x81, 100);
    args[102] = 0x00;
    peer_open(&room, &hostile, "far");
    send_args(args, 103);
    expect_gone(TROUPE_EMALFORMED, "nest");
}

static void test_arguments_of_too_many_items_are_refused(void **state)
{
    (void)state;
    static uint8_t args[TROUPE_ITEMS_MAX + 512] = {0xa1, 0x05, 0x9a, 0x00, 0x01, 0x00, 0xff};
    peer_open(&room, &hostile, "far");
    send_args(args, 7 + TROUPE_ITEMS_MAX + 0xff);
    expect_gone(TROUPE_EMALFORMED, "a count");
}

static void test_arguments_that_are_too_large_are_refused(void **state)
{
    (void)state;
    enum { SIZE = TROUPE_FRAME_BYTES_MAX };
    static uint8_t args[SIZE + 16] = {0xa1,       0x05, 0x5a, 0x00, SIZE >> 16, SIZE >> 8 & 0xff,
                                      SIZE & 0xff};
    peer_open(&room, &hostile, "far");
    send_args(args, 7 + SIZE);
    expect_gone(TROUPE_EMALFORMED, "longer than allowed");
}

/* ---- floods ---------------------------------------------------------------------------------- */

static const uint8_t nothing[] = {0xa0};
static const struct frame_body no_fields = {.data = {.data = nothing, .size = 1}};

/* Writes the n-th frame, n from 1. */
typedef size_t flood_fn(uint8_t *to, size_t max, uint64_t n);

/* Sends `count` frames in batches of at most `at_once`, until the link ends; the honest peer calls in
 * between. */
static void send_many(flood_fn *write, uint64_t count, uint64_t at_once)
{
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    uint64_t n = 0;
    while (n < count && room_gone(hostile.link) == 0) {
        size_t size = 0;
        uint64_t end = count - n < at_once ? count : n + at_once;
        while (n < end && size + 64 * 1024 + 1024 < sizeof batch) {
            size += write(batch + size, sizeof batch - size, ++n);
        }
        peer_send(&hostile, batch, size);
        peer_check_alive(&honest, ++honest_id);
        measure();
    }
}

static void flood(flood_fn *write, uint64_t count)
{
    send_many(write, count, UINT64_MAX);
}

static uint64_t many(uint64_t count)
{
    return bound_ms(1) > 1 ? count / 20 : count;
}

static size_t a_cancel(uint8_t *to, size_t max, uint64_t n)
{
    return ti_frame_write_cancel(to, max, n);
}

static size_t a_stream_credit(uint8_t *to, size_t max, uint64_t n)
{
    struct frame_credit credit = {.channel = 2 * n, .messages = UINT32_MAX};
    return ti_frame_write_credit(to, max, &credit);
}

static size_t an_empty_credit(uint8_t *to, size_t max, uint64_t n)
{
    static const uint64_t channels[] = {0, TI_CHANNEL_BLOBS_ASKED, TI_CHANNEL_BLOBS_ANSWERED};
    struct frame_credit credit = {.channel = channels[n % 3]};
    return ti_frame_write_credit(to, max, &credit);
}

static size_t a_drop(uint8_t *to, size_t max, uint64_t n)
{
    return ti_frame_write_drop(to, max, n);
}

static size_t an_answer(uint8_t *to, size_t max, uint64_t n)
{
    struct frame_reply reply = {.id = n, .body = no_fields};
    struct frame_item item = {.id = n, .body = no_fields};
    struct frame_error error = {.id = n, .code = 101, .text = troupe_text("no")};
    reply.body.blob_size = UINT64_MAX - n;
    return n % 3 == 0   ? ti_frame_write_reply(to, max, &reply)
           : n % 3 == 1 ? ti_frame_write_item(to, max, &item)
                        : ti_frame_write_error(to, max, &error);
}

static size_t a_chunk(uint8_t *to, size_t max, uint64_t n)
{
    static const uint8_t bytes[TROUPE_CHUNK_BYTES_MAX];
    struct frame_chunk chunk = {
        .stream = n, .offset = n, .bytes = {.data = bytes, .size = sizeof bytes}};
    return ti_frame_write_chunk(to, max, &chunk);
}

/* What a late frame of an honest peer may be, without end: passed over, at no cost. */
static void test_floods_of_frames_that_nobody_waits_for_pass(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_cancel, many(400000));
    flood(a_stream_credit, many(400000));
    flood(an_empty_credit, many(400000));
    flood(a_drop, many(400000));
    flood(an_answer, many(200000));
    flood(a_chunk, many(1000));
    expect_alive(1);
}

static size_t a_request_to_nobody(uint8_t *to, size_t max, uint64_t n)
{
    struct frame_request request = {.id = n, .target = 1000 + n, .body = no_fields};
    return ti_frame_write_request(to, max, &request);
}

static void test_flood_of_refused_requests_by_who_does_not_read(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_request_to_nobody, 2000000);
    expect_gone(TROUPE_ETOOLARGE, "does not read");
}

static size_t a_big_echo(uint8_t *to, size_t max, uint64_t n)
{
    enum { TEXT = 1000 };
    static uint8_t args[TEXT + 16] = {0xa2, 0x00, 0x00, 0x01, 0x79, TEXT >> 8, TEXT & 0xff};
    memset(args + 7, 'x', TEXT);
    struct frame_request request = {.id = n,
                                    .target = 1,
                                    .interface = probe_interface.id,
                                    .method = ECHO,
                                    .budget_ms = 60000,
                                    .body = {.data = {.data = args, .size = 7 + TEXT}}};
    return ti_frame_write_request(to, max, &request);
}

/* In its own time, or too fast: then its window ends it. */
static void test_flood_of_requests_by_who_does_not_read(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_big_echo, 2000000);
    int code = room_wait_gone(&room, hostile.link, NULL);
    assert_true(code == TROUPE_ETOOLARGE || code == TROUPE_EPROTOCOL);
    assert_true(room_reported("does not read") || room_reported("more requests"));
}

static size_t a_watch(uint8_t *to, size_t max, uint64_t n)
{
    static const uint8_t agent[] = {0xa1, 0x00, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0};
    struct frame_request request = {.id = n,
                                    .interface = BUS,
                                    .method = BUS_WATCH,
                                    .budget_ms = 3600000,
                                    .body = {.data = {.data = agent, .size = sizeof agent}}};
    return ti_frame_write_request(to, max, &request);
}

static void test_flood_of_watches_is_bounded_by_what_may_be_in_flight(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_watch, 100000);
    int code = room_wait_gone(&room, hostile.link, NULL);
    assert_int_equal(code, TROUPE_EPROTOCOL);
    assert_true(room_reported("more requests"));
}

static size_t a_subscription(uint8_t *to, size_t max, uint64_t n)
{
    uint8_t args[] = {0xa3, 0x00, 0x1a, 1, 0, 0, 0, 0x01, 0x1a, 1, 0, 0, 0, 0x02, 0x01};
    for (int i = 0; i < 3; i++) {
        args[4 + i] = args[10 + i] = (uint8_t)(n >> (8 * (2 - i)));
    }
    struct frame_request request = {.id = n,
                                    .interface = BUS,
                                    .method = BUS_SUBSCRIBE,
                                    .budget_ms = 1000,
                                    .body = {.data = {.data = args, .size = sizeof args}}};
    return ti_frame_write_request(to, max, &request);
}

static void test_flood_of_subscriptions_to_events_that_are_none(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_subscription, many(200000));
    measure();
    assert_true(room_gone(hostile.link) == 0 || room_reported("does not read"));
}

static size_t a_bye_ack(uint8_t *to, size_t max, uint64_t n)
{
    (void)n;
    return ti_frame_write_bye_ack(to, max);
}

static void test_acknowledged_bye_that_was_not_said_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_bye_ack, 1000);
    expect_gone(TROUPE_EPROTOCOL, "too many");
}

/* Of topics that nobody wants, on the event socket: NNG or the link passes over them. */
static void test_flood_of_events_that_nobody_wants(void **state)
{
    (void)state;
    static uint8_t batch[TROUPE_EVENT_BYTES_MAX];
    peer_open(&room, &hostile, "far");
    for (uint64_t n = 1; n < many(200000); n++) {
        struct frame_event event = {
            .interface = (uint32_t)n, .event = 1, .epoch = n, .sequence = n, .body = no_fields};
        struct frame_topic topic = {.interface = (uint32_t)n, .event = 1, .sequence = n};
        size_t size = n % 2 == 0 ? ti_frame_write_event(batch, sizeof batch, &event)
                                 : ti_frame_write_heartbeat(batch, sizeof batch, n, &topic, 1);
        peer_publish(&hostile, batch, size);
        if (n % 10000 == 0) {
            peer_check_alive(&honest, ++honest_id);
            measure();
        }
    }
    expect_alive(1);
}

/* It was granted the events and does not take them off its socket: they are dropped, for it. */
static void test_peer_that_reads_no_events_delays_nobody(void **state)
{
    (void)state;
    static const uint8_t every[] = {0, 0, 0, 0, 0, 0, 0, 1, 0x01}; /* SUB: all topics */
    struct probe_publish_args args = {.times = 1000};
    peer_open(&room, &hostile, "far");
    peer_write(hostile.listens, every, sizeof every);
    for (uint64_t n = 0; n < many(100); n++) {
        assert_int_equal(probe_publish(room.troupe, room.probe, &args, NULL, NULL), 0);
        peer_check_alive(&honest, ++honest_id);
        measure();
    }
    expect_alive(1);
}

/* ---- announced and never sent ---------------------------------------------------------------- */

static size_t an_announced_blob(uint8_t *to, size_t max, uint64_t n)
{
    static const uint8_t args[] = {0xa1, 0x00, 0x1a, 0x00, 0x40, 0x00, 0x00}; /* 4 MiB */
    struct frame_request request = {.id = n,
                                    .target = 1,
                                    .interface = probe_interface.id,
                                    .method = SUM,
                                    .budget_ms = 60000,
                                    .body = {.data = {.data = args, .size = sizeof args},
                                             .blob_size = TROUPE_LINK_BLOB_BYTES_MAX}};
    return ti_frame_write_request(to, max, &request);
}

static void test_blobs_that_are_announced_and_never_sent_cost_nothing(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(an_announced_blob, 1000);
    expect_alive(2000);
}

static size_t a_first_chunk(uint8_t *to, size_t max, uint64_t n)
{
    static const uint8_t bytes[TROUPE_CHUNK_BYTES_MAX];
    struct frame_chunk chunk = {.stream = n << 1, .bytes = {.data = bytes, .size = sizeof bytes}};
    return ti_frame_write_chunk(to, max, &chunk);
}

static void test_blobs_that_are_sent_in_part_are_bounded(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(an_announced_blob, 1000);
    flood(a_first_chunk, 1000);
    expect_gone(TROUPE_EPROTOCOL, "more of blobs");
}

/* ---- asked for and never read ---------------------------------------------------------------- */

/* Shortest form: the first value is below 24 or beyond 65535, the second one byte. */
static size_t ask_blobs(uint8_t *to, size_t max, uint64_t n, uint32_t method, uint32_t first,
                        uint32_t second)
{
    struct troupe_writer writer;
    uint8_t args[32];
    ti_writer_init_at(&writer, args, sizeof args);
    troupe_put_map(&writer, 2);
    troupe_put_uint(&writer, 0);
    troupe_put_uint(&writer, first);
    troupe_put_uint(&writer, 1);
    troupe_put_uint(&writer, second);
    struct frame_request request = {.id = n,
                                    .target = 1,
                                    .interface = probe_interface.id,
                                    .method = method,
                                    .budget_ms = 600000,
                                    .body = {.data = {.data = args, .size = writer.size}}};
    return ti_frame_write_request(to, max, &request);
}

static size_t a_wanted_blob(uint8_t *to, size_t max, uint64_t n)
{
    return ask_blobs(to, max, n, MAKE, TROUPE_LINK_BLOB_BYTES_MAX, 1);
}

/* It keeps to its window: its requests stand in line, and it lives. The honest one is served by the
 * same actor. */
static void test_blobs_that_are_asked_for_and_never_read(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_wanted_blob, TROUPE_LINK_WINDOW_MESSAGES - 1);
    assert_int_equal(room_gone(hostile.link), 0);
}

static size_t a_wanted_crumb(uint8_t *to, size_t max, uint64_t n)
{
    return ask_blobs(to, max, n, MAKE, 1, 1);
}

/* What they cost is counted, not only what is in them: it goes on until its window is used up. */
static void test_crumbs_that_are_asked_for_and_never_read(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    send_many(a_wanted_crumb, 100000, 500);
    expect_gone(TROUPE_EPROTOCOL, "more requests");
    assert_in_range(peer_room_stats(&room).messages_handled, 1000, 50000);
}

static size_t a_stream_of_blobs(uint8_t *to, size_t max, uint64_t n)
{
    return ask_blobs(to, max, n, PIECES, 1000000, n % 2 ? 1 << 20 : 1);
}

static void test_streams_of_blobs_that_are_never_read(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    flood(a_stream_of_blobs, 1000);
    peer_check_alive(&honest, ++honest_id);
    measure();
    assert_int_equal(room_gone(hostile.link), 0);
}

/* ---- lies in answers ------------------------------------------------------------------------- */

static struct {
    struct troupe_ref child;
    unsigned gone;
    int why;
} watching;

static void child_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    (void)self;
    (void)user;
    (void)ref;
    watching.gone++;
    watching.why = why;
}

static void child_came(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct probe_spawn_results *results)
{
    (void)user;
    assert_null(error);
    watching.child = results->child;
    assert_int_equal(troupe_watch(self, results->child, child_gone, NULL, NULL), 0);
}

static int want_child(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    return probe_spawn_ask(self, hostile.far, child_came, NULL, NULL);
}

static bool child_is_gone(void *user)
{
    (void)user;
    return watching.gone != 0;
}

/* It may say that the watched one ended, or that it is lost; there is no third. */
static void test_watch_answered_with_nonsense_says_lost(void **state)
{
    (void)state;
    static const struct troupe_actor_def watcher = {
        .name = "watcher", .start = want_child, .flags = TROUPE_PINNED};
    static const uint8_t a_ref[] = {0xa1, 0x00, 0x00};
    static const uint8_t why_zero[] = {0xa1, 0x00, 0x00};
    struct troupe_ref ref;
    struct frame frame;
    uint8_t to[64];
    memset(&watching, 0, sizeof watching);
    peer_open(&room, &hostile, "far");
    assert_int_equal(troupe_spawn(room.troupe, &watcher, NULL, &ref), 0);
    troupe_step(room.troupe, 0);
    peer_expect(&hostile, FRAME_REQUEST, &frame);
    struct frame_reply reply = {.id = frame.request.id,
                                .body = {.data = {.data = a_ref, .size = sizeof a_ref},
                                         .refs_count = 1,
                                         .refs = {{.id = 77}}}};
    peer_send(&hostile, to, ti_frame_write_reply(to, sizeof to, &reply));
    peer_check_alive(&hostile, 1);
    troupe_step(room.troupe, 0);
    peer_expect(&hostile, FRAME_REQUEST, &frame);
    assert_int_equal(frame.request.method, BUS_WATCH);
    peer_reply(&hostile, frame.request.id, why_zero, sizeof why_zero);
    wait_until(room.troupe, child_is_gone, NULL);
    assert_int_equal(watching.why, TROUPE_ELOST);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest beginnings[] = {
        TEST(test_peer_that_stops_reading_at_each_byte_of_a_conversation),
        TEST(test_peer_that_stops_writing_at_each_byte_of_a_conversation),
        TEST(test_peer_that_dies_at_each_byte_of_a_conversation),
        TEST(test_peer_that_breaks_off_within_the_handshake_is_ended_in_time),
        TEST(test_silence_after_connecting_ends_the_link),
        TEST(test_event_sockets_that_are_never_connected_end_the_link),
        TEST(test_event_socket_that_closes_ends_the_link),
    };
    const struct CMUnitTest tests[] = {
        TEST(test_list_of_interfaces_that_is_too_long_is_refused),
        TEST(test_deep_arguments_are_refused),
        TEST(test_arguments_of_too_many_items_are_refused),
        TEST(test_arguments_that_are_too_large_are_refused),
        TEST(test_floods_of_frames_that_nobody_waits_for_pass),
        TEST(test_flood_of_refused_requests_by_who_does_not_read),
        TEST(test_flood_of_requests_by_who_does_not_read),
        TEST(test_flood_of_watches_is_bounded_by_what_may_be_in_flight),
        TEST(test_flood_of_subscriptions_to_events_that_are_none),
        TEST(test_acknowledged_bye_that_was_not_said_is_refused),
        TEST(test_flood_of_events_that_nobody_wants),
        TEST(test_peer_that_reads_no_events_delays_nobody),
        TEST(test_blobs_that_are_announced_and_never_sent_cost_nothing),
        TEST(test_blobs_that_are_sent_in_part_are_bounded),
        TEST(test_blobs_that_are_asked_for_and_never_read),
        TEST(test_crumbs_that_are_asked_for_and_never_read),
        TEST(test_streams_of_blobs_that_are_never_read),
        TEST(test_watch_answered_with_nonsense_says_lost),
    };
    return cmocka_run_group_tests(beginnings, NULL, NULL) +
           cmocka_run_group_tests(tests, NULL, NULL) +
           (runner_in_valgrind()
                ? 0
                : cmocka_run_group_tests_name("with a bypass", tests, links_bypass, links_plain));
}
