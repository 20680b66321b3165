/* The role's actor: which wallets there are, and which are open. It opens their books itself, so that
 * it can say what is wrong with one, and hands each over to an actor of its own. See wallet.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/bytes.h"
#include "actors/wallet/shelf.h"
#include "actors/wallet/wallet.h"
#include "actors/wallet/wallet_impl.h"
#include "interfaces/wallets.h"
#include "launcher/launcher.h"

#define OPEN_MAX   64 /* wallets at the same time */
#define LIST_COUNT WALLETS_LIST_RESULTS_WALLETS_MAX

struct opened {
    char name[SHELF_NAME_SIZE];
    struct troupe_ref ref;
    struct troupe_call *closing; /* who waits for its end */
    bool is_closing;
};

struct manager {
    struct shelf shelf;
    bool is_to_check;   /* each wallet that is opened: --check */
    bool is_to_compact; /* --compact */
    bool has_folder;    /* the default wallet was opened, so nobody else has any of them */
    struct opened opened[OPEN_MAX];
    size_t opened_count;
    char reopening[OPEN_MAX]
                  [SHELF_NAME_SIZE]; /* that were open when the process before this died */
    size_t reopening_at;             /* those before it were tried */
    size_t reopening_count;
    char names[LIST_COUNT][SHELF_NAME_SIZE];
    struct wallets_entry entries[LIST_COUNT];
    uint8_t piece[WALLETS_RESTORE_PIECE_BYTES_MAX];
};

/* ---- helpers ---- */

static struct opened *find(struct manager *manager, const char *name)
{
    for (size_t i = 0; i < manager->opened_count; i++)
        if (strcmp(manager->opened[i].name, name) == 0)
            return &manager->opened[i];
    return NULL;
}

/* False: it has failed the call. */
static bool read_name(struct troupe_call *call, struct troupe_text text,
                      char ret_name[SHELF_NAME_SIZE])
{
    size_t size = text.size < SHELF_NAME_SIZE ? text.size : SHELF_NAME_SIZE - 1;
    if (size > 0)
        memcpy(ret_name, text.data, size);
    ret_name[size] = '\0';
    if (strlen(ret_name) == text.size && shelf_is_name(ret_name))
        return true;
    wallets_fail_invalid(call, "a wallet's name is 1 to 32 of a-z, 0-9, _ and -");
    return false;
}

static void fail_book(struct troupe_call *call, int code, const struct btc_error *err)
{
    switch (code) {
    case BOOK_NONE:
        wallets_fail_not_found(call, err->text);
        return;
    case BOOK_KNOWN:
        wallets_fail_exists(call, err->text);
        return;
    case BTC_ENOMEM:
        troupe_fail(call, TROUPE_ENOMEM, err->text);
        return;
    case BTC_EIO:
    case BTC_ECRYPTO:
        troupe_fail(call, TROUPE_ESYSTEM, err->text);
        return;
    default: /* a file, words or a passphrase that are not what they should be */
        wallets_fail_invalid(call, err->text);
        return;
    }
}

/* ---- wallets that are open ---- */

/* Writes down which are open, for the process that takes this one's place should it die. */
static void remember(struct troupe_actor *self, struct manager *manager)
{
    const char *names[2 * OPEN_MAX];
    size_t count = 0;
    struct btc_error err;
    for (size_t i = 0; i < manager->opened_count; i++)
        if (strcmp(manager->opened[i].name, SHELF_DEFAULT) != 0)
            names[count++] = manager->opened[i].name;
    for (size_t i = manager->reopening_at; i < manager->reopening_count; i++)
        names[count++] = manager->reopening[i];
    if (shelf_remember(&manager->shelf, names, count, &err) != 0)
        troupe_report(self, "%s", err.text);
}

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct manager *manager = user;
    (void)why;
    for (size_t i = 0; i < manager->opened_count; i++) {
        struct opened gone = manager->opened[i];
        if (!troupe_ref_equal(gone.ref, ref))
            continue;
        manager->opened[i] = manager->opened[--manager->opened_count];
        remember(self, manager);
        struct wallets_wallet_unloaded event = {.name = troupe_text(gone.name)};
        wallets_publish_wallet_unloaded(self, &event);
        if (gone.closing != NULL)
            wallets_close_reply(gone.closing);
        return;
    }
}

