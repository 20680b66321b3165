/* bench_codec.c - what encoding and decoding one message costs, beside libcbor alone.
 *
 * The message is a map of about 60 bytes, of what interfaces are made of. The reference is
 * libcbor's streaming calls with nothing around them: no bounds, no strictness, no order of keys.
 * The item trees are what most programs use libcbor for. A frame is the same map with a request's
 * head, checked at the link and then read by the skeleton, as each message over a link is. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cbor.h>

#include "bus/cbor.h"
#include "bus/frame.h"

#define ROUNDS      15
#define REPETITIONS 20000

/* What is sent: { 0: hash, 1: height, 2: time, 3: name, 4: flag }. */
static const uint8_t HASH[32] = {1, 2, 3};
static const char NAME[] = "signet";
#define HEIGHT     840000u
#define TIME       (-1713571767ll)
#define REQUEST_ID 1234567u
#define BUDGET_MS  5000u

static uint8_t message[256]; /* encoded once, for the decoders */
static size_t message_size;
static uint8_t frame[512];
static size_t frame_size;
static uint8_t scratch[512];
static volatile uint64_t sink;

/* ---- libcbor's streaming calls --------------------------------------------------------------- */

static size_t put_bare(uint8_t *to, size_t max)
{
    size_t at = cbor_encode_map_start(5, to, max);
    at += cbor_encode_uint(0, to + at, max - at);
    at += cbor_encode_bytestring_start(sizeof HASH, to + at, max - at);
    memcpy(to + at, HASH, sizeof HASH);
    at += sizeof HASH;
    at += cbor_encode_uint(1, to + at, max - at);
    at += cbor_encode_uint(HEIGHT, to + at, max - at);
    at += cbor_encode_uint(2, to + at, max - at);
    at += cbor_encode_negint((uint64_t)(-1 - TIME), to + at, max - at);
    at += cbor_encode_uint(3, to + at, max - at);
    at += cbor_encode_string_start(sizeof NAME - 1, to + at, max - at);
    memcpy(to + at, NAME, sizeof NAME - 1);
    at += sizeof NAME - 1;
    at += cbor_encode_uint(4, to + at, max - at);
    at += cbor_encode_bool(true, to + at, max - at);
    return at;
}

static void encode_bare(void)
{
    sink += put_bare(scratch, sizeof scratch);
}

static void walk_bare(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        struct cbor_decoder_result result = cbor_stream_decode(data + at, size - at,
                                                               &cbor_empty_callbacks, NULL);
        if (result.status != CBOR_DECODER_FINISHED)
            abort();
        at += result.read;
    }
    sink += at;
}

static void decode_bare(void)
{
    walk_bare(message, message_size);
}

/* The head that bus/frame.c gives a request, around the same message. */
static void encode_bare_frame(void)
{
    static const uint64_t HEAD[] = {FRAME_REQUEST, REQUEST_ID, 1, 1, 2, BUDGET_MS};
    size_t max = sizeof scratch;
    size_t at = cbor_encode_array_start(9, scratch, max);
    for (size_t i = 0; i < sizeof HEAD / sizeof HEAD[0]; i++)
        at += cbor_encode_uint(HEAD[i], scratch + at, max - at);
    at += cbor_encode_array_start(0, scratch + at, max - at);
    at += cbor_encode_uint(REQUEST_ID, scratch + at, max - at);
    at += put_bare(scratch + at, max - at);
    if (at != frame_size)
        abort(); /* no longer what it is compared with */
    sink += at;
}

static void decode_bare_frame(void)
{
    walk_bare(frame, frame_size);
}

/* ---- libcbor's item trees -------------------------------------------------------------------- */

static void encode_tree(void)
{
    cbor_item_t *map = cbor_new_definite_map(5);
    cbor_item_t *values[5] = {cbor_build_bytestring(HASH, sizeof HASH), cbor_build_uint32(HEIGHT),
                              cbor_build_negint32((uint32_t)(-1 - TIME)), cbor_build_string(NAME),
                              cbor_build_bool(true)};
    for (uint8_t i = 0; i < 5; i++) {
        struct cbor_pair pair = {cbor_move(cbor_build_uint8(i)), cbor_move(values[i])};
        if (!cbor_map_add(map, pair))
            abort();
    }
    sink += cbor_serialize(map, scratch, sizeof scratch);
    cbor_decref(&map);
}

static void decode_tree(void)
{
    struct cbor_load_result result;
    cbor_item_t *item = cbor_load(message, message_size, &result);
    if (!item)
        abort();
    sink += cbor_map_size(item);
    cbor_decref(&item);
}

/* ---- Troupe ---------------------------------------------------------------------------------- */

static void put_message(struct troupe_writer *writer)
{
    troupe_put_map(writer, 5);
    troupe_put_uint(writer, 0);
    troupe_put_fixed(writer, HASH, sizeof HASH);
    troupe_put_uint(writer, 1);
    troupe_put_uint(writer, HEIGHT);
    troupe_put_uint(writer, 2);
    troupe_put_int(writer, TIME);
    troupe_put_uint(writer, 3);
    troupe_put_text(writer, (struct troupe_text){NAME, sizeof NAME - 1}, 64, "name");
    troupe_put_uint(writer, 4);
    troupe_put_bool(writer, true);
}

