/* fuzz_link - a hostile peer and a busy process at the two ends of one link.
 *
 * The input is a list of steps: frames from the peer (well-formed ones of any content, or any
 * bytes), events, and what this process does meanwhile: asks, streams, blobs, cancels, subscriptions,
 * watches. The carrier is of memory: this file stands in for carrier_nng.c, so that the whole way of
 * a frame through the link and the actors is run, and no socket.
 *
 * What must hold: no bad access and no leak; every frame that leaves is a good one, and one batch is
 * on its way at a time; a request of the peer is answered once at most, and only one that it made;
 * when the link is gone every ask of this process has ended, exactly once, and nothing is left.
 * A libFuzzer entry point. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/carrier.h"
#include "bus/frame.h"
#include "bus/link.h"
#include "test/support/probe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    IDS_MAX = 4096,   /* of the peer's requests, that are watched */
    ASKS_MAX = 256,   /* of ours */
    KEPT_MAX = 32,    /* calls, actors, subscriptions */
    BLOB_MAX = 70000, /* that a handler sends */
    STEPS_MAX = 512,
    BUS = 0,
};

static void check_at(int line, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_link.c:%d: does not hold\n", line);
        abort();
    }
}
#define check(condition) check_at(__LINE__, condition)

/* ---- what one input has made ----------------------------------------------------------------- */

struct ask {
    unsigned done;
    bool given_up; /* a watch ends without a word, then */
    bool stays;    /* a watch of what the link's end does not end */
    uint64_t token;
};
static struct {
    uint64_t last_id;
    bool asked[IDS_MAX];
    bool answered[IDS_MAX];
    struct ask asks[ASKS_MAX];
    size_t asks_count;
    struct troupe_call *hanging[KEPT_MAX];
    size_t hanging_count;
    struct troupe_ref actors[KEPT_MAX];
    size_t actors_count;
    unsigned done_in_home;
    struct troupe_handler *handlers[KEPT_MAX];
    size_t handlers_count;
    struct troupe_ref given; /* a ref that the peer handed over */
    uint64_t offsets[64];    /* of the peer's blobs, by stream */
    bool stalled;            /* the peer does not read */
} run;

static struct troupe *troupe;
static struct troupe_ref home; /* the actor that does what this process does */
static struct troupe_ref far;  /* the role that the peer offers */
static uint64_t actors_base;
static atomic_bool gone;
static unsigned long long frames_count;

/* ---- the carrier ----------------------------------------------------------------------------- */

/* Held in a callback, so that none runs once a close has returned. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
struct ti_carrier {
    const struct ti_carrier_events *events;
    void *user;
};
struct ti_publisher {
    uint32_t listeners;
};
struct ti_subscriber {
    void (*on_event)(void *user, const uint8_t *data, size_t size);
    void *user;
};
static struct ti_carrier *carrier;
static struct ti_subscriber *subscriber;
static atomic_bool sending;

static int carriers_init(struct troupe *owner)
{
    (void)owner;
    return 0;
}

static void carriers_fini(struct troupe *owner)
{
    (void)owner;
}

static int carrier_open(struct troupe *owner, int fd, const struct troupe_bypass *bypass,
                        const struct ti_carrier_events *events, void *user,
                        struct ti_carrier **ret_carrier)
{
    (void)owner;
    (void)fd;
    (void)bypass;
    carrier = calloc(1, sizeof *carrier);
    *carrier = (struct ti_carrier){.events = events, .user = user};
    atomic_store(&sending, false);
    *ret_carrier = carrier;
    return 0;
}

/* The peer keeps account of what is answered. */
static void check_answer(uint64_t id, bool last)
{
    if (id < IDS_MAX) {
        check(run.asked[id] && !run.answered[id]);
        run.answered[id] = last;
    }
}

static int carrier_send(struct ti_carrier *to, const uint8_t *data, size_t size, bool more)
{
    (void)more;
    check(to == carrier && size > 0 && size <= TROUPE_LINK_RECEIVE_BYTES_MAX);
    check(!atomic_exchange(&sending, true));
    while (size > 0) {
        struct frame frame;
        size_t used;
        check(ti_frame_read(data, size, &used, &frame, NULL) == 0);
        if (frame.kind == FRAME_REPLY || frame.kind == FRAME_ITEM)
            check_answer(frame.reply.id, frame.kind == FRAME_REPLY);
        else if (frame.kind == FRAME_ERROR)
            check_answer(frame.error.id, true);
        data += used;
        size -= used;
    }
    return 0;
}

