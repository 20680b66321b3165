/* link_out.c - what leaves over a link.
 *
 * Our writer owns the queues: the carrier has one batch at a time, and whatever comes meanwhile is
 * written into the next one, back to back. That natural joining is what makes a busy link fast, and
 * costs an idle one nothing. Three lanes:
 *   control  credits, cancels, hello, bye: always first, joined to what follows
 *   normal   requests, tells, replies, items, in the order in which they were made
 *   blobs    the chunks of blobs, and answers with blobs: one batch of them between two of the normal
 *            lane, so that neither waits for the other; chunks wait for credit. Those of requests and
 *            those of answers are two lanes, in turn: neither waits for the other's credit
 * Requests are counted against the peer's window when they enter the lane: one that has no room is
 * refused, never queued, so nothing in the normal lane ever waits for credit. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"

#define SEGMENT_ROOM_MIN 4096u
/* Replies that were given room, items, and their frames: more has found a way around that. */
#define ANSWERED_BYTES_MAX \
    (TROUPE_LINK_BLOBS_BYTES_MAX + TROUPE_LINK_BLOB_BYTES_MAX + TROUPE_LINK_QUEUE_BYTES_MAX / 8)

/* ---- lanes ---------------------------------------------------------------------------------------- */

static void reset(struct ti_segment *segment)
{
    segment->next = NULL;
    segment->size = 0;
    segment->frames = 0;
    segment->wipe = false;
}

static struct ti_segment *new_segment(struct ti_link *link, size_t room)
{
    struct ti_segment *segment = link->spare;
    if (segment != NULL && segment->room >= room) {
        link->spare = NULL;
    } else {
        room = room < SEGMENT_ROOM_MIN ? SEGMENT_ROOM_MIN : room;
        segment = malloc(sizeof *segment + room);
        if (segment == NULL) {
            return NULL;
        }
        segment->room = room;
    }
    reset(segment);
    return segment;
}

static void wipe_segment(struct ti_segment *segment)
{
    if (segment->wipe) {
        explicit_bzero(segment->data, segment->size);
    }
}

static void free_segment(struct ti_link *link, struct ti_segment *segment)
{
    wipe_segment(segment);
    bool useful = segment->room >= SEGMENT_ROOM_MIN;
    if (link->reserve == NULL && useful) {
        link->reserve = segment;
    } else if (link->spare == NULL && useful) {
        link->spare = segment;
    } else {
        free(segment);
    }
}

/* Moves what is in `old` [owned on success] to a larger one: realloc would leave secrets behind. */
static struct ti_segment *enlarged(struct ti_segment *old, size_t room)
{
    struct ti_segment *bigger = malloc(sizeof *bigger + room);
    if (bigger == NULL) {
        return NULL;
    }
    memcpy(bigger, old, sizeof *old + old->size);
    bigger->room = room;
    wipe_segment(old);
    free(old);
    return bigger;
}

/* Makes the lane's last segment larger, keeping what is in it. */
static bool enlarge(struct ti_lane *lane, size_t room)
{
    struct ti_segment **at = &lane->first;
    while ((*at)->next != NULL) {
        at = &(*at)->next;
    }
    struct ti_segment *bigger = enlarged(*at, (*at)->room * 2 > room ? (*at)->room * 2 : room);
    if (bigger == NULL) {
        return false;
    }
    *at = lane->last = bigger;
    return true;
}

static void append(struct ti_lane *lane, struct ti_segment *segment)
{
    if (lane->last == NULL) {
        lane->first = segment;
    } else {
        lane->last->next = segment;
    }
    lane->last = segment;
}

uint8_t *ti_lane_room_kept(struct ti_link *link, struct ti_lane *lane, size_t max)
{
    uint8_t *to = ti_lane_room(link, lane, max);
    struct ti_segment *reserve = link->reserve;
    if (to == NULL && reserve != NULL && reserve->room >= max) {
        link->reserve = NULL;
        reset(reserve);
        append(lane, reserve);
        to = reserve->data;
    }
    if (to == NULL) {
        ti_link_end(link, TROUPE_ENOMEM, "no memory for what the peer has to be told");
    }
    return to;
}

uint8_t *ti_lane_room(struct ti_link *link, struct ti_lane *lane, size_t max)
{
    struct ti_segment *last = lane->last;
    if (last != NULL && last->size < TROUPE_LINK_BATCH_BYTES &&
        last->size + max <= TROUPE_LINK_RECEIVE_BYTES_MAX) {
        if (last->room - last->size < max && !enlarge(lane, last->size + max)) {
            return NULL;
        }
        return lane->last->data + lane->last->size;
    }
    struct ti_segment *segment = new_segment(link, max);
    if (segment == NULL) {
        return NULL;
    }
    append(lane, segment);
    return segment->data;
}

