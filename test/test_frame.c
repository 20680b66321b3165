/* test_frame - the bytes of every frame are those written here, and no others are taken.
 *
 * The golden frames are the wire: once released they must be read forever. Each is read, looked at,
 * written again and must come out the same; then cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bus/chunk.h"
#include "bus/frame.h"

enum { GOLDEN_MAX = 64 };

static uint8_t input[4 * TROUPE_FRAME_BYTES_MAX];
static uint8_t output[sizeof input];

static struct golden {
    char name[32];
    char hex[256];
} golden[GOLDEN_MAX];
static size_t golden_count;

static int read_golden(void **state)
{
    char line[512];
    (void)state;
    FILE *file = fopen("test/golden/frames.hex", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#')
            continue;
        assert_true(golden_count < GOLDEN_MAX);
        struct golden *one = &golden[golden_count++];
        assert_int_equal(sscanf(line, "%31s %255[^\n]", one->name, one->hex), 2);
    }
    fclose(file);
    return 0;
}

static const char *golden_hex(const char *name)
{
    size_t size = strcspn(name, " ");
    for (size_t i = 0; i < golden_count; i++)
        if (strlen(golden[i].name) == size && strncmp(golden[i].name, name, size) == 0)
            return golden[i].hex;
    fail_msg("no line %s in test/golden/frames.hex", name);
    return "";
}

/* Spaces separate elements; a word with '@' is the line of that name. */
static size_t unhex_to(uint8_t *to, const char *hex)
{
    size_t size = 0;
    for (const char *at = hex; *at; at++) {
        if (*at == ' ')
            continue;
        if (*at == '@') {
            size += unhex_to(to + size, golden_hex(at + 1));
            at += strcspn(at, " ");
            continue;
        }
        unsigned byte;
        assert_int_equal(sscanf(at++, "%2x", &byte), 1);
        to[size++] = (uint8_t)byte;
    }
    return size;
}

static size_t unhex(const char *hex)
{
    return unhex_to(input, hex);
}

static struct frame frame_of(const char *hex)
{
    struct frame frame;
    struct troupe_error error = {0};
    size_t used = 0;
    size_t size = unhex(hex);
    int result = ti_frame_read(input, size, &used, &frame, &error);
    if (result)
        print_error("%s: %s\n", hex, error.text);
    assert_int_equal(result, 0);
    assert_int_equal(used, size);
    return frame;
}

static size_t write_hello(uint8_t *to, size_t max, struct frame_hello hello)
{
    struct frame_interface interfaces[TROUPE_INTERFACES_MAX];
    struct troupe_text text;
    char names[TROUPE_ROLES_MAX][TROUPE_NAME_BYTES_MAX + 1];
    const char *roles[TROUPE_ROLES_MAX];
    size_t interfaces_count = 0;
    size_t roles_count = 0;
    while (ti_frame_next_interface(&hello.interfaces, &interfaces[interfaces_count]))
        interfaces_count++;
    while (ti_frame_next_role(&hello.roles, &text)) {
        memcpy(names[roles_count], text.data, text.size);
        names[roles_count][text.size] = '\0';
        roles[roles_count] = names[roles_count];
        roles_count++;
    }
    assert_int_equal(hello.interfaces.size, 0);
    assert_int_equal(hello.roles.size, 0);
    return ti_frame_write_hello(to, max, hello.inflight_max, interfaces, interfaces_count, roles,
                                roles_count);
}

static size_t write_heartbeat(uint8_t *to, size_t max, struct frame_heartbeat heartbeat)
{
    struct frame_topic topics[TI_FRAME_HEARTBEAT_TOPICS_MAX];
    size_t count = 0;
    while (ti_frame_next_topic(&heartbeat.topics, &topics[count]))
        count++;
    assert_int_equal(heartbeat.topics.size, 0);
    return ti_frame_write_heartbeat(to, max, heartbeat.epoch, topics, count);
}

static size_t write_frame(uint8_t *to, size_t max, const struct frame *frame)
{
    switch (frame->kind) {
    case FRAME_HELLO:
        return write_hello(to, max, frame->hello);
    case FRAME_REQUEST:
        return ti_frame_write_request(to, max, &frame->request);
    case FRAME_REPLY:
        return ti_frame_write_reply(to, max, &frame->reply);
    case FRAME_ERROR:
        return ti_frame_write_error(to, max, &frame->error);
    case FRAME_EVENT:
        return ti_frame_write_event(to, max, &frame->event);
    case FRAME_CANCEL:
        return ti_frame_write_cancel(to, max, frame->cancel);
    case FRAME_CREDIT:
        return ti_frame_write_credit(to, max, &frame->credit);
    case FRAME_ITEM:
        return ti_frame_write_item(to, max, &frame->item);
    case FRAME_CHUNK:
        return ti_frame_write_chunk(to, max, &frame->chunk);
    case FRAME_GOAWAY:
        return ti_frame_write_goaway(to, max, &frame->goaway);
    case FRAME_BYE:
        return ti_frame_write_bye(to, max);
    case FRAME_BYE_ACK:
        return ti_frame_write_bye_ack(to, max);
    case FRAME_HEARTBEAT:
        return write_heartbeat(to, max, frame->heartbeat);
    case FRAME_DROP:
        return ti_frame_write_drop(to, max, frame->drop);
    }
    return 0;
}

