/* arena.c - see arena.h.
 *
 * A list of blocks, the newest first and the only one that is filled. Blocks come zeroed from
 * calloc and are never used twice, so what is handed out needs no clearing. What is left of a block
 * when a larger piece is wanted is lost until the arena goes: at worst half of the total. */
#include "bus/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bus/troupe_limits.h"

#define ALIGN_BYTES 16
#define BLOCK_BYTES 4080 /* of data in an ordinary block */

struct arena_block {
    struct arena_block *next;
    size_t size; /* of `data` */
    size_t used;
    alignas(ALIGN_BYTES) uint8_t data[];
};

static struct arena_block *block_add(struct troupe_arena *arena, size_t size)
{
    size_t room = TROUPE_ARENA_BYTES_MAX - arena->used;
    if (size > room)
        return NULL;
    if (size < BLOCK_BYTES)
        size = room < BLOCK_BYTES ? room : BLOCK_BYTES;
    struct arena_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->next = arena->first;
    arena->first = block;
    arena->used += size;
    return block;
}

void *ti_arena_alloc(struct troupe_arena *arena, size_t size)
{
    if (size == 0)
        size = 1;
    if (size > TROUPE_ARENA_BYTES_MAX)
        return NULL;
    size = (size + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    struct arena_block *block = arena->first;
    if (!block || size > block->size - block->used)
        block = block_add(arena, size);
    if (!block)
        return NULL;
    void *data = block->data + block->used;
    block->used += size;
    return data;
}

void ti_arena_wipe(struct troupe_arena *arena)
{
    for (struct arena_block *block = arena->first; block; block = block->next)
        explicit_bzero(block->data, block->used);
}

void ti_arena_free(struct troupe_arena *arena)
{
    struct arena_block *block = arena->first;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (struct troupe_arena){0};
}
