/* visit.h - to be the client of a program that runs: its control socket, from outside.
 *
 * For a command of the program itself, which knows its roles, and for one that must ask (command/).
 * Open, perhaps list, attach: then the program's roles are found by troupe_host_find in a runtime of
 * this process. The program serves the visitor for as long as the connection is open. */
#ifndef TROUPE_LAUNCHER_VISIT_H
#define TROUPE_LAUNCHER_VISIT_H

#include "bus/troupe.h"

struct sockaddr_un;

/* In a program's data directory. */
#define TL_SOCKET_NAME "control.sock"

enum {
    TL_VISIT_WHY_BYTES_MAX = 1200,
    TL_VISIT_VERSION_BYTES_MAX = 64,
};

enum tl_visit_result {
    TL_VISIT_DONE,
    TL_VISIT_NOBODY, /* none runs there, or it ended before it answered */
    TL_VISIT_LATER,  /* a role is just being started again */
    TL_VISIT_FAILED, /* `why` says it */
};
struct tl_visit {
    int fd;    /* -1: closed */
    int inbox; /* readable when a link may be gone */
    unsigned links;
    char why
        [TL_VISIT_WHY_BYTES_MAX]; /* of the last failure: what "the program that runs there" did */
};
struct tl_visit_role {
    char name[TROUPE_NAME_BYTES_MAX + 1];
    char process[TROUPE_NAME_BYTES_MAX + 1];
    uint64_t pid;
    bool ready;
};
struct tl_visit_roles {
    char program[TROUPE_NAME_BYTES_MAX + 1];
    char version[TL_VISIT_VERSION_BYTES_MAX + 1];
    size_t count;
    struct tl_visit_role roles[TROUPE_ROLES_MAX];
};

/* Of the socket `name` in a directory that is open; the path may be of any length. */
void tl_visit_address(struct sockaddr_un *ret_address, int directory, const char *name);
/* -1 with errno: nobody listens. */
int tl_visit_connect(int directory, const char *name);

/* `path` is a control socket, or the data directory with one. Close it in any case. */
enum tl_visit_result tl_visit_open(struct tl_visit *ret_visit, const char *path);
/* Which roles the program has. Waits up to `wait_ms` while it starts. */
enum tl_visit_result tl_visit_list(struct tl_visit *visit, int wait_ms,
                                   struct tl_visit_roles *ret_roles);
/* Opens links for these roles in `troupe`, once per visit, and waits until they are up. */
enum tl_visit_result tl_visit_attach(struct tl_visit *visit, struct troupe *troupe,
                                     const char *const *roles, size_t count, int wait_ms);
/* True: a link is gone since tl_visit_attach, to the process `name`. Does not wait. */
bool tl_visit_gone(struct tl_visit *visit, char name[TROUPE_NAME_BYTES_MAX + 1]);
/* After troupe_close. */
void tl_visit_close(struct tl_visit *visit);

#endif
