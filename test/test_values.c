/* test_values - texts, blobs and errors, and the arena that decoded arrays live in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus/arena.h"
#include "bus/chunk.h"
#include "bus/values.h"

static void test_text_of_nothing_is_empty(void **state)
{
    (void)state;
    assert_int_equal(troupe_text(NULL).size, 0);
    assert_int_equal(troupe_text("").size, 0);
    assert_int_equal(troupe_text("h\xc3\xa9").size, 3);
}

/* Against a slow reading of RFC 3629: all sequences of up to three bytes from those that matter. */
static bool utf8_valid_slowly(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        uint32_t character = data[at];
        size_t more = 0;
        uint32_t least = 0;
        if ((data[at] & 0x80) == 0) {
            at++;
            continue;
        }
        if ((data[at] & 0xe0) == 0xc0) {
            more = 1, least = 0x80, character = data[at] & 0x1f;
        } else if ((data[at] & 0xf0) == 0xe0) {
            more = 2, least = 0x800, character = data[at] & 0x0f;
        } else if ((data[at] & 0xf8) == 0xf0) {
            more = 3, least = 0x10000, character = data[at] & 0x07;
        } else {
            return false;
        }
        if (size - at <= more)
            return false;
        for (size_t i = 1; i <= more; i++) {
            if ((data[at + i] & 0xc0) != 0x80)
                return false;
            character = character << 6 | (data[at + i] & 0x3f);
        }
        if (character < least || character > 0x10ffff || (character & 0xfffff800) == 0xd800)
            return false;
        at += 1 + more;
    }
    return true;
}

static void test_utf8_agrees_with_the_rfc(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1 << 24; i++) {
        /* The last byte of four is a plain continuation: what matters happens before it. */
        const uint8_t data[4] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0x80};
        for (size_t size = 3; size <= 4; size++) {
            if (ti_utf8_valid((const char *)data, size) != utf8_valid_slowly(data, size))
                fail_msg("%02x %02x %02x, %zu bytes", data[0], data[1], data[2], size);
        }
    }
    assert_true(ti_utf8_valid(NULL, 0));
    /* Bad bytes at every place of a longer text. */
    char text[32];
    for (size_t at = 0; at < sizeof text; at++) {
        memset(text, 'a', sizeof text);
        assert_true(ti_utf8_valid(text, sizeof text));
        text[at] = '\xff';
        assert_false(ti_utf8_valid(text, sizeof text));
    }
}

static struct troupe_chunk *chunk_new(const char *text, struct troupe_chunk *next)
{
    struct troupe_chunk *chunk = ti_chunk_new(NULL, strlen(text));
    assert_non_null(chunk);
    chunk->next = next;
    memcpy(chunk->data, text, chunk->size);
    return chunk;
}

static void test_blobs_are_walked_and_copied(void **state)
{
    (void)state;
    char copy[7] = "......";
    const void *cursor = NULL;
    struct troupe_bytes piece = {0};

    struct troupe_chunk *third = chunk_new("f", NULL);
    struct troupe_chunk *second = chunk_new("cde", third);
    struct troupe_chunk *first = chunk_new("ab", second);
    const struct troupe_blob pieces = {.size = 6, .chunks = first};
    assert_true(troupe_blob_next(&pieces, &cursor, &piece));
    assert_ptr_equal(piece.data, first->data); /* no copy */
    assert_int_equal(piece.size, 2);
    assert_true(troupe_blob_next(&pieces, &cursor, &piece));
    assert_ptr_equal(piece.data, second->data);
    assert_true(troupe_blob_next(&pieces, &cursor, &piece));
    assert_int_equal(piece.size, 1);
    assert_false(troupe_blob_next(&pieces, &cursor, &piece));
    assert_false(troupe_blob_next(&pieces, &cursor, &piece));
    troupe_blob_copy(&pieces, copy);
    assert_string_equal(copy, "abcdef");
    ti_chunks_free(first, false);

    const struct troupe_blob one = {.data = (const uint8_t *)"xyz", .size = 3};
    cursor = NULL;
    assert_true(troupe_blob_next(&one, &cursor, &piece));
    assert_ptr_equal(piece.data, one.data);
    assert_int_equal(piece.size, 3);
    assert_false(troupe_blob_next(&one, &cursor, &piece));
    troupe_blob_copy(&one, copy);
    assert_string_equal(copy, "xyzdef");

    const struct troupe_blob empties[] = {{0}, {.data = (const uint8_t *)""}};
    for (size_t i = 0; i < 2; i++) {
        cursor = NULL;
        assert_false(troupe_blob_next(&empties[i], &cursor, &piece));
        troupe_blob_copy(&empties[i], NULL);
    }
}

