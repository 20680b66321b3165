/* sample.c - interface test.Sample, version 2.
 * Generated from sample.iface; change that, not this. What it calls is in bus/troupe_gen.h. */
#include "sample.h"

#include <string.h>

/* ---- codec ----------------------------------------------------------------------------------- */

/* A map of which this version knows no field. */
static void sample_nothing_read(struct troupe_reader *reader)
{
    struct troupe_map map;
    uint64_t key;

    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key))
        troupe_get_skip(reader);
}

void sample_color_write(struct troupe_writer *writer, enum sample_color value, const char *what)
{
    switch (value) {
    case SAMPLE_COLOR_RED:
    case SAMPLE_COLOR_GREEN:
    case SAMPLE_COLOR_BLUE:
        troupe_put_uint(writer, (uint64_t)value);
        break;
    default:
        troupe_put_invalid(writer, what);
        break;
    }
}

enum sample_color sample_color_read(struct troupe_reader *reader, const char *what)
{
    enum sample_color value = (enum sample_color)troupe_get_uint(reader, INT32_MAX, what);

    switch (value) {
    case SAMPLE_COLOR_RED:
    case SAMPLE_COLOR_GREEN:
    case SAMPLE_COLOR_BLUE:
        break;
    default:
        troupe_get_invalid(reader, what);
        break;
    }
    return value;
}

void sample_mood_write(struct troupe_writer *writer, enum sample_mood value, const char *what)
{
    if ((uint64_t)value > INT32_MAX)
        troupe_put_invalid(writer, what);
    else
        troupe_put_uint(writer, (uint64_t)value);
}

enum sample_mood sample_mood_read(struct troupe_reader *reader, const char *what)
{
    enum sample_mood value = (enum sample_mood)troupe_get_uint(reader, INT32_MAX, what);

    return value;
}

void sample_point_write(struct troupe_writer *writer, const struct sample_point *value)
{
    troupe_put_map(writer, 2);
    troupe_put_uint(writer, 0);
    troupe_put_int(writer, value->x);
    troupe_put_uint(writer, 1);
    troupe_put_int(writer, value->y);
}

void sample_point_read(struct troupe_reader *reader, struct sample_point *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->x = (int32_t)troupe_get_int(reader, INT32_MIN, INT32_MAX, "Point.x");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->y = (int32_t)troupe_get_int(reader, INT32_MIN, INT32_MAX, "Point.y");
            seen |= UINT64_C(1) << 1;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "Point");
}

static void sample_everything_numbers_write(struct troupe_writer *writer,
                                            const struct sample_everything *value)
{
    troupe_put_array(writer, value->numbers_count, SAMPLE_EVERYTHING_NUMBERS_MAX,
                     "Everything.numbers");
    for (size_t i = 0; i < value->numbers_count && writer->error == 0; i++) {
        troupe_put_uint(writer, value->numbers[i]);
    }
}

static void sample_everything_numbers_read(struct troupe_reader *reader,
                                           struct sample_everything *value)
{
    uint16_t *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_NUMBERS_MAX, sizeof(*items), &count,
                             "Everything.numbers");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        items[i] = (uint16_t)troupe_get_uint(reader, UINT16_MAX, "Everything.numbers");
    }
    troupe_get_array_end(reader);
    value->numbers = items;
    value->numbers_count = count;
}

static void sample_everything_points_write(struct troupe_writer *writer,
                                           const struct sample_everything *value)
{
    troupe_put_array(writer, value->points_count, SAMPLE_EVERYTHING_POINTS_MAX,
                     "Everything.points");
    for (size_t i = 0; i < value->points_count && writer->error == 0; i++) {
        sample_point_write(writer, &value->points[i]);
    }
}

static void sample_everything_points_read(struct troupe_reader *reader,
                                          struct sample_everything *value)
{
    struct sample_point *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_POINTS_MAX, sizeof(*items), &count,
                             "Everything.points");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        sample_point_read(reader, &items[i]);
    }
    troupe_get_array_end(reader);
    value->points = items;
    value->points_count = count;
}

static void sample_everything_holes_write(struct troupe_writer *writer,
                                          const struct sample_everything *value)
{
    troupe_put_array(writer, value->holes_count, SAMPLE_EVERYTHING_HOLES_MAX, "Everything.holes");
    for (size_t i = 0; i < value->holes_count && writer->error == 0; i++) {
        if (!value->holes[i].has) {
            troupe_put_null(writer);
            continue;
        }
        sample_point_write(writer, &value->holes[i].value);
    }
}

static void sample_everything_holes_read(struct troupe_reader *reader,
                                         struct sample_everything *value)
{
    struct sample_maybe_point *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_HOLES_MAX, sizeof(*items), &count,
                             "Everything.holes");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        if (troupe_get_null(reader))
            continue;
        items[i].has = true;
        sample_point_read(reader, &items[i].value);
    }
    troupe_get_array_end(reader);
    value->holes = items;
    value->holes_count = count;
}

static void sample_everything_words_write(struct troupe_writer *writer,
                                          const struct sample_everything *value)
{
    troupe_put_array(writer, value->words_count, SAMPLE_EVERYTHING_WORDS_MAX, "Everything.words");
    for (size_t i = 0; i < value->words_count && writer->error == 0; i++) {
        troupe_put_text(writer, value->words[i], SAMPLE_EVERYTHING_WORDS_EACH_BYTES_MAX,
                        "Everything.words");
    }
}

static void sample_everything_words_read(struct troupe_reader *reader,
                                         struct sample_everything *value)
{
    struct troupe_text *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_WORDS_MAX, sizeof(*items), &count,
                             "Everything.words");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        items[i] = troupe_get_text(reader, SAMPLE_EVERYTHING_WORDS_EACH_BYTES_MAX,
                                   "Everything.words");
    }
    troupe_get_array_end(reader);
    value->words = items;
    value->words_count = count;
}

static void sample_everything_keys_write(struct troupe_writer *writer,
                                         const struct sample_everything *value)
{
    troupe_put_array(writer, value->keys_count, SAMPLE_EVERYTHING_KEYS_MAX, "Everything.keys");
    for (size_t i = 0; i < value->keys_count && writer->error == 0; i++) {
        troupe_put_fixed(writer, value->keys[i].bytes, sizeof(value->keys[i].bytes));
    }
}

static void sample_everything_keys_read(struct troupe_reader *reader,
                                        struct sample_everything *value)
{
    struct sample_key *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_KEYS_MAX, sizeof(*items), &count,
                             "Everything.keys");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        troupe_get_fixed(reader, items[i].bytes, sizeof(items[i].bytes), "Everything.keys");
    }
    troupe_get_array_end(reader);
    value->keys = items;
    value->keys_count = count;
}

static void sample_everything_colors_write(struct troupe_writer *writer,
                                           const struct sample_everything *value)
{
    troupe_put_array(writer, value->colors_count, SAMPLE_EVERYTHING_COLORS_MAX,
                     "Everything.colors");
    for (size_t i = 0; i < value->colors_count && writer->error == 0; i++) {
        sample_color_write(writer, value->colors[i], "Everything.colors");
    }
}

static void sample_everything_colors_read(struct troupe_reader *reader,
                                          struct sample_everything *value)
{
    enum sample_color *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_COLORS_MAX, sizeof(*items), &count,
                             "Everything.colors");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        items[i] = sample_color_read(reader, "Everything.colors");
    }
    troupe_get_array_end(reader);
    value->colors = items;
    value->colors_count = count;
}

static void sample_everything_maybe_numbers_write(struct troupe_writer *writer,
                                                  const struct sample_everything *value)
{
    troupe_put_array(writer, value->maybe_numbers_count, SAMPLE_EVERYTHING_MAYBE_NUMBERS_MAX,
                     "Everything.maybe_numbers");
    for (size_t i = 0; i < value->maybe_numbers_count && writer->error == 0; i++) {
        troupe_put_uint(writer, value->maybe_numbers[i]);
    }
}

