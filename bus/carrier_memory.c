/* carrier_memory.c - carriers whose every move is a step of a schedule: for deterministic mode.
 *
 * A wire joins two ends. On a link's wire a batch is held by its sender until it is accepted, then on
 * its way, then delivered; each is a step. On an event wire what is on its way has a small bound, and
 * the oldest is dropped beyond it. Like NNG over a socket, and a little worse where NNG may be so:
 *  - nothing moves before both ends are open, and each is told in a step of its own;
 *  - when a wire is cut or one end closed, what was held is gone, and of what was on its way the last
 *    may be, all of it at worst;
 *  - the other end learns of it in a step of its own, before or after what still arrives.
 * No callback runs but in a step, so none is ever inside a call of the bus. The descriptors of a wire
 * are the ends of a real socket pair that nobody reads: names, which close() may be given. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/bypass.h"
#include "bus/schedule.h"

#define BATCHES_MAX 4 /* on their way in one direction */
#define EVENTS_MAX  8 /* of a wire; each draws its own bound below it */

enum what { TELL_UP, ACCEPT, DELIVER, TELL_GONE };

struct packet {
    struct packet *next;
    size_t size;
    uint8_t data[];
};

struct end {
    int fd;
    bool opened; /* once */
    bool closed;
    bool told_up;
    bool told_gone;
    struct packet *first; /* on their way to this end */
    struct packet *last;
    size_t count;
    struct packet *held; /* sent by this end, not accepted yet */
    /* what to call: those that this kind of end lacks are NULL */
    void (*on_batch)(void *user, const uint8_t *data, size_t size, struct troupe_chunk **piece);
    ti_event_fn *on_event;
    ti_up_fn *on_sent;
    ti_up_fn *on_up;
    ti_up_fn *on_gone;
    void *user;
    struct ti_subscriber *subscriber;
};

struct ti_wire {
    struct ti_wire *next;
    struct troupe_schedule *schedule;
    uint32_t number;
    size_t events_max;
    bool connected; /* both ends were open at one time */
    bool cut;
    struct end ends[2];
};

/* An end that the bus holds. */
struct ti_carrier {
    struct ti_wire *wire;
    int end;
};

struct receiver {
    struct receiver *next;
    uint32_t listener;
    struct ti_carrier at;
};
struct ti_publisher {
    struct troupe_schedule *schedule;
    struct receiver *receivers;
    uint32_t next_listener;
};

struct prefix {
    struct prefix *next;
    size_t size;
    uint8_t data[];
};
struct ti_subscriber {
    struct ti_carrier at;
    struct prefix *prefixes;
};

/* ---- wires ------------------------------------------------------------------------------------------- */

int troupe_schedule_wire(struct troupe_schedule *schedule, int ret_fds[2], uint32_t *ret_wire)
{
    int fds[2];
    struct ti_wire *wire = calloc(1, sizeof *wire);
    if (wire == NULL) {
        return TROUPE_ENOMEM;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        free(wire);
        return TROUPE_ESYSTEM;
    }
    wire->schedule = schedule;
    wire->number = ++schedule->wires_count;
    wire->events_max = 1 + troupe_schedule_random(schedule, EVENTS_MAX);
    for (int i = 0; i < 2; i++) {
        ret_fds[i] = wire->ends[i].fd = fds[i];
    }
    wire->next = schedule->wires;
    schedule->wires = wire;
    *ret_wire = wire->number;
    return 0;
}

static bool is_open(const struct end *end)
{
    return end->opened && !end->closed;
}

static void drop_first(struct end *end)
{
    struct packet *packet = end->first;
    end->first = packet->next;
    end->count--;
    free(packet);
}

/* Of what is on its way to `end`, the first may still arrive. */
static void drop_tail(struct troupe_schedule *schedule, struct end *end)
{
    size_t kept = troupe_schedule_random(schedule, end->count + 1);
    struct packet **at = &end->first;
    end->last = NULL;
    for (size_t i = 0; i < kept; i++) {
        end->last = *at;
        at = &(*at)->next;
    }
    struct packet *dropped = *at;
    *at = NULL;
    end->count = kept;
    while (dropped != NULL) {
        struct packet *next = dropped->next;
        free(dropped);
        dropped = next;
    }
}

