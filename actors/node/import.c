/* Block files and header files: see import.h. */
#include "actors/node/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/bitcoin/block.h"
#include "actors/node/chain.h"

#define FRAME_SIZE     8 /* magic and length */
#define XOR_KEY_SIZE   8
#define GAP_CHUNK_SIZE 65536 /* how much of a run of zeros is read at once */

struct import {
    int fd;
    char *path; /* [owned] for error texts */
    const struct btc_params *params;
    enum import_kind kind;
    uint64_t offset;
    uint64_t size;
    uint8_t *buffer; /* [owned] BTC_BLOCK_SIZE_MAX bytes */
};

/* Exactly `size` bytes at `offset`; the caller has checked that the file had them when it was
 * opened. */
static int read_at(struct import *import, uint64_t offset, void *ret_data, size_t size,
                   struct btc_error *err)
{
    uint8_t *data = ret_data;
    while (size > 0) {
        ssize_t got = pread(import->fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return btc_fail(err, BTC_EIO, "%s: reading at offset %llu: %s", import->path,
                            (unsigned long long)offset, strerror(errno));
        if (got == 0)
            return btc_fail(err, BTC_EFORMAT, "%s became shorter while it was read", import->path);
        data += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

/* ---- what kind of file is it? ---- */

/*
 * Bitcoin Core can store blk*.dat xored with a random key of eight bytes. The key is in xor.dat
 * beside it; and where the first block is genesis, whose previous hash is zero, the key shows
 * through there.
 */
static bool is_xored(const struct import *import, const uint8_t *head, size_t size)
{
    uint8_t key[XOR_KEY_SIZE] = {0};
    char path[4096];
    const char *slash = strrchr(import->path, '/');
    int folder = slash != NULL ? (int)(slash - import->path + 1) : 0;
    snprintf(path, sizeof(path), "%.*sxor.dat", folder, import->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool have_key = fd >= 0 && read(fd, key, sizeof(key)) == (ssize_t)sizeof(key);
    if (fd >= 0)
        close(fd);
    if (!have_key && size >= 40 && memcmp(head + 16, head + 24, 8) == 0 &&
        memcmp(head + 16, head + 32, 8) == 0)
        memcpy(key, head + 16, sizeof(key));
    uint8_t magic[4];
    for (int i = 0; i < 4; i++)
        magic[i] = head[i] ^ key[i];
    return btc_params_by_magic(magic) != NULL;
}

static const struct btc_params *genesis_owner(const uint8_t *head)
{
    for (int i = 0; i < BTC_NETWORK_COUNT; i++) {
        const struct btc_params *params = btc_params_get((enum btc_network)i);
        uint8_t genesis[BTC_HEADER_SIZE];
        btc_header_write(&params->genesis, genesis);
        if (memcmp(head, genesis, sizeof(genesis)) == 0)
            return params;
    }
    return NULL;
}

static int check_owner(const struct import *import, const struct btc_params *owner,
                       const char *content, struct btc_error *err)
{
    if (owner == import->params)
        return 0;
    return btc_fail(err, BTC_ENETWORK, "%s holds %s of %s, not of %s; choose --network=%s",
                    import->path, content, owner->name, import->params->name, owner->name);
}

static int recognise(struct import *import, struct btc_error *err)
{
    uint8_t head[BTC_HEADER_SIZE];
    size_t size = import->size < sizeof(head) ? (size_t)import->size : sizeof(head);
    if (size == 0)
        return btc_fail(err, BTC_EFORMAT, "%s is empty", import->path);
    int rc = read_at(import, 0, head, size, err);
    if (rc != 0)
        return rc;
    const struct btc_params *owner = size >= 4 ? btc_params_by_magic(head) : NULL;
    if (owner != NULL) {
        import->kind = IMPORT_BLOCK;
        return check_owner(import, owner, "blocks", err);
    }
    owner = size == sizeof(head) ? genesis_owner(head) : NULL;
    if (owner != NULL) {
        import->kind = IMPORT_HEADERS;
        return check_owner(import, owner, "headers", err);
    }
    if (size >= 4 && is_xored(import, head, size))
        return btc_fail(
            err, BTC_EUSAGE,
            "%s is obfuscated with the key in its xor.dat, which can't be read yet; let "
            "Bitcoin Core write it with -blocksxor=0",
            import->path);
    char hex[2 * 4 + 1];
    btc_hex_encode(head, size < 4 ? size : 4, hex);
    return btc_fail(err, BTC_EFORMAT,
                    "%s is neither a block file nor a header file: it begins with %s, not with the "
                    "magic of a network or a genesis header",
                    import->path, hex);
}

/* Why it could not be opened, from errno. */
static int refuse_file(const struct import *import, struct btc_error *err)
{
    struct stat info;
    int reason = errno;
    if (reason == EACCES && stat(import->path, &info) == 0 && !S_ISREG(info.st_mode))
        return btc_fail(err, BTC_EIO, "%s is not a regular file", import->path);
    if (reason == EACCES && access(import->path, R_OK) == 0)
        return btc_fail(err, BTC_EIO,
                        "%s: the node's sandbox does not let it read this: name it when the "
                        "program starts (--import), or start that with --sandbox=off",
                        import->path);
    return btc_fail(err, reason == ENOENT ? BTC_ENOTFOUND : BTC_EIO, "%s: %s", import->path,
                    strerror(reason));
}

static int open_file(struct import *import, struct btc_error *err)
{
    import->fd = open(import->path, O_RDONLY | O_CLOEXEC);
    if (import->fd < 0)
        return refuse_file(import, err);
    struct stat info;
    if (fstat(import->fd, &info) < 0)
        return btc_fail(err, BTC_EIO, "%s: %s", import->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return btc_fail(err, BTC_EIO, "%s is not a regular file", import->path);
    import->size = (uint64_t)info.st_size;
    return recognise(import, err);
}

int import_open(const char *path, const struct btc_params *params, struct import **ret_import,
                struct btc_error *err)
{
    struct import *import = calloc(1, sizeof(*import));
    if (import == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory");
    import->fd = -1;
    import->params = params;
    import->path = strdup(path);
    import->buffer = malloc(BTC_BLOCK_SIZE_MAX);
    int rc = import->path == NULL || import->buffer == NULL ? btc_fail(err, BTC_ENOMEM, "no memory")
                                                            : open_file(import, err);
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
    if (import->fd >= 0)
        close(import->fd);
    free(import->buffer);
    free(import->path);
    free(import);
}

void import_get_progress(const struct import *import, struct import_progress *ret_progress)
{
    *ret_progress = (struct import_progress){import->offset, import->size};
}

/* ---- items ---- */

/* Step over zeros: Bitcoin Core extends its files in advance. */
static int skip_zeros(struct import *import, struct btc_error *err)
{
    while (import->offset < import->size) {
        uint64_t left = import->size - import->offset;
        /* One byte tells in the usual case; only a run of zeros is worth a larger read. */
        size_t size = 1;
        for (;;) {
            int rc = read_at(import, import->offset, import->buffer, size, err);
            if (rc != 0)
                return rc;
            size_t zeros = 0;
            while (zeros < size && import->buffer[zeros] == 0)
                zeros++;
            import->offset += zeros;
            if (zeros < size)
                return 0;
            left -= zeros;
            if (left == 0)
                return 0;
            size = left < GAP_CHUNK_SIZE ? (size_t)left : GAP_CHUNK_SIZE;
        }
    }
    return 0;
}

static int cut_off(const struct import *import, const char *what, uint64_t wanted,
                   struct btc_error *err)
{
    return btc_fail(
        err, BTC_EFORMAT,
        "%s is cut off: the %s at offset %llu needs %llu bytes, the file has %llu; what "
        "is before it is kept",
        import->path, what, (unsigned long long)import->offset, (unsigned long long)wanted,
        (unsigned long long)(import->size - import->offset));
}

static int next_block(struct import *import, struct import_item *ret_item, struct btc_error *err)
{
    int rc = skip_zeros(import, err);
    if (rc != 0)
        return rc;
    uint64_t left = import->size - import->offset;
    if (left == 0)
        return IMPORT_END;
    uint8_t frame[FRAME_SIZE];
    if (left < FRAME_SIZE)
        return cut_off(import, "frame", FRAME_SIZE, err);
    rc = read_at(import, import->offset, frame, sizeof(frame), err);
    if (rc != 0)
        return rc;
    struct btc_reader r = btc_reader_of(frame, sizeof(frame), NULL);
    uint8_t magic[4];
    uint32_t size = 0;
    rc = btc_read_bytes(&r, "magic", sizeof(magic), magic);
    if (rc == 0)
        rc = btc_read_u32(&r, "length", &size);
    const struct btc_params *owner = btc_params_by_magic(magic);
    if (rc != 0 || owner == NULL)
        return btc_fail(err, BTC_EFORMAT,
                        "%s is damaged at offset %llu: no block begins there; what is before it is "
                        "kept",
                        import->path, (unsigned long long)import->offset);
    rc = check_owner(import, owner, "blocks", err);
    if (rc != 0)
        return rc;
    if (size <= BTC_HEADER_SIZE || size > BTC_BLOCK_SIZE_MAX)
        return btc_fail(
            err, BTC_EFORMAT,
            "%s is damaged at offset %llu: a block of %u bytes can't be; what is before "
            "it is kept",
            import->path, (unsigned long long)import->offset, size);
    if (size > left - FRAME_SIZE)
        return cut_off(import, "block", FRAME_SIZE + (uint64_t)size, err);
    rc = read_at(import, import->offset + FRAME_SIZE, import->buffer, size, err);
    if (rc != 0)
        return rc;
    *ret_item = (struct import_item){IMPORT_BLOCK, import->offset + FRAME_SIZE, import->buffer,
                                     size};
    import->offset += FRAME_SIZE + (uint64_t)size;
    return 0;
}

static int next_headers(struct import *import, struct import_item *ret_item, struct btc_error *err)
{
    uint64_t left = import->size - import->offset;
    if (left == 0)
        return IMPORT_END;
    if (left < BTC_HEADER_SIZE)
        return cut_off(import, "header", BTC_HEADER_SIZE, err);
    uint64_t count = left / BTC_HEADER_SIZE;
    size_t size = BTC_HEADER_SIZE * (size_t)(count < CHAIN_HEADERS_MAX ? count : CHAIN_HEADERS_MAX);
    int rc = read_at(import, import->offset, import->buffer, size, err);
    if (rc != 0)
        return rc;
    *ret_item = (struct import_item){IMPORT_HEADERS, import->offset, import->buffer, size};
    import->offset += size;
    return 0;
}

int import_next(struct import *import, struct import_item *ret_item, struct btc_error *err)
{
    return import->kind == IMPORT_BLOCK ? next_block(import, ret_item, err)
                                        : next_headers(import, ret_item, err);
}
