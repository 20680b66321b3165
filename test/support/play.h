/* play.h - actors that do at random what actors can do, and the rules that must hold whatever happens:
 * what test_interleavings.c stages. Servers answer (play_server.c), clients ask and listen
 * (play_client.c); both write down here what they do, which outlives them. */
#ifndef TEST_SUPPORT_PLAY_H
#define TEST_SUPPORT_PLAY_H

#include "test/support/stage.h"

enum { PLAY_CLIENTS = 9, PLAY_ASKS_MAX = 600, PLAY_BLOB_BYTES_MAX = 200000 };
enum { PLAY_PATIENCE_MS = 3600 * 1000 };

enum play_kind {
    PLAY_ECHO,
    PLAY_FORWARD,
    PLAY_WAIT,
    PLAY_HANG,
    PLAY_HANG_THERE,
    PLAY_COUNT,
    PLAY_COUNT_THERE,
    PLAY_MAKE,
    PLAY_SUM,
    PLAY_SPAWN,
    PLAY_PUBLISH,
    PLAY_END
};
enum { PLAY_KINDS = PLAY_END + 1 };

struct play_client;
struct play_ask {
    struct play_client *client;
    enum play_kind kind;
    uint64_t token;
    uint64_t due_ns;
    bool open;
    bool cancelled;
    bool patient;  /* has so much time that something else must end it */
    int code;      /* how it ended */
    uint32_t next; /* item of a stream */
    uint32_t to;
    unsigned handled; /* by the callee */
};
struct play_feed {
    struct play_client *client;
    int source; /* place */
    struct troupe_handler *handler;
    bool seen;
    uint64_t epoch;
    uint64_t first; /* that came */
    uint64_t next;
};
struct play_client {
    struct troupe_ref ref;
    int place;
    bool starting;
    bool alive;
    struct play_feed changed;
    struct play_feed newest;
};

struct play {
    uint64_t seed;
    bool loud; /* says what happens */
    struct stage stage;
    struct play_client clients[PLAY_CLIENTS];
    struct play_ask asks[PLAY_ASKS_MAX];
    uint32_t asks_count;
    uint64_t published[STAGE_PLACES]; /* in this life of the place */
};
extern struct play play;

/* Over all seeds, to be shown. */
struct play_sum {
    uint64_t seeds, asks, answered, down, lost, late, cancelled, events, gaps;
};
extern struct play_sum play_sum;

/* Prints the seed and what was broken, and aborts: what the play holds can't be taken down. */
void play_broken(const char *what, const char *file, int line);
#define rule(holds) ((holds) ? (void)0 : play_broken(#holds, __FILE__, __LINE__))

/* What happens, when one seed is looked at. */
void play_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define PLAY_U(number) ((unsigned long long)(number))

uint64_t play_chance(uint64_t below);
uint64_t play_now_ns(void);

/* Answers test.Probe: the roles "probe" and "other", which lets "probe" do some of it. */
extern const struct troupe_actor_def play_server;
/* A client at a place that lives, if there is room. */
void play_spawn_client(void);
/* One thing that a client does, inside its actor: for ti_run_in. */
void play_act(struct troupe_actor *self, void *argument);

#endif
