/*
 * Signed messages: text that the holder of an address signed.
 *
 * P2PKH: the "Bitcoin Signed Message" form, a recoverable signature. P2WPKH and P2TR: BIP322's
 * simple form, the witness of a transaction that can never be mined. Both as base64, the
 * latter read with or without the prefix "smp" of the BIP's later revisions, written without. Pure
 * functions, any thread.
 */
#ifndef ACTORS_BITCOIN_MESSAGE_H
#define ACTORS_BITCOIN_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/error.h"

#define BTC_MESSAGE_SIZE_MAX            65536 /* bytes of a message */
#define BTC_MESSAGE_SIGNATURE_TEXT_SIZE 512   /* bytes of a signature's text, with the NUL */

/*
 * Sign for the output script of an address. The secret is its key's; for taproot the internal
 * one's, without scripts (BIP86). 0; BTC_EUSAGE when the script is of another kind or of another
 * key; BTC_ELIMIT, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_message_sign(struct btc_span script, const uint8_t secret[BTC_SECRET_SIZE],
                     struct btc_span message, char ret_text[BTC_MESSAGE_SIGNATURE_TEXT_SIZE],
                     struct btc_error *err) BTC_MUST_CHECK;

/*
 * 0: the signature is of that script's key over that message. BTC_EINVALID: it is not. BTC_EFORMAT:
 * no such signature can be read from the text. BTC_EUSAGE: the script is of another kind.
 * BTC_ELIMIT, BTC_ENOMEM, BTC_ECRYPTO.
 */
int btc_message_verify(struct btc_span script, struct btc_span message, const char *text,
                       struct btc_error *err) BTC_MUST_CHECK;

#endif
