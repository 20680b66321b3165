/* test_cbor - the reader refuses all that deterministic CBOR and the bus forbid, whichever way a
 * message is read, and the writer makes only what that reader takes.
 *
 * Every vector goes through two readers, because they check at places of their own: `walk`, which
 * passes over items (as frames do with a map, and skeletons with unknown fields), and `transcode`,
 * which takes each item with the typed call for it, as generated code does, and writes it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <malloc.h>
#include <pthread.h>

#include "bus/arena.h"
#include "bus/cbor.h"

#define ANY SIZE_MAX

static uint8_t input[4 * TROUPE_ITEMS_MAX];
static uint8_t output[sizeof input];

static size_t unhex(const char *hex)
{
    size_t size = strlen(hex) / 2;
    assert_true(size <= sizeof input);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        input[i] = (uint8_t)byte;
    }
    return size;
}

/* ---- two readers ----------------------------------------------------------------------------- */

static int walk(const uint8_t *data, size_t size, struct troupe_error *ret_error)
{
    struct troupe_reader reader;
    ti_reader_init(&reader, data, size, NULL, NULL);
    troupe_get_skip(&reader);
    return troupe_reader_finish(&reader, ret_error);
}

static void transcode_item(struct troupe_reader *reader, struct troupe_writer *writer);

static void transcode_map(struct troupe_reader *reader, struct troupe_writer *writer)
{
    struct troupe_map map;
    uint64_t key;
    troupe_get_map(reader, &map);
    troupe_put_map(writer, (size_t)map.left);
    while (troupe_get_key(reader, &map, &key)) {
        troupe_put_uint(writer, key);
        transcode_item(reader, writer);
    }
}

static void transcode_array(struct troupe_reader *reader, struct troupe_writer *writer)
{
    size_t count;
    troupe_get_array(reader, ANY, 1, &count, "array");
    troupe_put_array(writer, count, ANY, "array");
    for (size_t i = 0; i < count && !reader->error; i++)
        transcode_item(reader, writer);
    troupe_get_array_end(reader);
}

static void transcode_item(struct troupe_reader *reader, struct troupe_writer *writer)
{
    uint8_t head = reader->at < reader->size ? reader->data[reader->at] : 0;
    if (head >> 5 == 0)
        troupe_put_uint(writer, troupe_get_uint(reader, UINT64_MAX, "uint"));
    else if (head >> 5 == 1)
        troupe_put_int(writer, troupe_get_int(reader, INT64_MIN, INT64_MAX, "int"));
    else if (head >> 5 == 2)
        troupe_put_bytes(writer, troupe_get_bytes(reader, ANY, "bytes"), ANY, "bytes");
    else if (head >> 5 == 3)
        troupe_put_text(writer, troupe_get_text(reader, ANY, "text"), ANY, "text");
    else if (head >> 5 == 4)
        transcode_array(reader, writer);
    else if (head >> 5 == 5)
        transcode_map(reader, writer);
    else if (troupe_get_null(reader))
        troupe_put_null(writer);
    else
        troupe_put_bool(writer, troupe_get_bool(reader, "bool"));
}

static int transcode(const uint8_t *data, size_t size, size_t *ret_size,
                     struct troupe_error *ret_error)
{
    struct troupe_arena arena = {0};
    struct troupe_reader reader;
    struct troupe_writer writer;
    ti_reader_init(&reader, data, size, NULL, &arena);
    ti_writer_init_at(&writer, output, sizeof output);
    transcode_item(&reader, &writer);
    int error = troupe_reader_finish(&reader, ret_error);
    ti_arena_free(&arena);
    if (!error)
        assert_int_equal(writer.error, 0);
    *ret_size = writer.size;
    return error;
}

static void assert_taken(const uint8_t *data, size_t size)
{
    struct troupe_error error = {0};
    size_t written;
    assert_int_equal(walk(data, size, &error), 0);
    assert_int_equal(transcode(data, size, &written, &error), 0);
    assert_int_equal(written, size);
    assert_memory_equal(output, data, size);
}

static void assert_refused(const uint8_t *data, size_t size, const char *why)
{
    struct troupe_error error = {0};
    size_t written;
    assert_int_equal(walk(data, size, &error), TROUPE_EMALFORMED);
    assert_non_null(strstr(error.text, why));
    assert_int_equal(error.code, TROUPE_EMALFORMED);
    memset(&error, 0, sizeof error);
    assert_int_equal(transcode(data, size, &written, &error), TROUPE_EMALFORMED);
    assert_non_null(strstr(error.text, why));
}

static void refuse(const char *hex, const char *why)
{
    assert_refused(input, unhex(hex), why);
}

/* ---- vectors --------------------------------------------------------------------------------- */

/* RFC 8949, appendix A: what our subset has. */
static const char *const TAKEN[] = {
    "00",
    "01",
    "0a",
    "17",
    "1818",
    "1819",
    "1864",
    "1903e8",
    "1a000f4240",
    "1b000000e8d4a51000",
    "1bffffffffffffffff",
    "20",
    "29",
    "3863",
    "3903e7",
    "f4",
    "f5",
    "f6",
    "40",
    "4401020304",
    "60",
    "6161",
    "6449455446",
    "62225c",
    "62c3bc",
    "63e6b0b4",
    "64f0908591",
    "80",
    "83010203",
    "8301820203820405",
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    "a0",
    "a201020304",
    /* not in the appendix: the edges of each length, nested maps, the smallest number */
    "18ff",
    "190100",
    "19ffff",
    "1a00010000",
    "1affffffff",
    "1b0000000100000000",
    "3b7fffffffffffffff",
    "a201a2000001f60283a0a10000a0",
    "a217001818a0",
};

