/* asker.c - see asker.h. */
#include "bench/asker.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = BENCH_MESSAGE_BYTES - 16 }; /* beside the number and what CBOR adds */

/* ---- gate ------------------------------------------------------------------------------------ */

void bench_gate_init(struct bench_gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->changed, NULL);
    gate->opened = 0;
}

void bench_gate_open(struct bench_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->opened++;
    pthread_cond_signal(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

void bench_gate_pass(struct bench_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->opened == 0)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->opened--;
    pthread_mutex_unlock(&gate->lock);
}

/* ---- runtimes -------------------------------------------------------------------------------- */

struct troupe *bench_troupe_open(unsigned workers)
{
    struct troupe *troupe;
    struct troupe_config config = {.workers = workers};
    if (troupe_open(&config, &troupe) != 0)
        bench_die("troupe: open");
    return troupe;
}

static void on_served(void *user, const struct troupe_host_event *event)
{
    if (event->kind == TROUPE_LINK_GONE)
        bench_gate_open(user);
}

static const struct troupe_role role = {.name = "server", .actor = &bench_quick_actor};

void bench_troupe_serve(const int fds[BENCH_FDS])
{
    struct bench_gate gone;
    struct troupe *troupe = bench_troupe_open(0);
    struct troupe_bypass end;
    struct troupe_grant grant = {.role = "server", .events_fd = fds[1]};
    struct troupe_link_config config = {.peer = "bench",
                                        .fd = fds[0],
                                        .bypass = bench_take_bypass(fds[0], &end),
                                        .exports = &grant,
                                        .exports_count = 1};
    bench_gate_init(&gone);
    troupe_host_on_event(troupe, on_served, &gone);
    if (troupe_host_declare(troupe, &role, NULL) != 0 || troupe_host_start(troupe, "server") != 0 ||
        troupe_host_link(troupe, &config, NULL) != 0)
        bench_die("troupe: serve");
    bench_gate_pass(&gone);
    troupe_close(troupe, 1000);
}

static void on_linked(void *user, const struct troupe_host_event *event)
{
    if (event->kind == TROUPE_LINK_UP)
        bench_gate_open(user);
}

void bench_troupe_link(struct troupe *troupe, const char *peer, const int fds[BENCH_FDS],
                       bool bypass, struct troupe_ref *ret_server)
{
    struct troupe_bypass end;
    static struct bench_gate up = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    struct troupe_grant grant = {.role = "server", .events_fd = fds[1]};
    struct troupe_link_config config = {.peer = peer,
                                        .fd = fds[0],
                                        .bypass = bench_give_bypass(fds[0], bypass, &end),
                                        .imports = &grant,
                                        .imports_count = 1};
    troupe_host_on_event(troupe, on_linked, &up);
    if (troupe_host_link(troupe, &config, NULL) != 0 ||
        troupe_host_find(troupe, "server", ret_server) != 0)
        bench_die("troupe: link");
    bench_gate_pass(&up);
}

void bench_server_start(struct troupe *troupe, const char *peer, struct bench_server *ret_server)
{
    int here[BENCH_FDS];
    ret_server->process = bench_start_server("server", here);
    bench_troupe_link(troupe, peer, here, true, &ret_server->ref);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static const char text[TEXT_BYTES] = "sixty-four bytes, with what surrounds it";
const struct server_echo_args bench_echo_args = {.number = 1,
                                                 .text = {.data = text, .size = TEXT_BYTES}};

void bench_call_echo(struct troupe *troupe, struct troupe_ref echo)
{
    struct server_echo_results results;
    if (server_echo(troupe, echo, &bench_echo_args, &results, NULL, NULL) != 0)
        bench_die("troupe: call");
    troupe_release(results.message);
}

static void ask_more(struct troupe_actor *self, struct bench_asker *asker);

static void answered(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct server_echo_results *results)
{
    struct bench_asker *asker = user;
    (void)results;
    if (error != NULL)
        bench_die(error->text);
    asker->answered++;
    ask_more(self, asker);
}

static void ask_more(struct troupe_actor *self, struct bench_asker *asker)
{
    while (asker->sent < asker->count && asker->sent - asker->answered < asker->window) {
        struct troupe_ref to = asker->to[asker->sent % asker->to_count];
        if (server_echo_ask(self, to, &bench_echo_args, answered, asker, NULL) != 0)
            bench_die("troupe: ask");
        asker->sent++;
    }
    if (asker->answered == asker->count) {
        if (troupe_stop(asker->troupe, troupe_self(self)) != 0)
            bench_die("troupe: stop");
        bench_gate_open(&asker->done);
    }
}

static int begin(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    ask_more(self, (struct bench_asker *)argument);
    return 0;
}

static const struct troupe_actor_def ASKER = {.name = "asker", .start = begin};

void bench_asker_start(struct bench_asker *asker)
{
    struct troupe_ref ref;
    asker->sent = asker->answered = 0;
    bench_gate_init(&asker->done);
    if (troupe_spawn(asker->troupe, &ASKER, asker, &ref) != 0)
        bench_die("troupe: spawn");
}

void bench_asker_wait(struct bench_asker *asker)
{
    bench_gate_pass(&asker->done);
}

void bench_ask_echoes(struct troupe *troupe, struct troupe_ref to, size_t window, size_t count)
{
    struct bench_asker asker = {
        .troupe = troupe, .to = &to, .to_count = 1, .window = window, .count = count};
    bench_asker_start(&asker);
    bench_asker_wait(&asker);
}
