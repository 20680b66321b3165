/* peer_socketpair.c - bare bytes over a Unix stream socketpair: what nothing built on sockets can
 * beat, and so the reference for all that is.
 *
 * Two of them. In the plain one each message is a write of its own, both ways. In the joined one
 * all messages that may go out go in one write: what a library can win by joining frames. */
#include "bench/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (64 * 1024)

struct client {
    int fd;
    uint8_t buffer[BUFFER_BYTES];
};

static void write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = send(fd, data, size, MSG_NOSIGNAL);
        if (written < 0)
            bench_die("socketpair: write");
        data += written;
        size -= (size_t)written;
    }
}

static void serve(int fd, bool joined)
{
    static uint8_t buffer[BUFFER_BYTES];
    ssize_t size;
    while ((size = read(fd, buffer, sizeof buffer)) > 0) {
        size_t step = joined ? (size_t)size : BENCH_MESSAGE_BYTES;
        for (size_t at = 0; at < (size_t)size; at += step) {
            size_t left = (size_t)size - at;
            write_all(fd, buffer + at, left < step ? left : step);
        }
    }
}

static void serve_plain(const int fds[BENCH_FDS])
{
    serve(fds[0], false);
}

static void serve_joined(const int fds[BENCH_FDS])
{
    serve(fds[0], true);
}

static void *client_open(const int fds[BENCH_FDS])
{
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        bench_die("socketpair");
    client->fd = fds[0];
    close(fds[1]);
    return client;
}

static size_t read_some(struct client *client)
{
    ssize_t size = read(client->fd, client->buffer, sizeof client->buffer);
    if (size <= 0)
        bench_die("socketpair: read");
    return (size_t)size;
}

static void round_trip(void *state)
{
    struct client *client = state;
    write_all(client->fd, client->buffer, BENCH_MESSAGE_BYTES);
    for (size_t got = 0; got < BENCH_MESSAGE_BYTES;)
        got += read_some(client);
}

/* Never waits in a write: with both directions full, each end would wait for the other. */
static void pipeline(struct client *client, size_t window, size_t count, bool joined)
{
    size_t sent = 0; /* bytes */
    size_t got = 0;
    while (got < count * BENCH_MESSAGE_BYTES) {
        size_t may = got / BENCH_MESSAGE_BYTES + window;
        size_t size = (may < count ? may : count) * BENCH_MESSAGE_BYTES - sent;
        if (!joined && size > BENCH_MESSAGE_BYTES)
            size = BENCH_MESSAGE_BYTES - sent % BENCH_MESSAGE_BYTES;
        if (size > sizeof client->buffer)
            size = sizeof client->buffer;
        ssize_t written = 0;
        if (size > 0)
            written = send(client->fd, client->buffer, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0 && errno != EAGAIN)
            bench_die("socketpair: send");
        if (written > 0)
            sent += (size_t)written;
        else
            got += read_some(client);
    }
}

static void pipeline_plain(void *state, size_t window, size_t count)
{
    pipeline(state, window, count, false);
}

static void pipeline_joined(void *state, size_t window, size_t count)
{
    pipeline(state, window, count, true);
}

static void client_close(void *state)
{
    struct client *client = state;
    close(client->fd);
    free(client);
}

const struct bench_peer bench_socketpair = {
    .name = "socketpair, a write per message",
    .serve = serve_plain,
    .open = client_open,
    .round_trip = round_trip,
    .pipeline = pipeline_plain,
    .close = client_close,
};

const struct bench_peer bench_socketpair_joined = {
    .name = "socketpair, joined writes",
    .serve = serve_joined,
    .open = client_open,
    .round_trip = round_trip,
    .pipeline = pipeline_joined,
    .close = client_close,
};
