/* verb_look.c - what there is, and what it does: ps, top, tree, list, stats, wait. */
#include <ctype.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command/command.h"

/* ---- processes ------------------------------------------------------------------------------- */

static void roles_of(const struct tc_session *session, const char *process, char *to, size_t size)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; i < session->roles.count && used < size - TROUPE_NAME_BYTES_MAX - 4; i++) {
        const struct tl_visit_role *role = &session->roles.roles[i];
        if (strcmp(role->process, process) == 0) {
            used += (size_t)snprintf(to + used, size - used, "%s%s%s", used > 0 ? "," : "",
                                     role->name, role->ready ? "" : " (starting)");
        }
    }
}

static uint64_t number(const struct value *stats, const char *name)
{
    const struct value *found = stats != NULL ? tc_field(stats, name) : NULL;
    return found != NULL ? found->number : 0;
}

/* How often the process was started again, as the launcher says; 0 where that is not for us. */
static uint64_t restarts_of(const struct value *listed, const char *process)
{
    const struct value *processes = tc_field(listed, "processes");
    for (size_t i = 0; processes != NULL && i < processes->count; i++) {
        const struct value *name = tc_field(&processes->items[i], "name");
        if (name != NULL && name->size == strlen(process) &&
            memcmp(name->data, process, name->size) == 0) {
            return number(&processes->items[i], "restarts");
        }
    }
    return 0;
}

enum tc_status tc_verb_ps(struct tc_session *session)
{
    static const struct tc_column columns[] = {
        {"PROCESS", false},     {"PID", true},     {"ROLES", false},  {"RESTARTS", true},
        {"ACTORS", true},       {"WAITING", true}, {"HANDLED", true}, {"ASKS OPEN", true},
        {"DEAD LETTERS", true}, {"LINKS", true}};
    struct tc_table table = {.columns = columns,
                             .columns_count = sizeof columns / sizeof columns[0]};
    struct value listed;
    enum tc_status status = tc_open(session);
    status = status == TC_DONE ? tc_ask_launcher(session, "list_processes", &listed) : status;
    const struct tl_visit_role *role;
    for (size_t at = 0; status == TC_DONE && (role = tc_next_process(session, &at)) != NULL;) {
        static const char *const names[] = {"actors",    "messages_waiting", "messages_handled",
                                            "asks_open", "dead_letters",     "links"};
        struct value results;
        char roles[512];
        status = tc_ask_agent(session, role, "get_stats", &results);
        if (status != TC_DONE) {
            break;
        }
        roles_of(session, role->process, roles, sizeof roles);
        tc_table_add(&table, "%s", role->process);
        tc_table_add(&table, "%llu", (unsigned long long)role->pid);
        tc_table_add(&table, "%s", roles);
        tc_table_add(&table, "%llu", (unsigned long long)restarts_of(&listed, role->process));
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            tc_table_add(&table, "%llu",
                         (unsigned long long)number(tc_field(&results, "stats"), names[i]));
        }
    }
    if (status == TC_DONE) {
        tc_table_print(&table, session->options->json);
    }
    tc_table_free(&table);
    return status;
}

/* ---- top ------------------------------------------------------------------------------------- */

struct counted {
    uint64_t handled;
    uint64_t frames;
    uint64_t bytes;
    uint64_t at_ms;
};

