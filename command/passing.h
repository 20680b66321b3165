/* passing.h - messages that pass in the processes of a program: as they come from their agents
 * (verb_monitor.c), or from a file (capture.c), filtered and shown.
 *
 * A scene is all that showing them needs: who the processes and their actors are; what the interfaces
 * are is the session's. So a file shows the same as the program did, without it. */
#ifndef TROUPE_COMMAND_PASSING_H
#define TROUPE_COMMAND_PASSING_H

#include "command/command.h"
#include "interfaces/bus.h"

enum {
    TC_ACTORS_MAX = 4096, /* known by name, of one process */
    TC_FILTERS_MAX = 16,
};
struct tc_actor {
    uint64_t id;
    char name[TROUPE_NAME_BYTES_MAX + 1];
    char role[TROUPE_NAME_BYTES_MAX + 1]; /* "": none */
};
struct tc_process {
    char name[TROUPE_NAME_BYTES_MAX + 1];
    uint64_t pid;
    const struct tl_visit_role *role; /* of a program that runs: by which its agent is found */
    struct tc_actor *actors;
    size_t actors_count;
};
struct tc_scene {
    struct tc_session *session;
    char program[TROUPE_NAME_BYTES_MAX + 1];
    char version[TL_VISIT_VERSION_BYTES_MAX + 1];
    uint64_t wall_ns;  /* since 1970, ... */
    uint64_t clock_ns; /* ... when CLOCK_MONOTONIC said this */
    struct tc_process processes[TROUPE_ROLES_MAX];
    size_t processes_count;
};
/* A message that passed, or that so many are missing. Contents and names lie in it. */
struct tc_passed {
    size_t process;
    uint64_t missed; /* 0: `passed` is one that passed */
    uint64_t order;  /* of coming */
    struct bus_passed passed;
    char data[];
};

/* ---- scene.c --------------------------------------------------------------------------------- */

/* Of the program that the session is attached to. */
enum tc_status tc_scene_look(struct tc_scene *scene, struct tc_session *session);
void tc_scene_free(struct tc_scene *scene);
/* False: there are more than may be, or no memory. */
bool tc_scene_actor(struct tc_scene *scene, size_t process, uint64_t id, struct troupe_text name,
                    struct troupe_text role);
/* A copy [owned, free()]; NULL: no memory. */
struct tc_passed *tc_passed_copy(size_t process, const struct bus_passed *passed, uint64_t missed);

/* ROLE, INTERFACE, ROLE.MEMBER, INTERFACE.MEMBER or MEMBER each; a message is shown that any of them is
 * about. */
struct tc_filter {
    bool has_process;
    size_t process;
    const struct idl *idl; /* NULL: any */
    const char *member;    /* NULL: any; else [borrowed] of the word */
};
struct tc_filters {
    struct tc_filter items[TC_FILTERS_MAX];
    size_t count; /* 0: all is shown */
};
/* TC_USAGE, TC_NOBODY: said what is wrong. */
enum tc_status tc_filters_read(const struct tc_scene *scene, const char *const *words, size_t count,
                               struct tc_filters *ret_filters);
bool tc_filters_take(const struct tc_filters *filters, const struct tc_scene *scene, size_t process,
                     const struct bus_passed *passed);
/* Something of that process may be shown. */
bool tc_filters_need(const struct tc_filters *filters, size_t process);

/* ---- passing_show.c -------------------------------------------------------------------------- */

/* NULL: the interface is not known. */
const struct idl *tc_passed_idl(const struct tc_scene *scene, const struct bus_passed *passed);
/* Of its method or event; NULL: not known. */
const char *tc_passed_member(const struct idl *idl, const struct bus_passed *passed);
void tc_passed_print(FILE *to, const struct tc_scene *scene, const struct tc_passed *one,
                     bool json);

/* ---- capture.c ------------------------------------------------------------------------------- */

/* A capture: the file of a scene. All return false after a failure, which is said. */
struct tc_capture {
    struct tc_session *session;
    const char *path;
    FILE *file;
    uint8_t *bytes; /* read and not yet understood */
    size_t from;
    size_t to;
    uint64_t offset; /* of `from` in the file */
};
bool tc_capture_create(struct tc_capture *capture, const struct tc_scene *scene, const char *path);
bool tc_capture_write(struct tc_capture *capture, const struct tc_passed *one);
/* The last record: so a file that was cut is known. Closes it. */
bool tc_capture_end(struct tc_capture *capture, uint64_t shown, uint64_t missed);

/* Reads all of a file: `on_passed` for each message, in order, once the scene is known. TC_DONE, TC_FAILED
 * (said), or what on_passed returned, which ends it. */
typedef enum tc_status tc_capture_fn(void *user, const struct tc_passed *one);
enum tc_status tc_capture_read(const char *path, struct tc_scene *scene, struct tc_session *session,
                               enum tc_status (*on_scene)(void *user), tc_capture_fn *on_passed,
                               void *user);

#endif
