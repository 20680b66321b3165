/* The command troupe reads interfaces and values at run time: held against what the generator made of the same text, and against what is
 * wrong in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command/value.h"
#include "interfaces/bus.h"
#include "interfaces/node.h"
#include "interfaces/p2p.h"
#include "interfaces/ui.h"
#include "interfaces/wallet.h"
#include "interfaces/wallets.h"
#include "test/support/sample.h"

static struct idl *parse(const char *text, char *why)
{
    return idl_parse(troupe_text(text), why);
}

static void check_method(const struct idl_method *read, const struct troupe_method *made)
{
    const struct troupe_method *method = &read->method;
    assert_string_equal(method->name, made->name);
    assert_int_equal(method->ordinal, made->ordinal);
    assert_int_equal(method->flags, made->flags);
    assert_int_equal(method->deadline_ms, made->deadline_ms);
    assert_int_equal(method->blob_args_bytes_max, made->blob_args_bytes_max);
    assert_int_equal(method->blob_results_bytes_max, made->blob_results_bytes_max);
    assert_int_equal(method->since, made->since);
}

static void test_it_reads_what_the_generator_read(void **state)
{
    static const struct troupe_interface *const all[] = {
        &bus_interface,    &node_interface,    &p2p_interface,   &ui_interface,
        &wallet_interface, &wallets_interface, &sample_interface};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char why[IDL_WHY_BYTES_MAX] = "";
        struct idl *idl = parse(all[i]->text, why);
        assert_string_equal(why, "");
        assert_non_null(idl);
        assert_string_equal(idl->interface.name, all[i]->name);
        assert_int_equal(idl->interface.id, all[i]->id);
        assert_int_equal(idl->interface.version, all[i]->version);
        assert_int_equal(idl->methods_count, all[i]->methods_count);
        assert_int_equal(idl->events_count, all[i]->events_count);
        for (size_t k = 0; k < all[i]->methods_count; k++) {
            check_method(&idl->methods[k], &all[i]->methods[k]);
        }
        for (size_t k = 0; k < all[i]->events_count; k++) {
            assert_string_equal(idl->events[k].name, all[i]->events[k].name);
            assert_int_equal(idl->events[k].event.ordinal, all[i]->events[k].ordinal);
            assert_int_equal(idl->events[k].event.overflow, all[i]->events[k].overflow);
        }
        idl_free(idl);
    }
}

static void test_text_cut_anywhere_is_refused_or_whole(void **state)
{
    const char *text = sample_interface.text;
    (void)state;
    for (size_t size = 0; size < strlen(text); size++) {
        char why[IDL_WHY_BYTES_MAX] = "";
        char *cut = malloc(size + 1); /* of its own size, so that a sanitizer sees who reads on */
        assert_non_null(cut);
        memcpy(cut, text, size);
        struct idl *idl = idl_parse((struct troupe_text){.data = cut, .size = size}, why);
        assert_true(idl != NULL || why[0] != '\0');
        free(cut);
        idl_free(idl);
    }
}

static void test_what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } wrong[] = {
        {"", "1:1: expected 'interface', found the end"},
        {"interface a.B @1 version 1 method m @1 (0 a:Nowhere) -> ()",
         "a declaration of the type Nowhere"},
        {"interface a.B @1 version 1\nmethod m @1 (0 a:u32; 0 b:u32) -> ()",
         "2:26: expected another name and number"},
        {"interface a.B @1 version 1\nmethod m @1 (0 a:u32; 1 a:u32) -> ()",
         "expected another name and number"},
        {"interface a.B @1 version 1\nmethod m @1 (0 a:text) -> ()",
         "2:22: expected '<=', found ')'"},
        {"interface a.B @1 version 1\nmethod m @1 () -> () method m @2 () -> ()",
         "a method that is not declared already"},
        {"interface a.B @1 version 1\nstruct S { 0 s:S } method m @1 (0 s:S) -> ()",
         "structs that nest less deep"},
        {"interface a.B @1 version 1\nstruct S { 0 s:T } struct T { 0 s:[S]<=2 } method m @1 (0 "
         "s:S) -> ()",
         "structs that nest less deep"},
        {"interface a.B @4294967296 version 1", "a number such as @1"},
        {"interface a.B @1 version 99999999999999999999", "a version number"},
        {"interface a.B @1 version 1\nmethod m @1 (0 a:text<=9999999999999GiB) -> ()", "a bound"},
        {"interface a.B @1 version 1\nmethod m @1 (0 a:text<=4=\"x) -> ()",
         "a closing '\"' on the same line"},
        {"interface a.B @1 version 1\n\x1b[2J", "a word, a number or a mark, found ''"},
        {"interface a.B @1 version 1\nevent e @1 () overflow", "'gap'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char why[IDL_WHY_BYTES_MAX] = "";
        struct idl *idl = parse(wrong[i].text, why);
        if (idl != NULL || strstr(why, wrong[i].why) == NULL) {
            fail_msg("%s: %s", wrong[i].text, why);
        }
    }
}