static void sample_everything_maybe_numbers_read(struct troupe_reader *reader,
                                                 struct sample_everything *value)
{
    uint32_t *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_MAYBE_NUMBERS_MAX, sizeof(*items), &count,
                             "Everything.maybe_numbers");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        items[i] = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "Everything.maybe_numbers");
    }
    troupe_get_array_end(reader);
    value->maybe_numbers = items;
    value->maybe_numbers_count = count;
}

static void sample_everything_number_holes_write(struct troupe_writer *writer,
                                                 const struct sample_everything *value)
{
    troupe_put_array(writer, value->number_holes_count, SAMPLE_EVERYTHING_NUMBER_HOLES_MAX,
                     "Everything.number_holes");
    for (size_t i = 0; i < value->number_holes_count && writer->error == 0; i++) {
        if (!value->number_holes[i].has) {
            troupe_put_null(writer);
            continue;
        }
        if (value->number_holes[i].value > SAMPLE_EVERYTHING_NUMBER_HOLES_EACH_MAX)
            troupe_put_invalid(writer, "Everything.number_holes");
        troupe_put_uint(writer, value->number_holes[i].value);
    }
}

static void sample_everything_number_holes_read(struct troupe_reader *reader,
                                                struct sample_everything *value)
{
    struct sample_maybe_u8 *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_EVERYTHING_NUMBER_HOLES_MAX, sizeof(*items), &count,
                             "Everything.number_holes");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        if (troupe_get_null(reader))
            continue;
        items[i].has = true;
        items[i].value = (uint8_t)troupe_get_uint(reader, SAMPLE_EVERYTHING_NUMBER_HOLES_EACH_MAX,
                                                  "Everything.number_holes");
    }
    troupe_get_array_end(reader);
    value->number_holes = items;
    value->number_holes_count = count;
}

void sample_everything_write(struct troupe_writer *writer, const struct sample_everything *value)
{
    size_t pairs = 23;

    if (value->has_maybe_number)
        pairs++;
    if (value->has_maybe_name)
        pairs++;
    if (value->has_maybe_point)
        pairs++;
    if (value->has_maybe_color)
        pairs++;
    if (value->level != -5)
        pairs++;
    if (value->lowest != INT64_MIN)
        pairs++;
    if (!value->is_on)
        pairs++;
    if (value->title.size != 4 || memcmp(value->title.data, "none", 4) != 0)
        pairs++;
    if (value->empty.size != 0)
        pairs++;
    if (value->paint != SAMPLE_COLOR_GREEN)
        pairs++;
    if (value->most != UINT64_C(18446744073709551615))
        pairs++;
    if (value->has_maybe_numbers)
        pairs++;
    troupe_put_map(writer, pairs);
    troupe_put_uint(writer, 0);
    troupe_put_bool(writer, value->flag);
    troupe_put_uint(writer, 1);
    troupe_put_uint(writer, value->tiny);
    troupe_put_uint(writer, 2);
    troupe_put_uint(writer, value->small);
    troupe_put_uint(writer, 3);
    troupe_put_uint(writer, value->large);
    troupe_put_uint(writer, 4);
    troupe_put_uint(writer, value->huge);
    troupe_put_uint(writer, 5);
    troupe_put_int(writer, value->signed_tiny);
    troupe_put_uint(writer, 6);
    troupe_put_int(writer, value->signed_small);
    troupe_put_uint(writer, 7);
    troupe_put_int(writer, value->signed_large);
    troupe_put_uint(writer, 8);
    troupe_put_int(writer, value->signed_huge);
    troupe_put_uint(writer, 9);
    if (value->limited > SAMPLE_EVERYTHING_LIMITED_MAX)
        troupe_put_invalid(writer, "Everything.limited");
    troupe_put_uint(writer, value->limited);
    troupe_put_uint(writer, 10);
    troupe_put_text(writer, value->name, SAMPLE_EVERYTHING_NAME_BYTES_MAX, "Everything.name");
    troupe_put_uint(writer, 11);
    troupe_put_bytes(writer, value->raw, SAMPLE_EVERYTHING_RAW_BYTES_MAX, "Everything.raw");
    troupe_put_uint(writer, 12);
    troupe_put_fixed(writer, value->key.bytes, sizeof(value->key.bytes));
    troupe_put_uint(writer, 13);
    sample_color_write(writer, value->color, "Everything.color");
    troupe_put_uint(writer, 14);
    sample_mood_write(writer, value->mood, "Everything.mood");
    troupe_put_uint(writer, 15);
    sample_point_write(writer, &value->point);
    if (value->has_maybe_number) {
        troupe_put_uint(writer, 20);
        troupe_put_uint(writer, value->maybe_number);
    }
    if (value->has_maybe_name) {
        troupe_put_uint(writer, 21);
        troupe_put_text(writer, value->maybe_name, SAMPLE_EVERYTHING_MAYBE_NAME_BYTES_MAX,
                        "Everything.maybe_name");
    }
    if (value->has_maybe_point) {
        troupe_put_uint(writer, 22);
        sample_point_write(writer, &value->maybe_point);
    }
    if (value->has_maybe_color) {
        troupe_put_uint(writer, 23);
        sample_color_write(writer, value->maybe_color, "Everything.maybe_color");
    }
    if (value->level != -5) {
        troupe_put_uint(writer, 30);
        troupe_put_int(writer, value->level);
    }
    if (value->lowest != INT64_MIN) {
        troupe_put_uint(writer, 31);
        troupe_put_int(writer, value->lowest);
    }
    if (!value->is_on) {
        troupe_put_uint(writer, 32);
        troupe_put_bool(writer, value->is_on);
    }
    if (value->title.size != 4 || memcmp(value->title.data, "none", 4) != 0) {
        troupe_put_uint(writer, 33);
        troupe_put_text(writer, value->title, SAMPLE_EVERYTHING_TITLE_BYTES_MAX,
                        "Everything.title");
    }
    if (value->empty.size != 0) {
        troupe_put_uint(writer, 34);
        troupe_put_text(writer, value->empty, SAMPLE_EVERYTHING_EMPTY_BYTES_MAX,
                        "Everything.empty");
    }
    if (value->paint != SAMPLE_COLOR_GREEN) {
        troupe_put_uint(writer, 35);
        sample_color_write(writer, value->paint, "Everything.paint");
    }
    if (value->most != UINT64_C(18446744073709551615)) {
        troupe_put_uint(writer, 36);
        troupe_put_uint(writer, value->most);
    }
    troupe_put_uint(writer, 40);
    sample_everything_numbers_write(writer, value);
    troupe_put_uint(writer, 41);
    sample_everything_points_write(writer, value);
    troupe_put_uint(writer, 42);
    sample_everything_holes_write(writer, value);
    troupe_put_uint(writer, 43);
    sample_everything_words_write(writer, value);
    troupe_put_uint(writer, 44);
    sample_everything_keys_write(writer, value);
    troupe_put_uint(writer, 45);
    sample_everything_colors_write(writer, value);
    if (value->has_maybe_numbers) {
        troupe_put_uint(writer, 46);
        sample_everything_maybe_numbers_write(writer, value);
    }
    troupe_put_uint(writer, 47);
    sample_everything_number_holes_write(writer, value);
}

