/* The commands that show the pool, and one transaction. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/script.h"
#include "actors/bitcoin/tx.h"
#include "actors/ui/commands_impl.h"

#define SHOWN 10 /* unless a person says otherwise */

/* "1.234" satoshi for a virtual byte, of a rate for 1,000. */
static const char *format_rate(uint64_t rate, char to[FORMAT_BTC_SIZE])
{
    snprintf(to, FORMAT_BTC_SIZE, "%" PRIu64 ".%03" PRIu64, rate / 1000, rate % 1000);
    return to;
}

static uint64_t rate_of(int64_t fee_sat, uint32_t vsize)
{
    return vsize > 0 && fee_sat > 0 ? (uint64_t)fee_sat * 1000 / vsize : 0;
}

/* ---- mempool ---- */

/* The newest ones of a stream that is oldest first. */
struct pool_view {
    struct node_pool_totals totals;
    struct node_pool_tx newest[UI_POOL_SHOWN_MAX];
    uint64_t seen;
    uint64_t wanted;
};

static void on_pool(struct troupe_actor *self, void *user, const struct node_get_mempool_item *item)
{
    struct pool_view *view = user;
    (void)self;
    view->totals = item->totals;
    for (size_t i = 0; i < item->txs_count; i++)
        view->newest[view->seen++ % view->wanted] = item->txs[i];
}

static void print_pool(const struct pool_view *view)
{
    char text[FORMAT_HASH_SIZE];
    uint64_t shown = view->seen < view->wanted ? view->seen : view->wanted;
    printf("waiting    %" PRIu32 " transaction%s, %" PRIu64 " virtual bytes\n", view->totals.txs,
           format_plural(view->totals.txs), view->totals.vsize_vbytes);
    printf("fees       %s BTC\n", format_btc(view->totals.fees_sat, false, text));
    printf("memory     %" PRIu64 " of %" PRIu64 " bytes\n", view->totals.usage_bytes,
           view->totals.usage_bytes_max);
    printf("least      %s sat/vB\n", format_rate(view->totals.min_rate_sat, text));
    for (uint64_t i = 0; i < shown; i++) {
        const struct node_pool_tx *tx = &view->newest[(view->seen - 1 - i) % view->wanted];
        char rate[FORMAT_BTC_SIZE];
        char time[FORMAT_TIME_SIZE];
        printf("%s  %s  %6" PRIu32 " vB  %s sat/vB\n", format_hash(tx->txid.bytes, text),
               format_time(tx->time_s, time), tx->vsize_vbytes,
               format_rate(rate_of(tx->fee_sat, tx->vsize_vbytes), rate));
    }
    if (shown < view->seen)
        printf("and %" PRIu64 " more: mempool N lists N of them\n", view->seen - shown);
}

static void print_pool_json(const struct pool_view *view)
{
    char text[FORMAT_HASH_SIZE];
    uint64_t shown = view->seen < view->wanted ? view->seen : view->wanted;
    printf("{\"txs\":%" PRIu32 ",\"vsize\":%" PRIu64 ",\"fees_sat\":%" PRId64
           ",\"usage_bytes\":%" PRIu64 ",\"usage_bytes_max\":%" PRIu64 ",\"min_rate_sat\":%" PRIu64
           ",\"newest\":[",
           view->totals.txs, view->totals.vsize_vbytes, view->totals.fees_sat,
           view->totals.usage_bytes, view->totals.usage_bytes_max, view->totals.min_rate_sat);
    for (uint64_t i = 0; i < shown; i++) {
        const struct node_pool_tx *tx = &view->newest[(view->seen - 1 - i) % view->wanted];
        printf("%s{\"txid\":\"%s\",\"time_s\":%" PRId64 ",\"vsize\":%" PRIu32
               ",\"fee_sat\":%" PRId64 "}",
               i > 0 ? "," : "", format_hash(tx->txid.bytes, text), tx->time_s, tx->vsize_vbytes,
               tx->fee_sat);
    }
    puts("]}");
}

