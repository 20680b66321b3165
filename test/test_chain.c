/*
 * The node's chain engine on files: real blocks and headers, damaged ones, folders that can't be
 * used, death in the middle of an import.
 */
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

#include "actors/bitcoin/script.h"
#include "actors/node/chain.h"
#include "actors/node/import.h"
#include "test/support/chain_room.h"
#include "test/support/vectors.h"

#define BLOCKS_FILE  "mainnet-blocks-1-255.dat"
#define HEADERS_FILE "mainnet-headers-0-10236.bin"

/*
 * The goal is one second. Valgrind takes about thirty times as long and can't be told apart here:
 * the bound is one that a quadratic algorithm would still break, the time itself is printed.
 */
#define HEADERS_TIME_MAX_S 10.0

static const char *shared_path(const char *name)
{
    static char path[512];
    const char *shared = getenv("TROUPE_SHARED");
    if (shared == NULL) {
        print_message("skipped: TROUPE_SHARED is not set, so there is no %s\n", name);
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/data/%s", shared, name);
    return path;
}

/* ---- open ---- */

static void new_chain_begins_with_genesis_and_keeps_it(void **state)
{
    struct room *room = *state;
    room_open_chain(room, BTC_SIGNET);
    for (int i = 0; i < 2; i++) {
        struct chain_entry tip = room_tip(room);
        assert_int_equal(tip.height, 0);
        assert_true(btc_hash_equal(&tip.hash, &btc_params_get(BTC_SIGNET)->genesis_hash));
        assert_int_equal(room_stats(room).coin_count, 0);
        uint8_t *raw;
        size_t size;
        assert_int_equal(chain_read_block(room->chain, &tip, &raw, &size, &room->err), 0);
        assert_int_equal(size, BTC_GENESIS_SIZE);
        free(raw);
        room_reopen_chain(room, BTC_SIGNET);
    }
}

static void folder_of_another_network_is_refused(void **state)
{
    struct room *room = *state;
    room_open_chain(room, BTC_REGTEST);
    chain_close(room->chain);
    room->chain = NULL;
    assert_int_equal(chain_open(room->datadir, btc_params_get(BTC_MAIN), &room->chain, &room->err),
                     BTC_ENETWORK);
    assert_non_null(strstr(room->err.text, "holds a chain of regtest, not of main"));
}

static void folder_in_use_names_its_process(void **state)
{
    struct room *room = *state;
    room_open_chain(room, BTC_REGTEST);
    struct chain *second = NULL;
    char expected[64];
    snprintf(expected, sizeof(expected), "is in use by another process (pid %ld)", (long)getpid());
    assert_int_equal(chain_open(room->datadir, btc_params_get(BTC_REGTEST), &second, &room->err),
                     BTC_EINUSE);
    assert_non_null(strstr(room->err.text, expected));
    room_reopen_chain(room, BTC_REGTEST);
}

static void folder_that_cannot_be_used_says_why(void **state)
{
    struct room *room = *state;
    struct chain *chain = NULL;
    const struct btc_params *params = btc_params_get(BTC_REGTEST);
    assert_int_equal(chain_open("/proc/no-such-place", params, &chain, &room->err), BTC_EIO);
    assert_non_null(strstr(room->err.text, "/proc/no-such-place"));
    room_write_file(room, "x", 1);
    assert_int_equal(chain_open(room->file, params, &chain, &room->err), BTC_EIO);
    assert_non_null(strstr(room->err.text, "Not a directory"));
    /* A file that is no SQLite file. */
    char path[128];
    char noise[4096];
    memset(noise, 'n', sizeof(noise));
    assert_int_equal(mkdir(room->datadir, 0700), 0);
    snprintf(path, sizeof(path), "%s/chain.sqlite", room->datadir);
    room_write_file(room, noise, sizeof(noise));
    assert_int_equal(rename(room->file, path), 0);
    assert_int_equal(chain_open(room->datadir, params, &chain, &room->err), BTC_ECORRUPT);
    assert_non_null(strstr(room->err.text, "is damaged"));
    assert_null(chain);
}

/* ---- real blocks ---- */

static bool has_payments(int32_t height)
{
    static const int32_t heights[] = {170, 181, 182, 183, 187, 221, 248};
    for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++)
        if (heights[i] == height)
            return true;
    return false;
}

