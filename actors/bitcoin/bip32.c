/*
 * Key derivation. Public arithmetic needs no more than libsecp256k1's static context; what turns a
 * secret into a public key is in curve.c.
 */
#include "actors/bitcoin/bip32.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <secp256k1.h>

#include "actors/bitcoin/base58.h"
#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/hash.h"

enum { HMAC_SIZE = 64, TEXT_DATA_SIZE = 78 };

static void store_be32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t load_be32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static int hmac_sha512(const void *key, size_t key_size, const uint8_t *data, size_t size,
                       uint8_t ret_hmac[HMAC_SIZE])
{
    unsigned hmac_size = HMAC_SIZE;
    return HMAC(EVP_sha512(), key, (int)key_size, data, size, ret_hmac, &hmac_size) ? 0
                                                                                    : BTC_ECRYPTO;
}

static int serialize_key(const secp256k1_pubkey *point, uint8_t ret_key[BTC_KEY_SIZE])
{
    size_t size = BTC_KEY_SIZE;
    return secp256k1_ec_pubkey_serialize(secp256k1_context_static, ret_key, &size, point,
                                         SECP256K1_EC_COMPRESSED)
               ? 0
               : BTC_ECRYPTO;
}

int btc_hd_root(const uint8_t *seed, size_t size, struct btc_hd_node *ret_node)
{
    static const char salt[] = "Bitcoin seed";
    uint8_t hmac[HMAC_SIZE];
    struct btc_hd_node node = {.is_private = true};

    if (size < BTC_HD_SEED_SIZE_MIN || size > BTC_HD_SEED_SIZE_MAX)
        return BTC_EUSAGE;
    int rc = hmac_sha512(salt, sizeof(salt) - 1, seed, size, hmac);
    if (rc == 0) {
        memcpy(node.secret, hmac, BTC_SECRET_SIZE);
        memcpy(node.chain_code, hmac + BTC_SECRET_SIZE, sizeof(node.chain_code));
        rc = btc_key_of_secret(node.secret, node.key);
    }
    if (rc == 0)
        *ret_node = node;
    OPENSSL_cleanse(hmac, sizeof(hmac));
    btc_hd_wipe(&node);
    return rc;
}

/* child->key = parent's key + tweak * G. */
static int tweak_key(const struct btc_hd_node *parent, const uint8_t *tweak,
                     struct btc_hd_node *child)
{
    secp256k1_pubkey point;
    if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, parent->key, BTC_KEY_SIZE))
        return BTC_EINVALID;
    if (!secp256k1_ec_pubkey_tweak_add(secp256k1_context_static, &point, tweak))
        return BTC_EINVALID;
    return serialize_key(&point, child->key);
}

/* child->secret = parent's secret + tweak, and the key for it. */
static int tweak_secret(const struct btc_hd_node *parent, const uint8_t *tweak,
                        struct btc_hd_node *child)
{
    memcpy(child->secret, parent->secret, BTC_SECRET_SIZE);
    if (!secp256k1_ec_seckey_tweak_add(secp256k1_context_static, child->secret, tweak))
        return BTC_EINVALID;
    return btc_key_of_secret(child->secret, child->key);
}

int btc_hd_child(const struct btc_hd_node *parent, uint32_t index, struct btc_hd_node *ret_node)
{
    bool is_hardened = (index & BTC_HD_HARDENED) != 0;
    uint8_t data[BTC_KEY_SIZE + 4] = {0};
    uint8_t hmac[HMAC_SIZE];
    struct btc_hash160 id;
    struct btc_hd_node child = {.is_private = parent->is_private, .index = index};

    if (parent->depth == UINT8_MAX || (is_hardened && !parent->is_private))
        return BTC_EUSAGE;
    child.depth = (uint8_t)(parent->depth + 1);
    int rc = btc_hash160(parent->key, BTC_KEY_SIZE, &id);
    if (rc < 0)
        return rc;
    memcpy(child.parent_fingerprint, id.bytes, sizeof(child.parent_fingerprint));

    if (is_hardened)
        memcpy(data + 1, parent->secret, BTC_SECRET_SIZE);
    else
        memcpy(data, parent->key, BTC_KEY_SIZE);
    store_be32(data + BTC_KEY_SIZE, index);
    rc = hmac_sha512(parent->chain_code, sizeof(parent->chain_code), data, sizeof(data), hmac);
    if (rc == 0) {
        memcpy(child.chain_code, hmac + BTC_SECRET_SIZE, sizeof(child.chain_code));
        rc = parent->is_private ? tweak_secret(parent, hmac, &child)
                                : tweak_key(parent, hmac, &child);
    }
    if (rc == 0)
        *ret_node = child;
    OPENSSL_cleanse(data, sizeof(data));
    OPENSSL_cleanse(hmac, sizeof(hmac));
    btc_hd_wipe(&child);
    return rc;
}

