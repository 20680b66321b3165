/* p2p_pipe.h - bytes between the network thread and another, within a fixed room. For p2p_net.c, under
 * its lock. */
#ifndef ACTORS_NODE_P2P_PIPE_H
#define ACTORS_NODE_P2P_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "actors/node/p2p_net.h"

/* Bytes in the order they came; a ring. */
struct p2p_pipe {
    uint8_t *data; /* [owned] P2P_NET_PIPE_BYTES, or NULL */
    size_t at;
    size_t size;
};

static inline bool p2p_pipe_make(struct p2p_pipe *pipe)
{
    if (pipe->data == NULL)
        pipe->data = malloc(P2P_NET_PIPE_BYTES);
    return pipe->data != NULL;
}

/* The free bytes that lie behind one another, and the filled ones. */
static inline uint8_t *p2p_pipe_free(const struct p2p_pipe *pipe, size_t *ret_size)
{
    size_t end = (pipe->at + pipe->size) % P2P_NET_PIPE_BYTES;
    size_t room = P2P_NET_PIPE_BYTES - pipe->size;
    *ret_size = end + room > P2P_NET_PIPE_BYTES ? P2P_NET_PIPE_BYTES - end : room;
    return pipe->data + end;
}

static inline const uint8_t *p2p_pipe_held(const struct p2p_pipe *pipe, size_t *ret_size)
{
    size_t behind = P2P_NET_PIPE_BYTES - pipe->at;
    *ret_size = pipe->size < behind ? pipe->size : behind;
    return pipe->data + pipe->at;
}

static inline void p2p_pipe_take(struct p2p_pipe *pipe, size_t size)
{
    pipe->at = (pipe->at + size) % P2P_NET_PIPE_BYTES;
    pipe->size -= size;
}

#endif
