/* Block files and header files, found and read: see import_impl.h. */
#include "actors/node/import_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/bitcoin/block.h"

#define BLOCK_FILE "blk%05u.dat"

/* ---- bytes ---- */

int import_file_read_raw(const struct import_file *file, uint64_t offset, void *ret_data,
                         size_t size, struct btc_error *err)
{
    uint8_t *data = ret_data;
    while (size > 0) {
        ssize_t got = pread(file->fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return btc_fail(err, BTC_EIO, "%s: reading at offset %llu: %s", file->path,
                            (unsigned long long)offset, strerror(errno));
        if (got == 0)
            return btc_fail(err, BTC_EFORMAT, "%s became shorter while it was read", file->path);
        data += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static void undo_xor(const struct import_source *source, uint64_t offset, uint8_t *data,
                     size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] ^= source->key[(offset + i) % IMPORT_KEY_SIZE];
}

int import_file_read(const struct import_source *source, const struct import_file *file,
                     uint64_t offset, void *ret_data, size_t size, struct btc_error *err)
{
    int rc = import_file_read_raw(file, offset, ret_data, size, err);
    if (rc == 0 && file->is_xored)
        undo_xor(source, offset, ret_data, size);
    return rc;
}

/* ---- what kind of file is it? ---- */

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

int import_check_owner(const struct import_source *source, const struct import_file *file,
                       const struct btc_params *owner, const char *content, struct btc_error *err)
{
    if (owner == source->params)
        return 0;
    return btc_fail(err, BTC_ENETWORK, "%s holds %s of %s, not of %s; choose --network=%s",
                    file->path, content, owner->name, source->params->name, owner->name);
}

/* Whose blocks the file begins with, once the xor is undone. Where there is no xor.dat the key shows
 * through in a genesis block, whose previous hash is zero. */
static const struct btc_params *xored_owner(struct import_source *source, const uint8_t *head,
                                            size_t size)
{
    if (!source->has_key) {
        if (size < 40 || memcmp(head + 16, head + 24, 8) != 0 ||
            memcmp(head + 16, head + 32, 8) != 0)
            return NULL;
        memcpy(source->key, head + 16, IMPORT_KEY_SIZE);
    }
    uint8_t magic[4];
    memcpy(magic, head, sizeof(magic));
    undo_xor(source, 0, magic, sizeof(magic));
    const struct btc_params *owner = btc_params_by_magic(magic);
    source->has_key = source->has_key || owner != NULL;
    return owner;
}

static int recognise(struct import_source *source, struct import_file *file, struct btc_error *err)
{
    static const uint8_t zeros[4];
    uint8_t head[BTC_HEADER_SIZE];
    size_t size = file->size < sizeof(head) ? (size_t)file->size : sizeof(head);
    source->kind = IMPORT_BLOCK;
    if (size == 0)
        return source->is_folder ? 0 : btc_fail(err, BTC_EFORMAT, "%s is empty", file->path);
    int rc = import_file_read_raw(file, 0, head, size, err);
    if (rc != 0)
        return rc;
    const struct btc_params *owner = size >= 4 ? btc_params_by_magic(head) : NULL;
    if (owner != NULL)
        return import_check_owner(source, file, owner, "blocks", err);
    owner = size == sizeof(head) && !source->is_folder ? genesis_owner(head) : NULL;
    if (owner != NULL) {
        source->kind = IMPORT_HEADERS;
        return import_check_owner(source, file, owner, "headers", err);
    }
    owner = size >= 4 ? xored_owner(source, head, size) : NULL;
    file->is_xored = owner != NULL;
    if (owner != NULL)
        return import_check_owner(source, file, owner, "blocks", err);
    if (source->is_folder && size >= 4 && memcmp(head, zeros, sizeof(zeros)) == 0) {
        file->is_xored = source->has_key; /* made in advance, nothing in it yet */
        return 0;
    }
    char hex[2 * 4 + 1];
    btc_hex_encode(head, size < 4 ? size : 4, hex);
    return btc_fail(err, BTC_EFORMAT,
                    "%s is neither a block file nor a header file: it begins with %s, not with the "
                    "magic of a network or a genesis header (a blk*.dat that is xored needs the "
                    "xor.dat that lay beside it)",
                    file->path, hex);
}

/* ---- opening ---- */

/* Why it could not be opened, from errno. */
static int refuse(const char *path, struct btc_error *err)
{
    int reason = errno;
    if (reason == EACCES && access(path, R_OK) == 0)
        return btc_fail(err, BTC_EIO,
                        "%s: the node's sandbox does not let it read this: name it when the "
                        "program starts (--import), or start that with --sandbox=off",
                        path);
    return btc_fail(err, reason == ENOENT ? BTC_ENOTFOUND : BTC_EIO, "%s: %s", path,
                    strerror(reason));
}

static int path_of(const struct import_source *source, size_t index, char ret_path[],
                   struct btc_error *err)
{
    int size = source->is_folder ? snprintf(ret_path, IMPORT_PATH_SIZE, "%s/" BLOCK_FILE,
                                            source->path, source->numbers[index])
                                 : snprintf(ret_path, IMPORT_PATH_SIZE, "%s", source->path);
    return size < IMPORT_PATH_SIZE ? 0 : btc_fail(err, BTC_EUSAGE, "the path is too long");
}

int import_file_open(struct import_source *source, struct import_file *file, size_t index,
                     struct btc_error *err)
{
    struct stat info;
    import_file_close(file);
    file->index = index;
    file->is_xored = false;
    int rc = path_of(source, index, file->path, err);
    if (rc != 0)
        return rc;
    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return refuse(file->path, err);
    if (fstat(file->fd, &info) < 0)
        return btc_fail(err, BTC_EIO, "%s: %s", file->path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return btc_fail(err, BTC_EIO, "%s is not a regular file", file->path);
    file->size = (uint64_t)info.st_size;
    return recognise(source, file, err);
}

void import_file_close(struct import_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* The key in the xor.dat beside the files. None, or one of zeros: they are as they are meant. */
static int read_key(struct import_source *source, struct btc_error *err)
{
    char path[IMPORT_PATH_SIZE];
    uint8_t key[IMPORT_KEY_SIZE + 1];
    const char *slash = source->is_folder ? NULL : strrchr(source->path, '/');
    int size = source->is_folder ? snprintf(path, sizeof(path), "%s/xor.dat", source->path)
               : slash != NULL   ? snprintf(path, sizeof(path), "%.*sxor.dat",
                                            (int)(slash - source->path + 1), source->path)
                                 : snprintf(path, sizeof(path), "xor.dat");
    if (size >= IMPORT_PATH_SIZE)
        return btc_fail(err, BTC_EUSAGE, "the path is too long");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return 0; /* where it is needed and can't be guessed, the files are not recognised */
    ssize_t got = read(fd, key, sizeof(key));
    close(fd);
    if (got != IMPORT_KEY_SIZE)
        return btc_fail(err, BTC_EFORMAT, "%s is no key for blk*.dat: these have %d bytes", path,
                        IMPORT_KEY_SIZE);
    memcpy(source->key, key, IMPORT_KEY_SIZE);
    source->has_key = true;
    return 0;
}

/* ---- folders ---- */

static bool read_number(const char *name, uint32_t *ret_number)
{
    char again[32];
    if (strncmp(name, "blk", 3) != 0)
        return false;
    unsigned long number = strtoul(name + 3, NULL, 10);
    *ret_number = (uint32_t)number;
    snprintf(again, sizeof(again), BLOCK_FILE, *ret_number);
    return strcmp(name, again) == 0; /* a number that is too large, for one, is not written so */
}

static int add_number(struct import_source *source, uint32_t number, struct btc_error *err)
{
    if (source->count >= IMPORT_FILES_MAX)
        return btc_fail(err, BTC_ELIMIT, "%s holds more than %d block files", source->path,
                        IMPORT_FILES_MAX);
    if ((source->count & (source->count - 1)) == 0) { /* full at 0, 1, 2, 4, 8, ... */
        size_t capacity = source->count == 0 ? 1 : source->count * 2;
        uint32_t *numbers = realloc(source->numbers, capacity * sizeof(*numbers));
        if (numbers == NULL)
            return btc_fail(err, BTC_ENOMEM, "no memory for %zu numbers of files", capacity);
        source->numbers = numbers;
    }
    source->numbers[source->count++] = number;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int list_folder(struct import_source *source, struct btc_error *err)
{
    DIR *folder = opendir(source->path);
    struct dirent *entry;
    int rc = 0;
    if (folder == NULL)
        return refuse(source->path, err);
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        uint32_t number;
        if (read_number(entry->d_name, &number))
            rc = add_number(source, number, err);
    }
    closedir(folder);
    if (rc != 0)
        return rc;
    if (source->count == 0)
        return btc_fail(err, BTC_ENOTFOUND,
                        "%s holds no blk*.dat; name a block file, or the folder \"blocks\" in the "
                        "data directory of a Bitcoin Core",
                        source->path);
    qsort(source->numbers, source->count, sizeof(source->numbers[0]), by_number);
    for (size_t i = 0; i < source->count; i++) {
        char path[IMPORT_PATH_SIZE];
        struct stat info;
        rc = path_of(source, i, path, err);
        if (rc != 0)
            return rc;
        source->total += stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
    }
    return 0;
}

int import_source_open(struct import_source *source, const char *path,
                       const struct btc_params *params, struct btc_error *err)
{
    struct stat info;
    *source = (struct import_source){.params = params, .count = 0};
    source->path = strdup(path);
    if (source->path == NULL)
        return btc_fail(err, BTC_ENOMEM, "no memory");
    if (stat(path, &info) != 0)
        return refuse(path, err);
    source->is_folder = S_ISDIR(info.st_mode);
    if (!source->is_folder) {
        source->count = 1;
        source->total = (uint64_t)info.st_size;
    }
    int rc = source->is_folder ? list_folder(source, err) : 0;
    return rc != 0 ? rc : read_key(source, err);
}

void import_source_close(struct import_source *source)
{
    free(source->numbers);
    free(source->path);
}
