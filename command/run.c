/* run.c - the actor of this process, pinned to its one thread: so Ctrl-C, the end of a process and
 * what comes over the bus are waited for together. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "command/command.h"

enum { CUT_MS = 2000 };
struct state {
    struct tc_run *run;
};

/* ---- signals --------------------------------------------------------------------------------- */

/* A handler has nothing else to go by. The bus makes threads when it likes, so none of them can be kept
 * from taking a signal: whichever it is, this is all it does. */
static atomic_int interrupted = -1; /* an eventfd, while something runs that ends in order */

static void on_signal(int number)
{
    int error = errno;
    int fd = atomic_exchange(&interrupted, -1);
    (void)number;
    if (fd < 0 || eventfd_write(fd, 1) != 0) { /* nothing runs, or it was asked to end already */
        _exit(TC_INTERRUPTED);
    }
    errno = error;
}

void tc_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

/* ---- a run ----------------------------------------------------------------------------------- */

static void tick(struct troupe_actor *self, void *user)
{
    struct tc_run *run = user;
    if (!run->over) {
        run->tick(self, run);
        int error = troupe_after(self, 1000, tick, run, NULL);
        if (error != 0) {
            tc_over(run, TC_FAILED);
        }
    }
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct state *own = state;
    own->run = *(struct tc_run *const *)argument;
    own->run->begin(self, own->run);
    if (own->run->tick != NULL && !own->run->over) {
        tick(self, own->run);
    }
    return 0;
}

static const struct troupe_actor_def actor = {
    .name = "troupe", .state_size = sizeof(struct state), .start = start, .flags = TROUPE_PINNED};

void tc_over(struct tc_run *run, enum tc_status status)
{
    if (!run->over) {
        run->over = true;
        run->status = status;
    }
}

void tc_flush(struct tc_run *run)
{
    if (fflush(stdout) != 0) {
        tc_over(run, TC_FAILED); /* whoever read has closed the pipe */
    }
}

/* How long poll may wait, in ms. */
static int left(uint64_t due)
{
    uint64_t now = troupe_now_ms();
    return now >= due ? 0 : due - now > 1000 ? 1000 : (int)(due - now);
}

/* Somebody or --timeout ends it: it may bring to an end what has begun. Returns until when. */
static uint64_t cut(struct tc_run *run, enum tc_status status)
{
    void (*on_cut)(struct tc_run * run) = run->on_cut;
    run->on_cut = NULL;
    if (on_cut == NULL) {
        tc_over(run, run->was_cut ? run->cut_status : status);
        return 0;
    }
    run->was_cut = true;
    run->cut_status = status;
    on_cut(run);
    return troupe_now_ms() + CUT_MS;
}

static void serve(struct tc_run *run, int signals, uint64_t due)
{
    struct tc_session *session = run->session;
    while (!run->over) {
        char gone[TROUPE_NAME_BYTES_MAX + 1];
        struct pollfd waits[] = {{.fd = troupe_fd(session->troupe), .events = POLLIN},
                                 {.fd = signals, .events = POLLIN},
                                 {.fd = session->visit.inbox, .events = POLLIN}};
        if (poll(waits, 3, left(due)) < 0 && errno != EINTR) {
            tc_over(run, TC_FAILED);
        }
        if (waits[1].revents != 0) {
            bool normal = run->until_cut && session->options->count == 0;
            eventfd_t count;
            eventfd_read(signals, &count);
            due = cut(run, normal ? TC_DONE : TC_INTERRUPTED);
        }
        while (!run->over && troupe_step(session->troupe, 0) > 0) {
        }
        if (!run->over && tl_visit_gone(&session->visit, gone) && run->until_cut) {
            tc_say(session, "the process %s ended", gone);
            tc_over(run, TC_NOBODY);
        }
        if (!run->over && troupe_now_ms() >= due) {
            due = cut(run, session->options->count != 0 ? TC_LATE : TC_DONE);
        }
    }
}

enum tc_status tc_run(struct tc_run *run)
{
    struct tc_session *session = run->session;
    struct troupe_ref ref;
    uint32_t timeout_ms = session->options->timeout_ms;
    int signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = signals < 0 ? TROUPE_ESYSTEM : troupe_spawn(session->troupe, &actor, &run, &ref);
    if (error != 0) {
        tc_say(session, "%s", troupe_error_text(error));
        return TC_FAILED;
    }
    atomic_store(&interrupted, signals);
    serve(run, signals,
          run->until_cut && timeout_ms != 0 ? troupe_now_ms() + timeout_ms : UINT64_MAX);
    fflush(stdout);
    troupe_close(session->troupe,
                 1000); /* what is open ends, while what its callbacks use is there */
    session->troupe = NULL;
    atomic_store(&interrupted, -1);
    close(signals);
    return run->status;
}
