/* runtime.h - the inside of a process's runtime: what the files of bus/ share.
 *
 * Who runs what. An actor is run by at most one thread at a time: the one that won its `scheduled`
 * flag. Everything in struct troupe_actor below the line "owner" is touched by that thread only and
 * needs no lock. Sending is: push on the actor's inbox (a lock-free stack), then, if its flag was
 * down, put it on its executor's ready queue.
 *
 * Slots. Actors live in slots that are never freed before the runtime is, so a sender may look at a
 * slot at any time; an actor's id holds the slot's generation, and a message for an id that is no
 * longer there is bounced by whoever runs the slot. No reference count, no lock on the send path.
 *
 * Locks, none held while calling user code or another room that locks, except in this order:
 *   topics -> the list of links -> one link -> roles / publishers -> timers / executors / watches /
 *   bypasses / pieces / what is observed.
 */
#ifndef TROUPE_BUS_RUNTIME_H
#define TROUPE_BUS_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>

#include "bus/cbor.h"
#include "bus/counters.h"
#include "bus/message.h"
#include "bus/observe.h"
#include "bus/table.h"
#include "bus/troupe.h"
#include "bus/troupe_gen.h"
#include "bus/troupe_host.h"
#include "bus/troupe_schedule.h"
#include "bus/values.h"

struct ti_carriers;
struct ti_link;
struct ti_publisher;

/* ---- places ------------------------------------------------------------------------------------ */

/* troupe_ref.place */
enum {
    TI_PLACE_NOWHERE = 0,
    TI_PLACE_HERE = 1, /* id: an actor's */
    TI_PLACE_ROLE = 2, /* id: index into the table of roles, plus one */
    TI_PLACE_AGENT =
        3, /* only of a gate's proxy: id as above, but the agent of the role's process */
    TI_PLACE_LINKS = 16, /* and above: a link's id; id: a target on it */
};

/* Where a ref leads now: an actor of this process, or a target on a link. */
struct ti_route {
    uint64_t actor;       /* 0: over the link */
    struct ti_link *link; /* held: ti_route_release */
    uint64_t target;
};

/* ---- executors (executor.c) ---------------------------------------------------------------------- */

/* A ready queue with its threads: the pool has several, a detached actor's has one, the pinned one
 * has none and is run by troupe_step. */
struct ti_executor {
    pthread_mutex_t lock;
    struct troupe_actor *first;
    struct troupe_actor *last;
    struct ti_sleeper *sleepers; /* the last to fall asleep first */
    bool made;
    bool closing;
    int event_fd;                 /* -1, or readable while something is ready */
    struct ti_counters *counters; /* its threads have sets of their own; NULL: they share one */
    atomic_size_t numbers;        /* of the threads that have one */
    unsigned threads_count;
    pthread_t threads[TROUPE_WORKERS_MAX];
    struct ti_executor *next; /* among those of detached actors that have ended */
};
int ti_executor_init(struct ti_executor *executor, unsigned threads, bool with_fd,
                     struct ti_counters *counters);
void ti_executor_ready(struct ti_executor *executor, struct troupe_actor *actor);
/* Takes the first ready actor; NULL when there is none within timeout_ms. */
struct troupe_actor *ti_executor_take(struct ti_executor *executor, uint32_t timeout_ms);
/* Takes the ready actor that has `nth` others before it; NULL: there are not so many. For a schedule. */
struct troupe_actor *ti_executor_pick(struct ti_executor *executor, size_t nth);
size_t ti_executor_count(const struct ti_executor *executor);
/* Ends the threads and frees what init made, if it did. */
void ti_executor_close(struct ti_executor *executor);

/* ---- the loop (loop.c) ---------------------------------------------------------------------------- */

struct ti_loop {
    pthread_t thread;
    bool running;
    int epoll_fd;
    int kick_fd;
};
int ti_loop_init(struct troupe *troupe);
/* Ends the thread, once what is due has run. */
void ti_loop_close(struct troupe *troupe);
/* Has it look again at timers and bypasses. */
void ti_loop_kick(const struct ti_loop *loop);
/* ti_bypass_rang(number) when `fd` is readable. False: no memory. */
bool ti_loop_listen(const struct ti_loop *loop, int fd, uint64_t number);
void ti_loop_forget(const struct ti_loop *loop, int fd);

