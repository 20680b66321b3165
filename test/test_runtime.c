/* The runtime of a process: it opens whole or not at all, closes while others are at work, and keeps
 * nothing of what has ended. One process. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "bus/cbor.h"
#include "test/support/peer.h"
#include "test/support/probe.h"
#include "test/support/prober.h"

static unsigned threads_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;
    assert_non_null(tasks);
    while (readdir(tasks) != NULL) {
        count++;
    }
    closedir(tasks);
    return count;
}

static void test_runtime_that_can_not_open_leaves_nothing_behind(void **state)
{
    (void)state;
    struct rlimit before;
    struct troupe *troupe;
    assert_int_equal(troupe_open(NULL, &troupe), 0); /* a checker starts a thread with the first */
    troupe_close(troupe, 100);
    unsigned threads = threads_count();
    troupe = NULL;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int error = troupe_open(NULL, &troupe);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, TROUPE_ESYSTEM);
    assert_null(troupe);
    double due = now_s() + 1; /* a thread that was joined may be listed a moment longer */
    while (threads_count() != threads && now_s() < due) {
    }
    assert_int_equal(threads_count(), threads);
}

/* ---- closing --------------------------------------------------------------------------------- */

static int breed_start(struct troupe_actor *self, void *state, const void *argument);
static const struct troupe_actor_def breeder = {.name = "breeder", .start = breed_start};

/* Each spawns the next, so that there is always one that the closing thread has not seen. */
static int breed_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct troupe_ref child;
    (void)state;
    (void)argument;
    int error = troupe_spawn(troupe_runtime(self), &breeder, NULL, &child);
    return error == TROUPE_ECLOSED ? 0 : 1;
}

/* Rule 12. */
static void test_closing_ends_while_actors_spawn_others(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct troupe_config config = {.workers = 4};
        struct troupe *troupe;
        struct troupe_ref ref;
        assert_int_equal(troupe_open(&config, &troupe), 0);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(troupe_spawn(troupe, &breeder, NULL, &ref), 0);
        }
        troupe_close(troupe, 100);
    }
}

/* ---- what has ended -------------------------------------------------------------------------- */

static struct troupe *troupe;

static int open_runtime(void **state)
{
    (void)state;
    return troupe_open(NULL, &troupe);
}

static int close_runtime(void **state)
{
    (void)state;
    troupe_close(troupe, 1000);
    return 0;
}

static bool is_alone(void *user)
{
    struct troupe_stats stats;
    (void)user;
    troupe_stats(troupe, &stats);
    return stats.actors == 1; /* the bus's own */
}

static atomic_uint published;

static int publish_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct probe_changed changed = {.number = 1};
    struct probe_newest newest = {.number = 1};
    (void)state;
    (void)argument;
    if (probe_publish_changed(self, &changed) == 0 && probe_publish_newest(self, &newest) == 0) {
        atomic_fetch_add(&published, 1);
    }
    return 1;
}

/* Rule 10: else the table of topics, which is bounded, would fill up with those of the dead. */
static void test_topics_of_ended_actors_are_given_back(void **state)
{
    (void)state;
    static const struct troupe_actor_def publisher = {.name = "publisher", .start = publish_start};
    struct troupe_ref ref;
    atomic_store(&published, 0);
    for (int i = 0; i < TROUPE_TOPICS_MAX; i++) {
        assert_int_equal(troupe_spawn(troupe, &publisher, NULL, &ref), 0);
    }
    wait_until(troupe, is_alone, NULL);
    assert_int_equal(atomic_load(&published), TROUPE_TOPICS_MAX);
}

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)event;
    (void)info;
}

static atomic_bool churned;

static int churn_start(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    for (int i = 0; i < 2 * TROUPE_TOPICS_MAX; i++) {
        struct troupe_handler *handler;
        struct troupe_ref source;
        if (troupe_spawn(troupe, &probe_actor, NULL, &source) != 0 ||
            probe_on_changed(self, source, on_changed, NULL, &handler) != 0) {
            return 1;
        }
        troupe_handler_disconnect(handler);
        if (troupe_stop(troupe, source) != 0) {
            return 1;
        }
    }
    atomic_store(&churned, true);
    return 1;
}

