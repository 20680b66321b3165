/* Script templates: see script.h. */
#include "actors/bitcoin/script.h"

#include <string.h>

/*
 * Each template is bytes in front of a payload of fixed size and bytes behind it. P2PK appears once
 * for each size of key.
 */
struct template
{
    enum btc_script_kind kind;
    size_t payload_size;
    uint8_t head[3];
    size_t head_size;
    uint8_t tail[2];
    size_t tail_size;
};

static const struct template templates[] = {
    {BTC_SCRIPT_P2PK, 33, {33}, 1, {BTC_OP_CHECKSIG}, 1},
    {BTC_SCRIPT_P2PK, 65, {65}, 1, {BTC_OP_CHECKSIG}, 1},
    {BTC_SCRIPT_P2PKH,
     20,
     {BTC_OP_DUP, BTC_OP_HASH160, 20},
     3,
     {BTC_OP_EQUALVERIFY, BTC_OP_CHECKSIG},
     2},
    {BTC_SCRIPT_P2SH, 20, {BTC_OP_HASH160, 20}, 2, {BTC_OP_EQUAL}, 1},
    {BTC_SCRIPT_P2WPKH, 20, {BTC_OP_0, 20}, 2, {0}, 0},
    {BTC_SCRIPT_P2WSH, 32, {BTC_OP_0, 32}, 2, {0}, 0},
    {BTC_SCRIPT_P2TR, 32, {BTC_OP_1, 32}, 2, {0}, 0},
};

#define TEMPLATE_COUNT (sizeof(templates) / sizeof(templates[0]))

/* Does the first byte of a serialised public key go with its length? (SEC 1, and the old hybrid
 * form.) */
static bool key_fits(const uint8_t *key, size_t size)
{
    if (size == 33)
        return key[0] == 2 || key[0] == 3;
    return key[0] == 4 || key[0] == 6 || key[0] == 7;
}

static bool fits(const struct template *t, struct btc_span script)
{
    if (script.size != t->head_size + t->payload_size + t->tail_size ||
        memcmp(script.data, t->head, t->head_size) != 0 ||
        memcmp(script.data + t->head_size + t->payload_size, t->tail, t->tail_size) != 0)
        return false;
    return t->kind != BTC_SCRIPT_P2PK || key_fits(script.data + t->head_size, t->payload_size);
}

struct btc_script_match btc_script_classify(struct btc_span script)
{
    for (size_t i = 0; i < TEMPLATE_COUNT; i++) {
        const struct template *t = &templates[i];
        if (fits(t, script))
            return (struct btc_script_match){t->kind,
                                             {script.data + t->head_size, t->payload_size}};
    }
    if (script.size > 0 && script.data[0] == BTC_OP_RETURN)
        return (struct btc_script_match){BTC_SCRIPT_RETURN, {script.data + 1, script.size - 1}};
    return (struct btc_script_match){BTC_SCRIPT_OTHER, {NULL, 0}};
}

const char *btc_script_kind_name(enum btc_script_kind kind)
{
    static const char *const names[] = {"other",  "p2pk",  "p2pkh", "p2sh",
                                        "p2wpkh", "p2wsh", "p2tr",  "return"};
    return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : names[0];
}

int btc_script_build(enum btc_script_kind kind, const void *payload, size_t size,
                     struct btc_script *ret_script)
{
    for (size_t i = 0; i < TEMPLATE_COUNT; i++) {
        const struct template *t = &templates[i];
        if (t->kind != kind || t->payload_size != size)
            continue;
        if (kind == BTC_SCRIPT_P2PK && !key_fits(payload, size))
            return BTC_EUSAGE;
        memcpy(ret_script->bytes, t->head, t->head_size);
        memcpy(ret_script->bytes + t->head_size, payload, size);
        memcpy(ret_script->bytes + t->head_size + size, t->tail, t->tail_size);
        ret_script->size = t->head_size + size + t->tail_size;
        return 0;
    }
    return BTC_EUSAGE;
}

bool btc_script_is_unspendable(struct btc_span script)
{
    return script.size > BTC_SCRIPT_SIZE_MAX ||
           (script.size > 0 && script.data[0] == BTC_OP_RETURN);
}

int btc_script_next_push(struct btc_span *script, struct btc_span *ret_data)
{
    if (script->size == 0)
        return 0;
    struct btc_reader r = btc_reader_of(script->data, script->size, NULL);
    uint8_t opcode = 0;
    uint8_t size8 = 0;
    uint16_t size16 = 0;
    uint32_t size = 0;
    int rc = btc_read_u8(&r, "opcode", &opcode);
    if (rc == 0 && opcode < BTC_OP_PUSHDATA1) {
        size = opcode;
    } else if (rc == 0 && opcode == BTC_OP_PUSHDATA1) {
        rc = btc_read_u8(&r, "push size", &size8);
        size = size8;
    } else if (rc == 0 && opcode == BTC_OP_PUSHDATA2) {
        rc = btc_read_u16(&r, "push size", &size16);
        size = size16;
    } else if (rc == 0 && opcode == BTC_OP_PUSHDATA4) {
        rc = btc_read_u32(&r, "push size", &size);
    } else {
        return BTC_EFORMAT;
    }
    struct btc_span data;
    if (rc == 0)
        rc = btc_read_view(&r, "push", size, &data);
    if (rc != 0)
        return rc;
    script->data += r.offset;
    script->size -= r.offset;
    *ret_data = data;
    return 1;
}

