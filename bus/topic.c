/* topic.c - events: who published what, and who missed what.
 *
 * A topic is (source, interface, event). It exists in the publisher's process from its first
 * publication, and as a *mirror* in every process that has a subscriber, fed by the link's event
 * socket. Both kinds hand events to local subscribers the same way, under one lock, so every
 * subscriber of a process sees the same order.
 *
 * Told, never silently dropped. Two places can lose an event:
 *  - a full mailbox here: the subscriber gets one TI_LOST (reserved room, never refused) whose range
 *    grows until an event fits again; for `overflow latest` it gets one TI_LATEST instead, which
 *    takes the newest value when its turn comes. Every subscriber has one note for that, so that it
 *    needs no memory;
 *  - NNG's queues between processes: the mirror sees a jump in the sequence, or a heartbeat that is
 *    ahead of it, and tells its subscribers the range; for `overflow latest` the agent fetches the
 *    newest value.
 *
 * mirror.c has what arrives, subscription.c the subscribers' side. */
#include "bus/topic.h"

#include <stdlib.h>
#include <string.h>

#include "bus/frame.h"

static uint64_t hash_of(struct troupe_ref source, uint32_t interface, uint32_t event)
{
    uint64_t hash = source.place * 0x9e3779b97f4a7c15u;
    hash = (hash ^ source.id) * 0xff51afd7ed558ccdu;
    hash = (hash ^ interface) * 0xc4ceb9fe1a85ec53u;
    hash = (hash ^ event) * 0x9e3779b97f4a7c15u;
    return hash != 0 ? hash : 1;
}

struct ti_topic *ti_topic_find(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                               uint32_t event)
{
    struct ti_topic *topic = ti_table_get(&troupe->topics.table, hash_of(source, interface, event));
    while (topic != NULL && !(troupe_ref_equal(topic->source, source) &&
                              topic->interface == interface && topic->event == event)) {
        topic = topic->next_same_hash;
    }
    return topic;
}

struct ti_topic *ti_topic_add(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                              uint32_t event, enum troupe_overflow overflow)
{
    struct ti_topics *topics = &troupe->topics;
    struct ti_topic *topic = ti_topic_find(troupe, source, interface, event);
    if (topic != NULL || topics->count == TROUPE_TOPICS_MAX) {
        return topic;
    }
    topic = calloc(1, sizeof *topic);
    if (topic == NULL) {
        return NULL;
    }
    topic->hash = hash_of(source, interface, event);
    topic->source = source;
    topic->interface = interface;
    topic->event = event;
    topic->overflow = overflow;
    topic->quiet = true;
    topic->next_same_hash = ti_table_get(&topics->table, topic->hash);
    if (!ti_table_put(&topics->table, topic->hash, topic)) {
        free(topic);
        return NULL;
    }
    topics->count++;
    return topic;
}

static void remove_topic(struct troupe *troupe, struct ti_topic *topic)
{
    struct ti_topic *first = ti_table_take(&troupe->topics.table, topic->hash);
    struct ti_topic **at = &first;
    while (*at != topic) {
        at = &(*at)->next_same_hash;
    }
    *at = topic->next_same_hash;
    if (first != NULL) {
        bool kept = ti_table_put(&troupe->topics.table, topic->hash, first);
        (void)kept; /* its place is free: nothing to allocate */
    }
    troupe->topics.count--;
    if (topic->latest != NULL) {
        ti_shared_release(topic->latest);
    }
    free(topic);
}

void ti_topic_let_go(struct troupe *troupe, struct ti_topic *topic)
{
    bool over = topic->ended && (topic->role == 0 || topic->quiet);
    if (topic->handlers == NULL && (topic->mirror || topic->sequence == 0 || over)) {
        remove_topic(troupe, topic);
    }
}

