/* The UI's actor: start and stop, and what others ask of it. See ui.h and ui_impl.h. */
#include "actors/ui/ui.h"

#include "actors/ui/ui_impl.h"

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct ui *ui = state;
    ui->self = self;
    ui->arguments = argument;
    screen_open(&ui->screen);
    int error = troupe_lookup(self, "node", &ui->node);
    if (error == 0)
        error = troupe_lookup(self, "wallet", &ui->wallets);
    if (error == 0)
        error = ui_purse_start(self, ui);
    if (error == 0)
        error = ui_news_start(self, ui);
    if (error != 0) {
        troupe_report(self, "can't reach node and wallet: %s", troupe_error_text(error));
        return error;
    }
    ui_offer_answers(self, ui);
    ui_plan_start(self, ui);
    return 0;
}

static void stop(struct troupe_actor *self, void *state)
{
    struct ui *ui = state;
    (void)self;
    screen_close(&ui->screen);
}

/* ---- what others ask ---- */

static void notify(struct troupe_actor *self, void *state, struct troupe_call *call,
                   const struct ui_notify_args *args)
{
    struct ui *ui = state;
    (void)self;
    (void)call;
    screen_line(&ui->screen, "ui", "%s%.*s",
                args->level == UI_LEVEL_INFO ? "" : "attention: ", (int)args->text.size,
                args->text.data);
}

static void quit(struct troupe_actor *self, void *state, struct troupe_call *call,
                 const struct ui_quit_args *args)
{
    struct ui *ui = state;
    (void)self;
    (void)call;
    if (args->reason.size > 0)
        screen_line(&ui->screen, "ui", "ends: %.*s", (int)args->reason.size, args->reason.data);
    screen_close(&ui->screen);
    troupe_quit(0);
}

/* ---- definition ---- */

static const struct ui_handlers handlers = {
    .notify = notify, .question = ui_serve_question, .quit = quit};

static const struct troupe_service services[] = {{&ui_interface, &handlers}};

const struct troupe_actor_def ui_actor = {
    .name = "ui",
    .state_size = sizeof(struct ui),
    .start = start,
    .stop = stop,
    .services = services,
    .services_count = 1,
    .flags = TROUPE_DETACHED,
};
