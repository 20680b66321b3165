/* carrier_nng.c - carriers over NNG: pair0 for a link, pub0 and sub0 for events, on socket://.
 *
 * What NNG's manual does not say and this file relies on or works round:
 *  - both ends listen; one listener per descriptor (several queued on one are lost);
 *  - the receive limit is set before listening: it is unlimited by default, and an announced length
 *    is allocated before its bytes come;
 *  - the death of the other end is noticed only while a receive or send is armed: one receive always
 *    is, and the pipe's REM_POST event tells;
 *  - no socket is closed inside a callback, and pipe callbacks do nothing but leave a note;
 *  - every operation has its own aio, made once: NNG's blocking calls make one each time. */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/bypass.h"
#include "bus/carrier.h"
#include "bus/troupe.h"

/* Runtimes that are open in this process. NNG's threads end with the process, if none is: once it
 * was finished NNG can't be used again, and another runtime may be opened. */
static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static bool finish_at_exit;

static void finish(void)
{
    pthread_mutex_lock(&users_lock);
    bool unused = users == 0;
    pthread_mutex_unlock(&users_lock);
    if (unused) {
        nng_fini();
    }
}

static int init(struct troupe *troupe)
{
    pthread_mutex_lock(&users_lock);
    users++;
    if (!finish_at_exit) {
        finish_at_exit = atexit(finish) == 0;
    }
    pthread_mutex_unlock(&users_lock);
    nng_init_set_parameter(NNG_INIT_NUM_TASK_THREADS, 2);
    nng_init_set_parameter(NNG_INIT_MAX_TASK_THREADS, 2);
    nng_init_set_parameter(NNG_INIT_NUM_EXPIRE_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_MAX_EXPIRE_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_NUM_POLLER_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_MAX_POLLER_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_NUM_RESOLVER_THREADS, 1);
    ti_bypasses_init(&troupe->bypasses, &troupe->loop);
    return 0;
}

static void fini(struct troupe *troupe)
{
    ti_bypasses_fini(&troupe->bypasses);
    pthread_mutex_lock(&users_lock);
    users--;
    pthread_mutex_unlock(&users_lock);
}

static int translate(int error)
{
    switch (error) {
    case 0:
        return 0;
    case NNG_ENOMEM:
        return TROUPE_ENOMEM;
    case NNG_ECLOSED:
    case NNG_ECONNRESET:
        return TROUPE_EDOWN;
    default:
        return TROUPE_ESYSTEM;
    }
}

/* Listens on one end of a socketpair, which NNG then owns. */
static int listen_on(nng_socket socket, int fd, uint32_t *ret_listener)
{
    nng_listener listener;
    int error = nng_listen(socket, "socket://", &listener, 0);
    if (error == 0) {
        error = nng_listener_set_int(listener, NNG_OPT_SOCKET_FD, fd);
        if (error != 0) {
            nng_listener_close(listener);
        }
    }
    if (error != 0) {
        close(fd);
    } else if (ret_listener != NULL) {
        *ret_listener = (uint32_t)nng_listener_id(listener);
    }
    return error;
}

static void carrier_close(struct ti_carrier *carrier);
static void publisher_close(struct ti_publisher *publisher);
static void publisher_remove(struct ti_publisher *publisher, uint32_t listener);
static int subscriber_filter(struct ti_subscriber *subscriber, const uint8_t *prefix, size_t size,
                             int on);
static void subscriber_close(struct ti_subscriber *subscriber);

/* ---- pair ------------------------------------------------------------------------------------------- */

struct ti_carrier {
    nng_socket socket;
    nng_aio *send;
    nng_aio *receive;
    const struct ti_carrier_events *events;
    void *user;
    /* An empty NNG message is the last of its direction: what follows comes by the bypass. */
    struct ti_bypass *bypass; /* NULL: none */
    atomic_bool heard;        /* the peer has sent something, so its bypass is open if it has one */
    atomic_bool bypassing;    /* what leaves */
    bool bypassed;            /* what arrives */
};

/* False: a batch that the peer may not send here. */
static bool admit(struct ti_carrier *carrier, size_t size)
{
    atomic_store(&carrier->heard, true);
    if (carrier->bypass != NULL && size == 0 && !carrier->bypassed) {
        carrier->bypassed = true;
        ti_bypass_start(carrier->bypass);
    }
    return !carrier->bypassed || size == 0;
}

