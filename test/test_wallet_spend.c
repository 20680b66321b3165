/* Payments from end to end, with the real node and wallets in one process: drafted, sent, seen as
 * pending by who is paid, mined, bumped, undone by a reorganisation; and never made twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/peer.h"
#include "test/support/purses.h"

static void payment_is_pending_then_confirmed_then_undone(void **state)
{
    struct scene scene = scene_begin(state);
    struct purses *purses = scene.purses;
    void *other = NULL;
    assert_int_equal(purses_open(&other), 0);
    struct purses *rival = other; /* has the chain without the payment's block */
    purses_feed(purses, rival, 0);
    struct wallet_draft draft = scene_pay(&scene);
    int64_t paid = COIN_SAT * 3 / 2;
    int64_t change = MINED_SAT - paid - draft.fee_sat;
    assert_int_equal(draft.paid_sat, paid);
    assert_int_equal(draft.change_sat, change);
    purses_await(purses, scene.payee, 0, paid);
    purses_await(purses, scene.payer, 0, change);

    purses_mine(purses, scene.payer, 1); /* its fee goes to the miner; a second coin is mature */
    purses_wait_level(purses, scene.payee);
    purses_await(purses, scene.payee, paid, 0);
    purses_await(purses, scene.payer, change + MINED_SAT, 0);

    purses_mine(rival, purses_get(rival, "default"), 2);
    purses_feed(rival, purses, 101);
    purses_wait_level(purses, scene.payee);
    purses_wait_level(purses, scene.payer);
    purses_await(purses, scene.payee, 0, paid);
    purses_await(purses, scene.payer, 2 * MINED_SAT, change); /* those of blocks 2 and 3 */
    purses_mine(purses, scene.payer, 1);
    purses_wait_level(purses, scene.payee);
    purses_await(purses, scene.payee, paid, 0);
    purses_close(&other);
}

/* ---- events ---- */

struct ear {
    struct troupe_ref wallet;
    unsigned used;
    unsigned pending;
    unsigned removed;
    char address[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
};

static void on_used(struct troupe_actor *self, void *user, const struct wallet_address_used *event,
                    const struct troupe_event_info *info)
{
    struct ear *ear = user;
    (void)self;
    (void)info;
    assert_non_null(event);
    ear->used++;
    snprintf(ear->address, sizeof(ear->address), "%.*s", (int)event->address.text.size,
             event->address.text.data);
}

static void on_tx(struct troupe_actor *self, void *user, const struct wallet_tx_changed *event,
                  const struct troupe_event_info *info)
{
    struct ear *ear = user;
    (void)self;
    (void)info;
    assert_non_null(event);
    ear->removed += event->is_removed;
    ear->pending += event->tx.is_pending && !event->is_removed;
}

static int hear(struct troupe_actor *self, void *state, const void *argument)
{
    struct ear *ear = (struct ear *)(uintptr_t)argument;
    struct troupe_handler *handler;
    (void)state;
    int code = wallet_on_address_used(self, ear->wallet, on_used, ear, &handler);
    return code != 0 ? code : wallet_on_tx_changed(self, ear->wallet, on_tx, ear, &handler);
}

static const struct troupe_actor_def listener = {
    .name = "listener", .start = hear, .flags = TROUPE_PINNED};

static void pay_once(struct scene *scene, const char *address)
{
    const struct purses_payee payee = {address, COIN_SAT};
    struct wallet_draft draft;
    assert_int_equal(purses_draft(scene->purses, scene->payer, &payee, 1, RATE_SAT, &draft), 0);
    assert_int_equal(purses_send(scene->purses, scene->payer, draft.id, &draft), 0);
}

static void first_coin_of_an_address_is_told_once(void **state)
{
    struct scene scene = scene_begin(state);
    struct ear ear = {.wallet = scene.payee};
    struct troupe_ref ref;
    assert_int_equal(troupe_spawn(scene.purses->troupe, &listener, &ear, &ref), 0);
    troupe_step(scene.purses->troupe, 0);
    pay_once(&scene, scene.taproot);
    double due = now_s() + bound_ms(10000) / 1000.0;
    while (ear.used == 0 && now_s() < due)
        troupe_step(scene.purses->troupe, 10);
    assert_string_equal(ear.address, scene.taproot);
    assert_int_equal(ear.pending, 1);
    purses_mine(scene.purses, scene.payer, 1);
    pay_once(&scene, scene.taproot);
    pay_once(&scene, scene.keyhash);
    while (ear.pending < 3 && now_s() < due)
        troupe_step(scene.purses->troupe, 10);
    while (ear.used < 2 && now_s() < due)
        troupe_step(scene.purses->troupe, 10);
    assert_string_equal(ear.address, scene.keyhash);
    assert_int_equal(ear.used, 2);
    assert_int_equal(ear.removed, 0);
}

/* ---- again ---- */

static void one_that_is_sent_again_pays_once(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft = scene_pay(&scene);
    struct wallet_draft again;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &again), 0);
        assert_memory_equal(again.txid.bytes, draft.txid.bytes, sizeof(draft.txid.bytes));
    }
    purses_restart(scene.purses);
    scene.payer = purses_get(scene.purses, "default");
    scene.payee = purses_get(scene.purses, "payee");
    assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &again), 0);
    purses_mine(scene.purses, scene.payer, 1);
    assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &again),
                     0); /* is in a block */
    purses_wait_level(scene.purses, scene.payee);
    purses_await(scene.purses, scene.payee, COIN_SAT * 3 / 2, 0);
}

