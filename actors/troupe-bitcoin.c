/* troupe-bitcoin: a Bitcoin node, a wallet and a terminal view, each a role of its own, in three
 * processes or in one, and a page for browsers in one more. This file says what the program consists of; launcher/ runs it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "actors/bitcoin/params.h"
#include "actors/bitcoin/version.h"
#include "actors/node/node.h"
#include "actors/ui/ui.h"
#include "actors/wallet/wallet.h"
#include "actors/web/web.h"
#include "interfaces/ui.h"
#include "launcher/launcher.h"

#define PATH_SIZE 4096

static char data_folder[PATH_SIZE];

/* ---- the data directory ---- */

/* Makes a folder and those above it that are missing, for its owner only. */
static int make_folder(const char *path)
{
    char part[PATH_SIZE];
    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *at = part + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return -1;
        *at = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

static const char *data_directory(const struct troupe_arguments *arguments)
{
    const char *datadir = troupe_argument(arguments, "datadir");
    const struct btc_params *params = btc_params_by_name(troupe_argument(arguments, "network"));
    if (params == NULL)
        return NULL; /* refused before, by the check of --network */
    if (datadir == NULL || datadir[0] == '\0') {
        fprintf(stderr, "%s: no data directory: set HOME, or choose one with --datadir\n",
                BTC_PROGRAM_NAME);
        return NULL;
    }
    if (snprintf(data_folder, PATH_SIZE, "%s/%s", datadir, params->name) >= PATH_SIZE) {
        fprintf(stderr, "%s: %s: the path is too long\n", BTC_PROGRAM_NAME, datadir);
        return NULL;
    }
    if (make_folder(data_folder) != 0) {
        fprintf(stderr, "%s: %s: %s; choose another place with --datadir\n", BTC_PROGRAM_NAME,
                data_folder, strerror(errno));
        return NULL;
    }
    return data_folder;
}

/* ---- the program ---- */

static struct troupe_option options[] = {
    {.name = "network",
     .value = "NAME",
     .preset = "regtest",
     .help = "main, signet or regtest",
     .check = ui_check_network},
    {.name = "datadir", .value = "DIR", .help = "where chain and wallet are kept"},
    {.name = "wallet",
     .value = "NAME",
     .preset = "default",
     .help = "which wallet is shown, and meant by commands",
     .check = ui_check_wallet},
    {.name = "passphrase-file",
     .value = "FILE",
     .help = "its first line is the passphrase that a command needs",
     .scope = TROUPE_SCOPE_COMMAND},
    {.name = "encrypt",
     .help = "create: put the keys under a passphrase, which is asked for",
     .scope = TROUPE_SCOPE_COMMAND},
    {.name = "words",
     .help = "create: of BIP39 words, which are asked for",
     .scope = TROUPE_SCOPE_COMMAND},
    {.name = "kind",
     .value = "KIND",
     .preset = "p2wpkh",
     .help = "address: p2wpkh or p2tr",
     .scope = TROUPE_SCOPE_COMMAND,
     .check = ui_check_kind},
    {.name = "fee-rate",
     .value = "SAT",
     .help = "draft, send, bump: satoshi for a virtual byte, else an estimate",
     .scope = TROUPE_SCOPE_COMMAND,
     .check = ui_check_fee_rate},
    {.name = "fee-max",
     .value = "BTC",
     .help = "draft, send, bump: the fee that is too much, else 0.1",
     .scope = TROUPE_SCOPE_COMMAND,
     .check = ui_check_fee_max},
    {.name = "coins",
     .value = "TXID:INDEX,...",
     .help = "draft, send: spend these coins, all of them and no others",
     .scope = TROUPE_SCOPE_COMMAND,
     .check = ui_check_coins},
    {.name = "change",
     .value = "KIND",
     .help = "draft, send: change to p2wpkh or p2tr, else as the recipients",
     .scope = TROUPE_SCOPE_COMMAND,
     .check = ui_check_kind},
    {.name = "final",
     .help = "draft, send: `bump` can't replace it",
     .scope = TROUPE_SCOPE_COMMAND},
    {.name = "preview",
     .help = "bump: show what it would pay; `send N` sends that draft",
     .scope = TROUPE_SCOPE_COMMAND},
    {.name = "import",
     .value = "PATH",
     .help = "read blocks: bootstrap.dat, blk*.dat, a folder of these",
     .scope = TROUPE_SCOPE_STAY},
    {.name = "import-headers",
     .value = "FILE",
     .help = "read headers, 80 bytes each, from genesis on",
     .scope = TROUPE_SCOPE_STAY},
    {.name = "check",
     .help = "check all of the node's store first, and each wallet when it is opened",
     .scope = TROUPE_SCOPE_START},
    {.name = "compact",
     .help = "and write them anew without their gaps",
     .scope = TROUPE_SCOPE_START},
    {.name = "ask-reorg",
     .value = "N",
     .help = "ask before more than N blocks are taken back (6; regtest: 100)",
     .scope = TROUPE_SCOPE_START,
     .check = ui_check_ask_reorg},
    {.name = "connect",
     .value = "HOST:PORT,...",
     .help = "peers to stay connected to: IP addresses",
     .scope = TROUPE_SCOPE_START},
    {.name = "listen",
     .value = "[ADDR:]PORT",
     .help = "let peers connect; from this machine only unless ADDR says more",
     .scope = TROUPE_SCOPE_START},
    {.name = "web",
     .value = "PORT",
     .help = "a page in a browser on this machine, at an address that is printed; 0: any port",
     .scope = TROUPE_SCOPE_STAY,
     .check = web_check_port},
    {.name = "watch",
     .value = "KEY,...",
     .help = "watch public keys (hex), addresses or output scripts (hex)",
     .scope = TROUPE_SCOPE_STAY},
};

static const char *const wallet_uses[] = {"node", NULL};
static const char *const ui_uses[] = {"node", "wallet", NULL};
static const char *const web_uses[] = {"node", "wallet", "launcher", NULL};

static const struct troupe_role roles[] = {
    {"node", &node_actor, NULL},
    {"wallet", &wallets_actor, wallet_uses},
    {"ui", &ui_actor, ui_uses},
    {"web", &web_actor, web_uses},
};

static const char *const node_reads[] = {"import", "import-headers", NULL};

static const struct troupe_sandbox sandboxes[] = {
    {.role = "node",
     .folder = "node",
     .reads = node_reads,
     .beside = "xor.dat",
     .connects = true,
     .listens = "listen"},
    {.role = "wallet", .folder = "wallet", .secret = true},
    {.role = "web", .listens = "web", .secret = true},
};

static const enum troupe_restart restarts[] = {TROUPE_RESTART_ON_FAILURE, TROUPE_RESTART_ON_FAILURE,
                                               TROUPE_RESTART_NEVER, TROUPE_RESTART_ON_FAILURE};

/* What --bind-allow=node:read,wallet:read lets others ask for: nothing of it changes what is kept, or
 * shows a secret. `open` gives the ref of a wallet, to ask the rest of; one that was closed is open then. */
static const char *const node_looks[] = {
    "get_info",      "get_tip",   "get_block_hash", "get_headers",     "get_block",
    "get_blocks",    "find_fork", "get_coins",      "get_chain_stats", "get_tx",
    "get_tx_status", "test_txs",  "get_mempool",    "estimate_fee",    "scan",
    "list_peers",    NULL};
static const char *const wallet_looks[] = {
    "list",        "open",        "get_info",   "list_addresses", "validate_address",
    "get_balance", "list_txs",    "list_coins", "get_synced",     "wait_synced",
    "get_tx",      "list_drafts", NULL};
static const struct troupe_reads reads[] = {{"node", node_looks}, {"wallet", wallet_looks}};

/* The page faces whatever runs in a browser: its process is there only if somebody wants it. */
static const char *const asked_for[] = {NULL, NULL, NULL, "web"};

/* A person who looks at the screen sees what became of node and wallet. */
static void on_process(struct troupe *troupe, const struct troupe_process_event *event)
{
    struct troupe_ref ui;
    char text[UI_NOTIFY_TEXT_BYTES_MAX];
    bool died = event->kind == TROUPE_PROCESS_DIED;
    snprintf(text, sizeof(text), "process %s %s", event->process, event->text);
    struct ui_notify_args args = {.level = died ? UI_LEVEL_WARNING : UI_LEVEL_INFO,
                                  .text = troupe_text(text)};
    if (troupe_host_find(troupe, "ui", &ui) != 0 || ui_notify(troupe, ui, &args) != 0)
        return; /* a command stands in its place, or it has too much to read: stderr has it too */
}

static const char epilog[] =
    "Without a command the program runs until Ctrl-C or, where nobody sits before it, until all "
    "is\n"
    "imported and counted; with --connect or --listen until it is told to end. A command attaches\n"
    "to the program that runs on the same data directory, or starts one for its own length; what "
    "a\n"
    "program is started with (--connect, --listen, --split, ...) is refused where one runs "
    "already.\n"
    "\n"
    "  troupe-bitcoin                          a chain of its own (regtest), 101 blocks mined to "
    "you\n"
    "  troupe-bitcoin balance                  what you have there\n"
    "  troupe-bitcoin --network=main --import=bootstrap.dat\n"
    "  troupe-bitcoin --network=main watch 12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S\n";

int main(int argc, char **argv)
{
    options[1].preset = ui_preset_datadir();
    struct troupe_program program = {
        .name = BTC_PROGRAM_NAME,
        .version = BTC_PROGRAM_VERSION,
        .summary = "a Bitcoin node, a wallet and a view of them, in three processes",
        .epilog = epilog,
        .options = options,
        .options_count = sizeof(options) / sizeof(options[0]),
        .commands = ui_commands,
        .commands_count = ui_commands_count,
        .roles = roles,
        .roles_count = sizeof(roles) / sizeof(roles[0]),
        .sandboxes = sandboxes,
        .sandboxes_count = sizeof(sandboxes) / sizeof(sandboxes[0]),
        .reads = reads,
        .reads_count = sizeof(reads) / sizeof(reads[0]),
        .front = "ui",
        .split = "node,wallet",
        .asked_for = asked_for,
        .restarts = restarts,
        .on_process = on_process,
        .data_directory = data_directory,
    };
    return troupe_main(argc, argv, &program);
}
