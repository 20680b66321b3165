/* bench_scale.c - what a message costs when there are many links, and many actors; and what these
 * cost by being there. */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/asker.h"

enum {
    ROUNDS = 5,
    CALLS = 40000,
    WINDOW = 64,
    LINK_WINDOW = 16,
    LINKS_MAX = 64,
    ACTORS_MAX = 100000,
    WORKERS = 2
};

/* One curve: the cost of a message at each count, and how much more it is at the last than at the first. */
static double measure_curve(double measure(const void *what, size_t count), const void *what,
                            const size_t *counts, size_t counts_count, const char *plot)
{
    struct bench_line lines[BENCH_ROUNDS_MAX] = {{0}};
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < counts_count; i++)
            lines[i].rounds[round] = measure(what, counts[i]);
    }
    for (size_t i = 0; i < counts_count; i++) {
        double us = bench_median(&lines[i], ROUNDS);
        printf("  %8zu %-8s %33.2f us a message\n", counts[i], plot, us);
        bench_say_point(plot, "us a message", (double)counts[i], us);
    }
    return bench_ratio(&lines[counts_count - 1], &lines[0], ROUNDS);
}

/* ---- links ----------------------------------------------------------------------------------- */

static void on_gone(void *user, const struct troupe_host_event *event)
{
    if (event->kind == TROUPE_LINK_GONE)
        bench_gate_open(user);
}

static const struct troupe_role role = {.name = "server", .actor = &bench_quick_actor};

/* Pairs of descriptors, a link each; serves until all are gone. */
void bench_serve_many(const int *fds)
{
    struct bench_gate gone;
    struct troupe *troupe = bench_troupe_open(WORKERS);
    size_t links = 0;
    bench_gate_init(&gone);
    troupe_host_on_event(troupe, on_gone, &gone);
    if (troupe_host_declare(troupe, &role, NULL) != 0 || troupe_host_start(troupe, "server") != 0)
        bench_die("troupe: serve");
    for (; fds[2 * links] >= 0; links++) {
        char name[32];
        snprintf(name, sizeof name, "peer%zu", links);
        struct troupe_grant grant = {.role = "server", .events_fd = fds[2 * links + 1]};
        struct troupe_bypass end;
        struct troupe_link_config config = {.peer = name,
                                            .fd = fds[2 * links],
                                            .bypass = bench_take_bypass(fds[2 * links], &end),
                                            .exports = &grant,
                                            .exports_count = 1};
        if (troupe_host_link(troupe, &config, NULL) != 0)
            bench_die("troupe: link");
    }
    while (links-- > 0)
        bench_gate_pass(&gone);
    troupe_close(troupe, 1000);
}

static size_t count_threads(pid_t process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *tasks = opendir(path);
    size_t count = 0;
    if (tasks == NULL)
        bench_die(path);
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count - 2; /* "." and ".." */
}

/* A runtime for each link here, one for all there: that has the many. */
struct client {
    struct troupe *troupe;
    struct troupe_ref server;
};

static double measure_clients(const void *what, size_t count)
{
    static struct bench_asker askers[LINKS_MAX];
    const struct client *clients = what;
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        askers[i] = (struct bench_asker){.troupe = clients[i].troupe,
                                         .to = &clients[i].server,
                                         .to_count = 1,
                                         .window = LINK_WINDOW,
                                         .count = CALLS / count};
        bench_asker_start(&askers[i]);
    }
    for (size_t i = 0; i < count; i++)
        bench_asker_wait(&askers[i]);
    return (double)(bench_now_ns() - before) / CALLS / 1e3;
}