static void test_takes_rfc8949_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof TAKEN / sizeof TAKEN[0]; i++)
        assert_taken(input, unhex(TAKEN[i]));
}

/* The same vectors, cut at every byte and followed by one more. */
static void test_refuses_truncated_and_trailing_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof TAKEN / sizeof TAKEN[0]; i++) {
        size_t size = unhex(TAKEN[i]);
        for (size_t cut = 0; cut < size; cut++) {
            /* A block of its own, so that a read beyond the cut is seen by the sanitizer. */
            uint8_t *data = malloc(cut + 1);
            assert_non_null(data);
            memcpy(data + 1, input, cut);
            assert_refused(data + 1, cut, "");
            free(data);
        }
        input[size] = 0x00;
        assert_refused(input, size + 1, "bytes after the end");
    }
}

static void test_refuses_longer_forms(void **state)
{
    (void)state;
    static const char *const LONG[] = {
        "1800",
        "1817",
        "190017",
        "1900ff",
        "1a00000000",
        "1a0000ffff",
        "1b0000000000000000",
        "1b00000000ffffffff",
        "3800",
        "3817",
        "3900ff",
        "3a0000ffff",
        "3b00000000ffffffff",
        "5800",
        "580161",
        "59000161",
        "5a0000000161",
        "5b000000000000000161",
        "7800",
        "780161",
        "79000161",
        "7a0000000161",
        "7b000000000000000161",
        "9800",
        "980100",
        "99000100",
        "9a0000000100",
        "9b000000000000000100",
        "b800",
        "b8010000",
        "b900010000",
        "ba000000010000",
        "bb00000000000000010000",
        "a1180000",
        "811800",
        "a1001800",
    };
    for (size_t i = 0; i < sizeof LONG / sizeof LONG[0]; i++)
        refuse(LONG[i], "not in shortest form");
}

static void test_refuses_tags_floats_and_other_simple_values(void **state)
{
    (void)state;
    static const char *const OTHER[] = {
        "c000",
        "c074323031332d30332d32315432303a30343a30305a",
        "c11a514b67b0",
        "d74401020304",
        "d818456449455446",
        "c249010000000000000000",
        "f90000",
        "f93c00",
        "f97e00",
        "fa47c35000",
        "fb3ff199999999999a",
        "f7",
        "81f7",
        "a100f90000",
        "81c000",
    };
    for (size_t i = 0; i < sizeof OTHER / sizeof OTHER[0]; i++)
        refuse(OTHER[i], "a kind of item that is not allowed");
    static const char *const NOT_CBOR[] = {"f0", "f3", "f814", "f815", "f818", "f8ff", "1c",
                                           "1d", "1e", "1f",   "3c",   "3f",   "5c",   "7d",
                                           "9e", "bc", "dc",   "df",   "fc",   "fd",   "fe"};
    for (size_t i = 0; i < sizeof NOT_CBOR / sizeof NOT_CBOR[0]; i++)
        refuse(NOT_CBOR[i], "");
}

static void test_refuses_indefinite_lengths(void **state)
{
    (void)state;
    static const char *const INDEFINITE[] = {
        "5f42010243030405ff",
        "7f657374726561646d696e67ff",
        "9fff",
        "9f0102ff",
        "bfff",
        "bf0102ff",
        "819fff",
        "a1009fff",
        "ff",
        "81ff",
        "5fff",
        "7fff",
    };
    for (size_t i = 0; i < sizeof INDEFINITE / sizeof INDEFINITE[0]; i++)
        refuse(INDEFINITE[i], "a kind of item that is not allowed");
}

