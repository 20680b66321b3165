/* bench_events.c - events to subscriber processes, as fast as they go, beside bare NNG pub/sub.
 *
 * Both drop what a subscriber can't take in time. NNG says nothing of it; ours are numbered, and what
 * is lost is told: received and lost are together all that was published, or the part fails. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>

#include "bench/asker.h"

enum { ROUNDS = 7, EVENTS = 20000, AT_ONCE = 200, SUBSCRIBERS_MAX = 4, QUIET_MS = 40 };

/* What a subscriber answers, when asked for it: all since it began. */
struct seen {
    uint64_t received;
    uint64_t lost;
    uint64_t last_ns;
};

static void answer_until_gone(int fd, const struct seen *seen, pthread_mutex_t *lock)
{
    char ask;
    while (read(fd, &ask, 1) == 1) {
        pthread_mutex_lock(lock);
        struct seen now = *seen;
        pthread_mutex_unlock(lock);
        if (write(fd, &now, sizeof now) != sizeof now)
            bench_die("events: write");
    }
}

static struct seen seen_by(int fd)
{
    struct seen seen;
    if (write(fd, "", 1) != 1 || read(fd, &seen, sizeof seen) != sizeof seen)
        bench_die("events: a subscriber");
    return seen;
}

static struct seen seen_here;
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;

static void saw(uint64_t received, uint64_t lost)
{
    pthread_mutex_lock(&seen_lock);
    seen_here.received += received;
    seen_here.lost += lost;
    seen_here.last_ns = bench_now_ns();
    pthread_mutex_unlock(&seen_lock);
}

/* ---- NNG ------------------------------------------------------------------------------------- */

static nng_socket open_socket(int (*open)(nng_socket *), int fd)
{
    nng_socket socket;
    nng_listener listener;
    if (open(&socket) != 0 || nng_listen(socket, "socket://", &listener, 0) != 0 ||
        nng_listener_set_int(listener, NNG_OPT_SOCKET_FD, fd) != 0)
        bench_die("nng: events");
    return socket;
}

static nng_aio *nng_next;
static nng_socket nng_here;

static void on_nng_event(void *argument)
{
    (void)argument;
    if (nng_aio_result(nng_next) != 0)
        return;
    nng_msg_free(nng_aio_get_msg(nng_next));
    saw(1, 0);
    nng_recv_aio(nng_here, nng_next);
}

void bench_subscribe_nng(const int *fds)
{
    nng_here = open_socket(nng_sub0_open, fds[0]);
    if (nng_socket_set_int(nng_here, NNG_OPT_RECVBUF, TROUPE_EVENT_QUEUE) != 0 ||
        nng_socket_set(nng_here, NNG_OPT_SUB_SUBSCRIBE, "", 0) != 0 ||
        nng_aio_alloc(&nng_next, on_nng_event, NULL) != 0)
        bench_die("nng: subscribe");
    nng_recv_aio(nng_here, nng_next);
    answer_until_gone(fds[1], &seen_here, &seen_lock);
    nng_close(nng_here);
}

static void publish_nng(void *publisher)
{
    nng_socket socket = *(nng_socket *)publisher;
    for (size_t i = 0; i < EVENTS; i++) {
        nng_msg *message;
        if (nng_msg_alloc(&message, BENCH_MESSAGE_BYTES) != 0 ||
            nng_sendmsg(socket, message, 0) != 0)
            bench_die("nng: publish");
    }
}

/* ---- Troupe ---------------------------------------------------------------------------------- */

static void on_changed(struct troupe_actor *self, void *user, const struct server_changed *event,
                       const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    if (event != NULL)
        saw(1, 0);
    else if (info->lost_to != 0)
        saw(0, info->lost_to - info->lost_from + 1);
}

static int subscribe(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    return server_on_changed(self, *(const struct troupe_ref *)argument, on_changed, NULL, NULL);
}

static const struct troupe_actor_def SUBSCRIBER = {.name = "subscriber", .start = subscribe};

