/* bench_main.c - runs every measurement and prints the tables.
 *
 *   bench             everything
 *   bench codec       one part: codec, one-cpu or free
 *
 * The parts with links run once per placement, each in a process of its own, because a thread has
 * the CPUs that it was born with: threads of a library can't be moved later. That process opens all
 * peers, each with its server, and measures them in turns. The two other ways in which this program
 * is started, `--place PLACEMENT` and `--serve PEER FD FD`, are those processes. */
#include "bench/bench.h"

#include <errno.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS           7 /* odd: a median is a round that was */
#define ROUND_TRIPS      2000
#define PIPELINED        20000
#define WARM_UP_MESSAGES 500

extern char **environ;

/* The first is the reference. A new way to reach another process goes here. */
static const struct bench_peer *const ALL[] = {
    &bench_socketpair, &bench_socketpair_joined, &bench_nng, &bench_sdbus, &bench_capnp, &bench_zmq,
    &bench_troupe,     &bench_troupe_local,
};
#define PEERS_MAX (sizeof ALL / sizeof ALL[0])

/* Those that were built: the others' packages are not here. */
static const struct bench_peer *peers[PEERS_MAX];
static size_t peers_count;

static void find_peers(void)
{
    for (size_t i = 0; i < PEERS_MAX; i++) {
        if (ALL[i] != NULL)
            peers[peers_count++] = ALL[i];
    }
}

static const size_t WINDOWS[] = {64, 256, 1024};
#define WINDOWS_COUNT (sizeof WINDOWS / sizeof WINDOWS[0])

static const char *const PLACEMENTS[] = {"one-cpu", "free"};

struct running {
    void *state;
    pid_t server;
    struct bench_line round_trip;             /* us */
    struct bench_line windows[WINDOWS_COUNT]; /* messages a second */
    uint64_t samples[ROUNDS * ROUND_TRIPS];   /* ns */
};

/* ---- processes ------------------------------------------------------------------------------- */

static pid_t start(char *const arguments[], const int *fds, size_t fds_count)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    for (size_t i = 0; i < fds_count; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], fds[i]); /* loses close-on-exec */
    errno = posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ);
    if (errno)
        bench_die("cannot start a process");
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