static void test_refuses_keys_that_do_not_rise(void **state)
{
    (void)state;
    static const char *const KEYS[] = {
        "a200000000",       /* twice 0, which is also where "the key before" starts */
        "a201000100",       /* twice 1 */
        "a201000000",       /* falling */
        "a3000002000100",   /* falling later */
        "a21903e8001818f6", /* by value, not by length */
        "81a201000100",     /* inside */
        "a100a201000000",   "a200a1000000f6",
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
        refuse(KEYS[i], "keys that do not rise");
    static const char *const NOT_ORDINALS[] = {"a1616100", "a12000", "a1f400",
                                               "a14100f6", "a1a000", "a26161016162820203"};
    for (size_t i = 0; i < sizeof NOT_ORDINALS / sizeof NOT_ORDINALS[0]; i++)
        refuse(NOT_ORDINALS[i], "a key that is not an ordinal");
}

static void test_refuses_text_that_is_not_utf8(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "6180",     /* continuation alone */
        "61c3",     /* character cut short */
        "62c041",   /* second byte is no continuation */
        "62c080",   /* overlong NUL */
        "62c1bf",   /* overlong, two bytes */
        "63e08080", /* overlong, three */
        "63e09fbf",
        "64f0808080", /* overlong, four */
        "64f08fbfbf",
        "63eda080", /* surrogates */
        "63edbfbf",
        "64f4908080", /* over U+10FFFF */
        "64f5808080",
        "61fe",
        "61ff",
        "63e282c0",             /* third byte */
        "64f09f98c0",           /* fourth byte */
        "69616161616161616180", /* beyond the eight that are looked at together */
        "6961616161616161c361",
        "8161ff",
        "a10061ff",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        refuse(TEXTS[i], "text that is not UTF-8");
    static const char *const GOOD[] = {
        "6100",     "62c280",   "62dfbf",     "63e0a080",   "63ed9fbf",
        "63ee8080", "63efbfbf", "64f0908080", "64f48fbfbf", "6b6161616161616161e282ac"};
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
        assert_taken(input, unhex(GOOD[i]));
}

/* ---- budgets --------------------------------------------------------------------------------- */

static size_t nested(uint8_t head, size_t depth)
{
    size_t size = 0;
    for (size_t i = 0; i < depth; i++) {
        input[size++] = head;
        if (head == 0xa1)
            input[size++] = 0x00;
    }
    input[size++] = 0x00;
    return size;
}

static void test_bounds_depth(void **state)
{
    (void)state;
    const char *why = "nested deeper than TROUPE_DEPTH_MAX";
    assert_taken(input, nested(0x81, TROUPE_DEPTH_MAX));
    assert_taken(input, nested(0xa1, TROUPE_DEPTH_MAX));
    assert_refused(input, nested(0x81, TROUPE_DEPTH_MAX + 1), why);
    assert_refused(input, nested(0xa1, TROUPE_DEPTH_MAX + 1), why);
    assert_refused(input, nested(0x81, sizeof input / 2), why);

    /* What is skipped counts from where it is, and what was closed does not count. */
    struct troupe_reader reader;
    struct troupe_map map;
    uint64_t key;
    ti_reader_init(&reader, input, nested(0xa1, TROUPE_DEPTH_MAX + 1), NULL, NULL);
    troupe_get_map(&reader, &map);
    assert_true(troupe_get_key(&reader, &map, &key));
    troupe_get_skip(&reader);
    assert_int_equal(reader.error, TROUPE_EMALFORMED);
    input[0] = 0x98;
    input[1] = 0xc8;
    for (size_t i = 0; i < 200; i++)
        input[2 + i] = i % 2 ? 0x80 : 0xa0;
    assert_taken(input, 202);
}

/* An array of `count` zeros: count + 1 items. */
static size_t zeros(uint32_t count)
{
    const uint8_t head[5] = {0x9a, (uint8_t)(count >> 24), (uint8_t)(count >> 16),
                             (uint8_t)(count >> 8), (uint8_t)count};
    if (count > UINT16_MAX) {
        memcpy(input, head, 5);
        memset(input + 5, 0, count);
        return 5 + count;
    }
    input[0] = 0x99;
    memcpy(input + 1, head + 3, 2);
    memset(input + 3, 0, count);
    return 3 + count;
}

static void test_bounds_items(void **state)
{
    (void)state;
    assert_taken(input, zeros(TROUPE_ITEMS_MAX - 1));
    assert_refused(input, zeros(TROUPE_ITEMS_MAX), "a count beyond the end");

    /* Not only in one array: two of 32766 make 65535 items, with the outer head; one more fits. */
    size_t size = 1;
    for (size_t i = 0; i < 2; i++) {
        memcpy(input + size, "\x99\x7f\xfe", 3);
        memset(input + size + 3, 0, 0x7ffe);
        size += 3 + 0x7ffe;
    }
    memset(input + size, 0, 2);
    input[0] = 0x83;
    assert_taken(input, size + 1);
    input[0] = 0x84;
    assert_refused(input, size + 2, "more items than TROUPE_ITEMS_MAX");
}

static void test_counts_are_checked_before_memory_is_taken(void **state)
{
    (void)state;
    static const char *const HUGE_COUNTS[] = {
        "9bffffffffffffffff",
        "9b7fffffffffffffff",
        "9a7fffffff0000",
        "99ffff00",
        "bbffffffffffffffff",
        "bb8000000000000000",
        "bb80000000000000010000",
        "ba7fffffff0000",
        "a200",
        "5bffffffffffffffff",
        "7bffffffffffffffff",
        "5a7fffffff00",
        "7a7fffffff61",
    };
    for (size_t i = 0; i < sizeof HUGE_COUNTS / sizeof HUGE_COUNTS[0]; i++) {
        size_t size = unhex(HUGE_COUNTS[i]);
        struct troupe_error error = {0};
        assert_int_equal(walk(input, size, &error), TROUPE_EMALFORMED);
        struct troupe_arena arena = {0};
        struct troupe_reader reader;
        size_t count = 7;
        ti_reader_init(&reader, input, size, NULL, &arena);
        assert_null(troupe_get_array(&reader, ANY, 64, &count, "array"));
        assert_int_equal(count, 0);
        assert_int_not_equal(reader.error, 0);
        assert_int_equal(arena.used, 0);
        size_t written;
        assert_int_equal(transcode(input, size, &written, &error), TROUPE_EMALFORMED);
    }
}

static void test_arrays_are_bounded_by_max_and_arena(void **state)
{
    (void)state;
    size_t size = zeros(TROUPE_ITEMS_MAX - 1);
    memset(input + 3, 0xf4, TROUPE_ITEMS_MAX - 1);
    struct troupe_arena arena = {0};
    struct troupe_reader reader;
    struct troupe_error error = {0};
    size_t count = 7;

    ti_reader_init(&reader, input, size, NULL, &arena);
    assert_null(troupe_get_array(&reader, 1000, 64, &count, "flags"));
    assert_int_equal(troupe_reader_finish(&reader, &error), TROUPE_EINVAL);
    assert_string_equal(error.text, "flags: more elements than allowed, at byte 0");
    assert_int_equal(arena.used, 0);
    assert_int_equal(count, 0);

    /* Elements a byte too large for the arena; then two sizes that wrap around size_t, the second,
     * the inverse of 65535, to a product of 1. */
    const size_t sizes[] = {65, SIZE_MAX, SIZE_MAX - UINT64_C(0x0001000100010000)};
    for (size_t i = 0; i < 3; i++) {
        ti_reader_init(&reader, input, size, NULL, &arena);
        assert_null(troupe_get_array(&reader, ANY, sizes[i], &count, "flags"));
        assert_int_equal(troupe_reader_finish(&reader, &error), TROUPE_ENOMEM);
        assert_int_equal(arena.used, 0);
        assert_int_equal(count, 0);
    }
    ti_reader_init(&reader, input, size, NULL, &arena);
    uint8_t *flags = troupe_get_array(&reader, ANY, 64, &count, "flags");
    assert_non_null(flags);
    assert_int_equal(count, TROUPE_ITEMS_MAX - 1);
    assert_true(arena.used <= TROUPE_ARENA_BYTES_MAX);
    assert_int_equal(flags[0] | flags[64 * count - 1], 0);

    /* A second array of the same message has only the rest of the arena. */
    ti_reader_init(&reader, input, size, NULL, &arena);
    assert_null(troupe_get_array(&reader, ANY, 64, &count, "flags"));
    assert_int_equal(reader.error, TROUPE_ENOMEM);
    ti_arena_free(&arena);

    /* Without an arena only an empty array is possible. */
    ti_reader_init(&reader, input, size, NULL, NULL);
    assert_null(troupe_get_array(&reader, ANY, 1, &count, "flags"));
    assert_int_equal(reader.error, TROUPE_ENOMEM);
    ti_reader_init(&reader, (const uint8_t *)"\x80", 1, NULL, NULL);
    assert_null(troupe_get_array(&reader, ANY, 1, &count, "flags"));
    troupe_get_array_end(&reader);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
}

/* ---- values the interface does not allow ----------------------------------------------------- */

static struct troupe_reader reader_of(const char *hex, const struct troupe_body *body)
{
    struct troupe_reader reader;
    ti_reader_init(&reader, input, unhex(hex), body, NULL);
    return reader;
}

static void assert_invalid(struct troupe_reader *reader, const char *text)
{
    struct troupe_error error = {0};
    assert_int_equal(reader->error, TROUPE_EINVAL);
    assert_int_equal(troupe_reader_finish(reader, &error), TROUPE_EINVAL);
    assert_int_equal(error.code, TROUPE_EINVAL);
    assert_string_equal(error.text, text);
}

static void test_numbers_keep_their_bounds(void **state)
{
    (void)state;
    struct troupe_reader reader = reader_of("18ff", NULL);
    assert_int_equal(troupe_get_uint(&reader, 255, "n"), 255);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    reader = reader_of("18ff", NULL);
    assert_int_equal(troupe_get_uint(&reader, 254, "n"), 0);
    assert_invalid(&reader, "n: larger than allowed, at byte 0");
    reader = reader_of("20", NULL);
    assert_int_equal(troupe_get_uint(&reader, UINT64_MAX, "n"), 0);
    assert_invalid(&reader, "n: an unsigned integer was expected, at byte 0");

    static const struct {
        const char *hex;
        int64_t min, max, value;
        bool valid;
    } INTS[] = {
        {"3863", -100, 100, -100, true},
        {"3863", -99, 100, 0, false},
        {"1864", -100, 100, 100, true},
        {"1864", -100, 99, 0, false},
        {"3b7fffffffffffffff", INT64_MIN, INT64_MAX, INT64_MIN, true},
        {"3b8000000000000000", INT64_MIN, INT64_MAX, 0, false},
        {"3bffffffffffffffff", INT64_MIN, INT64_MAX, 0, false},
        {"1b7fffffffffffffff", INT64_MIN, INT64_MAX, INT64_MAX, true},
        {"1b8000000000000000", INT64_MIN, INT64_MAX, 0, false},
        {"f4", INT64_MIN, INT64_MAX, 0, false},
    };
    for (size_t i = 0; i < sizeof INTS / sizeof INTS[0]; i++) {
        reader = reader_of(INTS[i].hex, NULL);
        int64_t value = troupe_get_int(&reader, INTS[i].min, INTS[i].max, "n");
        assert_true(value == INTS[i].value);
        assert_int_equal(reader.error, INTS[i].valid ? 0 : TROUPE_EINVAL);
    }
}

static void test_texts_and_bytes_keep_their_bounds(void **state)
{
    (void)state;
    struct troupe_reader reader = reader_of("63616263", NULL);
    struct troupe_text text = troupe_get_text(&reader, 3, "t");
    assert_int_equal(text.size, 3);
    assert_ptr_equal(text.data, input + 1); /* in place */
    reader = reader_of("63616263", NULL);
    assert_int_equal(troupe_get_text(&reader, 2, "t").size, 0);
    assert_invalid(&reader, "t: longer than allowed, at byte 0");
    reader = reader_of("43616263", NULL);
    assert_null(troupe_get_text(&reader, 9, "t").data);
    assert_invalid(&reader, "t: text was expected, at byte 0");
    reader = reader_of("43010203", NULL);
    struct troupe_bytes bytes = troupe_get_bytes(&reader, 3, "b");
    assert_int_equal(bytes.size, 3);
    assert_ptr_equal(bytes.data, input + 1);
    reader = reader_of("43010203", NULL);
    assert_int_equal(troupe_get_bytes(&reader, 2, "b").size, 0);
    assert_invalid(&reader, "b: longer than allowed, at byte 0");
    reader = reader_of("63616263", NULL);
    assert_int_equal(troupe_get_bytes(&reader, 9, "b").size, 0);
    assert_invalid(&reader, "b: bytes were expected, at byte 0");

    uint8_t fixed[4] = {9, 9, 9, 9};
    reader = reader_of("43010203", NULL);
    troupe_get_fixed(&reader, fixed, 3, "f");
    assert_memory_equal(fixed, "\1\2\3\x09", 4);
    for (size_t size = 2; size <= 4; size += 2) {
        uint8_t untouched[4] = {9, 9, 9, 9};
        reader = reader_of("43010203", NULL);
        troupe_get_fixed(&reader, untouched, size, "f");
        assert_memory_equal(untouched, "\x09\x09\x09\x09", 4);
        assert_invalid(&reader, "f: another size than declared, at byte 0");
    }
}

static void test_other_kinds_are_told(void **state)
{
    (void)state;
    struct troupe_map map;
    uint64_t key = 0;
    struct troupe_reader reader = reader_of("01", NULL);
    assert_false(troupe_get_bool(&reader, "b"));
    assert_invalid(&reader, "b: a boolean was expected, at byte 0");
    reader = reader_of("80", NULL);
    troupe_get_map(&reader, &map);
    assert_false(troupe_get_key(&reader, &map, &key));
    assert_invalid(&reader, "message: a map was expected, at byte 0");
    reader = reader_of("a0", NULL);
    assert_int_equal(ti_get_array(&reader, 9, "a"), 0);
    assert_invalid(&reader, "a: an array was expected, at byte 0");
    reader = reader_of("00", NULL);
    assert_false(troupe_get_null(&reader)); /* and nothing was consumed */
    assert_int_equal(troupe_get_uint(&reader, 0, "n"), 0);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    reader = reader_of("00", NULL);
    troupe_get_uint(&reader, 1, "colour");
    troupe_get_invalid(&reader, "colour");
    assert_invalid(&reader, "colour: a value that is not allowed, at byte 1");
    reader = reader_of("00", NULL);
    troupe_get_skip(&reader);
    troupe_get_require(&reader, 5, 5, "Tip");
    troupe_get_require(&reader, 7, 5, "Tip");
    assert_int_equal(reader.error, 0);
    troupe_get_require(&reader, 4, 5, "Tip");
    assert_invalid(&reader, "Tip: a required field is missing, at byte 1");
}

static void test_refs_and_blobs_must_have_come(void **state)
{
    (void)state;
    const struct troupe_ref refs[2] = {{1, 2}, {3, 4}};
    const struct troupe_body body = {
        .refs = refs, .refs_count = 2, .blob = {.data = (const uint8_t *)"abc", .size = 3}};
    struct troupe_reader reader = reader_of("01", &body);
    assert_true(troupe_ref_equal(troupe_get_ref(&reader, "r"), refs[1]));
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    const struct troupe_body none = {0};
    const struct troupe_body *without[] = {&none, NULL};
    reader = reader_of("02", &body);
    troupe_get_ref(&reader, "r");
    assert_invalid(&reader, "r: a ref that the message does not bring, at byte 0");
    reader = reader_of("20", &body);
    troupe_get_ref(&reader, "r");
    assert_invalid(&reader, "r: a ref was expected, at byte 0");
    for (size_t i = 0; i < 2; i++) {
        reader = reader_of("00", without[i]);
        troupe_get_ref(&reader, "r");
        assert_invalid(&reader, "r: a ref that the message does not bring, at byte 0");
        reader = reader_of("03", without[i]);
        assert_int_equal(troupe_get_blob(&reader, 9, "b").size, 0);
        assert_invalid(&reader, "b: another size than the blob that came, at byte 0");
        reader = reader_of("00", without[i]);
        assert_int_equal(troupe_get_blob(&reader, 9, "b").size, 0);
        assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    }
    reader = reader_of("03", &body);
    assert_ptr_equal(troupe_get_blob(&reader, 3, "b").data, body.blob.data);
    reader = reader_of("03", &body);
    troupe_get_blob(&reader, 2, "b");
    assert_invalid(&reader, "b: longer than allowed, at byte 0");
    reader = reader_of("02", &body);
    troupe_get_blob(&reader, 9, "b");
    assert_invalid(&reader, "b: another size than the blob that came, at byte 0");
    reader = reader_of("f4", &body);
    troupe_get_blob(&reader, 9, "b");
    assert_invalid(&reader, "b: a blob was expected, at byte 0");
}

static void test_first_failure_sticks(void **state)
{
    (void)state;
    struct troupe_arena arena = {0};
    struct troupe_reader reader;
    struct troupe_map map;
    uint64_t key;
    size_t count = 1;
    uint8_t fixed[1] = {9};
    ti_reader_init(&reader, input, unhex("a20018ff018100"), NULL, &arena);
    troupe_get_map(&reader, &map);
    assert_true(troupe_get_key(&reader, &map, &key));
    assert_int_equal(troupe_get_uint(&reader, 10, "first"), 0);
    assert_false(troupe_get_key(&reader, &map, &key));
    assert_int_equal(troupe_get_uint(&reader, 10, "second"), 0);
    assert_int_equal(troupe_get_int(&reader, 0, 10, "second"), 0);
    assert_false(troupe_get_bool(&reader, "second"));
    assert_false(troupe_get_null(&reader));
    assert_null(troupe_get_text(&reader, 10, "second").data);
    assert_null(troupe_get_bytes(&reader, 10, "second").data);
    troupe_get_fixed(&reader, fixed, 1, "second");
    assert_int_equal(fixed[0], 9);
    assert_null(troupe_get_array(&reader, 10, 8, &count, "second"));
    troupe_get_array_end(&reader);
    troupe_get_map(&reader, &map);
    assert_int_equal(map.left, 0);
    troupe_get_skip(&reader);
    assert_null(ti_get_raw(&reader, 10, "second").data);
    troupe_get_invalid(&reader, "second");
    troupe_get_require(&reader, 0, 1, "second");
    assert_int_equal(arena.used, 0);
    assert_invalid(&reader, "first: larger than allowed, at byte 2");
}

static void test_unknown_fields_are_skipped(void **state)
{
    (void)state;
    struct troupe_reader reader = reader_of("a3000101a30082010205f61864a10000186307", NULL);
    struct troupe_map map;
    uint64_t key;
    uint64_t sum = 0;
    troupe_get_map(&reader, &map);
    while (troupe_get_key(&reader, &map, &key)) {
        if (key == 0 || key == 99)
            sum += troupe_get_uint(&reader, 10, "n");
        else
            troupe_get_skip(&reader);
    }
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    assert_int_equal(sum, 8);
    assert_int_equal(reader.depth, 0);
}

static void test_raw_items_are_whole_and_checked(void **state)
{
    (void)state;
    struct troupe_reader reader = reader_of("82a1008102f5", NULL);
    assert_int_equal(ti_get_array(&reader, 2, "a"), 2);
    struct troupe_bytes raw = ti_get_raw_map(&reader, 4, "map");
    assert_ptr_equal(raw.data, input + 1);
    assert_int_equal(raw.size, 4);
    raw = ti_get_raw(&reader, 1, "any");
    assert_int_equal(raw.size, 1);
    troupe_get_array_end(&reader);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
    reader = reader_of("a1008102", NULL);
    assert_int_equal(ti_get_raw(&reader, 3, "map").size, 0);
    assert_invalid(&reader, "map: longer than allowed, at byte 0");
    reader = reader_of("8102", NULL);
    assert_int_equal(ti_get_raw_map(&reader, 9, "map").size, 0);
    assert_int_equal(reader.error, TROUPE_EMALFORMED);
    reader = reader_of("", NULL);
    assert_int_equal(ti_get_raw_map(&reader, 9, "map").size, 0);
    assert_int_equal(reader.error, TROUPE_EMALFORMED);

    /* It has the whole depth, whatever is open around it. */
    size_t size = nested(0x81, TROUPE_DEPTH_MAX + 1);
    ti_reader_init(&reader, input, size, NULL, NULL);
    ti_get_array(&reader, 1, "a");
    ti_get_raw(&reader, ANY, "any");
    troupe_get_array_end(&reader);
    assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
}

/* ---- writer ---------------------------------------------------------------------------------- */

static void test_writes_shortest_forms(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *hex;
    } INTS[] = {
        {0, "00"},
        {23, "17"},
        {24, "1818"},
        {255, "18ff"},
        {256, "190100"},
        {65535, "19ffff"},
        {65536, "1a00010000"},
        {4294967295, "1affffffff"},
        {4294967296, "1b0000000100000000"},
        {-1, "20"},
        {-24, "37"},
        {-25, "3818"},
        {-256, "38ff"},
        {-257, "390100"},
        {-65537, "3a00010000"},
        {INT64_MIN, "3b7fffffffffffffff"},
    };
    for (size_t i = 0; i < sizeof INTS / sizeof INTS[0]; i++) {
        struct troupe_writer writer;
        troupe_writer_init(&writer);
        troupe_put_int(&writer, INTS[i].value);
        assert_int_equal(writer.error, 0);
        assert_int_equal(writer.size, unhex(INTS[i].hex));
        assert_memory_equal(writer.data, input, writer.size);
    }
}

