/* What the program was started to do: look, watch, import, on a new regtest chain mine the wallet's
 * first coins, wait until all is level, and say what there is. Each step asks and goes on when the
 * answer is there. A step that fails ends the program where nobody sits before it; but when the node or
 * the wallet died the plan begins anew once it is back: what was done is kept there, and doing it again
 * changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actors/bitcoin/version.h"
#include "actors/ui/format.h"
#include "actors/ui/ui_impl.h"
#include "launcher/launcher.h"

#define FIRST_BLOCKS 101 /* the first coin can be spent: it has 100 blocks on top (maturity) */
#define FIRST_LABEL  "mining"

/* ---- when a step fails ---- */

static void run_step(struct troupe_actor *self, struct ui *ui);

static void begin_anew(struct troupe_actor *self, void *user)
{
    struct ui *ui = user;
    ui->step = 0;
    ui->watch_left = troupe_argument(ui->arguments, "watch");
    run_step(self, ui);
}

/* True: a process died, and the plan waits for it to be back. */
static bool waits_for_process(struct ui *ui, const char *what, int code)
{
    uint64_t now = troupe_now_ms();
    if (code != TROUPE_ELOST && code != TROUPE_EDOWN)
        return false;
    if (ui->lost_ms == 0) {
        ui->lost_ms = now;
        ui_news_flush(ui);
        screen_line(&ui->screen, "ui", "%s: interrupted, goes on when the process is back", what);
    }
    return now - ui->lost_ms < UI_BACK_MS &&
           troupe_after(ui->self, UI_BACK_STEP_MS, begin_anew, ui, NULL) == 0;
}

static void give_up(struct ui *ui, const char *what, const char *why, const char *to_do)
{
    ui_news_flush(ui);
    screen_error(&ui->screen, "%s: %s%s", what, why, to_do);
    if (ui->screen.is_interactive) {
        ui->is_idle = true;
        ui_news_flush(ui);
    } else {
        screen_close(&ui->screen);
        troupe_quit(1);
    }
}

void ui_plan_failed(struct ui *ui, const char *what, const struct troupe_error *error)
{
    bool is_gone = error->code == TROUPE_ELOST || error->code == TROUPE_EDOWN;
    if (waits_for_process(ui, what, error->code))
        return;
    give_up(ui, what, error->text[0] != '\0' ? error->text : troupe_error_text(error->code),
            is_gone ? "; what was done is kept: start again to go on" : "");
}

void ui_plan_refused(struct ui *ui, const char *what, int code)
{
    if (!waits_for_process(ui, what, code))
        give_up(ui, what, troupe_error_text(code), "");
}

/* ---- hello ---- */

static void on_wallet_info(struct troupe_actor *self, void *user, const struct troupe_error *error,
                           const struct wallet_get_info_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "the wallet", error);
        return;
    }
    if (ui->lost_ms == 0)
        screen_line(&ui->screen, "wallet", "process %" PRIu32 ", at block %" PRIu32, results->pid,
                    results->synced.height);
    ui->lost_ms = 0;
    ui->synced = results->synced;
    ui_plan_next(self, ui);
}

static void on_wallet(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct wallets_open_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "the wallet", error);
        return;
    }
    int code = ui_purse_take(self, ui, results->wallet);
    if (code == 0)
        code = wallet_get_info_ask(self, ui->wallet, on_wallet_info, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the wallet", code);
}

static void on_node_info(struct troupe_actor *self, void *user, const struct troupe_error *error,
                         const struct node_get_info_results *results)
{
    static const char *const networks[] = {"main", "signet", "regtest"};
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "the node", error);
        return;
    }
    if (ui->lost_ms == 0) {
        const char *option;
        screen_line(&ui->screen, "ui", "%s %s, %s, in %s", BTC_PROGRAM_NAME, BTC_PROGRAM_VERSION,
                    networks[results->network], ui_place(ui, &option));
        screen_line(&ui->screen, "ui", "process %d", (int)getpid());
        screen_line(&ui->screen, "node", "process %" PRIu32 ", at block %" PRIu32, results->pid,
                    results->tip.height);
    }
    ui->tip = results->tip;
    struct wallets_open_args args = {.name = troupe_text(ui->wallet_name)};
    int code = wallets_open_ask(self, ui->wallets, &args, on_wallet, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the wallet", code);
}

