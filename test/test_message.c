/*
 * Signed messages: signatures that Bitcoin Core makes and BIP322's own, and that what is signed
 * here is of that key and that message only.
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
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/message.h"
#include "actors/bitcoin/sign.h"

static struct btc_span span_of(const char *text)
{
    return (struct btc_span){(const uint8_t *)text, strlen(text)};
}

static int verify(const char *address, const char *message, const char *signature)
{
    struct btc_script script;
    struct btc_error err = {0};
    assert_int_equal(btc_address_decode(btc_params_get(BTC_MAIN), address, &script, NULL), 0);
    int rc = btc_message_verify(btc_script_span(&script), span_of(message), signature, &err);
    assert_true(rc == 0 || err.text[0] != '\0');
    return rc;
}

static void signatures_of_others_verify(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *message;
        const char *signature;
    } known[] = {
        /* Bitcoin Core's util_tests */
        {"15CRxFdyRpGZLW9w8HnHvVduizdL5jKNbs", "Trust no one",
         "IPojfrX2dfPnH26UegfbGQQLrdK844DlHq5157/P6h57WyuS/Qsl+h/"
         "WSVGDF4MUi4rWSswW38oimDYfNNUBUOk="},
        {"11canuhp9X2NocwCq7xNrQYTmUgZAnLK3", "Trust me",
         "IIcaIENoYW5jZWxsb3Igb24gYnJpbmsgb2Ygc2Vjb25kIGJhaWxvdXQgZm9yIGJhbmtzIAaHRtbCeDZINyavx14"
         "="},
        /* BIP322 */
        {"bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", "",
         "AkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFS"
         "eEA2ba9YOixpX8z46TSDtS40ASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI="},
        {"bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", "Hello World",
         "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/"
         "ENGfwLtptFluMGs2KsqoNSk89pO7F29zJLU"
         "x9a/sASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI="},
        /* in its present form, with a prefix */
        {"bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", "",
         "smpAkcwRAIgM2gBAQqvZX15ZiysmKmQpDrG83avLIT492QBzLnQIxYCIBaTpOaD20qRlEylyxFS"
         "eEA2ba9YOixpX8z46TSDtS40ASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI="},
        {"bc1ppv609nr0vr25u07u95waq5lucwfm6tde4nydujnu8npg4q75mr5sxq8lt3", "Hello World",
         "AUHd69PrJQEv+oKTfZ8l+WROBHuy9HKrbFCJu7U1iK2iiEy1vMU5EfMtjc+"
         "VSHM7aU0SDbak5IUZRVno2P5mjSafAQ=="},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (verify(known[i].address, known[i].message, known[i].signature) != 0)
            print_message("case %zu\n", i);
        assert_int_equal(verify(known[i].address, known[i].message, known[i].signature), 0);
        assert_int_equal(verify(known[i].address, "I never said so", known[i].signature),
                         BTC_EINVALID);
    }
}

/* Core's signature of the same key and text, to the byte. */
static void p2pkh_signs_as_core(void **state)
{
    (void)state;
    static const uint8_t secret[BTC_SECRET_SIZE] = {0xd9, 0x7f, 0x51, 0x08, 0xf1, 0x1c, 0xda, 0x6e,
                                                    0xee, 0xba, 0xaa, 0x42, 0x0f, 0xef, 0x07, 0x26,
                                                    0xb1, 0xf8, 0x98, 0x06, 0x0b, 0x98, 0x48, 0x9f,
                                                    0xa3, 0x09, 0x84, 0x63, 0xc0, 0x03, 0x28, 0x66};
    struct btc_script script;
    char text[BTC_MESSAGE_SIGNATURE_TEXT_SIZE];
    assert_int_equal(btc_address_decode(btc_params_get(BTC_MAIN),
                                        "15CRxFdyRpGZLW9w8HnHvVduizdL5jKNbs", &script, NULL),
                     0);
    assert_int_equal(
        btc_message_sign(btc_script_span(&script), secret, span_of("Trust no one"), text, NULL), 0);
    assert_string_equal(
        text,
        "IPojfrX2dfPnH26UegfbGQQLrdK844DlHq5157/P6h57WyuS/Qsl+h/WSVGDF4MUi4rWSswW38oimDYfNNUBUOk=");
}

