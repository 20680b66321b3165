/* idl_lexer.c - an interface's text, token by token. The rules are those of interfaces/gen/lexer.py. */
#include <stdio.h>
#include <string.h>

#include "command/idl_impl.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of a terminal's language do not come into a message. */
static int shown(const struct idl_lexer *lexer, size_t from, size_t to)
{
    size_t size = 0;
    while (from + size < to && size < 40 && lexer->text[from + size] >= ' ' &&
           lexer->text[from + size] < 0x7f) {
        size++;
    }
    return (int)size;
}

void idl_fail(struct idl_lexer *lexer, const char *expected)
{
    unsigned line = 1;
    size_t start = 0;
    if (lexer->failed) {
        return;
    }
    lexer->failed = true;
    for (size_t i = 0; i < lexer->from; i++) {
        if (lexer->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    bool end = lexer->from >= lexer->size;
    snprintf(lexer->why, IDL_WHY_BYTES_MAX, "%u:%zu: expected %s, found %s%.*s%s", line,
             lexer->from - start + 1, expected, end ? "the end" : "'",
             shown(lexer, lexer->from, lexer->to), lexer->text + lexer->from, end ? "" : "'");
    lexer->kind = IDL_END;
}

/* Passes over space and comments; keeps where the doc lines are that end here. */
static void skip(struct idl_lexer *lexer)
{
    lexer->doc_from = lexer->doc_to = lexer->at;
    while (lexer->at < lexer->size) {
        char c = lexer->text[lexer->at];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            lexer->at++;
        } else if (c == '#') {
            const char *start = lexer->text + lexer->at;
            const char *end = memchr(start, '\n', lexer->size - lexer->at);
            size_t size = end != NULL ? (size_t)(end - start) : lexer->size - lexer->at;
            bool doc = size >= 2 && start[1] == '#';
            if (doc && lexer->doc_from == lexer->doc_to) {
                lexer->doc_from = lexer->at;
            }
            lexer->at += size;
            lexer->doc_to = doc ? lexer->at : lexer->doc_to;
        } else {
            return;
        }
    }
}

static size_t word_size(const struct idl_lexer *lexer)
{
    size_t at = lexer->at;
    while (at < lexer->size && (is_letter(lexer->text[at]) || is_digit(lexer->text[at]))) {
        at++;
    }
    return at - lexer->at;
}

void idl_step(struct idl_lexer *lexer)
{
    if (lexer->failed) {
        return;
    }
    lexer->last_to = lexer->to;
    skip(lexer);
    lexer->from = lexer->at;
    size_t size = 1;
    char c = lexer->at < lexer->size ? lexer->text[lexer->at] : '\0';
    if (lexer->at == lexer->size) {
        lexer->kind = IDL_END;
        size = 0;
    } else if (is_letter(c) || is_digit(c)) {
        lexer->kind = is_letter(c) ? IDL_NAME : IDL_NUMBER;
        size = word_size(lexer);
    } else if (c == '"') {
        lexer->kind = IDL_STRING;
        while (lexer->at + size < lexer->size && lexer->text[lexer->at + size] != '"' &&
               lexer->text[lexer->at + size] >= ' ') {
            size++;
        }
        lexer->to = lexer->at + size;
        if (lexer->to == lexer->size || lexer->text[lexer->to] != '"') {
            idl_fail(lexer, "a closing '\"' on the same line");
        }
        size++;
    } else {
        lexer->kind = IDL_MARK;
        bool two = lexer->at + 1 < lexer->size &&
                   ((c == '-' && lexer->text[lexer->at + 1] == '>') ||
                    (c == '<' && lexer->text[lexer->at + 1] == '='));
        size = two ? 2 : 1;
        if (c == '\0' || strchr("@{}()[]:;,?=<>.-", c) == NULL) {
            lexer->to = lexer->at + 1;
            idl_fail(lexer, "a word, a number or a mark");
        }
    }
    lexer->at += size;
    lexer->to = lexer->at;
}

void idl_lexer_init(struct idl_lexer *lexer, struct troupe_text text, char *why)
{
    *lexer = (struct idl_lexer){.text = text.data, .size = text.size};
    lexer->why = why;
    idl_step(lexer);
}

bool idl_is(const struct idl_lexer *lexer, const char *word)
{
    size_t size = strlen(word);
    return (lexer->kind == IDL_NAME || lexer->kind == IDL_MARK) &&
           lexer->to - lexer->from == size && memcmp(lexer->text + lexer->from, word, size) == 0;
}

bool idl_accept(struct idl_lexer *lexer, const char *word)
{
    bool found = idl_is(lexer, word);
    if (found) {
        idl_step(lexer);
    }
    return found;
}

void idl_expect(struct idl_lexer *lexer, const char *word)
{
    if (!idl_accept(lexer, word)) {
        char expected[32];
        snprintf(expected, sizeof expected, "'%s'", word);
        idl_fail(lexer, expected);
    }
}