static void received(void *argument)
{
    struct ti_carrier *carrier = argument;
    if (nng_aio_result(carrier->receive) != 0) {
        return; /* the socket is being closed */
    }
    nng_msg *message = nng_aio_get_msg(carrier->receive);
    size_t size = nng_msg_len(message);
    if (!admit(carrier, size)) {
        carrier->events->on_broken(carrier->user, "a batch beside the bypass");
    } else if (size != 0) { /* else the bypass may receive by now */
        carrier->events->on_receive(carrier->user, nng_msg_body(message), size, NULL);
    }
    nng_msg_free(message);
    nng_recv_aio(carrier->socket, carrier->receive);
}

/* The next batch may go by the bypass, once the peer knows. It has opened its end by now, if it has
 * one: it did so before it said hello. */
static bool may_bypass(const struct ti_carrier *carrier)
{
    return carrier->bypass != NULL && atomic_load(&carrier->heard) &&
           ti_bypass_joined(carrier->bypass);
}

static void sent(void *argument)
{
    struct ti_carrier *carrier = argument;
    nng_msg *last;
    if (nng_aio_result(carrier->send) != 0) {
        return; /* on_gone tells, or close is under way, which frees the message */
    }
    if (atomic_load(&carrier->bypassing)) {
        return; /* the bypass tells when the peer has begun to receive by it */
    }
    if (!may_bypass(carrier) || nng_msg_alloc(&last, 0) != 0) {
        carrier->events->on_sent(carrier->user);
        return;
    }
    atomic_store(&carrier->bypassing, true);
    ti_bypass_ask(carrier->bypass);
    nng_aio_set_msg(carrier->send, last);
    nng_send_aio(carrier->socket, carrier->send);
}

static void pipe_gone(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct ti_carrier *carrier = argument;
    (void)pipe;
    (void)event;
    if (carrier->bypass == NULL || !ti_bypass_gone(carrier->bypass)) {
        carrier->events->on_gone(carrier->user);
    }
}

static int carrier_open(struct troupe *troupe, int fd, const struct troupe_bypass *bypass,
                        const struct ti_carrier_events *events, void *user,
                        struct ti_carrier **ret_carrier)
{
    struct ti_carrier *carrier = calloc(1, sizeof *carrier);
    if (carrier == NULL) {
        close(fd);
        ti_bypass_close_fds(bypass);
        return TROUPE_ENOMEM;
    }
    carrier->events = events;
    carrier->user = user;
    if (bypass != NULL) {
        carrier->bypass = ti_bypass_open(troupe, bypass, events, user);
    }
    int error = nng_pair0_open(&carrier->socket);
    if (error != 0) {
        close(fd);
        ti_bypass_close(carrier->bypass);
        free(carrier);
        return translate(error);
    }
    *ret_carrier = carrier;
    nng_socket_set_int(carrier->socket, NNG_OPT_SENDBUF, 0);
    nng_socket_set_int(carrier->socket, NNG_OPT_RECVBUF, TROUPE_LINK_RECEIVE_QUEUE);
    nng_socket_set_size(carrier->socket, NNG_OPT_RECVMAXSZ, TROUPE_LINK_RECEIVE_BYTES_MAX);
    error = nng_aio_alloc(&carrier->send, sent, carrier);
    error = error != 0 ? error : nng_aio_alloc(&carrier->receive, received, carrier);
    error = error != 0 ? error
                       : nng_pipe_notify(carrier->socket, NNG_PIPE_EV_REM_POST, pipe_gone, carrier);
    if (error != 0) {
        close(fd);
    } else {
        error = listen_on(carrier->socket, fd, NULL);
    }
    if (error != 0) {
        carrier_close(carrier);
        *ret_carrier = NULL;
        return translate(error);
    }
    nng_aio_set_timeout(carrier->send, NNG_DURATION_INFINITE);
    nng_aio_set_timeout(carrier->receive, NNG_DURATION_INFINITE);
    nng_recv_aio(carrier->socket, carrier->receive);
    return 0;
}

static int carrier_send(struct ti_carrier *carrier, const uint8_t *data, size_t size, bool more)
{
    if (atomic_load(&carrier->bypassing)) {
        return ti_bypass_send(carrier->bypass, data, size, more);
    }
    nng_msg *message;
    int error = nng_msg_alloc(&message, size);
    if (error != 0) {
        return translate(error);
    }
    memcpy(nng_msg_body(message), data, size);
    nng_aio_set_msg(carrier->send, message);
    nng_send_aio(carrier->socket, carrier->send);
    return 0;
}

static struct ti_bypass *carrier_enter(struct ti_carrier *carrier)
{
    return carrier->bypass != NULL && ti_bypass_enter(carrier->bypass) ? carrier->bypass : NULL;
}

