/* The node's sockets: see p2p_net.h.
 *
 * All connections lie in one table under one lock, which nobody holds while they wait. What changed
 * since the other thread last looked is told by bits of each, so that there is no queue that could
 * run over. */
#include "actors/node/p2p_net.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/node/p2p_pipe.h"
#include "actors/node/p2p_socket.h"
#include "bus/troupe.h"

#define SPARE_MAX   4 /* of inbound ones that are over, until that is told */
#define SLOTS_MAX   (P2P_NET_OUTBOUND_MAX + P2P_NET_INBOUND_MAX + SPARE_MAX)
#define FDS_MAX     (SLOTS_MAX + 2)
#define ACCEPTS_MAX 16   /* in one turn */
#define WAIT_MS     1000 /* while deadlines run */

enum slot_state { SLOT_FREE, SLOT_CONNECTING, SLOT_OPEN, SLOT_GONE };

struct slot {
    uint32_t id;
    enum slot_state state;
    int fd;
    bool is_inbound;
    bool is_told;      /* that it is open */
    bool has_news;     /* bytes, or room */
    bool is_short;     /* somebody waits for room */
    bool is_half_open; /* it sends no more; what it sent is still to be read */
    int error;
    uint64_t since_ms;
    struct p2p_address address;
    struct p2p_pipe in;
    struct p2p_pipe out;
};

struct p2p_net {
    struct p2p_net_config config;
    pthread_t thread;
    pthread_mutex_t lock;
    int wake_fd;
    int listen_fd;      /* or -1 */
    uint64_t accept_ms; /* not before: there were no descriptors left */
    bool is_open;
    bool is_ending;
    bool has_news; /* not told yet */
    bool is_told;  /* and not looked at yet */
    uint32_t last_id;
    struct slot slots[SLOTS_MAX];
};

/* ---- slots; all under the lock ---- */

static struct slot *find(struct p2p_net *net, uint32_t id)
{
    for (size_t i = 0; id != 0 && i < SLOTS_MAX; i++) {
        if (net->slots[i].state != SLOT_FREE && net->slots[i].id == id)
            return &net->slots[i];
    }
    return NULL;
}

/* Places of that direction that are taken; those that are over, too, where they count. */
static size_t count_slots(const struct p2p_net *net, bool is_inbound, bool with_gone)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct slot *slot = &net->slots[i];
        count += slot->state != SLOT_FREE && slot->is_inbound == is_inbound &&
                 (with_gone || slot->state != SLOT_GONE);
    }
    return count;
}

/* NULL: there is no place. Those of one direction never take the other's. */
static struct slot *make_slot(struct p2p_net *net, bool is_inbound)
{
    size_t max = is_inbound ? P2P_NET_INBOUND_MAX + SPARE_MAX : P2P_NET_OUTBOUND_MAX;
    struct slot *found = NULL;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        if (net->slots[i].state == SLOT_FREE)
            found = &net->slots[i];
    }
    if (found == NULL || count_slots(net, is_inbound, true) >= max)
        return NULL;
    *found = (struct slot){.id = ++net->last_id, .is_inbound = is_inbound, .fd = -1};
    return found;
}

static void free_slot(struct slot *slot)
{
    if (slot->fd >= 0)
        close(slot->fd);
    free(slot->in.data);
    free(slot->out.data);
    *slot = (struct slot){.fd = -1};
}

static void news(struct p2p_net *net, struct slot *slot)
{
    slot->has_news = true;
    net->has_news = true;
}

/* It is over; the other thread is to hear of it before the slot is free. */
static void fail_slot(struct p2p_net *net, struct slot *slot, int error)
{
    close(slot->fd);
    slot->fd = -1;
    slot->state = SLOT_GONE;
    slot->error = error;
    news(net, slot);
}

/* ---- what the network thread does ---- */

/* "One address once" for those who come from elsewhere. */
static bool is_here(const struct p2p_net *net, const struct p2p_address *address)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct slot *slot = &net->slots[i];
        if (slot->state != SLOT_FREE && slot->state != SLOT_GONE &&
            p2p_address_same_host(&slot->address, address))
            return true;
    }
    return false;
}

/* Inbound connections that stand, of an address's group. */
static size_t group_size(const struct p2p_net *net, const struct p2p_address *address)
{
    size_t count = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct slot *slot = &net->slots[i];
        count += slot->is_inbound && slot->state == SLOT_OPEN &&
                 p2p_address_same_group(&slot->address, address);
    }
    return count;
}

/* The youngest of the largest group. */
static struct slot *least_missed(struct p2p_net *net, size_t *ret_size)
{
    struct slot *found = NULL;
    *ret_size = 0;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &net->slots[i];
        if (!slot->is_inbound || slot->state != SLOT_OPEN)
            continue;
        size_t size = group_size(net, &slot->address);
        if (found != NULL && (size < *ret_size || (size == *ret_size && slot->id < found->id)))
            continue;
        found = slot;
        *ret_size = size;
    }
    return found;
}

