/*
 * The wallet's book: which scripts are its own or watched, which coins they hold, and the history
 * that led there, in one SQLite file, kept up to date block by block.
 *
 * It knows nothing of the bus. The wallet actor calls it from one thread at a time (its calls read
 * and write files); a book belongs to one process, which a lock in the file ensures. Every call is
 * one database transaction: after kill -9 at any point the file holds the state before or after a
 * call, never between.
 *
 * Where it stands in the chain ("synced") is part of each block's transaction, so the caller only
 * ever asks book_synced() and goes on from there:
 *
 *     block connected     book_apply_block()       0: done, BOOK_KNOWN: had it already
 *                                                  BOOK_AHEAD: catch up from synced height + 1
 *                                                  BOOK_FORK: first undo what is no longer true
 *     block disconnected  book_disconnect_block()
 *     after a pause       book_find_block() downwards until the node knows the hash (that of
 *                         genesis, at 0, is always kept), then book_rewind() to there, then the
 *                         node's blocks from there on
 *     something watched   book_watch() goes back by itself: the node's blocks from there on
 *
 * All functions give 0, a positive outcome that is named in their comment, or a negative code of
 * actors/bitcoin/error.h with a sentence in `err` (may be NULL). Common to all, and not repeated:
 * BTC_EIO (disk full, unreadable, unwritable), BTC_ECORRUPT (the file holds what was not put
 * there), BTC_ENOMEM, BTC_ECRYPTO. Outputs are untouched unless the result is 0 or said otherwise.
 * Heights are blocks above genesis, amounts are satoshi.
 */
#ifndef ACTORS_WALLET_BOOK_H
#define ACTORS_WALLET_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/bip39.h"
#include "actors/bitcoin/hash.h"
#include "actors/bitcoin/params.h"
#include "actors/bitcoin/tx.h"

#define BOOK_FILE_NAME    "wallet.sqlite"
#define BOOK_GAP_LIMIT    20   /* scripts known beyond the last one used or given out (BIP44) */
#define BOOK_LABEL_SIZE   101  /* bytes of the longest label, with the NUL */
#define BOOK_TEXT_SIZE    145  /* bytes of an address or of a short script in hex, with the NUL */
#define BOOK_BLOCKS_MAX   2016 /* hashes of the latest blocks that are kept to find a fork */
#define BOOK_CHECK_SIZE   (64ll << 20)  /* bytes of a file whose pages are all checked at opening */
#define BOOK_COMPACT_SIZE (512ll << 20) /* bytes of a file that is compacted, in memory */
#define BOOK_LOCK_WAIT_MS 500 /* how long book_open() waits for a process that is just ending */

struct book;

enum book_outcome {
    BOOK_KNOWN = 1, /* nothing to do: it was there already */
    BOOK_AHEAD = 2, /* blocks between the synced one and this one are missing */
    BOOK_FORK = 3,  /* the block is on another branch than the synced one */
    BOOK_NONE = 4,  /* no such thing */
    /* Of book_spend.h, each with a sentence in `err`. */
    BOOK_LOCKED = 5,   /* the keys are locked: book_unlock() first */
    BOOK_WRONG = 6,    /* not the passphrase */
    BOOK_SHORT = 7,    /* not enough to pay with */
    BOOK_CONFLICT = 8, /* what it spends is spent by another transaction */
};

struct book_options {
    const char *dir;  /* made (0700) with may_make when it does not exist; its parent must */
    const char *file; /* in there; NULL: BOOK_FILE_NAME */
    bool
        may_make; /* a book with keys of its own, where there is none; a file may be there, empty */
    const struct btc_params *params;
    const char *sentence; /* BIP39 words to restore from, for a new book only; NULL: new entropy */
    const char *passphrase; /* to encrypt a new book's keys with; NULL: they are not encrypted */
};

/*
 * Open the book in options->dir, or make one there. The file is readable by
 * its owner only; without a passphrase its keys are not encrypted. An older version's is migrated in
 * one transaction. [owned] *ret_book: book_close(). BTC_ECORRUPT also when it is empty, or when a page of a file of up to
 * BOOK_CHECK_SIZE is damaged, wherever it is, or what addresses are made
 * of is not of the file's own keys (as far as that can be told while locked). BTC_EINUSE when
 * another process (or book) has it open; BTC_ENETWORK when it is another network's; BTC_EUSAGE when
 * the file is no wallet or a newer version's, or for a sentence or a passphrase although there is a
 * book already; BTC_EFORMAT for a sentence that is wrong.
 */
