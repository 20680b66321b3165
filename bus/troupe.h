/* troupe.h - actors, messages and events: the whole of what a program that uses troupe calls.
 *
 * A program is a set of *actors*. An actor has private state and one mailbox; it handles one message
 * at a time and never shares memory with another. Where an actor runs (this process or another one)
 * is decided by the launcher's composition and is not visible here: the same code does both.
 *
 * Most programs call the generated facade of an interface (`node_get_tip_ask`, `node_on_tip_changed`)
 * and come here for spawning, timers, deferred replies and watching.
 *
 * Threads. Functions that take a `struct troupe_actor *self` are called from inside that actor only
 * (its start, its handlers, its callbacks). Functions that take a `struct troupe *` may be called
 * from any thread unless they say otherwise.
 *
 * Errors. 0 is success. A negative TROUPE_E... comes from the bus, is listed below and should travel
 * upwards unchanged. A positive code of 100 and above is an error that an interface declares. Outputs
 * (parameters named ret_...) are written on success only.
 *
 * Ownership. [borrowed] stays the caller's or the bus's, valid until the function or handler returns.
 * [owned] becomes the receiver's to release. [kept] is copied or taken over by the bus on success.
 */
#ifndef TROUPE_H
#define TROUPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/troupe_limits.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of the library; its soname ends in the first number. */
#define TROUPE_VERSION "0.1.0"

#define TROUPE_CHECKED __attribute__((warn_unused_result))

/* ---- errors -------------------------------------------------------------------------------- */

/* What can go wrong on the bus. The same numbers, positive, are the codes 1 to 99 on the wire. */
enum troupe_error_code {
    TROUPE_EINVAL = -1,      /* an argument or a field is outside what the interface allows */
    TROUPE_ENOMEM = -2,      /* memory could not be had; nothing was done */
    TROUPE_EBUSY = -3,       /* a queue is full: not sent, try again when there is room */
    TROUPE_EDOWN = -4,       /* certainly not delivered: the target was gone, or never there */
    TROUPE_ELOST = -5,       /* the target went away before it answered: outcome unknown */
    TROUPE_ETIMEOUT = -6,    /* the deadline passed: outcome unknown */
    TROUPE_ECANCELED = -7,   /* this side gave the ask up */
    TROUPE_EWOULDBLOCK = -8, /* a sync call inside an actor, which must never wait: use ask */
    TROUPE_ECYCLE = -9,      /* the call would need a thread that is waiting for this very call */
    TROUPE_EUNIMPLEMENTED = -10, /* the target does not know this method or interface */
    TROUPE_EMALFORMED = -11,     /* bytes that are not a valid message */
    TROUPE_ETOOLARGE = -12,      /* larger than a named limit, which the text names */
    TROUPE_ENOENT = -13,         /* no such role, or not one that this actor uses */
    TROUPE_EREF = -14,  /* a reference that can't be handed over: its actor is in a third process */
    TROUPE_EPERM = -15, /* not granted */
    TROUPE_ECLOSED = -16,     /* the runtime, actor or call is closed already */
    TROUPE_EUNANSWERED = -17, /* the handler returned without a reply, a failure or a deferral */
    TROUPE_ESYSTEM = -18,     /* the operating system refused; errno says why */
    TROUPE_EPROTOCOL = -19,   /* the peer speaks another protocol version, or broke its rules */
};

/* A failure with its story. `data` holds the fields of a declared error as CBOR; the generated
 * `..._from_error` functions read it. */
struct troupe_error {
    int code;                             /* TROUPE_E... or 100 and above */
    char text[TROUPE_TEXT_BYTES_MAX + 1]; /* one line for a person, UTF-8, NUL-terminated */
    size_t data_size;                     /* bytes used in `data` */
    uint8_t data[TROUPE_ERROR_DATA_BYTES_MAX];
};

/* A name for `code` ("EBUSY") or "application error"; never NULL. */
const char *troupe_error_name(int code);
/* One sentence that says what `code` means; never NULL. */
const char *troupe_error_text(int code);

/* ---- values -------------------------------------------------------------------------------- */

struct troupe;         /* the runtime of one process */
struct troupe_actor;   /* an actor, seen from inside */
struct troupe_call;    /* a request being answered */
struct troupe_message; /* an incoming message, kept */
struct troupe_handler; /* a subscription */

/* Constants that the generated header of an interface declares. */
struct troupe_interface;
struct troupe_method;
struct troupe_event;

/* A name for an actor: copy it, store it, send it in a message; it never dangles. What it names may
 * be gone: then sending answers TROUPE_EDOWN. A role's ref stays valid across restarts of the role.
 * {0, 0} names nobody. */
