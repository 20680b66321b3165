/* message.h - what actors are sent, and the memory of it (message.c). */
#ifndef TROUPE_BUS_MESSAGE_H
#define TROUPE_BUS_MESSAGE_H

#include <stdatomic.h>

#include "bus/arena.h"
#include "bus/chunk.h"
#include "bus/troupe.h"
#include "bus/troupe_gen.h"

struct ti_link;

enum ti_kind {
    TI_REQUEST, /* a struct troupe_call */
    TI_REPLY,   /* serial: the ask's */
    TI_ERROR,   /* the same, `error` set */
    TI_FAILED,  /* the same, but with a code only: made of what was there, without memory */
    TI_ITEM,    /* the same, more to come */
    TI_EVENT,   /* serial: the subscription's */
    TI_LOST,    /* the same: `info` has the range */
    TI_LATEST,  /* the same: take the topic's newest value */
    TI_TIMER,   /* serial: of a timer; 0: the alarm of its asks */
    TI_GONE,    /* serial: the watch's; error code says why */
    TI_CANCEL,  /* from: whose request */
    TI_CREDIT,  /* from: whose stream; serial: how many items more */
    TI_MOVED,   /* serial: the ask's; from: where it was forwarded to */
    TI_RUN,     /* run(self, argument) */
    TI_START,
    TI_STOP,
};

/* Bytes that several messages share: one encoding of an event. */
struct ti_shared {
    atomic_uint holders;
    size_t size;
    size_t refs_count;
    struct troupe_ref refs[TROUPE_REFS_MAX];
    uint8_t data[];
};

/* Who gets the answer to a request. */
struct ti_address {
    enum { TI_NOBODY, TI_TO_ACTOR, TI_TO_CALLER, TI_TO_LINK } kind;
    uint64_t actor;
    void *object; /* struct ti_caller or struct ti_link, held */
    uint64_t id;  /* the asker's serial, or the request's id on the link */
};

typedef void ti_run_fn(struct troupe_actor *self, void *argument);

struct troupe_message {
    struct troupe_message *next;
    atomic_uint holders;
    enum ti_kind kind;
    bool counted; /* takes a place in the mailbox's bound */
    bool wipe;    /* holds a secret */
    uint32_t interface;
    uint32_t ordinal;
    uint64_t target; /* the actor it is for */
    uint64_t serial;
    uint64_t trace;
    uint64_t deadline_ns;
    uint64_t waiter;        /* the sync call that waits for this request; 0: none */
    struct ti_address from; /* TI_REQUEST, TI_CANCEL, TI_CREDIT, TI_MOVED */
    struct troupe_body body;
    struct troupe_chunk *chunks; /* of the body's blob */
    struct ti_shared *shared;    /* of an event */
    struct troupe_arena arena;   /* what was decoded from it */
    union {
        struct troupe_error *error;    /* TI_ERROR, owned */
        struct troupe_event_info info; /* TI_EVENT, TI_LOST */
        struct {
            ti_run_fn *run;
            void *argument;
        } job;   /* TI_RUN */
        int why; /* TI_GONE, TI_FAILED */
    } as;
};

/* A request, with what is needed to answer it. */
struct troupe_call {
    struct troupe_message message; /* first: a call is a message */
    struct troupe_actor *self;
    struct troupe_call *previous; /* in self's list of open calls */
    struct troupe_call *next;
    struct ti_link *arrived_on; /* whose credit it holds until it is handled */
    size_t credit_bytes;
    struct ti_link *blob_from;          /* whose credit its blob holds until it is freed */
    const struct troupe_method *method; /* once it is being handled */
    unsigned forwards;                  /* how often it was handed on in this process */
    bool deferred;
    bool cancelled;
    uint32_t window; /* stream items that the asker still has room for */
    bool link_full;  /* but the link to it has none */
    troupe_room_fn *on_room;
    void *room_user;
};

/* `body`, which may be NULL or empty, as what a message carries: at least an empty map. */
struct troupe_body ti_body(const struct troupe_body *body);
/* Allocates a message (or call) with a copy of `body`, which may be NULL. NULL: out of memory. */
struct troupe_message *ti_message_new(enum ti_kind kind, const struct troupe_body *body);
/* A message whose body is `shared` [held by the message from now on]. */
struct troupe_message *ti_message_shared(enum ti_kind kind, struct ti_shared *shared);
struct troupe_message *ti_message_error(int code, const char *text);
struct troupe_message *ti_message_error_copy(const struct troupe_error *error);
/* What a TI_ERROR or TI_FAILED says; `room` may be used for it. NULL: it is neither. */
const struct troupe_error *ti_message_story(const struct troupe_message *message,
                                            struct troupe_error *room);
/* Lets go of one hold; frees at the last. */
void ti_message_release(struct troupe_message *message);
struct ti_shared *ti_shared_new(const struct troupe_body *body);
struct ti_shared *ti_shared_hold(struct ti_shared *shared);
void ti_shared_release(struct ti_shared *shared);
struct ti_address ti_address_hold(struct ti_address address);
void ti_address_release(struct ti_address *address);

#endif
