/* timer.c - what happens later: one thread over one heap, earliest first. Under a schedule there is no
 * thread: its steps run what is due.
 *
 * Deadlines of asks are added and removed for every request, so both cost a lock and a heap step and
 * wake the thread only when the new one is the earliest. Removing leaves the thread's alarm alone:
 * at worst it wakes once for nothing. CLOCK_MONOTONIC, so that a suspended machine times out nothing. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bus/runtime.h"

#define NOT_IN_HEAP UINT32_MAX

struct ti_timer {
    uint64_t due_ns;
    ti_timer_fn *fn;
    uint64_t id;
    uint64_t serial;
    void *object;
    uint32_t generation;
    uint32_t heap_at; /* NOT_IN_HEAP: free */
    uint32_t next_free;
};

uint64_t ti_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ti_now_ns(const struct troupe *troupe)
{
    return troupe->schedule != NULL ? troupe_schedule_now_ns(troupe->schedule) : ti_clock_ns();
}

static void place(struct ti_timers *timers, uint32_t at, uint32_t index)
{
    timers->heap[at] = index;
    timers->timers[index].heap_at = at;
}

static uint64_t due_at(const struct ti_timers *timers, uint32_t at)
{
    return timers->timers[timers->heap[at]].due_ns;
}

static void sift(struct ti_timers *timers, uint32_t at)
{
    uint32_t index = timers->heap[at];
    uint64_t due = timers->timers[index].due_ns;
    while (at > 0 && due_at(timers, (at - 1) / 2) > due) {
        place(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= timers->heap_count) {
            break;
        }
        if (child + 1 < timers->heap_count && due_at(timers, child + 1) < due_at(timers, child)) {
            child++;
        }
        if (due_at(timers, child) >= due) {
            break;
        }
        place(timers, at, timers->heap[child]);
        at = child;
    }
    place(timers, at, index);
}

/* Takes a timer out of the heap and makes its slot free for another. */
static void take_out(struct ti_timers *timers, uint32_t index)
{
    struct ti_timer *timer = &timers->timers[index];
    uint32_t at = timer->heap_at;
    timers->heap_count--;
    if (at != timers->heap_count) {
        place(timers, at, timers->heap[timers->heap_count]);
        sift(timers, at);
    }
    timer->heap_at = NOT_IN_HEAP;
    timer->generation++;
    timer->next_free = timers->free_first;
    timers->free_first = index + 1;
}

static void *run(void *argument)
{
    struct troupe *troupe = argument;
    struct ti_timers *timers = &troupe->timers;
    pthread_mutex_lock(&timers->lock);
    /* What is due when it closes still runs: it may hold something. */
    while (!timers->closing || (timers->heap_count != 0 && due_at(timers, 0) <= ti_clock_ns())) {
        if (timers->heap_count == 0) {
            pthread_cond_wait(&timers->wake, &timers->lock);
            continue;
        }
        uint32_t index = timers->heap[0];
        struct ti_timer timer = timers->timers[index];
        if (timer.due_ns > ti_clock_ns()) {
            struct timespec until = {.tv_sec = (time_t)(timer.due_ns / 1000000000u),
                                     .tv_nsec = (long)(timer.due_ns % 1000000000u)};
            pthread_cond_timedwait(&timers->wake, &timers->lock, &until);
            continue;
        }
        take_out(timers, index);
        pthread_mutex_unlock(&timers->lock);
        timer.fn(troupe, timer.id, timer.serial, timer.object);
        pthread_mutex_lock(&timers->lock);
    }
    pthread_mutex_unlock(&timers->lock);
    return NULL;
}

uint64_t ti_timers_next_ns(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    pthread_mutex_lock(&timers->lock);
    uint64_t due = timers->heap_count != 0 ? due_at(timers, 0) : UINT64_MAX;
    pthread_mutex_unlock(&timers->lock);
    return due;
}

bool ti_timers_run_due(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    if (ti_timers_next_ns(troupe) > ti_now_ns(troupe)) {
        return false;
    }
    pthread_mutex_lock(&timers->lock);
    uint32_t index = timers->heap[0];
    struct ti_timer timer = timers->timers[index];
    take_out(timers, index);
    pthread_mutex_unlock(&timers->lock);
    timer.fn(troupe, timer.id, timer.serial, timer.object);
    return true;
}

