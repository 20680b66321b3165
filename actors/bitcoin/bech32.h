/*
 * Bech32 (BIP173) and Bech32m (BIP350), and the segwit addresses written in them.
 *
 * Pure functions, any thread.
 */
#ifndef ACTORS_BITCOIN_BECH32_H
#define ACTORS_BITCOIN_BECH32_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

#define BTC_BECH32_TEXT_SIZE    91 /* bytes of the longest text, with the NUL */
#define BTC_BECH32_HRP_SIZE     84 /* bytes of the longest prefix, with the NUL */
#define BTC_BECH32_VALUES_MAX   82 /* groups of five bits between separator and checksum */
#define BTC_WITNESS_PROGRAM_MAX 40 /* bytes (BIP141) */
#define BTC_WITNESS_VERSION_MAX 16

enum btc_bech32_kind {
    BTC_BECH32 = 1,  /* BIP173: witness version 0 */
    BTC_BECH32M = 2, /* BIP350: witness versions 1 to 16 */
};

/*
 * Write prefix `hrp` (lower case) and `values` (each 0..31) as text with its checksum. 0,
 * BTC_ELIMIT when it would be too long, BTC_EFORMAT for a prefix or value that is out of range.
 */
int btc_bech32_encode(enum btc_bech32_kind kind, const char *hrp, const uint8_t *values,
                      size_t count, char ret_text[BTC_BECH32_TEXT_SIZE]) BTC_MUST_CHECK;

/*
 * Read text of either kind, in upper or in lower case; ret_hrp is in lower case. 0, or BTC_EFORMAT
 * with what is wrong (a character, mixed case, the separator, the checksum, the length).
 */
int btc_bech32_decode(const char *text, enum btc_bech32_kind *ret_kind,
                      char ret_hrp[BTC_BECH32_HRP_SIZE], uint8_t ret_values[BTC_BECH32_VALUES_MAX],
                      size_t *ret_count, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Write the segwit address of a witness version and program on the network with prefix `hrp` ("bc",
 * "tb", "bcrt"). 0, or BTC_EFORMAT for a version or program size that BIP141 has not.
 */
int btc_segwit_encode(const char *hrp, int version, const uint8_t *program, size_t size,
                      char ret_text[BTC_BECH32_TEXT_SIZE]) BTC_MUST_CHECK;

/*
 * Read a segwit address. 0, BTC_ENETWORK when its prefix is not `hrp`, BTC_EFORMAT for everything
 * else that is wrong with it.
 */
int btc_segwit_decode(const char *hrp, const char *text, int *ret_version,
                      uint8_t ret_program[BTC_WITNESS_PROGRAM_MAX], size_t *ret_size,
                      struct btc_error *err) BTC_MUST_CHECK;

#endif
