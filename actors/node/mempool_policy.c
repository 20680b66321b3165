/* What can be said of a transaction by its form: see mempool_impl.h. The numbers are Bitcoin Core's
 * (policy/policy.h), as of version 29. */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/script.h"
#include "actors/bitcoin/sig.h"
#include "actors/node/mempool_impl.h"

#define VERSION_MAX         2
#define WEIGHT_MAX          400000
#define BASE_SIZE_MIN       65 /* bytes: 64 could pass for an inner node of a merkle tree */
#define SCRIPT_SIG_SIZE_MAX 1650
#define RETURN_SIZE_MAX     83 /* of the whole script */
#define MULTISIG_KEYS_MAX   3  /* in an output that shows them */
#define DUST_RATE           3000
#define DUST_INPUT_SIZE     148 /* bytes that spending it takes */
#define DUST_WITNESS_SIZE   67
#define P2SH_SIGOPS_MAX     15
#define WSH_SCRIPT_SIZE_MAX 3600
#define WSH_ITEMS_MAX       100
#define WSH_ITEM_SIZE_MAX   80
#define TAPROOT_ANNEX       0x50
#define SIGNATURE_SIZE_MIN  9 /* bytes, with the hash type */
#define SIGNATURE_SIZE_MAX  73
#define WITNESS_PROGRAM_MIN 2
#define WITNESS_PROGRAM_MAX 40
#define KEY_SIZE            33
#define KEY_SIZE_LONG       65

/* ---- rules for blocks, by their names ---- */

static const char *amount_reason(const struct btc_tx *tx)
{
    for (size_t i = 0; i < tx->out_count; i++) {
        if (tx->outs[i].amount < 0)
            return "bad-txns-vout-negative";
        if (tx->outs[i].amount > BTC_MONEY_MAX)
            return "bad-txns-vout-toolarge";
    }
    return NULL;
}

/* The name of what btc_tx_check() found. */
static const char *check_reason(const struct btc_tx *tx)
{
    if (tx->in_count == 0)
        return "bad-txns-vin-empty";
    if (tx->out_count == 0)
        return "bad-txns-vout-empty";
    if (tx->base_size > BTC_TX_SIZE_MAX / 4)
        return "bad-txns-oversize";
    const char *reason = amount_reason(tx);
    if (reason != NULL)
        return reason;
    int64_t total = 0;
    for (size_t i = 0; i < tx->out_count && total <= BTC_MONEY_MAX; i++)
        total += tx->outs[i].amount;
    if (total > BTC_MONEY_MAX)
        return "bad-txns-txouttotal-toolarge";
    if (btc_tx_is_coinbase(tx))
        return "bad-cb-length";
    for (size_t i = 0; i < tx->in_count; i++)
        if (tx->ins[i].prev.index == BTC_OUTPOINT_COINBASE_INDEX &&
            btc_hash_is_zero(&tx->ins[i].prev.txid))
            return "bad-txns-prevout-null";
    return "bad-txns-inputs-duplicate";
}

/* ---- scripts ---- */

/* One opcode, with what it pushes. 1, 0 at the end, BTC_EFORMAT for a push that is cut off. */
static int next_opcode(struct btc_span *script, uint8_t *ret_opcode, struct btc_span *ret_data)
{
    if (script->size == 0)
        return 0;
    *ret_opcode = script->data[0];
    *ret_data = (struct btc_span){NULL, 0};
    if (*ret_opcode <= BTC_OP_PUSHDATA4)
        return btc_script_next_push(script, ret_data);
    script->data++;
    script->size--;
    return 1;
}

static bool is_push_only(struct btc_span script)
{
    uint8_t opcode = 0;
    struct btc_span data;
    int rc;
    while ((rc = next_opcode(&script, &opcode, &data)) == 1)
        if (opcode > BTC_OP_16)
            return false;
    return rc == 0;
}

/* OP_1 to OP_16 as a number, else 0. */
static unsigned small_number(uint8_t opcode)
{
    return opcode >= BTC_OP_1 && opcode <= BTC_OP_16 ? opcode - BTC_OP_1 + 1u : 0;
}

