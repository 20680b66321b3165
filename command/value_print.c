/* value_print.c - values for people and for programs. What came from elsewhere may not talk to the
 * terminal: control characters are shown as escapes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/value.h"

enum { BYTES_SHOWN = 64, TABLE_COLUMNS_MAX = 24, CELL_BYTES_MAX = 400 };

/* ---- pieces ---------------------------------------------------------------------------------- */

/* C1 controls are two bytes in UTF-8. */
static bool is_c1(const char *text)
{
    return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 &&
           (unsigned char)text[1] < 0xa0;
}

void value_clean(char *text)
{
    for (; *text != '\0'; text++) {
        bool c1 = is_c1(text);
        if (c1) {
            text[1] = '?';
        }
        *text = (unsigned char)*text < ' ' || *text == 0x7f || c1 ? '?' : *text;
    }
}

void value_print_string(FILE *to, const char *data, size_t size)
{
    fputc('"', to);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        bool c1 = i + 1 < size && is_c1(data + i);
        if (c == '"' || c == '\\') {
            fprintf(to, "\\%c", c);
        } else if (c == '\n') {
            fputs("\\n", to);
        } else if (c < ' ' || c == 0x7f) {
            fprintf(to, "\\u%04x", c);
        } else if (c1) {
            fprintf(to, "\\u%04x", (unsigned char)data[++i]);
        } else {
            fputc(c, to);
        }
    }
    fputc('"', to);
}

/* Without quotes where it can be told from anything else all the same. */
static void print_text(FILE *to, const struct value *value)
{
    bool plain = value->size != 0;
    for (size_t i = 0; i < value->size && plain; i++) {
        unsigned char c = (unsigned char)value->data[i];
        plain = c >= ' ' && c != 0x7f && c != '"' && c != '\\' && (c != 0xc2);
    }
    if (plain) {
        fwrite(value->data, 1, value->size, to);
    } else {
        value_print_string(to, value->data, value->size);
    }
}

static void print_hex(FILE *to, const char *data, size_t size)
{
    fputs("0x", to);
    for (size_t i = 0; i < size; i++) {
        fprintf(to, "%02x", (unsigned char)data[i]);
    }
}