struct troupe_ref {
    uint64_t place; /* where: this process, a role, or a link to another process */
    uint64_t id;    /* which: never used twice */
};

static inline bool troupe_ref_equal(struct troupe_ref a, struct troupe_ref b)
{
    return a.place == b.place && a.id == b.id;
}

/* UTF-8 text and bytes, [borrowed], not NUL-terminated; `size` in bytes. */
struct troupe_text {
    const char *data;
    size_t size;
};
struct troupe_bytes {
    const uint8_t *data;
    size_t size;
};

/* `text` as a troupe_text, without its NUL. NULL gives the empty text. */
struct troupe_text troupe_text(const char *text);

/* A large value. To send one, fill `data` and `size`. One that came from another process lies in
 * chunks: walk it with troupe_blob_next (no copy), or gather it with troupe_blob_copy (one copy). */
struct troupe_blob {
    const uint8_t *data; /* NULL in a received blob that lies in more than one piece */
    size_t size;         /* bytes in all */
    const struct troupe_chunk *chunks; /* private */
};

/* The next piece of `blob` [borrowed, as long as the message]. Start with *cursor NULL and
 * done when it returns false. */
bool troupe_blob_next(const struct troupe_blob *blob, const void **cursor,
                      struct troupe_bytes *ret_piece);
/* Copies all of `blob` to `to`, which has room for blob->size bytes. */
void troupe_blob_copy(const struct troupe_blob *blob, void *to);

/* ---- runtime: one per process ---------------------------------------------------------------- */

/* What a hook is told about a message that passes (see troupe_trace). */
enum troupe_trace_kind {
    TROUPE_TRACE_SEND,    /* a request leaves an actor or thread */
    TROUPE_TRACE_HANDLE,  /* an actor begins to handle it */
    TROUPE_TRACE_ANSWER,  /* it was answered, well or badly */
    TROUPE_TRACE_DONE,    /* the asker has the answer */
    TROUPE_TRACE_PUBLISH, /* an event was published */
};
struct troupe_trace {
    enum troupe_trace_kind kind;
    uint64_t time_ns;         /* CLOCK_MONOTONIC; of SEND, when it began */
    uint64_t trace;           /* the same for all that follows from one request, across processes */
    struct troupe_ref actor;  /* who handles, answers, sends or publishes; {0,0}: a plain thread */
    struct troupe_ref target; /* to whom, for SEND */
    uint32_t interface;       /* its number */
    uint32_t method;          /* ordinal of the method or event */
    int code;                 /* for ANSWER and DONE */
    size_t size_bytes;        /* of the arguments or results */
};
typedef void troupe_trace_fn(void *user, const struct troupe_trace *trace);

/* A message that nobody will handle. */
struct troupe_dead_letter {
    struct troupe_ref target;
    uint32_t interface;
    uint32_t method;
    int code; /* why: TROUPE_EDOWN, TROUPE_EUNIMPLEMENTED, TROUPE_EINVAL, TROUPE_ETIMEOUT (late reply) */
};
typedef void troupe_dead_letter_fn(void *user, const struct troupe_dead_letter *letter);

/* The bus does not log: it says here, once each, what a program may want to log. One line. */
typedef void troupe_report_fn(void *user, const char *text);

struct troupe_schedule; /* troupe_schedule.h */
struct troupe_config {
    const char *name;            /* of this process in reports and introspection; NULL: "troupe" */
    unsigned workers;            /* threads for ordinary actors; 0: number of cores, at most 4 */
    troupe_report_fn *on_report; /* may be NULL; called on any thread, must not block */
    void *user;                  /* for on_report */
    struct troupe_schedule *schedule; /* [borrowed] for tests: runs all of it in place of threads */
};

/* Starts the runtime: the worker threads, and one for timers and links. `config` may be NULL [borrowed].
 * Ignores SIGPIPE in this process, which every program with sockets wants.
 * Errors: TROUPE_ENOMEM, TROUPE_ESYSTEM. */
TROUPE_CHECKED int troupe_open(const struct troupe_config *config, struct troupe **ret_troupe);

/* Closes every link after draining it, stops every actor, ends the threads, frees all. At most
 * about `timeout_ms` for the draining. Call it from the thread that opened the runtime, never from
 * an actor. Pinned actors are stopped on this thread. `troupe` may be NULL. */
void troupe_close(struct troupe *troupe, uint32_t timeout_ms);

/* Runs what waits for pinned actors on the calling thread, for at most one round over them; waits
 * up to `timeout_ms` for work first (0: not at all). Always the same thread.
 * Of a runtime with a schedule: troupe_schedule_step, whatever the time.
 * Returns the number of messages handled, or TROUPE_EWOULDBLOCK inside an actor. */