static void assert_first_255_blocks(struct room *room)
{
    struct chain_stats stats = room_stats(room);
    assert_int_equal(stats.height, 255);
    assert_int_equal(stats.header_height, 255);
    assert_int_equal(stats.tx_count, 262);
    assert_int_equal(stats.coin_count, 260);
    assert_int_equal(stats.coin_amount, 12750 * BTC_COIN);
    assert_int_equal(stats.partial_count, 0);
    int64_t inputs = 0;
    for (int32_t height = 1; height <= 255; height++) {
        struct chain_entry entry;
        assert_int_equal(chain_block_at(room->chain, height, &entry, &room->err), 0);
        assert_int_equal(entry.validation, CHAIN_FULL);
        assert_int_equal(entry.tx_count > 1, has_payments(height));
        uint8_t *raw;
        size_t size;
        struct btc_block block;
        assert_int_equal(chain_read_block(room->chain, &entry, &raw, &size, &room->err), 0);
        assert_int_equal(btc_block_parse(raw, size, &block, &room->err), 0);
        assert_true(btc_hash_equal(&block.hash, &entry.hash));
        for (size_t i = 1; i < block.tx_count; i++)
            inputs += (int64_t)block.txs[i].in_count;
        btc_block_free(&block);
        free(raw);
    }
    assert_int_equal(stats.signature_count, inputs);
    assert_true(inputs >= 7);
}

static void first_255_blocks_of_main_are_checked_whole(void **state)
{
    struct room *room = *state;
    const char *path = shared_path(BLOCKS_FILE);
    size_t added;
    if (path == NULL)
        skip();
    room_open_chain(room, BTC_MAIN);
    if (room_import(room, path, &added) != 0)
        fail_msg("%s", room->err.text);
    assert_int_equal(added, 255);
    assert_first_255_blocks(room);
    assert_int_equal(room_import(room, path, &added), 0);
    assert_int_equal(added, 0);
    room_reopen_chain(room, BTC_MAIN);
    assert_first_255_blocks(room);
}

/* What a wallet sees of one P2PK script, block by block. */
struct watched {
    struct btc_span script;
    struct btc_outpoint coins[16];
    int64_t amounts[16];
    size_t count;
    int64_t balance;
    int tx_count;
};

static void watch_tx(struct watched *w, const struct btc_tx *tx)
{
    bool involved = false;
    for (size_t i = 0; i < tx->in_count; i++)
        for (size_t j = 0; j < w->count; j++)
            if (btc_outpoint_equal(&tx->ins[i].prev, &w->coins[j])) {
                w->balance -= w->amounts[j];
                involved = true;
            }
    for (size_t i = 0; i < tx->out_count; i++) {
        const struct btc_span *script = &tx->outs[i].script;
        if (script->size != w->script.size ||
            memcmp(script->data, w->script.data, script->size) != 0)
            continue;
        assert_true(w->count < 16);
        w->coins[w->count] = (struct btc_outpoint){tx->txid, (uint32_t)i};
        w->amounts[w->count++] = tx->outs[i].amount;
        w->balance += tx->outs[i].amount;
        involved = true;
    }
    w->tx_count += involved;
}