/* What a facade writes: a map of one of everything. */
static void put_everything(struct troupe_writer *writer)
{
    troupe_put_map(writer, 9);
    troupe_put_uint(writer, 0);
    troupe_put_uint(writer, 840000);
    troupe_put_uint(writer, 1);
    troupe_put_int(writer, -5);
    troupe_put_uint(writer, 2);
    troupe_put_bool(writer, true);
    troupe_put_uint(writer, 3);
    troupe_put_text(writer, troupe_text("h\xc3\xa9"), 3, "name");
    troupe_put_uint(writer, 4);
    troupe_put_bytes(writer, (struct troupe_bytes){(const uint8_t *)"\1\2", 2}, 2, "bytes");
    troupe_put_uint(writer, 5);
    troupe_put_fixed(writer, (const uint8_t *)"\3\4\5", 3);
    troupe_put_uint(writer, 6);
    troupe_put_array(writer, 2, 2, "list");
    troupe_put_null(writer);
    troupe_put_map(writer, 0);
    troupe_put_uint(writer, 7);
    troupe_put_ref(writer, (struct troupe_ref){1, 2});
    troupe_put_uint(writer, 8);
    troupe_put_blob(writer, (struct troupe_blob){.data = (const uint8_t *)"x", .size = 1}, 1, "b");
}

