/* The commands about a wallet's keys: unlock, lock, passphrase, words, descriptors, sign-message,
 * verify-message. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/message.h"
#include "actors/bitcoin/params.h"
#include "actors/ui/commands_impl.h"
#include "actors/ui/secret.h"

#define UNLOCK_S 300
#define BRIEF_S  10 /* for one command */

static int say(bool json, bool is_locked, const char *text)
{
    if (json)
        printf("{\"is_locked\":%s}\n", is_locked ? "true" : "false");
    else
        puts(text);
    return 0;
}

int ui_run_unlock(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                  int count, char *const *values)
{
    struct desk desk;
    struct troupe_error error;
    char passphrase[SECRET_SIZE] = "";
    char text[64];
    uint64_t seconds = UNLOCK_S;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "unlock") != 0)
        return 1;
    if (count > 0 && !ui_read_number(values[0], 1, WALLET_UNLOCK_SECONDS_MAX, &seconds))
        return ui_desk_fail(&desk, "say for how many seconds, from 1 to 86400: unlock 300");
    int rc = secret_passphrase(&desk, "passphrase", passphrase);
    if (rc == 0) {
        struct wallet_unlock_args args = {.passphrase = troupe_text(passphrase),
                                          .seconds = (uint32_t)seconds};
        int code = wallet_unlock(troupe, desk.wallet, &args, &error, NULL);
        snprintf(text, sizeof(text), "unlocked for %" PRIu64 " second%s", seconds,
                 format_plural(seconds));
        rc = code == 0 ? say(json, false, text) : ui_desk_fail_code(&desk, code, &error);
    }
    explicit_bzero(passphrase, sizeof(passphrase));
    return rc;
}

int ui_run_lock(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                int count, char *const *values)
{
    struct desk desk;
    struct wallet_get_info_results info;
    struct troupe_error error;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "lock") != 0)
        return 1;
    int code = wallet_lock(troupe, desk.wallet, &error, NULL);
    if (code == 0)
        code = wallet_get_info(troupe, desk.wallet, &info, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    bool is_locked = info.is_locked;
    troupe_release(info.message);
    return is_locked ? say(json, true, "locked")
                     : ui_desk_fail(&desk, "its keys are under no passphrase: `passphrase` puts "
                                           "them under one");
}

static int change(const struct desk *desk, bool is_encrypted, char *old, char *fresh)
{
    struct troupe_error error;
    int rc = is_encrypted ? secret_line(desk, "the passphrase until now", old) : 0;
    if (rc == 0)
        rc = secret_new_passphrase(desk, fresh);
    if (rc != 0)
        return rc;
    struct wallet_change_passphrase_args args = {.old = troupe_text(old),
                                                 .fresh = troupe_text(fresh)};
    int code = wallet_change_passphrase(desk->troupe, desk->wallet, &args, &error, NULL);
    return code == 0 ? 0 : ui_desk_fail_code(desk, code, &error);
}

int ui_run_passphrase(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                      int count, char *const *values)
{
    struct desk desk;
    struct wallet_get_info_results info;
    struct troupe_error error;
    char old[SECRET_SIZE] = "";
    char fresh[SECRET_SIZE] = "";
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "passphrase") != 0)
        return 1;
    int code = wallet_get_info(troupe, desk.wallet, &info, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    bool is_encrypted = info.is_encrypted;
    troupe_release(info.message);
    int rc = change(&desk, is_encrypted, old, fresh);
    explicit_bzero(old, sizeof(old));
    explicit_bzero(fresh, sizeof(fresh));
    return rc != 0 ? rc
                   : say(json, true,
                         "the keys are under this passphrase now; nobody can restore it for you");
}

int ui_run_words(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                 int count, char *const *values)
{
    struct desk desk;
    struct wallet_get_words_results results;
    struct troupe_error error;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "words") != 0)
        return 1;
    int code = wallet_get_words(troupe, desk.wallet, &results, &error, NULL);
    bool briefly = code == WALLET_LOCKED;
    if (briefly && ui_unlock_briefly(&desk) != 0)
        return 1;
    if (briefly) {
        code = wallet_get_words(troupe, desk.wallet, &results, &error, NULL);
        ui_lock_again(&desk);
    }
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    printf(json ? "{\"words\":\"%.*s\"}\n" : "%.*s\n", (int)results.words.size, results.words.data);
    troupe_release(results.message);
    return 0;
}

