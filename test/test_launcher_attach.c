/* A second process uses the roles of a program that runs, and commands bring one up where none
 * does. Who may come in, how many, and what a broken client can do: nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "launcher/launch.h"
#include "launcher/visit.h"
#include "test/support/runner.h"

enum { CLIENTS_MAX = TL_CLIENTS_MAX, NOBODY = 65534 };

static char folder[160]; /* of this test program */
static char datadir[200];
static struct runner trio;
static struct runner client;

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%.40s", folder, name);
    return path;
}

static void assert_says(const struct runner *runner, const char *text)
{
    if (strstr(runner->err.text, text) == NULL) {
        print_error("stderr is to have \"%s\":\n%s\n", text, runner->err.text);
        fail();
    }
}

static void start_trio(const char *option)
{
    runner_start(&trio, NULL, datadir, option, NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
}

static void end_trio(void)
{
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
    assert_string_equal(trio.err.text, "");
}

static void assert_add(const char *number, const char *answer)
{
    runner_start(&client, NULL, datadir, "add", number, NULL);
    assert_int_equal(runner_end(&client), 0);
    assert_string_equal(client.out.text, answer);
    assert_string_equal(client.err.text, "");
}

/* ---- attached -------------------------------------------------------------------------------- */

static void attach_to(const char *split)
{
    start_trio(split);
    assert_add("5", "sum 12\n");
    assert_add("8", "sum 20\n");
    runner_start(&client, NULL, "--json", datadir, "add", "1", NULL);
    assert_int_equal(runner_end(&client), 0);
    assert_string_equal(client.out.text, "{\"sum\": 21}\n");
    end_trio();
}

static void test_command_uses_the_program_that_runs(void **state)
{
    (void)state;
    attach_to("--split=all");
    attach_to("--split=none");
    attach_to("--split=store");
}

static void test_command_waits_for_a_program_that_starts(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, NULL);
    runner_number(&trio, "store"); /* middle and front are still to come */
    runner_start(&client, NULL, datadir, "descriptors", "store", NULL);
    assert_int_equal(runner_end(&client), 0);
    assert_string_equal(client.err.text, "");
    runner_wait_out(&trio, "sum 7 event 7\n");
    end_trio();
}

static void test_quit_in_a_child_ends_the_program(void **state)
{
    (void)state;
    start_trio(NULL);
    runner_start(&client, NULL, datadir, "quit", "store", "9", NULL);
    runner_end(&client);
    assert_int_equal(runner_end(&trio), 9);
}

static void test_program_ends_with_clients_attached(void **state)
{
    (void)state;
    start_trio(NULL);
    runner_start(&client, NULL, datadir, "stay", NULL);
    runner_wait_out(&client, "staying\n");
    end_trio();
    assert_int_equal(runner_end(&client), 1);
}

static void test_killed_client_does_no_harm(void **state)
{
    (void)state;
    start_trio(NULL);
    runner_start(&client, NULL, datadir, "stay", NULL);
    runner_wait_out(&client, "staying\n");
    kill(client.pid, SIGKILL);
    assert_int_equal(runner_end(&client), 1000 + SIGKILL);
    assert_add("1", "sum 8\n");
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0); /* it may report the link that broke */
}

static void assert_roles_at(const char *path, const char *process_of_store)
{
    static const char *const names[] = {"store", "middle", "front", "launcher"};
    static const char *const wanted[] = {"store"};
    struct tl_visit visit;
    struct tl_visit_roles roles;
    struct troupe *troupe = NULL;
    struct troupe_ref ref;
    assert_int_equal(tl_visit_open(&visit, path), TL_VISIT_DONE);
    assert_int_equal(tl_visit_list(&visit, 5000, &roles), TL_VISIT_DONE);
    assert_string_equal(roles.program, "trio");
    assert_int_equal(roles.count, 4);
    for (size_t i = 0; i < roles.count; i++) {
        assert_string_equal(roles.roles[i].name, names[i]);
        assert_true(roles.roles[i].ready);
    }
    assert_string_equal(roles.roles[0].process, process_of_store);
    assert_int_equal(roles.roles[2].pid, trio.pid);
    assert_int_equal(roles.roles[3].pid, trio.pid);
    assert_int_equal(troupe_open(NULL, &troupe), 0);
    assert_int_equal(tl_visit_attach(&visit, troupe, wanted, 1, 5000), TL_VISIT_DONE);
    assert_int_equal(troupe_host_find(troupe, "store.bus", &ref), 0);
    assert_int_equal(troupe_host_find(troupe, "middle", &ref), TROUPE_ENOENT);
    assert_int_equal(tl_visit_list(&visit, 5000, &roles), TL_VISIT_DONE); /* at any time */
    troupe_close(troupe, 1000);
    tl_visit_close(&visit);
}

