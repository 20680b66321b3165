/* Links beside NNG: the rings, peers that lie in the shared memory, and what is left of a bypass when
 * one end has none. That a link behaves the same with and without one is shown where links are
 * tested: the tests of links, places and hostile peers run in both ways. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"

enum { ECHO = 1, BATCH_MAX = TROUPE_LINK_RECEIVE_BYTES_MAX };

/* ---- a ring ---------------------------------------------------------------------------------- */

static struct ti_ring ring;
static struct ti_ring_end out;
static struct ti_ring_end in;

/* Both ends as after 2^32 - `before` bytes. */
static void begin_at(uint32_t before)
{
    memset(&ring, 0, sizeof ring);
    atomic_store(&ring.head, -before);
    atomic_store(&ring.tail, -before);
    out = in = (struct ti_ring_end){.ring = &ring, .own = -before, .seen = -before};
}

static void test_counts_and_bytes_wrap(void **state)
{
    (void)state;
    uint8_t sent[1000];
    uint8_t came[1000];
    begin_at(TROUPE_BYPASS_BYTES * 2 + 500);
    for (uint32_t i = 0; i < TROUPE_BYPASS_BYTES * 4 / sizeof sent; i++) {
        memset(sent, (int)i, sizeof sent);
        assert_true(ti_ring_room(&out) >= sizeof sent);
        ti_ring_put(&out, sent, sizeof sent);
        assert_int_equal(ti_ring_show(&out, true), 0);
        assert_int_equal(ti_ring_filled(&in), sizeof sent);
        ti_ring_take(&in, came, sizeof came);
        assert_false(ti_ring_give_room(&in));
        assert_memory_equal(came, sent, sizeof sent);
    }
    assert_true(in.own < TROUPE_BYPASS_BYTES * 2);
}

static void test_full_ring_has_no_room_and_tells_when_there_is(void **state)
{
    (void)state;
    static uint8_t bytes[TROUPE_BYPASS_BYTES];
    begin_at(100);
    assert_true(ti_ring_sleep(&in, 7));
    ti_ring_put(&out, bytes, sizeof bytes);
    assert_int_equal(ti_ring_show(&out, true), 7);
    assert_int_equal(ti_ring_room(&out), 0);
    assert_false(ti_ring_sleep(&in, 7));
    ti_ring_want_room(&out);
    assert_int_equal(ti_ring_filled(&in), sizeof bytes);
    ti_ring_take(&in, bytes, 1);
    assert_false(ti_ring_give_room(&in)); /* for so little nobody is woken */
    assert_int_equal(ti_ring_room(&out), 1);
    ti_ring_take(&in, bytes, sizeof bytes - sizeof bytes / 4 - 1);
    assert_true(ti_ring_give_room(&in));
    assert_false(ti_ring_give_room(&in));
    assert_int_equal(ti_ring_room(&out), sizeof bytes - sizeof bytes / 4);
}

static void test_sleeper_is_woken_once_by_what_is_to_wake_it(void **state)
{
    (void)state;
    static uint8_t bytes[16];
    begin_at(100);
    assert_true(ti_ring_sleep(&in, 7));
    ti_ring_put(&out, bytes, sizeof bytes);
    assert_int_equal(ti_ring_show(&out, false), 0); /* more follows */
    assert_int_equal(ti_ring_filled(&in), sizeof bytes);
    ti_ring_put(&out, bytes, sizeof bytes);
    assert_int_equal(ti_ring_show(&out, true), 7);
    assert_int_equal(ti_ring_show(&out, true), 0);
}

