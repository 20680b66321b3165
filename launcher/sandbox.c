/* sandbox.c - what a child gives up before it hears its first message from another process.
 *
 * A role declares what it needs of the machine (struct troupe_sandbox); a process may what its roles
 * may, together, and is left alone if one of them declares nothing. Several locks, each for what
 * the others can't see:
 *
 *   no new privileges   no set-uid program helps it up; every child has this one, sandboxed or not
 *   limits              no core file, which would hold its memory; few descriptors. None on memory:
 *                       sanitizers reserve terabytes. None on processes: RLIMIT_NPROC counts all of
 *                       the user's; the filter forbids new ones
 *   Landlock            files: its own folder read-write, what its options name and what libraries
 *                       read by themselves read-only, no others. TCP and signals likewise where the
 *                       kernel's version knows them; it also keeps ptrace out of its neighbours
 *   seccomp             system calls: sandbox_calls.c
 *   not dumpable        for a role with secrets: none of the user's other processes reads its memory
 *
 * Called by child.c on the main thread while it is the only one: Landlock and seccomp bind the
 * calling thread and those that it creates later. Options name files as the launcher's caller sees
 * them; a child has its working directory. What the kernel lacks is said, once for the program, and
 * the rest is done; any other failure ends the process. */
#include "launcher/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS_MAX = 1024 };

static const struct troupe_sandbox *find(const struct troupe_program *program, size_t role)
{
    for (size_t i = 0; i < program->sandboxes_count; i++) {
        if (strcmp(program->sandboxes[i].role, program->roles[role].name) == 0) {
            return &program->sandboxes[i];
        }
    }
    return NULL;
}

size_t tl_sandbox_lacks(const struct troupe_program *program, uint64_t roles)
{
    size_t role = 0;
    while (role < program->roles_count &&
           ((roles & tl_bit(role)) == 0 || find(program, role) != NULL)) {
        role++;
    }
    return role;
}

void tl_sandbox_settle(const struct troupe_program *program, bool off,
                       struct tl_composition *composition)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 1; i < composition->places_count; i++) {
        struct tl_place *place = &composition->places[i];
        if (tl_sandbox_lacks(program, place->roles) < program->roles_count) {
            continue; /* a role that declares nothing */
        }
        place->sandboxed = !off && place->sandbox != TL_SANDBOX_OFF;
        if (!place->sandboxed && used < sizeof names) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                     used > 0 ? ", " : "", place->name);
        }
    }
    if (used > 0) {
        tl_say(program,
               "sandbox off for %s: whoever takes over such a process has all your rights, to "
               "every file, the network and your other processes",
               names);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The kernel's interface, as of version 7: Debian 12's header stops at version 2. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};
struct rule {
    uint64_t access;
    int32_t fd;
} __attribute__((packed));
struct port_rule {
    uint64_t access;
    uint64_t port;
};
enum { RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2, ASK_VERSION = 1 };
#define BIT(n)      (UINT64_C(1) << (n))
#define WRITE_FILE  BIT(1)
#define READ_FILE   BIT(2)
#define READ_DIR    BIT(3)
#define REMOVE_DIR  BIT(4)
#define REMOVE_FILE BIT(5)
#define MAKE_DIR    BIT(7)
#define MAKE_REG    BIT(8)
#define TRUNCATE    BIT(14)
#define IOCTL_DEV   BIT(15)
#define ON_FILES    (BIT(0) | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define READ        (READ_FILE | READ_DIR)
#define WRITE       (READ | WRITE_FILE | REMOVE_FILE | REMOVE_DIR | MAKE_REG | MAKE_DIR | TRUNCATE)
#define NET_BIND    BIT(0)
#define NET_CONNECT BIT(1)
#define SCOPE_ALL   (BIT(0) | BIT(1)) /* abstract sockets, signals */

static const char *const read_by_libraries[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl/openssl.cnf",
    "/dev/urandom", /* SQLite */
    "/sys/devices/system/cpu",
#ifdef TL_SANITIZED
    "/proc", /* what they report with; and the executable, below */
#endif
};