int troupe_step(struct troupe *troupe, uint32_t timeout_ms);

/* A descriptor that is readable while troupe_step has work: for poll, GLib, Qt. Do not read it. */
int troupe_fd(struct troupe *troupe);

/* ---- actors ---------------------------------------------------------------------------------- */

enum troupe_actor_flags {
    TROUPE_DETACHED = 1, /* owns a thread: may block on disks and in libraries */
    TROUPE_PINNED = 2,   /* runs in troupe_step only */
    /* Its handlers take microseconds and never block, on anything: the thread that brings a request
     * (a link's, or a caller's own) runs it at once, which saves a thread's wake-up. */
    TROUPE_QUICK = 4,
};

/* What an actor serves: an interface and the table of functions that the generated header declares
 * for it (`struct node_handlers`). */
struct troupe_service {
    const struct troupe_interface *interface;
    const void *handlers;
};

/* The definition of an actor, constant. Each function gets its own zeroed state of `state_size`. */
struct troupe_actor_def {
    const char *name;
    size_t state_size;
    /* Runs first, on the actor's own thread. Non-zero: the actor ends, watchers are told.
     * Above zero: it said why with troupe_report, and nothing more is said of it. May be NULL. */
    int (*start)(struct troupe_actor *self, void *state, const void *argument);
    /* Runs last. No message is handled after it. May be NULL. */
    void (*stop)(struct troupe_actor *self, void *state);
    const struct troupe_service *services;
    size_t services_count;
    unsigned flags;       /* enum troupe_actor_flags */
    uint32_t mailbox_max; /* waiting messages; 0: TROUPE_MAILBOX_MAX */
    /* Of a role: what the actors serve whose refs it hands out, so that peers know their versions.
     * Ends with NULL; may be NULL. */
    const struct troupe_interface *const *hands_out;
};

/* Creates an actor and returns at once; its start runs as its first message. Called inside an
 * actor, the new one has that actor's rights (the roles it uses). `argument` [borrowed] must live
 * until start has run.
 * Errors: TROUPE_ENOMEM, TROUPE_EBUSY (TROUPE_ACTORS_MAX), TROUPE_ECLOSED. */
TROUPE_CHECKED int troupe_spawn(struct troupe *troupe, const struct troupe_actor_def *def,
                                const void *argument, struct troupe_ref *ret_ref);

/* Asks the actor to end after the messages already in its mailbox. Anything later is a dead letter,
 * and asks that it had not answered end with TROUPE_ELOST. Errors: TROUPE_EDOWN, TROUPE_EPERM (an
 * actor of another process). */
int troupe_stop(struct troupe *troupe, struct troupe_ref ref);

struct troupe_ref troupe_self(const struct troupe_actor *self);
struct troupe *troupe_runtime(const struct troupe_actor *self);

/* The role named `role`, if the composition says that this actor's role uses it.
 * Errors: TROUPE_ENOENT. */
TROUPE_CHECKED int troupe_lookup(const struct troupe_actor *self, const char *role,
                                 struct troupe_ref *ret_ref);

/* Says that a ref received in a message is no longer needed, so that its process can forget that it
 * handed it out. Using it afterwards answers TROUPE_EPERM. Local and role refs need no release. */
void troupe_release_ref(struct troupe *troupe, struct troupe_ref ref);

/* ---- messages -------------------------------------------------------------------------------- */

/* What a message carries: one CBOR map, the refs it names by index, and at most one blob,
 * of at most TROUPE_LINK_BLOB_BYTES_MAX. */
struct troupe_body {
    const uint8_t *data;
    size_t size;
    const struct troupe_ref *refs;
    size_t refs_count; /* at most TROUPE_REFS_MAX */
    struct troupe_blob blob;
};

/* How long to wait, and how to take it back. NULL stands for all zero. */
struct troupe_options {
    uint32_t
        deadline_ms; /* 0: what the interface says. Nested asks never outlive what caused them. */
    uint64_t *ret_token; /* if set: a token for troupe_cancel */
};

/* One-way: accepted into the target's mailbox or this process's queue to it. What happens after
 * that nobody says. Errors: TROUPE_EDOWN, TROUPE_EBUSY, TROUPE_ETOOLARGE, TROUPE_EREF, TROUPE_ENOMEM,
 * TROUPE_EUNIMPLEMENTED (the target's process has an older version of the interface). */
TROUPE_CHECKED int troupe_tell(struct troupe *troupe, struct troupe_ref to,
                               const struct troupe_method *method, const struct troupe_body *body);

