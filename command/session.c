/* session.c - attached to a program: its roles, and the interfaces that their processes say they
 * serve. Only troupe.Bus is known beforehand: by it the others are asked for. */
#include <stdlib.h>
#include <string.h>

#include "command/command.h"
#include "interfaces/bus.h"
#include "launcher/launch.h"

/* ---- roles --------------------------------------------------------------------------------- */

static const char *role_name(const void *names, size_t i)
{
    const struct tl_visit_roles *roles = names;
    return roles->roles[i].name;
}

void tc_say_no_role(const struct tc_session *session, const char *word, size_t size)
{
    const struct tl_visit_roles *roles = &session->roles;
    char name[TROUPE_NAME_BYTES_MAX + 1];
    char names[512] = "";
    size_t used = 0;
    snprintf(name, sizeof name, "%.*s", (int)size, word);
    const char *nearest = tl_nearest(name, roles->count, role_name, roles);
    for (size_t i = 0; i < roles->count && used < sizeof names - TROUPE_NAME_BYTES_MAX - 4; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                 roles->roles[i].name);
    }
    if (nearest != NULL) {
        tc_say(session, "%s has no role \"%s\"; did you mean %s?", roles->program, name, nearest);
    } else {
        tc_say(session, "%s has no role \"%s\": it has %s", roles->program, name, names);
    }
}

const struct tl_visit_role *tc_role(const struct tc_session *session, const char *name, size_t size)
{
    for (size_t i = 0; i < session->roles.count; i++) {
        const struct tl_visit_role *role = &session->roles.roles[i];
        if (strlen(role->name) == size && memcmp(role->name, name, size) == 0) {
            return role;
        }
    }
    return NULL;
}

