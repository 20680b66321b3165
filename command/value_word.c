/* value_word.c - words that a person wrote: numbers, texts, bytes, names, files. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command/value_impl.h"

/* The first failure is kept. */
bool value_fail(struct value_source *text, size_t at, size_t size, const char *format, ...)
{
    struct value_error *error = &text->reading->error;
    va_list arguments;
    if (!text->failed) {
        va_start(arguments, format);
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
        value_clean(error->text);
        error->source = text->source;
        error->at = at;
        error->size = size;
        text->failed = true;
    }
    return false;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void skip_space(struct value_source *text)
{
    while (text->at < text->size && strchr(" \t\r\n", text->source[text->at]) != NULL) {
        text->at++;
    }
}

char value_next(struct value_source *text)
{
    skip_space(text);
    return text->at < text->size ? text->source[text->at] : '\0';
}

bool value_accept(struct value_source *text, char mark)
{
    bool found = value_next(text) == mark && text->at < text->size;
    text->at += found;
    return found;
}

/* How long the word is that stands here. */
size_t value_word_size(const struct value_source *text)
{
    size_t size = 0;
    while (text->at + size < text->size &&
           (text->raw || strchr(" \t\r\n,:{}[]\"", text->source[text->at + size]) == NULL)) {
        size++;
    }
    return size;
}

/* What stands here, for an error. */
bool value_unexpected(struct value_source *text, const char *format, const char *argument)
{
    char expected[160];
    skip_space(text);
    size_t size = value_word_size(text);
    snprintf(expected, sizeof expected, format, argument);
    if (text->at == text->size) {
        return value_fail(text, text->at, 1, "expected %s, found the end", expected);
    }
    return value_fail(text, text->at, size != 0 ? size : 1, "expected %s, found %.*s", expected,
                      (int)(size == 0   ? 1
                            : size < 60 ? size
                                        : 60),
                      text->source + text->at);
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* ---- strings and files ----------------------------------------------------------------------- */

static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Four hex digits; -1: they are not. */
static int32_t hex_unit(const struct value_source *text, size_t at)
{
    int32_t code = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = at + i < text->size ? hex_digit(text->source[at + i]) : -1;
        if (digit < 0) {
            return -1;
        }
        code = code << 4 | digit;
    }
    return code;
}

/* After a backslash and 'u'. Returns how many bytes it wrote; 0: said what is wrong. */
static size_t escaped_code(struct value_source *text, char *to)
{
    int32_t code = hex_unit(text, text->at);
    size_t used = 4;
    if (code >= 0xd800 && code < 0xdc00) {
        int32_t low = text->at + 6 < text->size && text->source[text->at + 4] == '\\' &&
                              text->source[text->at + 5] == 'u'
                          ? hex_unit(text, text->at + 6)
                          : -1;
        code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
                                             : -1;
        used = 10;
    } else if (code >= 0xdc00 && code < 0xe000) {
        code = -1;
    }
    if (code < 0) {
        value_fail(text, text->at - 2, 2, "expected \\u and the four hex digits of a character");
        return 0;
    }
    text->at += used;
    return put_utf8(to, (uint32_t)code);
}

/* A string in quotes, which stands here. */
bool value_quoted(struct value_source *text, const char **ret_data, size_t *ret_size)
{
    static const char from[] = "\"\\/bfnrt";
    static const char into[] = "\"\\/\b\f\n\r\t";
    size_t start = text->at++;
    char *made = value_alloc(text->reading->room, text->size - start + 4);
    size_t size = 0;
    if (made == NULL) {
        return value_fail(text, start, 1, "out of memory");
    }
    while (text->at < text->size && text->source[text->at] != '"') {
        char c = text->source[text->at++];
        if (c != '\\') {
            made[size++] = c;
            continue;
        }
        c = text->at < text->size ? text->source[text->at++] : '\0';
        const char *known = c != '\0' ? strchr(from, c) : NULL;
        size_t wrote = 1;
        if (known != NULL) {
            made[size] = into[known - from];
        } else if (c == 'u') {
            wrote = escaped_code(text, made + size);
        } else {
            return value_fail(text, text->at - 2, 2,
                              "expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
        }
        if (wrote == 0) {
            return false;
        }
        size += wrote;
    }
    if (text->at == text->size) {
        return value_fail(text, start, 1, "this text has no closing '\"'");
    }
    text->at++;
    *ret_data = made;
    *ret_size = size;
    return true;
}

/* The file of an @FILE, which stands here. */
static bool file(struct value_source *text, uint64_t max, const char **ret_data, size_t *ret_size)
{
    char path[4096];
    size_t start = text->at;
    size_t size = value_word_size(text);
    struct stat found;
    int used = snprintf(path, sizeof path, "%.*s", (int)size - 1, text->source + text->at + 1);
    if (used >= (int)sizeof path) {
        return value_fail(text, start, size, "a file's path is at most 4095 bytes long");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return value_fail(text, start, size, "%s: %s", path, strerror(error));
    }
    uint64_t most = max < VALUE_TEXT_BYTES_MAX ? max : VALUE_TEXT_BYTES_MAX;
    char *made = value_alloc(text->reading->room, (size_t)most + 1);
    size_t got = 0;
    ssize_t more = made != NULL ? 1 : -1;
    while (more > 0 && got <= most) { /* one byte more than there may be says that it is longer */
        more = read(fd, made + got, (size_t)most + 1 - got);
        got += more > 0 ? (size_t)more : 0;
    }
    int error = made != NULL ? errno : ENOMEM;
    close(fd);
    if (more < 0) {
        return value_fail(text, start, size, "%s: %s", path, strerror(error));
    }
    if (got > most) {
        return value_fail(text, start, size, "%s has more than the %llu bytes that may be sent",
                          path, (unsigned long long)most);
    }
    text->at += size;
    *ret_data = made;
    *ret_size = got;
    return true;
}

/* ---- plain values ---------------------------------------------------------------------------- */

static bool whole(const char *word, size_t size, bool *ret_negative, uint64_t *ret_number)
{
    uint64_t number = 0;
    *ret_negative = size > 0 && word[0] == '-';
    size_t at = *ret_negative;
    bool good = at < size;
    for (; good && at < size; at++) {
        good = word[at] >= '0' && word[at] <= '9' &&
               !__builtin_mul_overflow(number, UINT64_C(10), &number) &&
               !__builtin_add_overflow(number, (uint64_t)(word[at] - '0'), &number);
    }
    *ret_number = number;
    return good;
}

static bool read_number(struct value_source *text, const struct idl_type *type, struct value *value)
{
    bool negative;
    uint64_t number;
    char least[32] = "0";
    char expected[80];
    bool has_sign = type->kind == IDL_INT;
    value_next(text);
    size_t size = value_word_size(text);
    uint64_t lowest = has_sign ? (UINT64_C(1) << (type->bits - 1)) : 0;
    bool good = whole(text->source + text->at, size, &negative, &number) &&
                number <= (negative ? lowest : type->bound);
    if (!good) {
        if (has_sign) {
            snprintf(least, sizeof least, "-%llu", (unsigned long long)lowest);
        }
        snprintf(expected, sizeof expected, "a whole number from %s to %llu", least,
                 (unsigned long long)type->bound);
        return value_unexpected(text, "%s", expected);
    }
    value->kind = has_sign ? VALUE_INT : VALUE_UINT;
    value->number = negative ? -number : number;
    text->at += size;
    return true;
}

static bool read_bool(struct value_source *text, struct value *value)
{
    value_next(text);
    size_t size = value_word_size(text);
    const char *word = text->source + text->at;
    value->kind = VALUE_BOOL;
    value->number = size == 4 && memcmp(word, "true", 4) == 0;
    if (value->number == 0 && (size != 5 || memcmp(word, "false", 5) != 0)) {
        return value_unexpected(text, "%s", "true or false");
    }
    text->at += size;
    return true;
}

static void list_values(const struct idl_decl *decl, char *to, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < decl->values_count && used < size - 24; i++) {
        used += (size_t)snprintf(to + used, size - used, "%s%.20s",
                                 i == 0                        ? ""
                                 : i + 1 == decl->values_count ? " or "
                                                               : ", ",
                                 decl->values[i].name);
    }
}

static bool read_enum(struct value_source *text, const struct idl_type *type, struct value *value)
{
    const struct idl_value *found = NULL;
    bool negative;
    uint64_t number;
    char names[120] = "";
    bool in_quotes = value_next(text) == '"';
    size_t start = text->at;
    const char *word = text->source + text->at;
    size_t size = value_word_size(text);
    if (in_quotes && !value_quoted(text, &word, &size)) {
        return false;
    }
    for (size_t i = 0; i < type->decl->values_count && found == NULL; i++) {
        const struct idl_value *one = &type->decl->values[i];
        found = strlen(one->name) == size && memcmp(one->name, word, size) == 0 ? one : NULL;
    }
    bool numbered = found == NULL && whole(word, size, &negative, &number) && !negative &&
                    number <= INT32_MAX;
    if (numbered) {
        found = idl_value_find(type->decl, number);
        value->number = number;
    }
    if (found == NULL && (!numbered || !type->decl->open)) {
        text->at = start;
        list_values(type->decl, names, sizeof names);
        return value_unexpected(text, "%s", names);
    }
    value->kind = VALUE_ENUM;
    value->name = found != NULL ? found->name : NULL;
    value->number = found != NULL ? found->value : value->number;
    text->at += in_quotes ? 0 : size;
    return true;
}

static bool read_text(struct value_source *text, const struct idl_type *type, bool secret,
                      struct value *value)
{
    char c = value_next(text);
    size_t start = text->at;
    bool good = true;
    if (c == '"') {
        good = value_quoted(text, &value->data, &value->size);
    } else if (c == '@' && secret) {
        good = file(text, type->bound + 1, &value->data, &value->size);
        value->size -= good && value->size > 0 && value->data[value->size - 1] == '\n';
    } else if (text->raw) {
        value->data = text->source + text->at;
        value->size = value_word_size(text);
        text->at += value->size;
    } else {
        return value_unexpected(text, "%s", "a text in quotes");
    }
    value->kind = VALUE_TEXT;
    if (good && value->size > type->bound) {
        return value_fail(text, start, text->at - start, "expected at most %llu bytes, found %zu",
                          (unsigned long long)type->bound, value->size);
    }
    return good;
}

static bool read_hex(struct value_source *text, struct value *value)
{
    const char *word = text->source + text->at;
    size_t size = value_word_size(text);
    bool in_quotes = size == 0 && value_next(text) == '"';
    size_t start = text->at;
    if (in_quotes && !value_quoted(text, &word, &size)) {
        return false;
    }
    if (size < 2 || word[0] != '0' || word[1] != 'x') {
        text->at = start;
        return value_unexpected(text, "%s", "bytes: 0x and hex digits, or @FILE");
    }
    uint8_t *made = value_alloc(text->reading->room, size / 2 + 1);
    for (size_t i = 2; i < size && made != NULL; i++) {
        int digit = hex_digit(word[i]);
        if (digit < 0) {
            return value_fail(text, in_quotes ? start : start + i, 1, "expected a hex digit");
        }
        made[(i - 2) / 2] = (uint8_t)(made[(i - 2) / 2] << 4 | digit);
    }
    if (made == NULL || size % 2 != 0) {
        return value_fail(text, start, size,
                          made == NULL ? "out of memory" : "expected two hex digits for each byte");
    }
    value->data = (const char *)made;
    value->size = (size - 2) / 2;
    text->at += in_quotes ? 0 : size;
    return true;
}

static bool read_bytes(struct value_source *text, const struct idl_type *type, struct value *value)
{
    size_t max = type->kind == IDL_FIXED ? type->decl->size : type->bound;
    char c = value_next(text);
    size_t start = text->at;
    bool good = c == '@' ? file(text, max, &value->data, &value->size) : read_hex(text, value);
    value->kind = type->kind == IDL_BLOB ? VALUE_BLOB : VALUE_BYTES;
    if (good && (value->size > max || (type->kind == IDL_FIXED && value->size != max))) {
        return value_fail(text, start, text->at - start, "expected %s%zu bytes, found %zu",
                          type->kind == IDL_FIXED ? "" : "at most ", max, value->size);
    }
    return good;
}

static bool read_ref(struct value_source *text, const struct idl_type *type, struct value *value)
{
    char word[256];
    char why[VALUE_WHY_BYTES_MAX] = "refs can't be given here";
    value_next(text);
    size_t size = value_word_size(text);
    int used = snprintf(word, sizeof word, "%.*s", (int)size, text->source + text->at);
    if (size == 0 || used >= (int)sizeof word) {
        return value_unexpected(text, "%s", "a role, or ROLE/NAME");
    }
    value->kind = VALUE_REF;
    if (text->reading->on_ref == NULL ||
        !text->reading->on_ref(text->reading->user, word, type, &value->ref, why)) {
        return value_fail(text, text->at, size, "%s", why);
    }
    text->at += size;
    return true;
}

bool value_plain(struct value_source *text, const struct idl_type *type, bool secret,
                 struct value *value)
{
    switch (type->kind) {
    case IDL_BOOL:
        return read_bool(text, value);
    case IDL_UINT:
    case IDL_INT:
        return read_number(text, type, value);
    case IDL_TEXT:
        return read_text(text, type, secret, value);
    case IDL_ENUM:
        return read_enum(text, type, value);
    case IDL_REF:
        return read_ref(text, type, value);
    default:
        return read_bytes(text, type, value);
    }
}