static void carrier_close(struct ti_carrier *closed)
{
    pthread_mutex_lock(&gate);
    if (closed != NULL)
        carrier = NULL;
    free(closed);
    pthread_mutex_unlock(&gate);
}

static int publisher_open(struct troupe *owner, struct ti_publisher **ret_publisher)
{
    (void)owner;
    *ret_publisher = calloc(1, sizeof **ret_publisher);
    return 0;
}

static int publisher_add(struct ti_publisher *publisher, int fd, ti_up_fn *on_up, void *user,
                         uint32_t *ret_listener)
{
    (void)fd;
    *ret_listener = ++publisher->listeners;
    on_up(user);
    return 0;
}

static void publisher_remove(struct ti_publisher *publisher, uint32_t listener)
{
    check(listener <= publisher->listeners);
}

static void publisher_send(struct ti_publisher *publisher, const uint8_t *data, size_t size)
{
    struct frame frame;
    size_t used;
    (void)publisher;
    check(size <= TROUPE_EVENT_BYTES_MAX);
    check(ti_frame_read(data, size, &used, &frame, NULL) == 0 && used == size);
    check(frame.kind == FRAME_EVENT || frame.kind == FRAME_HEARTBEAT);
}

static void publisher_close(struct ti_publisher *publisher)
{
    free(publisher);
}

static int subscriber_open(struct troupe *owner, int fd, ti_event_fn *on_event, ti_up_fn *on_up,
                           ti_up_fn *on_gone, void *user, struct ti_subscriber **ret_subscriber)
{
    (void)owner;
    (void)fd;
    (void)on_gone;
    subscriber = calloc(1, sizeof *subscriber);
    *subscriber = (struct ti_subscriber){.on_event = on_event, .user = user};
    *ret_subscriber = subscriber;
    on_up(user);
    return 0;
}

static int subscriber_filter(struct ti_subscriber *filtered, const uint8_t *prefix, size_t size,
                             int on)
{
    (void)filtered;
    (void)prefix;
    (void)on;
    check(size <= TI_FRAME_TOPIC_BYTES_MAX);
    return 0;
}

static void subscriber_close(struct ti_subscriber *closed)
{
    pthread_mutex_lock(&gate);
    subscriber = NULL;
    free(closed);
    pthread_mutex_unlock(&gate);
}

/* In the place of bus/carrier_nng.c, which is then not linked. */
const struct ti_carriers ti_nng_carriers = {
    .init = carriers_init,
    .fini = carriers_fini,
    .open = carrier_open,
    .send = carrier_send,
    .close = carrier_close,
    .publisher_open = publisher_open,
    .publisher_add = publisher_add,
    .publisher_remove = publisher_remove,
    .publisher_send = publisher_send,
    .publisher_close = publisher_close,
    .subscriber_open = subscriber_open,
    .subscriber_filter = subscriber_filter,
    .subscriber_close = subscriber_close,
};

/* Lets the peer read what was sent, and the actors work, until nothing moves. */
static void settle(void)
{
    int handled;
    bool sent;
    do {
        handled = troupe_step(troupe, 0);
        sent = !run.stalled && atomic_exchange(&sending, false);
        if (sent) {
            pthread_mutex_lock(&gate);
            if (carrier != NULL)
                carrier->events->on_sent(carrier->user);
            pthread_mutex_unlock(&gate);
        }
    } while (handled > 0 || sent);
}

/* A copy, so that reading beyond the end is seen. */
static void deliver(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    if (size != 0)
        memcpy(copy, data, size);
    pthread_mutex_lock(&gate);
    if (carrier != NULL && size != 0)
        carrier->events->on_receive(carrier->user, copy, size, NULL);
    pthread_mutex_unlock(&gate);
    free(copy);
    frames_count += size != 0;
    settle();
}

static void deliver_event(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + (size == 0));
    if (size != 0)
        memcpy(copy, data, size);
    pthread_mutex_lock(&gate);
    if (subscriber != NULL)
        subscriber->on_event(subscriber->user, copy, size);
    pthread_mutex_unlock(&gate);
    free(copy);
    frames_count++;
    settle();
}

/* ---- the actor that the peer asks ------------------------------------------------------------ */

