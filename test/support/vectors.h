/*
 * Reading test vectors from the data that TROUPE_SHARED points to: fixed files in known layouts, so
 * a scanner for quoted words is all that their JSON needs.
 */
#ifndef TEST_SUPPORT_VECTORS_H
#define TEST_SUPPORT_VECTORS_H

#include <stddef.h>

/*
 * The whole file TROUPE_SHARED/data/name, with a NUL behind it [owned by the caller: free()]. NULL,
 * with the reason printed, when the data is not there: skip the test then.
 */
char *vectors_load(const char *name, size_t *ret_size);

/*
 * The next "quoted" JSON string from *at on, which must hold no escapes: cut out in place, *at
 * moves behind it. NULL at the end.
 */
char *vectors_next_string(char **at);

/* The next line from *at on, cut out in place without its newline. NULL at the end. */
char *vectors_next_line(char **at);

/*
 * What stands between the first `open` in text and the next `close`, cut out in place; *ret_rest is
 * what comes behind that. NULL when it is not there.
 */
char *vectors_between(char *text, const char *open, const char *close, char **ret_rest);

#endif
