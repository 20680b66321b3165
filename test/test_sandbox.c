/* What a sandboxed role is refused, and what it goes on to do: from inside, with real processes
 * (test/programs/cell.c). Every refusal has its counterpart, the same attempt where it is let. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/sandbox.h"
#include "test/support/runner.h"

static char folder[64]; /* of this test program */
static char datadir[96];
static char program[4096];
static char foreign[96]; /* a file that no role names */
static char import[128];
static char port[16];
static int listener;
static struct runner cell;

static const struct runner_options *options(const char *variable)
{
    static struct runner_options chosen;
    chosen = (struct runner_options){.program = program, .variable = variable};
    return &chosen;
}

/* Kernels may lack what is tested. valgrind 3.19 has no Landlock. */
static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1) >= 1;
}

static bool has_filters(void)
{
    return prctl(PR_GET_SECCOMP) >= 0;
}

static bool lacks(bool has, const char *what)
{
    if (!has) {
        print_message("skip: no %s here\n", what);
    }
    return !has;
}

/* The whole program, with one more option (or NULL). */
static void begin(const char *variable, const char *option)
{
    runner_start(&cell, options(variable), datadir, import, option, NULL);
    runner_wait_out(&cell, "ready\n");
}

static void end(void)
{
    kill(cell.pid, SIGTERM);
    assert_int_equal(runner_end(&cell), 0);
}

/* What `role` answers when it tries: "let", or the name of an errno. */
static void expect(const char *role, const char *what, const char *on, const char *answer)
{
    static struct runner client;
    char line[64];
    runner_start(&client, options(NULL), datadir, "try", role, what, on, NULL);
    int status = runner_end(&client);
    snprintf(line, sizeof line, "%s\n", answer);
    if (status != 0 || strcmp(client.out.text, line) != 0) {
        print_error("%s tries %s %s: is to be %s, is %s%s\n", role, what, on != NULL ? on : "",
                    answer, client.out.text, client.err.text);
        fail();
    }
}

static const char *in_folder(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%.40s", folder, name);
    return path;
}

static void assert_says(const char *text)
{
    if (strstr(cell.err.text, text) == NULL) {
        print_error("stderr is to have \"%s\":\n%s\n", text, cell.err.text);
        fail();
    }
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void test_files_are_its_own_and_those_named(void **state)
{
    (void)state;
    if (lacks(has_landlock(), "Landlock")) {
        skip();
    }
    begin(NULL, NULL);
    expect("vault", "write", in_folder("vault/own"), "let");
    expect("vault", "read", in_folder("vault/own"), "let");
    expect("vault", "remove", in_folder("vault/own"), "let");
    expect("vault", "read", foreign, "EACCES");
    expect("vault", "write", foreign, "EACCES");
    expect("vault", "remove", foreign, "EACCES");
    expect("vault", "write", in_folder("new"), "EACCES");
    expect("vault", "write", in_folder("line/new"), "EACCES");
    expect("vault", "read", in_folder("import"), "EACCES");
    expect("line", "read", in_folder("import"), "let");
    expect("line", "write", in_folder("import"), "EACCES");
    expect("line", "read", in_folder("vault"), "EACCES");
    expect("line", "read", "/etc/passwd", "EACCES");
    expect("yard", "read", foreign, "let");
    expect("yard", "write", foreign, "let");
    end();
}

static void test_connections_are_for_who_declares_them(void **state)
{
    (void)state;
    if (lacks(has_filters(), "filters")) {
        skip();
    }
    begin(NULL, NULL);
    expect("vault", "tcp", port, "EPERM");
    expect("vault", "unix", NULL, "EPERM");
    expect("vault", "udp", NULL, "EPERM");
    expect("vault", "pair", NULL, "let");
    expect("line", "tcp", port, "let");
    expect("line", "listen", NULL, "EPERM");
    expect("line", "unix", NULL, "EPERM");
    expect("line", "udp", NULL, "EPERM");
    expect("line", "pair", NULL, "let");
    expect("yard", "unix", NULL, "let");
    expect("yard", "udp", NULL, "let");
    expect("yard", "listen", NULL, "let");
    end();
}

/* From version 4 on Landlock knows ports. */
static bool has_ports(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1) >= 4;
}

