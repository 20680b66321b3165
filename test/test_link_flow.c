/* What bounds a link: windows, credits, chunks and queues, kept by us and checked of the peer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/runner.h"

enum { ECHO = 1, WAIT = 3, HANG = 4, COUNT = 5, MAKE = 6, SUM = 7, BIG_TEXT = 1000 };

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

static void expect_refused(int code, const char *words)
{
    char text[512];
    assert_int_equal(room_wait_gone(&room, peer.link, text), code);
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
}

static struct frame_request request_of(uint32_t method, const uint8_t *args, size_t size)
{
    return (struct frame_request){.target = 1,
                                  .interface = probe_interface.id,
                                  .method = method,
                                  .budget_ms = bound_ms(20000),
                                  .body = {.data = {.data = args, .size = size}}};
}

/* ---- requests -------------------------------------------------------------------------------- */

/* An actor that blocks, so that what is sent to it stays unread. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool at_gate;

static void blocker_wait(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct probe_wait_args *args)
{
    (void)self;
    (void)state;
    (void)args;
    atomic_store(&at_gate, true);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    probe_wait_reply(call);
}

static const struct probe_handlers blocker_handlers = {.wait = blocker_wait};
static const struct troupe_service blocker_services[] = {
    {.interface = &probe_interface, .handlers = &blocker_handlers}};
static const struct troupe_actor_def blocker_actor = {.name = "blocker",
                                                      .services = blocker_services,
                                                      .services_count = 1,
                                                      .mailbox_max = 100000,
                                                      .flags = TROUPE_DETACHED};

static const struct troupe_role blocker_role = {.name = "probe", .actor = &blocker_actor};

static const struct troupe_actor_def bounded_actor = {
    .name = "bounded", .services = blocker_services, .services_count = 1, .flags = TROUPE_DETACHED};
static const struct troupe_role bounded_role = {.name = "probe", .actor = &bounded_actor};

static int open_gated_room(const struct troupe_role *role)
{
    atomic_store(&at_gate, false);
    pthread_mutex_lock(&gate);
    room_open_role(&room, role);
    peer_open(&room, &peer, "far");
    return 0;
}

static int open_blocker_room(void **state)
{
    (void)state;
    return open_gated_room(&blocker_role);
}

static int open_bounded_room(void **state)
{
    (void)state;
    return open_gated_room(&bounded_role);
}

static bool gate_reached(void *user)
{
    (void)user;
    return atomic_load(&at_gate);
}

static void test_more_requests_than_the_window_are_refused(void **state)
{
    (void)state;
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    static const uint8_t args[] = {0xa1, 0x00, 0x00};
    struct frame_request request = request_of(WAIT, args, sizeof args);
    peer_request(&peer, 1, 1, WAIT, args, sizeof args);
    wait_until(room.troupe, gate_reached, NULL);
    request.id = 1;
    for (int i = 0; i < 3; i++) { /* the window, and one batch beyond it */
        size_t size = 0;
        for (int n = 0; n < TROUPE_LINK_WINDOW_MESSAGES / 2; n++) {
            request.id++;
            size += ti_frame_write_request(batch + size, sizeof batch - size, &request);
        }
        peer_send(&peer, batch, size);
    }
    expect_refused(TROUPE_EPROTOCOL, "more requests");
    assert_in_range(peer_room_stats(&room).messages_waiting, TROUPE_LINK_WINDOW_MESSAGES - 2,
                    TROUPE_LINK_WINDOW_MESSAGES);
    pthread_mutex_unlock(&gate);
}

/* Reads `count` answers; returns how many said EBUSY. */
static unsigned count_refused(struct peer *from, unsigned count)
{
    struct frame frame;
    unsigned refused = 0;
    for (unsigned n = 0; n < count && peer_read(from, &frame);) {
        n += frame.kind == FRAME_ERROR || frame.kind == FRAME_REPLY;
        if (frame.kind == FRAME_ERROR) {
            assert_int_equal(-(int)frame.error.code, TROUPE_EBUSY);
            refused++;
        }
    }
    return refused;
}

static void send_window(struct peer *to)
{
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    static const uint8_t args[] = {0xa1, 0x00, 0x00};
    struct frame_request request = request_of(WAIT, args, sizeof args);
    size_t size = 0;
    request.id = 1;
    for (int n = 1; n < TROUPE_LINK_WINDOW_MESSAGES; n++) {
        request.id++;
        size += ti_frame_write_request(batch + size, sizeof batch - size, &request);
    }
    peer_send(to, batch, size);
}

