/*
 * The primitives that node and wallet share: bytes, hashes, transactions, blocks, proof of work,
 * scripts and signatures, against published vectors and real blocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/pow.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/sig.h"
#include "actors/bitcoin/tx.h"
#include "test/support/vectors.h"

/* BIP143, "Native P2WPKH": input 0 spends P2PK, input 1 P2WPKH. */
static const char bip143_signed[] =
    "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000049"
    "4830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b19"
    "4ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279"
    "655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a91482"
    "80b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2"
    "d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb13"
    "66d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee01210254"
    "76c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000";
static const char bip143_p2pk[] =
    "2103c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac";
static const char bip143_p2wpkh[] = "00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1";
static const char bip143_sighash[] =
    "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670";

struct bytes {
    uint8_t *data;
    size_t size;
};

static struct bytes unhex(const char *text)
{
    struct bytes bytes = {.size = strlen(text) / 2};
    bytes.data = malloc(bytes.size + 1);
    assert_non_null(bytes.data);
    assert_int_equal(btc_hex_decode(text, bytes.size, bytes.data), 0);
    return bytes;
}

static struct btc_span span_of(struct bytes bytes)
{
    return (struct btc_span){bytes.data, bytes.size};
}

static void assert_hash(const struct btc_hash *hash, const char *text)
{
    char found[BTC_HASH_HEX_SIZE];
    btc_hash_to_hex(hash, found);
    assert_string_equal(found, text);
}

/* ---- bytes ---- */

static void reader_stays_inside_its_bytes(void **state)
{
    (void)state;
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7};
    struct btc_error err;
    struct btc_reader r = btc_reader_of(bytes, sizeof(bytes), &err);
    uint32_t word;
    uint64_t number = 77;
    assert_int_equal(btc_read_u32(&r, "word", &word), 0);
    assert_int_equal(word, 0x04030201);
    assert_int_equal(btc_read_u64(&r, "amount", &number), BTC_EFORMAT);
    assert_string_equal(err.text, "amount at offset 4 wants 8 bytes, only 3 are left");
    assert_int_equal(r.offset, 4);
    assert_int_equal(number, 77);
    struct btc_span view;
    assert_int_equal(btc_read_view(&r, "rest", SIZE_MAX, &view), BTC_EFORMAT);
    assert_int_equal(btc_read_view(&r, "rest", 3, &view), 0);
    assert_int_equal(btc_read_end(&r, "it"), 0);
}

static void compact_numbers_have_one_form(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0,       0xfc,       0xfd,        0xffff,
                                       0x10000, 0xffffffff, 0x100000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct btc_writer w;
        btc_writer_init(&w, 9);
        btc_write_compact(&w, numbers[i]);
        assert_int_equal(w.failed, 0);
        assert_int_equal(w.size, btc_compact_size(numbers[i]));
        struct btc_reader r = btc_reader_of(w.data, w.size, NULL);
        uint64_t number;
        assert_int_equal(btc_read_compact(&r, "number", &number), 0);
        assert_true(number == numbers[i]);
        btc_writer_free(&w);
    }
    static const char *const longer[] = {"fdfc00", "feffff0000", "ffffffffff00000000"};
    for (size_t i = 0; i < 3; i++) {
        struct bytes bytes = unhex(longer[i]);
        struct btc_error err;
        struct btc_reader r = btc_reader_of(bytes.data, bytes.size, &err);
        uint64_t number;
        assert_int_equal(btc_read_compact(&r, "count", &number), BTC_EFORMAT);
        assert_string_equal(err.text, "count at offset 0 is not in its shortest form");
        free(bytes.data);
    }
}

static void counts_that_cannot_be_are_refused(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0xfe, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0};
    struct btc_reader r = btc_reader_of(bytes, sizeof(bytes), NULL);
    size_t count;
    struct btc_span view;
    assert_int_equal(btc_read_count(&r, "inputs", 41, &count), BTC_EFORMAT);
    assert_int_equal(btc_read_var(&r, "script", &view), BTC_EFORMAT);
    assert_int_equal(r.offset, 0);
}

static void writer_keeps_to_its_maximum(void **state)
{
    (void)state;
    struct btc_writer w;
    btc_writer_init(&w, 300);
    for (int i = 0; i < 75; i++)
        btc_write_u32(&w, (uint32_t)i);
    assert_int_equal(w.failed, 0);
    btc_write_u8(&w, 1);
    assert_int_equal(w.failed, BTC_ELIMIT);
    assert_int_equal(w.size, 300);
    btc_writer_free(&w);
}

