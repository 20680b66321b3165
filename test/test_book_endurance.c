/* The wallet's book killed at any point, and with many transactions. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/purse.h"

/* --- killed at any point --- */

/* Coinbases to the wallet; each, once mature, spent to itself and to somebody else. */
static struct blocks *busy_chain(int32_t tip)
{
    struct blocks *chain = blocks_new();
    struct btc_outpoint coins[1024];
    for (int32_t height = 1; height <= tip; height++) {
        struct btc_script receive = books_script(0, (uint32_t)height % 20);
        struct btc_script change = books_script(1, (uint32_t)height % 20);
        struct blocks_draft draft = blocks_draft(height, 1);
        coins[height].index = 0;
        coins[height].txid = blocks_add_coinbase(&draft, blocks_out_to(&receive, 50 * BTC_COIN));
        if (height > 100) {
            struct btc_tx_out outs[] = {blocks_out_to_other(BTC_COIN),
                                        blocks_out_to(&change, 48 * BTC_COIN)};
            blocks_add_tx(&draft, &coins[height - 100], 1, outs, 2);
        }
        blocks_finish(chain, &draft);
    }
    return chain;
}

/* Open, go on from where the book stands: a byte from `in` allows one block, one to `out` tells
 * that it is done. Some blocks are undone and done again. */
_Noreturn static void run_child(const char *dir, struct blocks *chain, int in, int out)
{
    struct book *book = books_open(dir, BTC_REGTEST, NULL);
    char byte;
    for (int32_t height = books_height(book) + 1; height <= chain->tip; height++) {
        if (read(in, &byte, 1) != 1 || books_apply(book, chain, height, NULL) != 0)
            _exit(1);
        if (height % 20 == 19 && book_rewind(book, height - 3, NULL) != 0)
            _exit(1);
        books_apply_up_to(book, chain, height);
        if (write(out, "x", 1) != 1)
            _exit(1);
    }
    book_close(book);
    blocks_free(chain);
    _exit(0);
}

/* Let a child do `blocks` of them, and kill it somewhere in the next. */
static void run_and_kill(const char *dir, struct blocks *chain, int blocks, unsigned spins)
{
    int to[2];
    int from[2];
    char byte;
    int status;
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(from[0]);
        run_child(dir, chain, to[0], from[1]);
    }
    close(from[1]);
    for (int i = 0; i <= blocks; i++)
        assert_int_equal(write(to[1], "x", 1), 1);
    for (int i = 0; i < blocks && read(from[0], &byte, 1) == 1; i++)
        ;
    for (volatile unsigned i = 0; i < spins; i++)
        ;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    close(from[0]);
    close(to[0]);
    close(to[1]);
}

static void kill_9_leaves_a_block_done_or_not_begun(void **state)
{
    struct blocks *chain = busy_chain(300);
    book_close(books_open(*state, BTC_REGTEST, BOOKS_SENTENCE));
    unsigned seed = (unsigned)time(NULL);
    print_message("kill points from seed %u\n", seed);
    int kills = 0;
    int32_t height = 0;
    int32_t seen = 0;
    while (height < chain->tip && kills < 200) {
        seed = seed * 1103515245 + 12345;
        run_and_kill(*state, chain, (int)(seed >> 16) % 12, (seed >> 8) % 60000);
        kills++;
        struct book *book = books_open(*state, BTC_REGTEST, NULL);
        books_check(book);
        height = books_height(book);
        assert_true(height >= seen - 3);
        seen = height;
        int64_t spent = height > 100 ? height - 100 : 0;
        assert_int_equal(books_total(book), (50 * height - 2 * spent) * BTC_COIN);
        book_close(book);
    }
    assert_int_equal(height, chain->tip);
    assert_true(kills > 20);
    blocks_free(chain);
}

static void kill_9_while_a_book_is_made_leaves_none_or_all(void **state)
{
    for (int i = 0; i < 12; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct book *book = books_open(*state, BTC_REGTEST, NULL);
            book_close(book);
            _exit(0);
        }
        for (volatile int spin = 0; spin < i * i * 60000; spin++)
            ;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct book *book = books_open(*state, BTC_REGTEST, NULL);
        char first[BTC_BIP39_SENTENCE_SIZE];
        char again[BTC_BIP39_SENTENCE_SIZE];
        assert_int_equal(book_sentence(book, first, NULL), 0);
        books_check(book);
        book_close(book);
        book = books_open(*state, BTC_REGTEST, NULL);
        assert_int_equal(book_sentence(book, again, NULL), 0);
        assert_string_equal(first, again);
        book_close(book);
        books_remove_dir(&(void *){strdup(*state)});
        assert_int_equal(mkdir(*state, 0700), 0);
    }
}

