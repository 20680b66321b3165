/* What the node tells: events about its chain, and failures in the interface's own words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/bitcoin/block.h"
#include "actors/node/node_impl.h"

struct node_hash32 node_hash(const struct btc_hash *hash)
{
    struct node_hash32 bytes;
    memcpy(bytes.bytes, hash->bytes, sizeof(bytes.bytes));
    return bytes;
}

struct node_tip node_tip_of(const struct chain_entry *entry)
{
    return (struct node_tip){.hash = node_hash(&entry->hash),
                             .height = (uint32_t)entry->height,
                             .time_s = entry->header.time_s};
}

/* ---- events ---- */

static void publish_disconnected(struct troupe_actor *self, struct node *node,
                                 const struct chain_change *change)
{
    struct chain_entry entry = change->old_tip;
    while (entry.height > change->fork.height) {
        struct node_block_disconnected event = {.height = (uint32_t)entry.height,
                                                .hash = node_hash(&entry.hash),
                                                .prev_hash = node_hash(&entry.header.prev)};
        node_publish_block_disconnected(self, &event);
        struct btc_hash prev = entry.header.prev;
        if (chain_find(node->chain, &prev, &entry, NULL) != 0)
            return;
    }
}

static void publish_connected(struct troupe_actor *self, struct node *node,
                              const struct chain_entry *entry)
{
    struct node_block_connected event = {
        .height = (uint32_t)entry->height,
        .hash = node_hash(&entry->hash),
        .prev_hash = node_hash(&entry->header.prev),
        .time_s = entry->header.time_s,
        .tx_count = entry->tx_count,
        .validation = (enum node_validation)entry->validation,
    };
    node_publish_block_connected(self, &event);
    if (entry->validation != CHAIN_PARTIAL || node->has_warned)
        return;
    char text[160];
    node->has_warned = true;
    snprintf(text, sizeof(text),
             "block %d was checked in part, since this node can't run all of its scripts; others "
             "may follow, the status counts them",
             entry->height);
    struct node_alert alert = {.level = NODE_ALERT_LEVEL_WARNING, .text = troupe_text(text)};
    node_publish_alert(self, &alert);
}

/* One block on top of the last is nearly every change; a branch is walked down from its end. */
static void publish_branch(struct troupe_actor *self, struct node *node,
                           const struct chain_change *change)
{
    size_t count = (size_t)(change->new_tip.height - change->fork.height);
    struct chain_entry *entries = malloc(count * sizeof(*entries));
    size_t at = count;
    if (entries != NULL && at > 0)
        entries[--at] = change->new_tip;
    while (entries != NULL && at > 0 &&
           chain_find(node->chain, &entries[at].header.prev, &entries[at - 1], NULL) == 0)
        at--;
    for (; entries != NULL && at < count; at++)
        publish_connected(self, node, &entries[at]);
    free(entries);
}

void node_note_trouble(struct troupe_actor *self, struct node *node, int code,
                       const struct btc_error *err)
{
    char text[sizeof(err->text) + 80];
    if (node->has_trouble || (code != BTC_EIO && code != BTC_ECORRUPT))
        return;
    node->has_trouble = true;
    snprintf(text, sizeof(text), "%s (nothing that was acknowledged is lost)", err->text);
    struct node_alert alert = {.level = NODE_ALERT_LEVEL_ERROR, .text = troupe_text(text)};
    node_publish_alert(self, &alert);
}

static void end_trouble(struct troupe_actor *self, struct node *node)
{
    struct node_alert alert = {.level = NODE_ALERT_LEVEL_INFO,
                               .text = troupe_text("blocks are stored again")};
    if (node->has_trouble)
        node_publish_alert(self, &alert);
    node->has_trouble = false;
}

void node_publish_changes(struct troupe_actor *self, struct node *node,
                          const struct chain_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        publish_disconnected(self, node, &changes[i]);
        publish_branch(self, node, &changes[i]);
    }
    if (count > 0)
        end_trouble(self, node);
    if (count > 0)
        node_publish_tip(self, node);
    node_pool_follow(self, node, changes, count);
    if (count > 0)
        node_peers_chain_changed(self, node);
}

void node_publish_tip(struct troupe_actor *self, struct node *node)
{
    struct chain_entry tip;
    struct chain_entry best;
    chain_tip(node->chain, &tip);
    chain_header_tip(node->chain, &best);
    struct node_tip_changed event = {.tip = node_tip_of(&tip),
                                     .header_height = (uint32_t)best.height};
    node_publish_tip_changed(self, &event);
}

void node_publish_phase(struct troupe_actor *self, struct node *node, enum node_sync_phase phase,
                        uint64_t done, uint64_t total)
{
    struct chain_entry tip;
    chain_tip(node->chain, &tip);
    node->phase = phase;
    struct node_sync_progress event = {
        .phase = phase, .done = done, .total = total, .height = (uint32_t)tip.height};
    node_publish_sync_progress(self, &event);
}

/* ---- failures ---- */

void node_fail_chain(struct troupe_call *call, int code, const struct btc_error *err)
{
    struct node_refused refused = {.has_height = false};
    struct node_bad_file bad_file = {.offset_bytes = 0};
    switch (code) {
    case BTC_EINVALID:
        node_fail_refused(call, &refused, err->text);
        return;
    case BTC_EORPHAN:
        node_fail_orphan(call, err->text);
        return;
    case BTC_ENETWORK:
        node_fail_wrong_network(call, err->text);
        return;
    case BTC_ENOTFOUND:
    case BTC_EFORMAT:
        node_fail_bad_file(call, &bad_file, err->text);
        return;
    case BTC_EUSAGE:
    case BTC_ELIMIT:
        troupe_fail(call, TROUPE_EINVAL, err->text);
        return;
    case BTC_ENOMEM:
        troupe_fail(call, TROUPE_ENOMEM, err->text);
        return;
    default:
        troupe_fail(call, TROUPE_ESYSTEM, err->text);
        return;
    }
}

/* The height of the first header that is not in the chain though the one before it is. */
static bool refused_height(struct node *node, const uint8_t *data, size_t size, bool is_block,
                           uint32_t *ret_height)
{
    size_t count = is_block ? (size >= BTC_HEADER_SIZE) : size / BTC_HEADER_SIZE;
    for (size_t i = 0; i < count; i++) {
        struct btc_header header;
        struct btc_hash hash;
        struct chain_entry entry;
        btc_header_parse(data + i * BTC_HEADER_SIZE, &header);
        if (btc_header_hash(&header, &hash) != 0)
            return false;
        if (!is_block && chain_find(node->chain, &hash, &entry, NULL) == 0)
            continue;
        if (chain_find(node->chain, &header.prev, &entry, NULL) != 0)
            return false;
        *ret_height = (uint32_t)entry.height + 1;
        return true;
    }
    return false;
}

void node_fail_refusal(struct troupe_call *call, struct node *node, const uint8_t *data,
                       size_t size, bool is_block, int code, const struct btc_error *err)
{
    if (code != BTC_EINVALID && code != BTC_EFORMAT) {
        node_fail_chain(call, code, err);
        return;
    }
    struct node_refused refused = {.has_height = false};
    refused.has_height = refused_height(node, data, size, is_block, &refused.height);
    node_fail_refused(call, &refused, err->text);
}
