/* Lines, and a status line that stays below them: see screen.h. */
#include "actors/ui/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/format.h"

#define CLEAR_LINE "\r\033[K"

void screen_open(struct screen *screen)
{
    screen->is_live = isatty(STDOUT_FILENO) == 1;
    screen->is_interactive = screen->is_live && isatty(STDIN_FILENO) == 1;
    screen->status[0] = '\0';
}

static void hide(const struct screen *screen)
{
    if (screen->status[0] != '\0')
        fputs(CLEAR_LINE, stdout);
}

static void show(const struct screen *screen)
{
    struct winsize size;
    int width = 80;
    if (screen->status[0] != '\0') {
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
            width = size.ws_col;
        printf(CLEAR_LINE "%.*s", width - 1, screen->status);
    }
    fflush(stdout);
}

void screen_close(struct screen *screen)
{
    hide(screen);
    screen->status[0] = '\0';
    fflush(stdout);
}

void screen_line(struct screen *screen, const char *who, const char *format, ...)
{
    char text[SCREEN_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    format_printable(text);
    hide(screen);
    if (text[0] == '\0')
        putchar('\n');
    else
        printf("%-7s %s\n", who, text);
    show(screen);
}

void screen_error(struct screen *screen, const char *format, ...)
{
    char text[SCREEN_LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    format_printable(text);
    hide(screen);
    fflush(stdout);
    fprintf(stderr, BTC_PROGRAM_NAME ": %s\n", text);
    show(screen);
}

void screen_status(struct screen *screen, const char *format, ...)
{
    va_list arguments;
    if (!screen->is_live)
        return;
    va_start(arguments, format);
    vsnprintf(screen->status, sizeof(screen->status), format, arguments);
    va_end(arguments);
    format_printable(screen->status);
    show(screen);
}
