/* The commands that pay: draft, sign, send, bump. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/commands_impl.h"

#define SEND_MS    60000
#define INPUTS_MAX 1000 /* coins that a payment takes */

/* ---- what was given ---- */

/* --fee-rate, in satoshi for a virtual byte; 0 when it is not given: the node estimates. */
static int read_rate(const struct desk *desk, uint64_t *ret_rate)
{
    const char *text = troupe_argument(desk->arguments, "fee-rate");
    int64_t rate = 0;
    *ret_rate = 0;
    if (text == NULL)
        return 0;
    if (!ui_read_decimal(text, 3, &rate) || rate == 0 || rate > UI_FEE_RATE_MAX)
        return ui_desk_fail(desk, "--fee-rate is in satoshi for a virtual byte, up to 10000: 2.5");
    *ret_rate = (uint64_t)rate;
    return 0;
}

/* --fee-max, in BTC; 0 when it is not given. */
static int read_fee_max(const struct desk *desk, int64_t *ret_fee_sat)
{
    const char *text = troupe_argument(desk->arguments, "fee-max");
    *ret_fee_sat = 0;
    if (text != NULL && (!ui_read_decimal(text, 8, ret_fee_sat) || *ret_fee_sat == 0))
        return ui_desk_fail(desk, "--fee-max is in BTC: 0.0005");
    return 0;
}

/* --coins, which must then all be spent. */
static int read_coins(const struct desk *desk, struct wallet_outpoint *coins, size_t *ret_count)
{
    const char *text = troupe_argument(desk->arguments, "coins");
    *ret_count = 0;
    while (text != NULL) {
        size_t size = strcspn(text, ",");
        if (*ret_count == WALLET_DRAFT_COINS_MAX)
            return ui_desk_fail(desk, "--coins: more than 200");
        if (!ui_read_outpoint((struct troupe_text){.data = text, .size = size}, &coins[*ret_count]))
            return ui_desk_fail(desk, "--coins is TXID:INDEX,TXID:INDEX...: `coins` has them");
        (*ret_count)++;
        text = text[size] == ',' ? text + size + 1 : NULL;
    }
    return 0;
}

/* What the options say about a draft. */
static int read_options(const struct desk *desk, struct wallet_outpoint *coins,
                        struct wallet_draft_args *args)
{
    const char *change = troupe_argument(desk->arguments, "change");
    args->coins = coins;
    args->is_final = troupe_argument(desk->arguments, "final") != NULL;
    if (change != NULL && !ui_read_kind(change, &args->change_kind))
        return ui_desk_fail(desk, "--change is p2wpkh or p2tr");
    return read_rate(desk, &args->fee_rate_sat) != 0 ||
                   read_fee_max(desk, &args->fee_max_sat) != 0 ||
                   read_coins(desk, coins, &args->coins_count) != 0
               ? 1
               : 0;
}

/* ADDRESS AMOUNT, as often as there are recipients; the amount is in BTC, or "all". */
static int read_recipients(const struct desk *desk, int count, char *const *values,
                           struct wallet_recipient *recipients, size_t *ret_count)
{
    char text[256];
    if (count % 2 != 0)
        return ui_desk_fail(desk, "say who gets how much: ADDRESS AMOUNT, each time");
    for (int i = 0; i < count / 2; i++) {
        struct wallet_recipient *recipient = &recipients[i];
        const char *amount = values[2 * i + 1];
        *recipient = (struct wallet_recipient){.address = troupe_text(values[2 * i])};
        recipient->takes_rest = strcmp(amount, "all") == 0;
        if (recipient->address.size > WALLET_RECIPIENT_ADDRESS_BYTES_MAX)
            return ui_desk_fail(desk, "that is too long for an address");
        if (!recipient->takes_rest && !ui_read_decimal(amount, 8, &recipient->amount_sat)) {
            snprintf(text, sizeof(text),
                     "\"%.64s\" is no amount: say it in BTC, with at most eight digits behind the "
                     "point, or `all`",
                     amount);
            return ui_desk_fail(desk, text);
        }
    }
    *ret_count = (size_t)count / 2;
    return 0;
}