static bool all_came_up(void *user)
{
    return peer_room_stats(&room).messages_handled >= *(uint64_t *)user;
}

static bool all_arrived(void *user)
{
    uint64_t frames = *(uint64_t *)user;
    return peer_room_stats(&room).frames_in >= frames;
}

/* A peer takes at most half of what the others have left of a mailbox; a caller here always gets in. */
static void test_peers_that_flood_leave_room_for_others(void **state)
{
    (void)state;
    static const unsigned quotas[] = {TROUPE_MAILBOX_MAX / 2, TROUPE_MAILBOX_MAX / 4,
                                      TROUPE_MAILBOX_MAX / 8};
    static const uint8_t args[] = {0xa1, 0x00, 0x00};
    struct peer more[2];
    struct peer *peers[] = {&peer, &more[0], &more[1]};
    unsigned refused[3];
    peer_open(&room, &more[0], "far2");
    peer_open(&room, &more[1], "far3");
    uint64_t frames = peer_room_stats(&room).frames_in;
    for (int i = 0; i < 3; i++) {
        peer_request(peers[i], 1, 1, WAIT, args, sizeof args);
        wait_until(room.troupe, gate_reached, NULL);
        send_window(peers[i]);
        frames += TROUPE_LINK_WINDOW_MESSAGES;
        wait_until(room.troupe, all_arrived, &frames);
    }
    struct troupe_ref blocker;
    struct probe_tell_args tell = {.number = 1};
    assert_int_equal(troupe_host_find(room.troupe, "probe", &blocker), 0);
    assert_int_equal(probe_tell(room.troupe, blocker, &tell), 0);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 3; i++) {
        refused[i] = count_refused(peers[i], TROUPE_LINK_WINDOW_MESSAGES);
        assert_in_range(TROUPE_LINK_WINDOW_MESSAGES - refused[i], quotas[i] - 2, quotas[i] + 2);
    }
    peer_close(&more[0]);
    peer_close(&more[1]);
}

/* Of this side: a window that is used up answers EBUSY, and credit opens it again. */
static void test_window_of_the_peer_is_kept_and_opens_with_credit(void **state)
{
    (void)state;
    uint8_t to[64];
    struct probe_tell_args args = {.number = 1};
    int sent = 0;
    int error;
    while ((error = probe_tell(room.troupe, peer.far, &args)) == 0 && sent < 100000) {
        sent++;
    }
    assert_int_equal(error, TROUPE_EBUSY);
    assert_int_equal(sent, TROUPE_LINK_WINDOW_MESSAGES);
    struct frame_credit credit = {.channel = 0, .bytes = 3 * 3, .messages = 3};
    peer_send(&peer, to, ti_frame_write_credit(to, sizeof to, &credit));
    peer_check_alive(&peer, 1); /* it came after the credit */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(probe_tell(room.troupe, peer.far, &args), 0);
    }
    assert_int_equal(probe_tell(room.troupe, peer.far, &args), TROUPE_EBUSY);
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool all_handled(void *user)
{
    (void)user;
    return peer_room_stats(&room).messages_waiting == 0;
}

/* Rule 9 and 10: who asks and does not read gets EBUSY, then loses the link, not our memory. */
static void test_peer_that_does_not_read_its_answers_is_ended(void **state)
{
    (void)state;
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    static uint8_t args[BIG_TEXT + 16] = {0xa2, 0x00,          0x00,           0x01,
                                          0x79, BIG_TEXT >> 8, BIG_TEXT & 0xff};
    memset(args + 7, 'x', BIG_TEXT);
    struct frame_request request = request_of(ECHO, args, 7 + BIG_TEXT);
    while (room_gone(peer.link) == 0 && request.id < 10000000) {
        size_t size = 0;
        for (int n = 0; n < 100; n++) {
            request.id++;
            size += ti_frame_write_request(batch + size, sizeof batch - size, &request);
        }
        peer_send(&peer, batch, size);
        wait_until(room.troupe, all_handled, NULL); /* it keeps to its window */
    }
    expect_refused(TROUPE_ETOOLARGE, "does not read");
    assert_true(resident_kib() < (bound_ms(1) > 1 ? 1 << 20 : 120 * 1024));
}

