/*
 * Private to the peers' engine: a peer, and what its files offer one another.
 *
 *   p2p.c          the peers as a whole: turns, deadlines, who is there
 *   p2p_inbox.c    from bytes to whole messages
 *   p2p_peer.c     handshake, which message goes where, points and drops
 *   p2p_headers.c  headers: asked for, taken, served, announced
 *   p2p_presync.c  headers that are not known to be worth their place
 *   p2p_blocks.c   blocks: which are asked of whom, taken
 *   p2p_serve.c    blocks: served
 *   p2p_relay.c    transactions
 *   p2p_wire.c     messages to and from bytes
 */
#ifndef ACTORS_NODE_P2P_IMPL_H
#define ACTORS_NODE_P2P_IMPL_H

#include "actors/node/p2p.h"

/* Bytes of a peer on their way to becoming messages. */
struct p2p_inbox {
    uint8_t *data; /* [owned] */
    size_t capacity;
    size_t size;
    size_t at;     /* where the present message begins */
    bool has_head; /* of it */
    bool is_whole; /* and checked */
    struct p2p_head head;
};

/* At most `size`, up to P2P_INBOX_BYTES_MAX. */
size_t p2p_inbox_room(const struct p2p_inbox *inbox);
int p2p_inbox_put(struct p2p_inbox *inbox, const uint8_t *data, size_t size) BTC_MUST_CHECK;
/* 1: the present message is whole. 0: it is not, yet. Or what p2p_read_head() and
 * p2p_check_payload() say. */
int p2p_inbox_look(struct p2p_inbox *inbox, const struct btc_params *params,
                   struct btc_span *ret_payload, struct btc_error *err) BTC_MUST_CHECK;
/* The present message is done with. */
void p2p_inbox_next(struct p2p_inbox *inbox);
void p2p_inbox_free(struct p2p_inbox *inbox);

enum p2p_stage { P2P_STAGE_OPEN, P2P_STAGE_VERSIONED, P2P_STAGE_READY };

struct p2p_flight {
    struct btc_hash hash;
    bool is_used;
};

/* Headers of one message, in p2p->headers; each was worked for and builds on the one before. */
struct p2p_row {
    size_t count;
    struct btc_hash prev; /* of the first */
    struct btc_hash last;
    struct btc_u256 work; /* of all of them */
};

/* Headers that a peer shows twice: see p2p_presync.c. */
struct p2p_presync {
    struct btc_hash
        *marks;   /* [owned] P2P_PRESYNC_ROWS_MAX: the last of each row. NULL: none is on */
    size_t count; /* rows of the first pass */
    size_t tail;  /* headers in the last of them */
    size_t at;    /* row of the second pass */
    bool is_second;
    struct btc_hash start; /* what the first row builds on */
    struct btc_u256 work;  /* of the chain up to the last row */
};

struct p2p_peer {
    uint32_t id; /* 0: nobody */
    char address[P2P_ADDRESS_SIZE];
    bool is_inbound;
    enum p2p_stage stage;
    uint64_t opened_ms;

    struct p2p_inbox inbox;
    size_t served; /* items of the getdata that is the present message */
    struct btc_writer out;
    size_t out_at;         /* sent of it */
    uint64_t out_moved_ms; /* when it last read some of it, or all was read */
    uint64_t received_bytes;
    uint64_t sent_bytes;
    int64_t tokens;
    uint64_t tokens_ms;

    uint32_t score;
    bool is_doomed; /* to be dropped when its message is done */
    char reason[P2P_REASON_SIZE];

    char agent[P2P_AGENT_TEXT_SIZE];
    int32_t protocol;
    uint64_t services;
    int32_t height;
    bool wants_headers;
    bool wants_wtxids;
    bool relays;
    uint64_t fee_rate; /* transactions below are not to be told */

    bool is_pinged;
    uint64_t ping_nonce;
    uint64_t ping_sent_ms;
    bool has_ping;
    uint32_t ping_ms;

    bool is_asked; /* for headers */
    uint64_t asked_ms;
    uint32_t unconnecting;
    uint32_t side_headers;
    struct p2p_presync presync;
    bool is_poor;             /* all that it showed last has too little work to be stored */
    struct chain_entry best;  /* header with the most work that it has; id 0: none known */
    struct chain_entry shown; /* the last block of ours that it was told of, or has; id 0: none */

    struct p2p_flight flights[P2P_FLIGHTS_MAX];
    uint32_t flights_count;
    uint64_t progress_ms;  /* of its last block, or since it was asked */
    struct btc_hash *plan; /* [owned] blocks to ask for, P2P_PLAN_MAX of them, or NULL */
    size_t plan_count;
    size_t plan_at;
    struct btc_hash wanted[P2P_WANTED_MAX]; /* transactions that it was asked for */
    uint32_t wanted_count;
    uint64_t wanted_ms;
    uint64_t told_sequence;        /* of the pool: up to here it was told */
    uint64_t known[P2P_KNOWN_MAX]; /* transactions that it has, by a part of their hashes */
    struct btc_hash plan_tip;      /* the active tip when it was made */
    bool has_plan;
};

