/* What others ask for, and what they tell of: see p2p_impl.h. */
#include <stdlib.h>

#include "actors/node/p2p_impl.h"

/* ---- serving ---- */

static void miss(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_item *item)
{
    p2p_write_inventory(&peer->out, p2p->params, P2P_NOTFOUND, item, 1);
}

/* For those who do not know of witnesses. */
static int write_stripped(struct p2p *p2p, struct p2p_peer *peer, struct btc_span raw,
                          struct btc_error *err)
{
    struct btc_block block;
    struct btc_writer w;
    uint8_t header[BTC_HEADER_SIZE];
    int rc = btc_block_parse(raw.data, raw.size, &block, err);
    if (rc != 0)
        return rc;
    btc_writer_init(&w, P2P_PAYLOAD_MAX);
    btc_header_write(&block.header, header);
    btc_write_bytes(&w, header, sizeof(header));
    btc_write_compact(&w, block.tx_count);
    for (size_t i = 0; i < block.tx_count; i++)
        btc_tx_write(&block.txs[i], false, &w);
    rc = w.failed;
    if (rc == 0)
        p2p_write_message(&peer->out, p2p->params, P2P_BLOCK, (struct btc_span){w.data, w.size});
    btc_writer_free(&w);
    btc_block_free(&block);
    return rc;
}

static void serve_block(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_item *item)
{
    struct chain_entry entry;
    struct btc_error err = {.text = ""};
    uint8_t *data = NULL;
    size_t size = 0;
    int rc = chain_find(p2p->chain, &item->hash, &entry, &err);
    if (rc == 0)
        rc = chain_read_block(p2p->chain, &entry, &data, &size, &err);
    if (rc > 0)
        miss(p2p, peer, item);
    else if (rc == 0 && (item->type & P2P_ITEM_WITNESS) != 0)
        p2p_write_message(&peer->out, p2p->params, P2P_BLOCK, (struct btc_span){data, size});
    else if (rc == 0)
        rc = write_stripped(p2p, peer, (struct btc_span){data, size}, &err);
    free(data);
    if (rc < 0)
        p2p_trouble(p2p, rc, &err);
    if (rc != 0)
        return;
    p2p_charge(peer, 2 + size / 2000);
    if (entry.height > peer->shown.height && chain_is_active(p2p->chain, &entry, NULL) == 1)
        peer->shown = entry;
}

bool p2p_serve_data(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct p2p_inventory inventory;
    struct btc_error err;
    int rc = p2p_read_inventory(payload, &inventory, &err);
    if (rc != 0) {
        p2p_blame(peer, P2P_SCORE_MAX, "getdata: %s", err.text);
        return true;
    }
    for (int done = 0; peer->served < inventory.count; done++) {
        if (done == P2P_TURN_MESSAGES || p2p_waiting(peer) >= P2P_OUTBOX_BYTES)
            return false;
        struct p2p_item item = p2p_inventory_at(&inventory, peer->served++);
        p2p_charge(peer, 1);
        if ((item.type & ~P2P_ITEM_WITNESS) == P2P_ITEM_BLOCK)
            serve_block(p2p, peer, &item);
        else if (!p2p_serve_tx(p2p, peer, &item))
            miss(p2p, peer, &item);
    }
    peer->served = 0;
    return true;
}

/* ---- what it tells of ---- */

void p2p_hear_inventory(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct p2p_inventory inventory;
    struct chain_entry entry;
    struct btc_error err;
    int rc = p2p_read_inventory(payload, &inventory, &err);
    if (rc != 0) {
        p2p_blame(peer, P2P_SCORE_MAX, "inv: %s", err.text);
        return;
    }
    uint32_t wanted = peer->wanted_count;
    p2p_charge(peer, inventory.count / 2);
    for (size_t i = 0; i < inventory.count; i++) {
        struct p2p_item item = p2p_inventory_at(&inventory, i);
        if (item.type == P2P_ITEM_TX || item.type == P2P_ITEM_WTX)
            p2p_hear_tx(p2p, peer, &item);
        if ((item.type & ~P2P_ITEM_WITNESS) != P2P_ITEM_BLOCK)
            continue;
        rc = chain_find(p2p->chain, &item.hash, &entry, NULL);
        if (rc == 0)
            p2p_note_best(peer, &entry);
        else if (rc > 0)
            p2p_ask_headers(p2p, peer, NULL);
    }
    p2p_ask_txs(p2p, peer, wanted);
}
