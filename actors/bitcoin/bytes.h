/*
 * Reading and writing Bitcoin's byte layouts without ever leaving the buffer.
 *
 * The reader is for bytes that a peer, a file or a user sent: every read is checked against the end
 * and a failure names what was being read and at which offset. The writer collects bytes in memory
 * that it owns, up to a stated maximum; its failures stick, so a run of writes is checked once, at
 * the end. Integers are little-endian, counts are CompactSize (developer reference, "CompactSize
 * unsigned integers").
 */
#ifndef ACTORS_BITCOIN_BYTES_H
#define ACTORS_BITCOIN_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

/* Bytes that belong to someone else. data may be NULL when size is 0. */
struct btc_span {
    const uint8_t *data;
    size_t size;
};

struct btc_reader {
    const uint8_t *data; /* [borrowed] */
    size_t size;
    size_t offset;         /* of the next byte to read; left at the failed item after a failure */
    struct btc_error *err; /* [borrowed] may be NULL */
};

static inline struct btc_reader btc_reader_of(const void *data, size_t size, struct btc_error *err)
{
    return (struct btc_reader){.data = data, .size = size, .offset = 0, .err = err};
}

static inline size_t btc_reader_left(const struct btc_reader *r)
{
    return r->size - r->offset;
}

/*
 * Read one item and step over it. `what` is the item's name in the error text ("lock time"). Each
 * gives 0, or BTC_EFORMAT with nothing consumed and the output untouched.
 */
int btc_read_u8(struct btc_reader *r, const char *what, uint8_t *ret_value) BTC_MUST_CHECK;
int btc_read_u16(struct btc_reader *r, const char *what, uint16_t *ret_value) BTC_MUST_CHECK;
int btc_read_u32(struct btc_reader *r, const char *what, uint32_t *ret_value) BTC_MUST_CHECK;
int btc_read_u64(struct btc_reader *r, const char *what, uint64_t *ret_value) BTC_MUST_CHECK;

/* Copy exactly `size` bytes to ret_bytes. */
int btc_read_bytes(struct btc_reader *r, const char *what, size_t size, void *ret_bytes)
    BTC_MUST_CHECK;

/* A view of the next `size` bytes; lives as long as the reader's buffer. */
int btc_read_view(struct btc_reader *r, const char *what, size_t size, struct btc_span *ret_view)
    BTC_MUST_CHECK;

/* A CompactSize number. One that is not in its shortest form is BTC_EFORMAT. */
int btc_read_compact(struct btc_reader *r, const char *what, uint64_t *ret_value) BTC_MUST_CHECK;

/*
 * A CompactSize count of items of which each takes at least item_size_min (>= 1) bytes: a count
 * that the rest of the buffer cannot hold is refused before anyone allocates for it.
 */
int btc_read_count(struct btc_reader *r, const char *what, size_t item_size_min, size_t *ret_count)
    BTC_MUST_CHECK;

/* CompactSize length and that many bytes, as a view. */
int btc_read_var(struct btc_reader *r, const char *what, struct btc_span *ret_view) BTC_MUST_CHECK;

/* BTC_EFORMAT when bytes are left over behind `what`. */
int btc_read_end(const struct btc_reader *r, const char *what) BTC_MUST_CHECK;

struct btc_writer {
    uint8_t *data; /* [owned] by the writer until btc_writer_take() */
    size_t size;
    size_t capacity;
    size_t size_max;
    int failed; /* 0, or the code that the first failed write met: BTC_ENOMEM, BTC_ELIMIT */
};

/* An empty writer that will hold at most size_max bytes. Nothing is allocated until the first
 * write. */
void btc_writer_init(struct btc_writer *w, size_t size_max);

/* Release what it holds; the writer may be initialised again. Harmless on a taken or zeroed one. */
void btc_writer_free(struct btc_writer *w);

/* As btc_writer_free(), but wipes the bytes first: for anything secret. */
void btc_writer_wipe(struct btc_writer *w);

void btc_write_u8(struct btc_writer *w, uint8_t value);
void btc_write_u16(struct btc_writer *w, uint16_t value);
void btc_write_u32(struct btc_writer *w, uint32_t value);
void btc_write_u64(struct btc_writer *w, uint64_t value);
void btc_write_bytes(struct btc_writer *w, const void *data, size_t size);
void btc_write_compact(struct btc_writer *w, uint64_t value);
void btc_write_var(struct btc_writer *w, const void *data,
                   size_t size); /* CompactSize length, bytes */

/* How many bytes btc_write_compact() takes for value: 1, 3, 5 or 9. */
size_t btc_compact_size(uint64_t value);

/*
 * Lower-case hexadecimal. btc_hex_encode writes 2 * size characters and a NUL to ret_text.
 * btc_hex_decode wants exactly 2 * size hex digits (either case) and then the end of text, else
 * BTC_EFORMAT.
 */
void btc_hex_encode(const void *data, size_t size, char *ret_text);
int btc_hex_decode(const char *text, size_t size, uint8_t *ret_bytes) BTC_MUST_CHECK;

#endif
