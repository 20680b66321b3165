/* What the node asks of a person, and what a person's view does for it: whether to follow a branch
 * that would undo many blocks, and ending the program.
 *
 * The chain holds such a branch only while somebody is there to ask. What was held is followed when
 * nobody answers in time, or nobody is there any more: the rule of the network is to follow the most
 * work. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/node/node_impl.h"
#include "interfaces/ui.h"
#include "launcher/launcher.h"

#define ASK_REORG_REGTEST 100
#define ASK_REORG         6
#define MARGIN_MS         5000 /* what the question may take on its way */
#define FOLLOW            0    /* the choices */
#define CHOICES           2

static void decide(struct troupe_actor *self, void *user);

int node_question_start(struct troupe_actor *self, struct node *node,
                        const struct troupe_arguments *arguments, struct btc_error *err)
{
    const char *text = troupe_argument(arguments, "ask-reorg");
    char *end = NULL;
    node->question.self = self;
    node->question.blocks = node->params->network == BTC_REGTEST ? ASK_REORG_REGTEST : ASK_REORG;
    if (text == NULL)
        return 0;
    errno = 0;
    long blocks = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || blocks < 0 || blocks > CHAIN_REORG_MAX)
        return btc_fail(err, BTC_EUSAGE,
                        "--ask-reorg=%s: a number of blocks, from 0 (never ask) to %d", text,
                        CHAIN_REORG_MAX);
    node->question.blocks = (int32_t)blocks;
    return 0;
}

static void alert(struct troupe_actor *self, enum node_alert_level level, const char *text)
{
    struct node_alert event = {.level = level, .text = troupe_text(text)};
    node_publish_alert(self, &event);
}

/* Within chain_add_block(): the rest at the next turn. */
static void on_held(void *user)
{
    struct node *node = user;
    struct node_question *question = &node->question;
    question->held_count++;
    if (!question->is_due)
        question->is_due = troupe_after(question->self, 0, decide, node, NULL) == 0;
}

/* ---- who is asked ---- */

/* The last one who came, and is a person. NULL: none. */
static const struct node_view *last_person(const struct node *node)
{
    const struct node_question *question = &node->question;
    size_t i = question->views_count;
    while (i > 0 && !question->views[i - 1].is_person)
        i--;
    return i > 0 ? &question->views[i - 1] : NULL;
}

static void hold_if_asked(struct node *node)
{
    bool holds = last_person(node) != NULL;
    chain_set_hold(node->chain, holds ? node->question.blocks : 0, holds ? on_held : NULL, node);
}

static void drop_view(struct troupe_actor *self, struct node *node, struct troupe_ref who)
{
    struct node_question *question = &node->question;
    size_t kept = 0;
    for (size_t i = 0; i < question->views_count; i++) {
        if (!troupe_ref_equal(question->views[i].who, who))
            question->views[kept++] = question->views[i];
        else
            troupe_release_ref(troupe_runtime(self), question->views[i].who);
    }
    question->views_count = kept;
    hold_if_asked(node);
}

/* ---- deciding ---- */

static void follow(struct troupe_actor *self, struct node *node)
{
    struct chain_entry leaf;
    struct chain_entry fork;
    struct chain_change change;
    struct btc_error err;
    char text[sizeof(err.text) + 64];
    if (chain_get_held(node->chain, &leaf, &fork) != 0)
        return;
    chain_forget_held(node->chain);
    int rc = chain_follow(node->chain, &leaf.hash, &change, &err);
    if (rc < 0) {
        snprintf(text, sizeof(text), "the branch with more work was not followed: %s", err.text);
        alert(self, NODE_ALERT_LEVEL_ERROR, text);
    }
    if (rc != 0)
        return;
    node_publish_changes(self, node, &change, 1);
    snprintf(text, sizeof(text), "the branch with more work is followed, up to block %d",
             change.new_tip.height);
    alert(self, NODE_ALERT_LEVEL_WARNING, text);
}

static void on_answer(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct ui_question_results *results)
{
    struct node *node = user;
    struct chain_entry leaf;
    struct chain_entry fork;
    node->question.is_asked = false;
    if (error != NULL && (error->code == TROUPE_EDOWN || error->code == TROUPE_ELOST)) {
        drop_view(self, node, node->question.asked);
        decide(self, node); /* whoever is there else is asked */
        return;
    }
    bool follows = error != NULL || results->choice == FOLLOW;
    if (chain_get_held(node->chain, &leaf, &fork) == 0 &&
        !btc_hash_equal(&fork.hash, &node->question.fork)) {
        decide(self, node); /* by now it is about another branch */
        return;
    }
    if (follows) {
        follow(self, node);
        return;
    }
    chain_forget_held(node->chain);
    alert(self, NODE_ALERT_LEVEL_WARNING,
          "the branch with more work is not followed, as was answered; a further block of it, or "
          "a new start, asks again");
}

