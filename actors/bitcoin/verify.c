/*
 * The check of one input: see sig.h.
 *
 * A template's script is never run; what running it would do is written down here for each. The
 * order of the checks differs from an interpreter's, the outcome does not: whatever makes any step
 * of the script fail makes the input invalid. All that is not known for certain is
 * BTC_OUTSIDE_TEMPLATES.
 */
#include "actors/bitcoin/sig.h"

#include <string.h>

#define ITEM_SIZE_MAX  520  /* bytes that one stack item may have, except witness scripts */
#define STACK_ITEM_MAX 64   /* the templates take 22 at most */
#define ANNEX_TAG      0x50 /* BIP341: first byte of an annex */
#define SCHNORR_SIZE   64

/* One input under check. */
struct check {
    const struct btc_spending *spending;
    size_t index;
    const struct btc_tx_in *in;
    const struct btc_tx_out *coin;
    unsigned flags;
    struct btc_error *err;
};

/* The items that a script would find, bottom first. */
struct stack {
    const struct btc_span *items;
    size_t count;
};

static int invalid(const struct check *c, const char *why)
{
    return btc_fail(c->err, BTC_EINVALID, "%s", why);
}

static int hash_failed(const struct check *c, int code)
{
    return btc_fail(c->err, code, "a hash could not be computed: %s", btc_code_text(code));
}

/* ---- stacks ---- */

/* As btc_script_next_push(), but with the opcodes that push a number. */
static int next_item(struct btc_span *script, struct btc_span *ret_item)
{
    static const uint8_t numbers[] = {0x81, 0, 1,  2,  3,  4,  5,  6,  7,
                                      8,    9, 10, 11, 12, 13, 14, 15, 16};
    int rc = btc_script_next_push(script, ret_item);
    uint8_t opcode = rc == BTC_EFORMAT ? script->data[0] : BTC_OP_0;
    bool number = opcode == BTC_OP_1NEGATE || (opcode >= BTC_OP_1 && opcode <= BTC_OP_16);
    if (!number)
        return rc;
    *ret_item = (struct btc_span){&numbers[opcode - BTC_OP_1NEGATE], 1};
    script->data++;
    script->size--;
    return 1;
}

/* Is the item that was not read a push cut off by the end of the script? No script is valid then.
 */
static bool is_cut_off(struct btc_span script)
{
    return script.data[0] <= BTC_OP_PUSHDATA4;
}

/*
 * The stack that a script of nothing but pushes leaves. With another opcode in it, or more items
 * than a template could need, it is outside the templates.
 */
static int push_all(const struct check *c, struct btc_span script,
                    struct btc_span items[STACK_ITEM_MAX], struct stack *ret_stack)
{
    struct btc_span item;
    size_t count = 0;
    int rc;
    if (script.size > BTC_SCRIPT_SIZE_MAX)
        return invalid(c, "the input script is over 10,000 bytes");
    while ((rc = next_item(&script, &item)) == 1) {
        if (item.size > ITEM_SIZE_MAX)
            return invalid(c, "a push in the input script is over 520 bytes");
        if (count == STACK_ITEM_MAX)
            return BTC_OUTSIDE_TEMPLATES;
        items[count++] = item;
    }
    if (rc == BTC_EFORMAT && is_cut_off(script))
        return invalid(c, "a push in the input script is cut off");
    if (rc != 0)
        return BTC_OUTSIDE_TEMPLATES;
    *ret_stack = (struct stack){items, count};
    return 0;
}

static bool is_push_only(struct btc_span script)
{
    struct btc_span item;
    int rc;
    do
        rc = next_item(&script, &item);
    while (rc == 1);
    return rc == 0;
}

static int check_witness_items(const struct check *c, struct stack stack)
{
    for (size_t i = 0; i < stack.count; i++)
        if (stack.items[i].size > ITEM_SIZE_MAX)
            return invalid(c, "a witness item is over 520 bytes");
    return 0;
}

/* ---- one signature ---- */

/* What a signature in a script signs. */
struct signed_script {
    struct btc_span code;
    bool witness; /* BIP143, else legacy */
};

static int hash_to_sign(const struct check *c, const struct signed_script *script,
                        uint32_t hash_type, struct btc_hash *ret_hash)
{
    const struct btc_spending *s = c->spending;
    return script->witness ? btc_sighash_bip143(s->tx, &s->bip143, c->index, script->code,
                                                c->coin->amount, hash_type, ret_hash)
                           : btc_sighash_legacy(s->tx, c->index, script->code, hash_type, ret_hash);
}

