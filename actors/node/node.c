/* The node's actor: start and stop, and what it answers at once. See node.h and node_impl.h. */
#include "actors/node/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/bitcoin/version.h"
#include "actors/node/node_impl.h"
#include "interfaces/p2p.h"
#include "launcher/launcher.h"

/* ---- start and stop ---- */

static int open_store(struct node *node, const struct troupe_arguments *arguments,
                      struct btc_error *err)
{
    const char *network = troupe_argument(arguments, "network");
    const char *datadir = troupe_argument(arguments, "datadir");
    if (network == NULL || datadir == NULL)
        return btc_fail(err, BTC_EUSAGE, "the program gives no --network or no --datadir");
    node->params = btc_params_by_name(network);
    if (node->params == NULL)
        return btc_fail(err, BTC_EUSAGE, "there is no network \"%s\": main, signet or regtest",
                        network);
    if (snprintf(node->folder, sizeof(node->folder), "%s/%s/node", datadir, node->params->name) >=
        (int)sizeof(node->folder))
        return btc_fail(err, BTC_EUSAGE, "the data directory's path is too long");
    return chain_open(node->folder, node->params, &node->chain, err);
}

static void release(struct node *node)
{
    node_jobs_free(node);
    node_peers_stop(node);
    mempool_free(node->pool);
    chain_close(node->chain);
    node->pool = NULL;
    node->chain = NULL;
}

/* --check and --compact. A store that can't be compacted is as good as before. */
static int look_after_store(struct troupe_actor *self, struct node *node,
                            const struct troupe_arguments *arguments, struct btc_error *err)
{
    int64_t before = 0;
    int64_t after = 0;
    if (troupe_argument(arguments, "check") != NULL) {
        int rc = chain_check(node->chain, err);
        if (rc != 0)
            return rc;
        troupe_report(self, "the store is sound");
    }
    if (troupe_argument(arguments, "compact") == NULL)
        return 0;
    if (chain_compact(node->chain, &before, &after, err) != 0)
        troupe_report(self, "not compacted: %s", err->text);
    else
        troupe_report(self, "the store was compacted from %lld to %lld KiB",
                      (long long)before / 1024, (long long)after / 1024);
    return 0;
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct node *node = state;
    struct btc_error err;
    int rc = open_store(node, argument, &err);
    if (rc == 0)
        rc = look_after_store(self, node, argument, &err);
    if (rc == 0)
        rc = node_question_start(self, node, argument, &err);
    if (rc == 0)
        rc = node_question_resume(node, &err);
    if (rc != 0) {
        troupe_report(self, "%s%s", err.text,
                      rc == BTC_EIO ? "; choose a --datadir that can be written to" : "");
        chain_close(node->chain);
        node->chain = NULL;
        return 1; /* that is said */
    }
    node_publish_tip(self, node);
    rc = node_pool_start(self, node);
    if (rc == 0)
        rc = node_peers_start(self, node, argument);
    if (rc != 0)
        release(node);
    return rc;
}

static void stop(struct troupe_actor *self, void *state)
{
    (void)self;
    release(state);
}

/* ---- what it answers at once ---- */

static void get_info(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct node *node = state;
    struct chain_entry tip;
    struct chain_entry best;
    (void)self;
    chain_tip(node->chain, &tip);
    chain_header_tip(node->chain, &best);
    struct node_get_info_results results = {
        .network = (enum node_network)node->params->network,
        .version = troupe_text(BTC_PROGRAM_VERSION),
        .datadir = troupe_text(node->folder),
        .tip = node_tip_of(&tip),
        .header_height = (uint32_t)best.height,
        .sync_phase = node->phase,
        .validation = (enum node_validation)tip.validation,
        .pid = (uint32_t)getpid(),
    };
    node_get_info_reply(call, &results);
}

static void get_tip(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct node *node = state;
    struct chain_entry tip;
    (void)self;
    chain_tip(node->chain, &tip);
    struct node_get_tip_results results = {.tip = node_tip_of(&tip)};
    node_get_tip_reply(call, &results);
}

