/*
 * The spending side of the book: its keys and their passphrase, transactions that are not in a
 * block yet, drafts that become payments, PSBTs, descriptors, copies of the file. See book.h for
 * what is common to all calls; nothing here asks a node or waits for anything but the disk (and,
 * where it says so, for the key derivation: about 0.1 s).
 *
 * The life of a payment:
 *
 *      book_draft, book_bump_fee
 *             |                     book_sign_draft
 *             v                     book_psbt_finalise             book_send_draft
 *      BOOK_DRAFTED --------------------------------> BOOK_SIGNED -----------------> BOOK_SENT
 *             |                                             |                          |
 *             +------- book_drop_draft: its row goes -------+    book_drop_pending,    |
 *                                                                a block's conflict    v
 *                                                                          BOOK_GAVE_WAY
 *
 * Paying cannot happen twice: a draft is one transaction for good (its inputs, and so its id, are
 * fixed when it is drafted), its signed bytes are stored before anyone sees them, and
 * book_send_draft() has its coins taken on the disk before it gives the bytes out. So: call it,
 * then give the bytes to the node; whenever the outcome is not known (an error, a crash, a restart:
 * book_list_unconfirmed()), do both again. The network holds one transaction, however often it
 * comes.
 */
#ifndef ACTORS_WALLET_BOOK_SPEND_H
#define ACTORS_WALLET_BOOK_SPEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/bitcoin/bytes.h"
#include "actors/wallet/book.h"

#define BOOK_PASSPHRASE_SIZE 1025     /* bytes of the longest passphrase, with the NUL */
#define BOOK_PENDING_MAX     5000     /* transactions of others that are kept as pending */
#define BOOK_DRAFTS_MAX      1000     /* drafts that were not sent */
#define BOOK_OUTPUTS_MAX     1000     /* payees of a draft */
#define BOOK_INPUTS_MAX      1000     /* coins that a draft spends */
#define BOOK_DESCRIPTORS_MAX 64       /* watch-only ones */
#define BOOK_DESCRIPTOR_SIZE 1025     /* bytes of the longest descriptor, with the NUL */
#define BOOK_DRAFT_HOLD_S    600      /* how long a draft keeps its coins from other drafts */
#define BOOK_FEE_RATE_MAX    10000000 /* satoshi per 1,000 vbytes: 10,000 sat/vB */
#define BOOK_FEE_RATE_MIN    100      /* 0.1 sat/vB; what nodes relay is for them to say */
#define BOOK_FEE_MAX         (BTC_COIN / 10) /* of one transaction, unless options say otherwise */

/* --- keys and passphrase --- */

/*
 * A book made without a passphrase has its entropy in the file as it is, guarded by the file's mode
 * only, and is never locked. With one, only the passphrase (scrypt, then AES-256-GCM) gives it
 * back; a book is opened locked. Addresses, coins and drafts need no secret: locked are
 * book_sentence(), book_sign_draft(), book_psbt_sign(), book_secret_of(), which then give
 * BOOK_LOCKED.
 */
struct book_lock_state {
    bool is_encrypted;
    bool is_locked; /* always false without encryption */
};

int book_lock_state(struct book *book, struct book_lock_state *ret_state, struct btc_error *err)
    BTC_MUST_CHECK;

/* Hold the secret in locked memory until book_lock() or book_close(). 0 also when it was unlocked
 * already or is not encrypted; BOOK_WRONG: not the passphrase (the same time is spent);
 * BTC_ECORRUPT also when the file's accounts are not of its keys. */
int book_unlock(struct book *book, const char *passphrase, struct btc_error *err) BTC_MUST_CHECK;

/* Wipe it. Harmless when locked or not encrypted. */
void book_lock(struct book *book);

/*
 * Another passphrase, the first one (old_passphrase NULL), or none any more (new_passphrase NULL).
 * All or nothing, on the disk when it returns; the file and its log hold no trace of the former
 * form, and a copy without a name that is being made of it fails. Locks the book if it is then
 * encrypted. BOOK_WRONG as above; BTC_EUSAGE for an empty new
 * one, or an old one for a book without; BTC_ELIMIT for one that is too long.
 */
int book_change_passphrase(struct book *book, const char *old_passphrase,
                           const char *new_passphrase, struct btc_error *err) BTC_MUST_CHECK;

