/*
 * Signed payments for tests of what takes transactions: P2WPKH coins of one key, and whatever
 * outputs a test wants. Steps that must work stop the test when they do not.
 */
#ifndef TEST_SUPPORT_PAY_H
#define TEST_SUPPORT_PAY_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/script.h"
#include "actors/bitcoin/tx.h"
#include "test/support/chain_room.h"

#define PAY_COINS_MAX 200

struct pay_coin {
    struct btc_outpoint at;
    int64_t amount;
};

/* What is 0 is filled in: version 2, and the sequence of a replaceable input. */
struct pay {
    const struct pay_coin *coins; /* [borrowed] of the key */
    size_t coin_count;
    const struct btc_tx_out *outs; /* [borrowed] */
    size_t out_count;
    int32_t version;
    uint32_t lock_time;
    uint32_t sequence;
};

/* The P2WPKH script of the key. Static. */
struct btc_span pay_script(void);

/* The transaction's bytes, to be freed with btc_writer_free(), and its id (may be NULL). */
struct btc_writer pay_make(const struct pay *pay, struct btc_hash *ret_txid);

/* One coin to `count` outputs of the same key that share what the fee leaves; those may be used as
 * coins: ret_coins (may be NULL) has room for `count`. */
struct btc_writer pay_split(const struct pay_coin *coin, size_t count, int64_t fee,
                            struct pay_coin *ret_coins);

/* The coinbase of a block that was mined to the key. */
struct pay_coin pay_coinbase(struct room *room, int32_t height);

/* A regtest chain of 101 blocks and one more, with `count` <= PAY_COINS_MAX coins of the key. */
void pay_open_chain(struct room *room, size_t count, struct pay_coin *ret_coins);

#endif
