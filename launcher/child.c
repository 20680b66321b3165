/* child.c - a process that hosts roles, from its first descriptor to its last.
 *
 * In this order, and the order matters:
 *   1. take over the control socket, the only descriptor besides stdio
 *   2. hear from the launcher which roles live here and what the options are
 *   3. restrict this process: no thread runs yet, so what is laid on this one holds for all
 *   4. start the runtime: NNG's threads and the workers
 *   5. serve the launcher: open links, start roles, tell what became of them, stop
 *
 * All on the main thread, which also steps pinned actors; reports go out on any thread. The launcher
 * is trusted, but a message that is not one of its protocol ends the process all the same. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/launch.h"
#include "launcher/sandbox.h"

struct child {
    const struct troupe_program *program;
    struct troupe_arguments arguments;
    char name[TROUPE_NAME_BYTES_MAX + 1];
    char *values[TL_OPTIONS_MAX]; /* what the arguments borrow */
    uint64_t roles;
    int sandbox; /* enum tl_sandbox_code */
    char *allow; /* words of --bind-allow; NULL: there are none */
    uint64_t uses[TROUPE_ROLES_MAX];
    struct tl_seats seats;
    struct troupe *troupe;
    int control;
    int inbox;
    uint32_t grace_ms;
    uint64_t beat_ms; /* between heartbeats; 0: none */
    uint64_t next_beat_ms;
    bool beating; /* a worker was asked and has not answered yet */
    bool stopping;
    bool failed;
};

/* ---- 1. the control socket ------------------------------------------------------------------- */

static bool take_control(struct child *child)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(TL_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        type != SOCK_SEQPACKET) {
        tl_say(child->program, "%s is for the processes that it starts itself", TL_CHILD_MARK);
        return false;
    }
    child->control = TL_CONTROL_FD;
    return true;
}

/* ---- saying ---------------------------------------------------------------------------------- */

static void on_report(void *user, const char *text)
{
    struct child *child = user;
    struct tl_message report = {.kind = TL_REPORT, .text = troupe_text(text)};
    if (report.text.size > TL_REPORT_BYTES_MAX) {
        report.text.size = TL_REPORT_BYTES_MAX;
    }
    if (tl_send(child->control, &report, 0) != 0) {
        tl_say_report(child->name, text, strlen(text));
    }
}

/* What this process ends with. */
static bool fail(struct child *child, const char *what, const char *why)
{
    char text[TL_REPORT_BYTES_MAX];
    snprintf(text, sizeof text, "%s: %s", what, why);
    on_report(child, text);
    child->failed = true;
    child->stopping = true;
    return false;
}

/* ---- 2. what to be --------------------------------------------------------------------------- */

static bool take_config(struct child *child, const struct tl_message *config)
{
    const struct troupe_program *program = child->program;
    if (config->kind != TL_CONFIG || config->values.count != program->options_count ||
        config->uses_count != program->roles_count ||
        (config->roles & ~tl_roles_all(program)) != 0) {
        errno = EBADMSG;
        return false;
    }
    snprintf(child->name, sizeof child->name, "%.*s", (int)config->name.size, config->name.data);
    child->roles = config->roles;
    child->sandbox = config->code;
    memcpy(child->uses, config->uses, sizeof child->uses);
    child->allow = config->text.size != 0 ? strndup(config->text.data, config->text.size) : NULL;
    if (config->text.size != 0 && child->allow == NULL) {
        return false;
    }
    for (size_t i = 0; i < config->values.count; i++) {
        const struct troupe_text *value = &config->values.items[i];
        if (value->data == NULL) {
            continue;
        }
        child->values[i] = strndup(value->data, value->size);
        if (child->values[i] == NULL) {
            return false;
        }
        child->arguments.values[i] = child->values[i];
    }
    prctl(PR_SET_NAME, child->name);
    return true;
}

