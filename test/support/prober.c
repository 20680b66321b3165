#include <stdlib.h>
#include <string.h>

#include "test/support/probe.h"

#include "test/support/prober.h"

enum { HANGING_MAX = 16 };

struct probe {
    uint64_t times;
    uint64_t sum;
    uint64_t cancelled;
    uint64_t published;
    uint64_t newest;
    uint64_t added;
    uint64_t added_sum;
    struct troupe_call *hanging[HANGING_MAX];
    size_t hanging_count;
};

static void echo(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct probe_echo_args *args)
{
    struct probe_echo_results results = {.number = args->number, .text = args->text};
    (void)self;
    (void)state;
    probe_echo_reply(call, &results);
}

static void check(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct probe_check_args *args)
{
    (void)self;
    (void)state;
    if (args->number % 2 != 0) {
        struct probe_odd odd = {.number = args->number};
        probe_fail_odd(call, &odd, "that is odd");
    } else {
        probe_check_reply(call);
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
    if (troupe_after(self, args->ms, answer_wait, call, NULL) == 0) {
        troupe_defer(call);
    }
}

static void poll_cancel(struct troupe_actor *self, void *user)
{
    struct probe *probe = user;
    size_t kept = 0;
    for (size_t i = 0; i < probe->hanging_count; i++) {
        struct troupe_call *call = probe->hanging[i];
        if (troupe_cancelled(call)) {
            probe->cancelled++;
            /* Its clock may be ahead of the asker's: then this answer is what the asker sees. */
            int why = troupe_remaining_ms(call) == 0 ? TROUPE_ETIMEOUT : TROUPE_ECANCELED;
            troupe_fail(call, why, NULL);
        } else {
            probe->hanging[kept++] = call;
        }
    }
    probe->hanging_count = kept;
    if (kept != 0 && troupe_after(self, 5, poll_cancel, probe, NULL) != 0) {
        abort();
    }
}

static void hang(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe *probe = state;
    if (probe->hanging_count == HANGING_MAX) {
        troupe_fail(call, TROUPE_EBUSY, NULL);
        return;
    }
    probe->hanging[probe->hanging_count++] = call;
    troupe_defer(call);
    if (probe->hanging_count == 1) {
        poll_cancel(self, probe);
    }
}

struct counting {
    uint32_t next;
    uint32_t to;
};

static void count_on(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    struct counting *counting = user;
    (void)self;
    while (counting->next < counting->to) {
        struct probe_count_item item = {.number = counting->next};
        int error = probe_count_item(call, &item);
        if (error == TROUPE_EBUSY) {
            troupe_on_room(call, count_on, counting);
            return;
        }
        if (error != 0) {
            free(counting);
            troupe_fail(call, error, NULL);
            return;
        }
        counting->next++;
    }
    free(counting);
    probe_count_end(call);
}

static void count(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct probe_count_args *args)
{
    struct counting *counting = malloc(sizeof *counting);
    (void)state;
    *counting = (struct counting){.to = args->to};
    count_on(self, counting, call);
}

/* "other" lets "probe" answer. */
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

static void count_there(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct probe_count_there_args *args)
{
    struct probe_count_args same = {.to = args->to};
    if (!forwarded(self, call)) {
        count(self, state, call, &same);
    }
}

static void hang_there(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    if (!forwarded(self, call)) {
        hang(self, state, call);
    }
}

enum { PATTERN = 256 }; /* after so many bytes it comes again */

static void make(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct probe_make_args *args)
{
    uint8_t *data = malloc(args->size + 1);
    (void)self;
    (void)state;
    for (uint32_t i = 0; i < args->size && i < PATTERN; i++) {
        data[i] = (uint8_t)(i * 7 + args->seed);
    }
    for (uint32_t i = PATTERN; i < args->size; i += PATTERN) { /* a sanitizer sees every store */
        memcpy(data + i, data, args->size - i < PATTERN ? args->size - i : PATTERN);
    }
    struct probe_make_results results = {.data = {.data = data, .size = args->size}};
    probe_make_reply(call, &results);
    free(data);
}

static void sum(struct troupe_actor *self, void *state, struct troupe_call *call,
                const struct probe_sum_args *args)
{
    struct probe_sum_results results = {.size = args->data.size};
    const void *cursor = NULL;
    struct troupe_bytes piece;
    (void)self;
    (void)state;
    while (troupe_blob_next(&args->data, &cursor, &piece)) {
        for (size_t i = 0; i < piece.size; i++) {
            results.sum += piece.data[i];
        }
    }
    probe_sum_reply(call, &results);
}

static void spawn(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe_spawn_results results;
    (void)state;
    int error = troupe_spawn(troupe_runtime(self), &probe_actor, NULL, &results.child);
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        probe_spawn_reply(call, &results);
    }
}

