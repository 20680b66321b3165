/* The commands that take whole transactions in hexadecimal, and the one about fees. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/tx.h"
#include "actors/ui/commands_impl.h"

#define TARGET_BLOCKS 6
#define HEX_SIZE_MAX  (2 * (size_t)BTC_TX_SIZE_MAX) /* digits of one transaction */

/* ---- what was given ---- */

/* Transactions, one behind the other. */
struct raw_txs {
    uint8_t *data; /* [owned] */
    size_t size;
};

static int add_hex(const struct desk *desk, const char *hex, struct raw_txs *txs)
{
    size_t size = strlen(hex) / 2;
    uint8_t *data = size > 0 && size <= BTC_TX_SIZE_MAX ? realloc(txs->data, txs->size + size)
                                                        : NULL;
    if (data != NULL)
        txs->data = data;
    if (data == NULL || btc_hex_decode(hex, size, data + txs->size) != 0)
        return ui_desk_fail(desk, "a transaction is given in hexadecimal digits, or as @FILE that "
                                  "holds them");
    txs->size += size;
    return 0;
}

static int read_txs(const struct desk *desk, int count, char *const *values, struct raw_txs *txs)
{
    int status = 0;
    *txs = (struct raw_txs){.data = NULL};
    for (int i = 0; status == 0 && i < count; i++) {
        char *hex = ui_read_text(desk, values[i], HEX_SIZE_MAX + 2);
        status = hex != NULL ? add_hex(desk, hex, txs) : 1;
        free(hex);
    }
    if (status != 0)
        free(txs->data);
    return status;
}

/* ---- send-raw ---- */

int ui_run_send_raw(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                    int count, char *const *values)
{
    struct desk desk;
    struct raw_txs txs;
    struct node_submit_tx_results results;
    struct troupe_error error;
    char text[FORMAT_HASH_SIZE];
    if (ui_desk_open(&desk, troupe, arguments, "send-raw") != 0 ||
        read_txs(&desk, count, values, &txs) != 0)
        return 1;
    struct node_submit_tx_args args = {.tx = {.data = txs.data, .size = txs.size}};
    int code = node_submit_tx(troupe, desk.node, &args, &results, &error, NULL);
    free(txs.data);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    format_hash(results.txid.bytes, text);
    if (json)
        printf("{\"txid\":\"%s\",\"was_known\":%s,\"fee_sat\":%" PRId64 ",\"vsize\":%" PRIu32 "}\n",
               text, results.was_known ? "true" : "false", results.fee_sat, results.vsize_vbytes);
    else
        printf("%s  %s\n", text, results.was_known ? "waited already" : "waits for a block");
    return 0;
}

/* ---- test-raw ---- */

static void print_test(const struct node_tx_test *test)
{
    char text[FORMAT_HASH_SIZE];
    char fee[FORMAT_BTC_SIZE];
    printf("%s  %s", format_hash(test->txid.bytes, text), test->allowed ? "would be taken" : "no");
    if (test->has_reason)
        printf(": %.*s", (int)test->reason.size, test->reason.data);
    if (test->has_details)
        printf(" (%.*s)", (int)test->details.size, test->details.data);
    if (test->has_fee_sat)
        printf("; %" PRIu32 " vB, fee %s BTC", test->vsize_vbytes,
               format_btc(test->fee_sat, false, fee));
    putchar('\n');
}

static void print_test_json(const struct node_tx_test *test)
{
    char text[FORMAT_HASH_SIZE];
    printf("{\"txid\":\"%s\",\"allowed\":%s,\"vsize\":%" PRIu32,
           format_hash(test->txid.bytes, text), test->allowed ? "true" : "false",
           test->vsize_vbytes);
    if (test->has_fee_sat)
        printf(",\"fee_sat\":%" PRId64, test->fee_sat);
    if (test->has_reason) {
        fputs(",\"reason\":", stdout);
        format_json_text(stdout, test->reason);
    }
    if (test->has_details) {
        fputs(",\"details\":", stdout);
        format_json_text(stdout, test->details);
    }
    putchar('}');
}

int ui_run_test_raw(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                    int count, char *const *values)
{
    struct desk desk;
    struct raw_txs txs;
    struct node_test_txs_results results;
    struct troupe_error error;
    bool all = true;
    if (ui_desk_open(&desk, troupe, arguments, "test-raw") != 0 ||
        read_txs(&desk, count, values, &txs) != 0)
        return 1;
    struct node_test_txs_args args = {.txs = {.data = txs.data, .size = txs.size}};
    int code = node_test_txs(troupe, desk.node, &args, &results, &error, NULL);
    free(txs.data);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (json)
        putchar('[');
    for (size_t i = 0; i < results.results_count; i++) {
        all = all && results.results[i].allowed;
        if (json && i > 0)
            putchar(',');
        if (json)
            print_test_json(&results.results[i]);
        else
            print_test(&results.results[i]);
    }
    if (json)
        puts("]");
    troupe_release(results.message);
    return all || json ? 0 : 1;
}

/* ---- fee ---- */

int ui_run_fee(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
               int count, char *const *values)
{
    struct desk desk;
    struct node_estimate_fee_results results;
    struct troupe_error error;
    uint64_t blocks = TARGET_BLOCKS;
    if (ui_desk_open(&desk, troupe, arguments, "fee") != 0)
        return 1;
    if (count > 0 && !ui_read_number(values[0], 1, NODE_ESTIMATE_FEE_TARGET_BLOCKS_MAX, &blocks))
        return ui_desk_fail(&desk, "say in how many blocks, from 1 to 1008: fee 6");
    struct node_estimate_fee_args args = {.target_blocks = (uint32_t)blocks};
    int code = node_estimate_fee(troupe, desk.node, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    const char *basis = results.basis == NODE_FEE_BASIS_POOL ? "pool" : "floor";
    if (json)
        printf("{\"blocks\":%" PRIu64 ",\"rate_sat\":%" PRIu64
               ",\"basis\":\"%s\",\"floor_sat\":%" PRIu64 "}\n",
               blocks, results.rate_sat, basis, results.floor_sat);
    else
        printf("%" PRIu64 ".%03" PRIu64 " sat/vB to be in one of the next %" PRIu64 " block%s%s\n",
               results.rate_sat / 1000, results.rate_sat % 1000, blocks, format_plural(blocks),
               results.basis == NODE_FEE_BASIS_POOL ? ", by what waits now"
                                                    : ": all that waits fits, the least will do");
    return 0;
}
