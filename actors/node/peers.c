/* What joins the peers' engine with the network: see peers_impl.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "actors/bitcoin/version.h"
#include "actors/node/peers_impl.h"
#include "interfaces/p2p.h"
#include "launcher/launcher.h"

/* ---- what the engine tells ---- */

void peers_alert(struct node_peers *peers, enum node_alert_level level, const char *text)
{
    uint64_t now_ms = troupe_now_ms();
    if (peers->alerted_ms != 0 && now_ms - peers->alerted_ms < PEERS_ALERT_MS)
        return;
    peers->alerted_ms = now_ms;
    struct node_alert alert = {.level = level, .text = troupe_text(text)};
    node_publish_alert(peers->self, &alert);
}

static void on_changed(void *user, const struct chain_change *changes, size_t count)
{
    struct node_peers *peers = user;
    node_publish_changes(peers->self, peers->node, changes, count);
}

static void on_headers(void *user)
{
    struct node_peers *peers = user;
    node_publish_tip(peers->self, peers->node);
}

static void on_ready(void *user, uint32_t id)
{
    peers_encourage(user, id);
}

/* Whoever comes from this machine has a port of its own each time: its host is not banned, since
 * others may be there, too. */
static void on_dropped(void *user, uint32_t id, const char *reason, bool is_banned)
{
    struct node_peers *peers = user;
    struct peers_connection *connection = peers_connection_of(peers, id);
    char address[P2P_NET_ADDRESS_SIZE];
    char text[P2P_NET_ADDRESS_SIZE + P2P_REASON_SIZE + 64];
    if (connection == NULL)
        return;
    struct p2p_address whom = connection->address;
    bool is_local = p2p_address_is_loopback(&whom);
    bool is_inbound = connection->is_inbound;
    p2p_address_write(&whom, address);
    snprintf(text, sizeof(text), "peer %s was dropped%s: %s", address,
             is_banned ? " for breaking the rules" : "", reason);
    if (is_banned || !is_inbound) /* others may have tried another protocol first */
        peers_alert(peers, is_banned ? NODE_ALERT_LEVEL_WARNING : NODE_ALERT_LEVEL_INFO, text);
    p2p_net_close(peers->net, id);
    peers_forget(peers, id, reason);
    if (is_banned && !(is_local && is_inbound))
        peers_ban(peers, &whom, !is_local, PEERS_BAN_S, reason);
}

static void on_trouble(void *user, int code, const struct btc_error *err)
{
    struct node_peers *peers = user;
    char text[BTC_ERROR_TEXT_SIZE + 64];
    snprintf(text, sizeof(text), "blocks from peers can't be stored: %s",
             err->text[0] != '\0' ? err->text : btc_code_text(code));
    peers_alert(peers, NODE_ALERT_LEVEL_ERROR, text);
}

/* ---- what is told to others ---- */

void peers_publish(struct troupe_actor *self, struct node_peers *peers)
{
    struct p2p_totals totals;
    p2p_get_totals(peers->p2p, &totals);
    struct node_peers_changed event = {
        .outbound = totals.outbound, .inbound = totals.inbound, .is_active = peers->is_active};
    if (event.outbound == peers->told.outbound && event.inbound == peers->told.inbound &&
        event.is_active == peers->told.is_active)
        return;
    peers->told = event;
    node_publish_peers_changed(self, &event);
}

/* How far a sync is. An import that is under way says it itself. */
static void report(struct troupe_actor *self, struct node_peers *peers)
{
    struct p2p_totals totals;
    struct chain_entry tip;
    uint64_t now_ms = troupe_now_ms();
    p2p_get_totals(peers->p2p, &totals);
    chain_tip(peers->node->chain, &tip);
    bool is_behind = totals.target_height > tip.height;
    enum node_sync_phase phase = totals.flights > 0              ? NODE_SYNC_PHASE_BLOCKS
                                 : is_behind && totals.is_asking ? NODE_SYNC_PHASE_HEADERS
                                                                 : NODE_SYNC_PHASE_IDLE;
    bool is_new = phase != peers->node->phase &&
                  (peers->has_phase || phase != NODE_SYNC_PHASE_IDLE);
    bool is_due = phase != NODE_SYNC_PHASE_IDLE && now_ms - peers->reported_ms >= NODE_REPORT_MS;
    if (!is_new && !is_due)
        return;
    peers->reported_ms = now_ms;
    peers->has_phase = phase != NODE_SYNC_PHASE_IDLE;
    uint64_t total = (uint64_t)(is_behind ? totals.target_height : tip.height);
    node_publish_phase(self, peers->node, phase, (uint64_t)tip.height, total);
}

