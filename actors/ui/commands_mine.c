/* The command that mines blocks to the wallet. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/commands_impl.h"

#define MINE_LABEL "mining"

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

int ui_run_mine(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct mined mined = {.blocks = 0};
    struct troupe_error error;
    char address[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
    char hash[FORMAT_HASH_SIZE];
    uint64_t wanted = 0;
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "mine") != 0)
        return 1;
    if (strcmp(troupe_argument(arguments, "network"), "regtest") != 0)
        return ui_desk_fail(&desk, "blocks are mined on regtest only: leave --network away");
    if (!ui_read_number(values[0], 1, UI_MINE_MAX, &wanted))
        return ui_desk_fail(&desk, "say how many blocks, from 1 to 1000000: mine 10");
    if (ui_desk_wait_level(&desk, UI_LEVEL_MS) != 0) /* what it sent is to be in the block */
        return 1;
    int code = mining_address(&desk, address, &error);
    if (code == 0)
        code = mine(&desk, (uint32_t)wanted, address, &mined, &error);
    if (code != 0 && mined.blocks != 0)
        fprintf(stderr,
                "%s: mine: of %" PRIu64 " blocks %" PRIu64 " were mined, up to block %" PRIu32 "\n",
                BTC_PROGRAM_NAME, wanted, mined.blocks, mined.height);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (ui_desk_wait_level(&desk, UI_WORK_MS) != 0)
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