static void test_writes_golden_bytes(void **state)
{
    (void)state;
    struct troupe_writer writer;
    troupe_writer_init(&writer);
    put_everything(&writer);
    assert_int_equal(writer.error, 0);
    size_t size = unhex("a9001a000cd140012402f5036368c3a90442010205430304050682f6a007000801");
    assert_int_equal(writer.size, size);
    assert_memory_equal(writer.data, input, size);
    assert_taken(input, size);
    assert_int_equal(writer.refs_count, 1);
    assert_int_equal(writer.blob.size, 1);
}

/* A buffer of every size up to what is needed: refused, nothing written beyond, the same bytes. */
static void test_writer_stops_at_the_end_of_its_buffer(void **state)
{
    (void)state;
    struct troupe_writer whole;
    troupe_writer_init(&whole);
    put_everything(&whole);
    for (size_t max = 0; max <= whole.size; max++) {
        uint8_t *buffer = malloc(max + 1);
        assert_non_null(buffer);
        buffer[max] = 0x55;
        struct troupe_writer writer;
        ti_writer_init_at(&writer, buffer, max);
        put_everything(&writer);
        assert_int_equal(writer.error, max < whole.size ? TROUPE_ETOOLARGE : 0);
        assert_memory_equal(buffer, whole.data, writer.size);
        assert_int_equal(buffer[max], 0x55);
        free(buffer);
    }
}