/* ---- timers (timer.c) ------------------------------------------------------------------------------ */

/* Runs on the loop's thread: must be short. `serial` and `object` as given. */
typedef void ti_timer_fn(struct troupe *troupe, uint64_t id, uint64_t serial, void *object);
struct ti_timers {
    pthread_mutex_t lock;
    bool closing;
    struct ti_timer *timers; /* by index */
    uint32_t *heap;          /* indices, earliest first */
    uint32_t heap_count;
    uint32_t timers_count;
    uint32_t room;
    uint32_t free_first;
    uint32_t used;
    uint32_t reserved;  /* slots that only ti_timer_add_reserved may take */
    uint64_t sleeps_ns; /* until when the loop sleeps; 0: it is awake */
    bool again;         /* the loop's: what runs wants another turn */
};
int ti_timers_init(struct troupe *troupe);
void ti_timers_close(struct troupe *troupe);
/* The loop's: runs what is due, and says when the next is. False: none will run any more. */
bool ti_timers_run(struct troupe *troupe, uint64_t *ret_due_ns);
/* From now on only what is due runs: it may hold something. */
void ti_timers_end(struct troupe *troupe);
/* Returns a handle, 0 when out of memory. */
uint64_t ti_timer_add(struct troupe *troupe, uint64_t due_ns, ti_timer_fn *fn, uint64_t id,
                      uint64_t serial, void *object);
/* Room for `count` timers at a time that must not fail; false: no memory. */
bool ti_timers_reserve(struct troupe *troupe, uint32_t count);
void ti_timers_unreserve(struct troupe *troupe, uint32_t count);
uint64_t ti_timer_add_reserved(struct troupe *troupe, uint64_t due_ns, ti_timer_fn *fn, uint64_t id,
                               void *object);
/* In a timer's function, which could not do its work: it runs again a little later. */
void ti_timer_again(struct troupe *troupe);
/* True if it had not fired and will not. */
bool ti_timer_remove(struct troupe *troupe, uint64_t handle);
/* CLOCK_MONOTONIC; of a runtime with a schedule, that one's clock. */
uint64_t ti_now_ns(const struct troupe *troupe);
/* The same clock as of the kernel's last tick, at most TI_TICK_NS_MAX ago: for a sixth of the cost,
 * where nothing may be too early but may well be that late. */
uint64_t ti_tick_ns(const struct troupe *troupe);
#define TI_TICK_NS_MAX 10000000u
uint64_t ti_clock_ns(void);
/* Without a thread: runs the earliest timer if its time has come. */
bool ti_timers_run_due(struct troupe *troupe);
/* When the earliest is due; UINT64_MAX: there is none. */
uint64_t ti_timers_next_ns(struct troupe *troupe);

/* ---- actors (actor.c) ------------------------------------------------------------------------------ */

enum ti_pending_kind { TI_FREE, TI_ASK, TI_AFTER, TI_WATCH, TI_SUBSCRIPTION };

/* Something that will call this actor back. Its serial is the token that people see. */
struct ti_pending {
    uint64_t serial;
    enum ti_pending_kind kind;
    uint32_t next_free;
    uint64_t timer;  /* TI_AFTER */
    uint64_t due_ns; /* TI_ASK: what comes next must have come by then */
    uint64_t trace;  /* what the actor was doing when it asked: its callback goes on from there */
    uint64_t deadline_ns; /* of that; 0: none */
    uint64_t waiter;      /* for that; 0: none */
    void *user;
    troupe_any_fn *on_done; /* the user's callback */
    troupe_any_fn *on_item;
    troupe_any_fn *typed; /* the generated shim, or NULL: raw */
    troupe_any_fn *typed_item;
    const struct troupe_method *method;
    struct ti_route route; /* of an ask: where it went (link held) */
    uint64_t wire;         /* its id on the link */
    uint64_t item_ns;      /* how long the next item of a stream may take */
    uint32_t consumed;     /* stream items handled since the last credit */
    bool cancelled;        /* an ask: its last message is on its way */
    struct troupe_ref ref; /* what is watched; of a subscription: the peer that was asked for it */
    struct troupe_handler *handler;
};

enum ti_phase { TI_EMPTY, TI_STARTING, TI_RUNNING, TI_ENDED };

