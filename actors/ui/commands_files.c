/* The commands that move a whole wallet, or look at the chain again: backup, restore, rescan. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/ui/commands_impl.h"

#define PIECE_SIZE (1024 * 1024)

/* ---- backup ---- */

struct copy {
    int fd;
    int error; /* errno of what failed */
    uint64_t size;
};

static void on_piece(struct troupe_actor *self, void *user, const struct wallet_backup_item *item)
{
    struct copy *copy = user;
    const void *cursor = NULL;
    struct troupe_bytes piece;
    (void)self;
    while (copy->error == 0 && troupe_blob_next(&item->piece, &cursor, &piece)) {
        for (size_t done = 0; copy->error == 0 && done < piece.size;) {
            ssize_t written = write(copy->fd, piece.data + done, piece.size - done);
            if (written > 0)
                done += (size_t)written;
            else if (errno != EINTR)
                copy->error = errno;
        }
    }
    copy->size += item->piece.size;
}

int ui_run_backup(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values)
{
    struct desk desk;
    struct copy copy = {.error = 0};
    struct troupe_error error;
    const char *path = values[0];
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "backup") != 0)
        return 1;
    copy.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (copy.fd < 0)
        return ui_fail_path(&desk, path, strerror(errno));
    int code = wallet_backup(troupe, desk.wallet, on_piece, &copy, &error, NULL);
    if (code == 0 && copy.error == 0 && fsync(copy.fd) != 0)
        copy.error = errno;
    if (close(copy.fd) != 0 && copy.error == 0)
        copy.error = errno;
    if (code != 0 || copy.error != 0) {
        (void)unlink(path);
        return code != 0 ? ui_desk_fail_code(&desk, code, &error)
                         : ui_fail_path(&desk, path, strerror(copy.error));
    }
    if (json)
        printf("{\"bytes\":%" PRIu64 "}\n", copy.size);
    else
        printf("%" PRIu64 " bytes; who has the file has the coins, unless a passphrase is on the "
               "keys\n",
               copy.size);
    return 0;
}

/* ---- restore ---- */

static ssize_t read_piece(int fd, uint8_t *piece)
{
    size_t size = 0;
    while (size < PIECE_SIZE) {
        ssize_t got = read(fd, piece + size, PIECE_SIZE - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static int restore(struct desk *desk, const char *name, const char *path, int fd, uint8_t *piece)
{
    struct wallets_restore_args args = {.name = troupe_text(name)};
    struct wallets_restore_results results;
    struct troupe_error error;
    while (!args.is_last) {
        ssize_t size = read_piece(fd, piece);
        if (size < 0)
            return ui_fail_path(desk, path, strerror(errno));
        args.is_last = size < PIECE_SIZE;
        args.piece = (struct troupe_blob){.data = piece, .size = (size_t)size};
        int code = wallets_restore(desk->troupe, desk->wallets, &args, &results, &error, NULL);
        if (code == WALLETS_EXISTS)
            return ui_desk_fail(desk, "there is a wallet of that name: choose another with "
                                      "--wallet=NAME");
        if (code != 0)
            return ui_desk_fail_code(desk, code, &error);
        args.offset_bytes += (uint64_t)size;
    }
    return 0;
}

int ui_run_restore(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "restore") != 0)
        return 1;
    const char *name = ui_desk_wallet_name(&desk);
    if (strlen(name) > WALLETS_RESTORE_NAME_BYTES_MAX)
        return ui_desk_fail(&desk, "--wallet: a wallet's name is 1 to 32 of a-z, 0-9, _ and -");
    int fd = open(values[0], O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ui_fail_path(&desk, values[0], strerror(errno));
    uint8_t *piece = malloc(PIECE_SIZE);
    int rc = piece == NULL ? ui_desk_fail(&desk, "no memory")
                           : restore(&desk, name, values[0], fd, piece);
    if (piece != NULL)
        explicit_bzero(piece, PIECE_SIZE);
    free(piece);
    close(fd);
    if (rc == 0)
        printf(json ? "{\"name\":\"%s\",\"is_open\":true}\n" : "%s is restored, and open\n", name);
    return rc;
}

/* ---- rescan ---- */

static void on_progress(struct troupe_actor *self, void *user,
                        const struct wallet_rescan_item *item)
{
    struct wallet_rescan_item *last = user;
    (void)self;
    *last = *item;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rblock %" PRIu32 " of %" PRIu32 ", %" PRIu64 " transactions",
                item->height, item->to_height, item->txs);
}

int ui_run_rescan(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values)
{
    struct desk desk;
    struct wallet_rescan_args args = {.from_height = 0};
    struct wallet_rescan_item last = {.height = 0};
    struct troupe_error error;
    uint64_t from = 0;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "rescan") != 0 ||
        ui_desk_wait_level(&desk, UI_WORK_MS) != 0)
        return 1;
    if (count > 0 && !ui_read_number(values[0], 0, INT32_MAX, &from))
        return ui_desk_fail(&desk, "say from which block on: rescan 0");
    args.from_height = (uint32_t)from;
    int code = wallet_rescan(troupe, desk.wallet, &args, on_progress, &last, &error, NULL);
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (!json)
        printf("blocks %" PRIu64 " to %" PRIu32 " looked at again: %" PRIu64 " transaction%s\n",
               from, last.to_height, last.txs, format_plural(last.txs));
    return ui_desk_wait_level(&desk, UI_WORK_MS) != 0 ? 1 : ui_show_balance(&desk, json);
}
