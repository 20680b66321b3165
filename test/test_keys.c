/*
 * From entropy to address: Base58, Bech32, BIP39, BIP32 and addresses against the vectors of the
 * BIPs and of Bitcoin Core. A few vectors are written out here, so that something is proven without
 * the shared data too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/base58.h"
#include "actors/bitcoin/bech32.h"
#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/bip39.h"
#include "test/support/vectors.h"

#define ZEROS_SENTENCE                                                                         \
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon " \
    "about"

static size_t unhex(const char *text, uint8_t *ret_bytes, size_t size_max)
{
    size_t size = strlen(text) / 2;
    assert_true(size <= size_max);
    assert_int_equal(btc_hex_decode(text, size, ret_bytes), 0);
    return size;
}

static void base58_agrees_with_core(void **state)
{
    (void)state;
    size_t file_size;
    char *file = vectors_load("core/base58_encode_decode.json", &file_size);
    if (!file)
        skip();
    int count = 0;
    char *at = file;
    for (char *hex; (hex = vectors_next_string(&at)); count++) {
        const char *text = vectors_next_string(&at);
        uint8_t bytes[BTC_BASE58_DATA_SIZE_MAX];
        uint8_t found[BTC_BASE58_DATA_SIZE_MAX];
        char encoded[BTC_BASE58_TEXT_SIZE_MAX];
        size_t found_size;
        size_t size = unhex(hex, bytes, sizeof(bytes));
        assert_int_equal(btc_base58_encode(bytes, size, encoded, sizeof(encoded)), 0);
        assert_string_equal(encoded, text);
        assert_int_equal(btc_base58_decode(text, found, sizeof(found), &found_size, NULL), 0);
        assert_int_equal(found_size, size);
        assert_memory_equal(found, bytes, size);
        /* One byte too few in either output is refused and leaves it alone. */
        assert_int_equal(btc_base58_encode(bytes, size, encoded, strlen(text)), BTC_ELIMIT);
        if (size > 0)
            assert_int_equal(btc_base58_decode(text, found, size - 1, &found_size, NULL),
                             BTC_EFORMAT);
    }
    assert_true(count >= 12);
    free(file);
}

static void base58_refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"0", "O", "I", "l", "a b", " 1", "1\n", "3SEo3LWLoPntC\x80"};
    uint8_t data[64];
    size_t size = 77;
    struct btc_error err = {0};
    char text[BTC_BASE58_TEXT_SIZE_MAX];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(btc_base58_decode(bad[i], data, sizeof(data), &size, NULL), BTC_EFORMAT);
    assert_int_equal(btc_base58check_decode("", data, sizeof(data), &size, &err), BTC_EFORMAT);
    assert_int_equal(btc_base58check_encode("hello", 5, text, sizeof(text)), 0);
    text[2] = text[2] == '4' ? '5' : '4';
    assert_int_equal(btc_base58check_decode(text, data, sizeof(data), &size, &err), BTC_EFORMAT);
    assert_non_null(strstr(err.text, "checksum"));
    assert_int_equal(size, 77);
    /* Longer than anything that is accepted: refused before any work is done. */
    char *huge = malloc(1 << 20);
    memset(huge, 'z', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    assert_int_equal(btc_base58_decode(huge, data, sizeof(data), &size, NULL), BTC_EFORMAT);
    free(huge);
}

static int bech32_kind_of(const char *text)
{
    enum btc_bech32_kind kind;
    char hrp[BTC_BECH32_HRP_SIZE];
    uint8_t values[BTC_BECH32_VALUES_MAX];
    char again[BTC_BECH32_TEXT_SIZE];
    size_t count;
    int rc = btc_bech32_decode(text, &kind, hrp, values, &count, NULL);
    if (rc < 0)
        return rc;
    assert_int_equal(btc_bech32_encode(kind, hrp, values, count, again), 0);
    assert_int_equal(strcasecmp(again, text), 0);
    return (int)kind;
}

/* A line with "<tt>text</tt>", of which one byte may be written outside: "0x20 + <tt>", "</tt> +
 * 0xFF". */
static void check_bech32_line(char *line, int kind, bool is_valid)
{
    char text[256];
    char lead[2] = "";
    char tail[2] = "";
    char *rest;
    unsigned byte;
    if (sscanf(line, "* 0x%2x + ", &byte) == 1)
        lead[0] = (char)byte;
    const char *quoted = vectors_between(line, "<tt>", "</tt>", &rest);
    assert_non_null(quoted);
    if (sscanf(rest, " + 0x%2x", &byte) == 1)
        tail[0] = (char)byte;
    snprintf(text, sizeof(text), "%s%s%s", lead, quoted, tail);
    if (is_valid)
        assert_int_equal(bech32_kind_of(text), kind);
    else
        assert_int_not_equal(bech32_kind_of(text), kind);
}

