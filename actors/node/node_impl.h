/*
 * Private to the node actor: its state, and what its files offer one another.
 *
 *   node.c     start and stop, and all that is answered at once
 *   publish.c  what others are told when the chain changed, and how a failure is told
 *   job.c      what takes long, a step at a time: the turns, and the streams of blocks and headers
 *   work.c     the jobs that change the chain: mining, importing a file
 *   scan.c     the job that looks for scripts
 *   question.c what a person is asked, and does for the node
 *   pool.c     the pool of transactions: what is asked of it, and what it tells
 *   pool_jobs.c  the pool as a stream, transactions that are tested
 *   peers.c    other nodes; see peers_impl.h
 *
 * The actor is detached: everything here runs on its one thread, which may wait for the disk. What
 * takes long is a *job*: a call that is answered by a stream, worked off in steps of some
 * milliseconds, in turn, so that the mailbox is served between any two of them.
 */
#ifndef ACTORS_NODE_NODE_IMPL_H
#define ACTORS_NODE_NODE_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/node/chain.h"
#include "actors/node/import.h"
#include "actors/node/mempool.h"
#include "bus/troupe.h"
#include "interfaces/node.h"
#include "launcher/launcher.h"

#define NODE_FOLDER_SIZE      4096         /* bytes of the store's path, with the NUL */
#define NODE_JOBS_MAX         64           /* streams at one time; more are refused as busy */
#define NODE_STEP_MS          20           /* what a step of an import takes, about */
#define NODE_BATCH_MAX        64           /* blocks in one transaction of an import */
#define NODE_REPORT_MS        100          /* between two reports of progress */
#define NODE_HEADERS_ITEM_MAX 500          /* headers in one item of a stream */
#define NODE_MINE_STEP_MAX    16           /* blocks mined in one transaction */
#define NODE_POOL_ITEM_BYTES  (512u << 10) /* of transactions in one item of a stream, about */
#define NODE_QUESTION_S       60           /* that a person has for an answer */
#define NODE_VIEWS_MAX        40           /* whom it may ask: the program has fewer clients */
#define NODE_EXPIRE_MS        60000        /* between two looks for what has waited too long */

struct node;

enum job_outcome {
    JOB_MORE, /* to be gone on with at its next turn */
    JOB_WAIT, /* the asker has no room: its turn comes when there is */
    JOB_DONE, /* the call was answered */
};

struct job {
    struct job *next;
    struct node *node;
    struct troupe_call *call;
    enum job_outcome (*step)(struct troupe_actor *self, struct job *job);
    bool is_waiting;
    union {
        struct {
            int32_t next; /* height */
            int32_t to;
            struct btc_hash prev; /* what the next one must build on */
            bool has_prev;
        } range;
        struct {
            uint32_t left;   /* to mine */
            uint8_t *script; /* [owned] */
            size_t script_size;
            uint32_t ready; /* mined, committed and not sent yet: items[sent..ready) */
            uint32_t sent;
            struct node_mine_item items[NODE_MINE_STEP_MAX];
        } mine;
        struct {
            struct import *file; /* [owned] */
            uint64_t reported_ms;
            bool is_at_end;
            struct node_import_file_item progress;
        } import;
        struct node_scan *scan; /* [owned] */
        struct {
            uint64_t after; /* sequence of the last one sent */
            bool with_raw;
            bool has_sent;
        } pool;
    } as;
};

/* A person to ask, and what is open. */
/* A view of a person's, or of nobody's: the program's own, and those of guests. */
struct node_view {
    struct troupe_ref who;
    bool is_person;
};
struct node_question {
    struct troupe_actor *self;
    size_t views_count;
    struct node_view views[NODE_VIEWS_MAX]; /* in the order they came */
    struct troupe_ref asked;                /* if is_asked */
    bool is_due;                            /* a branch was held and a turn is on its way */
    bool is_asked;                          /* about the branch that leaves the chain at `fork` */
    struct btc_hash fork;
    int32_t blocks;      /* that a branch may take back without a question; 0: any */
    uint64_t held_count; /* branches that were held, a further block counting again */
};

struct node {
    struct chain *chain;
    struct mempool *pool;
    struct node_peers *peers; /* [owned] */
    const struct btc_params *params;
    char folder[NODE_FOLDER_SIZE];
    struct job *jobs; /* in the order of their turns */
    uint32_t jobs_count;
    bool is_ticking; /* a turn is on its way */
    enum node_sync_phase phase;
    bool has_warned;  /* of blocks that were checked in part; they are counted, too */
    bool has_trouble; /* the store could not be written, and was not since */
    struct node_question question;
};

/* ---- publish.c ---- */

struct node_hash32 node_hash(const struct btc_hash *hash);
struct node_tip node_tip_of(const struct chain_entry *entry);

/* Each block that was taken back and each that was added, in order. What can't be read is left out:
 * the subscribers see by prev_hash that something is missing. */
