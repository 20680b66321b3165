/* A process that is stopped, under load: the others go on as if nothing were, what was asked of it
 * completes or reports once it goes on, and every event is received or told lost by every subscriber.
 * Real processes (test/programs/phoenix.c). */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/storm.h"

enum { CALLS_MIN = 500, STALL_S = 10, TRIES = 3 };

struct calls {
    unsigned count;
    unsigned p50_us;
    unsigned p99_us;
};

/* The calls of the neighbour of `role` since the last mark. */
static struct calls mark(const char *role)
{
    char start[32];
    struct calls calls;
    storm_forget();
    storm_write("mark", "");
    runner_wait_line(&storm, "mark other");
    runner_wait_line(&storm, "mark probe");
    snprintf(start, sizeof start, "mark %s ", role);
    assert_int_equal(sscanf(strstr(storm.out.text, start) + strlen(start), "%u p50 %u us p99 %u us",
                            &calls.count, &calls.p50_us, &calls.p99_us),
                     3);
    storm_check_words();
    return calls;
}

/* For seconds, in a stress, and until there were enough of them. */
static struct calls collect(const char *role)
{
    double due = runner_now() + (storm_minutes() > 0 ? STALL_S : 0);
    mark(role);
    do {
        storm_moment(50000);
    } while (runner_now() < due);
    struct calls most = mark(role);
    unsigned count = most.count;
    double late = runner_now() + 20 * runner_slowness();
    while (count < CALLS_MIN / (runner_slowness() > 1 ? 10 : 1)) {
        assert_true(runner_now() < late);
        struct calls more = mark(role);
        count += more.count;
        most = more.count > most.count ? more : most;
    }
    return most;
}

/* True: the neighbour of `role` took less than twice its quiet time while `stopped` was. */
static bool stall(const char *stopped, const char *role)
{
    storm_start("--load=8", NULL, NULL);
    runner_wait_out(&storm, "loaded\n");
    struct calls quiet = collect(role);
    assert_int_equal(kill(storm_pid(stopped), SIGSTOP), 0);
    struct calls during = collect(role);
    assert_int_equal(kill(storm_pid(stopped), SIGCONT), 0);
    struct storm_count end = storm_pause();
    print_message("%s stopped: calls of another, quiet p50 %u us, p99 %u us; now p50 %u us, p99 %u "
                  "us\n",
                  stopped, quiet.p50_us, quiet.p99_us, during.p50_us, during.p99_us);
    print_message(
        "  %" PRIu64 " asks, %" PRIu64 " failed, %" PRIu64 " of them by deadline; %" PRIu64
        " events, lost here %" PRIu64 ", there %" PRIu64 "\n",
        end.asked, end.failed, end.timeouts, end.published, end.here_lost, end.there_lost);
    assert_int_equal(end.failed, end.timeouts); /* nobody died */
    storm_resume();
    assert_int_equal(storm_stop(), 0);
    return during.p99_us < 2 * quiet.p99_us;
}

/* In a stress the machine's own moods get a second and a third try. */
static void check_stall(const char *stopped, const char *role)
{
    unsigned tries = storm_minutes() > 0 ? TRIES : 1;
    bool good = false;
    while (!good && tries-- > 0) {
        good = stall(stopped, role);
    }
    assert_true(good || storm_minutes() <= 0);
}

static void test_stopped_server_holds_up_nobody_else(void **state)
{
    (void)state;
    check_stall("victim", "other");
}

/* It passes calls on, and subscribes to a flood. */
static void test_stopped_subscriber_holds_up_nobody_else(void **state)
{
    (void)state;
    check_stall("middle", "probe");
}

#define TEST(name) cmocka_unit_test_teardown(name, storm_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stopped_server_holds_up_nobody_else),
        TEST(test_stopped_subscriber_holds_up_nobody_else),
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* progress is to be seen */
    return cmocka_run_group_tests(tests, storm_setup, storm_teardown);
}