static void drop_held(struct end *end)
{
    free(end->held);
    end->held = NULL;
}

void troupe_schedule_cut(struct troupe_schedule *schedule, uint32_t number)
{
    struct ti_wire *wire = schedule->wires;
    while (wire != NULL && wire->number != number) {
        wire = wire->next;
    }
    if (wire == NULL || wire->cut) {
        return;
    }
    wire->cut = true;
    for (int i = 0; i < 2; i++) {
        drop_held(&wire->ends[i]);
        drop_tail(schedule, &wire->ends[i]);
    }
}

void ti_wires_free(struct troupe_schedule *schedule)
{
    while (schedule->wires != NULL) {
        struct ti_wire *wire = schedule->wires;
        schedule->wires = wire->next;
        for (int i = 0; i < 2; i++) {
            drop_held(&wire->ends[i]);
            while (wire->ends[i].first != NULL) {
                drop_first(&wire->ends[i]);
            }
        }
        free(wire);
    }
}

/* ---- ends -------------------------------------------------------------------------------------------- */

/* Takes over the end that `fd` names. TROUPE_EINVAL: it is none of this schedule's. */
static int open_end(struct troupe_schedule *schedule, int fd, const struct end *callbacks,
                    struct ti_carrier *ret_at)
{
    for (struct ti_wire *wire = schedule->wires; wire != NULL; wire = wire->next) {
        for (int i = 0; i < 2; i++) {
            struct end *end = &wire->ends[i];
            if (end->fd == fd &&
                !end->opened) { /* the newest of that number: it may be used again */
                *end = *callbacks;
                end->fd = fd;
                end->opened = true;
                wire->connected = is_open(&wire->ends[!i]) && !wire->cut;
                *ret_at = (struct ti_carrier){.wire = wire, .end = i};
                return 0;
            }
        }
    }
    close(fd);
    return TROUPE_EINVAL;
}

static void close_end(const struct ti_carrier *at)
{
    struct end *end = &at->wire->ends[at->end];
    end->closed = true;
    close(end->fd);
    drop_held(end);
    while (end->first != NULL) {
        drop_first(end);
    }
    if (!at->wire->cut) {
        drop_tail(at->wire->schedule, &at->wire->ends[!at->end]);
    }
}

static struct packet *packed(const uint8_t *data, size_t size)
{
    struct packet *packet = malloc(sizeof *packet + size);
    if (packet != NULL) {
        packet->next = NULL;
        packet->size = size;
        memcpy(packet->data, data, size);
    }
    return packet;
}

static void put(struct end *end, struct packet *packet)
{
    if (end->first == NULL) {
        end->first = packet;
    } else {
        end->last->next = packet;
    }
    end->last = packet;
    end->count++;
}

/* ---- steps ------------------------------------------------------------------------------------------- */

static void end_choices(struct ti_wire *wire, int i, struct ti_choices *choices)
{
    const struct end *end = &wire->ends[i];
    const struct end *other = &wire->ends[!i];
    struct ti_choice choice = {.kind = TI_CHOICE_WIRE, .wire = wire, .end = i};
    if (!is_open(end) || !wire->connected) {
        return;
    }
    bool whole = !wire->cut && !other->closed;
    bool can[] = {[TELL_UP] = whole && end->on_up != NULL && !end->told_up,
                  [ACCEPT] = whole && end->held != NULL && other->count < BATCHES_MAX,
                  [DELIVER] = end->first != NULL,
                  [TELL_GONE] = !whole && end->on_gone != NULL && !end->told_gone};
    for (choice.what = TELL_UP; choice.what <= TELL_GONE; choice.what++) {
        if (can[choice.what]) {
            ti_choice_add(choices, choice);
        }
    }
}

