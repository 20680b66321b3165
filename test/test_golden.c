/* A recorded conversation, test/golden/conversation.hex, with a link of today: what a peer of an older
 * release says is understood, and what it is told is what it was told then. The frames alone are
 * test_frame.c's. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/older/vintage_old.h"
#include "test/support/peer.h"

enum { BYTES_MAX = 512 };

static struct room room;
static struct peer peer;
static bool told;     /* something came for the line '=' */
static int64_t value; /* and this is it */
static int line_number;

static void tell(int64_t what)
{
    told = true;
    value = what;
}

/* ---- what it serves ------------------------------------------------------------------------------ */

static void put(struct troupe_actor *self, void *state, struct troupe_call *call,
                const struct vintage_old_put_args *args)
{
    struct vintage_old_put_results results = {.item = args->item, .count = 1};
    struct vintage_old_missing missing = {.name = troupe_text("it")};
    (void)self;
    (void)state;
    if (args->item.name.size == 0) {
        vintage_old_fail_missing(call, &missing, "no name");
    } else {
        vintage_old_put_reply(call, &results);
    }
}

static uint32_t items_left;

static void list_on(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    struct vintage_old_list_item item = {.item = {.name = troupe_text("one")}};
    int error = 0;
    while (items_left > 0 && error == 0) {
        error = vintage_old_list_item(call, &item);
        items_left -= error == 0;
    }
    if (error == TROUPE_EBUSY) {
        troupe_on_room(call, list_on, user);
    } else {
        vintage_old_list_end(call);
    }
    (void)self;
}

static void list(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct vintage_old_list_args *args)
{
    items_left = args->count;
    list_on(self, state, call);
}

static void keep(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct vintage_old_keep_args *args)
{
    uint8_t data[VINTAGE_OLD_KEEP_DATA_BYTES_MAX];
    struct vintage_old_keep_results results = {.data = {.data = data, .size = args->data.size},
                                               .has_who = args->has_who,
                                               .who = args->who};
    (void)self;
    (void)state;
    troupe_blob_copy(&args->data, data);
    vintage_old_keep_reply(call, &results);
}

static void publish(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct vintage_old_changed changed = {.item = {.name = troupe_text("one")}};
    struct vintage_old_newest newest = {.count = 5};
    (void)state;
    assert_int_equal(vintage_old_publish_changed(self, &changed), 0);
    assert_int_equal(vintage_old_publish_newest(self, &newest), 0);
    vintage_old_tell_reply(call);
}

static const struct vintage_old_handlers handlers = {
    .put = put, .list = list, .tell = publish, .keep = keep};
static const struct troupe_service service = {&vintage_old_interface, &handlers};
static const struct troupe_actor_def shelf = {
    .name = "shelf", .services = &service, .services_count = 1};
static const struct troupe_role role = {.name = "probe", .actor = &shelf};

/* ---- what it asks ---------------------------------------------------------------------------------- */

static void put_done(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct vintage_old_put_results *results)
{
    struct vintage_old_missing missing;
    (void)self;
    (void)user;
    if (error != NULL && error->code == VINTAGE_OLD_MISSING) {
        assert_int_equal(vintage_old_missing_from_error(error, &missing), 0);
        assert_int_equal(missing.name.size, 2);
    }
    tell(error != NULL ? error->code : (int64_t)results->count);
}

static void list_each(struct troupe_actor *self, void *user,
                      const struct vintage_old_list_item *item)
{
    unsigned *count = user;
    (void)self;
    assert_int_equal(item->item.kind, (*count)++);
}

static void list_done(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    const unsigned *count = user;
    (void)self;
    assert_null(error);
    tell(*count);
}

static void changed(struct troupe_actor *self, void *user, const struct vintage_old_changed *event,
                    const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    tell(event != NULL ? (int64_t)info->sequence : -(int64_t)info->lost_to);
}

static int ask(struct troupe_actor *self, void *state, const void *argument)
{
    static unsigned count;
    struct vintage_old_put_args cup = {.item = {.name = troupe_text("cup")}};
    struct vintage_old_list_args two = {.count = 2};
    (void)state;
    if (strcmp(argument, "put") == 0) {
        return vintage_old_put_ask(self, peer.far, &cup, put_done, NULL, NULL);
    }
    if (strcmp(argument, "list") == 0) {
        count = 0;
        return vintage_old_list_ask(self, peer.far, &two, list_each, list_done, &count, NULL);
    }
    assert_string_equal(argument, "hear");
    return vintage_old_on_changed(self, peer.far, changed, NULL, NULL);
}

static const struct troupe_actor_def asker = {
    .name = "asker", .start = ask, .flags = TROUPE_PINNED};

/* ---- lines ------------------------------------------------------------------------------------------ */

/* Spaces separate elements; `any` (may be NULL) says which bytes are "..". */
static size_t unhex(const char *hex, uint8_t *to, bool *any)
{
    size_t size = 0;
    for (const char *at = hex; *at != '\0'; at++) {
        unsigned byte = 0;
        if (*at == ' ') {
            continue;
        }
        assert_true(size < BYTES_MAX);
        bool unknown = at[0] == '.' && at[1] == '.';
        assert_true(unknown || sscanf(at, "%2x", &byte) == 1);
        if (any != NULL) {
            any[size] = unknown;
        }
        to[size++] = (uint8_t)byte;
        at++;
    }
    return size;
}

static void expect_bytes(const uint8_t *data, size_t size, const char *hex)
{
    uint8_t wanted[BYTES_MAX];
    bool any[BYTES_MAX];
    size_t wanted_size = unhex(hex, wanted, any);
    for (size_t i = 0; i < size && i < wanted_size; i++) {
        if (!any[i] && data[i] != wanted[i]) {
            fail_msg("line %d: byte %zu is %02x", line_number, i, data[i]);
        }
    }
    assert_int_equal(size, wanted_size);
}