/* A place for one that came. Where all are taken, one of a group that stays larger than the
 * newcomer's gives way: nobody keeps all the places by being early or many. Those that we connected
 * to are not among them. */
static struct slot *make_room(struct p2p_net *net, const struct p2p_address *address)
{
    if (count_slots(net, true, false) >= P2P_NET_INBOUND_MAX) {
        size_t size = 0;
        struct slot *slot = least_missed(net, &size);
        bool has_place = count_slots(net, true, true) < P2P_NET_INBOUND_MAX + SPARE_MAX;
        if (!has_place || size <= group_size(net, address) + 1)
            return NULL;
        fail_slot(net, slot, 0);
    }
    return make_slot(net, true);
}

static void accept_some(struct p2p_net *net)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        union p2p_socket_address system;
        socklen_t size = sizeof(system);
        int fd = accept4(net->listen_fd, &system.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                net->accept_ms = troupe_now_ms() +
                                 WAIT_MS; /* whoever waits keeps the socket readable */
            return;
        }
        struct p2p_address address = p2p_socket_address_read(&system);
        bool is_welcome = net->is_open &&
                          (p2p_address_is_loopback(&address) || !is_here(net, &address));
        struct slot *slot = is_welcome ? make_room(net, &address) : NULL;
        if (slot == NULL) {
            close(fd);
            continue;
        }
        p2p_socket_set_quick(fd);
        slot->fd = fd;
        slot->address = address;
        slot->state = SLOT_OPEN;
        news(net, slot);
    }
}

static void finish_connect(struct p2p_net *net, struct slot *slot)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        error = errno;
    if (error != 0) {
        fail_slot(net, slot, error);
        return;
    }
    p2p_socket_set_quick(slot->fd);
    slot->state = SLOT_OPEN;
    news(net, slot);
}

static void read_some(struct p2p_net *net, struct slot *slot)
{
    size_t room = 0;
    if (!p2p_pipe_make(&slot->in)) {
        fail_slot(net, slot, ENOMEM);
        return;
    }
    uint8_t *at = p2p_pipe_free(&slot->in, &room);
    if (room == 0)
        return;
    ssize_t got = recv(slot->fd, at, room, 0);
    if (got > 0) {
        slot->in.size += (size_t)got;
        news(net, slot);
    } else if (got == 0) {
        slot->is_half_open = true;
        if (slot->in.size == 0)
            fail_slot(net, slot, 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        fail_slot(net, slot, errno);
    }
}

static void write_some(struct p2p_net *net, struct slot *slot)
{
    size_t size = 0;
    const uint8_t *at = p2p_pipe_held(&slot->out, &size);
    ssize_t sent = send(slot->fd, at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        fail_slot(net, slot, errno);
    } else if (sent > 0) {
        p2p_pipe_take(&slot->out, (size_t)sent);
        if (slot->is_short && slot->out.size <= P2P_NET_PIPE_BYTES / 2) {
            slot->is_short = false;
            news(net, slot);
        }
    }
}

/* What is to be waited for at this connection. */
static short wanted(const struct slot *slot)
{
    short events = 0;
    if (slot->state == SLOT_CONNECTING)
        return POLLOUT;
    if (slot->state == SLOT_OPEN && !slot->is_half_open && slot->in.size < P2P_NET_PIPE_BYTES)
        events |= POLLIN;
    if (slot->state == SLOT_OPEN && slot->out.size > 0)
        events |= POLLOUT;
    return events;
}

struct wait {
    struct pollfd fds[FDS_MAX];
    size_t count;
    uint32_t ids[FDS_MAX]; /* 0: not a connection's */
    int timeout_ms;
};

static void add(struct wait *wait, int fd, short events, uint32_t id)
{
    wait->fds[wait->count] = (struct pollfd){.fd = fd, .events = events};
    wait->ids[wait->count++] = id;
}

static void prepare(struct p2p_net *net, struct wait *wait)
{
    wait->count = 0;
    wait->timeout_ms = net->has_news && !net->is_told ? P2P_NET_RETRY_MS : -1;
    add(wait, net->wake_fd, POLLIN, 0);
    bool accepts = troupe_now_ms() >= net->accept_ms;
    if (net->listen_fd >= 0 && accepts)
        add(wait, net->listen_fd, POLLIN, 0);
    if (!accepts && wait->timeout_ms < 0)
        wait->timeout_ms = WAIT_MS;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        const struct slot *slot = &net->slots[i];
        if (slot->fd < 0 || wanted(slot) == 0)
            continue;
        add(wait, slot->fd, wanted(slot), slot->id);
        if (slot->state == SLOT_CONNECTING && wait->timeout_ms < 0)
            wait->timeout_ms = WAIT_MS;
    }
}