/* ---- turns ---- */

static void opened(struct node_peers *peers, const struct p2p_net_event *event)
{
    struct btc_error err;
    char address[P2P_NET_ADDRESS_SIZE];
    if (!peers->is_active || peers_is_banned(peers, &event->address)) {
        peers_hang_up(peers, event->id);
        return;
    }
    if (event->is_inbound)
        peers_remember(peers, event->id, &event->address, true, true);
    struct peers_connection *connection = peers_connection_of(peers, event->id);
    p2p_address_write(&event->address, address);
    if (connection == NULL ||
        p2p_open(peers->p2p, event->id, address, event->is_inbound, troupe_now_ms(), &err) != 0)
        peers_hang_up(peers, event->id);
    else
        connection->is_open = true;
}

static void look_at_net(struct node_peers *peers)
{
    struct p2p_net_event event;
    while (p2p_net_next(peers->net, &event)) {
        if (event.kind == P2P_NET_OPENED)
            opened(peers, &event);
        if (event.kind == P2P_NET_CLOSED) {
            p2p_close(peers->p2p, event.id);
            peers_forget(peers, event.id,
                         event.error != 0 ? strerror(event.error) : "the other side closed it");
        }
    }
}

/* True: there may be more. */
static bool pull(struct node_peers *peers, uint32_t id)
{
    size_t room = p2p_room(peers->p2p, id);
    size_t size = room < sizeof(peers->pulled) ? room : sizeof(peers->pulled);
    if (size == 0)
        return false;
    size_t got = p2p_net_receive(peers->net, id, peers->pulled, size);
    if (got > 0)
        p2p_receive(peers->p2p, id, peers->pulled, got);
    return got == size;
}

static void push(struct node_peers *peers, uint32_t id)
{
    struct btc_span output = p2p_output(peers->p2p, id);
    if (output.size > 0)
        p2p_sent(peers->p2p, id, p2p_net_send(peers->net, id, output.data, output.size));
}

static bool do_turn(struct troupe_actor *self, struct node_peers *peers, bool is_tick)
{
    bool has_more = false;
    peers->self = self;
    look_at_net(peers);
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++) {
        if (peers->connections[i].id != 0 && peers->connections[i].is_open &&
            pull(peers, peers->connections[i].id))
            has_more = true;
    }
    if (is_tick)
        p2p_tick(peers->p2p, troupe_now_ms());
    if (p2p_work(peers->p2p, troupe_now_ms()))
        has_more = true;
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++) {
        if (peers->connections[i].id != 0)
            push(peers, peers->connections[i].id);
    }
    peers_publish(self, peers);
    report(self, peers);
    return has_more;
}

static void on_turn(struct troupe_actor *self, void *user)
{
    struct node_peers *peers = user;
    peers->is_turning = false;
    if (do_turn(self, peers, false))
        peers_wake(self, peers);
}

static void on_tick(struct troupe_actor *self, void *user);

static void keep_ticking(struct troupe_actor *self, struct node_peers *peers)
{
    bool is_needed = peers_has_targets(peers);
    for (size_t i = 0; i < PEERS_CONNECTIONS_MAX; i++)
        is_needed = is_needed || peers->connections[i].id != 0;
    if (is_needed && !peers->is_ticking)
        peers->is_ticking = troupe_after(self, PEERS_TICK_MS, on_tick, peers, NULL) == 0;
}

static void on_tick(struct troupe_actor *self, void *user)
{
    struct node_peers *peers = user;
    peers->is_ticking = false;
    peers_dial(peers);
    if (do_turn(self, peers, true))
        peers_wake(self, peers);
    keep_ticking(self, peers);
}

void peers_wake(struct troupe_actor *self, struct node_peers *peers)
{
    if (!peers->is_turning)
        peers->is_turning = troupe_after(self, 0, on_turn, peers, NULL) == 0;
    keep_ticking(self, peers);
}

