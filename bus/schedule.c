/* schedule.c - deterministic mode: the steps, the virtual clock and the generator.
 *
 * A step collects what could happen next, in an order that depends on nothing but the steps before,
 * and draws one. The generator is splitmix64 (Steele, Lea, Flood 2014): small, and good enough to
 * shuffle with. */
#include <assert.h>
#include <stdlib.h>

#include "bus/schedule.h"

#define FIRST_NOW_NS 1000000000u /* 0 means no deadline */
#define STEP_NS_MAX  20000u      /* what one step takes */
#define STALL_NS_MAX 50000000u   /* what the machine now and then does otherwise */
#define STALL_ONE_IN 64

/* ---- chance ------------------------------------------------------------------------------------------ */

static uint64_t mixed(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t troupe_schedule_random(struct troupe_schedule *schedule, uint64_t below)
{
    schedule->random += 0x9e3779b97f4a7c15u;
    return mixed(schedule->random) % below;
}

void ti_schedule_note(struct troupe_schedule *schedule, uint64_t value)
{
    schedule->trace = mixed(schedule->trace ^ value) + 0x9e3779b97f4a7c15u;
}

uint64_t troupe_schedule_trace(const struct troupe_schedule *schedule)
{
    return schedule->trace;
}

uint64_t troupe_schedule_now_ns(const struct troupe_schedule *schedule)
{
    return schedule->now_ns;
}

/* ---- life -------------------------------------------------------------------------------------------- */

int troupe_schedule_open(uint64_t seed, struct troupe_schedule **ret_schedule)
{
    struct troupe_schedule *schedule = calloc(1, sizeof *schedule);
    if (schedule == NULL) {
        return TROUPE_ENOMEM;
    }
    schedule->random = mixed(seed);
    schedule->now_ns = FIRST_NOW_NS;
    *ret_schedule = schedule;
    return 0;
}

void troupe_schedule_close(struct troupe_schedule *schedule)
{
    if (schedule == NULL) {
        return;
    }
    assert(schedule->runtimes_count == 0); /* they are closed first */
    ti_wires_free(schedule);
    free(schedule);
}

int ti_schedule_join(struct troupe_schedule *schedule, struct troupe *troupe)
{
    if (schedule->runtimes_count == TROUPE_SCHEDULED_MAX) {
        return TROUPE_EBUSY;
    }
    schedule->runtimes[schedule->runtimes_count++] = troupe;
    return 0;
}

void ti_schedule_leave(struct troupe_schedule *schedule, struct troupe *troupe)
{
    size_t kept = 0;
    for (size_t i = 0; i < schedule->runtimes_count; i++) {
        if (schedule->runtimes[i] != troupe) {
            schedule->runtimes[kept++] = schedule->runtimes[i];
        }
    }
    schedule->runtimes_count = kept;
}

/* ---- a step ------------------------------------------------------------------------------------------ */

void ti_choice_add(struct ti_choices *choices, struct ti_choice choice)
{
    if (choices->count < TROUPE_CHOICES_MAX) {
        choices->list[choices->count++] = choice;
    }
}

static void collect(struct troupe_schedule *schedule, struct ti_choices *choices)
{
    choices->count = 0;
    for (size_t i = 0; i < schedule->runtimes_count; i++) {
        struct troupe *troupe = schedule->runtimes[i];
        if (ti_timers_next_ns(troupe) <= schedule->now_ns) {
            ti_choice_add(choices, (struct ti_choice){.kind = TI_CHOICE_TIMER, .troupe = troupe});
        }
        size_t ready = ti_executor_count(&troupe->pool);
        for (size_t nth = 0; nth < ready; nth++) {
            ti_choice_add(choices,
                          (struct ti_choice){.kind = TI_CHOICE_TURN, .troupe = troupe, .nth = nth});
        }
    }
    ti_wires_choices(schedule, choices);
}

/* To the earliest timer; false: there is none. */
static bool advance(struct troupe_schedule *schedule)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < schedule->runtimes_count; i++) {
        uint64_t due = ti_timers_next_ns(schedule->runtimes[i]);
        earliest = due < earliest ? due : earliest;
    }
    if (earliest == UINT64_MAX) {
        return false;
    }
    schedule->now_ns = earliest > schedule->now_ns ? earliest : schedule->now_ns;
    return true;
}

static void take_turn(struct troupe_schedule *schedule, const struct ti_choice *choice)
{
    struct troupe_actor *actor = ti_executor_pick(&choice->troupe->pool, choice->nth);
    ti_schedule_note(schedule, actor->index);
    ti_schedule_note(schedule, atomic_load(&actor->id));
    ti_actor_run(actor);
}

int troupe_schedule_step(struct troupe_schedule *schedule)
{
    struct ti_choices choices;
    bool stalls = troupe_schedule_random(schedule, STALL_ONE_IN) == 0;
    schedule->now_ns += troupe_schedule_random(schedule, stalls ? STALL_NS_MAX : STEP_NS_MAX);
    collect(schedule, &choices);
    if (choices.count == 0) {
        if (!advance(schedule)) {
            return 0;
        }
        collect(schedule, &choices);
    }
    uint64_t drawn = troupe_schedule_random(schedule, choices.count);
    const struct ti_choice *choice = &choices.list[drawn];
    ti_schedule_note(schedule, schedule->now_ns);
    ti_schedule_note(schedule, choices.count * TROUPE_CHOICES_MAX + drawn);
    switch (choice->kind) {
    case TI_CHOICE_TURN:
        take_turn(schedule, choice);
        break;
    case TI_CHOICE_TIMER:
        ti_timers_run_due(choice->troupe);
        break;
    case TI_CHOICE_WIRE:
        ti_wire_step(schedule, choice);
        break;
    }
    return 1;
}
