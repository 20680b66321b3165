/* value.h - a message's fields as plain data, by their interface: read from what a person wrote or
 * from the wire, written to the wire or for a person, or as JSON.
 *
 * The written form is JSON with less quoting: {height: 5, hash: 0x00ff, network: main, peers: [1, 2]}.
 * Numbers are whole and exact, bytes are hex after 0x, an enum's value is its name or number, null is
 * an optional field left out. @FILE gives the file's bytes, for bytes, blobs and secret texts. What is
 * printed as one line can be read again. A secret is read, and never printed. */
#ifndef TROUPE_COMMAND_VALUE_H
#define TROUPE_COMMAND_VALUE_H

#include <stdio.h>

#include "command/idl.h"

enum {
    VALUE_TEXT_BYTES_MAX = 4 * 1024 * 1024,  /* of what a person writes, and of a file */
    VALUE_ROOM_BYTES_MAX = 64 * 1024 * 1024, /* of one room */
    VALUE_WHY_BYTES_MAX = 400,
};

enum value_kind {
    VALUE_ABSENT, /* an optional field without a value, or a field left to its default */
    VALUE_BOOL,
    VALUE_UINT,
    VALUE_INT,
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_BLOB,
    VALUE_ENUM, /* `name` NULL: one that the interface does not name */
    VALUE_REF,
    VALUE_SECRET, /* that came from the wire: its content was not read */
    VALUE_ARRAY,
    VALUE_STRUCT,
};
struct value {
    enum value_kind kind;
    bool secret;
    uint64_t number; /* of VALUE_INT its bits */
    const char *name;
    const char *data;
    size_t size;
    struct troupe_ref ref;
    const struct idl_fields
        *fields; /* of VALUE_STRUCT: items[i] is the value of fields->items[i] */
    const struct value *items;
    size_t count;
};

/* Where values lie: freed together. Starts zeroed. */
struct value_room {
    struct value_block *blocks;
    size_t size;
};
void value_room_free(struct value_room *room); /* wipes it */

/* ---- from a person (value_text.c) ------------------------------------------------------------ */

/* A ref that a person named; false: `ret_why` (VALUE_WHY_BYTES_MAX) says why not. */
typedef bool value_ref_fn(void *user, const char *word, const struct idl_type *type,
                          struct troupe_ref *ret_ref, char *ret_why);
/* What is wrong, and with which of the characters; source NULL: with none of them. */
struct value_error {
    char text[VALUE_WHY_BYTES_MAX];
    const char *source;
    size_t at;
    size_t size;
};
struct value_reading {
    struct value_room *room;
    value_ref_fn *on_ref; /* NULL: refs can't be given */
    void *user;
    struct value_error error;
};
/* `words` are one {...}, or NAME=VALUE each, where a text needs no quotes. False: see error. */
bool value_from_words(struct value_reading *reading, const struct idl_fields *fields,
                      const char *const *words, size_t count, struct value *ret_value);
/* Its text, then the line with the place underlined. */
void value_error_print(FILE *to, const char *who, const struct value_error *error);

/* ---- the wire (value_wire.c) ----------------------------------------------------------------- */

/* Of a struct, which was read by its interface: can only fail as the writer does. */
void value_write(struct troupe_writer *writer, const struct value *value,
                 const struct idl_fields *fields);
/* Sticky, as all readers are; *ret_value is whole in any case. Of what is not a message (a reader of
 * troupe_reader_init) refs lead nowhere, and of a blob there is only the size: `number`. */
void value_read(struct troupe_reader *reader, const struct idl_fields *fields,
                struct value_room *room, struct value *ret_value);
/* Of value_room, zeroed; NULL: no memory, or more than VALUE_ROOM_BYTES_MAX. */
void *value_alloc(struct value_room *room, size_t size);
/* A field's default. */
void value_preset(const struct idl_field *field, struct value_room *room, struct value *ret_value);

/* ---- for people and programs (value_print.c) ------------------------------------------------- */

/* In one line, as a person would write it. */
void value_print_line(FILE *to, const struct value *value);
/* A field a line, arrays of plain structs as tables. */
void value_print_block(FILE *to, const struct value *value, unsigned indent);
void value_print_json(FILE *to, const struct value *value);
/* What a terminal would take for an order becomes '?'. */
void value_clean(char *text);
/* A JSON string. */
void value_print_string(FILE *to, const char *data, size_t size);

#endif
