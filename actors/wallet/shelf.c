/* The folder with a book for each wallet: see shelf.h. A wallet in the making lies in a folder whose
 * name no wallet can have, the default one, which has none, in a file with such a name; what a process left there that died is swept away when the next one starts. */
#include "actors/wallet/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKING     ".new" /* behind the name of one in the making */
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"

static const char *const file_ends[] = {"", "-wal", "-journal", "-shm"};

/* ---- names and paths ---- */

bool shelf_is_name(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size < SHELF_NAME_SIZE && strspn(name, NAME_CHARS) == size;
}

static int join(char ret_path[SHELF_PATH_SIZE], struct btc_error *err, const char *folder,
                const char *name, const char *end)
{
    if (snprintf(ret_path, SHELF_PATH_SIZE, "%s/%s%s", folder, name, end) >= SHELF_PATH_SIZE)
        return btc_fail(err, BTC_EUSAGE, "the path of the wallet \"%s\" is too long", name);
    return 0;
}

int shelf_path(const struct shelf *shelf, const char *name, char ret_path[SHELF_PATH_SIZE],
               struct btc_error *err)
{
    if (strcmp(name, SHELF_DEFAULT) != 0)
        return join(ret_path, err, shelf->folder, name, "");
    memcpy(ret_path, shelf->folder, SHELF_PATH_SIZE);
    return 0;
}

static bool is_there(const char *path)
{
    char file[SHELF_PATH_SIZE];
    return join(file, NULL, path, BOOK_FILE_NAME, "") == 0 && access(file, F_OK) == 0;
}

bool shelf_has(const struct shelf *shelf, const char *name)
{
    char path[SHELF_PATH_SIZE];
    return shelf_path(shelf, name, path, NULL) == 0 && is_there(path);
}

static int fail_io(struct btc_error *err, const char *path, const char *what)
{
    return btc_fail(err, BTC_EIO, "%s %s: %s", path, what, strerror(errno));
}

/* ---- opening ---- */

static int open_at(const struct shelf *shelf, const char *path, struct book **ret_book,
                   struct btc_error *err)
{
    struct book_options options = {.dir = path, .params = shelf->params};
    return book_open(&options, ret_book, err);
}

int shelf_open(const struct shelf *shelf, const char *name, struct book **ret_book,
               struct btc_error *err)
{
    char path[SHELF_PATH_SIZE];
    int rc = shelf_path(shelf, name, path, err);
    if (rc != 0)
        return rc;
    if (is_there(path))
        return open_at(shelf, path, ret_book, err);
    if (strcmp(name, SHELF_DEFAULT) == 0)
        return shelf_create(shelf, name, NULL, NULL, ret_book, err);
    (void)btc_fail(err, BTC_ENOTFOUND, "there is no wallet \"%s\"", name);
    return BOOK_NONE;
}

/* ---- making ---- */

/* Remove what is in the making; nothing when there is none. */
static void sweep_file(const char *path, const char *name)
{
    char file[SHELF_PATH_SIZE];
    for (size_t i = 0; i < sizeof(file_ends) / sizeof(file_ends[0]); i++)
        if (join(file, NULL, path, name, file_ends[i]) == 0)
            (void)unlink(file);
}

static void sweep(const char *path)
{
    sweep_file(path, BOOK_FILE_NAME);
    (void)rmdir(path);
}

static int is_in_the_making(const struct dirent *entry)
{
    char name[SHELF_NAME_SIZE] = "";
    size_t size = strlen(entry->d_name);
    size_t end = sizeof(MAKING) - 1;
    if (size <= end || size - end >= sizeof(name) ||
        strcmp(entry->d_name + size - end, MAKING) != 0)
        return 0;
    memcpy(name, entry->d_name, size - end);
    return shelf_is_name(name);
}

void shelf_sweep(const struct shelf *shelf)
{
    struct dirent **entries = NULL;
    char path[SHELF_PATH_SIZE];
    int found = scandir(shelf->folder, &entries, is_in_the_making, NULL);
    sweep_file(shelf->folder, BOOK_FILE_NAME MAKING);
    for (int i = 0; i < found; i++) {
        if (join(path, NULL, shelf->folder, entries[i]->d_name, "") == 0)
            sweep(path);
        free(entries[i]);
    }
    free(entries);
}

