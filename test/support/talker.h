/* talker.h - actors that keep "probe" and "other" (prober.h) busy, and count.
 *
 * A talker holds a conversation: a script with one of everything that a call can be, each step when
 * the one before has completed. One that fails because somebody died ends there, and another begins.
 * Answers are checked, and that each ask completes once. A neighbour only calls one of them, again
 * and again, and notes how long that takes; "probe" it lets publish. What is wrong is said on stdout, "bad: ...". */
#ifndef TEST_SUPPORT_TALKER_H
#define TEST_SUPPORT_TALKER_H

#include <stdatomic.h>

#include "bus/troupe_host.h"

enum { TALK_SAMPLES_MAX = 1 << 20 };

/* Whom a neighbour calls. */
enum { TALK_OTHER, TALK_PROBE, TALK_NEIGHBOURS };

struct talk_samples {
    atomic_uint count;
    unsigned us[TALK_SAMPLES_MAX];
};

/* What the talkers of this process share; set `once` and `talkers` before the first is spawned. */
struct talk {
    unsigned talkers;    /* neighbours are some of them */
    bool once;           /* one whole conversation each */
    atomic_bool pausing; /* after the conversation begin no other */
    atomic_uint talking; /* in a conversation */
    atomic_uint whole;   /* talkers that had a whole one */
    atomic_uint stopped; /* talkers that ended */
    atomic_ullong asked; /* accepted by the bus */
    atomic_ullong completed;
    atomic_ullong failed;   /* of them, because somebody died */
    atomic_ullong timeouts; /* of them, by their deadline */
    struct talk_samples samples[TALK_NEIGHBOURS];
};
extern struct talk talk;

/* Somebody died, or hangs; everything else is our fault. */
bool talk_is_loss(int code);
/* The end of each of them. */
void talk_stop(struct troupe_actor *self, void *state);

/* Inside an actor that uses both roles. The last talker that ends says "ended asked N completed N". */
extern const struct troupe_actor_def talker_def;
extern const struct troupe_actor_def neighbour_def; /* argument: an int, constant: whom it calls */

#endif