static uint64_t file_rights(int version)
{
    uint64_t rights = BIT(13) - 1;
    rights |= version >= 2 ? BIT(13) : 0; /* moving between folders */
    rights |= version >= 3 ? TRUNCATE : 0;
    return rights | (version >= 5 ? IOCTL_DEV : 0);
}

/* What is not there, or not for this user, needs no rule. */
static bool allow(int ruleset, uint64_t handled, const char *path, uint64_t access)
{
    struct stat status;
    struct rule rule = {.access = access & handled};
    rule.fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.fd < 0) {
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR;
    }
    if (fstat(rule.fd, &status) != 0 || !S_ISDIR(status.st_mode)) {
        rule.access &= ON_FILES;
    } else if ((access & READ_DIR) == 0) { /* a folder where a file was to be */
        close(rule.fd);
        return true;
    }
    long result = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
    close(rule.fd);
    return result == 0;
}

/* Its own folder, below the program's data directory. */
static bool allow_folder(int ruleset, uint64_t handled, const char *directory, const char *folder)
{
    char path[PATH_MAX];
    if (directory == NULL ||
        snprintf(path, sizeof path, "%s/%s", directory, folder) >= (int)sizeof path) {
        errno = directory == NULL ? ENOENT : ENAMETOOLONG;
        return false;
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    return allow(ruleset, handled, path, WRITE);
}

#ifdef TL_SANITIZED
/* Where reports go: *SAN_OPTIONS=log_path=PATH. */
static bool allow_reports(int ruleset, uint64_t handled)
{
    static const char *const variables[] = {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};
    bool good = allow(ruleset, handled, tl_executable(), READ);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        char path[PATH_MAX];
        const char *options = getenv(variables[i]);
        const char *at = options != NULL ? strstr(options, "log_path=") : NULL;
        if (at != NULL) {
            at += strlen("log_path=");
            snprintf(path, sizeof path, "%.*s", (int)strcspn(at, ":"), at);
            char *slash = strrchr(path, '/');
            if (slash != NULL) {
                *slash = '\0';
                good = good && allow(ruleset, handled, path, WRITE);
            }
        }
    }
    return good;
}
#else
static bool allow_reports(int ruleset, uint64_t handled)
{
    (void)ruleset;
    (void)handled;
    return true;
}
#endif

/* A file that the program was told to read, or all in a folder, and what goes with it. */
static bool allow_read(int ruleset, uint64_t handled, const char *path, const char *beside)
{
    struct stat status;
    char other[PATH_MAX];
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return allow(ruleset, handled, path, READ);
    }
    if (!allow(ruleset, handled, path, READ_FILE)) {
        return false;
    }
    const char *slash = strrchr(path, '/');
    int folder = slash != NULL ? (int)(slash - path + 1) : 0;
    return beside == NULL ||
           snprintf(other, sizeof other, "%.*s%s", folder, path, beside) >= (int)sizeof other ||
           allow(ruleset, handled, other, READ_FILE);
}

static bool allow_role(int ruleset, uint64_t handled, const struct troupe_arguments *arguments,
                       const struct troupe_sandbox *sandbox)
{
    const struct troupe_program *program = arguments->program;
    bool good = true;
    if (sandbox->folder != NULL) {
        good = program->data_directory != NULL &&
               allow_folder(ruleset, handled, program->data_directory(arguments), sandbox->folder);
    }
    for (const char *const *option = sandbox->reads; option != NULL && *option != NULL; option++) {
        const char *path = troupe_argument(arguments, *option);
        good = good && (path == NULL || allow_read(ruleset, handled, path, sandbox->beside));
    }
    return good;
}

/* The port that an option names, or a negative number: it is not given, or names none. */
static int port_of(const struct troupe_arguments *arguments, const char *option)
{
    const char *value = option != NULL ? troupe_argument(arguments, option) : NULL;
    const char *colon = value != NULL ? strrchr(value, ':') : NULL;
    const char *digits = colon != NULL ? colon + 1 : value;
    char *end = NULL;
    if (digits == NULL || *digits < '0' || *digits > '9') {
        return -1;
    }
    unsigned long port = strtoul(digits, &end, 10);
    return *end == '\0' && port <= UINT16_MAX ? (int)port : -1;
}