static void test_counts_that_can_not_be_are_lies(void **state)
{
    (void)state;
    uint8_t bytes[100] = {0};
    begin_at(50);
    ti_ring_put(&out, bytes, sizeof bytes);
    ti_ring_show(&out, true);
    assert_int_equal(ti_ring_filled(&in), 100);
    ti_ring_take(&in, bytes, 10);
    assert_int_equal(ti_ring_filled(&in), 90);
    static const int64_t heads[] = {99, 9, 10 + TROUPE_BYPASS_BYTES + 1, -1, INT32_MAX};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        atomic_store(&ring.head, (uint32_t)(-50 + heads[i]));
        assert_int_equal(ti_ring_filled(&in), TI_RING_LIE);
    }
    atomic_store(&ring.tail, (uint32_t)(-50 + 10));
    assert_int_equal(ti_ring_room(&out), TROUPE_BYPASS_BYTES - 90);
    static const int64_t tails[] = {9, 101, -1, INT32_MAX};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        atomic_store(&ring.tail, (uint32_t)(-50 + tails[i]));
        assert_int_equal(ti_ring_room(&out), TI_RING_LIE);
    }
}

/* ---- peers that lie -------------------------------------------------------------------------- */

static struct room room;
static struct peer honest;
static struct peer hostile;
static uint64_t honest_id;

static void open_hostile(void)
{
    links_bypass(NULL);
    peer_open(&room, &hostile, "far");
    links_plain(NULL);
    peer_check_alive(&hostile, 1);
    peer_check_alive(&hostile, 2);
    assert_true(hostile.bypassed);
}

static int open_room(void **state)
{
    (void)state;
    peer_room_open(&room);
    peer_open(&room, &honest, "friend");
    honest_id = 0;
    open_hostile();
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    peer_check_alive(&honest, ++honest_id);
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
    peer_check_alive(&honest, ++honest_id);
}

static void set_head(uint32_t head)
{
    atomic_store(&hostile.out.ring->head, head);
    peer_ring(&hostile);
}

static void test_count_beyond_the_ring_is_refused(void **state)
{
    (void)state;
    set_head(hostile.out.own + TROUPE_BYPASS_BYTES + 1);
    expect_gone(TROUPE_EPROTOCOL, "count of bytes");
}

static void test_count_that_falls_is_refused(void **state)
{
    (void)state;
    set_head(hostile.out.own - 1);
    expect_gone(TROUPE_EPROTOCOL, "count of bytes");
}

static void test_peer_that_took_more_than_there_was_is_refused(void **state)
{
    (void)state;
    static const uint8_t args[] = {0xa2, 0x00, 0x18, 0x2a, 0x01, 0x62, 'o', 'k'};
    atomic_store(&hostile.in.ring->tail, hostile.in.own + 1000);
    peer_request(&hostile, 3, 1, ECHO, args, sizeof args);
    expect_gone(TROUPE_ELOST, "could not be sent");
}

static void put_size(uint32_t size, uint32_t bytes)
{
    ti_ring_put(&hostile.out, (const uint8_t *)&size, bytes);
    ti_ring_show(&hostile.out, true);
    peer_ring(&hostile);
}

static void test_batch_of_any_other_size_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t size;
        uint32_t bytes; /* of it that come */
    } sizes[] = {{0, 4}, {BATCH_MAX + 1, 4}, {UINT32_MAX, 4}, {8, 1}, {8, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        put_size(sizes[i].size, sizes[i].bytes);
        expect_gone(TROUPE_EPROTOCOL, "size of a batch");
        assert_true(peer_told(&hostile, TROUPE_EPROTOCOL));
        peer_close(&hostile);
        open_hostile();
    }
}

static void test_batch_beside_the_bypass_is_refused(void **state)
{
    (void)state;
    hostile.bypassing = false;
    peer_say_hello(&hostile);
    expect_gone(TROUPE_EPROTOCOL, "beside the bypass");
}

/* Whatever is read of bytes that change while they are read, it is one thing only. */
static void test_bytes_that_change_after_they_were_shown_hurt_nobody(void **state)
{
    (void)state;
    static const uint8_t args[] = {0xa2, 0x00, 0x18, 0x2a, 0x01, 0x62, 'o', 'k'};
    for (uint64_t id = 3; id < 300; id++) {
        uint32_t at = hostile.out.own;
        peer_request(&hostile, id, 1, ECHO, args, sizeof args);
        peer_ring(&hostile);
        for (uint32_t i = 0; i < 64; i++) {
            hostile.out.ring->data[(at + i) % TROUPE_BYPASS_BYTES] = (uint8_t)(id + i);
        }
        if (room_gone(hostile.link) != 0) {
            peer_close(&hostile);
            open_hostile();
        }
    }
}

