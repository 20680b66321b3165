/* Headers: asked for, taken, served, announced. See p2p_impl.h. */
#include <string.h>
#include <time.h>

#include "actors/node/p2p_impl.h"

#define POINTS_UNCONNECTED 10 /* headers that build on nothing known */
#define POINTS_BROKEN_ROW  20
#define LOCATOR_MAX        64 /* hashes, of which those after ten are ever farther apart */
#define ANNOUNCED_MAX      8  /* headers in an announcement; beyond that the tip's hash alone */

/* ---- asking ---- */

/* Hashes of the most-work headers from the last but one backwards, so that whoever has the last one
 * shows it; in front of them `from`, if given. */
static size_t make_locator(struct p2p *p2p, const struct btc_hash *from,
                           struct btc_hash ret_hashes[LOCATOR_MAX])
{
    struct chain_entry entry;
    size_t count = 0;
    int32_t step = 1;
    if (from != NULL)
        ret_hashes[count++] = *from;
    chain_header_tip(p2p->chain, &entry);
    int32_t height = entry.height > 0 ? entry.height - 1 : 0;
    while (count < LOCATOR_MAX && chain_header_at(p2p->chain, height, &entry, NULL) == 0) {
        ret_hashes[count++] = entry.hash;
        if (height == 0)
            break;
        if (count >= 10)
            step *= 2;
        height = height > step ? height - step : 0;
    }
    return count;
}

void p2p_ask_headers(struct p2p *p2p, struct p2p_peer *peer, const struct btc_hash *from)
{
    struct btc_hash locator[LOCATOR_MAX];
    if (peer->is_asked || (peer->services & P2P_NODE_NETWORK) == 0)
        return;
    size_t count = make_locator(p2p, from, locator);
    p2p_write_getheaders(&peer->out, p2p->params, locator, count);
    peer->is_asked = true;
    peer->asked_ms = p2p->now_ms;
}

/* ---- taking ---- */

void p2p_note_best(struct p2p_peer *peer, const struct chain_entry *entry)
{
    if (peer->best.id == 0 || btc_u256_compare(&entry->work, &peer->best.work) > 0) {
        peer->best = *entry;
        peer->has_plan = false;
    }
    if (entry->height > peer->height)
        peer->height = entry->height;
}

/* Adds a header's work. Neighbours mostly have the same bits, for which it is known already. */
static int add_work(struct btc_u256 *sum, uint32_t bits, uint32_t *known_bits,
                    struct btc_u256 *known_work)
{
    struct btc_u256 target;
    int rc = bits == *known_bits ? 0 : btc_bits_to_target(bits, &target);
    if (rc == 0 && bits != *known_bits)
        rc = btc_target_work(&target, known_work);
    if (rc != 0)
        return rc;
    *known_bits = bits;
    return btc_u256_add(sum, known_work, sum);
}

/* BTC_EFORMAT: they do not build on one another. BTC_EINVALID: one was not worked for. */
static int read_row(struct p2p *p2p, size_t count, struct p2p_row *ret_row, struct btc_error *err)
{
    struct p2p_row row = {.count = count};
    struct btc_u256 work;
    uint32_t bits = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const uint8_t *at = p2p->headers + i * BTC_HEADER_SIZE;
        struct btc_header header;
        btc_header_parse(at, &header);
        if (i == 0)
            row.prev = header.prev;
        else if (!btc_hash_equal(&header.prev, &row.last))
            return btc_fail(err, BTC_EFORMAT, "headers that do not build on one another");
        rc = btc_sha256d(at, BTC_HEADER_SIZE, &row.last);
        if (rc == 0)
            rc = btc_pow_check(&row.last, header.bits, p2p->params, err);
        if (rc == 0)
            rc = add_work(&row.work, header.bits, &bits, &work);
    }
    *ret_row = row;
    return rc;
}

/* A clock that goes wrong, its or ours, is nobody's misdeed. */
static bool is_from_future(const uint8_t *header)
{
    struct btc_header parsed;
    btc_header_parse(header, &parsed);
    return (int64_t)parsed.time_s > (int64_t)time(NULL) + BTC_FUTURE_TIME_MAX_S;
}