/* What was moved within the folder is on the disk when this returns. */
static int sync_folder(const char *path, struct btc_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_io(err, path, "can't be opened");
    int rc = fsync(fd) == 0 ? 0 : fail_io(err, path, "can't be written to the disk");
    close(fd);
    return rc;
}

/* Both places of a wallet to be made; BOOK_KNOWN: it is there. */
static int places(const struct shelf *shelf, const char *name, char ret_path[SHELF_PATH_SIZE],
                  char ret_making[SHELF_PATH_SIZE], struct btc_error *err)
{
    int rc = shelf_path(shelf, name, ret_path, err);
    if (rc == 0)
        rc = join(ret_making, err, shelf->folder, name, MAKING);
    if (rc == 0 && is_there(ret_path)) {
        (void)btc_fail(err, BTC_EUSAGE, "there is a wallet \"%s\" already", name);
        rc = BOOK_KNOWN;
    }
    return rc;
}

/* Moves the book that is complete, its folder or its file, to its place, and opens it in `dir`. */
static int put_up(const struct shelf *shelf, const char *making, const char *path, const char *dir,
                  struct book **ret_book, struct btc_error *err)
{
    if (rename(making, path) != 0)
        return fail_io(err, path, "can't be made");
    int rc = sync_folder(shelf->folder, err);
    return rc != 0 ? rc : open_at(shelf, dir, ret_book, err);
}

/* In a folder of its own, which has the wallet's name once it is complete. */
static int create_named(const struct shelf *shelf, const char *path, const char *making,
                        struct book_options *options, struct book **ret_book, struct btc_error *err)
{
    struct book *book = NULL;
    sweep(making);
    options->dir = making;
    int rc = book_open(options, &book, err);
    book_close(book);
    if (rc == 0)
        rc = put_up(shelf, making, path, path, ret_book, err);
    if (rc != 0)
        sweep(making);
    return rc;
}

/* The default one has no folder of its own: its file has its name once it is complete. */
static int create_default(const struct shelf *shelf, struct book_options *options,
                          struct book **ret_book, struct btc_error *err)
{
    char path[SHELF_PATH_SIZE];
    char making[SHELF_PATH_SIZE];
    struct book *book = NULL;
    int rc = join(path, err, shelf->folder, BOOK_FILE_NAME, "");
    if (rc == 0)
        rc = join(making, err, shelf->folder, BOOK_FILE_NAME, MAKING);
    if (rc != 0)
        return rc;
    sweep_file(shelf->folder, BOOK_FILE_NAME MAKING);
    options->dir = shelf->folder;
    options->file = BOOK_FILE_NAME MAKING;
    rc = book_open(options, &book, err);
    book_close(book);
    if (rc == 0)
        rc = put_up(shelf, making, path, shelf->folder, ret_book, err);
    if (rc != 0)
        sweep_file(shelf->folder, BOOK_FILE_NAME MAKING);
    return rc;
}

int shelf_create(const struct shelf *shelf, const char *name, const char *sentence,
                 const char *passphrase, struct book **ret_book, struct btc_error *err)
{
    char path[SHELF_PATH_SIZE];
    char making[SHELF_PATH_SIZE];
    struct book_options options = {
        .may_make = true, .params = shelf->params, .sentence = sentence, .passphrase = passphrase};
    int rc = places(shelf, name, path, making, err);
    if (rc != 0)
        return rc;
    if (strcmp(name, SHELF_DEFAULT) == 0)
        return create_default(shelf, &options, ret_book, err);
    return create_named(shelf, path, making, &options, ret_book, err);
}

/* ---- restoring ---- */

static int write_all(int fd, const char *path, const uint8_t *data, size_t size, uint64_t offset,
                     struct btc_error *err)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, (off_t)offset);
        if (written < 0 && errno != EINTR)
            return fail_io(err, path, "can't be written");
        if (written > 0) {
            data += written;
            size -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
    return fsync(fd) == 0 ? 0 : fail_io(err, path, "can't be written to the disk");
}