static void test_topics_that_were_only_listened_to_are_given_back(void **state)
{
    (void)state;
    static const struct troupe_actor_def churner = {.name = "churner", .start = churn_start};
    struct troupe_ref ref;
    atomic_store(&churned, false);
    assert_int_equal(troupe_spawn(troupe, &churner, NULL, &ref), 0);
    wait_until(troupe, is_alone, NULL);
    assert_true(atomic_load(&churned));
}

/* ---- messages -------------------------------------------------------------------------------- */

static struct troupe_message *kept;
static struct troupe_text kept_text;

static void keep_echo(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct probe_echo_args *args)
{
    struct probe_echo_results results = {.number = args->number};
    (void)state;
    probe_echo_reply(call, &results);
    kept = troupe_keep(self); /* after the answer, too */
    kept_text = args->text;
}

static const struct probe_handlers keep_handlers = {.echo = keep_echo};
static const struct troupe_service keep_services[] = {
    {.interface = &probe_interface, .handlers = &keep_handlers}};
static const struct troupe_actor_def keeper = {
    .name = "keeper", .services = keep_services, .services_count = 1, .flags = TROUPE_PINNED};

static void test_kept_message_stays_valid_until_released(void **state)
{
    (void)state;
    struct troupe_ref ref;
    struct probe_echo_args args = {.number = 7, .text = troupe_text("still here")};
    assert_int_equal(troupe_spawn(troupe, &keeper, NULL, &ref), 0);
    struct troupe_writer writer;
    /* A tell of the same method: the pinned actor runs on this thread, which must not wait. */
    troupe_writer_init(&writer);
    probe_echo_args_write(&writer, &args);
    assert_int_equal(troupe_gen_tell(troupe, ref, &probe_interface.methods[0], &writer), 0);
    kept = NULL;
    while (kept == NULL) {
        troupe_step(troupe, 10);
    }
    assert_int_equal(troupe_stop(troupe, ref), 0);
    wait_until(troupe, is_alone, NULL);
    assert_int_equal(kept_text.size, 10);
    assert_memory_equal(kept_text.data, "still here", 10);
    troupe_release(kept);
}

static void test_secret_does_not_stay_in_the_writer(void **state)
{
    (void)state;
    struct troupe_ref ref;
    struct troupe_writer writer;
    struct probe_secret_results results;
    struct probe_secret_args args = {.word = troupe_text("correct horse battery")};
    assert_int_equal(troupe_spawn(troupe, &probe_actor, NULL, &ref), 0);
    assert_int_equal(probe_secret(troupe, ref, &args, &results, NULL, NULL), 0);
    troupe_writer_init(&writer);
    enum { WRITTEN = 24 }; /* a map of one text of 21 bytes */
    assert_null(memmem(writer.data, WRITTEN, "correct", 7));
    struct probe_echo_args open_args = {.text = troupe_text("correct")};
    struct probe_echo_results echoed;
    assert_int_equal(probe_echo(troupe, ref, &open_args, &echoed, NULL, NULL), 0);
    troupe_release(echoed.message);
    troupe_writer_init(&writer);
    assert_non_null(memmem(writer.data, WRITTEN, "correct", 7)); /* looking there can find it */
}

static void test_feature_test_sees_what_an_actor_serves(void **state)
{
    (void)state;
    struct troupe_ref ref;
    struct troupe_method newer = probe_interface.methods[0];
    newer.ordinal = 77;
    assert_int_equal(troupe_spawn(troupe, &probe_actor, NULL, &ref), 0);
    assert_true(troupe_gen_has(troupe, ref, &probe_interface.methods[0]));
    assert_false(troupe_gen_has(troupe, ref, &newer));
    assert_int_equal(troupe_stop(troupe, ref), 0);
    wait_until(troupe, is_alone, NULL);
    assert_false(troupe_gen_has(troupe, ref, &probe_interface.methods[0]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_runtime, close_runtime)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runtime_that_can_not_open_leaves_nothing_behind),
        cmocka_unit_test(test_closing_ends_while_actors_spawn_others),
        TEST(test_topics_of_ended_actors_are_given_back),
        TEST(test_topics_that_were_only_listened_to_are_given_back),
        TEST(test_kept_message_stays_valid_until_released),
        TEST(test_secret_does_not_stay_in_the_writer),
        TEST(test_feature_test_sees_what_an_actor_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