static void fee_is_bumped(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft = scene_pay(&scene);
    struct wallet_bump_fee_args args = {.txid = draft.txid, .fee_rate_sat = 4 * RATE_SAT};
    struct wallet_bump_fee_results bumped;
    purses_await(scene.purses, scene.payee, 0, COIN_SAT * 3 / 2);
    assert_int_equal(wallet_bump_fee(scene.purses->troupe, scene.payer, &args, &bumped, NULL, NULL),
                     0);
    assert_true(bumped.draft.fee_sat > 3 * draft.fee_sat);
    assert_true(bumped.draft.has_replaces);
    assert_memory_equal(bumped.draft.replaces.bytes, draft.txid.bytes, sizeof(draft.txid.bytes));
    assert_int_equal(purses_send(scene.purses, scene.payer, bumped.draft.id, &bumped.draft), 0);
    purses_mine(scene.purses, scene.payer, 1);
    purses_wait_level(scene.purses, scene.payee);
    purses_await(scene.purses, scene.payee, COIN_SAT * 3 / 2, 0);
    purses_await(scene.purses, scene.payer, 2 * MINED_SAT - COIN_SAT * 3 / 2 - bumped.draft.fee_sat,
                 0);
    assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &draft), WALLET_CONFLICT);
}

/* Who follows the history hears that the first one is no more. */
static void what_a_bump_replaces_is_told_as_gone(void **state)
{
    struct scene scene = scene_begin(state);
    struct ear ear = {.wallet = scene.payer};
    struct troupe_ref ref;
    struct wallet_draft draft = scene_pay(&scene);
    struct wallet_bump_fee_args args = {.txid = draft.txid, .fee_rate_sat = 4 * RATE_SAT};
    struct wallet_bump_fee_results bumped;
    double due = now_s() + bound_ms(10000) / 1000.0;
    assert_int_equal(wallet_bump_fee(scene.purses->troupe, scene.payer, &args, &bumped, NULL, NULL),
                     0);
    assert_int_equal(troupe_spawn(scene.purses->troupe, &listener, &ear, &ref), 0);
    troupe_step(scene.purses->troupe, 0);
    assert_int_equal(purses_send(scene.purses, scene.payer, bumped.draft.id, &bumped.draft), 0);
    while ((ear.removed == 0 || ear.pending == 0) && now_s() < due)
        troupe_step(scene.purses->troupe, 10);
    assert_int_equal(ear.removed, 1);
    assert_int_equal(ear.pending, 1);
}

/* Draft at a fee rate that the node does not relay. */
static struct wallet_draft draft_too_cheap(struct scene *scene)
{
    const struct purses_payee payee = {scene->keyhash, COIN_SAT};
    struct wallet_draft draft;
    assert_int_equal(purses_draft(scene->purses, scene->payer, &payee, 1, 200, &draft), 0);
    return draft;
}

