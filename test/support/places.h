/* places.h - the same test in one, two and three processes.
 *
 * A place is a process. In one, the seats "probe" and "other" live in the test's own process; in
 * two, both live in a child; in three, each has a child of its own, and "other" reaches "probe"
 * over a link between the two. The test itself talks to `probe` and `other` in each case. */
#ifndef TEST_SUPPORT_PLACES_H
#define TEST_SUPPORT_PLACES_H

#include <sys/types.h>

#include "bus/troupe_host.h"

struct places {
    int count;
    struct troupe *troupe;
    struct troupe_ref probe;
    struct troupe_ref other;
    pid_t children[2];
    int children_count;
    uint64_t links[2];
};

/* The one that tests of a THREE_WAYS table use. */
extern struct places places;
int places_setup_one(void **state);
int places_setup_two(void **state);
int places_setup_three(void **state);
int places_setup_quick_one(void **state); /* with a prober that is TROUPE_QUICK */
int places_setup_quick_two(void **state);
int places_setup_bypass_two(void **state); /* whose links have bypasses */
int places_setup_quick_bypass_two(void **state);
int places_setup_bypass_three(void **state);
int places_teardown(void **state);
/* Group setups: links have bypasses from now on, those of the places and of peers (peer.h), or none. */
extern bool links_bypassed;
int links_bypass(void **state);
int links_plain(void **state);

/* A test three times, for cmocka's table; and twice more, with quick seats. */
#define QUICK_WAYS(test)                                                                     \
    {#test " [quick, one process]", test, places_setup_quick_one, places_teardown, NULL},    \
    {                                                                                        \
#test " [quick, two processes]", test, places_setup_quick_two, places_teardown, NULL \
    }

/* And beside the NNG links. */
#define BYPASS_WAYS(test)                                                                          \
    {#test " [bypass, two processes]", test, places_setup_bypass_two, places_teardown, NULL},      \
        {#test " [quick, bypass, two processes]", test, places_setup_quick_bypass_two,             \
         places_teardown, NULL},                                                                   \
    {                                                                                              \
#test " [bypass, three processes]", test, places_setup_bypass_three, places_teardown, NULL \
    }

#define THREE_WAYS(test)                                                            \
    {#test " [one process]", test, places_setup_one, places_teardown, NULL},        \
        {#test " [two processes]", test, places_setup_two, places_teardown, NULL},  \
    {                                                                               \
#test " [three processes]", test, places_setup_three, places_teardown, NULL \
    }

/* Brings `count` processes up and waits until the links are. Fails the test if they do not. */
void places_open(struct places *p, int count);
/* Takes them down in order; checks that the children end with status 0. */
void places_close(struct places *p);
/* Waits for a child that was killed. */
void places_reap(struct places *p, int child);

/* Runs `body` inside a pinned actor on this thread, then steps until places_done is called there.
 * At most 20 s. */
typedef void places_body(struct troupe_actor *self, void *user);
void places_run(struct places *p, places_body *body, void *user);
void places_done(struct troupe_actor *self);

/* Waits until condition(user) is true, at most 10 s. */
void places_wait(struct places *p, bool (*condition)(void *user), void *user);

#endif
