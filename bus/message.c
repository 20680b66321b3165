/* message.c - the memory of messages.
 *
 * A message is one allocation: the struct, then a copy of its bytes and refs. Events share one copy
 * of their bytes among all receivers. A blob hangs on as a list of chunks. Nothing is changed after
 * it was pushed, but for the list pointer and the hold count. */
#include <stdlib.h>
#include <string.h>

#include "bus/runtime.h"

static size_t head_size(enum ti_kind kind)
{
    return kind == TI_REQUEST ? sizeof(struct troupe_call) : sizeof(struct troupe_message);
}

/* Copies a blob into one chunk. */
static bool copy_blob(struct troupe_message *message, const struct troupe_blob *blob)
{
    struct troupe_chunk *chunk = ti_chunk_new(NULL, blob->size);
    if (chunk == NULL) {
        return false;
    }
    troupe_blob_copy(blob, chunk->data);
    message->chunks = chunk;
    message->body.blob = (struct troupe_blob){
        .data = chunk->data, .size = blob->size, .chunks = chunk};
    return true;
}

struct troupe_body ti_body(const struct troupe_body *body)
{
    static const uint8_t empty_map[] = {0xa0};
    struct troupe_body whole = body != NULL ? *body : (struct troupe_body){0};
    if (whole.size == 0) {
        whole.data = empty_map;
        whole.size = sizeof empty_map;
    }
    return whole;
}

struct troupe_message *ti_message_new(enum ti_kind kind, const struct troupe_body *body)
{
    static const struct troupe_body empty;
    body = body != NULL ? body : &empty;
    size_t head = head_size(kind);
    size_t refs_size = body->refs_count * sizeof *body->refs;
    struct troupe_message *message = malloc(head + refs_size + body->size);
    if (message == NULL) {
        return NULL;
    }
    memset(message, 0, head);
    atomic_init(&message->holders, 1);
    message->kind = kind;
    struct troupe_ref *refs = (struct troupe_ref *)((uint8_t *)message + head);
    uint8_t *data = (uint8_t *)refs + refs_size;
    if (refs_size != 0) {
        memcpy(refs, body->refs, refs_size);
    }
    if (body->size != 0) {
        memcpy(data, body->data, body->size);
    }
    message->body = (struct troupe_body){
        .data = data, .size = body->size, .refs = refs, .refs_count = body->refs_count};
    if (body->blob.size != 0 && !copy_blob(message, &body->blob)) {
        free(message);
        return NULL;
    }
    return message;
}

struct troupe_message *ti_message_shared(enum ti_kind kind, struct ti_shared *shared)
{
    struct troupe_message *message = ti_message_new(kind, NULL);
    if (message == NULL) {
        return NULL;
    }
    message->shared = ti_shared_hold(shared);
    message->body = (struct troupe_body){.data = shared->data,
                                         .size = shared->size,
                                         .refs = shared->refs,
                                         .refs_count = shared->refs_count};
    return message;
}

struct troupe_message *ti_message_error_copy(const struct troupe_error *error)
{
    struct troupe_message *message = ti_message_new(TI_ERROR, NULL);
    if (message == NULL) {
        return NULL;
    }
    message->as.error = malloc(sizeof *error);
    if (message->as.error == NULL) {
        free(message);
        return NULL;
    }
    *message->as.error = *error;
    return message;
}

struct troupe_message *ti_message_error(int code, const char *text)
{
    struct troupe_error error;
    ti_error_set(&error, code, text);
    return ti_message_error_copy(&error);
}

const struct troupe_error *ti_message_story(const struct troupe_message *message,
                                            struct troupe_error *room)
{
    if (message->kind == TI_FAILED) {
        ti_error_set(room, message->as.why, NULL);
        return room;
    }
    return message->kind == TI_ERROR ? message->as.error : NULL;
}

void ti_message_release(struct troupe_message *message)
{
    if (atomic_load_explicit(&message->holders, memory_order_acquire) != 1 && /* else it is ours */
        atomic_fetch_sub_explicit(&message->holders, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (message->kind == TI_ERROR) {
        free(message->as.error);
    } else if (message->kind == TI_RUN) {
        free(message->as.job.argument); /* its actor was gone */
    }
    if (message->wipe && message->shared == NULL && message->body.size != 0) {
        explicit_bzero((uint8_t *)message->body.data, message->body.size);
    }
    ti_chunks_free(message->chunks, message->wipe);
    if (message->shared != NULL) {
        ti_shared_release(message->shared);
    }
    ti_address_release(&message->from);
    if (message->wipe) {
        ti_arena_wipe(&message->arena);
    }
    ti_arena_free(&message->arena);
    if (message->kind == TI_REQUEST) {
        struct troupe_call *call = (struct troupe_call *)message;
        ti_call_credit(call);
        if (call->blob_from != NULL) {
            ti_link_blob_consumed(call->blob_from, message->body.blob.size);
            ti_link_release(call->blob_from);
        }
    }
    free(message);
}

struct ti_shared *ti_shared_new(const struct troupe_body *body)
{
    struct ti_shared *shared = malloc(sizeof *shared + body->size);
    if (shared == NULL) {
        return NULL;
    }
    atomic_init(&shared->holders, 1);
    shared->size = body->size;
    shared->refs_count = body->refs_count;
    for (size_t i = 0; i < body->refs_count; i++) {
        shared->refs[i] = body->refs[i];
    }
    if (body->size != 0) {
        memcpy(shared->data, body->data, body->size);
    }
    return shared;
}

struct ti_shared *ti_shared_hold(struct ti_shared *shared)
{
    atomic_fetch_add_explicit(&shared->holders, 1, memory_order_relaxed);
    return shared;
}

void ti_shared_release(struct ti_shared *shared)
{
    if (atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) == 1) {
        free(shared);
    }
}

struct ti_address ti_address_hold(struct ti_address address)
{
    if (address.kind == TI_TO_LINK) {
        ti_link_hold(address.object);
    } else if (address.kind == TI_TO_CALLER) {
        struct ti_caller *caller = address.object;
        atomic_fetch_add_explicit(&caller->holders, 1, memory_order_relaxed);
    }
    return address;
}

void ti_address_release(struct ti_address *address)
{
    if (address->kind == TI_TO_LINK) {
        ti_link_release(address->object);
    } else if (address->kind == TI_TO_CALLER) {
        ti_caller_release(address->object);
    }
    *address = (struct ti_address){.kind = TI_NOBODY};
}

void troupe_release(struct troupe_message *message)
{
    if (message != NULL) {
        ti_message_release(message);
    }
}
