/* Which drafts there are: listed, and dropped. How they are made and sent is spend.c's. */
#include <time.h>

#include "actors/wallet/wallet_impl.h"

struct wallet_draft wallet_draft_of(const struct book_draft *draft)
{
    int64_t until_s = book_draft_holds_until(draft, (int64_t)time(NULL));
    return (struct wallet_draft){
        .id = draft->id,
        .state = (enum wallet_draft_state)draft->state,
        .txid = wallet_hash_of(&draft->txid),
        .paid_sat = draft->paid,
        .fee_sat = draft->fee,
        .change_sat = draft->change,
        .has_change_index = draft->change_index >= 0,
        .change_index = draft->change_index >= 0 ? (uint32_t)draft->change_index : 0,
        .vsize_vbytes = draft->vsize,
        .input_count = draft->input_count,
        .output_count = draft->output_count,
        .has_replaces = !btc_hash_is_zero(&draft->replaces),
        .replaces = wallet_hash_of(&draft->replaces),
        .made_s = draft->made_s,
        .has_holds_until_s = until_s != 0,
        .holds_until_s = until_s,
        .is_given_out = draft->is_given_out,
    };
}

void wallet_serve_list_drafts(struct troupe_actor *self, void *state, struct troupe_call *call,
                              const struct wallet_list_drafts_args *args)
{
    struct wallet *wallet = state;
    struct book_draft *rows = wallet->page.drafts.rows;
    struct wallet_draft *items = wallet->page.drafts.items;
    struct wallet_list_drafts_results results = {.drafts = items, .cursor = args->cursor};
    struct btc_error err;
    (void)self;
    int rc = book_list_drafts(wallet->book, args->with_sent, &results.cursor, rows,
                              wallet_page_of(args->max), &results.drafts_count, &err);
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    for (size_t i = 0; i < results.drafts_count; i++)
        items[i] = wallet_draft_of(&rows[i]);
    wallet_list_drafts_reply(call, &results);
}

void wallet_serve_drop_draft(struct troupe_actor *self, void *state, struct troupe_call *call,
                             const struct wallet_drop_draft_args *args)
{
    struct wallet *wallet = state;
    struct book_draft draft;
    struct btc_error err;
    int rc = book_get_draft(wallet->book, args->id, &draft, &err);
    if (rc == 0 && draft.state == BOOK_SENT &&
        book_pending_is_lost(wallet->book, &draft.txid, NULL) == 0)
        wallet_drop(self, wallet, &draft.txid, BOOK_DROP_CONFLICT);
    else if (rc == 0)
        rc = book_drop_draft(wallet->book, args->id, &err);
    if (rc != 0)
        wallet_fail_book(call, rc, &err);
    else
        wallet_drop_draft_reply(call);
}