/* ---- golden frames --------------------------------------------------------------------------- */

/* The lines of test/golden/frames.hex, by the names that they have there. */
#define HELLO        "@hello "
#define HELLO_EMPTY  "@hello_empty "
#define REQUEST      "@request "
#define WAITING      "@waiting "
#define TELL         "@tell "
#define REQUEST_REFS "@request_refs "
#define REQUEST_BLOB "@request_blob "
#define REQUEST_BOTH "@request_both "
#define REPLY        "@reply "
#define REPLY_REFS   "@reply_refs "
#define REPLY_BLOB   "@reply_blob "
#define ERROR        "@error "
#define ERROR_PLAIN  "@error_plain "
#define EVENT        "@event "
#define EVENT_REFS   "@event_refs "
#define CANCEL       "@cancel "
#define CREDIT       "@credit "
#define ITEM         "@item "
#define ITEM_BLOB    "@item_blob "
#define CHUNK        "@chunk "
#define CHUNK_LAST   "@chunk_last "
#define GOAWAY       "@goaway "
#define BYE          "@bye "
#define BYE_ACK      "@bye_ack "
#define HEARTBEAT    "@heartbeat "
#define DROP         "@drop "

static void test_golden_frames_are_read_and_written_the_same(void **state)
{
    bool kinds[FRAME_DROP + 1] = {false};
    (void)state;
    for (size_t i = 0; i < golden_count; i++) {
        struct frame frame = frame_of(golden[i].hex);
        size_t size = unhex(golden[i].hex);
        assert_int_equal(write_frame(output, sizeof output, &frame), size);
        assert_memory_equal(output, input, size);
        for (size_t max = 0; max < size; max++)
            assert_int_equal(write_frame(output, max, &frame), 0);
        kinds[frame.kind] = true;
    }
    for (size_t kind = 0; kind <= FRAME_DROP; kind++)
        assert_true(kinds[kind]);
}

static void test_frames_cut_anywhere_are_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < golden_count; i++) {
        size_t size = unhex(golden[i].hex);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *data = malloc(cut + 1); /* so that the sanitizer sees a read beyond it */
            assert_non_null(data);
            memcpy(data + 1, input, cut);
            struct frame frame;
            struct troupe_error error = {0};
            size_t used = 77;
            int result = ti_frame_read(data + 1, cut, &used, &frame, &error);
            assert_int_equal(result, TROUPE_EMALFORMED);
            assert_int_equal(error.code, TROUPE_EMALFORMED);
            assert_true(strlen(error.text) > 10);
            assert_int_equal(used, 77);
            free(data);
        }
    }
}

/* Every byte of every golden frame with every other value: read safely, and if taken, then in the
 * one way that it would be written. */
static void test_changed_bytes_are_refused_or_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < golden_count; i++) {
        size_t size = unhex(golden[i].hex);
        for (size_t at = 0; at < size; at++) {
            uint8_t right = input[at];
            for (unsigned wrong = 0; wrong < 256; wrong++) {
                struct frame frame;
                size_t used = 0;
                input[at] = (uint8_t)wrong;
                if (ti_frame_read(input, size, &used, &frame, NULL) != 0)
                    continue;
                if (frame.kind == FRAME_HELLO) /* a later protocol's has more elements */
                    continue;
                assert_int_equal(write_frame(output, sizeof output, &frame), used);
                assert_memory_equal(output, input, used);
            }
            input[at] = right;
        }
    }
}

static void test_a_sequence_is_read_frame_by_frame(void **state)
{
    (void)state;
    size_t size = unhex(CANCEL REQUEST BYE);
    static const enum frame_kind KINDS[] = {FRAME_CANCEL, FRAME_REQUEST, FRAME_BYE};
    size_t at = 0;
    for (size_t i = 0; i < 3; i++) {
        struct frame frame;
        size_t used;
        assert_int_equal(ti_frame_read(input + at, size - at, &used, &frame, NULL), 0);
        assert_int_equal(frame.kind, KINDS[i]);
        at += used;
    }
    assert_int_equal(at, size);
}

/* ---- what the elements mean ------------------------------------------------------------------ */

static void test_hello_says_limits_interfaces_and_roles(void **state)
{
    (void)state;
    struct frame_hello hello = frame_of(HELLO).hello;
    struct frame_interface interface;
    struct troupe_text role;
    assert_int_equal(hello.protocol, TI_PROTOCOL);
    assert_int_equal(hello.frame_bytes_max, TROUPE_FRAME_BYTES_MAX);
    assert_int_equal(hello.inflight_max, 4096);
    assert_int_equal(hello.interfaces.count, 2);
    assert_true(ti_frame_next_interface(&hello.interfaces, &interface));
    assert_int_equal(interface.id, 1);
    assert_int_equal(interface.version, 1);
    assert_int_equal(interface.hash, 0x0123456789abcdef);
    assert_true(ti_frame_next_interface(&hello.interfaces, &interface));
    assert_int_equal(interface.id, 1000);
    assert_int_equal(interface.version, 2);
    assert_false(ti_frame_next_interface(&hello.interfaces, &interface));
    assert_int_equal(hello.roles.count, 2);
    assert_true(ti_frame_next_role(&hello.roles, &role));
    assert_memory_equal(role.data, "node", 4);
    assert_true(ti_frame_next_role(&hello.roles, &role));
    assert_memory_equal(role.data, "ui", 2);
    assert_false(ti_frame_next_role(&hello.roles, &role));

    /* Of a later protocol: more elements, known by its number. */
    hello = frame_of("88 00 02 00 00 80 80 a1 00 05 66 667574757265").hello;
    assert_int_equal(hello.protocol, 2);
}