static void hex_is_strict(void **state)
{
    (void)state;
    uint8_t bytes[2] = {9, 9};
    assert_int_equal(btc_hex_decode("0aF", 2, bytes), BTC_EFORMAT);
    assert_int_equal(btc_hex_decode("0aFg", 2, bytes), BTC_EFORMAT);
    assert_int_equal(btc_hex_decode("0aFfa", 2, bytes), BTC_EFORMAT);
    assert_int_equal(bytes[0], 9);
    assert_int_equal(btc_hex_decode("0aFf", 2, bytes), 0);
    assert_int_equal(bytes[1], 0xff);
}

static void error_sentences_are_cut_not_overrun(void **state)
{
    (void)state;
    char longer[2 * BTC_ERROR_TEXT_SIZE];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    struct btc_error err;
    assert_int_equal(btc_fail(&err, BTC_EIO, "%s", longer), BTC_EIO);
    assert_int_equal(strlen(err.text), BTC_ERROR_TEXT_SIZE - 1);
    assert_int_equal(btc_fail_within(&err, BTC_EIO, "block %d: ", 7), BTC_EIO);
    assert_int_equal(strlen(err.text), BTC_ERROR_TEXT_SIZE - 1);
    assert_memory_equal(err.text, "block 7: xxx", 12);
    assert_int_equal(btc_fail(NULL, BTC_EIO, "nobody listens"), BTC_EIO);
}

/* ---- hashes ---- */

static void hashes_agree_with_known_ones(void **state)
{
    (void)state;
    struct btc_hash hash;
    assert_int_equal(btc_tagged_hash("BIP0340/challenge", "abc", 3, &hash), 0);
    char text[BTC_HASH_HEX_SIZE];
    btc_hex_encode(hash.bytes, sizeof(hash.bytes), text);
    assert_string_equal(text, "770a5b7e7c304bbcc3ea107343ff951dd404312ef418db0c3b94e2ebfbb50087");
    struct bytes key = unhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    struct btc_hash160 key_hash;
    assert_int_equal(btc_hash160(key.data, key.size, &key_hash), 0);
    btc_hex_encode(key_hash.bytes, sizeof(key_hash.bytes), text);
    assert_string_equal(text, "751e76e8199196d454941c45d1b3a323f1433bd6");
    free(key.data);
    struct btc_hash back;
    assert_int_equal(btc_hash_from_hex(
                         "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", &back),
                     0);
    assert_true(btc_hash_equal(&back, &btc_params_get(BTC_MAIN)->genesis_hash));
    assert_int_equal(btc_hash_from_hex("00", &back), BTC_EFORMAT);
}

/* ---- networks ---- */

static void each_genesis_block_is_the_known_one(void **state)
{
    (void)state;
    for (int i = 0; i < BTC_NETWORK_COUNT; i++) {
        const struct btc_params *params = btc_params_get((enum btc_network)i);
        uint8_t raw[BTC_GENESIS_SIZE];
        struct btc_block block;
        struct btc_hash root;
        bool mutated;
        btc_genesis_block(params, raw);
        assert_int_equal(btc_block_parse(raw, sizeof(raw), &block, NULL), 0);
        assert_true(btc_hash_equal(&block.hash, &params->genesis_hash));
        assert_int_equal(btc_block_merkle_root(&block, &root, &mutated), 0);
        assert_true(btc_hash_equal(&root, &block.header.merkle_root));
        assert_int_equal(btc_pow_check(&block.hash, block.header.bits, params, NULL), 0);
        assert_ptr_equal(btc_params_by_name(params->name), params);
        assert_ptr_equal(btc_params_by_magic(params->magic), params);
        assert_int_equal(block.txs[0].outs[0].amount, btc_subsidy(params, 0));
        btc_block_free(&block);
    }
    assert_null(btc_params_by_name("moon"));
}

static void subsidy_halves_to_nothing(void **state)
{
    (void)state;
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    assert_int_equal(btc_subsidy(params, 209999), 50 * BTC_COIN);
    assert_int_equal(btc_subsidy(params, 210000), 25 * BTC_COIN);
    assert_int_equal(btc_subsidy(params, 840000), 312500000);
    int64_t total = 0;
    for (int32_t height = 0; height < 64 * 210000; height += 210000)
        total += 210000 * btc_subsidy(params, height);
    assert_int_equal(total, 2099999997690000);
    assert_int_equal(btc_subsidy(params, INT32_MAX), 0);
}

/* ---- proof of work ---- */

