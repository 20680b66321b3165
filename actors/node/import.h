/*
 * Reading block files and header files a step at a time, so that who imports can report progress
 * and stay responsive.
 *
 * Two kinds of file, told apart by how they begin: blocks framed as magic, 32-bit length, block
 * (bootstrap.dat, blk*.dat; zeros between or behind frames are skipped), and headers of 80 bytes,
 * one behind the other, beginning with genesis. A folder stands for all blk*.dat in it, by number:
 * the folder `blocks` of a Bitcoin Core data directory. Bitcoin Core may keep its files xored with
 * the key in the xor.dat beside them: that is undone; without that file the key is taken from the
 * genesis block, where a file begins with it.
 *
 * The reader checks the frame only; chain_add_block() and chain_add_headers() check the content.
 * Importing a file again is harmless and quick: what is known is skipped there, which is also how
 * an interrupted import resumes.
 *
 * Bitcoin Core writes blocks as they come, not by height. A block whose parent is not known yet is
 * put off: its place is kept, not its bytes, and it is handed over again when its parent has
 * arrived.
 */
#ifndef ACTORS_NODE_IMPORT_H
#define ACTORS_NODE_IMPORT_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"
#include "actors/bitcoin/params.h"

#define IMPORT_FILES_MAX   100000 /* in a folder: 12 TB of blk*.dat */
#define IMPORT_WAITING_MAX 65536  /* blocks put off at one time, some 4 MiB of memory */

enum import_kind {
    IMPORT_BLOCK,   /* one raw block */
    IMPORT_HEADERS, /* up to CHAIN_HEADERS_MAX headers */
};

struct import_item {
    enum import_kind kind;
    uint64_t offset;     /* in its file, of the item's first byte (behind the frame of a block) */
    const uint8_t *data; /* [borrowed] until the next call on this import */
    size_t size;         /* bytes */
    size_t file;         /* which of the files */
};

struct import_progress {
    uint64_t done_bytes;
    uint64_t total_bytes;
};

struct import; /* opaque */

#define IMPORT_END 1

/*
 * Open a file or folder for one network and look at its beginning. BTC_ENOTFOUND, BTC_EIO: path and
 * reason. BTC_EFORMAT: empty, or neither blocks nor headers. BTC_ENETWORK: blocks or headers of
 * another network, which is named. BTC_ELIMIT: over IMPORT_FILES_MAX.
 */
int import_open(const char *path, const struct btc_params *params, struct import **ret_import,
                struct btc_error *err) BTC_MUST_CHECK;

/* NULL is fine. */
void import_close(struct import *import);

/*
 * The next item: one that was put off and whose parent arrived, or else the next one of the files.
 * 0, IMPORT_END, or BTC_EFORMAT (err names file and offset: cut off in the middle, bytes that are
 * no frame, an impossible length), BTC_EIO, or BTC_EORPHAN: all was read, and the parents of some
 * blocks were nowhere. After a failure only import_close() is of use.
 */
int import_next(struct import *import, struct import_item *ret_item, struct btc_error *err)
    BTC_MUST_CHECK;

/* The parent of this block, the last item, is not known: keep its place until it arrives. 0,
 * BTC_ELIMIT when IMPORT_WAITING_MAX wait already, BTC_ENOMEM, BTC_ECRYPTO. */
int import_put_off(struct import *import, const struct import_item *item, struct btc_error *err)
    BTC_MUST_CHECK;

/* This block, the last item, is known now: those that wait for it come next. 0, BTC_ECRYPTO. */
int import_arrived(struct import *import, const struct import_item *item, struct btc_error *err)
    BTC_MUST_CHECK;

void import_get_progress(const struct import *import, struct import_progress *ret_progress);

#endif
