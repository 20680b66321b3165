/* What may spend a coin of each template, with signatures made here: what the published vectors leave
 * out. See test_vectors.py for those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/sig.h"

enum { ITEMS_MAX = 24, AMOUNT = 5000 };
enum {
    ALL = BTC_VERIFY_DER | BTC_VERIFY_WITNESS | BTC_VERIFY_P2SH | BTC_VERIFY_TAPROOT |
          BTC_VERIFY_NULL_DUMMY
};

enum wrap { BARE, IN_P2SH, IN_P2WSH, IN_P2SH_P2WSH, WRAPS };

/* Input 1 of a transaction of two inputs and one or two outputs is what is looked at. */
struct spend {
    struct btc_tx tx;
    struct btc_tx_in ins[2];
    struct btc_tx_out outs[2];
    struct btc_tx_out coins[2];
    enum wrap wrap;
    struct btc_span script;   /* the innermost */
    struct btc_script lock;   /* the coin's, unless bare */
    struct btc_script redeem; /* the witness program in P2SH */
    uint8_t script_sig[1000];
    struct btc_span witness[ITEMS_MAX];
    uint8_t signatures[ITEMS_MAX][80];
    size_t signature_count;
    struct btc_error err;
};

static struct btc_script script_of(enum btc_script_kind kind, const void *payload, size_t size)
{
    struct btc_script script;
    assert_int_equal(btc_script_build(kind, payload, size, &script), 0);
    return script;
}

static struct btc_script hash_lock(enum btc_script_kind kind, struct btc_span script)
{
    struct btc_hash hash;
    struct btc_hash160 hash160;
    assert_int_equal(btc_sha256(script.data, script.size, &hash), 0);
    assert_int_equal(btc_hash160(script.data, script.size, &hash160), 0);
    return kind == BTC_SCRIPT_P2WSH ? script_of(kind, hash.bytes, sizeof hash.bytes)
                                    : script_of(kind, hash160.bytes, sizeof hash160.bytes);
}

static void begin(struct spend *s)
{
    memset(s, 0, sizeof *s);
    s->tx = (struct btc_tx){
        .version = 2, .in_count = 2, .ins = s->ins, .out_count = 2, .outs = s->outs};
    s->ins[0].sequence = 7;
    s->ins[1] = (struct btc_tx_in){.prev = {{{9}}, 3}, .sequence = BTC_SEQUENCE_RBF};
    s->outs[0] = (struct btc_tx_out){700, {(const uint8_t *)"\x51", 1}};
    s->outs[1] = (struct btc_tx_out){800, {(const uint8_t *)"\x52", 1}};
    s->coins[0] = (struct btc_tx_out){1, {(const uint8_t *)"\x53", 1}};
    s->coins[1].amount = AMOUNT;
}

/* The coin is locked with a script, wrapped. */
static void lock(struct spend *s, enum wrap wrap, struct btc_span script)
{
    begin(s);
    s->wrap = wrap;
    s->script = script;
    if (wrap == IN_P2SH)
        s->lock = hash_lock(BTC_SCRIPT_P2SH, script);
    if (wrap == IN_P2WSH)
        s->lock = hash_lock(BTC_SCRIPT_P2WSH, script);
    if (wrap == IN_P2SH_P2WSH) {
        s->redeem = hash_lock(BTC_SCRIPT_P2WSH, script);
        s->lock = hash_lock(BTC_SCRIPT_P2SH, btc_script_span(&s->redeem));
    }
    s->coins[1].script = wrap == BARE ? script : btc_script_span(&s->lock);
}

static void secret_of(uint8_t number, uint8_t ret_secret[32])
{
    memset(ret_secret, 0, 32);
    ret_secret[31] = number;
}