static void serve(struct p2p_net *net, struct slot *slot, short events)
{
    if (slot->state == SLOT_CONNECTING) {
        finish_connect(net, slot);
        return;
    }
    if ((events & POLLOUT) != 0)
        write_some(net, slot);
    if (slot->state == SLOT_OPEN && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        read_some(net, slot);
}

static void act(struct p2p_net *net, const struct wait *wait)
{
    uint64_t drained;
    if (wait->fds[0].revents != 0)
        (void)!read(net->wake_fd, &drained, sizeof(drained));
    for (size_t i = 1; i < wait->count; i++) {
        struct slot *slot = find(net, wait->ids[i]);
        if (wait->fds[i].revents == 0)
            continue;
        if (wait->ids[i] == 0)
            accept_some(net);
        else if (slot != NULL && slot->fd == wait->fds[i].fd)
            serve(net, slot, wait->fds[i].revents);
    }
    uint64_t now_ms = troupe_now_ms();
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &net->slots[i];
        if (slot->state == SLOT_CONNECTING && now_ms - slot->since_ms > P2P_NET_CONNECT_MS)
            fail_slot(net, slot, ETIMEDOUT);
    }
}

static void *run(void *user)
{
    struct p2p_net *net = user;
    struct wait wait;
    pthread_mutex_lock(&net->lock);
    while (!net->is_ending) {
        prepare(net, &wait);
        pthread_mutex_unlock(&net->lock);
        (void)poll(wait.fds, (nfds_t)wait.count, wait.timeout_ms);
        pthread_mutex_lock(&net->lock);
        act(net, &wait);
        if (net->has_news && !net->is_told && !net->is_ending) {
            net->is_told = true; /* before: it may be looked at before `arrived` returns */
            pthread_mutex_unlock(&net->lock);
            bool is_told = net->config.arrived(net->config.user);
            pthread_mutex_lock(&net->lock);
            if (!is_told)
                net->is_told = false;
        }
    }
    pthread_mutex_unlock(&net->lock);
    return NULL;
}

/* ---- what the other thread asks for ---- */

static void wake(struct p2p_net *net)
{
    uint64_t one = 1;
    (void)!write(net->wake_fd, &one, sizeof(one)); /* full: it is awake */
}