static void test_visitor_learns_the_roles_and_takes_some(void **state)
{
    (void)state;
    start_trio("--split=store");
    assert_roles_at(folder, "store");
    assert_roles_at(in_folder("control.sock"), "store");
    end_trio();
    struct tl_visit visit;
    assert_int_equal(tl_visit_open(&visit, folder), TL_VISIT_NOBODY);
    assert_non_null(strstr(visit.why, folder));
    tl_visit_close(&visit);
}

/* ---- brought up for a command ---------------------------------------------------------------- */

static void test_command_brings_the_program_up(void **state)
{
    (void)state;
    runner_start(&client, NULL, datadir, "add", "5", NULL);
    assert_int_equal(runner_end(&client), 0);
    assert_non_null(strstr(client.out.text, "sum 5\n"));
    assert_non_null(strstr(client.out.text, "store "));
    assert_null(strstr(client.out.text, "front "));
    assert_string_equal(client.err.text, "");
}

static void test_command_brings_it_up_in_one_process(void **state)
{
    (void)state;
    runner_start(&client, NULL, datadir, "--split=none", "add", "5", NULL);
    assert_int_equal(runner_end(&client), 0);
    assert_non_null(strstr(client.out.text, "sum 5\n"));
}

static void test_commands_at_one_time_take_turns(void **state)
{
    static struct runner others[3];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        runner_start(&others[i], NULL, datadir, "add", "5", NULL);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(runner_end(&others[i]), 0);
        assert_non_null(strstr(others[i].out.text, "sum 5\n"));
        assert_string_equal(others[i].err.text, "");
    }
}

static void test_failing_command_says_so_by_its_status(void **state)
{
    (void)state;
    runner_start(&client, NULL, datadir, "descriptors", "nobody", NULL);
    assert_int_equal(runner_end(&client), 1);
    assert_says(&client, "nobody: no such role");
}

static void test_command_whose_program_fails_to_start(void **state)
{
    (void)state;
    runner_start(&client, NULL, datadir, "--fail=middle", "add", "5", NULL);
    assert_int_equal(runner_end(&client), 1);
    assert_says(&client, "middle: this role was told to fail");
}

static void test_signal_ends_command_and_program(void **state)
{
    (void)state;
    runner_start(&client, NULL, datadir, "stay", NULL);
    runner_wait_out(&client, "staying\n");
    kill(client.pid, SIGTERM);
    assert_int_equal(runner_end(&client), 1); /* the command did not do what it was to do */
}

/* ---- who may --------------------------------------------------------------------------------- */

static void test_second_program_is_refused(void **state)
{
    char expected[256];
    (void)state;
    start_trio(NULL);
    runner_start(&client, NULL, datadir, NULL);
    assert_int_equal(runner_end(&client), 1);
    snprintf(expected, sizeof expected, "trio: already running on %s (pid %d)\n", folder,
             (int)trio.pid);
    assert_string_equal(client.err.text, expected);
    end_trio();
}

