/*
 * Script templates: the shapes of output script that node and wallet know by name.
 *
 * There is no script interpreter here. A script outside the templates is BTC_SCRIPT_OTHER, and
 * whoever meets one says so instead of guessing.
 */
#ifndef ACTORS_BITCOIN_SCRIPT_H
#define ACTORS_BITCOIN_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bytes.h"

#define BTC_SCRIPT_TEMPLATE_SIZE_MAX 67 /* bytes: P2PK with an uncompressed key */
#define BTC_MULTISIG_KEYS_MAX        20
#define BTC_SCRIPT_SIZE_MAX          10000 /* bytes: longer ones can never be spent */

enum btc_script_kind {
    BTC_SCRIPT_OTHER = 0,
    BTC_SCRIPT_P2PK,   /* <key> CHECKSIG; payload: the key, 33 or 65 bytes */
    BTC_SCRIPT_P2PKH,  /* payload: HASH160 of the key, 20 bytes */
    BTC_SCRIPT_P2SH,   /* BIP16; payload: HASH160 of the script, 20 bytes */
    BTC_SCRIPT_P2WPKH, /* BIP141; payload: HASH160 of the key, 20 bytes */
    BTC_SCRIPT_P2WSH,  /* BIP141; payload: SHA256 of the script, 32 bytes */
    BTC_SCRIPT_P2TR,   /* BIP341; payload: output key, x only, 32 bytes */
    BTC_SCRIPT_RETURN, /* starts with RETURN: holds no coin; payload: all behind that opcode */
};

enum btc_opcode {
    BTC_OP_0 = 0x00,
    BTC_OP_PUSHDATA1 = 0x4c,
    BTC_OP_PUSHDATA2 = 0x4d,
    BTC_OP_PUSHDATA4 = 0x4e,
    BTC_OP_1NEGATE = 0x4f,
    BTC_OP_1 = 0x51,
    BTC_OP_16 = 0x60,
    BTC_OP_RETURN = 0x6a,
    BTC_OP_DUP = 0x76,
    BTC_OP_EQUAL = 0x87,
    BTC_OP_EQUALVERIFY = 0x88,
    BTC_OP_HASH160 = 0xa9,
    BTC_OP_CODESEPARATOR = 0xab,
    BTC_OP_CHECKSIG = 0xac, /* the VERIFY form of these two is the next opcode */
    BTC_OP_CHECKMULTISIG = 0xae,
};

struct btc_script_match {
    enum btc_script_kind kind;
    struct btc_span payload; /* a view into the script; empty for BTC_SCRIPT_OTHER */
};

/* A script that fits a template, by value. */
struct btc_script {
    uint8_t bytes[BTC_SCRIPT_TEMPLATE_SIZE_MAX];
    size_t size;
};

static inline struct btc_span btc_script_span(const struct btc_script *script)
{
    return (struct btc_span){script->bytes, script->size};
}

/* Which template a script fits, byte for byte. Never fails. */
struct btc_script_match btc_script_classify(struct btc_span script);

/* "p2pk", "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "return", "other". Static text. */
const char *btc_script_kind_name(enum btc_script_kind kind);

/*
 * The output script of a template around its payload (sizes above). 0, or BTC_EUSAGE when kind has
 * no such template or the payload is not of its size; a P2PK key must start with the byte that fits
 * its length.
 */
int btc_script_build(enum btc_script_kind kind, const void *payload, size_t size,
                     struct btc_script *ret_script) BTC_MUST_CHECK;

/* m of n keys: m <key>... n CHECKMULTISIG. */
struct btc_multisig {
    size_t required;                             /* 1 to key_count */
    size_t key_count;                            /* 1 to BTC_MULTISIG_KEYS_MAX */
    struct btc_span keys[BTC_MULTISIG_KEYS_MAX]; /* views into the script, 33 or 65 bytes each */
};

/*
 * Is the script a multisig in its shortest form, and of which keys? Each key must start with the
 * byte that fits its length; whether it lies on the curve is not looked at.
 */
bool btc_script_multisig(struct btc_span script, struct btc_multisig *ret_multisig);

/* BIP141: OP_0 or OP_1..OP_16 and one push of 2 to 40 bytes. */
bool btc_script_witness_program(struct btc_span script, unsigned *ret_version,
                                struct btc_span *ret_program);

/*
 * An output that can never be spent: starts with RETURN or is longer than BTC_SCRIPT_SIZE_MAX. The
 * coin set leaves those out.
 */
bool btc_script_is_unspendable(struct btc_span script);

/*
 * Take one push of data from the front of *script. 1: *ret_data is what it pushes (a view; OP_0
 * pushes an empty one). 0: the script is at its end. BTC_EFORMAT: the next opcode is not a push of
 * bytes (OP_1..OP_16 and OP_1NEGATE count as none here) or is cut off. Pushes need not be minimal:
 * early signatures used any.
 */
int btc_script_next_push(struct btc_span *script, struct btc_span *ret_data) BTC_MUST_CHECK;

/* Append the shortest push of data to w, as BIP34 heights, signatures and keys are pushed. */
void btc_script_write_push(struct btc_writer *w, const void *data, size_t size);

/* Append a number as a script does (OP_0, OP_1..OP_16, else minimal little-endian): BIP34 heights.
 */
void btc_script_write_number(struct btc_writer *w, int64_t value);

/*
 * Signature operations in a script, by the count that needs no spent coin: CHECKSIG as one,
 * CHECKMULTISIG as 20. Those inside P2SH scripts and witnesses are not seen here.
 */
size_t btc_script_sigops(struct btc_span script);

/* The same for redeem and witness scripts: a CHECKMULTISIG right behind OP_1..OP_16 counts as that
 * number. */
size_t btc_script_sigops_exact(struct btc_span script);

#endif
