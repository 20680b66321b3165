/* Which branch is the chain: BIP54's tree of headers, branches of equal work, bad blocks within. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/chain.h"
#include "test/support/chain_room.h"
#include "test/support/craft.h"
#include "test/support/vectors.h"

/* ---- BIP54's vectors: a tree of 14 branches over two changes of difficulty ---- */

#define HEADERS       4049 /* in the file */
#define HEADERS_ONCE  4040 /* different ones: some branches repeat what another begins with */
#define BRANCHES      14
#define VERDICTS      9 /* branches whose last header BIP54 allows or refuses */
#define REFUSALS      2
#define GRACE_S       7200 /* BIP54 */
#define BITS_AT_FIRST 0x1d00ffffu

struct node {
    uint8_t bytes[BTC_HEADER_SIZE];
    struct btc_hash hash;
    int32_t height;
    uint64_t work; /* of the chain up to it, in units of a block of the least difficulty */
    size_t branch;
};

struct tree {
    struct node nodes[HEADERS]; /* in the file's order: parents first */
    size_t count;
    int verdicts[BRANCHES]; /* of a branch's last header: 1 valid, 0 not, -1 none given */
    size_t last[BRANCHES];  /* its node */
    size_t branches;
};

static const struct node *find_node(const struct tree *tree, const struct btc_hash *hash)
{
    for (size_t i = tree->count; i-- > 0;)
        if (btc_hash_equal(&tree->nodes[i].hash, hash))
            return &tree->nodes[i];
    return NULL;
}

static void add_node(struct tree *tree, const uint8_t bytes[BTC_HEADER_SIZE])
{
    struct node node = {.branch = tree->branches - 1};
    struct btc_header header;
    memcpy(node.bytes, bytes, sizeof(node.bytes));
    btc_header_parse(bytes, &header);
    assert_int_equal(btc_header_hash(&header, &node.hash), 0);
    const struct node *prev = find_node(tree, &header.prev);
    assert_true(prev != NULL || tree->count == 0);
    node.height = prev != NULL ? prev->height + 1 : 0;
    node.work = (prev != NULL ? prev->work : 0) + (header.bits == BITS_AT_FIRST ? 1 : 4);
    assert_true(tree->count < HEADERS);
    tree->last[node.branch] = tree->count;
    tree->nodes[tree->count++] = node;
}

/* NULL, with the reason printed, without the shared data. */
static struct tree *read_tree(void)
{
    size_t size;
    char *file = vectors_load("bips/bip-0054_test_vectors_timestamps.json", &size);
    if (file == NULL)
        return NULL;
    struct tree *tree = calloc(1, sizeof(*tree));
    assert_non_null(tree);
    char *at = file;
    for (char *word; (word = vectors_next_string(&at)) != NULL;) {
        uint8_t bytes[BTC_HEADER_SIZE];
        if (strcmp(word, "block_headers") == 0) {
            assert_true(tree->branches < BRANCHES);
            tree->verdicts[tree->branches++] = -1;
        } else if (strcmp(word, "valid") == 0) {
            tree->verdicts[tree->branches - 1] = strncmp(at, ": true", 6) == 0;
        } else if (btc_hex_decode(word, sizeof(bytes), bytes) == 0) {
            add_node(tree, bytes);
        }
    }
    free(file);
    assert_int_equal(tree->count, HEADERS);
    assert_int_equal(tree->branches, BRANCHES);
    return tree;
}

/* Hand all over in this order; after each one the best is the first that had the most work. */
static void add_all(struct room *room, const struct node *const *order, size_t count)
{
    const struct node *best = NULL;
    size_t added_count = 0;
    assert_int_equal(chain_batch_begin(room->chain, &room->err), 0);
    for (size_t i = 0; i < count; i++) {
        struct chain_entry tip;
        size_t added;
        if (chain_add_headers(room->chain, order[i]->bytes, 1, &added, &room->err) != 0)
            fail_msg("%s", room->err.text);
        added_count += added;
        best = best == NULL || order[i]->work > best->work ? order[i] : best;
        chain_header_tip(room->chain, &tip);
        assert_true(btc_hash_equal(&tip.hash, &best->hash));
        assert_int_equal(tip.height, best->height);
    }
    assert_int_equal(chain_batch_end(room->chain, &room->err), 0);
    assert_int_equal(added_count, HEADERS_ONCE - 1); /* genesis was there */
}

