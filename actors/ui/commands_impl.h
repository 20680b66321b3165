/*
 * Private to the commands: what each needs, and the functions that run them.
 *
 *   commands.c          the table of all of them
 *   commands_*.c        a file for each group
 *   desk.c              what they share
 *   reading.c           how they read what was given
 *   checks.c            what is told of it before anything is started
 *
 * Each runs on a plain thread, in a process of its own or of the program that is started for it,
 * and asks node and wallet with the facades that wait; they share nothing with the UI's actor.
 *
 * What a command prints is true up to the node's tip at the time it was given: the wallet is waited
 * for, within UI_LEVEL_MS or, where the command itself makes it work, UI_WORK_MS; if that is not
 * enough, standard error says how far the answer reaches. The exit status is 0 when the command did
 * what it was to do.
 */
#ifndef ACTORS_UI_COMMANDS_IMPL_H
#define ACTORS_UI_COMMANDS_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/ui/format.h"
#include "bus/troupe.h"
#include "interfaces/node.h"
#include "interfaces/wallet.h"
#include "interfaces/wallets.h"
#include "launcher/launcher.h"

#define UI_LEVEL_MS 5000
#define UI_WORK_MS  300000

#define UI_PAYEES_MAX     (2 * WALLET_DRAFT_RECIPIENTS_MAX) /* words: an address and an amount each */
#define UI_PSBTS_MAX      16                                /* that are combined at once */
#define UI_LOCK_COINS_MAX WALLET_LOCK_COINS_COINS_MAX
#define UI_FEE_RATE_MAX   10000000 /* for 1,000 virtual bytes */
#define UI_BAN_S_MAX      31536000 /* a year */
#define UI_MINE_MAX       1000000
#define UI_ASK_REORG_MAX  1000 /* no more are ever taken back: the node's CHAIN_REORG_MAX */
#define UI_POOL_SHOWN_MAX 1000 /* transactions that one command lists */

/* As the interfaces number the networks. */
extern const char *const ui_network_names[];

/* What every command needs. */
struct desk {
    struct troupe *troupe;
    struct troupe_ref node;
    struct troupe_ref wallets;
    struct troupe_ref wallet; /* of ui_desk_open_wallet */
    const struct troupe_arguments *arguments;
    const char *command; /* its name, for messages */
};

/* Finds the node and who manages the wallets. 0, or 1 having said why. */
int ui_desk_open(struct desk *desk, struct troupe *troupe, const struct troupe_arguments *arguments,
                 const char *command) TROUPE_CHECKED;
/* And the wallet of --wallet. */
int ui_desk_open_wallet(struct desk *desk, struct troupe *troupe,
                        const struct troupe_arguments *arguments,
                        const char *command) TROUPE_CHECKED;
/* What --wallet says. */
const char *ui_desk_wallet_name(const struct desk *desk);

/* Says why on standard error; the exit status, 1. */
int ui_desk_fail(const struct desk *desk, const char *text);
/* The same for what a facade returned, with what to do next. */
int ui_desk_fail_code(const struct desk *desk, int code, const struct troupe_error *error);

/* Waits until the wallet has seen the node's tip. 0 also when it has not, having said so. */
int ui_desk_wait_level(const struct desk *desk, uint32_t deadline_ms) TROUPE_CHECKED;

/* The same for a file: "PATH: why". */
int ui_fail_path(const struct desk *desk, const char *path, const char *why);

/* Decimal digits and nothing else, from min to max. False: it is no such number. */
bool ui_read_number(const char *text, uint64_t min, uint64_t max,
                    uint64_t *ret_number) TROUPE_CHECKED;
/* Decimal digits with at most `places` behind the point, as a whole number of the last place. */
bool ui_read_decimal(const char *text, unsigned places, int64_t *ret_number) TROUPE_CHECKED;
/* The bytes of an id as people write it. False: it is none. */
bool ui_read_hash(const char *text, uint8_t ret_bytes[32]) TROUPE_CHECKED;
/* The hash of a block, given as that or as its height. 0, or 1 having said why. */
int ui_read_block(const struct desk *desk, const char *text,
                  struct node_hash32 *ret_hash) TROUPE_CHECKED;
/* The bytes of an id. 0, or 1 having said why. */
int ui_read_txid(const struct desk *desk, const char *text,
                 struct wallet_hash32 *ret_txid) TROUPE_CHECKED;
