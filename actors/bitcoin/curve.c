/* Secrets on the curve: see curve.h. */
#include "actors/bitcoin/curve.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_recovery.h>
#include <secp256k1_schnorrsig.h>

enum { COMPACT_SIZE = 64, EXTRA_SIZE = 32 };

/* A blinded context for one call; secp256k1_context_destroy() it. 0, BTC_ENOMEM, BTC_ECRYPTO. */
static int make_context(secp256k1_context **ret_context)
{
    uint8_t blinding[32];
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (context == NULL)
        return BTC_ENOMEM;
    bool ok = RAND_priv_bytes(blinding, sizeof(blinding)) == 1 &&
              secp256k1_context_randomize(context, blinding);
    OPENSSL_cleanse(blinding, sizeof(blinding));
    if (!ok) {
        secp256k1_context_destroy(context);
        return BTC_ECRYPTO;
    }
    *ret_context = context;
    return 0;
}

static int serialize(const secp256k1_pubkey *point, unsigned form, uint8_t *ret_key)
{
    size_t size = form == SECP256K1_EC_COMPRESSED ? BTC_KEY_SIZE : BTC_KEY_LONG_SIZE;
    return secp256k1_ec_pubkey_serialize(secp256k1_context_static, ret_key, &size, point, form)
               ? 0
               : BTC_ECRYPTO;
}

int btc_key_of_secret(const uint8_t secret[BTC_SECRET_SIZE], uint8_t ret_key[BTC_KEY_SIZE])
{
    secp256k1_context *context;
    secp256k1_pubkey point;
    int rc = make_context(&context);
    if (rc != 0)
        return rc;
    rc = secp256k1_ec_pubkey_create(context, &point, secret)
             ? serialize(&point, SECP256K1_EC_COMPRESSED, ret_key)
             : BTC_EINVALID;
    secp256k1_context_destroy(context);
    return rc;
}

int btc_key_expand(const uint8_t key[BTC_KEY_SIZE], uint8_t ret_key[BTC_KEY_LONG_SIZE])
{
    secp256k1_pubkey point;
    if (!secp256k1_ec_pubkey_parse(secp256k1_context_static, &point, key, BTC_KEY_SIZE))
        return BTC_EFORMAT;
    return serialize(&point, SECP256K1_EC_UNCOMPRESSED, ret_key);
}

static bool has_low_r(const secp256k1_ecdsa_signature *signature)
{
    uint8_t compact[COMPACT_SIZE];
    secp256k1_ecdsa_signature_serialize_compact(secp256k1_context_static, compact, signature);
    return compact[0] < 0x80;
}

static int ecdsa_sign(const secp256k1_context *context, const uint8_t *secret,
                      const struct btc_hash *hash, secp256k1_ecdsa_signature *ret_signature)
{
    uint8_t extra[EXTRA_SIZE] = {0};
    uint32_t tries = 0;
    secp256k1_pubkey point;

    if (!secp256k1_ec_pubkey_create(context, &point, secret))
        return BTC_EINVALID;
    do { /* half of all nonces do: a second round is as likely as not, a hundredth never comes */
        for (int i = 0; i < 4; i++)
            extra[i] = (uint8_t)(tries >> 8 * i);
        if (!secp256k1_ecdsa_sign(context, ret_signature, hash->bytes, secret,
                                  secp256k1_nonce_function_rfc6979, tries > 0 ? extra : NULL))
            return BTC_ECRYPTO;
        tries++;
    } while (!has_low_r(ret_signature));
    return secp256k1_ecdsa_verify(secp256k1_context_static, ret_signature, hash->bytes, &point)
               ? 0
               : BTC_ECRYPTO;
}

int btc_ecdsa_sign(const uint8_t secret[BTC_SECRET_SIZE], const struct btc_hash *hash,
                   uint8_t ret_der[BTC_DER_SIZE_MAX], size_t *ret_size)
{
    secp256k1_context *context;
    secp256k1_ecdsa_signature signature;
    int rc = make_context(&context);
    if (rc != 0)
        return rc;
    rc = ecdsa_sign(context, secret, hash, &signature);
    secp256k1_context_destroy(context);
    if (rc != 0)
        return rc;
    *ret_size = BTC_DER_SIZE_MAX;
    return secp256k1_ecdsa_signature_serialize_der(secp256k1_context_static, ret_der, ret_size,
                                                   &signature)
               ? 0
               : BTC_ECRYPTO;
}

int btc_schnorr_sign(const uint8_t secret[BTC_SECRET_SIZE], const struct btc_hash *hash,
                     const uint8_t aux[BTC_SCHNORR_AUX_SIZE],
                     uint8_t ret_signature[BTC_SCHNORR_SIZE])
{
    secp256k1_context *context;
    secp256k1_keypair pair;
    secp256k1_xonly_pubkey point;
    uint8_t fresh[BTC_SCHNORR_AUX_SIZE];

    if (aux == NULL && RAND_priv_bytes(fresh, sizeof(fresh)) != 1)
        return BTC_ECRYPTO;
    int rc = make_context(&context);
    if (rc != 0)
        goto out;
    if (!secp256k1_keypair_create(context, &pair, secret))
        rc = BTC_EINVALID;
    else if (!secp256k1_keypair_xonly_pub(context, &point, NULL, &pair) ||
             !secp256k1_schnorrsig_sign32(context, ret_signature, hash->bytes, &pair,
                                          aux != NULL ? aux : fresh) ||
             !secp256k1_schnorrsig_verify(context, ret_signature, hash->bytes, BTC_HASH_SIZE,
                                          &point))
        rc = BTC_ECRYPTO;
    secp256k1_context_destroy(context);
out:
    OPENSSL_cleanse(&pair, sizeof(pair));
    OPENSSL_cleanse(fresh, sizeof(fresh));
    return rc;
}