/* The secret key of one of the book's own scripts, for signing a message. The caller wipes it.
 * BOOK_NONE: the script is not its own; BOOK_LOCKED. */
int book_secret_of(struct book *book, struct btc_span script, uint8_t ret_secret[BTC_SECRET_SIZE],
                   struct btc_error *err) BTC_MUST_CHECK;

/* --- not in a block yet --- */

enum book_drop {
    BOOK_DROP_REPLACED = 1,  /* by another one that pays more */
    BOOK_DROP_CONFLICT = 2,  /* a block spent its coins */
    BOOK_DROP_EVICTED = 3,   /* the node let it go; it may still be mined */
    BOOK_DROP_ABANDONED = 4, /* it is given up: no node has it */
};

/*
 * Take in a transaction that the node's pool has: data[0..size) its bytes [borrowed]. What it
 * spends counts as spent, what it pays to the book as pending. Pending ones that spend a coin of it
 * give way, with their descendants: the pool knows better. BOOK_KNOWN: it is in a block, or pending
 * already and pays nothing to what is watched since then; BOOK_NONE: it has nothing of the book's.
 * BTC_EFORMAT, BTC_EINVALID for bytes that are no transaction, BTC_ELIMIT: BOOK_PENDING_MAX are
 * there.
 */
int book_add_pending(struct book *book, const void *data, size_t size, int64_t time_s,
                     struct btc_error *err) BTC_MUST_CHECK;

/*
 * Those that are no longer pending without being in a block, by whatever was done to the book: each once,
 * the oldest first, at most `count_max` at a time. Returns how many.
 */
size_t book_take_gone(struct book *book, struct book_entry *ret_entries, size_t count_max);

/*
 * It is no longer pending, nor is what spends its outputs: its coins can be spent again, and a
 * draft of it is BOOK_GAVE_WAY. One of the book's own that was only BOOK_DROP_EVICTED stays, since
 * it may still be mined: give it to the node again. What a draft that is BOOK_DROP_ABANDONED was to
 * replace is pending again; what built on that, once the pool shows it. BOOK_NONE: not pending.
 */
int book_drop_pending(struct book *book, const struct btc_hash *txid, enum book_drop why,
                      struct btc_error *err) BTC_MUST_CHECK;

/* Is it an own payment that no block can have, since a coin that it spends went with its block? It does
 * not count, and nothing is paid from it, but it is kept, as the block may come back. BOOK_NONE: no. */
int book_pending_is_lost(struct book *book, const struct btc_hash *txid, struct btc_error *err)
    BTC_MUST_CHECK;

/* The book's scripts that a pending transaction pays to, one for each output, by pages as in book.h. */
int book_list_pending_scripts(struct book *book, const struct btc_hash *txid, int64_t *cursor,
                              struct book_script *ret_items, size_t count_max, size_t *ret_count,
                              struct btc_error *err) BTC_MUST_CHECK;

/* The book's own payments that no block has yet, oldest first (parents before children): what the
 * node is to be given again after a restart. By pages as in book.h. */
int book_list_unconfirmed(struct book *book, int64_t *cursor, struct btc_hash *ret_txids,
                          size_t count_max, size_t *ret_count, struct btc_error *err)
    BTC_MUST_CHECK;

/* Everything about one transaction. */
struct book_tx {
    struct book_entry entry;
    int64_t draft_id;         /* of the draft that it was, or 0 */
    struct btc_hash replaces; /* the one whose fee it bumps, or zero */
    uint8_t *data;            /* [owned] its bytes: free(); NULL when not kept: ask the node */
    size_t size;
};

/* BOOK_NONE: not in the book. */
int book_get_tx(struct book *book, const struct btc_hash *txid, struct book_tx *ret_tx,
                struct btc_error *err) BTC_MUST_CHECK;

/* --- coins locked by hand --- */

/* Keep coins out of drafts that do not name them, or let them in again. Stays over restarts; a coin
 * need not be known. */
int book_lock_coins(struct book *book, const struct btc_outpoint *coins, size_t count,
                    bool is_locked, struct btc_error *err) BTC_MUST_CHECK;

/* --- drafts --- */

struct book_output {
    struct btc_span script; /* [borrowed] */
    int64_t amount;         /* ignored with takes_rest */
    bool pays_fee;   /* the fee is taken off this amount; shared evenly when there are more */
    bool takes_rest; /* all that is left: no change. One output at most */
};

