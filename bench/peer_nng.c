/* peer_nng.c - NNG alone, as Troupe's links use it but one NNG message per message: pair0 over
 * socket://, two task threads, a server made of callbacks. What Troupe costs beyond it is ours.
 *
 * And once more with Troupe's frames, those that wait joined into one of NNG's messages: each is
 * written and read, at both ends, and that is all. */
#include "bench/bench.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "bus/frame.h"

#define FRAME_BYTES_MAX 128
#define QUEUE_MESSAGES  1024 /* NNG's own, each way; without it pipelining crawls */

/* One end. The server answers in callbacks; the client waits for its aios, or counts. */
struct end {
    nng_socket socket;
    nng_aio *send;
    nng_aio *receive;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gone;
    bool framed; /* the pipeline's messages are frames, and joined */
    size_t sent; /* of a pipeline */
    size_t answered;
    size_t count;
    size_t window;
};

static void check(int error, const char *what)
{
    if (error == 0)
        return;
    errno = EPROTO;
    bench_die(what);
}

static void on_gone(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
    struct end *end = argument;
    (void)pipe;
    (void)event;
    pthread_mutex_lock(&end->lock);
    end->gone = true;
    pthread_cond_signal(&end->changed);
    pthread_mutex_unlock(&end->lock);
}

static void end_open(struct end *end, int fd, void (*on_send)(void *), void (*on_receive)(void *))
{
    nng_listener listener;
    nng_init_set_parameter(NNG_INIT_NUM_TASK_THREADS, 2);
    nng_init_set_parameter(NNG_INIT_MAX_TASK_THREADS, 2);
    nng_init_set_parameter(NNG_INIT_NUM_EXPIRE_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_NUM_POLLER_THREADS, 1);
    nng_init_set_parameter(NNG_INIT_NUM_RESOLVER_THREADS, 1);
    pthread_mutex_init(&end->lock, NULL);
    pthread_cond_init(&end->changed, NULL);
    check(nng_pair0_open(&end->socket), "nng: pair0");
    check(nng_socket_set_int(end->socket, NNG_OPT_SENDBUF, QUEUE_MESSAGES), "nng: sendbuf");
    check(nng_socket_set_int(end->socket, NNG_OPT_RECVBUF, QUEUE_MESSAGES), "nng: recvbuf");
    check(nng_pipe_notify(end->socket, NNG_PIPE_EV_REM_POST, on_gone, end), "nng: notify");
    check(nng_aio_alloc(&end->send, on_send, end), "nng: aio");
    check(nng_aio_alloc(&end->receive, on_receive, end), "nng: aio");
    check(nng_listen(end->socket, "socket://", &listener, 0), "nng: listen");
    check(nng_listener_set_int(listener, NNG_OPT_SOCKET_FD, fd), "nng: descriptor");
}

static void end_close(struct end *end)
{
    nng_aio_stop(end->send);
    nng_aio_stop(end->receive);
    nng_close(end->socket);
    nng_aio_free(end->send);
    nng_aio_free(end->receive);
}

/* ---- server ---------------------------------------------------------------------------------- */

static void on_request(void *argument)
{
    struct end *end = argument;
    if (nng_aio_result(end->receive) != 0)
        return;
    nng_aio_set_msg(end->send, nng_aio_get_msg(end->receive));
    nng_send_aio(end->socket, end->send);
}

static void on_answered(void *argument)
{
    struct end *end = argument;
    if (nng_aio_result(end->send) != 0)
        nng_msg_free(nng_aio_get_msg(end->send));
    else
        nng_recv_aio(end->socket, end->receive);
}

static void serve_with(const int fds[BENCH_FDS], void (*on_receive)(void *))
{
    struct end end = {0};
    end_open(&end, fds[0], on_answered, on_receive);
    nng_recv_aio(end.socket, end.receive);
    pthread_mutex_lock(&end.lock);
    while (!end.gone)
        pthread_cond_wait(&end.changed, &end.lock);
    pthread_mutex_unlock(&end.lock);
    end_close(&end);
}

static void serve(const int fds[BENCH_FDS])
{
    serve_with(fds, on_request);
}

/* A frame is answered by a frame. */
static void on_frames(void *argument)
{
    struct end *end = argument;
    if (nng_aio_result(end->receive) != 0)
        return;
    nng_msg *message = nng_aio_get_msg(end->receive);
    nng_msg *answer;
    const uint8_t *data = nng_msg_body(message);
    size_t left = nng_msg_len(message);
    uint8_t *to;
    size_t size = 0;
    check(nng_msg_alloc(&answer, left), "nng: message"); /* an answer is shorter */
    to = nng_msg_body(answer);
    while (left > 0) {
        struct frame frame;
        size_t used;
        check(ti_frame_read(data, left, &used, &frame, NULL), "nng: a request");
        struct frame_reply reply = {.id = frame.request.id, .body = frame.request.body};
        size += ti_frame_write_reply(to + size, nng_msg_len(answer) - size, &reply);
        data += used;
        left -= used;
    }
    check(nng_msg_chop(answer, nng_msg_len(answer) - size), "nng: chop");
    nng_msg_free(message);
    nng_aio_set_msg(end->send, answer);
    nng_send_aio(end->socket, end->send);
}