/* How an ask ends: exactly one of `error` and `results` is set [borrowed]. */
typedef void troupe_done_fn(struct troupe_actor *self, void *user, const struct troupe_error *error,
                            const struct troupe_body *results);

/* Sends a request. If it returns 0, `on_done` runs in this actor exactly once, later: with the
 * results, the error of the target, TROUPE_ETIMEOUT, TROUPE_ECANCELED, TROUPE_ELOST or TROUPE_EDOWN.
 * If it returns an error, nothing was sent and `on_done` will not run.
 * Errors: as troupe_tell; TROUPE_EBUSY also when TROUPE_ASKS_MAX are in flight from this actor. */
TROUPE_CHECKED int troupe_ask(struct troupe_actor *self, struct troupe_ref to,
                              const struct troupe_method *method, const struct troupe_body *body,
                              troupe_done_fn *on_done, void *user,
                              const struct troupe_options *options);

/* Sends a request and waits. Plain threads only: inside an actor it answers TROUPE_EWOULDBLOCK.
 * On success `ret_reply` [owned] holds the results until troupe_release. `ret_error` (may be NULL)
 * has the story of a failure. Returns 0, TROUPE_E..., or the application's code. TROUPE_ECYCLE, at
 * once: the answer would need an actor that only this thread runs (pinned), in whatever process the
 * call had got to. A pinned actor that asks instead (troupe_ask) can be called back meanwhile. */
TROUPE_CHECKED int troupe_call(struct troupe *troupe, struct troupe_ref to,
                               const struct troupe_method *method, const struct troupe_body *body,
                               struct troupe_message **ret_reply, struct troupe_error *ret_error,
                               const struct troupe_options *options);

/* Gives up an ask (no item comes any more; its callback runs, later, with TROUPE_ECANCELED; the target
 * is told), a timer or a watch (its callback will not run). Returns 0, or TROUPE_ENOENT if it has
 * completed, or was given up, already. */
int troupe_cancel(struct troupe_actor *self, uint64_t token);

/* Answers. Each takes the call over: do not use it afterwards, whatever is returned. A result that
 * can't be sent (TROUPE_ETOOLARGE, TROUPE_EREF) reaches the asker as that error. */
int troupe_reply(struct troupe_call *call, const struct troupe_body *results);
/* `code` is TROUPE_E... or an application code; `text` (may be NULL) is for a person. */
int troupe_fail(struct troupe_call *call, int code, const char *text);
int troupe_fail_with(struct troupe_call *call, const struct troupe_error *error);
/* Keeps the call, and what its arguments point at, beyond the handler (their struct is the handler's:
 * copy it): it is answered later, inside the same actor. One that is not answered when the actor ends fails with TROUPE_ELOST. A peer's call keeps
 * its blob, and room for the largest blob of its reply: of those that wait for long there can't be
 * many at a time. */
void troupe_defer(struct troupe_call *call);
/* Lets `to` answer in this actor's place: the arguments, the deadline and the trace go along. One
 * that is handed on more than TROUPE_FORWARDS_MAX times in a process fails with TROUPE_ECYCLE. */
int troupe_forward(struct troupe_call *call, struct troupe_ref to);

/* A stream's next result. Returns 0, TROUPE_EBUSY when the asker has not made room (wait for
 * troupe_on_room) or TROUPE_ECANCELED when it no longer listens (answer the call to end it). */
TROUPE_CHECKED int troupe_item(struct troupe_call *call, const struct troupe_body *item);
/* Once: `on_room` runs in this actor when a stream that was TROUPE_EBUSY has room again, or was
 * cancelled. Defers the call. */
typedef void troupe_room_fn(struct troupe_actor *self, void *user, struct troupe_call *call);
void troupe_on_room(struct troupe_call *call, troupe_room_fn *on_room, void *user);
/* True once nobody waits for the answer: cancelled, past its deadline, or the asker is gone. */
bool troupe_cancelled(const struct troupe_call *call);
/* What is left of the call's time, in ms. */
uint32_t troupe_remaining_ms(const struct troupe_call *call);

/* Keeps the message that is being handled, so that its arguments, results or event fields stay
 * valid until troupe_release [owned]. The blob of a peer's request counts as unread till then. */
struct troupe_message *troupe_keep(struct troupe_actor *self);
/* Frees a kept message or the reply of a sync call. `message` may be NULL. */
void troupe_release(struct troupe_message *message);

/* ---- events ---------------------------------------------------------------------------------- */

