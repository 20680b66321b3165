/*
 * Signatures as the network sees them: the hashes that they sign, whether they verify, and whether
 * an input may spend its coin by one of the templates.
 *
 * sighash.c computes the hashes (legacy, BIP143, BIP341), ecdsa.c reads and verifies single
 * signatures, verify.c checks an input, sigops.c counts. Curve arithmetic is libsecp256k1's, on its
 * static verification context: nothing to set up, any thread.
 *
 * The rules here are the network's (consensus), not those that a node adds for what it relays.
 */
#ifndef ACTORS_BITCOIN_SIG_H
#define ACTORS_BITCOIN_SIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/tx.h"

enum btc_sighash_type {
    BTC_SIGHASH_DEFAULT = 0, /* BIP341 only: as ALL, and not written behind the signature */
    BTC_SIGHASH_ALL = 1,
    BTC_SIGHASH_NONE = 2,
    BTC_SIGHASH_SINGLE = 3,
    BTC_SIGHASH_ANYONECANPAY = 0x80,
};

/*
 * The hash a legacy (pre-segwit) signature signs, for input `index` with script_code in its place:
 * the coin's script, or the redeem script of P2SH. All 32 bits of hash_type are hashed; SINGLE
 * without a matching output gives the number one, as the network does; OP_CODESEPARATORs are left
 * out. FindAndDelete is not done: no signature that verifies can be an element of a template's
 * script. 0, BTC_EUSAGE when there is no such input, BTC_ENOMEM, BTC_ECRYPTO.
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
 * satoshi; script_code of P2WPKH is the P2PKH script of the same hash, of P2WSH the witness script.
 * Errors as above.
 */
int btc_sighash_bip143(const struct btc_tx *tx, const struct btc_bip143 *parts, size_t index,
                       struct btc_span script_code, int64_t amount, uint32_t hash_type,
                       struct btc_hash *ret_hash) BTC_MUST_CHECK;

/* The same for BIP341, whose hashes are single SHA-256 and cover every coin that is spent. */
struct btc_bip341 {
    struct btc_hash prevouts;
    struct btc_hash amounts;
    struct btc_hash scripts;
    struct btc_hash sequences;
    struct btc_hash outputs;
};

/*
 * A transaction together with all coins that it spends: what signing and checking its inputs needs,
 * computed once. Read only after btc_spending_prepare(), so threads may share one. Witnesses and
 * input scripts may still change (signing), all else of the transaction and the coins may not.
 */
struct btc_spending {
    const struct btc_tx *tx; /* [borrowed] */
    const struct btc_tx_out
        *coins; /* [borrowed] tx->in_count of them, in the order of the inputs */
    struct btc_bip143 bip143;
    struct btc_bip341 bip341;
    bool taproot; /* some coin is P2TR; if none is, bip341 is not filled */
};

/* 0, BTC_ENOMEM, BTC_ECRYPTO. Nothing to free. */
int btc_spending_prepare(const struct btc_tx *tx, const struct btc_tx_out *coins,
                         struct btc_spending *ret_spending) BTC_MUST_CHECK;

/*
 * The hash that a Schnorr signature of a P2TR key path signs (BIP341, extension 0). hash_type is
 * one of DEFAULT, ALL, NONE, SINGLE, the last three also with ANYONECANPAY. `annex` is the annex
 * with its first byte 0x50; size 0: none. 0; BTC_EUSAGE: no such input or no P2TR coin among those
 * of the spending; BTC_EINVALID: another hash type, or SINGLE without a matching output;
 * BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_sighash_bip341(const struct btc_spending *spending, size_t index, uint32_t hash_type,
                       struct btc_span annex, struct btc_hash *ret_hash) BTC_MUST_CHECK;

/*
 * ECDSA over a 32-byte hash. `signature` is DER without the hash type byte; before BIP66 it was
 * parsed laxly, and that is what strict=false does; high S is accepted. False for anything that
 * does not verify, whatever the reason.
 */
bool btc_ecdsa_verify(struct btc_span key, struct btc_span signature, bool strict,
                      const struct btc_hash *hash);

/* BIP340 over a message of any size. `key` is x only. False for anything that does not verify. */
bool btc_schnorr_verify(const uint8_t key[32], const uint8_t signature[64],
                        struct btc_span message);

/* Which rules are in force for the block (or the pool) that the input is in. WITNESS comes with
 * P2SH, TAPROOT with WITNESS. */
enum btc_verify_flags {
    BTC_VERIFY_DER = 1,        /* BIP66: only strict DER */
    BTC_VERIFY_WITNESS = 2,    /* BIP141, BIP143 */
    BTC_VERIFY_P2SH = 4,       /* BIP16 */
    BTC_VERIFY_TAPROOT = 8,    /* BIP341 */
    BTC_VERIFY_NULL_DUMMY = 16 /* BIP147: CHECKMULTISIG's unused element is empty */
};

/* The flags for a block of this height. */
unsigned btc_verify_flags_at(const struct btc_params *params, int32_t height);

#define BTC_OUTSIDE_TEMPLATES 1

/*
 * Check that input `index` may spend its coin, if that is one of
 *   - P2PK, P2PKH, multisig of m of n <= 20 keys: bare, in P2SH, in P2WSH, in P2SH-P2WSH;
 *   - P2WPKH, P2SH-P2WPKH;
 *   - the key path of P2TR.
 * 0: checked, and it may. BTC_EINVALID: no way of reading it may spend the coin (text says why).
 * BTC_OUTSIDE_TEMPLATES: its script, or the way it is spent, is none of these or not in force under
 * `flags`; whether it may spend the coin is not known. BTC_EUSAGE: no such input. BTC_ENOMEM,
 * BTC_ECRYPTO. Lock times, amounts and the like are not looked at.
 */
int btc_verify_input(const struct btc_spending *spending, size_t index, unsigned flags,
                     struct btc_error *err) BTC_MUST_CHECK;

/*
 * The cost of a transaction's signature operations by BIP141: those in its own scripts and in P2SH
 * scripts times four, those of witnesses once. For a coinbase (coins may be NULL) only the first.
 */
size_t btc_tx_sigops_cost(const struct btc_tx *tx, const struct btc_tx_out *coins, unsigned flags);

#endif
