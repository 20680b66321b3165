/* idl_parse.c - tokens to model, in two passes over the text: the first counts and finds what is
 * declared, in any order; types are then led to their declarations. Recursive descent, of a depth that
 * the grammar bounds: only an array's element is a type within a type. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/idl_impl.h"

struct idl_block {
    struct idl_block *next;
    max_align_t data[];
};
struct parse {
    struct idl *idl;
    struct idl_lexer *lexer;
};

/* ---- pieces ---------------------------------------------------------------------------------- */

void *idl_alloc(struct idl *idl, struct idl_lexer *lexer, size_t size)
{
    struct idl_block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        idl_fail(lexer, "memory");
        return NULL;
    }
    block->next = idl->blocks;
    idl->blocks = block;
    return block->data;
}

/* One more of a list, of at most `max`; NULL: there is no room, said. It doubles when it is full. */
static void *add(struct parse *parse, void **list, size_t *count, size_t size, size_t max)
{
    size_t have = *count;
    if (have >= max || ++parse->idl->items_count > IDL_ITEMS_MAX) {
        idl_fail(parse->lexer, "fewer declarations");
    }
    if (parse->lexer->failed) {
        return NULL;
    }
    if ((have & (have - 1)) == 0) {
        void *grown = idl_alloc(parse->idl, parse->lexer, (have == 0 ? 1 : 2 * have) * size);
        if (grown == NULL) {
            return NULL;
        }
        if (have != 0) {
            memcpy(grown, *list, have * size);
        }
        *list = grown;
    }
    *count = have + 1;
    return (char *)*list + have * size;
}

/* After a failure the lexer stands where it stood: nothing is copied. */
static const char *copy(struct parse *parse, size_t from, size_t to)
{
    if (parse->lexer->failed) {
        return "";
    }
    char *made = idl_alloc(parse->idl, parse->lexer, to - from + 1);
    if (made != NULL) {
        memcpy(made, parse->lexer->text + from, to - from);
    }
    return made != NULL ? made : "";
}

/* The doc lines before this token, without their marks, one line each. */
static const char *doc(struct parse *parse)
{
    const struct idl_lexer *lexer = parse->lexer;
    char *made = idl_alloc(parse->idl, parse->lexer, lexer->doc_to - lexer->doc_from + 2);
    char *to = made;
    if (made == NULL) {
        return "";
    }
    for (size_t at = lexer->doc_from; at < lexer->doc_to;) {
        const char *line = lexer->text + at;
        const char *end = memchr(line, '\n', lexer->doc_to - at);
        size_t size = end != NULL ? (size_t)(end - line) : lexer->doc_to - at;
        size_t skip = 0;
        at += size + 1;
        while (skip < size && (line[skip] == ' ' || line[skip] == '\t')) {
            skip++;
        }
        if (size - skip < 2 || memcmp(line + skip, "##", 2) != 0) {
            continue;
        }
        skip += size - skip > 2 && line[skip + 2] == ' ' ? 3 : 2;
        memcpy(to, line + skip, size - skip);
        to += size - skip;
        *to++ = '\n';
    }
    if (to > made) {
        to[-1] = '\0';
    }
    return made;
}

static const char *name(struct parse *parse, const char *expected)
{
    if (parse->lexer->kind != IDL_NAME || parse->lexer->to - parse->lexer->from > 64) {
        idl_fail(parse->lexer, expected);
        return "";
    }
    const char *made = copy(parse, parse->lexer->from, parse->lexer->to);
    idl_step(parse->lexer);
    return made;
}