/* The lists of one BIP: valid and invalid text of its kind. */
static void check_bech32_file(const char *name, int kind, int valid_due, int invalid_due)
{
    size_t size;
    char *file = vectors_load(name, &size);
    if (!file)
        skip();
    enum { OUTSIDE, VALID, INVALID } part = OUTSIDE;
    int valid = 0;
    int invalid = 0;
    char *at = file;
    for (char *line; (line = vectors_next_line(&at));) {
        if (strstr(line, "strings are valid Bech32"))
            part = VALID;
        else if (strstr(line, "string are not valid Bech32"))
            part = INVALID;
        else if (strstr(line, "gives valid segwit addresses"))
            part = OUTSIDE;
        else if (line[0] != '*' || part == OUTSIDE)
            continue;
        else {
            check_bech32_line(line, kind, part == VALID);
            *(part == VALID ? &valid : &invalid) += 1;
        }
    }
    assert_int_equal(valid, valid_due);
    assert_int_equal(invalid, invalid_due);
    free(file);
}

static void bech32_agrees_with_bip173(void **state)
{
    (void)state;
    check_bech32_file("bips/bip-0173.mediawiki", BTC_BECH32, 7, 12);
}

static void bech32m_agrees_with_bip350(void **state)
{
    (void)state;
    check_bech32_file("bips/bip-0350.mediawiki", BTC_BECH32M, 7, 14);
}

static int script_of(const char *address, struct btc_script *ret_script)
{
    for (int i = 0; i < BTC_NETWORK_COUNT; i++)
        if (btc_address_decode(btc_params_get((enum btc_network)i), address, ret_script, NULL) == 0)
            return i;
    return -1;
}

static void check_segwit_address(const char *address, const char *hex)
{
    struct btc_script script;
    uint8_t due[64];
    char again[BTC_ADDRESS_SIZE];
    int network = script_of(address, &script);
    assert_true(network >= 0);
    assert_int_equal(script.size, unhex(hex, due, sizeof(due)));
    assert_memory_equal(script.bytes, due, script.size);
    assert_int_equal(btc_address_encode(btc_params_get((enum btc_network)network),
                                        btc_script_span(&script), again),
                     0);
    assert_int_equal(strcasecmp(again, address), 0);
}

static void segwit_addresses_agree_with_bip350(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("bips/bip-0350.mediawiki", &size);
    if (!file)
        skip();
    enum { OUTSIDE, VALID, INVALID } part = OUTSIDE;
    int valid = 0;
    int invalid = 0;
    char *at = file;
    for (char *line; (line = vectors_next_line(&at));) {
        char *rest;
        struct btc_script script;
        if (strstr(line, "gives valid segwit addresses"))
            part = VALID;
        else if (strstr(line, "gives invalid segwit addresses"))
            part = INVALID;
        else if (line[0] == '=')
            part = OUTSIDE;
        if (line[0] != '*' || part == OUTSIDE)
            continue;
        const char *address = vectors_between(line, "<tt>", "</tt>", &rest);
        assert_non_null(address);
        if (part == VALID) {
            check_segwit_address(address, vectors_between(rest, "<tt>", "</tt>", &rest));
            valid++;
        } else {
            assert_int_equal(script_of(address, &script), -1);
            invalid++;
        }
    }
    assert_int_equal(valid, 8);
    assert_int_equal(invalid, 15);
    free(file);
}

static void bip39_agrees_with_its_vectors(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("bips/bip39-vectors.json", &size);
    if (!file)
        skip();
    char *at = strstr(file, "\"english\"");
    assert_non_null(at);
    assert_string_equal(vectors_next_string(&at), "english");
    for (int i = 0; i < 24; i++) {
        uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
        uint8_t found[BTC_BIP39_ENTROPY_SIZE_MAX];
        uint8_t seed[BTC_BIP39_SEED_SIZE];
        uint8_t due_seed[BTC_BIP39_SEED_SIZE];
        char sentence[BTC_BIP39_SENTENCE_SIZE];
        char key[BTC_HD_TEXT_SIZE];
        struct btc_hd_node root;
        size_t found_size;
        size_t entropy_size = unhex(vectors_next_string(&at), entropy, sizeof(entropy));
        const char *due = vectors_next_string(&at);
        assert_int_equal(btc_bip39_encode(entropy, entropy_size, sentence), 0);
        assert_string_equal(sentence, due);
        assert_int_equal(btc_bip39_decode(due, found, &found_size, NULL), 0);
        assert_int_equal(found_size, entropy_size);
        assert_memory_equal(found, entropy, entropy_size);
        assert_int_equal(unhex(vectors_next_string(&at), due_seed, sizeof(due_seed)), sizeof(seed));
        assert_int_equal(btc_bip39_seed(sentence, "TREZOR", seed), 0);
        assert_memory_equal(seed, due_seed, sizeof(seed));
        assert_int_equal(btc_hd_root(seed, sizeof(seed), &root), 0);
        assert_int_equal(btc_hd_encode(&root, 0x0488ade4, true, key), 0);
        assert_string_equal(key, vectors_next_string(&at));
    }
    free(file);
}