int book_open(const struct book_options *options, struct book **ret_book, struct btc_error *err)
    BTC_MUST_CHECK;

/* NULL is harmless. */
void book_close(struct book *book);

/* The words that restore the book's own keys. The caller wipes them after use. BOOK_LOCKED. */
int book_sentence(struct book *book, char ret_sentence[BTC_BIP39_SENTENCE_SIZE],
                  struct btc_error *err) BTC_MUST_CHECK;

/* --- blocks --- */

/* The last block that the book contains. *ret_hash is all zero when its hash is not known (after
 * book_rewind() to further back than hashes are kept); a new book stands at genesis. */
int book_synced(struct book *book, int32_t *ret_height, struct btc_hash *ret_hash,
                struct btc_error *err) BTC_MUST_CHECK;

/* The hash of a block that the book contains. BOOK_NONE: above synced, or longer ago than kept. */
int book_find_block(struct book *book, int32_t height, struct btc_hash *ret_hash,
                    struct btc_error *err) BTC_MUST_CHECK;

/*
 * Take in the next block: data[0..size) are its bytes as on the wire [borrowed], hash and prev_hash
 * what its sender says they are. The block is taken to be valid: only what the book relies on is
 * checked. *ret_changes (may be NULL) counts the history entries it brought, 0 for most blocks.
 * BOOK_KNOWN, BOOK_AHEAD, BOOK_FORK as above, with nothing changed. BTC_EFORMAT for bytes that are
 * no block or not the one announced, BTC_EINVALID for amounts that cannot be.
 */
