/* arena.h - memory for the arrays that are decoded from one message.
 *
 * A message owns one arena. The reader takes zeroed memory from it while arguments are decoded, and
 * all of it goes at once when the message goes. Used by whoever holds the message, one thread at a
 * time; an arena has no lock. A zero-initialised arena is empty and owns nothing, so a message
 * without arrays never allocates here. */
#ifndef TROUPE_ARENA_H
#define TROUPE_ARENA_H

#include <stddef.h>

struct arena_block;
struct troupe_arena {
    struct arena_block *first; /* the one that is being filled; older ones follow */
    size_t used;               /* bytes in all blocks; at most TROUPE_ARENA_BYTES_MAX */
};

/* Zeroed memory, aligned to 16, valid until the arena is freed. NULL when it would exceed
 * TROUPE_ARENA_BYTES_MAX or there is none. */
void *ti_arena_alloc(struct troupe_arena *arena, size_t size);

/* Overwrites what was handed out, for messages that carried a secret. */
void ti_arena_wipe(struct troupe_arena *arena);

/* Frees everything; the arena is empty then and can be used again. */
void ti_arena_free(struct troupe_arena *arena);

#endif
