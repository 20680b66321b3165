/*
 * The node's sockets by themselves: who keeps a place where all of those for connections that come
 * are taken, and in which order the other thread hears of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/node/p2p_net.h"

#define WAIT_MS 60000

struct net {
    struct p2p_net *net;
    int told_fd;
    struct p2p_address at;
};

static bool arrived(void *user)
{
    uint64_t one = 1;
    return write(*(int *)user, &one, sizeof(one)) == sizeof(one);
}

static void start(struct net *net)
{
    struct btc_error err;
    struct p2p_net_config config = {.arrived = arrived, .user = &net->told_fd};
    struct p2p_address any = {.host = {127, 0, 0, 1}};
    net->told_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(net->told_fd >= 0);
    assert_int_equal(p2p_net_start(&config, &net->net, &err), 0);
    assert_int_equal(p2p_net_listen(net->net, &any, &net->at, &err), 0);
}

static void stop(struct net *net)
{
    p2p_net_stop(net->net);
    close(net->told_fd);
}

/* The next thing that happens. */
static struct p2p_net_event next(struct net *net)
{
    struct p2p_net_event event;
    while (!p2p_net_next(net->net, &event)) {
        struct pollfd fd = {.fd = net->told_fd, .events = POLLIN};
        uint64_t drained;
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        assert_int_equal(read(net->told_fd, &drained, sizeof(drained)), sizeof(drained));
    }
    return event;
}

/* A connection from 127.0.0.`host`. */
static int come(const struct net *net, uint8_t host)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + host)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(net->at.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static uint32_t assert_opened(struct net *net, uint8_t host)
{
    struct p2p_net_event event = next(net);
    assert_int_equal(event.kind, P2P_NET_OPENED);
    assert_true(event.is_inbound);
    assert_int_equal(event.address.host[3], host);
    return event.id;
}

static void assert_turned_away(int fd)
{
    char byte;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

/* Told in an order in which there are never more than P2P_NET_INBOUND_MAX. */
static void a_newcomer_displaces_the_youngest_of_the_largest_group(void **state)
{
    struct net net;
    int fds[P2P_NET_INBOUND_MAX];
    uint32_t ids[P2P_NET_INBOUND_MAX];
    (void)state;
    start(&net);
    for (size_t i = 0; i < P2P_NET_INBOUND_MAX; i++) {
        uint8_t host = i == 0 || i + 1 == P2P_NET_INBOUND_MAX ? 9 : 1; /* oldest and youngest */
        fds[i] = come(&net, host);
        ids[i] = assert_opened(&net, host);
    }
    for (uint8_t host = 2; host < 6; host++) {
        int fd = come(&net, host);
        size_t gone = P2P_NET_INBOUND_MAX - (size_t)host;
        struct p2p_net_event event = next(&net);
        assert_int_equal(event.kind, P2P_NET_CLOSED);
        assert_int_equal(event.id, ids[gone]);
        (void)assert_opened(&net, host);
        assert_turned_away(fds[gone]);
        fds[gone] = fd;
    }
    assert_turned_away(come(&net, 1));
    close_all(fds, P2P_NET_INBOUND_MAX);
    stop(&net);
}

/* Whom we connected to has a place of its own. */
static void those_we_connected_to_are_not_displaced(void **state)
{
    struct net net;
    struct net other;
    int fds[P2P_NET_INBOUND_MAX];
    struct btc_error err;
    uint32_t id = 0;
    (void)state;
    start(&net);
    start(&other);
    for (size_t i = 0; i < P2P_NET_INBOUND_MAX; i++) {
        fds[i] = come(&net, (uint8_t)(1 + i));
        (void)assert_opened(&net, (uint8_t)(1 + i));
    }
    for (size_t i = 0; i < P2P_NET_OUTBOUND_MAX; i++) { /* the largest group, and the youngest */
        assert_int_equal(p2p_net_connect(net.net, &other.at, &id, &err), 0);
        struct p2p_net_event event = next(&net);
        assert_int_equal(event.kind, P2P_NET_OPENED);
        assert_int_equal(event.id, id);
    }
    assert_int_equal(p2p_net_connect(net.net, &other.at, &id, &err), BTC_ELIMIT);
    assert_turned_away(come(&net, 100)); /* no group is larger than its own */
    assert_turned_away(come(&net, 1));
    close_all(fds, P2P_NET_INBOUND_MAX);
    stop(&net);
    stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_displaces_the_youngest_of_the_largest_group),
        cmocka_unit_test(those_we_connected_to_are_not_displaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