static void key_of_block_9_has_its_known_history(void **state)
{
    static const struct {
        int32_t height;
        int64_t balance;
    } facts[] = {{8, 0}, {9, 50}, {170, 40}, {181, 30}, {182, 29}, {183, 28}, {248, 18}, {255, 18}};
    struct room *room = *state;
    const char *path = shared_path(BLOCKS_FILE);
    if (path == NULL)
        skip();
    room_open_chain(room, BTC_MAIN);
    assert_int_equal(room_import(room, path, NULL), 0);
    struct watched w = {0};
    uint8_t script[BTC_SCRIPT_TEMPLATE_SIZE_MAX];
    size_t fact = 0;
    for (int pass = 0; pass < 2; pass++) /* the first pass finds the script */
        for (int32_t height = pass == 0 ? 9 : 1; height <= (pass == 0 ? 9 : 255); height++) {
            struct chain_entry entry;
            uint8_t *raw;
            size_t size;
            struct btc_block block;
            assert_int_equal(chain_block_at(room->chain, height, &entry, &room->err), 0);
            assert_int_equal(chain_read_block(room->chain, &entry, &raw, &size, &room->err), 0);
            assert_int_equal(btc_block_parse(raw, size, &block, &room->err), 0);
            if (pass == 0) {
                w.script = block.txs[0].outs[0].script;
                assert_int_equal(btc_script_classify(w.script).kind, BTC_SCRIPT_P2PK);
                memcpy(script, w.script.data, w.script.size);
                w.script.data = script;
            }
            for (size_t i = 0; pass == 1 && i < block.tx_count; i++)
                watch_tx(&w, &block.txs[i]);
            if (pass == 1 && height == facts[fact].height)
                assert_int_equal(w.balance, facts[fact++].balance * BTC_COIN);
            btc_block_free(&block);
            free(raw);
        }
    assert_int_equal(fact, 8);
    assert_int_equal(w.tx_count, 6);

    /* The coin set says the same: of all its coins only those that make up 18 BTC are left. */
    struct chain_coins coins;
    int64_t left = 0;
    assert_int_equal(chain_get_coins(room->chain, w.coins, w.count, &coins, &room->err), 0);
    for (size_t i = 0; i < coins.count; i++) {
        if (!coins.coins[i].found)
            continue;
        left += coins.coins[i].amount;
        assert_int_equal(coins.coins[i].script.size, w.script.size);
        assert_memory_equal(coins.coins[i].script.data, script, w.script.size);
    }
    assert_int_equal(left, 18 * BTC_COIN);
    chain_coins_free(&coins);
}

/* ---- real headers ---- */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void headers_of_main_are_accepted_in_time(void **state)
{
    struct room *room = *state;
    const char *path = shared_path(HEADERS_FILE);
    if (path == NULL)
        skip();
    room_open_chain(room, BTC_MAIN);
    size_t added;
    double start_s = now_s();
    if (room_import(room, path, &added) != 0)
        fail_msg("%s", room->err.text);
    double took_s = now_s() - start_s;
    print_message("10,237 headers in %.3f s\n", took_s);
    assert_int_equal(added, 10236); /* genesis is there already */
    assert_int_equal(room_stats(room).header_height, 10236);
    assert_int_equal(room_stats(room).height, 0);
    assert_true(took_s < HEADERS_TIME_MAX_S);
    struct chain_entry entry;
    assert_int_equal(chain_header_at(room->chain, 5123, &entry, &room->err), 0);
    assert_int_equal(entry.height, 5123);
    uint32_t period_s = entry.period_time_s;
    assert_int_equal(chain_header_at(room->chain, 4032, &entry, &room->err), 0);
    assert_int_equal(entry.header.time_s, period_s); /* 5123 is in the period that 4032 begins */
    assert_int_equal(chain_header_at(room->chain, 5123, &entry, &room->err), 0);
    assert_int_equal(chain_block_at(room->chain, 5123, &entry, &room->err), CHAIN_ABSENT);

    /* The blocks that belong to the first of them are connected although only their headers are new
     * to nobody. */
    assert_int_equal(room_import(room, shared_path(BLOCKS_FILE), &added), 0);
    assert_int_equal(added, 255);
    assert_int_equal(room_stats(room).height, 255);
}

static void flipped_bit_in_a_header_is_named_by_height(void **state)
{
    static const struct {
        size_t height;
        size_t byte;
        const char *reason;
    } flips[] = {
        {5123, 40, "header 5123: proof of work does not meet its target"},
        {4000, 5, "header 4000: proof of work does not meet its target"},
        {2000, 5, "header 2000: proof of work does not meet its target"},
        {1, 79, "header 1: proof of work does not meet its target"},
        {77, 74, "header 77: bits 1d01ffff are easier than main allows (1d00ffff)"},
    };
    struct room *room = *state;
    size_t size;
    char *file = vectors_load(HEADERS_FILE, &size);
    if (file == NULL)
        skip();
    for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
        size_t at = flips[i].height * BTC_HEADER_SIZE + flips[i].byte;
        char kept = file[at];
        file[at] = (char)(kept ^ 1);
        room_write_file(room, file, size);
        file[at] = kept;
        room_open_chain(room, BTC_MAIN);
        assert_int_equal(room_import(room, room->file, NULL), BTC_EINVALID);
        assert_string_equal(room->err.text, flips[i].reason);
        assert_int_equal(room_stats(room).header_height, flips[i].height - 1);
        chain_close(room->chain);
        room->chain = NULL;
        room_remove_chain(room);
    }
    free(file);
}

