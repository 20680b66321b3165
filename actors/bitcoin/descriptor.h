/*
 * Output script descriptors (BIP380 to BIP386, the part a wallet of single keys needs): pk(KEY),
 * pkh(KEY), wpkh(KEY), sh(wpkh(KEY)), tr(KEY), addr(ADDRESS), raw(HEX).
 *
 * KEY is a public key in hex, an exported private key, or an extended key with a path that may end
 * in a star: a range of scripts, one for each index. Each may have an origin, [fingerprint/path]. A
 * descriptor is a value without pointers; one that is private holds secrets and is wiped by its
 * owner. Pure functions, any thread.
 */
#ifndef ACTORS_BITCOIN_DESCRIPTOR_H
#define ACTORS_BITCOIN_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/origin.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/script.h"

#define BTC_DESCRIPTOR_CHECKSUM_SIZE 8    /* characters behind the '#' */
#define BTC_DESCRIPTOR_SCRIPT_SIZE   520  /* bytes: longer raw scripts are refused */
#define BTC_DESCRIPTOR_TEXT_SIZE     1280 /* bytes of any text here, with the NUL */
#define BTC_DESCRIPTOR_INDEX_MAX     0x7fffffffu

enum btc_descriptor_kind {
    BTC_DESCRIPTOR_PK,
    BTC_DESCRIPTOR_PKH,
    BTC_DESCRIPTOR_WPKH,
    BTC_DESCRIPTOR_SH_WPKH,
    BTC_DESCRIPTOR_TR,
    BTC_DESCRIPTOR_ADDR,
    BTC_DESCRIPTOR_RAW,
};

enum btc_descriptor_form { BTC_KEY_PLAIN, BTC_KEY_WIF, BTC_KEY_EXTENDED };

enum btc_descriptor_range {
    BTC_RANGE_NONE,    /* one script, at any index */
    BTC_RANGE_PLAIN,   /* the key's path ends in a star */
    BTC_RANGE_HARDENED /* ... in a hardened one: needs the private key */
};

struct btc_descriptor {
    enum btc_descriptor_kind kind;
    enum btc_descriptor_form form; /* of the key; this and the next fields not for addr and raw */
    enum btc_descriptor_range range;
    bool has_origin;
    struct btc_key_origin origin;
    uint8_t key[BTC_KEY_LONG_SIZE]; /* plain and WIF: 33, 65, or 32 bytes (x only, tr) */
    size_t key_size;
    uint8_t secret[BTC_SECRET_SIZE];   /* WIF */
    struct btc_hd_node node;           /* extended: as written */
    uint32_t path[BTC_PATH_COUNT_MAX]; /* extended: below node, without the star */
    size_t path_count;
    struct btc_hd_node parent; /* extended: below path; of the keys, when there is a range */
    uint8_t script[BTC_DESCRIPTOR_SCRIPT_SIZE]; /* addr and raw */
    size_t script_size;
};

/*
 * Read one, up to the NUL. A checksum is verified when there is one, and must be there when
 * needs_checksum. 0; BTC_EFORMAT says what is wrong and at which character (from 1); BTC_ENETWORK
 * for a key or address of another network; BTC_EUSAGE for a descriptor outside the part above
 * (named); BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_descriptor_parse(const struct btc_params *params, const char *text, bool needs_checksum,
                         struct btc_descriptor *ret_descriptor, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * The descriptor of a chain of an account: KEY is [fingerprint/path]node/chain/star. kind is PKH, WPKH,
 * SH_WPKH or TR; node is the account's, public or private (then the result is secret). 0,
 * BTC_EUSAGE, BTC_EINVALID, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_descriptor_of_chain(enum btc_descriptor_kind kind, const struct btc_key_origin *origin,
                            const struct btc_hd_node *node, uint32_t chain,
                            struct btc_descriptor *ret_descriptor) BTC_MUST_CHECK;

/*
 * The canonical text with its checksum: hardened steps as h, hex in lower case. as_private writes
 * secrets (wipe the text then), else public keys stand for private ones. 0; BTC_EUSAGE when there
 * is no secret to write, or no public form (a hardened step below an extended key);
 * BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_descriptor_write(const struct btc_params *params, const struct btc_descriptor *descriptor,
                         bool as_private, char ret_text[BTC_DESCRIPTOR_TEXT_SIZE],
                         struct btc_error *err) BTC_MUST_CHECK;

/* The checksum of a text without one (BIP380). BTC_EFORMAT for a character outside its alphabet. */
int btc_descriptor_checksum(const char *text, size_t size,
                            char ret_checksum[BTC_DESCRIPTOR_CHECKSUM_SIZE + 1]) BTC_MUST_CHECK;

bool btc_descriptor_is_range(const struct btc_descriptor *descriptor);
bool btc_descriptor_is_private(const struct btc_descriptor *descriptor);

/*
 * The script at an index (of any, when there is no range). 0; BTC_EUSAGE for an index over
 * BTC_DESCRIPTOR_INDEX_MAX; BTC_EINVALID where there is no such key (practically never);
 * BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_descriptor_script(const struct btc_descriptor *descriptor, uint32_t index,
                          uint8_t ret_script[BTC_DESCRIPTOR_SCRIPT_SIZE], size_t *ret_size)
    BTC_MUST_CHECK;

/*
 * The key at an index: 33 or 65 bytes, or 32 of which only x is known. And its secret, which the
 * caller wipes. And where it comes from, for PSBTs: without an origin in the text, an extended key
 * is its own root. As above; BTC_ENOTFOUND when the descriptor has no key, secret or origin.
 */
int btc_descriptor_key(const struct btc_descriptor *descriptor, uint32_t index,
                       uint8_t ret_key[BTC_KEY_LONG_SIZE], size_t *ret_size) BTC_MUST_CHECK;
int btc_descriptor_secret(const struct btc_descriptor *descriptor, uint32_t index,
                          uint8_t ret_secret[BTC_SECRET_SIZE]) BTC_MUST_CHECK;
int btc_descriptor_origin(const struct btc_descriptor *descriptor, uint32_t index,
                          struct btc_key_origin *ret_origin) BTC_MUST_CHECK;

void btc_descriptor_wipe(struct btc_descriptor *descriptor);

#endif