static void a_full_disk_loses_nothing(void **state)
{
    struct blocks *chain = busy_chain(200);
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct rlimit before;
    struct btc_error err = {0};
    int rc = 0;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit tight = {.rlim_cur = 200000, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int32_t height = 0;
    while (rc == 0 && height < chain->tip) {
        height++;
        rc = book_apply_block(book, height, &chain->hashes[height], &chain->hashes[height - 1],
                              chain->blocks[height].data, chain->blocks[height].size, NULL, &err);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, BTC_EIO);
    assert_non_null(strstr(err.text, BOOK_FILE_NAME));
    assert_int_equal(books_height(book), height - 1);
    books_check(book);
    books_apply_up_to(book, chain, chain->tip); /* with room again, it just goes on */
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

/* --- many of them --- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* How many transactions: fewer where a checker makes everything some tens of times slower. */
static int many(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 10000;
#else
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload") ? 2000 : 100000;
#endif
}

static void apply_many(struct book *book, struct blocks *chain, int count)
{
    enum { PER_BLOCK = 200 };
    struct btc_script scripts[20];
    for (uint32_t i = 0; i < 20; i++)
        scripts[i] = books_script(0, i);
    for (int done = 0; done < count; done += PER_BLOCK) {
        struct blocks_draft draft = blocks_draft(chain->tip + 1, 1);
        blocks_add_coinbase(&draft, blocks_out_to_other(50 * BTC_COIN));
        for (int i = 0; i < PER_BLOCK; i++) {
            struct btc_outpoint foreign = {.txid = {{1}}, .index = (uint32_t)(done + i)};
            struct btc_tx_out out = blocks_out_to(&scripts[i % 20], 1000 + i);
            blocks_add_tx(&draft, &foreign, 1, &out, 1);
        }
        blocks_finish(chain, &draft);
        assert_int_equal(books_apply(book, chain, chain->tip, NULL), 0);
    }
}

static double time_balance_us(struct book *book)
{
    enum { TIMES = 1000 };
    double start = now_ms();
    for (int i = 0; i < TIMES; i++)
        books_balance(book);
    return (now_ms() - start) * 1e3 / TIMES;
}

static void many_transactions_cost_no_more_to_ask_for(void **state)
{
    struct book *book = books_open(*state, BTC_REGTEST, BOOKS_SENTENCE);
    struct blocks *chain = blocks_new();
    struct book_entry page[50];
    static struct book_coin coins[50];
    int64_t cursor = 0;
    int64_t coin_cursor = 0;
    size_t count;
    double few_us = time_balance_us(book);
    double start = now_ms();
    apply_many(book, chain, many());
    double apply_ms = now_ms() - start;
    double many_us = time_balance_us(book);
    book_close(book);

    start = now_ms();
    book = books_open(*state, BTC_REGTEST, NULL);
    double open_ms = now_ms() - start;
    start = now_ms();
    int pages = 0;
    do {
        assert_int_equal(book_list_entries(book, &cursor, page, 50, &count, NULL), 0);
        pages++;
    } while (cursor != 0 && pages < 400);
    double page_ms = (now_ms() - start) / pages;
    start = now_ms();
    struct book_draft draft = purse_draft(book, 50000, 1000);
    double draft_ms = now_ms() - start;
    assert_true(draft.input_count > 1);
    start = now_ms();
    assert_int_equal(book_list_coins(book, &coin_cursor, coins, 50, &count, NULL), 0);
    double coins_ms = now_ms() - start;
    start = now_ms();
    books_check(book);
    double check_ms = now_ms() - start;
    print_message("a draft %.0f ms; page of 50 coins %.2f ms; check %.0f ms\n", draft_ms, coins_ms,
                  check_ms);
    start = now_ms();
    assert_int_equal(book_rewind(book, chain->tip - 10, NULL), 0);
    double undo_ms = now_ms() - start;
    books_check(book);
    print_message("%d transactions: applied in %.0f ms; balance %.1f us (empty book %.1f us);"
                  " open %.0f ms; page of 50 %.2f ms; undo of 10 blocks %.0f ms\n",
                  many(), apply_ms, many_us, few_us, open_ms, page_ms, undo_ms);
    assert_true(many_us < 20 * few_us + 100);
    assert_true(open_ms < 1000);
    assert_true(page_ms < 20);

    int32_t empty_from = books_height(book);
    blocks_cut(chain, empty_from);
    for (int i = 0; i < 100; i++)
        blocks_add_empty(chain, 9);
    start = now_ms();
    books_apply_up_to(book, chain, empty_from + 100);
    print_message("a block without anything for the book: %.0f us\n",
                  (now_ms() - start) * 1e3 / 100);
    books_check(book);
    book_close(book);
    blocks_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(kill_9_leaves_a_block_done_or_not_begun),
        books_test(kill_9_while_a_book_is_made_leaves_none_or_all),
        books_test(a_full_disk_loses_nothing),
        books_test(many_transactions_cost_no_more_to_ask_for),
    };
    return cmocka_run_group_tests_name("book_endurance", tests, NULL, NULL);
}
