/*
 * Transactions: parse, serialise, identify. Layouts: developer reference "Raw transaction format",
 * BIP144.
 *
 * A parsed transaction looks into the bytes that it was parsed from (scripts and witness items are
 * views); its arrays live in one allocation. So: keep the buffer as long as the transaction, and
 * one btc_tx_free() releases it. One that is built by hand points at the caller's own arrays and
 * has no arena. Nothing here is shared; use one transaction on one thread at a time.
 */
#ifndef ACTORS_BITCOIN_TX_H
#define ACTORS_BITCOIN_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/hash.h"

#define BTC_COIN                    INT64_C(100000000) /* satoshi */
#define BTC_MONEY_MAX               (INT64_C(21000000) * BTC_COIN)
#define BTC_TX_SIZE_MAX             4000000 /* bytes: no more fits a block of 4,000,000 weight */
#define BTC_SEQUENCE_FINAL          0xffffffffu
#define BTC_SEQUENCE_RBF            0xfffffffdu /* BIP125: replaceable, lock time in force */
#define BTC_OUTPOINT_COINBASE_INDEX 0xffffffffu

struct btc_outpoint {
    struct btc_hash txid;
    uint32_t index;
};

struct btc_tx_in {
    struct btc_outpoint prev;
    struct btc_span script_sig;
    uint32_t sequence;
    const struct btc_span *witness; /* witness_count items, bottom of the stack first */
    size_t witness_count;
};

struct btc_tx_out {
    int64_t amount; /* satoshi, as found: may be out of range */
    struct btc_span script;
};

struct btc_tx {
    int32_t version;
    uint32_t lock_time;
    size_t in_count;
    size_t out_count;
    struct btc_tx_in *ins;
    struct btc_tx_out *outs;
    bool has_witness; /* some input has a witness item */
    struct btc_hash txid;
    struct btc_hash wtxid; /* the same as txid without witness */
    size_t size;           /* bytes as serialised with witness */
    size_t base_size;      /* bytes without marker, flag and witnesses */
    struct btc_span raw;   /* [borrowed] the bytes it was parsed from; empty when built by hand */
    void *arena;           /* [owned] for btc_tx_free(); NULL when by hand or within a block */
};

/*
 * Parse one transaction that fills data[0..size) exactly. On success ret_tx looks into data
 * [borrowed]. Fails with BTC_EFORMAT (error says what and at which offset), BTC_ELIMIT over
 * BTC_TX_SIZE_MAX, BTC_ENOMEM, BTC_ECRYPTO. A transaction without inputs is BTC_EFORMAT: on the
 * wire it cannot be told from BIP144's marker.
 */
int btc_tx_parse(const void *data, size_t size, struct btc_tx *ret_tx, struct btc_error *err)
    BTC_MUST_CHECK;

/* How many bytes the transaction at data[0..] takes, where others may follow it. Errors as above. */
int btc_tx_measure(const void *data, size_t size, size_t *ret_size, struct btc_error *err)
    BTC_MUST_CHECK;

/* The same for the form without witnesses, always, as in PSBTs: so there may be no inputs. */
int btc_tx_parse_plain(const void *data, size_t size, struct btc_tx *ret_tx, struct btc_error *err)
    BTC_MUST_CHECK;

/* Release what btc_tx_parse() allocated and zero the struct. Harmless on a zeroed one. */
void btc_tx_free(struct btc_tx *tx);

/* Serialise to w; with_witness chooses BIP144's form when there is a witness. Failures stick in the
 * writer. */
void btc_tx_write(const struct btc_tx *tx, bool with_witness, struct btc_writer *w);

/* Fill txid, wtxid, size, base_size and has_witness of a transaction built by hand. 0, BTC_ENOMEM,
 * BTC_ECRYPTO. */
int btc_tx_seal(struct btc_tx *tx) BTC_MUST_CHECK;

/* BIP141: 3 * base size + size. Virtual size is (weight + 3) / 4. */
size_t btc_tx_weight(const struct btc_tx *tx);

/* One input that spends outpoint (0, 0xffffffff). */
bool btc_tx_is_coinbase(const struct btc_tx *tx);

/*
 * What can be said of a transaction without knowing the coins it spends: at least one input and
 * output, size, output amounts and their sum in 0..BTC_MONEY_MAX, no coin spent twice, coinbase
 * script of 2..100 bytes, no null outpoint elsewhere. 0, BTC_EINVALID with the reason, BTC_ENOMEM.
 */
int btc_tx_check(const struct btc_tx *tx, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Is the transaction final in a block of this height whose lock-time clock (median time past with
 * BIP113, else the block's own time) shows time_s?
 */
bool btc_tx_is_final(const struct btc_tx *tx, int32_t height, int64_t time_s);

static inline bool btc_outpoint_equal(const struct btc_outpoint *a, const struct btc_outpoint *b)
{
    return a->index == b->index && btc_hash_equal(&a->txid, &b->txid);
}

#endif
