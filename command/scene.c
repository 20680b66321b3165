/* scene.c - who is who in a program, and which of its messages are meant. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command/passing.h"
#include "launcher/launch.h"

static void keep(char *to, size_t size, struct troupe_text text)
{
    snprintf(to, size, "%.*s", (int)text.size, text.data != NULL ? text.data : "");
    value_clean(to);
}

static uint64_t clock_of(clockid_t which)
{
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool tc_scene_actor(struct tc_scene *scene, size_t process, uint64_t id, struct troupe_text name,
                    struct troupe_text role)
{
    struct tc_process *home = &scene->processes[process];
    size_t count = home->actors_count;
    if (count == TC_ACTORS_MAX) {
        return false;
    }
    if ((count & (count - 1)) == 0) {
        struct tc_actor *grown = realloc(home->actors,
                                         (count == 0 ? 1 : 2 * count) * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        home->actors = grown;
    }
    struct tc_actor *actor = &home->actors[home->actors_count++];
    actor->id = id;
    keep(actor->name, sizeof actor->name, name);
    keep(actor->role, sizeof actor->role, role);
    return true;
}

struct adding {
    struct tc_scene *scene;
    size_t process;
};

static struct troupe_text text_of(const struct value *value)
{
    bool there = value != NULL && value->kind == VALUE_TEXT;
    return (struct troupe_text){.data = there ? value->data : "", .size = there ? value->size : 0};
}

static void add_actor(void *user, const struct value *actor)
{
    struct adding *adding = user;
    const struct value *id = tc_field(actor, "id");
    bool added = tc_scene_actor(adding->scene, adding->process, id != NULL ? id->number : 0,
                                text_of(tc_field(actor, "name")), text_of(tc_field(actor, "role")));
    (void)added; /* those beyond are shown by number */
}

enum tc_status tc_scene_look(struct tc_scene *scene, struct tc_session *session)
{
    const struct tl_visit_role *role;
    enum tc_status status = TC_DONE;
    *scene = (struct tc_scene){.session = session,
                               .wall_ns = clock_of(CLOCK_REALTIME),
                               .clock_ns = clock_of(CLOCK_MONOTONIC)};
    snprintf(scene->program, sizeof scene->program, "%s", session->roles.program);
    snprintf(scene->version, sizeof scene->version, "%s", session->roles.version);
    for (size_t at = 0; status == TC_DONE && (role = tc_next_process(session, &at)) != NULL;) {
        const struct idl *idls[TC_MODELS_MAX];
        size_t count;
        struct adding adding = {.scene = scene, .process = scene->processes_count++};
        struct tc_process *process = &scene->processes[adding.process];
        process->role = role;
        process->pid = role->pid;
        snprintf(process->name, sizeof process->name, "%s", role->process);
        status = tc_actors(session, role, add_actor, &adding);
        if (status == TC_DONE) {
            status = tc_models(session, role, idls, TC_MODELS_MAX, &count);
        }
    }
    return status;
}

void tc_scene_free(struct tc_scene *scene)
{
    for (size_t i = 0; i < scene->processes_count; i++) {
        free(scene->processes[i].actors);
    }
    scene->processes_count = 0;
}

struct tc_passed *tc_passed_copy(size_t process, const struct bus_passed *passed, uint64_t missed)
{
    size_t role_size = passed->has_to_role ? passed->to_role.size : 0;
    size_t size = passed->has_contents ? passed->contents.size : 0;
    struct tc_passed *copy = malloc(sizeof *copy + role_size + size + 1);
    if (copy == NULL) {
        return NULL;
    }
    *copy = (struct tc_passed){.process = process, .missed = missed, .passed = *passed};
    if (role_size != 0) {
        memcpy(copy->data, passed->to_role.data, role_size);
    }
    if (size != 0) {
        memcpy(copy->data + role_size, passed->contents.data, size);
    }
    copy->passed.to_role.data = copy->data;
    copy->passed.contents.data = (const uint8_t *)copy->data + role_size;
    return copy;
}

/* ---- filters --------------------------------------------------------------------------------- */

/* The process of that role, or of that name. */
static bool find_process(const struct tc_scene *scene, const char *name, size_t *ret_process)
{
    for (size_t i = 0; i < scene->processes_count; i++) {
        const struct tc_process *process = &scene->processes[i];
        bool found = strcmp(process->name, name) == 0;
        for (size_t k = 0; k < process->actors_count && !found; k++) {
            found = strcmp(process->actors[k].role, name) == 0;
        }
        if (found) {
            *ret_process = i;
            return true;
        }
    }
    return false;
}

