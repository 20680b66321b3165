/* cbor_writer.c - writes one message in deterministic CBOR (RFC 8949, 4.2.1).
 *
 * Generated code calls it, one statement per field, on whichever thread sends; frames call it to
 * write their heads. libcbor's encoders pick the shortest form; the order of keys is the caller's
 * (ordinals rise). Nothing is allocated per message: a thread has one buffer, taken at its first
 * message and freed when it ends. A failure sticks: later calls do nothing, the send reports it. */
#include "bus/cbor.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cbor/encoding.h>

#include "bus/values.h"

/* ---- the thread's buffer --------------------------------------------------------------------- */

static _Thread_local uint8_t *thread_buffer;
static pthread_once_t buffer_once = PTHREAD_ONCE_INIT;
static pthread_key_t buffer_key; /* only so that the end of a thread frees its buffer */
static int buffer_key_error;

static void buffer_free(void *buffer)
{
    free(buffer);
    thread_buffer = NULL;
}

static void buffer_key_create(void)
{
    buffer_key_error = pthread_key_create(&buffer_key, buffer_free);
}

static uint8_t *buffer_create(void)
{
    pthread_once(&buffer_once, buffer_key_create);
    if (buffer_key_error)
        return NULL;
    uint8_t *buffer = malloc(TROUPE_FRAME_BYTES_MAX);
    if (buffer && pthread_setspecific(buffer_key, buffer)) {
        free(buffer);
        buffer = NULL;
    }
    thread_buffer = buffer;
    return buffer;
}

void ti_writer_thread_free(void)
{
    if (!thread_buffer)
        return;
    pthread_setspecific(buffer_key, NULL);
    buffer_free(thread_buffer);
}

/* ---- begin ----------------------------------------------------------------------------------- */

/* `refs` is left as it is: only the first refs_count are ever looked at. */
void ti_writer_init_at(struct troupe_writer *writer, uint8_t *buffer, size_t max)
{
    writer->data = buffer;
    writer->size = 0;
    writer->max = max;
    writer->items_left = TROUPE_ITEMS_MAX;
    writer->error = 0;
    writer->what = NULL;
    writer->refs_count = 0;
    writer->blob = (struct troupe_blob){0};
}

static void fail(struct troupe_writer *writer, int code, const char *what)
{
    if (writer->error)
        return;
    writer->error = code;
    writer->what = what;
}

void troupe_writer_init(struct troupe_writer *writer)
{
    uint8_t *buffer = thread_buffer ? thread_buffer : buffer_create();
    ti_writer_init_at(writer, buffer, buffer ? TROUPE_FRAME_BYTES_MAX : 0);
    if (!buffer)
        fail(writer, TROUPE_ENOMEM, "writer");
}

void ti_writer_wipe(const struct troupe_writer *writer)
{
    if (writer->data)
        explicit_bzero(writer->data, writer->size);
}

/* ---- items ----------------------------------------------------------------------------------- */

/* Counts an item, as the reader will; false after a failure. */
static bool item_begin(struct troupe_writer *writer)
{
    if (writer->error)
        return false;
    if (writer->items_left == 0) {
        fail(writer, TROUPE_ETOOLARGE, "TROUPE_ITEMS_MAX");
        return false;
    }
    writer->items_left--;
    return true;
}

/* libcbor's encoders return how much they wrote, 0 when there was no room. */
static void item_end(struct troupe_writer *writer, size_t written)
{
    if (written == 0)
        fail(writer, TROUPE_ETOOLARGE, "TROUPE_FRAME_BYTES_MAX");
    writer->size += written;
}

static uint8_t *end_of(const struct troupe_writer *writer)
{
    return writer->data + writer->size;
}

static size_t room_of(const struct troupe_writer *writer)
{
    return writer->max - writer->size;
}

static void copy(struct troupe_writer *writer, const void *data, size_t size)
{
    if (writer->error || size == 0)
        return;
    if (size > room_of(writer)) {
        fail(writer, TROUPE_ETOOLARGE, "TROUPE_FRAME_BYTES_MAX");
        return;
    }
    memcpy(end_of(writer), data, size);
    writer->size += size;
}

void troupe_put_uint(struct troupe_writer *writer, uint64_t value)
{
    if (item_begin(writer))
        item_end(writer, cbor_encode_uint(value, end_of(writer), room_of(writer)));
}

