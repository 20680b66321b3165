/* composition.c - which role lives in which process, and who uses whom.
 *
 * --split gives each role of a list a process and leaves the others with the front role. A
 * composition file says it process by process:
 *
 *     [process chain]
 *     roles = node, wallet
 *     sandbox = off
 *     [process screen]
 *     roles = ui
 *     [role ui]
 *     uses = wallet
 *
 * and what becomes of a process that dies: policy.c.
 * The process that has the front role is the launcher's own and has no sandbox; others have one if
 * their roles declare it, unless the file says off. On asks for it: refused if it can't be. `uses`
 * can only narrow what the program declares: an actor looks up no role that it was not written to
 * use. Start order is by role, used ones first; that two *processes* use each other is no harm, one
 * link carries both. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "launcher/launch.h"
#include "launcher/sandbox.h"

uint64_t tl_roles_all(const struct troupe_program *program)
{
    return program->roles_count == 64 ? UINT64_MAX : tl_bit(program->roles_count) - 1;
}

static bool is_asked_for(const struct troupe_program *program, size_t role)
{
    return program->asked_for != NULL && program->asked_for[role] != NULL;
}

size_t tl_role_find(const struct troupe_program *program, const char *name, size_t size)
{
    size_t i = 0;
    while (i < program->roles_count && (strlen(program->roles[i].name) != size ||
                                        memcmp(program->roles[i].name, name, size) != 0)) {
        i++;
    }
    return i;
}

/* What the program declares. */
static uint64_t declared_uses(const struct troupe_program *program, size_t role)
{
    uint64_t uses = 0;
    const char *const *name = program->roles[role].uses;
    for (; name != NULL && *name != NULL; name++) {
        size_t used = tl_role_find(program, *name, strlen(*name));
        uses |= used < program->roles_count ? tl_bit(used) : 0;
    }
    return uses;
}

uint64_t tl_roles_usable(const struct troupe_program *program)
{
    uint64_t roles = tl_roles_all(program);
    for (size_t i = 0; i < program->roles_count; i++) {
        if (is_asked_for(program, i) || strcmp(program->roles[i].name, program->front) == 0) {
            roles &= ~tl_bit(i);
        }
    }
    size_t front = tl_role_find(program, program->front, strlen(program->front));
    size_t service = tl_service_role(program);
    return roles & ~(declared_uses(program, front) & tl_bit(service) ? 0 : tl_bit(service));
}

size_t tl_place_of(const struct tl_composition *composition, size_t role)
{
    size_t place = 0;
    while (place < composition->places_count &&
           (composition->places[place].roles & tl_bit(role)) == 0) {
        place++;
    }
    return place;
}

uint64_t tl_place_uses(const struct tl_composition *composition, size_t place)
{
    uint64_t uses = place == 0 ? composition->command_uses : 0;
    for (size_t role = 0; role < TROUPE_ROLES_MAX; role++) {
        if (composition->places[place].roles & tl_bit(role)) {
            uses |= composition->uses[role];
        }
    }
    return uses;
}

static const char *role_name(const void *names, size_t i)
{
    const struct troupe_program *program = names;
    return program->roles[i].name;
}

/* True if `from` uses `to`, be it through others. */
static bool reaches(const uint64_t *uses, size_t roles_count, size_t from, size_t to)
{
    uint64_t reached = uses[from];
    uint64_t before = 0;
    while (reached != before) {
        before = reached;
        for (size_t i = 0; i < roles_count; i++) {
            reached |= (before & tl_bit(i)) != 0 ? uses[i] : 0;
        }
    }
    return (reached & tl_bit(to)) != 0;
}

/* Used ones first, otherwise as declared. False: a cycle. */
static bool find_order(const struct troupe_program *program, struct tl_composition *composition)
{
    uint64_t placed = 0;
    for (size_t at = 0; at < program->roles_count; at++) {
        size_t role = 0;
        while (role < program->roles_count &&
               ((placed & tl_bit(role)) != 0 || (composition->uses[role] & ~placed) != 0)) {
            role++;
        }
        if (role == program->roles_count) {
            for (role = 0; placed & tl_bit(role) ||
                           !reaches(composition->uses, program->roles_count, role, role);) {
                role++;
            }
            tl_say(program,
                   "role \"%s\" uses itself, through those that it uses: none of them could start "
                   "first",
                   program->roles[role].name);
            return false;
        }
        composition->order[at] = role;
        placed |= tl_bit(role);
    }
    return true;
}

/* ---- --split --------------------------------------------------------------------------------- */

