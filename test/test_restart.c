/* What becomes of a program when one of its processes dies, or hangs: it comes back, those that use
 * it go on, and what can't be saved ends in order. Real processes (test/programs/phoenix.c). */
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

#include "launcher/launch.h"
#include "test/support/runner.h"

enum { KILLS = 100, WARM_UP = 5, KILLS_CHECKED = 15 };

static char folder[64];  /* of this test program */
static char datadir[96]; /* --datadir=... */
static char compose[160];
static char program[4096];
static struct runner phoenix;
static struct runner client;
static const struct runner_options options = {.program = program};

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_says(const struct runner *runner, const char *text)
{
    if (strstr(runner->err.text, text) == NULL) {
        print_error("stderr is to have \"%s\":\n%s\n", text, runner->err.text);
        fail();
    }
}

/* Starts it in three processes; `settings` are the victim's lines of the composition. */
static void start(const char *settings)
{
    char text[512];
    snprintf(text, sizeof text,
             "[process screen]\nroles = front, load\n[process middle]\nroles = middle, other, ear\n"
             "[process victim]\nroles = victim, probe\n%s",
             settings);
    write_file("phoenix.ini", text);
    snprintf(compose, sizeof compose, "--compose=%s", in_folder("phoenix.ini"));
    runner_start(&phoenix, &options, datadir, compose, NULL);
    runner_number(&phoenix, "armed");
}

static pid_t last(const char *name)
{
    return runner_last(&phoenix, name);
}

/* Waits until front has seen all of round `round` and is armed for the next, each thing told once.
 * Returns when the direct ask completed. */
static double wait_round(int round)
{
    char line[64];
    snprintf(line, sizeof line, "again %d ", round);
    runner_wait_out(&phoenix, line);
    snprintf(line, sizeof line, "\narmed %d\n", (int)last("victim"));
    runner_wait_out(&phoenix, line);
    assert_null(strstr(phoenix.out.text, "completed"));
    assert_null(strstr(phoenix.out.text, "answered"));
    assert_null(strstr(phoenix.out.text, "can't"));
    snprintf(line, sizeof line, "again %d ", round);
    return strtod(strstr(phoenix.out.text, line) + strlen(line), NULL) * 1e-9;
}

static void end_well(void)
{
    kill(phoenix.pid, SIGTERM);
    assert_int_equal(runner_end(&phoenix), 0);
}

static void run_client(const char *how, const char *status)
{
    runner_start(&client, &options, datadir, "perish", how, status, NULL);
    assert_int_equal(runner_end(&client), 0);
}

/* ---- coming back ----------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static bool same_count(void *user)
{
    const unsigned *before = user;
    pid_t middle = last("middle");
    return runner_count_in(phoenix.pid, "fd") == before[0] &&
           runner_count_in(phoenix.pid, "task") == before[1] &&
           runner_count_in(middle, "fd") == before[2] &&
           runner_count_in(middle, "task") == before[3];
}

static bool same_fds(void *user)
{
    return runner_count_in(phoenix.pid, "fd") == *(const unsigned *)user;
}

static void test_death_after_death_loses_nothing_and_leaks_nothing(void **state)
{
    static double took[KILLS];
    unsigned before[4] = {0};
    int kills = runner_in_valgrind() ? WARM_UP + 2 : runner_slowness() > 1 ? KILLS_CHECKED : KILLS;
    (void)state;
    start("intensity = 128 in 1 s\nbackoff = 0 ms\n");
    pid_t middle = last("middle");
    for (int i = 0; i < kills; i++) {
        if (i == WARM_UP) {
            before[0] = runner_count_in(phoenix.pid, "fd");
            before[1] = runner_count_in(phoenix.pid, "task");
            before[2] = runner_count_in(middle, "fd");
            before[3] = runner_count_in(middle, "task");
        }
        double killed = runner_now();
        assert_int_equal(kill(last("victim"), SIGKILL), 0);
        took[i] = wait_round(i + 1) - killed;
    }
    runner_wait(same_count, before);
    assert_int_equal(last("middle"), middle);
    qsort(took, (size_t)kills, sizeof took[0], by_value);
    print_message("death noticed, %d kills: p50 %.2f ms, p99 %.2f ms, most %.2f ms\n", kills,
                  took[kills / 2] * 1e3, took[kills * 99 / 100] * 1e3, took[kills - 1] * 1e3);
    print_message("descriptors and threads, launcher %u and %u, survivor %u and %u: as before\n",
                  before[0], before[1], before[2], before[3]);
    assert_true(took[kills - 1] < 5 * runner_slowness());
    end_well();
}

static void test_death_is_said_and_told(void **state)
{
    (void)state;
    start("");
    kill(last("victim"), SIGKILL);
    wait_round(1);
    runner_wait_out(&phoenix, "event victim restarted\n");
    assert_non_null(strstr(phoenix.out.text, "event victim died\n"));
    assert_says(&phoenix, "phoenix: process victim was killed by signal 9 (Killed): it is started "
                          "again\n");
    runner_wait_err(&phoenix, "phoenix: process victim runs again (process ");
    end_well();
}

/* The one between: it is used, and uses. */
static void test_user_and_used_may_die_together(void **state)
{
    (void)state;
    start("backoff = 300 ms\n");
    pid_t middle = last("middle");
    kill(last("victim"), SIGKILL);
    kill(middle, SIGKILL);
    wait_round(1);
    runner_wait_err(&phoenix, "process middle runs again");
    assert_true(last("middle") != middle);
    kill(last("victim"), SIGKILL);
    wait_round(2); /* with a call through the new middle */
    end_well();
}

