/* follow.c - snapshot, then stream: a subscriber's copy of what an actor holds, kept level with it.
 *
 * A follow is a subscription to an event that has a snapshot: a method that answers with all there
 * is, and with the epoch and sequence of the last event which that includes. It subscribes first,
 * then fetches. The snapshot comes over another socket than the events, so either may be here
 * first; the sequence alone says what is newer:
 *
 *            subscribed               a snapshot that is new enough came
 *     STALE (fetches, holds events) ------------------------------------> LEVEL (hands them over)
 *       ^                                                                     |
 *       +------- LOST, a gap in the sequence, fields that are not valid ------+
 *
 * STALE: an event is held, and so much is known of what a snapshot must include: all that is lost.
 * LEVEL: an event that the copy includes is dropped, the next one is handed over.
 * One fetch is on its way at most. If it fails, or brings what is too old, the next follows after a
 * pause that doubles; LOST ends the pause, because it is also what a new publisher brings.
 *
 * Runs inside the subscriber, and belongs to its subscription. Callbacks may disconnect, so after
 * each it is looked up again by the subscription's serial, which is also all that an ask or a timer
 * of it carries. */
#include <stdlib.h>

#include "bus/topic.h"

struct ti_follow {
    struct troupe_handler *handler;
    struct troupe_ref source;
    const struct troupe_event *event;
    troupe_typed_fn *typed;
    troupe_any_fn *on_snapshot;
    void *user;
    bool level;
    bool fetching;
    uint64_t token;              /* of the fetch, or of the pause before the next; 0: neither */
    uint32_t pause_ms;           /* the next one */
    uint64_t epoch;              /* level: the last event that the copy includes; */
    uint64_t sequence;           /* stale: the last that a snapshot has to include */
    struct troupe_message *held; /* oldest first */
    struct troupe_message **held_end;
    uint32_t held_count;
};

static struct ti_follow *find(struct troupe_actor *self, uint64_t serial)
{
    struct ti_pending *pending = ti_pending_find(self, serial);
    return pending != NULL ? pending->handler->follow : NULL;
}

/* ---- held events ------------------------------------------------------------------------------------- */

static void release_all(struct troupe_message *first)
{
    while (first != NULL) {
        struct troupe_message *next = first->next;
        ti_message_release(first);
        first = next;
    }
}

static struct troupe_message *take_held(struct ti_follow *follow)
{
    struct troupe_message *first = follow->held;
    follow->held = NULL;
    follow->held_end = &follow->held;
    follow->held_count = 0;
    return first;
}

/* From now on a snapshot has to include that event, and all that was known before of that epoch.
 * What is held goes with it. */
static void go_stale(struct ti_follow *follow, uint64_t epoch, uint64_t sequence)
{
    struct troupe_message *held = take_held(follow);
    if (follow->epoch == epoch && follow->sequence > sequence) {
        sequence = follow->sequence;
    }
    for (const struct troupe_message *one = held; one != NULL; one = one->next) {
        if (one->as.info.epoch == epoch && one->as.info.sequence > sequence) {
            sequence = one->as.info.sequence;
        }
    }
    release_all(held);
    follow->level = false;
    follow->epoch = epoch;
    follow->sequence = sequence;
}

static void hold(struct ti_follow *follow, struct troupe_message *message)
{
    const struct troupe_event_info *info = &message->as.info;
    if (follow->held_count == TROUPE_FOLLOW_HELD_MAX) {
        go_stale(follow, info->epoch, info->sequence);
        return;
    }
    atomic_fetch_add_explicit(&message->holders, 1, memory_order_relaxed);
    message->next = NULL;
    *follow->held_end = message;
    follow->held_end = &message->next;
    follow->held_count++;
}

/* ---- fetching ---------------------------------------------------------------------------------------- */

static void fetched(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                    const struct troupe_error *error, struct troupe_reader *reader);
static void pause_over(struct troupe_actor *self, void *user);

static void pause_fetching(struct troupe_actor *self, struct ti_follow *follow)
{
    uint32_t ms = follow->pause_ms;
    follow->pause_ms = ms * 2 < TROUPE_FOLLOW_MS_MAX ? ms * 2 : TROUPE_FOLLOW_MS_MAX;
    follow->fetching = false;
    if (troupe_after(self, ms, pause_over, (void *)(uintptr_t)follow->handler->serial,
                     &follow->token) != 0) {
        follow->token = 0; /* no timer to be had: the next event tries again */
    }
}