static void test_writer_refuses_what_the_reader_would(void **state)
{
    (void)state;
    struct troupe_writer writer;
    const struct troupe_bytes bytes = {(const uint8_t *)"\1\2\3", 3};
    troupe_writer_init(&writer);
    troupe_put_text(&writer, troupe_text("abc"), 2, "name");
    assert_int_equal(writer.error, TROUPE_EINVAL);
    assert_string_equal(writer.what, "name");
    assert_int_equal(writer.size, 0);
    troupe_put_uint(&writer, 1);
    troupe_put_invalid(&writer, "later"); /* the first failure sticks */
    assert_string_equal(writer.what, "name");
    assert_int_equal(writer.size, 0);
    troupe_writer_init(&writer);
    troupe_put_text(&writer, troupe_text("\xed\xa0\x80"), 9, "name");
    assert_int_equal(writer.error, TROUPE_EINVAL);
    troupe_writer_init(&writer);
    troupe_put_bytes(&writer, bytes, 2, "bytes");
    assert_int_equal(writer.error, TROUPE_EINVAL);
    troupe_writer_init(&writer);
    troupe_put_array(&writer, 3, 2, "list");
    assert_int_equal(writer.error, TROUPE_EINVAL);
    troupe_writer_init(&writer);
    troupe_put_invalid(&writer, "colour");
    assert_int_equal(writer.error, TROUPE_EINVAL);
    troupe_writer_init(&writer);
    troupe_put_ref(&writer, (struct troupe_ref){0, 0});
    assert_int_equal(writer.error, TROUPE_EINVAL);

    troupe_writer_init(&writer);
    for (size_t i = 0; i < TROUPE_ITEMS_MAX; i++)
        troupe_put_null(&writer);
    assert_int_equal(writer.error, 0);
    troupe_put_null(&writer);
    assert_int_equal(writer.error, TROUPE_ETOOLARGE);
    assert_string_equal(writer.what, "TROUPE_ITEMS_MAX");

    troupe_writer_init(&writer);
    ti_put_raw(&writer, (struct troupe_bytes){input, TROUPE_FRAME_BYTES_MAX});
    assert_int_equal(writer.error, 0);
    ti_put_raw(&writer, (struct troupe_bytes){0});
    assert_int_equal(writer.error, 0);
    ti_put_raw(&writer, (struct troupe_bytes){input, 1});
    assert_int_equal(writer.error, TROUPE_ETOOLARGE);
}

