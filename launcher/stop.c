/* stop.c - ends a program in order, and in bounded time.
 *
 * The front role first, then processes, users before those whom they use, so that each can drain
 * into one that still listens. A process is asked, and closes its links with BYE; it has a grace,
 * then SIGTERM, then SIGKILL. A second Ctrl-C kills all at once. What hangs in this process itself
 * is ended by a watchdog thread, because the main thread is the one that is stuck. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launcher/launch.h"

/* ---- conditions ------------------------------------------------------------------------------ */

static bool role_ended(const struct tl_launcher *launcher, size_t which)
{
    return (launcher->ended & tl_bit(which)) != 0 || tl_hurried(launcher);
}

static bool process_gone(const struct tl_launcher *launcher, size_t which)
{
    return launcher->processes[which].pidfd < 0 || tl_hurried(launcher);
}

static bool process_reaped(const struct tl_launcher *launcher, size_t which)
{
    return launcher->processes[which].pidfd < 0;
}

static bool command_done(const struct tl_launcher *launcher, size_t which)
{
    (void)which;
    return !launcher->command_running || tl_hurried(launcher);
}

/* ---- one role, one process ------------------------------------------------------------------- */

static void stop_front(struct tl_launcher *launcher)
{
    const char *name = launcher->program->front;
    size_t front = tl_role_find(launcher->program, name, strlen(name));
    struct troupe_ref ref;
    if ((launcher->ready & ~launcher->ended & tl_bit(front)) == 0 ||
        troupe_host_find(launcher->troupe, name, &ref) != 0 ||
        troupe_stop(launcher->troupe, ref) != 0) {
        return;
    }
    if (!tl_wait(launcher, role_ended, front, troupe_now_ms() + TL_GRACE_MS)) {
        tl_fail(launcher, "role %s did not end within %d s", name, TL_GRACE_MS / 1000);
    }
}

static void stop_process(struct tl_launcher *launcher, size_t place)
{
    struct tl_process *process = &launcher->processes[place];
    struct tl_message stop = {.kind = TL_STOP, .code = TL_GRACE_MS};
    if (process->pidfd < 0) {
        return;
    }
    bool told = process->control >= 0 && tl_send(process->control, &stop, TL_TERM_MS) == 0;
    process->stopping = process->stopping || told;
    int grace_ms = told ? TL_GRACE_MS : TL_TERM_MS; /* what can't be told is ending, most likely */
    if (!tl_wait(launcher, process_gone, place, troupe_now_ms() + (uint64_t)grace_ms)) {
        tl_fail(launcher, "process %s did not stop within %d s: ended by force", process->name,
                grace_ms / 1000);
        tl_signal(process, SIGTERM);
        tl_wait(launcher, process_gone, place, troupe_now_ms() + TL_TERM_MS);
    }
    tl_signal(process, SIGKILL); /* does nothing where it is gone */
    tl_wait(launcher, process_reaped, place, TL_FOREVER);
}

/* ---- by force -------------------------------------------------------------------------------- */

static void kill_all(struct tl_launcher *launcher)
{
    char how[128];
    for (size_t i = 1; i < launcher->composition.places_count; i++) {
        struct tl_process *process = &launcher->processes[i];
        if (process->pidfd >= 0) {
            tl_signal(process, SIGKILL);
            tl_reap(process, how, sizeof how);
        }
    }
}

/* Ends this process while its main thread is stuck in troupe_close: at the second Ctrl-C, or when
 * the time is over. What it touches of the launcher the main thread leaves alone meanwhile. */
struct watchdog {
    struct tl_launcher *launcher;
    int closed; /* readable when there is nothing left to watch */
    pthread_t thread;
};

static void *watch(void *user)
{
    struct watchdog *dog = user;
    struct tl_launcher *launcher = dog->launcher;
    struct pollfd fds[] = {{.fd = dog->closed, .events = POLLIN},
                           {.fd = launcher->signals, .events = POLLIN}};
    uint64_t due = troupe_now_ms() + TL_GRACE_MS + TL_TERM_MS;
    int status = TL_STATUS_FAILED;
    for (uint64_t now = troupe_now_ms(); now < due; now = troupe_now_ms()) {
        poll(fds, 2, (int)(due - now));
        if (fds[0].revents != 0) {
            return NULL;
        }
        struct signalfd_siginfo info;
        if (fds[1].revents != 0 && read(launcher->signals, &info, sizeof info) == sizeof info &&
            ++launcher->signals_count > 1) {
            status = TL_STATUS_HURRIED;
            break;
        }
    }
    if (status == TL_STATUS_FAILED) {
        tl_say(launcher->program, "process %s did not stop within %d s: ended by force",
               launcher->composition.places[0].name, TL_GRACE_MS / 1000);
    }
    kill_all(launcher);
    tl_door_shut(&launcher->doors[TL_DOOR_DATA]);
    tl_door_shut(&launcher->doors[TL_DOOR_BIND]);
    _exit(status);
}

static void close_runtime(struct tl_launcher *launcher)
{
    if (launcher->troupe == NULL) {
        return;
    }
    struct watchdog dog = {.launcher = launcher, .closed = eventfd(0, EFD_CLOEXEC)};
    bool watched = dog.closed >= 0 && pthread_create(&dog.thread, NULL, watch, &dog) == 0;
    troupe_close(launcher->troupe, TL_GRACE_MS);
    launcher->troupe = NULL;
    if (watched) {
        eventfd_write(dog.closed, 1);
        pthread_join(dog.thread, NULL);
    }
    close(dog.closed);
}

/* ---- in order -------------------------------------------------------------------------------- */

/* When a process may stop: the later its last role started, the earlier. */
static size_t rank(const struct tl_launcher *launcher, size_t place)
{
    const struct tl_composition *composition = &launcher->composition;
    size_t front = tl_role_find(launcher->program, launcher->program->front,
                                strlen(launcher->program->front));
    uint64_t roles = composition->places[place].roles & ~tl_bit(front);
    size_t last = place == 0 ? launcher->program->roles_count : 0;
    for (size_t i = 0; i < launcher->program->roles_count; i++) {
        if (roles & tl_bit(composition->order[i])) {
            last = i;
        }
    }
    return last;
}

bool tl_stop(struct tl_launcher *launcher)
{
    bool stopped[TL_PLACES_MAX] = {false};
    size_t count = launcher->composition.places_count;
    tl_door_shut(&launcher->doors[TL_DOOR_DATA]);
    tl_door_shut(&launcher->doors[TL_DOOR_BIND]);
    if (launcher->troupe != NULL) {
        stop_front(launcher);
    }
    /* A command that still runs (Ctrl-C) is freed of its calls when those whom it calls stop. */
    bool own_last = launcher->command_running;
    for (size_t round = 0; round < count && !tl_hurried(launcher); round++) {
        size_t next = count;
        for (size_t i = own_last ? 1 : 0; i < count; i++) {
            if (!stopped[i] && (next == count || rank(launcher, i) > rank(launcher, next))) {
                next = i;
            }
        }
        if (next == 0) {
            close_runtime(launcher);
        } else if (next < count) {
            stop_process(launcher, next);
        }
        stopped[next < count ? next : 0] = true;
    }
    if (own_last && !tl_wait(launcher, command_done, 0, troupe_now_ms() + TL_GRACE_MS)) {
        tl_fail(launcher, "%s did not end within %d s", launcher->line->command->name,
                TL_GRACE_MS / 1000);
    }
    kill_all(launcher);
    if (launcher->command_running || tl_hurried(launcher)) {
        return false;
    }
    close_runtime(launcher);
    return true;
}
