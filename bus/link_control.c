/* link_control.c - control frames that arrive: what keeps a link going, and what ends it.
 *
 * Runs where link_in.c does, which calls it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"

void ti_link_refuse(struct ti_link *link, int why, const char *text)
{
    if (link->phase == TI_LINK_GONE) {
        return;
    }
    ti_count(&link->troupe->counters, TI_LINKS_REFUSED, 1);
    uint8_t *to = ti_lane_room(link, &link->control,
                               TI_FRAME_HEAD_BYTES_MAX + TROUPE_TEXT_BYTES_MAX);
    if (to != NULL) {
        struct frame_goaway goaway = {
            .code = (uint32_t)-why, .text = troupe_text(text), .last_id = link->last_id};
        size_t size = ti_frame_write_goaway(to, TI_FRAME_HEAD_BYTES_MAX + TROUPE_TEXT_BYTES_MAX,
                                            &goaway);
        ti_lane_commit(link, &link->control, size);
    }
    ti_link_end(link, why, text);
    ti_link_pump(link);
}
int ti_link_code(uint32_t code)
{
    if (code > INT32_MAX) {
        return TROUPE_EPROTOCOL;
    }
    return code < 100 ? -(int)code : (int)code;
}

void ti_link_handle_hello(struct ti_link *link, struct frame_hello *hello)
{
    pthread_mutex_lock(&link->lock);
    size_t at = 0;
    struct troupe_text role;
    bool fits = true;
    while (ti_frame_next_role(&hello->roles, &role)) {
        fits = fits && at < link->imports_count && strlen(link->imports[at].role) == role.size &&
               memcmp(link->imports[at].role, role.data, role.size) == 0;
        at++;
    }
    struct frame_interface interface;
    while (link->interfaces_count < TI_PEER_INTERFACES_MAX &&
           ti_frame_next_interface(&hello->interfaces, &interface)) {
        link->interfaces[link->interfaces_count++] = interface;
    }
    if (link->hello_in) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "a second hello");
    } else if (hello->protocol != TI_PROTOCOL) {
        char text[TROUPE_TEXT_BYTES_MAX];
        snprintf(text, sizeof text, "the peer speaks protocol %u, this process %u",
                 (unsigned)hello->protocol, (unsigned)TI_PROTOCOL);
        ti_link_refuse(link, TROUPE_EPROTOCOL, text);
    } else if (!fits || at != link->imports_count) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "the peer offers other roles than were granted");
    } else {
        link->hello_in = true;
        ti_link_progress(link);
        ti_link_pump(link);
    }
    pthread_mutex_unlock(&link->lock);
}

/* Tells whoever answers request `id` something: that it is cancelled, or has room. No lock is held. */
static void pass_on(struct ti_link *link, enum ti_kind kind, uint64_t id,
                    const struct ti_incoming *to, uint32_t amount)
{
    if (to->onward != NULL && kind == TI_CANCEL) {
        ti_link_cancel(to->onward, to->onward_id);
    } else if (to->onward != NULL) {
        ti_link_stream_credit(to->onward, to->onward_id, amount);
    }
    struct troupe_message *message = to->actor != 0 ? ti_message_new(kind, NULL) : NULL;
    if (message == NULL) {
        return;
    }
    message->from = ti_address_hold(
        (struct ti_address){.kind = TI_TO_LINK, .object = link, .id = id});
    message->serial = amount;
    if (ti_push(link->troupe, to->actor, message, false) != 0) {
        ti_message_release(message);
    }
}

void ti_link_handle_cancel(struct ti_link *link, uint64_t id)
{
    struct ti_incoming copy = {0};
    struct troupe_message *waiting = NULL;
    pthread_mutex_lock(&link->lock);
    struct ti_incoming *incoming = ti_table_get(&link->incoming, id);
    if (incoming != NULL && incoming->assembly.message != NULL) { /* no actor has heard of it */
        waiting = incoming->assembly.message;
        ti_link_blobs_read(link, TI_BLOBS_ASKED, incoming->assembly.received);
        ti_incoming_done(link, incoming);
    } else if (incoming != NULL && incoming->in_line != NULL) { /* or began to work for it */
        waiting = incoming->in_line;
        ti_incoming_done(link, incoming);
    } else if (incoming != NULL && incoming->onward != NULL) { /* its answer will not come back */
        copy = *incoming;
        ti_link_hold(copy.onward);
        ti_incoming_done(link, incoming);
    } else if (incoming != NULL && !incoming->cancelled) { /* once is enough */
        incoming->cancelled = true;
        link->incoming_cancelled++;
        copy = *incoming;
    }
    pthread_mutex_unlock(&link->lock);
    if (waiting != NULL) {
        ti_message_release(waiting); /* which gives its credit back, and takes the lock */
    }
    pass_on(link, TI_CANCEL, id, &copy, 0);
    if (copy.onward != NULL) {
        ti_link_release(copy.onward);
    }
    ti_link_let_go_on(link);
}

