/* The peers as a whole: see p2p.h. */
#include "actors/node/p2p.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/node/p2p_impl.h"

#define EARLY_BYTES_MAX 1024 /* of a message before the handshake is done */
#define OUT_KEPT_BYTES  (2 * P2P_SLACK_BYTES)

/* ---- who is there ---- */

static struct p2p_peer *find(const struct p2p *p2p, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < P2P_PEERS_MAX; i++) {
        if (p2p->peers[i].id == id)
            return (struct p2p_peer *)&p2p->peers[i];
    }
    return NULL;
}

int p2p_new(const struct p2p_config *config, struct p2p **ret_p2p, struct btc_error *err)
{
    struct p2p *p2p = calloc(1, sizeof(*p2p));
    uint8_t *headers = malloc((size_t)P2P_HEADERS_MAX * BTC_HEADER_SIZE);
    if (p2p == NULL || headers == NULL) {
        free(p2p);
        free(headers);
        return btc_fail(err, BTC_ENOMEM, "no memory for peers");
    }
    p2p->config = *config;
    p2p->chain = config->chain;
    p2p->params = chain_params(config->chain);
    p2p->headers = headers;
    p2p->now_ms = P2P_ANNOUNCE_MS;
    p2p->nonces = config->nonce;
    *ret_p2p = p2p;
    return 0;
}

static void release(struct p2p_peer *peer)
{
    p2p_inbox_free(&peer->inbox);
    btc_writer_free(&peer->out);
    free(peer->plan);
    p2p_presync_end(peer);
    memset(peer, 0, sizeof(*peer));
}

void p2p_free(struct p2p *p2p)
{
    if (p2p == NULL)
        return;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++)
        release(&p2p->peers[i]);
    free(p2p->headers);
    free(p2p);
}

/* Time that counts against those who are waited for. */
static void pass_time(struct p2p *p2p, uint64_t now_ms)
{
    uint64_t passed = now_ms > p2p->last_ms ? now_ms - p2p->last_ms : 0;
    p2p->now_ms += passed < P2P_CLOCK_MS_MAX ? passed : P2P_CLOCK_MS_MAX;
    p2p->last_ms = now_ms;
}

int p2p_open(struct p2p *p2p, uint32_t id, const char *address, bool is_inbound, uint64_t now_ms,
             struct btc_error *err)
{
    struct p2p_peer *peer = NULL;
    for (size_t i = 0; peer == NULL && i < P2P_PEERS_MAX; i++)
        peer = p2p->peers[i].id == 0 ? &p2p->peers[i] : NULL;
    if (peer == NULL)
        return btc_fail(err, BTC_ELIMIT, "there are %d peers already", P2P_PEERS_MAX);
    pass_time(p2p, now_ms);
    *peer = (struct p2p_peer){
        .id = id,
        .is_inbound = is_inbound,
        .opened_ms = p2p->now_ms,
        .tokens = P2P_TOKENS_MAX,
        .tokens_ms = p2p->now_ms,
        .out_moved_ms = p2p->now_ms,
    };
    snprintf(peer->address, sizeof(peer->address), "%s", address);
    btc_writer_init(&peer->out, P2P_OUTBOX_BYTES_MAX);
    p2p_begin_telling(p2p, peer);
    if (!is_inbound)
        p2p_greet(p2p, peer);
    return 0;
}

void p2p_close(struct p2p *p2p, uint32_t id)
{
    struct p2p_peer *peer = find(p2p, id);
    if (peer == NULL)
        return;
    if (peer->flights_count > 0)
        p2p_forget_plans(p2p);
    release(peer);
}

static void drop_doomed(struct p2p *p2p)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &p2p->peers[i];
        if (peer->id == 0 || !peer->is_doomed)
            continue;
        struct p2p_listener *listener = &p2p->config.listener;
        listener->dropped(listener->user, peer->id, peer->reason, peer->score >= P2P_SCORE_MAX);
        p2p_close(p2p, peer->id);
    }
}

