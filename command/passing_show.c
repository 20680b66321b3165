/* passing_show.c - one message that passed, as a line for people or as JSON. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "command/passing.h"

static const char *const steps[] = {"send", "handle", "answer", "done", "publish"};

const struct idl *tc_passed_idl(const struct tc_scene *scene, const struct bus_passed *passed)
{
    const struct tc_session *session = scene->session;
    for (size_t i = 0; i < session->models_count; i++) {
        if (session->models[i]->interface.id == passed->interface) {
            return session->models[i];
        }
    }
    return NULL;
}

static const struct idl_method *method_of(const struct idl *idl, uint32_t ordinal)
{
    for (size_t i = 0; idl != NULL && i < idl->methods_count; i++) {
        if (idl->methods[i].method.ordinal == ordinal) {
            return &idl->methods[i];
        }
    }
    return NULL;
}

static const struct idl_event *event_of(const struct idl *idl, uint32_t ordinal)
{
    for (size_t i = 0; idl != NULL && i < idl->events_count; i++) {
        if (idl->events[i].event.ordinal == ordinal) {
            return &idl->events[i];
        }
    }
    return NULL;
}

const char *tc_passed_member(const struct idl *idl, const struct bus_passed *passed)
{
    if (passed->step == BUS_STEP_PUBLISH) {
        const struct idl_event *event = event_of(idl, passed->member);
        return event != NULL ? event->name : NULL;
    }
    const struct idl_method *method = method_of(idl, passed->member);
    return method != NULL ? method->name : NULL;
}

/* What its contents are made of; NULL: not known. */
static const struct idl_fields *fields_of(const struct idl *idl, const struct bus_passed *passed)
{
    const struct idl_event *event = event_of(idl, passed->member);
    const struct idl_method *method = method_of(idl, passed->member);
    const struct idl_error *error = idl != NULL ? idl_error_find(idl, passed->code) : NULL;
    if (passed->step == BUS_STEP_PUBLISH) {
        return event != NULL ? &event->fields : NULL;
    }
    if (passed->code != 0) {
        return error != NULL ? &error->fields : NULL;
    }
    static const struct idl_fields
        none; /* a stream's end; its items are not messages of their own */
    if (passed->step != BUS_STEP_SEND && passed->step != BUS_STEP_HANDLE && method != NULL &&
        (method->method.flags & TROUPE_STREAM) != 0) {
        return &none;
    }
    bool asks = passed->step == BUS_STEP_SEND || passed->step == BUS_STEP_HANDLE;
    return method == NULL ? NULL : asks ? &method->args : &method->results;
}

static void print_contents(FILE *to, const struct idl *idl, const struct bus_passed *passed,
                           bool json)
{
    const struct idl_fields *fields = fields_of(idl, passed);
    struct value_room room = {0};
    struct value value = {.kind = VALUE_BYTES,
                          .data = (const char *)passed->contents.data,
                          .size = passed->contents.size};
    if (fields != NULL) {
        struct value read;
        struct troupe_reader reader;
        troupe_reader_init(&reader, passed->contents.data, passed->contents.size);
        value_read(&reader, fields, &room, &read);
        value = troupe_reader_finish(&reader, NULL) == 0 ? read : value;
    }
    if (json) {
        value_print_json(to, &value);
    } else {
        value_print_line(to, &value);
    }
    value_room_free(&room);
}

/* ---- who ------------------------------------------------------------------------------------- */

enum { WHO_BYTES_MAX = 2 * TROUPE_NAME_BYTES_MAX + 32 };

/* "node", of a role; "wallet#4294967298", of another; "#7" of one that is not known; "-": none. */
static void name_actor(const struct tc_process *process, uint64_t id, char who[WHO_BYTES_MAX])
{
    const struct tc_actor *found = NULL;
    for (size_t i = 0; i < process->actors_count && found == NULL; i++) {
        found = process->actors[i].id == id ? &process->actors[i] : NULL;
    }
    if (id == 0) {
        snprintf(who, WHO_BYTES_MAX, "-");
    } else if (found != NULL && found->role[0] != '\0') {
        snprintf(who, WHO_BYTES_MAX, "%s", found->role);
    } else {
        snprintf(who, WHO_BYTES_MAX, "%s#%" PRIu64, found != NULL ? found->name : "", id);
    }
}

static void name_target(const struct tc_process *process, const struct bus_passed *passed,
                        char who[WHO_BYTES_MAX])
{
    who[0] = '\0';
    if (passed->has_to_actor) {
        name_actor(process, passed->to_actor, who);
    } else if (passed->has_to_role) {
        snprintf(who, WHO_BYTES_MAX, "%.*s", (int)passed->to_role.size, passed->to_role.data);
        value_clean(who);
    } else if (passed->has_to_link) {
        snprintf(who, WHO_BYTES_MAX, "link %" PRIu64, passed->to_link);
    }
}

