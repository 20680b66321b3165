#include "test/support/talker.h"

#include <inttypes.h>
#include <string.h>

#include "test/support/probe.h"
#include "test/support/prober.h"
#include "test/support/say.h"

enum {
    AGAIN_MS = 2,
    HANG_MS = 3,
    COUNT_TO = 150, /* more than a stream's window */
    BLOB_BYTES = 150000,
    PIECES = 3,
    PIECE_BYTES = 20000,
    PUBLISH_TIMES = 20,
};

struct talk talk;

struct talker {
    struct troupe_ref probe;
    struct troupe_ref other;
    struct troupe_ref home;  /* an actor of this process, for others to call */
    struct troupe_ref child; /* of probe's process */
    unsigned step;
    bool open; /* asked, not completed */
    bool had_whole;
    uint64_t token;
    uint32_t items;
    uint8_t blob[BLOB_BYTES];
};

static void begin(struct troupe_actor *self, void *user);
static void take_step(struct troupe_actor *self, struct talker *talker);

/* ---- one step -------------------------------------------------------------------------------- */

static void wait_and_begin(struct troupe_actor *self, struct talker *talker)
{
    if (troupe_after(self, AGAIN_MS, begin, talker, NULL) != 0) {
        say("bad: no timer\n");
    }
}

static void conversation_over(struct troupe_actor *self, struct talker *talker, bool whole)
{
    if (talker->child.id != 0) {
        troupe_release_ref(troupe_runtime(self), talker->child);
        talker->child = (struct troupe_ref){0};
    }
    if (whole && !talker->had_whole) {
        talker->had_whole = true;
        atomic_fetch_add(&talk.whole, 1);
    }
    atomic_fetch_sub(&talk.talking, 1);
    if (whole && !talk.once && !atomic_load(&talk.pausing)) {
        begin(self, talker);
    } else if (!whole || !talk.once) {
        wait_and_begin(self, talker);
    }
}

bool talk_is_loss(int code)
{
    return code == TROUPE_EDOWN || code == TROUPE_ELOST || code == TROUPE_ETIMEOUT ||
           code == TROUPE_EBUSY || code == TROUPE_ECANCELED;
}

/* An ask of `step` completed; `good`: as it should without a death. */
static void completed(struct troupe_actor *self, struct talker *talker, unsigned step,
                      const struct troupe_error *error, bool good)
{
    if (!talker->open || talker->step != step) {
        say("bad: step %u completed in step %u, %s\n", step, talker->step,
            talker->open ? "open" : "not open");
        return;
    }
    talker->open = false;
    atomic_fetch_add(&talk.completed, 1);
    if (good) {
        talker->step++;
        take_step(self, talker);
        return;
    }
    if (error == NULL || !talk_is_loss(error->code)) {
        say("bad: step %u: %s\n", step, error != NULL ? error->text : "a wrong answer");
    }
    atomic_fetch_add(&talk.failed, 1);
    if (error != NULL && error->code == TROUPE_ETIMEOUT) {
        atomic_fetch_add(&talk.timeouts, 1);
        say("late: step %u: %s\n", step, error->text);
    }
    conversation_over(self, talker, false);
}

/* ---- the script ------------------------------------------------------------------------------ */

enum {
    ECHO,
    FORWARD,
    COUNT,
    COUNT_THERE,
    CHECK,
    PUBLISH,
    MAKE,
    SUM,
    PIECES_OF,
    HANG,
    HANG_THERE,
    SPAWN,
    CHILD,
    CHILD_END,
    RELAY,
    STEPS
};

static void on_echo(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    completed(self, user, ECHO, error, error == NULL && results->number == 7);
}

static int ask_echo(struct troupe_actor *self, struct talker *talker)
{
    struct probe_echo_args args = {.number = 7, .text = troupe_text("seven")};
    return probe_echo_ask(self, talker->probe, &args, on_echo, talker, NULL);
}

static void on_forward(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct probe_forward_results *results)
{
    completed(self, user, FORWARD, error, error == NULL && results->number == 9);
}

static int ask_forward(struct troupe_actor *self, struct talker *talker)
{
    struct probe_forward_args args = {.number = 8};
    return probe_forward_ask(self, talker->other, &args, on_forward, talker, NULL);
}

static void item(struct talker *talker, uint32_t number)
{
    if (number != talker->items++) {
        say("bad: item %" PRIu32 " came as number %" PRIu32 "\n", number, talker->items - 1);
    }
}

static void on_count_item(struct troupe_actor *self, void *user,
                          const struct probe_count_item *results)
{
    (void)self;
    item(user, results->number);
}

