/* Messages to and from bytes: see p2p_wire.h. */
#include "actors/node/p2p_wire.h"

#include <string.h>

#define ITEM_SIZE             36
#define ADDRESS_SIZE          26 /* services, IPv6, port */
#define ADDRV2_MAX            512
#define COMMAND_BYTES         (P2P_COMMAND_SIZE - 1)
#define INVENTORY_PAYLOAD_MAX (3 + P2P_INVENTORY_MAX * ITEM_SIZE)
/* An inventory or a list of headers that is too long is read as far as its count, to be refused by
 * its own name. Anything beyond that is refused by its head. */
#define EXCESS 100000

static const struct {
    const char *command;
    uint32_t size_max;
} kinds[P2P_KINDS_COUNT] = {
    [P2P_UNKNOWN] = {"", P2P_PAYLOAD_MAX},
    [P2P_VERSION] = {"version", 1024},
    [P2P_VERACK] = {"verack", 0},
    [P2P_PING] = {"ping", 8},
    [P2P_PONG] = {"pong", 8},
    [P2P_GETHEADERS] = {"getheaders", 4 + 3 + P2P_LOCATOR_MAX *BTC_HASH_SIZE + BTC_HASH_SIZE},
    [P2P_HEADERS] = {"headers", 3 + P2P_HEADERS_MAX *(BTC_HEADER_SIZE + 1) + EXCESS},
    [P2P_GETBLOCKS] = {"getblocks", 4 + 3 + P2P_LOCATOR_MAX *BTC_HASH_SIZE + BTC_HASH_SIZE},
    [P2P_INV] = {"inv", INVENTORY_PAYLOAD_MAX + EXCESS},
    [P2P_GETDATA] = {"getdata", INVENTORY_PAYLOAD_MAX + EXCESS},
    [P2P_NOTFOUND] = {"notfound", INVENTORY_PAYLOAD_MAX + EXCESS},
    [P2P_BLOCK] = {"block", P2P_PAYLOAD_MAX},
    [P2P_TX] = {"tx", P2P_TX_MAX},
    [P2P_MEMPOOL] = {"mempool", 0},
    [P2P_ADDR] = {"addr", 3 + P2P_ADDRESSES_MAX *(4 + ADDRESS_SIZE)},
    [P2P_ADDRV2] = {"addrv2", 3 + P2P_ADDRESSES_MAX *(4 + 9 + 1 + 3 + ADDRV2_MAX + 2)},
    [P2P_GETADDR] = {"getaddr", 0},
    [P2P_SENDHEADERS] = {"sendheaders", 0},
    [P2P_FEEFILTER] = {"feefilter", 8},
    [P2P_SENDCMPCT] = {"sendcmpct", 9},
    [P2P_WTXIDRELAY] = {"wtxidrelay", 0},
    [P2P_SENDADDRV2] = {"sendaddrv2", 0},
};

const char *p2p_command(enum p2p_kind kind)
{
    return kinds[kind].command;
}

uint32_t p2p_size_max(enum p2p_kind kind)
{
    return kinds[kind].size_max;
}

/* ---- the head ---- */

/* Printable ASCII, then only NULs. */
static int read_command(const uint8_t *bytes, char ret_command[P2P_COMMAND_SIZE],
                        struct btc_error *err)
{
    size_t size = 0;
    while (size < COMMAND_BYTES && bytes[size] >= 0x20 && bytes[size] < 0x7f)
        size++;
    for (size_t i = size; i < COMMAND_BYTES; i++) {
        if (bytes[i] != 0)
            return btc_fail(err, BTC_EFORMAT, "the name of a message is not text");
    }
    memcpy(ret_command, bytes, size);
    ret_command[size] = '\0';
    return 0;
}

static enum p2p_kind kind_of(const char *command)
{
    for (int kind = P2P_UNKNOWN + 1; kind < P2P_KINDS_COUNT; kind++) {
        if (strcmp(kinds[kind].command, command) == 0)
            return (enum p2p_kind)kind;
    }
    return P2P_UNKNOWN;
}

