/* link_ask.c - our requests over a link: admitted, named, put into their lanes.
 *
 * Called on the thread of whoever sends. What a request hands over (refs) is known to the peer's
 * table before the frame that names it leaves. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"

/* ---- bodies ------------------------------------------------------------------------------------------- */

static bool is_alive(struct troupe *troupe, uint64_t actor)
{
    struct troupe_actor *slot = ti_actor_slot(troupe, actor);
    return slot != NULL && atomic_load(&slot->id) == actor;
}

/* Forgets actors that have ended, when the table of what was handed over is full. */
static void prune(struct ti_link *link)
{
    for (size_t i = 0; i < link->shared.room; i++) {
        uint64_t actor = link->shared.entries[i].key;
        while (actor != 0 && !is_alive(link->troupe, actor)) {
            ti_table_take(&link->shared, actor);
            actor = link->shared.entries[i].key;
        }
    }
}

static int share(struct ti_link *link, uint64_t actor)
{
    uintptr_t times = (uintptr_t)ti_table_get(&link->shared, actor);
    if (times == 0 && link->shared.count >= TROUPE_LINK_EXPORTS_MAX) {
        prune(link);
        if (link->shared.count >= TROUPE_LINK_EXPORTS_MAX) {
            return TROUPE_EBUSY;
        }
    }
    return ti_table_put(&link->shared, actor, (void *)(times + 1)) ? 0 : TROUPE_ENOMEM;
}

/* How the peer can name what `ref` names. */
static int ref_out(struct ti_link *link, struct troupe_ref ref, struct frame_ref *ret_ref)
{
    if (ref.place == TI_PLACE_HERE) {
        *ret_ref = (struct frame_ref){.owner = FRAME_OWNER_SENDER, .id = ref.id};
        return 0;
    }
    if (ref.place == link->id) {
        *ret_ref = (struct frame_ref){.owner = FRAME_OWNER_RECEIVER, .id = ref.id};
        return 0;
    }
    for (size_t i = 0; ref.place == TI_PLACE_ROLE && i < link->exports_count; i++) {
        if (link->exports[i].number == ref.id) {
            *ret_ref = (struct frame_ref){.owner = FRAME_OWNER_SENDER, .id = i + 1};
            return 0;
        }
    }
    for (size_t i = 0; ref.place == TI_PLACE_ROLE && i < link->imports_count; i++) {
        if (link->imports[i].number == ref.id) {
            *ret_ref = (struct frame_ref){.owner = FRAME_OWNER_RECEIVER, .id = i + 1};
            return 0;
        }
    }
    return TROUPE_EREF;
}

int ti_link_body_out(struct ti_link *link, const struct troupe_body *body,
                     struct frame_body *ret_body)
{
    ret_body->data = (struct troupe_bytes){.data = body->data, .size = body->size};
    ret_body->blob_size = body->blob.size;
    ret_body->refs_count = body->refs_count;
    int error = 0;
    for (size_t i = 0; i < body->refs_count && error == 0; i++) {
        error = ref_out(link, body->refs[i], &ret_body->refs[i]);
    }
    /* All can be named: only now are actors of this process handed over. */
    for (size_t i = 0; i < body->refs_count && error == 0; i++) {
        error = body->refs[i].place == TI_PLACE_HERE ? share(link, body->refs[i].id) : 0;
    }
    return error;
}

void ti_links_export(struct troupe *troupe, uint32_t number, uint64_t actor)
{
    pthread_mutex_lock(&troupe->links.lock);
    for (struct ti_link *link = troupe->links.first; link != NULL; link = link->next) {
        pthread_mutex_lock(&link->lock);
        for (size_t i = 0; i < link->exports_count; i++) {
            if (link->exports[i].number == number && share(link, actor) != 0) {
                ti_report(troupe, "link to %s: no room for one more ref", link->peer);
            }
        }
        pthread_mutex_unlock(&link->lock);
    }
    pthread_mutex_unlock(&troupe->links.lock);
}

/* ---- requests --------------------------------------------------------------------------------------------- */