size_t p2p_list(const struct p2p *p2p, struct p2p_info ret_infos[P2P_PEERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &p2p->peers[i];
        if (peer->id == 0)
            continue;
        struct p2p_info *info = &ret_infos[count++];
        *info = (struct p2p_info){
            .id = peer->id,
            .is_inbound = peer->is_inbound,
            .is_ready = peer->stage == P2P_STAGE_READY,
            .protocol = peer->protocol,
            .height = peer->height,
            .has_ping = peer->has_ping,
            .ping_ms = peer->ping_ms,
            .received_bytes = peer->received_bytes,
            .sent_bytes = peer->sent_bytes,
            .score = peer->score,
            .age_ms = p2p->now_ms - peer->opened_ms,
            .is_poor = peer->is_poor,
            .memory = peer->inbox.capacity + peer->out.capacity +
                      (peer->plan != NULL ? P2P_PLAN_MAX * sizeof(*peer->plan) : 0) +
                      (peer->presync.marks != NULL
                           ? P2P_PRESYNC_ROWS_MAX * sizeof(*peer->presync.marks)
                           : 0),
        };
        memcpy(info->address, peer->address, sizeof(info->address));
        memcpy(info->agent, peer->agent, sizeof(info->agent));
    }
    return count;
}

void p2p_get_totals(const struct p2p *p2p, struct p2p_totals *ret_totals)
{
    *ret_totals = (struct p2p_totals){.outbound = 0};
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &p2p->peers[i];
        if (peer->id == 0 || peer->stage != P2P_STAGE_READY)
            continue;
        ret_totals->outbound += !peer->is_inbound;
        ret_totals->inbound += peer->is_inbound;
        ret_totals->flights += peer->flights_count;
        ret_totals->is_asking = ret_totals->is_asking || peer->is_asked;
        if (peer->best.id != 0 && peer->best.height > ret_totals->target_height)
            ret_totals->target_height = peer->best.height;
    }
}

/* ---- bytes ---- */

size_t p2p_room(const struct p2p *p2p, uint32_t id)
{
    const struct p2p_peer *peer = find(p2p, id);
    return peer == NULL || peer->is_doomed ? 0 : p2p_inbox_room(&peer->inbox);
}

void p2p_receive(struct p2p *p2p, uint32_t id, const uint8_t *data, size_t size)
{
    struct p2p_peer *peer = find(p2p, id);
    if (peer == NULL || peer->is_doomed)
        return;
    peer->received_bytes += size;
    if (size > p2p_inbox_room(&peer->inbox) || p2p_inbox_put(&peer->inbox, data, size) != 0)
        p2p_doom(peer, "there is no memory for what it sends");
}

struct btc_span p2p_output(const struct p2p *p2p, uint32_t id)
{
    const struct p2p_peer *peer = find(p2p, id);
    if (peer == NULL || p2p_waiting(peer) == 0)
        return (struct btc_span){NULL, 0};
    return (struct btc_span){peer->out.data + peer->out_at, p2p_waiting(peer)};
}

void p2p_sent(struct p2p *p2p, uint32_t id, size_t size)
{
    struct p2p_peer *peer = find(p2p, id);
    if (peer == NULL)
        return;
    if (size > 0)
        peer->out_moved_ms = p2p->now_ms;
    peer->out_at += size;
    peer->sent_bytes += size;
    if (peer->out_at < peer->out.size / 2)
        return;
    peer->out.size -= peer->out_at;
    if (peer->out.size > 0)
        memmove(peer->out.data, peer->out.data + peer->out_at, peer->out.size);
    else if (peer->out.capacity > OUT_KEPT_BYTES)
        btc_writer_free(&peer->out);
    peer->out_at = 0;
}

/* ---- the chain ---- */