/* ---- what is told ---- */

const char *ui_draft_state_name(enum wallet_draft_state state)
{
    return state == WALLET_DRAFT_STATE_DRAFTED  ? "drafted"
           : state == WALLET_DRAFT_STATE_SIGNED ? "signed"
           : state == WALLET_DRAFT_STATE_SENT   ? "sent"
                                                : "gave way";
}

/* `made`: it was drafted just now; or NULL. */
static int show_draft(const struct wallet_draft *draft, const struct wallet_draft_results *made,
                      bool json)
{
    char txid[FORMAT_HASH_SIZE];
    char text[FORMAT_BTC_SIZE];
    format_hash(draft->txid.bytes, txid);
    if (json) {
        printf("{\"draft\":%" PRId64 ",\"state\":\"%s\",\"txid\":\"%s\",\"paid_sat\":%" PRId64
               ",\"fee_sat\":%" PRId64 ",\"change_sat\":%" PRId64 ",\"vsize\":%" PRIu32
               ",\"inputs\":%" PRIu32 ",\"outputs\":%" PRIu32,
               draft->id, ui_draft_state_name(draft->state), txid, draft->paid_sat, draft->fee_sat,
               draft->change_sat, draft->vsize_vbytes, draft->input_count, draft->output_count);
        if (made != NULL)
            printf(",\"left_count\":%" PRIu32 ",\"left_sat\":%" PRId64, made->left_count,
                   made->left_sat);
        puts("}");
        return 0;
    }
    printf("draft %" PRId64 "  %s\n", draft->id, ui_draft_state_name(draft->state));
    printf("txid     %s\n", txid);
    printf("pays     %20s BTC\n", format_btc(draft->paid_sat, false, text));
    printf("fee      %20s BTC, %.2f sat/vB\n", format_btc(draft->fee_sat, false, text),
           draft->vsize_vbytes == 0 ? 0.0 : (double)draft->fee_sat / draft->vsize_vbytes);
    if (draft->has_replaces)
        printf("instead  of %s\n", format_hash(draft->replaces.bytes, txid));
    printf("change   %20s BTC\n", format_btc(draft->change_sat, false, text));
    printf("size     %20" PRIu32 " vB, %" PRIu32 " input%s, %" PRIu32 " output%s\n",
           draft->vsize_vbytes, draft->input_count, format_plural(draft->input_count),
           draft->output_count, format_plural(draft->output_count));
    return 0;
}

/* ---- draft, send ---- */

/* `all` is not all: said before anything is sent. */
static void tell_left(const struct desk *desk, const struct wallet_draft_results *results)
{
    char text[FORMAT_BTC_SIZE];
    bool is_full = results->draft.input_count >= INPUTS_MAX;
    if (results->left_count == 0)
        return;
    fprintf(stderr, "%s: %s: not all: %s BTC in %" PRIu32 " coin%s stay%s in the wallet%s\n",
            BTC_PROGRAM_NAME, desk->command, format_btc(results->left_sat, false, text),
            results->left_count, format_plural(results->left_count),
            results->left_count == 1 ? "s" : "",
            is_full ? ", since one payment takes 1,000 coins at most: send `all` again for those"
                    : ": at this fee rate they cost more than they are worth");
}

