/* The node's actor in one process with its askers: scans, the person it asks, the program's end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/node/node.h"
#include "bus/troupe_host.h"
#include "interfaces/node.h"
#include "interfaces/ui.h"
#include "launcher/launch.h"
#include "test/support/chain_room.h"
#include "test/support/craft.h"
#include "test/support/runner.h"

#define CLOSE_MS 5000

struct desk {
    struct room *room; /* whose folder is the data directory; its chain stays closed */
    struct troupe *troupe;
    struct troupe_ref node;
    struct troupe_error error;
};

static struct desk desk;

static const struct troupe_option options[] = {
    {.name = "network", .value = "NAME", .preset = "regtest", .help = "as of troupe-bitcoin"},
    {.name = "datadir", .value = "DIR", .help = "as of troupe-bitcoin"},
    {.name = "ask-reorg", .value = "N", .help = "as of troupe-bitcoin"},
};
static const struct troupe_program program = {
    .name = "test_node", .options = options, .options_count = 3};
static struct troupe_arguments arguments = {.program = &program};
static const struct troupe_role node_role = {"node", &node_actor, NULL};

static void start_node(void)
{
    struct node_get_tip_results tip;
    assert_int_equal(troupe_open(NULL, &desk.troupe), 0);
    assert_int_equal(troupe_host_declare(desk.troupe, &node_role, &arguments), 0);
    assert_int_equal(troupe_host_start(desk.troupe, "node"), 0);
    assert_int_equal(troupe_host_find(desk.troupe, "node", &desk.node), 0);
    assert_int_equal(node_get_tip(desk.troupe, desk.node, &tip, &desk.error, NULL), 0);
}

static void stop_node(void)
{
    troupe_close(desk.troupe, CLOSE_MS);
    desk.troupe = NULL;
}

static int open_desk(void **state)
{
    char path[128];
    if (room_open(state) != 0)
        return -1;
    desk = (struct desk){.room = *state};
    snprintf(path, sizeof(path), "%s/regtest", desk.room->folder);
    if (mkdir(path, 0700) != 0)
        return -1;
    /* The room tidies up after the node, too. */
    snprintf(desk.room->datadir, sizeof(desk.room->datadir), "%s/regtest/node", desk.room->folder);
    arguments.values[1] = desk.room->folder;
    arguments.values[2] = NULL;
    start_node();
    return 0;
}

static int close_desk(void **state)
{
    char path[128];
    if (desk.troupe != NULL)
        stop_node();
    room_remove_chain(desk.room);
    snprintf(path, sizeof(path), "%s/regtest", desk.room->folder);
    (void)rmdir(path);
    return room_close(state);
}

/* ---- steps ---- */

static const uint8_t anyone[] = {0x51};
static const uint8_t script_a[] = {0, 2, 0xaa, 0xaa};
static const uint8_t script_b[] = {0, 2, 0xbb, 0xbb};

static void on_mined(struct troupe_actor *self, void *user, const struct node_mine_item *item)
{
    (void)self;
    (void)user;
    (void)item;
}

static void mine(uint32_t count, const uint8_t *script, size_t size)
{
    struct node_mine_args args = {.count = count, .script = {script, size}};
    if (node_mine(desk.troupe, desk.node, &args, on_mined, NULL, &desk.error, NULL) != 0)
        fail_msg("%s", desk.error.text);
}

static struct node_submit_block_results submit(const struct btc_writer *block)
{
    struct node_submit_block_args args = {.block = {.data = block->data, .size = block->size}};
    struct node_submit_block_results results;
    if (node_submit_block(desk.troupe, desk.node, &args, &results, &desk.error, NULL) != 0)
        fail_msg("%s", desk.error.text);
    return results;
}

/* What a block on the tip needs. */
static struct craft on_tip(void)
{
    struct node_get_tip_results results;
    assert_int_equal(node_get_tip(desk.troupe, desk.node, &results, &desk.error, NULL), 0);
    struct craft craft = {.height = (int32_t)results.tip.height + 1,
                          .header.time_s = (uint32_t)results.tip.time_s + 1};
    memcpy(craft.header.prev.bytes, results.tip.hash.bytes, BTC_HASH_SIZE);
    return craft;
}

