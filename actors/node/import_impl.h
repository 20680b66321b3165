/*
 * Private to the import: its files.
 *
 *   import.c          items: frames, headers, and blocks that are put off
 *   import_source.c   which files there are, whose they are, and their bytes without the xor
 *   import_waiting.c  places of blocks that are put off
 */
#ifndef ACTORS_NODE_IMPORT_IMPL_H
#define ACTORS_NODE_IMPORT_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/hash.h"
#include "actors/node/import.h"

#define IMPORT_KEY_SIZE  8
#define IMPORT_PATH_SIZE 4096

/* ---- import_source.c ---- */

struct import_file {
    int fd; /* -1: none */
    size_t index;
    uint64_t size;
    bool is_xored;
    char path[IMPORT_PATH_SIZE]; /* for error texts */
};

struct import_source {
    const struct btc_params *params;
    char *path; /* [owned] as given */
    enum import_kind kind;
    bool is_folder;
    uint32_t *numbers; /* [owned] of the blk*.dat of a folder, rising */
    size_t count;      /* of files */
    uint64_t total;    /* bytes of all */
    bool has_key;
    uint8_t key[IMPORT_KEY_SIZE];
};

/* Find the files; the source is to be closed whatever this returns. */
int import_source_open(struct import_source *source, const char *path,
                       const struct btc_params *params, struct btc_error *err) BTC_MUST_CHECK;
void import_source_close(struct import_source *source);

/* Open one of its files in place of the one that was open there. */
int import_file_open(struct import_source *source, struct import_file *file, size_t index,
                     struct btc_error *err) BTC_MUST_CHECK;
void import_file_close(struct import_file *file);

/* Exactly `size` bytes, which the file had when it was opened: as they lie there, and as meant. */
int import_file_read_raw(const struct import_file *file, uint64_t offset, void *ret_data,
                         size_t size, struct btc_error *err) BTC_MUST_CHECK;
int import_file_read(const struct import_source *source, const struct import_file *file,
                     uint64_t offset, void *ret_data, size_t size, struct btc_error *err)
    BTC_MUST_CHECK;

/* Is this file's content the network's own? */
int import_check_owner(const struct import_source *source, const struct import_file *file,
                       const struct btc_params *owner, const char *content, struct btc_error *err)
    BTC_MUST_CHECK;

/* ---- import_waiting.c ---- */

struct import_place {
    struct btc_hash prev; /* what the block there builds on */
    uint64_t offset;
    uint32_t file;
    uint32_t size;
    uint32_t next; /* in its chain, from 1; 0: the last */
};

#define IMPORT_CHAINS 16384 /* a power of two */

struct import_waiting {
    struct import_place *places; /* [owned] */
    uint32_t used;               /* of them, ever */
    uint32_t capacity;
    uint32_t count;                 /* that wait */
    uint32_t chains[IMPORT_CHAINS]; /* by hash */
    uint32_t ready;                 /* those whose parent arrived */
    uint32_t unused;
};

void import_waiting_free(struct import_waiting *waiting);
/* place->next is of no account. */
int import_waiting_add(struct import_waiting *waiting, const struct import_place *place,
                       struct btc_error *err) BTC_MUST_CHECK;
/* Those that build on `prev` are ready. */
void import_waiting_release(struct import_waiting *waiting, const struct btc_hash *prev);
/* The next that is ready; false: none is. */
bool import_waiting_take(struct import_waiting *waiting, struct import_place *ret_place);
/* The first one that waits, by file and offset. There is one. */
struct import_place import_waiting_first(const struct import_waiting *waiting);

#endif
