/* agent.c - the process's own actor: it serves troupe.Bus, and runs the bus's errands to peers.
 *
 * Serving: target 0 of every link. It answers what a tool asks (actors, interfaces, links, stats)
 * and what a peer's agent asks (where a topic stands, tell me when that actor is gone). The first of
 * these is answered on the thread that received it (ti_agent_quick): the answer says what had been
 * published when the subscription arrived, so nothing that the subscriber asks for next can have
 * been published before it.
 *
 * Errands: the rest of the bus may not wait, so what needs a question to a peer (subscribe there,
 * fetch the newest value, watch a ref) is handed to the agent as a job and asked like any ask. */
#include <stdlib.h>
#include <string.h>

#include "bus/link.h"
#include "bus/runtime.h"
#include "interfaces/bus.h"

#define RETRY_MS 100
#define SWEEP_MS 1000

/* Somebody in another process waits for the end of an actor here. */
struct remote_watch {
    struct remote_watch *next;
    struct troupe_call *call;
    uint64_t target;
};

/* A question to a peer, until it is answered. */
enum errand_kind { SUBSCRIBE, FETCH, WATCH };
struct errand {
    struct errand *next;
    enum errand_kind kind;
    struct troupe_ref source;
    uint32_t interface;
    uint32_t event;
    uint64_t link; /* that it was asked over */
};
struct agent {
    struct remote_watch *watches;
    bool sweeps; /* a timer looks for watches that nobody waits for any more */
    struct errand *errands;
    struct ti_onlookers onlookers;
};

/* ---- looking ----------------------------------------------------------------------------------------- */

static struct troupe_text name_of(const char *name)
{
    struct troupe_text text = troupe_text(name);
    text.size = text.size < BUS_ACTOR_NAME_BYTES_MAX ? text.size : BUS_ACTOR_NAME_BYTES_MAX;
    return text;
}

static void list_actors(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct bus_list_actors_args *args)
{
    struct troupe *troupe = self->troupe;
    struct bus_actor actors[BUS_LIST_ACTORS_RESULTS_ACTORS_MAX];
    uint32_t served[BUS_LIST_ACTORS_RESULTS_ACTORS_MAX][BUS_ACTOR_INTERFACES_MAX];
    struct bus_list_actors_results results = {.actors = actors};
    (void)state;
    pthread_mutex_lock(&troupe->actors_lock);
    for (uint64_t index = (uint32_t)args->from; index < troupe->slots_count; index++) {
        struct troupe_actor *slot = ti_actor_slot(troupe, index);
        uint64_t id = atomic_load(&slot->id);
        if (id == 0 || slot->def == NULL) {
            continue;
        }
        if (results.actors_count == BUS_LIST_ACTORS_RESULTS_ACTORS_MAX) {
            results.has_next = true;
            results.next = index;
            break;
        }
        uint32_t *numbers = served[results.actors_count];
        struct bus_actor *actor = &actors[results.actors_count++];
        *actor = (struct bus_actor){
            .id = id,
            .name = name_of(slot->def->name),
            .waiting = atomic_load(&slot->waiting),
            .handled = atomic_load(&slot->handled),
            .asks_open = atomic_load_explicit(&slot->counts[TI_ASK], memory_order_relaxed),
            .has_interfaces = true,
            .interfaces = numbers,
            .interfaces_count = ti_serves(slot->def, numbers, BUS_ACTOR_INTERFACES_MAX)};
        uint64_t since_ns = atomic_load(&slot->waiting_since_ns);
        actor->waiting_ms = actor->waiting != 0 ? ti_ms_between(since_ns, ti_tick_ns(troupe)) : 0;
        struct ti_role *role = ti_role_at(troupe, slot->role);
        if (role != NULL && atomic_load(&role->actor) == id) {
            actor->has_role = true;
            actor->role = name_of(role->name);
        }
    }
    pthread_mutex_unlock(&troupe->actors_lock);
    bus_list_actors_reply(call, &results);
}

static void list_interfaces(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct bus_interface interfaces[BUS_LIST_INTERFACES_RESULTS_INTERFACES_MAX];
    struct bus_list_interfaces_results results = {.interfaces = interfaces};
    const struct troupe_interface *served;
    (void)state;
    for (size_t n = 0; (served = ti_interface_at(self->troupe, n)) != NULL &&
                       results.interfaces_count < BUS_LIST_INTERFACES_RESULTS_INTERFACES_MAX;
         n++) {
        bool known = false;
        for (size_t i = 0; i < results.interfaces_count; i++) {
            known = known || interfaces[i].id == served->id;
        }
        if (!known) {
            interfaces[results.interfaces_count++] = (struct bus_interface){
                .id = served->id,
                .version = served->version,
                .name = troupe_text(served->name),
                .hash = served->hash};
        }
    }
    bus_list_interfaces_reply(call, &results);
}