/* Lets go of every topic of an actor that is gone, or (source NULL) of all that are over. */
static void let_go_of(struct troupe *troupe, const struct troupe_ref *source)
{
    struct ti_table *table = &troupe->topics.table;
    for (size_t i = 0; i < table->room; i++) {
        size_t before;
        do { /* removing may move entries down into the gap: look again until it holds */
            before = table->count;
            struct ti_topic *topic = table->entries[i].key != 0 ? table->entries[i].value : NULL;
            while (topic != NULL) {
                struct ti_topic *next = topic->next_same_hash;
                bool its = source != NULL && troupe_ref_equal(topic->source, *source);
                topic->ended = topic->ended || (its && !topic->mirror);
                if (topic->ended) {
                    ti_topic_let_go(troupe, topic);
                }
                topic = next;
            }
        } while (table->count != before);
    }
}

void ti_topics_actor_ended(struct troupe *troupe, uint64_t actor)
{
    struct troupe_ref source = ti_ref_here(actor);
    pthread_mutex_lock(&troupe->topics.lock);
    let_go_of(troupe, &source);
    pthread_mutex_unlock(&troupe->topics.lock);
}

/* ---- delivery to the subscribers of this process (lock held) ---------------------------------------- */

struct troupe_event_info ti_topic_info(const struct ti_topic *topic)
{
    return (struct troupe_event_info){
        .source = topic->source, .epoch = topic->epoch, .sequence = topic->sequence};
}

static void lengthen(const struct troupe_handler *handler, struct troupe_event_info *told,
                     uint64_t from, uint64_t to)
{
    bool all = from == 0 || told->lost_from == 0;
    told->epoch = handler->topic->epoch;
    /* The base of a mirror tells what was lost before the first that came: in any order. */
    told->lost_from = all ? 0 : told->lost_from < from ? told->lost_from : from;
    told->lost_to = all ? 0 : told->lost_to > to ? told->lost_to : to;
}

void ti_topic_settle(struct troupe *troupe, struct troupe_handler *handler)
{
    bool latest = handler->topic->overflow == TROUPE_LATEST;
    if (!handler->owes) {
        return;
    }
    struct troupe_message *message = ti_message_new(latest ? TI_LATEST : TI_LOST, NULL);
    if (message == NULL) {
        message = handler->note;
        handler->note = NULL;
    }
    if (message == NULL) {
        return; /* the note is on its way: when it was handled */
    }
    message->kind = latest ? TI_LATEST : TI_LOST;
    message->serial = handler->serial;
    message->as.info = handler->owed;
    handler->owes = false;
    handler->open_lost = latest ? NULL : message;
    handler->latest_waits = latest;
    if (ti_push(troupe, handler->actor, message, false) != 0) { /* its actor is gone */
        handler->open_lost = NULL;
        handler->latest_waits = false;
        ti_message_release(message);
    }
}

void ti_topic_tell_lost(struct troupe *troupe, struct troupe_handler *handler, uint64_t from,
                        uint64_t to)
{
    ti_count(&troupe->counters, TI_EVENTS_LOST, from == 0 ? 1 : to - from + 1);
    if (handler->open_lost != NULL) {
        lengthen(handler, &handler->open_lost->as.info, from, to);
        return;
    }
    if (handler->owes) {
        lengthen(handler, &handler->owed, from, to);
    } else {
        handler->owes = true;
        handler->owed = ti_topic_info(handler->topic);
        handler->owed.sequence = 0;
        handler->owed.lost_from = from;
        handler->owed.lost_to = to;
    }
    ti_topic_settle(troupe, handler);
}

void ti_topic_tell_latest(struct troupe *troupe, struct troupe_handler *handler)
{
    handler->owes = !handler->latest_waits;
    ti_topic_settle(troupe, handler);
}

static int push_event(struct troupe *troupe, const struct troupe_handler *handler,
                      struct ti_shared *shared, uint64_t trace)
{
    struct troupe_message *message = ti_message_shared(TI_EVENT, shared);
    if (message == NULL) {
        return TROUPE_ENOMEM;
    }
    message->serial = handler->serial;
    message->trace = trace;
    message->as.info = ti_topic_info(handler->topic);
    int error = ti_push(troupe, handler->actor, message, true);
    if (error != 0) {
        ti_message_release(message);
    }
    return error;
}