int ui_unlock_briefly(const struct desk *desk)
{
    struct troupe_error error;
    char passphrase[SECRET_SIZE] = "";
    if (troupe_argument(desk->arguments, "passphrase-file") == NULL)
        return ui_desk_fail(desk, "the wallet is locked: `unlock` it first, or give "
                                  "--passphrase-file");
    int rc = secret_passphrase(desk, "passphrase", passphrase);
    if (rc == 0) {
        struct wallet_unlock_args args = {.passphrase = troupe_text(passphrase),
                                          .seconds = BRIEF_S};
        int code = wallet_unlock(desk->troupe, desk->wallet, &args, &error, NULL);
        rc = code == 0 ? 0 : ui_desk_fail_code(desk, code, &error);
    }
    explicit_bzero(passphrase, sizeof(passphrase));
    return rc;
}

void ui_lock_again(const struct desk *desk)
{
    struct troupe_error error;
    int code = wallet_lock(desk->troupe, desk->wallet, &error, NULL);
    (void)code; /* then it locks itself after BRIEF_S */
}

int ui_run_descriptors(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                       int count, char *const *values)
{
    static const char *const owners[] = {"watched", "receive", "change"};
    struct desk desk;
    struct wallet_export_descriptors_results results;
    struct troupe_error error;
    (void)count;
    (void)values;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "descriptors") != 0)
        return 1;
    int code = wallet_export_descriptors(troupe, desk.wallet, &results, &error, NULL);
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    if (json)
        putchar('[');
    for (size_t i = 0; i < results.descriptors_count; i++) {
        const struct wallet_descriptor *one = &results.descriptors[i];
        const char *owner = one->owner <= WALLET_SCRIPT_OWNER_CHANGE ? owners[one->owner] : "";
        if (json) {
            printf("%s{\"owner\":\"%s\",\"descriptor\":", i == 0 ? "" : ",\n ", owner);
            format_json_text(stdout, one->text);
            putchar('}');
        } else {
            printf("%-8s %.*s\n", owner, (int)one->text.size, one->text.data);
        }
    }
    if (json)
        puts("]");
    troupe_release(results.message);
    return 0;
}

int ui_run_sign_message(struct troupe *troupe, const struct troupe_arguments *arguments, bool json,
                        int count, char *const *values)
{
    struct desk desk;
    struct wallet_sign_message_args args = {.address = troupe_text(values[0]),
                                            .message = troupe_text(values[1])};
    struct wallet_sign_message_results results;
    struct troupe_error error;
    (void)count;
    if (ui_desk_open_wallet(&desk, troupe, arguments, "sign-message") != 0)
        return 1;
    int code = wallet_sign_message(troupe, desk.wallet, &args, &results, &error, NULL);
    bool briefly = code == WALLET_LOCKED;
    if (briefly && ui_unlock_briefly(&desk) != 0)
        return 1;
    if (briefly) {
        code = wallet_sign_message(troupe, desk.wallet, &args, &results, &error, NULL);
        ui_lock_again(&desk);
    }
    if (code != 0)
        return ui_desk_fail_code(&desk, code, &error);
    printf(json ? "{\"signature\":\"%.*s\"}\n" : "%.*s\n", (int)results.signature.size,
           results.signature.data);
    troupe_release(results.message);
    return 0;
}

/* Needs no wallet: an address says all. */
int ui_run_verify_message(struct troupe *troupe, const struct troupe_arguments *arguments,
                          bool json, int count, char *const *values)
{
    struct desk desk;
    struct btc_script script;
    struct btc_error err;
    const struct btc_params *params = btc_params_by_name(troupe_argument(arguments, "network"));
    struct btc_span message = {(const uint8_t *)values[2], strlen(values[2])};
    (void)count;
    if (ui_desk_open(&desk, troupe, arguments, "verify-message") != 0)
        return 1;
    if (params == NULL || btc_address_decode(params, values[0], &script, &err) != 0)
        return ui_desk_fail(&desk, params == NULL ? "there is no such network" : err.text);
    int rc = btc_message_verify(btc_script_span(&script), message, values[1], &err);
    if (rc != 0 && rc != BTC_EINVALID)
        return ui_desk_fail(&desk, err.text);
    if (json)
        printf("{\"is_valid\":%s}\n", rc == 0 ? "true" : "false");
    else
        puts(rc == 0 ? "signed by the key of this address"
                     : "no: the key of this address did not sign this text");
    return rc == 0 || json ? 0 : 1;
}
