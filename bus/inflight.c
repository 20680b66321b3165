/* inflight.c - the requests that are in flight over the links, for who looks (list_asks): what each link
 * keeps of them in any case. */
#include <stdlib.h>

#include "bus/link.h"
#include "interfaces/bus.h"

uint64_t ti_ms_between(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns < to_ns ? (to_ns - from_ns) / 1000000 : 0;
}

/* One more in the list, or beyond it. */
static void add_ask(struct bus_list_asks_results *results, const struct bus_ask *ask,
                    const struct ti_link *link, struct ti_span time)
{
    uint64_t now_ns = ti_now_ns(link->troupe);
    if (ask->interface == bus_interface.id) {
        return;
    }
    if (results->asks_count == BUS_LIST_ASKS_RESULTS_ASKS_MAX) {
        results->more++;
        return;
    }
    struct bus_ask *to = (struct bus_ask *)&results->asks[results->asks_count++];
    *to = *ask;
    to->link = link->id;
    to->peer = troupe_text(link->peer);
    to->age_ms = ti_ms_between(time.from_ns, now_ns);
    to->left_ms = ti_ms_between(now_ns, time.until_ns);
}

/* With its lock. */
static void add_asks(const struct ti_link *link, struct bus_list_asks_results *results)
{
    for (size_t i = 0; i < link->outgoing.room; i++) {
        const struct ti_outgoing *out = link->outgoing.entries[i].value;
        if (link->outgoing.entries[i].key != 0) {
            const struct ti_address *from = &out->failed.from;
            struct bus_ask ask = {.trace = out->trace,
                                  .actor = from->kind == TI_TO_ACTOR ? from->actor : 0,
                                  .interface = out->method->interface->id,
                                  .method = out->method->ordinal};
            add_ask(results, &ask, link, out->time);
        }
    }
    for (size_t i = 0; i < link->incoming.room; i++) {
        const struct ti_incoming *in = link->incoming.entries[i].value;
        if (link->incoming.entries[i].key != 0) {
            struct bus_ask ask = {.incoming = true,
                                  .trace = in->trace,
                                  .actor = in->actor,
                                  .interface = in->interface,
                                  .method = in->method};
            add_ask(results, &ask, link, in->time);
        }
    }
}

void ti_list_asks(struct troupe *troupe, struct troupe_call *call)
{
    struct bus_ask *asks = calloc(BUS_LIST_ASKS_RESULTS_ASKS_MAX, sizeof *asks);
    struct bus_list_asks_results results = {.asks = asks};
    if (asks == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    pthread_mutex_lock(&troupe->links.lock);
    for (struct ti_link *link = troupe->links.first; link != NULL; link = link->next) {
        pthread_mutex_lock(&link->lock);
        add_asks(link, &results);
        pthread_mutex_unlock(&link->lock);
    }
    bus_list_asks_reply(call, &results); /* names are copied: links stay listed while we look */
    pthread_mutex_unlock(&troupe->links.lock);
    free(asks);
}
