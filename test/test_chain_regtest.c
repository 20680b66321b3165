/*
 * The node's chain engine on regtest: mining, spending, what a block may not do, reorganisation.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>
#include <secp256k1.h>

#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/sig.h"
#include "actors/node/chain.h"
#include "actors/node/mine.h"
#include "test/support/chain_room.h"

static void batch_that_was_not_ended_leaves_no_trace(void **state)
{
    struct room *room = *state;
    const uint8_t op_true[] = {0x51};
    struct mine_request request = {.script = {op_true, 1}};
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(mine_block(room->chain, &request, &raw, &size, &room->err), 0);
    assert_int_equal(chain_batch_begin(room->chain, &room->err), 0);
    assert_int_equal(chain_batch_begin(room->chain, &room->err), BTC_EUSAGE);
    assert_int_equal(chain_add_block(room->chain, raw, size, &change, &room->err), 0);
    assert_int_equal(room_stats(room).height, 1);
    room_reopen_chain(room, BTC_REGTEST);
    assert_int_equal(room_stats(room).height, 0);
    assert_int_equal(chain_add_block(room->chain, raw, size, &change, &room->err), 0);
    room_reopen_chain(room, BTC_REGTEST);
    assert_int_equal(room_stats(room).height, 1);
    assert_int_equal(chain_batch_end(room->chain, &room->err), BTC_EUSAGE);
    free(raw);
}

/* No file may grow beyond `bytes`; 0 lifts that again. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes > 0 ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void disk_without_room_loses_only_what_was_not_acknowledged(void **state)
{
    struct room *room = *state;
    static uint8_t script[BTC_SCRIPT_SIZE_MAX];
    struct btc_span large = {script, sizeof(script)};
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, large, 3, 0);
    signal(SIGXFSZ, SIG_IGN); /* writing fails instead */
    for (int batch = 0; batch < 2; batch++) {
        int32_t acknowledged = room_stats(room).height;
        int rc = 0;
        limit_files(2000000);
        if (batch)
            assert_int_equal(chain_batch_begin(room->chain, &room->err), 0);
        for (int i = 0; rc == 0 && i < 2000; i++) {
            rc = room_mine(room, large, NULL, 0, 0);
            acknowledged += rc == 0 && !batch;
        }
        if (batch && rc == 0) /* it all stayed in memory until now */
            rc = chain_batch_end(room->chain, &room->err);
        else if (batch)
            (void)!chain_batch_end(room->chain, NULL);
        assert_int_equal(rc, BTC_EIO);
        assert_non_null(strstr(room->err.text, "chain.sqlite"));
        struct chain_stats stats = room_stats(room);
        struct chain_entry tip = room_tip(room);
        assert_int_equal(tip.height, stats.height);
        assert_int_equal(stats.height, acknowledged);
        assert_int_equal(stats.coin_count, stats.height);
        limit_files(0);
        room_reopen_chain(room, BTC_REGTEST);
        struct chain_stats stored = room_stats(room);
        assert_memory_equal(&stored, &stats, sizeof(stats));
        assert_int_equal(room_mine(room, large, NULL, 0, 0), 0);
    }
    signal(SIGXFSZ, SIG_DFL);
}

/* ---- regtest: mining and spending ---- */

/* A key, and the coins of one block that pay to it. */
struct purse {
    uint8_t secret[32];
    uint8_t key[33];
    struct btc_script script;
};

static struct purse purse_of(enum btc_script_kind kind, uint8_t number)
{
    struct purse purse = {.secret = {[31] = number}};
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    secp256k1_pubkey point;
    size_t size = sizeof(purse.key);
    assert_int_equal(secp256k1_ec_pubkey_create(context, &point, purse.secret), 1);
    secp256k1_ec_pubkey_serialize(context, purse.key, &size, &point, SECP256K1_EC_COMPRESSED);
    secp256k1_context_destroy(context);
    struct btc_hash160 hash;
    assert_int_equal(btc_hash160(purse.key, sizeof(purse.key), &hash), 0);
    if (kind == BTC_SCRIPT_P2PK)
        assert_int_equal(btc_script_build(kind, purse.key, 33, &purse.script), 0);
    else if (kind == BTC_SCRIPT_P2TR)
        assert_int_equal(btc_taproot_script(purse.key, &purse.script), 0);
    else
        assert_int_equal(btc_script_build(kind, hash.bytes, 20, &purse.script), 0);
    return purse;
}