static void carrier_close(struct ti_carrier *carrier)
{
    if (carrier == NULL) {
        return;
    }
    if (carrier->send != NULL) {
        nng_aio_stop(carrier->send);
    }
    if (carrier->receive != NULL) {
        nng_aio_stop(carrier->receive);
    }
    nng_close(carrier->socket);
    ti_bypass_close(carrier->bypass);
    if (carrier->send != NULL) {
        nng_msg_free(nng_aio_get_msg(carrier->send)); /* NULL once it has left */
        nng_aio_free(carrier->send);
    }
    if (carrier->receive != NULL) {
        nng_aio_free(carrier->receive);
    }
    free(carrier);
}

/* ---- pub ---------------------------------------------------------------------------------------------- */

struct receiver {
    struct receiver *next;
    uint32_t listener;
    ti_up_fn *on_up;
    void *user;
};
struct ti_publisher {
    nng_socket socket;
    nng_aio *send;
    pthread_mutex_t lock; /* of the list, and one send at a time */
    struct receiver *receivers;
};

static void pub_connected(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct ti_publisher *publisher = argument;
    uint32_t listener = (uint32_t)nng_listener_id(nng_pipe_listener(pipe));
    (void)event;
    pthread_mutex_lock(&publisher->lock);
    for (struct receiver *r = publisher->receivers; r != NULL; r = r->next) {
        if (r->listener == listener) {
            r->on_up(r->user);
        }
    }
    pthread_mutex_unlock(&publisher->lock);
}

static int publisher_open(struct troupe *troupe, struct ti_publisher **ret_publisher)
{
    (void)troupe;
    struct ti_publisher *publisher = calloc(1, sizeof *publisher);
    if (publisher == NULL) {
        return TROUPE_ENOMEM;
    }
    int error = nng_pub0_open(&publisher->socket);
    if (error != 0) {
        free(publisher);
        return translate(error);
    }
    pthread_mutex_init(&publisher->lock, NULL);
    nng_socket_set_int(publisher->socket, NNG_OPT_SENDBUF, TROUPE_EVENT_QUEUE);
    nng_socket_set_size(publisher->socket, NNG_OPT_RECVMAXSZ, TROUPE_EVENT_BYTES_MAX);
    error = nng_aio_alloc(&publisher->send, NULL, NULL);
    error = error != 0 ? error
                       : nng_pipe_notify(publisher->socket, NNG_PIPE_EV_ADD_POST, pub_connected,
                                         publisher);
    if (error != 0) {
        publisher_close(publisher);
        return translate(error);
    }
    *ret_publisher = publisher;
    return 0;
}

static int publisher_add(struct ti_publisher *publisher, int fd, ti_up_fn *on_up, void *user,
                         uint32_t *ret_listener)
{
    struct receiver *receiver = calloc(1, sizeof *receiver);
    nng_listener listener;
    int error = receiver == NULL ? NNG_ENOMEM
                                 : nng_listen(publisher->socket, "socket://", &listener, 0);
    if (error != 0) {
        free(receiver);
        close(fd);
        return translate(error);
    }
    /* Known before the descriptor is given, which is what connects it. */
    *receiver = (struct receiver){
        .listener = (uint32_t)nng_listener_id(listener), .on_up = on_up, .user = user};
    pthread_mutex_lock(&publisher->lock);
    receiver->next = publisher->receivers;
    publisher->receivers = receiver;
    pthread_mutex_unlock(&publisher->lock);
    *ret_listener = receiver->listener;
    error = nng_listener_set_int(listener, NNG_OPT_SOCKET_FD, fd);
    if (error != 0) {
        close(fd);
        publisher_remove(publisher, *ret_listener);
    }
    return translate(error);
}

static void publisher_remove(struct ti_publisher *publisher, uint32_t listener)
{
    pthread_mutex_lock(&publisher->lock);
    struct receiver **at = &publisher->receivers;
    while (*at != NULL && (*at)->listener != listener) {
        at = &(*at)->next;
    }
    struct receiver *receiver = *at;
    if (receiver != NULL) {
        *at = receiver->next;
    }
    pthread_mutex_unlock(&publisher->lock);
    if (receiver != NULL) {
        nng_listener_close((nng_listener){.id = listener});
        free(receiver);
    }
}

static void publisher_send(struct ti_publisher *publisher, const uint8_t *data, size_t size)
{
    nng_msg *message;
    if (nng_msg_alloc(&message, size) != 0) {
        return; /* the next heartbeat shows the gap */
    }
    memcpy(nng_msg_body(message), data, size);
    pthread_mutex_lock(&publisher->lock);
    nng_aio_set_msg(publisher->send, message);
    nng_send_aio(publisher->socket, publisher->send); /* PUB never waits for a receiver */
    nng_aio_wait(publisher->send);
    if (nng_aio_result(publisher->send) != 0) {
        nng_msg_free(message);
    }
    pthread_mutex_unlock(&publisher->lock);
}

