/* bench_calls.c - calls over one link that are more than a message and its answer: from many threads,
 * with a question back to the caller, and with a result of 1 MiB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/asker.h"

enum { ROUNDS = 7, CALLS = 4000, QUESTIONS = 1000, BLOBS = 40, BLOB_BYTES = BENCH_BLOB_BYTES_MAX };
static const size_t THREADS[] = {1, 4, 16};
#define THREADS_COUNT (sizeof THREADS / sizeof THREADS[0])
#define THREADS_MAX   16

/* ---- many threads ---------------------------------------------------------------------------- */

struct callers {
    struct troupe *troupe;
    struct troupe_ref server;
    size_t each;
};

static void *call_often(void *argument)
{
    const struct callers *callers = argument;
    for (size_t i = 0; i < callers->each; i++)
        bench_call_echo(callers->troupe, callers->server);
    return NULL;
}

/* Calls a second of all of them together. */
static double measure_callers(struct troupe *troupe, struct troupe_ref server, size_t threads)
{
    struct callers callers = {.troupe = troupe, .server = server, .each = CALLS / threads};
    pthread_t them[THREADS_MAX];
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < threads; i++) {
        if (pthread_create(&them[i], NULL, call_often, &callers) != 0)
            bench_die("a thread");
    }
    for (size_t i = 0; i < threads; i++)
        pthread_join(them[i], NULL);
    return (double)CALLS / ((double)(bench_now_ns() - before) / 1e9);
}

/* ---- a question ------------------------------------------------------------------------------ */

static double measure_plain(struct troupe *troupe, struct troupe_ref server)
{
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < QUESTIONS; i++)
        bench_call_echo(troupe, server);
    return (double)(bench_now_ns() - before) / QUESTIONS / 1e3;
}

static double measure_question(struct troupe *troupe, struct troupe_ref server,
                               struct troupe_ref here)
{
    struct server_consult_args args = {.who = here, .number = 1};
    struct server_consult_results results;
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (server_consult(troupe, server, &args, &results, NULL, NULL) != 0)
            bench_die("troupe: consult");
    }
    return (double)(bench_now_ns() - before) / QUESTIONS / 1e3;
}

/* ---- 1 MiB ----------------------------------------------------------------------------------- */

/* By hand: a byte asks for a megabyte. */
void bench_serve_raw_blobs(const int *fds)
{
    static uint8_t bytes[BLOB_BYTES];
    char ask;
    while (read(fds[0], &ask, 1) == 1) {
        for (size_t sent = 0; sent < sizeof bytes;) {
            ssize_t some = write(fds[0], bytes + sent, sizeof bytes - sent);
            if (some <= 0)
                bench_die("write");
            sent += (size_t)some;
        }
    }
}

static double mib_a_second(uint64_t before)
{
    return BLOBS * (BLOB_BYTES / 1048576.0) / ((double)(bench_now_ns() - before) / 1e9);
}

static double measure_raw_blobs(int fd, uint8_t *to)
{
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < BLOBS; i++) {
        if (write(fd, "", 1) != 1)
            bench_die("write");
        for (size_t got = 0; got < BLOB_BYTES;) {
            ssize_t some = read(fd, to + got, BLOB_BYTES - got);
            if (some <= 0)
                bench_die("read");
            got += (size_t)some;
        }
    }
    return mib_a_second(before);
}

/* Gathered in `to`, or, where that is NULL, only walked through. */
static double measure_blobs(struct troupe *troupe, struct troupe_ref server, uint8_t *to)
{
    struct server_fetch_args args = {.size = BLOB_BYTES};
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < BLOBS; i++) {
        struct server_fetch_results results;
        const void *cursor = NULL;
        struct troupe_bytes piece;
        size_t size = 0;
        if (server_fetch(troupe, server, &args, &results, NULL, NULL) != 0)
            bench_die("troupe: fetch");
        while (to == NULL && troupe_blob_next(&results.data, &cursor, &piece))
            size += piece.size;
        if (to != NULL) {
            troupe_blob_copy(&results.data, to);
            size = results.data.size;
        }
        troupe_release(results.message);
        if (size != BLOB_BYTES)
            bench_die("troupe: a blob of another size");
    }
    return mib_a_second(before);
}

/* ---- the part -------------------------------------------------------------------------------- */

enum { PLAIN, QUESTION, RAW, WALKED, GATHERED, LINES };

static void say(const char *what, const char *placement, const struct bench_line *line,
                const struct bench_line *other, double bound, bool least)
{
    struct bench_target target = {what,  placement, "x", bench_ratio(line, other, ROUNDS),
                                  bound, least};
    bench_say_target(&target);
}

static void print(const char *placement, const struct bench_line *callers,
                  const struct bench_line *lines)
{
    printf("\nCalls between two processes, %s (%d rounds)\n", placement, ROUNDS);
    for (size_t i = 0; i < THREADS_COUNT; i++) {
        printf("  %2zu threads calling %24s %10.1f thousand calls/s\n", THREADS[i], "",
               bench_median(&callers[i], ROUNDS) / 1e3);
        bench_say_point(placement[0] == 'o' ? "callers-one-cpu" : "callers-free", "calls/s",
                        (double)THREADS[i], bench_median(&callers[i], ROUNDS));
    }
    for (size_t i = PLAIN; i < LINES; i++)
        printf("  %-42s %10.1f %s\n", lines[i].name, bench_median(&lines[i], ROUNDS),
               i <= QUESTION ? "us" : "MiB/s");
    say("16 calling threads, to 4, in total", placement, &callers[2], &callers[1], 1, true);
    say("call with a question back, to a plain call", placement, &lines[QUESTION], &lines[PLAIN],
        2.5, false);
    say("1 MiB result, walked, to a raw socketpair", placement, &lines[WALKED], &lines[RAW], 0.5,
        true);
    say("1 MiB result, gathered, to a raw socketpair", placement, &lines[GATHERED], &lines[RAW],
        0.5, true);
}

void bench_calls(const char *placement)
{
    static struct bench_line callers[THREADS_COUNT];
    static struct bench_line lines[LINES] = {{.name = "plain call"},
                                             {.name = "call with a question back"},
                                             {.name = "1 MiB result, raw socketpair"},
                                             {.name = "1 MiB result, Troupe, walked"},
                                             {.name = "1 MiB result, Troupe, gathered"}};
    static uint8_t bytes[BLOB_BYTES];
    struct bench_server served;
    struct troupe_ref here;
    struct troupe *troupe = bench_troupe_open(0);
    int raw[2];
    bench_socketpair_open(raw);
    pid_t raw_server = bench_start_helper("raw-blobs", &raw[1], 1);
    close(raw[1]);
    bench_server_start(troupe, "server", &served);
    if (troupe_spawn(troupe, &bench_quick_actor, NULL, &here) != 0)
        bench_die("troupe: spawn");
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < THREADS_COUNT; i++)
            callers[i].rounds[round] = measure_callers(troupe, served.ref, THREADS[i]);
        lines[PLAIN].rounds[round] = measure_plain(troupe, served.ref);
        lines[QUESTION].rounds[round] = measure_question(troupe, served.ref, here);
        lines[RAW].rounds[round] = measure_raw_blobs(raw[0], bytes);
        lines[WALKED].rounds[round] = measure_blobs(troupe, served.ref, NULL);
        lines[GATHERED].rounds[round] = measure_blobs(troupe, served.ref, bytes);
    }
    troupe_close(troupe, 1000);
    close(raw[0]);
    bench_wait_helper(served.process);
    bench_wait_helper(raw_server);
    print(placement, callers, lines);
}
