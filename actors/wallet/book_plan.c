/*
 * How a payment is put together: which coins, which fee, whether there is change.
 *
 * Fees are for the size that the transaction has at most once it is signed, rounded up. Change that
 * would cost more than it is worth is left to the fee.
 */
#include "actors/wallet/book_draft.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/sign.h"
#include "actors/wallet/select.h"

enum {
    DUST_RATE = 3,          /* satoshi per vbyte: nodes' -dustrelayfee */
    DUST_WITNESS_SIZE = 67, /* vbytes that spending a witness output takes, as dust is reckoned */
    DUST_OTHER_SIZE = 148,
    RELAY_STEP = 1, /* satoshi per vbyte that a replacement pays over what it replaces (BIP125) */
    VARINT_MAX = 252,
};

int64_t book_dust(struct btc_span script)
{
    enum btc_script_kind kind = btc_script_classify(script).kind;
    bool is_witness = kind == BTC_SCRIPT_P2WPKH || kind == BTC_SCRIPT_P2WSH ||
                      kind == BTC_SCRIPT_P2TR;
    if (kind == BTC_SCRIPT_RETURN)
        return 0;
    size_t size = btc_weight_of_output(script.size) / 4 +
                  (is_witness ? DUST_WITNESS_SIZE : DUST_OTHER_SIZE);
    return DUST_RATE * (int64_t)size;
}

/* What a part of it costs: for choosing coins, and whether change is worth it. */
static int64_t fee_of_weight(const struct book_plan *plan, size_t weight)
{
    int64_t rate = plan->choice_rate > 0 ? plan->choice_rate : plan->options->fee_rate;
    return ((int64_t)weight * rate + 3999) / 4000;
}

static int64_t fee_at(int64_t rate, size_t vsize)
{
    return ((int64_t)vsize * rate + 999) / 1000;
}

/* The least with which nodes let it take the place of what it replaces (BIP125): more satoshi, by what
 * its own size costs to relay, and more for each vbyte. 0: it replaces nothing. */
static int64_t least_fee(const struct book_plan *plan, size_t vsize)
{
    int64_t least = plan->replaced_fee + RELAY_STEP * (int64_t)vsize;
    int64_t by_rate = fee_at(plan->replaced_rate, vsize) + 1;
    if (btc_hash_is_zero(&plan->replaces))
        return 0;
    return least > by_rate ? least : by_rate;
}

static int64_t fee_of_vsize(const struct book_plan *plan, size_t vsize)
{
    int64_t fee = fee_at(plan->options->fee_rate, vsize);
    int64_t least = least_fee(plan, vsize);
    return fee > least ? fee : least;
}

static size_t weight_of_input(const struct book_input *input)
{
    struct btc_span script = {input->script.bytes, input->script.size};
    return btc_weight_of_input(btc_script_classify(script).kind, true);
}

/* The transaction's virtual size with its inputs as they are, and with change or not. */
static size_t vsize_of(const struct book_plan *plan, bool with_change)
{
    size_t weight = btc_weight_of_frame(plan->input_count, plan->out_count + with_change, true);
    for (size_t i = 0; i < plan->input_count; i++)
        weight += weight_of_input(&plan->inputs[i]);
    for (size_t i = 0; i < plan->out_count; i++)
        weight += btc_weight_of_output(plan->outs[i].script.size);
    if (with_change)
        weight += btc_weight_of_output(plan->change_script.size);
    return (weight + 3) / 4;
}

int64_t book_plan_least_rate(struct book_plan *plan)
{
    size_t count = plan->input_count;
    plan->input_count = plan->forced;
    size_t vsize = vsize_of(plan, false);
    plan->input_count = count;
    return (least_fee(plan, vsize) * 1000 + (int64_t)vsize - 1) / (int64_t)vsize;
}

static int64_t sum_of_inputs(const struct book_plan *plan)
{
    int64_t sum = 0;
    for (size_t i = 0; i < plan->input_count; i++)
        sum += plan->inputs[i].amount;
    return sum;
}

/* What change costs now and when it is spent. */
static int64_t change_cost(const struct book_plan *plan)
{
    struct book_input later = {.script = plan->change_script};
    return fee_of_weight(plan,
                         btc_weight_of_output(plan->change_script.size) + weight_of_input(&later));
}

static int fail_short(const struct book_plan *plan, int64_t needed)
{
    int64_t sum = sum_of_inputs(plan);
    return btc_fail(plan->err, BOOK_SHORT,
                    "%lld satoshi are needed with the fee, coins of %lld can be spent: wait for "
                    "confirmations, or for drafts that were not sent (ten minutes), unlock coins, "
                    "or pay less",
                    (long long)needed, (long long)sum);
}

