/* attach.c - who came through a door (door.c), and what they get; visit.c is their side.
 *
 * A client may ask which roles there are. It says which it wants and gets its ends of fresh links, one
 * per process that has some of them; the other ends go to those processes as any link does. It may ask
 * again for what it lost. The connection stays for as long as the client uses the links: a moment
 * after its end the processes are told to end theirs, and its place is free once they have. So what
 * clients hold of a process, and what lies in the queue of its control socket for them, is bounded by
 * TL_CLIENTS_MAX, whatever they do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/launch.h"

static const char for_now[] = "a process of it is just being started again; try later";

/* False: it does not read what it is told. */
static bool refuse(int fd, const char *why)
{
    struct tl_message refused = {.kind = TL_REFUSED,
                                 .code = why == for_now ? TL_REFUSED_FOR_NOW : 0,
                                 .text = troupe_text(why)};
    return tl_send(fd, &refused, 0) == 0;
}

/* ---- coming and going ------------------------------------------------------------------------ */

/* The i-th of all doors, of TL_DOORS * TL_CLIENTS_MAX. */
static struct tl_client *client_at(struct tl_launcher *launcher, size_t i)
{
    return &launcher->doors[i / TL_CLIENTS_MAX].clients[i % TL_CLIENTS_MAX];
}

static bool is_free(const struct tl_client *client)
{
    return client->fd < 0 && client->linked == 0;
}

static void hang_up(struct tl_client *client)
{
    close(client->fd);
    client->fd = -1;
    client->due_ms = troupe_now_ms() +
                     TL_LOST_MS; /* its links end by themselves, if it has ended */
}

void tl_clients_leave(struct tl_door *door)
{
    for (size_t i = 0; i < TL_CLIENTS_MAX; i++) {
        if (door->clients[i].fd >= 0) {
            hang_up(&door->clients[i]);
        }
    }
}

void tl_clients_enter(struct tl_door *door)
{
    static unsigned count; /* so that no two have the same name */
    struct ucred peer;
    struct tl_client *client = NULL;
    int fd = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < TL_CLIENTS_MAX && client == NULL; i++) {
        client = is_free(&door->clients[i]) ? &door->clients[i] : NULL;
    }
    if (!tl_peer_of(fd, &peer) || peer.uid != geteuid()) {
        refuse(fd, "this program belongs to another user");
        close(fd);
    } else if (client == NULL) {
        refuse(fd, "it has as many clients as it can serve");
        close(fd);
    } else {
        *client = (struct tl_client){.fd = fd, .due_ms = troupe_now_ms() + TL_ATTACH_MS};
        snprintf(client->name, sizeof client->name, TL_CLIENT_PREFIX "%d.%u", (int)peer.pid,
                 ++count);
    }
}

/* Tells the processes that still have a link to one who hung up to end it. */
static void end_links(struct tl_launcher *launcher, struct tl_client *client)
{
    struct tl_message unlink = {.kind = TL_UNLINK, .name = troupe_text(client->name)};
    uint64_t left = client->linked & ~client->unlinked;
    for (size_t place = 0; place < launcher->composition.places_count; place++) {
        if ((left & tl_bit(place)) == 0) {
            continue;
        }
        if (place == 0) {
            troupe_host_peer_left(launcher->troupe, client->name);
        } else if (tl_send(launcher->processes[place].control, &unlink, 0) != 0) {
            continue; /* later */
        }
        client->unlinked |= tl_bit(place);
    }
}

void tl_clients_turn(struct tl_launcher *launcher)
{
    uint64_t now = troupe_now_ms();
    for (size_t i = 0; i < TL_DOORS * TL_CLIENTS_MAX; i++) {
        struct tl_client *client = client_at(launcher, i);
        if (now < client->due_ms) {
            continue;
        }
        if (client->fd >= 0 && !client->attached) {
            refuse(client->fd, "it was asked for nothing in time");
            hang_up(client);
        } else if (client->fd < 0 && client->linked != 0) {
            end_links(launcher, client);
        }
    }
}

void tl_clients_unlinked(struct tl_launcher *launcher, size_t place, struct troupe_text name)
{
    for (size_t i = 0; i < TL_DOORS * TL_CLIENTS_MAX; i++) {
        struct tl_client *client = client_at(launcher, i);
        bool is_it = name.data == NULL || (strlen(client->name) == name.size &&
                                           memcmp(client->name, name.data, name.size) == 0);
        if (!is_it) {
            continue;
        }
        client->linked &= ~tl_bit(place);
        client->unlinked &= ~tl_bit(place);
    }
}

void tl_clients_place_died(struct tl_launcher *launcher, size_t place)
{
    tl_clients_unlinked(launcher, place, (struct troupe_text){.data = NULL});
}

/* ---- a request ------------------------------------------------------------------------------- */

