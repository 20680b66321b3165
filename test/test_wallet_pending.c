/* What the node's pool means to a wallet: payments that are replaced or can't be, and those that were there
 * before anybody watched; with the real node and wallets in one process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/address.h"
#include "test/support/pay.h"
#include "test/support/purses.h"

/* ---- replacing ---- */

static struct wallet_draft bump(struct scene *scene, const struct wallet_draft *draft,
                                uint64_t rate_sat)
{
    struct wallet_bump_fee_args args = {.txid = draft->txid, .fee_rate_sat = rate_sat};
    struct wallet_bump_fee_results bumped;
    assert_int_equal(
        wallet_bump_fee(scene->purses->troupe, scene->payer, &args, &bumped, NULL, NULL), 0);
    return bumped.draft;
}

/* Without a rate the node's estimate, and with too low a one, the least that the node lets replace. */
static void bump_pays_what_replacing_takes(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft = scene_pay(&scene);
    for (uint64_t rate_sat = 0; rate_sat <= 1000; rate_sat += 1000) {
        struct wallet_draft bumped = bump(&scene, &draft, rate_sat);
        assert_true(bumped.fee_sat >= draft.fee_sat + bumped.vsize_vbytes);
        assert_int_equal(purses_send(scene.purses, scene.payer, bumped.id, &bumped), 0);
        draft = bumped;
    }
    purses_mine(scene.purses, scene.payer, 1);
    purses_wait_level(scene.purses, scene.payee);
    purses_await(scene.purses, scene.payee, COIN_SAT * 3 / 2, 0);
}

/* Somebody spends what a payment of half a coin made, at a fee that the wallet does not hear of. */
static void spend_on(struct scene *scene, const struct wallet_draft *draft)
{
    struct pay_coin coin = {.at.index = draft->change_index == 0 ? 1 : 0, .amount = COIN_SAT / 2};
    memcpy(coin.at.txid.bytes, draft->txid.bytes, sizeof(coin.at.txid.bytes));
    struct btc_writer child = pay_split(&coin, 1, COIN_SAT / 10, NULL);
    struct node_submit_tx_args args = {.tx = {.data = child.data, .size = child.size}};
    struct node_submit_tx_results results;
    assert_int_equal(
        node_submit_tx(scene->purses->troupe, scene->purses->node, &args, &results, NULL, NULL), 0);
    btc_writer_free(&child);
}

static bool is_pending(struct scene *scene, const struct wallet_draft *draft)
{
    struct wallet_get_tx_args args = {.txid = draft->txid};
    struct wallet_get_tx_results results;
    if (wallet_get_tx(scene->purses->troupe, scene->payer, &args, &results, NULL, NULL) != 0)
        return false;
    bool pending = results.tx.is_pending;
    troupe_release(results.message);
    return pending;
}

static void bump_that_the_node_refuses_leaves_the_payment(void **state)
{
    struct scene scene = scene_begin(state);
    struct wallet_draft draft;
    char address[BTC_ADDRESS_SIZE];
    assert_int_equal(btc_address_encode(btc_params_by_name("regtest"), pay_script(), address), 0);
    const struct purses_payee payee = {address, COIN_SAT / 2};
    assert_int_equal(purses_draft(scene.purses, scene.payer, &payee, 1, RATE_SAT, &draft), 0);
    assert_int_equal(purses_send(scene.purses, scene.payer, draft.id, &draft), 0);
    spend_on(&scene, &draft);
    struct wallet_draft bumped = bump(&scene, &draft, 4 * RATE_SAT);
    struct wallet_draft after = bumped;
    assert_int_equal(purses_send(scene.purses, scene.payer, bumped.id, &after), WALLET_REFUSED);
    assert_true(is_pending(&scene, &draft));
    assert_false(is_pending(&scene, &bumped));
    int64_t left = MINED_SAT - COIN_SAT / 2 - draft.fee_sat;
    purses_await(scene.purses, scene.payer, 0, left);
    assert_int_equal(purses_send(scene.purses, scene.payer, bumped.id, &after), WALLET_CONFLICT);
    purses_mine(scene.purses, scene.payer, 1); /* and block 2 is mature now */
    purses_await(scene.purses, scene.payer, left + MINED_SAT, 0);
}

/* ---- a node that lost its pool ---- */

/* A payment of what a payment before it left, made as soon as all is there again: the node knows neither. */
static void what_a_payment_builds_on_is_given_again(void **state)
{
    enum { ROUNDS = 5 };
    struct scene scene = scene_begin(state);
    struct purses *purses = scene.purses;
    struct wallet_draft draft;
    const struct purses_payee payee = {scene.keyhash, COIN_SAT};
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(purses_draft(purses, scene.payer, &payee, 1, RATE_SAT, &draft), 0);
        assert_int_equal(purses_send(purses, scene.payer, draft.id, &draft), 0);
        assert_int_equal(purses_draft(purses, scene.payer, &payee, 1, RATE_SAT, &draft), 0);
        purses_restart(purses);
        scene.payer = purses_get(purses, "default");
        scene.payee = purses_get(purses, "payee");
        assert_int_equal(purses_send(purses, scene.payer, draft.id, &draft), 0);
    }
    purses_await(purses, scene.payee, 0, 2 * ROUNDS * COIN_SAT);
    purses_mine(purses, scene.payer, 1);
    purses_wait_level(purses, scene.payee);
    purses_await(purses, scene.payee, 2 * ROUNDS * COIN_SAT, 0);
}

/* ---- watching ---- */

static void watch(struct purses *purses, struct troupe_ref wallet, struct troupe_text what)
{
    struct wallet_import_watch_only_args args = {.descriptor = what};
    struct wallet_import_watch_only_results results;
    assert_int_equal(wallet_import_watch_only(purses->troupe, wallet, &args, &results, NULL, NULL),
                     0);
}

/* The payment was in the pool before anybody here watched whom it pays. */
static void what_is_watched_from_now_on_shows_what_is_pending(void **state)
{
    struct scene scene = scene_begin(state);
    struct purses *purses = scene.purses;
    struct troupe_ref eye = purses_create(purses, "eye", "");
    struct troupe_ref twin = purses_create(purses, "twin", "");
    struct wallet_export_descriptors_results exported;
    scene_pay(&scene);
    purses_await(purses, scene.payee, 0, COIN_SAT * 3 / 2);
    purses_await(purses, eye, 0, 0);
    watch(purses, eye, troupe_text(scene.keyhash));
    purses_await(purses, eye, 0, COIN_SAT);
    assert_int_equal(purses_balance(purses, eye).watch_only_sat, COIN_SAT);
    watch(purses, eye, troupe_text(scene.taproot)); /* of a transaction that it has already */
    assert_int_equal(wallet_export_descriptors(purses->troupe, scene.payee, &exported, NULL, NULL),
                     0);
    for (size_t i = 0; i < exported.descriptors_count; i++)
        watch(purses, twin, exported.descriptors[i].text);
    troupe_release(exported.message);
    purses_await(purses, twin, 0, COIN_SAT * 3 / 2);
    purses_await(purses, eye, 0, COIN_SAT * 3 / 2);
}

#define WITH_PURSES(test) cmocka_unit_test_setup_teardown(test, purses_open, purses_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PURSES(bump_pays_what_replacing_takes),
        WITH_PURSES(bump_that_the_node_refuses_leaves_the_payment),
        WITH_PURSES(what_a_payment_builds_on_is_given_again),
        WITH_PURSES(what_is_watched_from_now_on_shows_what_is_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
