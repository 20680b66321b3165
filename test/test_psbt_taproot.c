/*
 * PSBTs with taproot's fields: the vectors of BIP371 that concern spending by the key, and the
 * shapes of those that do not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/psbt.h"

static const char unsigned_input[] =
    "cHNidP8BAFICAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
    "AUjmBSoBAAAAFgAUdo4e60z0IIZgM/gKzv8PlyB0SWkAAAAAAAEBKwDyBSoBAAAAIlEgWiws9bUs8x+DrS6Npj/"
    "wMYPs2PYJx1EK6KSOA5EKB1chFv40kGTJjW4qhT+jybEr2LMEoZwZXGDvp+"
    "4jkwRtP6IyGQB3Ky2nVgAAgAEAAIAAAACAAQAAAAAAAAABFyD+NJBkyY1uKoU/"
    "o8mxK9izBKGcGVxg76fuI5MEbT+iMgAiAgNrdyptt02HU8mKgnlY3mx4qzMSEJ830+"
    "AwRIQkLs5z2Bh3Ky2nVAAAgAEAAIAAAACAAAAAAAAAAAAA";

static const char signed_input[] =
    "cHNidP8BAFICAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
    "AUjmBSoBAAAAFgAUdo4e60z0IIZgM/gKzv8PlyB0SWkAAAAAAAEBKwDyBSoBAAAAIlEgWiws9bUs8x+DrS6Npj/"
    "wMYPs2PYJx1EK6KSOA5EKB1cBE0C7U+yRe62dkGrxuocYHEi4as5aritTYFpyXKdGJWMUdvxvW67a9PLuD0d/"
    "NvWPOXDVuCc7fkl7l68uPxJcl680IRb+NJBkyY1uKoU/"
    "o8mxK9izBKGcGVxg76fuI5MEbT+iMhkAdystp1YAAIABAACAAAAAgAEAAAAAAAAAARcg/"
    "jSQZMmNbiqFP6PJsSvYswShnBlcYO+n7iOTBG0/"
    "ojIAIgIDa3cqbbdNh1PJioJ5WN5seKszEhCfN9PgMESEJC7Oc9gYdystp1QAAIABAACAAAAAgAAAAAAAAAAAAA==";

static const char taproot_output[] =
    "cHNidP8BAF4CAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
    "AUjmBSoBAAAAIlEgg2mORYxmZOFZXXXaJZfeHiLul9eY5wbEwKS1qYI810MAAAAAAAEBKwDyBSoBAAAAIlEgWiws9bUs8x"
    "+DrS6Npj/"
    "wMYPs2PYJx1EK6KSOA5EKB1chFv40kGTJjW4qhT+jybEr2LMEoZwZXGDvp+"
    "4jkwRtP6IyGQB3Ky2nVgAAgAEAAIAAAACAAQAAAAAAAAABFyD+NJBkyY1uKoU/"
    "o8mxK9izBKGcGVxg76fuI5MEbT+"
    "iMgABBSARJNp67JLM0GyVRWJkf0N7E4uVchqEvivyJ2u92rPmcSEHESTaeuySzNBslUViZH9DexOLlXIahL4r8idrvdqz5"
    "nEZAHcrLadWAACAAQAAgAAAAIAAAAAABQAAAAA=";

static struct btc_psbt *parse(const char *text)
{
    struct btc_psbt *psbt = NULL;
    struct btc_error err = {0};
    if (btc_psbt_parse_base64(text, strlen(text), &psbt, &err) != 0)
        fail_msg("%s", err.text);
    return psbt;
}

static void assert_written(const struct btc_psbt *psbt, const char *due)
{
    char *text;
    assert_int_equal(btc_psbt_to_base64(psbt, &text), 0);
    assert_string_equal(text, due);
    free(text);
}

static void assert_origin(const struct btc_psbt_key *key, uint32_t chain, uint32_t index)
{
    static const uint8_t fingerprint[] = {0x77, 0x2b, 0x2d, 0xa7};
    const uint32_t path[] = {86 | BTC_HD_HARDENED, 1 | BTC_HD_HARDENED, BTC_HD_HARDENED, chain,
                             index};
    assert_true(key->is_taproot);
    assert_int_equal(key->key.size, BTC_XONLY_SIZE);
    assert_memory_equal(key->origin.fingerprint, fingerprint, sizeof(fingerprint));
    assert_int_equal(key->origin.path_count, 5);
    assert_memory_equal(key->origin.path, path, sizeof(path));
}

static void origins_are_bip371s(void **state)
{
    (void)state;
    struct btc_psbt_key key;
    uint8_t internal[BTC_XONLY_SIZE];
    struct btc_psbt *psbt = parse(unsigned_input);
    assert_int_equal(btc_psbt_key(psbt, BTC_PSBT_INPUT, 0, 0, &key), 0);
    assert_origin(&key, 1, 0);
    assert_int_equal(btc_psbt_key(psbt, BTC_PSBT_INPUT, 0, 1, &key), BTC_ENOTFOUND);
    assert_int_equal(btc_psbt_signature_count(psbt, 0), 0);
    assert_int_equal(btc_psbt_finalise(psbt, 0, NULL), BTC_PSBT_NOT_READY);
    assert_written(psbt, unsigned_input);
    /* The updater here makes the same records. */
    assert_int_equal(btc_psbt_key(psbt, BTC_PSBT_INPUT, 0, 0, &key), 0);
    memcpy(internal, key.key.data, sizeof(internal));
    assert_int_equal(
        btc_psbt_set_internal_key(psbt, BTC_PSBT_INPUT, 0, internal, &key.origin, NULL), 0);
    assert_written(psbt, unsigned_input);
    btc_psbt_free(psbt);
    psbt = parse(taproot_output);
    assert_int_equal(btc_psbt_key(psbt, BTC_PSBT_OUTPUT, 0, 0, &key), 0);
    assert_origin(&key, 0, 5);
    assert_written(psbt, taproot_output);
    btc_psbt_free(psbt);
}

