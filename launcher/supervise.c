/* supervise.c - what happens to a running program: signals, deaths, messages, notes of the bus.
 *
 * One poll loop on the main thread. tl_wait turns it until a condition holds, so that starting and
 * stopping read from top to bottom (launcher.c). A death is believed when the pidfd says so, after
 * the child's last words were read from its control socket. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launcher/launch.h"

void tl_want_stop(struct tl_launcher *launcher, int status)
{
    if (!launcher->stop_wanted) {
        launcher->stop_wanted = true;
        launcher->status = status;
    }
}

void tl_fail(struct tl_launcher *launcher, const char *format, ...)
{
    char text[TL_REPORT_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tl_say(launcher->program, "%s", text);
    tl_want_stop(launcher, TL_STATUS_FAILED);
    if (launcher->status == 0) {
        launcher->status = TL_STATUS_FAILED;
    }
}

bool tl_hurried(const struct tl_launcher *launcher)
{
    return launcher->signals_count > 1;
}

/* ---- roles and links ------------------------------------------------------------------------- */

static bool all_ready(const struct tl_launcher *launcher)
{
    for (size_t role = 0; role < launcher->program->roles_count; role++) {
        bool starts = tl_place_of(&launcher->composition, role) <
                      launcher->composition.places_count;
        if (starts && (launcher->ready & tl_bit(role)) == 0) {
            return false;
        }
    }
    return true;
}

/* The last one makes the program a started one at once: a death that is seen in the same turn of the
 * loop was not at the start any more. */
static void role_ready(struct tl_launcher *launcher, struct troupe_text name)
{
    size_t role = tl_role_find(launcher->program, name.data, name.size);
    if (role < launcher->program->roles_count) {
        launcher->ready |= tl_bit(role);
        if (!launcher->started && all_ready(launcher) && !launcher->stop_wanted) {
            launcher->started = true;
            tl_restart_begin(launcher);
        }
    }
}

static void role_ended(struct tl_launcher *launcher, struct troupe_text name, int code)
{
    const struct troupe_program *program = launcher->program;
    size_t role = tl_role_find(program, name.data, name.size);
    if (role == program->roles_count || (launcher->ended & tl_bit(role)) != 0) {
        return;
    }
    launcher->ended |= tl_bit(role);
    if (launcher->stop_wanted || tl_restart_role_ended(launcher, role, code)) {
        return;
    }
    bool is_told = code > 0;
    if ((launcher->ready & tl_bit(role)) == 0 && is_told) {
        tl_want_stop(launcher, TL_STATUS_FAILED);
    } else if ((launcher->ready & tl_bit(role)) == 0) {
        tl_fail(launcher, "role %s could not start: %s", program->roles[role].name,
                code < 0 ? troupe_error_text(code) : "it ended at once");
    } else if (strcmp(program->roles[role].name, program->front) == 0) {
        tl_want_stop(launcher, code == 0 ? 0 : TL_STATUS_FAILED);
    } else {
        tl_fail(launcher, "role %s ended", program->roles[role].name);
    }
}

/* ---- children -------------------------------------------------------------------------------- */

/* Of the roles of others a child has nothing to say. */
static bool is_its_role(const struct tl_launcher *launcher, size_t place, struct troupe_text name)
{
    size_t role = tl_role_find(launcher->program, name.data, name.size);
    return role < launcher->program->roles_count &&
           (launcher->composition.places[place].roles & tl_bit(role)) != 0;
}

/* False: it may not say that. */
static bool child_says(struct tl_launcher *launcher, size_t place, const struct tl_message *message)
{
    struct tl_process *process = &launcher->processes[place];
    bool known = (message->kind != TL_READY && message->kind != TL_ENDED) ||
                 is_its_role(launcher, place, message->name);
    if (!known || (message->kind == TL_FAILED && process->opened)) {
        return false;
    }
    switch (message->kind) {
    case TL_FAILED:
        tl_fail(launcher, "process %s could not be started: %s: %s", process->name, tl_executable(),
                strerror(message->code));
        process->stopping = true; /* its end needs no further word */
        break;
    case TL_OPENED:
        process->opened = true;
        break;
    case TL_UP:
        tl_end_up(launcher, place, message->name);
        break;
    case TL_GONE:
        tl_end_gone(launcher, place, message->name, message->code);
        tl_clients_unlinked(launcher, place, message->name);
        break;
    case TL_READY:
        role_ready(launcher, message->name);
        break;
    case TL_ENDED:
        role_ended(launcher, message->name, message->code);
        break;
    case TL_REPORT:
        tl_say_report(process->name, message->text.data, message->text.size);
        break;
    case TL_ALIVE:
        tl_restart_heard(launcher, place);
        break;
    case TL_QUIT:
        tl_want_stop(launcher, message->code);
        break;
    default:
        return false;
    }
    return true;
}