/* What one signature in a script signs, computed once for all keys that it is tried with. */
struct ecdsa_claim {
    struct btc_span der;
    struct btc_hash hash;
};

/* An empty signature never verifies: *ret_claim.der is then empty. */
static int read_claim(const struct check *c, const struct signed_script *script,
                      struct btc_span signature, struct ecdsa_claim *ret_claim)
{
    ret_claim->der = (struct btc_span){NULL, 0};
    if (signature.size == 0)
        return 0;
    ret_claim->der = (struct btc_span){signature.data, signature.size - 1};
    int rc = hash_to_sign(c, script, signature.data[signature.size - 1], &ret_claim->hash);
    return rc != 0 ? hash_failed(c, rc) : 0;
}

static bool verifies(const struct check *c, const struct ecdsa_claim *claim, struct btc_span key)
{
    return btc_ecdsa_verify(key, claim->der, (c->flags & BTC_VERIFY_DER) != 0, &claim->hash);
}

static int check_signature(const struct check *c, const struct signed_script *script,
                           struct btc_span signature, struct btc_span key)
{
    struct ecdsa_claim claim;
    if (signature.size == 0)
        return invalid(c, "the signature is empty");
    int rc = read_claim(c, script, signature, &claim);
    if (rc != 0)
        return rc;
    return verifies(c, &claim, key) ? 0 : invalid(c, "the signature does not verify");
}

/* ---- the scripts that ask for signatures ---- */

static int check_key_hash(const struct check *c, struct btc_span key, struct btc_span wanted)
{
    struct btc_hash160 hash;
    int rc = btc_hash160(key.data, key.size, &hash);
    if (rc != 0)
        return hash_failed(c, rc);
    if (memcmp(hash.bytes, wanted.data, BTC_HASH160_SIZE) != 0)
        return invalid(c, "the public key is not the one that the coin is locked to");
    return 0;
}

static int check_p2pk(const struct check *c, const struct signed_script *script,
                      struct btc_span key, struct stack stack)
{
    if (stack.count < 1)
        return invalid(c, "P2PK wants a signature");
    return check_signature(c, script, stack.items[stack.count - 1], key);
}

static int check_p2pkh(const struct check *c, const struct signed_script *script,
                       struct btc_span key_hash, struct stack stack)
{
    if (stack.count < 2)
        return invalid(c, "P2PKH wants a signature and a public key");
    struct btc_span key = stack.items[stack.count - 1];
    int rc = check_key_hash(c, key, key_hash);
    return rc != 0 ? rc : check_signature(c, script, stack.items[stack.count - 2], key);
}

/*
 * CHECKMULTISIG: signatures in the order of their keys, below them one item that is not used. From
 * the last signature and key to the first, each signature must verify with a key before that of the
 * one behind it; the scan stops when fewer keys than signatures are left.
 */
static int check_multisig(const struct check *c, const struct signed_script *script,
                          const struct btc_multisig *multisig, struct stack stack)
{
    if (stack.count < multisig->required + 1)
        return btc_fail(c->err, BTC_EINVALID, "multisig wants %zu signatures and an empty item",
                        multisig->required);
    const struct btc_span *signatures = &stack.items[stack.count - multisig->required];
    if ((c->flags & BTC_VERIFY_NULL_DUMMY) != 0 && signatures[-1].size != 0)
        return invalid(c, "the item below the signatures of multisig is not empty (BIP147)");
    size_t keys = multisig->key_count;
    for (size_t left = multisig->required; left > 0; left--) {
        struct ecdsa_claim claim;
        int rc = read_claim(c, script, signatures[left - 1], &claim);
        if (rc != 0)
            return rc;
        while (keys >= left && !verifies(c, &claim, multisig->keys[keys - 1]))
            keys--;
        if (keys < left)
            return btc_fail(c->err, BTC_EINVALID,
                            "multisig signature %zu does not verify with a key in its order", left);
        keys--;
    }
    return 0;
}

/*
 * A script that is none of the outer templates (P2SH, witness programs), on its stack. `exact`:
 * nothing but what it takes may be there, as BIP141 has it for witnesses.
 */
