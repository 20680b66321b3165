/* frame.c - see frame.h.
 *
 * Each kind has a pair of functions, one that reads its elements and one that writes them, in the
 * same order as in frame.h. The reader and writer are sticky, so both are plain lists; what goes
 * wrong is asked for once, at the end. A value that the codec calls invalid is malformed here: a
 * frame is the bus's own, there is no interface to bend. */
#include "bus/frame.h"

#include <assert.h>
#include <string.h>

#include "bus/cbor.h"
#include "bus/chunk.h"
#include "bus/values.h"

/* ---- elements -------------------------------------------------------------------------------- */

static uint32_t get_u32(struct troupe_reader *reader, const char *what)
{
    return (uint32_t)troupe_get_uint(reader, UINT32_MAX, what);
}

static uint64_t get_u64(struct troupe_reader *reader, const char *what)
{
    return troupe_get_uint(reader, UINT64_MAX, what);
}

/* A number that is never 0: ids, sequences, sizes, codes. */
static uint64_t get_nonzero(struct troupe_reader *reader, uint64_t max, const char *what)
{
    uint64_t value = troupe_get_uint(reader, max, what);
    if (value == 0)
        troupe_get_invalid(reader, what);
    return value;
}

static void put_nonzero(struct troupe_writer *writer, uint64_t value, const char *what)
{
    if (value == 0)
        troupe_put_invalid(writer, what);
    troupe_put_uint(writer, value);
}

/* An array of exactly `count` elements. Follow it with troupe_get_array_end. */
static void get_tuple(struct troupe_reader *reader, size_t count, const char *what)
{
    if (ti_get_array(reader, count, what) != count)
        troupe_get_invalid(reader, what);
}

static void put_array(struct troupe_writer *writer, size_t count)
{
    troupe_put_array(writer, count, count, NULL);
}

static void get_refs(struct troupe_reader *reader, struct frame_body *ret_body)
{
    size_t count = ti_get_array(reader, TROUPE_REFS_MAX, "refs");
    for (size_t i = 0; i < count; i++) {
        struct frame_ref *ref = &ret_body->refs[i];
        get_tuple(reader, 2, "ref");
        ref->owner = (enum frame_owner)troupe_get_uint(reader, FRAME_OWNER_RECEIVER, "owner");
        ref->id = get_u64(reader, "ref");
        troupe_get_array_end(reader);
    }
    troupe_get_array_end(reader);
    ret_body->refs_count = count;
}

static void put_refs(struct troupe_writer *writer, const struct frame_body *body)
{
    troupe_put_array(writer, body->refs_count, TROUPE_REFS_MAX, "refs");
    for (size_t i = 0; i < body->refs_count && !writer->error; i++) {
        put_array(writer, 2);
        troupe_put_uint(writer, body->refs[i].owner);
        troupe_put_uint(writer, body->refs[i].id);
    }
}

static void put_map(struct troupe_writer *writer, struct troupe_bytes map, size_t max)
{
    if (map.size == 0 || map.size > max)
        troupe_put_invalid(writer, "map");
    ti_put_raw(writer, map);
}

/* The map and as many of refs and blob as the frame has elements left. */
static void get_body(struct troupe_reader *reader, size_t optional, struct frame_body *ret_body)
{
    ret_body->refs_count = 0;
    ret_body->blob_size = 0;
    ret_body->data = ti_get_raw_map(reader, TROUPE_FRAME_BYTES_MAX, "map");
    if (optional > 0)
        get_refs(reader, ret_body);
    if (optional == 1 && ret_body->refs_count == 0)
        troupe_get_invalid(reader, "refs");
    if (optional > 1)
        ret_body->blob_size = get_nonzero(reader, UINT64_MAX, "blob");
}

static size_t body_optional(const struct frame_body *body)
{
    if (body->blob_size > 0)
        return 2;
    return body->refs_count > 0 ? 1 : 0;
}

static void put_body(struct troupe_writer *writer, const struct frame_body *body)
{
    size_t optional = body_optional(body);
    put_map(writer, body->data, TROUPE_FRAME_BYTES_MAX);
    if (optional > 0)
        put_refs(writer, body);
    if (optional > 1)
        troupe_put_uint(writer, body->blob_size);
}

/* ---- writing: begin and end ------------------------------------------------------------------ */

