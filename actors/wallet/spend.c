/* Payments: drafted, signed, and given to the node. What is asked of the node is its estimate of a fee,
 * and to take a transaction; the book decides everything else. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/wallet/wallet_impl.h"

#define TARGET_BLOCKS \
    6 /* within which a payment should be in a block, unless a fee rate is given */

/* A call that waits for the node. `args` point into the call. */
struct spending {
    struct wallet *wallet;
    struct troupe_call *call;
    bool is_bump;
    struct wallet_draft_args draft;
    struct wallet_bump_fee_args bump;
    int64_t id;           /* of the draft that is sent */
    bool is_first;        /* neither the node nor anybody else can have it yet */
    bool is_with_parents; /* send: own payments before it are given to the node, too */
    int64_t cursor;       /* of these */
};

static struct spending *spending_new(struct wallet *wallet, struct troupe_call *call)
{
    struct spending *spending = calloc(1, sizeof(*spending));
    if (spending == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return NULL;
    }
    spending->wallet = wallet;
    spending->call = call;
    return spending;
}

/* ---- drafting ---- */

/* What the book is to pay, from what the asker wants. */
struct payees {
    struct book_output outputs[WALLET_DRAFT_RECIPIENTS_MAX];
    struct btc_script scripts[WALLET_DRAFT_RECIPIENTS_MAX];
    struct btc_outpoint coins[WALLET_DRAFT_COINS_MAX];
};

static int read_recipient(const struct wallet *wallet, const struct wallet_recipient *recipient,
                          struct btc_script *script, struct book_output *ret_output,
                          struct btc_error *err)
{
    char text[WALLET_RECIPIENT_ADDRESS_BYTES_MAX + 1];
    *ret_output = (struct book_output){.amount = recipient->amount_sat,
                                       .pays_fee = recipient->pays_fee,
                                       .takes_rest = recipient->takes_rest};
    if (recipient->has_script == (recipient->address.size > 0))
        return btc_fail(err, BTC_EUSAGE, "it has either an address or a script");
    if (recipient->has_script) {
        ret_output->script = (struct btc_span){recipient->script.data, recipient->script.size};
        return 0;
    }
    if (!wallet_read_text(recipient->address, text, sizeof(text)))
        return btc_fail(err, BTC_EFORMAT, "an address has no NUL");
    int rc = btc_address_decode(wallet->params, text, script, err);
    ret_output->script = btc_script_span(script);
    return rc;
}

static int read_payees(const struct wallet *wallet, const struct wallet_draft_args *args,
                       struct payees *payees, struct btc_error *err)
{
    for (size_t i = 0; i < args->recipients_count; i++) {
        int rc = read_recipient(wallet, &args->recipients[i], &payees->scripts[i],
                                &payees->outputs[i], err);
        if (rc != 0)
            return btc_fail_within(err, rc, "recipient %zu: ", i + 1);
    }
    for (size_t i = 0; i < args->coins_count; i++)
        payees->coins[i] = wallet_outpoint_of(&args->coins[i]);
    return 0;
}

