/* Hears nothing: see deaf.h. */
#include "test/support/deaf.h"

void deaf_changed(void *user, const struct chain_change *changes, size_t count)
{
    (void)user;
    (void)changes;
    (void)count;
}

void deaf_headers(void *user)
{
    (void)user;
}

void deaf_ready(void *user, uint32_t id)
{
    (void)user;
    (void)id;
}