struct troupe_actor {
    _Atomic(struct troupe_message *) inbox; /* newest first */
    atomic_uint waiting;                    /* counted messages in inbox and queue */
    atomic_uint mailbox_max;
    atomic_bool scheduled;
    atomic_bool pinned;  /* runs in troupe_step */
    _Atomic uint64_t id; /* 0: nobody */
    struct troupe *troupe;
    uint32_t index;
    atomic_ullong handled;
    atomic_ullong waiting_since_ns;          /* by the clock of ticks, while `waiting` is not 0 */
    atomic_uint counts[TI_SUBSCRIPTION + 1]; /* of `pending`: the owner's, for others to look at */
    /* owner */
    struct ti_executor *executor;
    struct troupe_actor *ready_next;
    bool quick;
    enum ti_phase phase;
    uint32_t generation;
    uint32_t role;  /* index plus one of the role whose rights it has; 0: none */
    bool published; /* has topics of its own */
    const struct troupe_actor_def *def;
    void *state;
    const void *argument;
    struct troupe_message *first; /* oldest first */
    struct troupe_message *last;
    struct troupe_message *handling;
    bool answered;        /* the request that is being handled */
    uint64_t deadline_ns; /* of what is being handled; 0: none */
    uint64_t waiter;      /* the sync call that waits for it; 0: none */
    uint64_t trace;
    struct ti_pending *pending;
    uint32_t pending_count;
    uint32_t pending_room;
    uint32_t pending_free; /* index plus one */
    uint64_t alarm;        /* a timer, at the earliest deadline of its asks or before; 0: none */
    uint64_t alarm_ns;
    bool alarm_reserved;
    struct troupe_call *calls; /* begun and not answered */
    struct troupe_actor *free_next;
};

/* The actor that this thread is running, or NULL. */
struct troupe_actor *ti_current(void);
/* With ret_id NULL the actor becomes that of its role. */
int ti_spawn(struct troupe *troupe, const struct troupe_actor_def *def, const void *argument,
             uint32_t role, uint64_t *ret_id);
/* Runs one turn of an actor that the calling thread took from an executor; returns messages handled. */
int ti_actor_run(struct troupe_actor *self);
/* Between these two, and outside of any actor and lock, quick actors that this thread wakes run on
 * it: in ti_quick_end, which takes what ti_quick_begin returned. */
bool ti_quick_begin(void);
void ti_quick_end(bool begun);
/* Delivers [owned]. With `counted`, TROUPE_EBUSY when the mailbox is full; TROUPE_EDOWN when the
 * actor is gone; TROUPE_ECYCLE when it could run only after what waits for it. On failure the message stays the caller's. */
int ti_push(struct troupe *troupe, uint64_t actor, struct troupe_message *message, bool counted);
/* The same, counted, for a peer that has `used` other messages waiting in this process: the fuller
 * the mailbox, the fewer it may have. */
int ti_push_for_peer(struct troupe *troupe, uint64_t actor, struct troupe_message *message,
                     uint32_t used);
/* Runs `run` in an actor, soon. `argument` is malloc's [owned, also on failure], then the job's. */
int ti_run_in(struct troupe *troupe, uint64_t actor, ti_run_fn *run, void *argument);
struct troupe_actor *ti_actor_slot(struct troupe *troupe, uint64_t id);
struct ti_pending *ti_pending_add(struct troupe_actor *self, enum ti_pending_kind kind,
                                  uint32_t max);
struct ti_pending *ti_pending_find(struct troupe_actor *self, uint64_t serial);
void ti_pending_free(struct troupe_actor *self, struct ti_pending *pending);
/* Joins the threads of detached actors that have ended. Not from such a thread. */
void ti_actors_join(struct troupe *troupe);
/* Frees the slots, after the last actor has ended and the threads are joined. */
void ti_actors_free(struct troupe *troupe);
/* Moves what has arrived to the queue that only the owner sees. */
void ti_actor_collect(struct troupe_actor *self);
/* Takes the oldest out of it, collecting first if there is none; NULL: the mailbox is empty. */
struct troupe_message *ti_actor_next(struct troupe_actor *self);

/* ---- asks (ask.c) ----------------------------------------------------------------------------------- */