void sample_everything_read(struct troupe_reader *reader, struct sample_everything *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    value->level = -5;
    value->lowest = INT64_MIN;
    value->is_on = true;
    value->title = troupe_text("none");
    value->paint = SAMPLE_COLOR_GREEN;
    value->most = UINT64_C(18446744073709551615);
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->flag = troupe_get_bool(reader, "Everything.flag");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->tiny = (uint8_t)troupe_get_uint(reader, UINT8_MAX, "Everything.tiny");
            seen |= UINT64_C(1) << 1;
            break;
        case 2:
            value->small = (uint16_t)troupe_get_uint(reader, UINT16_MAX, "Everything.small");
            seen |= UINT64_C(1) << 2;
            break;
        case 3:
            value->large = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "Everything.large");
            seen |= UINT64_C(1) << 3;
            break;
        case 4:
            value->huge = troupe_get_uint(reader, UINT64_MAX, "Everything.huge");
            seen |= UINT64_C(1) << 4;
            break;
        case 5:
            value->signed_tiny = (int8_t)troupe_get_int(reader, INT8_MIN, INT8_MAX,
                                                        "Everything.signed_tiny");
            seen |= UINT64_C(1) << 5;
            break;
        case 6:
            value->signed_small = (int16_t)troupe_get_int(reader, INT16_MIN, INT16_MAX,
                                                          "Everything.signed_small");
            seen |= UINT64_C(1) << 6;
            break;
        case 7:
            value->signed_large = (int32_t)troupe_get_int(reader, INT32_MIN, INT32_MAX,
                                                          "Everything.signed_large");
            seen |= UINT64_C(1) << 7;
            break;
        case 8:
            value->signed_huge = troupe_get_int(reader, INT64_MIN, INT64_MAX,
                                                "Everything.signed_huge");
            seen |= UINT64_C(1) << 8;
            break;
        case 9:
            value->limited = (uint32_t)troupe_get_uint(reader, SAMPLE_EVERYTHING_LIMITED_MAX,
                                                       "Everything.limited");
            seen |= UINT64_C(1) << 9;
            break;
        case 10:
            value->name = troupe_get_text(reader, SAMPLE_EVERYTHING_NAME_BYTES_MAX,
                                          "Everything.name");
            seen |= UINT64_C(1) << 10;
            break;
        case 11:
            value->raw = troupe_get_bytes(reader, SAMPLE_EVERYTHING_RAW_BYTES_MAX,
                                          "Everything.raw");
            seen |= UINT64_C(1) << 11;
            break;
        case 12:
            troupe_get_fixed(reader, value->key.bytes, sizeof(value->key.bytes), "Everything.key");
            seen |= UINT64_C(1) << 12;
            break;
        case 13:
            value->color = sample_color_read(reader, "Everything.color");
            seen |= UINT64_C(1) << 13;
            break;
        case 14:
            value->mood = sample_mood_read(reader, "Everything.mood");
            seen |= UINT64_C(1) << 14;
            break;
        case 15:
            sample_point_read(reader, &value->point);
            seen |= UINT64_C(1) << 15;
            break;
        case 20:
            value->has_maybe_number = true;
            value->maybe_number = (uint32_t)troupe_get_uint(reader, UINT32_MAX,
                                                            "Everything.maybe_number");
            break;
        case 21:
            value->has_maybe_name = true;
            value->maybe_name = troupe_get_text(reader, SAMPLE_EVERYTHING_MAYBE_NAME_BYTES_MAX,
                                                "Everything.maybe_name");
            break;
        case 22:
            value->has_maybe_point = true;
            sample_point_read(reader, &value->maybe_point);
            break;
        case 23:
            value->has_maybe_color = true;
            value->maybe_color = sample_color_read(reader, "Everything.maybe_color");
            break;
        case 30:
            value->level = (int32_t)troupe_get_int(reader, INT32_MIN, INT32_MAX,
                                                   "Everything.level");
            break;
        case 31:
            value->lowest = troupe_get_int(reader, INT64_MIN, INT64_MAX, "Everything.lowest");
            break;
        case 32:
            value->is_on = troupe_get_bool(reader, "Everything.is_on");
            break;
        case 33:
            value->title = troupe_get_text(reader, SAMPLE_EVERYTHING_TITLE_BYTES_MAX,
                                           "Everything.title");
            break;
        case 34:
            value->empty = troupe_get_text(reader, SAMPLE_EVERYTHING_EMPTY_BYTES_MAX,
                                           "Everything.empty");
            break;
        case 35:
            value->paint = sample_color_read(reader, "Everything.paint");
            break;
        case 36:
            value->most = troupe_get_uint(reader, UINT64_MAX, "Everything.most");
            break;
        case 40:
            sample_everything_numbers_read(reader, value);
            seen |= UINT64_C(1) << 40;
            break;
        case 41:
            sample_everything_points_read(reader, value);
            seen |= UINT64_C(1) << 41;
            break;
        case 42:
            sample_everything_holes_read(reader, value);
            seen |= UINT64_C(1) << 42;
            break;
        case 43:
            sample_everything_words_read(reader, value);
            seen |= UINT64_C(1) << 43;
            break;
        case 44:
            sample_everything_keys_read(reader, value);
            seen |= UINT64_C(1) << 44;
            break;
        case 45:
            sample_everything_colors_read(reader, value);
            seen |= UINT64_C(1) << 45;
            break;
        case 46:
            value->has_maybe_numbers = true;
            sample_everything_maybe_numbers_read(reader, value);
            break;
        case 47:
            sample_everything_number_holes_read(reader, value);
            seen |= UINT64_C(1) << 47;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0xbf000000ffff), "Everything");
}

void sample_old_write(struct troupe_writer *writer, const struct sample_old *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    troupe_put_uint(writer, value->a);
}

void sample_old_read(struct troupe_reader *reader, struct sample_old *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->a = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "Old.a");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "Old");
}

static void sample_new_d_write(struct troupe_writer *writer, const struct sample_new *value)
{
    troupe_put_array(writer, value->d_count, SAMPLE_NEW_D_MAX, "New.d");
    for (size_t i = 0; i < value->d_count && writer->error == 0; i++) {
        sample_point_write(writer, &value->d[i]);
    }
}

static void sample_new_d_read(struct troupe_reader *reader, struct sample_new *value)
{
    struct sample_point *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_NEW_D_MAX, sizeof(*items), &count, "New.d");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        sample_point_read(reader, &items[i]);
    }
    troupe_get_array_end(reader);
    value->d = items;
    value->d_count = count;
}

void sample_new_write(struct troupe_writer *writer, const struct sample_new *value)
{
    size_t pairs = 1;

    if (value->has_b)
        pairs++;
    if (value->c != 9)
        pairs++;
    if (value->has_d)
        pairs++;
    troupe_put_map(writer, pairs);
    troupe_put_uint(writer, 0);
    troupe_put_uint(writer, value->a);
    if (value->has_b) {
        troupe_put_uint(writer, 1);
        troupe_put_text(writer, value->b, SAMPLE_NEW_B_BYTES_MAX, "New.b");
    }
    if (value->c != 9) {
        troupe_put_uint(writer, 2);
        troupe_put_uint(writer, value->c);
    }
    if (value->has_d) {
        troupe_put_uint(writer, 3);
        sample_new_d_write(writer, value);
    }
}

void sample_new_read(struct troupe_reader *reader, struct sample_new *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    value->c = 9;
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->a = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "New.a");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->has_b = true;
            value->b = troupe_get_text(reader, SAMPLE_NEW_B_BYTES_MAX, "New.b");
            break;
        case 2:
            value->c = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "New.c");
            break;
        case 3:
            value->has_d = true;
            sample_new_d_read(reader, value);
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "New");
}

void sample_detailed_write(struct troupe_writer *writer, const struct sample_detailed *value)
{
    size_t pairs = 2;

    if (value->has_where)
        pairs++;
    troupe_put_map(writer, pairs);
    troupe_put_uint(writer, 0);
    troupe_put_uint(writer, value->code);
    troupe_put_uint(writer, 1);
    troupe_put_text(writer, value->reason, SAMPLE_DETAILED_REASON_BYTES_MAX, "Detailed.reason");
    if (value->has_where) {
        troupe_put_uint(writer, 2);
        sample_point_write(writer, &value->where);
    }
}

void sample_detailed_read(struct troupe_reader *reader, struct sample_detailed *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->code = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "Detailed.code");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->reason = troupe_get_text(reader, SAMPLE_DETAILED_REASON_BYTES_MAX,
                                            "Detailed.reason");
            seen |= UINT64_C(1) << 1;
            break;
        case 2:
            value->has_where = true;
            sample_point_read(reader, &value->where);
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "Detailed");
}

void sample_echo_args_write(struct troupe_writer *writer, const struct sample_echo_args *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    sample_everything_write(writer, &value->all);
}

void sample_echo_args_read(struct troupe_reader *reader, struct sample_echo_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            sample_everything_read(reader, &value->all);
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "echo");
}

