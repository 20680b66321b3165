/* Headers that are not known to be worth their place: see p2p_impl.h.
 *
 * Easy headers cost little and stay for good, so none is stored before its chain is known to have
 * enough work: as much as the network is known to have, and nearly as much as the best header here.
 * A peer shows a longer one twice. In the first pass only its work is added up, and the hash of the
 * last header of each message kept; in the second it must show the same again, and that is stored. */
#include <stdlib.h>
#include <string.h>

#include "actors/node/p2p_impl.h"

void p2p_presync_end(struct p2p_peer *peer)
{
    free(peer->presync.marks);
    peer->presync = (struct p2p_presync){.marks = NULL};
}

static bool is_enough(struct p2p *p2p, const struct btc_u256 *work)
{
    struct chain_entry entry;
    chain_header_tip(p2p->chain, &entry);
    if (btc_u256_compare(work, &p2p->params->minimum_chain_work) < 0)
        return false;
    if (btc_u256_compare(work, &entry.work) >= 0)
        return true;
    int32_t height = entry.height > P2P_PRESYNC_LAG_MAX ? entry.height - P2P_PRESYNC_LAG_MAX : 0;
    return chain_header_at(p2p->chain, height, &entry, NULL) == 0 &&
           btc_u256_compare(work, &entry.work) >= 0;
}

static bool is_known(struct p2p *p2p, const struct btc_hash *hash)
{
    struct chain_entry entry;
    return chain_find(p2p->chain, hash, &entry, NULL) == 0;
}

/* The first pass goes on with this row; with one that is not full it has come to an end. */
static void add_row(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_row *row)
{
    struct p2p_presync *presync = &peer->presync;
    bool is_valid = btc_u256_add(&presync->work, &row->work, &presync->work) == 0;
    if (!is_valid || presync->count == P2P_PRESYNC_ROWS_MAX) {
        p2p_blame(peer, P2P_SCORE_MAX, "%d headers and more with too little work",
                  P2P_PRESYNC_ROWS_MAX * P2P_HEADERS_MAX);
        return;
    }
    presync->marks[presync->count++] = row->last;
    presync->tail = row->count;
    presync->is_second = is_enough(p2p, &presync->work);
    if (presync->is_second)
        p2p_ask_headers(p2p, peer, &presync->start);
    else if (row->count == P2P_HEADERS_MAX)
        p2p_ask_headers(p2p, peer, &row->last);
    if (!peer->is_asked) {
        peer->is_poor = true;
        p2p_presync_end(peer);
    }
}

static enum p2p_verdict begin(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_row *row)
{
    struct chain_entry prev;
    struct btc_u256 work;
    peer->is_asked = false;
    if (row->count == 0 || chain_find(p2p->chain, &row->prev, &prev, NULL) != 0 || prev.failed)
        return P2P_ROW_KEEP;
    peer->is_poor = false;
    if (is_known(p2p, &row->last) || btc_u256_add(&prev.work, &row->work, &work) != 0 ||
        is_enough(p2p, &work))
        return P2P_ROW_KEEP;
    peer->is_poor = row->count < P2P_HEADERS_MAX;
    if (peer->is_poor)
        return P2P_ROW_USED;
    peer->presync.marks = malloc(P2P_PRESYNC_ROWS_MAX * sizeof(*peer->presync.marks));
    if (peer->presync.marks == NULL) {
        p2p_doom(peer, "no memory for its headers");
        return P2P_ROW_USED;
    }
    peer->presync.start = row->prev;
    peer->presync.work = prev.work;
    add_row(p2p, peer, row);
    return P2P_ROW_USED;
}

/* Is it what was shown in the first pass? The last row may have grown since. */
static bool is_same(struct p2p *p2p, const struct p2p_presync *presync, const struct p2p_row *row)
{
    bool is_last = presync->at + 1 == presync->count;
    size_t count = is_last ? presync->tail : P2P_HEADERS_MAX;
    struct btc_hash hash;
    return row->count >= count &&
           btc_sha256d(p2p->headers + (count - 1) * BTC_HEADER_SIZE, BTC_HEADER_SIZE, &hash) == 0 &&
           btc_hash_equal(&hash, &presync->marks[presync->at]);
}

static enum p2p_verdict check_row(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_row *row)
{
    struct p2p_presync *presync = &peer->presync;
    if (!is_same(p2p, presync, row)) {
        p2p_doom(peer, "headers that differ from those that it showed before");
        return P2P_ROW_USED;
    }
    if (++presync->at == presync->count)
        p2p_presync_end(peer);
    return P2P_ROW_KEEP;
}

enum p2p_verdict p2p_presync_judge(struct p2p *p2p, struct p2p_peer *peer,
                                   const struct p2p_row *row)
{
    struct p2p_presync *presync = &peer->presync;
    if (presync->marks == NULL)
        return begin(p2p, peer, row);
    size_t done = presync->is_second ? presync->at : presync->count;
    const struct btc_hash *next = done == 0 ? &presync->start : &presync->marks[done - 1];
    if (row->count > 0 && !btc_hash_equal(&row->prev, next))
        return P2P_ROW_PASS; /* of a new block, which is in the rest of its headers, too */
    peer->is_asked = false;
    if (presync->is_second)
        return check_row(p2p, peer, row);
    if (row->count == 0 || is_known(p2p, &row->last)) { /* it has no more, or another was quicker */
        peer->is_poor = row->count == 0;
        p2p_presync_end(peer);
        return P2P_ROW_KEEP;
    }
    add_row(p2p, peer, row);
    return P2P_ROW_USED;
}
