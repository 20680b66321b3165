/* bench_main.c - runs the parts, and is their processes.
 *
 *   troupe-bench             every part
 *   troupe-bench codec       those whose name or placement contains that
 *
 * Each part runs in a process of its own, started with its placement: a thread has the CPUs that it
 * was born with, and threads of a library can't be moved later. The two other ways in which this
 * program is started, `--part NAME PLACEMENT` and `--helper NAME FD...`, are those processes. */
#include "bench/bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct part {
    const char *name;
    void (*run)(const char *placement);
    bool placed;
} PARTS[] = {
    {"links", bench_links, true},   {"local", bench_local, true},  {"calls", bench_calls, true},
    {"events", bench_events, true}, {"scale", bench_scale, false}, {"codec", bench_codec, false},
};

static const struct helper {
    const char *name;
    bench_helper_fn *run;
} HELPERS[] = {
    {"server", bench_troupe_serve},
    {"raw-blobs", bench_serve_raw_blobs},
    {"many", bench_serve_many},
    {"subscribe-nng", bench_subscribe_nng},
    {"subscribe-troupe", bench_subscribe_troupe},
};

bench_helper_fn *bench_find_helper(const char *name)
{
    for (size_t i = 0; i < sizeof HELPERS / sizeof HELPERS[0]; i++) {
        if (strcmp(HELPERS[i].name, name) == 0)
            return HELPERS[i].run;
    }
    return bench_find_server(name);
}

static int help(char **arguments)
{
    int fds[BENCH_FDS_MAX + 1];
    bench_helper_fn *run = bench_find_helper(arguments[0]);
    size_t count = 0;
    for (; count < BENCH_FDS_MAX && arguments[1 + count] != NULL; count++)
        fds[count] = (int)strtol(arguments[1 + count], NULL, 10);
    fds[count] = -1;
    if (run == NULL)
        bench_die(arguments[0]);
    run(fds);
    return 0;
}

static int run_part(const char *name, const char *placement)
{
    if (strcmp(placement, "one-cpu") == 0) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((size_t)sched_getcpu(), &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            bench_die("sched_setaffinity");
    }
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        if (strcmp(PARTS[i].name, name) == 0)
            PARTS[i].run(PARTS[i].placed ? placement : NULL);
    }
    return 0;
}

/* A part that failed has said why; the others still run. */
static bool measure(const struct part *part, const char *placement)
{
    char *arguments[] = {"troupe-bench", "--part", (char *)part->name, (char *)placement, NULL};
    return bench_ended_well(bench_start(arguments, NULL, 0));
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--helper") == 0)
        return help(argv + 2);
    if (argc == 4 && strcmp(argv[1], "--part") == 0)
        return run_part(argv[2], argv[3]);
    const char *only = argc > 1 ? argv[1] : "";
    bool well = true;
    bool any = false;
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        static const char *const PLACEMENTS[] = {"one-cpu", "free"};
        for (size_t j = PARTS[i].placed ? 0 : 1; j < 2; j++) {
            if (strstr(PARTS[i].name, only) != NULL || strstr(PLACEMENTS[j], only) != NULL) {
                any = true;
                well = measure(&PARTS[i], PLACEMENTS[j]) && well;
            }
        }
    }
    if (!any) {
        fprintf(stderr, "troupe-bench: no part or placement is called \"%s\"; there are", only);
        for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
            fprintf(stderr, " %s", PARTS[i].name);
        fprintf(stderr, "; one-cpu and free\n");
    }
    return well && any ? 0 : 1;
}
