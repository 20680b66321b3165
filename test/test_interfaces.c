/* test_interfaces - what the generator makes of test/support/sample.iface, at work: every type goes
 * out and comes back, bounds hold on both sides, fields of other versions are skipped or take their
 * defaults, and what is missing or closed is refused. Facades are tested where there is a runtime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus/arena.h"
#include "bus/cbor.h"
#include "test/support/sample.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t buffer[TROUPE_FRAME_BYTES_MAX];
static uint8_t other[TROUPE_FRAME_BYTES_MAX];
static struct troupe_arena arena;

static int teardown(void **state)
{
    (void)state;
    ti_arena_free(&arena);
    return 0;
}

static struct troupe_bytes bytes(const void *data, size_t size)
{
    return (struct troupe_bytes){.data = data, .size = size};
}

/* ---- one value of everything ------------------------------------------------------------------ */

static const uint16_t numbers[] = {0, 1, UINT16_MAX};
static const struct sample_point points[] = {{.x = -1, .y = INT32_MIN}, {.x = 24, .y = INT32_MAX}};
static const struct sample_maybe_point holes[] = {
    {.has = false}, {.has = true, .value = {.x = 3, .y = 4}}, {.has = false}};
static const struct sample_key keys[] = {{.bytes = {9, 8, 7, 6}}};
static const enum sample_color colors[] = {SAMPLE_COLOR_BLUE, SAMPLE_COLOR_RED};
static const uint32_t maybe_numbers[] = {7, UINT32_MAX};
static const struct sample_maybe_u8 number_holes[] = {{.has = true, .value = 9}, {.has = false}};

static struct troupe_text words[2];

static struct sample_everything full(void)
{
    words[0] = troupe_text("abc");
    words[1] = troupe_text("");
    return (struct sample_everything){
        .flag = true,
        .tiny = UINT8_MAX,
        .small = UINT16_MAX,
        .large = UINT32_MAX,
        .huge = UINT64_MAX,
        .signed_tiny = INT8_MIN,
        .signed_small = INT16_MIN,
        .signed_large = INT32_MIN,
        .signed_huge = INT64_MIN,
        .limited = 10,
        .name = troupe_text("12345678"),
        .raw = bytes("\0\1\2\3", 4),
        .key = {.bytes = {1, 2, 3, 4}},
        .color = SAMPLE_COLOR_BLUE,
        .mood = SAMPLE_MOOD_WILD,
        .point = {.x = 1, .y = -1},
        .has_maybe_number = true,
        .maybe_number = 0,
        .has_maybe_name = true,
        .maybe_name = troupe_text("\xc3\xa9"),
        .has_maybe_point = true,
        .maybe_point = {.x = 2, .y = -2},
        .has_maybe_color = true,
        .maybe_color = SAMPLE_COLOR_GREEN,
        .level = 5,
        .lowest = 0,
        .is_on = false,
        .title = troupe_text(""),
        .empty = troupe_text("not"),
        .paint = SAMPLE_COLOR_RED,
        .most = 0,
        .numbers = numbers,
        .numbers_count = COUNT(numbers),
        .points = points,
        .points_count = COUNT(points),
        .holes = holes,
        .holes_count = COUNT(holes),
        .words = words,
        .words_count = COUNT(words),
        .keys = keys,
        .keys_count = COUNT(keys),
        .colors = colors,
        .colors_count = COUNT(colors),
        .has_maybe_numbers = true,
        .maybe_numbers = maybe_numbers,
        .maybe_numbers_count = COUNT(maybe_numbers),
        .number_holes = number_holes,
        .number_holes_count = COUNT(number_holes),
    };
}

/* As little as possible: nothing optional, every default. */
static struct sample_everything least(void)
{
    return (struct sample_everything){
        .level = -5,
        .lowest = INT64_MIN,
        .is_on = true,
        .title = troupe_text("none"),
        .paint = SAMPLE_COLOR_GREEN,
        .most = UINT64_MAX,
    };
}

