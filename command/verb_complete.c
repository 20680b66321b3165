/* verb_complete.c - what may stand where the last word is, one a line: for the shell (troupe.bash).
 * Says nothing else, and nothing at all when nobody runs. */
#include <string.h>

#include "command/command.h"

struct complete {
    struct tc_session *session;
    const char *word; /* as far as it is written */
};

static void offer(const struct complete *complete, const char *before, const char *word,
                  const char *after)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s%s", before, word, after);
    if (strncmp(whole, complete->word, strlen(complete->word)) == 0) {
        printf("%s\n", whole);
    }
}

static void offer_roles(const struct complete *complete, const char *after)
{
    for (size_t i = 0; i < complete->session->roles.count; i++) {
        offer(complete, "", complete->session->roles.roles[i].name, after);
    }
}

/* "node.": its events, or with `methods` its methods. */
static void offer_members(const struct complete *complete, bool methods)
{
    char role[256];
    const char *dot = strrchr(complete->word, '.');
    struct tc_target target;
    if (dot == NULL) {
        offer_roles(complete, "");
        offer_roles(complete, ".");
        return;
    }
    snprintf(role, sizeof role, "%.*s", (int)(dot - complete->word), complete->word);
    if (tc_target_find(complete->session, role, &target) != TC_DONE) {
        return;
    }
    snprintf(role, sizeof role, "%.*s", (int)(dot + 1 - complete->word), complete->word);
    for (size_t i = 0; i < target.idls_count; i++) {
        const struct idl *idl = target.idls[i];
        for (size_t k = 0; k < idl->methods_count && methods; k++) {
            offer(complete, role, idl->methods[k].name, "");
        }
        for (size_t k = 0; k < idl->events_count; k++) {
            offer(complete, role, idl->events[k].name, "");
        }
    }
}

static void offer_values(const struct complete *complete, const struct idl_field *field)
{
    char before[128];
    snprintf(before, sizeof before, "%s=", field->name);
    if (field->type.kind == IDL_BOOL) {
        offer(complete, before, "true", "");
        offer(complete, before, "false", "");
    }
    for (size_t i = 0; field->type.kind == IDL_ENUM && i < field->type.decl->values_count; i++) {
        offer(complete, before, field->type.decl->values[i].name, "");
    }
}

/* The words after "call". */
static void complete_call(const struct complete *complete, const char *const *words, size_t count)
{
    struct tc_target target;
    if (count == 1) {
        offer_roles(complete, "");
        if (strchr(complete->word, '.') != NULL) {
            offer_roles(complete, ".bus");
        }
        return;
    }
    if (tc_target_find(complete->session, words[0], &target) != TC_DONE) {
        return;
    }
    for (size_t i = 0; i < target.idls_count; i++) {
        const struct idl_method *method = count > 2 ? idl_method_find(target.idls[i], words[1])
                                                    : NULL;
        for (size_t k = 0; count == 2 && k < target.idls[i]->methods_count; k++) {
            offer(complete, "", target.idls[i]->methods[k].name, "");
        }
        for (size_t k = 0; method != NULL && k < method->args.count; k++) {
            const struct idl_field *field = &method->args.items[k];
            if (strchr(complete->word, '=') == NULL) {
                offer(complete, "", field->name, "=");
            } else {
                offer_values(complete, field);
            }
        }
    }
}

static bool has_value(const char *option)
{
    static const char *const options[] = {"--attach", "--timeout", "--count", "--contents"};
    bool found = false;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        found = found || strcmp(options[i], option) == 0;
    }
    return found;
}

static void offer_options(const struct complete *complete)
{
    const char *name;
    for (size_t i = 0; (name = tc_option_name(i)) != NULL; i++) {
        offer(complete, "", name, has_value(name) ? "=" : "");
    }
}

static bool needs_program(const char *verb)
{
    return strcmp(verb, "call") == 0 || strcmp(verb, "watch") == 0 ||
           strcmp(verb, "introspect") == 0 || strcmp(verb, "wait") == 0 ||
           strcmp(verb, "restart") == 0 || strcmp(verb, "kill") == 0 ||
           strcmp(verb, "monitor") == 0 || strcmp(verb, "capture") == 0;
}

enum tc_status tc_verb_complete(struct tc_session *session)
{
    static struct tc_options options;
    const char *words[TC_WORDS_MAX];
    size_t count = 0;
    options = *session->options;
    session->options = &options;
    session->silent = true;
    for (size_t i = 0; i < options.words_count; i++) {
        bool last = i + 1 == options.words_count;
        if (strncmp(options.words[i], "--attach=", 9) == 0 && !last) {
            options.attach = options.words[i] + 9;
        } else if (has_value(options.words[i]) && !last) {
            i++;
            options.attach = strcmp(options.words[i - 1], "--attach") == 0 ? options.words[i]
                                                                           : options.attach;
        } else if (options.words[i][0] != '-' || last) {
            words[count++] = options.words[i];
        }
    }
    struct complete complete = {.session = session, .word = count > 0 ? words[count - 1] : ""};
    if (complete.word[0] == '-') {
        offer_options(&complete);
        return TC_DONE;
    }
    for (size_t i = 0; count <= 1 && i < tc_verbs_count; i++) {
        offer(&complete, "", tc_verbs[i].name, "");
    }
    static const char *const idl[] = {"check", "diff", "fmt", "cddl", "doc", "c", "lock"};
    for (size_t i = 0; count == 2 && strcmp(words[0], "idl") == 0 && i < 7; i++) {
        offer(&complete, "", idl[i], "");
    }
    for (size_t i = 0; count == 2 && strcmp(words[0], "help") == 0 && i < tc_verbs_count; i++) {
        offer(&complete, "", tc_verbs[i].name, "");
    }
    if (count <= 1 || !needs_program(words[0]) || tc_open(session) != TC_DONE) {
        return TC_DONE;
    }
    if (strcmp(words[0], "call") == 0) {
        complete_call(&complete, words + 1, count - 1);
    } else if (strcmp(words[0], "capture") == 0 && count == 2) {
        return TC_DONE; /* a file: the shell's own */
    } else if (strcmp(words[0], "wait") == 0 || strcmp(words[0], "restart") == 0 ||
               strcmp(words[0], "kill") == 0) {
        offer_roles(&complete, "");
    } else {
        offer_members(&complete, strcmp(words[0], "watch") != 0);
    }
    return TC_DONE;
}
