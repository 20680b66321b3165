/* The lists of a PSBT, and reading and writing them: see psbt.h. */
#include "actors/bitcoin/psbt_impl.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/base64.h"

static const uint8_t magic[] = {'p', 's', 'b', 't', 0xff};

static const char *kind_name(enum psbt_kind kind)
{
    static const char *const names[] = {"global list", "input", "output"};
    return names[kind];
}

static int compare_spans(struct btc_span a, struct btc_span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_records(const void *a, const void *b)
{
    const struct psbt_record *x = a;
    const struct psbt_record *y = b;
    return compare_spans(x->key, y->key);
}

static size_t span_size(struct btc_span span)
{
    return btc_compact_size(span.size) + span.size;
}

struct psbt_list *psbt_list_of(struct btc_psbt *psbt, enum psbt_kind kind, size_t index)
{
    if (kind == PSBT_GLOBAL)
        return &psbt->global;
    if (kind == PSBT_IN)
        return index < psbt->tx.in_count ? &psbt->ins[index] : NULL;
    return index < psbt->tx.out_count ? &psbt->outs[index] : NULL;
}

/* The place of the first record whose key is not less. */
static size_t lower_bound(const struct psbt_list *list, struct btc_span key)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_spans(list->records[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct psbt_slice psbt_all(const struct psbt_list *list, uint8_t type)
{
    uint8_t next = (uint8_t)(type + 1);
    size_t first = lower_bound(list, (struct btc_span){&type, 1});
    size_t end = lower_bound(list, (struct btc_span){&next, 1});
    return (struct psbt_slice){list->records != NULL ? list->records + first : NULL, end - first};
}

bool psbt_find(const struct psbt_list *list, uint8_t type, struct btc_span *ret_value)
{
    struct psbt_slice found = psbt_all(list, type);
    if (found.count > 0)
        *ret_value = found.records[0].value;
    return found.count > 0;
}

bool psbt_contains(const struct psbt_list *list, struct btc_span key)
{
    size_t at = lower_bound(list, key);
    return at < list->count && compare_spans(list->records[at].key, key) == 0;
}

/* Room for one more record at the end. */
static int reserve(struct btc_psbt *psbt, struct psbt_list *list)
{
    if (psbt->record_count >= BTC_PSBT_RECORDS_MAX)
        return BTC_ELIMIT;
    if (list->count < list->capacity)
        return 0;
    size_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
    struct psbt_record *records = realloc(list->records, capacity * sizeof(*records));
    if (records == NULL)
        return BTC_ENOMEM;
    list->records = records;
    list->capacity = capacity;
    return 0;
}

/* A copy of a record for psbt, whose serialised size is `size` without it; *ret_size is with it. */
static int copy_record(size_t size, struct btc_span key, struct btc_span value,
                       struct psbt_record *ret_record, size_t *ret_size)
{
    if (key.size > BTC_PSBT_SIZE_MAX || value.size > BTC_PSBT_SIZE_MAX ||
        size + span_size(key) + span_size(value) > BTC_PSBT_SIZE_MAX)
        return BTC_ELIMIT;
    uint8_t *own = malloc(key.size + value.size + 1);
    if (own == NULL)
        return BTC_ENOMEM;
    memcpy(own, key.data, key.size);
    if (value.size > 0)
        memcpy(own + key.size, value.data, value.size);
    ret_record->own = own;
    ret_record->key = (struct btc_span){own, key.size};
    ret_record->value = (struct btc_span){own + key.size, value.size};
    *ret_size = size + span_size(key) + span_size(value);
    return 0;
}

int psbt_put(struct btc_psbt *psbt, struct psbt_list *list, struct btc_span key,
             struct btc_span value)
{
    size_t at = lower_bound(list, key);
    bool replaces = psbt_contains(list, key);
    size_t gone = replaces ? span_size(key) + span_size(list->records[at].value) : 0;
    struct psbt_record made;
    int rc = replaces ? 0 : reserve(psbt, list);
    if (rc == 0)
        rc = copy_record(psbt->size - gone, key, value, &made, &psbt->size);
    if (rc != 0)
        return rc;
    struct psbt_record *record = &list->records[at];
    if (replaces) {
        free(record->own);
    } else {
        memmove(record + 1, record, (list->count - at) * sizeof(*record));
        list->count++;
        psbt->record_count++;
    }
    *record = made;
    return 0;
}

int psbt_merge(struct btc_psbt *psbt, struct psbt_list *list, const struct psbt_list *from)
{
    const size_t before = list->count;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < from->count; i++) {
        const struct psbt_record *it = &from->records[i];
        const struct psbt_list ordered = {list->records, before, before};
        if (psbt_contains(&ordered, it->key))
            continue;
        rc = reserve(psbt, list);
        if (rc == 0)
            rc = copy_record(psbt->size, it->key, it->value, &list->records[list->count],
                             &psbt->size);
        if (rc == 0) {
            list->count++;
            psbt->record_count++;
        }
    }
    if (list->count > before)
        qsort(list->records, list->count, sizeof(*list->records), compare_records);
    return rc;
}

void psbt_drop(struct btc_psbt *psbt, struct psbt_list *list, uint8_t type)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct psbt_record *record = &list->records[i];
        if (record->key.data[0] != type) {
            list->records[kept++] = *record;
            continue;
        }
        psbt->size -= span_size(record->key) + span_size(record->value);
        psbt->record_count--;
        free(record->own);
    }
    list->count = kept;
}

