/* watch.c - who wants to know that somebody is gone.
 *
 * One table, keyed by what is watched; an entry names the watching actor and its serial. Firing
 * takes the entries of a key out and sends each watcher its message, which was made with the entry:
 * a death can be told without memory. A watch on a ref of another process also asks that process's
 * agent (agent.c), and fires when the link is gone. */
#include <stdlib.h>

#include "bus/runtime.h"

struct watch {
    struct watch *next; /* same hash */
    struct troupe_ref ref;
    uint64_t actor;
    uint64_t serial;
    struct troupe_message *message; /* [owned] until it is told */
};

static void watch_free(struct watch *watch)
{
    if (watch->message != NULL) {
        ti_message_release(watch->message);
    }
    free(watch);
}

static struct watch *watch_new(struct troupe_ref ref, uint64_t actor, uint64_t serial)
{
    struct watch *watch = calloc(1, sizeof *watch);
    struct troupe_message *message = watch != NULL ? ti_message_new(TI_GONE, NULL) : NULL;
    if (message == NULL) {
        free(watch);
        return NULL;
    }
    message->serial = serial;
    *watch = (struct watch){.ref = ref, .actor = actor, .serial = serial, .message = message};
    return watch;
}

static uint64_t hash_of(struct troupe_ref ref)
{
    uint64_t hash = (ref.place * 0x9e3779b97f4a7c15u) ^ (ref.id * 0xff51afd7ed558ccdu);
    return hash != 0 ? hash : 1;
}

int ti_watches_init(struct troupe *troupe)
{
    pthread_mutex_init(&troupe->watches.lock, NULL);
    return 0;
}

void ti_watches_close(struct troupe *troupe)
{
    struct ti_table *table = &troupe->watches.table;
    for (size_t i = 0; i < table->room; i++) {
        struct watch *watch = table->entries[i].key != 0 ? table->entries[i].value : NULL;
        while (watch != NULL) {
            struct watch *next = watch->next;
            watch_free(watch);
            watch = next;
        }
    }
    ti_table_free(table);
    pthread_mutex_destroy(&troupe->watches.lock);
}

static void tell(struct troupe *troupe, struct watch *watch, int why)
{
    watch->message->as.why = why;
    if (ti_push(troupe, watch->actor, watch->message, false) == 0) {
        watch->message = NULL;
    }
    watch_free(watch);
}

/* Takes out of one hash's list what `place` or `ref` names, and tells each. */
static void fire(struct troupe *troupe, uint64_t hash, uint64_t place, const struct troupe_ref *ref,
                 int why)
{
    struct watch *gone = NULL;
    struct watch *first = ti_table_get(&troupe->watches.table, hash);
    struct watch **at = &first;
    while (*at != NULL) {
        struct watch *watch = *at;
        if (ref != NULL ? troupe_ref_equal(watch->ref, *ref) : watch->ref.place == place) {
            *at = watch->next;
            watch->next = gone;
            gone = watch;
        } else {
            at = &watch->next;
        }
    }
    if (gone == NULL) {
        return;
    }
    ti_table_take(&troupe->watches.table, hash);
    if (first != NULL) {
        bool kept = ti_table_put(&troupe->watches.table, hash, first);
        (void)kept; /* its place is free */
    }
    while (gone != NULL) {
        struct watch *next = gone->next;
        tell(troupe, gone, why);
        gone = next;
    }
}

void ti_watch_fire(struct troupe *troupe, struct troupe_ref ref, int why)
{
    pthread_mutex_lock(&troupe->watches.lock);
    if (troupe->watches.table.count != 0) {
        fire(troupe, hash_of(ref), 0, &ref, why);
    }
    pthread_mutex_unlock(&troupe->watches.lock);
}

