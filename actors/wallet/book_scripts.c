/* Which scripts the book knows: its own, some in advance, and what it watches. */
#include "actors/wallet/book_impl.h"

#include <stdlib.h>
#include <string.h>

#include "actors/wallet/keys.h"

enum { KEY_SIZE_LONG = 65, HEX_SHORT_MAX = BTC_SCRIPT_TEMPLATE_SIZE_MAX };

void book_read_script(struct book *book, sqlite3_stmt *statement, int column,
                      struct book_script *ret_script)
{
    struct btc_span script = {
        .data = sqlite3_column_blob(statement, column + 5),
        .size = (size_t)sqlite3_column_bytes(statement, column + 5),
    };
    bool is_watched = sqlite3_column_type(statement, column + 1) == SQLITE_NULL;
    memset(ret_script, 0, sizeof(*ret_script));
    ret_script->id = sqlite3_column_int64(statement, column);
    ret_script->chain = is_watched ? BOOK_WATCHED
                                   : (enum book_chain)(sqlite3_column_int(statement, column + 1) %
                                                       KEYS_CHAINS);
    ret_script->index = (uint32_t)sqlite3_column_int64(statement, column + 2);
    ret_script->is_used = sqlite3_column_int(statement, column + 3) != 0;
    ret_script->kind = btc_script_classify(script).kind;
    book_column_text(statement, column + 4, ret_script->label, BOOK_LABEL_SIZE);
    if (btc_address_encode(book->params, script, ret_script->text) != 0) {
        size_t shown = script.size < HEX_SHORT_MAX ? script.size : HEX_SHORT_MAX;
        btc_hex_encode(script.data, shown, ret_script->text);
        if (shown < script.size)
            memcpy(ret_script->text + 2 * shown, "...", sizeof("..."));
    }
}

static int check_label(const char *label, struct btc_error *err)
{
    if (label && strlen(label) >= BOOK_LABEL_SIZE)
        return btc_fail(err, BTC_ELIMIT, "a label of %zu bytes; the longest is %d", strlen(label),
                        BOOK_LABEL_SIZE - 1);
    return 0;
}

static int sieve_script(struct book *book, struct btc_span script, struct btc_error *err)
{
    int rc = sieve_add(&book->sieve, script.data, script.size);
    return rc < 0 ? btc_fail(err, rc, "%s: no memory for a script", book->path) : 0;
}

/* Where a chain stands: indices, or -1 for none. */
struct chain_state {
    int64_t last_known;
    int64_t last_taken; /* used or given out */
    int64_t last_used;
};

static int64_t column_or_none(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(row, column);
}

static int get_chain_state(struct book *book, int64_t chain, struct chain_state *ret_state,
                           struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_CHAIN_STATE, &row, err, "i", chain);
    if (rc < 0)
        return rc;
    ret_state->last_known = column_or_none(row, 0);
    ret_state->last_taken = column_or_none(row, 1);
    ret_state->last_used = column_or_none(row, 2);
    sqlite3_reset(row);
    return 0;
}

/* Sets *was_known when the script may have been watched before. */
static int add_own_script(struct book *book, int64_t chain, int64_t index, bool *was_known,
                          struct btc_error *err)
{
    struct btc_script script;
    int rc = keys_script(&book->chains[chain], (enum keys_account)(chain / KEYS_CHAINS),
                         (uint32_t)index, &script, err);
    if (rc < 0)
        return rc;
    *was_known |= sieve_has(&book->sieve, script.bytes, script.size);
    rc = sieve_script(book, btc_script_span(&script), err);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_ADD_OWN_SCRIPT, err, "bii", script.bytes, script.size, chain,
                      index);
    return rc;
}

/* Is the script of the row that of its key? */
static int check_own_script(struct book *book, sqlite3_stmt *row, struct btc_error *err)
{
    struct btc_script script;
    int64_t chain = sqlite3_column_int64(row, 0);
    int64_t child = sqlite3_column_int64(row, 1);
    size_t size = (size_t)sqlite3_column_bytes(row, 2);
    int rc = BTC_EINVALID;
    if (chain >= 0 && chain < BOOK_CHAINS && child >= 0 && child < BTC_HD_HARDENED)
        rc = keys_script(&book->chains[chain], (enum keys_account)(chain / KEYS_CHAINS),
                         (uint32_t)child, &script, err);
    if (rc == BTC_ENOMEM || rc == BTC_ECRYPTO)
        return rc;
    if (rc == 0 && size == script.size &&
        memcmp(sqlite3_column_blob(row, 2), script.bytes, size) == 0)
        return 0;
    return btc_fail(err, BTC_ECORRUPT,
                    "%s was tampered with: script %lld of chain %lld is not of its key; restore it "
                    "from the words",
                    book->path, (long long)child, (long long)chain);
}

