/* cbor_item.c - see cbor_item.h.
 *
 * Items come from libcbor's streaming decoder, one call each, never a tree. What it reads in another
 * form than the shortest (it took more bytes than the value needs) is refused here, and what it tells
 * a callback that does nothing: tags, floats, indefinite lengths, other simple values. */
#include "bus/cbor_item.h"

#include <stdbool.h>

#include <cbor/configuration.h>
#include <cbor/streaming.h>

/* 0.9 gave lengths 64 bits on every machine. */
#if CBOR_MAJOR_VERSION == 0 && CBOR_MINOR_VERSION < 9
typedef size_t cbor_length;
#else
typedef uint64_t cbor_length;
#endif

static void item_set(void *context, enum ti_item_kind kind, uint64_t value)
{
    struct ti_item *item = context;
    item->kind = kind;
    item->value = value;
}

static void on_uint8(void *context, uint8_t value)
{
    item_set(context, ITEM_UINT, value);
}

static void on_uint16(void *context, uint16_t value)
{
    item_set(context, ITEM_UINT, value);
}

static void on_uint32(void *context, uint32_t value)
{
    item_set(context, ITEM_UINT, value);
}

static void on_uint64(void *context, uint64_t value)
{
    item_set(context, ITEM_UINT, value);
}

static void on_negint8(void *context, uint8_t value)
{
    item_set(context, ITEM_NEGINT, value);
}

static void on_negint16(void *context, uint16_t value)
{
    item_set(context, ITEM_NEGINT, value);
}

static void on_negint32(void *context, uint32_t value)
{
    item_set(context, ITEM_NEGINT, value);
}

static void on_negint64(void *context, uint64_t value)
{
    item_set(context, ITEM_NEGINT, value);
}

static void on_bytes(void *context, cbor_data data, cbor_length size)
{
    struct ti_item *item = context;
    item_set(item, ITEM_BYTES, size);
    item->data = data;
}

static void on_text(void *context, cbor_data data, cbor_length size)
{
    struct ti_item *item = context;
    item_set(item, ITEM_TEXT, size);
    item->data = data;
}

static void on_array(void *context, cbor_length count)
{
    item_set(context, ITEM_ARRAY, count);
}

static void on_map(void *context, cbor_length pairs)
{
    item_set(context, ITEM_MAP, pairs);
}

static void on_bool(void *context, bool value)
{
    item_set(context, ITEM_BOOL, value);
}

static void on_null(void *context)
{
    item_set(context, ITEM_NULL, 0);
}

static const struct cbor_callbacks CALLBACKS = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_bytes,
    .string = on_text,
    .array_start = on_array,
    .map_start = on_map,
    .boolean = on_bool,
    .null = on_null,
    /* All that follow leave the item ITEM_REFUSED. */
    .byte_string_start = cbor_null_byte_string_start_callback,
    .string_start = cbor_null_string_start_callback,
    .indef_array_start = cbor_null_indef_array_start_callback,
    .indef_map_start = cbor_null_indef_map_start_callback,
    .tag = cbor_null_tag_callback,
    .float2 = cbor_null_float2_callback,
    .float4 = cbor_null_float4_callback,
    .float8 = cbor_null_float8_callback,
    .undefined = cbor_null_undefined_callback,
    .indef_break = cbor_null_indef_break_callback,
};

/* The bytes that the shortest encoding of the item takes. */
static size_t shortest_size(const struct ti_item *item)
{
    size_t size = 1;
    if (item->value > UINT32_MAX)
        size = 9;
    else if (item->value > UINT16_MAX)
        size = 5;
    else if (item->value > UINT8_MAX)
        size = 3;
    else if (item->value > 23)
        size = 2;
    if (item->kind == ITEM_BYTES || item->kind == ITEM_TEXT)
        size += (size_t)item->value; /* which libcbor found in the input */
    return size;
}

size_t ti_item_read_slowly(const uint8_t *data, size_t size, struct ti_item *item,
                           const char **ret_why)
{
    item->kind = ITEM_REFUSED;
    struct cbor_decoder_result result = cbor_stream_decode(data, size, &CALLBACKS, item);
    if (result.status == CBOR_DECODER_NEDATA)
        *ret_why = "ends too early";
    else if (result.status != CBOR_DECODER_FINISHED)
        *ret_why = "not CBOR";
    else if (item->kind == ITEM_REFUSED)
        *ret_why = "a kind of item that is not allowed";
    else if (result.read != shortest_size(item))
        *ret_why = "not in shortest form";
    else
        return result.read;
    return 0;
}