static void get_interface(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct bus_get_interface_args *args)
{
    const struct troupe_interface *served;
    (void)state;
    for (size_t n = 0; (served = ti_interface_at(self->troupe, n)) != NULL; n++) {
        if (served->id == args->id) {
            struct bus_get_interface_results results = {.text = troupe_text(served->text)};
            bus_get_interface_reply(call, &results);
            return;
        }
    }
    bus_fail_not_found(call, "this process serves no interface with that number");
}

static void list_links(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct troupe *troupe = self->troupe;
    struct bus_link *links = calloc(BUS_LIST_LINKS_RESULTS_LINKS_MAX, sizeof *links);
    struct bus_list_links_results results = {.links = links};
    (void)state;
    if (links == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    pthread_mutex_lock(&troupe->links.lock);
    for (struct ti_link *link = troupe->links.first;
         link != NULL && results.links_count < BUS_LIST_LINKS_RESULTS_LINKS_MAX;
         link = link->next) {
        pthread_mutex_lock(&link->lock);
        struct bus_link *entry = &links[results.links_count++];
        *entry = (struct bus_link){.id = link->id,
                                   .peer = name_of(link->peer),
                                   .has_role = link->imports_count != 0,
                                   .asks_open = link->outgoing.count,
                                   .queued_bytes = link->queued_bytes,
                                   .frames_in = link->frames_in,
                                   .frames_out = link->control.sent + link->normal.sent,
                                   .bytes_in = link->bytes_in,
                                   .bytes_out = link->bytes_out};
        if (entry->has_role) {
            entry->role = name_of(link->imports[0].role);
        }
        pthread_mutex_unlock(&link->lock);
    }
    bus_list_links_reply(call, &results); /* names are copied: links stay listed while we look */
    pthread_mutex_unlock(&troupe->links.lock);
    free(links);
}

static void get_quotas(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct bus_get_quotas_args *args)
{
    struct bus_quota quotas[BUS_GET_QUOTAS_RESULTS_QUOTAS_MAX];
    struct ti_link *link = ti_link_find(self->troupe, args->link);
    (void)state;
    if (link == NULL) {
        bus_fail_not_found(call, "this process has no link with that number");
        return;
    }
    struct bus_get_quotas_results results = {
        .quotas = quotas,
        .quotas_count = ti_link_quotas(link, quotas, BUS_GET_QUOTAS_RESULTS_QUOTAS_MAX)};
    ti_link_release(link);
    bus_get_quotas_reply(call, &results);
}

static void get_stats(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct troupe_stats stats;
    (void)state;
    troupe_stats(self->troupe, &stats);
    struct bus_get_stats_results results = {.name = name_of(self->troupe->name)};
    _Static_assert(sizeof results.stats == sizeof stats, "the same counters in the same order");
    memcpy(&results.stats, &stats, sizeof stats);
    bus_get_stats_reply(call, &results);
}

static void list_asks(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)state;
    ti_list_asks(self->troupe, call);
}

static void observe(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct bus_observe_args *args)
{
    struct agent *agent = state;
    ti_onlooker_add(self, &agent->onlookers, call, args);
}

/* ---- for agents of peers ------------------------------------------------------------------------------- */

/* The topic's source that a peer names by a target of its link. */
static bool source_of(struct ti_link *link, uint64_t target, struct troupe_ref *ret_source)
{
    bool granted = false;
    pthread_mutex_lock(&link->lock);
    if (target >= 1 && target <= link->exports_count) {
        *ret_source = (struct troupe_ref){.place = TI_PLACE_ROLE,
                                          .id = link->exports[target - 1].number};
        granted = true;
    } else if (ti_table_get(&link->shared, target) != NULL) {
        *ret_source = ti_ref_here(target);
        granted = true;
    }
    pthread_mutex_unlock(&link->lock);
    return granted;
}

struct ti_shared *ti_agent_topic_state(struct troupe *troupe, struct troupe_ref source,
                                       const struct bus_subscribe_args *args,
                                       struct bus_subscribe_results *ret_results)
{
    struct ti_shared *latest;
    *ret_results = (struct bus_subscribe_results){0};
    ti_topic_state(troupe, source, args->interface, args->event, &ret_results->epoch,
                   &ret_results->sequence, &latest);
    if (latest != NULL) {
        ret_results->has_fields = true;
        ret_results->fields = (struct troupe_bytes){.data = latest->data, .size = latest->size};
    }
    return latest;
}

