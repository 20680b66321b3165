/* Signed payments: see pay.h. */
#include "test/support/pay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/sig.h"

static const uint8_t secret[BTC_SECRET_SIZE] = {[31] = 7};

struct witness {
    uint8_t signature[BTC_DER_SIZE_MAX + 1];
    uint8_t key[BTC_KEY_SIZE];
    struct btc_span items[2];
};

static struct btc_script key_script(enum btc_script_kind kind)
{
    uint8_t key[BTC_KEY_SIZE];
    struct btc_hash160 hash;
    struct btc_script script;
    assert_int_equal(btc_key_of_secret(secret, key), 0);
    assert_int_equal(btc_hash160(key, sizeof(key), &hash), 0);
    assert_int_equal(btc_script_build(kind, hash.bytes, sizeof(hash.bytes), &script), 0);
    return script;
}

struct btc_span pay_script(void)
{
    static struct btc_script script;
    if (script.size == 0)
        script = key_script(BTC_SCRIPT_P2WPKH);
    return btc_script_span(&script);
}

static void sign(const struct btc_tx *tx, const struct btc_bip143 *parts, size_t index,
                 int64_t amount, struct witness *witness)
{
    struct btc_script code = key_script(BTC_SCRIPT_P2PKH);
    struct btc_hash hash;
    size_t size = 0;
    assert_int_equal(btc_sighash_bip143(tx, parts, index, btc_script_span(&code), amount,
                                        BTC_SIGHASH_ALL, &hash),
                     0);
    assert_int_equal(btc_ecdsa_sign(secret, &hash, witness->signature, &size), 0);
    witness->signature[size] = BTC_SIGHASH_ALL;
    assert_int_equal(btc_key_of_secret(secret, witness->key), 0);
    witness->items[0] = (struct btc_span){witness->signature, size + 1};
    witness->items[1] = (struct btc_span){witness->key, sizeof(witness->key)};
}

struct btc_writer pay_make(const struct pay *pay, struct btc_hash *ret_txid)
{
    struct btc_tx_in *ins = calloc(pay->coin_count + 1, sizeof(*ins));
    struct witness *witnesses = calloc(pay->coin_count + 1, sizeof(*witnesses));
    struct btc_tx_out *outs = calloc(pay->out_count + 1, sizeof(*outs));
    struct btc_tx tx = {.version = pay->version != 0 ? pay->version : 2,
                        .lock_time = pay->lock_time,
                        .ins = ins,
                        .in_count = pay->coin_count,
                        .outs = outs,
                        .out_count = pay->out_count};
    struct btc_bip143 parts;
    struct btc_writer w;
    assert_true(ins != NULL && witnesses != NULL && outs != NULL);
    if (pay->out_count > 0)
        memcpy(outs, pay->outs, pay->out_count * sizeof(*outs));
    for (size_t i = 0; i < pay->coin_count; i++)
        ins[i] = (struct btc_tx_in){.prev = pay->coins[i].at,
                                    .sequence = pay->sequence != 0 ? pay->sequence
                                                                   : BTC_SEQUENCE_RBF};
    assert_int_equal(btc_bip143_prepare(&tx, &parts), 0);
    for (size_t i = 0; i < pay->coin_count; i++) {
        sign(&tx, &parts, i, pay->coins[i].amount, &witnesses[i]);
        ins[i].witness = witnesses[i].items;
        ins[i].witness_count = 2;
    }
    assert_int_equal(btc_tx_seal(&tx), 0);
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    btc_tx_write(&tx, true, &w);
    assert_int_equal(w.failed, 0);
    if (ret_txid != NULL)
        *ret_txid = tx.txid;
    free(outs);
    free(witnesses);
    free(ins);
    return w;
}

struct btc_writer pay_split(const struct pay_coin *coin, size_t count, int64_t fee,
                            struct pay_coin *ret_coins)
{
    struct btc_tx_out *outs = calloc(count, sizeof(*outs));
    struct btc_hash txid;
    int64_t share = (coin->amount - fee) / (int64_t)count;
    assert_non_null(outs);
    for (size_t i = 0; i < count; i++)
        outs[i] = (struct btc_tx_out){share, pay_script()};
    outs[0].amount += coin->amount - fee - share * (int64_t)count;
    struct pay pay = {.coins = coin, .coin_count = 1, .outs = outs, .out_count = count};
    struct btc_writer w = pay_make(&pay, &txid);
    for (size_t i = 0; ret_coins != NULL && i < count; i++)
        ret_coins[i] = (struct pay_coin){{txid, (uint32_t)i}, outs[i].amount};
    free(outs);
    return w;
}

struct pay_coin pay_coinbase(struct room *room, int32_t height)
{
    struct chain_entry entry;
    struct btc_block block;
    uint8_t *raw;
    size_t size;
    assert_int_equal(chain_block_at(room->chain, height, &entry, &room->err), 0);
    assert_int_equal(chain_read_block(room->chain, &entry, &raw, &size, &room->err), 0);
    assert_int_equal(btc_block_parse(raw, size, &block, &room->err), 0);
    struct pay_coin coin = {{block.txs[0].txid, 0}, block.txs[0].outs[0].amount};
    btc_block_free(&block);
    free(raw);
    return coin;
}

void pay_open_chain(struct room *room, size_t count, struct pay_coin *ret_coins)
{
    struct btc_tx tx;
    assert_true(count <= PAY_COINS_MAX);
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, pay_script(), 101, 0);
    struct pay_coin coinbase = pay_coinbase(room, 1);
    struct btc_writer w = pay_split(&coinbase, count, 100000, ret_coins);
    assert_int_equal(btc_tx_parse(w.data, w.size, &tx, &room->err), 0);
    if (room_mine(room, pay_script(), &tx, 100000, 0) != 0)
        fail_msg("%s", room->err.text);
    btc_tx_free(&tx);
    btc_writer_free(&w);
}
