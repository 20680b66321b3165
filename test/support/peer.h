/* peer.h - the other end of a link, spoken byte by byte: what a hostile or broken process may do.
 *
 * A room is a runtime with the role "probe" (the tests' prober). A peer joined to it uses "probe"
 * (its target 1) and offers a role of its own, which the room's callers use. The peer writes the
 * framing of NNG's stream transports itself: 8 bytes that name the protocol, then, per message, its
 * length in 8 bytes, big-endian, and its bytes. With links_bypass (places.h) it has a bypass, too, and uses it
 * once it has said hello: peer_send and peer_read go the way that an honest peer goes, peer_write does
 * not. */
#ifndef TEST_SUPPORT_PEER_H
#define TEST_SUPPORT_PEER_H

#include "bus/frame.h"
#include "bus/ring.h"
#include "bus/troupe_host.h"

enum { ROOM_PEERS_MAX = 4 };

/* What the host hook and the report hook said. */
struct room {
    struct troupe *troupe;
    struct troupe_ref probe;
    const struct troupe_permit *permits; /* of peers that are opened from now on */
    size_t permits_count;
};

struct peer {
    struct room *room;
    uint64_t link;
    struct troupe_ref far; /* the role that the peer offers */
    char role[32];
    int fd;                        /* requests */
    int listens;                   /* events of "probe", which the peer may read */
    int tells;                     /* events of its own role, which the peer writes */
    struct ti_shared_rings *rings; /* NULL: no bypass */
    int bell_in;
    int bell_out;
    struct ti_ring_end in;
    struct ti_ring_end out;
    bool bypassed;  /* what the room sends */
    bool bypassing; /* what this peer sends */
    uint8_t *batch;
    size_t batch_size;
    size_t batch_at;
};

/* `ms`, longer where the build is slow (TROUPE_SLOW). */
uint32_t bound_ms(uint32_t ms);
double now_s(void);
long resident_kib(void);
/* Runs pinned actors until condition(user) is true; fails the test after bound_ms(10000). */
void wait_until(struct troupe *troupe, bool (*condition)(void *user), void *user);

void peer_room_open(struct room *room);
/* With another actor than the prober as "probe". */
void room_open_role(struct room *room, const struct troupe_role *role);
void peer_room_close(struct room *room);
struct troupe_stats peer_room_stats(const struct room *room);
/* How often the hook was told that this link is up, or gone. */
unsigned room_up(uint64_t link);
unsigned room_gone(uint64_t link);
/* Waits until the link is gone; returns why. `ret_text` (may be NULL) holds 512 bytes. */
int room_wait_gone(struct room *room, uint64_t link, char *ret_text);
bool room_reported(const char *words);

/* Gives a peer that offers `role` its sockets, and says nothing on them. */
void peer_connect(struct room *room, struct peer *peer, const char *role);
/* NNG's own handshake on both event sockets. */
void peer_shake_events(struct peer *peer);
/* Joins a peer that offers `role`, up to NNG's own handshake. */
void peer_join(struct room *room, struct peer *peer, const char *role);
/* The same, with hello said by both; waits until the link is up. */
void peer_open(struct room *room, struct peer *peer, const char *role);
void peer_close(struct peer *peer);

/* Joins one that is no runtime to a room that is a gate for "probe", up to hello said by both: it offers
 * nothing, and has no event sockets. */
void peer_open_gate(struct room *room, struct peer *peer);

size_t peer_write_hello(const struct peer *peer, uint8_t *to, size_t max);
void peer_say_hello(struct peer *peer);
/* One batch with these bytes. */
void peer_send(struct peer *peer, const uint8_t *data, size_t size);
/* On the event socket of the peer's own role. */
void peer_publish(struct peer *peer, const uint8_t *data, size_t size);
/* The next event or heartbeat that "probe" sends to the peer. */
void peer_read_event(struct peer *peer, struct frame *ret_frame);
/* Rings the room's bell, and the other way round: waits for ours. False: the room has closed. */
void peer_ring(const struct peer *peer);
bool peer_wait_bell(const struct peer *peer);
/* Bytes without any framing. */
void peer_write(int fd, const void *data, size_t size);
/* The next frame from the room; false when the link has ended. `ret_frame` borrows until the next. */
bool peer_read(struct peer *peer, struct frame *ret_frame);
/* The next frame of that kind; others are passed over. Fails the test when the link ends. */
void peer_expect(struct peer *peer, enum frame_kind kind, struct frame *ret_frame);
/* Reads to the end; true if a goaway with that code came. */
bool peer_told(struct peer *peer, int code);

/* Answers the room's request `id` with an encoded map of results. */
void peer_reply(struct peer *peer, uint64_t id, const uint8_t *results, size_t size);
/* A request to target 1 of the room with an encoded map of arguments. */
void peer_request(struct peer *peer, uint64_t id, uint64_t target, uint32_t method,
                  const uint8_t *args, size_t size);
/* Asks `echo` of the room's prober and checks the answer: the link works. */
void peer_check_alive(struct peer *peer, uint64_t id);

#endif