/* The id of the coinbase at a height. */
static struct btc_hash coinbase_at(uint32_t height)
{
    struct node_get_block_hash_args at = {.height = height};
    struct node_get_block_hash_results found;
    struct node_get_block_results results;
    struct btc_block block;
    assert_int_equal(node_get_block_hash(desk.troupe, desk.node, &at, &found, &desk.error, NULL),
                     0);
    struct node_get_block_args args = {.hash = found.hash};
    assert_int_equal(node_get_block(desk.troupe, desk.node, &args, &results, &desk.error, NULL), 0);
    uint8_t *raw = malloc(results.block.size);
    assert_non_null(raw);
    troupe_blob_copy(&results.block, raw);
    assert_int_equal(btc_block_parse(raw, results.block.size, &block, NULL), 0);
    struct btc_hash txid = block.txs[0].txid;
    btc_block_free(&block);
    troupe_release(results.message);
    free(raw);
    return txid;
}

/* ---- headers ---- */

struct headers {
    uint32_t first;
    size_t count;
};

static void on_headers(struct troupe_actor *self, void *user,
                       const struct node_get_headers_item *item)
{
    struct headers *headers = user;
    (void)self;
    if (headers->count == 0)
        headers->first = item->height;
    headers->count += item->headers.size / BTC_HEADER_SIZE;
}

static struct headers get_headers(const struct node_hash32 *locator, size_t count, uint32_t max)
{
    struct headers headers = {.count = 0};
    struct node_get_headers_args args = {.locator = locator, .locator_count = count, .max = max};
    assert_int_equal(
        node_get_headers(desk.troupe, desk.node, &args, on_headers, &headers, &desk.error, NULL),
        0);
    return headers;
}

static void headers_begin_at_genesis_where_nothing_is_shared(void **state)
{
    struct node_hash32 unknown = {.bytes = {1}};
    struct node_get_block_hash_args at = {.height = 0};
    struct node_get_block_hash_results genesis;
    (void)state;
    mine(3, anyone, sizeof(anyone));
    assert_int_equal(node_get_block_hash(desk.troupe, desk.node, &at, &genesis, &desk.error, NULL),
                     0);
    struct headers all = get_headers(NULL, 0, 0);
    struct headers none_known = get_headers(&unknown, 1, 2);
    struct headers behind = get_headers(&genesis.hash, 1, 0);
    assert_int_equal(all.first, 0);
    assert_int_equal(all.count, 4);
    assert_int_equal(none_known.first, 0);
    assert_int_equal(none_known.count, 2);
    assert_int_equal(behind.first, 1);
    assert_int_equal(behind.count, 3);
}

/* ---- scan ---- */

#define HITS_MAX 1000

struct found {
    struct node_scan_hit hits[HITS_MAX];
    size_t count;
    size_t items;
    uint32_t height;
    uint32_t to;
};

static void on_scanned(struct troupe_actor *self, void *user, const struct node_scan_item *item)
{
    struct found *found = user;
    (void)self;
    assert_true(found->count + item->hits_count <= HITS_MAX);
    assert_true(item->height >= found->height);
    for (size_t i = 0; i < item->hits_count; i++)
        found->hits[found->count++] = item->hits[i];
    found->items++;
    found->height = item->height;
    found->to = item->to;
}

static void scan(struct found *found, const struct node_scan_args *args)
{
    *found = (struct found){.count = 0};
    if (node_scan(desk.troupe, desk.node, args, on_scanned, found, &desk.error, NULL) != 0)
        fail_msg("%s", desk.error.text);
}

static const struct troupe_bytes both[] = {{script_b, sizeof(script_b)},
                                           {script_a, sizeof(script_a)}};

