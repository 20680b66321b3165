/* find.c - which running program is meant: the one that --attach or TROUPE_ATTACH names, else the only
 * one that runs in a usual place, which is a folder or two below where data of programs lies. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "command/command.h"

enum { FOUND_MAX = 32 };
static const char prefix[] = "unix:";

static enum tc_status visit(struct tc_session *session, const char *path)
{
    enum tl_visit_result result = tl_visit_open(&session->visit, path);
    session->visiting = true;
    if (result == TL_VISIT_DONE) {
        result = tl_visit_list(&session->visit, TC_START_MS, &session->roles);
    }
    if (result == TL_VISIT_DONE) {
        snprintf(session->path, sizeof session->path, "%s", path);
        return TC_DONE;
    }
    return result == TL_VISIT_NOBODY ? TC_NOBODY : TC_FAILED;
}

static void leave(struct tc_session *session)
{
    if (session->visiting) {
        tl_visit_close(&session->visit);
    }
    session->visiting = false;
}

/* Where --attach=unix:PATH leads. NULL: it says "unix" or "auto", to be found; or it is wrong, said. */
static const char *named(struct tc_session *session, const char *attach, bool *ret_wrong)
{
    *ret_wrong = false;
    if (strcmp(attach, "unix") == 0 || strcmp(attach, "auto") == 0) {
        return NULL;
    }
    if (strncmp(attach, prefix, sizeof prefix - 1) != 0 || attach[sizeof prefix - 1] == '\0' ||
        strlen(attach) >= sizeof session->path) {
        *ret_wrong = true;
        tc_say(session,
               "a program is named by unix:PATH, of its control socket or the folder with it, or "
               "auto; not \"%.200s\"",
               attach);
        return NULL;
    }
    return attach + sizeof prefix - 1;
}

/* ---- looking for it -------------------------------------------------------------------------- */

static void look_below(const char *folder, const char *below, glob_t *found)
{
    static const char *const deep[] = {"/*/", "/*/*/"};
    char pattern[TC_PATH_BYTES_MAX];
    for (size_t i = 0; folder != NULL && folder[0] != '\0' && i < 2; i++) {
        int size = snprintf(pattern, sizeof pattern, "%s%s%s" TL_SOCKET_NAME, folder, below,
                            deep[i]);
        if (size < (int)sizeof pattern) {
            int result = glob(pattern, GLOB_NOESCAPE | (found->gl_pathc != 0 ? GLOB_APPEND : 0),
                              NULL, found);
            (void)result; /* none there */
        }
    }
}

/* The paths of those that answer; how many. */
static size_t answering(const glob_t *found, const char **ret_paths)
{
    size_t count = 0;
    for (size_t i = 0; i < found->gl_pathc && count < FOUND_MAX; i++) {
        struct tl_visit probe;
        if (tl_visit_open(&probe, found->gl_pathv[i]) == TL_VISIT_DONE) {
            ret_paths[count++] = found->gl_pathv[i];
        }
        tl_visit_close(&probe);
    }
    return count;
}

/* Of what was found the only one that answers. TC_NOBODY: there is none, unsaid; or there are several. */
static enum tc_status the_only_one(struct tc_session *session, glob_t *found, size_t *ret_count)
{
    const char *paths[FOUND_MAX];
    size_t count = answering(found, paths);
    enum tc_status status = TC_NOBODY;
    if (count == 1) {
        status = visit(session, paths[0]);
        if (status != TC_DONE) {
            tc_say(session, "%s", session->visit.why);
        }
    } else if (count > 1) {
        tc_say(session, "%zu programs run: choose one", count);
        for (size_t i = 0; i < count && !session->silent; i++) {
            fprintf(stderr, "  --attach=unix:%s\n", paths[i]);
        }
    }
    if (found->gl_pathv != NULL) {
        globfree(found);
    }
    *ret_count = count;
    return status;
}

static enum tc_status find_anywhere(struct tc_session *session)
{
    const char *data = getenv("XDG_DATA_HOME");
    bool own = data != NULL && data[0] == '/';
    glob_t found = {0};
    size_t count;
    look_below(own ? data : getenv("HOME"), own ? "" : "/.local/share", &found);
    look_below(getenv("XDG_RUNTIME_DIR"), "", &found);
    enum tc_status status = the_only_one(session, &found, &count);
    if (count == 0) {
        tc_say(session,
               "no program runs in a usual place (a folder or two below %s): start one, or "
               "name its folder: --attach=unix:FOLDER",
               own ? "$XDG_DATA_HOME" : "~/.local/share");
    }
    return status;
}

/* In that place, or a folder or two below: a program may have a folder for each of its networks. */
static enum tc_status find_there(struct tc_session *session, const char *path)
{
    glob_t found = {0};
    size_t count = 0;
    enum tc_status status = visit(session, path);
    if (status == TC_NOBODY) {
        leave(session);
        look_below(path, "", &found);
        status = the_only_one(session, &found, &count);
        if (count == 0) {
            tc_say(session, "nobody runs there: %s: no control socket that answers", path);
        }
    } else if (status != TC_DONE) {
        tc_say(session, "%s", session->visit.why);
    }
    return status;
}

enum tc_status tc_find(struct tc_session *session)
{
    const char *attach = session->options->attach;
    const char *variable = getenv("TROUPE_ATTACH");
    bool wrong;
    leave(session);
    if (attach == NULL && variable != NULL && variable[0] != '\0') {
        attach = variable;
    }
    const char *path = named(session, attach != NULL ? attach : "auto", &wrong);
    if (wrong) {
        return TC_USAGE;
    }
    return path == NULL ? find_anywhere(session) : find_there(session, path);
}
