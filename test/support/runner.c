#include "test/support/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/support/witness.h"

enum { ARGUMENTS_MAX = 32, WAIT_SECONDS = 20, WAIT_IN_STRESS = 60 };

double runner_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double runner_slowness(void)
{
    const char *slow = getenv("TROUPE_SLOW");
    return slow != NULL ? atof(slow) : 1;
}

/* The longest that anything may take. One of ten thousand rounds may meet the machine at its worst. */
static double patience(void)
{
    return (getenv("TROUPE_STRESS") != NULL ? WAIT_IN_STRESS : WAIT_SECONDS) * runner_slowness();
}

/* Goes on only while the machine does. */
static double patient_now(void)
{
    return runner_now() - witness_stood();
}

bool runner_in_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

int runner_setup(void **state)
{
    (void)state;
    witness_call();
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void become(const struct runner_options *options, char *const *arguments, int out, int err)
{
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    if (options->no_stdio) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
    }
    close(null);
    if (options->variable != NULL) {
        putenv((char *)options->variable);
    }
    if (options->uid != 0 && setuid(options->uid) != 0) {
        _exit(126);
    }
    execv(arguments[0], arguments);
    fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

void runner_start(struct runner *runner, const struct runner_options *options, ...)
{
    static const struct runner_options none;
    char path[4096];
    char *arguments[ARGUMENTS_MAX + 2] = {path};
    int out[2];
    int err[2];
    va_list list;
    options = options != NULL ? options : &none;
    snprintf(path, sizeof path, "%s/test/programs/trio", getenv("TROUPE_BUILD"));
    if (options->program != NULL) {
        snprintf(path, sizeof path, "%s", options->program);
    }
    va_start(list, options);
    for (size_t i = 1; i <= ARGUMENTS_MAX; i++) {
        arguments[i] = va_arg(list, char *);
        if (arguments[i] == NULL) {
            break;
        }
    }
    va_end(list);
    *runner = (struct runner){0};
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    runner->pid = fork();
    if (runner->pid == 0) {
        become(options, arguments, out[1], err[1]);
    }
    assert_true(runner->pid > 0);
    close(out[1]);
    close(err[1]);
    runner->out.fd = out[0];
    runner->err.fd = err[0];
}

void runner_copy(const char *to)
{
    char from[4096];
    char buffer[65536];
    ssize_t size;
    snprintf(from, sizeof from, "%s/test/programs/trio", getenv("TROUPE_BUILD"));
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0);
    while ((size = read(in, buffer, sizeof buffer)) > 0) {
        assert_int_equal(write(out, buffer, (size_t)size), size);
    }
    close(in);
    close(out);
}

/* ---- output ---------------------------------------------------------------------------------- */

static void read_stream(struct runner_stream *stream)
{
    ssize_t got = read(stream->fd, stream->text + stream->size,
                       sizeof stream->text - 1 - stream->size);
    if (got > 0) {
        stream->size += (size_t)got;
        stream->text[stream->size] = '\0';
    } else {
        close(stream->fd);
        stream->fd = -1;
    }
}

/* Reads what comes within a moment. */
static void read_both(struct runner *runner)
{
    struct pollfd fds[] = {{.fd = runner->out.fd, .events = POLLIN},
                           {.fd = runner->err.fd, .events = POLLIN}};
    if (poll(fds, 2, 10) > 0) {
        if (fds[0].revents != 0) {
            read_stream(&runner->out);
        }
        if (fds[1].revents != 0) {
            read_stream(&runner->err);
        }
    }
}

static void give_up(const struct runner *runner, const char *what)
{
    print_error("waited for %s\nstdout:\n%s\nstderr:\n%s\n", what, runner->out.text,
                runner->err.text);
    fail();
}

static void wait_text(struct runner *runner, const struct runner_stream *stream, const char *text)
{
    double due = patient_now() + patience();
    while (strstr(stream->text, text) == NULL) {
        if (patient_now() >= due || (runner->out.fd < 0 && runner->err.fd < 0)) {
            give_up(runner, text);
        }
        read_both(runner);
    }
}

