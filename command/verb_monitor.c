/* verb_monitor.c - messages as they pass: monitor, capture, read.
 *
 * Each process is looked at through its agent's `observe`, so what comes from one is in order, but what
 * comes from several is not. It is held back until nothing older can come, and then shown by time: a
 * request is seen to leave one process before another handles it. What passed before Ctrl-C is shown, too:
 * each agent is called once more, and when that call is seen to pass, so was all before it. Who shows too slowly is told by the
 * agents how many it missed; nothing in the program ever waits for it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command/passing.h"

enum {
    HELD_MAX = 16384,
    TURN_MS = 100,
    CUT_CALL_MS = 500,
    HOLD_MS = 250, /* an agent looks every 50 ms (bus/observe_serve.c) */
};
struct monitor {
    struct tc_run run;
    struct tc_scene scene;
    struct tc_filters filters;
    struct tc_capture *capture; /* NULL: it is shown */
    struct held {
        struct tc_passed *one;
    } held[HELD_MAX];
    size_t held_count;
    uint64_t orders;
    uint64_t shown;
    uint64_t missed;
    size_t awaited;  /* agents that have not said that they look */
    uint64_t cut_ns; /* 0: not yet */
    struct looked {
        struct monitor *monitor;
        size_t process;
        bool ended; /* all until the cut was seen */
    } looked[TROUPE_ROLES_MAX];
};

/* ---- showing --------------------------------------------------------------------------------- */

