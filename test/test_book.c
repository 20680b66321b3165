/*
 * The wallet's book as a person meets it: opening and its refusals, addresses, labels, watching, and
 * the real history of the mainnet's first payments. After every story the book adds up
 * (book_check()).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "actors/wallet/keys.h"
#include "test/support/books.h"

#define BLOCK_9_KEY                                                      \
    "0411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5c" \
    "b2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3"

enum { PAGE = 16 };

/* --- opening --- */

static void a_new_book_has_keys_of_its_own(void **state)
{
    char first[BTC_BIP39_SENTENCE_SIZE];
    char again[BTC_BIP39_SENTENCE_SIZE];
    uint8_t entropy[BTC_BIP39_ENTROPY_SIZE_MAX];
    size_t size;
    int32_t height;
    struct btc_hash hash;
    struct stat info;
    char path[4096];
    char sub[2048];
    snprintf(sub, sizeof(sub), "%s/sub", (char *)*state);
    snprintf(path, sizeof(path), "%s/%s", sub, BOOK_FILE_NAME);
    umask(0);
    struct book *book = books_open(sub, BTC_REGTEST, NULL);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(sub, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(book_sentence(book, first, NULL), 0);
    assert_int_equal(btc_bip39_decode(first, entropy, &size, NULL), 0);
    assert_int_equal(size, KEYS_ENTROPY_SIZE);
    assert_int_equal(book_synced(book, &height, &hash, NULL), 0);
    assert_int_equal(height, 0);
    assert_true(btc_hash_equal(&hash, &btc_params_get(BTC_REGTEST)->genesis_hash));
    assert_int_equal(books_total(book), 0);
    books_check(book);
    book_close(book);

    assert_int_equal(chmod(path, 0644), 0);
    book = books_open(sub, BTC_REGTEST, NULL);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(book_sentence(book, again, NULL), 0);
    assert_string_equal(first, again);
    book_close(book);
    book_close(NULL);
}

static void a_restored_book_gives_bip84_addresses(void **state)
{
    struct book_script script;
    bool beyond;
    struct book *book = books_open(*state, BTC_MAIN, BOOKS_SENTENCE);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "rent", &script, &beyond, NULL), 0);
    assert_string_equal(script.text, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu");
    assert_string_equal(script.label, "rent");
    assert_int_equal(script.index, 0);
    assert_false(beyond);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_CHANGE, NULL, &script, NULL, NULL), 0);
    assert_string_equal(script.text, "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el");
    book_close(book);
    book = books_open(*state, BTC_MAIN, NULL);
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, &beyond, NULL), 0);
    assert_string_equal(script.text, "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g");
    for (int i = 2; i < 24; i++)
        assert_int_equal(
            book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, "", &script, &beyond, NULL), 0);
    assert_true(beyond); /* the 24th in a row without a payment */
    assert_int_equal(
        book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_WATCHED, "", &script, NULL, NULL),
        BTC_EUSAGE);
    book_close(book);
}

static void what_cannot_be_opened_is_explained(void **state)
{
    const char *dir = *state;
    struct book *none = NULL;
    struct btc_error err = {0};
    char path[4096];
    char sub[2048];
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/%s", dir, BOOK_FILE_NAME);
    snprintf(sub, sizeof(sub), "%s/none/sub", dir);
    assert_int_equal(books_try_open(sub, BTC_REGTEST, NULL, &none, &err), BTC_EIO);
    assert_non_null(strstr(err.text, "none/sub"));
    assert_int_equal(books_try_open(dir, BTC_REGTEST, "xyzzy two three", &none, &err), BTC_EFORMAT);
    assert_non_null(strstr(err.text, "word 1"));

    book_close(books_open(dir, BTC_REGTEST, NULL)); /* what failed left nothing in the way */
    assert_int_equal(books_try_open(dir, BTC_MAIN, NULL, &none, &err), BTC_ENETWORK);
    assert_non_null(strstr(err.text, "regtest"));
    assert_int_equal(books_try_open(dir, BTC_REGTEST, BOOKS_SENTENCE, &none, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "exists already"));

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(books_try_open(dir, BTC_REGTEST, NULL, &none, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "version 99"));

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 7", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(books_try_open(dir, BTC_REGTEST, NULL, &none, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "another program"));

    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("not a database at all\n", file);
    fclose(file);
    assert_int_equal(books_try_open(dir, BTC_REGTEST, NULL, &none, &err), BTC_EUSAGE);
    assert_non_null(strstr(err.text, "not a wallet"));
    assert_null(none);
}

