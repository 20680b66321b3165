/*
 * What differs between the networks: main, signet (the default one of BIP325), regtest. Constant
 * data.
 */
#ifndef ACTORS_BITCOIN_PARAMS_H
#define ACTORS_BITCOIN_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/pow.h"

#define BTC_GENESIS_SIZE      285  /* bytes of each network's genesis block */
#define BTC_COINBASE_MATURITY 100  /* blocks */
#define BTC_MEDIAN_TIME_SPAN  11   /* headers: median time past */
#define BTC_FUTURE_TIME_MAX_S 7200 /* how far ahead of the clock a header's time may be */

enum btc_network {
    BTC_MAIN = 0,
    BTC_SIGNET,
    BTC_REGTEST,
    BTC_NETWORK_COUNT,
};

struct btc_params {
    enum btc_network network;
    const char *name; /* "main", "signet", "regtest": as in --network= */
    uint8_t
        magic[4];  /* in wire order, in front of each message and of each block in a block file */
    uint16_t port; /* default of the P2P port */

    struct btc_header genesis;
    struct btc_hash genesis_hash;

    uint32_t pow_limit_bits; /* the easiest target */
    struct btc_u256
        minimum_chain_work;      /* its chain is known to have at least this much; 0: unknown */
    bool pow_no_retarget;        /* regtest: bits never change */
    int32_t retarget_interval;   /* blocks */
    int64_t retarget_timespan_s; /* what a period should take */
    int32_t halving_interval;    /* blocks */

    /* First height at which each rule is in force (buried deployments, BIP90). */
    int32_t bip16_height;   /* P2SH */
    int32_t bip34_height;   /* height in coinbase; version >= 2 */
    int32_t bip66_height;   /* strict DER; version >= 3 */
    int32_t bip65_height;   /* CHECKLOCKTIMEVERIFY; version >= 4 */
    int32_t csv_height;     /* BIP68, 112, 113 */
    int32_t segwit_height;  /* BIP141, 143, 147 */
    int32_t taproot_height; /* BIP341, 342 */
    bool signet_blocks; /* blocks carry a signature of the network's own (BIP325), which we do not
                           check */

    /* Addresses and keys. */
    const char *bech32_hrp;
    uint8_t base58_p2pkh;
    uint8_t base58_p2sh;
    uint8_t base58_wif;
    uint32_t bip32_public;    /* xpub / tpub version, as a big-endian number */
    uint32_t bip32_private;   /* xprv / tprv */
    uint32_t bip44_coin_type; /* SLIP44: 0 main, 1 all others; not yet hardened */
};

/* Never NULL for a valid enum value. */
const struct btc_params *btc_params_get(enum btc_network network);

/* By the name in --network=, or NULL. "mainnet" is understood too. */
const struct btc_params *btc_params_by_name(const char *name);

/* The network whose magic these four bytes are, or NULL. */
const struct btc_params *btc_params_by_magic(const uint8_t magic[4]);

/* The whole genesis block as on the wire. */
void btc_genesis_block(const struct btc_params *params, uint8_t ret_bytes[BTC_GENESIS_SIZE]);

/* Newly made coins, in satoshi, that a block of this height may claim besides fees. */
int64_t btc_subsidy(const struct btc_params *params, int32_t height);

#endif
