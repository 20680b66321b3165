/* The commands about the drafts there are: drafts, drop. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/ui/commands_impl.h"

/* ---- drafts ---- */

static void print_draft_json(const struct wallet_draft *draft)
{
    char text[FORMAT_HASH_SIZE];
    printf("{\"draft\":%" PRId64 ",\"state\":\"%s\",\"txid\":\"%s\",\"paid_sat\":%" PRId64
           ",\"fee_sat\":%" PRId64 ",\"made_s\":%" PRId64 ",\"is_given_out\":%s",
           draft->id, ui_draft_state_name(draft->state), format_hash(draft->txid.bytes, text),
           draft->paid_sat, draft->fee_sat, draft->made_s, draft->is_given_out ? "true" : "false");
    if (draft->has_holds_until_s)
        printf(",\"holds_until_s\":%" PRId64, draft->holds_until_s);
    if (draft->has_replaces)
        printf(",\"replaces\":\"%s\"", format_hash(draft->replaces.bytes, text));
    putchar('}');
}

static void print_draft(const struct wallet_draft *draft)
{
    char paid[FORMAT_BTC_SIZE];
    char fee[FORMAT_BTC_SIZE];
    char when[FORMAT_TIME_SIZE];
    char txid[FORMAT_HASH_SIZE];
    printf("%6" PRId64 "  %s  %-8s %20s BTC, fee %s  %s", draft->id,
           format_time(draft->made_s, when), ui_draft_state_name(draft->state),
           format_btc(draft->paid_sat, false, paid), format_btc(draft->fee_sat, false, fee),
           format_hash(draft->txid.bytes, txid));
    if (draft->has_holds_until_s)
        printf("  keeps its coins until %s", format_time(draft->holds_until_s, when));
    puts(draft->is_given_out && draft->state < WALLET_DRAFT_STATE_SENT ? "  given out" : "");
}

/* Stops in the middle when a page can't be had. */
static int list_drafts(const struct desk *desk, bool with_sent, bool json)
{
    struct wallet_list_drafts_args args = {.with_sent = with_sent};
    struct wallet_list_drafts_results page;
    struct troupe_error error;
    size_t shown = 0;
    do {
        int code = wallet_list_drafts(desk->troupe, desk->wallet, &args, &page, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(desk, code, &error);
        for (size_t i = 0; i < page.drafts_count; i++, shown++) {
            if (!json) {
                print_draft(&page.drafts[i]);
                continue;
            }
            fputs(shown == 0 ? "[" : ",\n ", stdout);
            print_draft_json(&page.drafts[i]);
        }
        args.cursor = page.cursor;
        troupe_release(page.message);
    } while (args.cursor != 0);
    if (json)
        puts(shown == 0 ? "[]" : "]");
    else if (shown == 0)
        puts(with_sent ? "none: `draft` makes one"
                       : "none that was not sent: `drafts all` lists all");
    return 0;
}

int ui_run_drafts(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values)
{
    struct desk desk;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "drafts") != 0)
        return 1;
    if (count > 0 && strcmp(values[0], "all") != 0)
        return ui_desk_fail(&desk, "say nothing for those that were not sent, or `all`");
    return list_drafts(&desk, count > 0, json);
}

/* ---- drop ---- */

int ui_run_drop(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallet_drop_draft_args args;
    struct troupe_error error;
    uint64_t id = 0;
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "drop") != 0)
        return 1;
    if (!ui_read_number(values[0], 1, INT64_MAX, &id))
        return ui_desk_fail(&desk, "say the number of a draft, which `drafts` lists: drop 3");
    args.id = (int64_t)id;
    int code = wallet_drop_draft(troupe, desk.wallet, &args, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    puts(json ? "{}" : "dropped: other drafts can have its coins");
    return 0;
}