/* The time that a request has: from about now until its deadline. */
struct ti_span {
    uint64_t from_ns;
    uint64_t until_ns;
};

/* What a request is made for. */
struct ti_cause {
    struct ti_span time;
    uint64_t trace;
    uint64_t waiter; /* the sync call that waits for it; 0: none */
};

/* A plain thread waiting in a sync call. */
struct ti_caller {
    atomic_uint holders;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint64_t serial; /* of the call in progress; others are late */
    bool waiting;
    atomic_ullong waits_in; /* the thread's outermost call, a number of its own; 0: none */
    struct troupe_message *first;
    struct troupe_message *last;
};
void ti_caller_release(struct ti_caller *caller);
/* The sync call that this thread waits in, as it does in the callback of an item; 0: none. */
uint64_t ti_caller_waits(void);
/* This thread is the one that runs the pinned actors, from now on. */
void ti_caller_steps(struct troupe *troupe);
/* Whether the thread that runs the pinned actors waits in that sync call. */
bool ti_caller_is_stepper(struct troupe *troupe, uint64_t waiter);

/* A number that no other process has, either: they begin at random. Never 0. */
uint64_t ti_number_new(struct troupe *troupe);
/* How long an answer, or each item of a stream, may take: as the caller or the interface says. */
uint64_t ti_wait_ns(const struct troupe_method *method, const struct troupe_options *options);
/* How long an ask has: as the caller or the interface says, within what caused it. */
struct ti_span ti_span_of_ask(const struct troupe *troupe, const struct troupe_method *method,
                              const struct troupe_options *options);
/* What is left of it, in whole ms, rounded up; at most TROUPE_DEADLINE_MS_MAX. */
uint32_t ti_span_ms(struct ti_span time);
/* Sends to wherever `to` leads; the route is the caller's to release on success. `trace` 0: that of
 * what the actor does, or a new one. */
int ti_send_request(struct troupe *troupe, struct troupe_ref to, const struct troupe_method *method,
                    const struct troupe_body *arguments, const struct ti_address *from,
                    struct ti_span time, uint64_t trace, struct ti_route *ret_route,
                    uint64_t *ret_wire);
/* Tells the target that nobody waits. Best effort: a late answer is dropped all the same. */
void ti_send_cancel(struct troupe *troupe, const struct ti_route *route, uint64_t wire,
                    const struct ti_address *from);
/* Lets a stream go on: `items` have been handled here. */
void ti_send_credit(struct troupe *troupe, const struct ti_route *route, uint64_t wire,
                    const struct ti_address *from, uint32_t items);
/* What a writer holds, as a body. */
struct troupe_body ti_written(const struct troupe_writer *writer);
/* After the send: leaves no secret argument in the thread's buffer. */
void ti_written_wipe(const struct troupe_writer *writer, const struct troupe_method *method);
/* Handles one message of the kinds that belong to asks. */
void ti_handle_request(struct troupe_actor *self, struct troupe_call *call);
void ti_handle_answer(struct troupe_actor *self, struct troupe_message *message);
void ti_handle_moved(struct troupe_actor *self, struct troupe_message *message);
/* Ends the asks whose time is over. */
void ti_handle_alarm(struct troupe_actor *self);
/* Its actor ends. */
void ti_alarm_end(struct troupe_actor *self);
void ti_handle_cancel(struct troupe_actor *self, struct troupe_message *message);
void ti_handle_credit(struct troupe_actor *self, struct troupe_message *message);
/* Gives up an ask without a callback: its actor ends. */
void ti_ask_abandon(struct troupe_actor *self, struct ti_pending *pending);
/* Answers a request that will not be handled; takes the message over. */
void ti_bounce(struct troupe *troupe, struct troupe_message *message, int code, const char *text);
/* Makes a request that nobody will look at again its own answer: the code alone. Needs no memory. */
void ti_deliver_failed(struct troupe *troupe, struct troupe_message *request, int code);
/* Hands an answer [owned] to whoever waits for it in this process; false: nobody does any more. */
bool ti_deliver(struct troupe *troupe, const struct ti_address *to, struct troupe_message *answer);
/* A TI_MOVED that found its asker gone: nobody else would cancel the request where it is now. */
void ti_moved_in_vain(struct troupe *troupe, const struct ti_address *asker,
                      const struct troupe_message *moved);
