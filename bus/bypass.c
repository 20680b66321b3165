/* bypass.c - see bypass.h.
 *
 * In a ring a batch is its size, four bytes in this machine's order, then its bytes; a large one
 * passes in pieces. The peer shares the memory: each word of it is read once and checked, each batch is
 * copied before it is looked at, and nothing of ours is kept there. The memfd is sealed, so that it
 * can't shrink under us; a bell is a pipe, because two processes that share one eventfd share its
 * flags, and a write might be made to block.
 *
 * Who receives: one thread at a time, which has set `reading`; the loop's, or one that waits for an
 * answer (ti_bypass_lead), which then is woken by nobody else. Who sends holds the link's lock; what finds no room is `rest`, under a lock of its own, and the loop goes on with it when its
 * bell rings. */
#include "bus/bypass.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bus/ring.h"

#define PASSES_MAX 2 /* over one ring, before the next bypass gets its turn */
#define BY_BELL    1u
#define BY_FUTEX   2u
#define SLICE_NS   1000000000u /* a peer that plays with the futex costs no more than that */

struct ti_bypass {
    struct ti_bypasses *all;
    uint64_t id;
    struct ti_shared_rings *shared;
    int bell_in;
    int bell_out;
    _Atomic uint32_t *mine; /* the state of this end */
    const _Atomic uint32_t *theirs;
    const struct ti_carrier_events *events;
    void *user;
    /* under all->lock */
    unsigned holders;
    bool due; /* its turn has been asked for */
    bool reading;
    bool missed;       /* its turn came while a caller was reading */
    bool started;      /* to receive */
    bool asked;        /* the peer to do so: on_sent says when it does */
    bool gone;         /* the peer */
    atomic_bool hurry; /* who leads is to let go */
    bool closed;       /* or broken: nothing more is read */
    /* of who is reading */
    struct ti_ring_end in;
    uint32_t expected; /* bytes of the batch; 0: its size comes next */
    uint32_t arrived;
    uint8_t *into;  /* where it goes: one of these two */
    uint8_t *batch; /* for any */
    struct ti_pieces *pieces;
    struct troupe_chunk *piece; /* for a full piece of a blob, which a link may keep; or NULL */
    /* out */
    pthread_mutex_t lock;
    struct ti_ring_end out;
    const uint8_t *rest; /* a batch that has not found all its room; NULL: none */
    uint32_t rest_size;
    uint32_t rest_sent;
    bool rest_begun; /* its size is in the ring */
};

/* ---- its turn (all->lock is held) ---------------------------------------------------------------------- */

/* The loop is to look at it, although no bell rings. */
static void ask_turn(struct ti_bypass *bypass)
{
    if (!bypass->closed && !bypass->due) {
        bypass->due = true;
        atomic_fetch_add(&bypass->all->due, 1);
        ti_loop_kick(bypass->all->loop);
    }
}

static void turn_over(struct ti_bypass *bypass)
{
    atomic_fetch_sub(&bypass->all->due, bypass->due ? 1 : 0);
    bypass->due = false;
}

/* Each in its turn. */
static struct ti_bypass *next_due(struct ti_bypasses *all)
{
    for (size_t i = 0; i < all->table.room; i++) {
        struct ti_bypass *bypass = all->table.entries[all->next_due++ % all->table.room].value;
        if (bypass != NULL && bypass->due) {
            turn_over(bypass);
            return bypass;
        }
    }
    return NULL;
}

/* ---- holding ------------------------------------------------------------------------------------------------ */

/* The lock is held. */
static void hold(struct ti_bypass *bypass)
{
    if (bypass != NULL) {
        bypass->holders++;
    }
}

static void release(struct ti_bypass *bypass)
{
    pthread_mutex_lock(&bypass->all->lock);
    bypass->holders--;
    pthread_cond_broadcast(&bypass->all->released);
    pthread_mutex_unlock(&bypass->all->lock);
}

/* ---- bells ------------------------------------------------------------------------------------------------ */