static void test_listening_is_for_who_declares_it_where_it_was_told(void **state)
{
    char option[48];
    char other[16];
    (void)state;
    if (lacks(has_filters(), "filters")) {
        skip();
    }
    int free_port = atoi(port) < 40000 ? atoi(port) + 7 : atoi(port) - 7;
    snprintf(option, sizeof option, "--listen=127.0.0.1:%d", free_port);
    snprintf(other, sizeof other, "%d", free_port + 1);
    begin(NULL, NULL);
    expect("line", "bind", strchr(option, ':') + 1, "EPERM");
    end();
    begin(NULL, option);
    expect("line", "bind", strchr(option, ':') + 1, "let");
    if (has_ports()) {
        expect("line", "bind", other, "EACCES");
    }
    expect("line", "tcp", port, "let");
    expect("vault", "bind", strchr(option, ':') + 1, "EPERM");
    expect("vault", "listen", NULL, "EPERM");
    end();
}

static void test_other_programs_are_refused(void **state)
{
    (void)state;
    if (lacks(has_filters(), "filters")) {
        skip();
    }
    begin(NULL, NULL);
    if (!runner_in_valgrind()) { /* which looks for the program itself */
        expect("vault", "exec", "/nonexistent", "EPERM");
        expect("line", "exec", "/nonexistent", "EPERM");
        expect("yard", "exec", "/nonexistent", "ENOENT");
    }
    expect("line", "spawn", "/bin/true", "EPERM");
    expect("yard", "spawn", "/bin/true", "let");
    end();
}

static void test_neighbours_are_out_of_reach(void **state)
{
    (void)state;
    if (lacks(has_filters(), "filters")) {
        skip();
    }
    begin(NULL, NULL);
    expect("vault", "ptrace", "line", "EPERM");
    expect("vault", "vm-read", "line", "EPERM");
    expect("vault", "signal", "line", "EPERM");
    expect("vault", "own-signal", NULL, "let");
    expect("line", "ptrace", "yard", "EPERM");
    expect("line", "vm-read", "yard", "EPERM");
    if (has_landlock()) {
        expect("line", "mem", "yard", "EACCES");
        expect("line", "mem", "vault", "EACCES");
    }
    expect("yard", "signal", "line", "let");
    end();
}

static void test_the_kernels_parts_are_refused(void **state)
{
    static const long calls[] = {
        SYS_bpf,     SYS_keyctl,         SYS_perf_event_open, SYS_userfaultfd, SYS_mount,
        SYS_unshare, SYS_io_uring_setup, SYS_init_module,     SYS_kexec_load,  SYS_fchmodat,
        452 /* fchmodat2 */};
    char number[16];
    (void)state;
    if (lacks(has_filters() && !runner_in_valgrind(), "way to the kernel, under valgrind,")) {
        skip();
    }
    begin(NULL, NULL);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        snprintf(number, sizeof number, "%ld", calls[i]);
        expect("line", "call", number, "EPERM");
        expect("vault", "call", number, "EPERM");
    }
    snprintf(number, sizeof number, "%d", SYS_clone3);
    expect("line", "call", number, "ENOSYS");
    expect("line", "chmod", in_folder("line"), "EPERM");
    expect("line", "terminal", NULL, "EPERM");
    expect("yard", "terminal", NULL, "ENOTTY");
    end();
}

static void test_memory_of_a_secret_role_stays_in_it(void **state)
{
    (void)state;
    begin(NULL, NULL);
#ifndef TL_SANITIZED
    expect("vault", "dumpable", NULL, "EPERM");
#endif
    expect("line", "dumpable", NULL, "let");
    expect("vault", "core", NULL, "EPERM");
    expect("line", "core", NULL, "EPERM");
    end();
}

/* ---- without --------------------------------------------------------------------------------- */

static void test_sandbox_off_says_what_it_gives_up(void **state)
{
    char scope = '0';
    (void)state;
    begin(NULL, "--sandbox=off");
    assert_string_equal(cell.err.text,
                        "cell: sandbox off for vault, line: whoever takes over such a process has "
                        "all your rights, to every file, the network and your other processes\n");
    expect("vault", "read", foreign, "let");
    expect("vault", "write", foreign, "let");
    expect("vault", "tcp", port, "let");
    expect("vault", "exec", "/nonexistent", "ENOENT");
    expect("vault", "dumpable", NULL, "let");
    int yama = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
    if (yama >= 0) {
        assert_int_equal(read(yama, &scope, 1), 1);
        close(yama);
    }
    if ((scope == '0' || geteuid() == 0) && !runner_in_valgrind()) {
        expect("vault", "ptrace", "line", "let");
        expect("vault", "vm-read", "line", "let");
        expect("vault", "mem", "line", "let");
    }
    end();
}