struct book_draft_options {
    int64_t fee_rate;                 /* satoshi per 1,000 vbytes */
    int64_t fee_max;                  /* 0: BOOK_FEE_MAX */
    const struct btc_outpoint *coins; /* [borrowed] spend exactly these, locked or not; or NULL */
    size_t coin_count;
    enum btc_script_kind change; /* BTC_SCRIPT_P2WPKH, BTC_SCRIPT_P2TR; BTC_SCRIPT_OTHER: as the
                                    payees' */
    bool is_final;               /* not replaceable (BIP125) */
    bool has_lock_time;          /* lock time at the book's height against fee sniping */
    int64_t now_s;               /* seconds since 1970 */
};

enum book_draft_state {
    BOOK_DRAFTED = 0,
    BOOK_SIGNED = 1,
    BOOK_SENT = 2,     /* pending or in a block: book_get_tx() */
    BOOK_GAVE_WAY = 3, /* sent, and then replaced, conflicted or abandoned */
};

struct book_draft {
    int64_t id; /* never used twice */
    enum book_draft_state state;
    struct btc_hash txid;
    struct btc_hash replaces; /* zero: none */
    int64_t paid;             /* to the outputs asked for */
    int64_t fee;
    int64_t change;       /* 0: no change */
    int32_t change_index; /* -1: no change */
    uint32_t vsize;       /* vbytes, once signed: at most */
    uint32_t input_count;
    uint32_t output_count;
    int64_t made_s;
    bool is_given_out; /* as a PSBT: others may have sent it, whatever the node says */
    /* Of book_make_draft() with takes_rest only: coins that could be spent, and that it leaves, since
     * one transaction does not take more, or they cost more than they are worth. */
    uint32_t left_count;
    int64_t left;
};

/*
 * Choose coins for these outputs and store the transaction. Coins: confirmed and mature ones, or
 * unconfirmed change of own payments, whose keys are here and that are neither locked nor held by
 * another draft (one not yet sent, younger than BOOK_DRAFT_HOLD_S: so that a draft which is never
 * sent blocks its coins for a while only). BOOK_SHORT: not enough (err says how much there is, and
 * what could be freed). BTC_EUSAGE: dust, a fee rate or fee out of bounds, a coin that cannot be
 * spent (err says which and what to do); BTC_ELIMIT: too many outputs, inputs or drafts.
 */
int book_make_draft(struct book *book, const struct book_output *outputs, size_t count,
                    const struct book_draft_options *options, struct book_draft *ret_draft,
                    struct btc_error *err) BTC_MUST_CHECK;

/*
 * A draft that replaces an unconfirmed payment of the book's own (BIP125) with the same outputs and
 * a higher fee, from its change or further coins. *options: fee_rate, fee_max, now_s; if less than
 * it takes to replace it, that much is paid. BOOK_NONE: not such a payment (err: why); BTC_EUSAGE:
 * it is final, or the fee is more than fee_max; BOOK_SHORT as above.
 */
int book_bump_fee(struct book *book, const struct btc_hash *txid,
                  const struct book_draft_options *options, struct book_draft *ret_draft,
                  struct btc_error *err) BTC_MUST_CHECK;

/* BOOK_NONE: no such draft. */
int book_get_draft(struct book *book, int64_t id, struct book_draft *ret_draft,
                   struct btc_error *err) BTC_MUST_CHECK;

/* Those that were not sent, or all, newest first, by pages as in book.h. */
int book_list_drafts(struct book *book, bool with_sent, int64_t *cursor,
                     struct book_draft *ret_items, size_t count_max, size_t *ret_count,
                     struct btc_error *err) BTC_MUST_CHECK;

/* Until when it keeps its coins from other drafts; 0: it does not. */
int64_t book_draft_holds_until(const struct book_draft *draft, int64_t now_s);

/* Forget one that was not sent: its coins can be spent again. BTC_EUSAGE: it was, or it was given out
 * signed and no block has spent a coin of it, so that it may still pay (err: what to do);
 * BOOK_NONE. */
int book_drop_draft(struct book *book, int64_t id, struct btc_error *err) BTC_MUST_CHECK;

/*
 * Sign it, or give what was signed before: the same bytes each time. *ret_data [owned]: free().
 * BOOK_NONE, BOOK_LOCKED; BOOK_CONFLICT: its coins are spent by another transaction.
 */
