/* value_wire.c - values to and from CBOR, by the types of the interface. */
#include <stdlib.h>
#include <string.h>

#include "command/value.h"

struct value_block {
    struct value_block *next;
    size_t size;
    max_align_t data[];
};

void *value_alloc(struct value_room *room, size_t size)
{
    if (size > VALUE_ROOM_BYTES_MAX - room->size) {
        return NULL;
    }
    struct value_block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->next = room->blocks;
    block->size = size;
    room->blocks = block;
    room->size += size;
    return block->data;
}

void value_room_free(struct value_room *room)
{
    while (room->blocks != NULL) {
        struct value_block *next = room->blocks->next;
        explicit_bzero(room->blocks->data, room->blocks->size);
        free(room->blocks);
        room->blocks = next;
    }
    room->size = 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_one(struct troupe_writer *writer, const struct value *value,
                      const struct idl_type *type, const char *what)
{
    const uint8_t *data = (const uint8_t *)(value->data != NULL ? value->data : "");
    switch (value->kind) {
    case VALUE_ABSENT:
    case VALUE_SECRET:
        troupe_put_null(writer);
        break;
    case VALUE_BOOL:
        troupe_put_bool(writer, value->number != 0);
        break;
    case VALUE_UINT:
    case VALUE_ENUM:
        troupe_put_uint(writer, value->number);
        break;
    case VALUE_INT:
        troupe_put_int(writer, (int64_t)value->number);
        break;
    case VALUE_TEXT:
        troupe_put_text(writer,
                        (struct troupe_text){.data = (const char *)data, .size = value->size},
                        type->bound, what);
        break;
    case VALUE_BYTES:
        troupe_put_fixed(writer, data, value->size);
        break;
    case VALUE_BLOB:
        troupe_put_blob(writer, (struct troupe_blob){.data = data, .size = value->size},
                        type->bound, what);
        break;
    case VALUE_REF:
        troupe_put_ref(writer, value->ref);
        break;
    case VALUE_ARRAY:
        troupe_put_array(writer, value->count, type->bound, what);
        for (size_t i = 0; i < value->count; i++) {
            write_one(writer, &value->items[i], type->element, what);
        }
        break;
    case VALUE_STRUCT:
        value_write(writer, value, value->fields);
        break;
    }
}

void value_write(struct troupe_writer *writer, const struct value *value,
                 const struct idl_fields *fields)
{
    size_t pairs = 0;
    for (size_t i = 0; i < fields->count; i++) {
        pairs += value->items[i].kind != VALUE_ABSENT;
    }
    troupe_put_map(writer, pairs);
    for (size_t i = 0; i < fields->count; i++) {
        const struct idl_field *field = &fields->items[i];
        if (value->items[i].kind != VALUE_ABSENT) {
            troupe_put_uint(writer, field->ordinal);
            write_one(writer, &value->items[i], &field->type, field->name);
        }
    }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void keep(struct troupe_reader *reader, struct value_room *room, const void *data,
                 size_t size, struct value *value)
{
    char *made = value_alloc(room, size + 1);
    if (made == NULL) {
        troupe_get_invalid(reader, "more than there is memory for");
        return;
    }
    if (size != 0) {
        memcpy(made, data, size);
    }
    value->data = made;
    value->size = size;
}

static void read_blob(struct troupe_reader *reader, const struct idl_field *field,
                      struct value_room *room, struct value *value)
{
    value->kind = VALUE_BLOB;
    if (reader->body == NULL) { /* nothing came with it: its size is all there is */
        value->number = troupe_get_uint(reader, field->type.bound, field->name);
        return;
    }
    struct troupe_blob blob = troupe_get_blob(reader, field->type.bound, field->name);
    char *made = value_alloc(room, blob.size + 1);
    if (made == NULL) {
        troupe_get_invalid(reader, "a blob that is more than there is memory for");
    } else if (reader->error == 0) {
        troupe_blob_copy(&blob, made);
        value->data = made;
        value->size = blob.size;
    }
}

static void read_one(struct troupe_reader *reader, const struct idl_type *type,
                     const struct idl_field *field, struct value_room *room, struct value *value);

static void read_array(struct troupe_reader *reader, const struct idl_type *type,
                       const struct idl_field *field, struct value_room *room, struct value *value)
{
    size_t count = 0;
    troupe_get_array(reader, type->bound, 0, &count, field->name);
    value->kind = VALUE_ARRAY;
    if (reader->error != 0) {
        return;
    }
    struct value *items = value_alloc(room, (count + 1) * sizeof *items);
    if (items == NULL) {
        troupe_get_invalid(reader, field->name);
        return;
    }
    value->items = items;
    value->count = count;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        if (!type->element->optional || !troupe_get_null(reader)) {
            read_one(reader, type->element, field, room, &items[i]);
        }
    }
    troupe_get_array_end(reader);
}

static void read_plain(struct troupe_reader *reader, const struct idl_type *type,
                       const struct idl_field *field, struct value_room *room, struct value *value)
{
    struct troupe_text text;
    struct troupe_bytes bytes;
    uint8_t fixed[4096] = {0};
    switch (type->kind) {
    case IDL_BOOL:
        value->kind = VALUE_BOOL;
        value->number = troupe_get_bool(reader, field->name);
        break;
    case IDL_UINT:
        value->kind = VALUE_UINT;
        value->number = troupe_get_uint(reader, type->bound, field->name);
        break;
    case IDL_INT:
        value->kind = VALUE_INT;
        value->number = (uint64_t)troupe_get_int(reader, -(int64_t)type->bound - 1,
                                                 (int64_t)type->bound, field->name);
        break;
    case IDL_TEXT:
        value->kind = VALUE_TEXT;
        text = troupe_get_text(reader, type->bound, field->name);
        keep(reader, room, text.data, text.size, value);
        break;
    case IDL_BYTES:
        value->kind = VALUE_BYTES;
        bytes = troupe_get_bytes(reader, type->bound, field->name);
        keep(reader, room, bytes.data, bytes.size, value);
        break;
    case IDL_FIXED:
        value->kind = VALUE_BYTES;
        troupe_get_fixed(reader, fixed, type->decl->size, field->name);
        keep(reader, room, fixed, type->decl->size, value);
        break;
    default:
        break;
    }
}

static void read_one(struct troupe_reader *reader, const struct idl_type *type,
                     const struct idl_field *field, struct value_room *room, struct value *value)
{
    const struct idl_value *known;
    switch (type->kind) {
    case IDL_ENUM:
        value->kind = VALUE_ENUM;
        value->number = troupe_get_uint(reader, INT32_MAX, field->name);
        known = idl_value_find(type->decl, value->number);
        value->name = known != NULL ? known->name : NULL;
        break;
    case IDL_BLOB:
        read_blob(reader, field, room, value);
        break;
    case IDL_REF:
        value->kind = VALUE_REF;
        if (reader->body == NULL) {
            troupe_get_uint(reader, TROUPE_REFS_MAX, field->name);
        } else {
            value->ref = troupe_get_ref(reader, field->name);
        }
        value->name = type->name;
        break;
    case IDL_ARRAY:
        read_array(reader, type, field, room, value);
        break;
    case IDL_STRUCT:
        value_read(reader, &type->decl->fields, room, value);
        break;
    default:
        read_plain(reader, type, field, room, value);
    }
}

void value_read(struct troupe_reader *reader, const struct idl_fields *fields,
                struct value_room *room, struct value *ret_value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0; /* by place: a struct has IDL_FIELDS_MAX at most */
    *ret_value = (struct value){.kind = VALUE_STRUCT, .fields = fields};
    struct value *items = value_alloc(room, (fields->count + 1) * sizeof *items);
    if (items == NULL) {
        troupe_get_invalid(reader, "more than there is memory for");
        return;
    }
    ret_value->items = items;
    ret_value->count = fields->count;
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        size_t i = 0;
        while (i < fields->count && fields->items[i].ordinal != key) {
            i++;
        }
        if (i == fields->count) {
            troupe_get_skip(reader);
            continue;
        }
        seen |= UINT64_C(1) << i;
        if (fields->items[i].secret) {
            items[i].kind = VALUE_SECRET;
            troupe_get_skip(reader);
        } else {
            read_one(reader, &fields->items[i].type, &fields->items[i], room, &items[i]);
        }
    }
    for (size_t i = 0; i < fields->count; i++) {
        const struct idl_field *field = &fields->items[i];
        if ((seen >> i & 1) != 0 || field->type.optional) {
            continue;
        }
        if (field->preset != NULL && field->secret) {
            items[i].kind = VALUE_SECRET;
        } else if (field->preset != NULL) {
            value_preset(field, room, &items[i]);
        } else {
            troupe_get_require(reader, 0, 1, field->name);
        }
    }
}