static int admit(struct ti_link *link, const struct troupe_body *body, bool answered)
{
    size_t size = body->size;
    size_t blobs = link->blobs[TI_BLOBS_ASKED].queued_bytes;
    if (link->phase == TI_LINK_DRAINING || link->phase == TI_LINK_GONE || link->bye_in) {
        return TROUPE_EDOWN;
    }
    if (size > TROUPE_FRAME_BYTES_MAX || body->blob.size > TROUPE_LINK_BLOB_BYTES_MAX) {
        return TROUPE_ETOOLARGE;
    }
    if (link->queued_bytes + size > TROUPE_LINK_QUEUE_BYTES_MAX || link->window_messages == 0 ||
        link->window_bytes < size ||
        (body->blob.size != 0 && blobs + body->blob.size > TROUPE_LINK_BLOBS_BYTES_MAX) ||
        (answered && link->outgoing.count >= TROUPE_LINK_INFLIGHT_MAX)) {
        ti_count(&link->troupe->counters, TI_REFUSED_BUSY, 1);
        return TROUPE_EBUSY;
    }
    return 0;
}

/* Writes the request into the normal lane, and its blob into the bulk lane. */
static int put_request(struct ti_link *link, const struct frame_request *request,
                       const struct troupe_body *body, bool wipe, struct ti_outgoing *outgoing)
{
    size_t max = body->size + TI_FRAME_HEAD_BYTES_MAX;
    uint8_t *to = ti_lane_room(link, &link->normal, max);
    struct ti_bulk *bulk = NULL;
    if (to != NULL && body->blob.size != 0) {
        bulk = ti_bulk_new(link, request->id << 1, &body->blob, 0);
    }
    if (to == NULL || (body->blob.size != 0 && bulk == NULL)) {
        return TROUPE_ENOMEM;
    }
    size_t size = ti_frame_write_request(to, max, request);
    assert(size != 0); /* every field was made here, or checked by admit and body_out */
    ti_lane_commit(link, &link->normal, size);
    link->normal.last->wipe = link->normal.last->wipe || wipe;
    if (outgoing != NULL) {
        outgoing->number = link->normal.queued;
    }
    if (bulk != NULL) {
        bulk->wipe = wipe;
        bulk->after = link->normal.queued;
        ti_bulk_add(link, bulk);
    }
    return 0;
}

static int request_locked(struct ti_link *link, struct frame_request *request,
                          const struct troupe_body *body, bool wipe, struct ti_outgoing *outgoing)
{
    int error = admit(link, body, outgoing != NULL);
    error = error != 0 ? error : ti_link_body_out(link, body, &request->body);
    if (error != 0) {
        return error;
    }
    if (outgoing != NULL) {
        request->id = outgoing->id = ++link->next_id;
        if (!ti_table_put(&link->outgoing, outgoing->id, outgoing)) {
            return TROUPE_ENOMEM;
        }
    }
    error = put_request(link, request, body, wipe, outgoing);
    if (error != 0) {
        if (outgoing != NULL) {
            ti_table_take(&link->outgoing, outgoing->id);
        }
        return error;
    }
    link->window_messages--;
    link->window_bytes -= body->size;
    ti_link_pump_in_turn(link);
    return 0;
}

