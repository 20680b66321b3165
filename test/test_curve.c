/*
 * Secrets on the curve and base64: against BIP340's vectors, BIP341's and BIP86's keys, and
 * signatures that Bitcoin Core and others are known to make of the same secrets and texts.
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
#include "actors/bitcoin/base64.h"
#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/origin.h"
#include "actors/bitcoin/sig.h"
#include "test/support/vectors.h"

static size_t unhex(const char *text, uint8_t *ret_bytes, size_t size_max)
{
    size_t size = strlen(text) / 2;
    assert_true(size <= size_max);
    assert_int_equal(btc_hex_decode(text, size, ret_bytes), 0);
    return size;
}

static void assert_hex(const void *data, size_t size, const char *hex)
{
    char text[512];
    assert_true(2 * size < sizeof(text));
    btc_hex_encode(data, size, text);
    assert_string_equal(text, hex);
}

/* The field of a line of comma-separated values, cut out in place. */
static char *next_field(char **at)
{
    char *field = *at;
    char *end = strchr(field, ',');
    *at = end ? end + 1 : field + strlen(field);
    if (end)
        *end = '\0';
    return field;
}

static void schnorr_signs_as_bip340_says(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("bips/bip-0340_test-vectors.csv", &size);
    if (!file)
        skip();
    int count = 0;
    char *at = file;
    for (char *line = vectors_next_line(&at); (line = vectors_next_line(&at));) {
        uint8_t secret[BTC_SECRET_SIZE], aux[BTC_SCHNORR_AUX_SIZE], due[BTC_SCHNORR_SIZE];
        uint8_t signature[BTC_SCHNORR_SIZE], key[BTC_KEY_SIZE], key_due[BTC_XONLY_SIZE];
        struct btc_hash hash;
        next_field(&line);
        const char *secret_hex = next_field(&line);
        const char *key_hex = next_field(&line);
        const char *aux_hex = next_field(&line);
        const char *hash_hex = next_field(&line);
        if (!*secret_hex || strlen(hash_hex) != 2 * BTC_HASH_SIZE)
            continue; /* to verify only, or of a message that is no hash */
        unhex(secret_hex, secret, sizeof(secret));
        unhex(key_hex, key_due, sizeof(key_due));
        unhex(aux_hex, aux, sizeof(aux));
        unhex(hash_hex, hash.bytes, sizeof(hash.bytes));
        unhex(next_field(&line), due, sizeof(due));
        assert_int_equal(btc_schnorr_sign(secret, &hash, aux, signature), 0);
        assert_memory_equal(signature, due, sizeof(due));
        assert_int_equal(btc_key_of_secret(secret, key), 0);
        assert_memory_equal(key + 1, key_due, sizeof(key_due));
        /* Without given randomness two signatures differ. */
        assert_int_equal(btc_schnorr_sign(secret, &hash, NULL, due), 0);
        assert_memory_not_equal(signature, due, sizeof(due));
        count++;
    }
    assert_int_equal(count, 4);
    free(file);
}

