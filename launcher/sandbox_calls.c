/* sandbox_calls.c - the system calls that no sandboxed role makes, answered with an error.
 *
 * A list of what is forbidden, not of what is allowed: which calls the C library makes differs from
 * version to version, and a role that fails on a new machine helps nobody. What matters is closed
 * from the other side: files by Landlock, sockets here by their family, type and protocol. Numbers,
 * not names, for calls that are younger than the library; a name that this machine lacks is skipped.
 *
 * An error, never a signal: a role that tries goes on serving. clone3 hides its flags from a filter,
 * so it is answered as by a kernel without it, and the C library uses clone. */
#include "launcher/sandbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const forbidden[] = {
    /* other programs, other processes */
    "execve", "execveat", "fork", "vfork", "process_vm_readv", "process_vm_writev",
    "process_madvise", "process_mrelease", "kcmp", "pidfd_getfd", "pidfd_send_signal", "tkill",
    "move_pages", "migrate_pages",
#ifndef TL_SANITIZED /* LeakSanitizer; neighbours are kept by Landlock there */
    "ptrace",
#endif
    /* another user, other namespaces, another view of the files */
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    "setgroups", "capset", "unshare", "setns", "chroot", "pivot_root", "mount", "umount", "umount2",
    "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    "name_to_handle_at", "open_by_handle_at",
    /* files by path that Landlock does not guard: their modes, owners, attributes, times */
    "chmod", "fchmodat", "chown", "lchown", "fchownat", "setxattr", "lsetxattr", "removexattr",
    "lremovexattr", "utime", "utimes", "futimesat", "mknod", "mknodat",
    /* the kernel itself, and its parts with a history */
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct",
    "quotactl", "quotactl_fd", "syslog", "sethostname", "setdomainname", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "iopl", "ioperm", "modify_ldt", "vhangup",
    "fanotify_init", "fanotify_mark", "lookup_dcookie", "memfd_secret", "uselib", "vmsplice",
    /* queues and memory that any process of the user may open */
    "msgget", "semget", "shmget", "shmat", "mq_open"};

/* Sockets; `socket` and `connect` below. */
static const char *const listening[] = {"bind", "listen", "accept", "accept4"};

/* fchmodat2, setxattrat, removexattrat, file_setattr: the same everywhere. */
static const int forbidden_numbers[] = {452, 463, 466, 469};

/* Denied when the first argument is not this process. */
static const char *const own_process_only[] = {"kill", "tgkill", "rt_sigqueueinfo",
                                               "rt_tgsigqueueinfo"};

static const uint64_t clone_flags[] = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                       CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

/* One more rule: `error` for the call if its argument compares so; `argument` NULL: always. A first
 * error is kept in *result. */
static void deny(scmp_filter_ctx filter, int *result, int error, int call,
                 const struct scmp_arg_cmp *argument)
{
    if (*result == 0) {
        *result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)error), call,
                                         argument != NULL, argument);
    }
}

static void deny_name(scmp_filter_ctx filter, int *result, int error, const char *name,
                      const struct scmp_arg_cmp *argument)
{
    int call = seccomp_syscall_resolve_name(name);
    if (call != __NR_SCMP_ERROR) {
        deny(filter, result, error, call, argument);
    }
}

static void deny_equal(scmp_filter_ctx filter, int *result, int call, unsigned argument,
                       uint64_t mask, uint64_t value)
{
    deny(filter, result, EPERM, call,
         &(struct scmp_arg_cmp){argument, SCMP_CMP_MASKED_EQ, mask, value});
}

/* Left: SOCK_STREAM over IPv4 and IPv6, of protocol TCP. A filter has no "unless", so everything
 * else is listed. */
static void allow_tcp(scmp_filter_ctx filter, int *result)
{
    int call = SCMP_SYS(socket);
    deny(filter, result, EPERM, call, &(struct scmp_arg_cmp){0, SCMP_CMP_LT, AF_INET, 0});
    for (uint64_t family = AF_INET + 1; family < AF_INET6; family++) {
        deny(filter, result, EPERM, call, &(struct scmp_arg_cmp){0, SCMP_CMP_EQ, family, 0});
    }
    deny(filter, result, EPERM, call, &(struct scmp_arg_cmp){0, SCMP_CMP_GT, AF_INET6, 0});
    for (uint64_t type = 0; type <= 15; type++) { /* beside it: SOCK_CLOEXEC, SOCK_NONBLOCK */
        if (type != SOCK_STREAM) {
            deny_equal(filter, result, call, 1, 15, type);
        }
    }
    for (uint64_t protocol = 1; protocol < IPPROTO_TCP; protocol++) {
        deny(filter, result, EPERM, call, &(struct scmp_arg_cmp){2, SCMP_CMP_EQ, protocol, 0});
    }
    deny(filter, result, EPERM, call, &(struct scmp_arg_cmp){2, SCMP_CMP_GT, IPPROTO_TCP, 0});
}

static int fill(scmp_filter_ctx filter, bool connects, bool listens)
{
    int result = 0;
    struct scmp_arg_cmp other_process = {0, SCMP_CMP_NE, (scmp_datum_t)getpid(), 0};
    for (size_t i = 0; i < COUNT(forbidden); i++) {
        deny_name(filter, &result, EPERM, forbidden[i], NULL);
    }
    for (size_t i = 0; i < COUNT(forbidden_numbers); i++) {
        deny(filter, &result, EPERM, forbidden_numbers[i], NULL);
    }
    for (size_t i = 0; i < COUNT(own_process_only); i++) {
        deny_name(filter, &result, EPERM, own_process_only[i], &other_process);
    }
    deny_name(filter, &result, ENOSYS, "clone3", NULL);
    for (size_t i = 0; i < COUNT(clone_flags); i++) {
        deny_equal(filter, &result, SCMP_SYS(clone), 0, clone_flags[i], clone_flags[i]);
    }
#ifndef TL_SANITIZED
    deny_equal(filter, &result, SCMP_SYS(clone), 0, CLONE_THREAD, 0);
#endif
    deny(filter, &result, EPERM, SCMP_SYS(prlimit64), &(struct scmp_arg_cmp){0, SCMP_CMP_NE, 0, 0});
    /* stdout may be a terminal: no keys into its input. */
    deny_equal(filter, &result, SCMP_SYS(ioctl), 1, UINT32_MAX, TIOCSTI);
    deny_equal(filter, &result, SCMP_SYS(ioctl), 1, UINT32_MAX, TIOCLINUX);
    deny(filter, &result, EPERM, SCMP_SYS(socketpair),
         &(struct scmp_arg_cmp){0, SCMP_CMP_NE, AF_UNIX, 0});
    if (connects || listens) {
        allow_tcp(filter, &result);
    } else {
        deny_name(filter, &result, EPERM, "socket", NULL);
    }
    if (!connects) {
        deny_name(filter, &result, EPERM, "connect", NULL);
    }
    for (size_t i = 0; !listens && i < COUNT(listening); i++) {
        deny_name(filter, &result, EPERM, listening[i], NULL);
    }
    return result;
}

int tl_sandbox_close_calls(bool connects, bool listens)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) {
        errno = ENOMEM;
        return -1;
    }
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    result = result != 0 ? result : seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    result = result != 0 ? result : fill(filter, connects, listens);
    bool filled = result == 0;
    result = filled ? seccomp_load(filter) : result;
    seccomp_release(filter);
    if (filled && (result == -EINVAL || result == -ENOSYS)) {
        return 0;
    }
    errno = -result;
    return result == 0 ? 1 : -1;
}