void node_peers_arrived(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct node_peers *peers = ((struct node *)state)->peers;
    (void)call;
    if (peers != NULL && peers->net != NULL)
        peers_wake(self, peers);
}

void node_peers_chain_changed(struct troupe_actor *self, struct node *node)
{
    struct node_peers *peers = node->peers;
    if (peers == NULL || peers->net == NULL)
        return;
    p2p_chain_changed(peers->p2p);
    peers_wake(self, peers);
}

/* ---- start and stop ---- */

/* On the network thread. An actor that is gone needs to hear nothing. */
static bool tell_arrived(void *user)
{
    struct node_peers *peers = user;
    int error = p2p_arrived(peers->troupe, peers->ref);
    return error == 0 || error == TROUPE_EDOWN;
}

int peers_need_net(struct node_peers *peers, struct btc_error *err)
{
    struct p2p_net_config config = {.arrived = tell_arrived, .user = peers};
    return peers->net != NULL ? 0 : p2p_net_start(&config, &peers->net, err);
}

static int listen_on(struct node_peers *peers, const char *text, struct btc_error *err)
{
    struct p2p_address address;
    int rc = p2p_address_read_listen(text, &address, err);
    if (rc == 0)
        rc = peers_need_net(peers, err);
    if (rc == 0)
        rc = p2p_net_listen(peers->net, &address, &peers->listens_on, err);
    peers->is_listening = rc == 0;
    return rc == 0 ? 0 : btc_fail_within(err, rc, "--listen: ");
}

/* Each address of a list with commas between. */
static int connect_to(struct node_peers *peers, const char *list, struct btc_error *err)
{
    int rc = 0;
    while (rc == 0 && *list != '\0') {
        char text[P2P_NET_ADDRESS_SIZE];
        struct p2p_address address;
        size_t size = strcspn(list, ",");
        snprintf(text, sizeof(text), "%.*s", (int)size, list);
        rc = p2p_address_read(text, peers->node->params->port, &address, NULL, err);
        if (rc == 0)
            rc = peers_add_target(peers, &address, err);
        list += size + (list[size] == ',');
    }
    return rc == 0 ? 0 : btc_fail_within(err, rc, "--connect: ");
}

static int open_engine(struct node_peers *peers, struct btc_error *err)
{
    struct p2p_config config = {
        .chain = peers->node->chain,
        .pool = peers->node->pool,
        .agent = "/" BTC_PROGRAM_NAME ":" BTC_PROGRAM_VERSION "/",
        .listener = {on_changed, on_headers, on_ready, on_dropped, on_trouble, peers},
    };
    if (getrandom(&config.nonce, sizeof(config.nonce), 0) != sizeof(config.nonce))
        return btc_fail(err, BTC_EIO, "no random numbers: %s", strerror(errno));
    return p2p_new(&config, &peers->p2p, err);
}

int node_peers_start(struct troupe_actor *self, struct node *node,
                     const struct troupe_arguments *arguments)
{
    struct btc_error err = {.text = ""};
    const char *listens = troupe_argument(arguments, "listen");
    const char *connects = troupe_argument(arguments, "connect");
    struct node_peers *peers = calloc(1, sizeof(*peers));
    if (peers == NULL)
        return TROUPE_ENOMEM;
    node->peers = peers;
    peers->node = node;
    peers->self = self;
    peers->troupe = troupe_runtime(self);
    peers->ref = troupe_self(self);
    peers->is_active = true;
    peers->told.is_active = true;
    int rc = open_engine(peers, &err);
    if (rc == 0 && listens != NULL && listens[0] != '\0')
        rc = listen_on(peers, listens, &err);
    if (rc == 0 && connects != NULL)
        rc = connect_to(peers, connects, &err);
    if (rc != 0) {
        troupe_report(self, "%s", err.text);
        node_peers_stop(node);
        return 1; /* that is said */
    }
    if (peers->net != NULL) {
        peers_dial(peers);
        keep_ticking(self, peers);
    }
    return 0;
}

void node_peers_stop(struct node *node)
{
    struct node_peers *peers = node->peers;
    if (peers == NULL)
        return;
    p2p_net_stop(peers->net);
    p2p_free(peers->p2p);
    free(peers);
    node->peers = NULL;
}
