/* tabs.c - a tab is one more peer: its WebSocket, on a path that nobody can guess, carries the messages of
 * a link, which this process opens as a gate. NNG has no way to hand a WebSocket to a link, so a raw
 * pair of sockets relays between them (nng_device); neither keeps a message that the other does not
 * take, so a tab that reads slowly holds up its own link only.
 *
 * A tab that was asked for and never comes ends with its link, which waits for hello (TROUPE_HELLO_MS).
 * Whichever end is gone first, the actor closes the other: NNG closes no socket inside a callback. */
#include <nng/nng.h>

#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actors/web/web_impl.h"
#include "bus/troupe_host.h"

/* ---- what a WebSocket must bring ---- */

static bool header_of(nng_pipe pipe, const char *option, char **ret_value)
{
    *ret_value = NULL;
    return nng_pipe_get_string(pipe, option, ret_value) == 0;
}

/* The path is a secret already; a page elsewhere that knew it still has another Origin. */
static void outside_comes(nng_pipe pipe, nng_pipe_ev event, void *user)
{
    struct tab *tab = user;
    nng_sockaddr peer;
    char *origin;
    char *cookie;
    (void)event;
    bool named = header_of(pipe, NNG_OPT_WS_REQUEST_HEADER "Origin", &origin);
    bool known = header_of(pipe, NNG_OPT_WS_REQUEST_HEADER "Cookie", &cookie);
    bool enters = named && known && web_origin_is_own(tab->web, origin) &&
                  web_cookie_has(tab->web, cookie);
    if (enters && nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &peer) == 0) {
        pthread_mutex_lock(&tab->web->lock);
        tab->peer = peer.s_in.sa_port;
        pthread_mutex_unlock(&tab->web->lock);
    }
    if (!enters) {
        nng_pipe_close(pipe);
    }
    nng_strfree(origin);
    nng_strfree(cookie);
    if (enters) {
        web_wake(tab->web); /* somebody is there */
    }
}

static void end_gone(nng_pipe pipe, nng_pipe_ev event, void *user)
{
    struct tab *tab = user;
    (void)pipe;
    (void)event;
    pthread_mutex_lock(&tab->web->lock);
    tab->over = true;
    pthread_mutex_unlock(&tab->web->lock);
    web_wake(tab->web);
}

/* ---- opening ---- */

static int open_socket(struct tab *tab, nng_socket *ret_socket)
{
    int error = nng_pair0_open_raw(ret_socket);
    if (error != 0) {
        return error;
    }
    nng_socket_set_int(*ret_socket, NNG_OPT_SENDBUF, 0);
    nng_socket_set_int(*ret_socket, NNG_OPT_RECVBUF, 0);
    /* Of a WebSocket's message, whatever the frames that it comes in. */
    nng_socket_set_size(*ret_socket, NNG_OPT_RECVMAXSZ, TROUPE_LINK_RECEIVE_BYTES_MAX);
    error = nng_pipe_notify(*ret_socket, NNG_PIPE_EV_REM_POST, end_gone, tab);
    if (error != 0) {
        nng_close(*ret_socket);
    }
    return error;
}

static int listen_outside(struct tab *tab)
{
    char url[sizeof tab->path + WEB_PLACE_SIZE + 8];
    snprintf(url, sizeof url, "ws://%s%s", tab->web->place, tab->path);
    int error = nng_pipe_notify(tab->outside, NNG_PIPE_EV_ADD_PRE, outside_comes, tab);
    return error != 0 ? error : nng_listen(tab->outside, url, NULL, 0);
}

/* Takes `fd` over, also on failure. */
static int listen_inside(const struct tab *tab, int fd)
{
    nng_listener listener;
    int error = nng_listen(tab->inside, "socket://", &listener, 0);
    error = error != 0 ? error : nng_listener_set_int(listener, NNG_OPT_SOCKET_FD, fd);
    if (error != 0) {
        close(fd);
    }
    return error;
}