/* Opens a book, and looks after its file as --check and --compact say. One that can't be compacted is as
 * good as before. */
static int open_book(struct troupe_actor *self, struct manager *manager, const char *name,
                     struct book **ret_book, struct btc_error *err)
{
    struct book *book = NULL;
    int64_t before = 0;
    int64_t after = 0;
    int rc = shelf_open(&manager->shelf, name, &book, err);
    if (rc == 0 && manager->is_to_check) {
        rc = book_check(book, err);
        if (rc == 0)
            troupe_report(self, "the wallet \"%s\" is sound", name);
    }
    if (rc != 0) {
        book_close(book);
        return rc;
    }
    *ret_book = book;
    if (!manager->is_to_compact)
        return 0;
    if (book_compact(book, &before, &after, err) != 0)
        troupe_report(self, "not compacted: %s", err->text);
    else
        troupe_report(self, "the wallet \"%s\" was compacted from %lld to %lld KiB", name,
                      (long long)before / 1024, (long long)after / 1024);
    return 0;
}

/* Gives the book [taken over] to an actor of its own. 0 or TROUPE_E... */
static int spawn(struct troupe_actor *self, struct manager *manager, const char *name,
                 struct book *book, struct troupe_ref *ret_ref)
{
    struct opened *opened = &manager->opened[manager->opened_count];
    struct wallet_start *start = calloc(1, sizeof(*start));
    struct btc_error err;
    int code = start == NULL ? TROUPE_ENOMEM : 0;
    if (code == 0) {
        start->book = book;
        start->params = manager->shelf.params;
        snprintf(start->name, sizeof(start->name), "%s", name);
        if (shelf_path(&manager->shelf, name, start->folder, &err) != 0)
            code = TROUPE_ESYSTEM; /* it was opened there */
    }
    *opened = (struct opened){.is_closing = false};
    snprintf(opened->name, sizeof(opened->name), "%s", name);
    if (code == 0)
        code = troupe_spawn(troupe_runtime(self), &wallet_actor, start, &opened->ref);
    if (code != 0) {
        book_close(book);
        free(start);
        return code;
    }
    manager->opened_count++;
    code = troupe_watch(self, opened->ref, on_gone, manager, NULL);
    if (code != 0) {
        troupe_stop(troupe_runtime(self), opened->ref);
        manager->opened_count--;
        return code;
    }
    *ret_ref = opened->ref;
    if (strcmp(name, SHELF_DEFAULT) != 0)
        remember(self, manager);
    struct wallets_wallet_loaded event = {.name = troupe_text(name), .wallet = opened->ref};
    return wallets_publish_wallet_loaded(self, &event);
}

/* True: the call may go on to open one more. */
static bool has_room(const struct manager *manager, struct troupe_call *call)
{
    if (manager->opened_count < OPEN_MAX)
        return true;
    troupe_fail(call, TROUPE_EBUSY, "64 wallets are open: close one first");
    return false;
}

/* ---- what is asked ---- */

static void serve_create(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallets_create_args *args)
{
    struct manager *manager = state;
    struct wallets_create_results results;
    struct book *book = NULL;
    struct btc_error err;
    char name[SHELF_NAME_SIZE];
    char words[WALLETS_CREATE_WORDS_BYTES_MAX + 1];
    char passphrase[WALLETS_CREATE_PASSPHRASE_BYTES_MAX + 1];
    if (!read_name(call, args->name, name) || !has_room(manager, call))
        return;
    if (!wallet_read_text(args->words, words, sizeof(words)) ||
        !wallet_read_text(args->passphrase, passphrase, sizeof(passphrase))) {
        wallets_fail_invalid(call, "neither words nor a passphrase have a NUL");
    } else {
        int rc = shelf_create(&manager->shelf, name, words[0] != '\0' ? words : NULL,
                              passphrase[0] != '\0' ? passphrase : NULL, &book, &err);
        int code = rc == 0 ? spawn(self, manager, name, book, &results.wallet) : 0;
        if (rc != 0)
            fail_book(call, rc, &err);
        else if (code != 0)
            troupe_fail(call, code, NULL);
        else
            wallets_create_reply(call, &results);
    }
    btc_wipe(words, sizeof(words));
    btc_wipe(passphrase, sizeof(passphrase));
}

