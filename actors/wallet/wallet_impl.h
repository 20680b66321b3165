/*
 * Private to the wallet actors: their state, and what their files offer one another.
 *
 *   manager.c  the role's actor: makes, opens and closes wallets (shelf.h), and opens those again that
 *              were open when its process died
 *   wallet.c   one wallet: start and stop, and what is answered from the book
 *   lock.c     its passphrase
 *   spend.c    drafts, signing and sending
 *   drafts.c   which drafts there are
 *   papers.c   PSBTs, descriptors, words, messages: what leaves it, or comes to it
 *   backup.c   the copy of its file
 *   rescan.c   looking at blocks again
 *   pool.c     what is in no block yet
 *   used.c     which addresses were used before
 *   follow.c   keeping the book level with the node
 *   tell.c     the book's rows in the interface's types, and the events
 *
 * The actors are detached: each one runs on its one thread, which may wait for the disk.
 *
 * How it follows the node (function names are those of follow.c):
 *
 *      +------> IDLE ---- a block, LOST, a rescan, a wait: wallet_follow ----> SCHEDULED
 *      |                                                                        |  begin
 *      |                                        the branch is in doubt          v
 *      |      BLOCKS <---- on_fork: rewound to where both agree ---- FORK <-----+
 *      |       |  ^                                                             |
 *      +-------+  +------------------ the branch is sure: read_on --------------+
 *       on_end; goes on from the start when more was heard meanwhile,
 *       and after WALLET_RETRY_MS when the node could not be asked
 *
 * So there is one ask open at any time, whatever is heard in between.
 */
#ifndef ACTORS_WALLET_WALLET_IMPL_H
#define ACTORS_WALLET_WALLET_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/wallet/book.h"
#include "actors/wallet/book_spend.h"
#include "actors/wallet/shelf.h"
#include "bus/troupe.h"
#include "interfaces/node.h"
#include "interfaces/wallet.h"

#define WALLET_RETRY_MS   1000 /* until the node is asked again after a failure */
#define WALLET_TELL_MS    100  /* between two events that say how far the book is */
#define WALLET_WAITS_MAX  256  /* calls of wait_synced that are open */
#define WALLET_PAGE_MAX   200  /* rows of one answer */
#define WALLET_ERROR_SIZE 257  /* bytes of a sentence that a call fails with, with the NUL */

/* What a wallet's actor is started with: [owned] by it, as is the book. */
struct wallet_start {
    struct book *book;
    const struct btc_params *params;
    char name[SHELF_NAME_SIZE];
    char folder[SHELF_PATH_SIZE];
};

enum wallet_phase { WALLET_IDLE, WALLET_SCHEDULED, WALLET_FORK, WALLET_BLOCKS };

enum wallet_pool_phase {
    WALLET_POOL_IDLE,
    WALLET_POOL_SCHEDULED,
    WALLET_POOL_READ,
    WALLET_POOL_STATUS,
    WALLET_POOL_RESUBMIT,
};

/* How far the node's pool is known: see pool.c. */
struct wallet_pool {
    enum wallet_pool_phase phase;
    bool is_wanted;  /* something was missed since the last look */
    bool is_whole;   /* the next look begins with the first transaction */
    bool is_behind;  /* such a look is not done: own payments may be unknown to the node */
    bool has_unsent; /* the node did not take a payment of the wallet's */
    uint64_t sequence;
    uint64_t timer;
    int64_t cursor;
    struct btc_hash asked[WALLET_PAGE_MAX]; /* whose status is being asked */
    size_t asked_count;
};

struct wallet_wait {
    struct troupe_call *call;
    uint32_t height;
};

