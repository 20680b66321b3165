/* idl.h - an interface in words, read at run time: what a process says that it serves, as plain data,
 * and the descriptions that the bus's generic calls take (bus/troupe_gen.h).
 *
 * The text comes from another process: it is bounded, and whatever is wrong with it is said with line
 * and column. What it means together (sizes, reserved numbers) was the generator's to check; here it
 * is only made sure that nothing in the result can lead astray: names are unique where they are looked
 * up, types are known, nothing holds itself. */
#ifndef TROUPE_COMMAND_IDL_H
#define TROUPE_COMMAND_IDL_H

#include "bus/troupe_gen.h"

enum {
    IDL_TEXT_BYTES_MAX = 64 * 1024,
    IDL_ITEMS_MAX = 4096, /* fields, values, methods ... in one interface */
    IDL_FIELDS_MAX = 64,  /* of one struct */
    IDL_THROWS_MAX = 32,  /* of one method */
    IDL_WHY_BYTES_MAX = 256,
};

enum idl_kind {
    IDL_BOOL,
    IDL_UINT,
    IDL_INT,
    IDL_TEXT,
    IDL_BYTES,
    IDL_BLOB,
    IDL_ARRAY,
    IDL_REF,
    IDL_FIXED, /* this and the next two are declared: `decl` */
    IDL_ENUM,
    IDL_STRUCT,
};
struct idl_decl;
struct idl_type {
    enum idl_kind kind;
    bool optional;
    unsigned bits;    /* of a number */
    uint64_t bound;   /* the largest number, or size; of a number without one: what its bits hold */
    const char *name; /* as it is written; of a ref, the interface's */
    const struct idl_type *element;
    const struct idl_decl *decl;
};
struct idl_field {
    uint32_t ordinal;
    const char *name;
    struct idl_type type;
    const char *preset; /* its default as it is written, without quotes; NULL: none */
    bool secret;
    const char *doc; /* "": none; here as everywhere */
};
struct idl_fields {
    const struct idl_field *items; /* by rising ordinal */
    size_t count;
};
struct idl_value {
    const char *name;
    uint64_t value;
    const char *doc;
};
/* Where a declaration stands in the text, doc lines included. */
struct idl_span {
    size_t from;
    size_t to;
};
struct idl_decl {
    enum idl_kind kind; /* IDL_FIXED, IDL_ENUM, IDL_STRUCT */
    const char *name;
    size_t size; /* of IDL_FIXED */
    bool open;   /* an enum that keeps values which it does not know */
    const struct idl_value *values;
    size_t values_count;
    struct idl_fields fields;
    struct idl_span span;
};
struct idl_error {
    const char *name;
    uint32_t code;
    struct idl_fields fields;
    const char *doc;
    struct idl_span span;
};
struct idl_method {
    const char *name;
    struct idl_fields args;
    struct idl_fields results; /* of an item, where it is a stream */
    const char *doc;
    const char *throws[IDL_THROWS_MAX];
    size_t throws_count;
    struct troupe_method method; /* its flags say what it is */
    struct idl_span span;
};
struct idl_event {
    const char *name;
    struct idl_fields fields;
    const char *doc;
    struct troupe_event event;
    struct idl_span span;
};
struct idl {
    struct troupe_interface interface; /* without its tables */
    const char *text;                  /* all of it */
    const char *doc;
    struct idl_decl *decls;
    size_t decls_count;
    struct idl_error *errors;
    size_t errors_count;
    struct idl_method *methods; /* by rising ordinal */
    size_t methods_count;
    struct idl_event *events;
    size_t events_count;
    struct idl_block *blocks; /* private */
    size_t items_count;       /* private */
};

/* The interface in `text`; [owned] idl_free(). NULL: `ret_why` says where and why. */
struct idl *idl_parse(struct troupe_text text, char ret_why[IDL_WHY_BYTES_MAX]);
void idl_free(struct idl *idl); /* `idl` may be NULL */

/* NULL: there is none. */
const struct idl_method *idl_method_find(const struct idl *idl, const char *name);
const struct idl_event *idl_event_find(const struct idl *idl, const char *name);
const struct idl_error *idl_error_find(const struct idl *idl, int code);
const struct idl_field *idl_field_find(const struct idl_fields *fields, const char *name,
                                       size_t size);
const struct idl_value *idl_value_find(const struct idl_decl *decl, uint64_t value);
/* "[Tip?]<=100", as it is written in an interface. Cut at `size`. */
void idl_type_text(const struct idl_type *type, char *to, size_t size);

#endif