void ti_watch_fire_place(struct troupe *troupe, uint64_t place, int why)
{
    struct ti_table *table = &troupe->watches.table;
    pthread_mutex_lock(&troupe->watches.lock);
    /* Firing may move entries down into the gap: look at a slot again until it holds. */
    for (size_t i = 0; i < table->room; i++) {
        uint64_t before;
        do {
            before = table->entries[i].key;
            if (before != 0) {
                fire(troupe, before, place, NULL, why);
            }
        } while (table->entries[i].key != before);
    }
    pthread_mutex_unlock(&troupe->watches.lock);
}

int troupe_watch(struct troupe_actor *self, struct troupe_ref ref, troupe_gone_fn *on_gone,
                 void *user, uint64_t *ret_token)
{
    struct troupe *troupe = self->troupe;
    struct ti_pending *pending = ti_pending_add(self, TI_WATCH, TROUPE_WATCHES_MAX);
    ref = ti_ref_normal(troupe, ref);
    struct watch *watch = pending != NULL ? watch_new(ref, atomic_load(&self->id), pending->serial)
                                          : NULL;
    if (watch == NULL) {
        if (pending != NULL) {
            ti_pending_free(self, pending);
        }
        return pending == NULL && self->counts[TI_WATCH] >= TROUPE_WATCHES_MAX ? TROUPE_EBUSY
                                                                               : TROUPE_ENOMEM;
    }
    pending->ref = ref;
    pending->on_done = (troupe_any_fn *)on_gone;
    pending->user = user;
    uint64_t serial = pending->serial;
    pthread_mutex_lock(&troupe->watches.lock);
    uint64_t hash = hash_of(ref);
    watch->next = ti_table_get(&troupe->watches.table, hash);
    bool added = ti_table_put(&troupe->watches.table, hash, watch);
    pthread_mutex_unlock(&troupe->watches.lock);
    if (!added) {
        watch_free(watch);
        ti_pending_free(self, pending);
        return TROUPE_ENOMEM;
    }
    if (ret_token != NULL) {
        *ret_token = serial;
    }
    /* Gone already? Looked at after the entry is there, so that neither order misses it. */
    struct ti_route route;
    if (ti_route_find(troupe, ref, &route) != 0) {
        ti_watch_fire(troupe, ref, TROUPE_EDOWN);
        return 0;
    }
    if (route.actor != 0) {
        struct troupe_actor *slot = ti_actor_slot(troupe, route.actor);
        if (slot == NULL || atomic_load(&slot->id) != route.actor) {
            ti_watch_fire(troupe, ref, TROUPE_EDOWN);
        }
    } else if (ref.place >= TI_PLACE_LINKS) {
        ti_agent_watch(troupe, ref);
    }
    ti_route_release(&route);
    return 0;
}

void ti_watch_end(struct troupe_actor *self, struct ti_pending *pending)
{
    struct ti_watches *watches = &self->troupe->watches;
    uint64_t hash = hash_of(pending->ref);
    uint64_t actor = atomic_load(&self->id);
    pthread_mutex_lock(&watches->lock);
    struct watch *first = ti_table_take(&watches->table, hash);
    struct watch **at = &first;
    while (*at != NULL) {
        struct watch *watch = *at;
        if (watch->actor == actor && watch->serial == pending->serial) {
            *at = watch->next;
            watch_free(watch);
            break;
        }
        at = &watch->next;
    }
    if (first != NULL) {
        bool kept = ti_table_put(&watches->table, hash, first);
        (void)kept; /* its place is free */
    }
    pthread_mutex_unlock(&watches->lock);
}

void ti_handle_gone(struct troupe_actor *self, struct troupe_message *message)
{
    struct ti_pending *pending = ti_pending_find(self, message->serial);
    if (pending == NULL || pending->kind != TI_WATCH) {
        return;
    }
    struct ti_pending entry = *pending;
    ti_pending_free(self, pending);
    self->trace = entry.trace;
    ((troupe_gone_fn *)entry.on_done)(self, entry.user, entry.ref, message->as.why);
}
