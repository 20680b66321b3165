/*
 * The wallet's own keys: one BIP39 seed, account 0 of BIP84 (P2WPKH) and of BIP86 (P2TR), two
 * chains of scripts each.
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

enum keys_account {
    KEYS_BIP84 = 0, /* P2WPKH */
    KEYS_BIP86 = 1, /* P2TR, by its key */
    KEYS_ACCOUNTS = 2,
};

#define KEYS_CHAINS           2 /* of an account: receive, change */
#define KEYS_FINGERPRINT_SIZE 4
#define KEYS_PATH_COUNT       5 /* steps from the root to a key */

/* The purpose in the account's path: 84 or 86. */
uint32_t keys_purpose(enum keys_account account);

/* The path of a key: m/purpose'/coin'/0'/chain/index. */
void keys_path(const struct btc_params *params, enum keys_account account, uint32_t chain,
               uint32_t index, uint32_t ret_path[KEYS_PATH_COUNT]);

/*
 * The public node m/purpose'/coin'/0' for this entropy of 16 to 32 bytes, without a passphrase. 0,
 * BTC_EUSAGE for a size that BIP39 has not, BTC_EINVALID for a seed without such a node
 * (practically never), BTC_ENOMEM, BTC_ECRYPTO.
 */
int keys_account(const uint8_t *entropy, size_t size, const struct btc_params *params,
                 enum keys_account account, struct btc_hd_node *ret_account, struct btc_error *err)
    BTC_MUST_CHECK;

/* The root's fingerprint, by which descriptors and PSBTs name it. Errors as above. */
int keys_fingerprint(const uint8_t *entropy, size_t size,
                     uint8_t ret_fingerprint[KEYS_FINGERPRINT_SIZE], struct btc_error *err)
    BTC_MUST_CHECK;

/* The private node m/purpose'/coin'/0', of which the caller derives secrets and which it wipes.
 * Errors as above. */
int keys_secret_account(const uint8_t *entropy, size_t size, const struct btc_params *params,
                        enum keys_account account, struct btc_hd_node *ret_account,
                        struct btc_error *err) BTC_MUST_CHECK;

/*
 * The script of child `index` of a chain's public node (itself child 0, for receiving, or 1, for
 * change, of the account). 0, BTC_EINVALID where there is none (practically never), BTC_ENOMEM,
 * BTC_ECRYPTO.
 */
int keys_script(const struct btc_hd_node *chain, enum keys_account account, uint32_t index,
                struct btc_script *ret_script, struct btc_error *err) BTC_MUST_CHECK;

#endif