int ti_timers_init(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&timers->lock, NULL);
    pthread_cond_init(&timers->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (troupe->schedule != NULL) {
        return 0;
    }
    if (pthread_create(&timers->thread, NULL, run, troupe) != 0) {
        return TROUPE_ESYSTEM;
    }
    timers->running = true;
    return 0;
}

void ti_timers_close(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    pthread_mutex_lock(&timers->lock);
    timers->closing = true;
    pthread_cond_signal(&timers->wake);
    pthread_mutex_unlock(&timers->lock);
    if (timers->running) {
        pthread_join(timers->thread, NULL);
    }
    while (troupe->schedule != NULL && ti_timers_run_due(troupe)) {
    }
    free(timers->timers);
    free(timers->heap);
    pthread_cond_destroy(&timers->wake);
    pthread_mutex_destroy(&timers->lock);
}

static bool grow(struct ti_timers *timers)
{
    uint32_t room = timers->room != 0 ? timers->room * 2 : 64;
    struct ti_timer *bigger = realloc(timers->timers, room * sizeof *bigger);
    if (bigger == NULL) {
        return false;
    }
    timers->timers = bigger;
    uint32_t *heap = realloc(timers->heap, room * sizeof *heap);
    if (heap == NULL) {
        return false;
    }
    timers->heap = heap;
    timers->room = room;
    return true;
}

uint64_t ti_timer_add(struct troupe *troupe, uint64_t due_ns, ti_timer_fn *fn, uint64_t id,
                      uint64_t serial, void *object)
{
    struct ti_timers *timers = &troupe->timers;
    uint64_t handle = 0;
    pthread_mutex_lock(&timers->lock);
    uint32_t index = timers->free_first;
    if (index != 0) {
        index--;
        timers->free_first = timers->timers[index].next_free;
    } else if (timers->timers_count < timers->room || grow(timers)) {
        index = timers->timers_count++;
        timers->timers[index].generation = 1;
    } else {
        pthread_mutex_unlock(&timers->lock);
        return 0;
    }
    struct ti_timer *timer = &timers->timers[index];
    *timer = (struct ti_timer){.due_ns = due_ns,
                               .fn = fn,
                               .id = id,
                               .serial = serial,
                               .object = object,
                               .generation = timer->generation};
    uint32_t at = timers->heap_count++;
    place(timers, at, index);
    sift(timers, at);
    handle = ((uint64_t)timer->generation << 32) | (index + 1);
    if (timer->heap_at == 0) {
        pthread_cond_signal(&timers->wake);
    }
    pthread_mutex_unlock(&timers->lock);
    return handle;
}

bool ti_timer_remove(struct troupe *troupe, uint64_t handle)
{
    struct ti_timers *timers = &troupe->timers;
    uint32_t index = (uint32_t)handle - 1;
    bool removed = false;
    if (handle == 0) {
        return false;
    }
    pthread_mutex_lock(&timers->lock);
    struct ti_timer *timer = &timers->timers[index];
    if (timer->heap_at != NOT_IN_HEAP && timer->generation == (uint32_t)(handle >> 32)) {
        take_out(timers, index);
        removed = true;
    }
    pthread_mutex_unlock(&timers->lock);
    return removed;
}

int troupe_after(struct troupe_actor *self, uint32_t delay_ms, troupe_after_fn *on_time, void *user,
                 uint64_t *ret_token)
{
    struct ti_pending *pending = ti_pending_add(self, TI_AFTER, TROUPE_TIMERS_MAX);
    if (pending == NULL) {
        return self->counts[TI_AFTER] >= TROUPE_TIMERS_MAX ? TROUPE_EBUSY : TROUPE_ENOMEM;
    }
    pending->on_done = (troupe_any_fn *)on_time;
    pending->user = user;
    pending->timer = ti_timer_add(self->troupe, ti_now_ns(self->troupe) + delay_ms * 1000000ull,
                                  ti_timer_to_actor, atomic_load(&self->id), pending->serial, NULL);
    if (pending->timer == 0) {
        ti_pending_free(self, pending);
        return TROUPE_ENOMEM;
    }
    if (ret_token != NULL) {
        *ret_token = pending->serial;
    }
    return 0;
}
