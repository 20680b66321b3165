/* spawn.c - a child is this very executable, started anew.
 *
 * Called on the main thread only: the parent-death signal of a child follows the *thread* that
 * spawned it. Between fork and exec only async-signal-safe calls are made (tl_send is plain
 * arithmetic and one sendmsg). The child keeps stdout, stderr and its control socket, reads
 * /dev/null, leads a process group of its own, so that Ctrl-C reaches the launcher alone, and has
 * its signals as a fresh program expects them. A pidfd, taken before anybody could reap the child,
 * is what later says that it is dead and what signals go to: a pid may be somebody else's by then. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/launch.h"

static const char self[] = "/proc/self/exe"; /* also when the file was replaced or unlinked */

const char *tl_executable(void)
{
    static char path[PATH_MAX];
    ssize_t size = readlink(self, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return size > 0 ? path : self;
}

/* What to execute: `self`, unless its name leads to another file than it itself does. That is so
 * under valgrind, where the kernel's answer is valgrind and valgrind's answer is the program. */
static const char *find_executable(void)
{
    struct stat by_link;
    struct stat by_name;
    const char *name = tl_executable();
    bool other = stat(self, &by_link) == 0 && stat(name, &by_name) == 0 &&
                 (by_link.st_dev != by_name.st_dev || by_link.st_ino != by_name.st_ino);
    return other ? name : self;
}

static void reset_signals(void)
{
    sigset_t none;
    struct sigaction preset = {.sa_handler = SIG_DFL};
    for (int signal = 1; signal < NSIG; signal++) {
        sigaction(signal, &preset, NULL); /* SIGKILL and SIGSTOP refuse, rightly */
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(int first)
{
    struct rlimit limit;
    if (close_range((unsigned)first, ~0u, 0) == 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    for (int fd = first; (rlim_t)fd < limit.rlim_cur; fd++) { /* valgrind 3.19 */
        close(fd);
    }
}

/* In the child. Never returns. */
static void become(const char *executable, char *title, int control, int null, pid_t parent)
{
    char mark[] = TL_CHILD_MARK;
    char *arguments[] = {title, mark, NULL};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0); /* it died before the line above */
    }
    reset_signals();
    dup2(null, STDIN_FILENO);
    if (control != TL_CONTROL_FD) {
        dup2(control, TL_CONTROL_FD);
    } else {
        fcntl(control, F_SETFD, 0);
    }
    close_from(TL_CONTROL_FD + 1);
    execv(executable, arguments);
    struct tl_message failed = {.kind = TL_FAILED, .code = errno};
    int told = tl_send(TL_CONTROL_FD, &failed, 0);
    _exit(told == 0 ? 127 : 126);
}

/* A child and its pidfd. Where pidfd_open is missing (valgrind 3.19 again) the system call that fork
 * is made of gives both; it is not the usual way, because sanitizers must see a fork. */
static pid_t fork_watched(int *ret_pidfd)
{
    int probe = pidfd_open(getpid(), 0);
    if (probe < 0 && errno == ENOSYS) {
        return (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, ret_pidfd, NULL, NULL);
    }
    if (probe < 0) {
        return -1;
    }
    close(probe);
    pid_t pid = fork();
    if (pid > 0) {
        *ret_pidfd = pidfd_open(pid, 0);
    }
    return pid;
}

int tl_spawn(const struct troupe_program *program, struct tl_process *process)
{
    char title[TROUPE_NAME_BYTES_MAX * 2];
    int ends[2];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0) {
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        close(null);
        return -1;
    }
    snprintf(title, sizeof title, "%s: %s", program->name, process->name);
    const char *executable = find_executable();
    pid_t parent = getpid();
    pid_t pid = fork_watched(&process->pidfd);
    int error = errno;
    if (pid == 0) {
        become(executable, title, ends[1], null, parent);
    }
    close(ends[1]);
    close(null);
    if (pid > 0) {
        setpgid(pid, pid);        /* whichever of us comes first */
        if (process->pidfd < 0) { /* a child that can't be watched must not be */
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
    }
    if (pid < 0 || process->pidfd < 0) {
        close(ends[0]);
        errno = error;
        return -1;
    }
    process->pid = pid;
    process->control = ends[0];
    return 0;
}

void tl_signal(const struct tl_process *process, int signal)
{
    if (process->pidfd >= 0 && pidfd_send_signal(process->pidfd, signal, NULL, 0) != 0 &&
        errno == ENOSYS) {
        kill(process->pid, signal); /* valgrind 3.19. Not reaped: the pid is still its own */
    }
}

bool tl_reap(struct tl_process *process, char *ret_text, size_t size)
{
    siginfo_t info = {0};
    while (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) != 0 && errno == EINTR) {
    }
    close(process->pidfd);
    process->pidfd = -1;
    if (process->control >= 0) {
        close(process->control);
        process->control = -1;
    }
    if (info.si_code == CLD_EXITED) {
        snprintf(ret_text, size, "exited with status %d", info.si_status);
    } else {
        snprintf(ret_text, size, "was killed by signal %d (%s)%s", info.si_status,
                 strsignal(info.si_status), info.si_code == CLD_DUMPED ? ", core dumped" : "");
    }
    return info.si_code == CLD_EXITED && info.si_status == 0;
}
