/* fuzz_signing - any bytes as what wallets exchange: PSBTs, descriptors, signed messages.
 *
 * The first byte chooses. What must hold: no bad access, no leak; a PSBT that is read is written as
 * bytes that are read as the same, whatever was tried on it; what a descriptor is written as stands
 * for the same scripts. A libFuzzer entry point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/base64.h"
#include "actors/bitcoin/descriptor.h"
#include "actors/bitcoin/message.h"
#include "actors/bitcoin/psbt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_at(int line, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_signing.c:%d: does not hold\n", line);
        abort();
    }
}
#define check(condition) check_at(__LINE__, condition)

/* The key m/0'/0'/0' of BIP174's vectors, which make up the corpus. */
static const uint8_t secret[BTC_SECRET_SIZE] = {
    0x2c, 0x6b, 0xa7, 0x7e, 0x91, 0x84, 0xc5, 0xb6, 0xc6, 0x21, 0x5f, 0x84, 0xef, 0x0e, 0x00, 0x55,
    0x88, 0x84, 0xde, 0xc7, 0xd2, 0x3a, 0x02, 0x7f, 0x05, 0x73, 0xd1, 0x1b, 0xf7, 0x7a, 0xff, 0x46};

/* Write it, read that, write it again: the same bytes. */
static void check_text(const struct btc_psbt *psbt)
{
    struct btc_psbt *again = NULL;
    struct btc_error err = {0};
    struct btc_writer first;
    struct btc_writer second;
    btc_writer_init(&first, BTC_PSBT_SIZE_MAX);
    btc_writer_init(&second, BTC_PSBT_SIZE_MAX);
    btc_psbt_write(psbt, &first);
    check(first.failed == 0);
    check(btc_psbt_parse(first.data, first.size, &again, &err) == 0);
    btc_psbt_write(again, &second);
    check(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    btc_writer_free(&first);
    btc_writer_free(&second);
    btc_psbt_free(again);
}

static void look_at_keys(const struct btc_psbt *psbt, enum btc_psbt_side side, size_t count)
{
    struct btc_psbt_key key;
    for (size_t i = 0; i < count && i < 8; i++)
        for (size_t j = 0; btc_psbt_key(psbt, side, i, j, &key) == 0; j++)
            check(key.origin.path_count <= BTC_PATH_COUNT_MAX && key.key.size >= BTC_XONLY_SIZE);
}

static void try_psbt(const uint8_t *data, size_t size)
{
    struct btc_psbt *psbt = NULL;
    struct btc_error err = {0};
    struct btc_writer w;
    int64_t fee;
    if (btc_psbt_parse(data, size, &psbt, &err) != 0) {
        check(err.text[0] != '\0');
        return;
    }
    const struct btc_tx *tx = btc_psbt_tx(psbt);
    check_text(psbt);
    look_at_keys(psbt, BTC_PSBT_INPUT, tx->in_count);
    look_at_keys(psbt, BTC_PSBT_OUTPUT, tx->out_count);
    check(btc_psbt_fee(psbt, &fee, &err) != 0 || (fee >= 0 && fee <= BTC_MONEY_MAX));
    for (size_t i = 0; i < tx->in_count && i < 8; i++) {
        err.text[0] = '\0';
        check(btc_psbt_sign(psbt, i, secret, 0, &err) >= 0 || err.text[0] != '\0');
        err.text[0] = '\0';
        int rc = btc_psbt_finalise(psbt, i, &err);
        check(rc == 0 ? btc_psbt_is_final(psbt, i) : err.text[0] != '\0');
    }
    check_text(psbt);
    check(btc_psbt_combine(psbt, psbt, &err) == 0);
    btc_writer_init(&w, BTC_TX_SIZE_MAX);
    if (btc_psbt_extract(psbt, &w, &err) == 0)
        check(w.size > 0);
    btc_writer_free(&w);
    btc_psbt_free(psbt);
}

/* Any bytes as base64: what is read is written as the same text. */
static void try_base64(const uint8_t *data, size_t size)
{
    struct btc_writer w;
    struct btc_error err = {0};
    btc_writer_init(&w, size + 1);
    if (btc_base64_decode((const char *)data, size, &w, &err) == 0) {
        char *text = NULL;
        check(btc_base64_encode(w.data, w.size, &text) == 0);
        check(strlen(text) == size && memcmp(text, data, size) == 0);
        free(text);
        try_psbt(w.data, w.size);
    } else {
        check(err.text[0] != '\0');
    }
    btc_writer_free(&w);
}

static void check_scripts(const struct btc_descriptor *a, const struct btc_descriptor *b)
{
    uint8_t x[BTC_DESCRIPTOR_SCRIPT_SIZE];
    uint8_t y[BTC_DESCRIPTOR_SCRIPT_SIZE];
    size_t x_size = 0;
    size_t y_size = 0;
    check(btc_descriptor_script(a, 7, x, &x_size) == 0);
    check(btc_descriptor_script(b, 7, y, &y_size) == 0);
    check(x_size == y_size && memcmp(x, y, x_size) == 0);
}

/* The text up to a line's end as it is, and with the checksum that it lacks. */
static void try_descriptor(const uint8_t *data, size_t size)
{
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    struct btc_descriptor it;
    struct btc_descriptor again;
    struct btc_error err = {0};
    char written[BTC_DESCRIPTOR_TEXT_SIZE];
    char *text = strndup((const char *)data, size);
    if (btc_descriptor_parse(params, text, false, &it, &err) == 0) {
        for (int as_private = 0; as_private < 2; as_private++) {
            if (btc_descriptor_write(params, &it, as_private != 0, written, &err) != 0)
                continue;
            check(btc_descriptor_parse(params, written, true, &again, &err) == 0);
            check_scripts(&it, &again);
            check(btc_descriptor_is_private(&again) == (as_private != 0));
        }
        btc_descriptor_wipe(&it);
    } else {
        check(err.text[0] != '\0');
    }
    free(text);
}

/* A kind of address, the size of a message, the message, and behind it a signature's text. */
static void try_message(const uint8_t *data, size_t size)
{
    static const enum btc_script_kind kinds[] = {BTC_SCRIPT_P2PKH, BTC_SCRIPT_P2WPKH,
                                                 BTC_SCRIPT_P2TR};
    struct btc_error err = {0};
    struct btc_script script;
    uint8_t payload[32] = {0};
    if (size < 2 || size - 2 < data[1])
        return;
    enum btc_script_kind kind = kinds[data[0] % 3];
    check(btc_script_build(kind, payload, kind == BTC_SCRIPT_P2TR ? 32 : 20, &script) == 0);
    char *text = strndup((const char *)data + 2 + data[1], size - 2 - data[1]);
    check(btc_message_verify(btc_script_span(&script), (struct btc_span){data + 2, data[1]}, text,
                             &err) < 0);
    check(err.text[0] != '\0');
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const uint8_t *data, size_t size) = {try_psbt, try_base64,
                                                                      try_descriptor, try_message};
    if (size > 0)
        tries[data[0] % (sizeof tries / sizeof *tries)](data + 1, size - 1);
    return 0;
}