static void test_attached_client_is_told(void **state)
{
    (void)state;
    start("");
    runner_start(&client, &options, datadir, "hold", NULL);
    runner_wait_out(&client, "holding\n");
    kill(last("victim"), SIGKILL);
    assert_int_equal(runner_end(&client), 0);
    wait_round(1);
    run_client("0", "3"); /* another one reaches the new victim */
    wait_round(2);
    end_well();
}

/* ---- policies -------------------------------------------------------------------------------- */

/* Both live, and yet the link is lost. */
static void test_link_that_breaks_costs_one_process(void **state)
{
    (void)state;
    start("");
    run_client("3", NULL);
    wait_round(1);
    assert_says(&phoenix, "is lost: process victim is ended by force\n");
    end_well();
}

static void test_process_that_lies_to_its_launcher_costs_itself_only(void **state)
{
    static const struct {
        const char *how;
        const char *said;
    } lies[] = {{"4", "sent what is no control message"},
                {"5", "sent what it may not say"},
                {"6", "sent what it may not say"},
                {"8", "sent what it may not say"},
                {"9", "sent what is no control message"}};
    unsigned before = 0;
    (void)state;
    start("intensity = 128 in 1 s\nbackoff = 0 ms\n");
    pid_t middle = last("middle");
    for (int i = 0; i < 2 * (int)(sizeof lies / sizeof *lies); i++) {
        size_t lie = (size_t)i / 2;
        pid_t victim = last("victim");
        run_client(lies[lie].how, NULL);
        wait_round(i + 1);
        assert_int_not_equal(last("victim"), victim);
        assert_says(&phoenix, lies[lie].said);
    }
    before = runner_count_in(phoenix.pid, "fd");
    run_client("9", NULL);
    wait_round(11);
    runner_wait(same_fds, &before);
    assert_int_equal(last("middle"), middle);
    end_well();
}

/* It stays alive, and nobody else waits for it; its parent goes on with all it does. */
static void test_process_that_talks_without_end_holds_up_nobody(void **state)
{
    (void)state;
    if (runner_in_valgrind()) {
        print_message("skip: valgrind runs one thread at a time, and lets it talk\n");
        skip();
    }
    start("");
    run_client("7", NULL);
    for (int i = 0; i < 3; i++) {
        run_client("7", NULL); /* attaches, and is let go */
    }
    kill(last("victim"), SIGKILL);
    wait_round(1);
    end_well();
}

static void test_never_ends_the_program(void **state)
{
    (void)state;
    start("restart = never\n");
    kill(last("victim"), SIGKILL);
    assert_int_equal(runner_end(&phoenix), 1);
    assert_says(&phoenix, "phoenix: process victim was killed by signal 9 (Killed)\n");
}