static void test_writer_tables_of_refs_and_blob(void **state)
{
    (void)state;
    struct troupe_writer writer;
    troupe_writer_init(&writer);
    for (uint64_t i = 0; i < TROUPE_REFS_MAX; i++)
        troupe_put_ref(&writer, (struct troupe_ref){1, i});
    troupe_put_ref(&writer, (struct troupe_ref){1, 3}); /* known: index 3 again */
    assert_int_equal(writer.error, 0);
    assert_int_equal(writer.refs_count, TROUPE_REFS_MAX);
    assert_int_equal(writer.data[writer.size - 1], 3);
    troupe_put_ref(&writer, (struct troupe_ref){2, 3});
    assert_int_equal(writer.error, TROUPE_ETOOLARGE);
    assert_string_equal(writer.what, "TROUPE_REFS_MAX");

    const struct troupe_blob blob = {.data = (const uint8_t *)"abc", .size = 3};
    troupe_writer_init(&writer);
    troupe_put_blob(&writer, blob, 2, "block");
    assert_int_equal(writer.error, TROUPE_ETOOLARGE);
    assert_non_null(strstr(writer.what, "3 bytes, where there may be at most 2"));
    troupe_writer_init(&writer);
    troupe_put_blob(&writer, (struct troupe_blob){.size = 3}, 3, "block");
    assert_int_equal(writer.error, TROUPE_EINVAL);
    troupe_writer_init(&writer);
    troupe_put_blob(&writer, (struct troupe_blob){0}, 3, "block");
    troupe_put_blob(&writer, blob, 3, "block");
    troupe_put_blob(&writer, (struct troupe_blob){0}, 3, "block");
    assert_int_equal(writer.error, 0);
    assert_int_equal(writer.blob.size, 3);
    troupe_put_blob(&writer, blob, 3, "block"); /* one per message */
    assert_int_equal(writer.error, TROUPE_EINVAL);
}

