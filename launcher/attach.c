/* attach.c - the door of a running program, and who comes through it.
 *
 * DATADIR/control.sock is a SOCK_SEQPACKET socket that only its owner may open; who connects is
 * asked for its uid all the same. A client says which roles it wants and gets its ends of fresh
 * links, one per process that has some of them; the other ends go to those processes as any link
 * does. The connection stays for as long as the client uses them: its end frees the client's place.
 *
 * Whether a program runs on a data directory is decided by a lock on the directory, held as long as
 * the launcher lives and gone with it; so a socket that is found while holding the lock is stale,
 * and is replaced. Paths go through /proc/self/fd, because a socket's may have 107 bytes only. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "launcher/launch.h"

static const char socket_name[] = "control.sock";

static void set_address(struct sockaddr_un *address, int directory)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", directory,
             socket_name);
}

/* -1 with errno: nobody listens. */
static int connect_in(int directory)
{
    struct sockaddr_un address;
    set_address(&address, directory);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool peer_of(int fd, struct ucred *ret_peer)
{
    socklen_t size = sizeof *ret_peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) == 0;
}

/* ---- the launcher's side: the door ----------------------------------------------------------- */

static int listen_in(int directory)
{
    struct sockaddr_un address;
    set_address(&address, directory);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    mode_t mask = umask(0177); /* 0600 from the first moment; no other thread runs yet */
    int result = bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (result != 0 || listen(fd, TL_CLIENTS_MAX) != 0) {
        int error = errno;
        if (result == 0) {
            unlinkat(directory, socket_name, 0);
        }
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

enum tl_door_result tl_door_open(const struct troupe_program *program, const char *directory,
                                 struct tl_door *ret_door, pid_t *ret_pid)
{
    struct ucred peer = {0};
    *ret_pid = 0;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        tl_say(program, "%s: %s", directory, strerror(errno));
        return TL_DOOR_FAILED;
    }
    int locked = flock(fd, LOCK_EX | LOCK_NB);
    if (locked != 0 && errno != EWOULDBLOCK) {
        tl_say(program, "%s can't be locked: %s", directory, strerror(errno));
        close(fd);
        return TL_DOOR_FAILED;
    }
    if (locked != 0) {
        int running = connect_in(fd);
        if (running >= 0) {
            *ret_pid = peer_of(running, &peer) ? peer.pid : 0;
            close(running);
        }
        close(fd);
        return TL_DOOR_TAKEN;
    }
    unlinkat(fd, socket_name, 0);
    ret_door->listener = listen_in(fd);
    if (ret_door->listener < 0) {
        tl_say(program, "%s/%s: %s", directory, socket_name, strerror(errno));
        close(fd);
        return TL_DOOR_FAILED;
    }
    ret_door->directory = fd;
    return TL_DOOR_OPEN;
}

static void close_client(struct tl_client *client)
{
    if (client->fd >= 0) {
        close(client->fd);
    }
    *client = (struct tl_client){.fd = -1};
}

void tl_door_shut(struct tl_door *door)
{
    if (door->listener < 0) {
        return;
    }
    for (size_t i = 0; i < TL_CLIENTS_MAX; i++) {
        close_client(&door->clients[i]);
    }
    unlinkat(door->directory, socket_name, 0);
    close(door->listener);
    door->listener = -1;
}

void tl_door_close(struct tl_door *door)
{
    tl_door_shut(door);
    if (door->directory >= 0) {
        close(door->directory);
        door->directory = -1;
    }
}

static void refuse(int fd, const char *why)
{
    struct tl_message refused = {.kind = TL_REFUSED, .text = troupe_text(why)};
    int told = tl_send(fd, &refused, 0);
    (void)told; /* it will see the end of the connection in any case */
}

void tl_door_accept(struct tl_launcher *launcher)
{
    struct ucred peer;
    struct tl_client *client = NULL;
    int fd = accept4(launcher->door.listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < TL_CLIENTS_MAX && client == NULL; i++) {
        client = launcher->door.clients[i].fd < 0 ? &launcher->door.clients[i] : NULL;
    }
    if (!peer_of(fd, &peer) || peer.uid != geteuid()) {
        refuse(fd, "this program belongs to another user");
        close(fd);
    } else if (client == NULL) {
        refuse(fd, "it has as many clients as it can serve");
        close(fd);
    } else {
        *client = (struct tl_client){.fd = fd, .due_ms = tl_now_ms() + TL_ATTACH_MS};
    }
}

void tl_door_expire(struct tl_launcher *launcher)
{
    for (size_t i = 0; i < TL_CLIENTS_MAX; i++) {
        struct tl_client *client = &launcher->door.clients[i];
        if (client->fd >= 0 && !client->attached && tl_now_ms() >= client->due_ms) {
            refuse(client->fd, "it was asked for nothing in time");
            close_client(client);
        }
    }
}

/* ---- the launcher's side: a request ---------------------------------------------------------- */

/* What the client wants; NULL: it may have it, otherwise why not. */
static const char *wanted_roles(const struct tl_launcher *launcher,
                                const struct tl_message *message, uint64_t *ret_wanted)
{
    const struct troupe_program *program = launcher->program;
    uint64_t wanted = 0;
    for (size_t i = 0; i < message->imports.count; i++) {
        const struct troupe_text *name = &message->imports.items[i];
        size_t role = tl_role_find(program, name->data, name->size);
        if (role == program->roles_count) {
            return "it has no such roles";
        }
        if ((launcher->ready & tl_bit(role)) == 0) {
            return "a process of it is just being started again; try later";
        }
        wanted |= tl_bit(role);
    }
    *ret_wanted = wanted;
    return wanted != 0 ? NULL : "it has no such roles";
}

/* A link between the process of `place` and the client. */
static int grant(struct tl_launcher *launcher, size_t place, uint64_t roles, int client,
                 bool bypass)
{
    const struct tl_place *host = &launcher->composition.places[place];
    struct tl_message host_end;
    struct tl_message client_end;
    struct ucred peer;
    char name[TROUPE_NAME_BYTES_MAX];
    if (!peer_of(client, &peer)) {
        return -1;
    }
    snprintf(name, sizeof name, TL_CLIENT_PREFIX "%d", (int)peer.pid);
    if (tl_link_make(launcher->program, host->name, roles, name, 0, bypass, &host_end,
                     &client_end) != 0) {
        return -1;
    }
    int result = tl_hand_over(launcher, place, &host_end) == NULL ? 0 : -1;
    if (result == 0) {
        result = tl_send(client, &client_end, 0);
    }
    tl_message_close(&client_end);
    return result;
}

static bool attach(struct tl_launcher *launcher, struct tl_client *client,
                   const struct tl_message *message)
{
    uint64_t wanted;
    const char *why = wanted_roles(launcher, message, &wanted);
    if (why != NULL) {
        refuse(client->fd, why);
        return false;
    }
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        uint64_t roles = launcher->composition.places[i].roles & wanted;
        if (roles != 0 && grant(launcher, i, roles, client->fd, message->code != 0) != 0) {
            refuse(client->fd, "a link could not be made");
            return false;
        }
    }
    struct tl_message attached = {.kind = TL_ATTACHED};
    client->attached = true;
    return tl_send(client->fd, &attached, 0) == 0;
}

