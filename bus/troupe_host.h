/* troupe_host.h - for whoever composes a process: which roles live here, and over which descriptors
 * it reaches the others. The launcher calls this; programs call troupe_main and never see it.
 *
 * Order: troupe_open, declare the roles that live here, open the links, start the roles. A link
 * counts as up when both ends have said hello and every event socket is connected. */
#ifndef TROUPE_HOST_H
#define TROUPE_HOST_H

#include "bus/troupe.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a host is told. Called on any thread; it must not block and must not call troupe_close. */
enum troupe_host_event_kind {
    TROUPE_ROLE_READY, /* its start returned 0 */
    TROUPE_ROLE_ENDED, /* its actor ended; code is what start returned, or 0 */
    TROUPE_LINK_UP,
    TROUPE_LINK_GONE, /* code and text say why; 0: both sides said BYE */
};
struct troupe_host_event {
    enum troupe_host_event_kind kind;
    const char *name; /* of the role or the link's peer */
    uint64_t link;
    int code;
    const char *text;
};
typedef void troupe_host_fn(void *user, const struct troupe_host_event *event);
void troupe_host_on_event(struct troupe *troupe, troupe_host_fn *on_event, void *user);

/* A role of the program. `uses` [borrowed, constant, NULL-terminated, may be NULL] names the roles
 * that its actor, and the actors which that one spawns, may look up. */
struct troupe_role {
    const char *name;
    const struct troupe_actor_def *actor;
    const char *const *uses;
};

/* Declares that `role` [borrowed, constant] lives in this process. Its actor is spawned by
 * troupe_host_start. Errors: TROUPE_EINVAL (declared already), TROUPE_EBUSY (TROUPE_ROLES_MAX),
 * TROUPE_ENOMEM. */
TROUPE_CHECKED int troupe_host_declare(struct troupe *troupe, const struct troupe_role *role,
                                       const void *argument);

/* Spawns the actor of a declared role; TROUPE_ROLE_READY or TROUPE_ROLE_ENDED follows. */
TROUPE_CHECKED int troupe_host_start(struct troupe *troupe, const char *role);

/* Has `on_pulse` called once by an actor on the pool of workers, when one is free: for a watchdog.
 * Errors: TROUPE_ENOMEM, TROUPE_EDOWN (closing). */
TROUPE_CHECKED int troupe_host_pulse(struct troupe *troupe, troupe_after_fn *on_pulse, void *user);

/* Has `run` called once, with NULL, in an actor of this process: its host has news for it. Errors:
 * TROUPE_ENOMEM, TROUPE_EDOWN (it is gone). */
TROUPE_CHECKED int troupe_host_run(struct troupe *troupe, struct troupe_ref actor,
                                   troupe_after_fn *run);

/* Any role known in this process, declared here or reached over a link: for plain threads, which
 * hold all the rights of their process. A name with ".bus" appended gives the introspection actor
 * of that role's process. Errors: TROUPE_ENOENT. */
TROUPE_CHECKED int troupe_host_find(struct troupe *troupe, const char *role,
                                    struct troupe_ref *ret_ref);

/* A seat on a link. `events_fd` is one end of a stream socketpair for that role's events. */
struct troupe_grant {
    const char *role;
    int events_fd;
};
/* One end of a way beside a link's socket, through shared memory: not a channel of its own, but a
 * faster one for what the link carries. */
struct troupe_bypass {
    int memory_fd;
    int bell_in_fd;
    int bell_out_fd;
    unsigned end; /* 0 or 1 */
};
/* Makes both ends of a bypass, close-on-exec. Errors: TROUPE_ESYSTEM, with errno. */
TROUPE_CHECKED int troupe_host_bypass(struct troupe_bypass ret_ends[2]);

/* The n-th interface that the actors of a definition serve, or those whose refs they hand out; NULL after
 * the last. */
const struct troupe_interface *troupe_host_brings(const struct troupe_actor_def *actor, size_t n);

/* What a peer may ask of a role that is exported to it, or of those whose refs it was handed. */
struct troupe_permit {
    const char *role; /* [borrowed] one that is not exported: passed over */
    const struct troupe_interface *interface;
    const struct troupe_method *method; /* NULL: all of it */
};
struct troupe_link_config {
    const char *peer;                   /* for reports and introspection */
    int fd;                             /* one end of a stream socketpair */
    const struct troupe_bypass *bypass; /* its descriptors [kept], or NULL: there is none */
    const struct troupe_grant *exports; /* roles of this process that the peer may use, in order */
    size_t exports_count;
    const struct troupe_grant *imports; /* roles of the peer that this process may use, in order */
    size_t imports_count;
    /* The exports are roles that this process may call, wherever they live (troupe_host_gate), and their
     * events go over `fd` as well; or NAME.bus, what looks into a role's process. No grant has an events_fd, there are no imports, and the other
     * end is no runtime, but something that speaks the frames: a tab of a browser. */
    bool gate;
    /* The only methods that the peer may ask for, copied; others answer TROUPE_EPERM. Besides, it hears
     * all events of the exports and looks into this process (troupe.Bus, but not `observe`: that
     * shows what others ask for). NULL: whatever the exports serve. */
    const struct troupe_permit *permits;
    size_t permits_count;
};
/* Opens a link; TROUPE_LINK_UP or TROUPE_LINK_GONE follows. The descriptors are [kept], also when it
 * fails. The other end has the same lists with exports and imports exchanged. An import that exists
 * already is joined to the new link, whatever its old one still does: refs to the role stay valid,
 * and watches on it fire. Errors: TROUPE_EINVAL (an import that lives here), TROUPE_ENOENT (an
 * export that does not), TROUPE_EBUSY, TROUPE_ENOMEM, TROUPE_ESYSTEM. */
TROUPE_CHECKED int troupe_host_link(struct troupe *troupe, const struct troupe_link_config *config,
                                    uint64_t *ret_link);

/* Makes this process a gate: what serves these interfaces [borrowed, constant, ends with NULL] can be
 * used by peers that have no link to it, through actors of this process that stand for it: roles, and
 * whoever they hand out. No method or event of another interface passes. Once, before such a link is
 * opened. Errors: TROUPE_EINVAL (it is one), TROUPE_EBUSY (TROUPE_GATE_INTERFACES_MAX). */
TROUPE_CHECKED int troupe_host_gate(struct troupe *troupe,
                                    const struct troupe_interface *const *interfaces);

/* Drains and closes one link, in the background; TROUPE_LINK_GONE follows. */
void troupe_host_unlink(struct troupe *troupe, uint64_t link);

/* The process of that name is dead: ends each link to it that has not heard from it yet, which NNG
 * would notice only by a timeout. What others still hold of its last words is read first. Call it
 * before a link to its successor is made. */
void troupe_host_peer_died(struct troupe *troupe, const char *peer);
/* It may live, but has no business here any more: ends every link to it at once. */
void troupe_host_peer_left(struct troupe *troupe, const char *peer);

#ifdef __cplusplus
}
#endif

#endif
