/* verb_call.c - one method, called. */
#include <string.h>
#include <unistd.h>

#include "command/command.h"
#include "launcher/launch.h"

struct call {
    struct tc_run run;
    const struct tc_target *target;
    const struct idl *idl;
    const struct idl_method *method;
    const struct value *args;
    char what[400];
};

static const char *method_name(const void *names, size_t i)
{
    const struct idl *idl = names;
    return idl->methods[i].name;
}

static const struct idl_method *find(struct tc_session *session, const struct tc_target *target,
                                     const char *name, const struct idl **ret_idl)
{
    const char *nearest = NULL;
    for (size_t i = 0; i < target->idls_count; i++) {
        const struct idl_method *method = idl_method_find(target->idls[i], name);
        if (method != NULL) {
            *ret_idl = target->idls[i];
            return method;
        }
        nearest = nearest != NULL ? nearest
                                  : tl_nearest(name, target->idls[i]->methods_count, method_name,
                                               target->idls[i]);
    }
    if (nearest != NULL) {
        tc_say(session, "%s has no method \"%s\"; did you mean %s?", target->name, name, nearest);
    } else {
        tc_say(session, "%s has no method \"%s\": troupe introspect %s shows them", target->name,
               name, target->name);
    }
    return NULL;
}

/* ---- the call -------------------------------------------------------------------------------- */

static void print(struct call *call, struct troupe_reader *reader, bool item)
{
    struct value_room room = {0};
    struct value value;
    bool json = call->run.session->options->json;
    value_read(reader, &call->method->results, &room, &value);
    if (reader->error == 0) {
        if (json) {
            value_print_json(stdout, &value);
            printf("\n");
        } else if (item) {
            value_print_line(stdout, &value);
            printf("\n");
        } else {
            value_print_block(stdout, &value, 0);
        }
        tc_flush(&call->run);
    }
    value_room_free(&room);
}

static void on_item(struct troupe_actor *self, troupe_any_fn *on_done, void *user,
                    const struct troupe_error *error, struct troupe_reader *reader)
{
    struct call *call = user;
    (void)self;
    (void)on_done;
    (void)error;
    if (!call->run.over) {
        print(call, reader, true);
    }
}

static void on_done(struct troupe_actor *self, troupe_any_fn *done, void *user,
                    const struct troupe_error *error, struct troupe_reader *reader)
{
    struct call *call = user;
    struct troupe_error story;
    (void)self;
    (void)done;
    if (call->run.over) { /* it was cut */
        return;
    }
    if (error != NULL) {
        tc_over(&call->run, tc_say_error(call->run.session, call->what, call->idl, error));
        return;
    }
    if ((call->method->method.flags & TROUPE_STREAM) == 0) {
        print(call, reader, false);
        if (troupe_reader_finish(reader, &story) != 0) {
            tc_over(&call->run, tc_say_error(call->run.session, call->what, call->idl, &story));
        }
    }
    tc_over(&call->run, TC_DONE);
}

static void nothing(void)
{
}

static void begin(struct troupe_actor *self, struct tc_run *run)
{
    struct call *call = run->user;
    const struct troupe_method *method = &call->method->method;
    struct troupe_options options = {.deadline_ms = run->session->options->timeout_ms};
    struct troupe_writer writer;
    struct troupe_error error = {0};
    bool oneway = (method->flags & TROUPE_ONEWAY) != 0;
    bool stream = (method->flags & TROUPE_STREAM) != 0;
    troupe_writer_init(&writer);
    value_write(&writer, call->args, &call->method->args);
    if (oneway) {
        error.code = troupe_gen_tell(troupe_runtime(self), call->target->ref, method, &writer);
    } else {
        error.code = troupe_gen_ask_stream(self, call->target->ref, method, &writer,
                                           stream ? on_item : NULL, stream ? nothing : NULL,
                                           on_done, nothing, call, &options);
    }
    if (error.code != 0) {
        if (writer.error != 0 && writer.what != NULL) {
            snprintf(error.text, sizeof error.text, "%s: %s", writer.what,
                     troupe_error_text(writer.error));
        }
        tc_over(run, tc_say_error(run->session, call->what, call->idl, &error));
    } else if (oneway) {
        tc_over(run, TC_DONE);
    }
}