void p2p_trouble(struct p2p *p2p, int code, const struct btc_error *err)
{
    struct p2p_listener *listener = &p2p->config.listener;
    p2p->paused_ms = p2p->now_ms + P2P_PAUSE_MS;
    p2p_forget_plans(p2p);
    listener->trouble(listener->user, code, err);
}

/* What was taken in is not there: entries of it are names of nothing. */
static void forget_entries(struct p2p *p2p)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        p2p->peers[i].best.id = 0;
        p2p->peers[i].shown.id = 0;
    }
}

void p2p_commit(struct p2p *p2p)
{
    struct p2p_listener *listener = &p2p->config.listener;
    struct btc_error err = {.text = ""};
    if (!p2p->is_batch)
        return;
    size_t count = p2p->changes_count;
    p2p->is_batch = false;
    p2p->changes_count = 0;
    int rc = chain_batch_end(p2p->chain, &err);
    if (rc != 0) {
        forget_entries(p2p);
        p2p_trouble(p2p, rc, &err);
    } else if (count > 0) {
        p2p->is_stale = true;
        p2p_forget_refused(p2p);
        p2p->has_headers = false; /* the tip that is told now has them */
        listener->changed(listener->user, p2p->changes, count);
    }
}

void p2p_chain_changed(struct p2p *p2p)
{
    p2p->is_stale = true;
    p2p_forget_refused(p2p);
}

/* ---- turns ---- */

static void refill(struct p2p *p2p, struct p2p_peer *peer)
{
    uint64_t passed_ms = p2p->now_ms - peer->tokens_ms;
    peer->tokens_ms = p2p->now_ms;
    peer->tokens += (int64_t)passed_ms * P2P_TOKENS_PER_S / 1000;
    if (peer->tokens > P2P_TOKENS_MAX)
        peer->tokens = P2P_TOKENS_MAX;
}

/* Has it a whole message, which may be looked at? */
static bool look(struct p2p *p2p, struct p2p_peer *peer, struct btc_span *ret_payload)
{
    struct btc_error err = {.text = ""};
    if (peer->is_doomed || peer->tokens <= 0 || p2p_waiting(peer) >= P2P_OUTBOX_BYTES)
        return false;
    int rc = p2p_inbox_look(&peer->inbox, p2p->params, ret_payload, &err);
    if (rc == BTC_ENETWORK)
        p2p_doom(peer, "%s", err.text);
    else if (rc < 0)
        p2p_blame(peer, P2P_SCORE_MAX, "%s", err.text);
    else if (peer->inbox.has_head && peer->stage != P2P_STAGE_READY &&
             peer->inbox.head.size > EARLY_BYTES_MAX)
        p2p_blame(peer, P2P_SCORE_MAX, "a %s of %u bytes before the handshake",
                  peer->inbox.head.command, peer->inbox.head.size);
    return rc == 1 && !peer->is_doomed;
}

/* Its share of a turn, which takes from what is left of it. True: it has more. */
static bool work_peer(struct p2p *p2p, struct p2p_peer *peer, int64_t *left)
{
    struct btc_span payload;
    refill(p2p, peer);
    int64_t before = peer->tokens;
    for (int i = 0; i < P2P_TURN_MESSAGES && look(p2p, peer, &payload); i++) {
        enum p2p_kind kind = peer->inbox.head.kind;
        p2p_charge(peer, kind == P2P_BLOCK ? 0 : 2 + payload.size / 1000);
        if (!p2p_handle(p2p, peer, kind, payload))
            break;
        p2p_inbox_next(&peer->inbox);
        if (peer->out.failed != 0)
            p2p_doom(peer, "there is no room for what it would be sent");
    }
    *left -= before - peer->tokens;
    return look(p2p, peer, &payload);
}