static void test_more_than_there_may_be_is_refused(void **state)
{
    enum { LARGE = 200 * 1024 };
    static const char head[] = "interface a.B @1 version 1\n";
    char why[IDL_WHY_BYTES_MAX];
    char *text = malloc(LARGE);
    (void)state;
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "%smethod m @1 (", head);
    for (unsigned i = 0; i <= IDL_FIELDS_MAX; i++) {
        used += (size_t)sprintf(text + used, "%s%u f%u:u8", i > 0 ? "; " : "", i, i);
    }
    sprintf(text + used, ") -> ()");
    assert_null(parse(text, why));
    assert_non_null(strstr(why, "fewer declarations"));
    used = (size_t)sprintf(text, "%senum E open {", head);
    for (unsigned i = 0; i <= IDL_ITEMS_MAX; i++) {
        used += (size_t)sprintf(text + used, " v=%u", i);
    }
    sprintf(text + used, " }");
    assert_null(parse(text, why));
    assert_non_null(strstr(why, "fewer declarations"));
    memset(text, ' ', LARGE - 1);
    text[LARGE - 1] = '\0';
    assert_null(parse(text, why));
    assert_string_equal(why, "it is longer than 64 KiB");
    free(text);
}

/* ---- values ---------------------------------------------------------------------------------- */

struct values {
    struct idl *idl;
    struct value_room room;
    const struct idl_fields *fields; /* of echo's arguments */
};

static int values_setup(void **state)
{
    struct values *values = calloc(1, sizeof *values);
    char why[IDL_WHY_BYTES_MAX];
    assert_non_null(values);
    values->idl = parse(sample_interface.text, why);
    assert_non_null(values->idl);
    values->fields = &idl_method_find(values->idl, "echo")->args;
    *state = values;
    return 0;
}

static int values_teardown(void **state)
{
    struct values *values = *state;
    value_room_free(&values->room);
    idl_free(values->idl);
    free(values);
    return 0;
}

static bool read_words(struct values *values, const char *words, struct value *value, char *why)
{
    struct value_reading reading = {.room = &values->room};
    bool good = value_from_words(&reading, values->fields, &words, 1, value);
    snprintf(why, VALUE_WHY_BYTES_MAX, "%s", reading.error.text);
    return good;
}

static char *line_of(const struct value *value)
{
    char *line = NULL;
    size_t size;
    FILE *to = open_memstream(&line, &size);
    assert_non_null(to);
    value_print_line(to, value);
    fclose(to);
    return line;
}

static const char everything[] =
    "{all: {flag: true, tiny: 255, small: 65535, large: 4294967295, huge: 18446744073709551615, "
    "signed_tiny: -128, signed_small: -32768, signed_large: -2147483648, "
    "signed_huge: -9223372036854775808, limited: 10, name: \"a\\u00e4\\n\\\"\", raw: 0x00ff, "
    "key: 0x01020304, color: green, mood: 3, point: {x: -1, y: 2}, maybe_number: 7, level: 6, "
    "numbers: [1, 2, 3], points: [{x: 0, y: 0}], holes: [null, {x: 1, y: 1}], words: [\"a\", "
    "\"\"], "
    "keys: [0x00000000], colors: [blue, red], maybe_numbers: [], number_holes: [null, 9]}}";

