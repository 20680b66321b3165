/* The driver: see fault_store.h. */
#include "test/support/fault_store.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "test/support/fault.h"
#include "test/support/fault_vfs.h"
#include "test/support/runner.h"

enum way { KEEP, KEEP_LATER, REOPEN, CUT, WAYS };
static const char *const way_names[WAYS] = {"going on", "going on after a while", "opened anew",
                                            "all failed until opened anew"};

struct trial {
    const struct fault_store *store;
    unsigned kinds;
    enum way way;
    uint64_t states[FAULT_STEPS_MAX + 1]; /* after so many steps */
};

int fault_store_setup(void **state)
{
    (void)state;
    fault_vfs_install();
    return 0;
}

/* ---- looking at a store ---------------------------------------------------------------------- */

uint64_t fault_store_hash(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    hash = hash != 0 ? hash : UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int add_row(void *user, int count, char **texts, char **names)
{
    uint64_t *hash = user;
    (void)names;
    for (int i = 0; i < count; i++) {
        *hash = fault_store_hash(*hash, texts[i], strlen(texts[i]) + 1);
    }
    return 0;
}

static void query(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **),
                  void *user)
{
    char *text = NULL;
    if (sqlite3_exec(db, sql, row, user, &text) != SQLITE_OK) {
        fail_msg("%s: %s", sql, text);
    }
}

static sqlite3 *connect_to(const char *file)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    return db;
}