static int write_to(uint8_t *to, const struct sample_everything *value, size_t *ret_size,
                    const char **ret_what)
{
    struct troupe_writer writer;
    ti_writer_init_at(&writer, to, sizeof buffer);
    sample_everything_write(&writer, value);
    *ret_size = writer.size;
    if (ret_what)
        *ret_what = writer.what;
    return writer.error;
}

static int read_from(const uint8_t *data, size_t size, struct sample_everything *value,
                     struct troupe_error *ret_error)
{
    struct troupe_reader reader;
    ti_reader_init(&reader, data, size, NULL, &arena);
    sample_everything_read(&reader, value);
    return troupe_reader_finish(&reader, ret_error);
}

static size_t encode(uint8_t *to, const struct sample_everything *value)
{
    size_t size;
    assert_int_equal(write_to(to, value, &size, NULL), 0);
    return size;
}

static void assert_text(struct troupe_text text, const char *wanted)
{
    assert_int_equal(text.size, strlen(wanted));
    assert_memory_equal(text.data, wanted, text.size);
}

/* ---- out and back ----------------------------------------------------------------------------- */

static void test_every_type_comes_back(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    struct sample_everything got;
    size_t size = encode(buffer, &sent);

    assert_int_equal(read_from(buffer, size, &got, NULL), 0);
    assert_true(got.flag);
    assert_int_equal(got.tiny, UINT8_MAX);
    assert_int_equal(got.small, UINT16_MAX);
    assert_int_equal(got.large, UINT32_MAX);
    assert_true(got.huge == UINT64_MAX);
    assert_int_equal(got.signed_tiny, INT8_MIN);
    assert_int_equal(got.signed_small, INT16_MIN);
    assert_int_equal(got.signed_large, INT32_MIN);
    assert_true(got.signed_huge == INT64_MIN);
    assert_int_equal(got.limited, 10);
    assert_text(got.name, "12345678");
    assert_int_equal(got.raw.size, 4);
    assert_memory_equal(got.raw.data, "\0\1\2\3", 4);
    assert_memory_equal(got.key.bytes, "\1\2\3\4", 4);
    assert_int_equal(got.color, SAMPLE_COLOR_BLUE);
    assert_int_equal(got.mood, SAMPLE_MOOD_WILD);
    assert_int_equal(got.point.y, -1);
    assert_true(got.has_maybe_number && got.maybe_number == 0);
    assert_true(got.has_maybe_name);
    assert_text(got.maybe_name, "\xc3\xa9");
    assert_true(got.has_maybe_point && got.maybe_point.x == 2);
    assert_true(got.has_maybe_color && got.maybe_color == SAMPLE_COLOR_GREEN);
    assert_int_equal(got.level, 5);
    assert_true(got.lowest == 0 && !got.is_on && got.most == 0);
    assert_text(got.title, "");
    assert_text(got.empty, "not");
    assert_int_equal(got.paint, SAMPLE_COLOR_RED);
    assert_int_equal(got.numbers_count, 3);
    assert_memory_equal(got.numbers, numbers, sizeof numbers);
    assert_int_equal(got.points_count, 2);
    assert_memory_equal(got.points, points, sizeof points);
    assert_int_equal(got.holes_count, 3);
    assert_false(got.holes[0].has || got.holes[2].has);
    assert_true(got.holes[1].has && got.holes[1].value.y == 4);
    assert_int_equal(got.words_count, 2);
    assert_text(got.words[0], "abc");
    assert_text(got.words[1], "");
    assert_int_equal(got.keys_count, 1);
    assert_memory_equal(got.keys[0].bytes, keys[0].bytes, 4);
    assert_int_equal(got.colors_count, 2);
    assert_int_equal(got.colors[0], SAMPLE_COLOR_BLUE);
    assert_true(got.has_maybe_numbers && got.maybe_numbers_count == 2);
    assert_int_equal(got.maybe_numbers[1], UINT32_MAX);
    assert_int_equal(got.number_holes_count, 2);
    assert_true(got.number_holes[0].has && !got.number_holes[1].has);

    /* What was read is written as the same bytes: nothing was lost, and there is one form only. */
    assert_int_equal(encode(other, &got), size);
    assert_memory_equal(other, buffer, size);
}

