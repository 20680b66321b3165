/* fuzz_spend - spends of every template, put together from the input's bytes: scripts of four known
 * keys in each wrapping, stack items that are signatures, keys or anything.
 *
 * What must hold: no bad access; an error says why; rules that come into force never make a refused
 * spend good; a multisig with nothing but signatures on it is good exactly when their keys are, in
 * this order, among its keys. A libFuzzer entry point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/sig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 4, ITEMS_MAX = 8, AMOUNT = 5000 };
enum wrap { BARE, IN_P2SH, IN_P2WSH, IN_P2SH_P2WSH, P2WPKH, IN_P2SH_P2WPKH, P2TR, WRAPS };

static uint8_t secrets[KEYS][BTC_SECRET_SIZE];
static uint8_t keys[KEYS][BTC_KEY_SIZE];

struct feed {
    const uint8_t *data;
    size_t size;
};

/* One item of the stack and, when it is nothing but a signature for this spend, whose. */
struct item {
    uint8_t bytes[BTC_DER_SIZE_MAX + 1];
    size_t size;
    int signer; /* -1: none */
};

struct spend {
    struct btc_tx tx;
    struct btc_tx_in in;
    struct btc_tx_out out;
    struct btc_tx_out coin;
    enum wrap wrap;
    struct btc_writer script; /* the innermost */
    struct btc_script lock;
    struct btc_script redeem;
    struct btc_writer script_sig;
    struct item items[ITEMS_MAX];
    size_t item_count;
    struct btc_span witness[ITEMS_MAX + 1];
    int multisig[1 + KEYS]; /* required, then whose keys; 0: it is none */
    size_t multisig_keys;
};

static void check_at(int line, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_spend.c:%d: does not hold\n", line);
        abort();
    }
}
#define check(condition) check_at(__LINE__, condition)

static unsigned take(struct feed *feed, unsigned below)
{
    if (feed->size == 0)
        return 0;
    feed->size--;
    return *feed->data++ % below;
}

static struct btc_script lock_of(enum btc_script_kind kind, const void *data, size_t size)
{
    struct btc_script script;
    struct btc_hash hash;
    struct btc_hash160 hash160;
    bool wide = kind == BTC_SCRIPT_P2WSH;
    check(btc_sha256(data, size, &hash) == 0 && btc_hash160(data, size, &hash160) == 0);
    check(btc_script_build(kind, wide ? hash.bytes : hash160.bytes, wide ? 32 : 20, &script) == 0);
    return script;
}

static void write_multisig(struct feed *feed, struct spend *s)
{
    unsigned required = 1 + take(feed, 3);
    s->multisig_keys = 1 + take(feed, KEYS);
    btc_script_write_number(&s->script, required);
    for (size_t i = 0; i < s->multisig_keys; i++) {
        s->multisig[1 + i] = (int)take(feed, KEYS);
        btc_script_write_push(&s->script, keys[s->multisig[1 + i]], BTC_KEY_SIZE);
    }
    btc_script_write_number(&s->script, (int64_t)s->multisig_keys);
    btc_write_u8(&s->script, BTC_OP_CHECKMULTISIG);
    s->multisig[0] = required <= s->multisig_keys ? (int)required : 0;
}

static void write_script(struct feed *feed, struct spend *s)
{
    const uint8_t *key = keys[take(feed, KEYS)];
    btc_writer_init(&s->script, 1000);
    switch (take(feed, 5)) {
    case 0:
        btc_script_write_push(&s->script, key, BTC_KEY_SIZE);
        btc_write_u8(&s->script, BTC_OP_CHECKSIG);
        break;
    case 1: {
        struct btc_script p2pkh = lock_of(BTC_SCRIPT_P2PKH, key, BTC_KEY_SIZE);
        btc_write_bytes(&s->script, p2pkh.bytes, p2pkh.size);
        break;
    }
    case 2:
        for (unsigned left = take(feed, 60); left > 0; left--)
            btc_write_u8(&s->script, (uint8_t)take(feed, 256));
        break;
    default:
        write_multisig(feed, s);
    }
    unsigned twist = take(feed, 256);
    if (twist >= 200 && s->script.size > 0) {
        s->script.data[twist % s->script.size] ^= (uint8_t)(1 + take(feed, 255));
        s->multisig[0] = 0;
    }
}