static void on_count(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    const struct talker *talker = user;
    completed(self, user, COUNT, error, error == NULL && talker->items == COUNT_TO);
}

static int ask_count(struct troupe_actor *self, struct talker *talker)
{
    struct probe_count_args args = {.to = COUNT_TO};
    return probe_count_ask(self, talker->probe, &args, on_count_item, on_count, talker, NULL);
}

static void on_count_there_item(struct troupe_actor *self, void *user,
                                const struct probe_count_there_item *results)
{
    (void)self;
    item(user, results->number);
}

static void on_count_there(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    const struct talker *talker = user;
    completed(self, user, COUNT_THERE, error, error == NULL && talker->items == COUNT_TO);
}

static int ask_count_there(struct troupe_actor *self, struct talker *talker)
{
    struct probe_count_there_args args = {.to = COUNT_TO};
    return probe_count_there_ask(self, talker->other, &args, on_count_there_item, on_count_there,
                                 talker, NULL);
}

static void on_check(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    completed(self, user, CHECK, error, error != NULL && error->code == PROBE_ODD);
}

static int ask_check(struct troupe_actor *self, struct talker *talker)
{
    struct probe_check_args args = {.number = 3};
    return probe_check_ask(self, talker->probe, &args, on_check, talker, NULL);
}

static void on_publish(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    completed(self, user, PUBLISH, error, error == NULL);
}

static int ask_publish(struct troupe_actor *self, struct talker *talker)
{
    struct probe_tell_args told = {.number = 1};
    struct probe_publish_args args = {.times = PUBLISH_TIMES};
    int error = probe_tell(troupe_runtime(self), talker->probe, &told);
    return error != 0 ? error
                      : probe_publish_ask(self, talker->probe, &args, on_publish, talker, NULL);
}

static void on_make(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_make_results *results)
{
    const void *cursor = NULL;
    struct troupe_bytes piece;
    size_t at = 0;
    bool same = true;
    while (error == NULL && troupe_blob_next(&results->data, &cursor, &piece)) {
        for (size_t i = 0; i < piece.size; i++, at++) {
            same = same && piece.data[i] == (uint8_t)(at * 7 + 5);
        }
    }
    completed(self, user, MAKE, error, error == NULL && same && at == BLOB_BYTES);
}

static int ask_make(struct troupe_actor *self, struct talker *talker)
{
    struct probe_make_args args = {.size = BLOB_BYTES, .seed = 5};
    return probe_make_ask(self, talker->probe, &args, on_make, talker, NULL);
}

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_sum_results *results)
{
    completed(self, user, SUM, error,
              error == NULL && results->size == BLOB_BYTES && results->sum == BLOB_BYTES * 3);
}

static int ask_sum(struct troupe_actor *self, struct talker *talker)
{
    memset(talker->blob, 3, sizeof talker->blob);
    struct probe_sum_args args = {.data = {.data = talker->blob, .size = sizeof talker->blob}};
    return probe_sum_ask(self, talker->probe, &args, on_sum, talker, NULL);
}

static void on_piece(struct troupe_actor *self, void *user, const struct probe_pieces_item *results)
{
    struct talker *talker = user;
    (void)self;
    item(talker, results->data.size == PIECE_BYTES ? talker->items : UINT32_MAX);
}

static void on_pieces(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    const struct talker *talker = user;
    completed(self, user, PIECES_OF, error, error == NULL && talker->items == PIECES);
}

static int ask_pieces(struct troupe_actor *self, struct talker *talker)
{
    struct probe_pieces_args args = {.count = PIECES, .size = PIECE_BYTES};
    return probe_pieces_ask(self, talker->probe, &args, on_piece, on_pieces, talker, NULL);
}

/* EBUSY: the prober holds as many as it can. */
static bool is_given_up(const struct troupe_error *error)
{
    return error != NULL && (error->code == TROUPE_ECANCELED || error->code == TROUPE_EBUSY);
}

static void give_up(struct troupe_actor *self, void *user)
{
    const struct talker *talker = user;
    if (talker->open && (talker->step == HANG || talker->step == HANG_THERE)) {
        int over = troupe_cancel(self, talker->token);
        (void)over; /* it may be of a later conversation, or have failed by itself */
    }
}

static void on_hang(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    completed(self, user, HANG, error, is_given_up(error));
}

static int ask_hang(struct troupe_actor *self, struct talker *talker)
{
    struct troupe_options options = {.ret_token = &talker->token};
    int error = probe_hang_ask(self, talker->probe, on_hang, talker, &options);
    int late = error == 0 ? troupe_after(self, HANG_MS, give_up, talker, NULL) : 0;
    (void)late; /* then its deadline ends it, which is counted */
    return error;
}