void bench_subscribe_troupe(const int *fds)
{
    struct troupe *troupe = bench_troupe_open(0);
    struct troupe_ref server;
    struct troupe_ref ref;
    bench_troupe_link(troupe, "publisher", fds, true, &server);
    if (troupe_spawn(troupe, &SUBSCRIBER, &server, &ref) != 0)
        bench_die("troupe: subscribe");
    answer_until_gone(fds[2], &seen_here, &seen_lock);
    troupe_close(troupe, 1000);
}

struct publisher {
    struct troupe *troupe;
    struct troupe_ref server;
};

static void publish_some(const struct publisher *publisher, uint32_t times)
{
    struct server_publish_args args = {.times = times};
    if (server_publish(publisher->troupe, publisher->server, &args, NULL, NULL) != 0)
        bench_die("troupe: publish");
}

static void publish_troupe(void *publisher)
{
    for (size_t i = 0; i < EVENTS; i += AT_ONCE)
        publish_some(publisher, AT_ONCE);
}

/* ---- measuring ------------------------------------------------------------------------------- */

struct audience {
    const char *name;
    void (*publish)(void *publisher);
    void *publisher;
    bool counted; /* nothing is lost without a word */
    size_t count;
    int asks[SUBSCRIBERS_MAX];
    pid_t processes[SUBSCRIBERS_MAX];
    struct seen before[SUBSCRIBERS_MAX];
    struct bench_line line;
    uint64_t lost;
};

/* Until everyone knows of everything, or, where that can't be known, until nothing comes any more. */
static void wait_all(const struct audience *audience, struct seen *seen)
{
    uint64_t quiet_since = bench_now_ns();
    for (bool all = false; !all;) {
        all = audience->counted;
        for (size_t i = 0; i < audience->count; i++) {
            struct seen now = seen_by(audience->asks[i]);
            if (now.received != seen[i].received || now.lost != seen[i].lost)
                quiet_since = bench_now_ns();
            seen[i] = now;
            all = all && now.received + now.lost - audience->before[i].received -
                                 audience->before[i].lost ==
                             EVENTS;
        }
        uint64_t quiet_ms = (bench_now_ns() - quiet_since) / 1000000;
        if (!audience->counted && quiet_ms > QUIET_MS)
            return;
        if (quiet_ms > 5000)
            bench_die("events: received and lost are not all that was published");
        usleep(2000);
    }
}

/* Thousands a second, of one subscriber; the mean of all. */
static void measure(struct audience *audience, size_t round)
{
    struct seen seen[SUBSCRIBERS_MAX] = {{0}};
    double rate = 0;
    for (size_t i = 0; i < audience->count; i++)
        audience->before[i] = seen_by(audience->asks[i]);
    uint64_t begun = bench_now_ns();
    audience->publish(audience->publisher);
    wait_all(audience, seen);
    for (size_t i = 0; i < audience->count; i++) {
        double received = (double)(seen[i].received - audience->before[i].received);
        rate += received / ((double)(seen[i].last_ns - begun) / 1e9) / 1e3;
        audience->lost += seen[i].lost - audience->before[i].lost;
    }
    audience->line.rounds[round] = rate / (double)audience->count;
}

static void wait_first(struct audience *audience, void (*publish_one)(void *publisher))
{
    for (size_t i = 0; i < audience->count; i++) {
        while (seen_by(audience->asks[i]).received == 0) { /* not yet subscribed */
            publish_one(audience->publisher);
            usleep(2000);
        }
    }
}

static void one_nng(void *publisher)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, BENCH_MESSAGE_BYTES) != 0 ||
        nng_sendmsg(*(nng_socket *)publisher, message, 0) != 0)
        bench_die("nng: publish");
}

static void one_troupe(void *publisher)
{
    publish_some(publisher, 1);
}

static void open_nng(struct audience *audience, nng_socket *socket)
{
    if (nng_pub0_open(socket) != 0 ||
        nng_socket_set_int(*socket, NNG_OPT_SENDBUF, TROUPE_EVENT_QUEUE) != 0)
        bench_die("nng: pub");
    for (size_t i = 0; i < audience->count; i++) {
        nng_listener listener;
        int here[BENCH_FDS];
        audience->processes[i] = bench_start_server("subscribe-nng", here);
        if (nng_listen(*socket, "socket://", &listener, 0) != 0 ||
            nng_listener_set_int(listener, NNG_OPT_SOCKET_FD, here[0]) != 0)
            bench_die("nng: pub");
        audience->asks[i] = here[1];
    }
    audience->publisher = socket;
    wait_first(audience, one_nng);
}