int p2p_read_head(const struct btc_params *params, const uint8_t bytes[P2P_HEAD_SIZE],
                  struct p2p_head *ret_head, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(bytes, P2P_HEAD_SIZE, err);
    struct btc_span magic;
    struct btc_span command;
    struct p2p_head head = {.size = 0};
    int rc = btc_read_view(&r, "magic", sizeof(params->magic), &magic);
    if (rc == 0 && memcmp(magic.data, params->magic, magic.size) != 0)
        return btc_fail(err, BTC_ENETWORK, "it does not speak the protocol of %s", params->name);
    if (rc == 0)
        rc = btc_read_view(&r, "command", COMMAND_BYTES, &command);
    if (rc == 0)
        rc = read_command(command.data, head.command, err);
    if (rc == 0)
        rc = btc_read_u32(&r, "length", &head.size);
    if (rc == 0)
        rc = btc_read_bytes(&r, "checksum", sizeof(head.checksum), head.checksum);
    if (rc != 0)
        return rc;
    head.kind = kind_of(head.command);
    if (head.size > kinds[head.kind].size_max)
        return btc_fail(err, BTC_ELIMIT, "a %s of %u bytes, over the maximum of %u", head.command,
                        head.size, kinds[head.kind].size_max);
    *ret_head = head;
    return 0;
}

static int checksum_of(struct btc_span payload, uint8_t ret_checksum[4])
{
    struct btc_hash hash;
    int rc = btc_sha256d(payload.data, payload.size, &hash);
    if (rc == 0)
        memcpy(ret_checksum, hash.bytes, 4);
    return rc;
}

int p2p_check_payload(const struct p2p_head *head, struct btc_span payload, struct btc_error *err)
{
    uint8_t checksum[4];
    int rc = checksum_of(payload, checksum);
    if (rc != 0)
        return btc_fail(err, rc, "the hash library failed");
    if (payload.size != head->size || memcmp(checksum, head->checksum, sizeof(checksum)) != 0)
        return btc_fail(err, BTC_EFORMAT, "the checksum of a %s is wrong", head->command);
    return 0;
}

/* ---- reading payloads ---- */

/* Times, services and addresses that version carries for history's sake. */
static int skip(struct btc_reader *r, const char *what, size_t size)
{
    struct btc_span view;
    return btc_read_view(r, what, size, &view);
}

static int read_agent(struct btc_reader *r, struct p2p_version *version)
{
    int rc = btc_read_var(r, "agent", &version->agent);
    if (rc == 0 && version->agent.size > P2P_AGENT_MAX)
        return btc_fail(r->err, BTC_ELIMIT, "an agent of %zu bytes, over the maximum of %d",
                        version->agent.size, P2P_AGENT_MAX);
    return rc;
}

int p2p_read_version(struct btc_span payload, struct p2p_version *ret_version,
                     struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    struct p2p_version version = {.relays = true};
    uint32_t protocol = 0;
    uint32_t height = 0;
    uint64_t time_s = 0;
    uint8_t relays = 1;
    int rc = btc_read_u32(&r, "version", &protocol);
    if (rc == 0)
        rc = btc_read_u64(&r, "services", &version.services);
    if (rc == 0)
        rc = btc_read_u64(&r, "time", &time_s);
    if (rc == 0)
        rc = skip(&r, "addresses", (size_t)2 * ADDRESS_SIZE);
    if (rc == 0)
        rc = btc_read_u64(&r, "nonce", &version.nonce);
    if (rc == 0)
        rc = read_agent(&r, &version);
    if (rc == 0)
        rc = btc_read_u32(&r, "height", &height);
    if (rc == 0 && btc_reader_left(&r) > 0)
        rc = btc_read_u8(&r, "relay", &relays);
    if (rc != 0) /* what is behind it may be of a later protocol */
        return rc;
    version.protocol = (int32_t)protocol;
    version.height = (int32_t)height;
    version.time_s = (int64_t)time_s;
    version.relays = relays != 0;
    *ret_version = version;
    return 0;
}

int p2p_read_nothing(struct btc_span payload, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    return btc_read_end(&r, "a message without content");
}

int p2p_read_number(struct btc_span payload, uint64_t *ret_number, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    uint64_t number;
    int rc = btc_read_u64(&r, "number", &number);
    if (rc == 0)
        rc = btc_read_end(&r, "the number");
    if (rc == 0)
        *ret_number = number;
    return rc;
}

int p2p_read_sendcmpct(struct btc_span payload, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    uint8_t announces;
    uint64_t version;
    int rc = btc_read_u8(&r, "announce", &announces);
    if (rc == 0)
        rc = btc_read_u64(&r, "version", &version);
    return rc != 0 ? rc : btc_read_end(&r, "sendcmpct");
}