static void on_hang_there(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    completed(self, user, HANG_THERE, error, is_given_up(error));
}

static int ask_hang_there(struct troupe_actor *self, struct talker *talker)
{
    struct troupe_options options = {.ret_token = &talker->token};
    int error = probe_hang_there_ask(self, talker->other, on_hang_there, talker, &options);
    int late = error == 0 ? troupe_after(self, HANG_MS, give_up, talker, NULL) : 0;
    (void)late;
    return error;
}

static void on_spawn(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_spawn_results *results)
{
    struct talker *talker = user;
    if (error == NULL) {
        talker->child = results->child;
    }
    completed(self, talker, SPAWN, error, error == NULL);
}

static int ask_spawn(struct troupe_actor *self, struct talker *talker)
{
    return probe_spawn_ask(self, talker->probe, on_spawn, talker, NULL);
}

static void on_child(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_echo_results *results)
{
    completed(self, user, CHILD, error, error == NULL && results->number == 13);
}

static int ask_child(struct troupe_actor *self, struct talker *talker)
{
    struct probe_echo_args args = {.number = 13};
    return probe_echo_ask(self, talker->child, &args, on_child, talker, NULL);
}

static void on_child_end(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    completed(self, user, CHILD_END, error, error == NULL);
}

static int ask_child_end(struct troupe_actor *self, struct talker *talker)
{
    return probe_end_ask(self, talker->child, on_child_end, talker, NULL);
}

static void on_relay(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_relay_results *results)
{
    completed(self, user, RELAY, error, error == NULL && results->number == 14);
}

static int ask_relay(struct troupe_actor *self, struct talker *talker)
{
    struct probe_relay_args args = {.who = talker->home, .number = 14};
    return probe_relay_ask(self, talker->other, &args, on_relay, talker, NULL);
}

static int (*const script[STEPS])(struct troupe_actor *self, struct talker *talker) = {
    [ECHO] = ask_echo,
    [FORWARD] = ask_forward,
    [COUNT] = ask_count,
    [COUNT_THERE] = ask_count_there,
    [CHECK] = ask_check,
    [PUBLISH] = ask_publish,
    [MAKE] = ask_make,
    [SUM] = ask_sum,
    [PIECES_OF] = ask_pieces,
    [HANG] = ask_hang,
    [HANG_THERE] = ask_hang_there,
    [SPAWN] = ask_spawn,
    [CHILD] = ask_child,
    [CHILD_END] = ask_child_end,
    [RELAY] = ask_relay,
};

static void take_step(struct troupe_actor *self, struct talker *talker)
{
    if (talker->step == STEPS) {
        conversation_over(self, talker, true);
        return;
    }
    talker->items = 0;
    int error = script[talker->step](self, talker);
    if (error == 0) {
        talker->open = true;
        atomic_fetch_add(&talk.asked, 1);
        return;
    }
    if (error != TROUPE_ECLOSED && !talk_is_loss(error)) {
        say("bad: step %u can't be asked: %s\n", talker->step, troupe_error_text(error));
    }
    conversation_over(self, talker, false);
}

static void begin(struct troupe_actor *self, void *user)
{
    struct talker *talker = user;
    atomic_fetch_add(&talk.talking,
                     1); /* before the look, so that who pauses sees us or we see it */
    if (atomic_load(&talk.pausing)) {
        atomic_fetch_sub(&talk.talking, 1);
        wait_and_begin(self, talker);
        return;
    }
    talker->step = 0;
    take_step(self, talker);
}

/* ---- the actors ------------------------------------------------------------------------------ */

static int talker_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct talker *talker = state;
    (void)argument;
    int error = troupe_lookup(self, "probe", &talker->probe);
    error = error != 0 ? error : troupe_lookup(self, "other", &talker->other);
    error = error != 0 ? error
                       : troupe_spawn(troupe_runtime(self), &probe_actor, NULL, &talker->home);
    if (error == 0) {
        begin(self, talker);
    }
    return error;
}

void talk_stop(struct troupe_actor *self, void *state)
{
    (void)self;
    (void)state;
    if (atomic_fetch_add(&talk.stopped, 1) + 1 == talk.talkers) {
        say("ended asked %llu completed %llu\n", atomic_load(&talk.asked),
            atomic_load(&talk.completed));
    }
}

const struct troupe_actor_def talker_def = {.name = "talker",
                                            .state_size = sizeof(struct talker),
                                            .start = talker_start,
                                            .stop = talk_stop};
