/* What the commands share. See commands_impl.h. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/commands_impl.h"

const char *const ui_network_names[] = {"main", "signet", "regtest"};

int ui_desk_fail(const struct desk *desk, const char *text)
{
    char line[2048];
    snprintf(line, sizeof(line), "%s", text);
    format_printable(line);
    fflush(stdout);
    fprintf(stderr, "%s: %s: %s\n", BTC_PROGRAM_NAME, desk->command, line);
    return 1;
}

int ui_desk_fail_code(const struct desk *desk, int code, const struct troupe_error *error)
{
    char text[TROUPE_TEXT_BYTES_MAX + 160];
    const char *why = code == error->code && error->text[0] != '\0' ? error->text
                                                                    : troupe_error_text(code);
    const char *to_do = code == TROUPE_EDOWN ? "; it ended meanwhile: try again"
                        : code == TROUPE_ELOST
                            ? "; it ended meanwhile: see whether it was done before you try again"
                        : code == TROUPE_ETIMEOUT || code == TROUPE_EBUSY
                            ? "; it is busy: try again later"
                            : "";
    snprintf(text, sizeof(text), "%s%s", why, to_do);
    return ui_desk_fail(desk, text);
}

int ui_desk_open(struct desk *desk, struct troupe *troupe, const struct troupe_arguments *arguments,
                 const char *command)
{
    *desk = (struct desk){.troupe = troupe, .arguments = arguments, .command = command};
    int code = troupe_host_find(troupe, "node", &desk->node);
    if (code == 0)
        code = troupe_host_find(troupe, "wallet", &desk->wallets);
    return code == 0 ? 0 : ui_desk_fail(desk, "the program has no node or no wallet");
}

const char *ui_desk_wallet_name(const struct desk *desk)
{
    const char *name = troupe_argument(desk->arguments, "wallet");
    return name != NULL ? name : "default";
}

int ui_desk_open_wallet(struct desk *desk, struct troupe *troupe,
                        const struct troupe_arguments *arguments, const char *command)
{
    struct wallets_open_results results;
    struct troupe_error error;
    char text[160];
    if (ui_desk_open(desk, troupe, arguments, command) != 0)
        return 1;
    struct wallets_open_args args = {.name = troupe_text(ui_desk_wallet_name(desk))};
    if (args.name.size > WALLETS_OPEN_NAME_BYTES_MAX)
        return ui_desk_fail(desk, "--wallet: a wallet's name is 1 to 32 of a-z, 0-9, _ and -");
    int code = wallets_open(troupe, desk->wallets, &args, &results, &error, NULL);
    if (code == WALLETS_NOT_FOUND) {
        snprintf(text, sizeof(text),
                 "there is no wallet \"%s\": `wallets` lists them, `create` makes one",
                 ui_desk_wallet_name(desk));
        return ui_desk_fail(desk, text);
    }
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    desk->wallet = results.wallet;
    return 0;
}

int ui_desk_wait_level(const struct desk *desk, uint32_t deadline_ms)
{
    struct node_get_tip_results tip;
    struct wallet_wait_synced_results level;
    struct wallet_get_synced_results synced;
    struct troupe_error error;
    struct troupe_options options = {.deadline_ms = deadline_ms};
    int code = node_get_tip(desk->troupe, desk->node, &tip, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
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
    return code == 0 ? 0 : ui_desk_fail_code(desk, code, &error);
}