static void warn_of_secrets(struct tc_session *session, const struct idl_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct idl_field *field = &fields->items[i];
        for (size_t k = 2; field->secret && k < session->options->words_count; k++) {
            const char *word = session->options->words[k];
            size_t size = strlen(field->name);
            if (strncmp(word, field->name, size) == 0 && word[size] == '=' &&
                word[size + 1] != '@' && word[size + 1] != '\0') {
                tc_say(session, "%s is on the command line, where others can see it: %s=@FILE",
                       field->name, field->name);
            }
        }
    }
}

static enum tc_status call_target(struct tc_session *session, const struct tc_target *target,
                                  struct value_room *room)
{
    const struct tc_options *options = session->options;
    struct value args;
    struct call call = {.target = target, .args = &args};
    struct value_reading reading = {.room = room, .on_ref = tc_ref, .user = session};
    call.method = find(session, target, options->words[1], &call.idl);
    if (call.method == NULL) {
        return TC_USAGE;
    }
    if (!value_from_words(&reading, &call.method->args, options->words + 2,
                          options->words_count - 2, &args)) {
        value_error_print(stderr, "troupe", &reading.error);
        if (reading.error.source == NULL) {
            fprintf(stderr, "  troupe introspect %s.%s shows what it takes\n", target->name,
                    options->words[1]);
        }
        return TC_USAGE;
    }
    warn_of_secrets(session, &call.method->args);
    snprintf(call.what, sizeof call.what, "%s %s", target->name, call.method->name);
    call.run = (struct tc_run){.session = session, .begin = begin, .user = &call};
    return tc_run(&call.run);
}

enum tc_status tc_verb_call(struct tc_session *session)
{
    struct value_room room = {0};
    struct tc_target target;
    enum tc_status status = tc_open(session);
    if (status == TC_DONE) {
        status = tc_target_find(session, session->options->words[0], &target);
    }
    if (status == TC_DONE) {
        status = call_target(session, &target, &room);
    }
    value_room_free(&room);
    return status;
}

/* A method of the launcher's about one process. No link to that one is opened, which would end with it. */
static enum tc_status call_launcher(struct tc_session *session, const char *method)
{
    char name[TROUPE_NAME_BYTES_MAX + 8];
    const struct tc_options *given = session->options;
    struct tc_options options = *given;
    if ((size_t)snprintf(name, sizeof name, "name=%s", options.words[0]) >= sizeof name) {
        tc_say(session, "a name has at most %d bytes", TROUPE_NAME_BYTES_MAX);
        return TC_USAGE;
    }
    options.words[0] = session->only = "launcher";
    options.words[1] = method;
    options.words[2] = name;
    options.words_count = 3;
    session->options = &options;
    enum tc_status status = tc_verb_call(session);
    session->options = given;
    return status;
}

enum tc_status tc_verb_kill(struct tc_session *session)
{
    return call_launcher(session, "kill");
}

enum tc_status tc_verb_restart(struct tc_session *session)
{
    return call_launcher(session, "restart");
}

enum tc_status tc_verb_idl(struct tc_session *session)
{
    static char *words[TC_WORDS_MAX + 2] = {"troupe-idl"};
    char beside[TC_PATH_BYTES_MAX + 16];
    ssize_t size = readlink("/proc/self/exe", beside, TC_PATH_BYTES_MAX);
    for (size_t i = 0; i < session->options->words_count; i++) {
        words[1 + i] = (char *)session->options->words[i];
    }
    beside[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(beside, '/');
    if (slash != NULL) { /* as it is installed */
        snprintf(slash + 1, sizeof "troupe-idl", "troupe-idl");
        execv(beside, words);
    }
    execvp(words[0], words);
    tc_say(session, "troupe-idl is neither beside troupe nor in PATH: scons install puts it there");
    return TC_FAILED;
}
