/* peer_sdbus.c - sd-bus, peer to peer over a socketpair: no broker. Its method takes and gives a
 * number and a text, as Troupe's does; the server is its own loop of process and wait. */
#include "bench/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#define OBJECT    "/bench"
#define INTERFACE "bench.Echo"
#define METHOD    "Echo"

enum { TEXT_BYTES = BENCH_MESSAGE_BYTES - 16 };

struct client {
    sd_bus *bus;
    size_t answered;
};

static char text[TEXT_BYTES + 1];

static int check(int result, const char *what)
{
    if (result >= 0)
        return result;
    errno = -result;
    bench_die(what);
}

static sd_bus *bus_open(int fd, bool server)
{
    static const sd_id128_t id = SD_ID128_MAKE(1f, 2e, 3d, 4c, 5b, 6a, 79, 88, 97, a6, b5, c4, d3,
                                               e2, f1, 00);
    sd_bus *bus;
    check(sd_bus_new(&bus), "sd-bus: new");
    check(sd_bus_set_fd(bus, fd, fd), "sd-bus: descriptor");
    if (server)
        check(sd_bus_set_server(bus, 1, id), "sd-bus: server");
    check(sd_bus_set_anonymous(bus, 1), "sd-bus: anonymous");
    check(sd_bus_start(bus), "sd-bus: start");
    memset(text, 'x', TEXT_BYTES);
    return bus;
}

/* ---- server ---------------------------------------------------------------------------------- */

static int echo(sd_bus_message *call, void *user, sd_bus_error *ret_error)
{
    uint64_t number;
    const char *words;
    (void)user;
    (void)ret_error;
    check(sd_bus_message_read(call, "ts", &number, &words), "sd-bus: arguments");
    return sd_bus_reply_method_return(call, "ts", number, words);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD(METHOD, "ts", "ts", echo, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

static void serve(const int fds[BENCH_FDS])
{
    sd_bus *bus = bus_open(fds[0], true);
    check(sd_bus_add_object_vtable(bus, NULL, OBJECT, INTERFACE, vtable, NULL), "sd-bus: object");
    int more = 1;
    while (more >= 0) {
        more = sd_bus_process(bus, NULL);
        if (more == 0)
            more = sd_bus_wait(bus, UINT64_MAX);
    }
    sd_bus_unref(bus);
    close(fds[1]);
}

/* ---- client ---------------------------------------------------------------------------------- */

static void *client_open(const int fds[BENCH_FDS])
{
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        bench_die("sd-bus");
    client->bus = bus_open(fds[0], false);
    close(fds[1]);
    return client;
}

static void round_trip(void *state)
{
    struct client *client = state;
    sd_bus_message *reply;
    uint64_t number;
    const char *words;
    check(sd_bus_call_method(client->bus, NULL, OBJECT, INTERFACE, METHOD, NULL, &reply, "ts",
                             UINT64_C(1), text),
          "sd-bus: call");
    check(sd_bus_message_read(reply, "ts", &number, &words), "sd-bus: results");
    sd_bus_message_unref(reply);
}

static int answered(sd_bus_message *reply, void *user, sd_bus_error *ret_error)
{
    struct client *client = user;
    uint64_t number;
    const char *words;
    (void)ret_error;
    check(sd_bus_message_read(reply, "ts", &number, &words), "sd-bus: results");
    client->answered++;
    return 0;
}

static void pipeline(void *state, size_t window, size_t count)
{
    struct client *client = state;
    size_t sent = 0;
    client->answered = 0;
    while (client->answered < count) {
        while (sent < count && sent - client->answered < window) {
            check(sd_bus_call_method_async(client->bus, NULL, NULL, OBJECT, INTERFACE, METHOD,
                                           answered, client, "ts", UINT64_C(1), text),
                  "sd-bus: call");
            sent++;
        }
        if (check(sd_bus_process(client->bus, NULL), "sd-bus: process") == 0)
            check(sd_bus_wait(client->bus, UINT64_MAX), "sd-bus: wait");
    }
}

static void client_close(void *state)
{
    struct client *client = state;
    sd_bus_flush_close_unref(client->bus);
    free(client);
}

const struct bench_peer bench_sdbus = {
    .name = "sd-bus, peer to peer",
    .serve = serve,
    .open = client_open,
    .round_trip = round_trip,
    .pipeline = pipeline,
    .close = client_close,
};
