/* Sockets of the system: see p2p_socket.h. */
#include "actors/node/p2p_socket.h"

#include <string.h>

#include <netinet/tcp.h>

#define LISTEN_BACKLOG 16

socklen_t p2p_socket_address_of(const struct p2p_address *address,
                                union p2p_socket_address *ret_system)
{
    memset(ret_system, 0, sizeof(*ret_system));
    if (address->is_v6) {
        ret_system->v6.sin6_family = AF_INET6;
        ret_system->v6.sin6_port = htons(address->port);
        memcpy(&ret_system->v6.sin6_addr, address->host, 16);
        return sizeof(ret_system->v6);
    }
    ret_system->v4.sin_family = AF_INET;
    ret_system->v4.sin_port = htons(address->port);
    memcpy(&ret_system->v4.sin_addr, address->host, 4);
    return sizeof(ret_system->v4);
}

struct p2p_address p2p_socket_address_read(const union p2p_socket_address *system)
{
    struct p2p_address address = {.is_v6 = system->any.sa_family == AF_INET6};
    address.port = ntohs(address.is_v6 ? system->v6.sin6_port : system->v4.sin_port);
    if (address.is_v6)
        memcpy(address.host, &system->v6.sin6_addr, 16);
    else
        memcpy(address.host, &system->v4.sin_addr, 4);
    return address;
}

int p2p_socket_new(const struct p2p_address *address)
{
    return socket(address->is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                  0);
}

void p2p_socket_set_quick(int fd)
{
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* slower without, no more */
}

int p2p_socket_listen(int fd, const struct p2p_address *address, struct p2p_address *ret_address)
{
    union p2p_socket_address system;
    socklen_t size = p2p_socket_address_of(address, &system);
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, &system.any, size) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return -1;
    size = sizeof(system);
    if (getsockname(fd, &system.any, &size) != 0)
        return -1;
    *ret_address = p2p_socket_address_read(&system);
    return 0;
}