/* The signature of key `number` over the innermost script, with its hash type behind it. */
static struct btc_span sign(struct spend *s, uint8_t number, uint8_t hash_type)
{
    uint8_t secret[32];
    struct btc_hash hash;
    struct btc_bip143 parts;
    size_t size;
    uint8_t *signature = s->signatures[s->signature_count++];
    secret_of(number, secret);
    if (s->wrap == IN_P2WSH || s->wrap == IN_P2SH_P2WSH) {
        assert_int_equal(btc_bip143_prepare(&s->tx, &parts), 0);
        assert_int_equal(btc_sighash_bip143(&s->tx, &parts, 1, s->script, AMOUNT, hash_type, &hash),
                         0);
    } else {
        assert_int_equal(btc_sighash_legacy(&s->tx, 1, s->script, hash_type, &hash), 0);
    }
    assert_int_equal(btc_ecdsa_sign(secret, &hash, signature, &size), 0);
    signature[size] = hash_type;
    return (struct btc_span){signature, size + 1};
}

static void set_script_sig(struct spend *s, const struct btc_span *items, size_t count)
{
    struct btc_writer w;
    btc_writer_init(&w, sizeof s->script_sig);
    for (size_t i = 0; i < count; i++)
        btc_script_write_push(&w, items[i].data, items[i].size);
    assert_int_equal(w.failed, 0);
    if (w.size > 0)
        memcpy(s->script_sig, w.data, w.size);
    s->ins[1].script_sig = (struct btc_span){s->script_sig, w.size};
    btc_writer_free(&w);
}

static int verify(struct spend *s, unsigned flags)
{
    struct btc_spending spending;
    assert_int_equal(btc_spending_prepare(&s->tx, s->coins, &spending), 0);
    s->err.text[0] = '\0';
    int rc = btc_verify_input(&spending, 1, flags, &s->err);
    assert_true(rc >= 0 || s->err.text[0] != '\0');
    return rc;
}

/* Give the script these items, wherever its wrapping has them, and check. */
static int unlock(struct spend *s, const struct btc_span *items, size_t count, unsigned flags)
{
    struct btc_span all[ITEMS_MAX];
    struct btc_span redeem = btc_script_span(&s->redeem);
    memcpy(all, items, count * sizeof *items);
    if (s->wrap != BARE)
        all[count++] = s->script;
    bool witness = s->wrap == IN_P2WSH || s->wrap == IN_P2SH_P2WSH;
    memcpy(s->witness, all, sizeof all);
    s->ins[1].witness = s->witness;
    s->ins[1].witness_count = witness ? count : 0;
    if (s->wrap == IN_P2SH_P2WSH)
        set_script_sig(s, &redeem, 1);
    else
        set_script_sig(s, all, witness ? 0 : count);
    return verify(s, flags);
}

/* required of the keys 1 to `count`, or of twice the same one. */
static struct btc_writer multisig_of(unsigned required, unsigned count, bool same)
{
    struct btc_writer w;
    btc_writer_init(&w, BTC_SCRIPT_SIZE_MAX);
    btc_script_write_number(&w, required);
    for (unsigned i = 1; i <= count; i++) {
        uint8_t secret[32];
        uint8_t key[33];
        secret_of(same ? 1 : (uint8_t)i, secret);
        assert_int_equal(btc_key_of_secret(secret, key), 0);
        btc_script_write_push(&w, key, sizeof key);
    }
    btc_script_write_number(&w, count);
    btc_write_u8(&w, BTC_OP_CHECKMULTISIG);
    assert_int_equal(w.failed, 0);
    return w;
}

static const struct btc_span nothing = {(const uint8_t *)"", 0};
static const struct btc_span one = {(const uint8_t *)"\x01", 1};

/* ---- multisig -------------------------------------------------------------------------------- */

static void multisig_wants_its_signatures_in_the_order_of_the_keys(void **state)
{
    (void)state;
    struct btc_writer script = multisig_of(2, 3, false);
    for (enum wrap wrap = BARE; wrap < WRAPS; wrap++) {
        struct spend s;
        lock(&s, wrap, (struct btc_span){script.data, script.size});
        struct btc_span by[4];
        for (uint8_t i = 0; i < 4; i++) /* key 4 is not among them */
            by[i] = sign(&s, (uint8_t)(i + 1), BTC_SIGHASH_ALL);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) {
                struct btc_span items[] = {nothing, by[i], by[j]};
                assert_int_equal(unlock(&s, items, 3, ALL), i < j && j < 3 ? 0 : BTC_EINVALID);
            }
    }
    btc_writer_free(&script);
}

