/* The clients of a play, and what all of it shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bus/runtime.h"
#include "test/support/play.h"
#include "test/support/probe.h"

struct play play;
struct play_sum play_sum;

void play_broken(const char *what, const char *file, int line)
{
    print_error("seed %llu breaks a rule, %s:%d: %s\nTROUPE_SEED=%llu runs it again\n",
                PLAY_U(play.seed), file, line, what, PLAY_U(play.seed));
    abort();
}

void play_say(const char *format, ...)
{
    va_list arguments;
    if (play.loud) {
        printf("%10.3f ms  ", (double)troupe_schedule_now_ns(play.stage.schedule) * 1e-6);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        printf("\n");
        fflush(stdout);
    }
}

uint64_t play_chance(uint64_t below)
{
    return troupe_schedule_random(play.stage.schedule, below);
}

uint64_t play_now_ns(void)
{
    return troupe_schedule_now_ns(play.stage.schedule);
}

/* ---- who asks ---------------------------------------------------------------------------------------- */

static void complete(struct play_ask *ask, const struct troupe_error *error)
{
    int code = error != NULL ? error->code : 0;
    rule(ask->open && ask->client->alive);
    rule((code == TROUPE_ECANCELED) == ask->cancelled);
    rule(code == 0 || code == TROUPE_ECANCELED || code == TROUPE_EDOWN || code == TROUPE_ELOST ||
         code == TROUPE_ETIMEOUT || code == TROUPE_EBUSY);
    rule(code != TROUPE_EDOWN || ask->handled == 0);
    rule(code != 0 || ask->handled == 1 || (ask->kind != PLAY_ECHO && ask->kind != PLAY_FORWARD));
    rule(code != 0 || ask->next == ask->to);
    rule(code != TROUPE_ETIMEOUT || !ask->patient);
    rule(code != TROUPE_ETIMEOUT || ask->to != 0 || play_now_ns() >= ask->due_ns);
    play_say("ask %d of client %d, kind %d: %s", (int)(ask - play.asks),
             (int)(ask->client - play.clients), (int)ask->kind,
             code == 0 ? "answered" : troupe_error_name(code));
    ask->open = false;
    ask->code = code;
    play_sum.answered += code == 0;
    play_sum.down += code == TROUPE_EDOWN;
    play_sum.lost += code == TROUPE_ELOST;
    play_sum.late += code == TROUPE_ETIMEOUT;
    play_sum.cancelled += code == TROUPE_ECANCELED;
}

static void on_echo(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_echo_results *results)
{
    (void)self;
    complete(user, error);
    rule(results == NULL || &play.asks[results->number] == user);
}

static void on_forward(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct probe_forward_results *results)
{
    (void)self;
    complete(user, error);
    rule(results == NULL || &play.asks[results->number] == user);
}

static void on_done(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    complete(user, error);
}

static void on_item(struct troupe_actor *self, void *user, const struct probe_count_item *item)
{
    struct play_ask *ask = user;
    (void)self;
    rule(ask->open && !ask->cancelled && ask->client->alive);
    rule(item->number == ask->next);
    ask->next++;
}

static void on_item_there(struct troupe_actor *self, void *user,
                          const struct probe_count_there_item *item)
{
    struct probe_count_item same = {.number = item->number};
    on_item(self, user, &same);
}

static void on_make(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct probe_make_results *results)
{
    (void)self;
    (void)results;
    complete(user, error);
}

static void on_sum(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_sum_results *results)
{
    (void)self;
    (void)results;
    complete(user, error);
}

static void on_child(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_spawn_results *results);

static const uint8_t zeros[PLAY_BLOB_BYTES_MAX];

