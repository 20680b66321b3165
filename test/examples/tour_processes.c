/* The tour, second part: the same actor in a process of its own, and a subscriber to its event. */
#include <stdio.h>
#include <unistd.h>

#include "launcher/launcher.h"
#include "test/examples/counter.h"

/* ---- the counter: as before, and it publishes --------------------------------------------------- */

struct counter {
    uint64_t total;
};

static void add(struct troupe_actor *self, void *state, struct troupe_call *call,
                const struct counter_add_args *args)
{
    struct counter *counter = state;
    counter->total += args->by;
    counter_publish_changed(self, &(struct counter_changed){.total = counter->total});
    counter_add_reply(call, &(struct counter_add_results){.total = counter->total});
}

static int counter_start(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    printf("counter: process %d\n", (int)getpid());
    fflush(stdout);
    return 0;
}

static const struct counter_handlers handlers = {.add = add};
static const struct troupe_service serves = {&counter_interface, &handlers};
static const struct troupe_actor_def counter_actor = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .start = counter_start,
    .services = &serves,
    .services_count = 1,
};

/* ---- the front: asks, and listens ------------------------------------------------------------------ */

static void added(struct troupe_actor *self, void *user, const struct troupe_error *error,
                  const struct counter_add_results *results)
{
    (void)self;
    (void)user;
    if (error != NULL) {
        fprintf(stderr, "%s\n", error->text);
        troupe_quit(1);
    } else {
        printf("answered %llu\n", (unsigned long long)results->total);
    }
}

static void changed(struct troupe_actor *self, void *user, const struct counter_changed *event,
                    const struct troupe_event_info *info)
{
    (void)self;
    (void)user;
    (void)info;
    if (event != NULL && event->total == 6) {
        printf("it has reached 6\n");
        troupe_quit(0);
    }
}

static int front_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct troupe_ref counter;
    (void)state;
    (void)argument;
    printf("front: process %d\n", (int)getpid());
    int error = troupe_lookup(self, "counter", &counter);
    if (error == 0) {
        error = counter_on_changed(self, counter, changed, NULL, NULL);
    }
    for (uint32_t by = 1; by <= 3 && error == 0; by++) {
        error = counter_add_ask(self, counter, &(struct counter_add_args){by}, added, NULL, NULL);
    }
    return error;
}

static const struct troupe_actor_def front_actor = {.name = "front", .start = front_start};

/* ---- the program ------------------------------------------------------------------------------------- */

static const char *const front_uses[] = {"counter", NULL};
static const struct troupe_role roles[] = {
    {.name = "counter", .actor = &counter_actor},
    {.name = "front", .actor = &front_actor, .uses = front_uses},
};
static const struct troupe_program program = {
    .name = "tour",
    .version = "1",
    .summary = "Counts to six.",
    .roles = roles,
    .roles_count = 2,
    .front = "front",
    .split = "counter",
};

int main(int argc, char **argv)
{
    return troupe_main(argc, argv, &program);
}