static int ask(struct troupe_actor *self, struct node *node, const struct node_view *view,
               const char *text)
{
    static const char *const words[CHOICES] = {"follow it: the rule of the network",
                                               "stay, until it has yet more"};
    struct troupe_text choices[CHOICES];
    struct troupe_options options = {.deadline_ms = NODE_QUESTION_S * 1000 + MARGIN_MS};
    for (size_t i = 0; i < CHOICES; i++)
        choices[i] = troupe_text(words[i]);
    struct ui_question_args args = {.text = troupe_text(text),
                                    .choices = choices,
                                    .choices_count = CHOICES,
                                    .default_choice = FOLLOW,
                                    .wait_s = NODE_QUESTION_S};
    node->question.asked = view->who;
    return ui_question_ask(self, view->who, &args, on_answer, node, &options);
}

static void decide(struct troupe_actor *self, void *user)
{
    struct node *node = user;
    struct chain_entry leaf;
    struct chain_entry fork;
    struct chain_entry tip;
    char text[200];
    node->question.is_due = false;
    if (node->question.is_asked || chain_get_held(node->chain, &leaf, &fork) != 0)
        return;
    chain_tip(node->chain, &tip);
    snprintf(text, sizeof(text),
             "a branch with more work, of %d blocks, would take back %d: all above block %d",
             leaf.height - fork.height, tip.height - fork.height, fork.height);
    alert(self, NODE_ALERT_LEVEL_WARNING, text);
    node->question.fork = fork.hash;
    const struct node_view *view = last_person(node);
    node->question.is_asked = view != NULL && ask(self, node, view, text) == 0;
    if (!node->question.is_asked)
        follow(self, node);
}

/* ---- what is asked of the node ---- */

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    (void)why;
    drop_view(self, user, ref);
}

/* Nobody is asked any more. */
static void drop_all(struct troupe_actor *self, struct node *node)
{
    while (node->question.views_count > 0)
        drop_view(self, node, node->question.views[0].who);
}

static int add_view(struct troupe_actor *self, struct node *node, const struct node_view *view)
{
    struct node_question *question = &node->question;
    for (size_t i = 0; i < question->views_count; i++) {
        if (troupe_ref_equal(question->views[i].who, view->who)) {
            question->views[i].is_person = view->is_person;
            return 0;
        }
    }
    if (question->views_count == NODE_VIEWS_MAX)
        return TROUPE_EBUSY;
    int error = troupe_watch(self, view->who, on_gone, node, NULL);
    if (error == 0)
        question->views[question->views_count++] = *view;
    return error;
}

void node_serve_answer_questions(struct troupe_actor *self, void *state, struct troupe_call *call,
                                 const struct node_answer_questions_args *args)
{
    struct node *node = state;
    struct node_view view = {.who = args->who, .is_person = args->is_person};
    int error = args->has_who ? add_view(self, node, &view) : 0;
    if (error != 0) {
        troupe_fail(call, error, NULL);
        return;
    }
    if (!args->has_who)
        drop_all(self, node);
    hold_if_asked(node);
    node_answer_questions_reply(call);
}

void node_serve_shutdown(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_shutdown_args *args)
{
    struct node *node = state;
    struct ui_quit_args quit = {.reason = args->reason};
    int error = TROUPE_EDOWN;
    /* All of them: which one is the program's own is not known here. */
    for (size_t i = 0; i < node->question.views_count; i++) {
        int told = ui_quit(troupe_runtime(self), node->question.views[i].who, &quit);
        error = told == 0 || error == TROUPE_EDOWN ? told : error;
    }
    if (error == TROUPE_EDOWN)
        node_fail_unattended(call, "nobody is there who could end the program: it runs for the "
                                   "length of a command, or its view is gone");
    else if (error != 0)
        troupe_fail(call, error, NULL);
    else
        node_shutdown_reply(call);
}

/* ---- at the start ---- */

/* What was held when the program ended is followed. */
int node_question_resume(struct node *node, struct btc_error *err)
{
    struct chain_entry best;
    struct chain_change change;
    chain_header_tip(node->chain, &best);
    int rc = chain_follow(node->chain, &best.hash, &change, err);
    return rc == BTC_EINVALID || rc == BTC_ELIMIT || rc > 0 ? 0 : rc;
}
