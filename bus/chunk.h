/* chunk.h - the pieces of blobs. Full ones that are done with wait for the next blob.
 *
 * A piece has room before and behind its bytes: the frame of a chunk is made, and taken, where it lies.
 * Fresh memory costs more than the copying does (a page fault for each 4 KiB), so a runtime keeps some
 * pieces. A message, and with it its pieces, may outlive the runtime: the last one frees what is kept. */
#ifndef TROUPE_BUS_CHUNK_H
#define TROUPE_BUS_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TI_CHUNK_MARGIN_BYTES 64

struct ti_pieces;

struct troupe_chunk {
    struct troupe_chunk *next;
    struct ti_pieces *home; /* held: where it is kept; NULL: nowhere */
    uint8_t *data; /* in `room`: a margin from both ends of it, or where a received chunk lay */
    size_t size;
    size_t cost; /* its memory */
    uint8_t room[];
};

/* NULL: no memory. */
struct ti_pieces *ti_pieces_new(void);
/* The runtime's hold, when it closes. `pieces` may be NULL. */
void ti_pieces_release(struct ti_pieces *pieces);

/* A piece of `size` bytes, not yet written. One of TROUPE_CHUNK_BYTES_MAX is one of `pieces`, unless
 * that is NULL. NULL: no memory. */
struct troupe_chunk *ti_chunk_new(struct ti_pieces *pieces, size_t size);
/* Frees a list, each piece overwritten first if `wipe`. */
void ti_chunks_free(struct troupe_chunk *chunks, bool wipe);

#endif