/* BIP54's rule is nobody's yet: it is asked here of what the chain knows of periods and heights. */
static bool bip54_allows(struct room *room, const struct node *node)
{
    struct chain_entry entry;
    struct chain_entry prev;
    assert_int_equal(chain_find(room->chain, &node->hash, &entry, &room->err), 0);
    assert_int_equal(chain_find(room->chain, &entry.header.prev, &prev, &room->err), 0);
    assert_int_equal(entry.height, node->height);
    int32_t interval = chain_params(room->chain)->retarget_interval;
    int32_t place = entry.height % interval;
    return (place != 0 || entry.header.time_s >= prev.header.time_s - GRACE_S) &&
           (place != interval - 1 || entry.header.time_s >= entry.period_time_s);
}

static void tree_of_bip54_has_its_most_work_at_each_step(void **state)
{
    static const struct node *order[HEADERS];
    struct room *room = *state;
    struct tree *tree = read_tree();
    size_t verdicts = 0;
    size_t refusals = 0;
    if (tree == NULL)
        skip();
    for (size_t i = 0; i < HEADERS; i++)
        order[i] = &tree->nodes[i];
    room_open_chain(room, BTC_MAIN);
    add_all(room, order, HEADERS);
    for (size_t i = 0; i < BRANCHES; i++) {
        if (tree->verdicts[i] < 0)
            continue;
        verdicts++;
        refusals += tree->verdicts[i] == 0;
        assert_int_equal(bip54_allows(room, &tree->nodes[tree->last[i]]), tree->verdicts[i]);
    }
    assert_int_equal(verdicts, VERDICTS);
    assert_int_equal(refusals, REFUSALS);
    print_message("%d headers in %d branches; BIP54 would refuse %zu, the network does not\n",
                  HEADERS, BRANCHES, refusals);
    free(tree);
}

/* By height, and at one height the last branch first. */
static int by_height(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    if (x->height != y->height)
        return x->height < y->height ? -1 : 1;
    return x->branch == y->branch ? 0 : x->branch > y->branch ? -1 : 1;
}

static void tree_of_bip54_side_by_side(void **state)
{
    static const struct node *order[HEADERS];
    struct room *room = *state;
    struct tree *tree = read_tree();
    if (tree == NULL)
        skip();
    for (size_t i = 0; i < HEADERS; i++)
        order[i] = &tree->nodes[i];
    qsort(order, HEADERS, sizeof(void *), by_height);
    room_open_chain(room, BTC_MAIN);
    add_all(room, order, HEADERS);
    free(tree);
}

/* ---- blocks ---- */

#define BRANCH_MAX 8

/* A branch of crafted blocks from height 1 on. */
struct branch {
    struct btc_writer blocks[BRANCH_MAX];
    struct btc_hash hashes[BRANCH_MAX];
    size_t count;
};

/* `bad`: the height of the one that claims too much, or 0. */
static void make_branch(struct branch *branch, size_t count, uint32_t salt, int32_t bad)
{
    struct btc_header header = btc_params_get(BTC_REGTEST)->genesis;
    *branch = (struct branch){.count = count};
    for (size_t i = 0; i < count; i++) {
        struct craft craft = craft_after(&header, (int32_t)i);
        craft.salt = salt;
        craft.claim = craft.height == bad ? 50 * BTC_COIN + 1 : 0;
        branch->blocks[i] = craft_block(&craft, &branch->hashes[i]);
        btc_header_parse(branch->blocks[i].data, &header);
    }
}

static void free_branch(struct branch *branch)
{
    for (size_t i = 0; i < branch->count; i++)
        btc_writer_free(&branch->blocks[i]);
}

static int add(struct room *room, const struct branch *branch, int32_t height)
{
    struct chain_change change;
    const struct btc_writer *block = &branch->blocks[height - 1];
    return chain_add_block(room->chain, block->data, block->size, &change, &room->err);
}

static void add_header(struct room *room, const struct branch *branch, int32_t height)
{
    size_t added;
    assert_int_equal(
        chain_add_headers(room->chain, branch->blocks[height - 1].data, 1, &added, &room->err), 0);
}

static void assert_tip(struct room *room, const struct branch *branch, int32_t height)
{
    struct chain_entry tip = room_tip(room);
    assert_int_equal(tip.height, height);
    assert_true(btc_hash_equal(&tip.hash, &branch->hashes[height - 1]));
    struct chain_stats stats = room_stats(room);
    assert_int_equal(stats.coin_count, height);
    assert_int_equal(stats.coin_amount, height * 50 * BTC_COIN);
}

