/* say.c - tables, and errors. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

void tc_say(const struct tc_session *session, const char *format, ...)
{
    char text[TC_PATH_BYTES_MAX + 512];
    va_list arguments;
    if (session->silent) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    value_clean(text);
    fflush(stdout);
    fprintf(stderr, "troupe: %s\n", text);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void say_declared(const struct tc_session *session, const char *what,
                         const struct idl_error *declared, const struct troupe_error *error,
                         const char *text)
{
    struct value_room room = {0};
    struct value fields = {.kind = VALUE_ABSENT};
    struct troupe_reader reader;
    if (error->data_size != 0 && declared->fields.count != 0) {
        troupe_gen_error_reader(error, &reader);
        value_read(&reader, &declared->fields, &room, &fields);
    }
    tc_say(session, "%s: %s: %s", what, declared->name, text);
    if (fields.kind == VALUE_STRUCT && !session->silent) {
        value_print_block(stderr, &fields, 2);
    }
    if (session->options->json && !session->silent) {
        printf("{\"error\": {\"name\": \"%s\", \"code\": %u, \"text\": ", declared->name,
               declared->code);
        value_print_string(stdout, error->text, strlen(error->text));
        printf(", \"fields\": ");
        if (fields.kind == VALUE_STRUCT) {
            value_print_json(stdout, &fields);
        } else {
            printf("{}");
        }
        printf("}}\n");
    }
    value_room_free(&room);
}

enum tc_status tc_say_error(const struct tc_session *session, const char *what,
                            const struct idl *idl, const struct troupe_error *error)
{
    const struct idl_error *declared = idl != NULL ? idl_error_find(idl, error->code) : NULL;
    char text[TROUPE_TEXT_BYTES_MAX + 1];
    const char *name = troupe_error_name(error->code);
    snprintf(text, sizeof text, "%s",
             error->text[0] != '\0' ? error->text : troupe_error_text(error->code));
    value_clean(text);
    if (declared != NULL) {
        say_declared(session, what, declared, error, text);
        return TC_FAILED;
    }
    tc_say(session, "%s: %s: %s%s", what, name, text,
           error->code == TROUPE_ETIMEOUT ? "; --timeout=60s gives it longer" : "");
    if (session->options->json && !session->silent) {
        printf("{\"error\": {\"name\": \"%s\", \"code\": %d, \"text\": ", name, error->code);
        value_print_string(stdout, error->text, strlen(error->text));
        printf("}}\n");
    }
    return error->code == TROUPE_ETIMEOUT ? TC_LATE : TC_FAILED;
}

/* ---- tables ---------------------------------------------------------------------------------- */

void tc_table_add(struct tc_table *table, const char *format, ...)
{
    char text[1024];
    size_t count = table->cells_count;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    value_clean(text);
    if ((count & (count - 1)) == 0) {
        char **grown = realloc(table->cells, (count == 0 ? 1 : 2 * count) * sizeof *grown);
        if (grown == NULL) {
            return;
        }
        table->cells = grown;
    }
    char *cell = strdup(text);
    if (cell != NULL) {
        table->cells[table->cells_count++] = cell;
    }
}

static void print_json(const struct tc_table *table)
{
    printf("[");
    for (size_t i = 0; i < table->cells_count; i++) {
        const struct tc_column *column = &table->columns[i % table->columns_count];
        bool first = i % table->columns_count == 0;
        printf("%s\"", first && i > 0 ? ", {" : first ? "{" : ", ");
        for (const char *c = column->title; *c != '\0'; c++) {
            putchar(*c == ' ' ? '_' : tolower((unsigned char)*c));
        }
        printf("\": ");
        if (strcmp(table->cells[i], "-") == 0) {
            printf("null");
        } else if (column->number) {
            printf("%s", table->cells[i]);
        } else {
            value_print_string(stdout, table->cells[i], strlen(table->cells[i]));
        }
        printf("%s", (i + 1) % table->columns_count == 0 ? "}" : "");
    }
    printf("]\n");
}

void tc_table_print(const struct tc_table *table, bool json)
{
    size_t widths[TC_COLUMNS_MAX] = {0};
    size_t columns = table->columns_count;
    if (columns == 0) {
        return;
    }
    if (json) {
        print_json(table);
        return;
    }
    for (size_t i = 0; i < columns + table->cells_count; i++) {
        size_t size = strlen(i < columns ? table->columns[i].title : table->cells[i - columns]);
        widths[i % columns] = size > widths[i % columns] ? size : widths[i % columns];
    }
    for (size_t i = 0; i < columns + table->cells_count; i++) {
        size_t at = i % columns;
        const char *cell = i < columns ? table->columns[i].title : table->cells[i - columns];
        bool last = at + 1 == columns;
        int pad = (int)(widths[at] - strlen(cell));
        bool right = table->columns[at].number;
        printf("%*s%s%*s%s", right ? pad : 0, "", cell, right || last ? 0 : pad, "",
               last ? "\n" : "  ");
    }
}

void tc_table_free(struct tc_table *table)
{
    for (size_t i = 0; i < table->cells_count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    table->cells = NULL;
    table->cells_count = 0;
}
