/* What there is when all is done: chain, balance, and which commands go on from here. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "actors/ui/format.h"
#include "actors/ui/ui.h"
#include "actors/ui/ui_impl.h"

static void say_chain(struct ui *ui)
{
    const struct node_get_chain_stats_results *stats = &ui->stats;
    char amount[FORMAT_BTC_SIZE];
    screen_line(&ui->screen, "node",
                "%" PRIu64 " block%s, %" PRIu64 " transactions, %" PRIu64 " signature%s checked",
                stats->blocks, format_plural(stats->blocks), stats->txs, stats->signatures,
                format_plural(stats->signatures));
    if (stats->partial_blocks > 0)
        screen_line(&ui->screen, "node",
                    "%" PRIu64 " of the blocks were checked in part: the rest of their scripts "
                    "this node can't run",
                    stats->partial_blocks);
    screen_line(&ui->screen, "node", "%" PRIu64 " unspent outputs, %s BTC", stats->coins,
                format_btc(stats->amount_sat, false, amount));
    if (stats->header_height > stats->height)
        screen_line(&ui->screen, "node", "headers up to %" PRIu32 ", their blocks are missing",
                    stats->header_height);
}

const char *ui_place(const struct ui *ui, const char **ret_option)
{
    const char *attach = troupe_argument(ui->arguments, "attach");
    bool is_path = attach != NULL && strchr(attach, ':') != NULL;
    *ret_option = is_path ? " --attach=" : " --datadir=";
    return is_path ? attach : troupe_argument(ui->arguments, "datadir");
}

void ui_say_commands(struct ui *ui)
{
    const char *network = troupe_argument(ui->arguments, "network");
    bool is_regtest = strcmp(network, "regtest") == 0;
    const char *const *line = is_regtest ? (const char *const[]){"status",  "balance", "history",
                                                                 "address", "mine 10", NULL}
                                         : (const char *const[]){"status",  "balance",   "history",
                                                                 "address", "watch KEY", NULL};
    screen_line(&ui->screen, "", "%s", "");
    screen_line(&ui->screen, "ui", "where to go next:");
    const char *option;
    const char *place = ui_place(ui, &option);
    bool is_preset = strcmp(place, ui_preset_datadir()) == 0;
    for (; *line != NULL; line++)
        screen_line(&ui->screen, "", "  %s%s%s%s%s %s", program_invocation_name,
                    is_regtest ? "" : " --network=", is_regtest ? "" : network,
                    is_preset ? "" : option, is_preset ? "" : place, *line);
}

static void on_history(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct wallet_list_txs_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "the history", error);
        return;
    }
    screen_line(&ui->screen, "wallet", "%s%zu transaction%s in the history",
                results->cursor != 0 ? "more than " : "", results->txs_count,
                format_plural(results->txs_count));
    ui_plan_next(self, ui);
}

static void on_balance(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct wallet_get_balance_results *results)
{
    struct ui *ui = user;
    char amounts[3][FORMAT_BTC_SIZE];
    if (error != NULL) {
        ui_plan_failed(ui, "the balance", error);
        return;
    }
    ui->balance = results->balance;
    ui->synced = results->synced;
    screen_line(&ui->screen, "wallet", "balance %s BTC at block %" PRIu32,
                format_btc(results->balance.confirmed_sat, false, amounts[0]),
                results->synced.height);
    if (results->balance.immature_sat != 0)
        screen_line(&ui->screen, "wallet", "and %s BTC, mined, too young to be spent",
                    format_btc(results->balance.immature_sat, false, amounts[1]));
    if (results->balance.watch_only_sat != 0)
        screen_line(&ui->screen, "wallet", "of these %s BTC only watched: no keys here",
                    format_btc(results->balance.watch_only_sat, false, amounts[2]));
    struct wallet_list_txs_args args = {.max = 0};
    int code = wallet_list_txs_ask(self, ui->wallet, &args, on_history, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the history", code);
}

void ui_summary(struct troupe_actor *self, struct ui *ui)
{
    screen_line(&ui->screen, "", "%s", "");
    say_chain(ui);
    int code = wallet_get_balance_ask(self, ui->wallet, on_balance, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the balance", code);
}
