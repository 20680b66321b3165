/* web_impl.h - inside the web role:
 *
 *   web.c    the actor: opens and closes it all, closes tabs that are over
 *   door.c   HTTP: who may come in, and what they get
 *   tabs.c   WebSockets: a link for each tab
 *   guard.c  secrets, and the headers of a request
 *   idle.c   connections that are silent, or too many
 *   questions.c  what a person is asked
 *   page.h   the files of the page, made of page/
 *
 * NNG calls door.c and tabs.c on its own threads; `lock` is over everything that changes. A person
 * gets in with the token of the printed address, once: it is exchanged for a cookie. Each request
 * must name this server as its Host, so that no other name leads here (DNS rebinding), and each that
 * changes something must come from its page (Origin). */
#ifndef ACTORS_WEB_WEB_IMPL_H
#define ACTORS_WEB_WEB_IMPL_H

#include <nng/nng.h>
#include <nng/supplemental/http/http.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus/troupe.h"
#include "interfaces/ui.h"
#include "interfaces/web.h"

enum {
    WEB_SECRET_BYTES = 32,
    WEB_SECRET_SIZE = 2 * WEB_SECRET_BYTES + 1, /* in hexadecimal, with its NUL */
    WEB_TABS_MAX = 16,                          /* at a time; a person has few */
    WEB_CONNECTIONS_MAX = 64,                   /* besides those of tabs; a second later */
    WEB_IDLE_MS = 15000,                        /* that one of them may be silent */
    WEB_FDS_MAX = 1024,                         /* more a sandboxed process can't have */
    WEB_LOOK_MS = 1000,                         /* between two looks at them */
    WEB_PLACE_SIZE = 32,                        /* "127.0.0.1:65535" */
    WEB_QUESTIONS_MAX = 4,                      /* at a time, as in interfaces/web.iface */
    WEB_QUESTION_S = 60,                        /* if the asker does not say how long */
};

/* One page that is shown somewhere. Free: `open` is false. */
struct tab {
    struct web *web;
    bool open;
    bool ready; /* its sockets are */
    bool over;  /* one of them is gone: the actor closes the other */
    char path[8 + WEB_SECRET_SIZE];
    uint16_t peer;      /* the port that its WebSocket comes from, in network order; 0: none yet */
    nng_socket outside; /* the WebSocket */
    nng_socket inside;  /* the other end of the gate's link */
    nng_aio *relay;     /* carries messages between the two, both ways */
};

/* A connection that says nothing, since so long. */
struct silent {
    int fd;
    uint32_t ms;
};

/* What a person is asked. Free: `call` is NULL. */
struct question {
    struct troupe_call *call;     /* [owned] */
    struct ui_question_args args; /* what they point at is the call's */
    uint64_t id;
    uint64_t until_ms;
    uint64_t until_unix_ms; /* the same, for a page */
};

/* What the node was told last. */
enum web_offers { WEB_OFFERS_NOTHING, WEB_OFFERS_ANSWERS, WEB_OFFERS_UNKNOWN };

/* Freed when both the actor and NNG's server, which may still be in a call, are done with it. */
struct web {
    struct troupe *troupe;
    struct troupe_ref self;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    unsigned opening; /* tabs, by NNG's threads */
    bool stopped;     /* nothing more is opened, and `troupe` is not looked at */
    uint16_t port;
    char place[WEB_PLACE_SIZE];  /* what Host must be */
    char cookie[WEB_PLACE_SIZE]; /* its name: cookies do not tell ports apart */
    char token[WEB_SECRET_SIZE];
    char session[WEB_SECRET_SIZE];
    bool token_used; /* the actor makes the next and says so */
    int spare;       /* of idle.c */
    int probe;
    struct silent silent[WEB_FDS_MAX];
    nng_http_server *server;
    nng_http_handler *handler;
    struct tab tabs[WEB_TABS_MAX];
    /* Of questions.c: the actor's alone. */
    struct troupe_ref node;
    bool watches_node;
    bool is_offering; /* the node has not answered yet */
    enum web_offers offers;
    uint64_t questions_asked; /* ever */
    struct question questions[WEB_QUESTIONS_MAX];
};

/* ---- guard.c ---- */
/* Random, in hexadecimal. False: the system has none to give. */
bool web_make_secret(char to[WEB_SECRET_SIZE]);
/* In a time that does not tell where they differ. */
bool web_secret_equal(const char *secret, const char *given, size_t given_size);
/* A Cookie header has this session. `header` may be NULL. */
bool web_cookie_has(const struct web *web, const char *header);
/* An Origin header is this page's. `header` may be NULL, which is nobody's. */
bool web_origin_is_own(const struct web *web, const char *header);

/* ---- door.c ---- */
/* 0, or a code of NNG. Afterwards `port` and `place` are set, and `web` [owned] is web_free's once it was
 * closed; [borrowed] on failure, if there is no `handler`. */
int web_door_open(struct web *web);
void web_door_close(struct web *web);

/* ---- tabs.c ---- */
/* Makes room for one more tab; the path that its WebSocket must ask for goes to `ret_path`. 0,
 * TROUPE_EBUSY (WEB_TABS_MAX), or what else went wrong. Any thread. */
int web_tab_open(struct web *web, char *ret_path, size_t size);
/* Closes those that are over, or all. Not on a thread of NNG's. */
void web_tabs_close(struct web *web, bool all);

/* ---- idle.c ---- */
/* False: no descriptors. */
bool web_idle_open(struct web *web);
void web_idle_close(struct web *web);
/* Ends connections that are silent, or too many. In the actor. */
void web_idle_end(struct web *web);

/* ---- questions.c: in the actor ---- */
/* Tells the node whether a person is there, if that has changed. */
void web_questions_offer(struct troupe_actor *self, struct web *web);
/* Ends those whose time is over, or that nobody waits for. */
void web_questions_look(struct troupe_actor *self, struct web *web);
extern const struct ui_handlers web_ui_handlers;
void web_serve_answer(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct web_answer_args *args);

/* ---- web.c ---- */
/* The actor should look. Any thread, without the lock. */
void web_wake(struct web *web);
void web_free(void *web);

#endif
