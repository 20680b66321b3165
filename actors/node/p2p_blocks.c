/* Blocks: which are asked of whom, and taken. See p2p_impl.h.
 *
 * What a peer is asked for comes from its plan: the blocks on the way from the active chain to the
 * best header that it has, the lowest first, as far as P2P_PLAN_MAX. Each peer has a plan of its own,
 * so that headers without blocks, which only one of them may have, hold up nobody else. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/p2p_impl.h"

#define POINTS_UNASKED 20

/* ---- plans ---- */

void p2p_forget_plans(struct p2p *p2p)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++)
        p2p->peers[i].has_plan = false;
}

/* The height at which the headers with the most work leave the active chain. */
static int find_best_fork(struct p2p *p2p, int32_t top, int32_t *ret_height)
{
    struct chain_entry tip;
    struct chain_entry header;
    struct chain_entry block;
    chain_tip(p2p->chain, &tip);
    int32_t height = top < tip.height ? top : tip.height;
    int rc = 0;
    for (; height > 0; height--) {
        rc = chain_header_at(p2p->chain, height, &header, NULL);
        if (rc == 0)
            rc = chain_block_at(p2p->chain, height, &block, NULL);
        if (rc != 0 || header.id == block.id)
            break;
    }
    *ret_height = height;
    return rc;
}

/* The same for a branch that is not the one with the most work. */
static int find_branch_fork(struct p2p *p2p, const struct chain_entry *top, int32_t *ret_height)
{
    struct chain_entry entry = *top;
    for (int steps = 0; steps < P2P_WALK_MAX; steps++) {
        int rc = chain_is_active(p2p->chain, &entry, NULL);
        if (rc != 0) {
            *ret_height = entry.height;
            return rc < 0 ? rc : 0;
        }
        struct btc_hash prev = entry.header.prev;
        rc = chain_find(p2p->chain, &prev, &entry, NULL);
        if (rc != 0)
            return rc;
    }
    return CHAIN_ABSENT;
}

/* Puts an entry's block in its place; one that is stored leaves it empty. */
static void put(struct p2p_peer *peer, const struct chain_entry *entry, int32_t fork)
{
    struct btc_hash *place = &peer->plan[entry->height - fork - 1];
    *place = entry->hash;
    if (entry->has_block)
        memset(place, 0, sizeof(*place));
}

static int fill_best(struct p2p *p2p, struct p2p_peer *peer, int32_t fork, int32_t last)
{
    struct chain_entry entry;
    for (int32_t height = fork + 1; height <= last; height++) {
        int rc = chain_header_at(p2p->chain, height, &entry, NULL);
        if (rc != 0)
            return rc;
        put(peer, &entry, fork);
    }
    return 0;
}

static int fill_branch(struct p2p *p2p, struct p2p_peer *peer, int32_t fork, int32_t last)
{
    struct chain_entry entry = peer->best;
    while (entry.height > fork) {
        if (entry.failed)
            p2p_doom(peer, "it follows a chain that was refused");
        if (entry.height <= last)
            put(peer, &entry, fork);
        struct btc_hash prev = entry.header.prev;
        int rc = chain_find(p2p->chain, &prev, &entry, NULL);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void squeeze(struct p2p_peer *peer, size_t places)
{
    for (size_t i = 0; i < places; i++) {
        if (!btc_hash_is_zero(&peer->plan[i]))
            peer->plan[peer->plan_count++] = peer->plan[i];
    }
}

static void make_plan(struct p2p *p2p, struct p2p_peer *peer, const struct chain_entry *tip)
{
    struct chain_entry held;
    int32_t fork = 0;
    peer->plan_count = 0;
    peer->plan_at = 0;
    peer->plan_tip = tip->hash;
    peer->has_plan = true;
    if (peer->plan == NULL)
        peer->plan = malloc(P2P_PLAN_MAX * sizeof(*peer->plan));
    if (peer->plan == NULL) {
        peer->has_plan = false;
        return;
    }
    bool is_best = chain_header_at(p2p->chain, peer->best.height, &held, NULL) == 0 &&
                   held.id == peer->best.id;
    int rc = is_best ? find_best_fork(p2p, peer->best.height, &fork)
                     : find_branch_fork(p2p, &peer->best, &fork);
    int32_t last = peer->best.height - fork > P2P_PLAN_MAX ? fork + P2P_PLAN_MAX
                                                           : peer->best.height;
    if (rc == 0)
        rc = is_best ? fill_best(p2p, peer, fork, last) : fill_branch(p2p, peer, fork, last);
    if (rc == 0)
        squeeze(peer, (size_t)(last - fork));
    else
        p2p_doom(peer, "its chain leaves ours too far back to be followed");
}

/* ---- asking ---- */

static struct p2p_flight *find_flight(struct p2p_peer *peer, const struct btc_hash *hash)
{
    for (size_t i = 0; peer->flights_count > 0 && i < P2P_FLIGHTS_MAX; i++) {
        if (peer->flights[i].is_used && btc_hash_equal(&peer->flights[i].hash, hash))
            return &peer->flights[i];
    }
    return NULL;
}

static bool is_in_flight(struct p2p *p2p, const struct btc_hash *hash)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        if (p2p->peers[i].id != 0 && find_flight(&p2p->peers[i], hash) != NULL)
            return true;
    }
    return false;
}

