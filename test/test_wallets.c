/* Several wallets at once, as one who asks for them sees it: made, opened, closed, listed, handed out
 * by events, and level with one chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/purses.h"
#include "test/support/runner.h"

#define COIN_SAT INT64_C(100000000)
#define OPEN_MAX 64 /* of the manager */

/* ---- asking ---- */

static int try_create(struct purses *purses, const char *name, size_t size, struct troupe_ref *ref)
{
    struct wallets_create_args args = {.name = {.data = name, .size = size}};
    struct wallets_create_results results;
    int code = wallets_create(purses->troupe, purses->wallets, &args, &results, NULL, NULL);
    if (code == 0)
        *ref = results.wallet;
    return code;
}

static int try_open(struct purses *purses, const char *name)
{
    struct wallets_open_args args = {.name = troupe_text(name)};
    struct wallets_open_results results;
    return wallets_open(purses->troupe, purses->wallets, &args, &results, NULL, NULL);
}

static void close_wallet(struct purses *purses, const char *name)
{
    struct wallets_close_args args = {.name = troupe_text(name)};
    assert_int_equal(wallets_close(purses->troupe, purses->wallets, &args, NULL, NULL), 0);
}

/* All names, those that are open in brackets. */
static const char *list(struct purses *purses)
{
    static char text[4096];
    struct wallets_list_args args = {.after = {.size = 0}};
    struct wallets_list_results page;
    size_t used = 0;
    text[0] = '\0';
    assert_int_equal(wallets_list(purses->troupe, purses->wallets, &args, &page, NULL, NULL), 0);
    assert_false(page.has_more);
    for (size_t i = 0; i < page.wallets_count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 page.wallets[i].is_open ? "[%.*s]" : "%.*s ",
                                 (int)page.wallets[i].name.size, page.wallets[i].name.data);
    troupe_release(page.message);
    return text;
}

static int info_of(struct purses *purses, struct troupe_ref wallet, char *ret_name, size_t room)
{
    struct wallet_get_info_results info;
    int code = wallet_get_info(purses->troupe, wallet, &info, NULL, NULL);
    if (code == 0) {
        snprintf(ret_name, room, "%.*s", (int)info.name.size, info.name.data);
        troupe_release(info.message);
    }
    return code;
}

/* ---- names ---- */

static void wallets_are_made_opened_closed_and_listed(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref ref;
    char name[64];
    assert_string_equal(list(purses), "[default]");
    ref = purses_create(purses, "savings", "");
    purses_create(purses, "a-1_b", "");
    assert_string_equal(list(purses), "[a-1_b][default][savings]");
    assert_int_equal(info_of(purses, ref, name, sizeof(name)), 0);
    assert_string_equal(name, "savings");
    assert_true(troupe_ref_equal(ref, purses_get(purses, "savings")));

    close_wallet(purses, "savings");
    close_wallet(purses, "savings"); /* closed is closed */
    assert_string_equal(list(purses), "[a-1_b][default]savings ");
    assert_int_equal(info_of(purses, ref, name, sizeof(name)), TROUPE_EDOWN);
    ref = purses_get(purses, "savings");
    assert_int_equal(info_of(purses, ref, name, sizeof(name)), 0);
    purses_restart(purses);
    assert_string_equal(list(purses), "a-1_b [default]savings ");
}

static void names_that_are_there_or_not_are_told_apart(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref ref;
    purses_create(purses, "one", "");
    assert_int_equal(try_create(purses, "one", 3, &ref), WALLETS_EXISTS);
    close_wallet(purses, "one");
    assert_int_equal(try_create(purses, "one", 3, &ref), WALLETS_EXISTS);
    assert_int_equal(try_create(purses, "default", 7, &ref), WALLETS_EXISTS);
    assert_int_equal(try_open(purses, "two"), WALLETS_NOT_FOUND);
    assert_string_equal(list(purses), "[default]one ");
}

static void hostile_names_are_refused(void **state)
{
    static const char *const names[] = {
        "",    ".",    "..",     "../x",     "/tmp/x",  "a/b",           "a.b", "A",
        "x y", "a\nb", "a\x1b[", "\xc3\xa4", "one.new", "wallet.sqlite", "a%s", "~"};
    struct purses *purses = *state;
    struct troupe_ref ref;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(try_create(purses, names[i], strlen(names[i]), &ref), WALLETS_INVALID);
        assert_int_equal(try_open(purses, names[i]), WALLETS_INVALID);
    }
    assert_int_equal(try_create(purses, "a\0b", 3, &ref), WALLETS_INVALID);
    assert_int_equal(try_create(purses, "abcdefghijklmnopqrstuvwxyz_-01234", 33, &ref),
                     TROUPE_EINVAL); /* longer than the interface lets through */
    assert_string_equal(list(purses), "[default]");
}

static void make_empty(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

/* What a process left that died while it made a wallet is no wallet, and in nobody's way. */
static void wallet_that_was_half_made_is_none(void **state)
{
    struct purses *purses = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/regtest/wallet/half.new", purses->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/wallet.sqlite");
    make_empty(path);
    assert_int_equal(try_open(purses, "half"), WALLETS_NOT_FOUND);
    assert_string_equal(list(purses), "[default]");
    purses_create(purses, "half", "");
    assert_string_equal(list(purses), "[default][half]");
    assert_int_not_equal(access(path, F_OK), 0);
    /* nor does it stay: it may hold keys */
    snprintf(path, sizeof(path), "%s/regtest/wallet/other.new", purses->folder);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/wallet.sqlite");
    make_empty(path);
    purses_restart(purses);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_string_equal(list(purses), "[default]half ");
}