static void test_cancels_of_one_request_are_passed_on_once(void **state)
{
    (void)state;
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    struct troupe_stats before;
    size_t size = 0;
    peer_request(&peer, 1, 1, HANG, NULL, 0);
    peer_check_alive(&peer, 2);
    troupe_stats(room.troupe, &before);
    for (int i = 0; i < 10000; i++) {
        size += ti_frame_write_cancel(batch + size, sizeof batch - size, 1);
    }
    peer_send(&peer, batch, size);
    peer_check_alive(&peer, 3);
    assert_true(peer_room_stats(&room).messages_handled - before.messages_handled < 1000);
}

static void count_to(uint64_t id, uint8_t number)
{
    const uint8_t args[] = {0xa1, 0x00, 0x18, number};
    peer_request(&peer, id, 1, COUNT, args, sizeof args);
}

static void send_credit(uint64_t channel, uint32_t messages)
{
    uint8_t to[64];
    struct frame_credit credit = {.channel = channel, .messages = messages};
    peer_send(&peer, to, ti_frame_write_credit(to, sizeof to, &credit));
}

static void test_stream_credit_for_more_than_came_is_refused(void **state)
{
    (void)state;
    struct frame frame;
    count_to(1, 200);
    for (int i = 0; i < TROUPE_STREAM_WINDOW_MESSAGES; i++) {
        peer_expect(&peer, FRAME_ITEM, &frame);
        assert_int_equal(frame.item.index, i);
    }
    send_credit(2, 10);
    for (int i = 0; i < 10; i++) {
        peer_expect(&peer, FRAME_ITEM, &frame);
    }
    send_credit(2, TROUPE_STREAM_WINDOW_MESSAGES + 1);
    expect_refused(TROUPE_EPROTOCOL, "credit for more than was sent");
}

/* ---- answers of the peer --------------------------------------------------------------------- */

struct asking {
    struct troupe_actor *self;
    unsigned done;
    unsigned items;
    int code;
};

static void item(struct troupe_actor *self, void *user, const struct probe_count_item *item)
{
    struct asking *asking = user;
    (void)self;
    (void)item;
    asking->items++;
}

static void done(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct asking *asking = user;
    (void)self;
    asking->done++;
    asking->code = error != NULL ? error->code : 0;
}

static struct asking asking;

static int ask_count(struct troupe_actor *self, void *state, const void *argument)
{
    struct probe_count_args args = {.to = 1000};
    (void)state;
    (void)argument;
    assert_int_equal(probe_count_ask(self, peer.far, &args, item, done, &asking, NULL), 0);
    return 0;
}

static int ask_hang(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    assert_int_equal(probe_hang_ask(self, peer.far, done, &asking, NULL), 0);
    return 0;
}

static const struct troupe_actor_def count_asker = {
    .name = "asker", .start = ask_count, .flags = TROUPE_PINNED};
static const struct troupe_actor_def hang_asker = {
    .name = "asker", .start = ask_hang, .flags = TROUPE_PINNED};

/* Spawns an asker and reads its request; returns its id. */
static uint64_t take_ask(const struct troupe_actor_def *def)
{
    struct troupe_ref ref;
    struct frame frame;
    asking = (struct asking){0};
    assert_int_equal(troupe_spawn(room.troupe, def, NULL, &ref), 0);
    troupe_step(room.troupe, 0);
    peer_expect(&peer, FRAME_REQUEST, &frame);
    return frame.request.id;
}

static bool is_done(void *user)
{
    (void)user;
    return asking.done != 0;
}

static void expect_lost(const char *words)
{
    expect_refused(TROUPE_EPROTOCOL, words);
    wait_until(room.troupe, is_done, NULL);
    troupe_step(room.troupe, 0);
    assert_int_equal(asking.done, 1);
    assert_int_equal(asking.code, TROUPE_ELOST);
}

static void send_items(uint64_t id, uint64_t from, uint64_t to)
{
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    static const uint8_t fields[] = {0xa1, 0x00, 0x07};
    size_t size = 0;
    for (uint64_t index = from; index < to; index++) {
        struct frame_item frame = {
            .id = id, .index = index, .body = {.data = {.data = fields, .size = sizeof fields}}};
        size += ti_frame_write_item(batch + size, sizeof batch - size, &frame);
    }
    peer_send(&peer, batch, size);
}

