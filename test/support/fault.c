/* The injector: see fault.h. */
#include "test/support/fault.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
    int files_errno;
};

static struct fault_plan own = {.files_errno = EIO};
static struct fault_plan *plan = &own;
static atomic_llong live;

/* ---- the plan -------------------------------------------------------------------------------- */

void fault_start(unsigned kinds, uint64_t at, uint64_t length)
{
    atomic_store(&plan->kinds, 0);
    plan->at = at;
    plan->length = length;
    atomic_store(&plan->calls, 0);
    atomic_store(&plan->fired, 0);
    memset(plan->place, 0, sizeof plan->place);
    atomic_store(&plan->kinds, kinds);
}

uint64_t fault_stop(void)
{
    atomic_store(&plan->kinds, 0);
    return atomic_load(&plan->calls);
}

bool fault_fired(void)
{
    return atomic_load(&plan->fired) != 0;
}

void fault_print_place(void)
{
    fprintf(stderr, "# call %llu failed, at", (unsigned long long)plan->at);
    for (int i = 0; i < DEPTH && plan->place[i] != 0; i++) {
        fprintf(stderr, " %llx", (unsigned long long)plan->place[i]);
    }
    fputs("\n", stderr);
}

int64_t fault_live(void)
{
    return atomic_load(&live);
}

void fault_share(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *shared = MAP_FAILED;
    void *frames[1];
    if (fd >= 0 && ftruncate(fd, sizeof own) == 0) {
        shared = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (shared == MAP_FAILED) {
        abort();
    }
    close(fd);
    backtrace(frames, 1); /* loads what it needs: later it may run between fork and exec */
    plan = shared;
}

void fault_set_errno(int code)
{
    plan->files_errno = code;
}

int fault_errno(void)
{
    return plan->files_errno;
}

bool fault_now(enum fault_kind kind)
{
    if ((atomic_load(&plan->kinds) & kind) == 0) {
        return false;
    }
    uint64_t call = atomic_fetch_add(&plan->calls, 1) + 1;
    if (plan->at == 0 || call < plan->at || call - plan->at >= plan->length) {
        return false;
    }
    if (atomic_fetch_add(&plan->fired, 1) == 0) {
        void *frames[DEPTH] = {0};
        int depth = backtrace(frames, DEPTH);
        for (int i = 0; i < depth; i++) {
            plan->place[i] = (uint64_t)((const char *)frames[i] - __ehdr_start);
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

unsigned fault_descriptors(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}
