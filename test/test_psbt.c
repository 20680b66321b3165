/*
 * PSBTs: all vectors of BIP174 (read, refuse, each role's result), taproot by its key (BIP371), and
 * what hostile or contradicting ones are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/psbt.h"
#include "test/support/vectors.h"

#define BIP "bips/bip-0174.mediawiki"
#define TESTNET                                                                                    \
    "tprv8ZgxMBicQKsPd9TeAdPADNnSyH9SSUUbTVeFszDE23Ki6TBB5nCefAdHkK8Fm3qMQR6sHwA56zqRmKmxnHk37Jki" \
    "FzvncDqoKmPWubu7hDF"

/* Between <pre> and </pre> behind `mark`, from *at on, as bytes [owned by the caller]. */
static uint8_t *next_hex(char **at, const char *mark, size_t *ret_size)
{
    *at = strstr(*at, mark);
    assert_non_null(*at);
    char *text = vectors_between(*at, "<pre>", "</pre>", at);
    assert_non_null(text);
    *ret_size = strlen(text) / 2;
    uint8_t *bytes = malloc(*ret_size + 1);
    assert_int_equal(btc_hex_decode(text, *ret_size, bytes), 0);
    return bytes;
}

static struct btc_psbt *parse(const void *data, size_t size)
{
    struct btc_psbt *psbt = NULL;
    struct btc_error err = {0};
    if (btc_psbt_parse(data, size, &psbt, &err) != 0)
        fail_msg("%s", err.text);
    return psbt;
}

static struct btc_psbt *next_psbt(char **at)
{
    size_t size;
    uint8_t *bytes = next_hex(at, "Bytes in Hex: ", &size);
    struct btc_psbt *psbt = parse(bytes, size);
    free(bytes);
    return psbt;
}

/* Everything from `mark` on in the BIP's text, which the caller frees by *ret_file. NULL: no data. */
static char *part_of_bip(const char *mark, char **ret_file)
{
    size_t size;
    *ret_file = vectors_load(BIP, &size);
    if (!*ret_file)
        return NULL;
    char *at = strstr(*ret_file, mark);
    assert_non_null(at);
    return at;
}

