/*
 * Secrets at rest and in memory: bytes sealed under a passphrase, and memory that is not written to
 * the swap or into a core file.
 *
 * The passphrase becomes a key by scrypt (RFC 7914), the secret is sealed with AES-256-GCM (NIST SP
 * 800-38D), both by OpenSSL's libcrypto; salt and nonce are fresh for each sealing. A sealed box
 * says by itself how much work its key takes, so that it can be raised later. Any thread.
 */
#ifndef ACTORS_BITCOIN_VAULT_H
#define ACTORS_BITCOIN_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

#define BTC_VAULT_SECRET_SIZE_MAX 64 /* bytes */
#define BTC_VAULT_SIZE_MAX        (BTC_VAULT_SECRET_SIZE_MAX + 48)
#define BTC_VAULT_LOG_COST        15 /* N = 2^15: 32 MiB and about 0.1 s */
#define BTC_VAULT_WORK_MAX        8  /* times that work are what a box may ask for: 256 MiB */

#define BTC_VAULT_WRONG \
    1 /* another passphrase, or the box is damaged: these cannot be told apart */

/*
 * Seal `secret` of 1 to BTC_VAULT_SECRET_SIZE_MAX bytes. 0, BTC_EUSAGE for another size, BTC_EIO
 * without randomness, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_vault_seal(const char *passphrase, const uint8_t *secret, size_t size,
                   uint8_t ret_box[BTC_VAULT_SIZE_MAX], size_t *ret_size, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * Open a box. 0; BTC_VAULT_WRONG, after the same work; BTC_EFORMAT for bytes that are no box;
 * BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_vault_open(const char *passphrase, const uint8_t *box, size_t box_size,
                   uint8_t ret_secret[BTC_VAULT_SECRET_SIZE_MAX], size_t *ret_size,
                   struct btc_error *err) BTC_MUST_CHECK;

/*
 * A page of its own for a secret of up to 4,096 bytes, zeroed, left out of core files and kept from
 * the swap where the system's limit on locked memory allows it. NULL without memory. btc_secret_free()
 * wipes it; NULL is harmless.
 */
void *btc_secret_alloc(void);
void btc_secret_free(void *page);

#endif
