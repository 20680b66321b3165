/* links.c - the links of a process: made and freed by count, listed, found by id, closed together.
 *
 * Whoever uses a link holds it. The list holds each until it is taken apart (link.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"

/* ---- holding and finding ---------------------------------------------------------------------------- */

struct ti_link *ti_link_hold(struct ti_link *link)
{
    atomic_fetch_add_explicit(&link->holders, 1, memory_order_relaxed);
    return link;
}

static void free_seats(struct ti_link_seat *seats, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(seats[i].role);
    }
    free(seats);
}

void ti_link_release(struct ti_link *link)
{
    if (atomic_fetch_sub_explicit(&link->holders, 1, memory_order_acq_rel) != 1) {
        return;
    }
    ti_link_out_free(link);
    ti_timers_unreserve(link->troupe, link->reserved);
    ti_table_free(&link->outgoing);
    ti_table_free(&link->incoming);
    ti_table_free(&link->shared);
    free_seats(link->exports, link->exports_count);
    free_seats(link->imports, link->imports_count);
    free(link->passes);
    free(link->permits);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

uint64_t ti_link_id(const struct ti_link *link)
{
    return link->id;
}

struct ti_link *ti_link_find(struct troupe *troupe, uint64_t id)
{
    pthread_mutex_lock(&troupe->links.lock);
    struct ti_link *link = troupe->links.first;
    while (link != NULL && link->id != id) {
        link = link->next;
    }
    if (link != NULL) {
        ti_link_hold(link);
    }
    pthread_mutex_unlock(&troupe->links.lock);
    return link;
}

void ti_links_init(struct troupe *troupe)
{
    pthread_mutex_init(&troupe->links.lock, NULL);
    pthread_cond_init(&troupe->links.changed, NULL);
    troupe->links.next_id = TI_PLACE_LINKS;
}

void ti_links_free(struct troupe *troupe)
{
    pthread_cond_destroy(&troupe->links.changed);
    pthread_mutex_destroy(&troupe->links.lock);
}

uint32_t ti_links_count(struct troupe *troupe)
{
    pthread_mutex_lock(&troupe->links.lock);
    uint32_t count = troupe->links.count;
    pthread_mutex_unlock(&troupe->links.lock);
    return count;
}

bool ti_link_lists(const struct ti_link *link, uint32_t interface, uint32_t version)
{
    bool lists = false;
    for (size_t i = 0; i < link->interfaces_count; i++) {
        lists = lists ||
                (link->interfaces[i].id == interface && link->interfaces[i].version >= version);
    }
    return lists;
}

bool ti_link_serves(struct ti_link *link, uint32_t interface, uint32_t version)
{
    pthread_mutex_lock(&link->lock);
    bool serves = ti_link_lists(link, interface, version);
    pthread_mutex_unlock(&link->lock);
    return serves;
}

void ti_link_filter(struct ti_link *link, const char *role, uint32_t interface, uint32_t event,
                    uint64_t source, bool on)
{
    uint8_t prefix[TI_FRAME_TOPIC_BYTES_MAX];
    size_t size = ti_frame_topic(prefix, interface, event, source);
    pthread_mutex_lock(&link->lock);
    for (size_t i = 0; i < link->imports_count && link->phase != TI_LINK_GONE; i++) {
        struct ti_link_seat *seat = &link->imports[i];
        if ((role == NULL || strcmp(seat->role, role) == 0) && seat->subscriber != NULL &&
            link->troupe->carriers->subscriber_filter(seat->subscriber, prefix, size, on) != 0) {
            ti_report(link->troupe, "link to %s: an event filter could not be set", link->peer);
        }
    }
    pthread_mutex_unlock(&link->lock);
}

struct ti_bypass *ti_link_enter(struct ti_link *link)
{
    struct ti_bypass *bypass = NULL;
    pthread_mutex_lock(&link->lock);
    if (link->carrier != NULL && !link->apart && link->troupe->carriers->enter != NULL) {
        bypass = link->troupe->carriers->enter(link->carrier);
    }
    pthread_mutex_unlock(&link->lock);
    return bypass;
}

/* ---- making and listing ----------------------------------------------------------------------------------- */

static struct ti_link_seat *new_seats(struct ti_link *link, const struct troupe_grant *grants,
                                      size_t count)
{
    struct ti_link_seat *seats = calloc(count + 1, sizeof *seats);
    for (size_t i = 0; seats != NULL && i < count; i++) {
        seats[i].link = link;
        seats[i].role = strdup(grants[i].role);
        if (seats[i].role == NULL) {
            free_seats(seats, i);
            return NULL;
        }
    }
    return seats;
}

/* The exports are there. False: no memory. */
static bool keep_permits(struct ti_link *link, const struct troupe_link_config *config)
{
    if (config->permits == NULL) {
        return true;
    }
    link->permits = calloc(config->permits_count + 1, sizeof *link->permits);
    for (size_t i = 0; link->permits != NULL && i < config->permits_count; i++) {
        const struct troupe_permit *permit = &config->permits[i];
        size_t seat = 0;
        while (seat < link->exports_count && strcmp(link->exports[seat].role, permit->role) != 0) {
            seat++;
        }
        if (seat < link->exports_count) {
            link->permits[link->permits_count++] = (struct ti_permit){
                .target = seat + 1,
                .interface = permit->interface->id,
                .method = permit->method != NULL ? permit->method->ordinal : 0};
        }
    }
    return link->permits != NULL;
}

struct ti_link *ti_link_new(struct troupe *troupe, const struct troupe_link_config *config)
{
    struct ti_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    atomic_init(&link->holders, 1);
    pthread_mutex_init(&link->lock, NULL);
    link->troupe = troupe;
    snprintf(link->peer, sizeof link->peer, "%s", config->peer);
    link->gate = config->gate;
    link->window_messages = TROUPE_LINK_WINDOW_MESSAGES;
    link->window_bytes = TROUPE_LINK_WINDOW_BYTES;
    for (int i = 0; i < TI_BLOBS; i++) {
        link->blobs[i].window_bytes = TROUPE_LINK_BLOB_BYTES_MAX;
    }
    link->exports = new_seats(link, config->exports, config->exports_count);
    link->exports_count = link->exports != NULL ? config->exports_count : 0;
    link->imports = new_seats(link, config->imports, config->imports_count);
    link->imports_count = link->imports != NULL ? config->imports_count : 0;
    /* Its alarm, its end, its next try to send, two notes of its carrier and of each event socket. */
    uint32_t timers = (uint32_t)(5 + 2 * (config->exports_count + config->imports_count));
    link->reserved = ti_timers_reserve(troupe, timers) ? timers : 0;
    if (link->exports == NULL || link->imports == NULL || link->reserved == 0 ||
        !keep_permits(link, config) || !ti_link_out_init(link)) {
        ti_link_release(link);
        return NULL;
    }
    return link;
}

int ti_links_add(struct ti_link *link)
{
    struct ti_links *links = &link->troupe->links;
    int error = 0;
    pthread_mutex_lock(&links->lock);
    if (links->count >= TROUPE_LINKS_MAX) {
        error = TROUPE_EBUSY;
    } else {
        link->id = links->next_id++;
        link->next = links->first;
        links->first = link;
        links->count++;
    }
    pthread_mutex_unlock(&links->lock);
    return error;
}

void ti_links_remove(struct ti_link *link)
{
    struct ti_links *links = &link->troupe->links;
    pthread_mutex_lock(&links->lock);
    struct ti_link **at = &links->first;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    links->count--;
    pthread_cond_broadcast(&links->changed);
    pthread_mutex_unlock(&links->lock);
}

/* ---- closing ---------------------------------------------------------------------------------------------- */

void troupe_host_unlink(struct troupe *troupe, uint64_t id)
{
    struct ti_link *link = ti_link_find(troupe, id);
    if (link == NULL) {
        return;
    }
    pthread_mutex_lock(&link->lock);
    ti_link_drain(link);
    ti_link_progress(link);
    pthread_mutex_unlock(&link->lock);
    ti_link_release(link);
}

static void end_peer(struct troupe *troupe, const char *peer, bool silent_only, const char *why)
{
    pthread_mutex_lock(&troupe->links.lock);
    for (struct ti_link *link = troupe->links.first; link != NULL; link = link->next) {
        pthread_mutex_lock(&link->lock);
        if ((!link->hello_in || !silent_only) && strcmp(link->peer, peer) == 0) {
            ti_link_end(link, TROUPE_ELOST, why);
        }
        pthread_mutex_unlock(&link->lock);
    }
    pthread_mutex_unlock(&troupe->links.lock);
}

void troupe_host_peer_died(struct troupe *troupe, const char *peer)
{
    end_peer(troupe, peer, true, "the other process died before it said hello");
}

void troupe_host_peer_left(struct troupe *troupe, const char *peer)
{
    end_peer(troupe, peer, false, "the other process hung up");
}

static void end_all(struct troupe *troupe, bool now)
{
    pthread_mutex_lock(&troupe->links.lock);
    for (struct ti_link *link = troupe->links.first; link != NULL; link = link->next) {
        pthread_mutex_lock(&link->lock);
        if (now) {
            ti_link_end(link, TROUPE_ETIMEOUT, "it could not be drained in time");
        } else {
            ti_link_drain(link);
            ti_link_progress(link);
        }
        pthread_mutex_unlock(&link->lock);
    }
    pthread_mutex_unlock(&troupe->links.lock);
}

static void wait_a_moment(struct ti_links *links)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 10000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&links->changed, &links->lock, &until);
}

void ti_links_close(struct troupe *troupe, uint32_t timeout_ms)
{
    struct ti_links *links = &troupe->links;
    uint64_t due = ti_now_ns(troupe) + timeout_ms * 1000000ull;
    end_all(troupe, false);
    bool hard = false;
    pthread_mutex_lock(&links->lock);
    while (links->count != 0) {
        if (troupe->schedule == NULL) {
            wait_a_moment(links);
        }
        pthread_mutex_unlock(&links->lock);
        troupe_step(troupe, 0); /* pinned actors may have answers to give */
        if (!hard && ti_now_ns(troupe) >= due) {
            hard = true;
            end_all(troupe, true);
        }
        pthread_mutex_lock(&links->lock);
    }
    pthread_mutex_unlock(&links->lock);
}