static void hello(struct troupe_actor *self, struct ui *ui)
{
    int code = node_get_info_ask(self, ui->node, on_node_info, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the node", code);
}

/* ---- watching: KEY[,KEY...] ---- */

static void watch(struct troupe_actor *self, struct ui *ui);

static void on_watched(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct wallet_watch_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "--watch", error);
        return;
    }
    screen_line(&ui->screen, "wallet", results->is_known ? "watches that already" : "watches it");
    watch(self, ui);
}

static void watch(struct troupe_actor *self, struct ui *ui)
{
    const char *from = ui->watch_left;
    size_t size = from == NULL ? 0 : strcspn(from, ",");
    if (size == 0) {
        ui_plan_next(self, ui);
        return;
    }
    ui->watch_left = from[size] == ',' ? from + size + 1 : NULL;
    screen_line(&ui->screen, "ui", "watch %.*s", (int)size, from);
    struct wallet_watch_args args = {
        .text = {.data = from, .size = size}, .has_from_height = true, .from_height = 0};
    int code = wallet_watch_ask(self, ui->wallet, &args, on_watched, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "--watch", code);
}

/* ---- importing ---- */

static void on_import(struct troupe_actor *self, void *user,
                      const struct node_import_file_item *item)
{
    struct ui *ui = user;
    (void)self;
    ui->imported_blocks = item->blocks;
    ui->imported_headers = item->headers;
}

static void on_imported(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct ui *ui = user;
    char what[64];
    ui_news_flush(ui);
    if (error != NULL) {
        snprintf(what, sizeof(what), "--%s", ui->import_what);
        ui_plan_failed(ui, what, error);
        return;
    }
    screen_line(&ui->screen, "node", "imported: %" PRIu64 " new block%s, %" PRIu64 " new header%s",
                ui->imported_blocks, format_plural(ui->imported_blocks), ui->imported_headers,
                format_plural(ui->imported_headers));
    ui_plan_next(self, ui);
}

static void import(struct troupe_actor *self, struct ui *ui, const char *option)
{
    const char *file = troupe_argument(ui->arguments, option);
    if (file == NULL) {
        ui_plan_next(self, ui);
        return;
    }
    ui->import_what = option;
    ui->imported_blocks = 0;
    ui->imported_headers = 0;
    screen_line(&ui->screen, "ui", "import %s", file);
    struct node_import_file_args args = {.path = troupe_text(file)};
    int code = node_import_file_ask(self, ui->node, &args, on_import, on_imported, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the import", code);
}

/* ---- a new regtest chain: the wallet's first coins ---- */

static void on_mined(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct ui *ui = user;
    if (error != NULL)
        ui_plan_failed(ui, "mining", error);
    else
        ui_plan_next(self, ui);
}

static void on_mined_block(struct troupe_actor *self, void *user, const struct node_mine_item *item)
{
    (void)self;
    (void)user;
    (void)item;
}

static void on_script(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct wallet_validate_address_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "the wallet's address", error);
        return;
    }
    struct node_mine_args args = {.count = FIRST_BLOCKS - ui->tip.height,
                                  .script = results->script};
    screen_line(&ui->screen, "ui",
                "mine %" PRIu32 " blocks to it: a mined coin can be spent after 100 more blocks",
                args.count);
    int code = node_mine_ask(self, ui->node, &args, on_mined_block, on_mined, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "mining", code);
}

static void on_address(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct wallet_new_address_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "a new address", error);
        return;
    }
    screen_line(&ui->screen, "wallet", "new address %.*s", (int)results->address.text.size,
                results->address.text.data);
    struct wallet_validate_address_args args = {.address = results->address.text};
    int code = wallet_validate_address_ask(self, ui->wallet, &args, on_script, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the wallet's address", code);
}

