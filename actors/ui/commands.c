/* The commands. Each runs on a plain thread and asks node and wallet with the facades that wait.
 *
 * What a command prints is true up to the node's tip at the time it was given: the wallet is waited
 * for, within LEVEL_MS or, where the command itself makes it work, WORK_MS; if that is not enough,
 * standard error says how far the answer reaches. The exit status is 0 when the command did what it
 * was to do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/format.h"
#include "actors/ui/ui.h"
#include "interfaces/node.h"
#include "interfaces/wallet.h"

#define LEVEL_MS   5000
#define WORK_MS    300000
#define MINE_MAX   1000000
#define MINE_LABEL "mining"

static const char *const networks[] = {"main", "signet", "regtest"};

/* What every command needs. */
struct desk {
    struct troupe *troupe;
    struct troupe_ref node;
    struct troupe_ref wallet;
    const char *command;
};

/* Says why on standard error; the exit status. */
static int fail(const struct desk *desk, const char *text)
{
    char line[2048];
    snprintf(line, sizeof(line), "%s", text);
    format_printable(line);
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", BTC_PROGRAM_NAME, desk->command, line);
    return 1;
}

static int fail_code(const struct desk *desk, int code, const struct troupe_error *error)
{
    char text[TROUPE_TEXT_BYTES_MAX + 160];
    const char *why = code == error->code && error->text[0] != '\0' ? error->text
                                                                    : troupe_error_text(code);
    const char *to_do = code == TROUPE_EDOWN || code == TROUPE_ELOST
                            ? "; the program ended meanwhile: try again"
                        : code == TROUPE_ETIMEOUT || code == TROUPE_EBUSY
                            ? "; it is busy: try again later"
                            : "";
    snprintf(text, sizeof(text), "%s%s", why, to_do);
    return fail(desk, text);
}

static int open_desk(struct desk *desk, struct troupe *troupe, const char *command)
{
    *desk = (struct desk){.troupe = troupe, .command = command};
    int code = troupe_host_find(troupe, "node", &desk->node);
    if (code == 0)
        code = troupe_host_find(troupe, "wallet", &desk->wallet);
    return code == 0 ? 0 : fail(desk, "the program has no node or no wallet");
}

/* Waits until the wallet has seen the node's tip. 0 also when it has not, having said so. */
static int wait_level(const struct desk *desk, uint32_t deadline_ms)
{
    struct node_get_tip_results tip;
    struct wallet_wait_synced_results level;
    struct wallet_get_synced_results synced;
    struct troupe_error error;
    struct troupe_options options = {.deadline_ms = deadline_ms};
    int code = node_get_tip(desk->troupe, desk->node, &tip, &error, NULL);
    if (code != 0)
        return fail_code(desk, code, &error);
    struct wallet_wait_synced_args args = {.height = tip.tip.height};
    code = wallet_wait_synced(desk->troupe, desk->wallet, &args, &level, &error, &options);
    if (code == TROUPE_ETIMEOUT) {
        code = wallet_get_synced(desk->troupe, desk->wallet, &synced, &error, NULL);
        if (code == 0)
            fprintf(
                stderr,
                "%s: the wallet is still reading blocks: what follows counts up to block %" PRIu32
                " of %" PRIu32 "\n",
                BTC_PROGRAM_NAME, synced.synced.height, tip.tip.height);
    }
    return code == 0 ? 0 : fail_code(desk, code, &error);
}

/* ---- status ---- */

struct status {
    struct node_get_info_results node;
    struct node_get_chain_stats_results chain;
    struct wallet_get_info_results wallet;
};