static void serve_open(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallets_open_args *args)
{
    struct manager *manager = state;
    struct wallets_open_results results;
    struct book *book = NULL;
    struct btc_error err;
    char name[SHELF_NAME_SIZE];
    if (!read_name(call, args->name, name))
        return;
    const struct opened *opened = find(manager, name);
    if (opened != NULL && opened->is_closing) {
        troupe_fail(call, TROUPE_EBUSY, "the wallet is just being closed: try again");
        return;
    }
    if (opened != NULL) {
        results.wallet = opened->ref;
        wallets_open_reply(call, &results);
        return;
    }
    if (!has_room(manager, call))
        return;
    int rc = open_book(self, manager, name, &book, &err);
    int code = rc == 0 ? spawn(self, manager, name, book, &results.wallet) : 0;
    if (rc != 0)
        fail_book(call, rc, &err);
    else if (code != 0)
        troupe_fail(call, code, NULL);
    else
        wallets_open_reply(call, &results);
}

static void serve_close(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct wallets_close_args *args)
{
    struct manager *manager = state;
    char name[SHELF_NAME_SIZE];
    if (!read_name(call, args->name, name))
        return;
    struct opened *opened = find(manager, name);
    if (opened == NULL && !shelf_has(&manager->shelf, name)) {
        fail_book(call, BOOK_NONE, &(struct btc_error){.text = "there is no such wallet"});
        return;
    }
    if (opened == NULL) {
        wallets_close_reply(call);
        return;
    }
    if (opened->is_closing) {
        troupe_fail(call, TROUPE_EBUSY, "the wallet is being closed already");
        return;
    }
    int code = troupe_stop(troupe_runtime(self), opened->ref);
    if (code != 0) {
        troupe_fail(call, code, NULL);
        return;
    }
    opened->is_closing = true;
    opened->closing = call;
    troupe_defer(call); /* answered by on_gone, when its file is closed */
}