static void scan_finds_outputs_in_order_and_in_range(void **state)
{
    static struct found found;
    (void)state;
    mine(3, script_a, sizeof(script_a));
    mine(2, script_b, sizeof(script_b));
    mine(4, anyone, sizeof(anyone));
    mine(250, script_a, sizeof(script_a)); /* more than one item holds */
    struct node_scan_args args = {.scripts = both, .scripts_count = 2};
    scan(&found, &args);
    assert_int_equal(found.count, 255);
    assert_int_equal(found.height, 259);
    assert_int_equal(found.to, 259);
    assert_true(found.items >= 2);
    for (size_t i = 0; i < found.count; i++) {
        const struct node_scan_hit *hit = &found.hits[i];
        struct btc_hash txid = coinbase_at(hit->height);
        assert_int_equal(hit->height, i < 5 ? i + 1 : i + 5);
        assert_int_equal(hit->script, i == 3 || i == 4 ? 0 : 1);
        assert_int_equal(hit->amount_sat, (50 * BTC_COIN) >> (hit->height / 150));
        assert_true(hit->is_coinbase && hit->is_unspent && hit->index == 0);
        assert_memory_equal(hit->txid.bytes, txid.bytes, BTC_HASH_SIZE);
    }
    args = (struct node_scan_args){
        .scripts = both, .scripts_count = 1, .from = 5, .has_to = true, .to = 100};
    scan(&found, &args);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.hits[0].height, 5);
    assert_int_equal(found.height, 100);
    args = (struct node_scan_args){.scripts = both, .scripts_count = 2, .from = 1000};
    scan(&found, &args);
    assert_int_equal(found.count, 0);
    args.scripts_count = 0;
    assert_int_equal(
        node_scan(desk.troupe, desk.node, &args, on_scanned, &found, &desk.error, NULL),
        TROUPE_EINVAL);
}

/* A block of more outputs than an item holds, and one that spends a coin. */
static void scan_goes_on_within_a_block_and_knows_what_was_spent(void **state)
{
    static struct found found;
    static struct btc_tx_out outs[450];
    (void)state;
    mine(101, anyone, sizeof(anyone));
    struct craft craft = on_tip();
    struct btc_tx_in in = {.prev = {coinbase_at(1), 0}, .sequence = BTC_SEQUENCE_FINAL};
    struct btc_tx tx = {.version = 2, .in_count = 1, .ins = &in, .outs = outs};
    tx.out_count = sizeof(outs) / sizeof(outs[0]);
    for (size_t i = 0; i < tx.out_count; i++)
        outs[i] = (struct btc_tx_out){BTC_COIN / 10, {script_a, sizeof(script_a)}};
    assert_int_equal(btc_tx_seal(&tx), 0);
    craft.txs = &tx;
    craft.tx_count = 1;
    struct btc_writer block = craft_block(&craft, NULL);
    assert_int_equal(submit(&block).outcome, NODE_SUBMIT_OUTCOME_CONNECTED);
    btc_writer_free(&block);
    struct troupe_bytes scripts[] = {{script_a, sizeof(script_a)}, {anyone, sizeof(anyone)}};
    struct node_scan_args args = {.scripts = scripts, .scripts_count = 2};
    scan(&found, &args);
    assert_int_equal(found.count, 101 + 1 + 450);
    assert_false(found.hits[0].is_unspent);
    for (size_t i = 1; i < found.count; i++)
        assert_true(found.hits[i].is_unspent);
    for (size_t i = 0; i < 450; i++) {
        const struct node_scan_hit *hit = &found.hits[102 + i];
        assert_true(hit->index == i && hit->height == 102 && !hit->is_coinbase);
        assert_int_equal(hit->script, 0);
    }
}

/* An asker that cancels at the first item, and then asks something else. */
struct canceller {
    uint64_t token;
    atomic_uint items;
    atomic_bool is_over;
    atomic_int code;
};

static void on_first(struct troupe_actor *self, void *user, const struct node_scan_item *item)
{
    struct canceller *canceller = user;
    (void)item;
    if (atomic_fetch_add(&canceller->items, 1) == 0)
        assert_int_equal(troupe_cancel(self, canceller->token), 0);
}

static void on_over(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct canceller *canceller = user;
    (void)self;
    canceller->code = error != NULL ? error->code : 0;
    canceller->is_over = true;
}

static int ask_and_cancel(struct troupe_actor *self, void *state, const void *argument)
{
    struct canceller *canceller = (struct canceller *)(uintptr_t)argument;
    struct node_scan_args args = {.scripts = both, .scripts_count = 2};
    struct troupe_options how = {.ret_token = &canceller->token};
    (void)state;
    return node_scan_ask(self, desk.node, &args, on_first, on_over, canceller, &how);
}

static bool is_over(void *user)
{
    return ((struct canceller *)user)->is_over;
}

static void scan_can_be_cancelled(void **state)
{
    static const struct troupe_actor_def def = {.name = "canceller", .start = ask_and_cancel};
    struct canceller canceller = {.token = 0};
    struct troupe_ref ref;
    (void)state;
    mine(900, script_a, sizeof(script_a));
    assert_int_equal(troupe_spawn(desk.troupe, &def, &canceller, &ref), 0);
    runner_wait(is_over, &canceller);
    assert_int_equal(canceller.items, 1);
    assert_int_equal(canceller.code, TROUPE_ECANCELED);
    mine(1, script_a, sizeof(script_a));
}

