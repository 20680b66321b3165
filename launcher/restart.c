/* restart.c - a process that died, or hangs, comes back.
 *
 *           died, policy says so      due         opened                          all ready
 *   RUNNING -------------------> WAITING --> OPENING ---> STARTING: links, roles ----------> RUNNING
 *                                   ^           |            |
 *                                   +-----------+------------+ died, or not in time: killed
 *
 * One for one: the others go on. They get an end of a fresh link over their control sockets, as at
 * the start, and their refs to the roles of the dead process stay valid. Nothing here waits: each
 * turn of the loop (supervise.c) looks what has come true. A role starts when those that it uses are
 * ready, so that two processes that died together come back in order.
 *
 * Every death counts against the intensity, whether of one that ran or of one that did not get so
 * far; not one that somebody asked for (service.c). Until the program has started once nothing is restarted: what can't start says why.
 *
 * A process that hangs is one from whose workers no heartbeat came for a while (child.c). It is
 * believed to hang only while this process itself was awake, and while nobody debugs it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "launcher/launch.h"

/* This loop turns at least twice a second: when it did not, the machine or we were asleep. */
enum { ASLEEP_MS = 3000 };

static void tell(const struct tl_launcher *launcher, size_t place,
                 enum troupe_process_event_kind kind, const char *text)
{
    const struct troupe_program *program = launcher->program;
    struct troupe_process_event event = {.kind = kind,
                                         .process = launcher->processes[place].name,
                                         .pid = launcher->processes[place].pid,
                                         .text = text};
    tl_say(program, "process %s %s", event.process, text);
    if (program->on_process != NULL) {
        program->on_process(launcher->troupe, &event);
    }
}

static void enter(struct tl_life *life, enum tl_phase phase)
{
    life->phase = phase;
    life->since_ms = troupe_now_ms();
    tl_service_changed();
}

void tl_restart_begin(struct tl_launcher *launcher)
{
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        enter(&launcher->lives[i], TL_RUNNING);
    }
}

/* ---- links ----------------------------------------------------------------------------------- */

/* Who a link's end belongs to, and who is at the other: a peer that is no place is a client. */
static size_t find_place(const struct tl_launcher *launcher, struct troupe_text name)
{
    size_t count = launcher->composition.places_count;
    size_t i = 0;
    while (i < count && (strlen(launcher->composition.places[i].name) != name.size ||
                         memcmp(launcher->composition.places[i].name, name.data, name.size) != 0)) {
        i++;
    }
    return i;
}

void tl_end_handed(struct tl_launcher *launcher, size_t place, size_t peer)
{
    launcher->lives[place].ends[peer]++;
    launcher->lives[place].awaited |= tl_bit(peer);
}

void tl_end_up(struct tl_launcher *launcher, size_t place, struct troupe_text name)
{
    size_t peer = find_place(launcher, name);
    if (peer < launcher->composition.places_count) {
        launcher->lives[place].awaited &= ~tl_bit(peer);
    }
}

void tl_end_gone(struct tl_launcher *launcher, size_t place, struct troupe_text name, int code)
{
    struct tl_life *life = &launcher->lives[place];
    size_t peer = find_place(launcher, name);
    if (peer == launcher->composition.places_count || life->ends[peer] == 0) {
        return;
    }
    life->ends[peer]--;
    if (life->orphans[peer] > 0) {
        life->orphans[peer]--; /* of a process that is known to be dead */
    } else if (code != 0) {
        /* Mostly the first sign that a process dies: its death has a moment to come. */
        life->lost |= tl_bit(peer);
        life->lost_ms = troupe_now_ms() + TL_LOST_MS;
    }
}

bool tl_ends_up(const struct tl_launcher *launcher, size_t place)
{
    bool up = launcher->lives[place].awaited == 0;
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        up = up && (launcher->lives[i].awaited & tl_bit(place)) == 0;
    }
    return up;
}