static void refuse_headers(struct p2p *p2p, struct p2p_peer *peer, size_t count, size_t added,
                           int code, const struct btc_error *err)
{
    switch (code) {
    case BTC_EORPHAN:
        if (!peer->is_poor) /* else on what it showed, and was not stored */
            p2p_blame(peer, POINTS_UNCONNECTED, "headers that build on nothing known here");
        if (!peer->is_doomed)
            p2p_ask_headers(p2p, peer, NULL);
        break;
    case BTC_EINVALID:
    case BTC_ENETWORK:
        for (size_t i = added; i < count; i++) {
            if (is_from_future(p2p->headers + i * BTC_HEADER_SIZE))
                return;
        }
        p2p_blame(peer, P2P_SCORE_MAX, "%s", err->text);
        break;
    default:
        peer->best.id = 0; /* it is asked again in a while */
        p2p_trouble(p2p, code, err);
        break;
    }
}

/* Headers that lead nowhere are bounded: they stay in the store. Of those that are shown twice it is
 * known that they lead somewhere. */
static void count_side(struct p2p *p2p, struct p2p_peer *peer, const struct chain_entry *last,
                       size_t added)
{
    struct chain_entry tip;
    chain_header_tip(p2p->chain, &tip);
    if (btc_u256_compare(&last->work, &tip.work) >= 0)
        return;
    peer->side_headers += (uint32_t)added;
    if (peer->side_headers > P2P_SIDE_HEADERS_MAX)
        p2p_blame(peer, P2P_SCORE_MAX, "%u headers that lead to less work than there is",
                  peer->side_headers);
}

static void took_row(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_row *row,
                     size_t added)
{
    struct chain_entry entry;
    p2p->has_headers = p2p->has_headers || added > 0;
    if (chain_find(p2p->chain, &row->last, &entry, NULL) != 0)
        return;
    if (added > 0 && peer->presync.marks == NULL)
        count_side(p2p, peer, &entry, added);
    if (entry.failed) {
        p2p_blame(peer, P2P_SCORE_MAX, "headers on top of a block that was refused");
        return;
    }
    p2p_note_best(peer, &entry);
    if (row->count == P2P_HEADERS_MAX && !peer->is_doomed)
        p2p_ask_headers(p2p, peer, &row->last);
}

static void keep_row(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_row *row)
{
    struct btc_error err;
    size_t added = 0;
    int rc = chain_add_headers(p2p->chain, p2p->headers, row->count, &added, &err);
    if (rc != 0) {
        p2p_presync_end(peer);
        refuse_headers(p2p, peer, row->count, added, rc, &err);
        return;
    }
    took_row(p2p, peer, row, added);
}

void p2p_take_headers(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct btc_error err = {.text = ""};
    struct p2p_row row;
    size_t count = 0;
    int rc = p2p_read_headers(payload, p2p->headers, &count, &err);
    if (rc != 0) {
        p2p_blame(peer, P2P_SCORE_MAX, "headers: %s", err.text);
        return;
    }
    if (!peer->is_asked)
        p2p_charge(peer, count / 2);
    rc = read_row(p2p, count, &row, &err);
    if (rc == BTC_EFORMAT || rc == BTC_EINVALID) {
        p2p_blame(peer, rc == BTC_EFORMAT ? POINTS_BROKEN_ROW : P2P_SCORE_MAX, "%s", err.text);
        return;
    }
    if (rc != 0) {
        p2p_trouble(p2p, rc, &err);
        return;
    }
    enum p2p_verdict verdict = p2p_presync_judge(p2p, peer, &row);
    if (verdict == P2P_ROW_PASS)
        p2p_charge(peer, count / 2);
    if (verdict == P2P_ROW_KEEP && count > 0)
        keep_row(p2p, peer, &row);
}

/* ---- serving ---- */

