/* peer_troupe.c - Troupe itself, the whole path: facade, codec with validation, link, mailbox,
 * handler, reply.
 *
 * One call at a time is the sync facade on a plain thread. Many are asks of an actor that keeps
 * `window` of them in flight: what an actor that has much to ask does. */
#include "bench/bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "bus/troupe_host.h"
#include "test/support/probe.h"
#include "test/support/prober.h"

enum { TEXT_BYTES = BENCH_MESSAGE_BYTES - 16 }; /* beside the number and what CBOR adds */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool up;
    bool done;
};

struct client {
    struct troupe *troupe;
    struct troupe_ref echo;
    struct gate gate;
    size_t window;
    size_t count;
    size_t sent;
    size_t answered;
};

static void open_gate(struct gate *gate, bool *which)
{
    pthread_mutex_lock(&gate->lock);
    *which = true;
    pthread_cond_signal(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void pass_gate(struct gate *gate, bool *which)
{
    pthread_mutex_lock(&gate->lock);
    while (!*which) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    *which = false;
    pthread_mutex_unlock(&gate->lock);
}

static void on_host(void *user, const struct troupe_host_event *event)
{
    struct gate *gate = user;
    if (event->kind == TROUPE_LINK_UP) {
        open_gate(gate, &gate->up);
    } else if (event->kind == TROUPE_LINK_GONE) {
        open_gate(gate, &gate->done);
    }
}

static struct troupe *start(struct gate *gate)
{
    struct troupe *troupe;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    if (troupe_open(NULL, &troupe) != 0) {
        bench_die("troupe: open");
    }
    troupe_host_on_event(troupe, on_host, gate);
    return troupe;
}

static void serve(const int fds[BENCH_FDS])
{
    struct gate gate = {.up = false};
    struct troupe *troupe = start(&gate);
    struct troupe_grant grant = {.role = "probe", .events_fd = fds[1]};
    struct troupe_link_config config = {
        .peer = "bench", .fd = fds[0], .exports = &grant, .exports_count = 1};
    if (troupe_host_declare(troupe, &quick_probe_role, NULL) != 0 ||
        troupe_host_start(troupe, "probe") != 0 || troupe_host_link(troupe, &config, NULL) != 0) {
        bench_die("troupe: serve");
    }
    pass_gate(&gate, &gate.done);
    troupe_close(troupe, 1000);
}

static void *client_open(const int fds[BENCH_FDS])
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        bench_die("troupe");
    }
    client->troupe = start(&client->gate);
    struct troupe_grant grant = {.role = "probe", .events_fd = fds[1]};
    struct troupe_link_config config = {
        .peer = "server", .fd = fds[0], .imports = &grant, .imports_count = 1};
    if (troupe_host_link(client->troupe, &config, NULL) != 0 ||
        troupe_host_find(client->troupe, "probe", &client->echo) != 0) {
        bench_die("troupe: link");
    }
    pass_gate(&client->gate, &client->gate.up);
    return client;
}

static void *local_open(const int fds[BENCH_FDS])
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        bench_die("troupe");
    }
    client->troupe = start(&client->gate);
    for (size_t i = 0; i < BENCH_FDS; i++) {
        close(fds[i]); /* the server at their other end has nothing to do */
    }
    if (troupe_spawn(client->troupe, &quick_probe_actor, NULL, &client->echo) != 0) {
        bench_die("troupe: spawn");
    }
    return client;
}

static const char text[TEXT_BYTES] = "sixty-four bytes, with what surrounds it";
static const struct probe_echo_args message = {.number = 1,
                                               .text = {.data = text, .size = TEXT_BYTES}};

static void round_trip(void *state)
{
    struct client *client = state;
    struct probe_echo_results results;
    if (probe_echo(client->troupe, client->echo, &message, &results, NULL, NULL) != 0) {
        bench_die("troupe: call");
    }
    troupe_release(results.message);
}

static void ask_more(struct troupe_actor *self, struct client *client);

static void answered(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_echo_results *results)
{
    struct client *client = user;
    (void)results;
    if (error != NULL) {
        bench_die(error->text);
    }
    client->answered++;
    ask_more(self, client);
}

static void ask_more(struct troupe_actor *self, struct client *client)
{
    while (client->sent < client->count && client->sent - client->answered < client->window) {
        if (probe_echo_ask(self, client->echo, &message, answered, client, NULL) != 0) {
            bench_die("troupe: ask");
        }
        client->sent++;
    }
    if (client->answered == client->count) {
        if (troupe_stop(client->troupe, troupe_self(self)) != 0) {
            bench_die("troupe: stop");
        }
        open_gate(&client->gate, &client->gate.done);
    }
}

static int begin(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    ask_more(self, (struct client *)argument);
    return 0;
}

static const struct troupe_actor_def asker = {.name = "asker", .start = begin};

static void pipeline(void *state, size_t window, size_t count)
{
    struct client *client = state;
    struct troupe_ref ref;
    client->window = window;
    client->count = count;
    client->sent = client->answered = 0;
    if (troupe_spawn(client->troupe, &asker, client, &ref) != 0) {
        bench_die("troupe: spawn");
    }
    pass_gate(&client->gate, &client->gate.done);
}

static void client_close(void *state)
{
    struct client *client = state;
    troupe_close(client->troupe, 1000);
    free(client);
}

const struct bench_peer bench_troupe = {
    .name = "Troupe, two processes",
    .serve = serve,
    .open = client_open,
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