static bool split_role(const struct troupe_program *program, const char *word, size_t size,
                       struct tl_composition *composition)
{
    size_t role = tl_role_find(program, word, size);
    if (role == program->roles_count) {
        char text[TROUPE_NAME_BYTES_MAX];
        snprintf(text, sizeof text, "%.*s", (int)size, word);
        const char *nearest = tl_nearest(text, program->roles_count, role_name, program);
        tl_say(program, "--split: there is no role \"%s\"%s%s%s", text,
               nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
               nearest != NULL ? "?" : "");
        return false;
    }
    if ((composition->places[0].roles & tl_bit(role)) == 0) {
        tl_say(program, "--split: role \"%s\" is named twice", program->roles[role].name);
        return false;
    }
    if (strcmp(program->roles[role].name, program->front) == 0 ||
        role == tl_service_role(program)) {
        return true; /* it has the launcher's process */
    }
    struct tl_place *place = &composition->places[composition->places_count++];
    snprintf(place->name, sizeof place->name, "%s", program->roles[role].name);
    place->roles = tl_bit(role);
    composition->places[0].roles &= ~tl_bit(role);
    return true;
}

static bool make_split(const struct troupe_program *program, const char *split,
                       struct tl_composition *composition)
{
    composition->places_count = 1;
    composition->places[0].roles = tl_roles_all(program);
    snprintf(composition->places[0].name, sizeof composition->places[0].name, "%s", program->front);
    if (strcmp(split, "none") == 0) {
        return true;
    }
    if (strcmp(split, "all") == 0) {
        for (size_t i = 0; i < program->roles_count; i++) {
            const char *name = program->roles[i].name;
            if (!split_role(program, name, strlen(name), composition)) {
                return false;
            }
        }
        return true;
    }
    for (const char *word = split;; word++) {
        size_t size = strcspn(word, ",");
        if (!split_role(program, word, size, composition)) {
            return false;
        }
        word += size;
        if (*word == '\0') {
            return true;
        }
    }
}

/* ---- --compose ------------------------------------------------------------------------------- */

struct file {
    const struct troupe_program *program;
    const char *path;
    FILE *stream;
    unsigned line;
    bool failed;
    struct tl_composition *composition;
    unsigned role_lines[TROUPE_ROLES_MAX]; /* where a role was put into a process; 0: nowhere */
    bool narrowed[TROUPE_ROLES_MAX];
};

/* Only the first is said. False. */
static bool wrong(struct file *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct file *file, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!file->failed) {
        tl_say(file->program, "%s:%u: %s", file->path, file->line, text);
    }
    file->failed = true;
    return false;
}

static bool find_role(struct file *file, const char *name, size_t *ret_role)
{
    const struct troupe_program *program = file->program;
    size_t role = tl_role_find(program, name, strlen(name));
    if (role == program->roles_count) {
        const char *nearest = tl_nearest(name, program->roles_count, role_name, program);
        return wrong(file, "there is no role \"%s\"%s%s%s", name,
                     nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "");
    }
    *ret_role = role;
    return true;
}

static bool put_role(struct file *file, struct tl_place *place, const char *name)
{
    size_t role;
    if (!find_role(file, name, &role)) {
        return false;
    }
    if (role == tl_service_role(file->program)) {
        return wrong(file, "role \"%s\" is in the launcher's process always: leave it out", name);
    }
    if (file->role_lines[role] != 0) {
        size_t other = tl_place_of(file->composition, role);
        return wrong(file, "role \"%s\" is in process \"%s\" already, by line %u", name,
                     file->composition->places[other].name, file->role_lines[role]);
    }
    file->role_lines[role] = file->line;
    place->roles |= tl_bit(role);
    return true;
}

static bool add_use(struct file *file, size_t role, const char *name)
{
    const struct troupe_program *program = file->program;
    uint64_t declared[TROUPE_ROLES_MAX] = {0};
    const char *own = program->roles[role].name;
    size_t used;
    if (!find_role(file, name, &used)) {
        return false;
    }
    for (size_t i = 0; i < program->roles_count; i++) {
        declared[i] = declared_uses(program, i);
    }
    if ((declared[role] & tl_bit(used)) == 0) {
        if (role == used || reaches(declared, program->roles_count, used, role)) {
            return wrong(file,
                         "role \"%s\" can't use \"%s\", which uses \"%s\": a cycle, none of them "
                         "could start first",
                         own, name, own);
        }
        return wrong(file, "role \"%s\" is not written to use \"%s\": uses can only name fewer",
                     own, name);
    }
    file->composition->uses[role] |= tl_bit(used);
    return true;
}

