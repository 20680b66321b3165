/* link.c - the life of links: open, hello, drain, end. The state diagram is in link.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/bypass.h"
#include "bus/link.h"
#include "interfaces/bus.h"

#define LAST_WORDS_NS 50000000u
#define SETTLE_NS     50000000u
#define LOST_TEXT     "it was closed without BYE: the other process died, or broke the framing"

/* The link's one alarm, which holds the link; with fn NULL there is none. The lock is held. */
static void set_timer(struct ti_link *link, uint32_t delay_ms, ti_timer_fn *fn)
{
    if (ti_timer_remove(link->troupe, link->timer)) {
        ti_link_release(link); /* not the last: whoever has the lock has a hold, too */
    }
    link->timer = 0;
    if (fn != NULL) {
        link->timer = ti_timer_add_reserved(link->troupe,
                                            ti_now_ns(link->troupe) + delay_ms * 1000000ull, fn, 0,
                                            ti_link_hold(link));
    }
}

/* ---- the end ---------------------------------------------------------------------------------------------- */

/* What a frame was for is answered by what became of it: it left, or the peer never saw it. */
static void complete_outgoing(struct ti_link *link, struct ti_outgoing *outgoing)
{
    bool unseen = link->goaway_in && outgoing->id > link->goaway_last_id;
    int code = ti_link_was_sent(link, outgoing) && !unseen ? TROUPE_ELOST : TROUPE_EDOWN;
    ti_assembly_free(link, &outgoing->assembly);
    ti_outgoing_fail(link, outgoing, code);
}

/* The actor that works for the peer may stop: nobody will read its answer. */
static void cancel_incoming(struct ti_link *link, struct ti_incoming *incoming)
{
    struct troupe_message *message = ti_message_new(TI_CANCEL, NULL);
    if (message != NULL) {
        message->from = ti_address_hold(
            (struct ti_address){.kind = TI_TO_LINK, .object = link, .id = incoming->id});
        if (incoming->actor == 0 || ti_push(link->troupe, incoming->actor, message, false) != 0) {
            ti_message_release(message);
        }
    }
    if (incoming->onward != NULL) {
        ti_link_cancel(incoming->onward, incoming->onward_id);
    }
    if (incoming->assembly.message != NULL) {
        ti_message_release(incoming->assembly.message);
    }
    if (incoming->in_line != NULL) {
        ti_message_release(incoming->in_line);
    }
    ti_incoming_free(incoming);
}

void ti_incoming_free(struct ti_incoming *incoming)
{
    if (incoming->onward != NULL) {
        ti_link_release(incoming->onward);
    }
    free(incoming);
}

static void close_sockets(struct ti_link *link)
{
    const struct ti_carriers *carriers = link->troupe->carriers;
    carriers->close(link->carrier);
    for (size_t i = 0; i < link->exports_count; i++) {
        if (link->exports[i].publisher != NULL) {
            carriers->publisher_remove(link->exports[i].publisher, link->exports[i].listener);
        }
    }
    for (size_t i = 0; i < link->imports_count; i++) {
        if (link->imports[i].subscriber != NULL) {
            carriers->subscriber_close(link->imports[i].subscriber);
        }
    }
}

/* On the loop's thread: nothing of the link is in a callback once the sockets are closed. */
static void take_apart(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    set_timer(link, 0, NULL);
    link->apart = true;
    struct ti_table outgoing = link->outgoing;
    struct ti_table incoming = link->incoming;
    link->outgoing = link->incoming = (struct ti_table){0};
    link->line_first = link->line_last = NULL;
    pthread_mutex_unlock(&link->lock);
    close_sockets(link);
    ti_role_link_gone(troupe, link);
    for (size_t i = 0; i < outgoing.room; i++) {
        if (outgoing.entries[i].key != 0) {
            complete_outgoing(link, outgoing.entries[i].value);
        }
    }
    for (size_t i = 0; i < incoming.room; i++) {
        if (incoming.entries[i].key != 0) {
            cancel_incoming(link, incoming.entries[i].value);
        }
    }
    ti_table_free(&outgoing);
    ti_table_free(&incoming);
    ti_watch_fire_place(troupe, link->id, TROUPE_ELOST);
    bool tab_closed = link->gate && link->why == TROUPE_ELOST; /* as people do: no news */
    if (link->why != 0 && !tab_closed) {
        ti_report(troupe, "link to %s ended: %s", link->peer, link->why_text);
    }
    ti_host_event(troupe, TROUPE_LINK_GONE, link->peer, link->id, link->why, link->why_text);
    ti_links_remove(link);
    ti_link_release(link);
}

