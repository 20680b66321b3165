/*
 * Base64 (RFC 4648, section 4) as PSBTs and signed messages are written: with padding, on one line.
 * Pure functions, any thread.
 */
#ifndef ACTORS_BITCOIN_BASE64_H
#define ACTORS_BITCOIN_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/error.h"

#define BTC_BASE64_DATA_SIZE_MAX (64u << 20) /* bytes; longer data is BTC_ELIMIT */

/* Characters that size bytes take, without the NUL. */
static inline size_t btc_base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

/* The text of size bytes with a NUL [owned by the caller: free()]. 0, BTC_ELIMIT, BTC_ENOMEM. */
int btc_base64_encode(const void *data, size_t size, char **ret_text) BTC_MUST_CHECK;

/*
 * The bytes of size characters, appended to w; size does not count a NUL. 0; BTC_EFORMAT, which
 * names the first character that is wrong, for anything but the one canonical text of some bytes:
 * white space, missing padding, set bits behind the end; BTC_ELIMIT, BTC_ENOMEM.
 */
int btc_base64_decode(const char *text, size_t size, struct btc_writer *w, struct btc_error *err)
    BTC_MUST_CHECK;

#endif