static void test_more_items_than_the_credit_are_refused(void **state)
{
    (void)state;
    uint64_t id = take_ask(&count_asker);
    send_items(id, 0, TROUPE_STREAM_WINDOW_MESSAGES + 1);
    assert_true(peer_told(&peer, TROUPE_EPROTOCOL)); /* while the asker handles none */
    expect_lost("more items");
    assert_int_equal(asking.items, TROUPE_STREAM_WINDOW_MESSAGES);
}

static void test_item_out_of_its_order_is_refused(void **state)
{
    (void)state;
    uint64_t id = take_ask(&count_asker);
    send_items(id, 1, 2);
    expect_lost("out of its order");
}

static void test_item_of_what_is_no_stream_is_refused(void **state)
{
    (void)state;
    uint64_t id = take_ask(&hang_asker);
    send_items(id, 0, 1);
    expect_lost("not a stream");
}

static void test_answer_nobody_waits_for_is_late_and_counted(void **state)
{
    (void)state;
    uint8_t to[64];
    static const uint8_t fields[] = {0xa0};
    struct frame_reply reply = {.id = 99,
                                .body = {.data = {.data = fields, .size = sizeof fields}}};
    peer_send(&peer, to, ti_frame_write_reply(to, sizeof to, &reply));
    peer_check_alive(&peer, 1);
    assert_int_equal(peer_room_stats(&room).replies_late, 1);
}

static void test_second_bye_is_refused(void **state)
{
    (void)state;
    uint8_t to[8];
    uint64_t id = take_ask(&hang_asker); /* what keeps the link: it is still to be answered */
    size_t size = ti_frame_write_bye(to, sizeof to);
    assert_int_equal(id, 1);
    peer_request(&peer, 1, 1, HANG, NULL, 0);
    peer_send(&peer, to, size);
    peer_send(&peer, to, size);
    expect_lost("too many");
}

/* ---- blobs ----------------------------------------------------------------------------------- */

static void send_sum(uint64_t id, uint64_t size)
{
    uint8_t to[256];
    uint8_t args[] = {0xa1, 0x00, 0x1a, 0, 0, 0, 0};
    for (int i = 0; i < 4; i++) {
        args[3 + i] = (uint8_t)(size >> (8 * (3 - i)));
    }
    struct frame_request request = request_of(SUM, args, sizeof args);
    request.id = id;
    request.body.blob_size = size;
    peer_send(&peer, to, ti_frame_write_request(to, sizeof to, &request));
}

static void send_chunk(uint64_t id, uint64_t offset, size_t size, bool last)
{
    static uint8_t data[TROUPE_CHUNK_BYTES_MAX];
    static uint8_t to[TROUPE_CHUNK_BYTES_MAX + 64];
    memset(data, 1, sizeof data);
    struct frame_chunk chunk = {
        .stream = id << 1, .offset = offset, .bytes = {.data = data, .size = size}, .last = last};
    peer_send(&peer, to, ti_frame_write_chunk(to, sizeof to, &chunk));
}

static void test_chunk_that_does_not_continue_is_refused(void **state)
{
    (void)state;
    send_sum(1, 100000);
    send_chunk(1, 0, 1000, false);
    send_chunk(1, 2000, 1000, false);
    expect_refused(TROUPE_EPROTOCOL, "does not continue its blob");
}

static void test_chunk_beyond_its_blob_is_refused(void **state)
{
    (void)state;
    send_sum(1, 70000);
    send_chunk(1, 0, 65536, false);
    send_chunk(1, 65536, 65536, true);
    expect_refused(TROUPE_EPROTOCOL, "does not continue its blob");
}

static void test_last_chunk_too_early_is_refused(void **state)
{
    (void)state;
    send_sum(1, 70000);
    send_chunk(1, 0, 65536, true);
    expect_refused(TROUPE_EPROTOCOL, "does not continue its blob");
}

