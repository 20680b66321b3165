/*
 * Private to the node actor's part that has to do with peers: who is to be talked to, and what joins
 * the engine (p2p.h) with the sockets (p2p_net.h).
 *
 *   peers.c         start and stop, turns, what the engine and the network tell
 *   peers_places.c  addresses to connect to, addresses that are banned, connections
 *   peers_serve.c   the methods
 */
#ifndef ACTORS_NODE_PEERS_IMPL_H
#define ACTORS_NODE_PEERS_IMPL_H

#include "actors/node/node_impl.h"
#include "actors/node/p2p.h"
#include "actors/node/p2p_net.h"

#define PEERS_CONNECTIONS_MAX (P2P_NET_OUTBOUND_MAX + P2P_NET_INBOUND_MAX)
#define PEERS_BANS_MAX        128
#define PEERS_TICK_MS         250
#define PEERS_PULL_BYTES      65536 /* of one connection at once */
#define PEERS_BAN_S           86400
#define PEERS_RETRY_MS        1000 /* before the first new attempt to connect */
#define PEERS_RETRY_MS_MAX    60000
#define PEERS_ALERT_MS        1000 /* between two alerts: a peer can't make us shout */
#define PEERS_REASON_SIZE     128

/* An address to stay connected to. */
struct peers_target {
    bool is_used;
    struct p2p_address address;
    uint32_t id; /* of its connection; 0: none */
    uint64_t next_ms;
    uint32_t delay_ms;
    char reason[P2P_REASON_SIZE]; /* why its last connection ended */
};

struct peers_ban {
    bool is_used;
    bool is_any_port;
    struct p2p_address address;
    uint64_t until_ms;
    char reason[PEERS_REASON_SIZE];
};

struct peers_connection {
    uint32_t id; /* 0: none */
    bool is_inbound;
    bool is_open;
    uint64_t since_ms;
    struct p2p_address address;
};

struct node_peers {
    struct troupe *troupe;
    struct troupe_ref ref;     /* the actor: whom the network thread tells */
    struct troupe_actor *self; /* [borrowed] in a turn */
    struct node *node;
    struct p2p *p2p;     /* [owned] */
    struct p2p_net *net; /* [owned]; NULL until it is needed */
    bool is_active;
    bool is_listening;
    bool is_ticking;
    bool is_turning; /* a turn is on its way */
    bool has_phase;  /* what the node is busy with was said by us */
    struct p2p_address listens_on;
    struct node_peers_changed told;
    uint64_t alerted_ms;
    uint64_t reported_ms;
    struct peers_target targets[P2P_NET_OUTBOUND_MAX];
    struct peers_ban bans[PEERS_BANS_MAX];
    struct peers_connection connections[PEERS_CONNECTIONS_MAX];
    uint8_t pulled[PEERS_PULL_BYTES];
};

/* ---- peers.c ---- */

int peers_need_net(struct node_peers *peers, struct btc_error *err) BTC_MUST_CHECK;
/* Sees to it that there is a turn soon, and that time passes. */
void peers_wake(struct troupe_actor *self, struct node_peers *peers);
void peers_alert(struct node_peers *peers, enum node_alert_level level, const char *text);
void peers_publish(struct troupe_actor *self, struct node_peers *peers);

/* ---- peers_places.c ---- */

struct peers_connection *peers_connection_of(struct node_peers *peers, uint32_t id);
void peers_remember(struct node_peers *peers, uint32_t id, const struct p2p_address *address,
                    bool is_inbound, bool is_open);
/* The connection is gone: its target waits before it is tried again. */
void peers_forget(struct node_peers *peers, uint32_t id, const char *reason);
/* Ends a connection here and there. */
void peers_hang_up(struct node_peers *peers, uint32_t id);

int peers_add_target(struct node_peers *peers, const struct p2p_address *address,
                     struct btc_error *err) BTC_MUST_CHECK;
/* The handshake with it went well: the next attempt may come soon. */
void peers_encourage(struct node_peers *peers, uint32_t id);
/* Connects to those whose time has come. */
void peers_dial(struct node_peers *peers);
bool peers_has_targets(const struct node_peers *peers);

/* Bans, and unbans: false if it was not banned. */
void peers_ban(struct node_peers *peers, const struct p2p_address *address, bool is_any_port,
               uint64_t seconds, const char *reason);
bool peers_unban(struct node_peers *peers, const struct p2p_address *address, bool is_any_port);
bool peers_is_banned(struct node_peers *peers, const struct p2p_address *address);

#endif