/* A number up to `max`, perhaps with one of the units, each after its factor. */
struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};
static const struct unit sizes[] = {{"", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {NULL, 0}};
static const struct unit times[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {NULL, 0}};

static uint64_t number(struct parse *parse, const struct unit *units, uint64_t max,
                       const char *expected)
{
    const struct idl_lexer *lexer = parse->lexer;
    uint64_t value = 0;
    size_t at = lexer->from;
    bool good = lexer->kind == IDL_NUMBER;
    for (; good && at < lexer->to && lexer->text[at] >= '0' && lexer->text[at] <= '9'; at++) {
        good = !__builtin_mul_overflow(value, UINT64_C(10), &value) &&
               !__builtin_add_overflow(value, (uint64_t)(lexer->text[at] - '0'), &value);
    }
    while (good && units->name != NULL &&
           (strlen(units->name) != lexer->to - at ||
            memcmp(units->name, lexer->text + at, lexer->to - at) != 0)) {
        units++;
    }
    if (!good || units->name == NULL || __builtin_mul_overflow(value, units->factor, &value) ||
        value > max) {
        idl_fail(parse->lexer, expected);
        return 0;
    }
    idl_step(parse->lexer);
    return value;
}

static uint32_t ordinal(struct parse *parse)
{
    idl_expect(parse->lexer, "@");
    return (uint32_t)number(parse, plain, UINT32_MAX, "a number such as @1");
}

static uint32_t since(struct parse *parse)
{
    return idl_accept(parse->lexer, "since")
               ? (uint32_t)number(parse, plain, 65535, "a version, such as since 2")
               : 0;
}

static void reserved(struct parse *parse)
{
    do {
        number(parse, plain, UINT64_MAX, "a number that is no longer used");
    } while (idl_accept(parse->lexer, ","));
}

static const char *dotted_name(struct parse *parse)
{
    size_t from = parse->lexer->from;
    name(parse, "a name such as troupe.Node");
    while (idl_accept(parse->lexer, ".")) {
        name(parse, "a name");
    }
    return copy(parse, from, parse->lexer->last_to);
}

/* ---- types and fields ------------------------------------------------------------------------ */

static uint64_t bound(struct parse *parse, const struct unit *units, uint64_t max)
{
    idl_expect(parse->lexer, "<=");
    return number(parse, units, max, "a bound");
}

static bool integer(struct parse *parse, struct idl_type *type)
{
    static const char *const names[] = {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!idl_accept(parse->lexer, names[i])) {
            continue;
        }
        type->kind = i < 4 ? IDL_UINT : IDL_INT;
        type->name = names[i];
        type->bits = 8u << (i % 4);
        uint64_t most = UINT64_MAX >> (64 - type->bits);
        type->bound = type->kind == IDL_UINT ? most : most >> 1;
        if (idl_is(parse->lexer, "<=")) {
            type->bound = bound(parse, plain, type->bound);
        }
        return true;
    }
    return false;
}

static void type_of(struct parse *parse, struct idl_type *type, bool in_array)
{
    static const struct {
        const char *name;
        enum idl_kind kind;
    } words[] = {{"text", IDL_TEXT}, {"bytes", IDL_BYTES}, {"blob", IDL_BLOB}};
    struct idl_lexer *lexer = parse->lexer;
    *type = (struct idl_type){.name = ""};
    if (idl_is(lexer, "[") && !in_array) {
        idl_step(lexer);
        struct idl_type *element = idl_alloc(parse->idl, lexer, sizeof *element);
        if (element == NULL) {
            return;
        }
        type_of(parse, element, true);
        idl_expect(lexer, "]");
        type->kind = IDL_ARRAY;
        type->element = element;
        type->bound = bound(parse, plain, TROUPE_ITEMS_MAX);
    } else if (!integer(parse, type)) {
        size_t i = 0;
        while (i < 3 && !idl_is(lexer, words[i].name)) {
            i++;
        }
        if (i < 3) {
            type->name = words[i].name;
            type->kind = words[i].kind;
            idl_step(lexer);
            type->bound = bound(parse, sizes, TROUPE_LINK_BLOB_BYTES_MAX);
        } else if (idl_accept(lexer, "bool")) {
            type->name = "bool";
            type->kind = IDL_BOOL;
        } else if (idl_accept(lexer, "ref")) {
            type->kind = IDL_REF;
            idl_expect(lexer, "<");
            type->name = dotted_name(parse);
            idl_expect(lexer, ">");
        } else {
            type->kind = IDL_STRUCT; /* or what `link_type` finds */
            type->name = name(parse, "a type");
        }
    }
    type->optional = idl_accept(lexer, "?");
}