/* ---- the person ---- */

#define OWN    4
#define BETTER 7

enum manner { FOLLOWS, STAYS, DIES, THINKS };

/* One who is asked; the test waits for what came of it. */
struct person {
    enum manner manner;
    atomic_uint questions;
    atomic_uint quits;
    unsigned awaited;         /* questions, by the test */
    struct troupe_call *call; /* while it thinks */
    struct troupe_ref self;
};

static void answer_question(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct ui_question_args *args)
{
    struct person *person = *(struct person **)state;
    struct ui_question_results results = {.choice = person->manner == FOLLOWS ? 0 : 1,
                                          .by_person = true};
    assert_int_equal(args->choices_count, 2);
    assert_int_equal(args->default_choice, 0);
    atomic_fetch_add(&person->questions, 1);
    if (person->manner == DIES || person->manner == THINKS) {
        troupe_defer(call);
        person->call = call;
        if (person->manner == DIES)
            assert_int_equal(troupe_stop(troupe_runtime(self), troupe_self(self)), 0);
        return;
    }
    ui_question_reply(call, &results);
}

static void hear(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct ui_notify_args *args)
{
    (void)self;
    (void)state;
    (void)call;
    (void)args;
}

static void quit(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct ui_quit_args *args)
{
    struct person *person = *(struct person **)state;
    (void)self;
    (void)call;
    assert_int_equal(args->reason.size, 5);
    atomic_fetch_add(&person->quits, 1);
}

static int be_there(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    *(struct person **)state = (struct person *)(uintptr_t)argument;
    return 0;
}

static const struct ui_handlers person_handlers = {
    .notify = hear, .question = answer_question, .quit = quit};
static const struct troupe_service person_services[] = {{&ui_interface, &person_handlers}};
static const struct troupe_actor_def person_def = {.name = "person",
                                                   .state_size = sizeof(struct person *),
                                                   .start = be_there,
                                                   .services = person_services,
                                                   .services_count = 1};

static void introduce(struct person *person, enum manner manner)
{
    *person = (struct person){.manner = manner};
    assert_int_equal(troupe_spawn(desk.troupe, &person_def, person, &person->self), 0);
    struct node_answer_questions_args args = {
        .has_who = true, .who = person->self, .is_person = true};
    assert_int_equal(node_answer_questions(desk.troupe, desk.node, &args, &desk.error, NULL), 0);
}

struct branches {
    struct btc_writer own[OWN];
    struct btc_writer better[BETTER];
};

static void make_branch(struct btc_writer *blocks, int32_t count, uint32_t salt)
{
    struct btc_header header = btc_params_get(BTC_REGTEST)->genesis;
    for (int32_t i = 0; i < count; i++) {
        struct craft craft = craft_after(&header, i);
        craft.salt = salt;
        blocks[i] = craft_block(&craft, NULL);
        btc_header_parse(blocks[i].data, &header);
    }
}

/* A node that asks from four blocks on, at its own branch; the other one lies there, as long. */
static void take_sides(struct branches *branches)
{
    stop_node();
    arguments.values[2] = "3";
    start_node();
    make_branch(branches->own, OWN, 1);
    make_branch(branches->better, BETTER, 2);
    for (int i = 0; i < OWN; i++) {
        assert_int_equal(submit(&branches->own[i]).outcome, NODE_SUBMIT_OUTCOME_CONNECTED);
        assert_int_equal(submit(&branches->better[i]).outcome, NODE_SUBMIT_OUTCOME_SIDE);
    }
}

static void free_branches(struct branches *branches)
{
    for (int i = 0; i < OWN; i++)
        btc_writer_free(&branches->own[i]);
    for (int i = 0; i < BETTER; i++)
        btc_writer_free(&branches->better[i]);
}

static uint32_t height(void)
{
    struct node_get_tip_results results;
    assert_int_equal(node_get_tip(desk.troupe, desk.node, &results, &desk.error, NULL), 0);
    return results.tip.height;
}

static bool is_at(void *user)
{
    return height() == *(const uint32_t *)user;
}