static void its_signature_verifies_and_is_final(void **state)
{
    (void)state;
    struct btc_error err = {0};
    struct btc_writer w;
    struct btc_psbt *psbt = parse(signed_input);
    struct btc_psbt *bare = parse(unsigned_input);
    assert_int_equal(btc_psbt_signature_count(psbt, 0), 1);
    assert_int_equal(btc_psbt_combine(bare, psbt, NULL), 0);
    assert_written(bare, signed_input);
    if (btc_psbt_finalise(psbt, 0, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(btc_psbt_signature_count(psbt, 0), 0);
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    assert_int_equal(btc_psbt_extract(psbt, &w, NULL), 0);
    struct btc_tx tx;
    assert_int_equal(btc_tx_parse(w.data, w.size, &tx, NULL), 0);
    assert_int_equal(tx.ins[0].witness_count, 1);
    assert_int_equal(tx.ins[0].witness[0].size, BTC_SCHNORR_SIZE);
    /* One bit of it changed: not final. */
    uint8_t changed[BTC_SCHNORR_SIZE];
    memcpy(changed, tx.ins[0].witness[0].data, sizeof(changed));
    changed[9] ^= 4;
    assert_int_equal(
        btc_psbt_set_tap_signature(bare, 0, (struct btc_span){changed, sizeof(changed)}, NULL), 0);
    assert_int_equal(btc_psbt_finalise(bare, 0, &err), BTC_EINVALID);
    btc_tx_free(&tx);
    btc_writer_free(&w);
    btc_psbt_free(psbt);
    btc_psbt_free(bare);
}

static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } wrong[] = {
        {"cHNidP8BAHECAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
         "Anh8AQAAAAAAFgAUg6fjS9mf8DpJYu+"
         "KGhAbspVGHs5gawQqAQAAABYAFHrDad8bIOAz1hFmI5V7CsSfPFLoAAAAAAABASsA8gUqAQAAACJRIFosLPW1LPMf"
         "g60ujaY/8DGD7Nj2CcdRCuikjgORCgdXARM/"
         "Fzuz02wHSvtxb+xjB6BpouRQuZXzyCeFlFq43w4kJg3NcDsMvzTeOZGEqUgawrNYbbZgHwJqd/fkk4SBvDR1AAAA",
         "input 0: record at offset 168: taproot signature (type 0x13): its value has 63"},
        {"cHNidP8BAHECAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
         "Anh8AQAAAAAAFgAUg6fjS9mf8DpJYu+"
         "KGhAbspVGHs5gawQqAQAAABYAFHrDad8bIOAz1hFmI5V7CsSfPFLoAAAAAAABASsA8gUqAQAAACJRIFosLPW1LPMf"
         "g60ujaY/"
         "8DGD7Nj2CcdRCuikjgORCgdXARNCFzuz02wHSvtxb+"
         "xjB6BpouRQuZXzyCeFlFq43w4kJg3NcDsMvzTeOZGEqUgawrNYbbZgHwJqd/fkk4SBvDR1FwGqAAAA",
         "input 0: record at offset 168: taproot signature (type 0x13): its value has 66"},
        {"cHNidP8BAHECAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
         "Anh8AQAAAAAAFgAUg6fjS9mf8DpJYu+"
         "KGhAbspVGHs5gawQqAQAAABYAFHrDad8bIOAz1hFmI5V7CsSfPFLoAAAAAAABASsA8gUqAQAAACJRIFosLPW1LPMf"
         "g60ujaY/8DGD7Nj2CcdRCuikjgORCgdXIhYC/jSQZMmNbiqFP6PJsSvYswShnBlcYO+n7iOTBG0/"
         "ojIZAHcrLadWAACAAQAAgAAAAIABAAAAAAAAAAAAAA==",
         "origin of a taproot key (type 0x16): its key"},
        {"cHNidP8BAH0CAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
         "Aoh7AQAAAAAAFgAUI4KHHH6EIaAAk/dU2RKB5nWHS59gawQqAQAAACJRIFosLPW1LPMfg60ujaY/"
         "8DGD7Nj2CcdRCuikjgORCgdXAAAAAAABASsA8gUqAQAAACJRIFosLPW1LPMfg60ujaY/"
         "8DGD7Nj2CcdRCuikjgORCgdXAAABBSEC/jSQZMmNbiqFP6PJsSvYswShnBlcYO+n7iOTBG0/ojIA",
         "taproot internal key (type 0x05): its value has 33"},
        {"cHNidP8BAH0CAAAAASd0Srq/MCf+DWzyOpbu4u+xiO9SMBlUWFiD5ptmJLJCAAAAAAD/////"
         "Aoh7AQAAAAAAFgAUI4KHHH6EIaAAk/dU2RKB5nWHS59gawQqAQAAACJRIFosLPW1LPMfg60ujaY/"
         "8DGD7Nj2CcdRCuikjgORCgdXAAAAAAABASsA8gUqAQAAACJRIFosLPW1LPMfg60ujaY/"
         "8DGD7Nj2CcdRCuikjgORCgdXAAAiBwL+NJBkyY1uKoU/"
         "o8mxK9izBKGcGVxg76fuI5MEbT+iMhkAdystp1YAAIABAACAAAAAgAEAAAAAAAAAAA==",
         "output 1: record at offset 182: origin of a taproot key (type 0x07): its key"},
        {"cHNidP8BAF4CAAAAAZvUh2UjC/mnLmYgAflyVW5U8Mb5f+tWvLVgDYF/aZUmAQAAAAD/////"
         "AUjmBSoBAAAAIlEgAw2k/"
         "OT32yjCyylRYx4ANxOFZZf+ljiCy1AOaBEsymMAAAAAAAEBKwDyBSoBAAAAIlEgwiR++/"
         "2SrEf29AuNQtFpF1oZ+p+hDkol1/"
         "NetN2FtpJCFAIssTrGgkjegGqmo2Wc88A+toIdCcgRSk6Gj+vehlu20s2XDhX1P8DIL5UP1WD/"
         "qRm3YXK+AXNoqJkTrwdPQAsJQIl1aqNznMxonsD886NgvjLMC1mxbpOh6LtGBXJrLKej/"
         "3BsQXZkljKyzGjh+RK4pXjjcZzncQiFx6lm9JvNQ8sAAA==",
         "taproot script signature (type 0x14): its key"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct btc_psbt *psbt = NULL;
        struct btc_error err = {0};
        assert_int_equal(btc_psbt_parse_base64(wrong[i].text, strlen(wrong[i].text), &psbt, &err),
                         BTC_EFORMAT);
        if (!strstr(err.text, wrong[i].says))
            fail_msg("case %zu: %s", i, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_bip371s),
        cmocka_unit_test(its_signature_verifies_and_is_final),
        cmocka_unit_test(wrong_shapes_are_refused),
    };
    return cmocka_run_group_tests_name("psbt_taproot", tests, NULL, NULL);
}
