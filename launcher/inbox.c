/* inbox.c - from the bus's threads to the main thread: what became of roles and links, and
 * troupe_quit.
 *
 * Posted on any thread; taken on the main thread, which polls the descriptor. One per process,
 * because troupe_quit has no handle to find it by. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "launcher/launch.h"

enum { RESERVE = 64 }; /* notes for when there is no memory */

static struct {
    pthread_mutex_t lock;
    struct tl_note *first;
    struct tl_note **end;
    int fd;
    struct tl_note reserve[RESERVE];
    bool reserve_used[RESERVE];
} inbox = {.lock = PTHREAD_MUTEX_INITIALIZER, .end = &inbox.first, .fd = -1};

/* Under the lock. */
static struct tl_note *take_reserve(void)
{
    size_t i = 0;
    while (i < RESERVE && inbox.reserve_used[i]) {
        i++;
    }
    if (i == RESERVE) {
        return NULL;
    }
    inbox.reserve_used[i] = true;
    return &inbox.reserve[i];
}

/* Under the lock. */
static void give_back(struct tl_note *note)
{
    if (note >= inbox.reserve && note < inbox.reserve + RESERVE) {
        inbox.reserve_used[note - inbox.reserve] = false;
    } else {
        free(note);
    }
}

void tl_note_free(struct tl_note *note)
{
    pthread_mutex_lock(&inbox.lock);
    give_back(note);
    pthread_mutex_unlock(&inbox.lock);
}

int tl_inbox_open(void)
{
    pthread_mutex_lock(&inbox.lock);
    inbox.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = inbox.fd;
    pthread_mutex_unlock(&inbox.lock);
    return fd;
}

void tl_inbox_close(void)
{
    struct tl_note *note;
    while ((note = tl_inbox_take()) != NULL) {
        tl_note_free(note);
    }
    pthread_mutex_lock(&inbox.lock);
    close(inbox.fd);
    inbox.fd = -1;
    pthread_mutex_unlock(&inbox.lock);
}

void tl_inbox_post(enum tl_note_kind kind, const char *name, int code)
{
    struct tl_note *note = calloc(1, sizeof *note);
    pthread_mutex_lock(&inbox.lock);
    note = note != NULL ? note : take_reserve();
    if (note == NULL) {
        /* Whoever waits for this note would wait for ever: a launcher is not to be half alive. */
        fputs("out of memory\n", stderr);
        _exit(TL_STATUS_FAILED);
    }
    *note = (struct tl_note){.kind = kind, .code = code};
    snprintf(note->name, sizeof note->name, "%s", name);
    bool open = inbox.fd >= 0;
    if (open) {
        *inbox.end = note;
        inbox.end = &note->next;
        eventfd_write(inbox.fd, 1);
    }
    if (!open) {
        give_back(note);
    }
    pthread_mutex_unlock(&inbox.lock);
}

struct tl_note *tl_inbox_take(void)
{
    pthread_mutex_lock(&inbox.lock);
    struct tl_note *note = inbox.first;
    if (note != NULL) {
        inbox.first = note->next;
    }
    if (inbox.first == NULL) {
        eventfd_t count;
        inbox.end = &inbox.first;
        eventfd_read(inbox.fd, &count);
    }
    pthread_mutex_unlock(&inbox.lock);
    return note;
}

void tl_inbox_host(void *user, const struct troupe_host_event *event)
{
    static const enum tl_note_kind kinds[] = {[TROUPE_ROLE_READY] = TL_NOTE_READY,
                                              [TROUPE_ROLE_ENDED] = TL_NOTE_ENDED,
                                              [TROUPE_LINK_UP] = TL_NOTE_UP,
                                              [TROUPE_LINK_GONE] = TL_NOTE_GONE};
    (void)user;
    tl_inbox_post(kinds[event->kind], event->name, event->code);
}

void troupe_quit(int status)
{
    tl_inbox_post(TL_NOTE_QUIT, "", status);
}