void ti_link_end(struct ti_link *link, int why, const char *text)
{
    if (link->phase == TI_LINK_GONE) {
        return;
    }
    link->phase = TI_LINK_GONE;
    atomic_store_explicit(&link->ended, true, memory_order_relaxed);
    link->why = why;
    snprintf(link->why_text, sizeof link->why_text, "%s", text != NULL ? text : "");
    /* NNG drops what is queued when it closes: last words get a moment to leave, to one who lives. */
    bool waits = link->sending && why != TROUPE_ELOST;
    uint64_t due = ti_now_ns(link->troupe) + (waits ? LAST_WORDS_NS : 0);
    due = due > link->settled_ns ? due : link->settled_ns;
    ti_timer_add_reserved(link->troupe, due, take_apart, 0, link);
}

static void on_gone(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)troupe;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    if (link->bye_in && (link->bye_out || link->outgoing.count == 0)) {
        ti_link_end(link, 0, ""); /* it had said all it wanted to say */
    } else {
        ti_link_end(link, TROUPE_ELOST, LOST_TEXT);
    }
    pthread_mutex_unlock(&link->lock);
    ti_link_release(link);
}

/* ---- callbacks of the carrier --------------------------------------------------------------------------- */

static void carrier_sent(void *user)
{
    struct ti_link *link = user;
    pthread_mutex_lock(&link->lock);
    ti_link_left(link);
    ti_gate_settle(link);
    ti_link_pump(link);
    ti_link_progress(link);
    pthread_mutex_unlock(&link->lock);
    ti_link_let_go_on(link);
}

static void carrier_gone(void *user)
{
    struct ti_link *link = user; /* inside NNG: leave a note */
    ti_timer_add_reserved(link->troupe, ti_now_ns(link->troupe), on_gone, 0, ti_link_hold(link));
}

static void carrier_broken(void *user, const char *why)
{
    struct ti_link *link = user;
    pthread_mutex_lock(&link->lock);
    ti_link_refuse(link, TROUPE_EPROTOCOL, why);
    pthread_mutex_unlock(&link->lock);
}

static const struct ti_carrier_events carrier_events = {.on_receive = ti_link_received,
                                                        .on_sent = carrier_sent,
                                                        .on_gone = carrier_gone,
                                                        .on_broken = carrier_broken};

static void seat_connected(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link_seat *seat = object;
    struct ti_link *link = seat->link;
    (void)troupe;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    seat->up = true;
    ti_link_progress(link);
    pthread_mutex_unlock(&link->lock);
    ti_link_release(link);
}

static void seat_up(void *user)
{
    struct ti_link_seat *seat = user; /* inside NNG: leave a note */
    ti_link_hold(seat->link);
    ti_timer_add_reserved(seat->link->troupe, ti_now_ns(seat->link->troupe), seat_connected, 0,
                          seat);
}

/* Events that a subscriber waits for would be missed untold: the link can't go on without them. */
static void seat_lost(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)troupe;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    if (link->phase != TI_LINK_DRAINING) { /* where the peer may close them in any order */
        ti_link_end(link, TROUPE_ELOST, LOST_TEXT);
    }
    pthread_mutex_unlock(&link->lock);
    ti_link_release(link);
}

static void seat_gone(void *user)
{
    struct ti_link_seat *seat = user; /* inside NNG: leave a note */
    ti_timer_add_reserved(seat->link->troupe, ti_now_ns(seat->link->troupe), seat_lost, 0,
                          ti_link_hold(seat->link));
}

/* ---- progress --------------------------------------------------------------------------------------------- */

static bool seats_up(const struct ti_link *link)
{
    bool up = true;
    for (size_t i = 0; i < link->exports_count; i++) {
        up = up && link->exports[i].up;
    }
    for (size_t i = 0; i < link->imports_count; i++) {
        up = up && link->imports[i].up;
    }
    return up;
}

static void announce_up(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)id;
    (void)serial;
    for (size_t i = 0; i < link->imports_count; i++) {
        ti_topics_resubscribe(
            troupe, (struct troupe_ref){.place = TI_PLACE_ROLE, .id = link->imports[i].number});
    }
    ti_host_event(troupe, TROUPE_LINK_UP, link->peer, link->id, 0, NULL);
    ti_link_release(link);
}

