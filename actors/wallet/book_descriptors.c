/*
 * Descriptors: those of the book's own accounts, to watch them elsewhere, and those of others that
 * are watched here, of which scripts are known in advance as of the own chains.
 */
#include "actors/wallet/book_impl.h"

#include <string.h>

#include "actors/bitcoin/descriptor.h"
#include "actors/wallet/book_spend.h"

enum { OWN_PATH_COUNT = 3 };

/* --- knowing scripts in advance --- */

static int parse(struct book *book, const char *text, struct btc_descriptor *ret_descriptor,
                 struct btc_error *err)
{
    int rc = btc_descriptor_parse(book->params, text, false, ret_descriptor, err);
    if (rc == 0 && btc_descriptor_is_private(ret_descriptor)) {
        btc_descriptor_wipe(ret_descriptor);
        rc = btc_fail(
            err, BTC_EUSAGE,
            "the descriptor has private keys, which are not taken in: give the public one "
            "to watch it");
    }
    return rc;
}

static int add_script(struct book *book, const struct btc_descriptor *descriptor, int64_t id,
                      int64_t index, const char *label, bool *was_known, struct btc_error *err)
{
    uint8_t script[BTC_DESCRIPTOR_SCRIPT_SIZE];
    size_t size;
    int rc = btc_descriptor_script(descriptor, (uint32_t)index, script, &size);
    if (rc == BTC_EINVALID)
        return 0; /* no such key: the next one, then */
    if (rc < 0)
        return btc_fail(err, rc, "script %lld of a descriptor could not be derived: %s",
                        (long long)index, btc_code_text(rc));
    *was_known |= sieve_has(&book->sieve, script, size);
    rc = sieve_add(&book->sieve, script, size);
    if (rc < 0)
        return btc_fail(err, rc, "%s: no memory for a script", book->path);
    return book_run(book, BOOK_SQL_ADD_SOURCE_SCRIPT, err, "btiii", script, size, label, id, index,
                    (int64_t)!btc_descriptor_is_range(descriptor));
}

/* Know the scripts of a descriptor from `known` up to `wanted`. */
static int extend_one(struct book *book, int64_t id, const char *text, const char *label,
                      int64_t known, int64_t wanted, struct btc_error *err)
{
    struct btc_descriptor descriptor;
    bool was_known = false;
    int rc = parse(book, text, &descriptor, err);
    if (rc < 0)
        return rc == BTC_ENOMEM || rc == BTC_ECRYPTO
                   ? rc
                   : btc_fail_within(err, BTC_ECORRUPT, "%s is damaged: ", book->path);
    if (!btc_descriptor_is_range(&descriptor))
        wanted = 1;
    if (wanted <= known || wanted > BTC_DESCRIPTOR_INDEX_MAX)
        return 0;
    for (int64_t i = known; i < wanted && rc == 0; i++)
        rc = add_script(book, &descriptor, id, i, label, &was_known, err);
    return rc < 0 ? rc : book_run(book, BOOK_SQL_KNOW_DESCRIPTOR, err, "ii", wanted, id);
}

int book_extend_descriptors(struct book *book, bool *has_grown, struct btc_error *err)
{
    int64_t id = 0;
    for (;;) {
        char text[BOOK_DESCRIPTOR_SIZE];
        char label[BOOK_LABEL_SIZE];
        sqlite3_stmt *row;
        int rc = book_query(book, BOOK_SQL_DESCRIPTOR, &row, err, "i", id);
        if (rc != BOOK_ROW)
            return rc;
        id = sqlite3_column_int64(row, 0);
        book_column_text(row, 1, text, sizeof(text));
        book_column_text(row, 2, label, sizeof(label));
        int64_t known = sqlite3_column_int64(row, 3);
        int64_t used = sqlite3_column_type(row, 4) == SQLITE_NULL ? -1
                                                                  : sqlite3_column_int64(row, 4);
        sqlite3_reset(row);
        bool is_range = strchr(text, '*') != NULL;
        int64_t wanted = is_range ? used + 1 + BOOK_GAP_LIMIT : 1;
        if (wanted <= known)
            continue;
        rc = extend_one(book, id, text, label, known, wanted, err);
        if (rc < 0)
            return rc;
        *has_grown = true;
    }
}

/* --- importing --- */

