#include "test/support/mortal.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bus/frame.h"

enum { HEAD_BYTES = 8 }; /* before each message, and the greeting of a new connection */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool looked;
static unsigned long left; /* frames until the end; 0: immortal */

void mortal_link(void)
{
}

static bool is_meant(const char *name, size_t size)
{
    char own[64] = "";
    FILE *file = fopen("/proc/self/comm", "re");
    if (file != NULL) {
        bool got = fgets(own, sizeof own, file) != NULL;
        fclose(file);
        return got && strcspn(own, "\n") == size && memcmp(own, name, size) == 0;
    }
    return false;
}

/* At the first frame, when the process has its name. */
static void look(void)
{
    const char *mortal = getenv("MORTAL");
    const char *path = mortal != NULL ? strchr(mortal, ':') : NULL;
    looked = true;
    if (path == NULL || !is_meant(mortal, (size_t)(path - mortal))) {
        return;
    }
    FILE *file = fopen(path + 1, "r+e");
    char number[32] = "";
    if (file != NULL && fgets(number, sizeof number, file) != NULL) {
        char *rest = NULL;
        left = strtoul(number, &rest, 10);
        unsigned long step = strtoul(rest, NULL, 10);
        rewind(file);
        fprintf(file, "%lu %lu\n", left + step, step);
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* How much of `parts` goes before the frame at which life ends; *ret_frames says how many that are. */
static size_t before_the_end(const struct iovec *parts, int count, unsigned long *ret_frames)
{
    unsigned long frames = 0;
    size_t size = parts[0].iov_len;
    for (int i = 1; i < count && frames < left; i++) {
        const uint8_t *data = parts[i].iov_base;
        size_t at = 0;
        while (at < parts[i].iov_len && frames < left) {
            struct frame frame;
            size_t used = 0;
            if (ti_frame_read(data + at, parts[i].iov_len - at, &used, &frame, NULL) != 0) {
                used = parts[i].iov_len - at;
            }
            at += used;
            frames++;
        }
        size += at;
    }
    *ret_frames = count > 1 ? frames : 1;
    return size;
}

static void die_having_written(int fd, const struct iovec *parts, int count, size_t size)
{
    for (int i = 0; i < count && size > 0; i++) {
        size_t part = parts[i].iov_len < size ? parts[i].iov_len : size;
        ssize_t written = write(fd, parts[i].iov_base, part);
        (void)written;
        size -= part;
    }
    kill(getpid(), SIGKILL);
}

/* In place of the C library's. */
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    unsigned long frames = 0;
    pthread_mutex_lock(&lock);
    if (!looked) {
        look();
    }
    bool begins = left != 0 && count > 0 && parts[0].iov_len == HEAD_BYTES;
    if (begins) {
        size_t size = before_the_end(parts, count, &frames);
        if (frames >= left) {
            die_having_written(fd, parts, count, size);
        }
    }
    ssize_t written = syscall(SYS_writev, fd, parts, count);
    if (begins && written > 0) {
        left -= frames;
    }
    pthread_mutex_unlock(&lock);
    return written;
}

/* In place of the C library's. */
ssize_t readv(int fd, const struct iovec *parts, int count)
{
    ssize_t got = syscall(SYS_readv, fd, parts, count);
    if (got == HEAD_BYTES && count == 1 && parts[0].iov_len == HEAD_BYTES) {
        pthread_mutex_lock(&lock);
        if (left == 1) {
            kill(getpid(), SIGKILL);
        }
        left -= left > 0;
        pthread_mutex_unlock(&lock);
    }
    return got;
}
