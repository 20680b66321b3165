/* The book's rows in the interface's types, and what the wallet publishes. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/wallet/wallet_impl.h"

struct wallet_hash32 wallet_hash_of(const struct btc_hash *hash)
{
    struct wallet_hash32 bytes = {.bytes = {0}};
    memcpy(bytes.bytes, hash->bytes, sizeof(bytes.bytes));
    return bytes;
}

struct btc_outpoint wallet_outpoint_of(const struct wallet_outpoint *outpoint)
{
    struct btc_outpoint made = {.index = outpoint->index};
    memcpy(made.txid.bytes, outpoint->txid.bytes, sizeof(made.txid.bytes));
    return made;
}

enum wallet_address_kind wallet_kind_of(enum btc_script_kind kind)
{
    switch (kind) {
    case BTC_SCRIPT_P2PKH:
        return WALLET_ADDRESS_KIND_P2PKH;
    case BTC_SCRIPT_P2SH:
        return WALLET_ADDRESS_KIND_P2SH;
    case BTC_SCRIPT_P2WPKH:
        return WALLET_ADDRESS_KIND_P2WPKH;
    case BTC_SCRIPT_P2WSH:
        return WALLET_ADDRESS_KIND_P2WSH;
    case BTC_SCRIPT_P2TR:
        return WALLET_ADDRESS_KIND_P2TR;
    default:
        return WALLET_ADDRESS_KIND_UNKNOWN;
    }
}

struct wallet_address wallet_address_of(const struct book_script *script)
{
    return (struct wallet_address){
        .id = script->id,
        .owner = script->chain == BOOK_RECEIVE  ? WALLET_SCRIPT_OWNER_RECEIVE
                 : script->chain == BOOK_CHANGE ? WALLET_SCRIPT_OWNER_CHANGE
                                                : WALLET_SCRIPT_OWNER_WATCHED,
        .index = script->index,
        .text = troupe_text(script->text),
        .label = troupe_text(script->label),
        .is_used = script->is_used,
        .kind = wallet_kind_of(script->kind),
    };
}

struct wallet_tx wallet_tx_of(const struct book_entry *entry)
{
    return (struct wallet_tx){
        .txid = wallet_hash_of(&entry->txid),
        .height = (uint32_t)entry->height,
        .position = entry->position,
        .time_s = entry->time_s,
        .received_sat = entry->received,
        .sent_sat = entry->sent,
        .net_sat = entry->net,
        .has_fee_sat = entry->fee >= 0,
        .fee_sat = entry->fee >= 0 ? entry->fee : 0,
        .is_coinbase = entry->is_coinbase,
        .is_pending = entry->is_pending,
    };
}

struct wallet_coin wallet_coin_of(const struct book_coin *coin)
{
    return (struct wallet_coin){
        .txid = wallet_hash_of(&coin->outpoint.txid),
        .index = coin->outpoint.index,
        .amount_sat = coin->amount,
        .height = (uint32_t)coin->height,
        .is_coinbase = coin->is_coinbase,
        .is_mature = coin->is_mature,
        .is_locked = coin->is_locked,
        .is_pending = coin->is_pending,
        .is_held = coin->is_held,
        .address = wallet_address_of(&coin->script),
    };
}

struct wallet_balance wallet_balance_of(const struct book_balance *balance)
{
    return (struct wallet_balance){
        .confirmed_sat = balance->confirmed,
        .immature_sat = balance->immature,
        .pending_sat = balance->pending,
        .watch_only_sat = balance->watch_only,
    };
}

int wallet_synced(struct wallet *wallet, struct wallet_synced *ret_synced, struct btc_error *err)
{
    int32_t height = 0;
    struct btc_hash hash;
    int rc = book_synced(wallet->book, &height, &hash, err);
    if (rc == 0)
        *ret_synced = (struct wallet_synced){.height = (uint32_t)height,
                                             .hash = wallet_hash_of(&hash),
                                             .node_height = wallet->node_height};
    return rc;
}

/* ---- events ---- */

static void tell_tx(struct troupe_actor *self, const struct book_entry *entry, bool is_removed)
{
    struct wallet_tx_changed event = {.tx = wallet_tx_of(entry), .is_removed = is_removed};
    wallet_publish_tx_changed(self, &event);
}

