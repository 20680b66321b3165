/* What leaves a wallet, or comes to it, as a text or a file: PSBTs, descriptors, words, signed
 * messages, single transactions, and the copy of its file. */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/bip32.h"
#include "actors/wallet/wallet_impl.h"

/* ---- PSBT ---- */

/* A blob that lies in pieces, gathered [owned]. NULL: it has failed the call. */
static uint8_t *gather(struct troupe_call *call, const struct troupe_blob *blob)
{
    uint8_t *bytes = malloc(blob->size > 0 ? blob->size : 1);
    if (bytes == NULL)
        troupe_fail(call, TROUPE_ENOMEM, NULL);
    else if (blob->size > 0)
        troupe_blob_copy(blob, bytes);
    return bytes;
}

/* False: it has failed the call. */
static bool fits(struct troupe_call *call, size_t size, size_t size_max)
{
    if (size > size_max)
        troupe_fail(call, TROUPE_ETOOLARGE, "it is larger than 1 MiB: pay in smaller parts");
    return size <= size_max;
}

void wallet_serve_psbt_create(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_psbt_create_args *args)
{
    struct wallet *wallet = state;
    struct btc_error err;
    uint8_t *data = NULL;
    size_t size = 0;
    (void)self;
    int rc = book_psbt_create(wallet->book, args->id, &data, &size, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct wallet_psbt_create_results results = {.psbt = {.data = data, .size = size}};
    if (fits(call, size, WALLET_PSBT_CREATE_RESULTS_PSBT_BYTES_MAX))
        wallet_psbt_create_reply(call, &results);
    free(data);
}

void wallet_serve_psbt_sign(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct wallet_psbt_sign_args *args)
{
    struct wallet *wallet = state;
    struct btc_error err;
    uint8_t *data = NULL;
    size_t size = 0;
    size_t count = 0;
    uint8_t *given = gather(call, &args->psbt);
    (void)self;
    if (given == NULL)
        return;
    int rc = book_psbt_sign(wallet->book, given, args->psbt.size, &data, &size, &count, &err);
    free(given);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct wallet_psbt_sign_results results = {.psbt = {.data = data, .size = size},
                                               .signed_count = (uint32_t)count};
    if (fits(call, size, WALLET_PSBT_SIGN_RESULTS_PSBT_BYTES_MAX))
        wallet_psbt_sign_reply(call, &results);
    free(data);
}

static int txid_of(const uint8_t *data, size_t size, struct wallet_hash32 *ret_txid,
                   struct btc_error *err)
{
    struct btc_tx tx;
    int rc = btc_tx_parse(data, size, &tx, err);
    if (rc != 0)
        return rc;
    *ret_txid = wallet_hash_of(&tx.txid);
    btc_tx_free(&tx);
    return 0;
}

void wallet_serve_psbt_finalise(struct troupe_actor *self, void *state, struct troupe_call *call,
                                const struct wallet_psbt_finalise_args *args)
{
    struct wallet *wallet = state;
    struct btc_error err;
    uint8_t *data = NULL;
    size_t size = 0;
    struct wallet_psbt_finalise_results results = {.has_id = false};
    uint8_t *given = gather(call, &args->psbt);
    (void)self;
    if (given == NULL)
        return;
    int rc = book_psbt_finalise(wallet->book, given, args->psbt.size, &data, &size, &results.id,
                                &err);
    free(given);
    if (rc == 0)
        rc = txid_of(data, size, &results.txid, &err);
    results.has_id = results.id != 0;
    results.tx = (struct troupe_blob){.data = data, .size = size};
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else if (fits(call, size, WALLET_PSBT_FINALISE_RESULTS_TX_BYTES_MAX))
        wallet_psbt_finalise_reply(call, &results);
    free(data);
}

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
