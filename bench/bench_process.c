/* bench_process.c - see bench.h: processes of this same program, and what they report. */
#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

pid_t bench_start(char *const arguments[], const int *fds, size_t fds_count)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    for (size_t i = 0; i < fds_count; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], fds[i]); /* loses close-on-exec */
    errno = posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ);
    if (errno != 0)
        bench_die("cannot start a process");
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

bool bench_ended_well(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            bench_die("waitpid");
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

pid_t bench_start_helper(const char *name, const int *fds, size_t fds_count)
{
    char numbers[BENCH_FDS_MAX][12];
    char *arguments[3 + BENCH_FDS_MAX + 1] = {"troupe-bench", "--helper", (char *)name};
    for (size_t i = 0; i < fds_count; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", fds[i]);
        arguments[3 + i] = numbers[i];
    }
    return bench_start(arguments, fds, fds_count);
}

void bench_wait_helper(pid_t helper)
{
    errno = 0;
    if (!bench_ended_well(helper))
        bench_die("a helper did not end well");
}

void bench_socketpair_open(int ret_fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) != 0)
        bench_die("socketpair");
}

pid_t bench_start_server(const char *name, int ret_fds[BENCH_FDS])
{
    int there[BENCH_FDS];
    for (size_t i = 0; i < BENCH_FDS; i++) {
        int pair[2];
        bench_socketpair_open(pair);
        ret_fds[i] = pair[0];
        there[i] = pair[1];
    }
    pid_t server = bench_start_helper(name, there, BENCH_FDS);
    for (size_t i = 0; i < BENCH_FDS; i++)
        close(there[i]);
    return server;
}

/* ---- record ---------------------------------------------------------------------------------- */

/* One write a line: several processes append to the same file. */
static void record(const char *line, int size)
{
    const char *path = getenv("TROUPE_BENCH_RECORD");
    if (path == NULL)
        return;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)size) != size)
        bench_die(path);
    close(fd);
}

void bench_say_target(const struct bench_target *target)
{
    char line[512];
    bool met = target->least ? target->measured >= target->bound
                             : target->measured <= target->bound;
    printf("  %-6s %-58s %10.3g %-6s (target %s %g)%s%s\n", met ? "met" : "MISSED", target->what,
           target->measured, target->unit, target->least ? ">=" : "<=", target->bound,
           target->placement != NULL ? ", " : "",
           target->placement != NULL ? target->placement : "");
    fflush(stdout);
    record(line,
           snprintf(line, sizeof line,
                    "{\"target\": \"%s\", \"placement\": \"%s\", \"unit\": \"%s\", "
                    "\"measured\": %.6g, \"bound\": %g, \"least\": %s}\n",
                    target->what, target->placement != NULL ? target->placement : "", target->unit,
                    target->measured, target->bound, target->least ? "true" : "false"));
}

void bench_say_point(const char *plot, const char *name, double x, double y)
{
    char line[512];
    record(line, snprintf(line, sizeof line,
                          "{\"plot\": \"%s\", \"line\": \"%s\", \"x\": %.6g, \"y\": %.6g}\n", plot,
                          name, x, y));
}
