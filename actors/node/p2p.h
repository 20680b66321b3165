/*
 * The node's peers: what is said to each of them and what is made of their answers. Bytes in, bytes
 * out, the clock is given: no sockets, no threads, nothing of the bus.
 *
 * Who calls: whoever owns the chain, on the chain's thread. A peer begins with p2p_open(), when a
 * connection stands; from then on p2p_receive() takes what it sent, p2p_work() acts on it, and
 * p2p_output() is what to send it. p2p_tick() is to be called a few times a second.
 *
 * What is done: handshake; headers first, from all; blocks from all who have them, a window of some
 * from each; headers and blocks served; new blocks and transactions told and asked for; pings.
 *
 * What a peer can cost: P2P_INBOX_BYTES_MAX + P2P_OUTBOX_BYTES_MAX of memory and 100 KiB, a
 * share of the time (P2P_TURN_MESSAGES in each turn, and P2P_TOKENS_PER_S for what was not asked
 * for), nothing else. Who breaks the rules collects points; at P2P_SCORE_MAX it is dropped and
 * is_banned. Who lets us wait is dropped.
 */
#ifndef ACTORS_NODE_P2P_H
#define ACTORS_NODE_P2P_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"
#include "actors/node/chain.h"
#include "actors/node/mempool.h"
#include "actors/node/p2p_wire.h"

#define P2P_PEERS_MAX        40 /* outbound and inbound */
#define P2P_SCORE_MAX        100
#define P2P_SLACK_BYTES      65536 /* beyond the message that is being received */
#define P2P_INBOX_BYTES_MAX  (P2P_HEAD_SIZE + P2P_PAYLOAD_MAX + P2P_SLACK_BYTES)
#define P2P_OUTBOX_BYTES     (1u << 20) /* who lets more wait is not served until it has read */
#define P2P_OUTBOX_BYTES_MAX (6u << 20) /* with the answer that went over it */
#define P2P_TURN_MESSAGES    16         /* of one peer, before the others */
#define P2P_FLIGHTS_MAX      16         /* blocks asked of one peer at a time */
#define P2P_PLAN_MAX         1024       /* blocks ahead of the tip that are asked for */
#define P2P_WALK_MAX         20000      /* headers from a peer's best back to the active chain */
#define P2P_BATCH_MAX        64         /* blocks in one transaction */
#define P2P_SIDE_HEADERS_MAX 10000      /* that lead to less work than the best's, of one peer */
#define P2P_PRESYNC_ROWS_MAX 2048 /* of P2P_HEADERS_MAX headers, before they have enough work */
#define P2P_PRESYNC_LAG_MAX  144  /* blocks of work behind the best header that are enough */
#define P2P_TOKENS_PER_S     5000 /* a token: about 20 us of work */
#define P2P_TOKENS_MAX       20000
#define P2P_WORK_TOKENS      1000 /* in one turn of all peers, before somebody else's */
#define P2P_WANTED_MAX       100  /* transactions asked of one peer at a time */
#define P2P_ASKED_MAX        3    /* peers for one transaction; as many again that we chose */
#define P2P_KNOWN_MAX        2048 /* of which is remembered that a peer has them */
#define P2P_REFUSED_MAX      8192 /* that are not asked for again */
#define P2P_AGENT_TEXT_SIZE  81   /* bytes, with the NUL */
#define P2P_ADDRESS_SIZE     64
#define P2P_REASON_SIZE      160

#define P2P_HANDSHAKE_MS 30000
#define P2P_PING_MS      120000
#define P2P_PONG_MS      120000
#define P2P_HEADERS_MS   120000 /* for an answer to getheaders */
#define P2P_BLOCK_MS     30000  /* without one of the blocks that a peer was asked for */
#define P2P_PATIENCE     4      /* times that, for who has said something that we did not get to */
#define P2P_CLOCK_MS_MAX 2000   /* of time that counts between two calls: we may have been away */
#define P2P_TX_MS        60000  /* before another peer is asked for a transaction */
#define P2P_PAUSE_MS     10000  /* without new blocks, after trouble with the disk */
#define P2P_REASK_MS     60000  /* before a peer that showed no headers is asked again */
#define P2P_ANNOUNCE_MS  200    /* between two announcements of a tip */