int btc_hd_derive(const struct btc_hd_node *node, const uint32_t *path, size_t count,
                  struct btc_hd_node *ret_node)
{
    struct btc_hd_node at = *node;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = btc_hd_child(&at, path[i], &at);
    if (rc == 0)
        *ret_node = at;
    btc_hd_wipe(&at);
    return rc;
}

struct btc_hd_node btc_hd_public(const struct btc_hd_node *node)
{
    struct btc_hd_node public = *node;
    public.is_private = false;
    OPENSSL_cleanse(public.secret, sizeof(public.secret));
    return public;
}

int btc_hd_encode(const struct btc_hd_node *node, uint32_t version, bool as_private,
                  char ret_text[BTC_HD_TEXT_SIZE])
{
    uint8_t data[TEXT_DATA_SIZE] = {0};

    if (as_private && !node->is_private)
        return BTC_EUSAGE;
    store_be32(data, version);
    data[4] = node->depth;
    memcpy(data + 5, node->parent_fingerprint, 4);
    store_be32(data + 9, node->index);
    memcpy(data + 13, node->chain_code, 32);
    if (as_private)
        memcpy(data + 46, node->secret, BTC_SECRET_SIZE);
    else
        memcpy(data + 45, node->key, BTC_KEY_SIZE);
    int rc = btc_base58check_encode(data, sizeof(data), ret_text, BTC_HD_TEXT_SIZE);
    OPENSSL_cleanse(data, sizeof(data));
    return rc;
}

/* Take the 33 bytes of key material into a node of which is_private is set. */
static int read_key(const uint8_t *data, struct btc_hd_node *node, struct btc_error *err)
{
    secp256k1_pubkey point;

    if (!node->is_private) {
        memcpy(node->key, data, BTC_KEY_SIZE);
        if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, data, BTC_KEY_SIZE))
            return btc_fail(err, BTC_EFORMAT, "extended key: not a public key on the curve");
        return 0;
    }
    if (data[0] != 0)
        return btc_fail(err, BTC_EFORMAT,
                        "extended key: its version is that of a private key, "
                        "what it holds is not");
    memcpy(node->secret, data + 1, BTC_SECRET_SIZE);
    int rc = btc_key_of_secret(node->secret, node->key);
    if (rc == BTC_EINVALID)
        return btc_fail(err, BTC_EFORMAT, "extended key: the private key is out of range");
    return rc < 0 ? btc_fail(err, rc, "extended key: its public key could not be computed") : 0;
}

int btc_hd_decode(const char *text, uint32_t public_version, uint32_t private_version,
                  struct btc_hd_node *ret_node, struct btc_error *err)
{
    static const uint8_t none[4];
    uint8_t data[TEXT_DATA_SIZE];
    struct btc_hd_node node = {0};
    size_t size = 0;

    int rc = btc_base58check_decode(text, data, sizeof(data), &size, err);
    if (rc < 0)
        return btc_fail_within(err, rc, "extended key: ");
    if (size != sizeof(data)) {
        rc = btc_fail(err, BTC_EFORMAT, "extended key: %zu bytes instead of %zu", size,
                      sizeof(data));
        goto out;
    }
    uint32_t version = load_be32(data);
    if (version != public_version && version != private_version) {
        rc = btc_fail(err, BTC_ENETWORK, "extended key: version %08x is none of %08x, %08x",
                      version, public_version, private_version);
        goto out;
    }
    node.is_private = version == private_version;
    node.depth = data[4];
    memcpy(node.parent_fingerprint, data + 5, 4);
    node.index = load_be32(data + 9);
    memcpy(node.chain_code, data + 13, 32);
    if (node.depth == 0 && (node.index != 0 || memcmp(node.parent_fingerprint, none, 4) != 0)) {
        rc = btc_fail(err, BTC_EFORMAT, "extended key: a root can have no parent and no index");
        goto out;
    }
    rc = read_key(data + 45, &node, err);
    if (rc == 0)
        *ret_node = node;
out:
    OPENSSL_cleanse(data, sizeof(data));
    btc_hd_wipe(&node);
    return rc;
}

void btc_hd_wipe(struct btc_hd_node *node)
{
    btc_wipe(node, sizeof(*node));
}

void btc_wipe(void *secret, size_t size)
{
    OPENSSL_cleanse(secret, size);
}

bool btc_key_is_valid(const void *key, size_t size)
{
    secp256k1_pubkey point;
    return secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, key, size) == 1;
}