static void multisig_takes_exactly_what_it_needs(void **state)
{
    (void)state;
    struct btc_writer script = multisig_of(2, 3, false);
    for (enum wrap wrap = BARE; wrap < WRAPS; wrap++) {
        struct spend s;
        bool witness = wrap == IN_P2WSH || wrap == IN_P2SH_P2WSH;
        lock(&s, wrap, (struct btc_span){script.data, script.size});
        struct btc_span a = sign(&s, 1, BTC_SIGHASH_ALL);
        struct btc_span b = sign(&s, 3, BTC_SIGHASH_SINGLE | BTC_SIGHASH_ANYONECANPAY);
        struct btc_span plain[] = {nothing, a, b};
        struct btc_span dummy[] = {one, a, b};
        struct btc_span more[] = {one, nothing, a, b};
        struct btc_span empty[] = {nothing, a, nothing};
        assert_int_equal(unlock(&s, plain, 3, ALL), 0);
        assert_int_equal(unlock(&s, plain + 1, 2, ALL), BTC_EINVALID);
        assert_int_equal(unlock(&s, dummy, 3, ALL), BTC_EINVALID);
        assert_non_null(strstr(s.err.text, "BIP147"));
        assert_int_equal(unlock(&s, dummy, 3, ALL & ~BTC_VERIFY_NULL_DUMMY), 0);
        assert_int_equal(unlock(&s, empty, 3, ALL), BTC_EINVALID);
        assert_int_equal(unlock(&s, more, 4, ALL), witness ? BTC_EINVALID : 0);
        if (wrap == BARE || wrap == IN_P2SH) { /* a NOP in front: BIP16 wants pushes alone */
            for (size_t i = s.ins[1].script_sig.size++; i > 0; i--)
                s.script_sig[i] = s.script_sig[i - 1];
            s.script_sig[0] = 0x61;
            assert_int_equal(verify(&s, ALL), wrap == BARE ? BTC_OUTSIDE_TEMPLATES : BTC_EINVALID);
        }
        s.outs[1].amount++; /* b signed only this output */
        assert_int_equal(unlock(&s, plain, 3, ALL), BTC_EINVALID);
    }
    btc_writer_free(&script);
}

static void one_signature_serves_two_equal_keys_and_twenty_keys_are_most(void **state)
{
    (void)state;
    struct btc_writer twice = multisig_of(2, 2, true);
    struct btc_writer most = multisig_of(20, 20, false);
    struct btc_multisig multisig;
    struct spend s;
    lock(&s, IN_P2SH, (struct btc_span){twice.data, twice.size});
    struct btc_span a = sign(&s, 1, BTC_SIGHASH_ALL);
    struct btc_span same[] = {nothing, a, a};
    assert_int_equal(unlock(&s, same, 3, ALL), 0);

    struct btc_span items[21] = {nothing};
    lock(&s, IN_P2WSH, (struct btc_span){most.data, most.size});
    for (uint8_t i = 1; i <= 20; i++)
        items[i] = sign(&s, i, BTC_SIGHASH_ALL);
    assert_int_equal(unlock(&s, items, 21, ALL), 0);
    assert_true(btc_script_multisig(s.script, &multisig));
    assert_int_equal(multisig.required, 20);
    assert_int_equal(multisig.key_count, 20);
    items[20].size--;
    assert_int_equal(unlock(&s, items, 21, ALL), BTC_EINVALID);

    /* Scripts that look alike. */
    most.data[most.size - 2] = 21;
    assert_false(btc_script_multisig((struct btc_span){most.data, most.size}, &multisig));
    twice.data[0] = BTC_OP_1 + 2; /* 3 of 2 */
    assert_false(btc_script_multisig((struct btc_span){twice.data, twice.size}, &multisig));
    twice.data[0] = BTC_OP_1;
    assert_true(btc_script_multisig((struct btc_span){twice.data, twice.size}, &multisig));
    assert_false(btc_script_multisig((struct btc_span){twice.data, twice.size - 1}, &multisig));
    twice.data[2] = 5; /* no first byte of a key */
    assert_false(btc_script_multisig((struct btc_span){twice.data, twice.size}, &multisig));
    btc_writer_free(&twice);
    btc_writer_free(&most);
}