/* A transaction of one input and one output, with room for what it points at. */
struct payment {
    struct btc_tx tx;
    struct btc_tx_in in;
    struct btc_tx_out out;
    struct btc_span witness[2];
    uint8_t signature[80];
    size_t signature_size;
    struct btc_writer script_sig;
};

static void sign_taproot(struct payment *p, const struct purse *from, int64_t amount)
{
    struct btc_tx_out coin = {amount, btc_script_span(&from->script)};
    struct btc_spending spending;
    struct btc_hash hash;
    uint8_t secret[32];
    struct btc_span no_annex = {NULL, 0};
    assert_int_equal(btc_spending_prepare(&p->tx, &coin, &spending), 0);
    assert_int_equal(btc_sighash_bip341(&spending, 0, BTC_SIGHASH_DEFAULT, no_annex, &hash), 0);
    assert_int_equal(btc_taproot_output_secret(from->secret, NULL, secret), 0);
    assert_int_equal(btc_schnorr_sign(secret, &hash, NULL, p->signature), 0);
    p->witness[0] = (struct btc_span){p->signature, BTC_SCHNORR_SIZE};
    p->in.witness = p->witness;
    p->in.witness_count = 1;
    assert_int_equal(btc_tx_seal(&p->tx), 0);
}

static void sign(struct payment *p, const struct purse *from, int64_t amount)
{
    struct btc_script_match match = btc_script_classify(btc_script_span(&from->script));
    if (match.kind == BTC_SCRIPT_P2TR) {
        sign_taproot(p, from, amount);
        return;
    }
    bool witness = match.kind == BTC_SCRIPT_P2WPKH;
    struct btc_hash hash;
    struct btc_script code = from->script;
    struct btc_bip143 parts;
    if (witness) {
        assert_int_equal(btc_script_build(BTC_SCRIPT_P2PKH, match.payload.data, 20, &code), 0);
        assert_int_equal(btc_bip143_prepare(&p->tx, &parts), 0);
        assert_int_equal(btc_sighash_bip143(&p->tx, &parts, 0, btc_script_span(&code), amount,
                                            BTC_SIGHASH_ALL, &hash),
                         0);
    } else {
        assert_int_equal(
            btc_sighash_legacy(&p->tx, 0, btc_script_span(&code), BTC_SIGHASH_ALL, &hash), 0);
    }
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    secp256k1_ecdsa_signature signature;
    p->signature_size = sizeof(p->signature) - 1;
    assert_int_equal(
        secp256k1_ecdsa_sign(context, &signature, hash.bytes, from->secret, NULL, NULL), 1);
    secp256k1_ecdsa_signature_serialize_der(context, p->signature, &p->signature_size, &signature);
    secp256k1_context_destroy(context);
    p->signature[p->signature_size++] = BTC_SIGHASH_ALL;
    if (witness) {
        p->witness[0] = (struct btc_span){p->signature, p->signature_size};
        p->witness[1] = (struct btc_span){from->key, sizeof(from->key)};
        p->in.witness = p->witness;
        p->in.witness_count = 2;
    } else {
        btc_writer_init(&p->script_sig, 200);
        btc_script_write_push(&p->script_sig, p->signature, p->signature_size);
        if (match.kind == BTC_SCRIPT_P2PKH)
            btc_script_write_push(&p->script_sig, from->key, sizeof(from->key));
        p->in.script_sig = (struct btc_span){p->script_sig.data, p->script_sig.size};
    }
    assert_int_equal(btc_tx_seal(&p->tx), 0);
}