static void sample_echo_results_again_write(struct troupe_writer *writer,
                                            const struct sample_echo_results *value)
{
    troupe_put_array(writer, value->again_count, SAMPLE_ECHO_RESULTS_AGAIN_MAX, "echo.again");
    for (size_t i = 0; i < value->again_count && writer->error == 0; i++) {
        sample_everything_write(writer, &value->again[i]);
    }
}

static void sample_echo_results_again_read(struct troupe_reader *reader,
                                           struct sample_echo_results *value)
{
    struct sample_everything *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_ECHO_RESULTS_AGAIN_MAX, sizeof(*items), &count,
                             "echo.again");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        sample_everything_read(reader, &items[i]);
    }
    troupe_get_array_end(reader);
    value->again = items;
    value->again_count = count;
}

void sample_echo_results_write(struct troupe_writer *writer,
                               const struct sample_echo_results *value)
{
    troupe_put_map(writer, 2);
    troupe_put_uint(writer, 0);
    sample_everything_write(writer, &value->all);
    troupe_put_uint(writer, 1);
    sample_echo_results_again_write(writer, value);
}

void sample_echo_results_read(struct troupe_reader *reader, struct sample_echo_results *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            sample_everything_read(reader, &value->all);
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            sample_echo_results_again_read(reader, value);
            seen |= UINT64_C(1) << 1;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "echo");
}

void sample_unlock_args_write(struct troupe_writer *writer, const struct sample_unlock_args *value)
{
    troupe_put_map(writer, 2);
    troupe_put_uint(writer, 0);
    troupe_put_text(writer, value->passphrase, SAMPLE_UNLOCK_PASSPHRASE_BYTES_MAX,
                    "unlock.passphrase");
    troupe_put_uint(writer, 1);
    troupe_put_fixed(writer, value->pin.bytes, sizeof(value->pin.bytes));
}

void sample_unlock_args_read(struct troupe_reader *reader, struct sample_unlock_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->passphrase = troupe_get_text(reader, SAMPLE_UNLOCK_PASSPHRASE_BYTES_MAX,
                                                "unlock.passphrase");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            troupe_get_fixed(reader, value->pin.bytes, sizeof(value->pin.bytes), "unlock.pin");
            seen |= UINT64_C(1) << 1;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "unlock");
}

void sample_unlock_results_write(struct troupe_writer *writer,
                                 const struct sample_unlock_results *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    troupe_put_fixed(writer, value->key.bytes, sizeof(value->key.bytes));
}

void sample_unlock_results_read(struct troupe_reader *reader, struct sample_unlock_results *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            troupe_get_fixed(reader, value->key.bytes, sizeof(value->key.bytes), "unlock.key");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "unlock");
}

void sample_store_args_write(struct troupe_writer *writer, const struct sample_store_args *value)
{
    troupe_put_map(writer, 2);
    troupe_put_uint(writer, 0);
    troupe_put_text(writer, value->name, SAMPLE_STORE_NAME_BYTES_MAX, "store.name");
    troupe_put_uint(writer, 1);
    troupe_put_blob(writer, value->content, SAMPLE_STORE_CONTENT_BYTES_MAX, "store.content");
}

void sample_store_args_read(struct troupe_reader *reader, struct sample_store_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->name = troupe_get_text(reader, SAMPLE_STORE_NAME_BYTES_MAX, "store.name");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->content = troupe_get_blob(reader, SAMPLE_STORE_CONTENT_BYTES_MAX,
                                             "store.content");
            seen |= UINT64_C(1) << 1;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "store");
}

void sample_store_results_write(struct troupe_writer *writer,
                                const struct sample_store_results *value)
{
    size_t pairs = 0;

    if (value->has_before)
        pairs++;
    troupe_put_map(writer, pairs);
    if (value->has_before) {
        troupe_put_uint(writer, 0);
        troupe_put_blob(writer, value->before, SAMPLE_STORE_RESULTS_BEFORE_BYTES_MAX,
                        "store.before");
    }
}

void sample_store_results_read(struct troupe_reader *reader, struct sample_store_results *value)
{
    struct troupe_map map;
    uint64_t key;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->has_before = true;
            value->before = troupe_get_blob(reader, SAMPLE_STORE_RESULTS_BEFORE_BYTES_MAX,
                                            "store.before");
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
}

void sample_count_args_write(struct troupe_writer *writer, const struct sample_count_args *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    if (value->to > SAMPLE_COUNT_TO_MAX)
        troupe_put_invalid(writer, "count.to");
    troupe_put_uint(writer, value->to);
}

void sample_count_args_read(struct troupe_reader *reader, struct sample_count_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->to = (uint32_t)troupe_get_uint(reader, SAMPLE_COUNT_TO_MAX, "count.to");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "count");
}

void sample_count_item_write(struct troupe_writer *writer, const struct sample_count_item *value)
{
    size_t pairs = 1;

    if (value->has_note)
        pairs++;
    troupe_put_map(writer, pairs);
    troupe_put_uint(writer, 0);
    troupe_put_uint(writer, value->number);
    if (value->has_note) {
        troupe_put_uint(writer, 1);
        troupe_put_text(writer, value->note, SAMPLE_COUNT_ITEM_NOTE_BYTES_MAX, "count.note");
    }
}

void sample_count_item_read(struct troupe_reader *reader, struct sample_count_item *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->number = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "count.number");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->has_note = true;
            value->note = troupe_get_text(reader, SAMPLE_COUNT_ITEM_NOTE_BYTES_MAX, "count.note");
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "count");
}

void sample_note_args_write(struct troupe_writer *writer, const struct sample_note_args *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    troupe_put_text(writer, value->text, SAMPLE_NOTE_TEXT_BYTES_MAX, "note.text");
}

void sample_note_args_read(struct troupe_reader *reader, struct sample_note_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->text = troupe_get_text(reader, SAMPLE_NOTE_TEXT_BYTES_MAX, "note.text");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "note");
}

static void sample_hand_args_others_write(struct troupe_writer *writer,
                                          const struct sample_hand_args *value)
{
    troupe_put_array(writer, value->others_count, SAMPLE_HAND_OTHERS_MAX, "hand.others");
    for (size_t i = 0; i < value->others_count && writer->error == 0; i++) {
        troupe_put_ref(writer, value->others[i]);
    }
}

static void sample_hand_args_others_read(struct troupe_reader *reader,
                                         struct sample_hand_args *value)
{
    struct troupe_ref *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_HAND_OTHERS_MAX, sizeof(*items), &count, "hand.others");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        items[i] = troupe_get_ref(reader, "hand.others");
    }
    troupe_get_array_end(reader);
    value->others = items;
    value->others_count = count;
}

void sample_hand_args_write(struct troupe_writer *writer, const struct sample_hand_args *value)
{
    troupe_put_map(writer, 2);
    troupe_put_uint(writer, 0);
    troupe_put_ref(writer, value->who);
    troupe_put_uint(writer, 1);
    sample_hand_args_others_write(writer, value);
}

void sample_hand_args_read(struct troupe_reader *reader, struct sample_hand_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->who = troupe_get_ref(reader, "hand.who");
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            sample_hand_args_others_read(reader, value);
            seen |= UINT64_C(1) << 1;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "hand");
}

void sample_hand_results_write(struct troupe_writer *writer,
                               const struct sample_hand_results *value)
{
    size_t pairs = 0;

    if (value->has_back)
        pairs++;
    troupe_put_map(writer, pairs);
    if (value->has_back) {
        troupe_put_uint(writer, 0);
        troupe_put_ref(writer, value->back);
    }
}

void sample_hand_results_read(struct troupe_reader *reader, struct sample_hand_results *value)
{
    struct troupe_map map;
    uint64_t key;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->has_back = true;
            value->back = troupe_get_ref(reader, "hand.back");
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
}

void sample_late_args_write(struct troupe_writer *writer, const struct sample_late_args *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    troupe_put_fixed(writer, value->key.bytes, sizeof(value->key.bytes));
}

void sample_late_args_read(struct troupe_reader *reader, struct sample_late_args *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            troupe_get_fixed(reader, value->key.bytes, sizeof(value->key.bytes), "late.key");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "late");
}

