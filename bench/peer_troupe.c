/* peer_troupe.c - Troupe itself, the whole path: facade, codec with validation, link, mailbox,
 * handler, reply.
 *
 * One call at a time is the sync facade on a plain thread. Many are asks of an actor that keeps
 * `window` of them in flight: what an actor that has much to ask does. */
#include <stdlib.h>
#include <unistd.h>

#include "bench/asker.h"

struct client {
    struct troupe *troupe;
    struct troupe_ref echo;
};

static struct client *client_new(void)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        bench_die("troupe");
    client->troupe = bench_troupe_open(0);
    return client;
}

static void *client_open(const int fds[BENCH_FDS])
{
    struct client *client = client_new();
    bench_troupe_link(client->troupe, "server", fds, true, &client->echo);
    return client;
}

static void *nng_open(const int fds[BENCH_FDS])
{
    struct client *client = client_new();
    bench_troupe_link(client->troupe, "server", fds, false, &client->echo);
    return client;
}

static void *local_open(const int fds[BENCH_FDS])
{
    struct client *client = client_new();
    for (size_t i = 0; i < BENCH_FDS; i++)
        close(fds[i]); /* the server at their other end has nothing to do */
    if (troupe_spawn(client->troupe, &bench_quick_actor, NULL, &client->echo) != 0)
        bench_die("troupe: spawn");
    return client;
}

static void round_trip(void *state)
{
    const struct client *client = state;
    bench_call_echo(client->troupe, client->echo);
}

static void pipeline(void *state, size_t window, size_t count)
{
    const struct client *client = state;
    bench_ask_echoes(client->troupe, client->echo, window, count);
}

static void client_close(void *state)
{
    struct client *client = state;
    troupe_close(client->troupe, 1000);
    free(client);
}

const struct bench_peer bench_troupe = {
    .name = "Troupe, two processes",
    .serve = bench_troupe_serve,
    .open = client_open,
    .round_trip = round_trip,
    .pipeline = pipeline,
    .close = client_close,
};

const struct bench_peer bench_troupe_nng = {
    .name = "Troupe, two processes, NNG alone",
    .serve = bench_troupe_serve,
    .open = nng_open,
    .round_trip = round_trip,
    .pipeline = pipeline,
    .close = client_close,
};

/* Waits for the end of its descriptors: the measured actor is in the client's process. */
static void serve_nothing(const int fds[BENCH_FDS])
{
    bench_socketpair.serve(fds);
}

const struct bench_peer bench_troupe_local = {
    .name = "Troupe, one process",
    .serve = serve_nothing,
    .open = local_open,
    .round_trip = round_trip,
    .pipeline = pipeline,
    .close = client_close,
};