static void headers_of_signet_are_accepted(void **state)
{
    struct room *room = *state;
    const char *path = shared_path("signet-headers-0-2015.bin");
    if (path == NULL)
        skip();
    room_open_chain(room, BTC_SIGNET);
    if (room_import(room, path, NULL) != 0)
        fail_msg("%s", room->err.text);
    assert_int_equal(room_stats(room).header_height, 2015);
}

static void headers_that_lead_nowhere_are_refused(void **state)
{
    struct room *room = *state;
    size_t size;
    size_t added;
    char *file = vectors_load(HEADERS_FILE, &size);
    if (file == NULL)
        skip();
    const uint8_t *headers = (const uint8_t *)file;
    room_open_chain(room, BTC_MAIN);
    assert_int_equal(
        chain_add_headers(room->chain, headers + 5 * BTC_HEADER_SIZE, 1, &added, &room->err),
        BTC_EORPHAN);
    assert_non_null(strstr(room->err.text, "which is not known"));
    assert_int_equal(chain_add_headers(room->chain, headers, 5, &added, &room->err), 0);
    assert_int_equal(added, 4);
    free(file);
}

/* ---- damaged files ---- */

static void assert_refused(struct room *room, int code, const char *words, int32_t height)
{
    room_open_chain(room, BTC_MAIN);
    assert_int_equal(room_import(room, room->file, NULL), code);
    if (strstr(room->err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", room->err.text, words);
    assert_int_equal(room_stats(room).height, height);
    chain_close(room->chain);
    room->chain = NULL;
}

static void damaged_block_files_are_refused_and_lose_nothing(void **state)
{
    struct room *room = *state;
    size_t size;
    char *file = vectors_load(BLOCKS_FILE, &size);
    if (file == NULL)
        skip();
    room_write_file(room, "", 0);
    assert_refused(room, BTC_EFORMAT, "is empty", 0);
    room_write_file(room, "P3 these are no blocks", 22);
    assert_refused(room, BTC_EFORMAT, "is neither a block file nor a header file", 0);
    room_write_file(room, file, size - 1);
    assert_refused(room, BTC_EFORMAT, "is cut off: the block at offset", 254);
    room_write_file(room, file, 223 + 5);
    assert_refused(room, BTC_EFORMAT,
                   "is cut off: the frame at offset 223 needs 8 bytes, the file has 5", 254);
    room_remove_chain(room);

    size_t second = 223; /* the first block and its frame take 8 + 215 bytes */
    file[second] ^= 1;
    room_write_file(room, file, size);
    assert_refused(room, BTC_EFORMAT, "is damaged at offset 223: no block begins there", 1);
    file[second] ^= 1;
    file[second + 7] = 0x7f;
    room_write_file(room, file, size);
    assert_refused(room, BTC_EFORMAT, "is damaged at offset 223: a block of", 1);
    file[second + 7] = 0;
    file[second + 8 + 100] ^= 1; /* in the coinbase: the merkle root no longer fits */
    room_write_file(room, file, size);
    assert_refused(room, BTC_EINVALID, "the transactions do not give the header's merkle root", 1);
    file[second + 8 + 100] ^= 1;
    file[second + 8 + 77] ^= 1; /* in the nonce */
    room_write_file(room, file, size);
    assert_refused(room, BTC_EINVALID, "proof of work does not meet its target", 1);
    file[second + 8 + 77] ^= 1;

    /* The sound file goes on where the damaged ones ended; zeros between frames are allowed. */
    char *padded = calloc(1, size + 200000);
    assert_non_null(padded);
    memcpy(padded, file, second);
    memcpy(padded + second + 100000, file + second, size - second);
    room_write_file(room, padded, size + 200000);
    free(padded);
    room_open_chain(room, BTC_MAIN);
    assert_int_equal(room_import(room, room->file, NULL), 0);
    assert_first_255_blocks(room);
    free(file);
}

static void files_of_another_kind_or_network_are_named(void **state)
{
    struct room *room = *state;
    size_t size;
    char *file = vectors_load(BLOCKS_FILE, &size);
    if (file == NULL)
        skip();
    memcpy(file, btc_params_get(BTC_SIGNET)->magic, 4);
    room_write_file(room, file, size);
    assert_refused(room, BTC_ENETWORK,
                   "holds blocks of signet, not of main; choose --network=signet", 0);
    memcpy(file, btc_params_get(BTC_MAIN)->magic, 4);
    memmove(file + 223, file + 446, size - 446); /* block 2 is missing */
    room_write_file(room, file, size - 223);
    assert_refused(room, BTC_EORPHAN, "which is not known; import the blocks before it first", 1);

    free(file);

    uint8_t header[BTC_HEADER_SIZE + 7] = {0};
    btc_header_write(&btc_params_get(BTC_REGTEST)->genesis, header);
    room_write_file(room, header, sizeof(header));
    assert_refused(room, BTC_ENETWORK, "holds headers of regtest", 1);
    btc_header_write(&btc_params_get(BTC_MAIN)->genesis, header);
    room_write_file(room, header, sizeof(header));
    assert_refused(room, BTC_EFORMAT, "is cut off: the header at offset 80 needs 80 bytes", 1);

    struct import *import = NULL;
    assert_int_equal(import_open("/no/such/file", btc_params_get(BTC_MAIN), &import, &room->err),
                     BTC_ENOTFOUND);
    assert_int_equal(import_open("/proc", btc_params_get(BTC_MAIN), &import, &room->err),
                     BTC_ENOTFOUND);
    assert_non_null(strstr(room->err.text, "/proc holds no blk*.dat; name a block file"));
    assert_int_equal(import_open("/dev/null", btc_params_get(BTC_MAIN), &import, &room->err),
                     BTC_EIO);
}

/* ---- death in the middle ---- */

/* In a child: import block by block and acknowledge each through the pipe, until killed. */
static void import_and_acknowledge(struct room *room, const char *path, int pipe_fd)
{
    struct import *import = NULL;
    struct import_item item;
    if (chain_open(room->datadir, btc_params_get(BTC_MAIN), &room->chain, &room->err) != 0 ||
        import_open(path, btc_params_get(BTC_MAIN), &import, &room->err) != 0)
        _exit(1);
    while (import_next(import, &item, &room->err) == 0) {
        struct chain_change change;
        int rc = chain_add_block(room->chain, item.data, item.size, &change, &room->err);
        if (rc == CHAIN_KNOWN)
            continue;
        if (rc != 0 ||
            write(pipe_fd, &change.new_tip.height, sizeof(int32_t)) != (ssize_t)sizeof(int32_t))
            _exit(1);
    }
    for (;;)
        pause();
}

static void kill_in_the_middle_loses_nothing_acknowledged(void **state)
{
    static const int32_t deaths[] = {1, 40, 171, 185, 230};
    struct room *room = *state;
    const char *path = shared_path(BLOCKS_FILE);
    if (path == NULL)
        skip();
    for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
        int ends[2];
        int32_t acknowledged = 0;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            import_and_acknowledge(room, path, ends[1]);
        }
        close(ends[1]);
        while (acknowledged < deaths[i] &&
               read(ends[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged))
            ;
        assert_int_equal(acknowledged, deaths[i]);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(ends[0], &acknowledged, sizeof(acknowledged)) == sizeof(acknowledged))
            ;
        close(ends[0]);
        room_open_chain(room, BTC_MAIN); /* also: the lock went with the child */
        struct chain_stats stats = room_stats(room);
        assert_true(stats.height >= acknowledged);
        assert_true(stats.height <= acknowledged + 1);
        assert_int_equal(stats.coin_amount, stats.height * 50 * BTC_COIN);
        chain_close(room->chain);
        room->chain = NULL;
    }
    room_open_chain(room, BTC_MAIN);
    assert_int_equal(room_import(room, path, NULL), 0);
    assert_first_255_blocks(room);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(new_chain_begins_with_genesis_and_keeps_it),
        in_room(folder_of_another_network_is_refused),
        in_room(folder_in_use_names_its_process),
        in_room(folder_that_cannot_be_used_says_why),
        in_room(first_255_blocks_of_main_are_checked_whole),
        in_room(key_of_block_9_has_its_known_history),
        in_room(headers_of_main_are_accepted_in_time),
        in_room(flipped_bit_in_a_header_is_named_by_height),
        in_room(headers_of_signet_are_accepted),
        in_room(headers_that_lead_nowhere_are_refused),
        in_room(damaged_block_files_are_refused_and_lose_nothing),
        in_room(files_of_another_kind_or_network_are_named),
        in_room(kill_in_the_middle_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