static void relayed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    (void)self;
    if (error != NULL) {
        troupe_fail_with(user, error);
    } else {
        struct probe_relay_results answer = {.number = results->number};
        probe_relay_reply(user, &answer);
    }
}

static void relay(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct probe_relay_args *args)
{
    struct probe_echo_args echo_args = {.number = args->number};
    (void)state;
    int error = probe_echo_ask(self, args->who, &echo_args, relayed, call, NULL);
    if (error != 0) {
        troupe_fail(call, error, "relay could not ask");
    } else {
        troupe_defer(call);
    }
}

static void relayed_later(struct troupe_actor *self, void *user, const struct troupe_error *error,
                          const struct probe_echo_results *results)
{
    struct probe *probe = user;
    (void)self;
    (void)results;
    probe->times += error == NULL;
}

static void relay_later(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct probe_relay_later_args *args)
{
    struct probe_echo_args echo_args = {0};
    struct troupe_ref who = args->who;
    probe_relay_later_reply(call);
    int error = probe_echo_ask(self, who, &echo_args, relayed_later, state, NULL);
    (void)error; /* not counted: the test sees */
}

static void forward(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct probe_forward_args *args)
{
    (void)state;
    if (forwarded(self, call)) {
        return;
    }
    struct probe_forward_results results = {.number = args->number + 1, .text = args->text};
    probe_forward_reply(call, &results);
}

static void tell(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct probe_tell_args *args)
{
    struct probe *probe = state;
    (void)self;
    (void)call;
    probe->times++;
    probe->sum += args->number;
}

static void told(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe *probe = state;
    struct probe_told_results results = {
        .times = probe->times, .sum = probe->sum, .cancelled = probe->cancelled};
    (void)self;
    probe_told_reply(call, &results);
}

static void publish(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct probe_publish_args *args)
{
    struct probe *probe = state;
    int error = 0;
    for (uint32_t i = 0; i < args->times && error == 0; i++) {
        struct probe_changed changed = {.number = ++probe->published};
        struct probe_newest newest = {.number = probe->published};
        error = probe_publish_changed(self, &changed);
        error = error != 0 ? error : probe_publish_newest(self, &newest);
    }
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        probe_publish_reply(call);
    }
}

static void add(struct troupe_actor *self, void *state, struct troupe_call *call,
                const struct probe_add_args *args)
{
    struct probe *probe = state;
    int error = 0;
    for (uint32_t i = 0; i < args->times && error == 0; i++) {
        probe->added_sum += ++probe->added;
        struct probe_added event = {.number = probe->added, .sum = probe->added_sum};
        error = probe_publish_added(self, &event);
    }
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        probe_add_reply(call);
    }
}

static void get_sum(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe *probe = state;
    struct probe_get_sum_results results = {.sum = probe->added_sum};
    (void)self;
    probe_get_sum_reply(call, &results);
}

static void end(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)state;
    int error = troupe_stop(troupe_runtime(self), troupe_self(self));
    (void)error;
    probe_end_reply(call);
}

