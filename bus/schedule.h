/* schedule.h - inside deterministic mode: what schedule.c (the steps) and carrier_memory.c (the wires)
 * share. One thread, no locks. */
#ifndef TROUPE_BUS_SCHEDULE_H
#define TROUPE_BUS_SCHEDULE_H

#include "bus/carrier.h"
#include "bus/runtime.h"

struct ti_wire;

struct troupe_schedule {
    uint64_t random; /* state of the generator */
    uint64_t now_ns;
    uint64_t trace;
    struct troupe *runtimes[TROUPE_SCHEDULED_MAX]; /* in the order in which they were opened */
    size_t runtimes_count;
    struct ti_wire *wires; /* the newest first; freed with the schedule */
    uint32_t wires_count;
};

/* Something that could happen next. */
struct ti_choice {
    enum { TI_CHOICE_TURN, TI_CHOICE_TIMER, TI_CHOICE_WIRE } kind;
    struct troupe *troupe; /* TURN, TIMER */
    size_t nth;            /* TURN: among the ready actors */
    struct ti_wire *wire;  /* WIRE */
    int end;               /* of the wire */
    int what;              /* carrier_memory.c knows */
};
struct ti_choices {
    size_t count;
    struct ti_choice list[TROUPE_CHOICES_MAX]; /* what is beyond has its chance in a later step */
};
void ti_choice_add(struct ti_choices *choices, struct ti_choice choice);

/* ---- schedule.c ---- */
/* Mixes `value` into the trace. */
void ti_schedule_note(struct troupe_schedule *schedule, uint64_t value);
/* TROUPE_EBUSY: TROUPE_SCHEDULED_MAX. */
int ti_schedule_join(struct troupe_schedule *schedule, struct troupe *troupe);
void ti_schedule_leave(struct troupe_schedule *schedule, struct troupe *troupe);

/* ---- carrier_memory.c ---- */
void ti_wires_choices(struct troupe_schedule *schedule, struct ti_choices *choices);
void ti_wire_step(struct troupe_schedule *schedule, const struct ti_choice *choice);
void ti_wires_free(struct troupe_schedule *schedule);

#endif
