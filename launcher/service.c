/* service.c - the role `launcher`, which every program has: troupe.Launcher, for whoever wants to see
 * its processes, or have one of them killed or restarted.
 *
 * Its actor is pinned: it runs on the main thread, in a turn of the launcher's loop (supervise.c), so
 * it looks at the launcher, and has it act, without a lock. The loop in turn has it look whenever a
 * process got another state (tl_service_turn): it publishes that, and answers who waits for a
 * restart. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "interfaces/launcher.h"
#include "launcher/launch.h"

enum { WAITING_MAX = 32 }; /* calls of `restart` */

struct waiting {
    struct troupe_call *call; /* NULL: free */
    size_t place;
    uint64_t restarts; /* of its process by now: one more is what is waited for */
};

/* An actor finds the launcher that it is in by this: there is one per process. */
static struct {
    struct tl_launcher *launcher;
    struct troupe_ref self;
    bool serves;
    uint64_t changes;
    uint64_t told; /* of them */
    struct waiting waiting[WAITING_MAX];
} service;

/* ---- what there is --------------------------------------------------------------------------- */

static enum launcher_state state_of(const struct tl_launcher *launcher, size_t place)
{
    const struct tl_life *life = &launcher->lives[place];
    switch (life->phase) {
    case TL_RUNNING:
        return launcher->started ? LAUNCHER_STATE_RUNNING : LAUNCHER_STATE_STARTING;
    case TL_WAITING:
        return LAUNCHER_STATE_WAITING;
    case TL_OPENING:
    case TL_STARTING:
        break;
    }
    return life->ending ? LAUNCHER_STATE_ENDING : LAUNCHER_STATE_STARTING;
}

static uint32_t pid_of(const struct tl_launcher *launcher, size_t place)
{
    const struct tl_process *process = &launcher->processes[place];
    return place == 0 ? (uint32_t)getpid() : process->pidfd >= 0 ? (uint32_t)process->pid : 0;
}

static struct launcher_process process_of(const struct tl_launcher *launcher, size_t place)
{
    const struct tl_place *at = &launcher->composition.places[place];
    const struct tl_life *life = &launcher->lives[place];
    _Static_assert((int)TROUPE_RESTART_ALWAYS == (int)LAUNCHER_POLICY_ALWAYS, "the same policies");
    return (struct launcher_process){.name = troupe_text(at->name),
                                     .pid = pid_of(launcher, place),
                                     .state = state_of(launcher, place),
                                     .since_ms = troupe_now_ms() - life->since_ms,
                                     .restarts = life->restarts,
                                     .ended = troupe_text(life->how),
                                     .policy = (enum launcher_policy)at->policy.restart,
                                     .sandboxed = at->sandboxed,
                                     .own = place == 0};
}

static void list_processes(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    const struct tl_launcher *launcher = service.launcher;
    const struct tl_composition *composition = &launcher->composition;
    struct launcher_process processes[TL_PLACES_MAX];
    struct launcher_role roles[TROUPE_ROLES_MAX];
    struct launcher_list_processes_results results = {.processes = processes,
                                                      .processes_count = composition->places_count,
                                                      .roles = roles,
                                                      .changes = service.changes};
    (void)self;
    (void)state;
    for (size_t i = 0; i < composition->places_count; i++) {
        processes[i] = process_of(launcher, i);
    }
    for (size_t i = 0; i < launcher->program->roles_count; i++) {
        size_t place = tl_place_of(composition, i);
        if (place < composition->places_count) {
            roles[results.roles_count++] = (struct launcher_role){
                .name = troupe_text(launcher->program->roles[i].name),
                .process = troupe_text(composition->places[place].name),
                .ready = (launcher->ready & tl_bit(i)) != 0};
        }
    }
    launcher_list_processes_reply(call, &results);
}

/* ---- what is asked for ----------------------------------------------------------------------- */

/* A process by its name, or that of a role which lives in it. False: the call has its answer. */
static bool find(struct troupe_call *call, struct troupe_text name, size_t *ret_place)
{
    const struct tl_launcher *launcher = service.launcher;
    const struct tl_composition *composition = &launcher->composition;
    char text[256];
    size_t place = 0;
    while (place < composition->places_count &&
           (strlen(composition->places[place].name) != name.size ||
            memcmp(composition->places[place].name, name.data, name.size) != 0)) {
        place++;
    }
    size_t role = tl_role_find(launcher->program, name.data, name.size);
    if (place == composition->places_count && role < launcher->program->roles_count) {
        place = tl_place_of(composition, role);
    }
    if (place == composition->places_count) {
        snprintf(text, sizeof text, "there is no process or role \"%.*s\": list_processes has them",
                 (int)name.size, name.data);
        launcher_fail_not_found(call, text);
        return false;
    }
    if (place == 0) {
        snprintf(text, sizeof text, "process %s is the launcher's own: end the program instead",
                 composition->places[0].name);
        launcher_fail_own(call, text);
        return false;
    }
    *ret_place = place;
    return true;
}

static void fail_now(struct troupe_call *call, size_t place)
{
    char text[128];
    snprintf(text, sizeof text, "process %s is %s: try again when it runs",
             service.launcher->composition.places[place].name,
             state_of(service.launcher, place) == LAUNCHER_STATE_ENDING ? "just ending"
             : state_of(service.launcher, place) == LAUNCHER_STATE_WAITING
                 ? "dead, and about to be started"
                 : "just starting");
    launcher_fail_not_now(call, text);
}

