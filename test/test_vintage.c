/* Two versions of one interface, old and new, between two processes: the asker has one, the server the
 * other, in both directions, and what is told as events likewise. Two runtimes in this process are
 * the two processes: joined by sockets, each with the code that its version's file makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "bus/troupe_host.h"
#include "test/support/older/vintage_old.h"
#include "test/support/peer.h"
#include "test/support/vintage_new.h"

/* What the server was asked, as its version sees it. The asker looks at it after the answer. */
static struct vintage_new_item asked;
static bool asked_twice;
static bool asked_note;
static uint32_t asked_from;

static bool is_text(struct troupe_text text, const char *wanted)
{
    return text.size == strlen(wanted) && memcmp(text.data, wanted, text.size) == 0;
}

/* ---- a server of the old version ----------------------------------------------------------------- */

static void old_put(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct vintage_old_put_args *args)
{
    struct vintage_old_put_results results = {.item = args->item, .count = 1};
    (void)self;
    (void)state;
    if (args->item.name.size == 0) {
        struct vintage_old_missing missing = {.name = troupe_text("it")};
        vintage_old_fail_missing(call, &missing, "no name");
        return;
    }
    asked = (struct vintage_new_item){.kind = (enum vintage_new_kind)args->item.kind};
    vintage_old_put_reply(call, &results);
}

static void old_grade(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct vintage_old_grade_args *args)
{
    struct vintage_old_grade_results results = {.grade = args->grade};
    (void)self;
    (void)state;
    vintage_old_grade_reply(call, &results);
}

static void old_list(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct vintage_old_list_args *args)
{
    struct vintage_old_list_item item = {.item = {.name = troupe_text("one")}};
    int error = 0;
    (void)self;
    (void)state;
    for (uint32_t i = 0; i < args->count && error == 0; i++) {
        error = vintage_old_list_item(call, &item);
    }
    assert_int_equal(error, 0);
    vintage_old_list_end(call);
}

static void old_tell(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct vintage_old_changed changed = {.item = {.name = troupe_text("one")}};
    struct vintage_old_newest newest = {.count = 5};
    (void)state;
    assert_int_equal(vintage_old_publish_changed(self, &changed), 0);
    assert_int_equal(vintage_old_publish_newest(self, &newest), 0);
    vintage_old_tell_reply(call);
}

static const struct vintage_old_handlers old_handlers = {
    .put = old_put, .grade = old_grade, .list = old_list, .tell = old_tell};

/* ---- and one of the new ---------------------------------------------------------------------------- */

static const struct vintage_new_part parts[] = {{.id = 1}, {.id = 2}};

static struct vintage_new_item rich_item(const char *name)
{
    return (struct vintage_new_item){.name = troupe_text(name),
                                     .kind = VINTAGE_NEW_KIND_FANCY,
                                     .weight = 9,
                                     .has_label = true,
                                     .label = troupe_text("label"),
                                     .has_parts = true,
                                     .parts = parts,
                                     .parts_count = 2};
}

static void new_put(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct vintage_new_put_args *args)
{
    struct vintage_new_put_results results = {
        .item = args->item, .count = 2, .has_total = true, .total = 20, .left = 50};
    (void)self;
    (void)state;
    if (args->item.name.size == 0) {
        struct vintage_new_missing missing = {.name = troupe_text("it"),
                                              .hint = troupe_text("hint")};
        vintage_new_fail_missing(call, &missing, "no name");
        return;
    }
    if (is_text(args->item.name, "full")) {
        struct vintage_new_full full = {.room = 3};
        vintage_new_fail_full(call, &full, "no room");
        return;
    }
    asked = args->item;
    asked_twice = args->twice;
    asked_note = args->has_note;
    results.item = rich_item("rich");
    vintage_new_put_reply(call, &results);
}

static void new_grade(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct vintage_new_grade_args *args)
{
    struct vintage_new_grade_results results = {.grade = args->grade};
    (void)self;
    (void)state;
    vintage_new_grade_reply(call, &results);
}