/* ---- one key --------------------------------------------------------------------------------- */

/* P2PKH of key 1, compressed or not, where `wrap` puts it; and the key. */
static struct btc_script key_lock(bool compressed, uint8_t ret_key[65], size_t *ret_size)
{
    uint8_t secret[32];
    uint8_t key[33];
    secret_of(1, secret);
    assert_int_equal(btc_key_of_secret(secret, key), 0);
    memcpy(ret_key, key, 33);
    if (!compressed)
        assert_int_equal(btc_key_expand(key, ret_key), 0);
    *ret_size = compressed ? 33 : 65;
    return hash_lock(BTC_SCRIPT_P2PKH, (struct btc_span){ret_key, *ret_size});
}

/* The network takes any hash type byte and any form of key; what nodes relay is another matter. */
static void any_hash_type_and_form_of_key_verifies(void **state)
{
    (void)state;
    static const uint8_t types[] = {0, 1, 2, 3, 4, 0x1f, 0x41, 0x80, 0x81, 0x82, 0x83, 0xff};
    for (enum wrap wrap = BARE; wrap < WRAPS; wrap++)
        for (size_t i = 0; i < 2 * sizeof types; i++) {
            struct spend s;
            uint8_t key[65];
            size_t key_size;
            struct btc_script script = key_lock(i % 2 == 0, key, &key_size);
            lock(&s, wrap, btc_script_span(&script));
            s.tx.out_count = i % 4 < 2 ? 2 : 1; /* without an output for SINGLE */
            struct btc_span items[] = {sign(&s, 1, types[i / 2]), {key, key_size}};
            assert_int_equal(unlock(&s, items, 2, ALL), 0);
            items[1].data = s.signatures[1]; /* zeros */
            assert_int_equal(unlock(&s, items, 2, ALL), BTC_EINVALID);
            assert_int_equal(unlock(&s, items, 1, ALL), BTC_EINVALID);
        }
}

/* A coin of P2WPKH, bare or in P2SH, and its signature. */
static void lock_p2wpkh(struct spend *s, bool in_p2sh, struct btc_span items[2], uint8_t key[65])
{
    size_t key_size;
    struct btc_script code = key_lock(true, key, &key_size);
    begin(s);
    s->wrap = IN_P2WSH; /* as far as sign() is concerned */
    s->script = btc_script_span(&code);
    s->redeem = script_of(BTC_SCRIPT_P2WPKH, code.bytes + 3, 20);
    s->lock = in_p2sh ? hash_lock(BTC_SCRIPT_P2SH, btc_script_span(&s->redeem)) : s->redeem;
    s->coins[1].script = btc_script_span(&s->lock);
    items[0] = sign(s, 1, BTC_SIGHASH_ALL);
    items[1] = (struct btc_span){key, key_size};
    s->ins[1].witness = items;
    s->ins[1].witness_count = 2;
    struct btc_span redeem = btc_script_span(&s->redeem);
    set_script_sig(s, &redeem, in_p2sh ? 1 : 0);
}

