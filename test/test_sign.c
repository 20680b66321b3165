/*
 * Signing inputs: BIP341's vectors to the byte, and for every template and hash type that what is
 * signed verifies, that a change to it doesn't, and that it weighs what was foretold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/sign.h"
#include "test/support/vectors.h"

#define VERIFY_ALL                                                                \
    (BTC_VERIFY_DER | BTC_VERIFY_WITNESS | BTC_VERIFY_P2SH | BTC_VERIFY_TAPROOT | \
     BTC_VERIFY_NULL_DUMMY)

static size_t unhex(const char *text, uint8_t *ret_bytes, size_t size_max)
{
    size_t size = strlen(text) / 2;
    assert_true(size <= size_max);
    assert_int_equal(btc_hex_decode(text, size, ret_bytes), 0);
    return size;
}

/* Move behind "name": in JSON. False: it comes no more before `end`. */
static bool move_behind(char **at, const char *name, const char *end)
{
    char *found = strstr(*at, name);
    if (!found || (end && found > end))
        return false;
    *at = found + strlen(name);
    return true;
}

static void taproot_signs_as_bip341_says(void **state)
{
    (void)state;
    enum { COINS_MAX = 16 };
    static uint8_t raw[4096];
    static uint8_t scripts[COINS_MAX][64];
    struct btc_tx_out coins[COINS_MAX];
    struct btc_spending spending;
    struct btc_tx tx;
    size_t count = 0;
    size_t size;
    char *file = vectors_load("core/bip341_wallet_vectors.json", &size);
    if (!file)
        skip();
    char *at = file;
    assert_true(move_behind(&at, "\"keyPathSpending\":", NULL));
    assert_true(move_behind(&at, "\"rawUnsignedTx\":", NULL));
    size = unhex(vectors_next_string(&at), raw, sizeof(raw));
    assert_int_equal(btc_tx_parse(raw, size, &tx, NULL), 0);
    const char *end = strstr(at, "\"inputSpending\":");
    while (move_behind(&at, "\"scriptPubKey\":", end)) {
        assert_true(count < COINS_MAX);
        size = unhex(vectors_next_string(&at), scripts[count], sizeof(scripts[count]));
        assert_true(move_behind(&at, "\"amountSats\":", end));
        coins[count] = (struct btc_tx_out){strtoll(at, NULL, 10), {scripts[count], size}};
        count++;
    }
    assert_int_equal(count, tx.in_count);
    assert_int_equal(btc_spending_prepare(&tx, coins, &spending), 0);

    static const uint8_t aux[BTC_SCHNORR_AUX_SIZE];
    count = 0;
    while (move_behind(&at, "\"txinIndex\":", NULL)) {
        uint8_t secret[BTC_SECRET_SIZE], root[BTC_HASH_SIZE], due[BTC_SIGNATURE_SIZE_MAX];
        struct btc_sign_options options = {.aux = aux};
        struct btc_signed it;
        size_t index = strtoul(at, NULL, 10);
        assert_true(move_behind(&at, "\"internalPrivkey\":", NULL));
        unhex(vectors_next_string(&at), secret, sizeof(secret));
        assert_true(move_behind(&at, "\"merkleRoot\":", NULL));
        if (at[strspn(at, " ")] == '"') {
            unhex(vectors_next_string(&at), root, sizeof(root));
            options.merkle_root = root;
        }
        assert_true(move_behind(&at, "\"hashType\":", NULL));
        options.hash_type = (uint32_t)strtoul(at, NULL, 10);
        assert_true(move_behind(&at, "\"witness\":", NULL));
        size = unhex(vectors_next_string(&at), due, sizeof(due));
        assert_int_equal(btc_sign_input(&spending, index, secret, &options, &it, NULL), 0);
        assert_int_equal(it.signature_size, size);
        assert_memory_equal(it.signature, due, size);
        btc_sign_put(&it, &tx.ins[index]);
        assert_int_equal(btc_verify_input(&spending, index, VERIFY_ALL, NULL), 0);
        count++;
    }
    assert_int_equal(count, 7);
    btc_tx_free(&tx);
    free(file);
}

/* One coin of each kind that can be signed, all of one secret. */
enum { LONG_PK, SHORT_PK, LONG_PKH, SHORT_PKH, WPKH, NESTED, TAPROOT, TAPROOT_ROOT, KIND_COUNT };

static const uint8_t secret_of_all[BTC_SECRET_SIZE] = {1, 2, 3, [31] = 4};
static const uint8_t root_of_all[BTC_HASH_SIZE] = {9, 8, 7};

struct room {
    struct btc_script scripts[KIND_COUNT];
    struct btc_tx_out coins[KIND_COUNT];
    struct btc_tx_in ins[KIND_COUNT];
    struct btc_tx_out outs[2];
    struct btc_tx tx;
    struct btc_spending spending;
    struct btc_signed signatures[KIND_COUNT];
};

