/* chunk.c - see chunk.h. Called on any thread. */
#include "bus/chunk.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bus/troupe_limits.h"

struct ti_pieces {
    pthread_mutex_t lock;
    size_t holders; /* the runtime, and each piece that is in use */
    size_t count;
    struct troupe_chunk *first;
};

struct ti_pieces *ti_pieces_new(void)
{
    struct ti_pieces *pieces = calloc(1, sizeof *pieces);
    if (pieces != NULL) {
        pthread_mutex_init(&pieces->lock, NULL);
        pieces->holders = 1;
    }
    return pieces;
}

/* Keeps `piece`, if there is one and room for it. */
static void release(struct ti_pieces *pieces, struct troupe_chunk *piece)
{
    pthread_mutex_lock(&pieces->lock);
    if (piece != NULL && pieces->count < TROUPE_CHUNKS_KEPT) {
        piece->next = pieces->first;
        pieces->first = piece;
        pieces->count++;
        piece = NULL;
    }
    bool last = --pieces->holders == 0;
    pthread_mutex_unlock(&pieces->lock);
    free(piece);
    if (last) {
        while (pieces->first != NULL) {
            struct troupe_chunk *next = pieces->first->next;
            free(pieces->first);
            pieces->first = next;
        }
        pthread_mutex_destroy(&pieces->lock);
        free(pieces);
    }
}

void ti_pieces_release(struct ti_pieces *pieces)
{
    if (pieces != NULL) {
        release(pieces, NULL);
    }
}

static struct troupe_chunk *take_kept(struct ti_pieces *pieces)
{
    pthread_mutex_lock(&pieces->lock);
    struct troupe_chunk *piece = pieces->first;
    if (piece != NULL) {
        pieces->first = piece->next;
        pieces->count--;
    }
    pieces->holders++;
    pthread_mutex_unlock(&pieces->lock);
    return piece;
}

struct troupe_chunk *ti_chunk_new(struct ti_pieces *pieces, size_t size)
{
    size_t cost = sizeof(struct troupe_chunk) + size + 2 * (size_t)TI_CHUNK_MARGIN_BYTES;
    struct ti_pieces *home = size == TROUPE_CHUNK_BYTES_MAX ? pieces : NULL;
    struct troupe_chunk *piece = home != NULL ? take_kept(home) : NULL;
    if (piece == NULL) {
        piece = malloc(cost);
    }
    if (piece == NULL) {
        ti_pieces_release(home);
        return NULL;
    }
    *piece = (struct troupe_chunk){
        .home = home, .data = piece->room + TI_CHUNK_MARGIN_BYTES, .size = size, .cost = cost};
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
