/* The commands about which wallets there are: wallets, create, open, close. */
#include <stdio.h>
#include <string.h>

#include "actors/ui/commands_impl.h"
#include "actors/ui/secret.h"

/* ---- wallets ---- */

static void print_entry(const struct wallets_entry *entry, bool json, bool is_first)
{
    if (json)
        printf("%s{\"name\":\"%.*s\",\"is_open\":%s}", is_first ? "" : ",\n ",
               (int)entry->name.size, entry->name.data, entry->is_open ? "true" : "false");
    else
        printf("%-32.*s  %s\n", (int)entry->name.size, entry->name.data,
               entry->is_open ? "open" : "closed");
}

int ui_run_wallets(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                   int count, char *const *values)
{
    struct desk desk;
    struct wallets_list_results page;
    struct troupe_error error;
    char after[WALLETS_LIST_AFTER_BYTES_MAX + 1] = "";
    bool has_more = true;
    (void)count;
    (void)values;
    if (ui_desk_open(&desk, troupe, arguments, "wallets") != 0)
        return 1;
    for (bool is_first = true; has_more;) {
        struct wallets_list_args args = {.after = troupe_text(after)};
        int code = wallets_list(troupe, desk.wallets, &args, &page, &error, NULL);
        if (code != 0)
            return ui_desk_fail_code(&desk, code, &error);
        if (json && is_first)
            putchar('[');
        for (size_t i = 0; i < page.wallets_count; i++, is_first = false)
            print_entry(&page.wallets[i], json, is_first);
        has_more = page.has_more && page.wallets_count > 0;
        if (has_more) {
            struct troupe_text last = page.wallets[page.wallets_count - 1].name;
            snprintf(after, sizeof(after), "%.*s", (int)last.size, last.data);
        }
        troupe_release(page.message);
    }
    if (json)
        puts("]");
    return 0;
}

/* ---- create, open, close ---- */

/* Says how the wallet is now. */
static int say_state(const char *name, bool json, bool is_open, const char *text)
{
    if (json)
        printf("{\"name\":\"%s\",\"is_open\":%s}\n", name, is_open ? "true" : "false");
    else
        printf("%s %s\n", name, text);
    return 0;
}

/* True: it can be sent; what it says wrong the manager says. */
static bool fits(const struct desk *desk, const char *name)
{
    if (strlen(name) <= WALLETS_CREATE_NAME_BYTES_MAX)
        return true;
    (void)ui_desk_fail(desk, "a wallet's name is 1 to 32 of a-z, 0-9, _ and -");
    return false;
}

static int create(const struct desk *desk, const char *name, const char *words,
                  const char *passphrase, bool json)
{
    struct wallets_create_results results;
    struct troupe_error error;
    struct wallets_create_args args = {.name = troupe_text(name),
                                       .words = troupe_text(words),
                                       .passphrase = troupe_text(passphrase)};
    if (args.words.size > WALLETS_CREATE_WORDS_BYTES_MAX)
        return ui_desk_fail(desk, "these are no BIP39 words: too many");
    int code = wallets_create(desk->troupe, desk->wallets, &args, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(desk, code, &error);
    return say_state(name, json, true,
                     words[0] != '\0'
                         ? "is made of these words: `rescan` finds what they own"
                         : "is made: `words` shows what restores it, on paper for instance");
}

int ui_run_create(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values)
{
    struct desk desk;
    char words[SECRET_SIZE] = "";
    char passphrase[SECRET_SIZE] = "";
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "create") != 0 || !fits(&desk, values[0]))
        return 1;
    int rc = 0;
    if (troupe_argument(arguments, "words") != NULL)
        rc = secret_line(&desk, "the words", words);
    if (rc == 0 && troupe_argument(arguments, "words") != NULL && words[0] == '\0')
        rc = ui_desk_fail(&desk, "no words were given: leave --words away for new keys");
    if (rc == 0 && (troupe_argument(arguments, "encrypt") != NULL ||
                    troupe_argument(arguments, "passphrase-file") != NULL))
        rc = secret_new_passphrase(&desk, passphrase);
    if (rc == 0)
        rc = create(&desk, values[0], words, passphrase, json);
    explicit_bzero(words, sizeof(words));
    explicit_bzero(passphrase, sizeof(passphrase));
    return rc;
}

int ui_run_open(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallets_open_args args = {.name = troupe_text(values[0])};
    struct wallets_open_results results;
    struct troupe_error error;
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "open") != 0 || !fits(&desk, values[0]))
        return 1;
    int code = wallets_open(troupe, desk.wallets, &args, &results, &error, NULL);
    return code == 0 ? say_state(values[0], json, true, "is open")
                     : ui_desk_fail_code(&desk, code, &error);
}

int ui_run_close(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct wallets_close_args args = {.name = troupe_text(values[0])};
    struct troupe_error error;
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "close") != 0 || !fits(&desk, values[0]))
        return 1;
    int code = wallets_close(troupe, desk.wallets, &args, &error, NULL);
    return code == 0 ? say_state(values[0], json, false, "is closed")
                     : ui_desk_fail_code(&desk, code, &error);
}
