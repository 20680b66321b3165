/* table.h - a map from non-zero u64 keys to pointers: open addressing, grows by doubling, holds
 * nothing it points at. Not thread-safe: its owner locks. */
#ifndef TROUPE_BUS_TABLE_H
#define TROUPE_BUS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ti_table {
    struct ti_table_entry {
        uint64_t key; /* 0: empty */
        void *value;
    } * entries;
    size_t room; /* a power of two, or 0 */
    size_t count;
};

/* Adds or replaces. False: out of memory, nothing changed. */
bool ti_table_put(struct ti_table *table, uint64_t key, void *value);
void *ti_table_get(const struct ti_table *table, uint64_t key);
/* Removes and returns what was there, or NULL. */
void *ti_table_take(struct ti_table *table, uint64_t key);
void ti_table_free(struct ti_table *table);

#endif