static void test_peer_that_never_wakes_is_not_heard(void **state)
{
    (void)state;
    int bell = hostile.bell_out;
    int pipe_ends[2];
    struct frame frame;
    assert_int_equal(pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC), 0);
    hostile.bell_out = pipe_ends[1];
    peer_request(&hostile, 3, 1, ECHO, NULL, 0);
    peer_check_alive(&honest, ++honest_id);
    assert_int_equal(room_gone(hostile.link), 0);
    hostile.bell_out = bell;
    peer_ring(&hostile);
    peer_expect(&hostile, FRAME_ERROR, &frame);
    assert_int_equal(frame.error.id, 3);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

/* Its bell is rung until it is full, and its flags are turned over, while others are served. */
static void test_peer_that_plays_with_bells_and_flags_hurts_nobody(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 1000; k++) {
            peer_ring(&hostile);
            atomic_store(&hostile.out.ring->sleeps, (uint32_t)k);
            atomic_store(&hostile.in.ring->room_wanted, 1);
            atomic_store(&hostile.rings->states[0], (uint32_t)k);
            atomic_store(&hostile.rings->states[1], (uint32_t)k);
        }
        peer_check_alive(&honest, ++honest_id);
    }
    assert_int_equal(room_gone(hostile.link), 0);
}

/* A caller of ours waits on the futex of a peer that wakes it at the wrong time, or not. */
static void test_caller_of_a_peer_that_does_not_answer_waits_for_its_deadline(void **state)
{
    (void)state;
    struct probe_told_results results;
    struct troupe_options options = {.deadline_ms = 100};
    for (int i = 0; i < 3; i++) {
        double begun = now_s();
        assert_int_equal(probe_told(room.troupe, hostile.far, &results, NULL, &options),
                         TROUPE_ETIMEOUT);
        assert_true(now_s() - begun >= 0.1);
        atomic_store(&hostile.out.ring->sleeps, 0);
    }
    struct frame frame;
    peer_request(&hostile, 3, 1, ECHO, NULL, 0);
    peer_ring(&hostile); /* which it alone knows to be needed now */
    peer_expect(&hostile, FRAME_ERROR, &frame);
    assert_int_equal(frame.error.id, 3);
}

/* ---- full both ways -------------------------------------------------------------------------- */

/* It sends until all is sent, and reads only then: the room must take while it can't give. */
static void test_rings_full_both_ways_do_not_stop_each_other(void **state)
{
    (void)state;
    enum { CALLS = 500, TEXT = 1000 };
    static uint8_t args[TEXT + 16];
    size_t size = 0;
    struct frame frame;
    args[size++] = 0xa2;
    args[size++] = 0x00;
    args[size++] = 0x07;
    args[size++] = 0x01;
    args[size++] = 0x79;
    args[size++] = TEXT >> 8;
    args[size++] = TEXT & 0xff;
    memset(args + size, 'x', TEXT);
    size += TEXT;
    for (uint64_t id = 3; id < 3 + CALLS; id++) {
        peer_request(&hostile, id, 1, ECHO, args, size);
    }
    for (uint64_t id = 3; id < 3 + CALLS; id++) {
        peer_expect(&hostile, FRAME_REPLY, &frame);
        assert_int_equal(frame.reply.id, id);
        assert_int_equal(frame.reply.body.data.size, size);
    }
}

/* ---- callers that receive by themselves ------------------------------------------------------ */

enum { CALLERS = 4, CALLS_EACH = 4000 };

static void *call_often(void *answered)
{
    struct probe_echo_args args = {.number = 1, .text = troupe_text("ok")};
    struct probe_echo_results results;
    for (int i = 0; i < CALLS_EACH; i++) {
        if (probe_echo(places.troupe, places.probe, &args, &results, NULL, NULL) == 0) {
            atomic_fetch_add((atomic_uint *)answered, 1);
            troupe_release(results.message);
        }
    }
    return NULL;
}

