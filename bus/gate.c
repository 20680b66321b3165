/* gate.c - what this process hands on: roles, its own or of other processes, for peers that have no link to them.
 *
 * A peer of a gate (a tab of a browser, say) has one socket and no event sockets. Whatever it can
 * name there is a *proxy*: an actor of this process that stands for a role or a ref of another one
 * and forwards each request to it (troupe_forward), so that quotas, deadlines, cancels, streams and
 * secrets are those of any link. A ref that comes from behind becomes a proxy, too, the same one for
 * all peers; it ends when the actor that it stands for is gone.
 *
 * Events: a proxy subscribes once to what any peer has asked for and passes it on to each of them,
 * between requests and answers, with epoch and sequence as they were published: a snapshot that a
 * peer fetches says to which of them it belongs. What a peer does not take in time it is not sent:
 * once it reads again, a heartbeat says up to where it has missed them, which is what it is told,
 * too, when this process missed some itself.
 *
 * A proxy may stand for the agent of a role's process, too: then only what looks passes (list_actors to
 * list_asks, observe), not the errands of links.
 *
 * A proxy runs on the pool; ti_gate_pass writes to links on its thread. */
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"
#include "interfaces/bus.h"

/* Of bus.iface: errands between two processes, and what only looks. */
enum { SUBSCRIBE = 10, LATEST = 11, LOOKS_FIRST = 1, LOOKS_LAST = 8 };

/* Listed until its actor ends, or knows that it must. */
struct ti_proxy {
    struct ti_proxy *next;
    struct troupe_ref to;
    uint64_t actor;
};

/* An event that some peer wants, of one proxy. */
struct wanted {
    struct wanted *next;
    const struct troupe_event *event;
};
struct proxy_state {
    struct ti_proxy *proxy;
    struct wanted *wanted;
    unsigned wanted_count;
};

/* ---- proxies ----------------------------------------------------------------------------------------- */

static void unlist(struct troupe *troupe, const struct ti_proxy *proxy)
{
    pthread_mutex_lock(&troupe->gate.lock);
    struct ti_proxy **at = &troupe->gate.first;
    while (*at != NULL && *at != proxy) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = proxy->next;
        troupe->gate.count--;
    }
    pthread_mutex_unlock(&troupe->gate.lock);
}

static void gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct proxy_state *state = user;
    (void)ref;
    (void)why;
    unlist(self->troupe, state->proxy);
    int ended = troupe_stop(self->troupe, troupe_self(self));
    (void)ended;
}

static void stop(struct troupe_actor *self, void *user);

static int start(struct troupe_actor *self, void *user, const void *argument)
{
    struct proxy_state *state = user;
    state->proxy = (struct ti_proxy *)argument;
    int error = state->proxy->to.place >= TI_PLACE_LINKS /* a role comes back */
                    ? troupe_watch(self, state->proxy->to, gone, state, NULL)
                    : 0;
    if (error != 0) {
        stop(self, state);
    }
    return error;
}

static void stop(struct troupe_actor *self, void *user)
{
    struct proxy_state *state = user;
    while (state->wanted != NULL) {
        struct wanted *next = state->wanted->next;
        free(state->wanted);
        state->wanted = next;
    }
    unlist(self->troupe, state->proxy);
    free(state->proxy);
}

uint64_t ti_gate_proxy(struct troupe *troupe, struct troupe_ref to)
{
    struct ti_gate *gate = &troupe->gate;
    uint64_t actor = 0;
    pthread_mutex_lock(&gate->lock);
    for (struct ti_proxy *proxy = gate->first; proxy != NULL && actor == 0; proxy = proxy->next) {
        actor = troupe_ref_equal(proxy->to, to) ? proxy->actor : 0;
    }
    struct ti_proxy *proxy = actor == 0 && gate->count < TROUPE_PROXIES_MAX
                                 ? calloc(1, sizeof *proxy)
                                 : NULL;
    if (proxy != NULL) {
        proxy->to = to;
        /* Listed only then, so its stop finds nothing to take out if it was never started. */
        const struct troupe_actor_def *def = to.place == TI_PLACE_AGENT ? &gate->looking
                                                                        : &gate->def;
        if (ti_spawn(troupe, def, proxy, 0, &proxy->actor) == 0) {
            actor = proxy->actor;
            proxy->next = gate->first;
            gate->first = proxy;
            gate->count++;
        } else {
            free(proxy);
        }
    }
    pthread_mutex_unlock(&gate->lock);
    return actor;
}

static bool is_proxy(struct troupe *troupe, uint64_t actor)
{
    bool found = false;
    pthread_mutex_lock(&troupe->gate.lock);
    for (const struct ti_proxy *at = troupe->gate.first; at != NULL && !found; at = at->next) {
        found = at->actor == actor;
    }
    pthread_mutex_unlock(&troupe->gate.lock);
    return found;
}

