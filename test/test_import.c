/* Block files as Bitcoin Core leaves them: xored, in a folder, out of order, made in advance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/node/import.h"
#include "test/support/chain_room.h"
#include "test/support/craft.h"

#define BLOCKS 60
#define FILES  4
#define KEY    8

struct files {
    struct room *room;
    struct btc_writer blocks[BLOCKS]; /* from height 1 on */
    uint8_t key[KEY];
    struct btc_writer contents[FILES];
    char paths[FILES + 1][128]; /* the last is xor.dat */
};

static struct files *open_files(struct room *room)
{
    struct files *files = calloc(1, sizeof(*files));
    struct btc_header header = btc_params_get(BTC_REGTEST)->genesis;
    assert_non_null(files);
    files->room = room;
    for (int32_t i = 0; i < BLOCKS; i++) {
        struct craft craft = craft_after(&header, i);
        files->blocks[i] = craft_block(&craft, NULL);
        btc_header_parse(files->blocks[i].data, &header);
    }
    for (unsigned i = 0; i < FILES; i++) {
        btc_writer_init(&files->contents[i], 1u << 20);
        snprintf(files->paths[i], sizeof(files->paths[i]), "%s/blk%05u.dat", room->folder, 2 * i);
    }
    snprintf(files->paths[FILES], sizeof(files->paths[FILES]), "%s/xor.dat", room->folder);
    room_open_chain(room, BTC_REGTEST);
    return files;
}

static void close_files(struct files *files)
{
    for (size_t i = 0; i < BLOCKS; i++)
        btc_writer_free(&files->blocks[i]);
    for (size_t i = 0; i < FILES; i++)
        btc_writer_free(&files->contents[i]);
    for (size_t i = 0; i <= FILES; i++)
        (void)unlink(files->paths[i]);
    free(files);
}

/* A block behind what the file holds, xored by its place there. Height 0: genesis. */
static void put(struct files *files, size_t file, int32_t height)
{
    struct btc_writer *w = &files->contents[file];
    uint8_t genesis[BTC_GENESIS_SIZE];
    btc_genesis_block(btc_params_get(BTC_REGTEST), genesis);
    struct btc_span block = height == 0 ? (struct btc_span){genesis, sizeof(genesis)}
                                        : (struct btc_span){files->blocks[height - 1].data,
                                                            files->blocks[height - 1].size};
    size_t begin = w->size;
    btc_write_bytes(w, btc_params_get(BTC_REGTEST)->magic, 4);
    btc_write_u32(w, (uint32_t)block.size);
    btc_write_bytes(w, block.data, block.size);
    assert_int_equal(w->failed, 0);
    for (size_t i = begin; i < w->size; i++)
        w->data[i] ^= files->key[i % KEY];
}

/* Room that was made in advance: zeros, xored or not. */
static void put_zeros(struct files *files, size_t file, size_t count)
{
    for (size_t i = 0; i < count; i++)
        btc_write_bytes(&files->contents[file], "", 1);
}