static enum tc_status top_row(struct tc_session *session, const struct tl_visit_role *role,
                              struct counted *before, struct tc_table *table)
{
    struct value results;
    enum tc_status status = tc_ask_agent(session, role, "get_stats", &results);
    const struct value *stats = status == TC_DONE ? tc_field(&results, "stats") : NULL;
    if (stats == NULL) {
        return status;
    }
    struct counted now = {.handled = number(stats, "messages_handled"),
                          .frames = number(stats, "frames_in") + number(stats, "frames_out"),
                          .bytes = number(stats, "bytes_in") + number(stats, "bytes_out"),
                          .at_ms = troupe_now_ms()};
    double seconds = before->at_ms != 0 ? (double)(now.at_ms - before->at_ms) / 1e3 : 0;
    double per = seconds > 0 ? 1 / seconds : 0;
    tc_table_add(table, "%s", role->process);
    tc_table_add(table, "%llu", (unsigned long long)number(stats, "actors"));
    tc_table_add(table, "%llu", (unsigned long long)number(stats, "messages_waiting"));
    tc_table_add(table, "%llu", (unsigned long long)number(stats, "asks_open"));
    tc_table_add(table, "%.0f", (double)(now.handled - before->handled) * per);
    tc_table_add(table, "%.0f", (double)(now.frames - before->frames) * per);
    tc_table_add(table, "%.1f", (double)(now.bytes - before->bytes) * per / 1024);
    *before = now;
    return TC_DONE;
}

