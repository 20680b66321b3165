/* topic.h - inside events: what topic.c (publishing), mirror.c (arriving) and subscription.c share.
 *
 * One lock, troupe->topics.lock, covers all topics and their subscribers; it is held in all of the
 * functions here but the last few. */
#ifndef TROUPE_BUS_TOPIC_H
#define TROUPE_BUS_TOPIC_H

#include "bus/runtime.h"

struct ti_topic {
    struct ti_topic *next_same_hash;
    uint64_t hash;
    struct troupe_ref source;
    uint32_t interface;
    uint32_t event;
    enum troupe_overflow overflow;
    uint64_t epoch;
    uint64_t sequence;        /* published, or arrived */
    struct ti_shared *latest; /* newest value, for overflow latest */
    struct troupe_handler *handlers;
    /* of a publisher */
    uint32_t role; /* whose event sockets */
    uint64_t wire_source;
    bool quiet; /* the last heartbeat told the latest sequence */
    bool ended; /* its actor is gone: nothing more comes */
    /* of a mirror */
    bool mirror;
    bool based;     /* the peer has said where the sequence stood */
    bool relinked;  /* over a new link, or late: what lies between was sent to nobody */
    bool wanted;    /* somebody asked for the newest value before there was one */
    bool fetching;  /* the agent is on its way to the peer */
    bool unasked;   /* it could not go, for want of memory */
    uint64_t first; /* the first that arrived before it was based; 0: none */
    uint64_t beat;  /* what a heartbeat told before anything was seen */
    uint64_t base;  /* where the sequence stood when it was */
};

/* A subscription. The topic's list and the open messages belong to the lock, the rest to the actor. */
struct troupe_handler {
    struct troupe_handler *next; /* of the topic */
    struct ti_topic *topic;
    struct troupe_actor *self;
    uint64_t actor;
    uint64_t serial;
    uint64_t since; /* the topic's sequence when it began: what lies before is not its loss */
    struct troupe_message *open_lost; /* in the mailbox, its range still growing */
    bool latest_waits;                /* a TI_LATEST is in the mailbox */
    struct ti_follow *follow;         /* of one that began with a snapshot [owned], or NULL */
    struct troupe_message *note;      /* for when there is no memory; NULL: it is in the mailbox */
    bool owes;                        /* nothing could be told: `owed`, or the newest value */
    struct troupe_event_info owed;
};

struct ti_topic *ti_topic_find(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                               uint32_t event);
/* NULL: out of memory, or of TROUPE_TOPICS_MAX. */
struct ti_topic *ti_topic_add(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                              uint32_t event, enum troupe_overflow overflow);
/* Forgets a topic that nobody will miss. */
void ti_topic_let_go(struct troupe *troupe, struct ti_topic *topic);
/* Of a mirror: subscribes at the peer, now or once there is memory for it. */
void ti_topic_ask(struct troupe *troupe, struct ti_topic *topic);
struct troupe_event_info ti_topic_info(const struct ti_topic *topic);
/* Hands a new event to the subscribers of this process, or tells them that they missed it. */
void ti_topic_deliver(struct troupe *troupe, struct ti_topic *topic, struct ti_shared *shared,
                      uint64_t trace);
/* Tells one that from..to are lost, 0 and 0 being all; lengthens what it was told if still unread. */
void ti_topic_tell_lost(struct troupe *troupe, struct troupe_handler *handler, uint64_t from,
                        uint64_t to);
/* Tells one what could not be told for want of memory, if there is some now. */
void ti_topic_settle(struct troupe *troupe, struct troupe_handler *handler);
/* Makes one take the newest value when its turn comes. */
void ti_topic_tell_latest(struct troupe *troupe, struct troupe_handler *handler);
void ti_topic_keep_latest(struct ti_topic *topic, struct ti_shared *shared);

/* ---- inside the subscriber, without the lock ---- */

/* Runs a subscription's callback with an event. False if its fields are not valid: then it did not
 * run, and `message` counts as lost. */
bool ti_event_run(struct troupe_actor *self, const struct ti_pending *entry,
                  struct troupe_message *message, const struct troupe_body *body,
                  const struct troupe_event_info *info);
/* An event or LOST (follow.c): decides what becomes of it. */
void ti_follow_event(struct troupe_actor *self, struct ti_follow *follow,
                     struct troupe_message *message);
/* It was disconnected: gives up what is under way. */
void ti_follow_stop(struct troupe_actor *self, struct ti_follow *follow);
/* `follow` may be NULL. */
void ti_follow_free(struct ti_follow *follow);
/* True if every event after that one has reached, or will reach, this subscription, or its loss be
 * told: what came before it is told by nobody. */
bool ti_topic_continues(struct troupe_handler *handler, uint64_t epoch, uint64_t sequence);

#endif
