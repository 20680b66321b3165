/* A wallet's actor: start and stop, and what it answers from its book. See wallet_impl.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/bitcoin/version.h"
#include "actors/wallet/wallet_impl.h"

/* ---- start and stop ---- */

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct wallet *wallet = state;
    struct btc_error err;
    struct wallet_start *given = (struct wallet_start *)(uintptr_t)argument;
    wallet->book = given->book;
    wallet->params = given->params;
    memcpy(wallet->name, given->name, sizeof(wallet->name));
    memcpy(wallet->folder, given->folder, sizeof(wallet->folder));
    free(given);
    int rc = wallet_used_load(wallet, &err);
    if (rc != 0) {
        troupe_report(self, "%s", err.text);
        return TROUPE_ESYSTEM;
    }
    int error = wallet_follow_start(self, wallet);
    if (error == 0)
        error = wallet_pool_start(self, wallet);
    if (error != 0) {
        troupe_report(self, "can't follow the node: %s", troupe_error_text(error));
        return error;
    }
    wallet_tell_state(self, wallet, true);
    wallet_tell_lock(self, wallet);
    return 0;
}

static void stop(struct troupe_actor *self, void *state)
{
    struct wallet *wallet = state;
    (void)self;
    wallet_rescan_stop(wallet);
    wallet_backup_stop(wallet);
    book_close(wallet->book);
    free(wallet->block);
    free(wallet->used);
}

/* ---- helpers ---- */

bool wallet_read_text(struct troupe_text text, char *ret_text, size_t room)
{
    if (text.size >= room || (text.size > 0 && memchr(text.data, '\0', text.size) != NULL))
        return false;
    if (text.size > 0)
        memcpy(ret_text, text.data, text.size);
    ret_text[text.size] = '\0';
    return true;
}

/* It is shown on terminals, in one line: nothing in it may move the cursor. */
bool wallet_read_label(struct troupe_text text, char ret_label[BOOK_LABEL_SIZE])
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    }
    return wallet_read_text(text, ret_label, BOOK_LABEL_SIZE);
}

size_t wallet_page_of(uint32_t wanted)
{
    return wanted == 0 || wanted > WALLET_PAGE_MAX ? WALLET_PAGE_MAX : wanted;
}

/* ---- addresses ---- */