/* The call's turn has come: its link may send another. */
void ti_call_credit(struct troupe_call *call);
/* A timer_fn that delivers TI_TIMER with `serial` to the actor `id`. */
void ti_timer_to_actor(struct troupe *troupe, uint64_t id, uint64_t serial, void *object);

/* ---- topics (topic.c) -------------------------------------------------------------------------------- */

struct ti_topics {
    pthread_mutex_t lock;
    struct ti_table table; /* hash of the key -> first topic of that hash */
    uint32_t count;
    uint64_t epoch;
    uint64_t loud_roles; /* one bit each: published since the last heartbeat */
    bool heartbeat_set;
    bool ask_set;
};
int ti_topics_init(struct troupe *troupe);
void ti_topics_close(struct troupe *troupe);
void ti_handle_event(struct troupe_actor *self, struct troupe_message *message);
/* What an actor published ends with it. */
void ti_topics_actor_ended(struct troupe *troupe, uint64_t actor);
void ti_subscription_end(struct troupe_actor *self, struct ti_pending *pending);
/* An event or a heartbeat entry arrived for the topic of `source` (a role, or a ref on a link). */
void ti_topic_arrived(struct troupe *troupe, uint64_t link, struct troupe_ref source,
                      uint32_t interface, uint32_t event, uint64_t epoch, uint64_t sequence,
                      const struct troupe_body *body /* NULL: heartbeat */);
/* The peer has said where the sequence of a topic stands, and its newest value. */
void ti_topic_based(struct troupe *troupe, uint64_t link, struct troupe_ref source,
                    uint32_t interface, uint32_t event, uint64_t epoch, uint64_t sequence,
                    const struct troupe_body *latest);
/* What a subscription is for. */
void ti_topic_key(const struct troupe_handler *handler, struct troupe_ref *ret_source,
                  uint32_t *ret_interface, uint32_t *ret_event);
/* Subscribes again to what could not be subscribed to at once: what was published meanwhile is LOST. */
void ti_topic_subscribe_again(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                              uint32_t event);
/* The agent could not even try again. */
void ti_topic_ask_later(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                        uint32_t event);
/* A link to `role` is up: subscribes again to what is wanted from it. */
void ti_topics_resubscribe(struct troupe *troupe, struct troupe_ref role);
/* What a peer is told that subscribes: the sequence so far, and the newest value, held, or NULL. */
void ti_topic_state(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                    uint32_t event, uint64_t *ret_epoch, uint64_t *ret_sequence,
                    struct ti_shared **ret_latest);

/* ---- watches (watch.c) --------------------------------------------------------------------------------- */

struct ti_watches {
    pthread_mutex_t lock;
    struct ti_table table;
};
int ti_watches_init(struct troupe *troupe);
void ti_watches_close(struct troupe *troupe);
void ti_handle_gone(struct troupe_actor *self, struct troupe_message *message);
void ti_watch_end(struct troupe_actor *self, struct ti_pending *pending);
/* Tells whoever watches `ref`. */
void ti_watch_fire(struct troupe *troupe, struct troupe_ref ref, int why);
/* Tells whoever watches anything at `place`, a link. */
void ti_watch_fire_place(struct troupe *troupe, uint64_t place, int why);

/* ---- roles (role.c) -------------------------------------------------------------------------------------- */

struct ti_role {
    const char *name;               /* owned copy */
    const struct troupe_role *role; /* declared here, or NULL: imported */
    const void *argument;
    _Atomic uint64_t actor; /* here, 0: not running */
    struct ti_link *link;   /* imported: held, NULL while there is none */
    uint64_t target;
    _Atomic(struct ti_publisher *) publisher; /* to those who were granted its events */
};
struct ti_roles {
    pthread_mutex_t lock;
    struct ti_role roles[TROUPE_ROLES_MAX];
    _Atomic uint32_t count; /* those below it are whole: actors look without the lock */
};
/* Index plus one of a role by name; 0: unknown. */
uint32_t ti_role_find(struct troupe *troupe, const char *name);
/* The same of "NAME.bus", which means the agent of its process. */
uint32_t ti_role_named(struct troupe *troupe, const char *name, bool *ret_bus);
struct ti_role *ti_role_at(struct troupe *troupe, uint32_t number);
/* Where a ref leads. TROUPE_EDOWN when nowhere now. */
int ti_route_find(struct troupe *troupe, struct troupe_ref ref, struct ti_route *ret_route);
void ti_route_release(struct ti_route *route);
/* The ref under which others know an actor: its role if it is the role's own, else itself. */
struct troupe_ref ti_actor_source(struct troupe_actor *self);
struct troupe_ref ti_ref_normal(struct troupe *troupe, struct troupe_ref ref);
/* Joins an imported role to a link. */
int ti_role_import(struct troupe *troupe, const char *name, struct ti_link *link, uint64_t target,
                   uint32_t *ret_number);
