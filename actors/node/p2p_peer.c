/* One peer: the handshake, which message goes where, points and drops. See p2p_impl.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "actors/node/p2p_impl.h"

#define POINTS_RULE  20 /* what might be a mistake */
#define POINTS_EARLY 10 /* before the handshake is done */

/* ---- points ---- */

static void set_reason(struct p2p_peer *peer, const char *format, va_list arguments)
{
    vsnprintf(peer->reason, sizeof(peer->reason), format, arguments);
}

void p2p_blame(struct p2p_peer *peer, uint32_t points, const char *format, ...)
{
    va_list arguments;
    if (peer->is_doomed)
        return;
    va_start(arguments, format);
    set_reason(peer, format, arguments);
    va_end(arguments);
    peer->score += points;
    peer->is_doomed = peer->score >= P2P_SCORE_MAX;
}

void p2p_doom(struct p2p_peer *peer, const char *format, ...)
{
    va_list arguments;
    if (peer->is_doomed)
        return;
    va_start(arguments, format);
    set_reason(peer, format, arguments);
    va_end(arguments);
    peer->is_doomed = true;
}

void p2p_charge(struct p2p_peer *peer, size_t tokens)
{
    peer->tokens -= (int64_t)tokens;
}

size_t p2p_waiting(const struct p2p_peer *peer)
{
    return peer->out.size - peer->out_at;
}

/* ---- handshake ---- */

void p2p_greet(struct p2p *p2p, struct p2p_peer *peer)
{
    struct chain_entry tip;
    chain_tip(p2p->chain, &tip);
    struct p2p_version version = {
        .protocol = P2P_PROTOCOL,
        .services = P2P_NODE_NETWORK | P2P_NODE_WITNESS,
        .time_s = time(NULL),
        .nonce = p2p->config.nonce,
        .agent = {(const uint8_t *)p2p->config.agent, strlen(p2p->config.agent)},
        .height = tip.height,
        .relays = true,
    };
    p2p_write_version(&peer->out, p2p->params, &version);
}

static void say(struct p2p *p2p, struct p2p_peer *peer, enum p2p_kind kind)
{
    p2p_write_message(&peer->out, p2p->params, kind, (struct btc_span){NULL, 0});
}

/* What it calls itself, as far as that can be shown. */
static void note_agent(struct p2p_peer *peer, struct btc_span agent)
{
    size_t size = 0;
    for (; size < agent.size && size < P2P_AGENT_TEXT_SIZE - 1; size++) {
        bool plain = agent.data[size] >= 0x20 && agent.data[size] < 0x7f;
        peer->agent[size] = plain ? (char)agent.data[size] : '?';
    }
    peer->agent[size] = '\0';
}

static void take_version(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct p2p_version version;
    struct btc_error err;
    if (peer->stage != P2P_STAGE_OPEN) {
        p2p_blame(peer, POINTS_RULE, "a second version");
        return;
    }
    if (p2p_read_version(payload, &version, &err) != 0) {
        p2p_blame(peer, P2P_SCORE_MAX, "version: %s", err.text);
        return;
    }
    if (version.nonce == p2p->config.nonce) {
        p2p_doom(peer, "that is this node itself");
        return;
    }
    if (version.protocol < P2P_PROTOCOL_MIN) {
        p2p_doom(peer, "it speaks protocol %d; %d is the least that is understood",
                 (int)version.protocol, P2P_PROTOCOL_MIN);
        return;
    }
    peer->protocol = version.protocol;
    peer->services = version.services;
    peer->height = version.height > 0 ? version.height : 0;
    peer->relays = version.relays;
    note_agent(peer, version.agent);
    peer->stage = P2P_STAGE_VERSIONED;
    if (peer->is_inbound)
        p2p_greet(p2p, peer);
    if (version.protocol >= P2P_PROTOCOL)
        say(p2p, peer, P2P_WTXIDRELAY);
    say(p2p, peer, P2P_VERACK);
}

static void take_verack(struct p2p *p2p, struct p2p_peer *peer)
{
    if (peer->stage != P2P_STAGE_VERSIONED)
        return;
    peer->stage = P2P_STAGE_READY;
    peer->ping_sent_ms = p2p->now_ms;
    say(p2p, peer, P2P_SENDHEADERS);
    p2p_ask_headers(p2p, peer, NULL);
    p2p->config.listener.ready(p2p->config.listener.user, peer->id);
}

/* ---- pings ---- */

static void take_ping(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    uint64_t nonce;
    struct btc_error err;
    if (p2p_read_number(payload, &nonce, &err) != 0)
        p2p_blame(peer, POINTS_RULE, "ping: %s", err.text);
    else
        p2p_write_number(&peer->out, p2p->params, P2P_PONG, nonce);
}