static void test_requests_carry_their_head(void **state)
{
    (void)state;
    struct frame frame = frame_of(REQUEST);
    assert_int_equal(frame.kind, FRAME_REQUEST);
    assert_int_equal(frame.request.id, 7);
    assert_int_equal(frame.request.target, 1);
    assert_int_equal(frame.request.interface, 2);
    assert_int_equal(frame.request.method, 3);
    assert_int_equal(frame.request.budget_ms, 5000);
    assert_int_equal(frame.request.trace, 0xdeadbeef);
    assert_int_equal(frame.request.waiting, 0);
    assert_int_equal(frame.request.body.data.size, 7);
    assert_int_equal(frame.request.body.data.data[0], 0xa1);
    assert_int_equal(frame.request.body.refs_count, 0);
    assert_int_equal(frame.request.body.blob_size, 0);
    frame = frame_of(WAITING);
    assert_int_equal(frame.request.waiting, 0x1000000000001);
    assert_int_equal(frame.request.budget_ms, 0);
    assert_int_equal(frame_of(TELL).request.id, 0);
}

static void test_refs_and_blobs_travel_beside_the_map(void **state)
{
    (void)state;
    struct frame frame = frame_of(REQUEST_REFS);
    assert_int_equal(frame.request.body.refs_count, 2);
    assert_int_equal(frame.request.body.refs[0].owner, FRAME_OWNER_SENDER);
    assert_int_equal(frame.request.body.refs[0].id, UINT64_C(1) << 32);
    assert_int_equal(frame.request.body.refs[1].owner, FRAME_OWNER_RECEIVER);
    assert_int_equal(frame.request.body.refs[1].id, 1);
    assert_int_equal(frame.request.body.blob_size, 0);
    frame = frame_of(REQUEST_BLOB);
    assert_int_equal(frame.request.body.refs_count, 0);
    assert_int_equal(frame.request.body.blob_size, 255);
    frame = frame_of(REQUEST_BOTH);
    assert_int_equal(frame.request.body.refs_count, 1);
    assert_int_equal(frame.request.body.blob_size, 1);
    frame = frame_of(REPLY_REFS);
    assert_int_equal(frame.reply.body.refs_count, 1);
    frame = frame_of(ITEM_BLOB);
    assert_int_equal(frame.item.index, 3);
    assert_int_equal(frame.item.body.blob_size, 1);
    frame = frame_of(CHUNK);
    assert_int_equal(frame.chunk.stream, 7);
    assert_int_equal(frame.chunk.offset, 65536);
    assert_int_equal(frame.chunk.bytes.size, 3);
    assert_memory_equal(frame.chunk.bytes.data, "\1\2\3", 3);
    assert_false(frame.chunk.last);
    assert_true(frame_of(CHUNK_LAST).chunk.last);
    frame = frame_of(EVENT_REFS);
    assert_int_equal(frame.event.body.refs_count, 1);
    assert_int_equal(frame.event.body.blob_size, 0);
}

static void test_the_other_kinds_carry_their_elements(void **state)
{
    (void)state;
    struct frame frame = frame_of(REPLY);
    assert_int_equal(frame.reply.id, 7);
    assert_int_equal(frame.reply.body.data.size, 5);
    frame = frame_of(ERROR);
    assert_int_equal(frame.error.id, 7);
    assert_int_equal(frame.error.code, 101);
    assert_memory_equal(frame.error.text.data, "one", 3);
    assert_int_equal(frame.error.data.size, 3);
    frame = frame_of(ERROR_PLAIN);
    assert_int_equal(frame.error.code, -TROUPE_ELOST);
    assert_int_equal(frame.error.text.size, 0);
    assert_int_equal(frame.error.data.size, 0);
    frame = frame_of(EVENT);
    assert_int_equal(frame.event.interface, 2);
    assert_int_equal(frame.event.event, 1);
    assert_int_equal(frame.event.source, 1);
    assert_int_equal(frame.event.epoch, 0x190abcdef01);
    assert_int_equal(frame.event.sequence, 200);
    assert_int_equal(frame.event.body.data.size, 3);
    assert_int_equal(frame_of(CANCEL).cancel, 2000);
    assert_int_equal(frame_of(DROP).drop, 0x100000005);
    frame = frame_of(CREDIT);
    assert_int_equal(frame.credit.channel, 0);
    assert_int_equal(frame.credit.bytes, UINT32_MAX);
    assert_int_equal(frame.credit.messages, 4096);
    frame = frame_of(ITEM);
    assert_int_equal(frame.item.id, 7);
    frame = frame_of(GOAWAY);
    assert_int_equal(frame.goaway.code, -TROUPE_EMALFORMED);
    assert_memory_equal(frame.goaway.text.data, "bad", 3);
    assert_int_equal(frame.goaway.last_id, 100);
    struct frame_heartbeat heartbeat = frame_of(HEARTBEAT).heartbeat;
    struct frame_topic topic;
    assert_int_equal(heartbeat.epoch, 5);
    assert_true(ti_frame_next_topic(&heartbeat.topics, &topic));
    assert_int_equal(topic.interface, 2);
    assert_int_equal(topic.event, 1);
    assert_int_equal(topic.source, 1);
    assert_int_equal(topic.sequence, 200);
    assert_true(ti_frame_next_topic(&heartbeat.topics, &topic));
    assert_int_equal(topic.event, 2);
    assert_int_equal(topic.sequence, 0);
    assert_false(ti_frame_next_topic(&heartbeat.topics, &topic));
}

