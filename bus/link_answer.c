/* link_answer.c - our answers to the peer's requests.
 *
 * Called on the thread of the actor that answers, or of a link that an answer came by. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"

static size_t write_answer(uint8_t *to, size_t max, uint64_t id, enum ti_kind kind, uint64_t index,
                           const struct frame_body *body, const struct troupe_error *error)
{
    if (kind == TI_ERROR) {
        assert(error != NULL);
        struct frame_error frame = {
            .id = id,
            .code = (uint32_t)(error->code < 0 ? -error->code : error->code),
            .text = troupe_text(error->text),
            .data = {.data = error->data, .size = error->data_size}};
        size_t size = ti_frame_write_error(to, max, &frame);
        if (size == 0) { /* a text that is not UTF-8, or a code of 0: an error all the same */
            frame.text = troupe_text("");
            frame.code = frame.code != 0 ? frame.code : (uint32_t)-TROUPE_EINVAL;
            size = ti_frame_write_error(to, max, &frame);
        }
        return size;
    }
    if (kind == TI_ITEM) {
        struct frame_item frame = {.id = id, .index = index, .body = *body};
        return ti_frame_write_item(to, max, &frame);
    }
    struct frame_reply frame = {.id = id, .body = *body};
    return ti_frame_write_reply(to, max, &frame);
}

static int put_answer(struct ti_link *link, struct ti_incoming *incoming, enum ti_kind kind,
                      bool wipe, const struct troupe_body *body, const struct troupe_error *error)
{
    static const struct troupe_body empty;
    struct frame_body out;
    body = body != NULL ? body : &empty;
    if (body->size > TROUPE_FRAME_BYTES_MAX || body->blob.size > TROUPE_LINK_BLOB_BYTES_MAX) {
        return TROUPE_ETOOLARGE;
    }
    if (kind == TI_ITEM && !ti_link_item_room(link, incoming, body->size, body->blob.size)) {
        return TROUPE_EBUSY;
    }
    int code = ti_link_body_out(link, body, &out);
    if (code != 0) {
        return code;
    }
    size_t max = body->size + TI_FRAME_HEAD_BYTES_MAX +
                 (error != NULL ? TROUPE_TEXT_BYTES_MAX + TROUPE_ERROR_DATA_BYTES_MAX : 0);
    if (body->blob.size == 0 && !incoming->bulk) {
        uint8_t *to = kind == TI_ERROR ? ti_lane_room_kept(link, &link->normal, max)
                                       : ti_lane_room(link, &link->normal, max);
        if (to == NULL) {
            return TROUPE_ENOMEM;
        }
        size_t size = write_answer(to, max, incoming->id, kind, incoming->items, &out, error);
        assert(size != 0);
        ti_lane_commit(link, &link->normal, size);
        link->normal.last->wipe = link->normal.last->wipe || wipe;
        return 0;
    }
    struct ti_bulk *bulk = ti_bulk_new(link, (incoming->id << 1) | 1, &body->blob, max);
    if (bulk == NULL) {
        return TROUPE_ENOMEM;
    }
    struct ti_segment *segment = bulk->frame;
    segment->size = write_answer(segment->data, segment->room, incoming->id, kind, incoming->items,
                                 &out, error);
    assert(segment->size != 0);
    segment->frames = 1;
    segment->wipe = wipe;
    bulk->wipe = wipe;
    bulk->item = kind == TI_ITEM;
    ti_bulk_add(link, bulk);
    incoming->bulk = true;
    return 0;
}

void ti_link_refuse_request(struct ti_link *link, uint64_t id, int code)
{
    struct ti_incoming unknown = {.id = id};
    struct troupe_error error;
    ti_error_set(&error, code, NULL);
    int result = put_answer(link, &unknown, TI_ERROR, false, NULL, &error);
    (void)result; /* the link has ended */
    ti_link_pump(link);
}

int ti_link_answer(struct ti_link *link, uint64_t id, enum ti_kind kind, bool wipe,
                   const struct troupe_body *body, const struct troupe_error *error)
{
    struct troupe_ref refs[TROUPE_REFS_MAX];
    struct troupe_body stood_for;
    if (link->gate && body != NULL && body->refs_count != 0) {
        stood_for = *body;
        ti_gate_refs(link->troupe, &stood_for, refs);
        body = &stood_for;
    }
    pthread_mutex_lock(&link->lock);
    struct ti_incoming *incoming = link->phase != TI_LINK_GONE ? ti_table_get(&link->incoming, id)
                                                               : NULL;
    int code = incoming != NULL ? put_answer(link, incoming, kind, wipe, body, error)
                                : TROUPE_EDOWN;
    if (code == TROUPE_ENOMEM && kind == TI_ERROR) { /* it would wait for ever */
        ti_link_end(link, code, "no memory for an answer");
    }
    struct ti_link *onward = NULL;
    uint64_t onward_id = 0;
    if (code == 0 && kind == TI_ITEM) {
        incoming->items++;
    } else if (code == 0) {
        assert(incoming->assembly.message == NULL); /* nobody has a request before it is whole */
        if (kind == TI_ERROR && incoming->onward != NULL) { /* which may be ours, and it goes on */
            onward = ti_link_hold(incoming->onward);
            onward_id = incoming->onward_id;
        }
        ti_incoming_done(link, incoming);
    }
    if (code == 0) {
        ti_link_pump_in_turn(link);
    }
    bool more = link->line_first != NULL;
    pthread_mutex_unlock(&link->lock);
    if (onward != NULL) {
        ti_link_cancel(onward, onward_id);
        ti_link_release(onward);
    }
    if (more) {
        ti_link_let_go_on(link);
    }
    return code;
}

bool ti_link_moved(struct ti_link *link, uint64_t id, const struct ti_route *route, uint64_t wire)
{
    pthread_mutex_lock(&link->lock);
    struct ti_incoming *incoming = ti_table_get(&link->incoming, id);
    bool waits = incoming != NULL && !incoming->cancelled;
    if (incoming != NULL && !waits && route->link != NULL) { /* its answer will not come back */
        ti_incoming_done(link, incoming);
    } else if (incoming != NULL) {
        incoming->actor = route->actor;
        incoming->onward = route->link != NULL ? ti_link_hold(route->link) : NULL;
        incoming->onward_id = wire;
    }
    pthread_mutex_unlock(&link->lock);
    if (!waits && route->link != NULL) {
        ti_link_cancel(route->link, wire);
        ti_link_let_go_on(link);
    }
    return waits;
}

void ti_link_credit_onward(struct ti_link *link, uint64_t id, uint32_t items)
{
    struct ti_link *onward = NULL;
    uint64_t onward_id = 0;
    pthread_mutex_lock(&link->lock);
    const struct ti_incoming *incoming = ti_table_get(&link->incoming, id);
    if (incoming != NULL && incoming->onward != NULL) {
        onward = ti_link_hold(incoming->onward);
        onward_id = incoming->onward_id;
    }
    pthread_mutex_unlock(&link->lock);
    if (onward != NULL) {
        ti_link_stream_credit(onward, onward_id, items);
        ti_link_release(onward);
    }
}