static void publisher_close(struct ti_publisher *publisher)
{
    if (publisher->send != NULL) {
        nng_aio_stop(publisher->send);
    }
    nng_close(publisher->socket);
    if (publisher->send != NULL) {
        nng_aio_free(publisher->send);
    }
    while (publisher->receivers != NULL) {
        struct receiver *next = publisher->receivers->next;
        free(publisher->receivers);
        publisher->receivers = next;
    }
    pthread_mutex_destroy(&publisher->lock);
    free(publisher);
}

/* ---- sub ---------------------------------------------------------------------------------------------- */

struct ti_subscriber {
    nng_socket socket;
    nng_aio *receive;
    ti_event_fn *on_event;
    ti_up_fn *on_up;
    ti_up_fn *on_gone;
    void *user;
};

static void event_received(void *argument)
{
    struct ti_subscriber *subscriber = argument;
    if (nng_aio_result(subscriber->receive) != 0) {
        return;
    }
    nng_msg *message = nng_aio_get_msg(subscriber->receive);
    subscriber->on_event(subscriber->user, nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    nng_recv_aio(subscriber->socket, subscriber->receive);
}

static void sub_connected(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct ti_subscriber *subscriber = argument;
    (void)pipe;
    (void)event;
    subscriber->on_up(subscriber->user);
}

static void sub_gone(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct ti_subscriber *subscriber = argument;
    (void)pipe;
    (void)event;
    subscriber->on_gone(subscriber->user);
}

static int subscriber_open(struct troupe *troupe, int fd, ti_event_fn *on_event, ti_up_fn *on_up,
                           ti_up_fn *on_gone, void *user, struct ti_subscriber **ret_subscriber)
{
    (void)troupe;
    static const uint8_t heartbeat[] = {0x83, 0x0c};
    struct ti_subscriber *subscriber = calloc(1, sizeof *subscriber);
    int error = subscriber == NULL ? NNG_ENOMEM : nng_sub0_open(&subscriber->socket);
    if (error != 0) {
        free(subscriber);
        close(fd);
        return translate(error);
    }
    subscriber->on_event = on_event;
    subscriber->on_up = on_up;
    subscriber->on_gone = on_gone;
    subscriber->user = user;
    *ret_subscriber = subscriber;
    nng_socket_set_int(subscriber->socket, NNG_OPT_RECVBUF, TROUPE_EVENT_QUEUE);
    nng_socket_set_size(subscriber->socket, NNG_OPT_RECVMAXSZ, TROUPE_EVENT_BYTES_MAX);
    error = nng_aio_alloc(&subscriber->receive, event_received, subscriber);
    error = error != 0 ? error
                       : nng_pipe_notify(subscriber->socket, NNG_PIPE_EV_ADD_POST, sub_connected,
                                         subscriber);
    error = error != 0
                ? error
                : nng_pipe_notify(subscriber->socket, NNG_PIPE_EV_REM_POST, sub_gone, subscriber);
    if (error == 0) {
        error = subscriber_filter(subscriber, heartbeat, sizeof heartbeat, true);
    }
    if (error != 0) {
        close(fd);
    } else {
        error = listen_on(subscriber->socket, fd, NULL);
    }
    if (error != 0) {
        subscriber_close(subscriber);
        *ret_subscriber = NULL;
        return translate(error);
    }
    nng_recv_aio(subscriber->socket, subscriber->receive);
    return 0;
}

static int subscriber_filter(struct ti_subscriber *subscriber, const uint8_t *prefix, size_t size,
                             int on)
{
    return translate(
        on ? nng_socket_set(subscriber->socket, NNG_OPT_SUB_SUBSCRIBE, prefix, size)
           : nng_socket_set(subscriber->socket, NNG_OPT_SUB_UNSUBSCRIBE, prefix, size));
}

static void subscriber_close(struct ti_subscriber *subscriber)
{
    if (subscriber->receive != NULL) {
        nng_aio_stop(subscriber->receive);
    }
    nng_close(subscriber->socket);
    if (subscriber->receive != NULL) {
        nng_aio_free(subscriber->receive);
    }
    free(subscriber);
}

const struct ti_carriers ti_nng_carriers = {.init = init,
                                            .fini = fini,
                                            .open = carrier_open,
                                            .send = carrier_send,
                                            .enter = carrier_enter,
                                            .close = carrier_close,
                                            .publisher_open = publisher_open,
                                            .publisher_add = publisher_add,
                                            .publisher_remove = publisher_remove,
                                            .publisher_send = publisher_send,
                                            .publisher_close = publisher_close,
                                            .subscriber_open = subscriber_open,
                                            .subscriber_filter = subscriber_filter,
                                            .subscriber_close = subscriber_close};