/* NNG's SUB compares the first bytes: a topic's are those of all its events and of no other's. */
static void test_the_first_bytes_of_an_event_are_its_topic(void **state)
{
    (void)state;
    static const uint64_t NUMBERS[] = {0, 1, 23, 24, 255, 256, 65535, 65536, UINT32_MAX};
    const size_t count = sizeof NUMBERS / sizeof NUMBERS[0];
    uint8_t topic[TI_FRAME_TOPIC_BYTES_MAX];
    struct frame_event event = {
        .epoch = 5, .sequence = 1, .body.data = {(const uint8_t *)"\xa0", 1}};
    for (size_t i = 0; i < count * count * count; i++) {
        uint32_t interface = (uint32_t)NUMBERS[i % count];
        uint32_t number = (uint32_t)NUMBERS[i / count % count];
        uint64_t source = NUMBERS[i / count / count];
        size_t topic_size = ti_frame_topic(topic, interface, number, source);
        assert_in_range(topic_size, 5, sizeof topic);
        for (size_t j = 0; j < count * count * count; j++) {
            event.interface = (uint32_t)NUMBERS[j % count];
            event.event = (uint32_t)NUMBERS[j / count % count];
            event.source = NUMBERS[j / count / count];
            size_t size = ti_frame_write_event(output, sizeof output, &event);
            bool same = size >= topic_size && memcmp(output, topic, topic_size) == 0;
            assert_int_equal(same, i == j);
        }
    }
    assert_int_equal(ti_frame_topic(topic, UINT32_MAX, UINT32_MAX, UINT64_MAX), sizeof topic);
    size_t size = unhex(HEARTBEAT);
    assert_true(size > TI_FRAME_HEARTBEAT_PREFIX_BYTES);
    assert_memory_equal(input, TI_FRAME_HEARTBEAT_PREFIX, TI_FRAME_HEARTBEAT_PREFIX_BYTES);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void assert_refused(size_t size, int code, const char *why)
{
    struct frame frame;
    struct troupe_error error = {0};
    size_t used = 77;
    assert_int_equal(ti_frame_read(input, size, &used, &frame, NULL), code);
    assert_int_equal(ti_frame_read(input, size, &used, &frame, &error), code);
    assert_int_equal(error.code, code);
    if (!strstr(error.text, why))
        print_error("got: %s\n", error.text);
    assert_non_null(strstr(error.text, why));
    assert_int_equal(used, 77);
}

static void refuse(const char *hex, const char *why)
{
    assert_refused(unhex(hex), TROUPE_EMALFORMED, why);
}

static void test_refuses_what_is_no_frame(void **state)
{
    (void)state;
    refuse("", "ends too early");
    refuse("00", "an array was expected");
    refuse("a0", "an array was expected");
    refuse("80", "ends too early"); /* the kind; nothing follows */
    refuse("80 00", "number of elements");
    refuse("81 20", "kind");
    refuse("81 f6", "kind");
    refuse("82 60 00", "kind");
    refuse("8c 01 01 01 01 01 01 80 01 a0 80 01 01", "frame: more elements");
    refuse("9bffffffffffffffff", "a count beyond the end");
    refuse("9f 0a ff", "not allowed");
    refuse("81 180a", "shortest");
    refuse("9801 0a", "shortest");
    assert_refused(unhex("81 0e"), TROUPE_EPROTOCOL, "unknown kind 14");
    assert_refused(unhex("81 18ff"), TROUPE_EPROTOCOL, "unknown kind 255");
    assert_refused(unhex("81 1bffffffffffffffff"), TROUPE_EPROTOCOL, "unknown kind");
}

/* Every kind with one element too few and one too many. */
static void test_refuses_another_number_of_elements(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool shorter; /* is it the shortest of its kind? */
        bool longer;
    } KINDS[] = {
        {HELLO_EMPTY, true, false}, {REQUEST, true, false},    {REQUEST_BLOB, false, true},
        {REPLY, true, false},       {REPLY_BLOB, false, true}, {ERROR, true, true},
        {EVENT, true, true},        {CANCEL, true, true},      {CREDIT, true, true},
        {ITEM, true, false},        {ITEM_BLOB, false, true},  {CHUNK, true, true},
        {GOAWAY, true, true},       {BYE, true, true},         {BYE_ACK, true, true},
        {HEARTBEAT, true, true},    {DROP, true, true},
    };
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        frame_of(KINDS[i].hex);
        size_t size = unhex(KINDS[i].hex);
        input[size] = 0x80;
        if (KINDS[i].shorter) {
            input[0]--;
            assert_refused(size, TROUPE_EMALFORMED, "number of elements");
            input[0]++;
        }
        if (KINDS[i].longer) {
            input[0]++;
            assert_refused(size + 1, TROUPE_EMALFORMED, "e");
        }
    }
}