static void print_status(const struct status *status)
{
    char text[FORMAT_HASH_SIZE];
    printf("network    %s\n", networks[status->node.network]);
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
           networks[status->node.network], status->node.tip.height,
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

static int run_status(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                      int count, char *const *values)
{
    struct desk desk;
    struct status status = {.node.message = NULL};
    struct troupe_error error;
    (void)arguments;
    (void)count;
    (void)values;
    if (open_desk(&desk, troupe, "status") != 0)
        return 1;
    int code = node_get_info(troupe, desk.node, &status.node, &error, NULL);
    if (code == 0)
        code = node_get_chain_stats(troupe, desk.node, &status.chain, &error, NULL);
    if (code == 0)
        code = wallet_get_info(troupe, desk.wallet, &status.wallet, &error, NULL);
    if (code != 0)
        fail_code(&desk, code, &error);
    else if (json)
        print_status_json(&status);
    else
        print_status(&status);
    troupe_release(status.node.message);
    troupe_release(status.wallet.message);
    return code == 0 ? 0 : 1;
}

/* ---- balance ---- */

static int show_balance(const struct desk *desk, bool json)
{
    struct wallet_get_balance_results results;
    struct troupe_error error;
    char text[FORMAT_BTC_SIZE];
    int code = wallet_get_balance(desk->troupe, desk->wallet, &results, &error, NULL);
    if (code != 0)
        return fail_code(desk, code, &error);
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

static int run_balance(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    struct desk desk;
    (void)arguments;
    (void)count;
    (void)values;
    if (open_desk(&desk, troupe, "balance") != 0 || wait_level(&desk, LEVEL_MS) != 0)
        return 1;
    return show_balance(&desk, json);
}

/* ---- history ---- */

static void print_tx(const struct wallet_tx *tx, bool json, bool is_first)
{
    char txid[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    char when[FORMAT_TIME_SIZE];
    format_hash(tx->txid.bytes, txid);
    if (!json) {
        printf("%s  block %-7" PRIu32 " %20s  %s%s\n", format_time(tx->time_s, when), tx->height,
               format_btc(tx->net_sat, true, amount), txid, tx->is_coinbase ? "  mined" : "");
        return;
    }
    printf("%s{\"txid\":\"%s\",\"height\":%" PRIu32 ",\"time_s\":%" PRId64 ",\"net_sat\":%" PRId64
           ",\"received_sat\":%" PRId64 ",\"sent_sat\":%" PRId64 ",\"is_coinbase\":%s",
           is_first ? "" : ",\n ", txid, tx->height, tx->time_s, tx->net_sat, tx->received_sat,
           tx->sent_sat, tx->is_coinbase ? "true" : "false");
    if (tx->has_fee_sat)
        printf(",\"fee_sat\":%" PRId64, tx->fee_sat);
    putchar('}');
}

static int run_history(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    struct desk desk;
    struct wallet_list_txs_args args = {.cursor = 0};
    struct wallet_list_txs_results page;
    struct troupe_error error;
    size_t shown = 0;
    (void)arguments;
    (void)count;
    (void)values;
    if (open_desk(&desk, troupe, "history") != 0 || wait_level(&desk, LEVEL_MS) != 0)
        return 1;
    do {
        int code = wallet_list_txs(troupe, desk.wallet, &args, &page, &error, NULL);
        if (code != 0)
            return fail_code(&desk, code, &error);
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

/* ---- address ---- */

static int run_address(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    struct desk desk;
    struct wallet_new_address_args args = {.label = troupe_text(count > 0 ? values[0] : "")};
    struct wallet_new_address_results results;
    struct troupe_error error;
    (void)arguments;
    if (open_desk(&desk, troupe, "address") != 0)
        return 1;
    int code = wallet_new_address(troupe, desk.wallet, &args, &results, &error, NULL);
    if (code != 0)
        return fail_code(&desk, code, &error);
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

/* ---- watch ---- */

static int run_watch(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                     int count, char *const *values)
{
    struct desk desk;
    struct wallet_watch_args args = {.text = troupe_text(values[0]),
                                     .label = troupe_text(count > 1 ? values[1] : ""),
                                     .has_from_height = true,
                                     .from_height = 0};
    struct wallet_watch_results results;
    struct troupe_error error;
    (void)arguments;
    if (open_desk(&desk, troupe, "watch") != 0)
        return 1;
    int code = wallet_watch(troupe, desk.wallet, &args, &results, &error, NULL);
    if (code != 0)
        return fail_code(&desk, code, &error);
    if (!json)
        puts(results.is_known ? "it is watched already"
                              : "watched; the blocks are looked at again from the first on");
    return wait_level(&desk, WORK_MS) != 0 ? 1 : show_balance(&desk, json);
}

/* ---- mine ---- */

/* The address that blocks are mined to: the first one that was given out, or a new one. */
static int mining_address(const struct desk *desk, char ret_text[WALLET_ADDRESS_TEXT_BYTES_MAX + 1],
                          struct troupe_error *error)
{
    struct wallet_list_addresses_args args = {.max = WALLET_LIST_ADDRESSES_MAX_MAX};
    struct wallet_list_addresses_results page;
    ret_text[0] = '\0';
    do {
        int code = wallet_list_addresses(desk->troupe, desk->wallet, &args, &page, error, NULL);
        if (code != 0)
            return code;
        for (size_t i = 0; i < page.addresses_count && ret_text[0] == '\0'; i++)
            if (page.addresses[i].owner == WALLET_SCRIPT_OWNER_RECEIVE)
                snprintf(ret_text, WALLET_ADDRESS_TEXT_BYTES_MAX + 1, "%.*s",
                         (int)page.addresses[i].text.size, page.addresses[i].text.data);
        args.cursor = page.cursor;
        troupe_release(page.message);
    } while (args.cursor != 0 && ret_text[0] == '\0');
    if (ret_text[0] != '\0')
        return 0;
    struct wallet_new_address_args new_args = {.label = troupe_text(MINE_LABEL)};
    struct wallet_new_address_results made;
    int code = wallet_new_address(desk->troupe, desk->wallet, &new_args, &made, error, NULL);
    if (code != 0)
        return code;
    snprintf(ret_text, WALLET_ADDRESS_TEXT_BYTES_MAX + 1, "%.*s", (int)made.address.text.size,
             made.address.text.data);
    troupe_release(made.message);
    return 0;
}

struct mined {
    uint64_t blocks;
    uint32_t height;
    struct node_hash32 hash;
};

static void on_mined(struct troupe_actor *self, void *user, const struct node_mine_item *item)
{
    struct mined *mined = user;
    (void)self;
    mined->blocks++;
    mined->height = item->height;
    mined->hash = item->hash;
}

static int mine(const struct desk *desk, uint32_t count, const char *address, struct mined *mined,
                struct troupe_error *error)
{
    struct wallet_validate_address_args which = {.address = troupe_text(address)};
    struct wallet_validate_address_results valid;
    int code = wallet_validate_address(desk->troupe, desk->wallet, &which, &valid, error, NULL);
    if (code != 0)
        return code;
    while (code == 0 && mined->blocks < count) {
        uint64_t left = count - mined->blocks;
        struct node_mine_args args = {.count = left < NODE_MINE_COUNT_MAX ? (uint32_t)left
                                                                          : NODE_MINE_COUNT_MAX,
                                      .script = valid.script};
        code = node_mine(desk->troupe, desk->node, &args, on_mined, mined, error, NULL);
    }
    troupe_release(valid.message);
    return code;
}

static int run_mine(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                    int count, char *const *values)
{
    struct desk desk;
    struct mined mined = {.blocks = 0};
    struct troupe_error error;
    char address[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
    char hash[FORMAT_HASH_SIZE];
    char *end = NULL;
    (void)count;
    if (open_desk(&desk, troupe, "mine") != 0)
        return 1;
    if (strcmp(troupe_argument(arguments, "network"), "regtest") != 0)
        return fail(&desk, "blocks are mined on regtest only: leave --network away");
    errno = 0;
    long wanted = strtol(values[0], &end, 10);
    if (errno != 0 || *end != '\0' || end == values[0] || wanted < 1 || wanted > MINE_MAX)
        return fail(&desk, "say how many blocks, from 1 to 1000000: mine 10");
    int code = mining_address(&desk, address, &error);
    if (code == 0)
        code = mine(&desk, (uint32_t)wanted, address, &mined, &error);
    if (code != 0)
        return fail_code(&desk, code, &error);
    if (wait_level(&desk, WORK_MS) != 0)
        return 1;
    format_hash(mined.hash.bytes, hash);
    if (json)
        printf("{\"blocks\":%" PRIu64 ",\"height\":%" PRIu32
               ",\"hash\":\"%s\",\"address\":\"%s\"}\n",
               mined.blocks, mined.height, hash, address);
    else
        printf("%" PRIu64 " block%s mined to %s\nblock %" PRIu32 " is the tip now: %s\n",
               mined.blocks, format_plural(mined.blocks), address, mined.height, hash);
    return 0;
}

/* ---- the table ---- */

const struct troupe_command ui_commands[] = {
    {"status", "", "the chain, the wallet and their processes", 0, 0, run_status},
    {"balance", "", "what the wallet has", 0, 0, run_balance},
    {"history", "", "its transactions, newest first", 0, 0, run_history},
    {"address", "[LABEL]", "a fresh address to be paid at", 0, 1, run_address},
    {"watch", "KEY [LABEL]", "count the coins of a public key, address or script", 1, 2, run_watch},
    {"mine", "N", "mine blocks to the wallet (regtest)", 1, 1, run_mine},
};
const size_t ui_commands_count = sizeof(ui_commands) / sizeof(ui_commands[0]);