/* Told from within p2p_work(), p2p_tick() and p2p_open(); must not call back. */
struct p2p_listener {
    /* Blocks were connected, and are on disk. */
    void (*changed)(void *user, const struct chain_change *changes, size_t count);
    /* There are new headers. */
    void (*headers)(void *user);
    /* The handshake with the peer is done. */
    void (*ready)(void *user, uint32_t id);
    /* The peer was let go of, its id is not valid any more: close the connection. */
    void (*dropped)(void *user, uint32_t id, const char *reason, bool is_banned);
    /* The node's own trouble: the disk, memory. Blocks are asked for again. */
    void (*trouble)(void *user, int code, const struct btc_error *err);
    void *user;
};

struct p2p_config {
    struct chain *chain;  /* [kept] must outlive it */
    struct mempool *pool; /* [kept] on that chain; NULL: no transactions are relayed */
    const char *agent;    /* [kept] "/name:version/" */
    uint64_t nonce;       /* random: by it we know ourselves */
    struct p2p_listener listener;
};

struct p2p_info {
    uint32_t id;
    char address[P2P_ADDRESS_SIZE];
    bool is_inbound;
    bool is_ready;
    char agent[P2P_AGENT_TEXT_SIZE];
    int32_t protocol;
    int32_t height;
    bool has_ping;
    uint32_t ping_ms;
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint32_t score;
    bool is_poor; /* its headers have too little work to be stored */
    uint64_t age_ms;
    size_t memory; /* bytes that its buffers take */
};

struct p2p_totals {
    uint32_t outbound; /* ready ones */
    uint32_t inbound;
    uint32_t flights;      /* blocks that were asked for */
    bool is_asking;        /* for headers */
    int32_t target_height; /* of the best header of a peer */
};

struct p2p; /* opaque */

int p2p_new(const struct p2p_config *config, struct p2p **ret_p2p, struct btc_error *err)
    BTC_MUST_CHECK;
void p2p_free(struct p2p *p2p); /* tells nobody; NULL is fine */

/* A connection stands. BTC_ELIMIT: there are P2P_PEERS_MAX. BTC_ENOMEM. */
int p2p_open(struct p2p *p2p, uint32_t id, const char *address, bool is_inbound, uint64_t now_ms,
             struct btc_error *err) BTC_MUST_CHECK;
/* The connection went away. Unknown ids are fine here and below. */
void p2p_close(struct p2p *p2p, uint32_t id);

/* How many bytes of this peer there is room for. */
size_t p2p_room(const struct p2p *p2p, uint32_t id);
/* At most that many. */
void p2p_receive(struct p2p *p2p, uint32_t id, const uint8_t *data, size_t size);
/* What is to be sent [borrowed until the next call], and how much of it was. */
struct btc_span p2p_output(const struct p2p *p2p, uint32_t id);
void p2p_sent(struct p2p *p2p, uint32_t id, size_t size);

/* Acts on what was received. True: there is more that could be done at once. */
bool p2p_work(struct p2p *p2p, uint64_t now_ms);
/* Deadlines, pings, announcements. */
void p2p_tick(struct p2p *p2p, uint64_t now_ms);
/* The chain grew otherwise: by mining, by a file. */
void p2p_chain_changed(struct p2p *p2p);

/* The peers' ids and state; at most P2P_PEERS_MAX. Returns how many. */
size_t p2p_list(const struct p2p *p2p, struct p2p_info ret_infos[P2P_PEERS_MAX]);
void p2p_get_totals(const struct p2p *p2p, struct p2p_totals *ret_totals);

#endif
