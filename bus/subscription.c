/* subscription.c - the subscribers' side of events: beginning, ending, and the callback's turn.
 *
 * Called inside the actor that subscribes. Its handler is in the topic's list, under the topics'
 * lock, until it is disconnected or the actor ends; a message that is still in the mailbox then
 * finds no subscription with its serial and is dropped. */
#include <stdlib.h>

#include "bus/topic.h"

void ti_topic_key(const struct troupe_handler *handler, struct troupe_ref *ret_source,
                  uint32_t *ret_interface, uint32_t *ret_event)
{
    *ret_source = handler->topic->source;
    *ret_interface = handler->topic->interface;
    *ret_event = handler->topic->event;
}

static int subscribe(struct troupe_actor *self, struct troupe_ref source,
                     const struct troupe_event *event, struct ti_pending *pending,
                     struct troupe_handler *handler)
{
    struct troupe *troupe = self->troupe;
    source = ti_ref_normal(troupe, source);
    if (source.place == TI_PLACE_NOWHERE) {
        return TROUPE_ENOENT;
    }
    bool away = source.place >= TI_PLACE_LINKS;
    if (source.place == TI_PLACE_ROLE) {
        struct ti_role *role = ti_role_at(troupe, (uint32_t)source.id);
        if (role == NULL) {
            return TROUPE_ENOENT;
        }
        away = role->role == NULL;
    }
    pthread_mutex_lock(&troupe->topics.lock);
    struct ti_topic *topic = ti_topic_add(troupe, source, event->interface->id, event->ordinal,
                                          event->overflow);
    if (topic == NULL) {
        pthread_mutex_unlock(&troupe->topics.lock);
        return TROUPE_ENOMEM;
    }
    bool first = topic->handlers == NULL;
    topic->mirror = away;
    handler->topic = topic;
    handler->self = self;
    handler->actor = atomic_load(&self->id);
    handler->serial = pending->serial;
    handler->since = topic->sequence;
    handler->next = topic->handlers;
    topic->handlers = handler;
    if (topic->overflow == TROUPE_LATEST && topic->latest != NULL) {
        ti_topic_tell_latest(troupe, handler);
    }
    topic->wanted = topic->wanted || topic->latest == NULL;
    pthread_mutex_unlock(&troupe->topics.lock);
    if (away && first) {
        ti_subscribe_at_peer(self, pending->serial);
    }
    return 0;
}

static struct troupe_handler *handler_new(void)
{
    struct troupe_handler *handler = calloc(1, sizeof *handler);
    if (handler != NULL && (handler->note = ti_message_new(TI_LOST, NULL)) == NULL) {
        free(handler);
        return NULL;
    }
    return handler;
}

static void handler_free(struct troupe_handler *handler)
{
    if (handler != NULL && handler->note != NULL) {
        ti_message_release(handler->note);
    }
    free(handler);
}

int troupe_gen_subscribe(struct troupe_actor *self, struct troupe_ref source,
                         const struct troupe_event *event, troupe_typed_event_fn *typed,
                         troupe_any_fn *on_event, void *user, struct troupe_handler **ret_handler)
{
    struct ti_pending *pending = ti_pending_add(self, TI_SUBSCRIPTION, TROUPE_SUBSCRIPTIONS_MAX);
    if (pending == NULL) {
        return self->counts[TI_SUBSCRIPTION] >= TROUPE_SUBSCRIPTIONS_MAX ? TROUPE_EBUSY
                                                                         : TROUPE_ENOMEM;
    }
    struct troupe_handler *handler = handler_new();
    int error = handler != NULL ? 0 : TROUPE_ENOMEM;
    pending->typed = (troupe_any_fn *)typed;
    pending->on_done = on_event;
    pending->user = user;
    pending->handler = handler;
    if (error == 0) {
        error = subscribe(self, source, event, pending, handler);
    }
    if (error != 0) {
        handler_free(handler);
        ti_pending_free(self, pending);
        return error;
    }
    if (ret_handler != NULL) {
        *ret_handler = handler;
    }
    return 0;
}

int troupe_subscribe(struct troupe_actor *self, struct troupe_ref source,
                     const struct troupe_event *event, troupe_event_fn *on_event, void *user,
                     struct troupe_handler **ret_handler)
{
    return troupe_gen_subscribe(self, source, event, NULL, (troupe_any_fn *)on_event, user,
                                ret_handler);
}

void ti_subscription_end(struct troupe_actor *self, struct ti_pending *pending)
{
    struct troupe *troupe = self->troupe;
    struct troupe_handler *handler = pending->handler;
    struct ti_topic *topic = handler->topic;
    pthread_mutex_lock(&troupe->topics.lock);
    struct troupe_handler **at = &topic->handlers;
    while (*at != handler) {
        at = &(*at)->next;
    }
    *at = handler->next;
    if (topic->handlers == NULL) {
        if (topic->mirror) {
            ti_unsubscribe_at_peer(troupe, topic->source, topic->interface, topic->event);
        }
        ti_topic_let_go(troupe, topic);
    } else if (topic->mirror && !topic->based) { /* it may have been the one that asked the peer */
        ti_topic_ask(troupe, topic);
    }
    pthread_mutex_unlock(&troupe->topics.lock);
    ti_follow_free(handler->follow);
    handler_free(handler);
}

