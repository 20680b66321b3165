/* A peer can only hurt itself: what a process does that speaks the framing and then lies. In each
 * test a second, honest peer is joined to the same room and must not notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "interfaces/bus.h"
#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/runner.h"

enum { ECHO = 1, SPAWN = 8, RELAY = 9, TELL = 11, TOLD = 12, UNKNOWN = 77 };

static struct room room;
static struct peer honest;
static struct peer hostile;
static uint64_t honest_id;

static int open_room(void **state)
{
    (void)state;
    peer_room_open(&room);
    peer_open(&room, &honest, "friend");
    honest_id = 0;
    return 0;
}

/* Whatever the hostile peer did: the honest one is served, and the room closes clean. */
static int close_room(void **state)
{
    (void)state;
    peer_check_alive(&honest, ++honest_id);
    assert_int_equal(room_gone(honest.link), 0);
    peer_close(&hostile);
    peer_close(&honest);
    peer_room_close(&room);
    return 0;
}

/* The hostile peer's link ends with that code, told to it and to the hooks. */
static void expect_refused(int code, const char *words)
{
    char text[512];
    assert_true(peer_told(&hostile, code));
    assert_int_equal(room_wait_gone(&room, hostile.link, text), code);
    if (strstr(text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
    assert_true(room_reported(words));
    assert_int_equal(peer_room_stats(&room).links_refused, 1);
    assert_int_equal(peer_room_stats(&room).links, 1);
}

static void send_bytes(const char *bytes, size_t size)
{
    peer_send(&hostile, (const uint8_t *)bytes, size);
}
#define SEND(bytes) send_bytes(bytes, sizeof(bytes) - 1)

/* ---- hello ----------------------------------------------------------------------------------- */

static void send_hello(uint32_t protocol, const char *role)
{
    uint8_t hello[256] = {0x86, 0x00, (uint8_t)protocol, 0x18, 0x64, 0x18, 0x64, 0x80, 0x81};
    size_t size = strlen(role);
    hello[9] = (uint8_t)(0x60 | size);
    memcpy(hello + 10, role, size);
    peer_send(&hostile, hello, 10 + size);
}

static void test_other_protocol_version_is_refused(void **state)
{
    (void)state;
    peer_join(&room, &hostile, "far");
    send_hello(7, "far");
    expect_refused(TROUPE_EPROTOCOL, "the peer speaks protocol 7, this process 1");
}

static void test_other_roles_than_granted_are_refused(void **state)
{
    (void)state;
    peer_join(&room, &hostile, "far");
    send_hello(1, "near");
    expect_refused(TROUPE_EPROTOCOL, "other roles");
}

static void test_second_hello_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    peer_say_hello(&hostile);
    expect_refused(TROUPE_EPROTOCOL, "a second hello");
}

static void test_anything_before_hello_is_refused(void **state)
{
    (void)state;
    peer_join(&room, &hostile, "far");
    peer_request(&hostile, 1, 1, ECHO, NULL, 0);
    expect_refused(TROUPE_EPROTOCOL, "before hello");
    assert_int_equal(room_up(hostile.link), 0);
}

static void test_silence_instead_of_hello_ends_the_link(void **state)
{
    (void)state;
    double begun = now_s();
    char text[512];
    peer_join(&room, &hostile, "far");
    assert_int_equal(room_wait_gone(&room, hostile.link, text), TROUPE_ETIMEOUT);
    assert_non_null(strstr(text, "hello"));
    assert_true(now_s() - begun >= TROUPE_HELLO_MS * 1e-3 * 0.9);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void test_malformed_frame_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    SEND("\x82\x05\x18\x05"); /* cancel 5, not in its shortest form */
    expect_refused(TROUPE_EMALFORMED, "shortest");
}

static void test_unknown_frame_kind_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    SEND("\x81\x18\x63");
    expect_refused(TROUPE_EPROTOCOL, "unknown kind 99");
}

static void test_event_on_the_request_socket_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    SEND("\x88\x04\x19\x03\x85\x01\x00\x01\x01\xa0\x80");
    expect_refused(TROUPE_EPROTOCOL, "an event on the request socket");
}

static void test_request_on_the_event_socket_is_refused(void **state)
{
    (void)state;
    static const uint8_t heartbeat[] = {0x83, 0x0c, 0x01, 0x80, 0x00};
    peer_open(&room, &hostile, "far");
    peer_publish(&hostile, heartbeat, sizeof heartbeat);
    expect_refused(TROUPE_EPROTOCOL, "an event socket");
}

