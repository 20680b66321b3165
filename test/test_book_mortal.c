/* Payments while the process is killed at any point: nothing that was acknowledged is lost, and
 * nothing is paid twice. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/bitcoin/hash.h"
#include "actors/wallet/select.h"
#include "test/support/purse.h"
#include "test/support/runner.h"

enum { COINS = 30, AMOUNT = 1000000, PAID = 30000 };

/* What the child says once a call has returned. */
enum { DRAFTED = 1, SIGNED, SENT };
struct said {
    int what;
    int64_t id;
    struct btc_hash bytes; /* their hash, once there are any */
};

static void say(int out, int what, int64_t id, const uint8_t *data, size_t size)
{
    struct said said = {.what = what, .id = id};
    if (data && btc_sha256(data, size, &said.bytes) != 0)
        _exit(1);
    if (write(out, &said, sizeof(said)) != sizeof(said))
        _exit(1);
}

/* Pays again and again; every third time for a higher fee instead. */
_Noreturn static void run_child(const char *dir, int out)
{
    struct book *book = books_open(dir, BTC_REGTEST, NULL);
    struct btc_hash last = {{0}};
    for (int i = 0;; i++) {
        struct book_draft_options options = purse_options(1000 + 5000 * (i % 3));
        struct book_draft draft;
        uint8_t *data;
        size_t size;
        int rc = i % 3 == 2 ? book_bump_fee(book, &last, &options, &draft, NULL)
                            : purse_try(book, PAID, &options, &draft, NULL);
        if (rc == BOOK_SHORT)
            _exit(0);
        if (rc != 0)
            _exit(1);
        say(out, DRAFTED, draft.id, NULL, 0);
        if (book_sign_draft(book, draft.id, &data, &size, NULL) != 0)
            _exit(1);
        say(out, SIGNED, draft.id, data, size);
        free(data);
        if (book_send_draft(book, draft.id, PURSE_NOW_S, &data, &size, NULL) != 0)
            _exit(1);
        say(out, SENT, draft.id, data, size);
        free(data);
        last = draft.txid;
    }
}

static int64_t funded;

/* Coins for the first rounds, and for more when they are all spent, or kept by drafts. */
static void fund(struct book *book, struct blocks *chain)
{
    int64_t amounts[COINS];
    for (int i = 0; i < COINS; i++)
        amounts[i] = AMOUNT;
    purse_fund(book, chain, amounts, COINS);
    funded += (int64_t)COINS * AMOUNT;
}

/* Every payment counts once: what was there, less what was sent and did not give way. How many. */
static int64_t check_total(struct book *book, int64_t *ret_last_id)
{
    int64_t sent = 0;
    int64_t expected = funded;
    struct book_balance balance = books_balance(book);
    int64_t id = 0;
    int missing = 0;
    while (missing < 3) { /* ids may have gaps where a transaction was rolled back */
        struct book_draft draft;
        if (book_get_draft(book, ++id, &draft, NULL) != 0) {
            missing++;
            continue;
        }
        missing = 0;
        if (draft.state != BOOK_SENT)
            continue;
        expected -= draft.paid + draft.fee;
        sent++;
    }
    assert_int_equal(balance.confirmed + balance.pending, expected);
    *ret_last_id = id - 3;
    return sent;
}

/* What it said holds, and whatever is uncertain is repeated without paying twice. */
static void check_said(struct book *book, const struct said *said)
{
    struct book_draft draft;
    struct btc_hash hash;
    uint8_t *data;
    size_t size;
    struct book_balance before = books_balance(book);
    assert_int_equal(book_get_draft(book, said->id, &draft, NULL), 0);
    if (said->what < SIGNED)
        return;
    assert_true(draft.state >= BOOK_SIGNED);
    assert_true(said->what < SENT || draft.state >= BOOK_SENT);
    assert_int_equal(book_sign_draft(book, said->id, &data, &size, NULL), 0);
    assert_int_equal(btc_sha256(data, size, &hash), 0);
    assert_true(btc_hash_equal(&hash, &said->bytes));
    free(data);
    if (draft.state == BOOK_GAVE_WAY)
        return;
    for (int i = 0; i < 2; i++) {
        int rc = book_send_draft(book, said->id, PURSE_NOW_S, &data, &size, NULL);
        assert_int_equal(rc, draft.state == BOOK_SENT || i > 0 ? BOOK_KNOWN : 0);
        assert_int_equal(btc_sha256(data, size, &hash), 0);
        assert_true(btc_hash_equal(&hash, &said->bytes));
        free(data);
    }
    struct book_balance after = books_balance(book);
    if (draft.state == BOOK_SENT)
        assert_memory_equal(&before, &after, sizeof(before));
}

static void kill_9_between_any_two_steps_pays_once(void **state)
{
    struct blocks *chain = blocks_new();
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    uint64_t seed = (uint64_t)time(NULL);
    int rounds = runner_in_valgrind() ? 5 : getenv("TROUPE_STRESS") ? 1000 : 40;
    int64_t last_id = 0;
    int64_t paid = 0;
    print_message("kill points from seed %llu\n", (unsigned long long)seed);
    fund(book, chain);
    book_close(book);
    for (int round = 0; round < rounds; round++) {
        int from[2];
        int status = 0;
        struct said said = {0};
        struct said next;
        assert_int_equal(pipe2(from, O_CLOEXEC), 0);
        pid_t pid = fork();
        if (pid == 0)
            run_child(*state, from[1]);
        close(from[1]);
        int count = 1 + (int)(select_random(&seed) % 12);
        for (int i = 0; i < count && read(from[0], &next, sizeof(next)) == sizeof(next); i++)
            said = next;
        for (volatile uint64_t spin = select_random(&seed) % 2000000; spin > 0; spin--)
            ;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        while (read(from[0], &next, sizeof(next)) == sizeof(next))
            said = next;
        close(from[0]);
        book = books_open(*state, BTC_REGTEST, NULL);
        books_check(book);
        check_total(book, &last_id);
        if (said.what != 0)
            check_said(book, &said);
        paid = check_total(book, &last_id);
        if (WIFEXITED(status))
            fund(book, chain);
        book_close(book);
    }
    print_message("%lld drafts, %lld payments\n", (long long)last_id, (long long)paid);
    assert_true(last_id > rounds / 2);
    assert_true(paid > 0);
    blocks_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(kill_9_between_any_two_steps_pays_once),
    };
    return cmocka_run_group_tests_name("book_mortal", tests, NULL, NULL);
}