static void ecdsa_signs_deterministically(void **state)
{
    (void)state;
    static const struct {
        const char *secret;
        const char *text;
        bool twice; /* hashed */
        const char *der;
    } known[] = {
        {"f8b8af8ce3c7cca5e300d33939540c10d45ce001b8f252bfbc57ba0342904181", "Alan Turing", false,
         "304402207063ae83e7f62bbb171798131b4a0564b956930092b33b07b395615d9ec7e15c022058dfcc1e00a35"
         "e"
         "1572f366ffe34ba0fc47db1e7189759b9fb233c5b05ab388ea"},
        {"12b004fff7f4b69ef8650e767f18f11ede158148b425660723b9f9a66e61f747",
         "Very deterministic message", true,
         "304402205dbbddda71772d95ce91cd2d14b592cfbc1dd0aabd6a394b6c2d377bbe59d31d022014ddda21494a4"
         "e"
         "221f0824f0b8b924c43fa43c0ad57dccdaa11f81a6bd4582f6"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        uint8_t secret[BTC_SECRET_SIZE];
        uint8_t der[BTC_DER_SIZE_MAX];
        struct btc_hash hash;
        size_t size;
        size_t length = strlen(known[i].text);
        unhex(known[i].secret, secret, sizeof(secret));
        assert_int_equal(known[i].twice ? btc_sha256d(known[i].text, length, &hash)
                                        : btc_sha256(known[i].text, length, &hash),
                         0);
        assert_int_equal(btc_ecdsa_sign(secret, &hash, der, &size), 0);
        assert_hex(der, size, known[i].der);
    }
}

/* Half of all hashes would give a high R: 64 of them that don't are no accident. */
static void ecdsa_has_low_r_and_verifies(void **state)
{
    (void)state;
    uint8_t secret[BTC_SECRET_SIZE] = {[31] = 7};
    uint8_t key[BTC_KEY_SIZE];
    assert_int_equal(btc_key_of_secret(secret, key), 0);
    for (uint8_t i = 0; i < 64; i++) {
        struct btc_hash hash;
        uint8_t der[BTC_DER_SIZE_MAX];
        size_t size;
        assert_int_equal(btc_sha256(&i, 1, &hash), 0);
        assert_int_equal(btc_ecdsa_sign(secret, &hash, der, &size), 0);
        assert_true(size <= BTC_DER_SIZE_MAX && der[3] <= 32);
        assert_true(btc_ecdsa_verify((struct btc_span){key, sizeof(key)},
                                     (struct btc_span){der, size}, true, &hash));
        hash.bytes[0] ^= 1;
        assert_false(btc_ecdsa_verify((struct btc_span){key, sizeof(key)},
                                      (struct btc_span){der, size}, true, &hash));
    }
}

static void secrets_out_of_range_sign_nothing(void **state)
{
    (void)state;
    static const struct btc_hash hash;
    uint8_t bad[2][BTC_SECRET_SIZE] = {{0}};
    memset(bad[1], 0xff, sizeof(bad[1]));
    for (size_t i = 0; i < 2; i++) {
        uint8_t out[BTC_RECOVERABLE_SIZE];
        uint8_t der[BTC_DER_SIZE_MAX];
        size_t size;
        assert_int_equal(btc_key_of_secret(bad[i], out), BTC_EINVALID);
        assert_int_equal(btc_ecdsa_sign(bad[i], &hash, der, &size), BTC_EINVALID);
        assert_int_equal(btc_schnorr_sign(bad[i], &hash, NULL, out), BTC_EINVALID);
        assert_int_equal(btc_recoverable_sign(bad[i], &hash, out), BTC_EINVALID);
        assert_int_equal(btc_taproot_output_secret(bad[i], NULL, out), BTC_EINVALID);
    }
}

static void keys_are_recovered_from_signatures(void **state)
{
    (void)state;
    uint8_t secret[BTC_SECRET_SIZE] = {[0] = 9};
    uint8_t key[BTC_KEY_SIZE];
    uint8_t found[BTC_KEY_SIZE];
    uint8_t signature[BTC_RECOVERABLE_SIZE];
    struct btc_hash hash = {{5}};
    assert_int_equal(btc_key_of_secret(secret, key), 0);
    assert_int_equal(btc_recoverable_sign(secret, &hash, signature), 0);
    assert_int_equal(btc_recoverable_key(signature, &hash, found), 0);
    assert_memory_equal(found, key, sizeof(key));
    hash.bytes[0]++;
    if (btc_recoverable_key(signature, &hash, found) == 0)
        assert_memory_not_equal(found, key, sizeof(key));
    signature[0] = 4;
    assert_int_equal(btc_recoverable_key(signature, &hash, found), BTC_EINVALID);
    memset(signature + 1, 0xff, BTC_RECOVERABLE_SIZE - 1);
    signature[0] = 0;
    assert_int_equal(btc_recoverable_key(signature, &hash, found), BTC_EINVALID);
}

/* The list "scriptPubKey" of the file: the words that follow certain names, in order. */
static void taproot_keys_are_bip341s(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("core/bip341_wallet_vectors.json", &size);
    if (!file)
        skip();
    char *end = strstr(file, "\"keyPathSpending\"");
    assert_non_null(end);
    *end = '\0';
    int count = 0;
    char *at = file;
    while ((at = strstr(at, "\"internalPubkey\":"))) {
        uint8_t internal[BTC_XONLY_SIZE], root[BTC_HASH_SIZE], output[BTC_XONLY_SIZE];
        at += strlen("\"internalPubkey\":");
        unhex(vectors_next_string(&at), internal, sizeof(internal));
        at = strstr(at, "\"merkleRoot\":") + strlen("\"merkleRoot\":");
        bool has_root = strspn(at, " \"") > strspn(at, " ");
        if (has_root)
            unhex(vectors_next_string(&at), root, sizeof(root));
        at = strstr(at, "\"tweakedPubkey\":") + strlen("\"tweakedPubkey\":");
        assert_int_equal(btc_taproot_output_key(internal, has_root ? root : NULL, output), 0);
        assert_hex(output, sizeof(output), vectors_next_string(&at));
        count++;
    }
    assert_int_equal(count, 7);
    free(file);
}

static void bip86_addresses_are_the_known_ones(void **state)
{
    (void)state;
    static const struct {
        uint32_t chain, index;
        const char *address;
    } known[] = {
        {0, 0, "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"},
        {0, 1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh"},
        {1, 0, "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7"},
    };
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    struct btc_hd_node account;
    assert_int_equal(
        btc_hd_decode("xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n"
                      "9xV8oYywvM8at9yRqyaZVz6TYYhX98VjsUk",
                      params->bip32_public, params->bip32_private, &account, NULL),
        0);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const uint32_t path[] = {known[i].chain, known[i].index};
        struct btc_hd_node node;
        struct btc_script script;
        char text[BTC_ADDRESS_SIZE];
        uint8_t secret[BTC_SECRET_SIZE];
        uint8_t key[BTC_KEY_SIZE];
        assert_int_equal(btc_hd_derive(&account, path, 2, &node), 0);
        assert_int_equal(btc_taproot_script(node.key, &script), 0);
        assert_int_equal(btc_address_encode(params, btc_script_span(&script), text), 0);
        assert_string_equal(text, known[i].address);
        /* The secret that is tweaked is that of the tweaked key. */
        assert_int_equal(btc_taproot_output_secret(node.secret, NULL, secret), 0);
        assert_int_equal(btc_key_of_secret(secret, key), 0);
        assert_memory_equal(key + 1, script.bytes + 2, BTC_XONLY_SIZE);
    }
    static const uint8_t off_curve[BTC_XONLY_SIZE] = {[31] = 5};
    uint8_t output[BTC_XONLY_SIZE];
    assert_int_equal(btc_taproot_output_key(off_curve, NULL, output), BTC_EFORMAT);
}

static void keys_expand_to_their_long_form(void **state)
{
    (void)state;
    uint8_t key[BTC_KEY_SIZE];
    uint8_t longer[BTC_KEY_LONG_SIZE];
    unhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", key, sizeof(key));
    assert_int_equal(btc_key_expand(key, longer), 0);
    assert_hex(longer, sizeof(longer),
               "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
               "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
    key[0] = 5;
    assert_int_equal(btc_key_expand(key, longer), BTC_EFORMAT);
}

static void base64_reads_what_it_writes(void **state)
{
    (void)state;
    static const char *const known[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char *text;
        assert_int_equal(btc_base64_encode(known[i][0], strlen(known[i][0]), &text), 0);
        assert_string_equal(text, known[i][1]);
        free(text);
    }
    enum { SIZE = 10001 }; /* over the decoder's chunk, and no multiple of three */
    uint8_t *data = malloc(SIZE);
    struct btc_writer w;
    char *text;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    btc_writer_init(&w, SIZE);
    assert_int_equal(btc_base64_encode(data, SIZE, &text), 0);
    assert_int_equal(strlen(text), btc_base64_size(SIZE));
    assert_int_equal(btc_base64_decode(text, strlen(text), &w, NULL), 0);
    assert_int_equal(w.size, SIZE);
    assert_memory_equal(w.data, data, SIZE);
    btc_writer_free(&w);
    btc_writer_init(&w, SIZE - 1);
    assert_int_equal(btc_base64_decode(text, strlen(text), &w, NULL), BTC_ELIMIT);
    btc_writer_free(&w);
    free(text);
    free(data);
}

static void base64_refuses_all_but_the_canonical_text(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",     "Zg",       "Zg=",  "Zg===",  "=",       "====",
                                      "Zh==",  "Zm9=",     "Z===", "Zm9v\n", " Zm9v",   "Zm9v ",
                                      "Zm 9v", "Zg==Zg==", "Zm-v", "Zm9vZ",  "Zm\x80v", "Zg==\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct btc_writer w;
        struct btc_error err = {0};
        btc_writer_init(&w, 64);
        assert_int_equal(btc_base64_decode(bad[i], strlen(bad[i]), &w, &err), BTC_EFORMAT);
        assert_non_null(strstr(err.text, "base64"));
        assert_int_equal(w.size, 0);
        btc_writer_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schnorr_signs_as_bip340_says),
        cmocka_unit_test(ecdsa_signs_deterministically),
        cmocka_unit_test(ecdsa_has_low_r_and_verifies),
        cmocka_unit_test(secrets_out_of_range_sign_nothing),
        cmocka_unit_test(keys_are_recovered_from_signatures),
        cmocka_unit_test(taproot_keys_are_bip341s),
        cmocka_unit_test(bip86_addresses_are_the_known_ones),
        cmocka_unit_test(keys_expand_to_their_long_form),
        cmocka_unit_test(base64_reads_what_it_writes),
        cmocka_unit_test(base64_refuses_all_but_the_canonical_text),
    };
    return cmocka_run_group_tests_name("curve", tests, NULL, NULL);
}
