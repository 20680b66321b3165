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
};

static void make_joint(struct joint *joint, int roles)
{
    pair(joint->requests);
    for (int i = 0; i < roles; i++) {
        pair(joint->events[i]);
    }
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
                                        .imports = imports,
                                        .imports_count = (size_t)roles_count};
    assert_int_equal(troupe_host_link(p->troupe, &config, &link), 0);
    return link;
}

static void open_two(struct places *p)
{
    static const char *const both[] = {"probe", "other"};
    struct joint joint;
    make_joint(&joint, 2);
    char *arguments[] = {strdup("place"), strdup(quick ? "probe,other,quick" : "probe,other"),
                         format("test:%d:probe@%d,other@%d:", joint.requests[1], joint.events[0][1],
                                joint.events[1][1]),
                         NULL};
    int fds[] = {joint.requests[1], joint.events[0][1], joint.events[1][1]};
    p->children[0] = start(arguments, fds, 3);
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
    make_joint(&to_probe, 1);
    make_joint(&to_other, 1);
    make_joint(&between, 1);
    char *first[] = {strdup("place"), strdup("probe"),
                     format("test:%d:probe@%d:", to_probe.requests[1], to_probe.events[0][1]),
                     format("other:%d:probe@%d:", between.requests[1], between.events[0][1]), NULL};
    int first_fds[] = {to_probe.requests[1], to_probe.events[0][1], between.requests[1],
                       between.events[0][1]};
    p->children[0] = start(first, first_fds, 4);
    char *second[] = {strdup("place"), strdup("other"),
                      format("test:%d:other@%d:", to_other.requests[1], to_other.events[0][1]),
                      format("probe:%d::probe@%d", between.requests[0], between.events[0][0]),
                      NULL};
    int second_fds[] = {to_other.requests[1], to_other.events[0][1], between.requests[0],
                        between.events[0][0]};
    p->children[1] = start(second, second_fds, 4);
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

int places_setup_quick_one(void **state)
{
    (void)state;
    quick = true;
    places_open(&places, 1);
    quick = false;
    return 0;
}

int places_setup_quick_two(void **state)
{
    (void)state;
    quick = true;
    places_open(&places, 2);
    quick = false;
    return 0;
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
