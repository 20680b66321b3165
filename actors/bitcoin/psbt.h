/*
 * Partially signed transactions (BIP174, version 0; BIP371's fields for taproot by its key): what
 * travels between wallets that sign one transaction together.
 *
 * A PSBT is lists of records, one global, one for each input and output of its unsigned
 * transaction. Records of unknown types are kept and written again. Lists are kept in the order of
 * their keys, so the same contents are written as the same bytes. Everything that comes in is
 * checked at once: shapes, sizes, keys on the curve, no key twice, previous transactions against
 * the outpoints. Whether the amounts and outputs are what somebody wants is for the caller to ask.
 *
 * One PSBT on one thread at a time. It owns all its bytes; spans given out live until it is changed
 * or freed. Holds no secrets.
 */
#ifndef ACTORS_BITCOIN_PSBT_H
#define ACTORS_BITCOIN_PSBT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/origin.h"
#include "actors/bitcoin/sign.h"
#include "actors/bitcoin/tx.h"

#define BTC_PSBT_SIZE_MAX    (16u << 20) /* bytes, serialised: many whole previous transactions */
#define BTC_PSBT_RECORDS_MAX 100000      /* in all lists together */

#define BTC_PSBT_NOT_OURS  1 /* the secret signs nothing in this input */
#define BTC_PSBT_NOT_READY 1 /* signatures are missing */

struct btc_psbt; /* [owned] by who made it: btc_psbt_free() */

enum btc_psbt_side { BTC_PSBT_INPUT, BTC_PSBT_OUTPUT };

/*
 * Creator: a PSBT around a transaction of which scripts and witnesses of inputs are ignored. 0,
 * BTC_ELIMIT, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_psbt_create(const struct btc_tx *tx, struct btc_psbt **ret_psbt, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * Read one, which must fill data[0..size) or the size characters of text exactly. 0; BTC_EFORMAT
 * names the list, the field and the offset; BTC_EINVALID for a previous transaction that is not the
 * one that the input spends; BTC_ELIMIT, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_psbt_parse(const void *data, size_t size, struct btc_psbt **ret_psbt, struct btc_error *err)
    BTC_MUST_CHECK;
int btc_psbt_parse_base64(const char *text, size_t size, struct btc_psbt **ret_psbt,
                          struct btc_error *err) BTC_MUST_CHECK;

void btc_psbt_free(struct btc_psbt *psbt); /* NULL is fine */

/* Serialise. Failures stick in the writer. */
void btc_psbt_write(const struct btc_psbt *psbt, struct btc_writer *w);

/* As base64 with a NUL [owned by the caller: free()]. 0, BTC_ELIMIT, BTC_ENOMEM. */
int btc_psbt_to_base64(const struct btc_psbt *psbt, char **ret_text) BTC_MUST_CHECK;

/* The unsigned transaction [borrowed]. Its counts are those of the lists. */
const struct btc_tx *btc_psbt_tx(const struct btc_psbt *psbt);

/* The coin that an input spends. 0, BTC_ENOTFOUND when the PSBT does not say. */
int btc_psbt_coin(const struct btc_psbt *psbt, size_t index, struct btc_tx_out *ret_coin)
    BTC_MUST_CHECK;

/* Inputs minus outputs in satoshi. 0; BTC_ENOTFOUND when a coin is not known; BTC_EINVALID when
 * amounts are none or outputs exceed inputs. */
int btc_psbt_fee(const struct btc_psbt *psbt, int64_t *ret_fee, struct btc_error *err)
    BTC_MUST_CHECK;

bool btc_psbt_is_final(const struct btc_psbt *psbt, size_t index);

/* How many signatures an input holds (partial ones and taproot's). */
size_t btc_psbt_signature_count(const struct btc_psbt *psbt, size_t index);

/*
 * A key of which an input or output says where it comes from, the `number`th of those from 0 on. 0,
 * BTC_ENOTFOUND behind the last.
 */
struct btc_psbt_key {
    struct btc_span key; /* 33 or 65 bytes; taproot's: 32 */
    bool is_taproot;
    struct btc_key_origin origin;
};
int btc_psbt_key(const struct btc_psbt *psbt, enum btc_psbt_side side, size_t index, size_t number,
                 struct btc_psbt_key *ret_key) BTC_MUST_CHECK;

