/* Addresses of peers, to and from text: see p2p_net.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "actors/node/p2p_net.h"

#define HOST_V6_PREFIX  8  /* bytes: a /64 */
#define GROUP_V4_PREFIX 2  /* a /16 */
#define GROUP_V6_PREFIX 4  /* a /32 */
#define V4_IN_V6_AT     12 /* IPv4 in words of IPv6 */

static int bad(struct btc_error *err, const char *text)
{
    return btc_fail(
        err, BTC_EUSAGE,
        "\"%.64s\" is not an address: 127.0.0.1:18444, [::1]:18444; names are not looked "
        "up here",
        text);
}

static int read_port(const char *text, uint16_t *ret_port)
{
    uint32_t port = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 5 || strspn(text, "0123456789") != size)
        return -1;
    for (; *text != '\0'; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX ? 0 : -1;
}

/* Takes the text apart: host, and port or NULL. */
static bool split(const char *text, char ret_host[P2P_NET_ADDRESS_SIZE], const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    const char *end = text + strlen(text);
    *ret_port = NULL;
    if (text[0] == '[') {
        end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return false;
        *ret_port = end[1] == ':' ? end + 2 : NULL;
        text++;
    } else if (colon != NULL && strchr(text, ':') == colon) {
        end = colon;
        *ret_port = colon + 1;
    }
    if (end - text >= P2P_NET_ADDRESS_SIZE)
        return false;
    memcpy(ret_host, text, (size_t)(end - text));
    ret_host[end - text] = '\0';
    return true;
}

int p2p_address_read(const char *text, uint16_t default_port, struct p2p_address *ret_address,
                     bool *ret_has_port, struct btc_error *err)
{
    struct p2p_address address = {.port = default_port};
    char host[P2P_NET_ADDRESS_SIZE];
    const char *port = NULL;
    if (!split(text, host, &port) || (port != NULL && read_port(port, &address.port) != 0) ||
        address.port == 0)
        return bad(err, text);
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    address.is_v6 = strchr(numeric, ':') != NULL;
    if (inet_pton(address.is_v6 ? AF_INET6 : AF_INET, numeric, address.host) != 1)
        return bad(err, text);
    if (ret_has_port != NULL)
        *ret_has_port = port != NULL;
    *ret_address = address;
    return 0;
}

int p2p_address_read_listen(const char *text, struct p2p_address *ret_address,
                            struct btc_error *err)
{
    struct p2p_address address = {.host = {127, 0, 0, 1}};
    if (read_port(text, &address.port) == 0) {
        *ret_address = address;
        return 0;
    }
    bool has_port = false;
    int rc = p2p_address_read(text, 1, &address, &has_port, err);
    if (rc == 0 && !has_port)
        rc = btc_fail(err, BTC_EUSAGE, "\"%.64s\" names no port: [ADDRESS:]PORT", text);
    if (rc == 0)
        *ret_address = address;
    return rc;
}

void p2p_address_write(const struct p2p_address *address, char ret_text[P2P_NET_ADDRESS_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";
    inet_ntop(address->is_v6 ? AF_INET6 : AF_INET, address->host, host, sizeof(host));
    snprintf(ret_text, P2P_NET_ADDRESS_SIZE, address->is_v6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)address->port);
}

/* How much of an address tells one host from another. A network of IPv6 gives each of its customers
 * 64 bits to choose from; below ::/64 there are none, but ::1 and IPv4 in other words. */
static size_t host_size(const struct p2p_address *address)
{
    static const uint8_t none[HOST_V6_PREFIX] = {0};
    if (!address->is_v6)
        return 4;
    return memcmp(address->host, none, sizeof(none)) == 0 ? 16 : HOST_V6_PREFIX;
}

bool p2p_address_same_host(const struct p2p_address *a, const struct p2p_address *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->host, b->host, host_size(a)) == 0;
}

bool p2p_address_same_group(const struct p2p_address *a, const struct p2p_address *b)
{
    size_t host = host_size(a);
    size_t size = !a->is_v6                ? GROUP_V4_PREFIX
                  : host == HOST_V6_PREFIX ? GROUP_V6_PREFIX
                                           : V4_IN_V6_AT + GROUP_V4_PREFIX;
    if (p2p_address_is_loopback(a))
        size = host;
    return a->is_v6 == b->is_v6 && memcmp(a->host, b->host, size) == 0;
}

bool p2p_address_same(const struct p2p_address *a, const struct p2p_address *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->host, b->host, a->is_v6 ? 16 : 4) == 0 &&
           a->port == b->port;
}

bool p2p_address_is_loopback(const struct p2p_address *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    return address->is_v6 ? memcmp(address->host, loopback, 16) == 0 : address->host[0] == 127;
}
