/*
 * The book's secret: its entropy, in the file as it is or in a box under a passphrase, and in memory
 * only while the book is unlocked. What else is known of the keys is public.
 */
#include "actors/wallet/book_impl.h"

#include <string.h>

#include "actors/bitcoin/vault.h"
#include "actors/wallet/book_spend.h"

/* What book->secret points at. */
struct book_secret {
    size_t size;
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
};

/* The entropy of a new book: from the words given, or random. */
static int choose_entropy(const char *sentence, uint8_t ret_entropy[BTC_BIP39_ENTROPY_SIZE_MAX],
                          size_t *ret_size, struct btc_error *err)
{
    if (sentence) {
        int rc = btc_bip39_decode(sentence, ret_entropy, ret_size, err);
        return rc < 0 ? btc_fail_within(err, rc, "the words to restore from: ") : 0;
    }
    *ret_size = KEYS_ENTROPY_SIZE;
    return keys_new_entropy(ret_entropy, err);
}

static int check_passphrase(const char *passphrase, struct btc_error *err)
{
    if (passphrase[0] == '\0')
        return btc_fail(err, BTC_EUSAGE, "an empty passphrase protects nothing: give some words");
    if (strlen(passphrase) >= BOOK_PASSPHRASE_SIZE)
        return btc_fail(err, BTC_ELIMIT, "a passphrase of %zu bytes; the longest is %d",
                        strlen(passphrase), BOOK_PASSPHRASE_SIZE - 1);
    return 0;
}

/* Write the seed's row: sealed when there is a passphrase. Within a transaction. */
static int put_seed(struct book *book, const uint8_t *entropy, size_t size, const char *passphrase,
                    struct btc_error *err)
{
    uint8_t box[BTC_VAULT_SIZE_MAX];
    size_t box_size = 0;
    int rc = 0;
    if (passphrase) {
        rc = btc_vault_seal(passphrase, entropy, size, box, &box_size, err);
        size = 0;
    }
    return rc < 0 ? rc : book_run(book, BOOK_SQL_SET_SEED, err, "bb", entropy, size, box, box_size);
}

/* Write what is public of the keys: both accounts' nodes and the root's fingerprint. */
static int put_accounts(struct book *book, const uint8_t *entropy, size_t size,
                        struct btc_error *err)
{
    char texts[KEYS_ACCOUNTS][BTC_HD_TEXT_SIZE];
    uint8_t fingerprint[KEYS_FINGERPRINT_SIZE];
    int rc = keys_fingerprint(entropy, size, fingerprint, err);
    for (int i = 0; i < KEYS_ACCOUNTS && rc == 0; i++) {
        struct btc_hd_node node;
        rc = keys_account(entropy, size, book->params, (enum keys_account)i, &node, err);
        if (rc < 0)
            return rc;
        rc = btc_hd_encode(&node, book->params->bip32_public, false, texts[i]);
        if (rc < 0)
            return btc_fail(err, rc, "the wallet's account key could not be written: %s",
                            btc_code_text(rc));
    }
    return rc < 0 ? rc
                  : book_run(book, BOOK_SQL_SET_ACCOUNTS, err, "ttb", texts[KEYS_BIP84],
                             texts[KEYS_BIP86], fingerprint, sizeof(fingerprint));
}

int book_make_keys(struct book *book, const char *sentence, const char *passphrase,
                   struct btc_error *err)
{
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size = 0;
    int rc = passphrase ? check_passphrase(passphrase, err) : 0;
    if (rc == 0)
        rc = choose_entropy(sentence, entropy, &size, err);
    if (rc == 0)
        rc = book_exec(book, "INSERT INTO seed (entropy) VALUES (x'')", err);
    if (rc == 0)
        rc = put_seed(book, entropy, size, passphrase, err);
    if (rc == 0)
        rc = book_run(book, BOOK_SQL_ADD_WALLET, err, "t", book->params->name);
    if (rc == 0)
        rc = put_accounts(book, entropy, size, err);
    btc_wipe(entropy, sizeof(entropy));
    return rc;
}

/* --- the secret --- */

/* The seed's row: what it holds, as it is or sealed. */
struct seed {
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size;
    uint8_t box[BTC_VAULT_SIZE_MAX];
    size_t box_size; /* 0: not encrypted */
};

