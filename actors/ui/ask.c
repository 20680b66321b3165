/* Asking a person: one question at a time, shown with its numbered choices, answered by a line on
 * standard input. Nobody waits in a read: the input is looked at now and then. Lines that were typed
 * before the question was there answer nothing. */
#include <ctype.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "actors/ui/ui_impl.h"

static void answer(struct ui *ui, uint32_t choice, bool by_person)
{
    struct ui_question_results results = {.choice = choice, .by_person = by_person};
    struct troupe_call *call = ui->question.call;
    ui->question.call = NULL;
    if (!by_person)
        screen_line(&ui->screen, "ui", "no answer: taken as %" PRIu32, choice + 1);
    ui_question_reply(call, &results);
}

/* Reads a line: a number from 1, or nothing for the default. False: it is neither. */
static bool read_choice(const struct ui_question *question, const char *line, uint32_t *ret_choice)
{
    char *end = NULL;
    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0') {
        *ret_choice = question->default_choice;
        return true;
    }
    unsigned long number = strtoul(line, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    if (*end != '\0' || number < 1 || number > question->choices_count)
        return false;
    *ret_choice = (uint32_t)number - 1;
    return true;
}

/* True: a line is there, or the end of input (*ret_size 0). A terminal hands over whole lines. */
static bool read_line(char *line, size_t room, size_t *ret_size)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 0) <= 0)
        return false;
    ssize_t got = read(STDIN_FILENO, line, room - 1);
    *ret_size = got > 0 ? (size_t)got : 0;
    line[*ret_size] = '\0';
    return true;
}

static void look(struct troupe_actor *self, void *user)
{
    struct ui *ui = user;
    struct ui_question *question = &ui->question;
    char line[256];
    size_t size = 0;
    uint32_t choice = 0;
    bool is_read = read_line(line, sizeof(line), &size);
    if (troupe_cancelled(question->call)) {
        struct troupe_call *call = question->call;
        question->call = NULL;
        troupe_fail(call, TROUPE_ECANCELED, NULL);
        return;
    }
    if (is_read && size > 0 && read_choice(question, line, &choice)) {
        answer(ui, choice, true);
        return;
    }
    if (is_read && size > 0)
        screen_line(&ui->screen, "ui", "please a number from 1 to %" PRIu32,
                    question->choices_count);
    if ((is_read && size == 0) || troupe_now_ms() >= question->until_ms ||
        troupe_after(self, UI_LOOK_MS, look, ui, NULL) != 0)
        answer(ui, question->default_choice, false);
}

void ui_serve_question(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct ui_question_args *args)
{
    struct ui *ui = state;
    if (args->default_choice >= args->choices_count) {
        troupe_fail(call, TROUPE_EINVAL, "the default is not one of the choices");
        return;
    }
    if (ui->question.call != NULL) {
        troupe_fail(call, TROUPE_EBUSY, "a person is being asked something else already");
        return;
    }
    uint32_t wait_s = args->wait_s != 0 ? args->wait_s : UI_QUESTION_S;
    ui->question = (struct ui_question){.call = call,
                                        .choices_count = (uint32_t)args->choices_count,
                                        .default_choice = args->default_choice,
                                        .until_ms = troupe_now_ms() + wait_s * UINT64_C(1000)};
    screen_line(&ui->screen, "ui", "%.*s", (int)args->text.size, args->text.data);
    for (size_t i = 0; i < args->choices_count; i++)
        screen_line(&ui->screen, "", "  %zu  %.*s%s", i + 1, (int)args->choices[i].size,
                    args->choices[i].data, i == args->default_choice ? "  (or Return)" : "");
    troupe_defer(call);
    if (!ui->screen.is_interactive) {
        answer(ui, args->default_choice, false);
        return;
    }
    tcflush(STDIN_FILENO, TCIFLUSH);
    look(self, ui);
}

/* ---- being there for the node ---- */

static void offer(struct troupe_actor *self, void *user);

static void offer_later(struct troupe_actor *self, struct ui *ui)
{
    if (troupe_after(self, UI_BACK_STEP_MS, offer, ui, NULL) != 0)
        screen_line(&ui->screen, "ui", "the node will ask nothing: there is no memory");
}

/* Its next process does not know whom to ask. */
static void on_node_gone(struct troupe_actor *self, void *user, struct troupe_ref node, int why)
{
    (void)node;
    (void)why;
    offer_later(self, user);
}

static void on_offered(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct ui *ui = user;
    if (error == NULL && troupe_watch(self, ui->node, on_node_gone, ui, NULL) == 0)
        return;
    if (error == NULL || (error->code != TROUPE_EUNIMPLEMENTED && error->code != TROUPE_EPERM))
        offer_later(self, ui);
}

static void offer(struct troupe_actor *self, void *user)
{
    struct ui *ui = user;
    struct node_answer_questions_args args = {
        .has_who = true, .who = troupe_self(self), .is_person = ui->screen.is_interactive};
    int code = node_answer_questions_ask(self, ui->node, &args, on_offered, ui, NULL);
    if (code != 0 && code != TROUPE_EUNIMPLEMENTED)
        offer_later(self, ui);
}

void ui_offer_answers(struct troupe_actor *self, struct ui *ui)
{
    offer(self, ui);
}
