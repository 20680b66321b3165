/* Wallets made while the process is killed at any point: each is there whole, or not at all and can be
 * made then; and so is the one that lies in the folder itself. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/wallet/select.h"
#include "actors/wallet/shelf.h"
#include "test/support/books.h"
#include "test/support/runner.h"

#define NAME "savings"

typedef char words_text[BTC_BIP39_SENTENCE_SIZE];

static struct shelf shelf_at(const char *folder)
{
    struct shelf shelf = {.params = btc_params_by_name("regtest")};
    snprintf(shelf.folder, sizeof(shelf.folder), "%s", folder);
    return shelf;
}

static void words_of(struct book *book, words_text ret_words)
{
    memset(ret_words, 0, sizeof(words_text));
    assert_int_equal(book_sentence(book, ret_words, NULL), 0);
}

/* Makes both wallets, says the words of each once it is made, and waits. */
_Noreturn static void run_child(const struct shelf *shelf, int go, int out)
{
    words_text words = "";
    struct book *book = NULL;
    char byte;
    if (read(go, &byte, 1) != 1 || shelf_open(shelf, SHELF_DEFAULT, &book, NULL) != 0 ||
        book_sentence(book, words, NULL) != 0 || write(out, words, sizeof(words)) < 0)
        _exit(1);
    shelf_sweep(shelf);
    if (shelf_create(shelf, NAME, BOOKS_SENTENCE, NULL, &book, NULL) != 0 ||
        book_sentence(book, words, NULL) != 0 || write(out, words, sizeof(words)) < 0)
        _exit(1);
    pause();
    _exit(1);
}

/* The time since then, in turns of spin(). */
static uint64_t spins_of(const struct timespec *begin, uint64_t spins_per_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t us = (end.tv_sec - begin->tv_sec) * 1000000 + (end.tv_nsec - begin->tv_nsec) / 1000;
    return (uint64_t)us * spins_per_ms / 1000;
}

static void spin(uint64_t count)
{
    for (volatile uint64_t left = count; left > 0; left--)
        ;
}

static uint64_t measure_spins(void)
{
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    spin(1000000);
    uint64_t us = spins_of(&begin, 1000);
    return 1000000 * 1000 / (us > 0 ? us : 1);
}

/* Runs the child for so long, or until it has made both; what it said. How many wallets it made. */
static size_t kill_after(const struct shelf *shelf, uint64_t spins, words_text said[2])
{
    int go[2];
    int from[2];
    int status = 0;
    size_t size = 0;
    ssize_t got;
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(from[0]);
        run_child(shelf, go[0], from[1]);
    }
    close(from[1]);
    assert_int_equal(write(go[1], "g", 1), 1);
    if (spins > 0)
        spin(spins);
    while (spins == 0 && size < 2 * sizeof(words_text) &&
           (got = read(from[0], (char *)said + size, 2 * sizeof(words_text) - size)) > 0)
        size += (size_t)got;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    while (size < 2 * sizeof(words_text) &&
           (got = read(from[0], (char *)said + size, 2 * sizeof(words_text) - size)) > 0)
        size += (size_t)got;
    close(from[0]);
    close(go[0]);
    close(go[1]);
    return size / sizeof(words_text);
}

/* It is whole, and the one that was said to be made. */
static void check_book(struct book *book, bool is_said, const char *said)
{
    words_text words;
    books_check(book);
    words_of(book, words);
    if (is_said)
        assert_string_equal(words, said);
    book_close(book);
}

/* As the next process does. True: the second wallet was there. */
static bool look(const struct shelf *shelf, size_t said_count, words_text said[2])
{
    struct book *standard = NULL;
    struct book *book = NULL;
    char making[SHELF_PATH_SIZE + 16];
    assert_int_equal(shelf_open(shelf, SHELF_DEFAULT, &standard, NULL), 0);
    shelf_sweep(shelf);
    snprintf(making, sizeof(making), "%s/" NAME ".new", shelf->folder);
    assert_int_not_equal(access(making, F_OK), 0);
    int rc = shelf_open(shelf, NAME, &book, NULL);
    bool was_there = rc == 0;
    assert_true(rc == 0 || (rc == BOOK_NONE && said_count < 2));
    if (!was_there)
        assert_int_equal(shelf_create(shelf, NAME, BOOKS_SENTENCE, NULL, &book, NULL), 0);
    check_book(book, true, BOOKS_SENTENCE); /* not one that opening has made */
    check_book(standard, said_count > 0, said[0]);
    return was_there;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void kill_9_while_a_wallet_is_made_leaves_all_of_it_or_none(void **state)
{
    uint64_t seed = (uint64_t)time(NULL);
    uint64_t per_ms = measure_spins();
    uint64_t span = 0;
    int rounds = runner_in_valgrind() ? 3 : getenv("TROUPE_STRESS") ? 1000 : 30;
    int there = 0; /* after how many rounds the second one was */
    print_message("kill points from seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round <= rounds; round++) {
        char folder[256];
        struct timespec begin;
        words_text said[2];
        snprintf(folder, sizeof(folder), "%s/%d", (const char *)*state, round);
        struct shelf shelf = shelf_at(folder);
        clock_gettime(CLOCK_MONOTONIC, &begin);
        /* the first round is not killed before both are made, and says how long that takes */
        size_t count = kill_after(&shelf, round == 0 ? 0 : 1 + select_random(&seed) % span, said);
        if (round == 0) {
            span = spins_of(&begin, per_ms) + 1;
            assert_int_equal(count, 2);
        }
        there += look(&shelf, count, said);
        assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    }
    print_message("%d of %d were there\n", there, rounds + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        books_test(kill_9_while_a_wallet_is_made_leaves_all_of_it_or_none),
    };
    return cmocka_run_group_tests_name("book_mortal_create", tests, NULL, NULL);
}
