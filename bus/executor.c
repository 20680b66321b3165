/* executor.c - ready queues and the threads that run them.
 *
 * A thread sleeps only when the queue is empty, and a push wakes one only when somebody sleeps: the
 * last to fall asleep, whose memory is warmest. Each sleeper has a condition of its own: one that
 * several wait on may lose a signal for good in glibc before 2.41 (its bug 25847). */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "bus/runtime.h"

_Thread_local struct ti_own_counters ti_own_counters;

static void *work(void *argument)
{
    struct ti_executor *executor = argument;
    struct troupe_actor *actor;
    if (executor->counters != NULL) {
        size_t number = atomic_fetch_add(&executor->numbers, 1);
        ti_own_counters = (struct ti_own_counters){executor->counters,
                                                   &executor->counters->workers[number]};
    }
    while ((actor = ti_executor_take(executor, UINT32_MAX)) != NULL) {
        ti_actor_run(actor);
    }
    return NULL;
}

int ti_executor_init(struct ti_executor *executor, unsigned threads, bool with_fd,
                     struct ti_counters *counters)
{
    *executor = (struct ti_executor){.event_fd = -1, .counters = counters};
    if (with_fd && (executor->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        return TROUPE_ESYSTEM;
    }
    pthread_mutex_init(&executor->lock, NULL);
    executor->made = true;
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&executor->threads[i], NULL, work, executor) != 0) {
            ti_executor_close(executor);
            return TROUPE_ESYSTEM;
        }
        executor->threads_count++;
    }
    return 0;
}

/* ---- sleeping (the lock is held) ------------------------------------------------------------------ */

/* A thread that found nothing to do; on its stack. */
struct ti_sleeper {
    struct ti_sleeper *next;
    pthread_cond_t wake;
    bool called;
};

static void wake_one(struct ti_executor *executor)
{
    struct ti_sleeper *sleeper = executor->sleepers;
    if (sleeper != NULL) {
        executor->sleepers = sleeper->next;
        sleeper->called = true;
        pthread_cond_signal(&sleeper->wake);
    }
}

/* `self` is the caller's for this one sleep: until called, or it is over; `until` NULL is never. */
static void sleep_until(struct ti_executor *executor, struct ti_sleeper *self,
                        const struct timespec *until)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    self->called = false;
    self->next = executor->sleepers;
    executor->sleepers = self;
    int code = 0;
    while (!self->called && code != ETIMEDOUT) {
        code = until != NULL ? pthread_cond_timedwait(&self->wake, &executor->lock, until)
                             : pthread_cond_wait(&self->wake, &executor->lock);
    }
    struct ti_sleeper **at = &executor->sleepers;
    while (!self->called && *at != self) {
        at = &(*at)->next;
    }
    if (!self->called) {
        *at = self->next;
    }
    pthread_cond_destroy(&self->wake);
}

/* ---- ready ------------------------------------------------------------------------------------------ */

void ti_executor_ready(struct ti_executor *executor, struct troupe_actor *actor)
{
    pthread_mutex_lock(&executor->lock);
    bool was_empty = executor->first == NULL;
    actor->ready_next = NULL;
    if (was_empty) {
        executor->first = actor;
    } else {
        executor->last->ready_next = actor;
    }
    executor->last = actor;
    wake_one(executor);
    if (was_empty && executor->event_fd >= 0) {
        uint64_t one = 1;
        ssize_t written = write(executor->event_fd, &one, sizeof one);
        (void)written; /* a counter at its maximum is readable, which is all we want */
    }
    pthread_mutex_unlock(&executor->lock);
}

struct troupe_actor *ti_executor_take(struct ti_executor *executor, uint32_t timeout_ms)
{
    uint64_t due = ti_clock_ns() + (uint64_t)timeout_ms * 1000000u;
    struct timespec until = {.tv_sec = (time_t)(due / 1000000000u),
                             .tv_nsec = (long)(due % 1000000000u)};
    pthread_mutex_lock(&executor->lock);
    while (executor->first == NULL && !executor->closing &&
           (timeout_ms == UINT32_MAX || (timeout_ms != 0 && ti_clock_ns() < due))) {
        struct ti_sleeper self;
        sleep_until(executor, &self, timeout_ms == UINT32_MAX ? NULL : &until);
    }
    struct troupe_actor *actor = executor->first;
    if (actor != NULL) {
        executor->first = actor->ready_next;
    }
    if (executor->first == NULL && executor->event_fd >= 0) {
        uint64_t count;
        ssize_t got = read(executor->event_fd, &count, sizeof count);
        (void)got;
    }
    pthread_mutex_unlock(&executor->lock);
    return actor;
}

/* ---- under a schedule: no other thread ---------------------------------------------------------------- */

size_t ti_executor_count(const struct ti_executor *executor)
{
    size_t count = 0;
    for (struct troupe_actor *actor = executor->first; actor != NULL; actor = actor->ready_next) {
        count++;
    }
    return count;
}

struct troupe_actor *ti_executor_pick(struct ti_executor *executor, size_t nth)
{
    struct troupe_actor *before = NULL;
    struct troupe_actor *actor = executor->first;
    for (; nth != 0 && actor != NULL; nth--) {
        before = actor;
        actor = actor->ready_next;
    }
    if (actor == NULL) {
        return NULL;
    }
    if (before != NULL) {
        before->ready_next = actor->ready_next;
    } else {
        executor->first = actor->ready_next;
    }
    if (executor->last == actor) {
        executor->last = before;
    }
    return actor;
}

void ti_executor_close(struct ti_executor *executor)
{
    if (!executor->made) {
        return;
    }
    executor->made = false;
    pthread_mutex_lock(&executor->lock);
    executor->closing = true;
    while (executor->sleepers != NULL) {
        wake_one(executor);
    }
    pthread_mutex_unlock(&executor->lock);
    for (unsigned i = 0; i < executor->threads_count; i++) {
        pthread_join(executor->threads[i], NULL);
    }
    if (executor->event_fd >= 0) {
        close(executor->event_fd);
    }
    pthread_mutex_destroy(&executor->lock);
}