static bool receive_config(struct child *child)
{
    struct tl_packet packet;
    int result = tl_receive_wait(child->control, &packet, TL_START_MS);
    if (result == 0) {
        return false; /* the launcher is gone */
    }
    return (result == 1 && take_config(child, &packet.message)) ||
           fail(child, "it could not be told what to be", strerror(errno));
}

/* ---- 3. the restrictions --------------------------------------------------------------------- */

/* What a process can never take back. */
static bool restrict_self(struct child *child)
{
    char text[256];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail(child, "no new privileges", strerror(errno));
    }
    if (child->sandbox == TL_LEAVE_OPEN) {
        return true;
    }
    bool closed = tl_sandbox_enter(&child->arguments, child->roles, text, sizeof text);
    if (text[0] != '\0' && (!closed || child->sandbox == TL_CLOSE_AND_SAY)) {
        on_report(child, text);
    }
    return closed;
}

/* ---- 4. the runtime -------------------------------------------------------------------------- */

static void tell(struct child *child, enum tl_kind kind, const char *name, int code)
{
    struct tl_message message = {.kind = kind, .code = code, .name = troupe_text(name)};
    if (tl_send(child->control, &message, TL_TERM_MS) != 0) {
        if (errno != EPIPE && errno != ECONNRESET) { /* then the launcher is gone */
            fail(child, "the launcher can't be told", strerror(errno));
        }
        child->stopping = true;
    }
}

static bool open_runtime(struct child *child)
{
    struct troupe_config config = {.name = child->name, .on_report = on_report, .user = child};
    child->inbox = tl_inbox_open();
    if (child->inbox < 0) {
        return fail(child, "no descriptors", strerror(errno));
    }
    int error = troupe_open(&config, &child->troupe);
    if (error == 0) {
        troupe_host_on_event(child->troupe, tl_inbox_host, NULL);
        error = tl_declare(child->troupe, &child->arguments, child->roles, child->uses,
                           &child->seats);
    }
    if (error != 0) {
        return fail(child, "the runtime could not be opened", troupe_error_text(error));
    }
    tell(child, TL_OPENED, "", 0);
    return true;
}

/* ---- 5. serving the launcher ----------------------------------------------------------------- */

static void start_role(struct child *child, struct troupe_text name)
{
    char role[TROUPE_NAME_BYTES_MAX + 1];
    snprintf(role, sizeof role, "%.*s", (int)name.size, name.data);
    int error = troupe_host_start(child->troupe, role);
    if (error != 0) {
        tell(child, TL_ENDED, role, error);
    }
}

/* Without a link to another process of the composition nothing goes on: then this one begins anew.
 * A client can try again. */
static void open_link(struct child *child, struct tl_message *message)
{
    char what[64 + TROUPE_NAME_BYTES_MAX];
    char name[TROUPE_NAME_BYTES_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)message->name.size, message->name.data);
    bool client = message->name.size >= strlen(TL_CLIENT_PREFIX) &&
                  memcmp(message->name.data, TL_CLIENT_PREFIX, strlen(TL_CLIENT_PREFIX)) == 0;
    snprintf(what, sizeof what, "the link to %s could not be opened", name);
    int error = tl_link_open(child->program, child->allow, child->troupe, message);
    if (error != 0 && client) {
        on_report(child, what);
        tell(child, TL_GONE, name, error);
    } else if (error != 0) {
        fail(child, what, troupe_error_text(error));
    }
}

static void obey(struct child *child, struct tl_message *message)
{
    char name[TROUPE_NAME_BYTES_MAX + 1];
    switch (message->kind) {
    case TL_LINK:
        open_link(child, message);
        break;
    case TL_START:
        start_role(child, message->name);
        break;
    case TL_WATCH:
        child->beat_ms = message->code > 0 ? (uint64_t)message->code : 0;
        break;
    case TL_DIED:
        snprintf(name, sizeof name, "%.*s", (int)message->name.size, message->name.data);
        troupe_host_peer_died(child->troupe, name);
        break;
    case TL_UNLINK:
        snprintf(name, sizeof name, "%.*s", (int)message->name.size, message->name.data);
        troupe_host_peer_left(child->troupe, name);
        break;
    case TL_STOP:
        child->grace_ms = (uint32_t)message->code;
        child->stopping = true;
        break;
    default:
        fail(child, "the launcher can't be heard", "it sent what only others may");
    }
}