static void frame_begin(struct troupe_writer *writer, uint8_t *to, size_t max, size_t elements,
                        enum frame_kind kind)
{
    ti_writer_init_at(writer, to, max);
    put_array(writer, elements);
    troupe_put_uint(writer, kind);
}

static size_t frame_end(const struct troupe_writer *writer)
{
    return writer->error ? 0 : writer->size;
}

/* ---- hello ----------------------------------------------------------------------------------- */

static void get_interface(struct troupe_reader *reader, struct frame_interface *ret_interface)
{
    get_tuple(reader, 3, "interface");
    ret_interface->id = get_u32(reader, "interface");
    ret_interface->version = get_u32(reader, "version");
    ret_interface->hash = get_u64(reader, "hash");
    troupe_get_array_end(reader);
}

static struct troupe_text get_role(struct troupe_reader *reader)
{
    struct troupe_text role = troupe_get_text(reader, TROUPE_NAME_BYTES_MAX, "role");
    if (role.size == 0)
        troupe_get_invalid(reader, "role");
    return role;
}

static struct frame_list list_begin(const struct troupe_reader *reader, size_t count)
{
    return (struct frame_list){.data = reader->data + reader->at, .count = count};
}

static void list_end(const struct troupe_reader *reader, struct frame_list *list)
{
    list->size = (size_t)(reader->data + reader->at - list->data);
}

static void read_hello(struct troupe_reader *reader, size_t optional, struct frame_hello *ret_hello)
{
    ret_hello->protocol = get_u32(reader, "protocol");
    ret_hello->frame_bytes_max = get_u32(reader, "max_frame");
    ret_hello->inflight_max = get_u32(reader, "max_inflight");

    size_t count = ti_get_array(reader, TROUPE_INTERFACES_MAX, "interfaces");
    ret_hello->interfaces = list_begin(reader, count);
    for (size_t i = 0; i < count; i++) {
        struct frame_interface interface;
        get_interface(reader, &interface);
    }
    list_end(reader, &ret_hello->interfaces);
    troupe_get_array_end(reader);

    count = ti_get_array(reader, TROUPE_ROLES_MAX, "roles");
    ret_hello->roles = list_begin(reader, count);
    for (size_t i = 0; i < count; i++)
        get_role(reader);
    list_end(reader, &ret_hello->roles);
    troupe_get_array_end(reader);

    for (size_t i = 0; i < optional; i++)
        troupe_get_skip(reader);
}

size_t ti_frame_write_hello(uint8_t *to, size_t max, uint32_t inflight_max,
                            const struct frame_interface *interfaces, size_t interfaces_count,
                            const char *const *roles, size_t roles_count)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 6, FRAME_HELLO);
    troupe_put_uint(&writer, TI_PROTOCOL);
    troupe_put_uint(&writer, TROUPE_FRAME_BYTES_MAX);
    troupe_put_uint(&writer, inflight_max);
    troupe_put_array(&writer, interfaces_count, TROUPE_INTERFACES_MAX, "interfaces");
    for (size_t i = 0; i < interfaces_count && !writer.error; i++) {
        put_array(&writer, 3);
        troupe_put_uint(&writer, interfaces[i].id);
        troupe_put_uint(&writer, interfaces[i].version);
        troupe_put_uint(&writer, interfaces[i].hash);
    }
    troupe_put_array(&writer, roles_count, TROUPE_ROLES_MAX, "roles");
    for (size_t i = 0; i < roles_count && !writer.error; i++) {
        struct troupe_text role = troupe_text(roles[i]);
        if (role.size == 0)
            troupe_put_invalid(&writer, "role");
        troupe_put_text(&writer, role, TROUPE_NAME_BYTES_MAX, "role");
    }
    return frame_end(&writer);
}

/* ---- requests and their answers -------------------------------------------------------------- */

static void read_request(struct troupe_reader *reader, size_t optional,
                         struct frame_request *ret_request)
{
    ret_request->id = get_u64(reader, "id");
    ret_request->target = get_u64(reader, "target");
    ret_request->interface = get_u32(reader, "interface");
    ret_request->method = get_u32(reader, "method");
    ret_request->budget_ms = (uint32_t)troupe_get_uint(reader, TROUPE_DEADLINE_MS_MAX, "budget_ms");
    ret_request->waiting = 0;
    if (ti_get_array(reader, 1, "waiting") != 0) {
        ret_request->waiting = get_u64(reader, "waiting");
        if (ret_request->waiting == 0)
            troupe_get_invalid(reader, "waiting");
    }
    troupe_get_array_end(reader);
    ret_request->trace = get_u64(reader, "trace");
    get_body(reader, optional, &ret_request->body);
    if (ret_request->id == 0 && ret_request->body.blob_size > 0)
        troupe_get_invalid(reader, "a tell's blob");
}