/* Grants a peer the events of a role that lives here, over `fd` [kept]. */
int ti_role_grant(struct troupe *troupe, const char *name, int fd, void (*on_up)(void *user),
                  void *user, struct ti_publisher **ret_publisher, uint32_t *ret_listener);
/* Whether role `number` of a peer is reached over that link now. */
bool ti_role_is_over(struct troupe *troupe, uint32_t number, uint64_t link);
void ti_role_link_gone(struct troupe *troupe, struct ti_link *link);
void ti_role_actor_started(struct troupe *troupe, uint32_t number, uint64_t actor);
void ti_role_actor_ended(struct troupe *troupe, uint32_t number, uint64_t actor, int code);
void ti_roles_close(struct troupe *troupe);
/* Sends an event to the processes that were granted role `number`; source 0 is the role itself. */
void ti_role_publish(struct troupe *troupe, uint32_t number, const struct troupe_event *event,
                     uint64_t source, uint64_t epoch, uint64_t sequence,
                     const struct ti_shared *shared);
/* Sends `size` bytes as they are to them: a heartbeat. */
void ti_role_publish_raw(struct troupe *troupe, uint32_t number, const uint8_t *data, size_t size);
void ti_host_event(struct troupe *troupe, enum troupe_host_event_kind kind, const char *name,
                   uint64_t link, int code, const char *text);

/* ---- links (link.c) ------------------------------------------------------------------------------------------ */

struct ti_links {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ti_link *first;
    uint32_t count;
    uint64_t next_id;
};
void ti_links_init(struct troupe *troupe);
uint32_t ti_links_count(struct troupe *troupe);
/* The open link with that id, held; NULL: none. */
struct ti_link *ti_link_find(struct troupe *troupe, uint64_t id);
/* Lets every peer that was granted role `number` use `actor`, which an event hands over. */
void ti_links_export(struct troupe *troupe, uint32_t number, uint64_t actor);
struct ti_link *ti_link_hold(struct ti_link *link);
void ti_link_release(struct ti_link *link);
uint64_t ti_link_id(const struct ti_link *link);
/* Sends a request. `from` is held by the link until the answer. id 0 when from is TI_NOBODY. */
int ti_link_request(struct ti_link *link, uint64_t target, const struct troupe_method *method,
                    const struct troupe_body *body, const struct ti_address *from,
                    const struct ti_cause *cause, uint64_t *ret_wire);
/* A caller is about to wait for what the link brings: its bypass, which it must lead, or NULL. */
struct ti_bypass *ti_link_enter(struct ti_link *link);
/* Between these two, around a turn of an actor, what it sends over links may wait to be joined; no lock
 * is held. ti_turn_end takes what ti_turn_begin returned. */
bool ti_turn_begin(void);
void ti_turn_end(bool begun);
/* Between two messages of a turn: lets go what has waited too long. */
void ti_turn_goes_on(void);
/* The asker no longer waits. */
void ti_link_cancel(struct ti_link *link, uint64_t wire);
/* The asker has handled `items` of a stream. */
void ti_link_stream_credit(struct ti_link *link, uint64_t wire, uint32_t items);
/* Answers request `id` of the peer; kind is TI_REPLY, TI_ERROR or TI_ITEM. With `wipe` the bytes are
 * wiped once they have left. TROUPE_EBUSY: no room for an item now, its actor gets a TI_CREDIT of 0
 * once there is. */
int ti_link_answer(struct ti_link *link, uint64_t id, enum ti_kind kind, bool wipe,
                   const struct troupe_body *body, const struct troupe_error *error);
