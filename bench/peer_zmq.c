/* peer_zmq.c - ZeroMQ, a pair of PAIR sockets over ipc://: a message each way, no encoding. It can't
 * take a descriptor, so the socketpair only tells the server's name in the abstract namespace, and
 * when the client is gone. */
#include "bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

struct end {
    void *context;
    void *socket;
    int fd; /* its end is the other's end */
    char message[BENCH_MESSAGE_BYTES];
};

static void check(int result, const char *what)
{
    if (result < 0)
        bench_die(what);
}

static void end_open(struct end *end, int fd)
{
    int unlimited = 0;
    int no_linger = 0;
    end->fd = fd;
    end->context = zmq_ctx_new();
    end->socket = end->context ? zmq_socket(end->context, ZMQ_PAIR) : NULL;
    if (!end->socket)
        bench_die("zmq: socket");
    check(zmq_setsockopt(end->socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited), "zmq: queue");
    check(zmq_setsockopt(end->socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited), "zmq: queue");
    check(zmq_setsockopt(end->socket, ZMQ_LINGER, &no_linger, sizeof no_linger), "zmq: linger");
}

static void end_close(struct end *end)
{
    zmq_close(end->socket);
    zmq_ctx_term(end->context);
    close(end->fd);
}

static void serve(const int fds[BENCH_FDS])
{
    struct end end = {0};
    char name[64];
    end_open(&end, fds[0]);
    snprintf(name, sizeof name, "ipc://@troupe-bench-%d", (int)getpid());
    check(zmq_bind(end.socket, name), "zmq: bind");
    check((int)write(fds[0], name, sizeof name), "zmq: name");
    close(fds[1]);
    zmq_pollitem_t items[] = {{.socket = end.socket, .events = ZMQ_POLLIN},
                              {.fd = fds[0], .events = ZMQ_POLLIN}};
    while (items[1].revents == 0) {
        check(zmq_poll(items, 2, -1), "zmq: poll");
        while (zmq_recv(end.socket, end.message, sizeof end.message, ZMQ_DONTWAIT) >= 0)
            check(zmq_send(end.socket, end.message, sizeof end.message, 0), "zmq: send");
    }
    end_close(&end);
}

static void *client_open(const int fds[BENCH_FDS])
{
    struct end *end = calloc(1, sizeof *end);
    char name[64];
    if (!end)
        bench_die("zmq");
    end_open(end, fds[0]);
    if (read(fds[0], name, sizeof name) != (ssize_t)sizeof name)
        bench_die("zmq: name");
    check(zmq_connect(end->socket, name), "zmq: connect");
    close(fds[1]);
    return end;
}

static void round_trip(void *state)
{
    struct end *end = state;
    check(zmq_send(end->socket, end->message, sizeof end->message, 0), "zmq: send");
    check(zmq_recv(end->socket, end->message, sizeof end->message, 0), "zmq: receive");
}

static void pipeline(void *state, size_t window, size_t count)
{
    struct end *end = state;
    size_t sent = 0;
    for (size_t answered = 0; answered < count; answered++) {
        for (; sent < count && sent - answered < window; sent++)
            check(zmq_send(end->socket, end->message, sizeof end->message, 0), "zmq: send");
        check(zmq_recv(end->socket, end->message, sizeof end->message, 0), "zmq: receive");
    }
}

static void client_close(void *state)
{
    end_close(state);
    free(state);
}

const struct bench_peer bench_zmq = {
    .name = "ZeroMQ PAIR, ipc",
    .serve = serve,
    .open = client_open,
    .round_trip = round_trip,
    .pipeline = pipeline,
    .close = client_close,
};
