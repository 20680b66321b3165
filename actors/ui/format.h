/* format.h - amounts, ids and times as people read them, and JSON. Pure functions, any thread. */
#ifndef ACTORS_UI_FORMAT_H
#define ACTORS_UI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bus/troupe.h"

#define FORMAT_BTC_SIZE  32 /* bytes, with the NUL */
#define FORMAT_HASH_SIZE 65
#define FORMAT_TIME_SIZE 32

/* "18.00000000", "-0.00000001"; with is_signed also "+18.00000000". */
const char *format_btc(int64_t amount_sat, bool is_signed, char to[FORMAT_BTC_SIZE]);
/* The bytes of an id as people write it: last first. */
const char *format_hash(const uint8_t bytes[32], char to[FORMAT_HASH_SIZE]);
/* Bytes in lower-case hexadecimal. */
void format_hex(FILE *out, const void *data, size_t size);
/* "2009-01-12 03:30 UTC". */
const char *format_time(int64_t time_s, char to[FORMAT_TIME_SIZE]);
/* "" for one, "s" otherwise. */
const char *format_plural(uint64_t count);

/* Replaces what would move a terminal's cursor. */
void format_printable(char *text);

/* A JSON string with its quotes. */
void format_json_text(FILE *out, struct troupe_text text);

#endif