/* One leads, the others and the loop take over from it: no wake-up is lost. */
static void test_callers_at_once_are_all_answered(void **state)
{
    (void)state;
    for (int callers = 1; callers <= CALLERS; callers++) {
        pthread_t threads[CALLERS];
        atomic_uint answered = 0;
        for (int i = 0; i < callers; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, call_often, &answered), 0);
        }
        for (int i = 0; i < callers; i++) {
            pthread_join(threads[i], NULL);
        }
        assert_int_equal(atomic_load(&answered), callers * CALLS_EACH);
    }
}

/* ---- a bypass at one end --------------------------------------------------------------------- */

static void test_peer_without_a_bypass_is_spoken_to_by_nng(void **state)
{
    (void)state;
    struct peer old;
    struct frame frame;
    links_bypass(NULL);
    peer_join(&room, &old, "far2");
    links_plain(NULL);
    struct ti_shared_rings *rings = old.rings;
    atomic_store(&rings->states[1], 0); /* an older one was not even told that there is one */
    old.rings = NULL;
    peer_say_hello(&old);
    peer_expect(&old, FRAME_HELLO, &frame);
    for (uint64_t id = 1; id < 10; id++) {
        peer_check_alive(&old, id);
    }
    old.rings = rings;
    peer_close(&old);
}

static void test_memory_that_is_not_sealed_is_not_used(void **state)
{
    (void)state;
    struct troupe_bypass ends[2];
    assert_int_equal(troupe_host_bypass(ends), 0);
    struct ti_shared_rings *good = ti_rings_map(ends[0].memory_fd);
    assert_non_null(good);
    ti_rings_unmap(good);
    assert_int_equal(ftruncate(ends[0].memory_fd, 4096), -1);
    int open = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(open, sizeof(struct ti_shared_rings)), 0);
    assert_null(ti_rings_map(open));
    assert_int_equal(fcntl(open, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_null(ti_rings_map(open));
    int small = memfd_create("small", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(small, 4096), 0);
    assert_int_equal(fcntl(small, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
    assert_null(ti_rings_map(small));
    assert_null(ti_rings_map(ends[0].bell_in_fd));
    int fds[] = {open,
                 small,
                 ends[0].memory_fd,
                 ends[0].bell_in_fd,
                 ends[0].bell_out_fd,
                 ends[1].memory_fd,
                 ends[1].bell_in_fd,
                 ends[1].bell_out_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        close(fds[i]);
    }
}

int main(void)
{
#define LIE(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_and_bytes_wrap),
        cmocka_unit_test(test_full_ring_has_no_room_and_tells_when_there_is),
        cmocka_unit_test(test_sleeper_is_woken_once_by_what_is_to_wake_it),
        cmocka_unit_test(test_counts_that_can_not_be_are_lies),
        LIE(test_count_beyond_the_ring_is_refused),
        LIE(test_count_that_falls_is_refused),
        LIE(test_peer_that_took_more_than_there_was_is_refused),
        LIE(test_batch_of_any_other_size_is_refused),
        LIE(test_batch_beside_the_bypass_is_refused),
        LIE(test_bytes_that_change_after_they_were_shown_hurt_nobody),
        LIE(test_peer_that_never_wakes_is_not_heard),
        LIE(test_peer_that_plays_with_bells_and_flags_hurts_nobody),
        LIE(test_caller_of_a_peer_that_does_not_answer_waits_for_its_deadline),
        LIE(test_rings_full_both_ways_do_not_stop_each_other),
        cmocka_unit_test_setup_teardown(test_callers_at_once_are_all_answered,
                                        places_setup_quick_bypass_two, places_teardown),
        cmocka_unit_test_setup_teardown(test_callers_at_once_are_all_answered,
                                        places_setup_bypass_two, places_teardown),
        LIE(test_peer_without_a_bypass_is_spoken_to_by_nng),
        cmocka_unit_test(test_memory_that_is_not_sealed_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