/* What the client wants; NULL: it may have it, otherwise why not. */
static const char *wanted_roles(const struct tl_launcher *launcher, const struct tl_door *door,
                                const struct tl_message *message, uint64_t *ret_wanted)
{
    const struct troupe_program *program = launcher->program;
    uint64_t wanted = 0;
    for (size_t i = 0; i < message->imports.count; i++) {
        const struct troupe_text *name = &message->imports.items[i];
        size_t role = tl_role_find(program, name->data, name->size);
        if (role == program->roles_count) {
            return "it has no such roles";
        }
        if ((door->roles & tl_bit(role)) == 0) {
            return "not all of these roles are for those who come through this socket";
        }
        if ((launcher->ready & tl_bit(role)) == 0) {
            return for_now;
        }
        wanted |= tl_bit(role);
    }
    *ret_wanted = wanted;
    return wanted != 0 ? NULL : "it has no such roles";
}

/* A link between the process of `place` and the client; NULL, or why not. */
static const char *grant(struct tl_launcher *launcher, const struct tl_door *door, size_t place,
                         uint64_t roles, struct tl_client *client, bool bypass)
{
    const struct tl_place *host = &launcher->composition.places[place];
    struct tl_message host_end;
    struct tl_message client_end;
    if ((client->linked & tl_bit(place)) != 0) {
        return for_now; /* it has one, unless the process is about to say that this is gone */
    }
    if (tl_link_make(launcher->program, host->name, roles, client->name, 0, bypass, &host_end,
                     &client_end) != 0) {
        return "a link could not be made";
    }
    host_end.roles = door->allow != NULL;
    bool handed = tl_hand_over(launcher, place, &host_end) == NULL;
    bool full = errno == EAGAIN;
    bool given = handed && tl_send(client->fd, &client_end, 0) == 0;
    tl_message_close(&client_end);
    if (handed) {
        client->linked |= tl_bit(place);
    }
    return given ? NULL : !handed && full ? for_now : "a link could not be made";
}

static const char *attach(struct tl_launcher *launcher, const struct tl_door *door,
                          struct tl_client *client, const struct tl_message *message)
{
    uint64_t wanted = 0;
    const char *why = launcher->stop_wanted ? "it is ending"
                                            : wanted_roles(launcher, door, message, &wanted);
    for (size_t i = 0; i < launcher->composition.places_count && why == NULL; i++) {
        uint64_t roles = launcher->composition.places[i].roles & wanted;
        why = roles != 0 ? grant(launcher, door, i, roles, client, message->code != 0) : NULL;
    }
    struct tl_message attached = {.kind = TL_ATTACHED};
    if (why == NULL && tl_send(client->fd, &attached, 0) != 0) {
        return "it does not read what it is told";
    }
    client->attached = client->attached || why == NULL;
    return why;
}

/* Which roles there are, and where. */
static bool list(struct tl_launcher *launcher, const struct tl_door *door, struct tl_client *client)
{
    const struct troupe_program *program = launcher->program;
    struct tl_message roles = {.kind = TL_ROLES,
                               .name = troupe_text(program->name),
                               .text = troupe_text(program->version)};
    for (size_t i = 0; i < program->roles_count; i++) {
        size_t place = tl_place_of(&launcher->composition, i);
        size_t at = roles.exports.count;
        if (place == launcher->composition.places_count || (door->roles & tl_bit(i)) == 0) {
            continue; /* not asked for, or a command stands where the front role would be */
        }
        roles.exports.items[at] = troupe_text(program->roles[i].name);
        roles.values.items[at] = troupe_text(launcher->composition.places[place].name);
        roles.uses[at] = (uint64_t)(place == 0 ? getpid() : launcher->processes[place].pid);
        roles.roles |= (launcher->ready & tl_bit(i)) != 0 ? tl_bit(at) : 0;
        roles.uses_count = roles.values.count = roles.exports.count = at + 1;
    }
    return tl_send(client->fd, &roles, 0) == 0;
}

void tl_clients_serve(struct tl_launcher *launcher, struct tl_door *door, size_t slot)
{
    struct tl_client *client = &door->clients[slot];
    struct tl_packet packet;
    int result = tl_receive(client->fd, &packet);
    const char *why = NULL;
    if (result < 0 && errno == EAGAIN) {
        return;
    }
    if (result == 1) {
        tl_message_close(&packet.message);
    }
    client->due_ms = troupe_now_ms() + TL_ATTACH_MS;
    if (result == 1 && packet.message.kind == TL_ATTACH) {
        why = attach(launcher, door, client, &packet.message);
    } else if (result != 1 || packet.message.kind != TL_LIST) {
        why = "that is not what a client may say";
    } else if (!list(launcher, door, client)) {
        result = 0;
    }
    bool reads = result != 0 && (why == NULL || refuse(client->fd, why));
    if (!reads || (why != NULL && why != for_now)) {
        hang_up(client);
    }
}