/* Where a topic stands, for a peer that begins to listen or has missed the newest value. `writer`
 * gets the results; false: that source was not handed to this peer. */
static bool write_state(struct ti_link *link, const struct bus_subscribe_args *args,
                        struct troupe_writer *writer)
{
    struct bus_subscribe_results results;
    struct troupe_ref source;
    struct ti_shared *latest;
    if (!source_of(link, args->source, &source)) {
        return false;
    }
    latest = ti_agent_topic_state(link->troupe, source, args, &results);
    troupe_writer_init(writer);
    bus_subscribe_results_write(writer, &results);
    if (latest != NULL) {
        ti_shared_release(latest);
    }
    return true;
}

bool ti_agent_quick(struct ti_link *link, const struct frame_request *request)
{
    enum { SUBSCRIBE_METHOD = 10, LATEST_METHOD = 11 }; /* of bus.iface; the same in and out */
    struct troupe_error error;
    struct troupe_reader reader;
    struct troupe_writer writer;
    struct bus_subscribe_args args;
    if (request->target != 0 || request->interface != bus_interface.id || request->id == 0 ||
        (request->method != SUBSCRIBE_METHOD && request->method != LATEST_METHOD)) {
        return false;
    }
    ti_reader_init(&reader, request->body.data.data, request->body.data.size, NULL, NULL);
    bus_subscribe_args_read(&reader, &args);
    int code = troupe_reader_finish(&reader, &error);
    if (code == 0 && !write_state(link, &args, &writer)) {
        code = BUS_NOT_FOUND;
        ti_error_set(&error, code, "no such actor was handed to this peer");
    }
    struct troupe_body body = code == 0 ? ti_written(&writer) : (struct troupe_body){0};
    int gone = ti_link_answer(link, request->id, code == 0 ? TI_REPLY : TI_ERROR, false, &body,
                              code == 0 ? NULL : &error);
    (void)gone;
    return true;
}

static void sweep(struct troupe_actor *self, void *user);

static void watch(struct troupe_actor *self, void *state, struct troupe_call *call,
                  const struct bus_watch_args *args)
{
    struct agent *agent = state;
    struct troupe_actor *slot = ti_actor_slot(self->troupe, args->target);
    struct remote_watch *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        troupe_fail(call, TROUPE_ENOMEM, NULL);
        return;
    }
    *entry = (struct remote_watch){.next = agent->watches, .call = call, .target = args->target};
    atomic_fetch_add(&self->troupe->remote_watches, 1);
    if (slot == NULL || atomic_load(&slot->id) != args->target) {
        struct bus_watch_results results = {.why = TROUPE_EDOWN};
        atomic_fetch_sub(&self->troupe->remote_watches, 1);
        free(entry);
        bus_watch_reply(call, &results);
        return;
    }
    agent->watches = entry;
    troupe_defer(call);
    if (!agent->sweeps) {
        agent->sweeps = troupe_after(self, SWEEP_MS, sweep, agent, NULL) == 0;
    }
}

/* Removes the watches of the actor that `ended` (0: none has), and those that nobody waits for. */
static void settle_watches(struct troupe_actor *self, struct agent *agent, uint64_t ended)
{
    struct remote_watch **at = &agent->watches;
    while (*at != NULL) {
        struct remote_watch *entry = *at;
        if (entry->target != ended && !troupe_cancelled(entry->call)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        atomic_fetch_sub(&self->troupe->remote_watches, 1);
        if (entry->target == ended) {
            struct bus_watch_results results = {.why = TROUPE_EDOWN};
            bus_watch_reply(entry->call, &results);
        } else {
            troupe_fail(entry->call, TROUPE_ETIMEOUT, NULL);
        }
        free(entry);
    }
}

/* A peer that gave up a watch, or is gone, must not be remembered until some actor ends. */
static void sweep(struct troupe_actor *self, void *user)
{
    struct agent *agent = user;
    settle_watches(self, agent, 0);
    agent->sweeps = agent->watches != NULL && troupe_after(self, SWEEP_MS, sweep, agent, NULL) == 0;
}

static void actor_ended(struct troupe_actor *self, void *argument)
{
    uint64_t *ended = argument;
    settle_watches(self, self->state, *ended);
    free(ended);
}

void ti_agent_actor_ended(struct troupe *troupe, uint64_t actor)
{
    if (atomic_load(&troupe->remote_watches) == 0) {
        return;
    }
    uint64_t *ended = malloc(sizeof *ended);
    if (ended != NULL) {
        *ended = actor;
        int gone = ti_run_in(troupe, troupe->agent, actor_ended, ended);
        (void)gone; /* the process is closing */
    }
}

/* ---- errands -------------------------------------------------------------------------------------------- */

static void begin_errand(struct troupe_actor *self, void *argument);
static void run_errand(struct troupe_actor *self, void *argument);

static int send_errand(struct troupe *troupe, const struct errand *errand)
{
    struct errand *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return TROUPE_ENOMEM;
    }
    *copy = *errand;
    return ti_run_in(troupe, troupe->agent, begin_errand, copy);
}

