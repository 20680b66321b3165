/* phoenix - roles for the tests of restart: `victim` dies again and again, `middle` passes
 * calls on to it and lives, `front` looks in rounds at what a death does to it.
 *
 * A round: front asks the victim and the middle something that is never answered, watches the
 * victim, and says "armed PID" once both have got there. When the victim is dead and back it has got two completions, the
 * watch's message, LOST and then an event of the new process, all through refs and a subscription
 * that it made once; it says "again ROUND NS", NS when the direct ask completed (monotonic clock).
 *
 * With --load front leaves it to a fourth role (load.h), which keeps `probe` and `other` busy: the
 * prober, beside the victim and beside middle. With MORTAL a process dies by itself (mortal.h). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "launcher/launch.h"
#include "test/support/ear.h"
#include "test/support/load.h"
#include "test/support/mortal.h"
#include "test/support/phoenix.h"
#include "test/support/prober.h"
#include "test/support/say.h"

enum { POLL_MS = 2, CANCEL_MS = 10, HELD_MAX = 8, WORKERS_MAX = 4, FDS_MAX = 256 };

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- victim ---------------------------------------------------------------------------------- */

struct victim {
    struct troupe_call *held[HELD_MAX];
};

static void victim_process(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct victim *victim = state;
    struct phoenix_process_results results = {.pid = (uint32_t)getpid()};
    struct phoenix_seen seen = {.pid = (uint32_t)getpid()};
    for (size_t i = 0; i < HELD_MAX; i++) {
        results.held = (uint8_t)(results.held + (victim->held[i] != NULL));
    }
    phoenix_process_reply(call, &results);
    int error = phoenix_publish_seen(self, &seen);
    (void)error;
}

static void victim_hold(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct victim *victim = state;
    size_t i = 0;
    (void)self;
    while (i < HELD_MAX && victim->held[i] != NULL) {
        i++;
    }
    if (i == HELD_MAX) {
        troupe_fail(call, TROUPE_EBUSY, NULL);
        return;
    }
    troupe_defer(call);
    victim->held[i] = call;
}

/* So that an ordered end does not wait for what nobody waits for. */
static void let_go(struct troupe_actor *self, void *user)
{
    struct victim *victim = user;
    for (size_t i = 0; i < HELD_MAX; i++) {
        if (victim->held[i] != NULL && troupe_cancelled(victim->held[i])) {
            troupe_fail(victim->held[i], TROUPE_ECANCELED, NULL);
            victim->held[i] = NULL;
        }
    }
    int late = troupe_after(self, CANCEL_MS, let_go, victim, NULL);
    (void)late;
}

static int block(struct troupe_actor *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    while (nanosleep(&(struct timespec){.tv_sec = 1000}, NULL) == 0) {
    }
    return 0;
}

/* On the control socket, as no process of ours does. */
static void lie(uint8_t how)
{
    const struct tl_message nobody_up = {.kind = TL_UP, .name = troupe_text("nobody")};
    struct tl_message told = {.kind = TL_STOP};
    switch (how) {
    case 4:
        if (write(TL_CONTROL_FD, "what?", 5) < 0) {
            perror("write");
        }
        return;
    case 6:
        told = (struct tl_message){.kind = TL_ENDED, .name = troupe_text("middle")};
        break;
    case 7:
        while (tl_send(TL_CONTROL_FD, &nobody_up, 1000) == 0) {
        }
        return;
    case 8:
        told = (struct tl_message){.kind = TL_LINK, .fds_count = 1};
        break;
    default:
        break;
    }
    if (how != 9) {
        int sent = tl_send(TL_CONTROL_FD, &told, 1000);
        (void)sent;
        return;
    }
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } rights = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                         .cmsg_level = SOL_SOCKET,
                         .cmsg_type = SCM_RIGHTS}};
    const struct msghdr packet = {.msg_control = rights.room, .msg_controllen = sizeof rights.room};
    if (sendmsg(TL_CONTROL_FD, &packet, 0) < 0) {
        perror("sendmsg");
    }
}

static void victim_perish(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct phoenix_perish_args *args)
{
    static const struct troupe_actor_def blocking = {.name = "blocking", .start = block};
    struct troupe_ref ref;
    int error = 0;
    (void)state;
    (void)call;
    if (args->how == 0) {
        _exit(args->status);
    }
    if (args->how == 1) {
        error = troupe_stop(troupe_runtime(self), troupe_self(self));
    }
    for (int fd = 3; args->how == 3 && fd < FDS_MAX; fd++) {
        int type = 0;
        socklen_t size = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM) {
            shutdown(fd, SHUT_RDWR);
        }
    }
    if (args->how >= 4) {
        lie(args->how);
    }
    for (int i = 0; args->how == 2 && i < WORKERS_MAX; i++) {
        error = troupe_spawn(troupe_runtime(self), &blocking, NULL, &ref);
    }
    (void)error;
}

