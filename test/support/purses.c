/* Node and wallets in one process: see purses.h. */
#include "test/support/purses.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/node/node.h"
#include "actors/wallet/wallet.h"
#include "launcher/launch.h"
#include "test/support/peer.h"

enum { NETWORK, DATADIR, OPTIONS };

static const struct troupe_option options[OPTIONS] = {
    [NETWORK] = {.name = "network", .value = "NAME", .preset = "regtest"},
    [DATADIR] = {.name = "datadir", .value = "DIR"},
};
static const struct troupe_program program = {
    .name = "purses", .options = options, .options_count = OPTIONS};
static const char *const wallet_uses[] = {"node", NULL};
static const struct troupe_role roles[] = {{"node", &node_actor, NULL},
                                           {"wallet", &wallets_actor, wallet_uses}};
static struct troupe_arguments arguments = {.program = &program};

static void begin(struct purses *purses)
{
    arguments.values[DATADIR] = purses->folder;
    assert_int_equal(troupe_open(NULL, &purses->troupe), 0);
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        assert_int_equal(troupe_host_declare(purses->troupe, &roles[i], &arguments), 0);
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        assert_int_equal(troupe_host_start(purses->troupe, roles[i].name), 0);
    assert_int_equal(troupe_host_find(purses->troupe, "node", &purses->node), 0);
    assert_int_equal(troupe_host_find(purses->troupe, "wallet", &purses->wallets), 0);
    purses_get(purses, "default"); /* all runs */
}

