/* Error sentences: see error.h. */
#include "actors/bitcoin/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int btc_fail(struct btc_error *err, int code, const char *format, ...)
{
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    if (vsnprintf(err->text, sizeof(err->text), format, args) < 0)
        err->text[0] = '\0';
    va_end(args);
    err->code = code;
    return code;
}

int btc_fail_within(struct btc_error *err, int code, const char *format, ...)
{
    if (err == NULL)
        return code;
    char text[BTC_ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (written < 0)
        return code;
    size_t used = strlen(text);
    snprintf(text + used, sizeof(text) - used, "%s", err->text);
    memcpy(err->text, text, sizeof(text));
    err->code = code;
    return code;
}

const char *btc_code_text(int code)
{
    switch (code) {
    case BTC_ENOMEM:
        return "no memory";
    case BTC_ECRYPTO:
        return "the crypto library failed";
    case BTC_ELIMIT:
        return "too large";
    default:
        return "not valid";
    }
}
