/* fault.h - makes the n-th call of some kind fail, in our own code only.
 *
 * A program named test_fault_* links our libraries with the calls of fault.syms renamed, so that
 * they come here: what NNG, SQLite or the C library call themselves is left alone. A test counts
 * the calls of a scenario, then runs it once for each of them. Threads may call in any order, so
 * the n-th call is not the same one in each run; over all n every call has its turn. */
#ifndef TEST_SUPPORT_FAULT_H
#define TEST_SUPPORT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_MEMORY = 1,  /* malloc and its like: no memory */
    FAULT_CARRIER = 2, /* NNG: no memory */
    FAULT_SYSTEM = 4,  /* threads, descriptors */
    FAULT_FILES = 8,   /* open, mkdir, flock and the like, by ourselves */
    FAULT_SQLITE = 16, /* what SQLite asks of the file system (fault_vfs.h) */
    FAULT_SQLITE_MEMORY = 32,
    FAULT_PROCESS = 64, /* fork, exec, pidfds, sockets, poll */
};

/* From now on calls of these kinds are counted from 1, and those from `at` on, `length` of them,
 * fail; at 0: none. */
void fault_start(unsigned kinds, uint64_t at, uint64_t length);
/* Keeps the plan in this file from now on, for all processes that do so: made by the first. */
void fault_share(const char *path);
/* What files fail with from now on: EIO, as at first, or ENOSPC. */
void fault_set_errno(int code);
int fault_errno(void);
/* Counts a call of this kind; true: it is to fail. For what isn't called by its name. */
bool fault_now(enum fault_kind kind);
/* Nothing fails any more. Returns how many calls were counted. */
uint64_t fault_stop(void);
/* Some call was made to fail since the start. */
bool fault_fired(void);
/* Where the first one was, for addr2line. */
void fault_print_place(void);
/* Pieces of memory that our code holds now. */
int64_t fault_live(void);
/* As free(), for what our code gave to a test. */
void fault_free(void *memory);

/* What is open in this process, for before and after. */
unsigned fault_descriptors(void);

#endif
