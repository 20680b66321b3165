/* idl_link.c - types of an interface led to their declarations, and what follows from them. */
#include <stdio.h>
#include <string.h>

#include "command/idl_impl.h"

static void link_type(struct idl *idl, struct idl_lexer *lexer, struct idl_type *type)
{
    if (type->kind == IDL_ARRAY) {
        link_type(idl, lexer, (struct idl_type *)type->element);
    }
    if (type->kind != IDL_STRUCT) {
        return;
    }
    for (size_t i = 0; i < idl->decls_count && type->decl == NULL; i++) {
        if (strcmp(idl->decls[i].name, type->name) == 0) {
            type->decl = &idl->decls[i];
            type->kind = idl->decls[i].kind;
        }
    }
    if (type->decl == NULL) {
        char expected[128];
        snprintf(expected, sizeof expected, "a declaration of the type %s", type->name);
        idl_fail(lexer, expected);
    }
}

static void link_fields(struct idl *idl, struct idl_lexer *lexer, const struct idl_fields *fields,
                        uint32_t secret, uint32_t *flags, uint64_t *blob_max)
{
    for (size_t i = 0; i < fields->count && !lexer->failed; i++) {
        struct idl_field *field = (struct idl_field *)&fields->items[i];
        link_type(idl, lexer, &field->type);
        if (flags != NULL && field->secret) {
            *flags |= secret;
        }
        if (blob_max != NULL && field->type.kind == IDL_BLOB) {
            *blob_max = field->type.bound;
        }
    }
}

/* How deep a struct nests; beyond TROUPE_DEPTH_MAX it is refused, and so is one that holds itself. */
static unsigned depth_of(const struct idl_fields *fields, unsigned above, bool *ret_secret)
{
    unsigned deepest = 0;
    for (size_t i = 0; i < fields->count && above + deepest <= TROUPE_DEPTH_MAX; i++) {
        const struct idl_type *type = &fields->items[i].type;
        unsigned here = 1 + (type->kind == IDL_ARRAY);
        type = type->kind == IDL_ARRAY ? type->element : type;
        *ret_secret = *ret_secret || fields->items[i].secret;
        if (type->kind == IDL_STRUCT && above + here <= TROUPE_DEPTH_MAX) {
            here += depth_of(&type->decl->fields, above + here, ret_secret);
        }
        deepest = here > deepest ? here : deepest;
    }
    return deepest;
}

static void check_depth(struct idl_lexer *lexer, const struct idl_fields *fields, uint32_t secret,
                        uint32_t *flags)
{
    bool holds_secret = false;
    if (!lexer->failed && depth_of(fields, 0, &holds_secret) > TROUPE_DEPTH_MAX) {
        idl_fail(lexer, "structs that nest less deep");
    }
    if (holds_secret && flags != NULL) {
        *flags |= secret;
    }
}

void idl_link(struct idl *idl, struct idl_lexer *lexer)
{
    for (size_t i = 0; i < idl->decls_count; i++) {
        link_fields(idl, lexer, &idl->decls[i].fields, 0, NULL, NULL);
    }
    for (size_t i = 0; i < idl->errors_count; i++) {
        link_fields(idl, lexer, &idl->errors[i].fields, 0, NULL, NULL);
        check_depth(lexer, &idl->errors[i].fields, 0, NULL);
    }
    for (size_t i = 0; i < idl->events_count; i++) {
        link_fields(idl, lexer, &idl->events[i].fields, 0, NULL, NULL);
        check_depth(lexer, &idl->events[i].fields, 0, NULL);
    }
    for (size_t i = 0; i < idl->methods_count; i++) {
        struct idl_method *one = &idl->methods[i];
        struct troupe_method *method = &one->method;
        link_fields(idl, lexer, &one->args, TROUPE_SECRET_ARGS, &method->flags,
                    &method->blob_args_bytes_max);
        link_fields(idl, lexer, &one->results, TROUPE_SECRET_RESULTS, &method->flags,
                    &method->blob_results_bytes_max);
        check_depth(lexer, &one->args, TROUPE_SECRET_ARGS, &method->flags);
        check_depth(lexer, &one->results, TROUPE_SECRET_RESULTS, &method->flags);
    }
}
