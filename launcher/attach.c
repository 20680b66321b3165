/* attach.c - the doors of a running program, and who comes through them; visit.c is their other side.
 *
 * DATADIR/control.sock is a SOCK_SEQPACKET socket that only its owner may open; who connects is
 * asked for its uid all the same. --bind makes a second one, elsewhere, or limits the first. A client may ask which roles there are; it says which it wants and gets its ends of fresh
 * links, one per process that has some of them; the other ends go to those processes as any link
 * does. The connection stays for as long as the client uses them: its end frees the client's place.
 *
 * Whether a program runs on a data directory is decided by a lock on the directory, held as long as
 * the launcher lives and gone with it; so a socket that is found while holding the lock is stale,
 * and is replaced. One of --bind is replaced if nobody answers there; the lock on its directory is held
 * for that long only, since others may have theirs beside it. Paths go through /proc/self/fd, because a socket's may have 107 bytes only. */
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
#include "launcher/visit.h"

static bool peer_of(int fd, struct ucred *ret_peer)
{
    socklen_t size = sizeof *ret_peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) == 0;
}

/* ---- the launcher's side: the door ----------------------------------------------------------- */

static int listen_in(int directory, const char *name)
{
    struct sockaddr_un address;
    tl_visit_address(&address, directory, name);
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
            unlinkat(directory, name, 0);
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
        int running = tl_visit_connect(fd, TL_SOCKET_NAME);
        if (running >= 0) {
            *ret_pid = peer_of(running, &peer) ? peer.pid : 0;
            close(running);
        }
        close(fd);
        return TL_DOOR_TAKEN;
    }
    unlinkat(fd, TL_SOCKET_NAME, 0);
    snprintf(ret_door->name, sizeof ret_door->name, TL_SOCKET_NAME);
    ret_door->listener = listen_in(fd, ret_door->name);
    if (ret_door->listener < 0) {
        tl_say(program, "%s/" TL_SOCKET_NAME ": %s", directory, strerror(errno));
        close(fd);
        return TL_DOOR_FAILED;
    }
    ret_door->directory = fd;
    return TL_DOOR_OPEN;
}

/* ---- the socket of --bind ---- */

/* False, having said so. */
static bool no_door(const struct tl_launcher *launcher, const char *path, const char *why)
{
    tl_say(launcher->program, "--bind=unix:%s: %s", path, why);
    return false;
}

