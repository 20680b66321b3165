/* Transactions: see tx.h. */
#include "actors/bitcoin/tx.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/tx_walk.h"

#define IN_SIZE_MIN       41 /* bytes: outpoint, empty script, sequence */
#define OUT_SIZE_MIN      9  /* bytes: amount, empty script */
#define SEGWIT_FLAG       1  /* BIP144 */
#define LOCK_TIME_IS_TIME 500000000u

static int walk_ins(struct btc_tx_walk *walk, size_t count)
{
    struct btc_reader *r = &walk->reader;
    for (size_t i = 0; i < count; i++) {
        struct btc_tx_in in = {0};
        if (btc_read_bytes(r, "outpoint's txid", BTC_HASH_SIZE, in.prev.txid.bytes) < 0 ||
            btc_read_u32(r, "outpoint's index", &in.prev.index) < 0 ||
            btc_read_var(r, "input script", &in.script_sig) < 0 ||
            btc_read_u32(r, "sequence", &in.sequence) < 0)
            return BTC_EFORMAT;
        if (walk->fill)
            walk->ins[walk->in_count] = in;
        walk->in_count++;
    }
    return 0;
}

static int walk_outs(struct btc_tx_walk *walk, size_t count)
{
    struct btc_reader *r = &walk->reader;
    for (size_t i = 0; i < count; i++) {
        struct btc_tx_out out;
        uint64_t amount;
        if (btc_read_u64(r, "amount", &amount) < 0 ||
            btc_read_var(r, "output script", &out.script) < 0)
            return BTC_EFORMAT;
        out.amount = (int64_t)amount;
        if (walk->fill)
            walk->outs[walk->out_count] = out;
        walk->out_count++;
    }
    return 0;
}

/* The witnesses of `count` inputs, the last ones walked. */
static int walk_witnesses(struct btc_tx_walk *walk, size_t count)
{
    struct btc_reader *r = &walk->reader;
    size_t start = r->offset;
    size_t first_item = walk->item_count;
    for (size_t i = 0; i < count; i++) {
        size_t items;
        if (btc_read_count(r, "witness item count", 1, &items) < 0)
            return BTC_EFORMAT;
        if (walk->fill && items > 0) {
            struct btc_tx_in *in = &walk->ins[walk->in_count - count + i];
            in->witness = &walk->items[walk->item_count];
            in->witness_count = items;
        }
        for (size_t j = 0; j < items; j++) {
            struct btc_span item;
            if (btc_read_var(r, "witness item", &item) < 0)
                return BTC_EFORMAT;
            if (walk->fill)
                walk->items[walk->item_count] = item;
            walk->item_count++;
        }
    }
    if (walk->item_count == first_item)
        return btc_fail(r->err, BTC_EFORMAT,
                        "witnesses at offset %zu are marked as present but all empty", start);
    return 0;
}

/* Ids and sizes of a transaction in reader.data[start..offset), whose inputs begin at `body`. */
static int describe(const struct btc_reader *r, size_t start, size_t body, size_t body_end,
                    struct btc_tx *tx)
{
    tx->raw = (struct btc_span){r->data + start, r->offset - start};
    tx->size = tx->raw.size;
    tx->base_size = 8 + (body_end - body);
    struct btc_span base[] = {
        {r->data + start, 4}, {r->data + body, body_end - body}, {r->data + r->offset - 4, 4}};
    int rc = btc_sha256d_spans(base, 3, &tx->txid);
    tx->wtxid = tx->txid;
    if (rc == 0 && tx->has_witness)
        rc = btc_sha256d(tx->raw.data, tx->raw.size, &tx->wtxid);
    if (rc != 0)
        return btc_fail(r->err, rc, "transaction at offset %zu: the hash library failed", start);
    return 0;
}

int btc_tx_walk(struct btc_tx_walk *walk, struct btc_tx *tx)
{
    struct btc_reader *r = &walk->reader;
    size_t start = r->offset;
    uint32_t version;
    uint32_t lock_time;
    if (btc_read_u32(r, "version", &version) < 0)
        return BTC_EFORMAT;
    bool has_witness = !walk->is_plain && btc_reader_left(r) > 1 && r->data[r->offset] == 0;
    if (has_witness) { /* no inputs: BIP144's marker, to be followed by its flag */
        if (r->data[r->offset + 1] != SEGWIT_FLAG)
            return btc_fail(r->err, BTC_EFORMAT, "transaction at offset %zu has no inputs", start);
        r->offset += 2;
    }

    size_t body = r->offset;
    size_t ins;
    size_t outs;
    if (btc_read_count(r, "input count", IN_SIZE_MIN, &ins) < 0)
        return BTC_EFORMAT;
    if (ins == 0 && !walk->is_plain)
        return btc_fail(r->err, BTC_EFORMAT, "transaction at offset %zu has no inputs", start);
    if (walk_ins(walk, ins) < 0 || btc_read_count(r, "output count", OUT_SIZE_MIN, &outs) < 0 ||
        walk_outs(walk, outs) < 0)
        return BTC_EFORMAT;
    size_t body_end = r->offset;
    if ((has_witness && walk_witnesses(walk, ins) < 0) ||
        btc_read_u32(r, "lock time", &lock_time) < 0)
        return BTC_EFORMAT;
    if (!walk->fill)
        return 0;

    *tx = (struct btc_tx){
        .version = (int32_t)version,
        .lock_time = lock_time,
        .in_count = ins,
        .out_count = outs,
        .ins = walk->ins + walk->in_count - ins,
        .outs = walk->outs + walk->out_count - outs,
        .has_witness = has_witness,
    };
    return describe(r, start, body, body_end, tx);
}