/* Of what is neither a list nor a struct. */
static void print_plain(FILE *to, const struct value *value)
{
    switch (value->kind) {
    case VALUE_BOOL:
        fputs(value->number != 0 ? "true" : "false", to);
        break;
    case VALUE_UINT:
        fprintf(to, "%" PRIu64, value->number);
        break;
    case VALUE_INT:
        fprintf(to, "%" PRId64, (int64_t)value->number);
        break;
    case VALUE_BYTES:
        print_hex(to, value->data, value->size);
        break;
    case VALUE_BLOB:
        if (value->data != NULL) {
            print_hex(to, value->data, value->size);
        } else {
            fprintf(to, "<%" PRIu64 " bytes>", value->number);
        }
        break;
    case VALUE_ENUM:
        if (value->name != NULL) {
            fputs(value->name, to);
        } else {
            fprintf(to, "%" PRIu64, value->number);
        }
        break;
    case VALUE_REF:
        fprintf(to, "<%s>", value->name != NULL ? value->name : "ref");
        break;
    case VALUE_SECRET:
        fputs("***", to);
        break;
    default:
        fputs("null", to);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

void value_print_line(FILE *to, const struct value *value)
{
    bool first = true;
    if (value->secret) {
        fputs("***", to);
    } else if (value->kind == VALUE_TEXT) {
        value_print_string(to, value->data, value->size);
    } else if (value->kind == VALUE_ARRAY) {
        fputc('[', to);
        for (size_t i = 0; i < value->count; i++) {
            fputs(i > 0 ? ", " : "", to);
            value_print_line(to, &value->items[i]);
        }
        fputc(']', to);
    } else if (value->kind == VALUE_STRUCT) {
        fputc('{', to);
        for (size_t i = 0; i < value->count; i++) {
            if (value->items[i].kind != VALUE_ABSENT) {
                fprintf(to, "%s%s: ", first ? "" : ", ", value->fields->items[i].name);
                value_print_line(to, &value->items[i]);
                first = false;
            }
        }
        fputc('}', to);
    } else {
        print_plain(to, value);
    }
}

void value_print_json(FILE *to, const struct value *value)
{
    bool quotes = value->kind == VALUE_BYTES || value->kind == VALUE_BLOB ||
                  value->kind == VALUE_SECRET || value->kind == VALUE_REF ||
                  (value->kind == VALUE_ENUM && value->name != NULL);
    if (value->secret) {
        fputs("\"***\"", to);
    } else if (value->kind == VALUE_TEXT) {
        value_print_string(to, value->data, value->size);
    } else if (value->kind == VALUE_ARRAY || value->kind == VALUE_STRUCT) {
        bool list = value->kind == VALUE_ARRAY;
        fputc(list ? '[' : '{', to);
        for (size_t i = 0; i < value->count; i++) {
            fputs(i > 0 ? ", " : "", to);
            if (!list) {
                fprintf(to, "\"%s\": ", value->fields->items[i].name);
            }
            value_print_json(to, &value->items[i]);
        }
        fputc(list ? ']' : '}', to);
    } else {
        fputs(quotes ? "\"" : "", to);
        print_plain(to, value);
        fputs(quotes ? "\"" : "", to);
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void print_cell(FILE *to, const struct value *value)
{
    bool bytes = value->kind == VALUE_BYTES || value->kind == VALUE_BLOB;
    if (value->secret) {
        fputs("***", to);
    } else if (value->kind == VALUE_ABSENT) {
        fputc('-', to);
    } else if (value->kind == VALUE_TEXT) {
        print_text(to, value);
    } else if (bytes && value->size > BYTES_SHOWN) {
        print_hex(to, value->data, BYTES_SHOWN);
        fprintf(to, "... %zu bytes", value->size);
    } else if (value->kind == VALUE_ARRAY || value->kind == VALUE_STRUCT) {
        value_print_line(to, value);
    } else {
        print_plain(to, value);
    }
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void cell_text(const struct value *value, char to[CELL_BYTES_MAX])
{
    FILE *file = fmemopen(to, CELL_BYTES_MAX - 1, "w");
    to[0] = '\0';
    to[CELL_BYTES_MAX - 1] = '\0';
    if (file != NULL) {
        print_cell(file, value);
        fclose(file);
    }
}

static bool is_table(const struct value *value)
{
    const struct idl_fields *fields = value->count != 0 && value->items[0].kind == VALUE_STRUCT
                                          ? value->items[0].fields
                                          : NULL;
    bool plain = fields != NULL && fields->count <= TABLE_COLUMNS_MAX;
    for (size_t i = 0; plain && i < fields->count; i++) {
        plain = fields->items[i].type.kind != IDL_STRUCT;
    }
    for (size_t i = 0; plain && i < value->count; i++) {
        plain = value->items[i].kind == VALUE_STRUCT;
    }
    return plain;
}

static void print_table(FILE *to, const struct value *value, unsigned indent)
{
    const struct idl_fields *fields = value->items[0].fields;
    size_t widths[TABLE_COLUMNS_MAX];
    char cell[CELL_BYTES_MAX];
    for (size_t i = 0; i < fields->count; i++) {
        widths[i] = strlen(fields->items[i].name);
        for (size_t row = 0; row < value->count; row++) {
            cell_text(&value->items[row].items[i], cell);
            widths[i] = width_of(cell) > widths[i] ? width_of(cell) : widths[i];
        }
    }
    for (size_t row = 0; row <= value->count; row++) {
        fprintf(to, "%*s", (int)indent, "");
        for (size_t i = 0; i < fields->count; i++) {
            enum idl_kind kind = fields->items[i].type.kind;
            bool right = kind == IDL_UINT || kind == IDL_INT;
            bool last = i + 1 == fields->count;
            if (row == 0) {
                snprintf(cell, sizeof cell, "%s", fields->items[i].name);
            } else {
                cell_text(&value->items[row - 1].items[i], cell);
            }
            int pad = (int)(widths[i] - width_of(cell));
            fprintf(to, "%*s%s%*s", right ? pad : 0, "", cell, right || last ? 0 : pad, "");
            fputs(last ? "\n" : "  ", to);
        }
    }
}

static void print_list(FILE *to, const struct value *value, unsigned indent)
{
    if (is_table(value)) {
        print_table(to, value, indent);
        return;
    }
    for (size_t i = 0; i < value->count; i++) {
        fprintf(to, "%*s", (int)indent, "");
        print_cell(to, &value->items[i]);
        fputc('\n', to);
    }
}

void value_print_block(FILE *to, const struct value *value, unsigned indent)
{
    size_t width = 0;
    for (size_t i = 0; i < value->count; i++) {
        size_t size = strlen(value->fields->items[i].name);
        width = size > width ? size : width;
    }
    for (size_t i = 0; i < value->count; i++) {
        const struct value *item = &value->items[i];
        bool below = !item->secret && ((item->kind == VALUE_STRUCT && item->count != 0) ||
                                       (item->kind == VALUE_ARRAY && item->count != 0));
        fprintf(to, "%*s%-*s", (int)indent, "", below ? 0 : (int)width,
                value->fields->items[i].name);
        if (!below) {
            fputs("  ", to);
            if (item->kind == VALUE_ARRAY) {
                fputs("none", to);
            } else {
                print_cell(to, item);
            }
            fputc('\n', to);
            continue;
        }
        fputc('\n', to);
        if (item->kind == VALUE_STRUCT) {
            value_print_block(to, item, indent + 2);
        } else {
            print_list(to, item, indent + 2);
        }
    }
}