static void serve_frames(const int fds[BENCH_FDS])
{
    serve_with(fds, on_frames);
}

/* ---- client ---------------------------------------------------------------------------------- */

static size_t count_replies(nng_msg *message)
{
    const uint8_t *data = nng_msg_body(message);
    size_t left = nng_msg_len(message);
    size_t count = 0;
    for (size_t used; left > 0; data += used, left -= used, count++) {
        struct frame frame;
        check(ti_frame_read(data, left, &used, &frame, NULL), "nng: a reply");
    }
    return count;
}

/* Counts the answers of a pipeline; in a round trip the waiting client takes the message. */
static void on_answer(void *argument)
{
    struct end *end = argument;
    if (end->count == 0)
        return;
    check(nng_aio_result(end->receive), "nng: receive");
    nng_msg *message = nng_aio_get_msg(end->receive);
    size_t some = end->framed ? count_replies(message) : 1;
    nng_msg_free(message);
    pthread_mutex_lock(&end->lock);
    end->answered += some;
    bool done = end->answered == end->count;
    if (done || end->sent - end->answered <= end->window / 2)
        pthread_cond_signal(&end->changed);
    pthread_mutex_unlock(&end->lock);
    if (!done)
        nng_recv_aio(end->socket, end->receive);
}

static void *client_open(const int fds[BENCH_FDS])
{
    struct end *end = calloc(1, sizeof *end);
    if (!end)
        bench_die("nng");
    end_open(end, fds[0], NULL, on_answer);
    close(fds[1]);
    return end;
}

static void put_requests(const struct end *end, nng_msg *message, size_t count)
{
    static const uint8_t args[BENCH_MESSAGE_BYTES - 1] = {0xa1, 0x01, 0x78,
                                                          BENCH_MESSAGE_BYTES - 5};
    uint8_t *to = nng_msg_body(message);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        struct frame_request request = {.id = end->sent + i + 1,
                                        .target = 1,
                                        .interface = 1,
                                        .method = 1,
                                        .budget_ms = 5000,
                                        .trace = 1,
                                        .body = {.data = {args, sizeof args}}};
        size += ti_frame_write_request(to + size, nng_msg_len(message) - size, &request);
    }
    check(nng_msg_chop(message, nng_msg_len(message) - size), "nng: chop");
}

static void send_some(struct end *end, size_t count)
{
    nng_msg *message;
    check(nng_msg_alloc(&message, count * (end->framed ? FRAME_BYTES_MAX : BENCH_MESSAGE_BYTES)),
          "nng: message");
    if (end->framed)
        put_requests(end, message, count);
    nng_aio_set_msg(end->send, message);
    nng_send_aio(end->socket, end->send);
    nng_aio_wait(end->send);
    check(nng_aio_result(end->send), "nng: send");
}

static void round_trip(void *state)
{
    struct end *end = state;
    send_some(end, 1);
    nng_recv_aio(end->socket, end->receive);
    nng_aio_wait(end->receive);
    check(nng_aio_result(end->receive), "nng: receive");
    nng_msg_free(nng_aio_get_msg(end->receive));
}

static void pipeline(struct end *end, size_t window, size_t count, bool framed)
{
    end->framed = framed;
    end->sent = 0;
    end->answered = 0;
    end->count = count;
    end->window = window;
    nng_recv_aio(end->socket, end->receive);
    pthread_mutex_lock(&end->lock);
    while (end->answered < count) {
        if (end->sent == count || end->sent - end->answered == window) {
            pthread_cond_wait(&end->changed, &end->lock);
            continue;
        }
        size_t may = end->answered + window < count ? end->answered + window : count;
        size_t some = framed ? may - end->sent : 1;
        pthread_mutex_unlock(&end->lock);
        send_some(end, some);
        pthread_mutex_lock(&end->lock);
        end->sent += some;
    }
    pthread_mutex_unlock(&end->lock);
    nng_aio_wait(end->receive);
    end->count = 0;
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
    end_close(state);
    free(state);
}

const struct bench_peer bench_nng = {
    .name = "NNG pair0, a message each",
    .serve = serve,
    .open = client_open,
    .round_trip = round_trip,
    .pipeline = pipeline_plain,
    .close = client_close,
};

const struct bench_peer bench_nng_joined = {
    .name = "NNG pair0, frames joined",
    .serve = serve_frames,
    .open = client_open,
    .pipeline = pipeline_joined,
    .close = client_close,
};