static void bip39_list_is_the_published_one(void **state)
{
    (void)state;
    size_t size;
    for (int i = 1; i < BTC_BIP39_LIST_COUNT; i++)
        assert_true(strcmp(btc_bip39_list[i - 1], btc_bip39_list[i]) < 0);
    char *file = vectors_load("bips/bip39_english.txt", &size);
    if (!file)
        skip();
    char *at = file;
    for (int i = 0; i < BTC_BIP39_LIST_COUNT; i++)
        assert_string_equal(vectors_next_line(&at), btc_bip39_list[i]);
    free(file);
}

static void bip39_names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *sentence;
        const char *text;
    } cases[] = {
        {"", "0 words"},
        {"   ", "0 words"},
        {"abandon abandon abandon", "3 words"},
        {ZEROS_SENTENCE " about", "13 words"},
        {"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
         "abandon",
         "checksum"},
        {"abandon bandon", "word 2"},
        {"Abandon", "word 1"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "word 1"},
        {ZEROS_SENTENCE " " ZEROS_SENTENCE " about", "more than 24"},
    };
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size = 5;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct btc_error err = {0};
        assert_int_equal(btc_bip39_decode(cases[i].sentence, entropy, &size, &err), BTC_EFORMAT);
        assert_non_null(strstr(err.text, cases[i].text));
        assert_int_equal(size, 5);
    }
    assert_int_equal(btc_bip39_decode("  " ZEROS_SENTENCE "  ", entropy, &size, NULL), 0);
    assert_int_equal(size, 16);
    char sentence[BTC_BIP39_SENTENCE_SIZE];
    assert_int_equal(btc_bip39_encode(entropy, 15, sentence), BTC_EUSAGE);
    assert_int_equal(btc_bip39_encode(entropy, 36, sentence), BTC_EUSAGE);
}

/* "m/0<sub>H</sub>/1" below a root. */
static void derive(const struct btc_hd_node *root, const char *path, struct btc_hd_node *ret_node)
{
    *ret_node = *root;
    for (const char *step = strchr(path, '/'); step; step = strchr(step + 1, '/')) {
        if (step[-1] == '<')
            continue; /* of "</sub>" */
        char *end;
        uint32_t index = (uint32_t)strtoul(step + 1, &end, 10);
        if (strncmp(end, "<sub>H", 6) == 0)
            index |= BTC_HD_HARDENED;
        struct btc_hd_node public = btc_hd_public(ret_node);
        struct btc_hd_node child;
        assert_int_equal(btc_hd_child(ret_node, index, ret_node), 0);
        /* The public half of the tree is the same tree, and ends where hardened steps begin. */
        if (index & BTC_HD_HARDENED) {
            assert_int_equal(btc_hd_child(&public, index, &child), BTC_EUSAGE);
        } else {
            assert_int_equal(btc_hd_child(&public, index, &child), 0);
            public = btc_hd_public(ret_node);
            assert_memory_equal(&child, &public, sizeof(child));
        }
    }
}

static void check_hd_text(const struct btc_hd_node *node, const char *due, bool is_private)
{
    char text[BTC_HD_TEXT_SIZE];
    struct btc_hd_node read;
    struct btc_hd_node expected = is_private ? *node : btc_hd_public(node);
    assert_int_equal(btc_hd_encode(node, is_private ? 0x0488ade4 : 0x0488b21e, is_private, text),
                     0);
    assert_string_equal(text, due);
    assert_int_equal(btc_hd_decode(due, 0x0488b21e, 0x0488ade4, &read, NULL), 0);
    assert_memory_equal(&read, &expected, sizeof(read));
}