/* Spend output 0 of the coinbase at `height` to a script, paying `fee`. */
static void pay(struct room *room, struct payment *p, int32_t height, const struct purse *from,
                struct btc_span to, int64_t fee)
{
    struct chain_entry entry;
    uint8_t *raw;
    size_t size;
    struct btc_block block;
    assert_int_equal(chain_block_at(room->chain, height, &entry, &room->err), 0);
    assert_int_equal(chain_read_block(room->chain, &entry, &raw, &size, &room->err), 0);
    assert_int_equal(btc_block_parse(raw, size, &block, &room->err), 0);
    int64_t amount = block.txs[0].outs[0].amount;
    *p = (struct payment){0};
    p->in = (struct btc_tx_in){.prev = {block.txs[0].txid, 0}, .sequence = BTC_SEQUENCE_RBF};
    p->out = (struct btc_tx_out){amount - fee, to};
    p->tx = (struct btc_tx){
        .version = 2, .in_count = 1, .ins = &p->in, .out_count = 1, .outs = &p->out};
    btc_block_free(&block);
    free(raw);
    sign(p, from, amount);
}

static void each_template_can_be_mined_to_and_spent(void **state)
{
    static const enum btc_script_kind kinds[] = {BTC_SCRIPT_P2PK, BTC_SCRIPT_P2PKH,
                                                 BTC_SCRIPT_P2WPKH, BTC_SCRIPT_P2TR};
    struct room *room = *state;
    const uint8_t op_true[] = {0x51};
    struct btc_span anyone = {op_true, 1};
    room_open_chain(room, BTC_REGTEST);
    struct purse purses[4];
    for (size_t i = 0; i < 4; i++) {
        purses[i] = purse_of(kinds[i], (uint8_t)(i + 1));
        room_mine_many(room, btc_script_span(&purses[i].script), 1, 0);
    }
    room_mine_many(room, anyone, 100, 0);
    assert_int_equal(room_stats(room).signature_count, 0);
    for (size_t i = 0; i < 4; i++) {
        struct payment p;
        pay(room, &p, (int32_t)i + 1, &purses[i], anyone, 1000);
        struct btc_span *bytes = i >= 2 ? &p.witness[0] : &p.in.script_sig;
        ((uint8_t *)(uintptr_t)bytes->data)[20] ^= 1; /* in the signature's r */
        assert_int_equal(btc_tx_seal(&p.tx), 0);
        assert_int_equal(room_mine(room, anyone, &p.tx, 1000, 0), BTC_EINVALID);
        assert_non_null(strstr(room->err.text, "transaction 1: input 0: the"));
        assert_non_null(strstr(room->err.text, "signature does not verify"));
        ((uint8_t *)(uintptr_t)bytes->data)[20] ^= 1;
        assert_int_equal(btc_tx_seal(&p.tx), 0);
        if (room_mine(room, anyone, &p.tx, 1000, 0) != 0)
            fail_msg("%s", room->err.text);
        assert_int_equal(room_stats(room).signature_count, (int64_t)i + 1);
        assert_int_equal(room_tip(room).validation, CHAIN_FULL);
        assert_int_equal(room_mine(room, anyone, &p.tx, 1000, 0), BTC_EINVALID);
        assert_non_null(strstr(room->err.text, "does not exist or was spent before"));
        btc_writer_free(&p.script_sig);
    }
    /* What was refused did not stay the best header. */
    assert_int_equal(room_stats(room).header_height, room_stats(room).height);
}

