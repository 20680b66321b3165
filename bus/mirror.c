/* mirror.c - events that arrive: what a process knows of the topics of others.
 *
 * Where a mirror starts: the subscription itself is a request to the peer's agent, which answers
 * with the sequence so far (the base). Until that answer a mirror takes what comes; the answer then
 * says what came too early, or was missed. From the first event or the base on, a mirror has *seen*
 * where the sequence is: whatever is missing after that is told LOST, be it noticed by the next
 * event, by a heartbeat, or by the base of a new link. */
#include <stdlib.h>

#include "bus/topic.h"

static void lost_all(struct troupe *troupe, struct ti_topic *topic, uint64_t from, uint64_t to)
{
    if (topic->overflow == TROUPE_LATEST) {
        return; /* the newer value makes up for it */
    }
    for (struct troupe_handler *h = topic->handlers; h != NULL; h = h->next) {
        if (from == 0) {
            h->since = 0; /* of the publisher that is gone */
            ti_topic_tell_lost(troupe, h, 0, 0);
        } else if (to > h->since) {
            ti_topic_tell_lost(troupe, h, from > h->since ? from : h->since + 1, to);
        }
    }
}

static bool has_seen(const struct ti_topic *topic)
{
    return topic->based || topic->first != 0;
}

/* A new publisher: nobody knows how much the old one sent. */
static void enter_epoch(struct troupe *troupe, struct ti_topic *topic, uint64_t epoch)
{
    if (topic->epoch == epoch) {
        return;
    }
    bool another = topic->epoch != 0;
    topic->epoch = epoch;
    topic->sequence = 0;
    topic->first = 0;
    topic->beat = 0;
    if (topic->latest != NULL) { /* whoever is about to take it would take it for the new one's */
        ti_shared_release(topic->latest);
        topic->latest = NULL;
    }
    if (another) {
        lost_all(troupe, topic, 0, 0);
    }
}

/* ---- asking the peer ----------------------------------------------------------------------------- */

static void ask_again(struct troupe *troupe, uint64_t id, uint64_t serial, void *object);

/* There was no memory to ask the peer with: some time later, then, as often as it takes. */
static void ask_later(struct troupe *troupe, struct ti_topic *topic)
{
    topic->fetching = false;
    topic->unasked = true;
    if (!troupe->topics.ask_set) {
        uint64_t due = ti_now_ns(troupe) + TROUPE_HEARTBEAT_MS * 1000000ull;
        troupe->topics.ask_set = ti_timer_add_reserved(troupe, due, ask_again, 0, NULL) != 0;
    }
}

void ti_topic_ask(struct troupe *troupe, struct ti_topic *topic)
{
    topic->unasked = false;
    if (ti_agent_subscribe(troupe, topic->source, topic->interface, topic->event, false) != 0) {
        ask_later(troupe, topic);
    }
}

static void ask_again(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_topics *topics = &troupe->topics;
    (void)id;
    (void)serial;
    (void)object;
    pthread_mutex_lock(&topics->lock);
    topics->ask_set = false;
    for (size_t i = 0; i < topics->table.room; i++) {
        struct ti_topic *topic = topics->table.entries[i].key != 0 ? topics->table.entries[i].value
                                                                   : NULL;
        for (; topic != NULL; topic = topic->next_same_hash) {
            if (topic->unasked) {
                ti_topic_ask(troupe, topic);
            }
        }
    }
    pthread_mutex_unlock(&topics->lock);
}

void ti_topic_ask_later(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                        uint32_t event)
{
    pthread_mutex_lock(&troupe->topics.lock);
    struct ti_topic *topic = ti_topic_find(troupe, source, interface, event);
    if (topic != NULL && topic->mirror) {
        ask_later(troupe, topic);
    }
    pthread_mutex_unlock(&troupe->topics.lock);
}

static void fetch(struct troupe *troupe, struct ti_topic *topic)
{
    if (topic->fetching) {
        return;
    }
    topic->fetching = true;
    if (ti_agent_subscribe(troupe, topic->source, topic->interface, topic->event, true) != 0) {
        ask_later(troupe, topic);
    }
}

/* ---- what arrives -------------------------------------------------------------------------------- */

static void arrived_event(struct troupe *troupe, struct ti_topic *topic, uint64_t sequence,
                          const struct troupe_body *body)
{
    if (sequence <= topic->sequence) {
        return; /* from before the subscription */
    }
    if (has_seen(topic) && sequence > topic->sequence + 1) {
        lost_all(troupe, topic, topic->sequence + 1, sequence - 1);
    }
    if (!has_seen(topic)) {
        topic->first = sequence;
    }
    struct ti_shared *shared = ti_shared_new(body);
    if (shared == NULL && topic->overflow == TROUPE_LATEST) {
        fetch(troupe, topic); /* or at the next heartbeat, which shows that it is missing */
        return;
    }
    topic->sequence = sequence;
    if (shared == NULL) {
        lost_all(troupe, topic, sequence, sequence);
        return;
    }
    ti_topic_keep_latest(topic, shared);
    ti_topic_deliver(troupe, topic, shared, 0);
    ti_shared_release(shared);
}

/* A heartbeat said that the sequence stands there. */
static void heard_tail(struct troupe *troupe, struct ti_topic *topic, uint64_t sequence)
{
    if (sequence <= topic->sequence) {
        return;
    }
    if (topic->overflow == TROUPE_LATEST) {
        fetch(troupe, topic);
    } else {
        lost_all(troupe, topic, topic->sequence + 1, sequence);
        topic->sequence = sequence;
    }
}