void tl_door_serve(struct tl_launcher *launcher, size_t slot)
{
    struct tl_client *client = &launcher->door.clients[slot];
    struct tl_packet packet;
    int result = tl_receive(client->fd, &packet);
    if (result < 0 && errno == EAGAIN) {
        return;
    }
    bool asks = result == 1 && packet.message.kind == TL_ATTACH && !client->attached;
    if (result == 1) {
        tl_message_close(&packet.message);
    }
    if (result != 0 && !asks) {
        refuse(client->fd, "that is not what a client may say");
    } else if (asks && launcher->stop_wanted) {
        refuse(client->fd, "it is ending");
    }
    if (!asks || launcher->stop_wanted || !attach(launcher, client, &packet.message)) {
        close_client(client);
    }
}

/* ---- the client's side ----------------------------------------------------------------------- */

enum outcome { RAN, ENDED_BEFORE, FAILED };
struct session {
    const struct troupe_program *program;
    const struct tl_command_line *line;
    struct troupe *troupe;
    int fd;
    int inbox;
    unsigned links;
};

static void on_report(void *user, const char *text)
{
    const struct troupe_program *program = user;
    tl_say(program, "%s", text);
}

/* If it can't be sent the program hung up, and may have said why: that is what is read next. */
static void request(struct session *session)
{
    const struct troupe_program *program = session->program;
    struct tl_message attach = {.kind = TL_ATTACH, .code = 1};
    for (size_t i = 0; i < program->roles_count; i++) {
        if (strcmp(program->roles[i].name, program->front) != 0) {
            attach.imports.items[attach.imports.count++] = troupe_text(program->roles[i].name);
        }
    }
    int sent = tl_send(session->fd, &attach, TL_ATTACH_MS);
    (void)sent;
}