static const char *error_name(const struct idl *idl, int32_t code)
{
    const struct idl_error *error = idl != NULL ? idl_error_find(idl, code) : NULL;
    return error != NULL ? error->name : troupe_error_name(code);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void name_member(const struct tc_scene *scene, const struct bus_passed *passed, char *to,
                        size_t size)
{
    const struct idl *idl = tc_passed_idl(scene, passed);
    const char *member = idl != NULL ? tc_passed_member(idl, passed) : NULL;
    const char *dot = idl != NULL ? strrchr(idl->interface.name, '.') : NULL;
    int used = idl != NULL ? snprintf(to, size, "%s.", dot != NULL ? dot + 1 : idl->interface.name)
                           : snprintf(to, size, "@%u.", passed->interface);
    if (member != NULL) {
        snprintf(to + used, size - (size_t)used, "%s", member);
    } else {
        snprintf(to + used, size - (size_t)used, "@%u", passed->member);
    }
}

static const char *step_name(const struct bus_passed *passed)
{
    size_t step = (size_t)passed->step;
    return step < sizeof steps / sizeof steps[0] ? steps[step] : "?";
}

static void print_time(FILE *to, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm local;
    char text[32] = "?";
    if (localtime_r(&seconds, &local) != NULL) {
        strftime(text, sizeof text, "%H:%M:%S", &local);
    }
    fprintf(to, "%s.%06u", text, (unsigned)(wall_ns % 1000000000 / 1000));
}

static void print_line(FILE *to, const struct tc_scene *scene, const struct tc_passed *one,
                       uint64_t wall_ns)
{
    const struct tc_process *process = &scene->processes[one->process];
    const struct bus_passed *passed = &one->passed;
    const struct idl *idl = tc_passed_idl(scene, passed);
    char who[WHO_BYTES_MAX];
    char target[WHO_BYTES_MAX];
    char whole[2 * WHO_BYTES_MAX + 8];
    char member[256];
    print_time(to, wall_ns);
    if (one->missed != 0) {
        fprintf(to, "  %-8s MISSED %" PRIu64 "\n", process->name, one->missed);
        return;
    }
    name_actor(process, passed->actor, who);
    name_target(process, passed, target);
    name_member(scene, passed, member, sizeof member);
    snprintf(whole, sizeof whole, "%s%s%s", who, target[0] != '\0' ? " -> " : "", target);
    fprintf(to, "  %-8s %-7s  %-25s  %-24s  %5" PRIu64 " B  %" PRIx64, process->name,
            step_name(passed), whole, member, passed->size_bytes, passed->trace);
    if (passed->code != 0) {
        fprintf(to, "  %s", error_name(idl, passed->code));
    }
    if (passed->has_contents) {
        fputs("  ", to);
        print_contents(to, idl, passed, false);
    }
    fputc('\n', to);
}

static void print_text(FILE *to, const char *key, const char *text)
{
    fprintf(to, ", \"%s\": ", key);
    if (text[0] != '\0' && strcmp(text, "-") != 0) {
        value_print_string(to, text, strlen(text));
    } else {
        fputs("null", to);
    }
}

static void print_json(FILE *to, const struct tc_scene *scene, const struct tc_passed *one,
                       uint64_t wall_ns)
{
    const struct tc_process *process = &scene->processes[one->process];
    const struct bus_passed *passed = &one->passed;
    const struct idl *idl = tc_passed_idl(scene, passed);
    const char *member = idl != NULL ? tc_passed_member(idl, passed) : NULL;
    char who[WHO_BYTES_MAX];
    char target[WHO_BYTES_MAX];
    fprintf(to, "{\"time_ns\": %" PRIu64, wall_ns);
    print_text(to, "process", process->name);
    if (one->missed != 0) {
        fprintf(to, ", \"missed\": %" PRIu64 "}\n", one->missed);
        return;
    }
    name_actor(process, passed->actor, who);
    name_target(process, passed, target);
    print_text(to, "step", step_name(passed));
    fprintf(to, ", \"trace\": \"%" PRIx64 "\"", passed->trace);
    print_text(to, "actor", who);
    print_text(to, "to", target);
    print_text(to, "interface", idl != NULL ? idl->interface.name : "");
    print_text(to, "member", member != NULL ? member : "");
    fprintf(to, ", \"code\": %" PRId32, passed->code);
    print_text(to, "error", passed->code != 0 ? error_name(idl, passed->code) : "");
    fprintf(to, ", \"size_bytes\": %" PRIu64 ", \"contents\": ", passed->size_bytes);
    if (passed->has_contents) {
        print_contents(to, idl, passed, true);
    } else {
        fputs("null", to);
    }
    fputs("}\n", to);
}

void tc_passed_print(FILE *to, const struct tc_scene *scene, const struct tc_passed *one, bool json)
{
    uint64_t wall_ns = scene->wall_ns + (one->passed.time_ns - scene->clock_ns);
    if (json) {
        print_json(to, scene, one, wall_ns);
    } else {
        print_line(to, scene, one, wall_ns);
    }
}
