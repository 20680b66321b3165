/* Events, told. The first of its kind at once; those that follow it closely are told together. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "actors/ui/format.h"
#include "actors/ui/ui_impl.h"

/* ---- telling ---- */

static void tell_undone(struct ui *ui)
{
    const struct ui_news *news = &ui->news;
    char hash[FORMAT_HASH_SIZE];
    if (news->undone == 1)
        screen_line(&ui->screen, "node",
                    "block %" PRIu32 " taken back, for a branch with more work: %s",
                    news->undone_first, format_hash(news->undone_hash.bytes, hash));
    else if (news->undone > 1)
        screen_line(&ui->screen, "node",
                    "blocks %" PRIu32 " to %" PRIu32 " taken back, for a branch with more work",
                    news->undone_first, news->undone_first - news->undone + 1);
}

static void tell_left(struct ui *ui)
{
    const struct ui_news *news = &ui->news;
    char hash[FORMAT_HASH_SIZE];
    if (news->left == 1)
        screen_line(&ui->screen, "wallet", "left the history with its block: %s",
                    format_hash(news->left_txid.bytes, hash));
    else if (news->left > 1)
        screen_line(&ui->screen, "wallet",
                    "%" PRIu64 " transactions left the history with their blocks", news->left);
}

static void tell_blocks(struct ui *ui)
{
    const struct ui_news *news = &ui->news;
    char hash[FORMAT_HASH_SIZE];
    if (news->blocks == 1)
        screen_line(&ui->screen, "node",
                    "block %" PRIu32 " connected, %" PRIu64 " transaction%s: %s", news->blocks_last,
                    news->blocks_txs, format_plural(news->blocks_txs),
                    format_hash(news->block_hash.bytes, hash));
    else if (news->blocks > 1)
        screen_line(&ui->screen, "node",
                    "blocks %" PRIu32 " to %" PRIu32 " connected, %" PRIu64 " transactions",
                    news->blocks_first, news->blocks_last, news->blocks_txs);
}

static void tell_txs(struct ui *ui)
{
    const struct ui_news *news = &ui->news;
    char hash[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    format_btc(news->txs_net, true, amount);
    if (news->txs == 1)
        screen_line(&ui->screen, "wallet", "%s BTC%s in block %" PRIu32 ": %s", amount,
                    news->txs_mined ? ", mined," : "", news->txs_last,
                    format_hash(news->txid.bytes, hash));
    else if (news->txs > 1)
        screen_line(&ui->screen, "wallet",
                    "%s BTC in %" PRIu64 " transactions of blocks %" PRIu32 " to %" PRIu32, amount,
                    news->txs, news->txs_first, news->txs_last);
}

static void tell_balance(struct ui *ui)
{
    char confirmed[FORMAT_BTC_SIZE];
    char immature[FORMAT_BTC_SIZE];
    if (ui->news.balance && ui->is_idle)
        screen_line(&ui->screen, "wallet", "balance %s BTC, and %s immature",
                    format_btc(ui->balance.confirmed_sat, false, confirmed),
                    format_btc(ui->balance.immature_sat, false, immature));
}

static void show_status(struct ui *ui)
{
    char confirmed[FORMAT_BTC_SIZE];
    char progress[64] = "";
    if (ui->phase != NODE_SYNC_PHASE_IDLE && ui->total > 0)
        snprintf(progress, sizeof(progress), " | %s %" PRIu64 " %%",
                 ui->phase == NODE_SYNC_PHASE_HEADERS ? "headers" : "blocks",
                 ui->done * 100 / ui->total);
    screen_status(&ui->screen, "block %" PRIu32 "%s | wallet at %" PRIu32 " | %s BTC%s",
                  ui->tip.height, progress, ui->synced.height,
                  format_btc(ui->balance.confirmed_sat, false, confirmed),
                  ui->is_idle ? " | Ctrl-C ends" : "");
}

void ui_news_flush(struct ui *ui)
{
    tell_undone(ui);
    tell_blocks(ui);
    tell_left(ui);
    tell_txs(ui);
    tell_balance(ui);
    ui->news = (struct ui_news){.blocks = 0};
    ui->told_ms = troupe_now_ms();
    show_status(ui);
}

static void on_time(struct troupe_actor *self, void *user)
{
    struct ui *ui = user;
    (void)self;
    ui->is_timed = false;
    ui_news_flush(ui);
}

static void tell_soon(struct troupe_actor *self, struct ui *ui)
{
    uint64_t pause = ui->screen.is_live ? UI_NEWS_LIVE_MS : UI_NEWS_MS;
    uint64_t passed = troupe_now_ms() - ui->told_ms;
    if (ui->is_timed)
        return;
    uint32_t delay = passed >= pause ? UI_SETTLE_STEP_MS : (uint32_t)(pause - passed);
    ui->is_timed = troupe_after(self, delay, on_time, ui, NULL) == 0;
    if (!ui->is_timed)
        ui_news_flush(ui);
}

/* ---- hearing ---- */

static void on_block(struct troupe_actor *self, void *user,
                     const struct node_block_connected *event, const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)info;
    if (event == NULL)
        return; /* the tip says where the chain is */
    struct ui_news *news = &ui->news;
    news->blocks_first = news->blocks == 0 ? event->height : news->blocks_first;
    news->blocks_last = event->height;
    news->blocks_txs += event->tx_count;
    news->block_hash = event->hash;
    news->blocks++;
    tell_soon(self, ui);
}