static void compact_targets_read_as_the_network_does(void **state)
{
    (void)state;
    static const uint32_t good[] = {0x1d00ffff, 0x1c05a3f4, 0x207fffff, 0x01120000 & 0x017fffff,
                                    0x03123456, 0x04123456, 0x2100ffff, 0x220000ff};
    static const uint32_t bad[] = {0,          0x01003456, 0x04923456, 0x1d800000,
                                   0x2200ffff, 0x230000ff, 0xff123456, 0x21010000};
    struct btc_u256 target;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(btc_bits_to_target(good[i], &target), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(btc_bits_to_target(bad[i], &target), BTC_EINVALID);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(btc_bits_to_target(good[i], &target), 0);
        assert_int_equal(btc_target_to_bits(&target), good[i]);
    }
    assert_int_equal(btc_bits_to_target(0x1d00ffff, &target), 0);
    struct btc_u256 work;
    assert_int_equal(btc_target_work(&target, &work), 0);
    static const uint8_t first_work[] = {1, 0, 1, 0, 1}; /* 2^32 + 2^16 + 1 */
    assert_memory_equal(work.bytes + 27, first_work, sizeof(first_work));
    struct btc_u256 top;
    memset(top.bytes, 0xff, sizeof(top.bytes));
    assert_int_equal(btc_u256_add(&top, &work, &work), BTC_ELIMIT);
}

static void difficulty_follows_the_time_that_a_period_took(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        int64_t first_s;
        int64_t last_s;
        uint32_t next;
    } periods[] = {
        {0x1d00ffff, 1261130161, 1262152739, 0x1d00d86a}, /* the first change on main, at 32,256 */
        {0x1d00ffff, 1231006505, 1233061996, 0x1d00ffff}, /* no easier than the limit */
        {0x1c05a3f4, 1279008237, 1279297671, 0x1c0168fd}, /* no more than four times harder */
        {0x1c387f6f, 1263163443, 1269211443, 0x1d00e1fd}, /* no more than four times easier */
    };
    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        uint32_t next;
        assert_int_equal(btc_pow_retarget(periods[i].bits, periods[i].last_s - periods[i].first_s,
                                          btc_params_get(BTC_MAIN), &next),
                         0);
        assert_int_equal(next, periods[i].next);
    }
}

static void too_little_work_is_refused(void **state)
{
    (void)state;
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    struct btc_hash hash = params->genesis_hash;
    struct btc_error err;
    assert_int_equal(btc_pow_check(&hash, 0x1b00ffff, params, &err), BTC_EINVALID);
    assert_string_equal(err.text, "proof of work does not meet its target");
    assert_int_equal(btc_pow_check(&hash, 0x1d01ffff, params, &err), BTC_EINVALID);
    assert_string_equal(err.text, "bits 1d01ffff are easier than main allows (1d00ffff)");
    assert_int_equal(btc_pow_check(&hash, 0x1d800000, params, &err), BTC_EINVALID);
}

/* ---- transactions ---- */

static void transaction_survives_every_cut_and_comes_back_the_same(void **state)
{
    (void)state;
    struct bytes raw = unhex(bip143_signed);
    struct btc_tx tx;
    struct btc_error err;
    assert_int_equal(btc_tx_parse(raw.data, raw.size, &tx, &err), 0);
    assert_true(tx.has_witness);
    assert_int_equal(tx.in_count, 2);
    assert_int_equal(tx.ins[0].witness_count, 0);
    assert_int_equal(tx.ins[1].witness_count, 2);
    assert_int_equal(tx.outs[0].amount, 112340000);
    assert_int_equal(tx.lock_time, 17);
    assert_int_equal(tx.size, raw.size);
    assert_hash(&tx.txid, "e8151a2af31c368a35053ddd4bdb285a8595c769a3ad83e0fa02314a602d4609");

    struct btc_writer w;
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    btc_tx_write(&tx, true, &w);
    assert_int_equal(w.size, raw.size);
    assert_memory_equal(w.data, raw.data, raw.size);
    btc_writer_free(&w);
    struct btc_tx copy = tx;
    copy.txid = copy.wtxid = (struct btc_hash){{0}};
    copy.size = copy.base_size = 0;
    assert_int_equal(btc_tx_seal(&copy), 0);
    assert_true(btc_hash_equal(&copy.txid, &tx.txid));
    assert_true(btc_hash_equal(&copy.wtxid, &tx.wtxid));
    assert_int_equal(btc_tx_weight(&copy), btc_tx_weight(&tx));
    btc_tx_free(&tx);

    for (size_t size = 0; size < raw.size; size++) {
        /* An exact copy, so that a sanitizer sees a read of one byte too many. */
        uint8_t *cut = malloc(size + 1);
        assert_non_null(cut);
        memcpy(cut + 1, raw.data, size);
        assert_int_equal(btc_tx_parse(cut + 1, size, &tx, &err), BTC_EFORMAT);
        free(cut);
    }
    raw.data = realloc(raw.data, raw.size + 1);
    assert_non_null(raw.data);
    raw.data[raw.size] = 0;
    assert_int_equal(btc_tx_parse(raw.data, raw.size + 1, &tx, &err), BTC_EFORMAT);
    assert_non_null(strstr(err.text, "1 bytes too many behind the transaction"));
    free(raw.data);
}

