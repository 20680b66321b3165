/* launch.h - inside the launcher: what its files share. Programs include launcher.h.
 *
 *   launcher.c     troupe_main: which of the five ways to run this is; start in order
 *   options.c      the command line
 *   help.c         --help, and of each command
 *   composition.c  --split and --compose: which role lives in which process
 *   spawn.c        fork, exec, pidfd
 *   supervise.c    the launcher's poll loop: signals, deaths, messages of children
 *   restart.c      a process that died comes back, linked to the others; one that hangs dies
 *   policy.c       when, and how often
 *   service.c      the role that says so to others, and does what they ask: troupe.Launcher
 *   stop.c         the end in order, or by force
 *   child.c        the other side: a process that hosts roles
 *   sandbox.c      what a child gives up first (sandbox.h); sandbox_calls.c: system calls
 *   control.c      the messages between them, and their descriptors
 *   wire.c         links: descriptors made, one end handed to each process; roles declared
 *   inbox.c        from the bus's threads to the main thread; troupe_quit
 *   door.c         the sockets of a running program
 *   attach.c       who comes in there, and what they get
 *   permit.c       and what of it they may ask for
 *   visit.c        its other side, for programs that do not know its roles, too (visit.h)
 *   guest.c        the front role at a program that somebody else started
 *
 * Sets of roles are bits: bit i is program->roles[i]. A *place* is a process of the composition;
 * place 0 is the launcher's own, the others are children. */
#ifndef TROUPE_LAUNCHER_LAUNCH_H
#define TROUPE_LAUNCHER_LAUNCH_H

#include <sys/types.h>

#include "launcher/launcher.h"
#include "launcher/visit.h"

enum {
    TL_START_MS = 30000, /* for each role, and for the processes to come up */
    TL_GRACE_MS = 5000,  /* for one process to end in order; then SIGTERM, */
    TL_TERM_MS = 1000,   /* then SIGKILL */
    TL_LOST_MS = 1000,   /* a link went: this long for the death of a process to explain it */
    TL_ATTACH_MS = 5000, /* for a client's request, and for its links to come up */

    TL_PLACES_MAX = TROUPE_ROLES_MAX,
    TL_CLIENTS_MAX = 32, /* of one socket */
    TL_UNHEARD_MAX =
        16, /* links that clients were given to a process and it has not said to be up */
    TL_PERMITS_MAX = 256,
    TL_OPTIONS_MAX = 56, /* of the program's own: with the launcher's they are bits of a word */
    TL_VALUE_BYTES_MAX = 4096, /* of an option */
    TL_REPORT_BYTES_MAX = 1024,
    TL_MESSAGE_BYTES_MAX = 64 * 1024,
    TL_BYPASS_FDS = 3,
    TL_FDS_MAX = 1 + TROUPE_ROLES_MAX + TL_BYPASS_FDS, /* in one message: a link */
    TL_RESTARTS_MAX = 128,                             /* that an intensity may name */
    TL_BEATS = 4,                                      /* heartbeats in a watchdog's time */

    TL_STATUS_FAILED = 1,
    TL_STATUS_USAGE = 2,
    TL_STATUS_HURRIED = 130, /* a second Ctrl-C */

    TL_CONTROL_FD = 3, /* in a child */
    TL_REFUSED_FOR_NOW = 1,
};

/* argv[1] of a child. */
#define TL_CHILD_MARK "--as-child"
/* The peer's name of a client's link starts with this; no process of a composition has a space. */
#define TL_CLIENT_PREFIX "client "

/* ---- options.c ------------------------------------------------------------------------------- */

struct troupe_arguments {
    const struct troupe_program *program;
    const char *values[TL_OPTIONS_MAX]; /* as given; NULL: not given */
    const char *attach; /* likewise; of the launcher's own, as troupe_argument says */
};