int book_check_scripts(struct book *book, bool is_thorough, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_OWN_SCRIPTS, &row, err, "i", (int64_t)is_thorough);
    while (rc == BOOK_ROW) {
        rc = check_own_script(book, row, err);
        rc = book_go_on(book, row, rc, err);
    }
    return rc;
}

/* Coins that were only watched may have become the book's own: move them to the other sums. */
static int take_over_coins(struct book *book, struct btc_error *err)
{
    struct book_state state;
    int rc = book_run(book, BOOK_SQL_PENDING_OWN_OUTS, err, "");
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_OWN_COINS, err, "");
    if (rc < 0 || sqlite3_changes(book->db) == 0)
        return rc;
    rc = book_get_state(book, &state, err);
    if (rc == 0)
        rc = book_sum_coins(book, &state, err);
    return rc < 0 ? rc : book_set_state(book, &state, err);
}

int book_extend(struct book *book, bool *ret_has_grown, struct btc_error *err)
{
    bool has_grown = false;
    bool was_known = false;
    for (int64_t chain = 0; chain < BOOK_CHAINS; chain++) {
        struct chain_state state;
        int rc = get_chain_state(book, chain, &state, err);
        for (int64_t i = state.last_known + 1; rc == 0 && i <= state.last_taken + BOOK_GAP_LIMIT;
             i++) {
            rc = add_own_script(book, chain, i, &was_known, err);
            has_grown = true;
        }
        if (rc < 0)
            return rc;
    }
    int rc = was_known ? take_over_coins(book, err) : 0;
    if (rc == 0)
        rc = book_extend_descriptors(book, &has_grown, err);
    if (rc == 0 && ret_has_grown)
        *ret_has_grown = has_grown;
    return rc;
}

static int give_next(struct book *book, int64_t chain, const char *label,
                     struct book_script *ret_script, bool *ret_beyond_gap, struct btc_error *err)
{
    struct chain_state state;
    struct book_script script;
    sqlite3_stmt *row;

    int rc = get_chain_state(book, chain, &state, err);
    if (rc < 0)
        return rc;
    int64_t index = state.last_taken + 1;
    rc = book_query(book, BOOK_SQL_CHAIN_SCRIPT, &row, err, "ii", chain, index);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return btc_fail(err, BTC_ECORRUPT, "%s is damaged: it lacks its script %lld", book->path,
                        (long long)index);
    book_read_script(book, row, 0, &script);
    sqlite3_reset(row);
    memcpy(script.label, label, strlen(label) + 1);
    rc = book_run(book, BOOK_SQL_GIVE_SCRIPT, err, "ti", label, script.id);
    if (rc == 0)
        rc = book_extend(book, NULL, err);
    if (rc == 0) {
        *ret_script = script;
        *ret_beyond_gap = index - state.last_used > BOOK_GAP_LIMIT;
    }
    return rc;
}

int book_new_address(struct book *book, enum btc_script_kind kind, enum book_chain chain,
                     const char *label, struct book_script *ret_script, bool *ret_beyond_gap,
                     struct btc_error *err)
{
    int64_t first = KEYS_CHAINS * (kind == BTC_SCRIPT_P2TR ? KEYS_BIP86 : KEYS_BIP84);
    struct book_script script;
    bool is_beyond_gap = false;

    if (chain != BOOK_RECEIVE && chain != BOOK_CHANGE)
        return btc_fail(err, BTC_EUSAGE, "no new address on chain %d: there are 0 and 1", chain);
    if (kind != BTC_SCRIPT_P2WPKH && kind != BTC_SCRIPT_P2TR)
        return btc_fail(err, BTC_EUSAGE, "no new address of kind %s: there are p2wpkh and p2tr",
                        btc_script_kind_name(kind));
    int rc = check_label(label, err);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    rc = give_next(book, first + chain, label ? label : "", &script, &is_beyond_gap, err);
    rc = book_end(book, rc, err);
    if (rc == 0) {
        *ret_script = script;
        if (ret_beyond_gap)
            *ret_beyond_gap = is_beyond_gap;
    }
    return rc;
}

