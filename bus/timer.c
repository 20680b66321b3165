/* timer.c - what happens later: one heap, earliest first, which the loop runs, or under a schedule its
 * steps.
 *
 * Adding and removing cost a lock and a heap step each, and wake the loop only when it would sleep
 * too long: so the asks of an actor share one timer (ask.c). Removing leaves the loop asleep: at
 * worst it wakes once for nothing. CLOCK_MONOTONIC, so that a suspended machine times out nothing.
 *
 * What must happen can't fail for want of memory: room for it is reserved when there is some, and a
 * function that could not do its work has another turn. */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "bus/runtime.h"

#define NOT_IN_HEAP UINT32_MAX
#define AGAIN_NS    10000000u

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

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t ti_clock_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t troupe_now_ms(void)
{
    return ti_clock_ns() / 1000000;
}

uint64_t ti_now_ns(const struct troupe *troupe)
{
    return troupe->schedule != NULL ? troupe_schedule_now_ns(troupe->schedule) : ti_clock_ns();
}

uint64_t ti_tick_ns(const struct troupe *troupe)
{
    return troupe->schedule != NULL ? troupe_schedule_now_ns(troupe->schedule)
                                    : read_clock(CLOCK_MONOTONIC_COARSE);
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

static void put_in(struct ti_timers *timers, uint32_t index)
{
    uint32_t at = timers->heap_count++;
    place(timers, at, index);
    sift(timers, at);
}

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
}

/* Makes the slot of a timer that was taken out free for another. */
static void give_back(struct ti_timers *timers, uint32_t index)
{
    struct ti_timer *timer = &timers->timers[index];
    timer->generation++;
    timer->next_free = timers->free_first;
    timers->free_first = index + 1;
    timers->used--;
}

/* Runs the first, which is due, without the lock. */
static void run_first(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    uint32_t index = timers->heap[0];
    struct ti_timer timer = timers->timers[index];
    take_out(timers, index);
    pthread_mutex_unlock(&timers->lock);
    timers->again = false;
    timer.fn(troupe, timer.id, timer.serial, timer.object);
    pthread_mutex_lock(&timers->lock);
    if (timers->again) {
        timers->timers[index].due_ns = ti_now_ns(troupe) + AGAIN_NS;
        put_in(timers, index);
    } else {
        give_back(timers, index);
    }
}

bool ti_timers_run(struct troupe *troupe, uint64_t *ret_due_ns)
{
    struct ti_timers *timers = &troupe->timers;
    pthread_mutex_lock(&timers->lock);
    timers->sleeps_ns = 0;
    uint64_t now = ti_clock_ns(); /* what becomes due meanwhile waits for the bells */
    while (timers->heap_count != 0 && due_at(timers, 0) <= now) {
        run_first(troupe);
    }
    *ret_due_ns = timers->sleeps_ns = timers->heap_count != 0 ? due_at(timers, 0) : UINT64_MAX;
    bool on = !timers->closing || *ret_due_ns <= ti_clock_ns();
    pthread_mutex_unlock(&timers->lock);
    return on;
}

void ti_timers_end(struct troupe *troupe)
{
    pthread_mutex_lock(&troupe->timers.lock);
    troupe->timers.closing = true;
    pthread_mutex_unlock(&troupe->timers.lock);
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
    run_first(troupe);
    pthread_mutex_unlock(&timers->lock);
    return true;
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

bool ti_timers_reserve(struct troupe *troupe, uint32_t count)
{
    struct ti_timers *timers = &troupe->timers;
    bool there = true;
    pthread_mutex_lock(&timers->lock);
    while (there && timers->room - timers->used < timers->reserved + count) {
        there = grow(timers);
    }
    timers->reserved += there ? count : 0;
    pthread_mutex_unlock(&timers->lock);
    return there;
}

void ti_timers_unreserve(struct troupe *troupe, uint32_t count)
{
    pthread_mutex_lock(&troupe->timers.lock);
    troupe->timers.reserved -= count;
    pthread_mutex_unlock(&troupe->timers.lock);
}

void ti_timer_again(struct troupe *troupe)
{
    troupe->timers.again = true;
}

/* The heartbeat of events, asking for some again, and the timer that runs: it keeps its slot until it
 * has. */
enum { OWN_RESERVE = 3 };

int ti_timers_init(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    pthread_mutex_init(&timers->lock, NULL);
    return ti_timers_reserve(troupe, OWN_RESERVE) ? 0 : TROUPE_ENOMEM;
}

void ti_timers_close(struct troupe *troupe)
{
    struct ti_timers *timers = &troupe->timers;
    while (troupe->schedule != NULL && ti_timers_run_due(troupe)) {
    }
    free(timers->timers);
    free(timers->heap);
    pthread_mutex_destroy(&timers->lock);
}

static uint64_t add(struct troupe *troupe, const struct ti_timer *wanted, bool reserved)
{
    struct ti_timers *timers = &troupe->timers;
    pthread_mutex_lock(&timers->lock);
    if (!reserved && timers->room - timers->used <= timers->reserved && !grow(timers)) {
        pthread_mutex_unlock(&timers->lock);
        return 0;
    }
    assert(timers->used < timers->room);
    timers->used++;
    uint32_t index = timers->free_first;
    if (index != 0) {
        index--;
        timers->free_first = timers->timers[index].next_free;
    } else {
        index = timers->timers_count++;
        timers->timers[index].generation = 1;
    }
    struct ti_timer *timer = &timers->timers[index];
    uint32_t generation = timer->generation;
    *timer = *wanted;
    timer->generation = generation;
    put_in(timers, index);
    bool early = timer->due_ns < timers->sleeps_ns;
    timers->sleeps_ns = early ? 0 : timers->sleeps_ns; /* one kick is enough */
    pthread_mutex_unlock(&timers->lock);
    if (early) {
        ti_loop_kick(&troupe->loop);
    }
    return ((uint64_t)generation << 32) | (index + 1);
}

uint64_t ti_timer_add(struct troupe *troupe, uint64_t due_ns, ti_timer_fn *fn, uint64_t id,
                      uint64_t serial, void *object)
{
    struct ti_timer timer = {
        .due_ns = due_ns, .fn = fn, .id = id, .serial = serial, .object = object};
    return add(troupe, &timer, false);
}

uint64_t ti_timer_add_reserved(struct troupe *troupe, uint64_t due_ns, ti_timer_fn *fn, uint64_t id,
                               void *object)
{
    struct ti_timer timer = {.due_ns = due_ns, .fn = fn, .id = id, .object = object};
    return add(troupe, &timer, true);
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
        give_back(timers, index);
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
