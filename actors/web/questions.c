/* questions.c - what others ask of a person, shown in every tab. While a tab is there the node is told so: it
 * asks the last view that has somebody before it (interfaces/node.iface, answer_questions). A question
 * stays when the last tab goes, since that may be a page that is loaded again; its time ends it. */
#include <time.h>

#include "actors/web/web_impl.h"
#include "bus/troupe_host.h"
#include "interfaces/node.h"
#include "interfaces/ui.h"
#include "interfaces/web.h"

/* ---- being there for the node ---- */

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref node, int why)
{
    struct web *web = user;
    (void)self;
    (void)node;
    (void)why;
    web->watches_node = false;
    web->offers = WEB_OFFERS_NOTHING; /* its next process knows of nobody */
}

static void on_offered(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct web *web = user;
    web->is_offering = false;
    if (error != NULL) {
        web->offers = WEB_OFFERS_UNKNOWN; /* tried again at the next look */
    } else if (!web->watches_node) {
        web->watches_node = troupe_watch(self, web->node, on_gone, web, NULL) == 0;
    }
}

static bool is_somebody_there(struct web *web)
{
    bool found = false;
    pthread_mutex_lock(&web->lock);
    for (size_t i = 0; i < WEB_TABS_MAX && !found; i++) {
        found = web->tabs[i].peer != 0 && !web->tabs[i].over;
    }
    pthread_mutex_unlock(&web->lock);
    return found;
}

void web_questions_offer(struct troupe_actor *self, struct web *web)
{
    bool is_person = is_somebody_there(web);
    enum web_offers wanted = is_person ? WEB_OFFERS_ANSWERS : WEB_OFFERS_NOTHING;
    struct node_answer_questions_args args = {
        .has_who = true, .who = troupe_self(self), .is_person = is_person};
    if (web->is_offering || web->offers == wanted ||
        troupe_host_find(web->troupe, "node", &web->node) != 0 ||
        node_answer_questions_ask(self, web->node, &args, on_offered, web, NULL) != 0) {
        return;
    }
    web->is_offering = true;
    web->offers = wanted;
}

/* ---- questions ---- */

/* For the clock of a page. */
static uint64_t unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void tell(struct troupe_actor *self, struct web *web)
{
    struct web_question questions[WEB_QUESTIONS_MAX];
    struct web_asked asked = {.questions = questions};
    for (size_t i = 0; i < WEB_QUESTIONS_MAX; i++) {
        const struct question *question = &web->questions[i];
        if (question->call != NULL) {
            questions[asked.questions_count++] = (struct web_question){
                .id = question->id,
                .text = question->args.text,
                .choices = question->args.choices,
                .choices_count = question->args.choices_count,
                .default_choice = question->args.default_choice,
                .until_ms = question->until_unix_ms};
        }
    }
    web_publish_asked(self, &asked);
}

/* Ends it: its place is free. */
static void answer(struct question *question, uint32_t choice, bool by_person)
{
    struct troupe_call *call = question->call;
    struct ui_question_results results = {.choice = choice, .by_person = by_person};
    question->call = NULL;
    ui_question_reply(call, &results);
}

void web_questions_look(struct troupe_actor *self, struct web *web)
{
    bool changed = false;
    for (size_t i = 0; i < WEB_QUESTIONS_MAX; i++) {
        struct question *question = &web->questions[i];
        if (question->call == NULL) {
            continue;
        }
        bool cancelled = troupe_cancelled(question->call);
        if (cancelled) {
            struct troupe_call *call = question->call;
            question->call = NULL;
            troupe_fail(call, TROUPE_ECANCELED, NULL);
        } else if (troupe_now_ms() >= question->until_ms) {
            answer(question, question->args.default_choice, false);
        }
        changed |= question->call == NULL;
    }
    if (changed) {
        tell(self, web);
    }
}

static void ask(struct troupe_actor *self, void *state, struct troupe_call *call,
                const struct ui_question_args *args)
{
    struct web *web = *(struct web **)state;
    struct question *question = NULL;
    uint32_t wait_s = args->wait_s != 0 ? args->wait_s : WEB_QUESTION_S;
    for (size_t i = 0; i < WEB_QUESTIONS_MAX && question == NULL; i++) {
        question = web->questions[i].call == NULL ? &web->questions[i] : NULL;
    }
    if (args->default_choice >= args->choices_count) {
        troupe_fail(call, TROUPE_EINVAL, "the default is not one of the choices");
    } else if (question == NULL) {
        troupe_fail(call, TROUPE_EBUSY, "a person is being asked enough already");
    } else {
        uint64_t wait_ms = wait_s * UINT64_C(1000);
        *question = (struct question){.call = call,
                                      .args = *args,
                                      .id = ++web->questions_asked,
                                      .until_ms = troupe_now_ms() + wait_ms,
                                      .until_unix_ms = unix_ms() + wait_ms};
        troupe_defer(call); /* with its arguments */
        tell(self, web);
    }
}

/* The launcher's process ends the program; this one is told, too, since it is asked as a view. */
static void quit(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct ui_quit_args *args)
{
    (void)self;
    (void)state;
    (void)call;
    (void)args;
}

const struct ui_handlers web_ui_handlers = {.question = ask, .quit = quit};

void web_serve_answer(struct troupe_actor *self, void *state, struct troupe_call *call,
                      const struct web_answer_args *args)
{
    struct web *web = *(struct web **)state;
    struct question *question = NULL;
    for (size_t i = 0; i < WEB_QUESTIONS_MAX && question == NULL; i++) {
        bool is_it = web->questions[i].call != NULL && web->questions[i].id == args->id &&
                     !troupe_cancelled(web->questions[i].call);
        question = is_it ? &web->questions[i] : NULL;
    }
    if (question == NULL) {
        web_fail_not_found(call, "it has been answered already, or its time is over");
    } else if (args->choice >= question->args.choices_count) {
        web_fail_invalid(call, "there is no such choice");
    } else {
        answer(question, args->choice, true);
        web_answer_reply(call);
        tell(self, web);
    }
}