static void serve_list(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallets_list_args *args)
{
    struct manager *manager = state;
    struct wallets_list_results results = {.wallets = manager->entries};
    struct btc_error err;
    char after[SHELF_NAME_SIZE] = "";
    (void)self;
    if (args->after.size > 0 && !read_name(call, args->after, after))
        return;
    int rc = shelf_list(&manager->shelf, after, manager->names, LIST_COUNT, &results.wallets_count,
                        &results.has_more, &err);
    if (rc != 0) {
        fail_book(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < results.wallets_count; i++)
        manager->entries[i] = (struct wallets_entry){.name = troupe_text(manager->names[i]),
                                                     .is_open = find(manager, manager->names[i]) !=
                                                                NULL};
    wallets_list_reply(call, &results);
}

static void serve_restore(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct wallets_restore_args *args)
{
    struct manager *manager = state;
    struct wallets_restore_results results = {.has_wallet = args->is_last};
    struct book *book = NULL;
    struct btc_error err;
    char name[SHELF_NAME_SIZE];
    if (!read_name(call, args->name, name) || !has_room(manager, call))
        return;
    if (args->piece.size > 0)
        troupe_blob_copy(&args->piece, manager->piece);
    int code = 0;
    int rc = shelf_restore(&manager->shelf, name, args->offset_bytes, manager->piece,
                           args->piece.size, &err);
    if (rc == 0 && args->is_last)
        rc = shelf_restore_end(&manager->shelf, name, &book, &err);
    if (rc == 0 && args->is_last)
        code = spawn(self, manager, name, book, &results.wallet);
    btc_wipe(manager->piece, args->piece.size);
    if (rc != 0)
        fail_book(call, rc, &err);
    else if (code != 0)
        troupe_fail(call, code, NULL);
    else
        wallets_restore_reply(call, &results);
}

/* ---- start ---- */

static int set_shelf(struct shelf *shelf, const struct troupe_arguments *arguments,
                     struct btc_error *err)
{
    const char *network = troupe_argument(arguments, "network");
    const char *datadir = troupe_argument(arguments, "datadir");
    if (network == NULL || datadir == NULL)
        return btc_fail(err, BTC_EUSAGE, "the program gives no --network or no --datadir");
    shelf->params = btc_params_by_name(network);
    if (shelf->params == NULL)
        return btc_fail(err, BTC_EUSAGE, "there is no network \"%s\": main, signet or regtest",
                        network);
    if (snprintf(shelf->folder, sizeof(shelf->folder), "%s/%s/wallet", datadir,
                 shelf->params->name) >= (int)sizeof(shelf->folder))
        return btc_fail(err, BTC_EUSAGE, "the data directory's path is too long");
    return 0;
}

/* Those that were open when the process before this one died; a clean end leaves none. What is being
 * opened is not written down: should it bring the process down, it is not tried again. */
static void reopen(struct troupe_actor *self, struct manager *manager)
{
    manager->reopening_count = shelf_recall(&manager->shelf, manager->reopening, OPEN_MAX - 1);
    while (manager->reopening_at < manager->reopening_count) {
        const char *name = manager->reopening[manager->reopening_at++];
        struct troupe_ref ref;
        struct book *book = NULL;
        struct btc_error err;
        if (find(manager, name) != NULL)
            continue;
        remember(self, manager);
        int rc = open_book(self, manager, name, &book, &err);
        int code = rc == 0 ? spawn(self, manager, name, book, &ref) : 0;
        if (rc != 0 || code != 0)
            troupe_report(self, "the wallet \"%s\" was open, and can't be opened again: %s", name,
                          rc != 0 ? err.text : troupe_error_text(code));
    }
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct manager *manager = state;
    struct troupe_ref ref;
    struct book *book = NULL;
    struct btc_error err;
    int rc = set_shelf(&manager->shelf, argument, &err);
    manager->is_to_check = troupe_argument(argument, "check") != NULL;
    manager->is_to_compact = troupe_argument(argument, "compact") != NULL;
    if (rc == 0)
        rc = open_book(self, manager, SHELF_DEFAULT, &book, &err);
    if (rc != 0) {
        troupe_report(self, "%s%s", err.text,
                      rc == BTC_EIO ? "; choose a --datadir that can be written to" : "");
        return 1; /* that is said */
    }
    manager->has_folder = true;
    shelf_sweep(&manager->shelf);
    rc = spawn(self, manager, SHELF_DEFAULT, book, &ref);
    if (rc == 0)
        reopen(self, manager);
    return rc;
}

/* An end in order closes them all. If it never had the folder, the record is another process's. */
static void stop(struct troupe_actor *self, void *state)
{
    struct manager *manager = state;
    struct btc_error err;
    if (manager->has_folder && shelf_remember(&manager->shelf, NULL, 0, &err) != 0)
        troupe_report(self, "%s", err.text);
}

/* ---- definition ---- */

static const struct wallets_handlers handlers = {.create = serve_create,
                                                 .open = serve_open,
                                                 .close = serve_close,
                                                 .list = serve_list,
                                                 .restore = serve_restore};

static const struct troupe_service services[] = {{&wallets_interface, &handlers}};

static const struct troupe_interface *const hands_out[] = {&wallet_interface, NULL};

const struct troupe_actor_def wallets_actor = {
    .name = "wallet",
    .state_size = sizeof(struct manager),
    .start = start,
    .stop = stop,
    .services = services,
    .services_count = 1,
    .flags = TROUPE_DETACHED,
    .hands_out = hands_out,
};
