/* All commands, in the order in which --help lists them. */
#include "actors/ui/commands_impl.h"
#include "actors/ui/ui.h"

const struct troupe_command ui_commands[] = {
    {"status", "", "the chain, the wallet and their processes", 0, 0, ui_run_status},
    {"balance", "", "what the wallet has", 0, 0, ui_run_balance},
    {"history", "", "its transactions, newest first", 0, 0, ui_run_history},
    {"address", "[LABEL]", "a fresh address to be paid at", 0, 1, ui_run_address},
    {"watch", "KEY [LABEL]", "count the coins of a public key, address or script", 1, 2,
     ui_run_watch},
    {"wallets", "", "the wallets there are", 0, 0, ui_run_wallets},
    {"create", "NAME", "make a wallet, with new keys or of --words, perhaps with --encrypt", 1, 1,
     ui_run_create},
    {"open", "NAME", "open a wallet: it follows the chain from now on", 1, 1, ui_run_open},
    {"close", "NAME", "close a wallet", 1, 1, ui_run_close},
    {"scan", "ADDRESS [FROM [TO]]", "look for outputs to an address in the blocks", 1, 3,
     ui_run_scan},
    {"stop", "", "end the program that runs on this data directory", 0, 0, ui_run_stop},
    {"mine", "N", "mine blocks to the wallet (regtest)", 1, 1, ui_run_mine},
    {"mempool", "[N]", "the transactions that wait for a block, the N newest by name", 0, 1,
     ui_run_mempool},
    {"tx", "TXID [BLOCK]", "a transaction: where it is, what it spends and pays", 1, 2, ui_run_tx},
    {"send-raw", "HEX", "hand a signed transaction to the node; or @FILE that holds it", 1, 1,
     ui_run_send_raw},
    {"test-raw", "HEX...", "would the node take these? Each may spend from those before it", 1, 25,
     ui_run_test_raw},
    {"fee", "[BLOCKS]", "the fee rate to be in one of the next blocks", 0, 1, ui_run_fee},
};
const size_t ui_commands_count = sizeof(ui_commands) / sizeof(ui_commands[0]);