static int victim_start(struct troupe_actor *self, void *state, const void *argument)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/fail", troupe_argument(argument, "datadir"));
    if (access(path, F_OK) == 0) {
        troupe_report(self, "it is told not to start");
        return 1;
    }
    say("victim %d\n", (int)getpid());
    return troupe_after(self, CANCEL_MS, let_go, state, NULL);
}

/* ---- middle ---------------------------------------------------------------------------------- */

struct middle {
    struct troupe_ref victim;
};

static void middle_process(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct phoenix_process_results results = {.pid = (uint32_t)getpid()};
    (void)self;
    (void)state;
    phoenix_process_reply(call, &results);
}

static void middle_hold(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct middle *middle = state;
    (void)self;
    troupe_forward(call, middle->victim);
}

static int middle_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct middle *middle = state;
    (void)argument;
    say("middle %d\n", (int)getpid());
    return troupe_lookup(self, "victim", &middle->victim);
}

/* ---- front ----------------------------------------------------------------------------------- */

struct front {
    struct troupe_ref victim;
    struct troupe_ref middle;
    struct troupe_handler *handler;
    uint32_t armed_pid; /* 0: not armed */
    bool armed;         /* both calls are there, or ended on the way */
    uint32_t asked_pid; /* of the victim that answered last */
    uint32_t seen_pid;  /* and whose event came last */
    bool lost;          /* since the last death */
    bool gone;
    unsigned round;
    unsigned direct; /* completions ever: one per round */
    unsigned passed;
    uint64_t direct_ns;
};

static void look(struct troupe_actor *self, void *user);

static void on_direct(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct front *front = user;
    (void)self;
    front->direct_ns = now_ns();
    front->direct++;
    if (error == NULL) {
        say("answered, by nobody\n");
    }
}

static void on_passed(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct front *front = user;
    (void)self;
    front->passed++;
    if (error == NULL) {
        say("answered, by nobody\n");
    }
}

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct front *front = user;
    (void)self;
    (void)ref;
    (void)why;
    front->gone = true;
}

static void on_seen(struct troupe_actor *self, void *user, const struct phoenix_seen *event,
                    const struct troupe_event_info *info)
{
    struct front *front = user;
    (void)self;
    (void)info;
    if (event == NULL) {
        front->lost = true;
    } else {
        front->seen_pid = event->pid;
    }
}

static void arm(struct troupe_actor *self, struct front *front)
{
    front->lost = false;
    front->gone = false;
    front->armed = false;
    front->armed_pid = front->asked_pid;
    int error = phoenix_hold_ask(self, front->victim, on_direct, front, NULL);
    error = error != 0 ? error : phoenix_hold_ask(self, front->middle, on_passed, front, NULL);
    error = error != 0 ? error : troupe_watch(self, front->victim, on_gone, front, NULL);
    if (error != 0) {
        say("can't be armed %" PRIu32 "\n", front->armed_pid);
    }
}

static void on_process(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct phoenix_process_results *results)
{
    struct front *front = user;
    if (error == NULL) {
        front->asked_pid = results->pid;
        unsigned there = results->held + front->direct + front->passed - 2 * front->round;
        if (!front->armed && results->pid == front->armed_pid && there >= 2) {
            front->armed = true;
            say("armed %" PRIu32 "\n", front->armed_pid);
        }
    }
    bool first = front->armed_pid == 0;
    bool is_back = front->asked_pid != front->armed_pid && front->seen_pid == front->asked_pid;
    bool told = first || (front->lost && front->gone && front->direct > front->round &&
                          front->passed > front->round);
    if (is_back && told) {
        if (!first) {
            front->round++;
            say("again %u %" PRIu64 "\n", front->round, front->direct_ns);
        }
        if (front->direct != front->round || front->passed != front->round) {
            say("completed %u and %u times in %u rounds\n", front->direct, front->passed,
                front->round);
        }
        arm(self, front);
    }
    int late = troupe_after(self, POLL_MS, look, front, NULL);
    (void)late;
}

static void look(struct troupe_actor *self, void *user)
{
    struct front *front = user;
    if (phoenix_process_ask(self, front->victim, on_process, front, NULL) != 0) {
        int late = troupe_after(self, POLL_MS, look, front, NULL);
        (void)late;
    }
}

