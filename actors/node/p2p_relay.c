/* Transactions: asked for, taken, told of, served. See p2p_impl.h.
 *
 * A peer that tells of a transaction is asked for it if not enough others were; what it sends is
 * offered to the pool, whose verdict counts against nobody: policies differ. What is new in the pool is told to
 * each peer that may not know it, in the order in which it came in. */
#include <string.h>
#include <time.h>

#include "actors/node/p2p_impl.h"

#define TOLD_MAX           200  /* transactions told to one peer at once */
#define TOLD_LOOKED_AT_MAX 1000 /* for that, of the pool's */
#define TOKENS_TX          20   /* a transaction is looked at */
#define TOKENS_INPUT       5    /* its coin is looked for, and hashed */
#define TOKENS_SIGOP       3    /* a signature is verified */
#define BYTES_FOR_TOKEN    50   /* one more for as many bytes */
#define BYTES_FOR_SIGOP    50   /* witnesses of tapscript may have one for as many (BIP342) */

/* ---- what a peer knows, and what was refused: places that later ones take ---- */

static uint64_t key_of(const struct btc_hash *hash)
{
    uint64_t key;
    memcpy(&key, hash->bytes, sizeof(key));
    return key | 1; /* 0: an empty place */
}

static void note(uint64_t *places, size_t count, const struct btc_hash *hash)
{
    uint64_t key = key_of(hash);
    places[(key >> 1) % count] = key;
}

static bool is_noted(const uint64_t *places, size_t count, const struct btc_hash *hash)
{
    uint64_t key = key_of(hash);
    return places[(key >> 1) % count] == key;
}

/* ---- asking ---- */

static struct btc_hash *find_wanted(struct p2p_peer *peer, const struct btc_hash *hash)
{
    for (uint32_t i = 0; i < peer->wanted_count; i++) {
        if (btc_hash_equal(&peer->wanted[i], hash))
            return &peer->wanted[i];
    }
    return NULL;
}

static void forget_wanted(struct p2p_peer *peer, const struct btc_hash *hash)
{
    struct btc_hash *wanted = find_wanted(peer, hash);
    if (wanted != NULL)
        *wanted = peer->wanted[--peer->wanted_count];
}

/* Were enough asked already? One that was may never deliver; and whoever connects to us can be many,
 * so those that we chose are asked whatever those others said. */
static bool is_wanted(struct p2p *p2p, const struct p2p_peer *peer, const struct btc_hash *hash)
{
    size_t count = 0;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *other = &p2p->peers[i];
        if (other->id == 0 || find_wanted(other, hash) == NULL)
            continue;
        if (other == peer)
            return true;
        count += peer->is_inbound || !other->is_inbound;
    }
    return count >= P2P_ASKED_MAX;
}

void p2p_hear_tx(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_item *item)
{
    struct mempool_tx held;
    bool by_wtxid = item->type == P2P_ITEM_WTX;
    if (p2p->config.pool == NULL || by_wtxid != peer->wants_wtxids)
        return;
    note(peer->known, P2P_KNOWN_MAX, &item->hash);
    if (peer->wanted_count == P2P_WANTED_MAX ||
        is_noted(p2p->refused, P2P_REFUSED_MAX, &item->hash) ||
        (by_wtxid ? mempool_find_wtxid(p2p->config.pool, &item->hash, &held)
                  : mempool_find(p2p->config.pool, &item->hash, &held)) ||
        is_wanted(p2p, peer, &item->hash))
        return;
    if (peer->wanted_count == 0)
        peer->wanted_ms = p2p->now_ms;
    peer->wanted[peer->wanted_count++] = item->hash;
}

void p2p_ask_txs(struct p2p *p2p, struct p2p_peer *peer, uint32_t first)
{
    struct p2p_item items[P2P_WANTED_MAX];
    size_t count = 0;
    for (uint32_t i = first; i < peer->wanted_count; i++)
        items[count++] = (struct p2p_item){
            .type = peer->wants_wtxids ? P2P_ITEM_WTX : P2P_ITEM_TX | P2P_ITEM_WITNESS,
            .hash = peer->wanted[i]};
    if (count > 0)
        p2p_write_inventory(&peer->out, p2p->params, P2P_GETDATA, items, count);
}

void p2p_miss_tx(struct p2p_peer *peer, const struct btc_hash *hash)
{
    forget_wanted(peer, hash);
}

/* ---- taking ---- */