void ti_topic_deliver(struct troupe *troupe, struct ti_topic *topic, struct ti_shared *shared,
                      uint64_t trace)
{
    for (struct troupe_handler *h = topic->handlers; h != NULL; h = h->next) {
        ti_topic_settle(troupe, h);
        if (h->latest_waits) {
            continue; /* it will take this very value */
        }
        /* What it was not told comes first. */
        int error = h->owes ? TROUPE_ENOMEM : push_event(troupe, h, shared, trace);
        if (error == 0) {
            h->open_lost = NULL; /* what comes later is another range */
        } else if (topic->overflow == TROUPE_LATEST) {
            ti_topic_tell_latest(troupe, h);
        } else {
            ti_topic_tell_lost(troupe, h, topic->sequence, topic->sequence);
        }
    }
}

void ti_topic_keep_latest(struct ti_topic *topic, struct ti_shared *shared)
{
    if (topic->overflow != TROUPE_LATEST) {
        return;
    }
    if (topic->latest != NULL) {
        ti_shared_release(topic->latest);
    }
    topic->latest = ti_shared_hold(shared);
}

/* ---- publishing ---------------------------------------------------------------------------------------- */

/* The topics of one role from table slot *at on, as many as a heartbeat has room for. */
static size_t collect(struct troupe *troupe, uint32_t role, size_t *at, struct frame_topic *entries)
{
    const struct ti_table *table = &troupe->topics.table;
    size_t count = 0;
    for (; *at < table->room; (*at)++) {
        struct ti_topic *topic = table->entries[*at].key != 0 ? table->entries[*at].value : NULL;
        size_t before = count;
        for (; topic != NULL; topic = topic->next_same_hash) {
            if (topic->mirror || topic->role != role || topic->sequence == 0) {
                continue;
            }
            if (count == TI_FRAME_HEARTBEAT_TOPICS_MAX) {
                return before; /* this slot again, in the next frame */
            }
            topic->quiet = true;
            entries[count++] = (struct frame_topic){.interface = topic->interface,
                                                    .event = topic->event,
                                                    .source = topic->wire_source,
                                                    .sequence = topic->sequence};
        }
    }
    return count;
}

/* Some time after an event: the sequences of all topics of its role again, so that a lost tail is
 * noticed. All, because PUB and SUB drop their oldest, whatever its topic: what comes last on a
 * socket arrives, and says all. */
static void heartbeat(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    (void)id;
    (void)serial;
    (void)object;
    struct ti_topics *topics = &troupe->topics;
    struct frame_topic entries[TI_FRAME_HEARTBEAT_TOPICS_MAX];
    uint8_t frame[TROUPE_EVENT_BYTES_MAX];
    pthread_mutex_lock(&topics->lock);
    topics->heartbeat_set = false;
    for (uint32_t role = 1; role <= TROUPE_ROLES_MAX; role++) {
        size_t at = 0;
        while ((topics->loud_roles >> (role - 1) & 1) != 0 && at < topics->table.room) {
            size_t count = collect(troupe, role, &at, entries);
            size_t size = count != 0 ? ti_frame_write_heartbeat(frame, sizeof frame, topics->epoch,
                                                                entries, count)
                                     : 0;
            ti_role_publish_raw(troupe, role, frame, size);
        }
    }
    topics->loud_roles = 0;
    let_go_of(troupe, NULL);
    pthread_mutex_unlock(&topics->lock);
}

static void want_heartbeat(struct troupe *troupe)
{
    if (!troupe->topics.heartbeat_set) {
        uint64_t due = ti_now_ns(troupe) + TROUPE_HEARTBEAT_MS * 1000000ull;
        troupe->topics.heartbeat_set = ti_timer_add_reserved(troupe, due, heartbeat, 0, NULL) != 0;
    }
}