static int check_script(const struct check *c, const struct signed_script *script,
                        struct stack stack, bool exact)
{
    struct btc_script_match match = btc_script_classify(script->code);
    struct btc_multisig multisig;
    size_t used;
    int rc;
    if (match.kind == BTC_SCRIPT_P2PK) {
        used = 1;
        rc = check_p2pk(c, script, match.payload, stack);
    } else if (match.kind == BTC_SCRIPT_P2PKH) {
        used = 2;
        rc = check_p2pkh(c, script, match.payload, stack);
    } else if (btc_script_multisig(script->code, &multisig)) {
        used = multisig.required + 1;
        rc = check_multisig(c, script, &multisig, stack);
    } else {
        return BTC_OUTSIDE_TEMPLATES;
    }
    if (rc == 0 && exact && stack.count != used)
        return btc_fail(c->err, BTC_EINVALID, "its script wants %zu witness items, not %zu", used,
                        stack.count);
    return rc;
}

/* ---- witness programs ---- */

static int check_p2wpkh(const struct check *c, struct btc_span key_hash)
{
    struct stack stack = {c->in->witness, c->in->witness_count};
    if (stack.count != 2)
        return btc_fail(c->err, BTC_EINVALID, "P2WPKH wants two witness items, not %zu",
                        stack.count);
    struct btc_script code;
    int rc = check_witness_items(c, stack);
    if (rc != 0)
        return rc;
    rc = btc_script_build(BTC_SCRIPT_P2PKH, key_hash.data, key_hash.size, &code);
    if (rc != 0)
        return hash_failed(c, rc);
    struct signed_script script = {btc_script_span(&code), true};
    return check_p2pkh(c, &script, key_hash, stack);
}

static int check_p2wsh(const struct check *c, struct btc_span script_hash)
{
    if (c->in->witness_count == 0)
        return invalid(c, "P2WSH wants a witness");
    struct stack stack = {c->in->witness, c->in->witness_count - 1};
    struct btc_span code = c->in->witness[stack.count];
    struct btc_hash hash;
    int rc = btc_sha256(code.data, code.size, &hash);
    if (rc != 0)
        return hash_failed(c, rc);
    if (memcmp(hash.bytes, script_hash.data, BTC_HASH_SIZE) != 0)
        return invalid(c, "the witness script is not the one that the coin is locked to");
    if (code.size > BTC_SCRIPT_SIZE_MAX)
        return invalid(c, "the witness script is over 10,000 bytes");
    rc = check_witness_items(c, stack);
    struct signed_script script = {code, true};
    return rc != 0 ? rc : check_script(c, &script, stack, true);
}

/* BIP341. More than one item (besides an annex) is the script path. */
static int check_p2tr(const struct check *c, struct btc_span key)
{
    size_t count = c->in->witness_count;
    struct btc_span annex = {NULL, 0};
    if (count == 0)
        return invalid(c, "P2TR wants a witness");
    struct btc_span last = c->in->witness[count - 1];
    if (count >= 2 && last.size > 0 && last.data[0] == ANNEX_TAG) {
        annex = last;
        count--;
    }
    if (count > 1)
        return BTC_OUTSIDE_TEMPLATES;
    struct btc_span signature = c->in->witness[0];
    uint32_t hash_type = BTC_SIGHASH_DEFAULT;
    if (signature.size == SCHNORR_SIZE + 1)
        hash_type = signature.data[SCHNORR_SIZE];
    else if (signature.size != SCHNORR_SIZE)
        return btc_fail(c->err, BTC_EINVALID, "a Schnorr signature has 64 or 65 bytes, not %zu",
                        signature.size);
    if (signature.size > SCHNORR_SIZE && hash_type == BTC_SIGHASH_DEFAULT)
        return invalid(c, "a Schnorr signature names the hash type that is not to be named");
    struct btc_hash hash;
    int rc = btc_sighash_bip341(c->spending, c->index, hash_type, annex, &hash);
    if (rc == BTC_EINVALID)
        return btc_fail(c->err, rc, "hash type 0x%02x is none of BIP341's or lacks its output",
                        (unsigned)hash_type);
    if (rc != 0)
        return hash_failed(c, rc);
    if (!btc_schnorr_verify(key.data, signature.data, (struct btc_span){hash.bytes, BTC_HASH_SIZE}))
        return invalid(c, "the Schnorr signature does not verify");
    return 0;
}

