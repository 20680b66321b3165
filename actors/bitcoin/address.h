/*
 * Addresses: output scripts as people write them, and private keys as other wallets export them.
 *
 * Base58Check for P2PKH and P2SH, segwit (BIP173, BIP350) for witness versions 0 to 16. Pure
 * functions, any thread.
 */
#ifndef ACTORS_BITCOIN_ADDRESS_H
#define ACTORS_BITCOIN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bech32.h"
#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/script.h"

#define BTC_ADDRESS_SIZE BTC_BECH32_TEXT_SIZE /* bytes of the longest address, with the NUL */
#define BTC_WIF_SIZE     53                   /* bytes of an exported private key, with the NUL */

#define BTC_ADDRESS_NONE 1 /* a script that has no address */

/*
 * The address of an output script. 0; BTC_ADDRESS_NONE when there is none for it (P2PK, RETURN,
 * others), ret_text untouched; BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_address_encode(const struct btc_params *params, struct btc_span script,
                       char ret_text[BTC_ADDRESS_SIZE]) BTC_MUST_CHECK;

/*
 * The output script of an address. 0; BTC_ENETWORK for an address of another network (the text
 * names the one it seems to be of); BTC_EFORMAT for anything that is no address.
 */
int btc_address_decode(const struct btc_params *params, const char *text,
                       struct btc_script *ret_script, struct btc_error *err) BTC_MUST_CHECK;

/*
 * A private key in wallet import format; `is_compressed` tells which form of its public key is
 * meant. The text is secret. 0, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_wif_encode(const struct btc_params *params, const uint8_t secret[BTC_SECRET_SIZE],
                   bool is_compressed, char ret_text[BTC_WIF_SIZE]) BTC_MUST_CHECK;

/*
 * Read such a key. 0; BTC_ENETWORK for another network's; BTC_EFORMAT for anything that is none or
 * is out of the curve's range.
 */
int btc_wif_decode(const struct btc_params *params, const char *text,
                   uint8_t ret_secret[BTC_SECRET_SIZE], bool *ret_is_compressed,
                   struct btc_error *err) BTC_MUST_CHECK;

#endif