/* BIP322's key and its signatures, which take a nonce with low R as ours do. */
static void p2wpkh_signs_as_bip322(void **state)
{
    (void)state;
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    uint8_t secret[BTC_SECRET_SIZE];
    bool is_compressed;
    struct btc_script script;
    char text[BTC_MESSAGE_SIGNATURE_TEXT_SIZE];
    assert_int_equal(btc_wif_decode(params, "L3VFeEujGtevx9w18HD1fhRbCH67Az2dpCymeRE1SoPK6XQtaN2k",
                                    secret, &is_compressed, NULL),
                     0);
    assert_int_equal(
        btc_address_decode(params, "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", &script, NULL), 0);
    assert_int_equal(
        btc_message_sign(btc_script_span(&script), secret, span_of("Hello World"), text, NULL), 0);
    assert_string_equal(
        text,
        "AkcwRAIgZRfIY3p7/DoVTty6YZbWS71bc5Vct9p9Fia83eRmw2QCICK/ENGfwLtptFluMGs2KsqoNSk89pO7F2"
        "9zJLUx9a/sASECx/EgAxlkQpQ9hYjgGu6EBCPMVPwVIVJqO4XCsMvViHI=");
}

static const uint8_t secret_of_all[BTC_SECRET_SIZE] = {3, [31] = 9};

enum { PKH, PKH_LONG, WPKH, TAPROOT, KIND_COUNT };

static void make_scripts(struct btc_script scripts[KIND_COUNT])
{
    uint8_t key[BTC_KEY_SIZE];
    uint8_t longer[BTC_KEY_LONG_SIZE];
    struct btc_hash160 hash;
    assert_int_equal(btc_key_of_secret(secret_of_all, key), 0);
    assert_int_equal(btc_key_expand(key, longer), 0);
    assert_int_equal(btc_hash160(longer, sizeof(longer), &hash), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2PKH, hash.bytes, 20, &scripts[PKH_LONG]), 0);
    assert_int_equal(btc_hash160(key, sizeof(key), &hash), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2PKH, hash.bytes, 20, &scripts[PKH]), 0);
    assert_int_equal(btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, 20, &scripts[WPKH]), 0);
    assert_int_equal(btc_taproot_script(key, &scripts[TAPROOT]), 0);
}

static void what_is_signed_is_of_that_key_and_message(void **state)
{
    (void)state;
    static const uint8_t other[BTC_SECRET_SIZE] = {4};
    struct btc_script scripts[KIND_COUNT];
    char text[BTC_MESSAGE_SIGNATURE_TEXT_SIZE];
    make_scripts(scripts);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct btc_span script = btc_script_span(&scripts[i]);
        assert_int_equal(btc_message_sign(script, secret_of_all, span_of("Hello"), text, NULL), 0);
        assert_int_equal(btc_message_verify(script, span_of("Hello"), text, NULL), 0);
        assert_int_equal(btc_message_verify(script, span_of("Hello!"), text, NULL), BTC_EINVALID);
        for (size_t j = 0; j < KIND_COUNT; j++)
            if (j != i)
                assert_true(btc_message_verify(btc_script_span(&scripts[j]), span_of("Hello"), text,
                                               NULL) < 0);
        /* Each character but the last ones changed by one. */
        for (size_t at = 0; at < strlen(text) - 4; at++) {
            text[at] ^= 1;
            assert_true(btc_message_verify(script, span_of("Hello"), text, NULL) < 0);
            text[at] ^= 1;
        }
        assert_int_equal(btc_message_sign(script, other, span_of("Hello"), text, NULL), BTC_EUSAGE);
    }
}

/* BIP322's two transactions for "", made by hand: their ids are the BIP's; and a signature that does
 * not sign the whole of the second one is refused, though it is the key's. */