static void preset(struct parse *parse, struct idl_field *field)
{
    struct idl_lexer *lexer = parse->lexer;
    size_t from = lexer->from;
    if (lexer->kind == IDL_STRING) {
        field->preset = copy(parse, from + 1, lexer->to - 1);
        idl_step(lexer);
        return;
    }
    idl_accept(lexer, "-");
    if (lexer->kind != IDL_NAME && lexer->kind != IDL_NUMBER) {
        idl_fail(lexer, "a default");
    }
    field->preset = copy(parse, from, lexer->to);
    idl_step(lexer);
}

static int by_ordinal(const void *a, const void *b)
{
    const struct idl_field *one = a;
    const struct idl_field *other = b;
    return (one->ordinal > other->ordinal) - (one->ordinal < other->ordinal);
}

static void fields_of(struct parse *parse, const char *opening, const char *closing,
                      struct idl_fields *ret_fields)
{
    struct idl_lexer *lexer = parse->lexer;
    void *items = NULL;
    size_t count = 0;
    idl_expect(lexer, opening);
    while (!lexer->failed && !idl_accept(lexer, closing)) {
        if (idl_accept(lexer, "reserved")) {
            reserved(parse);
        } else {
            const char *words = doc(parse);
            struct idl_field *field = add(parse, &items, &count, sizeof *field, IDL_FIELDS_MAX);
            if (field == NULL) {
                return;
            }
            field->doc = words;
            field->ordinal = (uint32_t)number(parse, plain, UINT32_MAX,
                                              "a field such as 0 height:u32");
            field->name = name(parse, "a field name such as height");
            for (size_t i = 0; i + 1 < count; i++) {
                const struct idl_field *other = (const struct idl_field *)items + i;
                if (other->ordinal == field->ordinal || strcmp(other->name, field->name) == 0) {
                    idl_fail(lexer, "another name and number for this field");
                }
            }
            idl_expect(lexer, ":");
            type_of(parse, &field->type, false);
            if (idl_accept(lexer, "=")) {
                preset(parse, field);
            }
            field->secret = idl_accept(lexer, "secret");
            since(parse);
        }
        if (!idl_is(lexer, closing)) {
            idl_expect(lexer, ";");
        }
    }
    if (count != 0) {
        qsort(items, count, sizeof(struct idl_field), by_ordinal);
    }
    *ret_fields = (struct idl_fields){.items = items, .count = count};
}

/* ---- declarations ---------------------------------------------------------------------------- */

static void values_of(struct parse *parse, struct idl_decl *decl)
{
    struct idl_lexer *lexer = parse->lexer;
    void *values = NULL;
    decl->open = idl_accept(lexer, "open");
    if (!decl->open) {
        idl_expect(lexer, "closed");
    }
    since(parse);
    idl_expect(lexer, "{");
    while (!lexer->failed && !idl_accept(lexer, "}")) {
        if (idl_accept(lexer, "reserved")) {
            reserved(parse);
        } else {
            const char *words = doc(parse);
            struct idl_value *value = add(parse, &values, &decl->values_count, sizeof *value,
                                          IDL_ITEMS_MAX);
            if (value == NULL) {
                return;
            }
            value->doc = words;
            value->name = name(parse, "a value such as main=0");
            idl_expect(lexer, "=");
            value->value = number(parse, plain, INT32_MAX, "the value's number");
        }
        idl_accept(lexer, ";");
        decl->values = values;
    }
}

