/* door.c - the sockets of a running program: where they are, and whose. Who comes is met in attach.c.
 *
 * DATADIR/control.sock is a SOCK_SEQPACKET socket that only its owner may open; who connects is asked for
 * its uid all the same. --bind makes a second one, elsewhere, or limits the first.
 *
 * Whether a program runs on a data directory is decided by a lock on the directory, held as long as
 * the launcher lives and gone with it; so a socket that is found while holding the lock is stale,
 * and is replaced. One of --bind is replaced if nobody answers there; the lock on its directory is held
 * for that long only, since others may have theirs beside it. Paths go through /proc/self/fd, because a
 * socket's may have 107 bytes only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "launcher/launch.h"
#include "launcher/visit.h"

bool tl_peer_of(int fd, struct ucred *ret_peer)
{
    socklen_t size = sizeof *ret_peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) == 0;
}

/* ---- of the data directory ------------------------------------------------------------------- */

/* Listens at the door's place, from there on reachable. False with errno. */
static bool listen_at(struct tl_door *door)
{
    struct sockaddr_un address;
    struct stat made;
    tl_visit_address(&address, door->directory, door->name);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    mode_t mask = umask(0177); /* 0600 from the first moment; no other thread runs yet */
    int result = bind(fd, (struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (result != 0 || listen(fd, TL_CLIENTS_MAX) != 0) {
        int error = errno;
        if (result == 0) {
            unlinkat(door->directory, door->name, 0);
        }
        close(fd);
        errno = error;
        return false;
    }
    door->inode = fstatat(door->directory, door->name, &made, AT_SYMLINK_NOFOLLOW) == 0
                      ? made.st_ino
                      : 0;
    door->listener = fd;
    return true;
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
            *ret_pid = tl_peer_of(running, &peer) ? peer.pid : 0;
            close(running);
        }
        close(fd);
        return TL_DOOR_TAKEN;
    }
    unlinkat(fd, TL_SOCKET_NAME, 0);
    snprintf(ret_door->name, sizeof ret_door->name, TL_SOCKET_NAME);
    ret_door->directory = fd;
    if (!listen_at(ret_door)) {
        tl_say(program, "%s/" TL_SOCKET_NAME ": %s", directory, strerror(errno));
        tl_door_close(ret_door);
        return TL_DOOR_FAILED;
    }
    return TL_DOOR_OPEN;
}

/* ---- of --bind ------------------------------------------------------------------------------- */

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
        no_door(launcher, path,
                errno == ENOENT
                    ? "only the last folder is made if it is missing: make those above it"
                    : strerror(errno));
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
        return no_door(
            launcher, path,
            "something else is there already, which is not a socket: choose another name");
    }
    int alive = tl_visit_connect(door->directory, door->name);
    if (alive >= 0 || errno != ECONNREFUSED) {
        no_door(launcher, path,
                alive >= 0 ? "a program listens there already: choose another name"
                           : strerror(errno));
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
                       errno == EWOULDBLOCK
                           ? "it is in the data directory of another program: choose another place"
                           : strerror(errno));
    }
    if (clear_place(launcher, path, door)) {
        if (!listen_at(door)) {
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

/* ---- closing --------------------------------------------------------------------------------- */

void tl_door_shut(struct tl_door *door)
{
    if (door->listener < 0) {
        return;
    }
    struct stat found;
    tl_clients_leave(door);
    if (fstatat(door->directory, door->name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        found.st_ino == door->inode) { /* not another's, who came when ours had been removed */
        unlinkat(door->directory, door->name, 0);
    }
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