static void open_wallets_have_a_bound(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref ref;
    char name[16];
    if (runner_in_valgrind())
        skip();
    for (int i = 1; i < OPEN_MAX; i++) { /* and the default one */
        snprintf(name, sizeof(name), "w%d", i);
        purses_create(purses, name, "");
    }
    assert_int_equal(try_create(purses, "more", 4, &ref), TROUPE_EBUSY);
    close_wallet(purses, "w7");
    assert_int_equal(try_create(purses, "more", 4, &ref), 0);
    assert_int_equal(try_open(purses, "w7"), TROUPE_EBUSY);
}

/* ---- words ---- */

static void wallet_of_words_has_their_addresses(void **state)
{
    struct purses *purses = *state;
    char address[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
    struct wallets_create_args args = {
        .name = troupe_text("old"),
        .words = troupe_text("abandon abandon abandon abandon abandon abandon abandon abandon "
                             "abandon abandon abandon about")};
    struct wallets_create_results results;
    assert_int_equal(wallets_create(purses->troupe, purses->wallets, &args, &results, NULL, NULL),
                     0);
    purses_address(purses, results.wallet, WALLET_ADDRESS_KIND_P2WPKH, address);
    assert_string_equal(address, "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk");
    args.name = troupe_text("wrong");
    args.words = troupe_text("abandon abandon abandon");
    assert_int_equal(wallets_create(purses->troupe, purses->wallets, &args, &results, NULL, NULL),
                     WALLETS_INVALID);
    assert_string_equal(list(purses), "[default][old]");
}

/* ---- events ---- */

struct ear {
    struct purses *purses;
    struct troupe_ref ref;
    char loaded[64];
    char unloaded[64];
};

static void on_loaded(struct troupe_actor *self, void *user,
                      const struct wallets_wallet_loaded *event,
                      const struct troupe_event_info *info)
{
    struct ear *ear = user;
    (void)self;
    (void)info;
    assert_non_null(event);
    snprintf(ear->loaded, sizeof(ear->loaded), "%.*s", (int)event->name.size, event->name.data);
    ear->ref = event->wallet;
}

static void on_unloaded(struct troupe_actor *self, void *user,
                        const struct wallets_wallet_unloaded *event,
                        const struct troupe_event_info *info)
{
    struct ear *ear = user;
    (void)self;
    (void)info;
    assert_non_null(event);
    snprintf(ear->unloaded, sizeof(ear->unloaded), "%.*s", (int)event->name.size, event->name.data);
}

static int hear(struct troupe_actor *self, void *state, const void *argument)
{
    struct ear *ear = (struct ear *)(uintptr_t)argument;
    struct troupe_handler *handler;
    (void)state;
    int code = wallets_on_wallet_loaded(self, ear->purses->wallets, on_loaded, ear, &handler);
    return code != 0
               ? code
               : wallets_on_wallet_unloaded(self, ear->purses->wallets, on_unloaded, ear, &handler);
}

static const struct troupe_actor_def listener = {
    .name = "listener", .start = hear, .flags = TROUPE_PINNED};

static void await_text(struct troupe *troupe, const char *text, const char *wanted)
{
    double due = now_s() + bound_ms(10000) / 1000.0;
    while (strcmp(text, wanted) != 0 && now_s() < due)
        troupe_step(troupe, 10);
    assert_string_equal(text, wanted);
}

static void events_hand_the_refs_out(void **state)
{
    struct purses *purses = *state;
    struct ear ear = {.purses = purses};
    struct troupe_ref ref;
    char name[64];
    assert_int_equal(troupe_spawn(purses->troupe, &listener, &ear, &ref), 0);
    troupe_step(purses->troupe, 0);
    purses_create(purses, "shop", "");
    await_text(purses->troupe, ear.loaded, "shop");
    assert_int_equal(info_of(purses, ear.ref, name, sizeof(name)), 0);
    assert_string_equal(name, "shop");
    close_wallet(purses, "shop");
    await_text(purses->troupe, ear.unloaded, "shop");
    ear.loaded[0] = '\0';
    purses_get(purses, "shop");
    await_text(purses->troupe, ear.loaded, "shop");
    assert_int_equal(info_of(purses, ear.ref, name, sizeof(name)), 0);
}

/* ---- one chain ---- */

static void two_wallets_follow_one_chain(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref first = purses_get(purses, "default");
    struct troupe_ref second = purses_create(purses, "second", "");
    purses_mine(purses, first, 3);
    purses_mine(purses, second, 2);
    purses_wait_level(purses, first);
    assert_int_equal(purses_balance(purses, first).immature_sat, 150 * COIN_SAT);
    assert_int_equal(purses_balance(purses, second).immature_sat, 100 * COIN_SAT);

    close_wallet(purses, "second");
    purses_mine(purses, first, 99); /* what it misses it catches up with */
    second = purses_get(purses, "second");
    purses_wait_level(purses, second);
    assert_int_equal(purses_balance(purses, second).confirmed_sat, 50 * COIN_SAT);
    assert_int_equal(purses_balance(purses, second).immature_sat, 50 * COIN_SAT);
    assert_int_equal(purses_balance(purses, first).confirmed_sat, 150 * COIN_SAT);
}

#define WITH_PURSES(test) cmocka_unit_test_setup_teardown(test, purses_open, purses_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PURSES(wallets_are_made_opened_closed_and_listed),
        WITH_PURSES(names_that_are_there_or_not_are_told_apart),
        WITH_PURSES(hostile_names_are_refused),
        WITH_PURSES(wallet_that_was_half_made_is_none),
        WITH_PURSES(open_wallets_have_a_bound),
        WITH_PURSES(wallet_of_words_has_their_addresses),
        WITH_PURSES(events_hand_the_refs_out),
        WITH_PURSES(two_wallets_follow_one_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