void sample_late_results_write(struct troupe_writer *writer,
                               const struct sample_late_results *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    troupe_put_uint(writer, value->number);
}

void sample_late_results_read(struct troupe_reader *reader, struct sample_late_results *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->number = (uint32_t)troupe_get_uint(reader, UINT32_MAX, "late.number");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "late");
}

static void sample_get_points_results_points_write(struct troupe_writer *writer,
                                                   const struct sample_get_points_results *value)
{
    troupe_put_array(writer, value->points_count, SAMPLE_GET_POINTS_RESULTS_POINTS_MAX,
                     "get_points.points");
    for (size_t i = 0; i < value->points_count && writer->error == 0; i++) {
        sample_point_write(writer, &value->points[i]);
    }
}

static void sample_get_points_results_points_read(struct troupe_reader *reader,
                                                  struct sample_get_points_results *value)
{
    struct sample_point *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_GET_POINTS_RESULTS_POINTS_MAX, sizeof(*items), &count,
                             "get_points.points");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        sample_point_read(reader, &items[i]);
    }
    troupe_get_array_end(reader);
    value->points = items;
    value->points_count = count;
}

void sample_get_points_results_write(struct troupe_writer *writer,
                                     const struct sample_get_points_results *value)
{
    troupe_put_map(writer, 3);
    troupe_put_uint(writer, 0);
    sample_get_points_results_points_write(writer, value);
    troupe_put_uint(writer, 1);
    troupe_put_uint(writer, value->epoch);
    troupe_put_uint(writer, 2);
    troupe_put_uint(writer, value->sequence);
}

void sample_get_points_results_read(struct troupe_reader *reader,
                                    struct sample_get_points_results *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            sample_get_points_results_points_read(reader, value);
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            value->epoch = troupe_get_uint(reader, UINT64_MAX, "get_points.epoch");
            seen |= UINT64_C(1) << 1;
            break;
        case 2:
            value->sequence = troupe_get_uint(reader, UINT64_MAX, "get_points.sequence");
            seen |= UINT64_C(1) << 2;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x7), "get_points");
}

static void sample_changed_colors_write(struct troupe_writer *writer,
                                        const struct sample_changed *value)
{
    troupe_put_array(writer, value->colors_count, SAMPLE_CHANGED_COLORS_MAX, "changed.colors");
    for (size_t i = 0; i < value->colors_count && writer->error == 0; i++) {
        sample_color_write(writer, value->colors[i], "changed.colors");
    }
}

static void sample_changed_colors_read(struct troupe_reader *reader, struct sample_changed *value)
{
    enum sample_color *items;
    size_t count = 0;

    items = troupe_get_array(reader, SAMPLE_CHANGED_COLORS_MAX, sizeof(*items), &count,
                             "changed.colors");
    if (items == NULL)
        count = 0;
    for (size_t i = 0; i < count && reader->error == 0; i++) {
        items[i] = sample_color_read(reader, "changed.colors");
    }
    troupe_get_array_end(reader);
    value->colors = items;
    value->colors_count = count;
}

void sample_changed_write(struct troupe_writer *writer, const struct sample_changed *value)
{
    troupe_put_map(writer, 2);
    troupe_put_uint(writer, 0);
    sample_point_write(writer, &value->point);
    troupe_put_uint(writer, 1);
    sample_changed_colors_write(writer, value);
}

void sample_changed_read(struct troupe_reader *reader, struct sample_changed *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            sample_point_read(reader, &value->point);
            seen |= UINT64_C(1) << 0;
            break;
        case 1:
            sample_changed_colors_read(reader, value);
            seen |= UINT64_C(1) << 1;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x3), "changed");
}

void sample_noted_write(struct troupe_writer *writer, const struct sample_noted *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    troupe_put_text(writer, value->text, SAMPLE_NOTED_TEXT_BYTES_MAX, "noted.text");
}

void sample_noted_read(struct troupe_reader *reader, struct sample_noted *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            value->text = troupe_get_text(reader, SAMPLE_NOTED_TEXT_BYTES_MAX, "noted.text");
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "noted");
}

void sample_added_write(struct troupe_writer *writer, const struct sample_added *value)
{
    troupe_put_map(writer, 1);
    troupe_put_uint(writer, 0);
    sample_point_write(writer, &value->point);
}

void sample_added_read(struct troupe_reader *reader, struct sample_added *value)
{
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;

    memset(value, 0, sizeof(*value));
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        switch (key) {
        case 0:
            sample_point_read(reader, &value->point);
            seen |= UINT64_C(1) << 0;
            break;
        default:
            troupe_get_skip(reader);
            break;
        }
    }
    troupe_get_require(reader, seen, UINT64_C(0x1), "added");
}

/* ---- skeleton: read the arguments, run the handler ------------------------------------------- */

static void sample_nothing_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                    struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;

    if (table->nothing == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.nothing is not served here");
        return;
    }
    sample_nothing_read(reader);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->nothing(self, state, call);
}

static void sample_echo_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                 struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_echo_args args;

    if (table->echo == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.echo is not served here");
        return;
    }
    sample_echo_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->echo(self, state, call, &args);
}

static void sample_unlock_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                   struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_unlock_args args;

    if (table->unlock == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.unlock is not served here");
        return;
    }
    sample_unlock_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        explicit_bzero(&args, sizeof(args));
        return;
    }
    table->unlock(self, state, call, &args);
    explicit_bzero(&args, sizeof(args));
}

static void sample_store_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                  struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_store_args args;

    if (table->store == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.store is not served here");
        return;
    }
    sample_store_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->store(self, state, call, &args);
}

static void sample_count_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                  struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_count_args args;

    if (table->count == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.count is not served here");
        return;
    }
    sample_count_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->count(self, state, call, &args);
}

static void sample_note_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                 struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_note_args args;

    if (table->note == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.note is not served here");
        return;
    }
    sample_note_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->note(self, state, call, &args);
}

static void sample_hand_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                 struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_hand_args args;

    if (table->hand == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.hand is not served here");
        return;
    }
    sample_hand_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->hand(self, state, call, &args);
}

static void sample_late_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                 struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;
    struct sample_late_args args;

    if (table->late == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.late is not served here");
        return;
    }
    sample_late_args_read(reader, &args);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->late(self, state, call, &args);
}

static void sample_get_points_dispatch(const void *handlers, struct troupe_actor *self, void *state,
                                       struct troupe_call *call, struct troupe_reader *reader)
{
    const struct sample_handlers *table = handlers;

    if (table->get_points == NULL) {
        (void)troupe_fail(call, TROUPE_EUNIMPLEMENTED, "sample.get_points is not served here");
        return;
    }
    sample_nothing_read(reader);
    if (troupe_reader_finish(reader, NULL) != 0) {
        troupe_gen_refuse(call, reader);
        return;
    }
    table->get_points(self, state, call);
}

/* ---- description ----------------------------------------------------------------------------- */

