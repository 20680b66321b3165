/* Everything at once for minutes (seconds, in `scons test`): asks, streams, blobs, events, cancels,
 * forwards, and processes that die and come back. At the end nothing is open, in no process, and
 * every event is accounted for. Real processes (test/programs/phoenix.c). */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "test/support/storm.h"

enum { TEST_S = 2, BETWEEN_US = 500000, PROGRESS_S = 30, DEATHS_MIN = 3 };

static void test_counters_balance_after_a_mixed_load_with_restarts(void **state)
{
    unsigned deaths = 0;
    double begun = runner_now();
    double said = begun;
    double due = begun + (storm_minutes() > 0 ? storm_minutes() * 60 : TEST_S);
    struct storm_count count = {0};
    (void)state;
    storm_start("--load=16", NULL, NULL);
    runner_wait_out(&storm, "loaded\n");
    storm_pause();
    struct storm_size before = storm_size(storm.pid);
    storm_resume();
    while (runner_now() < due || deaths < DEATHS_MIN) {
        unsigned who = storm_draw(4);
        storm_moment(BETWEEN_US);
        storm_forget();
        if (who <= 2) {
            assert_int_equal(kill(storm_pid("victim"), SIGKILL), 0);
            deaths++;
        }
        if (who >= 2) {
            assert_int_equal(kill(storm_pid("middle"), SIGKILL), 0);
            deaths++;
        }
        count = storm_wait_round(deaths);
        if (storm_minutes() > 0 && runner_now() - said > PROGRESS_S) {
            said = runner_now();
            print_message("  %.0f s: %" PRIu64 " asks, %u deaths, %ld KiB resident\n", said - begun,
                          count.asked, deaths, storm_size(storm.pid).resident_kib);
        }
    }
    count = storm_pause();
    struct storm_size after = storm_size(storm.pid);
    print_message("%.0f s: %" PRIu64 " asks, all completed once, %" PRIu64 " failed in %u deaths; "
                  "%" PRIu64 " events of the last publisher, lost here %" PRIu64 ", there %" PRIu64
                  "; launcher %ld KiB resident, %+ld KiB\n",
                  runner_now() - begun, count.asked, count.failed, deaths, count.published,
                  count.here_lost, count.there_lost, after.resident_kib,
                  after.resident_kib - before.resident_kib);
    assert_int_equal(after.fds, before.fds);
    assert_int_equal(after.threads, before.threads);
    assert_int_equal(storm_children(storm.pid), 2);
    storm_resume();
    assert_int_equal(storm_stop(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_counters_balance_after_a_mixed_load_with_restarts,
                                  storm_clean),
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* progress is to be seen */
    return cmocka_run_group_tests(tests, storm_setup, storm_teardown);
}
