/* value_text.c - what a person wrote, read by the types of the interface: so every error can say what
 * was expected, and where. */
#include <string.h>

#include "command/value_impl.h"

/* ---- values ---------------------------------------------------------------------------------- */

static bool read_struct(struct value_source *text, const struct idl_fields *fields,
                        struct value *value);
static bool read_array(struct value_source *text, const struct idl_type *type, struct value *value);

static bool is_null(struct value_source *text)
{
    value_next(text);
    size_t size = value_word_size(text);
    bool null = size == 4 && memcmp(text->source + text->at, "null", 4) == 0;
    text->at += null ? 4 : 0;
    return null;
}

static bool read_value(struct value_source *text, const struct idl_type *type, bool secret,
                       struct value *value)
{
    *value = (struct value){.secret = secret};
    if (type->optional && is_null(text)) {
        return true;
    }
    if (type->kind != IDL_ARRAY && type->kind != IDL_STRUCT) {
        return value_plain(text, type, secret, value);
    }
    text->raw = false; /* a list or a struct ends where its marks do */
    return type->kind == IDL_ARRAY ? read_array(text, type, value)
                                   : read_struct(text, &type->decl->fields, value);
}

static bool read_array(struct value_source *text, const struct idl_type *type, struct value *value)
{
    struct value *items = NULL;
    size_t count = 0;
    size_t max = 0;
    if (!value_accept(text, '[')) {
        return value_unexpected(text, "%s", "a list: [ITEM, ITEM ...]");
    }
    while (!value_accept(text, ']')) {
        size_t at = text->at;
        if (count == type->bound) {
            return value_fail(text, at, 1, "expected at most %llu items",
                              (unsigned long long)type->bound);
        }
        if (count == max) {
            max = max == 0 ? 1 : 2 * max;
            struct value *grown = value_alloc(text->reading->room, max * sizeof *grown);
            if (grown == NULL) {
                return value_fail(text, at, 1, "out of memory");
            }
            if (items != NULL) {
                memcpy(grown, items, count * sizeof *grown);
            }
            items = grown;
        }
        if (!read_value(text, type->element, false, &items[count++])) {
            return false;
        }
        if (value_next(text) != ']' && !value_accept(text, ',')) {
            return value_unexpected(text, "%s", "',' or ']'");
        }
    }
    value->kind = VALUE_ARRAY;
    value->items = items;
    value->count = count;
    return true;
}

static bool unknown_field(struct value_source *text, const struct idl_fields *fields, size_t at,
                          size_t size)
{
    char names[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < fields->count && used < sizeof names - 70; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                 fields->items[i].name);
    }
    return value_fail(text, at, size != 0 ? size : 1,
                      fields->count != 0 ? "no such field; there %s %s"
                                         : "no fields are taken here%.0s%.0s",
                      fields->count == 1 ? "is" : "are", names);
}

/* The name that stands here, and with it the place of its value. */
static bool read_name(struct value_source *text, const struct idl_fields *fields, char mark,
                      size_t *ret_field)
{
    char c = value_next(text);
    size_t at = text->at;
    const char *name = text->source + at;
    size_t size = 0;
    if (c == '"') {
        if (!value_quoted(text, &name, &size)) {
            return false;
        }
    } else {
        while (at + size < text->size && name[size] != mark &&
               strchr(" \t\r\n,:{}[]\"", name[size]) == NULL) {
            size++;
        }
        text->at += size;
    }
    const struct idl_field *field = idl_field_find(fields, name, size);
    if (field == NULL) {
        return unknown_field(text, fields, at, size);
    }
    *ret_field = (size_t)(field - fields->items);
    if (!value_accept(text, mark)) {
        char expected[8] = {'\'', mark, '\''};
        return value_unexpected(text, "%s", expected);
    }
    return true;
}

/* Places for the values of a struct. */
static struct value *places(struct value_source *text, const struct idl_fields *fields,
                            bool **ret_given)
{
    struct value *items = value_alloc(text->reading->room, (fields->count + 1) * sizeof *items);
    *ret_given = value_alloc(text->reading->room, fields->count + 1);
    if (items == NULL || *ret_given == NULL) {
        value_fail(text, text->at, 1, "out of memory");
        return NULL;
    }
    return items;
}

static bool all_given(struct value_source *text, const struct idl_fields *fields, const bool *given,
                      size_t at)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct idl_field *field = &fields->items[i];
        char type[200];
        if (given[i] || field->type.optional || field->preset != NULL) {
            continue;
        }
        idl_type_text(&field->type, type, sizeof type);
        return value_fail(text, at, 1, "%s:%s is missing", field->name, type);
    }
    return true;
}

