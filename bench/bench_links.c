/* bench_links.c - a message to another process and its answer, one at a time and many in flight, by
 * every way there is: peers from Debian's packages, NNG alone, and Troupe. */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#define ROUNDS           7 /* odd: a median is a round that was */
#define ROUND_TRIPS      2000
#define PIPELINED        20000
#define WARM_UP_MESSAGES 500

/* The first is the reference. A new way to reach another process goes here. */
static const struct bench_peer *const ALL[] = {
    &bench_socketpair, &bench_socketpair_joined,
    &bench_nng,        &bench_nng_joined,
    &bench_sdbus,      &bench_capnp,
    &bench_zmq,        &bench_troupe,
    &bench_troupe_nng, &bench_troupe_local,
};
#define PEERS_MAX (sizeof ALL / sizeof ALL[0])

/* Those that were built: the others' packages are not here. */
static const struct bench_peer *peers[PEERS_MAX];
static size_t peers_count;

static void find_peers(void)
{
    peers_count = 0;
    for (size_t i = 0; i < PEERS_MAX; i++) {
        if (ALL[i] != NULL)
            peers[peers_count++] = ALL[i];
    }
}

static const size_t WINDOWS[] = {64, 256, 1024};
#define WINDOWS_COUNT (sizeof WINDOWS / sizeof WINDOWS[0])

struct running {
    void *state;
    pid_t server;
    struct bench_line round_trip;             /* us */
    struct bench_line windows[WINDOWS_COUNT]; /* messages a second */
    uint64_t samples[ROUNDS * ROUND_TRIPS];   /* ns */
};

bench_helper_fn *bench_find_server(const char *peer)
{
    find_peers();
    for (size_t i = 0; i < peers_count; i++) {
        if (strcmp(peers[i]->name, peer) == 0)
            return peers[i]->serve;
    }
    return NULL;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void measure_round_trips(size_t round, const struct bench_peer *peer,
                                struct running *running)
{
    if (!peer->round_trip)
        return;
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
        if (!peers[i]->round_trip)
            continue;
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
            bench_say_point(placement[0] == 'o' ? "in-flight-one-cpu" : "in-flight-free",
                            peers[i]->name, (double)WINDOWS[window],
                            bench_median(line, ROUNDS) / 1e3);
        }
        printf("\n");
    }
}

/* A target between two of the table: the ratio of one's figures to the other's. */
static void say_ratio(const char *what, const char *placement, const struct bench_line *line,
                      const struct bench_line *other, double bound, bool least)
{
    struct bench_target target = {what,  placement, "x", bench_ratio(line, other, ROUNDS),
                                  bound, least};
    bench_say_target(&target);
}

static const struct running *of(const struct running *running, const struct bench_peer *peer)
{
    for (size_t i = 0; i < peers_count; i++) {
        if (peers[i] == peer)
            return &running[i];
    }
    return NULL;
}

static void say_targets(const char *placement, const struct running *running)
{
    const struct running *ours = of(running, &bench_troupe);
    const struct running *nng = of(running, &bench_nng);
    const struct running *joined = of(running, &bench_nng_joined);
    say_ratio("sync call, two processes, to bare NNG pair0", placement, &ours->round_trip,
              &nng->round_trip, 1.15, false);
    if (of(running, &bench_sdbus) != NULL) {
        const struct running *bus = of(running, &bench_sdbus);
        say_ratio("sync call, two processes, to sd-bus", placement, &ours->round_trip,
                  &bus->round_trip, 1, false);
        say_ratio("calls, 64 in flight, to sd-bus", placement, &ours->windows[0], &bus->windows[0],
                  1.2, true);
        say_ratio("calls, 256 in flight, to sd-bus", placement, &ours->windows[1], &bus->windows[1],
                  2, true);
    }
    if (of(running, &bench_capnp) != NULL) {
        const struct running *capnp = of(running, &bench_capnp);
        say_ratio("calls, 64 in flight, to Cap'n Proto", placement, &ours->windows[0],
                  &capnp->windows[0], 3, true);
        say_ratio("calls, 256 in flight, to Cap'n Proto", placement, &ours->windows[1],
                  &capnp->windows[1], 5, true);
    }
    say_ratio("calls, 1024 in flight, to NNG with the frames joined", placement, &ours->windows[2],
              &joined->windows[2], 0.6, true);
}

void bench_links(const char *placement)
{
    static struct running running[PEERS_MAX];
    find_peers();
    for (size_t i = 0; i < peers_count; i++) {
        int fds[BENCH_FDS];
        running[i].server = bench_start_server(peers[i]->name, fds);
        running[i].state = peers[i]->open(fds);
    }
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
    say_targets(placement, running);
    for (size_t i = 0; i < peers_count; i++) {
        peers[i]->close(running[i].state);
        bench_wait_helper(running[i].server);
    }
}