static void get_block_hash(struct troupe_actor *self, void *state, struct troupe_call *call,
                           const struct node_get_block_hash_args *args)
{
    struct node *node = state;
    struct chain_entry entry;
    struct btc_error err;
    (void)self;
    int rc = args->height > INT32_MAX
                 ? CHAIN_ABSENT
                 : chain_block_at(node->chain, (int32_t)args->height, &entry, &err);
    if (rc < 0) {
        node_fail_chain(call, rc, &err);
    } else if (rc != 0) {
        node_fail_not_found(call, "the chain has no block of that height yet");
    } else {
        struct node_get_block_hash_results results = {.hash = node_hash(&entry.hash)};
        node_get_block_hash_reply(call, &results);
    }
}

static void get_block(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct node_get_block_args *args)
{
    struct node *node = state;
    struct btc_hash hash;
    struct chain_entry entry;
    struct btc_error err;
    uint8_t *data = NULL;
    size_t size = 0;
    (void)self;
    memcpy(hash.bytes, args->hash.bytes, sizeof(hash.bytes));
    int rc = chain_find(node->chain, &hash, &entry, &err);
    if (rc == 0)
        rc = chain_read_block(node->chain, &entry, &data, &size, &err);
    int active = rc == 0 ? chain_is_active(node->chain, &entry, &err) : 0;
    if (rc < 0 || active < 0) {
        node_fail_chain(call, rc < 0 ? rc : active, &err);
    } else if (rc != 0) {
        node_fail_not_found(call, "no block of that hash is stored here");
    } else {
        struct node_get_block_results results = {.block = {.data = data, .size = size},
                                                 .has_height = active == 1,
                                                 .height = (uint32_t)entry.height};
        node_get_block_reply(call, &results);
    }
    free(data);
}

static void find_fork(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct node_find_fork_args *args)
{
    struct node *node = state;
    struct btc_hash locator[NODE_FIND_FORK_LOCATOR_MAX];
    struct chain_entry fork;
    struct btc_error err;
    (void)self;
    for (size_t i = 0; i < args->locator_count; i++)
        memcpy(locator[i].bytes, args->locator[i].bytes, BTC_HASH_SIZE);
    int rc = chain_find_fork(node->chain, locator, args->locator_count, &fork, &err);
    if (rc != 0) {
        node_fail_chain(call, rc, &err);
        return;
    }
    struct node_find_fork_results results = {.height = (uint32_t)fork.height,
                                             .hash = node_hash(&fork.hash)};
    node_find_fork_reply(call, &results);
}

static struct node_maybe_coin coin_of(const struct chain_coin *coin)
{
    struct node_maybe_coin maybe = {.has = coin->found};
    if (!coin->found)
        return maybe;
    maybe.value = (struct node_coin){
        .amount_sat = coin->amount,
        .height = (uint32_t)coin->height,
        .is_coinbase = coin->coinbase,
        .has_script = coin->script.size <= NODE_COIN_SCRIPT_BYTES_MAX,
        .script = {.data = coin->script.data, .size = coin->script.size},
    };
    return maybe;
}