/* The last thing that its caller does: the callback may disconnect. */
static void fail(struct troupe_actor *self, struct ti_follow *follow,
                 const struct troupe_error *error)
{
    pause_fetching(self, follow);
    follow->typed(self, follow->on_snapshot, follow->user, error, NULL);
}

static int send_fetch(struct troupe_actor *self, struct ti_follow *follow)
{
    struct troupe_options options = {.ret_token = &follow->token};
    struct troupe_writer writer;
    uint64_t deadline_ns = self->deadline_ns;
    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    self->deadline_ns = 0; /* it outlives what is being handled */
    int error = troupe_gen_ask(self, follow->source, follow->event->snapshot, &writer, fetched,
                               NULL, (void *)(uintptr_t)follow->handler->serial, &options);
    self->deadline_ns = deadline_ns;
    follow->fetching = error == 0;
    return error;
}

/* Unless one is on its way. The last thing that its caller does, as fail. */
static void fetch(struct troupe_actor *self, struct ti_follow *follow)
{
    if (follow->fetching) {
        return;
    }
    if (follow->token != 0) {
        troupe_cancel(self, follow->token); /* the pause */
        follow->token = 0;
    }
    int code = send_fetch(self, follow);
    if (code != 0) {
        struct troupe_error error;
        ti_error_set(&error, code, NULL);
        fail(self, follow, &error);
    }
}

static void pause_over(struct troupe_actor *self, void *user)
{
    struct ti_follow *follow = find(self, (uintptr_t)user);
    if (follow != NULL) {
        follow->token = 0;
        fetch(self, follow);
    }
}

/* Looks ahead for what the snapshot includes; {0, 0} if it does not say, or is not valid. */
static void read_stamp(struct troupe_reader ahead, const struct troupe_event *event,
                       uint64_t *ret_epoch, uint64_t *ret_sequence)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t epoch = 0;
    uint64_t sequence = 0;
    troupe_get_map(&ahead, &map);
    while (troupe_get_key(&ahead, &map, &key)) {
        if (key == event->epoch_ordinal) {
            epoch = troupe_get_uint(&ahead, UINT64_MAX, "epoch");
        } else if (key == event->sequence_ordinal) {
            sequence = troupe_get_uint(&ahead, UINT64_MAX, "sequence");
        } else {
            troupe_get_skip(&ahead);
        }
    }
    *ret_epoch = ahead.error == 0 ? epoch : 0;
    *ret_sequence = ahead.error == 0 ? sequence : 0;
}

static void take_event(struct troupe_actor *self, struct ti_follow *follow,
                       struct troupe_message *message);

/* The snapshot is handed over, then what was held and is newer. */
static void become_level(struct troupe_actor *self, struct ti_follow *follow, uint64_t epoch,
                         uint64_t sequence, struct troupe_reader *reader)
{
    uint64_t serial = follow->handler->serial;
    struct troupe_message *message = take_held(follow);
    follow->level = true;
    follow->epoch = epoch;
    follow->sequence = sequence;
    follow->typed(self, follow->on_snapshot, follow->user, NULL, reader);
    follow = find(self, serial);
    if (follow != NULL && troupe_reader_finish(reader, NULL) != 0) { /* the callback was told */
        go_stale(follow, epoch, sequence);
        pause_fetching(self, follow);
    } else if (follow != NULL) {
        follow->pause_ms = TROUPE_FOLLOW_MS;
    }
    struct troupe_message *handling = self->handling;
    while (message != NULL) {
        struct troupe_message *next = message->next;
        follow = find(self, serial);
        if (follow != NULL && message->as.info.epoch == epoch) { /* not from before a restart */
            self->handling = message;
            take_event(self, follow, message);
        }
        ti_message_release(message);
        message = next;
    }
    self->handling = handling;
}

