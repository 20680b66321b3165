/* Death at every frame: each process of a program in turn is killed at the n-th frame that it sends or
 * reads, for every n, from the greeting of its first link to the last BYE. Every ask completes once,
 * and what can't go on ends. Real processes (test/programs/phoenix.c, test/support/mortal.c). */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/storm.h"

enum { STARTS_MAX = 2000 };

/* Lives end at frame 1, 1 + step, ... until one is longer than all that there is to say. */
static void die_at_each_frame(const char *name, unsigned step)
{
    char number[32];
    char variable[256];
    unsigned starts = 0;
    unsigned loads = 0;
    int status = 1;
    snprintf(number, sizeof number, "1 %u\n", step);
    storm_write("mortal", number);
    snprintf(variable, sizeof variable, "MORTAL=%s:%s", name, storm_path("mortal"));
    while (status != 0 && starts++ < STARTS_MAX) {
        storm_start("--load=1", "--once", variable);
        bool loaded = storm_says("\nloaded\n");
        if (loaded) {
            kill(storm.pid, SIGTERM);
            loads++;
        }
        status = runner_end(&storm);
        storm_check_words();
        if (status == 0) {
            storm_check_end();
        }
        runner_wait_orphans();
        assert_int_equal(storm_children(getpid()), 0);
    }
    assert_int_equal(status, 0);
    FILE *file = fopen(storm_path("mortal"), "re");
    assert_non_null(file);
    assert_non_null(fgets(number, sizeof number, file));
    fclose(file);
    print_message(
        "%s died at every %u. frame up to %lu, in %u starts, %u times when all was said\n", name,
        step, strtoul(number, NULL, 10) - 2 * step, starts, loads - 1);
}

/* All of them take their time: some, in `scons test`. */
static unsigned every(unsigned in_test)
{
    unsigned slower = runner_slowness() > 1 ? 5 : 1;
    return (storm_minutes() > 0 ? 1 : in_test) * slower;
}

static void test_server_may_die_at_every_frame(void **state)
{
    (void)state;
    die_at_each_frame("victim", every(9));
}

static void test_one_between_may_die_at_every_frame(void **state)
{
    (void)state;
    die_at_each_frame("middle", every(9));
}

static void test_launcher_may_die_at_every_frame(void **state)
{
    (void)state;
    die_at_each_frame("phoenix", every(15)); /* each is a start of the whole program */
}

#define TEST(name) cmocka_unit_test_teardown(name, storm_clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server_may_die_at_every_frame),
        TEST(test_one_between_may_die_at_every_frame),
        TEST(test_launcher_may_die_at_every_frame),
    };
    setvbuf(stdout, NULL, _IOLBF, 0); /* progress is to be seen */
    return cmocka_run_group_tests(tests, storm_setup, storm_teardown);
}