static void empty_witnesses_are_not_marked(void **state)
{
    (void)state;
    struct btc_tx tx;
    struct btc_error err;
    struct bytes raw = unhex("01000000000101"
                             "0100000000000000000000000000000000000000000000000000000000000000"
                             "00000000"
                             "00"
                             "ffffffff"
                             "01"
                             "0100000000000000"
                             "00"
                             "00"
                             "00000000");
    assert_int_equal(btc_tx_parse(raw.data, raw.size, &tx, &err), BTC_EFORMAT);
    if (strstr(err.text, "witnesses at offset 58 are marked as present but all empty") == NULL)
        fail_msg("%s", err.text);
    free(raw.data);
}

static void transactions_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    const uint8_t script[3] = {0};
    struct btc_tx_in ins[2] = {{.prev.index = 1, .prev.txid = {{1}}, .sequence = 0},
                               {.prev.index = 2, .prev.txid = {{1}}, .sequence = 0}};
    struct btc_tx_out outs[2] = {{BTC_MONEY_MAX, {script, 1}}, {0, {script, 1}}};
    struct btc_tx tx = {.version = 1, .in_count = 2, .ins = ins, .out_count = 2, .outs = outs};
    struct btc_error err;
    assert_int_equal(btc_tx_check(&tx, &err), 0);
    outs[1].amount = 1;
    assert_int_equal(btc_tx_check(&tx, &err), BTC_EINVALID);
    assert_string_equal(err.text, "outputs add up to more than can exist");
    outs[1].amount = -1;
    assert_int_equal(btc_tx_check(&tx, &err), BTC_EINVALID);
    outs[1].amount = 0;
    ins[1].prev.index = 1;
    assert_int_equal(btc_tx_check(&tx, &err), BTC_EINVALID);
    assert_non_null(strstr(err.text, "twice"));
    ins[1].prev = (struct btc_outpoint){.index = BTC_OUTPOINT_COINBASE_INDEX};
    assert_int_equal(btc_tx_check(&tx, &err), BTC_EINVALID);
    tx.in_count = 1;
    ins[0].prev = ins[1].prev;
    ins[0].script_sig = (struct btc_span){script, 1};
    assert_int_equal(btc_tx_check(&tx, &err), BTC_EINVALID);
    ins[0].script_sig.size = 2;
    assert_int_equal(btc_tx_check(&tx, &err), 0);
    tx.out_count = 0;
    assert_int_equal(btc_tx_check(&tx, &err), BTC_EINVALID);
}

static void lock_time_is_height_or_time(void **state)
{
    (void)state;
    struct btc_tx_in in = {.sequence = 0};
    struct btc_tx tx = {.in_count = 1, .ins = &in, .lock_time = 100};
    assert_false(btc_tx_is_final(&tx, 100, 2000000000));
    assert_true(btc_tx_is_final(&tx, 101, 0));
    tx.lock_time = 1600000000;
    assert_false(btc_tx_is_final(&tx, INT32_MAX, 1600000000));
    assert_true(btc_tx_is_final(&tx, 0, 1600000001));
    in.sequence = BTC_SEQUENCE_FINAL;
    assert_true(btc_tx_is_final(&tx, 0, 0));
}

/* ---- blocks ---- */

static void repeated_transactions_keep_the_root_but_are_noticed(void **state)
{
    (void)state;
    struct btc_hash three[3] = {{{1}}, {{2}}, {{3}}};
    struct btc_hash four[4] = {{{1}}, {{2}}, {{3}}, {{3}}};
    struct btc_hash root;
    struct btc_hash forged;
    bool mutated;
    assert_int_equal(btc_merkle_root(three, 3, &root, &mutated), 0);
    assert_false(mutated);
    assert_int_equal(btc_merkle_root(four, 4, &forged, &mutated), 0);
    assert_true(mutated);
    assert_true(btc_hash_equal(&root, &forged));
}