static void fetched(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                    const struct troupe_error *error, struct troupe_reader *reader)
{
    struct ti_follow *follow = find(self, (uintptr_t)user);
    uint64_t epoch;
    uint64_t sequence;
    (void)on_done;
    if (follow == NULL) {
        return; /* disconnected meanwhile */
    }
    follow->fetching = false;
    follow->token = 0;
    if (error != NULL) {
        fail(self, follow, error);
        return;
    }
    read_stamp(*reader, follow->event, &epoch, &sequence);
    if (epoch == 0) {
        struct troupe_error unsaid;
        ti_error_set(&unsaid, TROUPE_EPROTOCOL,
                     "the snapshot does not say which events it includes");
        fail(self, follow, &unsaid);
        return;
    }
    bool includes = epoch != follow->epoch || sequence >= follow->sequence;
    if (includes && ti_topic_continues(follow->handler, epoch, sequence)) {
        become_level(self, follow, epoch, sequence, reader);
    } else {
        pause_fetching(self, follow); /* made before something that was missed */
    }
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void take_event(struct troupe_actor *self, struct ti_follow *follow,
                       struct troupe_message *message)
{
    const struct troupe_event_info *info = &message->as.info;
    if (follow->level && info->epoch == follow->epoch && info->sequence <= follow->sequence) {
        return;
    }
    if (follow->level && info->epoch == follow->epoch && info->sequence == follow->sequence + 1) {
        uint64_t serial = follow->handler->serial;
        struct ti_pending entry = *ti_pending_find(self, serial);
        follow->sequence++;
        bool ran = ti_event_run(self, &entry, message, &message->body, info);
        follow = ran ? NULL : find(self, serial);
        if (follow != NULL) {
            go_stale(follow, info->epoch, info->sequence);
            fetch(self, follow);
        }
        return;
    }
    if (follow->level) {
        go_stale(follow, info->epoch, info->sequence - 1);
    }
    hold(follow, message);
    if (follow->token == 0) {
        fetch(self, follow);
    }
}

void ti_follow_event(struct troupe_actor *self, struct ti_follow *follow,
                     struct troupe_message *message)
{
    const struct troupe_event_info *info = &message->as.info;
    if (message->kind == TI_EVENT) {
        take_event(self, follow, message);
        return;
    }
    bool known = follow->level && info->epoch == follow->epoch && info->lost_to != 0 &&
                 info->lost_to <= follow->sequence;
    if (!known) {
        go_stale(follow, info->epoch, info->lost_to);
        fetch(self, follow);
    }
}

/* ---- life ---------------------------------------------------------------------------------------------- */

int troupe_gen_follow(struct troupe_actor *self, struct troupe_ref source,
                      const struct troupe_event *event, troupe_typed_fn *typed_snapshot,
                      troupe_any_fn *on_snapshot, troupe_typed_event_fn *typed,
                      troupe_any_fn *on_event, void *user, struct troupe_handler **ret_handler)
{
    struct ti_follow *follow = calloc(1, sizeof *follow);
    struct troupe_handler *handler;
    if (follow == NULL) {
        return TROUPE_ENOMEM;
    }
    int error = troupe_gen_subscribe(self, source, event, typed, on_event, user, &handler);
    if (error != 0) {
        free(follow);
        return error;
    }
    *follow = (struct ti_follow){.handler = handler,
                                 .source = source,
                                 .event = event,
                                 .typed = typed_snapshot,
                                 .on_snapshot = on_snapshot,
                                 .user = user,
                                 .pause_ms = TROUPE_FOLLOW_MS,
                                 .held_end = &follow->held};
    handler->follow = follow;
    if (send_fetch(self, follow) != 0) {
        pause_fetching(self, follow);
    }
    if (ret_handler != NULL) {
        *ret_handler = handler;
    }
    return 0;
}

void ti_follow_stop(struct troupe_actor *self, struct ti_follow *follow)
{
    if (follow->token != 0) {
        troupe_cancel(self, follow->token);
    }
}

void ti_follow_free(struct ti_follow *follow)
{
    if (follow != NULL) {
        release_all(follow->held);
        free(follow);
    }
}

void troupe_gen_stamp(const struct troupe_call *call, const struct troupe_event *event,
                      uint64_t *ret_epoch, uint64_t *ret_sequence)
{
    struct troupe_actor *self = call->self;
    struct ti_shared *latest;
    ti_topic_state(self->troupe, ti_actor_source(self), event->interface->id, event->ordinal,
                   ret_epoch, ret_sequence, &latest);
    if (latest != NULL) {
        ti_shared_release(latest);
    }
}