/* Add one watched script; counts it in *added when it is new. */
static int add_watched(struct book *book, struct btc_span script, const char *label, int *added,
                       struct btc_error *err)
{
    int rc = sieve_script(book, script, err);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_ADD_SCRIPT, err, "bt", script.data, script.size, label);
    if (rc == 0)
        *added += sqlite3_changes(book->db);
    return rc;
}

static int watch_template(struct book *book, enum btc_script_kind kind, struct btc_span payload,
                          const char *label, int *added, struct btc_error *err)
{
    struct btc_script script;
    int rc = btc_script_build(kind, payload.data, payload.size, &script);
    if (rc < 0)
        return btc_fail(err, BTC_EFORMAT, "not a public key: it must start with 02, 03 or 04");
    return add_watched(book, btc_script_span(&script), label, added, err);
}

static int watch_key(struct book *book, struct btc_span key, const char *label, int *added,
                     struct btc_error *err)
{
    struct btc_hash160 hash;
    struct btc_span id = {hash.bytes, sizeof(hash.bytes)};

    if (!btc_key_is_valid(key.data, key.size))
        return btc_fail(err, BTC_EFORMAT,
                        "%zu bytes in hex, as long as a public key, but none on the curve",
                        key.size);
    int rc = btc_hash160(key.data, key.size, &hash);
    if (rc < 0)
        return btc_fail(err, rc, "the key's hash could not be computed");
    rc = watch_template(book, BTC_SCRIPT_P2PK, key, label, added, err);
    if (rc == 0)
        rc = watch_template(book, BTC_SCRIPT_P2PKH, id, label, added, err);
    if (rc == 0 && key.size == BTC_KEY_SIZE)
        rc = watch_template(book, BTC_SCRIPT_P2WPKH, id, label, added, err);
    return rc;
}

static int watch_hex(struct book *book, const char *text, const char *label, int *added,
                     struct btc_error *err)
{
    size_t size = strlen(text) / 2;
    if (size > BTC_SCRIPT_SIZE_MAX)
        return btc_fail(err, BTC_ELIMIT, "a script of %zu bytes; over %d it can never be spent",
                        size, BTC_SCRIPT_SIZE_MAX);
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return btc_fail(err, BTC_ENOMEM, "no memory for a script of %zu bytes", size);
    struct btc_span span = {bytes, size};
    int rc = btc_hex_decode(text, size, bytes);
    if (rc < 0)
        rc = btc_fail(err, BTC_EFORMAT, "not hexadecimal: a digit is missing");
    else if (size == BTC_KEY_SIZE || size == KEY_SIZE_LONG)
        rc = watch_key(book, span, label, added, err);
    else
        rc = add_watched(book, span, label, added, err);
    free(bytes);
    return rc;
}

static bool is_hex(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

int book_watch(struct book *book, const char *text, const char *label, int32_t from_height,
               struct btc_error *err)
{
    int added = 0;
    int rc = check_label(label, err);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    if (is_hex(text)) {
        rc = watch_hex(book, text, label ? label : "", &added, err);
    } else {
        struct btc_script script;
        rc = btc_address_decode(book->params, text, &script, err);
        if (rc == 0)
            rc = add_watched(book, btc_script_span(&script), label ? label : "", &added, err);
        else
            rc = btc_fail_within(err, rc, "neither hex nor an address of %s: ", book->params->name);
    }
    if (rc == 0 && added > 0 && from_height >= 0)
        rc = book_forget_above(book, from_height > 0 ? from_height - 1 : 0, err);
    rc = book_end(book, rc, err);
    return rc == 0 && added == 0 ? BOOK_KNOWN : rc;
}

int book_set_label(struct book *book, int64_t script_id, const char *label, struct btc_error *err)
{
    int rc = check_label(label, err);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    rc = book_run(book, BOOK_SQL_LABEL_SCRIPT, err, "ti", label, script_id);
    if (rc == 0 && sqlite3_changes(book->db) == 0)
        rc = BOOK_NONE;
    return book_end(book, rc, err);
}
