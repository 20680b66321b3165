/* cbor_reader.c - a strict cursor over one message.
 *
 * Generated code calls it, one statement per field, in the actor that receives; frames call it on
 * the receiving thread. Items come one by one, never as a tree, so that a few hostile bytes can't
 * make it allocate. What deterministic encoding (RFC 8949, 4.2.1) and this protocol forbid is refused:
 *
 *   not the shortest form, tags,
 *   floats, indefinite lengths,
 *   other simple values             ti_item_read
 *   counts beyond the end, depth    open_items
 *   keys that do not rise           key_check
 *   text that is not UTF-8          text_check
 *   bytes after the end             troupe_reader_finish
 *
 * What is borrowed from the input is valid as long as the input. A failure sticks: later calls give
 * zero, and the finishing call reports the first one, with its place. Bytes that no interface would
 * allow are TROUPE_EMALFORMED; a value that this one does not allow is TROUPE_EINVAL. */
#include "bus/cbor.h"

#include <string.h>

#include "bus/arena.h"
#include "bus/cbor_item.h"
#include "bus/values.h"

/* ---- taking ------------------------------------------------------------------------------------ */

static void fail_at(struct troupe_reader *reader, int code, const char *what, const char *why,
                    size_t at)
{
    if (reader->error)
        return;
    reader->error = code;
    reader->what = what;
    reader->why = why;
    reader->error_at = at;
}

/* Of bytes that no interface would allow. */
static void malformed(struct troupe_reader *reader, const char *why, size_t at)
{
    fail_at(reader, TROUPE_EMALFORMED, NULL, why, at);
}

/* Of a value that this interface does not allow. */
static void invalid(struct troupe_reader *reader, const char *what, const char *why,
                    const struct ti_item *item)
{
    fail_at(reader, TROUPE_EINVAL, what, why, item->at);
}

/* Takes the next item: of a container only its head. */
static bool take(struct troupe_reader *reader, struct ti_item *item)
{
    const char *why = NULL;
    if (reader->error)
        return false;
    item->at = reader->at;
    if (reader->at == reader->size) {
        malformed(reader, "ends too early", item->at);
        return false;
    }
    if (reader->items_left == 0) {
        malformed(reader, "more items than TROUPE_ITEMS_MAX", item->at);
        return false;
    }
    size_t taken = ti_item_read(reader->data + reader->at, reader->size - reader->at, item, &why);
    if (taken == 0) {
        malformed(reader, why, item->at);
        return false;
    }
    reader->at += taken;
    reader->items_left--;
    return true;
}