static void first_of_equal_branches_wins_until_one_has_more(void **state)
{
    struct room *room = *state;
    struct branch branches[3];
    room_open_chain(room, BTC_REGTEST);
    for (uint32_t i = 0; i < 3; i++)
        make_branch(&branches[i], 4, i + 1, 0);
    for (int32_t height = 1; height <= 3; height++)
        assert_int_equal(add(room, &branches[1], height), 0);
    for (int32_t height = 1; height <= 3; height++) {
        assert_int_equal(add(room, &branches[0], height), CHAIN_SIDE);
        assert_int_equal(add(room, &branches[2], height), CHAIN_SIDE);
    }
    assert_tip(room, &branches[1], 3);
    room_reopen_chain(room, BTC_REGTEST);
    assert_tip(room, &branches[1], 3);
    assert_int_equal(add(room, &branches[2], 4), 0);
    assert_tip(room, &branches[2], 4);
    assert_int_equal(add(room, &branches[0], 4), CHAIN_SIDE);
    assert_int_equal(add(room, &branches[1], 4), CHAIN_SIDE);
    assert_tip(room, &branches[2], 4);
    for (size_t i = 0; i < 3; i++)
        free_branch(&branches[i]);
}

/* The bad one comes, and then what is missing before it: that one is not to blame. */
static void block_before_a_bad_one_is_taken(void **state)
{
    struct room *room = *state;
    struct branch own;
    struct branch better;
    struct chain_entry entry;
    room_open_chain(room, BTC_REGTEST);
    make_branch(&own, 2, 1, 0);
    make_branch(&better, 7, 2, 5);
    assert_int_equal(add(room, &own, 1), 0);
    assert_int_equal(add(room, &own, 2), 0);
    for (int32_t height = 1; height <= 7; height++)
        add_header(room, &better, height);
    assert_int_equal(room_stats(room).header_height, 7);
    for (int32_t height = 7; height > 1; height--)
        assert_int_equal(add(room, &better, height), CHAIN_SIDE);
    assert_tip(room, &own, 2);
    assert_int_equal(add(room, &better, 1), 0);
    assert_tip(room, &better, 4);
    assert_int_equal(room_stats(room).header_height, 4);
    for (int32_t height = 5; height <= 7; height++) {
        assert_int_equal(chain_find(room->chain, &better.hashes[height - 1], &entry, &room->err),
                         0);
        assert_true(entry.failed);
    }
    assert_int_equal(add(room, &better, 7), CHAIN_KNOWN);
    room_reopen_chain(room, BTC_REGTEST);
    assert_tip(room, &better, 4);
    free_branch(&own);
    free_branch(&better);
}

/* The one that makes it the better branch comes behind the bad one: all of it was in vain. */
static void bad_block_in_the_middle_of_a_better_branch_changes_nothing(void **state)
{
    struct room *room = *state;
    struct branch own;
    struct branch better;
    struct branch third;
    room_open_chain(room, BTC_REGTEST);
    make_branch(&own, 3, 1, 0);
    make_branch(&better, 6, 2, 2);
    make_branch(&third, 4, 3, 0);
    for (int32_t height = 1; height <= 3; height++)
        assert_int_equal(add(room, &own, height), 0);
    for (int32_t height = 1; height <= 3; height++)
        assert_int_equal(add(room, &better, height), CHAIN_SIDE);
    struct chain_stats before = room_stats(room);
    assert_int_equal(add(room, &better, 4), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "block 2 ("));
    assert_non_null(strstr(room->err.text, "claims 5000000001 satoshi"));
    struct chain_stats after = room_stats(room);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_tip(room, &own, 3);
    assert_int_equal(add(room, &better, 4), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "it was refused before"));
    assert_int_equal(add(room, &better, 5), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "it builds on a block that was refused"));
    for (int32_t height = 1; height <= 3; height++)
        assert_int_equal(add(room, &third, height), CHAIN_SIDE);
    assert_int_equal(add(room, &third, 4), 0);
    assert_tip(room, &third, 4);
    free_branch(&own);
    free_branch(&better);
    free_branch(&third);
}

/* ---- branches that a person is asked about ---- */

static void count_held(void *user)
{
    ++*(int *)user;
}

