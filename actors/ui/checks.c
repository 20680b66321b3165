/* What is told of a command's words, and of options' values, before anything is started: whether they
 * can be what they should be. See ui.h and commands_impl.h. */
#include <stdio.h>
#include <string.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/params.h"
#include "actors/ui/commands_impl.h"
#include "actors/ui/ui.h"

/* ---- options --------------------------------------------------------------------------------- */

const char *ui_check_network(const char *value)
{
    return btc_params_by_name(value) != NULL ? NULL : "main, signet or regtest";
}

const char *ui_check_wallet(const char *value)
{
    size_t size = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return size >= 1 && size <= WALLETS_CREATE_NAME_BYTES_MAX && value[size] == '\0'
               ? NULL
               : "a wallet's name, 1 to 32 of a-z, 0-9, _ and -";
}

const char *ui_check_kind(const char *value)
{
    enum wallet_address_kind kind;
    return ui_read_kind(value, &kind) ? NULL : "p2wpkh or p2tr";
}

const char *ui_check_fee_rate(const char *value)
{
    int64_t rate = 0;
    return ui_read_decimal(value, 3, &rate) && rate > 0 && rate <= UI_FEE_RATE_MAX
               ? NULL
               : "in satoshi for a virtual byte, up to 10000, as 2.5";
}

const char *ui_check_fee_max(const char *value)
{
    int64_t fee_sat = 0;
    return ui_read_decimal(value, 8, &fee_sat) && fee_sat > 0 ? NULL : "in BTC, as 0.0005";
}

const char *ui_check_coins(const char *value)
{
    struct wallet_outpoint coin;
    size_t count = 0;
    while (value != NULL) {
        size_t size = strcspn(value, ",");
        struct troupe_text text = {.data = value, .size = size};
        if (++count > WALLET_DRAFT_COINS_MAX || !ui_read_outpoint(text, &coin))
            return "at most 200 of TXID:INDEX with commas between; `coins` has them";
        value = value[size] == ',' ? value + size + 1 : NULL;
    }
    return NULL;
}

const char *ui_check_ask_reorg(const char *value)
{
    uint64_t blocks = 0;
    return ui_read_number(value, 0, UI_ASK_REORG_MAX, &blocks)
               ? NULL
               : "a number of blocks, from 0 (never ask) to 1000";
}

/* ---- words of commands ----------------------------------------------------------------------- */

static bool is_number(const char *text, uint64_t min, uint64_t max)
{
    uint64_t number;
    return ui_read_number(text, min, max, &number);
}

static bool is_hash(const char *text)
{
    uint8_t bytes[32];
    return ui_read_hash(text, bytes);
}

static bool is_block(const char *text)
{
    return is_hash(text) || is_number(text, 0, INT32_MAX);
}

/* In pairs of hexadecimal digits; of a file its command finds out. */
static bool is_hex(const char *text)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    return text[0] == '@' || (digits > 0 && digits % 2 == 0 && text[digits] == '\0');
}

static const char *address(const struct troupe_arguments *arguments, const char *text)
{
    static struct btc_error err; /* holds the answer */
    struct btc_script script;
    const struct btc_params *params = btc_params_by_name(troupe_argument(arguments, "network"));
    return params == NULL || btc_address_decode(params, text, &script, &err) == 0 ? NULL : err.text;
}

#define CHECK(name)                                                                  \
    const char *ui_check_##name(const struct troupe_arguments *arguments, int count, \
                                char *const *values)

CHECK(txid)
{
    (void)arguments, (void)count;
    return is_hash(values[0]) ? NULL
                              : "the id of a transaction is 64 hexadecimal digits: `history` has "
                                "them";
}

CHECK(tx)
{
    (void)arguments;
    return is_hash(values[0]) && (count < 2 || is_block(values[1]))
               ? NULL
               : "an id is 64 hexadecimal digits; of a block its height will do: tx TXID 100";
}

CHECK(outpoints)
{
    struct wallet_outpoint coin;
    (void)arguments;
    for (int i = 0; i < count; i++)
        if (!ui_read_outpoint(troupe_text(values[i]), &coin))
            return "a coin is TXID:INDEX: `coins`, `tx` and `history` have them";
    return NULL;
}

CHECK(address)
{
    (void)count;
    return address(arguments, values[0]);
}

CHECK(name)
{
    (void)arguments, (void)count;
    return ui_check_wallet(values[0]) == NULL ? NULL
                                              : "a wallet's name is 1 to 32 of a-z, 0-9, _ and -";
}

CHECK(label)
{
    const char *text = count > 0 ? values[count - 1] : "";
    (void)arguments;
    if (strlen(text) > WALLET_SET_LABEL_LABEL_BYTES_MAX)
        return "a label has at most 100 bytes";
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return "a label is one line, without control characters";
    return NULL;
}

CHECK(watch)
{
    return count > 1 ? ui_check_label(arguments, count, values) : NULL;
}

/* ADDRESS AMOUNT, as often as there are recipients. */
CHECK(draft)
{
    static char text[200]; /* holds the answer */
    int64_t amount_sat = 0;
    if (count % 2 != 0)
        return "say who gets how much: ADDRESS AMOUNT, each time";
    for (int i = 0; i < count; i += 2) {
        const char *amount = values[i + 1];
        const char *why = address(arguments, values[i]);
        if (why != NULL)
            return why;
        if (strcmp(amount, "all") == 0 || ui_read_decimal(amount, 8, &amount_sat))
            continue;
        snprintf(text, sizeof(text),
                 "\"%.64s\" is no amount: say it in BTC, with at most eight digits behind the "
                 "point, or `all`",
                 amount);
        return text;
    }
    return NULL;
}