/* Whatever its links were, they are no more, and their other ends need no explanation. */
static void forget(struct tl_launcher *launcher, size_t place)
{
    struct tl_life *life = &launcher->lives[place];
    memset(life->ends, 0, sizeof life->ends);
    memset(life->orphans, 0, sizeof life->orphans);
    life->awaited = 0;
    life->lost = 0;
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        struct tl_life *other = &launcher->lives[i];
        other->orphans[place] = other->ends[place];
        other->awaited &= ~tl_bit(place);
        other->lost &= ~tl_bit(place);
    }
    launcher->processes[place].opened = false;
    launcher->processes[place].stopping = false;
    launcher->ready &= ~launcher->composition.places[place].roles;
    launcher->ended &= ~launcher->composition.places[place].roles;
}

/* ---- death ----------------------------------------------------------------------------------- */

static unsigned draw(void)
{
    unsigned number = 0;
    ssize_t got = getrandom(&number, sizeof number, GRND_NONBLOCK);
    (void)got; /* then all wait equally long, which is no harm */
    return number;
}

void tl_restart_died(struct tl_launcher *launcher, size_t place, bool good, const char *how)
{
    const struct tl_policy *policy = &launcher->composition.places[place].policy;
    struct tl_life *life = &launcher->lives[place];
    const char *name = launcher->processes[place].name;
    uint64_t now = troupe_now_ms();
    char text[256];
    bool asked = life->asked;
    good = good && !life->failed;
    bool wanted = asked || policy->restart == TROUPE_RESTART_ALWAYS ||
                  (policy->restart == TROUPE_RESTART_ON_FAILURE && !good);
    forget(launcher, place);
    life->failed = false;
    life->asked = false;
    snprintf(life->how, sizeof life->how, "%s", how);
    enter(life, TL_WAITING);
    life->due_ms = TL_FOREVER;
    if (!wanted) {
        tl_fail(launcher, "process %s %s", name, how);
        return;
    }
    unsigned count = tl_policy_count(policy, &life->deaths, now);
    if (asked) {
        life->due_ms = now;
        snprintf(text, sizeof text, "%s, as it was asked to: it is started again", how);
        tell(launcher, place, TROUPE_PROCESS_DIED, text);
        return;
    }
    if (count == policy->restarts_max) {
        tl_fail(launcher, "process %s %s, after %u restarts within %u s: the program ends", name,
                how, count, policy->within_s);
        return;
    }
    life->deaths.at_ms[life->deaths.count++ % TL_RESTARTS_MAX] = now;
    life->due_ms = now + tl_policy_delay_ms(policy, count, draw());
    snprintf(text, sizeof text, "%s: it is started again", how);
    tell(launcher, place, TROUPE_PROCESS_DIED, text);
}

static void stop_in_order(struct tl_process *process, struct tl_life *life)
{
    struct tl_message stop = {.kind = TL_STOP, .code = TL_GRACE_MS};
    life->ending = true;
    life->due_ms = troupe_now_ms() + TL_GRACE_MS;
    enter(life, TL_STARTING); /* until it is dead, by itself or when the time is over */
    if (tl_send(process->control, &stop, 0) != 0) {
        tl_signal(process, SIGKILL);
    }
}

bool tl_restart_asked(struct tl_launcher *launcher, size_t place)
{
    struct tl_life *life = &launcher->lives[place];
    struct tl_process *process = &launcher->processes[place];
    if (!launcher->started || (life->phase != TL_RUNNING && life->phase != TL_WAITING)) {
        return false;
    }
    if (life->phase == TL_WAITING) {
        life->due_ms = troupe_now_ms();
        return true;
    }
    tl_say(launcher->program, "process %s is stopped: its restart was asked for", process->name);
    life->asked = true;
    stop_in_order(process, life);
    return true;
}

