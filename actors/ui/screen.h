/* screen.h - where the UI's lines go: plain lines, and on a terminal one live status line below
 * them. One thread. */
#ifndef ACTORS_UI_SCREEN_H
#define ACTORS_UI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#define SCREEN_LINE_SIZE 2048 /* bytes of the longest line, with the NUL; longer ones are cut */

struct screen {
    bool is_live;                  /* standard output is a terminal */
    bool is_interactive;           /* and a person sits before it */
    char status[SCREEN_LINE_SIZE]; /* shown now; "" if none */
};

void screen_open(struct screen *screen);
/* Takes the status line away. */
void screen_close(struct screen *screen);

/* One line; `who` says it ("node"), "" for nobody. */
void screen_line(struct screen *screen, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One line to standard error. */
void screen_error(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Replaces the status line; nothing where there is no terminal. Cut to the terminal's width. */
void screen_status(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
