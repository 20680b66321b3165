/* asks: troupe-bitcoin's node, wallet and UI, and a fourth role that asks a person through the UI,
 * tells what it heard, and ends the program. */
#include <stdio.h>

#include "actors/node/node.h"
#include "actors/ui/ui.h"
#include "actors/wallet/wallet.h"
#include "interfaces/ui.h"
#include "launcher/launcher.h"

static struct troupe_text choices[3];

static void on_answer(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct ui_question_results *results)
{
    const struct troupe_ref *ui = user;
    char text[200];
    if (error != NULL)
        snprintf(text, sizeof(text), "heard an error: %s", troupe_error_name(error->code));
    else
        snprintf(text, sizeof(text), "heard %u, %s", results->choice + 1,
                 results->by_person ? "from a person" : "the default");
    struct ui_notify_args notice = {.level = UI_LEVEL_WARNING, .text = troupe_text(text)};
    struct ui_quit_args quit = {.reason = troupe_text("all heard")};
    if (ui_notify(troupe_runtime(self), *ui, &notice) != 0 ||
        ui_quit(troupe_runtime(self), *ui, &quit) != 0)
        troupe_report(self, "the UI is gone");
}

static int start(struct troupe_actor *self, void *state, const void *argument)
{
    struct troupe_ref *ui = state;
    const char *wait_s = troupe_argument(argument, "wait");
    unsigned seconds = 0;
    choices[0] = troupe_text("tea");
    choices[1] = troupe_text("coffee");
    choices[2] = troupe_text("water\x1b[2J");
    struct ui_question_args args = {.text = troupe_text("What may it be?"),
                                    .choices = choices,
                                    .choices_count = 3,
                                    .default_choice = 1};
    if (sscanf(wait_s, "%u", &seconds) == 1)
        args.wait_s = seconds;
    int error = troupe_lookup(self, "ui", ui);
    return error != 0 ? error : ui_question_ask(self, *ui, &args, on_answer, ui, NULL);
}

static const struct troupe_actor_def asker_actor = {
    .name = "asker", .state_size = sizeof(struct troupe_ref), .start = start};

static const char *const wallet_uses[] = {"node", NULL};
static const char *const ui_uses[] = {"node", "wallet", NULL};
static const char *const asker_uses[] = {"ui", NULL};
static const struct troupe_role roles[] = {
    {"node", &node_actor, NULL},
    {"wallet", &wallets_actor, wallet_uses},
    {"ui", &ui_actor, ui_uses},
    {"asker", &asker_actor, asker_uses},
};
static const struct troupe_option options[] = {
    {.name = "network", .value = "NAME", .preset = "regtest", .help = "as of troupe-bitcoin"},
    {.name = "datadir", .value = "DIR", .preset = ".", .help = "as of troupe-bitcoin"},
    {.name = "import", .value = "FILE", .help = "as of troupe-bitcoin"},
    {.name = "import-headers", .value = "FILE", .help = "as of troupe-bitcoin"},
    {.name = "watch", .value = "KEY", .help = "as of troupe-bitcoin"},
    {.name = "wait", .value = "SECONDS", .preset = "0", .help = "how long a person has"},
};

/* One for the chain and one for the door: the test makes both. */
static const char *data_directory(const struct troupe_arguments *arguments)
{
    static char folder[4096];
    snprintf(folder, sizeof(folder), "%s/regtest", troupe_argument(arguments, "datadir"));
    return folder;
}

int main(int argc, char **argv)
{
    struct troupe_program program = {
        .name = "asks",
        .version = "1",
        .summary = "asks a person",
        .options = options,
        .options_count = sizeof(options) / sizeof(options[0]),
        .roles = roles,
        .roles_count = sizeof(roles) / sizeof(roles[0]),
        .front = "ui",
        .split = "node,wallet,asker",
        .data_directory = data_directory,
    };
    return troupe_main(argc, argv, &program);
}