/* One that is ready; NULL: said why not. */
static const struct tl_visit_role *find(struct tc_session *session, const char *name, size_t size)
{
    const struct tl_visit_role *role = tc_role(session, name, size);
    if (role == NULL) {
        tc_say_no_role(session, name, size);
    } else if (!role->ready) {
        tc_say(session, "%s is just being started again: troupe wait %s", role->name, role->name);
        role = NULL;
    }
    return role;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void on_report(void *user, const char *text)
{
    struct tc_session *session = user;
    if (!atomic_load(&session->attached)) {
        tc_say(session, "%s", text);
    }
}

enum tc_status tc_open(struct tc_session *session)
{
    struct troupe_config config = {
        .name = "troupe", .workers = 1, .on_report = on_report, .user = session};
    const char *ready[TROUPE_ROLES_MAX];
    size_t count = 0;
    enum tc_status status = tc_find(session);
    if (status != TC_DONE) {
        return status;
    }
    int error = troupe_open(&config, &session->troupe);
    if (error != 0) {
        tc_say(session, "the bus could not be opened: %s", troupe_error_text(error));
        return TC_FAILED;
    }
    for (size_t i = 0; i < session->roles.count; i++) {
        const struct tl_visit_role *role = &session->roles.roles[i];
        if (role->ready && (session->only == NULL || strcmp(role->name, session->only) == 0)) {
            ready[count++] = role->name;
        }
    }
    if (count == 0 && session->only != NULL) {
        return find(session, session->only, strlen(session->only)) == NULL ? TC_NOBODY : TC_FAILED;
    }
    enum tl_visit_result result = tl_visit_attach(&session->visit, session->troupe, ready, count,
                                                  TC_START_MS);
    atomic_store(&session->attached, result == TL_VISIT_DONE);
    if (result != TL_VISIT_DONE) {
        tc_say(session, "%s", session->visit.why);
    }
    return result == TL_VISIT_DONE ? TC_DONE : result == TL_VISIT_FAILED ? TC_FAILED : TC_NOBODY;
}

void tc_close(struct tc_session *session)
{
    troupe_close(session->troupe, 1000);
    if (session->visiting) {
        tl_visit_close(&session->visit);
    }
    for (size_t i = 0; i < session->models_count; i++) {
        idl_free(session->models[i]);
    }
    value_room_free(&session->room);
}

const struct tl_visit_role *tc_next_process(const struct tc_session *session, size_t *at)
{
    for (; *at < session->roles.count; (*at)++) {
        const struct tl_visit_role *role = &session->roles.roles[*at];
        bool seen = false;
        for (size_t i = 0; i < *at; i++) {
            seen = seen || (session->roles.roles[i].ready &&
                            strcmp(session->roles.roles[i].process, role->process) == 0);
        }
        if (role->ready && !seen) {
            (*at)++;
            return role;
        }
    }
    return NULL;
}

/* ---- agents ---------------------------------------------------------------------------------- */

struct troupe_ref tc_agent(const struct tc_session *session, const struct tl_visit_role *role)
{
    char name[TROUPE_NAME_BYTES_MAX + 8];
    struct troupe_ref ref = {0, 0};
    snprintf(name, sizeof name, "%s.bus", role->name);
    int error = troupe_host_find(session->troupe, name, &ref);
    (void)error; /* then the call says that nobody is there */
    return ref;
}

static struct troupe_options options_of(const struct tc_session *session)
{
    return (struct troupe_options){.deadline_ms = session->options->timeout_ms};
}

const struct idl *tc_model_add(struct tc_session *session, struct troupe_text text,
                               char why[IDL_WHY_BYTES_MAX])
{
    if (session->models_count == TC_MODELS_MAX) {
        snprintf(why, IDL_WHY_BYTES_MAX, "there are more than %d interfaces", TC_MODELS_MAX);
        return NULL;
    }
    struct idl *idl = idl_parse(text, why);
    if (idl != NULL) {
        session->models[session->models_count++] = idl;
    }
    return idl;
}

static enum tc_status add_model(struct tc_session *session, const struct tl_visit_role *role,
                                uint32_t id, const struct idl **ret_idl)
{
    struct bus_get_interface_args args = {.id = id};
    struct bus_get_interface_results results;
    struct troupe_options options = options_of(session);
    struct troupe_error error;
    char what[TROUPE_NAME_BYTES_MAX + 64];
    char why[IDL_WHY_BYTES_MAX];
    snprintf(what, sizeof what, "the interface %u of %s", id, role->name);
    if (bus_get_interface(session->troupe, tc_agent(session, role), &args, &results, &error,
                          &options) != 0) {
        return tc_say_error(session, what, NULL, &error);
    }
    const struct idl *idl = tc_model_add(session, results.text, why);
    troupe_release(results.message);
    if (idl == NULL || idl->interface.id != id) {
        tc_say(session, "%s can't be read: %s", what, idl == NULL ? why : "it has another number");
        return TC_FAILED;
    }
    *ret_idl = idl;
    return TC_DONE;
}

bool tc_is_named(const char *full, size_t size, const char *name)
{
    size_t length = strlen(name);
    return size >= length && memcmp(full + size - length, name, length) == 0 &&
           (size == length || full[size - length - 1] == '.');
}

static enum tc_status get_model(struct tc_session *session, const struct tl_visit_role *role,
                                uint32_t id, const struct idl **ret_idl)
{
    for (size_t i = 0; i < session->models_count; i++) {
        if (session->models[i]->interface.id == id) {
            *ret_idl = session->models[i];
            return TC_DONE;
        }
    }
    return add_model(session, role, id, ret_idl);
}

enum tc_status tc_models(struct tc_session *session, const struct tl_visit_role *role,
                         const struct idl **ret_idls, size_t max, size_t *ret_count)
{
    struct bus_list_interfaces_results list;
    struct troupe_options options = options_of(session);
    struct troupe_error error;
    enum tc_status status = TC_DONE;
    *ret_count = 0;
    if (bus_list_interfaces(session->troupe, tc_agent(session, role), &list, &error, &options) !=
        0) {
        return tc_say_error(session, role->name, NULL, &error);
    }
    for (size_t i = 0; i < list.interfaces_count && i < max && status == TC_DONE; i++) {
        status = get_model(session, role, list.interfaces[i].id, &ret_idls[i]);
        *ret_count += status == TC_DONE;
    }
    troupe_release(list.message);
    return status;
}

enum tc_status tc_model(struct tc_session *session, const struct tl_visit_role *role, uint32_t id,
                        const char *name, const struct idl **ret_idl)
{
    const struct idl *idls[TC_MODELS_MAX];
    size_t count;
    if (name == NULL) {
        return get_model(session, role, id, ret_idl);
    }
    enum tc_status status = tc_models(session, role, idls, TC_MODELS_MAX, &count);
    for (size_t i = 0; i < count && status == TC_DONE; i++) {
        const char *full = idls[i]->interface.name;
        if (tc_is_named(full, strlen(full), name)) {
            *ret_idl = idls[i];
            return TC_DONE;
        }
    }
    if (status == TC_DONE) {
        tc_say(session, "the process of %s serves no interface %s", role->name, name);
        status = TC_FAILED;
    }
    return status;
}

/* Calls a method that has no more in its answer than this; `args` NULL: none. */
static enum tc_status ask(struct tc_session *session, struct troupe_ref to, const struct idl *idl,
                          const struct idl_method *method, const struct value *args,
                          const char *what, struct value *ret_value)
{
    struct troupe_options options = options_of(session);
    struct troupe_writer writer;
    struct troupe_reader reader;
    struct troupe_message *message;
    struct troupe_error error;
    troupe_writer_init(&writer);
    if (args != NULL) {
        value_write(&writer, args, &method->args);
    } else {
        troupe_put_map(&writer, 0);
    }
    if (troupe_gen_call(session->troupe, to, &method->method, &writer, &reader, &message, &error,
                        &options) != 0) {
        return tc_say_error(session, what, idl, &error);
    }
    value_read(&reader, &method->results, &session->room, ret_value);
    int code = troupe_reader_finish(&reader, &error);
    troupe_release(message);
    return code == 0 ? TC_DONE : tc_say_error(session, what, idl, &error);
}

enum tc_status tc_ask_agent(struct tc_session *session, const struct tl_visit_role *role,
                            const char *method, struct value *ret_value)
{
    const struct idl *idl;
    char what[TROUPE_NAME_BYTES_MAX * 2];
    enum tc_status status = get_model(session, role, bus_interface.id, &idl);
    const struct idl_method *found = status == TC_DONE ? idl_method_find(idl, method) : NULL;
    if (status != TC_DONE || found == NULL) {
        return status != TC_DONE ? status : TC_FAILED;
    }
    snprintf(what, sizeof what, "%s.bus %s", role->name, method);
    return ask(session, tc_agent(session, role), idl, found, NULL, what, ret_value);
}

enum tc_status tc_ask_launcher(struct tc_session *session, const char *method,
                               struct value *ret_value)
{
    const struct idl *idl;
    struct troupe_ref launcher;
    size_t i = 0;
    while (i < session->roles.count && strcmp(session->roles.roles[i].name, "launcher") != 0) {
        i++;
    }
    *ret_value = (struct value){.kind = VALUE_ABSENT};
    if (i == session->roles.count ||
        troupe_host_find(session->troupe, "launcher", &launcher) != 0) {
        return TC_DONE;
    }
    enum tc_status status = tc_model(session, &session->roles.roles[i], 0, "Launcher", &idl);
    const struct idl_method *found = status == TC_DONE ? idl_method_find(idl, method) : NULL;
    if (status != TC_DONE || found == NULL) {
        return status != TC_DONE ? status : TC_FAILED;
    }
    return ask(session, launcher, idl, found, NULL, "launcher", ret_value);
}

const struct value *tc_field(const struct value *value, const char *name)
{
    const struct idl_field *field = value->kind == VALUE_STRUCT
                                        ? idl_field_find(value->fields, name, strlen(name))
                                        : NULL;
    return field != NULL ? &value->items[field - value->fields->items] : NULL;
}

enum tc_status tc_actors(struct tc_session *session, const struct tl_visit_role *role,
                         tc_actor_fn *each, void *user)
{
    const struct idl *idl;
    enum tc_status status = get_model(session, role, bus_interface.id, &idl);
    const struct idl_method *list = status == TC_DONE ? idl_method_find(idl, "list_actors") : NULL;
    struct value from[1] = {{.kind = VALUE_UINT, .number = 0}};
    struct value args = {.kind = VALUE_STRUCT, .items = from, .count = 1};
    bool more = list != NULL && list->args.count == 1;
    while (more && status == TC_DONE) {
        struct value page;
        status = ask(session, tc_agent(session, role), idl, list, &args, role->name, &page);
        const struct value *actors = status == TC_DONE ? tc_field(&page, "actors") : NULL;
        const struct value *next = status == TC_DONE ? tc_field(&page, "next") : NULL;
        for (size_t i = 0; actors != NULL && i < actors->count; i++) {
            each(user, &actors->items[i]);
        }
        more = next != NULL && next->kind == VALUE_UINT && next->number > from[0].number;
        from[0].number = more ? next->number : 0;
    }
    return status;
}

/* ---- what is meant --------------------------------------------------------------------------- */

struct serving {
    const char *role;
    const struct value *interfaces;
};

static void find_role(void *user, const struct value *actor)
{
    struct serving *serving = user;
    const struct value *role = tc_field(actor, "role");
    if (role != NULL && role->kind == VALUE_TEXT && strlen(serving->role) == role->size &&
        memcmp(role->data, serving->role, role->size) == 0) {
        serving->interfaces = tc_field(actor, "interfaces");
    }
}

/* What the actor of the role serves; of an older process that does not say so, all that it serves. */
static enum tc_status serves(struct tc_session *session, struct tc_target *target)
{
    struct serving serving = {.role = target->role->name};
    enum tc_status status = tc_actors(session, target->role, find_role, &serving);
    if (status != TC_DONE) {
        return status;
    }
    if (serving.interfaces == NULL || serving.interfaces->kind != VALUE_ARRAY) {
        return tc_models(session, target->role, target->idls, TC_SERVED_MAX, &target->idls_count);
    }
    for (size_t i = 0; i < serving.interfaces->count && i < TC_SERVED_MAX && status == TC_DONE;
         i++) {
        status = get_model(session, target->role, (uint32_t)serving.interfaces->items[i].number,
                           &target->idls[i]);
        target->idls_count += status == TC_DONE;
    }
    return status;
}

/* The method that gives out refs by name: asked again it does no harm, one text leads in and one ref
 * comes out. So ROLE/NAME needs nothing that only one program knows. */
static const struct idl_method *opener(const struct tc_target *target, const struct idl **ret_idl)
{
    for (size_t i = 0; i < target->idls_count; i++) {
        for (size_t k = 0; k < target->idls[i]->methods_count; k++) {
            const struct idl_method *method = &target->idls[i]->methods[k];
            if ((method->method.flags & TROUPE_IDEMPOTENT) != 0 && method->args.count == 1 &&
                method->args.items[0].type.kind == IDL_TEXT && method->results.count == 1 &&
                method->results.items[0].type.kind == IDL_REF &&
                !method->results.items[0].type.optional) {
                *ret_idl = target->idls[i];
                return method;
            }
        }
    }
    return NULL;
}

static enum tc_status open_named(struct tc_session *session, const char *name,
                                 struct tc_target *target)
{
    const struct idl *idl = NULL;
    const struct idl_method *method = opener(target, &idl);
    if (method == NULL) {
        tc_say(session, "%s hands out nothing by name: leave \"/%s\" away", target->role->name,
               name);
        return TC_NOBODY;
    }
    struct value text[1] = {{.kind = VALUE_TEXT, .data = name, .size = strlen(name)}};
    struct value args = {.kind = VALUE_STRUCT, .items = text, .count = 1};
    struct value results = {.kind = VALUE_ABSENT};
    enum tc_status status = ask(session, target->ref, idl, method, &args, target->name, &results);
    if (status != TC_DONE || results.items == NULL) {
        return status != TC_DONE ? status : TC_FAILED;
    }
    target->ref = results.items[0].ref;
    status = tc_model(session, target->role, 0, method->results.items[0].type.name,
                      &target->idls[0]);
    target->idls_count = status == TC_DONE;
    return status;
}

enum tc_status tc_target_find(struct tc_session *session, const char *word,
                              struct tc_target *ret_target)
{
    size_t size = strcspn(word, "/");
    bool agent = word[size] == '\0' && size > 4 && strcmp(word + size - 4, ".bus") == 0;
    *ret_target = (struct tc_target){.role = find(session, word, agent ? size - 4 : size)};
    snprintf(ret_target->name, sizeof ret_target->name, "%s", word);
    if (ret_target->role == NULL) {
        return TC_NOBODY;
    }
    if (agent) {
        ret_target->ref = tc_agent(session, ret_target->role);
        ret_target->idls_count = 1;
        return get_model(session, ret_target->role, bus_interface.id, &ret_target->idls[0]);
    }
    int error = troupe_host_find(session->troupe, ret_target->role->name, &ret_target->ref);
    if (error != 0) {
        tc_say(session, "%s: %s", word, troupe_error_text(error));
        return TC_NOBODY;
    }
    enum tc_status status = serves(session, ret_target);
    return status == TC_DONE && word[size] == '/' ? open_named(session, word + size + 1, ret_target)
                                                  : status;
}

bool tc_ref(void *user, const char *word, const struct idl_type *type, struct troupe_ref *ret_ref,
            char *ret_why)
{
    struct tc_session *session = user;
    struct tc_target target;
    bool good = tc_target_find(session, word, &target) == TC_DONE && target.idls_count > 0;
    bool fits = false;
    for (size_t i = 0; good && i < target.idls_count; i++) {
        const char *full = target.idls[i]->interface.name;
        fits = fits || tc_is_named(full, strlen(full), type->name) ||
               tc_is_named(type->name, strlen(type->name), full);
    }
    if (!fits) {
        snprintf(ret_why, VALUE_WHY_BYTES_MAX, "expected a role, or ROLE/NAME, that serves %s",
                 type->name);
    }
    *ret_ref = target.ref;
    return fits;
}
