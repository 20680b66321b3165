/* fuzz_command - any bytes as what the command troupe is given: interfaces in words (of another process), values in words (of a
 * person), values as they travel.
 *
 * The first byte chooses. What must hold: no bad access, no leak; what is wrong is said; what was read from words and has neither secret,
 * ref nor blob is printed as words that are read as the same; what is printed is nothing that a terminal obeys. A libFuzzer entry point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/value.h"
#include "test/support/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct idl *sample; /* kept from one input to the next */

static void check_at(int line, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_command.c:%d: does not hold\n", line);
        abort();
    }
}
#define check(condition) check_at(__LINE__, condition)

static char *print(const struct value *value, void (*how)(FILE *to, const struct value *value))
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    check(to != NULL);
    how(to, value);
    fclose(to);
    for (size_t i = 0; i < size; i++)
        check((unsigned char)text[i] >= ' ' || text[i] == '\n');
    return text;
}

static void print_block(FILE *to, const struct value *value)
{
    value_print_block(to, value, 0);
}

static void look_at(const struct value *value)
{
    free(print(value, value_print_json));
    free(print(value, print_block));
}

static bool is_plain(const struct idl_fields *fields)
{
    bool plain = true;
    for (size_t i = 0; i < fields->count; i++) {
        enum idl_kind kind = fields->items[i].type.kind == IDL_ARRAY
                                 ? fields->items[i].type.element->kind
                                 : fields->items[i].type.kind;
        plain = plain && kind != IDL_REF && kind != IDL_BLOB && !fields->items[i].secret;
    }
    return plain;
}

static bool read_words(struct value_room *room, const struct idl_fields *fields, const char *words,
                       struct value *value)
{
    struct value_reading reading = {.room = room};
    bool good = value_from_words(&reading, fields, &words, 1, value);
    check(good || reading.error.text[0] != '\0');
    if (!good) {
        FILE *to = fopen("/dev/null", "w");
        check(to != NULL);
        value_error_print(to, "fuzz", &reading.error);
        fclose(to);
    }
    return good;
}

static void try_wire(const struct idl_fields *fields, const uint8_t *data, size_t size)
{
    struct value_room room = {0};
    struct troupe_reader reader;
    struct value value;
    troupe_reader_init(&reader, data, size);
    value_read(&reader, fields, &room, &value);
    look_at(&value);
    free(print(&value, value_print_line));
    value_room_free(&room);
}

static void try_words(const struct idl_fields *fields, const char *words)
{
    struct value_room room = {0};
    struct value value;
    struct value again;
    if (memchr(words, '@', strlen(words)) == NULL && read_words(&room, fields, words, &value)) {
        struct troupe_writer writer;
        look_at(&value);
        char *line = print(&value, value_print_line);
        if (is_plain(fields)) {
            check(read_words(&room, fields, line, &again));
            char *after = print(&again, value_print_line);
            check(strcmp(line, after) == 0);
            free(after);
        }
        troupe_writer_init(&writer);
        value_write(&writer, &value, fields);
        if (writer.error == 0) {
            uint8_t *bytes = malloc(writer.size);
            check(bytes != NULL);
            memcpy(bytes, writer.data, writer.size);
            try_wire(fields, bytes, writer.size);
            free(bytes);
        }
        free(line);
    }
    value_room_free(&room);
}

static void try_interface(const uint8_t *data, size_t size)
{
    char why[IDL_WHY_BYTES_MAX] = "";
    struct idl *idl = idl_parse((struct troupe_text){.data = (const char *)data, .size = size},
                                why);
    check(idl != NULL || why[0] != '\0');
    for (size_t i = 0; idl != NULL && i < idl->methods_count; i++) {
        for (size_t k = 0; k < idl->methods[i].args.count; k++) {
            char type[64];
            idl_type_text(&idl->methods[i].args.items[k].type, type, sizeof type);
        }
        try_wire(&idl->methods[i].results, data, size < 16 ? size : 16);
    }
    idl_free(idl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[IDL_WHY_BYTES_MAX];
    if (size < 2 || size > IDL_TEXT_BYTES_MAX)
        return 0;
    sample = sample != NULL ? sample : idl_parse(troupe_text(sample_interface.text), why);
    check(sample != NULL);
    const struct idl_fields *fields = &sample->methods[data[1] % sample->methods_count].args;
    uint8_t *copy = malloc(size); /* of its own size, with an end */
    check(copy != NULL);
    memcpy(copy, data + 2, size - 2);
    copy[size - 2] = '\0';
    switch (data[0] % 3) {
    case 0:
        try_interface(copy, size - 2);
        break;
    case 1:
        try_words(fields, (const char *)copy);
        break;
    default:
        try_wire(fields, copy, size - 2);
    }
    free(copy);
    return 0;
}
