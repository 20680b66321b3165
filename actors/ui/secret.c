/* Reading passphrases: see secret.h. Nothing here is buffered by stdio, where a copy would stay. */
#include "actors/ui/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define INTERRUPT '\003' /* Ctrl-C */

/* One line of a descriptor, byte by byte so that the next one stays unread. */
static int read_line(const struct desk *desk, int fd, const char *where, char ret_text[SECRET_SIZE])
{
    size_t size = 0;
    for (;;) {
        char next = 0;
        ssize_t got = read(fd, &next, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (got == 0 && size == 0)) {
            char text[256];
            snprintf(text, sizeof(text), "no passphrase: %s %s", where,
                     got < 0 ? strerror(errno) : "has none");
            return ui_desk_fail(desk, text);
        }
        if (got > 0 && next == INTERRUPT)
            return ui_desk_fail(desk, "given up");
        if (got == 0 || next == '\n')
            break;
        if (size == SECRET_SIZE - 1 || next == '\0')
            return ui_desk_fail(desk, "a passphrase has 1,024 bytes at most, and no NUL");
        ret_text[size++] = next;
    }
    size -= size > 0 && ret_text[size - 1] == '\r';
    ret_text[size] = '\0';
    return 0;
}

/* The terminal shows nothing meanwhile. Ctrl-C ends the line, so that it is never left like that. */
static int read_hidden(const struct desk *desk, const char *prompt, char ret_text[SECRET_SIZE])
{
    struct termios shown;
    struct termios hidden;
    fprintf(stderr, "%s: ", prompt);
    fflush(stderr);
    if (tcgetattr(STDIN_FILENO, &shown) != 0)
        return ui_desk_fail(desk, "the terminal can't be asked; give --passphrase-file");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    hidden.c_lflag |= ICANON;
    hidden.c_cc[VEOL] = INTERRUPT;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    int rc = read_line(desk, STDIN_FILENO, "standard input", ret_text);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return rc;
}

int secret_line(const struct desk *desk, const char *prompt, char ret_text[SECRET_SIZE])
{
    return isatty(STDIN_FILENO) ? read_hidden(desk, prompt, ret_text)
                                : read_line(desk, STDIN_FILENO, "standard input", ret_text);
}

int secret_passphrase(const struct desk *desk, const char *prompt, char ret_text[SECRET_SIZE])
{
    const char *path = troupe_argument(desk->arguments, "passphrase-file");
    char text[256];
    if (path == NULL)
        return secret_line(desk, prompt, ret_text);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        snprintf(text, sizeof(text), "--passphrase-file=%.128s: %s", path, strerror(errno));
        return ui_desk_fail(desk, text);
    }
    int rc = read_line(desk, fd, "--passphrase-file", ret_text);
    close(fd);
    return rc;
}

int secret_new_passphrase(const struct desk *desk, char ret_text[SECRET_SIZE])
{
    char again[SECRET_SIZE] = "";
    bool is_asked = troupe_argument(desk->arguments, "passphrase-file") == NULL &&
                    isatty(STDIN_FILENO);
    int rc = secret_passphrase(desk, "new passphrase", ret_text);
    if (rc == 0 && ret_text[0] == '\0')
        rc = ui_desk_fail(desk, "an empty passphrase protects nothing");
    if (rc == 0 && is_asked)
        rc = secret_line(desk, "once more", again);
    if (rc == 0 && is_asked && strcmp(ret_text, again) != 0)
        rc = ui_desk_fail(desk, "the two are not the same");
    explicit_bzero(again, sizeof(again));
    return rc;
}
