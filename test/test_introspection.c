/* Looking into a process, the tester's own or another: what troupe.Bus answers. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "interfaces/bus.h"
#include "interfaces/node.h"
#include "test/support/peer.h"
#include "test/support/places.h"
#include "test/support/probe.h"

static struct troupe_ref agent(void)
{
    struct troupe_ref ref;
    assert_int_equal(troupe_host_find(places.troupe, "probe.bus", &ref), 0);
    return ref;
}

static bool is(struct troupe_text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* The one of that role; NULL: none. */
static const struct bus_actor *find_role(const struct bus_list_actors_results *results,
                                         const char *role)
{
    for (size_t i = 0; i < results->actors_count; i++) {
        if (results->actors[i].has_role && is(results->actors[i].role, role)) {
            return &results->actors[i];
        }
    }
    return NULL;
}

/* What it handles in one go is counted at the end of that, a moment after it has answered. */
static void list_counted(struct bus_list_actors_results *ret_results, const char *role)
{
    struct bus_list_actors_args args = {0};
    double due = now_s() + bound_ms(10000) / 1000.0;
    for (;;) {
        assert_int_equal(bus_list_actors(places.troupe, agent(), &args, ret_results, NULL, NULL),
                         0);
        const struct bus_actor *actor = find_role(ret_results, role);
        if ((actor != NULL && actor->handled > 0) || now_s() >= due) {
            return;
        }
        troupe_release(ret_results->message);
    }
}

static void test_actors_are_listed_with_role_and_counts(void **state)
{
    (void)state;
    struct bus_list_actors_results results;
    struct probe_echo_args echo = {.number = 1};
    struct probe_echo_results echoed;
    assert_int_equal(probe_echo(places.troupe, places.probe, &echo, &echoed, NULL, NULL), 0);
    troupe_release(echoed.message);
    list_counted(&results, "probe");
    const struct bus_actor *probe = find_role(&results, "probe");
    const struct bus_actor *bus = NULL;
    for (size_t i = 0; i < results.actors_count; i++) {
        if (is(results.actors[i].name, "bus")) {
            bus = &results.actors[i];
        }
    }
    assert_non_null(probe);
    assert_true(is(probe->name, "probe"));
    assert_true(probe->has_interfaces);
    assert_int_equal(probe->interfaces_count, 1);
    assert_int_equal(probe->interfaces[0], probe_interface.id);
    assert_true(probe->handled >= 1);
    assert_non_null(bus);
    assert_false(bus->has_role);
    troupe_release(results.message);
}

static void test_actors_come_in_pages(void **state)
{
    (void)state;
    enum { SPAWNED = 250 };
    for (int i = 0; i < SPAWNED; i++) {
        struct probe_spawn_results spawned;
        assert_int_equal(probe_spawn(places.troupe, places.probe, &spawned, NULL, NULL), 0);
    }
    struct bus_list_actors_args args = {0};
    size_t seen = 0;
    uint64_t pages = 0;
    bool more = true;
    while (more) {
        struct bus_list_actors_results results;
        assert_int_equal(bus_list_actors(places.troupe, agent(), &args, &results, NULL, NULL), 0);
        assert_true(results.actors_count <= BUS_LIST_ACTORS_RESULTS_ACTORS_MAX);
        seen += results.actors_count;
        more = results.has_next;
        args.from = results.next;
        pages++;
        troupe_release(results.message);
    }
    assert_true(seen >= SPAWNED + 2);
    assert_true(pages >= 3);
}

static void test_interfaces_are_listed_and_told_in_words(void **state)
{
    (void)state;
    struct bus_list_interfaces_results list;
    assert_int_equal(bus_list_interfaces(places.troupe, agent(), &list, NULL, NULL), 0);
    bool probe = false;
    for (size_t i = 0; i < list.interfaces_count; i++) {
        if (list.interfaces[i].id == probe_interface.id) {
            probe = true;
            assert_true(is(list.interfaces[i].name, "test.Probe"));
            assert_true(list.interfaces[i].hash == probe_interface.hash);
        }
    }
    assert_true(probe);
    troupe_release(list.message);
    struct bus_get_interface_args args = {.id = probe_interface.id};
    struct bus_get_interface_results text;
    assert_int_equal(bus_get_interface(places.troupe, agent(), &args, &text, NULL, NULL), 0);
    assert_true(is(text.text, probe_interface.text));
    troupe_release(text.message);
    args.id = 12345;
    assert_int_equal(bus_get_interface(places.troupe, agent(), &args, &text, NULL, NULL),
                     BUS_NOT_FOUND);
}

static void test_links_are_listed(void **state)
{
    (void)state;
    struct bus_list_links_results results;
    assert_int_equal(bus_list_links(places.troupe, agent(), &results, NULL, NULL), 0);
    bool test = false;
    for (size_t i = 0; i < results.links_count; i++) {
        if (is(results.links[i].peer, "test")) {
            test = true;
            assert_true(results.links[i].frames_in >= 1);
            assert_true(results.links[i].bytes_in > 0);
        }
    }
    assert_int_equal(test, places.count != 1);
    troupe_release(results.message);
}

static uint64_t used_of(const struct bus_get_quotas_results *results, const char *name)
{
    for (size_t i = 0; i < results->quotas_count; i++) {
        assert_true(results->quotas[i].used <= results->quotas[i].max);
        if (is(results->quotas[i].name, name)) {
            return results->quotas[i].used;
        }
    }
    fail();
    return 0;
}