static void money_cannot_be_made_or_hurried(void **state)
{
    struct room *room = *state;
    struct purse purse = purse_of(BTC_SCRIPT_P2WPKH, 7);
    struct btc_span own = btc_script_span(&purse.script);
    struct payment p;
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, own, 110, 0);
    struct chain_stats before = room_stats(room);
    assert_int_equal(room_mine(room, own, NULL, 1, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text,
                           "coinbase: claims 5000000001 satoshi, subsidy and fees are 5000000000"));
    pay(room, &p, 15, &purse, own, 0);
    assert_int_equal(room_mine(room, own, &p.tx, 0, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "spends the coinbase of block 15"));
    pay(room, &p, 11, &purse, own, -1);
    assert_int_equal(room_mine(room, own, &p.tx, -1, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "pays 5000000001 satoshi out of 5000000000"));
    pay(room, &p, 11, &purse, own, 0);
    p.tx.lock_time = 111;
    sign(&p, &purse, 50 * BTC_COIN);
    assert_int_equal(room_mine(room, own, &p.tx, 0, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "its lock time 111 is not reached"));
    p.tx.lock_time = 0;
    p.in.sequence = 101; /* BIP68: the coin must be 101 blocks old, in block 111 it is 100 */
    sign(&p, &purse, 50 * BTC_COIN);
    assert_int_equal(room_mine(room, own, &p.tx, 0, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "its coin is younger than 101 blocks (BIP68)"));
    p.in.sequence = 1u << 22 | 0xffff; /* and here more than a year */
    sign(&p, &purse, 50 * BTC_COIN);
    assert_int_equal(room_mine(room, own, &p.tx, 0, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "seconds (BIP68)"));
    struct chain_stats after = room_stats(room);
    assert_memory_equal(&before, &after, sizeof(before));
    p.in.sequence = 100;
    sign(&p, &purse, 50 * BTC_COIN);
    if (room_mine(room, own, &p.tx, 0, 0) != 0)
        fail_msg("%s", room->err.text);
}

static void scripts_outside_the_templates_make_a_block_partial(void **state)
{
    struct room *room = *state;
    const uint8_t op_true[] = {0x51};
    struct btc_span anyone = {op_true, 1};
    struct purse purse = purse_of(BTC_SCRIPT_P2PK, 9);
    struct payment p;
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, anyone, 101, 0);
    pay(room, &p, 1, &purse, anyone, 0);
    p.in.script_sig = (struct btc_span){NULL, 0};
    assert_int_equal(btc_tx_seal(&p.tx), 0);
    assert_int_equal(room_mine(room, anyone, &p.tx, 0, 0), 0);
    assert_int_equal(room_tip(room).validation, CHAIN_PARTIAL);
    struct chain_stats stats = room_stats(room);
    assert_int_equal(stats.partial_count, 1);
    assert_int_equal(stats.signature_count, 0);
    btc_writer_free(&p.script_sig);
}

static void witnesses_must_be_committed_to(void **state)
{
    struct room *room = *state;
    struct purse purse = purse_of(BTC_SCRIPT_P2WPKH, 3);
    struct btc_span own = btc_script_span(&purse.script);
    struct payment p;
    struct chain_change change;
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, own, 100, 0);
    pay(room, &p, 1, &purse, own, 0);
    const struct btc_tx *tx = &p.tx;
    struct mine_request request = {.script = own, .txs = &tx, .tx_count = 1};
    uint8_t *raw;
    size_t size;
    assert_int_equal(mine_block(room->chain, &request, &raw, &size, &room->err), 0);
    /* The key is the last thing before the lock time. Its txid does not change, only the wtxid. */
    raw[size - 4 - 10] ^= 1;
    assert_int_equal(chain_add_block(room->chain, raw, size, &change, &room->err), BTC_EINVALID);
    assert_non_null(
        strstr(room->err.text, "the witness commitment is not that of its transactions"));
    /* This copy was refused, not its id: the sound one is still welcome. */
    raw[size - 4 - 10] ^= 1;
    assert_int_equal(chain_add_block(room->chain, raw, size, &change, &room->err), 0);
    assert_int_equal(chain_add_block(room->chain, raw, size, &change, &room->err), CHAIN_KNOWN);
    free(raw);
}

/* A block of these transactions on the tip, as it is: nothing is added or checked. */
static struct btc_writer craft_block(struct room *room, struct btc_tx *txs, size_t count)
{
    struct chain_entry tip = room_tip(room);
    struct btc_block block = {.tx_count = count, .txs = txs};
    block.header = (struct btc_header){
        .version = 4, .prev = tip.hash, .time_s = tip.header.time_s + 1, .bits = tip.header.bits};
    assert_int_equal(btc_block_merkle_root(&block, &block.header.merkle_root, NULL), 0);
    while (btc_header_hash(&block.header, &block.hash) == 0 &&
           btc_pow_check(&block.hash, block.header.bits, chain_params(room->chain), NULL) != 0)
        block.header.nonce++;
    struct btc_writer w;
    uint8_t header[BTC_HEADER_SIZE];
    btc_writer_init(&w, BTC_BLOCK_SIZE_MAX);
    btc_header_write(&block.header, header);
    btc_write_bytes(&w, header, sizeof(header));
    btc_write_compact(&w, count);
    for (size_t i = 0; i < count; i++)
        btc_tx_write(&txs[i], true, &w);
    assert_int_equal(w.failed, 0);
    return w;
}