static void build(enum btc_script_kind kind, const void *data, size_t size,
                  struct btc_script *ret_script)
{
    struct btc_hash160 hash;
    if (kind == BTC_SCRIPT_P2PKH || kind == BTC_SCRIPT_P2WPKH || kind == BTC_SCRIPT_P2SH) {
        assert_int_equal(btc_hash160(data, size, &hash), 0);
        data = hash.bytes;
        size = sizeof(hash.bytes);
    }
    assert_int_equal(btc_script_build(kind, data, size, ret_script), 0);
}

static void make_room(struct room *room, size_t outs)
{
    uint8_t key[BTC_KEY_SIZE], longer[BTC_KEY_LONG_SIZE], output[BTC_XONLY_SIZE];
    struct btc_script nested;
    *room = (struct room){0};
    assert_int_equal(btc_key_of_secret(secret_of_all, key), 0);
    assert_int_equal(btc_key_expand(key, longer), 0);
    build(BTC_SCRIPT_P2PK, longer, sizeof(longer), &room->scripts[LONG_PK]);
    build(BTC_SCRIPT_P2PK, key, sizeof(key), &room->scripts[SHORT_PK]);
    build(BTC_SCRIPT_P2PKH, longer, sizeof(longer), &room->scripts[LONG_PKH]);
    build(BTC_SCRIPT_P2PKH, key, sizeof(key), &room->scripts[SHORT_PKH]);
    build(BTC_SCRIPT_P2WPKH, key, sizeof(key), &room->scripts[WPKH]);
    build(BTC_SCRIPT_P2WPKH, key, sizeof(key), &nested);
    build(BTC_SCRIPT_P2SH, nested.bytes, nested.size, &room->scripts[NESTED]);
    assert_int_equal(btc_taproot_script(key, &room->scripts[TAPROOT]), 0);
    assert_int_equal(btc_taproot_output_key(key + 1, root_of_all, output), 0);
    build(BTC_SCRIPT_P2TR, output, sizeof(output), &room->scripts[TAPROOT_ROOT]);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        room->coins[i] = (struct btc_tx_out){1000 + (int64_t)i, btc_script_span(&room->scripts[i])};
        room->ins[i].prev.txid.bytes[0] = (uint8_t)(i + 1);
        room->ins[i].prev.index = (uint32_t)i;
        room->ins[i].sequence = BTC_SEQUENCE_RBF;
    }
    room->outs[0] = (struct btc_tx_out){500, btc_script_span(&room->scripts[WPKH])};
    room->outs[1] = (struct btc_tx_out){600, btc_script_span(&room->scripts[TAPROOT])};
    room->tx = (struct btc_tx){.version = 2,
                               .lock_time = 77,
                               .in_count = KIND_COUNT,
                               .out_count = outs,
                               .ins = room->ins,
                               .outs = room->outs};
    assert_int_equal(btc_spending_prepare(&room->tx, room->coins, &room->spending), 0);
}

static int sign(struct room *room, size_t index, uint32_t hash_type)
{
    struct btc_sign_options options = {.hash_type = hash_type,
                                       .merkle_root = index == TAPROOT_ROOT ? root_of_all : NULL};
    return btc_sign_input(&room->spending, index, secret_of_all, &options, &room->signatures[index],
                          NULL);
}

static void every_template_and_hash_type_verifies(void **state)
{
    (void)state;
    static const uint32_t types[] = {0, 1, 2, 3, 0x81, 0x82, 0x83};
    struct room room;
    make_room(&room, 2);
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (size_t i = 0; i < KIND_COUNT; i++) {
            if ((types[t] & 3) == BTC_SIGHASH_SINGLE && i >= room.tx.out_count) {
                assert_int_equal(sign(&room, i, types[t]), BTC_EUSAGE);
                continue;
            }
            assert_int_equal(sign(&room, i, types[t]), 0);
            btc_sign_put(&room.signatures[i], &room.ins[i]);
            assert_int_equal(btc_verify_input(&room.spending, i, VERIFY_ALL, NULL), 0);
            /* And no longer with one bit of it changed. */
            room.signatures[i].signature[20] ^= 1;
            room.signatures[i].script_sig[20] ^= 1;
            assert_int_equal(btc_verify_input(&room.spending, i, VERIFY_ALL, NULL), BTC_EINVALID);
        }
    }
    assert_int_equal(sign(&room, WPKH, 4), BTC_EUSAGE);
    assert_int_equal(sign(&room, TAPROOT, 0x80), BTC_EUSAGE);
    assert_int_equal(sign(&room, KIND_COUNT, 0), BTC_EUSAGE);
}