static void new_list(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct vintage_new_list_args *args)
{
    int error = 0;
    (void)self;
    (void)state;
    asked_from = args->from;
    for (uint32_t i = 0; i < args->count && error == 0; i++) {
        struct vintage_new_list_item item = {.item = rich_item("rich"), .index = i + 1};
        error = vintage_new_list_item(call, &item);
    }
    assert_int_equal(error, 0);
    vintage_new_list_end(call);
}

static void new_tell(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct vintage_new_changed changed = {.item = rich_item("rich"), .weight = 8};
    struct vintage_new_newest newest = {.count = 6, .has_total = true, .total = 60};
    struct vintage_new_cleared cleared = {.count = 1};
    (void)state;
    assert_int_equal(vintage_new_publish_cleared(self, &cleared), 0);
    assert_int_equal(vintage_new_publish_changed(self, &changed), 0);
    assert_int_equal(vintage_new_publish_newest(self, &newest), 0);
    vintage_new_tell_reply(call);
}

static void new_clear(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct vintage_new_clear_results results = {.count = 4};
    (void)self;
    (void)state;
    vintage_new_clear_reply(call, &results);
}

static const struct vintage_new_handlers new_handlers = {
    .put = new_put, .grade = new_grade, .list = new_list, .tell = new_tell, .clear = new_clear};

/* ---- two processes -------------------------------------------------------------------------------- */

static const struct troupe_service old_service = {&vintage_old_interface, &old_handlers};
static const struct troupe_service new_service = {&vintage_new_interface, &new_handlers};
static const struct troupe_actor_def old_server = {
    .name = "old", .services = &old_service, .services_count = 1};
static const struct troupe_actor_def new_server = {
    .name = "new", .services = &new_service, .services_count = 1};
static const struct troupe_role old_role = {.name = "shelf", .actor = &old_server};
static const struct troupe_role new_role = {.name = "shelf", .actor = &new_server};

static struct troupe *server;
static struct troupe *asker;
static struct troupe_ref shelf;
static atomic_uint ups;

static void on_host(void *user, const struct troupe_host_event *event)
{
    (void)user;
    atomic_fetch_add(&ups, event->kind == TROUPE_LINK_UP);
}

static bool are_up(void *user)
{
    (void)user;
    return atomic_load(&ups) == 2;
}

static void open_both(const struct troupe_role *role)
{
    int requests[2];
    int events[2];
    uint64_t link;
    atomic_store(&ups, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events), 0);
    assert_int_equal(troupe_open(NULL, &server), 0);
    assert_int_equal(troupe_open(NULL, &asker), 0);
    troupe_host_on_event(server, on_host, NULL);
    troupe_host_on_event(asker, on_host, NULL);
    assert_int_equal(troupe_host_declare(server, role, NULL), 0);
    struct troupe_grant out = {.role = "shelf", .events_fd = events[0]};
    struct troupe_grant in = {.role = "shelf", .events_fd = events[1]};
    struct troupe_link_config serves = {
        .peer = "asker", .fd = requests[0], .exports = &out, .exports_count = 1};
    struct troupe_link_config asks = {
        .peer = "server", .fd = requests[1], .imports = &in, .imports_count = 1};
    assert_int_equal(troupe_host_link(server, &serves, &link), 0);
    assert_int_equal(troupe_host_link(asker, &asks, &link), 0);
    assert_int_equal(troupe_host_start(server, "shelf"), 0);
    wait_until(asker, are_up, NULL);
    assert_int_equal(troupe_host_find(asker, "shelf", &shelf), 0);
}

static int serve_old(void **state)
{
    (void)state;
    open_both(&old_role);
    return 0;
}

static int serve_new(void **state)
{
    (void)state;
    open_both(&new_role);
    return 0;
}

/* Nothing that one said was against the other's rules. */
static int close_both(void **state)
{
    struct troupe_stats stats;
    (void)state;
    troupe_stats(asker, &stats);
    assert_int_equal(stats.links_refused, 0);
    assert_int_equal(stats.links, 1);
    troupe_stats(server, &stats);
    assert_int_equal(stats.links_refused, 0);
    assert_int_equal(stats.links, 1);
    troupe_close(asker, 2000);
    troupe_close(server, 2000);
    return 0;
}