/* `nested` in P2SH, where only version 0 means anything yet. */
static int check_program(const struct check *c, unsigned version, struct btc_span program,
                         bool nested)
{
    if (version == 0 && program.size == BTC_HASH160_SIZE)
        return check_p2wpkh(c, program);
    if (version == 0 && program.size == BTC_HASH_SIZE)
        return check_p2wsh(c, program);
    if (version == 0)
        return btc_fail(c->err, BTC_EINVALID,
                        "a version 0 witness program has 20 or 32 bytes, not %zu", program.size);
    if (version == 1 && program.size == BTC_HASH_SIZE && !nested &&
        (c->flags & BTC_VERIFY_TAPROOT) != 0)
        return check_p2tr(c, program);
    return BTC_OUTSIDE_TEMPLATES;
}

/* ---- the coin's script ---- */

/* BIP141: a witness may be there only for a witness program. */
static int check_no_witness(const struct check *c)
{
    if (c->in->witness_count > 0 && (c->flags & BTC_VERIFY_WITNESS) != 0)
        return invalid(c, "the coin is not of a kind that takes a witness");
    return 0;
}

/* BIP16, and BIP141's programs in it. */
static int check_p2sh(const struct check *c, struct btc_span script_hash)
{
    struct btc_span items[STACK_ITEM_MAX];
    struct stack stack;
    unsigned version;
    struct btc_span program;
    struct btc_hash160 hash;
    if (!is_push_only(c->in->script_sig))
        return invalid(c, "the input script of P2SH does more than push (BIP16)");
    int rc = push_all(c, c->in->script_sig, items, &stack);
    if (rc != 0)
        return rc;
    if (stack.count == 0)
        return invalid(c, "P2SH wants its script in the input");
    struct signed_script script = {items[--stack.count], false};
    rc = btc_hash160(script.code.data, script.code.size, &hash);
    if (rc != 0)
        return hash_failed(c, rc);
    if (memcmp(hash.bytes, script_hash.data, BTC_HASH160_SIZE) != 0)
        return invalid(c, "the redeem script is not the one that the coin is locked to");
    if ((c->flags & BTC_VERIFY_WITNESS) == 0 ||
        !btc_script_witness_program(script.code, &version, &program)) {
        rc = check_no_witness(c);
        return rc != 0 ? rc : check_script(c, &script, stack, false);
    }
    /* Only the one push, in its shortest form: a program has at most 42 bytes. */
    if (c->in->script_sig.size != 1 + script.code.size)
        return invalid(c, "the input script is not just the push of the witness program");
    return check_program(c, version, program, true);
}

static int check_bare(const struct check *c)
{
    struct btc_span items[STACK_ITEM_MAX];
    struct stack stack;
    int rc = check_no_witness(c);
    if (rc == 0)
        rc = push_all(c, c->in->script_sig, items, &stack);
    struct signed_script script = {c->coin->script, false};
    return rc != 0 ? rc : check_script(c, &script, stack, false);
}

int btc_verify_input(const struct btc_spending *spending, size_t index, unsigned flags,
                     struct btc_error *err)
{
    if (index >= spending->tx->in_count)
        return btc_fail(err, BTC_EUSAGE, "there is no input %zu", index);
    struct check c = {spending, index, &spending->tx->ins[index], &spending->coins[index],
                      flags,    err};
    unsigned version;
    struct btc_span program;
    struct btc_script_match match = btc_script_classify(c.coin->script);
    if (match.kind == BTC_SCRIPT_P2SH)
        return (flags & BTC_VERIFY_P2SH) != 0 ? check_p2sh(&c, match.payload)
                                              : BTC_OUTSIDE_TEMPLATES;
    if (!btc_script_witness_program(c.coin->script, &version, &program))
        return check_bare(&c);
    if ((flags & BTC_VERIFY_WITNESS) == 0)
        return BTC_OUTSIDE_TEMPLATES;
    if (c.in->script_sig.size != 0)
        return invalid(&c, "a coin locked to a witness program takes no input script");
    return check_program(&c, version, program, false);
}

unsigned btc_verify_flags_at(const struct btc_params *params, int32_t height)
{
    unsigned flags = 0;
    if (height >= params->bip16_height)
        flags |= BTC_VERIFY_P2SH;
    if (height >= params->bip66_height)
        flags |= BTC_VERIFY_DER;
    if (height >= params->segwit_height)
        flags |= BTC_VERIFY_WITNESS | BTC_VERIFY_NULL_DUMMY;
    if (height >= params->taproot_height)
        flags |= BTC_VERIFY_TAPROOT;
    return flags;
}
