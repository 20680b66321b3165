/* fault_store.h - a store on disk, through a scenario of steps, once for each call that can fail.
 *
 * After each failure: it was said clearly; the store then holds what was acknowledged, or that and
 * the whole step that failed; and going on to the end gives the same as without failures. Four
 * ways to go on: with the handle that met one failure, or nothing else from some call on; or with
 * one that is opened anew, likewise: as after a disk, or a power supply, that is gone. */
#ifndef TEST_SUPPORT_FAULT_STORE_H
#define TEST_SUPPORT_FAULT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

enum { FAULT_STEPS_MAX = 32 };

struct fault_store {
    const char *name;
    const char *folder; /* error texts have it, or say that there is no memory */
    const char *file;   /* the SQLite file */
    size_t steps;
    size_t batch_max;      /* that one call of step() does */
    bool last_may_be_lost; /* the last step says so too late to fail */
    void (*reset)(void);   /* nothing is open; makes the files as they are at first */
    int (*open)(struct btc_error *err);
    void (*close)(void); /* harmless when it is not open */
    /* Does step *at, and those of its batch that are before `to`; adds to *at what was acknowledged,
     * also when it fails. */
    int (*step)(size_t *at, size_t to, struct btc_error *err);
    uint64_t (*digest)(void); /* of all that the open store holds */
};

/* For cmocka's group. */
int fault_store_setup(void **state);

/* Makes calls of these kinds fail. At most about `runs_max` runs for each way; all with
 * TROUPE_FAULT_ALL=1. Fails the test. */
void fault_store_try(const struct fault_store *store, unsigned kinds, int code, uint64_t runs_max);

/* Of all that these queries give, each one text per row, from the file itself. */
uint64_t fault_store_digest(const char *file, const char *const *queries, size_t count);
/* FNV-1a, to be continued. */
uint64_t fault_store_hash(uint64_t hash, const void *data, size_t size);

#endif
