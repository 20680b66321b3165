/* Every way to end a program of several processes, and that it leaves nothing: signals, its own
 * will, deaths, hangs. Real processes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/runner.h"

static char folder[64];  /* of this test program */
static char datadir[96]; /* --datadir=... of one test */
static struct runner trio;

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    return path;
}

static bool exists(void *name)
{
    struct stat status;
    return lstat(in_folder(name), &status) == 0;
}

static bool is_gone(void *name)
{
    return !exists(name);
}

static void assert_says(const struct runner *runner, const char *text)
{
    if (strstr(runner->err.text, text) == NULL) {
        print_error("stderr is to have \"%s\":\n%s\n", text, runner->err.text);
        fail();
    }
}

/* ---- how it ends ----------------------------------------------------------------------------- */

static void test_signals_end_it_in_order(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        runner_start(&trio, NULL, datadir, NULL);
        runner_wait_out(&trio, "sum 7 event 7\n");
        assert_true(exists("control.sock"));
        kill(trio.pid, signals[i]);
        assert_int_equal(runner_end(&trio), 0);
        assert_string_equal(trio.err.text, "");
        assert_true(is_gone("control.sock"));
    }
}

static void test_signal_while_starting_ends_it(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, NULL);
    runner_number(&trio, "store"); /* the others are still to come */
    kill(trio.pid, SIGINT);
    assert_int_equal(runner_end(&trio), 0);
    assert_true(is_gone("control.sock"));
}

static void test_exit_status_is_what_quit_says(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--then=quit42", NULL);
    assert_int_equal(runner_end(&trio), 42);
}

static void test_end_of_front_role_ends_it(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--then=end", NULL);
    assert_int_equal(runner_end(&trio), 0);
    assert_string_equal(trio.err.text, "");
}

static void test_death_of_a_child_ends_it_and_is_said(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    kill(runner_number(&trio, "middle"), SIGKILL);
    assert_int_equal(runner_end(&trio), 1);
    assert_says(&trio, "trio: process middle was killed by signal 9 (Killed)\n");
}

static void test_death_of_the_launcher_ends_the_children(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    kill(trio.pid, SIGKILL);
    assert_int_equal(runner_end(&trio), 1000 + SIGKILL); /* the children have let stdout go, too */
    runner_wait_orphans();
    assert_true(exists("control.sock")); /* a stale one, which is no hindrance */
    runner_start(&trio, NULL, datadir, "--then=quit0", NULL);
    assert_int_equal(runner_end(&trio), 0);
}

/* True under valgrind, with the reason said: the memory of what is ended by force counts as lost. */
static bool skips_force(void)
{
    if (runner_in_valgrind()) {
        print_message("skip: what is ended by force frees nothing, which valgrind reports\n");
    }
    return runner_in_valgrind();
}

static void test_hanging_child_is_ended_by_force(void **state)
{
    (void)state;
    if (skips_force()) {
        skip();
    }
    runner_start(&trio, NULL, datadir, "--hang=middle", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    double started = runner_now();
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 1);
    assert_true(runner_now() - started < 8 * runner_slowness());
    assert_says(&trio, "process middle did not stop within 5 s");
    assert_says(&trio, "ended by force");
}

static void test_stopped_child_is_killed(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    kill(runner_number(&trio, "store"), SIGSTOP);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 1);
    assert_says(&trio, "process store did not stop within 5 s");
}

static void test_hang_in_its_own_process_ends_by_watchdog(void **state)
{
    (void)state;
    if (skips_force()) {
        skip();
    }
    runner_start(&trio, NULL, datadir, "--hang=store", "--split=middle", "--then=quit0", NULL);
    assert_int_equal(runner_end(&trio), 1);
    assert_says(&trio, "process front did not stop within 5 s");
    assert_true(is_gone("control.sock"));
}

static void second_signal(const char *split)
{
    runner_start(&trio, NULL, datadir, "--hang=middle", split, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    double started = runner_now();
    kill(trio.pid, SIGINT);
    runner_wait(is_gone, "control.sock"); /* the first thing that stopping does */
    kill(trio.pid, SIGINT);
    assert_int_equal(runner_end(&trio), 130);
    assert_true(runner_now() - started < 4 * runner_slowness());
}

static void test_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    if (skips_force()) {
        skip();
    }
    second_signal("--split=all");
    second_signal("--split=none");
}

/* ---- the group ------------------------------------------------------------------------------- */

static int clean(void **state)
{
    runner_kill(&trio);
    static const char *const names[] = {"control.sock", "store.lock", "trio.ini", "trio"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_folder(names[i]));
    }
    return runner_no_child_left(state);
}

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/test_launcher_end.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    return runner_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_signals_end_it_in_order),
        TEST(test_signal_while_starting_ends_it),
        TEST(test_exit_status_is_what_quit_says),
        TEST(test_end_of_front_role_ends_it),
        TEST(test_death_of_a_child_ends_it_and_is_said),
        TEST(test_death_of_the_launcher_ends_the_children),
        TEST(test_hanging_child_is_ended_by_force),
        TEST(test_stopped_child_is_killed),
        TEST(test_hang_in_its_own_process_ends_by_watchdog),
        TEST(test_second_signal_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
