/*
 * What is done with a secret number on the curve: public keys, signatures, taproot's tweaks.
 *
 * All arithmetic is libsecp256k1's. Each call makes a context, blinds it with fresh randomness and
 * destroys it (about 50 us): there is no state to share, any thread. Secrets are 32 bytes,
 * big-endian; the caller wipes its own, working copies are wiped here.
 */
#ifndef ACTORS_BITCOIN_CURVE_H
#define ACTORS_BITCOIN_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/error.h"
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/script.h"

#define BTC_KEY_LONG_SIZE    65 /* a public key in the uncompressed form */
#define BTC_XONLY_SIZE       32 /* a public key by its x alone (BIP340) */
#define BTC_DER_SIZE_MAX     70 /* bytes of an ECDSA signature with low R and low S */
#define BTC_SCHNORR_SIZE     64
#define BTC_RECOVERABLE_SIZE 65
#define BTC_SCHNORR_AUX_SIZE 32

/* The public key of a secret, compressed. 0; BTC_EINVALID for 0 or a number over the curve's
 * order; BTC_ENOMEM, BTC_ECRYPTO. The functions below fail so, too. */
int btc_key_of_secret(const uint8_t secret[BTC_SECRET_SIZE], uint8_t ret_key[BTC_KEY_SIZE])
    BTC_MUST_CHECK;

/* The other form of a valid key: 65 bytes of one with 33. BTC_EFORMAT when it is none. */
int btc_key_expand(const uint8_t key[BTC_KEY_SIZE], uint8_t ret_key[BTC_KEY_LONG_SIZE])
    BTC_MUST_CHECK;

/*
 * An ECDSA signature of a hash in DER, without hash type: nonce by RFC6979, low S, and low R by
 * trying further nonces (RFC6979's extra input is then a counter, as other wallets count it, so
 * that the same inputs give the same signature). Verified before it is given out.
 */
int btc_ecdsa_sign(const uint8_t secret[BTC_SECRET_SIZE], const struct btc_hash *hash,
                   uint8_t ret_der[BTC_DER_SIZE_MAX], size_t *ret_size) BTC_MUST_CHECK;

/*
 * A BIP340 signature. `aux` is auxiliary randomness, NULL for fresh one from the system. Verified
 * before it is given out.
 */
int btc_schnorr_sign(const uint8_t secret[BTC_SECRET_SIZE], const struct btc_hash *hash,
                     const uint8_t aux[BTC_SCHNORR_AUX_SIZE],
                     uint8_t ret_signature[BTC_SCHNORR_SIZE]) BTC_MUST_CHECK;

/* An ECDSA signature of which the key can be recovered: recovery number 0..3, r, s. */
int btc_recoverable_sign(const uint8_t secret[BTC_SECRET_SIZE], const struct btc_hash *hash,
                         uint8_t ret_signature[BTC_RECOVERABLE_SIZE]) BTC_MUST_CHECK;

/* The compressed key that made such a signature. BTC_EINVALID when there is none. */
int btc_recoverable_key(const uint8_t signature[BTC_RECOVERABLE_SIZE], const struct btc_hash *hash,
                        uint8_t ret_key[BTC_KEY_SIZE]) BTC_MUST_CHECK;

/*
 * Taproot's output key (BIP341): the internal key plus a tweak that commits to it and to
 * merkle_root, which is NULL where there are no scripts (BIP86). BTC_EFORMAT when internal is no
 * key.
 */
int btc_taproot_output_key(const uint8_t internal[BTC_XONLY_SIZE], const uint8_t *merkle_root,
                           uint8_t ret_output[BTC_XONLY_SIZE]) BTC_MUST_CHECK;

/* The secret of that output key, from the secret of the internal one. The caller wipes it. */
int btc_taproot_output_secret(const uint8_t secret[BTC_SECRET_SIZE], const uint8_t *merkle_root,
                              uint8_t ret_secret[BTC_SECRET_SIZE]) BTC_MUST_CHECK;

/* The P2TR output script of a compressed key as internal key, without scripts (BIP86). */
int btc_taproot_script(const uint8_t key[BTC_KEY_SIZE], struct btc_script *ret_script)
    BTC_MUST_CHECK;

#endif
