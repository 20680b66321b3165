/* The injector: see fault.h. */
#include "test/support/fault.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

extern const char __ehdr_start[]; /* the linker's: where this program begins */

enum { DEPTH = 24 };

struct fault_plan {
    atomic_uint kinds;
    uint64_t at;
    uint64_t length;
    atomic_ullong calls;
    atomic_ullong fired;
    uint64_t place[DEPTH];
};

static struct fault_plan plan;
static atomic_llong live;
static int files_errno = EIO;

/* ---- the plan -------------------------------------------------------------------------------- */

void fault_start(unsigned kinds, uint64_t at, uint64_t length)
{
    atomic_store(&plan.kinds, 0);
    plan.at = at;
    plan.length = length;
    atomic_store(&plan.calls, 0);
    atomic_store(&plan.fired, 0);
    atomic_store(&plan.kinds, kinds);
}

uint64_t fault_stop(void)
{
    atomic_store(&plan.kinds, 0);
    return atomic_load(&plan.calls);
}

bool fault_fired(void)
{
    return atomic_load(&plan.fired) != 0;
}

void fault_print_place(void)
{
    fprintf(stderr, "# call %llu failed, at", (unsigned long long)plan.at);
    for (int i = 0; i < DEPTH && plan.place[i] != 0; i++) {
        fprintf(stderr, " %llx", (unsigned long long)plan.place[i]);
    }
    fputs("\n", stderr);
}

int64_t fault_live(void)
{
    return atomic_load(&live);
}

void fault_set_errno(int code)
{
    files_errno = code;
}

int fault_errno(void)
{
    return files_errno;
}

bool fault_now(enum fault_kind kind)
{
    if ((atomic_load(&plan.kinds) & kind) == 0) {
        return false;
    }
    uint64_t call = atomic_fetch_add(&plan.calls, 1) + 1;
    if (plan.at == 0 || call < plan.at || call - plan.at >= plan.length) {
        return false;
    }
    if (atomic_fetch_add(&plan.fired, 1) == 0) {
        void *frames[DEPTH] = {0};
        int depth = backtrace(frames, DEPTH);
        for (int i = 0; i < depth; i++) {
            plan.place[i] = (uint64_t)((const char *)frames[i] - __ehdr_start);
        }
    }
    return true;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *fault_malloc(size_t size);
void *fault_calloc(size_t count, size_t size);
void *fault_realloc(void *old, size_t size);
char *fault_strdup(const char *text);
char *fault_strndup(const char *text, size_t size);
int fault_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fault_asprintf_chk(char **ret_text, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool no_memory(void)
{
    bool none = fault_now(FAULT_MEMORY);
    errno = none ? ENOMEM : errno;
    return none;
}

static void *counted(void *memory)
{
    atomic_fetch_add(&live, memory != NULL);
    return memory;
}

void *fault_malloc(size_t size)
{
    return no_memory() ? NULL : counted(malloc(size));
}

void *fault_calloc(size_t count, size_t size)
{
    return no_memory() ? NULL : counted(calloc(count, size));
}

void *fault_realloc(void *old, size_t size)
{
    if (no_memory()) {
        return NULL;
    }
    void *memory = realloc(old, size);
    atomic_fetch_add(&live, old == NULL && memory != NULL);
    return memory;
}

void fault_free(void *memory)
{
    atomic_fetch_sub(&live, memory != NULL);
    free(memory);
}

char *fault_strdup(const char *text)
{
    return no_memory() ? NULL : counted(strdup(text));
}

char *fault_strndup(const char *text, size_t size)
{
    return no_memory() ? NULL : counted(strndup(text, size));
}

static int print(char **ret_text, const char *format, va_list arguments)
{
    int size = no_memory() ? -1 : vasprintf(ret_text, format, arguments);
    atomic_fetch_add(&live, size >= 0);
    return size;
}

int fault_asprintf(char **ret_text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = print(ret_text, format, arguments);
    va_end(arguments);
    return size;
}

int fault_asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    int size = print(ret_text, format, arguments);
    va_end(arguments);
    return size;
}

/* ---- everything else ------------------------------------------------------------------------- */

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
    CALL(FAULT_FILES, type, name, files_errno, parameters, __VA_ARGS__)

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
        errno = files_errno;
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
