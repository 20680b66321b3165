/* Block files and header files, item by item: see import.h and import_impl.h. */
#include "actors/node/import.h"

#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/block.h"
#include "actors/node/chain.h"
#include "actors/node/import_impl.h"

#define FRAME_SIZE     8 /* magic and length */
#define MAGIC_SIZE     4
#define GAP_CHUNK_SIZE 65536 /* how much of a run of zeros is read at once */

struct import {
    struct import_source source;
    struct import_file file; /* being read through */
    uint64_t offset;         /* in it */
    uint64_t passed;         /* bytes of the files before it */
    struct import_file back; /* the one that the last block that was put off lies in */
    struct import_waiting waiting;
    uint8_t *buffer; /* [owned] BTC_BLOCK_SIZE_MAX bytes */
};

int import_open(const char *path, const struct btc_params *params, struct import **ret_import,
                struct btc_error *err)
{
    struct import *import = calloc(1, sizeof(*import));
    if (import == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory");
    import->file.fd = -1;
    import->back.fd = -1;
    import->buffer = malloc(BTC_BLOCK_SIZE_MAX);
    int rc = import->buffer == NULL ? btc_fail(err, BTC_ENOMEM, "no memory")
                                    : import_source_open(&import->source, path, params, err);
    if (rc == 0)
        rc = import_file_open(&import->source, &import->file, 0, err);
    if (rc != 0) {
        import_close(import);
        return rc;
    }
    *ret_import = import;
    return 0;
}

void import_close(struct import *import)
{
    if (import == NULL)
        return;
    import_file_close(&import->file);
    import_file_close(&import->back);
    import_source_close(&import->source);
    import_waiting_free(&import->waiting);
    free(import->buffer);
    free(import);
}

void import_get_progress(const struct import *import, struct import_progress *ret_progress)
{
    *ret_progress = (struct import_progress){import->passed + import->offset, import->source.total};
}

/* ---- frames ---- */

/* Whose frame begins at this offset of the file; NULL: none. */
static int frame_owner(struct import *import, uint64_t offset, const struct btc_params **ret_owner,
                       struct btc_error *err)
{
    uint8_t magic[MAGIC_SIZE];
    *ret_owner = NULL;
    if (import->file.size - offset < sizeof(magic))
        return 0;
    int rc = import_file_read(&import->source, &import->file, offset, magic, sizeof(magic), err);
    if (rc == 0)
        *ret_owner = btc_params_by_magic(magic);
    return rc;
}

/* Step over the zeros here: Bitcoin Core extends its files in advance, and does not xor that. */
static int skip_zeros(struct import *import, struct btc_error *err)
{
    while (import->offset < import->file.size) {
        uint64_t left = import->file.size - import->offset;
        size_t size = left < GAP_CHUNK_SIZE ? (size_t)left : GAP_CHUNK_SIZE;
        size_t zeros = 0;
        int rc = import_file_read_raw(&import->file, import->offset, import->buffer, size, err);
        if (rc != 0)
            return rc;
        while (zeros < size && import->buffer[zeros] == 0)
            zeros++;
        import->offset += zeros;
        if (zeros < size)
            return 0;
    }
    return 0;
}

/* To the next frame of this file, if there is one. Xored, a frame may begin with zeros itself. */
static int find_frame(struct import *import, const struct btc_params **ret_owner,
                      struct btc_error *err)
{
    uint64_t begin = import->offset;
    int rc = frame_owner(import, begin, ret_owner, err);
    if (rc != 0 || *ret_owner != NULL)
        return rc;
    rc = skip_zeros(import, err);
    uint64_t end = import->offset;
    for (uint64_t back = 0;
         rc == 0 && *ret_owner == NULL && back < MAGIC_SIZE && end - begin >= back; back++) {
        rc = frame_owner(import, end - back, ret_owner, err);
        if (rc == 0 && *ret_owner != NULL)
            import->offset = end - back;
    }
    return rc;
}

static int cut_off(const struct import *import, const char *what, uint64_t wanted,
                   struct btc_error *err)
{
    return btc_fail(
        err, BTC_EFORMAT,
        "%s is cut off: the %s at offset %llu needs %llu bytes, the file has %llu; what "
        "is before it is kept",
        import->file.path, what, (unsigned long long)import->offset, (unsigned long long)wanted,
        (unsigned long long)(import->file.size - import->offset));
}

/* The size of the block whose frame is here. */
static int read_frame(struct import *import, const struct btc_params *owner, uint32_t *ret_size,
                      struct btc_error *err)
{
    uint64_t left = import->file.size - import->offset;
    uint8_t frame[FRAME_SIZE];
    if (left < FRAME_SIZE)
        return cut_off(import, "frame", FRAME_SIZE, err);
    if (owner == NULL)
        return btc_fail(err, BTC_EFORMAT,
                        "%s is damaged at offset %llu: no block begins there; what is before it is "
                        "kept",
                        import->file.path, (unsigned long long)import->offset);
    int rc = import_check_owner(&import->source, &import->file, owner, "blocks", err);
    if (rc == 0)
        rc = import_file_read(&import->source, &import->file, import->offset, frame, sizeof(frame),
                              err);
    if (rc != 0)
        return rc;
    struct btc_reader r = btc_reader_of(frame + MAGIC_SIZE, FRAME_SIZE - MAGIC_SIZE, err);
    rc = btc_read_u32(&r, "length", ret_size);
    if (rc != 0)
        return rc;
    if (*ret_size <= BTC_HEADER_SIZE || *ret_size > BTC_BLOCK_SIZE_MAX)
        return btc_fail(
            err, BTC_EFORMAT,
            "%s is damaged at offset %llu: a block of %u bytes can't be; what is before "
            "it is kept",
            import->file.path, (unsigned long long)import->offset, *ret_size);
    if (*ret_size > left - FRAME_SIZE)
        return cut_off(import, "block", FRAME_SIZE + (uint64_t)*ret_size, err);
    return 0;
}

/* All was read. */
static int end_of_blocks(struct import *import, struct btc_error *err)
{
    if (import->waiting.count == 0)
        return IMPORT_END;
    struct import_place first = import_waiting_first(&import->waiting);
    char text[BTC_HASH_HEX_SIZE];
    btc_hash_to_hex(&first.prev, text);
    return btc_fail(err, BTC_EORPHAN,
                    "%s: %u block%s not taken: the first, at offset %llu of its file %u, builds on "
                    "%s, which is not known; import the blocks before it first, or the headers",
                    import->source.path, import->waiting.count,
                    import->waiting.count == 1 ? " was" : "s were",
                    (unsigned long long)first.offset, first.file + 1, text);
}

static int next_block(struct import *import, struct import_item *ret_item, struct btc_error *err)
{
    const struct btc_params *owner = NULL;
    uint32_t size = 0;
    for (;;) {
        int rc = find_frame(import, &owner, err);
        if (rc != 0)
            return rc;
        if (import->offset < import->file.size)
            break;
        if (import->file.index + 1 == import->source.count)
            return end_of_blocks(import, err);
        import->passed += import->file.size;
        import->offset = 0;
        rc = import_file_open(&import->source, &import->file, import->file.index + 1, err);
        if (rc != 0)
            return rc;
    }
    int rc = read_frame(import, owner, &size, err);
    if (rc == 0)
        rc = import_file_read(&import->source, &import->file, import->offset + FRAME_SIZE,
                              import->buffer, size, err);
    if (rc != 0)
        return rc;
    *ret_item = (struct import_item){IMPORT_BLOCK, import->offset + FRAME_SIZE, import->buffer,
                                     size, import->file.index};
    import->offset += FRAME_SIZE + (uint64_t)size;
    return 0;
}

/* ---- blocks that are put off ---- */

static int read_place(struct import *import, const struct import_place *place,
                      struct import_item *ret_item, struct btc_error *err)
{
    int rc = import->back.fd >= 0 && import->back.index == place->file
                 ? 0
                 : import_file_open(&import->source, &import->back, place->file, err);
    if (rc == 0)
        rc = import_file_read(&import->source, &import->back, place->offset, import->buffer,
                              place->size, err);
    *ret_item = (struct import_item){IMPORT_BLOCK, place->offset, import->buffer, place->size,
                                     place->file};
    return rc;
}

int import_put_off(struct import *import, const struct import_item *item, struct btc_error *err)
{
    struct btc_header header;
    btc_header_parse(item->data, &header);
    struct import_place place = {.prev = header.prev,
                                 .offset = item->offset,
                                 .file = (uint32_t)item->file,
                                 .size = (uint32_t)item->size};
    return import_waiting_add(&import->waiting, &place, err);
}

int import_arrived(struct import *import, const struct import_item *item, struct btc_error *err)
{
    struct btc_hash hash;
    if (item->kind != IMPORT_BLOCK || import->waiting.count == 0)
        return 0;
    int rc = btc_sha256d(item->data, BTC_HEADER_SIZE, &hash);
    if (rc != 0)
        return btc_fail(err, rc, "the hash library failed");
    import_waiting_release(&import->waiting, &hash);
    return 0;
}

/* ---- items ---- */

static int next_headers(struct import *import, struct import_item *ret_item, struct btc_error *err)
{
    uint64_t left = import->file.size - import->offset;
    if (left == 0)
        return IMPORT_END;
    if (left < BTC_HEADER_SIZE)
        return cut_off(import, "header", BTC_HEADER_SIZE, err);
    uint64_t count = left / BTC_HEADER_SIZE;
    size_t size = BTC_HEADER_SIZE * (size_t)(count < CHAIN_HEADERS_MAX ? count : CHAIN_HEADERS_MAX);
    int rc = import_file_read(&import->source, &import->file, import->offset, import->buffer, size,
                              err);
    if (rc != 0)
        return rc;
    *ret_item = (struct import_item){IMPORT_HEADERS, import->offset, import->buffer, size, 0};
    import->offset += size;
    return 0;
}

int import_next(struct import *import, struct import_item *ret_item, struct btc_error *err)
{
    struct import_place place;
    if (import->source.kind == IMPORT_HEADERS)
        return next_headers(import, ret_item, err);
    return import_waiting_take(&import->waiting, &place) ? read_place(import, &place, ret_item, err)
                                                         : next_block(import, ret_item, err);
}