/* The golden bytes, which test_gen.py holds against the published contract. */
static void test_the_bytes_are_those_of_the_contract(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    size_t size = encode(buffer, &sent);
    static char wanted[2048];
    static char hex[2048];

    FILE *file = fopen("test/golden/everything.hex", "re");
    assert_non_null(file);
    assert_non_null(fgets(wanted, sizeof wanted, file));
    fclose(file);
    assert_true(size < sizeof hex / 2);
    for (size_t i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", buffer[i]);
    wanted[strcspn(wanted, "\n")] = '\0';
    assert_string_equal(hex, wanted);
}

static void test_texts_and_bytes_are_read_in_place(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    struct sample_everything got;
    size_t size = encode(buffer, &sent);

    assert_int_equal(read_from(buffer, size, &got, NULL), 0);
    const uint8_t *name = (const uint8_t *)got.name.data;
    assert_true(name > buffer && name < buffer + size);
    assert_true(got.raw.data > buffer && got.raw.data < buffer + size);
}

/* 20 bytes is what the generator counts for this event: test_gen.py, test_worst_case. */
static void test_the_worst_case_is_what_the_generator_counted(void **state)
{
    (void)state;
    const enum sample_color three[] = {SAMPLE_COLOR_BLUE, SAMPLE_COLOR_BLUE, SAMPLE_COLOR_BLUE};
    const struct sample_changed largest = {
        .point = {.x = INT32_MIN, .y = INT32_MAX}, .colors = three, .colors_count = 3};
    struct troupe_writer writer;

    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_changed_write(&writer, &largest);
    assert_int_equal(writer.error, 0);
    assert_int_equal(writer.size, 20);
}

static void test_defaults_and_absent_fields_are_not_written(void **state)
{
    (void)state;
    struct sample_everything sent = least();
    struct sample_everything got;
    struct troupe_reader reader;
    struct troupe_map map;
    uint64_t key;
    size_t size = encode(buffer, &sent);

    ti_reader_init(&reader, buffer, size, NULL, NULL);
    troupe_get_map(&reader, &map);
    assert_int_equal(map.left, 16 + 7); /* 0..15, 40..45 and 47 */
    while (troupe_get_key(&reader, &map, &key)) {
        assert_true(key < 20 || (key >= 40 && key != 46));
        troupe_get_skip(&reader);
    }
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);

    memset(&got, 0xff, sizeof got);
    assert_int_equal(read_from(buffer, size, &got, NULL), 0);
    assert_false(got.has_maybe_number || got.has_maybe_name || got.has_maybe_point);
    assert_false(got.has_maybe_color || got.has_maybe_numbers);
    assert_int_equal(got.level, -5);
    assert_true(got.lowest == INT64_MIN && got.is_on && got.most == UINT64_MAX);
    assert_text(got.title, "none");
    assert_text(got.empty, "");
    assert_int_equal(got.paint, SAMPLE_COLOR_GREEN);
    assert_null(got.numbers);
    assert_int_equal(got.numbers_count, 0);
    assert_int_equal(encode(other, &got), size);
    assert_memory_equal(other, buffer, size);
}

/* ---- bounds on the way out -------------------------------------------------------------------- */

static void expect_refused(const struct sample_everything *value, const char *field)
{
    size_t size;
    const char *what = NULL;

    if (write_to(other, value, &size, &what) != TROUPE_EINVAL || strcmp(what, field) != 0)
        fail_msg("%s was not refused (%s)", field, what ? what : "nothing was");
}