static int get_seed(struct book *book, struct seed *ret_seed, struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_SEED, &row, err, "");
    if (rc < 0)
        return rc;
    *ret_seed = (struct seed){0};
    if (rc == BOOK_ROW) {
        size_t size = (size_t)sqlite3_column_bytes(row, 0);
        size_t box_size = (size_t)sqlite3_column_bytes(row, 1);
        if (size <= sizeof(ret_seed->entropy) && box_size <= sizeof(ret_seed->box) &&
            (size == 0) != (box_size == 0)) {
            if (size > 0)
                memcpy(ret_seed->entropy, sqlite3_column_blob(row, 0), size);
            if (box_size > 0)
                memcpy(ret_seed->box, sqlite3_column_blob(row, 1), box_size);
            ret_seed->size = size;
            ret_seed->box_size = box_size;
        }
        sqlite3_reset(row);
    }
    if (ret_seed->size + ret_seed->box_size > 0)
        return 0;
    return btc_fail(err, BTC_ECORRUPT, "%s is damaged: it holds no entropy of a wallet",
                    book->path);
}

int book_entropy(struct book *book, uint8_t ret_entropy[BTC_BIP39_ENTROPY_SIZE_MAX],
                 size_t *ret_size, struct btc_error *err)
{
    struct seed seed;
    int rc = get_seed(book, &seed, err);
    if (rc < 0)
        return rc;
    const struct book_secret *secret = book->secret;
    if (seed.box_size > 0 && !secret)
        return btc_fail(err, BOOK_LOCKED, "the wallet's keys are locked: unlock it first");
    *ret_size = secret ? secret->size : seed.size;
    memcpy(ret_entropy, secret ? secret->entropy : seed.entropy, *ret_size);
    btc_wipe(&seed, sizeof(seed));
    return 0;
}

int book_complete_keys(struct book *book, struct btc_error *err)
{
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size;
    int rc = book_entropy(book, entropy, &size, err);
    if (rc == 0)
        rc = put_accounts(book, entropy, size, err);
    btc_wipe(entropy, sizeof(entropy));
    return rc;
}

int book_sentence(struct book *book, char ret_sentence[BTC_BIP39_SENTENCE_SIZE],
                  struct btc_error *err)
{
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size;
    int rc = book_entropy(book, entropy, &size, err);
    if (rc != 0)
        return rc;
    rc = btc_bip39_encode(entropy, size, ret_sentence);
    btc_wipe(entropy, sizeof(entropy));
    if (rc == BTC_EUSAGE)
        return btc_fail(err, BTC_ECORRUPT, "%s is damaged: it holds no entropy of a wallet",
                        book->path);
    return rc < 0 ? btc_fail(err, rc, "the wallet's words could not be made: %s", btc_code_text(rc))
                  : 0;
}

int book_lock_state(struct book *book, struct book_lock_state *ret_state, struct btc_error *err)
{
    struct seed seed;
    int rc = get_seed(book, &seed, err);
    if (rc < 0)
        return rc;
    *ret_state = (struct book_lock_state){.is_encrypted = seed.box_size > 0,
                                          .is_locked = seed.box_size > 0 && !book->secret};
    btc_wipe(&seed, sizeof(seed));
    return 0;
}

/* Open the seed's box, if it is in one: then its entropy is filled in. */
static int open_seed(struct seed *seed, const char *passphrase, struct btc_error *err)
{
    uint8_t secret[BTC_VAULT_SECRET_SIZE_MAX];
    size_t size = 0;
    if (seed->box_size == 0)
        return 0;
    int rc = btc_vault_open(passphrase, seed->box, seed->box_size, secret, &size, err);
    if (rc == 0 && size > sizeof(seed->entropy))
        rc = btc_fail(err, BTC_ECORRUPT, "the wallet's sealed entropy has %zu bytes", size);
    if (rc == BTC_VAULT_WRONG)
        rc = btc_fail(err, BOOK_WRONG, "that is not the wallet's passphrase");
    if (rc == BTC_EFORMAT)
        rc = btc_fail_within(err, BTC_ECORRUPT, "the wallet file is damaged: ");
    if (rc == 0) {
        memcpy(seed->entropy, secret, size);
        seed->size = size;
    }
    btc_wipe(secret, sizeof(secret));
    return rc;
}

/* Is what the file says of the keys in public that of its entropy? Addresses come of it: whoever
 * changed it in a copy would be paid. */