/* The launcher's own options; the program's are numbered behind them. */
enum tl_own {
    TL_SPLIT,
    TL_COMPOSE,
    TL_SANDBOX_OPTION,
    TL_ATTACH_OPTION,
    TL_BIND,
    TL_BIND_ALLOW,
    TL_JSON,
    TL_HELP,
    TL_VERSION,
    TL_OWN_COUNT
};
extern const struct troupe_option tl_own_options[TL_OWN_COUNT];
const struct troupe_option *tl_option_at(const struct troupe_program *program, size_t i);

/* Where what is on the command line is to run. */
enum tl_where {
    TL_HERE,  /* a command at the program that runs on the data directory, if there is one */
    TL_AUTO,  /* and the front role, too */
    TL_THERE, /* nowhere else */
};
struct tl_command_line {
    struct troupe_arguments arguments;
    uint64_t given;      /* options by number */
    const char *split;   /* NULL: not given */
    const char *compose; /* NULL: not given */
    bool sandbox_off;
    enum tl_where where;
    const char *path;       /* of that program; NULL: its data directory is this one's */
    const char *bind_path;  /* of a second socket; NULL: none */
    const char *bind_allow; /* through it or, if there is none, through the first one; NULL: all */
    uint64_t bind_roles;    /* which that names */
    bool json;
    const struct troupe_command *command; /* NULL: run the program */
    int values_count;                     /* of the command */
    char *const *values;
};

/* False: the program ends with *ret_status; all was said. The result borrows from argv. */
bool tl_command_line_parse(const struct troupe_program *program, int argc, char **argv,
                           struct tl_command_line *ret_line, int *ret_status);
/* False, having said so: an option was given that a program which runs already can't heed. */
bool tl_check_attached(const struct troupe_program *program, const struct tl_command_line *line,
                       const char *directory);
/* Runs the command; its exit status, or TL_STATUS_FAILED when what it printed could not be written. */
int tl_command_run(const struct troupe_program *program, const struct tl_command_line *line,
                   struct troupe *troupe);
/* The one of `count` names that was probably meant; NULL: none is near. name(names, i) gives them. */
const char *tl_nearest(const char *word, size_t count,
                       const char *(*name)(const void *names, size_t), const void *names);