static void drain_over(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)troupe;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    if (!link->bye_wanted &&
        !link->bye_out) { /* what is in flight had its time: BYE all the same */
        link->bye_wanted = true;
        set_timer(link, TROUPE_DRAIN_MS, drain_over);
        ti_link_progress(link);
    } else {
        ti_link_end(link, TROUPE_ETIMEOUT, "the peer did not answer BYE in time");
    }
    pthread_mutex_unlock(&link->lock);
    ti_link_release(link);
}

static void hello_over(struct troupe *troupe, uint64_t id, uint64_t serial, void *object)
{
    struct ti_link *link = object;
    (void)troupe;
    (void)id;
    (void)serial;
    pthread_mutex_lock(&link->lock);
    if (link->phase == TI_LINK_CONNECTING) {
        ti_link_end(link, TROUPE_ETIMEOUT, "the peer did not say hello in time");
    }
    pthread_mutex_unlock(&link->lock);
    ti_link_release(link);
}

void ti_link_drain(struct ti_link *link)
{
    if (link->phase != TI_LINK_UP && link->phase != TI_LINK_CONNECTING) {
        return;
    }
    link->phase = TI_LINK_DRAINING;
    set_timer(link, TROUPE_DRAIN_MS, drain_over);
}

static void say_bye(struct ti_link *link)
{
    uint8_t *to = ti_lane_room_kept(link, &link->normal, TI_FRAME_HEAD_BYTES_MAX);
    if (to != NULL) {
        ti_lane_commit(link, &link->normal, ti_frame_write_bye(to, TI_FRAME_HEAD_BYTES_MAX));
        link->bye_out = true;
        ti_link_pump(link);
    }
}

/* A watch is answered when an actor ends, which may be never: it ends with the link as well. */
static bool is_watch(uint32_t interface, uint32_t method)
{
    enum { WATCH = 12 }; /* of bus.iface */
    return interface == bus_interface.id && method == WATCH;
}

static bool waits_for_nothing(const struct ti_link *link)
{
    bool nothing = true;
    for (size_t i = 0; i < link->outgoing.room && nothing; i++) {
        const struct ti_outgoing *outgoing = link->outgoing.entries[i].value;
        nothing = link->outgoing.entries[i].key == 0 ||
                  is_watch(outgoing->method->interface->id, outgoing->method->ordinal);
    }
    return nothing;
}

static bool owes_nothing(const struct ti_link *link)
{
    bool nothing = true;
    for (size_t i = 0; i < link->incoming.room && nothing; i++) {
        const struct ti_incoming *incoming = link->incoming.entries[i].value;
        nothing = link->incoming.entries[i].key == 0 ||
                  is_watch(incoming->interface, incoming->method);
    }
    return nothing;
}

void ti_link_progress(struct ti_link *link)
{
    if (link->phase == TI_LINK_CONNECTING && link->hello_in && seats_up(link)) {
        link->phase = TI_LINK_UP;
        set_timer(link, 0, NULL);
        ti_timer_add_reserved(link->troupe, ti_now_ns(link->troupe), announce_up, 0,
                              ti_link_hold(link));
    }
    if (link->phase != TI_LINK_DRAINING) {
        return;
    }
    bool idle = owes_nothing(link) && (link->bye_in || waits_for_nothing(link));
    if (!link->bye_out && (idle || link->bye_wanted) && link->normal.first == NULL &&
        link->blobs[TI_BLOBS_ASKED].first == NULL && link->blobs[TI_BLOBS_ANSWERED].first == NULL) {
        say_bye(link);
    }
    if (link->bye_out && link->bye_acked && link->bye_in && ti_link_out_empty(link)) {
        ti_link_end(link, 0, "");
    }
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

static size_t list_interface(struct frame_interface *to, size_t count, size_t max,
                             const struct troupe_interface *interface)
{
    for (size_t k = 0; k < count; k++) {
        if (to[k].id == interface->id) {
            return count;
        }
    }
    if (count < max) {
        to[count++] = (struct frame_interface){
            .id = interface->id, .version = interface->version, .hash = interface->hash};
    }
    return count;
}

/* Of the roles that the peer may use, of those whose refs they hand out, and of the agent. */
static size_t list_interfaces(const struct ti_link *link, struct frame_interface *to, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < link->exports_count; i++) {
        const struct troupe_actor_def *def =
            link->gate ? &link->troupe->gate.def
                       : ti_role_at(link->troupe, link->exports[i].number)->role->actor;
        const struct troupe_interface *brought;
        for (size_t n = 0; (brought = troupe_host_brings(def, n)) != NULL; n++) {
            count = list_interface(to, count, max, brought);
        }
    }
    return list_interface(to, count, max, &bus_interface);
}