/* ---- old asks new ---------------------------------------------------------------------------------- */

static void test_old_asks_new_and_gets_what_it_knows(void **state)
{
    struct vintage_old_put_args args = {
        .item = {.name = troupe_text("cup"), .kind = VINTAGE_OLD_KIND_PLAIN}};
    struct vintage_old_put_results results;
    (void)state;
    assert_int_equal(vintage_old_put(asker, shelf, &args, &results, NULL, NULL), 0);
    assert_int_equal(asked.weight, 7); /* defaults, where the old one says nothing */
    assert_false(asked.has_label);
    assert_false(asked.has_parts);
    assert_false(asked_twice);
    assert_false(asked_note);
    assert_int_equal(results.count, 2); /* new fields passed over, in the struct too */
    assert_true(is_text(results.item.name, "rich"));
    assert_int_equal(results.item.kind, VINTAGE_NEW_KIND_FANCY); /* open: a later value is kept */
    troupe_release(results.message);
}

static void test_old_reads_an_error_that_was_extended(void **state)
{
    struct vintage_old_put_args args = {.item = {.name = troupe_text("")}};
    struct vintage_old_put_results results;
    struct troupe_error error;
    struct vintage_old_missing missing;
    (void)state;
    assert_int_equal(vintage_old_put(asker, shelf, &args, &results, &error, NULL),
                     VINTAGE_OLD_MISSING);
    assert_int_equal(vintage_old_missing_from_error(&error, &missing), 0);
    assert_true(is_text(missing.name, "it"));
    args.item.name = troupe_text("full"); /* an error that the old version does not have */
    assert_int_equal(vintage_old_put(asker, shelf, &args, &results, &error, NULL),
                     VINTAGE_NEW_FULL);
    assert_string_equal(error.text, "no room");
}

static void old_item(struct troupe_actor *self, void *user,
                     const struct vintage_old_list_item *item)
{
    unsigned *count = user;
    (void)self;
    assert_true(is_text(item->item.name, "rich"));
    (*count)++;
}

static void test_old_reads_items_that_were_extended(void **state)
{
    struct vintage_old_list_args args = {.count = 50};
    unsigned count = 0;
    (void)state;
    assert_int_equal(vintage_old_list(asker, shelf, &args, old_item, &count, NULL, NULL), 0);
    assert_int_equal(count, 50);
    assert_int_equal(asked_from, 1);
}

/* ---- new asks old ---------------------------------------------------------------------------------- */

static void test_new_asks_old_and_gets_defaults(void **state)
{
    struct vintage_new_put_args args = {
        .item = rich_item("cup"), .twice = true, .has_note = true, .note = troupe_text("note")};
    struct vintage_new_put_results results;
    (void)state;
    assert_int_equal(vintage_new_put(asker, shelf, &args, &results, NULL, NULL), 0);
    assert_int_equal(asked.kind, VINTAGE_NEW_KIND_FANCY); /* open: kept by the old one */
    assert_int_equal(results.count, 1);
    assert_false(results.has_total);
    assert_int_equal(results.left, 100);
    assert_true(is_text(results.item.name, "cup"));
    assert_int_equal(results.item.weight, 7); /* the old one did not know what to give back */
    assert_false(results.item.has_label);
    assert_int_equal(results.item.parts_count, 0);
    troupe_release(results.message);
}

static void test_new_reads_an_error_from_before_it_was_extended(void **state)
{
    struct vintage_new_put_args args = {.item = rich_item("")};
    struct vintage_new_put_results results;
    struct troupe_error error;
    struct vintage_new_missing missing;
    (void)state;
    assert_int_equal(vintage_new_put(asker, shelf, &args, &results, &error, NULL),
                     VINTAGE_NEW_MISSING);
    assert_int_equal(vintage_new_missing_from_error(&error, &missing), 0);
    assert_true(is_text(missing.name, "it"));
    assert_true(is_text(missing.hint, "none"));
}