/* Only who breaks the protocol pays: its death is treated as any other. */
static void end_liar(struct tl_launcher *launcher, struct tl_process *process, const char *what)
{
    tl_say(launcher->program, "process %s %s: ended by force", process->name, what);
    tl_signal(process, SIGKILL);
    close(process->control);
    process->control = -1;
}

/* How much is read of one child before it is another's turn; and what a dead one may have left, which
 * is bounded by its socket's buffer. */
enum { HEARD_IN_TURN = 64, HEARD_AT_END = 4096 };

/* Reads what there is, of at most `max` messages. */
static void hear_child(struct tl_launcher *launcher, size_t place, int max)
{
    struct tl_process *process = &launcher->processes[place];
    for (int i = 0; i < max && process->control >= 0; i++) {
        struct tl_packet packet;
        int result = tl_receive(process->control, &packet);
        if (result == 1) {
            tl_message_close(&packet.message);
            if (!child_says(launcher, place, &packet.message)) {
                end_liar(launcher, process, "sent what it may not say");
            }
        } else if (result == 0) {
            close(process->control);
            process->control = -1;
        } else if (errno == EAGAIN) {
            return;
        } else {
            end_liar(launcher, process,
                     errno == EBADMSG ? "sent what is no control message" : "can't be heard");
        }
    }
}

/* All that may wait for a word of it: its death is certain here before any of their sockets shows it. */
static void tell_died(struct tl_launcher *launcher, size_t place)
{
    const char *name = launcher->processes[place].name;
    struct tl_message died = {.kind = TL_DIED, .name = troupe_text(name)};
    if (launcher->troupe != NULL) {
        troupe_host_peer_died(launcher->troupe, name);
    }
    for (size_t i = 1; i < launcher->composition.places_count; i++) {
        if (i != place && launcher->processes[i].opened && launcher->processes[i].control >= 0) {
            int untold = tl_send(launcher->processes[i].control, &died, 0);
            (void)untold; /* it notices by itself, later */
        }
    }
}

static void child_died(struct tl_launcher *launcher, size_t place)
{
    struct tl_process *process = &launcher->processes[place];
    char how[128];
    bool stopping = process->stopping;
    hear_child(launcher, place, HEARD_AT_END);
    stopping = stopping || process->stopping;
    bool good = tl_reap(process, how, sizeof how);
    tell_died(launcher, place);
    if (launcher->started && !launcher->stop_wanted) {
        tl_clients_place_died(launcher, place);
        tl_restart_died(launcher, place, good, how);
    } else if (!stopping || (!good && !launcher->stop_wanted)) {
        tl_fail(launcher, "process %s %s", process->name, how);
    } else if (!good && launcher->status == 0) {
        tl_fail(launcher, "process %s %s while it stopped", process->name, how);
    }
}

/* ---- signals and notes ----------------------------------------------------------------------- */

static void take_signal(struct tl_launcher *launcher)
{
    struct signalfd_siginfo info;
    if (read(launcher->signals, &info, sizeof info) != sizeof info) {
        return;
    }
    launcher->signals_count++;
    if (tl_hurried(launcher)) {
        launcher->status = TL_STATUS_HURRIED;
    }
    tl_want_stop(launcher, 0);
}

static void take_link_note(struct tl_launcher *launcher, const struct tl_note *note)
{
    bool up = note->kind == TL_NOTE_UP;
    if (launcher->guest != NULL) {
        tl_guest_link(launcher, note->name, up);
    } else if (up) {
        tl_end_up(launcher, 0, troupe_text(note->name));
    } else {
        tl_end_gone(launcher, 0, troupe_text(note->name), note->code);
        tl_clients_unlinked(launcher, 0, troupe_text(note->name));
    }
}

