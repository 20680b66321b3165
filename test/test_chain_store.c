/* The store as a whole: older and newer formats, damage, compacting, a full disk. */
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
#include <sqlite3.h>

#include "actors/node/chain.h"
#include "test/support/chain_room.h"

static const uint8_t op_true[] = {0x51};
static const struct btc_span anyone = {op_true, sizeof(op_true)};

static void close_chain(struct room *room)
{
    chain_close(room->chain);
    room->chain = NULL;
}

/* Change the closed store behind the chain's back. */
static void edit(struct room *room, const char *sql)
{
    char path[128];
    char *text = NULL;
    sqlite3 *db;
    snprintf(path, sizeof(path), "%s/chain.sqlite", room->datadir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int reopen(struct room *room)
{
    return chain_open(room->datadir, btc_params_get(BTC_REGTEST), &room->chain, &room->err);
}

static void assert_damaged(struct room *room, const char *words)
{
    assert_int_equal(reopen(room), BTC_ECORRUPT);
    if (strstr(room->err.text, words) == NULL || strstr(room->err.text, "import again") == NULL)
        fail_msg("\"%s\" does not say \"%s\"", room->err.text, words);
    assert_null(room->chain);
}

static void make(struct room *room, int blocks)
{
    room_open_chain(room, BTC_REGTEST);
    room_mine_many(room, anyone, blocks, 0);
    close_chain(room);
}

static const char to_format_1[] = "DROP INDEX headers_work; PRAGMA user_version=1;";

static void older_format_is_brought_up_to_date(void **state)
{
    struct room *room = *state;
    make(room, 20);
    edit(room, to_format_1);
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(room_stats(room).height, 20);
    room_mine_many(room, anyone, 5, 0);
    close_chain(room);
    edit(room, "DROP INDEX headers_work; CREATE INDEX headers_work ON headers(work);");
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(room_stats(room).height, 25);
}

/* A step that fails leaves the old format, whole. */
static void migration_is_done_whole_or_not(void **state)
{
    struct room *room = *state;
    make(room, 20);
    edit(room, to_format_1);
    edit(room, "CREATE TABLE headers_work(x);");
    assert_int_equal(reopen(room), BTC_EIO);
    assert_non_null(strstr(room->err.text, "bringing the store from format 1 to 2: "));
    edit(room, "DROP TABLE headers_work");
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(room_stats(room).height, 20);
}

static void newer_format_is_refused_with_what_to_do(void **state)
{
    struct room *room = *state;
    make(room, 1);
    edit(room, "PRAGMA user_version=99;");
    assert_damaged(room, "was made by a newer version of this program (its format is 99, this one "
                         "reads up to 2): start that one");
}

static void damage_at_the_tip_is_seen_at_each_start(void **state)
{
    static const char *const damages[][2] = {
        {"CREATE TABLE kept AS SELECT * FROM undo WHERE id=(SELECT max(id) FROM undo);"
         "DELETE FROM undo WHERE id=(SELECT max(id) FROM undo);",
         "INSERT INTO undo SELECT * FROM kept; DROP TABLE kept;"},
        {"CREATE TABLE kept AS SELECT * FROM blocks WHERE id=(SELECT max(id) FROM blocks);"
         "UPDATE blocks SET data=zeroblob(200) WHERE id=(SELECT max(id) FROM blocks);",
         "INSERT OR REPLACE INTO blocks SELECT * FROM kept; DROP TABLE kept;"},
        {"DELETE FROM best WHERE height > 10", NULL}};
    struct room *room = *state;
    make(room, 20);
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        edit(room, damages[i][0]);
        assert_damaged(room, "is damaged (block 20, its last one, is not whole)");
        if (damages[i][1] == NULL)
            continue;
        edit(room, damages[i][1]);
        room_open_chain(room, BTC_REGTEST);
        close_chain(room);
    }
}

static void check_finds_what_was_not_counted(void **state)
{
    struct room *room = *state;
    make(room, 120);
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(chain_check(room->chain, &room->err), 0);
    close_chain(room);
    static const char *const damages[][3] = {
        {"UPDATE coins SET amount=amount+1 WHERE height=7",
         "UPDATE coins SET amount=amount-1 WHERE height=7",
         "the coins are not those that were counted"},
        {"CREATE TABLE kept AS SELECT * FROM undo WHERE id=9; DELETE FROM undo WHERE id=9",
         "INSERT INTO undo SELECT * FROM kept; DROP TABLE kept",
         "blocks of the chain are missing"}};
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        edit(room, damages[i][0]);
        room_open_chain(room, BTC_REGTEST); /* the tip is whole */
        assert_int_equal(chain_check(room->chain, &room->err), BTC_ECORRUPT);
        if (strstr(room->err.text, damages[i][2]) == NULL)
            fail_msg("%s", room->err.text);
        close_chain(room);
        edit(room, damages[i][1]);
    }
    room_open_chain(room, BTC_REGTEST);
    assert_int_equal(chain_check(room->chain, &room->err), 0);
}