size_t ti_frame_write_request(uint8_t *to, size_t max, const struct frame_request *request)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 9 + body_optional(&request->body), FRAME_REQUEST);
    troupe_put_uint(&writer, request->id);
    troupe_put_uint(&writer, request->target);
    troupe_put_uint(&writer, request->interface);
    troupe_put_uint(&writer, request->method);
    if (request->budget_ms > TROUPE_DEADLINE_MS_MAX)
        troupe_put_invalid(&writer, "budget_ms");
    troupe_put_uint(&writer, request->budget_ms);
    troupe_put_array(&writer, request->waiting != 0, 1, "waiting");
    if (request->waiting != 0)
        troupe_put_uint(&writer, request->waiting);
    troupe_put_uint(&writer, request->trace);
    if (request->id == 0 && request->body.blob_size > 0)
        troupe_put_invalid(&writer, "a tell's blob");
    put_body(&writer, &request->body);
    return frame_end(&writer);
}

static void read_reply(struct troupe_reader *reader, size_t optional, struct frame_reply *ret_reply)
{
    ret_reply->id = get_nonzero(reader, UINT64_MAX, "id");
    get_body(reader, optional, &ret_reply->body);
}

size_t ti_frame_write_reply(uint8_t *to, size_t max, const struct frame_reply *reply)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 3 + body_optional(&reply->body), FRAME_REPLY);
    put_nonzero(&writer, reply->id, "id");
    put_body(&writer, &reply->body);
    return frame_end(&writer);
}

static void read_error(struct troupe_reader *reader, struct frame_error *ret_error)
{
    ret_error->id = get_nonzero(reader, UINT64_MAX, "id");
    ret_error->code = (uint32_t)get_nonzero(reader, UINT32_MAX, "code");
    ret_error->text = troupe_get_text(reader, TROUPE_TEXT_BYTES_MAX, "text");
    ret_error->data = (struct troupe_bytes){0};
    if (!troupe_get_null(reader))
        ret_error->data = ti_get_raw_map(reader, TROUPE_ERROR_DATA_BYTES_MAX, "data");
}

size_t ti_frame_write_error(uint8_t *to, size_t max, const struct frame_error *error)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 5, FRAME_ERROR);
    put_nonzero(&writer, error->id, "id");
    put_nonzero(&writer, error->code, "code");
    troupe_put_text(&writer, error->text, TROUPE_TEXT_BYTES_MAX, "text");
    if (error->data.size > 0)
        put_map(&writer, error->data, TROUPE_ERROR_DATA_BYTES_MAX);
    else
        troupe_put_null(&writer);
    return frame_end(&writer);
}

static void read_item(struct troupe_reader *reader, size_t optional, struct frame_item *ret_item)
{
    ret_item->id = get_nonzero(reader, UINT64_MAX, "id");
    ret_item->index = get_u64(reader, "index");
    get_body(reader, optional, &ret_item->body);
}

size_t ti_frame_write_item(uint8_t *to, size_t max, const struct frame_item *item)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 4 + body_optional(&item->body), FRAME_ITEM);
    put_nonzero(&writer, item->id, "id");
    troupe_put_uint(&writer, item->index);
    put_body(&writer, &item->body);
    return frame_end(&writer);
}

static void read_chunk(struct troupe_reader *reader, struct frame_chunk *ret_chunk)
{
    ret_chunk->stream = get_nonzero(reader, UINT64_MAX, "stream");
    ret_chunk->offset = get_u64(reader, "offset");
    ret_chunk->bytes = troupe_get_bytes(reader, TROUPE_CHUNK_BYTES_MAX, "bytes");
    if (ret_chunk->bytes.size == 0)
        troupe_get_invalid(reader, "bytes");
    ret_chunk->last = troupe_get_bool(reader, "last");
}