static void bip32_agrees_with_its_vectors(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("bips/bip-0032.mediawiki", &size);
    if (!file)
        skip();
    struct btc_hd_node root = {0};
    struct btc_hd_node node = {0};
    int keys = 0;
    int refused = 0;
    bool has_begun = false;
    char *at = file;
    for (char *line; (line = vectors_next_line(&at));) {
        uint8_t seed[BTC_BIP39_SEED_SIZE];
        if (strncmp(line, "Seed (hex): ", 12) == 0) {
            assert_int_equal(btc_hd_root(seed, unhex(line + 12, seed, sizeof(seed)), &root), 0);
            has_begun = true;
        } else if (strncmp(line, "* Chain m", 9) == 0) {
            derive(&root, line + 8, &node);
        } else if (strncmp(line, "** ext p", 8) == 0) {
            check_hd_text(&node, strchr(line, ':') + 2, line[8] == 'r');
            keys++;
        } else if (has_begun && line[0] == '*' && strchr(line, '(')) {
            struct btc_hd_node read;
            *strchr(line, ' ') = '#';
            *strchr(line, ' ') = '\0';
            int rc = btc_hd_decode(line + 2, 0x0488b21e, 0x0488ade4, &read, NULL);
            assert_true(rc == BTC_EFORMAT || rc == BTC_ENETWORK);
            refused++;
        }
    }
    assert_int_equal(keys, 34);
    assert_int_equal(refused, 16);
    free(file);
}

static void bip84_agrees_with_its_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t chain;
        uint32_t index;
        const char *key;
        const char *wif;
        const char *address;
    } cases[] = {
        {0, 0, "0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c",
         "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d",
         "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
        {0, 1, "03e775fd51f0dfb8cd865d9ff1cca2a158cf651fe997fdc9fee9c1d3b5e995ea77",
         "Kxpf5b8p3qX56DKEe5NqWbNUP9MnqoRFzZwHRtsFqhzuvUJsYZCy",
         "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"},
        {1, 0, "03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6",
         "KxuoxufJL5csa1Wieb2kp29VNdn92Us8CoaUG3aGtPtcF3AzeXvF",
         "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"},
    };
    static const uint32_t account_path[] = {84 | BTC_HD_HARDENED, BTC_HD_HARDENED, BTC_HD_HARDENED};
    const struct btc_params *main_net = btc_params_get(BTC_MAIN);
    uint8_t seed[BTC_BIP39_SEED_SIZE];
    struct btc_hd_node root;
    struct btc_hd_node account;
    char text[BTC_HD_TEXT_SIZE];
    assert_int_equal(btc_bip39_seed(ZEROS_SENTENCE, "", seed), 0);
    assert_int_equal(btc_hd_root(seed, sizeof(seed), &root), 0);
    assert_int_equal(btc_hd_derive(&root, account_path, 3, &account), 0);
    assert_int_equal(btc_hd_encode(&account, 0x04b24746, false, text), 0);
    assert_string_equal(text, "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADq"
                              "tfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint32_t path[] = {cases[i].chain, cases[i].index};
        struct btc_hd_node node;
        struct btc_hash160 hash;
        struct btc_script script;
        char hex[2 * BTC_KEY_SIZE + 1];
        char wif[BTC_WIF_SIZE];
        char address[BTC_ADDRESS_SIZE];
        assert_int_equal(btc_hd_derive(&account, path, 2, &node), 0);
        btc_hex_encode(node.key, sizeof(node.key), hex);
        assert_string_equal(hex, cases[i].key);
        assert_int_equal(btc_wif_encode(main_net, node.secret, true, wif), 0);
        assert_string_equal(wif, cases[i].wif);
        assert_int_equal(btc_hash160(node.key, sizeof(node.key), &hash), 0);
        assert_int_equal(btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, sizeof(hash), &script), 0);
        assert_int_equal(btc_address_encode(main_net, btc_script_span(&script), address), 0);
        assert_string_equal(address, cases[i].address);
    }
}

static void bip32_refuses_what_cannot_be(void **state)
{
    (void)state;
    uint8_t seed[BTC_HD_SEED_SIZE_MAX + 1] = {1};
    struct btc_hd_node node;
    struct btc_hd_node public;
    char text[BTC_HD_TEXT_SIZE];
    assert_int_equal(btc_hd_root(seed, 15, &node), BTC_EUSAGE);
    assert_int_equal(btc_hd_root(seed, 65, &node), BTC_EUSAGE);
    assert_int_equal(btc_hd_root(seed, 64, &node), 0);
    public = btc_hd_public(&node);
    assert_int_equal(btc_hd_encode(&public, 0x0488ade4, true, text), BTC_EUSAGE);
    node.depth = 255;
    assert_int_equal(btc_hd_child(&node, 0, &node), BTC_EUSAGE);
}