static void test_blob_larger_than_its_method_allows_is_an_error_and_the_link_lives(void **state)
{
    (void)state;
    uint8_t to[64];
    static const uint8_t args[] = {0xa2, 0x00, 0x05, 0x01, 0x60};
    struct frame frame;
    struct frame_request echo = request_of(ECHO, args, sizeof args);
    echo.id = 1;
    echo.body.blob_size = 100000;
    peer_send(&peer, to, ti_frame_write_request(to, sizeof to, &echo));
    peer_expect(&peer, FRAME_ERROR, &frame);
    assert_int_equal(frame.error.code, -TROUPE_ETOOLARGE);
    send_chunk(1, 0, 65536, false); /* the rest passes */
    peer_check_alive(&peer, 2);
}

/* A full one may be kept where it came, the others are copied. */
static void test_chunks_of_any_size_make_one_blob(void **state)
{
    (void)state;
    enum { FULL = TROUPE_CHUNK_BYTES_MAX };
    static const size_t sizes[] = {FULL, 1, FULL, FULL - 1, FULL, 1000, FULL, FULL, 3};
    struct frame frame;
    size_t size = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size += sizes[i];
    }
    send_sum(1, size);
    size_t offset = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        send_chunk(1, offset, sizes[i], offset + sizes[i] == size);
        offset += sizes[i];
    }
    peer_expect(&peer, FRAME_REPLY, &frame);
    const uint8_t sums[] = {
        0xa2,          0x00, 0x1a, 0, (uint8_t)(size >> 16), (uint8_t)(size >> 8),
        (uint8_t)size, 0x01, 0x1a, 0, (uint8_t)(size >> 16), (uint8_t)(size >> 8),
        (uint8_t)size};
    assert_int_equal(frame.reply.body.data.size, sizeof sums);
    assert_memory_equal(frame.reply.body.data.data, sums, sizeof sums);
}

/* A byte at a time: the same answer, and no more memory than the blob has. */
static void test_tiny_chunks_cost_no_more_than_large_ones(void **state)
{
    (void)state;
    static uint8_t batch[TROUPE_LINK_RECEIVE_BYTES_MAX];
    static const uint8_t one[] = {1};
    enum { SIZE = 300000 };
    struct frame frame;
    size_t used = 0;
    send_sum(1, SIZE);
    for (uint64_t offset = 0; offset < SIZE; offset++) {
        struct frame_chunk chunk = {.stream = 1 << 1,
                                    .offset = offset,
                                    .bytes = {.data = one, .size = 1},
                                    .last = offset + 1 == SIZE};
        used += ti_frame_write_chunk(batch + used, sizeof batch - used, &chunk);
        if (sizeof batch - used < 64 || chunk.last) {
            peer_send(&peer, batch, used);
            used = 0;
        }
    }
    peer_expect(&peer, FRAME_REPLY, &frame);
    static const uint8_t sums[] = {0xa2, 0x00, 0x1a, 0x00, 0x04, 0x93, 0xe0,
                                   0x01, 0x1a, 0x00, 0x04, 0x93, 0xe0};
    assert_int_equal(frame.reply.body.data.size, sizeof sums);
    assert_memory_equal(frame.reply.body.data.data, sums, sizeof sums);
}

/* What was answered while a blob waited in the queue leaves after at most one more piece of it. */
static void test_small_answers_overtake_a_blob(void **state)
{
    (void)state;
    enum { SMALL = 4 };
    static const uint8_t make[] = {0xa2, 0x00, 0x1a, 0x00, 0x10, 0x00, 0x00, 0x01, 0x01};
    static const uint8_t echo[] = {0xa2, 0x00, 0x05, 0x01, 0x60};
    struct frame frame;
    unsigned replies = 0;
    unsigned chunks = 0;
    uint64_t handled = peer_room_stats(&room).messages_handled + 1 + SMALL;
    peer_request(&peer, 1, 1, MAKE, make, sizeof make);
    for (uint64_t id = 2; id < 2 + SMALL; id++) {
        peer_request(&peer, id, 1, ECHO, echo, sizeof echo);
    }
    wait_until(room.troupe, all_came_up, &handled);
    while (replies < 1 + SMALL && peer_read(&peer, &frame)) {
        replies += frame.kind == FRAME_REPLY;
        chunks += frame.kind == FRAME_CHUNK;
    }
    assert_int_equal(replies, 1 + SMALL);
    /* Some are in the socket before the first answer, one more goes before each; the blob has 16. */
    assert_in_range(chunks, 0, 10);
}