static struct tl_place *find_place(struct file *file, const char *name)
{
    struct tl_composition *composition = file->composition;
    if (name[0] == '\0' || strlen(name) >= TROUPE_NAME_BYTES_MAX || strpbrk(name, " \t") != NULL) {
        wrong(file, "a process needs a name of one word and at most %d bytes",
              TROUPE_NAME_BYTES_MAX - 1);
        return NULL;
    }
    for (size_t i = 0; i < composition->places_count; i++) {
        if (strcmp(composition->places[i].name, name) == 0) {
            return &composition->places[i];
        }
    }
    if (composition->places_count == TL_PLACES_MAX) {
        wrong(file, "more than %d processes", TL_PLACES_MAX);
        return NULL;
    }
    struct tl_place *place = &composition->places[composition->places_count++];
    snprintf(place->name, sizeof place->name, "%s", name);
    return place;
}

/* "process chain" is of kind "process": returns "chain". */
static const char *section_of(const char *section, const char *kind)
{
    size_t size = strlen(kind);
    if (strncmp(section, kind, size) != 0 || !isspace((unsigned char)section[size])) {
        return NULL;
    }
    return section + size + strspn(section + size, " \t");
}

static bool set_sandbox(struct file *file, const char *process, const char *value)
{
    struct tl_place *place = find_place(file, process);
    if (place == NULL) {
        return false;
    }
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
        return wrong(file, "sandbox is on or off, not \"%s\"", value);
    }
    place->sandbox = strcmp(value, "on") == 0 ? TL_SANDBOX_ON : TL_SANDBOX_OFF;
    return true;
}

static bool set_policy(struct file *file, const char *process, const char *name, const char *value)
{
    const char *form;
    struct tl_place *place = find_place(file, process);
    if (place == NULL || tl_policy_set(&place->policy, name, value, &form)) {
        return place != NULL;
    }
    if (form == NULL) {
        return wrong(
            file,
            "[process %s] has \"roles\", \"sandbox\", \"restart\", \"intensity\", \"backoff\" "
            "and \"watchdog\", not \"%s\"",
            process, name);
    }
    return wrong(file, "\"%s\" is %s, not \"%s\"", name, form, value);
}

/* Called by inih for each line of the form NAME = VALUE. */
static int on_entry(void *user, const char *section, const char *name, const char *value)
{
    struct file *file = user;
    char words[512];
    char *rest = words;
    const char *process = section_of(section, "process");
    const char *role_section = section_of(section, "role");
    struct tl_place *place = NULL;
    size_t role = 0;
    if (process != NULL && strcmp(name, "sandbox") == 0) {
        return set_sandbox(file, process, value);
    }
    if (process != NULL && strcmp(name, "roles") != 0) {
        return set_policy(file, process, name, value);
    }
    if (process != NULL) {
        place = find_place(file, process);
        if (place == NULL) {
            return 0;
        }
    } else if (role_section != NULL && strcmp(name, "uses") == 0) {
        if (!find_role(file, role_section, &role)) {
            return 0;
        }
        if (!file->narrowed[role]) {
            file->narrowed[role] = true;
            file->composition->uses[role] = 0;
        }
    } else if (process == NULL && role_section == NULL) {
        return wrong(file, "section [%s] is neither [process NAME] nor [role NAME]", section);
    } else {
        return wrong(file, "[%s] has \"uses\" only, not \"%s\"", section, name);
    }
    snprintf(words, sizeof words, "%s", value);
    for (char *word; (word = strsep(&rest, ", \t")) != NULL;) {
        if (word[0] != '\0' &&
            !(place != NULL ? put_role(file, place, word) : add_use(file, role, word))) {
            return 0;
        }
    }
    return 1;
}

/* Called by inih for each line; counts them, because its handler is not told the number. */
static char *read_line(char *to, int size, void *user)
{
    struct file *file = user;
    if (fgets(to, size, file->stream) == NULL || file->failed) {
        return NULL;
    }
    file->line++;
    if (strchr(to, '\n') == NULL && !feof(file->stream)) {
        wrong(file, "this line is longer than %d bytes", size - 2);
        return NULL;
    }
    return to;
}

/* What is to have a sandbox can have one. */
static bool check_sandboxes(struct file *file)
{
    const struct troupe_program *program = file->program;
    for (size_t i = 0; i < file->composition->places_count; i++) {
        const struct tl_place *place = &file->composition->places[i];
        size_t role = tl_sandbox_lacks(program, place->roles);
        if (place->sandbox != TL_SANDBOX_ON) {
            continue;
        }
        if (i == 0) {
            return wrong(file,
                         "process \"%s\" has role \"%s\", which starts the others: no sandbox",
                         place->name, program->front);
        }
        if (role < program->roles_count) {
            return wrong(file, "process \"%s\" has role \"%s\", which declares no sandbox",
                         place->name, program->roles[role].name);
        }
    }
    return true;
}

