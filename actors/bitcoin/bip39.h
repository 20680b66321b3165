/*
 * BIP39: a wallet's entropy as words that a person can write down, and the seed made of them.
 *
 * Pure functions, any thread. Everything here is secret: the functions wipe their working memory,
 * the caller wipes what it was given (OPENSSL_cleanse).
 */
#ifndef ACTORS_BITCOIN_BIP39_H
#define ACTORS_BITCOIN_BIP39_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

#define BTC_BIP39_LIST_COUNT       2048
#define BTC_BIP39_WORD_SIZE_MAX    8  /* letters of the longest word */
#define BTC_BIP39_WORDS_MAX        24 /* words of the longest sentence */
#define BTC_BIP39_ENTROPY_SIZE_MAX 32
#define BTC_BIP39_SENTENCE_SIZE    (BTC_BIP39_WORDS_MAX * (BTC_BIP39_WORD_SIZE_MAX + 1))
#define BTC_BIP39_SEED_SIZE        64

/* The English list, in alphabetical order. */
extern const char *const btc_bip39_list[BTC_BIP39_LIST_COUNT];

/*
 * The sentence of 12, 15, 18, 21 or 24 words for 16, 20, 24, 28 or 32 bytes of entropy. 0,
 * BTC_EUSAGE for another size, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_bip39_encode(const uint8_t *entropy, size_t size,
                     char ret_sentence[BTC_BIP39_SENTENCE_SIZE]) BTC_MUST_CHECK;

/*
 * The entropy of a sentence; words in lower case, between them one or more spaces. 0, or
 * BTC_EFORMAT with what is wrong: how many words, which one is none of the list (by its place, not
 * spelled out: it is secret), or the checksum in the last word.
 */
int btc_bip39_decode(const char *sentence, uint8_t ret_entropy[BTC_BIP39_ENTROPY_SIZE_MAX],
                     size_t *ret_size, struct btc_error *err) BTC_MUST_CHECK;

/*
 * The seed for BIP32: 2,048 rounds of PBKDF2 with HMAC-SHA512 (about 1 ms). The sentence is hashed
 * as it is, so it should come from btc_bip39_encode(). A passphrase that is not ASCII must be in
 * Unicode's NFKD form already; "" for none. 0, BTC_ECRYPTO.
 */
int btc_bip39_seed(const char *sentence, const char *passphrase,
                   uint8_t ret_seed[BTC_BIP39_SEED_SIZE]) BTC_MUST_CHECK;

#endif