static void test_refuses_elements_of_wrong_kind_or_value(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const char *why;
    } WRONG[] = {
        {"86 00 60 00 00 80 80", "protocol"},
        {"86 00 1b0000000100000000 00 00 80 80", "protocol: larger"},
        {"86 00 01 20 00 80 80", "max_frame"},
        {"86 00 01 00 f6 80 80", "max_inflight"},
        {"86 00 01 00 00 a0 80", "interfaces"},
        {"86 00 01 00 00 81 82 01 01 80", "interface"},
        {"86 00 01 00 00 81 84 01 01 01 01 80", "interface"},
        {"86 00 01 00 00 81 83 1b0000000100000000 01 01 80", "interface: larger"},
        {"86 00 01 00 00 81 83 01 1b0000000100000000 01 80", "version: larger"},
        {"86 00 01 00 00 81 83 01 01 40 80", "hash"},
        {"86 00 01 00 00 80 81 60", "role"},
        {"86 00 01 00 00 80 81 41 61", "role"},
        {"86 00 01 00 00 80 00", "roles"},
        {"87 00 01 00 00 80 80 c000", "not allowed"},
        {"89 01 20 01 01 01 00 80 00 a0", "id"},
        {"89 01 01 f6 01 01 00 80 00 a0", "target"},
        {"89 01 01 01 1b0000000100000000 01 00 80 00 a0", "interface: larger"},
        {"89 01 01 01 01 1b0000000100000000 00 80 00 a0", "method: larger"},
        {"89 01 01 01 01 01 1a05265c01 80 00 a0", "budget_ms: larger"},
        {"89 01 01 01 01 01 00 00 00 a0", "waiting"},
        {"89 01 01 01 01 01 00 81 20 00 a0", "waiting"},
        {"89 01 01 01 01 01 00 81 00 00 a0", "waiting"},
        {"89 01 01 01 01 01 00 82 01 02 00 a0", "waiting: more elements"},
        {"89 01 01 01 01 01 00 80 60 a0", "trace"},
        {"89 01 01 01 01 01 00 80 00 80", "a map was expected"},
        {"89 01 01 01 01 01 00 80 00 f6", "a map was expected"},
        {"89 01 01 01 01 01 00 80 00 a2 01 00 00 00", "keys that do not rise"},
        {"89 01 01 01 01 01 00 80 00 a1 00 f90000", "not allowed"},
        {"8a 01 01 01 01 01 00 80 00 a0 80", "refs"}, /* should have been left out */
        {"8a 01 01 01 01 01 00 80 00 a0 01", "refs: an array"},
        {"8a 01 01 01 01 01 00 80 00 a0 81 81 00", "ref"},
        {"8a 01 01 01 01 01 00 80 00 a0 81 83 00 01 01", "ref"},
        {"8a 01 01 01 01 01 00 80 00 a0 81 82 02 01", "owner: larger"},
        {"8a 01 01 01 01 01 00 80 00 a0 81 82 00 20", "ref"},
        {"8b 01 01 01 01 01 00 80 00 a0 80 00", "blob"}, /* should have been left out */
        {"8b 01 00 01 01 01 00 80 00 a0 80 01", "a tell's blob"},
        {"8b 01 01 01 01 01 00 80 00 a0 80 41 61", "blob"},
        {"83 02 00 a0", "id: a value that is not allowed"},
        {"83 02 01 80", "a map was expected"},
        {"84 02 01 a0 80", "refs"},
        {"85 02 01 a0 80 00", "blob"},
        {"85 03 00 01 60 f6", "id: a value"},
        {"85 03 01 00 60 f6", "code: a value"},
        {"85 03 01 1b0000000100000000 60 f6", "code: larger"},
        {"85 03 01 01 40 f6", "text"},
        {"85 03 01 01 61 ff f6", "UTF-8"},
        {"85 03 01 01 60 80", "a map was expected"},
        {"85 03 01 01 60 00", "a map was expected"},
        {"88 04 1b0000000100000000 01 01 01 01 a0 80", "interface: larger"},
        {"88 04 01 1b0000000100000000 01 01 01 a0 80", "event: larger"},
        {"88 04 01 01 01 01 00 a0 80", "sequence: a value"},
        {"88 04 01 01 01 01 01 80 80", "a map was expected"},
        {"88 04 01 01 01 01 01 a0 81 82 01 01", "owner: a value"},
        {"88 04 01 01 01 01 01 a0 00", "refs"},
        {"82 05 00", "id: a value"},
        {"84 06 00 1b0000000100000000 00", "bytes: larger"},
        {"84 06 00 00 1b0000000100000000", "messages: larger"},
        {"84 06 20 00 00", "channel"},
        {"84 07 00 00 a0", "id: a value"},
        {"84 07 01 20 a0", "index"},
        {"85 07 01 00 a0 80", "refs"},
        {"86 07 01 00 a0 80 00", "blob"},
        {"85 08 00 00 41 00 f4", "stream: a value"},
        {"85 08 01 00 40 f4", "bytes: a value"},
        {"85 08 01 00 61 61 f4", "bytes were expected"},
        {"85 08 01 00 41 00 00", "last: a boolean"},
        {"85 08 01 20 41 00 f4", "offset"},
        {"84 09 00 60 00", "code: a value"},
        {"84 09 01 00 00", "text"},
        {"84 09 01 60 20", "last_id"},
        {"83 0c 20 80", "epoch"},
        {"83 0c 00 81 83 01 01 01", "topic"},
        {"83 0c 00 81 85 01 01 01 01 01", "topic"},
        {"83 0c 00 81 84 1b0000000100000000 01 01 01", "interface: larger"},
        {"83 0c 00 81 84 01 1b0000000100000000 01 01", "event: larger"},
        {"83 0c 00 81 84 01 01 60 01", "source"},
        {"83 0c 00 81 84 01 01 01 60", "sequence"},
        {"82 0d 20", "target"},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        refuse(WRONG[i].hex, WRONG[i].why);
        /* It was that element, not a slip in the vector: the frame ends where the bytes end. */
        size_t size = unhex(WRONG[i].hex);
        struct frame frame;
        struct troupe_error error = {0};
        size_t used;
        assert_int_not_equal(ti_frame_read(input, size, &used, &frame, &error), 0);
        assert_null(strstr(error.text, "ends too early"));
        assert_null(strstr(error.text, "a count beyond"));
    }
}

