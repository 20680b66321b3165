/*
 * A folder and a chain for each test of the node's chain engine, and the steps that these tests
 * share. Steps that must work stop the test when they do not.
 */
#ifndef TEST_SUPPORT_CHAIN_ROOM_H
#define TEST_SUPPORT_CHAIN_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "actors/node/chain.h"

struct room {
    char folder[64];
    char datadir[96];
    char file[96]; /* for a test's own file */
    struct chain *chain;
    struct btc_error err;
};

/* For cmocka's setup and teardown: *state is a struct room; its folder and chain go with it. */
int room_open(void **state);
int room_close(void **state);

/* Open the room's chain; close it first and open it again; remove what it stored. */
void room_open_chain(struct room *room, enum btc_network network);
void room_reopen_chain(struct room *room, enum btc_network network);
void room_remove_chain(struct room *room);

/* Make room->file of these bytes. */
void room_write_file(const struct room *room, const void *data, size_t size);

/* Import a file as the node actor does, blocks in batches. Gives the first error, or 0 and how many
 * were new (ret_new may be NULL). */
int room_import(struct room *room, const char *path, size_t *ret_new);

struct chain_stats room_stats(const struct room *room);
struct chain_entry room_tip(const struct room *room);

/* Mine a block on the tip, with one transaction or none, and add it. Gives chain_add_block()'s
 * outcome. */
int room_mine(struct room *room, struct btc_span script, const struct btc_tx *tx, int64_t fees,
              uint32_t extra);

/* Mine `count` empty blocks in one batch. */
void room_mine_many(struct room *room, struct btc_span script, int count, uint32_t extra);

/* Hand the connected blocks `first` to `last` of one chain to another, with this outcome each. */
void room_copy_blocks(struct room *from, struct room *to, int32_t first, int32_t last,
                      int expected);

/* Both have the same blocks connected, the same totals and the same coins. */
void room_assert_same(struct room *a, struct room *b);

#endif