static void declare_type(struct parse *parse, enum idl_kind kind, struct idl_span span)
{
    struct idl *idl = parse->idl;
    void *list = idl->decls;
    const char *called = name(parse, "a type name such as Tip");
    for (size_t i = 0; i < idl->decls_count; i++) {
        if (strcmp(idl->decls[i].name, called) == 0) {
            idl_fail(parse->lexer, "a type that is not declared already");
        }
    }
    struct idl_decl *decl = add(parse, &list, &idl->decls_count, sizeof *decl, IDL_ITEMS_MAX);
    if (decl == NULL) {
        return;
    }
    idl->decls = list;
    *decl = (struct idl_decl){.kind = kind, .name = called};
    if (kind == IDL_FIXED) {
        idl_expect(parse->lexer, "[");
        decl->size = number(parse, sizes, 4096, "a size in bytes");
        idl_expect(parse->lexer, "]");
        since(parse);
    } else if (kind == IDL_ENUM) {
        values_of(parse, decl);
    } else {
        since(parse);
        fields_of(parse, "{", "}", &decl->fields);
    }
    decl->span = (struct idl_span){.from = span.from, .to = parse->lexer->last_to};
}

static void declare_error(struct parse *parse, const char *words, struct idl_span span)
{
    void *list = parse->idl->errors;
    struct idl_error *error = add(parse, &list, &parse->idl->errors_count, sizeof *error,
                                  IDL_ITEMS_MAX);
    if (error == NULL) {
        return;
    }
    parse->idl->errors = list;
    error->doc = words;
    error->name = name(parse, "an error name such as NotFound");
    error->code = ordinal(parse);
    since(parse);
    fields_of(parse, "{", "}", &error->fields);
    error->span = (struct idl_span){.from = span.from, .to = parse->lexer->last_to};
}

static void modifiers(struct parse *parse, struct idl_method *method)
{
    struct idl_lexer *lexer = parse->lexer;
    for (bool more = true; more && !lexer->failed;) {
        if (idl_accept(lexer, "throws")) {
            do {
                const char *thrown = name(parse, "the name of an error");
                if (method->throws_count == IDL_THROWS_MAX) {
                    idl_fail(lexer, "fewer errors");
                } else {
                    method->throws[method->throws_count++] = thrown;
                }
            } while (!lexer->failed && idl_accept(lexer, ","));
        } else if (idl_accept(lexer, "deadline")) {
            method->method.deadline_ms = (uint32_t)number(parse, times, TROUPE_DEADLINE_MS_MAX,
                                                          "a time such as 10s");
        } else if (idl_accept(lexer, "idempotent")) {
            method->method.flags |= TROUPE_IDEMPOTENT;
        } else if (idl_is(lexer, "since")) {
            method->method.since = since(parse);
        } else {
            more = idl_accept(lexer, "oneway");
        }
    }
}

static void declare_method(struct parse *parse, const char *words, struct idl_span span)
{
    struct idl *idl = parse->idl;
    void *list = idl->methods;
    const char *called = name(parse, "a method name such as get_tip");
    if (idl_method_find(idl, called) != NULL) {
        idl_fail(parse->lexer, "a method that is not declared already");
    }
    struct idl_method *method = add(parse, &list, &idl->methods_count, sizeof *method,
                                    IDL_ITEMS_MAX);
    if (method == NULL) {
        return;
    }
    idl->methods = list;
    *method = (struct idl_method){.name = called, .doc = words};
    method->method = (struct troupe_method){.interface = &idl->interface, .name = called};
    method->method.deadline_ms = TROUPE_DEADLINE_MS;
    method->method.ordinal = ordinal(parse);
    fields_of(parse, "(", ")", &method->args);
    if (!idl_accept(parse->lexer, "->")) {
        method->method.flags |= TROUPE_ONEWAY;
        method->method.deadline_ms = 0; /* nothing is waited for */
    } else {
        method->method.flags |= idl_accept(parse->lexer, "stream") ? TROUPE_STREAM : 0;
        fields_of(parse, "(", ")", &method->results);
    }
    modifiers(parse, method);
    method->span = (struct idl_span){.from = span.from, .to = parse->lexer->last_to};
}