static void witness_programs_leave_no_room_for_other_bytes(void **state)
{
    (void)state;
    struct spend s;
    struct btc_span items[3];
    uint8_t key[65];
    lock_p2wpkh(&s, true, items, key);
    assert_int_equal(verify(&s, ALL), 0);
    assert_int_equal(verify(&s, ALL & ~(BTC_VERIFY_WITNESS | BTC_VERIFY_P2SH)),
                     BTC_OUTSIDE_TEMPLATES);
    struct btc_span two[] = {nothing, btc_script_span(&s.redeem)};
    set_script_sig(&s, two, 2);
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    memmove(s.script_sig + 2, two[1].data, two[1].size); /* the same push in its longer form */
    s.script_sig[0] = BTC_OP_PUSHDATA1;
    s.script_sig[1] = (uint8_t)two[1].size;
    s.ins[1].script_sig.size = 2 + two[1].size;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    assert_string_equal(s.err.text, "the input script is not just the push of the witness program");
    set_script_sig(&s, two + 1, 1);
    s.ins[1].witness_count = 1;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    s.ins[1].witness_count = 3;
    items[2] = nothing;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);

    lock_p2wpkh(&s, false, items, key);
    assert_int_equal(verify(&s, ALL), 0);
    set_script_sig(&s, &nothing, 1);
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
}

static void other_programs_and_stray_witnesses(void **state)
{
    (void)state;
    struct spend s;
    uint8_t program[42] = {BTC_OP_0, 21};
    begin(&s);
    s.ins[1].witness = &one;
    s.ins[1].witness_count = 1;
    s.coins[1].script = (struct btc_span){program, 23};
    assert_int_equal(verify(&s, ALL), BTC_EINVALID); /* version 0 is of 20 or 32 bytes */
    program[0] = BTC_OP_1 + 1;
    assert_int_equal(verify(&s, ALL), BTC_OUTSIDE_TEMPLATES);
    program[0] = BTC_OP_1;
    assert_int_equal(verify(&s, ALL), BTC_OUTSIDE_TEMPLATES);
    s.ins[1].script_sig = one;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    /* A version 1 program of 32 bytes in P2SH is not P2TR. */
    program[1] = 32;
    struct btc_span redeem = {program, 34};
    s.lock = hash_lock(BTC_SCRIPT_P2SH, redeem);
    s.coins[1].script = btc_script_span(&s.lock);
    set_script_sig(&s, &redeem, 1);
    assert_int_equal(verify(&s, ALL), BTC_OUTSIDE_TEMPLATES);
    /* A coin that takes no witness, whatever its script is. */
    s.coins[1].script = (struct btc_span){(const uint8_t *)"\x51", 1};
    s.ins[1].script_sig = nothing;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    assert_int_equal(verify(&s, ALL & ~BTC_VERIFY_WITNESS), BTC_OUTSIDE_TEMPLATES);
    s.ins[1].witness_count = 0;
    assert_int_equal(verify(&s, ALL), BTC_OUTSIDE_TEMPLATES);
    s.ins[1].script_sig = (struct btc_span){(const uint8_t *)"\x05\x01", 2}; /* cut off */
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
}

/* ---- P2TR ------------------------------------------------------------------------------------ */

static void lock_p2tr(struct spend *s)
{
    uint8_t secret[32];
    uint8_t key[33];
    begin(s);
    secret_of(5, secret);
    assert_int_equal(btc_key_of_secret(secret, key), 0);
    assert_int_equal(btc_taproot_script(key, &s->lock), 0);
    s->coins[1].script = btc_script_span(&s->lock);
    s->ins[1].witness = s->witness;
    s->ins[1].witness_count = 1;
}

static void sign_p2tr(struct spend *s, uint8_t hash_type, struct btc_span annex)
{
    uint8_t secret[32];
    struct btc_spending spending;
    struct btc_hash hash;
    secret_of(5, secret);
    assert_int_equal(btc_taproot_output_secret(secret, NULL, secret), 0);
    assert_int_equal(btc_spending_prepare(&s->tx, s->coins, &spending), 0);
    assert_int_equal(btc_sighash_bip341(&spending, 1, hash_type, annex, &hash), 0);
    assert_int_equal(btc_schnorr_sign(secret, &hash, NULL, s->signatures[0]), 0);
    s->signatures[0][64] = hash_type;
    s->witness[0] = (struct btc_span){s->signatures[0], hash_type == 0 ? 64 : 65};
}