static void free_list(struct psbt_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->records[i].own);
    free(list->records);
}

void btc_psbt_free(struct btc_psbt *psbt)
{
    if (psbt == NULL)
        return;
    free_list(&psbt->global);
    for (size_t i = 0; psbt->ins != NULL && i < psbt->tx.in_count; i++)
        free_list(&psbt->ins[i]);
    for (size_t i = 0; psbt->outs != NULL && i < psbt->tx.out_count; i++)
        free_list(&psbt->outs[i]);
    free(psbt->ins);
    free(psbt->outs);
    free(psbt->coin_states);
    free(psbt->coins);
    btc_tx_free(&psbt->tx);
    free(psbt->text);
    free(psbt);
}

/* "input 2: " in front of an error. */
static int fail_in(struct btc_error *err, int rc, enum psbt_kind kind, size_t index)
{
    if (kind == PSBT_GLOBAL)
        return btc_fail_within(err, rc, "PSBT, %s: ", kind_name(kind));
    return btc_fail_within(err, rc, "PSBT, %s %zu: ", kind_name(kind), index);
}

/* Order what was read; the same key twice is refused. */
static int order_list(const struct btc_psbt *psbt, struct psbt_list *list, struct btc_error *err)
{
    if (list->count == 0)
        return 0;
    qsort(list->records, list->count, sizeof(*list->records), compare_records);
    for (size_t i = 1; i < list->count; i++) {
        struct btc_span a = list->records[i - 1].key;
        struct btc_span b = list->records[i].key;
        if (compare_spans(a, b) == 0)
            return btc_fail(
                err, BTC_EFORMAT, "the key (type 0x%02x) at offset %zu is there twice, also at %zu",
                b.data[0], (size_t)(b.data - psbt->text), (size_t)(a.data - psbt->text));
    }
    return 0;
}

static int read_list(struct btc_psbt *psbt, struct btc_reader *r, enum psbt_kind kind,
                     struct psbt_list *list)
{
    for (;;) {
        struct psbt_record record = {{NULL, 0}, {NULL, 0}, NULL};
        size_t start = r->offset;
        if (btc_read_var(r, "key", &record.key) < 0)
            return BTC_EFORMAT;
        if (record.key.size == 0)
            return order_list(psbt, list, r->err);
        if (btc_read_var(r, "value", &record.value) < 0)
            return BTC_EFORMAT;
        int rc = psbt_check_record(kind, &record, r->err);
        if (rc != 0)
            return btc_fail_within(r->err, rc, "record at offset %zu: ", start);
        rc = reserve(psbt, list);
        if (rc != 0)
            return btc_fail(r->err, rc, "record at offset %zu: %s (at most %d)", start,
                            rc == BTC_ELIMIT ? "too many" : btc_code_text(rc),
                            BTC_PSBT_RECORDS_MAX);
        list->records[list->count++] = record;
        psbt->record_count++;
    }
}

