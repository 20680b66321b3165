/* Shutdown under full load: it ends within the grace, in order, and every ask that was accepted is
 * answered or reported. Real processes (test/programs/phoenix.c). */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/launch.h"
#include "test/support/storm.h"

enum { ROUNDS_MAX = 1000, MOMENT_US = 20000 };

static void test_shutdown_under_load_ends_in_time_and_leaves_nothing_open(void **state)
{
    static double took[ROUNDS_MAX];
    unsigned rounds = storm_rounds(20, ROUNDS_MAX);
    uint64_t all = 0;
    /* The grace is in seconds, however slow the build. */
    const char *load = runner_slowness() > 1 ? "--load=4" : "--load=16";
    (void)state;
    for (unsigned i = 0; i < rounds; i++) {
        storm_start(load, NULL, NULL);
        runner_wait_out(&storm, "loaded\n");
        storm_moment(MOMENT_US);
        double begun = runner_now();
        int status = storm_stop();
        if (status != 0) {
            print_error("%s\n", storm.err.text);
        }
        assert_int_equal(status, 0);
        took[i] = runner_now() - begun;
        assert_true(took[i] < TL_GRACE_MS * 1e-3 * runner_slowness());
        all += storm_check_end();
        assert_int_equal(storm_children(getpid()), 0);
        if ((i + 1) % 100 == 0) {
            print_message("  %u of %u\n", i + 1, rounds);
        }
    }
    print_message("%u ends under load, %" PRIu64 " asks: p50 %.1f ms, p99 %.1f ms, most %.1f ms\n",
                  rounds, all, storm_percent(took, rounds, 50) * 1e3,
                  storm_percent(took, rounds, 99) * 1e3, storm_percent(took, rounds, 100) * 1e3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_shutdown_under_load_ends_in_time_and_leaves_nothing_open,
                                  storm_clean),
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* progress is to be seen */
    return cmocka_run_group_tests(tests, storm_setup, storm_teardown);
}