void troupe_handler_disconnect(struct troupe_handler *handler)
{
    if (handler == NULL) {
        return;
    }
    struct troupe_actor *self = handler->self;
    struct ti_pending *pending = ti_pending_find(self, handler->serial);
    if (handler->follow != NULL) {
        ti_follow_stop(self, handler->follow);
    }
    ti_subscription_end(self, pending);
    ti_pending_free(self, pending);
}

/* ---- handling ------------------------------------------------------------------------------------------------ */

bool ti_event_run(struct troupe_actor *self, const struct ti_pending *entry,
                  struct troupe_message *message, const struct troupe_body *body,
                  const struct troupe_event_info *info)
{
    struct troupe_reader reader;
    struct troupe_error error;
    ti_count(&self->troupe->counters, TI_EVENTS_DELIVERED, 1);
    if (entry->typed == NULL) {
        ((troupe_event_fn *)entry->on_done)(self, entry->user, body, info);
        return true;
    }
    ti_reader_init(&reader, body->data, body->size, body, &message->arena);
    ((troupe_typed_event_fn *)entry->typed)(self, entry->on_done, entry->user, &reader, info);
    if (troupe_reader_finish(&reader, &error) == 0) {
        return true;
    }
    ti_count(&self->troupe->counters, TI_EVENTS_LOST, 1);
    ti_report(self->troupe, "an event that is not of its interface: %s", error.text);
    return false;
}

static void tell_lost(struct troupe_actor *self, const struct ti_pending *entry,
                      const struct troupe_event_info *info)
{
    if (entry->typed == NULL) {
        ((troupe_event_fn *)entry->on_done)(self, entry->user, NULL, info);
    } else {
        ((troupe_typed_event_fn *)entry->typed)(self, entry->on_done, entry->user, NULL, info);
    }
}

static void run_or_tell_lost(struct troupe_actor *self, const struct ti_pending *entry,
                             struct troupe_message *message, const struct troupe_body *body,
                             const struct troupe_event_info *info)
{
    if (!ti_event_run(self, entry, message, body, info)) {
        struct troupe_event_info lost = *info;
        lost.sequence = 0;
        lost.lost_from = lost.lost_to = info->sequence;
        tell_lost(self, entry, &lost);
    }
}

/* The newest value is taken now, not as it was when the message was sent. */
static void handle_latest(struct troupe_actor *self, const struct ti_pending *entry,
                          struct troupe_message *message)
{
    struct ti_topics *topics = &self->troupe->topics;
    struct troupe_handler *handler = entry->handler;
    pthread_mutex_lock(&topics->lock);
    handler->latest_waits = false;
    struct troupe_event_info info = ti_topic_info(handler->topic);
    struct ti_shared *latest = handler->topic->latest != NULL
                                   ? ti_shared_hold(handler->topic->latest)
                                   : NULL;
    pthread_mutex_unlock(&topics->lock);
    if (latest != NULL) {
        message->shared = latest; /* released with the message */
        struct troupe_body body = {.data = latest->data,
                                   .size = latest->size,
                                   .refs = latest->refs,
                                   .refs_count = latest->refs_count};
        run_or_tell_lost(self, entry, message, &body, &info);
    }
}

/* A message that told something becomes its subscriber's note again, if that was it, and may have
 * more to tell. The callback may have disconnected, or keep the message. */
static void note_handled(struct troupe_actor *self, struct troupe_message *message)
{
    struct troupe *troupe = self->troupe;
    struct ti_pending *pending = ti_pending_find(self, message->serial);
    if (pending == NULL || atomic_load(&message->holders) != 1) {
        return;
    }
    struct troupe_handler *handler = pending->handler;
    if (message->shared != NULL) {
        ti_shared_release(message->shared);
        message->shared = NULL;
    }
    ti_arena_free(&message->arena);
    pthread_mutex_lock(&troupe->topics.lock);
    if (handler->note == NULL) {
        atomic_fetch_add(&message->holders, 1);
        handler->note = message;
    }
    ti_topic_settle(troupe, handler);
    pthread_mutex_unlock(&troupe->topics.lock);
}

void ti_handle_event(struct troupe_actor *self, struct troupe_message *message)
{
    struct ti_topics *topics = &self->troupe->topics;
    struct ti_pending *pending = ti_pending_find(self, message->serial);
    if (pending == NULL || pending->kind != TI_SUBSCRIPTION) {
        return; /* disconnected while it was on its way */
    }
    struct ti_pending entry = *pending;
    if (message->kind == TI_LATEST) {
        handle_latest(self, &entry, message);
        note_handled(self, message);
        return;
    }
    if (message->kind == TI_LOST) {
        pthread_mutex_lock(&topics->lock);
        if (entry.handler->open_lost == message) {
            entry.handler->open_lost = NULL; /* from here on its range is what it is */
        }
        pthread_mutex_unlock(&topics->lock);
    }
    if (entry.handler->follow != NULL) {
        ti_follow_event(self, entry.handler->follow, message);
    } else if (message->kind == TI_LOST) {
        tell_lost(self, &entry, &message->as.info);
    } else {
        run_or_tell_lost(self, &entry, message, &message->body, &message->as.info);
    }
    if (message->kind == TI_LOST) {
        note_handled(self, message);
    }
}
