#include <time.h>

#include "test/support/probe.h"
#include "test/support/say.h"
#include "test/support/talker.h"

enum { AGAIN_MS = 2, CRIES = 5 /* at a time */ };

struct neighbour {
    struct troupe_ref probe;
    struct troupe_ref other;
    int calls; /* whom */
    uint64_t began_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void call_again(struct troupe_actor *self, void *user);

static void called(struct troupe_actor *self, struct neighbour *neighbour,
                   const struct troupe_error *error)
{
    struct talk_samples *samples = &talk.samples[neighbour->calls];
    unsigned at = atomic_load(&samples->count);
    atomic_fetch_sub(&talk.talking, 1);
    atomic_fetch_add(&talk.completed, 1);
    if (error != NULL && !talk_is_loss(error->code)) {
        say("bad: a neighbour's call: %s\n", error->text);
    }
    if (error == NULL && at < TALK_SAMPLES_MAX) {
        samples->us[at] = (unsigned)((now_ns() - neighbour->began_ns) / 1000);
        atomic_store(&samples->count, at + 1);
    }
    if (error == NULL) {
        call_again(self, neighbour);
    } else if (troupe_after(self, AGAIN_MS, call_again, neighbour, NULL) != 0) {
        say("bad: no timer\n");
    }
}

static void on_other(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_echo_results *results)
{
    (void)results;
    called(self, user, error);
}

static void on_probe(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    called(self, user, error);
}

static void call_again(struct troupe_actor *self, void *user)
{
    struct neighbour *neighbour = user;
    struct probe_echo_args echo = {.number = 1};
    struct probe_publish_args publish = {.times = CRIES};
    int error = TROUPE_EBUSY;
    neighbour->began_ns = now_ns();
    atomic_fetch_add(&talk.talking, 1);
    if (!atomic_load(&talk.pausing)) {
        error = neighbour->calls == TALK_OTHER
                    ? probe_echo_ask(self, neighbour->other, &echo, on_other, neighbour, NULL)
                    : probe_publish_ask(self, neighbour->probe, &publish, on_probe, neighbour,
                                        NULL);
    }
    if (error == 0) {
        atomic_fetch_add(&talk.asked, 1);
        return;
    }
    atomic_fetch_sub(&talk.talking, 1);
    if (troupe_after(self, AGAIN_MS, call_again, neighbour, NULL) != 0) {
        say("bad: no timer\n");
    }
}

static int neighbour_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct neighbour *neighbour = state;
    const int *calls = argument;
    neighbour->calls = *calls;
    int error = troupe_lookup(self, "probe", &neighbour->probe);
    error = error != 0 ? error : troupe_lookup(self, "other", &neighbour->other);
    if (error == 0) {
        call_again(self, state);
    }
    return error;
}

const struct troupe_actor_def neighbour_def = {.name = "neighbour",
                                               .state_size = sizeof(struct neighbour),
                                               .start = neighbour_start,
                                               .stop = talk_stop};