static void *write_elsewhere(void *argument)
{
    struct troupe_writer *writer = argument;
    troupe_writer_init(writer);
    troupe_put_uint(writer, 2);
    return NULL; /* the end of the thread frees its buffer: LeakSanitizer and valgrind look */
}

static void test_writer_has_a_buffer_per_thread(void **state)
{
    (void)state;
    struct troupe_writer mine;
    struct troupe_writer other;
    pthread_t thread;
    troupe_writer_init(&mine);
    troupe_put_uint(&mine, 1);
    uint8_t *buffer = mine.data;
    assert_int_equal(pthread_create(&thread, NULL, write_elsewhere, &other), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.error, 0);
    assert_ptr_not_equal(other.data, buffer);
    assert_int_equal(buffer[0], 1);
    troupe_writer_init(&mine);
    assert_ptr_equal(mine.data, buffer); /* not another one per message */

    troupe_put_text(&mine, troupe_text("secret"), 9, "passphrase");
    ti_writer_wipe(&mine);
    for (size_t i = 0; i < mine.size; i++)
        assert_int_equal(buffer[i], 0);
    ti_writer_thread_free();
    ti_writer_thread_free();
    troupe_writer_init(&mine);
    assert_int_equal(mine.error, 0);
    assert_non_null(mine.data);
}

static void test_messages_without_arrays_allocate_nothing(void **state)
{
    (void)state;
    struct troupe_writer writer;
    troupe_writer_init(&writer);
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < 100; i++) {
        struct troupe_arena arena = {0};
        struct troupe_reader reader;
        troupe_writer_init(&writer);
        put_everything(&writer);
        ti_reader_init(&reader, writer.data, writer.size, NULL, &arena);
        troupe_get_skip(&reader);
        assert_int_equal(troupe_reader_finish(&reader, NULL), 0);
        assert_null(arena.first);
    }
    assert_int_equal(mallinfo2().uordblks, before);
}

static int free_buffer(void **state)
{
    (void)state;
    ti_writer_thread_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_rfc8949_vectors),
        cmocka_unit_test(test_refuses_truncated_and_trailing_bytes),
        cmocka_unit_test(test_refuses_longer_forms),
        cmocka_unit_test(test_refuses_tags_floats_and_other_simple_values),
        cmocka_unit_test(test_refuses_indefinite_lengths),
        cmocka_unit_test(test_refuses_keys_that_do_not_rise),
        cmocka_unit_test(test_refuses_text_that_is_not_utf8),
        cmocka_unit_test(test_bounds_depth),
        cmocka_unit_test(test_bounds_items),
        cmocka_unit_test(test_counts_are_checked_before_memory_is_taken),
        cmocka_unit_test(test_arrays_are_bounded_by_max_and_arena),
        cmocka_unit_test(test_numbers_keep_their_bounds),
        cmocka_unit_test(test_texts_and_bytes_keep_their_bounds),
        cmocka_unit_test(test_other_kinds_are_told),
        cmocka_unit_test(test_refs_and_blobs_must_have_come),
        cmocka_unit_test(test_first_failure_sticks),
        cmocka_unit_test(test_unknown_fields_are_skipped),
        cmocka_unit_test(test_raw_items_are_whole_and_checked),
        cmocka_unit_test(test_writes_shortest_forms),
        cmocka_unit_test(test_writes_golden_bytes),
        cmocka_unit_test(test_writer_stops_at_the_end_of_its_buffer),
        cmocka_unit_test(test_writer_refuses_what_the_reader_would),
        cmocka_unit_test(test_writer_tables_of_refs_and_blob),
        cmocka_unit_test(test_writer_has_a_buffer_per_thread),
        cmocka_unit_test(test_messages_without_arrays_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, free_buffer);
}
