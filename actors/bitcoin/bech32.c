/* Bech32 and Bech32m differ in one constant that is mixed into the checksum. */
#include "actors/bitcoin/bech32.h"

#include <stdbool.h>
#include <string.h>

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

enum { CHECKSUM_COUNT = 6 };

static uint32_t kind_constant(enum btc_bech32_kind kind)
{
    return kind == BTC_BECH32M ? 0x2bc830a3 : 1;
}

/* One step of the BCH code's division by its generator (BIP173, Checksum). */
static uint32_t polymod_step(uint32_t state, uint8_t value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    uint32_t top = state >> 25;
    state = (state & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        if (top >> i & 1)
            state ^= generator[i];
    return state;
}

static uint32_t polymod_hrp(const char *hrp, size_t hrp_size)
{
    uint32_t state = 1;
    for (size_t i = 0; i < hrp_size; i++)
        state = polymod_step(state, (uint8_t)hrp[i] >> 5);
    state = polymod_step(state, 0);
    for (size_t i = 0; i < hrp_size; i++)
        state = polymod_step(state, (uint8_t)hrp[i] & 31);
    return state;
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_printable(char c)
{
    return c > 32 && c < 127;
}

int btc_bech32_encode(enum btc_bech32_kind kind, const char *hrp, const uint8_t *values,
                      size_t count, char ret_text[BTC_BECH32_TEXT_SIZE])
{
    size_t hrp_size = strnlen(hrp, BTC_BECH32_HRP_SIZE);

    if (hrp_size >= BTC_BECH32_HRP_SIZE || count > BTC_BECH32_VALUES_MAX ||
        hrp_size + 1 + count + CHECKSUM_COUNT >= BTC_BECH32_TEXT_SIZE)
        return BTC_ELIMIT;
    for (size_t i = 0; i < hrp_size; i++)
        if (!is_printable(hrp[i]) || hrp[i] != to_lower(hrp[i]))
            return BTC_EFORMAT;
    for (size_t i = 0; i < count; i++)
        if (values[i] > 31)
            return BTC_EFORMAT;
    if (hrp_size == 0)
        return BTC_EFORMAT;

    uint32_t state = polymod_hrp(hrp, hrp_size);
    char *end = ret_text + hrp_size;
    memcpy(ret_text, hrp, hrp_size);
    *end++ = '1';
    for (size_t i = 0; i < count; i++) {
        state = polymod_step(state, values[i]);
        *end++ = alphabet[values[i]];
    }
    for (int i = 0; i < CHECKSUM_COUNT; i++)
        state = polymod_step(state, 0);
    state ^= kind_constant(kind);
    for (int i = 0; i < CHECKSUM_COUNT; i++)
        *end++ = alphabet[state >> 5 * (CHECKSUM_COUNT - 1 - i) & 31];
    *end = '\0';
    return 0;
}

/* Copy the text in lower case; every character must be printable, and all letters of one case. */
static int fold_case(const char *text, char ret_text[BTC_BECH32_TEXT_SIZE], size_t *ret_size,
                     struct btc_error *err)
{
    bool has_lower = false;
    bool has_upper = false;
    size_t size = strnlen(text, BTC_BECH32_TEXT_SIZE);

    if (size >= BTC_BECH32_TEXT_SIZE)
        return btc_fail(err, BTC_EFORMAT, "bech32 text is longer than %d characters",
                        BTC_BECH32_TEXT_SIZE - 1);
    for (size_t i = 0; i < size; i++) {
        if (!is_printable(text[i]))
            return btc_fail(err, BTC_EFORMAT, "character %zu is not printable ASCII", i + 1);
        has_lower |= text[i] >= 'a' && text[i] <= 'z';
        has_upper |= text[i] >= 'A' && text[i] <= 'Z';
        ret_text[i] = to_lower(text[i]);
    }
    if (has_lower && has_upper)
        return btc_fail(err, BTC_EFORMAT, "upper and lower case letters are mixed");
    ret_text[size] = '\0';
    *ret_size = size;
    return 0;
}

int btc_bech32_decode(const char *text, enum btc_bech32_kind *ret_kind,
                      char ret_hrp[BTC_BECH32_HRP_SIZE], uint8_t ret_values[BTC_BECH32_VALUES_MAX],
                      size_t *ret_count, struct btc_error *err)
{
    char folded[BTC_BECH32_TEXT_SIZE];
    uint8_t values[BTC_BECH32_TEXT_SIZE];
    size_t size = 0;

    int rc = fold_case(text, folded, &size, err);
    if (rc < 0)
        return rc;
    const char *separator = strrchr(folded, '1');
    if (!separator || separator == folded)
        return btc_fail(err, BTC_EFORMAT, "no prefix and '1' in front of the data");
    size_t hrp_size = (size_t)(separator - folded);
    size_t count = size - hrp_size - 1;
    if (count < CHECKSUM_COUNT)
        return btc_fail(err, BTC_EFORMAT, "cut off within the checksum");

    uint32_t state = polymod_hrp(folded, hrp_size);
    for (size_t i = 0; i < count; i++) {
        const char *found = strchr(alphabet, separator[1 + i]);
        if (!found)
            return btc_fail(err, BTC_EFORMAT, "character %zu is none of bech32's",
                            hrp_size + i + 2);
        values[i] = (uint8_t)(found - alphabet);
        state = polymod_step(state, values[i]);
    }
    if (state != kind_constant(BTC_BECH32) && state != kind_constant(BTC_BECH32M))
        return btc_fail(err, BTC_EFORMAT, "the checksum does not match: a typing error?");
    *ret_kind = state == kind_constant(BTC_BECH32) ? BTC_BECH32 : BTC_BECH32M;
    memcpy(ret_hrp, folded, hrp_size);
    ret_hrp[hrp_size] = '\0';
    memcpy(ret_values, values, count - CHECKSUM_COUNT);
    *ret_count = count - CHECKSUM_COUNT;
    return 0;
}

static bool is_program_size(int version, size_t size)
{
    if (version == 0)
        return size == 20 || size == 32;
    return size >= 2 && size <= BTC_WITNESS_PROGRAM_MAX;
}

int btc_segwit_encode(const char *hrp, int version, const uint8_t *program, size_t size,
                      char ret_text[BTC_BECH32_TEXT_SIZE])
{
    uint8_t values[1 + (BTC_WITNESS_PROGRAM_MAX * 8 + 4) / 5];
    size_t count = 0;
    uint32_t bits = 0;
    int bit_count = 0;

    if (version < 0 || version > BTC_WITNESS_VERSION_MAX || !is_program_size(version, size))
        return BTC_EFORMAT;
    values[count++] = (uint8_t)version;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | program[i]) & 0xfff;
        for (bit_count += 8; bit_count >= 5; bit_count -= 5)
            values[count++] = bits >> (bit_count - 5) & 31;
    }
    if (bit_count > 0)
        values[count++] = (uint8_t)(bits << (5 - bit_count) & 31);
    return btc_bech32_encode(version == 0 ? BTC_BECH32 : BTC_BECH32M, hrp, values, count, ret_text);
}