CHECK(number_of_draft)
{
    (void)arguments, (void)count;
    return is_number(values[0], 1, INT64_MAX) ? NULL
                                              : "say the number of a draft, which `drafts` lists, "
                                                "as 3";
}

CHECK(send)
{
    static const char *const fixed[] = {"fee-rate", "fee-max", "coins", "change", "final"};
    if (count != 1)
        return ui_check_draft(arguments, count, values);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (troupe_argument(arguments, fixed[i]) != NULL)
            return "a draft has its fee and coins already: give these options to `draft`, or "
                   "`bump` what was sent";
    return is_number(values[0], 1, INT64_MAX) ? NULL
                                              : "say ADDRESS AMOUNT, or the number of a draft";
}

CHECK(drafts)
{
    (void)arguments;
    return count == 0 || strcmp(values[0], "all") == 0
               ? NULL
               : "say nothing for those that were not sent, or `all`";
}

CHECK(psbt)
{
    (void)arguments;
    if (strcmp(values[0], "combine") == 0)
        return count > 2 ? NULL : "say psbt combine PSBT PSBT...: two at least";
    if (count > 2)
        return "only psbt combine takes more than one";
    if (strcmp(values[0], "create") == 0)
        return is_number(values[1], 1, INT64_MAX)
                   ? NULL
                   : "say the number of a draft, which `draft` gives: psbt create 3";
    return strcmp(values[0], "sign") == 0 || strcmp(values[0], "finalise") == 0
               ? NULL
               : "say psbt create DRAFT, psbt sign PSBT, psbt combine PSBT PSBT... or psbt "
                 "finalise PSBT";
}

CHECK(unlock)
{
    (void)arguments;
    return count == 0 || is_number(values[0], 1, WALLET_UNLOCK_SECONDS_MAX)
               ? NULL
               : "say for how many seconds, from 1 to 86400: unlock 300";
}

CHECK(rescan)
{
    (void)arguments;
    return count == 0 || is_number(values[0], 0, INT32_MAX) ? NULL
                                                            : "say from which block on: rescan 0";
}

CHECK(scan)
{
    uint64_t from = 0;
    uint64_t to = INT32_MAX;
    if ((count > 1 && !ui_read_number(values[1], 0, INT32_MAX, &from)) ||
        (count > 2 && !ui_read_number(values[2], 0, INT32_MAX, &to)))
        return "FROM and TO are heights of blocks: scan ADDRESS 100 200";
    if (from > to)
        return "the scan would end before it begins: scan ADDRESS 100 200";
    return address(arguments, values[0]);
}

CHECK(peer)
{
    bool is_ban = strcmp(values[0], "ban") == 0;
    (void)arguments;
    if (!is_ban && strcmp(values[0], "add") != 0 && strcmp(values[0], "drop") != 0)
        return "peer add ADDRESS, peer drop ADDRESS or peer ban ADDRESS [SECONDS]";
    if (count > 2 && !is_ban)
        return "seconds are for `peer ban` only";
    return count < 3 || is_number(values[2], 0, UI_BAN_S_MAX)
               ? NULL
               : "for how many seconds? 0, which lifts a ban, to 31536000, a year";
}

CHECK(on_off)
{
    (void)arguments, (void)count;
    return strcmp(values[0], "on") == 0 || strcmp(values[0], "off") == 0
               ? NULL
               : "network on, or network off";
}

CHECK(mine)
{
    (void)count;
    if (strcmp(troupe_argument(arguments, "network"), "regtest") != 0)
        return "blocks are mined on regtest only: leave --network away";
    return is_number(values[0], 1, UI_MINE_MAX) ? NULL
                                                : "say how many blocks, from 1 to 1000000: mine 10";
}

CHECK(mempool)
{
    (void)arguments;
    return count == 0 || is_number(values[0], 1, UI_POOL_SHOWN_MAX)
               ? NULL
               : "say how many to list, from 1 to 1000: mempool 50";
}

CHECK(block)
{
    (void)arguments, (void)count;
    return is_block(values[0])
               ? NULL
               : "a block is its hash, 64 hexadecimal digits, or its height: block 100";
}

CHECK(headers)
{
    (void)arguments;
    return (count < 1 || is_number(values[0], 1, INT32_MAX)) &&
                   (count < 2 || is_number(values[1], 1, NODE_GET_HEADERS_MAX_MAX))
               ? NULL
               : "say from which height on, 1 the first, and how many, 1 to 2000: headers 100 20";
}

CHECK(raw_block)
{
    (void)arguments, (void)count;
    return is_hex(values[0]) ? NULL
                             : "that is no block: give it in pairs of hexadecimal digits, or @FILE "
                               "holds them or its bytes";
}

CHECK(raw_txs)
{
    (void)arguments;
    for (int i = 0; i < count; i++)
        if (!is_hex(values[i]))
            return "a transaction is given in hexadecimal digits, or as @FILE that holds them";
    return NULL;
}

CHECK(fee)
{
    (void)arguments;
    return count == 0 || is_number(values[0], 1, NODE_ESTIMATE_FEE_TARGET_BLOCKS_MAX)
               ? NULL
               : "say in how many blocks, from 1 to 1008: fee 6";
}
