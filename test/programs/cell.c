/* cell - three roles for the tests of the sandbox: `vault` declares what a wallet does, `line` what a
 * node does, `yard` nothing. Each tries what it is told to and answers with the errno.
 *
 * Where a kernel lacks Landlock or seccomp is played: CELL_WITHOUT names one, and a filter laid on the
 * whole program answers its system calls as such a kernel would. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "launcher/launcher.h"
#include "test/support/cell.h"

static uint64_t secret = 42;

/* ---- attempts: 0, or -1 with errno ----------------------------------------------------------- */

static int closed(int fd)
{
    return fd < 0 ? -1 : close(fd);
}

static int try_read(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    return closed(open(path, O_RDONLY | O_CLOEXEC));
}

static int try_write(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    return closed(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int try_remove(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    return unlink(path);
}

static int try_chmod(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    return chmod(path, 0600);
}

static int try_tcp(const struct cell_attempt_args *args, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)args->number),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)path;
    if (fd < 0) {
        return -1;
    }
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int try_listen(const struct cell_attempt_args *args, const char *path)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)args;
    (void)path;
    int result = fd < 0 ? -1 : listen(fd, 1);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int try_bind(const struct cell_attempt_args *args, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)args->number),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)path;
    int result = fd < 0 ? -1 : setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    result = result != 0 ? result : bind(fd, (struct sockaddr *)&address, sizeof address);
    result = result != 0 ? result : listen(fd, 1);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int try_udp(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    (void)path;
    return closed(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int try_unix(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    (void)path;
    return closed(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int try_pair(const struct cell_attempt_args *args, const char *path)
{
    int ends[2];
    (void)args;
    (void)path;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 ? -1
           : close(ends[0]) != 0                                         ? -1
                                                                         : close(ends[1]);
}

/* A program that is not there: let through, the answer is ENOENT. */
static int try_exec(const struct cell_attempt_args *args, const char *path)
{
    char *const words[] = {(char *)path, NULL};
    (void)args;
    return execv(path, words);
}

static int try_spawn(const struct cell_attempt_args *args, const char *path)
{
    char *const words[] = {(char *)path, NULL};
    char *const environment[] = {NULL};
    pid_t pid;
    (void)args;
    errno = posix_spawn(&pid, path, NULL, NULL, words, environment);
    return errno != 0 ? -1 : waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int try_ptrace(const struct cell_attempt_args *args, const char *path)
{
    pid_t pid = (pid_t)args->number;
    (void)path;
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) {
        return -1;
    }
    if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0 || waitpid(pid, NULL, __WALL) != pid) {
        return -1;
    }
    return (int)ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static int try_vm_read(const struct cell_attempt_args *args, const char *path)
{
    uint64_t found = 0;
    struct iovec own = {&found, sizeof found};
    struct iovec its = {(void *)(uintptr_t)args->address, sizeof found};
    (void)path;
    if (process_vm_readv((pid_t)args->number, &own, 1, &its, 1, 0) < 0) {
        return -1;
    }
    errno = EBADMSG;
    return found == secret ? 0 : -1;
}

static int try_mem(const struct cell_attempt_args *args, const char *path)
{
    uint64_t found = 0;
    char name[64];
    (void)path;
    snprintf(name, sizeof name, "/proc/%" PRIu64 "/mem", args->number);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t size = pread(fd, &found, sizeof found, (off_t)args->address);
    int error = size < 0 ? errno : EBADMSG;
    close(fd);
    errno = error;
    return size == sizeof found && found == secret ? 0 : -1;
}

static int try_signal(const struct cell_attempt_args *args, const char *path)
{
    (void)path;
    return kill((pid_t)args->number, 0);
}

static int try_own_signal(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    (void)path;
    return kill(getpid(), 0);
}

static int try_terminal(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    (void)path;
    return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static int try_dumpable(const struct cell_attempt_args *args, const char *path)
{
    (void)args;
    (void)path;
    errno = EPERM;
    return prctl(PR_GET_DUMPABLE) == 1 ? 0 : -1;
}

static int try_core(const struct cell_attempt_args *args, const char *path)
{
    struct rlimit limit;
    (void)args;
    (void)path;
    errno = EPERM;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max != 0 ? 0 : -1;
}

static int try_call(const struct cell_attempt_args *args, const char *path)
{
    (void)path;
    return syscall((long)args->number, 0, 0, 0, 0, 0, 0) < 0 ? -1 : 0;
}

static const struct {
    const char *what;
    int (*attempt)(const struct cell_attempt_args *args, const char *path);
} attempts[] = {{"read", try_read},
                {"write", try_write},
                {"remove", try_remove},
                {"chmod", try_chmod},
                {"tcp", try_tcp},
                {"listen", try_listen},
                {"bind", try_bind},
                {"udp", try_udp},
                {"unix", try_unix},
                {"pair", try_pair},
                {"exec", try_exec},
                {"spawn", try_spawn},
                {"ptrace", try_ptrace},
                {"vm-read", try_vm_read},
                {"mem", try_mem},
                {"signal", try_signal},
                {"own-signal", try_own_signal},
                {"terminal", try_terminal},
                {"dumpable", try_dumpable},
                {"core", try_core},
                {"call", try_call}};

/* ---- the roles ------------------------------------------------------------------------------- */

static void attempt(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct cell_attempt_args *args)
{
    char path[4097];
    struct cell_attempt_results results = {.error = ENOTSUP};
    (void)self;
    (void)state;
    snprintf(path, sizeof path, "%.*s", (int)args->path.size, args->path.data);
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        if (args->what.size == strlen(attempts[i].what) &&
            memcmp(args->what.data, attempts[i].what, args->what.size) == 0) {
            results.error = attempts[i].attempt(args, path) == 0 ? 0 : (uint32_t)errno;
        }
    }
    cell_attempt_reply(call, &results);
}

static void where(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    (void)self;
    (void)state;
    cell_where_reply(call, &(struct cell_where_results){.pid = (uint32_t)getpid(),
                                                        .address = (uint64_t)(uintptr_t)&secret});
}

static int front_start(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    printf("ready\n");
    return fflush(stdout);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int find(struct troupe *troupe, const char *role, struct troupe_ref *ret_ref)
{
    int error = troupe_host_find(troupe, role, ret_ref);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", role, troupe_error_text(error));
    }
    return error;
}

/* try ROLE WHAT [PATH]: a number for tcp and call; a neighbour's role for what is about one. */
static int command_try(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    struct troupe_ref role;
    struct troupe_ref other;
    struct troupe_error error;
    struct cell_attempt_results results;
    struct cell_where_results place;
    struct cell_attempt_args args = {.what = troupe_text(values[1])};
    (void)arguments;
    (void)json;
    if (count > 2) {
        args.path = troupe_text(values[2]);
        args.number = strtoull(values[2], NULL, 10);
    }
    if (find(troupe, values[0], &role) != 0) {
        return 1;
    }
    if (count > 2 && troupe_host_find(troupe, values[2], &other) == 0 &&
        cell_where(troupe, other, &place, NULL, NULL) == 0) {
        args.number = place.pid;
        args.address = place.address;
    }
    if (cell_attempt(troupe, role, &args, &results, &error, NULL) != 0) {
        fprintf(stderr, "%s: %s\n", values[0], error.text);
        return 1;
    }
    printf("%s\n", results.error == 0 ? "let" : strerrorname_np((int)results.error));
    return 0;
}

/* ---- the program ----------------------------------------------------------------------------- */

static const char *data_directory(const struct troupe_arguments *arguments)
{
    return troupe_argument(arguments, "datadir");
}

static void deny(scmp_filter_ctx filter, int error, const char *call)
{
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO((unsigned)error),
                         seccomp_syscall_resolve_name(call), 0) != 0) {
        abort();
    }
}

static void play_a_kernel_without(const char *what)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (strcmp(what, "landlock") == 0) {
        deny(filter, ENOSYS, "landlock_create_ruleset");
    } else {
        deny(filter, ENOSYS, "seccomp");
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) != 0) {
            abort();
        }
    }
    if (seccomp_load(filter) != 0) {
        abort();
    }
    seccomp_release(filter);
}