static void serve_echo(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct probe_echo_args *args)
{
    struct probe_echo_results results = {.number = args->number, .text = args->text};
    (void)self;
    (void)state;
    probe_echo_reply(call, &results);
}

static void serve_check(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct probe_check_args *args)
{
    struct probe_odd odd = {.number = args->number};
    (void)self;
    (void)state;
    probe_fail_odd(call, &odd, "odd");
}

static void serve_hang(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)state;
    if (run.hanging_count == KEPT_MAX) {
        troupe_fail(call, TROUPE_EBUSY, NULL);
        return;
    }
    troupe_defer(call);
    if (troupe_self(self).id == home.id) { /* others leave theirs open: their end answers them */
        run.hanging[run.hanging_count++] = call;
    }
}

static void serve_count(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    uintptr_t next = (uintptr_t)user;
    for (; next < 200; next++) {
        struct probe_count_item item = {.number = (uint32_t)next};
        int error = probe_count_item(call, &item);
        if (error == TROUPE_EBUSY) {
            troupe_on_room(call, serve_count, (void *)next);
            return;
        }
        if (error != 0) {
            troupe_fail(call, error, NULL);
            return;
        }
    }
    (void)self;
    probe_count_end(call);
}

static void serve_count_from(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct probe_count_args *args)
{
    (void)state;
    serve_count(self, (void *)(uintptr_t)args->to, call);
}

static const uint8_t blob_bytes[BLOB_MAX];

static void serve_make(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct probe_make_args *args)
{
    struct probe_make_results results = {
        .data = {.data = blob_bytes, .size = args->size % BLOB_MAX}};
    (void)self;
    (void)state;
    probe_make_reply(call, &results);
}

static void serve_pieces(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    uintptr_t left = (uintptr_t)user;
    (void)self;
    for (; left > 0; left--) {
        struct probe_pieces_item item = {.data = {.data = blob_bytes, .size = left * 1000}};
        int error = probe_pieces_item(call, &item);
        if (error == TROUPE_EBUSY) {
            troupe_on_room(call, serve_pieces, (void *)left);
            return;
        }
        if (error != 0) {
            troupe_fail(call, error, NULL);
            return;
        }
    }
    probe_pieces_end(call);
}

static void serve_pieces_of(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct probe_pieces_args *args)
{
    (void)state;
    serve_pieces(self, (void *)(uintptr_t)(args->count % 70), call);
}

static void serve_sum(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct probe_sum_args *args)
{
    struct probe_sum_results results = {0};
    const void *cursor = NULL;
    struct troupe_bytes piece;
    (void)self;
    (void)state;
    while (troupe_blob_next(&args->data, &cursor, &piece))
        results.size += piece.size;
    check(results.size == args->data.size);
    probe_sum_reply(call, &results);
}

static const struct troupe_actor_def child_def;

static bool spawn_child(struct troupe_ref *ret_ref)
{
    if (run.actors_count == KEPT_MAX || troupe_spawn(troupe, &child_def, NULL, ret_ref) != 0)
        return false;
    run.actors[run.actors_count++] = *ret_ref;
    return true;
}

static void serve_spawn(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe_spawn_results results;
    (void)self;
    (void)state;
    if (spawn_child(&results.child))
        probe_spawn_reply(call, &results);
    else
        troupe_fail(call, TROUPE_EBUSY, NULL);
}

static void relayed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    (void)self;
    if (error != NULL) {
        troupe_fail_with(user, error);
    } else {
        struct probe_relay_results answer = {.number = results->number};
        probe_relay_reply(user, &answer);
    }
}

static void serve_relay(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct probe_relay_args *args)
{
    struct probe_echo_args echo = {.number = args->number};
    (void)state;
    run.given = args->who;
    int error = probe_echo_ask(self, args->who, &echo, relayed, call, NULL);
    if (error != 0)
        troupe_fail(call, error, NULL);
    else
        troupe_defer(call);
}

static void serve_forward(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct probe_forward_args *args)
{
    (void)self;
    (void)state;
    int error = troupe_forward(call, args->number % 2 != 0 ? run.given : far);
    (void)error; /* the asker has been told */
}

static void serve_count_there(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct probe_count_there_args *args)
{
    (void)self;
    (void)state;
    int error = troupe_forward(call, args->to % 2 != 0 ? run.given : far);
    (void)error;
}

