/* Deterministic mode itself: a virtual clock, no threads, links in memory, and the same again for the
 * same seed. What it is for is in test_interleavings.c. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/support/probe.h"
#include "test/support/prober.h"
#include "test/support/runner.h"
#include "test/support/stage.h"

enum { STEPS_MAX = 100000 };

static const struct troupe_actor_def user_actor = {.name = "user"};
static const char *const user_uses[] = {"probe", "other", NULL};
static const struct troupe_role user_role = {
    .name = "user", .actor = &user_actor, .uses = user_uses};
static const struct troupe_role *const roles[STAGE_PLACES] = {&user_role, &probe_role, &other_role};

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t count = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

/* ---- one runtime ------------------------------------------------------------------------------------- */

struct alarm {
    uint64_t rang;
};

static void ring(struct troupe_actor *self, void *user)
{
    struct alarm *alarm = user;
    (void)self;
    alarm->rang++;
}

static int set_alarm(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    return troupe_after(self, 3600 * 1000, ring, *(struct alarm *const *)argument, NULL);
}

static void test_an_hour_passes_at_once_and_without_threads(void **state)
{
    static const struct troupe_actor_def def = {
        .name = "alarm", .start = set_alarm, .flags = TROUPE_DETACHED};
    struct alarm alarm = {0};
    struct alarm *argument = &alarm;
    struct troupe_schedule *schedule;
    struct troupe *troupe;
    struct troupe_ref ref;
    (void)state;
    size_t threads = count_entries("/proc/self/task");
    assert_int_equal(troupe_schedule_open(1, &schedule), 0);
    struct troupe_config config = {.schedule = schedule};
    assert_int_equal(troupe_open(&config, &troupe), 0);
    assert_int_equal(troupe_spawn(troupe, &def, &argument, &ref), 0);
    uint64_t before_ns = troupe_schedule_now_ns(schedule);
    double began = runner_now();
    while (alarm.rang == 0) {
        assert_int_equal(troupe_schedule_step(schedule), 1);
    }
    assert_int_equal(count_entries("/proc/self/task"), threads);
    assert_true(troupe_schedule_now_ns(schedule) - before_ns >= 3600 * 1000000000ull);
    assert_true(runner_now() - began < 600);
    assert_int_equal(troupe_schedule_step(schedule), 0); /* nothing is left */
    troupe_close(troupe, 1000);
    troupe_schedule_close(schedule);
}

/* All asks of an actor share one timer. */
enum { HANGS = 4 };
struct hanging {
    struct troupe_schedule *schedule;
    struct troupe_ref probe;
    uint64_t began_ns;
    unsigned ended;
    uint64_t after_ms[HANGS];
};

static void on_hung(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct hanging *hanging = user;
    struct troupe_options options = {.deadline_ms = 20};
    assert_non_null(error);
    assert_int_equal(error->code, TROUPE_ETIMEOUT);
    uint64_t after_ns = troupe_schedule_now_ns(hanging->schedule) - hanging->began_ns;
    assert_true(hanging->ended < HANGS);
    hanging->after_ms[hanging->ended++] = after_ns / 1000000;
    if (hanging->ended == 1) { /* due before those that were asked before it */
        assert_int_equal(probe_hang_ask(self, hanging->probe, on_hung, hanging, &options), 0);
    }
}

static int hang(struct troupe_actor *self, void *state, const void *argument)
{
    static const uint32_t deadlines_ms[] = {300, 100, 200};
    struct hanging *hanging = *(struct hanging *const *)argument;
    (void)state;
    hanging->began_ns = troupe_schedule_now_ns(hanging->schedule);
    for (size_t i = 0; i < sizeof deadlines_ms / sizeof *deadlines_ms; i++) {
        struct troupe_options options = {.deadline_ms = deadlines_ms[i]};
        assert_int_equal(probe_hang_ask(self, hanging->probe, on_hung, hanging, &options), 0);
    }
    return 0;
}

static void test_asks_of_one_actor_end_each_at_its_own_deadline(void **state)
{
    static const struct troupe_actor_def def = {.name = "hanging", .start = hang};
    struct hanging hanging = {0};
    struct hanging *argument = &hanging;
    struct troupe *troupe;
    struct troupe_ref ref;
    (void)state;
    assert_int_equal(troupe_schedule_open(1, &hanging.schedule), 0);
    struct troupe_config config = {.schedule = hanging.schedule};
    assert_int_equal(troupe_open(&config, &troupe), 0);
    assert_int_equal(troupe_spawn(troupe, &probe_actor, NULL, &hanging.probe), 0);
    assert_int_equal(troupe_spawn(troupe, &def, &argument, &ref), 0);
    while (troupe_schedule_step(hanging.schedule) == 1) {
    }
    assert_int_equal(hanging.ended, HANGS);
    assert_int_equal(hanging.after_ms[0], 100);
    assert_int_equal(hanging.after_ms[1], 120);
    assert_int_equal(hanging.after_ms[2], 200);
    assert_int_equal(hanging.after_ms[3], 300);
    troupe_close(troupe, 1000);
    troupe_schedule_close(hanging.schedule);
}

/* ---- three ------------------------------------------------------------------------------------------- */

