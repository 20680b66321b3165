/* launcher.h - a program made of roles: which process each lives in, and what joins them.
 *
 * main() fills a struct troupe_program and calls troupe_main, which is the whole of it: the same
 * executable is the launcher or, re-executed, one of its processes. */
#ifndef TROUPE_LAUNCHER_H
#define TROUPE_LAUNCHER_H

#include "bus/troupe.h"
#include "bus/troupe_host.h"

/* What the program was started with: the values of its options, the same in every process. Passed
 * to the start of every role's actor as its argument, and to commands. */
struct troupe_arguments;

/* The value of --NAME as given, or its preset; "1" or NULL for a flag. NULL: no such option, or
 * neither given nor preset. --attach has one, too, where it had an effect. [borrowed] for as long as the process runs. */
const char *troupe_argument(const struct troupe_arguments *arguments, const char *name);

/* Where an option has an effect. Given where it has none it is refused, not ignored. */
enum troupe_scope {
    TROUPE_SCOPE_ANY,
    TROUPE_SCOPE_START,   /* of a program: not for a command that attaches to one */
    TROUPE_SCOPE_STAY,    /* without a command only: the front role heeds it */
    TROUPE_SCOPE_COMMAND, /* only for the commands that name it */
};

/* An option of the program's own, beside those of the launcher (--split, --compose, --sandbox,
 * --attach, --bind, --help, --version, --json). Written --name=value, --name value, or --name for a flag. */
struct troupe_option {
    const char *name;
    const char *value;  /* what the value is, for --help ("FILE"); NULL: a flag */
    const char *preset; /* used when it is not given; may be NULL */
    const char *help;   /* one line */
    enum troupe_scope scope;
    /* NULL: this value will do, else what one is ("a number from 1 to 9"). May itself be NULL. */
    const char *(*check)(const char *value);
};

/* `program COMMAND [ARGS]`: checked before anything is started, then runs on a plain thread, attached
 * to the program that runs on the same data directory, or with the program started for the length of
 * the command (all but the front role). Returns the exit status; that what it printed could be
 * written is seen to when it is done. */
struct troupe_command {
    const char *name;
    const char *arguments; /* for --help: "KEY [HEIGHT]" */
    const char *help;
    unsigned arguments_min;
    unsigned arguments_max;
    int (*run)(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
               int count, char *const *values);
    /* NULL: these words will do, else what is expected of them: the program ends with status 2
     * before anything is started. Their number is right already. May itself be NULL. */
    const char *(*check)(const struct troupe_arguments *arguments, int count, char *const *values);
    const char *const
        *options;        /* of TROUPE_SCOPE_COMMAND, that it heeds; ends with NULL, or NULL */
    bool is_for_running; /* it changes what ends with the program: none is started for it */
    const char *about;   /* for `help COMMAND`: what its words are, with units; may be NULL */
    const char *example; /* for the same: its words, behind the program's name; may be NULL */
};

/* What a role needs of the machine besides its links: a process of its own, or one with others that
 * declare it too, is refused the rest before its first thread starts. It makes no processes, and
 * reaches no others. A role without one gets no sandbox, nor does the launcher's own process. */
struct troupe_sandbox {
    const char *role;
    const char *folder;       /* its own, below the data directory, made if missing; NULL: none */
    const char *const *reads; /* options whose values are files, or folders with all in them, to
                                 read; ends with NULL, or NULL */
    const char *beside;  /* a file that is read, too, where it lies beside one of these, or NULL */
    bool connects;       /* over TCP */
    const char *listens; /* an option that ends in a TCP port (PORT, ADDRESS:PORT): if it is given,
                            others may connect there; NULL: never */
    bool secret;         /* other processes of the user may not look into its memory */
};

/* What happens when a process ends that was not told to, or hangs: with a failure (a signal, another
 * status than 0), or in any way. A composition file may say it otherwise. */
enum troupe_restart { TROUPE_RESTART_NEVER, TROUPE_RESTART_ON_FAILURE, TROUPE_RESTART_ALWAYS };

enum troupe_process_event_kind { TROUPE_PROCESS_DIED, TROUPE_PROCESS_RESTARTED };
struct troupe_process_event {
    enum troupe_process_event_kind kind;
    const char *process; /* its name; for --split the role's */
    int pid;             /* of the one that died, or of the new one */
    const char *text;    /* how it died, for people */
};

/* Which methods of a role only look: what --bind-allow=ROLE:read permits. Of the role itself, or of
 * those whose refs it hands out. */
struct troupe_reads {
    const char *role;
    const char *const *methods; /* ends with NULL */
};

struct troupe_program {
    const char *name; /* of the executable */
    const char *version;
    const char *summary; /* one line for --help */
    const char *epilog;  /* what --help ends with; may be NULL */
    const struct troupe_option *options;
    size_t options_count;
    const struct troupe_command *commands;
    size_t commands_count;
    const struct troupe_role *roles; /* used ones before those who use them */
    size_t roles_count;
    const struct troupe_sandbox *sandboxes; /* by role, in any order; may be NULL */
    size_t sandboxes_count;
    const struct troupe_reads *reads; /* one a role at most, in any order; may be NULL */
    size_t reads_count;
    const char *front; /* the role that stays in the launcher's process; its end ends the program */
    const char *split; /* preset of --split */
    /* Of each role, as many as there are, NULL or the option without which it is not there; with it
     * the role has a process of its own, whatever the composition. For what faces the outside. No
     * command uses it. May itself be NULL: all are there. */
    const char *const *asked_for;
    /* Of each role, as many as there are; NULL: none is restarted. The front role never is. */
    const enum troupe_restart *restarts;
    /* A process died and is started again, or is back. On the main thread; must not block. `troupe`
     * is the runtime of the front role. May be NULL. It is said on stderr as well. */
    void (*on_process)(struct troupe *troupe, const struct troupe_process_event *event);
    /* Where the control socket is, from the options. May create the folder. Returns NULL, having
     * said why on stderr: the program ends. [borrowed] The same in every process. May itself be
     * NULL: a program without a control socket, that nobody attaches to. */
    const char *(*data_directory)(const struct troupe_arguments *arguments);
};

/* Runs the program; main returns what it returns. With TROUPE_BYPASS=off in the environment its
 * processes are joined by sockets alone, without shared memory beside them: slower, to compare. */
int troupe_main(int argc, char **argv, const struct troupe_program *program);

/* Ends the program in order, with this exit status: for the front role. Any thread. */
void troupe_quit(int status);

#endif