static void serve_tell(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct probe_tell_args *args)
{
    (void)self;
    (void)state;
    (void)call;
    (void)args;
}

static void serve_publish(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct probe_publish_args *args)
{
    struct probe_changed changed = {.number = args->times};
    struct probe_newest newest = {.number = args->times};
    struct probe_born born;
    (void)state;
    check(probe_publish_changed(self, &changed) == 0);
    check(probe_publish_newest(self, &newest) == 0);
    if (args->times % 2 != 0 && spawn_child(&born.child))
        check(probe_publish_born(self, &born) == 0);
    probe_publish_reply(call);
}

static void serve_forget(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)self;
    (void)state;
    (void)call;
}

static void serve_secret(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct probe_secret_args *args)
{
    struct probe_secret_results results = {.size = (uint32_t)args->word.size};
    (void)self;
    (void)state;
    probe_secret_reply(call, &results);
}

static const struct probe_handlers handlers = {.echo = serve_echo,
                                               .check = serve_check,
                                               .hang = serve_hang,
                                               .count = serve_count_from,
                                               .make = serve_make,
                                               .sum = serve_sum,
                                               .spawn = serve_spawn,
                                               .relay = serve_relay,
                                               .forward = serve_forward,
                                               .tell = serve_tell,
                                               .publish = serve_publish,
                                               .forget = serve_forget,
                                               .pieces = serve_pieces_of,
                                               .secret = serve_secret,
                                               .count_there = serve_count_there};
static const struct troupe_service services[] = {
    {.interface = &probe_interface, .handlers = &handlers}};
static const struct troupe_actor_def child_def = {
    .name = "child", .services = services, .services_count = 1, .flags = TROUPE_PINNED};
static const char *const home_uses[] = {"far", NULL};
static const struct troupe_role home_role = {
    .name = "probe", .actor = &child_def, .uses = home_uses};

