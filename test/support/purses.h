/* purses.h - node and wallets, the real actors, in one process on a folder of their own: for tests that
 * ask them as a program would. Every call here fails the running test when it goes wrong. */
#ifndef TEST_SUPPORT_PURSES_H
#define TEST_SUPPORT_PURSES_H

#include "bus/troupe_host.h"
#include "interfaces/node.h"
#include "interfaces/wallet.h"
#include "interfaces/wallets.h"

struct purses {
    char folder[64];
    struct troupe *troupe;
    struct troupe_ref node;
    struct troupe_ref wallets;
};

/* For cmocka's setup and teardown: *state is a struct purses, on regtest. */
int purses_open(void **state);
int purses_close(void **state);
/* Ends all actors and begins them again on the same folder. */
void purses_restart(struct purses *purses);

struct troupe_ref purses_create(struct purses *purses, const char *name, const char *passphrase);
struct troupe_ref purses_get(struct purses *purses, const char *name);

/* Mines to a new address of the wallet, and waits until it has the blocks. */
void purses_mine(struct purses *purses, struct troupe_ref wallet, uint32_t count);
/* Until it is level with the node. */
void purses_wait_level(struct purses *purses, struct troupe_ref wallet);
struct wallet_balance purses_balance(struct purses *purses, struct troupe_ref wallet);
/* A new address of that kind, with its NUL. */
void purses_address(struct purses *purses, struct troupe_ref wallet, enum wallet_address_kind kind,
                    char ret_text[WALLET_ADDRESS_TEXT_BYTES_MAX + 1]);

/* ---- spending ---- */

struct purses_payee {
    const char *address;
    int64_t amount_sat;
};
/* 0, or what drafting answered. The results own nothing. */
int purses_draft(struct purses *purses, struct troupe_ref wallet, const struct purses_payee *payees,
                 size_t count, uint64_t rate_sat, struct wallet_draft *ret_draft);
int purses_send(struct purses *purses, struct troupe_ref wallet, int64_t id,
                struct wallet_draft *ret_draft);
/* Until the wallet has so much confirmed, immature apart, and so much pending. */
void purses_await(struct purses *purses, struct troupe_ref wallet, int64_t confirmed_sat,
                  int64_t pending_sat);
/* Gives the blocks of one node's active chain above `height` to another node. */
void purses_feed(struct purses *from, struct purses *to, uint32_t height);

/* ---- one who pays another ---- */

#define COIN_SAT  INT64_C(100000000)
#define MINED_SAT (50 * COIN_SAT) /* by one block */
#define RATE_SAT  5000

/* Who pays has one coin that can be spent. */
struct scene {
    struct purses *purses;
    struct troupe_ref payer;
    struct troupe_ref payee;
    char keyhash[WALLET_ADDRESS_TEXT_BYTES_MAX + 1]; /* addresses of the payee */
    char taproot[WALLET_ADDRESS_TEXT_BYTES_MAX + 1];
};
/* `state` is that of purses_open. */
struct scene scene_begin(void **state);
/* Pays one coin to one address and half of one to the other. */
struct wallet_draft scene_pay(struct scene *scene);

#endif
