/* The calls that fault.syms gives other names, memory's aside: see fault.h. */
#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/fault.h"

/* NAME, which then returns CODE, or -1 with errno. */
#define CARRIER(name, parameters, ...)                                    \
    int fault_##name parameters;                                          \
    int fault_##name parameters                                           \
    {                                                                     \
        return fault_now(FAULT_CARRIER) ? NNG_ENOMEM : name(__VA_ARGS__); \
    }
#define CALL(kind, type, name, code, parameters, ...) \
    type fault_##name parameters;                     \
    type fault_##name parameters                      \
    {                                                 \
        if (fault_now(kind)) {                        \
            errno = (code);                           \
            return -1;                                \
        }                                             \
        return name(__VA_ARGS__);                     \
    }
#define SYSTEM(name, code, parameters, ...) \
    CALL(FAULT_SYSTEM, int, name, code, parameters, __VA_ARGS__)
#define FILES(type, name, parameters, ...) \
    CALL(FAULT_FILES, type, name, fault_errno(), parameters, __VA_ARGS__)

CARRIER(nng_aio_alloc, (nng_aio * *aio, void (*done)(void *), void *user), aio, done, user)
CARRIER(nng_listen, (nng_socket socket, const char *url, nng_listener *listener, int flags), socket,
        url, listener, flags)
CARRIER(nng_listener_set_int, (nng_listener listener, const char *name, int value), listener, name,
        value)
CARRIER(nng_msg_alloc, (nng_msg * *message, size_t size), message, size)
CARRIER(nng_pair0_open, (nng_socket * socket), socket)
CARRIER(nng_pipe_notify, (nng_socket socket, nng_pipe_ev event, nng_pipe_cb notify, void *user),
        socket, event, notify, user)
CARRIER(nng_pub0_open, (nng_socket * socket), socket)
CARRIER(nng_socket_set, (nng_socket socket, const char *name, const void *value, size_t size),
        socket, name, value, size)
CARRIER(nng_sub0_open, (nng_socket * socket), socket)

SYSTEM(eventfd, EMFILE, (unsigned count, int flags), count, flags)

FILES(int, access, (const char *path, int mode), path, mode)
FILES(int, fchmod, (int fd, mode_t mode), fd, mode)
FILES(int, flock, (int fd, int operation), fd, operation)
FILES(int, fstat, (int fd, struct stat *status), fd, status)
FILES(int, ftruncate, (int fd, off_t size), fd, size)
FILES(int, mkdir, (const char *path, mode_t mode), path, mode)
FILES(int, stat, (const char *path, struct stat *status), path, status)
FILES(ssize_t, getrandom, (void *to, size_t size, unsigned flags), to, size, flags)
FILES(ssize_t, pread, (int fd, void *to, size_t size, off_t at), fd, to, size, at)
FILES(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), fd, from, size, at)
FILES(ssize_t, read, (int fd, void *to, size_t size), fd, to, size)

int fault_open(const char *path, int flags, ...);
int fault_open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fault_now(FAULT_FILES)) {
        errno = fault_errno();
        return -1;
    }
    return open(path, flags, mode);
}

int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *user);
int fault_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *user)
{
    return fault_now(FAULT_SYSTEM) ? EAGAIN : pthread_create(thread, attributes, run, user);
}

/* ---- processes and sockets ------------------------------------------------------------------- */

#define PROCESS(type, name, code, parameters, ...) \
    CALL(FAULT_PROCESS, type, name, code, parameters, __VA_ARGS__)

PROCESS(int, accept4, EMFILE, (int fd, struct sockaddr *address, socklen_t *size, int flags), fd,
        address, size, flags)
PROCESS(int, bind, ENOSPC, (int fd, const struct sockaddr *address, socklen_t size), fd, address,
        size)
PROCESS(int, connect, EAGAIN, (int fd, const struct sockaddr *address, socklen_t size), fd, address,
        size)
PROCESS(int, dup2, EBUSY, (int fd, int to), fd, to)
PROCESS(int, execv, ENOMEM, (const char *path, char *const *arguments), path, arguments)
PROCESS(pid_t, fork, EAGAIN, (void))
PROCESS(int, listen, EADDRINUSE, (int fd, int count), fd, count)
PROCESS(int, pidfd_open, EMFILE, (pid_t pid, unsigned flags), pid, flags)
PROCESS(int, poll, ENOMEM, (struct pollfd * fds, nfds_t count, int ms), fds, count, ms)
PROCESS(ssize_t, recvmsg, ENOMEM, (int fd, struct msghdr *message, int flags), fd, message, flags)
PROCESS(ssize_t, sendmsg, ENOBUFS, (int fd, const struct msghdr *message, int flags), fd, message,
        flags)
PROCESS(int, signalfd, EMFILE, (int fd, const sigset_t *signals, int flags), fd, signals, flags)
PROCESS(int, socket, EMFILE, (int domain, int type, int protocol), domain, type, protocol)
PROCESS(int, socketpair, EMFILE, (int domain, int type, int protocol, int ends[2]), domain, type,
        protocol, ends)