/* ---- the input ------------------------------------------------------------------------------- */

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t take(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

static struct troupe_bytes take_bytes(struct input *input, size_t size)
{
    size = size < input->size ? size : input->size;
    struct troupe_bytes bytes = {.data = input->data, .size = size};
    input->data += size;
    input->size -= size;
    return bytes;
}

/* Mostly small; the largest values too. */
static uint64_t take_number(struct input *input)
{
    uint8_t byte = take(input);
    switch (byte) {
    case 255:
        return UINT64_MAX;
    case 254:
        return UINT32_MAX;
    case 253:
        return (uint64_t)take(input) << 32 | take(input);
    case 252:
        return (uint64_t)take(input) << 8 | take(input);
    case 251:
        return (uint64_t)take(input) << 16 | take(input);
    default:
        return byte;
    }
}

/* A map: of the forms that the probe's methods take, or any bytes, which the reader may refuse. */
static struct frame_body take_body(struct input *input)
{
    static uint8_t map[16];
    struct frame_body body = {.data = {.data = map}};
    uint8_t form = take(input);
    uint8_t number = (uint8_t)(form >> 4); /* one byte of CBOR */
    switch (form & 7) {
    case 0:
        memcpy(map, "\xa0", 1);
        body.data.size = 1;
        break;
    case 1:
        memcpy(map, (uint8_t[]){0xa1, 0x00, number}, 3);
        body.data.size = 3;
        break;
    case 2:
        memcpy(map, (uint8_t[]){0xa2, 0x00, number, 0x01, 0x62, 'o', 'k'}, 7);
        body.data.size = 7;
        break;
    case 3: /* a ref and a number, or two numbers */
        memcpy(map, (uint8_t[]){0xa2, 0x00, 0x00, 0x01, number}, 5);
        body.data.size = 5;
        break;
    case 4: /* of the agent: interface, event, source */
        memcpy(map, (uint8_t[]){0xa3, 0x00, 0x19, 0x03, 0x85, 0x01, number & 3, 0x02, number & 1},
               9);
        body.data.size = 9;
        break;
    case 5: { /* a blob of that size */
        uint64_t size = 256 + ((uint64_t)take(input) << 8) + take(input);
        memcpy(map, (uint8_t[]){0xa1, 0x00, 0x19, (uint8_t)(size >> 8), (uint8_t)size}, 5);
        body.data.size = 5;
        body.blob_size = size;
        break;
    }
    default:
        body.data = take_bytes(input, take(input));
    }
    if ((form & 8) != 0) {
        uint8_t more = take(input);
        body.refs_count = more & 3;
        for (size_t i = 0; i < body.refs_count; i++)
            body.refs[i] = (struct frame_ref){.owner = (more >> 2) & 1, .id = take_number(input)};
        if ((more & 8) != 0)
            body.blob_size = take_number(input);
        if ((more & 16) != 0 && run.actors_count > 0)
            body.refs[0].id = run.actors[more % run.actors_count].id;
    }
    return body;
}

/* ---- what the peer does ---------------------------------------------------------------------- */

static uint8_t out[TI_FRAME_BYTES_MAX];

static void say_hello(uint32_t count)
{
    static struct frame_interface interfaces[TROUPE_INTERFACES_MAX];
    const char *const roles[] = {"far", "farther"};
    for (uint32_t i = 0; i < count; i++)
        interfaces[i] = (struct frame_interface){
            .id = probe_interface.id + i, .version = 1, .hash = probe_interface.hash};
    deliver(out, ti_frame_write_hello(out, sizeof out, 4096, interfaces, count, roles,
                                      count == 0 ? 2 : 1));
}

static void send_request(struct input *input)
{
    uint8_t how = take(input);
    static const uint32_t interfaces[] = {901, 901, 901, BUS};
    struct frame_request request = {.id = run.last_id + 1,
                                    .target = (how >> 2) & 1 ? take_number(input) : 1,
                                    .interface = interfaces[how & 3],
                                    .budget_ms = (how >> 3) & 1 ? take(input) : 100000};
    request.target = request.interface == BUS ? 0 : request.target;
    if (request.target == 100 && run.actors_count > 0)
        request.target = run.actors[0].id;
    request.method = take(input) % 28;
    if ((how >> 4) & 1)
        request.id = take_number(input);
    request.body = take_body(input);
    request.waiting = how >> 5;
    size_t size = ti_frame_write_request(out, sizeof out, &request);
    if (size != 0 && request.id > run.last_id) {
        run.last_id = request.id;
        if (request.id < IDS_MAX)
            run.asked[request.id] = true;
    }
    run.offsets[(request.id << 1) & 63] = 0;
    deliver(out, size);
}

static void send_answer(struct input *input, bool item)
{
    uint8_t how = take(input);
    uint64_t id = (how & 31) + 1;
    struct frame_item frame = {.id = id, .index = how >> 5, .body = take_body(input)};
    struct frame_reply reply = {.id = id, .body = frame.body};
    run.offsets[((id << 1) | 1) & 63] = 0;
    deliver(out, item ? ti_frame_write_item(out, sizeof out, &frame)
                      : ti_frame_write_reply(out, sizeof out, &reply));
}

static void send_chunk(struct input *input)
{
    uint8_t how = take(input);
    static const uint8_t zeros[TROUPE_CHUNK_BYTES_MAX];
    uint64_t stream = how & 63;
    size_t size = ((size_t)take(input) << 8) + take(input);
    struct frame_chunk chunk = {.stream = stream,
                                .offset = run.offsets[stream],
                                .bytes = {.data = zeros, .size = size},
                                .last = (how & 64) != 0};
    run.offsets[stream] += size;
    if ((how & 128) != 0)
        chunk.offset = take_number(input);
    deliver(out, ti_frame_write_chunk(out, sizeof out, &chunk));
}

static void send_control(struct input *input)
{
    uint8_t how = take(input);
    size_t size = 0;
    switch (how % 8) {
    case 0: {
        struct frame_credit credit = {.channel = take_number(input),
                                      .bytes = (uint32_t)take_number(input),
                                      .messages = (uint32_t)take_number(input)};
        size = ti_frame_write_credit(out, sizeof out, &credit);
        break;
    }
    case 1:
        size = ti_frame_write_bye(out, sizeof out);
        break;
    case 2:
        size = ti_frame_write_bye_ack(out, sizeof out);
        break;
    case 3: {
        struct frame_goaway goaway = {.code = (uint32_t)take_number(input),
                                      .text = troupe_text("go away")};
        size = ti_frame_write_goaway(out, sizeof out, &goaway);
        break;
    }
    case 4:
        size = ti_frame_write_drop(out, sizeof out,
                                   run.actors_count > 0 ? run.actors[how % run.actors_count].id
                                                        : take_number(input));
        break;
    case 5: {
        struct frame_error error = {
            .id = take(input), .code = (uint32_t)take_number(input), .text = troupe_text("no")};
        size = ti_frame_write_error(out, sizeof out, &error);
        break;
    }
    case 6:
        say_hello(take(input));
        return;
    default:
        size = ti_frame_write_cancel(out, sizeof out, take_number(input));
    }
    deliver(out, size);
}

static void send_event(struct input *input)
{
    uint8_t how = take(input);
    size_t size = 0;
    if (how % 4 == 0) {
        struct frame_topic topic = {.interface = 901,
                                    .event = (how >> 2) & 3,
                                    .source = (how >> 4) & 1 ? take_number(input) : 0,
                                    .sequence = take_number(input)};
        size = ti_frame_write_heartbeat(out, sizeof out, how >> 5, &topic, 1);
    } else if (how % 4 == 1) {
        struct troupe_bytes bytes = take_bytes(input, take(input));
        deliver_event(bytes.data, bytes.size);
        return;
    } else {
        struct frame_event event = {.interface = 901,
                                    .event = (how >> 2) & 3,
                                    .source = (how >> 4) & 1 ? take_number(input) : 0,
                                    .epoch = how >> 5,
                                    .sequence = take_number(input),
                                    .body = take_body(input)};
        event.body.blob_size = 0;
        for (size_t i = 0; i < event.body.refs_count; i++)
            event.body.refs[i].owner = FRAME_OWNER_SENDER;
        size = ti_frame_write_event(out, sizeof out, &event);
    }
    if (size != 0)
        deliver_event(out, size);
}

/* ---- what this process does ------------------------------------------------------------------ */

static void ended(void *user, const struct troupe_error *error)
{
    struct ask *ask = user;
    check(ask->done++ == 0);
    check(error == NULL || error->code != 0);
}

static void on_echo(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    (void)self;
    check((error == NULL) == (results != NULL));
    ended(user, error);
}

static void on_spawn(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_spawn_results *results)
{
    (void)self;
    if (error == NULL)
        run.given = results->child;
    ended(user, error);
}

static void on_make(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_make_results *results)
{
    (void)self;
    const void *cursor = NULL;
    struct troupe_bytes piece;
    size_t sum = 0;
    while (error == NULL && troupe_blob_next(&results->data, &cursor, &piece))
        sum += piece.size;
    check(error != NULL || sum == results->data.size);
    ended(user, error);
}

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_sum_results *results)
{
    (void)self;
    (void)results;
    ended(user, error);
}