/* A reply whose map is { 0: bytes } of `size` bytes in all. */
static size_t reply_of(size_t size)
{
    static const uint8_t HEAD[] = {0x83, 0x02, 0x07, 0xa1, 0x00, 0x5a};
    size_t bytes = size - 7;
    memset(input, 0, sizeof input);
    memcpy(input, HEAD, sizeof HEAD);
    for (size_t i = 0; i < 4; i++)
        input[sizeof HEAD + i] = (uint8_t)(bytes >> (24 - 8 * i));
    return 3 + size;
}

static void test_refuses_elements_over_their_limits(void **state)
{
    (void)state;
    struct frame frame;
    size_t used;
    size_t size = reply_of(TROUPE_FRAME_BYTES_MAX);
    assert_int_equal(ti_frame_read(input, size, &used, &frame, NULL), 0);
    assert_int_equal(frame.reply.body.data.size, TROUPE_FRAME_BYTES_MAX);
    assert_int_equal(ti_frame_write_reply(output, sizeof output, &frame.reply), size);
    frame.reply.body.data.size++;
    assert_int_equal(ti_frame_write_reply(output, sizeof output, &frame.reply), 0);
    size = reply_of(TROUPE_FRAME_BYTES_MAX + 1);
    assert_refused(size, TROUPE_EMALFORMED, "map: longer than allowed");

    /* A map may have TROUPE_ITEMS_MAX items, whatever its frame has besides. */
    static const uint8_t ITEMS[] = {0x83, 0x02, 0x07, 0xa1, 0x00, 0x99, 0xff, 0xfd};
    memset(input, 0, sizeof input);
    memcpy(input, ITEMS, sizeof ITEMS);
    assert_int_equal(ti_frame_read(input, sizeof ITEMS + 0xfffd, &used, &frame, NULL), 0);
    /* Elsewhere nothing is bounded by that alone: far too many are refused. */
    static const uint8_t MANY[] = {0x83, 0x02, 0x07, 0xa1, 0x00, 0x9a, 0x00, 0x01, 0x01, 0x00};
    memcpy(input, MANY, sizeof MANY);
    assert_refused(sizeof MANY + 0x10100, TROUPE_EMALFORMED, "a count beyond the end");

    /* Depth is the map's own. */
    size = unhex("83 02 07 a1 00");
    memset(input + size, 0x81, TROUPE_DEPTH_MAX);
    input[size + TROUPE_DEPTH_MAX - 1] = 0x00;
    assert_int_equal(ti_frame_read(input, size + TROUPE_DEPTH_MAX, &used, &frame, NULL), 0);
    input[size + TROUPE_DEPTH_MAX - 1] = 0x81;
    input[size + TROUPE_DEPTH_MAX] = 0x00;
    assert_refused(size + TROUPE_DEPTH_MAX + 1, TROUPE_EMALFORMED, "nested deeper");
}

