/*
 * A book with coins in it, and payments from it, for tests of spending. Every call here fails the
 * running test when the book does.
 */
#ifndef TEST_SUPPORT_PURSE_H
#define TEST_SUPPORT_PURSE_H

#include "actors/wallet/book_spend.h"
#include "test/support/books.h"

#define PURSE_NOW_S 1700000000

/* For cmocka's setup and teardown: a new book on regtest, funded with these amounts. */
int purse_open(void **state, const int64_t *amounts, size_t count, struct blocks **ret_chain,
               struct book **ret_book);
int purse_close(void **state, struct blocks *chain, struct book *book);

/* One block with a coin of each amount, to scripts of BIP84 and BIP86 in turn, from nobody. */
void purse_fund(struct book *book, struct blocks *chain, const int64_t *amounts, size_t count);

/* A block with these transactions, as they are, and a coinbase for nobody; applied. */
void purse_mine(struct book *book, struct blocks *chain, const struct btc_span *txs, size_t count,
                uint32_t salt);

/* A transaction from nobody's coin `number` to a script, [owned] as data: free(). */
struct btc_span purse_payment(uint32_t number, const struct btc_script *script, int64_t amount);

struct book_draft_options purse_options(int64_t fee_rate);

/* The outcome of drafting one payment to somebody else's script. */
int purse_try(struct book *book, int64_t amount, const struct book_draft_options *options,
              struct book_draft *ret_draft, struct btc_error *err);
struct book_draft purse_draft(struct book *book, int64_t amount, int64_t fee_rate);

/* Sign and send; the bytes are [owned]: free() data. */
struct btc_span purse_send(struct book *book, int64_t draft_id);

/* That every input of a draft's transaction verifies, that what it spends less what it pays is the
 * draft's fee, and that its size is as said. */
void purse_check_signed(struct book *book, const struct book_draft *draft, struct btc_span data);

struct btc_hash purse_txid(struct btc_span data);
void purse_free(struct btc_span data);

#endif
