/* troupe_schedule.h - deterministic mode: runtimes without threads, for tests.
 *
 * Everything that runtimes with one schedule do (an actor's turn with one message, a timer, a batch
 * or event that arrives over a link) happens in the steps of that schedule, on the thread that steps.
 * Which of the things that could happen next does happen is drawn from a seed, the clock is virtual,
 * and links are memory. So one seed gives one interleaving, each time, and many seeds give many.
 *
 *     struct troupe_schedule *schedule;
 *     troupe_schedule_open(seed, &schedule);
 *     struct troupe_config config = {.schedule = schedule};
 *     troupe_open(&config, &troupe);             (a second one, and troupe_host_link over a wire)
 *     while (!done && troupe_schedule_step(schedule)) { }
 *     troupe_close(troupe, 1000);                (steps the schedule until it is closed)
 *     troupe_schedule_close(schedule);
 *
 * Sync calls step too, until their answer is there. Detached and pinned actors run like the others.
 * At most TROUPE_SCHEDULED_MAX runtimes: troupe_open answers TROUPE_EBUSY to one more. All functions
 * belong to one thread, and none but troupe_schedule_now_ns and troupe_schedule_random
 * may be called inside an actor. */
#ifndef TROUPE_SCHEDULE_H
#define TROUPE_SCHEDULE_H

#include "bus/troupe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Errors: TROUPE_ENOMEM. */
TROUPE_CHECKED int troupe_schedule_open(uint64_t seed, struct troupe_schedule **ret_schedule);
/* After its runtimes are closed. `schedule` may be NULL. */
void troupe_schedule_close(struct troupe_schedule *schedule);

/* Does one thing that is ready; if nothing is, sets the clock to the earliest timer first. Now and then the
 * clock runs on though something is ready, as when a machine is busy.
 * Returns 1, or 0 when there is nothing left to do, ever. */
int troupe_schedule_step(struct troupe_schedule *schedule);

/* The virtual clock. */
uint64_t troupe_schedule_now_ns(const struct troupe_schedule *schedule);
/* A number below `below` (not 0) from the same seed: for what a test itself leaves to chance. */
uint64_t troupe_schedule_random(struct troupe_schedule *schedule, uint64_t below);
/* A hash of all steps so far: equal for equal seeds. */
uint64_t troupe_schedule_trace(const struct troupe_schedule *schedule);

/* Two ends for troupe_host_link: one wire carries a link, or the events of one role.
 * `ret_wire` names it for troupe_schedule_cut. Errors: TROUPE_ENOMEM, TROUPE_ESYSTEM. */
TROUPE_CHECKED int troupe_schedule_wire(struct troupe_schedule *schedule, int ret_fds[2],
                                        uint32_t *ret_wire);
/* Cuts it, as the death of a process does: what was on its way may or may not arrive. */
void troupe_schedule_cut(struct troupe_schedule *schedule, uint32_t wire);

#ifdef __cplusplus
}
#endif

#endif