/* A node that talks to others goes on doing so, whoever sits before it; their chain is its chain. */
static bool has_peers(const struct ui *ui)
{
    const char *connects = troupe_argument(ui->arguments, "connect");
    const char *listens = troupe_argument(ui->arguments, "listen");
    return (connects != NULL && connects[0] != '\0') || (listens != NULL && listens[0] != '\0');
}

static void first_run(struct troupe_actor *self, struct ui *ui)
{
    const char *network = troupe_argument(ui->arguments, "network");
    if (strcmp(network, "regtest") != 0 || has_peers(ui) ||
        ui->tip.height >= (ui->is_first_run ? FIRST_BLOCKS : 1) ||
        troupe_argument(ui->arguments, "attach") != NULL || /* it is somebody else's */
        troupe_argument(ui->arguments, "import") != NULL ||
        troupe_argument(ui->arguments, "import-headers") != NULL) {
        ui_plan_next(self, ui);
        return;
    }
    ui->is_first_run = true;
    screen_line(&ui->screen, "ui",
                ui->tip.height == 0 ? "the chain is empty" : "the first blocks are not complete");
    struct wallet_new_address_args args = {.label = troupe_text(FIRST_LABEL)};
    int code = wallet_new_address_ask(self, ui->wallet, &args, on_address, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "a new address", code);
}

/* ---- until all is level ---- */

/* The events about what was answered are on their way: each publisher's last is the one to wait
 * for. Bounded, since nothing but the order of lines hangs on it. */
static void settle(struct troupe_actor *self, void *user)
{
    struct ui *ui = user;
    bool is_level = ui->tip.height >= ui->stats.height && ui->synced.height >= ui->stats.height;
    if (is_level || troupe_now_ms() >= ui->settle_ms ||
        troupe_after(self, UI_SETTLE_STEP_MS, settle, ui, NULL) != 0) {
        ui_news_flush(ui);
        ui_plan_next(self, ui);
    }
}

static void on_level(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct wallet_wait_synced_results *results)
{
    struct ui *ui = user;
    (void)results;
    if (error != NULL) {
        ui_plan_failed(ui, "the wallet", error);
        return;
    }
    ui->settle_ms = troupe_now_ms() + UI_SETTLE_MS;
    settle(self, ui);
}

static void on_stats(struct troupe_actor *self, void *user, const struct troupe_error *error,
                     const struct node_get_chain_stats_results *results)
{
    struct ui *ui = user;
    if (error != NULL) {
        ui_plan_failed(ui, "the node", error);
        return;
    }
    ui->stats = *results;
    struct wallet_wait_synced_args args = {.height = results->height};
    int code = wallet_wait_synced_ask(self, ui->wallet, &args, on_level, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the wallet", code);
}

static void level(struct troupe_actor *self, struct ui *ui)
{
    int code = node_get_chain_stats_ask(self, ui->node, on_stats, ui, NULL);
    if (code != 0)
        ui_plan_refused(ui, "the node", code);
}

/* ---- the end ---- */

static void finish(struct ui *ui)
{
    ui_say_commands(ui);
    ui->is_idle = true;
    if (ui->screen.is_interactive || has_peers(ui)) {
        ui_news_flush(ui);
        return;
    }
    screen_close(&ui->screen);
    troupe_quit(0);
}

/* ---- the order ---- */

static void run_step(struct troupe_actor *self, struct ui *ui)
{
    switch (ui->step++) {
    case 0:
        hello(self, ui);
        break;
    case 1:
        watch(self, ui);
        break;
    case 2:
        import(self, ui, "import-headers");
        break;
    case 3:
        import(self, ui, "import");
        break;
    case 4:
        first_run(self, ui);
        break;
    case 5:
        level(self, ui);
        break;
    case 6:
        ui_summary(self, ui);
        break;
    default:
        finish(ui);
        break;
    }
}

void ui_plan_next(struct troupe_actor *self, struct ui *ui)
{
    run_step(self, ui);
}

void ui_plan_start(struct troupe_actor *self, struct ui *ui)
{
    ui->watch_left = troupe_argument(ui->arguments, "watch");
    ui_plan_next(self, ui);
}
