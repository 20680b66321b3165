/* wire.c - roles and links as a composition has them.
 *
 * The launcher makes every link: a socketpair for requests, one for the events of each role on it,
 * and a bypass, unless TROUPE_BYPASS=off is in its environment. An end is a TL_LINK message, whoever
 * it is for: a child, a client, or the launcher itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/launch.h"

int tl_declare(struct troupe *troupe, const struct troupe_arguments *arguments, uint64_t here,
               const uint64_t *uses, struct tl_seats *seats)
{
    const struct troupe_program *program = arguments->program;
    for (size_t i = 0; i < program->roles_count; i++) {
        size_t count = 0;
        for (size_t used = 0; used < program->roles_count; used++) {
            if (uses[i] & tl_bit(used)) {
                seats->uses[i][count++] = program->roles[used].name;
            }
        }
        seats->uses[i][count] = NULL;
        seats->roles[i] = program->roles[i];
        seats->roles[i].uses = seats->uses[i];
        int error = 0;
        if (here & tl_bit(i)) {
            error = troupe_host_declare(troupe, &seats->roles[i], arguments);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ---- making a link --------------------------------------------------------------------------- */

/* One more socketpair, an end to each message. */
static int add_pair(struct tl_message *a, struct tl_message *b)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return -1;
    }
    a->fds[a->fds_count++] = ends[0];
    b->fds[b->fds_count++] = ends[1];
    return 0;
}

/* `seat` of one side: exported there, imported at the other. */
static void list_roles(const struct troupe_program *program, uint64_t roles,
                       struct tl_list *exports, struct tl_list *imports)
{
    for (size_t i = 0; i < program->roles_count; i++) {
        if (roles & tl_bit(i)) {
            struct troupe_text name = troupe_text(program->roles[i].name);
            exports->items[exports->count++] = name;
            imports->items[imports->count++] = name;
        }
    }
}

/* The descriptors of a message are those of its exports, then of its imports: the other way round
 * at the other end. */
static void swap_events(struct tl_message *message)
{
    int fds[TL_FDS_MAX];
    size_t exports = message->exports.count;
    size_t imports = message->imports.count;
    memcpy(fds, message->fds, sizeof fds);
    memcpy(message->fds + 1, fds + 1 + imports, exports * sizeof fds[0]);
    memcpy(message->fds + 1 + exports, fds + 1, imports * sizeof fds[0]);
}

static int add_bypass(struct tl_message *a, struct tl_message *b)
{
    struct tl_message *messages[] = {a, b};
    struct troupe_bypass ends[2];
    const char *wanted = getenv("TROUPE_BYPASS");
    if (wanted != NULL && strcmp(wanted, "off") == 0) {
        return 0;
    }
    if (troupe_host_bypass(ends) != 0) {
        return -1;
    }
    for (size_t i = 0; i < 2; i++) {
        int fds[TL_BYPASS_FDS] = {ends[i].memory_fd, ends[i].bell_in_fd, ends[i].bell_out_fd};
        memcpy(messages[i]->fds + messages[i]->fds_count, fds, sizeof fds);
        messages[i]->fds_count += TL_BYPASS_FDS;
        messages[i]->code = 1 + (int)ends[i].end;
    }
    return 0;
}

int tl_link_make(const struct troupe_program *program, const char *a_name, uint64_t a_roles,
                 const char *b_name, uint64_t b_roles, bool bypass, struct tl_message *ret_a,
                 struct tl_message *ret_b)
{
    *ret_a = (struct tl_message){.kind = TL_LINK, .name = troupe_text(b_name)};
    *ret_b = (struct tl_message){.kind = TL_LINK, .name = troupe_text(a_name)};
    list_roles(program, a_roles, &ret_a->exports, &ret_b->imports);
    list_roles(program, b_roles, &ret_b->exports, &ret_a->imports);
    size_t pairs = 1 + ret_a->exports.count + ret_a->imports.count;
    int result = 0;
    for (size_t i = 0; i < pairs && result == 0; i++) {
        result = add_pair(ret_a, ret_b);
    }
    if (result == 0 && bypass) {
        result = add_bypass(ret_a, ret_b);
    }
    if (result != 0) {
        int error = errno;
        tl_message_close(ret_a);
        tl_message_close(ret_b);
        errno = error;
        return -1;
    }
    swap_events(ret_b);
    return 0;
}

/* ---- opening an end -------------------------------------------------------------------------- */

struct names {
    char texts[TROUPE_ROLES_MAX][TROUPE_NAME_BYTES_MAX + 1];
    struct troupe_grant grants[TROUPE_ROLES_MAX];
};

static void grant(const struct tl_list *list, const int *fds, struct names *ret_names)
{
    for (size_t i = 0; i < list->count; i++) {
        snprintf(ret_names->texts[i], sizeof ret_names->texts[i], "%.*s", (int)list->items[i].size,
                 list->items[i].data);
        ret_names->grants[i] = (struct troupe_grant){.role = ret_names->texts[i],
                                                     .events_fd = fds[i]};
    }
}

int tl_link_open(const struct troupe_program *program, const char *allow, struct troupe *troupe,
                 struct tl_message *message)
{
    struct tl_permits permits = {.count = 0};
    bool limited = message->roles != 0;
    if (limited && (allow == NULL || !tl_permits_read(program, allow, strlen(allow), &permits))) {
        tl_message_close(message);
        return TROUPE_EINVAL;
    }
    struct names exports;
    struct names imports;
    char peer[TROUPE_NAME_BYTES_MAX + 1];
    snprintf(peer, sizeof peer, "%.*s", (int)message->name.size, message->name.data);
    grant(&message->exports, message->fds + 1, &exports);
    grant(&message->imports, message->fds + 1 + message->exports.count, &imports);
    const int *last = message->fds + 1 + message->exports.count + message->imports.count;
    struct troupe_bypass bypass = {.end = message->code == 2};
    if (message->code != 0) {
        bypass.memory_fd = last[0];
        bypass.bell_in_fd = last[1];
        bypass.bell_out_fd = last[2];
    }
    struct troupe_link_config config = {.peer = peer,
                                        .fd = message->fds[0],
                                        .bypass = message->code != 0 ? &bypass : NULL,
                                        .exports = exports.grants,
                                        .exports_count = message->exports.count,
                                        .imports = imports.grants,
                                        .imports_count = message->imports.count,
                                        .permits = limited ? permits.items : NULL,
                                        .permits_count = permits.count};
    message->fds_count = 0;
    return troupe_host_link(troupe, &config, NULL);
}