static void signatures_cover_what_they_should(void **state)
{
    (void)state;
    struct room room;
    make_room(&room, 2);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        assert_int_equal(sign(&room, i, 0), 0);
        btc_sign_put(&room.signatures[i], &room.ins[i]);
    }
    room.outs[1].amount++;
    assert_int_equal(btc_spending_prepare(&room.tx, room.coins, &room.spending), 0);
    for (size_t i = 0; i < KIND_COUNT; i++)
        assert_int_equal(btc_verify_input(&room.spending, i, VERIFY_ALL, NULL), BTC_EINVALID);
    room.outs[1].amount--;
    room.coins[LONG_PK].amount++; /* another input's: only taproot minds */
    assert_int_equal(btc_spending_prepare(&room.tx, room.coins, &room.spending), 0);
    for (size_t i = 0; i < KIND_COUNT; i++)
        assert_int_equal(btc_verify_input(&room.spending, i, VERIFY_ALL, NULL),
                         i >= TAPROOT ? BTC_EINVALID : 0);
}

static void coins_of_others_are_left_alone(void **state)
{
    (void)state;
    static const uint8_t other[BTC_SECRET_SIZE] = {7};
    static const uint8_t none[BTC_SECRET_SIZE];
    struct room room;
    struct btc_signed it = {.signature_size = 99};
    make_room(&room, 2);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        assert_int_equal(btc_sign_input(&room.spending, i, other, NULL, &it, NULL),
                         BTC_SIGN_NOT_OURS);
        assert_int_equal(btc_sign_input(&room.spending, i, none, NULL, &it, NULL), BTC_EUSAGE);
    }
    /* Taproot's output key is another with and without scripts. */
    assert_int_equal(btc_sign_input(&room.spending, TAPROOT_ROOT, secret_of_all, NULL, &it, NULL),
                     BTC_SIGN_NOT_OURS);
    static const uint8_t foreign[] = {BTC_OP_RETURN, 1, 2};
    room.coins[WPKH].script = (struct btc_span){foreign, sizeof(foreign)};
    assert_int_equal(sign(&room, WPKH, 0), BTC_SIGN_NOT_OURS);
    room.coins[WPKH].script = (struct btc_span){NULL, 0};
    assert_int_equal(sign(&room, WPKH, 0), BTC_SIGN_NOT_OURS);
    assert_int_equal(it.signature_size, 99);
}

/* Of compressed keys: those are what weights are foretold for. */
static void weights_are_what_was_foretold(void **state)
{
    (void)state;
    static const size_t kinds[] = {SHORT_PK, SHORT_PKH, WPKH, NESTED, TAPROOT};
    enum { COUNT = sizeof(kinds) / sizeof(kinds[0]) };
    struct room room;
    make_room(&room, 2);
    /* Each alone, and all together: legacy inputs weigh one more beside witnesses. */
    for (size_t first = 0; first <= COUNT; first++) {
        struct btc_tx_in ins[COUNT];
        struct btc_tx tx = room.tx;
        size_t shorter = 0; /* weight that signatures stay below their full length */
        bool has_witness = first >= 2;
        tx.ins = ins;
        tx.in_count = 0;
        for (size_t i = 0; i < COUNT; i++) {
            if (first < COUNT && i != first)
                continue;
            assert_int_equal(sign(&room, kinds[i], 0), 0);
            struct btc_signed *it = &room.signatures[kinds[i]];
            ins[tx.in_count] = room.ins[kinds[i]];
            btc_sign_put(it, &ins[tx.in_count++]);
            if (kinds[i] != TAPROOT)
                shorter += (BTC_DER_SIZE_MAX + 1 - it->signature_size) * (i < 2 ? 4 : 1);
        }
        size_t foretold = btc_weight_of_frame(tx.in_count, tx.out_count, has_witness);
        for (size_t i = 0; i < COUNT; i++)
            if (first == COUNT || i == first)
                foretold += btc_weight_of_input(
                    btc_script_classify(room.coins[kinds[i]].script).kind, has_witness);
        for (size_t i = 0; i < tx.out_count; i++)
            foretold += btc_weight_of_output(tx.outs[i].script.size);
        assert_int_equal(btc_tx_seal(&tx), 0);
        assert_int_equal(btc_tx_weight(&tx) + shorter, foretold);
    }
    assert_int_equal(btc_weight_of_input(BTC_SCRIPT_P2WSH, true), 0);
    assert_int_equal(btc_weight_of_input(BTC_SCRIPT_OTHER, false), 0);
    /* Counts over 252 take three bytes. */
    assert_int_equal(btc_weight_of_frame(253, 253, true) - btc_weight_of_frame(252, 252, true), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taproot_signs_as_bip341_says),
        cmocka_unit_test(every_template_and_hash_type_verifies),
        cmocka_unit_test(signatures_cover_what_they_should),
        cmocka_unit_test(coins_of_others_are_left_alone),
        cmocka_unit_test(weights_are_what_was_foretold),
    };
    return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
