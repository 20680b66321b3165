/* serving.c - the actor that is measured: bench/server.iface, with as little work of its own as can be. */
#include "bench/asker.h"

enum { TEXT_BYTES = 48 };

struct server {
    uint64_t times;
    uint64_t published;
};

static void echo(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct server_echo_args *args)
{
    struct server_echo_results results = {.number = args->number, .text = args->text};
    (void)self;
    (void)state;
    server_echo_reply(call, &results);
}

static void consulted(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct server_echo_results *results)
{
    (void)self;
    if (error != NULL) {
        troupe_fail_with(user, error);
    } else {
        struct server_consult_results answer = {.number = results->number};
        server_consult_reply(user, &answer);
    }
}

static void consult(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct server_consult_args *args)
{
    (void)state;
    int error = server_echo_ask(self, args->who, &bench_echo_args, consulted, call, NULL);
    if (error != 0)
        troupe_fail(call, error, NULL);
    else
        troupe_defer(call);
}

static void fetch(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct server_fetch_args *args)
{
    static const uint8_t bytes[BENCH_BLOB_BYTES_MAX] = {1, 2, 3};
    struct server_fetch_results results = {
        .data = {.data = bytes, .size = args->size < sizeof bytes ? args->size : sizeof bytes}};
    (void)self;
    (void)state;
    server_fetch_reply(call, &results);
}

static void tell(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct server_tell_args *args)
{
    struct server *server = state;
    (void)self;
    (void)call;
    (void)args;
    server->times++;
}

static void told(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct server_told_results results = {.times = ((struct server *)state)->times};
    (void)self;
    server_told_reply(call, &results);
}

static void publish(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct server_publish_args *args)
{
    static const char text[TEXT_BYTES] = "forty-eight bytes of an event";
    struct server *server = state;
    int error = 0;
    for (uint32_t i = 0; i < args->times && error == 0; i++) {
        struct server_changed changed = {.number = ++server->published,
                                         .text = {.data = text, .size = sizeof text}};
        error = server_publish_changed(self, &changed);
    }
    if (error != 0)
        troupe_fail(call, error, NULL);
    else
        server_publish_reply(call);
}

static const struct server_handlers handlers = {.echo = echo,
                                                .consult = consult,
                                                .fetch = fetch,
                                                .tell = tell,
                                                .told = told,
                                                .publish = publish};
static const struct troupe_service services[] = {
    {.interface = &server_interface, .handlers = &handlers}};

const struct troupe_actor_def bench_server_actor = {.name = "server",
                                                    .state_size = sizeof(struct server),
                                                    .services = services,
                                                    .services_count = 1};
const struct troupe_actor_def bench_quick_actor = {.name = "server",
                                                   .state_size = sizeof(struct server),
                                                   .services = services,
                                                   .services_count = 1,
                                                   .flags = TROUPE_QUICK};