void node_publish_changes(struct troupe_actor *self, struct node *node,
                          const struct chain_change *changes, size_t count);
/* The tip, when blocks or headers were added. */
void node_publish_tip(struct troupe_actor *self, struct node *node);
void node_publish_phase(struct troupe_actor *self, struct node *node, enum node_sync_phase phase,
                        uint64_t done, uint64_t total);

/* When the store itself failed: an alert, once until it can be written again. */
void node_note_trouble(struct troupe_actor *self, struct node *node, int code,
                       const struct btc_error *err);

/* Answers with what a call of the chain's said. */
void node_fail_chain(struct troupe_call *call, int code, const struct btc_error *err);
/* As node_fail_chain(), for the `size` bytes of a block or of headers that were refused. */
void node_fail_refusal(struct troupe_call *call, struct node *node, const uint8_t *data,
                       size_t size, bool is_block, int code, const struct btc_error *err);

/* ---- job.c ---- */

/* Begins a job for `call`, which it answers in any case. NULL: it was answered already, since there
 * is no room for one more. */
struct job *node_job_new(struct node *node, struct troupe_call *call,
                         enum job_outcome (*step)(struct troupe_actor *self, struct job *job));
/* Gives it its first turn. */
void node_job_start(struct troupe_actor *self, struct job *job);
/* Releases all jobs; their calls end with the actor. */
void node_jobs_free(struct node *node);
/* What a step returns after an item could not be sent: it waits for room, or the asker is gone. */
enum job_outcome node_job_item_failed(struct job *job, int error);

void node_serve_get_blocks(struct troupe_actor *self, void *state, struct troupe_call *call,
                           const struct node_get_blocks_args *args);
void node_serve_get_headers(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct node_get_headers_args *args);

/* ---- work.c ---- */

void node_serve_mine(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct node_mine_args *args);
void node_serve_import_file(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct node_import_file_args *args);
/* Releases what a job of this file owns. */
void node_work_free(struct job *job);

/* ---- scan.c ---- */

void node_serve_scan(struct troupe_actor *self, void *state, struct troupe_call *call,
                     const struct node_scan_args *args);
bool node_job_is_scan(const struct job *job);
/* NULL is fine. */
void node_scan_free(struct node_scan *scan);

/* ---- pool.c ---- */

/* The pool lives beside the chain. 0, or a code of the bus, reported. */
int node_pool_start(struct troupe_actor *self, struct node *node) TROUPE_CHECKED;
/* Brings it to the chain's new state and tells what came and went; after the changes were told. */
void node_pool_follow(struct troupe_actor *self, struct node *node,
                      const struct chain_change *changes, size_t count);
/* Seconds since 1970, as the pool counts them. */
int64_t node_now_s(void);

void node_serve_get_tx(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct node_get_tx_args *args);
void node_serve_get_tx_status(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct node_get_tx_status_args *args);
void node_serve_submit_tx(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct node_submit_tx_args *args);
void node_serve_estimate_fee(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct node_estimate_fee_args *args);

/* ---- pool_jobs.c ---- */

void node_serve_test_txs(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_test_txs_args *args);
void node_serve_get_mempool(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct node_get_mempool_args *args);

/* ---- question.c ---- */

/* Reads --ask-reorg. */
int node_question_start(struct troupe_actor *self, struct node *node,
                        const struct troupe_arguments *arguments, struct btc_error *err)
    BTC_MUST_CHECK;
/* Follows the most work that is stored: a branch may have been held when the node ended. */
int node_question_resume(struct node *node, struct btc_error *err) BTC_MUST_CHECK;
void node_serve_answer_questions(struct troupe_actor *self, void *state, struct troupe_call *call,
                                 const struct node_answer_questions_args *args);
void node_serve_shutdown(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_shutdown_args *args);

/* ---- peers.c, peers_serve.c ---- */

struct troupe_arguments;
/* Connects and listens as the program's options say. 0, or a code of the bus, reported. */
int node_peers_start(struct troupe_actor *self, struct node *node,
                     const struct troupe_arguments *arguments) TROUPE_CHECKED;
void node_peers_stop(struct node *node);
/* Blocks were added or taken back: peers are to hear of it. */
void node_peers_chain_changed(struct troupe_actor *self, struct node *node);
/* The network thread has something. */
void node_peers_arrived(struct troupe_actor *self, void *state, struct troupe_call *call);

void node_serve_list_peers(struct troupe_actor *self, void *state, struct troupe_call *call);
void node_serve_add_peer(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_add_peer_args *args);
void node_serve_drop_peer(struct troupe_actor *self, void *state, struct troupe_call *call,
                          const struct node_drop_peer_args *args);
void node_serve_ban(struct troupe_actor *self, void *state, struct troupe_call *call,
                    const struct node_ban_args *args);
void node_serve_set_network_active(struct troupe_actor *self, void *state, struct troupe_call *call,
                                   const struct node_set_network_active_args *args);

#endif
