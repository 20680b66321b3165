/*
 * Private to the wallet actors: their state, and what their files offer one another.
 *
 *   manager.c  the role's actor: makes, opens and closes wallets (shelf.h)
 *   wallet.c   one wallet: start and stop, and what is answered from the book
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
#include "actors/wallet/shelf.h"
#include "bus/troupe.h"
#include "interfaces/node.h"
#include "interfaces/wallet.h"

#define WALLET_RETRY_MS  1000 /* until the node is asked again after a failure */
#define WALLET_TELL_MS   100  /* between two events that say how far the book is */
#define WALLET_WAITS_MAX 256  /* calls of wait_synced that are open */
#define WALLET_PAGE_MAX  200  /* rows of one answer */

/* What a wallet's actor is started with: [owned] by it, as is the book. */
struct wallet_start {
    struct book *book;
    const struct btc_params *params;
    char name[SHELF_NAME_SIZE];
    char folder[SHELF_PATH_SIZE];
};

enum wallet_phase { WALLET_IDLE, WALLET_SCHEDULED, WALLET_FORK, WALLET_BLOCKS };

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
    uint64_t stream;  /* token of the open stream */
    uint32_t node_height;
    uint8_t *block; /* [owned] one block, gathered from its pieces */
    size_t block_size;

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

/* ---- follow.c ---- */

/* Subscribes and begins. 0 or TROUPE_E... */
int wallet_follow_start(struct troupe_actor *self, struct wallet *wallet) TROUPE_CHECKED;
/* Looks, soon, whether the node has more than the book. */
void wallet_follow(struct troupe_actor *self, struct wallet *wallet);
void wallet_serve_wait_synced(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_wait_synced_args *args);

/* ---- tell.c ---- */

struct wallet_address wallet_address_of(const struct book_script *script); /* points into script */
struct wallet_tx wallet_tx_of(const struct book_entry *entry);
struct wallet_coin wallet_coin_of(const struct book_coin *coin); /* points into coin */
struct wallet_balance wallet_balance_of(const struct book_balance *balance);
int wallet_synced(struct wallet *wallet, struct wallet_synced *ret_synced, struct btc_error *err)
    BTC_MUST_CHECK;

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
