/* Base58: a change of base on big numbers of at most a few hundred bytes, digit by digit. */
#include "actors/bitcoin/base58.h"

#include <string.h>

#include <openssl/crypto.h>

#include "actors/bitcoin/hash.h"

enum { CHECKSUM_SIZE = 4, CHECKED_SIZE_MAX = BTC_BASE58_DATA_SIZE_MAX + CHECKSUM_SIZE };

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

int btc_base58_encode(const void *data, size_t size, char *ret_text, size_t text_size_max)
{
    const uint8_t *bytes = data;
    uint8_t digits[BTC_BASE58_TEXT_SIZE_MAX]; /* least significant first */
    size_t digit_count = 0;
    size_t zero_count = 0;

    if (size > CHECKED_SIZE_MAX)
        return BTC_ELIMIT;
    while (zero_count < size && bytes[zero_count] == 0)
        zero_count++;
    for (size_t i = zero_count; i < size; i++) {
        unsigned carry = bytes[i];
        for (size_t j = 0; j < digit_count; j++) {
            carry += (unsigned)digits[j] << 8;
            digits[j] = (uint8_t)(carry % 58);
            carry /= 58;
        }
        for (; carry != 0; carry /= 58)
            digits[digit_count++] = (uint8_t)(carry % 58);
    }

    int rc = zero_count + digit_count + 1 > text_size_max ? BTC_ELIMIT : 0;
    if (rc == 0) {
        memset(ret_text, alphabet[0], zero_count);
        for (size_t i = 0; i < digit_count; i++)
            ret_text[zero_count + i] = alphabet[digits[digit_count - 1 - i]];
        ret_text[zero_count + digit_count] = '\0';
    }
    OPENSSL_cleanse(digits, sizeof(digits));
    return rc;
}

int btc_base58_decode(const char *text, void *ret_data, size_t data_size_max, size_t *ret_size,
                      struct btc_error *err)
{
    uint8_t *data = ret_data;
    uint8_t bytes[BTC_BASE58_TEXT_SIZE_MAX]; /* least significant first */
    size_t byte_count = 0;
    size_t zero_count = 0;
    size_t length = strnlen(text, BTC_BASE58_TEXT_SIZE_MAX);
    int rc = 0;

    if (length >= BTC_BASE58_TEXT_SIZE_MAX)
        return btc_fail(err, BTC_EFORMAT, "base58 text is longer than %d characters",
                        BTC_BASE58_TEXT_SIZE_MAX - 1);
    while (text[zero_count] == alphabet[0])
        zero_count++;
    for (size_t i = zero_count; i < length; i++) {
        const char *digit = strchr(alphabet, text[i]);
        if (!digit) {
            rc = btc_fail(err, BTC_EFORMAT, "character %zu is none of base58's", i + 1);
            goto out;
        }
        unsigned carry = (unsigned)(digit - alphabet);
        for (size_t j = 0; j < byte_count; j++) {
            carry += (unsigned)bytes[j] * 58;
            bytes[j] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry != 0)
            bytes[byte_count++] = (uint8_t)carry;
    }
    if (zero_count + byte_count > data_size_max) {
        rc = btc_fail(err, BTC_EFORMAT, "base58 text holds %zu bytes, at most %zu are due",
                      zero_count + byte_count, data_size_max);
        goto out;
    }
    memset(data, 0, zero_count);
    for (size_t i = 0; i < byte_count; i++)
        data[zero_count + i] = bytes[byte_count - 1 - i];
    *ret_size = zero_count + byte_count;
out:
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return rc;
}

int btc_base58check_encode(const void *data, size_t size, char *ret_text, size_t text_size_max)
{
    uint8_t checked[CHECKED_SIZE_MAX];
    struct btc_hash hash;

    if (size > BTC_BASE58_DATA_SIZE_MAX)
        return BTC_ELIMIT;
    memcpy(checked, data, size);
    int rc = btc_sha256d(data, size, &hash);
    if (rc == 0) {
        memcpy(checked + size, hash.bytes, CHECKSUM_SIZE);
        rc = btc_base58_encode(checked, size + CHECKSUM_SIZE, ret_text, text_size_max);
    }
    OPENSSL_cleanse(checked, sizeof(checked));
    return rc;
}

int btc_base58check_decode(const char *text, void *ret_data, size_t data_size_max, size_t *ret_size,
                           struct btc_error *err)
{
    uint8_t checked[CHECKED_SIZE_MAX];
    struct btc_hash hash;
    size_t size = 0;

    int rc = btc_base58_decode(text, checked, sizeof(checked), &size, err);
    if (rc < 0)
        return rc;
    if (size < CHECKSUM_SIZE) {
        rc = btc_fail(err, BTC_EFORMAT, "base58 text is too short to hold a checksum");
        goto out;
    }
    size -= CHECKSUM_SIZE;
    rc = btc_sha256d(checked, size, &hash);
    if (rc < 0) {
        rc = btc_fail(err, rc, "the checksum could not be computed");
        goto out;
    }
    if (memcmp(checked + size, hash.bytes, CHECKSUM_SIZE) != 0) {
        rc = btc_fail(err, BTC_EFORMAT, "the checksum does not match: a typing error?");
        goto out;
    }
    if (size > data_size_max) {
        rc = btc_fail(err, BTC_EFORMAT, "base58 text holds %zu bytes, at most %zu are due", size,
                      data_size_max);
        goto out;
    }
    memcpy(ret_data, checked, size);
    *ret_size = size;
out:
    OPENSSL_cleanse(checked, sizeof(checked));
    return rc;
}