static void test_the_writer_holds_the_bounds(void **state)
{
    (void)state;
    const struct sample_everything good = full();
    struct sample_everything bad;
    const struct troupe_text long_words[] = {{"abcd", 4}};
    const enum sample_color no_colors[] = {(enum sample_color)4};
    const struct sample_maybe_u8 large_holes[] = {{.has = true, .value = 10}};
    const struct sample_key many_keys[3] = {0};

    bad = good, bad.limited = 11, expect_refused(&bad, "Everything.limited");
    bad = good, bad.name = troupe_text("123456789"), expect_refused(&bad, "Everything.name");
    bad = good, bad.name = troupe_text("\xff"), expect_refused(&bad, "Everything.name");
    bad = good, bad.raw = bytes("12345", 5), expect_refused(&bad, "Everything.raw");
    bad = good, bad.color = (enum sample_color)2, expect_refused(&bad, "Everything.color");
    bad = good, bad.mood = (enum sample_mood)UINT32_MAX, expect_refused(&bad, "Everything.mood");
    bad = good, bad.maybe_name = troupe_text("123456789");
    expect_refused(&bad, "Everything.maybe_name");
    bad = good, bad.maybe_color = (enum sample_color)4;
    expect_refused(&bad, "Everything.maybe_color");
    bad = good, bad.numbers_count = SIZE_MAX, expect_refused(&bad, "Everything.numbers");
    bad = good, bad.points_count = 3, expect_refused(&bad, "Everything.points");
    bad = good, bad.holes_count = 5, expect_refused(&bad, "Everything.holes");
    bad = good, bad.words = long_words, bad.words_count = 1;
    expect_refused(&bad, "Everything.words");
    bad = good, bad.keys = many_keys, bad.keys_count = 3, expect_refused(&bad, "Everything.keys");
    bad = good, bad.colors = no_colors, bad.colors_count = 1;
    expect_refused(&bad, "Everything.colors");
    bad = good, bad.maybe_numbers_count = 3, expect_refused(&bad, "Everything.maybe_numbers");
    bad = good, bad.number_holes = large_holes, bad.number_holes_count = 1;
    expect_refused(&bad, "Everything.number_holes");

    bad = good, bad.has_maybe_name = false, bad.maybe_name = troupe_text("123456789");
    (void)encode(other, &bad); /* what is absent is not looked at */
}

/* ---- bounds on the way in --------------------------------------------------------------------- */

#define NO_KEY UINT64_MAX

/* Copies the encoded map in `buffer` to `other` with the value of one key replaced by `item`, or
 * without that key (item NULL), or with that key added in its place. */
static size_t change(size_t size, uint64_t changed, const char *item, size_t item_size)
{
    struct troupe_reader reader;
    struct troupe_writer writer;
    struct troupe_map map;
    uint64_t key;
    uint64_t last = NO_KEY;
    size_t pairs = 0;
    static uint8_t rest[TROUPE_FRAME_BYTES_MAX];

    ti_writer_init_at(&writer, rest, sizeof rest);
    ti_reader_init(&reader, buffer, size, NULL, NULL);
    troupe_get_map(&reader, &map);
    while (troupe_get_key(&reader, &map, &key)) {
        struct troupe_bytes value = ti_get_raw(&reader, size, NULL);
        bool before = (last == NO_KEY || last < changed) && changed < key;
        last = key;
        if (before && item) {
            troupe_put_uint(&writer, changed);
            ti_put_raw(&writer, bytes(item, item_size));
            pairs++;
        }
        if (key == changed) {
            if (!item)
                continue;
            value = bytes(item, item_size);
        }
        troupe_put_uint(&writer, key);
        ti_put_raw(&writer, value);
        pairs++;
    }
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    if (item && last < changed) {
        troupe_put_uint(&writer, changed);
        ti_put_raw(&writer, bytes(item, item_size));
        pairs++;
    }
    size_t rest_size = writer.size;
    ti_writer_init_at(&writer, other, sizeof other);
    troupe_put_map(&writer, pairs);
    ti_put_raw(&writer, bytes(rest, rest_size));
    assert_int_equal(writer.error, 0);
    return writer.size;
}

