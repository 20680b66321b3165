/* Signature hashes: see sig.h. */
#include "actors/bitcoin/sig.h"

#include <stdlib.h>

#define PREIMAGE_SIZE_MAX (2 * BTC_TX_SIZE_MAX)
#define TYPE_MASK         0x1f

static int hash_written(struct btc_writer *w, struct btc_hash *ret_hash)
{
    int rc = w->failed;
    if (rc == 0)
        rc = btc_sha256d(w->data, w->size, ret_hash);
    btc_writer_free(w);
    return rc;
}

static void write_outpoint(struct btc_writer *w, const struct btc_outpoint *outpoint)
{
    btc_write_bytes(w, outpoint->txid.bytes, BTC_HASH_SIZE);
    btc_write_u32(w, outpoint->index);
}

static void write_out(struct btc_writer *w, const struct btc_tx_out *out)
{
    btc_write_u64(w, (uint64_t)out->amount);
    btc_write_var(w, out->script.data, out->script.size);
}

/* A script code as legacy hashes see it: without any OP_CODESEPARATOR. What can't be read as
 * opcodes stays. */
static void write_script_code(struct btc_writer *w, struct btc_span code)
{
    struct btc_writer kept;
    btc_writer_init(&kept, PREIMAGE_SIZE_MAX);
    while (code.size > 0) {
        struct btc_span at = code;
        struct btc_span data;
        if (btc_script_next_push(&code, &data) == BTC_EFORMAT) {
            bool cut_off = code.data[0] <= BTC_OP_PUSHDATA4;
            size_t size = cut_off ? code.size : 1;
            code.data += size;
            code.size -= size;
        }
        if (at.data[0] != BTC_OP_CODESEPARATOR)
            btc_write_bytes(&kept, at.data, at.size - code.size);
    }
    btc_write_var(w, kept.data, kept.size);
    if (kept.failed != 0 && w->failed == 0)
        w->failed = kept.failed;
    btc_writer_free(&kept);
}

static void write_legacy_ins(struct btc_writer *w, const struct btc_tx *tx, size_t index,
                             struct btc_span script_code, uint32_t hash_type)
{
    bool alone = (hash_type & BTC_SIGHASH_ANYONECANPAY) != 0;
    uint32_t base = hash_type & TYPE_MASK;
    btc_write_compact(w, alone ? 1 : tx->in_count);
    for (size_t i = 0; i < tx->in_count; i++) {
        bool own = i == index;
        if (alone && !own)
            continue;
        write_outpoint(w, &tx->ins[i].prev);
        if (own)
            write_script_code(w, script_code);
        else
            btc_write_compact(w, 0);
        bool open = !own && (base == BTC_SIGHASH_NONE || base == BTC_SIGHASH_SINGLE);
        btc_write_u32(w, open ? 0 : tx->ins[i].sequence);
    }
}

static void write_legacy_outs(struct btc_writer *w, const struct btc_tx *tx, size_t index,
                              uint32_t hash_type)
{
    static const struct btc_tx_out blank = {.amount = -1};
    uint32_t base = hash_type & TYPE_MASK;
    size_t count = tx->out_count;
    if (base == BTC_SIGHASH_NONE)
        count = 0;
    if (base == BTC_SIGHASH_SINGLE)
        count = index + 1;
    btc_write_compact(w, count);
    for (size_t i = 0; i < count; i++) {
        bool hidden = base == BTC_SIGHASH_SINGLE && i < index;
        write_out(w, hidden ? &blank : &tx->outs[i]);
    }
}

int btc_sighash_legacy(const struct btc_tx *tx, size_t index, struct btc_span script_code,
                       uint32_t hash_type, struct btc_hash *ret_hash)
{
    if (index >= tx->in_count)
        return BTC_EUSAGE;
    if ((hash_type & TYPE_MASK) == BTC_SIGHASH_SINGLE && index >= tx->out_count) {
        *ret_hash = (struct btc_hash){{1}};
        return 0;
    }
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_u32(&w, (uint32_t)tx->version);
    write_legacy_ins(&w, tx, index, script_code, hash_type);
    write_legacy_outs(&w, tx, index, hash_type);
    btc_write_u32(&w, tx->lock_time);
    btc_write_u32(&w, hash_type);
    return hash_written(&w, ret_hash);
}

/* ---- parts that all inputs share ---- */

static int sha_written(struct btc_writer *w, struct btc_hash *ret_hash)
{
    int rc = w->failed;
    if (rc == 0)
        rc = btc_sha256(w->data, w->size, ret_hash);
    btc_writer_free(w);
    return rc;
}