static void test_composition_may_leave_a_process_open(void **state)
{
    char option[160];
    FILE *file = fopen(in_folder("cell.ini"), "we");
    (void)state;
    assert_non_null(file);
    fputs("[process a]\nroles = vault\nsandbox = off\n[process b]\nroles = line\nsandbox = on\n"
          "[process c]\nroles = front, yard\n",
          file);
    fclose(file);
    snprintf(option, sizeof option, "--compose=%s", in_folder("cell.ini"));
    begin(NULL, option);
    assert_says("cell: sandbox off for a: ");
    expect("vault", "core", NULL, "let");
    expect("line", "core", NULL, "EPERM");
    end();
}

static void refuse(const char *text, const char *message)
{
    char option[160];
    FILE *file = fopen(in_folder("cell.ini"), "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    snprintf(option, sizeof option, "--compose=%s", in_folder("cell.ini"));
    runner_start(&cell, options(NULL), datadir, option, NULL);
    assert_int_equal(runner_end(&cell), 2);
    assert_says(message);
}

static void test_sandbox_that_can_not_be_is_refused(void **state)
{
    (void)state;
    refuse("[process a]\nroles = vault, line, yard\nsandbox = on\n[process b]\nroles = front\n",
           "process \"a\" has role \"yard\", which declares no sandbox");
    refuse("[process a]\nroles = vault, line, yard\n[process b]\nroles = front\nsandbox = on\n",
           "process \"b\" has role \"front\", which starts the others: no sandbox");
    refuse("[process a]\nsandbox = yes\n", "cell.ini:2: sandbox is on or off, not \"yes\"");
    runner_start(&cell, options(NULL), datadir, "--sandbox=no", NULL);
    assert_int_equal(runner_end(&cell), 2);
    assert_says("cell: --sandbox is on or off, not \"no\"");
}

/* One line said so, by whichever child came first, and there is no other. */
static void end_having_said(const char *lacking)
{
    char line[160];
    end();
    const char *said = strchr(cell.err.text, ':');
    assert_non_null(said);
    snprintf(line, sizeof line, ": no %s in this kernel: the sandbox goes without\n", lacking);
    assert_string_equal(said, line);
}

static void test_kernel_without_landlock_is_said_once(void **state)
{
    (void)state;
    if (lacks(has_filters(), "filters")) {
        skip();
    }
    begin("CELL_WITHOUT=landlock", NULL);
    expect("vault", "read", foreign, "let");
    expect("vault", "tcp", port, "EPERM");
    expect("line", "spawn", "/bin/true", "EPERM");
    end_having_said("Landlock (files)");
}

static void test_kernel_without_filters_is_said_once(void **state)
{
    (void)state;
    if (lacks(has_landlock() && has_filters(), "Landlock")) {
        skip();
    }
    begin("CELL_WITHOUT=seccomp", NULL);
    expect("vault", "udp", NULL, "let");
    expect("vault", "read", foreign, "EACCES");
    expect("line", "ptrace", "vault", "EPERM"); /* Landlock's own */
    end_having_said("seccomp (system calls)");
}

/* ---- the group ------------------------------------------------------------------------------- */

static int clean(void **state)
{
    runner_kill(&cell);
    static const char *const names[] = {"control.sock", "cell.ini", "vault/own", "new", "line/new"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_folder(names[i]));
    }
    return runner_no_child_left(state);
}

static int touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : close(fd);
}

static int setup(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    snprintf(folder, sizeof folder, "/tmp/test_sandbox.XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    snprintf(import, sizeof import, "--import=%s", in_folder("import"));
    snprintf(foreign, sizeof foreign, "%s", in_folder("foreign"));
    snprintf(program, sizeof program, "%s/test/programs/cell", getenv("TROUPE_BUILD"));
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 || touch(foreign) != 0 ||
        touch(in_folder("import")) != 0) {
        return -1;
    }
    snprintf(port, sizeof port, "%d", ntohs(address.sin_port));
    return runner_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    close(listener);
    unlink(foreign);
    unlink(in_folder("import"));
    rmdir(in_folder("vault"));
    rmdir(in_folder("line"));
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files_are_its_own_and_those_named),
        TEST(test_connections_are_for_who_declares_them),
        TEST(test_listening_is_for_who_declares_it_where_it_was_told),
        TEST(test_other_programs_are_refused),
        TEST(test_neighbours_are_out_of_reach),
        TEST(test_the_kernels_parts_are_refused),
        TEST(test_memory_of_a_secret_role_stays_in_it),
        TEST(test_sandbox_off_says_what_it_gives_up),
        TEST(test_composition_may_leave_a_process_open),
        TEST(test_sandbox_that_can_not_be_is_refused),
        TEST(test_kernel_without_landlock_is_said_once),
        TEST(test_kernel_without_filters_is_said_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