int p2p_net_start(const struct p2p_net_config *config, struct p2p_net **ret_net,
                  struct btc_error *err)
{
    struct p2p_net *net = calloc(1, sizeof(*net));
    if (net == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for the network");
    net->config = *config;
    net->listen_fd = -1;
    net->is_open = true;
    for (size_t i = 0; i < SLOTS_MAX; i++)
        net->slots[i].fd = -1;
    net->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (net->wake_fd < 0) {
        free(net);
        return btc_fail(err, BTC_EIO, "the network can't be started: %s", strerror(errno));
    }
    pthread_mutex_init(&net->lock, NULL);
    int error = pthread_create(&net->thread, NULL, run, net);
    if (error != 0) {
        pthread_mutex_destroy(&net->lock);
        close(net->wake_fd);
        free(net);
        return btc_fail(err, BTC_EIO, "the network can't be started: %s", strerror(error));
    }
    *ret_net = net;
    return 0;
}

void p2p_net_stop(struct p2p_net *net)
{
    if (net == NULL)
        return;
    pthread_mutex_lock(&net->lock);
    net->is_ending = true;
    pthread_mutex_unlock(&net->lock);
    wake(net);
    pthread_join(net->thread, NULL);
    for (size_t i = 0; i < SLOTS_MAX; i++)
        free_slot(&net->slots[i]);
    if (net->listen_fd >= 0)
        close(net->listen_fd);
    close(net->wake_fd);
    pthread_mutex_destroy(&net->lock);
    free(net);
}

int p2p_net_listen(struct p2p_net *net, const struct p2p_address *address,
                   struct p2p_address *ret_address, struct btc_error *err)
{
    char text[P2P_NET_ADDRESS_SIZE];
    p2p_address_write(address, text);
    int fd = p2p_socket_new(address);
    if (fd < 0 || p2p_socket_listen(fd, address, ret_address) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return btc_fail(err, error == EADDRINUSE ? BTC_EINUSE : BTC_EIO, "listening on %s: %s",
                        text, strerror(error));
    }
    pthread_mutex_lock(&net->lock);
    net->listen_fd = fd;
    pthread_mutex_unlock(&net->lock);
    wake(net);
    return 0;
}

void p2p_net_set_open(struct p2p_net *net, bool is_open)
{
    pthread_mutex_lock(&net->lock);
    net->is_open = is_open;
    pthread_mutex_unlock(&net->lock);
}

int p2p_net_connect(struct p2p_net *net, const struct p2p_address *address, uint32_t *ret_id,
                    struct btc_error *err)
{
    union p2p_socket_address system;
    socklen_t size = p2p_socket_address_of(address, &system);
    pthread_mutex_lock(&net->lock);
    struct slot *slot = make_slot(net, false);
    if (slot == NULL) {
        pthread_mutex_unlock(&net->lock);
        return btc_fail(err, BTC_ELIMIT, "there are %d outbound peers already",
                        P2P_NET_OUTBOUND_MAX);
    }
    slot->address = *address;
    slot->since_ms = troupe_now_ms();
    slot->state = SLOT_CONNECTING;
    *ret_id = slot->id;
    slot->fd = p2p_socket_new(address);
    if (slot->fd < 0 || (connect(slot->fd, &system.any, size) != 0 && errno != EINPROGRESS)) {
        slot->error = errno;
        slot->state = SLOT_GONE;
        news(net, slot);
    }
    pthread_mutex_unlock(&net->lock);
    wake(net);
    return 0;
}

size_t p2p_net_send(struct p2p_net *net, uint32_t id, const uint8_t *data, size_t size)
{
    size_t taken = 0;
    pthread_mutex_lock(&net->lock);
    struct slot *slot = find(net, id);
    bool is_open = slot != NULL && slot->state == SLOT_OPEN && p2p_pipe_make(&slot->out);
    bool was_empty = is_open && slot->out.size == 0;
    while (is_open && taken < size && slot->out.size < P2P_NET_PIPE_BYTES) {
        size_t room = 0;
        uint8_t *at = p2p_pipe_free(&slot->out, &room);
        room = size - taken < room ? size - taken : room;
        memcpy(at, data + taken, room);
        slot->out.size += room;
        taken += room;
    }
    if (is_open)
        slot->is_short = taken < size;
    pthread_mutex_unlock(&net->lock);
    if (was_empty && taken > 0)
        wake(net);
    return taken;
}

size_t p2p_net_receive(struct p2p_net *net, uint32_t id, uint8_t *ret_data, size_t size)
{
    size_t given = 0;
    pthread_mutex_lock(&net->lock);
    struct slot *slot = find(net, id);
    bool was_full = slot != NULL && slot->in.size == P2P_NET_PIPE_BYTES;
    while (slot != NULL && given < size && slot->in.size > 0) {
        size_t held = 0;
        const uint8_t *at = p2p_pipe_held(&slot->in, &held);
        held = size - given < held ? size - given : held;
        memcpy(ret_data + given, at, held);
        p2p_pipe_take(&slot->in, held);
        given += held;
    }
    bool is_over = slot != NULL && slot->is_half_open && slot->in.size == 0 &&
                   slot->state == SLOT_OPEN;
    if (is_over)
        fail_slot(net, slot, 0);
    pthread_mutex_unlock(&net->lock);
    if (is_over || (was_full && given > 0))
        wake(net);
    return given;
}

void p2p_net_close(struct p2p_net *net, uint32_t id)
{
    pthread_mutex_lock(&net->lock);
    struct slot *slot = find(net, id);
    if (slot != NULL)
        free_slot(slot);
    pthread_mutex_unlock(&net->lock);
    wake(net); /* it may be waiting on that descriptor */
}

/* What is over comes first, so that the other side never has more of them than there may be. */
static struct slot *next_slot(struct p2p_net *net)
{
    struct slot *found = NULL;
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &net->slots[i];
        if (slot->state == SLOT_FREE || !slot->has_news)
            continue;
        if (slot->state == SLOT_GONE)
            return slot;
        if (found == NULL)
            found = slot;
    }
    return found;
}

bool p2p_net_next(struct p2p_net *net, struct p2p_net_event *ret_event)
{
    pthread_mutex_lock(&net->lock);
    struct slot *slot = next_slot(net);
    bool found = slot != NULL;
    if (found) {
        bool is_gone = slot->state == SLOT_GONE;
        *ret_event = (struct p2p_net_event){
            .kind = is_gone          ? P2P_NET_CLOSED
                    : !slot->is_told ? P2P_NET_OPENED
                                     : P2P_NET_READY,
            .id = slot->id,
            .is_inbound = slot->is_inbound,
            .address = slot->address,
            .error = slot->error,
        };
        slot->has_news = ret_event->kind == P2P_NET_OPENED && slot->in.size > 0;
        slot->is_told = true;
        if (is_gone)
            free_slot(slot);
    } else {
        net->has_news = false;
        net->is_told = false;
    }
    pthread_mutex_unlock(&net->lock);
    return found;
}