static int make_draft(const struct wallet *wallet, const struct wallet_draft_args *args,
                      uint64_t rate, struct book_draft *ret_draft, struct btc_error *err)
{
    struct payees *payees = malloc(sizeof(*payees));
    if (payees == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for a draft");
    struct book_draft_options options = {
        .fee_rate = (int64_t)rate,
        .fee_max = args->fee_max_sat,
        .coins = args->coins_count > 0 ? payees->coins : NULL,
        .coin_count = args->coins_count,
        .change = args->change_kind == WALLET_ADDRESS_KIND_P2WPKH ? BTC_SCRIPT_P2WPKH
                  : args->change_kind == WALLET_ADDRESS_KIND_P2TR ? BTC_SCRIPT_P2TR
                                                                  : BTC_SCRIPT_OTHER,
        .is_final = args->is_final,
        .has_lock_time = true,
        .now_s = (int64_t)time(NULL),
    };
    int rc = read_payees(wallet, args, payees, err);
    if (rc == 0)
        rc = book_make_draft(wallet->book, payees->outputs, args->recipients_count, &options,
                             ret_draft, err);
    free(payees);
    return rc;
}

static int bump(const struct wallet *wallet, const struct wallet_bump_fee_args *args, uint64_t rate,
                struct book_draft *ret_draft, struct btc_error *err)
{
    struct btc_hash txid;
    struct book_draft_options options = {
        .fee_rate = (int64_t)rate, .fee_max = args->fee_max_sat, .now_s = (int64_t)time(NULL)};
    memcpy(txid.bytes, args->txid.bytes, sizeof(txid.bytes));
    return book_bump_fee(wallet->book, &txid, &options, ret_draft, err);
}

/* Makes the draft now that the fee rate is known, and answers. Frees it. */
static void finish_draft(struct spending *spending, uint64_t rate)
{
    struct book_draft draft;
    struct btc_error err;
    int rc = spending->is_bump ? bump(spending->wallet, &spending->bump, rate, &draft, &err)
                               : make_draft(spending->wallet, &spending->draft, rate, &draft, &err);
    if (rc != 0) {
        wallet_fail_book(spending->call, rc, &err);
    } else if (spending->is_bump) {
        struct wallet_bump_fee_results results = {.draft = wallet_draft_of(&draft)};
        wallet_bump_fee_reply(spending->call, &results);
    } else {
        struct wallet_draft_results results = {.draft = wallet_draft_of(&draft),
                                               .left_count = draft.left_count,
                                               .left_sat = draft.left};
        wallet_draft_reply(spending->call, &results);
    }
    free(spending);
}

static void on_estimate(struct troupe_actor *self, void *user, const struct troupe_error *error,
                        const struct node_estimate_fee_results *results)
{
    struct spending *spending = user;
    char text[WALLET_ERROR_SIZE];
    (void)self;
    if (error == NULL) {
        finish_draft(spending, results->rate_sat);
        return;
    }
    snprintf(text, sizeof(text), "the node gives no estimate of the fee (%s): name a fee rate",
             troupe_error_text(error->code));
    troupe_fail(spending->call, error->code, text);
    free(spending);
}

/* With the fee rate given, or else once the node has given one. Frees it in the end. */
static void begin_draft(struct troupe_actor *self, struct spending *spending, uint64_t rate)
{
    struct node_estimate_fee_args args = {.target_blocks = TARGET_BLOCKS};
    if (rate != 0) {
        finish_draft(spending, rate);
        return;
    }
    int code = node_estimate_fee_ask(self, spending->wallet->node, &args, on_estimate, spending,
                                     NULL);
    if (code == 0) {
        troupe_defer(spending->call);
        return;
    }
    troupe_fail(spending->call, code, "the node can't be asked for a fee: name a fee rate");
    free(spending);
}

void wallet_serve_draft(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct wallet_draft_args *args)
{
    struct spending *spending = spending_new(state, call);
    if (spending == NULL)
        return;
    spending->draft = *args;
    begin_draft(self, spending, args->fee_rate_sat);
}

void wallet_serve_bump_fee(struct troupe_actor *self, void *state, struct troupe_call *call,
                           const struct wallet_bump_fee_args *args)
{
    struct spending *spending = spending_new(state, call);
    if (spending == NULL)
        return;
    spending->is_bump = true;
    spending->bump = *args;
    begin_draft(self, spending, args->fee_rate_sat);
}

/* ---- signing ---- */

static int sign(const struct wallet *wallet, int64_t id, struct btc_error *err)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int rc = book_sign_draft(wallet->book, id, &data, &size, err);
    if (rc == 0)
        free(data);
    return rc;
}