/* A frame cut at each of its bytes is malformed, never read beyond, never waited for. */
static void test_frame_cut_at_each_byte_is_refused(void **state)
{
    (void)state;
    static const uint8_t args[] = {0xa2, 0x00, 0x18, 0x2a, 0x01, 0x62, 'o', 'k'};
    uint8_t whole[128];
    struct frame_request request = {.id = 1,
                                    .target = 1,
                                    .interface = probe_interface.id,
                                    .method = ECHO,
                                    .budget_ms = 1000,
                                    .body = {.data = {.data = args, .size = sizeof args}}};
    size_t size = ti_frame_write_request(whole, sizeof whole, &request);
    for (size_t cut = 1; cut < size; cut++) {
        peer_open(&room, &hostile, "far");
        peer_send(&hostile, whole, cut);
        assert_true(peer_told(&hostile, TROUPE_EMALFORMED));
        assert_int_equal(room_wait_gone(&room, hostile.link, NULL), TROUPE_EMALFORMED);
        peer_close(&hostile);
        hostile.fd = hostile.listens = hostile.tells = -1;
    }
    assert_int_equal(peer_room_stats(&room).links_refused, size - 1);
}

/* ---- framing --------------------------------------------------------------------------------- */

static void test_announcing_a_gigabyte_ends_the_link_and_costs_nothing(void **state)
{
    (void)state;
    static const uint8_t head[] = {0, 0, 0, 0, 0x40, 0, 0, 0};
    peer_open(&room, &hostile, "far");
    long before = resident_kib();
    peer_write(hostile.fd, head, sizeof head);
    assert_int_equal(room_wait_gone(&room, hostile.link, NULL), TROUPE_ELOST);
    assert_true(resident_kib() - before < 4096);
}

static void test_announcing_a_gigabyte_of_event_ends_the_link(void **state)
{
    (void)state;
    static const uint8_t head[] = {0, 0, 0, 0, 0x40, 0, 0, 0};
    peer_open(&room, &hostile, "far");
    peer_write(hostile.tells, head, sizeof head);
    assert_int_equal(room_wait_gone(&room, hostile.link, NULL), TROUPE_ELOST);
}

/* NNG's own 16 bytes, cut at each: the link ends, by the death of its socket or without a hello. */
static void test_peer_that_stops_reading_at_each_byte_hurts_nobody(void **state)
{
    (void)state;
    for (size_t i = 0; i < 24; i++) {
        uint8_t byte;
        peer_open(&room, &hostile, "far");
        peer_request(&hostile, 1, 1, ECHO, NULL, 0);
        for (size_t n = 0; n < i; n++) {
            assert_int_equal(recv(hostile.fd, &byte, 1, 0), 1);
        }
        shutdown(hostile.fd, SHUT_RD);
        peer_request(&hostile, 2, 1, ECHO, NULL, 0);
        peer_close(&hostile);
        hostile.fd = hostile.listens = hostile.tells = -1;
        assert_int_equal(room_wait_gone(&room, hostile.link, NULL), TROUPE_ELOST);
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static void test_request_id_used_twice_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    peer_check_alive(&hostile, 5);
    peer_request(&hostile, 5, 1, ECHO, NULL, 0);
    expect_refused(TROUPE_EPROTOCOL, "ids must rise");
}

static void test_falling_request_id_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    peer_check_alive(&hostile, 5);
    peer_request(&hostile, 4, 1, ECHO, NULL, 0);
    expect_refused(TROUPE_EPROTOCOL, "ids must rise");
}

static void expect_error(uint64_t id, int code)
{
    struct frame frame;
    peer_expect(&hostile, FRAME_ERROR, &frame);
    assert_int_equal(frame.error.id, id);
    assert_int_equal(frame.error.code, -code);
}

/* Rule 8: a number that was not handed over reaches nobody. */
static void test_forged_target_is_not_granted(void **state)
{
    (void)state;
    static const uint64_t forged[] = {2, 1000, 0x100000000, 0x100000001, UINT64_MAX};
    uint64_t id = 0;
    peer_open(&room, &hostile, "far");
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        peer_request(&hostile, ++id, forged[i], ECHO, NULL, 0);
        expect_error(id, TROUPE_EPERM);
    }
    peer_request(&hostile, 0, 1000, TELL, NULL, 0); /* a tell: nobody to answer */
    peer_check_alive(&hostile, ++id);
    assert_int_equal(peer_room_stats(&room).dead_letters, 1);
}

static const struct troupe_method *find_method(uint32_t ordinal)
{
    for (size_t i = 0; i < probe_interface.methods_count; i++) {
        if (probe_interface.methods[i].ordinal == ordinal) {
            return &probe_interface.methods[i];
        }
    }
    return NULL;
}

