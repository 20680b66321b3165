/*
 * What the files of drafting share: a payment in the making. Nobody else includes this.
 */
#ifndef ACTORS_WALLET_BOOK_DRAFT_H
#define ACTORS_WALLET_BOOK_DRAFT_H

#include "actors/bitcoin/sig.h"
#include "actors/wallet/book_impl.h"
#include "actors/wallet/book_spend.h"

/* A coin to spend. */
struct book_input {
    struct btc_outpoint coin;
    int64_t amount;
    struct btc_script script;
};

struct book_plan {
    struct book *book;
    const struct book_draft_options *options;
    struct btc_error *err;

    /* The outputs asked for; book_plan_make() adds change behind them or between them. */
    struct btc_tx_out *outs; /* [owned] room for one more */
    size_t out_count;
    int64_t paid;
    size_t rest;           /* the output that takes the rest; SIZE_MAX: none */
    const bool *pays_fee;  /* [borrowed] of the outputs; NULL: none does */
    size_t pays_fee_count; /* of how many the fee is taken off */

    /* Coins: the first `forced` are spent in any case, of the others as many as it takes. Then only
     * those that are spent are left. */
    struct book_input *inputs; /* [owned] */
    size_t input_count;
    size_t forced;

    /* Change goes here. */
    struct btc_script change_script;
    int64_t change_script_id; /* 0: not to be kept for this draft */
    size_t change_index;      /* SIZE_MAX: none */
    int64_t change;

    int64_t fee;
    uint32_t vsize;
    uint64_t seed;
    struct btc_hash replaces; /* zero: none */
    int64_t replaced_fee;     /* of what it replaces and of all that builds on that */
    int64_t replaced_rate;    /* of it alone, satoshi per 1,000 vbytes, rounded up */
    int64_t choice_rate;      /* coins are chosen at this fee rate; 0: at that of options */
};

/* --- book_plan.c --- */

/* The least amount that nodes relay an output of this script with (Core's dust limit). */
int64_t book_dust(struct btc_span script);

/* Choose coins, fix fee and change. 0, BOOK_SHORT, BTC_EUSAGE, BTC_ELIMIT. */
int book_plan_make(struct book_plan *plan) BTC_MUST_CHECK;

/* A fee rate that suffices to replace what it replaces, whatever coins are added to the forced ones. */
int64_t book_plan_least_rate(struct book_plan *plan);

void book_plan_free(struct book_plan *plan);

/* --- book_draft.c; within a transaction --- */

/* Fee rate within bounds? (Outside of a transaction, too.) */
int book_check_options(const struct book_draft_options *options, struct btc_error *err)
    BTC_MUST_CHECK;

/* Store it as a draft. */
int book_store_draft(struct book_plan *plan, struct book_draft *ret_draft) BTC_MUST_CHECK;

/* The coins that may be spent, the largest first; confirmed ones only, or own unconfirmed ones
 * too. Fills plan->inputs from input_count on. */
int book_plan_candidates(struct book_plan *plan, bool with_pending) BTC_MUST_CHECK;

/* An unused script for change. */
int book_plan_change(struct book_plan *plan, enum btc_script_kind kind) BTC_MUST_CHECK;

/* What a draft spends, in the order of its inputs. [owned] *ret_inputs. BOOK_NONE: no such draft. */
int book_draft_inputs(struct book *book, int64_t id, struct book_input **ret_inputs,
                      size_t *ret_count, struct btc_error *err) BTC_MUST_CHECK;

/* --- book_send.c --- */

/* Fails with `code`, and says what became of the draft that this transaction was, if it was one: what
 * pays in its stead, lest a person pays twice. */
int book_tell_gone(struct book *book, const struct btc_hash *txid, int code, struct btc_error *err)
    BTC_MUST_CHECK;

/* The stored bytes of a draft. [owned] *ret_data: free(). BOOK_NONE. */
int book_draft_data(struct book *book, int64_t id, uint8_t **ret_data, size_t *ret_size,
                    struct btc_error *err) BTC_MUST_CHECK;

/* Is every input signed as its coin wants it? 0; BTC_EINVALID. */
int book_verify(const struct btc_spending *spending, struct btc_error *err) BTC_MUST_CHECK;

#endif