/* Where an event stands among those of its topic. A snapshot says at which sequence it was taken. */
struct troupe_event_info {
    struct troupe_ref source;
    uint64_t epoch;     /* one run of the publisher */
    uint64_t sequence;  /* 1, 2, 3 ... within an epoch and topic; 0: not an event but LOST */
    uint64_t lost_from; /* LOST: the first and last sequence that this subscriber missed; */
    uint64_t lost_to;   /* 0 and 0 when the publisher is new: all since the last one seen */
};

/* Tells all subscribers. One encoding, whatever their number; never waits for a slow one.
 * Errors: TROUPE_ETOOLARGE, TROUPE_ENOMEM. */
int troupe_publish(struct troupe_actor *self, const struct troupe_event *event,
                   const struct troupe_body *body);

/* `body` is NULL when events were LOST: resync from a snapshot. */
typedef void troupe_event_fn(struct troupe_actor *self, void *user, const struct troupe_body *body,
                             const struct troupe_event_info *info);

/* Subscribes this actor to an event of `source`. Events published after the source's process has
 * seen the subscription arrive in order, or are reported LOST. For an event declared `overflow
 * latest` the newest value comes first, if there is one. Errors: TROUPE_ENOENT (unknown ref),
 * TROUPE_EDOWN, TROUPE_EBUSY (TROUPE_SUBSCRIPTIONS_MAX), TROUPE_ENOMEM. */
TROUPE_CHECKED int troupe_subscribe(struct troupe_actor *self, struct troupe_ref source,
                                    const struct troupe_event *event, troupe_event_fn *on_event,
                                    void *user, struct troupe_handler **ret_handler);

/* Ends a subscription, inside the actor that made it; no callback runs afterwards. An actor that
 * ends disconnects its own. `handler` may be NULL. */
void troupe_handler_disconnect(struct troupe_handler *handler);

/* ---- time and watching ------------------------------------------------------------------------ */

/* Milliseconds of a clock that nobody sets (CLOCK_MONOTONIC): for how long something took. */
uint64_t troupe_now_ms(void);

typedef void troupe_after_fn(struct troupe_actor *self, void *user);

/* Runs `on_time` once in this actor, `delay_ms` from now or a little later.
 * `ret_token` may be NULL. Errors: TROUPE_ENOMEM, TROUPE_EBUSY (TROUPE_TIMERS_MAX). */
TROUPE_CHECKED int troupe_after(struct troupe_actor *self, uint32_t delay_ms,
                                troupe_after_fn *on_time, void *user, uint64_t *ret_token);

/* Why the watched one is gone: TROUPE_EDOWN (it ended) or TROUPE_ELOST (its process or link did). */
typedef void troupe_gone_fn(struct troupe_actor *self, void *user, struct troupe_ref ref, int why);

/* Tells once, when `ref`'s actor, process or link is gone; at once (later, in this actor) if it is
 * gone already. Errors: TROUPE_ENOMEM, TROUPE_EBUSY. */
TROUPE_CHECKED int troupe_watch(struct troupe_actor *self, struct troupe_ref ref,
                                troupe_gone_fn *on_gone, void *user, uint64_t *ret_token);

/* ---- looking ---------------------------------------------------------------------------------- */

struct troupe_stats {
    uint64_t actors;           /* alive */
    uint64_t links;            /* open */
    uint64_t messages_sent;    /* requests and tells accepted */
    uint64_t messages_handled; /* by actors */
    uint64_t messages_waiting; /* in mailboxes */
    uint64_t asks_open;        /* asked, not completed */
    uint64_t asks_completed;
    uint64_t replies_late; /* came after their ask had ended */
    uint64_t dead_letters;
    uint64_t events_published;
    uint64_t events_delivered; /* to subscribers in this process */
    uint64_t events_lost;      /* that a subscriber here was told it missed */
    uint64_t refused_busy;     /* sends answered TROUPE_EBUSY */
    uint64_t frames_in;        /* over links */
    uint64_t frames_out;
    uint64_t batches_in; /* NNG messages: frames that waited together travel in one */
    uint64_t batches_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t links_refused; /* closed because the peer broke a rule */
};
void troupe_stats(struct troupe *troupe, struct troupe_stats *ret_stats);

/* Sets the hook (NULL: none) that sees every message, on whatever thread it passes: it must be quick.
 * Costs one load when unset. */
void troupe_trace(struct troupe *troupe, troupe_trace_fn *on_trace, void *user);
/* Sets the hook that sees every dead letter and late reply. They are counted in any case. */
void troupe_dead_letters(struct troupe *troupe, troupe_dead_letter_fn *on_dead_letter, void *user);

/* Says something to the report hook, prefixed with the actor's name: why a start failed, for one. */
void troupe_report(struct troupe_actor *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif

#endif