static void ring_bell(const struct ti_bypass *bypass)
{
    ssize_t written = write(bypass->bell_out, "", 1);
    (void)written; /* full: it rings; nobody at the other end: NNG tells */
}

/* All of them: the peer may wait there, too, to be woken in the place of ours. */
static void wake_futex(const struct ti_ring_end *end)
{
    syscall(SYS_futex, &end->ring->sleeps, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void wake_reader(const struct ti_bypass *bypass, uint32_t how)
{
    if (how == BY_FUTEX) {
        wake_futex(&bypass->out);
    } else if (how != 0) {
        ring_bell(bypass);
    }
}

/* ---- receiving: by who is reading ------------------------------------------------------------------------- */

/* The peer broke a rule of the ring. */
static void refuse(struct ti_bypass *bypass, const char *why)
{
    pthread_mutex_lock(&bypass->all->lock);
    bypass->closed = true;
    pthread_mutex_unlock(&bypass->all->lock);
    bypass->events->on_broken(bypass->user, why);
}

/* Where the next batch, of `expected` bytes, goes. */
static void choose_place(struct ti_bypass *bypass)
{
    bypass->into = bypass->batch;
    if (bypass->expected > TROUPE_CHUNK_BYTES_MAX &&
        bypass->expected <= TROUPE_CHUNK_BYTES_MAX + TI_CHUNK_MARGIN_BYTES) {
        if (bypass->piece == NULL) {
            bypass->piece = ti_chunk_new(bypass->pieces, TROUPE_CHUNK_BYTES_MAX);
        }
        bypass->into = bypass->piece != NULL ? bypass->piece->room : bypass->batch;
    }
}

/* Takes `size` bytes that are there; false: they break a rule. */
static bool take(struct ti_bypass *bypass, uint32_t size)
{
    while (size != 0) {
        if (bypass->expected == 0) {
            if (size < sizeof bypass->expected) {
                return false;
            }
            ti_ring_take(&bypass->in, (uint8_t *)&bypass->expected, sizeof bypass->expected);
            size -= (uint32_t)sizeof bypass->expected;
            bypass->arrived = 0;
            if (bypass->expected == 0 || bypass->expected > TROUPE_LINK_RECEIVE_BYTES_MAX) {
                return false;
            }
            choose_place(bypass);
        }
        uint32_t part = bypass->expected - bypass->arrived;
        part = part < size ? part : size;
        ti_ring_take(&bypass->in, bypass->into + bypass->arrived, part);
        bypass->arrived += part;
        size -= part;
        if (ti_ring_give_room(&bypass->in)) {
            ring_bell(bypass);
        }
        if (bypass->arrived == bypass->expected) {
            bypass->expected = 0;
            bypass->events->on_receive(bypass->user, bypass->into, bypass->arrived,
                                       bypass->into != bypass->batch ? &bypass->piece : NULL);
        }
    }
    return true;
}

enum pass { TOOK, NOTHING, BROKEN };

/* Takes what is there. */
static enum pass pass(struct ti_bypass *bypass)
{
    uint32_t size = ti_ring_filled(&bypass->in);
    if (size == 0) {
        return NOTHING;
    }
    if (size == TI_RING_LIE) {
        refuse(bypass, "the peer's count of bytes in shared memory can't be");
        return BROKEN;
    }
    if (!take(bypass, size)) {
        refuse(bypass, "the size of a batch in shared memory can't be");
        return BROKEN;
    }
    return TOOK;
}

/* Receives until there is nothing, and says whether it is to be asked again. */
static bool receive(struct ti_bypass *bypass)
{
    for (int i = 0; i < PASSES_MAX; i++) {
        enum pass result = pass(bypass);
        if (result == BROKEN || (result == NOTHING && ti_ring_sleep(&bypass->in, BY_BELL))) {
            return false;
        }
    }
    return true;
}

/* Sleeps until there is something, or the time is over: false. */
static bool sleep_until(struct ti_bypass *bypass, uint64_t due_ns)
{
    uint64_t now = ti_clock_ns();
    uint64_t left = now < due_ns ? due_ns - now : 0;
    left = left < SLICE_NS ? left : SLICE_NS;
    struct timespec wait = {.tv_sec = (time_t)(left / 1000000000u),
                            .tv_nsec = (long)(left % 1000000000u)};
    if (left != 0 && ti_ring_sleep(&bypass->in, BY_FUTEX)) {
        if (!atomic_load(&bypass->hurry)) {
            syscall(SYS_futex, &bypass->in.ring->sleeps, FUTEX_WAIT, BY_FUTEX, &wait, NULL, 0);
        }
        atomic_store(&bypass->in.ring->sleeps, 0);
    }
    return left != 0;
}

bool ti_bypass_enter(struct ti_bypass *bypass)
{
    pthread_mutex_lock(&bypass->all->lock);
    bool mine = bypass->started && !bypass->reading && !bypass->closed;
    if (mine) {
        bypass->holders++;
        bypass->reading = true;
        atomic_store(&bypass->in.ring->sleeps, 0);
    }
    pthread_mutex_unlock(&bypass->all->lock);
    return mine;
}

void ti_bypass_lead(struct ti_bypass *bypass, bool (*done)(void *user), void *user, uint64_t due_ns)
{
    bool more = true;
    while (more && !atomic_load(&bypass->hurry) && !done(user)) {
        enum pass result = pass(bypass);
        more = result == NOTHING ? sleep_until(bypass, due_ns)
                                 : result == TOOK && ti_clock_ns() < due_ns;
    }
    more = !ti_ring_sleep(&bypass->in, BY_BELL);
    pthread_mutex_lock(&bypass->all->lock);
    bypass->reading = false;
    if (more || bypass->missed) {
        ask_turn(bypass);
    }
    bypass->missed = false;
    bypass->holders--;
    pthread_cond_broadcast(&bypass->all->released);
    pthread_mutex_unlock(&bypass->all->lock);
}

/* ---- sending ------------------------------------------------------------------------------------------------ */

/* Puts as much of `rest` as there is room for. With `more`, a peer that sleeps is woken only when it
 * has found no room, or three quarters of the ring are full. False: the peer broke a rule. */
static bool put_rest(struct ti_bypass *bypass, bool more)
{
    bool asked = false;
    while (bypass->rest_sent < bypass->rest_size) {
        uint32_t room = ti_ring_room(&bypass->out);
        uint32_t head = bypass->rest_begun ? 0 : sizeof bypass->rest_size;
        uint32_t left = bypass->rest_size - bypass->rest_sent;
        if (room == TI_RING_LIE) {
            return false;
        }
        if (room <= head) { /* a batch's size is put whole, with some of it */
            if (asked) {
                break;
            }
            asked = true;
            ti_ring_want_room(&bypass->out);
            continue;
        }
        ti_ring_put(&bypass->out, (const uint8_t *)&bypass->rest_size, head);
        bypass->rest_begun = true;
        left = left < room - head ? left : room - head;
        ti_ring_put(&bypass->out, bypass->rest + bypass->rest_sent, left);
        bypass->rest_sent += left;
        bool early = more && bypass->rest_sent == bypass->rest_size &&
                     room - head - left > TROUPE_BYPASS_BYTES / 4;
        wake_reader(bypass, ti_ring_show(&bypass->out, !early));
        asked = false;
    }
    return true;
}

int ti_bypass_send(struct ti_bypass *bypass, const uint8_t *data, size_t size, bool more)
{
    int result = 0;
    assert(size <= TROUPE_LINK_RECEIVE_BYTES_MAX);
    pthread_mutex_lock(&bypass->lock);
    bypass->rest = data;
    bypass->rest_size = (uint32_t)size;
    bypass->rest_sent = 0;
    bypass->rest_begun = false;
    if (!put_rest(bypass, more)) {
        result = TROUPE_EPROTOCOL;
    } else if (bypass->rest_sent == bypass->rest_size) {
        result = TI_SENT;
    }
    if (result != 0) {
        bypass->rest = NULL;
    }
    pthread_mutex_unlock(&bypass->lock);
    return result;
}

/* Goes on with what found no room. */
static void send_rest(struct ti_bypass *bypass)
{
    pthread_mutex_lock(&bypass->lock);
    bool waits = bypass->rest != NULL;
    bool good = !waits || put_rest(bypass, false);
    bool sent = waits && good && bypass->rest_sent == bypass->rest_size;
    if (sent || !good) {
        bypass->rest = NULL;
    }
    pthread_mutex_unlock(&bypass->lock);
    if (!good) {
        refuse(bypass, "the peer's count of bytes taken from shared memory can't be");
    } else if (sent) {
        bypass->events->on_sent(bypass->user);
    }
}

/* ---- on the loop ------------------------------------------------------------------------------------------------ */

/* What a bell, or ask_turn, is for. */
static void turn(struct ti_bypass *bypass)
{
    struct ti_bypasses *all = bypass->all;
    pthread_mutex_lock(&all->lock);
    bool answered = bypass->asked && atomic_load(bypass->theirs) == TI_RINGS_STARTED;
    bypass->asked = bypass->asked && !answered;
    bool mine = bypass->started && !bypass->reading && !bypass->closed;
    bool last = bypass->gone; /* what it left is in the ring by now */
    bypass->missed = bypass->missed || bypass->reading;
    bypass->reading = bypass->reading || mine;
    pthread_mutex_unlock(&all->lock);
    if (answered) {
        bypass->events->on_sent(bypass->user);
    }
    send_rest(bypass);
    if (!mine) {
        return;
    }
    bool more = receive(bypass);
    pthread_mutex_lock(&all->lock);
    bypass->reading = false;
    if (more || (bypass->gone && !last)) {
        ask_turn(bypass);
    }
    bypass->closed = bypass->closed || last;
    pthread_mutex_unlock(&all->lock);
    if (last) {
        bypass->events->on_gone(bypass->user);
    }
}

/* Makes it silent. An end that nobody can ring any more would be ready for ever. */
static void heard(struct ti_bypass *bypass, uint32_t events)
{
    char bytes[64];
    if (read(bypass->bell_in, bytes, sizeof bytes) <= 0 && (events & EPOLLHUP) != 0) {
        ti_loop_forget(bypass->all->loop, bypass->bell_in);
    }
}

bool ti_bypasses_turn(struct ti_bypasses *all)
{
    if (atomic_load(&all->due) == 0) {
        return false;
    }
    pthread_mutex_lock(&all->lock);
    struct ti_bypass *bypass = next_due(all);
    hold(bypass);
    pthread_mutex_unlock(&all->lock);
    if (bypass != NULL) {
        turn(bypass);
        release(bypass);
    }
    return atomic_load(&all->due) != 0;
}

void ti_bypass_rang(struct ti_bypasses *all, uint64_t id, uint32_t events)
{
    pthread_mutex_lock(&all->lock);
    struct ti_bypass *bypass = ti_table_get(&all->table, id);
    hold(bypass);
    pthread_mutex_unlock(&all->lock);
    if (bypass != NULL) {
        heard(bypass, events);
        turn(bypass);
        release(bypass);
    }
}

void ti_bypasses_init(struct ti_bypasses *all, const struct ti_loop *loop)
{
    *all = (struct ti_bypasses){.loop = loop};
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->released, NULL);
}

void ti_bypasses_fini(struct ti_bypasses *all)
{
    ti_table_free(&all->table);
    pthread_cond_destroy(&all->released);
    pthread_mutex_destroy(&all->lock);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static void free_bypass(struct ti_bypass *bypass)
{
    if (bypass->shared != NULL) {
        ti_rings_unmap(bypass->shared);
    }
    close(bypass->bell_in);
    close(bypass->bell_out);
    pthread_mutex_destroy(&bypass->lock);
    free(bypass->batch);
    ti_chunks_free(bypass->piece, false);
    free(bypass);
}

static bool list(struct ti_bypass *bypass)
{
    struct ti_bypasses *all = bypass->all;
    pthread_mutex_lock(&all->lock);
    bypass->id = ++all->last_id;
    bool listed = ti_table_put(&all->table, bypass->id, bypass);
    if (listed && !ti_loop_listen(all->loop, bypass->bell_in, bypass->id)) {
        ti_table_take(&all->table, bypass->id);
        listed = false;
    }
    pthread_mutex_unlock(&all->lock);
    return listed;
}

/* Its rings, if they are what they should be. */
static bool map(struct ti_bypass *bypass, int memory_fd, unsigned end)
{
    bypass->shared = ti_rings_map(memory_fd);
    if (bypass->shared != NULL) {
        bypass->mine = &bypass->shared->states[end];
        bypass->theirs = &bypass->shared->states[!end];
        bypass->out.ring = &bypass->shared->rings[end];
        bypass->in.ring = &bypass->shared->rings[!end];
    }
    return bypass->shared != NULL;
}

struct ti_bypass *ti_bypass_open(struct troupe *troupe, const struct troupe_bypass *from,
                                 const struct ti_carrier_events *events, void *user)
{
    struct ti_bypass *bypass = calloc(1, sizeof *bypass);
    if (bypass == NULL) {
        ti_bypass_close_fds(from);
        return NULL;
    }
    bypass->all = &troupe->bypasses;
    bypass->bell_in = from->bell_in_fd;
    bypass->bell_out = from->bell_out_fd;
    bypass->events = events;
    bypass->user = user;
    bypass->batch = malloc(TROUPE_LINK_RECEIVE_BYTES_MAX);
    bypass->pieces = troupe->pieces;
    pthread_mutex_init(&bypass->lock, NULL);
    bool good = map(bypass, from->memory_fd, from->end != 0) && bypass->batch != NULL;
    close(from->memory_fd);
    /* Each end of a pipe has flags of its own: the peer can't take ours back. */
    good = good && fcntl(bypass->bell_in, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(bypass->bell_out, F_SETFL, O_NONBLOCK) == 0;
    if (!good || !list(bypass)) {
        free_bypass(bypass);
        return NULL;
    }
    atomic_store(bypass->mine, TI_RINGS_JOINED);
    return bypass;
}

bool ti_bypass_joined(const struct ti_bypass *bypass)
{
    return atomic_load(bypass->theirs) != 0;
}

void ti_bypass_ask(struct ti_bypass *bypass)
{
    pthread_mutex_lock(&bypass->all->lock);
    bypass->asked = true;
    pthread_mutex_unlock(&bypass->all->lock);
}

void ti_bypass_start(struct ti_bypass *bypass)
{
    pthread_mutex_lock(&bypass->all->lock);
    bypass->started = true;
    ask_turn(bypass);
    pthread_mutex_unlock(&bypass->all->lock);
    atomic_store(bypass->mine, TI_RINGS_STARTED);
    ring_bell(bypass);
}

/* Has who leads let go. */
static void hurry(struct ti_bypass *bypass)
{
    atomic_store(&bypass->hurry, true);
    atomic_store(&bypass->in.ring->sleeps, 0);
    wake_futex(&bypass->in);
}

bool ti_bypass_gone(struct ti_bypass *bypass)
{
    pthread_mutex_lock(&bypass->all->lock);
    bool drains = bypass->started && !bypass->closed;
    bypass->closed = !drains;
    bypass->gone = true;
    hurry(bypass);
    ask_turn(bypass);
    pthread_mutex_unlock(&bypass->all->lock);
    return drains;
}

void ti_bypass_close(struct ti_bypass *bypass)
{
    if (bypass == NULL) {
        return;
    }
    struct ti_bypasses *all = bypass->all;
    pthread_mutex_lock(&all->lock);
    bypass->closed = true;
    hurry(bypass);
    ti_table_take(&all->table, bypass->id);
    turn_over(bypass);
    ti_loop_forget(all->loop, bypass->bell_in);
    while (bypass->holders != 0) {
        pthread_cond_wait(&all->released, &all->lock);
    }
    pthread_mutex_unlock(&all->lock);
    free_bypass(bypass);
}