static void end_errand(struct troupe_actor *self, struct errand *errand)
{
    struct agent *agent = self->state;
    struct errand **at = &agent->errands;
    while (*at != errand) {
        at = &(*at)->next;
    }
    *at = errand->next;
    free(errand);
}

/* Where the source is: its link, held, and the target there; false when it is nowhere now. */
static bool locate(struct troupe *troupe, struct troupe_ref source, struct ti_route *ret_route,
                   const char **ret_role)
{
    *ret_role = source.place == TI_PLACE_ROLE ? ti_role_at(troupe, (uint32_t)source.id)->name
                                              : NULL;
    if (ti_route_find(troupe, source, ret_route) != 0) {
        return false;
    }
    return ret_route->link != NULL;
}

/* A role's own events have source 0 on its socket. */
static void filter(const struct ti_route *route, const char *role, uint32_t interface,
                   uint32_t event, bool on)
{
    ti_link_filter(route->link, role, interface, event, role != NULL ? 0 : route->target, on);
}

/* What may be otherwise when it is tried again. */
static bool may_pass(int code)
{
    return code == TROUPE_ETIMEOUT || code == TROUPE_EBUSY || code == TROUPE_ENOMEM;
}

static void subscribed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct bus_subscribe_results *results)
{
    struct errand *errand = user;
    if (error != NULL) {
        if (may_pass(error->code)) {
            if (troupe_after(self, RETRY_MS, run_errand, errand, NULL) == 0) {
                return;
            }
            ti_topic_ask_later(self->troupe, errand->source, errand->interface, errand->event);
        } /* else the link is gone: a new one subscribes again */
        end_errand(self, errand);
        return;
    }
    struct troupe_body latest_body = {.data = results->fields.data, .size = results->fields.size};
    ti_topic_based(self->troupe, errand->link, errand->source, errand->interface, errand->event,
                   results->epoch, results->sequence, results->has_fields ? &latest_body : NULL);
    end_errand(self, errand);
}

static void watched(struct troupe_actor *self, void *user, const struct troupe_error *error,
                    const struct bus_watch_results *results)
{
    struct errand *errand = user;
    if (error != NULL && may_pass(error->code) &&
        troupe_after(self, RETRY_MS, run_errand, errand, NULL) == 0) {
        return; /* not at once: the peer may say so without end */
    }
    bool down = error == NULL && results->why == TROUPE_EDOWN; /* else whatever it says: lost */
    ti_watch_fire(self->troupe, errand->source, down ? TROUPE_EDOWN : TROUPE_ELOST);
    end_errand(self, errand);
}

static void run_errand(struct troupe_actor *self, void *argument)
{
    struct errand *errand = argument;
    struct ti_route route;
    const char *role;
    int error = TROUPE_EDOWN;
    if (locate(self->troupe, errand->source, &route, &role)) {
        struct troupe_ref peer = {.place = ti_link_id(route.link), .id = 0};
        errand->link = peer.place;
        if (errand->kind == SUBSCRIBE) {
            filter(&route, role, errand->interface, errand->event, true);
        }
        if (errand->kind == WATCH) {
            struct bus_watch_args args = {.target = route.target};
            error = bus_watch_ask(self, peer, &args, watched, errand, NULL);
        } else {
            struct bus_subscribe_args args = {
                .interface = errand->interface, .event = errand->event, .source = route.target};
            error = bus_subscribe_ask(self, peer, &args, subscribed, errand, NULL);
        }
        ti_route_release(&route);
    }
    if (may_pass(error) && troupe_after(self, RETRY_MS, run_errand, errand, NULL) == 0) {
        return;
    }
    if (error != 0) {
        if (errand->kind == WATCH) { /* its link may have told its watchers before this one came */
            ti_watch_fire(self->troupe, errand->source, TROUPE_ELOST);
        } else if (may_pass(error)) {
            ti_topic_ask_later(self->troupe, errand->source, errand->interface, errand->event);
        }
        end_errand(self, errand);
    }
}