/* Writes active headers from a height on; returns how many. */
static size_t collect(struct p2p *p2p, int32_t height, size_t max, const struct btc_hash *stop,
                      struct chain_entry *ret_last)
{
    struct chain_entry entry;
    size_t count = 0;
    while (count < max && chain_block_at(p2p->chain, height, &entry, NULL) == 0) {
        btc_header_write(&entry.header, p2p->headers + count++ * BTC_HEADER_SIZE);
        *ret_last = entry;
        height++;
        if (stop != NULL && btc_hash_equal(&entry.hash, stop))
            break;
    }
    return count;
}

static void serve_one(struct p2p *p2p, struct p2p_peer *peer, const struct btc_hash *hash)
{
    struct chain_entry entry;
    if (chain_find(p2p->chain, hash, &entry, NULL) != 0 ||
        chain_is_active(p2p->chain, &entry, NULL) != 1)
        return;
    btc_header_write(&entry.header, p2p->headers);
    p2p_write_headers(&peer->out, p2p->params, p2p->headers, 1);
}

void p2p_serve_headers(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct btc_hash hashes[P2P_LOCATOR_MAX];
    struct p2p_locator locator;
    struct chain_entry fork;
    struct chain_entry last = {.id = 0};
    struct btc_error err;
    if (p2p_read_locator(payload, &locator, &err) != 0) {
        p2p_blame(peer, P2P_SCORE_MAX, "getheaders: %s", err.text);
        return;
    }
    if (locator.count == 0) {
        serve_one(p2p, peer, &locator.stop);
        return;
    }
    for (size_t i = 0; i < locator.count; i++)
        hashes[i] = p2p_locator_at(&locator, i);
    int rc = chain_find_fork(p2p->chain, hashes, locator.count, &fork, &err);
    if (rc != 0) {
        p2p_trouble(p2p, rc, &err);
        return;
    }
    size_t count = collect(p2p, fork.height + 1, P2P_HEADERS_MAX, &locator.stop, &last);
    p2p_charge(peer, locator.count + count / 2);
    p2p_write_headers(&peer->out, p2p->params, p2p->headers, count);
    peer->shown = count > 0 ? last : fork;
}

/* ---- announcing ---- */

/* Does it have this block of the active chain, as far as we know? */
static bool has_block(struct p2p *p2p, const struct p2p_peer *peer, const struct chain_entry *entry)
{
    const struct chain_entry *known[] = {&peer->best, &peer->shown};
    for (size_t i = 0; i < 2; i++) {
        if (known[i]->id != 0 && known[i]->height >= entry->height &&
            (known[i]->id == entry->id || chain_is_active(p2p->chain, known[i], NULL) == 1))
            return true;
    }
    return false;
}

static void announce_to(struct p2p *p2p, struct p2p_peer *peer, const struct chain_entry *tip)
{
    struct chain_entry entry = *tip;
    if (has_block(p2p, peer, tip))
        return;
    size_t count = 0;
    int rc = peer->wants_headers ? 0 : -1;
    while (rc == 0 && count < ANNOUNCED_MAX && entry.height > 0 && !has_block(p2p, peer, &entry)) {
        count++;
        rc = chain_block_at(p2p->chain, entry.height - 1, &entry, NULL);
    }
    if (rc == 0 && has_block(p2p, peer, &entry)) {
        struct chain_entry last = *tip;
        count = collect(p2p, entry.height + 1, count, NULL, &last);
        p2p_write_headers(&peer->out, p2p->params, p2p->headers, count);
        peer->shown = last;
    } else {
        struct p2p_item item = {P2P_ITEM_BLOCK, tip->hash};
        p2p_write_inventory(&peer->out, p2p->params, P2P_INV, &item, 1);
    }
}

void p2p_announce(struct p2p *p2p)
{
    struct chain_entry tip;
    chain_tip(p2p->chain, &tip);
    p2p->is_stale = false;
    p2p->announced_ms = p2p->now_ms;
    for (size_t i = 0; tip.height > 0 && i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &p2p->peers[i];
        if (peer->id != 0 && peer->stage == P2P_STAGE_READY && p2p_waiting(peer) < P2P_OUTBOX_BYTES)
            announce_to(p2p, peer, &tip);
    }
}