static void kill_process(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct launcher_kill_args *args)
{
    struct tl_launcher *launcher = service.launcher;
    size_t place;
    (void)self;
    (void)state;
    if (!find(call, args->name, &place)) {
        return;
    }
    const struct tl_process *process = &launcher->processes[place];
    struct launcher_kill_results results = {.process = troupe_text(process->name),
                                            .pid = pid_of(launcher, place)};
    if (process->pidfd < 0) {
        fail_now(call, place);
        return;
    }
    tl_say(launcher->program, "process %s is killed: that was asked for", process->name);
    tl_signal(process, SIGKILL);
    launcher_kill_reply(call, &results);
}

static void restart(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct launcher_restart_args *args)
{
    size_t place;
    size_t at = 0;
    (void)self;
    (void)state;
    if (!find(call, args->name, &place)) {
        return;
    }
    while (at < WAITING_MAX && service.waiting[at].call != NULL) {
        at++;
    }
    uint64_t restarts = service.launcher->lives[place].restarts;
    if (at == WAITING_MAX) {
        troupe_fail(call, TROUPE_EBUSY, "too many wait for a restart already");
    } else if (!tl_restart_asked(service.launcher, place)) {
        fail_now(call, place);
    } else {
        troupe_defer(call);
        service.waiting[at] = (struct waiting){call, place, restarts};
    }
}

/* ---- what changes ---------------------------------------------------------------------------- */

static void settle(struct waiting *waiting)
{
    const struct tl_launcher *launcher = service.launcher;
    if (waiting->call == NULL) {
        return;
    }
    if (troupe_cancelled(waiting->call)) {
        troupe_fail(waiting->call, TROUPE_ETIMEOUT, NULL);
        waiting->call = NULL;
    } else if (launcher->lives[waiting->place].restarts > waiting->restarts &&
               state_of(launcher, waiting->place) == LAUNCHER_STATE_RUNNING) {
        struct launcher_restart_results results = {.process = process_of(launcher, waiting->place)};
        launcher_restart_reply(waiting->call, &results);
        waiting->call = NULL;
    }
}

static void look(struct troupe_actor *self, void *user)
{
    struct launcher_processes_changed changed = {.changes = service.changes};
    (void)user;
    for (size_t i = 0; i < WAITING_MAX; i++) {
        settle(&service.waiting[i]);
    }
    int error = launcher_publish_processes_changed(self, &changed);
    (void)error; /* the next one says the same */
}

void tl_service_changed(void)
{
    service.changes++;
}

void tl_service_turn(const struct tl_launcher *launcher)
{
    if (service.serves && launcher->troupe != NULL && service.told != service.changes) {
        service.told = service.changes;
        int error = troupe_host_run(launcher->troupe, service.self, look);
        service.told -= error != 0; /* no memory: the next turn */
    }
}

/* ---- the role -------------------------------------------------------------------------------- */

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    service.self = troupe_self(self);
    service.serves = true;
    return 0;
}

static void stop(struct troupe_actor *self, void *state)
{
    (void)self;
    (void)state;
    service.serves = false; /* calls that wait fail as the actor ends */
    memset(service.waiting, 0, sizeof service.waiting);
}

static const struct launcher_handlers handlers = {
    .list_processes = list_processes, .kill = kill_process, .restart = restart};
static const struct troupe_service services[] = {{&launcher_interface, &handlers}};
static const struct troupe_actor_def actor = {.name = "launcher",
                                              .start = start,
                                              .stop = stop,
                                              .services = services,
                                              .services_count = 1,
                                              .flags = TROUPE_PINNED};

size_t tl_service_role(const struct troupe_program *program)
{
    return program->roles_count - 1;
}

void tl_service_open(struct tl_launcher *launcher)
{
    service.launcher = launcher;
}

const struct troupe_program *tl_service_add(const struct troupe_program *program)
{
    static struct troupe_program whole;
    static struct troupe_role roles[TROUPE_ROLES_MAX];
    static enum troupe_restart restarts[TROUPE_ROLES_MAX];
    static const char *asked_for[TROUPE_ROLES_MAX];
    static const char *const looks[] = {"list_processes", NULL};
    static struct troupe_reads reads[TROUPE_ROLES_MAX];
    size_t count = program->roles_count;
    if (count == TROUPE_ROLES_MAX ||
        tl_role_find(program, actor.name, strlen(actor.name)) != count) {
        tl_say(program,
               "at most %d roles, and none may be called %s: each program has one of that name",
               TROUPE_ROLES_MAX - 1, actor.name);
        return NULL;
    }
    memcpy(roles, program->roles, count * sizeof roles[0]);
    if (program->restarts != NULL) {
        memcpy(restarts, program->restarts, count * sizeof restarts[0]);
    }
    if (program->asked_for != NULL) {
        memcpy(asked_for, program->asked_for, count * sizeof asked_for[0]);
    }
    if (program->reads != NULL) {
        memcpy(reads, program->reads, program->reads_count * sizeof reads[0]);
    }
    reads[program->reads_count] = (struct troupe_reads){actor.name, looks};
    roles[count] = (struct troupe_role){.name = actor.name, .actor = &actor};
    whole = *program;
    whole.roles = roles;
    whole.roles_count = count + 1;
    whole.restarts = restarts; /* TROUPE_RESTART_NEVER where nothing was said, which is the same */
    whole.asked_for = asked_for;
    whole.reads = reads;
    whole.reads_count = program->reads_count + 1;
    return &whole;
}
