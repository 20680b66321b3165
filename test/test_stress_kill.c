/* Death at any moment, drawn by lot, of each process of a program, under load. Every ask completes
 * once, what died comes back, nothing is left open and nothing grows. Real processes
 * (test/programs/phoenix.c). */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/storm.h"

enum {
    ROUNDS_MAX = 10000,
    WARM_UP = 10,
    MOMENT_US = 8000,
    PROGRESS = 500,
    GROWTH_KIB =
        4096, /* more than an allocator's moods, less than half a KiB a round in a stress */
};

/* ---- at any moment --------------------------------------------------------------------------- */

static bool is_as_before(void *user)
{
    const struct storm_size *before = user;
    struct storm_size now = storm_size(storm.pid);
    return now.fds == before->fds && now.threads == before->threads &&
           storm_children(storm.pid) == 2;
}

static bool survivor_is_as_before(void *user)
{
    const struct storm_size *before = user;
    struct storm_size now = storm_size(storm_pid("middle"));
    return now.fds == before->fds && now.threads == before->threads;
}

static bool victim_is_as_before(void *user)
{
    const struct storm_size *before = user;
    struct storm_size now = storm_size(storm_pid("victim"));
    return now.fds == before->fds && now.threads == before->threads;
}

static void check_growth(const char *name, const struct storm_size *before, pid_t pid)
{
    struct storm_size now = storm_size(pid);
    long growth = now.resident_kib - before->resident_kib;
    print_message("  %s: %u descriptors, %u threads as before; %ld KiB resident, %+ld KiB\n", name,
                  now.fds, now.threads, now.resident_kib, growth);
    if (runner_slowness() <= 1) { /* a checker keeps what was freed */
        assert_true(growth < GROWTH_KIB);
    }
}

/* `other` NULL: one is killed in each round; else both at a time, and only the launcher survives. */
static void kill_at_random(const char *name, const char *other, unsigned rounds)
{
    static double took[ROUNDS_MAX];
    struct storm_size launcher = {0};
    struct storm_size survivor = {0};
    bool is_victim = strcmp(name, "victim") == 0;
    const char *lives = is_victim ? "middle" : "victim";
    struct storm_count count = {0};
    unsigned deaths = 0;
    unsigned warm_up = rounds / 10 < WARM_UP ? rounds / 10 : WARM_UP;
    double begun = runner_now();
    storm_start("--load=12", NULL, NULL);
    runner_wait_out(&storm, "loaded\n");
    for (unsigned i = 0; i < rounds; i++) {
        if (i == warm_up) {
            storm_pause();
            launcher = storm_size(storm.pid);
            survivor = storm_size(storm_pid(lives));
            storm_resume();
        }
        storm_forget();
        storm_moment(MOMENT_US);
        double killed = runner_now();
        assert_int_equal(kill(storm_pid(name), SIGKILL), 0);
        deaths++;
        if (other != NULL) {
            assert_int_equal(kill(storm_pid(other), SIGKILL), 0);
            deaths++;
        }
        count = storm_wait_round(deaths);
        took[i] = count.gone - killed;
        if (storm_minutes() > 0 && (i + 1) % PROGRESS == 0) {
            print_message("  %s: %u kills, %.0f s\n", name, i + 1, runner_now() - begun);
        }
    }
    storm_pause();
    runner_wait(is_as_before, &launcher);
    if (other == NULL) {
        runner_wait(is_victim ? survivor_is_as_before : victim_is_as_before, &survivor);
    }
    print_message("%u kills of %s%s%s in %.1f s, %" PRIu64 " asks, %" PRIu64
                  " of them failed; noticed: p50 %.2f ms, p99 %.2f ms\n",
                  rounds, name, other != NULL ? " and " : "", other != NULL ? other : "",
                  runner_now() - begun, count.asked, count.failed,
                  storm_percent(took, rounds, 50) * 1e3, storm_percent(took, rounds, 99) * 1e3);
    check_growth("launcher", &launcher, storm.pid);
    if (other == NULL) {
        check_growth("survivor", &survivor, storm_pid(lives));
    }
    assert_int_equal(storm_stop(), 0);
}

static void test_server_may_die_at_any_moment(void **state)
{
    (void)state;
    kill_at_random("victim", NULL, storm_rounds(90, 4500));
}

static void test_one_between_may_die_at_any_moment(void **state)
{
    (void)state;
    kill_at_random("middle", NULL, storm_rounds(80, 4500));
}

static void test_both_may_die_at_any_moment(void **state)
{
    (void)state;
    kill_at_random("middle", "victim", storm_rounds(20, 500));
}

/* Nobody is left to restart anything: all go with it, at once. */
static void test_launcher_may_die_at_any_moment(void **state)
{
    static double took[ROUNDS_MAX];
    unsigned rounds = storm_rounds(10, 500);
    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        storm_start("--load=12", NULL, NULL);
        runner_wait_out(&storm, storm_draw(3) == 0 ? "front " : "loaded\n");
        storm_moment(MOMENT_US);
        double killed = runner_now();
        assert_int_equal(kill(storm.pid, SIGKILL), 0);
        assert_int_equal(runner_end(&storm), 1000 + SIGKILL);
        runner_wait_orphans();
        took[i] = runner_now() - killed;
        storm_check_words();
        assert_int_equal(storm_children(getpid()), 0);
    }
    print_message("%u kills of the launcher; all its processes dead: p50 %.2f ms, p99 %.2f ms\n",
                  rounds, storm_percent(took, rounds, 50) * 1e3,
                  storm_percent(took, rounds, 99) * 1e3);
}

#define TEST(name) cmocka_unit_test_teardown(name, storm_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server_may_die_at_any_moment),
        TEST(test_one_between_may_die_at_any_moment),
        TEST(test_both_may_die_at_any_moment),
        TEST(test_launcher_may_die_at_any_moment),
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* progress is to be seen */
    return cmocka_run_group_tests(tests, storm_setup, storm_teardown);
}