/* m keys n CHECKMULTISIG, of at most three keys. */
static bool is_bare_multisig(struct btc_span script)
{
    uint8_t opcode = 0;
    struct btc_span data;
    if (next_opcode(&script, &opcode, &data) != 1)
        return false;
    unsigned wanted = small_number(opcode);
    unsigned keys = 0;
    while (next_opcode(&script, &opcode, &data) == 1 &&
           (data.size == KEY_SIZE || data.size == KEY_SIZE_LONG))
        keys++;
    return wanted >= 1 && wanted <= keys && keys <= MULTISIG_KEYS_MAX &&
           small_number(opcode) == keys && script.size == 1 &&
           script.data[0] == BTC_OP_CHECKMULTISIG;
}

/* BIP141: a version and one push of 2 to 40 bytes. */
static bool is_witness_program(struct btc_span script)
{
    if (script.size < 2 + WITNESS_PROGRAM_MIN || script.size > 2 + WITNESS_PROGRAM_MAX)
        return false;
    return (script.data[0] == BTC_OP_0 || small_number(script.data[0]) != 0) &&
           script.data[1] + 2u == script.size;
}

static bool is_standard_output(struct btc_span script)
{
    struct btc_script_match match = btc_script_classify(script);
    if (match.kind == BTC_SCRIPT_RETURN)
        return is_push_only(match.payload);
    if (match.kind != BTC_SCRIPT_OTHER)
        return true;
    if (is_witness_program(script)) /* of version 0 only the templates */
        return script.data[0] != BTC_OP_0;
    return is_bare_multisig(script);
}

/* Less than what spending it would cost at three times the relay rate. */
static int64_t dust_limit(const struct btc_tx_out *out)
{
    if (btc_script_is_unspendable(out->script))
        return 0;
    size_t size = sizeof(uint64_t) + btc_compact_size(out->script.size) + out->script.size +
                  (is_witness_program(out->script) ? DUST_WITNESS_SIZE : DUST_INPUT_SIZE);
    return mempool_fee_at(DUST_RATE, size);
}

/* ---- the form ---- */

static int check_outputs(struct candidate *c)
{
    size_t returns = 0;
    for (size_t i = 0; i < c->tx.out_count; i++) {
        const struct btc_tx_out *out = &c->tx.outs[i];
        if (!is_standard_output(out->script))
            return mempool_refuse(c, BTC_ELIMIT, "scriptpubkey",
                                  "output %zu has a script of no known form", i);
        if (btc_script_classify(out->script).kind != BTC_SCRIPT_RETURN)
            continue;
        returns++;
        if (out->script.size > RETURN_SIZE_MAX)
            return mempool_refuse(c, BTC_ELIMIT, "scriptpubkey",
                                  "output %zu holds data in a script of %zu bytes, over %d", i,
                                  out->script.size, RETURN_SIZE_MAX);
    }
    for (size_t i = 0; i < c->tx.out_count; i++)
        if (c->tx.outs[i].amount < dust_limit(&c->tx.outs[i]))
            return mempool_refuse(c, BTC_ELIMIT, "dust",
                                  "output %zu of %lld satoshi is less than spending it would cost; "
                                  "%lld are the least",
                                  i, (long long)c->tx.outs[i].amount,
                                  (long long)dust_limit(&c->tx.outs[i]));
    return returns <= 1 ? 0
                        : mempool_refuse(c, BTC_ELIMIT, "multi-op-return",
                                         "%zu outputs hold data, one may", returns);
}

static int check_script_sigs(struct candidate *c)
{
    for (size_t i = 0; i < c->tx.in_count; i++) {
        struct btc_span script = c->tx.ins[i].script_sig;
        if (script.size > SCRIPT_SIG_SIZE_MAX)
            return mempool_refuse(c, BTC_ELIMIT, "scriptsig-size",
                                  "the script of input %zu has %zu bytes, over %d", i, script.size,
                                  SCRIPT_SIG_SIZE_MAX);
        if (!is_push_only(script))
            return mempool_refuse(c, BTC_ELIMIT, "scriptsig-not-pushonly",
                                  "the script of input %zu does more than push data", i);
    }
    return 0;
}

