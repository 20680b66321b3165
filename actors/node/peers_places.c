/* Addresses to connect to, addresses that are banned, connections: see peers_impl.h. */
#include <stdio.h>
#include <string.h>

#include "actors/node/peers_impl.h"

/* ---- connections ---- */

struct peers_connection *peers_connection_of(struct node_peers *peers, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < PEERS_CONNECTIONS_MAX; i++) {
        if (peers->connections[i].id == id)
            return &peers->connections[i];
    }
    return NULL;
}

void peers_remember(struct node_peers *peers, uint32_t id, const struct p2p_address *address,
                    bool is_inbound, bool is_open)
{
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++) {
        if (peers->connections[i].id != 0)
            continue;
        peers->connections[i] = (struct peers_connection){.id = id,
                                                          .is_inbound = is_inbound,
                                                          .is_open = is_open,
                                                          .since_ms = troupe_now_ms(),
                                                          .address = *address};
        return;
    }
}

void peers_forget(struct node_peers *peers, uint32_t id, const char *reason)
{
    struct peers_connection *connection = peers_connection_of(peers, id);
    if (connection != NULL)
        connection->id = 0;
    for (size_t i = 0; i < P2P_NET_OUTBOUND_MAX; i++) {
        struct peers_target *target = &peers->targets[i];
        if (!target->is_used || target->id != id)
            continue;
        target->id = 0;
        snprintf(target->reason, sizeof(target->reason), "%s", reason);
        target->next_ms = troupe_now_ms() + target->delay_ms;
        target->delay_ms = target->delay_ms * 2 < PEERS_RETRY_MS_MAX ? target->delay_ms * 2
                                                                     : PEERS_RETRY_MS_MAX;
    }
}

void peers_hang_up(struct node_peers *peers, uint32_t id)
{
    p2p_net_close(peers->net, id);
    p2p_close(peers->p2p, id);
    peers_forget(peers, id, "it was hung up on here");
}

/* ---- targets ---- */

int peers_add_target(struct node_peers *peers, const struct p2p_address *address,
                     struct btc_error *err)
{
    struct peers_target *place = NULL;
    for (size_t i = 0; i < P2P_NET_OUTBOUND_MAX; i++) {
        struct peers_target *target = &peers->targets[i];
        if (target->is_used && p2p_address_same(&target->address, address))
            return 0;
        if (!target->is_used && place == NULL)
            place = target;
    }
    if (place == NULL)
        return btc_fail(err, BTC_ELIMIT, "there are %d peers to connect to already; drop one first",
                        P2P_NET_OUTBOUND_MAX);
    int rc = peers_need_net(peers, err);
    if (rc == 0)
        *place = (struct peers_target){
            .is_used = true, .address = *address, .delay_ms = PEERS_RETRY_MS};
    return rc;
}

void peers_encourage(struct node_peers *peers, uint32_t id)
{
    for (size_t i = 0; i < P2P_NET_OUTBOUND_MAX; i++) {
        if (peers->targets[i].is_used && peers->targets[i].id == id)
            peers->targets[i].delay_ms = PEERS_RETRY_MS;
    }
}

void peers_dial(struct node_peers *peers)
{
    uint64_t now_ms = troupe_now_ms();
    for (size_t i = 0; peers->is_active && i < P2P_NET_OUTBOUND_MAX; i++) {
        struct peers_target *target = &peers->targets[i];
        if (!target->is_used || target->id != 0 || now_ms < target->next_ms ||
            peers_is_banned(peers, &target->address))
            continue;
        if (p2p_net_connect(peers->net, &target->address, &target->id, NULL) == 0)
            peers_remember(peers, target->id, &target->address, false, false);
        else
            target->next_ms = now_ms + PEERS_RETRY_MS;
    }
}

bool peers_has_targets(const struct node_peers *peers)
{
    for (size_t i = 0; i < P2P_NET_OUTBOUND_MAX; i++) {
        if (peers->targets[i].is_used)
            return true;
    }
    return false;
}

/* ---- bans ---- */

static bool covers(const struct peers_ban *ban, const struct p2p_address *address)
{
    return ban->is_used && (ban->is_any_port ? p2p_address_same_host(&ban->address, address)
                                             : p2p_address_same(&ban->address, address));
}

/* A free place, or that of the ban that ends first. */
static struct peers_ban *ban_place(struct node_peers *peers)
{
    struct peers_ban *place = &peers->bans[0];
    for (size_t i = 0; i < PEERS_BANS_MAX; i++) {
        struct peers_ban *ban = &peers->bans[i];
        if (!ban->is_used)
            return ban;
        if (ban->until_ms < place->until_ms)
            place = ban;
    }
    return place;
}

void peers_ban(struct node_peers *peers, const struct p2p_address *address, bool is_any_port,
               uint64_t seconds, const char *reason)
{
    peers_unban(peers, address, is_any_port);
    struct peers_ban *ban = ban_place(peers);
    *ban = (struct peers_ban){.is_used = true,
                              .is_any_port = is_any_port,
                              .address = *address,
                              .until_ms = troupe_now_ms() + seconds * 1000};
    snprintf(ban->reason, sizeof(ban->reason), "%s", reason);
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++) {
        struct peers_connection *connection = &peers->connections[i];
        if (connection->id != 0 && covers(ban, &connection->address))
            peers_hang_up(peers, connection->id);
    }
}

bool peers_unban(struct node_peers *peers, const struct p2p_address *address, bool is_any_port)
{
    bool found = false;
    for (size_t i = 0; i < PEERS_BANS_MAX; i++) {
        struct peers_ban *ban = &peers->bans[i];
        if (ban->is_used && ban->is_any_port == is_any_port && covers(ban, address)) {
            ban->is_used = false;
            found = true;
        }
    }
    return found;
}

bool peers_is_banned(struct node_peers *peers, const struct p2p_address *address)
{
    uint64_t now_ms = troupe_now_ms();
    for (size_t i = 0; i < PEERS_BANS_MAX; i++) {
        struct peers_ban *ban = &peers->bans[i];
        if (ban->is_used && now_ms >= ban->until_ms)
            ban->is_used = false;
        if (covers(ban, address))
            return true;
    }
    return false;
}