static void test_on_failure_means_failures_only(void **state)
{
    (void)state;
    start("restart = on-failure\n");
    run_client("0", "3");
    wait_round(1);
    assert_says(&phoenix, "process victim exited with status 3: it is started again\n");
    run_client("0", "0");
    assert_int_equal(runner_end(&phoenix), 1);
    assert_says(&phoenix, "phoenix: process victim exited with status 0\n");
}

static void test_always_means_any_end(void **state)
{
    (void)state;
    start("restart = always\n");
    run_client("0", "0");
    wait_round(1);
    run_client("1", NULL); /* its actor alone */
    wait_round(2);
    assert_says(&phoenix, "role victim ended: process victim is stopped\n");
    end_well();
}

static void test_too_many_deaths_end_the_program(void **state)
{
    (void)state;
    start("intensity = 2 in 600 s\nbackoff = 1 ms\n");
    for (int i = 1; i <= 2; i++) {
        kill(last("victim"), SIGKILL);
        wait_round(i);
    }
    kill(last("victim"), SIGKILL);
    assert_int_equal(runner_end(&phoenix), 1);
    assert_says(&phoenix, "phoenix: process victim was killed by signal 9 (Killed), after 2 "
                          "restarts within 600 s: the program ends\n");
}

static void test_what_never_starts_again_ends_the_program(void **state)
{
    (void)state;
    start("intensity = 3 in 600 s\nbackoff = 1 ms\n");
    write_file("fail", "");
    kill(last("victim"), SIGKILL);
    assert_int_equal(runner_end(&phoenix), 1);
    assert_says(&phoenix, "role victim could not start: process victim is stopped\n");
    assert_says(&phoenix, "after 3 restarts within 600 s: the program ends\n");
}

static void test_restart_that_is_to_come_does_not_hold_up_the_end(void **state)
{
    (void)state;
    start("backoff = 10000 ms\n");
    kill(last("victim"), SIGKILL);
    runner_wait_err(&phoenix, "it is started again\n");
    double told = runner_now();
    end_well();
    assert_true(runner_now() - told < 4 * runner_slowness());
}

/* ---- hanging --------------------------------------------------------------------------------- */

static void start_watched(void)
{
    char settings[64];
    snprintf(settings, sizeof settings, "watchdog = %d s\n", (int)(1 * runner_slowness() + 0.5));
    start(settings);
}

static void test_stopped_process_counts_as_dead(void **state)
{
    (void)state;
    start_watched();
    kill(last("victim"), SIGSTOP);
    wait_round(1);
    assert_says(&phoenix, "phoenix: process victim gave no sign of life for ");
    end_well();
}

static void test_process_whose_workers_all_block_counts_as_dead(void **state)
{
    (void)state;
    start_watched();
    run_client("2", NULL);
    wait_round(1);
    assert_says(&phoenix, "phoenix: process victim gave no sign of life for ");
    assert_null(strstr(phoenix.err.text, "process middle"));
    end_well();
}

/* ---- the figures ----------------------------------------------------------------------------- */

static void test_backoff_doubles_and_is_bounded(void **state)
{
    static const unsigned draws[] = {0, 1, 12345, UINT32_MAX};
    const struct tl_policy policy = {.backoff_ms = 100};
    const struct tl_policy none = {.backoff_ms = 0};
    uint64_t expected = 100;
    (void)state;
    for (unsigned count = 0; count < TL_RESTARTS_MAX; count++) {
        for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
            uint64_t delay = tl_policy_delay_ms(&policy, count, draws[i]);
            assert_in_range(delay, expected * 3 / 4, expected * 5 / 4);
            assert_int_equal(tl_policy_delay_ms(&none, count, draws[i]), 0);
        }
        expected = expected * 2 < 10000 ? expected * 2 : 10000;
    }
    assert_true(tl_policy_delay_ms(&policy, 3, 0) != tl_policy_delay_ms(&policy, 3, 77));
}

