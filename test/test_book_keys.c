/* The wallet's keys: both accounts, an older file's, the passphrase, and that nothing of them stays
 * behind in the file. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/vault.h"
#include "actors/wallet/book_spend.h"
#include "test/support/books.h"
#include "test/support/runner.h"

#define WORDS \
    "legal winner thank year wave sausage worth useful legal winner thank yellow" /* 16 of 7f */

/* --- both accounts --- */

static void a_restored_book_gives_bip86_addresses(void **state)
{
    struct book_script script;
    struct book *book = books_open(*state, BTC_MAIN, BOOKS_SENTENCE);
    assert_int_equal(book_new_address(book, BTC_SCRIPT_P2TR, BOOK_RECEIVE, "", &script, NULL, NULL),
                     0);
    assert_string_equal(script.text,
                        "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr");
    assert_int_equal(script.kind, BTC_SCRIPT_P2TR);
    assert_int_equal(book_new_address(book, BTC_SCRIPT_P2TR, BOOK_RECEIVE, "", &script, NULL, NULL),
                     0);
    assert_string_equal(script.text,
                        "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh");
    assert_int_equal(script.index, 1);
    assert_int_equal(book_new_address(book, BTC_SCRIPT_P2TR, BOOK_CHANGE, "", &script, NULL, NULL),
                     0);
    assert_string_equal(script.text,
                        "bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7");
    assert_int_equal(script.chain, BOOK_CHANGE);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2PKH, BOOK_RECEIVE, "", &script, NULL, NULL),
        BTC_EUSAGE);
    book_close(book);
}

