#include "test/support/places.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "test/support/prober.h"
#include "test/support/runner.h"

static atomic_uint links_up;
static bool quick; /* the next places to be opened */
bool links_bypassed;

static void report(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "# %s\n", text);
}

static void on_host(void *user, const struct troupe_host_event *event)
{
    (void)user;
    if (event->kind == TROUPE_LINK_UP) {
        atomic_fetch_add(&links_up, 1);
    }
}

static void pair(int ends[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

/* Starts test/programs/place with `arguments`, in which each number after '@' or ':' is a
 * descriptor to hand down. */
static pid_t start(char *const arguments[], const int *fds, int fds_count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/test/programs/place", getenv("TROUPE_BUILD"));
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < fds_count; i++) {
            fcntl(fds[i], F_SETFD, 0);
        }
        execv(path, arguments);
        _exit(127);
    }
    assert_true(pid > 0);
    for (int i = 0; i < fds_count; i++) {
        close(fds[i]);
    }
    return pid;
}

static char *format(const char *pattern, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, pattern);
    vsnprintf(text, sizeof text, pattern, arguments);
    va_end(arguments);
    return strdup(text);
}

static void free_all(char **texts)
{
    for (; *texts != NULL; texts++) {
        free(*texts);
    }
}

/* ends: [0] is ours. */
struct joint {
    int requests[2];
    int events[2][2];
    int roles;
    struct troupe_bypass bypass[2];
};

static void make_joint(struct joint *joint, int roles)
{
    pair(joint->requests);
    for (int i = 0; i < roles; i++) {
        pair(joint->events[i]);
    }
    joint->roles = roles;
    if (links_bypassed) {
        assert_int_equal(troupe_host_bypass(joint->bypass), 0);
    }
}

/* The descriptors of one end, behind those that are there; returns how many there are then. */
static int list_fds(const struct joint *joint, int end, int *fds, int count)
{
    const struct troupe_bypass *bypass = &joint->bypass[end];
    fds[count++] = joint->requests[end];
    for (int i = 0; i < joint->roles; i++) {
        fds[count++] = joint->events[i][end];
    }
    if (links_bypassed) {
        fds[count++] = bypass->memory_fd;
        fds[count++] = bypass->bell_in_fd;
        fds[count++] = bypass->bell_out_fd;
    }
    return count;
}

/* `text` [owned], and the bypass of one end as place.c reads it. */
static char *with_bypass(char *text, const struct joint *joint, int end)
{
    const struct troupe_bypass *bypass = &joint->bypass[end];
    char *whole = !links_bypassed ? strdup(text)
                                  : format("%s:%d,%d,%d,%u", text, bypass->memory_fd,
                                           bypass->bell_in_fd, bypass->bell_out_fd, bypass->end);
    free(text);
    return whole;
}

static uint64_t link_to(struct places *p, const char *peer, const struct joint *joint,
                        const char *const *roles, int roles_count)
{
    struct troupe_grant imports[2];
    uint64_t link;
    for (int i = 0; i < roles_count; i++) {
        imports[i] = (struct troupe_grant){.role = roles[i], .events_fd = joint->events[i][0]};
    }
    struct troupe_link_config config = {.peer = peer,
                                        .fd = joint->requests[0],
                                        .bypass = links_bypassed ? &joint->bypass[0] : NULL,
                                        .imports = imports,
                                        .imports_count = (size_t)roles_count};
    assert_int_equal(troupe_host_link(p->troupe, &config, &link), 0);
    return link;
}

static void open_two(struct places *p)
{
    static const char *const both[] = {"probe", "other"};
    struct joint joint;
    int fds[6];
    make_joint(&joint, 2);
    char *arguments[] = {strdup("place"), strdup(quick ? "probe,other,quick" : "probe,other"),
                         with_bypass(format("test:%d:probe@%d,other@%d:", joint.requests[1],
                                            joint.events[0][1], joint.events[1][1]),
                                     &joint, 1),
                         NULL};
    p->children[0] = start(arguments, fds, list_fds(&joint, 1, fds, 0));
    p->children_count = 1;
    free_all(arguments);
    p->links[0] = link_to(p, "probe+other", &joint, both, 2);
}

static void open_three(struct places *p)
{
    static const char *const names[] = {"probe", "other"};
    struct joint to_probe;
    struct joint to_other;
    struct joint between; /* [0]: other's end */
    int fds[10];
    make_joint(&to_probe, 1);
    make_joint(&to_other, 1);
    make_joint(&between, 1);
    char *first[] = {
        strdup("place"), strdup("probe"),
        with_bypass(format("test:%d:probe@%d:", to_probe.requests[1], to_probe.events[0][1]),
                    &to_probe, 1),
        with_bypass(format("other:%d:probe@%d:", between.requests[1], between.events[0][1]),
                    &between, 1),
        NULL};
    p->children[0] = start(first, fds, list_fds(&between, 1, fds, list_fds(&to_probe, 1, fds, 0)));
    char *second[] = {
        strdup("place"), strdup("other"),
        with_bypass(format("test:%d:other@%d:", to_other.requests[1], to_other.events[0][1]),
                    &to_other, 1),
        with_bypass(format("probe:%d::probe@%d", between.requests[0], between.events[0][0]),
                    &between, 0),
        NULL};
    p->children[1] = start(second, fds, list_fds(&between, 0, fds, list_fds(&to_other, 1, fds, 0)));
    p->children_count = 2;
    free_all(first);
    free_all(second);
    p->links[0] = link_to(p, "probe", &to_probe, names, 1);
    p->links[1] = link_to(p, "other", &to_other, names + 1, 1);
}