/* The next frame that is no credit: those depend on what was handled when. */
static const uint8_t *next_frame(struct frame *ret_frame, size_t *ret_size)
{
    size_t from;
    do {
        from = peer.batch_at == peer.batch_size ? 0 : peer.batch_at;
        if (!peer_read(&peer, ret_frame)) {
            fail_msg("line %d: the link has ended", line_number);
        }
    } while (ret_frame->kind == FRAME_CREDIT);
    *ret_size = peer.batch_at - from;
    return peer.batch + from;
}

static void expect_frame(const char *hex)
{
    struct frame frame;
    size_t size;
    const uint8_t *data = next_frame(&frame, &size);
    expect_bytes(data, size, hex);
}

/* Heartbeats come by the clock: they are passed over. */
static void expect_event(const char *hex)
{
    struct frame frame;
    struct peer events = peer; /* the batch of requests stays as it is */
    events.batch = malloc(TROUPE_LINK_RECEIVE_BYTES_MAX);
    do {
        events.batch_at = events.batch_size = 0;
        peer_read_event(&events, &frame);
    } while (frame.kind == FRAME_HEARTBEAT);
    expect_bytes(events.batch, events.batch_size, hex);
    free(events.batch);
}

static void expect_hello(void)
{
    struct frame frame;
    struct frame_interface served;
    struct troupe_text name;
    bool serves = false;
    size_t size;
    next_frame(&frame, &size);
    assert_int_equal(frame.kind, FRAME_HELLO);
    assert_int_equal(frame.hello.protocol, 1);
    while (ti_frame_next_interface(&frame.hello.interfaces, &served)) {
        serves = serves || (served.id == 950 && served.version == 1);
    }
    assert_true(serves);
    assert_true(ti_frame_next_role(&frame.hello.roles, &name));
    assert_int_equal(name.size, strlen("probe"));
}

static bool is_up(void *user)
{
    (void)user;
    return room_up(peer.link) == 1;
}

static bool is_told(void *user)
{
    (void)user;
    return told;
}

static void expect_request(const char *words)
{
    uint64_t id;
    uint32_t method;
    int at;
    struct frame frame;
    size_t size;
    assert_int_equal(sscanf(words, "%" SCNu64 " %" SCNu32 " %n", &id, &method, &at), 2);
    next_frame(&frame, &size);
    assert_int_equal(frame.kind, FRAME_REQUEST);
    assert_int_equal(frame.request.id, id);
    assert_int_equal(frame.request.method, method);
    assert_in_range(frame.request.budget_ms, 1, 5000);
    expect_bytes(frame.request.body.data.data, frame.request.body.data.size, words + at);
}

static void expect_error(const char *words)
{
    uint64_t id;
    uint32_t code;
    struct frame frame;
    size_t size;
    assert_int_equal(sscanf(words, "%" SCNu64 " %" SCNu32, &id, &code), 2);
    next_frame(&frame, &size);
    assert_int_equal(frame.kind, FRAME_ERROR);
    assert_int_equal(frame.error.id, id);
    assert_int_equal(frame.error.code, code);
}

static void play(const char *line)
{
    static char what[BYTES_MAX];
    uint8_t bytes[BYTES_MAX];
    struct troupe_ref ref;
    const char *words = line + strcspn(line, " ");
    words += *words == ' ';
    if (line[0] == '>') {
        peer_send(&peer, bytes, unhex(words, bytes, NULL));
    } else if (line[0] == '<') {
        expect_frame(words);
    } else if (line[0] == ')') {
        peer_publish(&peer, bytes, unhex(words, bytes, NULL));
    } else if (line[0] == '(') {
        expect_event(words);
    } else if (line[0] == '!') {
        snprintf(what, sizeof what, "%s", words);
        told = false;
        assert_int_equal(troupe_spawn(room.troupe, &asker, what, &ref), 0);
        troupe_step(room.troupe, 0);
    } else if (line[0] == '?') {
        expect_request(words);
    } else if (line[0] == '=') {
        wait_until(room.troupe, is_told, NULL);
        assert_int_equal(value, strtol(words, NULL, 10));
        told = false;
    } else if (strncmp(line, "skip ", 5) == 0) {
        struct frame frame;
        size_t size;
        for (long left = strtol(words, NULL, 10); left > 0; left--) {
            next_frame(&frame, &size);
        }
    } else if (strncmp(line, "error ", 6) == 0) {
        expect_error(words);
    } else if (strcmp(line, "hello") == 0) {
        expect_hello();
        wait_until(room.troupe, is_up, NULL);
    } else if (strncmp(line, "gone ", 5) == 0) {
        assert_int_equal(room_wait_gone(&room, peer.link, NULL), strtol(words, NULL, 10));
    } else {
        fail_msg("line %d is not one of this file", line_number);
    }
}

static void test_recorded_conversation_goes_as_it_did(void **state)
{
    char line[BYTES_MAX];
    (void)state;
    FILE *file = fopen("test/golden/conversation.hex", "re");
    assert_non_null(file);
    room_open_role(&room, &role);
    peer_join(&room, &peer, "far");
    while (fgets(line, sizeof line, file) != NULL) {
        line_number++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#') {
            play(line);
        }
    }
    fclose(file);
    assert_int_equal(peer_room_stats(&room).dead_letters, 1); /* the tell */
    peer_close(&peer);
    peer_room_close(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_conversation_goes_as_it_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