/* What an input brings: with the fee taken off the payees, all of it. */
static int64_t value_of(const struct book_plan *plan, const struct book_input *input)
{
    int64_t cost = fee_of_weight(plan, weight_of_input(input));
    if (plan->pays_fee_count > 0 && input->amount > cost)
        return input->amount;
    return input->amount - cost;
}

/* Keep the forced inputs and those picked; mix them, so that their order says nothing. */
static void keep_picked(struct book_plan *plan, const bool *picks)
{
    size_t kept = plan->forced;
    for (size_t i = plan->forced; i < plan->input_count; i++)
        if (picks[i - plan->forced])
            plan->inputs[kept++] = plan->inputs[i];
    plan->input_count = kept;
}

static void mix_inputs(struct book_plan *plan)
{
    for (size_t i = plan->input_count; i > 1; i--) {
        size_t other = (size_t)(select_random(&plan->seed) % i);
        struct book_input input = plan->inputs[i - 1];
        plan->inputs[i - 1] = plan->inputs[other];
        plan->inputs[other] = input;
    }
}

/* What is to be reached by the inputs that are not forced. */
static int64_t target_of(const struct book_plan *plan)
{
    size_t inputs = plan->input_count > VARINT_MAX ? VARINT_MAX + 1 : plan->input_count;
    size_t weight = btc_weight_of_frame(inputs, plan->out_count + 1, true);
    int64_t target = plan->paid;
    for (size_t i = 0; i < plan->out_count; i++)
        weight += btc_weight_of_output(plan->outs[i].script.size);
    if (plan->pays_fee_count == 0)
        target += fee_of_weight(plan, weight);
    for (size_t i = 0; i < plan->forced; i++)
        target -= value_of(plan, &plan->inputs[i]);
    return target;
}

/* Choose among the inputs that are not forced. Those that cost more than they bring are left. */
static int choose(struct book_plan *plan)
{
    size_t count = 0;
    int64_t target = target_of(plan);
    for (size_t i = plan->forced; i < plan->input_count; i++)
        if (value_of(plan, &plan->inputs[i]) > 0)
            plan->inputs[plan->forced + count++] = plan->inputs[i];
    plan->input_count = plan->forced + count;
    int64_t *values = malloc((count + 1) * sizeof(*values));
    bool *picks = calloc(count + 1, sizeof(*picks));
    int rc = values && picks ? 0 : btc_fail(plan->err, BTC_ENOMEM, "no memory to choose coins");
    for (size_t i = 0; i < count && rc == 0; i++)
        values[i] = value_of(plan, &plan->inputs[plan->forced + i]);
    if (rc == 0 && target > 0) {
        struct select_task task = {
            .values = values,
            .count = count,
            .pick_max = BOOK_INPUTS_MAX - plan->forced,
            .target = target,
            .excess_max = plan->pays_fee_count > 0 ? 0 : change_cost(plan),
            .change_need = fee_of_weight(plan, btc_weight_of_output(plan->change_script.size)) +
                           book_dust(btc_script_span(&plan->change_script)),
            .seed = select_random(&plan->seed),
        };
        rc = select_coins(&task, picks);
        if (rc == SELECT_NONE)
            rc = fail_short(plan, plan->paid + fee_of_vsize(plan, vsize_of(plan, false)));
        else if (rc < 0)
            rc = btc_fail(plan->err, rc, "no memory to choose coins");
    }
    if (rc == 0)
        keep_picked(plan, picks);
    free(values);
    free(picks);
    return rc;
}

/* Spend every coin worth it, the largest first. */
static int choose_all(struct book_plan *plan)
{
    size_t count = plan->forced;
    for (size_t i = plan->forced; i < plan->input_count && count < BOOK_INPUTS_MAX; i++)
        if (value_of(plan, &plan->inputs[i]) > 0)
            plan->inputs[count++] = plan->inputs[i];
    plan->input_count = count;
    return count > 0 ? 0 : fail_short(plan, plan->paid);
}

/* --- fee and change --- */

static void add_change(struct book_plan *plan, int64_t amount)
{
    size_t at = (size_t)(select_random(&plan->seed) % (plan->out_count + 1));
    memmove(&plan->outs[at + 1], &plan->outs[at], (plan->out_count - at) * sizeof(plan->outs[0]));
    plan->outs[at] = (struct btc_tx_out){.amount = amount,
                                         .script = btc_script_span(&plan->change_script)};
    plan->out_count++;
    plan->change_index = at;
    plan->change = amount;
}