/* Ports that roles of the set listen on: these and no others. */
static bool allow_ports(int ruleset, const struct troupe_arguments *arguments, uint64_t roles)
{
    const struct troupe_program *program = arguments->program;
    bool good = true;
    for (size_t role = 0; role < program->roles_count; role++) {
        int port = roles & tl_bit(role) ? port_of(arguments, find(program, role)->listens) : -1;
        struct port_rule rule = {.access = NET_BIND, .port = port >= 0 ? (uint64_t)port : 0};
        good = good &&
               (port < 0 || syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) == 0);
    }
    return good;
}

/* 1: done; 0: this kernel has no Landlock; -1 with errno. */
static int close_files(const struct troupe_arguments *arguments, uint64_t roles, bool connects)
{
    const struct troupe_program *program = arguments->program;
    long version = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);
    if (version < 1) {
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
    }
    struct ruleset all = {.files = file_rights((int)version)};
    all.net = version < 4 ? 0 : connects ? NET_BIND : NET_BIND | NET_CONNECT;
    all.scoped = version < 6 ? 0 : SCOPE_ALL;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (ruleset < 0) {
        return -1;
    }
    bool good = allow_reports(ruleset, all.files);
    for (size_t i = 0; i < sizeof read_by_libraries / sizeof *read_by_libraries; i++) {
        good = good && allow(ruleset, all.files, read_by_libraries[i], READ);
    }
    for (size_t role = 0; role < program->roles_count; role++) {
        good = good && ((roles & tl_bit(role)) == 0 ||
                        allow_role(ruleset, all.files, arguments, find(program, role)));
    }
    good = good && (all.net == 0 || allow_ports(ruleset, arguments, roles));
    good = good && syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int error = errno;
    close(ruleset);
    errno = error;
    return good ? 1 : -1;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool limit(void)
{
    struct rlimit none = {0};
    struct rlimit fds;
    if (setrlimit(RLIMIT_CORE, &none) != 0 || getrlimit(RLIMIT_NOFILE, &fds) != 0) {
        return false;
    }
    rlim_t max = fds.rlim_max;
    fds.rlim_cur = max < FDS_MAX ? max : FDS_MAX;
    fds.rlim_max = fds.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &fds) == 0) {
        return true;
    }
    fds.rlim_max = max; /* valgrind keeps this one for itself */
    return errno == EPERM && setrlimit(RLIMIT_NOFILE, &fds) == 0;
}

static bool fail(char *ret_text, size_t size, const char *what)
{
    snprintf(ret_text, size, "the sandbox could not be closed: %s: %s", what, strerror(errno));
    return false;
}

bool tl_sandbox_enter(const struct troupe_arguments *arguments, uint64_t roles, char *ret_text,
                      size_t size)
{
    const struct troupe_program *program = arguments->program;
    bool connects = false;
    bool listens = false;
    bool secret = false;
    ret_text[0] = '\0';
    if (tl_sandbox_lacks(program, roles) < program->roles_count) {
        errno = EINVAL;
        return fail(ret_text, size, "a role that declares nothing");
    }
    for (size_t role = 0; role < program->roles_count; role++) {
        if (roles & tl_bit(role)) {
            connects = connects || find(program, role)->connects;
            listens = listens || port_of(arguments, find(program, role)->listens) >= 0;
            secret = secret || find(program, role)->secret;
        }
    }
    if (!limit()) {
        return fail(ret_text, size, "limits");
    }
#ifndef TL_SANITIZED /* LeakSanitizer looks at its own process as a debugger does */
    if (secret && prctl(PR_SET_DUMPABLE, 0) != 0) {
        return fail(ret_text, size, "not dumpable");
    }
#endif
    int files = close_files(arguments, roles, connects);
    if (files < 0) {
        return fail(ret_text, size, "files");
    }
    int calls = tl_sandbox_close_calls(connects, listens);
    if (calls < 0) {
        return fail(ret_text, size, "system calls");
    }
    if (files == 0 || calls == 0) {
        snprintf(ret_text, size, "no %s%s%s in this kernel: the sandbox goes without",
                 files == 0 ? "Landlock (files)" : "", files == 0 && calls == 0 ? " and no " : "",
                 calls == 0 ? "seccomp (system calls)" : "");
    }
    return true;
}
