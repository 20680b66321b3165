/* The passphrase of a wallet: unlocking for a time, locking, changing it. */
#include <string.h>

#include "actors/bitcoin/bip32.h"
#include "actors/wallet/wallet_impl.h"

void wallet_tell_lock(struct troupe_actor *self, struct wallet *wallet)
{
    struct book_lock_state now;
    if (book_lock_state(wallet->book, &now, NULL) != 0)
        return;
    struct wallet_lock_changed event = {.is_encrypted = now.is_encrypted,
                                        .is_locked = now.is_locked};
    wallet_publish_lock_changed(self, &event);
}

static void stop_timer(struct troupe_actor *self, struct wallet *wallet)
{
    if (wallet->has_lock_timer)
        troupe_cancel(self, wallet->lock_timer);
    wallet->has_lock_timer = false;
}

static void on_time(struct troupe_actor *self, void *user)
{
    struct wallet *wallet = user;
    wallet->has_lock_timer = false;
    book_lock(wallet->book);
    wallet_tell_lock(self, wallet);
}

void wallet_serve_unlock(struct troupe_actor *self, void *state, struct troupe_call *call,
                         const struct wallet_unlock_args *args)
{
    struct wallet *wallet = state;
    struct btc_error err;
    char passphrase[BOOK_PASSPHRASE_SIZE];
    if (args->seconds == 0 || !wallet_read_text(args->passphrase, passphrase, sizeof(passphrase))) {
        wallet_fail_invalid(call, args->seconds == 0 ? "unlock it for a second at least"
                                                     : "a passphrase has no NUL");
        return;
    }
    int rc = book_unlock(wallet->book, passphrase, &err);
    btc_wipe(passphrase, sizeof(passphrase));
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    stop_timer(self, wallet);
    int code = troupe_after(self, args->seconds * 1000, on_time, wallet, &wallet->lock_timer);
    wallet->has_lock_timer = code == 0;
    if (code != 0)
        book_lock(wallet->book); /* nobody would */
    wallet_tell_lock(self, wallet);
    if (code != 0)
        troupe_fail(call, code, NULL);
    else
        wallet_unlock_reply(call);
}

void wallet_serve_lock(struct troupe_actor *self, void *state, struct troupe_call *call)
{
    struct wallet *wallet = state;
    stop_timer(self, wallet);
    book_lock(wallet->book);
    wallet_tell_lock(self, wallet);
    wallet_lock_reply(call);
}

void wallet_serve_change_passphrase(struct troupe_actor *self, void *state,
                                    struct troupe_call *call,
                                    const struct wallet_change_passphrase_args *args)
{
    struct wallet *wallet = state;
    struct btc_error err;
    char old[BOOK_PASSPHRASE_SIZE];
    char fresh[BOOK_PASSPHRASE_SIZE];
    if (!wallet_read_text(args->old, old, sizeof(old)) ||
        !wallet_read_text(args->fresh, fresh, sizeof(fresh))) {
        wallet_fail_invalid(call, "a passphrase has no NUL");
        return;
    }
    int rc = book_change_passphrase(wallet->book, old[0] != '\0' ? old : NULL,
                                    fresh[0] != '\0' ? fresh : NULL, &err);
    btc_wipe(old, sizeof(old));
    btc_wipe(fresh, sizeof(fresh));
    if (rc != 0) {
        wallet_fail_book(call, rc, &err);
        return;
    }
    stop_timer(self, wallet);
    wallet_tell_lock(self, wallet);
    wallet_change_passphrase_reply(call);
}
