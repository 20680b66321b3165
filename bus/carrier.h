/* carrier.h - what carries bytes between two processes. The rest of the bus knows NNG only by this.
 *
 * A carrier moves whole batches between two ends: send (one at a time: the next after on_sent),
 * on_receive, on_gone, close. No link logic relies on a carrier's own timeouts, so the in-memory
 * carrier (carrier_memory.c) stands in for NNG where the schedule must be under control.
 *
 * A publisher and a subscriber move single events, one way, and may drop the oldest.
 *
 * Callbacks run on threads of the carrier's, the loop's, or a caller's that leads a bypass: on_receive
 * and on_sent may send, none may close. on_up and on_gone come from inside NNG's own bookkeeping: they
 * may only leave a note for another thread. */
#ifndef TROUPE_BUS_CARRIER_H
#define TROUPE_BUS_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct troupe;
struct troupe_bypass;
struct troupe_chunk;
struct ti_carrier;
struct ti_publisher;
struct ti_subscriber;

struct ti_carrier_events {
    /* `piece` NULL, or what `data` lies in: who sets it to NULL keeps it [owned]. */
    void (*on_receive)(void *user, const uint8_t *data, size_t size, struct troupe_chunk **piece);
    void (*on_sent)(void *user); /* the batch is accepted: send the next */
    void (*on_gone)(void *user); /* the other end is no more; once, or never after close */
    /* The other end broke a rule of the carrier. */
    void (*on_broken)(void *user, const char *why);
};

#define TI_SENT 1 /* of send: the batch has left, on_sent does not follow */

typedef void ti_event_fn(void *user, const uint8_t *data, size_t size);
typedef void ti_up_fn(void *user);

/* One way to carry; a runtime has one for all its links. */
struct ti_carriers {
    /* Sets the carrier's own threads to their number, before the first use. */
    int (*init)(struct troupe *troupe);
    /* Every carrier, publisher and subscriber of this runtime is closed. */
    void (*fini)(struct troupe *troupe);

    /* Takes over the stream socket `fd`, and what `bypass` has unless it is NULL, also on failure.
     * Callbacks may come before it returns. */
    int (*open)(struct troupe *troupe, int fd, const struct troupe_bypass *bypass,
                const struct ti_carrier_events *events, void *user,
                struct ti_carrier **ret_carrier);
    /* Starts to send one batch [kept as it is until it has left (TI_SENT or on_sent), or close].
     * With `more` another one follows if this one is TI_SENT: the peer need not be woken for it
     * alone. TI_SENT, TROUPE_ENOMEM, TROUPE_EDOWN. */
    int (*send)(struct ti_carrier *carrier, const uint8_t *data, size_t size, bool more);
    /* The calling thread waits for what this carrier will bring: it may lead its bypass, and then
     * must. NULL: it can't. */
    struct ti_bypass *(*enter)(struct ti_carrier *carrier);
    /* No callback runs after it returns. `carrier` may be NULL. */
    void (*close)(struct ti_carrier *carrier);

    int (*publisher_open)(struct troupe *troupe, struct ti_publisher **ret_publisher);
    /* One more receiver, at the other end of `fd` [kept]; on_up once it is connected.
     * `ret_listener` is for publisher_remove, after which on_up does not come. */
    int (*publisher_add)(struct ti_publisher *publisher, int fd, ti_up_fn *on_up, void *user,
                         uint32_t *ret_listener);
    void (*publisher_remove)(struct ti_publisher *publisher, uint32_t listener);
    void (*publisher_send)(struct ti_publisher *publisher, const uint8_t *data, size_t size);
    void (*publisher_close)(struct ti_publisher *publisher);

    /* on_gone: the publisher's end was closed, or it sent what is no event. */
    int (*subscriber_open)(struct troupe *troupe, int fd, ti_event_fn *on_event, ti_up_fn *on_up,
                           ti_up_fn *on_gone, void *user, struct ti_subscriber **ret_subscriber);
    /* Passes, or stops passing, what begins with `prefix`. */
    int (*subscriber_filter)(struct ti_subscriber *subscriber, const uint8_t *prefix, size_t size,
                             int on);
    void (*subscriber_close)(struct ti_subscriber *subscriber);
};

extern const struct ti_carriers ti_nng_carriers;
extern const struct ti_carriers ti_memory_carriers;

#endif
