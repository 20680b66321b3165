/* role.c - the seats that this process knows: those that live here and those it reaches over links.
 *
 * A role's number never changes, so a ref to a role stays valid while its actor or its link is
 * replaced. A route is looked up for every message; it leads to an actor here or to a target on a
 * link, which it holds. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus/carrier.h"
#include "bus/frame.h"
#include "bus/runtime.h"

static uint32_t find(struct ti_roles *roles, const char *name, size_t size)
{
    for (uint32_t i = 0; i < roles->count; i++) {
        if (strlen(roles->roles[i].name) == size && memcmp(roles->roles[i].name, name, size) == 0) {
            return i + 1;
        }
    }
    return 0;
}

uint32_t ti_role_find(struct troupe *troupe, const char *name)
{
    pthread_mutex_lock(&troupe->roles.lock);
    uint32_t number = find(&troupe->roles, name, strlen(name));
    pthread_mutex_unlock(&troupe->roles.lock);
    return number;
}

struct ti_role *ti_role_at(struct troupe *troupe, uint32_t number)
{
    return number >= 1 && number <= atomic_load(&troupe->roles.count)
               ? &troupe->roles.roles[number - 1]
               : NULL;
}

/* With the lock held. NULL: no room or no memory, as *ret_error says. */
static struct ti_role *add(struct ti_roles *roles, const char *name, int *ret_error)
{
    if (roles->count == TROUPE_ROLES_MAX) {
        *ret_error = TROUPE_EBUSY;
        return NULL;
    }
    struct ti_role *role = &roles->roles[roles->count];
    *role = (struct ti_role){.name = strdup(name)};
    if (role->name == NULL) {
        *ret_error = TROUPE_ENOMEM;
        return NULL;
    }
    roles->count++;
    return role;
}

int troupe_host_declare(struct troupe *troupe, const struct troupe_role *role, const void *argument)
{
    int error = 0;
    pthread_mutex_lock(&troupe->roles.lock);
    if (find(&troupe->roles, role->name, strlen(role->name)) != 0) {
        error = TROUPE_EINVAL;
    } else {
        struct ti_role *seat = add(&troupe->roles, role->name, &error);
        if (seat != NULL) {
            seat->role = role;
            seat->argument = argument;
        }
    }
    pthread_mutex_unlock(&troupe->roles.lock);
    return error;
}

int troupe_host_start(struct troupe *troupe, const char *name)
{
    uint32_t number = ti_role_find(troupe, name);
    struct ti_role *role = ti_role_at(troupe, number);
    if (role == NULL || role->role == NULL) {
        return TROUPE_ENOENT;
    }
    return ti_spawn(troupe, role->role->actor, role->argument, number, NULL);
}

int troupe_host_pulse(struct troupe *troupe, troupe_after_fn *on_pulse, void *user)
{
    return ti_run_in(troupe, troupe->agent, on_pulse, user);
}

int troupe_host_run(struct troupe *troupe, struct troupe_ref actor, troupe_after_fn *run)
{
    return actor.place == TI_PLACE_HERE ? ti_run_in(troupe, actor.id, run, NULL) : TROUPE_EDOWN;
}

void ti_role_actor_started(struct troupe *troupe, uint32_t number, uint64_t actor)
{
    struct ti_role *role = ti_role_at(troupe, number);
    atomic_store(&role->actor, actor);
}

void ti_role_actor_ended(struct troupe *troupe, uint32_t number, uint64_t actor, int code)
{
    struct ti_role *role = ti_role_at(troupe, number);
    if (role == NULL || atomic_load(&role->actor) != actor) {
        return;
    }
    atomic_store(&role->actor, 0);
    ti_watch_fire(troupe, (struct troupe_ref){.place = TI_PLACE_ROLE, .id = number}, TROUPE_EDOWN);
    ti_host_event(troupe, TROUPE_ROLE_ENDED, role->name, 0, code, NULL);
}

/* ---- looking up ------------------------------------------------------------------------------------- */

/* "node" is the role, "node.bus" the introspection of its process. */
/* Of a name that may end in ".bus". With the lock held. */
static uint32_t find_named(struct ti_roles *roles, const char *name, bool *ret_bus)
{
    size_t size = strlen(name);
    *ret_bus = size > 4 && strcmp(name + size - 4, ".bus") == 0;
    return find(roles, name, *ret_bus ? size - 4 : size);
}

uint32_t ti_role_named(struct troupe *troupe, const char *name, bool *ret_bus)
{
    pthread_mutex_lock(&troupe->roles.lock);
    uint32_t number = find_named(&troupe->roles, name, ret_bus);
    pthread_mutex_unlock(&troupe->roles.lock);
    return number;
}

