/* deaf.h - what a test does not want to hear of a P2P engine: for the listener of a struct p2p_config. */
#ifndef TEST_SUPPORT_DEAF_H
#define TEST_SUPPORT_DEAF_H

#include "actors/node/p2p.h"

void deaf_changed(void *user, const struct chain_change *changes, size_t count);
void deaf_headers(void *user);
void deaf_ready(void *user, uint32_t id);

#endif
