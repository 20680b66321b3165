/*
 * Messages of the Bitcoin P2P protocol, to and from bytes. Pure functions: no sockets, no state, no
 * chain. Layouts: developer reference "P2P network"; BIP31 (pong), 37 and 60 (relay flag), 130
 * (sendheaders), 133 (feefilter), 144 (witness), 152 (sendcmpct), 155 (addrv2), 339 (wtxidrelay).
 *
 * Everything that is read here was sent by somebody unknown: each reader checks counts, sizes and
 * that nothing is left over, and copies nothing it does not have to. What looks into the payload is
 * [borrowed] from it. Failures: BTC_EFORMAT (it does not parse), BTC_ELIMIT (over a maximum of the
 * protocol), BTC_ENETWORK (the magic of another network), each with a sentence.
 */
#ifndef ACTORS_NODE_P2P_WIRE_H
#define ACTORS_NODE_P2P_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/block.h"
#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/error.h"
#include "actors/bitcoin/params.h"

#define P2P_HEAD_SIZE     24
#define P2P_PAYLOAD_MAX   4000000 /* bytes of one message without its head */
#define P2P_COMMAND_SIZE  13      /* with the NUL */
#define P2P_INVENTORY_MAX 50000   /* items in inv, getdata, notfound */
#define P2P_HEADERS_MAX   2000
#define P2P_LOCATOR_MAX   101
#define P2P_ADDRESSES_MAX 1000
#define P2P_AGENT_MAX     256    /* bytes of a user agent */
#define P2P_TX_MAX        400000 /* bytes; larger ones are not standard and not relayed */

#define P2P_PROTOCOL     70016 /* what we speak: BIP339 */
#define P2P_PROTOCOL_MIN 70015 /* witnesses and headers; older peers are not talked to */

#define P2P_NODE_NETWORK UINT64_C(1) /* services: the whole chain */
#define P2P_NODE_WITNESS UINT64_C(8)

enum p2p_kind {
    P2P_UNKNOWN, /* passed over */
    P2P_VERSION,
    P2P_VERACK,
    P2P_PING,
    P2P_PONG,
    P2P_GETHEADERS,
    P2P_HEADERS,
    P2P_GETBLOCKS,
    P2P_INV,
    P2P_GETDATA,
    P2P_NOTFOUND,
    P2P_BLOCK,
    P2P_TX,
    P2P_MEMPOOL,
    P2P_ADDR,
    P2P_ADDRV2,
    P2P_GETADDR,
    P2P_SENDHEADERS,
    P2P_FEEFILTER,
    P2P_SENDCMPCT,
    P2P_WTXIDRELAY,
    P2P_SENDADDRV2,
    P2P_KINDS_COUNT,
};

struct p2p_head {
    enum p2p_kind kind;
    char command[P2P_COMMAND_SIZE]; /* printable */
    uint32_t size;                  /* of the payload */
    uint8_t checksum[4];
};

/* The head of a message on this network. BTC_ELIMIT also when it is larger than its kind can be. */
int p2p_read_head(const struct btc_params *params, const uint8_t bytes[P2P_HEAD_SIZE],
                  struct p2p_head *ret_head, struct btc_error *err) BTC_MUST_CHECK;

/* Is this the payload that the head speaks of? BTC_EFORMAT: it was damaged. */
int p2p_check_payload(const struct p2p_head *head, struct btc_span payload, struct btc_error *err)
    BTC_MUST_CHECK;

const char *p2p_command(enum p2p_kind kind); /* "" for P2P_UNKNOWN */
/* The most bytes that a payload of this kind can have. */
uint32_t p2p_size_max(enum p2p_kind kind);

/* ---- payloads ---- */

struct p2p_version {
    int32_t protocol;
    uint64_t services;
    int64_t time_s;
    uint64_t nonce;
    struct btc_span agent;
    int32_t height;
    bool relays; /* wants to hear of transactions */
};

struct p2p_locator {
    size_t count;
    struct btc_span hashes; /* count of 32 bytes */
    struct btc_hash stop;   /* zero: as far as it goes */
};

#define P2P_ITEM_TX      1u
#define P2P_ITEM_BLOCK   2u
#define P2P_ITEM_WTX     5u          /* by wtxid, BIP339 */
#define P2P_ITEM_WITNESS 0x40000000u /* beside TX or BLOCK: with witnesses, BIP144 */

struct p2p_item {
    uint32_t type;
    struct btc_hash hash;
};

struct p2p_inventory {
    size_t count;
    struct btc_span items; /* count of 36 bytes */
};

int p2p_read_version(struct btc_span payload, struct p2p_version *ret_version,
                     struct btc_error *err) BTC_MUST_CHECK;
/* verack, sendheaders, mempool, getaddr, wtxidrelay, sendaddrv2 */
int p2p_read_nothing(struct btc_span payload, struct btc_error *err) BTC_MUST_CHECK;
/* The nonce of ping and pong, the rate of feefilter. */
int p2p_read_number(struct btc_span payload, uint64_t *ret_number, struct btc_error *err)
    BTC_MUST_CHECK;
int p2p_read_sendcmpct(struct btc_span payload, struct btc_error *err) BTC_MUST_CHECK;
/* getheaders, getblocks */
int p2p_read_locator(struct btc_span payload, struct p2p_locator *ret_locator,
                     struct btc_error *err) BTC_MUST_CHECK;
struct btc_hash p2p_locator_at(const struct p2p_locator *locator, size_t index);
/* ret_headers: room for P2P_HEADERS_MAX of 80 bytes. */
int p2p_read_headers(struct btc_span payload, uint8_t *ret_headers, size_t *ret_count,
                     struct btc_error *err) BTC_MUST_CHECK;
/* inv, getdata, notfound */
int p2p_read_inventory(struct btc_span payload, struct p2p_inventory *ret_inventory,
                       struct btc_error *err) BTC_MUST_CHECK;
struct p2p_item p2p_inventory_at(const struct p2p_inventory *inventory, size_t index);
/* Only that they are well formed: we make no use of them. */
int p2p_read_addr(struct btc_span payload, size_t *ret_count, struct btc_error *err) BTC_MUST_CHECK;
int p2p_read_addrv2(struct btc_span payload, size_t *ret_count, struct btc_error *err)
    BTC_MUST_CHECK;

/* ---- writing: whole messages, behind what the writer has ---- */

void p2p_write_message(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind,
                       struct btc_span payload);
void p2p_write_version(struct btc_writer *w, const struct btc_params *params,
                       const struct p2p_version *version);
/* ping, pong, feefilter */
void p2p_write_number(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind,
                      uint64_t number);
/* stop: zero */
void p2p_write_getheaders(struct btc_writer *w, const struct btc_params *params,
                          const struct btc_hash *locator, size_t count);
/* `count` <= P2P_HEADERS_MAX headers of 80 bytes */
void p2p_write_headers(struct btc_writer *w, const struct btc_params *params,
                       const uint8_t *headers, size_t count);
/* inv, getdata, notfound of `count` <= P2P_INVENTORY_MAX */
void p2p_write_inventory(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind,
                         const struct p2p_item *items, size_t count);

#endif