static void modern_block_parses_and_its_commitments_hold(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("mainnet-block-866342.blk", &size);
    if (!file)
        skip();
    struct btc_block block;
    struct btc_error err;
    assert_int_equal(btc_block_parse(file, size, &block, &err), 0);
    struct btc_hash root;
    bool mutated;
    assert_int_equal(btc_block_merkle_root(&block, &root, &mutated), 0);
    assert_false(mutated);
    assert_true(btc_hash_equal(&root, &block.header.merkle_root));
    assert_int_equal(btc_pow_check(&block.hash, block.header.bits, btc_params_get(BTC_MAIN), &err),
                     0);
    long index = btc_block_commitment_index(&block);
    assert_true(index >= 0);
    struct btc_hash commitment;
    uint8_t script[BTC_COMMITMENT_SCRIPT_SIZE];
    assert_int_equal(
        btc_block_witness_commitment(&block, block.txs[0].ins[0].witness[0].data, &commitment), 0);
    btc_commitment_script(&commitment, script);
    assert_memory_equal(block.txs[0].outs[index].script.data, script, sizeof(script));
    assert_true(btc_block_weight(&block) <= BTC_BLOCK_WEIGHT_MAX);

    size_t inputs = 0;
    struct btc_writer w;
    btc_writer_init(&w, BTC_BLOCK_SIZE_MAX);
    for (size_t i = 0; i < block.tx_count; i++) {
        assert_int_equal(btc_tx_check(&block.txs[i], &err), 0);
        inputs += i > 0 ? block.txs[i].in_count : 0;
        btc_tx_write(&block.txs[i], true, &w);
    }
    assert_int_equal(inputs, 7972);
    assert_memory_equal(w.data, file + size - w.size, w.size);
    btc_writer_free(&w);
    btc_block_free(&block);

    /* Cut anywhere, it is refused; steps of a prime length reach every kind of place. */
    for (size_t cut = 0; cut < size; cut += 7919)
        assert_int_equal(btc_block_parse(file, cut, &block, &err), BTC_EFORMAT);
    free(file);
}

/* ---- scripts ---- */

static void templates_are_recognised_and_rebuilt(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const char *name;
    } scripts[] = {
        {"2103c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac", "p2pk"},
        {"4104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f355"
         "04e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac",
         "p2pk"},
        {"76a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac", "p2pkh"},
        {"a9148280b37df378db99f66f85c95a783a76ac7a6d5987", "p2sh"},
        {"00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1", "p2wpkh"},
        {"00205d1b56b63d714eebe542309525f484b7e9d6f686b3781b6f61ef925d66d6f6a0", "p2wsh"},
        {"51205d1b56b63d714eebe542309525f484b7e9d6f686b3781b6f61ef925d66d6f6a0", "p2tr"},
        {"6a0568656c6c6f", "return"},
        {"2101c9f4836b9a4f77fc0d81f7bcb01b7f1b35916864b9476c241ce9fc198bd25432ac", "other"},
        {"76a9148280b37df378db99f66f85c95a783a76ac7a6d5988ad", "other"},
        {"00151d0f172a0ecb48aee1be1f2687d2963ae33f71a100", "other"},
        {"", "other"},
    };
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct bytes raw = unhex(scripts[i].hex);
        struct btc_script_match match = btc_script_classify(span_of(raw));
        assert_string_equal(btc_script_kind_name(match.kind), scripts[i].name);
        assert_int_equal(btc_script_is_unspendable(span_of(raw)), match.kind == BTC_SCRIPT_RETURN);
        struct btc_script built;
        int rc = btc_script_build(match.kind, match.payload.data, match.payload.size, &built);
        if (match.kind == BTC_SCRIPT_OTHER || match.kind == BTC_SCRIPT_RETURN) {
            assert_int_equal(rc, BTC_EUSAGE);
        } else {
            assert_int_equal(rc, 0);
            assert_int_equal(built.size, raw.size);
            assert_memory_equal(built.bytes, raw.data, raw.size);
        }
        free(raw.data);
    }
}

static void pushes_are_read_in_every_form_and_nothing_else(void **state)
{
    (void)state;
    struct bytes raw = unhex("00"
                             "01aa"
                             "4c02bbbb"
                             "4d0100cc"
                             "4e01000000dd"
                             "51");
    struct btc_span script = span_of(raw);
    static const size_t sizes[] = {0, 1, 2, 1, 1};
    struct btc_span data;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(btc_script_next_push(&script, &data), 1);
        assert_int_equal(data.size, sizes[i]);
    }
    assert_int_equal(btc_script_next_push(&script, &data), BTC_EFORMAT);
    assert_int_equal(script.size, 1);
    free(raw.data);
    raw = unhex("4e050000ffdd");
    script = span_of(raw);
    assert_int_equal(btc_script_next_push(&script, &data), BTC_EFORMAT);
    free(raw.data);
}

static void numbers_are_pushed_as_bip34_wants(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        const char *hex;
    } numbers[] = {{0, "00"},
                   {1, "51"},
                   {16, "60"},
                   {17, "0111"},
                   {127, "017f"},
                   {128, "028000"},
                   {256, "020001"},
                   {-1, "4f"},
                   {-128, "028080"},
                   {227931, "035b7a03"},
                   {8388608, "0400008000"}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct btc_writer w;
        char text[32];
        btc_writer_init(&w, 16);
        btc_script_write_number(&w, numbers[i].number);
        btc_hex_encode(w.data, w.size, text);
        assert_string_equal(text, numbers[i].hex);
        btc_writer_free(&w);
    }
}