static void measure_links(void)
{
    static const size_t COUNTS[] = {1, 4, 16, LINKS_MAX};
    static struct client clients[LINKS_MAX];
    int here[2 * LINKS_MAX];
    int there[2 * LINKS_MAX];
    for (size_t i = 0; i < 2 * (size_t)LINKS_MAX; i++) {
        int pair[2];
        bench_socketpair_open(pair);
        here[i] = pair[0];
        there[i] = pair[1];
    }
    pid_t process = bench_start_helper("many", there, 2 * LINKS_MAX);
    for (size_t i = 0; i < 2 * (size_t)LINKS_MAX; i++)
        close(there[i]);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        clients[i].troupe = bench_troupe_open(1);
        bench_troupe_link(clients[i].troupe, "many", &here[2 * i], true, &clients[i].server);
    }
    printf("\nMany links of one process, %d calls in flight on each (%d rounds of %d)\n",
           LINK_WINDOW, ROUNDS, CALLS);
    double growth = measure_curve(measure_clients, clients, COUNTS,
                                  sizeof COUNTS / sizeof COUNTS[0], "links");
    size_t threads = count_threads(process) - WORKERS - 1;
    for (size_t i = 0; i < LINKS_MAX; i++)
        troupe_close(clients[i].troupe, 1000);
    bench_wait_helper(process);
    bench_say_target(&(struct bench_target){"a message with 64 links, to one with 1", NULL, "x",
                                            growth, 1.5, false});
    bench_say_target(&(struct bench_target){"threads beside main and workers, with 64 links", NULL,
                                            "", (double)threads, 7, false});
}

/* ---- actors ---------------------------------------------------------------------------------- */

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static int start_nothing(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return 0;
}

static const struct troupe_actor_def IDLE = {.name = "idle", .start = start_nothing};

struct actors {
    struct troupe *troupe;
    const struct troupe_ref *refs;
};

static double measure_refs(const void *what, size_t count)
{
    const struct actors *actors = what;
    struct bench_asker asker = {.troupe = actors->troupe,
                                .to = actors->refs,
                                .to_count = count,
                                .window = WINDOW,
                                .count = CALLS};
    uint64_t before = bench_now_ns();
    bench_asker_start(&asker);
    bench_asker_wait(&asker);
    return (double)(bench_now_ns() - before) / CALLS / 1e3;
}

static void measure_actors(void)
{
    static const size_t COUNTS[] = {1, 10, 100, 1000, 10000, ACTORS_MAX};
    static struct troupe_ref refs[ACTORS_MAX];
    struct troupe *troupe = bench_troupe_open(WORKERS);
    struct troupe_ref last;
    if (troupe_spawn(troupe, &bench_server_actor, NULL, &last) != 0)
        bench_die("troupe: spawn");
    bench_call_echo(troupe, last); /* what is made once is there */
    size_t before = allocated();
    for (size_t i = 0; i < ACTORS_MAX; i++) {
        struct troupe_ref idle;
        if (troupe_spawn(troupe, &IDLE, NULL, &idle) != 0)
            bench_die("troupe: spawn");
    }
    struct troupe_stats stats;
    do {
        troupe_stats(troupe, &stats);
        usleep(1000);
    } while (stats.messages_waiting > 0);
    double each = (double)(allocated() - before) / ACTORS_MAX;
    for (size_t i = 0; i < ACTORS_MAX; i++) {
        if (troupe_spawn(troupe, &bench_server_actor, NULL, &refs[i]) != 0)
            bench_die("troupe: spawn");
    }
    printf("\nMany actors in a process, %d calls in flight over all (%d rounds of %d)\n", WINDOW,
           ROUNDS, CALLS);
    double growth = measure_curve(measure_refs, &(struct actors){troupe, refs}, COUNTS,
                                  sizeof COUNTS / sizeof COUNTS[0], "actors");
    troupe_close(troupe, 5000);
    bench_say_target(&(struct bench_target){"a message with 100,000 actors, to one with 1", NULL,
                                            "x", growth, 1.5, false});
    bench_say_target(
        &(struct bench_target){"an idle actor, of 100,000", NULL, "bytes", each, 512, false});
}

void bench_scale(const char *placement)
{
    (void)placement;
    measure_links();
    measure_actors();
}
