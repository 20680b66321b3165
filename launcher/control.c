/* control.c - the messages between launcher, children and clients.
 *
 * One message is one packet of a SOCK_SEQPACKET socket: a CBOR map keyed by the enum below, strict
 * and bounded like everything that crosses a process; lists are maps numbered from 0, because they
 * are read without allocating. Descriptors travel beside it (SCM_RIGHTS), only with TL_LINK and
 * exactly as many as it names: any other is closed and the message refused.
 *
 * The writer works in a buffer on the stack, not in the thread's own: a report may be sent from
 * inside the bus, on any thread, while that thread's writer is in use. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bus/troupe_gen.h"
#include "launcher/launch.h"

enum field { KIND, CODE, NAME, TEXT, EXPORTS, IMPORTS, VALUES, ROLES, USES };

/* ---- writing --------------------------------------------------------------------------------- */

static void put_key(struct troupe_writer *writer, enum field key)
{
    troupe_put_uint(writer, (uint64_t)key);
}

static void put_text(struct troupe_writer *writer, struct troupe_text text, size_t max)
{
    /* Bytes: a path in an option or a report need not be UTF-8. */
    troupe_put_bytes(writer,
                     (struct troupe_bytes){.data = (const uint8_t *)text.data, .size = text.size},
                     max, "text");
}

static void put_list(struct troupe_writer *writer, enum field key, const struct tl_list *list,
                     size_t max)
{
    if (list->count == 0) {
        return;
    }
    put_key(writer, key);
    troupe_put_map(writer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        troupe_put_uint(writer, i);
        if (list->items[i].data == NULL) {
            troupe_put_null(writer);
        } else {
            put_text(writer, list->items[i], max);
        }
    }
}

static void put_uses(struct troupe_writer *writer, const struct tl_message *message)
{
    if (message->uses_count == 0) {
        return;
    }
    put_key(writer, USES);
    troupe_put_map(writer, message->uses_count);
    for (size_t i = 0; i < message->uses_count; i++) {
        troupe_put_uint(writer, i);
        troupe_put_uint(writer, message->uses[i]);
    }
}

static void put_message(struct troupe_writer *writer, const struct tl_message *message)
{
    size_t pairs = 4;
    pairs += message->exports.count != 0;
    pairs += message->imports.count != 0;
    pairs += message->values.count != 0;
    pairs += 1;
    pairs += message->uses_count != 0;
    troupe_put_map(writer, pairs);
    put_key(writer, KIND);
    troupe_put_uint(writer, (uint64_t)message->kind);
    put_key(writer, CODE);
    troupe_put_int(writer, message->code);
    put_key(writer, NAME);
    put_text(writer, message->name, TROUPE_NAME_BYTES_MAX);
    put_key(writer, TEXT);
    put_text(writer, message->text, TL_VALUE_BYTES_MAX);
    put_list(writer, EXPORTS, &message->exports, TROUPE_NAME_BYTES_MAX);
    put_list(writer, IMPORTS, &message->imports, TROUPE_NAME_BYTES_MAX);
    put_list(writer, VALUES, &message->values, TL_VALUE_BYTES_MAX);
    put_key(writer, ROLES);
    troupe_put_uint(writer, message->roles);
    put_uses(writer, message);
}

static int send_packet(int fd, const struct msghdr *packet, int wait_ms)
{
    while (sendmsg(fd, packet, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (errno != EINTR && errno != EAGAIN) {
            return -1;
        }
        if (errno == EAGAIN && poll(&room, 1, wait_ms) == 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    return 0;
}

int tl_send(int fd, const struct tl_message *message, int wait_ms)
{
    uint8_t data[TL_MESSAGE_BYTES_MAX];
    struct troupe_writer writer = {
        .data = data, .max = sizeof data, .items_left = TROUPE_ITEMS_MAX};
    put_message(&writer, message);
    if (writer.error != 0) {
        errno = E2BIG;
        return -1;
    }
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof message->fds)];
    } rights = {.room = {0}};
    struct iovec bytes = {.iov_base = data, .iov_len = writer.size};
    struct msghdr packet = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (message->fds_count != 0) {
        size_t size = message->fds_count * sizeof message->fds[0];
        packet.msg_control = rights.room;
        packet.msg_controllen = CMSG_SPACE(size);
        rights.head.cmsg_level = SOL_SOCKET;
        rights.head.cmsg_type = SCM_RIGHTS;
        rights.head.cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(&rights.head), message->fds, size);
    }
    return send_packet(fd, &packet, wait_ms);
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct troupe_text get_text(struct troupe_reader *reader, size_t max)
{
    struct troupe_bytes bytes = troupe_get_bytes(reader, max, "text");
    return (struct troupe_text){.data = (const char *)bytes.data, .size = bytes.size};
}