/* "TXID:INDEX". False: it is none. */
bool ui_read_outpoint(struct troupe_text text, struct wallet_outpoint *ret_coin) TROUPE_CHECKED;
/* "p2wpkh" or "p2tr". False: it is neither. */
bool ui_read_kind(const char *text, enum wallet_address_kind *ret_kind) TROUPE_CHECKED;
/* What "@FILE" holds, or a copy of the value itself, of at most max bytes, with a NUL behind. NULL,
 * having said why. [owned: free()] */
char *ui_read_bytes(const struct desk *desk, const char *value, size_t max,
                    size_t *ret_size) TROUPE_CHECKED;
/* The same without blanks at its end. [owned: free()] */
char *ui_read_text(const struct desk *desk, const char *value, size_t max) TROUPE_CHECKED;

/* Unlocks the wallet for one command, with --passphrase-file. 0, or 1 having said why. */
int ui_unlock_briefly(const struct desk *desk) TROUPE_CHECKED;
/* After that command. */
void ui_lock_again(const struct desk *desk);

/* "drafted", "signed", "sent" or "gave way". */
const char *ui_draft_state_name(enum wallet_draft_state state);

/* Prints the wallet's balance; the exit status. */
int ui_show_balance(const struct desk *desk, bool json);

/* ---- the commands: struct troupe_command's run ---- */

int ui_run_status(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values);
int ui_run_balance(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_history(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_address(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_payment(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_label(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_watch(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_mine(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_wallets(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_create(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values);
int ui_run_open(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_close(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_scan(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_stop(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);

int ui_run_mempool(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_tx(struct troupe *troupe, const struct troupe_arguments *arguments, bool json, int count,
              char *const *values);
int ui_run_send_raw(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                    int count, char *const *values);
int ui_run_test_raw(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                    int count, char *const *values);
int ui_run_fee(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
               int count, char *const *values);

int ui_run_addresses(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                     int count, char *const *values);
int ui_run_coins(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_lock_coins(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                      int count, char *const *values);
int ui_run_unlock_coins(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values);
int ui_run_draft(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_send(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_drafts(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values);
int ui_run_drop(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_sign(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_bump(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_psbt(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_unlock(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values);
int ui_run_lock(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_passphrase(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                      int count, char *const *values);
int ui_run_words(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_backup(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values);
int ui_run_restore(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_rescan(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values);

int ui_run_descriptors(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values);
int ui_run_sign_message(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values);
int ui_run_block(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_headers(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);
int ui_run_coin(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_submit_block(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values);
int ui_run_verify_message(struct troupe *troupe, const struct troupe_arguments *arguments,
                          bool json, int count, char *const *values);
int ui_run_peers(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values);
int ui_run_peer(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values);
int ui_run_network(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values);

/* ---- and their words: its check; names are of what is checked ---- */

const char *ui_check_address(const struct troupe_arguments *arguments, int count,
                             char *const *values);
const char *ui_check_block(const struct troupe_arguments *arguments, int count,
                           char *const *values);
const char *ui_check_draft(const struct troupe_arguments *arguments, int count,
                           char *const *values);
const char *ui_check_drafts(const struct troupe_arguments *arguments, int count,
                            char *const *values);
const char *ui_check_fee(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_headers(const struct troupe_arguments *arguments, int count,
                             char *const *values);
const char *ui_check_label(const struct troupe_arguments *arguments, int count,
                           char *const *values);
const char *ui_check_mempool(const struct troupe_arguments *arguments, int count,
                             char *const *values);
const char *ui_check_mine(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_name(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_number_of_draft(const struct troupe_arguments *arguments, int count,
                                     char *const *values);
const char *ui_check_on_off(const struct troupe_arguments *arguments, int count,
                            char *const *values);
const char *ui_check_outpoints(const struct troupe_arguments *arguments, int count,
                               char *const *values);
const char *ui_check_peer(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_psbt(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_raw_block(const struct troupe_arguments *arguments, int count,
                               char *const *values);
const char *ui_check_raw_txs(const struct troupe_arguments *arguments, int count,
                             char *const *values);
const char *ui_check_rescan(const struct troupe_arguments *arguments, int count,
                            char *const *values);
const char *ui_check_scan(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_send(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_tx(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_txid(const struct troupe_arguments *arguments, int count, char *const *values);
const char *ui_check_unlock(const struct troupe_arguments *arguments, int count,
                            char *const *values);
const char *ui_check_watch(const struct troupe_arguments *arguments, int count,
                           char *const *values);

#endif