/* What BIP143 hashes twice and BIP341 once. */
static int hash_tx_parts(const struct btc_tx *tx, struct btc_bip341 *parts)
{
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    for (size_t i = 0; i < tx->in_count; i++)
        write_outpoint(&w, &tx->ins[i].prev);
    int rc = sha_written(&w, &parts->prevouts);
    for (size_t i = 0; rc == 0 && i < tx->in_count; i++)
        btc_write_u32(&w, tx->ins[i].sequence);
    if (rc == 0)
        rc = sha_written(&w, &parts->sequences);
    for (size_t i = 0; rc == 0 && i < tx->out_count; i++)
        write_out(&w, &tx->outs[i]);
    if (rc == 0)
        rc = sha_written(&w, &parts->outputs);
    return rc;
}

/* Scripts are hashed where they lie: together they may be a hundred times the transaction. */
static int hash_coin_scripts(const struct btc_tx *tx, const struct btc_tx_out *coins,
                             struct btc_hash *ret_hash)
{
    struct btc_span *spans = calloc(2 * tx->in_count + 1, sizeof(*spans));
    struct btc_writer sizes;
    btc_writer_init(&sizes, PREIMAGE_SIZE_MAX);
    for (size_t i = 0; i < tx->in_count; i++)
        btc_write_compact(&sizes, coins[i].script.size);
    int rc = spans == NULL ? BTC_ENOMEM : sizes.failed;
    const uint8_t *at = sizes.data;
    for (size_t i = 0; rc == 0 && i < tx->in_count; i++) {
        spans[2 * i] = (struct btc_span){at, btc_compact_size(coins[i].script.size)};
        spans[2 * i + 1] = coins[i].script;
        at += spans[2 * i].size;
    }
    if (rc == 0)
        rc = btc_sha256_spans(spans, 2 * tx->in_count, ret_hash);
    btc_writer_free(&sizes);
    free(spans);
    return rc;
}

static int hash_coins(const struct btc_tx *tx, const struct btc_tx_out *coins,
                      struct btc_bip341 *parts)
{
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    for (size_t i = 0; i < tx->in_count; i++)
        btc_write_u64(&w, (uint64_t)coins[i].amount);
    int rc = sha_written(&w, &parts->amounts);
    return rc != 0 ? rc : hash_coin_scripts(tx, coins, &parts->scripts);
}

static int hash_parts_again(const struct btc_bip341 *once, struct btc_bip143 *ret_parts)
{
    struct btc_bip143 parts;
    int rc = btc_sha256(once->prevouts.bytes, BTC_HASH_SIZE, &parts.prevouts);
    if (rc == 0)
        rc = btc_sha256(once->sequences.bytes, BTC_HASH_SIZE, &parts.sequences);
    if (rc == 0)
        rc = btc_sha256(once->outputs.bytes, BTC_HASH_SIZE, &parts.outputs);
    if (rc == 0)
        *ret_parts = parts;
    return rc;
}

int btc_bip143_prepare(const struct btc_tx *tx, struct btc_bip143 *ret_parts)
{
    struct btc_bip341 once;
    int rc = hash_tx_parts(tx, &once);
    return rc != 0 ? rc : hash_parts_again(&once, ret_parts);
}

int btc_spending_prepare(const struct btc_tx *tx, const struct btc_tx_out *coins,
                         struct btc_spending *ret_spending)
{
    struct btc_spending s = {.tx = tx, .coins = coins};
    for (size_t i = 0; i < tx->in_count && !s.taproot; i++)
        s.taproot = btc_script_classify(coins[i].script).kind == BTC_SCRIPT_P2TR;
    int rc = hash_tx_parts(tx, &s.bip341);
    if (rc == 0)
        rc = hash_parts_again(&s.bip341, &s.bip143);
    if (rc == 0 && s.taproot)
        rc = hash_coins(tx, coins, &s.bip341);
    if (rc == 0)
        *ret_spending = s;
    return rc;
}

/* ---- BIP143 ---- */