/* The unsigned transaction, and lists for its inputs and outputs. */
static int take_tx(struct btc_psbt *psbt, struct btc_error *err)
{
    struct btc_span raw;
    struct btc_span version;
    if (psbt_find(&psbt->global, PSBT_GLOBAL_VERSION, &version) &&
        (version.data[0] | version.data[1] | version.data[2] | version.data[3]) != 0)
        return btc_fail(err, BTC_EFORMAT,
                        "PSBT: of version %u; only version 0 is known here: convert it first",
                        version.data[0]);
    if (!psbt_find(&psbt->global, PSBT_GLOBAL_TX, &raw))
        return btc_fail(err, BTC_EFORMAT, "PSBT: there is no unsigned transaction");
    int rc = btc_tx_parse_plain(raw.data, raw.size, &psbt->tx, err);
    if (rc != 0)
        return btc_fail_within(err, rc, "PSBT: unsigned transaction: ");
    for (size_t i = 0; i < psbt->tx.in_count; i++)
        if (psbt->tx.ins[i].script_sig.size > 0)
            return btc_fail(err, BTC_EFORMAT,
                            "PSBT: unsigned transaction: input %zu has a script already", i);
    psbt->ins = calloc(psbt->tx.in_count + 1, sizeof(*psbt->ins));
    psbt->outs = calloc(psbt->tx.out_count + 1, sizeof(*psbt->outs));
    psbt->coin_states = calloc(psbt->tx.in_count + 1, sizeof(*psbt->coin_states));
    psbt->coins = calloc(psbt->tx.in_count + 1, sizeof(*psbt->coins));
    if (!psbt->ins || !psbt->outs || !psbt->coin_states || !psbt->coins)
        return btc_fail(err, BTC_ENOMEM, "PSBT: no memory for its lists");
    return 0;
}

static int read_all(struct btc_psbt *psbt, struct btc_reader *r)
{
    uint8_t start[sizeof(magic)];
    if (btc_reader_left(r) < sizeof(magic) ||
        btc_read_bytes(r, "magic", sizeof(magic), start) < 0 ||
        memcmp(start, magic, sizeof(magic)) != 0)
        return btc_fail(r->err, BTC_EFORMAT,
                        "this is no PSBT: it does not start with \"psbt\" and 0xff");
    int rc = read_list(psbt, r, PSBT_GLOBAL, &psbt->global);
    if (rc != 0)
        return fail_in(r->err, rc, PSBT_GLOBAL, 0);
    rc = take_tx(psbt, r->err);
    for (size_t i = 0; rc == 0 && i < psbt->tx.in_count; i++) {
        rc = read_list(psbt, r, PSBT_IN, &psbt->ins[i]);
        if (rc == 0)
            rc = psbt_refresh_coin(psbt, i, r->err);
        if (rc != 0)
            return fail_in(r->err, rc, PSBT_IN, i);
    }
    for (size_t i = 0; rc == 0 && i < psbt->tx.out_count; i++) {
        rc = read_list(psbt, r, PSBT_OUT, &psbt->outs[i]);
        if (rc != 0)
            return fail_in(r->err, rc, PSBT_OUT, i);
    }
    return rc == 0 ? btc_read_end(r, "the PSBT") : rc;
}

