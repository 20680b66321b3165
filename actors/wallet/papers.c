/* What leaves a wallet, or comes to it, as a text or a file: PSBTs, descriptors, words, signed
 * messages, single transactions, and the copy of its file. */
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/bip32.h"
#include "actors/bitcoin/message.h"
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

/* Watches what `what` says, whichever method asked. 0, BOOK_KNOWN, or negative: the call is answered. */
static int import(struct troupe_actor *self, struct wallet *wallet, struct troupe_call *call,
                  struct troupe_text what, struct troupe_text label, int32_t from_height)
{
    struct btc_error err;
    char text[WALLET_IMPORT_WATCH_ONLY_DESCRIPTOR_BYTES_MAX + 1];
    char label_text[BOOK_LABEL_SIZE];
    if (!wallet_read_text(what, text, sizeof(text)) || !wallet_read_label(label, label_text)) {
        wallet_fail_invalid(call, "what is to be watched has a NUL, or the label is not one line");
        return BTC_EUSAGE;
    }
    int rc = book_import(wallet->book, text, label_text, from_height, &err);
    if (rc != 0 && rc != BOOK_KNOWN) {
        wallet_fail_book(call, rc, &err);
        return BTC_EUSAGE;
    }
    if (rc == 0) {
        wallet_follow(self, wallet);
        wallet_pool_look_at_all(self, wallet); /* it may be paid by what has been there for long */
        wallet_tell_state(self, wallet, true);
    }
    return rc;
}

static int32_t from_height(bool has_height, uint32_t height)
{
    return !has_height ? -1 : height > INT32_MAX ? INT32_MAX : (int32_t)height;
}

void wallet_serve_watch(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct wallet_watch_args *args)
{
    int rc = import(self, state, call, args->text, args->label,
                    from_height(args->has_from_height, args->from_height));
    struct wallet_watch_results results = {.is_known = rc == BOOK_KNOWN};
    if (rc >= 0)
        wallet_watch_reply(call, &results);
}

void wallet_serve_import_watch_only(struct troupe_actor *self, void *state,
                                    struct troupe_call *call,
                                    const struct wallet_import_watch_only_args *args)
{
    int rc = import(self, state, call, args->descriptor, args->label,
                    from_height(args->has_from_height, args->from_height));
    struct wallet_import_watch_only_results results = {.is_known = rc == BOOK_KNOWN};
    if (rc >= 0)
        wallet_import_watch_only_reply(call, &results);
}

void wallet_serve_export_descriptors(struct troupe_actor *self, void *state,
                                     struct troupe_call *call)
{
    struct wallet *wallet = state;
    struct wallet_descriptor items[WALLET_EXPORT_DESCRIPTORS_RESULTS_DESCRIPTORS_MAX];
    struct wallet_export_descriptors_results results = {.descriptors = items};
    struct book_descriptor *rows = calloc(WALLET_EXPORT_DESCRIPTORS_RESULTS_DESCRIPTORS_MAX,
                                          sizeof(*rows));
    struct btc_error err;
    int64_t cursor = 0;
    (void)self;
    int rc = rows == NULL ? btc_fail(&err, BTC_ENOMEM, "no memory for descriptors")
                          : book_list_descriptors(wallet->book, &cursor, rows,
                                                  WALLET_EXPORT_DESCRIPTORS_RESULTS_DESCRIPTORS_MAX,
                                                  &results.descriptors_count, &err);
    for (size_t i = 0; rc == 0 && i < results.descriptors_count; i++)
        items[i] = (struct wallet_descriptor){.text = troupe_text(rows[i].text),
                                              .owner = !rows[i].is_own ? WALLET_SCRIPT_OWNER_WATCHED
                                                       : rows[i].chain == BOOK_CHANGE
                                                           ? WALLET_SCRIPT_OWNER_CHANGE
                                                           : WALLET_SCRIPT_OWNER_RECEIVE};
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_export_descriptors_reply(call, &results);
    free(rows);
}

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

/* ---- messages ---- */

void wallet_serve_sign_message(struct troupe_actor *self, void *state, struct troupe_call *call,
                               const struct wallet_sign_message_args *args)
{
    struct wallet *wallet = state;
    struct btc_script script;
    struct btc_error err;
    uint8_t secret[BTC_SECRET_SIZE];
    char address[WALLET_SIGN_MESSAGE_ADDRESS_BYTES_MAX + 1];
    char signature[BTC_MESSAGE_SIGNATURE_TEXT_SIZE];
    struct btc_span message = {(const uint8_t *)args->message.data, args->message.size};
    (void)self;
    int rc = wallet_read_text(args->address, address, sizeof(address))
                 ? btc_address_decode(wallet->params, address, &script, &err)
                 : btc_fail(&err, BTC_EFORMAT, "an address has no NUL");
    if (rc == 0)
        rc = book_secret_of(wallet->book, btc_script_span(&script), secret, &err);
    if (rc == 0)
        rc = btc_message_sign(btc_script_span(&script), secret, message, signature, &err);
    btc_wipe(secret, sizeof(secret));
    if (rc == BOOK_NONE) {
        wallet_fail_not_found(call, "the wallet has no key of that address");
        return;
    }
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    struct wallet_sign_message_results results = {.signature = troupe_text(signature)};
    wallet_sign_message_reply(call, &results);
}
