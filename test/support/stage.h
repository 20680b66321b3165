/* stage.h - three runtimes under one schedule, joined by memory: "user" uses "probe" and "other", and
 * "other" uses "probe". Each may die and come again, each link be cut or closed and made anew. */
#ifndef TEST_SUPPORT_STAGE_H
#define TEST_SUPPORT_STAGE_H

#include "bus/troupe_host.h"
#include "bus/troupe_schedule.h"

enum { STAGE_USER, STAGE_PROBE, STAGE_OTHER, STAGE_PLACES };
enum { STAGE_LINKS = 3 };

/* One end of a link, as the hosts' events tell it. */
struct stage_end {
    uint64_t id;
    bool up;
    bool gone;
    int code; /* why it went */
};
struct stage_link {
    int place[2]; /* who exports, who imports */
    uint32_t wires[2];
    struct stage_end ends[2];
};
struct stage_place {
    struct stage *stage;
    struct troupe *troupe; /* NULL: dead */
    unsigned lives;
    bool ready; /* its role runs */
};
struct stage {
    struct troupe_schedule *schedule;
    const struct troupe_role *roles[STAGE_PLACES];
    struct stage_place places[STAGE_PLACES];
    struct stage_link links[STAGE_LINKS];
    troupe_trace_fn *on_trace; /* may be NULL; told to every runtime */
};

/* Opens all with `seed`; links and roles are not up before the schedule steps. */
void stage_open(struct stage *stage, uint64_t seed, const struct troupe_role *const *roles);
/* Begins again what is not there: runtimes, roles, links. */
void stage_mend(struct stage *stage);
/* Cuts the wires of a link. */
void stage_cut(struct stage *stage, struct stage_link *link);
/* Ends a process: its wires are cut first, if it dies, or it says BYE. */
void stage_end(struct stage *stage, int place, bool dies, uint32_t timeout_ms);
/* Steps until nothing is left to do; false: not within `steps_max`. */
bool stage_settle(struct stage *stage, uint64_t steps_max);
/* Ends all that still lives, then the schedule; returns its trace. */
uint64_t stage_close(struct stage *stage, uint32_t timeout_ms);

#endif