/* Takes the links that the launcher sends; the program may still be starting, and answers then. One
 * that ended before it answered is as if none had run. */
static enum outcome take_links(struct session *session)
{
    uint64_t wait_ms = TL_START_MS * (session->program->roles_count + 1);
    for (;;) {
        struct tl_packet packet;
        struct tl_message *message = &packet.message;
        int result = tl_receive_wait(session->fd, &packet, (int)wait_ms);
        if (result == 0 && session->links == 0) {
            return ENDED_BEFORE;
        }
        if (result != 1) {
            tl_say(session->program, "the program that runs there %s",
                   result == 0 ? "ended" : "does not answer as it should");
            return FAILED;
        }
        if (message->kind == TL_ATTACHED) {
            return RAN;
        }
        if (message->kind == TL_REFUSED) {
            tl_say(session->program, "the program that runs there refused: %.*s",
                   (int)message->text.size, message->text.data);
            return FAILED;
        }
        if (message->kind != TL_LINK || tl_link_open(session->troupe, message) != 0) {
            tl_message_close(message);
            tl_say(session->program, "a link to the program that runs there could not be opened");
            return FAILED;
        }
        session->links++;
    }
}

static bool links_up(struct session *session)
{
    uint64_t due = tl_now_ms() + TL_ATTACH_MS;
    unsigned up = 0;
    bool gone = false;
    while (up < session->links && !gone) {
        uint64_t now = tl_now_ms();
        struct pollfd inbox = {.fd = session->inbox, .events = POLLIN};
        if (now >= due) {
            break;
        }
        poll(&inbox, 1, (int)(due - now));
        struct tl_note *note = tl_inbox_take();
        if (note != NULL) {
            up += note->kind == TL_NOTE_UP;
            gone = gone || note->kind == TL_NOTE_GONE;
            tl_note_free(note);
        }
    }
    if (up < session->links) {
        tl_say(session->program, "the links to the program that runs there did not come up");
    }
    return up == session->links;
}

static enum outcome run_attached(struct session *session, int *ret_status)
{
    const struct tl_command_line *line = session->line;
    struct troupe_config config = {
        .name = line->command->name, .on_report = on_report, .user = (void *)session->program};
    int error = session->inbox < 0 ? TROUPE_ESYSTEM : troupe_open(&config, &session->troupe);
    if (error != 0) {
        tl_say(session->program, "the runtime could not be opened: %s", troupe_error_text(error));
        return FAILED;
    }
    troupe_host_on_event(session->troupe, tl_inbox_host, NULL);
    request(session);
    enum outcome outcome = take_links(session);
    if (outcome != RAN) {
        return outcome;
    }
    if (!links_up(session)) {
        return FAILED;
    }
    *ret_status = line->command->run(session->troupe, &line->arguments, line->json,
                                     line->values_count, line->values);
    return RAN;
}

bool tl_attach_run(const struct troupe_program *program, const struct tl_command_line *line,
                   const char *directory, int *ret_status)
{
    struct session session = {.program = program, .line = line};
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false; /* starting a program there will say why */
    }
    session.fd = connect_in(fd);
    int error = errno;
    close(fd);
    if (session.fd < 0 && (error == ENOENT || error == ECONNREFUSED)) {
        return false;
    }
    if (session.fd < 0) {
        tl_say(program, "%s/%s: %s", directory, socket_name, strerror(error));
        *ret_status = TL_STATUS_FAILED;
        return true;
    }
    session.inbox = tl_inbox_open();
    *ret_status = TL_STATUS_FAILED;
    enum outcome outcome = run_attached(&session, ret_status);
    troupe_close(session.troupe, TL_GRACE_MS);
    if (session.inbox >= 0) {
        tl_inbox_close();
    }
    close(session.fd);
    return outcome != ENDED_BEFORE;
}
