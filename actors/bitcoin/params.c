/* Constants of the networks: see params.h. Values are those of Bitcoin Core's chain parameters. */
#include "actors/bitcoin/params.h"

#include <string.h>

#define TWO_WEEKS_S   1209600
#define SUBSIDY_FIRST (50 * BTC_COIN)

/* All three networks began with the same coinbase; only the headers differ. */
static const uint8_t genesis_coinbase[] = {
    0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0x4d, 0x04, 0xff, 0xff, 0x00, 0x1d, 0x01,
    0x04, 0x45, 0x54, 0x68, 0x65, 0x20, 0x54, 0x69, 0x6d, 0x65, 0x73, 0x20, 0x30, 0x33, 0x2f, 0x4a,
    0x61, 0x6e, 0x2f, 0x32, 0x30, 0x30, 0x39, 0x20, 0x43, 0x68, 0x61, 0x6e, 0x63, 0x65, 0x6c, 0x6c,
    0x6f, 0x72, 0x20, 0x6f, 0x6e, 0x20, 0x62, 0x72, 0x69, 0x6e, 0x6b, 0x20, 0x6f, 0x66, 0x20, 0x73,
    0x65, 0x63, 0x6f, 0x6e, 0x64, 0x20, 0x62, 0x61, 0x69, 0x6c, 0x6f, 0x75, 0x74, 0x20, 0x66, 0x6f,
    0x72, 0x20, 0x62, 0x61, 0x6e, 0x6b, 0x73, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00, 0xf2, 0x05, 0x2a,
    0x01, 0x00, 0x00, 0x00, 0x43, 0x41, 0x04, 0x67, 0x8a, 0xfd, 0xb0, 0xfe, 0x55, 0x48, 0x27, 0x19,
    0x67, 0xf1, 0xa6, 0x71, 0x30, 0xb7, 0x10, 0x5c, 0xd6, 0xa8, 0x28, 0xe0, 0x39, 0x09, 0xa6, 0x79,
    0x62, 0xe0, 0xea, 0x1f, 0x61, 0xde, 0xb6, 0x49, 0xf6, 0xbc, 0x3f, 0x4c, 0xef, 0x38, 0xc4, 0xf3,
    0x55, 0x04, 0xe5, 0x1e, 0xc1, 0x12, 0xde, 0x5c, 0x38, 0x4d, 0xf7, 0xba, 0x0b, 0x8d, 0x57, 0x8a,
    0x4c, 0x70, 0x2b, 0x6b, 0xf1, 0x1d, 0x5f, 0xac, 0x00, 0x00, 0x00, 0x00,
};

#define GENESIS_MERKLE_ROOT                                                                     \
    {                                                                                           \
        {                                                                                       \
            0x3b, 0xa3, 0xed, 0xfd, 0x7a, 0x7b, 0x12, 0xb2, 0x7a, 0xc7, 0x2c, 0x3e, 0x67, 0x76, \
                0x8f, 0x61, 0x7f, 0xc8, 0x1b, 0xc3, 0x88, 0x8a, 0x51, 0x32, 0x3a, 0x9f, 0xb8,   \
                0xaa, 0x4b, 0x1e, 0x5e, 0x4a,                                                   \
        }                                                                                       \
    }

