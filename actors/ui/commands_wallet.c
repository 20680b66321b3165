/* The commands that look into the wallet: balance, history, payment, address, label, watch. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/commands_impl.h"

/* ---- balance ---- */

int ui_show_balance(const struct desk *desk, bool json)
{
    struct wallet_get_balance_results results;
    struct troupe_error error;
    char text[FORMAT_BTC_SIZE];
    int code = wallet_get_balance(desk->troupe, desk->wallet, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    const struct wallet_balance *balance = &results.balance;
    if (json) {
        printf("{\"confirmed_sat\":%" PRId64 ",\"immature_sat\":%" PRId64
               ",\"pending_sat\":%" PRId64 ",\"watch_only_sat\":%" PRId64 ",\"height\":%" PRIu32
               "}\n",
               balance->confirmed_sat, balance->immature_sat, balance->pending_sat,
               balance->watch_only_sat, results.synced.height);
        return 0;
    }
    printf("confirmed   %20s BTC\n", format_btc(balance->confirmed_sat, false, text));
    printf("immature    %20s BTC\n", format_btc(balance->immature_sat, false, text));
    if (balance->pending_sat != 0)
        printf("pending     %20s BTC\n", format_btc(balance->pending_sat, false, text));
    if (balance->watch_only_sat != 0)
        printf("watch-only  %20s BTC of these\n", format_btc(balance->watch_only_sat, false, text));
    printf("at block    %20" PRIu32 "\n", results.synced.height);
    return 0;
}

int ui_run_balance(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "balance") != 0 ||
        ui_desk_wait_level(&desk, UI_LEVEL_MS) != 0)
        return 1;
    return ui_show_balance(&desk, json);
}

/* ---- history ---- */

/* All but the closing brace. */
static void print_tx_json(const struct wallet_tx *tx)
{
    char txid[FORMAT_HASH_SIZE];
    printf("{\"txid\":\"%s\",\"height\":%" PRIu32 ",\"time_s\":%" PRId64 ",\"net_sat\":%" PRId64
           ",\"received_sat\":%" PRId64 ",\"sent_sat\":%" PRId64
           ",\"is_coinbase\":%s,\"is_pending\":%s",
           format_hash(tx->txid.bytes, txid), tx->height, tx->time_s, tx->net_sat, tx->received_sat,
           tx->sent_sat, tx->is_coinbase ? "true" : "false", tx->is_pending ? "true" : "false");
    if (tx->has_fee_sat)
        printf(",\"fee_sat\":%" PRId64, tx->fee_sat);
}

static void print_tx(const struct wallet_tx *tx, bool json, bool is_first)
{
    char txid[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    char when[FORMAT_TIME_SIZE];
    format_hash(tx->txid.bytes, txid);
    if (!json && tx->is_pending) {
        printf("%s  pending       %20s  %s\n", format_time(tx->time_s, when),
               format_btc(tx->net_sat, true, amount), txid);
        return;
    }
    if (!json) {
        printf("%s  block %-7" PRIu32 " %20s  %s%s\n", format_time(tx->time_s, when), tx->height,
               format_btc(tx->net_sat, true, amount), txid, tx->is_coinbase ? "  mined" : "");
        return;
    }
    fputs(is_first ? "" : ",\n ", stdout);
    print_tx_json(tx);
    putchar('}');
}

int ui_run_history(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct wallet_list_txs_args args = {.cursor = 0};
    struct wallet_list_txs_results page;
    struct troupe_error error;
    size_t shown = 0;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "history") != 0 ||
        ui_desk_wait_level(&desk, UI_LEVEL_MS) != 0)
        return 1;
    do {
        int code = wallet_list_txs(troupe, desk.wallet, &args, &page, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(&desk, code, &error);
        if (json && shown == 0)
            putchar('[');
        for (size_t i = 0; i < page.txs_count; i++)
            print_tx(&page.txs[i], json, shown++ == 0);
        args.cursor = page.cursor;
        troupe_release(page.message);
    } while (args.cursor != 0);
    if (json)
        puts("]");
    else if (shown == 0)
        puts("nothing yet: `address` gives one to be paid at, `watch` looks at somebody's coins");
    return 0;
}

/* ---- payment ---- */

static void print_payment(const struct wallet_get_tx_results *results)
{
    const struct wallet_tx *tx = &results->tx;
    char text[FORMAT_HASH_SIZE];
    printf("tx         %s\n", format_hash(tx->txid.bytes, text));
    if (tx->is_pending)
        printf("pending    since %s\n", format_time(tx->time_s, text));
    else
        printf("in block   %" PRIu32 ", %s%s\n", tx->height, format_time(tx->time_s, text),
               tx->is_coinbase ? ", mined" : "");
    printf("received   %20s BTC\n", format_btc(tx->received_sat, false, text));
    printf("sent       %20s BTC\n", format_btc(tx->sent_sat, false, text));
    printf("together   %20s BTC\n", format_btc(tx->net_sat, true, text));
    if (tx->has_fee_sat)
        printf("fee        %20s BTC\n", format_btc(tx->fee_sat, false, text));
    if (results->has_draft_id)
        printf("draft      %" PRId64 "\n", results->draft_id);
    if (results->has_replaces)
        printf("instead of %s\n", format_hash(results->replaces.bytes, text));
}

