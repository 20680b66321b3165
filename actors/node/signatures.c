/* The signatures of a block, once all coins that it spends are known: see engine.h. */
#include "actors/node/engine.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "actors/bitcoin/sig.h"

/* An input of the block, the coinbase's not counted. */
struct place {
    size_t tx;
    size_t in;
};

/* A block under check. Pieces of work change the counts, and each its own transaction's. */
struct check {
    const struct btc_block *block;
    const struct btc_tx_out *coins;
    unsigned flags;
    size_t in_count;
    struct place *places;           /* of each coin */
    size_t *first;                  /* per transaction: which coin is its first */
    struct btc_spending *spendings; /* per transaction */
    atomic_size_t sigops;
    atomic_size_t checked;
    atomic_size_t outside;
};

static int open_check(struct check *c)
{
    const struct btc_block *block = c->block;
    for (size_t i = 1; i < block->tx_count; i++)
        c->in_count += block->txs[i].in_count;
    c->places = calloc(c->in_count + 1, sizeof(*c->places));
    c->first = calloc(block->tx_count, sizeof(*c->first));
    c->spendings = calloc(block->tx_count, sizeof(*c->spendings));
    if (c->places == NULL || c->first == NULL || c->spendings == NULL)
        return BTC_ENOMEM;
    size_t count = 0;
    for (size_t i = 1; i < block->tx_count; i++) {
        c->first[i] = count;
        for (size_t j = 0; j < block->txs[i].in_count; j++)
            c->places[count++] = (struct place){i, j};
    }
    return 0;
}

static void close_check(struct check *c)
{
    free(c->spendings);
    free(c->first);
    free(c->places);
}

static int prepare_tx(void *user, size_t index, struct btc_error *err)
{
    struct check *c = user;
    const struct btc_tx *tx = &c->block->txs[index];
    const struct btc_tx_out *coins = &c->coins[c->first[index]];
    atomic_fetch_add(&c->sigops, btc_tx_sigops_cost(tx, coins, c->flags));
    int rc = index == 0 ? 0 : btc_spending_prepare(tx, coins, &c->spendings[index]);
    return rc == 0 ? 0
                   : btc_fail(err, rc,
                              "transaction %zu: the hashes for its signatures could not be "
                              "computed: %s",
                              index, btc_code_text(rc));
}

static int check_input(void *user, size_t index, struct btc_error *err)
{
    struct check *c = user;
    struct place at = c->places[index];
    int rc = btc_verify_input(&c->spendings[at.tx], at.in, c->flags, err);
    if (rc < 0)
        return btc_fail_within(err, rc, "transaction %zu: input %zu: ", at.tx, at.in);
    atomic_fetch_add(rc == BTC_OUTSIDE_TEMPLATES ? &c->outside : &c->checked, 1);
    return 0;
}

int chain_check_inputs(struct crew *crew, const struct btc_block *block,
                       const struct btc_tx_out *coins, unsigned flags,
                       struct block_inputs *ret_inputs, struct btc_error *err)
{
    struct check c = {.block = block, .coins = coins, .flags = flags};
    int rc = open_check(&c);
    if (rc != 0)
        rc = btc_fail(err, rc, "no memory for the block's inputs");
    if (rc == 0)
        rc = crew_run(crew, block->tx_count, prepare_tx, &c, err);
    if (rc == 0 && c.sigops > CHAIN_SIGOPS_COST_MAX)
        rc = btc_fail(err, BTC_EINVALID, "its signature operations cost %zu, over %d",
                      (size_t)c.sigops, CHAIN_SIGOPS_COST_MAX);
    if (rc == 0)
        rc = crew_run(crew, c.in_count, check_input, &c, err);
    if (rc == 0)
        *ret_inputs = (struct block_inputs){
            .sigops_cost = c.sigops, .checked = (int64_t)c.checked, .outside = (int64_t)c.outside};
    close_check(&c);
    return rc;
}