static bool read_field(struct value_source *text, const struct idl_fields *fields, char mark,
                       struct value *items, bool *given)
{
    size_t field = 0;
    value_next(text);
    size_t at = text->at;
    if (!read_name(text, fields, mark, &field)) {
        return false;
    }
    if (given[field]) {
        return value_fail(text, at, strlen(fields->items[field].name), "%s is given twice",
                          fields->items[field].name);
    }
    given[field] = true;
    const struct idl_field *one = &fields->items[field];
    bool good = read_value(text, &one->type, one->secret, &items[field]);
    if (!good && one->secret) { /* what it says may be a part of it */
        struct value_error *error = &text->reading->error;
        *error = (struct value_error){.source = NULL};
        snprintf(error->text, sizeof error->text,
                 "%s is not as it should be: in quotes within {...}, or @FILE, at most %llu bytes",
                 one->name, (unsigned long long)one->type.bound);
    }
    return good;
}

static bool read_struct(struct value_source *text, const struct idl_fields *fields,
                        struct value *value)
{
    bool *given;
    struct value *items = places(text, fields, &given);
    if (items == NULL) {
        return false;
    }
    if (!value_accept(text, '{')) {
        return value_unexpected(text, "%s", "{NAME: VALUE, ...}");
    }
    while (!value_accept(text, '}')) {
        if (!read_field(text, fields, ':', items, given)) {
            return false;
        }
        if (value_next(text) != '}' && !value_accept(text, ',')) {
            return value_unexpected(text, "%s", "',' or '}'");
        }
    }
    value->kind = VALUE_STRUCT;
    value->fields = fields;
    value->items = items;
    value->count = fields->count;
    return all_given(text, fields, given, text->at - 1);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool read_end(struct value_source *text)
{
    return value_next(text) == '\0' && text->at == text->size
               ? true
               : value_unexpected(text, "%s", "the end");
}

static bool hold_secret(const struct idl_fields *fields)
{
    bool found = false;
    for (size_t i = 0; i < fields->count && !found; i++) {
        const struct idl_type *type = &fields->items[i].type;
        type = type->kind == IDL_ARRAY ? type->element : type;
        found = fields->items[i].secret ||
                (type->kind == IDL_STRUCT && hold_secret(&type->decl->fields));
    }
    return found;
}

/* One {...}, which stands here. */
static bool read_whole(struct value_source *text, const struct idl_fields *fields,
                       struct value *value)
{
    bool good = read_struct(text, fields, value) && read_end(text);
    if (!good && hold_secret(fields)) {
        text->reading->error.source = NULL; /* the secret may stand in it */
    }
    return good;
}

bool value_from_words(struct value_reading *reading, const struct idl_fields *fields,
                      const char *const *words, size_t count, struct value *ret_value)
{
    struct value_source text = {.reading = reading};
    bool *given;
    *ret_value = (struct value){.kind = VALUE_STRUCT, .fields = fields, .count = fields->count};
    struct value *items = places(&text, fields, &given);
    ret_value->items = items;
    for (size_t i = 0; i < count && items != NULL && !text.failed; i++) {
        text = (struct value_source){
            .reading = reading, .source = words[i], .size = strlen(words[i])};
        if (text.size > VALUE_TEXT_BYTES_MAX) {
            return value_fail(&text, 0, 1, "it is longer than 4 MiB: give it as @FILE");
        }
        if (value_next(&text) == '{') {
            if (count > 1) {
                return value_fail(&text, text.at, 1,
                                  "expected NAME=VALUE beside others, or one {...}");
            }
            return read_whole(&text, fields, ret_value);
        }
        size_t equals = strcspn(words[i], "=");
        if (equals == text.size && fields->count != 0) {
            return value_fail(&text, 0, text.size, "expected NAME=VALUE or {NAME: VALUE, ...}");
        }
        text.raw = true;
        if (read_field(&text, fields, '=', items, given)) {
            read_end(&text);
        }
    }
    text.source = NULL;
    return items != NULL && !text.failed && all_given(&text, fields, given, 0);
}

void value_preset(const struct idl_field *field, struct value_room *room, struct value *ret_value)
{
    struct value_reading reading = {.room = room};
    struct value_source text = {
        .reading = &reading, .source = field->preset, .size = strlen(field->preset), .raw = true};
    if (field->type.kind == IDL_TEXT) {
        *ret_value = (struct value){
            .kind = VALUE_TEXT, .data = field->preset, .size = strlen(field->preset)};
    } else if (!read_value(&text, &field->type, false, ret_value)) {
        *ret_value = (struct value){.kind = VALUE_ABSENT};
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

enum { SHOWN_BEFORE = 60, SHOWN_MAX = 100 };

void value_error_print(FILE *to, const char *who, const struct value_error *error)
{
    fprintf(to, "%s: %s\n", who, error->text);
    if (error->source == NULL) {
        return;
    }
    size_t from = error->at > SHOWN_BEFORE ? error->at - SHOWN_BEFORE : 0;
    size_t column = 0;
    fputs("  ", to);
    for (size_t i = from; i < from + SHOWN_MAX && error->source[i] != '\0'; i++) {
        unsigned char c = (unsigned char)error->source[i];
        column += i < error->at && (c & 0xc0) != 0x80;
        fputc(c < ' ' || c == 0x7f ? ' ' : c, to);
    }
    fprintf(to, "\n  %*s^", (int)column, "");
    for (size_t i = 1; i < error->size && column + i < SHOWN_MAX; i++) {
        fputc('~', to);
    }
    fputc('\n', to);
}
