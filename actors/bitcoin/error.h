/*
 * What went wrong, in words a person can act on.
 *
 * Every function of actors/bitcoin and of the node's chain engine that can fail returns 0 for
 * success or one of the negative codes below; positive values are a documented outcome of that one
 * function. Functions that take a `struct btc_error *err` also leave a sentence there: what was
 * wrong, where, what to do. `err` may be NULL. A function that succeeds leaves it alone.
 */
#ifndef ACTORS_BITCOIN_ERROR_H
#define ACTORS_BITCOIN_ERROR_H

#define BTC_ERROR_TEXT_SIZE 384 /* bytes, with the final NUL; longer sentences are cut */

enum btc_code {
    BTC_OK = 0,
    BTC_EFORMAT = -1,   /* bytes that do not parse: cut off, not canonical, trailing data */
    BTC_EINVALID = -2,  /* parses, but breaks a rule of the network */
    BTC_EORPHAN = -3,   /* the block or header it builds on is not known */
    BTC_ENETWORK = -4,  /* belongs to another network */
    BTC_ENOTFOUND = -5, /* no such block, transaction, coin, file or name */
    BTC_ELIMIT = -6,    /* over a named maximum */
    BTC_EUSAGE = -7, /* the caller asked for what cannot be (wrong network for it, bad argument) */
    BTC_EIO = -8,    /* the operating system refused: text says which file and why */
    BTC_EINUSE = -9, /* the data directory belongs to another process */
    BTC_ECORRUPT = -10, /* what the store gives back is not what was put there */
    BTC_ENOMEM = -11,   /* no memory */
    BTC_ECRYPTO = -12,  /* libcrypto or libsecp256k1 refused to work */
};

struct btc_error {
    int code; /* enum btc_code */
    char text[BTC_ERROR_TEXT_SIZE];
};

#define BTC_MUST_CHECK __attribute__((warn_unused_result))

/*
 * Fill `err` (when not NULL) with code and sentence and give the code back, so that a failure is
 * one line: `return btc_fail(err, BTC_EINVALID, "block %d: ...", height);`
 */
int btc_fail(struct btc_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Put words in front of the sentence already in `err`: "block 170: " before "input 0: ...". Returns
 * err's code. Does nothing but return `code` when err is NULL.
 */
int btc_fail_within(struct btc_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Why, for sentences about what is known by its code alone: "no memory". */
const char *btc_code_text(int code);

#endif
