/* From entropy to scripts. */
#include "actors/wallet/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "actors/bitcoin/bip39.h"
#include "actors/bitcoin/hash.h"

int keys_new_entropy(uint8_t ret_entropy[KEYS_ENTROPY_SIZE], struct btc_error *err)
{
    if (getrandom(ret_entropy, KEYS_ENTROPY_SIZE, 0) != KEYS_ENTROPY_SIZE)
        return btc_fail(err, BTC_EIO, "no randomness for a new wallet from the system: %s",
                        strerror(errno));
    return 0;
}

int keys_account(const uint8_t *entropy, size_t size, const struct btc_params *params,
                 struct btc_hd_node *ret_account, struct btc_error *err)
{
    const uint32_t path[] = {84 | BTC_HD_HARDENED, params->bip44_coin_type | BTC_HD_HARDENED,
                             0 | BTC_HD_HARDENED};
    char sentence[BTC_BIP39_SENTENCE_SIZE];
    uint8_t seed[BTC_BIP39_SEED_SIZE];
    struct btc_hd_node node;

    int rc = btc_bip39_encode(entropy, size, sentence);
    if (rc == 0)
        rc = btc_bip39_seed(sentence, "", seed);
    if (rc == 0)
        rc = btc_hd_root(seed, sizeof(seed), &node);
    if (rc == 0)
        rc = btc_hd_derive(&node, path, sizeof(path) / sizeof(path[0]), &node);
    if (rc == 0)
        *ret_account = btc_hd_public(&node);
    else
        rc = btc_fail(err, rc, "the wallet's account key could not be derived from its seed");
    btc_wipe(sentence, sizeof(sentence));
    btc_wipe(seed, sizeof(seed));
    btc_hd_wipe(&node);
    return rc;
}

int keys_script(const struct btc_hd_node *chain, uint32_t index, struct btc_script *ret_script,
                struct btc_error *err)
{
    struct btc_hd_node node;
    struct btc_hash160 hash;

    int rc = btc_hd_child(chain, index, &node);
    if (rc == 0)
        rc = btc_hash160(node.key, sizeof(node.key), &hash);
    if (rc == 0)
        rc = btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, sizeof(hash.bytes), ret_script);
    if (rc < 0)
        return btc_fail(err, rc, "the wallet's address %u could not be derived", index);
    return 0;
}