static const struct troupe_role role = {.name = "server", .actor = &bench_server_actor};

static void open_troupe(struct audience *audience, struct publisher *publisher)
{
    static const char *const NAMES[SUBSCRIBERS_MAX] = {"a", "b", "c", "d"};
    publisher->troupe = bench_troupe_open(0);
    if (troupe_host_declare(publisher->troupe, &role, NULL) != 0 ||
        troupe_host_start(publisher->troupe, "server") != 0 ||
        troupe_host_find(publisher->troupe, "server", &publisher->server) != 0)
        bench_die("troupe: publisher");
    for (size_t i = 0; i < audience->count; i++) {
        int here[BENCH_FDS + 1];
        int there[BENCH_FDS + 1];
        for (size_t j = 0; j < BENCH_FDS + 1; j++) {
            int pair[2];
            bench_socketpair_open(pair);
            here[j] = pair[0];
            there[j] = pair[1];
        }
        audience->processes[i] = bench_start_helper("subscribe-troupe", there, BENCH_FDS + 1);
        for (size_t j = 0; j < BENCH_FDS + 1; j++)
            close(there[j]);
        struct troupe_grant grant = {.role = "server", .events_fd = here[1]};
        struct troupe_bypass end;
        struct troupe_link_config config = {.peer = NAMES[i],
                                            .fd = here[0],
                                            .bypass = bench_take_bypass(here[0], &end),
                                            .exports = &grant,
                                            .exports_count = 1};
        if (troupe_host_link(publisher->troupe, &config, NULL) != 0)
            bench_die("troupe: link");
        audience->asks[i] = here[BENCH_FDS];
    }
    audience->publisher = publisher;
    wait_first(audience, one_troupe);
}

void bench_events(const char *placement)
{
    static const size_t COUNTS[] = {1, SUBSCRIBERS_MAX};
    printf("\nEvents of %d bytes, %s (%d rounds of %d)\n", BENCH_MESSAGE_BYTES, placement, ROUNDS,
           EVENTS);
    printf("  %-34s %16s %10s %10s\n", "", "thousand/s each", "ratio", "told lost");
    for (size_t i = 0; i < 2; i++) {
        char what[64];
        nng_socket socket;
        struct publisher publisher;
        struct audience nng = {.name = "NNG pub/sub", .publish = publish_nng, .count = COUNTS[i]};
        struct audience ours = {
            .name = "Troupe", .publish = publish_troupe, .count = COUNTS[i], .counted = true};
        open_nng(&nng, &socket);
        open_troupe(&ours, &publisher);
        for (size_t round = 0; round < ROUNDS; round++) {
            measure(&nng, round);
            measure(&ours, round);
        }
        printf("  %-20s %zu subscribers %16.0f %10.2f %10s\n", nng.name, COUNTS[i],
               bench_median(&nng.line, ROUNDS), 1.0, "no word");
        printf("  %-20s %zu subscribers %16.0f %10.2f %10" PRIu64 "\n", ours.name, COUNTS[i],
               bench_median(&ours.line, ROUNDS), bench_ratio(&ours.line, &nng.line, ROUNDS),
               ours.lost);
        for (size_t j = 0; j < COUNTS[i]; j++) {
            close(nng.asks[j]);
            close(ours.asks[j]);
            bench_wait_helper(nng.processes[j]);
            bench_wait_helper(ours.processes[j]);
        }
        nng_close(socket);
        troupe_close(publisher.troupe, 1000);
        snprintf(what, sizeof what, "events to %zu, to bare NNG pub/sub", COUNTS[i]);
        bench_say_target(&(struct bench_target){
            what, placement, "x", bench_ratio(&ours.line, &nng.line, ROUNDS), 0.8, true});
    }
}