/* Waits for a byte on `fd`, then tries to open the book: exits with 0 when refused as it should. */
_Noreturn static void try_open_in_child(const char *dir, int fd)
{
    struct book *book = NULL;
    struct btc_error err = {0};
    char byte;
    if (read(fd, &byte, 1) != 1)
        _exit(2);
    int rc = books_try_open(dir, BTC_REGTEST, NULL, &book, &err);
    _exit(rc == BTC_EINUSE && strstr(err.text, "another process") ? 0 : 1);
}

static void a_book_belongs_to_one_process(void **state)
{
    int fds[2];
    int status;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork(); /* before the book is opened: the child must have no copy of it */
    if (pid == 0)
        try_open_in_child(*state, fds[0]);
    struct book *book = books_open(*state, BTC_REGTEST, NULL);
    struct book *second = NULL;
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(books_try_open(*state, BTC_REGTEST, NULL, &second, NULL), BTC_EINUSE);
    books_check(book);
    book_close(book);
    book_close(books_open(*state, BTC_REGTEST, NULL));
    close(fds[0]);
    close(fds[1]);
}

static void a_damaged_row_is_noticed(void **state)
{
    char path[4096];
    sqlite3 *db;
    struct btc_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", (char *)*state, BOOK_FILE_NAME);
    book_close(books_open(*state, BTC_REGTEST, NULL));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE state SET own = 5", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    struct book *book = books_open(*state, BTC_REGTEST, NULL);
    assert_int_equal(book_check(book, &err), BTC_ECORRUPT);
    assert_non_null(strstr(err.text, "own coins are kept as 5 satoshi and add up to 0"));
    book_close(book);
}

/* --- the mainnet's first blocks --- */

static int64_t main_total_at(int32_t height)
{
    static const struct {
        int32_t from;
        int64_t coins;
    } steps[] = {{9, 50}, {170, 40}, {181, 30}, {182, 29}, {183, 28}, {248, 18}};
    int64_t coins = 0;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (height >= steps[i].from)
            coins = steps[i].coins;
    return coins * BTC_COIN;
}

static void check_main_history(struct book *book)
{
    static const struct {
        int32_t height;
        int64_t net_coins;
        int64_t fee;
    } due[] = {{248, -10, 0}, {183, -1, 0},  {182, -1, 0},
               {181, -10, 0}, {170, -10, 0}, {9, 50, -1}};
    struct book_entry entries[PAGE];
    char hex[BTC_HASH_HEX_SIZE];
    assert_int_equal(books_list_entries(book, entries, PAGE), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(entries[i].height, due[i].height);
        assert_int_equal(entries[i].net, due[i].net_coins * BTC_COIN);
        assert_int_equal(entries[i].fee, due[i].fee);
        assert_int_equal(entries[i].is_coinbase, due[i].height == 9);
    }
    btc_hash_to_hex(&entries[4].txid, hex);
    assert_string_equal(hex, "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16");
    assert_int_equal(entries[4].time_s, 1231731025);
    assert_int_equal(entries[4].position, 1);
}