static void test_the_reader_holds_the_bounds(void **state)
{
    (void)state;
    static const struct {
        uint64_t key;
        const char *item; /* CBOR */
        size_t size;
        const char *field;
    } cases[] = {
#define ITEM(literal) literal, sizeof(literal) - 1
        {0, ITEM("\x00"), "Everything.flag"},
        {1, ITEM("\x19\x01\x00"), "Everything.tiny"},
        {1, ITEM("\x20"), "Everything.tiny"},
        {2, ITEM("\x1a\x00\x01\x00\x00"), "Everything.small"},
        {3, ITEM("\x1b\x00\x00\x00\x01\x00\x00\x00\x00"), "Everything.large"},
        {4, ITEM("\x20"), "Everything.huge"},
        {5, ITEM("\x18\x80"), "Everything.signed_tiny"},
        {5, ITEM("\x38\x80"), "Everything.signed_tiny"},
        {6, ITEM("\x19\x80\x00"), "Everything.signed_small"},
        {7, ITEM("\x3a\x80\x00\x00\x00"), "Everything.signed_large"},
        {8, ITEM("\x1b\x80\x00\x00\x00\x00\x00\x00\x00"), "Everything.signed_huge"},
        {8, ITEM("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"), "Everything.signed_huge"},
        {9, ITEM("\x0b"), "Everything.limited"},
        {10,
         ITEM("\x69"
              "123456789"),
         "Everything.name"},
        {10, ITEM("\x41\x00"), "Everything.name"},
        {10, ITEM("\xf6"), "Everything.name"},
        {11,
         ITEM("\x45"
              "12345"),
         "Everything.raw"},
        {11,
         ITEM("\x61"
              "1"),
         "Everything.raw"},
        {12,
         ITEM("\x43"
              "123"),
         "Everything.key"},
        {12,
         ITEM("\x45"
              "12345"),
         "Everything.key"},
        {13, ITEM("\x02"), "Everything.color"},
        {13,
         ITEM("\x61"
              "r"),
         "Everything.color"},
        {14, ITEM("\x1a\x80\x00\x00\x00"), "Everything.mood"},
        {15, ITEM("\xa1\x00\x01"), "Point"},
        {20, ITEM("\xf6"), "Everything.maybe_number"},
        {21,
         ITEM("\x69"
              "123456789"),
         "Everything.maybe_name"},
        {22, ITEM("\xa1\x01\x01"), "Point"},
        {23, ITEM("\x04"), "Everything.maybe_color"},
        {30, ITEM("\x1a\x80\x00\x00\x00"), "Everything.level"},
        {32, ITEM("\x01"), "Everything.is_on"},
        {33,
         ITEM("\x69"
              "123456789"),
         "Everything.title"},
        {35, ITEM("\x18\x18"), "Everything.paint"},
        {40, ITEM("\x84\x00\x00\x00\x00"), "Everything.numbers"},
        {40, ITEM("\x81\x1a\x00\x01\x00\x00"), "Everything.numbers"},
        {40, ITEM("\x81\xf6"), "Everything.numbers"},
        {40, ITEM("\x00"), "Everything.numbers"},
        {41, ITEM("\x81\xa0"), "Point"},
        {42, ITEM("\x85\xf6\xf6\xf6\xf6\xf6"), "Everything.holes"},
        {43,
         ITEM("\x81\x64"
              "abcd"),
         "Everything.words"},
        {44,
         ITEM("\x81\x43"
              "abc"),
         "Everything.keys"},
        {45, ITEM("\x81\x04"), "Everything.colors"},
        {46, ITEM("\x83\x00\x00\x00"), "Everything.maybe_numbers"},
        {47, ITEM("\x81\x0a"), "Everything.number_holes"},
        {47, ITEM("\x81\xf4"), "Everything.number_holes"},
#undef ITEM
    };
    struct sample_everything sent = full();
    struct sample_everything got;
    size_t size = encode(buffer, &sent);

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct troupe_error error;
        size_t changed = change(size, cases[i].key, cases[i].item, cases[i].size);
        int code = read_from(other, changed, &got, &error);
        size_t length = strlen(cases[i].field);
        if (code != TROUPE_EINVAL || strncmp(error.text, cases[i].field, length) != 0 ||
            error.text[length] != ':')
            fail_msg("case %zu, %s: %d, %s", i, cases[i].field, code, code ? error.text : "");
    }
}

