/* Which addresses were used before, so that the first coin of each can be told. */
#include <stdlib.h>
#include <string.h>

#include "actors/wallet/wallet_impl.h"

#define BYTES_MIN 128

/* Marks a script as used; true: it was not. */
static bool mark(struct wallet *wallet, int64_t id)
{
    size_t byte = (size_t)id / 8;
    uint8_t bit = (uint8_t)(1u << (id % 8));
    if (byte >= wallet->used_size) {
        size_t size = byte * 2 > BYTES_MIN ? byte * 2 : BYTES_MIN;
        uint8_t *used = realloc(wallet->used, size);
        if (used == NULL)
            return false; /* one event less */
        memset(used + wallet->used_size, 0, size - wallet->used_size);
        wallet->used = used;
        wallet->used_size = size;
    }
    bool is_new = (wallet->used[byte] & bit) == 0;
    wallet->used[byte] |= bit;
    return is_new;
}

int wallet_used_load(struct wallet *wallet, struct btc_error *err)
{
    struct book_script *rows = wallet->page.scripts.rows;
    int64_t cursor = 0;
    do {
        size_t count = 0;
        int rc = book_list_scripts(wallet->book, &cursor, rows, WALLET_PAGE_MAX, &count, err);
        if (rc != 0)
            return rc;
        for (size_t i = 0; i < count; i++)
            if (rows[i].is_used)
                (void)mark(wallet, rows[i].id);
    } while (cursor != 0);
    return 0;
}

static void tell(struct troupe_actor *self, struct wallet *wallet, const struct book_script *script)
{
    if (!mark(wallet, script->id))
        return;
    struct wallet_address_used event = {.address = wallet_address_of(script)};
    wallet_publish_address_used(self, &event);
}

void wallet_tell_used(struct troupe_actor *self, struct wallet *wallet, int32_t height)
{
    struct book_coin *rows = wallet->page.coins.rows;
    int64_t cursor = BOOK_CURSOR_BLOCKS;
    bool goes_on = true;
    do {
        size_t count = 0;
        if (book_list_coins(wallet->book, &cursor, rows, WALLET_PAGE_MAX, &count, NULL) != 0)
            return;
        for (size_t i = 0; i < count && goes_on; i++) {
            goes_on = rows[i].height >= height;
            if (goes_on)
                tell(self, wallet, &rows[i].script);
        }
    } while (goes_on && cursor != 0);
}

void wallet_tell_used_by(struct troupe_actor *self, struct wallet *wallet,
                         const struct btc_hash *txid)
{
    struct book_script *rows = wallet->page.scripts.rows;
    int64_t cursor = 0;
    do {
        size_t count = 0;
        if (book_list_pending_scripts(wallet->book, txid, &cursor, rows, WALLET_PAGE_MAX, &count,
                                      NULL) != 0)
            return;
        for (size_t i = 0; i < count; i++)
            tell(self, wallet, &rows[i]);
    } while (cursor != 0);
}