/* Frames at their limits fit in the room that frame.h promises, and are read. */
static void test_the_largest_heads_fit(void **state)
{
    (void)state;
    static char text[TROUPE_TEXT_BYTES_MAX + 1];
    memset(text, 'x', TROUPE_TEXT_BYTES_MAX);
    struct frame frame;
    size_t used;
    struct frame_request request = {.id = UINT64_MAX,
                                    .target = UINT64_MAX,
                                    .interface = UINT32_MAX,
                                    .method = UINT32_MAX,
                                    .budget_ms = TROUPE_DEADLINE_MS_MAX,
                                    .trace = UINT64_MAX,
                                    .waiting = UINT64_MAX};
    request.body.data = (struct troupe_bytes){(const uint8_t *)"\xa0", 1};
    request.body.blob_size = UINT64_MAX;
    request.body.refs_count = TROUPE_REFS_MAX;
    for (size_t i = 0; i < TROUPE_REFS_MAX; i++)
        request.body.refs[i] = (struct frame_ref){FRAME_OWNER_RECEIVER, UINT64_MAX};
    size_t size = ti_frame_write_request(output, TI_FRAME_HEAD_BYTES_MAX + 1, &request);
    assert_int_not_equal(size, 0);
    assert_int_equal(ti_frame_read(output, size, &used, &frame, NULL), 0);
    assert_true(frame.request.waiting == UINT64_MAX);

    const struct frame_error error = {
        .id = UINT64_MAX, .code = UINT32_MAX, .text = troupe_text(text)};
    size = ti_frame_write_error(output, TI_FRAME_HEAD_BYTES_MAX, &error);
    assert_int_equal(ti_frame_read(output, size, &used, &frame, NULL), 0);
    const struct frame_goaway goaway = {
        .code = UINT32_MAX, .text = troupe_text(text), .last_id = UINT64_MAX};
    size = ti_frame_write_goaway(output, TI_FRAME_HEAD_BYTES_MAX, &goaway);
    assert_int_equal(ti_frame_read(output, size, &used, &frame, NULL), 0);
    struct frame_chunk chunk = {
        .stream = UINT64_MAX, .offset = UINT64_MAX, .bytes = {input, TROUPE_CHUNK_BYTES_MAX}};
    size = ti_frame_write_chunk(output, TI_FRAME_HEAD_BYTES_MAX + chunk.bytes.size, &chunk);
    assert_int_equal(ti_frame_read(output, size, &used, &frame, NULL), 0);
    static uint8_t room[TROUPE_CHUNK_BYTES_MAX + 2 * TI_CHUNK_MARGIN_BYTES];
    memcpy(room + TI_CHUNK_MARGIN_BYTES, input, TROUPE_CHUNK_BYTES_MAX);
    chunk.bytes.data = room + TI_CHUNK_MARGIN_BYTES;
    struct troupe_bytes around = ti_frame_around_chunk(room + TI_CHUNK_MARGIN_BYTES, &chunk);
    assert_int_equal(around.size, size);
    assert_memory_equal(around.data, output, size);
    chunk.bytes.size++;
    assert_int_equal(ti_frame_write_chunk(output, sizeof output, &chunk), 0);

    static struct frame_interface interfaces[TROUPE_INTERFACES_MAX + 1];
    memset(interfaces, 0xff, sizeof interfaces);
    text[TROUPE_NAME_BYTES_MAX] = '\0';
    const char *roles[TROUPE_ROLES_MAX + 1];
    for (size_t i = 0; i <= TROUPE_ROLES_MAX; i++)
        roles[i] = text;
    size = ti_frame_write_hello(output, TI_FRAME_HELLO_BYTES_MAX, 1, interfaces,
                                TROUPE_INTERFACES_MAX, roles, TROUPE_ROLES_MAX);
    assert_int_equal(ti_frame_read(output, size, &used, &frame, NULL), 0);
    assert_int_equal(frame.hello.interfaces.count, TROUPE_INTERFACES_MAX);
    assert_int_equal(frame.hello.roles.count, TROUPE_ROLES_MAX);
    assert_int_equal(ti_frame_write_hello(output, sizeof output, 1, interfaces,
                                          TROUPE_INTERFACES_MAX + 1, roles, 1),
                     0);
    assert_int_equal(
        ti_frame_write_hello(output, sizeof output, 1, interfaces, 1, roles, TROUPE_ROLES_MAX + 1),
        0);

    static struct frame_topic topics[TI_FRAME_HEARTBEAT_TOPICS_MAX + 1];
    memset(topics, 0xff, sizeof topics);
    size = ti_frame_write_heartbeat(output, TROUPE_EVENT_BYTES_MAX, UINT64_MAX, topics,
                                    TI_FRAME_HEARTBEAT_TOPICS_MAX);
    assert_int_equal(ti_frame_read(output, size, &used, &frame, NULL), 0);
    assert_int_equal(frame.heartbeat.topics.count, TI_FRAME_HEARTBEAT_TOPICS_MAX);
    assert_int_equal(ti_frame_write_heartbeat(output, sizeof output, 1, topics,
                                              TI_FRAME_HEARTBEAT_TOPICS_MAX + 1),
                     0);
}

/* Lists and tables one longer than their limits, otherwise right. */
static void test_refuses_lists_over_their_limits(void **state)
{
    (void)state;
    size_t size = unhex("86 00 01 00 00 99 0101");
    for (size_t i = 0; i < TROUPE_INTERFACES_MAX + 1; i++, size += 4)
        memcpy(input + size, "\x83\x01\x01\x01", 4);
    input[size++] = 0x80;
    assert_refused(size, TROUPE_EMALFORMED, "interfaces: more elements");
    size = unhex("86 00 01 00 00 80 98 41");
    for (size_t i = 0; i < TROUPE_ROLES_MAX + 1; i++, size += 2)
        memcpy(input + size, "\x61r", 2);
    assert_refused(size, TROUPE_EMALFORMED, "roles: more elements");
    size = unhex("86 00 01 00 00 80 81 78 41");
    memset(input + size, 'r', 65);
    assert_refused(size + 65, TROUPE_EMALFORMED, "role: longer");
    size = unhex("83 0c 00 99 0101");
    for (size_t i = 0; i < TI_FRAME_HEARTBEAT_TOPICS_MAX + 1; i++, size += 5)
        memcpy(input + size, "\x84\x01\x01\x01\x01", 5);
    assert_refused(size, TROUPE_EMALFORMED, "topics: more elements");
    size = unhex("84 02 07 a0 91");
    for (size_t i = 0; i < TROUPE_REFS_MAX + 1; i++, size += 3)
        memcpy(input + size, "\x82\x00\x01", 3);
    assert_refused(size, TROUPE_EMALFORMED, "refs: more elements");
    size = unhex("85 03 01 01 79 0101");
    memset(input + size, 'x', 257);
    input[size + 257] = 0xf6;
    assert_refused(size + 258, TROUPE_EMALFORMED, "text: longer");
    size = unhex("84 09 01 79 0101");
    memset(input + size, 'x', 257);
    input[size + 257] = 0x00;
    assert_refused(size + 258, TROUPE_EMALFORMED, "text: longer");
    size = unhex("85 03 01 01 60 a1 00 59 01fc");
    memset(input + size, 0, 508);
    assert_refused(size + 508, TROUPE_EMALFORMED, "data: longer");
    size = unhex("88 04 01 01 01 01 01 a1 00 59 1ffc");
    memset(input + size, 0, 8189);
    input[size + 8188] = 0x80;
    assert_refused(size + 8189, TROUPE_EMALFORMED, "fields: longer");
    size = unhex("85 08 01 00 5a 00010001");
    memset(input + size, 0, 65537);
    input[size + 65537] = 0xf4;
    assert_refused(size + 65538, TROUPE_EMALFORMED, "bytes: longer");
}