/*
 * Updater. Each replaces what the list had under that key, but for coins: another one than is known
 * is BTC_EINVALID. 0; BTC_EUSAGE for an index beyond the
 * lists or a value of a wrong shape; BTC_EINVALID for a previous transaction of another txid or
 * without that output; BTC_ELIMIT, BTC_ENOMEM, BTC_ECRYPTO. The bytes given are copied.
 */
int btc_psbt_set_witness_utxo(struct btc_psbt *psbt, size_t index, const struct btc_tx_out *coin,
                              struct btc_error *err) BTC_MUST_CHECK;
int btc_psbt_set_prev_tx(struct btc_psbt *psbt, size_t index, struct btc_span raw_tx,
                         struct btc_error *err) BTC_MUST_CHECK;
int btc_psbt_set_sighash(struct btc_psbt *psbt, size_t index, uint32_t hash_type,
                         struct btc_error *err) BTC_MUST_CHECK;
int btc_psbt_set_redeem_script(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                               struct btc_span script, struct btc_error *err) BTC_MUST_CHECK;
int btc_psbt_set_witness_script(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                                struct btc_span script, struct btc_error *err) BTC_MUST_CHECK;
int btc_psbt_add_key(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                     struct btc_span key, const struct btc_key_origin *origin,
                     struct btc_error *err) BTC_MUST_CHECK;

/* Taproot by its key: sets the internal key (x only, 32 bytes) and where it comes from. */
int btc_psbt_set_internal_key(struct btc_psbt *psbt, enum btc_psbt_side side, size_t index,
                              const uint8_t key[BTC_XONLY_SIZE],
                              const struct btc_key_origin *origin, struct btc_error *err)
    BTC_MUST_CHECK;

/* A signature made elsewhere: by key with hash type; for taproot 64 or 65 bytes. Not verified until
 * it is finalised. */
int btc_psbt_add_signature(struct btc_psbt *psbt, size_t index, struct btc_span key,
                           struct btc_span signature, struct btc_error *err) BTC_MUST_CHECK;
int btc_psbt_set_tap_signature(struct btc_psbt *psbt, size_t index, struct btc_span signature,
                               struct btc_error *err) BTC_MUST_CHECK;

/*
 * Signer: sign what the secret signs in input `index`: the templates of sign.h, and CHECKMULTISIG
 * in P2SH, P2WSH, or P2WSH within P2SH. hash_type 0 means ALL (taproot: default), and is what the
 * input must say if it says any. 0; BTC_PSBT_NOT_OURS also for an input that is final; BTC_EINVALID
 * for an input that BIP174 tells signers not to sign (scripts that do not match, no whole previous
 * transaction for a coin without segwit, another hash type asked for); BTC_ENOTFOUND when the coin
 * (for taproot: any coin) is not known; BTC_EUSAGE, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_psbt_sign(struct btc_psbt *psbt, size_t index, const uint8_t secret[BTC_SECRET_SIZE],
                  uint32_t hash_type, struct btc_error *err) BTC_MUST_CHECK;

/* Combiner: take over every record that `into` has not. 0; BTC_EINVALID when they are of different
 * transactions; BTC_ELIMIT, BTC_ENOMEM, BTC_ECRYPTO. */
int btc_psbt_combine(struct btc_psbt *into, const struct btc_psbt *from, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * Finaliser of one input: verify its signatures, make script and witness of them, and drop what
 * those replace. 0, also when it was final; BTC_PSBT_NOT_READY with what is missing in err (nothing
 * is changed); BTC_EINVALID for a signature that does not verify; else as btc_psbt_sign().
 */
int btc_psbt_finalise(struct btc_psbt *psbt, size_t index, struct btc_error *err) BTC_MUST_CHECK;

/* Extractor: append the network's serialisation of the signed transaction. 0; BTC_PSBT_NOT_READY
 * when an input is not final. Failures of the writer stick in it and are given back. */
int btc_psbt_extract(const struct btc_psbt *psbt, struct btc_writer *w, struct btc_error *err)
    BTC_MUST_CHECK;

#endif