/* Of 64 bits, to a method that nobody serves. */
static void test_blob_larger_than_any_may_be_is_refused(void **state)
{
    (void)state;
    uint8_t to[256];
    static const uint8_t none[] = {0xa0};
    struct frame_request request = request_of(999, none, sizeof none);
    send_sum(1, TROUPE_LINK_BLOB_BYTES_MAX);
    peer_check_alive(&peer, 2);
    request.id = 3;
    request.body.blob_size = UINT64_MAX;
    peer_send(&peer, to, ti_frame_write_request(to, sizeof to, &request));
    expect_refused(TROUPE_EPROTOCOL, "larger than any");
}

static void test_answer_with_a_blob_larger_than_any_may_be_is_refused(void **state)
{
    (void)state;
    uint8_t to[64];
    static const uint8_t none[] = {0xa0};
    struct frame_reply reply = {.id = take_ask(&hang_asker),
                                .body = {.data = {.data = none, .size = sizeof none},
                                         .blob_size = TROUPE_LINK_BLOB_BYTES_MAX + 1}};
    peer_send(&peer, to, ti_frame_write_reply(to, sizeof to, &reply));
    expect_lost("larger than any");
}

/* Half of one blob and half of another: together no more than the window. */
static void test_more_of_blobs_than_the_window_is_refused(void **state)
{
    (void)state;
    enum { CHUNKS = TROUPE_LINK_BLOB_BYTES_MAX / TROUPE_CHUNK_BYTES_MAX };
    send_sum(1, TROUPE_LINK_BLOB_BYTES_MAX);
    send_sum(2, TROUPE_LINK_BLOB_BYTES_MAX);
    for (unsigned i = 0; i < CHUNKS; i++) {
        send_chunk(1 + i % 2, i / 2 * TROUPE_CHUNK_BYTES_MAX, TROUPE_CHUNK_BYTES_MAX, false);
    }
    peer_check_alive(&peer, 3);
    send_chunk(1, TROUPE_LINK_BLOB_BYTES_MAX / 2, 1, false);
    expect_refused(TROUPE_EPROTOCOL, "more of blobs than the credit");
}

/* An actor that takes requests with blobs and answers none of them, until it is told. */
static struct troupe_call *open_sums[8];
static unsigned open_sums_count;

static void keep_sum(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct probe_sum_args *args)
{
    (void)self;
    (void)state;
    (void)args;
    troupe_defer(call);
    open_sums[open_sums_count++] = call;
}

static void answer_sums(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct probe_wait_args *args)
{
    struct probe_sum_results results = {.sum = 0};
    (void)self;
    (void)state;
    (void)args;
    probe_wait_reply(call);
    while (open_sums_count > 0) {
        probe_sum_reply(open_sums[--open_sums_count], &results);
    }
}

static const struct probe_handlers keeper_handlers = {.sum = keep_sum, .wait = answer_sums};
static const struct troupe_service keeper_services[] = {
    {.interface = &probe_interface, .handlers = &keeper_handlers}};
static const struct troupe_actor_def keeper_actor = {
    .name = "keeper", .services = keeper_services, .services_count = 1};
static const struct troupe_role keeper_role = {.name = "probe", .actor = &keeper_actor};

static int open_keeper_room(void **state)
{
    (void)state;
    open_sums_count = 0;
    room_open_role(&room, &keeper_role);
    peer_open(&room, &peer, "far");
    return 0;
}

static void send_whole_sum(uint64_t id, size_t size)
{
    send_sum(id, size);
    for (size_t at = 0; at < size; at += TROUPE_CHUNK_BYTES_MAX) {
        send_chunk(id, at, TROUPE_CHUNK_BYTES_MAX, at + TROUPE_CHUNK_BYTES_MAX == size);
    }
}

