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

/* ---- deciding ---- */

/* Within chain_add_block(): the rest at the next turn. */
static void on_held(void *user)
{
    struct node *node = user;
    struct node_question *question = &node->question;
    question->held_count++;
    if (!question->is_due)
        question->is_due = troupe_after(question->self, 0, decide, node, NULL) == 0;
}

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

static int ask(struct troupe_actor *self, struct node *node, const char *text)
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
    return ui_question_ask(self, node->question.who, &args, on_answer, node, &options);
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
    node->question.is_asked = node->question.has_who && node->question.is_person &&
                              ask(self, node, text) == 0;
    if (!node->question.is_asked)
        follow(self, node);
}

/* ---- who is asked ---- */

static void let_go(struct troupe_actor *self, struct node *node)
{
    if (node->question.has_who)
        troupe_release_ref(troupe_runtime(self), node->question.who);
    node->question.has_who = false;
    chain_set_hold(node->chain, 0, NULL, NULL);
}

static void on_gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct node *node = user;
    (void)why;
    if (node->question.has_who && troupe_ref_equal(node->question.who, ref))
        let_go(self, node);
}

void node_serve_answer_questions(struct troupe_actor *self, void *state, struct troupe_call *call,
                                 const struct node_answer_questions_args *args)
{
    struct node *node = state;
    struct node_question *question = &node->question;
    bool is_same = args->has_who && question->has_who && troupe_ref_equal(question->who, args->who);
    if (!is_same) {
        int error = args->has_who ? troupe_watch(self, args->who, on_gone, node, NULL) : 0;
        if (error != 0) {
            troupe_fail(call, error, NULL);
            return;
        }
        let_go(self, node);
    }
    question->has_who = args->has_who;
    question->who = args->who;
    question->is_person = args->is_person;
    bool holds = question->has_who && question->is_person;
    chain_set_hold(node->chain, holds ? question->blocks : 0, on_held, node);
    node_answer_questions_reply(call);
}

void node_serve_shutdown(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct node_shutdown_args *args)
{
    struct node *node = state;
    struct ui_quit_args quit = {.reason = args->reason};
    int error = node->question.has_who ? ui_quit(troupe_runtime(self), node->question.who, &quit)
                                       : TROUPE_EDOWN;
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
