/*
 * The wallet's own keys: one BIP39 seed, BIP84's account 0, two chains of P2WPKH scripts.
 *
 * Secrets exist only within a call: what a caller keeps is the account's public node, which is
 * enough to know every script. Pure functions, any thread.
 */
#ifndef ACTORS_WALLET_KEYS_H
#define ACTORS_WALLET_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/script.h"

#define KEYS_ENTROPY_SIZE 16 /* bytes of a new wallet's entropy: twelve words */

/* Fill ret_entropy from the system's randomness. 0, or BTC_EIO. The caller wipes it after use. */
int keys_new_entropy(uint8_t ret_entropy[KEYS_ENTROPY_SIZE], struct btc_error *err) BTC_MUST_CHECK;

/*
 * The public node m/84'/coin'/0' (BIP84) for this entropy of 16 to 32 bytes, without a passphrase.
 * 0, BTC_EUSAGE for a size that BIP39 has not, BTC_EINVALID for a seed without such a node
 * (practically never), BTC_ENOMEM, BTC_ECRYPTO.
 */
int keys_account(const uint8_t *entropy, size_t size, const struct btc_params *params,
                 struct btc_hd_node *ret_account, struct btc_error *err) BTC_MUST_CHECK;

/*
 * The P2WPKH script of child `index` of a chain's public node (itself child 0, for receiving, or 1,
 * for change, of the account). 0, BTC_EINVALID where there is none (practically never), BTC_ENOMEM,
 * BTC_ECRYPTO.
 */
int keys_script(const struct btc_hd_node *chain, uint32_t index, struct btc_script *ret_script,
                struct btc_error *err) BTC_MUST_CHECK;

#endif
