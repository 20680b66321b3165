/* The wallet that is shown. Its ref is good until it is closed or its process ends; the manager tells
 * the next one, and is asked for it when what it told was missed. */
#include <string.h>

#include "actors/ui/ui_impl.h"
#include "launcher/launcher.h"

int ui_purse_take(struct troupe_actor *self, struct ui *ui, struct troupe_ref ref)
{
    if (troupe_ref_equal(ui->wallet, ref))
        return 0;
    for (size_t i = 0; i < UI_WALLET_EVENTS; i++) {
        troupe_handler_disconnect(ui->wallet_handlers[i]);
        ui->wallet_handlers[i] = NULL;
    }
    if (ui->wallet.id != 0)
        troupe_release_ref(troupe_runtime(self), ui->wallet);
    ui->wallet = ref;
    return ui_news_hear_wallet(self, ui);
}

/* It may have gone again meanwhile: then it is told once more. */
static void take(struct troupe_actor *self, struct ui *ui, struct troupe_ref ref)
{
    int code = ui_purse_take(self, ui, ref);
    if (code != 0)
        screen_error(&ui->screen, "the wallet's news will be missing: %s", troupe_error_text(code));
}

static void on_opened(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct wallets_open_results *results)
{
    if (error == NULL)
        take(self, user, results->wallet);
}

static void on_loaded(struct troupe_actor *self, void *user,
                      const struct wallets_wallet_loaded *event,
                      const struct troupe_event_info *info)
{
    struct ui *ui = user;
    struct wallets_open_args args = {.name = troupe_text(ui->wallet_name)};
    (void)info;
    if (event != NULL && event->name.size == args.name.size &&
        memcmp(event->name.data, args.name.data, args.name.size) == 0)
        take(self, ui, event->wallet);
    else if (event != NULL)
        screen_line(&ui->screen, "wallet", "%.*s is open, too", (int)event->name.size,
                    event->name.data);
    else if (wallets_open_ask(self, ui->wallets, &args, on_opened, ui, NULL) != 0)
        screen_error(&ui->screen, "the wallet's news will be missing");
}

static void on_unloaded(struct troupe_actor *self, void *user,
                        const struct wallets_wallet_unloaded *event,
                        const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)self;
    (void)info;
    if (event != NULL)
        screen_line(&ui->screen, "wallet", "%.*s is closed", (int)event->name.size,
                    event->name.data);
}

int ui_purse_start(struct troupe_actor *self, struct ui *ui)
{
    struct troupe_handler *handler;
    ui->wallet_name = troupe_argument(ui->arguments, "wallet");
    if (ui->wallet_name == NULL)
        ui->wallet_name = "default";
    int error = wallets_on_wallet_loaded(self, ui->wallets, on_loaded, ui, &handler);
    if (error == 0)
        error = wallets_on_wallet_unloaded(self, ui->wallets, on_unloaded, ui, &handler);
    return error;
}
