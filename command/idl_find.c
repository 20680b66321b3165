/* idl_find.c - looking things up in an interface. */
#include <stdio.h>
#include <string.h>

#include "command/idl.h"

const struct idl_method *idl_method_find(const struct idl *idl, const char *name)
{
    for (size_t i = 0; i < idl->methods_count; i++) {
        if (strcmp(idl->methods[i].name, name) == 0) {
            return &idl->methods[i];
        }
    }
    return NULL;
}

const struct idl_event *idl_event_find(const struct idl *idl, const char *name)
{
    for (size_t i = 0; i < idl->events_count; i++) {
        if (strcmp(idl->events[i].name, name) == 0) {
            return &idl->events[i];
        }
    }
    return NULL;
}

const struct idl_error *idl_error_find(const struct idl *idl, int code)
{
    for (size_t i = 0; i < idl->errors_count; i++) {
        if (code > 0 && idl->errors[i].code == (uint32_t)code) {
            return &idl->errors[i];
        }
    }
    return NULL;
}

const struct idl_field *idl_field_find(const struct idl_fields *fields, const char *name,
                                       size_t size)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strlen(fields->items[i].name) == size &&
            memcmp(fields->items[i].name, name, size) == 0) {
            return &fields->items[i];
        }
    }
    return NULL;
}

const struct idl_value *idl_value_find(const struct idl_decl *decl, uint64_t value)
{
    for (size_t i = 0; i < decl->values_count; i++) {
        if (decl->values[i].value == value) {
            return &decl->values[i];
        }
    }
    return NULL;
}

void idl_type_text(const struct idl_type *type, char *to, size_t size)
{
    char bound[32] = "";
    char inner[160];
    bool number = type->kind == IDL_UINT || type->kind == IDL_INT;
    bool full = number &&
                type->bound == (UINT64_MAX >> (64 - type->bits + (type->kind == IDL_INT)));
    if (type->bound != 0 && !full) {
        snprintf(bound, sizeof bound, "<=%llu", (unsigned long long)type->bound);
    }
    if (type->kind == IDL_ARRAY) {
        idl_type_text(type->element, inner, sizeof inner);
    }
    snprintf(to, size, "%s%s%s%s%s",
             type->kind == IDL_ARRAY ? "["
             : type->kind == IDL_REF ? "ref<"
                                     : "",
             type->kind == IDL_ARRAY ? inner : type->name,
             type->kind == IDL_ARRAY ? "]"
             : type->kind == IDL_REF ? ">"
                                     : "",
             bound, type->optional ? "?" : "");
}