enum tc_status tc_verb_top(struct tc_session *session)
{
    static const struct tc_column columns[] = {
        {"PROCESS", false},  {"ACTORS", true},   {"WAITING", true}, {"ASKS OPEN", true},
        {"HANDLED/S", true}, {"FRAMES/S", true}, {"KIB/S", true}};
    static struct counted before[TROUPE_ROLES_MAX];
    bool clear = isatty(STDOUT_FILENO) && !session->options->json;
    enum tc_status status = tc_open(session);
    for (uint64_t shown = 0; status == TC_DONE;) {
        struct tc_table table = {.columns = columns, .columns_count = 7};
        const struct tl_visit_role *role;
        for (size_t at = 0; status == TC_DONE && (role = tc_next_process(session, &at)) != NULL;) {
            status = top_row(session, role, &before[at - 1], &table);
        }
        if (status == TC_DONE) {
            printf("%s", clear ? "\033[H\033[J" : "");
            tc_table_print(&table, session->options->json);
        }
        tc_table_free(&table);
        value_room_free(&session->room);
        if (++shown == session->options->count || fflush(stdout) != 0) {
            break;
        }
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return status;
}

/* ---- tree ------------------------------------------------------------------------------------ */

struct branch {
    bool json;
    bool last_process;
    size_t shown;
    size_t left; /* actors that are still to come */
    bool counting;
};

static void print_text(const struct value *text, const char *otherwise)
{
    char word[TROUPE_NAME_BYTES_MAX + 1];
    bool there = text != NULL && text->kind == VALUE_TEXT;
    snprintf(word, sizeof word, "%.*s", there ? (int)text->size : (int)strlen(otherwise),
             there ? text->data : otherwise);
    value_clean(word);
    printf("%s", word);
}

static void show_actor(void *user, const struct value *actor)
{
    struct branch *branch = user;
    const struct value *role = tc_field(actor, "role");
    if (branch->counting) {
        branch->left++;
        return;
    }
    branch->left--;
    if (branch->json) {
        printf("%s", branch->shown++ > 0 ? ", " : "");
        value_print_json(stdout, actor);
        return;
    }
    printf("%s%s", branch->last_process ? "   " : "│  ", branch->left == 0 ? "└─ " : "├─ ");
    print_text(tc_field(actor, "name"), "?");
    printf(" #%llu", (unsigned long long)number(actor, "id"));
    if (role != NULL && role->kind == VALUE_TEXT) {
        printf("  role ");
        print_text(role, "");
    }
    printf("  waiting %llu  handled %llu\n", (unsigned long long)number(actor, "waiting"),
           (unsigned long long)number(actor, "handled"));
}

static enum tc_status show_process(struct tc_session *session, const struct tl_visit_role *role,
                                   bool last)
{
    bool json = session->options->json;
    struct branch branch = {.json = json, .last_process = last, .counting = true};
    enum tc_status status = tc_actors(session, role, show_actor, &branch);
    branch.counting = false;
    if (json) {
        printf("{\"process\": \"%s\", \"pid\": %llu, \"actors\": [", role->process,
               (unsigned long long)role->pid);
    } else {
        printf("%s%s  pid %llu\n", last ? "└─ " : "├─ ", role->process,
               (unsigned long long)role->pid);
    }
    if (status == TC_DONE) {
        status = tc_actors(session, role, show_actor, &branch);
    }
    printf("%s", json ? "]}" : "");
    return status;
}

enum tc_status tc_verb_tree(struct tc_session *session)
{
    enum tc_status status = tc_open(session);
    const struct tl_visit_role *role;
    size_t at = 0;
    size_t shown = 0;
    bool json = session->options->json;
    if (status != TC_DONE) {
        return status;
    }
    printf(json ? "{\"program\": \"%s\", \"version\": \"%s\", \"processes\": [" : "%s %s\n",
           session->roles.program, session->roles.version);
    while (status == TC_DONE && (role = tc_next_process(session, &at)) != NULL) {
        size_t ahead = at;
        printf("%s", json && shown++ > 0 ? ", " : "");
        status = show_process(session, role, tc_next_process(session, &ahead) == NULL);
    }
    printf("%s", json ? "]}\n" : "");
    return status;
}

/* ---- list ------------------------------------------------------------------------------------ */

enum { SENTENCE_MAX = 60 };

/* How long the first sentence is, or of a long one what stands before its first comma or colon. */
static size_t sentence(const char *doc)
{
    size_t line = strcspn(doc, "\n");
    size_t size = strcspn(doc, ".\n");
    if (size > SENTENCE_MAX) {
        size = strcspn(doc, ".,:;\n");
    }
    return size < line ? size : line;
}

enum tc_status tc_verb_list(struct tc_session *session)
{
    static const struct tc_column columns[] = {{"ROLE", false},   {"PROCESS", false},
                                               {"STATE", false},  {"INTERFACE", false},
                                               {"VERSION", true}, {"WHAT IT IS", false}};
    struct tc_table table = {.columns = columns, .columns_count = 6};
    enum tc_status status = tc_open(session);
    for (size_t i = 0; i < session->roles.count && status == TC_DONE; i++) {
        const struct tl_visit_role *role = &session->roles.roles[i];
        struct tc_target target = {.idls_count = 0};
        if (role->ready) {
            status = tc_target_find(session, role->name, &target);
        }
        for (size_t k = 0; k < target.idls_count || k == 0; k++) {
            const struct idl *idl = target.idls_count != 0 ? target.idls[k] : NULL;
            const char *doc = idl != NULL && idl->doc[0] != '\0' ? idl->doc : "-";
            tc_table_add(&table, "%s", role->name);
            tc_table_add(&table, "%s", role->process);
            tc_table_add(&table, "%s", role->ready ? "ready" : "starting");
            tc_table_add(&table, "%s", idl != NULL ? idl->interface.name : "-");
            tc_table_add(&table, idl != NULL ? "%u" : "-",
                         idl != NULL ? idl->interface.version : 0);
            tc_table_add(&table, "%.*s", (int)sentence(doc), doc);
        }
    }
    if (status == TC_DONE) {
        tc_table_print(&table, session->options->json);
    }
    tc_table_free(&table);
    return status;
}

/* ---- stats ----------------------------------------------------------------------------------- */

struct counters {
    size_t count;
    const struct tl_visit_role *roles[TROUPE_ROLES_MAX];
    const struct value *stats[TROUPE_ROLES_MAX];
};

/* Those that go down again. */
static bool is_gauge(const char *name)
{
    return strcmp(name, "actors") == 0 || strcmp(name, "links") == 0 ||
           strcmp(name, "messages_waiting") == 0 || strcmp(name, "asks_open") == 0;
}

static void print_metrics(const struct counters *counters)
{
    for (size_t i = 0; counters->count != 0 && i < counters->stats[0]->count; i++) {
        const struct idl_field *field = &counters->stats[0]->fields->items[i];
        bool gauge = is_gauge(field->name);
        printf("# TYPE troupe_%s %s\n", field->name, gauge ? "gauge" : "counter");
        if (field->doc[0] != '\0') {
            printf("# HELP troupe_%s %.*s\n", field->name, (int)strcspn(field->doc, "\n"),
                   field->doc);
        }
        for (size_t k = 0; k < counters->count; k++) {
            printf("troupe_%s%s{process=\"%s\"} %llu\n", field->name, gauge ? "" : "_total",
                   counters->roles[k]->process,
                   (unsigned long long)number(counters->stats[k], field->name));
        }
    }
    printf("# EOF\n");
}

static void print_counters(const struct counters *counters)
{
    struct tc_column columns[TC_COLUMNS_MAX] = {{"COUNTER", false}};
    size_t shown = counters->count < TC_COLUMNS_MAX - 1 ? counters->count : TC_COLUMNS_MAX - 1;
    struct tc_table table = {.columns = columns, .columns_count = 1 + shown};
    for (size_t k = 0; k < shown; k++) {
        columns[1 + k] = (struct tc_column){.title = counters->roles[k]->process, .number = true};
    }
    for (size_t i = 0; shown != 0 && i < counters->stats[0]->count; i++) {
        const char *name = counters->stats[0]->fields->items[i].name;
        tc_table_add(&table, "%s", name);
        for (size_t k = 0; k < shown; k++) {
            tc_table_add(&table, "%llu", (unsigned long long)number(counters->stats[k], name));
        }
    }
    tc_table_print(&table, false);
    tc_table_free(&table);
}

enum tc_status tc_verb_stats(struct tc_session *session)
{
    struct counters counters = {.count = 0};
    enum tc_status status = tc_open(session);
    const struct tl_visit_role *role;
    for (size_t at = 0; status == TC_DONE && (role = tc_next_process(session, &at)) != NULL;) {
        struct value results;
        status = tc_ask_agent(session, role, "get_stats", &results);
        const struct value *stats = status == TC_DONE ? tc_field(&results, "stats") : NULL;
        if (stats != NULL && stats->kind == VALUE_STRUCT) {
            counters.roles[counters.count] = role;
            counters.stats[counters.count++] = stats;
        }
    }
    if (status != TC_DONE) {
        return status;
    }
    if (session->options->open_metrics) {
        print_metrics(&counters);
    } else if (!session->options->json) {
        print_counters(&counters);
    }
    for (size_t k = 0; k < counters.count && session->options->json; k++) {
        printf("%s\"%s\": ", k == 0 ? "{" : ", ", counters.roles[k]->process);
        value_print_json(stdout, counters.stats[k]);
        printf("%s", k + 1 == counters.count ? "}\n" : "");
    }
    return TC_DONE;
}

/* ---- wait ------------------------------------------------------------------------------------ */

enum { LOOK_AGAIN_MS = 50 };

/* All named roles are ready; NULL, or the one that is not. */
static const char *missing(const struct tc_session *session, bool *ret_unknown)
{
    for (size_t i = 0; i < session->options->words_count; i++) {
        const char *name = session->options->words[i];
        const struct tl_visit_role *role = tc_role(session, name, strlen(name));
        *ret_unknown = role == NULL;
        if (role == NULL || !role->ready) {
            return name;
        }
    }
    return NULL;
}

enum tc_status tc_verb_wait(struct tc_session *session)
{
    uint32_t timeout_ms = session->options->timeout_ms;
    uint64_t due = troupe_now_ms() + (timeout_ms != 0 ? timeout_ms : TC_START_MS);
    for (;;) {
        bool last = troupe_now_ms() >= due;
        bool unknown = false;
        session->silent = !last;
        enum tc_status status = tc_find(session);
        const char *name = status == TC_DONE ? missing(session, &unknown) : NULL;
        session->silent = false;
        if (status == TC_USAGE || (status == TC_DONE && name == NULL)) {
            return status == TC_USAGE ? tc_find(session) : TC_DONE;
        }
        if (unknown) {
            tc_say_no_role(session, name, strlen(name));
            return TC_NOBODY;
        }
        if (last) {
            if (name != NULL) {
                tc_say(session, "%s is not ready yet", name);
            }
            return TC_LATE;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_AGAIN_MS * 1000000L}, NULL);
    }
}
