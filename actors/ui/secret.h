/* secret.h - passphrases and words from a person: never from the command line, which others can see.
 * One thread. */
#ifndef ACTORS_UI_SECRET_H
#define ACTORS_UI_SECRET_H

#include <stddef.h>

#include "actors/ui/commands_impl.h"

#define SECRET_SIZE 1025 /* bytes of the longest, with the NUL */

/*
 * Reads one line, without its end: from --passphrase-file where that is given (all of its first
 * line), from the terminal without showing it, or from standard input where that is no terminal.
 * `prompt` is shown on a terminal. The caller wipes it. 0, or 1 having said why.
 */
int secret_passphrase(const struct desk *desk, const char *prompt,
                      char ret_text[SECRET_SIZE]) TROUPE_CHECKED;

/* The same without the file: each call reads the next line. */
int secret_line(const struct desk *desk, const char *prompt,
                char ret_text[SECRET_SIZE]) TROUPE_CHECKED;

/* A new passphrase: on a terminal it is asked for twice. */
int secret_new_passphrase(const struct desk *desk, char ret_text[SECRET_SIZE]) TROUPE_CHECKED;

#endif