/* What gave way comes before what it gave way to. */
static void tell_gone(struct troupe_actor *self, struct wallet *wallet)
{
    struct book_entry entries[16];
    size_t count;
    while ((count = book_take_gone(wallet->book, entries, sizeof(entries) / sizeof(entries[0]))) >
           0) {
        for (size_t i = 0; i < count; i++)
            tell_tx(self, &entries[i], true);
    }
}

void wallet_tell_pending(struct troupe_actor *self, struct wallet *wallet,
                         const struct btc_hash *txid)
{
    struct book_tx tx;
    tell_gone(self, wallet);
    if (book_get_tx(wallet->book, txid, &tx, NULL) != 0)
        return;
    free(tx.data);
    tell_tx(self, &tx.entry, false);
}

void wallet_tell_txs(struct troupe_actor *self, struct wallet *wallet, int32_t height, size_t count)
{
    struct book_entry *rows = wallet->page.txs.rows;
    int64_t cursor = BOOK_CURSOR_BLOCKS;
    size_t got = 0;
    tell_gone(self, wallet);
    while (count > 0) {
        size_t wanted = count < WALLET_PAGE_MAX ? count : WALLET_PAGE_MAX;
        if (book_list_entries(wallet->book, &cursor, rows, wanted, &got, NULL) != 0 || got == 0)
            return;
        for (size_t i = 0; i < got && rows[i].height == height; i++)
            tell_tx(self, &rows[i], false);
        if (cursor == 0)
            return;
        count -= got;
    }
}

void wallet_tell_removed(struct troupe_actor *self, struct wallet *wallet, int32_t height)
{
    struct book_entry *rows = wallet->page.txs.rows;
    int64_t cursor = BOOK_CURSOR_BLOCKS;
    do {
        size_t got = 0;
        if (book_list_entries(wallet->book, &cursor, rows, WALLET_PAGE_MAX, &got, NULL) != 0)
            return;
        for (size_t i = 0; i < got; i++) {
            if (rows[i].height <= height)
                return;
            tell_tx(self, &rows[i], true);
        }
    } while (cursor != 0);
}

static void tell_balance(struct troupe_actor *self, struct wallet *wallet, uint32_t height)
{
    struct book_balance now;
    if (book_balance(wallet->book, &now, NULL) != 0)
        return;
    if (wallet->was_told && now.confirmed == wallet->balance.confirmed &&
        now.immature == wallet->balance.immature && now.pending == wallet->balance.pending &&
        now.watch_only == wallet->balance.watch_only)
        return;
    wallet->balance = now;
    wallet->was_told = true;
    struct wallet_balance_changed event = {.balance = wallet_balance_of(&now), .height = height};
    wallet_publish_balance_changed(self, &event);
}

void wallet_tell_state(struct troupe_actor *self, struct wallet *wallet, bool is_last)
{
    struct wallet_synced_to event;
    uint64_t now = troupe_now_ms();
    tell_gone(self, wallet);
    if (wallet_synced(wallet, &event.synced, NULL) != 0)
        return;
    tell_balance(self, wallet, event.synced.height);
    if (!is_last && now - wallet->told_ms < WALLET_TELL_MS)
        return;
    wallet->told_ms = now;
    wallet_publish_synced_to(self, &event);
}

void wallet_fail_book(struct troupe_call *call, int code, const struct btc_error *err)
{
    switch (code) {
    case BOOK_NONE:
        wallet_fail_not_found(call, err->text);
        return;
    case BOOK_LOCKED:
        wallet_fail_locked(call, err->text);
        return;
    case BOOK_WRONG:
        wallet_fail_wrong_passphrase(call, err->text);
        return;
    case BOOK_SHORT:
        wallet_fail_insufficient(call, err->text);
        return;
    case BOOK_CONFLICT:
        wallet_fail_conflict(call, err->text);
        return;
    case BTC_EFORMAT:
    case BTC_EINVALID:
    case BTC_ELIMIT:
    case BTC_EUSAGE:
        wallet_fail_invalid(call, err->text);
        return;
    case BTC_ENETWORK:
        wallet_fail_wrong_network(call, err->text);
        return;
    case BTC_ENOMEM:
        troupe_fail(call, TROUPE_ENOMEM, err->text);
        return;
    default:
        troupe_fail(call, TROUPE_ESYSTEM, err->text);
        return;
    }
}
