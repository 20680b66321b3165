/* asker.h - Troupe's side of the measurements: a runtime, a gate to wait at, and an actor that asks. */
#ifndef TROUPE_BENCH_ASKER_H
#define TROUPE_BENCH_ASKER_H

#include <pthread.h>

#include "bench/bench.h"
#include "bus/troupe_host.h"
#include "test/support/probe.h"

/* Opened by any thread, passed by one, which waits. */
struct bench_gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t opened; /* times that nobody has passed yet */
};
void bench_gate_init(struct bench_gate *gate);
void bench_gate_open(struct bench_gate *gate);
void bench_gate_pass(struct bench_gate *gate);

/* A runtime with that many workers (0: the default), or the end of the program. */
struct troupe *bench_troupe_open(unsigned workers);
/* The same as a process that serves `role` ("probe") at the other end of the two descriptors: returns
 * once the link is gone. */
void bench_troupe_serve(const int fds[BENCH_FDS]);
/* Links `troupe` to such a server; waits until the link is up. */
void bench_troupe_link(struct troupe *troupe, const char *peer, const int fds[BENCH_FDS],
                       struct troupe_ref *ret_probe);

/* What echo is called with: BENCH_MESSAGE_BYTES in a frame. */
extern const struct probe_echo_args bench_echo_args;
/* Calls echo `count` times from an actor, at most `window` of them unanswered; waits for all. */
void bench_ask_echoes(struct troupe *troupe, struct troupe_ref echo, size_t window, size_t count);
/* One sync call of echo from this thread. */
void bench_call_echo(struct troupe *troupe, struct troupe_ref echo);

#endif
