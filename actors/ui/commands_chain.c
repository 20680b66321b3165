/* The commands that look through the chain, and that end the program. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/ui/commands_impl.h"

/* ---- scan ---- */

struct scanned {
    bool json;
    uint64_t outputs;
    uint64_t unspent;
    int64_t unspent_sat;
    uint32_t height;
};

static void on_scanned(struct troupe_actor *self, void *user, const struct node_scan_item *item)
{
    struct scanned *scanned = user;
    char txid[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    (void)self;
    scanned->height = item->height;
    for (size_t i = 0; i < item->hits_count; i++) {
        const struct node_scan_hit *hit = &item->hits[i];
        format_hash(hit->txid.bytes, txid);
        if (scanned->json)
            printf("%s{\"txid\":\"%s\",\"index\":%" PRIu32 ",\"height\":%" PRIu32
                   ",\"amount_sat\":%" PRId64 ",\"is_coinbase\":%s,\"is_unspent\":%s}",
                   scanned->outputs == 0 ? "" : ",\n ", txid, hit->index, hit->height,
                   hit->amount_sat, hit->is_coinbase ? "true" : "false",
                   hit->is_unspent ? "true" : "false");
        else
            printf("block %-7" PRIu32 " %20s  %s:%" PRIu32 "%s%s\n", hit->height,
                   format_btc(hit->amount_sat, false, amount), txid, hit->index,
                   hit->is_coinbase ? "  mined" : "", hit->is_unspent ? "" : "  spent");
        scanned->outputs++;
        scanned->unspent += hit->is_unspent;
        scanned->unspent_sat += hit->is_unspent ? hit->amount_sat : 0;
    }
}

/* The outputs between these heights that pay to a script. */
static int scan(const struct desk *desk, struct troupe_bytes script, uint64_t from, uint64_t to,
                struct scanned *scanned)
{
    struct node_scan_args args = {.scripts = &script,
                                  .scripts_count = 1,
                                  .from = (uint32_t)from,
                                  .has_to = to != INT32_MAX,
                                  .to = (uint32_t)to};
    struct troupe_error error;
    char amount[FORMAT_BTC_SIZE];
    if (scanned->json)
        fputs("{\"outputs\":[", stdout);
    int code = node_scan(desk->troupe, desk->node, &args, on_scanned, scanned, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    if (scanned->json)
        printf("],\"unspent\":%" PRIu64 ",\"unspent_sat\":%" PRId64 ",\"height\":%" PRIu32 "}\n",
               scanned->unspent, scanned->unspent_sat, scanned->height);
    else
        printf("%" PRIu64 " output%s up to block %" PRIu32 ", %" PRIu64 " unspent with %s BTC\n",
               scanned->outputs, format_plural(scanned->outputs), scanned->height, scanned->unspent,
               format_btc(scanned->unspent_sat, false, amount));
    return 0;
}

int ui_run_scan(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallet_validate_address_args address = {.address = troupe_text(values[0])};
    struct wallet_validate_address_results valid;
    struct scanned scanned = {.json = json};
    struct troupe_error error;
    uint64_t from = 0;
    uint64_t to = INT32_MAX;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "scan") != 0)
        return 1;
    if ((count > 1 && !ui_read_number(values[1], 0, INT32_MAX, &from)) ||
        (count > 2 && !ui_read_number(values[2], 0, INT32_MAX, &to)))
        return ui_desk_fail(&desk, "FROM and TO are heights of blocks: scan ADDRESS 100 200");
    if (from > to)
        return ui_desk_fail(&desk, "the scan would end before it begins: scan ADDRESS 100 200");
    int code = wallet_validate_address(troupe, desk.wallet, &address, &valid, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    char why[WALLET_VALIDATE_ADDRESS_RESULTS_REASON_BYTES_MAX + 1];
    snprintf(why, sizeof(why), "%.*s", (int)valid.reason.size, valid.reason.data);
    int status = valid.is_valid ? scan(&desk, valid.script, from, to, &scanned)
                                : ui_desk_fail(&desk, why);
    troupe_release(valid.message);
    return status;
}

/* ---- stop ---- */

int ui_run_stop(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct node_shutdown_args args = {.reason = troupe_text("stopped by a command")};
    struct troupe_error error;
    (void)count;
    (void)values;
    if (ui_desk_open(&desk, troupe, arguments, "stop") != 0)
        return 1;
    int code = node_shutdown(troupe, desk.node, &args, &error, NULL);
    if (code == NODE_UNATTENDED)
        return ui_desk_fail(&desk, "no program runs on this data directory");
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    puts(json ? "{\"stopped\":true}" : "it ends");
    return 0;
}