static void test_every_error_has_a_name_and_a_text_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a >= TROUPE_EPROTOCOL; a--) {
        assert_string_not_equal(troupe_error_name(a), "unknown error");
        assert_true(strlen(troupe_error_text(a)) > 3);
        for (int b = 0; b > a; b--) {
            assert_string_not_equal(troupe_error_name(a), troupe_error_name(b));
            assert_string_not_equal(troupe_error_text(a), troupe_error_text(b));
        }
    }
    assert_string_equal(troupe_error_name(TROUPE_EBUSY), "EBUSY");
    assert_string_equal(troupe_error_name(TROUPE_EPROTOCOL), "EPROTOCOL");
    assert_string_equal(troupe_error_name(100), "application error");
    assert_string_equal(troupe_error_name(INT32_MAX), "application error");
    static const int UNKNOWN[] = {1, 99, TROUPE_EPROTOCOL - 1, INT32_MIN};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof UNKNOWN[0]; i++) {
        assert_string_equal(troupe_error_name(UNKNOWN[i]), "unknown error");
        assert_non_null(troupe_error_text(UNKNOWN[i]));
    }
}

static void test_error_texts_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const CHARACTERS[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    struct troupe_error error = {.data_size = 5};
    ti_error_format(&error, TROUPE_EBUSY, "%s %d", "queue", 7);
    assert_int_equal(error.code, TROUPE_EBUSY);
    assert_string_equal(error.text, "queue 7");
    assert_int_equal(error.data_size, 0);
    ti_error_format(NULL, TROUPE_EBUSY, "nobody asked");
    for (size_t i = 0; i < 4; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[TROUPE_TEXT_BYTES_MAX * 2] = "";
            for (size_t j = 0; j < shift; j++)
                strcat(text, "-");
            while (strlen(text) + 4 < sizeof text)
                strcat(text, CHARACTERS[i]);
            ti_error_format(&error, TROUPE_EBUSY, "%s", text);
            size_t size = strlen(error.text);
            assert_memory_equal(error.text, text, size);
            assert_true(ti_utf8_valid(error.text, size));
            assert_in_range(size, TROUPE_TEXT_BYTES_MAX - 3, TROUPE_TEXT_BYTES_MAX);
            size_t left = TROUPE_TEXT_BYTES_MAX - shift; /* as many whole ones as fit */
            assert_int_equal(size, shift + left - left % strlen(CHARACTERS[i]));
        }
    }
}

static void test_arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct troupe_arena arena = {0};
    for (size_t round = 0; round < 2; round++) {
        for (size_t size = 0; size < 300; size++) {
            uint8_t *data = ti_arena_alloc(&arena, size);
            assert_non_null(data);
            assert_int_equal((uintptr_t)data % 16, 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(data[i], 0); /* and nobody else's */
            memset(data, 0xff, size);
        }
        ti_arena_free(&arena);
        assert_null(arena.first);
        assert_int_equal(arena.used, 0);
    }
    ti_arena_free(&arena); /* of an empty one */
    ti_arena_wipe(&arena);
}

static void test_arena_is_bounded(void **state)
{
    (void)state;
    struct troupe_arena arena = {0};
    assert_null(ti_arena_alloc(&arena, TROUPE_ARENA_BYTES_MAX + 1));
    assert_null(ti_arena_alloc(&arena, SIZE_MAX));
    assert_null(ti_arena_alloc(&arena, SIZE_MAX - 14));
    assert_int_equal(arena.used, 0);
    assert_non_null(ti_arena_alloc(&arena, TROUPE_ARENA_BYTES_MAX));
    assert_null(ti_arena_alloc(&arena, 1));
    ti_arena_free(&arena);

    static const size_t SIZES[] = {1, 100, 3000, 70000};
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        size_t total = 0;
        while (ti_arena_alloc(&arena, SIZES[i]))
            total += SIZES[i] < 16 ? 16 : SIZES[i];
        assert_true(total <= TROUPE_ARENA_BYTES_MAX);
        assert_true(total >= TROUPE_ARENA_BYTES_MAX / 2); /* what arena.c says about its waste */
        assert_true(arena.used <= TROUPE_ARENA_BYTES_MAX);
        ti_arena_free(&arena);
    }
}

static void test_arena_is_wiped_for_secrets(void **state)
{
    (void)state;
    struct troupe_arena arena = {0};
    uint8_t *old = ti_arena_alloc(&arena, 64);
    uint8_t *large = ti_arena_alloc(&arena, 10000);
    assert_non_null(old);
    assert_non_null(large);
    memset(old, 0xff, 64);
    memset(large, 0xff, 10000);
    ti_arena_wipe(&arena);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(old[i], 0);
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(large[i], 0);
    ti_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_nothing_is_empty),
        cmocka_unit_test(test_utf8_agrees_with_the_rfc),
        cmocka_unit_test(test_blobs_are_walked_and_copied),
        cmocka_unit_test(test_every_error_has_a_name_and_a_text_of_its_own),
        cmocka_unit_test(test_error_texts_are_cut_between_characters),
        cmocka_unit_test(test_arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(test_arena_is_bounded),
        cmocka_unit_test(test_arena_is_wiped_for_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
