/* From entropy to scripts. */
#include "actors/wallet/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "actors/bitcoin/bip39.h"
#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/origin.h"

int keys_new_entropy(uint8_t ret_entropy[KEYS_ENTROPY_SIZE], struct btc_error *err)
{
    if (getrandom(ret_entropy, KEYS_ENTROPY_SIZE, 0) != KEYS_ENTROPY_SIZE)
        return btc_fail(err, BTC_EIO, "no randomness for a new wallet from the system: %s",
                        strerror(errno));
    return 0;
}

uint32_t keys_purpose(enum keys_account account)
{
    return account == KEYS_BIP86 ? 86 : 84;
}

void keys_path(const struct btc_params *params, enum keys_account account, uint32_t chain,
               uint32_t index, uint32_t ret_path[KEYS_PATH_COUNT])
{
    const uint32_t path[KEYS_PATH_COUNT] = {keys_purpose(account) | BTC_HD_HARDENED,
                                            params->bip44_coin_type | BTC_HD_HARDENED,
                                            0 | BTC_HD_HARDENED, chain, index};
    memcpy(ret_path, path, sizeof(path));
}

static int make_root(const uint8_t *entropy, size_t size, struct btc_hd_node *ret_root)
{
    char sentence[BTC_BIP39_SENTENCE_SIZE];
    uint8_t seed[BTC_BIP39_SEED_SIZE];

    int rc = btc_bip39_encode(entropy, size, sentence);
    if (rc == 0)
        rc = btc_bip39_seed(sentence, "", seed);
    if (rc == 0)
        rc = btc_hd_root(seed, sizeof(seed), ret_root);
    btc_wipe(sentence, sizeof(sentence));
    btc_wipe(seed, sizeof(seed));
    return rc;
}

int keys_secret_account(const uint8_t *entropy, size_t size, const struct btc_params *params,
                        enum keys_account account, struct btc_hd_node *ret_account,
                        struct btc_error *err)
{
    uint32_t path[KEYS_PATH_COUNT];
    struct btc_hd_node node = {0};

    keys_path(params, account, 0, 0, path);
    int rc = make_root(entropy, size, &node);
    if (rc == 0)
        rc = btc_hd_derive(&node, path, 3, &node);
    if (rc == 0)
        *ret_account = node;
    else
        rc = btc_fail(err, rc, "the wallet's account key could not be derived from its seed: %s",
                      btc_code_text(rc));
    btc_hd_wipe(&node);
    return rc;
}

int keys_account(const uint8_t *entropy, size_t size, const struct btc_params *params,
                 enum keys_account account, struct btc_hd_node *ret_account, struct btc_error *err)
{
    struct btc_hd_node node;
    int rc = keys_secret_account(entropy, size, params, account, &node, err);
    if (rc < 0)
        return rc;
    *ret_account = btc_hd_public(&node);
    btc_hd_wipe(&node);
    return 0;
}

int keys_fingerprint(const uint8_t *entropy, size_t size,
                     uint8_t ret_fingerprint[KEYS_FINGERPRINT_SIZE], struct btc_error *err)
{
    struct btc_hd_node node = {0};
    int rc = make_root(entropy, size, &node);
    if (rc == 0)
        rc = btc_hd_fingerprint(&node, ret_fingerprint);
    btc_hd_wipe(&node);
    return rc < 0
               ? btc_fail(err, rc, "the wallet's root key could not be derived from its seed: %s",
                          btc_code_text(rc))
               : 0;
}

int keys_script(const struct btc_hd_node *chain, enum keys_account account, uint32_t index,
                struct btc_script *ret_script, struct btc_error *err)
{
    struct btc_hd_node node;
    struct btc_hash160 hash;

    int rc = btc_hd_child(chain, index, &node);
    if (rc == 0 && account == KEYS_BIP86)
        rc = btc_taproot_script(node.key, ret_script);
    if (rc == 0 && account == KEYS_BIP84)
        rc = btc_hash160(node.key, sizeof(node.key), &hash);
    if (rc == 0 && account == KEYS_BIP84)
        rc = btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, sizeof(hash.bytes), ret_script);
    if (rc < 0)
        return btc_fail(err, rc, "the wallet's address %u could not be derived: %s", index,
                        btc_code_text(rc));
    return 0;
}
