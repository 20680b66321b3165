/* How the commands read what a person gave: numbers, ids, coins, files. See commands_impl.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/hash.h"
#include "actors/ui/commands_impl.h"

bool ui_read_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (at == text || *at != '\0' || number < min || number > max)
        return false;
    *ret_number = number;
    return true;
}

bool ui_read_decimal(const char *text, unsigned places, int64_t *ret_number)
{
    int64_t number = 0;
    unsigned behind = 0;
    bool has_point = false;
    bool has_digit = false;
    for (; *text != '\0'; text++) {
        if (*text == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (*text < '0' || *text > '9' || (has_point && behind == places) ||
            number > (INT64_MAX - 9) / 10)
            return false;
        number = number * 10 + (*text - '0');
        behind += has_point;
        has_digit = true;
    }
    for (; behind < places; behind++) {
        if (number > INT64_MAX / 10)
            return false;
        number *= 10;
    }
    *ret_number = number;
    return has_digit;
}

bool ui_read_hash(const char *text, uint8_t ret_bytes[32])
{
    struct btc_hash hash;
    if (btc_hash_from_hex(text, &hash) != 0)
        return false;
    memcpy(ret_bytes, hash.bytes, sizeof(hash.bytes));
    return true;
}

int ui_read_txid(const struct desk *desk, const char *text, struct wallet_hash32 *ret_txid)
{
    return ui_read_hash(text, ret_txid->bytes)
               ? 0
               : ui_desk_fail(desk, "the id of a transaction is 64 hexadecimal digits: `history` "
                                    "has them");
}

bool ui_read_outpoint(struct troupe_text text, struct wallet_outpoint *ret_coin)
{
    char copy[64 + 1 + 10 + 1];
    uint64_t index = 0;
    if (text.size < 66 || text.size >= sizeof(copy) || text.data[64] != ':')
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    copy[64] = '\0';
    if (!ui_read_number(copy + 65, 0, UINT32_MAX, &index))
        return false;
    ret_coin->index = (uint32_t)index;
    return ui_read_hash(copy, ret_coin->txid.bytes);
}

int ui_fail_path(const struct desk *desk, const char *path, const char *why)
{
    char text[512];
    snprintf(text, sizeof(text), "%.256s: %s", path, why);
    return ui_desk_fail(desk, text);
}

/* All of a file into data[0..max), and one byte more if it is longer. 0, or errno. */
static int read_file(const char *path, char *data, size_t max, size_t *ret_size)
{
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return errno;
    *ret_size = fread(data, 1, max + 1, file);
    int error = ferror(file) == 0 ? 0 : errno != 0 ? errno : EIO;
    fclose(file);
    return error;
}

char *ui_read_bytes(const struct desk *desk, const char *value, size_t max, size_t *ret_size)
{
    char *data = malloc(max + 2);
    int error = 0;
    *ret_size = 0;
    if (data == NULL) {
        (void)ui_desk_fail(desk, "no memory");
        return NULL;
    }
    if (value[0] == '@') {
        error = read_file(value + 1, data, max, ret_size);
    } else {
        *ret_size = strnlen(value, max + 1);
        memcpy(data, value, *ret_size);
    }
    if (error == 0 && *ret_size <= max) {
        data[*ret_size] = '\0';
        return data;
    }
    if (value[0] == '@')
        (void)ui_fail_path(desk, value + 1,
                           error != 0 ? strerror(error) : "it is too long for what it should be");
    else
        (void)ui_desk_fail(desk, "that is too long for what it should be");
    free(data);
    return NULL;
}

char *ui_read_text(const struct desk *desk, const char *value, size_t max)
{
    size_t size = 0;
    char *text = ui_read_bytes(desk, value, max, &size);
    while (text != NULL && size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        text[--size] = '\0';
    return text;
}