/* Paid beyond the gap of both accounts in the order that a wallet would not have given them out. */
static void coins_of_both_accounts_are_found(void **state)
{
    struct blocks *chain = blocks_new();
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    for (int kind = 0; kind < 2; kind++) {
        struct blocks_draft draft = blocks_draft(chain->tip + 1, 1);
        blocks_add_coinbase(&draft, blocks_out_to_other(BTC_COIN));
        for (int i = 2; i >= 0; i--) {
            struct btc_outpoint foreign = {.txid = {{7}}, .index = (uint32_t)(10 * kind + i)};
            struct btc_script script = books_script_of((enum keys_account)kind, 0,
                                                       15 * (uint32_t)i);
            struct btc_tx_out out = blocks_out_to(&script, 1000);
            blocks_add_tx(&draft, &foreign, 1, &out, 1);
        }
        blocks_finish(chain, &draft);
    }
    books_apply_up_to(book, chain, chain->tip);
    assert_int_equal(books_balance(book).confirmed, 6000);
    assert_int_equal(books_balance(book).watch_only, 0);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

/* --- an older file --- */

/* What version 1 was, with the rows that it had. */
static const char version_1[] =
    "CREATE TABLE wallet (network TEXT NOT NULL, account TEXT NOT NULL);"
    "CREATE TABLE seed (entropy BLOB NOT NULL);"
    "CREATE TABLE state (height INTEGER NOT NULL, own INTEGER NOT NULL, own_immature INTEGER NOT"
    " NULL, watched INTEGER NOT NULL, watched_immature INTEGER NOT NULL);"
    "CREATE TABLE block (height INTEGER PRIMARY KEY, hash BLOB NOT NULL);"
    "CREATE TABLE script (id INTEGER PRIMARY KEY, script BLOB NOT NULL UNIQUE, chain INTEGER,"
    " child INTEGER, given INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0,"
    " label TEXT NOT NULL DEFAULT '', UNIQUE (chain, child));"
    "CREATE TABLE coin (id INTEGER PRIMARY KEY, txid BLOB NOT NULL, vout INTEGER NOT NULL,"
    " height INTEGER NOT NULL, script INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " coinbase INTEGER NOT NULL, own INTEGER NOT NULL, spent_height INTEGER,"
    " UNIQUE (txid, vout, height));"
    "CREATE INDEX coin_unspent ON coin (height, coinbase, own, amount) WHERE spent_height IS NULL;"
    "CREATE INDEX coin_spent ON coin (spent_height) WHERE spent_height IS NOT NULL;"
    "CREATE TABLE entry (height INTEGER NOT NULL, position INTEGER NOT NULL, txid BLOB NOT NULL,"
    " time INTEGER NOT NULL, received INTEGER NOT NULL, sent INTEGER NOT NULL, fee INTEGER NOT "
    "NULL,"
    " coinbase INTEGER NOT NULL, PRIMARY KEY (height, position)) WITHOUT ROWID;"
    "INSERT INTO wallet VALUES ('main', 'xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3Xyu"
    "vPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V');"
    "INSERT INTO seed VALUES (zeroblob(16));"
    "INSERT INTO state VALUES (1, 0, 5000000000, 0, 0);"
    "INSERT INTO block VALUES (0, "
    "x'6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000'"
    ");"
    "INSERT INTO block VALUES (1, "
    "x'4860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000'"
    ");"
    "INSERT INTO script (script, chain, child, given, used, label) VALUES"
    " (x'0014c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2', 0, 0, 1, 1, 'rent');"
    "INSERT INTO coin (txid, vout, height, script, amount, coinbase, own) VALUES"
    " (x'982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e', 0, 1, 1, 5000000000, 1,"
    " 1);"
    "INSERT INTO entry VALUES (1, 0,"
    " x'982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e', 1231469665, 5000000000, "
    "0,"
    " -1, 1);"
    "PRAGMA application_id = 1416786039;";

static void make_file(const char *dir, int version)
{
    char path[4096];
    char pragma[64];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/%s", dir, BOOK_FILE_NAME);
    unlink(path);
    snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", version);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_book_of_version_1_is_migrated(void **state)
{
    struct book_script script;
    struct book_entry entries[4];
    make_file(*state, 1);
    for (int i = 0; i < 2; i++) {
        struct book *book = books_open(*state, BTC_MAIN, NULL);
        books_check(book);
        assert_int_equal(books_height(book), 1);
        assert_int_equal(books_balance(book).immature, 50 * BTC_COIN);
        assert_int_equal(books_list_entries(book, entries, 4), 1);
        assert_int_equal(
            book_new_address(book, BTC_SCRIPT_P2TR, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
        assert_int_equal(script.index, i);
        if (i == 0)
            assert_string_equal(script.text,
                                "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr");
        assert_int_equal(
            book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
        assert_int_equal(script.index, i + 1);
        book_close(book);
    }
}

static void kill_9_while_it_is_migrated_leaves_the_old_or_the_new(void **state)
{
    char wal[4096];
    snprintf(wal, sizeof(wal), "%s/%s-wal", (char *)*state, BOOK_FILE_NAME);
    for (int i = 0; i < 8; i++) {
        struct book_script script;
        unlink(wal);
        make_file(*state, 1);
        pid_t pid = fork();
        if (pid == 0) {
            book_close(books_open(*state, BTC_MAIN, NULL));
            _exit(0);
        }
        for (volatile int spin = 0; spin < i * 1500000; spin++)
            ;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct book *book = books_open(*state, BTC_MAIN, NULL);
        books_check(book);
        assert_int_equal(books_balance(book).immature, 50 * BTC_COIN);
        assert_int_equal(
            book_new_address(book, BTC_SCRIPT_P2TR, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
        assert_string_equal(script.text,
                            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr");
        book_close(book);
    }
}

static void a_book_of_a_newer_version_is_left_alone(void **state)
{
    struct book *book = NULL;
    struct btc_error err = {0};
    make_file(*state, 4);
    assert_int_equal(books_try_open(*state, BTC_MAIN, NULL, &book, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "version 4"));
    assert_non_null(strstr(err.text, "newer program"));
}

/* --- the passphrase --- */

/* Is this anywhere in the file or its log? */
static bool is_in_file(const char *dir, const void *bytes, size_t size)
{
    bool is_found = false;
    for (int i = 0; i < 2; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s%s", dir, BOOK_FILE_NAME, i ? "-wal" : "");
        FILE *file = fopen(path, "rbe");
        if (!file)
            continue;
        char *content = malloc(1 << 22);
        size_t count = fread(content, 1, 1 << 22, file);
        is_found |= memmem(content, count, bytes, size) != NULL;
        free(content);
        fclose(file);
    }
    return is_found;
}

static struct book *open_with(const char *dir, const char *passphrase, const char *sentence)
{
    struct book *book = NULL;
    struct btc_error err = {0};
    struct book_options options = {.dir = dir,
                                   .may_make = true,
                                   .params = btc_params_get(BTC_REGTEST),
                                   .sentence = sentence,
                                   .passphrase = passphrase};
    if (book_open(&options, &book, &err) != 0)
        fail_msg("%s", err.text);
    return book;
}

static void assert_locked(struct book *book, bool is_encrypted, bool is_locked)
{
    struct book_lock_state lock;
    char words[BTC_BIP39_SENTENCE_SIZE];
    assert_int_equal(book_lock_state(book, &lock, NULL), 0);
    assert_int_equal(lock.is_encrypted, is_encrypted);
    assert_int_equal(lock.is_locked, is_locked);
    assert_int_equal(book_sentence(book, words, NULL), is_locked ? BOOK_LOCKED : 0);
    if (!is_locked)
        assert_string_equal(words, WORDS);
}

static const uint8_t entropy[16] = {0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f,
                                    0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f};

static void a_book_with_a_passphrase_is_locked(void **state)
{
    struct btc_error err = {0};
    struct book_script script;
    struct book *book = open_with(*state, "correct horse", WORDS);
    assert_locked(book, true, true);
    assert_false(is_in_file(*state, entropy, sizeof(entropy)));
    assert_int_equal(book_new_address(book, BTC_SCRIPT_P2TR, BOOK_RECEIVE, "", &script, NULL, NULL),
                     0);
    assert_int_equal(book_unlock(book, "correct horze", &err), BOOK_WRONG);
    assert_non_null(strstr(err.text, "passphrase"));
    assert_locked(book, true, true);
    assert_int_equal(book_unlock(book, "correct horse", NULL), 0);
    assert_int_equal(book_unlock(book, "correct horse", NULL), 0);
    assert_int_equal(book_unlock(book, "something else", NULL), BOOK_WRONG);
    assert_locked(book, true, false);
    book_lock(book);
    book_lock(book);
    assert_locked(book, true, true);
    book_close(book);
    book = open_with(*state, NULL, NULL);
    assert_locked(book, true, true);
    assert_int_equal(book_unlock(book, "correct horse", NULL), 0);
    assert_locked(book, true, false);
    book_close(book);
    assert_false(is_in_file(*state, entropy, sizeof(entropy)));
}

static void a_passphrase_is_changed_and_taken_away(void **state)
{
    struct btc_error err = {0};
    char long_one[BOOK_PASSPHRASE_SIZE + 1];
    struct book *book = open_with(*state, NULL, WORDS);
    assert_locked(book, false, false);
    assert_true(is_in_file(*state, entropy, sizeof(entropy)));
    assert_int_equal(book_unlock(book, "any", NULL), 0);
    assert_int_equal(book_change_passphrase(book, "any", "new", &err), BTC_EUSAGE);
    assert_int_equal(book_change_passphrase(book, NULL, "", &err), BTC_EUSAGE);
    memset(long_one, 'x', sizeof(long_one));
    long_one[BOOK_PASSPHRASE_SIZE] = '\0';
    assert_int_equal(book_change_passphrase(book, NULL, long_one, &err), BTC_ELIMIT);

    assert_int_equal(book_change_passphrase(book, NULL, "first", &err), 0);
    assert_locked(book, true, true);
    assert_false(
        is_in_file(*state, entropy, sizeof(entropy))); /* nor in the log, while it is open */
    assert_int_equal(book_change_passphrase(book, NULL, "second", &err), BOOK_WRONG);
    assert_int_equal(book_change_passphrase(book, "wrong", "second", &err), BOOK_WRONG);
    assert_int_equal(book_change_passphrase(book, "first", "second", &err), 0);
    assert_int_equal(book_unlock(book, "first", NULL), BOOK_WRONG);
    assert_int_equal(book_unlock(book, "second", NULL), 0);
    assert_locked(book, true, false);
    assert_int_equal(book_change_passphrase(book, "second", NULL, &err), 0);
    assert_locked(book, false, false);
    book_close(book);
}

/* Whichever passphrase the file has after the kill, it is one of the two, and the words are there. */
static void kill_9_while_it_changes_leaves_the_old_or_the_new(void **state)
{
    if (runner_in_valgrind())
        skip();
    book_close(open_with(*state, "0", WORDS));
    int current = 0;
    int changed = 0;
    for (int i = 0; i < 4; i++) {
        char old[16];
        char new[16];
        int ready[2];
        char byte;
        snprintf(old, sizeof(old), "%d", current);
        snprintf(new, sizeof(new), "%d", current + 1);
        assert_int_equal(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
            struct book *book = open_with(*state, NULL, NULL);
            if (write(ready[1], "x", 1) != 1 || book_change_passphrase(book, old, new, NULL) != 0)
                _exit(1);
            if (i % 3 == 2)
                (void)!write(ready[1], "y", 1);
            pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        if (i % 3 == 2)
            assert_int_equal(read(ready[0], &byte, 1), 1);
        else
            usleep((useconds_t)(60000 + 60000 * i));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(ready[0]);
        struct book *book = open_with(*state, NULL, NULL);
        int rc = book_unlock(book, new, NULL);
        if (i % 3 == 2)
            assert_int_equal(rc, 0); /* what was acknowledged is so */
        if (rc != 0)
            assert_int_equal(book_unlock(book, old, NULL), 0);
        else
            current++, changed++;
        assert_locked(book, true, false);
        book_close(book);
    }
    assert_true(changed >= 1);
}

/* --- a file that was changed --- */

static void change(const char *dir, const char *sql)
{
    char path[4096];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/%s", dir, BOOK_FILE_NAME);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_locked_book_of_version_2_is_migrated(void **state)
{
    struct btc_error err = {0};
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    assert_int_equal(book_change_passphrase(book, NULL, "secret", &err), 0);
    book_close(book);
    change(*state, "ALTER TABLE draft DROP COLUMN given_out; PRAGMA user_version = 2");
    for (int i = 0; i < 2; i++) {
        book = books_open(*state, BTC_REGTEST, NULL);
        books_check(book);
        assert_int_equal(book_unlock(book, "secret", &err), 0);
        book_close(book);
    }
}

static const char other_account[] = "UPDATE wallet SET account = account86; DELETE FROM script";

static void a_book_with_accounts_of_other_keys_is_refused(void **state)
{
    struct btc_error err = {0};
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    book_close(book);
    change(*state, other_account);
    assert_int_equal(books_try_open(*state, BTC_REGTEST, NULL, &book, &err), BTC_ECORRUPT);
    assert_non_null(strstr(err.text, "tampered"));
}

static void a_locked_book_with_accounts_of_other_keys_is_not_unlocked(void **state)
{
    struct btc_error err = {0};
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    assert_int_equal(book_change_passphrase(book, NULL, "secret", &err), 0);
    book_close(book);
    change(*state, other_account);
    book = books_open(*state, BTC_REGTEST, NULL);
    assert_int_equal(book_unlock(book, "secret", &err), BTC_ECORRUPT);
    assert_locked(book, true, true);
    book_close(book);
}

static void a_book_with_a_script_of_another_key_is_refused(void **state)
{
    struct book_script script;
    struct btc_error err = {0};
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
    book_close(book);
    change(*state, "UPDATE script SET script = zeroblob(22) WHERE chain = 0 AND child = 0");
    book = books_open(*state, BTC_REGTEST, NULL);
    assert_int_equal(book_check(book, &err), BTC_ECORRUPT); /* given out: looked at thoroughly */
    book_close(book);
    change(*state, "UPDATE script SET script = zeroblob(23) WHERE chain = 2 AND child = 1");
    assert_int_equal(books_try_open(*state, BTC_REGTEST, NULL, &book, &err), BTC_ECORRUPT);
    assert_non_null(strstr(err.text, "script 1 of chain 2"));
}

static void a_trigger_in_the_file_does_nothing(void **state)
{
    struct book_script script;
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    book_close(book);
    change(*state, "CREATE TRIGGER t AFTER UPDATE ON script BEGIN UPDATE state SET own = 5; END");
    book = books_open(*state, BTC_REGTEST, NULL);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, NULL, NULL), 0);
    books_check(book);
    book_close(book);
}

/* --- boxes --- */

static void a_box_that_was_touched_does_not_open(void **state)
{
    uint8_t box[BTC_VAULT_SIZE_MAX];
    uint8_t again[BTC_VAULT_SIZE_MAX];
    uint8_t secret[BTC_VAULT_SECRET_SIZE_MAX];
    size_t size;
    size_t secret_size;
    (void)state;
    assert_int_equal(btc_vault_seal("p", entropy, sizeof(entropy), box, &size, NULL), 0);
    assert_int_equal(btc_vault_seal("p", entropy, sizeof(entropy), again, &size, NULL), 0);
    assert_memory_not_equal(box + 4, again + 4, 16);   /* salt */
    assert_memory_not_equal(box + 20, again + 20, 12); /* nonce */
    assert_int_equal(btc_vault_open("p", box, size, secret, &secret_size, NULL), 0);
    assert_int_equal(secret_size, sizeof(entropy));
    assert_memory_equal(secret, entropy, sizeof(entropy));
    for (size_t at = 4; at < size; at += 40) {
        box[at] ^= 1;
        assert_int_equal(btc_vault_open("p", box, size, secret, &secret_size, NULL),
                         BTC_VAULT_WRONG);
        box[at] ^= 1;
    }
    for (size_t cut = 0; cut < size; cut += 9)
        assert_true(btc_vault_open("p", box, cut, secret, &secret_size, NULL) != 0);
    static const struct {
        uint8_t work[3]; /* log2 of N, r, p */
        int rc;
    } works[] = {
        {{63, 8, 1}, BTC_EFORMAT}, {{20, 8, 16}, BTC_EFORMAT},       {{19, 8, 1}, BTC_EFORMAT},
        {{18, 8, 2}, BTC_EFORMAT}, {{1, 255, 255}, BTC_VAULT_WRONG}, {{15, 8, 2}, BTC_VAULT_WRONG},
        {{15, 8, 9}, BTC_EFORMAT}, {{15, 0, 1}, BTC_EFORMAT},        {{15, 8, 0}, BTC_EFORMAT},
    };
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        memcpy(box + 1, works[i].work, 3);
        assert_int_equal(btc_vault_open("p", box, size, secret, &secret_size, NULL), works[i].rc);
    }
    assert_int_equal(btc_vault_seal("p", entropy, 0, box, &size, NULL), BTC_EUSAGE);
}

static void a_secret_fits_its_script(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    for (int account = 0; account < KEYS_ACCOUNTS; account++) {
        struct btc_script script = books_script_of((enum keys_account)account, 1, 3);
        struct btc_script built;
        uint8_t secret[BTC_SECRET_SIZE];
        uint8_t key[BTC_KEY_SIZE];
        struct btc_hash160 hash;
        assert_int_equal(book_secret_of(book, btc_script_span(&script), secret, NULL), 0);
        assert_int_equal(btc_key_of_secret(secret, key), 0);
        assert_int_equal(btc_hash160(key, sizeof(key), &hash), 0);
        if (account == KEYS_BIP86)
            assert_int_equal(btc_taproot_script(key, &built), 0);
        else
            assert_int_equal(btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, 20, &built), 0);
        assert_int_equal(built.size, script.size);
        assert_memory_equal(built.bytes, script.bytes, script.size);
    }
    struct btc_script far = books_script_of(KEYS_BIP84, 0, 999);
    uint8_t secret[BTC_SECRET_SIZE];
    assert_int_equal(book_secret_of(book, btc_script_span(&far), secret, NULL), BOOK_NONE);
    book_close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(a_restored_book_gives_bip86_addresses),
        books_test(coins_of_both_accounts_are_found),
        books_test(a_book_of_version_1_is_migrated),
        books_test(kill_9_while_it_is_migrated_leaves_the_old_or_the_new),
        books_test(a_book_of_a_newer_version_is_left_alone),
        books_test(a_book_with_a_passphrase_is_locked),
        books_test(a_passphrase_is_changed_and_taken_away),
        books_test(kill_9_while_it_changes_leaves_the_old_or_the_new),
        books_test(a_locked_book_of_version_2_is_migrated),
        books_test(a_book_with_accounts_of_other_keys_is_refused),
        books_test(a_locked_book_with_accounts_of_other_keys_is_not_unlocked),
        books_test(a_book_with_a_script_of_another_key_is_refused),
        books_test(a_trigger_in_the_file_does_nothing),
        cmocka_unit_test(a_box_that_was_touched_does_not_open),
        books_test(a_secret_fits_its_script),
    };
    return cmocka_run_group_tests_name("book_keys", tests, NULL, NULL);
}