static void other_hash_types_than_all_are_refused(void **state)
{
    (void)state;
    static const uint8_t no_coin[] = {BTC_OP_RETURN};
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    uint8_t script_sig[34] = {BTC_OP_0, 32};
    struct btc_hash hash;
    struct btc_script script;
    uint8_t secret[BTC_SECRET_SIZE];
    char id[BTC_HASH_HEX_SIZE];
    bool is_compressed;
    assert_int_equal(btc_wif_decode(params, "L3VFeEujGtevx9w18HD1fhRbCH67Az2dpCymeRE1SoPK6XQtaN2k",
                                    secret, &is_compressed, NULL),
                     0);
    assert_int_equal(
        btc_address_decode(params, "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", &script, NULL), 0);
    assert_int_equal(btc_tagged_hash("BIP0322-signed-message", "", 0, &hash), 0);
    memcpy(script_sig + 2, hash.bytes, sizeof(hash.bytes));
    struct btc_tx_in spend_in = {.prev.index = BTC_OUTPOINT_COINBASE_INDEX,
                                 .script_sig = {script_sig, sizeof(script_sig)}};
    struct btc_tx_out coin = {0, btc_script_span(&script)};
    struct btc_tx to_spend = {.in_count = 1, .out_count = 1, .ins = &spend_in, .outs = &coin};
    assert_int_equal(btc_tx_seal(&to_spend), 0);
    btc_hash_to_hex(&to_spend.txid, id);
    assert_string_equal(id, "c5680aa69bb8d860bf82d4e9cd3504b55dde018de765a91bb566283c545a99a7");
    struct btc_tx_in in = {.prev.txid = to_spend.txid};
    struct btc_tx_out out = {0, {no_coin, sizeof(no_coin)}};
    struct btc_tx to_sign = {.in_count = 1, .out_count = 1, .ins = &in, .outs = &out};
    assert_int_equal(btc_tx_seal(&to_sign), 0);
    btc_hash_to_hex(&to_sign.txid, id);
    assert_string_equal(id, "1e9654e951a5ba44c8604c4de6c67fd78a27e81dcadcfe1edf638ba3aaebaed6");

    struct btc_spending spending;
    assert_int_equal(btc_spending_prepare(&to_sign, &coin, &spending), 0);
    for (uint32_t type = BTC_SIGHASH_ALL; type <= BTC_SIGHASH_SINGLE; type++) {
        const struct btc_sign_options options = {.hash_type = type};
        struct btc_signed signature;
        struct btc_writer w;
        char *text;
        assert_int_equal(btc_sign_input(&spending, 0, secret, &options, &signature, NULL), 0);
        btc_sign_put(&signature, &in);
        btc_writer_init(&w, 256);
        btc_write_compact(&w, in.witness_count);
        for (size_t i = 0; i < in.witness_count; i++)
            btc_write_var(&w, in.witness[i].data, in.witness[i].size);
        assert_int_equal(btc_base64_encode(w.data, w.size, &text), 0);
        assert_int_equal(btc_message_verify(btc_script_span(&script), span_of(""), text, NULL),
                         type == BTC_SIGHASH_ALL ? 0 : BTC_EINVALID);
        btc_writer_free(&w);
        free(text);
    }
}

static void what_can_not_be_is_refused(void **state)
{
    (void)state;
    static char huge[BTC_MESSAGE_SIZE_MAX + 2];
    static char longest[BTC_MESSAGE_SIGNATURE_TEXT_SIZE + 1];
    static const uint8_t nothing[] = {BTC_OP_RETURN};
    static const char *const bad[] = {"",         "AA==",       "AQ==",     "AgA=", "AgAA",
                                      "AwAAAA==", "not base64", "/////w==", "AQEB", "AUA="};
    struct btc_script scripts[KIND_COUNT];
    char text[BTC_MESSAGE_SIGNATURE_TEXT_SIZE];
    make_scripts(scripts);
    memset(huge, 'x', BTC_MESSAGE_SIZE_MAX + 1);
    memset(longest, 'A', BTC_MESSAGE_SIGNATURE_TEXT_SIZE);
    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct btc_span script = btc_script_span(&scripts[i]);
        assert_int_equal(btc_message_sign(script, secret_of_all, span_of(huge), text, NULL),
                         BTC_ELIMIT);
        assert_int_equal(btc_message_verify(script, span_of(huge), "", NULL), BTC_ELIMIT);
        assert_int_equal(btc_message_verify(script, span_of("x"), longest, NULL), BTC_EFORMAT);
        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            struct btc_error err = {0};
            int rc = btc_message_verify(script, span_of("x"), bad[j], &err);
            assert_true(rc == BTC_EFORMAT || rc == BTC_EINVALID);
            assert_true(err.text[0] != '\0');
        }
    }
    huge[BTC_MESSAGE_SIZE_MAX] = '\0'; /* the longest there may be */
    assert_int_equal(
        btc_message_sign(btc_script_span(&scripts[WPKH]), secret_of_all, span_of(huge), text, NULL),
        0);
    struct btc_span script = {nothing, sizeof(nothing)};
    assert_int_equal(btc_message_sign(script, secret_of_all, span_of("x"), text, NULL), BTC_EUSAGE);
    assert_int_equal(btc_message_verify(script, span_of("x"), "AA==", NULL), BTC_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_others_verify),
        cmocka_unit_test(p2pkh_signs_as_core),
        cmocka_unit_test(p2wpkh_signs_as_bip322),
        cmocka_unit_test(what_is_signed_is_of_that_key_and_message),
        cmocka_unit_test(other_hash_types_than_all_are_refused),
        cmocka_unit_test(what_can_not_be_is_refused),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