static void test_writers_refuse_what_the_reader_would(void **state)
{
    (void)state;
    const struct troupe_bytes map = {(const uint8_t *)"\xa0", 1};
    uint8_t *to = output;
    size_t max = sizeof output;
    struct frame_request request = {.id = 1, .body.data = map};
    assert_int_not_equal(ti_frame_write_request(to, max, &request), 0);
    request.budget_ms = TROUPE_DEADLINE_MS_MAX + 1;
    assert_int_equal(ti_frame_write_request(to, max, &request), 0);
    request = (struct frame_request){.id = 0, .body = {.data = map, .blob_size = 1}};
    assert_int_equal(ti_frame_write_request(to, max, &request), 0);
    request = (struct frame_request){.id = 1, .body.data = map};
    request.body.refs_count = TROUPE_REFS_MAX + 1;
    assert_int_equal(ti_frame_write_request(to, max, &request), 0);
    request = (struct frame_request){.id = 1};
    assert_int_equal(ti_frame_write_request(to, max, &request), 0);
    assert_int_equal(ti_frame_write_reply(to, max, &(struct frame_reply){.body.data = map}), 0);
    assert_int_equal(ti_frame_write_item(to, max, &(struct frame_item){.body.data = map}), 0);
    assert_int_equal(ti_frame_write_cancel(to, max, 0), 0);
    assert_int_equal(ti_frame_write_error(to, max, &(struct frame_error){.id = 1}), 0);
    assert_int_equal(ti_frame_write_error(to, max, &(struct frame_error){.code = 1}), 0);
    assert_int_equal(ti_frame_write_goaway(to, max, &(struct frame_goaway){0}), 0);
    struct frame_error bad_text = {.id = 1, .code = 1, .text = troupe_text("\xff")};
    assert_int_equal(ti_frame_write_error(to, max, &bad_text), 0);
    struct frame_event event = {.sequence = 1, .body.data = map};
    assert_int_not_equal(ti_frame_write_event(to, max, &event), 0);
    event.sequence = 0;
    assert_int_equal(ti_frame_write_event(to, max, &event), 0);
    event.sequence = 1;
    event.body.blob_size = 1;
    assert_int_equal(ti_frame_write_event(to, max, &event), 0);
    event.body.blob_size = 0;
    event.body.refs_count = 1;
    event.body.refs[0] = (struct frame_ref){FRAME_OWNER_RECEIVER, 1};
    assert_int_equal(ti_frame_write_event(to, max, &event), 0);
    struct frame_chunk chunk = {.stream = 1, .bytes = map};
    assert_int_not_equal(ti_frame_write_chunk(to, max, &chunk), 0);
    chunk.bytes.size = 0;
    assert_int_equal(ti_frame_write_chunk(to, max, &chunk), 0);
    chunk = (struct frame_chunk){.bytes = map};
    assert_int_equal(ti_frame_write_chunk(to, max, &chunk), 0);
    const char *empty = "";
    assert_int_equal(ti_frame_write_hello(to, max, 1, NULL, 0, &empty, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_frames_are_read_and_written_the_same),
        cmocka_unit_test(test_frames_cut_anywhere_are_malformed),
        cmocka_unit_test(test_changed_bytes_are_refused_or_canonical),
        cmocka_unit_test(test_a_sequence_is_read_frame_by_frame),
        cmocka_unit_test(test_hello_says_limits_interfaces_and_roles),
        cmocka_unit_test(test_requests_carry_their_head),
        cmocka_unit_test(test_refs_and_blobs_travel_beside_the_map),
        cmocka_unit_test(test_the_other_kinds_carry_their_elements),
        cmocka_unit_test(test_the_first_bytes_of_an_event_are_its_topic),
        cmocka_unit_test(test_refuses_what_is_no_frame),
        cmocka_unit_test(test_refuses_another_number_of_elements),
        cmocka_unit_test(test_refuses_elements_of_wrong_kind_or_value),
        cmocka_unit_test(test_refuses_elements_over_their_limits),
        cmocka_unit_test(test_the_largest_heads_fit),
        cmocka_unit_test(test_refuses_lists_over_their_limits),
        cmocka_unit_test(test_writers_refuse_what_the_reader_would),
    };
    return cmocka_run_group_tests(tests, read_golden, NULL);
}