/* Rows on their way from the book to an answer. */
union wallet_page {
    struct {
        struct book_script rows[WALLET_PAGE_MAX];
        struct wallet_address items[WALLET_PAGE_MAX];
    } scripts;
    struct {
        struct book_entry rows[WALLET_PAGE_MAX];
        struct wallet_tx items[WALLET_PAGE_MAX];
    } txs;
    struct {
        struct book_coin rows[WALLET_PAGE_MAX];
        struct wallet_coin items[WALLET_PAGE_MAX];
    } coins;
    struct {
        struct book_draft rows[WALLET_PAGE_MAX];
        struct wallet_draft items[WALLET_PAGE_MAX];
    } drafts;
};

struct wallet {
    struct book *book;
    const struct btc_params *params;
    char name[SHELF_NAME_SIZE];
    char folder[SHELF_PATH_SIZE];
    struct troupe_ref node;

    enum wallet_phase phase;
    bool is_wanted;   /* something was heard since the last look */
    bool is_doubtful; /* perhaps the book is on another branch than the node */
    bool is_given_up; /* the rest of the open stream is of no use */
    bool is_failed;   /* the book could not take a block in */
    bool is_failure_told;
    uint64_t stream; /* token of the open stream */
    uint32_t node_height;
    uint8_t *block; /* [owned] one block, gathered from its pieces */
    size_t block_size;

    struct wallet_pool pool;
    struct backup *backup; /* being made; NULL: none */
    struct rescan *rescan; /* running; NULL: none */
    uint64_t lock_timer;
    bool has_lock_timer;

    uint8_t *used; /* [owned] used.c: a bit for each script */
    size_t used_size;

    struct book_balance balance; /* as last told */
    bool was_told;
    uint64_t told_ms;
    struct wallet_wait waits[WALLET_WAITS_MAX];
    size_t waits_count;
    union wallet_page page;
};

/* ---- wallet.c ---- */

extern const struct troupe_actor_def wallet_actor;

/* `text` with a NUL. False: there is one within, which would let the rest go unread, or it is too
 * long. */
bool wallet_read_text(struct troupe_text text, char *ret_text, size_t room);
/* The same for a label: false also for control characters. */
bool wallet_read_label(struct troupe_text text, char ret_label[BOOK_LABEL_SIZE]);
/* How many rows an answer has for whom wants so many. */
size_t wallet_page_of(uint32_t wanted);

/* ---- lock.c ---- */

void wallet_tell_lock(struct troupe_actor *self, struct wallet *wallet);
void wallet_serve_unlock(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallet_unlock_args *args);
void wallet_serve_lock(struct troupe_actor *self, void *state, struct troupe_call *call);
void wallet_serve_change_passphrase(struct troupe_actor *self, void *state,
                                    struct troupe_call *call,
                                    const struct wallet_change_passphrase_args *args);

/* ---- drafts.c ---- */

struct wallet_draft wallet_draft_of(const struct book_draft *draft);
void wallet_serve_list_drafts(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_list_drafts_args *args);
void wallet_serve_drop_draft(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct wallet_drop_draft_args *args);

/* ---- spend.c ---- */

void wallet_serve_draft(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct wallet_draft_args *args);
void wallet_serve_sign(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallet_sign_args *args);
void wallet_serve_send(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct wallet_send_args *args);
void wallet_serve_bump_fee(struct troupe_actor *self, void *state, struct troupe_call *call,
                           const struct wallet_bump_fee_args *args);

/* ---- papers.c ---- */

void wallet_serve_psbt_create(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_psbt_create_args *args);
void wallet_serve_psbt_sign(struct troupe_actor *self, void *state, struct troupe_call *call,
                            const struct wallet_psbt_sign_args *args);
void wallet_serve_psbt_finalise(struct troupe_actor *self, void *state, struct troupe_call *call,
                                const struct wallet_psbt_finalise_args *args);
void wallet_serve_get_tx(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallet_get_tx_args *args);
void wallet_serve_lock_coins(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct wallet_lock_coins_args *args);
void wallet_serve_watch(struct troupe_actor *self, void *state, struct troupe_call *call,
                        const struct wallet_watch_args *args);
void wallet_serve_import_watch_only(struct troupe_actor *self, void *state,
                                    struct troupe_call *call,
                                    const struct wallet_import_watch_only_args *args);