int btc_psbt_parse(const void *data, size_t size, struct btc_psbt **ret_psbt, struct btc_error *err)
{
    if (size > BTC_PSBT_SIZE_MAX)
        return btc_fail(err, BTC_ELIMIT, "a PSBT of %zu bytes is over the maximum of %u", size,
                        BTC_PSBT_SIZE_MAX);
    struct btc_psbt *psbt = calloc(1, sizeof(*psbt));
    if (psbt != NULL)
        psbt->text = malloc(size + 1);
    if (psbt == NULL || psbt->text == NULL) {
        free(psbt);
        return btc_fail(err, BTC_ENOMEM, "no memory for a PSBT of %zu bytes", size);
    }
    if (size > 0)
        memcpy(psbt->text, data, size);
    psbt->size = size;
    struct btc_reader r = btc_reader_of(psbt->text, size, err);
    int rc = read_all(psbt, &r);
    if (rc != 0)
        btc_psbt_free(psbt);
    else
        *ret_psbt = psbt;
    return rc;
}

int btc_psbt_parse_base64(const char *text, size_t size, struct btc_psbt **ret_psbt,
                          struct btc_error *err)
{
    if (size > btc_base64_size(BTC_PSBT_SIZE_MAX))
        return btc_fail(err, BTC_ELIMIT, "a PSBT of %zu characters is over the maximum of %zu",
                        size, btc_base64_size(BTC_PSBT_SIZE_MAX));
    struct btc_writer w;
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    int rc = btc_base64_decode(text, size, &w, err);
    if (rc != 0)
        rc = btc_fail_within(err, rc, "PSBT: ");
    else
        rc = btc_psbt_parse(w.data, w.size, ret_psbt, err);
    btc_writer_free(&w);
    return rc;
}

int btc_psbt_create(const struct btc_tx *tx, struct btc_psbt **ret_psbt, struct btc_error *err)
{
    static const uint8_t key[] = {1, PSBT_GLOBAL_TX};
    struct btc_tx bare = *tx;
    struct btc_writer raw;
    struct btc_writer w;
    btc_writer_init(&raw, BTC_TX_SIZE_MAX);
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    bare.ins = calloc(tx->in_count + 1, sizeof(*bare.ins));
    if (bare.ins == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory for a PSBT");
    for (size_t i = 0; i < tx->in_count; i++) {
        bare.ins[i].prev = tx->ins[i].prev;
        bare.ins[i].sequence = tx->ins[i].sequence;
    }
    btc_tx_write(&bare, false, &raw);
    free(bare.ins);
    btc_write_bytes(&w, magic, sizeof(magic));
    btc_write_bytes(&w, key, sizeof(key));
    btc_write_var(&w, raw.data, raw.size);
    for (size_t i = 0; i < 1 + tx->in_count + tx->out_count; i++)
        btc_write_u8(&w, 0);
    int rc = raw.failed != 0 ? raw.failed : w.failed;
    if (rc != 0)
        rc = btc_fail(err, rc, "the transaction does not fit a PSBT: %s", btc_code_text(rc));
    else
        rc = btc_psbt_parse(w.data, w.size, ret_psbt, err);
    btc_writer_free(&raw);
    btc_writer_free(&w);
    return rc;
}

static void write_list(const struct psbt_list *list, struct btc_writer *w)
{
    for (size_t i = 0; i < list->count; i++) {
        btc_write_var(w, list->records[i].key.data, list->records[i].key.size);
        btc_write_var(w, list->records[i].value.data, list->records[i].value.size);
    }
    btc_write_u8(w, 0);
}

void btc_psbt_write(const struct btc_psbt *psbt, struct btc_writer *w)
{
    btc_write_bytes(w, magic, sizeof(magic));
    write_list(&psbt->global, w);
    for (size_t i = 0; i < psbt->tx.in_count; i++)
        write_list(&psbt->ins[i], w);
    for (size_t i = 0; i < psbt->tx.out_count; i++)
        write_list(&psbt->outs[i], w);
}

int btc_psbt_to_base64(const struct btc_psbt *psbt, char **ret_text)
{
    struct btc_writer w;
    btc_writer_init(&w, BTC_PSBT_SIZE_MAX);
    btc_psbt_write(psbt, &w);
    int rc = w.failed != 0 ? w.failed : btc_base64_encode(w.data, w.size, ret_text);
    btc_writer_free(&w);
    return rc;
}

const struct btc_tx *btc_psbt_tx(const struct btc_psbt *psbt)
{
    return &psbt->tx;
}