static int find_ref(struct troupe *troupe, const char *name, struct troupe_ref *ret_ref)
{
    bool bus;
    pthread_mutex_lock(&troupe->roles.lock);
    uint32_t number = find_named(&troupe->roles, name, &bus);
    struct ti_role *role = number != 0 ? &troupe->roles.roles[number - 1] : NULL;
    int error = role == NULL ? TROUPE_ENOENT : 0;
    if (error == 0 && !bus) {
        *ret_ref = (struct troupe_ref){.place = TI_PLACE_ROLE, .id = number};
    } else if (error == 0 && role->role != NULL) {
        *ret_ref = ti_ref_here(troupe->agent);
    } else if (error == 0 && role->link != NULL) {
        *ret_ref = (struct troupe_ref){.place = ti_link_id(role->link), .id = 0};
    } else {
        error = TROUPE_ENOENT;
    }
    pthread_mutex_unlock(&troupe->roles.lock);
    return error;
}

int troupe_host_find(struct troupe *troupe, const char *role, struct troupe_ref *ret_ref)
{
    return find_ref(troupe, role, ret_ref);
}

int troupe_lookup(const struct troupe_actor *self, const char *role, struct troupe_ref *ret_ref)
{
    struct ti_role *own = ti_role_at(self->troupe, self->role);
    const char *const *uses = own != NULL && own->role != NULL ? own->role->uses : NULL;
    for (; uses != NULL && *uses != NULL; uses++) {
        size_t size = strlen(*uses);
        if (strncmp(role, *uses, size) == 0 &&
            (role[size] == '\0' || strcmp(role + size, ".bus") == 0)) {
            return find_ref(self->troupe, role, ret_ref);
        }
    }
    return TROUPE_ENOENT;
}

int ti_route_find(struct troupe *troupe, struct troupe_ref ref, struct ti_route *ret_route)
{
    *ret_route = (struct ti_route){0};
    if (ref.place == TI_PLACE_HERE) {
        ret_route->actor = ref.id;
        return ref.id != 0 ? 0 : TROUPE_EDOWN;
    }
    if (ref.place >= TI_PLACE_LINKS) {
        ret_route->target = ref.id;
        ret_route->link = ti_link_find(troupe, ref.place);
        return ret_route->link != NULL ? 0 : TROUPE_EDOWN;
    }
    bool agent = ref.place == TI_PLACE_AGENT;
    struct ti_role *role = agent || ref.place == TI_PLACE_ROLE
                               ? ti_role_at(troupe, (uint32_t)ref.id)
                               : NULL;
    if (role == NULL) {
        return TROUPE_EDOWN;
    }
    if (role->role != NULL) {
        ret_route->actor = agent ? troupe->agent : atomic_load(&role->actor);
        return ret_route->actor != 0 ? 0 : TROUPE_EDOWN;
    }
    pthread_mutex_lock(&troupe->roles.lock);
    if (role->link != NULL) {
        ret_route->link = ti_link_hold(role->link);
        ret_route->target = agent ? 0 : role->target;
    }
    pthread_mutex_unlock(&troupe->roles.lock);
    return ret_route->link != NULL ? 0 : TROUPE_EDOWN;
}

void ti_route_release(struct ti_route *route)
{
    if (route->link != NULL) {
        ti_link_release(route->link);
        route->link = NULL;
    }
}

struct troupe_ref ti_ref_normal(struct troupe *troupe, struct troupe_ref ref)
{
    if (ref.place != TI_PLACE_HERE) {
        return ref;
    }
    for (uint32_t number = 1; ti_role_at(troupe, number) != NULL; number++) {
        if (atomic_load(&ti_role_at(troupe, number)->actor) == ref.id) {
            return (struct troupe_ref){.place = TI_PLACE_ROLE, .id = number};
        }
    }
    return ref;
}

struct troupe_ref ti_actor_source(struct troupe_actor *self)
{
    struct ti_role *role = ti_role_at(self->troupe, self->role);
    uint64_t id = atomic_load(&self->id);
    if (role != NULL && atomic_load(&role->actor) == id) {
        return (struct troupe_ref){.place = TI_PLACE_ROLE, .id = self->role};
    }
    return ti_ref_here(id);
}

/* ---- roles of peers ------------------------------------------------------------------------------------ */

int ti_role_import(struct troupe *troupe, const char *name, struct ti_link *link, uint64_t target,
                   uint32_t *ret_number)
{
    int error = 0;
    struct ti_link *old = NULL;
    pthread_mutex_lock(&troupe->roles.lock);
    uint32_t number = find(&troupe->roles, name, strlen(name));
    struct ti_role *role = number != 0 ? &troupe->roles.roles[number - 1]
                                       : add(&troupe->roles, name, &error);
    if (role != NULL && role->role != NULL) {
        error = TROUPE_EINVAL; /* it lives here */
    } else if (role != NULL) {
        old = role->link; /* its process died, and it is still being taken apart */
        role->link = ti_link_hold(link);
        role->target = target;
        *ret_number = (uint32_t)(role - troupe->roles.roles) + 1;
    }
    pthread_mutex_unlock(&troupe->roles.lock);
    if (old != NULL) {
        ti_watch_fire(troupe, (struct troupe_ref){.place = TI_PLACE_ROLE, .id = *ret_number},
                      TROUPE_ELOST);
        ti_link_release(old);
    }
    return error;
}