static void signature_operations_are_counted(void **state)
{
    (void)state;
    struct bytes raw = unhex("02acac"
                             "ac"
                             "ad"
                             "ae"
                             "af"
                             "51"
                             "4cac");
    assert_int_equal(btc_script_sigops(span_of(raw)), 42);
    free(raw.data);
}

/* ---- signatures ---- */

static void legacy_hashes_agree_with_core(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("core/sighash.json", &size);
    if (!file)
        skip();
    char *at = file;
    int count = 0;
    (void)vectors_next_string(&at); /* the title */
    for (char *tx_hex; (tx_hex = vectors_next_string(&at)); count++) {
        struct bytes raw = unhex(tx_hex);
        struct bytes script = unhex(vectors_next_string(&at));
        char *end;
        unsigned long index = strtoul(at + 1, &end, 10);
        long hash_type = strtol(end + 1, &at, 10);
        struct btc_tx tx;
        struct btc_hash hash;
        assert_int_equal(btc_tx_parse(raw.data, raw.size, &tx, NULL), 0);
        assert_int_equal(
            btc_sighash_legacy(&tx, index, span_of(script), (uint32_t)hash_type, &hash), 0);
        assert_hash(&hash, vectors_next_string(&at));
        btc_tx_free(&tx);
        free(script.data);
        free(raw.data);
    }
    assert_int_equal(count, 500);
    free(file);
}

/* The BIP143 example with its two coins. */
struct example {
    struct bytes raw;
    struct bytes scripts[2];
    struct btc_tx tx;
    struct btc_tx_out spent[2];
};

static struct example example_open(void)
{
    struct example e = {
        unhex(bip143_signed), {unhex(bip143_p2pk), unhex(bip143_p2wpkh)}, {0}, {{0}}};
    assert_int_equal(btc_tx_parse(e.raw.data, e.raw.size, &e.tx, NULL), 0);
    e.spent[0] = (struct btc_tx_out){625000000, span_of(e.scripts[0])};
    e.spent[1] = (struct btc_tx_out){600000000, span_of(e.scripts[1])};
    return e;
}

static void example_close(struct example *e)
{
    btc_tx_free(&e->tx);
    free(e->raw.data);
    free(e->scripts[0].data);
    free(e->scripts[1].data);
}

/* The check of one input of a transaction, all of whose coins are given. */
static int verify(const struct btc_tx *tx, size_t index, const struct btc_tx_out *coins,
                  unsigned flags, struct btc_error *err)
{
    struct btc_spending spending;
    assert_int_equal(btc_spending_prepare(tx, coins, &spending), 0);
    return btc_verify_input(&spending, index, flags, err);
}

static void bip143_example_verifies(void **state)
{
    (void)state;
    struct example e = example_open();
    struct btc_bip143 parts;
    struct btc_hash hash;
    struct btc_script code;
    char text[BTC_HASH_HEX_SIZE];
    assert_int_equal(btc_bip143_prepare(&e.tx, &parts), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2PKH, e.scripts[1].data + 2, 20, &code), 0);
    assert_int_equal(btc_sighash_bip143(&e.tx, &parts, 1, btc_script_span(&code), e.spent[1].amount,
                                        BTC_SIGHASH_ALL, &hash),
                     0);
    btc_hex_encode(hash.bytes, sizeof(hash.bytes), text);
    assert_string_equal(text, bip143_sighash);
    unsigned flags = BTC_VERIFY_DER | BTC_VERIFY_WITNESS;
    struct btc_error err;
    assert_int_equal(verify(&e.tx, 0, e.spent, flags, &err), 0);
    assert_int_equal(verify(&e.tx, 1, e.spent, flags, &err), 0);
    assert_int_equal(verify(&e.tx, 1, e.spent, BTC_VERIFY_DER, &err), BTC_OUTSIDE_TEMPLATES);
    e.spent[1].amount--;
    assert_int_equal(verify(&e.tx, 1, e.spent, flags, &err), BTC_EINVALID);
    assert_string_equal(err.text, "the signature does not verify");
    e.tx.outs[0].amount++;
    assert_int_equal(verify(&e.tx, 0, e.spent, flags, &err), BTC_EINVALID);
    e.scripts[1].data[5] ^= 1;
    assert_int_equal(verify(&e.tx, 1, e.spent, flags, &err), BTC_EINVALID);
    assert_string_equal(err.text, "the public key is not the one that the coin is locked to");
    example_close(&e);
}

