/*
 * Where a key comes from: the fingerprint of a root and the path below it (BIP32, BIP174, BIP380).
 * By value; not secret.
 */
#ifndef ACTORS_BITCOIN_ORIGIN_H
#define ACTORS_BITCOIN_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/error.h"

#define BTC_FINGERPRINT_SIZE 4
#define BTC_PATH_COUNT_MAX   32 /* steps: deeper than any wallet in use */

struct btc_key_origin {
    uint8_t fingerprint[BTC_FINGERPRINT_SIZE]; /* the first bytes of the root key's HASH160 */
    uint32_t path[BTC_PATH_COUNT_MAX];         /* with BTC_HD_HARDENED where a step is hardened */
    size_t path_count;
};

/* The fingerprint of a node, as its children and key origins name it. 0, BTC_ENOMEM, BTC_ECRYPTO. */
int btc_hd_fingerprint(const struct btc_hd_node *node,
                       uint8_t ret_fingerprint[BTC_FINGERPRINT_SIZE]) BTC_MUST_CHECK;

#endif
