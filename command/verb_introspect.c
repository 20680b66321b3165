/* verb_introspect.c - an interface in words: an overview, or one declaration with all it is made of. */
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

static void print_fields(const struct idl_fields *fields)
{
    char type[200];
    printf("(");
    for (size_t i = 0; i < fields->count; i++) {
        const struct idl_field *field = &fields->items[i];
        idl_type_text(&field->type, type, sizeof type);
        bool text_preset = field->preset != NULL && field->type.kind == IDL_TEXT;
        printf("%s%s:%s%s%s%s%s%s", i > 0 ? "; " : "", field->name, type,
               field->preset != NULL ? "=" : "", text_preset ? "\"" : "",
               field->preset != NULL ? field->preset : "", text_preset ? "\"" : "",
               field->secret ? " secret" : "");
    }
    printf(")");
}

static void print_doc(const char *doc)
{
    while (*doc != '\0') {
        size_t size = strcspn(doc, "\n");
        printf("      %.*s\n", (int)size, doc);
        doc += size + (doc[size] == '\n');
    }
}

static void print_overview(const struct idl *idl)
{
    printf("%s @%u version %u\n", idl->interface.name, idl->interface.id, idl->interface.version);
    print_doc(idl->doc);
    for (size_t i = 0; i < idl->methods_count; i++) {
        const struct idl_method *method = &idl->methods[i];
        uint32_t flags = method->method.flags;
        printf("  %s %s", (flags & TROUPE_ONEWAY) != 0 ? "oneway" : "method", method->name);
        print_fields(&method->args);
        if ((flags & TROUPE_ONEWAY) == 0) {
            printf(" -> %s", (flags & TROUPE_STREAM) != 0 ? "stream " : "");
            print_fields(&method->results);
        }
        printf("\n");
        print_doc(method->doc);
    }
    for (size_t i = 0; i < idl->events_count; i++) {
        printf("  event  %s", idl->events[i].name);
        print_fields(&idl->events[i].fields);
        printf("\n");
        print_doc(idl->events[i].doc);
    }
}

/* ---- one declaration ------------------------------------------------------------------------- */

enum { SHOWN_MAX = 64 };
struct shown {
    const struct idl *idl;
    const struct idl_decl *decls[SHOWN_MAX];
    size_t count;
};

static void print_span(FILE *to, const struct idl *idl, struct idl_span span)
{
    fprintf(to, "%.*s\n", (int)(span.to - span.from), idl->text + span.from);
}

/* The types that the fields are made of, each once. */
static void collect(struct shown *shown, const struct idl_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct idl_type *type = &fields->items[i].type;
        const struct idl_decl *decl = type->kind == IDL_ARRAY ? type->element->decl : type->decl;
        bool known = decl == NULL || shown->count == SHOWN_MAX;
        for (size_t k = 0; k < shown->count; k++) {
            known = known || shown->decls[k] == decl;
        }
        if (!known) {
            shown->decls[shown->count++] = decl;
            collect(shown, &decl->fields);
        }
    }
}

static void print_types(FILE *to, const struct shown *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        print_span(to, shown->idl, shown->decls[i]->span);
    }
}

static bool print_method(FILE *to, const struct idl *idl, const char *name)
{
    const struct idl_method *method = idl_method_find(idl, name);
    struct shown shown = {.idl = idl};
    if (method == NULL) {
        return false;
    }
    print_span(to, idl, method->span);
    for (size_t i = 0; i < idl->errors_count; i++) {
        for (size_t k = 0; k < method->throws_count; k++) {
            if (strcmp(idl->errors[i].name, method->throws[k]) == 0) {
                print_span(to, idl, idl->errors[i].span);
            }
        }
    }
    collect(&shown, &method->args);
    collect(&shown, &method->results);
    print_types(to, &shown);
    return true;
}

static bool print_member(FILE *to, const struct idl *idl, const char *name)
{
    struct shown shown = {.idl = idl};
    const struct idl_event *event = idl_event_find(idl, name);
    if (event != NULL) {
        print_span(to, idl, event->span);
        collect(&shown, &event->fields);
    }
    for (size_t i = 0; i < idl->decls_count && event == NULL; i++) {
        if (strcmp(idl->decls[i].name, name) == 0) {
            shown.decls[shown.count++] = &idl->decls[i];
            collect(&shown, &idl->decls[i].fields);
        }
    }
    print_types(to, &shown);
    for (size_t i = 0; i < idl->errors_count; i++) {
        if (strcmp(idl->errors[i].name, name) == 0) {
            print_span(to, idl, idl->errors[i].span);
            return true;
        }
    }
    return event != NULL || shown.count != 0 || print_method(to, idl, name);
}

