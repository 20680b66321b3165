/* The methods that have to do with peers: see peers_impl.h. */
#include <stdio.h>
#include <string.h>

#include "actors/node/peers_impl.h"

/* ---- list_peers ---- */

struct listing {
    struct p2p_info infos[P2P_PEERS_MAX];
    char addresses[NODE_LIST_PEERS_RESULTS_PEERS_MAX][P2P_NET_ADDRESS_SIZE];
    struct node_peer peers[NODE_LIST_PEERS_RESULTS_PEERS_MAX];
    char ban_addresses[PEERS_BANS_MAX][P2P_NET_ADDRESS_SIZE];
    struct node_banned_address bans[PEERS_BANS_MAX];
    size_t peers_count;
    size_t bans_count;
};

static struct node_peer peer_of(const struct p2p_info *info)
{
    return (struct node_peer){
        .address = troupe_text(info->address),
        .is_inbound = info->is_inbound,
        .state = info->is_ready ? NODE_PEER_STATE_READY : NODE_PEER_STATE_HANDSHAKE,
        .agent = troupe_text(info->agent),
        .protocol = (uint32_t)info->protocol,
        .height = (uint32_t)info->height,
        .has_ping_ms = info->has_ping,
        .ping_ms = info->ping_ms,
        .received_bytes = info->received_bytes,
        .sent_bytes = info->sent_bytes,
        .score = info->score,
        .age_s = (uint32_t)(info->age_ms / 1000),
        .has_reason = info->is_poor,
        .reason = troupe_text("its chain has too little work: none of it is taken"),
    };
}

static void list_connecting(struct node_peers *peers, struct listing *listing)
{
    uint64_t now_ms = troupe_now_ms();
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++) {
        const struct peers_connection *connection = &peers->connections[i];
        if (connection->id == 0 || connection->is_open ||
            listing->peers_count == NODE_LIST_PEERS_RESULTS_PEERS_MAX)
            continue;
        char *text = listing->addresses[listing->peers_count];
        p2p_address_write(&connection->address, text);
        listing->peers[listing->peers_count++] = (struct node_peer){
            .address = troupe_text(text),
            .state = NODE_PEER_STATE_CONNECTING,
            .age_s = (uint32_t)((now_ms - connection->since_ms) / 1000),
        };
    }
}

/* Those that are to be tried again; with the network off, or banned, none is. */
static void list_waiting(struct node_peers *peers, struct listing *listing)
{
    uint64_t now_ms = troupe_now_ms();
    for (size_t i = 0; peers->is_active && i < P2P_NET_OUTBOUND_MAX; i++) {
        const struct peers_target *target = &peers->targets[i];
        if (!target->is_used || target->id != 0 || peers_is_banned(peers, &target->address) ||
            listing->peers_count == NODE_LIST_PEERS_RESULTS_PEERS_MAX)
            continue;
        uint64_t left_ms = target->next_ms > now_ms ? target->next_ms - now_ms : 0;
        char *text = listing->addresses[listing->peers_count];
        p2p_address_write(&target->address, text);
        listing->peers[listing->peers_count++] = (struct node_peer){
            .address = troupe_text(text),
            .state = NODE_PEER_STATE_WAITING,
            .has_reason = target->reason[0] != '\0',
            .reason = troupe_text(target->reason),
            .has_retry_s = true,
            .retry_s = (uint32_t)((left_ms + 999) / 1000),
        };
    }
}

static void list_bans(struct node_peers *peers, struct listing *listing)
{
    uint64_t now_ms = troupe_now_ms();
    for (size_t i = 0; i < PEERS_BANS_MAX; i++) {
        struct peers_ban *ban = &peers->bans[i];
        if (!ban->is_used || now_ms >= ban->until_ms)
            continue;
        char *text = listing->ban_addresses[i];
        p2p_address_write(&ban->address, text);
        if (ban->is_any_port) /* its host alone */
            *strrchr(text, ':') = '\0';
        listing->bans[listing->bans_count++] = (struct node_banned_address){
            .address = troupe_text(text),
            .left_s = (uint32_t)((ban->until_ms - now_ms + 999) / 1000),
            .reason = troupe_text(ban->reason),
        };
    }
}

