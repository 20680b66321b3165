/* Entropy and the first bits of its SHA-256, cut into groups of eleven bits: one word each. */
#include "actors/bitcoin/bip39.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "actors/bitcoin/hash.h"

enum { BITS_PER_WORD = 11, ROUNDS = 2048, ENTROPY_SIZE_MIN = 16 };

/* Bit `i` of the entropy with its checksum behind it. */
struct bits {
    uint8_t bytes[BTC_BIP39_ENTROPY_SIZE_MAX + 1];
};

/* One bit of checksum for 32 of entropy: at most a byte. */
static int add_checksum(struct bits *bits, size_t entropy_size)
{
    struct btc_hash hash;
    int rc = btc_sha256(bits->bytes, entropy_size, &hash);
    if (rc == 0)
        bits->bytes[entropy_size] = (uint8_t)(hash.bytes[0] & 0xff << (8 - entropy_size / 4));
    OPENSSL_cleanse(&hash, sizeof(hash));
    return rc;
}

static unsigned get_word(const struct bits *bits, size_t at)
{
    unsigned value = 0;
    for (size_t i = at * BITS_PER_WORD; i < (at + 1) * BITS_PER_WORD; i++)
        value = value << 1 | (bits->bytes[i / 8] >> (7 - i % 8) & 1);
    return value;
}

static void set_word(struct bits *bits, size_t at, unsigned value)
{
    for (size_t i = 0; i < BITS_PER_WORD; i++) {
        size_t bit = at * BITS_PER_WORD + i;
        unsigned is_set = value >> (BITS_PER_WORD - 1 - i) & 1;
        bits->bytes[bit / 8] |= (uint8_t)(is_set << (7 - bit % 8));
    }
}

int btc_bip39_encode(const uint8_t *entropy, size_t size,
                     char ret_sentence[BTC_BIP39_SENTENCE_SIZE])
{
    struct bits bits = {0};

    if (size < ENTROPY_SIZE_MIN || size > BTC_BIP39_ENTROPY_SIZE_MAX || size % 4 != 0)
        return BTC_EUSAGE;
    memcpy(bits.bytes, entropy, size);
    int rc = add_checksum(&bits, size);
    if (rc == 0) {
        char *end = ret_sentence;
        for (size_t i = 0; i < size / 4 * 3; i++) {
            if (i > 0)
                *end++ = ' ';
            end = stpcpy(end, btc_bip39_list[get_word(&bits, i)]);
        }
    }
    OPENSSL_cleanse(&bits, sizeof(bits));
    return rc;
}

static int compare_words(const void *word, const void *entry)
{
    return strcmp(word, *(const char *const *)entry);
}

/* The place in the list of the word of `size` letters at `letters`, or -1. */
static int find_word(const char *letters, size_t size)
{
    char word[BTC_BIP39_WORD_SIZE_MAX + 1];
    if (size > BTC_BIP39_WORD_SIZE_MAX)
        return -1;
    memcpy(word, letters, size);
    word[size] = '\0';
    const char *const *found = bsearch(word, btc_bip39_list, BTC_BIP39_LIST_COUNT,
                                       sizeof(btc_bip39_list[0]), compare_words);
    OPENSSL_cleanse(word, sizeof(word));
    return found ? (int)(found - btc_bip39_list) : -1;
}

static int read_words(const char *sentence, struct bits *ret_bits, size_t *ret_count,
                      struct btc_error *err)
{
    size_t count = 0;

    for (const char *word = sentence + strspn(sentence, " "); *word != '\0';) {
        size_t size = strcspn(word, " ");
        if (count == BTC_BIP39_WORDS_MAX)
            return btc_fail(err, BTC_EFORMAT, "more than %d words", BTC_BIP39_WORDS_MAX);
        int value = find_word(word, size);
        if (value < 0)
            return btc_fail(err, BTC_EFORMAT,
                            "word %zu is none of BIP39's English list (in lower case)", count + 1);
        set_word(ret_bits, count++, (unsigned)value);
        word += size;
        word += strspn(word, " ");
    }
    *ret_count = count;
    return 0;
}

int btc_bip39_decode(const char *sentence, uint8_t ret_entropy[BTC_BIP39_ENTROPY_SIZE_MAX],
                     size_t *ret_size, struct btc_error *err)
{
    struct bits bits = {0};
    size_t count = 0;

    int rc = read_words(sentence, &bits, &count, err);
    if (rc < 0)
        goto out;
    if (count < 12 || count % 3 != 0) {
        rc = btc_fail(err, BTC_EFORMAT, "%zu words; there must be 12, 15, 18, 21 or 24", count);
        goto out;
    }
    size_t size = count / 3 * 4;
    uint8_t found = bits.bytes[size];
    rc = add_checksum(&bits, size);
    if (rc < 0) {
        rc = btc_fail(err, rc, "the checksum of the words could not be computed");
    } else if (bits.bytes[size] != found) {
        rc = btc_fail(err, BTC_EFORMAT,
                      "the words' checksum does not match: one is wrong or out of place");
    } else {
        memcpy(ret_entropy, bits.bytes, size);
        *ret_size = size;
    }
out:
    OPENSSL_cleanse(&bits, sizeof(bits));
    return rc;
}

int btc_bip39_seed(const char *sentence, const char *passphrase,
                   uint8_t ret_seed[BTC_BIP39_SEED_SIZE])
{
    static const char prefix[] = "mnemonic";
    size_t passphrase_size = strlen(passphrase);
    size_t salt_size = sizeof(prefix) - 1 + passphrase_size;
    size_t sentence_size = strlen(sentence);

    if (sentence_size > INT32_MAX || passphrase_size > INT32_MAX - sizeof(prefix))
        return BTC_ECRYPTO;
    uint8_t *salt = OPENSSL_malloc(salt_size);
    if (!salt)
        return BTC_ENOMEM;
    memcpy(salt, prefix, sizeof(prefix) - 1);
    memcpy(salt + sizeof(prefix) - 1, passphrase, passphrase_size);
    uint8_t seed[BTC_BIP39_SEED_SIZE];
    int ok = PKCS5_PBKDF2_HMAC(sentence, (int)sentence_size, salt, (int)salt_size, ROUNDS,
                               EVP_sha512(), sizeof(seed), seed);
    if (ok)
        memcpy(ret_seed, seed, sizeof(seed));
    OPENSSL_cleanse(seed, sizeof(seed));
    OPENSSL_clear_free(salt, salt_size);
    return ok ? 0 : BTC_ECRYPTO;
}