/* Keeps room for the reply to request `id`, whose blob may have that size. Else TROUPE_EBUSY: the
 * request [owned then] stands in line, and comes to its actor again; TROUPE_ECANCELED: nobody waits
 * for it. */
int ti_link_reply_room(struct ti_link *link, uint64_t id, size_t blob_bytes_max,
                       struct troupe_message *request);
/* A request of the peer moved: cancels and credits follow it. False: the peer does not wait for it. */
bool ti_link_moved(struct ti_link *link, uint64_t id, const struct ti_route *route, uint64_t wire);
/* Items flowed before ti_link_moved was called, and their credit came to the actor that forwarded. */
void ti_link_credit_onward(struct ti_link *link, uint64_t id, uint32_t items);
/* So much waits to be read by the peer that no more of its requests should be begun. */
bool ti_link_is_full(struct ti_link *link);
/* A request of the peer has been taken from its mailbox. */
void ti_link_consumed(struct ti_link *link, size_t bytes);
/* A request of the peer, with a blob of that size, has been freed. */
void ti_link_blob_consumed(struct ti_link *link, size_t bytes);
void ti_link_drop(struct ti_link *link, uint64_t target);
/* Tells NNG to pass (or stop passing) the events of a topic of the imported role. */
void ti_link_filter(struct ti_link *link, const char *role, uint32_t interface, uint32_t event,
                    uint64_t source, bool on);
/* The peer said that it serves this interface, in this version or a later one. */
bool ti_link_serves(struct ti_link *link, uint32_t interface, uint32_t version);
/* Drains all links for at most timeout_ms, closes them, waits until they are gone. */
void ti_links_close(struct troupe *troupe, uint32_t timeout_ms);
void ti_links_free(struct troupe *troupe);

/* ---- the process's own actor (agent.c) ------------------------------------------------------------------------ */

extern const struct troupe_actor_def ti_agent_def;
/* Subscribes at the source's process, by an ask of `self` for its subscription `serial`: what it asks
 * of the source next finds the subscription there. */
void ti_subscribe_at_peer(struct troupe_actor *self, uint64_t serial);
/* Asks the agent to subscribe at the peer, or to watch a ref there. */
int ti_agent_subscribe(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                       uint32_t event, bool fetch_only);
/* Stops the events at once: a later subscription finds the filter gone, not going. */
void ti_unsubscribe_at_peer(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                            uint32_t event);
void ti_agent_watch(struct troupe *troupe, struct troupe_ref ref);
/* The actor `actor` ended: answers peers that watch it. */
void ti_agent_actor_ended(struct troupe *troupe, uint64_t actor);

/* ---- for who looks in (served.c) ------------------------------------------------------------------------------ */

/* The numbers of what an actor serves; how many. */
size_t ti_serves(const struct troupe_actor_def *def, uint32_t *numbers, size_t max);
/* The n-th interface that this process serves, its roles or what they hand out; NULL after the last.
 * The bus's own is the first; one that several roles serve comes several times. */
const struct troupe_interface *ti_interface_at(struct troupe *troupe, size_t n);

/* ---- what is in flight (inflight.c) ---------------------------------------------------------------------------- */

/* Answers list_asks. */
void ti_list_asks(struct troupe *troupe, struct troupe_call *call);
/* 0 if it is the other way round. */
uint64_t ti_ms_between(uint64_t from_ns, uint64_t to_ns);

/* ---- the gate (gate.c) --------------------------------------------------------------------------------------- */

struct ti_proxy;
struct ti_gate {
    pthread_mutex_t lock; /* of the list; nothing is locked before it but one link */
    struct ti_proxy *first;
    size_t count;
    struct troupe_actor_def def;     /* of a proxy; no services: this process is no gate */
    struct troupe_actor_def looking; /* of one that stands for an agent */
    struct troupe_service services[TROUPE_GATE_INTERFACES_MAX];
    struct troupe_service looks; /* that one's */
};
/* The actor that stands for `to` here, made if there is none; 0: there can't be one now. */
uint64_t ti_gate_proxy(struct troupe *troupe, struct troupe_ref to);
/* Makes the refs of `body` such that a peer of the gate can be handed them; `refs` has room for
 * TROUPE_REFS_MAX. */
