/* link_blob.c - blobs that arrive: their chunks, until they are whole.
 *
 * The frame that announces a blob is kept until its last chunk has come; then it goes where it would
 * have gone at once. Runs where link_in.c does, which calls it. */
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"

void ti_assembly_free(struct ti_link *link, struct ti_assembly *assembly)
{
    if (assembly->message != NULL) {
        ti_link_blobs_read(link, TI_BLOBS_ANSWERED, assembly->received);
        ti_message_release(assembly->message);
        *assembly = (struct ti_assembly){0};
    }
}

int ti_link_assemble(struct ti_assembly *assembly, struct troupe_message *message, uint64_t size)
{
    if (assembly->message != NULL) {
        return TROUPE_EPROTOCOL; /* the one before it is not complete */
    }
    *assembly = (struct ti_assembly){.message = message, .expected = (size_t)size};
    return 0;
}

/* Late, to save frames, but before the peer would have to wait: what is not yet told is less than
 * the other half of its window. */
static void give_credit(struct ti_link *link, enum ti_blobs which)
{
    struct ti_blob_lane *blobs = &link->blobs[which];
    if (link->phase != TI_LINK_GONE && blobs->owed_bytes != 0 &&
        blobs->unread_bytes + blobs->owed_bytes > TROUPE_LINK_BLOB_BYTES_MAX / 2) {
        ti_link_send_credit(
            link, which == TI_BLOBS_ASKED ? TI_CHANNEL_BLOBS_ASKED : TI_CHANNEL_BLOBS_ANSWERED,
            blobs->owed_bytes, 0);
        blobs->owed_bytes = 0;
        ti_link_pump(link);
    }
}

void ti_link_blobs_read(struct ti_link *link, enum ti_blobs which, size_t bytes)
{
    link->blobs[which].unread_bytes -= bytes;
    link->blobs[which].owed_bytes += bytes;
    give_credit(link, which);
}

void ti_link_blob_consumed(struct ti_link *link, size_t bytes)
{
    pthread_mutex_lock(&link->lock);
    ti_link_blobs_read(link, TI_BLOBS_ASKED, bytes);
    pthread_mutex_unlock(&link->lock);
}

static void append(struct ti_assembly *assembly, struct troupe_chunk *piece)
{
    if (assembly->last == NULL) {
        assembly->message->chunks = piece;
    } else {
        assembly->last->next = piece;
    }
    assembly->last = piece;
}

/* Pieces have a size of our own, so that a peer's tiny chunks cost no more than large ones. */
static bool add_piece(struct ti_pieces *pieces, struct ti_assembly *assembly)
{
    size_t room = assembly->expected - assembly->received;
    room = room < TROUPE_CHUNK_BYTES_MAX ? room : TROUPE_CHUNK_BYTES_MAX;
    struct troupe_chunk *piece = ti_chunk_new(pieces, room);
    if (piece == NULL) {
        return false;
    }
    piece->size = 0;
    append(assembly, piece);
    assembly->room = room;
    return true;
}

/* The chunk lies in a piece of the carrier's that has its size: that is ours now, without a copy. */
static bool keep_piece(struct ti_assembly *assembly, const struct frame_chunk *chunk,
                       struct troupe_chunk **piece)
{
    if (piece == NULL || assembly->room != 0 || chunk->bytes.size != TROUPE_CHUNK_BYTES_MAX) {
        return false;
    }
    size_t offset = (size_t)(chunk->bytes.data - (*piece)->room);
    (*piece)->data = (*piece)->room + offset;
    (*piece)->size = chunk->bytes.size;
    append(assembly, *piece);
    *piece = NULL;
    assembly->received += chunk->bytes.size;
    return true;
}

