/* fuzz_blocks - any bytes as what the network and its users hand over: transactions, blocks, scripts,
 * signatures, addresses, and files of blocks to import.
 *
 * The first byte chooses. What must hold: no bad access, no leak; what parses is written again as
 * the same bytes; what decodes is encoded again as the same text. A libFuzzer entry point. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/block.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/sig.h"
#include "actors/bitcoin/tx.h"
#include "actors/node/engine.h"
#include "actors/node/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_at(int line, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_blocks.c:%d: does not hold\n", line);
        abort();
    }
}
#define check(condition) check_at(__LINE__, condition)

static void look_at_script(struct btc_span script)
{
    struct btc_script_match match = btc_script_classify(script);
    struct btc_script built;
    struct btc_span rest = script;
    struct btc_span data;
    if (btc_script_build(match.kind, match.payload.data, match.payload.size, &built) == 0)
        check(built.size == script.size && memcmp(built.bytes, script.data, built.size) == 0);
    while (btc_script_next_push(&rest, &data) == 1)
        check(data.size <= script.size && rest.size < script.size);
    check(btc_script_sigops(script) <= script.size * 20);
    check(!btc_script_is_unspendable(script) || script.size > 0);
}

static void look_at_tx(const struct btc_tx *tx)
{
    struct btc_error err = {0};
    for (size_t i = 0; i < tx->in_count; i++)
        look_at_script(tx->ins[i].script_sig);
    for (size_t i = 0; i < tx->out_count; i++)
        look_at_script(tx->outs[i].script);
    check(btc_tx_weight(tx) == 3 * tx->base_size + tx->size);
    check(btc_tx_check(tx, &err) == 0 || err.text[0] != '\0');
    btc_tx_is_final(tx, 100, 1300000000);
}

static void try_tx(const uint8_t *data, size_t size)
{
    struct btc_tx tx;
    struct btc_error err = {0};
    if (btc_tx_parse(data, size, &tx, &err) != 0) {
        check(err.text[0] != '\0');
        return;
    }
    struct btc_writer writer;
    btc_writer_init(&writer, size + 1);
    btc_tx_write(&tx, true, &writer);
    check(writer.failed == 0 && writer.size == size && memcmp(writer.data, data, size) == 0);
    btc_writer_free(&writer);
    look_at_tx(&tx);
    btc_tx_free(&tx);
}

/* The first bytes are the script of the coins that the transaction behind them spends. */
static void try_spend(const uint8_t *data, size_t size)
{
    struct btc_tx tx;
    struct btc_spending spending;
    struct btc_error err = {0};
    size_t script_size = size > 0 ? data[0] % 110u : 0;
    if (size < 2 + script_size ||
        btc_tx_parse(data + 2 + script_size, size - 2 - script_size, &tx, &err) != 0)
        return;
    struct btc_tx_out *coins = calloc(tx.in_count, sizeof *coins);
    check(coins != NULL);
    for (size_t i = 0; i < tx.in_count; i++)
        coins[i] = (struct btc_tx_out){.amount = 100, .script = {data + 2, script_size}};
    check(btc_spending_prepare(&tx, coins, &spending) == 0);
    for (size_t i = 0; i < tx.in_count && i < 4; i++) {
        int code = btc_verify_input(&spending, i, data[1] & 31, &err);
        check(code != BTC_EINVALID || err.text[0] != '\0');
    }
    btc_tx_sigops_cost(&tx, coins, data[1] & 31);
    free(coins);
    btc_tx_free(&tx);
}

static void try_block(const uint8_t *data, size_t size)
{
    struct btc_block block;
    struct btc_error err = {0};
    if (btc_block_parse(data, size, &block, &err) != 0) {
        check(err.text[0] != '\0');
        return;
    }
    uint8_t header[BTC_HEADER_SIZE];
    btc_header_write(&block.header, header);
    check(memcmp(header, data, sizeof header) == 0);
    struct block_context context = {
        .params = btc_params_get(BTC_REGTEST), .height = 200, .lock_time_clock_s = 1300000000};
    bool mutated;
    if (block.tx_count > 0)
        check(btc_block_merkle_root(&block, &block.header.merkle_root, &mutated) == 0);
    if (chain_check_shape(&block, &context, &err) == 0 &&
        chain_check_block(&block, &context, &err) == 0)
        check(block.tx_count > 0 && btc_tx_is_coinbase(&block.txs[0]));
    for (size_t i = 0; i < block.tx_count; i++)
        look_at_tx(&block.txs[i]);
    btc_block_free(&block);
}

static void try_text(const uint8_t *data, size_t size)
{
    const struct btc_params *params = btc_params_get(BTC_MAIN);
    struct btc_error err = {0};
    struct btc_script script;
    uint8_t secret[BTC_SECRET_SIZE];
    bool compressed;
    struct btc_hd_node node;
    char *text = strndup((const char *)data, size);
    char again[BTC_ADDRESS_SIZE];
    char key[BTC_HD_TEXT_SIZE];
    if (btc_address_decode(params, text, &script, &err) == 0) {
        check(btc_address_encode(params, btc_script_span(&script), again) == 0);
        check(strcasecmp(text, again) == 0);
    } else {
        check(err.text[0] != '\0');
    }
    if (btc_wif_decode(params, text, secret, &compressed, &err) == 0) {
        char wif[BTC_WIF_SIZE];
        check(btc_wif_encode(params, secret, compressed, wif) == 0 && strcmp(text, wif) == 0);
    }
    if (btc_hd_decode(text, params->bip32_public, params->bip32_private, &node, &err) == 0) {
        bool private = strncmp(text, "xprv", 4) == 0;
        check(btc_hd_encode(&node, private ? params->bip32_private : params->bip32_public, private,
                            key) == 0);
        check(strcmp(text, key) == 0);
    }
    free(text);
}

/* A signature and a key, of any form. */
static void try_signature(const uint8_t *data, size_t size)
{
    static const struct btc_hash hash;
    size_t key_size = size > 0 ? data[0] % 66u : 0;
    if (size < 1 + key_size)
        return;
    struct btc_span key = {data + 1, key_size};
    struct btc_span signature = {data + 1 + key_size, size - 1 - key_size};
    bool strict = btc_ecdsa_verify(key, signature, true, &hash);
    check(!strict || btc_ecdsa_verify(key, signature, false, &hash));
}

static void try_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    char path[32];
    struct import *import;
    struct import_item item;
    struct btc_error err = {0};
    if (fd < 0)
        fd = memfd_create("blocks", MFD_CLOEXEC);
    check(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (import_open(path, btc_params_get(BTC_REGTEST), &import, &err) != 0) {
        check(err.text[0] != '\0');
        return;
    }
    while (import_next(import, &item, &err) == 0) {
        check(item.offset + item.size <= size);
        bool is_orphan = item.kind == IMPORT_BLOCK && (item.data[4] & 1) != 0;
        check((is_orphan ? import_put_off(import, &item, &err)
                         : import_arrived(import, &item, &err)) == 0);
    }
    import_close(import);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(const uint8_t *data, size_t size) = {
        try_tx, try_spend, try_block, try_text, try_signature, try_file};
    if (size > 0)
        tries[data[0] % (sizeof tries / sizeof *tries)](data + 1, size - 1);
    if (size > 0)
        look_at_script((struct btc_span){data, size});
    return 0;
}
