/*
 * Signing inputs: P2PK, P2PKH, P2WPKH, P2WPKH within P2SH, and P2TR by its key. And what such
 * inputs weigh, for who chooses a fee before there are signatures.
 *
 * Pure functions, any thread. ECDSA signatures are deterministic with low R and low S; BIP340 ones
 * take fresh auxiliary randomness.
 */
#ifndef ACTORS_BITCOIN_SIGN_H
#define ACTORS_BITCOIN_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/sig.h"
#include "actors/bitcoin/tx.h"

#define BTC_SIGNATURE_SIZE_MAX       73  /* bytes, with the hash type */
#define BTC_SIGN_SCRIPT_SIG_SIZE_MAX 140 /* bytes: pushes of a signature and an uncompressed key */
#define BTC_SIGN_NOT_OURS            1   /* the secret does not unlock the coin */

struct btc_spending; /* sig.h */

struct btc_sign_options {
    uint32_t hash_type;         /* 0: ALL, and for taproot the default */
    const uint8_t *merkle_root; /* [borrowed] 32 bytes, for taproot with scripts; NULL: none */
    const uint8_t *aux;         /* [borrowed] BTC_SCHNORR_AUX_SIZE bytes; NULL: random */
};

/* What unlocks one input. Holds no secret. */
struct btc_signed {
    enum btc_script_kind kind; /* the coin's; P2SH is P2WPKH within it */
    uint8_t signature[BTC_SIGNATURE_SIZE_MAX];
    size_t signature_size; /* with the hash type byte, where there is one */
    uint8_t key[BTC_KEY_LONG_SIZE];
    size_t key_size;
    uint8_t script_sig[BTC_SIGN_SCRIPT_SIG_SIZE_MAX];
    size_t script_sig_size;
    struct btc_span witness[2]; /* filled by btc_sign_put() */
    size_t witness_count;
};

/*
 * Sign input `index` of spending->tx with the secret of its coin: for taproot the internal key's.
 * options may be NULL. 0; BTC_SIGN_NOT_OURS when the coin is locked to another key or in another
 * way than those five; BTC_EUSAGE for an index, a hash type or a secret that cannot be;
 * BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_sign_input(const struct btc_spending *spending, size_t index,
                   const uint8_t secret[BTC_SECRET_SIZE], const struct btc_sign_options *options,
                   struct btc_signed *ret_signed, struct btc_error *err) BTC_MUST_CHECK;

/* Is it a type of ECDSA signatures: ALL, NONE or SINGLE, with or without ANYONECANPAY? */
bool btc_sighash_is_defined(uint32_t hash_type);

/*
 * One ECDSA signature with its hash type byte, for an input of any script: script_code is what
 * btc_sighash_legacy() or, is_segwit, btc_sighash_bip143() want. 0, BTC_EUSAGE for an index or a
 * hash type that is none, BTC_EINVALID for a secret that is none, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_sign_ecdsa(const struct btc_spending *spending, size_t index, bool is_segwit,
                   struct btc_span script_code, uint32_t hash_type,
                   const uint8_t secret[BTC_SECRET_SIZE],
                   uint8_t ret_signature[BTC_SIGNATURE_SIZE_MAX], size_t *ret_size) BTC_MUST_CHECK;

/* For a signature made elsewhere: the scriptSig out of kind, signature and key. 0, BTC_ENOMEM,
 * BTC_ECRYPTO. */
int btc_sign_assemble(struct btc_signed *it) BTC_MUST_CHECK;

/*
 * Put it into its input: script_sig and witness then look into *it [borrowed], which must stay
 * where it is as long as the transaction is used. btc_tx_seal() the transaction after the last.
 */
void btc_sign_put(struct btc_signed *it, struct btc_tx_in *in);

/*
 * Weights (BIP141), at most what the signed thing will weigh and exactly that when signatures have
 * their full length. A transaction weighs its frame plus its inputs plus its outputs.
 * has_witness: some input of the transaction is P2WPKH, P2SH (P2WPKH within) or P2TR; keys are
 * compressed. btc_weight_of_input() is 0 for a kind that btc_sign_input() cannot sign.
 */
size_t btc_weight_of_frame(size_t in_count, size_t out_count, bool has_witness);
size_t btc_weight_of_input(enum btc_script_kind kind, bool has_witness);
size_t btc_weight_of_output(size_t script_size);

#endif