static void on_relay(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_relay_results *results)
{
    (void)self;
    (void)results;
    ended(user, error);
}

static void on_end(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    ended(user, error);
}

static void on_count_item(struct troupe_actor *self, void *user,
                          const struct probe_count_item *item)
{
    struct ask *ask = user;
    (void)self;
    (void)item;
    check(ask->done == 0);
}

static void on_piece(struct troupe_actor *self, void *user, const struct probe_pieces_item *item)
{
    struct ask *ask = user;
    (void)self;
    (void)item;
    check(ask->done == 0);
}

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    check((event == NULL) == (info->sequence == 0));
    check(info->lost_from <= info->lost_to);
}

static void on_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                      const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    check((event == NULL) == (info->sequence == 0));
}

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    (void)self;
    (void)ref;
    check(why == TROUPE_EDOWN || why == TROUPE_ELOST);
    ended(user, NULL);
}

static int begin(struct troupe_actor *self, struct ask *ask, uint8_t how)
{
    struct troupe_options options = {.ret_token = &ask->token};
    struct troupe_ref to = (how & 16) != 0 && run.given.place != 0 ? run.given : far;
    struct probe_echo_args echo = {.number = how, .text = troupe_text("words")};
    struct probe_count_args count = {.to = how};
    struct probe_make_args make = {.size = how};
    struct probe_pieces_args pieces = {.count = how};
    struct probe_sum_args sum = {.data = {.data = blob_bytes, .size = (how + 1u) * 255}};
    struct probe_relay_args relay = {.who = run.given};
    switch (how & 7) {
    case 0:
        return probe_echo_ask(self, to, &echo, on_echo, ask, &options);
    case 1:
        return probe_hang_ask(self, to, on_end, ask, &options);
    case 2:
        return probe_count_ask(self, to, &count, on_count_item, on_end, ask, &options);
    case 3:
        return probe_make_ask(self, to, &make, on_make, ask, &options);
    case 4:
        return probe_pieces_ask(self, to, &pieces, on_piece, on_end, ask, &options);
    case 5:
        return probe_sum_ask(self, to, &sum, on_sum, ask, &options);
    case 6:
        return probe_spawn_ask(self, to, on_spawn, ask, &options);
    default:
        relay.who = run.actors_count > 0 ? run.actors[0] : run.given;
        return probe_relay_ask(self, to, &relay, on_relay, ask, &options);
    }
}

