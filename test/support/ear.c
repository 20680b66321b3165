#include "test/support/ear.h"

#include <inttypes.h>

#include "test/support/probe.h"
#include "test/support/say.h"

struct ear {
    struct troupe_handler *handler;
    bool begun; /* heard from this run of the publisher */
    uint64_t epoch;
    uint64_t last;
    uint64_t received;
    uint64_t lost;
};

static void told(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    const struct ear *ear = state;
    struct probe_told_results results = {
        .times = ear->received, .sum = ear->lost, .cancelled = ear->last};
    (void)self;
    probe_told_reply(call, &results);
}

/* Sequences `from` to `to` are accounted for. */
static void account(struct ear *ear, uint64_t from, uint64_t to)
{
    if (from != ear->last + 1 || to < from) {
        say("bad: after event %" PRIu64 " came %" PRIu64 " to %" PRIu64 "\n", ear->last, from, to);
    }
    ear->last = to;
}

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    struct ear *ear = user;
    (void)self;
    if (event == NULL && info->lost_to == 0) { /* a new publisher */
        *ear = (struct ear){.handler = ear->handler};
        return;
    }
    if (!ear->begun) { /* what was before the subscription */
        uint64_t first = event != NULL ? info->sequence : info->lost_from;
        ear->begun = true;
        ear->epoch = info->epoch;
        ear->lost = ear->last = first - 1;
    }
    if (info->epoch != ear->epoch) {
        say("bad: a new publisher, untold\n");
    }
    if (event == NULL) {
        account(ear, info->lost_from, info->lost_to);
        ear->lost += info->lost_to - info->lost_from + 1;
    } else {
        account(ear, info->sequence, info->sequence);
        ear->received++;
    }
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct ear *ear = state;
    struct troupe_ref probe;
    (void)argument;
    int error = troupe_lookup(self, "probe", &probe);
    return error != 0 ? error : probe_on_changed(self, probe, on_changed, ear, &ear->handler);
}

static const struct probe_handlers handlers = {.told = told};
static const struct troupe_service services[] = {{&probe_interface, &handlers}};

const struct troupe_actor_def ear_def = {.name = "ear",
                                         .state_size = sizeof(struct ear),
                                         .start = start,
                                         .services = services,
                                         .services_count = 1};
