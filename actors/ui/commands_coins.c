/* The commands that list what a wallet has: addresses and coins; and lock-coins. */
#include <inttypes.h>
#include <stdio.h>

#include "actors/ui/commands_impl.h"

static const char *const owners[] = {"watched", "receive", "change"};
static const char *const kinds[] = {"", "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr"};

static const char *name_of(const char *const *names, size_t count, uint64_t number)
{
    return number < count ? names[number] : "";
}
#define NAME_OF(names, number) \
    name_of(names, sizeof(names) / sizeof((names)[0]), (uint64_t)(number))

/* ---- addresses ---- */

static void print_address(const struct wallet_address *address, bool json, bool is_first)
{
    if (!json) {
        printf("%-8s %-4s %.*s", NAME_OF(owners, address->owner), address->is_used ? "used" : "",
               (int)address->text.size, address->text.data);
        if (address->label.size > 0)
            printf("  %.*s", (int)address->label.size, address->label.data);
        putchar('\n');
        return;
    }
    printf("%s{\"owner\":\"%s\",\"kind\":\"%s\",\"index\":%" PRIu32 ",\"is_used\":%s,\"address\":",
           is_first ? "" : ",\n ", NAME_OF(owners, address->owner), NAME_OF(kinds, address->kind),
           address->index, address->is_used ? "true" : "false");
    format_json_text(stdout, address->text);
    fputs(",\"label\":", stdout);
    format_json_text(stdout, address->label);
    putchar('}');
}

int ui_run_addresses(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                     int count, char *const *values)
{
    struct desk desk;
    struct wallet_list_addresses_args args = {.cursor = 0};
    struct wallet_list_addresses_results page;
    struct troupe_error error;
    size_t shown = 0;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "addresses") != 0 ||
        ui_desk_wait_level(&desk, UI_LEVEL_MS) != 0)
        return 1;
    do {
        int code = wallet_list_addresses(troupe, desk.wallet, &args, &page, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(&desk, code, &error);
        if (json && args.cursor == 0)
            putchar('[');
        for (size_t i = 0; i < page.addresses_count; i++)
            print_address(&page.addresses[i], json, shown++ == 0);
        args.cursor = page.cursor;
        troupe_release(page.message);
    } while (args.cursor != 0);
    if (json)
        puts("]");
    else if (shown == 0)
        puts("none was given out yet: `address` does");
    return 0;
}

/* ---- coins ---- */

static const char *state_of(const struct wallet_coin *coin)
{
    return coin->is_locked    ? "locked"
           : coin->is_held    ? "in a draft"
           : coin->is_pending ? "pending"
           : coin->is_mature  ? ""
                              : "immature";
}

static void print_coin(const struct wallet_coin *coin, bool json, bool is_first)
{
    char txid[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    format_hash(coin->txid.bytes, txid);
    if (!json) {
        printf("%20s  %s:%" PRIu32 "  %s\n", format_btc(coin->amount_sat, false, amount), txid,
               coin->index, state_of(coin));
        return;
    }
    printf("%s{\"txid\":\"%s\",\"index\":%" PRIu32 ",\"amount_sat\":%" PRId64 ",\"height\":%" PRIu32
           ",\"is_mature\":%s,\"is_pending\":%s,\"is_locked\":%s"
           ",\"is_held\":%s,\"address\":",
           is_first ? "" : ",\n ", txid, coin->index, coin->amount_sat, coin->height,
           coin->is_mature ? "true" : "false", coin->is_pending ? "true" : "false",
           coin->is_locked ? "true" : "false", coin->is_held ? "true" : "false");
    format_json_text(stdout, coin->address.text);
    putchar('}');
}

int ui_run_coins(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct wallet_list_coins_args args = {.cursor = 0};
    struct wallet_list_coins_results page;
    struct troupe_error error;
    size_t shown = 0;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "coins") != 0 ||
        ui_desk_wait_level(&desk, UI_LEVEL_MS) != 0)
        return 1;
    do {
        int code = wallet_list_coins(troupe, desk.wallet, &args, &page, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(&desk, code, &error);
        if (json && args.cursor == 0)
            putchar('[');
        for (size_t i = 0; i < page.coins_count; i++)
            print_coin(&page.coins[i], json, shown++ == 0);
        args.cursor = page.cursor;
        troupe_release(page.message);
    } while (args.cursor != 0);
    if (json)
        puts("]");
    else if (shown == 0)
        puts("none");
    return 0;
}

/* ---- lock-coins ---- */

static int set_locks(struct desk *desk, bool is_locked, bool json, int count, char *const *values)
{
    struct wallet_outpoint coins[UI_LOCK_COINS_MAX];
    struct wallet_lock_coins_args args = {
        .coins = coins, .coins_count = (size_t)count, .is_locked = is_locked};
    struct troupe_error error;
    for (int i = 0; i < count; i++)
        if (!ui_read_outpoint(troupe_text(values[i]), &coins[i]))
            return ui_desk_fail(desk, "a coin is TXID:INDEX: `coins` has them");
    int code = wallet_lock_coins(desk->troupe, desk->wallet, &args, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    printf(json ? "{\"coins\":%d}\n" : is_locked ? "%d locked\n" : "%d unlocked\n", count);
    return 0;
}

int ui_run_lock_coins(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                      int count, char *const *values)
{
    struct desk desk;
    return ui_desk_open_wallet(&desk, troupe, arguments, "lock-coins") != 0
               ? 1
               : set_locks(&desk, true, json, count, values);
}

int ui_run_unlock_coins(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values)
{
    struct desk desk;
    return ui_desk_open_wallet(&desk, troupe, arguments, "unlock-coins") != 0
               ? 1
               : set_locks(&desk, false, json, count, values);
}