static void handle_stream_credit(struct ti_link *link, uint64_t channel, uint32_t items)
{
    struct ti_incoming copy = {0};
    uint64_t id = channel >> 1;
    pthread_mutex_lock(&link->lock);
    struct ti_incoming *incoming = ti_table_get(&link->incoming, id);
    if (channel & 1) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "credit for a channel that is none");
    } else if (incoming != NULL && (items == 0 || items > incoming->items - incoming->credited)) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "credit for more than was sent");
    } else if (incoming != NULL) {
        incoming->credited += items;
        copy = *incoming;
        if (copy.onward != NULL) {
            ti_link_hold(copy.onward);
        }
    }
    pthread_mutex_unlock(&link->lock);
    pass_on(link, TI_CREDIT, id, &copy, items);
    if (copy.onward != NULL) {
        ti_link_release(copy.onward);
    }
}

void ti_link_handle_credit(struct ti_link *link, const struct frame_credit *credit)
{
    struct ti_blob_lane *blobs = NULL;
    if (credit->channel == TI_CHANNEL_BLOBS_ASKED) {
        blobs = &link->blobs[TI_BLOBS_ASKED];
    } else if (credit->channel == TI_CHANNEL_BLOBS_ANSWERED) {
        blobs = &link->blobs[TI_BLOBS_ANSWERED];
    } else if (credit->channel != 0) {
        handle_stream_credit(link, credit->channel, credit->messages);
        return;
    }
    pthread_mutex_lock(&link->lock);
    if (blobs != NULL ? credit->bytes > TROUPE_LINK_BLOB_BYTES_MAX - blobs->window_bytes
                      : credit->messages > TROUPE_LINK_WINDOW_MESSAGES - link->window_messages ||
                            credit->bytes > TROUPE_LINK_WINDOW_BYTES - link->window_bytes) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "credit for more than was sent");
    } else if (blobs != NULL) {
        blobs->window_bytes += credit->bytes;
        ti_link_pump(link);
    } else {
        link->window_messages += credit->messages;
        link->window_bytes += credit->bytes;
    }
    pthread_mutex_unlock(&link->lock);
}

void ti_link_handle_drop(struct ti_link *link, uint64_t actor)
{
    pthread_mutex_lock(&link->lock);
    uintptr_t times = (uintptr_t)ti_table_take(&link->shared, actor);
    if (times > 1) {
        bool kept = ti_table_put(&link->shared, actor, (void *)(times - 1));
        (void)kept; /* its place is free */
    }
    pthread_mutex_unlock(&link->lock);
}

void ti_link_handle_bye(struct ti_link *link, bool ack)
{
    pthread_mutex_lock(&link->lock);
    if (ack ? !link->bye_out || link->bye_acked : link->bye_in) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "a BYE, or its acknowledgement, too many");
    } else if (ack) {
        link->bye_acked = true;
    } else {
        link->bye_in = true;
        uint8_t *to = ti_lane_room_kept(link, &link->control, TI_FRAME_HEAD_BYTES_MAX);
        if (to != NULL) {
            ti_lane_commit(link, &link->control,
                           ti_frame_write_bye_ack(to, TI_FRAME_HEAD_BYTES_MAX));
        }
        ti_link_drain(link);
    }
    ti_link_progress(link);
    ti_link_pump(link);
    pthread_mutex_unlock(&link->lock);
}

void ti_link_handle_goaway(struct ti_link *link, const struct frame_goaway *goaway)
{
    char text[TROUPE_TEXT_BYTES_MAX + 1];
    snprintf(text, sizeof text, "the peer ended it: %.*s", (int)goaway->text.size,
             goaway->text.data);
    pthread_mutex_lock(&link->lock);
    int code = ti_link_code(goaway->code);
    link->goaway_in = true;
    link->goaway_last_id = goaway->last_id;
    ti_link_end(link, code < 0 ? code : TROUPE_EPROTOCOL, text);
    pthread_mutex_unlock(&link->lock);
}
