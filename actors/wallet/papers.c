/* What leaves a wallet, or comes to it, as a text or a file: PSBTs, descriptors, words, signed
 * messages, single transactions, and the copy of its file. */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/bip32.h"
#include "actors/wallet/wallet_impl.h"

/* ---- one transaction ---- */

void wallet_serve_get_tx(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallet_get_tx_args *args)
{
    static const struct btc_hash zero;
    struct wallet *wallet = state;
    struct book_tx tx;
    struct btc_hash txid;
    struct btc_error err;
    (void)self;
    memcpy(txid.bytes, args->txid.bytes, sizeof(txid.bytes));
    int rc = book_get_tx(wallet->book, &txid, &tx, &err);
    if (rc == BOOK_NONE) {
        wallet_fail_not_found(call, "the wallet has no part in a transaction of that id");
        return;
    }
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct wallet_get_tx_results results = {
        .tx = wallet_tx_of(&tx.entry),
        .has_raw = tx.data != NULL,
        .raw = {.data = tx.data, .size = tx.size},
        .has_draft_id = tx.draft_id != 0,
        .draft_id = tx.draft_id,
        .has_replaces = memcmp(&tx.replaces, &zero, sizeof(zero)) != 0,
        .replaces = wallet_hash_of(&tx.replaces),
    };
    wallet_get_tx_reply(call, &results);
    free(tx.data);
}

/* ---- coins locked by hand ---- */

void wallet_serve_lock_coins(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct wallet_lock_coins_args *args)
{
    struct wallet *wallet = state;
    struct btc_outpoint coins[WALLET_LOCK_COINS_COINS_MAX];
    struct btc_error err;
    (void)self;
    for (size_t i = 0; i < args->coins_count; i++)
        coins[i] = wallet_outpoint_of(&args->coins[i]);
    int rc = book_lock_coins(wallet->book, coins, args->coins_count, args->is_locked, &err);
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_lock_coins_reply(call);
}

/* ---- descriptors and words ---- */

void wallet_serve_get_words(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct wallet *wallet = state;
    char words[BTC_BIP39_SENTENCE_SIZE];
    struct btc_error err;
    (void)self;
    int rc = book_sentence(wallet->book, words, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct wallet_get_words_results results = {.words = troupe_text(words)};
    wallet_get_words_reply(call, &results);
    btc_wipe(words, sizeof(words));
}
