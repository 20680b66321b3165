/* idle.c - what NNG's server does not bound: how many connections there are, and how long one may say
 * nothing. Without that, anyone on this machine could take all descriptors of the process, and NNG
 * would try to accept the next for as long.
 *
 * NNG shows neither a connection before its first request nor a descriptor. So the actor looks at the
 * descriptors of its process from time to time, asks the kernel which are connections to our port and
 * when each last said something (TCP_INFO), and shuts those down that were silent for too long, or
 * are too many: the most silent first. NNG then sees their end. Tabs' WebSockets are left alone: they
 * may be silent, and are few.
 *
 * A number may name another descriptor at any moment, because NNG's threads open and close them. So
 * each is looked at, and shut down, through `probe`, a descriptor that is ours: dup2 makes it the same
 * connection, and needs no free number. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/web/web_impl.h"

bool web_idle_open(struct web *web)
{
    web->spare = eventfd(0, EFD_CLOEXEC);
    web->probe = eventfd(0, EFD_CLOEXEC);
    return web->spare >= 0 && web->probe >= 0;
}

void web_idle_close(struct web *web)
{
    if (web->spare >= 0) {
        close(web->spare);
    }
    if (web->probe >= 0) {
        close(web->probe);
    }
}

static bool is_tab(struct web *web, uint16_t peer)
{
    bool found = false;
    pthread_mutex_lock(&web->lock);
    for (size_t i = 0; i < WEB_TABS_MAX; i++) {
        found = found || (web->tabs[i].open && web->tabs[i].peer == peer);
    }
    pthread_mutex_unlock(&web->lock);
    return found;
}

/* True if `fd` is a connection to our port that is no tab's; `probe` then is that, too. */
static bool look(struct web *web, int fd, uint32_t *ret_silent_ms)
{
    struct sockaddr_in own;
    struct sockaddr_in peer;
    struct tcp_info info = {0};
    socklen_t own_size = sizeof own;
    socklen_t peer_size = sizeof peer;
    socklen_t info_size = sizeof info;
    if (fd == web->probe || fd == web->spare || dup2(fd, web->probe) < 0 ||
        getsockname(web->probe, (struct sockaddr *)&own, &own_size) != 0 ||
        own.sin_family != AF_INET || ntohs(own.sin_port) != web->port ||
        getpeername(web->probe, (struct sockaddr *)&peer, &peer_size) != 0 ||
        getsockopt(web->probe, IPPROTO_TCP, TCP_INFO, &info, &info_size) != 0) {
        return false;
    }
    *ret_silent_ms = info.tcpi_last_data_recv;
    return !is_tab(web, peer.sin_port);
}

static int more_silent(const void *a, const void *b)
{
    const struct silent *one = a;
    const struct silent *other = b;
    return (one->ms < other->ms) - (one->ms > other->ms);
}

void web_idle_end(struct web *web)
{
    struct silent *found = web->silent;
    size_t count = 0;
    for (int fd = 0; fd < WEB_FDS_MAX; fd++) {
        struct silent *next = &found[count];
        next->fd = fd;
        if (!look(web, fd, &next->ms)) {
            continue;
        }
        if (next->ms > WEB_IDLE_MS) {
            shutdown(web->probe, SHUT_RDWR);
        } else {
            count++;
        }
    }
    qsort(found, count, sizeof *found, more_silent);
    for (size_t i = 0; i + WEB_CONNECTIONS_MAX < count; i++) {
        uint32_t ms;
        if (look(web, found[i].fd, &ms)) { /* whoever it is by now: one of too many */
            shutdown(web->probe, SHUT_RDWR);
        }
    }
    dup2(web->spare, web->probe); /* holds on to nobody's connection */
}