void ti_wires_choices(struct troupe_schedule *schedule, struct ti_choices *choices)
{
    for (struct ti_wire *wire = schedule->wires; wire != NULL; wire = wire->next) {
        end_choices(wire, 0, choices);
        end_choices(wire, 1, choices);
    }
}

static bool passes(const struct ti_subscriber *subscriber, const struct packet *packet)
{
    static const uint8_t heartbeat[] = {0x83, 0x0c};
    if (packet->size >= sizeof heartbeat &&
        memcmp(packet->data, heartbeat, sizeof heartbeat) == 0) {
        return true;
    }
    for (const struct prefix *p = subscriber->prefixes; p != NULL; p = p->next) {
        if (packet->size >= p->size && memcmp(packet->data, p->data, p->size) == 0) {
            return true;
        }
    }
    return false;
}

static void deliver(struct troupe_schedule *schedule, struct end *end)
{
    struct packet *packet = end->first;
    end->first = packet->next;
    end->count--;
    for (size_t i = 0; i < packet->size; i++) {
        ti_schedule_note(schedule, packet->data[i]);
    }
    if (end->subscriber == NULL || passes(end->subscriber, packet)) {
        if (end->on_batch != NULL) {
            end->on_batch(end->user, packet->data, packet->size, NULL);
        } else {
            end->on_event(end->user, packet->data, packet->size);
        }
    }
    free(packet);
}

void ti_wire_step(struct troupe_schedule *schedule, const struct ti_choice *choice)
{
    struct end *end = &choice->wire->ends[choice->end];
    ti_schedule_note(schedule, (uint64_t)choice->wire->number << 8 | (unsigned)choice->what << 1 |
                                   (unsigned)choice->end);
    switch ((enum what)choice->what) {
    case TELL_UP:
        end->told_up = true;
        end->on_up(end->user);
        break;
    case ACCEPT:
        put(&choice->wire->ends[!choice->end], end->held);
        end->held = NULL;
        end->on_sent(end->user);
        break;
    case DELIVER:
        deliver(schedule, end);
        break;
    case TELL_GONE:
        end->told_gone = true;
        end->on_gone(end->user);
        break;
    }
}

/* ---- links ------------------------------------------------------------------------------------------- */

static int init(struct troupe *troupe)
{
    return ti_schedule_join(troupe->schedule, troupe);
}

static void fini(struct troupe *troupe)
{
    ti_schedule_leave(troupe->schedule, troupe);
}

static int carrier_open(struct troupe *troupe, int fd, const struct troupe_bypass *bypass,
                        const struct ti_carrier_events *events, void *user,
                        struct ti_carrier **ret_carrier)
{
    ti_bypass_close_fds(bypass); /* a schedule has its own ways */
    struct ti_carrier *carrier = malloc(sizeof *carrier);
    if (carrier == NULL) {
        close(fd);
        return TROUPE_ENOMEM;
    }
    struct end callbacks = {.on_batch = events->on_receive,
                            .on_sent = events->on_sent,
                            .on_gone = events->on_gone,
                            .user = user};
    int error = open_end(troupe->schedule, fd, &callbacks, carrier);
    if (error != 0) {
        free(carrier);
        return error;
    }
    *ret_carrier = carrier;
    return 0;
}

static int carrier_send(struct ti_carrier *carrier, const uint8_t *data, size_t size, bool more)
{
    (void)more;
    struct packet *packet = packed(data, size);
    if (packet == NULL) {
        return TROUPE_ENOMEM;
    }
    struct end *end = &carrier->wire->ends[carrier->end];
    if (carrier->wire->cut || carrier->wire->ends[!carrier->end].closed) {
        free(packet); /* never accepted: on_gone tells */
    } else {
        end->held = packet;
    }
    return 0;
}

static void carrier_close(struct ti_carrier *carrier)
{
    if (carrier != NULL) {
        close_end(carrier);
        free(carrier);
    }
}

/* ---- events ------------------------------------------------------------------------------------------ */

