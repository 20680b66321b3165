/* quota.c - what one peer may take of this process: every bound of a link, with what is used of it.
 *
 * The bounds are kept where the thing is taken (link_in.c, link_ask.c, link_out.c, link_blob.c); this
 * is the table for whoever looks. */
#include "bus/link.h"
#include "interfaces/bus.h"

static uint64_t requests_open(const struct ti_link *link)
{
    return link->incoming.count;
}

static uint64_t requests_waiting(const struct ti_link *link)
{
    return link->unread_messages;
}

static uint64_t request_bytes_waiting(const struct ti_link *link)
{
    return link->unread_bytes;
}

static uint64_t blob_bytes_arriving(const struct ti_link *link)
{
    return link->blobs[TI_BLOBS_ASKED].unread_bytes + link->blobs[TI_BLOBS_ANSWERED].unread_bytes;
}

static uint64_t refs_held(const struct ti_link *link)
{
    return link->shared.count;
}

static uint64_t answer_bytes_queued(const struct ti_link *link)
{
    return link->queued_bytes;
}

static uint64_t blob_bytes_queued(const struct ti_link *link)
{
    return link->blobs[TI_BLOBS_ANSWERED].queued_bytes + link->reserved_bytes;
}

static uint64_t asks_open(const struct ti_link *link)
{
    return link->outgoing.count;
}

static const struct {
    const char *name;
    uint64_t max;
    uint64_t (*used)(const struct ti_link *link);
} quotas[] = {
    {"requests_open", 2 * TROUPE_LINK_INFLIGHT_MAX, requests_open}, /* half of them cancelled */
    {"requests_waiting", TROUPE_LINK_WINDOW_MESSAGES, requests_waiting},
    {"request_bytes_waiting", TROUPE_LINK_WINDOW_BYTES, request_bytes_waiting},
    {"blob_bytes_arriving", 2 * TROUPE_LINK_BLOB_BYTES_MAX, blob_bytes_arriving},
    {"refs_held", TROUPE_LINK_EXPORTS_MAX, refs_held},
    {"answer_bytes_queued", TROUPE_LINK_BACKLOG_BYTES_MAX, answer_bytes_queued},
    {"blob_bytes_queued", TROUPE_LINK_BLOBS_BYTES_MAX + TROUPE_LINK_BLOB_BYTES_MAX,
     blob_bytes_queued},
    {"asks_open", TROUPE_LINK_INFLIGHT_MAX, asks_open},
};

size_t ti_link_quotas(struct ti_link *link, struct bus_quota *to, size_t max)
{
    size_t count = sizeof quotas / sizeof *quotas;
    count = count < max ? count : max;
    pthread_mutex_lock(&link->lock);
    for (size_t i = 0; i < count; i++) {
        to[i] = (struct bus_quota){.name = troupe_text(quotas[i].name),
                                   .used = quotas[i].used(link),
                                   .max = quotas[i].max};
    }
    pthread_mutex_unlock(&link->lock);
    return count;
}
