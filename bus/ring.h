/* ring.h - bytes one way between two processes that share memory, of which neither trusts the other.
 *
 * One end puts, one takes, each by one thread at a time. `head` and `tail` count bytes ever put and
 * taken; each end keeps its own count to itself and only shows it, and believes of the other's what
 * is possible: never back, never more than the ring holds. What is taken is copied out before it is
 * looked at.
 *
 * Who is about to sleep says so in the ring, then looks once more; who puts or takes shows its
 * count, then looks whether the other sleeps. So one of the two sees the other, and nobody is woken
 * who is awake. Who shows without waking must show again, with it. */
#ifndef TROUPE_BUS_RING_H
#define TROUPE_BUS_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/troupe_limits.h"

/* What is shared, all zero at first. */
struct ti_ring {
    alignas(64) _Atomic uint32_t head;
    _Atomic uint32_t room_wanted; /* who puts waits for room */
    alignas(64) _Atomic uint32_t tail;
    _Atomic uint32_t sleeps; /* who takes waits for bytes: 0, or how it is to be woken */
    alignas(64) uint8_t data[TROUPE_BYPASS_BYTES];
};

/* What one memfd holds: each end puts into the ring of its number. */
enum { TI_RINGS_JOINED = 1, TI_RINGS_STARTED };
struct ti_shared_rings {
    _Atomic uint32_t states[2]; /* of the ends: as above, or 0 */
    struct ti_ring rings[2];
};
/* NULL: it is not what troupe_host_bypass makes, and could be made smaller under us. */
struct ti_shared_rings *ti_rings_map(int fd);
void ti_rings_unmap(struct ti_shared_rings *shared);

/* One end of it, private. */
struct ti_ring_end {
    struct ti_ring *ring;
    uint32_t own;  /* head of the end that puts, tail of the one that takes */
    uint32_t seen; /* what the other's was when last looked at */
};

#define TI_RING_LIE UINT32_MAX /* the other end's count can't be */

/* ---- the end that puts ---- */
/* Bytes that may be put now, or TI_RING_LIE. */
uint32_t ti_ring_room(struct ti_ring_end *end);
void ti_ring_put(struct ti_ring_end *end, const uint8_t *from, uint32_t size);
/* Shows what was put. Returns how the other end wants to be woken; 0: it is awake, or not to be woken
 * before the next time. */
uint32_t ti_ring_show(struct ti_ring_end *end, bool wakes);
/* Asks to be woken when there is room; then look again. */
void ti_ring_want_room(struct ti_ring_end *end);

/* ---- the end that takes ---- */
/* Bytes that may be taken now, or TI_RING_LIE. */
uint32_t ti_ring_filled(struct ti_ring_end *end);
void ti_ring_take(struct ti_ring_end *end, uint8_t *to, uint32_t size);
/* Gives the room back. True: the other end waits for it and is to be woken; not while more
 * than a quarter of the ring is still to be taken. */
bool ti_ring_give_room(struct ti_ring_end *end);
/* All that was filled is taken: from now on to be woken in the way `how`, which is not 0. False:
 * there is more, and nobody will wake this end. */
bool ti_ring_sleep(struct ti_ring_end *end, uint32_t how);

#endif