/* Each hash type covers what it should, and nothing else. */
static void key_path_signs_what_its_hash_type_says(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        bool other_in, other_coin, own_out, other_out; /* may change */
    } types[] = {{0, 0, 0, 0, 0},    {1, 0, 0, 0, 0},    {2, 0, 0, 1, 1},   {3, 0, 0, 0, 1},
                 {0x81, 1, 1, 0, 0}, {0x82, 1, 1, 1, 1}, {0x83, 1, 1, 0, 1}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct spend s;
        lock_p2tr(&s);
        sign_p2tr(&s, types[i].type, nothing);
        assert_int_equal(verify(&s, ALL), 0);
        assert_int_equal(verify(&s, ALL & ~BTC_VERIFY_TAPROOT), BTC_OUTSIDE_TEMPLATES);
        s.ins[0].sequence++;
        assert_int_equal(verify(&s, ALL), types[i].other_in ? 0 : BTC_EINVALID);
        s.ins[0].sequence--;
        s.coins[0].amount++;
        assert_int_equal(verify(&s, ALL), types[i].other_coin ? 0 : BTC_EINVALID);
        s.coins[0].amount--;
        s.outs[1].amount++;
        assert_int_equal(verify(&s, ALL), types[i].own_out ? 0 : BTC_EINVALID);
        s.outs[1].amount--;
        s.outs[0].amount++;
        assert_int_equal(verify(&s, ALL), types[i].other_out ? 0 : BTC_EINVALID);
        s.outs[0].amount--;
        s.coins[1].amount++;
        assert_int_equal(verify(&s, ALL), BTC_EINVALID);
        s.coins[1].amount--;
        s.tx.out_count = 1; /* SINGLE needs an output of its own */
        assert_int_equal(verify(&s, ALL), (types[i].type & 3) == 2 ? 0 : BTC_EINVALID);
    }
}

static void key_path_takes_one_signature_of_known_form_and_an_annex(void **state)
{
    (void)state;
    static const uint8_t annex_bytes[] = {0x50, 1, 2, 3};
    static const uint8_t unknown[] = {0, 4, 0x7f, 0x80, 0x84, 0xff};
    const struct btc_span annex = {annex_bytes, sizeof annex_bytes};
    struct spend s;
    lock_p2tr(&s);
    sign_p2tr(&s, BTC_SIGHASH_DEFAULT, nothing);
    s.witness[0].size = 65; /* DEFAULT is not to be named */
    for (size_t i = 0; i < sizeof unknown; i++) {
        s.signatures[0][64] = unknown[i];
        assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    }
    for (size_t size = 0; size < 80; size++)
        if (size != 64 && size != 65) {
            s.witness[0].size = size;
            assert_int_equal(verify(&s, ALL), BTC_EINVALID);
        }
    s.ins[1].witness_count = 0;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);

    sign_p2tr(&s, BTC_SIGHASH_ALL, annex);
    s.witness[1] = annex;
    s.ins[1].witness_count = 1;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    s.ins[1].witness_count = 2;
    assert_int_equal(verify(&s, ALL), 0);
    s.witness[1].size--;
    assert_int_equal(verify(&s, ALL), BTC_EINVALID);
    s.witness[1] = one; /* no annex: a script path */
    assert_int_equal(verify(&s, ALL), BTC_OUTSIDE_TEMPLATES);
    s.witness[1] = one;
    s.witness[2] = annex;
    s.ins[1].witness_count = 3;
    assert_int_equal(verify(&s, ALL), BTC_OUTSIDE_TEMPLATES);
}

static void bip341_hashes_are_refused_where_there_are_none(void **state)
{
    (void)state;
    struct spend s;
    struct btc_spending spending;
    struct btc_hash hash;
    lock_p2tr(&s);
    assert_int_equal(btc_spending_prepare(&s.tx, s.coins, &spending), 0);
    assert_int_equal(btc_sighash_bip341(&spending, 2, 0, nothing, &hash), BTC_EUSAGE);
    assert_int_equal(btc_sighash_bip341(&spending, 1, 4, nothing, &hash), BTC_EINVALID);
    assert_int_equal(btc_sighash_bip341(&spending, 1, 0x101, nothing, &hash), BTC_EINVALID);
    s.coins[1].script = nothing;
    assert_int_equal(btc_spending_prepare(&s.tx, s.coins, &spending), 0);
    assert_int_equal(btc_sighash_bip341(&spending, 1, 0, nothing, &hash), BTC_EUSAGE);
}