static void lock_coin(struct feed *feed, struct spend *s)
{
    const uint8_t *key = keys[take(feed, KEYS)];
    struct btc_span script = {s->script.data, s->script.size};
    if (s->wrap == IN_P2WSH || s->wrap == IN_P2SH_P2WSH)
        s->lock = s->redeem = lock_of(BTC_SCRIPT_P2WSH, script.data, script.size);
    if (s->wrap == P2WPKH || s->wrap == IN_P2SH_P2WPKH)
        s->lock = s->redeem = lock_of(BTC_SCRIPT_P2WPKH, key, BTC_KEY_SIZE);
    if (s->wrap == IN_P2SH)
        s->lock = lock_of(BTC_SCRIPT_P2SH, script.data, script.size);
    if (s->wrap == IN_P2SH_P2WSH || s->wrap == IN_P2SH_P2WPKH)
        s->lock = lock_of(BTC_SCRIPT_P2SH, s->redeem.bytes, s->redeem.size);
    if (s->wrap == P2TR)
        check(btc_taproot_script(key, &s->lock) == 0);
    s->coin = (struct btc_tx_out){AMOUNT, s->wrap == BARE ? script : btc_script_span(&s->lock)};
}

static void add_signature(struct feed *feed, struct spend *s, struct item *item)
{
    static const uint8_t types[] = {1, 0, 2, 3, 0x81, 0x82, 0x83, 4};
    struct btc_spending spending;
    struct btc_hash hash;
    uint8_t output[BTC_SECRET_SIZE];
    struct btc_script code;
    unsigned signer = take(feed, KEYS);
    uint8_t type = types[take(feed, sizeof types)];
    struct btc_span script = {s->script.data, s->script.size};
    check(btc_spending_prepare(&s->tx, &s->coin, &spending) == 0);
    if (s->wrap == P2TR) {
        struct btc_span none = {NULL, 0};
        if (btc_sighash_bip341(&spending, 0, type, none, &hash) != 0)
            return;
        check(btc_taproot_output_secret(secrets[signer], NULL, output) == 0 &&
              btc_schnorr_sign(output, &hash, secrets[0], item->bytes) == 0);
        item->size = BTC_SCHNORR_SIZE;
    } else {
        if (s->wrap == P2WPKH || s->wrap == IN_P2SH_P2WPKH) {
            code = lock_of(BTC_SCRIPT_P2PKH, keys[signer], BTC_KEY_SIZE);
            script = btc_script_span(&code);
        }
        check((s->wrap == BARE || s->wrap == IN_P2SH
                   ? btc_sighash_legacy(&s->tx, 0, script, type, &hash)
                   : btc_sighash_bip143(&s->tx, &spending.bip143, 0, script, AMOUNT, type,
                                        &hash)) == 0);
        check(btc_ecdsa_sign(secrets[signer], &hash, item->bytes, &item->size) == 0);
    }
    if (s->wrap != P2TR || type != BTC_SIGHASH_DEFAULT)
        item->bytes[item->size++] = type;
    item->signer = (int)signer;
}

static void add_item(struct feed *feed, struct spend *s)
{
    struct item *item = &s->items[s->item_count++];
    item->signer = -1;
    switch (take(feed, 6)) {
    case 0:
        break;
    case 1:
        item->size = BTC_KEY_SIZE;
        memcpy(item->bytes, keys[take(feed, KEYS)], BTC_KEY_SIZE);
        break;
    case 2:
        for (item->size = 0; item->size < 5 && feed->size > 0; item->size++)
            item->bytes[item->size] = (uint8_t)take(feed, 256);
        break;
    default:
        add_signature(feed, s, item);
    }
    unsigned twist = take(feed, 256);
    if (twist >= 220 && item->size > 0) {
        item->bytes[twist % item->size] ^= (uint8_t)(1 + take(feed, 255));
        item->signer = -1;
    }
}

