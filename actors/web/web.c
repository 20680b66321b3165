/* web.c - the web role's actor. See web.h and web_impl.h. */
#include "actors/web/web.h"

#include <stdlib.h>
#include <string.h>

#include "actors/web/web_impl.h"
#include "bus/troupe_host.h"
#include "interfaces/launcher.h"
#include "interfaces/node.h"
#include "interfaces/wallet.h"
#include "interfaces/wallets.h"
#include "interfaces/web.h"
#include "launcher/launcher.h"

const char *web_check_port(const char *value)
{
    size_t size = strspn(value, "0123456789");
    return size >= 1 && size <= 5 && value[size] == '\0' && strtoul(value, NULL, 10) <= UINT16_MAX
               ? NULL
               : "a port from 1 to 65535, or 0 for any";
}

/* What a page may ask for. */
static const struct troupe_interface *const passes[] = {&node_interface,     &wallets_interface,
                                                        &wallet_interface,   &web_interface,
                                                        &launcher_interface, NULL};

void web_wake(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    int error = web->stopped ? 0 : web_changed(web->troupe, web->self);
    (void)error; /* too many of them wait: one is enough */
    pthread_mutex_unlock(&web->lock);
}

void web_free(void *user)
{
    struct web *web = user;
    web_idle_close(web);
    pthread_cond_destroy(&web->opened);
    pthread_mutex_destroy(&web->lock);
    explicit_bzero(web, sizeof *web);
    free(web);
}

static void say_address(struct troupe_actor *self, struct web *web)
{
    pthread_mutex_lock(&web->lock);
    bool made = web_make_secret(web->token);
    web->token_used = !made;
    if (made) {
        troupe_report(self, "open http://%s/?token=%s", web->place, web->token);
    }
    pthread_mutex_unlock(&web->lock);
}

static struct web *make(struct troupe_actor *self, const char *port)
{
    struct web *web = calloc(1, sizeof *web);
    if (web == NULL) {
        return NULL;
    }
    web->troupe = troupe_runtime(self);
    web->self = troupe_self(self);
    web->port = (uint16_t)strtoul(port, NULL, 10);
    pthread_mutex_init(&web->lock, NULL);
    pthread_cond_init(&web->opened, NULL);
    if (!web_idle_open(web) || !web_make_secret(web->session)) {
        web_free(web);
        return NULL;
    }
    return web;
}

static void look_again(struct troupe_actor *self, void *user)
{
    web_idle_end(user);
    web_questions_offer(self, user);
    web_questions_look(self, user);
    if (troupe_after(self, WEB_LOOK_MS, look_again, user, NULL) != 0) {
        troupe_report(self, "no memory to watch its connections");
    }
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct web **own = state;
    int error = troupe_host_gate(troupe_runtime(self), passes);
    struct web *web = error == 0 ? make(self, troupe_argument(argument, "web")) : NULL;
    if (web == NULL) {
        return error != 0 ? error : TROUPE_ENOMEM;
    }
    int code = web_door_open(web);
    if (code != 0) {
        troupe_report(self, "can't serve a page on 127.0.0.1:%u: %s; choose another --web=PORT",
                      web->port, nng_strerror(code));
        web_door_close(web);
        return 1;
    }
    *own = web;
    look_again(self, web);
    say_address(self, web);
    return 0;
}

static void stop(struct troupe_actor *self, void *state)
{
    struct web *web = *(struct web **)state;
    (void)self;
    if (web == NULL) {
        return;
    }
    pthread_mutex_lock(&web->lock);
    web->stopped = true;
    while (web->opening != 0) {
        pthread_cond_wait(&web->opened, &web->lock);
    }
    pthread_mutex_unlock(&web->lock);
    web_tabs_close(web, true);
    web_door_close(web);
}

static void changed(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct web *web = *(struct web **)state;
    (void)call;
    web_tabs_close(web, false);
    web_questions_offer(self, web);
    pthread_mutex_lock(&web->lock);
    bool used = web->token_used;
    pthread_mutex_unlock(&web->lock);
    if (used) {
        say_address(self, web);
    }
}

static const struct web_handlers handlers = {.changed = changed, .answer = web_serve_answer};
static const struct troupe_service services[] = {{&web_interface, &handlers},
                                                 {&ui_interface, &web_ui_handlers}};

/* Closing a socket may wait for its last frame: a thread of its own. */
const struct troupe_actor_def web_actor = {
    .name = "web",
    .state_size = sizeof(struct web *),
    .start = start,
    .stop = stop,
    .services = services,
    .services_count = sizeof services / sizeof services[0],
    .flags = TROUPE_DETACHED,
};