static const struct troupe_method sample_methods[9] = {
    {
        .interface = &sample_interface,
        .ordinal = 1,
        .deadline_ms = 5000,
        .name = "nothing",
        .dispatch = sample_nothing_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 2,
        .flags = TROUPE_IDEMPOTENT,
        .deadline_ms = 1500,
        .name = "echo",
        .dispatch = sample_echo_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 3,
        .flags = TROUPE_SECRET_ARGS | TROUPE_SECRET_RESULTS,
        .deadline_ms = 5000,
        .name = "unlock",
        .dispatch = sample_unlock_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 4,
        .deadline_ms = 5000,
        .blob_args_bytes_max = SAMPLE_STORE_CONTENT_BYTES_MAX,
        .blob_results_bytes_max = SAMPLE_STORE_RESULTS_BEFORE_BYTES_MAX,
        .name = "store",
        .dispatch = sample_store_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 5,
        .flags = TROUPE_STREAM,
        .deadline_ms = 2000,
        .name = "count",
        .dispatch = sample_count_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 6,
        .flags = TROUPE_ONEWAY,
        .name = "note",
        .dispatch = sample_note_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 7,
        .deadline_ms = 5000,
        .name = "hand",
        .dispatch = sample_hand_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 9,
        .deadline_ms = 5000,
        .since = 2,
        .name = "late",
        .dispatch = sample_late_dispatch,
    },
    {
        .interface = &sample_interface,
        .ordinal = 10,
        .flags = TROUPE_IDEMPOTENT,
        .deadline_ms = 5000,
        .name = "get_points",
        .dispatch = sample_get_points_dispatch,
    },
};
static const struct troupe_event sample_events[4] = {
    {
        .interface = &sample_interface,
        .ordinal = 1,
        .overflow = TROUPE_LATEST,
        .name = "changed",
    },
    {
        .interface = &sample_interface,
        .ordinal = 2,
        .overflow = TROUPE_GAP,
        .name = "done",
    },
    {
        .interface = &sample_interface,
        .ordinal = 5,
        .overflow = TROUPE_GAP,
        .name = "noted",
    },
    {
        .interface = &sample_interface,
        .ordinal = 6,
        .overflow = TROUPE_GAP,
        .name = "added",
        .snapshot = &sample_methods[8],
        .epoch_ordinal = 1,
        .sequence_ordinal = 2,
    },
};

const struct troupe_interface sample_interface = {
    .id = 900,
    .version = 2,
    .hash = UINT64_C(0x7985e1759ade6e3d),
    .name = "test.Sample",
    .methods = sample_methods,
    .methods_count = 9,
    .events = sample_events,
    .events_count = 4,
    .text =
        "## A sample of everything. A comment end */ and a trigraph \?\?/ in a doc line do no harm, nor does \"this\".\n"
        "interface test.Sample @900 version 2\n"
        "reserved method 8\n"
        "reserved event 3, 4\n"
        "reserved error 103\n"
        "## What a thing is painted with.\n"
        "enum Color closed {\n"
        "  reserved 2, 3\n"
        "  red=0\n"
        "  ## Between yellow and blue.\n"
        "  green=1\n"
        "  blue=5\n"
        "}\n"
        "struct Everything {\n"
        "  reserved 50, 51;\n"
        "  0 flag:bool;\n"
        "  1 tiny:u8;\n"
        "  2 small:u16;\n"
        "  3 large:u32;\n"
        "  4 huge:u64;\n"
        "  5 signed_tiny:i8;\n"
        "  6 signed_small:i16;\n"
        "  7 signed_large:i32;\n"
        "  8 signed_huge:i64;\n"
        "  9 limited:u32<=10;\n"
        "  10 name:text<=8;\n"
        "  11 raw:bytes<=4;\n"
        "  12 key:Key;\n"
        "  13 color:Color;\n"
        "  14 mood:Mood;\n"
        "  15 point:Point;\n"
        "  ## Optional ones are not written when they are absent.\n"
        "  20 maybe_number:u32\?;\n"
        "  21 maybe_name:text<=8\?;\n"
        "  22 maybe_point:Point\?;\n"
        "  23 maybe_color:Color\?;\n"
        "  ## Defaults are not written when they are equal.\n"
        "  30 level:i32=-5;\n"
        "  31 lowest:i64=-9223372036854775808;\n"
        "  32 is_on:bool=true;\n"
        "  33 title:text<=8=\"none\";\n"
        "  34 empty:text<=8=\"\";\n"
        "  35 paint:Color=green;\n"
        "  36 most:u64=18446744073709551615;\n"
        "  40 numbers:[u16]<=3;\n"
        "  41 points:[Point]<=2;\n"
        "  42 holes:[Point\?]<=4;\n"
        "  43 words:[text<=3]<=2;\n"
        "  44 keys:[Key]<=2;\n"
        "  45 colors:[Color]<=2;\n"
        "  46 maybe_numbers:[u32]<=2\?;\n"
        "  47 number_holes:[u8<=9\?]<=3;\n"
        "}\n"
        "bytes Key[4]\n"
        "enum Mood open {\n"
        "  calm=0\n"
        "  wild=7\n"
        "}\n"
        "struct New {\n"
        "  0 a:u32;\n"
        "  1 b:text<=8\? since 2;\n"
        "  2 c:u32=9 since 2;\n"
        "  3 d:[Point]<=2\? since 2;\n"
        "}\n"
        "## A struct before and after it was extended.\n"
        "struct Old {\n"
        "  0 a:u32;\n"
        "}\n"
        "struct Point {\n"
        "  0 x:i32;\n"
        "  1 y:i32;\n"
        "}\n"
        "error Plain @101 {}\n"
        "## Says more.\n"
        "error Detailed @102 {\n"
        "  0 code:u32;\n"
        "  1 reason:text<=64;\n"
        "  2 where:Point\?;\n"
        "}\n"
        "method nothing @1 () -> ()\n"
        "## Gives back what it gets.\n"
        "method echo @2 (\n"
        "  0 all:Everything;\n"
        ") -> (\n"
        "  0 all:Everything;\n"
        "  1 again:[Everything]<=3;\n"
        ") throws Detailed, Plain deadline 1500ms idempotent\n"
        "method unlock @3 (\n"
        "  0 passphrase:text<=64 secret;\n"
        "  1 pin:Key secret;\n"
        ") -> (\n"
        "  0 key:Key secret;\n"
        ")\n"
        "method store @4 (\n"
        "  0 name:text<=64;\n"
        "  1 content:blob<=2097152;\n"
        ") -> (\n"
        "  0 before:blob<=2097152\?;\n"
        ")\n"
        "## Counts up.\n"
        "method count @5 (\n"
        "  0 to:u32<=1000;\n"
        ") -> stream (\n"
        "  0 number:u32;\n"
        "  1 note:text<=16\?;\n"
        ") deadline 2000ms\n"
        "method note @6 (\n"
        "  0 text:text<=100;\n"
        ")\n"
        "method hand @7 (\n"
        "  0 who:ref<Sample>;\n"
        "  1 others:[ref<other.Thing>]<=3;\n"
        ") -> (\n"
        "  0 back:ref<Sample>\?;\n"
        ")\n"
        "method late @9 (\n"
        "  0 key:Key;\n"
        ") -> (\n"
        "  0 number:u32;\n"
        ") since 2\n"
        "## All points, and up to which `added` that is so.\n"
        "method get_points @10 () -> (\n"
        "  0 points:[Point]<=100;\n"
        "  1 epoch:u64;\n"
        "  2 sequence:u64;\n"
        ") idempotent\n"
        "## The newest counts.\n"
        "event changed @1 (\n"
        "  0 point:Point;\n"
        "  1 colors:[Color]<=3;\n"
        ") overflow latest\n"
        "event done @2 () overflow gap\n"
        "event noted @5 (\n"
        "  0 text:text<=100;\n"
        ") overflow gap since 2\n"
        "event added @6 (\n"
        "  0 point:Point;\n"
        ") overflow gap snapshot get_points\n",
};

/* ---- answers --------------------------------------------------------------------------------- */

int sample_nothing_reply(struct troupe_call *call)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    return troupe_gen_reply(call, &writer);
}

int sample_echo_reply(struct troupe_call *call, const struct sample_echo_results *results)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_echo_results_write(&writer, results);
    return troupe_gen_reply(call, &writer);
}

int sample_unlock_reply(struct troupe_call *call, const struct sample_unlock_results *results)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_unlock_results_write(&writer, results);
    return troupe_gen_reply(call, &writer);
}

int sample_store_reply(struct troupe_call *call, const struct sample_store_results *results)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_store_results_write(&writer, results);
    return troupe_gen_reply(call, &writer);
}

int sample_count_item(struct troupe_call *call, const struct sample_count_item *item)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_count_item_write(&writer, item);
    return troupe_gen_item(call, &writer);
}

int sample_count_end(struct troupe_call *call)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    return troupe_gen_reply(call, &writer);
}

int sample_hand_reply(struct troupe_call *call, const struct sample_hand_results *results)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_hand_results_write(&writer, results);
    return troupe_gen_reply(call, &writer);
}

