/* The rules of the bus under random schedules: three runtimes, actors that ask, stream, cancel, publish
 * and end, links that are cut or closed, processes that die, all drawn from one seed each.
 *
 * What is checked: an ask completes once, with what it may, in an actor that lives; TROUPE_EDOWN means
 * never handled; items come in order and then one end; received + lost = published, and `latest` ends
 * at the newest; when all is quiet nothing is open, queued or owed; closing ends, whatever is in flight.
 *
 * A broken rule prints its seed; TROUPE_SEED=N runs that one alone, says what happens, and it goes the
 * same way. TROUPE_SEEDS=N runs the first N, for a longer search. */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bus/link.h"
#include "test/support/play.h"
#include "test/support/probe.h"
#include "test/support/runner.h"

static char seed_text[64]; /* what a crash says */

enum { STEPS_MAX = 300000, SEEDS = 1000 };

/* ---- a play ------------------------------------------------------------------------------------------ */

static void end_place(int place, bool dies, uint32_t timeout_ms)
{
    play_say("place %d %s", place, dies ? "dies" : "closes");
    stage_end(&play.stage, place, dies, timeout_ms);
    play_say("place %d has ended", place);
    play.published[place] = 0;
    for (int i = 0; i < PLAY_CLIENTS; i++) {
        rule(play.clients[i].place != place ||
             (!play.clients[i].alive && !play.clients[i].starting));
    }
}

/* One thing that happens from outside. */
static void happen(void)
{
    struct stage_link *link = &play.stage.links[play_chance(STAGE_LINKS)];
    struct play_client *client = &play.clients[play_chance(PLAY_CLIENTS)];
    int end = (int)play_chance(2);
    struct troupe *troupe = play.stage.places[link->place[end]].troupe;
    switch (play_chance(40)) {
    case 0:
        play_say("cuts the link of places %d and %d", link->place[0], link->place[1]);
        stage_cut(&play.stage, link);
        return;
    case 1:
        if (troupe != NULL) {
            play_say("place %d closes its link to %d", link->place[end], link->place[!end]);
            troupe_host_unlink(troupe, link->ends[end].id);
        }
        return;
    case 2:
        if (play_chance(3) == 0) {
            end_place((int)play_chance(STAGE_PLACES), play_chance(2) == 0,
                      (uint32_t)play_chance(100));
        }
        return;
    case 3:
    case 4:
        stage_mend(&play.stage);
        return;
    case 5:
    case 6:
        play_spawn_client();
        return;
    default:
        break;
    }
    troupe = play.stage.places[client->place].troupe;
    if (troupe == NULL || !client->alive) {
        return;
    }
    int error = play_chance(40) == 0 ? troupe_stop(troupe, client->ref)
                                     : ti_run_in(troupe, client->ref.id, play_act, NULL);
    rule(error == 0);
}

/* Mends and steps until all is up and nothing is left to do. */
static void settle(void)
{
    bool up = false;
    play_say("settles");
    for (int tries = 0; tries < 5 && !up; tries++) {
        stage_mend(&play.stage);
        rule(stage_settle(&play.stage, STEPS_MAX));
        up = true;
        for (int i = 0; i < STAGE_LINKS; i++) {
            up = up && play.stage.links[i].ends[0].up && play.stage.links[i].ends[1].up;
        }
        for (int i = 0; i < STAGE_PLACES; i++) {
            up = up && play.stage.places[i].ready;
        }
    }
    rule(up);
}

/* ---- what must hold when all is quiet ---------------------------------------------------------------- */

static void check_asks(void)
{
    for (uint32_t i = 0; i < play.asks_count; i++) {
        rule(!play.asks[i].open || !play.asks[i].client->alive);
    }
    for (int i = 0; i < STAGE_PLACES; i++) {
        struct troupe_stats stats;
        troupe_stats(play.stage.places[i].troupe, &stats);
        rule(stats.asks_open == 0);
        rule(stats.messages_waiting == 0);
        rule(stats.links_refused == 0);
        rule(stats.links == 2);
    }
}

static void check_links(void)
{
    for (int i = 0; i < STAGE_LINKS; i++) {
        const struct stage_link *pair = &play.stage.links[i];
        struct ti_link *ends[2];
        for (int e = 0; e < 2; e++) {
            ends[e] = ti_link_find(play.stage.places[pair->place[e]].troupe, pair->ends[e].id);
            rule(ends[e] != NULL);
        }
        for (int e = 0; e < 2; e++) {
            const struct ti_link *link = ends[e];
            const struct ti_link *peer = ends[!e];
            rule(ti_link_out_empty(link) && link->queued_bytes == 0 && link->items_bytes == 0);
            rule(link->line_first == NULL && link->called_up == 0 && link->reserved_bytes == 0);
            rule(link->outgoing.count == 0 && link->incoming.count == 0);
            rule(link->incoming_cancelled == 0);
            rule(link->unread_messages == 0 && link->unread_bytes == 0);
            rule(link->window_messages + peer->owed_messages == TROUPE_LINK_WINDOW_MESSAGES);
            rule(link->window_bytes + peer->owed_bytes == TROUPE_LINK_WINDOW_BYTES);
            for (int b = 0; b < TI_BLOBS; b++) {
                rule(link->blobs[b].queued_bytes == 0 && link->blobs[b].unread_bytes == 0);
                rule(link->blobs[b].window_bytes + peer->blobs[b].owed_bytes ==
                     TROUPE_LINK_BLOB_BYTES_MAX);
            }
        }
        ti_link_release(ends[0]);
        ti_link_release(ends[1]);
    }
}

