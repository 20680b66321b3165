#include "test/support/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/prober.h"

enum { PAIR0 = 0x10, PUB0 = 0x20, SUB0 = 0x21, ECHO_METHOD = 1, NOTES_MAX = 1024 };

/* What the hooks were told, since the room was opened. */
struct note {
    enum troupe_host_event_kind kind;
    uint64_t link;
    int code;
    char text[512];
};
static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct note notes[NOTES_MAX];
static size_t notes_count;
static char reports[16384];

uint32_t bound_ms(uint32_t ms)
{
    const char *slow = getenv("TROUPE_SLOW");
    long times = slow != NULL ? strtol(slow, NULL, 10) : 1;
    return times > 1 ? ms * (uint32_t)times : ms;
}

double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void wait_until(struct troupe *troupe, bool (*condition)(void *user), void *user)
{
    double due = now_s() + bound_ms(10000) * 1e-3;
    while (!condition(user)) {
        if (now_s() >= due) {
            fail_msg("what was waited for did not happen in time");
        }
        troupe_step(troupe, 2);
    }
}

/* ---- the room -------------------------------------------------------------------------------- */

static void on_host(void *user, const struct troupe_host_event *event)
{
    (void)user;
    pthread_mutex_lock(&notes_lock);
    if (notes_count < NOTES_MAX) {
        struct note *note = &notes[notes_count++];
        *note = (struct note){.kind = event->kind, .link = event->link, .code = event->code};
        snprintf(note->text, sizeof note->text, "%s", event->text != NULL ? event->text : "");
    }
    pthread_mutex_unlock(&notes_lock);
}

static void on_report(void *user, const char *text)
{
    (void)user;
    pthread_mutex_lock(&notes_lock);
    size_t used = strlen(reports);
    snprintf(reports + used, sizeof reports - used, "%s\n", text);
    pthread_mutex_unlock(&notes_lock);
}

bool room_reported(const char *words)
{
    pthread_mutex_lock(&notes_lock);
    bool found = strstr(reports, words) != NULL;
    pthread_mutex_unlock(&notes_lock);
    return found;
}

static unsigned count_notes(enum troupe_host_event_kind kind, uint64_t link)
{
    unsigned count = 0;
    pthread_mutex_lock(&notes_lock);
    for (size_t i = 0; i < notes_count; i++) {
        count += notes[i].kind == kind && notes[i].link == link;
    }
    pthread_mutex_unlock(&notes_lock);
    return count;
}

unsigned room_up(uint64_t link)
{
    return count_notes(TROUPE_LINK_UP, link);
}

unsigned room_gone(uint64_t link)
{
    return count_notes(TROUPE_LINK_GONE, link);
}

static bool is_up(void *user)
{
    return room_up(*(uint64_t *)user) != 0;
}

static bool is_gone(void *user)
{
    return room_gone(*(uint64_t *)user) != 0;
}

int room_wait_gone(struct room *room, uint64_t link, char *ret_text)
{
    int code = 0;
    wait_until(room->troupe, is_gone, &link);
    assert_int_equal(room_gone(link), 1);
    pthread_mutex_lock(&notes_lock);
    for (size_t i = 0; i < notes_count; i++) {
        if (notes[i].kind == TROUPE_LINK_GONE && notes[i].link == link) {
            code = notes[i].code;
            if (ret_text != NULL) {
                memcpy(ret_text, notes[i].text, sizeof notes[i].text);
            }
        }
    }
    pthread_mutex_unlock(&notes_lock);
    return code;
}

long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    fclose(file);
    return kib;
}

void peer_room_open(struct room *room)
{
    room_open_role(room, &probe_role);
}

void room_open_role(struct room *room, const struct troupe_role *role)
{
    struct troupe_config config = {.name = "room", .on_report = on_report};
    notes_count = 0;
    reports[0] = '\0';
    *room = (struct room){0};
    assert_int_equal(troupe_open(&config, &room->troupe), 0);
    troupe_host_on_event(room->troupe, on_host, NULL);
    assert_int_equal(troupe_host_declare(room->troupe, role, NULL), 0);
    assert_int_equal(troupe_host_start(room->troupe, "probe"), 0);
    assert_int_equal(troupe_host_find(room->troupe, "probe", &room->probe), 0);
}