static void assert_block_refused(struct room *room, struct btc_tx *txs, size_t count,
                                 const char *words)
{
    struct chain_change change;
    struct btc_writer w = craft_block(room, txs, count);
    assert_int_equal(chain_add_block(room->chain, w.data, w.size, &change, &room->err),
                     BTC_EINVALID);
    if (strstr(room->err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", room->err.text, words);
    btc_writer_free(&w);
}

static void coinbase_is_one_and_first_and_names_its_height(void **state)
{
    struct room *room = *state;
    struct purse purse = purse_of(BTC_SCRIPT_P2PKH, 11);
    struct btc_span own = btc_script_span(&purse.script);
    struct payment p;
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, own, 101, 0);
    pay(room, &p, 1, &purse, own, 0);
    assert_block_refused(room, &p.tx, 1, "its first transaction is not a coinbase");

    static const uint8_t height_102[] = {1, 102, 0};
    struct btc_tx_in in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                           .script_sig = {height_102, sizeof(height_102)},
                           .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx_out out = {50 * BTC_COIN, own};
    struct btc_tx coinbase = {
        .version = 1, .in_count = 1, .ins = &in, .out_count = 1, .outs = &out};
    struct btc_tx txs[2];
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    txs[0] = coinbase;
    struct btc_tx_in other = in;
    other.script_sig.size = 2;
    coinbase.ins = &other;
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    txs[1] = coinbase;
    coinbase.ins = &in;
    assert_block_refused(room, txs, 2, "a second coinbase");
    in.script_sig = (struct btc_span){height_102 + 1, 2};
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    assert_block_refused(room, &coinbase, 1, "the coinbase does not begin with the block's height");
    in.script_sig = (struct btc_span){height_102, sizeof(height_102)};
    assert_int_equal(btc_tx_seal(&coinbase), 0);
    struct chain_change change;
    struct btc_writer w = craft_block(room, &coinbase, 1);
    if (chain_add_block(room->chain, w.data, w.size, &change, &room->err) != 0)
        fail_msg("%s", room->err.text);
    btc_writer_free(&w);
    btc_writer_free(&p.script_sig);
}

static void repeated_transactions_are_refused_but_not_the_block(void **state)
{
    struct room *room = *state;
    struct purse purse = purse_of(BTC_SCRIPT_P2PK, 12);
    struct btc_span own = btc_script_span(&purse.script);
    struct payment p[2];
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, own, 102, 0);
    pay(room, &p[0], 1, &purse, own, 0);
    pay(room, &p[1], 2, &purse, own, 0);
    const struct btc_tx *txs[] = {&p[0].tx, &p[1].tx};
    struct mine_request request = {.script = own, .txs = txs, .tx_count = 2};
    assert_int_equal(mine_block(room->chain, &request, &raw, &size, &room->err), 0);
    uint8_t *forged = malloc(size + p[1].tx.size);
    assert_non_null(forged);
    memcpy(forged, raw, size);
    memcpy(forged + size, raw + size - p[1].tx.size, p[1].tx.size);
    assert_int_equal(forged[BTC_HEADER_SIZE]++, 3);
    assert_int_equal(chain_add_block(room->chain, forged, size + p[1].tx.size, &change, &room->err),
                     BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "transactions are repeated under the same merkle root"));
    assert_int_equal(chain_add_block(room->chain, raw, size, &change, &room->err), 0);
    free(forged);
    free(raw);
    btc_writer_free(&p[0].script_sig);
    btc_writer_free(&p[1].script_sig);
}