/* Who was killed left a log behind: then the next one looks at all of it. */
static void store_of_one_who_was_killed_is_checked_whole(void **state)
{
    struct room *room = *state;
    make(room, 120);
    edit(room, "UPDATE coins SET amount=amount+1 WHERE height=7");
    room_open_chain(room, BTC_REGTEST);
    close_chain(room);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (reopen(room) != 0 || room_mine(room, anyone, NULL, 0, 0) != 0)
            _exit(1);
        raise(SIGSTOP);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status));
    assert_int_equal(kill(child, SIGKILL), 0); /* killed from outside, with the store open */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_damaged(room, "the coins are not those that were counted");
}

static void compacting_gives_room_back_and_changes_nothing(void **state)
{
    struct room *room = *state;
    int64_t before;
    int64_t after;
    make(room, 120);
    edit(room, "CREATE TABLE filler(x); INSERT INTO filler VALUES(zeroblob(3000000));"
               "DROP TABLE filler;");
    room_open_chain(room, BTC_REGTEST);
    struct chain_stats stats = room_stats(room);
    assert_int_equal(chain_compact(room->chain, &before, &after, &room->err), 0);
    assert_true(before > 3000000 && after < before - 2900000);
    assert_int_equal(chain_check(room->chain, &room->err), 0);
    room_mine_many(room, anyone, 1, 0);
    room_reopen_chain(room, BTC_REGTEST);
    assert_int_equal(room_stats(room).height, stats.height + 1);
    assert_int_equal(room_stats(room).coin_count, stats.coin_count + 1);
    assert_int_equal(chain_batch_begin(room->chain, &room->err), 0);
    assert_int_equal(chain_compact(room->chain, &before, &after, &room->err), BTC_EUSAGE);
    assert_int_equal(chain_batch_end(room->chain, &room->err), 0);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What CHAIN_CHECK_SIZE stands on: the time is printed. */
static void check_says_how_long_it_takes(void **state)
{
    struct room *room = *state;
    make(room, 1500);
    edit(room, "CREATE TABLE filler(x); INSERT INTO filler VALUES(zeroblob(20000000));");
    room_open_chain(room, BTC_REGTEST);
    double begun = now_s();
    assert_int_equal(chain_check(room->chain, &room->err), 0);
    print_message("1,500 blocks and 20 MB of others: checked whole in %.1f ms\n",
                  (now_s() - begun) * 1e3);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(older_format_is_brought_up_to_date),
        in_room(migration_is_done_whole_or_not),
        in_room(newer_format_is_refused_with_what_to_do),
        in_room(damage_at_the_tip_is_seen_at_each_start),
        in_room(check_finds_what_was_not_counted),
        in_room(store_of_one_who_was_killed_is_checked_whole),
        in_room(compacting_gives_room_back_and_changes_nothing),
        in_room(check_says_how_long_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