void peer_room_close(struct room *room)
{
    troupe_close(room->troupe, 500);
}

struct troupe_stats peer_room_stats(const struct room *room)
{
    struct troupe_stats stats;
    troupe_stats(room->troupe, &stats);
    return stats;
}

/* ---- its bypass ------------------------------------------------------------------------------ */

static void take_bypass(struct peer *peer, const struct troupe_bypass *end)
{
    peer->rings = ti_rings_map(end->memory_fd);
    assert_non_null(peer->rings);
    close(end->memory_fd);
    peer->bell_in = end->bell_in_fd;
    peer->bell_out = end->bell_out_fd;
    peer->out.ring = &peer->rings->rings[end->end];
    peer->in.ring = &peer->rings->rings[!end->end];
    atomic_store(&peer->rings->states[end->end], TI_RINGS_JOINED);
}

void peer_ring(const struct peer *peer)
{
    ssize_t written = write(peer->bell_out, "", 1);
    (void)written;
}

bool peer_wait_bell(const struct peer *peer)
{
    char bytes[64];
    struct pollfd waits[] = {{.fd = peer->bell_in, .events = POLLIN},
                             {.fd = peer->fd}}; /* its end alone */
    assert_true(poll(waits, 2, (int)bound_ms(10000)) != 0);
    ssize_t got = waits[0].revents != 0 ? read(peer->bell_in, bytes, sizeof bytes) : 0;
    (void)got;
    return waits[1].revents == 0;
}

/* False: the room has closed, and the ring is empty. */
static bool take(struct peer *peer, uint8_t *to, uint32_t size)
{
    bool open = true;
    while (size != 0) {
        uint32_t part = ti_ring_filled(&peer->in);
        assert_true(part != TI_RING_LIE);
        if (part == 0 && !open) {
            return false;
        }
        if (part == 0) {
            open = !ti_ring_sleep(&peer->in, 1) || peer_wait_bell(peer);
            continue;
        }
        part = part < size ? part : size;
        ti_ring_take(&peer->in, to, part);
        if (ti_ring_give_room(&peer->in)) {
            peer_ring(peer);
        }
        to += part;
        size -= part;
    }
    return true;
}

static void put(struct peer *peer, const uint8_t *from, uint32_t size)
{
    bool open = true;
    while (size != 0 && open) {
        uint32_t part = ti_ring_room(&peer->out);
        assert_true(part != TI_RING_LIE);
        if (part == 0) {
            ti_ring_want_room(&peer->out);
            open = ti_ring_room(&peer->out) != 0 || peer_wait_bell(peer);
            continue;
        }
        part = part < size ? part : size;
        ti_ring_put(&peer->out, from, part);
        if (ti_ring_show(&peer->out, true) != 0) {
            peer_ring(peer);
        }
        from += part;
        size -= part;
    }
}

/* ---- a peer ---------------------------------------------------------------------------------- */

void peer_write(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size != 0) {
        ssize_t written = send(fd, at, size, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return; /* the room has closed its end: reading shows it */
        }
        at += written;
        size -= (size_t)written;
    }
}