static void test_socket_is_for_its_owner_only(void **state)
{
    struct stat status;
    (void)state;
    start_trio(NULL);
    assert_int_equal(stat(in_folder("control.sock"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    end_trio();
}

/* What the program says to somebody else. */
static void connect_as_nobody(char *text, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "control.sock"};
    int here = open(".", O_PATH | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(seteuid(NOBODY), 0);
    int connected = connect(fd, (struct sockaddr *)&address, sizeof address);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(fchdir(here), 0);
    assert_int_equal(connected, 0);
    ssize_t got = recv(fd, text, size - 1, 0);
    assert_true(got > 0);
    for (ssize_t i = 0; i < got; i++) {
        text[i] = text[i] == '\0' ? ' ' : text[i];
    }
    text[got] = '\0';
    close(fd);
    close(here);
}

static void test_foreign_user_is_refused(void **state)
{
    char path[256];
    char refusal[1024];
    (void)state;
    if (geteuid() != 0 || runner_in_valgrind()) {
        print_message("skip: only root can be somebody else, and not under valgrind\n");
        skip();
    }
    snprintf(path, sizeof path, "%s", in_folder("trio"));
    runner_copy(path);
    assert_int_equal(chmod(folder, 0755), 0);
    start_trio(NULL);
    struct runner_options nobody = {.program = path, .uid = NOBODY};
    runner_start(&client, &nobody, datadir, "add", "5", NULL);
    assert_int_equal(runner_end(&client), 1);
    assert_says(&client, strerror(EACCES));
    assert_int_equal(chmod(in_folder("control.sock"), 0666), 0); /* even so */
    runner_start(&client, &nobody, datadir, "add", "5", NULL);
    assert_int_equal(runner_end(&client), 1);
    assert_says(&client, "it belongs to another user");
    connect_as_nobody(refusal, sizeof refusal); /* a client that does not ask whose it is */
    assert_non_null(strstr(refusal, "this program belongs to another user"));
    assert_int_equal(chmod(folder, 0700), 0);
    end_trio();
}

/* ---- hostile clients ------------------------------------------------------------------------- */

static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int directory = open(folder, O_PATH | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock", directory);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(directory);
    return fd;
}

/* Descriptors of every kind, in turn. */
static int some_fd(int i)
{
    static int fds[5] = {-1};
    if (fds[0] < 0) {
        int pipe_ends[2];
        assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
        fds[0] = pipe_ends[0];
        fds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
        fds[2] = open("/tmp", O_PATH | O_CLOEXEC);
        fds[3] = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        fds[4] = STDERR_FILENO;
    }
    return fds[i % 5];
}

/* Sends `size` bytes with `fds_count` descriptors; the launcher must hang up, and say why unless what
 * was sent looks like the end. */
static void assert_hangs_up(const void *data, size_t size, int fds_count)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(200 * sizeof(int))];
    } rights = {.room = {0}};
    struct iovec bytes = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr packet = {.msg_iov = &bytes, .msg_iovlen = 1};
    int fd = connect_raw();
    if (fds_count != 0) {
        packet.msg_control = rights.room;
        packet.msg_controllen = CMSG_SPACE((size_t)fds_count * sizeof(int));
        rights.head.cmsg_level = SOL_SOCKET;
        rights.head.cmsg_type = SCM_RIGHTS;
        rights.head.cmsg_len = CMSG_LEN((size_t)fds_count * sizeof(int));
        for (int i = 0; i < fds_count; i++) {
            memcpy(CMSG_DATA(&rights.head) + (size_t)i * sizeof(int), &(int){some_fd(i)},
                   sizeof(int));
        }
    }
    char answer[4096];
    struct timeval patience = {.tv_sec = (time_t)(20 * runner_slowness())};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_true(sendmsg(fd, &packet, MSG_NOSIGNAL) >= 0);
    ssize_t got;
    bool told = size == 0 && fds_count == 0;
    do {
        got = recv(fd, answer, sizeof answer, 0);
        told = told || (got > 0 && (memmem(answer, (size_t)got, "may say", 7) != NULL ||
                                    memmem(answer, (size_t)got, "no such roles", 13) != NULL));
    } while (got > 0 || (got < 0 && errno == ECONNRESET));
    assert_int_equal(got, 0);
    assert_true(told);
    close(fd);
}

static int descriptors_of(pid_t pid)
{
    char path[64];
    int count = 0;
    for (int fd = 0; fd < 512; fd++) {
        struct stat status;
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        count += lstat(path, &status) == 0;
    }
    return count;
}

static int descriptors_before;
static bool as_many_descriptors(void *user)
{
    (void)user;
    return descriptors_of(trio.pid) == descriptors_before;
}

static void test_garbage_closes_the_connection_only(void **state)
{
    static const uint8_t attach_nobody[] = {0xa2, 0x00, TL_ATTACH, 0x05, 0xa1, 0x00, 0x41, 'x'};
    static const uint8_t attach_store[] = {0xa2, 0x00, TL_ATTACH, 0x05, 0xa1, 0x00,
                                           0x45, 's',  't',       'o',  'r',  'e'};
    static const uint8_t attach_no_list[] = {0xa1, 0x00, TL_ATTACH};
    static const uint8_t a_link[] = {0xa1, 0x00, TL_LINK};
    static const uint8_t a_stop[] = {0xa1, 0x00, TL_STOP};
    static const uint8_t unknown[] = {0xa1, 0x00, 0x18, 0xff};
    static const uint8_t long_form[] = {0xa1, 0x18, 0x00, TL_ATTACH};
    static const uint8_t gap[] = {0xa2, 0x00, TL_ATTACH, 0x05, 0xa1, 0x01, 0x41, 'x'};
    static uint8_t large[100 * 1024];
    (void)state;
    start_trio(NULL);
    descriptors_before = descriptors_of(trio.pid);
    assert_hangs_up("hello", 5, 0);
    assert_hangs_up(attach_nobody, sizeof attach_nobody, 0);
    assert_hangs_up(attach_no_list, sizeof attach_no_list, 0);
    assert_hangs_up(a_link, sizeof a_link, 0);
    assert_hangs_up(a_link, sizeof a_link, 1);
    assert_hangs_up(a_stop, sizeof a_stop, 0);
    assert_hangs_up(unknown, sizeof unknown, 0);
    assert_hangs_up(long_form, sizeof long_form, 0);
    assert_hangs_up(gap, sizeof gap, 0);
    assert_hangs_up(attach_nobody, 4, 0);
    assert_hangs_up(attach_nobody, sizeof attach_nobody, 3);
    assert_hangs_up(attach_store, sizeof attach_store, 1);
    assert_hangs_up(attach_store, sizeof attach_store, 200);
    assert_hangs_up(large, sizeof large, 0);
    assert_hangs_up("", 0, 0);
    for (int i = 0; i < 3; i++) {
        assert_hangs_up("", 0, 60); /* in nothing but descriptors */
    }
    runner_wait(as_many_descriptors, NULL);
    assert_add("5", "sum 12\n");
    end_trio();
}