int ti_link_request(struct ti_link *link, uint64_t target, const struct troupe_method *method,
                    const struct troupe_body *body, const struct ti_address *from,
                    const struct ti_cause *cause, uint64_t *ret_wire)
{
    struct ti_outgoing *outgoing = NULL;
    if (from->kind != TI_NOBODY) {
        outgoing = malloc(sizeof *outgoing);
        if (outgoing == NULL) {
            return TROUPE_ENOMEM;
        }
        *outgoing = (struct ti_outgoing){
            .failed = {.holders = 1, .kind = TI_FAILED, .from = ti_address_hold(*from)},
            .method = method,
            .trace = cause->trace,
            .time = cause->time,
            .granted = TROUPE_STREAM_WINDOW_MESSAGES};
    } else if (body->blob.size != 0) {
        return TROUPE_EINVAL; /* a tell has no id that its chunks could name */
    }
    struct frame_request request = {.target = target,
                                    .interface = method->interface->id,
                                    .method = method->ordinal,
                                    .budget_ms = ti_span_ms(cause->time),
                                    .waiting = cause->waiter,
                                    .trace = cause->trace};
    pthread_mutex_lock(&link->lock);
    bool wipe = (method->flags & TROUPE_SECRET_ARGS) != 0;
    /* A method of a later version than the peer's is not even sent; the first version is not asked
     * for, because the peer answers for it. */
    bool newer = link->phase == TI_LINK_UP && method->since > 1 &&
                 !ti_link_lists(link, method->interface->id, method->since);
    int error = newer ? TROUPE_EUNIMPLEMENTED
                      : request_locked(link, &request, body, wipe, outgoing);
    *ret_wire = request.id;
    pthread_mutex_unlock(&link->lock);
    if (error != 0 && outgoing != NULL) {
        ti_address_release(&outgoing->failed.from);
        free(outgoing);
    }
    return error;
}

void ti_link_put_cancel(struct ti_link *link, uint64_t wire)
{
    uint8_t *to = ti_lane_room_kept(link, &link->normal, TI_FRAME_HEAD_BYTES_MAX);
    if (to != NULL) { /* in the normal lane: it must not overtake its request */
        ti_lane_commit(link, &link->normal,
                       ti_frame_write_cancel(to, TI_FRAME_HEAD_BYTES_MAX, wire));
    }
}

void ti_link_cancel(struct ti_link *link, uint64_t wire)
{
    pthread_mutex_lock(&link->lock);
    struct ti_outgoing *outgoing = ti_table_take(&link->outgoing, wire);
    if (outgoing != NULL) {
        ti_link_put_cancel(link, wire);
        ti_assembly_free(link, &outgoing->assembly);
        ti_link_progress(link);
        ti_link_pump_in_turn(link);
    }
    pthread_mutex_unlock(&link->lock);
    if (outgoing != NULL) {
        ti_address_release(&outgoing->failed.from);
        free(outgoing);
    }
}

void ti_link_stream_credit(struct ti_link *link, uint64_t wire, uint32_t items)
{
    pthread_mutex_lock(&link->lock);
    struct ti_outgoing *outgoing = ti_table_get(&link->outgoing, wire);
    if (link->phase != TI_LINK_GONE && outgoing != NULL) {
        outgoing->granted += items;
        ti_link_send_credit(link, wire << 1, 0, items);
        ti_link_pump_in_turn(link);
    }
    pthread_mutex_unlock(&link->lock);
}

void ti_link_consumed(struct ti_link *link, size_t bytes)
{
    pthread_mutex_lock(&link->lock);
    link->unread_messages--;
    link->unread_bytes -= bytes;
    link->owed_messages++;
    link->owed_bytes += bytes;
    if (link->phase != TI_LINK_GONE && (link->owed_messages >= TROUPE_LINK_WINDOW_MESSAGES / 4 ||
                                        link->owed_bytes >= TROUPE_LINK_WINDOW_BYTES / 4)) {
        ti_link_send_credit(link, 0, link->owed_bytes, link->owed_messages);
        link->owed_messages = 0;
        link->owed_bytes = 0;
        ti_link_pump_in_turn(link);
    }
    pthread_mutex_unlock(&link->lock);
}

void ti_link_drop(struct ti_link *link, uint64_t target)
{
    pthread_mutex_lock(&link->lock);
    uint8_t *to = link->phase != TI_LINK_GONE
                      ? ti_lane_room_kept(link, &link->normal, TI_FRAME_HEAD_BYTES_MAX)
                      : NULL;
    if (to != NULL) {
        ti_lane_commit(link, &link->normal,
                       ti_frame_write_drop(to, TI_FRAME_HEAD_BYTES_MAX, target));
        ti_link_pump_in_turn(link);
    }
    pthread_mutex_unlock(&link->lock);
}