static void step_until_up(struct stage *stage)
{
    for (int i = 0; i < STAGE_LINKS; i++) {
        for (int steps = 0; !stage->links[i].ends[0].up || !stage->links[i].ends[1].up; steps++) {
            assert_true(steps < STEPS_MAX);
            assert_int_equal(troupe_schedule_step(stage->schedule), 1);
        }
    }
}

static void test_sync_calls_step_until_their_answer_is_there(void **state)
{
    struct stage stage = {0};
    struct troupe_ref other;
    struct probe_forward_args args = {.number = 1, .text = troupe_text("over three")};
    struct probe_forward_results results;
    (void)state;
    stage_open(&stage, 2, roles);
    step_until_up(&stage);
    struct troupe *troupe = stage.places[STAGE_USER].troupe;
    assert_int_equal(troupe_host_find(troupe, "other", &other), 0);
    assert_int_equal(probe_forward(troupe, other, &args, &results, NULL, NULL), 0);
    assert_int_equal(results.number, 2);
    troupe_release(results.message);
    struct troupe_options options = {.deadline_ms = 700};
    uint64_t before_ns = troupe_schedule_now_ns(stage.schedule);
    assert_int_equal(probe_hang(troupe, other, NULL, &options), TROUPE_ETIMEOUT);
    assert_true(troupe_schedule_now_ns(stage.schedule) - before_ns >= 700 * 1000000ull);
    stage_close(&stage, 1000);
}

enum { TELLS = 10 };

static int tell_some(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    for (uint64_t i = 0; i < TELLS; i++) {
        struct probe_tell_args args = {.number = i};
        assert_int_equal(
            probe_tell(troupe_runtime(self), *(const struct troupe_ref *)argument, &args), 0);
    }
    return 0;
}

static void test_what_an_actor_sends_in_one_turn_leaves_together(void **state)
{
    static const struct troupe_actor_def def = {.name = "teller", .start = tell_some};
    struct stage stage = {0};
    struct troupe_ref probe;
    struct troupe_ref ref;
    struct troupe_stats before;
    struct troupe_stats after;
    (void)state;
    stage_open(&stage, 4, roles);
    step_until_up(&stage);
    assert_true(stage_settle(&stage, STEPS_MAX));
    struct troupe *troupe = stage.places[STAGE_USER].troupe;
    assert_int_equal(troupe_host_find(troupe, "probe", &probe), 0);
    troupe_stats(troupe, &before);
    assert_int_equal(troupe_spawn(troupe, &def, &probe, &ref), 0);
    assert_true(stage_settle(&stage, STEPS_MAX));
    troupe_stats(troupe, &after);
    assert_int_equal(after.frames_out - before.frames_out, TELLS);
    assert_int_equal(after.batches_out - before.batches_out, 1);
    stage_close(&stage, 1000);
}

static void test_cut_wire_ends_the_link_at_both_ends(void **state)
{
    struct stage stage = {0};
    (void)state;
    stage_open(&stage, 3, roles);
    step_until_up(&stage);
    stage_cut(&stage, &stage.links[0]);
    assert_true(stage_settle(&stage, STEPS_MAX));
    for (int e = 0; e < 2; e++) {
        assert_true(stage.links[0].ends[e].gone);
        assert_int_equal(stage.links[0].ends[e].code, TROUPE_ELOST);
        assert_true(stage.links[1].ends[e].up);
    }
    stage_mend(&stage);
    assert_true(stage_settle(&stage, STEPS_MAX));
    assert_true(stage.links[0].ends[0].up && stage.links[0].ends[1].up);
    stage_close(&stage, 1000);
}

static uint64_t talk(uint64_t seed)
{
    struct stage stage = {0};
    struct troupe_ref probe;
    stage_open(&stage, seed, roles);
    step_until_up(&stage);
    struct troupe *troupe = stage.places[STAGE_USER].troupe;
    assert_int_equal(troupe_host_find(troupe, "probe", &probe), 0);
    for (uint64_t i = 0; i < 10; i++) {
        struct probe_tell_args args = {.number = i};
        assert_int_equal(probe_tell(troupe, probe, &args), 0);
    }
    stage_cut(&stage, &stage.links[0]);
    return stage_close(&stage, 1000);
}

static void test_equal_seeds_give_equal_traces(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t first = talk(seed);
        assert_int_equal(talk(seed), first);
        assert_int_not_equal(talk(seed + 1000), first);
    }
}

static void test_descriptors_are_given_back(void **state)
{
    (void)state;
    size_t before = count_entries("/proc/self/fd");
    for (uint64_t seed = 1; seed <= 5; seed++) {
        talk(seed);
    }
    assert_int_equal(count_entries("/proc/self/fd"), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_hour_passes_at_once_and_without_threads),
        cmocka_unit_test(test_asks_of_one_actor_end_each_at_its_own_deadline),
        cmocka_unit_test(test_sync_calls_step_until_their_answer_is_there),
        cmocka_unit_test(test_what_an_actor_sends_in_one_turn_leaves_together),
        cmocka_unit_test(test_cut_wire_ends_the_link_at_both_ends),
        cmocka_unit_test(test_equal_seeds_give_equal_traces),
        cmocka_unit_test(test_descriptors_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
