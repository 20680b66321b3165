/*
 * The node's sockets: one thread that connects, listens, reads and writes, and a room for each
 * connection's bytes on their way. Nothing here knows what the bytes mean.
 *
 * Threads: one other thread (the node's) calls everything below. The network thread tells it that
 * there is something to look at by `arrived`, once; not again before p2p_net_next() was asked to the
 * end. What has no room waits in the kernel: nothing here grows.
 *
 * Addresses are numeric: resolving names takes time, files and packets that a node has no need of.
 */
#ifndef ACTORS_NODE_P2P_NET_H
#define ACTORS_NODE_P2P_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/error.h"

#define P2P_NET_OUTBOUND_MAX 8
#define P2P_NET_INBOUND_MAX  32
#define P2P_NET_PIPE_BYTES   131072 /* of one connection, each way */
#define P2P_NET_CONNECT_MS   10000
#define P2P_NET_RETRY_MS     20 /* when `arrived` could not be told */
#define P2P_NET_ADDRESS_SIZE 64 /* text: "[...]:port" with the NUL */

struct p2p_address {
    bool is_v6;
    uint8_t host[16]; /* 4 of them for IPv4 */
    uint16_t port;
};

/* "1.2.3.4:8333", "1.2.3.4", "[::1]:8333", "::1", "localhost". *ret_has_port (may be NULL) says
 * whether it names one; else it is default_port. BTC_EUSAGE. */
int p2p_address_read(const char *text, uint16_t default_port, struct p2p_address *ret_address,
                     bool *ret_has_port, struct btc_error *err) BTC_MUST_CHECK;
/* "[ADDRESS:]PORT" to listen on: 127.0.0.1 if no address is given. */
int p2p_address_read_listen(const char *text, struct p2p_address *ret_address,
                            struct btc_error *err) BTC_MUST_CHECK;
void p2p_address_write(const struct p2p_address *address, char ret_text[P2P_NET_ADDRESS_SIZE]);
/* The same host, as far as can be told: of IPv6 the first 64 bits count. */
bool p2p_address_same_host(const struct p2p_address *a, const struct p2p_address *b);
/* Of the same part of the internet, which is likely to be one person's: a /16 of IPv4, a /32 of IPv6.
 * On this machine each address is one. */
bool p2p_address_same_group(const struct p2p_address *a, const struct p2p_address *b);
bool p2p_address_same(const struct p2p_address *a, const struct p2p_address *b);
bool p2p_address_is_loopback(const struct p2p_address *address);

enum p2p_net_kind {
    P2P_NET_OPENED, /* a connection stands: one that was asked for, or one that came */
    P2P_NET_CLOSED, /* it is gone, or could not be made; the id is not valid any more */
    P2P_NET_READY,  /* there are bytes, or room for more of them */
};

struct p2p_net_event {
    enum p2p_net_kind kind;
    uint32_t id;
    bool is_inbound;
    struct p2p_address address;
    int error; /* CLOSED: an errno; 0: the other side closed it */
};

struct p2p_net_config {
    /* On the network thread. False: try again later. */
    bool (*arrived)(void *user);
    void *user;
};

struct p2p_net; /* opaque */

int p2p_net_start(const struct p2p_net_config *config, struct p2p_net **ret_net,
                  struct btc_error *err) BTC_MUST_CHECK;
/* Closes everything and ends the thread. NULL is fine. */
void p2p_net_stop(struct p2p_net *net);

/* Accepts connections. Where P2P_NET_INBOUND_MAX stand, one that comes takes the place of the youngest
 * of the largest group, if its own group is smaller than that; else it is turned away. *ret_address has the port that was chosen if it was 0. BTC_EIO, BTC_EINUSE:
 * the port is taken. */
int p2p_net_listen(struct p2p_net *net, const struct p2p_address *address,
                   struct p2p_address *ret_address, struct btc_error *err) BTC_MUST_CHECK;
/* False: whoever comes is turned away at once. */
void p2p_net_set_open(struct p2p_net *net, bool is_open);

/* Begins to connect; OPENED or CLOSED follows. BTC_ELIMIT: as many as there may be. */
int p2p_net_connect(struct p2p_net *net, const struct p2p_address *address, uint32_t *ret_id,
                    struct btc_error *err) BTC_MUST_CHECK;
/* Takes as much as there is room for, and returns how much. */
size_t p2p_net_send(struct p2p_net *net, uint32_t id, const uint8_t *data, size_t size);
/* Hands over at most `size` received bytes, and returns how many. */
size_t p2p_net_receive(struct p2p_net *net, uint32_t id, uint8_t *ret_data, size_t size);
/* No CLOSED follows. */
void p2p_net_close(struct p2p_net *net, uint32_t id);

/* What happened, one thing after the other, a CLOSED before all others: never more connections than
 * there may be were OPENED and not CLOSED. False: nothing more; the next one will be told. */
bool p2p_net_next(struct p2p_net *net, struct p2p_net_event *ret_event);

#endif