static void test_quotas_of_a_peer_are_shown(void **state)
{
    (void)state;
    struct bus_list_links_results links;
    struct bus_get_quotas_args args = {.link = 1};
    struct bus_get_quotas_results results;
    struct probe_spawn_results spawned;
    assert_int_equal(bus_get_quotas(places.troupe, agent(), &args, &results, NULL, NULL),
                     BUS_NOT_FOUND);
    assert_int_equal(probe_spawn(places.troupe, places.probe, &spawned, NULL, NULL), 0);
    assert_int_equal(bus_list_links(places.troupe, agent(), &links, NULL, NULL), 0);
    for (size_t i = 0; i < links.links_count; i++) {
        if (is(links.links[i].peer, "test")) {
            args.link = links.links[i].id;
            int error = bus_get_quotas(places.troupe, agent(), &args, &results, NULL, NULL);
            assert_int_equal(error, 0);
            assert_int_equal(used_of(&results, "requests_open"), 1); /* this very one */
            assert_int_equal(used_of(&results, "refs_held"), 1);
            assert_int_equal(used_of(&results, "blob_bytes_arriving"), 0);
            troupe_release(results.message);
        }
    }
    troupe_release(links.message);
}

static void test_stats_count(void **state)
{
    (void)state;
    struct bus_get_stats_results before;
    struct bus_get_stats_results after;
    assert_int_equal(bus_get_stats(places.troupe, agent(), &before, NULL, NULL), 0);
    for (int i = 0; i < 10; i++) {
        struct probe_echo_args echo = {.number = 1};
        struct probe_echo_results echoed;
        assert_int_equal(probe_echo(places.troupe, places.probe, &echo, &echoed, NULL, NULL), 0);
        troupe_release(echoed.message);
    }
    double due = now_s() + bound_ms(10000) / 1000.0;
    assert_int_equal(bus_get_stats(places.troupe, agent(), &after, NULL, NULL), 0);
    /* What an actor handles in one go is counted at the end of that, and another call may belong to it. */
    while (after.stats.messages_handled < before.stats.messages_handled + 10 && now_s() < due) {
        troupe_release(after.message);
        assert_int_equal(bus_get_stats(places.troupe, agent(), &after, NULL, NULL), 0);
    }
    assert_true(after.stats.messages_handled >= before.stats.messages_handled + 10);
    assert_true(after.stats.actors >= 2);
    assert_int_equal(after.stats.links_refused, 0);
    troupe_release(before.message);
    troupe_release(after.message);
}

static void test_feature_test_knows_what_the_peer_serves(void **state)
{
    (void)state;
    assert_true(probe_has_echo(places.troupe, places.probe));
    assert_false(node_has_get_tip(places.troupe, places.probe));
}

/* ---- an actor that hangs ------------------------------------------------------------------------- */

static sem_t until;

static void asked(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    (void)user;
    (void)error;
}

/* Asks itself something, and hangs: what it asked waits behind what was there before. */
static void hang_at_tell(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct probe_tell_args *args)
{
    (void)state;
    (void)call;
    (void)args;
    assert_int_equal(probe_end_ask(self, troupe_self(self), asked, NULL, NULL), 0);
    while (sem_wait(&until) != 0) {
    }
}

static const struct probe_handlers hanging_handlers = {.tell = hang_at_tell};
static const struct troupe_service hanging_services[] = {{&probe_interface, &hanging_handlers}};
static const struct troupe_actor_def hanging_def = {
    .name = "hanging", .services = hanging_services, .services_count = 1, .flags = TROUPE_DETACHED};
static const struct troupe_role hanging_role = {.name = "hanging", .actor = &hanging_def};

/* Until so many wait, the oldest for so long, and so many asks are open. */
static void wait_for(struct troupe *troupe, uint64_t waiting, uint64_t waiting_ms, uint64_t asks)
{
    struct bus_list_actors_args args = {0};
    struct bus_list_actors_results results;
    struct troupe_ref bus;
    double due = now_s() + bound_ms(10000) / 1000.0;
    bool there = false;
    assert_int_equal(troupe_host_find(troupe, "hanging.bus", &bus), 0);
    while (!there) {
        assert_true(now_s() < due);
        assert_int_equal(bus_list_actors(troupe, bus, &args, &results, NULL, NULL), 0);
        const struct bus_actor *actor = find_role(&results, "hanging");
        there = actor != NULL && actor->waiting == waiting && actor->asks_open == asks &&
                actor->waiting_ms >= waiting_ms && (waiting != 0 || actor->waiting_ms == 0);
        troupe_release(results.message);
    }
}

static void test_actor_that_hangs_is_seen_by_what_waits_and_for_how_long(void **state)
{
    struct troupe *troupe;
    struct troupe_ref hanging;
    struct probe_tell_args tell = {0};
    (void)state;
    sem_init(&until, 0, 0);
    assert_int_equal(troupe_open(NULL, &troupe), 0);
    assert_int_equal(troupe_host_declare(troupe, &hanging_role, NULL), 0);
    assert_int_equal(troupe_host_start(troupe, "hanging"), 0);
    assert_int_equal(troupe_host_find(troupe, "hanging", &hanging), 0);
    wait_for(troupe, 0, 0, 0);
    assert_int_equal(probe_tell(troupe, hanging, &tell), 0);
    wait_for(troupe, 1, 30, 1);
    sem_post(&until);
    wait_for(troupe, 0, 0, 0);
    troupe_close(troupe, 1000);
    sem_destroy(&until);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        THREE_WAYS(test_actors_are_listed_with_role_and_counts),
        THREE_WAYS(test_actors_come_in_pages),
        THREE_WAYS(test_interfaces_are_listed_and_told_in_words),
        THREE_WAYS(test_links_are_listed),
        THREE_WAYS(test_quotas_of_a_peer_are_shown),
        THREE_WAYS(test_stats_count),
        THREE_WAYS(test_feature_test_knows_what_the_peer_serves),
        cmocka_unit_test(test_actor_that_hangs_is_seen_by_what_waits_and_for_how_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
