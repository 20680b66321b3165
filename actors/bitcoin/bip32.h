/*
 * BIP32: trees of keys. A node of the tree is a struct by value; a public node derives the
 * addresses of a wallet without any secret in memory.
 *
 * Functions keep nothing and may be called on any thread. A private node is secret: its owner wipes
 * it with btc_hd_wipe().
 */
#ifndef ACTORS_BITCOIN_BIP32_H
#define ACTORS_BITCOIN_BIP32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

#define BTC_HD_HARDENED      0x80000000u /* added to the index of a child of private nodes only */
#define BTC_HD_TEXT_SIZE     113         /* xpub..., xprv... with the NUL; 111 letters for most */
#define BTC_HD_SEED_SIZE_MIN 16
#define BTC_HD_SEED_SIZE_MAX 64
#define BTC_KEY_SIZE         33 /* a compressed public key */
#define BTC_SECRET_SIZE      32

struct btc_hd_node {
    bool is_private;
    uint8_t depth;
    uint8_t parent_fingerprint[4];
    uint32_t index; /* among its parent's children, with BTC_HD_HARDENED */
    uint8_t chain_code[32];
    uint8_t key[BTC_KEY_SIZE];       /* public, compressed */
    uint8_t secret[BTC_SECRET_SIZE]; /* zero in a public node */
};

/*
 * The root for a seed of 16 to 64 bytes. 0, BTC_EUSAGE for another size, BTC_EINVALID for one of
 * the (about 1 in 2^127) seeds that have none, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_hd_root(const uint8_t *seed, size_t size, struct btc_hd_node *ret_node) BTC_MUST_CHECK;

/*
 * Child `index` of a node: private of a private one (CKDpriv), public of a public one (CKDpub). 0,
 * BTC_EUSAGE for a hardened child of a public node or below depth 255, BTC_EINVALID where there is
 * no such child (1 in 2^127: go on with the next index), BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_hd_child(const struct btc_hd_node *parent, uint32_t index, struct btc_hd_node *ret_node)
    BTC_MUST_CHECK;

/* The node `count` steps below `node`. Errors as of btc_hd_child(). */
int btc_hd_derive(const struct btc_hd_node *node, const uint32_t *path, size_t count,
                  struct btc_hd_node *ret_node) BTC_MUST_CHECK;

/* The same node without its secret. */
struct btc_hd_node btc_hd_public(const struct btc_hd_node *node);

/*
 * The node as Base58Check text: `version` is a big-endian number such as bip32_public or
 * bip32_private of struct btc_params; `as_private` writes the secret (wipe the text then). 0,
 * BTC_EUSAGE when there is none to write, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_hd_encode(const struct btc_hd_node *node, uint32_t version, bool as_private,
                  char ret_text[BTC_HD_TEXT_SIZE]) BTC_MUST_CHECK;

/*
 * Read such a text, which must have one of the two versions. 0; BTC_ENETWORK for another version;
 * BTC_EFORMAT for text that is none, a key that does not fit the version or is not on the curve, or
 * a root with a parent or an index.
 */
int btc_hd_decode(const char *text, uint32_t public_version, uint32_t private_version,
                  struct btc_hd_node *ret_node, struct btc_error *err) BTC_MUST_CHECK;

void btc_hd_wipe(struct btc_hd_node *node);

/* Overwrite a secret, in a way that no compiler leaves out. */
void btc_wipe(void *secret, size_t size);

/* Is this a public key on the curve, in the compressed or the uncompressed form? */
bool btc_key_is_valid(const void *key, size_t size);

#endif
