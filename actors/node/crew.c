/* Threads for many small pieces of work: see crew.h. */
#include "actors/node/crew.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define CHUNK 4 /* pieces taken at once; no more than these are not worth waking anyone */

/* One condition each: one that several wait on may lose a wake-up for good in glibc before 2.41 (its
 * bug 25847). */
struct helper {
    struct crew *crew;
    pthread_t thread;
    pthread_cond_t begun; /* a call, or the end */
};

/*
 * Numbers are given out in order, so when piece n fails all below n are done or being done, and
 * each thread goes on until its next number is over the lowest that failed: that one is found
 * whoever is faster.
 */
struct crew {
    /* Of the present call: set before a helper may see them, then constant. */
    crew_work *work;
    void *user;

    atomic_size_t next;      /* the first piece that nobody took */
    atomic_size_t failed_at; /* the first one known to have failed, or `count` */

    pthread_mutex_t lock;
    pthread_cond_t left; /* for the caller: no helper is at work */
    uint64_t calls;      /* under the lock, as all below */
    bool open;           /* helpers may join the present call */
    bool closing;
    size_t helping;       /* helpers at work */
    struct btc_error err; /* of failed_at */

    size_t helper_count;
    struct helper helpers[CREW_THREADS_MAX - 1];
};

size_t crew_threads(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    if (count < 1)
        return 1;
    return count > CREW_THREADS_MAX ? CREW_THREADS_MAX : (size_t)count;
}

static void note_failure(struct crew *crew, size_t index, int code, const struct btc_error *err)
{
    pthread_mutex_lock(&crew->lock);
    if (index < atomic_load(&crew->failed_at)) {
        atomic_store(&crew->failed_at, index);
        crew->err = *err;
        crew->err.code = code;
    }
    pthread_mutex_unlock(&crew->lock);
}

static void work_on(struct crew *crew)
{
    struct btc_error err = {0};
    for (;;) {
        size_t first = atomic_fetch_add(&crew->next, CHUNK);
        for (size_t i = first; i < first + CHUNK; i++) {
            if (i >= atomic_load(&crew->failed_at))
                return;
            int rc = crew->work(crew->user, i, &err);
            if (rc != 0)
                note_failure(crew, i, rc, &err);
        }
    }
}

static void *help(void *argument)
{
    struct helper *self = argument;
    struct crew *crew = self->crew;
    uint64_t seen = 0;
    pthread_mutex_lock(&crew->lock);
    for (;;) {
        while (!crew->closing && seen == crew->calls)
            pthread_cond_wait(&self->begun, &crew->lock);
        if (crew->closing)
            break;
        seen = crew->calls;
        if (!crew->open)
            continue; /* the others were faster */
        crew->helping++;
        pthread_mutex_unlock(&crew->lock);
        work_on(crew);
        pthread_mutex_lock(&crew->lock);
        if (--crew->helping == 0)
            pthread_cond_signal(&crew->left);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

static void start_helpers(struct crew *crew, size_t count)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return;
    while (crew->helper_count < count) {
        struct helper *helper = &crew->helpers[crew->helper_count];
        helper->crew = crew;
        pthread_cond_init(&helper->begun, NULL);
        if (pthread_create(&helper->thread, NULL, help, helper) != 0) {
            pthread_cond_destroy(&helper->begun);
            break;
        }
        crew->helper_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Under the lock. */
static void wake_helpers(struct crew *crew)
{
    for (size_t i = 0; i < crew->helper_count; i++)
        pthread_cond_signal(&crew->helpers[i].begun);
}

int crew_open(size_t threads, struct crew **ret_crew, struct btc_error *err)
{
    if (threads < 1 || threads > CREW_THREADS_MAX)
        return btc_fail(err, BTC_EUSAGE, "a crew has 1 to %d threads, not %zu", CREW_THREADS_MAX,
                        threads);
    struct crew *crew = calloc(1, sizeof(*crew));
    if (crew == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory");
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->left, NULL);
    start_helpers(crew, threads - 1);
    *ret_crew = crew;
    return 0;
}

void crew_close(struct crew *crew)
{
    if (crew == NULL)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->closing = true;
    wake_helpers(crew);
    pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->helper_count; i++) {
        pthread_join(crew->helpers[i].thread, NULL);
        pthread_cond_destroy(&crew->helpers[i].begun);
    }
    pthread_cond_destroy(&crew->left);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}

int crew_run(struct crew *crew, size_t count, crew_work *work, void *user, struct btc_error *err)
{
    bool alone = count <= CHUNK || crew->helper_count == 0;
    crew->work = work;
    crew->user = user;
    atomic_store(&crew->next, 0);
    atomic_store(&crew->failed_at, count);
    if (!alone) {
        pthread_mutex_lock(&crew->lock);
        crew->calls++;
        crew->open = true;
        wake_helpers(crew);
        pthread_mutex_unlock(&crew->lock);
    }
    work_on(crew);
    if (!alone) {
        pthread_mutex_lock(&crew->lock);
        crew->open = false;
        while (crew->helping > 0)
            pthread_cond_wait(&crew->left, &crew->lock);
        pthread_mutex_unlock(&crew->lock);
    }
    if (atomic_load(&crew->failed_at) == count)
        return 0;
    if (err != NULL)
        *err = crew->err;
    return crew->err.code;
}
