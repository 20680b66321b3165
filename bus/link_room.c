/* link_room.c - room for the answers to a peer's requests, before they are made.
 *
 * What waits for a peer that does not read is bounded, and whoever reads gets everything. So a request
 * whose reply may have a blob is begun when there is room for the largest, which is kept until it is
 * answered; till then it stands in line, in order, and counts against the peer's window. An item of a
 * stream has room, or its actor waits. Small answers are never behind those: see ti_link_is_full.
 *
 * Called on the threads of actors and carriers. */
#include <stdlib.h>

#include "bus/link.h"

bool ti_link_is_full(struct ti_link *link)
{
    return atomic_load_explicit(&link->full, memory_order_relaxed);
}

/* ---- replies with blobs ---------------------------------------------------------------------------- */

static bool reply_fits(const struct ti_link *link, size_t size)
{
    size_t taken = link->blobs[TI_BLOBS_ANSWERED].queued_bytes - link->items_bytes +
                   link->reserved_bytes;
    return taken + size <= TROUPE_LINK_BLOBS_BYTES_MAX || taken == 0;
}

static void admit(struct ti_link *link, struct ti_incoming *incoming)
{
    incoming->admitted = true;
    link->reserved_bytes += incoming->reply_bytes;
}

/* Who comes later stays behind those who stand in line, also while these are on their way back. */
int ti_link_reply_room(struct ti_link *link, uint64_t id, size_t blob_bytes_max,
                       struct troupe_message *request)
{
    int code = 0;
    pthread_mutex_lock(&link->lock);
    struct ti_incoming *incoming = ti_table_get(&link->incoming, id);
    size_t size = blob_bytes_max < TROUPE_LINK_BLOB_BYTES_MAX ? blob_bytes_max
                                                              : TROUPE_LINK_BLOB_BYTES_MAX;
    if (incoming == NULL) {
        code = 0; /* the link is gone, and needs no room */
    } else if (incoming->admitted) {
        link->called_up -= incoming->called_up;
        incoming->called_up = false;
    } else if (link->line_first == NULL && link->called_up == 0 && reply_fits(link, size)) {
        incoming->reply_bytes = size;
        admit(link, incoming);
    } else if (incoming->cancelled) {
        code = TROUPE_ECANCELED;
    } else {
        incoming->reply_bytes = size;
        incoming->in_line = request;
        incoming->line_next = NULL;
        if (link->line_first == NULL) {
            link->line_first = incoming;
        } else {
            link->line_last->line_next = incoming;
        }
        link->line_last = incoming;
        code = TROUPE_EBUSY;
    }
    pthread_mutex_unlock(&link->lock);
    return code;
}

static void leave_line(struct ti_link *link, struct ti_incoming *incoming)
{
    struct ti_incoming *before = NULL;
    struct ti_incoming **at = &link->line_first;
    while (*at != incoming) {
        before = *at;
        at = &before->line_next;
    }
    *at = incoming->line_next;
    if (link->line_last == incoming) {
        link->line_last = before;
    }
    incoming->in_line = NULL;
}

void ti_incoming_done(struct ti_link *link, struct ti_incoming *incoming)
{
    ti_table_take(&link->incoming, incoming->id);
    link->incoming_cancelled -= incoming->cancelled;
    if (incoming->in_line != NULL) {
        leave_line(link, incoming);
    } else if (incoming->admitted) {
        link->reserved_bytes -= incoming->reply_bytes;
        link->called_up -= incoming->called_up;
    }
    ti_incoming_free(incoming);
    ti_link_progress(link);
}

/* Those at the head of the line go to their actors again. Returns the requests whose actors are
 * gone, for the caller to release. */
static struct troupe_message *call_up(struct ti_link *link)
{
    struct troupe_message *refused = NULL;
    while (link->line_first != NULL && reply_fits(link, link->line_first->reply_bytes)) {
        struct ti_incoming *incoming = link->line_first;
        struct troupe_message *request = incoming->in_line;
        leave_line(link, incoming);
        admit(link, incoming);
        incoming->called_up = true;
        link->called_up++;
        int error = ti_push(link->troupe, request->target, request, false);
        if (error != 0) {
            ti_link_refuse_request(link, incoming->id, error);
            ti_incoming_done(link, incoming);
            request->next = refused;
            refused = request;
        }
    }
    return refused;
}

/* ---- items ------------------------------------------------------------------------------------------ */

bool ti_link_item_room(struct ti_link *link, struct ti_incoming *incoming, size_t size,
                       size_t blob_size)
{
    bool bulk = blob_size != 0 || incoming->bulk;
    size_t taken = bulk ? link->items_bytes : link->queued_bytes;
    size_t max = bulk ? TROUPE_LINK_BLOB_BYTES_MAX : TROUPE_LINK_QUEUE_BYTES_MAX;
    bool room = taken == 0 || taken + size + blob_size <= max;
    if (!room) {
        incoming->waits = link->streams_wait = true;
    }
    return room;
}

static bool streams_fit(const struct ti_link *link)
{
    return link->streams_wait && link->queued_bytes <= TROUPE_LINK_QUEUE_BYTES_MAX / 2 &&
           link->items_bytes <= TROUPE_LINK_BLOB_BYTES_MAX / 2;
}

static void wake_streams(struct ti_link *link)
{
    if (!streams_fit(link)) {
        return;
    }
    link->streams_wait = false;
    for (size_t i = 0; i < link->incoming.room; i++) {
        struct ti_incoming *incoming = link->incoming.entries[i].key != 0
                                           ? link->incoming.entries[i].value
                                           : NULL;
        if (incoming == NULL || !incoming->waits) {
            continue;
        }
        struct troupe_message *message = ti_message_new(TI_CREDIT, NULL);
        if (message == NULL) {
            link->streams_wait = true; /* again, after the next batch */
            continue;
        }
        incoming->waits = false;
        message->from = ti_address_hold(
            (struct ti_address){.kind = TI_TO_LINK, .object = link, .id = incoming->id});
        if (ti_push(link->troupe, incoming->actor, message, false) != 0) {
            ti_message_release(message);
        }
    }
}

bool ti_link_can_go_on(const struct ti_link *link)
{
    return streams_fit(link) ||
           (link->line_first != NULL && reply_fits(link, link->line_first->reply_bytes));
}

void ti_link_let_go_on(struct ti_link *link)
{
    pthread_mutex_lock(&link->lock);
    wake_streams(link);
    struct troupe_message *refused = call_up(link);
    pthread_mutex_unlock(&link->lock);
    while (refused != NULL) {
        struct troupe_message *next = refused->next;
        ti_message_release(refused); /* gives its credit back, and takes the lock */
        refused = next;
    }
}
