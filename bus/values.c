/* values.c - texts, blobs and errors: the small values of troupe.h and values.h.
 *
 * Plain functions without state, for any thread. */
#include "bus/values.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bus/chunk.h"

/* ---- text ------------------------------------------------------------------------------------ */

struct troupe_text troupe_text(const char *text)
{
    return (struct troupe_text){.data = text, .size = text ? strlen(text) : 0};
}

/* The length of the character that starts at `at`, or 0 if there is no valid one. The bounds of the
 * second byte are those of RFC 3629, section 4: they keep overlong forms, surrogates and all beyond
 * U+10FFFF out. */
static size_t character_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t size;
    if (lead >= 0xc2 && lead <= 0xdf) {
        size = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        size = 3;
        if (lead == 0xe0)
            low = 0xa0;
        if (lead == 0xed)
            high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        size = 4;
        if (lead == 0xf0)
            low = 0x90;
        if (lead == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (left < size || at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if (at[i] < 0x80 || at[i] > 0xbf)
            return 0;
    }
    return size;
}

bool ti_utf8_valid(const char *data, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    size_t at = 0;
    while (at < size) {
        uint64_t word;
        if (size - at >= sizeof word) {
            memcpy(&word, bytes + at, sizeof word);
            if (!(word & UINT64_C(0x8080808080808080))) { /* eight of ASCII at once */
                at += sizeof word;
                continue;
            }
        }
        size_t step = character_size(bytes + at, size - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

/* ---- blobs ----------------------------------------------------------------------------------- */

/* The cursor is the piece that was returned last: its chunk, or the data if all is in one piece. */
bool troupe_blob_next(const struct troupe_blob *blob, const void **cursor,
                      struct troupe_bytes *ret_piece)
{
    if (blob->data) {
        if (*cursor || blob->size == 0)
            return false;
        *cursor = blob->data;
        *ret_piece = (struct troupe_bytes){.data = blob->data, .size = blob->size};
        return true;
    }
    const struct troupe_chunk *last = *cursor;
    const struct troupe_chunk *chunk = last ? last->next : blob->chunks;
    if (!chunk)
        return false;
    *cursor = chunk;
    *ret_piece = (struct troupe_bytes){.data = chunk->data, .size = chunk->size};
    return true;
}

void troupe_blob_copy(const struct troupe_blob *blob, void *to)
{
    uint8_t *at = to;
    const void *cursor = NULL;
    struct troupe_bytes piece;
    while (troupe_blob_next(blob, &cursor, &piece)) {
        memcpy(at, piece.data, piece.size);
        at += piece.size;
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

struct error_row {
    const char *name;
    const char *text;
};
/* By negated code. */
static const struct error_row ERRORS[] = {
    [0] = {"OK", "no error"},
    [-TROUPE_EINVAL] = {"EINVAL", "a value is outside what the interface allows"},
    [-TROUPE_ENOMEM] = {"ENOMEM", "out of memory; nothing was done"},
    [-TROUPE_EBUSY] = {"EBUSY", "a queue is full; nothing was sent"},
    [-TROUPE_EDOWN] = {"EDOWN", "not delivered: the target is gone or was never there"},
    [-TROUPE_ELOST] = {"ELOST", "the target went away before it answered; the outcome is unknown"},
    [-TROUPE_ETIMEOUT] = {"ETIMEOUT", "the deadline passed; the outcome is unknown"},
    [-TROUPE_ECANCELED] = {"ECANCELED", "the asker gave up"},
    [-TROUPE_EWOULDBLOCK] = {"EWOULDBLOCK", "a sync call inside an actor, which must never wait"},
    [-TROUPE_ECYCLE] = {"ECYCLE", "the call would need a thread that waits for this very call"},
    [-TROUPE_EUNIMPLEMENTED] = {"EUNIMPLEMENTED", "the target does not know this method"},
    [-TROUPE_EMALFORMED] = {"EMALFORMED", "the bytes are not a valid message"},
    [-TROUPE_ETOOLARGE] = {"ETOOLARGE", "larger than a limit of the bus"},
    [-TROUPE_ENOENT] = {"ENOENT", "no such role, or not one that this actor uses"},
    [-TROUPE_EREF] = {"EREF", "a reference to an actor in a third process can't be handed over"},
    [-TROUPE_EPERM] = {"EPERM", "not granted"},
    [-TROUPE_ECLOSED] = {"ECLOSED", "closed already"},
    [-TROUPE_EUNANSWERED] = {"EUNANSWERED", "the handler returned without an answer"},
    [-TROUPE_ESYSTEM] = {"ESYSTEM", "the operating system refused"},
    [-TROUPE_EPROTOCOL] = {"EPROTOCOL", "the peer speaks another protocol or broke its rules"},
};
#define ERRORS_COUNT (sizeof ERRORS / sizeof ERRORS[0])

static const struct error_row *error_row(int code)
{
    static const struct error_row application = {"application error",
                                                 "an error that the interface declares"};
    static const struct error_row unknown = {"unknown error", "a code that this version lacks"};
    if (code >= 100)
        return &application;
    if (code > 0 || code <= -(int)ERRORS_COUNT)
        return &unknown;
    return &ERRORS[-code];
}

const char *troupe_error_name(int code)
{
    return error_row(code)->name;
}

const char *troupe_error_text(int code)
{
    return error_row(code)->text;
}

void ti_error_format(struct troupe_error *ret_error, int code, const char *format, ...)
{
    if (!ret_error)
        return;
    ret_error->code = code;
    ret_error->data_size = 0;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(ret_error->text, sizeof ret_error->text, format, arguments);
    va_end(arguments);
    if (size < 0)
        ret_error->text[0] = '\0';
    if (size < (int)sizeof ret_error->text)
        return;
    /* Cut: take back what is left of a character that did not fit. */
    size_t end = sizeof ret_error->text - 1;
    size_t start = end;
    while (start > 0 && end - start < 3 && ((uint8_t)ret_error->text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && ((uint8_t)ret_error->text[start - 1] & 0xc0) == 0xc0)
        start--;
    if (start < end && !ti_utf8_valid(ret_error->text + start, end - start))
        ret_error->text[start] = '\0';
}
