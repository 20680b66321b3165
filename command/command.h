/* command.h - inside the command `troupe`: what its files share.
 *
 *   troupe.c    main
 *   main.c      the command line: options, help, which verb
 *   verbs.c     the list of verbs, with their help
 *   find.c      which running program is meant
 *   session.c   attached to it: its roles, their interfaces, what a word such as wallet/default names
 *   run.c       one thing that takes its time: a call, a subscription, until it ends or Ctrl-C
 *   say.c       tables, and errors
 *   verb_*.c    the verbs
 *   passing.h   messages that pass, and files of them
 *   idl.h, value.h  interfaces and values at run time
 *
 * One thread, but for those of the bus. */
#ifndef TROUPE_COMMAND_COMMAND_H
#define TROUPE_COMMAND_COMMAND_H

#include <stdatomic.h>

#include "bus/troupe_host.h"
#include "command/idl.h"
#include "command/value.h"
#include "launcher/visit.h"

enum tc_status {
    TC_DONE = 0,
    TC_FAILED = 1,
    TC_USAGE = 2,
    TC_NOBODY = 3, /* no program, no such role */
    TC_LATE = 4,   /* --timeout passed */
    TC_INTERRUPTED = 130,
};
enum {
    TC_WORDS_MAX = 256,
    TC_MODELS_MAX = 64, /* interfaces of one program */
    TC_SERVED_MAX = 16, /* by one actor */
    TC_PATH_BYTES_MAX = 4096,
    TC_START_MS = 30000, /* for a program that starts */
};

/* Options that some verbs take. */
enum {
    TC_TAKES_COUNT = 1,
    TC_TAKES_OPEN_METRICS = 2,
    TC_TAKES_CONTENTS = 4,
    TC_TAKES_BUS = 8,
};
struct tc_options {
    const char *attach; /* NULL: to be found */
    bool json;
    bool open_metrics;
    bool help;
    uint32_t timeout_ms; /* 0: not given */
    uint64_t count;      /* 0: not given */
    uint64_t contents_bytes;
    unsigned given;                  /* TC_TAKES_... of those that not every verb takes */
    const char *words[TC_WORDS_MAX]; /* after the verb */
    size_t words_count;
};
struct tc_session {
    const struct tc_options *options;
    bool silent;      /* for completion: nothing is said */
    const char *only; /* the one role that links are opened to; NULL: to all that are ready */
    char path[TC_PATH_BYTES_MAX];
    struct tl_visit visit;
    bool visiting;
    struct tl_visit_roles roles;
    struct troupe *troupe;
    atomic_bool attached; /* what becomes of links then is for who waits on them to say */
    struct idl *models[TC_MODELS_MAX];
    size_t models_count;
    struct value_room room; /* of what agents answered */
};
struct tc_verb {
    const char *name;
    const char *arguments;
    const char *summary;
    const char *help; /* after the summary; with examples */
    unsigned words_min;
    unsigned words_max;
    unsigned takes; /* TC_TAKES_... */
    enum tc_status (*run)(struct tc_session *session);
};
extern const struct tc_verb tc_verbs[];
extern const size_t tc_verbs_count;

/* ---- main.c ---------------------------------------------------------------------------------- */

int tc_main(int argc, char **argv);
/* "--attach" and so on; NULL: there are no more. */
const char *tc_option_name(size_t i);

/* ---- say.c ----------------------------------------------------------------------------------- */