static int send(struct troupe_actor *self, struct troupe_ref to, struct play_ask *ask,
                const struct troupe_options *options)
{
    uint64_t number = (uint64_t)(ask - play.asks);
    struct probe_echo_args echo_args = {.number = number};
    struct probe_forward_args forward_args = {.number = number};
    struct probe_wait_args wait_args = {.ms = (uint32_t)play_chance(500)};
    struct probe_count_args count_args = {.to = 1 + (uint32_t)play_chance(200)};
    struct probe_count_there_args there_args = {.to = count_args.to};
    struct probe_make_args make_args = {.size = (uint32_t)play_chance(sizeof zeros)};
    struct probe_sum_args sum_args = {.data = {.data = zeros, .size = make_args.size}};
    struct probe_publish_args publish_args = {.times = 1 + (uint32_t)play_chance(20)};
    switch (ask->kind) {
    case PLAY_ECHO:
        return probe_echo_ask(self, to, &echo_args, on_echo, ask, options);
    case PLAY_FORWARD:
        return probe_forward_ask(self, to, &forward_args, on_forward, ask, options);
    case PLAY_WAIT:
        return probe_wait_ask(self, to, &wait_args, on_done, ask, options);
    case PLAY_HANG:
        return probe_hang_ask(self, to, on_done, ask, options);
    case PLAY_HANG_THERE:
        return probe_hang_there_ask(self, to, on_done, ask, options);
    case PLAY_COUNT:
        ask->to = count_args.to;
        return probe_count_ask(self, to, &count_args, on_item, on_done, ask, options);
    case PLAY_COUNT_THERE:
        ask->to = count_args.to;
        return probe_count_there_ask(self, to, &there_args, on_item_there, on_done, ask, options);
    case PLAY_MAKE:
        return probe_make_ask(self, to, &make_args, on_make, ask, options);
    case PLAY_SUM:
        return probe_sum_ask(self, to, &sum_args, on_sum, ask, options);
    case PLAY_SPAWN:
        return probe_spawn_ask(self, to, on_child, ask, options);
    case PLAY_PUBLISH:
        return probe_publish_ask(self, to, &publish_args, on_done, ask, options);
    case PLAY_END:
        return probe_end_ask(self, to, on_done, ask, options);
    }
    return TROUPE_EINVAL;
}

static void ask_one(struct troupe_actor *self, struct play_client *client, struct troupe_ref to,
                    enum play_kind kind)
{
    if (play.asks_count == PLAY_ASKS_MAX) {
        return;
    }
    struct play_ask *ask = &play.asks[play.asks_count++];
    bool patient = kind != PLAY_HANG && kind != PLAY_HANG_THERE && play_chance(3) == 0;
    uint32_t ms = patient ? PLAY_PATIENCE_MS
                          : 1 + (uint32_t)play_chance(play_chance(2) == 0 ? 20 : 3000);
    struct troupe_options options = {.deadline_ms = ms, .ret_token = &ask->token};
    *ask = (struct play_ask){.client = client,
                             .kind = kind,
                             .open = true,
                             .patient = patient,
                             .due_ns = play_now_ns() + ms * 1000000ull};
    play_sum.asks++;
    if (send(self, to, ask, &options) != 0) {
        ask->open = false; /* nothing was sent, and nothing may come */
        ask->code = TROUPE_EDOWN;
    }
}

static void on_child(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct probe_spawn_results *results)
{
    struct play_ask *ask = user;
    complete(ask, error);
    if (error == NULL) {
        ask_one(self, ask->client, results->child, PLAY_ECHO);
        ask_one(self, ask->client, results->child, PLAY_COUNT);
        ask_one(self, ask->client, results->child, PLAY_END);
        troupe_release_ref(troupe_runtime(self), results->child);
    }
}

/* ---- who listens ------------------------------------------------------------------------------------- */

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    struct play_feed *feed = user;
    (void)self;
    rule(feed->handler != NULL && feed->client->alive);
    bool same = feed->seen && feed->epoch == info->epoch;
    play_say("client %d of place %d: changed %llu, lost %llu to %llu, epoch %llx; %llu was next",
             (int)(feed->client - play.clients), feed->source, PLAY_U(info->sequence),
             PLAY_U(info->lost_from), PLAY_U(info->lost_to), PLAY_U(info->epoch),
             PLAY_U(feed->next));
    if (event != NULL) {
        rule(event->number == info->sequence);
        rule(feed->seen == same); /* a new publisher is told LOST first */
        rule(!same || info->sequence == feed->next);
        feed->first = feed->seen ? feed->first : info->sequence;
        play_sum.events++;
    } else { /* the publisher's word on where it stood may come after its first events */
        bool before = info->lost_from < feed->first;
        rule(info->lost_from == 0 || !same || info->lost_from == feed->next || before);
        rule(info->lost_from <= info->lost_to);
        play_sum.gaps++;
    }
    uint64_t next = (event != NULL ? info->sequence : info->lost_to) + 1;
    feed->next = same && next < feed->next && info->lost_from != 0 ? feed->next : next;
    feed->epoch = info->epoch;
    feed->seen = event != NULL || info->lost_from != 0;
}