int mempool_check_form(struct candidate *c)
{
    int rc = btc_tx_check(&c->tx, c->err);
    if (rc == BTC_EINVALID) {
        mempool_give_reason(c, check_reason(&c->tx));
        return rc;
    }
    if (rc != 0)
        return rc;
    if (btc_tx_is_coinbase(&c->tx))
        return mempool_refuse(c, BTC_EINVALID, "coinbase", "a coinbase comes in a block only");
    if (c->tx.version < 1 || c->tx.version > VERSION_MAX)
        return mempool_refuse(c, BTC_ELIMIT, "version", "version %d is not relayed; 1 to %d are",
                              c->tx.version, VERSION_MAX);
    if (btc_tx_weight(&c->tx) > WEIGHT_MAX)
        return mempool_refuse(c, BTC_ELIMIT, "tx-size", "its weight of %zu is over %d",
                              btc_tx_weight(&c->tx), WEIGHT_MAX);
    rc = check_script_sigs(c);
    if (rc == 0)
        rc = check_outputs(c);
    if (rc == 0 && c->tx.base_size < BASE_SIZE_MIN)
        rc = mempool_refuse(c, BTC_ELIMIT, "tx-size-small",
                            "%zu bytes without witnesses are less than %d", c->tx.base_size,
                            BASE_SIZE_MIN);
    return rc;
}

/* ---- inputs, with their coins known ---- */

/* What the script of an input pushes last: the script behind a P2SH coin. Empty if there is none. */
static struct btc_span last_push(struct btc_span script)
{
    uint8_t opcode = 0;
    struct btc_span data = {NULL, 0};
    struct btc_span last = {NULL, 0};
    while (next_opcode(&script, &opcode, &data) == 1)
        last = data;
    return last;
}

/* Sizes of what a witness brings, by the program that it is for. NULL: in order. */
static const char *witness_fault(const struct btc_tx_in *in, struct btc_span program)
{
    enum btc_script_kind kind = btc_script_classify(program).kind;
    const struct btc_span *items = in->witness;
    size_t count = in->witness_count;
    if (count == 0)
        return NULL;
    if (!is_witness_program(program))
        return "has a witness that its coin does not ask for";
    if (kind == BTC_SCRIPT_P2TR)
        return count > 1 && items[count - 1].size > 0 && items[count - 1].data[0] == TAPROOT_ANNEX
                   ? "has an annex"
                   : NULL;
    if (kind != BTC_SCRIPT_P2WSH)
        return NULL;
    if (items[count - 1].size > WSH_SCRIPT_SIZE_MAX || count - 1 > WSH_ITEMS_MAX)
        return "has a witness that is too large";
    for (size_t i = 0; i + 1 < count; i++)
        if (items[i].size > WSH_ITEM_SIZE_MAX)
            return "has an item in its witness that is too large";
    return NULL;
}

int mempool_check_input_forms(struct candidate *c)
{
    for (size_t i = 0; i < c->tx.in_count; i++) {
        const struct btc_tx_in *in = &c->tx.ins[i];
        struct btc_span program = c->coins[i].script;
        if (!is_standard_output(program))
            return mempool_refuse(c, BTC_ELIMIT, "bad-txns-nonstandard-inputs",
                                  "input %zu spends a coin with a script of no known form", i);
        if (btc_script_classify(program).kind == BTC_SCRIPT_P2SH) {
            program = last_push(in->script_sig);
            if (btc_script_sigops_exact(program) > P2SH_SIGOPS_MAX)
                return mempool_refuse(c, BTC_ELIMIT, "bad-txns-nonstandard-inputs",
                                      "the script behind input %zu has over %d signature "
                                      "operations",
                                      i, P2SH_SIGOPS_MAX);
        }
        const char *fault = witness_fault(in, program);
        if (fault != NULL)
            return mempool_refuse(c, BTC_ELIMIT, "bad-witness-nonstandard", "input %zu %s", i,
                                  fault);
    }
    return 0;
}

/* ---- signatures and keys, by their form ---- */

static int refuse_form(struct candidate *c, size_t index, const char *what)
{
    return mempool_refuse(c, BTC_ELIMIT, "mempool-script-verify-flag-failed", "input %zu has %s",
                          index, what);
}

/* A DER signature with its hash type, by the bytes around it. */
static bool looks_like_signature(struct btc_span item)
{
    return item.size >= SIGNATURE_SIZE_MIN && item.size <= SIGNATURE_SIZE_MAX &&
           item.data[0] == 0x30 && item.data[1] + 3u == item.size;
}

