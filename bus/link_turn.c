/* link_turn.c - what an actor of the pool sends in one turn is joined, where a carrier would take each
 * frame by itself: it leaves when the turn ends, or goes on for long, or when there is much of it. A
 * handler that takes long holds back what it sent: such an actor is detached, or pinned, and sends at
 * once.
 *
 * Called on the threads that run actors. */
#include "bus/link.h"

#define TURN_LINKS_MAX 4
#define TURN_BYTES_MAX (16 * 1024)
#define TURN_NS_MAX    100000u

/* The links that wait for the end of the turn that this thread runs, each held. */
static _Thread_local struct {
    bool open;
    uint64_t seen_ns; /* when it was first seen that they do; 0: not yet */
    size_t count;
    struct ti_link *links[TURN_LINKS_MAX];
} turn;

bool ti_turn_begin(void)
{
    bool begun = !turn.open;
    turn.open = true;
    return begun;
}

static void let_leave(void)
{
    for (size_t i = 0; i < turn.count; i++) {
        struct ti_link *link = turn.links[i];
        pthread_mutex_lock(&link->lock);
        ti_link_pump(link);
        pthread_mutex_unlock(&link->lock);
        ti_link_release(link);
    }
    turn.count = 0;
    turn.seen_ns = 0;
}

void ti_turn_goes_on(void)
{
    uint64_t now = turn.count != 0 ? ti_clock_ns() : 0;
    if (turn.seen_ns == 0) {
        turn.seen_ns = now;
    } else if (now - turn.seen_ns > TURN_NS_MAX) {
        let_leave();
    }
}

void ti_turn_end(bool begun)
{
    if (begun) {
        let_leave();
        turn.open = false;
    }
}

static bool waits_here(const struct ti_link *link)
{
    size_t i = 0;
    while (i < turn.count && turn.links[i] != link) {
        i++;
    }
    return i < turn.count;
}

/* The turn of another thread does not matter: it may take longer than ours. */
void ti_link_pump_in_turn(struct ti_link *link)
{
    bool may_wait = turn.open && link->queued_bytes < TURN_BYTES_MAX && !ti_link_blobs_wait(link);
    if (may_wait && waits_here(link)) {
        return;
    }
    if (may_wait && turn.count < TURN_LINKS_MAX) {
        turn.links[turn.count++] = ti_link_hold(link);
    } else {
        ti_link_pump(link);
    }
}