static void get_message(const uint8_t *data, size_t size)
{
    struct troupe_reader reader;
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;
    uint8_t hash[32];
    ti_reader_init(&reader, data, size, NULL, NULL);
    troupe_get_map(&reader, &map);
    while (troupe_get_key(&reader, &map, &key)) {
        switch (key) {
        case 0:
            troupe_get_fixed(&reader, hash, sizeof hash, "hash");
            break;
        case 1:
            sink += troupe_get_uint(&reader, UINT32_MAX, "height");
            break;
        case 2:
            sink += (uint64_t)troupe_get_int(&reader, INT64_MIN, INT64_MAX, "time");
            break;
        case 3:
            sink += troupe_get_text(&reader, 64, "name").size;
            break;
        case 4:
            sink += troupe_get_bool(&reader, "flag");
            break;
        default:
            troupe_get_skip(&reader);
            continue;
        }
        seen |= UINT64_C(1) << key;
    }
    troupe_get_require(&reader, seen, 0x1f, "message");
    if (troupe_reader_finish(&reader, NULL))
        abort();
}

static void encode_troupe(void)
{
    struct troupe_writer writer;
    troupe_writer_init(&writer);
    put_message(&writer);
    sink += writer.size;
}

static void decode_troupe(void)
{
    get_message(message, message_size);
}

static void encode_frame(void)
{
    struct troupe_writer writer;
    troupe_writer_init(&writer);
    put_message(&writer);
    struct frame_request request;
    request.id = REQUEST_ID;
    request.target = 1;
    request.interface = 1;
    request.method = 2;
    request.budget_ms = BUDGET_MS;
    request.trace = REQUEST_ID;
    request.waiting = 0;
    request.body.refs_count = 0;
    request.body.blob_size = 0;
    request.body.data = (struct troupe_bytes){writer.data, writer.size};
    frame_size = ti_frame_write_request(frame, sizeof frame, &request);
}

static void decode_frame(void)
{
    struct frame read;
    size_t used;
    if (ti_frame_read(frame, frame_size, &used, &read, NULL))
        abort();
    get_message(read.request.body.data.data, read.request.body.data.size);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Each is compared with the first of its kind. */
static const struct codec {
    const char *name;
    void (*encode)(void);
    void (*decode)(void);
    size_t reference;
} CODECS[] = {
    {"a message: libcbor's streaming calls", encode_bare, decode_bare, 0},
    {"  Troupe, writer and reader", encode_troupe, decode_troupe, 0},
    {"  libcbor, item trees", encode_tree, decode_tree, 0},
    {"in a request: libcbor's streaming calls", encode_bare_frame, decode_bare_frame, 3},
    {"  Troupe, checked, then read", encode_frame, decode_frame, 3},
};
#define CODECS_COUNT (sizeof CODECS / sizeof CODECS[0])
enum { FRAME_BARE = 3, FRAME_OURS = 4 };

static double measure_ns(void (*run)(void))
{
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < REPETITIONS; i++)
        run();
    return (double)(bench_now_ns() - before) / REPETITIONS;
}

static uint64_t allocations_of(const struct codec *codec)
{
    uint64_t before = bench_allocations();
    codec->encode();
    codec->decode();
    return bench_allocations() - before;
}

void bench_codec(const char *placement)
{
    (void)placement;
    static struct bench_line encode[CODECS_COUNT];
    static struct bench_line decode[CODECS_COUNT];
    message_size = put_bare(message, sizeof message);
    encode_frame();
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CODECS_COUNT; i++) {
            encode[i].rounds[round] = measure_ns(CODECS[i].encode);
            decode[i].rounds[round] = measure_ns(CODECS[i].decode);
        }
    }
    printf("\nA message of %zu bytes, alone and in a frame of %zu (%d rounds of %d)\n",
           message_size, frame_size, ROUNDS, REPETITIONS);
    printf("  %-34s %10s %7s %10s %7s %12s\n", "", "encode ns", "ratio", "decode ns", "ratio",
           "allocations");
    for (size_t i = 0; i < CODECS_COUNT; i++)
        printf("  %-34s %10.0f %7.2f %10.0f %7.2f %12llu\n", CODECS[i].name,
               bench_median(&encode[i], ROUNDS),
               bench_ratio(&encode[i], &encode[CODECS[i].reference], ROUNDS),
               bench_median(&decode[i], ROUNDS),
               bench_ratio(&decode[i], &decode[CODECS[i].reference], ROUNDS),
               (unsigned long long)allocations_of(&CODECS[i]));
    double encoding = bench_ratio(&encode[FRAME_OURS], &encode[FRAME_BARE], ROUNDS);
    double decoding = bench_ratio(&decode[FRAME_OURS], &decode[FRAME_BARE], ROUNDS);
    double allocated = (double)allocations_of(&CODECS[FRAME_OURS]);
    bench_say_target(&(struct bench_target){"encode a frame, to libcbor's streaming calls", NULL,
                                            "x", encoding, 2, false});
    bench_say_target(&(struct bench_target){"decode a frame, to libcbor's streaming calls", NULL,
                                            "x", decoding, 2, false});
    bench_say_target(&(struct bench_target){"allocations to encode and decode a frame", NULL, "",
                                            allocated, 0, false});
}