/* ---- counts and heights ---------------------------------------------------------------------- */

static void signature_operations_cost_what_bip141_says(void **state)
{
    (void)state;
    static const size_t due[WRAPS] = {0, 3 * 4, 3, 3}; /* bare: counted where it was an output */
    struct btc_writer script = multisig_of(2, 3, false);
    struct spend s;
    for (enum wrap wrap = BARE; wrap < WRAPS; wrap++) {
        lock(&s, wrap, (struct btc_span){script.data, script.size});
        (void)!unlock(&s, &nothing, 1, ALL);
        assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), due[wrap]);
        assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, 0), 0);
    }
    s.outs[0].script = (struct btc_span){script.data, script.size};
    assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), 3 + 20 * 4);
    s.ins[1].witness_count = 0;
    s.ins[1].script_sig = (struct btc_span){(const uint8_t *)"\x51\x01\xac", 3};
    assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), 4 + 20 * 4);
    s.ins[1].script_sig.data = (const uint8_t *)"\xac\x01\xac"; /* not pushes alone */
    assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), 4 + 20 * 4);
    s.ins[1].script_sig.data = (const uint8_t *)"\x01\xac\x51"; /* a number comes last */
    assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), 20 * 4);
    struct btc_span items[2];
    uint8_t key[65];
    for (int in_p2sh = 0; in_p2sh < 2; in_p2sh++) {
        lock_p2wpkh(&s, in_p2sh == 1, items, key);
        assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), 1);
        assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL & ~BTC_VERIFY_WITNESS), 0);
    }
    lock_p2tr(&s);
    assert_int_equal(btc_tx_sigops_cost(&s.tx, s.coins, ALL), 0);
    btc_writer_free(&script);
}

static void rules_come_into_force_by_height(void **state)
{
    (void)state;
    static const struct {
        int32_t height;
        unsigned flags;
    } main_net[] = {
        {0, 0},
        {173804, 0},
        {173805, BTC_VERIFY_P2SH},
        {363725, BTC_VERIFY_P2SH | BTC_VERIFY_DER},
        {481823, BTC_VERIFY_P2SH | BTC_VERIFY_DER},
        {481824, ALL & ~BTC_VERIFY_TAPROOT},
        {709632, ALL},
    };
    for (size_t i = 0; i < sizeof main_net / sizeof main_net[0]; i++)
        assert_int_equal(btc_verify_flags_at(btc_params_get(BTC_MAIN), main_net[i].height),
                         main_net[i].flags);
    assert_int_equal(btc_verify_flags_at(btc_params_get(BTC_REGTEST), 1), ALL);
    assert_int_equal(btc_verify_flags_at(btc_params_get(BTC_SIGNET), 1), ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multisig_wants_its_signatures_in_the_order_of_the_keys),
        cmocka_unit_test(multisig_takes_exactly_what_it_needs),
        cmocka_unit_test(one_signature_serves_two_equal_keys_and_twenty_keys_are_most),
        cmocka_unit_test(any_hash_type_and_form_of_key_verifies),
        cmocka_unit_test(witness_programs_leave_no_room_for_other_bytes),
        cmocka_unit_test(other_programs_and_stray_witnesses),
        cmocka_unit_test(key_path_signs_what_its_hash_type_says),
        cmocka_unit_test(key_path_takes_one_signature_of_known_form_and_an_annex),
        cmocka_unit_test(bip341_hashes_are_refused_where_there_are_none),
        cmocka_unit_test(signature_operations_cost_what_bip141_says),
        cmocka_unit_test(rules_come_into_force_by_height),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