/* The process that has the front role becomes place 0. */
static bool finish_file(struct file *file)
{
    struct tl_composition *composition = file->composition;
    const struct troupe_program *program = file->program;
    for (size_t i = 0; i < program->roles_count; i++) {
        if (file->role_lines[i] == 0 && !is_asked_for(program, i) &&
            i != tl_service_role(program)) {
            return wrong(file, "the file ends, and role \"%s\" is in no process",
                         program->roles[i].name);
        }
    }
    for (size_t i = 0; i < composition->places_count; i++) {
        if (composition->places[i].roles == 0) {
            return wrong(file, "the file ends, and process \"%s\" has no role",
                         composition->places[i].name);
        }
    }
    size_t front = tl_role_find(program, program->front, strlen(program->front));
    size_t own = tl_place_of(composition, front);
    struct tl_place place = composition->places[own];
    composition->places[own] = composition->places[0];
    composition->places[0] = place;
    composition->places[0].roles |= tl_bit(tl_service_role(program));
    return check_sandboxes(file);
}

static bool make_from_file(const struct troupe_program *program, const char *path,
                           struct tl_composition *composition)
{
    struct file file = {.program = program, .path = path, .composition = composition};
    file.stream = fopen(path, "re");
    if (file.stream == NULL) {
        tl_say(program, "%s: %s", path, strerror(errno));
        return false;
    }
    int error = ini_parse_stream(read_line, &file, on_entry, &file);
    if (ferror(file.stream)) {
        wrong(&file, "it can't be read: %s", strerror(errno));
    }
    fclose(file.stream);
    if (error > 0 && !file.failed) {
        file.line = (unsigned)error;
        wrong(&file, "this is neither [SECTION] nor NAME = VALUE");
    } else if (error < 0 && !file.failed) {
        wrong(&file, "out of memory");
    }
    return !file.failed && finish_file(&file);
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Takes a role out of the process that it was put into, and that out, too, if it has no other. */
static void take_out(struct tl_composition *composition, size_t role)
{
    size_t place = tl_place_of(composition, role);
    if (place == composition->places_count) {
        return;
    }
    composition->places[place].roles &= ~tl_bit(role);
    if (composition->places[place].roles == 0) {
        composition->places_count--;
        memmove(&composition->places[place], &composition->places[place + 1],
                (composition->places_count - place) * sizeof composition->places[0]);
    }
}

/* A process of its own, called as the role. False: another one is, and it was said. */
static bool set_apart(const struct troupe_program *program, size_t role,
                      struct tl_composition *composition)
{
    const char *name = program->roles[role].name;
    take_out(composition, role);
    for (size_t i = 0; i < composition->places_count; i++) {
        if (strcmp(composition->places[i].name, name) == 0) {
            tl_say(program, "process \"%s\" needs another name: role \"%s\" has one of its own",
                   name, name);
            return false;
        }
    }
    struct tl_place *place = &composition->places[composition->places_count++];
    *place = (struct tl_place){.roles = tl_bit(role)};
    snprintf(place->name, sizeof place->name, "%s", name);
    return true;
}

/* What the program has only when it is asked for: a process of its own then, else nothing. */
static bool settle_asked_for(const struct troupe_program *program,
                             const struct tl_command_line *line, struct tl_composition *composition)
{
    bool good = true;
    for (size_t role = 0; role < program->roles_count && good; role++) {
        size_t place = tl_place_of(composition, role);
        if (!is_asked_for(program, role)) {
            continue;
        }
        if (line->command != NULL ||
            troupe_argument(&line->arguments, program->asked_for[role]) == NULL) {
            take_out(composition, role);
            composition->uses[role] = 0;
        } else if (place == composition->places_count ||
                   composition->places[place].roles != tl_bit(role)) {
            good = set_apart(program, role, composition);
        }
    }
    return good;
}

bool tl_composition_make(const struct troupe_program *program, const struct tl_command_line *line,
                         struct tl_composition *ret_composition)
{
    const char *split = line->split;
    const char *compose = line->compose;
    *ret_composition = (struct tl_composition){0};
    for (size_t i = 0; i < program->roles_count; i++) {
        ret_composition->uses[i] = declared_uses(program, i);
    }
    split = split != NULL ? split : program->split != NULL ? program->split : "all";
    bool made = compose != NULL ? make_from_file(program, compose, ret_composition)
                                : make_split(program, split, ret_composition);
    return made && settle_asked_for(program, line, ret_composition) &&
           find_order(program, ret_composition) && tl_policies_finish(program, ret_composition);
}

void tl_composition_for_guest(const struct troupe_program *program,
                              struct tl_composition *composition)
{
    composition->places_count = 1;
    composition->places[0].roles = tl_bit(
        tl_role_find(program, program->front, strlen(program->front)));
}

void tl_composition_for_command(const struct troupe_program *program,
                                struct tl_composition *composition)
{
    size_t front = tl_role_find(program, program->front, strlen(program->front));
    composition->places[0].roles &= ~tl_bit(front);
    composition->uses[front] = 0;
    composition->command_uses = tl_roles_usable(program);
}