int btc_tx_walk_alloc(struct btc_tx_walk *walk, size_t offset, size_t extra, void **ret_arena)
{
    size_t ins = walk->in_count * sizeof(*walk->ins);
    size_t outs = walk->out_count * sizeof(*walk->outs);
    size_t items = walk->item_count * sizeof(*walk->items);
    uint8_t *arena = malloc(extra + ins + outs + items + 1);
    if (arena == NULL)
        return btc_fail(walk->reader.err, BTC_ENOMEM, "no memory for %zu bytes of transactions",
                        extra + ins + outs + items);
    /* All three types want the alignment of a pointer, and so do their sizes. */
    walk->ins = (struct btc_tx_in *)(void *)(arena + extra);
    walk->outs = (struct btc_tx_out *)(void *)(arena + extra + ins);
    walk->items = (struct btc_span *)(void *)(arena + extra + ins + outs);
    walk->in_count = walk->out_count = walk->item_count = 0;
    walk->fill = true;
    walk->reader.offset = offset;
    *ret_arena = arena;
    return 0;
}

static int parse(const void *data, size_t size, bool is_plain, struct btc_tx *ret_tx,
                 struct btc_error *err)
{
    if (size > BTC_TX_SIZE_MAX)
        return btc_fail(err, BTC_ELIMIT, "a transaction of %zu bytes is over the maximum of %d",
                        size, BTC_TX_SIZE_MAX);
    struct btc_tx_walk walk = {.reader = btc_reader_of(data, size, err), .is_plain = is_plain};
    struct btc_tx tx;
    void *arena;
    int rc = btc_tx_walk(&walk, &tx);
    if (rc == 0)
        rc = btc_read_end(&walk.reader, "the transaction");
    if (rc == 0)
        rc = btc_tx_walk_alloc(&walk, 0, 0, &arena);
    if (rc != 0)
        return rc;
    rc = btc_tx_walk(&walk, &tx);
    if (rc != 0) {
        free(arena);
        return rc;
    }
    tx.arena = arena;
    *ret_tx = tx;
    return 0;
}

int btc_tx_measure(const void *data, size_t size, size_t *ret_size, struct btc_error *err)
{
    struct btc_tx_walk walk = {.reader = btc_reader_of(data, size, err)};
    struct btc_tx tx;
    int rc = btc_tx_walk(&walk, &tx);
    if (rc == 0)
        *ret_size = walk.reader.offset;
    return rc;
}

int btc_tx_parse(const void *data, size_t size, struct btc_tx *ret_tx, struct btc_error *err)
{
    return parse(data, size, false, ret_tx, err);
}

int btc_tx_parse_plain(const void *data, size_t size, struct btc_tx *ret_tx, struct btc_error *err)
{
    return parse(data, size, true, ret_tx, err);
}

void btc_tx_free(struct btc_tx *tx)
{
    free(tx->arena);
    *tx = (struct btc_tx){0};
}

static bool any_witness(const struct btc_tx *tx)
{
    for (size_t i = 0; i < tx->in_count; i++)
        if (tx->ins[i].witness_count > 0)
            return true;
    return false;
}

void btc_tx_write(const struct btc_tx *tx, bool with_witness, struct btc_writer *w)
{
    bool witness = with_witness && any_witness(tx);
    btc_write_u32(w, (uint32_t)tx->version);
    if (witness)
        btc_write_bytes(w, (const uint8_t[]){0, SEGWIT_FLAG}, 2);
    btc_write_compact(w, tx->in_count);
    for (size_t i = 0; i < tx->in_count; i++) {
        const struct btc_tx_in *in = &tx->ins[i];
        btc_write_bytes(w, in->prev.txid.bytes, BTC_HASH_SIZE);
        btc_write_u32(w, in->prev.index);
        btc_write_var(w, in->script_sig.data, in->script_sig.size);
        btc_write_u32(w, in->sequence);
    }
    btc_write_compact(w, tx->out_count);
    for (size_t i = 0; i < tx->out_count; i++) {
        btc_write_u64(w, (uint64_t)tx->outs[i].amount);
        btc_write_var(w, tx->outs[i].script.data, tx->outs[i].script.size);
    }
    for (size_t i = 0; witness && i < tx->in_count; i++) {
        const struct btc_tx_in *in = &tx->ins[i];
        btc_write_compact(w, in->witness_count);
        for (size_t j = 0; j < in->witness_count; j++)
            btc_write_var(w, in->witness[j].data, in->witness[j].size);
    }
    btc_write_u32(w, tx->lock_time);
}