int btc_segwit_decode(const char *hrp, const char *text, int *ret_version,
                      uint8_t ret_program[BTC_WITNESS_PROGRAM_MAX], size_t *ret_size,
                      struct btc_error *err)
{
    enum btc_bech32_kind kind;
    char found_hrp[BTC_BECH32_HRP_SIZE];
    uint8_t values[BTC_BECH32_VALUES_MAX];
    uint8_t program[BTC_BECH32_VALUES_MAX * 5 / 8];
    size_t count = 0;

    int rc = btc_bech32_decode(text, &kind, found_hrp, values, &count, err);
    if (rc < 0)
        return rc;
    if (strcmp(found_hrp, hrp) != 0)
        return btc_fail(err, BTC_ENETWORK, "starts with \"%s1\", addresses here with \"%s1\"",
                        found_hrp, hrp);
    if (count == 0 || values[0] > BTC_WITNESS_VERSION_MAX)
        return btc_fail(err, BTC_EFORMAT, "no witness version of 0 to %d", BTC_WITNESS_VERSION_MAX);
    if ((values[0] == 0) != (kind == BTC_BECH32))
        return btc_fail(err, BTC_EFORMAT, "witness version %d must be written in %s", values[0],
                        values[0] == 0 ? "bech32" : "bech32m");

    size_t size = 0;
    uint32_t bits = 0;
    int bit_count = 0;
    for (size_t i = 1; i < count; i++) {
        bits = (bits << 5 | values[i]) & 0xfff;
        bit_count += 5;
        if (bit_count >= 8) {
            bit_count -= 8;
            program[size++] = (uint8_t)(bits >> bit_count);
        }
    }
    if (bit_count >= 5 || (bits & ((1U << bit_count) - 1)) != 0)
        return btc_fail(err, BTC_EFORMAT, "the padding behind the witness program is not zero");
    if (!is_program_size(values[0], size))
        return btc_fail(err, BTC_EFORMAT, "a witness program of %zu bytes in version %d", size,
                        values[0]);
    *ret_version = values[0];
    memcpy(ret_program, program, size);
    *ret_size = size;
    return 0;
}