int purses_open(void **state)
{
    struct purses *purses = calloc(1, sizeof(*purses));
    char path[96];
    if (purses == NULL)
        return -1;
    strcpy(purses->folder, "/tmp/test_purses_XXXXXX");
    bool is_made = mkdtemp(purses->folder) != NULL;
    snprintf(path, sizeof(path), "%s/regtest", purses->folder);
    if (!is_made || mkdir(path, 0700) != 0) {
        free(purses);
        return -1;
    }
    begin(purses);
    *state = purses;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

int purses_close(void **state)
{
    struct purses *purses = *state;
    troupe_close(purses->troupe, 1000);
    int rc = nftw(purses->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(purses);
    return rc;
}

void purses_restart(struct purses *purses)
{
    troupe_close(purses->troupe, 1000);
    begin(purses);
}

/* ---- asking ---- */

static void check(int code, const struct troupe_error *error)
{
    if (code != 0)
        fail_msg("%s: %s", troupe_error_name(code), error->text);
}

struct troupe_ref purses_create(struct purses *purses, const char *name, const char *passphrase)
{
    struct wallets_create_args args = {.name = troupe_text(name),
                                       .passphrase = troupe_text(passphrase)};
    struct wallets_create_results results;
    struct troupe_error error;
    check(wallets_create(purses->troupe, purses->wallets, &args, &results, &error, NULL), &error);
    return results.wallet;
}

struct troupe_ref purses_get(struct purses *purses, const char *name)
{
    struct wallets_open_args args = {.name = troupe_text(name)};
    struct wallets_open_results results;
    struct troupe_error error;
    check(wallets_open(purses->troupe, purses->wallets, &args, &results, &error, NULL), &error);
    return results.wallet;
}

void purses_wait_level(struct purses *purses, struct troupe_ref wallet)
{
    struct node_get_tip_results tip;
    struct wallet_wait_synced_results level;
    struct troupe_error error;
    struct troupe_options wait = {.deadline_ms = bound_ms(20000)};
    check(node_get_tip(purses->troupe, purses->node, &tip, &error, NULL), &error);
    struct wallet_wait_synced_args args = {.height = tip.tip.height};
    check(wallet_wait_synced(purses->troupe, wallet, &args, &level, &error, &wait), &error);
}

void purses_address(struct purses *purses, struct troupe_ref wallet, enum wallet_address_kind kind,
                    char ret_text[WALLET_ADDRESS_TEXT_BYTES_MAX + 1])
{
    struct wallet_new_address_args args = {.kind = kind};
    struct wallet_new_address_results results;
    struct troupe_error error;
    check(wallet_new_address(purses->troupe, wallet, &args, &results, &error, NULL), &error);
    snprintf(ret_text, WALLET_ADDRESS_TEXT_BYTES_MAX + 1, "%.*s", (int)results.address.text.size,
             results.address.text.data);
    troupe_release(results.message);
}

static void ignore_mined(struct troupe_actor *self, void *user, const struct node_mine_item *item)
{
    (void)self;
    (void)user;
    (void)item;
}

void purses_mine(struct purses *purses, struct troupe_ref wallet, uint32_t count)
{
    char address[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
    struct wallet_validate_address_results valid;
    struct troupe_error error;
    purses_address(purses, wallet, WALLET_ADDRESS_KIND_P2WPKH, address);
    struct wallet_validate_address_args which = {.address = troupe_text(address)};
    check(wallet_validate_address(purses->troupe, wallet, &which, &valid, &error, NULL), &error);
    assert_true(valid.is_mine);
    struct node_mine_args args = {.count = count, .script = valid.script};
    check(node_mine(purses->troupe, purses->node, &args, ignore_mined, NULL, &error, NULL), &error);
    troupe_release(valid.message);
    purses_wait_level(purses, wallet);
}

struct wallet_balance purses_balance(struct purses *purses, struct troupe_ref wallet)
{
    struct wallet_get_balance_results results;
    struct troupe_error error;
    check(wallet_get_balance(purses->troupe, wallet, &results, &error, NULL), &error);
    return results.balance;
}

/* ---- spending ---- */

int purses_draft(struct purses *purses, struct troupe_ref wallet, const struct purses_payee *payees,
                 size_t count, uint64_t rate_sat, struct wallet_draft *ret_draft)
{
    struct wallet_recipient recipients[8];
    struct wallet_draft_results results;
    struct wallet_draft_args args = {
        .recipients = recipients, .recipients_count = count, .fee_rate_sat = rate_sat};
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        recipients[i] = (struct wallet_recipient){.address = troupe_text(payees[i].address),
                                                  .amount_sat = payees[i].amount_sat};
    int code = wallet_draft(purses->troupe, wallet, &args, &results, NULL, NULL);
    if (code == 0)
        *ret_draft = results.draft;
    return code;
}

int purses_send(struct purses *purses, struct troupe_ref wallet, int64_t id,
                struct wallet_draft *ret_draft)
{
    struct wallet_send_args args = {.id = id};
    struct wallet_send_results results;
    struct troupe_error error;
    int code = wallet_send(purses->troupe, wallet, &args, &results, &error, NULL);
    if (code == 0)
        *ret_draft = results.draft;
    else
        print_message("send: %s\n", error.text);
    return code;
}

void purses_await(struct purses *purses, struct troupe_ref wallet, int64_t confirmed_sat,
                  int64_t pending_sat)
{
    double due = now_s() + bound_ms(20000) / 1000.0;
    struct wallet_balance balance = purses_balance(purses, wallet);
    while ((balance.confirmed_sat != confirmed_sat || balance.pending_sat != pending_sat) &&
           now_s() < due) {
        troupe_step(purses->troupe, 10);
        balance = purses_balance(purses, wallet);
    }
    assert_int_equal(balance.confirmed_sat, confirmed_sat);
    assert_int_equal(balance.pending_sat, pending_sat);
}

void purses_feed(struct purses *from, struct purses *to, uint32_t height)
{
    struct node_get_block_hash_args at = {.height = height + 1};
    struct node_get_block_hash_results hash;
    struct troupe_error error;
    while (node_get_block_hash(from->troupe, from->node, &at, &hash, NULL, NULL) == 0) {
        struct node_get_block_args which = {.hash = hash.hash};
        struct node_get_block_results block;
        struct node_submit_block_results outcome;
        check(node_get_block(from->troupe, from->node, &which, &block, &error, NULL), &error);
        struct node_submit_block_args args = {.block = block.block};
        check(node_submit_block(to->troupe, to->node, &args, &outcome, &error, NULL), &error);
        troupe_release(block.message);
        at.height++;
    }
}

struct scene scene_begin(void **state)
{
    struct scene scene = {.purses = *state};
    scene.payer = purses_get(scene.purses, "default");
    scene.payee = purses_create(scene.purses, "payee", "");
    purses_mine(scene.purses, scene.payer, 101);
    purses_wait_level(scene.purses, scene.payee);
    purses_address(scene.purses, scene.payee, WALLET_ADDRESS_KIND_P2WPKH, scene.keyhash);
    purses_address(scene.purses, scene.payee, WALLET_ADDRESS_KIND_P2TR, scene.taproot);
    assert_int_equal(strncmp(scene.keyhash, "bcrt1q", 6), 0);
    assert_int_equal(strncmp(scene.taproot, "bcrt1p", 6), 0);
    return scene;
}

struct wallet_draft scene_pay(struct scene *scene)
{
    const struct purses_payee payees[] = {{scene->keyhash, COIN_SAT},
                                          {scene->taproot, COIN_SAT / 2}};
    struct wallet_draft draft;
    assert_int_equal(purses_draft(scene->purses, scene->payer, payees, 2, RATE_SAT, &draft), 0);
    assert_int_equal(draft.state, WALLET_DRAFT_STATE_DRAFTED);
    assert_int_equal(purses_send(scene->purses, scene->payer, draft.id, &draft), 0);
    assert_int_equal(draft.state, WALLET_DRAFT_STATE_SENT);
    return draft;
}