/* What a link brings late, when the role is on another one already, may be its old publisher's. */
static bool is_current(struct troupe *troupe, struct troupe_ref source, uint64_t link)
{
    return source.place != TI_PLACE_ROLE || ti_role_is_over(troupe, (uint32_t)source.id, link);
}

void ti_topic_arrived(struct troupe *troupe, uint64_t link, struct troupe_ref source,
                      uint32_t interface, uint32_t event, uint64_t epoch, uint64_t sequence,
                      const struct troupe_body *body)
{
    pthread_mutex_lock(&troupe->topics.lock);
    struct ti_topic *topic = ti_topic_find(troupe, source, interface, event);
    if (topic != NULL && topic->mirror && topic->handlers != NULL &&
        is_current(troupe, source, link)) {
        enter_epoch(troupe, topic, epoch);
        if (body != NULL) {
            arrived_event(troupe, topic, sequence, body);
        } else if (has_seen(topic)) {
            heard_tail(troupe, topic, sequence);
        } else if (sequence > topic->beat) {
            topic->beat = sequence; /* whether that is news says the base */
        }
    }
    pthread_mutex_unlock(&troupe->topics.lock);
}

/* The base of an `overflow gap` topic. */
static void based_gap(struct troupe *troupe, struct ti_topic *topic, uint64_t sequence)
{
    if (!topic->based && topic->first > sequence + 1) {
        lost_all(troupe, topic, sequence + 1, topic->first - 1);
    } else if (topic->relinked && has_seen(topic) && sequence > topic->sequence) {
        lost_all(troupe, topic, topic->sequence + 1, sequence);
        topic->sequence = sequence;
    } else if (!has_seen(topic) && sequence > topic->sequence) {
        if (topic->relinked) {
            lost_all(troupe, topic, topic->sequence + 1, sequence);
        }
        topic->sequence = sequence;
    } /* else what is still missing is on its way: the next event or heartbeat shows it if not */
}

/* That of an `overflow latest` topic, which comes with the newest value if there is one. */
static void based_latest(struct troupe *troupe, struct ti_topic *topic, uint64_t sequence,
                         const struct troupe_body *latest)
{
    bool newer = sequence > topic->sequence || topic->latest == NULL;
    if (latest == NULL || sequence == 0 || sequence < topic->sequence ||
        (!newer && !topic->wanted)) {
        return; /* none, or no news; a value without a sequence is a lie */
    }
    struct ti_shared *shared = ti_shared_new(latest);
    if (shared == NULL) {
        return; /* the next value makes up for it */
    }
    topic->sequence = sequence;
    topic->wanted = false;
    ti_topic_keep_latest(topic, shared);
    ti_topic_deliver(troupe, topic, shared, 0);
    ti_shared_release(shared);
}

void ti_topic_based(struct troupe *troupe, uint64_t link, struct troupe_ref source,
                    uint32_t interface, uint32_t event, uint64_t epoch, uint64_t sequence,
                    const struct troupe_body *latest)
{
    pthread_mutex_lock(&troupe->topics.lock);
    struct ti_topic *topic = ti_topic_find(troupe, source, interface, event);
    if (topic != NULL && topic->mirror) {
        topic->fetching = false;
    }
    if (topic != NULL && topic->mirror && is_current(troupe, source, link)) {
        enter_epoch(troupe, topic, epoch);
        if (topic->overflow == TROUPE_LATEST) {
            based_latest(troupe, topic, sequence, latest);
        } else {
            based_gap(troupe, topic, sequence);
        }
        topic->based = true;
        topic->base = sequence;
        topic->relinked = false;
        heard_tail(troupe, topic, topic->beat);
    }
    pthread_mutex_unlock(&troupe->topics.lock);
}

bool ti_topic_continues(struct troupe_handler *handler, uint64_t epoch, uint64_t sequence)
{
    struct ti_topics *topics = &handler->self->troupe->topics;
    pthread_mutex_lock(&topics->lock);
    const struct ti_topic *topic = handler->topic;
    bool continues = !topic->mirror || (topic->based && !topic->relinked && topic->epoch == epoch &&
                                        sequence >= topic->base);
    pthread_mutex_unlock(&topics->lock);
    return continues;
}

void ti_topic_subscribe_again(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                              uint32_t event)
{
    pthread_mutex_lock(&troupe->topics.lock);
    struct ti_topic *topic = ti_topic_find(troupe, source, interface, event);
    if (topic != NULL && topic->mirror) {
        topic->relinked = true;
        ti_topic_ask(troupe, topic);
    }
    pthread_mutex_unlock(&troupe->topics.lock);
}

void ti_topics_resubscribe(struct troupe *troupe, struct troupe_ref role)
{
    struct ti_topics *topics = &troupe->topics;
    pthread_mutex_lock(&topics->lock);
    for (size_t i = 0; i < topics->table.room; i++) {
        struct ti_topic *topic = topics->table.entries[i].key != 0 ? topics->table.entries[i].value
                                                                   : NULL;
        for (; topic != NULL; topic = topic->next_same_hash) {
            if (topic->mirror && troupe_ref_equal(topic->source, role)) {
                topic->relinked = true;
                topic->fetching = false;
                ti_topic_ask(troupe, topic);
            }
        }
    }
    pthread_mutex_unlock(&topics->lock);
}
