/* bypass.c - the ends of a bypass are handed over as the launcher does it: in a message with
 * descriptors, but over the socket that will be the link's. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/asker.h"

enum { FDS = 3 };
union rights {
    struct cmsghdr head;
    char room[CMSG_SPACE(FDS * sizeof(int))];
};

const struct troupe_bypass *bench_give_bypass(int fd, bool wanted, struct troupe_bypass *ret_end)
{
    struct troupe_bypass ends[2];
    union rights rights = {.room = {0}};
    struct iovec byte = {.iov_base = "", .iov_len = 1};
    struct msghdr packet = {.msg_iov = &byte, .msg_iovlen = 1};
    if (wanted && troupe_host_bypass(ends) != 0)
        bench_die("troupe: bypass");
    if (wanted) {
        const int fds[FDS] = {ends[1].memory_fd, ends[1].bell_in_fd, ends[1].bell_out_fd};
        packet.msg_control = rights.room;
        packet.msg_controllen = sizeof rights.room;
        rights.head.cmsg_len = CMSG_LEN(sizeof fds);
        rights.head.cmsg_level = SOL_SOCKET;
        rights.head.cmsg_type = SCM_RIGHTS;
        memcpy(CMSG_DATA(&rights.head), fds, sizeof fds);
        *ret_end = ends[0];
    }
    if (sendmsg(fd, &packet, 0) != 1)
        bench_die("troupe: bypass");
    if (wanted) {
        close(ends[1].memory_fd);
        close(ends[1].bell_in_fd);
        close(ends[1].bell_out_fd);
    }
    return wanted ? ret_end : NULL;
}

const struct troupe_bypass *bench_take_bypass(int fd, struct troupe_bypass *ret_end)
{
    union rights rights;
    char data;
    int fds[FDS];
    struct iovec byte = {.iov_base = &data, .iov_len = 1};
    struct msghdr packet = {.msg_iov = &byte,
                            .msg_iovlen = 1,
                            .msg_control = rights.room,
                            .msg_controllen = sizeof rights.room};
    if (recvmsg(fd, &packet, MSG_CMSG_CLOEXEC) != 1)
        bench_die("troupe: bypass");
    if (CMSG_FIRSTHDR(&packet) == NULL)
        return NULL;
    memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&packet)), sizeof fds);
    *ret_end = (struct troupe_bypass){fds[0], fds[1], fds[2], 1};
    return ret_end;
}