/* Asks for what is missing and says what is new. */
static void go_on(struct p2p *p2p)
{
    struct p2p_listener *listener = &p2p->config.listener;
    if (p2p->has_headers)
        listener->headers(listener->user);
    p2p->has_headers = false;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        if (p2p->peers[i].id != 0 && !p2p->peers[i].is_doomed)
            p2p_ask_blocks(p2p, &p2p->peers[i]);
    }
    if (p2p->is_stale && p2p->now_ms - p2p->announced_ms >= P2P_ANNOUNCE_MS)
        p2p_announce(p2p);
    if (p2p->now_ms - p2p->told_ms >= P2P_ANNOUNCE_MS) {
        p2p->told_ms = p2p->now_ms;
        p2p_tell_txs(p2p);
    }
    drop_doomed(p2p);
}

bool p2p_work(struct p2p *p2p, uint64_t now_ms)
{
    bool has_more = false;
    pass_time(p2p, now_ms);
    int64_t left = P2P_WORK_TOKENS;
    size_t first = p2p->turn + 1;
    for (size_t i = 0; i < P2P_PEERS_MAX && left > 0; i++) {
        p2p->turn = (first + i) % P2P_PEERS_MAX;
        struct p2p_peer *peer = &p2p->peers[p2p->turn];
        if (peer->id != 0 && work_peer(p2p, peer, &left))
            has_more = true;
    }
    if (left > 0)
        p2p->turn = first % P2P_PEERS_MAX; /* another one begins next time */
    else
        has_more = true;
    p2p_commit(p2p);
    go_on(p2p);
    return has_more;
}

/* ---- deadlines ---- */

static bool is_over(const struct p2p *p2p, uint64_t since_ms, uint64_t limit_ms)
{
    return p2p->now_ms - since_ms > limit_ms;
}

/* Whoever waits for us, too, has longer: but a flood is no answer, however long it goes on. Of a
 * handshake there is too little for that. */
static void judge(struct p2p *p2p, struct p2p_peer *peer)
{
    uint64_t times = peer->inbox.is_whole ? P2P_PATIENCE : 1;
    if (p2p_waiting(peer) == 0)
        peer->out_moved_ms = p2p->now_ms;
    else if (is_over(p2p, peer->out_moved_ms, P2P_PONG_MS))
        p2p_doom(peer, "it read nothing within %d s", P2P_PONG_MS / 1000);
    if (peer->stage != P2P_STAGE_READY) {
        if (is_over(p2p, peer->opened_ms, P2P_HANDSHAKE_MS))
            p2p_doom(peer, "no handshake within %d s", P2P_HANDSHAKE_MS / 1000);
    } else if (peer->flights_count > 0 && is_over(p2p, peer->progress_ms, P2P_BLOCK_MS * times)) {
        p2p_doom(peer, "none of the blocks it was asked for within %d s", P2P_BLOCK_MS / 1000);
    } else if (peer->is_asked && is_over(p2p, peer->asked_ms, P2P_HEADERS_MS * times)) {
        p2p_doom(peer, "no headers within %d s", P2P_HEADERS_MS / 1000);
    } else if (peer->is_pinged && is_over(p2p, peer->ping_sent_ms, P2P_PONG_MS * times)) {
        p2p_doom(peer, "no answer to a ping within %d s", P2P_PONG_MS / 1000);
    } else if (!peer->is_pinged && is_over(p2p, peer->ping_sent_ms, P2P_PING_MS)) {
        peer->is_pinged = true;
        peer->ping_nonce = ++p2p->nonces;
        peer->ping_sent_ms = p2p->now_ms;
        p2p_write_number(&peer->out, p2p->params, P2P_PING, peer->ping_nonce);
    }
    if (peer->stage == P2P_STAGE_READY && peer->best.id == 0 &&
        is_over(p2p, peer->asked_ms, P2P_REASK_MS))
        p2p_ask_headers(p2p, peer, NULL);
}

void p2p_tick(struct p2p *p2p, uint64_t now_ms)
{
    pass_time(p2p, now_ms);
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        if (p2p->peers[i].id != 0 && !p2p->peers[i].is_doomed)
            judge(p2p, &p2p->peers[i]);
    }
    go_on(p2p);
}
