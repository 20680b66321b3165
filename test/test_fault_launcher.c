/* A program of three processes when the system fails one of them: each call of ours once, in the
 * launcher (also between fork and exec), in a child, and in a client that attaches.
 *
 * The program starts, loses a process and starts it again, serves a client, and is told to stop.
 * Whatever fails: it goes on, or it ends with a status that is not 0 and a line that says why, in
 * bounded time; and no process, socket or lock, descriptor or piece of memory is left. A sample of
 * the calls; all of them with TROUPE_FAULT_ALL=1. */
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

#include "test/support/fault.h"
#include "test/support/runner.h"

enum { KINDS = FAULT_MEMORY | FAULT_CARRIER | FAULT_SYSTEM | FAULT_FILES | FAULT_PROCESS };

static char folder[64];
static char datadir[96];
static char compose[160];
static char program[4096];
static char plan[128];
static char variable[192];
static struct runner duo;
static struct runner client;
static const struct runner_options options = {.program = program, .variable = variable};

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    return path;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void wrong(const char *who, const char *what)
{
    fault_stop();
    print_error("%s: %s\nstdout:\n%s\nstderr:\n%s\nclient:\n%s%s\n", who, what, duo.out.text,
                duo.err.text, client.out.text, client.err.text);
    fault_print_place();
    fail();
}

static unsigned count(const char *text, const char *word)
{
    unsigned times = 0;
    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        times++;
    }
    return times;
}

/* False: the program ended before its output had the text so many times. */
static bool reaches(const struct runner_stream *stream, const char *text, unsigned times)
{
    while (count(stream->text, text) < times) {
        if (!runner_more(&duo)) {
            return false;
        }
    }
    return true;
}

/* Nobody else may run on its data directory. */
static bool is_locked(void)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return locked;
}

/* Each process says at its end what it holds: the same as after a run without failures, or less. */
static void check_left(const struct runner *runner, const char *who)
{
    static unsigned clean_descriptors;
    static long long clean_memory;
    const char *line = runner->out.text;
    while ((line = strstr(line, "left ")) != NULL) {
        unsigned descriptors = 0;
        long long memory = 0;
        /* NOLINTNEXTLINE(cert-err34-c): our own program wrote it */
        assert_int_equal(sscanf(line, "left %*s %u %lld", &descriptors, &memory), 2);
        if (clean_descriptors == 0) {
            clean_descriptors = descriptors;
            clean_memory = memory;
        }
        if (descriptors > clean_descriptors || memory > clean_memory) {
            wrong(who, "something is left");
        }
        line++;
    }
}

/* ---- one run --------------------------------------------------------------------------------- */

/* True: it was served. */
static bool attach(const char *who)
{
    runner_start(&client, &options, datadir, "add", "5", NULL);
    int status = runner_end(&client);
    bool summed = strstr(client.out.text, "sum ") != NULL;
    if (status == 0 ? !summed : status > 2 || client.err.text[0] == '\0') {
        wrong(who, "a client that says nothing");
    }
    check_left(&client, who);
    return status == 0;
}

/* Returns whether the program did all that it was to. */
static bool scenario(const char *who)
{
    client = (struct runner){0};
    runner_start(&duo, &options, datadir, compose, NULL);
    bool started = reaches(&duo.out, "sum ", 1);
    for (int i = 0; started && !attach(who) && i < 3; i++) {
        /* It lets clients in when it has started whole: from then on it restarts what dies. */
    }
    bool restarted = false;
    if (started) {
        unsigned before = count(duo.err.text, "runs again");
        if (!is_locked()) {
            wrong(who, "it runs and its directory is not locked");
        }
        kill(runner_last(&duo, "store"), SIGKILL);
        restarted = reaches(&duo.err, "runs again", before + 1);
    }
    if (restarted) {
        attach(who);
        kill(duo.pid, SIGTERM);
    }
    int status = runner_end(&duo);
    bool said = duo.err.text[0] != '\0' || strstr(duo.out.text, "front: ") != NULL;
    if (status > 3 || (status == 0 && !restarted) || (status != 0 && !said)) {
        wrong(who, "an end that is not clear");
    }
    check_left(&duo, who);
    if (runner_no_child_left(NULL) != 0) {
        wrong(who, "a process is left");
    }
    if (access(in_folder("control.sock"), F_OK) == 0) {
        wrong(who, "its socket is left");
    }
    if (is_locked()) {
        wrong(who, "its lock is left");
    }
    return restarted && status == 0;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void fail_each(const char *who, unsigned kinds, uint64_t runs_max)
{
    double slowest = 0;
    unsigned runs = 0;
    unsigned worked = 0;
    snprintf(variable, sizeof variable, "FAULT=%s:%s", who, plan);
    fault_start(kinds, 0, 0);
    if (!scenario(who)) {
        wrong(who, "it fails although nothing does");
    }
    uint64_t calls = fault_stop();
    assert_true(calls > 0);
    runs_max = runner_slowness() > 1 ? runs_max / 4 + 1 : runs_max;
    uint64_t stride = getenv("TROUPE_FAULT_ALL") != NULL ? 1 : calls / runs_max + 1;
    for (uint64_t n = 1; n <= calls; n += stride) {
        double began = runner_now();
        fault_start(kinds, n, 1);
        worked += scenario(who);
        fault_stop();
        runs++;
        double took = runner_now() - began;
        slowest = took > slowest ? took : slowest;
        if (took > 10 * runner_slowness()) {
            print_message("%.2f s:\n%s%s", took, duo.err.text, client.err.text);
            fault_print_place();
        }
    }
    print_message("%s: %llu calls, %u runs, %u of which went on, the slowest took %.2f s\n", who,
                  (unsigned long long)calls, runs, worked, slowest);
}

static void test_launcher_that_lacks_something(void **state)
{
    (void)state;
    fail_each("launcher", KINDS, 8);
}

static void test_child_that_lacks_something(void **state)
{
    (void)state;
    if (runner_in_valgrind()) {
        print_message("skip: under valgrind a child can't see which one it is\n");
        skip();
    }
    fail_each("store", KINDS, 4);
    fail_each("middle", KINDS, 2);
}

static void test_client_that_lacks_something(void **state)
{
    (void)state;
    fail_each("client", KINDS, 3);
}

/* ---- the group ------------------------------------------------------------------------------- */

static int clean(void **state)
{
    fault_stop();
    runner_kill(&client);
    runner_kill(&duo);
    unlink(in_folder("control.sock"));
    return runner_no_child_left(state);
}

static int setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/test_fault_launcher.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    snprintf(compose, sizeof compose, "--compose=%s", in_folder("duo.ini"));
    snprintf(program, sizeof program, "%s/test/programs/fault_duo", getenv("TROUPE_BUILD"));
    snprintf(plan, sizeof plan, "%s", in_folder("plan"));
    FILE *file = fopen(in_folder("duo.ini"), "we");
    if (file == NULL) {
        return -1;
    }
    fputs("[process screen]\nroles = front\n[process middle]\nroles = middle\nbackoff = 0 ms\n"
          "[process store]\nroles = store\nbackoff = 0 ms\n",
          file);
    fclose(file);
    fault_share(plan);
    fault_set_errno(EIO);
    return runner_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    unlink(in_folder("duo.ini"));
    unlink(plan);
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_launcher_that_lacks_something),
        TEST(test_child_that_lacks_something),
        TEST(test_client_that_lacks_something),
    };
    return cmocka_run_group_tests_name("fault_launcher", tests, setup, teardown);
}
