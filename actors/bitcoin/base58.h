/*
 * Base58 and Base58Check: bytes as letters and digits that are hard to confuse, with a checksum of
 * four bytes. Used by addresses (P2PKH, P2SH), exported private keys and BIP32 extended keys.
 *
 * Pure functions, any thread. Their working memory is wiped, since what passes may be a key.
 */
#ifndef ACTORS_BITCOIN_BASE58_H
#define ACTORS_BITCOIN_BASE58_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

/* The work grows with the square of the size, so it is bounded. */
#define BTC_BASE58_DATA_SIZE_MAX 256 /* bytes, the checksum not counted */
#define BTC_BASE58_TEXT_SIZE_MAX 368 /* bytes of the longest text, with the NUL */

/*
 * Write `data` as Base58 text into ret_text, which holds text_size_max bytes. 0, or BTC_ELIMIT when
 * the data is over the maximum or the text does not fit.
 */
int btc_base58_encode(const void *data, size_t size, char *ret_text, size_t text_size_max)
    BTC_MUST_CHECK;

/*
 * Read Base58 text, without spaces around it, into ret_data, which holds data_size_max bytes. 0,
 * BTC_EFORMAT for a character outside the alphabet or for more bytes than that.
 */
int btc_base58_decode(const char *text, void *ret_data, size_t data_size_max, size_t *ret_size,
                      struct btc_error *err) BTC_MUST_CHECK;

/*
 * The same with the first four bytes of the double SHA-256 behind the data; neither `data` nor
 * ret_data include them. A checksum that does not match is BTC_EFORMAT. Also BTC_ENOMEM,
 * BTC_ECRYPTO.
 */
int btc_base58check_encode(const void *data, size_t size, char *ret_text, size_t text_size_max)
    BTC_MUST_CHECK;
int btc_base58check_decode(const char *text, void *ret_data, size_t data_size_max, size_t *ret_size,
                           struct btc_error *err) BTC_MUST_CHECK;

#endif