void ti_gate_refs(struct troupe *troupe, struct troupe_body *body, struct troupe_ref *refs)
{
    for (size_t i = 0; i < body->refs_count; i++) {
        refs[i] = body->refs[i];
        if (refs[i].place != TI_PLACE_HERE || !is_proxy(troupe, refs[i].id)) {
            refs[i] = ti_ref_here(ti_gate_proxy(troupe, refs[i])); /* nobody: refused as a ref */
        }
    }
    body->refs = refs;
}

void ti_gate_forward(struct troupe_actor *self, struct troupe_call *call)
{
    const struct proxy_state *state = self->state;
    struct troupe_ref to = state->proxy->to;
    uint32_t method = call->message.ordinal;
    if (to.place == TI_PLACE_AGENT && (method < LOOKS_FIRST || method > LOOKS_LAST)) {
        troupe_fail(call, TROUPE_EPERM, "it is for the bus of another process only");
        return;
    }
    int error = troupe_forward(call, to); /* which has answered, if it can't */
    (void)error;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static const struct troupe_event *find_event(const struct ti_gate *gate, uint32_t interface,
                                             uint32_t ordinal)
{
    for (size_t i = 1; i < gate->def.services_count; i++) { /* behind the bus's own */
        const struct troupe_interface *passed = gate->services[i].interface;
        for (size_t e = 0; passed->id == interface && e < passed->events_count; e++) {
            if (passed->events[e].ordinal == ordinal) {
                return &passed->events[e];
            }
        }
    }
    return NULL;
}

const struct troupe_method *ti_gate_method(const struct troupe *troupe, uint32_t interface,
                                           uint32_t ordinal)
{
    const struct ti_gate *gate = &troupe->gate;
    for (size_t i = 1; i < gate->def.services_count; i++) {
        const struct troupe_interface *passed = gate->services[i].interface;
        for (size_t m = 0; passed->id == interface && m < passed->methods_count; m++) {
            if (passed->methods[m].ordinal == ordinal) {
                return &passed->methods[m];
            }
        }
    }
    return NULL;
}

/* With the link's lock. False: there is no room or no memory now. */
static bool write_event(struct ti_link *link, const struct ti_pass *pass,
                        const struct troupe_event_info *info, const struct troupe_body *body)
{
    struct frame_event frame = {.interface = pass->interface,
                                .event = pass->event,
                                .source = pass->source,
                                .epoch = info->epoch,
                                .sequence = info->sequence};
    size_t max = body->size + TI_FRAME_HEAD_BYTES_MAX;
    if (link->queued_bytes > TROUPE_LINK_EVENTS_BYTES_MAX ||
        ti_link_body_out(link, body, &frame.body) != 0) {
        return false;
    }
    uint8_t *to = ti_lane_room(link, &link->normal, max);
    size_t size = to != NULL ? ti_frame_write_event(to, max, &frame) : 0;
    if (size != 0) {
        ti_lane_commit(link, &link->normal, size);
    }
    return size != 0;
}

static bool write_beat(struct ti_link *link, const struct ti_pass *pass)
{
    struct frame_topic topic = {.interface = pass->interface,
                                .event = pass->event,
                                .source = pass->source,
                                .sequence = pass->sequence};
    uint8_t *to = ti_lane_room(link, &link->normal, TI_FRAME_HEAD_BYTES_MAX);
    size_t size = to != NULL ? ti_frame_write_heartbeat(to, TI_FRAME_HEAD_BYTES_MAX, pass->epoch,
                                                        &topic, 1)
                             : 0;
    if (size != 0) {
        ti_lane_commit(link, &link->normal, size);
    }
    return size != 0;
}

void ti_gate_settle(struct ti_link *link)
{
    for (size_t i = 0; link->passes_owing != 0 && i < link->passes_count; i++) {
        struct ti_pass *pass = &link->passes[i];
        if (pass->owes && link->queued_bytes <= TROUPE_LINK_EVENTS_BYTES_MAX / 2 &&
            write_beat(link, pass)) {
            pass->owes = false;
            link->passes_owing--;
        }
    }
}

static void pass_on(struct ti_link *link, struct ti_pass *pass,
                    const struct troupe_event_info *info, const struct troupe_body *body)
{
    ti_gate_settle(link); /* what was missed comes first */
    if (pass->owes || body == NULL || !write_event(link, pass, info, body)) {
        uint64_t sequence = body != NULL ? info->sequence : info->lost_to;
        link->passes_owing += !pass->owes;
        pass->owes = true;
        pass->epoch = info->epoch;
        pass->sequence = sequence != 0 ? sequence
                                       : 1; /* a new publisher's: how far says its next */
        ti_gate_settle(link);
    }
}

static void on_event(struct troupe_actor *self, void *user, const struct troupe_body *body,
                     const struct troupe_event_info *info)
{
    const struct troupe_event *event = user;
    struct troupe *troupe = self->troupe;
    struct troupe_ref refs[TROUPE_REFS_MAX];
    struct troupe_body out = {0};
    uint64_t proxy = atomic_load(&self->id);
    if (body != NULL) {
        out = *body;
        ti_gate_refs(troupe, &out, refs);
    }
    pthread_mutex_lock(&troupe->links.lock);
    for (struct ti_link *link = troupe->links.first; link != NULL; link = link->next) {
        pthread_mutex_lock(&link->lock);
        for (size_t i = 0; link->phase != TI_LINK_GONE && i < link->passes_count; i++) {
            struct ti_pass *pass = &link->passes[i];
            if (pass->proxy == proxy && pass->interface == event->interface->id &&
                pass->event == event->ordinal) {
                pass_on(link, pass, info, body != NULL ? &out : NULL);
            }
        }
        if (link->passes_count != 0) {
            ti_link_pump(link);
        }
        pthread_mutex_unlock(&link->lock);
    }
    pthread_mutex_unlock(&troupe->links.lock);
}

/* The proxy itself listens, from before the peer is told where the topic stands. */
static int want(struct troupe_actor *self, struct proxy_state *state,
                const struct troupe_event *event)
{
    for (const struct wanted *w = state->wanted; w != NULL; w = w->next) {
        if (w->event == event) {
            return 0;
        }
    }
    struct wanted *wanted = malloc(sizeof *wanted);
    if (wanted == NULL) {
        return TROUPE_ENOMEM;
    }
    int error = troupe_subscribe(self, state->proxy->to, event, on_event, (void *)event, NULL);
    if (error != 0) {
        free(wanted);
        return error;
    }
    *wanted = (struct wanted){.next = state->wanted, .event = event};
    state->wanted = wanted;
    return 0;
}

/* From now on the peer gets what the proxy hears. */
static int add_pass(struct ti_link *link, uint64_t proxy, const struct bus_subscribe_args *args)
{
    int error = 0;
    pthread_mutex_lock(&link->lock);
    for (size_t i = 0; i < link->passes_count; i++) {
        const struct ti_pass *pass = &link->passes[i];
        if (pass->source == args->source && pass->interface == args->interface &&
            pass->event == args->event) {
            pthread_mutex_unlock(&link->lock);
            return 0;
        }
    }
    if (link->passes_count == TROUPE_LINK_PASSES_MAX) {
        error = TROUPE_EBUSY;
    } else if (link->passes == NULL) {
        link->passes = calloc(TROUPE_LINK_PASSES_MAX, sizeof *link->passes);
        error = link->passes == NULL ? TROUPE_ENOMEM : 0;
    }
    if (error == 0) {
        link->passes[link->passes_count++] = (struct ti_pass){.proxy = proxy,
                                                              .source = args->source,
                                                              .interface = args->interface,
                                                              .event = args->event};
    }
    pthread_mutex_unlock(&link->lock);
    return error;
}

static void told_where(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct bus_subscribe_results *results)
{
    struct troupe_call *call = user;
    (void)self;
    if (error != NULL) {
        troupe_fail_with(call, error);
    } else {
        bus_subscribe_reply(call, results);
    }
}

/* Of a topic that is published here. */
static void tell_where(struct troupe *troupe, struct troupe_ref source, struct troupe_call *call,
                       const struct bus_subscribe_args *args)
{
    struct bus_subscribe_results results;
    struct ti_shared *newest = ti_agent_topic_state(troupe, source, args, &results);
    bus_subscribe_reply(call, &results);
    if (newest != NULL) {
        ti_shared_release(newest);
    }
}

/* Asks where the topic stands, on behalf of the peer. */
static void ask_where(struct troupe_actor *self, struct troupe_call *call,
                      const struct bus_subscribe_args *args)
{
    const struct proxy_state *state = self->state;
    struct ti_route route;
    struct bus_subscribe_args there = *args;
    int error = ti_route_find(self->troupe, state->proxy->to, &route);
    if (error == 0 && route.link == NULL) {
        tell_where(self->troupe, state->proxy->to, call, args);
        return;
    }
    if (error == 0) {
        struct troupe_ref agent = {.place = ti_link_id(route.link), .id = 0};
        there.source = route.target;
        error = bus_subscribe_ask(self, agent, &there, told_where, call, NULL);
    }
    ti_route_release(&route);
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        troupe_defer(call);
    }
}

