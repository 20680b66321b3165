#include "test/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

char *vectors_load(const char *name, size_t *ret_size)
{
    char path[4096];
    const char *root = getenv("TROUPE_SHARED");
    if (!root) {
        print_message("skip: TROUPE_SHARED is not set, so there is no data/%s\n", name);
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/data/%s", root, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("skip: %s cannot be read\n", path);
        return NULL;
    }
    char *text = NULL;
    size_t size = 0;
    for (size_t got = 1; got > 0; size += got) {
        text = realloc(text, size + 65536 + 1);
        if (!text)
            abort();
        got = fread(text + size, 1, 65536, file);
    }
    fclose(file);
    text[size] = '\0';
    *ret_size = size;
    return text;
}

char *vectors_next_string(char **at)
{
    char *start = strchr(*at, '"');
    char *end = start ? strchr(start + 1, '"') : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return start + 1;
}

char *vectors_next_line(char **at)
{
    char *line = *at;
    if (*line == '\0')
        return NULL;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line;
}

char *vectors_between(char *text, const char *open, const char *close, char **ret_rest)
{
    char *start = strstr(text, open);
    if (!start)
        return NULL;
    start += strlen(open);
    char *end = strstr(start, close);
    if (!end)
        return NULL;
    *end = '\0';
    *ret_rest = end + strlen(close);
    return start;
}
