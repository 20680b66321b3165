/* loop.c - the one thread of a runtime that waits: until the next timer is due, or a bell rings.
 *
 * What runs on it must be short: timers (timer.c), among them the ends of links, and what bypasses
 * bring (bypass.c). Under a schedule there is no such thread; its steps run the timers. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bus/bypass.h"

#define KICK 0 /* the number of the kick's descriptor; those of bells are higher */

static void *run(void *argument)
{
    struct troupe *troupe = argument;
    const struct ti_loop *loop = &troupe->loop;
    uint64_t due_ns;
    while (ti_timers_run(troupe, &due_ns)) {
        struct epoll_event event;
        bool more = ti_bypasses_turn(&troupe->bypasses);
        struct ti_span sleep = {.from_ns = ti_clock_ns(), .until_ns = due_ns};
        int timeout = more ? 0 : (int)ti_span_ms(sleep);
        if (epoll_wait(loop->epoll_fd, &event, 1, timeout) != 1) {
            continue;
        }
        if (event.data.u64 == KICK) {
            uint64_t count;
            ssize_t got = read(loop->kick_fd, &count, sizeof count);
            (void)got;
        } else {
            ti_bypass_rang(&troupe->bypasses, event.data.u64, event.events);
        }
    }
    return NULL;
}

int ti_loop_init(struct troupe *troupe)
{
    struct ti_loop *loop = &troupe->loop;
    if (troupe->schedule != NULL) {
        return 0;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->running = loop->epoll_fd >= 0 && loop->kick_fd >= 0 &&
                    ti_loop_listen(loop, loop->kick_fd, KICK) &&
                    pthread_create(&loop->thread, NULL, run, troupe) == 0;
    return loop->running ? 0 : TROUPE_ESYSTEM;
}

void ti_loop_close(struct troupe *troupe)
{
    struct ti_loop *loop = &troupe->loop;
    if (loop->running) {
        ti_timers_end(troupe);
        ti_loop_kick(loop);
        pthread_join(loop->thread, NULL);
    }
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
    if (loop->kick_fd >= 0) {
        close(loop->kick_fd);
    }
}

void ti_loop_kick(const struct ti_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->kick_fd, &one, sizeof one);
    (void)written; /* a counter at its maximum is readable, which is all we want */
}

bool ti_loop_listen(const struct ti_loop *loop, int fd, uint64_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = number};
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void ti_loop_forget(const struct ti_loop *loop, int fd)
{
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}
