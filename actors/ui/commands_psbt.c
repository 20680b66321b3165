/* The command that passes partially signed transactions on: psbt create, sign, combine,
 * finalise. Their text is base64, as other programs write it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/base64.h"
#include "actors/bitcoin/bytes.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/psbt.h"
#include "actors/ui/commands_impl.h"

#define TEXT_SIZE_MAX (2 * 1024 * 1024) /* of a PSBT in base64 */

/* ---- reading ---- */

static int read_psbt(const struct desk *desk, const char *value, struct btc_writer *w)
{
    struct btc_error err;
    char *text = ui_read_text(desk, value, TEXT_SIZE_MAX);
    if (text == NULL)
        return 1;
    btc_writer_init(w, WALLET_PSBT_SIGN_PSBT_BYTES_MAX);
    int rc = btc_base64_decode(text, strlen(text), w, &err);
    free(text);
    return rc == 0 ? 0 : ui_desk_fail(desk, "that is no PSBT in base64, nor @FILE that holds one");
}

/* ---- telling ---- */

static char *gather(const struct troupe_blob *blob)
{
    char *bytes = malloc(blob->size + 1);
    if (bytes != NULL && blob->size > 0)
        troupe_blob_copy(blob, bytes);
    return bytes;
}

/* The PSBT, and in JSON how many inputs were signed if that is not negative. */
static int show_psbt(const struct desk *desk, const struct troupe_blob *psbt, int64_t signed_count,
                     bool json)
{
    char *text = NULL;
    char *bytes = gather(psbt);
    if (bytes == NULL || btc_base64_encode(bytes, psbt->size, &text) != 0) {
        free(bytes);
        return ui_desk_fail(desk, "no memory");
    }
    if (json && signed_count >= 0)
        printf("{\"psbt\":\"%s\",\"signed_count\":%" PRId64 "}\n", text, signed_count);
    else
        printf(json ? "{\"psbt\":\"%s\"}\n" : "%s\n", text);
    if (!json && signed_count == 0)
        fprintf(stderr, "no input was signed: none of its keys that is missing is here\n");
    free(text);
    free(bytes);
    return 0;
}

static int show_tx(const struct desk *desk, const struct wallet_psbt_finalise_results *results,
                   bool json)
{
    char txid[FORMAT_HASH_SIZE];
    char *bytes = gather(&results->tx);
    if (bytes == NULL)
        return ui_desk_fail(desk, "no memory");
    if (json)
        printf("{\"txid\":\"%s\",\"tx\":\"", format_hash(results->txid.bytes, txid));
    format_hex(stdout, bytes, results->tx.size);
    if (json && results->has_id)
        printf("\",\"draft\":%" PRId64 "}\n", results->id);
    else
        puts(json ? "\"}" : "");
    if (!json && results->has_id)
        fprintf(stderr, "`send %" PRId64 "` pays it\n", results->id);
    else if (!json)
        fputs("`send-raw` hands it to the node\n", stderr);
    free(bytes);
    return 0;
}

/* ---- create, sign, combine, finalise ---- */

