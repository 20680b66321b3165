/* The bus when memory or threads fail it: a scenario of everything that an actor can do, once
 * for each call of ours that can fail, with that call failing (and with four in a row failing).
 *
 * Whatever fails: a function says so by its documented errors, what was accepted completes exactly
 * once and not by its deadline, nobody waits for ever, nothing is left. Over a link, and under a
 * checker, a sample of the calls; all of them with TROUPE_FAULT_ALL=1. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/fault.h"
#include "test/support/probe.h"
#include "test/support/prober.h"
#include "test/support/runner.h"

enum { ASKS = 8, ITEMS = 40, BLOB_BYTES = 100000, EVENTS = 3 };

/* What the actor of the scenario was promised, and what became of it. */
struct promises {
    unsigned asks, done;
    unsigned timers, fired;
    unsigned watches, gone;
    unsigned twice; /* completions too many */
    bool seen[ASKS];
    unsigned subscribed;
    unsigned published; /* publish answered without an error */
    uint64_t changed;   /* the last that is accounted for */
    uint64_t newest;
    unsigned newest_count;
    unsigned gaps;
    bool acted;
};
static struct promises got;
static atomic_uint links_up;
static atomic_uint links_gone;

static void unexpected(int code)
{
    print_error("an unexpected end: %d, %s\n", code, troupe_error_text(code));
    fault_print_place();
    fail();
}

/* The documented errors of what is out of something. */
static void check_clear(int code)
{
    if (code != 0 && code != TROUPE_ENOMEM && code != TROUPE_ESYSTEM) {
        unexpected(code);
    }
}

/* What an ask may end with: also its target may be gone, for the same reason. */
static void check_end(int code)
{
    if (code != TROUPE_EDOWN && code != TROUPE_ELOST && code != TROUPE_ECANCELED) {
        check_clear(code);
    }
}

static void done(void *user, const struct troupe_error *error)
{
    unsigned which = (unsigned)(uintptr_t)user;
    got.twice += got.seen[which];
    got.seen[which] = true;
    got.done++;
    check_end(error != NULL ? error->code : 0);
}

/* Counts what was accepted. */
static bool asked(int error)
{
    check_end(error);
    got.asks += error == 0;
    return error == 0;
}

static void on_echo(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    (void)self;
    (void)results;
    done(user, error);
}

static void on_forward(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct probe_forward_results *results)
{
    (void)self;
    (void)results;
    done(user, error);
}

static void on_check(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    if (error != NULL && error->code == PROBE_ODD) {
        error = NULL;
    }
    done(user, error);
}

static void on_wait(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    if (error != NULL && error->code == TROUPE_EUNANSWERED) {
        error = NULL; /* the probe had no timer for it */
    }
    done(user, error);
}

static void on_number(struct troupe_actor *self, void *user, const struct probe_count_item *item)
{
    (void)self;
    (void)user;
    (void)item;
}

static void on_counted(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    done(user, error);
}

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_sum_results *results)
{
    (void)self;
    assert_true(error != NULL || results->size == BLOB_BYTES);
    done(user, error);
}

static void on_published(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    got.published += error == NULL ? EVENTS : 0;
    done(user, error);
}

static void on_timer(struct troupe_actor *self, void *user)
{
    (void)self;
    (void)user;
    got.fired++;
}

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    (void)self;
    (void)user;
    (void)ref;
    (void)why;
    got.gone++;
}

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    if (event == NULL && info->lost_to == 0) {
        got.changed = got.published; /* all of it */
        return;
    }
    uint64_t from = event != NULL ? info->sequence : info->lost_from;
    got.gaps += from != got.changed + 1;
    got.changed = event != NULL ? info->sequence : info->lost_to;
}

static void on_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                      const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL) {
        got.newest = event->number;
        got.newest_count++;
    }
}

/* ---- the actor ------------------------------------------------------------------------------- */

struct stage {
    struct troupe *troupe;
    struct troupe_ref probe;
    struct troupe_ref other;
};

static const struct troupe_actor_def victim = {.name = "victim"};