static bool has_member(const struct idl *idl, const char *name)
{
    return idl_method_find(idl, name) != NULL || idl_event_find(idl, name) != NULL;
}

/* One word, or what stands before its last dot. */
static bool find_place(const struct tc_scene *scene, const char *name, struct tc_filter *filter)
{
    const struct tc_session *session = scene->session;
    filter->has_process = find_process(scene, name, &filter->process);
    for (size_t i = 0; i < session->models_count && !filter->has_process && filter->idl == NULL;
         i++) {
        const char *full = session->models[i]->interface.name;
        filter->idl = tc_is_named(full, strlen(full), name) ? session->models[i] : NULL;
    }
    return filter->has_process || filter->idl != NULL;
}

static bool is_member(const struct tc_scene *scene, const struct tc_filter *filter)
{
    const struct tc_session *session = scene->session;
    bool found = false;
    for (size_t i = 0; i < session->models_count && !found; i++) {
        found = (filter->idl == NULL || filter->idl == session->models[i]) &&
                has_member(session->models[i], filter->member);
    }
    return found;
}

static const char *name_at(const void *names, size_t i)
{
    const struct idl *idl = names;
    return i < idl->methods_count ? idl->methods[i].name : idl->events[i - idl->methods_count].name;
}

static const char *process_at(const void *names, size_t i)
{
    const struct tc_scene *scene = names;
    return scene->processes[i].name;
}

/* What was probably meant. */
static const char *near(const struct tc_scene *scene, const char *word)
{
    const struct tc_session *session = scene->session;
    const char *dot = strrchr(word, '.');
    const char *nearest = tl_nearest(word, scene->processes_count, process_at, scene);
    for (size_t i = 0; i < session->models_count && nearest == NULL; i++) {
        const struct idl *idl = session->models[i];
        nearest = tl_nearest(dot != NULL ? dot + 1 : word, idl->methods_count + idl->events_count,
                             name_at, idl);
    }
    return nearest;
}

static bool read_filter(const struct tc_scene *scene, const char *word, struct tc_filter *filter)
{
    char before[256];
    const char *dot = strrchr(word, '.');
    *filter = (struct tc_filter){.member = NULL};
    if (find_place(scene, word, filter)) {
        return true;
    }
    filter->member = dot != NULL ? dot + 1 : word;
    snprintf(before, sizeof before, "%.*s", dot != NULL ? (int)(dot - word) : 0, word);
    return (dot == NULL || find_place(scene, before, filter)) && is_member(scene, filter);
}

enum tc_status tc_filters_read(const struct tc_scene *scene, const char *const *words, size_t count,
                               struct tc_filters *ret_filters)
{
    *ret_filters = (struct tc_filters){.count = 0};
    for (size_t i = 0; i < count && i < TC_FILTERS_MAX; i++) {
        if (!read_filter(scene, words[i], &ret_filters->items[ret_filters->count++])) {
            const char *nearest = near(scene, words[i]);
            tc_say(scene->session, "%s has no role, interface, method or event \"%s\"%s%s%s",
                   scene->program, words[i],
                   nearest != NULL ? "; did you mean " : ": troupe introspect shows them",
                   nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
            return TC_USAGE;
        }
    }
    return TC_DONE;
}

bool tc_filters_take(const struct tc_filters *filters, const struct tc_scene *scene, size_t process,
                     const struct bus_passed *passed)
{
    const struct idl *idl = tc_passed_idl(scene, passed);
    const char *member = idl != NULL ? tc_passed_member(idl, passed) : NULL;
    bool taken = filters->count == 0;
    for (size_t i = 0; i < filters->count && !taken; i++) {
        const struct tc_filter *filter = &filters->items[i];
        taken = (!filter->has_process || filter->process == process) &&
                (filter->idl == NULL || filter->idl == idl) &&
                (filter->member == NULL || (member != NULL && strcmp(filter->member, member) == 0));
    }
    return taken;
}

bool tc_filters_need(const struct tc_filters *filters, size_t process)
{
    bool needed = filters->count == 0;
    for (size_t i = 0; i < filters->count && !needed; i++) {
        needed = !filters->items[i].has_process || filters->items[i].process == process;
    }
    return needed;
}