static void subscribe(struct troupe_actor *self, void *user, struct troupe_call *call,
                      const struct bus_subscribe_args *args)
{
    const struct troupe_event *event = find_event(&self->troupe->gate, args->interface,
                                                  args->event);
    struct ti_link *link = call->message.from.kind == TI_TO_LINK ? call->message.from.object : NULL;
    if (event == NULL || link == NULL) {
        bus_fail_not_found(call, "no such event passes here");
        return;
    }
    int error = want(self, user, event);
    error = error != 0 ? error : add_pass(link, atomic_load(&self->id), args);
    if (error != 0) {
        troupe_fail(call, error, NULL);
    } else {
        ask_where(self, call, args);
    }
}

static void latest(struct troupe_actor *self, void *user, struct troupe_call *call,
                   const struct bus_latest_args *args)
{
    struct bus_subscribe_args same = {
        .interface = args->interface, .event = args->event, .source = args->source};
    (void)user;
    if (find_event(&self->troupe->gate, args->interface, args->event) == NULL) {
        bus_fail_not_found(call, "no such event passes here");
    } else {
        ask_where(self, call, &same);
    }
}

static const struct bus_handlers bus_handlers = {.subscribe = subscribe, .latest = latest};

/* ---- who is asked ----------------------------------------------------------------------------------------- */