static const struct cell_handlers handlers = {.attempt = attempt, .where = where};
static const struct troupe_service services[] = {{&cell_interface, &handlers}};
static const struct troupe_actor_def cell = {
    .name = "cell", .services = services, .services_count = 1};
static const struct troupe_actor_def front = {.name = "front", .start = front_start};

static const char *const front_uses[] = {"vault", "line", "yard", NULL};
static const struct troupe_role roles[] = {
    {.name = "vault", .actor = &cell},
    {.name = "line", .actor = &cell},
    {.name = "yard", .actor = &cell},
    {.name = "front", .actor = &front, .uses = front_uses},
};
static const char *const line_reads[] = {"import", NULL};
static const struct troupe_sandbox sandboxes[] = {
    {.role = "line", .folder = "line", .reads = line_reads, .connects = true, .listens = "listen"},
    {.role = "vault", .folder = "vault", .secret = true},
};
static const struct troupe_option options[] = {
    {.name = "datadir", .value = "DIR", .help = "where the control socket is"},
    {.name = "import", .value = "FILE", .help = "line may read it"},
    {.name = "listen", .value = "[ADDRESS:]PORT", .help = "line may listen there"},
};
static const struct troupe_command commands[] = {
    {.name = "try",
     .arguments = "ROLE WHAT [PATH|NUMBER|NEIGHBOUR]",
     .help = "prints the errno",
     .arguments_min = 2,
     .arguments_max = 3,
     .run = command_try},
};

int main(int argc, char **argv)
{
    static const struct troupe_program program = {
        .name = "cell",
        .version = "1.0",
        .summary = "roles in sandboxes",
        .options = options,
        .options_count = sizeof options / sizeof *options,
        .commands = commands,
        .commands_count = sizeof commands / sizeof *commands,
        .roles = roles,
        .roles_count = sizeof roles / sizeof *roles,
        .sandboxes = sandboxes,
        .sandboxes_count = sizeof sandboxes / sizeof *sandboxes,
        .front = "front",
        .split = "all",
        .data_directory = data_directory,
    };
    const char *without = getenv("CELL_WITHOUT");
    if (without != NULL && argc > 1 && strcmp(argv[1], "--as-child") != 0) {
        play_a_kernel_without(without);
    }
    return troupe_main(argc, argv, &program);
}