static void declare_event(struct parse *parse, const char *words, struct idl_span span)
{
    struct idl *idl = parse->idl;
    void *list = idl->events;
    const char *called = name(parse, "an event name such as tip_changed");
    if (idl_event_find(idl, called) != NULL) {
        idl_fail(parse->lexer, "an event that is not declared already");
    }
    struct idl_event *event = add(parse, &list, &idl->events_count, sizeof *event, IDL_ITEMS_MAX);
    if (event == NULL) {
        return;
    }
    idl->events = list;
    *event = (struct idl_event){.name = called, .doc = words};
    event->event = (struct troupe_event){.interface = &idl->interface, .name = called};
    event->event.ordinal = ordinal(parse);
    fields_of(parse, "(", ")", &event->fields);
    idl_expect(parse->lexer, "overflow");
    event->event.overflow = idl_accept(parse->lexer, "latest") ? TROUPE_LATEST : TROUPE_GAP;
    if (event->event.overflow == TROUPE_GAP) {
        idl_expect(parse->lexer, "gap");
    }
    if (idl_accept(parse->lexer, "snapshot")) {
        name(parse, "the snapshot's method");
    }
    since(parse);
    event->span = (struct idl_span){.from = span.from, .to = parse->lexer->last_to};
}

static void declaration(struct parse *parse)
{
    struct idl_lexer *lexer = parse->lexer;
    bool has_doc = lexer->doc_to > lexer->doc_from;
    struct idl_span span = {.from = has_doc ? lexer->doc_from : lexer->from};
    const char *words = doc(parse);
    if (idl_accept(lexer, "reserved")) {
        name(parse, "'method', 'event' or 'error'");
        reserved(parse);
    } else if (idl_accept(lexer, "bytes")) {
        declare_type(parse, IDL_FIXED, span);
    } else if (idl_accept(lexer, "enum")) {
        declare_type(parse, IDL_ENUM, span);
    } else if (idl_accept(lexer, "struct")) {
        declare_type(parse, IDL_STRUCT, span);
    } else if (idl_accept(lexer, "error")) {
        declare_error(parse, words, span);
    } else if (idl_accept(lexer, "method")) {
        declare_method(parse, words, span);
    } else if (idl_accept(lexer, "event")) {
        declare_event(parse, words, span);
    } else {
        idl_fail(lexer, "a declaration");
    }
}

static void parse_all(struct parse *parse)
{
    struct idl *idl = parse->idl;
    idl->doc = doc(parse);
    idl_expect(parse->lexer, "interface");
    idl->interface.name = dotted_name(parse);
    idl->interface.id = ordinal(parse);
    idl_expect(parse->lexer, "version");
    idl->interface.version = (uint32_t)number(parse, plain, 65535, "a version number");
    while (!parse->lexer->failed && parse->lexer->kind != IDL_END) {
        declaration(parse);
    }
}

struct idl *idl_parse(struct troupe_text text, char ret_why[IDL_WHY_BYTES_MAX])
{
    struct idl_lexer lexer;
    struct idl *idl = calloc(1, sizeof *idl);
    if (idl == NULL || text.size > IDL_TEXT_BYTES_MAX) {
        snprintf(ret_why, IDL_WHY_BYTES_MAX, "%s",
                 idl == NULL ? "out of memory" : "it is longer than 64 KiB");
        free(idl);
        return NULL;
    }
    idl_lexer_init(&lexer, text, ret_why);
    struct parse parse = {.idl = idl, .lexer = &lexer};
    idl->text = copy(&parse, 0, text.size);
    idl->interface.text = idl->text;
    parse_all(&parse);
    if (!lexer.failed) {
        idl_link(idl, &lexer);
    }
    if (lexer.failed) {
        idl_free(idl);
        return NULL;
    }
    return idl;
}

void idl_free(struct idl *idl)
{
    while (idl != NULL && idl->blocks != NULL) {
        struct idl_block *next = idl->blocks->next;
        free(idl->blocks);
        idl->blocks = next;
    }
    free(idl);
}