static void get_coins(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct node_get_coins_args *args)
{
    struct node *node = state;
    struct btc_outpoint outpoints[NODE_GET_COINS_OUTPOINTS_MAX];
    struct node_maybe_coin answers[NODE_GET_COINS_OUTPOINTS_MAX];
    struct chain_coins coins;
    struct chain_entry tip;
    struct btc_error err;
    (void)self;
    for (size_t i = 0; i < args->outpoints_count; i++) {
        memcpy(outpoints[i].txid.bytes, args->outpoints[i].txid.bytes, BTC_HASH_SIZE);
        outpoints[i].index = args->outpoints[i].index;
    }
    int rc = chain_get_coins(node->chain, outpoints, args->outpoints_count, &coins, &err);
    if (rc != 0) {
        node_fail_chain(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < coins.count; i++)
        answers[i] = coin_of(&coins.coins[i]);
    chain_tip(node->chain, &tip);
    struct node_get_coins_results results = {
        .coins = answers, .coins_count = coins.count, .tip = node_tip_of(&tip)};
    node_get_coins_reply(call, &results);
    chain_coins_free(&coins);
}

static void get_chain_stats(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct node *node = state;
    struct chain_stats stats;
    (void)self;
    chain_get_stats(node->chain, &stats);
    struct node_get_chain_stats_results results = {
        .height = (uint32_t)stats.height,
        .header_height = (uint32_t)stats.header_height,
        .blocks = (uint64_t)stats.height,
        .txs = (uint64_t)stats.tx_count,
        .coins = (uint64_t)stats.coin_count,
        .amount_sat = stats.coin_amount,
        .signatures = (uint64_t)stats.signature_count,
        .partial_blocks = (uint64_t)stats.partial_count,
    };
    node_get_chain_stats_reply(call, &results);
}

static void submit_block(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_submit_block_args *args)
{
    struct node *node = state;
    struct chain_change change;
    struct chain_entry tip;
    struct btc_error err;
    uint8_t *data = malloc(args->block.size + 1);
    if (data == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    troupe_blob_copy(&args->block, data);
    uint64_t held = node->question.held_count;
    int rc = chain_add_block(node->chain, data, args->block.size, &change, &err);
    if (rc < 0) {
        node_note_trouble(self, node, rc, &err);
        node_fail_refusal(call, node, data, args->block.size, true, rc, &err);
        free(data);
        return;
    }
    free(data);
    node_publish_changes(self, node, &change, rc == 0);
    chain_tip(node->chain, &tip);
    struct node_submit_block_results results = {
        .outcome = rc == CHAIN_KNOWN ? NODE_SUBMIT_OUTCOME_KNOWN
                   : rc == CHAIN_SIDE && node->question.held_count > held ? NODE_SUBMIT_OUTCOME_HELD
                   : rc == CHAIN_SIDE                                     ? NODE_SUBMIT_OUTCOME_SIDE
                                      : NODE_SUBMIT_OUTCOME_CONNECTED,
        .tip = node_tip_of(&tip),
    };
    node_submit_block_reply(call, &results);
}

/* ---- definition ---- */

static const struct node_handlers handlers = {
    .get_info = get_info,
    .get_tip = get_tip,
    .get_block_hash = get_block_hash,
    .get_headers = node_serve_get_headers,
    .get_block = get_block,
    .get_blocks = node_serve_get_blocks,
    .find_fork = find_fork,
    .get_coins = get_coins,
    .get_chain_stats = get_chain_stats,
    .submit_block = submit_block,
    .mine = node_serve_mine,
    .import_file = node_serve_import_file,
    .scan = node_serve_scan,
    .shutdown = node_serve_shutdown,
    .answer_questions = node_serve_answer_questions,
    .get_tx = node_serve_get_tx,
    .get_tx_status = node_serve_get_tx_status,
    .submit_tx = node_serve_submit_tx,
    .test_txs = node_serve_test_txs,
    .get_mempool = node_serve_get_mempool,
    .estimate_fee = node_serve_estimate_fee,
    .list_peers = node_serve_list_peers,
    .add_peer = node_serve_add_peer,
    .drop_peer = node_serve_drop_peer,
    .ban = node_serve_ban,
    .set_network_active = node_serve_set_network_active,
};

static const struct p2p_handlers network_handlers = {.arrived = node_peers_arrived};

static const struct troupe_service services[] = {{&node_interface, &handlers},
                                                 {&p2p_interface, &network_handlers}};

const struct troupe_actor_def node_actor = {
    .name = "node",
    .state_size = sizeof(struct node),
    .start = start,
    .stop = stop,
    .services = services,
    .services_count = 2,
    .flags = TROUPE_DETACHED,
};