/* BIP143, "P2SH-P2WSH": one input, signed with each of the six types. */
static void bip143_types_each_hide_their_part(void **state)
{
    (void)state;
    static const char unsigned_hex[] =
        "010000000136641869ca081e70f394c6948e8af409e18b619df2ed74aa106c1ca29787b96e0100000000"
        "ffffffff0200e9a435000000001976a914389ffce9cd9ae88dcc0631e88a821ffdbe9bfe2688acc0832f"
        "05000000001976a9147480a33f950689af511e6e84c138dbbd3c3ee41588ac00000000";
    static const char script_hex[] =
        "56210307b8ae49ac90a048e9b53357a2354b3334e9c8bee813ecb98e99a7e07e8c3ba32103b28f0c28bf"
        "ab54554ae8c658ac5c3e0ce6e79ad336331f78c428dd43eea8449b21034b8113d703413d57761b8b9781"
        "957b8c0ac1dfe69f492580ca4195f50376ba4a21033400f6afecb833092a9a21cfdf1ed1376e58c5d1f4"
        "7de74683123987e967a8f42103a6d48b1131e94ba04d9737d61acdaa1322008af9602b3b14862c07a178"
        "9aac162102d8b661b0b3302ee2f162b09e07a55ad5dfbe673a9f01d9f0c19617681024306b56ae";
    static const struct {
        uint32_t type;
        const char *hash;
    } types[] = {
        {0x01, "185c0be5263dce5b4bb50a047973c1b6272bfbd0103a89444597dc40b248ee7c"},
        {0x02, "e9733bc60ea13c95c6527066bb975a2ff29a925e80aa14c213f686cbae5d2f36"},
        {0x03, "1e1f1c303dc025bd664acb72e583e933fae4cff9148bf78c157d1e8f78530aea"},
        {0x81, "2a67f03e63a6a422125878b40b82da593be8d4efaafe88ee528af6e5a9955c6e"},
        {0x82, "781ba15f3779d5542ce8ecb5c18716733a5ee42a6f51488ec96154934e2c890a"},
        {0x83, "511e8e52ed574121fc1b654970395502128263f62662e076dc6baf05c2e6a99b"},
    };
    struct bytes raw = unhex(unsigned_hex);
    struct bytes script = unhex(script_hex);
    struct btc_tx tx;
    struct btc_bip143 parts;
    assert_int_equal(btc_tx_parse(raw.data, raw.size, &tx, NULL), 0);
    assert_int_equal(btc_bip143_prepare(&tx, &parts), 0);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct btc_hash hash;
        char text[BTC_HASH_HEX_SIZE];
        assert_int_equal(
            btc_sighash_bip143(&tx, &parts, 0, span_of(script), 987654321, types[i].type, &hash),
            0);
        btc_hex_encode(hash.bytes, sizeof(hash.bytes), text);
        assert_string_equal(text, types[i].hash);
    }
    btc_tx_free(&tx);
    free(script.data);
    free(raw.data);
}

static void ways_of_spending_outside_the_templates_are_not_guessed(void **state)
{
    (void)state;
    struct example e = example_open();
    unsigned flags = BTC_VERIFY_DER | BTC_VERIFY_WITNESS;
    struct btc_error err;
    struct bytes p2sh = unhex("a9148280b37df378db99f66f85c95a783a76ac7a6d5987");
    struct btc_tx_out other[2] = {{1, span_of(p2sh)}, e.spent[1]};
    assert_int_equal(verify(&e.tx, 0, other, flags, &err), BTC_OUTSIDE_TEMPLATES);
    /* A NOP behind the signature: valid on the network, but not the template's way. */
    struct btc_span sig = e.tx.ins[0].script_sig;
    uint8_t longer[80];
    memcpy(longer, sig.data, sig.size);
    longer[sig.size] = 0x61;
    e.tx.ins[0].script_sig = (struct btc_span){longer, sig.size + 1};
    assert_int_equal(verify(&e.tx, 0, e.spent, flags, &err), BTC_OUTSIDE_TEMPLATES);
    e.tx.ins[0].script_sig = sig;
    /* No stack item may have over 520 bytes, however laxly the signature in it could be read. */
    struct btc_writer w;
    uint8_t huge[600] = {0};
    memcpy(huge, sig.data + 1, sig.size - 1);
    huge[sizeof(huge) - 1] = BTC_SIGHASH_ALL;
    btc_writer_init(&w, 1000);
    btc_script_write_push(&w, huge, 520);
    w.data[w.size - 1] = BTC_SIGHASH_ALL;
    e.tx.ins[0].script_sig = (struct btc_span){w.data, w.size};
    assert_int_equal(verify(&e.tx, 0, e.spent, 0, &err), 0);
    assert_int_equal(verify(&e.tx, 0, e.spent, flags, &err), BTC_EINVALID);
    btc_writer_free(&w);
    btc_script_write_push(&w, huge, sizeof(huge));
    e.tx.ins[0].script_sig = (struct btc_span){w.data, w.size};
    assert_int_equal(verify(&e.tx, 0, e.spent, 0, &err), BTC_EINVALID);
    assert_string_equal(err.text, "a push in the input script is over 520 bytes");
    btc_writer_free(&w);
    e.tx.ins[0].script_sig = sig;
    /* Layouts that the rules forbid are refused. */
    e.tx.ins[0].witness = e.tx.ins[1].witness;
    e.tx.ins[0].witness_count = 1;
    assert_int_equal(verify(&e.tx, 0, e.spent, flags, &err), BTC_EINVALID);
    e.tx.ins[1].witness_count = 1;
    assert_int_equal(verify(&e.tx, 1, e.spent, flags, &err), BTC_EINVALID);
    assert_int_equal(verify(&e.tx, 2, e.spent, flags, &err), BTC_EUSAGE);
    free(p2sh.data);
    example_close(&e);
}