static void payment_that_the_node_refuses_frees_its_coins(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft = draft_too_cheap(&scene);
    assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &draft), WALLET_REFUSED);
    purses_await(scene.purses, scene.payer, MINED_SAT, 0);
}

/* A payment at that rate, of which others may have what was signed: it stays, pending, whatever the node says. */
static struct wallet_draft pay_too_cheaply(struct scene *scene)
{
    struct wallet_draft draft = draft_too_cheap(scene);
    struct wallet_psbt_create_args create = {.id = draft.id};
    struct wallet_psbt_create_results created;
    struct wallet_psbt_sign_results signed_;
    struct troupe *troupe = scene->purses->troupe;
    assert_int_equal(wallet_psbt_create(troupe, scene->payer, &create, &created, NULL, NULL), 0);
    struct wallet_psbt_sign_args sign = {.psbt = created.psbt};
    assert_int_equal(wallet_psbt_sign(troupe, scene->payer, &sign, &signed_, NULL, NULL), 0);
    assert_int_equal(signed_.signed_count, 1);
    troupe_release(created.message);
    troupe_release(signed_.message);
    assert_int_equal(purses_send(scene->purses, scene->payer, draft.id, &draft), WALLET_UNCERTAIN);
    return draft;
}

static void payment_signed_as_a_psbt_stays_when_the_node_refuses(void **state)
{
    struct scene scene = scene_begin(state);
    purses_await(scene.purses, scene.payer, 0, pay_too_cheaply(&scene).change_sat);
}

/* It is refused for certain once the node was given what it builds on, too. */
static void payment_on_one_that_the_node_refuses_is_refused(void **state)
{
    struct scene scene = scene_begin(state);
    const struct purses_payee payee = {scene.keyhash, COIN_SAT};
    int64_t change = pay_too_cheaply(&scene).change_sat;
    struct wallet_draft draft;
    assert_int_equal(purses_draft(scene.purses, scene.payer, &payee, 1, RATE_SAT, &draft), 0);
    assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &draft), WALLET_REFUSED);
    purses_await(scene.purses, scene.payer, 0, change);
}

static void drafts_that_cannot_be_are_refused(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft;
    const struct purses_payee much = {scene.keyhash, 51 * COIN_SAT};
    const struct purses_payee nobody = {"bcrt1qnobody", COIN_SAT};
    const struct purses_payee abroad = {"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", COIN_SAT};
    const struct purses_payee dust = {scene.keyhash, 100};
    const struct purses_payee less = {scene.keyhash, -COIN_SAT};
    struct purses *purses = scene.purses;
    assert_int_equal(purses_draft(purses, scene.payer, &much, 1, RATE_SAT, &draft),
                     WALLET_INSUFFICIENT);
    assert_int_equal(purses_draft(purses, scene.payer, &nobody, 1, RATE_SAT, &draft),
                     WALLET_INVALID);
    assert_int_equal(purses_draft(purses, scene.payer, &abroad, 1, RATE_SAT, &draft),
                     WALLET_WRONG_NETWORK);
    assert_int_equal(purses_draft(purses, scene.payer, &dust, 1, RATE_SAT, &draft), WALLET_INVALID);
    assert_int_equal(purses_draft(purses, scene.payer, &less, 1, RATE_SAT, &draft), WALLET_INVALID);
    assert_int_equal(purses_draft(purses, scene.payer, &much, 0, RATE_SAT, &draft), WALLET_INVALID);
    assert_int_equal(purses_send(purses, scene.payer, 4711, &draft), WALLET_NOT_FOUND);
    purses_await(purses, scene.payer, MINED_SAT, 0);
}

static void fee_rate_is_asked_of_the_node(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft;
    const struct purses_payee payee = {scene.taproot, COIN_SAT};
    assert_int_equal(purses_draft(scene.purses, scene.payer, &payee, 1, 0, &draft), 0);
    assert_true(draft.fee_sat > 0);
}

/* ---- under a passphrase ---- */