/* False at the end of the stream. */
static bool read_whole(int fd, void *to, size_t size)
{
    uint8_t *at = to;
    while (size != 0) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = poll(&wait, 1, (int)bound_ms(10000));
        assert_true(ready != 0);
        ssize_t got = recv(fd, at, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static void shake_hands(int fd, uint8_t protocol)
{
    uint8_t head[8] = {0, 'S', 'P', 0, 0, protocol, 0, 0};
    peer_write(fd, head, sizeof head);
    assert_true(read_whole(fd, head, sizeof head));
    assert_int_equal(head[1], 'S');
}

static void pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

void peer_connect(struct room *room, struct peer *peer, const char *role)
{
    int requests[2];
    int exports[2];
    int imports[2];
    pair(requests);
    pair(exports);
    pair(imports);
    *peer = (struct peer){
        .room = room, .fd = requests[1], .listens = exports[1], .tells = imports[1]};
    snprintf(peer->role, sizeof peer->role, "%s", role);
    struct troupe_grant export = {.role = "probe", .events_fd = exports[0]};
    struct troupe_grant import = {.role = role, .events_fd = imports[0]};
    struct troupe_bypass ends[2];
    if (links_bypassed) {
        assert_int_equal(troupe_host_bypass(ends), 0);
        take_bypass(peer, &ends[1]);
    }
    struct troupe_link_config config = {.peer = role,
                                        .fd = requests[0],
                                        .bypass = links_bypassed ? &ends[0] : NULL,
                                        .exports = &export,
                                        .exports_count = 1,
                                        .imports = &import,
                                        .imports_count = 1,
                                        .permits = room->permits,
                                        .permits_count = room->permits_count};
    assert_int_equal(troupe_host_link(room->troupe, &config, &peer->link), 0);
    assert_int_equal(troupe_host_find(room->troupe, role, &peer->far), 0);
}

void peer_shake_events(struct peer *peer)
{
    shake_hands(peer->listens, SUB0);
    shake_hands(peer->tells, PUB0);
}

void peer_join(struct room *room, struct peer *peer, const char *role)
{
    peer_connect(room, peer, role);
    shake_hands(peer->fd, PAIR0);
    peer_shake_events(peer);
}

size_t peer_write_hello(const struct peer *peer, uint8_t *to, size_t max)
{
    const char *const roles[] = {peer->role};
    size_t count = peer->role[0] != '\0';
    struct frame_interface interface = {
        .id = probe_interface.id, .version = 1, .hash = probe_interface.hash};
    return ti_frame_write_hello(to, max, 4096, &interface, 1, roles, count);
}

static void send_on(int fd, const uint8_t *data, size_t size)
{
    uint8_t head[8];
    for (int i = 0; i < 8; i++) {
        head[i] = (uint8_t)((uint64_t)size >> (8 * (7 - i)));
    }
    peer_write(fd, head, sizeof head);
    peer_write(fd, data, size);
}

void peer_say_hello(struct peer *peer)
{
    uint8_t hello[TI_FRAME_HELLO_BYTES_MAX];
    peer_send(peer, hello, peer_write_hello(peer, hello, sizeof hello));
    if (peer->rings != NULL && !peer->bypassing) {
        send_on(peer->fd, NULL, 0);
        peer->bypassing = true;
    }
}

void peer_open(struct room *room, struct peer *peer, const char *role)
{
    struct frame frame;
    peer_join(room, peer, role);
    peer_say_hello(peer);
    peer_expect(peer, FRAME_HELLO, &frame);
    wait_until(room->troupe, is_up, &peer->link);
}

void peer_open_gate(struct room *room, struct peer *peer)
{
    int requests[2];
    struct frame frame;
    struct troupe_grant exports[] = {{.role = "probe", .events_fd = -1},
                                     {.role = "probe.bus", .events_fd = -1}};
    pair(requests);
    *peer = (struct peer){.room = room, .fd = requests[1], .listens = -1, .tells = -1};
    struct troupe_link_config config = {
        .peer = "tab", .fd = requests[0], .exports = exports, .exports_count = 2, .gate = true};
    assert_int_equal(troupe_host_link(room->troupe, &config, &peer->link), 0);
    shake_hands(peer->fd, PAIR0);
    peer_say_hello(peer);
    peer_expect(peer, FRAME_HELLO, &frame);
}

void peer_close(struct peer *peer)
{
    close(peer->fd);
    if (peer->listens >= 0) {
        close(peer->listens);
        close(peer->tells);
    }
    free(peer->batch);
    peer->batch = NULL;
    if (peer->rings != NULL) {
        ti_rings_unmap(peer->rings);
        close(peer->bell_in);
        close(peer->bell_out);
        peer->rings = NULL;
    }
}

void peer_send(struct peer *peer, const uint8_t *data, size_t size)
{
    assert_true(size != 0);
    if (peer->bypassing) {
        uint8_t *batch = malloc(sizeof(uint32_t) + size);
        memcpy(batch, &(uint32_t){(uint32_t)size}, sizeof(uint32_t));
        memcpy(batch + sizeof(uint32_t), data, size);
        put(peer, batch, (uint32_t)(sizeof(uint32_t) + size));
        free(batch);
    } else {
        send_on(peer->fd, data, size);
    }
}

void peer_publish(struct peer *peer, const uint8_t *data, size_t size)
{
    assert_true(size != 0);
    send_on(peer->tells, data, size);
}

/* The next NNG message; false at the end. */
static bool read_batch(struct peer *peer, int fd)
{
    uint8_t head[8];
    uint64_t size = 0;
    bool bypassed = peer->bypassed && fd == peer->fd;
    if (bypassed) {
        uint32_t count = 0;
        if (!take(peer, (uint8_t *)&count, sizeof count)) {
            return false;
        }
        size = count;
    } else {
        if (!read_whole(fd, head, sizeof head)) {
            return false;
        }
        for (int i = 0; i < 8; i++) {
            size = size << 8 | head[i];
        }
        if (size == 0 && peer->rings != NULL && fd == peer->fd) {
            peer->bypassed = true;
            atomic_store(&peer->rings->states[1], TI_RINGS_STARTED);
            peer_ring(peer);
            return read_batch(peer, fd);
        }
    }
    assert_in_range(size, 1, TROUPE_LINK_RECEIVE_BYTES_MAX);
    free(peer->batch);
    peer->batch = malloc(size);
    peer->batch_size = peer->batch_at = size;
    if (bypassed ? !take(peer, peer->batch, (uint32_t)size) : !read_whole(fd, peer->batch, size)) {
        return false;
    }
    peer->batch_at = 0;
    return true;
}

void peer_read_event(struct peer *peer, struct frame *ret_frame)
{
    size_t used;
    assert_int_equal(peer->batch_at, peer->batch_size); /* nothing else is half read */
    assert_true(read_batch(peer, peer->listens));
    assert_int_equal(ti_frame_read(peer->batch, peer->batch_size, &used, ret_frame, NULL), 0);
    assert_int_equal(used, peer->batch_size);
    peer->batch_at = used;
}

bool peer_read(struct peer *peer, struct frame *ret_frame)
{
    size_t used;
    if (peer->batch_at == peer->batch_size && !read_batch(peer, peer->fd)) {
        return false;
    }
    assert_int_equal(ti_frame_read(peer->batch + peer->batch_at, peer->batch_size - peer->batch_at,
                                   &used, ret_frame, NULL),
                     0);
    peer->batch_at += used;
    return true;
}

void peer_expect(struct peer *peer, enum frame_kind kind, struct frame *ret_frame)
{
    do {
        assert_true(peer_read(peer, ret_frame));
    } while (ret_frame->kind != kind);
}

bool peer_told(struct peer *peer, int code)
{
    struct frame frame;
    bool told = false;
    while (peer_read(peer, &frame)) {
        told = told || (frame.kind == FRAME_GOAWAY && frame.goaway.code == (uint32_t)-code);
    }
    return told;
}

void peer_reply(struct peer *peer, uint64_t id, const uint8_t *results, size_t size)
{
    uint8_t to[2048];
    struct frame_reply reply = {.id = id, .body = {.data = {.data = results, .size = size}}};
    peer_send(peer, to, ti_frame_write_reply(to, sizeof to, &reply));
}

void peer_request(struct peer *peer, uint64_t id, uint64_t target, uint32_t method,
                  const uint8_t *args, size_t size)
{
    static const uint8_t empty[] = {0xa0};
    uint8_t to[2048];
    struct frame_request request = {.id = id,
                                    .target = target,
                                    .interface = probe_interface.id,
                                    .method = method,
                                    .budget_ms = bound_ms(5000),
                                    .body = {.data = {.data = empty, .size = sizeof empty}}};
    if (size != 0) {
        request.body.data = (struct troupe_bytes){.data = args, .size = size};
    }
    peer_send(peer, to, ti_frame_write_request(to, sizeof to, &request));
}

void peer_check_alive(struct peer *peer, uint64_t id)
{
    static const uint8_t args[] = {0xa2, 0x00, 0x18, 0x2a, 0x01, 0x62, 'o', 'k'};
    struct frame frame;
    peer_request(peer, id, 1, ECHO_METHOD, args, sizeof args);
    peer_expect(peer, FRAME_REPLY, &frame);
    assert_int_equal(frame.reply.id, id);
    assert_int_equal(frame.reply.body.data.size, sizeof args);
    assert_memory_equal(frame.reply.body.data.data, args, sizeof args);
}