static void print_names(const char *title, size_t count,
                        const char *(*name)(const struct idl *, size_t), const struct idl *idl)
{
    printf(", \"%s\": [", title);
    for (size_t i = 0; i < count; i++) {
        printf("%s\"%s\"", i > 0 ? ", " : "", name(idl, i));
    }
    printf("]");
}

static const char *method_name(const struct idl *idl, size_t i)
{
    return idl->methods[i].name;
}

static const char *event_name(const struct idl *idl, size_t i)
{
    return idl->events[i].name;
}

static void print_json(const struct idl *idl)
{
    printf("{\"name\": \"%s\", \"id\": %u, \"version\": %u", idl->interface.name, idl->interface.id,
           idl->interface.version);
    print_names("methods", idl->methods_count, method_name, idl);
    print_names("events", idl->events_count, event_name, idl);
    printf(", \"text\": ");
    value_print_string(stdout, idl->text, strlen(idl->text));
    printf("}");
}

static void print_list(const struct idl *const *idls, size_t count)
{
    printf("[");
    for (size_t i = 0; i < count; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_json(idls[i]);
    }
    printf("]\n");
}

/* One declaration. False: there is none of that name. */
static bool print_one(const struct idl *idl, const char *name, bool json)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = json ? open_memstream(&text, &size) : stdout;
    bool found = to != NULL && print_member(to, idl, name);
    if (json && to != NULL) {
        fclose(to);
    }
    if (json && found) {
        printf("{\"interface\": \"%s\", \"name\": \"%s\", \"text\": ", idl->interface.name, name);
        value_print_string(stdout, text, size);
        printf("}\n");
    }
    free(text);
    return found;
}

/* ---- what is meant --------------------------------------------------------------------------- */

/* An interface by its name, whoever serves it. NULL: nobody, unsaid. */
static const struct idl *by_name(struct tc_session *session, const char *name)
{
    const struct tl_visit_role *role;
    for (size_t at = 0; (role = tc_next_process(session, &at)) != NULL;) {
        const struct idl *idl;
        bool silent = session->silent;
        session->silent = true;
        enum tc_status status = tc_model(session, role, 0, name, &idl);
        session->silent = silent;
        if (status == TC_DONE) {
            return idl;
        }
    }
    return NULL;
}

static bool is_role(const struct tc_session *session, const char *word)
{
    return tc_role(session, word, strcspn(word, "/")) != NULL;
}

static enum tc_status show_all(struct tc_session *session)
{
    const struct tl_visit_role *role;
    const struct idl *idls[TC_MODELS_MAX];
    size_t count;
    enum tc_status status = TC_DONE;
    for (size_t at = 0; (role = tc_next_process(session, &at)) != NULL && status == TC_DONE;) {
        status = tc_models(session, role, idls, TC_MODELS_MAX, &count);
    }
    if (session->options->json && status == TC_DONE) {
        print_list((const struct idl *const *)session->models, session->models_count);
        return status;
    }
    for (size_t i = 0; i < session->models_count && status == TC_DONE; i++) {
        const struct idl *idl = session->models[i];
        printf("%-16s @%-3u version %u  %zu methods, %zu events\n", idl->interface.name,
               idl->interface.id, idl->interface.version, idl->methods_count, idl->events_count);
    }
    return status;
}

static enum tc_status show(struct tc_session *session, const struct idl *const *idls, size_t count,
                           const char *member)
{
    bool json = session->options->json;
    if (member == NULL && json) {
        print_list(idls, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (member != NULL && print_one(idls[i], member, json)) {
            return TC_DONE;
        }
        if (member == NULL && !json) {
            print_overview(idls[i]);
        }
    }
    if (member != NULL) {
        tc_say(session, "there is no \"%s\": troupe introspect %.*s shows what there is", member,
               (int)(strlen(session->options->words[0]) - strlen(member) - 1),
               session->options->words[0]);
        return TC_FAILED;
    }
    return TC_DONE;
}

enum tc_status tc_verb_introspect(struct tc_session *session)
{
    char word[256];
    struct tc_target target;
    enum tc_status status = tc_open(session);
    if (status != TC_DONE) {
        return status;
    }
    if (session->options->words_count == 0) {
        return show_all(session);
    }
    snprintf(word, sizeof word, "%s", session->options->words[0]);
    const struct idl *idl = by_name(session, word);
    if (idl != NULL) {
        return show(session, &idl, 1, NULL);
    }
    char *dot = strrchr(word, '.');
    const char *member = dot != NULL && strcmp(dot, ".bus") != 0 ? dot + 1 : NULL;
    if (member != NULL) {
        *dot = '\0';
        idl = by_name(session, word);
        if (idl != NULL && !is_role(session, word)) {
            return show(session, &idl, 1, member);
        }
    }
    status = tc_target_find(session, word, &target);
    return status == TC_DONE ? show(session, target.idls, target.idls_count, member) : status;
}