static const struct btc_params all_params[BTC_NETWORK_COUNT] = {
    [BTC_MAIN] =
        {
            .network = BTC_MAIN,
            .name = "main",
            .magic = {0xf9, 0xbe, 0xb4, 0xd9},
            .port = 8333,
            .genesis =
                {
                    .version = 1,
                    .merkle_root = GENESIS_MERKLE_ROOT,
                    .time_s = 1231006505,
                    .bits = 0x1d00ffff,
                    .nonce = 2083236893,
                },
            .genesis_hash = {{
                0x6f, 0xe2, 0x8c, 0x0a, 0xb6, 0xf1, 0xb3, 0x72, 0xc1, 0xa6, 0xa2,
                0x46, 0xae, 0x63, 0xf7, 0x4f, 0x93, 0x1e, 0x83, 0x65, 0xe1, 0x5a,
                0x08, 0x9c, 0x68, 0xd6, 0x19, 0x00, 0x00, 0x00, 0x00, 0x00,
            }},
            .pow_limit_bits = 0x1d00ffff,
            .minimum_chain_work = {{[20] = 0xb1,
                                    0xf3,
                                    0xb9,
                                    0x3b,
                                    0x65,
                                    0xb1,
                                    0x6d,
                                    0x03,
                                    0x5a,
                                    0x82,
                                    0xbe,
                                    0x84}}, /* of height 886157 */
            .pow_no_retarget = false,
            .retarget_interval = 2016,
            .retarget_timespan_s = TWO_WEEKS_S,
            .halving_interval = 210000,
            .bip16_height = 173805, /* the first block of 1 April 2012 or later */
            .bip34_height = 227931,
            .bip66_height = 363725,
            .bip65_height = 388381,
            .csv_height = 419328,
            .segwit_height = 481824,
            .taproot_height = 709632,
            .signet_blocks = false,
            .bech32_hrp = "bc",
            .base58_p2pkh = 0x00,
            .base58_p2sh = 0x05,
            .base58_wif = 0x80,
            .bip32_public = 0x0488b21e,
            .bip32_private = 0x0488ade4,
            .bip44_coin_type = 0,
        },
    [BTC_SIGNET] =
        {
            .network = BTC_SIGNET,
            .name = "signet",
            .magic = {0x0a, 0x03, 0xcf, 0x40},
            .port = 38333,
            .genesis =
                {
                    .version = 1,
                    .merkle_root = GENESIS_MERKLE_ROOT,
                    .time_s = 1598918400,
                    .bits = 0x1e0377ae,
                    .nonce = 52613770,
                },
            .genesis_hash = {{
                0xf6, 0x1e, 0xee, 0x3b, 0x63, 0xa3, 0x80, 0xa4, 0x77, 0xa0, 0x63,
                0xaf, 0x32, 0xb2, 0xbb, 0xc9, 0x7c, 0x9f, 0xf9, 0xf0, 0x1f, 0x2c,
                0x42, 0x25, 0xe9, 0x73, 0x98, 0x81, 0x08, 0x00, 0x00, 0x00,
            }},
            .pow_limit_bits = 0x1e0377ae,
            .minimum_chain_work =
                {{[26] = 0x02, 0xb5, 0x17, 0xf3, 0xd1, 0xa1}}, /* of height 237722 */
            .pow_no_retarget = false,
            .retarget_interval = 2016,
            .retarget_timespan_s = TWO_WEEKS_S,
            .halving_interval = 210000,
            .bip16_height = 0,
            .bip34_height = 1,
            .bip66_height = 1,
            .bip65_height = 1,
            .csv_height = 1,
            .segwit_height = 1,
            .taproot_height = 1,
            .signet_blocks = true,
            .bech32_hrp = "tb",
            .base58_p2pkh = 0x6f,
            .base58_p2sh = 0xc4,
            .base58_wif = 0xef,
            .bip32_public = 0x043587cf,
            .bip32_private = 0x04358394,
            .bip44_coin_type = 1,
        },
    [BTC_REGTEST] =
        {
            .network = BTC_REGTEST,
            .name = "regtest",
            .magic = {0xfa, 0xbf, 0xb5, 0xda},
            .port = 18444,
            .genesis =
                {
                    .version = 1,
                    .merkle_root = GENESIS_MERKLE_ROOT,
                    .time_s = 1296688602,
                    .bits = 0x207fffff,
                    .nonce = 2,
                },
            .genesis_hash = {{
                0x06, 0x22, 0x6e, 0x46, 0x11, 0x1a, 0x0b, 0x59, 0xca, 0xaf, 0x12,
                0x60, 0x43, 0xeb, 0x5b, 0xbf, 0x28, 0xc3, 0x4f, 0x3a, 0x5e, 0x33,
                0x2a, 0x1f, 0xc7, 0xb2, 0xb7, 0x3c, 0xf1, 0x88, 0x91, 0x0f,
            }},
            .pow_limit_bits = 0x207fffff,
            .pow_no_retarget = true,
            .retarget_interval = 2016,
            .retarget_timespan_s = TWO_WEEKS_S,
            .halving_interval = 150,
            .bip16_height = 0,
            .bip34_height = 1,
            .bip66_height = 1,
            .bip65_height = 1,
            .csv_height = 1,
            .segwit_height = 0,
            .taproot_height = 0,
            .signet_blocks = false,
            .bech32_hrp = "bcrt",
            .base58_p2pkh = 0x6f,
            .base58_p2sh = 0xc4,
            .base58_wif = 0xef,
            .bip32_public = 0x043587cf,
            .bip32_private = 0x04358394,
            .bip44_coin_type = 1,
        },
};

const struct btc_params *btc_params_get(enum btc_network network)
{
    return (unsigned)network < BTC_NETWORK_COUNT ? &all_params[network] : NULL;
}

const struct btc_params *btc_params_by_name(const char *name)
{
    if (strcmp(name, "mainnet") == 0)
        return &all_params[BTC_MAIN];
    for (size_t i = 0; i < BTC_NETWORK_COUNT; i++)
        if (strcmp(name, all_params[i].name) == 0)
            return &all_params[i];
    return NULL;
}

const struct btc_params *btc_params_by_magic(const uint8_t magic[4])
{
    for (size_t i = 0; i < BTC_NETWORK_COUNT; i++)
        if (memcmp(magic, all_params[i].magic, 4) == 0)
            return &all_params[i];
    return NULL;
}

void btc_genesis_block(const struct btc_params *params, uint8_t ret_bytes[BTC_GENESIS_SIZE])
{
    _Static_assert(BTC_HEADER_SIZE + 1 + sizeof(genesis_coinbase) == BTC_GENESIS_SIZE, "size");
    btc_header_write(&params->genesis, ret_bytes);
    ret_bytes[BTC_HEADER_SIZE] = 1;
    memcpy(ret_bytes + BTC_HEADER_SIZE + 1, genesis_coinbase, sizeof(genesis_coinbase));
}

int64_t btc_subsidy(const struct btc_params *params, int32_t height)
{
    int32_t halvings = height / params->halving_interval;
    return halvings < 64 ? SUBSIDY_FIRST >> halvings : 0;
}