static int check_accounts(struct book *book, const uint8_t *entropy, size_t size,
                          struct btc_error *err)
{
    char texts[2][BTC_HD_TEXT_SIZE];
    uint8_t fingerprint[KEYS_FINGERPRINT_SIZE];
    int rc = keys_fingerprint(entropy, size, fingerprint, err);
    bool is_same = rc == 0 && memcmp(fingerprint, book->fingerprint, sizeof(fingerprint)) == 0;
    for (int i = 0; i < KEYS_ACCOUNTS && rc == 0; i++) {
        struct btc_hd_node node;
        rc = keys_account(entropy, size, book->params, (enum keys_account)i, &node, err);
        if (rc == 0)
            rc = btc_hd_encode(&node, book->params->bip32_public, false, texts[0]);
        if (rc == 0)
            rc = btc_hd_encode(&book->accounts[i], book->params->bip32_public, false, texts[1]);
        is_same = is_same && rc == 0 && strcmp(texts[0], texts[1]) == 0;
    }
    if (rc < 0)
        return rc;
    return is_same ? 0
                   : btc_fail(err, BTC_ECORRUPT,
                              "%s was tampered with: its accounts are not of its own words; "
                              "restore it from the words",
                              book->path);
}

int book_unlock(struct book *book, const char *passphrase, struct btc_error *err)
{
    struct seed seed;
    int rc = get_seed(book, &seed, err);
    if (rc < 0)
        return rc;
    bool is_encrypted = seed.box_size > 0;
    rc = open_seed(&seed, passphrase, err);
    if (rc == 0 && is_encrypted)
        rc = check_accounts(book, seed.entropy, seed.size, err);
    if (rc == 0 && is_encrypted && !book->secret) {
        struct book_secret *secret = btc_secret_alloc();
        if (secret) {
            secret->size = seed.size;
            memcpy(secret->entropy, seed.entropy, seed.size);
            book->secret = secret;
        } else {
            rc = btc_fail(err, BTC_ENOMEM, "no memory to hold the wallet's keys");
        }
    }
    btc_wipe(&seed, sizeof(seed));
    return rc;
}

void book_lock(struct book *book)
{
    btc_secret_free(book->secret);
    book->secret = NULL;
}