static void test_a_missing_field_is_refused_if_it_is_required(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    struct sample_everything got;
    size_t size = encode(buffer, &sent);

    for (uint64_t key = 0; key < 48; key++) {
        struct troupe_error error = {0};
        bool required = key < 16 || (key >= 40 && key != 46);
        int code = read_from(other, change(size, key, NULL, 0), &got, &error);
        if (code != (required ? TROUPE_EINVAL : 0))
            fail_msg("without %d: %d %s", (int)key, code, error.text);
        if (required)
            assert_string_equal(strtok(error.text, ":"), "Everything");
    }
}

/* ---- versions --------------------------------------------------------------------------------- */

static void test_unknown_fields_are_skipped(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    struct sample_everything got;
    static const uint64_t unknown[] = {16, 24, 37, 50, 63, 64, UINT32_MAX};
    static const char item[] = "\x82\xa1\x00\x81\xf6\x63xyz";
    size_t size = encode(buffer, &sent);

    for (size_t i = 0; i < COUNT(unknown); i++) {
        size_t changed = change(size, unknown[i], item, sizeof item - 1);
        assert_true(changed > size);
        assert_int_equal(read_from(other, changed, &got, NULL), 0);
        size_t again = encode(other, &got);
        assert_int_equal(again, size);
        assert_memory_equal(other, buffer, size);
    }
}

static void test_old_and_new_understand_each_other(void **state)
{
    (void)state;
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct sample_new sent = {.a = 7, .has_b = true, .b = troupe_text("b"), .c = 1, .has_d = true};
    struct sample_old got_old;
    struct sample_new got_new;

    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_new_write(&writer, &sent);
    ti_reader_init(&reader, buffer, writer.size, NULL, NULL);
    sample_old_read(&reader, &got_old);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_int_equal(got_old.a, 7);

    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_old_write(&writer, &got_old);
    memset(&got_new, 0xff, sizeof got_new);
    ti_reader_init(&reader, buffer, writer.size, NULL, NULL);
    sample_new_read(&reader, &got_new);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_int_equal(got_new.a, 7);
    assert_int_equal(got_new.c, 9);
    assert_false(got_new.has_b || got_new.has_d);
}

static void test_an_open_enum_keeps_what_it_does_not_know(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    struct sample_everything got;

    sent.mood = (enum sample_mood)1234567;
    size_t size = encode(buffer, &sent);
    assert_int_equal(read_from(buffer, size, &got, NULL), 0);
    assert_int_equal(got.mood, 1234567);
    assert_int_equal(encode(other, &got), size);
    assert_memory_equal(other, buffer, size);
}

/* ---- what travels beside the map -------------------------------------------------------------- */