static void ask_the_bus(uint64_t id, uint32_t method)
{
    static const uint8_t empty[] = {0xa0};
    uint8_t to[64];
    struct frame_request request = {.id = id,
                                    .interface = bus_interface.id,
                                    .method = method,
                                    .budget_ms = bound_ms(5000),
                                    .body = {.data = {.data = empty, .size = 1}}};
    peer_send(&hostile, to, ti_frame_write_request(to, sizeof to, &request));
}

static void test_peer_may_ask_for_what_it_is_permitted_only(void **state)
{
    enum { LIST_LINKS = 4, OBSERVE = 7 };
    const struct troupe_permit permit[] = {{"probe", &probe_interface, find_method(TOLD)},
                                           {"another", &probe_interface, NULL}};
    struct frame frame;
    (void)state;
    room.permits = permit;
    room.permits_count = 2;
    peer_open(&room, &hostile, "far");
    room.permits = NULL;
    peer_request(&hostile, 1, 1, TOLD, NULL, 0);
    peer_expect(&hostile, FRAME_REPLY, &frame);
    peer_request(&hostile, 2, 1, ECHO, NULL, 0);
    expect_error(2, TROUPE_EPERM);
    peer_request(&hostile, 0, 1, TELL, NULL, 0);
    ask_the_bus(3, LIST_LINKS);
    peer_expect(&hostile, FRAME_REPLY, &frame);
    assert_int_equal(frame.reply.id, 3);
    ask_the_bus(4, OBSERVE);
    expect_error(4, TROUPE_EPERM);
    assert_int_equal(peer_room_stats(&room).dead_letters, 1); /* the tell */
}

static void relay_to(uint64_t id, uint64_t owner, uint64_t ref)
{
    uint8_t to[256];
    static const uint8_t args[] = {0xa2, 0x00, 0x00, 0x01, 0x07};
    struct frame_request request = {
        .id = id,
        .target = 1,
        .interface = probe_interface.id,
        .method = RELAY,
        .budget_ms = bound_ms(5000),
        .body = {.data = {.data = args, .size = sizeof args}, .refs_count = 1}};
    request.body.refs[0] = (struct frame_ref){.owner = (enum frame_owner)owner, .id = ref};
    peer_send(&hostile, to, ti_frame_write_request(to, sizeof to, &request));
}

static void test_forged_ref_is_refused(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    relay_to(1, FRAME_OWNER_RECEIVER, 0x100000001);
    expect_error(1, TROUPE_EREF);
    relay_to(2, FRAME_OWNER_RECEIVER, 0);
    expect_error(2, TROUPE_EREF);
    peer_check_alive(&hostile, 3);
}

static void test_dropped_ref_can_not_be_used_any_more(void **state)
{
    (void)state;
    uint8_t to[64];
    struct frame frame;
    peer_open(&room, &hostile, "far");
    peer_request(&hostile, 1, 1, SPAWN, NULL, 0);
    peer_expect(&hostile, FRAME_REPLY, &frame);
    assert_int_equal(frame.reply.body.refs_count, 1);
    assert_int_equal(frame.reply.body.refs[0].owner, FRAME_OWNER_SENDER);
    uint64_t child = frame.reply.body.refs[0].id;
    peer_request(&hostile, 2, child, TOLD, NULL, 0);
    peer_expect(&hostile, FRAME_REPLY, &frame);
    peer_send(&hostile, to, ti_frame_write_drop(to, sizeof to, child));
    peer_send(&hostile, to,
              ti_frame_write_drop(to, sizeof to, child)); /* once too often: nothing */
    peer_request(&hostile, 3, child, TOLD, NULL, 0);
    expect_error(3, TROUPE_EPERM);
    peer_request(&honest, ++honest_id, child, TOLD, NULL, 0); /* and it never was the other's */
    peer_expect(&honest, FRAME_ERROR, &frame);
    assert_int_equal(frame.error.code, -TROUPE_EPERM);
}

static void test_unknown_method_is_unimplemented_and_the_link_lives(void **state)
{
    (void)state;
    peer_open(&room, &hostile, "far");
    peer_request(&hostile, 1, 1, UNKNOWN, NULL, 0);
    expect_error(1, TROUPE_EUNIMPLEMENTED);
    peer_request(&hostile, 0, 1, UNKNOWN, NULL, 0);
    peer_check_alive(&hostile, 2);
    assert_int_equal(peer_room_stats(&room).dead_letters, 1);
}