void wallet_serve_sign_message(struct troupe_actor *self, void *state, struct troupe_call *call,
                               const struct wallet_sign_message_args *args);
void wallet_serve_export_descriptors(struct troupe_actor *self, void *state,
                                     struct troupe_call *call);
void wallet_serve_get_words(struct troupe_actor *self, void *state, struct troupe_call *call);

/* ---- backup.c, rescan.c: one of each at a time ---- */

void wallet_serve_backup(struct troupe_actor *self, void *state, struct troupe_call *call);
/* Ends it with the actor; its call ends by itself. */
void wallet_backup_stop(struct wallet *wallet);
void wallet_serve_rescan(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallet_rescan_args *args);
void wallet_rescan_stop(struct wallet *wallet);

/* ---- pool.c ---- */

int wallet_pool_start(struct troupe_actor *self, struct wallet *wallet) TROUPE_CHECKED;
/* Makes level with the node's pool, in a while: what is new in it, or all of it. */
void wallet_pool_look(struct troupe_actor *self, struct wallet *wallet, uint32_t delay_ms);
void wallet_pool_look_at_all(struct troupe_actor *self, struct wallet *wallet);
/* Lets go of a pending transaction, and tells. */
void wallet_drop(struct troupe_actor *self, struct wallet *wallet, const struct btc_hash *txid,
                 enum book_drop why);

/* ---- used.c ---- */

int wallet_used_load(struct wallet *wallet, struct btc_error *err) BTC_MUST_CHECK;
/* Tells of addresses whose first coin came with the blocks from `height` on. */
void wallet_tell_used(struct troupe_actor *self, struct wallet *wallet, int32_t height);
/* The same for this transaction, which is pending. */
void wallet_tell_used_by(struct troupe_actor *self, struct wallet *wallet,
                         const struct btc_hash *txid);

/* ---- follow.c ---- */

/* Subscribes and begins. 0 or TROUPE_E... */
int wallet_follow_start(struct troupe_actor *self, struct wallet *wallet) TROUPE_CHECKED;
/* Looks, soon, whether the node has more than the book. */
void wallet_follow(struct troupe_actor *self, struct wallet *wallet);
/* Those that wait to be level and are; lets go of those that wait no longer. */
void wallet_answer_waits(struct wallet *wallet);
void wallet_serve_wait_synced(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_wait_synced_args *args);

/* ---- tell.c ---- */

struct wallet_address wallet_address_of(const struct book_script *script); /* points into script */
struct wallet_tx wallet_tx_of(const struct book_entry *entry);
struct wallet_coin wallet_coin_of(const struct book_coin *coin); /* points into coin */
struct wallet_balance wallet_balance_of(const struct book_balance *balance);
int wallet_synced(struct wallet *wallet, struct wallet_synced *ret_synced, struct btc_error *err)
    BTC_MUST_CHECK;

enum wallet_address_kind wallet_kind_of(enum btc_script_kind kind);
struct wallet_hash32 wallet_hash_of(const struct btc_hash *hash);
struct btc_outpoint wallet_outpoint_of(const struct wallet_outpoint *outpoint);

/* Each of these tells first what is no longer pending. */
/* That this transaction is pending. */
void wallet_tell_pending(struct troupe_actor *self, struct wallet *wallet,
                         const struct btc_hash *txid);
/* The newest `count` entries of the history, all of this block. */
void wallet_tell_txs(struct troupe_actor *self, struct wallet *wallet, int32_t height,
                     size_t count);
/* That the entries above `height` will be gone. */
void wallet_tell_removed(struct troupe_actor *self, struct wallet *wallet, int32_t height);
/* The balance if it is another than told last; and, from time to time or if `is_last`, how far. */
void wallet_tell_state(struct troupe_actor *self, struct wallet *wallet, bool is_last);

/* Answers with what a call of the book's said. */
void wallet_fail_book(struct troupe_call *call, int code, const struct btc_error *err);

#endif
