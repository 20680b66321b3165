/*
 * A crew: threads that help the one which calls them to get through many small pieces of work, such
 * as the signatures of a block. Knows nothing of what the work is.
 *
 * The caller works, too, so a crew without helpers (one processor, or threads can't be made) does
 * the same on the caller's thread alone. One call at a time. Helpers wait without using the
 * processor between calls, take no signals, and end in crew_close().
 */
#ifndef ACTORS_NODE_CREW_H
#define ACTORS_NODE_CREW_H

#include <stddef.h>

#include "actors/bitcoin/error.h"

#define CREW_THREADS_MAX 16 /* with the caller's */

struct crew; /* opaque */

/* As many threads as this process may use processors, at most CREW_THREADS_MAX. */
size_t crew_threads(void);

/* A crew of this many threads (1 to CREW_THREADS_MAX), the caller's among them; fewer where the
 * system refuses. 0, BTC_EUSAGE, BTC_ENOMEM. */
int crew_open(size_t threads, struct crew **ret_crew, struct btc_error *err) BTC_MUST_CHECK;

/* End and join the helpers. NULL is fine. */
void crew_close(struct crew *crew);

/* Do piece `index`. 0, or a negative code with err filled; then pieces behind it need not be done.
 */
typedef int crew_work(void *user, size_t index, struct btc_error *err);

/*
 * Do the pieces 0 to count - 1, in any order, on all threads at once; returns when no thread is in
 * one any more. 0 when all went well. Else the code and the error of the first one, in order of
 * their numbers, that fails: the same whatever the number of threads.
 */
int crew_run(struct crew *crew, size_t count, crew_work *work, void *user, struct btc_error *err)
    BTC_MUST_CHECK;

#endif