int btc_sighash_bip143(const struct btc_tx *tx, const struct btc_bip143 *parts, size_t index,
                       struct btc_span script_code, int64_t amount, uint32_t hash_type,
                       struct btc_hash *ret_hash)
{
    static const struct btc_hash zero;
    if (index >= tx->in_count)
        return BTC_EUSAGE;
    bool alone = (hash_type & BTC_SIGHASH_ANYONECANPAY) != 0;
    uint32_t base = hash_type & TYPE_MASK;
    bool all_outs = base != BTC_SIGHASH_NONE && base != BTC_SIGHASH_SINGLE;
    struct btc_writer w;
    struct btc_hash outputs = all_outs ? parts->outputs : zero;
    if (base == BTC_SIGHASH_SINGLE && index < tx->out_count) {
        btc_writer_init(&w, PREIMAGE_SIZE_MAX);
        write_out(&w, &tx->outs[index]);
        int rc = hash_written(&w, &outputs);
        if (rc != 0)
            return rc;
    }
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_u32(&w, (uint32_t)tx->version);
    btc_write_bytes(&w, (alone ? &zero : &parts->prevouts)->bytes, BTC_HASH_SIZE);
    btc_write_bytes(&w, (alone || !all_outs ? &zero : &parts->sequences)->bytes, BTC_HASH_SIZE);
    write_outpoint(&w, &tx->ins[index].prev);
    btc_write_var(&w, script_code.data, script_code.size);
    btc_write_u64(&w, (uint64_t)amount);
    btc_write_u32(&w, tx->ins[index].sequence);
    btc_write_bytes(&w, outputs.bytes, BTC_HASH_SIZE);
    btc_write_u32(&w, tx->lock_time);
    btc_write_u32(&w, hash_type);
    return hash_written(&w, ret_hash);
}

/* ---- BIP341 ---- */

static bool is_bip341_type(uint32_t hash_type)
{
    return hash_type <= BTC_SIGHASH_SINGLE ||
           (hash_type > BTC_SIGHASH_ANYONECANPAY &&
            hash_type <= (BTC_SIGHASH_ANYONECANPAY | BTC_SIGHASH_SINGLE));
}

static void write_hash(struct btc_writer *w, const struct btc_hash *hash)
{
    btc_write_bytes(w, hash->bytes, BTC_HASH_SIZE);
}

static void write_bip341_ins(struct btc_writer *w, const struct btc_spending *s)
{
    write_hash(w, &s->bip341.prevouts);
    write_hash(w, &s->bip341.amounts);
    write_hash(w, &s->bip341.scripts);
    write_hash(w, &s->bip341.sequences);
}

static void write_bip341_own(struct btc_writer *w, const struct btc_spending *s, size_t index,
                             bool alone)
{
    if (!alone) {
        btc_write_u32(w, (uint32_t)index);
        return;
    }
    write_outpoint(w, &s->tx->ins[index].prev);
    write_out(w, &s->coins[index]);
    btc_write_u32(w, s->tx->ins[index].sequence);
}

static int hash_annex(struct btc_span annex, struct btc_hash *ret_hash)
{
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_var(&w, annex.data, annex.size);
    return sha_written(&w, ret_hash);
}

static int hash_out(const struct btc_tx_out *out, struct btc_hash *ret_hash)
{
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    write_out(&w, out);
    return sha_written(&w, ret_hash);
}

int btc_sighash_bip341(const struct btc_spending *spending, size_t index, uint32_t hash_type,
                       struct btc_span annex, struct btc_hash *ret_hash)
{
    const struct btc_tx *tx = spending->tx;
    uint32_t base = hash_type & TYPE_MASK;
    bool alone = (hash_type & BTC_SIGHASH_ANYONECANPAY) != 0;
    if (index >= tx->in_count || !spending->taproot)
        return BTC_EUSAGE;
    if (!is_bip341_type(hash_type) || (base == BTC_SIGHASH_SINGLE && index >= tx->out_count))
        return BTC_EINVALID;
    struct btc_hash annex_hash;
    struct btc_hash out_hash;
    int rc = annex.size > 0 ? hash_annex(annex, &annex_hash) : 0;
    if (rc == 0 && base == BTC_SIGHASH_SINGLE)
        rc = hash_out(&tx->outs[index], &out_hash);
    if (rc != 0)
        return rc;
    struct btc_writer w;
    btc_writer_init(&w, PREIMAGE_SIZE_MAX);
    btc_write_u8(&w, 0); /* epoch */
    btc_write_u8(&w, (uint8_t)hash_type);
    btc_write_u32(&w, (uint32_t)tx->version);
    btc_write_u32(&w, tx->lock_time);
    if (!alone)
        write_bip341_ins(&w, spending);
    if (base != BTC_SIGHASH_NONE && base != BTC_SIGHASH_SINGLE)
        write_hash(&w, &spending->bip341.outputs);
    btc_write_u8(&w, annex.size > 0); /* spend type: extension 0 */
    write_bip341_own(&w, spending, index, alone);
    if (annex.size > 0)
        write_hash(&w, &annex_hash);
    if (base == BTC_SIGHASH_SINGLE)
        write_hash(&w, &out_hash);
    rc = w.failed != 0 ? w.failed : btc_tagged_hash("TapSighash", w.data, w.size, ret_hash);
    btc_writer_free(&w);
    return rc;
}