static int send_hello(struct ti_link *link)
{
    struct frame_interface interfaces[TI_PEER_INTERFACES_MAX];
    const char *roles[TROUPE_ROLES_MAX];
    size_t count = list_interfaces(link, interfaces, TI_PEER_INTERFACES_MAX);
    for (size_t i = 0; i < link->exports_count; i++) {
        roles[i] = link->exports[i].role;
    }
    uint8_t *to = ti_lane_room(link, &link->control, TI_FRAME_HELLO_BYTES_MAX);
    size_t size = to != NULL
                      ? ti_frame_write_hello(to, TI_FRAME_HELLO_BYTES_MAX, TROUPE_LINK_INFLIGHT_MAX,
                                             interfaces, count, roles, link->exports_count)
                      : 0;
    if (size == 0) {
        return TROUPE_ENOMEM;
    }
    ti_lane_commit(link, &link->control, size);
    return 0;
}

/* Opens the event sockets; *ret_taken says how many of the descriptors, exports first, are gone. */
static int open_seats(struct ti_link *link, const struct troupe_link_config *config,
                      size_t *ret_taken)
{
    int error = 0;
    for (size_t i = 0; i < config->exports_count && error == 0; i++) {
        struct ti_link_seat *seat = &link->exports[i];
        seat->number = ti_role_find(link->troupe, seat->role);
        (*ret_taken)++;
        error = ti_role_grant(link->troupe, seat->role, config->exports[i].events_fd, seat_up, seat,
                              &seat->publisher, &seat->listener);
        if (error != 0) {
            seat->publisher = NULL;
        }
    }
    for (size_t i = 0; i < config->imports_count && error == 0; i++) {
        struct ti_link_seat *seat = &link->imports[i];
        error = ti_role_import(link->troupe, seat->role, link, i + 1, &seat->number);
        if (error == 0) {
            (*ret_taken)++;
            error = link->troupe->carriers->subscriber_open(
                link->troupe, config->imports[i].events_fd, ti_link_event, seat_up, seat_gone, seat,
                &seat->subscriber);
        }
    }
    return error;
}

static void close_untaken(const struct troupe_link_config *config, size_t taken)
{
    for (size_t i = taken; i < config->exports_count && !config->gate; i++) {
        close(config->exports[i].events_fd);
    }
    for (size_t i = taken > config->exports_count ? taken - config->exports_count : 0;
         i < config->imports_count; i++) {
        close(config->imports[i].events_fd);
    }
}

int troupe_host_link(struct troupe *troupe, const struct troupe_link_config *config,
                     uint64_t *ret_link)
{
    size_t taken = 0;
    struct ti_link *link = ti_link_new(troupe, config);
    int error = link == NULL ? TROUPE_ENOMEM : config->gate ? ti_gate_open(link) : 0;
    error = error != 0 ? error : ti_links_add(link);
    if (error != 0) {
        if (link != NULL) {
            ti_link_release(link);
        }
        close(config->fd);
        ti_bypass_close_fds(config->bypass);
        close_untaken(config, 0);
        return error;
    }
    pthread_mutex_lock(&link->lock); /* callbacks of the carrier wait until all is in place */
    error = config->gate ? 0 : open_seats(link, config, &taken);
    close_untaken(config, taken);
    if (error == 0) {
        error = send_hello(link);
    }
    if (error == 0) {
        error = troupe->carriers->open(troupe, config->fd, config->bypass, &carrier_events, link,
                                       &link->carrier);
    } else {
        close(config->fd);
        ti_bypass_close_fds(config->bypass);
    }
    link->settled_ns = ti_now_ns(troupe) + SETTLE_NS;
    if (error == 0) {
        if (ret_link != NULL) {
            *ret_link = link->id;
        }
        set_timer(link, TROUPE_HELLO_MS, hello_over);
        ti_link_pump(link);
    } else {
        ti_link_end(link, error, "it could not be opened");
    }
    pthread_mutex_unlock(&link->lock);
    return error;
}
