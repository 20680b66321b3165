/* bench_local.c - actors of one process, beside two threads that wake each other by a mutex and a
 * condition: what one would write by hand. */
#include <stdio.h>

#include "bench/asker.h"

enum { ROUNDS = 7, TURNS = 20000, TELLS = 400000, TELLS_AT_ONCE = 400, SENDERS = 8 };

/* ---- by hand --------------------------------------------------------------------------------- */

struct table {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned turn; /* 0: it is ours */
    bool over;
};

static void *return_ball(void *argument)
{
    struct table *table = argument;
    pthread_mutex_lock(&table->lock);
    while (!table->over) {
        if (table->turn == 0) {
            pthread_cond_wait(&table->changed, &table->lock);
            continue;
        }
        table->turn = 0;
        pthread_cond_broadcast(&table->changed);
    }
    pthread_mutex_unlock(&table->lock);
    return NULL;
}

static double measure_threads(void)
{
    struct table table = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};
    pthread_t other;
    if (pthread_create(&other, NULL, return_ball, &table) != 0)
        bench_die("a thread");
    uint64_t before = bench_now_ns();
    pthread_mutex_lock(&table.lock);
    for (size_t i = 0; i < TURNS; i++) {
        table.turn = 1;
        pthread_cond_broadcast(&table.changed);
        while (table.turn == 1)
            pthread_cond_wait(&table.changed, &table.lock);
    }
    double took = (double)(bench_now_ns() - before);
    table.over = true;
    pthread_cond_broadcast(&table.changed);
    pthread_mutex_unlock(&table.lock);
    pthread_join(other, NULL);
    return took / TURNS / 1e3;
}

/* ---- asks and calls -------------------------------------------------------------------------- */

static double measure_asks(struct troupe *troupe, struct troupe_ref echo)
{
    uint64_t before = bench_now_ns();
    bench_ask_echoes(troupe, echo, 1, TURNS);
    return (double)(bench_now_ns() - before) / TURNS / 1e3;
}

static double measure_calls(struct troupe *troupe, struct troupe_ref echo)
{
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < TURNS; i++)
        bench_call_echo(troupe, echo);
    return (double)(bench_now_ns() - before) / TURNS / 1e3;
}

/* ---- tells ----------------------------------------------------------------------------------- */

/* Some actors that tell one other, a few hundred at a time: then they ask it, to know that they came. */
struct crowd {
    struct troupe *troupe;
    struct troupe_ref to;
    struct bench_gate done;
};

struct teller {
    struct crowd *crowd;
    size_t left;
};

static void tell_more(struct troupe_actor *self, struct teller *teller);

static void told(struct troupe_actor *self, void *user, const struct troupe_error *error,
                 const struct server_told_results *results)
{
    struct teller *teller = user;
    (void)results;
    if (error != NULL)
        bench_die(error->text);
    tell_more(self, teller);
}

static void tell_more(struct troupe_actor *self, struct teller *teller)
{
    struct crowd *crowd = teller->crowd;
    struct server_tell_args args = {.number = 1};
    if (teller->left == 0) {
        if (troupe_stop(crowd->troupe, troupe_self(self)) != 0)
            bench_die("troupe: stop");
        bench_gate_open(&crowd->done);
        return;
    }
    for (size_t i = 0; i < TELLS_AT_ONCE; i++) {
        if (server_tell(crowd->troupe, crowd->to, &args) != 0)
            bench_die("troupe: tell");
    }
    teller->left -= TELLS_AT_ONCE;
    if (server_told_ask(self, crowd->to, told, teller, NULL) != 0)
        bench_die("troupe: ask");
}

static int tell_first(struct troupe_actor *self, void *state, const void *argument)
{
    struct teller *teller = state;
    *teller = *(const struct teller *)argument;
    tell_more(self, teller);
    return 0;
}

static const struct troupe_actor_def TELLER = {
    .name = "teller", .state_size = sizeof(struct teller), .start = tell_first};

/* Millions a second. */
static double measure_tells(struct troupe *troupe, struct troupe_ref to, size_t senders)
{
    struct crowd crowd = {.troupe = troupe, .to = to};
    struct teller each = {.crowd = &crowd, .left = TELLS / senders};
    bench_gate_init(&crowd.done);
    uint64_t before = bench_now_ns();
    for (size_t i = 0; i < senders; i++) {
        struct troupe_ref ref;
        if (troupe_spawn(troupe, &TELLER, &each, &ref) != 0)
            bench_die("troupe: spawn");
    }
    for (size_t i = 0; i < senders; i++)
        bench_gate_pass(&crowd.done);
    return (double)TELLS / ((double)(bench_now_ns() - before) / 1e9) / 1e6;
}

/* ---- the part -------------------------------------------------------------------------------- */

enum { THREADS, ASK, CALL, QUICK_CALL, TELL, FAN_IN, LINES };

void bench_local(const char *placement)
{
    static struct bench_line lines[LINES] = {
        {.name = "two threads, mutex and condition"},
        {.name = "ask, actor to actor, one worker"},
        {.name = "sync call from a thread"},
        {.name = "sync call, the actor TROUPE_QUICK"},
        {.name = "tell, 1 sender"},
        {.name = "tell, 8 senders"},
    };
    struct troupe *troupe = bench_troupe_open(1);
    struct troupe_ref echo;
    struct troupe_ref quick;
    if (troupe_spawn(troupe, &bench_server_actor, NULL, &echo) != 0 ||
        troupe_spawn(troupe, &bench_quick_actor, NULL, &quick) != 0)
        bench_die("troupe: spawn");
    for (size_t round = 0; round < ROUNDS; round++) {
        lines[THREADS].rounds[round] = measure_threads();
        lines[ASK].rounds[round] = measure_asks(troupe, echo);
        lines[CALL].rounds[round] = measure_calls(troupe, echo);
        lines[QUICK_CALL].rounds[round] = measure_calls(troupe, quick);
        lines[TELL].rounds[round] = measure_tells(troupe, echo, 1);
        lines[FAN_IN].rounds[round] = measure_tells(troupe, echo, SENDERS);
    }
    troupe_close(troupe, 1000);
    printf("\nIn one process, %s (%d rounds of %d, %d tells)\n", placement, ROUNDS, TURNS, TELLS);
    printf("  %-34s %10s %10s\n", "", "us", "ratio");
    for (size_t i = THREADS; i <= QUICK_CALL; i++)
        printf("  %-34s %10.2f %10.2f\n", lines[i].name, bench_median(&lines[i], ROUNDS),
               bench_ratio(&lines[i], &lines[THREADS], ROUNDS));
    printf("  %-34s %10s\n", "", "million/s");
    for (size_t i = TELL; i <= FAN_IN; i++)
        printf("  %-34s %10.2f\n", lines[i].name, bench_median(&lines[i], ROUNDS));
    bench_say_target(
        &(struct bench_target){"ask in one process, to two threads and a condition", placement, "x",
                               bench_ratio(&lines[ASK], &lines[THREADS], ROUNDS), 0.4, false});
    bench_say_target(&(struct bench_target){
        "sync call in one process, to two threads and a condition", placement, "x",
        bench_ratio(&lines[QUICK_CALL], &lines[THREADS], ROUNDS), 1.3, false});
    bench_say_target(&(struct bench_target){"tells between two actors", placement, "M/s",
                                            bench_median(&lines[TELL], ROUNDS), 4, true});
    bench_say_target(&(struct bench_target){"tells from 8 actors, to those from one", placement,
                                            "x", bench_ratio(&lines[FAN_IN], &lines[TELL], ROUNDS),
                                            0.7, true});
}
