/* Places of blocks that wait for their parents: see import_impl.h. Chains by the parent's hash, in
 * one array that grows as needed; what was taken is used again. */
#include "actors/node/import_impl.h"

#include <stdlib.h>

void import_waiting_free(struct import_waiting *waiting)
{
    free(waiting->places);
    waiting->places = NULL;
}

/* Hashes of blocks end in zeros, but who writes a file chooses what it says: the chains may be as
 * long as there are places. */
static uint32_t *chain_of(struct import_waiting *waiting, const struct btc_hash *prev)
{
    return &waiting->chains[(prev->bytes[0] | (unsigned)prev->bytes[1] << 8) & (IMPORT_CHAINS - 1)];
}

static int grow(struct import_waiting *waiting, struct btc_error *err)
{
    uint32_t capacity = waiting->capacity == 0 ? 64 : waiting->capacity * 2;
    if (waiting->capacity >= IMPORT_WAITING_MAX)
        return btc_fail(err, BTC_ELIMIT,
                        "more than %d blocks wait for blocks before them; import the headers first",
                        IMPORT_WAITING_MAX);
    struct import_place *places = realloc(waiting->places, capacity * sizeof(*places));
    if (places == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for %u places of blocks", capacity);
    waiting->places = places;
    waiting->capacity = capacity;
    return 0;
}

int import_waiting_add(struct import_waiting *waiting, const struct import_place *place,
                       struct btc_error *err)
{
    uint32_t at = waiting->unused;
    if (at != 0) {
        waiting->unused = waiting->places[at - 1].next;
    } else {
        int rc = waiting->used == waiting->capacity ? grow(waiting, err) : 0;
        if (rc != 0)
            return rc;
        at = ++waiting->used;
    }
    uint32_t *chain = chain_of(waiting, &place->prev);
    waiting->places[at - 1] = *place;
    waiting->places[at - 1].next = *chain;
    *chain = at;
    waiting->count++;
    return 0;
}

void import_waiting_release(struct import_waiting *waiting, const struct btc_hash *prev)
{
    for (uint32_t *at = chain_of(waiting, prev); *at != 0;) {
        uint32_t here = *at;
        struct import_place *place = &waiting->places[here - 1];
        if (!btc_hash_equal(&place->prev, prev)) {
            at = &place->next;
            continue;
        }
        *at = place->next;
        place->next = waiting->ready;
        waiting->ready = here;
        waiting->count--;
    }
}

bool import_waiting_take(struct import_waiting *waiting, struct import_place *ret_place)
{
    uint32_t at = waiting->ready;
    if (at == 0)
        return false;
    *ret_place = waiting->places[at - 1];
    waiting->ready = ret_place->next;
    waiting->places[at - 1].next = waiting->unused;
    waiting->unused = at;
    return true;
}

struct import_place import_waiting_first(const struct import_waiting *waiting)
{
    struct import_place first = {.file = UINT32_MAX};
    for (size_t i = 0; i < IMPORT_CHAINS; i++) {
        for (uint32_t at = waiting->chains[i]; at != 0; at = waiting->places[at - 1].next) {
            const struct import_place *place = &waiting->places[at - 1];
            if (place->file < first.file ||
                (place->file == first.file && place->offset < first.offset))
                first = *place;
        }
    }
    return first;
}