static bool ended_well(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            bench_die("waitpid");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void peer_start(size_t index, struct running *ret_running)
{
    int here[BENCH_FDS];
    int there[BENCH_FDS];
    char numbers[1 + BENCH_FDS][24];
    for (size_t i = 0; i < BENCH_FDS; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
            bench_die("socketpair");
        here[i] = pair[0];
        there[i] = pair[1];
        snprintf(numbers[1 + i], sizeof numbers[0], "%d", pair[1]);
    }
    snprintf(numbers[0], sizeof numbers[0], "%zu", index);
    char *arguments[] = {"bench", "--serve", numbers[0], numbers[1], numbers[2], NULL};
    ret_running->server = start(arguments, there, BENCH_FDS);
    for (size_t i = 0; i < BENCH_FDS; i++)
        close(there[i]);
    ret_running->state = peers[index]->open(here);
}

static int serve(char **arguments)
{
    size_t index = strtoul(arguments[0], NULL, 10);
    int fds[BENCH_FDS];
    for (size_t i = 0; i < BENCH_FDS; i++)
        fds[i] = (int)strtol(arguments[1 + i], NULL, 10);
    peers[index]->serve(fds);
    return 0;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void measure_round_trips(size_t round, const struct bench_peer *peer,
                                struct running *running)
{
    uint64_t *samples = running->samples + round * ROUND_TRIPS;
    uint64_t sorted[ROUND_TRIPS];
    for (size_t i = 0; i < WARM_UP_MESSAGES; i++)
        peer->round_trip(running->state);
    for (size_t i = 0; i < ROUND_TRIPS; i++) {
        uint64_t before = bench_now_ns();
        peer->round_trip(running->state);
        samples[i] = bench_now_ns() - before;
    }
    memcpy(sorted, samples, sizeof sorted);
    running->round_trip.rounds[round] = (double)bench_percentile(sorted, ROUND_TRIPS, 50) / 1e3;
}

static void measure_pipeline(size_t round, size_t window, const struct bench_peer *peer,
                             struct running *running)
{
    if (!peer->pipeline)
        return;
    peer->pipeline(running->state, WINDOWS[window], WINDOWS[window]);
    uint64_t before = bench_now_ns();
    peer->pipeline(running->state, WINDOWS[window], PIPELINED);
    double seconds = (double)(bench_now_ns() - before) / 1e9;
    running->windows[window].rounds[round] = PIPELINED / seconds;
}

static void print_round_trips(const char *placement, struct running *running)
{
    printf("\nRound trip of %d bytes between two processes, %s (%d rounds of %d)\n",
           BENCH_MESSAGE_BYTES, placement, ROUNDS, ROUND_TRIPS);
    printf("  %-34s %10s %10s %10s\n", "", "p50 us", "p99 us", "ratio");
    for (size_t i = 0; i < peers_count; i++) {
        size_t count = ROUNDS * ROUND_TRIPS;
        double p50 = (double)bench_percentile(running[i].samples, count, 50) / 1e3;
        double p99 = (double)bench_percentile(running[i].samples, count, 99) / 1e3;
        double ratio = bench_ratio(&running[i].round_trip, &running[0].round_trip, ROUNDS);
        printf("  %-34s %10.1f %10.1f %10.2f\n", peers[i]->name, p50, p99, ratio);
    }
}

static void print_pipelines(const char *placement, const struct running *running)
{
    printf("\nThousand messages a second, %s (%d rounds of %d), and ratio\n", placement, ROUNDS,
           PIPELINED);
    printf("  %-34s", "in flight");
    for (size_t window = 0; window < WINDOWS_COUNT; window++)
        printf(" %18zu", WINDOWS[window]);
    printf("\n");
    for (size_t i = 0; i < peers_count; i++) {
        if (!peers[i]->pipeline)
            continue;
        printf("  %-34s", peers[i]->name);
        for (size_t window = 0; window < WINDOWS_COUNT; window++) {
            const struct bench_line *line = &running[i].windows[window];
            printf(" %10.0f %7.2f", bench_median(line, ROUNDS) / 1e3,
                   bench_ratio(line, &running[0].windows[window], ROUNDS));
        }
        printf("\n");
    }
}

/* The process of one placement. */
static int place(const char *placement)
{
    static struct running running[PEERS_MAX];
    if (strcmp(placement, "one-cpu") == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((size_t)sched_getcpu(), &one);
        if (sched_setaffinity(0, sizeof one, &one))
            bench_die("sched_setaffinity");
    }
    for (size_t i = 0; i < peers_count; i++)
        peer_start(i, &running[i]);
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < peers_count; i++)
            measure_round_trips(round, peers[i], &running[i]);
        for (size_t window = 0; window < WINDOWS_COUNT; window++) {
            for (size_t i = 0; i < peers_count; i++)
                measure_pipeline(round, window, peers[i], &running[i]);
        }
    }
    print_round_trips(placement, running);
    print_pipelines(placement, running);
    bool well = true;
    for (size_t i = 0; i < peers_count; i++) {
        peers[i]->close(running[i].state);
        well = ended_well(running[i].server) && well;
    }
    return well ? 0 : 1;
}

int main(int argc, char **argv)
{
    find_peers();
    if (argc == 3 + BENCH_FDS && strcmp(argv[1], "--serve") == 0)
        return serve(argv + 2);
    if (argc == 3 && strcmp(argv[1], "--place") == 0)
        return place(argv[2]);
    const char *only = argc > 1 ? argv[1] : "";
    bool well = true;
    for (size_t i = 0; i < sizeof PLACEMENTS / sizeof PLACEMENTS[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s", PLACEMENTS[i]);
        char *arguments[] = {"bench", "--place", name, NULL};
        if (strstr(PLACEMENTS[i], only))
            well = ended_well(start(arguments, NULL, 0)) && well;
    }
    if (strstr("codec", only))
        bench_codec();
    return well ? 0 : 1;
}