/* All before the bytes, and all behind them. */
static size_t write_chunk_head(uint8_t *to, size_t max, const struct frame_chunk *chunk)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 5, FRAME_CHUNK);
    put_nonzero(&writer, chunk->stream, "stream");
    troupe_put_uint(&writer, chunk->offset);
    if (chunk->bytes.size == 0 || chunk->bytes.size > TROUPE_CHUNK_BYTES_MAX)
        troupe_put_invalid(&writer, "bytes");
    ti_put_bytes_head(&writer, chunk->bytes.size);
    return frame_end(&writer);
}

static size_t write_chunk_tail(uint8_t *to, size_t max, const struct frame_chunk *chunk)
{
    struct troupe_writer writer;
    ti_writer_init_at(&writer, to, max);
    troupe_put_bool(&writer, chunk->last);
    return frame_end(&writer);
}

size_t ti_frame_write_chunk(uint8_t *to, size_t max, const struct frame_chunk *chunk)
{
    size_t head = write_chunk_head(to, max, chunk);
    size_t size = head + chunk->bytes.size;
    if (head == 0 || size > max)
        return 0;
    memcpy(to + head, chunk->bytes.data, chunk->bytes.size);
    size_t tail = write_chunk_tail(to + size, max - size, chunk);
    return tail != 0 ? size + tail : 0;
}

struct troupe_bytes ti_frame_around_chunk(uint8_t *bytes, const struct frame_chunk *chunk)
{
    uint8_t head[TI_CHUNK_MARGIN_BYTES];
    size_t head_size = write_chunk_head(head, sizeof head, chunk);
    memcpy(bytes - head_size, head, head_size);
    size_t tail = write_chunk_tail(bytes + chunk->bytes.size, TI_CHUNK_MARGIN_BYTES, chunk);
    assert(head_size != 0 && tail != 0);
    return (struct troupe_bytes){.data = bytes - head_size,
                                 .size = head_size + chunk->bytes.size + tail};
}

size_t ti_frame_write_cancel(uint8_t *to, size_t max, uint64_t id)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 2, FRAME_CANCEL);
    put_nonzero(&writer, id, "id");
    return frame_end(&writer);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void read_event(struct troupe_reader *reader, struct frame_event *ret_event)
{
    ret_event->interface = get_u32(reader, "interface");
    ret_event->event = get_u32(reader, "event");
    ret_event->source = get_u64(reader, "source");
    ret_event->epoch = get_u64(reader, "epoch");
    ret_event->sequence = get_nonzero(reader, UINT64_MAX, "sequence");
    ret_event->body.blob_size = 0;
    ret_event->body.data = ti_get_raw_map(reader, TROUPE_EVENT_BYTES_MAX, "fields");
    get_refs(reader, &ret_event->body);
    for (size_t i = 0; i < ret_event->body.refs_count && !reader->error; i++) {
        if (ret_event->body.refs[i].owner != FRAME_OWNER_SENDER)
            troupe_get_invalid(reader, "owner");
    }
}

/* The head of an event up to its source: its topic. */
static void put_topic(struct troupe_writer *writer, uint32_t interface, uint32_t event,
                      uint64_t source)
{
    troupe_put_uint(writer, interface);
    troupe_put_uint(writer, event);
    troupe_put_uint(writer, source);
}

size_t ti_frame_write_event(uint8_t *to, size_t max, const struct frame_event *event)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 8, FRAME_EVENT);
    put_topic(&writer, event->interface, event->event, event->source);
    troupe_put_uint(&writer, event->epoch);
    put_nonzero(&writer, event->sequence, "sequence");
    put_map(&writer, event->body.data, TROUPE_EVENT_BYTES_MAX);
    for (size_t i = 0; i < event->body.refs_count && !writer.error; i++) {
        if (event->body.refs[i].owner != FRAME_OWNER_SENDER)
            troupe_put_invalid(&writer, "owner");
    }
    if (event->body.blob_size > 0)
        troupe_put_invalid(&writer, "an event's blob");
    put_refs(&writer, &event->body);
    return frame_end(&writer);
}

size_t ti_frame_topic(uint8_t *to, uint32_t interface, uint32_t event, uint64_t source)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, TI_FRAME_TOPIC_BYTES_MAX, 8, FRAME_EVENT);
    put_topic(&writer, interface, event, source);
    return frame_end(&writer);
}

static void get_topic(struct troupe_reader *reader, struct frame_topic *ret_topic)
{
    get_tuple(reader, 4, "topic");
    ret_topic->interface = get_u32(reader, "interface");
    ret_topic->event = get_u32(reader, "event");
    ret_topic->source = get_u64(reader, "source");
    ret_topic->sequence = get_u64(reader, "sequence");
    troupe_get_array_end(reader);
}