static void test_arguments_of_the_wrong_type_are_invalid_and_the_link_lives(void **state)
{
    (void)state;
    static const uint8_t text_for_number[] = {0xa2, 0x00, 0x61, 'x', 0x01, 0x62, 'o', 'k'};
    static const uint8_t field_missing[] = {0xa1, 0x01, 0x62, 'o', 'k'};
    peer_open(&room, &hostile, "far");
    peer_request(&hostile, 1, 1, ECHO, text_for_number, sizeof text_for_number);
    expect_error(1, TROUPE_EINVAL);
    peer_request(&hostile, 2, 1, ECHO, field_missing, sizeof field_missing);
    expect_error(2, TROUPE_EINVAL);
    peer_check_alive(&hostile, 3);
}

/* An older peer has the methods of its version, and no others. */
static void test_feature_test_asks_for_the_version_that_brought_the_method(void **state)
{
    (void)state;
    struct troupe_interface newer = probe_interface; /* the peer's is of version 1 */
    newer.version = 2;
    struct troupe_method old_method = probe_interface.methods[0];
    old_method.interface = &newer;
    struct troupe_method new_method = old_method;
    new_method.since = 2;
    peer_open(&room, &hostile, "far");
    assert_true(troupe_gen_has(room.troupe, hostile.far, &old_method));
    assert_false(troupe_gen_has(room.troupe, hostile.far, &new_method));
}

static void test_expired_request_is_not_handled(void **state)
{
    (void)state;
    uint8_t to[256];
    static const uint8_t args[] = {0xa1, 0x00, 0x07};
    struct frame_request request = {.id = 1,
                                    .target = 1,
                                    .interface = probe_interface.id,
                                    .method = TELL,
                                    .budget_ms = 0,
                                    .body = {.data = {.data = args, .size = sizeof args}}};
    struct probe_told_results told;
    peer_open(&room, &hostile, "far");
    peer_send(&hostile, to, ti_frame_write_request(to, sizeof to, &request));
    expect_error(1, TROUPE_ETIMEOUT);
    assert_int_equal(probe_told(room.troupe, room.probe, &told, NULL, NULL), 0);
    assert_int_equal(told.times, 0);
}

/* ---- credits and windows --------------------------------------------------------------------- */

static void test_credit_for_more_than_was_sent_is_refused(void **state)
{
    (void)state;
    uint8_t to[64];
    struct frame_credit credit = {.channel = 0, .bytes = 0, .messages = 1};
    peer_open(&room, &hostile, "far");
    peer_send(&hostile, to, ti_frame_write_credit(to, sizeof to, &credit));
    expect_refused(TROUPE_EPROTOCOL, "credit for more than was sent");
}

/* A window and this together wrap around in 32 bits. */
static void test_credit_of_any_number_is_refused(void **state)
{
    (void)state;
    uint8_t to[64];
    struct frame_credit credit = {.channel = 0, .bytes = 0, .messages = UINT32_MAX};
    peer_open(&room, &hostile, "far");
    peer_send(&hostile, to, ti_frame_write_credit(to, sizeof to, &credit));
    expect_refused(TROUPE_EPROTOCOL, "credit for more than was sent");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        TEST(test_other_protocol_version_is_refused),
        TEST(test_other_roles_than_granted_are_refused),
        TEST(test_second_hello_is_refused),
        TEST(test_anything_before_hello_is_refused),
        TEST(test_silence_instead_of_hello_ends_the_link),
        TEST(test_malformed_frame_is_refused),
        TEST(test_unknown_frame_kind_is_refused),
        TEST(test_event_on_the_request_socket_is_refused),
        TEST(test_request_on_the_event_socket_is_refused),
        TEST(test_frame_cut_at_each_byte_is_refused),
        TEST(test_announcing_a_gigabyte_ends_the_link_and_costs_nothing),
        TEST(test_announcing_a_gigabyte_of_event_ends_the_link),
        TEST(test_peer_that_stops_reading_at_each_byte_hurts_nobody),
        TEST(test_request_id_used_twice_is_refused),
        TEST(test_falling_request_id_is_refused),
        TEST(test_forged_target_is_not_granted),
        TEST(test_peer_may_ask_for_what_it_is_permitted_only),
        TEST(test_forged_ref_is_refused),
        TEST(test_dropped_ref_can_not_be_used_any_more),
        TEST(test_unknown_method_is_unimplemented_and_the_link_lives),
        TEST(test_arguments_of_the_wrong_type_are_invalid_and_the_link_lives),
        TEST(test_feature_test_asks_for_the_version_that_brought_the_method),
        TEST(test_expired_request_is_not_handled),
        TEST(test_credit_for_more_than_was_sent_is_refused),
        TEST(test_credit_of_any_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) +
           (runner_in_valgrind()
                ? 0
                : cmocka_run_group_tests_name("with a bypass", tests, links_bypass, links_plain));
}