static void on_disconnected(struct troupe_actor *self, void *user,
                            const struct node_block_disconnected *event,
                            const struct troupe_event_info *info)
{
    struct ui *ui = user;
    struct ui_news *news = &ui->news;
    (void)info;
    if (event == NULL)
        return;
    if (news->blocks > 0 ||
        (news->undone > 0 && event->height != news->undone_first - news->undone))
        ui_news_flush(ui); /* what came before it */
    news->undone_first = news->undone == 0 ? event->height : news->undone_first;
    news->undone_hash = event->hash;
    news->undone++;
    tell_soon(self, ui);
}

static void on_tip(struct troupe_actor *self, void *user, const struct node_tip_changed *event,
                   const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)info;
    if (event == NULL)
        return;
    ui->tip = event->tip;
    tell_soon(self, ui);
}

static void on_progress(struct troupe_actor *self, void *user,
                        const struct node_sync_progress *event,
                        const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)info;
    if (event == NULL)
        return;
    ui->phase = event->phase;
    ui->done = event->done;
    ui->total = event->total;
    tell_soon(self, ui);
}

static void on_alert(struct troupe_actor *self, void *user, const struct node_alert *event,
                     const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)self;
    (void)info;
    if (event != NULL)
        screen_line(&ui->screen, "node", "%s%.*s",
                    event->level == NODE_ALERT_LEVEL_INFO ? "" : "attention: ",
                    (int)event->text.size, event->text.data);
}

/* A line when the number changes; none about a node that has not had any yet. */
static void on_peers(struct troupe_actor *self, void *user, const struct node_peers_changed *event,
                     const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)self;
    (void)info;
    if (event == NULL)
        return;
    uint32_t now = event->outbound + event->inbound;
    bool is_new = event->is_active != ui->peers.is_active ||
                  now != ui->peers.outbound + ui->peers.inbound;
    if (!ui->has_peers)
        is_new = now > 0 || !event->is_active;
    if (!is_new)
        return;
    ui->has_peers = true;
    ui->peers = *event;
    if (event->is_active)
        screen_line(&ui->screen, "node", "%" PRIu32 " peer%s now", now, format_plural(now));
    else
        screen_line(&ui->screen, "node", "the network is off: `network on` switches it on");
}