static int make_draft(struct desk *desk, int count, char *const *values,
                      struct wallet_draft_results *ret_made)
{
    struct wallet_recipient recipients[WALLET_DRAFT_RECIPIENTS_MAX];
    struct wallet_outpoint coins[WALLET_DRAFT_COINS_MAX];
    struct wallet_draft_args args = {.recipients = recipients};
    struct troupe_error error;
    if (read_recipients(desk, count, values, recipients, &args.recipients_count) != 0 ||
        read_options(desk, coins, &args) != 0 || ui_desk_wait_level(desk, UI_LEVEL_MS) != 0)
        return 1;
    int code = wallet_draft(desk->troupe, desk->wallet, &args, ret_made, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    tell_left(desk, ret_made);
    return 0;
}

static int send_draft(const struct desk *desk, int64_t id, bool json)
{
    struct wallet_send_args args = {.id = id};
    struct wallet_send_results results;
    struct troupe_error error;
    struct troupe_options options = {.deadline_ms = SEND_MS};
    char text[TROUPE_TEXT_BYTES_MAX + 128];
    int code = wallet_send(desk->troupe, desk->wallet, &args, &results, &error, &options);
    if (code == WALLET_LOCKED && troupe_argument(desk->arguments, "passphrase-file") == NULL) {
        snprintf(text, sizeof(text),
                 "the wallet is locked: `unlock` it, then `send %" PRId64
                 "` sends this draft, which keeps its coins for ten minutes; or "
                 "`send %" PRId64 " --passphrase-file=FILE`",
                 id, id);
        return ui_desk_fail(desk, text);
    }
    bool briefly = code == WALLET_LOCKED;
    if (briefly && ui_unlock_briefly(desk) != 0)
        return 1;
    if (briefly) {
        code = wallet_send(desk->troupe, desk->wallet, &args, &results, &error, &options);
        ui_lock_again(desk);
    }
    if (code == WALLET_UNCERTAIN || code == TROUPE_ELOST || code == TROUPE_ETIMEOUT) {
        snprintf(text, sizeof(text),
                 "%s; `send %" PRId64 "` again can't pay twice, a new payment would", error.text,
                 id);
        return ui_desk_fail(desk, text);
    }
    return code == 0 ? show_draft(&results.draft, NULL, json)
                     : ui_desk_fail_code(desk, code, &error);
}

int ui_run_draft(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct wallet_draft_results made;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "draft") != 0 ||
        make_draft(&desk, count, values, &made) != 0)
        return 1;
    return show_draft(&made.draft, &made, json);
}

int ui_run_sign(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallet_sign_args args;
    struct wallet_sign_results results;
    struct troupe_error error;
    uint64_t id = 0;
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "sign") != 0)
        return 1;
    if (!ui_read_number(values[0], 1, INT64_MAX, &id))
        return ui_desk_fail(&desk, "say the number of a draft, which `draft` gives: sign 3");
    args.id = (int64_t)id;
    int code = wallet_sign(troupe, desk.wallet, &args, &results, &error, NULL);
    bool briefly = code == WALLET_LOCKED;
    if (briefly && ui_unlock_briefly(&desk) != 0)
        return 1;
    if (briefly) {
        code = wallet_sign(troupe, desk.wallet, &args, &results, &error, NULL);
        ui_lock_again(&desk);
    }
    return code == 0 ? show_draft(&results.draft, NULL, json)
                     : ui_desk_fail_code(&desk, code, &error);
}

/* The number of a draft, or recipients for a new one. */
int ui_run_send(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallet_draft_results made = {.draft.id = 0};
    uint64_t id = 0;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "send") != 0)
        return 1;
    if (count == 1) {
        if (!ui_read_number(values[0], 1, INT64_MAX, &id))
            return ui_desk_fail(&desk, "say ADDRESS AMOUNT, or the number of a draft");
        made.draft.id = (int64_t)id;
    } else if (make_draft(&desk, count, values, &made) != 0) {
        return 1;
    }
    return send_draft(&desk, made.draft.id, json);
}

/* ---- bump ---- */

int ui_run_bump(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallet_bump_fee_args args;
    struct wallet_bump_fee_results results;
    struct troupe_error error;
    (void)count;
    memset(&args, 0, sizeof(args));
    if (ui_desk_open_wallet(&desk, troupe, arguments, "bump") != 0 ||
        ui_read_txid(&desk, values[0], &args.txid) != 0 ||
        read_rate(&desk, &args.fee_rate_sat) != 0 || read_fee_max(&desk, &args.fee_max_sat) != 0)
        return 1;
    int code = wallet_bump_fee(troupe, desk.wallet, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    return troupe_argument(arguments, "preview") != NULL
               ? show_draft(&results.draft, NULL, json)
               : send_draft(&desk, results.draft.id, json);
}