static int publisher_open(struct troupe *troupe, struct ti_publisher **ret_publisher)
{
    struct ti_publisher *publisher = calloc(1, sizeof *publisher);
    if (publisher == NULL) {
        return TROUPE_ENOMEM;
    }
    publisher->schedule = troupe->schedule;
    *ret_publisher = publisher;
    return 0;
}

static int publisher_add(struct ti_publisher *publisher, int fd, ti_up_fn *on_up, void *user,
                         uint32_t *ret_listener)
{
    struct receiver *receiver = calloc(1, sizeof *receiver);
    if (receiver == NULL) {
        close(fd);
        return TROUPE_ENOMEM;
    }
    struct end callbacks = {.on_up = on_up, .user = user};
    int error = open_end(publisher->schedule, fd, &callbacks, &receiver->at);
    if (error != 0) {
        free(receiver);
        return error;
    }
    *ret_listener = receiver->listener = ++publisher->next_listener;
    receiver->next = publisher->receivers;
    publisher->receivers = receiver;
    return 0;
}

static void publisher_remove(struct ti_publisher *publisher, uint32_t listener)
{
    struct receiver **at = &publisher->receivers;
    while (*at != NULL && (*at)->listener != listener) {
        at = &(*at)->next;
    }
    struct receiver *receiver = *at;
    if (receiver != NULL) {
        *at = receiver->next;
        close_end(&receiver->at);
        free(receiver);
    }
}

static void publisher_send(struct ti_publisher *publisher, const uint8_t *data, size_t size)
{
    for (struct receiver *r = publisher->receivers; r != NULL; r = r->next) {
        struct ti_wire *wire = r->at.wire;
        struct end *other = &wire->ends[!r->at.end];
        struct packet *packet = NULL;
        if (wire->connected && !wire->cut && !other->closed) {
            packet = packed(data, size);
        }
        if (packet != NULL && other->count == wire->events_max) {
            drop_first(other);
        }
        if (packet != NULL) {
            put(other, packet);
        }
    }
}

static void publisher_close(struct ti_publisher *publisher)
{
    while (publisher->receivers != NULL) {
        publisher_remove(publisher, publisher->receivers->listener);
    }
    free(publisher);
}

static int subscriber_open(struct troupe *troupe, int fd, ti_event_fn *on_event, ti_up_fn *on_up,
                           ti_up_fn *on_gone, void *user, struct ti_subscriber **ret_subscriber)
{
    struct ti_subscriber *subscriber = calloc(1, sizeof *subscriber);
    if (subscriber == NULL) {
        close(fd);
        return TROUPE_ENOMEM;
    }
    struct end callbacks = {.on_event = on_event,
                            .on_up = on_up,
                            .on_gone = on_gone,
                            .user = user,
                            .subscriber = subscriber};
    int error = open_end(troupe->schedule, fd, &callbacks, &subscriber->at);
    if (error != 0) {
        free(subscriber);
        return error;
    }
    *ret_subscriber = subscriber;
    return 0;
}

static int subscriber_filter(struct ti_subscriber *subscriber, const uint8_t *prefix, size_t size,
                             int on)
{
    struct prefix **at = &subscriber->prefixes;
    while (*at != NULL && ((*at)->size != size || memcmp((*at)->data, prefix, size) != 0)) {
        at = &(*at)->next;
    }
    struct prefix *known = *at;
    if (known != NULL && !on) {
        *at = known->next;
        free(known);
    } else if (known == NULL && on) {
        struct prefix *added = malloc(sizeof *added + size);
        if (added == NULL) {
            return TROUPE_ENOMEM;
        }
        added->next = NULL;
        added->size = size;
        memcpy(added->data, prefix, size);
        *at = added;
    }
    return 0;
}

static void subscriber_close(struct ti_subscriber *subscriber)
{
    close_end(&subscriber->at);
    while (subscriber->prefixes != NULL) {
        struct prefix *next = subscriber->prefixes->next;
        free(subscriber->prefixes);
        subscriber->prefixes = next;
    }
    free(subscriber);
}

const struct ti_carriers ti_memory_carriers = {.init = init,
                                               .fini = fini,
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
                                               .subscriber_close = subscriber_close};