/* The directory that the socket is to be in, made if it is missing; -1: said why. */
static int open_private(const struct tl_launcher *launcher, const char *path)
{
    char parent[TL_VALUE_BYTES_MAX];
    struct stat found;
    const char *slash = strrchr(path, '/');
    snprintf(parent, sizeof parent, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    if (parent[0] == '\0') {
        snprintf(parent, sizeof parent, "/");
    }
    if (mkdir(parent, 0700) != 0 && errno != EEXIST) {
        no_door(launcher, path, strerror(errno));
        return -1;
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0) {
        no_door(launcher, path, strerror(errno));
    } else if (found.st_uid != geteuid() || (found.st_mode & 077) != 0) {
        no_door(launcher, path,
                "others may enter its directory: choose one of your own, of mode 0700, "
                "or name one that is not there yet");
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static bool is_same_directory(int a, int b)
{
    struct stat first;
    struct stat second;
    return a >= 0 && fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Removes what a program left there that is gone. False: said why not. */
static bool clear_place(const struct tl_launcher *launcher, const char *path,
                        const struct tl_door *door)
{
    struct stat found;
    if (fstatat(door->directory, door->name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || no_door(launcher, path, strerror(errno));
    }
    if (!S_ISSOCK(found.st_mode)) {
        return no_door(launcher, path, "something else is there already, which is not a socket");
    }
    int alive = tl_visit_connect(door->directory, door->name);
    if (alive >= 0 || errno != ECONNREFUSED) {
        no_door(launcher, path, alive >= 0 ? "another program listens there" : strerror(errno));
        if (alive >= 0) {
            close(alive);
        }
        return false;
    }
    return unlinkat(door->directory, door->name, 0) == 0 ||
           no_door(launcher, path, strerror(errno));
}

static bool listen_there(const struct tl_launcher *launcher, const char *path, struct tl_door *door)
{
    const struct tl_door *data = &launcher->doors[TL_DOOR_DATA];
    bool locked = is_same_directory(data->directory, door->directory);
    if (!locked && flock(door->directory, LOCK_EX | LOCK_NB) != 0) {
        return no_door(launcher, path,
                       errno == EWOULDBLOCK ? "another program uses its directory just now"
                                            : strerror(errno));
    }
    if (clear_place(launcher, path, door)) {
        door->listener = listen_in(door->directory, door->name);
        if (door->listener < 0) {
            no_door(launcher, path, strerror(errno));
        }
    }
    if (!locked) {
        flock(door->directory, LOCK_UN);
    }
    return door->listener >= 0;
}

bool tl_door_bind(const struct tl_launcher *launcher, const char *path, struct tl_door *ret_door)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return no_door(launcher, path, "it ends in no name for a socket");
    }
    if (strlen(name) >= sizeof ret_door->name) {
        return no_door(launcher, path, "the name of the socket is longer than 63 bytes");
    }
    snprintf(ret_door->name, sizeof ret_door->name, "%s", name);
    ret_door->directory = open_private(launcher, path);
    return ret_door->directory >= 0 && listen_there(launcher, path, ret_door);
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
    unlinkat(door->directory, door->name, 0);
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

static const char for_now[] = "a process of it is just being started again; try later";

static void refuse(int fd, const char *why)
{
    struct tl_message refused = {.kind = TL_REFUSED,
                                 .code = why == for_now ? TL_REFUSED_FOR_NOW : 0,
                                 .text = troupe_text(why)};
    int told = tl_send(fd, &refused, 0);
    (void)told; /* it will see the end of the connection in any case */
}

void tl_door_accept(struct tl_door *door)
{
    struct ucred peer;
    struct tl_client *client = NULL;
    int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < TL_CLIENTS_MAX && client == NULL; i++) {
        client = door->clients[i].fd < 0 ? &door->clients[i] : NULL;
    }
    if (!peer_of(fd, &peer) || peer.uid != geteuid()) {
        refuse(fd, "this program belongs to another user");
        close(fd);
    } else if (client == NULL) {
        refuse(fd, "it has as many clients as it can serve");
        close(fd);
    } else {
        *client = (struct tl_client){.fd = fd, .due_ms = troupe_now_ms() + TL_ATTACH_MS};
    }
}

void tl_door_expire(struct tl_launcher *launcher)
{
    for (size_t i = 0; i < TL_DOORS * TL_CLIENTS_MAX; i++) {
        struct tl_client *client = &launcher->doors[i / TL_CLIENTS_MAX].clients[i % TL_CLIENTS_MAX];
        if (client->fd >= 0 && !client->attached && troupe_now_ms() >= client->due_ms) {
            refuse(client->fd, "it was asked for nothing in time");
            close_client(client);
        }
    }
}

/* ---- the launcher's side: a request ---------------------------------------------------------- */

/* What the client wants; NULL: it may have it, otherwise why not. */
static const char *wanted_roles(const struct tl_launcher *launcher, const struct tl_door *door,
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
        if ((door->roles & tl_bit(role)) == 0) {
            return "not all of these roles are for those who come through this socket";
        }
        if ((launcher->ready & tl_bit(role)) == 0) {
            return for_now;
        }
        wanted |= tl_bit(role);
    }
    *ret_wanted = wanted;
    return wanted != 0 ? NULL : "it has no such roles";
}

/* A link between the process of `place` and the client. */
static int grant(struct tl_launcher *launcher, const struct tl_door *door, size_t place,
                 uint64_t roles, int client, bool bypass)
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
    host_end.text = troupe_text(door->allow);
    int result = tl_hand_over(launcher, place, &host_end) == NULL ? 0 : -1;
    if (result == 0) {
        result = tl_send(client, &client_end, 0);
    }
    tl_message_close(&client_end);
    return result;
}

static bool attach(struct tl_launcher *launcher, const struct tl_door *door,
                   struct tl_client *client, const struct tl_message *message)
{
    uint64_t wanted;
    const char *why = wanted_roles(launcher, door, message, &wanted);
    if (why != NULL) {
        refuse(client->fd, why);
        return false;
    }
    for (size_t i = 0; i < launcher->composition.places_count; i++) {
        uint64_t roles = launcher->composition.places[i].roles & wanted;
        if (roles != 0 && grant(launcher, door, i, roles, client->fd, message->code != 0) != 0) {
            refuse(client->fd, "a link could not be made");
            return false;
        }
    }
    struct tl_message attached = {.kind = TL_ATTACHED};
    client->attached = true;
    return tl_send(client->fd, &attached, 0) == 0;
}

/* Which roles there are, and where. */
static bool list(struct tl_launcher *launcher, const struct tl_door *door, struct tl_client *client)
{
    const struct troupe_program *program = launcher->program;
    struct tl_message roles = {.kind = TL_ROLES,
                               .name = troupe_text(program->name),
                               .text = troupe_text(program->version)};
    for (size_t i = 0; i < program->roles_count; i++) {
        size_t place = tl_place_of(&launcher->composition, i);
        size_t at = roles.exports.count;
        if (place == launcher->composition.places_count || (door->roles & tl_bit(i)) == 0) {
            continue; /* not asked for, or a command stands where the front role would be */
        }
        roles.exports.items[at] = troupe_text(program->roles[i].name);
        roles.values.items[at] = troupe_text(launcher->composition.places[place].name);
        roles.uses[at] = (uint64_t)(place == 0 ? getpid() : launcher->processes[place].pid);
        roles.roles |= (launcher->ready & tl_bit(i)) != 0 ? tl_bit(at) : 0;
        roles.uses_count = roles.values.count = roles.exports.count = at + 1;
    }
    client->due_ms = troupe_now_ms() + TL_ATTACH_MS;
    return tl_send(client->fd, &roles, 0) == 0;
}

void tl_door_serve(struct tl_launcher *launcher, struct tl_door *door, size_t slot)
{
    struct tl_client *client = &door->clients[slot];
    struct tl_packet packet;
    int result = tl_receive(client->fd, &packet);
    if (result < 0 && errno == EAGAIN) {
        return;
    }
    bool asks = result == 1 && packet.message.kind == TL_ATTACH && !client->attached;
    if (result == 1) {
        tl_message_close(&packet.message);
    }
    if (result == 1 && packet.message.kind == TL_LIST) {
        if (!list(launcher, door, client)) {
            close_client(client);
        }
        return;
    }
    if (result != 0 && !asks) {
        refuse(client->fd, "that is not what a client may say");
    } else if (asks && launcher->stop_wanted) {
        refuse(client->fd, "it is ending");
    }
    if (!asks || launcher->stop_wanted || !attach(launcher, door, client, &packet.message)) {
        close_client(client);
    }
}