static void new_item(struct troupe_actor *self, void *user,
                     const struct vintage_new_list_item *item)
{
    unsigned *count = user;
    (void)self;
    assert_true(is_text(item->item.name, "one"));
    assert_int_equal(item->item.weight, 7);
    assert_int_equal(item->index, 0);
    (*count)++;
}

static void test_new_reads_items_from_before_they_were_extended(void **state)
{
    struct vintage_new_list_args args = {.count = 50, .from = 5};
    unsigned count = 0;
    (void)state;
    assert_int_equal(vintage_new_list(asker, shelf, &args, new_item, &count, NULL, NULL), 0);
    assert_int_equal(count, 50);
}

static void never_done(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct vintage_new_clear_results *results)
{
    (void)self;
    (void)user;
    (void)error;
    (void)results;
    fail_msg("an ask that was refused must not call back");
}

static void never_item(struct troupe_actor *self, void *user,
                       const struct vintage_new_walk_item *item)
{
    (void)self;
    (void)user;
    (void)item;
    fail_msg("an ask that was refused must not call back");
}

static int code_of_ask;

static int ask_clear(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    code_of_ask = vintage_new_clear_ask(self, shelf, never_done, NULL, NULL);
    return 0;
}

static const struct troupe_actor_def clearer = {
    .name = "clearer", .start = ask_clear, .flags = TROUPE_PINNED};

static void test_what_the_old_one_lacks_is_refused_before_it_is_sent(void **state)
{
    struct vintage_new_clear_results results;
    struct vintage_new_hint_args hint = {.text = troupe_text("psst")};
    struct troupe_error error;
    struct troupe_ref ref;
    struct troupe_stats before;
    struct troupe_stats after;
    (void)state;
    assert_true(vintage_new_has_put(asker, shelf));
    assert_false(vintage_new_has_clear(asker, shelf));
    assert_false(vintage_new_has_hint(asker, shelf));
    assert_false(vintage_new_has_walk(asker, shelf));
    troupe_stats(asker, &before);
    assert_int_equal(vintage_new_clear(asker, shelf, &results, &error, NULL),
                     TROUPE_EUNIMPLEMENTED);
    assert_int_equal(error.code, TROUPE_EUNIMPLEMENTED);
    assert_int_equal(vintage_new_walk(asker, shelf, never_item, NULL, NULL, NULL),
                     TROUPE_EUNIMPLEMENTED);
    assert_int_equal(vintage_new_hint(asker, shelf, &hint), TROUPE_EUNIMPLEMENTED);
    assert_int_equal(troupe_spawn(asker, &clearer, NULL, &ref), 0);
    troupe_step(asker, 0);
    assert_int_equal(code_of_ask, TROUPE_EUNIMPLEMENTED);
    troupe_stats(asker, &after);
    assert_int_equal(after.messages_sent, before.messages_sent);
    assert_int_equal(after.frames_out, before.frames_out);
    assert_int_equal(after.asks_open, 0);
}

static void test_what_the_new_one_has_is_had(void **state)
{
    struct vintage_new_clear_results results;
    (void)state;
    assert_true(vintage_new_has_clear(asker, shelf));
    assert_true(vintage_old_has_put(asker, shelf));
    assert_int_equal(vintage_new_clear(asker, shelf, &results, NULL, NULL), 0);
    assert_int_equal(results.count, 4);
    /* its version has it, its table does not: refused there, as any method without a function */
    assert_true(vintage_new_has_walk(asker, shelf));
    assert_int_equal(vintage_new_walk(asker, shelf, never_item, NULL, NULL, NULL),
                     TROUPE_EUNIMPLEMENTED);
}

/* ---- events, both ways ------------------------------------------------------------------------------ */

static unsigned heard_changed;
static unsigned heard_newest;
static unsigned heard_cleared;