/* More than its socket holds, and not one answer read. */
static void test_flood_of_a_client_ends_that_client(void **state)
{
    static const uint8_t attach_store[] = {0xa2, 0x00, TL_ATTACH, 0x05, 0xa1, 0x00,
                                           0x45, 's',  't',       'o',  'r',  'e'};
    struct timeval patience = {.tv_sec = (time_t)(20 * runner_slowness())};
    ssize_t sent = 1;
    (void)state;
    start_trio(NULL);
    descriptors_before = descriptors_of(trio.pid);
    for (int clients = 0; clients < 10; clients++) {
        int fd = connect_raw();
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), 0);
        for (int i = 0; i < 100000 && sent > 0; i++) {
            sent = send(fd, attach_store, sizeof attach_store, MSG_NOSIGNAL);
        }
        assert_int_equal(sent, -1); /* it hung up after the second */
        assert_true(errno == EPIPE || errno == ECONNRESET);
        sent = 1;
        close(fd);
    }
    runner_wait(as_many_descriptors, NULL);
    assert_add("5", "sum 12\n");
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0); /* it may report the links that broke */
}

/* It has its links, opens none of them and reads none of its answers: others come and go. */
static void test_client_that_attaches_and_never_reads(void **state)
{
    static const uint8_t attach_store[] = {0xa2, 0x00, TL_ATTACH, 0x05, 0xa1, 0x00,
                                           0x45, 's',  't',       'o',  'r',  'e'};
    int silent[CLIENTS_MAX / 2];
    (void)state;
    start_trio(NULL);
    descriptors_before = descriptors_of(trio.pid);
    for (size_t i = 0; i < CLIENTS_MAX / 2; i++) {
        silent[i] = connect_raw();
        assert_int_equal(send(silent[i], attach_store, sizeof attach_store, 0),
                         sizeof attach_store);
    }
    assert_add("5", "sum 12\n");
    runner_wait_err(&trio, "did not say hello in time"); /* the store's end of their links */
    assert_add("8", "sum 20\n");
    for (size_t i = 0; i < CLIENTS_MAX / 2; i++) {
        close(silent[i]);
    }
    runner_wait(as_many_descriptors, NULL);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
}

/* Once the places of those who hung up are free. */
static bool client_is_served(void *user)
{
    (void)user;
    runner_start(&client, NULL, datadir, "add", "5", NULL);
    return runner_end(&client) == 0;
}

/* Faster than any process reads what it is told: nobody is taken for one that hangs, or held up. */
static void test_clients_that_come_and_go_at_once_do_no_harm(void **state)
{
    static const uint8_t attach_store[] = {0xa2, 0x00, TL_ATTACH, 0x05, 0xa1, 0x00,
                                           0x45, 's',  't',       'o',  'r',  'e'};
    (void)state;
    start_trio(NULL);
    descriptors_before = descriptors_of(trio.pid);
    for (int i = 0; i < 600; i++) {
        int fd = connect_raw();
        ssize_t sent = send(fd, attach_store, sizeof attach_store, MSG_NOSIGNAL);
        assert_true(sent == sizeof attach_store || errno == EPIPE || errno == ECONNRESET);
        close(fd);
    }
    runner_wait(as_many_descriptors, NULL);
    runner_wait(client_is_served, NULL);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
    assert_null(strstr(trio.err.text, "by force"));
    assert_null(strstr(trio.err.text, "started again"));
}

struct leaving {
    struct tl_visit visit;
    bool gone;
};

static bool link_is_gone(void *user)
{
    struct leaving *leaving = user;
    char name[TROUPE_NAME_BYTES_MAX + 1];
    leaving->gone = leaving->gone || tl_visit_gone(&leaving->visit, name);
    return leaving->gone;
}