int sample_late_reply(struct troupe_call *call, const struct sample_late_results *results)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_late_results_write(&writer, results);
    return troupe_gen_reply(call, &writer);
}

int sample_get_points_reply(struct troupe_call *call,
                            const struct sample_get_points_results *results)
{
    struct troupe_writer writer;
    struct sample_get_points_results stamped = *results;

    troupe_gen_stamp(call, &sample_events[3], &stamped.epoch, &stamped.sequence);
    troupe_writer_init(&writer);
    sample_get_points_results_write(&writer, &stamped);
    return troupe_gen_reply(call, &writer);
}

int sample_fail_plain(struct troupe_call *call, const char *text)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    return troupe_gen_fail(call, SAMPLE_PLAIN, &writer, text);
}

int sample_fail_detailed(struct troupe_call *call, const struct sample_detailed *data,
                         const char *text)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_detailed_write(&writer, data);
    return troupe_gen_fail(call, SAMPLE_DETAILED, &writer, text);
}

int sample_detailed_from_error(const struct troupe_error *error, struct sample_detailed *ret_data)
{
    struct troupe_reader reader;
    struct sample_detailed data;
    int err;

    if (error->code != SAMPLE_DETAILED)
        return TROUPE_EINVAL;
    troupe_gen_error_reader(error, &reader);
    sample_detailed_read(&reader, &data);
    err = troupe_reader_finish(&reader, NULL);
    if (err != 0)
        return err;
    *ret_data = data;
    return 0;
}

/* ---- facade ---------------------------------------------------------------------------------- */

static void sample_nothing_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                                 const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_nothing_done *done = (sample_nothing_done *)on_done;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error);
        return;
    }
    sample_nothing_read(reader);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure);
    else
        done(self, user, NULL);
}

int sample_nothing(struct troupe *troupe, struct troupe_ref to, struct troupe_error *ret_error,
                   const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    int err;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    err = troupe_gen_call(troupe, to, &sample_methods[0], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_nothing_read(&reader);
    err = troupe_reader_finish(&reader, ret_error);
    troupe_release(message);
    return err;
}

int sample_nothing_ask(struct troupe_actor *self, struct troupe_ref to,
                       sample_nothing_done *on_done, void *user,
                       const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    return troupe_gen_ask(self, to, &sample_methods[0], &writer, sample_nothing_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_nothing(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[0]);
}

static void sample_echo_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                              const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_echo_done *done = (sample_echo_done *)on_done;
    struct sample_echo_results results;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error, NULL);
        return;
    }
    sample_echo_results_read(reader, &results);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure, NULL);
    else
        done(self, user, NULL, &results);
}

int sample_echo(struct troupe *troupe, struct troupe_ref to, const struct sample_echo_args *args,
                struct sample_echo_results *ret_results, struct troupe_error *ret_error,
                const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct sample_echo_results results;
    int err;

    troupe_writer_init(&writer);
    sample_echo_args_write(&writer, args);
    err = troupe_gen_call(troupe, to, &sample_methods[1], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_echo_results_read(&reader, &results);
    err = troupe_reader_finish(&reader, ret_error);
    if (err != 0) {
        troupe_release(message);
        return err;
    }
    results.message = message;
    *ret_results = results;
    return 0;
}

int sample_echo_ask(struct troupe_actor *self, struct troupe_ref to,
                    const struct sample_echo_args *args, sample_echo_done *on_done, void *user,
                    const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_echo_args_write(&writer, args);
    return troupe_gen_ask(self, to, &sample_methods[1], &writer, sample_echo_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_echo(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[1]);
}

static void sample_unlock_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                                const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_unlock_done *done = (sample_unlock_done *)on_done;
    struct sample_unlock_results results;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error, NULL);
        return;
    }
    sample_unlock_results_read(reader, &results);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure, NULL);
    else
        done(self, user, NULL, &results);
    explicit_bzero(&results, sizeof(results));
}

int sample_unlock(struct troupe *troupe, struct troupe_ref to,
                  const struct sample_unlock_args *args, struct sample_unlock_results *ret_results,
                  struct troupe_error *ret_error, const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct sample_unlock_results results;
    int err;

    troupe_writer_init(&writer);
    sample_unlock_args_write(&writer, args);
    err = troupe_gen_call(troupe, to, &sample_methods[2], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_unlock_results_read(&reader, &results);
    err = troupe_reader_finish(&reader, ret_error);
    if (err == 0)
        *ret_results = results;
    explicit_bzero(&results, sizeof(results));
    troupe_release(message);
    return err;
}

int sample_unlock_ask(struct troupe_actor *self, struct troupe_ref to,
                      const struct sample_unlock_args *args, sample_unlock_done *on_done,
                      void *user, const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_unlock_args_write(&writer, args);
    return troupe_gen_ask(self, to, &sample_methods[2], &writer, sample_unlock_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_unlock(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[2]);
}

static void sample_store_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                               const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_store_done *done = (sample_store_done *)on_done;
    struct sample_store_results results;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error, NULL);
        return;
    }
    sample_store_results_read(reader, &results);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure, NULL);
    else
        done(self, user, NULL, &results);
}

int sample_store(struct troupe *troupe, struct troupe_ref to, const struct sample_store_args *args,
                 struct sample_store_results *ret_results, struct troupe_error *ret_error,
                 const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct sample_store_results results;
    int err;

    troupe_writer_init(&writer);
    sample_store_args_write(&writer, args);
    err = troupe_gen_call(troupe, to, &sample_methods[3], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_store_results_read(&reader, &results);
    err = troupe_reader_finish(&reader, ret_error);
    if (err != 0) {
        troupe_release(message);
        return err;
    }
    results.message = message;
    *ret_results = results;
    return 0;
}

int sample_store_ask(struct troupe_actor *self, struct troupe_ref to,
                     const struct sample_store_args *args, sample_store_done *on_done, void *user,
                     const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_store_args_write(&writer, args);
    return troupe_gen_ask(self, to, &sample_methods[3], &writer, sample_store_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_store(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[3]);
}

/* An item that is not valid stays unread: the bus sees that in the reader and ends the call. */
static void sample_count_item_typed(struct troupe_actor *self, troupe_any_fn *on_item, void *user,
                                    const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_count_each *each = (sample_count_each *)on_item;
    struct sample_count_item item;

    (void)error; /* an item has none */
    sample_count_item_read(reader, &item);
    if (troupe_reader_finish(reader, NULL) == 0)
        each(self, user, &item);
}

static void sample_count_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                               const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_count_done *done = (sample_count_done *)on_done;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error);
        return;
    }
    sample_nothing_read(reader);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure);
    else
        done(self, user, NULL);
}

int sample_count(struct troupe *troupe, struct troupe_ref to, const struct sample_count_args *args,
                 sample_count_each *on_each, void *user, struct troupe_error *ret_error,
                 const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_count_args_write(&writer, args);
    return troupe_gen_call_stream(troupe, to, &sample_methods[4], &writer, sample_count_item_typed,
                                  (troupe_any_fn *)on_each, user, ret_error, options);
}

int sample_count_ask(struct troupe_actor *self, struct troupe_ref to,
                     const struct sample_count_args *args, sample_count_each *on_each,
                     sample_count_done *on_done, void *user, const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_count_args_write(&writer, args);
    return troupe_gen_ask_stream(self, to, &sample_methods[4], &writer, sample_count_item_typed,
                                 (troupe_any_fn *)on_each, sample_count_typed,
                                 (troupe_any_fn *)on_done, user, options);
}

bool sample_has_count(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[4]);
}

int sample_note(struct troupe *troupe, struct troupe_ref to, const struct sample_note_args *args)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_note_args_write(&writer, args);
    return troupe_gen_tell(troupe, to, &sample_methods[5], &writer);
}

bool sample_has_note(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[5]);
}

static void sample_hand_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                              const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_hand_done *done = (sample_hand_done *)on_done;
    struct sample_hand_results results;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error, NULL);
        return;
    }
    sample_hand_results_read(reader, &results);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure, NULL);
    else
        done(self, user, NULL, &results);
}