static int settle_rest(struct book_plan *plan)
{
    struct btc_tx_out *out = &plan->outs[plan->rest];
    plan->vsize = (uint32_t)vsize_of(plan, false);
    plan->fee = fee_of_vsize(plan, plan->vsize);
    out->amount = sum_of_inputs(plan) - plan->paid - plan->fee;
    int64_t least = book_dust(out->script);
    if (out->amount < least || out->amount <= 0)
        return fail_short(plan, plan->paid + plan->fee + least);
    plan->paid += out->amount;
    return 0;
}

/* Take the fee off the outputs that pay it. */
static int take_fee_off(struct book_plan *plan, int64_t fee)
{
    int64_t count = (int64_t)plan->pays_fee_count;
    int64_t share = fee / count;
    int64_t odd = fee - share * count; /* the first one pays it */
    for (size_t i = 0; i < plan->out_count; i++) {
        if (!plan->pays_fee[i])
            continue;
        plan->outs[i].amount -= share + odd;
        odd = 0;
        if (plan->outs[i].amount < book_dust(plan->outs[i].script) || plan->outs[i].amount <= 0)
            return btc_fail(plan->err, BTC_EUSAGE,
                            "output %zu would be dust once the fee of %lld is taken off it: pay "
                            "more, or at a lower fee rate",
                            i, (long long)fee);
    }
    plan->paid -= fee;
    return 0;
}

static int settle_shared(struct book_plan *plan)
{
    int64_t rest = sum_of_inputs(plan) - plan->paid;
    size_t vsize = vsize_of(plan, true);
    int64_t fee = fee_of_vsize(plan, vsize);
    int rc;
    if (rest < 0)
        return fail_short(plan, plan->paid);
    if (rest >= book_dust(btc_script_span(&plan->change_script)) && rest > change_cost(plan)) {
        rc = take_fee_off(plan, fee);
        if (rc == 0)
            add_change(plan, rest);
        plan->fee = fee;
    } else {
        vsize = vsize_of(plan, false);
        fee = fee_of_vsize(plan, vsize);
        rc = take_fee_off(plan, fee > rest ? fee - rest : 0);
        plan->fee = fee > rest ? fee : rest;
    }
    plan->vsize = (uint32_t)vsize;
    return rc;
}

static int settle(struct book_plan *plan)
{
    int64_t rest = sum_of_inputs(plan) - plan->paid;
    size_t vsize = vsize_of(plan, false);
    size_t vsize_with = vsize_of(plan, true);
    int64_t change = rest - fee_of_vsize(plan, vsize_with);
    if (rest < fee_of_vsize(plan, vsize))
        return fail_short(plan, plan->paid + fee_of_vsize(plan, vsize));
    if (change >= book_dust(btc_script_span(&plan->change_script)) &&
        rest - fee_of_vsize(plan, vsize) > change_cost(plan)) {
        add_change(plan, change);
        plan->vsize = (uint32_t)vsize_with;
        plan->fee = rest - change;
    } else {
        plan->vsize = (uint32_t)vsize;
        plan->fee = rest;
    }
    return 0;
}

static int check_fee(const struct book_plan *plan)
{
    int64_t most = plan->options->fee_max > 0 ? plan->options->fee_max : BOOK_FEE_MAX;
    if (plan->fee > most)
        return btc_fail(plan->err, BTC_EUSAGE,
                        "a fee of %lld satoshi, the most is %lld: choose a lower fee rate, or say "
                        "that so much is meant",
                        (long long)plan->fee, (long long)most);
    return 0;
}

int book_plan_make(struct book_plan *plan)
{
    int rc = 0;
    plan->change_index = SIZE_MAX;
    if (plan->rest != SIZE_MAX)
        rc = choose_all(plan);
    else if (plan->input_count > plan->forced || plan->forced == 0)
        rc = choose(plan);
    if (rc != 0)
        return rc;
    if (plan->rest != SIZE_MAX)
        rc = settle_rest(plan);
    else if (plan->pays_fee_count > 0)
        rc = settle_shared(plan);
    else
        rc = settle(plan);
    if (rc != 0)
        return rc;
    mix_inputs(plan);
    return check_fee(plan);
}

void book_plan_free(struct book_plan *plan)
{
    free(plan->outs);
    free(plan->inputs);
}