static void block(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe_told_results told_results;
    (void)state;
    struct probe_block_results results = {
        .code = probe_told(troupe_runtime(self), troupe_self(self), &told_results, NULL, NULL)};
    probe_block_reply(call, &results);
}

static void forget(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)self;
    (void)state;
    (void)call;
}

static void budget(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct probe_budget_results results = {.ms = troupe_remaining_ms(call)};
    (void)self;
    (void)state;
    probe_budget_reply(call, &results);
}

static void budgeted(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_budget_results *results)
{
    (void)self;
    if (error != NULL) {
        troupe_fail_with(user, error);
    } else {
        struct probe_budget_of_results answer = {.ms = results->ms};
        probe_budget_of_reply(user, &answer);
    }
}

static void budget_of(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct probe_budget_of_args *args)
{
    (void)state;
    int error = probe_budget_ask(self, args->who, budgeted, call, NULL);
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        troupe_defer(call);
    }
}

struct pieces {
    uint32_t left;
    uint32_t size;
};

static void pieces_on(struct troupe_actor *self, void *user, struct troupe_call *call)
{
    struct pieces *pieces = user;
    uint8_t *data = calloc(1, pieces->size + 1);
    int error = 0;
    (void)self;
    while (pieces->left > 0 && error == 0) {
        memset(data, (int)pieces->left, pieces->size);
        struct probe_pieces_item item = {.data = {.data = data, .size = pieces->size}};
        error = probe_pieces_item(call, &item);
        pieces->left -= error == 0;
    }
    free(data);
    if (error == TROUPE_EBUSY) {
        troupe_on_room(call, pieces_on, pieces);
        return;
    }
    free(pieces);
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        probe_pieces_end(call);
    }
}

static void pieces(struct troupe_actor *self, void *state, struct troupe_call *call,
                   const struct probe_pieces_args *args)
{
    struct pieces *entry = malloc(sizeof *entry);
    (void)state;
    *entry = (struct pieces){.left = args->count, .size = args->size};
    pieces_on(self, entry, call);
}

static void secret(struct troupe_actor *self, void *state, struct troupe_call *call,
                   const struct probe_secret_args *args)
{
    struct probe_secret_results results = {.size = (uint32_t)args->word.size};
    (void)self;
    (void)state;
    probe_secret_reply(call, &results);
}

static const struct probe_handlers handlers = {.echo = echo,
                                               .check = check,
                                               .wait = wait_for,
                                               .hang = hang,
                                               .count_there = count_there,
                                               .hang_there = hang_there,
                                               .count = count,
                                               .make = make,
                                               .sum = sum,
                                               .spawn = spawn,
                                               .relay = relay,
                                               .relay_later = relay_later,
                                               .forward = forward,
                                               .tell = tell,
                                               .told = told,
                                               .publish = publish,
                                               .add = add,
                                               .get_sum = get_sum,
                                               .end = end,
                                               .block = block,
                                               .forget = forget,
                                               .budget = budget,
                                               .budget_of = budget_of,
                                               .pieces = pieces,
                                               .secret = secret};
static const struct troupe_service services[] = {
    {.interface = &probe_interface, .handlers = &handlers}};

const struct troupe_actor_def probe_actor = {
    .name = "probe", .state_size = sizeof(struct probe), .services = services, .services_count = 1};
const struct troupe_actor_def quick_probe_actor = {.name = "probe",
                                                   .state_size = sizeof(struct probe),
                                                   .services = services,
                                                   .services_count = 1,
                                                   .flags = TROUPE_QUICK};

static const char *const other_uses[] = {"probe", NULL};
const struct troupe_role probe_role = {.name = "probe", .actor = &probe_actor};
const struct troupe_role other_role = {.name = "other", .actor = &probe_actor, .uses = other_uses};
const struct troupe_role quick_probe_role = {.name = "probe", .actor = &quick_probe_actor};
const struct troupe_role quick_other_role = {
    .name = "other", .actor = &quick_probe_actor, .uses = other_uses};