int troupe_publish(struct troupe_actor *self, const struct troupe_event *event,
                   const struct troupe_body *body)
{
    struct troupe *troupe = self->troupe;
    struct ti_topics *topics = &troupe->topics;
    struct troupe_body whole = ti_body(body);
    body = &whole;
    if (body->size > TROUPE_EVENT_BYTES_MAX - TI_FRAME_HEAD_BYTES_MAX) {
        return TROUPE_ETOOLARGE;
    }
    if (body->blob.size != 0) {
        return TROUPE_EINVAL;
    }
    for (size_t i = 0; i < body->refs_count; i++) {
        if (body->refs[i].place != TI_PLACE_HERE) {
            return TROUPE_EREF;
        }
    }
    struct troupe_ref source = ti_actor_source(self);
    struct ti_shared *shared = ti_shared_new(body);
    if (shared == NULL) {
        return TROUPE_ENOMEM;
    }
    pthread_mutex_lock(&topics->lock);
    struct ti_topic *topic = ti_topic_add(troupe, source, event->interface->id, event->ordinal,
                                          event->overflow);
    if (topic != NULL) {
        topic->epoch = topics->epoch;
        topic->overflow = event->overflow;
        topic->sequence++;
        ti_topic_keep_latest(topic, shared);
        ti_topic_deliver(troupe, topic, shared, self->trace);
        self->published = true;
        if (self->role != 0) {
            topic->role = self->role;
            topic->wire_source = source.place == TI_PLACE_ROLE ? 0 : source.id;
            topic->quiet = false;
            topics->loud_roles |= UINT64_C(1) << (self->role - 1);
            ti_role_publish(troupe, self->role, event, topic->wire_source, topic->epoch,
                            topic->sequence, shared);
            want_heartbeat(troupe);
        }
    }
    pthread_mutex_unlock(&topics->lock);
    ti_shared_release(shared);
    if (topic == NULL) {
        return TROUPE_ENOMEM;
    }
    ti_count(&troupe->counters, TI_EVENTS_PUBLISHED, 1);
    if (ti_traced(troupe)) {
        ti_trace(troupe,
                 &(struct troupe_trace){.kind = TROUPE_TRACE_PUBLISH,
                                        .trace = self->trace,
                                        .actor = ti_ref_of(self),
                                        .interface = event->interface->id,
                                        .method = event->ordinal},
                 body, false);
    }
    return 0;
}

int troupe_gen_publish(struct troupe_actor *self, const struct troupe_event *event,
                       const struct troupe_writer *writer)
{
    if (writer->error != 0) {
        return writer->error;
    }
    struct troupe_body body = ti_written(writer);
    return troupe_publish(self, event, &body);
}

void ti_topic_state(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                    uint32_t event, uint64_t *ret_epoch, uint64_t *ret_sequence,
                    struct ti_shared **ret_latest)
{
    pthread_mutex_lock(&troupe->topics.lock);
    struct ti_topic *topic = ti_topic_find(troupe, source, interface, event);
    *ret_epoch = troupe->topics.epoch;
    *ret_sequence = topic != NULL ? topic->sequence : 0;
    *ret_latest = topic != NULL && topic->latest != NULL ? ti_shared_hold(topic->latest) : NULL;
    pthread_mutex_unlock(&troupe->topics.lock);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

int ti_topics_init(struct troupe *troupe)
{
    pthread_mutex_init(&troupe->topics.lock, NULL);
    /* Two runs never share it: nobody starts the same program twice in a nanosecond. */
    if (troupe->schedule != NULL) {
        troupe->topics.epoch = troupe_schedule_random(troupe->schedule, UINT64_MAX - 1) + 1;
        return 0;
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    troupe->topics.epoch = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return 0;
}

void ti_topics_close(struct troupe *troupe)
{
    struct ti_table *table = &troupe->topics.table;
    for (size_t i = 0; i < table->room; i++) {
        while (table->entries[i].key != 0) {
            remove_topic(troupe, table->entries[i].value);
        }
    }
    ti_table_free(table);
    pthread_mutex_destroy(&troupe->topics.lock);
}
