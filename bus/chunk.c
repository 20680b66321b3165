/* chunk.c - see chunk.h. Called on any thread. */
#include "bus/chunk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bus/troupe_limits.h"

struct ti_store {
    pthread_mutex_t lock;
    size_t holders; /* the runtime, and each piece that is in use */
    size_t count;
    struct troupe_chunk *first;
};

struct ti_store *ti_store_new(void)
{
    struct ti_store *store = calloc(1, sizeof *store);
    if (store != NULL) {
        pthread_mutex_init(&store->lock, NULL);
        store->holders = 1;
    }
    return store;
}

/* Keeps `piece`, if there is one and room for it. */
static void release(struct ti_store *store, struct troupe_chunk *piece)
{
    pthread_mutex_lock(&store->lock);
    if (piece != NULL && store->count < TROUPE_CHUNKS_KEPT) {
        piece->next = store->first;
        store->first = piece;
        store->count++;
        piece = NULL;
    }
    bool last = --store->holders == 0;
    pthread_mutex_unlock(&store->lock);
    free(piece);
    if (last) {
        while (store->first != NULL) {
            struct troupe_chunk *next = store->first->next;
            free(store->first);
            store->first = next;
        }
        pthread_mutex_destroy(&store->lock);
        free(store);
    }
}

void ti_store_release(struct ti_store *store)
{
    if (store != NULL) {
        release(store, NULL);
    }
}

static struct troupe_chunk *take_kept(struct ti_store *store)
{
    pthread_mutex_lock(&store->lock);
    struct troupe_chunk *piece = store->first;
    if (piece != NULL) {
        store->first = piece->next;
        store->count--;
    }
    store->holders++;
    pthread_mutex_unlock(&store->lock);
    return piece;
}

struct troupe_chunk *ti_chunk_new(struct ti_store *store, size_t size)
{
    struct ti_store *home = size == TROUPE_CHUNK_BYTES_MAX ? store : NULL;
    struct troupe_chunk *piece = home != NULL ? take_kept(home) : NULL;
    if (piece == NULL) {
        piece = malloc(sizeof *piece + size + 2 * (size_t)TI_CHUNK_MARGIN_BYTES);
    }
    if (piece == NULL) {
        ti_store_release(home);
        return NULL;
    }
    *piece = (struct troupe_chunk){.home = home,
                                   .data = piece->room + TI_CHUNK_MARGIN_BYTES,
                                   .size = size,
                                   .room_bytes = size + 2 * (size_t)TI_CHUNK_MARGIN_BYTES};
    return piece;
}

void ti_chunks_free(struct troupe_chunk *chunks, bool wipe)
{
    while (chunks != NULL) {
        struct troupe_chunk *next = chunks->next;
        if (wipe) {
            explicit_bzero(chunks->data, chunks->size);
        }
        if (chunks->home != NULL) {
            release(chunks->home, chunks);
        } else {
            free(chunks);
        }
        chunks = next;
    }
}
