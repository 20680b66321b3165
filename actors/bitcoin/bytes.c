/* Bounded reader and writer: see bytes.h. */
#include "actors/bitcoin/bytes.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static uint64_t little_endian(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static int read_number(struct btc_reader *r, const char *what, size_t size, uint64_t *ret_value)
{
    struct btc_span view;
    int rc = btc_read_view(r, what, size, &view);
    if (rc == 0)
        *ret_value = little_endian(view.data, size);
    return rc;
}

int btc_read_view(struct btc_reader *r, const char *what, size_t size, struct btc_span *ret_view)
{
    size_t left = btc_reader_left(r);
    if (size > left) {
        btc_fail(r->err, BTC_EFORMAT, "%s at offset %zu wants %zu bytes, only %zu are left", what,
                 r->offset, size, left);
        return BTC_EFORMAT;
    }
    *ret_view = (struct btc_span){r->data + r->offset, size};
    r->offset += size;
    return 0;
}

int btc_read_u8(struct btc_reader *r, const char *what, uint8_t *ret_value)
{
    uint64_t value;
    int rc = read_number(r, what, 1, &value);
    if (rc == 0)
        *ret_value = (uint8_t)value;
    return rc;
}

int btc_read_u16(struct btc_reader *r, const char *what, uint16_t *ret_value)
{
    uint64_t value;
    int rc = read_number(r, what, 2, &value);
    if (rc == 0)
        *ret_value = (uint16_t)value;
    return rc;
}

int btc_read_u32(struct btc_reader *r, const char *what, uint32_t *ret_value)
{
    uint64_t value;
    int rc = read_number(r, what, 4, &value);
    if (rc == 0)
        *ret_value = (uint32_t)value;
    return rc;
}

int btc_read_u64(struct btc_reader *r, const char *what, uint64_t *ret_value)
{
    return read_number(r, what, 8, ret_value);
}

int btc_read_bytes(struct btc_reader *r, const char *what, size_t size, void *ret_bytes)
{
    struct btc_span view;
    int rc = btc_read_view(r, what, size, &view);
    if (rc == 0 && size > 0)
        memcpy(ret_bytes, view.data, size);
    return rc;
}

int btc_read_compact(struct btc_reader *r, const char *what, uint64_t *ret_value)
{
    static const struct {
        size_t size;
        uint64_t least; /* smaller values have a shorter form */
    } forms[] = {{2, 0xfd}, {4, 0x10000}, {8, UINT64_C(0x100000000)}};

    size_t start = r->offset;
    uint64_t value;
    int rc = read_number(r, what, 1, &value);
    if (rc != 0)
        return rc;
    if (value >= 0xfd) {
        size_t form = (size_t)(value - 0xfd);
        rc = read_number(r, what, forms[form].size, &value);
        if (rc == 0 && value < forms[form].least)
            rc = btc_fail(r->err, BTC_EFORMAT, "%s at offset %zu is not in its shortest form", what,
                          start);
    }
    if (rc != 0)
        r->offset = start;
    else
        *ret_value = value;
    return rc;
}

int btc_read_count(struct btc_reader *r, const char *what, size_t item_size_min, size_t *ret_count)
{
    size_t start = r->offset;
    uint64_t count;
    int rc = btc_read_compact(r, what, &count);
    if (rc != 0)
        return rc;
    size_t left = btc_reader_left(r);
    if (count > left / item_size_min) {
        r->offset = start;
        return btc_fail(r->err, BTC_EFORMAT,
                        "%s at offset %zu says %llu items, the %zu bytes left hold fewer", what,
                        start, (unsigned long long)count, left);
    }
    *ret_count = (size_t)count;
    return 0;
}

int btc_read_var(struct btc_reader *r, const char *what, struct btc_span *ret_view)
{
    size_t start = r->offset;
    size_t size = 0;
    int rc = btc_read_count(r, what, 1, &size);
    if (rc == 0)
        rc = btc_read_view(r, what, size, ret_view);
    if (rc != 0)
        r->offset = start;
    return rc;
}

int btc_read_end(const struct btc_reader *r, const char *what)
{
    size_t left = btc_reader_left(r);
    if (left > 0)
        return btc_fail(r->err, BTC_EFORMAT, "%zu bytes too many behind %s, from offset %zu", left,
                        what, r->offset);
    return 0;
}

void btc_writer_init(struct btc_writer *w, size_t size_max)
{
    *w = (struct btc_writer){.size_max = size_max};
}

void btc_writer_free(struct btc_writer *w)
{
    free(w->data);
    btc_writer_init(w, w->size_max);
}

void btc_writer_wipe(struct btc_writer *w)
{
    if (w->data != NULL)
        OPENSSL_cleanse(w->data, w->capacity);
    btc_writer_free(w);
}

/* Room for `size` more bytes, or a sticking failure. Old buffers are wiped: they may hold a secret.
 */
static bool writer_reserve(struct btc_writer *w, size_t size)
{
    if (w->failed != 0)
        return false;
    if (size <= w->capacity - w->size)
        return true;
    if (size > w->size_max - w->size) {
        w->failed = BTC_ELIMIT;
        return false;
    }
    size_t capacity = w->capacity < 128 ? 128 : w->capacity;
    while (capacity - w->size < size)
        capacity = capacity > w->size_max / 2 ? w->size_max : capacity * 2;
    uint8_t *data = malloc(capacity);
    if (data == NULL) {
        w->failed = BTC_ENOMEM;
        return false;
    }
    if (w->size > 0) {
        memcpy(data, w->data, w->size);
        OPENSSL_cleanse(w->data, w->size);
    }
    free(w->data);
    w->data = data;
    w->capacity = capacity;
    return true;
}

static void write_number(struct btc_writer *w, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    btc_write_bytes(w, bytes, size);
}

void btc_write_u8(struct btc_writer *w, uint8_t value)
{
    write_number(w, value, 1);
}

void btc_write_u16(struct btc_writer *w, uint16_t value)
{
    write_number(w, value, 2);
}

void btc_write_u32(struct btc_writer *w, uint32_t value)
{
    write_number(w, value, 4);
}

void btc_write_u64(struct btc_writer *w, uint64_t value)
{
    write_number(w, value, 8);
}

void btc_write_bytes(struct btc_writer *w, const void *data, size_t size)
{
    if (size == 0 || !writer_reserve(w, size))
        return;
    memcpy(w->data + w->size, data, size);
    w->size += size;
}

void btc_write_compact(struct btc_writer *w, uint64_t value)
{
    size_t size = btc_compact_size(value);
    if (size > 1) {
        static const uint8_t marks[] = {[3] = 0xfd, [5] = 0xfe, [9] = 0xff};
        btc_write_u8(w, marks[size]);
        size--;
    }
    write_number(w, value, size);
}

void btc_write_var(struct btc_writer *w, const void *data, size_t size)
{
    btc_write_compact(w, size);
    btc_write_bytes(w, data, size);
}

size_t btc_compact_size(uint64_t value)
{
    if (value < 0xfd)
        return 1;
    if (value <= 0xffff)
        return 3;
    return value <= 0xffffffff ? 5 : 9;
}

void btc_hex_encode(const void *data, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * size] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int btc_hex_decode(const char *text, size_t size, uint8_t *ret_bytes)
{
    /* Two passes, so that the output stays untouched when the text is wrong. */
    for (size_t i = 0; i < 2 * size; i++)
        if (hex_digit(text[i]) < 0)
            return BTC_EFORMAT;
    if (text[2 * size] != '\0')
        return BTC_EFORMAT;
    for (size_t i = 0; i < size; i++)
        ret_bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return 0;
}