uint64_t ti_gate_seat(const struct ti_link *link, uint64_t target)
{
    return link->gate && target >= 1 && target <= link->exports_count
               ? link->exports[target - 1].proxy
               : 0;
}

uint64_t ti_gate_source(struct ti_link *link, const struct frame_request *request)
{
    struct troupe_reader reader;
    struct bus_subscribe_args args;
    struct troupe_error error;
    if (!link->gate || request->target != 0 || request->interface != bus_interface.id ||
        (request->method != SUBSCRIBE && request->method != LATEST)) {
        return 0;
    }
    ti_reader_init(&reader, request->body.data.data, request->body.data.size, NULL, NULL);
    bus_subscribe_args_read(&reader, &args);
    if (troupe_reader_finish(&reader, &error) != 0) {
        return 0; /* the agent says so */
    }
    pthread_mutex_lock(&link->lock);
    uint64_t proxy = ti_gate_seat(link, args.source);
    if (proxy == 0 && ti_table_get(&link->shared, args.source) != NULL) {
        proxy = args.source;
    }
    pthread_mutex_unlock(&link->lock);
    return proxy;
}

/* ---- the gate ---------------------------------------------------------------------------------------------- */

int troupe_host_gate(struct troupe *troupe, const struct troupe_interface *const *interfaces)
{
    struct ti_gate *gate = &troupe->gate;
    size_t count = 0;
    if (gate->def.services_count != 0) {
        return TROUPE_EINVAL;
    }
    gate->services[count++] = (struct troupe_service){&bus_interface, &bus_handlers};
    for (; *interfaces != NULL; interfaces++) {
        if (count == TROUPE_GATE_INTERFACES_MAX) {
            return TROUPE_EBUSY;
        }
        gate->services[count++] = (struct troupe_service){*interfaces, NULL};
    }
    gate->def = (struct troupe_actor_def){.name = "gate",
                                          .state_size = sizeof(struct proxy_state),
                                          .start = start,
                                          .stop = stop,
                                          .services = gate->services,
                                          .services_count = count};
    gate->looks = (struct troupe_service){&bus_interface, NULL};
    gate->looking = gate->def;
    gate->looking.services = &gate->looks;
    gate->looking.services_count = 1;
    return 0;
}

/* What an export names: a role, or with ".bus" the agent of its process. Nobody: neither is known. */
static struct troupe_ref named(struct troupe *troupe, const char *name)
{
    bool bus;
    uint32_t number = ti_role_named(troupe, name, &bus);
    return (struct troupe_ref){.place = number == 0 ? TI_PLACE_NOWHERE
                                        : bus       ? TI_PLACE_AGENT
                                                    : TI_PLACE_ROLE,
                               .id = number};
}

int ti_gate_open(struct ti_link *link)
{
    struct troupe *troupe = link->troupe;
    if (troupe->gate.def.services_count == 0 || link->imports_count != 0) {
        return TROUPE_EINVAL;
    }
    for (size_t i = 0; i < link->exports_count; i++) {
        struct ti_link_seat *seat = &link->exports[i];
        struct troupe_ref to = named(troupe, seat->role);
        if (to.place == TI_PLACE_NOWHERE) {
            return TROUPE_ENOENT;
        }
        seat->number = to.place == TI_PLACE_ROLE ? (uint32_t)to.id : 0;
        seat->up = true;
        seat->proxy = ti_gate_proxy(troupe, to);
        if (seat->proxy == 0) {
            return TROUPE_ENOMEM;
        }
    }
    return 0;
}
