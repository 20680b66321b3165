/* The cost of signature operations (BIP16, BIP141): see sig.h. */
#include "actors/bitcoin/sig.h"

#define NON_WITNESS_COST 4

/* What the last push of a script of nothing but pushes pushes: the redeem script of a P2SH input.
 * Empty where it has another opcode, is cut off, or ends in a number. */
static struct btc_span last_push(struct btc_span script)
{
    static const struct btc_span none;
    struct btc_span last = none;
    struct btc_span data;
    while (script.size > 0) {
        if (btc_script_next_push(&script, &data) == 1) {
            last = data;
            continue;
        }
        uint8_t opcode = script.data[0];
        if (opcode <= BTC_OP_PUSHDATA4 || opcode > BTC_OP_16)
            return none;
        last = none;
        script.data++;
        script.size--;
    }
    return last;
}

static size_t program_cost(const struct btc_tx_in *in, unsigned version, struct btc_span program)
{
    if (version != 0)
        return 0;
    if (program.size == BTC_HASH160_SIZE)
        return 1;
    if (program.size == BTC_HASH_SIZE && in->witness_count > 0)
        return btc_script_sigops_exact(in->witness[in->witness_count - 1]);
    return 0;
}

static size_t input_cost(const struct btc_tx_in *in, const struct btc_tx_out *coin, unsigned flags)
{
    size_t cost = 0;
    unsigned version;
    struct btc_span program;
    struct btc_span script = coin->script;
    if ((flags & BTC_VERIFY_P2SH) != 0 && btc_script_classify(script).kind == BTC_SCRIPT_P2SH) {
        script = last_push(in->script_sig);
        cost = NON_WITNESS_COST * btc_script_sigops_exact(script);
    }
    if ((flags & BTC_VERIFY_WITNESS) != 0 && btc_script_witness_program(script, &version, &program))
        cost += program_cost(in, version, program);
    return cost;
}

size_t btc_tx_sigops_cost(const struct btc_tx *tx, const struct btc_tx_out *coins, unsigned flags)
{
    size_t count = 0;
    for (size_t i = 0; i < tx->in_count; i++)
        count += btc_script_sigops(tx->ins[i].script_sig);
    for (size_t i = 0; i < tx->out_count; i++)
        count += btc_script_sigops(tx->outs[i].script);
    size_t cost = NON_WITNESS_COST * count;
    if (btc_tx_is_coinbase(tx))
        return cost;
    for (size_t i = 0; i < tx->in_count; i++)
        cost += input_cost(&tx->ins[i], &coins[i], flags);
    return cost;
}