void ti_gate_refs(struct troupe *troupe, struct troupe_body *body, struct troupe_ref *refs);
/* Inside a proxy: hands the call on. */
void ti_gate_forward(struct troupe_actor *self, struct troupe_call *call);
/* A method that passes; NULL: none. */
const struct troupe_method *ti_gate_method(const struct troupe *troupe, uint32_t interface,
                                           uint32_t ordinal);

/* ---- bypasses (bypass.c) ---------------------------------------------------------------------------------------- */

struct ti_bypasses {
    pthread_mutex_t lock;
    pthread_cond_t released; /* one that closes waits for those who are in it */
    const struct ti_loop *loop;
    struct ti_table table; /* by id */
    uint64_t last_id;
    atomic_size_t due; /* of them, whose turn it is although no bell rang */
    size_t next_due;   /* where in the table to look for one */
};

/* ---- the runtime (troupe.c) ------------------------------------------------------------------------------------- */

#define TI_SLOTS_PER_CHUNK 1024

struct troupe {
    char name[64];
    atomic_bool closing;
    struct troupe_schedule *schedule; /* runs it all; NULL: threads do */
    const struct ti_carriers *carriers;
    atomic_bool stop_missed; /* while closing: some actor has yet to be told */
    struct ti_counters counters;
    struct ti_executor pool;
    struct ti_executor pinned;
    struct ti_caller *stepper; /* held: whose thread runs the pinned actors; under pinned.lock */
    struct ti_loop loop;
    struct ti_timers timers;
    struct ti_topics topics;
    struct ti_watches watches;
    struct ti_roles roles;
    struct ti_links links;
    struct ti_gate gate;
    struct ti_bypasses bypasses;
    struct ti_pieces *pieces;    /* of blobs, kept */
    uint64_t agent;              /* the actor that serves troupe.Bus */
    atomic_ullong next_number;   /* of a trace, or a sync call */
    pthread_mutex_t actors_lock; /* slots and those waiting for the last actor */
    pthread_cond_t actors_changed;
    _Atomic(struct troupe_actor *) chunks[TROUPE_ACTORS_MAX / TI_SLOTS_PER_CHUNK + 1];
    uint32_t slots_count;
    struct troupe_actor *free_first;
    struct troupe_actor *free_last;
    atomic_uint actors_count;
    atomic_uint remote_watches;         /* of actors here, by other processes */
    struct ti_executor *detached_ended; /* their threads wait to be joined */
    atomic_uint traced;                 /* enum ti_traced */
    _Atomic(troupe_trace_fn *) on_trace;
    _Atomic(void *) trace_user;
    struct ti_observed observed;
    _Atomic(troupe_dead_letter_fn *) on_dead_letter;
    _Atomic(void *) dead_letter_user;
    troupe_report_fn *on_report;
    void *report_user;
    _Atomic(troupe_host_fn *) on_host;
    _Atomic(void *) host_user;
};

void ti_report(struct troupe *troupe, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Who wants to know of each message: then ti_trace is to be called, without a time or a size of its
 * own. `body` (may be NULL) has the contents, NULL or `secret`: they are shown to nobody. Under no lock. */
enum ti_traced { TI_TRACED_HOOK = 1, TI_TRACED_OBSERVED = 2 };
static inline bool ti_traced(struct troupe *troupe)
{
    return atomic_load_explicit(&troupe->traced, memory_order_acquire) != 0;
}
void ti_trace(struct troupe *troupe, const struct troupe_trace *trace,
              const struct troupe_body *body, bool secret);
void ti_dead_letter(struct troupe *troupe, uint64_t target, uint32_t interface, uint32_t method,
                    int code);
/* An answer that nobody waits for any more: counted and shown; items and notes pass silently. */
void ti_late(struct troupe *troupe, uint64_t target, const struct troupe_message *answer);
void ti_error_set(struct troupe_error *error, int code, const char *text);

static inline struct troupe_ref ti_ref_here(uint64_t actor)
{
    return (struct troupe_ref){.place = actor ? TI_PLACE_HERE : TI_PLACE_NOWHERE, .id = actor};
}

/* Of an actor, or of a plain thread: NULL. */
static inline struct troupe_ref ti_ref_of(const struct troupe_actor *self)
{
    return ti_ref_here(self != NULL ? atomic_load(&self->id) : 0);
}

#endif
