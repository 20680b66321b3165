/* value_impl.h - between what reads words (value_word.c) and what reads structs and lists of them
 * (value_text.c). */
#ifndef TROUPE_COMMAND_VALUE_IMPL_H
#define TROUPE_COMMAND_VALUE_IMPL_H

#include "command/value.h"

struct value_source {
    struct value_reading *reading;
    const char *source;
    size_t size;
    size_t at;
    bool raw; /* the rest of the source is one word */
    bool failed;
};

/* What is wrong with `size` characters; the first failure is kept. False, for `return`. */
bool value_fail(struct value_source *text, size_t at, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What stands here is not what `format` names. */
bool value_unexpected(struct value_source *text, const char *format, const char *argument);
/* Passes over space; what stands then, NUL at the end. */
char value_next(struct value_source *text);
bool value_accept(struct value_source *text, char mark);
/* How long the word is that stands here. */
size_t value_word_size(const struct value_source *text);
/* A string in quotes, which stands here. */
bool value_quoted(struct value_source *text, const char **ret_data, size_t *ret_size);
/* Of a type that is neither a list nor a struct. */
bool value_plain(struct value_source *text, const struct idl_type *type, bool secret,
                 struct value *value);

#endif