static int check_count(size_t count, size_t max, const char *what, struct btc_error *err)
{
    if (count > max)
        return btc_fail(err, BTC_ELIMIT, "%zu %s, over the maximum of %zu", count, what, max);
    return 0;
}

int p2p_read_locator(struct btc_span payload, struct p2p_locator *ret_locator,
                     struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    struct p2p_locator locator = {.count = 0};
    uint32_t protocol;
    int rc = btc_read_u32(&r, "version", &protocol);
    if (rc == 0)
        rc = btc_read_count(&r, "locator", BTC_HASH_SIZE, &locator.count);
    if (rc == 0)
        rc = check_count(locator.count, P2P_LOCATOR_MAX, "hashes in a locator", err);
    if (rc == 0)
        rc = btc_read_view(&r, "hashes", locator.count * BTC_HASH_SIZE, &locator.hashes);
    if (rc == 0)
        rc = btc_read_bytes(&r, "stop", BTC_HASH_SIZE, locator.stop.bytes);
    if (rc == 0)
        rc = btc_read_end(&r, "the locator");
    if (rc == 0)
        *ret_locator = locator;
    return rc;
}

struct btc_hash p2p_locator_at(const struct p2p_locator *locator, size_t index)
{
    struct btc_hash hash;
    memcpy(hash.bytes, locator->hashes.data + index * BTC_HASH_SIZE, BTC_HASH_SIZE);
    return hash;
}

int p2p_read_headers(struct btc_span payload, uint8_t *ret_headers, size_t *ret_count,
                     struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    size_t count = 0;
    int rc = btc_read_count(&r, "headers", BTC_HEADER_SIZE + 1, &count);
    if (rc == 0)
        rc = check_count(count, P2P_HEADERS_MAX, "headers", err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        uint64_t txs = 0;
        rc = btc_read_bytes(&r, "header", BTC_HEADER_SIZE, ret_headers + i * BTC_HEADER_SIZE);
        if (rc == 0)
            rc = btc_read_compact(&r, "count of transactions", &txs);
        if (rc == 0 && txs != 0)
            rc = btc_fail(err, BTC_EFORMAT, "a header that claims transactions");
    }
    if (rc == 0)
        rc = btc_read_end(&r, "the headers");
    if (rc == 0)
        *ret_count = count;
    return rc;
}

int p2p_read_inventory(struct btc_span payload, struct p2p_inventory *ret_inventory,
                       struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    struct p2p_inventory inventory = {.count = 0};
    int rc = btc_read_count(&r, "inventory", ITEM_SIZE, &inventory.count);
    if (rc == 0)
        rc = check_count(inventory.count, P2P_INVENTORY_MAX, "items in an inventory", err);
    if (rc == 0)
        rc = btc_read_view(&r, "items", inventory.count * ITEM_SIZE, &inventory.items);
    if (rc == 0)
        rc = btc_read_end(&r, "the inventory");
    if (rc == 0)
        *ret_inventory = inventory;
    return rc;
}

struct p2p_item p2p_inventory_at(const struct p2p_inventory *inventory, size_t index)
{
    const uint8_t *at = inventory->items.data + index * ITEM_SIZE;
    struct p2p_item item;
    item.type = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                (uint32_t)at[3] << 24;
    memcpy(item.hash.bytes, at + 4, BTC_HASH_SIZE);
    return item;
}

int p2p_read_addr(struct btc_span payload, size_t *ret_count, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    size_t count = 0;
    int rc = btc_read_count(&r, "addresses", 4 + ADDRESS_SIZE, &count);
    if (rc == 0)
        rc = check_count(count, P2P_ADDRESSES_MAX, "addresses", err);
    if (rc == 0)
        rc = skip(&r, "addresses", count * (4 + ADDRESS_SIZE));
    if (rc == 0)
        rc = btc_read_end(&r, "the addresses");
    if (rc == 0)
        *ret_count = count;
    return rc;
}

static int read_one_addrv2(struct btc_reader *r)
{
    struct btc_span address;
    uint64_t services;
    int rc = skip(r, "time", 4);
    if (rc == 0)
        rc = btc_read_compact(r, "services", &services);
    if (rc == 0)
        rc = skip(r, "network", 1);
    if (rc == 0)
        rc = btc_read_var(r, "address", &address);
    if (rc == 0)
        rc = check_count(address.size, ADDRV2_MAX, "bytes in an address", r->err);
    return rc != 0 ? rc : skip(r, "port", 2);
}

