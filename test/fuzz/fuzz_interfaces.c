/* fuzz_interfaces - any bytes through the generated reader of each record of each interface.
 *
 * The first byte chooses the record, the second how large a blob came beside it. What must hold: no
 * bad access, no leak, the arena within its bound; what a reader takes, the writer takes too, and
 * from then on the bytes stay the same. A libFuzzer entry point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/arena.h"
#include "bus/cbor.h"
#include "interfaces/bus.h"
#include "interfaces/launcher.h"
#include "interfaces/node.h"
#include "interfaces/ui.h"
#include "interfaces/wallet.h"
#include "interfaces/wallets.h"
#include "interfaces/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *record, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_interfaces: %s\n", record);
        abort();
    }
}

static const struct troupe_ref refs[] = {{1, 2}, {16, 3}};

/* The same value, read and written: its size, 0 if it is not one. */
#define RECORD(tag)                                                                    \
    static size_t tag##_again(const struct troupe_body *body, uint8_t *to, size_t max) \
    {                                                                                  \
        struct troupe_arena arena = {0};                                               \
        struct troupe_reader reader;                                                   \
        struct troupe_writer writer;                                                   \
        struct tag value;                                                              \
        struct troupe_error error;                                                     \
        ti_reader_init(&reader, body->data, body->size, body, &arena);                 \
        tag##_read(&reader, &value);                                                   \
        int code = troupe_reader_finish(&reader, &error);                              \
        check(#tag, arena.used <= TROUPE_ARENA_BYTES_MAX);                             \
        check(#tag, code == 0 || (error.code == code && error.text[0] != '\0'));       \
        ti_writer_init_at(&writer, to, max);                                           \
        if (code == 0) {                                                               \
            tag##_write(&writer, &value);                                              \
            check(#tag, writer.error == 0 && writer.size > 0);                         \
        }                                                                              \
        ti_arena_free(&arena);                                                         \
        return writer.size;                                                            \
    }
#include "test/fuzz/records.inc"
#undef RECORD

static const struct {
    const char *name;
    size_t (*again)(const struct troupe_body *body, uint8_t *to, size_t max);
} records[] = {
#define RECORD(tag) {#tag, tag##_again},
#include "test/fuzz/records.inc"
#undef RECORD
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[TROUPE_FRAME_BYTES_MAX];
    static uint8_t second[TROUPE_FRAME_BYTES_MAX];
    static const uint8_t blob[256];
    if (size < 2)
        return 0;
    size_t which = data[0] % (sizeof records / sizeof *records);
    struct troupe_body body = {.data = data + 2,
                               .size = size - 2,
                               .refs = refs,
                               .refs_count = 2,
                               .blob = {.data = blob, .size = data[1]}};
    body.size = records[which].again(&body, first, sizeof first);
    if (body.size == 0)
        return 0;
    body.data = first;
    size_t again = records[which].again(&body, second, sizeof second);
    check(records[which].name, again == body.size && memcmp(first, second, again) == 0);
    return 0;
}