static void test_values_come_back_as_they_were(void **state)
{
    struct values *values = *state;
    char why[VALUE_WHY_BYTES_MAX];
    struct value given;
    struct value again;
    struct value came;
    struct troupe_writer writer;
    struct troupe_reader reader;
    assert_true(read_words(values, everything, &given, why));
    char *line = line_of(&given);
    assert_non_null(strstr(line, "name: \"aä\\n\\\"\""));
    assert_true(read_words(values, line, &again, why));
    troupe_writer_init(&writer);
    value_write(&writer, &again, values->fields);
    assert_int_equal(writer.error, 0);
    troupe_reader_init(&reader, writer.data, writer.size);
    value_read(&reader, values->fields, &values->room, &came);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    char *after = line_of(&came);
    assert_non_null(strstr(after, "mood: 3")); /* unknown, of an open enum */
    assert_non_null(strstr(after, "lowest: -9223372036854775808, is_on: true, title: \"none\""));
    assert_non_null(strstr(after, "number_holes: [null, 9]"));
    assert_null(strstr(after, "maybe_name"));
    free(line);
    free(after);
}

static void test_bytes_cut_or_changed_anywhere_harm_nothing(void **state)
{
    struct values *values = *state;
    char why[VALUE_WHY_BYTES_MAX];
    struct value given;
    struct troupe_writer writer;
    assert_true(read_words(values, everything, &given, why));
    troupe_writer_init(&writer);
    value_write(&writer, &given, values->fields);
    size_t size = writer.size;
    for (size_t i = 0; i < size * 8; i++) {
        struct value_room room = {0};
        struct troupe_reader reader;
        struct value came;
        uint8_t *bytes = malloc(size);
        assert_non_null(bytes);
        memcpy(bytes, writer.data, size);
        bytes[i / 8] ^= (uint8_t)(1u << (i % 8));
        troupe_reader_init(&reader, bytes, i % 8 == 0 ? i / 8 : size);
        value_read(&reader, values->fields, &room, &came);
        char *line = line_of(&came); /* whole in any case */
        assert_true(line[0] == '{');
        free(line);
        free(bytes);
        value_room_free(&room);
    }
}

static void test_secrets_are_read_and_never_shown(void **state)
{
    struct values *values = *state;
    char why[VALUE_WHY_BYTES_MAX];
    struct value given;
    struct value came;
    struct troupe_writer writer;
    struct troupe_reader reader;
    values->fields = &idl_method_find(values->idl, "unlock")->args;
    assert_true(read_words(values, "{passphrase: \"geheim\", pin: 0x01020304}", &given, why));
    char *line = line_of(&given);
    assert_string_equal(line, "{passphrase: ***, pin: ***}");
    free(line);
    troupe_writer_init(&writer);
    value_write(&writer, &given, values->fields);
    assert_non_null(memmem(writer.data, writer.size, "geheim", 6));
    troupe_reader_init(&reader, writer.data, writer.size);
    value_read(&reader, values->fields, &values->room, &came);
    assert_int_equal(came.items[0].kind, VALUE_SECRET);
    assert_null(came.items[0].data);
    line = line_of(&came);
    assert_string_equal(line, "{passphrase: ***, pin: ***}");
    free(line);
    assert_false(read_words(values, "{passphrase: geheim, pin: 0x01020304}", &given, why));
    assert_null(strstr(why, "geheim"));
}

static void test_depth_and_number_are_bounded(void **state)
{
    enum { DEEP = 100000 };
    struct values *values = *state;
    char why[VALUE_WHY_BYTES_MAX];
    struct value given;
    char *words = malloc(DEEP + 16);
    assert_non_null(words);
    for (const char *mark = "[{\""; *mark != '\0'; mark++) {
        memset(words, *mark, DEEP);
        words[DEEP] = '\0';
        assert_false(read_words(values, words, &given, why));
    }
    assert_false(read_words(values, "{all: {mood: 3x}}", &given, why));
    assert_string_equal(why, "expected calm or wild, found 3x");
    sprintf(words, "{all: {numbers: [1, 2, 3, 4]}}");
    assert_false(read_words(values, words, &given, why));
    assert_string_equal(why, "expected at most 3 items");
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_reads_what_the_generator_read),
        cmocka_unit_test(test_text_cut_anywhere_is_refused_or_whole),
        cmocka_unit_test(test_what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(test_more_than_there_may_be_is_refused),
        cmocka_unit_test_setup_teardown(test_values_come_back_as_they_were, values_setup,
                                        values_teardown),
        cmocka_unit_test_setup_teardown(test_bytes_cut_or_changed_anywhere_harm_nothing,
                                        values_setup, values_teardown),
        cmocka_unit_test_setup_teardown(test_secrets_are_read_and_never_shown, values_setup,
                                        values_teardown),
        cmocka_unit_test_setup_teardown(test_depth_and_number_are_bounded, values_setup,
                                        values_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
