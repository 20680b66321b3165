/* fuzz_cbor - any bytes through both ways of reading.
 *
 * What must hold: no bad access, no leak, the arena within its bound; what passing over takes, the
 * typed calls take too unless a number is beyond 64 signed bits or memory ran out; and what the
 * typed calls take is written again as the same bytes. A libFuzzer entry point. */
#include <stdlib.h>
#include <string.h>

#include "bus/arena.h"
#include "bus/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* Recursion is as deep as the reader lets it be: TROUPE_DEPTH_MAX. */
static void transcode(struct troupe_reader *reader, struct troupe_writer *writer)
{
    struct troupe_map map;
    uint64_t key;
    size_t count;
    uint8_t head = reader->at < reader->size ? reader->data[reader->at] : 0;
    switch (head >> 5) {
    case 0:
        troupe_put_uint(writer, troupe_get_uint(reader, UINT64_MAX, "uint"));
        break;
    case 1:
        troupe_put_int(writer, troupe_get_int(reader, INT64_MIN, INT64_MAX, "int"));
        break;
    case 2:
        troupe_put_bytes(writer, troupe_get_bytes(reader, SIZE_MAX, "bytes"), SIZE_MAX, "bytes");
        break;
    case 3:
        troupe_put_text(writer, troupe_get_text(reader, SIZE_MAX, "text"), SIZE_MAX, "text");
        break;
    case 4:
        troupe_get_array(reader, SIZE_MAX, 48, &count, "array");
        troupe_put_array(writer, count, SIZE_MAX, "array");
        for (size_t i = 0; i < count && !reader->error; i++)
            transcode(reader, writer);
        troupe_get_array_end(reader);
        break;
    case 5:
        troupe_get_map(reader, &map);
        troupe_put_map(writer, (size_t)map.left);
        while (troupe_get_key(reader, &map, &key)) {
            troupe_put_uint(writer, key);
            transcode(reader, writer);
        }
        break;
    default:
        if (troupe_get_null(reader))
            troupe_put_null(writer);
        else
            troupe_put_bool(writer, troupe_get_bool(reader, "bool"));
    }
}

/* The typed calls in an order that has nothing to do with the bytes, as with a peer that speaks
 * another interface. */
static void misread(const uint8_t *calls, size_t calls_count, const uint8_t *data, size_t size)
{
    const struct troupe_ref refs[] = {{1, 2}};
    const struct troupe_body body = {.refs = refs, .refs_count = 1, .blob = {data, size, NULL}};
    struct troupe_arena arena = {0};
    struct troupe_reader reader;
    struct troupe_map map = {0};
    uint64_t key;
    size_t count;
    uint8_t fixed[4];
    ti_reader_init(&reader, data, size, &body, &arena);
    for (size_t i = 0; i < calls_count && !reader.error; i++) {
        switch (calls[i] % 12) {
        case 0:
            troupe_get_uint(&reader, 1000, "uint");
            break;
        case 1:
            troupe_get_int(&reader, -1000, 1000, "int");
            break;
        case 2:
            troupe_get_bool(&reader, "bool");
            break;
        case 3:
            troupe_get_null(&reader);
            break;
        case 4:
            troupe_get_text(&reader, 16, "text");
            break;
        case 5:
            troupe_get_bytes(&reader, 16, "bytes");
            break;
        case 6:
            troupe_get_fixed(&reader, fixed, sizeof fixed, "fixed");
            break;
        case 7:
            troupe_get_array(&reader, 100000, 512, &count, "array");
            break;
        case 8:
            troupe_get_ref(&reader, "ref");
            break;
        case 9:
            troupe_get_blob(&reader, 1000, "blob");
            break;
        case 10:
            troupe_get_map(&reader, &map);
            while (map.left > 0 && troupe_get_key(&reader, &map, &key))
                troupe_get_skip(&reader);
            break;
        default:
            ti_get_raw(&reader, 100, "raw");
        }
        check(reader.at <= reader.size);
        check(arena.used <= TROUPE_ARENA_BYTES_MAX);
    }
    struct troupe_error error;
    if (troupe_reader_finish(&reader, &error) != 0)
        check(error.code != 0 && strlen(error.text) > 0);
    ti_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t output[1024 * 1024];
    struct troupe_error error;
    struct troupe_reader reader;
    ti_reader_init(&reader, data, size, NULL, NULL);
    troupe_get_skip(&reader);
    int walked = troupe_reader_finish(&reader, &error);
    check(walked == 0 || walked == TROUPE_EMALFORMED);

    struct troupe_arena arena = {0};
    struct troupe_writer writer;
    ti_reader_init(&reader, data, size, NULL, &arena);
    ti_writer_init_at(&writer, output, sizeof output);
    transcode(&reader, &writer);
    int typed = troupe_reader_finish(&reader, &error);
    check(arena.used <= TROUPE_ARENA_BYTES_MAX);
    ti_arena_free(&arena);
    if (typed == 0) {
        check(walked == 0);
        check(writer.error == 0 && writer.size == size && memcmp(output, data, size) == 0);
    }
    if (walked == 0)
        check(typed == 0 || typed == TROUPE_EINVAL || typed == TROUPE_ENOMEM);

    size_t calls_count = size > 0 ? data[0] % 16u : 0;
    if (calls_count < size)
        misread(data, calls_count, data + calls_count, size - calls_count);
    return 0;
}