static void new_address(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct wallet_new_address_args *args)
{
    struct wallet *wallet = state;
    struct wallet_new_address_results results = {.is_beyond_gap = false};
    struct book_script script;
    struct btc_error err;
    char label[BOOK_LABEL_SIZE];
    (void)self;
    if (!wallet_read_label(args->label, label)) {
        wallet_fail_invalid(call, "a label is one line of text, without control characters");
        return;
    }
    if (args->kind != WALLET_ADDRESS_KIND_UNKNOWN && args->kind != WALLET_ADDRESS_KIND_P2WPKH &&
        args->kind != WALLET_ADDRESS_KIND_P2TR) {
        wallet_fail_invalid(call, "the wallet gives out P2WPKH and P2TR addresses");
        return;
    }
    int rc = book_new_address(
        wallet->book, args->kind == WALLET_ADDRESS_KIND_P2TR ? BTC_SCRIPT_P2TR : BTC_SCRIPT_P2WPKH,
        BOOK_RECEIVE, label, &script, &results.is_beyond_gap, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    results.address = wallet_address_of(&script);
    wallet_new_address_reply(call, &results);
}

static void list_addresses(struct troupe_actor *self, void *state, struct troupe_call *call,
                           const struct wallet_list_addresses_args *args)
{
    struct wallet *wallet = state;
    struct book_script *rows = wallet->page.scripts.rows;
    struct wallet_address *items = wallet->page.scripts.items;
    struct wallet_list_addresses_results results = {.addresses = items, .cursor = args->cursor};
    struct btc_error err;
    (void)self;
    int rc = book_list_scripts(wallet->book, &results.cursor, rows, wallet_page_of(args->max),
                               &results.addresses_count, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < results.addresses_count; i++)
        items[i] = wallet_address_of(&rows[i]);
    wallet_list_addresses_reply(call, &results);
}

/* Is it in the book? Reads all of its scripts: for a person's question, not for a loop. */
static int find_address(struct wallet *wallet, const char *address, bool *ret_found,
                        struct btc_error *err)
{
    struct book_script *rows = wallet->page.scripts.rows;
    int64_t cursor = 0;
    bool found = false;
    do {
        size_t count = 0;
        int rc = book_list_scripts(wallet->book, &cursor, rows, WALLET_PAGE_MAX, &count, err);
        if (rc != 0)
            return rc;
        for (size_t i = 0; i < count && !found; i++)
            found = strcmp(rows[i].text, address) == 0;
    } while (cursor != 0 && !found);
    *ret_found = found;
    return 0;
}

static void validate_address(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct wallet_validate_address_args *args)
{
    struct wallet *wallet = state;
    struct wallet_validate_address_results results = {.is_valid = false};
    struct btc_script script;
    struct btc_error err = {.code = 0};
    char text[WALLET_VALIDATE_ADDRESS_ADDRESS_BYTES_MAX + 1];
    char canonical[BTC_ADDRESS_SIZE];
    (void)self;
    int rc = wallet_read_text(args->address, text, sizeof(text))
                 ? btc_address_decode(wallet->params, text, &script, &err)
                 : btc_fail(&err, BTC_EFORMAT, "an address has no NUL");
    if (rc != 0) {
        results.reason = troupe_text(err.text);
        if (results.reason.size > WALLET_VALIDATE_ADDRESS_RESULTS_REASON_BYTES_MAX)
            results.reason = troupe_text("it is no address of this network");
        wallet_validate_address_reply(call, &results);
        return;
    }
    struct btc_span span = btc_script_span(&script);
    results.is_valid = true;
    results.kind = wallet_kind_of(btc_script_classify(span).kind);
    results.has_script = true;
    results.script = (struct troupe_bytes){.data = span.data, .size = span.size};
    if (btc_address_encode(wallet->params, span, canonical) == 0)
        rc = find_address(wallet, canonical, &results.is_mine, &err);
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_validate_address_reply(call, &results);
}

static void set_label(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct wallet_set_label_args *args)
{
    struct wallet *wallet = state;
    struct btc_error err;
    char label[BOOK_LABEL_SIZE];
    (void)self;
    if (!wallet_read_label(args->label, label)) {
        wallet_fail_invalid(call, "a label is one line of text, without control characters");
        return;
    }
    int rc = book_set_label(wallet->book, args->id, label, &err);
    if (rc == BOOK_NONE)
        wallet_fail_not_found(call, "there is no address of that number");
    else if (rc < 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_set_label_reply(call);
}

/* ---- balance and history ---- */

static void get_info(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct wallet *wallet = state;
    struct btc_error err;
    struct wallet_get_info_results results = {
        .network = (enum wallet_network)wallet->params->network,
        .version = troupe_text(BTC_PROGRAM_VERSION),
        .datadir = troupe_text(wallet->folder),
        .pid = (uint32_t)getpid(),
        .name = troupe_text(wallet->name),
    };
    (void)self;
    struct book_lock_state lock = {.is_locked = false};
    int rc = wallet_synced(wallet, &results.synced, &err);
    if (rc == 0)
        rc = book_lock_state(wallet->book, &lock, &err);
    results.is_encrypted = lock.is_encrypted;
    results.is_locked = lock.is_locked;
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_get_info_reply(call, &results);
}

static void get_synced(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct wallet_get_synced_results results;
    struct btc_error err;
    (void)self;
    int rc = wallet_synced(state, &results.synced, &err);
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_get_synced_reply(call, &results);
}

static void get_balance(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct wallet *wallet = state;
    struct wallet_get_balance_results results;
    struct book_balance balance;
    struct btc_error err;
    (void)self;
    int rc = book_balance(wallet->book, &balance, &err);
    if (rc == 0)
        rc = wallet_synced(wallet, &results.synced, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    results.balance = wallet_balance_of(&balance);
    wallet_get_balance_reply(call, &results);
}

static void list_txs(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct wallet_list_txs_args *args)
{
    struct wallet *wallet = state;
    struct book_entry *rows = wallet->page.txs.rows;
    struct wallet_tx *items = wallet->page.txs.items;
    struct wallet_list_txs_results results = {.txs = items, .cursor = args->cursor};
    struct btc_error err;
    (void)self;
    int rc = book_list_entries(wallet->book, &results.cursor, rows, wallet_page_of(args->max),
                               &results.txs_count, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < results.txs_count; i++)
        items[i] = wallet_tx_of(&rows[i]);
    wallet_list_txs_reply(call, &results);
}

static void list_coins(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallet_list_coins_args *args)
{
    struct wallet *wallet = state;
    struct book_coin *rows = wallet->page.coins.rows;
    struct wallet_coin *items = wallet->page.coins.items;
    struct wallet_list_coins_results results = {.coins = items, .cursor = args->cursor};
    struct btc_error err;
    (void)self;
    int rc = book_list_coins(wallet->book, &results.cursor, rows, wallet_page_of(args->max),
                             &results.coins_count, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < results.coins_count; i++)
        items[i] = wallet_coin_of(&rows[i]);
    wallet_list_coins_reply(call, &results);
}

/* ---- definition ---- */

static const struct wallet_handlers handlers = {
    .get_info = get_info,
    .new_address = new_address,
    .list_addresses = list_addresses,
    .validate_address = validate_address,
    .watch = wallet_serve_watch,
    .set_label = set_label,
    .get_balance = get_balance,
    .list_txs = list_txs,
    .list_coins = list_coins,
    .get_synced = get_synced,
    .wait_synced = wallet_serve_wait_synced,
    .unlock = wallet_serve_unlock,
    .lock = wallet_serve_lock,
    .change_passphrase = wallet_serve_change_passphrase,
    .lock_coins = wallet_serve_lock_coins,
    .get_tx = wallet_serve_get_tx,
    .sign_message = wallet_serve_sign_message,
    .import_watch_only = wallet_serve_import_watch_only,
    .export_descriptors = wallet_serve_export_descriptors,
    .psbt_create = wallet_serve_psbt_create,
    .psbt_sign = wallet_serve_psbt_sign,
    .psbt_finalise = wallet_serve_psbt_finalise,
    .rescan = wallet_serve_rescan,
    .backup = wallet_serve_backup,
    .draft = wallet_serve_draft,
    .sign = wallet_serve_sign,
    .send = wallet_serve_send,
    .bump_fee = wallet_serve_bump_fee,
    .get_words = wallet_serve_get_words,
    .list_drafts = wallet_serve_list_drafts,
    .drop_draft = wallet_serve_drop_draft,
};

static const struct troupe_service services[] = {{&wallet_interface, &handlers}};

const struct troupe_actor_def wallet_actor = {
    .name = "wallet",
    .state_size = sizeof(struct wallet),
    .start = start,
    .stop = stop,
    .services = services,
    .services_count = 1,
    .flags = TROUPE_DETACHED,
};