/* Our networks by the names in Core's file; testnet's addresses look like signet's. */
static const struct btc_params *core_chain(const char *name)
{
    return btc_params_by_name(strcmp(name, "testnet4") == 0 ? "signet" : name);
}

static void check_core_key(const struct btc_params *params, const char *text, const char *hex,
                           bool is_compressed)
{
    uint8_t secret[BTC_SECRET_SIZE];
    uint8_t due[BTC_SECRET_SIZE];
    bool found_compressed;
    char again[BTC_WIF_SIZE];
    assert_int_equal(btc_wif_decode(params, text, secret, &found_compressed, NULL), 0);
    assert_int_equal(unhex(hex, due, sizeof(due)), sizeof(due));
    assert_memory_equal(secret, due, sizeof(due));
    assert_int_equal(found_compressed, is_compressed);
    assert_int_equal(btc_wif_encode(params, secret, is_compressed, again), 0);
    assert_string_equal(again, text);
}

static void check_core_address(const struct btc_params *params, const char *text, const char *hex)
{
    struct btc_script script;
    uint8_t due[BTC_SCRIPT_TEMPLATE_SIZE_MAX];
    char again[BTC_ADDRESS_SIZE];
    assert_int_equal(btc_address_decode(params, text, &script, NULL), 0);
    assert_int_equal(unhex(hex, due, sizeof(due)), script.size);
    assert_memory_equal(script.bytes, due, script.size);
    assert_int_equal(btc_address_encode(params, btc_script_span(&script), again), 0);
    assert_string_equal(again, text);
    const struct btc_params *other = btc_params_get(params->network == BTC_MAIN ? BTC_REGTEST
                                                                                : BTC_MAIN);
    assert_int_equal(btc_address_decode(other, text, &script, NULL), BTC_ENETWORK);
}

static void key_io_agrees_with_core(void **state)
{
    (void)state;
    size_t size;
    char *file = vectors_load("core/key_io_valid.json", &size);
    if (!file)
        skip();
    int addresses = 0;
    int keys = 0;
    char *at = file;
    for (char *text; (text = vectors_next_string(&at));) {
        const char *hex = vectors_next_string(&at);
        char *end = strchr(at, ']');
        bool is_private = false;
        bool is_compressed = false;
        const struct btc_params *params = NULL;
        *end = '\0';
        is_private = strstr(at, "\"isPrivkey\": true") != NULL;
        is_compressed = strstr(at, "\"isCompressed\": true") != NULL;
        assert_string_equal(vectors_next_string(&at), "chain");
        params = core_chain(vectors_next_string(&at));
        assert_non_null(params);
        if (is_private) {
            check_core_key(params, text, hex, is_compressed);
            keys++;
        } else {
            check_core_address(params, text, hex);
            addresses++;
        }
        at = end + 1;
    }
    assert_int_equal(addresses, 54);
    assert_int_equal(keys, 16);
    free(file);
}

static void addresses_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "1",
        "bc1",
        "hello",
        "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyv",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        " 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa ",
        "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d",
    };
    const struct btc_params *main_net = btc_params_get(BTC_MAIN);
    struct btc_script script;
    char text[BTC_ADDRESS_SIZE];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct btc_error err = {0};
        assert_int_equal(btc_address_decode(main_net, bad[i], &script, &err), BTC_EFORMAT);
        assert_memory_equal(err.text, "address: ", 9);
    }
    assert_int_equal(
        btc_address_decode(main_net, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", &script, NULL), 0);
    static const uint8_t returns[] = {BTC_OP_RETURN, 1, 7};
    static const uint8_t odd_program[] = {BTC_OP_0, 3, 7, 7, 7};
    struct btc_span none[] = {{NULL, 0}, {returns, sizeof(returns)}, {odd_program, 5}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(btc_address_encode(main_net, none[i], text), BTC_ADDRESS_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base58_agrees_with_core),
        cmocka_unit_test(base58_refuses_what_is_none),
        cmocka_unit_test(bech32_agrees_with_bip173),
        cmocka_unit_test(bech32m_agrees_with_bip350),
        cmocka_unit_test(segwit_addresses_agree_with_bip350),
        cmocka_unit_test(bip39_agrees_with_its_vectors),
        cmocka_unit_test(bip39_list_is_the_published_one),
        cmocka_unit_test(bip39_names_what_is_wrong),
        cmocka_unit_test(bip32_agrees_with_its_vectors),
        cmocka_unit_test(bip32_refuses_what_cannot_be),
        cmocka_unit_test(bip84_agrees_with_its_vectors),
        cmocka_unit_test(key_io_agrees_with_core),
        cmocka_unit_test(addresses_that_are_none_are_refused),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