static int print_payment_json(const struct desk *desk, const struct wallet_get_tx_results *results)
{
    char text[FORMAT_HASH_SIZE];
    uint8_t *raw = malloc(results->raw.size + 1);
    if (raw == NULL)
        return ui_desk_fail(desk, "no memory");
    print_tx_json(&results->tx);
    if (results->has_draft_id)
        printf(",\"draft\":%" PRId64, results->draft_id);
    if (results->has_replaces)
        printf(",\"replaces\":\"%s\"", format_hash(results->replaces.bytes, text));
    if (results->has_raw) {
        troupe_blob_copy(&results->raw, raw);
        fputs(",\"hex\":\"", stdout);
        format_hex(stdout, raw, results->raw.size);
        putchar('"');
    }
    puts("}");
    free(raw);
    return 0;
}

int ui_run_payment(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct wallet_get_tx_args args;
    struct wallet_get_tx_results results;
    struct troupe_error error;
    char text[TROUPE_TEXT_BYTES_MAX + 80];
    int rc = 0;
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "payment") != 0 ||
        ui_read_txid(&desk, values[0], &args.txid) != 0 ||
        ui_desk_wait_level(&desk, UI_LEVEL_MS) != 0)
        return 1;
    int code = wallet_get_tx(troupe, desk.wallet, &args, &results, &error, NULL);
    if (code == WALLET_NOT_FOUND) {
        snprintf(text, sizeof(text), "%s; `history` lists those that it has, `tx` asks the node",
                 error.text);
        return ui_desk_fail(&desk, text);
    }
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (json)
        rc = print_payment_json(&desk, &results);
    else
        print_payment(&results);
    troupe_release(results.message);
    return rc;
}

/* ---- address ---- */

bool ui_read_kind(const char *text, enum wallet_address_kind *ret_kind)
{
    bool is_taproot = strcmp(text, "p2tr") == 0;
    *ret_kind = is_taproot ? WALLET_ADDRESS_KIND_P2TR : WALLET_ADDRESS_KIND_P2WPKH;
    return is_taproot || strcmp(text, "p2wpkh") == 0;
}

int ui_run_address(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct wallet_new_address_args args = {.label = troupe_text(count > 0 ? values[0] : "")};
    struct wallet_new_address_results results;
    struct troupe_error error;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "address") != 0)
        return 1;
    const char *kind = troupe_argument(arguments, "kind");
    if (kind != NULL && !ui_read_kind(kind, &args.kind))
        return ui_desk_fail(&desk, "--kind is p2wpkh or p2tr");
    int code = wallet_new_address(troupe, desk.wallet, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (json) {
        fputs("{\"address\":", stdout);
        format_json_text(stdout, results.address.text);
        fputs(",\"label\":", stdout);
        format_json_text(stdout, results.address.label);
        printf(",\"index\":%" PRIu32 ",\"is_beyond_gap\":%s}\n", results.address.index,
               results.is_beyond_gap ? "true" : "false");
    } else {
        printf("%.*s\n", (int)results.address.text.size, results.address.text.data);
    }
    if (results.is_beyond_gap)
        fprintf(stderr,
                "%s: so many addresses in a row are unused that another wallet, restored from the "
                "same words, may miss this one; use the earlier ones first\n",
                BTC_PROGRAM_NAME);
    troupe_release(results.message);
    return 0;
}

/* ---- label ---- */

/* The number of an address that the wallet has. 0, or 1 having said why. */
static int find_address(const struct desk *desk, const char *text, int64_t *ret_id)
{
    struct wallet_list_addresses_args args = {.max = WALLET_LIST_ADDRESSES_MAX_MAX};
    struct wallet_list_addresses_results page;
    struct troupe_error error;
    size_t size = strlen(text);
    *ret_id = 0;
    do {
        int code = wallet_list_addresses(desk->troupe, desk->wallet, &args, &page, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(desk, code, &error);
        for (size_t i = 0; i < page.addresses_count; i++)
            if (page.addresses[i].text.size == size &&
                memcmp(page.addresses[i].text.data, text, size) == 0)
                *ret_id = page.addresses[i].id;
        args.cursor = page.cursor;
        troupe_release(page.message);
    } while (args.cursor != 0 && *ret_id == 0);
    return *ret_id != 0 ? 0
                        : ui_desk_fail(desk, "the wallet has no such address: `addresses` lists "
                                             "those that it has");
}

int ui_run_label(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct wallet_set_label_args args = {.label = troupe_text(values[1])};
    struct troupe_error error;
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "label") != 0)
        return 1;
    if (args.label.size > WALLET_SET_LABEL_LABEL_BYTES_MAX)
        return ui_desk_fail(&desk, "a label has at most 100 bytes");
    if (find_address(&desk, values[0], &args.id) != 0)
        return 1;
    int code = wallet_set_label(troupe, desk.wallet, &args, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    puts(json ? "{}" : "it is called so now");
    return 0;
}

/* ---- watch ---- */

int ui_run_watch(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct wallet_import_watch_only_args args = {.descriptor = troupe_text(values[0]),
                                                 .label = troupe_text(count > 1 ? values[1] : ""),
                                                 .has_from_height = true,
                                                 .from_height = 0};
    struct wallet_import_watch_only_results results;
    struct troupe_error error;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "watch") != 0)
        return 1;
    int code = wallet_import_watch_only(troupe, desk.wallet, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (!json)
        puts(results.is_known ? "it is watched already"
                              : "watched; the blocks are looked at again from the first on");
    return ui_desk_wait_level(&desk, UI_WORK_MS) != 0 ? 1 : ui_show_balance(&desk, json);
}
