/* door.c - HTTP on 127.0.0.1, by NNG's server: the page's files, the exchange of a token for a cookie, and
 * paths for WebSockets. One handler answers all of it, so that no answer of NNG's own goes out
 * without our checks and headers; only a tab's path (tabs.c) is longer and so goes elsewhere.
 *
 * NNG's threads call it. Nothing here waits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/web/page.h"
#include "actors/web/web_impl.h"

static const char security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self' ws://%s; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

/* What is sent back. Text is copied, a file's content is constant. */
struct answer {
    uint16_t status;
    const char *type;
    const void *data;
    size_t size;
    const char *cookie;   /* NULL: none is set */
    const char *location; /* NULL: it is no redirection */
};

static struct answer say(uint16_t status, const char *text)
{
    return (struct answer){
        .status = status, .type = "text/plain; charset=utf-8", .data = text, .size = strlen(text)};
}

static int set_headers(const struct web *web, const struct answer *answer, nng_http_res *res)
{
    char policy[sizeof security_policy + WEB_PLACE_SIZE];
    snprintf(policy, sizeof policy, security_policy, web->place);
    const char *const headers[][2] = {{"Content-Security-Policy", policy},
                                      {"X-Content-Type-Options", "nosniff"},
                                      {"Referrer-Policy", "no-referrer"},
                                      {"Cross-Origin-Opener-Policy", "same-origin"},
                                      {"Cross-Origin-Resource-Policy", "same-origin"},
                                      {"Cache-Control", "no-store"},
                                      {"Content-Type", answer->type},
                                      {"Set-Cookie", answer->cookie},
                                      {"Location", answer->location}};
    int error = 0;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0] && error == 0; i++) {
        error = headers[i][1] != NULL ? nng_http_res_set_header(res, headers[i][0], headers[i][1])
                                      : 0;
    }
    return error;
}

static void send_answer(const struct web *web, nng_aio *aio, const struct answer *answer)
{
    nng_http_res *res = NULL;
    int error = nng_http_res_alloc(&res);
    error = error != 0 ? error : nng_http_res_set_status(res, answer->status);
    error = error != 0 ? error : nng_http_res_copy_data(res, answer->data, answer->size);
    error = error != 0 ? error : set_headers(web, answer, res);
    if (error != 0) {
        nng_http_res_free(res);
    } else {
        nng_aio_set_output(aio, 0, res);
    }
    nng_aio_finish(aio, error);
}

/* ---- who may come in ---- */

/* GET /?token=... in the place of a cookie, once. True: `cookie` is what to set. */
static bool take_token(struct web *web, const char *query, char *cookie, size_t size)
{
    static const char name[] = "token=";
    if (strncmp(query, name, sizeof name - 1) != 0) {
        return false;
    }
    const char *given = query + sizeof name - 1;
    pthread_mutex_lock(&web->lock);
    bool right = !web->token_used && web_secret_equal(web->token, given, strlen(given));
    web->token_used = web->token_used || right;
    pthread_mutex_unlock(&web->lock);
    if (right) {
        snprintf(cookie, size, "%s=%s; Path=/; HttpOnly; SameSite=Strict", web->cookie,
                 web->session);
        web_wake(web);
    }
    return right;
}

/* NULL: it may go on. */
static const char *objection(const struct web *web, nng_http_req *req)
{
    const char *host = nng_http_req_get_header(req, "Host");
    const char *origin = nng_http_req_get_header(req, "Origin");
    bool post = strcmp(nng_http_req_get_method(req), "POST") == 0;
    if (host == NULL || strcmp(host, web->place) != 0) {
        return "This server has another name.\n";
    }
    if ((post || origin != NULL) && !web_origin_is_own(web, origin)) {
        return "This is not for other pages.\n";
    }
    if (nng_http_req_get_header(req, "Transfer-Encoding") != NULL) {
        return "Requests have no body here.\n";
    }
    return NULL;
}

/* ---- what they get ---- */

static struct answer open_tab(struct web *web, char *path, size_t size)
{
    int error = web_tab_open(web, path, size);
    if (error == TROUPE_EBUSY) {
        return say(NNG_HTTP_STATUS_SERVICE_UNAVAILABLE, "Too many tabs are open.\n");
    }
    return error == 0 ? say(NNG_HTTP_STATUS_OK, path)
                      : say(NNG_HTTP_STATUS_SERVICE_UNAVAILABLE, "No tab could be opened.\n");
}

