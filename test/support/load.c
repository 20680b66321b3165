#include "test/support/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "interfaces/bus.h"
#include "test/support/ear.h"
#include "test/support/probe.h"
#include "test/support/say.h"
#include "test/support/talker.h"

enum { TICK_MS = 1, LOOK_MS = 50, SURVEYS = 10, PROCESSES_MAX = 8, NAME_BYTES_MAX = 32 };
enum { HERE, THERE, EARS };

/* What the launcher told, on the main thread. Which of them are dead: by name, as they come. */
static char names[PROCESSES_MAX][NAME_BYTES_MAX];
static bool dead[PROCESSES_MAX];
static atomic_uint deaths;
static atomic_uint dead_count;

struct load {
    struct troupe_ref probe;
    struct troupe_ref other;
    struct troupe_ref ears[EARS];
    const char *folder;
    bool loaded;
    bool paused;        /* and said so */
    unsigned seen;      /* deaths that a round was for */
    uint64_t looked_ns; /* at the folder, or at what is still open */
    uint64_t gone_ns;   /* the first since the last round */
    bool watching;
    unsigned marked[TALK_NEIGHBOURS]; /* samples */
    unsigned surveys;                 /* of this pause */
    unsigned asking;                  /* of a survey */
    uint64_t open; /* asks and messages, in all processes; and surveys that failed */
    uint64_t published;
    struct probe_told_results heard[EARS];
};

const char *const load_uses[] = {"probe", "other", "ear", NULL};

void load_on_process(const struct troupe_process_event *event)
{
    size_t i = 0;
    while (names[i][0] != '\0' && strcmp(names[i], event->process) != 0) {
        i++;
    }
    snprintf(names[i], sizeof names[i], "%s", event->process);
    bool is_dead = event->kind == TROUPE_PROCESS_DIED;
    if (is_dead) {
        atomic_fetch_add(&dead_count, dead[i] ? 0 : 1);
        atomic_fetch_add(&deaths, 1);
    } else {
        atomic_fetch_sub(&dead_count, 1);
    }
    dead[i] = is_dead;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct load *load = user;
    (void)self;
    (void)ref;
    (void)why; /* TROUPE_EDOWN, if it was dead again when the watch began */
    if (load->gone_ns == 0) {
        load->gone_ns = now_ns();
    }
    load->watching = false;
}

static void watch(struct troupe_actor *self, struct load *load)
{
    static uint64_t tokens[2];
    int error = 0;
    troupe_cancel(self, tokens[0]); /* of the one that lived on */
    troupe_cancel(self, tokens[1]);
    error = troupe_watch(self, load->probe, on_gone, load, &tokens[0]);
    error = error != 0 ? error : troupe_watch(self, load->other, on_gone, load, &tokens[1]);
    if (error != 0) {
        say("bad: no watch\n");
    }
    load->watching = true;
    load->gone_ns = 0;
}

/* Nobody talks, nobody is dead. */
static void end_round(struct troupe_actor *self, struct load *load, unsigned died)
{
    struct troupe_stats stats;
    troupe_stats(troupe_runtime(self), &stats);
    if (stats.asks_open != 0 || load->gone_ns == 0) {
        return; /* the bus itself still subscribes anew, or the watch is on its way here */
    }
    load->seen = died;
    say("round %u gone %" PRIu64 " asked %llu completed %llu failed %llu timeouts %llu\n", died,
        load->gone_ns, atomic_load(&talk.asked), atomic_load(&talk.completed),
        atomic_load(&talk.failed), atomic_load(&talk.timeouts));
    watch(self, load);
    atomic_store(&talk.pausing, false);
}

/* ---- a pause ---------------------------------------------------------------------------------- */

static void on_stats(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct bus_get_stats_results *results)
{
    struct load *load = user;
    (void)self;
    load->asking--;
    load->open += error != NULL ? 1 : results->stats.asks_open;
    if (error == NULL && results->stats.events_published != 0) {
        load->published = results->stats.events_published / 2; /* `changed` and `newest` */
    }
}

static void on_heard(struct load *load, int ear, const struct troupe_error *error,
                     const struct probe_told_results *results)
{
    load->asking--;
    if (error != NULL) {
        load->open++;
    } else {
        load->heard[ear] = *results;
    }
}

static void on_here(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_told_results *results)
{
    (void)self;
    on_heard(user, HERE, error, results);
}

static void on_there(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_told_results *results)
{
    (void)self;
    on_heard(user, THERE, error, results);
}

static void survey(struct troupe_actor *self, struct load *load)
{
    static const char *const agents[] = {"probe.bus", "other.bus"};
    struct troupe_stats stats;
    troupe_stats(troupe_runtime(self), &stats);
    load->open = stats.asks_open;
    load->published = 0;
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++) {
        struct troupe_ref agent;
        bool asked = troupe_host_find(troupe_runtime(self), agents[i], &agent) == 0 &&
                     bus_get_stats_ask(self, agent, on_stats, load, NULL) == 0;
        load->asking += asked;
        load->open += !asked;
    }
    bool here = probe_told_ask(self, load->ears[HERE], on_here, load, NULL) == 0;
    bool there = probe_told_ask(self, load->ears[THERE], on_there, load, NULL) == 0;
    load->asking += (unsigned)here + (unsigned)there;
    load->open += (uint64_t)!here + (uint64_t)!there;
}

static bool is_accounted(const struct load *load, int ear)
{
    const struct probe_told_results *heard = &load->heard[ear];
    return heard->times + heard->sum == load->published && heard->cancelled == load->published;
}