bool tl_restart_role_ended(struct tl_launcher *launcher, size_t role, int code)
{
    size_t place = tl_place_of(&launcher->composition, role);
    struct tl_process *process = &launcher->processes[place];
    struct tl_life *life = &launcher->lives[place];
    enum troupe_restart restart = launcher->composition.places[place].policy.restart;
    if (life->asked) {
        return true;
    }
    if (!launcher->started || place == 0 || restart == TROUPE_RESTART_NEVER ||
        (life->phase == TL_RUNNING && code == 0 && restart == TROUPE_RESTART_ON_FAILURE)) {
        return false;
    }
    if (!life->ending) {
        tl_say(launcher->program, "role %s %s: process %s is stopped",
               launcher->program->roles[role].name,
               life->phase == TL_RUNNING ? "ended" : "could not start", process->name);
        life->failed = life->phase != TL_RUNNING || code != 0;
        stop_in_order(process, life);
    }
    return true;
}

/* ---- coming back ----------------------------------------------------------------------------- */

static void begin(struct tl_launcher *launcher, size_t place)
{
    struct tl_process *process = &launcher->processes[place];
    struct tl_life *life = &launcher->lives[place];
    life->restarts++;
    life->ending = false;
    enter(life, TL_OPENING);
    life->started = 0;
    life->due_ms = troupe_now_ms() + TL_START_MS;
    if (tl_spawn(launcher->program, process) != 0) {
        char text[128];
        snprintf(text, sizeof text, "could not be started: %s", strerror(errno));
        tl_restart_died(launcher, place, false, text); /* that may be over soon */
        return;
    }
    tl_send_config(launcher, place);
}

static void relink(struct tl_launcher *launcher, size_t place)
{
    struct tl_life *life = &launcher->lives[place];
    enter(life, TL_STARTING);
    life->due_ms = troupe_now_ms() + TL_START_MS;
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        /* One that is not open yet makes the link when it is. */
        if (i != place && (i == 0 || launcher->processes[i].opened) &&
            !tl_join(launcher, place, i)) {
            life->failed = true;
            tl_signal(&launcher->processes[place], SIGKILL); /* once more from the beginning */
            return;
        }
    }
}

/* Starts the next role as soon as it may. True: all are ready. */
static bool start_roles(struct tl_launcher *launcher, size_t place)
{
    const struct tl_composition *composition = &launcher->composition;
    struct tl_life *life = &launcher->lives[place];
    for (size_t i = 0; i < launcher->program->roles_count; i++) {
        size_t role = composition->order[i];
        if ((composition->places[place].roles & tl_bit(role) & ~launcher->ready) == 0) {
            continue;
        }
        if ((composition->uses[role] & ~launcher->ready) != 0) {
            life->due_ms = troupe_now_ms() + TL_START_MS; /* those have their own time */
        } else if ((life->started & tl_bit(role)) == 0 && tl_ends_up(launcher, place)) {
            struct tl_message start = {.kind = TL_START,
                                       .name = troupe_text(launcher->program->roles[role].name)};
            life->started |= tl_bit(role);
            life->due_ms = troupe_now_ms() + TL_START_MS;
            if (tl_send(launcher->processes[place].control, &start, TL_TERM_MS) != 0) {
                tl_signal(&launcher->processes[place], SIGKILL);
            }
        }
        return false;
    }
    return true;
}

static void run_again(struct tl_launcher *launcher, size_t place)
{
    struct tl_life *life = &launcher->lives[place];
    char text[64];
    enter(life, TL_RUNNING);
    life->heard_ms = troupe_now_ms();
    snprintf(text, sizeof text, "runs again (process %d)", (int)launcher->processes[place].pid);
    tell(launcher, place, TROUPE_PROCESS_RESTARTED, text);
}

/* ---- the watchdog ---------------------------------------------------------------------------- */

void tl_restart_heard(struct tl_launcher *launcher, size_t place)
{
    launcher->lives[place].heard_ms = troupe_now_ms();
}

