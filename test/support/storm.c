#include "test/support/storm.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/witness.h"

enum { NAMES = 2, STOOD_S = 2 };

struct runner storm;

static char folder[64];
static char program[4096];
static struct {
    const char *name;
    pid_t pid;
} living[NAMES] = {{"victim", 0}, {"middle", 0}};

static const char composition[] = "[process screen]\nroles = front, load\n"
                                  "[process middle]\nroles = middle, other, ear\n"
                                  "intensity = 128 in 1 s\nbackoff = 0 ms\nwatchdog = 0\n"
                                  "[process victim]\nroles = victim, probe\n"
                                  "intensity = 128 in 1 s\nbackoff = 0 ms\nwatchdog = 0\n";

/* ---- deadlines ------------------------------------------------------------------------------- */

static double stood;     /* the machine, when that was last looked at */
static uint64_t excused; /* asks that ended by their deadline while it did */

/* Asks have ended by their deadline: was that the machine? */
static void check_timeouts(uint64_t timeouts)
{
    double since = witness_stood() - stood;
    stood += since;
    if (timeouts <= excused) {
        return;
    }
    if (since < STOOD_S) {
        print_error("asks ended by their deadline:\n%s\n%s\n", storm.out.text, storm.err.text);
        fail();
    }
    print_message("  the machine stood still for %.1f s: %" PRIu64
                  " asks ended by their deadline\n",
                  since, timeouts - excused);
    excused = timeouts;
}

/* ---- start and end --------------------------------------------------------------------------- */

const char *storm_path(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    return path;
}

void storm_write(const char *name, const char *text)
{
    FILE *file = fopen(storm_path(name), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

int storm_setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/test_stress.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    storm_write("storm.ini", composition);
    snprintf(program, sizeof program, "%s/test/programs/phoenix", getenv("TROUPE_BUILD"));
    return runner_setup(state);
}

int storm_teardown(void **state)
{
    (void)state;
    unlink(storm_path("storm.ini"));
    return rmdir(folder);
}

int storm_clean(void **state)
{
    static const char *const names[] = {"control.sock", "pause", "mark", "mortal"};
    runner_kill(&storm);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(storm_path(names[i]));
    }
    return runner_no_child_left(state);
}