int p2p_read_addrv2(struct btc_span payload, size_t *ret_count, struct btc_error *err)
{
    struct btc_reader r = btc_reader_of(payload.data, payload.size, err);
    size_t count = 0;
    int rc = btc_read_count(&r, "addresses", 4 + 1 + 1 + 1 + 2, &count);
    if (rc == 0)
        rc = check_count(count, P2P_ADDRESSES_MAX, "addresses", err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_one_addrv2(&r);
    if (rc == 0)
        rc = btc_read_end(&r, "the addresses");
    if (rc == 0)
        *ret_count = count;
    return rc;
}

/* ---- writing ---- */

/* A head whose length and checksum are filled in by end(). Returns where it lies. */
static size_t begin(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind)
{
    size_t at = w->size;
    char command[COMMAND_BYTES] = {0};
    memcpy(command, kinds[kind].command, strlen(kinds[kind].command));
    btc_write_bytes(w, params->magic, sizeof(params->magic));
    btc_write_bytes(w, command, sizeof(command));
    btc_write_u64(w, 0);
    return at;
}

static void end(struct btc_writer *w, size_t at)
{
    if (w->failed != 0)
        return;
    uint8_t *head = w->data + at;
    struct btc_span payload = {head + P2P_HEAD_SIZE, w->size - at - P2P_HEAD_SIZE};
    for (int i = 0; i < 4; i++)
        head[4 + COMMAND_BYTES + i] = (uint8_t)(payload.size >> (8 * i));
    w->failed = checksum_of(payload, head + 8 + COMMAND_BYTES);
}

void p2p_write_message(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind,
                       struct btc_span payload)
{
    size_t at = begin(w, params, kind);
    btc_write_bytes(w, payload.data, payload.size);
    end(w, at);
}

void p2p_write_version(struct btc_writer *w, const struct btc_params *params,
                       const struct p2p_version *version)
{
    static const uint8_t no_address[ADDRESS_SIZE];
    size_t at = begin(w, params, P2P_VERSION);
    btc_write_u32(w, (uint32_t)version->protocol);
    btc_write_u64(w, version->services);
    btc_write_u64(w, (uint64_t)version->time_s);
    btc_write_bytes(w, no_address, sizeof(no_address));
    btc_write_bytes(w, no_address, sizeof(no_address));
    btc_write_u64(w, version->nonce);
    btc_write_var(w, version->agent.data, version->agent.size);
    btc_write_u32(w, (uint32_t)version->height);
    btc_write_u8(w, version->relays);
    end(w, at);
}

void p2p_write_number(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind,
                      uint64_t number)
{
    size_t at = begin(w, params, kind);
    btc_write_u64(w, number);
    end(w, at);
}

void p2p_write_getheaders(struct btc_writer *w, const struct btc_params *params,
                          const struct btc_hash *locator, size_t count)
{
    static const struct btc_hash no_stop;
    size_t at = begin(w, params, P2P_GETHEADERS);
    btc_write_u32(w, P2P_PROTOCOL);
    btc_write_compact(w, count);
    for (size_t i = 0; i < count; i++)
        btc_write_bytes(w, locator[i].bytes, BTC_HASH_SIZE);
    btc_write_bytes(w, no_stop.bytes, BTC_HASH_SIZE);
    end(w, at);
}

void p2p_write_headers(struct btc_writer *w, const struct btc_params *params,
                       const uint8_t *headers, size_t count)
{
    size_t at = begin(w, params, P2P_HEADERS);
    btc_write_compact(w, count);
    for (size_t i = 0; i < count; i++) {
        btc_write_bytes(w, headers + i * BTC_HEADER_SIZE, BTC_HEADER_SIZE);
        btc_write_u8(w, 0);
    }
    end(w, at);
}

void p2p_write_inventory(struct btc_writer *w, const struct btc_params *params, enum p2p_kind kind,
                         const struct p2p_item *items, size_t count)
{
    size_t at = begin(w, params, kind);
    btc_write_compact(w, count);
    for (size_t i = 0; i < count; i++) {
        btc_write_u32(w, items[i].type);
        btc_write_bytes(w, items[i].hash.bytes, BTC_HASH_SIZE);
    }
    end(w, at);
}