static bool all_up(void *user)
{
    struct places *p = user;
    return atomic_load(&links_up) == (unsigned)p->children_count;
}

void places_open(struct places *p, int count)
{
    struct troupe_config config = {.name = "test", .on_report = report};
    *p = (struct places){.count = count};
    atomic_store(&links_up, 0);
    assert_int_equal(troupe_open(&config, &p->troupe), 0);
    troupe_host_on_event(p->troupe, on_host, NULL);
    if (count == 1) {
        assert_int_equal(
            troupe_host_declare(p->troupe, quick ? &quick_probe_role : &probe_role, NULL), 0);
        assert_int_equal(
            troupe_host_declare(p->troupe, quick ? &quick_other_role : &other_role, NULL), 0);
        assert_int_equal(troupe_host_start(p->troupe, "probe"), 0);
        assert_int_equal(troupe_host_start(p->troupe, "other"), 0);
    } else if (count == 2) {
        open_two(p);
    } else {
        open_three(p);
    }
    places_wait(p, all_up, p);
    assert_int_equal(troupe_host_find(p->troupe, "probe", &p->probe), 0);
    assert_int_equal(troupe_host_find(p->troupe, "other", &p->other), 0);
}

void places_reap(struct places *p, int child)
{
    int status;
    assert_int_equal(waitpid(p->children[child], &status, 0), p->children[child]);
    p->children[child] = 0;
}

void places_close(struct places *p)
{
    troupe_close(p->troupe, 5000);
    for (int i = 0; i < p->children_count; i++) {
        int status = 0;
        if (p->children[i] != 0) {
            assert_int_equal(waitpid(p->children[i], &status, 0), p->children[i]);
            assert_int_equal(status, 0);
        }
    }
}

/* ---- running inside an actor ----------------------------------------------------------------------- */

struct inside {
    places_body *body;
    void *user;
    bool done;
};
static struct inside inside;

static int start_inside(struct troupe_actor *self, void *state, const void *argument)
{
    (void)state;
    (void)argument;
    inside.body(self, inside.user);
    return 0;
}

static const struct troupe_actor_def inside_actor = {
    .name = "inside", .start = start_inside, .flags = TROUPE_PINNED};

void places_done(struct troupe_actor *self)
{
    inside.done = true;
    assert_int_equal(troupe_stop(troupe_runtime(self), troupe_self(self)), 0);
}

void places_run(struct places *p, places_body *body, void *user)
{
    struct troupe_ref ref;
    inside = (struct inside){.body = body, .user = user};
    double due = runner_now() + 20 * runner_slowness();
    assert_int_equal(troupe_spawn(p->troupe, &inside_actor, NULL, &ref), 0);
    while (!inside.done && runner_now() < due) {
        troupe_step(p->troupe, 20);
    }
    assert_true(inside.done);
    troupe_step(p->troupe, 0);
}

void places_wait(struct places *p, bool (*condition)(void *user), void *user)
{
    double due = runner_now() + 10 * runner_slowness();
    while (!condition(user) && runner_now() < due) {
        troupe_step(p->troupe, 2);
    }
    assert_true(condition(user));
}

/* ---- for tables ------------------------------------------------------------------------------------ */

struct places places;

int places_setup_one(void **state)
{
    (void)state;
    places_open(&places, 1);
    return 0;
}

int places_setup_two(void **state)
{
    (void)state;
    places_open(&places, 2);
    return 0;
}

static int open_with(int count, bool quick_seats, bool bypassed_links)
{
    bool before = links_bypassed;
    quick = quick_seats;
    links_bypassed = bypassed_links;
    places_open(&places, count);
    quick = false;
    links_bypassed = before;
    return 0;
}

int links_bypass(void **state)
{
    (void)state;
    links_bypassed = true;
    return 0;
}

int links_plain(void **state)
{
    (void)state;
    links_bypassed = false;
    return 0;
}

int places_setup_quick_one(void **state)
{
    (void)state;
    return open_with(1, true, false);
}

int places_setup_quick_two(void **state)
{
    (void)state;
    return open_with(2, true, false);
}

int places_setup_bypass_two(void **state)
{
    (void)state;
    return open_with(2, false, true);
}

int places_setup_quick_bypass_two(void **state)
{
    (void)state;
    return open_with(2, true, true);
}

int places_setup_bypass_three(void **state)
{
    (void)state;
    return open_with(3, false, true);
}

int places_setup_three(void **state)
{
    (void)state;
    places_open(&places, 3);
    return 0;
}

int places_teardown(void **state)
{
    (void)state;
    places_close(&places);
    return 0;
}