static int front_start(struct troupe_actor *self, void *state, const void *argument)
{
    struct front *front = state;
    say("front %d\n", (int)getpid());
    if (troupe_argument(argument, "load") != NULL) {
        return 0;
    }
    int error = troupe_lookup(self, "victim", &front->victim);
    error = error != 0 ? error : troupe_lookup(self, "middle", &front->middle);
    error = error != 0 ? error
                       : phoenix_on_seen(self, front->victim, on_seen, front, &front->handler);
    error = error != 0 ? error : troupe_after(self, POLL_MS, look, front, NULL);
    return error;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int command_perish(struct troupe *troupe, const struct troupe_arguments *arguments,
                          bool json, int count, char *const *values)
{
    struct troupe_ref victim;
    struct phoenix_perish_args args = {.how = (uint8_t)atoi(values[0]),
                                       .status = (uint8_t)(count > 1 ? atoi(values[1]) : 0)};
    (void)arguments;
    (void)json;
    return troupe_host_find(troupe, "victim", &victim) != 0 ||
           phoenix_perish(troupe, victim, &args) != 0;
}

/* Holds on to the victim and says how that ended. */
static int command_hold(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values)
{
    struct troupe_ref victim;
    struct troupe_error error;
    (void)arguments;
    (void)json;
    (void)count;
    (void)values;
    if (troupe_host_find(troupe, "victim", &victim) != 0) {
        return 2;
    }
    say("holding\n");
    int code = phoenix_hold(troupe, victim, &error, NULL);
    say("hold ended: %s\n", troupe_error_text(code));
    return code == TROUPE_ELOST || code == TROUPE_EDOWN ? 0 : 1; /* EDOWN: it had not left yet */
}

/* ---- the program ----------------------------------------------------------------------------- */

static const char *data_directory(const struct troupe_arguments *arguments)
{
    return troupe_argument(arguments, "datadir");
}

/* What the launcher tells the program. */
static void on_event(struct troupe *troupe, const struct troupe_process_event *event)
{
    (void)troupe;
    load_on_process(event);
    say("event %s %s\n", event->process, event->kind == TROUPE_PROCESS_DIED ? "died" : "restarted");
}

static const struct phoenix_handlers victim_handlers = {
    .process = victim_process, .hold = victim_hold, .perish = victim_perish};
static const struct phoenix_handlers middle_handlers = {.process = middle_process,
                                                        .hold = middle_hold};
static const struct troupe_service victim_services[] = {{&phoenix_interface, &victim_handlers}};
static const struct troupe_service middle_services[] = {{&phoenix_interface, &middle_handlers}};
static const struct troupe_actor_def victim = {.name = "victim",
                                               .state_size = sizeof(struct victim),
                                               .start = victim_start,
                                               .services = victim_services,
                                               .services_count = 1};
static const struct troupe_actor_def middle = {.name = "middle",
                                               .state_size = sizeof(struct middle),
                                               .start = middle_start,
                                               .services = middle_services,
                                               .services_count = 1};
static const struct troupe_actor_def front = {
    .name = "front", .state_size = sizeof(struct front), .start = front_start};

static const char *const probe_uses[] = {"probe", NULL};
static const char *const middle_uses[] = {"victim", NULL};
static const char *const front_uses[] = {"victim", "middle", NULL};
static const struct troupe_role roles[] = {
    {.name = "victim", .actor = &victim},
    {.name = "middle", .actor = &middle, .uses = middle_uses},
    {.name = "probe", .actor = &probe_actor},
    {.name = "other", .actor = &probe_actor, .uses = probe_uses},
    {.name = "ear", .actor = &ear_def, .uses = probe_uses},
    {.name = "load", .actor = &load_def, .uses = load_uses},
    {.name = "front", .actor = &front, .uses = front_uses},
};
enum { ROLES = sizeof roles / sizeof *roles };
static const enum troupe_restart restarts[ROLES] = {
    TROUPE_RESTART_ON_FAILURE, TROUPE_RESTART_ON_FAILURE, TROUPE_RESTART_ON_FAILURE,
    TROUPE_RESTART_ON_FAILURE, TROUPE_RESTART_ON_FAILURE};
static const struct troupe_option options[] = {
    {.name = "datadir", .value = "DIR", .help = "where the control socket is"},
    {.name = "load", .value = "N", .help = "talkers that keep the others busy"},
    {.name = "once", .help = "each has one conversation"}};
static const struct troupe_command commands[] = {
    {.name = "perish",
     .arguments = "HOW [STATUS]",
     .help = "ends the victim",
     .arguments_min = 1,
     .arguments_max = 2,
     .run = command_perish},
    {.name = "hold", .help = "asks the victim what is never answered", .run = command_hold},
};

int main(int argc, char **argv)
{
    const struct troupe_program program = {
        .name = "phoenix",
        .version = "1.0",
        .summary = "roles of which some die",
        .options = options,
        .options_count = sizeof options / sizeof *options,
        .commands = commands,
        .commands_count = sizeof commands / sizeof *commands,
        .roles = roles,
        .roles_count = ROLES,
        .front = "front",
        .split = "all",
        .restarts = restarts,
        .on_process = on_event,
        .data_directory = data_directory,
    };
    mortal_link();
    return troupe_main(argc, argv, &program);
}
