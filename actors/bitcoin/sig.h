/*
 * Signature hashes, and the check of one input's signature for the templates P2PK, P2PKH and
 * P2WPKH.
 *
 * Curve arithmetic is libsecp256k1's, on its static verification context: nothing to set up, any
 * thread.
 */
#ifndef ACTORS_BITCOIN_SIG_H
#define ACTORS_BITCOIN_SIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/tx.h"

enum btc_sighash_type {
    BTC_SIGHASH_ALL = 1,
    BTC_SIGHASH_NONE = 2,
    BTC_SIGHASH_SINGLE = 3,
    BTC_SIGHASH_ANYONECANPAY = 0x80,
};

/*
 * The hash a legacy (pre-segwit) signature signs, for input `index` with script_code in its place.
 * All 32 bits of hash_type are hashed; SINGLE without a matching output gives the number one, as
 * the network does; OP_CODESEPARATORs are left out. script_code must not hold the signature itself:
 * FindAndDelete is not done, since in P2PK and P2PKH that cannot occur. 0, BTC_EUSAGE when there is
 * no such input, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_sighash_legacy(const struct btc_tx *tx, size_t index, struct btc_span script_code,
                       uint32_t hash_type, struct btc_hash *ret_hash) BTC_MUST_CHECK;

/* The parts of a BIP143 hash that are the same for all inputs of a transaction: computed once, they
 * keep it linear. */
struct btc_bip143 {
    struct btc_hash prevouts;
    struct btc_hash sequences;
    struct btc_hash outputs;
};

int btc_bip143_prepare(const struct btc_tx *tx, struct btc_bip143 *ret_parts) BTC_MUST_CHECK;

/*
 * The hash that a version 0 witness signature signs (BIP143). `amount` is the spent coin's, in
 * satoshi; script_code of P2WPKH is the P2PKH script of the same hash. Errors as above.
 */
int btc_sighash_bip143(const struct btc_tx *tx, const struct btc_bip143 *parts, size_t index,
                       struct btc_span script_code, int64_t amount, uint32_t hash_type,
                       struct btc_hash *ret_hash) BTC_MUST_CHECK;

/* Which rules are in force for the block (or the pool) that the input is in. */
enum btc_verify_flags {
    BTC_VERIFY_DER = 1,     /* BIP66: only strict DER */
    BTC_VERIFY_WITNESS = 2, /* BIP141, BIP143 */
};

#define BTC_OUTSIDE_TEMPLATES 1

/*
 * Check that input `index` may spend the coin `spent`.
 * 0: checked, and it may. BTC_OUTSIDE_TEMPLATES: its script or the way it is spent is none of the
 * three templates; nothing was checked. BTC_EINVALID: the signature, key or layout is wrong (text
 * says which). BTC_ENOMEM, BTC_ECRYPTO. `parts` is needed for P2WPKH and may be NULL: then it is
 * computed for this call.
 */
int btc_verify_input(const struct btc_tx *tx, size_t index, const struct btc_tx_out *spent,
                     const struct btc_bip143 *parts, unsigned flags, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * ECDSA over a 32-byte hash. `signature` is DER without the hash type byte; before BIP66 it was
 * parsed laxly, and that is what strict=false does; high S is accepted. False for anything that
 * does not verify, whatever the reason.
 */
bool btc_ecdsa_verify(struct btc_span key, struct btc_span signature, bool strict,
                      const struct btc_hash *hash);

#endif