static void count_queued(struct ti_link *link, size_t queued_bytes)
{
    link->queued_bytes = queued_bytes;
    atomic_store_explicit(&link->full, queued_bytes >= TROUPE_LINK_QUEUE_BYTES_MAX,
                          memory_order_relaxed);
}

void ti_lane_commit(struct ti_link *link, struct ti_lane *lane, size_t size)
{
    lane->last->size += size;
    lane->last->frames++;
    lane->queued++;
    count_queued(link, link->queued_bytes + size);
    ti_count(&link->troupe->counters, TI_FRAMES_OUT, 1);
}

static struct ti_segment *take_segment(struct ti_link *link, struct ti_lane *lane)
{
    struct ti_segment *segment = lane->first;
    lane->first = segment->next;
    if (lane->first == NULL) {
        lane->last = NULL;
    }
    lane->sent += segment->frames;
    count_queued(link, link->queued_bytes - segment->size);
    return segment;
}

/* ---- blobs ----------------------------------------------------------------------------------------- */

/* A piece goes whole: the window has room for any, once the peer has read what came before. */
static bool blobs_wait(const struct ti_link *link, enum ti_blobs which)
{
    const struct ti_blob_lane *blobs = &link->blobs[which];
    const struct ti_bulk *bulk = blobs->first;
    return bulk != NULL && (bulk->frame != NULL || (bulk->after <= link->normal.sent &&
                                                    blobs->window_bytes >= bulk->blob->size));
}

static void bulk_done(struct ti_link *link, struct ti_blob_lane *blobs)
{
    struct ti_bulk *bulk = blobs->first;
    blobs->first = bulk->next;
    blobs->queued_bytes -= bulk->cost;
    link->items_bytes -= bulk->item ? bulk->cost : 0;
    ti_chunks_free(bulk->blob, bulk->wipe);
    free(bulk);
}

static struct ti_batch batch_of(struct ti_segment *segment)
{
    return (struct ti_batch){.bytes = {.data = segment->data, .size = segment->size},
                             .segment = segment};
}

/* The next batch of that lane. */
static struct ti_batch take_bulk(struct ti_link *link, struct ti_blob_lane *blobs)
{
    struct ti_bulk *bulk = blobs->first;
    struct ti_segment *segment = bulk->frame;
    if (segment != NULL) {
        bulk->frame = NULL;
        if (bulk->blob == NULL) {
            bulk_done(link, blobs);
        }
        return batch_of(segment);
    }
    struct troupe_chunk *piece = bulk->blob;
    struct frame_chunk chunk = {.stream = bulk->stream,
                                .offset = bulk->offset,
                                .bytes = {.data = piece->data, .size = piece->size},
                                .last = piece->next == NULL};
    struct ti_batch batch = {
        .bytes = ti_frame_around_chunk(piece->data, &chunk), .piece = piece, .wipe = bulk->wipe};
    ti_count(&link->troupe->counters, TI_FRAMES_OUT, 1);
    bulk->blob = piece->next;
    piece->next = NULL;
    bulk->offset += piece->size;
    blobs->window_bytes -= piece->size;
    if (chunk.last) {
        bulk_done(link, blobs);
    }
    return batch;
}

/* Whose turn it is of the two; NULL: neither has something to send. */
static struct ti_blob_lane *next_blobs(struct ti_link *link)
{
    enum ti_blobs which = link->answers_turn ? TI_BLOBS_ANSWERED : TI_BLOBS_ASKED;
    enum ti_blobs other = link->answers_turn ? TI_BLOBS_ASKED : TI_BLOBS_ANSWERED;
    which = blobs_wait(link, which) ? which : other;
    return blobs_wait(link, which) ? &link->blobs[which] : NULL;
}

/* A copy, in pieces. False: no memory. */
static bool copy_in_pieces(struct ti_pieces *pieces, const struct troupe_blob *blob,
                           struct ti_bulk *bulk)
{
    struct troupe_chunk **at = &bulk->blob;
    const void *cursor = NULL;
    struct troupe_bytes from = {.size = 0};
    for (size_t left = blob->size; left != 0;) {
        size_t size = left < TROUPE_CHUNK_BYTES_MAX ? left : TROUPE_CHUNK_BYTES_MAX;
        struct troupe_chunk *piece = *at = ti_chunk_new(pieces, size);
        if (piece == NULL) {
            return false;
        }
        for (size_t filled = 0; filled < size;) {
            if (from.size == 0 && !troupe_blob_next(blob, &cursor, &from)) {
                return false; /* a blob that says it is larger than its pieces */
            }
            size_t part = from.size < size - filled ? from.size : size - filled;
            memcpy(piece->data + filled, from.data, part);
            from.data += part;
            from.size -= part;
            filled += part;
        }
        bulk->cost += piece->cost;
        left -= size;
        at = &piece->next;
    }
    return true;
}

