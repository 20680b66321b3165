/* Open addressing over a power of two, doubled when half full. */
#include "actors/wallet/sieve.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SLOT_COUNT_MIN = 256 };

/* A keyed multiply-and-fold over eight bytes at a time; never 0, which marks a free slot. */
static uint64_t fingerprint(uint64_t key, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint64_t state = key ^ size * UINT64_C(0x9e3779b97f4a7c15);
    while (size > 0) {
        uint64_t word = 0;
        size_t step = size < sizeof(word) ? size : sizeof(word);
        memcpy(&word, bytes, step);
        state = (state ^ word) * UINT64_C(0xff51afd7ed558ccd);
        state ^= state >> 32;
        bytes += step;
        size -= step;
    }
    state *= UINT64_C(0xc4ceb9fe1a85ec53);
    state ^= state >> 29;
    return state | 1;
}

/* The slot that holds `print`, or the free one where it belongs. */
static size_t find_slot(const uint64_t *slots, size_t slot_count, uint64_t print)
{
    size_t at = (size_t)(print >> 1) & (slot_count - 1);
    while (slots[at] != 0 && slots[at] != print)
        at = (at + 1) & (slot_count - 1);
    return at;
}

int sieve_init(struct sieve *sieve)
{
    uint64_t key;
    if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
        return BTC_EIO;
    *sieve = (struct sieve){.key = key};
    return 0;
}

void sieve_free(struct sieve *sieve)
{
    free(sieve->slots);
    *sieve = (struct sieve){0};
}

static int grow(struct sieve *sieve)
{
    size_t slot_count = sieve->slot_count > 0 ? 2 * sieve->slot_count : SLOT_COUNT_MIN;
    uint64_t *slots = calloc(slot_count, sizeof(*slots));
    if (!slots)
        return BTC_ENOMEM;
    for (size_t i = 0; i < sieve->slot_count; i++)
        if (sieve->slots[i] != 0)
            slots[find_slot(slots, slot_count, sieve->slots[i])] = sieve->slots[i];
    free(sieve->slots);
    sieve->slots = slots;
    sieve->slot_count = slot_count;
    return 0;
}

int sieve_add(struct sieve *sieve, const void *data, size_t size)
{
    if (2 * sieve->count >= sieve->slot_count) {
        int rc = grow(sieve);
        if (rc < 0)
            return rc;
    }
    uint64_t print = fingerprint(sieve->key, data, size);
    size_t at = find_slot(sieve->slots, sieve->slot_count, print);
    if (sieve->slots[at] == 0) {
        sieve->slots[at] = print;
        sieve->count++;
    }
    return 0;
}

bool sieve_has(const struct sieve *sieve, const void *data, size_t size)
{
    if (sieve->count == 0)
        return false;
    uint64_t print = fingerprint(sieve->key, data, size);
    return sieve->slots[find_slot(sieve->slots, sieve->slot_count, print)] != 0;
}