int sample_hand(struct troupe *troupe, struct troupe_ref to, const struct sample_hand_args *args,
                struct sample_hand_results *ret_results, struct troupe_error *ret_error,
                const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct sample_hand_results results;
    int err;

    troupe_writer_init(&writer);
    sample_hand_args_write(&writer, args);
    err = troupe_gen_call(troupe, to, &sample_methods[6], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_hand_results_read(&reader, &results);
    err = troupe_reader_finish(&reader, ret_error);
    if (err == 0)
        *ret_results = results;
    troupe_release(message);
    return err;
}

int sample_hand_ask(struct troupe_actor *self, struct troupe_ref to,
                    const struct sample_hand_args *args, sample_hand_done *on_done, void *user,
                    const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_hand_args_write(&writer, args);
    return troupe_gen_ask(self, to, &sample_methods[6], &writer, sample_hand_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_hand(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[6]);
}

static void sample_late_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                              const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_late_done *done = (sample_late_done *)on_done;
    struct sample_late_results results;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error, NULL);
        return;
    }
    sample_late_results_read(reader, &results);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure, NULL);
    else
        done(self, user, NULL, &results);
}

int sample_late(struct troupe *troupe, struct troupe_ref to, const struct sample_late_args *args,
                struct sample_late_results *ret_results, struct troupe_error *ret_error,
                const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct sample_late_results results;
    int err;

    troupe_writer_init(&writer);
    sample_late_args_write(&writer, args);
    err = troupe_gen_call(troupe, to, &sample_methods[7], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_late_results_read(&reader, &results);
    err = troupe_reader_finish(&reader, ret_error);
    if (err == 0)
        *ret_results = results;
    troupe_release(message);
    return err;
}

int sample_late_ask(struct troupe_actor *self, struct troupe_ref to,
                    const struct sample_late_args *args, sample_late_done *on_done, void *user,
                    const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_late_args_write(&writer, args);
    return troupe_gen_ask(self, to, &sample_methods[7], &writer, sample_late_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_late(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[7]);
}

static void sample_get_points_typed(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                                    const struct troupe_error *error, struct troupe_reader *reader)
{
    sample_get_points_done *done = (sample_get_points_done *)on_done;
    struct sample_get_points_results results;
    struct troupe_error failure;

    if (error != NULL) {
        done(self, user, error, NULL);
        return;
    }
    sample_get_points_results_read(reader, &results);
    if (troupe_reader_finish(reader, &failure) != 0)
        done(self, user, &failure, NULL);
    else
        done(self, user, NULL, &results);
}

int sample_get_points(struct troupe *troupe, struct troupe_ref to,
                      struct sample_get_points_results *ret_results, struct troupe_error *ret_error,
                      const struct troupe_options *options)
{
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct sample_get_points_results results;
    int err;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    err = troupe_gen_call(troupe, to, &sample_methods[8], &writer, &reader, &message, ret_error,
                          options);
    if (err != 0)
        return err;
    sample_get_points_results_read(&reader, &results);
    err = troupe_reader_finish(&reader, ret_error);
    if (err != 0) {
        troupe_release(message);
        return err;
    }
    results.message = message;
    *ret_results = results;
    return 0;
}

int sample_get_points_ask(struct troupe_actor *self, struct troupe_ref to,
                          sample_get_points_done *on_done, void *user,
                          const struct troupe_options *options)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    return troupe_gen_ask(self, to, &sample_methods[8], &writer, sample_get_points_typed,
                          (troupe_any_fn *)on_done, user, options);
}

bool sample_has_get_points(struct troupe *troupe, struct troupe_ref to)
{
    return troupe_gen_has(troupe, to, &sample_methods[8]);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void sample_changed_typed(struct troupe_actor *self, troupe_any_fn *on_event, void *user,
                                 struct troupe_reader *reader, const struct troupe_event_info *info)
{
    sample_changed_fn *fn = (sample_changed_fn *)on_event;
    struct sample_changed event;

    if (reader == NULL) {
        fn(self, user, NULL, info);
        return;
    }
    sample_changed_read(reader, &event);
    if (troupe_reader_finish(reader, NULL) == 0)
        fn(self, user, &event, info);
}

int sample_publish_changed(struct troupe_actor *self, const struct sample_changed *event)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_changed_write(&writer, event);
    return troupe_gen_publish(self, &sample_events[0], &writer);
}

int sample_on_changed(struct troupe_actor *self, struct troupe_ref source,
                      sample_changed_fn *on_event, void *user, struct troupe_handler **ret_handler)
{
    return troupe_gen_subscribe(self, source, &sample_events[0], sample_changed_typed,
                                (troupe_any_fn *)on_event, user, ret_handler);
}

static void sample_done_typed(struct troupe_actor *self, troupe_any_fn *on_event, void *user,
                              struct troupe_reader *reader, const struct troupe_event_info *info)
{
    sample_done_fn *fn = (sample_done_fn *)on_event;

    if (reader == NULL) {
        fn(self, user, info);
        return;
    }
    sample_nothing_read(reader);
    if (troupe_reader_finish(reader, NULL) == 0)
        fn(self, user, info);
}

int sample_publish_done(struct troupe_actor *self)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    troupe_put_map(&writer, 0);
    return troupe_gen_publish(self, &sample_events[1], &writer);
}

int sample_on_done(struct troupe_actor *self, struct troupe_ref source, sample_done_fn *on_event,
                   void *user, struct troupe_handler **ret_handler)
{
    return troupe_gen_subscribe(self, source, &sample_events[1], sample_done_typed,
                                (troupe_any_fn *)on_event, user, ret_handler);
}

static void sample_noted_typed(struct troupe_actor *self, troupe_any_fn *on_event, void *user,
                               struct troupe_reader *reader, const struct troupe_event_info *info)
{
    sample_noted_fn *fn = (sample_noted_fn *)on_event;
    struct sample_noted event;

    if (reader == NULL) {
        fn(self, user, NULL, info);
        return;
    }
    sample_noted_read(reader, &event);
    if (troupe_reader_finish(reader, NULL) == 0)
        fn(self, user, &event, info);
}

int sample_publish_noted(struct troupe_actor *self, const struct sample_noted *event)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_noted_write(&writer, event);
    return troupe_gen_publish(self, &sample_events[2], &writer);
}

int sample_on_noted(struct troupe_actor *self, struct troupe_ref source, sample_noted_fn *on_event,
                    void *user, struct troupe_handler **ret_handler)
{
    return troupe_gen_subscribe(self, source, &sample_events[2], sample_noted_typed,
                                (troupe_any_fn *)on_event, user, ret_handler);
}

static void sample_added_typed(struct troupe_actor *self, troupe_any_fn *on_event, void *user,
                               struct troupe_reader *reader, const struct troupe_event_info *info)
{
    sample_added_fn *fn = (sample_added_fn *)on_event;
    struct sample_added event;

    if (reader == NULL) {
        fn(self, user, NULL, info);
        return;
    }
    sample_added_read(reader, &event);
    if (troupe_reader_finish(reader, NULL) == 0)
        fn(self, user, &event, info);
}

int sample_publish_added(struct troupe_actor *self, const struct sample_added *event)
{
    struct troupe_writer writer;

    troupe_writer_init(&writer);
    sample_added_write(&writer, event);
    return troupe_gen_publish(self, &sample_events[3], &writer);
}

int sample_on_added(struct troupe_actor *self, struct troupe_ref source, sample_added_fn *on_event,
                    void *user, struct troupe_handler **ret_handler)
{
    return troupe_gen_subscribe(self, source, &sample_events[3], sample_added_typed,
                                (troupe_any_fn *)on_event, user, ret_handler);
}

int sample_follow_added(struct troupe_actor *self, struct troupe_ref source,
                        sample_get_points_done *on_snapshot, sample_added_fn *on_event, void *user,
                        struct troupe_handler **ret_handler)
{
    return troupe_gen_follow(self, source, &sample_events[3], sample_get_points_typed,
                             (troupe_any_fn *)on_snapshot, sample_added_typed,
                             (troupe_any_fn *)on_event, user, ret_handler);
}
