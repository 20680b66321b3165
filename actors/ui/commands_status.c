/* The command that says how chain, wallet and processes are. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/ui/commands_impl.h"

struct status {
    struct node_get_info_results node;
    struct node_get_chain_stats_results chain;
    struct wallet_get_info_results wallet;
};

static void print_status(const struct status *status)
{
    char text[FORMAT_HASH_SIZE];
    printf("network    %s\n", ui_network_names[status->node.network]);
    printf("tip        block %" PRIu32 ", %s\n", status->node.tip.height,
           format_time(status->node.tip.time_s, text));
    printf("           %s\n", format_hash(status->node.tip.hash.bytes, text));
    printf("headers    up to %" PRIu32 "\n", status->chain.header_height);
    printf("checked    %" PRIu64 " block%s, %" PRIu64 " transaction%s, %" PRIu64 " signature%s\n",
           status->chain.blocks, format_plural(status->chain.blocks), status->chain.txs,
           format_plural(status->chain.txs), status->chain.signatures,
           format_plural(status->chain.signatures));
    if (status->chain.partial_blocks > 0)
        printf("           %" PRIu64 " of the blocks in part\n", status->chain.partial_blocks);
    printf("unspent    %" PRIu64 " output%s, %s BTC\n", status->chain.coins,
           format_plural(status->chain.coins), format_btc(status->chain.amount_sat, false, text));
    printf("wallet     at block %" PRIu32 "\n", status->wallet.synced.height);
    printf("processes  node %" PRIu32 ", wallet %" PRIu32 "\n", status->node.pid,
           status->wallet.pid);
    printf("data       %.*s\n", (int)status->node.datadir.size, status->node.datadir.data);
    printf("           %.*s\n", (int)status->wallet.datadir.size, status->wallet.datadir.data);
}

static void print_status_json(const struct status *status)
{
    char text[FORMAT_HASH_SIZE];
    printf("{\"network\":\"%s\",\"height\":%" PRIu32 ",\"hash\":\"%s\",\"time_s\":%" PRId64,
           ui_network_names[status->node.network], status->node.tip.height,
           format_hash(status->node.tip.hash.bytes, text), status->node.tip.time_s);
    printf(",\"header_height\":%" PRIu32 ",\"blocks\":%" PRIu64 ",\"txs\":%" PRIu64
           ",\"signatures\":%" PRIu64 ",\"partial_blocks\":%" PRIu64,
           status->chain.header_height, status->chain.blocks, status->chain.txs,
           status->chain.signatures, status->chain.partial_blocks);
    printf(",\"unspent\":%" PRIu64 ",\"unspent_sat\":%" PRId64 ",\"wallet_height\":%" PRIu32,
           status->chain.coins, status->chain.amount_sat, status->wallet.synced.height);
    printf(",\"node_pid\":%" PRIu32 ",\"wallet_pid\":%" PRIu32 ",\"node_dir\":", status->node.pid,
           status->wallet.pid);
    format_json_text(stdout, status->node.datadir);
    fputs(",\"wallet_dir\":", stdout);
    format_json_text(stdout, status->wallet.datadir);
    puts("}");
}

int ui_run_status(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values)
{
    struct desk desk;
    struct status status = {.node.message = NULL};
    struct troupe_error error;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "status") != 0)
        return 1;
    int code = node_get_info(troupe, desk.node, &status.node, &error, NULL);
    if (code == 0)
        code = node_get_chain_stats(troupe, desk.node, &status.chain, &error, NULL);
    if (code == 0)
        code = wallet_get_info(troupe, desk.wallet, &status.wallet, &error, NULL);
    if (code != 0)
        ui_desk_fail_code(&desk, code, &error);
    else if (json)
        print_status_json(&status);
    else
        print_status(&status);
    troupe_release(status.node.message);
    troupe_release(status.wallet.message);
    return code == 0 ? 0 : 1;
}