/* S not above half of the group's order (BIP146, LOW_S): else anybody could change the wtxid. */
static bool has_low_s(struct btc_span signature)
{
    static const uint8_t half[32] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d,
                                     0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0};
    struct btc_reader r = btc_reader_of(signature.data, signature.size - 1, NULL);
    struct btc_span skipped;
    struct btc_span number = {NULL, 0};
    uint8_t size = 0;
    if (btc_read_view(&r, "head", 3, &skipped) < 0 || btc_read_u8(&r, "size of R", &size) < 0 ||
        btc_read_view(&r, "R", size, &skipped) < 0 || btc_read_view(&r, "tag", 1, &skipped) < 0 ||
        btc_read_u8(&r, "size of S", &size) < 0 || btc_read_view(&r, "S", size, &number) < 0)
        return false;
    while (number.size > 0 && number.data[0] == 0) {
        number.data++;
        number.size--;
    }
    return number.size < sizeof(half) ||
           (number.size == sizeof(half) && memcmp(number.data, half, sizeof(half)) <= 0);
}

static const char *signature_fault(struct btc_span item)
{
    if (!looks_like_signature(item))
        return NULL;
    uint8_t type = item.data[item.size - 1] & (uint8_t)~BTC_SIGHASH_ANYONECANPAY;
    if (type < BTC_SIGHASH_ALL || type > BTC_SIGHASH_SINGLE)
        return "a signature of an unknown hash type";
    return has_low_s(item) ? NULL : "a signature whose S is unnecessarily high";
}

/* The script of an input pushes in the shortest way, and only signatures that nobody can change. */
static const char *script_sig_fault(struct btc_span script)
{
    uint8_t opcode = 0;
    struct btc_span data;
    while (next_opcode(&script, &opcode, &data) == 1) {
        uint8_t shortest = data.size < BTC_OP_PUSHDATA1 ? (uint8_t)data.size
                           : data.size <= UINT8_MAX     ? BTC_OP_PUSHDATA1
                           : data.size <= UINT16_MAX    ? BTC_OP_PUSHDATA2
                                                        : BTC_OP_PUSHDATA4;
        bool is_number = data.size == 1 && ((data.data[0] >= 1 && data.data[0] <= 16) ||
                                            data.data[0] == 0x81); /* has an opcode of its own */
        if (opcode <= BTC_OP_PUSHDATA4 && (opcode != shortest || is_number))
            return "a push of data that is longer than necessary";
        const char *fault = signature_fault(data);
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

/* Of version 0: keys are compressed. */
static const char *witness_form_fault(const struct btc_tx_in *in, struct btc_span program)
{
    enum btc_script_kind kind = btc_script_classify(program).kind;
    if (kind != BTC_SCRIPT_P2WPKH && kind != BTC_SCRIPT_P2WSH)
        return NULL;
    for (size_t i = 0; i < in->witness_count; i++) {
        const char *fault = signature_fault(in->witness[i]);
        if (fault != NULL)
            return fault;
    }
    if (in->witness_count == 0)
        return NULL;
    struct btc_span last = in->witness[in->witness_count - 1];
    bool is_compressed = kind == BTC_SCRIPT_P2WSH || last.size == KEY_SIZE;
    uint8_t opcode = 0;
    struct btc_span data;
    while (kind == BTC_SCRIPT_P2WSH && next_opcode(&last, &opcode, &data) == 1)
        is_compressed = is_compressed && data.size != KEY_SIZE_LONG;
    return is_compressed ? NULL : "a key in its witness that is not compressed";
}

int mempool_check_signature_forms(struct candidate *c)
{
    for (size_t i = 0; i < c->tx.in_count; i++) {
        const struct btc_tx_in *in = &c->tx.ins[i];
        struct btc_span program = c->coins[i].script;
        if (btc_script_classify(program).kind == BTC_SCRIPT_P2SH)
            program = last_push(in->script_sig);
        const char *fault = script_sig_fault(in->script_sig);
        if (fault == NULL)
            fault = witness_form_fault(in, program);
        if (fault != NULL)
            return refuse_form(c, i, fault);
    }
    return 0;
}