static void signature_operations_of_a_block_are_bounded(void **state)
{
    struct room *room = *state;
    uint8_t script[1001];
    memset(script, BTC_OP_CHECKMULTISIG, sizeof(script));
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(room_mine(room, (struct btc_span){script, 1001}, NULL, 0, 0), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "its signature operations cost 80080, over 80000"));
    assert_int_equal(room_mine(room, (struct btc_span){script, 1000}, NULL, 0, 0), 0);
}

/* Those in the script of a witness are seen once its coin is known. */
static void signature_operations_of_witnesses_count(void **state)
{
    struct room *room = *state;
    static uint8_t code[4001];
    memset(code, BTC_OP_CHECKMULTISIG, sizeof(code));
    const size_t sizes[] = {4001, 4000};
    struct purse purses[2];
    struct btc_hash hash;
    room_open_chain(room, BTC_REGTEST);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(btc_sha256(code, sizes[i], &hash), 0);
        assert_int_equal(
            btc_script_build(BTC_SCRIPT_P2WSH, hash.bytes, sizeof(hash.bytes), &purses[i].script),
            0);
        room_mine_many(room, btc_script_span(&purses[i].script), 1, 0);
    }
    struct btc_span own = btc_script_span(&purses[0].script);
    room_mine_many(room, own, 100, 0);
    for (size_t i = 0; i < 2; i++) {
        struct btc_span item = {code, sizes[i]};
        struct payment p;
        struct purse signer = purse_of(BTC_SCRIPT_P2PK, 1); /* replaced by the script itself */
        pay(room, &p, (int32_t)i + 1, &signer, own, 0);
        btc_writer_free(&p.script_sig);
        p.in.script_sig = (struct btc_span){NULL, 0};
        p.in.witness = &item;
        p.in.witness_count = 1;
        assert_int_equal(btc_tx_seal(&p.tx), 0);
        assert_int_equal(room_mine(room, own, &p.tx, 0, 0), i == 0 ? BTC_EINVALID : 0);
        if (i == 0)
            assert_non_null(
                strstr(room->err.text, "its signature operations cost 80020, over 80000"));
    }
    assert_int_equal(room_tip(room).validation, CHAIN_PARTIAL);
}

static void clock_and_version_bind_a_header(void **state)
{
    struct room *room = *state;
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    room_open_chain(room, BTC_REGTEST);
    static const struct {
        int32_t version;
        int64_t time_s; /* after genesis; from an hour on, after now */
        const char *words;
        uint32_t bits_less;
    } headers[] = {
        {4, 1, "bits are 207ffffe, the difficulty rule says 207fffff", 1},
        {3, 1, "version 3, at least 4 is required", 0},
        {4, -1, "is not after the median of the 11 before it", 0},
        {4, 3 * 3600, "more than two hours ahead", 0},
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        int64_t base_s = headers[i].time_s > 3600 ? (int64_t)time(NULL) : params->genesis.time_s;
        struct btc_header header = {.version = headers[i].version,
                                    .prev = params->genesis_hash,
                                    .time_s = (uint32_t)(base_s + headers[i].time_s),
                                    .bits = params->genesis.bits - headers[i].bits_less};
        struct btc_hash hash;
        do {
            header.nonce++;
            assert_int_equal(btc_header_hash(&header, &hash), 0);
        } while (btc_pow_check(&hash, header.bits, params, NULL) != 0);
        uint8_t bytes[BTC_HEADER_SIZE];
        size_t added;
        btc_header_write(&header, bytes);
        assert_int_equal(chain_add_headers(room->chain, bytes, 1, &added, &room->err),
                         BTC_EINVALID);
        if (strstr(room->err.text, headers[i].words) == NULL)
            fail_msg("%s", room->err.text);
    }
}

static void mining_is_for_regtest(void **state)
{
    struct room *room = *state;
    const uint8_t op_true[] = {0x51};
    struct mine_request request = {.script = {op_true, 1}};
    uint8_t *raw;
    size_t size;
    room_open_chain(room, BTC_MAIN);
    assert_int_equal(mine_block(room->chain, &request, &raw, &size, &room->err), BTC_EUSAGE);
}

/* ---- reorganisation ---- */