void node_serve_list_peers(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct node_peers *peers = ((struct node *)state)->peers;
    struct listing listing = {.peers_count = 0};
    char listens_on[P2P_NET_ADDRESS_SIZE] = "";
    (void)self;
    size_t count = p2p_list(peers->p2p, listing.infos);
    for (size_t i = 0; i < count; i++)
        listing.peers[listing.peers_count++] = peer_of(&listing.infos[i]);
    list_connecting(peers, &listing);
    list_waiting(peers, &listing);
    list_bans(peers, &listing);
    if (peers->is_listening)
        p2p_address_write(&peers->listens_on, listens_on);
    struct node_list_peers_results results = {
        .peers = listing.peers,
        .peers_count = listing.peers_count,
        .bans = listing.bans,
        .bans_count = listing.bans_count,
        .is_active = peers->is_active,
        .has_listens_on = peers->is_listening,
        .listens_on = troupe_text(listens_on),
    };
    node_list_peers_reply(call, &results);
}

/* ---- what changes who is talked to ---- */

/* False: the call was answered. */
static bool read_address(struct node_peers *peers, struct troupe_call *call,
                         struct troupe_text text, struct p2p_address *ret_address,
                         bool *ret_has_port)
{
    char copy[P2P_NET_ADDRESS_SIZE + 1];
    struct btc_error err;
    snprintf(copy, sizeof(copy), "%.*s", (int)text.size, text.data);
    if (p2p_address_read(copy, peers->node->params->port, ret_address, ret_has_port, &err) == 0)
        return true;
    node_fail_bad_address(call, err.text);
    return false;
}

void node_serve_add_peer(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_add_peer_args *args)
{
    struct node_peers *peers = ((struct node *)state)->peers;
    struct p2p_address address;
    struct btc_error err;
    if (!read_address(peers, call, args->address, &address, NULL))
        return;
    if (peers_is_banned(peers, &address)) {
        node_fail_bad_address(call, "it is banned; lift that first, with a ban of 0 seconds");
        return;
    }
    int rc = peers_add_target(peers, &address, &err);
    if (rc == BTC_ELIMIT) {
        node_fail_peers_full(call, err.text);
    } else if (rc != 0) {
        node_fail_chain(call, rc, &err);
    } else {
        peers_dial(peers);
        peers_wake(self, peers);
        node_add_peer_reply(call);
    }
}

void node_serve_drop_peer(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct node_drop_peer_args *args)
{
    struct node_peers *peers = ((struct node *)state)->peers;
    struct p2p_address address;
    bool found = false;
    if (!read_address(peers, call, args->address, &address, NULL))
        return;
    for (size_t i = 0; i < P2P_NET_OUTBOUND_MAX; i++) {
        struct peers_target *target = &peers->targets[i];
        if (!target->is_used || !p2p_address_same(&target->address, &address))
            continue;
        found = true;
        target->is_used = false;
    }
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++) {
        struct peers_connection *connection = &peers->connections[i];
        if (connection->id == 0 || !p2p_address_same(&connection->address, &address))
            continue;
        found = true;
        peers_hang_up(peers, connection->id);
    }
    if (!found) {
        node_fail_not_found(call, "there is no such peer; list_peers names them with their ports");
        return;
    }
    peers_publish(self, peers);
    node_drop_peer_reply(call);
}

void node_serve_ban(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct node_ban_args *args)
{
    struct node_peers *peers = ((struct node *)state)->peers;
    struct p2p_address address;
    bool has_port = false;
    if (!read_address(peers, call, args->address, &address, &has_port))
        return;
    if (args->seconds == 0 && !peers_unban(peers, &address, !has_port)) {
        node_fail_not_found(call, "no such address is banned");
        return;
    }
    if (args->seconds > 0)
        peers_ban(peers, &address, !has_port, args->seconds, "by hand");
    peers_publish(self, peers);
    node_ban_reply(call);
}

void node_serve_set_network_active(struct troupe_actor *self, void *state, struct troupe_call *call,
                                   const struct node_set_network_active_args *args)
{
    struct node_peers *peers = ((struct node *)state)->peers;
    peers->is_active = args->is_active;
    if (peers->net != NULL)
        p2p_net_set_open(peers->net, args->is_active);
    for (size_t i = 0; !args->is_active && i < PEERS_CONNECTIONS_MAX; i++) {
        if (peers->connections[i].id != 0)
            peers_hang_up(peers, peers->connections[i].id);
    }
    for (size_t i = 0; args->is_active && i < P2P_NET_OUTBOUND_MAX; i++)
        peers->targets[i].next_ms = 0;
    if (peers->net != NULL) {
        peers_dial(peers);
        peers_wake(self, peers);
    }
    peers_publish(self, peers);
    node_set_network_active_reply(call);
}
