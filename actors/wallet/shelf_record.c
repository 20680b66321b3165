/* Which wallets are open, on the disk, so that a process that takes the place of one that died opens
 * them again: see shelf.h. A line for each name, in a file whose name no wallet can have. */
#include "actors/wallet/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD      "open.names"
#define RECORD_NEXT "open.names.next"

static int paths(const struct shelf *shelf, char ret_path[SHELF_PATH_SIZE],
                 char ret_next[SHELF_PATH_SIZE], struct btc_error *err)
{
    if (snprintf(ret_path, SHELF_PATH_SIZE, "%s/" RECORD, shelf->folder) < SHELF_PATH_SIZE &&
        snprintf(ret_next, SHELF_PATH_SIZE, "%s/" RECORD_NEXT, shelf->folder) < SHELF_PATH_SIZE)
        return 0;
    return btc_fail(err, BTC_EUSAGE, "the path of the wallets is too long");
}

/* In the page cache only: what takes this process down leaves it there; a machine that goes down has
 * no process that is to be replaced, and there it matters only that the file is whole or absent. */
static bool write_names(const char *path, const char *const *names, size_t count)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool is_written = file != NULL;
    if (file == NULL && fd >= 0)
        close(fd);
    for (size_t i = 0; i < count && is_written; i++)
        is_written = fprintf(file, "%s\n", names[i]) > 0;
    if (file != NULL && fclose(file) != 0)
        is_written = false;
    return is_written;
}

int shelf_remember(const struct shelf *shelf, const char *const *names, size_t count,
                   struct btc_error *err)
{
    char path[SHELF_PATH_SIZE];
    char next[SHELF_PATH_SIZE];
    int rc = paths(shelf, path, next, err);
    if (rc != 0)
        return rc;
    bool is_done = count > 0 ? write_names(next, names, count) && rename(next, path) == 0
                             : unlink(path) == 0 || errno == ENOENT;
    return is_done ? 0
                   : btc_fail(err, BTC_EIO, "%s can't be written: %s; see to the disk", path,
                              strerror(errno));
}

size_t shelf_recall(const struct shelf *shelf, char (*ret_names)[SHELF_NAME_SIZE], size_t count_max)
{
    char path[SHELF_PATH_SIZE];
    char next[SHELF_PATH_SIZE];
    char line[SHELF_NAME_SIZE + 1];
    size_t count = 0;
    FILE *file = paths(shelf, path, next, NULL) == 0 ? fopen(path, "re") : NULL;
    while (file != NULL && count < count_max && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!shelf_is_name(line) || strcmp(line, SHELF_DEFAULT) == 0)
            break; /* nothing that this program wrote */
        memcpy(ret_names[count++], line, strlen(line) + 1);
    }
    if (file != NULL)
        fclose(file);
    return count;
}
