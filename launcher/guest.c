/* guest.c - the front role at a program that somebody else started (--attach).
 *
 * This process is a client of that program's control socket (attach.c is its side of it) and has the
 * front role only; the other roles it reaches by links, as the front role of that program does. All
 * comes as events of the launcher's loop. A process there that is started again has new links, which
 * are asked for over a new connection; when the program ends, so does this one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "launcher/launch.h"

enum { RETRY_MS = 250 }; /* while a process there is started again */

enum tl_visit_result tl_guest_open(const struct tl_launcher *launcher, const char *path,
                                   struct tl_guest *ret_guest)
{
    const struct troupe_program *program = launcher->program;
    *ret_guest = (struct tl_guest){.path = path,
                                   .wanted = tl_roles_usable(program),
                                   .retry_ms = TL_FOREVER,
                                   .over_ms = TL_FOREVER};
    struct tl_visit_roles there;
    enum tl_visit_result result = tl_visit_open(&ret_guest->visit, path);
    return result == TL_VISIT_DONE ? tl_visit_meet(&ret_guest->visit, program, &there) : result;
}

/* It may have told its views to end, and that may be on its way yet. */
static void over(struct tl_launcher *launcher)
{
    launcher->guest->over_ms = troupe_now_ms() + TL_LOST_MS;
    launcher->guest->retry_ms = TL_FOREVER;
}

void tl_guest_ask(struct tl_launcher *launcher)
{
    const struct troupe_program *program = launcher->program;
    struct tl_guest *guest = launcher->guest;
    const char *roles[TROUPE_ROLES_MAX];
    size_t count = 0;
    guest->retry_ms = TL_FOREVER;
    for (size_t i = 0; i < program->roles_count; i++) {
        if (guest->wanted & tl_bit(i)) {
            roles[count++] = program->roles[i].name;
        }
    }
    tl_visit_ask(&guest->visit, roles, count);
}

/* ---- what the program there says ------------------------------------------------------------- */

static void take_link(struct tl_launcher *launcher, struct tl_message *message)
{
    struct tl_guest *guest = launcher->guest;
    size_t at = 0;
    while (at < guest->links_count &&
           (strlen(guest->links[at].peer) != message->name.size ||
            memcmp(guest->links[at].peer, message->name.data, message->name.size) != 0)) {
        at++;
    }
    if (at == TL_PLACES_MAX || message->name.size >= sizeof guest->links[at].peer) {
        tl_message_close(message);
        tl_fail(launcher, "the program that runs on %s does not answer as it should", guest->path);
        return;
    }
    guest->links_count += at == guest->links_count;
    struct tl_guest_link *link = &guest->links[at];
    snprintf(link->peer, sizeof link->peer, "%.*s", (int)message->name.size, message->name.data);
    link->roles = 0;
    for (size_t i = 0; i < message->imports.count; i++) {
        size_t role = tl_role_find(launcher->program, message->imports.items[i].data,
                                   message->imports.items[i].size);
        link->roles |= role < launcher->program->roles_count ? tl_bit(role) : 0;
    }
    int error = tl_link_open(NULL, NULL, launcher->troupe, message);
    if (error != 0) {
        tl_fail(launcher, "the link to %s could not be opened: %s", link->peer,
                troupe_error_text(error));
    }
}

static void take_refusal(struct tl_launcher *launcher, const struct tl_message *message)
{
    if (message->code == TL_REFUSED_FOR_NOW) {
        launcher->guest->retry_ms = troupe_now_ms() + RETRY_MS;
    } else {
        tl_fail(launcher, "the program that runs on %s refused: %.*s", launcher->guest->path,
                (int)message->text.size, message->text.data);
    }
}

void tl_guest_hear(struct tl_launcher *launcher)
{
    struct tl_guest *guest = launcher->guest;
    struct tl_packet packet;
    struct tl_message *message = &packet.message;
    int result = tl_receive(guest->visit.fd, &packet);
    if (result < 0 && errno == EAGAIN) {
        return;
    }
    if (result == 1 && message->kind == TL_LINK) {
        take_link(launcher, message);
        return;
    }
    if (result == 1) {
        tl_message_close(message);
    }
    bool later = result == 1 && message->kind == TL_REFUSED && message->code == TL_REFUSED_FOR_NOW;
    if (result == 1 && message->kind == TL_REFUSED) {
        take_refusal(launcher, message);
    } else if (result == 1 && message->kind != TL_ATTACHED) {
        tl_fail(launcher, "the program that runs on %s does not answer as it should", guest->path);
    }
    bool ends = result != 1 || (message->kind == TL_REFUSED && !later);
    if (ends) {
        tl_visit_close(&guest->visit); /* is polled no more */
        over(launcher);
    }
}

/* ---- links and time -------------------------------------------------------------------------- */

void tl_guest_link(struct tl_launcher *launcher, const char *peer, bool up)
{
    struct tl_guest *guest = launcher->guest;
    for (size_t i = 0; i < guest->links_count; i++) {
        struct tl_guest_link *link = &guest->links[i];
        if (strcmp(link->peer, peer) != 0) {
            continue;
        }
        guest->wanted = up ? guest->wanted & ~link->roles : guest->wanted | link->roles;
        if (!up && !launcher->stop_wanted && guest->over_ms == TL_FOREVER) {
            tl_say(launcher->program, "the link to process %s is gone: another one is asked for",
                   peer);
            guest->retry_ms = troupe_now_ms() + RETRY_MS;
        }
    }
}

bool tl_guest_is_linked(const struct tl_launcher *launcher, size_t which)
{
    (void)which;
    return launcher->guest->wanted == 0 || launcher->stop_wanted;
}

void tl_guest_turn(struct tl_launcher *launcher, uint64_t now)
{
    if (now >= launcher->guest->over_ms && !launcher->stop_wanted) {
        tl_fail(launcher, "the program that ran on %s has ended", launcher->guest->path);
    }
    if (now >= launcher->guest->retry_ms && !launcher->stop_wanted) {
        tl_guest_ask(launcher);
    }
}