static struct answer get_file(const char *path, size_t size)
{
    for (size_t i = 0; i < web_page_count; i++) {
        const struct web_file *file = &web_page[i];
        if (strlen(file->path) == size && strncmp(file->path, path, size) == 0) {
            return (struct answer){.status = NNG_HTTP_STATUS_OK,
                                   .type = file->type,
                                   .data = file->data,
                                   .size = file->size};
        }
    }
    return say(NNG_HTTP_STATUS_NOT_FOUND, "There is nothing here.\n");
}

/* The first request may come before the port is known. */
static bool has_name(struct web *web)
{
    pthread_mutex_lock(&web->lock);
    bool has = web->place[0] != '\0';
    pthread_mutex_unlock(&web->lock);
    return has;
}

static void serve(nng_aio *aio)
{
    nng_http_req *req = nng_aio_get_input(aio, 0);
    struct web *web = nng_http_handler_get_data(nng_aio_get_input(aio, 1));
    const char *uri = nng_http_req_get_uri(req);
    const char *method = nng_http_req_get_method(req);
    const char *why = has_name(web) ? objection(web, req) : "This server is just starting.\n";
    char room[sizeof((struct tab *)0)->path + 128]; /* a path or a cookie */
    size_t size = strcspn(uri, "?");
    struct answer answer;
    bool root = size == 1 && uri[0] == '/';
    bool post = strcmp(method, "POST") == 0;
    if (why != NULL) {
        answer = say(NNG_HTTP_STATUS_FORBIDDEN, why);
    } else if (!post && strcmp(method, "GET") != 0) {
        answer = say(NNG_HTTP_STATUS_METHOD_NOT_ALLOWED, "GET and POST only.\n");
    } else if (!post && root && uri[size] == '?' &&
               take_token(web, uri + size + 1, room, sizeof room)) {
        answer = say(NNG_HTTP_STATUS_SEE_OTHER, "Come in.\n"); /* NNG takes no empty one */
        answer.cookie = room;
        answer.location = "/";
    } else if (!web_cookie_has(web, nng_http_req_get_header(req, "Cookie"))) {
        answer = say(NNG_HTTP_STATUS_FORBIDDEN, "Open the address that the program has printed: "
                                                "each works once, for one browser.\n");
    } else if (post && size == 4 && strncmp(uri, "/tab", size) == 0) {
        answer = open_tab(web, room, sizeof room);
    } else if (post) {
        answer = say(NNG_HTTP_STATUS_NOT_FOUND, "There is nothing here.\n");
    } else {
        answer = get_file(uri, size);
    }
    send_answer(web, aio, &answer);
}

/* ---- opening and closing ---- */

static int add_handler(struct web *web)
{
    int error = nng_http_handler_alloc(&web->handler, "/", serve);
    if (error != 0) {
        return error;
    }
    error = nng_http_handler_set_tree(web->handler);
    error = error != 0 ? error : nng_http_handler_set_method(web->handler, NULL);
    error = error != 0 ? error : nng_http_handler_collect_body(web->handler, true, 0);
    error = error != 0 ? error : nng_http_handler_set_data(web->handler, web, web_free);
    error = error != 0 ? error : nng_http_server_add_handler(web->server, web->handler);
    if (error != 0) {
        nng_http_handler_set_data(web->handler, NULL, NULL); /* web is not its own yet */
        nng_http_handler_free(web->handler);
        web->handler = NULL;
    }
    return error;
}

/* Port 0: the system has chosen one. */
static int find_port(struct web *web)
{
    nng_sockaddr address;
    int error = nng_http_server_get_addr(web->server, &address);
    if (error == 0) {
        const uint8_t *port = (const uint8_t *)&address.s_in.sa_port;
        pthread_mutex_lock(&web->lock);
        web->port = (uint16_t)(port[0] << 8 | port[1]);
        snprintf(web->place, sizeof web->place, "127.0.0.1:%u", web->port);
        snprintf(web->cookie, sizeof web->cookie, "troupe_%u", web->port);
        pthread_mutex_unlock(&web->lock);
    }
    return error;
}

int web_door_open(struct web *web)
{
    char text[WEB_PLACE_SIZE + 8];
    nng_url *url = NULL;
    snprintf(text, sizeof text, "http://127.0.0.1:%u", web->port);
    int error = nng_url_parse(&url, text);
    error = error != 0 ? error : nng_http_server_hold(&web->server, url);
    error = error != 0 ? error : add_handler(web);
    error = error != 0 ? error : nng_http_server_start(web->server);
    error = error != 0 ? error : find_port(web);
    nng_url_free(url);
    return error;
}

/* The handler goes with the server, and `web` with the handler, once no call is in it. */
void web_door_close(struct web *web)
{
    nng_http_server *server = web->server;
    if (web->handler == NULL) {
        web_free(web);
    }
    if (server != NULL) {
        nng_http_server_stop(server);
        nng_http_server_release(server);
    }
}