void runner_wait_out(struct runner *runner, const char *text)
{
    wait_text(runner, &runner->out, text);
}

void runner_wait_err(struct runner *runner, const char *text)
{
    wait_text(runner, &runner->err, text);
}

void runner_wait_line(struct runner *runner, const char *start)
{
    double due = patient_now() + patience();
    const char *line;
    while ((line = strstr(runner->out.text, start)) == NULL || strchr(line, '\n') == NULL) {
        if (patient_now() >= due || (runner->out.fd < 0 && runner->err.fd < 0)) {
            give_up(runner, start);
        }
        read_both(runner);
    }
}

bool runner_more(struct runner *runner)
{
    double due = patient_now() + patience();
    size_t before = runner->out.size + runner->err.size;
    while (runner->out.size + runner->err.size == before) {
        if (runner->out.fd < 0 && runner->err.fd < 0) {
            return false;
        }
        if (patient_now() >= due) {
            give_up(runner, "anything");
        }
        read_both(runner);
    }
    return true;
}

static void forget(struct runner_stream *stream)
{
    char *end = strrchr(stream->text, '\n');
    size_t gone = end != NULL ? (size_t)(end + 1 - stream->text) : 0;
    memmove(stream->text, stream->text + gone, stream->size - gone + 1);
    stream->size -= gone;
}

void runner_forget(struct runner *runner)
{
    forget(&runner->out);
    forget(&runner->err);
}

/* The text after "NAME " at the start of a whole line. */
static const char *line_of(const char *text, const char *name)
{
    size_t size = strlen(name);
    while (text != NULL && strchr(text, '\n') != NULL) {
        if (strncmp(text, name, size) == 0 && text[size] == ' ') {
            return text + size + 1;
        }
        text = strchr(text, '\n') + 1;
    }
    return NULL;
}

pid_t runner_number(struct runner *runner, const char *name)
{
    double due = patient_now() + patience();
    const char *number;
    while ((number = line_of(runner->out.text, name)) == NULL) {
        if (patient_now() >= due || runner->out.fd < 0) {
            give_up(runner, name);
        }
        read_both(runner);
    }
    return atoi(number);
}

pid_t runner_last(const struct runner *runner, const char *name)
{
    pid_t number = 0;
    const char *line = line_of(runner->out.text, name);
    while (line != NULL) {
        number = atoi(line);
        line = line_of(strchr(line, '\n') + 1, name);
    }
    return number;
}

unsigned runner_count_in(pid_t pid, const char *what)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

/* ---- end ------------------------------------------------------------------------------------- */

void runner_wait(bool (*condition)(void *user), void *user)
{
    double due = patient_now() + patience();
    while (!condition(user) && patient_now() < due) {
        poll(NULL, 0, 2);
    }
    assert_true(condition(user));
}

/* This process adopts orphans. */
static bool all_reaped(void *user)
{
    (void)user;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

void runner_wait_orphans(void)
{
    runner_wait(all_reaped, NULL);
}

int runner_end(struct runner *runner)
{
    int status = 0;
    double due = patient_now() + patience();
    while (runner->out.fd >= 0 || runner->err.fd >= 0) {
        if (patient_now() >= due) {
            give_up(runner, "the end of its output: something of it still runs");
        }
        read_both(runner);
    }
    assert_int_equal(waitpid(runner->pid, &status, 0), runner->pid);
    runner->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

void runner_kill(struct runner *runner)
{
    if (runner->pid > 0) {
        kill(runner->pid, SIGKILL);
        runner_wait_orphans();
        runner->pid = 0;
        close(runner->out.fd);
        close(runner->err.fd);
    }
}

int runner_no_child_left(void **state)
{
    pid_t left = waitpid(-1, NULL, WNOHANG);
    (void)state;
    if (left >= 0) {
        print_error("a process was left behind, %s\n", left == 0 ? "alive" : "dead");
        runner_wait_orphans();
    }
    return left < 0 ? 0 : -1;
}
