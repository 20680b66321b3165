/* cbor.h - inside the bus: how a reader and a writer begin, and encoded items passed on verbatim.
 *
 * The rest of both is for generated code (troupe_gen.h). A reader borrows its input: texts and
 * bytes that it returns point into `data`. A writer owns nothing either: its buffer belongs to the
 * thread (troupe_writer_init) or to the caller (ti_writer_init_at). */
#ifndef TROUPE_CBOR_H
#define TROUPE_CBOR_H

#include "bus/troupe_gen.h"

/* A reader over `data`. `body` gives the refs and the blob that the data names by number; NULL:
 * none, a ref or blob is then invalid. `arena` is where arrays go; NULL: an array that is not empty
 * fails with TROUPE_ENOMEM. Both [borrowed]. */
void ti_reader_init(struct troupe_reader *reader, const uint8_t *data, size_t size,
                    const struct troupe_body *body, struct troupe_arena *arena);

/* Opens an array without memory for its elements, and returns their number: for arrays that have a
 * fixed layout, as frames do. Follow it with troupe_get_array_end. */
size_t ti_get_array(struct troupe_reader *reader, size_t max, const char *what);

/* Passes over the next item, checking it as strictly as if it were read, and returns its bytes. The
 * item has TROUPE_DEPTH_MAX for itself, because a reader of its own will be opened on it. */
struct troupe_bytes ti_get_raw(struct troupe_reader *reader, size_t max, const char *what);

/* As ti_get_raw, for an item that must be a map: what a message carries. */
struct troupe_bytes ti_get_raw_map(struct troupe_reader *reader, size_t max, const char *what);

/* A writer into `buffer` [borrowed] of `max` bytes. */
void ti_writer_init_at(struct troupe_writer *writer, uint8_t *buffer, size_t max);

/* The start of `size` bytes, which do not follow here. */
void ti_put_bytes_head(struct troupe_writer *writer, size_t size);
/* Copies items that are encoded already. They are not checked. */
void ti_put_raw(struct troupe_writer *writer, struct troupe_bytes items);

/* Overwrites what was written, after a message that carried a secret. */
void ti_writer_wipe(const struct troupe_writer *writer);

/* Frees the calling thread's buffer, as the end of the thread does: for a thread that stays when
 * the bus goes. The next troupe_writer_init takes a new one. */
void ti_writer_thread_free(void);

#endif
