/* visit.c - the visitor's side of a control socket (attach.c is the program's).
 *
 * One thread uses a visit. What became of links comes through the process's inbox, so there is one
 * visit per process at a time. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "launcher/launch.h"
#include "launcher/visit.h"

static enum tl_visit_result fail(struct tl_visit *visit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum tl_visit_result fail(struct tl_visit *visit, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(visit->why, sizeof visit->why, format, arguments);
    va_end(arguments);
    return TL_VISIT_FAILED;
}

/* ---- the connection -------------------------------------------------------------------------- */

void tl_visit_address(struct sockaddr_un *ret_address, int directory, const char *name)
{
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "/proc/self/fd/%d/%s", directory,
             name);
}

int tl_visit_connect(int directory, const char *name)
{
    struct sockaddr_un address;
    tl_visit_address(&address, directory, name);
    const struct timeval patience = {.tv_sec = TL_ATTACH_MS /
                                               1000}; /* with one that accepts nobody */
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* The directory of `path`, opened, and the socket's name in it. -1 with errno. */
static int open_directory(const char *path, const char **ret_name)
{
    char parent[4096];
    struct stat found;
    const char *slash = strrchr(path, '/');
    *ret_name = TL_SOCKET_NAME;
    if (stat(path, &found) == 0 && !S_ISDIR(found.st_mode)) {
        *ret_name = slash != NULL ? slash + 1 : path;
        int size = slash == NULL ? snprintf(parent, sizeof parent, ".")
                   : slash == path
                       ? snprintf(parent, sizeof parent, "/")
                       : snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        if (size >= (int)sizeof parent) {
            errno = ENAMETOOLONG;
            return -1;
        }
        path = parent;
    }
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Who listens there is this user: a secret is not for others who made a socket in its place. */
static bool is_own(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

enum tl_visit_result tl_visit_open(struct tl_visit *ret_visit, const char *path)
{
    const char *name;
    *ret_visit = (struct tl_visit){.fd = -1, .inbox = -1};
    int directory = open_directory(path, &name);
    if (directory < 0) {
        fail(ret_visit, "%s: %s", path, strerror(errno));
        return TL_VISIT_NOBODY;
    }
    ret_visit->fd = tl_visit_connect(directory, name);
    int error = errno;
    close(directory);
    if (ret_visit->fd >= 0 && !is_own(ret_visit->fd)) {
        return fail(ret_visit, "%s: it belongs to another user", path);
    }
    if (ret_visit->fd < 0) {
        fail(ret_visit, "%s: %s", path,
             error == EAGAIN ? "the program that runs there lets nobody in: it hangs, or is stopped"
                             : strerror(error));
        return error == ENOENT || error == ECONNREFUSED ? TL_VISIT_NOBODY : TL_VISIT_FAILED;
    }
    return TL_VISIT_DONE;
}

void tl_visit_close(struct tl_visit *visit)
{
    if (visit->inbox >= 0) {
        tl_inbox_close();
    }
    if (visit->fd >= 0) {
        close(visit->fd);
    }
    *visit = (struct tl_visit){.fd = -1, .inbox = -1};
}

/* If it can't be sent the program hung up, and may have said why: that is what is read next. */
static void say(const struct tl_visit *visit, const struct tl_message *message)
{
    int sent = tl_send(visit->fd, message, TL_ATTACH_MS);
    (void)sent;
}

/* The next message; anything but TL_VISIT_DONE was said. */
static enum tl_visit_result receive(struct tl_visit *visit, int wait_ms,
                                    struct tl_packet *ret_packet)
{
    int result = tl_receive_wait(visit->fd, ret_packet, wait_ms);
    struct troupe_text text = ret_packet->message.text;
    if (result == 1 && ret_packet->message.kind != TL_REFUSED) {
        return TL_VISIT_DONE;
    }
    if (result == 1) {
        bool later = ret_packet->message.code == TL_REFUSED_FOR_NOW;
        fail(visit, "the program that runs there refused: %.*s", (int)text.size, text.data);
        return later ? TL_VISIT_LATER : TL_VISIT_FAILED;
    }
    fail(visit, "the program that runs there %s",
         result == 0 ? "ended" : "does not answer as it should");
    return result == 0 ? TL_VISIT_NOBODY : TL_VISIT_FAILED;
}

/* ---- which roles ----------------------------------------------------------------------------- */

static void keep_text(struct troupe_text text, char *to, size_t size)
{
    snprintf(to, size, "%.*s", (int)text.size, text.data != NULL ? text.data : "");
}

static enum tl_visit_result keep_roles(struct tl_visit *visit, const struct tl_message *message,
                                       struct tl_visit_roles *roles)
{
    size_t count = message->exports.count;
    if (message->kind != TL_ROLES || message->values.count != count ||
        message->uses_count != count) {
        return fail(visit, "the program that runs there does not answer as it should");
    }
    *roles = (struct tl_visit_roles){.count = count};
    keep_text(message->name, roles->program, sizeof roles->program);
    keep_text(message->text, roles->version, sizeof roles->version);
    for (size_t i = 0; i < count; i++) {
        struct tl_visit_role *role = &roles->roles[i];
        keep_text(message->exports.items[i], role->name, sizeof role->name);
        keep_text(message->values.items[i], role->process, sizeof role->process);
        role->pid = message->uses[i];
        role->ready = (message->roles & tl_bit(i)) != 0;
    }
    return TL_VISIT_DONE;
}

enum tl_visit_result tl_visit_list(struct tl_visit *visit, int wait_ms,
                                   struct tl_visit_roles *ret_roles)
{
    struct tl_message list = {.kind = TL_LIST};
    struct tl_packet packet;
    say(visit, &list);
    enum tl_visit_result result = receive(visit, wait_ms, &packet);
    if (result == TL_VISIT_DONE) {
        result = keep_roles(visit, &packet.message, ret_roles);
        tl_message_close(&packet.message);
    }
    return result;
}

/* ---- links ----------------------------------------------------------------------------------- */

/* Takes the links that the launcher sends; the program may still be starting, and answers then. */
static enum tl_visit_result take_links(struct tl_visit *visit, struct troupe *troupe, int wait_ms)
{
    for (;;) {
        struct tl_packet packet;
        struct tl_message *message = &packet.message;
        enum tl_visit_result result = receive(visit, wait_ms, &packet);
        if (result != TL_VISIT_DONE) {
            return result == TL_VISIT_NOBODY && visit->links != 0 ? TL_VISIT_FAILED : result;
        }
        if (message->kind == TL_ATTACHED) {
            return TL_VISIT_DONE;
        }
        if (message->kind != TL_LINK || tl_link_open(NULL, NULL, troupe, message) != 0) {
            tl_message_close(message);
            return fail(visit, "a link to the program that runs there could not be opened");
        }
        visit->links++;
    }
}

static bool links_up(const struct tl_visit *visit)
{
    uint64_t due = troupe_now_ms() + TL_ATTACH_MS;
    unsigned up = 0;
    bool gone = false;
    while (up < visit->links && !gone) {
        uint64_t now = troupe_now_ms();
        struct pollfd inbox = {.fd = visit->inbox, .events = POLLIN};
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
    return up == visit->links;
}

void tl_visit_ask(struct tl_visit *visit, const char *const *roles, size_t count)
{
    struct tl_message attach = {.kind = TL_ATTACH, .code = 1};
    for (size_t i = 0; i < count && i < TROUPE_ROLES_MAX; i++) {
        attach.imports.items[attach.imports.count++] = troupe_text(roles[i]);
    }
    say(visit, &attach);
}

enum tl_visit_result tl_visit_attach(struct tl_visit *visit, struct troupe *troupe,
                                     const char *const *roles, size_t count, int wait_ms)
{
    visit->inbox = tl_inbox_open();
    if (visit->inbox < 0) {
        return fail(visit, "its links can't be followed: %s", strerror(errno));
    }
    troupe_host_on_event(troupe, tl_inbox_host, NULL);
    tl_visit_ask(visit, roles, count);
    enum tl_visit_result result = take_links(visit, troupe, wait_ms);
    if (result == TL_VISIT_DONE && !links_up(visit)) {
        return fail(visit, "the links to the program that runs there did not come up");
    }
    return result;
}

bool tl_visit_gone(struct tl_visit *visit, char name[TROUPE_NAME_BYTES_MAX + 1])
{
    bool gone = false;
    struct tl_note *note;
    (void)visit;
    while (!gone && (note = tl_inbox_take()) != NULL) {
        gone = note->kind == TL_NOTE_GONE;
        keep_text(troupe_text(note->name), name, TROUPE_NAME_BYTES_MAX + 1);
        tl_note_free(note);
    }
    return gone;
}

/* ---- a command of the program itself --------------------------------------------------------- */

static void on_report(void *user, const char *text)
{
    const struct troupe_program *program = user;
    tl_say(program, "%s", text);
}

enum tl_visit_result tl_visit_meet(struct tl_visit *visit, const struct troupe_program *program,
                                   struct tl_visit_roles *ret_roles)
{
    int wait_ms = TL_START_MS * ((int)program->roles_count + 1);
    enum tl_visit_result result = tl_visit_list(visit, wait_ms, ret_roles);
    if (result != TL_VISIT_DONE) {
        return result;
    }
    if (strcmp(ret_roles->program, program->name) != 0) {
        return fail(visit, "the program that runs there is %s", ret_roles->program);
    }
    if (strcmp(ret_roles->version, program->version) != 0) {
        tl_say(
            program,
            "the program that runs there is version %s, this is %s: what one of them does not know "
            "is refused",
            ret_roles->version, program->version);
    }
    return TL_VISIT_DONE;
}

static enum tl_visit_result run_attached(struct tl_visit *visit,
                                         const struct troupe_program *program,
                                         const struct tl_command_line *line,
                                         struct troupe **ret_troupe, int *ret_status)
{
    struct tl_visit_roles there;
    const char *roles[TROUPE_ROLES_MAX];
    size_t count = 0;
    struct troupe_config config = {
        .name = line->command->name, .on_report = on_report, .user = (void *)program};
    int error = troupe_open(&config, ret_troupe);
    if (error != 0) {
        return fail(visit, "the runtime could not be opened: %s", troupe_error_text(error));
    }
    int wait_ms = TL_START_MS * ((int)program->roles_count + 1);
    enum tl_visit_result result = tl_visit_meet(visit, program, &there);
    for (size_t i = 0; result == TL_VISIT_DONE && i < there.count; i++) {
        const char *name = there.roles[i].name;
        size_t role = tl_role_find(program, name, strlen(name));
        if (role < program->roles_count && (tl_roles_usable(program) & tl_bit(role)) != 0) {
            roles[count++] = name;
        }
    }
    if (result == TL_VISIT_DONE) {
        result = tl_visit_attach(visit, *ret_troupe, roles, count, wait_ms);
    }
    if (result == TL_VISIT_DONE) {
        *ret_status = tl_command_run(program, line, *ret_troupe);
    }
    return result;
}

bool tl_attach_run(const struct troupe_program *program, const struct tl_command_line *line,
                   const char *directory, int *ret_status)
{
    struct tl_visit visit;
    struct troupe *troupe = NULL;
    *ret_status = TL_STATUS_FAILED;
    enum tl_visit_result result = tl_visit_open(&visit, directory);
    if (result == TL_VISIT_DONE && !tl_check_attached(program, line, directory)) {
        *ret_status = TL_STATUS_USAGE;
    } else if (result == TL_VISIT_DONE) {
        result = run_attached(&visit, program, line, &troupe, ret_status);
    }
    if (result == TL_VISIT_FAILED || result == TL_VISIT_LATER) {
        tl_say(program, "%s", visit.why);
    }
    troupe_close(troupe, TL_GRACE_MS);
    tl_visit_close(&visit);
    return result != TL_VISIT_NOBODY; /* then starting a program there will do, or say why */
}