/* What was there before is in no page of the file and in no frame of its log. */
static int write_seed(struct book *book, const struct seed *seed, const char *passphrase,
                      struct btc_error *err)
{
    book_backup_sweep(book);
    int rc = book_exec(book, "PRAGMA secure_delete = ON", err);
    if (rc == 0)
        rc = book_begin(book, true, err);
    if (rc < 0)
        return rc;
    rc = book_end(book, put_seed(book, seed->entropy, seed->size, passphrase, err), err);
    if (rc == 0)
        rc = book_exec(book, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA secure_delete = OFF", err);
    return rc;
}

int book_change_passphrase(struct book *book, const char *old_passphrase,
                           const char *new_passphrase, struct btc_error *err)
{
    struct seed seed;
    int rc = new_passphrase ? check_passphrase(new_passphrase, err) : 0;
    if (rc == 0)
        rc = get_seed(book, &seed, err);
    if (rc < 0)
        return rc;
    if (seed.box_size > 0 && !old_passphrase)
        rc = btc_fail(err, BOOK_WRONG, "the wallet has a passphrase: give it too");
    else if (seed.box_size == 0 && old_passphrase)
        rc = btc_fail(err, BTC_EUSAGE, "the wallet has no passphrase yet: give the new one only");
    else
        rc = open_seed(&seed, old_passphrase, err);
    if (rc == 0)
        rc = write_seed(book, &seed, new_passphrase, err);
    btc_wipe(&seed, sizeof(seed));
    if (rc == 0)
        book_lock(book);
    return rc;
}

/* --- what is public --- */

/* Once they are loaded. An encrypted book's entropy is compared when it is unlocked. */
static int check_plain(struct book *book, struct btc_error *err)
{
    struct seed seed;
    int rc = get_seed(book, &seed, err);
    if (rc == 0 && seed.box_size == 0)
        rc = check_accounts(book, seed.entropy, seed.size, err);
    btc_wipe(&seed, sizeof(seed));
    return rc;
}

static int load_chains(struct book *book, enum keys_account account, const char *text,
                       struct btc_error *err)
{
    struct btc_hd_node node;
    int rc = btc_hd_decode(text, book->params->bip32_public, book->params->bip32_private, &node,
                           err);
    if (rc < 0)
        return btc_fail_within(err, rc, "%s is damaged: ", book->path);
    book->accounts[account] = node;
    for (uint32_t i = 0; i < KEYS_CHAINS && rc == 0; i++)
        rc = btc_hd_child(&node, i, &book->chains[KEYS_CHAINS * (uint32_t)account + i]);
    return rc < 0 ? btc_fail(err, rc, "%s: the wallet's chains cannot be derived: %s", book->path,
                             btc_code_text(rc))
                  : 0;
}

int book_load_keys(struct book *book, struct btc_error *err)
{
    sqlite3_stmt *row;
    char network[16] = "";
    char texts[KEYS_ACCOUNTS][BTC_HD_TEXT_SIZE];

    int rc = book_query(book, BOOK_SQL_WALLET, &row, err, "");
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return btc_fail(err, BTC_ECORRUPT, "%s is damaged: it is of no network", book->path);
    book_column_text(row, 0, network, sizeof(network));
    book_column_text(row, 1, texts[KEYS_BIP84], sizeof(texts[0]));
    book_column_text(row, 2, texts[KEYS_BIP86], sizeof(texts[0]));
    rc = book_column_bytes(book, row, 3, book->fingerprint, sizeof(book->fingerprint), err);
    sqlite3_reset(row);
    if (rc < 0)
        return rc;
    if (strcmp(network, book->params->name) != 0)
        return btc_fail(err, BTC_ENETWORK,
                        "%s is a wallet of network \"%s\", not %s: choose that network, or another "
                        "directory",
                        book->path, network, book->params->name);
    for (int i = 0; i < KEYS_ACCOUNTS && rc == 0; i++)
        rc = load_chains(book, (enum keys_account)i, texts[i], err);
    return rc < 0 ? rc : check_plain(book, err);
}

/* --- keys of scripts --- */

int book_find_key(struct book *book, struct btc_span script, struct book_key_place *ret_place,
                  struct btc_error *err)
{
    sqlite3_stmt *row;
    int rc = book_query(book, BOOK_SQL_FIND_KEY, &row, err, "b", script.data, script.size);
    if (rc < 0)
        return rc;
    if (rc != BOOK_ROW)
        return BOOK_NONE;
    int64_t chain = sqlite3_column_int64(row, 0);
    int64_t child = sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    if (chain < 0 || chain >= BOOK_CHAINS || child < 0 || child >= BTC_HD_HARDENED)
        return btc_fail(err, BTC_ECORRUPT, "%s is damaged: a script on chain %lld", book->path,
                        (long long)chain);
    *ret_place = (struct book_key_place){
        .account = (enum keys_account)(chain / KEYS_CHAINS),
        .chain = (uint32_t)(chain % KEYS_CHAINS),
        .index = (uint32_t)child,
    };
    return 0;
}

int book_signer_open(struct book *book, struct book_signer *ret_signer, struct btc_error *err)
{
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size;
    int rc = book_entropy(book, entropy, &size, err);
    for (int i = 0; i < KEYS_ACCOUNTS && rc == 0; i++)
        rc = keys_secret_account(entropy, size, book->params, (enum keys_account)i,
                                 &ret_signer->accounts[i], err);
    btc_wipe(entropy, sizeof(entropy));
    return rc;
}

int book_signer_secret(const struct book_signer *signer, const struct book_key_place *place,
                       uint8_t ret_secret[BTC_SECRET_SIZE], struct btc_error *err)
{
    struct btc_hd_node node = {0};
    const uint32_t path[] = {place->chain, place->index};
    int rc = btc_hd_derive(&signer->accounts[place->account], path, 2, &node);
    if (rc < 0)
        rc = btc_fail(err, rc, "a key of the wallet could not be derived: %s", btc_code_text(rc));
    else
        memcpy(ret_secret, node.secret, BTC_SECRET_SIZE);
    btc_hd_wipe(&node);
    return rc;
}

void book_signer_close(struct book_signer *signer)
{
    btc_wipe(signer, sizeof(*signer));
}

int book_secret_of(struct book *book, struct btc_span script, uint8_t ret_secret[BTC_SECRET_SIZE],
                   struct btc_error *err)
{
    struct book_key_place place;
    int rc = book_find_key(book, script, &place, err);
    struct book_signer signer;
    if (rc == 0)
        rc = book_signer_open(book, &signer, err);
    if (rc != 0)
        return rc;
    rc = book_signer_secret(&signer, &place, ret_secret, err);
    book_signer_close(&signer);
    return rc;
}