struct p2p {
    struct p2p_config config;
    struct chain *chain;
    const struct btc_params *params;
    struct p2p_peer peers[P2P_PEERS_MAX];
    uint64_t now_ms;    /* of those who wait: stands still while we are away */
    uint64_t last_ms;   /* what the caller's clock said */
    uint64_t nonces;    /* of pings */
    uint64_t paused_ms; /* no blocks are asked for until then */
    size_t turn;        /* who begins */
    bool is_batch;      /* blocks are being collected in a transaction */
    size_t changes_count;
    struct chain_change changes[P2P_BATCH_MAX];
    bool has_headers; /* new ones, not told yet */
    bool is_stale;    /* the tip is to be announced */
    uint64_t announced_ms;
    uint64_t told_ms;                  /* of transactions */
    uint64_t refused[P2P_REFUSED_MAX]; /* transactions, since the last block */
    uint8_t *headers;                  /* [owned] P2P_HEADERS_MAX of 80 bytes: scratch */
};

/* ---- p2p_peer.c ---- */

/* Points for breaking a rule; the reason is for people. */
void p2p_blame(struct p2p_peer *peer, uint32_t points, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* It is to go, without points. */
void p2p_doom(struct p2p_peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void p2p_greet(struct p2p *p2p, struct p2p_peer *peer);
/* Handles its present message. False: not done with it, for lack of room or because it was enough
 * for this turn. */
bool p2p_handle(struct p2p *p2p, struct p2p_peer *peer, enum p2p_kind kind,
                struct btc_span payload);
/* What it sent unasked takes from its share of the time. */
void p2p_charge(struct p2p_peer *peer, size_t tokens);
/* Bytes that wait to be sent. */
size_t p2p_waiting(const struct p2p_peer *peer);

/* ---- p2p.c ---- */

/* The chain said no for reasons of its own. */
void p2p_trouble(struct p2p *p2p, int code, const struct btc_error *err);
/* Puts the collected blocks on disk and tells of them. */
void p2p_commit(struct p2p *p2p);

/* ---- p2p_headers.c ---- */

void p2p_ask_headers(struct p2p *p2p, struct p2p_peer *peer, const struct btc_hash *from);
void p2p_take_headers(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload);
void p2p_serve_headers(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload);
/* It has this block, or at least its header. */
void p2p_note_best(struct p2p_peer *peer, const struct chain_entry *entry);
void p2p_announce(struct p2p *p2p);

/* ---- p2p_presync.c ---- */

enum p2p_verdict {
    P2P_ROW_KEEP, /* it goes to the chain */
    P2P_ROW_USED, /* it is done with */
    P2P_ROW_PASS, /* it is not what the peer was asked for, which is still to come */
};

/* What is to become of a row, which may be empty. Asks for the next one where it is used. */
enum p2p_verdict p2p_presync_judge(struct p2p *p2p, struct p2p_peer *peer,
                                   const struct p2p_row *row);
void p2p_presync_end(struct p2p_peer *peer);

/* ---- p2p_blocks.c ---- */

void p2p_ask_blocks(struct p2p *p2p, struct p2p_peer *peer);
void p2p_take_block(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload);
/* It does not have what it was asked for. */
void p2p_miss_block(struct p2p *p2p, struct p2p_peer *peer, const struct btc_hash *hash);
/* All plans are to be made again: somebody is gone, or blocks that were asked for are not there. */
void p2p_forget_plans(struct p2p *p2p);

/* ---- p2p_serve.c ---- */

/* As p2p_handle(). */
bool p2p_serve_data(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload);
void p2p_hear_inventory(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload);

/* ---- p2p_relay.c ---- */

/* It tells of a transaction, which may be wanted. */
void p2p_hear_tx(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_item *item);
/* Asks for what is wanted of it from the one with that number on. */
void p2p_ask_txs(struct p2p *p2p, struct p2p_peer *peer, uint32_t first);
void p2p_miss_tx(struct p2p_peer *peer, const struct btc_hash *hash);
void p2p_take_tx(struct p2p *p2p, struct p2p_peer *peer, struct btc_span payload);
/* What was refused may be right after another block. */
void p2p_forget_refused(struct p2p *p2p);
/* Tells of what is new in the pool. */
void p2p_tell_txs(struct p2p *p2p);
/* Where that begins for one who has just come. */
void p2p_begin_telling(struct p2p *p2p, struct p2p_peer *peer);
/* False: it is not here. */
bool p2p_serve_tx(struct p2p *p2p, struct p2p_peer *peer, const struct p2p_item *item);

#endif