/* One step of this process, inside its actor; `argument` is two bytes of the input. */
static void act(struct troupe_actor *self, void *argument)
{
    uint8_t what = ((uint8_t *)argument)[0];
    uint8_t how = ((uint8_t *)argument)[1];
    struct troupe_ref source = (how & 1) != 0 && run.given.place != 0 ? run.given : far;
    struct ask *ask = &run.asks[run.asks_count];
    struct troupe_handler **handler = &run.handlers[run.handlers_count];
    struct probe_tell_args tell = {.number = how};
    int error = 0;
    free(argument);
    switch (what % 8) {
    case 0:
    case 1:
        run.asks_count += run.asks_count < ASKS_MAX && begin(self, ask, how) == 0;
        break;
    case 2:
        if (run.asks_count < ASKS_MAX &&
            troupe_watch(self, source, on_gone, ask, &ask->token) == 0) {
            ask->stays = source.place < TI_PLACE_LINKS && !troupe_ref_equal(source, far);
            run.asks_count++;
        }
        break;
    case 3:
        if (run.handlers_count < KEPT_MAX)
            run.handlers_count += ((how & 2) != 0
                                       ? probe_on_changed(self, source, on_changed, NULL, handler)
                                       : probe_on_newest(self, source, on_newest, NULL, handler)) ==
                                  0;
        break;
    case 4:
        if (run.handlers_count > 0)
            troupe_handler_disconnect(run.handlers[--run.handlers_count]);
        break;
    case 5:
        if (run.hanging_count > 0)
            probe_hang_reply(run.hanging[--run.hanging_count]);
        break;
    case 6:
        error = probe_tell(troupe, source, &tell);
        break;
    default:
        if (how < run.asks_count) {
            run.asks[how].given_up = true;
            error = troupe_cancel(self, run.asks[how].token);
        } else if (run.given.place != 0) {
            troupe_release_ref(troupe, run.given);
        }
    }
    (void)error; /* where it is refused nothing has begun */
}

/* Lets go of all that this process has in hand. */
static void let_go(struct troupe_actor *self, void *argument)
{
    free(argument);
    for (size_t i = 0; i < run.asks_count; i++) {
        int ended_before = run.asks[i].stays ? troupe_cancel(self, run.asks[i].token) : 0;
        run.asks[i].given_up = run.asks[i].given_up || run.asks[i].stays;
        (void)ended_before;
    }
    while (run.handlers_count > 0)
        troupe_handler_disconnect(run.handlers[--run.handlers_count]);
    while (run.hanging_count > 0)
        troupe_fail(run.hanging[--run.hanging_count], TROUPE_ECLOSED, NULL);
}

struct home_job {
    ti_run_fn *fn;
    void *argument;
};

static void run_job(struct troupe_actor *self, void *argument)
{
    struct home_job job = *(struct home_job *)argument;
    free(argument);
    job.fn(self, job.argument);
    run.done_in_home++;
}

/* Has run when this returns: another thread may be about to wake home, and then a turn finds nothing
 * to do although something waits. */
static void run_in_home(ti_run_fn *fn, uint8_t what, uint8_t how)
{
    uint8_t *argument = malloc(2);
    argument[0] = what;
    argument[1] = how;
    unsigned before = run.done_in_home;
    struct home_job *job = malloc(sizeof *job);
    *job = (struct home_job){.fn = fn, .argument = argument};
    check(ti_run_in(troupe, home.id, run_job, job) == 0);
    settle();
    while (run.done_in_home == before) {
        sched_yield();
        settle();
    }
}

/* ---- one input ------------------------------------------------------------------------------- */

static void on_host(void *user, const struct troupe_host_event *event)
{
    (void)user;
    if (event->kind == TROUPE_LINK_GONE) {
        check(event->code == 0 || event->text[0] != '\0');
        atomic_store(&gone, true);
    }
}

static void say_frames(void)
{
    fprintf(stderr, "fuzz_link: %llu frames\n", frames_count);
}