static void ask_everything(struct troupe_actor *self, const struct stage *stage)
{
    static uint8_t blob[BLOB_BYTES];
    struct probe_echo_args echo = {.number = 1, .text = troupe_text("one")};
    struct probe_forward_args forward = {.number = 1, .text = troupe_text("two")};
    struct probe_check_args check = {.number = 3};
    struct probe_wait_args wait = {.ms = 20};
    struct probe_count_args count = {.to = ITEMS};
    struct probe_sum_args sum = {.data = {.data = blob, .size = sizeof blob}};
    struct probe_publish_args publish = {.times = EVENTS};
    uint64_t token = 0;
    struct troupe_options options = {.ret_token = &token};
    uintptr_t which = 0;
    struct troupe_ref probe = stage->probe;
    asked(probe_publish_ask(self, probe, &publish, on_published, (void *)which++, NULL));
    asked(probe_echo_ask(self, probe, &echo, on_echo, (void *)which++, NULL));
    asked(probe_forward_ask(self, stage->other, &forward, on_forward, (void *)which++, NULL));
    asked(probe_check_ask(self, probe, &check, on_check, (void *)which++, NULL));
    asked(probe_wait_ask(self, probe, &wait, on_wait, (void *)which++, NULL));
    asked(probe_count_ask(self, probe, &count, on_number, on_counted, (void *)which++, NULL));
    asked(probe_sum_ask(self, probe, &sum, on_sum, (void *)which++, NULL));
    wait.ms = 50;
    if (asked(probe_wait_ask(self, stage->other, &wait, on_wait, (void *)which++, &options))) {
        while (troupe_cancel(self, token) == TROUPE_ENOMEM) { /* it may be tried again */
        }
    }
}

static int act(struct troupe_actor *self, void *state, const void *argument)
{
    const struct stage *stage = argument;
    struct troupe_ref child;
    (void)state;
    int error = probe_on_changed(self, stage->probe, on_changed, NULL, NULL);
    check_clear(error);
    got.subscribed += error == 0;
    error = probe_on_newest(self, stage->probe, on_newest, NULL, NULL);
    check_clear(error);
    got.subscribed += error == 0;
    for (int i = 0; i < 3; i++) {
        error = troupe_after(self, 1, on_timer, NULL, NULL);
        check_clear(error);
        got.timers += error == 0;
    }
    error = troupe_spawn(stage->troupe, &victim, NULL, &child);
    check_clear(error);
    if (error == 0) {
        error = troupe_watch(self, child, on_gone, NULL, NULL);
        check_clear(error);
        got.watches += error == 0;
        while (troupe_stop(stage->troupe, child) == TROUPE_ENOMEM) {
        }
    }
    ask_everything(self, stage);
    got.acted = true;
    return 0;
}

static const struct troupe_actor_def actor = {
    .name = "actor", .start = act, .flags = TROUPE_PINNED};

static bool kept(void)
{
    bool events = atomic_load(&links_gone) != 0 || got.subscribed < 2 || got.published == 0 ||
                  (got.changed >= got.published && got.newest >= got.published);
    return got.acted && got.done == got.asks && got.fired == got.timers &&
           got.gone == got.watches && events;
}

/* ---- the scenario ---------------------------------------------------------------------------- */

/* Without its link, nobody tells what was missed of the events of another runtime. */
static bool missed_untold(struct troupe *troupe)
{
    double due = runner_now() + 0.5 * runner_slowness();
    while (got.gaps != 0 && atomic_load(&links_gone) == 0 && runner_now() < due) {
        troupe_step(troupe, 5);
    }
    return got.gaps != 0 && atomic_load(&links_gone) == 0;
}

static void wait_kept(struct troupe *troupe)
{
    double due = runner_now() + 3 * runner_slowness();
    while (!kept() && runner_now() < due) {
        troupe_step(troupe, 5);
    }
    if (!kept() || got.twice != 0 || missed_untold(troupe)) {
        print_error("asks %u of %u, timers %u of %u, watches %u of %u, events %u %llu %llu, twice "
                    "%u, gaps %u\n",
                    got.done, got.asks, got.fired, got.timers, got.gone, got.watches, got.published,
                    (unsigned long long)got.changed, (unsigned long long)got.newest, got.twice,
                    got.gaps);
        fault_print_place();
        fail();
    }
}