int ui_run_mempool(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct troupe_error error;
    struct node_get_mempool_args args = {.with_raw = false};
    if (ui_desk_open(&desk, troupe, arguments, "mempool") != 0)
        return 1;
    struct pool_view *view = calloc(1, sizeof(*view));
    if (view == NULL)
        return ui_desk_fail(&desk, "no memory");
    view->wanted = SHOWN;
    int status = 1;
    if (count > 0 && !ui_read_number(values[0], 1, UI_POOL_SHOWN_MAX, &view->wanted)) {
        ui_desk_fail(&desk, "say how many to list, from 1 to 1000: mempool 50");
    } else {
        int code = node_get_mempool(troupe, desk.node, &args, on_pool, view, &error, NULL);
        if (code != 0)
            ui_desk_fail_code(&desk, code, &error);
        else if (json)
            print_pool_json(view);
        else
            print_pool(view);
        status = code == 0 ? 0 : 1;
    }
    free(view);
    return status;
}

/* ---- tx ---- */

/* Where it is, and its bytes. */
struct found_tx {
    struct node_tx_status status;
    uint32_t confirmations;
    uint8_t *raw; /* [owned] */
    size_t size;
};

static int fetch_tx(const struct desk *desk, const struct node_get_tx_args *args,
                    struct found_tx *found)
{
    struct node_get_tx_results results;
    struct troupe_error error;
    int code = node_get_tx(desk->troupe, desk->node, args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    found->size = results.tx.size;
    found->raw = malloc(found->size + 1);
    if (found->raw != NULL)
        troupe_blob_copy(&results.tx, found->raw);
    if (args->has_block && results.has_height)
        found->status = (struct node_tx_status){
            .place = NODE_TX_PLACE_CONFIRMED, .has_height = true, .height = results.height};
    troupe_release(results.message);
    return found->raw != NULL ? 0 : ui_desk_fail(desk, "no memory");
}

/* Of the pool, of the block that is named, or of that in which its unspent outputs are. */
static int find_tx(const struct desk *desk, struct node_get_tx_args *args, struct found_tx *found)
{
    struct node_get_tx_status_args which = {.txids = &args->txid, .txids_count = 1};
    struct node_get_tx_status_results where;
    struct troupe_error error;
    int code = node_get_tx_status(desk->troupe, desk->node, &which, &where, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    uint32_t tip = where.tip.height;
    found->status = where.statuses[0];
    troupe_release(where.message);
    if (!args->has_block && found->status.place == NODE_TX_PLACE_UNKNOWN)
        return ui_desk_fail(desk, "it waits nowhere, and no unspent output of it is in the chain; "
                                  "if all are spent, name its block, too: tx TXID BLOCK");
    if (!args->has_block && found->status.place == NODE_TX_PLACE_CONFIRMED) {
        struct node_get_block_hash_args at = {.height = found->status.height};
        struct node_get_block_hash_results block;
        code = node_get_block_hash(desk->troupe, desk->node, &at, &block, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(desk, code, &error);
        args->has_block = true;
        args->block = block.hash;
    }
    if (fetch_tx(desk, args, found) != 0)
        return 1;
    if (found->status.has_height)
        found->confirmations = tip - found->status.height + 1;
    return 0;
}

/* Whom an output pays: an address where there is one. */
static void print_payee(const struct desk *desk, struct btc_span script)
{
    const struct btc_params *params = btc_params_by_name(
        troupe_argument(desk->arguments, "network"));
    char text[BTC_ADDRESS_SIZE];
    if (params != NULL && btc_address_encode(params, script, text) == 0) {
        fputs(text, stdout);
        return;
    }
    printf("%s ", btc_script_kind_name(btc_script_classify(script).kind));
    format_hex(stdout, script.data, script.size);
}

static void print_tx(const struct desk *desk, const struct found_tx *found, const struct btc_tx *tx)
{
    char text[FORMAT_HASH_SIZE];
    printf("tx         %s\n", format_hash(tx->txid.bytes, text));
    if (found->status.has_height)
        printf("in block   %" PRIu32 ", %" PRIu32 " confirmation%s\n", found->status.height,
               found->confirmations, format_plural(found->confirmations));
    else
        printf("%s\n", found->status.place == NODE_TX_PLACE_POOL ? "waits for a block"
                                                                 : "in no block of the chain");
    printf("size       %zu bytes, %zu virtual\n", tx->size, (btc_tx_weight(tx) + 3) / 4);
    printf("version    %" PRId32 ", lock time %" PRIu32 "\n", tx->version, tx->lock_time);
    for (size_t i = 0; i < tx->in_count; i++)
        printf("input      %s:%" PRIu32 "\n", format_hash(tx->ins[i].prev.txid.bytes, text),
               tx->ins[i].prev.index);
    for (size_t i = 0; i < tx->out_count; i++) {
        printf("output     %s BTC to ", format_btc(tx->outs[i].amount, false, text));
        print_payee(desk, tx->outs[i].script);
        putchar('\n');
    }
}

static void print_tx_json(const struct found_tx *found, const struct btc_tx *tx)
{
    char text[FORMAT_HASH_SIZE];
    printf("{\"txid\":\"%s\"", format_hash(tx->txid.bytes, text));
    printf(",\"wtxid\":\"%s\",\"place\":\"%s\"", format_hash(tx->wtxid.bytes, text),
           found->status.has_height                    ? "confirmed"
           : found->status.place == NODE_TX_PLACE_POOL ? "pool"
                                                       : "unknown");
    if (found->status.has_height)
        printf(",\"height\":%" PRIu32 ",\"confirmations\":%" PRIu32, found->status.height,
               found->confirmations);
    printf(",\"size\":%zu,\"vsize\":%zu,\"version\":%" PRId32 ",\"lock_time\":%" PRIu32
           ",\"inputs\":[",
           tx->size, (btc_tx_weight(tx) + 3) / 4, tx->version, tx->lock_time);
    for (size_t i = 0; i < tx->in_count; i++)
        printf("%s{\"txid\":\"%s\",\"index\":%" PRIu32 ",\"sequence\":%" PRIu32 "}",
               i > 0 ? "," : "", format_hash(tx->ins[i].prev.txid.bytes, text),
               tx->ins[i].prev.index, tx->ins[i].sequence);
    fputs("],\"outputs\":[", stdout);
    for (size_t i = 0; i < tx->out_count; i++) {
        printf("%s{\"amount_sat\":%" PRId64 ",\"kind\":\"%s\",\"script\":\"", i > 0 ? "," : "",
               tx->outs[i].amount,
               btc_script_kind_name(btc_script_classify(tx->outs[i].script).kind));
        format_hex(stdout, tx->outs[i].script.data, tx->outs[i].script.size);
        fputs("\"}", stdout);
    }
    fputs("],\"hex\":\"", stdout);
    format_hex(stdout, found->raw, found->size);
    puts("\"}");
}

int ui_run_tx(struct troupe *troupe, const struct troupe_arguments *arguments, bool json, int count,
              char *const *values)
{
    struct desk desk;
    struct found_tx found = {.raw = NULL};
    struct node_get_tx_args args = {.has_block = count > 1};
    struct btc_tx tx;
    struct btc_error err;
    if (ui_desk_open(&desk, troupe, arguments, "tx") != 0)
        return 1;
    if (!ui_read_hash(values[0], args.txid.bytes))
        return ui_desk_fail(&desk, "an id is 64 hexadecimal digits: tx TXID, or tx TXID BLOCK");
    if (count > 1 && ui_read_block(&desk, values[1], &args.block) != 0)
        return 1;
    int status = find_tx(&desk, &args, &found);
    if (status == 0 && btc_tx_parse(found.raw, found.size, &tx, &err) != 0) {
        status = ui_desk_fail(&desk, err.text);
    } else if (status == 0) {
        if (json)
            print_tx_json(&found, &tx);
        else
            print_tx(&desk, &found, &tx);
        btc_tx_free(&tx);
    }
    free(found.raw);
    return status;
}
