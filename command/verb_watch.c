/* verb_watch.c - events, as they come. */
#include <inttypes.h>
#include <string.h>

#include "command/command.h"
#include "launcher/launch.h"

enum { WATCHED_MAX = 64 };
struct watched {
    struct watch *watch;
    struct troupe_ref source;
    const struct idl_event *event;
    char name[400]; /* "node.tip_changed" */
};
struct watch {
    struct tc_run run;
    struct watched events[WATCHED_MAX];
    size_t count;
    uint64_t seen;
};

/* ---- what comes ------------------------------------------------------------------------------ */

static void print_lost(const struct watched *watched, const struct troupe_event_info *info,
                       bool json)
{
    if (json) {
        printf("{\"event\": \"%s\", \"lost_from\": %" PRIu64 ", \"lost_to\": %" PRIu64 "}\n",
               watched->name, info->lost_from, info->lost_to);
    } else if (info->lost_to == 0) {
        printf("%s LOST: the publisher is a new one\n", watched->name);
    } else {
        printf("%s LOST %" PRIu64 " to %" PRIu64 "\n", watched->name, info->lost_from,
               info->lost_to);
    }
}

static void on_event(struct troupe_actor *self, troupe_any_fn *callback, void *user,
                     struct troupe_reader *reader, const struct troupe_event_info *info)
{
    struct watched *watched = user;
    struct watch *watch = watched->watch;
    const struct tc_options *options = watch->run.session->options;
    struct value_room room = {0};
    struct value value;
    (void)self;
    (void)callback;
    if (reader == NULL || watch->run.over) {
        if (!watch->run.over) {
            print_lost(watched, info, options->json);
            tc_flush(&watch->run);
        }
        return;
    }
    value_read(reader, &watched->event->fields, &room, &value);
    if (reader->error == 0) {
        if (options->json) {
            printf("{\"event\": \"%s\", \"epoch\": %" PRIu64 ", \"sequence\": %" PRIu64
                   ", \"fields\": ",
                   watched->name, info->epoch, info->sequence);
            value_print_json(stdout, &value);
            printf("}\n");
        } else {
            printf("%s #%" PRIu64 " ", watched->name, info->sequence);
            value_print_line(stdout, &value);
            printf("\n");
        }
        tc_flush(&watch->run);
        if (++watch->seen == options->count) {
            tc_over(&watch->run, TC_DONE);
        }
    }
    value_room_free(&room);
}

static void nothing(void)
{
}

static void begin(struct troupe_actor *self, struct tc_run *run)
{
    struct watch *watch = run->user;
    for (size_t i = 0; i < watch->count && !run->over; i++) {
        struct watched *one = &watch->events[i];
        struct troupe_error error = {.code = troupe_gen_subscribe(self, one->source,
                                                                  &one->event->event, on_event,
                                                                  nothing, one, NULL)};
        if (error.code != 0) {
            tc_over(run, tc_say_error(run->session, one->name, NULL, &error));
        }
    }
}

/* ---- what is meant --------------------------------------------------------------------------- */

static const char *event_name(const void *names, size_t i)
{
    const struct idl *idl = names;
    return idl->events[i].name;
}

/* The event that was probably meant. */
static const char *near(const struct idl *const *idls, size_t count, const char *name)
{
    const char *nearest = NULL;
    for (size_t i = 0; i < count && nearest == NULL; i++) {
        nearest = tl_nearest(name, idls[i]->events_count, event_name, idls[i]);
    }
    return nearest;
}

/* One event of a target, or all of them. False: there is none of that name. */
static bool add(struct watch *watch, const struct tc_target *target, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < target->idls_count; i++) {
        for (size_t k = 0; k < target->idls[i]->events_count; k++) {
            const struct idl_event *event = &target->idls[i]->events[k];
            if ((name != NULL && strcmp(event->name, name) != 0) || watch->count == WATCHED_MAX) {
                continue;
            }
            struct watched *one = &watch->events[watch->count++];
            *one = (struct watched){.watch = watch, .source = target->ref, .event = event};
            snprintf(one->name, sizeof one->name, "%s.%s", target->name, event->name);
            found = true;
        }
    }
    return found;
}

/* An event of whichever roles have one of that name. */
static enum tc_status add_anywhere(struct watch *watch, const char *name)
{
    struct tc_session *session = watch->run.session;
    bool found = false;
    for (size_t i = 0; i < session->roles.count; i++) {
        struct tc_target target;
        if (!session->roles.roles[i].ready) {
            continue;
        }
        enum tc_status status = tc_target_find(session, session->roles.roles[i].name, &target);
        if (status != TC_DONE) {
            return status;
        }
        found = add(watch, &target, name) || found;
    }
    if (!found) {
        const char *nearest = near((const struct idl *const *)session->models,
                                   session->models_count, name);
        tc_say(session, "no role has an event \"%s\"%s%s%s", name,
               nearest != NULL ? "; did you mean " : ": troupe introspect ROLE shows them",
               nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    }
    return found ? TC_DONE : TC_USAGE;
}

static enum tc_status add_word(struct watch *watch, const char *word)
{
    struct tc_session *session = watch->run.session;
    char role[256];
    const char *dot = strrchr(word, '.');
    struct tc_target target;
    bool is_role = strchr(word, '/') != NULL || tc_role(session, word, strlen(word)) != NULL;
    if (dot == NULL && !is_role) {
        return add_anywhere(watch, word);
    }
    snprintf(role, sizeof role, "%.*s", dot != NULL ? (int)(dot - word) : (int)strlen(word), word);
    enum tc_status status = tc_target_find(session, role, &target);
    if (status == TC_DONE && !add(watch, &target, dot != NULL ? dot + 1 : NULL)) {
        const char *nearest = dot != NULL ? near(target.idls, target.idls_count, dot + 1) : NULL;
        if (nearest != NULL) {
            tc_say(session, "%s has no event \"%s\"; did you mean %s?", role, dot + 1, nearest);
        } else {
            tc_say(session, "%s has no event%s%s: troupe introspect %s shows them", role,
                   dot != NULL ? " " : "s", dot != NULL ? dot + 1 : "", role);
        }
        status = TC_USAGE;
    }
    return status;
}

/* One event of one role: what becomes of the other processes does not concern it. */
static void visit_only(struct tc_session *session, char role[TROUPE_NAME_BYTES_MAX + 1])
{
    const char *word = session->options->words[0];
    size_t size = strcspn(word, "./");
    if (session->options->words_count == 1 && word[size] != '\0' && size <= TROUPE_NAME_BYTES_MAX) {
        snprintf(role, TROUPE_NAME_BYTES_MAX + 1, "%.*s", (int)size, word);
        session->only = role;
    }
}

enum tc_status tc_verb_watch(struct tc_session *session)
{
    static struct watch watch; /* large */
    static char role[TROUPE_NAME_BYTES_MAX + 1];
    visit_only(session, role);
    enum tc_status status = tc_open(session);
    watch.run = (struct tc_run){
        .session = session, .begin = begin, .until_cut = true, .user = &watch};
    for (size_t i = 0; i < session->options->words_count && status == TC_DONE; i++) {
        status = add_word(&watch, session->options->words[i]);
    }
    return status == TC_DONE ? tc_run(&watch.run) : status;
}