static bool is_asked(void *user)
{
    const struct person *person = user;
    return person->questions >= person->awaited;
}

static void wait_asked(struct person *person, unsigned times)
{
    person->awaited = times;
    runner_wait(is_asked, person);
}

static void wait_at(uint32_t wanted)
{
    runner_wait(is_at, &wanted);
}

static void with_nobody_there_the_most_work_is_followed_at_once(void **state)
{
    struct branches branches;
    (void)state;
    take_sides(&branches);
    assert_int_equal(submit(&branches.better[4]).outcome, NODE_SUBMIT_OUTCOME_CONNECTED);
    assert_int_equal(height(), 5);
    free_branches(&branches);
}

static void person_may_follow(void **state)
{
    struct branches branches;
    struct person person;
    (void)state;
    take_sides(&branches);
    introduce(&person, FOLLOWS);
    assert_int_equal(submit(&branches.better[4]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_at(5);
    assert_int_equal(person.questions, 1);
    assert_int_equal(submit(&branches.better[5]).outcome, NODE_SUBMIT_OUTCOME_CONNECTED);
    free_branches(&branches);
}

static void person_may_stay_until_there_is_more(void **state)
{
    struct branches branches;
    struct person person;
    (void)state;
    take_sides(&branches);
    introduce(&person, STAYS);
    assert_int_equal(submit(&branches.better[4]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_asked(&person, 1);
    assert_int_equal(submit(&branches.better[4]).outcome, NODE_SUBMIT_OUTCOME_KNOWN);
    assert_int_equal(height(), OWN);
    assert_int_equal(submit(&branches.better[5]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_asked(&person, 2);
    assert_int_equal(height(), OWN);
    stop_node();
    start_node(); /* forgotten: the rule holds again */
    assert_int_equal(height(), 6);
    free_branches(&branches);
}

static void person_who_dies_while_asked_leaves_it_to_the_rule(void **state)
{
    struct branches branches;
    struct person person;
    (void)state;
    take_sides(&branches);
    introduce(&person, DIES);
    assert_int_equal(submit(&branches.better[4]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_at(5);
    assert_int_equal(person.questions, 1);
    free_branches(&branches);
}

/* The last one who came is asked, the one before once that one is gone. */
static void who_was_there_before_is_asked_when_the_last_dies(void **state)
{
    struct branches branches;
    struct person first;
    struct person last;
    (void)state;
    take_sides(&branches);
    introduce(&first, STAYS);
    introduce(&last, DIES);
    assert_int_equal(submit(&branches.better[4]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_asked(&first, 1);
    assert_int_equal(last.questions, 1);
    assert_int_equal(height(), OWN);
    assert_int_equal(submit(&branches.better[5]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_asked(&first, 2);
    assert_int_equal(last.questions, 1);
    free_branches(&branches);
}

/* Blocks go on to come while a person thinks; the answer is about all of them. */
static void blocks_that_come_while_a_person_thinks(void **state)
{
    struct branches branches;
    struct person person;
    (void)state;
    take_sides(&branches);
    introduce(&person, THINKS);
    for (int i = 4; i < BETTER; i++)
        assert_int_equal(submit(&branches.better[i]).outcome, NODE_SUBMIT_OUTCOME_HELD);
    wait_asked(&person, 1);
    assert_int_equal(height(), OWN);
    assert_int_equal(person.questions, 1);
    assert_int_equal(troupe_stop(desk.troupe, person.self), 0);
    wait_at(BETTER);
    /* And it is known to be gone: nothing is held any more. */
    free_branches(&branches);
}

static void program_ends_by_way_of_who_watches_it(void **state)
{
    struct person person;
    struct person guest;
    struct node_shutdown_args args = {.reason = troupe_text("enjoy")};
    (void)state;
    assert_int_equal(node_shutdown(desk.troupe, desk.node, &args, &desk.error, NULL),
                     NODE_UNATTENDED);
    introduce(&person, STAYS);
    introduce(&guest, STAYS);
    assert_int_equal(node_shutdown(desk.troupe, desk.node, &args, &desk.error, NULL), 0);
    struct node_answer_questions_args nobody = {.has_who = false};
    assert_int_equal(node_answer_questions(desk.troupe, desk.node, &nobody, &desk.error, NULL), 0);
    assert_int_equal(node_shutdown(desk.troupe, desk.node, &args, &desk.error, NULL),
                     NODE_UNATTENDED);
    stop_node();
    assert_int_equal(person.quits, 1);
    assert_int_equal(guest.quits, 1);
    arguments.values[2] = "many";
    assert_int_equal(troupe_open(NULL, &desk.troupe), 0);
    assert_int_equal(troupe_host_declare(desk.troupe, &node_role, &arguments), 0);
    assert_int_equal(troupe_host_start(desk.troupe, "node"), 0);
    assert_int_equal(troupe_host_find(desk.troupe, "node", &desk.node), 0);
    assert_int_not_equal(node_shutdown(desk.troupe, desk.node, &args, &desk.error, NULL), 0);
}

/* ---- a full disk ---- */

struct alerts {
    atomic_bool is_heard; /* the listener is there */
    atomic_uint errors;
    atomic_uint infos;
};

static void on_alert(struct troupe_actor *self, void *user, const struct node_alert *event,
                     const struct troupe_event_info *info)
{
    struct alerts *alerts = user;
    (void)self;
    (void)info;
    if (event != NULL && event->level == NODE_ALERT_LEVEL_ERROR)
        atomic_fetch_add(&alerts->errors, 1);
    if (event != NULL && event->level == NODE_ALERT_LEVEL_INFO)
        atomic_fetch_add(&alerts->infos, 1);
}

static int listen_to_alerts(struct troupe_actor *self, void *state, const void *argument)
{
    struct alerts *alerts = (struct alerts *)(uintptr_t)argument;
    struct troupe_handler *handler;
    (void)state;
    int error = node_on_alert(self, desk.node, on_alert, alerts, &handler);
    alerts->is_heard = error == 0;
    return error;
}

static bool is_heard(void *user)
{
    return ((struct alerts *)user)->is_heard;
}

static bool has_error(void *user)
{
    return ((struct alerts *)user)->errors > 0;
}

static bool has_info(void *user)
{
    return ((struct alerts *)user)->infos > 0;
}

/* No file may grow beyond `bytes`; 0 lifts that again. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes > 0 ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void full_disk_is_told_and_the_node_goes_on(void **state)
{
    static const struct troupe_actor_def def = {.name = "listener", .start = listen_to_alerts};
    static uint8_t script[10000];
    static struct found found;
    struct alerts alerts = {.errors = 0};
    struct troupe_ref ref;
    struct node_mine_args args = {.count = 1000, .script = {script, sizeof(script)}};
    (void)state;
    assert_int_equal(troupe_spawn(desk.troupe, &def, &alerts, &ref), 0);
    runner_wait(is_heard, &alerts);
    mine(3, script_a, sizeof(script_a));
    signal(SIGXFSZ, SIG_IGN); /* writing fails instead */
    limit_files(2000000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            node_mine(desk.troupe, desk.node, &args, on_mined, NULL, &desk.error, NULL),
            TROUPE_ESYSTEM);
        assert_non_null(strstr(desk.error.text, "chain.sqlite"));
    }
    uint32_t kept = height();
    assert_true(kept > 3 && kept < 1003);
    runner_wait(has_error, &alerts);
    struct node_scan_args look = {.scripts = both, .scripts_count = 2};
    scan(&found, &look); /* it still answers */
    assert_int_equal(found.count, 3);
    limit_files(0);
    mine(2, script_b, sizeof(script_b));
    assert_int_equal(height(), kept + 2);
    runner_wait(has_info, &alerts);
    assert_int_equal(alerts.errors, 1);
    signal(SIGXFSZ, SIG_DFL);
}

#define at_desk(test) cmocka_unit_test_setup_teardown(test, open_desk, close_desk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        at_desk(headers_begin_at_genesis_where_nothing_is_shared),
        at_desk(scan_finds_outputs_in_order_and_in_range),
        at_desk(scan_goes_on_within_a_block_and_knows_what_was_spent),
        at_desk(scan_can_be_cancelled),
        at_desk(with_nobody_there_the_most_work_is_followed_at_once),
        at_desk(person_may_follow),
        at_desk(person_may_stay_until_there_is_more),
        at_desk(person_who_dies_while_asked_leaves_it_to_the_rule),
        at_desk(who_was_there_before_is_asked_when_the_last_dies),
        at_desk(blocks_that_come_while_a_person_thinks),
        at_desk(program_ends_by_way_of_who_watches_it),
        at_desk(full_disk_is_told_and_the_node_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