static void show(struct monitor *monitor, const struct tc_passed *one)
{
    const struct tc_options *options = monitor->run.session->options;
    if (monitor->run.over && options->count != 0 && monitor->shown == options->count) {
        return;
    }
    monitor->missed += one->missed;
    monitor->shown += one->missed == 0;
    if (monitor->capture == NULL) {
        tc_passed_print(stdout, &monitor->scene, one, options->json);
    } else if (!tc_capture_write(monitor->capture, one)) {
        tc_over(&monitor->run, TC_FAILED);
    }
    if (options->count != 0 && monitor->shown == options->count) {
        tc_over(&monitor->run, TC_DONE);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct tc_passed *one = ((const struct held *)a)->one;
    const struct tc_passed *other = ((const struct held *)b)->one;
    uint64_t times[] = {one->passed.time_ns, other->passed.time_ns};
    return times[0] != times[1] ? (times[0] > times[1]) - (times[0] < times[1])
                                : (one->order > other->order) - (one->order < other->order);
}

/* Those up to that time, oldest first; `least` of them in any case. */
static void show_until(struct monitor *monitor, uint64_t time_ns, size_t least)
{
    size_t count = 0;
    qsort(monitor->held, monitor->held_count, sizeof(struct held), by_time);
    while (count < monitor->held_count &&
           (count < least || monitor->held[count].one->passed.time_ns <= time_ns)) {
        show(monitor, monitor->held[count].one);
        free(monitor->held[count++].one);
    }
    monitor->held_count -= count;
    memmove(monitor->held, monitor->held + count, monitor->held_count * sizeof(struct held));
    if (monitor->capture == NULL) {
        tc_flush(&monitor->run);
    }
}

static void turn(struct troupe_actor *self, void *user)
{
    struct monitor *monitor = user;
    if (!monitor->run.over) {
        show_until(monitor, (troupe_now_ms() - HOLD_MS) * 1000000, 0);
        if (troupe_after(self, TURN_MS, turn, monitor, NULL) != 0) {
            tc_over(&monitor->run, TC_FAILED);
        }
    }
}

/* ---- looking --------------------------------------------------------------------------------- */

static void hold(struct monitor *monitor, size_t process, const struct bus_passed *passed,
                 uint64_t missed)
{
    if (monitor->held_count == HELD_MAX) {
        show_until(monitor, 0, HELD_MAX / 2);
    }
    struct tc_passed *one = tc_passed_copy(process, passed, missed);
    if (one == NULL) {
        monitor->missed++;
        return;
    }
    one->order = monitor->orders++;
    monitor->held[monitor->held_count++].one = one;
}

/* The call of `on_cut` passes: it, and what was before it, was seen. */
static void mark(struct looked *looked, const struct bus_passed *passed)
{
    struct monitor *monitor = looked->monitor;
    bool all = true;
    if (monitor->cut_ns == 0 || passed->time_ns < monitor->cut_ns ||
        passed->interface != bus_interface.id || passed->step != BUS_STEP_HANDLE) {
        return;
    }
    looked->ended = true;
    for (size_t i = 0; i < monitor->scene.processes_count; i++) {
        all = all && (monitor->looked[i].ended || !tc_filters_need(&monitor->filters, i));
    }
    if (all) {
        tc_over(&monitor->run, monitor->run.cut_status);
    }
}

static void on_cut(struct tc_run *run)
{
    struct monitor *monitor = run->user;
    struct troupe_options options = {.deadline_ms = CUT_CALL_MS};
    monitor->cut_ns = troupe_now_ms() * 1000000;
    for (size_t i = 0; i < monitor->scene.processes_count; i++) {
        struct bus_get_stats_results stats;
        if (tc_filters_need(&monitor->filters, i) &&
            bus_get_stats(run->session->troupe,
                          tc_agent(run->session, monitor->scene.processes[i].role), &stats, NULL,
                          &options) == 0) {
            troupe_release(stats.message);
        }
    }
}

static void on_item(struct troupe_actor *self, void *user, const struct bus_observe_item *item)
{
    struct looked *looked = user;
    struct monitor *monitor = looked->monitor;
    bool bus = (monitor->run.session->options->given & TC_TAKES_BUS) != 0;
    (void)self;
    if (monitor->run.over) {
        return;
    }
    if (item->missed != 0) { /* before what came with it */
        struct bus_passed when = {.time_ns = item->passed_count != 0 ? item->passed[0].time_ns
                                                                     : troupe_now_ms() * 1000000};
        hold(monitor, looked->process, &when, item->missed);
    }
    for (size_t i = 0; i < item->passed_count; i++) {
        const struct bus_passed *passed = &item->passed[i];
        if ((bus || passed->interface != bus_interface.id) &&
            tc_filters_take(&monitor->filters, &monitor->scene, looked->process, passed)) {
            hold(monitor, looked->process, passed, 0);
        }
        mark(looked, passed);
    }
}

static void on_end(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    const struct looked *looked = user;
    struct tc_run *run = &looked->monitor->run;
    const char *name = looked->monitor->scene.processes[looked->process].name;
    (void)self;
    if (run->over || error == NULL) {
        return;
    }
    if (error->code == TROUPE_ELOST || error->code == TROUPE_EDOWN) {
        tc_say(run->session, "the process %s ended", name);
        tc_over(run, TC_NOBODY);
    } else if (error->code == TROUPE_ECANCELED) { /* by the agent */
        tc_say(run->session, "%s gave up: nothing of it was read for too long", name);
        tc_over(run, TC_LATE);
    } else {
        tc_over(run, tc_say_error(run->session, name, NULL, error));
    }
}

static void say_begun(const struct monitor *monitor)
{
    char names[512] = "";
    size_t used = 0;
    for (size_t i = 0;
         i < monitor->scene.processes_count && used < sizeof names - TROUPE_NAME_BYTES_MAX - 4;
         i++) {
        if (tc_filters_need(&monitor->filters, i)) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                     used > 0 ? ", " : "", monitor->scene.processes[i].name);
        }
    }
    tc_say(monitor->run.session, "looks at %s", names);
}

/* An agent answers in order: now it looks. */
static void on_stats(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct bus_get_stats_results *results)
{
    struct monitor *monitor = user;
    (void)self;
    (void)results;
    if (error == NULL && --monitor->awaited == 0 && !monitor->run.over) {
        say_begun(monitor);
    }
}