void wallet_serve_sign(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallet_sign_args *args)
{
    struct wallet *wallet = state;
    struct book_draft draft;
    struct btc_error err;
    (void)self;
    int rc = sign(wallet, args->id, &err);
    if (rc == 0)
        rc = book_get_draft(wallet->book, args->id, &draft, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct wallet_sign_results results = {.draft = wallet_draft_of(&draft)};
    wallet_sign_reply(call, &results);
}

/* ---- sending ---- */

static void reply_sent(struct spending *spending)
{
    struct book_draft draft;
    struct btc_error err;
    int rc = book_get_draft(spending->wallet->book, spending->id, &draft, &err);
    if (rc != 0) {
        wallet_fail_book(spending->call, rc, &err);
        return;
    }
    struct wallet_send_results results = {.draft = wallet_draft_of(&draft)};
    wallet_send_reply(spending->call, &results);
}

static bool is_reason(const struct troupe_error *error, const char *reason)
{
    struct node_tx_rejected rejected;
    return error->code == NODE_TX_REJECTED && node_tx_rejected_from_error(error, &rejected) == 0 &&
           rejected.reason.size == strlen(reason) &&
           memcmp(rejected.reason.data, reason, rejected.reason.size) == 0;
}

/* The node has it: in a block, be it one that the book has not read yet, or in its pool, be it with
 * other signatures. */
static bool is_there(const struct troupe_error *error)
{
    static const char *const reasons[] = {"txn-already-known", "txn-already-in-mempool",
                                          "txn-same-nonwitness-data-in-mempool"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (is_reason(error, reasons[i]))
            return true;
    return false;
}

/* The node's certain no. A draft that nobody else can have is given up, and its coins are free again;
 * one that was given out before may be with others: it stays. */
static void refused(struct troupe_actor *self, struct spending *spending,
                    const struct troupe_error *error)
{
    struct wallet *wallet = spending->wallet;
    struct book_draft draft;
    char text[WALLET_ERROR_SIZE];
    if (spending->is_first && book_get_draft(wallet->book, spending->id, &draft, NULL) == 0) {
        wallet_drop(self, wallet, &draft.txid, BOOK_DROP_ABANDONED);
        if (!btc_hash_is_zero(
                &draft.replaces)) { /* is pending again, as is soon what builds on it */
            wallet_tell_pending(self, wallet, &draft.replaces);
            wallet_pool_look_at_all(self, wallet);
        }
    }
    snprintf(text, sizeof(text), "the node: %.160s%s", error->text,
             spending->is_first ? "" : "; it was given out before, and stays pending");
    if (spending->is_first)
        wallet_fail_refused(spending->call, text);
    else
        wallet_fail_uncertain(spending->call, text);
}

static void on_submitted(struct troupe_actor *self, void *user, const struct troupe_error *error,
                         const struct node_submit_tx_results *results);
static void give_next(struct troupe_actor *self, struct spending *spending);

static void on_parent(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct node_submit_tx_results *results)
{
    struct spending *spending = user;
    if (error == NULL || error->code == NODE_TX_REJECTED)
        give_next(self, spending); /* what the draft needs of it, the draft's answer will say */
    else
        on_submitted(self, spending, error, results);
}

/* A node that has just started has lost its pool, and with it what the draft builds on: its no is not
 * certain before it has been given all own payments again, oldest first, and after them the draft. */
static void give_next(struct troupe_actor *self, struct spending *spending)
{
    struct wallet *wallet = spending->wallet;
    struct troupe_error error = {.code = TROUPE_EDOWN};
    struct book_draft draft;
    struct btc_hash txid;
    struct book_tx tx;
    size_t count = 0;
    int rc = book_get_draft(wallet->book, spending->id, &draft, NULL);
    if (rc == 0)
        rc = book_list_unconfirmed(wallet->book, &spending->cursor, &txid, 1, &count, NULL);
    bool is_parent = count > 0 && !btc_hash_equal(&txid, &draft.txid);
    if (rc == 0)
        rc = book_get_tx(wallet->book, is_parent ? &txid : &draft.txid, &tx, NULL);
    if (rc != 0) {
        on_submitted(self, spending, &error, NULL);
        return;
    }
    struct node_submit_tx_args args = {.tx = {.data = tx.data, .size = tx.size}};
    if (node_submit_tx_ask(self, wallet->node, &args, is_parent ? on_parent : on_submitted,
                           spending, NULL) != 0)
        on_submitted(self, spending, &error, NULL);
    free(tx.data);
}

static void on_submitted(struct troupe_actor *self, void *user, const struct troupe_error *error,
                         const struct node_submit_tx_results *results)
{
    struct spending *spending = user;
    (void)results;
    if (error != NULL && !spending->is_with_parents && is_reason(error, "missing-inputs")) {
        spending->is_with_parents = true;
        give_next(self, spending);
        return;
    }
    if (error == NULL || is_there(error)) {
        reply_sent(spending);
    } else if (error->code == NODE_TX_REJECTED) {
        refused(self, spending, error);
    } else {
        wallet_pool_look(self, spending->wallet, WALLET_RETRY_MS); /* it is given again */
        wallet_fail_uncertain(spending->call,
                              "the node did not answer; the wallet gives the payment to it again: "
                              "see whether it is pending before you pay anew");
    }
    free(spending);
}

static bool is_confirmed(const struct wallet *wallet, const struct btc_hash *txid)
{
    struct book_tx tx;
    if (book_get_tx(wallet->book, txid, &tx, NULL) != 0)
        return false;
    free(tx.data);
    return !tx.entry.is_pending;
}

/* Marks it as sent and gives it to the node, unless it is in a block already. */
static int submit(struct troupe_actor *self, struct spending *spending, struct btc_error *err)
{
    struct wallet *wallet = spending->wallet;
    struct book_draft draft;
    struct node_submit_tx_args args;
    uint8_t *data = NULL;
    size_t size = 0;
    int rc = book_get_draft(wallet->book, spending->id, &draft, err);
    if (rc == 0 && draft.state == BOOK_DRAFTED)
        rc = sign(wallet, spending->id, err);
    if (rc == 0)
        rc = book_send_draft(wallet->book, spending->id, (int64_t)time(NULL), &data, &size, err);
    if (rc != 0 && rc != BOOK_KNOWN)
        return rc;
    spending->is_first = rc == 0 && !draft.is_given_out;
    if (rc == 0) {
        wallet_tell_pending(self, wallet, &draft.txid);
        wallet_tell_used_by(self, wallet, &draft.txid);
        wallet_tell_state(self, wallet, true);
    }
    args.tx = (struct troupe_blob){.data = data, .size = size};
    if (is_confirmed(wallet, &draft.txid)) {
        on_submitted(self, spending, NULL, NULL);
    } else if (node_submit_tx_ask(self, wallet->node, &args, on_submitted, spending, NULL) != 0) {
        struct troupe_error error = {.code = TROUPE_EDOWN};
        on_submitted(self, spending, &error, NULL);
    }
    free(data);
    return 0;
}

void wallet_serve_send(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallet_send_args *args)
{
    struct spending *spending = spending_new(state, call);
    struct btc_error err;
    if (spending == NULL)
        return;
    spending->id = args->id;
    troupe_defer(call);
    int rc = submit(self, spending, &err);
    if (rc == 0)
        return;
    wallet_fail_book(call, rc, &err);
    free(spending);
}
