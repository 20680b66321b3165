/* values.h - inside the bus: the UTF-8 check, and how an error gets its story. The public half
 * (troupe_text, troupe_blob_..., troupe_error_...) is in troupe.h. */
#ifndef TROUPE_VALUES_H
#define TROUPE_VALUES_H

#include "bus/troupe.h"

/* True if `data` is UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing over U+10FFFF. */
bool ti_utf8_valid(const char *data, size_t size);

/* Sets code and text, and no data. A text that is too long is cut between two characters.
 * `ret_error` may be NULL. */
void ti_error_format(struct troupe_error *ret_error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
