/*
 * Private to the node's sockets (p2p_net.c): what the system calls an address, and the calls on one
 * socket. None of them waits; each says -1 with errno.
 */
#ifndef ACTORS_NODE_P2P_SOCKET_H
#define ACTORS_NODE_P2P_SOCKET_H

#include <sys/socket.h>

#include "actors/node/p2p_net.h"

union p2p_socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

socklen_t p2p_socket_address_of(const struct p2p_address *address,
                                union p2p_socket_address *ret_system);
struct p2p_address p2p_socket_address_read(const union p2p_socket_address *system);
/* A socket for that kind of address. */
int p2p_socket_new(const struct p2p_address *address);
/* Small messages go at once. */
void p2p_socket_set_quick(int fd);
/* *ret_address has the port that was chosen if it was 0. */
int p2p_socket_listen(int fd, const struct p2p_address *address, struct p2p_address *ret_address);

#endif
