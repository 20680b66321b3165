/* The tour, first part: an actor, and a call to it in the same process. */
#include <stdio.h>

#include "test/examples/counter.h" /* generated from counter.iface */

struct counter {
    uint64_t total;
};

/* Serves method add: own state, a call to answer, arguments that were checked already. */
static void add(struct troupe_actor *self, void *state, struct troupe_call *call,
                const struct counter_add_args *args)
{
    struct counter *counter = state;
    (void)self;
    counter->total += args->by;
    counter_add_reply(call, &(struct counter_add_results){.total = counter->total});
}

static const struct counter_handlers handlers = {.add = add};
static const struct troupe_service serves = {&counter_interface, &handlers};
static const struct troupe_actor_def counter_actor = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .services = &serves,
    .services_count = 1,
};

int main(void)
{
    struct troupe *troupe;
    struct troupe_ref counter;
    struct counter_add_results results;
    if (troupe_open(NULL, &troupe) != 0 ||
        troupe_spawn(troupe, &counter_actor, NULL, &counter) != 0) {
        return 1;
    }
    for (uint32_t by = 1; by <= 3; by++) {
        struct troupe_error error;
        if (counter_add(troupe, counter, &(struct counter_add_args){by}, &results, &error, NULL)) {
            fprintf(stderr, "%s\n", error.text);
            return 1;
        }
        printf("total %llu\n", (unsigned long long)results.total);
    }
    troupe_close(troupe, 1000);
    return 0;
}
