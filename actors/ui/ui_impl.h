/*
 * Private to the UI actor: its state, and what its files offer one another.
 *
 *   ui.c        start and stop, and what others ask of the UI
 *   purse.c     the wallet that is shown: found, and found again
 *   plan.c      what the program was started to do, a step at a time
 *   summary.c   what there is at the end of it
 *   news.c      events of node and wallet, told at a bounded rate
 *   ask.c       questions to a person
 *   commands*.c, desk.c, reading.c  the commands; they share nothing with the actor (commands_impl.h)
 *   screen.c    lines and the status line     format.c   amounts, ids, times
 *   datadir.c   where data lies unless a person says otherwise
 *
 * The actor is detached, because a terminal may make it wait.
 */
#ifndef ACTORS_UI_UI_IMPL_H
#define ACTORS_UI_UI_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/ui/screen.h"
#include "bus/troupe.h"
#include "interfaces/node.h"
#include "interfaces/ui.h"
#include "interfaces/wallet.h"
#include "interfaces/wallets.h"

#define UI_NEWS_MS        1000 /* between two lines of one kind where there is no terminal */
#define UI_NEWS_LIVE_MS   200  /* and where there is one */
#define UI_SETTLE_MS      1000 /* how long the end waits for events that are on their way */
#define UI_SETTLE_STEP_MS 10
#define UI_LOOK_MS        50    /* between two looks whether a person has answered */
#define UI_BACK_MS        30000 /* how long the plan waits for a process that died */
#define UI_BACK_STEP_MS   200
#define UI_WALLET_EVENTS  4  /* of the shown wallet, that are heard */
#define UI_QUESTION_S     60 /* how long a person has who was given no time */

/* What happened since the last line about it. */
struct ui_news {
    uint32_t undone; /* blocks taken back, from undone_first down */
    uint32_t undone_first;
    struct node_hash32 undone_hash;
    uint64_t left; /* transactions, with their blocks */
    struct wallet_hash32 left_txid;
    uint64_t blocks;
    uint32_t blocks_first;
    uint32_t blocks_last;
    uint64_t blocks_txs;
    struct node_hash32 block_hash;
    uint64_t txs;
    uint32_t txs_first;
    uint32_t txs_last;
    int64_t txs_net;
    bool txs_mined;
    struct wallet_hash32 txid;
    bool balance;
};

/* The open question, if call is not NULL. */
struct ui_question {
    struct troupe_call *call;
    uint32_t choices_count;
    uint32_t default_choice;
    uint64_t until_ms;
};

struct ui {
    struct troupe_actor *self;
    const struct troupe_arguments *arguments;
    struct troupe_ref node;
    struct troupe_ref wallets;
    struct screen screen;

    /* purse.c */
    const char *wallet_name;
    struct troupe_ref wallet; /* {0, 0} until it is found */
    struct troupe_handler *wallet_handlers[UI_WALLET_EVENTS];

    /* news.c */
    struct ui_news news;
    uint64_t told_ms;
    bool is_timed; /* a flush is on its way */
    struct node_tip tip;
    struct wallet_synced synced;
    struct wallet_balance balance;
    bool has_peers;                  /* something was told of them */
    struct node_peers_changed peers; /* as they were told last */
    bool has_lock;                   /* the same of this wallet's keys */
    struct wallet_lock_changed lock;
    enum node_sync_phase phase;
    uint64_t done;
    uint64_t total;

    struct ui_question question; /* ask.c */

    /* plan.c */
    unsigned step;
    uint64_t lost_ms;        /* since when a process is gone that the plan needs; 0: none */
    const char *watch_left;  /* what is not watched yet of --watch */
    const char *import_what; /* the option whose file is being read */
    uint64_t imported_blocks;
    uint64_t imported_headers;
    bool is_first_run;
    bool is_idle; /* all done */
    struct node_get_chain_stats_results stats;
    uint64_t settle_ms;
};

/* ---- news.c ---- */

int ui_news_start(struct troupe_actor *self, struct ui *ui) TROUPE_CHECKED;
/* Hears the events of ui->wallet, which is another one now. */
int ui_news_hear_wallet(struct troupe_actor *self, struct ui *ui) TROUPE_CHECKED;
/* Tells what is waiting to be told, now. */
void ui_news_flush(struct ui *ui);

/* ---- purse.c ---- */

int ui_purse_start(struct troupe_actor *self, struct ui *ui) TROUPE_CHECKED;
/* The manager gave this ref: ui->wallet and its events are of that wallet from now on. */
int ui_purse_take(struct troupe_actor *self, struct ui *ui, struct troupe_ref ref) TROUPE_CHECKED;

/* ---- ask.c ---- */

void ui_serve_question(struct troupe_actor *self, void *state, struct troupe_call *call,
                       const struct ui_question_args *args);

/* Gives this actor to the node as whom to ask, now and whenever the node is a new one. */
void ui_offer_answers(struct troupe_actor *self, struct ui *ui);

/* ---- plan.c ---- */

void ui_plan_start(struct troupe_actor *self, struct ui *ui);
/* Goes on with the next step. */
void ui_plan_next(struct troupe_actor *self, struct ui *ui);
/* A step's ask ended with an error, or could not be sent. If a process died the plan begins anew when
 * it is back; otherwise this says why, and ends the program where nobody sits before it. */
void ui_plan_failed(struct ui *ui, const char *what, const struct troupe_error *error);
void ui_plan_refused(struct ui *ui, const char *what, int code);

/* ---- summary.c ---- */

/* Asks for the balance and says what there is; then the plan goes on. */
void ui_summary(struct troupe_actor *self, struct ui *ui);
/* Where the program runs that is shown, and by which option it is found there. */
const char *ui_place(const struct ui *ui, const char **ret_option);
void ui_say_commands(struct ui *ui);

#endif
