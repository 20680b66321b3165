/* Private to descriptor*.c: descriptor.c reads the text and finds keys and scripts,
 * descriptor_text.c writes it. */
#ifndef ACTORS_BITCOIN_DESCRIPTOR_IMPL_H
#define ACTORS_BITCOIN_DESCRIPTOR_IMPL_H

#include "actors/bitcoin/descriptor.h"

/* What stands before the innermost argument: "sh(wpkh(". */
const char *descriptor_opening(enum btc_descriptor_kind kind);

static inline bool descriptor_has_key(const struct btc_descriptor *descriptor)
{
    return descriptor->kind != BTC_DESCRIPTOR_ADDR && descriptor->kind != BTC_DESCRIPTOR_RAW;
}

#endif