static void hear(struct child *child)
{
    struct tl_packet packet;
    int result = tl_receive(child->control, &packet);
    if (result == 1) {
        obey(child, &packet.message);
    } else if (result == 0) {
        /* The launcher is dead. The parent-death signal has ended us already, unless this process
         * changed its credentials; what hangs must not outlive the grace. */
        child->stopping = true;
        alarm(TL_GRACE_MS / 1000 + 1);
    } else if (errno != EAGAIN) {
        fail(child, "the launcher can't be heard", strerror(errno));
    }
}

static void pass_notes(struct child *child)
{
    static const enum tl_kind kinds[] = {
        [TL_NOTE_UP] = TL_UP,       [TL_NOTE_GONE] = TL_GONE, [TL_NOTE_READY] = TL_READY,
        [TL_NOTE_ENDED] = TL_ENDED, [TL_NOTE_QUIT] = TL_QUIT, [TL_NOTE_ALIVE] = TL_ALIVE};
    struct tl_note *note;
    while ((note = tl_inbox_take()) != NULL) {
        child->beating = child->beating && note->kind != TL_NOTE_ALIVE;
        tell(child, kinds[note->kind], note->name, note->code);
        tl_note_free(note);
    }
}

/* On a worker. */
static void on_pulse(struct troupe_actor *self, void *user)
{
    (void)self;
    (void)user;
    tl_inbox_post(TL_NOTE_ALIVE, "", 0);
}

/* The launcher hears that this process lives when a worker was free to say so and this thread to
 * pass it on. Returns how long to wait in poll. */
static int beat(struct child *child)
{
    uint64_t now = troupe_now_ms();
    if (child->beat_ms == 0) {
        return -1;
    }
    if (now >= child->next_beat_ms) {
        child->next_beat_ms = now + child->beat_ms;
        child->beating = child->beating || troupe_host_pulse(child->troupe, on_pulse, NULL) == 0;
    }
    return (int)(child->next_beat_ms - now);
}

static void serve(struct child *child)
{
    enum { CONTROL, INBOX, PINNED, COUNT };
    struct pollfd fds[COUNT] = {
        [CONTROL] = {.fd = child->control, .events = POLLIN},
        [INBOX] = {.fd = child->inbox, .events = POLLIN},
        [PINNED] = {.fd = troupe_fd(child->troupe), .events = POLLIN},
    };
    while (!child->stopping) {
        if (poll(fds, COUNT, beat(child)) < 0) {
            continue; /* EINTR */
        }
        if (fds[INBOX].revents != 0) {
            pass_notes(child);
        }
        if (fds[PINNED].revents != 0) {
            troupe_step(child->troupe, 0);
        }
        if (fds[CONTROL].revents != 0) {
            hear(child);
        }
    }
}

int tl_child_main(const struct troupe_program *program)
{
    static struct child child; /* large; troupe_quit and reports outlive no frame of main */
    child.program = program;
    child.arguments.program = program;
    child.grace_ms = TL_GRACE_MS;
    if (!take_control(&child)) {
        return TL_STATUS_USAGE;
    }
    bool open = receive_config(&child) && restrict_self(&child) && open_runtime(&child);
    if (open) {
        serve(&child);
    }
    troupe_close(child.troupe, child.grace_ms);
    if (child.inbox > 0) {
        tl_inbox_close();
    }
    close(child.control);
    for (size_t i = 0; i < program->options_count; i++) {
        free(child.values[i]);
    }
    free(child.allow);
    return open && !child.failed ? 0 : TL_STATUS_FAILED;
}