static void test_refs_come_back(void **state)
{
    (void)state;
    const struct troupe_ref a = {.place = 1, .id = 2};
    const struct troupe_ref b = {.place = 3, .id = 4};
    const struct troupe_ref others[] = {b, a, b};
    struct sample_hand_args sent = {.who = a, .others = others, .others_count = 3};
    struct sample_hand_args got;
    struct troupe_writer writer;
    struct troupe_reader reader;

    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_hand_args_write(&writer, &sent);
    assert_int_equal(writer.error, 0);
    assert_int_equal(writer.refs_count, 2);
    struct troupe_body body = {
        .data = buffer, .size = writer.size, .refs = writer.refs, .refs_count = 2};
    ti_reader_init(&reader, body.data, body.size, &body, &arena);
    sample_hand_args_read(&reader, &got);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_true(troupe_ref_equal(got.who, a));
    assert_int_equal(got.others_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(troupe_ref_equal(got.others[i], others[i]));

    body.refs_count = 1;
    ti_reader_init(&reader, body.data, body.size, &body, &arena);
    sample_hand_args_read(&reader, &got);
    assert_int_equal(troupe_reader_finish(&reader, NULL), TROUPE_EINVAL);
}

static void test_a_blob_comes_back(void **state)
{
    (void)state;
    static uint8_t content[SAMPLE_STORE_CONTENT_BYTES_MAX + 1];
    struct sample_store_args sent = {
        .name = troupe_text("x"),
        .content = {.data = content, .size = SAMPLE_STORE_CONTENT_BYTES_MAX}};
    struct sample_store_args got;
    struct sample_store_results none;
    struct troupe_writer writer;
    struct troupe_reader reader;

    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_store_args_write(&writer, &sent);
    assert_int_equal(writer.error, 0);
    struct troupe_body body = {.data = buffer, .size = writer.size, .blob = writer.blob};
    ti_reader_init(&reader, body.data, body.size, &body, NULL);
    sample_store_args_read(&reader, &got);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_ptr_equal(got.content.data, content);
    assert_int_equal(got.content.size, SAMPLE_STORE_CONTENT_BYTES_MAX);

    sent.content.size++;
    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_store_args_write(&writer, &sent);
    assert_int_equal(writer.error, TROUPE_ETOOLARGE);
    assert_non_null(strstr(writer.what, "store.content: a blob of 2097153 bytes"));

    ti_writer_init_at(&writer, buffer, sizeof buffer);
    sample_store_results_write(&writer, &(struct sample_store_results){0});
    assert_int_equal(writer.size, 1);
    ti_reader_init(&reader, buffer, writer.size, NULL, NULL);
    sample_store_results_read(&reader, &none);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_false(none.has_before);
}

static void test_an_error_brings_its_fields(void **state)
{
    (void)state;
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct sample_detailed sent = {.code = 5, .reason = troupe_text("why"), .has_where = true};
    struct sample_detailed got;

    ti_writer_init_at(&writer, buffer, TROUPE_ERROR_DATA_BYTES_MAX);
    sample_detailed_write(&writer, &sent);
    assert_int_equal(writer.error, 0);
    ti_reader_init(&reader, buffer, writer.size, NULL, NULL);
    sample_detailed_read(&reader, &got);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_int_equal(got.code, 5);
    assert_text(got.reason, "why");
    assert_true(got.has_where);
}

/* ---- the description -------------------------------------------------------------------------- */

static void test_the_description_says_what_the_file_says(void **state)
{
    (void)state;
    const struct troupe_interface *interface = &sample_interface;

    assert_int_equal(interface->id, 900);
    assert_int_equal(interface->version, 2);
    assert_string_equal(interface->name, "test.Sample");
    assert_int_equal(interface->methods_count, 9);
    for (size_t i = 0; i < interface->methods_count; i++) {
        const struct troupe_method *method = &interface->methods[i];
        assert_ptr_equal(method->interface, interface);
        assert_non_null(method->dispatch);
        if (i > 0)
            assert_true(method->ordinal > interface->methods[i - 1].ordinal);
    }
    assert_string_equal(interface->methods[1].name, "echo");
    assert_int_equal(interface->methods[1].flags, TROUPE_IDEMPOTENT);
    assert_int_equal(interface->methods[1].deadline_ms, 1500);
    assert_int_equal(interface->methods[2].flags, TROUPE_SECRET_ARGS | TROUPE_SECRET_RESULTS);
    assert_int_equal(interface->methods[2].deadline_ms, TROUPE_DEADLINE_MS);
    assert_int_equal(interface->methods[3].blob_args_bytes_max, 2 * 1024 * 1024);
    assert_int_equal(interface->methods[3].blob_results_bytes_max, 2 * 1024 * 1024);
    assert_int_equal(interface->methods[4].flags, TROUPE_STREAM);
    assert_int_equal(interface->methods[5].flags, TROUPE_ONEWAY);
    assert_int_equal(interface->methods[7].ordinal, 9);
    assert_int_equal(interface->events_count, 4);
    assert_ptr_equal(interface->events[3].snapshot, &interface->methods[8]);
    assert_int_equal(interface->events[3].epoch_ordinal, 1);
    assert_int_equal(interface->events[3].sequence_ordinal, 2);
    assert_int_equal(interface->events[0].overflow, TROUPE_LATEST);
    assert_int_equal(interface->events[1].overflow, TROUPE_GAP);
    assert_non_null(strstr(interface->text, "\ninterface test.Sample @900 version 2\n"));
    assert_non_null(strstr(interface->text, "trigraph ?\?/ in a doc line"));
}

/* ---- damage ----------------------------------------------------------------------------------- */

static uint32_t chance(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

/* Damaged bytes are refused, or they are another valid message, which then is in its one form. */
static void test_damage_is_refused_or_harmless(void **state)
{
    (void)state;
    struct sample_everything sent = full();
    struct sample_everything got;
    static uint8_t again[TROUPE_FRAME_BYTES_MAX];
    size_t size = encode(buffer, &sent);
    size_t accepted = 0;

    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(read_from(buffer, cut, &got, NULL), TROUPE_EMALFORMED);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t seed = round;
        memcpy(other, buffer, size);
        for (uint32_t i = chance(&seed, 3) + 1; i > 0; i--)
            other[chance(&seed, (uint32_t)size)] = (uint8_t)chance(&seed, 256);
        if (read_from(other, size, &got, NULL) == 0) {
            struct sample_everything same;
            size_t again_size = encode(again, &got);
            assert_int_equal(read_from(again, again_size, &same, NULL), 0);
            accepted++;
        }
        ti_arena_free(&arena);
    }
    assert_in_range(accepted, 1, 19999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_type_comes_back, teardown),
        cmocka_unit_test_teardown(test_the_bytes_are_those_of_the_contract, teardown),
        cmocka_unit_test_teardown(test_texts_and_bytes_are_read_in_place, teardown),
        cmocka_unit_test_teardown(test_the_worst_case_is_what_the_generator_counted, teardown),
        cmocka_unit_test_teardown(test_defaults_and_absent_fields_are_not_written, teardown),
        cmocka_unit_test_teardown(test_the_writer_holds_the_bounds, teardown),
        cmocka_unit_test_teardown(test_the_reader_holds_the_bounds, teardown),
        cmocka_unit_test_teardown(test_a_missing_field_is_refused_if_it_is_required, teardown),
        cmocka_unit_test_teardown(test_unknown_fields_are_skipped, teardown),
        cmocka_unit_test_teardown(test_old_and_new_understand_each_other, teardown),
        cmocka_unit_test_teardown(test_an_open_enum_keeps_what_it_does_not_know, teardown),
        cmocka_unit_test_teardown(test_refs_come_back, teardown),
        cmocka_unit_test_teardown(test_a_blob_comes_back, teardown),
        cmocka_unit_test_teardown(test_an_error_brings_its_fields, teardown),
        cmocka_unit_test_teardown(test_the_description_says_what_the_file_says, teardown),
        cmocka_unit_test_teardown(test_damage_is_refused_or_harmless, teardown),
    };
    return cmocka_run_group_tests_name("interfaces", tests, NULL, NULL);
}