static void take_pong(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    uint64_t nonce;
    struct btc_error err;
    if (p2p_read_number(payload, &nonce, &err) != 0) {
        p2p_blame(peer, POINTS_RULE, "pong: %s", err.text);
    } else if (peer->is_pinged && nonce == peer->ping_nonce) {
        peer->is_pinged = false;
        peer->has_ping = true;
        peer->ping_ms = (uint32_t)(p2p->now_ms - peer->ping_sent_ms);
    }
}

/* ---- what needs little ---- */

/* Read to see that it is well formed; made no use of. */
static void pass_over(struct p2p_peer *peer, enum p2p_kind kind, struct btc_span payload)
{
    struct p2p_locator locator;
    struct btc_error err;
    size_t count;
    int rc = 0;
    switch (kind) {
    case P2P_ADDR:
        rc = p2p_read_addr(payload, &count, &err);
        break;
    case P2P_ADDRV2:
        rc = p2p_read_addrv2(payload, &count, &err);
        break;
    case P2P_SENDCMPCT:
        rc = p2p_read_sendcmpct(payload, &err);
        break;
    case P2P_GETBLOCKS:
        rc = p2p_read_locator(payload, &locator, &err);
        break;
    default: /* unknown ones, and those without content */
        break;
    }
    if (rc != 0)
        p2p_blame(peer, rc == BTC_ELIMIT ? P2P_SCORE_MAX : POINTS_RULE, "%s: %s", p2p_command(kind),
                  err.text);
}

static void take_feefilter(struct p2p_peer *peer, struct btc_span payload)
{
    struct btc_error err;
    if (p2p_read_number(payload, &peer->fee_rate, &err) != 0)
        p2p_blame(peer, POINTS_RULE, "feefilter: %s", err.text);
}

static void take_notfound(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload)
{
    struct p2p_inventory inventory;
    struct btc_error err;
    int rc = p2p_read_inventory(payload, &inventory, &err);
    if (rc != 0) {
        p2p_blame(peer, P2P_SCORE_MAX, "notfound: %s", err.text);
        return;
    }
    for (size_t i = 0; i < inventory.count; i++) {
        struct p2p_item item = p2p_inventory_at(&inventory, i);
        if ((item.type & ~P2P_ITEM_WITNESS) == P2P_ITEM_BLOCK)
            p2p_miss_block(p2p, peer, &item.hash);
        else
            p2p_miss_tx(peer, &item.hash);
    }
}

/* ---- which goes where ---- */

/* Before the handshake is done few words mean anything. */
static bool handle_early(struct p2p *p2p, struct p2p_peer *peer, enum p2p_kind kind,
                         struct btc_span payload)
{
    switch (kind) {
    case P2P_VERSION:
        take_version(p2p, peer, payload);
        break;
    case P2P_VERACK:
        take_verack(p2p, peer);
        break;
    case P2P_WTXIDRELAY:
        peer->wants_wtxids = peer->stage == P2P_STAGE_VERSIONED;
        break;
    case P2P_SENDADDRV2:
    case P2P_UNKNOWN:
        break;
    default:
        p2p_blame(peer, POINTS_EARLY, "%s before the handshake", p2p_command(kind));
        break;
    }
    return true;
}

bool p2p_handle(struct p2p *p2p, struct p2p_peer *peer, enum p2p_kind kind, struct btc_span payload)
{
    if (peer->stage != P2P_STAGE_READY)
        return handle_early(p2p, peer, kind, payload);
    switch (kind) {
    case P2P_VERSION:
        take_version(p2p, peer, payload);
        break;
    case P2P_PING:
        take_ping(p2p, peer, payload);
        break;
    case P2P_PONG:
        take_pong(p2p, peer, payload);
        break;
    case P2P_GETHEADERS:
        p2p_serve_headers(p2p, peer, payload);
        break;
    case P2P_HEADERS:
        p2p_take_headers(p2p, peer, payload);
        break;
    case P2P_INV:
        p2p_hear_inventory(p2p, peer, payload);
        break;
    case P2P_GETDATA:
        return p2p_serve_data(p2p, peer, payload);
    case P2P_NOTFOUND:
        take_notfound(p2p, peer, payload);
        break;
    case P2P_BLOCK:
        p2p_take_block(p2p, peer, payload);
        break;
    case P2P_TX:
        p2p_take_tx(p2p, peer, payload);
        break;
    case P2P_SENDHEADERS:
        peer->wants_headers = true;
        break;
    case P2P_FEEFILTER:
        take_feefilter(peer, payload);
        break;
    default:
        pass_over(peer, kind, payload);
        break;
    }
    return true;
}
