/* asker.h - Troupe's side of the measurements: runtimes, a gate to wait at, the actor that serves
 * (bench/server.iface) and one that asks. */
#ifndef TROUPE_BENCH_ASKER_H
#define TROUPE_BENCH_ASKER_H

#include <pthread.h>

#include "bench/bench.h"
#include "bus/troupe_host.h"
#include "bench/server.h"

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
/* Links `troupe` to such ends, with a bypass or without; waits until the link is up. */
void bench_troupe_link(struct troupe *troupe, const char *peer, const int fds[BENCH_FDS],
                       bool bypass, struct troupe_ref *ret_server);

/* One end of the bypass that a link is to have: who links makes it and sends the other end over `fd`,
 * or only a byte; who serves takes that. Both return `ret_end`, or NULL: there is none. */
const struct troupe_bypass *bench_give_bypass(int fd, bool wanted, struct troupe_bypass *ret_end);
const struct troupe_bypass *bench_take_bypass(int fd, struct troupe_bypass *ret_end);

/* A process that serves, linked to. It ends with the link. */
struct bench_server {
    pid_t process;
    struct troupe_ref ref;
};
void bench_server_start(struct troupe *troupe, const char *peer, struct bench_server *ret_server);

enum { BENCH_BLOB_BYTES_MAX = 1024 * 1024 };

/* It serves; the quick one on whichever thread brings it something. */
extern const struct troupe_actor_def bench_server_actor;
extern const struct troupe_actor_def bench_quick_actor;

/* What echo is called with: BENCH_MESSAGE_BYTES in a frame. */
extern const struct server_echo_args bench_echo_args;
/* An actor that calls echo `count` times, of each of `to` in turn, at most `window` calls unanswered. */
struct bench_asker {
    struct troupe *troupe;
    const struct troupe_ref *to;
    size_t to_count;
    size_t window;
    size_t count;
    size_t sent;
    size_t answered;
    struct bench_gate done;
};
void bench_asker_start(struct bench_asker *asker);
void bench_asker_wait(struct bench_asker *asker);
/* Both. */
void bench_ask_echoes(struct troupe *troupe, struct troupe_ref to, size_t window, size_t count);
/* One sync call of echo from this thread. */
void bench_call_echo(struct troupe *troupe, struct troupe_ref echo);

#endif
