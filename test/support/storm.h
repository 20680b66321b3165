/* storm.h - test/programs/phoenix under load, in three processes, for the tests of test_stress_*.c:
 * started, watched round by round, measured.
 *
 *   screen (the launcher)  front, load    middle  other, ear    victim  probe
 *
 * What the load says is in load.h. In `scons test` each test is a short one; `scons stress` sets
 * TROUPE_STRESS to a number of minutes. */
#ifndef TEST_SUPPORT_STORM_H
#define TEST_SUPPORT_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "test/support/runner.h"

extern struct runner storm;

/* What the load counted when it said "round" or "paused". */
struct storm_count {
    double gone; /* of a round: when the death was noticed */
    uint64_t asked, completed, failed, timeouts;
    uint64_t published, here, here_lost, there, there_lost; /* of a pause: events */
};
struct storm_size {
    unsigned fds, threads;
    long resident_kib;
};

/* For cmocka's group and tests. */
int storm_setup(void **state);
int storm_teardown(void **state);
int storm_clean(void **state);

/* Starts it, or skips the test, under valgrind; `load` is an argument ("--load=8"), `once` a second or
 * NULL, `variable` NAME=VALUE for its environment or NULL. */
void storm_start(const char *load, const char *once, const char *variable);
/* SIGTERM; returns the exit status. */
int storm_stop(void);
/* The process of that name that was the last to start. */
pid_t storm_pid(const char *name);
/* Forgets what was said, but who lives. */
void storm_forget(void);
/* Waits for that, however much else is said before; false: it ended without. */
bool storm_says(const char *text);
/* Waits until all has settled after the deaths so far, `deaths` in all; checks that each ask completed
 * once, none by its deadline, unless the machine stood still for 2 s meanwhile. */
struct storm_count storm_wait_round(unsigned deaths);
/* Stops the talk; checks that nothing is open and every event is accounted for; goes on. */
struct storm_count storm_pause(void);
void storm_resume(void);
/* After an end in order: each ask completed, and nobody had to be forced. Returns how many. */
uint64_t storm_check_end(void);
/* Nothing that must not be said was said. */
void storm_check_words(void);
/* The path of a file in the data directory. */
const char *storm_path(const char *name);
void storm_write(const char *name, const char *text);

struct storm_size storm_size(pid_t pid);
/* How many processes have this parent. */
unsigned storm_children(pid_t parent);
/* 0: this is no `scons stress`. */
double storm_minutes(void);
/* As many as there are minutes for: fewer under a sanitizer. */
unsigned storm_rounds(unsigned in_test, unsigned in_stress);
/* From 0 to `max`; a passing moment. */
unsigned storm_draw(unsigned max);
void storm_moment(unsigned us_max);
/* Sorts; the value below which so many percent are. */
double storm_percent(double *values, size_t count, unsigned percent);

#endif
