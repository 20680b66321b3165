/* bypass.h - a way for a link's batches beside its NNG socket, through shared memory.
 *
 * NNG takes a batch through several threads; a bypass takes it from the thread that sends to one that
 * receives. It carries what the link's carrier gives it and knows no frames: two rings (ring.h) in a
 * sealed memfd, and two pipes as bells. NNG keeps the handshake, the notice of the peer's death, and
 * all traffic of a link that has none. Which way the next batch goes is the carrier's business.
 *
 * The loop (loop.c) waits for all bells: it receives, and goes on with what found no room. */
#ifndef TROUPE_BUS_BYPASS_H
#define TROUPE_BUS_BYPASS_H

#include "bus/carrier.h"
#include "bus/runtime.h"

struct ti_bypass;

void ti_bypasses_init(struct ti_bypasses *all, const struct ti_loop *loop);
/* Every bypass is closed. */
void ti_bypasses_fini(struct ti_bypasses *all);
/* On the loop: gives one its turn, if it is anybody's; true: there are more. */
bool ti_bypasses_turn(struct ti_bypasses *all);
/* On the loop: the bell of that one has rung. */
void ti_bypass_rang(struct ti_bypasses *all, uint64_t id, uint32_t events);

/* Closes the descriptors of an end that was not opened. `bypass` may be NULL. */
void ti_bypass_close_fds(const struct troupe_bypass *bypass);
/* Takes over the descriptors. NULL: no memory, or they are not what troupe_host_bypass makes; the
 * peer sees that nobody joined, and NNG has it all. */
struct ti_bypass *ti_bypass_open(struct troupe *troupe, const struct troupe_bypass *from,
                                 const struct ti_carrier_events *events, void *user);
/* The other end is open, too. */
bool ti_bypass_joined(const struct ti_bypass *bypass);
/* The peer was asked to receive by it: on_sent says when it does. Nothing is sent before. */
void ti_bypass_ask(struct ti_bypass *bypass);
/* It asks that of us: begins to receive. */
void ti_bypass_start(struct ti_bypass *bypass);
/* The calling thread, which will wait for an answer, receives from now on; false: another one does.
 * It must then lead: until `done`, or `due_ns`. */
bool ti_bypass_enter(struct ti_bypass *bypass);
void ti_bypass_lead(struct ti_bypass *bypass, bool (*done)(void *user), void *user,
                    uint64_t due_ns);
/* As a carrier's send, one at a time. TI_SENT: it has left, on_sent does not follow. */
int ti_bypass_send(struct ti_bypass *bypass, const uint8_t *data, size_t size, bool more);
/* The peer is gone: reads what it left, then calls on_gone. False: it was not started, and will not. */
bool ti_bypass_gone(struct ti_bypass *bypass);
/* No callback runs after it returns. `bypass` may be NULL. */
void ti_bypass_close(struct ti_bypass *bypass);

#endif
