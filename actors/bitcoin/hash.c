/* Hashes through libcrypto's EVP interface: see hash.h. */
#include "actors/bitcoin/hash.h"

#include <pthread.h>

#include <openssl/evp.h>

/* An explicit fetch costs microseconds and takes a lock: done once, kept for the process. */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256_md;
static EVP_MD *ripemd160_md;

static void fetch(void)
{
    sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    ripemd160_md = EVP_MD_fetch(NULL, "RIPEMD160", NULL);
}

static int digest(EVP_MD *const *md, const void *data, size_t size, uint8_t *ret_digest)
{
    if (pthread_once(&fetch_once, fetch) != 0 || *md == NULL)
        return BTC_ECRYPTO;
    return EVP_Digest(data, size, ret_digest, NULL, *md, NULL) == 1 ? 0 : BTC_ECRYPTO;
}

/* SHA-256 of several spans as if joined; twice hashes the digest once more. */
static int hash_spans(const struct btc_span *spans, size_t count, bool twice,
                      struct btc_hash *ret_hash)
{
    if (pthread_once(&fetch_once, fetch) != 0 || sha256_md == NULL)
        return BTC_ECRYPTO;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL)
        return BTC_ENOMEM;
    struct btc_hash hash;
    int ok = EVP_DigestInit_ex2(context, sha256_md, NULL);
    for (size_t i = 0; i < count; i++)
        ok = ok && EVP_DigestUpdate(context, spans[i].data, spans[i].size);
    ok = ok && EVP_DigestFinal_ex(context, hash.bytes, NULL);
    if (twice)
        ok = ok && EVP_DigestInit_ex2(context, NULL, NULL) &&
             EVP_DigestUpdate(context, hash.bytes, sizeof(hash.bytes)) &&
             EVP_DigestFinal_ex(context, hash.bytes, NULL);
    EVP_MD_CTX_free(context);
    if (!ok)
        return BTC_ECRYPTO;
    *ret_hash = hash;
    return 0;
}

bool btc_hash_is_zero(const struct btc_hash *hash)
{
    static const struct btc_hash zero;
    return btc_hash_equal(hash, &zero);
}

int btc_sha256(const void *data, size_t size, struct btc_hash *ret_hash)
{
    return digest(&sha256_md, data, size, ret_hash->bytes);
}

int btc_sha256d(const void *data, size_t size, struct btc_hash *ret_hash)
{
    struct btc_span span = {data, size};
    return hash_spans(&span, 1, true, ret_hash);
}

int btc_sha256_spans(const struct btc_span *spans, size_t count, struct btc_hash *ret_hash)
{
    return hash_spans(spans, count, false, ret_hash);
}

int btc_sha256d_spans(const struct btc_span *spans, size_t count, struct btc_hash *ret_hash)
{
    return hash_spans(spans, count, true, ret_hash);
}

int btc_hash160(const void *data, size_t size, struct btc_hash160 *ret_hash)
{
    struct btc_hash inner;
    int rc = btc_sha256(data, size, &inner);
    if (rc != 0)
        return rc;
    return digest(&ripemd160_md, inner.bytes, sizeof(inner.bytes), ret_hash->bytes);
}

int btc_tagged_hash(const char *tag, const void *data, size_t size, struct btc_hash *ret_hash)
{
    struct btc_hash prefix;
    int rc = btc_sha256(tag, strlen(tag), &prefix);
    if (rc != 0)
        return rc;
    struct btc_span spans[] = {
        {prefix.bytes, BTC_HASH_SIZE}, {prefix.bytes, BTC_HASH_SIZE}, {data, size}};
    return hash_spans(spans, 3, false, ret_hash);
}

void btc_hash_to_hex(const struct btc_hash *hash, char ret_text[BTC_HASH_HEX_SIZE])
{
    uint8_t reversed[BTC_HASH_SIZE];
    for (size_t i = 0; i < BTC_HASH_SIZE; i++)
        reversed[i] = hash->bytes[BTC_HASH_SIZE - 1 - i];
    btc_hex_encode(reversed, sizeof(reversed), ret_text);
}

int btc_hash_from_hex(const char *text, struct btc_hash *ret_hash)
{
    uint8_t reversed[BTC_HASH_SIZE];
    int rc = btc_hex_decode(text, sizeof(reversed), reversed);
    for (size_t i = 0; rc == 0 && i < BTC_HASH_SIZE; i++)
        ret_hash->bytes[i] = reversed[BTC_HASH_SIZE - 1 - i];
    return rc;
}
