/* ring.c - see ring.h. Stores, and the loads of `sleeps` and `room_wanted`, are sequentially
 * consistent, which is the full fence that "say, then look" needs; the counts are loaded with acquire, so
 * ti_ring_want_room has a fence of its own. */
#include "bus/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/bypass.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert((TROUPE_BYPASS_BYTES & (TROUPE_BYPASS_BYTES - 1)) == 0, "counts wrap with it");

/* ---- the shared memory -------------------------------------------------------------------------------- */

void ti_bypass_close_fds(const struct troupe_bypass *bypass)
{
    if (bypass != NULL) {
        close(bypass->memory_fd);
        close(bypass->bell_in_fd);
        close(bypass->bell_out_fd);
    }
}

int troupe_host_bypass(struct troupe_bypass ret_ends[2])
{
    int fds[6] = {-1, -1, -1, -1, -1, -1};
    fds[0] = memfd_create("troupe-bypass", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fds[0] >= 0 && ftruncate(fds[0], sizeof(struct ti_shared_rings)) == 0 &&
        fcntl(fds[0], F_ADD_SEALS, SEALS) == 0 &&
        (fds[1] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0)) >= 0 &&
        pipe2(fds + 2, O_CLOEXEC | O_NONBLOCK) == 0 &&
        pipe2(fds + 4, O_CLOEXEC | O_NONBLOCK) == 0) {
        ret_ends[0] = (struct troupe_bypass){fds[0], fds[2], fds[5], 0};
        ret_ends[1] = (struct troupe_bypass){fds[1], fds[4], fds[3], 1};
        return 0;
    }
    int error = errno;
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    errno = error;
    return TROUPE_ESYSTEM;
}

struct ti_shared_rings *ti_rings_map(int fd)
{
    struct stat about;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &about) != 0 ||
        about.st_size != sizeof(struct ti_shared_rings)) {
        return NULL;
    }
    void *at = mmap(NULL, sizeof(struct ti_shared_rings), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                    0);
    return at != MAP_FAILED ? at : NULL;
}

void ti_rings_unmap(struct ti_shared_rings *shared)
{
    munmap(shared, sizeof *shared);
}

/* ---- one ring ----------------------------------------------------------------------------------------- */

/* Copies between the ring and private memory. The compiler must not read the ring again for what was
 * copied: the other end may have changed it. */
static void copy(const struct ti_ring_end *end, uint8_t *to, const uint8_t *from, uint32_t size)
{
    uint32_t at = end->own % TROUPE_BYPASS_BYTES;
    uint32_t first = TROUPE_BYPASS_BYTES - at < size ? TROUPE_BYPASS_BYTES - at : size;
    uint8_t *data = end->ring->data;
    memcpy(to != NULL ? to : data + at, from != NULL ? from : data + at, first);
    if (first < size) {
        memcpy(to != NULL ? to + first : data, from != NULL ? from + first : data, size - first);
    }
    atomic_signal_fence(memory_order_seq_cst);
}

uint32_t ti_ring_room(struct ti_ring_end *end)
{
    uint32_t tail = atomic_load_explicit(&end->ring->tail, memory_order_acquire);
    if (tail - end->seen > end->own - end->seen) {
        return TI_RING_LIE;
    }
    end->seen = tail;
    return TROUPE_BYPASS_BYTES - (end->own - tail);
}

void ti_ring_put(struct ti_ring_end *end, const uint8_t *from, uint32_t size)
{
    copy(end, NULL, from, size);
    end->own += size;
}

uint32_t ti_ring_show(struct ti_ring_end *end, bool wakes)
{
    atomic_store(&end->ring->head, end->own);
    return wakes && atomic_load(&end->ring->sleeps) != 0 ? atomic_exchange(&end->ring->sleeps, 0)
                                                         : 0;
}

void ti_ring_want_room(struct ti_ring_end *end)
{
    atomic_store(&end->ring->room_wanted, 1);
    atomic_thread_fence(memory_order_seq_cst);
}

uint32_t ti_ring_filled(struct ti_ring_end *end)
{
    uint32_t head = atomic_load_explicit(&end->ring->head, memory_order_acquire);
    if (head - end->own > TROUPE_BYPASS_BYTES || head - end->own < end->seen - end->own) {
        return TI_RING_LIE;
    }
    end->seen = head;
    return head - end->own;
}

void ti_ring_take(struct ti_ring_end *end, uint8_t *to, uint32_t size)
{
    copy(end, to, NULL, size);
    end->own += size;
}

bool ti_ring_give_room(struct ti_ring_end *end)
{
    atomic_store(&end->ring->tail, end->own);
    return end->seen - end->own <= TROUPE_BYPASS_BYTES / 4 &&
           atomic_load(&end->ring->room_wanted) != 0 &&
           atomic_exchange(&end->ring->room_wanted, 0) != 0;
}

bool ti_ring_sleep(struct ti_ring_end *end, uint32_t how)
{
    atomic_store(&end->ring->sleeps, how);
    if (atomic_load(&end->ring->head) == end->own) {
        return true;
    }
    atomic_store(&end->ring->sleeps, 0);
    return false;
}