static void assert_same(const struct btc_psbt *a, const struct btc_psbt *b)
{
    char *x;
    char *y;
    assert_int_equal(btc_psbt_to_base64(a, &x), 0);
    assert_int_equal(btc_psbt_to_base64(b, &y), 0);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

/* Each case between two marks: its bytes and its base64 text have the same outcome. */
static int check_cases(const char *from, const char *to, bool is_valid)
{
    char *file;
    char *at = part_of_bip(from, &file);
    if (!at)
        skip();
    char *end = strstr(at, to);
    assert_non_null(end);
    *end = '\0';
    int count = 0;
    while (strstr(at, "* Case:")) {
        struct btc_error err = {0};
        struct btc_psbt *psbt = NULL;
        struct btc_psbt *again = NULL;
        char *rest;
        char *name = vectors_between(at, "* Case: ", "\n", &rest);
        size_t size;
        at = rest;
        uint8_t *bytes = next_hex(&at, "Bytes in Hex: ", &size);
        char *text = vectors_between(at, "Base64 String: <pre>", "</pre>", &at);
        int rc = btc_psbt_parse(bytes, size, &psbt, &err);
        if ((rc == 0) != is_valid)
            fail_msg("%s: %s", name, rc == 0 ? "was read" : err.text);
        assert_int_equal(btc_psbt_parse_base64(text, strlen(text), &again, &err), rc);
        if (rc == 0)
            assert_same(psbt, again);
        else
            assert_true(rc == BTC_EFORMAT && err.text[0] != '\0');
        btc_psbt_free(psbt);
        btc_psbt_free(again);
        free(bytes);
        count++;
    }
    free(file);
    return count;
}

static void invalid_ones_are_refused(void **state)
{
    (void)state;
    assert_int_equal(
        check_cases("The following are invalid PSBTs:", "The following are valid PSBTs:", false),
        20);
}

static void valid_ones_are_read_and_written(void **state)
{
    (void)state;
    assert_int_equal(check_cases("The following are valid PSBTs:", "Fails Signer checks", true),
                     10);
}

/* What is known in order comes out as it went in. */
static void writing_gives_the_same_bytes(void **state)
{
    (void)state;
    char *file;
    char *at = part_of_bip("The following are valid PSBTs:", &file);
    if (!at)
        skip();
    int same = 0;
    for (int i = 0; i < 10; i++) {
        struct btc_writer w;
        size_t size;
        uint8_t *bytes = next_hex(&at, "Bytes in Hex: ", &size);
        struct btc_psbt *psbt = parse(bytes, size);
        btc_writer_init(&w, size);
        btc_psbt_write(psbt, &w);
        assert_int_equal(w.failed, 0);
        assert_int_equal(w.size, size);
        same += memcmp(w.data, bytes, size) == 0;
        btc_writer_free(&w);
        btc_psbt_free(psbt);
        free(bytes);
    }
    assert_int_equal(same, 10);
    free(file);
}

/* The BIP's keys: m/0'/0'/number'. */
static void secret_of(uint32_t number, uint8_t ret_secret[BTC_SECRET_SIZE])
{
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    const uint32_t path[] = {BTC_HD_HARDENED, BTC_HD_HARDENED, BTC_HD_HARDENED | number};
    struct btc_hd_node root;
    struct btc_hd_node node;
    assert_int_equal(
        btc_hd_decode(TESTNET, params->bip32_public, params->bip32_private, &root, NULL), 0);
    assert_int_equal(btc_hd_derive(&root, path, 3, &node), 0);
    memcpy(ret_secret, node.secret, BTC_SECRET_SIZE);
}

static void signers_refuse_what_they_must(void **state)
{
    (void)state;
    char *file;
    char *at = part_of_bip("Fails Signer checks", &file);
    if (!at)
        skip();
    for (int i = 0; i < 4; i++) {
        struct btc_psbt *psbt = next_psbt(&at);
        int refused = 0;
        for (size_t in = 0; in < btc_psbt_tx(psbt)->in_count; in++) {
            struct btc_error err = {0};
            uint8_t secret[BTC_SECRET_SIZE];
            secret_of(0, secret);
            int rc = btc_psbt_sign(psbt, in, secret, 0, &err);
            refused += rc == BTC_EINVALID && strstr(err.text, "input") != NULL;
            assert_int_equal(btc_psbt_finalise(psbt, in, NULL) == BTC_EINVALID, rc == BTC_EINVALID);
        }
        assert_int_equal(refused, 1);
        btc_psbt_free(psbt);
    }
    free(file);
}

static size_t tt_hex(char **at, uint8_t *ret_bytes, size_t size_max)
{
    char *text = vectors_between(*at, "<tt>", "</tt>", at);
    size_t size = strlen(text) / 2;
    assert_true(size <= size_max);
    assert_int_equal(btc_hex_decode(text, size, ret_bytes), 0);
    return size;
}

static void creator_makes_the_bips(void **state)
{
    (void)state;
    char *file;
    char *at = part_of_bip("A creator creating a PSBT", &file);
    if (!at)
        skip();
    uint8_t scripts[2][64];
    struct btc_tx_out outs[2] = {{149990000, {scripts[0], 0}}, {100000000, {scripts[1], 0}}};
    struct btc_tx_in ins[2] = {{.prev.index = 0, .sequence = BTC_SEQUENCE_FINAL},
                               {.prev.index = 1, .sequence = BTC_SEQUENCE_FINAL}};
    const struct btc_tx tx = {
        .version = 2, .in_count = 2, .out_count = 2, .ins = ins, .outs = outs};
    struct btc_psbt *made = NULL;
    for (size_t i = 0; i < 2; i++) {
        char *skipped;
        outs[i].script.size = tt_hex(&at, scripts[i], sizeof(scripts[i]));
        assert_non_null(vectors_between(at, "<tt>", "</tt>", &skipped)); /* the amount */
        at = skipped;
    }
    for (size_t i = 0; i < 2; i++) {
        char *skipped;
        assert_int_equal(
            btc_hash_from_hex(vectors_between(at, "<tt>", "</tt>", &skipped), &ins[i].prev.txid),
            0);
        vectors_between(skipped, "<tt>", "</tt>", &at);
    }
    ins[0].script_sig = (struct btc_span){scripts[0], 3}; /* to be left out */
    struct btc_psbt *due = next_psbt(&at);
    assert_int_equal(btc_psbt_create(&tx, &made, NULL), 0);
    assert_same(made, due);
    btc_psbt_free(made);
    btc_psbt_free(due);
    free(file);
}

/* The BIP's updater: `at` stands behind the creator's PSBT. */
static void update(struct btc_psbt *psbt, char **at)
{
    uint8_t bytes[256];
    size_t size;
    struct btc_hd_node root;
    struct btc_key_origin origin = {.path = {BTC_HD_HARDENED, BTC_HD_HARDENED, 0}, .path_count = 3};
    struct btc_tx_out coin;
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    for (size_t i = 0; i < 2; i++) {
        size = tt_hex(at, bytes, sizeof(bytes));
        assert_int_equal(btc_psbt_set_redeem_script(psbt, BTC_PSBT_INPUT, i,
                                                    (struct btc_span){bytes, size}, NULL),
                         0);
    }
    size = tt_hex(at, bytes, sizeof(bytes));
    assert_int_equal(
        btc_psbt_set_witness_script(psbt, BTC_PSBT_INPUT, 1, (struct btc_span){bytes, size}, NULL),
        0);
    /* Two previous transactions: the first is the second input's, of which the coin is enough. */
    uint8_t *second = next_hex(at, "** ", &size);
    struct btc_tx tx;
    assert_int_equal(btc_tx_parse(second, size, &tx, NULL), 0);
    coin = tx.outs[1];
    assert_int_equal(btc_psbt_set_witness_utxo(psbt, 1, &coin, NULL), 0);
    /* It is no transaction of the first input. */
    assert_int_equal(btc_psbt_set_prev_tx(psbt, 0, (struct btc_span){second, size}, NULL),
                     BTC_EINVALID);
    assert_int_equal(btc_psbt_coin(psbt, 0, &coin), BTC_ENOTFOUND);
    uint8_t *first = next_hex(at, "** ", &size);
    assert_int_equal(btc_psbt_set_prev_tx(psbt, 0, (struct btc_span){first, size}, NULL), 0);
    assert_int_equal(
        btc_hd_decode(TESTNET, params->bip32_public, params->bip32_private, &root, NULL), 0);
    assert_int_equal(btc_hd_fingerprint(&root, origin.fingerprint), 0);
    for (uint32_t i = 0; i < 6; i++) {
        struct btc_span key = {bytes, tt_hex(at, bytes, sizeof(bytes))};
        char *skipped;
        vectors_between(*at, "<tt>", "</tt>", &skipped); /* the path, as text */
        *at = skipped;
        origin.path[2] = i | BTC_HD_HARDENED;
        enum btc_psbt_side side = i < 4 ? BTC_PSBT_INPUT : BTC_PSBT_OUTPUT;
        size_t index = i < 4 ? i / 2 : i - 4;
        assert_int_equal(btc_psbt_add_key(psbt, side, index, key, &origin, NULL), 0);
    }
    btc_tx_free(&tx);
    free(first);
    free(second);
}

static void sign_with(struct btc_psbt *psbt, uint32_t first_key, uint32_t second_key)
{
    uint8_t secret[BTC_SECRET_SIZE];
    struct btc_error err = {0};
    secret_of(first_key, secret);
    if (btc_psbt_sign(psbt, 0, secret, BTC_SIGHASH_ALL, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(btc_psbt_sign(psbt, 1, secret, 0, NULL), BTC_PSBT_NOT_OURS);
    secret_of(second_key, secret);
    assert_int_equal(btc_psbt_sign(psbt, 1, secret, 0, NULL), 0);
    assert_int_equal(btc_psbt_sign(psbt, 0, secret, 0, NULL), BTC_PSBT_NOT_OURS);
    /* Other types than the one that is asked for are refused. */
    assert_int_equal(btc_psbt_sign(psbt, 1, secret, BTC_SIGHASH_NONE, NULL), BTC_EINVALID);
    assert_int_equal(btc_psbt_signature_count(psbt, 0), 1);
}

static void each_role_makes_the_bips_result(void **state)
{
    (void)state;
    char *file;
    char *at = part_of_bip("must create this PSBT:", &file);
    if (!at)
        skip();
    struct btc_psbt *psbt = next_psbt(&at);
    update(psbt, &at);
    struct btc_psbt *due = next_psbt(&at);
    assert_same(psbt, due);
    btc_psbt_free(due);

    due = next_psbt(&at);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(btc_psbt_set_sighash(psbt, i, BTC_SIGHASH_ALL, NULL), 0);
    assert_same(psbt, due);

    struct btc_psbt *first = next_psbt(&at);
    sign_with(psbt, 0, 2);
    assert_same(psbt, first);
    struct btc_error err = {0};
    assert_int_equal(btc_psbt_finalise(psbt, 0, &err), BTC_PSBT_NOT_READY);
    assert_non_null(strstr(err.text, "input 0: it has 1 of 2 signatures"));
    struct btc_psbt *second = next_psbt(&at);
    /* The BIP's second signer took a nonce with a high R: what is made here verifies instead. */
    sign_with(due, 1, 3);
    assert_int_equal(btc_psbt_combine(due, first, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(btc_psbt_signature_count(due, i), 2);
        assert_int_equal(btc_psbt_finalise(due, i, NULL), 0);
    }

    struct btc_psbt *both = next_psbt(&at);
    assert_int_equal(btc_psbt_combine(psbt, second, NULL), 0);
    assert_same(psbt, both);
    assert_int_equal(btc_psbt_combine(second, first, NULL), 0); /* in either order */
    assert_same(second, both);

    struct btc_psbt *final = next_psbt(&at);
    struct btc_writer w;
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    assert_int_equal(btc_psbt_extract(psbt, &w, NULL), BTC_PSBT_NOT_READY);
    for (size_t i = 0; i < 2; i++) {
        if (btc_psbt_finalise(psbt, i, &err) != 0)
            fail_msg("%s", err.text);
        assert_true(btc_psbt_is_final(psbt, i));
        assert_int_equal(btc_psbt_finalise(psbt, i, NULL), 0);
    }
    assert_same(psbt, final);

    size_t size;
    uint8_t *raw = next_hex(&at, "Bytes in Hex: ", &size);
    assert_int_equal(btc_psbt_extract(psbt, &w, NULL), 0);
    assert_int_equal(w.size, size);
    assert_memory_equal(w.data, raw, size);
    btc_writer_free(&w);
    free(raw);

    struct btc_psbt *strange = next_psbt(&at);
    struct btc_psbt *stranger = next_psbt(&at);
    struct btc_psbt *all = next_psbt(&at);
    assert_int_equal(btc_psbt_combine(strange, psbt, NULL), BTC_EINVALID);
    assert_int_equal(btc_psbt_combine(strange, stranger, NULL), 0);
    assert_same(strange, all);
    struct btc_psbt *made[] = {psbt, due, first, second, both, final, strange, stranger, all};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        btc_psbt_free(made[i]);
    free(file);
}

/* --- without the BIP's text: coins of single keys --- */

static const uint8_t secret_of_all[BTC_SECRET_SIZE] = {5, 4, 3, [31] = 1};

enum { WPKH, TAPROOT, NESTED, PKH, COIN_COUNT };

struct room {
    uint8_t key[BTC_KEY_SIZE];
    struct btc_script scripts[COIN_COUNT];
    struct btc_script nested;
    struct btc_tx_out coins[COIN_COUNT];
    struct btc_tx_in ins[COIN_COUNT];
    struct btc_tx_out outs[1];
    struct btc_tx tx;
    struct btc_tx_in prev_in;
    struct btc_tx prev; /* has all coins as outputs */
    struct btc_writer prev_raw;
    struct btc_psbt *psbt;
};

static void set_up(struct room *room)
{
    struct btc_hash160 hash;
    struct btc_hash160 nested_hash;
    *room = (struct room){0};
    assert_int_equal(btc_key_of_secret(secret_of_all, room->key), 0);
    assert_int_equal(btc_hash160(room->key, BTC_KEY_SIZE, &hash), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, 20, &room->nested), 0);
    room->scripts[WPKH] = room->nested;
    assert_int_equal(btc_taproot_script(room->key, &room->scripts[TAPROOT]), 0);
    assert_int_equal(btc_hash160(room->nested.bytes, room->nested.size, &nested_hash), 0);
    assert_int_equal(
        btc_script_build(BTC_SCRIPT_P2SH, nested_hash.bytes, 20, &room->scripts[NESTED]), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2PKH, hash.bytes, 20, &room->scripts[PKH]), 0);
    for (size_t i = 0; i < COIN_COUNT; i++)
        room->coins[i] = (struct btc_tx_out){10000, btc_script_span(&room->scripts[i])};
    room->prev_in.prev.txid.bytes[0] = 1;
    room->prev = (struct btc_tx){.version = 2,
                                 .in_count = 1,
                                 .out_count = COIN_COUNT,
                                 .ins = &room->prev_in,
                                 .outs = room->coins};
    assert_int_equal(btc_tx_seal(&room->prev), 0);
    btc_writer_init(&room->prev_raw, BTC_TX_SIZE_MAX);
    btc_tx_write(&room->prev, true, &room->prev_raw);
    for (size_t i = 0; i < COIN_COUNT; i++)
        room->ins[i] = (struct btc_tx_in){.prev = {room->prev.txid, (uint32_t)i},
                                          .sequence = BTC_SEQUENCE_RBF};
    room->outs[0] = (struct btc_tx_out){39000, btc_script_span(&room->scripts[TAPROOT])};
    room->tx = (struct btc_tx){
        .version = 2, .in_count = COIN_COUNT, .out_count = 1, .ins = room->ins, .outs = room->outs};
    assert_int_equal(btc_psbt_create(&room->tx, &room->psbt, NULL), 0);
}

static void tear_down(struct room *room)
{
    btc_psbt_free(room->psbt);
    btc_writer_free(&room->prev_raw);
}

static struct btc_span raw_prev(const struct room *room)
{
    return (struct btc_span){room->prev_raw.data, room->prev_raw.size};
}

static void give_coins(struct room *room)
{
    for (size_t i = 0; i < COIN_COUNT; i++)
        assert_int_equal(i == PKH ? btc_psbt_set_prev_tx(room->psbt, i, raw_prev(room), NULL)
                                  : btc_psbt_set_witness_utxo(room->psbt, i, &room->coins[i], NULL),
                         0);
    assert_int_equal(btc_psbt_set_redeem_script(room->psbt, BTC_PSBT_INPUT, NESTED,
                                                btc_script_span(&room->nested), NULL),
                     0);
}

/* The PSBT goes through its text, as it does between two wallets. */
static void travel(struct room *room)
{
    char *text;
    struct btc_psbt *there = NULL;
    assert_int_equal(btc_psbt_to_base64(room->psbt, &text), 0);
    assert_int_equal(btc_psbt_parse_base64(text, strlen(text), &there, NULL), 0);
    btc_psbt_free(room->psbt);
    room->psbt = there;
    free(text);
}

static void single_keys_sign_and_verify(void **state)
{
    (void)state;
    struct room room;
    struct btc_spending spending;
    struct btc_writer w;
    struct btc_tx tx;
    int64_t fee = 0;
    set_up(&room);
    assert_int_equal(btc_psbt_fee(room.psbt, &fee, NULL), BTC_ENOTFOUND);
    give_coins(&room);
    travel(&room);
    assert_int_equal(btc_psbt_fee(room.psbt, &fee, NULL), 0);
    assert_int_equal(fee, 1000);
    for (size_t i = 0; i < COIN_COUNT; i++) {
        assert_int_equal(btc_psbt_finalise(room.psbt, i, NULL), BTC_PSBT_NOT_READY);
        assert_int_equal(btc_psbt_sign(room.psbt, i, secret_of_all, 0, NULL), 0);
        assert_int_equal(btc_psbt_signature_count(room.psbt, i), 1);
    }
    travel(&room);
    for (size_t i = 0; i < COIN_COUNT; i++)
        assert_int_equal(btc_psbt_finalise(room.psbt, i, NULL), 0);
    travel(&room);
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    assert_int_equal(btc_psbt_extract(room.psbt, &w, NULL), 0);
    assert_int_equal(btc_tx_parse(w.data, w.size, &tx, NULL), 0);
    assert_int_equal(btc_spending_prepare(&tx, room.coins, &spending), 0);
    for (size_t i = 0; i < COIN_COUNT; i++)
        assert_int_equal(btc_verify_input(&spending, i, 31, NULL), 0);
    assert_int_equal(btc_psbt_sign(room.psbt, 0, secret_of_all, 0, NULL), BTC_PSBT_NOT_OURS);
    btc_tx_free(&tx);
    btc_writer_free(&w);
    tear_down(&room);
}

/* What Bitcoin Core's descriptorprocesspsbt makes of the PSBT of give_coins(), not finalised. */
static const char signed_by_core[] =
    "cHNidP8BANkCAAAABPRu7jIDk2yApmlA30QHV/m/0BjDUoh0+hwv9SLdGwNzAAAAAAD9////9G7uMgOTbICmaUDfRAdX"
    "+b/QGMNSiHT6HC/1It0bA3MBAAAAAP3////0bu4yA5NsgKZpQN9EB1f5v9AYw1KIdPocL/Ui3RsDcwIAAAAA/f////Ru"
    "7jIDk2yApmlA30QHV/m/0BjDUoh0+hwv9SLdGwNzAwAAAAD9////AViYAAAAAAAAIlEgYxGwHnR/cMdopkx4OUxOTOVL"
    "QeGWHuW/kvrOlLrU/l0AAAAAAAEBHxAnAAAAAAAAFgAUzJc3a/sYZ+/C/LiULy17o9xbwyciAgPiyw4BcvV6Gxiv4xVG"
    "i8j2KrDV1+IzVAgt7Jv2x5a3tkcwRAIgQ7xzIepuz/MqvpcFVCQ+mlJjRJVqRIdrT/VqPLjlWb4CIEY/BjtBrCTnXn2Z"
    "7CJItv+1GFMsfKJSCzqaL5RJq5CIASIGA+LLDgFy9XobGK/jFUaLyPYqsNXX4jNUCC3sm/bHlre2BMyXN2sAAQErECcA"
    "AAAAAAAiUSBjEbAedH9wx2imTHg5TE5M5UtB4ZYe5b+S+s6UutT+XQETQPeodLgMMl2sA/g5QzyDFLtsyN6iZuU7jy7O"
    "Rk3Gw+JVvYK3GhQxgESavhnJksHLImR0rH4Os3wk7wV8v3ND3bohFuLLDgFy9XobGK/jFUaLyPYqsNXX4jNUCC3sm/bH"
    "lre2BQDMlzdrARcg4ssOAXL1ehsYr+MVRovI9iqw1dfiM1QILeyb9seWt7YAAQEgECcAAAAAAAAXqRT2VXIjlUNycM2u"
    "GX2QTkLYBoTCYociAgPiyw4BcvV6Gxiv4xVGi8j2KrDV1+IzVAgt7Jv2x5a3tkcwRAIgD0k5Wc/n+5+IS7s8HEkFWGPp"
    "7Ec6AqSeoobq+yVM3nQCICr1nKnB/4LPgfHDeZbu8QcjG5AE7dIzELBrxuryWKhHAQEEFgAUzJc3a/sYZ+/C/LiULy17"
    "o9xbwyciBgPiyw4BcvV6Gxiv4xVGi8j2KrDV1+IzVAgt7Jv2x5a3tgTMlzdrAAEAvwIAAAABAQAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEECcAAAAAAAAWABTMlzdr+xhn78L8uJQvLXuj3FvDJxAnAAAAAAAAIlEg"
    "YxGwHnR/cMdopkx4OUxOTOVLQeGWHuW/kvrOlLrU/l0QJwAAAAAAABepFPZVciOVQ3Jwza4ZfZBOQtgGhMJihxAnAAAA"
    "AAAAGXapFMyXN2v7GGfvwvy4lC8te6PcW8MniKwAAAAAIgID4ssOAXL1ehsYr+MVRovI9iqw1dfiM1QILeyb9seWt7ZH"
    "MEQCIHAQDc9R7aivZ3PMX8uwo2tBpZ0zz5NVsNN1yz7Z60pFAiAkl+pvW7OhLkFoXyGIkj8VMEhiOOCcj4v7ClGthJtd"
    "FAEiBgPiyw4BcvV6Gxiv4xVGi8j2KrDV1+IzVAgt7Jv2x5a3tgTMlzdrAAEFIOLLDgFy9XobGK/jFUaLyPYqsNXX4jNU"
    "CC3sm/bHlre2IQfiyw4BcvV6Gxiv4xVGi8j2KrDV1+IzVAgt7Jv2x5a3tgUAzJc3awA=";

/* Their ECDSA signatures are ours, byte for byte; taproot's has other randomness, and verifies. */
static void what_core_signed_is_finalised(void **state)
{
    (void)state;
    struct room room;
    struct btc_psbt *theirs = NULL;
    struct btc_error err = {0};
    set_up(&room);
    give_coins(&room);
    if (btc_psbt_parse_base64(signed_by_core, strlen(signed_by_core), &theirs, &err) != 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < COIN_COUNT; i++)
        assert_int_equal(btc_psbt_sign(room.psbt, i, secret_of_all, 0, NULL), 0);
    /* Of records that both have, those of the first stay. */
    assert_int_equal(btc_psbt_combine(room.psbt, theirs, NULL), 0);
    for (size_t i = 0; i < COIN_COUNT; i++) {
        assert_int_equal(btc_psbt_signature_count(room.psbt, i), 1);
        if (btc_psbt_finalise(theirs, i, &err) != 0 || btc_psbt_finalise(room.psbt, i, &err) != 0)
            fail_msg("%s", err.text);
    }
    struct btc_writer a;
    struct btc_writer b;
    struct btc_tx x;
    struct btc_tx y;
    btc_writer_init(&a, BTC_TX_SIZE_MAX);
    btc_writer_init(&b, BTC_TX_SIZE_MAX);
    assert_int_equal(btc_psbt_extract(room.psbt, &a, NULL), 0);
    assert_int_equal(btc_psbt_extract(theirs, &b, NULL), 0);
    assert_int_equal(btc_tx_parse(a.data, a.size, &x, NULL), 0);
    assert_int_equal(btc_tx_parse(b.data, b.size, &y, NULL), 0);
    assert_true(btc_hash_equal(&x.txid, &y.txid));
    for (size_t i = 0; i < COIN_COUNT; i++) {
        if (i == TAPROOT)
            continue;
        assert_int_equal(x.ins[i].witness_count, y.ins[i].witness_count);
        for (size_t j = 0; j < x.ins[i].witness_count; j++)
            assert_memory_equal(x.ins[i].witness[j].data, y.ins[i].witness[j].data,
                                x.ins[i].witness[j].size);
        assert_int_equal(x.ins[i].script_sig.size, y.ins[i].script_sig.size);
        assert_memory_equal(x.ins[i].script_sig.data, y.ins[i].script_sig.data,
                            x.ins[i].script_sig.size);
    }
    btc_tx_free(&x);
    btc_tx_free(&y);
    btc_writer_free(&a);
    btc_writer_free(&b);
    btc_psbt_free(theirs);
    tear_down(&room);
}

static void fees_are_of_amounts_that_can_be(void **state)
{
    (void)state;
    static const struct {
        int64_t paid; /* of 40000 */
        int rc;
    } cases[] = {
        {40000, 0}, {40001, BTC_EINVALID}, {-1, BTC_EINVALID}, {BTC_MONEY_MAX + 1, BTC_EINVALID}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct room room;
        int64_t fee = -1;
        set_up(&room);
        btc_psbt_free(room.psbt);
        room.outs[0].amount = cases[i].paid;
        assert_int_equal(btc_psbt_create(&room.tx, &room.psbt, NULL), 0);
        give_coins(&room);
        assert_int_equal(btc_psbt_fee(room.psbt, &fee, NULL), cases[i].rc);
        assert_int_equal(fee, cases[i].rc == 0 ? 0 : -1);
        tear_down(&room);
    }
}

static void taproot_wants_every_coin(void **state)
{
    (void)state;
    struct room room;
    struct btc_error err = {0};
    set_up(&room);
    assert_int_equal(btc_psbt_sign(room.psbt, TAPROOT, secret_of_all, 0, &err), BTC_ENOTFOUND);
    assert_int_equal(btc_psbt_set_witness_utxo(room.psbt, TAPROOT, &room.coins[TAPROOT], NULL), 0);
    assert_int_equal(btc_psbt_sign(room.psbt, TAPROOT, secret_of_all, 0, &err), BTC_ENOTFOUND);
    assert_non_null(strstr(err.text, "input 0"));
    give_coins(&room);
    assert_int_equal(btc_psbt_set_sighash(room.psbt, TAPROOT, BTC_SIGHASH_SINGLE, NULL), 0);
    assert_int_equal(btc_psbt_sign(room.psbt, TAPROOT, secret_of_all, 0, &err), BTC_EINVALID);
    assert_int_equal(btc_psbt_sign(room.psbt, TAPROOT, secret_of_all, BTC_SIGHASH_SINGLE, &err),
                     BTC_EUSAGE); /* there is no output 1 */
    assert_int_equal(btc_psbt_set_sighash(room.psbt, TAPROOT, BTC_SIGHASH_ALL, NULL), 0);
    assert_int_equal(btc_psbt_sign(room.psbt, TAPROOT, secret_of_all, 0, &err), 0);
    assert_int_equal(btc_psbt_finalise(room.psbt, TAPROOT, &err), 0);
    tear_down(&room);
}

static void wrong_signatures_are_never_final(void **state)
{
    (void)state;
    struct room room;
    struct btc_error err = {0};
    static const uint8_t schnorr[BTC_SCHNORR_SIZE] = {1};
    uint8_t der[] = {0x30, 6, 2, 1, 1, 2, 1, 1, BTC_SIGHASH_ALL};
    struct btc_span key;
    set_up(&room);
    give_coins(&room);
    key = (struct btc_span){room.key, BTC_KEY_SIZE};
    for (size_t i = 0; i < COIN_COUNT; i++) {
        if (i == TAPROOT)
            assert_int_equal(btc_psbt_set_tap_signature(
                                 room.psbt, i, (struct btc_span){schnorr, sizeof(schnorr)}, NULL),
                             0);
        else
            assert_int_equal(btc_psbt_add_signature(room.psbt, i, key,
                                                    (struct btc_span){der, sizeof(der)}, NULL),
                             0);
        assert_int_equal(btc_psbt_finalise(room.psbt, i, &err), BTC_EINVALID);
        assert_false(btc_psbt_is_final(room.psbt, i));
        assert_int_equal(btc_psbt_signature_count(room.psbt, i), 1);
    }
    /* Of another type than the input asks for. */
    assert_int_equal(btc_psbt_sign(room.psbt, WPKH, secret_of_all, 0x81, NULL), 0);
    assert_int_equal(btc_psbt_set_sighash(room.psbt, WPKH, BTC_SIGHASH_ALL, NULL), 0);
    assert_int_equal(btc_psbt_finalise(room.psbt, WPKH, &err), BTC_EINVALID);
    assert_non_null(strstr(err.text, "0x81"));
    tear_down(&room);
}

static void coins_that_contradict_are_refused(void **state)
{
    (void)state;
    struct room room;
    struct btc_error err = {0};
    struct btc_tx_out coin;
    set_up(&room);
    struct btc_tx_out more = room.coins[WPKH];
    more.amount++;
    assert_int_equal(btc_psbt_set_prev_tx(room.psbt, WPKH, raw_prev(&room), NULL), 0);
    assert_int_equal(btc_psbt_set_witness_utxo(room.psbt, WPKH, &more, &err), BTC_EINVALID);
    assert_non_null(strstr(err.text, "input 0"));
    assert_int_equal(btc_psbt_coin(room.psbt, WPKH, &coin), 0);
    assert_int_equal(coin.amount, room.coins[WPKH].amount);
    assert_int_equal(btc_psbt_set_witness_utxo(room.psbt, WPKH, &room.coins[WPKH], NULL), 0);
    assert_int_equal(btc_psbt_set_witness_utxo(room.psbt, COIN_COUNT, &more, NULL), BTC_EUSAGE);
    /* An output that the previous transaction has not. */
    struct btc_psbt *beyond = NULL;
    room.ins[WPKH].prev.index = COIN_COUNT;
    assert_int_equal(btc_psbt_create(&room.tx, &beyond, NULL), 0);
    assert_int_equal(btc_psbt_set_prev_tx(beyond, WPKH, raw_prev(&room), &err), BTC_EINVALID);
    assert_non_null(strstr(err.text, "it has 4 outputs, the input spends output 4"));
    assert_int_equal(btc_psbt_coin(beyond, WPKH, &coin), BTC_ENOTFOUND);
    btc_psbt_free(beyond);
    /* The same, in a text that says so. */
    char *text;
    struct btc_writer w;
    struct btc_psbt *psbt = NULL;
    assert_int_equal(btc_psbt_set_witness_utxo(room.psbt, TAPROOT, &room.coins[TAPROOT], NULL), 0);
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    btc_psbt_write(room.psbt, &w);
    for (size_t i = 0; i + 8 < w.size; i++) /* the amount in the first coin that stands alone */
        if (memcmp(w.data + i, "\x01\x01\x1f\x10\x27", 5) == 0) {
            w.data[i + 3]++;
            break;
        }
    assert_int_equal(btc_psbt_parse(w.data, w.size, &psbt, &err), BTC_EINVALID);
    assert_non_null(strstr(err.text, "input 0: spent coin"));
    btc_writer_free(&w);
    assert_int_equal(btc_psbt_to_base64(room.psbt, &text), 0);
    free(text);
    tear_down(&room);
}

static void origins_of_keys_are_kept(void **state)
{
    (void)state;
    struct room room;
    struct btc_psbt_key key;
    struct btc_key_origin origin = {{1, 2, 3, 4}, {86 | BTC_HD_HARDENED, 7}, 2};
    set_up(&room);
    struct btc_span span = {room.key, BTC_KEY_SIZE};
    assert_int_equal(btc_psbt_add_key(room.psbt, BTC_PSBT_INPUT, WPKH, span, &origin, NULL), 0);
    origin.path[1] = 8;
    assert_int_equal(
        btc_psbt_set_internal_key(room.psbt, BTC_PSBT_INPUT, TAPROOT, room.key + 1, &origin, NULL),
        0);
    assert_int_equal(
        btc_psbt_set_internal_key(room.psbt, BTC_PSBT_OUTPUT, 0, room.key + 1, &origin, NULL), 0);
    travel(&room);
    assert_int_equal(btc_psbt_key(room.psbt, BTC_PSBT_INPUT, WPKH, 0, &key), 0);
    assert_false(key.is_taproot);
    assert_int_equal(key.key.size, BTC_KEY_SIZE);
    assert_memory_equal(key.key.data, room.key, BTC_KEY_SIZE);
    assert_int_equal(key.origin.path_count, 2);
    assert_int_equal(key.origin.path[1], 7);
    assert_int_equal(btc_psbt_key(room.psbt, BTC_PSBT_INPUT, WPKH, 1, &key), BTC_ENOTFOUND);
    assert_int_equal(btc_psbt_key(room.psbt, BTC_PSBT_INPUT, TAPROOT, 0, &key), 0);
    assert_true(key.is_taproot);
    assert_memory_equal(key.origin.fingerprint, origin.fingerprint, 4);
    assert_int_equal(key.origin.path[0], 86 | BTC_HD_HARDENED);
    assert_int_equal(key.origin.path[1], 8);
    assert_int_equal(btc_psbt_key(room.psbt, BTC_PSBT_OUTPUT, 0, 0, &key), 0);
    assert_int_equal(btc_psbt_key(room.psbt, BTC_PSBT_OUTPUT, 1, 0, &key), BTC_ENOTFOUND);
    span.size = 32;
    assert_int_equal(btc_psbt_add_key(room.psbt, BTC_PSBT_INPUT, WPKH, span, &origin, NULL),
                     BTC_EUSAGE);
    tear_down(&room);
}

/* --- hostile text --- */

#define ZEROS_HEX "00000000000000000000000000000000000000000000000000000000000000" /* 31 bytes */

static int parse_records(const char *global, const char *input, char *ret_text, size_t text_size)
{
    /* One input, no output. */
    static const char tx[] = "01003302000000"
                             "01"
                             "01" ZEROS_HEX "00000000"
                             "00"
                             "ffffffff"
                             "00"
                             "00000000";
    char hex[8192];
    uint8_t bytes[4096];
    struct btc_psbt *psbt = NULL;
    struct btc_error err = {0};
    snprintf(hex, sizeof(hex), "70736274ff%s%s00%s00", tx, global, input);
    size_t size = strlen(hex) / 2;
    assert_int_equal(btc_hex_decode(hex, size, bytes), 0);
    int rc = btc_psbt_parse(bytes, size, &psbt, &err);
    btc_psbt_free(psbt);
    snprintf(ret_text, text_size, "%s", err.text);
    return rc;
}

#define KEY_HEX "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define OFF_HEX "0000000000000000000000000000000000000000000000000000000000000005"

static void errors_name_the_field_and_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *global;
        const char *input;
        int rc;
        const char *text;
    } cases[] = {
        {"", "", 0, ""},
        {"",
         "0113"
         "3f",
         BTC_EFORMAT, "offset"},
        {"",
         "0103"
         "03"
         "010000",
         BTC_EFORMAT, "hash type (type 0x03)"},
        {"",
         "020300"
         "04"
         "01000000",
         BTC_EFORMAT, "hash type (type 0x03)"},
        {"01fb"
         "04"
         "02000000",
         "", BTC_EFORMAT, "version 2"},
        {"01fb"
         "04"
         "00000000",
         "", 0, ""},
        {"0100"
         "00",
         "", BTC_EFORMAT, "twice"},
        {"",
         "0103"
         "04"
         "01000000"
         "0103"
         "04"
         "02000000",
         BTC_EFORMAT, "twice"},
        {"",
         "0117"
         "20" KEY_HEX,
         0, ""},
        {"",
         "0117"
         "20" OFF_HEX,
         BTC_EFORMAT, "taproot internal key"},
        {"",
         "2116" KEY_HEX "05"
         "00"
         "01020304",
         0, ""},
        {"",
         "2116" KEY_HEX "09"
         "00"
         "01020304"
         "00000000",
         0, ""},
        {"",
         "2116" KEY_HEX "08"
         "00"
         "01020304"
         "000000",
         BTC_EFORMAT, "origin of a taproot key"},
        {"",
         "2116" KEY_HEX "05"
         "01"
         "01020304",
         BTC_EFORMAT, "leaf hashes"},
        {"",
         "2116" OFF_HEX "05"
         "00"
         "01020304",
         BTC_EFORMAT, "origin of a taproot key"},
        {"",
         "220602" KEY_HEX "04"
         "01020304",
         0, ""},
        {"",
         "220602" KEY_HEX "03"
         "010203",
         BTC_EFORMAT, "origin of a key"},
        {"",
         "220602" OFF_HEX "04"
         "01020304",
         BTC_EFORMAT, "origin of a key"},
        {"",
         "220202" KEY_HEX "01"
         "01",
         BTC_EFORMAT, "partial signature"},
        {"",
         "0108"
         "03"
         "020100",
         BTC_EFORMAT, "final witness"},
        {"",
         "0108"
         "03"
         "010100",
         0, ""},
        {"",
         "0108"
         "09"
         "ffffffffffffffffff",
         BTC_EFORMAT, "final witness"},
        {"",
         "01010b01000000000000000151"
         "00",
         BTC_EFORMAT, "too many"},
        {"",
         "0100"
         "04"
         "02000000",
         BTC_EFORMAT, "previous transaction"},
        {"",
         "0114"
         "40" KEY_HEX KEY_HEX,
         BTC_EFORMAT, "taproot script signature"},
        {"",
         "03fd0100"
         "00",
         BTC_EFORMAT, "type"},
        {"",
         "0401020304"
         "feffffffff",
         BTC_EFORMAT, "value"},
        {"", "fdffff", BTC_EFORMAT, "key"},
        {"", "fc", BTC_EFORMAT, "key"},
        {"",
         "02fc01"
         "00",
         0, ""},
        {"",
         "00"
         "00",
         BTC_EFORMAT, "behind the PSBT"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[BTC_ERROR_TEXT_SIZE];
        int rc = parse_records(cases[i].global, cases[i].input, text, sizeof(text));
        if (rc != cases[i].rc || !strstr(text, cases[i].text))
            fail_msg("case %zu: %d, \"%s\" instead of %d, \"%s\"", i, rc, text, cases[i].rc,
                     cases[i].text);
        if (rc != 0)
            assert_true(strstr(text, "offset") || strstr(text, "version 2"));
    }
}

static void no_psbt_is_over_its_bounds(void **state)
{
    (void)state;
    struct btc_error err = {0};
    struct btc_psbt *psbt = NULL;
    uint8_t *zeros = calloc(1, BTC_PSBT_SIZE_MAX + 1);
    assert_int_equal(btc_psbt_parse(zeros, BTC_PSBT_SIZE_MAX + 1, &psbt, &err), BTC_ELIMIT);
    assert_int_equal(btc_psbt_parse(zeros, BTC_PSBT_SIZE_MAX, &psbt, &err), BTC_EFORMAT);
    assert_int_equal(btc_psbt_parse(zeros, 0, &psbt, &err), BTC_EFORMAT);
    /* More records than there may be: with keys of three bytes, all different. */
    struct btc_writer w;
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    btc_write_bytes(&w, "psbt\xff", 5);
    for (uint32_t i = 0; i <= BTC_PSBT_RECORDS_MAX; i++) {
        btc_write_u8(&w, 4);
        btc_write_u32(&w, i << 8 | 0xfc);
        btc_write_u8(&w, 0);
    }
    assert_int_equal(btc_psbt_parse(w.data, w.size, &psbt, &err), BTC_ELIMIT);
    assert_non_null(strstr(err.text, "too many"));
    btc_writer_free(&w);
    /* Half of them each, in turns: put together without moving all for each. */
    struct btc_psbt *halves[2];
    for (uint32_t half = 0; half < 2; half++) {
        btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
        btc_write_bytes(&w, "psbt\xff\x01\x00\x0a", 8);
        btc_write_bytes(&w, zeros, 10);
        for (uint32_t i = 0; i < BTC_PSBT_RECORDS_MAX / 2 - 1; i++) {
            btc_write_u8(&w, 4);
            btc_write_u32(&w, (2 * i + half) << 8 | 0xfc);
            btc_write_u8(&w, 0);
        }
        btc_write_u8(&w, 0);
        halves[half] = parse(w.data, w.size);
        btc_writer_free(&w);
    }
    assert_int_equal(btc_psbt_combine(halves[0], halves[1], &err), 0);
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    btc_psbt_write(halves[0], &w);
    assert_int_equal(w.size, 5 + 13 + 6 * (BTC_PSBT_RECORDS_MAX - 2) + 1);
    btc_psbt_free(halves[1]);
    halves[1] = parse(w.data, w.size);
    assert_same(halves[0], halves[1]);
    btc_writer_free(&w);
    btc_psbt_free(halves[0]);
    btc_psbt_free(halves[1]);
    /* And no record may be put that makes it too large. */
    struct room room;
    set_up(&room);
    assert_int_equal(btc_psbt_set_redeem_script(room.psbt, BTC_PSBT_INPUT, 0,
                                                (struct btc_span){zeros, BTC_PSBT_SIZE_MAX - 8},
                                                NULL),
                     BTC_ELIMIT);
    tear_down(&room);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_ones_are_refused),
        cmocka_unit_test(valid_ones_are_read_and_written),
        cmocka_unit_test(writing_gives_the_same_bytes),
        cmocka_unit_test(signers_refuse_what_they_must),
        cmocka_unit_test(creator_makes_the_bips),
        cmocka_unit_test(each_role_makes_the_bips_result),
        cmocka_unit_test(single_keys_sign_and_verify),
        cmocka_unit_test(what_core_signed_is_finalised),
        cmocka_unit_test(fees_are_of_amounts_that_can_be),
        cmocka_unit_test(taproot_wants_every_coin),
        cmocka_unit_test(wrong_signatures_are_never_final),
        cmocka_unit_test(coins_that_contradict_are_refused),
        cmocka_unit_test(origins_of_keys_are_kept),
        cmocka_unit_test(errors_name_the_field_and_the_place),
        cmocka_unit_test(no_psbt_is_over_its_bounds),
    };
    return cmocka_run_group_tests_name("psbt", tests, NULL, NULL);
}
