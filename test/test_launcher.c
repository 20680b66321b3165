/* What an operating system sees of a program made of roles while it comes up: which process a role
 * lives in, what that process holds, what is left when it can't be started. Real processes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

/* ---- where roles live ------------------------------------------------------------------------ */

static void test_three_processes_call_and_publish(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    pid_t store = runner_number(&trio, "store");
    pid_t middle = runner_number(&trio, "middle");
    assert_int_equal(runner_number(&trio, "front"), trio.pid);
    assert_true(store != middle && store != trio.pid && middle != trio.pid);
    assert_int_equal(runner_end(&trio), 0);
    assert_string_equal(trio.err.text, "");
}

static void test_split_none_is_one_process(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--split=none", "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_number(&trio, "store"), trio.pid);
    assert_int_equal(runner_number(&trio, "middle"), trio.pid);
    assert_int_equal(runner_number(&trio, "front"), trio.pid);
    assert_int_equal(runner_end(&trio), 0);
}

static void test_split_list_names_who_gets_a_process(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--split=middle", "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_number(&trio, "store"), trio.pid);
    assert_true(runner_number(&trio, "middle") != trio.pid);
    assert_int_equal(runner_end(&trio), 0);
}

static void test_pinned_front_runs_in_the_main_loop(void **state)
{
    static const struct runner_options pinned = {.variable = "TRIO_PINNED=1"};
    (void)state;
    runner_start(&trio, &pinned, datadir, "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_end(&trio), 0);
    runner_start(&trio, &pinned, datadir, "--split=none", "--then=end", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_end(&trio), 0);
}

static void test_children_lead_groups_of_their_own(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    pid_t store = runner_number(&trio, "store");
    assert_int_equal(getpgid(store), store);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
}

static void test_program_without_stdio_runs(void **state)
{
    static const struct runner_options options = {.no_stdio = true};
    (void)state;
    runner_start(&trio, &options, datadir, "--then=quit5", NULL);
    assert_int_equal(runner_end(&trio), 5);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

struct held {
    int stdio;
    int sockets;
    int bus;   /* NNG's and the bus's own */
    int bells; /* of bypasses: pipes */
    int lock;
    int other;
};

static struct held count_held(const char *text)
{
    struct held held = {0};
    char line[256];
    int fd;
    for (; sscanf(text, "%d %255[^\n]\n", &fd, line) == 2; text = strchr(text, '\n') + 1) {
        if (fd <= STDERR_FILENO) {
            held.stdio += fd == STDIN_FILENO ? strcmp(line, "/dev/null") == 0
                                             : strncmp(line, "pipe:", 5) == 0;
        } else if (strncmp(line, "socket:", 7) == 0) {
            held.sockets++;
        } else if (strncmp(line, "pipe:", 5) == 0) {
            held.bells++;
        } else if (strncmp(line, "anon_inode:[event", 17) == 0) {
            held.bus++;
        } else if (strstr(line, "store.lock") != NULL) {
            held.lock++;
        } else if (!runner_in_valgrind()) { /* which has some of its own */
            print_message("# holds %d %s\n", fd, line);
            held.other++;
        }
    }
    return held;
}

static void test_child_holds_only_what_it_was_granted(void **state)
{
    static struct runner client;
    int foreign = fcntl(STDERR_FILENO, F_DUPFD, 100); /* inheritable, and not for the children */
    (void)state;
    assert_true(foreign >= 100);
    runner_start(&trio, NULL, datadir, NULL);
    close(foreign);
    runner_wait_out(&trio, "sum 7 event 7\n");
    runner_start(&client, NULL, datadir, "descriptors", "store", NULL);
    assert_int_equal(runner_end(&client), 0);
    struct held held = count_held(client.out.text);
    assert_int_equal(held.stdio, 3);
    assert_int_equal(held.sockets, 1 + 2 * 3); /* control; calls and events of three users */
    assert_int_equal(held.bells, 2 * 3);
    assert_int_equal(held.lock, 1);
    assert_int_equal(held.other, 0);
    assert_true(held.bus <= 8);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
}

static void test_links_have_no_bypass_where_it_is_off(void **state)
{
    static struct runner client;
    static const struct runner_options off = {.variable = "TROUPE_BYPASS=off"};
    (void)state;
    runner_start(&trio, &off, datadir, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    runner_start(&client, NULL, datadir, "descriptors", "store", NULL);
    assert_int_equal(runner_end(&client), 0);
    struct held held = count_held(client.out.text);
    assert_int_equal(held.sockets, 1 + 2 * 3);
    assert_int_equal(held.bells, 0);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
}

/* ---- what can fail at the start -------------------------------------------------------------- */

static void test_failing_start_is_said_and_leaves_nothing(void **state)
{
    static const char *const roles[] = {"store", "middle", "front"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char option[32];
        char report[64];
        snprintf(option, sizeof option, "--fail=%s", roles[i]);
        snprintf(report, sizeof report, "%s: this role was told to fail\n", roles[i]);
        runner_start(&trio, NULL, datadir, option, NULL);
        assert_int_equal(runner_end(&trio), 1);
        assert_says(&trio, report);
        assert_null(strstr(trio.err.text, "trio: role")); /* nor is it said again, in other words */
        assert_true(is_gone("control.sock"));
    }
}

static void test_locked_store_is_said(void **state)
{
    (void)state;
    int lock = open(in_folder("store.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    runner_start(&trio, NULL, datadir, NULL);
    assert_int_equal(runner_end(&trio), 1);
    assert_says(&trio, "store.lock is locked by another process");
    close(lock);
}

static void test_exec_failure_says_path_and_reason(void **state)
{
    char path[128];
    char option[160];
    char report[256];
    (void)state;
    snprintf(path, sizeof path, "%s/trio", folder);
    runner_copy(path);
    snprintf(option, sizeof option, "--break-exec=%s", path);
    struct runner_options options = {.program = path};
    runner_start(&trio, &options, datadir, option, NULL);
    assert_int_equal(runner_end(&trio), 1);
    snprintf(report, sizeof report, "trio: process store could not be started: %s: %s", path,
             strerror(EACCES));
    assert_says(&trio, report);
}

static void test_unlinked_program_still_starts_its_children(void **state)
{
    char path[128];
    char option[160];
    (void)state;
    if (runner_in_valgrind()) {
        print_message("skip: valgrind starts a program by its name only\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/trio", folder);
    snprintf(option, sizeof option, "--unlink=%s", path);
    runner_copy(path);
    struct runner_options options = {.program = path};
    runner_start(&trio, &options, datadir, option, "--then=quit0", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    assert_int_equal(runner_end(&trio), 0);
    assert_true(is_gone("trio"));
}

static void test_missing_data_directory_fails(void **state)
{
    (void)state;
    runner_start(&trio, NULL, NULL);
    assert_int_equal(runner_end(&trio), 1);
    assert_says(&trio, "--datadir=DIR is missing");
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
    snprintf(folder, sizeof folder, "/tmp/test_launcher.XXXXXX");
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
        TEST(test_three_processes_call_and_publish),
        TEST(test_split_none_is_one_process),
        TEST(test_split_list_names_who_gets_a_process),
        TEST(test_pinned_front_runs_in_the_main_loop),
        TEST(test_children_lead_groups_of_their_own),
        TEST(test_program_without_stdio_runs),
        TEST(test_child_holds_only_what_it_was_granted),
        TEST(test_links_have_no_bypass_where_it_is_off),
        TEST(test_failing_start_is_said_and_leaves_nothing),
        TEST(test_locked_store_is_said),
        TEST(test_exec_failure_says_path_and_reason),
        TEST(test_unlinked_program_still_starts_its_children),
        TEST(test_missing_data_directory_fails),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