static void test_only_deaths_of_late_count(void **state)
{
    const struct tl_policy policy = {.restarts_max = 3, .within_s = 10};
    struct tl_deaths deaths = {.count = 2, .at_ms = {1000, 5000}};
    (void)state;
    assert_int_equal(tl_policy_count(&policy, &deaths, 10999), 2);
    assert_int_equal(tl_policy_count(&policy, &deaths, 11000), 1);
    assert_int_equal(tl_policy_count(&policy, &deaths, 15000), 0);
    deaths = (struct tl_deaths){.count = TL_RESTARTS_MAX + 2};
    for (size_t i = 0; i < TL_RESTARTS_MAX; i++) {
        deaths.at_ms[i] = i < 2 ? 9000 : 1000; /* the ring went round */
    }
    assert_int_equal(tl_policy_count(&policy, &deaths, 9001), 3);
    assert_int_equal(tl_policy_count(&policy, &deaths, 11500), 2);
}

static void test_settings_are_read_or_refused(void **state)
{
    static const struct {
        const char *name;
        const char *value;
        bool good;
    } cases[] = {
        {"restart", "never", true},
        {"restart", "on-failure", true},
        {"restart", "always", true},
        {"restart", "sometimes", false},
        {"restart", "", false},
        {"intensity", "5 in 60 s", true},
        {"intensity", "128 in 1s", true},
        {"intensity", "129 in 1 s", false},
        {"intensity", "0 in 60 s", false},
        {"intensity", "5 in 0 s", false},
        {"intensity", "5", false},
        {"intensity", "5 in 60 s!", false},
        {"intensity", "-5 in 6 s", false},
        {"backoff", "0 ms", true},
        {"backoff", "250ms", true},
        {"backoff", "10001 ms", false},
        {"backoff", "1 s", false},
        {"watchdog", "0", true},
        {"watchdog", "30 s", true},
        {"watchdog", "30", false},
        {"watchdog", "99999999999999999999 s", false},
    };
    const char *form;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tl_policy policy = {0};
        bool good = tl_policy_set(&policy, cases[i].name, cases[i].value, &form);
        if (good != cases[i].good) {
            print_error("%s = %s\n", cases[i].name, cases[i].value);
        }
        assert_int_equal(good, cases[i].good);
        assert_non_null(form);
    }
    struct tl_policy policy = {0};
    assert_false(tl_policy_set(&policy, "roles", "x", &form));
    assert_null(form);
}

static void test_front_is_never_restarted(void **state)
{
    (void)state;
    write_file("phoenix.ini", "[process all]\nroles = front, load, middle, other, ear, victim, "
                              "probe\nrestart = always\n");
    snprintf(compose, sizeof compose, "--compose=%s", in_folder("phoenix.ini"));
    runner_start(&phoenix, &options, datadir, compose, NULL);
    assert_int_equal(runner_end(&phoenix), 2);
    assert_says(&phoenix, "process \"all\" has the role \"front\", whose end ends the program");
}

/* ---- the group ------------------------------------------------------------------------------- */

static int clean(void **state)
{
    static const char *const names[] = {"control.sock", "phoenix.ini", "fail"};
    runner_kill(&client);
    runner_kill(&phoenix);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_folder(names[i]));
    }
    return runner_no_child_left(state);
}

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/test_restart.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    snprintf(program, sizeof program, "%s/test/programs/phoenix", getenv("TROUPE_BUILD"));
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
        TEST(test_death_after_death_loses_nothing_and_leaks_nothing),
        TEST(test_death_is_said_and_told),
        TEST(test_user_and_used_may_die_together),
        TEST(test_attached_client_is_told),
        TEST(test_link_that_breaks_costs_one_process),
        TEST(test_process_that_lies_to_its_launcher_costs_itself_only),
        TEST(test_process_that_talks_without_end_holds_up_nobody),
        TEST(test_never_ends_the_program),
        TEST(test_on_failure_means_failures_only),
        TEST(test_always_means_any_end),
        TEST(test_too_many_deaths_end_the_program),
        TEST(test_what_never_starts_again_ends_the_program),
        TEST(test_restart_that_is_to_come_does_not_hold_up_the_end),
        TEST(test_stopped_process_counts_as_dead),
        TEST(test_process_whose_workers_all_block_counts_as_dead),
        TEST(test_backoff_doubles_and_is_bounded),
        TEST(test_only_deaths_of_late_count),
        TEST(test_settings_are_read_or_refused),
        TEST(test_front_is_never_restarted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