void p2p_take_tx(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct mempool_verdict verdict;
    struct btc_error err = {.text = ""};
    struct btc_tx tx;
    p2p_charge(peer, TOKENS_TX + payload.size / BYTES_FOR_TOKEN);
    int rc = btc_tx_parse(payload.data, payload.size, &tx, &err);
    if (rc == BTC_EFORMAT || rc == BTC_ELIMIT)
        p2p_blame(peer, P2P_SCORE_MAX, "tx: %s", err.text);
    else if (rc != 0)
        p2p_trouble(p2p, rc, &err);
    if (rc != 0)
        return;
    struct btc_hash txid = tx.txid;
    struct btc_hash wtxid = tx.wtxid;
    p2p_charge(peer, TOKENS_INPUT * tx.in_count);
    btc_tx_free(&tx);
    forget_wanted(peer, &txid);
    forget_wanted(peer, &wtxid);
    note(peer->known, P2P_KNOWN_MAX, &txid);
    note(peer->known, P2P_KNOWN_MAX, &wtxid);
    if (p2p->config.pool == NULL || is_noted(p2p->refused, P2P_REFUSED_MAX, &wtxid))
        return;
    p2p_commit(p2p); /* the pool is to see the chain as it is */
    rc = mempool_accept(p2p->config.pool, payload.data, payload.size, time(NULL), &verdict, &err);
    if (verdict.has_verified)
        p2p_charge(peer, TOKENS_SIGOP * (verdict.sigops + payload.size / BYTES_FOR_SIGOP));
    /* Without a witness it is named by its txid, as the whole of it is, which may be good. */
    bool has_witness = !btc_hash_equal(&txid, &wtxid);
    if ((rc == BTC_EINVALID || rc == BTC_ELIMIT) && has_witness)
        note(p2p->refused, P2P_REFUSED_MAX, &wtxid);
    else if (rc < 0 && rc != BTC_EINVALID && rc != BTC_ELIMIT && rc != BTC_EORPHAN &&
             rc != BTC_EFORMAT)
        p2p_trouble(p2p, rc, &err);
}

void p2p_forget_refused(struct p2p *p2p)
{
    memset(p2p->refused, 0, sizeof(p2p->refused));
}

/* ---- telling ---- */

static void tell_to(struct p2p *p2p, struct p2p_peer *peer)
{
    struct p2p_item items[TOLD_MAX];
    struct mempool_tx held;
    size_t count = 0;
    for (int i = 0; i < TOLD_LOOKED_AT_MAX && count < TOLD_MAX &&
                    mempool_next(p2p->config.pool, peer->told_sequence, &held);
         i++) {
        const struct btc_hash *hash = peer->wants_wtxids ? &held.tx->wtxid : &held.tx->txid;
        peer->told_sequence = held.sequence;
        bool pays = (uint64_t)held.fee * 1000 >= peer->fee_rate * held.vsize;
        if (!pays || is_noted(peer->known, P2P_KNOWN_MAX, hash))
            continue;
        note(peer->known, P2P_KNOWN_MAX, hash);
        items[count++] = (struct p2p_item){.type = peer->wants_wtxids ? P2P_ITEM_WTX : P2P_ITEM_TX,
                                           .hash = *hash};
    }
    if (count > 0)
        p2p_write_inventory(&peer->out, p2p->params, P2P_INV, items, count);
}

/* Whoever comes to us hears of what comes in from now on: the whole pool for each connection would
 * be much work for nothing asked. Whom we chose is told all of it: our own may have waited. */
void p2p_begin_telling(struct p2p *p2p, struct p2p_peer *peer)
{
    struct mempool_totals totals = {.sequence = 0};
    if (p2p->config.pool != NULL && peer->is_inbound)
        mempool_get_totals(p2p->config.pool, time(NULL), &totals);
    peer->told_sequence = totals.sequence;
}

void p2p_tell_txs(struct p2p *p2p)
{
    for (size_t i = 0; p2p->config.pool != NULL && i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &p2p->peers[i];
        if (peer->id == 0 || peer->is_doomed || peer->stage != P2P_STAGE_READY)
            continue;
        if (peer->wanted_count > 0 && p2p->now_ms - peer->wanted_ms > P2P_TX_MS)
            peer->wanted_count = 0; /* others may be asked now */
        if (peer->relays && p2p_waiting(peer) < P2P_OUTBOX_BYTES)
            tell_to(p2p, peer);
    }
}

/* ---- serving ---- */

bool p2p_serve_tx(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_item *item)
{
    struct mempool_tx held;
    bool found = p2p->config.pool != NULL &&
                 (item->type == P2P_ITEM_WTX
                      ? mempool_find_wtxid(p2p->config.pool, &item->hash, &held)
                      : mempool_find(p2p->config.pool, &item->hash, &held));
    if (!found)
        return false;
    p2p_charge(peer, 2 + held.tx->size / 2000);
    if (item->type != P2P_ITEM_TX) {
        p2p_write_message(&peer->out, p2p->params, P2P_TX, held.tx->raw);
        return true;
    }
    struct btc_writer w;
    btc_writer_init(&w, P2P_TX_MAX);
    btc_tx_write(held.tx, false, &w);
    bool is_written = w.failed == 0;
    if (is_written)
        p2p_write_message(&peer->out, p2p->params, P2P_TX, (struct btc_span){w.data, w.size});
    btc_writer_free(&w);
    return is_written;
}