static void on_tx(struct troupe_actor *self, void *user, const struct wallet_tx_changed *event,
                  const struct troupe_event_info *info)
{
    struct ui *ui = user;
    char hash[FORMAT_HASH_SIZE];
    char amount[FORMAT_BTC_SIZE];
    (void)info;
    if (event == NULL)
        return; /* the balance says what counts */
    if (event->is_removed && event->tx.is_pending) {
        screen_line(&ui->screen, "wallet", "no longer pending: %s",
                    format_hash(event->tx.txid.bytes, hash));
        return;
    }
    if (event->is_removed) {
        if (ui->news.txs > 0)
            ui_news_flush(ui); /* what came before it */
        ui->news.left++;
        ui->news.left_txid = event->tx.txid;
        tell_soon(self, ui);
        return;
    }
    if (event->tx.is_pending) {
        screen_line(&ui->screen, "wallet", "%s BTC pending: %s",
                    format_btc(event->tx.net_sat, true, amount),
                    format_hash(event->tx.txid.bytes, hash));
        return;
    }
    struct ui_news *news = &ui->news;
    news->txs_first = news->txs == 0 ? event->tx.height : news->txs_first;
    news->txs_last = event->tx.height;
    news->txs_net += event->tx.net_sat;
    news->txs_mined = event->tx.is_coinbase;
    news->txid = event->tx.txid;
    news->txs++;
    tell_soon(self, ui);
}

static void on_balance(struct troupe_actor *self, void *user,
                       const struct wallet_balance_changed *event,
                       const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)info;
    if (event == NULL)
        return;
    ui->balance = event->balance;
    ui->news.balance = true;
    tell_soon(self, ui);
}

/* It is told by each that locks or unlocks it, too: a line when it is another state. */
static void on_lock(struct troupe_actor *self, void *user, const struct wallet_lock_changed *event,
                    const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)self;
    (void)info;
    if (event == NULL || (ui->has_lock && event->is_locked == ui->lock.is_locked &&
                          event->is_encrypted == ui->lock.is_encrypted))
        return;
    ui->has_lock = true;
    ui->lock = *event;
    screen_line(&ui->screen, "wallet", "%s",
                event->is_locked      ? "locked"
                : event->is_encrypted ? "unlocked: it signs"
                                      : "its keys are under no passphrase");
}

static void on_synced(struct troupe_actor *self, void *user, const struct wallet_synced_to *event,
                      const struct troupe_event_info *info)
{
    struct ui *ui = user;
    (void)info;
    if (event == NULL)
        return;
    ui->synced = event->synced;
    if (ui->screen.is_live)
        tell_soon(self, ui);
}

int ui_news_start(struct troupe_actor *self, struct ui *ui)
{
    struct troupe_handler *handler;
    int error = node_on_block_connected(self, ui->node, on_block, ui, &handler);
    if (error == 0)
        error = node_on_block_disconnected(self, ui->node, on_disconnected, ui, &handler);
    if (error == 0)
        error = node_on_tip_changed(self, ui->node, on_tip, ui, &handler);
    if (error == 0)
        error = node_on_sync_progress(self, ui->node, on_progress, ui, &handler);
    if (error == 0)
        error = node_on_alert(self, ui->node, on_alert, ui, &handler);
    if (error == 0)
        error = node_on_peers_changed(self, ui->node, on_peers, ui, &handler);
    return error;
}

int ui_news_hear_wallet(struct troupe_actor *self, struct ui *ui)
{
    struct troupe_handler **handlers = ui->wallet_handlers;
    ui->has_lock = false;
    int error = wallet_on_tx_changed(self, ui->wallet, on_tx, ui, &handlers[0]);
    if (error == 0)
        error = wallet_on_balance_changed(self, ui->wallet, on_balance, ui, &handlers[1]);
    if (error == 0)
        error = wallet_on_synced_to(self, ui->wallet, on_synced, ui, &handlers[2]);
    if (error == 0)
        error = wallet_on_lock_changed(self, ui->wallet, on_lock, ui, &handlers[3]);
    return error;
}
