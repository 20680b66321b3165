/* runner.h - runs a program of test/programs as a person would: its output, its end, what it left.
 *
 * Every wait has a bound and fails the test. The test's process adopts orphans, so that what a
 * program leaves behind is seen, dead or alive. */
#ifndef TEST_SUPPORT_RUNNER_H
#define TEST_SUPPORT_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct runner_stream {
    int fd; /* -1: its end was seen */
    size_t size;
    char text[64 * 1024]; /* what came so far, NUL-terminated */
};
struct runner {
    pid_t pid; /* 0: ended */
    struct runner_stream out;
    struct runner_stream err;
};

struct runner_options {
    const char *program;  /* a path; NULL: test/programs/trio of this build */
    uid_t uid;            /* 0: as this process */
    const char *variable; /* NAME=VALUE for its environment; may be NULL */
    bool no_stdio;        /* starts without descriptors 0 and 1 */
};

/* For cmocka's group: adopts orphans. */
int runner_setup(void **state);
/* Starts it with these arguments (NULL at the end), stdin /dev/null. */
void runner_start(struct runner *runner, const struct runner_options *options, ...)
    __attribute__((sentinel));
/* Copies trio, for tests that spoil their program. */
void runner_copy(const char *to);
/* Waits until its output has `text`. */
void runner_wait_out(struct runner *runner, const char *text);
void runner_wait_err(struct runner *runner, const char *text);
/* Waits until its output has the whole line in which that is. */
void runner_wait_line(struct runner *runner, const char *start);
/* Waits until it says anything more; false: it said the last. */
bool runner_more(struct runner *runner);
/* Forgets the whole lines that it has said so far: the text of a stream is bounded. */
void runner_forget(struct runner *runner);
/* The number after "NAME " at the start of a line of its output: waits for it. */
pid_t runner_number(struct runner *runner, const char *name);
/* The number after the last "NAME " at the start of a whole line; 0: there is none yet. */
pid_t runner_last(const struct runner *runner, const char *name);
/* How much there is in a folder of /proc/PID: "fd", "task". */
unsigned runner_count_in(pid_t pid, const char *what);
/* Waits until it ended, and with it all that held its output; returns its exit status, or 1000 and
 * the signal. */
int runner_end(struct runner *runner);
/* Kills it, if a test that failed left it running. */
void runner_kill(struct runner *runner);
/* For cmocka's teardown: fails if a program left a process behind, dead or alive. */
int runner_no_child_left(void **state);
/* Waits until the orphans of a program that was killed are dead. */
void runner_wait_orphans(void);
/* Waits until condition(user) holds. */
void runner_wait(bool (*condition)(void *user), void *user);
/* Seconds on the monotonic clock. */
double runner_now(void);
/* Under valgrind some things can't be seen, or done. */
bool runner_in_valgrind(void);
/* How many times longer than usual things take here. */
double runner_slowness(void);

#endif