static void look_at_survey(struct load *load)
{
    if (load->open != 0 || !is_accounted(load, HERE) || !is_accounted(load, THERE)) {
        return; /* the next one tells: who waits for "paused" has a bound */
    }
    load->paused = true;
    say("paused asked %llu completed %llu failed %llu timeouts %llu published %" PRIu64
        " here %" PRIu64 " here-lost %" PRIu64 " there %" PRIu64 " there-lost %" PRIu64 "\n",
        atomic_load(&talk.asked), atomic_load(&talk.completed), atomic_load(&talk.failed),
        atomic_load(&talk.timeouts), load->published, load->heard[HERE].times,
        load->heard[HERE].sum, load->heard[THERE].times, load->heard[THERE].sum);
}

static void on_published(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct load *load = user;
    (void)self;
    (void)error;
    load->asking--;
    load->open = 1; /* look again */
}

/* Once a publisher was new: what it published before an ear was back is made known by one more. */
static void pause_here(struct troupe_actor *self, struct load *load, bool late)
{
    struct probe_publish_args args = {.times = 1};
    if (load->paused || load->asking != 0 || !late) {
        return;
    }
    if (load->surveys > 0) {
        look_at_survey(load);
    }
    if (load->paused) {
        return;
    }
    if (load->seen != 0 && load->surveys % SURVEYS == SURVEYS - 1) {
        int error = probe_publish_ask(self, load->probe, &args, on_published, load, NULL);
        load->asking += error == 0;
    } else {
        survey(self, load);
    }
    load->surveys++;
}

/* ---- a mark ----------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a;
    unsigned right = *(const unsigned *)b;
    return (left > right) - (left < right);
}

static void mark(struct load *load, int neighbour)
{
    static const char *const of[] = {[TALK_OTHER] = "other", [TALK_PROBE] = "probe"};
    const struct talk_samples *samples = &talk.samples[neighbour];
    unsigned now = atomic_load(&samples->count);
    unsigned count = now - load->marked[neighbour];
    unsigned *sorted = malloc((count + 1) * sizeof *sorted);
    if (sorted == NULL) {
        return;
    }
    sorted[0] = 0;
    memcpy(sorted, samples->us + load->marked[neighbour], count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_value);
    say("mark %s %u p50 %u us p99 %u us most %u us\n", of[neighbour], count, sorted[count / 2],
        sorted[count * 99 / 100], sorted[count > 0 ? count - 1 : 0]);
    load->marked[neighbour] = now;
    free(sorted);
}

/* ---- the actor ------------------------------------------------------------------------------- */

static bool is_there(const struct load *load, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", load->folder, name);
    return access(path, F_OK) == 0;
}

static void take_mark(struct load *load)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/mark", load->folder);
    if (unlink(path) == 0) {
        mark(load, TALK_OTHER);
        mark(load, TALK_PROBE);
    }
}

static void tick(struct troupe_actor *self, void *user)
{
    struct load *load = user;
    unsigned died = atomic_load(&deaths); /* before the look who is dead: they come after that */
    unsigned down = atomic_load(&dead_count);
    bool late = now_ns() - load->looked_ns > LOOK_MS * UINT64_C(1000000);
    bool pause = is_there(load, "pause");
    take_mark(load);
    if (!load->loaded && atomic_load(&talk.whole) == talk.talkers) {
        load->loaded = true;
        say("loaded\n");
    }
    if (pause || down != 0 || died != load->seen) {
        atomic_store(&talk.pausing, true);
        bool idle = atomic_load(&talk.talking) == 0 && down == 0;
        if (idle && died != load->seen) {
            end_round(self, load, died);
        } else if (idle && pause) {
            pause_here(self, load, late);
        }
    } else {
        if (load->paused) {
            say("resumed\n");
        }
        load->paused = false;
        load->surveys = 0;
        atomic_store(&talk.pausing, false);
    }
    if (late) {
        load->looked_ns = now_ns();
    }
    if (troupe_after(self, TICK_MS, tick, load, NULL) != 0) {
        say("bad: no timer\n");
    }
}

static int spawn_talkers(struct troupe_actor *self, unsigned count)
{
    static const int neighbours[] = {TALK_OTHER, TALK_PROBE};
    struct troupe_ref ref;
    int error = 0;
    unsigned neighbours_count = talk.once ? 0 : TALK_NEIGHBOURS;
    talk.talkers = count + neighbours_count;
    atomic_store(&talk.whole, neighbours_count); /* theirs always are */
    for (unsigned i = 0; i < count && error == 0; i++) {
        error = troupe_spawn(troupe_runtime(self), &talker_def, NULL, &ref);
    }
    for (unsigned i = 0; i < neighbours_count && error == 0; i++) {
        memset(talk.samples[i].us, 0, sizeof talk.samples[i].us); /* resident from the start */
        error = troupe_spawn(troupe_runtime(self), &neighbour_def, &neighbours[i], &ref);
    }
    return error;
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct load *load = state;
    const char *count = troupe_argument(argument, "load");
    if (count == NULL) {
        return 0;
    }
    load->folder = troupe_argument(argument, "datadir");
    talk.once = troupe_argument(argument, "once") != NULL;
    int error = troupe_lookup(self, "probe", &load->probe);
    error = error != 0 ? error : troupe_lookup(self, "other", &load->other);
    error = error != 0 ? error : troupe_lookup(self, "ear", &load->ears[THERE]);
    error = error != 0 ? error
                       : troupe_spawn(troupe_runtime(self), &ear_def, NULL, &load->ears[HERE]);
    error = error != 0 ? error : spawn_talkers(self, (unsigned)atoi(count));
    if (error == 0) {
        watch(self, load);
        tick(self, load);
    }
    return error;
}

const struct troupe_actor_def load_def = {
    .name = "load", .state_size = sizeof(struct load), .start = start};