uint64_t fault_store_digest(const char *file, const char *const *queries, size_t count)
{
    uint64_t hash = 0;
    sqlite3 *db = connect_to(file);
    for (size_t i = 0; i < count; i++) {
        hash = fault_store_hash(hash, queries[i], strlen(queries[i]));
        query(db, queries[i], add_row, &hash);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return hash;
}

static int is_ok(void *user, int count, char **texts, char **names)
{
    bool *good = user;
    (void)names;
    *good = count == 1 && strcmp(texts[0], "ok") == 0;
    return 0;
}

static void check_integrity(const char *file)
{
    bool good = false;
    sqlite3 *db = connect_to(file);
    query(db, "PRAGMA integrity_check", is_ok, &good);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_true(good);
}

/* ---- one run --------------------------------------------------------------------------------- */

static void wrong(const struct trial *trial, const char *what, const struct btc_error *err)
{
    fault_stop();
    print_error("%s, %s: %s%s%s\n", trial->store->name, way_names[trial->way], what,
                err != NULL ? ": " : "", err != NULL ? err->text : "");
    fault_print_place();
    fail();
}

static void check_clear(const struct trial *trial, int code, const struct btc_error *err)
{
    bool memory = code == BTC_ENOMEM && strstr(err->text, "memory") != NULL;
    bool place = code == BTC_EIO && strstr(err->text, trial->store->folder) != NULL;
    if (getenv("TROUPE_FAULT_SHOW") != NULL) {
        print_message("%d %s\n", code, err->text);
    }
    if (err->code != code ||
        !(trial->kinds & (FAULT_MEMORY | FAULT_SQLITE_MEMORY) ? memory : place)) {
        wrong(trial, "an error that is not clear", err);
    }
}

/* From step `at` on. Returns the step that failed, or their number. */
static size_t go_on(const struct trial *trial, size_t at)
{
    while (at < trial->store->steps) {
        struct btc_error err = {0};
        int code = trial->store->step(&at, trial->store->steps, &err);
        if (code != 0) {
            if (!fault_fired()) {
                wrong(trial, "a step failed by itself", &err);
            }
            check_clear(trial, code, &err);
            break;
        }
    }
    return at;
}

/* How many steps the open store has seen: `at`, or also those that failed. */
static size_t find_state(const struct trial *trial, size_t at)
{
    uint64_t found = trial->store->digest();
    size_t steps = trial->store->steps;
    for (size_t i = at; i <= steps && i <= at + trial->store->batch_max; i++) {
        if (found == trial->states[i]) {
            return i;
        }
    }
    if (at == steps && trial->store->last_may_be_lost && found == trial->states[at - 1]) {
        return at - 1;
    }
    for (size_t i = 0; i <= steps; i++) {
        if (found == trial->states[i]) {
            print_error("it is as after step %zu\n", i);
        }
    }
    print_error("step %zu of %zu\n", at, steps);
    wrong(trial, "the store holds something else", NULL);
    return 0;
}

static bool open_store(const struct trial *trial, bool may_fail)
{
    struct btc_error err = {0};
    int code = trial->store->open(&err);
    if (code != 0) {
        if (!may_fail) {
            wrong(trial, "it can't be opened", &err);
        }
        check_clear(trial, code, &err);
    }
    return code == 0;
}

static void run(const struct trial *trial, uint64_t n)
{
    const struct fault_store *store = trial->store;
    store->reset();
    fault_start(trial->kinds, n, trial->way == CUT || trial->way == KEEP_LATER ? UINT64_MAX : 1);
    bool open = open_store(trial, true);
    size_t at = open ? go_on(trial, 0) : 0;
    if (!open || trial->way > KEEP_LATER || at == store->steps) {
        store->close();
        open = false;
    }
    fault_stop();
    if (!open) {
        open_store(trial, false);
    }
    at = find_state(trial, at);
    struct btc_error err = {0};
    while (at < store->steps) {
        if (store->step(&at, store->steps, &err) != 0) {
            wrong(trial, "a step fails after the failure", &err);
        }
        if (store->digest() != trial->states[at]) {
            wrong(trial, "a step after the failure does something else", NULL);
        }
    }
    store->close();
    check_integrity(store->file);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Without failures: the states, and the number of calls. */
static uint64_t rehearse(struct trial *trial)
{
    const struct fault_store *store = trial->store;
    struct btc_error err;
    assert_true(store->steps <= FAULT_STEPS_MAX);
    for (int i = 0; i < 2; i++) { /* the first time, what is made once in a process is made */
        store->reset();
        if (store->open(&err) != 0) {
            fail_msg("%s", err.text);
        }
        trial->states[0] = store->digest();
        for (size_t at = 0; at < store->steps; trial->states[at] = store->digest()) {
            if (store->step(&at, at + 1, &err) != 0) {
                fail_msg("step %zu: %s", at, err.text);
            }
        }
        store->close();
    }
    store->reset();
    fault_start(trial->kinds, 0, 0);
    if (store->open(&err) != 0) {
        fail_msg("%s", err.text);
    }
    size_t reached = go_on(trial, 0);
    store->close();
    assert_int_equal(reached, store->steps);
    return fault_stop();
}

static void check_left(const struct trial *trial, unsigned fds, int64_t live, int64_t sqlite)
{
    int64_t more = fault_live() - live;
    int64_t sqlite_more = sqlite3_memory_used() - sqlite;
    if (fault_descriptors() != fds || more != 0 || sqlite_more != 0) {
        print_error("%d descriptors, %lld pieces of memory, %lld bytes of SQLite's left\n",
                    (int)(fault_descriptors() - fds), (long long)more, (long long)sqlite_more);
        wrong(trial, "something is left", NULL);
    }
}

static void stuck(int number)
{
    (void)number;
    fault_print_place(); /* NOLINT(bugprone-signal-handler,cert-sig30-c): its last words */
    abort();
}

void fault_store_try(const struct fault_store *store, unsigned kinds, int code, uint64_t runs_max)
{
    struct trial trial = {.store = store, .kinds = kinds};
    unsigned runs = 0;
    double began = runner_now();
    signal(SIGALRM, stuck);
    fault_set_errno(code);
    uint64_t calls = rehearse(&trial);
    bool all = getenv("TROUPE_FAULT_ALL") != NULL;
    runs_max = runs_max / (runner_slowness() > 1 ? 10 : 2) + 1;
    uint64_t stride = all ? 1 : calls / runs_max + 1;
    unsigned fds = fault_descriptors();
    int64_t live = fault_live();
    int64_t sqlite = sqlite3_memory_used();
    for (trial.way = KEEP; trial.way < WAYS; trial.way++) {
        /* Each way has its share of the calls, when it is not all. */
        bool fired = true;
        for (uint64_t n = 1 + (all ? 0 : trial.way * stride / WAYS); fired; n += stride) {
            alarm((unsigned)(20 * runner_slowness()));
            run(&trial, n);
            alarm(0);
            fired = fault_fired();
            check_left(&trial, fds, live, sqlite);
            runs++;
        }
    }
    assert_true(calls > 0);
    print_message("%s: %llu calls, %u runs, %.1f s\n", store->name, (unsigned long long)calls, runs,
                  runner_now() - began);
}
