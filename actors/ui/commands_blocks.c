/* The commands that show what the node keeps: block, headers, coin; and submit-block. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/block.h"
#include "actors/ui/commands_impl.h"

#define HEADERS 10 /* unless a person says otherwise */

/* ---- block ---- */

int ui_read_block(const struct desk *desk, const char *text, struct node_hash32 *ret_hash)
{
    struct node_get_block_hash_results results;
    struct troupe_error error;
    uint64_t height = 0;
    if (ui_read_hash(text, ret_hash->bytes))
        return 0;
    if (!ui_read_number(text, 0, INT32_MAX, &height))
        return ui_desk_fail(desk, "a block is its hash, 64 hexadecimal digits, or its height");
    struct node_get_block_hash_args args = {.height = (uint32_t)height};
    int code = node_get_block_hash(desk->troupe, desk->node, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    *ret_hash = results.hash;
    return 0;
}

static int write_file(const struct desk *desk, const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wbx");
    if (file == NULL)
        return ui_fail_path(desk, path, strerror(errno));
    int error = fwrite(data, 1, size, file) == size ? 0 : errno;
    if (fclose(file) != 0 && error == 0)
        error = errno;
    if (error == 0)
        return 0;
    (void)remove(path);
    return ui_fail_path(desk, path, strerror(error));
}

static void print_block(const struct btc_block *block, const uint32_t *height, bool json)
{
    char hash[FORMAT_HASH_SIZE];
    char prev[FORMAT_HASH_SIZE];
    char time[FORMAT_TIME_SIZE];
    format_hash(block->hash.bytes, hash);
    format_hash(block->header.prev.bytes, prev);
    if (json) {
        printf("{\"hash\":\"%s\",\"prev\":\"%s\"", hash, prev);
        if (height != NULL)
            printf(",\"height\":%" PRIu32, *height);
        printf(",\"time_s\":%" PRIu32 ",\"txs\":%zu,\"size\":%zu,\"weight\":%zu,\"txids\":[",
               block->header.time_s, block->tx_count, block->size, btc_block_weight(block));
        for (size_t i = 0; i < block->tx_count; i++)
            printf("%s\"%s\"", i == 0 ? "" : ",", format_hash(block->txs[i].txid.bytes, hash));
        puts("]}");
        return;
    }
    printf("block        %s\nbefore it    %s\n", hash, prev);
    if (height != NULL)
        printf("height       %" PRIu32 "\n", *height);
    else
        puts("height       none: it is not in the active chain");
    printf("time         %s\n", format_time(block->header.time_s, time));
    printf("transactions %zu\n", block->tx_count);
    printf("size         %zu bytes, weight %zu\n", block->size, btc_block_weight(block));
}

static int show_block(const struct desk *desk, const struct node_get_block_results *results,
                      const char *path, bool json)
{
    struct btc_block block;
    struct btc_error err;
    uint8_t *raw = malloc(results->block.size + 1);
    if (raw == NULL)
        return ui_desk_fail(desk, "no memory");
    troupe_blob_copy(&results->block, raw);
    int rc = 0;
    if (btc_block_parse(raw, results->block.size, &block, &err) != 0) {
        rc = ui_desk_fail(desk, err.text);
    } else {
        rc = path != NULL ? write_file(desk, path, raw, results->block.size) : 0;
        if (rc == 0)
            print_block(&block, results->has_height ? &results->height : NULL, json);
        btc_block_free(&block);
    }
    free(raw);
    return rc;
}

int ui_run_block(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct node_get_block_args args;
    struct node_get_block_results results;
    struct troupe_error error;
    if (ui_desk_open(&desk, troupe, arguments, "block") != 0 ||
        ui_read_block(&desk, values[0], &args.hash) != 0)
        return 1;
    int code = node_get_block(troupe, desk.node, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    int rc = show_block(&desk, &results, count > 1 ? values[1] : NULL, json);
    troupe_release(results.message);
    return rc;
}

/* ---- headers ---- */

struct header_list {
    bool json;
    uint32_t from;
    uint64_t shown;
    bool is_elsewhere; /* the chain was reorganised between two questions */
};

static void on_headers(struct troupe_actor *self, void *user,
                       const struct node_get_headers_item *item)
{
    struct header_list *list = user;
    char hash[FORMAT_HASH_SIZE];
    char time[FORMAT_TIME_SIZE];
    (void)self;
    for (size_t i = 0; i < item->headers.size / BTC_HEADER_SIZE; i++) {
        const uint8_t *bytes = item->headers.data + i * BTC_HEADER_SIZE;
        struct btc_header header;
        struct btc_hash id;
        btc_header_parse(bytes, &header);
        list->is_elsewhere = list->is_elsewhere || item->height + i != list->from + list->shown ||
                             btc_header_hash(&header, &id) != 0;
        if (list->is_elsewhere)
            return;
        format_hash(id.bytes, hash);
        if (list->json) {
            printf("%s{\"height\":%" PRIu64 ",\"hash\":\"%s\",\"time_s\":%" PRIu32 ",\"hex\":\"",
                   list->shown == 0 ? "" : ",\n ", item->height + (uint64_t)i, hash, header.time_s);
            format_hex(stdout, bytes, BTC_HEADER_SIZE);
            fputs("\"}", stdout);
        } else {
            printf("%-8" PRIu64 " %s  %s\n", item->height + (uint64_t)i, hash,
                   format_time(header.time_s, time));
        }
        list->shown++;
    }
}

/* Those from list->from on: behind the block before it. */
static int list_headers(const struct desk *desk, struct header_list *list, uint32_t wanted)
{
    struct node_get_block_hash_args at = {.height = list->from - 1};
    struct node_get_block_hash_results before;
    struct troupe_error error;
    int code = node_get_block_hash(desk->troupe, desk->node, &at, &before, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    struct node_get_headers_args args = {
        .locator = &before.hash, .locator_count = 1, .max = wanted};
    if (list->json)
        putchar('[');
    code = node_get_headers(desk->troupe, desk->node, &args, on_headers, list, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    if (list->is_elsewhere)
        return ui_desk_fail(desk, "the chain was reorganised meanwhile: try again");
    if (list->json)
        puts("]");
    else if (list->shown == 0)
        puts("none: the chain ends before");
    return 0;
}

int ui_run_headers(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct header_list list = {.json = json};
    struct node_get_tip_results tip;
    struct troupe_error error;
    uint64_t from = 1;
    uint64_t wanted = HEADERS;
    if (ui_desk_open(&desk, troupe, arguments, "headers") != 0)
        return 1;
    if ((count > 0 && !ui_read_number(values[0], 1, INT32_MAX, &from)) ||
        (count > 1 && !ui_read_number(values[1], 1, NODE_GET_HEADERS_MAX_MAX, &wanted)))
        return ui_desk_fail(&desk,
                            "say from which height on, 1 the first, and how many, 1 to 2000: "
                            "headers 100 20");
    int code = node_get_tip(troupe, desk.node, &tip, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (count == 0 && tip.tip.height >= wanted)
        from = tip.tip.height - wanted + 1;
    list.from = (uint32_t)from;
    return list_headers(&desk, &list, (uint32_t)wanted);
}

/* ---- coin ---- */

static void print_coin(const struct node_outpoint *outpoint, const struct node_coin *coin,
                       bool is_there, bool json)
{
    char txid[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    format_hash(outpoint->txid.bytes, txid);
    if (json)
        printf("{\"txid\":\"%s\",\"index\":%" PRIu32 ",\"is_unspent\":%s", txid, outpoint->index,
               is_there ? "true" : "false");
    else
        printf("%20s  %s:%" PRIu32, is_there ? format_btc(coin->amount_sat, false, amount) : "",
               txid, outpoint->index);
    if (!json && !is_there)
        puts("  spent, or never there");
    else if (!json)
        printf("  block %" PRIu32 "%s\n", coin->height, coin->is_coinbase ? "  mined" : "");
    if (json && is_there)
        printf(",\"amount_sat\":%" PRId64 ",\"height\":%" PRIu32 ",\"is_coinbase\":%s",
               coin->amount_sat, coin->height, coin->is_coinbase ? "true" : "false");
    if (json && is_there && coin->has_script) {
        fputs(",\"script\":\"", stdout);
        format_hex(stdout, coin->script.data, coin->script.size);
        putchar('"');
    }
    if (json)
        putchar('}');
}

int ui_run_coin(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct node_outpoint outpoints[NODE_GET_COINS_OUTPOINTS_MAX];
    struct node_get_coins_args args = {.outpoints = outpoints, .outpoints_count = (size_t)count};
    struct node_get_coins_results results;
    struct troupe_error error;
    if (ui_desk_open(&desk, troupe, arguments, "coin") != 0)
        return 1;
    for (int i = 0; i < count; i++) {
        struct wallet_outpoint coin;
        if (!ui_read_outpoint(troupe_text(values[i]), &coin))
            return ui_desk_fail(&desk, "an output is TXID:INDEX, as `tx` and `history` name them");
        memcpy(outpoints[i].txid.bytes, coin.txid.bytes, sizeof(coin.txid.bytes));
        outpoints[i].index = coin.index;
    }
    int code = node_get_coins(troupe, desk.node, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (json)
        putchar('[');
    for (size_t i = 0; i < results.coins_count && i < args.outpoints_count; i++) {
        if (json && i > 0)
            putchar(',');
        print_coin(&outpoints[i], &results.coins[i].value, results.coins[i].has, json);
    }
    if (json)
        puts("]");
    troupe_release(results.message);
    return 0;
}

/* ---- submit-block ---- */

/* The bytes of a block in binary, or in hexadecimal digits. NULL, having said why. [owned] */
static uint8_t *read_raw_block(const struct desk *desk, const char *value, size_t *ret_size)
{
    size_t size = 0;
    char *data = ui_read_bytes(desk, value, 2 * (size_t)BTC_BLOCK_SIZE_MAX + 2, &size);
    if (data == NULL)
        return NULL;
    size_t digits = strspn(data, "0123456789abcdefABCDEF");
    bool is_hex = digits > 0 && digits + strspn(data + digits, " \t\r\n") == size;
    uint8_t *raw = is_hex ? malloc(digits / 2 + 1) : (uint8_t *)data;
    *ret_size = is_hex ? digits / 2 : size;
    if (is_hex) {
        data[digits] = '\0';
        int rc = raw == NULL ? ui_desk_fail(desk, "no memory")
                 : btc_hex_decode(data, *ret_size, raw) != 0
                     ? ui_desk_fail(desk, "there is an odd number of hexadecimal digits")
                     : 0;
        free(data);
        if (rc != 0) {
            free(raw);
            return NULL;
        }
    }
    if (*ret_size <= BTC_BLOCK_SIZE_MAX && *ret_size > BTC_HEADER_SIZE &&
        (is_hex || value[0] == '@'))
        return raw;
    (void)ui_desk_fail(desk, "that is no block: give it in hexadecimal digits, or @FILE that holds "
                             "them or its bytes");
    free(raw);
    return NULL;
}

int ui_run_submit_block(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values)
{
    static const char *const names[] = {"connected", "known", "side", "held"};
    static const char *const lines[] = {"it is in the chain", "it was here already",
                                        "kept, on a branch with less work",
                                        "kept; it would undo so much that a person is asked first"};
    struct desk desk;
    struct node_submit_block_results results;
    struct troupe_error error;
    size_t size = 0;
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "submit-block") != 0)
        return 1;
    uint8_t *raw = read_raw_block(&desk, values[0], &size);
    if (raw == NULL)
        return 1;
    struct node_submit_block_args args = {.block = {.data = raw, .size = size}};
    int code = node_submit_block(troupe, desk.node, &args, &results, &error, NULL);
    free(raw);
    if (code == NODE_ORPHAN)
        return ui_desk_fail(&desk, "the block before it is not here: submit that one first");
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    bool is_named = results.outcome <= NODE_SUBMIT_OUTCOME_HELD;
    if (json)
        printf("{\"outcome\":\"%s\",\"height\":%" PRIu32 "}\n",
               is_named ? names[results.outcome] : "", results.tip.height);
    else
        printf("%s; block %" PRIu32 " is the tip\n", is_named ? lines[results.outcome] : "taken",
               results.tip.height);
    return 0;
}