static int open_link(const struct tab *tab)
{
    /* NAME.bus looks into the process of a role: between them all of the program. */
    static const char *const names[][2] = {{"node", "node.bus"},
                                           {"wallet", "wallet.bus"},
                                           {"web", "web.bus"},
                                           {"launcher", "launcher.bus"}};
    enum { ROLES = sizeof names / sizeof names[0] };
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return TROUPE_ESYSTEM;
    }
    struct troupe_grant exports[2 * ROLES];
    struct troupe_link_config config = {
        .peer = "tab", .fd = ends[0], .exports = exports, .gate = true};
    for (size_t i = 0; i < 2 * ROLES; i++) {
        struct troupe_ref ref; /* a composition may let this role use fewer */
        if (troupe_host_find(tab->web->troupe, names[i % ROLES][0], &ref) == 0) {
            exports[config.exports_count++] = (struct troupe_grant){
                .role = names[i % ROLES][i / ROLES], .events_fd = -1};
        }
    }
    int error = listen_inside(tab, ends[1]);
    if (error != 0) {
        close(ends[0]);
        return TROUPE_ESYSTEM;
    }
    return troupe_host_link(tab->web->troupe, &config, NULL);
}

static void close_sockets(struct tab *tab)
{
    nng_close(tab->outside);
    nng_close(tab->inside);
    if (tab->relay != NULL) {
        nng_aio_stop(tab->relay);
        nng_aio_free(tab->relay);
    }
    pthread_mutex_lock(&tab->web->lock);
    *tab = (struct tab){.web = tab->web};
    pthread_mutex_unlock(&tab->web->lock);
}

static int open_sockets(struct tab *tab)
{
    if (open_socket(tab, &tab->outside) != 0) {
        return TROUPE_ESYSTEM;
    }
    if (open_socket(tab, &tab->inside) != 0) {
        nng_close(tab->outside);
        return TROUPE_ESYSTEM;
    }
    int error = nng_aio_alloc(&tab->relay, NULL, NULL) != 0 ? TROUPE_ENOMEM : 0;
    error = error != 0 ? error : listen_outside(tab) != 0 ? TROUPE_ESYSTEM : open_link(tab);
    if (error != 0) {
        close_sockets(tab);
        return error;
    }
    nng_aio_set_timeout(tab->relay, NNG_DURATION_INFINITE);
    nng_device_aio(tab->relay, tab->outside, tab->inside);
    return 0;
}

/* A free one, taken. NULL: there is none, or no more is opened. */
static struct tab *take_tab(struct web *web)
{
    struct tab *tab = NULL;
    pthread_mutex_lock(&web->lock);
    for (size_t i = 0; i < WEB_TABS_MAX && tab == NULL && !web->stopped; i++) {
        tab = web->tabs[i].open ? NULL : &web->tabs[i];
    }
    if (tab != NULL) {
        *tab = (struct tab){.web = web, .open = true};
        web->opening++;
    }
    pthread_mutex_unlock(&web->lock);
    return tab;
}

int web_tab_open(struct web *web, char *ret_path, size_t size)
{
    char secret[WEB_SECRET_SIZE];
    struct tab *tab = take_tab(web);
    if (tab == NULL) {
        return TROUPE_EBUSY;
    }
    int error = web_make_secret(secret) ? 0 : TROUPE_ESYSTEM;
    snprintf(tab->path, sizeof tab->path, "/tab/%s", secret);
    snprintf(ret_path, size, "%s", tab->path);
    error = error != 0 ? error : open_sockets(tab); /* without the lock: callbacks take it */
    pthread_mutex_lock(&web->lock);
    tab->open = error == 0;
    tab->ready = error == 0;
    bool over = tab->over;
    web->opening--;
    pthread_cond_signal(&web->opened);
    pthread_mutex_unlock(&web->lock);
    if (over) {
        web_wake(web);
    }
    return error;
}

/* ---- closing ---- */

void web_tabs_close(struct web *web, bool all)
{
    for (size_t i = 0; i < WEB_TABS_MAX; i++) {
        struct tab *tab = &web->tabs[i];
        pthread_mutex_lock(&web->lock);
        bool closes = tab->ready && (tab->over || all);
        pthread_mutex_unlock(&web->lock);
        if (closes) {
            close_sockets(tab); /* it is taken until now, so nobody else looks at it */
        }
    }
}