static bool is_debugged(pid_t pid)
{
    char path[64];
    char line[256];
    bool debugged = false;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid); /* not reaped: it is still its own */
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "TracerPid:", 10) == 0) {
            debugged = strtol(line + 10, NULL, 10) != 0;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return debugged;
}

static void watch(struct tl_launcher *launcher, size_t place, uint64_t now)
{
    struct tl_life *life = &launcher->lives[place];
    unsigned limit_s = launcher->composition.places[place].policy.watchdog_s;
    if (limit_s == 0 || life->heard_ms + limit_s * UINT64_C(1000) > now) {
        return;
    }
    life->heard_ms = now;
    if (!is_debugged(launcher->processes[place].pid)) {
        tl_say(launcher->program, "process %s gave no sign of life for %u s: ended by force",
               launcher->processes[place].name, limit_s);
        tl_signal(&launcher->processes[place], SIGKILL);
    }
}

/* ---- the loop's turn ------------------------------------------------------------------------- */

static void turn(struct tl_launcher *launcher, size_t place, uint64_t now)
{
    struct tl_life *life = &launcher->lives[place];
    struct tl_process *process = &launcher->processes[place];
    bool late = now >= life->due_ms;
    switch (life->phase) {
    case TL_RUNNING:
        watch(launcher, place, now);
        return;
    case TL_WAITING:
        if (late) {
            begin(launcher, place);
        }
        return;
    case TL_OPENING:
        if (process->opened) {
            relink(launcher, place);
            return;
        }
        break;
    case TL_STARTING:
        if (!life->ending && start_roles(launcher, place)) {
            run_again(launcher, place);
            return;
        }
        late = now >= life->due_ms;
        break;
    }
    if (late) {
        tl_say(launcher->program, "process %s %s: ended by force", process->name,
               life->ending ? "did not stop in time" : "did not come up in time");
        life->failed = true;
        life->due_ms = TL_FOREVER;
        tl_signal(process, SIGKILL);
    }
}

/* Both ends of a lost link live: somebody broke the framing. The one that is not this process begins
 * anew, with fresh links; of two children the one that the other complains of. */
static void look_at_links(struct tl_launcher *launcher, size_t place, uint64_t now)
{
    struct tl_life *life = &launcher->lives[place];
    if (life->lost == 0 || now < life->lost_ms) {
        return;
    }
    for (size_t peer = 0; peer < launcher->composition.places_count; peer++) {
        if ((life->lost & tl_bit(peer)) == 0) {
            continue;
        }
        size_t blamed = peer != 0 ? peer : place;
        launcher->lives[peer].lost &= ~tl_bit(place); /* it may complain, too: once is enough */
        tl_say(launcher->program,
               "the link between %s and %s is lost: process %s is ended by force",
               launcher->processes[place].name, launcher->processes[peer].name,
               launcher->processes[blamed].name);
        launcher->lives[blamed].failed = true;
        tl_signal(&launcher->processes[blamed], SIGKILL);
    }
    life->lost = 0;
}

void tl_restart_turn(struct tl_launcher *launcher, uint64_t now)
{
    bool was_asleep = now - launcher->turned_ms > ASLEEP_MS;
    launcher->turned_ms = now;
    for (size_t i = 0; i < launcher->composition.places_count && !launcher->stop_wanted; i++) {
        look_at_links(launcher, i, now);
        if (was_asleep) {
            launcher->lives[i].heard_ms = now;
        }
        if (i > 0 && launcher->started && !launcher->stop_wanted) {
            turn(launcher, i, now);
        }
    }
}

uint64_t tl_restart_due_ms(const struct tl_launcher *launcher)
{
    uint64_t due = TL_FOREVER;
    for (size_t i = 1; i < launcher->composition.places_count; i++) {
        const struct tl_life *life = &launcher->lives[i];
        if (life->phase == TL_WAITING && life->due_ms < due && !launcher->stop_wanted) {
            due = life->due_ms;
        }
    }
    return due;
}