bool ti_role_is_over(struct troupe *troupe, uint32_t number, uint64_t link)
{
    struct ti_role *role = ti_role_at(troupe, number);
    pthread_mutex_lock(&troupe->roles.lock);
    bool over = role != NULL && role->link != NULL && ti_link_id(role->link) == link;
    pthread_mutex_unlock(&troupe->roles.lock);
    return over;
}

void ti_role_link_gone(struct troupe *troupe, struct ti_link *link)
{
    for (uint32_t number = 1; ti_role_at(troupe, number) != NULL; number++) {
        struct ti_role *role = ti_role_at(troupe, number);
        pthread_mutex_lock(&troupe->roles.lock);
        bool gone = role->link == link;
        if (gone) {
            role->link = NULL;
        }
        pthread_mutex_unlock(&troupe->roles.lock);
        if (gone) {
            ti_watch_fire(troupe, (struct troupe_ref){.place = TI_PLACE_ROLE, .id = number},
                          TROUPE_ELOST);
            ti_link_release(link);
        }
    }
}

/* ---- events of roles that live here ----------------------------------------------------------------------- */

int ti_role_grant(struct troupe *troupe, const char *name, int fd, ti_up_fn *on_up, void *user,
                  struct ti_publisher **ret_publisher, uint32_t *ret_listener)
{
    int error = 0;
    pthread_mutex_lock(&troupe->roles.lock);
    uint32_t number = find(&troupe->roles, name, strlen(name));
    struct ti_role *role = number != 0 ? &troupe->roles.roles[number - 1] : NULL;
    if (role == NULL || role->role == NULL) {
        error = TROUPE_ENOENT;
    } else if (role->publisher == NULL) {
        struct ti_publisher *publisher;
        error = troupe->carriers->publisher_open(troupe, &publisher);
        if (error == 0) {
            role->publisher = publisher; /* whole: an actor may publish at this moment */
        }
    }
    if (error == 0) {
        *ret_publisher = role->publisher;
    }
    pthread_mutex_unlock(&troupe->roles.lock);
    if (error != 0) {
        close(fd);
        return error;
    }
    return troupe->carriers->publisher_add(*ret_publisher, fd, on_up, user, ret_listener);
}

void ti_role_publish(struct troupe *troupe, uint32_t number, const struct troupe_event *event,
                     uint64_t source, uint64_t epoch, uint64_t sequence,
                     const struct ti_shared *shared)
{
    uint8_t frame[TROUPE_EVENT_BYTES_MAX];
    struct ti_role *role = ti_role_at(troupe, number);
    if (role == NULL || role->publisher == NULL) {
        return;
    }
    struct frame_event head = {.interface = event->interface->id,
                               .event = event->ordinal,
                               .source = source,
                               .epoch = epoch,
                               .sequence = sequence,
                               .body = {.data = {.data = shared->data, .size = shared->size},
                                        .refs_count = shared->refs_count}};
    for (size_t i = 0; i < shared->refs_count; i++) {
        head.body.refs[i] = (struct frame_ref){.owner = FRAME_OWNER_SENDER,
                                               .id = shared->refs[i].id};
        ti_links_export(troupe, number, shared->refs[i].id);
    }
    size_t size = ti_frame_write_event(frame, sizeof frame, &head);
    ti_role_publish_raw(troupe, number, frame, size);
}

void ti_role_publish_raw(struct troupe *troupe, uint32_t number, const uint8_t *data, size_t size)
{
    struct ti_role *role = ti_role_at(troupe, number);
    if (role != NULL && role->publisher != NULL && size != 0) {
        troupe->carriers->publisher_send(role->publisher, data, size);
    }
}

void ti_roles_close(struct troupe *troupe)
{
    for (uint32_t i = 0; i < troupe->roles.count; i++) {
        struct ti_role *role = &troupe->roles.roles[i];
        if (role->publisher != NULL) {
            troupe->carriers->publisher_close(role->publisher);
        }
        free((char *)role->name);
    }
    pthread_mutex_destroy(&troupe->roles.lock);
}

void ti_host_event(struct troupe *troupe, enum troupe_host_event_kind kind, const char *name,
                   uint64_t link, int code, const char *text)
{
    troupe_host_fn *on_host = atomic_load(&troupe->on_host);
    if (on_host != NULL) {
        struct troupe_host_event event = {
            .kind = kind, .name = name, .link = link, .code = code, .text = text};
        on_host(atomic_load(&troupe->host_user), &event);
    }
}

void troupe_host_on_event(struct troupe *troupe, troupe_host_fn *on_event, void *user)
{
    atomic_store(&troupe->host_user, user);
    atomic_store(&troupe->on_host, on_event);
}
