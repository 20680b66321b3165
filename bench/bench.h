/* bench.h - how things are measured here.
 *
 * Figures of different runs can't be compared on a shared machine, so everything that is compared
 * runs in one run, in interleaved rounds, and is printed as a ratio to the first of its table. A
 * ratio is the median over the rounds of the ratio within a round.
 *
 * A *part* measures one thing and says what became of its targets. It runs in a process of its own,
 * once per placement (all threads on one CPU, or wherever the kernel likes) where that matters.
 *
 * A *peer* is one way to get a message of BENCH_MESSAGE_BYTES to another process and an answer
 * back. Its server is a *helper*: a process started from this same program, which inherits the
 * placement. To add one, write its file, declare it below and list it in bench_links.c. */
#ifndef TROUPE_BENCH_H
#define TROUPE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BENCH_MESSAGE_BYTES = 64,
    BENCH_FDS = 2,       /* stream socketpairs between client and server, for each its own use */
    BENCH_FDS_MAX = 160, /* of a helper */
    BENCH_ROUNDS_MAX = 16,
};

/* Called on the main thread of its process. What fails calls bench_die. */
struct bench_peer {
    const char *name;
    /* In the server: answers every message until the other end is gone. Owns the descriptors. */
    void (*serve)(const int fds[BENCH_FDS]);
    /* In the client: the other ends of the same descriptors, which become the peer's to close. */
    void *(*open)(const int fds[BENCH_FDS]);
    /* Sends one message and waits for its answer. NULL: it can't. */
    void (*round_trip)(void *state);
    /* Sends `count` messages, at most `window` of them unanswered, and waits for all answers.
     * NULL: it can't. */
    void (*pipeline)(void *state, size_t window, size_t count);
    void (*close)(void *state);
};

extern const struct bench_peer bench_socketpair;        /* a write per message: the reference */
extern const struct bench_peer bench_socketpair_joined; /* waiting messages joined into one write */
extern const struct bench_peer bench_nng;               /* pair0 over socket://, callbacks */
extern const struct bench_peer
    bench_nng_joined; /* frames, those that wait joined into one message */
/* Other projects' buses: absent (their address is NULL) where their packages are. */
extern const struct bench_peer bench_sdbus __attribute__((weak));
extern const struct bench_peer bench_capnp __attribute__((weak));
extern const struct bench_peer bench_zmq __attribute__((weak));
extern const struct bench_peer bench_troupe;       /* a call through a link */
extern const struct bench_peer bench_troupe_nng;   /* without its bypass */
extern const struct bench_peer bench_troupe_local; /* the same call to an actor next door */

/* ---- parts ----------------------------------------------------------------------------------- */

/* `placement` is "one-cpu", "free", or NULL where it makes no difference. */
void bench_links(const char *placement); /* one message and many, beside all peers */
void bench_calls(const char *placement); /* from threads, with questions, with large results */
void bench_events(const char *placement);
void bench_scale(const char *placement); /* many links, many actors; memory and threads */
void bench_local(const char *placement); /* actors of one process */
void bench_codec(const char *placement); /* what encoding and decoding one frame costs */

/* ---- helpers --------------------------------------------------------------------------------- */

/* `fds` end with -1. */
typedef void bench_helper_fn(const int *fds);
bench_helper_fn bench_troupe_serve;
bench_helper_fn bench_serve_raw_blobs;
bench_helper_fn bench_serve_many;
bench_helper_fn bench_subscribe_nng;
bench_helper_fn bench_subscribe_troupe;

/* The helper of that name, or NULL: bench_main.c knows them all. */
bench_helper_fn *bench_find_helper(const char *name);
bench_helper_fn *bench_find_server(const char *peer);

/* This program with other arguments; it gets copies of the descriptors, by the same numbers. */
pid_t bench_start(char *const arguments[], const int *fds, size_t fds_count);
bool bench_ended_well(pid_t child);

/* Starts this program again as that helper, which gets copies of the descriptors. */
pid_t bench_start_helper(const char *name, const int *fds, size_t fds_count);
/* Waits for the end of one; what did not end well fails the part. */
void bench_wait_helper(pid_t helper);
/* The same, with a socketpair for each of its descriptors: their ends here. */
pid_t bench_start_server(const char *name, int ret_fds[BENCH_FDS]);
/* A connected pair of stream sockets, closed on exec. */
void bench_socketpair_open(int ret_fds[2]);

/* ---- what is reported ------------------------------------------------------------------------- */

/* A figure that has a target: at most (or, `least`, at least) `bound`, of `unit` ("x" for a ratio). */
struct bench_target {
    const char *what;
    const char *placement; /* NULL: no matter */
    const char *unit;
    double measured;
    double bound;
    bool least;
};
/* Both go to the file that TROUPE_BENCH_RECORD names, a JSON object a line, for site_scons/run_bench.py. */
void bench_say_target(const struct bench_target *target);
/* A point of the plot of that name. */
void bench_say_point(const char *plot, const char *line, double x, double y);

/* ---- arithmetic ------------------------------------------------------------------------------ */

uint64_t bench_now_ns(void);
void bench_die(const char *what) __attribute__((noreturn));

/* How often this thread has called malloc, calloc or realloc; 0 for ever under a sanitizer. */
uint64_t bench_allocations(void);

/* Sorts `samples`; the smallest that at least `percent` of them do not exceed. */
uint64_t bench_percentile(uint64_t *samples, size_t count, unsigned percent);

/* One line of a table: the figure of each round, for the ratio to the reference line. */
struct bench_line {
    const char *name;
    double rounds[BENCH_ROUNDS_MAX];
};
double bench_median(const struct bench_line *line, size_t rounds);
double bench_ratio(const struct bench_line *line, const struct bench_line *reference,
                   size_t rounds);

#endif
