/* Amounts, ids and times as people read them: see format.h. */
#include "actors/ui/format.h"

#include <inttypes.h>
#include <time.h>

#include "actors/bitcoin/bytes.h"

const char *format_btc(int64_t amount_sat, bool is_signed, char to[FORMAT_BTC_SIZE])
{
    uint64_t amount = amount_sat < 0 ? -(uint64_t)amount_sat : (uint64_t)amount_sat;
    const char *sign = amount_sat < 0 ? "-" : is_signed ? "+" : "";
    snprintf(to, FORMAT_BTC_SIZE, "%s%" PRIu64 ".%08" PRIu64, sign, amount / 100000000,
             amount % 100000000);
    return to;
}

const char *format_hash(const uint8_t bytes[32], char to[FORMAT_HASH_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        to[2 * i] = digits[bytes[31 - i] >> 4];
        to[2 * i + 1] = digits[bytes[31 - i] & 15];
    }
    to[64] = '\0';
    return to;
}

void format_hex(FILE *out, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    char text[2 * 256 + 1];
    for (size_t done = 0; done < size; done += 256) {
        btc_hex_encode(bytes + done, size - done < 256 ? size - done : 256, text);
        fputs(text, out);
    }
}

const char *format_time(int64_t time_s, char to[FORMAT_TIME_SIZE])
{
    time_t seconds = (time_t)time_s;
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(to, FORMAT_TIME_SIZE, "%Y-%m-%d %H:%M UTC", &parts) == 0)
        snprintf(to, FORMAT_TIME_SIZE, "%" PRId64, time_s);
    return to;
}

const char *format_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

void format_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

void format_json_text(FILE *out, struct troupe_text text)
{
    fputc('"', out);
    for (size_t i = 0; i < text.size; i++) {
        unsigned char letter = (unsigned char)text.data[i];
        if (letter == '"' || letter == '\\')
            fprintf(out, "\\%c", letter);
        else if (letter < 0x20 || letter == 0x7f)
            fprintf(out, "\\u%04x", letter);
        else
            fputc(letter, out);
    }
    fputc('"', out);
}
