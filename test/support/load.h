/* load.h - a role that keeps a program of test/programs busy (talker.h) and says how it goes.
 *
 * Options of the program: --load=N talkers and two neighbours, or nobody without it; --once: a
 * whole conversation each, and no neighbours. The role uses "probe" and "other", and asks "ear" what
 * it heard. On stdout, each a line:
 *
 *   loaded          every talker had a whole conversation
 *   round N ...     deaths came and those who died are back: after the N-th death everybody
 *                   stopped talking, every ask had completed, and now they go on.
 *                   "gone NS": when the first was noticed (monotonic clock)
 *   paused ...      DATADIR/pause is there: they stopped talking, nothing is open in any process, and
 *                   both ears, here and in the other process, account for every event published
 *   mark ...        DATADIR/mark was there: a line for each neighbour: its calls since the last mark
 *   bad: ...        never */
#ifndef TEST_SUPPORT_LOAD_H
#define TEST_SUPPORT_LOAD_H

#include "launcher/launcher.h"

extern const struct troupe_actor_def load_def;
extern const char *const load_uses[];

/* For the program's on_process. */
void load_on_process(const struct troupe_process_event *event);

#endif