static void read_heartbeat(struct troupe_reader *reader, struct frame_heartbeat *ret_heartbeat)
{
    ret_heartbeat->epoch = get_u64(reader, "epoch");
    size_t count = ti_get_array(reader, TI_FRAME_HEARTBEAT_TOPICS_MAX, "topics");
    ret_heartbeat->topics = list_begin(reader, count);
    for (size_t i = 0; i < count; i++) {
        struct frame_topic topic;
        get_topic(reader, &topic);
    }
    list_end(reader, &ret_heartbeat->topics);
    troupe_get_array_end(reader);
}

size_t ti_frame_write_heartbeat(uint8_t *to, size_t max, uint64_t epoch,
                                const struct frame_topic *topics, size_t topics_count)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 3, FRAME_HEARTBEAT);
    troupe_put_uint(&writer, epoch);
    troupe_put_array(&writer, topics_count, TI_FRAME_HEARTBEAT_TOPICS_MAX, "topics");
    for (size_t i = 0; i < topics_count && !writer.error; i++) {
        put_array(&writer, 4);
        put_topic(&writer, topics[i].interface, topics[i].event, topics[i].source);
        troupe_put_uint(&writer, topics[i].sequence);
    }
    return frame_end(&writer);
}

/* ---- the link itself ------------------------------------------------------------------------- */

static void read_credit(struct troupe_reader *reader, struct frame_credit *ret_credit)
{
    ret_credit->channel = get_u64(reader, "channel");
    ret_credit->bytes = get_u32(reader, "bytes");
    ret_credit->messages = get_u32(reader, "messages");
}

size_t ti_frame_write_credit(uint8_t *to, size_t max, const struct frame_credit *credit)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 4, FRAME_CREDIT);
    troupe_put_uint(&writer, credit->channel);
    troupe_put_uint(&writer, credit->bytes);
    troupe_put_uint(&writer, credit->messages);
    return frame_end(&writer);
}

static void read_goaway(struct troupe_reader *reader, struct frame_goaway *ret_goaway)
{
    ret_goaway->code = (uint32_t)get_nonzero(reader, UINT32_MAX, "code");
    ret_goaway->text = troupe_get_text(reader, TROUPE_TEXT_BYTES_MAX, "text");
    ret_goaway->last_id = get_u64(reader, "last_id");
}

size_t ti_frame_write_goaway(uint8_t *to, size_t max, const struct frame_goaway *goaway)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 4, FRAME_GOAWAY);
    put_nonzero(&writer, goaway->code, "code");
    troupe_put_text(&writer, goaway->text, TROUPE_TEXT_BYTES_MAX, "text");
    troupe_put_uint(&writer, goaway->last_id);
    return frame_end(&writer);
}

size_t ti_frame_write_bye(uint8_t *to, size_t max)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 1, FRAME_BYE);
    return frame_end(&writer);
}

size_t ti_frame_write_bye_ack(uint8_t *to, size_t max)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 1, FRAME_BYE_ACK);
    return frame_end(&writer);
}

