/* Base64: see base64.h. libcrypto does the work on blocks; what its decoder lets pass is checked
 * here. */
#include "actors/bitcoin/base64.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

enum { BLOCK_DATA = 3, BLOCK_TEXT = 4, CHUNK_TEXT = 4096 };

int btc_base64_encode(const void *data, size_t size, char **ret_text)
{
    if (size > BTC_BASE64_DATA_SIZE_MAX)
        return BTC_ELIMIT;
    char *text = malloc(btc_base64_size(size) + 1);
    if (text == NULL)
        return BTC_ENOMEM;
    EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    text[btc_base64_size(size)] = '\0';
    *ret_text = text;
    return 0;
}

/* Its number of 6 bits, or -1. */
static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* All digits, then at most two '=', and no bits that the padding cuts off. */
static int check_text(const char *text, size_t size, size_t *ret_padding, struct btc_error *err)
{
    size_t padding = 0;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
        padding++;
    size_t digits = size - padding;
    for (size_t i = 0; i < digits; i++)
        if (digit_of(text[i]) < 0)
            return btc_fail(err, BTC_EFORMAT, "character %zu is none of base64's", i + 1);
    if (size % BLOCK_TEXT != 0)
        return btc_fail(err, BTC_EFORMAT,
                        "base64 text of %zu characters is cut off: they come in fours", size);
    int unused = padding == 0 ? 0 : padding == 1 ? 0x03 : 0x0f;
    if (padding > 0 && (digit_of(text[digits - 1]) & unused) != 0)
        return btc_fail(err, BTC_EFORMAT, "character %zu of base64 has bits behind the end",
                        digits);
    *ret_padding = padding;
    return 0;
}

int btc_base64_decode(const char *text, size_t size, struct btc_writer *w, struct btc_error *err)
{
    uint8_t data[CHUNK_TEXT / BLOCK_TEXT * BLOCK_DATA];
    size_t padding = 0;

    if (size > btc_base64_size(BTC_BASE64_DATA_SIZE_MAX))
        return btc_fail(err, BTC_ELIMIT, "base64 text of %zu characters is over the maximum of %zu",
                        size, btc_base64_size(BTC_BASE64_DATA_SIZE_MAX));
    int rc = check_text(text, size, &padding, err);
    if (rc != 0)
        return rc;
    for (size_t at = 0; at < size; at += CHUNK_TEXT) {
        size_t count = size - at < CHUNK_TEXT ? size - at : CHUNK_TEXT;
        int got = EVP_DecodeBlock(data, (const unsigned char *)text + at, (int)count);
        if (got < 0)
            return btc_fail(err, BTC_ECRYPTO, "libcrypto refused to decode base64");
        btc_write_bytes(w, data, (size_t)got - (at + count == size ? padding : 0));
    }
    OPENSSL_cleanse(data, sizeof(data));
    return w->failed == 0 ? 0
                          : btc_fail(err, w->failed, "base64 text: %s", btc_code_text(w->failed));
}