int btc_recoverable_sign(const uint8_t secret[BTC_SECRET_SIZE], const struct btc_hash *hash,
                         uint8_t ret_signature[BTC_RECOVERABLE_SIZE])
{
    secp256k1_context *context;
    secp256k1_ecdsa_recoverable_signature signature;
    int number = 0;
    int rc = make_context(&context);
    if (rc != 0)
        return rc;
    if (!secp256k1_ec_seckey_verify(context, secret))
        rc = BTC_EINVALID;
    else if (!secp256k1_ecdsa_sign_recoverable(context, &signature, hash->bytes, secret, NULL,
                                               NULL) ||
             !secp256k1_ecdsa_recoverable_signature_serialize_compact(context, ret_signature + 1,
                                                                      &number, &signature))
        rc = BTC_ECRYPTO;
    else
        ret_signature[0] = (uint8_t)number;
    secp256k1_context_destroy(context);
    return rc;
}

int btc_recoverable_key(const uint8_t signature[BTC_RECOVERABLE_SIZE], const struct btc_hash *hash,
                        uint8_t ret_key[BTC_KEY_SIZE])
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey point;
    if (signature[0] > 3 || !secp256k1_ecdsa_recoverable_signature_parse_compact(
                                context, &parsed, signature + 1, signature[0]))
        return BTC_EINVALID;
    if (!secp256k1_ecdsa_recover(context, &point, &parsed, hash->bytes))
        return BTC_EINVALID;
    return serialize(&point, SECP256K1_EC_COMPRESSED, ret_key);
}

/* hash_TapTweak of BIP341. */
static int taproot_tweak(const uint8_t *internal, const uint8_t *merkle_root,
                         struct btc_hash *ret_tweak)
{
    uint8_t data[2 * BTC_XONLY_SIZE];
    memcpy(data, internal, BTC_XONLY_SIZE);
    if (merkle_root != NULL)
        memcpy(data + BTC_XONLY_SIZE, merkle_root, BTC_HASH_SIZE);
    return btc_tagged_hash("TapTweak", data,
                           merkle_root != NULL ? sizeof(data) : (size_t)BTC_XONLY_SIZE, ret_tweak);
}

int btc_taproot_output_key(const uint8_t internal[BTC_XONLY_SIZE], const uint8_t *merkle_root,
                           uint8_t ret_output[BTC_XONLY_SIZE])
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_xonly_pubkey point;
    secp256k1_pubkey tweaked;
    struct btc_hash tweak;

    if (!secp256k1_xonly_pubkey_parse(context, &point, internal))
        return BTC_EFORMAT;
    int rc = taproot_tweak(internal, merkle_root, &tweak);
    if (rc != 0)
        return rc;
    if (!secp256k1_xonly_pubkey_tweak_add(context, &tweaked, &point, tweak.bytes) ||
        !secp256k1_xonly_pubkey_from_pubkey(context, &point, NULL, &tweaked) ||
        !secp256k1_xonly_pubkey_serialize(context, ret_output, &point))
        return BTC_ECRYPTO;
    return 0;
}

int btc_taproot_output_secret(const uint8_t secret[BTC_SECRET_SIZE], const uint8_t *merkle_root,
                              uint8_t ret_secret[BTC_SECRET_SIZE])
{
    secp256k1_context *context;
    secp256k1_keypair pair;
    secp256k1_xonly_pubkey point;
    uint8_t internal[BTC_XONLY_SIZE];
    struct btc_hash tweak;

    int rc = make_context(&context);
    if (rc != 0)
        return rc;
    if (!secp256k1_keypair_create(context, &pair, secret))
        rc = BTC_EINVALID;
    else if (!secp256k1_keypair_xonly_pub(context, &point, NULL, &pair) ||
             !secp256k1_xonly_pubkey_serialize(context, internal, &point))
        rc = BTC_ECRYPTO;
    if (rc == 0)
        rc = taproot_tweak(internal, merkle_root, &tweak);
    if (rc == 0 && (!secp256k1_keypair_xonly_tweak_add(context, &pair, tweak.bytes) ||
                    !secp256k1_keypair_sec(context, ret_secret, &pair)))
        rc = BTC_ECRYPTO;
    secp256k1_context_destroy(context);
    OPENSSL_cleanse(&pair, sizeof(pair));
    return rc;
}

int btc_taproot_script(const uint8_t key[BTC_KEY_SIZE], struct btc_script *ret_script)
{
    uint8_t output[BTC_XONLY_SIZE];
    int rc = btc_taproot_output_key(key + 1, NULL, output);
    return rc == 0 ? btc_script_build(BTC_SCRIPT_P2TR, output, sizeof(output), ret_script) : rc;
}
