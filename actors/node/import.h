/*
 * Reading block files and header files a step at a time, so that who imports can report progress
 * and stay responsive.
 *
 * Two kinds of file, told apart by how they begin: blocks framed as magic, 32-bit length, block
 * (bootstrap.dat, blk*.dat; zeros between or behind frames are skipped), and headers of 80 bytes,
 * one behind the other, beginning with genesis. The reader checks the frame only; chain_add_block()
 * and chain_add_headers() check the content. Importing a file again is harmless and quick: what is
 * known is skipped there, which is also how an interrupted import resumes.
 */
#ifndef ACTORS_NODE_IMPORT_H
#define ACTORS_NODE_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"
#include "actors/bitcoin/params.h"

enum import_kind {
    IMPORT_BLOCK,   /* one raw block */
    IMPORT_HEADERS, /* up to CHAIN_HEADERS_MAX headers */
};

struct import_item {
    enum import_kind kind;
    uint64_t offset;     /* in the file, of the item's first byte (behind the frame of a block) */
    const uint8_t *data; /* [borrowed] until the next call on this import */
    size_t size;         /* bytes */
};

struct import_progress {
    uint64_t done_bytes;
    uint64_t total_bytes;
};

struct import; /* opaque */

#define IMPORT_END 1

/*
 * Open a file for one network and look at its beginning. BTC_ENOTFOUND, BTC_EIO: path and reason.
 * BTC_EFORMAT: empty, or neither blocks nor headers. BTC_ENETWORK: blocks or headers of another
 * network, which is named. BTC_EUSAGE: a block file of Bitcoin Core that is obfuscated with the key
 * in its xor.dat, which can't be read yet.
 */
int import_open(const char *path, const struct btc_params *params, struct import **ret_import,
                struct btc_error *err) BTC_MUST_CHECK;

/* NULL is fine. */
void import_close(struct import *import);

/*
 * The next item. 0, IMPORT_END, or BTC_EFORMAT (err names the offset: cut off in the middle, bytes
 * that are no frame, an impossible length) or BTC_EIO. After a failure the position stays: the same
 * call fails again.
 */
int import_next(struct import *import, struct import_item *ret_item, struct btc_error *err)
    BTC_MUST_CHECK;

void import_get_progress(const struct import *import, struct import_progress *ret_progress);

#endif