static int unlock(struct purses *purses, struct troupe_ref wallet, const char *passphrase,
                  uint32_t seconds)
{
    struct wallet_unlock_args args = {.passphrase = troupe_text(passphrase), .seconds = seconds};
    return wallet_unlock(purses->troupe, wallet, &args, NULL, NULL);
}

static bool is_locked(struct purses *purses, struct troupe_ref wallet)
{
    struct wallet_get_info_results info;
    assert_int_equal(wallet_get_info(purses->troupe, wallet, &info, NULL, NULL), 0);
    bool locked = info.is_locked;
    assert_true(info.is_encrypted);
    troupe_release(info.message);
    return locked;
}

static void locked_wallet_drafts_and_does_not_sign(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_create(purses, "safe", "open sesame");
    struct wallet_draft draft;
    char address[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
    purses_mine(purses, wallet, 101);
    purses_address(purses, purses_get(purses, "default"), WALLET_ADDRESS_KIND_P2TR, address);
    const struct purses_payee payee = {address, COIN_SAT};
    assert_true(is_locked(purses, wallet));
    assert_int_equal(purses_draft(purses, wallet, &payee, 1, RATE_SAT, &draft), 0);
    assert_int_equal(purses_send(purses, wallet, draft.id, &draft), WALLET_LOCKED);
    assert_int_equal(unlock(purses, wallet, "open barley", 60), WALLET_WRONG_PASSPHRASE);
    assert_int_equal(purses_send(purses, wallet, draft.id, &draft), WALLET_LOCKED);
    assert_int_equal(unlock(purses, wallet, "open sesame", 60), 0);
    assert_false(is_locked(purses, wallet));
    assert_int_equal(purses_send(purses, wallet, draft.id, &draft), 0);
    assert_int_equal(wallet_lock(purses->troupe, wallet, NULL, NULL), 0);
    assert_true(is_locked(purses, wallet));
    assert_int_equal(purses_send(purses, wallet, draft.id, &draft), 0); /* it is signed already */
}

static void wallet_locks_itself_in_time(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_create(purses, "safe", "open sesame");
    assert_int_equal(unlock(purses, wallet, "open sesame", 0), WALLET_INVALID);
    assert_int_equal(unlock(purses, wallet, "open sesame", 1), 0);
    double due = now_s() + bound_ms(20000) / 1000.0;
    while (!is_locked(purses, wallet) && now_s() < due)
        troupe_step(purses->troupe, 20);
    assert_true(is_locked(purses, wallet));
}

static void passphrase_is_changed(void **state)
{
    struct purses *purses = *state;
    struct troupe_ref wallet = purses_create(purses, "safe", "first");
    struct wallet_change_passphrase_args args = {.old = troupe_text("wrong"),
                                                 .fresh = troupe_text("second")};
    assert_int_equal(wallet_change_passphrase(purses->troupe, wallet, &args, NULL, NULL),
                     WALLET_WRONG_PASSPHRASE);
    args.old = troupe_text("first");
    assert_int_equal(wallet_change_passphrase(purses->troupe, wallet, &args, NULL, NULL), 0);
    assert_int_equal(unlock(purses, wallet, "first", 60), WALLET_WRONG_PASSPHRASE);
    assert_int_equal(unlock(purses, wallet, "second", 60), 0);
}

#define WITH_PURSES(test) cmocka_unit_test_setup_teardown(test, purses_open, purses_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PURSES(payment_is_pending_then_confirmed_then_undone),
        WITH_PURSES(first_coin_of_an_address_is_told_once),
        WITH_PURSES(one_that_is_sent_again_pays_once),
        WITH_PURSES(fee_is_bumped),
        WITH_PURSES(what_a_bump_replaces_is_told_as_gone),
        WITH_PURSES(payment_that_the_node_refuses_frees_its_coins),
        WITH_PURSES(payment_signed_as_a_psbt_stays_when_the_node_refuses),
        WITH_PURSES(payment_on_one_that_the_node_refuses_is_refused),
        WITH_PURSES(drafts_that_cannot_be_are_refused),
        WITH_PURSES(fee_rate_is_asked_of_the_node),
        WITH_PURSES(locked_wallet_drafts_and_does_not_sign),
        WITH_PURSES(wallet_locks_itself_in_time),
        WITH_PURSES(passphrase_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