static void call_everything(const struct stage *stage)
{
    struct probe_echo_args echo = {.number = 5, .text = troupe_text("five")};
    struct probe_echo_results echoed;
    struct probe_count_args count = {.to = ITEMS};
    int error = probe_echo(stage->troupe, stage->other, &echo, &echoed, NULL, NULL);
    check_end(error);
    if (error == 0) {
        assert_int_equal(echoed.number, 5);
        troupe_release(echoed.message);
    }
    check_end(probe_count(stage->troupe, stage->probe, &count, on_number, NULL, NULL, NULL));
}

/* What was missed untold would show now: as a gap, or as nothing at all. */
static void publish_again(const struct stage *stage)
{
    struct probe_publish_args publish = {.times = 1};
    uint64_t changed = got.changed;
    unsigned newest = got.newest_count;
    double due = runner_now() + 3 * runner_slowness();
    int error = probe_publish(stage->troupe, stage->probe, &publish, NULL, NULL);
    if (error != 0) { /* the link ended just now */
        check_end(error);
        return;
    }
    while ((got.changed == changed || got.newest_count == newest) && runner_now() < due) {
        troupe_step(stage->troupe, 5);
    }
    if (got.changed == changed || got.newest_count == newest || got.gaps != 0) {
        print_error("an event was missed untold: changed %llu, gaps %u, newest %u times\n",
                    (unsigned long long)got.changed, got.gaps, got.newest_count);
        fault_print_place();
        fail();
    }
}

static void play(const struct stage *stage)
{
    struct troupe_ref ref;
    got = (struct promises){0};
    int error = troupe_spawn(stage->troupe, &actor, stage, &ref);
    check_clear(error);
    if (error == 0) {
        wait_kept(stage->troupe);
    }
    call_everything(stage);
    fault_stop();
    if (error == 0 && got.subscribed == 2 && atomic_load(&links_gone) == 0) {
        publish_again(stage);
    }
}

static bool start_roles(struct troupe *troupe)
{
    int probe = troupe_host_declare(troupe, &probe_role, NULL);
    int other = troupe_host_declare(troupe, &other_role, NULL);
    check_clear(probe);
    check_clear(other);
    if (probe == 0 && other == 0) {
        probe = troupe_host_start(troupe, "probe");
        other = troupe_host_start(troupe, "other");
        check_clear(probe);
        check_clear(other);
    }
    return probe == 0 && other == 0;
}

static void in_one_runtime(void)
{
    struct stage stage;
    int error = troupe_open(NULL, &stage.troupe);
    check_clear(error);
    if (error != 0) {
        return;
    }
    if (start_roles(stage.troupe)) {
        assert_int_equal(troupe_host_find(stage.troupe, "probe", &stage.probe), 0);
        assert_int_equal(troupe_host_find(stage.troupe, "other", &stage.other), 0);
        play(&stage);
    }
    troupe_close(stage.troupe, 1000);
}

/* ---- two runtimes with a link ---------------------------------------------------------------- */

static void on_host(void *user, const struct troupe_host_event *event)
{
    (void)user;
    atomic_fetch_add(&links_up, event->kind == TROUPE_LINK_UP);
    atomic_fetch_add(&links_gone, event->kind == TROUPE_LINK_GONE);
}

static struct troupe *open_runtime(void)
{
    struct troupe *troupe = NULL;
    int error = troupe_open(NULL, &troupe);
    check_clear(error);
    if (error == 0) {
        troupe_host_on_event(troupe, on_host, NULL);
    }
    return troupe;
}

/* The roles live in `server`, `client` uses them. Both ends are always tried. */
static bool join(struct troupe *server, struct troupe *client)
{
    static const char *const names[] = {"probe", "other"};
    int requests[2];
    struct troupe_grant exports[2];
    struct troupe_grant imports[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests), 0);
    for (int i = 0; i < 2; i++) {
        int events[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, events), 0);
        exports[i] = (struct troupe_grant){.role = names[i], .events_fd = events[0]};
        imports[i] = (struct troupe_grant){.role = names[i], .events_fd = events[1]};
    }
    struct troupe_link_config here = {
        .peer = "client", .fd = requests[0], .exports = exports, .exports_count = 2};
    struct troupe_link_config there = {
        .peer = "server", .fd = requests[1], .imports = imports, .imports_count = 2};
    int server_error = troupe_host_link(server, &here, NULL);
    int client_error = troupe_host_link(client, &there, NULL);
    check_clear(server_error);
    check_clear(client_error);
    if (server_error != 0 || client_error != 0) {
        return false;
    }
    double due = runner_now() + 3 * runner_slowness();
    while (atomic_load(&links_up) < 2 && atomic_load(&links_gone) == 0 && runner_now() < due) {
        troupe_step(client, 2);
    }
    bool either = atomic_load(&links_up) == 2 || atomic_load(&links_gone) != 0;
    if (!either) {
        print_error("the link is neither up nor gone\n");
        fault_print_place();
        fail();
    }
    return atomic_load(&links_gone) == 0;
}