/* Whoever listens has heard, or was told that it missed, all up to the last; and has the newest. */
static void check_feeds(void)
{
    for (int i = 0; i < PLAY_CLIENTS; i++) {
        const struct play_client *client = &play.clients[i];
        uint64_t changed = play.published[client->changed.source];
        uint64_t newest = play.published[client->newest.source];
        play_say("client %d heard %llu of place %d, has %llu of place %d, of %llu and %llu", i,
                 PLAY_U(client->changed.next - 1), client->changed.source,
                 PLAY_U(client->newest.next - 1), client->newest.source, PLAY_U(changed),
                 PLAY_U(newest));
        if (client->alive && client->changed.handler != NULL && client->changed.seen) {
            rule(client->changed.next == changed + 1);
        }
        if (client->alive && client->newest.handler != NULL && newest != 0) {
            rule(client->newest.seen && client->newest.next == newest + 1);
        }
    }
}

static void publish_more(void)
{
    for (int place = STAGE_PROBE; place <= STAGE_OTHER; place++) {
        struct probe_publish_args args = {.times = 1 + (uint32_t)play_chance(30)};
        struct troupe *troupe = play.stage.places[place].troupe;
        struct troupe_ref ref;
        rule(troupe_host_find(troupe, place == STAGE_PROBE ? "probe" : "other", &ref) == 0);
        rule(probe_publish(troupe, ref, &args, NULL, NULL) == 0);
    }
    rule(stage_settle(&play.stage, STEPS_MAX));
}

static uint64_t run(uint64_t seed)
{
    static const struct troupe_actor_def user_actor = {.name = "user"};
    static const char *const user_uses[] = {"probe", "other", NULL};
    static const char *const other_uses[] = {"probe", NULL};
    static const struct troupe_role user = {
        .name = "user", .actor = &user_actor, .uses = user_uses};
    static const struct troupe_role probe = {.name = "probe", .actor = &play_server};
    static const struct troupe_role other = {
        .name = "other", .actor = &play_server, .uses = other_uses};
    static const struct troupe_role *const roles[STAGE_PLACES] = {&user, &probe, &other};
    memset(&play, 0, sizeof play);
    play.seed = seed;
    snprintf(seed_text, sizeof seed_text, "in seed %llu\n", PLAY_U(seed));
    play.loud = getenv("TROUPE_SEED") != NULL;
    stage_open(&play.stage, seed, roles);
    for (int i = 0; i < PLAY_CLIENTS / 2; i++) {
        play_spawn_client();
    }
    uint64_t pause = 1 + play_chance(40);
    for (uint64_t left = 50 + play_chance(250); left != 0; left--) {
        for (uint64_t steps = play_chance(pause); steps != 0; steps--) {
            troupe_schedule_step(play.stage.schedule);
        }
        happen();
    }
    if (play_chance(4) != 0) { /* else all is closed in the midst of it */
        settle();
        check_asks();
        check_links();
        check_feeds();
        publish_more();
        check_feeds();
        for (int i = 0; i < PLAY_CLIENTS; i++) {
            rule(!play.clients[i].alive || play.clients[i].changed.handler == NULL ||
                 play.clients[i].changed.seen);
        }
    }
    uint64_t trace = stage_close(&play.stage, (uint32_t)play_chance(3000));
    for (int i = 0; i < PLAY_CLIENTS; i++) {
        rule(!play.clients[i].alive && !play.clients[i].starting);
    }
    play_sum.seeds++;
    return trace;
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static size_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

static void test_rules_hold_under_random_schedules(void **state)
{
    const char *only = getenv("TROUPE_SEED");
    const char *many = getenv("TROUPE_SEEDS");
    uint64_t seeds = (uint64_t)(SEEDS / runner_slowness());
    (void)state;
    if (only != NULL) {
        print_message("seed %s has trace %llx\n", only, PLAY_U(run(strtoull(only, NULL, 0))));
        return;
    }
    seeds = many != NULL ? strtoull(many, NULL, 0) : seeds;
    size_t descriptors = count_descriptors();
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run(seed);
    }
    assert_int_equal(count_descriptors(), descriptors);
    print_message("%llu seeds: %llu asks (%llu answered, %llu down, %llu lost, %llu late, "
                  "%llu cancelled), %llu events and %llu times LOST\n",
                  PLAY_U(play_sum.seeds), PLAY_U(play_sum.asks), PLAY_U(play_sum.answered),
                  PLAY_U(play_sum.down), PLAY_U(play_sum.lost), PLAY_U(play_sum.late),
                  PLAY_U(play_sum.cancelled), PLAY_U(play_sum.events), PLAY_U(play_sum.gaps));
    assert_true(play_sum.answered && play_sum.down && play_sum.lost && play_sum.late &&
                play_sum.cancelled && play_sum.gaps);
}

static void test_equal_seeds_go_the_same_way(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t trace = run(seed);
        assert_int_equal(run(seed), trace);
    }
}

static void say_text(void)
{
    ssize_t written = write(STDERR_FILENO, seed_text, strlen(seed_text));
    (void)written;
}

/* An assertion of the bus, or a crash: says the seed, too. */
static void say_seed(int number)
{
    say_text();
    signal(number, SIG_DFL);
    raise(number);
}

/* Of the sanitizers, where one is linked in. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) /* NOLINT: their name */
    __attribute__((weak));

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_hold_under_random_schedules),
        cmocka_unit_test(test_equal_seeds_go_the_same_way),
    };
    signal(SIGABRT, say_seed);
    signal(SIGSEGV, say_seed);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(say_text);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
