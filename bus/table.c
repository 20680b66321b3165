#include "bus/table.h"

#include <stdlib.h>

static size_t slot_of(const struct ti_table *table, uint64_t key)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    return (size_t)(hash ^ (hash >> 32)) & (table->room - 1);
}

static struct ti_table_entry *find(const struct ti_table *table, uint64_t key)
{
    size_t at = slot_of(table, key);
    while (table->entries[at].key != 0 && table->entries[at].key != key) {
        at = (at + 1) & (table->room - 1);
    }
    return &table->entries[at];
}

static bool grow(struct ti_table *table)
{
    struct ti_table bigger = {.room = table->room != 0 ? table->room * 2 : 16,
                              .count = table->count};
    bigger.entries = calloc(bigger.room, sizeof *bigger.entries);
    if (bigger.entries == NULL) {
        return false;
    }
    for (size_t i = 0; i < table->room; i++) {
        if (table->entries[i].key != 0) {
            *find(&bigger, table->entries[i].key) = table->entries[i];
        }
    }
    free(table->entries);
    *table = bigger;
    return true;
}

bool ti_table_put(struct ti_table *table, uint64_t key, void *value)
{
    if ((table->count + 1) * 4 > table->room * 3 && !grow(table)) {
        return false;
    }
    struct ti_table_entry *entry = find(table, key);
    table->count += entry->key == 0;
    entry->key = key;
    entry->value = value;
    return true;
}

void *ti_table_get(const struct ti_table *table, uint64_t key)
{
    if (table->count == 0 || key == 0) {
        return NULL;
    }
    struct ti_table_entry *entry = find(table, key);
    return entry->key == key ? entry->value : NULL;
}

void *ti_table_take(struct ti_table *table, uint64_t key)
{
    if (table->count == 0 || key == 0) {
        return NULL;
    }
    struct ti_table_entry *entry = find(table, key);
    if (entry->key != key) {
        return NULL;
    }
    void *value = entry->value;
    size_t hole = (size_t)(entry - table->entries);
    /* Close the gap, so that searches need no tombstones. */
    for (size_t at = (hole + 1) & (table->room - 1); table->entries[at].key != 0;
         at = (at + 1) & (table->room - 1)) {
        size_t home = slot_of(table, table->entries[at].key);
        if (((at - home) & (table->room - 1)) >= ((at - hole) & (table->room - 1))) {
            table->entries[hole] = table->entries[at];
            hole = at;
        }
    }
    table->entries[hole] = (struct ti_table_entry){0};
    table->count--;
    return value;
}

void ti_table_free(struct ti_table *table)
{
    free(table->entries);
    *table = (struct ti_table){0};
}