static void over_a_link(void)
{
    struct stage stage = {.troupe = NULL};
    atomic_store(&links_up, 0);
    atomic_store(&links_gone, 0);
    struct troupe *server = open_runtime();
    struct troupe *client = open_runtime();
    stage.troupe = client;
    if (server != NULL && client != NULL && start_roles(server) && join(server, client)) {
        assert_int_equal(troupe_host_find(client, "probe", &stage.probe), 0);
        assert_int_equal(troupe_host_find(client, "other", &stage.other), 0);
        play(&stage);
    }
    troupe_close(client, 200);
    troupe_close(server, 200);
}

/* ---- every call ------------------------------------------------------------------------------ */

/* NNG closes what it was handed on a thread of its own. */
static bool nothing_left(unsigned before, int64_t live)
{
    double due = runner_now() + 2 * runner_slowness();
    while (fault_descriptors() != before && runner_now() < due) {
        poll(NULL, 0, 1);
    }
    if (fault_live() == live && fault_descriptors() == before) {
        return true;
    }
    print_error("%lld pieces of memory left, %d descriptors\n", (long long)(fault_live() - live),
                (int)(fault_descriptors() - before));
    return false;
}

static void stuck(int number)
{
    (void)number;
    fault_print_place(); /* NOLINT(bugprone-signal-handler,cert-sig30-c): its last words */
    abort();
}

/* So that there are about so many runs. */
static uint64_t stride(uint64_t calls, uint64_t runs_max)
{
    runs_max = runner_slowness() > 1 ? runs_max / 10 + 1 : runs_max;
    return getenv("TROUPE_FAULT_ALL") != NULL ? 1 : calls / runs_max + 1;
}

static void fail_each(const char *name, void (*scenario)(void), unsigned kinds, uint64_t runs_max)
{
    signal(SIGALRM, stuck);
    scenario(); /* what is made once in a process is made */
    fault_start(kinds, 0, 0);
    scenario();
    uint64_t calls = fault_stop();
    unsigned before = fault_descriptors();
    int64_t live = fault_live();
    uint64_t runs = 0;
    unsigned again = 0;
    double slowest = 0;
    for (uint64_t length = 1; length <= 4; length += 3) {
        for (uint64_t n = 1, on = 1; on; n += stride(calls, runs_max)) {
            double began = runner_now();
            fault_start(kinds, n, length);
            alarm((unsigned)(10 * runner_slowness()));
            scenario();
            alarm(0);
            fault_stop();
            on = fault_fired();
            runs++;
            slowest = runner_now() - began > slowest ? runner_now() - began : slowest;
            if (fault_live() > live && again < 2) { /* a thread's buffer, which it keeps? */
                live = fault_live();
                n -= stride(calls, runs_max);
                again++;
                continue;
            }
            again = 0;
            if (!nothing_left(before, live)) {
                fault_print_place();
                fail();
            }
        }
    }
    assert_true(calls > 0);
    print_message("%s: %llu calls, %llu runs, the slowest took %.0f ms\n", name,
                  (unsigned long long)calls, (unsigned long long)runs, slowest * 1000);
}

static void test_one_runtime_without_memory(void **state)
{
    (void)state;
    fail_each("memory", in_one_runtime, FAULT_MEMORY, 200);
}

static void test_one_runtime_without_threads_or_descriptors(void **state)
{
    (void)state;
    fail_each("threads, descriptors", in_one_runtime, FAULT_SYSTEM, 200);
}

static void test_link_without_memory(void **state)
{
    (void)state;
    fail_each("memory", over_a_link, FAULT_MEMORY, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_runtime_without_memory),
        cmocka_unit_test(test_one_runtime_without_threads_or_descriptors),
        cmocka_unit_test(test_link_without_memory),
    };
    return cmocka_run_group_tests_name("fault_bus", tests, NULL, NULL);
}