static void on_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                      const struct troupe_event_info *info)
{
    struct play_feed *feed = user;
    (void)self;
    rule(feed->handler != NULL && feed->client->alive);
    play_say("client %d of place %d: newest %llu, epoch %llx; %llu was next",
             (int)(feed->client - play.clients), feed->source, PLAY_U(info->sequence),
             PLAY_U(info->epoch), PLAY_U(feed->next));
    rule(event != NULL && event->number == info->sequence);
    rule(!feed->seen || feed->epoch != info->epoch || info->sequence >= feed->next - 1);
    feed->epoch = info->epoch;
    feed->seen = true;
    feed->next = info->sequence + 1;
}

static void disconnect(struct play_feed *feed)
{
    troupe_handler_disconnect(feed->handler);
    feed->handler = NULL;
    play_say("client %d hears no more", (int)(feed->client - play.clients));
}

static void listen(struct troupe_actor *self, struct play_client *client, int source,
                   struct troupe_ref ref)
{
    struct play_feed *feed = play_chance(2) == 0 ? &client->changed : &client->newest;
    if (feed->handler != NULL) {
        disconnect(feed);
        return;
    }
    *feed = (struct play_feed){.client = client, .source = source};
    play_say("client %d listens to place %d", (int)(client - play.clients), source);
    int error = feed == &client->changed
                    ? probe_on_changed(self, ref, on_changed, feed, &feed->handler)
                    : probe_on_newest(self, ref, on_newest, feed, &feed->handler);
    rule(error == 0);
}

/* ---- clients ----------------------------------------------------------------------------------------- */

static int begin_client(struct troupe_actor *self, void *state, const void *argument)
{
    struct play_client *client = (struct play_client *)argument;
    (void)self;
    *(struct play_client **)state = client;
    client->alive = true;
    client->starting = false;
    return 0;
}

static void end_client(struct troupe_actor *self, void *state)
{
    struct play_client *client = *(struct play_client **)state;
    (void)self;
    rule(client->alive);
    client->alive = false;
    client->changed.handler = client->newest.handler = NULL; /* the bus disconnects them */
}

static const struct troupe_actor_def client_actor = {.name = "client",
                                                     .state_size = sizeof(struct play_client *),
                                                     .start = begin_client,
                                                     .stop = end_client};

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    const struct play_client *client = user;
    (void)self;
    (void)ref;
    rule(client->alive && (why == TROUPE_EDOWN || why == TROUPE_ELOST));
}

static void on_time(struct troupe_actor *self, void *user)
{
    const struct play_client *client = user;
    (void)self;
    rule(client->alive);
}

static void cancel_one(struct troupe_actor *self, struct play_client *client)
{
    for (uint32_t i = 0; i < play.asks_count; i++) {
        struct play_ask *ask = &play.asks[(i * 7 + 3) % play.asks_count];
        if (ask->client == client && ask->open && !ask->cancelled && play_chance(3) == 0) {
            rule(troupe_cancel(self, ask->token) == 0);
            ask->cancelled = true;
            return;
        }
    }
}

/* One thing that a client does, inside its actor. */
void play_act(struct troupe_actor *self, void *argument)
{
    struct play_client *client = *(struct play_client **)self->state;
    int place = play_chance(3) == 0 ? STAGE_OTHER : STAGE_PROBE;
    struct troupe_ref ref;
    (void)argument;
    if (troupe_host_find(troupe_runtime(self), place == STAGE_OTHER ? "other" : "probe", &ref) !=
        0) {
        return;
    }
    switch (play_chance(10)) {
    case 0:
        cancel_one(self, client);
        break;
    case 1:
        rule(troupe_after(self, (uint32_t)play_chance(300), on_time, client, NULL) == 0);
        break;
    case 2:
        rule(troupe_watch(self, ref, on_gone, client, NULL) == 0);
        break;
    case 3:
        listen(self, client, place, ref);
        break;
    default:
        for (uint64_t times = 1 + play_chance(3); times != 0; times--) {
            ask_one(self, client, ref,
                    (enum play_kind)play_chance(play_chance(4) == 0 ? PLAY_KINDS : PLAY_END));
        }
    }
}

void play_spawn_client(void)
{
    int place = (int)play_chance(STAGE_PLACES);
    struct troupe *troupe = play.stage.places[place].troupe;
    for (int i = 0; i < PLAY_CLIENTS; i++) {
        struct play_client *client = &play.clients[i];
        if (!client->alive && !client->starting && troupe != NULL) {
            for (uint32_t a = 0; a < play.asks_count;
                 a++) { /* those of its namesake ended with it */
                play.asks[a].open = play.asks[a].open && play.asks[a].client != client;
            }
            *client = (struct play_client){.place = place, .starting = true};
            rule(troupe_spawn(troupe, &client_actor, client, &client->ref) == 0);
            return;
        }
    }
}