void storm_start(const char *load, const char *once, const char *variable)
{
    char datadir[96];
    char compose[160];
    const struct runner_options options = {.program = program, .variable = variable};
    if (runner_in_valgrind()) {
        print_message("skip: under valgrind a load of three processes outlasts the bus's own "
                      "deadlines\n");
        skip();
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    snprintf(compose, sizeof compose, "--compose=%s", storm_path("storm.ini"));
    for (size_t i = 0; i < NAMES; i++) {
        living[i].pid = 0;
    }
    stood = witness_stood();
    excused = 0;
    runner_start(&storm, &options, datadir, compose, load, once, NULL);
}

int storm_stop(void)
{
    kill(storm.pid, SIGTERM);
    return runner_end(&storm);
}

/* ---- what it says ---------------------------------------------------------------------------- */

static void take_pids(void)
{
    for (size_t i = 0; i < NAMES; i++) {
        pid_t pid = runner_last(&storm, living[i].name);
        living[i].pid = pid != 0 ? pid : living[i].pid;
    }
}

pid_t storm_pid(const char *name)
{
    take_pids();
    return strcmp(name, living[0].name) == 0 ? living[0].pid : living[1].pid;
}

void storm_forget(void)
{
    take_pids();
    runner_forget(&storm);
}

void storm_check_words(void)
{
    const char *bad = strstr(storm.out.text, "bad: ");
    if (bad != NULL) {
        print_error("%.200s\n", bad);
        fail();
    }
}

/* The number after the word `name` in the line that starts at `line`. */
static uint64_t number(const char *line, const char *name)
{
    char word[32];
    snprintf(word, sizeof word, " %s ", name);
    const char *at = strstr(line, word);
    assert_non_null(at);
    return strtoull(at + strlen(word), NULL, 10);
}

uint64_t storm_check_end(void)
{
    const char *line = strstr(storm.out.text, "ended asked ");
    storm_check_words();
    assert_non_null(line);
    assert_int_equal(number(line, "asked"), number(line, "completed"));
    assert_null(strstr(storm.err.text, "by force"));
    return number(line, "asked");
}

bool storm_says(const char *text)
{
    while (strstr(storm.out.text, text) == NULL) {
        storm_check_words();
        if (storm.out.size > sizeof storm.out.text / 2) {
            storm_forget();
        }
        if (!runner_more(&storm)) {
            return false;
        }
    }
    return true;
}

static struct storm_count count_in(const char *start)
{
    const char *line = strstr(storm.out.text, start);
    assert_non_null(line);
    struct storm_count count = {.asked = number(line, "asked"),
                                .completed = number(line, "completed"),
                                .failed = number(line, "failed"),
                                .timeouts = number(line, "timeouts")};
    storm_check_words();
    assert_int_equal(count.asked, count.completed);
    return count;
}

struct storm_count storm_wait_round(unsigned deaths)
{
    char start[32];
    snprintf(start, sizeof start, "round %u gone ", deaths);
    runner_wait_line(&storm, start);
    struct storm_count count = count_in(start);
    count.gone = (double)number(strstr(storm.out.text, start), "gone") * 1e-9;
    check_timeouts(count.timeouts);
    return count;
}

struct storm_count storm_pause(void)
{
    storm_forget();
    storm_write("pause", "");
    runner_wait_line(&storm, "paused asked");
    struct storm_count count = count_in("paused asked");
    const char *line = strstr(storm.out.text, "paused asked");
    count.published = number(line, "published");
    count.here = number(line, "here");
    count.here_lost = number(line, "here-lost");
    count.there = number(line, "there");
    count.there_lost = number(line, "there-lost");
    assert_int_equal(count.here + count.here_lost, count.published);
    assert_int_equal(count.there + count.there_lost, count.published);
    return count;
}

void storm_resume(void)
{
    unlink(storm_path("pause"));
    runner_wait_line(&storm, "resumed");
    storm_forget();
}

/* ---- measures -------------------------------------------------------------------------------- */

static long resident_kib(pid_t pid)
{
    char path[64];
    char line[256];
    long size = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            size = strtol(line + 6, NULL, 10);
        }
    }
    fclose(file);
    return size;
}

struct storm_size storm_size(pid_t pid)
{
    return (struct storm_size){.fds = runner_count_in(pid, "fd"),
                               .threads = runner_count_in(pid, "task"),
                               .resident_kib = resident_kib(pid)};
}

static pid_t parent_of(const char *name)
{
    char path[300];
    char line[512] = "";
    snprintf(path, sizeof path, "/proc/%.32s/stat", name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    bool got = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    const char *after = strrchr(line, ')'); /* " S PPID" */
    return got && after != NULL ? (pid_t)strtol(after + 4, NULL, 10) : 0;
}

unsigned storm_children(pid_t parent)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc");
    assert_non_null(directory);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
                 parent_of(entry->d_name) == parent;
    }
    closedir(directory);
    return count;
}

double storm_minutes(void)
{
    const char *minutes = getenv("TROUPE_STRESS");
    return minutes != NULL ? strtod(minutes, NULL) : 0;
}

unsigned storm_rounds(unsigned in_test, unsigned in_stress)
{
    unsigned rounds = storm_minutes() > 0 ? in_stress : in_test;
    unsigned slower = runner_slowness() > 1 ? 6 : 1;
    return rounds / slower > 0 ? rounds / slower : 1;
}

unsigned storm_draw(unsigned max)
{
    unsigned drawn = 0;
    assert_int_equal(getrandom(&drawn, sizeof drawn, 0), sizeof drawn);
    return drawn % (max + 1);
}

void storm_moment(unsigned us_max)
{
    nanosleep(&(struct timespec){.tv_nsec = storm_draw(us_max) * 1000L}, NULL);
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

double storm_percent(double *values, size_t count, unsigned percent)
{
    qsort(values, count, sizeof *values, by_value);
    size_t at = count * percent / 100;
    return values[at < count ? at : count - 1];
}