void btc_script_write_push(struct btc_writer *w, const void *data, size_t size)
{
    if (size < BTC_OP_PUSHDATA1) {
        btc_write_u8(w, (uint8_t)size);
    } else if (size <= 0xff) {
        btc_write_u8(w, BTC_OP_PUSHDATA1);
        btc_write_u8(w, (uint8_t)size);
    } else if (size <= 0xffff) {
        btc_write_u8(w, BTC_OP_PUSHDATA2);
        btc_write_u16(w, (uint16_t)size);
    } else {
        btc_write_u8(w, BTC_OP_PUSHDATA4);
        btc_write_u32(w, (uint32_t)size);
    }
    btc_write_bytes(w, data, size);
}

void btc_script_write_number(struct btc_writer *w, int64_t value)
{
    if (value == 0) {
        btc_write_u8(w, BTC_OP_0);
        return;
    }
    if (value == -1 || (value >= 1 && value <= 16)) {
        btc_write_u8(w, (uint8_t)(BTC_OP_1 + value - 1));
        return;
    }
    uint8_t bytes[9];
    size_t size = 0;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    for (; left > 0; left >>= 8)
        bytes[size++] = (uint8_t)left;
    if ((bytes[size - 1] & 0x80) != 0) /* the top bit is the sign: it needs a byte of its own */
        bytes[size++] = 0;
    if (value < 0)
        bytes[size - 1] |= 0x80;
    btc_script_write_push(w, bytes, size);
}

#define SIGOPS_MULTISIG 20 /* what CHECKMULTISIG counts for where the number of keys is not read */

static bool is_small_number(uint8_t opcode)
{
    return opcode >= BTC_OP_1 && opcode <= BTC_OP_16;
}

static size_t count_sigops(struct btc_span script, bool exact)
{
    size_t count = 0;
    uint8_t before = BTC_OP_0;
    while (script.size > 0) {
        struct btc_span data;
        uint8_t opcode = script.data[0];
        if (btc_script_next_push(&script, &data) != 1) {
            if (opcode <= BTC_OP_PUSHDATA4)
                break; /* a push that is cut off ends the count */
            script.data++;
            script.size--;
        }
        if (opcode == BTC_OP_CHECKSIG || opcode == BTC_OP_CHECKSIG + 1)
            count++;
        else if (opcode == BTC_OP_CHECKMULTISIG || opcode == BTC_OP_CHECKMULTISIG + 1)
            count += exact && is_small_number(before) ? before - BTC_OP_1 + 1u : SIGOPS_MULTISIG;
        before = opcode;
    }
    return count;
}

size_t btc_script_sigops(struct btc_span script)
{
    return count_sigops(script, false);
}

size_t btc_script_sigops_exact(struct btc_span script)
{
    return count_sigops(script, true);
}

/* ---- multisig and witness programs ---- */

/* The number at the front as OP_1..OP_16 or, up to the most keys there may be, as a push of one
 * byte. 0: neither. */
static size_t take_count(struct btc_span *script)
{
    size_t number = 0;
    size_t size = 1;
    if (script->size > 0 && is_small_number(script->data[0])) {
        number = script->data[0] - BTC_OP_1 + 1u;
    } else if (script->size > 1 && script->data[0] == 1 && script->data[1] > 16 &&
               script->data[1] <= BTC_MULTISIG_KEYS_MAX) {
        number = script->data[1];
        size = 2;
    }
    if (number > 0) {
        script->data += size;
        script->size -= size;
    }
    return number;
}

static bool take_key(struct btc_span *script, struct btc_span *ret_key)
{
    if (script->size == 0 || (script->data[0] != 33 && script->data[0] != 65))
        return false;
    size_t size = script->data[0];
    if (script->size < 1 + size || !key_fits(script->data + 1, size))
        return false;
    *ret_key = (struct btc_span){script->data + 1, size};
    script->data += 1 + size;
    script->size -= 1 + size;
    return true;
}

bool btc_script_multisig(struct btc_span script, struct btc_multisig *ret_multisig)
{
    struct btc_multisig found = {.required = take_count(&script)};
    while (found.key_count < BTC_MULTISIG_KEYS_MAX &&
           take_key(&script, &found.keys[found.key_count]))
        found.key_count++;
    if (found.required == 0 || found.required > found.key_count ||
        take_count(&script) != found.key_count || script.size != 1 ||
        script.data[0] != BTC_OP_CHECKMULTISIG)
        return false;
    *ret_multisig = found;
    return true;
}

bool btc_script_witness_program(struct btc_span script, unsigned *ret_version,
                                struct btc_span *ret_program)
{
    if (script.size < 4 || script.size > 42 || script.data[1] != script.size - 2 ||
        (script.data[0] != BTC_OP_0 && !is_small_number(script.data[0])))
        return false;
    *ret_version = script.data[0] == BTC_OP_0 ? 0 : script.data[0] - BTC_OP_1 + 1u;
    *ret_program = (struct btc_span){script.data + 2, script.size - 2};
    return true;
}
