/* The servers of a play. */
#include <stddef.h>

#include "test/support/play.h"
#include "test/support/probe.h"

enum { JOBS = 16 };

struct job {
    struct troupe_call *call; /* NULL: free */
    uint32_t next;
    uint32_t to;
};
struct server {
    struct job jobs[JOBS];
};

static struct job *new_job(struct server *server, struct troupe_call *call, uint32_t to)
{
    for (size_t i = 0; i < JOBS; i++) {
        if (server->jobs[i].call == NULL) {
            server->jobs[i] = (struct job){.call = call, .to = to};
            return &server->jobs[i];
        }
    }
    troupe_fail(call, TROUPE_EBUSY, NULL);
    return NULL;
}

static void count_handled(uint64_t number)
{
    struct play_ask *ask = &play.asks[number];
    rule(number < play.asks_count && ask->handled == 0);
    rule(ask->open || ask->code != TROUPE_EDOWN);
    ask->handled++;
}

static bool forwarded(struct troupe_actor *self, struct troupe_call *call)
{
    struct troupe_ref probe;
    if (troupe_lookup(self, "probe", &probe) != 0) {
        return false;
    }
    int error = troupe_forward(call, probe);
    (void)error; /* the asker has been told */
    return true;
}

static void echo(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct probe_echo_args *args)
{
    struct probe_echo_results results = {.number = args->number};
    (void)self;
    (void)state;
    count_handled(args->number);
    probe_echo_reply(call, &results);
}

static void forward(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct probe_forward_args *args)
{
    struct probe_forward_results results = {.number = args->number};
    (void)state;
    if (!forwarded(self, call)) {
        count_handled(args->number);
        probe_forward_reply(call, &results);
    }
}

static void answer_wait(struct troupe_actor *self, void *user)
{
    (void)self;
    probe_wait_reply(user);
}

static void wait_for(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct probe_wait_args *args)
{
    (void)state;
    rule(troupe_after(self, args->ms, answer_wait, call, NULL) == 0);
    troupe_defer(call);
}

static void look(struct troupe_actor *self, void *user)
{
    struct job *job = user;
    struct troupe_call *call = job->call;
    if (troupe_cancelled(call)) {
        job->call = NULL;
        troupe_fail(call, troupe_remaining_ms(call) == 0 ? TROUPE_ETIMEOUT : TROUPE_ECANCELED,
                    NULL);
    } else {
        rule(troupe_after(self, (uint32_t)play_chance(50), look, job, NULL) == 0);
    }
}

static void hang(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct job *job = new_job(state, call, 0);
    if (job != NULL) {
        troupe_defer(call);
        look(self, job);
    }
}

static void hang_there(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    if (!forwarded(self, call)) {
        hang(self, state, call);
    }
}

static void count_on(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    struct job *job = user;
    int error = 0;
    (void)self;
    while (job->next < job->to && error == 0) {
        struct probe_count_item item = {.number = job->next};
        error = probe_count_item(call, &item);
        job->next += error == 0;
    }
    if (error == TROUPE_EBUSY) {
        troupe_on_room(call, count_on, job);
        return;
    }
    job->call = NULL;
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        probe_count_end(call);
    }
}

static void count(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct probe_count_args *args)
{
    struct job *job = new_job(state, call, args->to);
    if (job != NULL) {
        count_on(self, job, call);
    }
}

static void count_there(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct probe_count_there_args *args)
{
    struct probe_count_args same = {.to = args->to};
    if (!forwarded(self, call)) {
        count(self, state, call, &same);
    }
}

static const uint8_t zeros[PLAY_BLOB_BYTES_MAX];

static void make(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct probe_make_args *args)
{
    struct probe_make_results results = {.data = {.data = zeros, .size = args->size}};
    (void)self;
    (void)state;
    probe_make_reply(call, &results);
}

static void add_up(struct troupe_actor *self, void *state, struct troupe_call *call,
                   const struct probe_sum_args *args)
{
    struct probe_sum_results results = {.size = args->data.size};
    (void)self;
    (void)state;
    probe_sum_reply(call, &results);
}

static void spawn(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe_spawn_results results;
    (void)state;
    int error = troupe_spawn(troupe_runtime(self), &play_server, NULL, &results.child);
    if (error != 0) {
        rule(error == TROUPE_ECLOSED);
        troupe_fail(call, TROUPE_EBUSY, "it is closing");
    } else {
        probe_spawn_reply(call, &results);
    }
}

static int place_of(const struct troupe_actor *self)
{
    int place = 0;
    while (play.stage.places[place].troupe != troupe_runtime(self)) {
        place++;
    }
    return place;
}

static void publish(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct probe_publish_args *args)
{
    uint64_t *published = &play.published[place_of(self)];
    bool newest_first = play_chance(2) == 0; /* then the others may push it out of its queue */
    (void)state;
    for (uint32_t i = 0; i < 2 * args->times; i++) {
        uint64_t number = *published + 1 + i % args->times;
        struct probe_changed changed = {.number = number};
        struct probe_newest newest = {.number = number};
        rule((newest_first == (i < args->times) ? probe_publish_newest(self, &newest)
                                                : probe_publish_changed(self, &changed)) == 0);
    }
    *published += args->times;
    probe_publish_reply(call);
}

static void end(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)state;
    rule(troupe_stop(troupe_runtime(self), troupe_self(self)) == 0);
    probe_end_reply(call);
}

static const struct probe_handlers handlers = {.echo = echo,
                                               .forward = forward,
                                               .wait = wait_for,
                                               .hang = hang,
                                               .hang_there = hang_there,
                                               .count = count,
                                               .count_there = count_there,
                                               .make = make,
                                               .sum = add_up,
                                               .spawn = spawn,
                                               .publish = publish,
                                               .end = end};
static const struct troupe_service services[] = {
    {.interface = &probe_interface, .handlers = &handlers}};
const struct troupe_actor_def play_server = {.name = "server",
                                             .state_size = sizeof(struct server),
                                             .services = services,
                                             .services_count = 1};