/* What came whole is held, too, until it is answered: only then is there credit for more. */
static void test_blob_of_an_open_request_counts_against_the_window(void **state)
{
    (void)state;
    static const uint8_t args[] = {0xa1, 0x00, 0x00};
    struct frame frame;
    for (uint64_t id = 1; id <= 4; id++) {
        send_whole_sum(id, TROUPE_LINK_BLOB_BYTES_MAX / 4);
    }
    peer_request(&peer, 5, 1, WAIT, args, sizeof args);
    uint32_t credit = 0;
    for (unsigned replies = 0; replies < 5 || credit < TROUPE_LINK_BLOB_BYTES_MAX / 2;) {
        assert_true(peer_read(&peer, &frame));
        replies += frame.kind == FRAME_REPLY;
        if (frame.kind == FRAME_CREDIT && frame.credit.channel == TI_CHANNEL_BLOBS_ASKED) {
            credit += frame.credit.bytes;
        }
    }
    send_whole_sum(6, TROUPE_LINK_BLOB_BYTES_MAX / 2);
    send_whole_sum(7, TROUPE_LINK_BLOB_BYTES_MAX / 2);
    peer_request(&peer, 8, 3, WAIT, args, sizeof args); /* answered at once: there is no target 3 */
    peer_expect(&peer, FRAME_ERROR, &frame);
    send_sum(9, TROUPE_LINK_BLOB_BYTES_MAX);
    send_chunk(9, 0, TROUPE_CHUNK_BYTES_MAX, false);
    expect_refused(TROUPE_EPROTOCOL, "more of blobs than the credit");
}

static void ask_for_a_blob(uint64_t id, uint32_t size)
{
    const uint8_t make[] = {0xa2,
                            0x00,
                            0x1a,
                            (uint8_t)(size >> 24),
                            (uint8_t)(size >> 16),
                            (uint8_t)(size >> 8),
                            (uint8_t)size,
                            0x01,
                            0x01};
    peer_request(&peer, id, 1, MAKE, make, sizeof make);
}

/* Two replies of 4 MiB may wait; the third request is begun when the first reply has left, and
 * whatever has no blob is served meanwhile. */
static void test_requests_for_blobs_wait_in_line_until_their_answers_have_room(void **state)
{
    (void)state;
    enum { ASKS = 20 };
    static const uint8_t echo[] = {0xa2, 0x00, 0x05, 0x01, 0x60};
    struct frame frame;
    uint64_t next = 1;
    size_t chunks = 0;
    bool echoed = false;
    uint64_t handled = peer_room_stats(&room).messages_handled + ASKS + 1;
    for (uint64_t id = 1; id <= ASKS; id++) {
        ask_for_a_blob(id, TROUPE_LINK_BLOB_BYTES_MAX);
    }
    peer_request(&peer, ASKS + 1, 1, ECHO, echo, sizeof echo);
    wait_until(room.troupe, all_came_up, &handled); /* begun, or in line */
    while (next <= ASKS || !echoed) {
        assert_true(peer_read(&peer, &frame));
        assert_int_not_equal(frame.kind, FRAME_ERROR);
        if (frame.kind == FRAME_CHUNK) {
            chunks += frame.chunk.bytes.size;
            if (frame.chunk.last) {
                uint8_t to[64];
                struct frame_credit credit = {.channel = TI_CHANNEL_BLOBS_ANSWERED,
                                              .bytes = TROUPE_LINK_BLOB_BYTES_MAX};
                peer_send(&peer, to, ti_frame_write_credit(to, sizeof to, &credit));
                assert_int_equal(chunks, TROUPE_LINK_BLOB_BYTES_MAX);
                chunks = 0;
            }
        } else if (frame.kind == FRAME_REPLY && frame.reply.id == ASKS + 1) {
            assert_in_range(next, 1, 4);
            echoed = true;
        } else if (frame.kind == FRAME_REPLY) {
            assert_int_equal(frame.reply.id, next++); /* in the order in which they were asked */
        }
    }
}

/* The places in line, and the room kept, are given back; those behind them go on. */
static void test_requests_that_stand_in_line_can_be_cancelled(void **state)
{
    (void)state;
    enum { ASKS = 40 };
    static uint8_t batch[1024];
    struct frame frame;
    size_t size = 0;
    uint64_t handled = peer_room_stats(&room).messages_handled + ASKS;
    for (uint64_t id = 1; id < ASKS; id++) {
        ask_for_a_blob(id, TROUPE_LINK_BLOB_BYTES_MAX);
    }
    ask_for_a_blob(ASKS, 70000);
    wait_until(room.troupe, all_came_up, &handled); /* begun, or in line */
    for (uint64_t id = 1; id < ASKS; id++) {
        size += ti_frame_write_cancel(batch + size, sizeof batch - size, id);
    }
    peer_send(&peer, batch, size);
    unsigned replies = 0;
    while (true) {
        assert_true(peer_read(&peer, &frame));
        if (frame.kind == FRAME_CHUNK && frame.chunk.last && frame.chunk.stream == ASKS * 2 + 1) {
            break;
        }
        replies += frame.kind == FRAME_REPLY;
        if (frame.kind == FRAME_CHUNK) {
            struct frame_credit credit = {.channel = TI_CHANNEL_BLOBS_ANSWERED,
                                          .bytes = (uint32_t)frame.chunk.bytes.size};
            peer_send(&peer, batch, ti_frame_write_credit(batch, sizeof batch, &credit));
        }
    }
    assert_in_range(replies, 1, 8);
}