static void branch_with_more_work_wins_and_coins_come_back(void **state)
{
    struct room *a = *state;
    void *other_state;
    assert_int_equal(room_open(&other_state), 0);
    struct room *b = other_state;
    struct purse purse = purse_of(BTC_SCRIPT_P2WPKH, 5);
    struct btc_span own = btc_script_span(&purse.script);
    const uint8_t op_true[] = {0x51};
    struct btc_span anyone = {op_true, 1};
    struct payment p;
    room_open_chain(a, BTC_REGTEST);
    room_open_chain(b, BTC_REGTEST);
    room_mine_many(a, own, 105, 0);
    room_copy_blocks(a, b, 1, 105, 0);
    room_assert_same(a, b);

    pay(a, &p, 1, &purse, anyone,
        500); /* only a's branch spends these, the first two in one block */
    struct payment p3;
    pay(a, &p3, 3, &purse, own, 0);
    struct payment chained = p3; /* spends what p3 made, in the same block */
    chained.in.prev = (struct btc_outpoint){p3.tx.txid, 0};
    chained.tx.ins = &chained.in;
    chained.tx.outs = &chained.out;
    chained.out.script = anyone;
    sign(&chained, &purse, 50 * BTC_COIN);
    const struct btc_tx *txs[] = {&p.tx, &p3.tx, &chained.tx};
    struct mine_request request = {
        .script = own, .txs = txs, .tx_count = 3, .fees = 500, .extra_nonce = 1};
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    assert_int_equal(mine_block(a->chain, &request, &raw, &size, &a->err), 0);
    if (chain_add_block(a->chain, raw, size, &change, &a->err) != 0)
        fail_msg("%s", a->err.text);
    free(raw);
    room_mine_many(a, own, 2, 1);
    room_mine_many(b, own, 3, 2);
    struct payment q;
    pay(b, &q, 2, &purse, anyone, 700);
    assert_int_equal(room_mine(b, own, &q.tx, 700, 2), 0);
    struct chain_entry fork;
    struct btc_hash locator[3];
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(chain_block_at(b->chain, 107 - i, &fork, &b->err), 0);
        locator[i] = fork.hash;
    }
    assert_int_equal(chain_find_fork(a->chain, locator, 3, &fork, &a->err), 0);
    assert_int_equal(fork.height, 105);
    assert_int_equal(chain_find_fork(a->chain, locator, 1, &fork, &a->err), 0);
    assert_int_equal(fork.height, 0);

    room_copy_blocks(b, a, 106, 108, CHAIN_SIDE); /* as much work as a's own, which was first */
    struct chain_entry old_tip = room_tip(a);
    struct chain_entry header_tip;
    chain_header_tip(a->chain, &header_tip);
    assert_int_equal(header_tip.id, old_tip.id);
    room_copy_blocks(b, a, 109, 109, 0);
    room_assert_same(a, b);
    assert_int_equal(chain_is_active(a->chain, &old_tip, &a->err), 0);
    room_reopen_chain(a, BTC_REGTEST);
    room_assert_same(a, b);

    room_mine_many(a, own, 1, 3);
    room_copy_blocks(a, b, 110, 110, 0);
    room_assert_same(a, b);
    room_close(&other_state);
}

static void blocks_before_their_parents_wait_for_them(void **state)
{
    struct room *a = *state;
    void *other_state;
    assert_int_equal(room_open(&other_state), 0);
    struct room *b = other_state;
    const uint8_t op_true[] = {0x51};
    room_open_chain(a, BTC_REGTEST);
    room_open_chain(b, BTC_REGTEST);
    room_mine_many(a, (struct btc_span){op_true, 1}, 20, 0);
    room_copy_blocks(a, b, 5, 5, BTC_EORPHAN);
    for (int32_t height = 1; height <= 20; height++) {
        struct chain_entry entry;
        uint8_t bytes[BTC_HEADER_SIZE];
        size_t added;
        assert_int_equal(chain_block_at(a->chain, height, &entry, &a->err), 0);
        btc_header_write(&entry.header, bytes);
        assert_int_equal(chain_add_headers(b->chain, bytes, 1, &added, &b->err), 0);
    }
    for (int32_t height = 20; height > 1; height--)
        room_copy_blocks(a, b, height, height, CHAIN_SIDE);
    assert_int_equal(room_stats(b).height, 0);
    assert_int_equal(room_stats(b).header_height, 20);
    room_copy_blocks(a, b, 1, 1, 0);
    room_assert_same(a, b);
    room_close(&other_state);
}