struct ti_bulk *ti_bulk_new(struct ti_link *link, uint64_t stream, const struct troupe_blob *blob,
                            size_t frame_max)
{
    struct ti_bulk *bulk = calloc(1, sizeof *bulk);
    if (bulk == NULL) {
        return NULL;
    }
    bulk->stream = stream;
    bulk->cost = sizeof *bulk;
    bool good = copy_in_pieces(link->troupe->pieces, blob, bulk);
    if (frame_max != 0 && good) { /* no larger than it must be: there may be many of them */
        bulk->frame = malloc(sizeof *bulk->frame + frame_max);
        bulk->cost += sizeof *bulk->frame + frame_max;
        good = bulk->frame != NULL;
    }
    if (!good) {
        ti_chunks_free(bulk->blob, true); /* it may be a secret */
        free(bulk);
        return NULL;
    }
    if (bulk->frame != NULL) {
        reset(bulk->frame);
        bulk->frame->room = frame_max;
    }
    return bulk;
}

void ti_bulk_add(struct ti_link *link, struct ti_bulk *bulk)
{
    bool answer = (bulk->stream & 1) != 0;
    struct ti_blob_lane *blobs = &link->blobs[answer ? TI_BLOBS_ANSWERED : TI_BLOBS_ASKED];
    if (blobs->first == NULL) {
        blobs->first = bulk;
    } else {
        blobs->last->next = bulk;
    }
    blobs->last = bulk;
    blobs->queued_bytes += bulk->cost;
    link->items_bytes += bulk->item ? bulk->cost : 0;
    if (bulk->frame != NULL) {
        ti_count(&link->troupe->counters, TI_FRAMES_OUT, 1);
    }
}

/* ---- the writer ------------------------------------------------------------------------------------- */

/* Joins the normal lane's first segment to a control segment, if both fit one NNG message. */
static struct ti_segment *join(struct ti_link *link, struct ti_segment *control)
{
    struct ti_segment *normal = link->hello_in ? link->normal.first : NULL;
    if (normal == NULL || control->size + normal->size > TROUPE_LINK_RECEIVE_BYTES_MAX) {
        return control;
    }
    size_t wanted = control->size + normal->size;
    if (control->room < wanted) {
        struct ti_segment *bigger = enlarged(control, wanted);
        if (bigger == NULL) {
            return control;
        }
        control = bigger;
    }
    normal = take_segment(link, &link->normal);
    memcpy(control->data + control->size, normal->data, normal->size);
    control->size += normal->size;
    control->wipe = normal->wipe;
    free_segment(link, normal);
    return control;
}

/* What is next, once the carrier is free. */
enum next { NOTHING, CONTROL, NORMAL, BLOBS };

static enum next next_of(const struct ti_link *link)
{
    if (link->control.first != NULL) {
        return CONTROL;
    }
    if (!link->hello_in || link->phase == TI_LINK_GONE) { /* once it is gone: last words only */
        return NOTHING;
    }
    bool blobs = ti_link_blobs_wait(link);
    if (link->normal.first != NULL && !(blobs && link->bulk_turn)) {
        return NORMAL;
    }
    return blobs ? BLOBS : NOTHING;
}

static struct ti_batch take_next(struct ti_link *link, enum next next)
{
    if (next == CONTROL) {
        struct ti_segment *control = take_segment(link, &link->control);
        return batch_of(link->phase != TI_LINK_GONE ? join(link, control) : control);
    }
    link->bulk_turn = next == NORMAL;
    if (next == NORMAL) {
        return batch_of(take_segment(link, &link->normal));
    }
    struct ti_blob_lane *blobs = next_blobs(link);
    link->answers_turn = blobs == &link->blobs[TI_BLOBS_ASKED];
    return take_bulk(link, blobs);
}

static void free_batch(struct ti_link *link, struct ti_batch *batch)
{
    if (batch->segment != NULL) {
        free_segment(link, batch->segment);
    }
    ti_chunks_free(batch->piece, batch->wipe);
    *batch = (struct ti_batch){.segment = NULL};
}