int shelf_restore(const struct shelf *shelf, const char *name, uint64_t offset, const void *data,
                  size_t size, struct btc_error *err)
{
    char path[SHELF_PATH_SIZE];
    char making[SHELF_PATH_SIZE];
    char file[SHELF_PATH_SIZE];
    struct stat status;
    int rc = places(shelf, name, path, making, err);
    if (rc == 0)
        rc = join(file, err, making, BOOK_FILE_NAME, "");
    if (rc != 0)
        return rc;
    if (offset == 0) {
        sweep(making);
        if (mkdir(making, 0700) != 0)
            return fail_io(err, making, "can't be made");
    }
    int fd = open(file, O_WRONLY | O_CLOEXEC | (offset == 0 ? O_CREAT | O_EXCL : 0), 0600);
    if (fd < 0 && errno == ENOENT)
        return btc_fail(err, BTC_EUSAGE, "restoring begins at offset 0");
    if (fd < 0 || fstat(fd, &status) != 0)
        rc = fail_io(err, file, "can't be opened");
    else if (offset != (uint64_t)status.st_size)
        rc = btc_fail(err, BTC_EUSAGE, "the next piece is that at offset %lld",
                      (long long)status.st_size);
    else
        rc = write_all(fd, file, data, size, offset, err);
    if (fd >= 0)
        close(fd);
    if (rc == BTC_EIO)
        sweep(making); /* a disk that is full needs its room, and keys are in it */
    return rc;
}

int shelf_restore_end(const struct shelf *shelf, const char *name, struct book **ret_book,
                      struct btc_error *err)
{
    char path[SHELF_PATH_SIZE];
    char making[SHELF_PATH_SIZE];
    struct book *book = NULL;
    int rc = places(shelf, name, path, making, err);
    if (rc != 0)
        return rc;
    rc = is_there(making) ? 0 : btc_fail(err, BTC_EUSAGE, "restoring begins at offset 0");
    if (rc == 0)
        rc = open_at(shelf, making, &book, err);
    if (rc == 0)
        rc = book_check(book, err);
    book_close(book);
    if (rc == 0)
        rc = put_up(shelf, making, path, path, ret_book, err);
    if (rc != 0)
        sweep(making);
    return rc;
}

/* ---- listing ---- */

static int is_wanted(const struct dirent *entry)
{
    return shelf_is_name(entry->d_name) && strcmp(entry->d_name, SHELF_DEFAULT) != 0;
}

/* In the order of bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct listing {
    char (*names)[SHELF_NAME_SIZE];
    size_t count;
    size_t count_max;
    bool has_more;
};

static void add(struct listing *listing, const char *name)
{
    if (listing->count == listing->count_max)
        listing->has_more = true;
    else
        memcpy(listing->names[listing->count++], name, strlen(name) + 1); /* shelf_is_name() */
}

int shelf_list(const struct shelf *shelf, const char *after, char (*ret_names)[SHELF_NAME_SIZE],
               size_t count_max, size_t *ret_count, bool *ret_has_more, struct btc_error *err)
{
    struct dirent **entries = NULL;
    struct listing listing = {.names = ret_names, .count_max = count_max};
    char path[SHELF_PATH_SIZE];
    bool has_default = !is_there(shelf->folder) || strcmp(SHELF_DEFAULT, after) <= 0;
    int found = scandir(shelf->folder, &entries, is_wanted, by_name);
    if (found < 0)
        return fail_io(err, shelf->folder, "can't be read");
    for (int i = 0; i < found; i++) {
        const char *name = entries[i]->d_name;
        if (!has_default && strcmp(SHELF_DEFAULT, name) < 0) {
            add(&listing, SHELF_DEFAULT);
            has_default = true;
        }
        if (strcmp(name, after) > 0 && join(path, NULL, shelf->folder, name, "") == 0 &&
            is_there(path))
            add(&listing, name);
        free(entries[i]);
    }
    free(entries);
    if (!has_default)
        add(&listing, SHELF_DEFAULT);
    *ret_count = listing.count;
    *ret_has_more = listing.has_more;
    return 0;
}
