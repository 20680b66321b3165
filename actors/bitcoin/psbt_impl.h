/*
 * Private to psbt*.c: the lists of records behind a PSBT, and the types of their keys.
 *
 * psbt.c holds the lists, reads and writes them; psbt_fields.c knows what each type of record must
 * look like; psbt_update.c is the updater, psbt_sign.c the signer, psbt_final.c the combiner,
 * finaliser and extractor.
 */
#ifndef ACTORS_BITCOIN_PSBT_IMPL_H
#define ACTORS_BITCOIN_PSBT_IMPL_H

#include "actors/bitcoin/psbt.h"

enum { /* BIP174's "global types" and so on: those that mean something here */
       PSBT_GLOBAL_TX = 0x00,
       PSBT_GLOBAL_XPUB = 0x01,
       PSBT_GLOBAL_VERSION = 0xfb,

       PSBT_IN_PREV_TX = 0x00,
       PSBT_IN_WITNESS_UTXO = 0x01,
       PSBT_IN_PARTIAL_SIG = 0x02,
       PSBT_IN_SIGHASH = 0x03,
       PSBT_IN_REDEEM_SCRIPT = 0x04,
       PSBT_IN_WITNESS_SCRIPT = 0x05,
       PSBT_IN_DERIVATION = 0x06,
       PSBT_IN_FINAL_SCRIPT_SIG = 0x07,
       PSBT_IN_FINAL_WITNESS = 0x08,
       PSBT_IN_RIPEMD160 = 0x0a,
       PSBT_IN_SHA256 = 0x0b,
       PSBT_IN_HASH160 = 0x0c,
       PSBT_IN_HASH256 = 0x0d,
       PSBT_IN_TAP_KEY_SIG = 0x13, /* BIP371, to the end */
       PSBT_IN_TAP_SCRIPT_SIG = 0x14,
       PSBT_IN_TAP_LEAF = 0x15,
       PSBT_IN_TAP_DERIVATION = 0x16,
       PSBT_IN_TAP_INTERNAL_KEY = 0x17,
       PSBT_IN_TAP_MERKLE_ROOT = 0x18,

       PSBT_OUT_REDEEM_SCRIPT = 0x00,
       PSBT_OUT_WITNESS_SCRIPT = 0x01,
       PSBT_OUT_DERIVATION = 0x02,
       PSBT_OUT_TAP_INTERNAL_KEY = 0x05,
       PSBT_OUT_TAP_TREE = 0x06,
       PSBT_OUT_TAP_DERIVATION = 0x07,
};

enum psbt_kind { PSBT_GLOBAL, PSBT_IN, PSBT_OUT };

struct psbt_record {
    struct btc_span key; /* with its type in front */
    struct btc_span value;
    void *own; /* [owned] the bytes of both; NULL: they lie in the text that was parsed */
};

/* Ordered by key, each key once. */
struct psbt_list {
    struct psbt_record *records; /* [owned] */
    size_t count;
    size_t capacity;
};

struct psbt_coin {
    bool is_known;
    bool is_whole; /* known from the whole previous transaction */
};

struct btc_psbt {
    uint8_t *text;    /* [owned] the copy of what was parsed */
    struct btc_tx tx; /* looks into text */
    struct psbt_list global;
    struct psbt_list *ins;         /* [owned] tx.in_count */
    struct psbt_list *outs;        /* [owned] tx.out_count */
    struct psbt_coin *coin_states; /* [owned] tx.in_count */
    struct btc_tx_out *coins;      /* [owned] tx.in_count; empty where not known */
    bool spending_is_ready;        /* with the coins that are known now */
    struct btc_spending spending;
    size_t record_count; /* in all lists */
    size_t size;         /* bytes, serialised */
};

/* --- psbt.c --- */

/* The list, or NULL when there is none of that index. */
struct psbt_list *psbt_list_of(struct btc_psbt *psbt, enum psbt_kind kind, size_t index);

/* All records of a type (below 0xfd): a view, until the list is changed. */
struct psbt_slice {
    const struct psbt_record *records;
    size_t count;
};
struct psbt_slice psbt_all(const struct psbt_list *list, uint8_t type);

/* The value of the first record of a type: of the only one, for types without key data. False:
 * there is none. */
bool psbt_find(const struct psbt_list *list, uint8_t type, struct btc_span *ret_value);

bool psbt_contains(const struct psbt_list *list, struct btc_span key);

/* Put a copy of a record, in place of one with the same key. BTC_ELIMIT, BTC_ENOMEM. */
int psbt_put(struct btc_psbt *psbt, struct psbt_list *list, struct btc_span key,
             struct btc_span value) BTC_MUST_CHECK;

/* Put copies of all records that the list has not. BTC_ELIMIT, BTC_ENOMEM: some may be put. */
int psbt_merge(struct btc_psbt *psbt, struct psbt_list *list, const struct psbt_list *from)
    BTC_MUST_CHECK;

/* Drop all records of a type. */
void psbt_drop(struct btc_psbt *psbt, struct psbt_list *list, uint8_t type);

/* --- psbt_fields.c --- */

/* Split a key into type and data. BTC_EFORMAT, which a key of a record in a list never gives. */
int psbt_split_key(struct btc_span key, uint64_t *ret_type, struct btc_span *ret_data)
    BTC_MUST_CHECK;

/* Check a record's shape. The error starts with the field's name. */
int psbt_check_record(enum psbt_kind kind, const struct psbt_record *record, struct btc_error *err)
    BTC_MUST_CHECK;

/* Look again which coin input `index` spends. BTC_EINVALID when its fields contradict the
 * transaction or each other; then the coin is not known. */
int psbt_refresh_coin(struct btc_psbt *psbt, size_t index, struct btc_error *err) BTC_MUST_CHECK;

/* Where a key comes from, out of a value that was checked; is_taproot: leaf hashes are first. */
void psbt_read_origin(struct btc_span value, bool is_taproot, struct btc_key_origin *ret_origin);

/* --- psbt_sign.c --- */

/* How the coin of an input is locked. */
struct psbt_lock {
    struct btc_script_match coin;
    bool is_segwit;  /* version 0, perhaps within P2SH */
    bool is_taproot; /* by its key */
    bool is_multisig;
    struct btc_multisig multisig;
    struct btc_span redeem_script;  /* of P2SH, when the PSBT has it */
    struct btc_span witness_script; /* of P2WSH */
    struct btc_span script_code;    /* multisig's own script */
};

/*
 * Find out, and check what signers must check. 0; BTC_PSBT_NOT_OURS for a script that is none of
 * the templates, or for which a script is missing; BTC_EINVALID, BTC_ENOTFOUND and so on as
 * btc_psbt_sign() says.
 */
int psbt_read_lock(struct btc_psbt *psbt, size_t index, struct psbt_lock *ret_lock,
                   struct btc_error *err) BTC_MUST_CHECK;

/* Have psbt->spending ready. */
int psbt_prepare(struct btc_psbt *psbt, struct btc_error *err) BTC_MUST_CHECK;

/* BTC_ENOTFOUND unless every coin is known: taproot's hash covers them all. */
int psbt_want_all_coins(const struct btc_psbt *psbt, struct btc_error *err) BTC_MUST_CHECK;

/* The hash type that the input asks for. False: for none. */
bool psbt_read_sighash(const struct psbt_list *list, uint32_t *ret_hash_type);

#endif