int btc_tx_seal(struct btc_tx *tx)
{
    struct btc_writer base;
    struct btc_writer full;
    struct btc_hash txid;
    struct btc_hash wtxid;
    btc_writer_init(&base, BTC_TX_SIZE_MAX);
    btc_writer_init(&full, BTC_TX_SIZE_MAX);
    btc_tx_write(tx, false, &base);
    btc_tx_write(tx, true, &full);
    int rc = base.failed != 0 ? base.failed : full.failed;
    if (rc == 0)
        rc = btc_sha256d(base.data, base.size, &txid);
    if (rc == 0)
        rc = btc_sha256d(full.data, full.size, &wtxid);
    if (rc == 0) {
        tx->txid = txid;
        tx->wtxid = wtxid;
        tx->base_size = base.size;
        tx->size = full.size;
        tx->has_witness = full.size > base.size;
    }
    btc_writer_free(&base);
    btc_writer_free(&full);
    return rc;
}

size_t btc_tx_weight(const struct btc_tx *tx)
{
    return 3 * tx->base_size + tx->size;
}

static bool outpoint_is_null(const struct btc_outpoint *outpoint)
{
    return outpoint->index == BTC_OUTPOINT_COINBASE_INDEX && btc_hash_is_zero(&outpoint->txid);
}

bool btc_tx_is_coinbase(const struct btc_tx *tx)
{
    return tx->in_count == 1 && outpoint_is_null(&tx->ins[0].prev);
}

static int compare_outpoints(const void *a, const void *b)
{
    const struct btc_outpoint *x = a;
    const struct btc_outpoint *y = b;
    int order = memcmp(x->txid.bytes, y->txid.bytes, BTC_HASH_SIZE);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* No two inputs of the same outpoint. Sorts a copy: a block of one huge transaction stays cheap. */
static int check_spends_once(const struct btc_tx *tx, struct btc_error *err)
{
    if (tx->in_count < 2)
        return 0;
    struct btc_outpoint *spent = malloc(tx->in_count * sizeof(*spent));
    if (spent == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for %zu outpoints", tx->in_count);
    for (size_t i = 0; i < tx->in_count; i++)
        spent[i] = tx->ins[i].prev;
    qsort(spent, tx->in_count, sizeof(*spent), compare_outpoints);
    int rc = 0;
    for (size_t i = 1; rc == 0 && i < tx->in_count; i++) {
        if (!btc_outpoint_equal(&spent[i - 1], &spent[i]))
            continue;
        char txid[BTC_HASH_HEX_SIZE];
        btc_hash_to_hex(&spent[i].txid, txid);
        rc = btc_fail(err, BTC_EINVALID, "spends output %u of %s twice", spent[i].index, txid);
    }
    free(spent);
    return rc;
}

static int check_amounts(const struct btc_tx *tx, struct btc_error *err)
{
    int64_t total = 0;
    for (size_t i = 0; i < tx->out_count; i++) {
        int64_t amount = tx->outs[i].amount;
        if (amount < 0 || amount > BTC_MONEY_MAX)
            return btc_fail(err, BTC_EINVALID, "output %zu: %lld satoshi is not an amount", i,
                            (long long)amount);
        total += amount;
        if (total > BTC_MONEY_MAX)
            return btc_fail(err, BTC_EINVALID, "outputs add up to more than can exist");
    }
    return 0;
}

int btc_tx_check(const struct btc_tx *tx, struct btc_error *err)
{
    if (tx->in_count == 0 || tx->out_count == 0)
        return btc_fail(err, BTC_EINVALID, "no %s", tx->in_count == 0 ? "inputs" : "outputs");
    if (tx->base_size > BTC_TX_SIZE_MAX / 4)
        return btc_fail(err, BTC_EINVALID, "%zu bytes without witnesses are too many",
                        tx->base_size);
    int rc = check_amounts(tx, err);
    if (rc != 0)
        return rc;
    if (btc_tx_is_coinbase(tx)) {
        size_t size = tx->ins[0].script_sig.size;
        if (size < 2 || size > 100)
            return btc_fail(err, BTC_EINVALID, "coinbase script of %zu bytes, not 2 to 100", size);
        return 0;
    }
    for (size_t i = 0; i < tx->in_count; i++)
        if (outpoint_is_null(&tx->ins[i].prev))
            return btc_fail(err, BTC_EINVALID, "input %zu spends no output", i);
    return check_spends_once(tx, err);
}

bool btc_tx_is_final(const struct btc_tx *tx, int32_t height, int64_t time_s)
{
    if (tx->lock_time == 0)
        return true;
    int64_t now = tx->lock_time < LOCK_TIME_IS_TIME ? height : time_s;
    if (tx->lock_time < now)
        return true;
    for (size_t i = 0; i < tx->in_count; i++)
        if (tx->ins[i].sequence != BTC_SEQUENCE_FINAL)
            return false;
    return true;
}
