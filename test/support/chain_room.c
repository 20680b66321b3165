/* The room of a chain test: see chain_room.h. */
#include "test/support/chain_room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/node/import.h"
#include "actors/node/mine.h"

#define BATCH_BLOCKS 32

int room_open(void **state)
{
    struct room *room = calloc(1, sizeof(*room));
    if (room == NULL)
        return -1;
    strcpy(room->folder, "/tmp/test_chain_XXXXXX");
    if (mkdtemp(room->folder) == NULL) {
        free(room);
        return -1;
    }
    snprintf(room->datadir, sizeof(room->datadir), "%s/node", room->folder);
    snprintf(room->file, sizeof(room->file), "%s/file", room->folder);
    *state = room;
    return 0;
}

static void remove_in(const char *folder, const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unlink(path);
}

void room_remove_chain(struct room *room)
{
    chain_close(room->chain);
    room->chain = NULL;
    static const char *const names[] = {"lock", "chain.sqlite", "chain.sqlite-wal",
                                        "chain.sqlite-shm"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        remove_in(room->datadir, names[i]);
    (void)rmdir(room->datadir);
}

int room_close(void **state)
{
    struct room *room = *state;
    room_remove_chain(room);
    remove_in(room->folder, "file");
    int rc = rmdir(room->folder);
    free(room);
    return rc;
}

void room_open_chain(struct room *room, enum btc_network network)
{
    if (chain_open(room->datadir, btc_params_get(network), &room->chain, &room->err) != 0)
        fail_msg("%s", room->err.text);
}

void room_reopen_chain(struct room *room, enum btc_network network)
{
    chain_close(room->chain);
    room->chain = NULL;
    room_open_chain(room, network);
}

void room_write_file(const struct room *room, const void *data, size_t size)
{
    FILE *file = fopen(room->file, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

int room_import(struct room *room, const char *path, size_t *ret_new)
{
    struct chain *chain = room->chain;
    struct btc_error *err = &room->err;
    struct import *import = NULL;
    struct import_item item;
    size_t added = 0;
    int rc = import_open(path, chain_params(chain), &import, err);
    if (rc != 0)
        return rc;
    int batch = 0;
    while (rc == 0 && (rc = import_next(import, &item, err)) == 0) {
        if (batch == 0)
            assert_int_equal(chain_batch_begin(chain, NULL), 0);
        if (item.kind == IMPORT_BLOCK) {
            struct chain_change change;
            rc = chain_add_block(chain, item.data, item.size, &change, err);
            added += rc == 0;
            rc = rc == BTC_EORPHAN ? import_put_off(import, &item, err)
                 : rc >= 0         ? import_arrived(import, &item, err)
                                   : rc;
        } else {
            size_t count = 0;
            rc = chain_add_headers(chain, item.data, item.size / BTC_HEADER_SIZE, &count, err);
            added += count;
        }
        batch = (batch + 1) % BATCH_BLOCKS;
        if (batch == 0)
            assert_int_equal(chain_batch_end(chain, NULL), 0);
    }
    if (batch != 0)
        assert_int_equal(chain_batch_end(chain, NULL), 0);
    struct import_progress progress;
    import_get_progress(import, &progress);
    if (rc == IMPORT_END)
        assert_true(progress.done_bytes == progress.total_bytes);
    import_close(import);
    if (ret_new != NULL)
        *ret_new = added;
    return rc == IMPORT_END ? 0 : rc;
}

struct chain_stats room_stats(const struct room *room)
{
    struct chain_stats stats;
    chain_get_stats(room->chain, &stats);
    return stats;
}

struct chain_entry room_tip(const struct room *room)
{
    struct chain_entry tip;
    chain_tip(room->chain, &tip);
    return tip;
}

int room_mine(struct room *room, struct btc_span script, const struct btc_tx *tx, int64_t fees,
              uint32_t extra)
{
    struct mine_request request = {
        .script = script, .txs = &tx, .tx_count = tx != NULL, .fees = fees, .extra_nonce = extra};
    struct chain_change change;
    uint8_t *raw;
    size_t size;
    if (mine_block(room->chain, &request, &raw, &size, &room->err) != 0)
        fail_msg("%s", room->err.text);
    int rc = chain_add_block(room->chain, raw, size, &change, &room->err);
    free(raw);
    if (rc == 0)
        assert_int_equal(change.fork.id, change.old_tip.id);
    return rc;
}

void room_mine_many(struct room *room, struct btc_span script, int count, uint32_t extra)
{
    assert_int_equal(chain_batch_begin(room->chain, &room->err), 0);
    for (int i = 0; i < count; i++)
        if (room_mine(room, script, NULL, 0, extra) != 0)
            fail_msg("%s", room->err.text);
    assert_int_equal(chain_batch_end(room->chain, &room->err), 0);
}

void room_copy_blocks(struct room *from, struct room *to, int32_t first, int32_t last, int expected)
{
    for (int32_t height = first; height <= last; height++) {
        struct chain_entry entry;
        struct chain_change change;
        uint8_t *raw;
        size_t size;
        assert_int_equal(chain_block_at(from->chain, height, &entry, &from->err), 0);
        assert_int_equal(chain_read_block(from->chain, &entry, &raw, &size, &from->err), 0);
        int rc = chain_add_block(to->chain, raw, size, &change, &to->err);
        if (rc != expected)
            fail_msg("block %d: %d, %s", height, rc, rc < 0 ? to->err.text : "");
        free(raw);
    }
}

void room_assert_same(struct room *a, struct room *b)
{
    struct chain_stats x = room_stats(a);
    struct chain_stats y = room_stats(b);
    assert_memory_equal(&x, &y, sizeof(x));
    struct chain_entry tip_a = room_tip(a);
    struct chain_entry tip_b = room_tip(b);
    assert_true(btc_hash_equal(&tip_a.hash, &tip_b.hash));
    for (int32_t height = 1; height <= x.height; height++) {
        struct chain_entry entry;
        uint8_t *raw;
        size_t size;
        struct btc_block block;
        assert_int_equal(chain_block_at(a->chain, height, &entry, &a->err), 0);
        assert_int_equal(chain_read_block(a->chain, &entry, &raw, &size, &a->err), 0);
        assert_int_equal(btc_block_parse(raw, size, &block, &a->err), 0);
        for (size_t i = 0; i < block.tx_count; i++) {
            struct btc_outpoint outpoint = {block.txs[i].txid, 0};
            struct chain_coins mine_coins;
            struct chain_coins other;
            assert_int_equal(chain_get_coins(a->chain, &outpoint, 1, &mine_coins, &a->err), 0);
            assert_int_equal(chain_get_coins(b->chain, &outpoint, 1, &other, &b->err), 0);
            assert_int_equal(mine_coins.coins[0].found, other.coins[0].found);
            assert_int_equal(mine_coins.coins[0].amount, other.coins[0].amount);
            assert_int_equal(mine_coins.coins[0].height, other.coins[0].height);
            assert_int_equal(mine_coins.coins[0].coinbase, other.coins[0].coinbase);
            assert_int_equal(mine_coins.coins[0].script.size, other.coins[0].script.size);
            chain_coins_free(&mine_coins);
            chain_coins_free(&other);
        }
        btc_block_free(&block);
        free(raw);
    }
}