static void block_9s_key_has_its_known_history(void **state)
{
    struct blocks *chain = blocks_load_main();
    if (!chain)
        skip();
    struct book *book = books_open(*state, BTC_MAIN, NULL);
    assert_int_equal(book_watch(book, BLOCK_9_KEY, "block 9", -1, NULL), 0);
    assert_int_equal(book_watch(book, BLOCK_9_KEY, "again", -1, NULL), BOOK_KNOWN);
    size_t all_changes = 0;
    for (int32_t height = 1; height <= BLOCKS_MAIN_COUNT; height++) {
        size_t changes = 99;
        assert_int_equal(books_apply(book, chain, height, &changes), 0);
        all_changes += changes;
        struct book_balance balance = books_balance(book);
        assert_int_equal(balance.confirmed + balance.immature, main_total_at(height));
        assert_int_equal(balance.watch_only, main_total_at(height));
        assert_int_equal(balance.immature, height >= 9 && height < 109 ? 50 * BTC_COIN : 0);
    }
    assert_int_equal(all_changes, 6);
    check_main_history(book);
    books_check(book);
    book_close(book);

    book = books_open(*state, BTC_MAIN, NULL);
    struct book_coin coins[PAGE];
    int64_t cursor = 0;
    size_t count;
    check_main_history(book);
    assert_int_equal(books_height(book), BLOCKS_MAIN_COUNT);
    assert_int_equal(book_list_coins(book, &cursor, coins, PAGE, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(coins[0].amount, 18 * BTC_COIN);
    assert_int_equal(coins[0].height, 248);
    assert_true(coins[0].is_mature);
    assert_string_equal(coins[0].script.label, "block 9");
    assert_int_equal(coins[0].script.kind, BTC_SCRIPT_P2PK);
    assert_string_equal(coins[0].script.text, "41" BLOCK_9_KEY "ac");

    /* Back down, block by block: every balance as it was. */
    for (int32_t height = BLOCKS_MAIN_COUNT; height > 0; height--) {
        assert_int_equal(books_total(book), main_total_at(height));
        assert_int_equal(book_disconnect_block(book, height, &chain->hashes[height], NULL), 0);
        assert_int_equal(books_total(book), main_total_at(height - 1));
        books_check(book);
    }
    books_apply_up_to(book, chain, BLOCKS_MAIN_COUNT);
    check_main_history(book);
    book_close(book);
    blocks_free(chain);
}

static void what_is_watched_later_is_found_by_rescan(void **state)
{
    struct blocks *chain = blocks_load_main();
    if (!chain)
        skip();
    struct book *book = books_open(*state, BTC_MAIN, NULL);
    books_apply_up_to(book, chain, BLOCKS_MAIN_COUNT);
    assert_int_equal(books_total(book), 0);
    assert_int_equal(book_watch(book, BLOCK_9_KEY, NULL, 5, NULL), 0);
    assert_int_equal(books_height(book), 4);
    books_apply_up_to(book, chain, BLOCKS_MAIN_COUNT);
    check_main_history(book);
    for (int i = 0; i < 2; i++) { /* twice is as good as once */
        assert_int_equal(book_rescan_from(book, 181, NULL), 0);
        assert_int_equal(books_height(book), 180);
        assert_int_equal(books_total(book), 40 * BTC_COIN);
        books_check(book);
    }
    books_apply_up_to(book, chain, BLOCKS_MAIN_COUNT);
    check_main_history(book);
    assert_int_equal(book_rescan_from(book, -7, NULL), 0);
    assert_int_equal(books_height(book), 0);
    assert_int_equal(book_rescan_from(book, 100, NULL), 0); /* not that far yet: nothing to do */
    assert_int_equal(books_height(book), 0);
    books_apply_up_to(book, chain, BLOCKS_MAIN_COUNT);
    check_main_history(book);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

static void an_address_is_watched_as_well_as_a_key(void **state)
{
    struct blocks *chain = blocks_load_main();
    if (!chain)
        skip();
    struct book *book = books_open(*state, BTC_MAIN, NULL);
    struct btc_error err = {0};
    /* Block 9's key is paid by its P2PK script; block 10's by address would find nothing, the raw
     * script does. */
    assert_int_equal(book_watch(book, "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S", "", -1, NULL), 0);
    assert_int_equal(book_watch(book, "41" BLOCK_9_KEY "ac", "raw", -1, NULL), 0);
    assert_int_equal(book_watch(book, BLOCK_9_KEY, "", -1, NULL), BOOK_KNOWN);
    books_apply_up_to(book, chain, BLOCKS_MAIN_COUNT);
    check_main_history(book);
    struct book_script scripts[PAGE];
    int64_t cursor = 0;
    size_t count;
    assert_int_equal(book_list_scripts(book, &cursor, scripts, PAGE, &count, NULL), 0);
    assert_int_equal(cursor, 0);
    assert_int_equal(count, 2);
    assert_string_equal(scripts[0].text, "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S");
    assert_false(scripts[0].is_used);
    assert_true(scripts[1].is_used);
    assert_int_equal(scripts[1].chain, BOOK_WATCHED);

    static const struct {
        const char *text;
        int code;
        const char *why;
    } bad[] = {
        {"", BTC_EFORMAT, "neither"},
        {"xyz", BTC_EFORMAT, "neither"},
        {"abc", BTC_EFORMAT, "hex"},
        {"bcrt1qcr8te4kr609gcawutmrza0j4xv80jy8zeqchgx", BTC_ENETWORK, "regtest"},
        {"02ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", BTC_EFORMAT,
         "curve"},
        {"05aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", BTC_EFORMAT,
         "curve"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(book_watch(book, bad[i].text, "", -1, &err), bad[i].code);
        assert_non_null(strstr(err.text, bad[i].why));
    }
    char *huge = malloc(2 * 10001 + 1);
    memset(huge, 'a', 2 * 10001);
    huge[2 * 10001] = '\0';
    assert_int_equal(book_watch(book, huge, "", -1, &err), BTC_ELIMIT);
    huge[2 * 10000] = '\0';
    assert_int_equal(book_watch(book, huge, "", -1, &err), 0);
    assert_int_equal(book_watch(book, "51", huge, -1, &err), BTC_ELIMIT);
    free(huge);
    book_close(book);
    blocks_free(chain);
}

static void labels_stay_with_their_scripts(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, NULL);
    struct book_script scripts[40];
    struct book_script page[3];
    size_t count = 0;
    int64_t cursor = 0;
    char label[BOOK_LABEL_SIZE + 1];
    for (int i = 0; i < 25; i++) {
        snprintf(label, sizeof(label), "number %d; \"quoted\" \xc3\xa9", i);
        assert_int_equal(
            book_new_address(book, BTC_SCRIPT_P2WPKH, BOOK_RECEIVE, label, &scripts[i], NULL, NULL),
            0);
        assert_string_equal(scripts[i].label, label);
    }
    memset(label, 'x', BOOK_LABEL_SIZE);
    label[BOOK_LABEL_SIZE] = '\0';
    assert_int_equal(book_set_label(book, scripts[7].id, label, NULL), BTC_ELIMIT);
    assert_int_equal(book_set_label(book, 123456, "x", NULL), BOOK_NONE);
    label[BOOK_LABEL_SIZE - 1] = '\0';
    assert_int_equal(book_set_label(book, scripts[7].id, label, NULL), 0);
    strcpy(scripts[7].label, label);
    book_close(book);
    book = books_open(*state, BTC_REGTEST, NULL);
    do {
        size_t found;
        assert_int_equal(book_list_scripts(book, &cursor, page, 3, &found, NULL), 0);
        for (size_t i = 0; i < found; i++, count++) {
            assert_string_equal(page[i].text, scripts[count].text);
            assert_string_equal(page[i].label, scripts[count].label);
            assert_int_equal(page[i].index, count);
        }
    } while (cursor != 0);
    assert_int_equal(count, 25);
    assert_int_equal(book_list_scripts(book, &cursor, page, 0, &count, NULL), BTC_EUSAGE);
    book_close(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(a_new_book_has_keys_of_its_own),
        books_test(a_restored_book_gives_bip84_addresses),
        books_test(what_cannot_be_opened_is_explained),
        books_test(a_book_belongs_to_one_process),
        books_test(a_damaged_row_is_noticed),
        books_test(block_9s_key_has_its_known_history),
        books_test(what_is_watched_later_is_found_by_rescan),
        books_test(an_address_is_watched_as_well_as_a_key),
        books_test(labels_stay_with_their_scripts),
    };
    return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