int book_sign_draft(struct book *book, int64_t id, uint8_t **ret_data, size_t *ret_size,
                    struct btc_error *err) BTC_MUST_CHECK;

/*
 * Mark a signed draft as sent, durably, and give its bytes to submit, [owned]: free(). One that was
 * sent before gives the same bytes and BOOK_KNOWN (with outputs filled). What it replaces gives
 * way. BOOK_NONE; BTC_EUSAGE: not signed yet; BOOK_CONFLICT: its coins are spent by another
 * transaction, it gave way, or what it replaces is no longer pending: make a new draft.
 */
int book_send_draft(struct book *book, int64_t id, int64_t now_s, uint8_t **ret_data,
                    size_t *ret_size, struct btc_error *err) BTC_MUST_CHECK;

/* --- PSBT (BIP174, BIP371) --- all results [owned]: free() */

/* The draft as a PSBT, with the coins it spends and where its keys lie. BOOK_NONE. */
int book_psbt_create(struct book *book, int64_t draft_id, uint8_t **ret_data, size_t *ret_size,
                     struct btc_error *err) BTC_MUST_CHECK;

/*
 * Sign the inputs whose keys are here; *ret_signed is how many newly were. BTC_EFORMAT: no PSBT;
 * BTC_EINVALID: an input's amount cannot be told or is not what the book knows; BOOK_LOCKED.
 */
int book_psbt_sign(struct book *book, const void *data, size_t size, uint8_t **ret_data,
                   size_t *ret_size, size_t *ret_signed, struct btc_error *err) BTC_MUST_CHECK;

/*
 * The transaction, when all inputs are signed. If it is a draft of the book's, the draft is then
 * BOOK_SIGNED and *ret_draft_id (0 if not) is what to send. BTC_EINVALID: a signature is missing or
 * wrong.
 */
int book_psbt_finalise(struct book *book, const void *data, size_t size, uint8_t **ret_data,
                       size_t *ret_size, int64_t *ret_draft_id, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- descriptors --- */

/*
 * Watch the scripts of a descriptor; of a ranged one BOOK_GAP_LIMIT beyond the last that is used. A
 * text without "(" goes to book_watch(), whose outcomes these are. Private keys are refused
 * (BTC_EUSAGE), as are forms that descriptor.h does not know; BTC_ELIMIT: BOOK_DESCRIPTORS_MAX are
 * watched, or it is too long.
 */
int book_import(struct book *book, const char *text, const char *label, int32_t from_height,
                struct btc_error *err) BTC_MUST_CHECK;

/* One public descriptor, with origin and checksum. */
struct book_descriptor {
    char text[BOOK_DESCRIPTOR_SIZE];
    bool is_own;
    enum book_chain chain; /* of an own one */
};

/* The accounts' own (BIP84 and BIP86, receive and change) and then the imported ones, by pages as in
 * book.h. */
int book_list_descriptors(struct book *book, int64_t *cursor, struct book_descriptor *ret_items,
                          size_t count_max, size_t *ret_count, struct btc_error *err)
    BTC_MUST_CHECK;

/* --- backup --- */

struct book_backup;

/*
 * Begin a consistent copy of the file, keys (encrypted if they are) and all, in `path`, which must
 * not exist; NULL: in a nameless file of the book's folder, to be read with book_backup_read().
 * Restoring is putting it in an empty folder as BOOK_FILE_NAME. [owned] book_backup_end(), before
 * book_close().
 */
int book_backup_begin(struct book *book, const char *path, struct book_backup **ret_backup,
                      struct btc_error *err) BTC_MUST_CHECK;

/* Copy up to `pages` more; *ret_left of *ret_total are left, 0: it is complete and on the disk. The
 * book may be used and changed between the steps: the copy follows. */
int book_backup_step(struct book_backup *backup, int pages, int *ret_left, int *ret_total,
                     struct btc_error *err) BTC_MUST_CHECK;

/* Up to size_max bytes of a complete one from `offset`; *ret_size 0 at its end. */
int book_backup_read(struct book_backup *backup, int64_t offset, void *ret_bytes, size_t size_max,
                     size_t *ret_size, struct btc_error *err) BTC_MUST_CHECK;

/* NULL is harmless; one that is not complete is removed. */
void book_backup_end(struct book_backup *backup);

#endif