static uint64_t home_number(void)
{
    struct troupe_actor *slot;
    for (uint64_t index = 0; (slot = ti_actor_slot(troupe, index)) != NULL; index++)
        if (strcmp(slot->def->name, "child") == 0)
            return atomic_load(&slot->id);
    abort();
}

/* Once for all inputs: what an input leaves behind is looked for at its end. */
static void open_troupe(void)
{
    struct troupe_config config = {.name = "fuzz", .workers = 1};
    struct troupe_stats stats;
    check(troupe_open(&config, &troupe) == 0);
    troupe_host_on_event(troupe, on_host, NULL);
    check(troupe_host_declare(troupe, &home_role, NULL) == 0);
    check(troupe_host_start(troupe, "probe") == 0);
    settle();
    home = ti_ref_here(home_number());
    troupe_stats(troupe, &stats);
    actors_base = stats.actors;
    atexit(say_frames);
}

static void open_link(uint64_t *ret_link)
{
    struct troupe_grant export = {.role = "probe", .events_fd = -1};
    struct troupe_grant import = {.role = "far", .events_fd = -1};
    struct troupe_link_config config = {.peer = "far",
                                        .fd = -1,
                                        .exports = &export,
                                        .exports_count = 1,
                                        .imports = &import,
                                        .imports_count = 1};
    memset(&run, 0, sizeof run);
    atomic_store(&gone, false);
    check(troupe_host_link(troupe, &config, ret_link) == 0);
    check(troupe_host_find(troupe, "far", &far) == 0);
    struct ti_link *link = ti_link_find(troupe, *ret_link);
    check(link != NULL);
    link->settled_ns = 0; /* no NNG is below that would need a moment */
    ti_link_release(link);
    settle();
}

static bool all_over(void)
{
    struct troupe_stats stats;
    troupe_stats(troupe, &stats);
    return atomic_load(&gone) && stats.links == 0 && stats.asks_open == 0 &&
           stats.messages_waiting == 0 && stats.actors == actors_base;
}

static void nothing(struct troupe_actor *self, void *argument)
{
    (void)self;
    free(argument);
}

static void close_link(void)
{
    run.stalled = false;
    settle();
    run_in_home(let_go, 0, 0);
    while (run.actors_count > 0) {
        int error = troupe_stop(troupe, run.actors[--run.actors_count]);
        (void)error;
    }
    pthread_mutex_lock(&gate);
    if (carrier != NULL)
        carrier->events->on_gone(carrier->user);
    pthread_mutex_unlock(&gate);
    while (!all_over()) {
        settle();
        sched_yield();
    }
    run_in_home(nothing, 0, 0); /* after what is not counted as waiting */
    for (size_t i = 0; i < run.asks_count; i++)
        check(run.asks[i].done == 1 || (run.asks[i].given_up && run.asks[i].done == 0));
}

static void act_next(struct input *input)
{
    uint8_t what = take(input);
    run_in_home(act, what, take(input));
}

/* What waits while the peer does not read goes out together, then. (A frame that breaks a rule
 * meanwhile would have the link wait for its last words to be read.) */
static void act_unread(struct input *input, unsigned times)
{
    run.stalled = true;
    while (times-- > 0)
        act_next(input);
    run.stalled = false;
    settle();
}

static void step(struct input *input, uint64_t link)
{
    uint8_t what = take(input);
    switch (what % 12) {
    case 0: {
        struct troupe_bytes bytes = take_bytes(input, take(input));
        deliver(bytes.data, bytes.size);
        break;
    }
    case 1:
    case 2:
        send_request(input);
        break;
    case 3:
        send_answer(input, false);
        break;
    case 4:
        send_answer(input, true);
        break;
    case 5:
        send_chunk(input);
        break;
    case 6:
    case 7:
        send_control(input);
        break;
    case 8:
        send_event(input);
        break;
    case 9:
        if (what >= 240)
            troupe_host_unlink(troupe, link);
        act_unread(input, what / 12);
        break;
    default:
        act_next(input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.data = data, .size = size};
    uint64_t link;
    if (troupe == NULL)
        open_troupe();
    open_link(&link);
    if (take(&input) % 16 != 0)
        say_hello(1);
    for (int steps = 0; input.size > 0 && steps < STEPS_MAX; steps++)
        step(&input, link);
    close_link();
    return 0;
}
