/* permit.c - --bind-allow: what those may ask for who come through the socket of --bind.
 *
 *   ROLE          all of it
 *   ROLE:read     what only looks, as the program declares it (struct troupe_reads)
 *   ROLE.METHOD   that method, of the role or of those whose refs it hands out
 *
 * with commas between. The launcher checks the words at its start; each process that gets a link of
 * such a client reads them again, and gives them to the link (bus/troupe_host.h). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bus/troupe_gen.h"
#include "launcher/launch.h"

struct reading {
    const struct troupe_program *program;
    struct tl_permits *permits;
};

/* False. */
static bool wrong(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static bool wrong(const struct reading *reading, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reading->permits->why, sizeof reading->permits->why, format, arguments);
    va_end(arguments);
    return false;
}

static bool add(const struct reading *reading, const struct troupe_role *role,
                const struct troupe_interface *interface, const struct troupe_method *method)
{
    struct tl_permits *permits = reading->permits;
    if (permits->count == TL_PERMITS_MAX) {
        return wrong(reading, "more than %d methods", TL_PERMITS_MAX);
    }
    permits->items[permits->count++] = (struct troupe_permit){role->name, interface, method};
    return true;
}

static bool add_all(const struct reading *reading, const struct troupe_role *role)
{
    const struct troupe_interface *interface;
    bool added = true;
    for (size_t n = 0; added && (interface = troupe_host_brings(role->actor, n)) != NULL; n++) {
        added = add(reading, role, interface, NULL);
    }
    return added;
}

/* Names of a role's methods, for tl_nearest. */
static const char *method_at(const void *of, size_t at)
{
    const struct troupe_role *role = of;
    const struct troupe_interface *interface;
    for (size_t n = 0; (interface = troupe_host_brings(role->actor, n)) != NULL; n++) {
        if (at < interface->methods_count) {
            return interface->methods[at].name;
        }
        at -= interface->methods_count;
    }
    return NULL;
}

static bool add_method(const struct reading *reading, const struct troupe_role *role,
                       const char *name)
{
    const struct troupe_interface *interface;
    size_t count = 0;
    bool found = false;
    for (size_t n = 0; (interface = troupe_host_brings(role->actor, n)) != NULL; n++) {
        for (size_t m = 0; m < interface->methods_count; m++, count++) {
            if (strcmp(interface->methods[m].name, name) != 0) {
                continue;
            }
            found = true;
            if (!add(reading, role, interface, &interface->methods[m])) {
                return false;
            }
        }
    }
    const char *nearest = found ? NULL : tl_nearest(name, count, method_at, role);
    return found || wrong(reading, "role \"%s\" has no method \"%s\"%s%s%s", role->name, name,
                          nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                          nearest != NULL ? "?" : "");
}

static bool add_reads(const struct reading *reading, const struct troupe_role *role)
{
    const struct troupe_program *program = reading->program;
    for (size_t i = 0; i < program->reads_count; i++) {
        const char *const *method = program->reads[i].methods;
        if (strcmp(program->reads[i].role, role->name) != 0) {
            continue;
        }
        while (*method != NULL) {
            if (!add_method(reading, role, *method++)) {
                return false;
            }
        }
        return true;
    }
    return wrong(reading, "role \"%s\" has nothing that only looks: name its methods", role->name);
}

static const char *role_at(const void *of, size_t at)
{
    const struct troupe_program *program = of;
    return program->roles[at].name;
}

/* One of the words: it may be written to. */
static bool add_word(const struct reading *reading, char *word)
{
    const struct troupe_program *program = reading->program;
    size_t size = strcspn(word, ":.");
    char mark = word[size];
    const char *rest = mark != '\0' ? word + size + 1 : "";
    size_t i = tl_role_find(program, word, size);
    word[size] = '\0';
    if (i == program->roles_count) {
        const char *nearest = tl_nearest(word, program->roles_count, role_at, program);
        return wrong(reading, "there is no role \"%s\"%s%s%s", word,
                     nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "");
    }
    reading->permits->roles |= tl_bit(i);
    if (mark == '.') {
        return add_method(reading, &program->roles[i], rest);
    }
    if (mark == '\0') {
        return add_all(reading, &program->roles[i]);
    }
    return strcmp(rest, "read") == 0
               ? add_reads(reading, &program->roles[i])
               : wrong(reading, "\"%s:%s\": it is ROLE, ROLE:read or ROLE.METHOD", word, rest);
}

bool tl_permits_read(const struct troupe_program *program, const char *text, size_t size,
                     struct tl_permits *ret_permits)
{
    struct reading reading = {.program = program, .permits = ret_permits};
    ret_permits->count = 0;
    ret_permits->roles = 0;
    for (size_t at = 0; at <= size;) {
        char word[2 * TROUPE_NAME_BYTES_MAX + 2];
        const char *comma = memchr(text + at, ',', size - at);
        size_t length = comma != NULL ? (size_t)(comma - text) - at : size - at;
        if (length >= sizeof word) {
            return wrong(&reading, "\"%.*s\": no such name is so long", (int)length, text + at);
        }
        snprintf(word, sizeof word, "%.*s", (int)length, text + at);
        if (!add_word(&reading, word)) {
            return false;
        }
        at += length + 1;
    }
    return true;
}