/* One line on stderr, with the program's name before it. */
void tl_say(const struct troupe_program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A report of process `name`, likewise. */
void tl_say_report(const char *name, const char *text, size_t size);

/* ---- help.c ---------------------------------------------------------------------------------- */

void tl_help(const struct troupe_program *program);
void tl_help_command(const struct troupe_program *program, const struct troupe_command *command);

/* ---- composition.c --------------------------------------------------------------------------- */

enum tl_sandbox { TL_SANDBOX_PRESET, TL_SANDBOX_ON, TL_SANDBOX_OFF };
struct tl_policy {
    unsigned given; /* which settings the composition file has */
    enum troupe_restart restart;
    unsigned restarts_max; /* within_s */
    unsigned within_s;
    unsigned backoff_ms;
    unsigned watchdog_s; /* 0: off */
};
struct tl_place {
    char name[TROUPE_NAME_BYTES_MAX]; /* NUL-terminated */
    uint64_t roles;
    struct tl_policy policy;
    enum tl_sandbox sandbox; /* as the composition file has it */
    bool sandboxed;          /* as tl_sandbox_settle decided */
};
struct tl_composition {
    size_t places_count;
    struct tl_place places[TL_PLACES_MAX];
    uint64_t uses[TROUPE_ROLES_MAX]; /* of each role */
    size_t order[TROUPE_ROLES_MAX];  /* of starting: used ones first */
    uint64_t command_uses;           /* what a command in place 0 may call */
};

static inline uint64_t tl_bit(size_t role)
{
    return UINT64_C(1) << role;
}
/* All roles of the program, with the launcher's own. */
uint64_t tl_roles_all(const struct troupe_program *program);
/* Those that a command, or a view of another program's roles, may use. */
uint64_t tl_roles_usable(const struct troupe_program *program);
/* Its number; roles_count: there is none of that name. */
size_t tl_role_find(const struct troupe_program *program, const char *name, size_t size);
size_t tl_place_of(const struct tl_composition *composition, size_t role);
/* What the roles of a place use, wherever it lives. */
uint64_t tl_place_uses(const struct tl_composition *composition, size_t place);
/* From --compose=FILE, or from --split (the program's preset, if it is not given). False: said why on
 * stderr. */
bool tl_composition_make(const struct troupe_program *program, const struct tl_command_line *line,
                         struct tl_composition *ret_composition);
/* The front role alone. */
void tl_composition_for_guest(const struct troupe_program *program,
                              struct tl_composition *composition);
/* Without the front role, for a command. */
void tl_composition_for_command(const struct troupe_program *program,
                                struct tl_composition *composition);

/* ---- control.c ------------------------------------------------------------------------------- */

enum tl_kind {
    /* launcher to child */
    TL_CONFIG, /* name: of the process; roles: that live there; uses; values: of the options;
                  text: of --bind-allow; code: of tl_sandbox_code */
    TL_LINK,   /* name: of the peer; exports, imports; roles: not 0, it may ask for what
                  --bind-allow lists only; code: 0, or 1 and 2 for the ends of a bypass;
                  descriptors: the pair, one per role, those of the bypass */
    TL_START,  /* name: of a role */
    TL_STOP,   /* code: ms for the draining */
    TL_WATCH,  /* code: ms between heartbeats, from here on */
    TL_DIED,   /* name: of a process */
    TL_UNLINK, /* name: of a client, that is gone */
    /* child to launcher */
    TL_FAILED, /* code: errno of exec */
    TL_OPENED, /* links may come */
    TL_UP,     /* name: of the link's peer */
    TL_GONE,   /* name, code: why */
    TL_READY,  /* name: of a role */
    TL_ENDED,  /* name, code */
    TL_REPORT, /* text */
    TL_QUIT,   /* code: exit status for the program */
    TL_ALIVE,  /* a worker is free to say so */
    /* client to launcher, who answers TL_LINK... TL_ATTACHED, or TL_REFUSED */
    TL_ATTACH, /* imports: roles that it wants; code: 1, it knows bypasses */
    TL_ATTACHED,
    TL_REFUSED, /* text; code: TL_REFUSED_FOR_NOW, it may be asked again */
    TL_LIST,    /* which roles are there? answered TL_ROLES, at any time */
    TL_ROLES,   /* name: of the program; text: its version; exports: the roles, in values and uses
                   the process of each and its pid; roles: which of them, by place, are ready */
    TL_KINDS,
};

/* What a child does about its sandbox. */
enum tl_sandbox_code { TL_LEAVE_OPEN, TL_CLOSE, TL_CLOSE_AND_SAY }; /* what the kernel lacks */

/* Texts without a terminating NUL. `data` NULL in a value: the option was not given. */
struct tl_list {
    size_t count;
    struct troupe_text items[TROUPE_ROLES_MAX];
};
struct tl_message {
    enum tl_kind kind;
    int code;
    struct troupe_text name;
    struct troupe_text text;
    struct tl_list exports;
    struct tl_list imports;
    struct tl_list values;
    uint64_t roles;
    size_t uses_count;
    uint64_t uses[TROUPE_ROLES_MAX];
    size_t fds_count;
    int fds[TL_FDS_MAX];
};
/* A received message and the bytes that its texts point into. */
struct tl_packet {
    struct tl_message message;
    uint8_t data[TL_MESSAGE_BYTES_MAX];
};

/* Waits up to `wait_ms` for room. The descriptors stay the caller's. 0 or -1 with errno. No
 * allocation, no lock: also between fork and exec, and on any thread. */
int tl_send(int fd, const struct tl_message *message, int wait_ms);
/* One message, without waiting. 1: there it is, its descriptors are the caller's; 0: the other end
 * is closed; -1 with errno: EAGAIN, or EBADMSG for what is not a message of this protocol. */
int tl_receive(int fd, struct tl_packet *ret_packet);
/* Closes the descriptors of a message. */
void tl_message_close(struct tl_message *message);
/* As tl_receive, but waits up to `wait_ms`; -1 with ETIMEDOUT. */
int tl_receive_wait(int fd, struct tl_packet *ret_packet, int wait_ms);

/* ---- inbox.c --------------------------------------------------------------------------------- */

enum tl_note_kind {
    TL_NOTE_UP,
    TL_NOTE_GONE,
    TL_NOTE_READY,
    TL_NOTE_ENDED,
    TL_NOTE_QUIT,
    TL_NOTE_ALIVE,
    TL_NOTE_DONE
};
struct tl_note {
    struct tl_note *next;
    enum tl_note_kind kind;
    int code;
    char name[TROUPE_NAME_BYTES_MAX];
};
/* The process's one inbox: troupe_quit has no handle. Readable while it holds a note. */
int tl_inbox_open(void); /* its descriptor, or -1 with errno */
void tl_inbox_close(void);
void tl_inbox_post(enum tl_note_kind kind, const char *name, int code);
struct tl_note *tl_inbox_take(void); /* [owned] tl_note_free(); NULL: none */
void tl_note_free(struct tl_note *note);
/* For troupe_host_on_event. */
void tl_inbox_host(void *user, const struct troupe_host_event *event);

/* ---- wire.c ---------------------------------------------------------------------------------- */

/* Roles as this composition has them: `uses` may be fewer than the program declares. */
struct tl_seats {
    struct troupe_role roles[TROUPE_ROLES_MAX];
    const char *uses[TROUPE_ROLES_MAX][TROUPE_ROLES_MAX + 1];
};
/* Declares the roles of the set `here`. `seats` must outlive the runtime. 0 or TROUPE_E... */
int tl_declare(struct troupe *troupe, const struct troupe_arguments *arguments, uint64_t here,
               const uint64_t *uses, struct tl_seats *seats);
/* Both ends of a new link: `a` exports `a_roles` to b and so on; with a bypass, if both know what
 * that is. 0 or -1 with errno. */
int tl_link_make(const struct troupe_program *program, const char *a_name, uint64_t a_roles,
                 const char *b_name, uint64_t b_roles, bool bypass, struct tl_message *ret_a,
                 struct tl_message *ret_b);
/* Opens this process's end; the descriptors are [kept]. `allow` is --bind-allow's, or NULL in a
 * visitor, who has no roles to limit. 0 or TROUPE_E... */
int tl_link_open(const struct troupe_program *program, const char *allow, struct troupe *troupe,
                 struct tl_message *message);

/* ---- spawn.c --------------------------------------------------------------------------------- */

struct tl_process {
    const char *name; /* [borrowed] */
    int pidfd;        /* -1: not running */
    int control;      /* -1: closed */
    pid_t pid;        /* for people; never signalled by it */
    bool opened;
    bool stopping; /* it was told to */
};
/* From the main thread. 0 or -1 with errno. */
int tl_spawn(const struct troupe_program *program, struct tl_process *process);
/* By pidfd. */
void tl_signal(const struct tl_process *process, int signal);
/* Reaps it; ret_text says how it ended. True: status 0. */
bool tl_reap(struct tl_process *process, char *ret_text, size_t size);
/* The executable's path, for messages. */
const char *tl_executable(void);

/* ---- child.c --------------------------------------------------------------------------------- */

/* The whole life of a child; main returns what it returns. */
int tl_child_main(const struct troupe_program *program);

/* ---- permit.c -------------------------------------------------------------------------------- */

struct tl_permits {
    uint64_t roles; /* that are named */
    size_t count;
    struct troupe_permit items[TL_PERMITS_MAX];
    char why[256]; /* it failed */
};
/* Of the words of --bind-allow. False: `why` says what is wrong. */
bool tl_permits_read(const struct troupe_program *program, const char *text, size_t size,
                     struct tl_permits *ret_permits);

/* ---- attach.c -------------------------------------------------------------------------------- */

/* Sets of places are bits. */
struct tl_client {
    int fd; /* -1: it hung up; free, unless it is linked */
    bool attached;
    uint64_t due_ms;                  /* of its request; when it hung up, of its links' end */
    char name[TROUPE_NAME_BYTES_MAX]; /* as its links' peer */
    uint64_t linked;   /* places that were handed an end, and have not said that it is gone */
    uint64_t unlinked; /* of these, who were told to end it */
};
struct tl_door {
    int directory;                    /* that the socket is in; -1: not open */
    int listener;                     /* -1: closed */
    ino_t inode;                      /* of the socket */
    char name[TROUPE_NAME_BYTES_MAX]; /* of the socket in it */
    const char *allow;                /* words of --bind-allow; NULL: everything */
    uint64_t roles;                   /* that may be used */
    struct tl_client clients[TL_CLIENTS_MAX];
};
enum {
    TL_DOOR_DATA,
    TL_DOOR_BIND,
    TL_DOORS
}; /* of the data directory, which it locks; of --bind */

/* ---- policy.c -------------------------------------------------------------------------------- */

/* When a process was restarted: the last TL_RESTARTS_MAX times. */
struct tl_deaths {
    size_t count; /* ever */
    uint64_t at_ms[TL_RESTARTS_MAX];
};
/* A setting of a composition file. False: the value is not of the form that *ret_form says, or
 * there is no such setting, *ret_form NULL. */
bool tl_policy_set(struct tl_policy *policy, const char *name, const char *value,
                   const char **ret_form);
/* Fills in what was not set. False: said why. */
bool tl_policies_finish(const struct troupe_program *program, struct tl_composition *composition);
/* How many restarts count now: at most restarts_max. */
unsigned tl_policy_count(const struct tl_policy *policy, const struct tl_deaths *deaths,
                         uint64_t now_ms);
/* Before the restart that follows `count` others; `random` is any number. */
uint64_t tl_policy_delay_ms(const struct tl_policy *policy, unsigned count, unsigned random);

/* ---- supervise.c ----------------------------------------------------------------------------- */

enum tl_phase { TL_RUNNING, TL_WAITING, TL_OPENING, TL_STARTING };
/* A place over its processes. */
struct tl_life {
    enum tl_phase phase;
    uint64_t due_ms;   /* when it is started, or else has failed to start */
    uint64_t since_ms; /* when it got into this phase */
    uint64_t started;  /* roles that were told to start */
    bool ending;       /* it was told to stop, in order to be restarted */
    bool asked;        /* because somebody wants that: its end is no failure */
    bool failed;       /* its end is a failure, whatever its exit status */
    uint64_t heard_ms; /* the last heartbeat */
    struct tl_deaths deaths;
    uint64_t restarts;                  /* ever */
    char how[128];                      /* its process ended, the last time; "": it did not yet */
    uint64_t awaited;                   /* places the links to which it has not said to be up */
    unsigned short ends[TL_PLACES_MAX]; /* of links to each place, handed over and not yet gone */
    unsigned short orphans[TL_PLACES_MAX]; /* of them, the other process is dead */
    uint64_t lost;                         /* places to which an end went unexplained */
    uint64_t lost_ms;                      /* when that ends the program */
};

struct tl_guest_link {
    char peer[TROUPE_NAME_BYTES_MAX + 1];
    uint64_t roles;
};
struct tl_guest {
    const char *path; /* of the program's control socket, or data directory */
    struct tl_visit visit;
    uint64_t wanted;   /* roles that it has no link to */
    uint64_t retry_ms; /* when it asks again */
    uint64_t
        over_ms; /* when the program there has ended, unless this one was told to end as well */
    size_t links_count;
    struct tl_guest_link links[TL_PLACES_MAX]; /* one per process there */
};

struct tl_launcher {
    const struct troupe_program *program;
    const struct tl_command_line *line;
    struct tl_composition composition;
    struct tl_seats seats;
    struct troupe *troupe;                      /* NULL: not open */
    struct tl_process processes[TL_PLACES_MAX]; /* by place; 0 is not used */
    uint64_t ready;                             /* roles that started */
    uint64_t ended;
    bool sandbox_said;                   /* a child was told to say what the kernel lacks */
    struct tl_life lives[TL_PLACES_MAX]; /* by place */
    uint64_t turned_ms;                  /* the loop's last turn */
    bool started;                        /* all of it: from here on what dies is restarted */
    int signals;                         /* descriptor */
    int inbox;                           /* descriptor */
    unsigned signals_count;              /* that asked to end */
    bool command_running;
    bool serving;           /* clients are let in */
    struct tl_guest *guest; /* NULL: it has processes of its own */
    bool stop_wanted;
    int status; /* for exit, once stop_wanted */
    struct tl_door doors[TL_DOORS];
};
/* Something that ends the program: the first one decides. */
void tl_want_stop(struct tl_launcher *launcher, int status);
/* A failure: said on stderr, and the program ends with TL_STATUS_FAILED. */
void tl_fail(struct tl_launcher *launcher, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Serves what happens until condition(launcher, which), or `due_ms`; true: it holds. */
typedef bool tl_condition(const struct tl_launcher *launcher, size_t which);
bool tl_wait(struct tl_launcher *launcher, tl_condition *condition, size_t which, uint64_t due_ms);
#define TL_FOREVER UINT64_MAX
/* A second Ctrl-C. */
bool tl_hurried(const struct tl_launcher *launcher);

/* ---- restart.c ------------------------------------------------------------------------------- */

/* The program has started: from here on what dies is restarted. */
void tl_restart_begin(struct tl_launcher *launcher);
/* Ends of links between places: handed to `place`, and what became of them. */
void tl_end_handed(struct tl_launcher *launcher, size_t place, size_t peer);
void tl_end_up(struct tl_launcher *launcher, size_t place, struct troupe_text peer);
void tl_end_gone(struct tl_launcher *launcher, size_t place, struct troupe_text peer, int code);
/* All links of a place are up, at both ends. */
bool tl_ends_up(const struct tl_launcher *launcher, size_t place);
/* A process is dead and reaped: restarts it, or ends the program. `good`: status 0. */
void tl_restart_died(struct tl_launcher *launcher, size_t place, bool good, const char *how);
/* A role ended or could not start. False: its policy has nothing to say about that. */
bool tl_restart_role_ended(struct tl_launcher *launcher, size_t role, int code);
void tl_restart_heard(struct tl_launcher *launcher, size_t place);
/* Somebody wants it restarted, in order. False: it is not in a state for that. */
bool tl_restart_asked(struct tl_launcher *launcher, size_t place);
/* Each turn of the loop; by tl_restart_due_ms at the latest. */
void tl_restart_turn(struct tl_launcher *launcher, uint64_t now_ms);
uint64_t tl_restart_due_ms(const struct tl_launcher *launcher);

/* ---- service.c ------------------------------------------------------------------------------- */

/* The program with one role more, the last one, which lives in place 0. NULL: said why it can't be. */
const struct troupe_program *tl_service_add(const struct troupe_program *program);
size_t tl_service_role(const struct troupe_program *program);
/* Before the role is started. */
void tl_service_open(struct tl_launcher *launcher);
/* A process has another state. */
void tl_service_changed(void);
/* Each turn of the loop. */
void tl_service_turn(const struct tl_launcher *launcher);

/* ---- launcher.c ------------------------------------------------------------------------------ */

void tl_send_config(struct tl_launcher *launcher, size_t place);
/* Makes the link between two places, if one of them uses a role of the other. False: said why. */
bool tl_join(struct tl_launcher *launcher, size_t a, size_t b);
/* Hands an end of a link [kept] to the process of `place`, or opens it here. NULL, or why not, for
 * another process with errno. */
const char *tl_hand_over(struct tl_launcher *launcher, size_t place, struct tl_message *end);

/* ---- visit.c, for guest.c -------------------------------------------------------------------- */

/* As tl_visit_list, of the same program: another one is TL_VISIT_FAILED, another version of it is said. */
enum tl_visit_result tl_visit_meet(struct tl_visit *visit, const struct troupe_program *program,
                                   struct tl_visit_roles *ret_roles);

/* Asks for links to these roles, which then come one by one, and TL_ATTACHED, or TL_REFUSED. */
void tl_visit_ask(struct tl_visit *visit, const char *const *roles, size_t count);

/* ---- guest.c --------------------------------------------------------------------------------- */

/* Of a launcher whose program and line are set. What it says otherwise is in ret_guest->visit.why. */
enum tl_visit_result tl_guest_open(const struct tl_launcher *launcher, const char *path,
                                   struct tl_guest *ret_guest);
/* For links to the roles that have none. */
void tl_guest_ask(struct tl_launcher *launcher);
void tl_guest_hear(struct tl_launcher *launcher);
void tl_guest_link(struct tl_launcher *launcher, const char *peer, bool up);
/* A tl_condition: to all roles. */
bool tl_guest_is_linked(const struct tl_launcher *launcher, size_t which);
void tl_guest_turn(struct tl_launcher *launcher, uint64_t now_ms);

/* ---- stop.c ---------------------------------------------------------------------------------- */

/* Ends everything. False: this process can't be taken down in order and should just exit. */
bool tl_stop(struct tl_launcher *launcher);

/* ---- door.c ---------------------------------------------------------------------------------- */

struct ucred;
bool tl_peer_of(int fd, struct ucred *ret_peer);

enum tl_door_result { TL_DOOR_OPEN, TL_DOOR_TAKEN, TL_DOOR_FAILED };
/* Takes the data directory for this program and listens there. TL_DOOR_TAKEN: another one runs on
 * it; *ret_pid is its process or 0. TL_DOOR_FAILED: said why. Before any thread. */
enum tl_door_result tl_door_open(const struct troupe_program *program, const char *directory,
                                 struct tl_door *ret_door, pid_t *ret_pid);
/* Makes the socket of --bind in a directory that is nobody else's. False: said why. */
bool tl_door_bind(const struct tl_launcher *launcher, const char *path, struct tl_door *ret_door);
/* Lets nobody in any more, and those who are in out; the data directory stays taken. */
void tl_door_shut(struct tl_door *door);
void tl_door_close(struct tl_door *door);

/* ---- attach.c -------------------------------------------------------------------------------- */

/* A client is at the door, or the one in this slot said something. */
void tl_clients_enter(struct tl_door *door);
void tl_clients_serve(struct tl_launcher *launcher, struct tl_door *door, size_t slot);
void tl_clients_leave(struct tl_door *door);
/* What only time brings. */
void tl_clients_turn(struct tl_launcher *launcher);
/* The process of `place` says that its link to the peer of that name is gone. */
void tl_clients_unlinked(struct tl_launcher *launcher, size_t place, struct troupe_text name);
void tl_clients_place_died(struct tl_launcher *launcher, size_t place);

/* visit.c: runs a command as a client of the program that runs on `directory`. False: none runs. */
bool tl_attach_run(const struct troupe_program *program, const struct tl_command_line *line,
                   const char *directory, int *ret_status);

#endif