static void bad_block_on_a_better_branch_changes_nothing(void **state)
{
    struct room *a = *state;
    void *other_state;
    assert_int_equal(room_open(&other_state), 0);
    struct room *b = other_state;
    const uint8_t op_true[] = {0x51};
    struct btc_span anyone = {op_true, 1};
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    room_open_chain(a, BTC_REGTEST);
    room_open_chain(b, BTC_REGTEST);
    room_mine_many(a, anyone, 2, 1);
    room_mine_many(b, anyone, 2, 2);
    struct mine_request greedy = {.script = anyone, .fees = 1};
    assert_int_equal(mine_block(b->chain, &greedy, &raw, &size, &b->err), 0);
    room_copy_blocks(b, a, 1, 2, CHAIN_SIDE);
    struct chain_stats before = room_stats(a);
    struct chain_entry tip = room_tip(a);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chain_add_block(a->chain, raw, size, &change, &a->err), BTC_EINVALID);
        assert_non_null(
            strstr(a->err.text, i == 0 ? "claims 5000000001" : "it was refused before"));
        struct chain_stats after = room_stats(a);
        struct chain_entry tip_after = room_tip(a);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_true(btc_hash_equal(&tip.hash, &tip_after.hash));
        room_reopen_chain(a, BTC_REGTEST);
    }
    free(raw);
    /* An honest third block on that branch makes it win. */
    room_mine_many(b, anyone, 1, 3);
    room_copy_blocks(b, a, 3, 3, 0);
    room_assert_same(a, b);
    room_close(&other_state);
}

static void branch_that_would_undo_too_much_is_refused(void **state)
{
    struct room *a = *state;
    void *other_state;
    assert_int_equal(room_open(&other_state), 0);
    struct room *b = other_state;
    const uint8_t op_true[] = {0x51};
    struct btc_span anyone = {op_true, 1};
    room_open_chain(a, BTC_REGTEST);
    room_open_chain(b, BTC_REGTEST);
    room_mine_many(a, anyone, CHAIN_REORG_MAX + 1, 1);
    room_mine_many(b, anyone, CHAIN_REORG_MAX + 2, 2);
    assert_int_equal(chain_batch_begin(a->chain, &a->err), 0);
    room_copy_blocks(b, a, 1, CHAIN_REORG_MAX + 1, CHAIN_SIDE);
    struct chain_entry before = room_tip(a);
    room_copy_blocks(b, a, CHAIN_REORG_MAX + 2, CHAIN_REORG_MAX + 2, BTC_ELIMIT);
    assert_non_null(strstr(a->err.text, "would undo 1001 blocks, over the maximum of 1000"));
    assert_int_equal(chain_batch_end(a->chain, &a->err), 0);
    struct chain_entry after = room_tip(a);
    assert_int_equal(before.id, after.id);
    room_close(&other_state);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(batch_that_was_not_ended_leaves_no_trace),
        in_room(disk_without_room_loses_only_what_was_not_acknowledged),
        in_room(each_template_can_be_mined_to_and_spent),
        in_room(money_cannot_be_made_or_hurried),
        in_room(scripts_outside_the_templates_make_a_block_partial),
        in_room(witnesses_must_be_committed_to),
        in_room(coinbase_is_one_and_first_and_names_its_height),
        in_room(repeated_transactions_are_refused_but_not_the_block),
        in_room(signature_operations_of_a_block_are_bounded),
        in_room(signature_operations_of_witnesses_count),
        in_room(clock_and_version_bind_a_header),
        in_room(mining_is_for_regtest),
        in_room(branch_with_more_work_wins_and_coins_come_back),
        in_room(blocks_before_their_parents_wait_for_them),
        in_room(bad_block_on_a_better_branch_changes_nothing),
        in_room(branch_that_would_undo_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