static void begin_errand(struct troupe_actor *self, void *argument)
{
    struct agent *agent = self->state;
    struct errand *errand = argument;
    for (struct errand *other = agent->errands; other != NULL; other = other->next) {
        if (errand->kind == WATCH && other->kind == WATCH &&
            troupe_ref_equal(errand->source, other->source)) {
            free(errand); /* one question is enough for all who watch it */
            return;
        }
    }
    errand->next = agent->errands;
    agent->errands = errand;
    run_errand(self, errand);
}

int ti_agent_subscribe(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                       uint32_t event, bool fetch_only)
{
    return send_errand(troupe, &(struct errand){.kind = fetch_only ? FETCH : SUBSCRIBE,
                                                .source = source,
                                                .interface = interface,
                                                .event = event});
}

/* The subscriber's own ask; `user` is its subscription's serial, which may be gone by now: then the
 * topic's other subscribers see to it (ti_subscription_end). */
static void own_subscribed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                           const struct bus_subscribe_results *results)
{
    struct ti_pending *pending = ti_pending_find(self, (uintptr_t)user);
    struct troupe_ref source;
    uint32_t interface;
    uint32_t event;
    if (pending == NULL) {
        return;
    }
    ti_topic_key(pending->handler, &source, &interface, &event);
    if (error == NULL) {
        struct troupe_body value = {.data = results->fields.data, .size = results->fields.size};
        ti_topic_based(self->troupe, pending->ref.place, source, interface, event, results->epoch,
                       results->sequence, results->has_fields ? &value : NULL);
    } else if (may_pass(error->code)) {
        ti_topic_subscribe_again(self->troupe, source, interface, event);
    }
}

void ti_subscribe_at_peer(struct troupe_actor *self, uint64_t serial)
{
    struct troupe_ref source;
    struct ti_route route;
    const char *role;
    struct bus_subscribe_args args;
    ti_topic_key(ti_pending_find(self, serial)->handler, &source, &args.interface, &args.event);
    int error = TROUPE_EDOWN;
    if (locate(self->troupe, source, &route, &role)) {
        struct troupe_ref peer = {.place = ti_link_id(route.link), .id = 0};
        ti_pending_find(self, serial)->ref = peer;
        uint64_t deadline_ns = self->deadline_ns;
        filter(&route, role, args.interface, args.event, true);
        args.source = route.target;
        self->deadline_ns = 0; /* the subscription outlives what is being handled */
        error = bus_subscribe_ask(self, peer, &args, own_subscribed, (void *)(uintptr_t)serial,
                                  NULL);
        self->deadline_ns = deadline_ns;
    }
    ti_route_release(&route);
    if (error != 0 && error != TROUPE_EDOWN) {
        ti_topic_subscribe_again(self->troupe, source, args.interface, args.event);
    } /* without a link: the next one subscribes */
}

void ti_unsubscribe_at_peer(struct troupe *troupe, struct troupe_ref source, uint32_t interface,
                            uint32_t event)
{
    struct ti_route route;
    const char *role;
    if (locate(troupe, source, &route, &role)) {
        filter(&route, role, interface, event, false);
    }
    ti_route_release(&route);
}

void ti_agent_watch(struct troupe *troupe, struct troupe_ref ref)
{
    if (send_errand(troupe, &(struct errand){.kind = WATCH, .source = ref}) != 0) {
        ti_watch_fire(troupe, ref,
                      TROUPE_ELOST); /* it can't be watched: not a reason to trust it */
    }
}

/* ---- the actor -------------------------------------------------------------------------------------------- */

static void stop(struct troupe_actor *self, void *state)
{
    struct agent *agent = state;
    ti_onlookers_end(self, &agent->onlookers);
    while (agent->errands != NULL) { /* what they wait for will not call back */
        struct errand *next = agent->errands->next;
        free(agent->errands);
        agent->errands = next;
    }
    while (agent->watches != NULL) {
        struct remote_watch *next = agent->watches->next;
        free(agent->watches); /* its call fails as the agent ends */
        agent->watches = next;
        atomic_fetch_sub(&self->troupe->remote_watches, 1);
    }
}

static const struct bus_handlers handlers = {.list_actors = list_actors,
                                             .list_interfaces = list_interfaces,
                                             .get_interface = get_interface,
                                             .list_links = list_links,
                                             .list_asks = list_asks,
                                             .get_stats = get_stats,
                                             .get_quotas = get_quotas,
                                             .observe = observe,
                                             .watch = watch};
static const struct troupe_service services[] = {
    {.interface = &bus_interface, .handlers = &handlers}};

const struct troupe_actor_def ti_agent_def = {.name = "bus",
                                              .state_size = sizeof(struct agent),
                                              .stop = stop,
                                              .services = services,
                                              .services_count = 1};