static void test_links_of_a_client_end_with_its_connection(void **state)
{
    static const char *const roles[] = {"store"};
    struct troupe_config config = {.name = "visitor"};
    struct leaving leaving = {.gone = false};
    struct tl_visit *visit = &leaving.visit;
    struct troupe *troupe;
    (void)state;
    start_trio(NULL);
    assert_int_equal(troupe_open(&config, &troupe), 0);
    assert_int_equal(tl_visit_open(visit, folder), TL_VISIT_DONE);
    assert_int_equal(tl_visit_attach(visit, troupe, roles, 1, 20000), TL_VISIT_DONE);
    assert_false(link_is_gone(&leaving));
    close(visit->fd); /* and nothing else */
    visit->fd = -1;
    runner_wait(link_is_gone, &leaving);
    troupe_close(troupe, 1000);
    tl_visit_close(visit);
    kill(trio.pid, SIGTERM);
    assert_int_equal(runner_end(&trio), 0);
}

/* Two roles with one interface: each has its own permits. */
static void test_permits_are_of_a_role(void **state)
{
    (void)state;
    runner_start(&trio, NULL, datadir, "--bind=unix", "--bind-allow=middle.process,store", NULL);
    runner_wait_out(&trio, "sum 7 event 7\n");
    runner_start(&client, NULL, datadir, "add", "5", NULL);
    assert_int_equal(runner_end(&client), 1);
    assert_says(&client, "not granted to those who come this way");
    end_trio();
}

static void test_clients_are_bounded(void **state)
{
    int idle[CLIENTS_MAX];
    char answer[1024];
    struct pollfd ready;
    (void)state;
    start_trio(NULL);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        idle[i] = connect_raw();
    }
    ready = (struct pollfd){.fd = connect_raw(), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, (int)(20000 * runner_slowness())), 1);
    ssize_t size = recv(ready.fd, answer, sizeof answer, 0);
    assert_true(size > 0);
    assert_non_null(memmem(answer, (size_t)size, "as many clients", 15));
    close(ready.fd);
    /* Those that ask for nothing are sent away in time. */
    ready.fd = idle[0];
    assert_int_equal(poll(&ready, 1, (int)(20000 * runner_slowness())), 1);
    size = recv(ready.fd, answer, sizeof answer, 0);
    assert_true(size > 0);
    assert_non_null(memmem(answer, (size_t)size, "in time", 7));
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        close(idle[i]);
    }
    assert_add("5", "sum 12\n");
    end_trio();
}

/* ---- the group ------------------------------------------------------------------------------- */

static int clean(void **state)
{
    runner_kill(&trio);
    runner_kill(&client);
    static const char *const names[] = {"control.sock", "store.lock", "trio"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_folder(names[i]));
    }
    return runner_no_child_left(state);
}

/* Longer than the path of a socket may be. */
static int setup(void **state)
{
    char pattern[160] = "/tmp/test_attach_in_a_folder_whose_name_is_so_long_that_a_socket_in_it_"
                        "would_not_fit_into_an_address_of_107_bytes.XXXXXX";
    if (mkdtemp(pattern) == NULL) {
        return -1;
    }
    snprintf(folder, sizeof folder, "%s", pattern);
    snprintf(datadir, sizeof datadir, "--datadir=%s", folder);
    return runner_setup(state);
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_command_uses_the_program_that_runs),
        TEST(test_command_waits_for_a_program_that_starts),
        TEST(test_quit_in_a_child_ends_the_program),
        TEST(test_program_ends_with_clients_attached),
        TEST(test_killed_client_does_no_harm),
        TEST(test_visitor_learns_the_roles_and_takes_some),
        TEST(test_command_brings_the_program_up),
        TEST(test_command_brings_it_up_in_one_process),
        TEST(test_commands_at_one_time_take_turns),
        TEST(test_failing_command_says_so_by_its_status),
        TEST(test_command_whose_program_fails_to_start),
        TEST(test_signal_ends_command_and_program),
        TEST(test_second_program_is_refused),
        TEST(test_socket_is_for_its_owner_only),
        TEST(test_foreign_user_is_refused),
        TEST(test_garbage_closes_the_connection_only),
        TEST(test_flood_of_a_client_ends_that_client),
        TEST(test_client_that_attaches_and_never_reads),
        TEST(test_clients_that_come_and_go_at_once_do_no_harm),
        TEST(test_links_of_a_client_end_with_its_connection),
        TEST(test_permits_are_of_a_role),
        TEST(test_clients_are_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