static void begin(struct troupe_actor *self, struct tc_run *run)
{
    struct monitor *monitor = run->user;
    struct looked *looked = monitor->looked;
    const struct tc_options *options = run->session->options;
    struct bus_observe_args args = {.contents_bytes_max = (uint32_t)options->contents_bytes,
                                    .bus = true}; /* for `mark` */
    /* Of each item: the agent gives up first, and a process that is gone ends it in any case. */
    struct troupe_options ever = {.deadline_ms = TROUPE_DEADLINE_MS_MAX};
    for (size_t i = 0; i < monitor->scene.processes_count && !run->over; i++) {
        looked[i] = (struct looked){.monitor = monitor, .process = i};
        if (!tc_filters_need(&monitor->filters, i)) {
            continue;
        }
        struct troupe_ref agent = tc_agent(run->session, monitor->scene.processes[i].role);
        struct troupe_error error = {
            .code = bus_observe_ask(self, agent, &args, on_item, on_end, &looked[i], &ever)};
        if (error.code == 0) {
            monitor->awaited++;
            error.code = bus_get_stats_ask(self, agent, on_stats, monitor, NULL);
        }
        if (error.code != 0) {
            tc_over(run,
                    tc_say_error(run->session, monitor->scene.processes[i].name, NULL, &error));
        }
    }
    turn(self, monitor);
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static void say_counts(const struct monitor *monitor)
{
    tc_say(monitor->run.session, "%" PRIu64 " message%s%s%s, %" PRIu64 " missed", monitor->shown,
           monitor->shown == 1 ? "" : "s", monitor->capture != NULL ? " in " : "",
           monitor->capture != NULL ? monitor->capture->path : "", monitor->missed);
}

static enum tc_status look(struct monitor *monitor, const char *path)
{
    struct tc_capture capture;
    if (path != NULL) {
        if (!tc_capture_create(&capture, &monitor->scene, path)) {
            return TC_FAILED;
        }
        monitor->capture = &capture;
    }
    enum tc_status status = tc_run(&monitor->run);
    monitor->run.over = monitor->run.session->options->count != 0 &&
                        monitor->shown == monitor->run.session->options->count;
    show_until(monitor, UINT64_MAX, 0);
    if (path != NULL && !tc_capture_end(&capture, monitor->shown, monitor->missed)) {
        status = TC_FAILED;
    }
    say_counts(monitor);
    monitor->capture = NULL;
    return status;
}

static enum tc_status monitor_or_capture(struct tc_session *session, const char *path, size_t from)
{
    static struct monitor monitor; /* large */
    enum tc_status status = tc_open(session);
    if (status != TC_DONE) {
        return status;
    }
    monitor.run = (struct tc_run){
        .session = session, .begin = begin, .until_cut = true, .on_cut = on_cut, .user = &monitor};
    status = tc_scene_look(&monitor.scene, session);
    if (status == TC_DONE) {
        status = tc_filters_read(&monitor.scene, session->options->words + from,
                                 session->options->words_count - from, &monitor.filters);
    }
    if (status == TC_DONE) {
        status = look(&monitor, path);
    }
    tc_scene_free(&monitor.scene);
    return status;
}

enum tc_status tc_verb_monitor(struct tc_session *session)
{
    return monitor_or_capture(session, NULL, 0);
}

enum tc_status tc_verb_capture(struct tc_session *session)
{
    return monitor_or_capture(session, session->options->words[0], 1);
}

static enum tc_status read_scene(void *user)
{
    struct monitor *monitor = user;
    const struct tc_options *options = monitor->run.session->options;
    return tc_filters_read(&monitor->scene, options->words + 1, options->words_count - 1,
                           &monitor->filters);
}

static enum tc_status read_one(void *user, const struct tc_passed *one)
{
    struct monitor *monitor = user;
    const struct tc_options *options = monitor->run.session->options;
    bool ended = options->count != 0 && monitor->shown == options->count;
    if (!ended && (one->missed != 0 || tc_filters_take(&monitor->filters, &monitor->scene,
                                                       one->process, &one->passed))) {
        show(monitor, one);
    }
    return fflush(stdout) == 0 || ferror(stdout) == 0 ? TC_DONE : TC_FAILED;
}

enum tc_status tc_verb_read(struct tc_session *session)
{
    static struct monitor monitor; /* large */
    monitor.run = (struct tc_run){.session = session, .user = &monitor};
    enum tc_status status = tc_capture_read(session->options->words[0], &monitor.scene, session,
                                            read_scene, read_one, &monitor);
    if (status == TC_DONE) {
        say_counts(&monitor);
    }
    tc_scene_free(&monitor.scene);
    return status;
}