void troupe_put_int(struct troupe_writer *writer, int64_t value)
{
    if (value >= 0) {
        troupe_put_uint(writer, (uint64_t)value);
        return;
    }
    uint64_t encoded = ~(uint64_t)value; /* -1 - value */
    if (item_begin(writer))
        item_end(writer, cbor_encode_negint(encoded, end_of(writer), room_of(writer)));
}

void troupe_put_bool(struct troupe_writer *writer, bool value)
{
    if (item_begin(writer))
        item_end(writer, cbor_encode_bool(value, end_of(writer), room_of(writer)));
}

void troupe_put_null(struct troupe_writer *writer)
{
    if (item_begin(writer))
        item_end(writer, cbor_encode_null(end_of(writer), room_of(writer)));
}

void troupe_put_text(struct troupe_writer *writer, struct troupe_text text, size_t max,
                     const char *what)
{
    if (text.size > max || !ti_utf8_valid(text.data, text.size))
        fail(writer, TROUPE_EINVAL, what);
    if (!item_begin(writer))
        return;
    item_end(writer, cbor_encode_string_start(text.size, end_of(writer), room_of(writer)));
    copy(writer, text.data, text.size);
}

void troupe_put_bytes(struct troupe_writer *writer, struct troupe_bytes bytes, size_t max,
                      const char *what)
{
    if (bytes.size > max)
        fail(writer, TROUPE_EINVAL, what);
    troupe_put_fixed(writer, bytes.data, bytes.size);
}

void troupe_put_fixed(struct troupe_writer *writer, const uint8_t *data, size_t size)
{
    ti_put_bytes_head(writer, size);
    copy(writer, data, size);
}

void ti_put_bytes_head(struct troupe_writer *writer, size_t size)
{
    if (item_begin(writer))
        item_end(writer, cbor_encode_bytestring_start(size, end_of(writer), room_of(writer)));
}

void troupe_put_map(struct troupe_writer *writer, size_t pairs)
{
    if (item_begin(writer))
        item_end(writer, cbor_encode_map_start(pairs, end_of(writer), room_of(writer)));
}

void troupe_put_array(struct troupe_writer *writer, size_t count, size_t max, const char *what)
{
    if (count > max)
        fail(writer, TROUPE_EINVAL, what);
    if (item_begin(writer))
        item_end(writer, cbor_encode_array_start(count, end_of(writer), room_of(writer)));
}

void ti_put_raw(struct troupe_writer *writer, struct troupe_bytes items)
{
    copy(writer, items.data, items.size);
}

void troupe_put_invalid(struct troupe_writer *writer, const char *what)
{
    fail(writer, TROUPE_EINVAL, what);
}

/* ---- what travels beside the map ------------------------------------------------------------- */

/* The index of `ref` in the table; a ref that was put before keeps its index. */
void troupe_put_ref(struct troupe_writer *writer, struct troupe_ref ref)
{
    if (writer->error)
        return;
    if (troupe_ref_equal(ref, (struct troupe_ref){0})) {
        fail(writer, TROUPE_EINVAL, "ref");
        return;
    }
    size_t index = 0;
    while (index < writer->refs_count && !troupe_ref_equal(writer->refs[index], ref))
        index++;
    if (index == TROUPE_REFS_MAX) {
        fail(writer, TROUPE_ETOOLARGE, "TROUPE_REFS_MAX");
        return;
    }
    if (index == writer->refs_count)
        writer->refs[writer->refs_count++] = ref;
    troupe_put_uint(writer, index);
}

/* Valid until the thread's next one: it goes into the error that the same call returns. */
static const char *too_large(uint64_t size, uint64_t max, const char *what)
{
    static _Thread_local char text[TROUPE_TEXT_BYTES_MAX];
    snprintf(text, sizeof text,
             "%s: a blob of %" PRIu64 " bytes, where there may be at most %" PRIu64
             ": send larger things as a stream of blobs",
             what, size, max);
    return text;
}

void troupe_put_blob(struct troupe_writer *writer, struct troupe_blob blob, uint64_t max,
                     const char *what)
{
    bool second = blob.size > 0 && writer->blob.size > 0;
    bool nowhere = blob.size > 0 && !blob.data && !blob.chunks;
    if (blob.size > max)
        fail(writer, TROUPE_ETOOLARGE, too_large(blob.size, max, what));
    if (second || nowhere)
        fail(writer, TROUPE_EINVAL, what);
    if (writer->error)
        return;
    if (blob.size > 0)
        writer->blob = blob;
    troupe_put_uint(writer, blob.size);
}