static int create(const struct desk *desk, const char *value, bool json)
{
    struct wallet_psbt_create_args args;
    struct wallet_psbt_create_results results;
    struct troupe_error error;
    uint64_t id = 0;
    if (!ui_read_number(value, 1, INT64_MAX, &id))
        return ui_desk_fail(desk, "say the number of a draft, which `draft` gives: psbt create 3");
    args.id = (int64_t)id;
    int code = wallet_psbt_create(desk->troupe, desk->wallet, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    int rc = show_psbt(desk, &results.psbt, -1, json);
    troupe_release(results.message);
    return rc;
}

/* To whoever lets it be signed, on stderr: what it pays, to whom. */
static void tell_payees(const struct desk *desk, const struct btc_writer *w)
{
    const struct btc_params *params = btc_params_by_name(
        troupe_argument(desk->arguments, "network"));
    struct btc_psbt *psbt = NULL;
    char amount[FORMAT_BTC_SIZE];
    char address[BTC_ADDRESS_SIZE];
    int64_t fee = 0;
    if (btc_psbt_parse(w->data, w->size, &psbt, NULL) != 0)
        return;
    const struct btc_tx *tx = btc_psbt_tx(psbt);
    for (size_t i = 0; i < tx->out_count; i++) {
        const struct btc_tx_out *out = &tx->outs[i];
        bool is_address = btc_address_encode(params, out->script, address) == 0;
        fprintf(stderr, "pays %s BTC to %s\n", format_btc(out->amount, false, amount),
                is_address ? address : "a script that is no address");
    }
    if (btc_psbt_fee(psbt, &fee, NULL) == 0)
        fprintf(stderr, "and a fee of %s BTC\n", format_btc(fee, false, amount));
    btc_psbt_free(psbt);
}

static int sign(const struct desk *desk, const char *value, bool json)
{
    struct wallet_psbt_sign_results results;
    struct troupe_error error;
    struct btc_writer w = {.data = NULL};
    int rc = read_psbt(desk, value, &w);
    if (rc == 0) {
        struct wallet_psbt_sign_args args = {.psbt = {.data = w.data, .size = w.size}};
        int code = wallet_psbt_sign(desk->troupe, desk->wallet, &args, &results, &error, NULL);
        if (code == WALLET_LOCKED && ui_unlock_briefly(desk) != 0) {
            rc = 1;
        } else if (code == WALLET_LOCKED) {
            code = wallet_psbt_sign(desk->troupe, desk->wallet, &args, &results, &error, NULL);
            ui_lock_again(desk);
        }
        if (rc == 0 && code == 0)
            tell_payees(desk, &w);
        if (rc == 0 && code != 0)
            rc = ui_desk_fail_code(desk, code, &error);
        else if (rc == 0)
            rc = show_psbt(desk, &results.psbt, results.signed_count, json);
        if (code == 0)
            troupe_release(results.message);
    }
    btc_writer_free(&w);
    return rc;
}

static int parse_psbt(const struct desk *desk, const char *value, struct btc_psbt **ret_psbt)
{
    struct btc_error err;
    struct btc_writer w = {.data = NULL};
    *ret_psbt = NULL;
    int rc = read_psbt(desk, value, &w);
    if (rc == 0 && btc_psbt_parse(w.data, w.size, ret_psbt, &err) != 0)
        rc = ui_desk_fail(desk, err.text);
    btc_writer_free(&w);
    return rc;
}

/* Of one transaction all, with what each has of signatures. */
static int combine(const struct desk *desk, int count, char *const *values, bool json)
{
    struct btc_psbt *into = NULL;
    struct btc_error err;
    struct btc_writer w;
    int rc = parse_psbt(desk, values[0], &into);
    for (int i = 1; rc == 0 && i < count; i++) {
        struct btc_psbt *from = NULL;
        rc = parse_psbt(desk, values[i], &from);
        if (rc == 0 && btc_psbt_combine(into, from, &err) != 0)
            rc = ui_desk_fail(desk, err.text);
        btc_psbt_free(from);
    }
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    if (rc == 0) {
        btc_psbt_write(into, &w);
        struct troupe_blob psbt = {.data = w.data, .size = w.size};
        rc = w.failed != 0 ? ui_desk_fail(desk, "together they are too long, or there is no memory")
                           : show_psbt(desk, &psbt, -1, json);
    }
    btc_writer_free(&w);
    btc_psbt_free(into);
    return rc;
}

static int finalise(const struct desk *desk, const char *value, bool json)
{
    struct wallet_psbt_finalise_results results;
    struct troupe_error error;
    struct btc_writer w = {.data = NULL};
    int rc = read_psbt(desk, value, &w);
    if (rc == 0) {
        struct wallet_psbt_finalise_args args = {.psbt = {.data = w.data, .size = w.size}};
        int code = wallet_psbt_finalise(desk->troupe, desk->wallet, &args, &results, &error, NULL);
        rc = code == 0 ? show_tx(desk, &results, json) : ui_desk_fail_code(desk, code, &error);
        if (code == 0)
            troupe_release(results.message);
    }
    btc_writer_free(&w);
    return rc;
}

int ui_run_psbt(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "psbt") != 0)
        return 1;
    if (strcmp(values[0], "combine") == 0)
        return count > 2 ? combine(&desk, count - 1, values + 1, json)
                         : ui_desk_fail(&desk, "say psbt combine PSBT PSBT...: two at least");
    if (count > 2)
        return ui_desk_fail(&desk, "only psbt combine takes more than one");
    if (strcmp(values[0], "create") == 0)
        return create(&desk, values[1], json);
    if (strcmp(values[0], "sign") == 0)
        return sign(&desk, values[1], json);
    if (strcmp(values[0], "finalise") == 0)
        return finalise(&desk, values[1], json);
    return ui_desk_fail(&desk,
                        "say psbt create DRAFT, psbt sign PSBT, psbt combine PSBT PSBT... or "
                        "psbt finalise PSBT");
}