void ti_link_left(struct ti_link *link)
{
    link->sending = false;
    free_batch(link, &link->leaving);
}

bool ti_link_out_empty(const struct ti_link *link)
{
    return link->control.first == NULL && link->normal.first == NULL &&
           link->blobs[TI_BLOBS_ASKED].first == NULL &&
           link->blobs[TI_BLOBS_ANSWERED].first == NULL && !link->sending;
}

/* Requests were counted when they came in; what else waits has a bound, too. */
static void check_backlog(struct ti_link *link)
{
    if (link->queued_bytes > TROUPE_LINK_BACKLOG_BYTES_MAX ||
        link->blobs[TI_BLOBS_ANSWERED].queued_bytes > ANSWERED_BYTES_MAX) {
        ti_count(&link->troupe->counters, TI_LINKS_REFUSED, 1);
        ti_link_end(link, TROUPE_ETOOLARGE, "the peer does not read its answers");
    }
}

static void pump_later(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)troupe;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    link->later = false;
    ti_link_pump(link);
    pthread_mutex_unlock(&link->lock);
    ti_link_let_go_on(link);
    ti_link_release(link);
}

static void pump_again(struct ti_link *link)
{
    if (!link->later) {
        link->later = true;
        ti_timer_add_reserved(link->troupe, ti_now_ns(link->troupe), pump_later, 0,
                              ti_link_hold(link));
    }
}

void ti_link_pump(struct ti_link *link)
{
    bool left = false;
    check_backlog(link);
    bool can_send = !link->sending && link->carrier != NULL && !link->apart;
    enum next next = can_send ? next_of(link) : NOTHING;
    while (next != NOTHING) {
        link->leaving = take_next(link, next);
        struct troupe_bytes bytes = link->leaving.bytes;
        ti_count(&link->troupe->counters, TI_BATCHES_OUT, 1);
        ti_count(&link->troupe->counters, TI_BYTES_OUT, bytes.size);
        link->bytes_out += bytes.size;
        link->sending = true;
        next = next_of(link);
        int result = link->troupe->carriers->send(link->carrier, bytes.data, bytes.size,
                                                  next != NOTHING);
        if (result == TI_SENT) {
            ti_link_left(link);
            left = true;
        } else {
            next = NOTHING;
        }
        if (result < 0) {
            ti_link_end(link, TROUPE_ELOST, "a batch could not be sent");
        }
    }
    if (left) { /* no on_sent will do it */
        if (ti_link_can_go_on(link)) {
            pump_again(link); /* which is without the lock */
        }
        ti_link_progress(link);
    }
}

void ti_link_out_free(struct ti_link *link)
{
    struct ti_lane *lanes[] = {&link->control, &link->normal};
    for (size_t i = 0; i < 2; i++) {
        while (lanes[i]->first != NULL) {
            struct ti_segment *next = lanes[i]->first->next;
            wipe_segment(lanes[i]->first);
            free(lanes[i]->first);
            lanes[i]->first = next;
        }
    }
    for (int i = 0; i < TI_BLOBS; i++) {
        struct ti_blob_lane *blobs = &link->blobs[i];
        while (blobs->first != NULL) {
            if (blobs->first->frame != NULL) {
                wipe_segment(blobs->first->frame);
            }
            free(blobs->first->frame);
            bulk_done(link, blobs);
        }
    }
    free_batch(link, &link->leaving);
    free(link->spare);
    free(link->reserve);
    link->spare = link->reserve = NULL;
}

bool ti_link_out_init(struct ti_link *link)
{
    link->reserve = new_segment(link, TI_FRAME_HEAD_BYTES_MAX);
    return link->reserve != NULL;
}

bool ti_link_blobs_wait(const struct ti_link *link)
{
    return blobs_wait(link, TI_BLOBS_ASKED) || blobs_wait(link, TI_BLOBS_ANSWERED);
}

bool ti_link_was_sent(const struct ti_link *link, const struct ti_outgoing *outgoing)
{
    return outgoing->number <= link->normal.sent;
}

void ti_link_send_credit(struct ti_link *link, uint64_t channel, size_t bytes, uint32_t messages)
{
    uint8_t *to = ti_lane_room_kept(link, &link->control, TI_FRAME_HEAD_BYTES_MAX);
    if (to == NULL) {
        return; /* the link has ended */
    }
    struct frame_credit credit = {
        .channel = channel, .bytes = (uint32_t)bytes, .messages = messages};
    ti_lane_commit(link, &link->control,
                   ti_frame_write_credit(to, TI_FRAME_HEAD_BYTES_MAX, &credit));
}