static void write_to(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (size > 0)
        assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_files(struct files *files, size_t count, bool with_key)
{
    for (size_t i = 0; i < count; i++)
        write_to(files->paths[i], files->contents[i].data, files->contents[i].size);
    if (with_key)
        write_to(files->paths[FILES], files->key, KEY);
}

static void assert_whole(struct files *files)
{
    struct chain_stats stats = room_stats(files->room);
    assert_int_equal(stats.height, BLOCKS);
    assert_int_equal(stats.header_height, BLOCKS);
    assert_int_equal(stats.coin_amount, BLOCKS * 50 * BTC_COIN);
}

static void import_whole(struct files *files, const char *path)
{
    if (room_import(files->room, path, NULL) != 0)
        fail_msg("%s", files->room->err.text);
    assert_whole(files);
}

/* By their place in a random order that is always the same. */
static void shuffle(int32_t heights[BLOCKS])
{
    uint32_t seed = 5;
    for (int32_t i = 0; i < BLOCKS; i++)
        heights[i] = i + 1;
    for (int32_t i = BLOCKS - 1; i > 0; i--) {
        seed = seed * 1664525u + 1013904223u;
        int32_t other = (int32_t)(seed >> 8) % (i + 1);
        int32_t height = heights[i];
        heights[i] = heights[other];
        heights[other] = height;
    }
}

static void blocks_in_any_order_across_xored_files(void **state)
{
    static const uint8_t key[KEY] = {0x5a, 1, 0xff, 0, 7, 0x80, 3, 0x99};
    struct files *files = open_files(*state);
    int32_t heights[BLOCKS];
    shuffle(heights);
    memcpy(files->key, key, sizeof(key));
    put(files, 0, 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        put(files, i % 3, heights[i]);
        if (i % 7 == 0)
            put_zeros(files, i % 3, i * 5);
    }
    put_zeros(files, 2, 100000);
    write_files(files, FILES, true); /* the last one is empty */
    import_whole(files, files->room->folder);
    import_whole(files, files->room->folder); /* nothing new */
    close_files(files);
}

static void blocks_in_reverse_order(void **state)
{
    struct files *files = open_files(*state);
    for (int32_t height = BLOCKS; height >= 0; height--)
        put(files, 0, height);
    write_files(files, 1, false);
    import_whole(files, files->paths[0]);
    close_files(files);
}

/* With headers known the blocks before their parents are stored at once, and nothing is put off. */
static void blocks_whose_headers_are_known(void **state)
{
    struct files *files = open_files(*state);
    size_t added;
    for (int32_t height = BLOCKS; height > 0; height--)
        put(files, 0, height);
    for (size_t i = 0; i < BLOCKS; i++)
        assert_int_equal(chain_add_headers(files->room->chain, files->blocks[i].data, 1, &added,
                                           &files->room->err),
                         0);
    write_files(files, 1, false);
    import_whole(files, files->paths[0]);
    close_files(files);
}

/* A key that turns the magic's first bytes into zeros, behind zeros that were made in advance. */
static void frame_that_looks_like_zeros(void **state)
{
    for (size_t zeros = 1; zeros <= 3; zeros++) {
        struct room *room = *state;
        struct files *files = open_files(room);
        for (size_t i = 0; i < KEY; i++)
            files->key[i] = i < zeros ? btc_params_get(BTC_REGTEST)->magic[i] : 0x77;
        put(files, 0, 0);
        put_zeros(files, 0, (2 * KEY - files->contents[0].size % KEY) % KEY + KEY);
        assert_int_equal(files->contents[0].size % KEY, 0);
        for (int32_t height = 1; height <= BLOCKS; height++)
            put(files, 0, height);
        put_zeros(files, 0, 3 * zeros);
        write_files(files, 1, true);
        import_whole(files, files->paths[0]);
        close_files(files);
        room_remove_chain(room);
    }
}

static void key_shows_through_genesis_or_is_asked_for(void **state)
{
    static const uint8_t key[KEY] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct files *files = open_files(*state);
    struct room *room = files->room;
    memcpy(files->key, key, sizeof(key));
    for (int32_t height = 0; height <= BLOCKS; height++)
        put(files, height <= BLOCKS / 2 ? 0 : 1, height);
    write_files(files, 2, false);
    assert_int_equal(room_import(room, files->paths[1], NULL), BTC_EFORMAT);
    assert_non_null(strstr(room->err.text, "needs the xor.dat that lay beside it"));
    assert_int_equal(room_import(room, files->paths[0], NULL), 0);
    assert_int_equal(room_stats(room).height, BLOCKS / 2);
    import_whole(files, room->folder); /* the first file's key does for the second */
    write_files(files, 2, true);
    import_whole(files, files->paths[1]);
    write_to(files->paths[FILES], key, KEY - 1);
    assert_int_equal(room_import(room, files->paths[1], NULL), BTC_EFORMAT);
    assert_non_null(strstr(room->err.text, "xor.dat is no key for blk*.dat: these have 8 bytes"));
    memset(files->key, 0, KEY); /* a key of zeros is none, and an old file may lie beside a key */
    files->contents[2].size = 0;
    put(files, 2, 1);
    write_files(files, 3, true);
    assert_int_equal(room_import(room, files->paths[2], NULL), 0);
    write_to(files->paths[FILES], key, KEY);
    assert_int_equal(room_import(room, files->paths[2], NULL), 0);
    close_files(files);
}

static void missing_parent_is_named_when_all_was_read(void **state)
{
    struct files *files = open_files(*state);
    struct room *room = files->room;
    for (int32_t height = 1; height <= BLOCKS; height++)
        if (height != 20)
            put(files, height % 2 == 0 ? 0 : 1, height);
    write_files(files, 2, false);
    assert_int_equal(room_import(room, room->folder, NULL), BTC_EORPHAN);
    assert_non_null(strstr(room->err.text, ": 40 blocks were not taken: the first, at offset "));
    assert_non_null(strstr(room->err.text, " of its file 1, builds on "));
    assert_int_equal(room_stats(room).height, 19);
    put(files, 2, 20);
    write_files(files, 3, false);
    import_whole(files, room->folder);
    close_files(files);
}

/* Two branches in one file: the shorter first, its blocks between those of the other. */
static void branches_in_one_file(void **state)
{
    struct files *files = open_files(*state);
    struct btc_header header;
    struct btc_writer own[BLOCKS];
    btc_header_parse(files->blocks[29].data, &header);
    for (int32_t i = 0; i < 20; i++) {
        struct craft craft = craft_after(&header, 30 + i);
        craft.salt = 9;
        own[i] = craft_block(&craft, NULL);
        btc_header_parse(own[i].data, &header);
    }
    for (int32_t height = 1; height <= BLOCKS; height++) {
        if (height > 30 && height <= 50) {
            struct btc_writer swapped = files->blocks[height - 1];
            files->blocks[height - 1] = own[height - 31];
            put(files, 0, height);
            files->blocks[height - 1] = swapped;
        }
        put(files, 0, height);
    }
    write_files(files, 1, false);
    import_whole(files, files->paths[0]);
    for (int32_t i = 0; i < 20; i++)
        btc_writer_free(&own[i]);
    close_files(files);
}

/* Places only: a place is some 56 bytes, whatever its block has. */
static void blocks_that_wait_are_bounded(void **state)
{
    struct files *files = open_files(*state);
    struct import *import;
    struct import_item item;
    struct btc_error err;
    put(files, 0, 2);
    write_files(files, 1, false);
    assert_int_equal(import_open(files->paths[0], btc_params_get(BTC_REGTEST), &import, &err), 0);
    assert_int_equal(import_next(import, &item, &err), 0);
    for (size_t i = 0; i < IMPORT_WAITING_MAX; i++)
        assert_int_equal(import_put_off(import, &item, &err), 0);
    assert_int_equal(import_put_off(import, &item, &err), BTC_ELIMIT);
    assert_non_null(strstr(err.text, "import the headers first"));
    import_close(import);
    close_files(files);
}

#define in_room(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_room(blocks_in_any_order_across_xored_files),
        in_room(blocks_in_reverse_order),
        in_room(blocks_whose_headers_are_known),
        in_room(frame_that_looks_like_zeros),
        in_room(key_shows_through_genesis_or_is_asked_for),
        in_room(missing_parent_is_named_when_all_was_read),
        in_room(branches_in_one_file),
        in_room(blocks_that_wait_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
