/* cbor_item.h - one item of CBOR: the head of a container, or a whole value. */
#ifndef TROUPE_BUS_CBOR_ITEM_H
#define TROUPE_BUS_CBOR_ITEM_H

#include <stddef.h>
#include <stdint.h>

enum ti_item_kind {
    ITEM_REFUSED, /* tags, floats, undefined, breaks, indefinite lengths */
    ITEM_UINT,
    ITEM_NEGINT,
    ITEM_BYTES,
    ITEM_TEXT,
    ITEM_ARRAY,
    ITEM_MAP,
    ITEM_BOOL,
    ITEM_NULL,
};
struct ti_item {
    enum ti_item_kind kind;
    uint64_t value;      /* the number, -1 - the negative number, the size or the count */
    const uint8_t *data; /* of bytes and text */
    size_t at;           /* where it starts */
};

/* Numbers, and the heads of what has a size: nearly all items of a message. A call of libcbor's for
 * each, or of any function, is much of what a frame costs to read. 0: not one of them, or with
 * something wrong, which libcbor tells. */
static inline size_t ti_item_head(const uint8_t *data, size_t size, struct ti_item *item)
{
    static const enum ti_item_kind KINDS[8] = {ITEM_UINT, ITEM_NEGINT, ITEM_BYTES,
                                               ITEM_TEXT, ITEM_ARRAY,  ITEM_MAP};
    static const uint64_t LEAST[4] = {24, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32};
    enum ti_item_kind kind = KINDS[data[0] >> 5];
    unsigned info = data[0] & 31; /* the value, or from 24 on how many bytes it has */
    uint64_t value = info;
    size_t head = 1;
    if (info >= 24) {
        if (info > 27 || size < (head += (size_t)1 << (info - 24)))
            return 0;
        value = data[1];
        for (size_t i = 2; i < head; i++)
            value = value << 8 | data[i];
        if (value < LEAST[info - 24]) /* not in the shortest form */
            return 0;
    }
    item->kind = kind;
    item->value = value;
    item->data = data + head;
    if (kind == ITEM_BYTES || kind == ITEM_TEXT) {
        if (value > size - head)
            return 0;
        head += (size_t)value;
    }
    return kind != ITEM_REFUSED ? head : 0;
}

/* The same for any item, by libcbor. */
size_t ti_item_read_slowly(const uint8_t *data, size_t size, struct ti_item *item,
                           const char **ret_why);

/* Reads the item at the start of `size` bytes, which is not 0: kind, value and data, not `at`. Returns
 * how many bytes it takes; 0: there is none that is allowed, and *ret_why says why [static]. */
static inline size_t ti_item_read(const uint8_t *data, size_t size, struct ti_item *ret_item,
                                  const char **ret_why)
{
    size_t taken = ti_item_head(data, size, ret_item);
    return taken != 0 ? taken : ti_item_read_slowly(data, size, ret_item, ret_why);
}

#endif