int book_apply_block(struct book *book, int32_t height, const struct btc_hash *hash,
                     const struct btc_hash *prev_hash, const void *data, size_t size,
                     size_t *ret_changes, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Undo the last block, which must be this one. BOOK_KNOWN when the book never came that far;
 * BOOK_FORK when the block at that height is another or not the last: then book_find_block() and
 * book_rewind().
 */
int book_disconnect_block(struct book *book, int32_t height, const struct btc_hash *hash,
                          struct btc_error *err) BTC_MUST_CHECK;

/*
 * Forget everything above `height` (0 at least), so that the next block wanted is height + 1. Does
 * nothing when the book does not reach that far: repeating it is harmless. Keys, labels and what
 * was given out stay.
 */
int book_rewind(struct book *book, int32_t height, struct btc_error *err) BTC_MUST_CHECK;

/* As book_rewind(from_height - 1): blocks from from_height on will be looked at again. */
int book_rescan_from(struct book *book, int32_t from_height, struct btc_error *err) BTC_MUST_CHECK;

/* --- scripts --- */

enum book_chain {
    BOOK_WATCHED = -1, /* no key here */
    BOOK_RECEIVE = 0,
    BOOK_CHANGE = 1,
};

/* One script of the book. */
struct book_script {
    int64_t id; /* never used twice */
    enum book_chain chain;
    uint32_t index; /* on its chain; in its descriptor or 0 when watched */
    enum btc_script_kind kind;
    bool is_used; /* a coin came to it, ever */
    /* Its address; for one that has none, its hex; over 67 bytes, the start of that and "...". */
    char text[BOOK_TEXT_SIZE];
    char label[BOOK_LABEL_SIZE];
};

/*
 * Give out the next unused address of a chain (not BOOK_WATCHED) of the BIP84 account
 * (BTC_SCRIPT_P2WPKH) or the BIP86 one (BTC_SCRIPT_P2TR), with a label ("" or NULL for none). It will not be given out again, and is on disk when the call returns. More than
 * BOOK_GAP_LIMIT in a row that are never used may be missed by another wallet restored from the
 * same words: *ret_beyond_gap (may be NULL) says so. BTC_ELIMIT for a label that is too long.
 */
int book_new_address(struct book *book, enum btc_script_kind kind, enum book_chain chain,
                     const char *label, struct book_script *ret_script, bool *ret_beyond_gap,
                     struct btc_error *err) BTC_MUST_CHECK;

/*
 * Watch what `text` says: a public key in hex (its P2PK, P2PKH and, when compressed, P2WPKH
 * scripts), an address, or an output script in hex. To find its earlier coins too, the book goes
 * back in the same transaction to before from_height, as book_rescan_from() does; -1: only coins of
 * blocks to come count. BOOK_KNOWN: all of it was in the book already, nothing changes. BTC_EFORMAT
 * when it is none of these, BTC_ENETWORK for another network's address, BTC_ELIMIT for a script or
 * label that is too long.
 */
int book_watch(struct book *book, const char *text, const char *label, int32_t from_height,
               struct btc_error *err) BTC_MUST_CHECK;

/* Change a script's label; "" for none. BOOK_NONE: no script of that id; BTC_ELIMIT: too long. */
int book_set_label(struct book *book, int64_t script_id, const char *label, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- what a person asks --- */

struct book_balance {
    int64_t confirmed;  /* in blocks, and can be spent: not what a pending transaction spends */
    int64_t immature;   /* coinbase outputs with fewer than 100 blocks on top of theirs */
    int64_t pending;    /* outputs of pending transactions, change too, that none of them spends */
    int64_t watch_only; /* that part of the three above for which there are no keys here */
};

/* Reads one row and the pending transactions, whatever the number of those in blocks. */
int book_balance(struct book *book, struct book_balance *ret_balance, struct btc_error *err)
    BTC_MUST_CHECK;

/*
 * The lists below come in pages: start with *cursor = 0 and go on with what the call leaves there,
 * until that is 0. They fill ret_items[0..count_max) and *ret_count. What comes or goes between two
 * pages makes nothing else appear twice or not at all.
 */

/* A transaction that touched the book's coins. */
struct book_entry {
    struct btc_hash txid;
    int32_t height;
    uint32_t position; /* in its block */
    int64_t time_s;    /* its block's, seconds since 1970 */
    int64_t received;  /* to scripts of the book */
    int64_t sent;      /* from coins of the book */
    int64_t net;       /* received - sent */
    int64_t fee;       /* -1: not known, since not all of its inputs are the book's */
    bool is_coinbase;
    bool is_pending; /* not in a block: height, position 0; time_s: when it was first seen */
};

/* A cursor to start with at the newest entry that is in a block. */
#define BOOK_CURSOR_BLOCKS (((int64_t)INT32_MAX << 32) + 1)

/* Those that are not in a block first, then newest first. */
int book_list_entries(struct book *book, int64_t *cursor, struct book_entry *ret_items,
                      size_t count_max, size_t *ret_count, struct btc_error *err) BTC_MUST_CHECK;

/* A coin that is not spent, not even by a pending transaction. */
struct book_coin {
    struct btc_outpoint outpoint;
    int64_t amount;
    int32_t height; /* 0 when pending */
    bool is_coinbase;
    bool is_mature;
    bool is_pending; /* its transaction is not in a block */
    bool is_locked;  /* by hand: book_lock_coins() */
    bool is_held;    /* by a draft that is not sent */
    struct book_script script;
};

/* Pending ones first, then newest first. */
int book_list_coins(struct book *book, int64_t *cursor, struct book_coin *ret_items,
                    size_t count_max, size_t *ret_count, struct btc_error *err) BTC_MUST_CHECK;

/* Scripts that were given out, used or watched, oldest first. */
int book_list_scripts(struct book *book, int64_t *cursor, struct book_script *ret_items,
                      size_t count_max, size_t *ret_count, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Read the whole file and add everything up again: coins against the kept totals, history against
 * coins; own scripts against their keys. Takes time with the size of the book. BTC_ECORRUPT with
 * what differs.
 */
int book_check(struct book *book, struct btc_error *err) BTC_MUST_CHECK;

/* Write the file anew without its gaps; its size in bytes before and after. Killed in between, it is
 * what it was. BTC_ELIMIT: it is larger than BOOK_COMPACT_SIZE. */
int book_compact(struct book *book, int64_t *ret_before, int64_t *ret_after, struct btc_error *err)
    BTC_MUST_CHECK;

#endif
