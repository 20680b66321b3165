/* idl_impl.h - between the lexer and the parser of interfaces. */
#ifndef TROUPE_COMMAND_IDL_IMPL_H
#define TROUPE_COMMAND_IDL_IMPL_H

#include "command/idl.h"

enum idl_token_kind { IDL_END, IDL_NAME, IDL_NUMBER, IDL_STRING, IDL_MARK };
struct idl_lexer {
    const char *text;
    size_t size;
    size_t at;
    /* the token that stands here */
    enum idl_token_kind kind;
    size_t from;
    size_t to;
    size_t doc_from; /* of the doc lines right before it; equal to doc_to: none */
    size_t doc_to;
    size_t last_to; /* where the token before it ended */
    bool failed;
    char *why; /* IDL_WHY_BYTES_MAX */
};

/* Stands at the first token. */
void idl_lexer_init(struct idl_lexer *lexer, struct troupe_text text, char *why);
/* Goes on to the next token; none comes after a failure. */
void idl_step(struct idl_lexer *lexer);
/* The token that stands here is this mark or word. */
bool idl_is(const struct idl_lexer *lexer, const char *word);
/* ... and is passed over. */
bool idl_accept(struct idl_lexer *lexer, const char *word);
void idl_expect(struct idl_lexer *lexer, const char *word);
/* The first failure is kept: what was expected where the lexer stands. */
void idl_fail(struct idl_lexer *lexer, const char *expected);

/* Zeroed memory that lives as long as the model; NULL: none, said. */
void *idl_alloc(struct idl *idl, struct idl_lexer *lexer, size_t size);
/* Types get the declarations that they name, methods the flags that follow from their fields. */
void idl_link(struct idl *idl, struct idl_lexer *lexer);

#endif