static void get_list(struct troupe_reader *reader, struct tl_list *list, size_t max)
{
    struct troupe_map map;
    uint64_t key;
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        if (key != list->count || key >= TROUPE_ROLES_MAX) {
            troupe_get_invalid(reader, "list");
            return;
        }
        struct troupe_text *item = &list->items[list->count++];
        if (!troupe_get_null(reader)) {
            *item = get_text(reader, max);
        }
    }
}

static void get_uses(struct troupe_reader *reader, struct tl_message *message)
{
    struct troupe_map map;
    uint64_t key;
    troupe_get_map(reader, &map);
    while (troupe_get_key(reader, &map, &key)) {
        if (key != message->uses_count || key >= TROUPE_ROLES_MAX) {
            troupe_get_invalid(reader, "uses");
            return;
        }
        message->uses[message->uses_count++] = troupe_get_uint(reader, UINT64_MAX, "uses");
    }
}

static void get_field(struct troupe_reader *reader, uint64_t key, struct tl_message *message)
{
    switch (key) {
    case KIND:
        message->kind = (enum tl_kind)troupe_get_uint(reader, TL_KINDS - 1, "kind");
        break;
    case CODE:
        message->code = (int)troupe_get_int(reader, INT32_MIN, INT32_MAX, "code");
        break;
    case NAME:
        message->name = get_text(reader, TROUPE_NAME_BYTES_MAX);
        break;
    case TEXT:
        message->text = get_text(reader, TL_VALUE_BYTES_MAX);
        break;
    case EXPORTS:
        get_list(reader, &message->exports, TROUPE_NAME_BYTES_MAX);
        break;
    case IMPORTS:
        get_list(reader, &message->imports, TROUPE_NAME_BYTES_MAX);
        break;
    case VALUES:
        get_list(reader, &message->values, TL_VALUE_BYTES_MAX);
        break;
    case ROLES:
        message->roles = troupe_get_uint(reader, UINT64_MAX, "roles");
        break;
    case USES:
        get_uses(reader, message);
        break;
    default:
        troupe_get_skip(reader);
    }
}

static bool get_message(const uint8_t *data, size_t size, struct tl_message *message)
{
    struct troupe_reader reader = {.data = data, .size = size, .items_left = TROUPE_ITEMS_MAX};
    struct troupe_map map;
    uint64_t key;
    uint64_t seen = 0;
    troupe_get_map(&reader, &map);
    while (troupe_get_key(&reader, &map, &key)) {
        seen |= key < 64 ? tl_bit(key) : 0;
        get_field(&reader, key, message);
    }
    troupe_get_require(&reader, seen, tl_bit(KIND), "message");
    return troupe_reader_finish(&reader, NULL) == 0;
}

/* Takes over every descriptor that came; false: more than there may be, or something else. */
static bool take_fds(struct msghdr *packet, struct tl_message *message)
{
    bool good = (packet->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(packet); head != NULL;
         head = CMSG_NXTHDR(packet, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
            good = false;
            continue;
        }
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
            if (message->fds_count < TL_FDS_MAX) {
                message->fds[message->fds_count++] = fd;
            } else {
                close(fd);
                good = false;
            }
        }
    }
    return good;
}

int tl_receive(int fd, struct tl_packet *ret_packet)
{
    struct tl_message *message = &ret_packet->message;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof message->fds)];
    } rights;
    struct iovec bytes = {.iov_base = ret_packet->data, .iov_len = sizeof ret_packet->data};
    struct msghdr packet = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = rights.room,
                            .msg_controllen = sizeof rights.room};
    ssize_t size;
    do {
        /* A peer that closed with unread input makes this fail once; its last words come after. */
        size = recvmsg(fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size < 0) {
        errno = errno == ENOMEM || errno == ENOBUFS ? EAGAIN : errno; /* it is still there */
        return -1;
    }
    *message = (struct tl_message){0};
    bool good = take_fds(&packet, message);
    if (size == 0 && good && message->fds_count == 0) {
        return 0; /* no message of ours is empty; but descriptors may come without one */
    }
    good = good && get_message(ret_packet->data, (size_t)size, message);
    size_t wanted = message->kind == TL_LINK ? 1 + message->exports.count + message->imports.count +
                                                   (message->code != 0 ? TL_BYPASS_FDS : 0)
                                             : 0;
    if (!good || message->fds_count != wanted) {
        tl_message_close(message);
        errno = EBADMSG;
        return -1;
    }
    return 1;
}

int tl_receive_wait(int fd, struct tl_packet *ret_packet, int wait_ms)
{
    uint64_t due = troupe_now_ms() + (uint64_t)wait_ms;
    for (;;) {
        int result = tl_receive(fd, ret_packet);
        if (result >= 0 || errno != EAGAIN) {
            return result;
        }
        uint64_t now = troupe_now_ms();
        if (now >= due) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        poll(&ready, 1, (int)(due - now));
    }
}

void tl_message_close(struct tl_message *message)
{
    for (size_t i = 0; i < message->fds_count; i++) {
        close(message->fds[i]);
    }
    message->fds_count = 0;
}