/* One line on stderr. */
void tc_say(const struct tc_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A failure of the bus or of the target, as the person asked for it: `what`. Returns its status. */
enum tc_status tc_say_error(const struct tc_session *session, const char *what,
                            const struct idl *idl, const struct troupe_error *error);

/* Columns of text; JSON: a list of objects. [owned] cells are copied. */
enum { TC_COLUMNS_MAX = 16 };
struct tc_column {
    const char *title; /* of JSON, too, in lower case */
    bool number;
};
struct tc_table {
    const struct tc_column *columns;
    size_t columns_count;
    char **cells;
    size_t cells_count;
};
void tc_table_add(struct tc_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tc_table_print(const struct tc_table *table, bool json);
void tc_table_free(struct tc_table *table);

/* ---- find.c ---------------------------------------------------------------------------------- */

/* Visits the program that is meant. TC_NOBODY: said what to do. */
enum tc_status tc_find(struct tc_session *session);

/* ---- session.c ------------------------------------------------------------------------------- */

/* What a person names: a role, an actor that a role handed out, the agent of a role's process. */
struct tc_target {
    char name[256];
    const struct tl_visit_role *role;
    struct troupe_ref ref;
    const struct idl *idls[TC_SERVED_MAX];
    size_t idls_count;
};
/* Finds the program and opens links to the roles that are ready, or to `only` one of them. */
enum tc_status tc_open(struct tc_session *session);
void tc_close(struct tc_session *session);
/* The role of that name; NULL: there is none, unsaid. */
const struct tl_visit_role *tc_role(const struct tc_session *session, const char *name,
                                    size_t size);
/* Says so, and which one was probably meant. */
void tc_say_no_role(const struct tc_session *session, const char *word, size_t size);
/* TC_NOBODY, TC_FAILED, TC_LATE: said why. */
enum tc_status tc_target_find(struct tc_session *session, const char *word,
                              struct tc_target *ret_target);
/* By which the process of `role` is asked about itself. */
struct troupe_ref tc_agent(const struct tc_session *session, const struct tl_visit_role *role);
/* Keeps the interface that is told in words; NULL: `why` says what is wrong with it. */
const struct idl *tc_model_add(struct tc_session *session, struct troupe_text text,
                               char why[IDL_WHY_BYTES_MAX]);
/* "troupe.Wallet" and "Wallet" are the same. */
bool tc_is_named(const char *full, size_t size, const char *name);
/* The interface `id`, or of that name (NULL: not by name), as the process of `role` has it. */
enum tc_status tc_model(struct tc_session *session, const struct tl_visit_role *role, uint32_t id,
                        const char *name, const struct idl **ret_idl);
/* All that the process of `role` serves. */
enum tc_status tc_models(struct tc_session *session, const struct tl_visit_role *role,
                         const struct idl **ret_idls, size_t max, size_t *ret_count);
/* Asks the role `launcher` for something without arguments. VALUE_ABSENT: it is not among the roles that this visitor may use. */
enum tc_status tc_ask_launcher(struct tc_session *session, const char *method,
                               struct value *ret_value);
/* Asks the agent of the process of `role` for something without arguments. */
enum tc_status tc_ask_agent(struct tc_session *session, const struct tl_visit_role *role,
                            const char *method, struct value *ret_value);
/* A field of a struct; NULL: there is none of that name. */
const struct value *tc_field(const struct value *value, const char *name);
/* What an actor of the process of `role` is doing. Pages are put together; `each` for every one. */
typedef void tc_actor_fn(void *user, const struct value *actor);
enum tc_status tc_actors(struct tc_session *session, const struct tl_visit_role *role,
                         tc_actor_fn *each, void *user);
/* The first role that is ready of each process, in turn from *at; NULL: no more. */
const struct tl_visit_role *tc_next_process(const struct tc_session *session, size_t *at);
/* For values: refs by the same words. */
value_ref_fn tc_ref;

/* ---- run.c ----------------------------------------------------------------------------------- */

/* Something that goes on in an actor of this process until it says that it is over. */
struct tc_run {
    struct tc_session *session;
    bool over;
    enum tc_status status;
    void (*begin)(struct troupe_actor *self, struct tc_run *run);
    void (*tick)(struct troupe_actor *self, struct tc_run *run); /* each second; may be NULL */
    bool until_cut; /* it goes on until somebody ends it: Ctrl-C or --timeout is no failure */
    /* It was cut: goes on until it says that it is over, 2 s at most. May be NULL; runs outside of the actor. */
    void (*on_cut)(struct tc_run *run);
    bool was_cut;
    enum tc_status cut_status; /* what it is to end with then */
    void *user;
};
/* Until it is over, or Ctrl-C: TC_INTERRUPTED. The bus is closed then: it is the last thing of a session. What goes on until it is cut ends when a process is gone
 * (TC_NOBODY) or --timeout passed, too: TC_LATE if --count was to come first. */
enum tc_status tc_run(struct tc_run *run);
void tc_over(struct tc_run *run, enum tc_status status);
/* From now on SIGINT, SIGTERM and SIGHUP end a run, and this process at once while there is none. */
void tc_signals(void);
/* After printing: ends the run when nobody reads any more. */
void tc_flush(struct tc_run *run);

/* ---- verbs ----------------------------------------------------------------------------------- */

enum tc_status tc_verb_ps(struct tc_session *session);
enum tc_status tc_verb_tree(struct tc_session *session);
enum tc_status tc_verb_list(struct tc_session *session);
enum tc_status tc_verb_introspect(struct tc_session *session);
enum tc_status tc_verb_call(struct tc_session *session);
enum tc_status tc_verb_watch(struct tc_session *session);
enum tc_status tc_verb_stats(struct tc_session *session);
enum tc_status tc_verb_wait(struct tc_session *session);
enum tc_status tc_verb_top(struct tc_session *session);
enum tc_status tc_verb_monitor(struct tc_session *session);
enum tc_status tc_verb_capture(struct tc_session *session);
enum tc_status tc_verb_read(struct tc_session *session);
enum tc_status tc_verb_kill(struct tc_session *session);
enum tc_status tc_verb_restart(struct tc_session *session);
enum tc_status tc_verb_idl(struct tc_session *session);
enum tc_status tc_verb_complete(struct tc_session *session);

#endif