static void old_changed(struct troupe_actor *self, void *user,
                        const struct vintage_old_changed *event,
                        const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    assert_non_null(event);
    assert_int_equal(info->sequence, ++heard_changed);
    assert_true(is_text(event->item.name, "rich"));
    assert_int_equal(event->item.kind, VINTAGE_NEW_KIND_FANCY);
}

static void old_newest(struct troupe_actor *self, void *user,
                       const struct vintage_old_newest *event, const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    heard_newest++;
    assert_int_equal(event->count, 6);
}

static int hear_as_old(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    int error = vintage_old_on_changed(self, shelf, old_changed, NULL, NULL);
    return error != 0 ? error : vintage_old_on_newest(self, shelf, old_newest, NULL, NULL);
}

static void new_changed(struct troupe_actor *self, void *user,
                        const struct vintage_new_changed *event,
                        const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    assert_non_null(event);
    assert_int_equal(info->sequence, ++heard_changed);
    assert_true(is_text(event->item.name, "one"));
    assert_int_equal(event->item.weight, 7);
    assert_int_equal(event->weight, 3);
}

static void new_newest(struct troupe_actor *self, void *user,
                       const struct vintage_new_newest *event, const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    heard_newest++;
    assert_int_equal(event->count, 5);
    assert_false(event->has_total);
}

static void new_cleared(struct troupe_actor *self, void *user,
                        const struct vintage_new_cleared *event,
                        const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)event;
    (void)info;
    heard_cleared++;
}

static int hear_as_new(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    int error = vintage_new_on_changed(self, shelf, new_changed, NULL, NULL);
    error = error != 0 ? error : vintage_new_on_newest(self, shelf, new_newest, NULL, NULL);
    return error != 0 ? error : vintage_new_on_cleared(self, shelf, new_cleared, NULL, NULL);
}

static const struct troupe_actor_def old_listener = {
    .name = "listener", .start = hear_as_old, .flags = TROUPE_PINNED};
static const struct troupe_actor_def new_listener = {
    .name = "listener", .start = hear_as_new, .flags = TROUPE_PINNED};

static bool has_heard(void *user)
{
    (void)user;
    return heard_changed == 2 && heard_newest > 0;
}

/* What was told twice is heard twice, the newest at least once after that. */
static void hear(const struct troupe_actor_def *listener)
{
    struct troupe_ref ref;
    heard_changed = heard_newest = heard_cleared = 0;
    assert_int_equal(troupe_spawn(asker, listener, NULL, &ref), 0);
    troupe_step(asker, 0);
    assert_int_equal(vintage_old_tell(asker, shelf, NULL, NULL), 0);
    assert_int_equal(vintage_old_tell(asker, shelf, NULL, NULL), 0);
    wait_until(asker, has_heard, NULL);
}

static void test_new_publishes_to_old(void **state)
{
    (void)state;
    hear(&old_listener);
}

/* An event that the old publisher lacks is one that never comes. */
static void test_old_publishes_to_new(void **state)
{
    (void)state;
    hear(&new_listener);
    assert_int_equal(heard_cleared, 0);
}

int main(void)
{
#define OLD_ASKS(test) cmocka_unit_test_setup_teardown(test, serve_new, close_both)
#define NEW_ASKS(test) cmocka_unit_test_setup_teardown(test, serve_old, close_both)
    const struct CMUnitTest tests[] = {
        OLD_ASKS(test_old_asks_new_and_gets_what_it_knows),
        OLD_ASKS(test_old_reads_an_error_that_was_extended),
        OLD_ASKS(test_old_reads_items_that_were_extended),
        OLD_ASKS(test_what_the_new_one_has_is_had),
        OLD_ASKS(test_new_publishes_to_old),
        NEW_ASKS(test_new_asks_old_and_gets_defaults),
        NEW_ASKS(test_new_reads_an_error_from_before_it_was_extended),
        NEW_ASKS(test_new_reads_items_from_before_they_were_extended),
        NEW_ASKS(test_what_the_old_one_lacks_is_refused_before_it_is_sent),
        NEW_ASKS(test_old_publishes_to_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