static int follow(struct room *room, const struct btc_hash *hash)
{
    struct chain_change change;
    int rc = chain_follow(room->chain, hash, &change, &room->err);
    if (rc == 0)
        assert_true(room_tip(room).id == change.new_tip.id);
    return rc;
}

static void deep_branch_is_held_until_it_is_followed(void **state)
{
    struct room *room = *state;
    struct branch own;
    struct branch better;
    struct chain_entry leaf;
    struct chain_entry fork;
    int held = 0;
    room_open_chain(room, BTC_REGTEST);
    make_branch(&own, 4, 1, 0);
    make_branch(&better, 8, 2, 0);
    chain_set_hold(room->chain, 3, count_held, &held);
    for (int32_t height = 1; height <= 4; height++) {
        assert_int_equal(add(room, &own, height), 0);
        assert_int_equal(add(room, &better, height), CHAIN_SIDE);
    }
    assert_int_equal(chain_get_held(room->chain, &leaf, &fork), CHAIN_ABSENT);
    assert_int_equal(follow(room, &better.hashes[3]), CHAIN_KNOWN);
    assert_int_equal(add(room, &better, 5), CHAIN_SIDE);
    assert_int_equal(held, 1);
    assert_int_equal(chain_get_held(room->chain, &leaf, &fork), 0);
    assert_true(btc_hash_equal(&leaf.hash, &better.hashes[4]));
    assert_int_equal(fork.height, 0);
    assert_tip(room, &own, 4);
    chain_forget_held(room->chain); /* declined: it stays aside until there is more */
    assert_int_equal(chain_get_held(room->chain, &leaf, &fork), CHAIN_ABSENT);
    assert_int_equal(add(room, &better, 5), CHAIN_KNOWN);
    assert_int_equal(held, 1);
    assert_int_equal(add(room, &better, 6), CHAIN_SIDE);
    assert_int_equal(held, 2);
    assert_int_equal(follow(room, &own.hashes[0]), CHAIN_KNOWN);
    assert_int_equal(follow(room, &better.hashes[7]), CHAIN_ABSENT);
    assert_int_equal(follow(room, &better.hashes[0]), 0); /* with all that is stored on it */
    assert_tip(room, &better, 6);
    chain_set_hold(room->chain, 0, NULL, NULL);
    free_branch(&own);
    make_branch(&own, 8, 1, 0);
    for (int32_t height = 5; height <= 7; height++)
        assert_int_equal(add(room, &own, height), height == 7 ? 0 : CHAIN_SIDE);
    assert_tip(room, &own, 7);
    free_branch(&own);
    free_branch(&better);
}

static void held_branch_that_breaks_a_rule_is_not_followed(void **state)
{
    struct room *room = *state;
    struct branch own;
    struct branch better;
    struct chain_entry entry;
    room_open_chain(room, BTC_REGTEST);
    make_branch(&own, 3, 1, 0);
    make_branch(&better, 6, 2, 5);
    chain_set_hold(room->chain, 1, NULL, NULL);
    for (int32_t height = 1; height <= 3; height++)
        assert_int_equal(add(room, &own, height), 0);
    for (int32_t height = 1; height <= 6; height++)
        assert_int_equal(add(room, &better, height), CHAIN_SIDE);
    struct chain_stats before = room_stats(room);
    assert_int_equal(before.header_height, 6);
    assert_int_equal(follow(room, &better.hashes[5]), BTC_EINVALID);
    assert_non_null(strstr(room->err.text, "block 5 ("));
    assert_tip(room, &own, 3);
    assert_int_equal(chain_find(room->chain, &better.hashes[5], &entry, &room->err), 0);
    assert_true(entry.failed);
    assert_int_equal(follow(room, &better.hashes[3]), 0); /* up to the bad one it is fine */
    assert_tip(room, &better, 4);
    assert_int_equal(room_stats(room).header_height, 4);
    free_branch(&own);
    free_branch(&better);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(tree_of_bip54_has_its_most_work_at_each_step),
        in_room(tree_of_bip54_side_by_side),
        in_room(first_of_equal_branches_wins_until_one_has_more),
        in_room(block_before_a_bad_one_is_taken),
        in_room(bad_block_in_the_middle_of_a_better_branch_changes_nothing),
        in_room(deep_branch_is_held_until_it_is_followed),
        in_room(held_branch_that_breaks_a_rule_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