/* The same r and s in the encodings that old software wrote, and in some that nobody took. */
static void early_signatures_are_read_laxly(void **state)
{
    (void)state;
    static const char r[] = "3609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a";
    static const char s[] = "573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee";
    static const char key_hex[] =
        "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357";
    static const struct {
        const char *head, *middle, *tail;
        bool strict, lax;
    } forms[] = {
        {"30440220", "0220", "", true, true},
        {"3045022100", "0220", "", false, true}, /* a zero too many */
        {"30440220", "0220", "ff", false, true}, /* something behind */
        {"3000"
         "0220",
         "0220", "", false, true}, /* wrong outer length */
        {"308144"
         "0220",
         "0220", "", false, true}, /* long form where short would do */
        {"30860000000044ff"
         "0220",
         "0220", "", false, true}, /* six bytes of it, not even right */
        {"3046"
         "028120",
         "02820020", "", false, true}, /* the same inside */
        {"31440220", "0220", "", false, false},
        {"30440320", "0220", "", false, false},
        {"30440220", "0221", "", false, false}, /* s runs over the end */
        {"30440220", "02ff", "", false, false},
        {"304402840000000000", "0220", "", false, false}, /* r of no bytes, then no tag */
    };
    struct bytes hash_bytes = unhex(bip143_sighash);
    struct bytes key = unhex(key_hex);
    struct btc_hash hash;
    memcpy(hash.bytes, hash_bytes.data, sizeof(hash.bytes));
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s%s%s%s%s", forms[i].head, r, forms[i].middle, s,
                 forms[i].tail);
        struct bytes der = unhex(text);
        assert_int_equal(btc_ecdsa_verify(span_of(key), span_of(der), true, &hash),
                         forms[i].strict);
        assert_int_equal(btc_ecdsa_verify(span_of(key), span_of(der), false, &hash), forms[i].lax);
        for (size_t size = 0; size + strlen(forms[i].tail) / 2 < der.size; size++) {
            uint8_t *cut = malloc(size + 1); /* exact, for the sanitizer */
            assert_non_null(cut);
            memcpy(cut + 1, der.data, size);
            assert_false(
                btc_ecdsa_verify(span_of(key), (struct btc_span){cut + 1, size}, false, &hash));
            free(cut);
        }
        free(der.data);
    }
    free(key.data);
    free(hash_bytes.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_stays_inside_its_bytes),
        cmocka_unit_test(compact_numbers_have_one_form),
        cmocka_unit_test(counts_that_cannot_be_are_refused),
        cmocka_unit_test(writer_keeps_to_its_maximum),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(error_sentences_are_cut_not_overrun),
        cmocka_unit_test(hashes_agree_with_known_ones),
        cmocka_unit_test(each_genesis_block_is_the_known_one),
        cmocka_unit_test(subsidy_halves_to_nothing),
        cmocka_unit_test(compact_targets_read_as_the_network_does),
        cmocka_unit_test(difficulty_follows_the_time_that_a_period_took),
        cmocka_unit_test(too_little_work_is_refused),
        cmocka_unit_test(transaction_survives_every_cut_and_comes_back_the_same),
        cmocka_unit_test(empty_witnesses_are_not_marked),
        cmocka_unit_test(transactions_that_make_no_sense_are_refused),
        cmocka_unit_test(lock_time_is_height_or_time),
        cmocka_unit_test(repeated_transactions_keep_the_root_but_are_noticed),
        cmocka_unit_test(modern_block_parses_and_its_commitments_hold),
        cmocka_unit_test(templates_are_recognised_and_rebuilt),
        cmocka_unit_test(pushes_are_read_in_every_form_and_nothing_else),
        cmocka_unit_test(numbers_are_pushed_as_bip34_wants),
        cmocka_unit_test(signature_operations_are_counted),
        cmocka_unit_test(legacy_hashes_agree_with_core),
        cmocka_unit_test(bip143_example_verifies),
        cmocka_unit_test(bip143_types_each_hide_their_part),
        cmocka_unit_test(ways_of_spending_outside_the_templates_are_not_guessed),
        cmocka_unit_test(early_signatures_are_read_laxly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