static int insert(struct book *book, const char *text, const char *label, int32_t from_height,
                  struct btc_error *err)
{
    sqlite3_stmt *row;
    bool has_grown;
    int rc = book_query(book, BOOK_SQL_COUNT_DESCRIPTORS, &row, err, "t", text);
    if (rc != BOOK_ROW)
        return rc;
    int64_t count = sqlite3_column_int64(row, 0);
    bool is_known = sqlite3_column_int64(row, 1) > 0;
    sqlite3_reset(row);
    if (is_known)
        return BOOK_KNOWN;
    if (count >= BOOK_DESCRIPTORS_MAX)
        return btc_fail(err, BTC_ELIMIT, "%d descriptors are watched: no more are taken",
                        BOOK_DESCRIPTORS_MAX);
    rc = book_run(book, BOOK_SQL_ADD_DESCRIPTOR, err, "tt", text, label);
    if (rc == 0)
        rc = book_extend_descriptors(book, &has_grown, err);
    if (rc == 0 && from_height >= 0)
        rc = book_forget_above(book, from_height > 0 ? from_height - 1 : 0, err);
    return rc;
}

int book_import(struct book *book, const char *text, const char *label, int32_t from_height,
                struct btc_error *err)
{
    struct btc_descriptor descriptor;
    char normal[BTC_DESCRIPTOR_TEXT_SIZE];
    if (!strchr(text, '('))
        return book_watch(book, text, label, from_height, err);
    if (label && strlen(label) >= BOOK_LABEL_SIZE)
        return btc_fail(err, BTC_ELIMIT, "a label of %zu bytes; the longest is %d", strlen(label),
                        BOOK_LABEL_SIZE - 1);
    int rc = parse(book, text, &descriptor, err);
    if (rc == 0)
        rc = btc_descriptor_write(book->params, &descriptor, false, normal, err);
    if (rc == 0 && strlen(normal) >= BOOK_DESCRIPTOR_SIZE)
        rc = btc_fail(err, BTC_ELIMIT, "a descriptor of %zu characters; the longest is %d",
                      strlen(normal), BOOK_DESCRIPTOR_SIZE - 1);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    return book_end(book, insert(book, normal, label ? label : "", from_height, err), err);
}

/* --- listing --- */

static int write_own(struct book *book, int64_t chain, struct book_descriptor *ret_item,
                     struct btc_error *err)
{
    struct btc_descriptor descriptor;
    struct btc_key_origin origin = {.path_count = OWN_PATH_COUNT};
    uint32_t path[KEYS_PATH_COUNT];
    char text[BTC_DESCRIPTOR_TEXT_SIZE];
    enum keys_account account = (enum keys_account)(chain / KEYS_CHAINS);
    enum btc_descriptor_kind kind = account == KEYS_BIP86 ? BTC_DESCRIPTOR_TR : BTC_DESCRIPTOR_WPKH;
    keys_path(book->params, account, 0, 0, path);
    memcpy(origin.path, path, OWN_PATH_COUNT * sizeof(path[0]));
    memcpy(origin.fingerprint, book->fingerprint, sizeof(origin.fingerprint));
    int rc = btc_descriptor_of_chain(kind, &origin, &book->accounts[account],
                                     (uint32_t)(chain % KEYS_CHAINS), &descriptor);
    if (rc == 0)
        rc = btc_descriptor_write(book->params, &descriptor, false, text, err);
    size_t size = rc == 0 ? strlen(text) + 1 : 0;
    if (rc == 0 && size > sizeof(ret_item->text))
        rc = BTC_ELIMIT;
    if (rc < 0)
        return btc_fail(err, rc, "the wallet's descriptors could not be written: %s",
                        btc_code_text(rc));
    *ret_item = (struct book_descriptor){.is_own = true,
                                         .chain = (enum book_chain)(chain % KEYS_CHAINS)};
    memcpy(ret_item->text, text, size);
    return 0;
}

int book_list_descriptors(struct book *book, int64_t *cursor, struct book_descriptor *ret_items,
                          size_t count_max, size_t *ret_count, struct btc_error *err)
{
    int64_t at = *cursor; /* own chains, then ids behind them */
    size_t count = 0;
    int rc = count_max > 0 ? BOOK_ROW
                           : btc_fail(err, BTC_EUSAGE, "a page must have room for one item");
    while (rc == BOOK_ROW && count < count_max) {
        struct book_descriptor *item = &ret_items[count];
        sqlite3_stmt *row;
        if (at < BOOK_CHAINS) {
            int written = write_own(book, at++, item, err);
            rc = written < 0 ? written : BOOK_ROW;
        } else {
            rc = book_query(book, BOOK_SQL_DESCRIPTOR, &row, err, "i", at - BOOK_CHAINS);
            if (rc == BOOK_ROW) {
                *item = (struct book_descriptor){.chain = BOOK_WATCHED};
                book_column_text(row, 1, item->text, sizeof(item->text));
                at = BOOK_CHAINS + sqlite3_column_int64(row, 0);
                sqlite3_reset(row);
            }
        }
        count += rc == BOOK_ROW;
    }
    if (rc < 0)
        return rc;
    *cursor = rc == BOOK_ROW ? at : 0;
    *ret_count = count;
    return 0;
}