/* The next block to ask this peer for. False: none, at present. */
static bool next_planned(struct p2p *p2p, struct p2p_peer *peer, const struct chain_entry *tip,
                         struct btc_hash *ret_hash)
{
    struct chain_entry entry;
    if (!peer->has_plan ||
        (peer->plan_at == peer->plan_count && !btc_hash_equal(&peer->plan_tip, &tip->hash)))
        make_plan(p2p, peer, tip);
    while (!peer->is_doomed && peer->has_plan && peer->plan_at < peer->plan_count) {
        *ret_hash = peer->plan[peer->plan_at++];
        if (!is_in_flight(p2p, ret_hash) && chain_find(p2p->chain, ret_hash, &entry, NULL) == 0 &&
            !entry.has_block && !entry.failed)
            return true;
    }
    return false;
}

static void fly(struct p2p_peer *peer, const struct btc_hash *hash)
{
    size_t i = 0;
    while (peer->flights[i].is_used)
        i++;
    peer->flights[i] = (struct p2p_flight){.hash = *hash, .is_used = true};
    peer->flights_count++;
}

static void land(struct p2p_peer *peer, struct p2p_flight *flight)
{
    flight->is_used = false;
    peer->flights_count--;
}

void p2p_ask_blocks(struct p2p *p2p, struct p2p_peer *peer)
{
    const uint64_t needed = P2P_NODE_NETWORK | P2P_NODE_WITNESS;
    struct p2p_item items[P2P_FLIGHTS_MAX];
    struct chain_entry tip;
    size_t count = 0;
    chain_tip(p2p->chain, &tip);
    if (peer->stage != P2P_STAGE_READY || (peer->services & needed) != needed ||
        p2p->now_ms < p2p->paused_ms || peer->best.id == 0 ||
        peer->flights_count > P2P_FLIGHTS_MAX / 2 ||
        btc_u256_compare(&peer->best.work, &tip.work) <= 0)
        return;
    while (peer->flights_count < P2P_FLIGHTS_MAX) {
        struct p2p_item item = {.type = P2P_ITEM_BLOCK | P2P_ITEM_WITNESS};
        if (!next_planned(p2p, peer, &tip, &item.hash))
            break;
        if (peer->flights_count == 0)
            peer->progress_ms = p2p->now_ms;
        fly(peer, &item.hash);
        items[count++] = item;
    }
    if (count > 0)
        p2p_write_inventory(&peer->out, p2p->params, P2P_GETDATA, items, count);
}

void p2p_miss_block(struct p2p *p2p, struct p2p_peer *peer, const struct btc_hash *hash)
{
    struct p2p_flight *flight = find_flight(peer, hash);
    if (flight == NULL)
        return;
    land(peer, flight);
    p2p_forget_plans(p2p);
    p2p_doom(peer, "it does not have a block whose header it showed");
}

/* ---- taking ---- */

static void refuse_block(struct p2p *p2p, struct p2p_peer *peer, int code,
                         const struct btc_error *err)
{
    p2p_forget_plans(p2p);
    switch (code) {
    case BTC_EINVALID:
    case BTC_EFORMAT:
        p2p_blame(peer, P2P_SCORE_MAX, "%s", err->text);
        break;
    case BTC_EORPHAN:
    case BTC_ELIMIT:
        p2p_doom(peer, "%s", err->text);
        break;
    default:
        p2p_trouble(p2p, code, err);
        break;
    }
}

static int begin_batch(struct p2p *p2p, struct btc_error *err)
{
    if (p2p->is_batch)
        return 0;
    int rc = chain_batch_begin(p2p->chain, err);
    p2p->is_batch = rc == 0;
    return rc;
}

void p2p_take_block(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct btc_error err = {.text = ""};
    struct btc_hash hash;
    struct p2p_flight *flight = NULL;
    if (payload.size >= BTC_HEADER_SIZE && btc_sha256d(payload.data, BTC_HEADER_SIZE, &hash) == 0)
        flight = find_flight(peer, &hash);
    if (flight == NULL) {
        p2p_charge(peer, payload.size / 1000);
        p2p_blame(peer, POINTS_UNASKED, "a block that it was not asked for");
        return;
    }
    land(peer, flight);
    peer->progress_ms = p2p->now_ms;
    int rc = begin_batch(p2p, &err);
    if (rc == 0)
        rc = chain_add_block(p2p->chain, payload.data, payload.size,
                             &p2p->changes[p2p->changes_count], &err);
    if (rc < 0)
        refuse_block(p2p, peer, rc, &err);
    else if (rc == 0 && ++p2p->changes_count == P2P_BATCH_MAX)
        p2p_commit(p2p);
}