/* The items to where the wrapping has them. */
static void unlock_coin(struct feed *feed, struct spend *s)
{
    bool legacy = s->wrap == BARE || s->wrap == IN_P2SH;
    btc_writer_init(&s->script_sig, 2000);
    for (size_t i = 0; i < s->item_count; i++) {
        if (legacy)
            btc_script_write_push(&s->script_sig, s->items[i].bytes, s->items[i].size);
        else
            s->witness[i] = (struct btc_span){s->items[i].bytes, s->items[i].size};
    }
    size_t count = legacy ? 0 : s->item_count;
    if (s->wrap == IN_P2SH)
        btc_script_write_push(&s->script_sig, s->script.data, s->script.size);
    if (s->wrap == IN_P2WSH || s->wrap == IN_P2SH_P2WSH)
        s->witness[count++] = (struct btc_span){s->script.data, s->script.size};
    if (s->wrap == IN_P2SH_P2WSH || s->wrap == IN_P2SH_P2WPKH)
        btc_script_write_push(&s->script_sig, s->redeem.bytes, s->redeem.size);
    unsigned twist = take(feed, 256);
    if (twist >= 240) {
        btc_write_u8(&s->script_sig, (uint8_t)take(feed, 256));
        s->multisig[0] = 0;
    }
    check(s->script_sig.failed == 0);
    s->in.script_sig = (struct btc_span){s->script_sig.data, s->script_sig.size};
    s->in.witness = s->witness;
    s->in.witness_count = count;
}

/* What must become of a multisig on whose stack an empty item and its signatures are; -1: another
 * stack. */
static int multisig_due(const struct spend *s)
{
    if (s->wrap > IN_P2SH_P2WSH || s->multisig[0] == 0 ||
        s->item_count != (size_t)s->multisig[0] + 1 || s->items[0].size != 0)
        return -1;
    size_t key = 0;
    for (size_t i = 1; i < s->item_count; i++) {
        if (s->items[i].signer < 0)
            return -1;
        while (key < s->multisig_keys && s->multisig[1 + key] != s->items[i].signer)
            key++;
        if (key++ >= s->multisig_keys)
            return BTC_EINVALID;
    }
    return 0;
}

static void judge(struct spend *s)
{
    static const unsigned rules[] = {BTC_VERIFY_P2SH, BTC_VERIFY_DER, BTC_VERIFY_WITNESS,
                                     BTC_VERIFY_NULL_DUMMY, BTC_VERIFY_TAPROOT};
    struct btc_spending spending;
    unsigned flags = 0;
    size_t cost = 0;
    bool refused = false;
    int rc = 0;
    check(btc_spending_prepare(&s->tx, &s->coin, &spending) == 0);
    for (size_t i = 0; i <= sizeof rules / sizeof rules[0]; i++) {
        struct btc_error err = {0};
        rc = btc_verify_input(&spending, 0, flags, &err);
        check(rc == 0 || rc == BTC_OUTSIDE_TEMPLATES || rc == BTC_EINVALID);
        check(rc != BTC_EINVALID || err.text[0] != '\0');
        check(rc != 0 || !refused);
        refused = refused || rc == BTC_EINVALID;
        size_t now = btc_tx_sigops_cost(&s->tx, &s->coin, flags);
        check(now >= cost);
        cost = now;
        if (i < sizeof rules / sizeof rules[0])
            flags |= rules[i];
    }
    int due = multisig_due(s);
    check(due == -1 || rc == due);
}

static void make_keys(void)
{
    for (unsigned i = 0; i < KEYS && keys[i][0] == 0; i++) {
        secrets[i][BTC_SECRET_SIZE - 1] = (uint8_t)(i + 1);
        check(btc_key_of_secret(secrets[i], keys[i]) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed feed = {data, size};
    static struct spend s;
    memset(&s, 0, sizeof s);
    make_keys();
    s.in = (struct btc_tx_in){.prev = {{{7}}, 1}, .sequence = BTC_SEQUENCE_FINAL};
    s.out = (struct btc_tx_out){AMOUNT, {(const uint8_t *)"\x51", 1}};
    s.tx = (struct btc_tx){
        .version = 2, .in_count = 1, .ins = &s.in, .out_count = 1, .outs = &s.out};
    s.wrap = (enum wrap)take(&feed, WRAPS);
    write_script(&feed, &s);
    lock_coin(&feed, &s);
    for (unsigned left = take(&feed, ITEMS_MAX + 1); left > 0; left--)
        add_item(&feed, &s);
    unlock_coin(&feed, &s);
    judge(&s);
    btc_writer_free(&s.script_sig);
    btc_writer_free(&s.script);
    return 0;
}