size_t ti_frame_write_drop(uint8_t *to, size_t max, uint64_t target)
{
    struct troupe_writer writer;
    frame_begin(&writer, to, max, 2, FRAME_DROP);
    troupe_put_uint(&writer, target);
    return frame_end(&writer);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* How many elements each kind has, the kind included, and how many more it may have. */
struct frame_shape {
    uint8_t elements;
    uint8_t optional;
};
static const struct frame_shape SHAPES[] = {
    [FRAME_HELLO] = {6, 5},     [FRAME_REQUEST] = {9, 2}, [FRAME_REPLY] = {3, 2},
    [FRAME_ERROR] = {5, 0},     [FRAME_EVENT] = {8, 0},   [FRAME_CANCEL] = {2, 0},
    [FRAME_CREDIT] = {4, 0},    [FRAME_ITEM] = {4, 2},    [FRAME_CHUNK] = {5, 0},
    [FRAME_GOAWAY] = {4, 0},    [FRAME_BYE] = {1, 0},     [FRAME_BYE_ACK] = {1, 0},
    [FRAME_HEARTBEAT] = {3, 0}, [FRAME_DROP] = {2, 0},
};
#define KINDS_COUNT  (sizeof SHAPES / sizeof SHAPES[0])
#define ELEMENTS_MAX 11

static void read_elements(struct troupe_reader *reader, size_t optional, struct frame *ret_frame)
{
    switch (ret_frame->kind) {
    case FRAME_HELLO:
        read_hello(reader, optional, &ret_frame->hello);
        break;
    case FRAME_REQUEST:
        read_request(reader, optional, &ret_frame->request);
        break;
    case FRAME_REPLY:
        read_reply(reader, optional, &ret_frame->reply);
        break;
    case FRAME_ERROR:
        read_error(reader, &ret_frame->error);
        break;
    case FRAME_EVENT:
        read_event(reader, &ret_frame->event);
        break;
    case FRAME_CANCEL:
        ret_frame->cancel = get_nonzero(reader, UINT64_MAX, "id");
        break;
    case FRAME_CREDIT:
        read_credit(reader, &ret_frame->credit);
        break;
    case FRAME_ITEM:
        read_item(reader, optional, &ret_frame->item);
        break;
    case FRAME_CHUNK:
        read_chunk(reader, &ret_frame->chunk);
        break;
    case FRAME_GOAWAY:
        read_goaway(reader, &ret_frame->goaway);
        break;
    case FRAME_BYE:
    case FRAME_BYE_ACK:
        break;
    case FRAME_HEARTBEAT:
        read_heartbeat(reader, &ret_frame->heartbeat);
        break;
    case FRAME_DROP:
        ret_frame->drop = get_u64(reader, "target");
        break;
    }
}

static int read_failed(struct troupe_reader *reader, struct troupe_error *ret_error)
{
    if (reader->error == TROUPE_EINVAL)
        reader->error = TROUPE_EMALFORMED;
    return troupe_reader_finish(reader, ret_error);
}

int ti_frame_read(const uint8_t *data, size_t size, size_t *ret_used, struct frame *ret_frame,
                  struct troupe_error *ret_error)
{
    struct troupe_reader reader;
    ti_reader_init(&reader, data, size, NULL, NULL);
    reader.items_left += TI_FRAME_HEAD_ITEMS_MAX;
    size_t elements = ti_get_array(&reader, ELEMENTS_MAX, "frame");
    uint64_t kind = get_u64(&reader, "kind");
    if (reader.error)
        return read_failed(&reader, ret_error);
    if (kind >= KINDS_COUNT) {
        ti_error_format(ret_error, TROUPE_EPROTOCOL, "frame: unknown kind %llu",
                        (unsigned long long)kind);
        return TROUPE_EPROTOCOL;
    }
    struct frame_shape shape = SHAPES[kind];
    if (elements < shape.elements || elements > (size_t)shape.elements + shape.optional)
        troupe_get_invalid(&reader, "number of elements");
    ret_frame->kind = (enum frame_kind)kind;
    if (!reader.error)
        read_elements(&reader, elements - shape.elements, ret_frame);
    if (reader.error)
        return read_failed(&reader, ret_error);
    *ret_used = reader.at;
    return 0;
}

/* ---- lists of a frame that was read ---------------------------------------------------------- */

static bool list_next(struct frame_list *list, struct troupe_reader *ret_reader)
{
    if (list->count == 0)
        return false;
    ti_reader_init(ret_reader, list->data, list->size, NULL, NULL);
    return true;
}

static void list_advance(struct frame_list *list, const struct troupe_reader *reader)
{
    list->data += reader->at;
    list->size -= reader->at;
    list->count--;
}

bool ti_frame_next_interface(struct frame_list *list, struct frame_interface *ret_interface)
{
    struct troupe_reader reader;
    if (!list_next(list, &reader))
        return false;
    get_interface(&reader, ret_interface);
    list_advance(list, &reader);
    return true;
}

bool ti_frame_next_role(struct frame_list *list, struct troupe_text *ret_role)
{
    struct troupe_reader reader;
    if (!list_next(list, &reader))
        return false;
    *ret_role = get_role(&reader);
    list_advance(list, &reader);
    return true;
}

bool ti_frame_next_topic(struct frame_list *list, struct frame_topic *ret_topic)
{
    struct troupe_reader reader;
    if (!list_next(list, &reader))
        return false;
    get_topic(&reader, ret_topic);
    list_advance(list, &reader);
    return true;
}