/* Adds a chunk. Returns the message when it is complete. The lock is held. */
static struct troupe_message *add_chunk(struct ti_pieces *pieces, struct ti_assembly *assembly,
                                        const struct frame_chunk *chunk,
                                        struct troupe_chunk **piece, int *ret_error)
{
    if (chunk->offset != assembly->received || chunk->bytes.size == 0 ||
        chunk->bytes.size > assembly->expected - assembly->received ||
        chunk->last != (assembly->received + chunk->bytes.size == assembly->expected)) {
        *ret_error = TROUPE_EPROTOCOL;
        return NULL;
    }
    size_t at = keep_piece(assembly, chunk, piece) ? chunk->bytes.size : 0;
    while (at < chunk->bytes.size) {
        if (assembly->room == 0 && !add_piece(pieces, assembly)) {
            *ret_error = TROUPE_ENOMEM;
            return NULL;
        }
        size_t left = chunk->bytes.size - at;
        size_t size = left < assembly->room ? left : assembly->room;
        memcpy(assembly->last->data + assembly->last->size, chunk->bytes.data + at, size);
        assembly->last->size += size;
        assembly->room -= size;
        assembly->received += size;
        at += size;
    }
    if (!chunk->last) {
        return NULL;
    }
    struct troupe_message *message = assembly->message;
    message->body.blob = (struct troupe_blob){
        .data = message->chunks->next == NULL ? message->chunks->data : NULL,
        .size = assembly->expected,
        .chunks = message->chunks};
    *assembly = (struct ti_assembly){0};
    return message;
}

/* Counts a chunk, and adds it to what it belongs to. Returns the message when that is complete. */
static struct troupe_message *take_chunk(struct ti_link *link, enum ti_blobs which,
                                         struct ti_assembly *assembly,
                                         const struct frame_chunk *chunk,
                                         struct troupe_chunk **piece)
{
    struct ti_blob_lane *blobs = &link->blobs[which];
    int code = 0;
    if (blobs->unread_bytes + blobs->owed_bytes + chunk->bytes.size > TROUPE_LINK_BLOB_BYTES_MAX) {
        ti_link_refuse(link, TROUPE_EPROTOCOL, "more of blobs than the credit given");
        return NULL;
    }
    blobs->unread_bytes += chunk->bytes.size;
    if (assembly == NULL || assembly->message == NULL) { /* given up, or refused: let it pass */
        ti_link_blobs_read(link, which, chunk->bytes.size);
        return NULL;
    }
    struct troupe_message *message = add_chunk(link->troupe->pieces, assembly, chunk, piece, &code);
    if (code != 0) {
        ti_link_refuse(link, code, "a chunk that does not continue its blob");
    } else if (message != NULL && which == TI_BLOBS_ANSWERED) {
        ti_link_blobs_read(link, which, message->body.blob.size);
    } else {
        give_credit(link, which);
    }
    return message;
}

void ti_link_handle_chunk(struct ti_link *link, const struct frame_chunk *chunk,
                          struct troupe_chunk **piece)
{
    struct ti_address to = {.kind = TI_NOBODY};
    struct ti_outgoing *done = NULL;
    uint64_t actor = 0;
    uint32_t used = 0;
    bool answer = (chunk->stream & 1) != 0;
    uint64_t id = chunk->stream >> 1;
    pthread_mutex_lock(&link->lock);
    struct ti_outgoing *outgoing = answer ? ti_table_get(&link->outgoing, id) : NULL;
    struct ti_incoming *incoming = answer ? NULL : ti_table_get(&link->incoming, id);
    struct ti_assembly *assembly = outgoing != NULL   ? &outgoing->assembly
                                   : incoming != NULL ? &incoming->assembly
                                                      : NULL;
    struct troupe_message *message = take_chunk(link, answer ? TI_BLOBS_ANSWERED : TI_BLOBS_ASKED,
                                                assembly, chunk, piece);
    if (message != NULL && outgoing != NULL) {
        to = ti_address_hold(outgoing->failed.from);
        if (message->kind == TI_REPLY) {
            done = ti_table_take(&link->outgoing, id);
            ti_link_progress(link);
        }
    } else if (message != NULL) {
        actor = incoming->actor;
        used = link->unread_messages - 1;
        ((struct troupe_call *)message)->blob_from = ti_link_hold(link);
    }
    pthread_mutex_unlock(&link->lock);
    if (message == NULL) {
        return;
    }
    if (actor == 0) {
        ti_deliver(link->troupe, &to, message);
        ti_address_release(&to);
        if (done != NULL) {
            ti_outgoing_free(done);
        }
    } else {
        int code = ti_push_for_peer(link->troupe, actor, message, used);
        if (code != 0) {
            ti_bounce(link->troupe, message, code, NULL);
        }
    }
}