static void take_notes(struct tl_launcher *launcher)
{
    struct tl_note *note;
    while ((note = tl_inbox_take()) != NULL) {
        struct troupe_text name = troupe_text(note->name);
        switch (note->kind) {
        case TL_NOTE_UP:
        case TL_NOTE_GONE:
            take_link_note(launcher, note);
            break;
        case TL_NOTE_READY:
            role_ready(launcher, name);
            break;
        case TL_NOTE_ENDED:
            role_ended(launcher, name, note->code);
            break;
        case TL_NOTE_ALIVE:
            break; /* nobody watches this process */
        case TL_NOTE_DONE:
            launcher->command_running = false;
            tl_want_stop(launcher, note->code);
            if (launcher->status == 0) {
                launcher->status = note->code; /* Ctrl-C came first, and cut it short */
            }
            break;
        case TL_NOTE_QUIT:
            tl_want_stop(launcher, note->code);
            break;
        }
        tl_note_free(note);
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Where each descriptor stands in the array that is polled; -1 in it is passed over. */
enum {
    AT_SIGNALS,
    AT_INBOX,
    AT_PINNED,
    AT_GUEST,
    AT_LISTENERS,
    AT_CLIENTS = AT_LISTENERS + TL_DOORS,
    AT_CONTROLS = AT_CLIENTS + TL_DOORS * TL_CLIENTS_MAX,
    AT_PIDFDS = AT_CONTROLS + TL_PLACES_MAX,
    AT_COUNT = AT_PIDFDS + TL_PLACES_MAX,
};

static void fill(const struct tl_launcher *launcher, struct pollfd *fds)
{
    size_t places = launcher->composition.places_count;
    for (size_t i = 0; i < AT_COUNT; i++) {
        fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    }
    fds[AT_SIGNALS].fd = launcher->signals;
    fds[AT_INBOX].fd = launcher->inbox;
    fds[AT_PINNED].fd = launcher->troupe != NULL ? troupe_fd(launcher->troupe) : -1;
    fds[AT_GUEST].fd = launcher->guest != NULL ? launcher->guest->visit.fd : -1;
    for (size_t d = 0; d < TL_DOORS; d++) {
        const struct tl_door *door = &launcher->doors[d];
        fds[AT_LISTENERS + d].fd = launcher->serving ? door->listener : -1;
        for (size_t i = 0; i < TL_CLIENTS_MAX; i++) {
            fds[AT_CLIENTS + d * TL_CLIENTS_MAX + i].fd = door->clients[i].fd;
        }
    }
    for (size_t i = 1; i < places; i++) {
        fds[AT_CONTROLS + i].fd = launcher->processes[i].control;
        fds[AT_PIDFDS + i].fd = launcher->processes[i].pidfd;
    }
}

static void serve_door(struct tl_launcher *launcher, struct tl_door *door,
                       const struct pollfd *clients, const struct pollfd *listener)
{
    for (size_t i = 0; i < TL_CLIENTS_MAX; i++) {
        if (clients[i].revents != 0) {
            tl_clients_serve(launcher, door, i);
        }
    }
    if (listener->revents != 0) {
        tl_clients_enter(door);
    }
}

static void serve(struct tl_launcher *launcher, const struct pollfd *fds)
{
    if (fds[AT_SIGNALS].revents != 0) {
        take_signal(launcher);
    }
    if (fds[AT_INBOX].revents != 0) {
        take_notes(launcher);
    }
    if (fds[AT_PINNED].revents != 0) {
        troupe_step(launcher->troupe, 0);
    }
    for (size_t i = 1; i < launcher->composition.places_count; i++) {
        if (fds[AT_CONTROLS + i].revents != 0) {
            hear_child(launcher, i, HEARD_IN_TURN);
        }
        if (fds[AT_PIDFDS + i].revents != 0) {
            child_died(launcher, i);
        }
    }
    for (size_t d = 0; d < TL_DOORS; d++) {
        serve_door(launcher, &launcher->doors[d], fds + AT_CLIENTS + d * TL_CLIENTS_MAX,
                   &fds[AT_LISTENERS + d]);
    }
    if (fds[AT_GUEST].revents != 0) {
        tl_guest_hear(launcher);
    }
}

/* What only time brings: looked at at least this often. */
enum { TICK_MS = 500 };

static void tick(struct tl_launcher *launcher, uint64_t now)
{
    tl_clients_turn(launcher);
    if (launcher->guest != NULL) {
        tl_guest_turn(launcher, now);
    }
    tl_restart_turn(launcher, now);
    tl_service_turn(launcher);
}

bool tl_wait(struct tl_launcher *launcher, tl_condition *condition, size_t which, uint64_t due_ms)
{
    while (!condition(launcher, which)) {
        struct pollfd fds[AT_COUNT];
        uint64_t now = troupe_now_ms();
        if (now >= due_ms) {
            return false;
        }
        uint64_t restart_ms = tl_restart_due_ms(launcher);
        uint64_t first_ms = restart_ms < due_ms ? restart_ms : due_ms;
        uint64_t left = first_ms > now ? first_ms - now : 0;
        fill(launcher, fds);
        int ready = poll(fds, AT_COUNT, left < TICK_MS ? (int)left + 1 : TICK_MS);
        if (ready > 0) {
            serve(launcher, fds);
        }
        tick(launcher, troupe_now_ms());
    }
    return true;
}
