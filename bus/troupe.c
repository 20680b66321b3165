/* troupe.c - the runtime of a process: open, step, close, and the hooks.
 *
 * Closing goes from the outside in: links first (drained, then gone, so that nothing more comes from
 * other processes), then actors, then the loop and the workers, then memory. */
#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "bus/carrier.h"
#include "bus/runtime.h"

static unsigned workers_wanted(const struct troupe_config *config)
{
    if (config != NULL && config->workers != 0) {
        return config->workers < TROUPE_WORKERS_MAX ? config->workers : TROUPE_WORKERS_MAX;
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 4 ? 4 : (unsigned)cores;
}

/* What runs is at its end, or was never begun. */
static void take_apart(struct troupe *troupe)
{
    ti_loop_close(troupe);
    ti_timers_close(troupe);
    struct troupe_actor *late;
    while (troupe->schedule != NULL && (late = ti_executor_take(&troupe->pool, 0)) != NULL) {
        ti_actor_run(late); /* as workers would before they end */
    }
    ti_actors_join(troupe); /* before the pool: what comes late for an ended one goes there */
    ti_executor_close(&troupe->pool);
    ti_actors_free(troupe);
    ti_executor_close(&troupe->pinned);
    if (troupe->stepper != NULL) {
        ti_caller_release(troupe->stepper);
    }
    ti_roles_close(troupe);
    ti_topics_close(troupe);
    ti_watches_close(troupe);
    ti_links_free(troupe);
    troupe->carriers->fini(troupe);
    ti_pieces_release(troupe->pieces);
    pthread_cond_destroy(&troupe->actors_changed);
    pthread_mutex_destroy(&troupe->actors_lock);
    pthread_mutex_destroy(&troupe->gate.lock);
    pthread_mutex_destroy(&troupe->observed.lock);
    free(troupe);
}

/* Where this process begins to number: hardly where another does. */
static uint64_t first_number(const struct troupe *troupe)
{
    uint64_t first = ti_now_ns(troupe);
    if (troupe->schedule != NULL) {
        return troupe_schedule_random(troupe->schedule, UINT64_MAX);
    }
    if (getrandom(&first, sizeof first, GRND_NONBLOCK) != sizeof first) {
        first ^= (uint64_t)getpid() << 32;
    }
    return first;
}

int troupe_open(const struct troupe_config *config, struct troupe **ret_troupe)
{
    struct troupe *troupe = calloc(1, sizeof *troupe);
    if (troupe == NULL) {
        return TROUPE_ENOMEM;
    }
    signal(SIGPIPE, SIG_IGN);
    snprintf(troupe->name, sizeof troupe->name, "%s",
             config != NULL && config->name != NULL ? config->name : "troupe");
    if (config != NULL) {
        troupe->on_report = config->on_report;
        troupe->report_user = config->user;
        troupe->schedule = config->schedule;
    }
    troupe->loop = (struct ti_loop){.epoll_fd = -1, .kick_fd = -1};
    troupe->pool.event_fd = troupe->pinned.event_fd = -1;
    troupe->carriers = troupe->schedule != NULL ? &ti_memory_carriers : &ti_nng_carriers;
    atomic_store(&troupe->next_number, first_number(troupe));
    pthread_mutex_init(&troupe->actors_lock, NULL);
    pthread_cond_init(&troupe->actors_changed, NULL);
    pthread_mutex_init(&troupe->roles.lock, NULL);
    pthread_mutex_init(&troupe->gate.lock, NULL);
    pthread_mutex_init(&troupe->observed.lock, NULL);
    ti_links_init(troupe);
    int error = troupe->carriers->init(troupe);
    troupe->pieces = ti_pieces_new();
    error = error == 0 && troupe->pieces == NULL ? TROUPE_ENOMEM : error;
    error = error != 0 ? error : ti_topics_init(troupe);
    error = error != 0 ? error : ti_watches_init(troupe);
    error = error != 0 ? error : ti_timers_init(troupe);
    error = error != 0 ? error : ti_loop_init(troupe);
    error = error != 0 ? error : ti_executor_init(&troupe->pinned, 0, true, NULL);
    error = error != 0 ? error
                       : ti_executor_init(&troupe->pool,
                                          troupe->schedule == NULL ? workers_wanted(config) : 0,
                                          false, &troupe->counters);
    error = error != 0 ? error : ti_spawn(troupe, &ti_agent_def, NULL, 0, &troupe->agent);
    if (error != 0) {
        take_apart(troupe);
        return error;
    }
    ti_caller_steps(troupe); /* until another one does */
    *ret_troupe = troupe;
    return 0;
}

int troupe_step(struct troupe *troupe, uint32_t timeout_ms)
{
    if (ti_current() != NULL) {
        return TROUPE_EWOULDBLOCK;
    }
    if (troupe->schedule != NULL) {
        return troupe_schedule_step(troupe->schedule);
    }
    int handled = 0;
    ti_caller_steps(troupe);
    struct troupe_actor *first = NULL;
    struct troupe_actor *actor = ti_executor_take(&troupe->pinned, timeout_ms);
    while (actor != NULL) {
        if (first == NULL) {
            first = actor;
        }
        handled += ti_actor_run(actor);
        if (actor == first && handled >= TROUPE_QUANTUM_MESSAGES) {
            break; /* one round: it is ready again behind the others */
        }
        actor = ti_executor_take(&troupe->pinned, 0);
    }
    return handled;
}

int troupe_fd(struct troupe *troupe)
{
    return troupe->pinned.event_fd;
}

/* False: some could not be told for want of memory. */
static bool stop_all(struct troupe *troupe)
{
    bool told = true;
    pthread_mutex_lock(&troupe->actors_lock);
    uint32_t count = troupe->slots_count;
    pthread_mutex_unlock(&troupe->actors_lock);
    /* The youngest first: whoever spawned it is still there to be told. */
    for (uint32_t index = count; index-- > 0;) {
        struct troupe_actor *slot = ti_actor_slot(troupe, index);
        uint64_t id = atomic_load(&slot->id);
        if (id != 0) {
            told = troupe_stop(troupe, ti_ref_here(id)) != TROUPE_ENOMEM && told;
        }
    }
    return told;
}

void troupe_close(struct troupe *troupe, uint32_t timeout_ms)
{
    if (troupe == NULL) {
        return;
    }
    ti_links_close(troupe, timeout_ms);
    atomic_store(&troupe->closing, true);
    atomic_store(&troupe->stop_missed, true);
    while (atomic_load(&troupe->actors_count) != 0) {
        if (atomic_exchange(&troupe->stop_missed, false) && !stop_all(troupe)) {
            atomic_store(&troupe->stop_missed, true); /* again, in a moment */
        }
        int stepped = troupe_step(troupe, 1);
        assert(stepped != 0 || troupe->schedule == NULL); /* else nothing would ever end them */
        if (atomic_load(&troupe->actors_count) != 0 && troupe->schedule == NULL) {
            pthread_mutex_lock(&troupe->actors_lock);
            struct timespec until;
            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_nsec += 10000000;
            if (until.tv_nsec >= 1000000000) {
                until.tv_sec++;
                until.tv_nsec -= 1000000000;
            }
            if (atomic_load(&troupe->actors_count) != 0) {
                pthread_cond_timedwait(&troupe->actors_changed, &troupe->actors_lock, &until);
            }
            pthread_mutex_unlock(&troupe->actors_lock);
        }
    }
    take_apart(troupe);
    ti_writer_thread_free(); /* this thread stays: it need not keep a buffer */
}

/* ---- looking --------------------------------------------------------------------------------------- */

void troupe_stats(struct troupe *troupe, struct troupe_stats *ret_stats)
{
    const struct ti_counters *c = &troupe->counters;
    uint64_t completed = ti_counted(c,
                                    TI_ASKS_COMPLETED); /* first: each of them was begun before */
    uint64_t waiting = 0;
    pthread_mutex_lock(&troupe->actors_lock);
    for (uint32_t index = 0; index < troupe->slots_count; index++) {
        waiting += atomic_load(&ti_actor_slot(troupe, index)->waiting);
    }
    pthread_mutex_unlock(&troupe->actors_lock);
    *ret_stats = (struct troupe_stats){
        .actors = atomic_load(&troupe->actors_count),
        .links = ti_links_count(troupe),
        .messages_sent = ti_counted(c, TI_MESSAGES_SENT),
        .messages_handled = ti_counted(c, TI_MESSAGES_HANDLED),
        .messages_waiting = waiting,
        .asks_open = ti_counted(c, TI_ASKS_BEGUN) - completed,
        .asks_completed = completed,
        .replies_late = ti_counted(c, TI_REPLIES_LATE),
        .dead_letters = ti_counted(c, TI_DEAD_LETTERS),
        .events_published = ti_counted(c, TI_EVENTS_PUBLISHED),
        .events_delivered = ti_counted(c, TI_EVENTS_DELIVERED),
        .events_lost = ti_counted(c, TI_EVENTS_LOST),
        .refused_busy = ti_counted(c, TI_REFUSED_BUSY),
        .frames_in = ti_counted(c, TI_FRAMES_IN),
        .frames_out = ti_counted(c, TI_FRAMES_OUT),
        .batches_in = ti_counted(c, TI_BATCHES_IN),
        .batches_out = ti_counted(c, TI_BATCHES_OUT),
        .bytes_in = ti_counted(c, TI_BYTES_IN),
        .bytes_out = ti_counted(c, TI_BYTES_OUT),
        .links_refused = ti_counted(c, TI_LINKS_REFUSED),
    };
}

void troupe_trace(struct troupe *troupe, troupe_trace_fn *on_trace, void *user)
{
    atomic_store(&troupe->trace_user, user);
    atomic_store(&troupe->on_trace, on_trace);
    if (on_trace != NULL) {
        atomic_fetch_or(&troupe->traced, TI_TRACED_HOOK);
    } else {
        atomic_fetch_and(&troupe->traced, ~(unsigned)TI_TRACED_HOOK);
    }
}

void ti_trace(struct troupe *troupe, const struct troupe_trace *trace,
              const struct troupe_body *body, bool secret)
{
    struct troupe_trace passes = *trace;
    passes.time_ns = passes.time_ns != 0 ? passes.time_ns : ti_now_ns(troupe);
    passes.size_bytes = body != NULL ? body->size : 0;
    troupe_trace_fn *on_trace = atomic_load(&troupe->on_trace);
    if (on_trace != NULL) {
        on_trace(atomic_load(&troupe->trace_user), &passes);
    }
    if ((atomic_load(&troupe->traced) & TI_TRACED_OBSERVED) != 0) {
        ti_observe(troupe, &passes, secret ? NULL : body);
    }
}

void troupe_dead_letters(struct troupe *troupe, troupe_dead_letter_fn *on_dead_letter, void *user)
{
    atomic_store(&troupe->dead_letter_user, user);
    atomic_store(&troupe->on_dead_letter, on_dead_letter);
}

static void show_dead_letter(struct troupe *troupe, uint64_t target, uint32_t interface,
                             uint32_t method, int code)
{
    troupe_dead_letter_fn *hook = atomic_load(&troupe->on_dead_letter);
    if (hook != NULL) {
        struct troupe_dead_letter letter = {
            .target = ti_ref_here(target), .interface = interface, .method = method, .code = code};
        hook(atomic_load(&troupe->dead_letter_user), &letter);
    }
}

void ti_dead_letter(struct troupe *troupe, uint64_t target, uint32_t interface, uint32_t method,
                    int code)
{
    ti_count(&troupe->counters, TI_DEAD_LETTERS, 1);
    show_dead_letter(troupe, target, interface, method, code);
}

void ti_late(struct troupe *troupe, uint64_t target, const struct troupe_message *answer)
{
    if (answer->kind == TI_REPLY || answer->kind == TI_ERROR || answer->kind == TI_FAILED) {
        ti_count(&troupe->counters, TI_REPLIES_LATE, 1);
        show_dead_letter(troupe, target, answer->interface, answer->ordinal, TROUPE_ETIMEOUT);
    }
}

static void say(struct troupe *troupe, const char *who, const char *format, va_list arguments)
{
    char text[512];
    int at = who != NULL ? snprintf(text, sizeof text, "%s: ", who) : 0;
    if (troupe->on_report != NULL && at >= 0 && (size_t)at < sizeof text) {
        vsnprintf(text + at, sizeof text - (size_t)at, format, arguments);
        troupe->on_report(troupe->report_user, text);
    }
}

void ti_report(struct troupe *troupe, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(troupe, NULL, format, arguments);
    va_end(arguments);
}

void troupe_report(struct troupe_actor *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(self->troupe, self->def->name, format, arguments);
    va_end(arguments);
}

void ti_error_set(struct troupe_error *error, int code, const char *text)
{
    ti_error_format(error, code, "%s", text != NULL ? text : troupe_error_text(code));
}

void troupe_release_ref(struct troupe *troupe, struct troupe_ref ref)
{
    struct ti_route route;
    if (ref.place >= TI_PLACE_LINKS && ti_route_find(troupe, ref, &route) == 0) {
        ti_link_drop(route.link, route.target);
        ti_route_release(&route);
    }
}