/* As take, of one kind; another is invalid. */
static bool take_kind(struct troupe_reader *reader, enum ti_item_kind kind, const char *what,
                      const char *why, struct ti_item *item)
{
    if (!take(reader, item))
        return false;
    if (item->kind == kind)
        return true;
    invalid(reader, what, why, item);
    return false;
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* The number of items in the container whose head is `item`. Each takes a byte at least, so a count
 * that the rest of the input can't hold is refused before anyone reserves memory for it. */
static bool open_items(struct troupe_reader *reader, const struct ti_item *item, unsigned depth,
                       uint64_t *ret_items)
{
    uint64_t left = reader->size - reader->at;
    if (left > reader->items_left)
        left = reader->items_left;
    uint64_t each = item->kind == ITEM_MAP ? 2 : 1;
    if (item->value > left / each) {
        malformed(reader, "a count beyond the end", item->at);
        return false;
    }
    if (depth >= TROUPE_DEPTH_MAX) {
        malformed(reader, "nested deeper than TROUPE_DEPTH_MAX", item->at);
        return false;
    }
    *ret_items = item->value * each;
    return true;
}

static bool key_check(struct troupe_reader *reader, const struct ti_item *item, bool first,
                      uint64_t last_key)
{
    if (item->kind != ITEM_UINT)
        malformed(reader, "a key that is not an ordinal", item->at);
    else if (!first && item->value <= last_key)
        malformed(reader, "keys that do not rise", item->at);
    return !reader->error;
}

static bool text_check(struct troupe_reader *reader, const struct ti_item *item)
{
    if (ti_utf8_valid((const char *)item->data, (size_t)item->value))
        return true;
    malformed(reader, "text that is not UTF-8", item->at);
    return false;
}

/* An open container while its items are passed over. */
struct level {
    uint64_t left;
    uint64_t last_key;
    bool map;
    bool first;
};

static bool level_is_at_key(const struct level *level)
{
    return level->map && level->left % 2 == 0;
}

/* Passes over one item with all that it holds; `depth` containers are open around it. */
static void walk(struct troupe_reader *reader, unsigned depth)
{
    struct level levels[TROUPE_DEPTH_MAX];
    size_t open = 0;
    do {
        struct level *level = open > 0 ? &levels[open - 1] : NULL;
        struct ti_item item;
        if (!take(reader, &item))
            return;
        if (level && level_is_at_key(level)) {
            if (!key_check(reader, &item, level->first, level->last_key))
                return;
            level->first = false;
            level->last_key = item.value;
        }
        if (level)
            level->left--;
        if (item.kind == ITEM_TEXT && !text_check(reader, &item))
            return;
        if (item.kind == ITEM_ARRAY || item.kind == ITEM_MAP) {
            uint64_t items;
            if (!open_items(reader, &item, depth + (unsigned)open, &items))
                return;
            levels[open++] = (struct level){
                .left = items, .map = item.kind == ITEM_MAP, .first = true};
        }
        while (open > 0 && levels[open - 1].left == 0)
            open--;
    } while (open > 0);
}

/* ---- begin and end --------------------------------------------------------------------------- */

void ti_reader_init(struct troupe_reader *reader, const uint8_t *data, size_t size,
                    const struct troupe_body *body, struct troupe_arena *arena)
{
    *reader = (struct troupe_reader){
        .data = data,
        .size = size,
        .items_left = TROUPE_ITEMS_MAX,
        .body = body,
        .arena = arena,
    };
}

void troupe_reader_init(struct troupe_reader *reader, const uint8_t *data, size_t size)
{
    ti_reader_init(reader, data, size, NULL, NULL);
}

int troupe_reader_finish(struct troupe_reader *reader, struct troupe_error *ret_error)
{
    if (reader->at != reader->size)
        malformed(reader, "bytes after the end", reader->at);
    if (!reader->error)
        return 0;
    const char *what = reader->what ? reader->what : "message";
    ti_error_format(ret_error, reader->error, "%s: %s, at byte %zu", what, reader->why,
                    reader->error_at);
    return reader->error;
}

/* ---- structure ------------------------------------------------------------------------------- */

void troupe_get_map(struct troupe_reader *reader, struct troupe_map *ret_map)
{
    *ret_map = (struct troupe_map){.first = true};
    struct ti_item item;
    uint64_t items;
    if (!take_kind(reader, ITEM_MAP, NULL, "a map was expected", &item) ||
        !open_items(reader, &item, reader->depth, &items))
        return;
    reader->depth++;
    ret_map->left = item.value;
}

bool troupe_get_key(struct troupe_reader *reader, struct troupe_map *map, uint64_t *ret_key)
{
    if (reader->error)
        return false;
    if (map->left == 0) {
        reader->depth--;
        return false;
    }
    struct ti_item item;
    if (!take(reader, &item) || !key_check(reader, &item, map->first, map->last_key))
        return false;
    map->left--;
    map->first = false;
    map->last_key = item.value;
    *ret_key = item.value;
    return true;
}

size_t ti_get_array(struct troupe_reader *reader, size_t max, const char *what)
{
    struct ti_item item;
    uint64_t items;
    if (!take_kind(reader, ITEM_ARRAY, what, "an array was expected", &item) ||
        !open_items(reader, &item, reader->depth, &items))
        return 0;
    if (items > max) {
        invalid(reader, what, "more elements than allowed", &item);
        return 0;
    }
    reader->depth++;
    return (size_t)items;
}

void *troupe_get_array(struct troupe_reader *reader, size_t max, size_t element_size,
                       size_t *ret_count, const char *what)
{
    *ret_count = 0;
    size_t at = reader->at;
    size_t count = ti_get_array(reader, max, what);
    if (count == 0 || element_size == 0) {
        *ret_count = count;
        return NULL;
    }
    void *elements = NULL;
    if (reader->arena && element_size <= TROUPE_ARENA_BYTES_MAX / count)
        elements = ti_arena_alloc(reader->arena, count * element_size);
    if (!elements) {
        fail_at(reader, TROUPE_ENOMEM, what, "no memory within TROUPE_ARENA_BYTES_MAX", at);
        return NULL;
    }
    *ret_count = count;
    return elements;
}

void troupe_get_array_end(struct troupe_reader *reader)
{
    if (!reader->error)
        reader->depth--;
}

void troupe_get_skip(struct troupe_reader *reader)
{
    walk(reader, reader->depth);
}

struct troupe_bytes ti_get_raw(struct troupe_reader *reader, size_t max, const char *what)
{
    size_t start = reader->at;
    walk(reader, 0);
    size_t size = reader->at - start;
    if (size > max)
        fail_at(reader, TROUPE_EINVAL, what, "longer than allowed", start);
    if (reader->error)
        return (struct troupe_bytes){0};
    return (struct troupe_bytes){.data = reader->data + start, .size = size};
}

struct troupe_bytes ti_get_raw_map(struct troupe_reader *reader, size_t max, const char *what)
{
    bool map = reader->at < reader->size && reader->data[reader->at] >> 5 == 5;
    if (!map)
        fail_at(reader, TROUPE_EMALFORMED, what, "a map was expected", reader->at);
    return ti_get_raw(reader, max, what);
}

/* ---- values ---------------------------------------------------------------------------------- */

uint64_t troupe_get_uint(struct troupe_reader *reader, uint64_t max, const char *what)
{
    struct ti_item item;
    if (!take_kind(reader, ITEM_UINT, what, "an unsigned integer was expected", &item))
        return 0;
    if (item.value <= max)
        return item.value;
    invalid(reader, what, "larger than allowed", &item);
    return 0;
}

int64_t troupe_get_int(struct troupe_reader *reader, int64_t min, int64_t max, const char *what)
{
    struct ti_item item;
    if (!take(reader, &item))
        return 0;
    if (item.kind != ITEM_UINT && item.kind != ITEM_NEGINT) {
        invalid(reader, what, "an integer was expected", &item);
        return 0;
    }
    bool fits = item.value <= INT64_MAX;
    int64_t value = fits ? (int64_t)item.value : 0;
    if (item.kind == ITEM_NEGINT)
        value = -1 - value;
    if (fits && value >= min && value <= max)
        return value;
    invalid(reader, what, "outside what is allowed", &item);
    return 0;
}

bool troupe_get_bool(struct troupe_reader *reader, const char *what)
{
    struct ti_item item;
    return take_kind(reader, ITEM_BOOL, what, "a boolean was expected", &item) && item.value;
}

bool troupe_get_null(struct troupe_reader *reader)
{
    const uint8_t null = 0xf6;
    struct ti_item item;
    if (reader->error || reader->at == reader->size || reader->data[reader->at] != null)
        return false;
    return take(reader, &item);
}

struct troupe_text troupe_get_text(struct troupe_reader *reader, size_t max, const char *what)
{
    struct ti_item item;
    if (!take_kind(reader, ITEM_TEXT, what, "text was expected", &item) ||
        !text_check(reader, &item))
        return (struct troupe_text){0};
    if (item.value <= max)
        return (struct troupe_text){.data = (const char *)item.data, .size = (size_t)item.value};
    invalid(reader, what, "longer than allowed", &item);
    return (struct troupe_text){0};
}

struct troupe_bytes troupe_get_bytes(struct troupe_reader *reader, size_t max, const char *what)
{
    struct ti_item item;
    if (!take_kind(reader, ITEM_BYTES, what, "bytes were expected", &item))
        return (struct troupe_bytes){0};
    if (item.value <= max)
        return (struct troupe_bytes){.data = item.data, .size = (size_t)item.value};
    invalid(reader, what, "longer than allowed", &item);
    return (struct troupe_bytes){0};
}

void troupe_get_fixed(struct troupe_reader *reader, uint8_t *to, size_t size, const char *what)
{
    struct ti_item item;
    if (!take_kind(reader, ITEM_BYTES, what, "bytes were expected", &item))
        return;
    if (item.value == size)
        memcpy(to, item.data, size);
    else
        invalid(reader, what, "another size than declared", &item);
}

struct troupe_ref troupe_get_ref(struct troupe_reader *reader, const char *what)
{
    struct ti_item item;
    if (!take_kind(reader, ITEM_UINT, what, "a ref was expected", &item))
        return (struct troupe_ref){0};
    if (reader->body && item.value < reader->body->refs_count)
        return reader->body->refs[item.value];
    invalid(reader, what, "a ref that the message does not bring", &item);
    return (struct troupe_ref){0};
}

struct troupe_blob troupe_get_blob(struct troupe_reader *reader, uint64_t max, const char *what)
{
    struct ti_item item;
    if (!take_kind(reader, ITEM_UINT, what, "a blob was expected", &item))
        return (struct troupe_blob){0};
    uint64_t size = reader->body ? reader->body->blob.size : 0;
    if (item.value > max)
        invalid(reader, what, "longer than allowed", &item);
    else if (item.value != size && item.value != 0)
        invalid(reader, what, "another size than the blob that came", &item);
    else if (item.value > 0)
        return reader->body->blob;
    return (struct troupe_blob){0};
}

void troupe_get_invalid(struct troupe_reader *reader, const char *what)
{
    fail_at(reader, TROUPE_EINVAL, what, "a value that is not allowed", reader->at);
}

void troupe_get_require(struct troupe_reader *reader, uint64_t seen, uint64_t required,
                        const char *what)
{
    if ((seen & required) != required)
        fail_at(reader, TROUPE_EINVAL, what, "a required field is missing", reader->at);
}