static void test_blob_credit_for_more_than_was_sent_is_refused(void **state)
{
    (void)state;
    uint8_t to[64];
    struct frame_credit credit = {.channel = TI_CHANNEL_BLOBS_ANSWERED, .bytes = 1};
    peer_send(&peer, to, ti_frame_write_credit(to, sizeof to, &credit));
    expect_refused(TROUPE_EPROTOCOL, "credit for more than was sent");
}

static void test_credit_for_no_channel_is_refused(void **state)
{
    (void)state;
    send_credit(5, 1);
    expect_refused(TROUPE_EPROTOCOL, "channel that is none");
}

static void test_cancelled_blob_is_let_go(void **state)
{
    (void)state;
    uint8_t to[16];
    enum { CANCELLED = 2 * TROUPE_LINK_BLOB_BYTES_MAX / TROUPE_CHUNK_BYTES_MAX };
    for (uint64_t id = 1; id <= CANCELLED; id++) { /* what came of them is twice the window */
        send_sum(id, TROUPE_LINK_BLOB_BYTES_MAX);
        send_chunk(id, 0, TROUPE_CHUNK_BYTES_MAX, false);
        peer_send(&peer, to, ti_frame_write_cancel(to, sizeof to, id));
    }
    send_sum(CANCELLED + 1, 70000);
    send_chunk(CANCELLED + 1, 0, 65536, false);
    send_chunk(CANCELLED + 1, 65536, 70000 - 65536, true);
    struct frame frame;
    peer_expect(&peer, FRAME_REPLY, &frame);
    assert_int_equal(frame.reply.id, CANCELLED + 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_more_requests_than_the_window_are_refused,
                                        open_blocker_room, close_room),
        cmocka_unit_test_setup_teardown(test_peers_that_flood_leave_room_for_others,
                                        open_bounded_room, close_room),
        TEST(test_window_of_the_peer_is_kept_and_opens_with_credit),
        TEST(test_peer_that_does_not_read_its_answers_is_ended),
        TEST(test_cancels_of_one_request_are_passed_on_once),
        TEST(test_stream_credit_for_more_than_came_is_refused),
        TEST(test_more_items_than_the_credit_are_refused),
        TEST(test_item_out_of_its_order_is_refused),
        TEST(test_item_of_what_is_no_stream_is_refused),
        TEST(test_answer_nobody_waits_for_is_late_and_counted),
        TEST(test_second_bye_is_refused),
        TEST(test_chunk_that_does_not_continue_is_refused),
        TEST(test_chunk_beyond_its_blob_is_refused),
        TEST(test_last_chunk_too_early_is_refused),
        TEST(test_blob_larger_than_its_method_allows_is_an_error_and_the_link_lives),
        TEST(test_chunks_of_any_size_make_one_blob),
        TEST(test_tiny_chunks_cost_no_more_than_large_ones),
        TEST(test_small_answers_overtake_a_blob),
        TEST(test_blob_larger_than_any_may_be_is_refused),
        TEST(test_answer_with_a_blob_larger_than_any_may_be_is_refused),
        TEST(test_more_of_blobs_than_the_window_is_refused),
        cmocka_unit_test_setup_teardown(test_blob_of_an_open_request_counts_against_the_window,
                                        open_keeper_room, close_room),
        TEST(test_requests_for_blobs_wait_in_line_until_their_answers_have_room),
        TEST(test_requests_that_stand_in_line_can_be_cancelled),
        TEST(test_blob_credit_for_more_than_was_sent_is_refused),
        TEST(test_credit_for_no_channel_is_refused),
        TEST(test_cancelled_blob_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) +
           (runner_in_valgrind()
                ? 0
                : cmocka_run_group_tests_name("with a bypass", tests, links_bypass, links_plain));
}
