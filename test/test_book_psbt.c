/* PSBTs between two books, and copies of a book's file. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/bitcoin/psbt.h"
#include "test/support/purse.h"

#define FUNDS 4
static const int64_t funds[FUNDS] = {100000, 200000, 300000, 400000};

static struct blocks *chain;
static struct book *book;

static int setup(void **state)
{
    return purse_open(state, funds, FUNDS, &chain, &book);
}

static int teardown(void **state)
{
    return purse_close(state, chain, book);
}

/* A draft that spends coins of both accounts. */
static struct book_draft mixed_draft(void)
{
    return purse_draft(book, 850000, 1000);
}

static void a_draft_goes_out_and_comes_back_signed(void **state)
{
    struct book_draft draft = mixed_draft();
    struct book_draft sent;
    struct btc_error err = {0};
    uint8_t *unsigned_psbt;
    uint8_t *signed_psbt;
    uint8_t *tx;
    uint8_t *again;
    size_t unsigned_size;
    size_t signed_size;
    size_t tx_size;
    size_t again_size;
    size_t count;
    int64_t id;
    (void)state;
    assert_int_equal(book_psbt_create(book, 99, &unsigned_psbt, &unsigned_size, NULL), BOOK_NONE);
    assert_int_equal(book_psbt_create(book, draft.id, &unsigned_psbt, &unsigned_size, &err), 0);
    assert_int_equal(
        book_psbt_finalise(book, unsigned_psbt, unsigned_size, &tx, &tx_size, &id, &err),
        BTC_EINVALID);
    assert_non_null(strstr(err.text, "not all is signed"));
    assert_int_equal(book_psbt_sign(book, unsigned_psbt, unsigned_size, &signed_psbt, &signed_size,
                                    &count, &err),
                     0);
    assert_int_equal(count, draft.input_count);
    assert_true(draft.input_count >= 3);
    assert_int_equal(
        book_psbt_sign(book, signed_psbt, signed_size, &again, &again_size, &count, &err), 0);
    assert_int_equal(count, 0); /* newly signed: none */
    free(again);
    if (book_psbt_finalise(book, signed_psbt, signed_size, &tx, &tx_size, &id, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(id, draft.id);
    purse_check_signed(book, &draft, (struct btc_span){tx, tx_size});
    assert_int_equal(book_send_draft(book, id, 5, &again, &again_size, NULL), 0);
    assert_int_equal(again_size, tx_size);
    assert_memory_equal(again, tx, tx_size);
    assert_int_equal(book_get_draft(book, id, &sent, NULL), 0);
    assert_int_equal(sent.state, BOOK_SENT);
    free(again);
    free(tx);
    /* from the same PSBT, however often, the same transaction */
    assert_int_equal(book_psbt_finalise(book, signed_psbt, signed_size, &tx, &tx_size, &id, &err),
                     0);
    assert_int_equal(book_send_draft(book, id, 5, &again, &again_size, NULL), BOOK_KNOWN);
    assert_memory_equal(again, tx, tx_size);
    free(again);
    free(tx);
    free(unsigned_psbt);
    free(signed_psbt);
}

/* Finalises a signed PSBT elsewhere and spoils a byte of the first witness that it then has. */
static struct btc_span spoil(const uint8_t *data, size_t size)
{
    struct btc_psbt *psbt;
    struct btc_writer final;
    struct btc_writer raw;
    struct btc_tx tx;
    btc_writer_init(&final, BTC_PSBT_SIZE_MAX);
    btc_writer_init(&raw, BTC_TX_SIZE_MAX);
    assert_int_equal(btc_psbt_parse(data, size, &psbt, NULL), 0);
    for (size_t i = 0; i < btc_psbt_tx(psbt)->in_count; i++)
        assert_int_equal(btc_psbt_finalise(psbt, i, NULL), 0);
    btc_psbt_write(psbt, &final);
    assert_int_equal(btc_psbt_extract(psbt, &raw, NULL), 0);
    assert_int_equal(btc_tx_parse(raw.data, raw.size, &tx, NULL), 0);
    uint8_t *at = memmem(final.data, final.size, tx.ins[0].witness[0].data,
                         tx.ins[0].witness[0].size);
    assert_non_null(at);
    at[20] ^= 1;
    btc_tx_free(&tx);
    btc_writer_free(&raw);
    btc_psbt_free(psbt);
    return (struct btc_span){final.data, final.size};
}

static void a_final_input_with_a_wrong_signature_is_not_kept(void **state)
{
    struct book_draft draft = mixed_draft();
    struct btc_error err = {0};
    uint8_t *data;
    uint8_t *signed_psbt;
    uint8_t *tx;
    size_t size;
    size_t count;
    int64_t id;
    (void)state;
    assert_int_equal(book_psbt_create(book, draft.id, &data, &size, &err), 0);
    assert_int_equal(book_psbt_sign(book, data, size, &signed_psbt, &size, &count, &err), 0);
    struct btc_span spoilt = spoil(signed_psbt, size);
    assert_int_equal(book_psbt_finalise(book, spoilt.data, spoilt.size, &tx, &count, &id, &err),
                     BTC_EINVALID);
    assert_int_equal(book_get_draft(book, draft.id, &draft, NULL), 0);
    assert_int_equal(draft.state, BOOK_DRAFTED);
    assert_int_equal(book_psbt_finalise(book, signed_psbt, size, &tx, &count, &id, &err), 0);
    assert_int_equal(book_get_draft(book, draft.id, &draft, NULL), 0);
    assert_int_equal(draft.state, BOOK_SIGNED);
    free(tx);
    purse_free(spoilt);
    free(signed_psbt);
    free(data);
}

static void what_goes_out_as_a_psbt_is_given_out(void **state)
{
    struct book_draft alone = purse_draft(book, 50000, 1000);
    struct book_draft shared = purse_draft(book, 50000, 1000);
    uint8_t *data;
    uint8_t *out;
    uint8_t *tx;
    size_t size;
    size_t out_size;
    size_t count;
    int64_t id;
    purse_free(purse_send(book, alone.id));
    assert_int_equal(book_psbt_create(book, shared.id, &data, &size, NULL), 0);
    book_close(book);
    book = books_open(*state, BTC_REGTEST, NULL);
    assert_int_equal(book_get_draft(book, shared.id, &shared, NULL), 0);
    assert_true(shared.is_given_out); /* to who may have the keys, too */
    assert_int_equal(book_drop_draft(book, shared.id, NULL), BTC_EUSAGE);
    assert_int_equal(book_psbt_sign(book, data, size, &out, &out_size, &count, NULL), 0);
    assert_int_equal(book_get_draft(book, alone.id, &alone, NULL), 0);
    assert_false(alone.is_given_out);
    assert_int_equal(book_psbt_finalise(book, out, out_size, &tx, &count, &id, NULL), 0);
    assert_int_equal(id, shared.id);
    free(tx);
    free(out);
    free(data);
}

static void a_psbt_says_where_the_keys_are(void **state)
{
    struct book_draft draft = mixed_draft();
    struct btc_psbt *psbt;
    struct btc_psbt_key key;
    uint8_t *data;
    size_t size;
    int64_t fee;
    (void)state;
    assert_int_equal(book_psbt_create(book, draft.id, &data, &size, NULL), 0);
    assert_int_equal(btc_psbt_parse(data, size, &psbt, NULL), 0);
    assert_int_equal(btc_psbt_fee(psbt, &fee, NULL), 0);
    assert_int_equal(fee, draft.fee);
    for (size_t i = 0; i < draft.input_count; i++) {
        assert_int_equal(btc_psbt_key(psbt, BTC_PSBT_INPUT, i, 0, &key), 0);
        assert_int_equal(key.origin.path_count, 5);
        assert_int_equal(key.origin.path[0], (key.is_taproot ? 86 : 84) | BTC_HD_HARDENED);
        assert_int_equal(key.origin.path[3], 0);
        assert_memory_equal(key.origin.fingerprint, "\x73\xc5\xda\x0a", 4);
    }
    for (int32_t i = 0; i < (int32_t)draft.output_count; i++)
        assert_int_equal(btc_psbt_key(psbt, BTC_PSBT_OUTPUT, (size_t)i, 0, &key) == 0,
                         i == draft.change_index);
    btc_psbt_free(psbt);
    free(data);
}

/* Another amount than the coin's would have a signer give away the difference. */
static void a_lie_about_an_amount_is_not_signed(void **state)
{
    struct book_draft draft = mixed_draft();
    struct btc_error err = {0};
    struct btc_psbt *psbt;
    struct btc_tx_out coin;
    uint8_t *data;
    uint8_t *result;
    size_t size;
    size_t result_size;
    size_t count;
    (void)state;
    assert_int_equal(book_psbt_create(book, draft.id, &data, &size, NULL), 0);
    assert_int_equal(btc_psbt_parse(data, size, &psbt, NULL), 0);
    assert_int_equal(btc_psbt_coin(psbt, 1, &coin), 0);
    uint8_t *amount = memmem(data, size, &coin.amount, sizeof(coin.amount));
    assert_non_null(amount);
    amount[0] ^= 1;
    assert_int_equal(book_psbt_sign(book, data, size, &result, &result_size, &count, &err),
                     BTC_EINVALID);
    assert_non_null(strstr(err.text, "do not sign"));
    assert_int_equal(book_psbt_sign(book, data, size - 1, &result, &result_size, &count, &err),
                     BTC_EFORMAT);
    btc_psbt_free(psbt);
    free(data);
}

static void a_locked_book_signs_no_psbt(void **state)
{
    struct book_draft draft = mixed_draft();
    uint8_t *data;
    uint8_t *result;
    size_t size;
    size_t result_size;
    size_t count;
    (void)state;
    assert_int_equal(book_psbt_create(book, draft.id, &data, &size, NULL), 0);
    assert_int_equal(book_change_passphrase(book, NULL, "secret", NULL), 0);
    assert_int_equal(book_psbt_sign(book, data, size, &result, &result_size, &count, NULL),
                     BOOK_LOCKED);
    free(data);
}

/* --- copies --- */

static void restore(const char *dir, const char *from)
{
    char to[4096];
    snprintf(to, sizeof(to), "%s/sub", dir);
    assert_int_equal(mkdir(to, 0700), 0);
    snprintf(to, sizeof(to), "%s/sub/%s", dir, BOOK_FILE_NAME);
    assert_int_equal(rename(from, to), 0);
}

static void check_restored(const char *dir, int64_t confirmed)
{
    char sub[4096];
    char words[BTC_BIP39_SENTENCE_SIZE];
    snprintf(sub, sizeof(sub), "%s/sub", dir);
    struct book *copy = books_open(sub, BTC_REGTEST, NULL);
    books_check(copy);
    assert_int_equal(books_balance(copy).confirmed, confirmed);
    assert_int_equal(book_sentence(copy, words, NULL), 0);
    assert_string_equal(words, BOOKS_SENTENCE);
    book_close(copy);
}

static void a_copy_made_in_steps_is_a_book(void **state)
{
    struct book_backup *backup;
    struct btc_error err = {0};
    char path[4096];
    struct stat info;
    int left = 1;
    int total;
    int steps = 0;
    snprintf(path, sizeof(path), "%s/copy", (char *)*state);
    assert_int_equal(book_backup_begin(book, path, &backup, &err), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    struct book_backup *second;
    assert_int_equal(book_backup_begin(book, path, &second, &err), BTC_EUSAGE);
    while (left > 0) {
        if (steps++ == 2) /* it goes on meanwhile */
            purse_fund(book, chain, funds, FUNDS);
        if (book_backup_step(backup, 3, &left, &total, &err) != 0)
            fail_msg("%s", err.text);
    }
    assert_true(steps > 3);
    book_backup_end(backup);
    restore(*state, path);
    check_restored(*state, 2000000);
}

static void a_copy_can_be_read_as_a_stream(void **state)
{
    struct book_backup *backup;
    char path[4096];
    uint8_t bytes[3000];
    int left;
    int total;
    size_t got = 1;
    snprintf(path, sizeof(path), "%s/copy", (char *)*state);
    assert_int_equal(book_backup_begin(book, NULL, &backup, NULL), 0);
    assert_int_equal(book_backup_read(backup, 0, bytes, sizeof(bytes), &got, NULL), BTC_EUSAGE);
    do
        assert_int_equal(book_backup_step(backup, 1000, &left, &total, NULL), 0);
    while (left > 0);
    FILE *file = fopen(path, "wbe");
    for (int64_t at = 0; got > 0; at += (int64_t)got) {
        assert_int_equal(book_backup_read(backup, at, bytes, sizeof(bytes), &got, NULL), 0);
        assert_int_equal(fwrite(bytes, 1, got, file), got);
    }
    fclose(file);
    book_backup_end(backup);
    restore(*state, path);
    check_restored(*state, 1000000);
}

/* A process that is killed in the middle of a copy leaves it, with keys that are not encrypted. */
static void a_copy_that_was_left_is_removed(void **state)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.copy", (char *)*state, BOOK_FILE_NAME);
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(path, "wbe");
        assert_non_null(file);
        fclose(file);
        if (i == 0) {
            book_close(book);
            book = books_open(*state, BTC_REGTEST, NULL);
        } else {
            assert_int_equal(book_change_passphrase(book, NULL, "secret", NULL), 0);
        }
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void a_copy_given_up_leaves_no_file(void **state)
{
    struct book_backup *backup;
    char path[4096];
    int left;
    int total;
    snprintf(path, sizeof(path), "%s/copy", (char *)*state);
    assert_int_equal(book_backup_begin(book, path, &backup, NULL), 0);
    assert_int_equal(book_backup_step(backup, 1, &left, &total, NULL), 0);
    assert_true(left > 0);
    book_backup_end(backup);
    assert_int_equal(access(path, F_OK), -1);
    book_backup_end(NULL);
}

#define psbt_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        psbt_test(a_draft_goes_out_and_comes_back_signed),
        psbt_test(a_final_input_with_a_wrong_signature_is_not_kept),
        psbt_test(what_goes_out_as_a_psbt_is_given_out),
        psbt_test(a_psbt_says_where_the_keys_are),
        psbt_test(a_lie_about_an_amount_is_not_signed),
        psbt_test(a_locked_book_signs_no_psbt),
        psbt_test(a_copy_made_in_steps_is_a_book),
        psbt_test(a_copy_can_be_read_as_a_stream),
        psbt_test(a_copy_that_was_left_is_removed),
        psbt_test(a_copy_given_up_leaves_no_file),
    };
    return cmocka_run_group_tests_name("book_psbt", tests, NULL, NULL);
}
