/* The signer of a PSBT: see psbt.h. */
#include "actors/bitcoin/psbt_impl.h"

#include <string.h>

static int check_hash(struct btc_span script, bool is_sha256, struct btc_span due,
                      struct btc_error *err)
{
    struct btc_hash long_hash;
    struct btc_hash160 hash;
    int rc = is_sha256 ? btc_sha256(script.data, script.size, &long_hash)
                       : btc_hash160(script.data, script.size, &hash);
    if (rc != 0)
        return btc_fail(err, rc, "a script could not be hashed");
    if (memcmp(is_sha256 ? long_hash.bytes : hash.bytes, due.data, due.size) != 0)
        return btc_fail(err, BTC_EINVALID,
                        "its %s script is not the one that the coin is locked to",
                        is_sha256 ? "witness" : "redeem");
    return 0;
}

static int read_witness_script(const struct psbt_list *list, struct btc_span program,
                               struct psbt_lock *lock, struct btc_error *err)
{
    if (!psbt_find(list, PSBT_IN_WITNESS_SCRIPT, &lock->witness_script))
        return btc_fail(err, BTC_PSBT_NOT_OURS, "its witness script is missing");
    int rc = check_hash(lock->witness_script, true, program, err);
    if (rc != 0)
        return rc;
    lock->is_segwit = true;
    lock->is_multisig = btc_script_multisig(lock->witness_script, &lock->multisig);
    lock->script_code = lock->witness_script;
    return lock->is_multisig
               ? 0
               : btc_fail(err, BTC_PSBT_NOT_OURS, "its witness script is no multisig");
}

static int read_redeem_script(const struct psbt_list *list, struct psbt_lock *lock,
                              struct btc_error *err)
{
    if (!psbt_find(list, PSBT_IN_REDEEM_SCRIPT, &lock->redeem_script))
        return btc_fail(err, BTC_PSBT_NOT_OURS, "its redeem script is missing");
    int rc = check_hash(lock->redeem_script, false, lock->coin.payload, err);
    if (rc != 0)
        return rc;
    struct btc_script_match inner = btc_script_classify(lock->redeem_script);
    if (inner.kind == BTC_SCRIPT_P2WSH)
        return read_witness_script(list, inner.payload, lock, err);
    lock->is_segwit = inner.kind == BTC_SCRIPT_P2WPKH;
    lock->is_multisig = btc_script_multisig(lock->redeem_script, &lock->multisig);
    lock->script_code = lock->redeem_script;
    if (lock->is_segwit || lock->is_multisig)
        return 0;
    return btc_fail(err, BTC_PSBT_NOT_OURS, "its redeem script is none of the templates");
}

/* By the coin's own script. */
static int read_script(const struct psbt_list *list, struct btc_span script, struct psbt_lock *lock,
                       struct btc_error *err)
{
    switch (lock->coin.kind) {
    case BTC_SCRIPT_P2PK:
    case BTC_SCRIPT_P2PKH:
        return 0;
    case BTC_SCRIPT_P2WPKH:
        lock->is_segwit = true;
        return 0;
    case BTC_SCRIPT_P2TR:
        lock->is_taproot = true;
        return 0;
    case BTC_SCRIPT_P2SH:
        return read_redeem_script(list, lock, err);
    case BTC_SCRIPT_P2WSH:
        return read_witness_script(list, lock->coin.payload, lock, err);
    default:
        lock->is_multisig = btc_script_multisig(script, &lock->multisig);
        lock->script_code = script;
        return lock->is_multisig
                   ? 0
                   : btc_fail(err, BTC_PSBT_NOT_OURS, "its coin's script is none of the templates");
    }
}

int psbt_read_lock(struct btc_psbt *psbt, size_t index, struct psbt_lock *ret_lock,
                   struct btc_error *err)
{
    const struct psbt_list *list = &psbt->ins[index];
    struct psbt_lock lock = {0};
    struct btc_span given;
    if (!psbt->coin_states[index].is_known)
        return btc_fail(err, BTC_ENOTFOUND, "the coin that it spends is not given");
    struct btc_span script = psbt->coins[index].script;
    lock.coin = btc_script_classify(script);
    if (lock.coin.kind != BTC_SCRIPT_P2SH && psbt_find(list, PSBT_IN_REDEEM_SCRIPT, &given))
        return btc_fail(err, BTC_EINVALID, "it has a redeem script, but its coin is %s",
                        btc_script_kind_name(lock.coin.kind));
    int rc = read_script(list, script, &lock, err);
    if (rc != 0)
        return rc;
    if (lock.witness_script.size == 0 && psbt_find(list, PSBT_IN_WITNESS_SCRIPT, &given))
        return btc_fail(err, BTC_EINVALID, "it has a witness script that its coin does not want");
    if (!lock.is_segwit && !lock.is_taproot && !psbt->coin_states[index].is_whole)
        return btc_fail(err, BTC_EINVALID,
                        "a coin without segwit (%s) wants the whole previous transaction: "
                        "its amount can't be relied on otherwise",
                        btc_script_kind_name(lock.coin.kind));
    *ret_lock = lock;
    return 0;
}

int psbt_prepare(struct btc_psbt *psbt, struct btc_error *err)
{
    if (psbt->spending_is_ready)
        return 0;
    int rc = btc_spending_prepare(&psbt->tx, psbt->coins, &psbt->spending);
    if (rc != 0)
        return btc_fail(err, rc, "its hashes could not be computed: %s", btc_code_text(rc));
    psbt->spending_is_ready = true;
    return 0;
}

int psbt_want_all_coins(const struct btc_psbt *psbt, struct btc_error *err)
{
    for (size_t i = 0; i < psbt->tx.in_count; i++)
        if (!psbt->coin_states[i].is_known)
            return btc_fail(err, BTC_ENOTFOUND,
                            "taproot signatures are over all coins, that of input %zu is not given",
                            i);
    return 0;
}

bool psbt_read_sighash(const struct psbt_list *list, uint32_t *ret_hash_type)
{
    struct btc_span value;
    if (!psbt_find(list, PSBT_IN_SIGHASH, &value))
        return false;
    struct btc_reader r = btc_reader_of(value.data, value.size, NULL);
    return btc_read_u32(&r, "hash type", ret_hash_type) == 0;
}

/* What to sign with, or BTC_EINVALID when the input asks for another type than the caller. */
static int choose_hash_type(const struct psbt_list *list, const struct psbt_lock *lock,
                            uint32_t wanted, uint32_t *ret_hash_type, struct btc_error *err)
{
    uint32_t plain = lock->is_taproot ? BTC_SIGHASH_DEFAULT : BTC_SIGHASH_ALL;
    uint32_t asked;
    *ret_hash_type = wanted != 0 ? wanted : plain;
    if (!psbt_read_sighash(list, &asked) || asked == *ret_hash_type)
        return 0;
    if (wanted == 0 && asked == BTC_SIGHASH_ALL) {
        *ret_hash_type = asked;
        return 0;
    }
    return btc_fail(err, BTC_EINVALID, "it asks for a signature of hash type 0x%02x, not 0x%02x",
                    asked, *ret_hash_type);
}

static int sign_single(struct btc_psbt *psbt, size_t index, const struct psbt_lock *lock,
                       const uint8_t *secret, uint32_t hash_type, struct btc_error *err)
{
    struct btc_sign_options options = {.hash_type = hash_type};
    struct btc_signed it;
    struct btc_span root;
    int rc = lock->is_taproot ? psbt_want_all_coins(psbt, err) : 0;
    if (rc != 0)
        return rc;
    if (lock->is_taproot && psbt_find(&psbt->ins[index], PSBT_IN_TAP_MERKLE_ROOT, &root))
        options.merkle_root = root.data;
    rc = btc_sign_input(&psbt->spending, index, secret, &options, &it, err);
    if (rc != 0)
        return rc;
    struct btc_span signature = {it.signature, it.signature_size};
    return lock->is_taproot
               ? btc_psbt_set_tap_signature(psbt, index, signature, err)
               : btc_psbt_add_signature(psbt, index, (struct btc_span){it.key, it.key_size},
                                        signature, err);
}

static int sign_multisig(struct btc_psbt *psbt, size_t index, const struct psbt_lock *lock,
                         const uint8_t *secret, uint32_t hash_type, struct btc_error *err)
{
    uint8_t key[BTC_KEY_SIZE];
    uint8_t longer[BTC_KEY_LONG_SIZE];
    uint8_t signature[BTC_SIGNATURE_SIZE_MAX];
    size_t size;
    int rc = btc_key_of_secret(secret, key);
    if (rc == 0)
        rc = btc_key_expand(key, longer);
    if (rc != 0)
        return btc_fail(err, rc == BTC_EINVALID ? BTC_EUSAGE : rc,
                        "the private key can't be used: %s", btc_code_text(rc));
    size_t at = 0;
    for (; at < lock->multisig.key_count; at++) {
        struct btc_span it = lock->multisig.keys[at];
        if (memcmp(it.data, it.size == BTC_KEY_SIZE ? key : longer, it.size) == 0)
            break;
    }
    if (at == lock->multisig.key_count)
        return BTC_PSBT_NOT_OURS;
    rc = btc_sign_ecdsa(&psbt->spending, index, lock->is_segwit, lock->script_code, hash_type,
                        secret, signature, &size);
    if (rc != 0)
        return btc_fail(err, rc, "it could not be signed: %s", btc_code_text(rc));
    return btc_psbt_add_signature(psbt, index, lock->multisig.keys[at],
                                  (struct btc_span){signature, size}, err);
}

int btc_psbt_sign(struct btc_psbt *psbt, size_t index, const uint8_t secret[BTC_SECRET_SIZE],
                  uint32_t hash_type, struct btc_error *err)
{
    struct psbt_lock lock;
    uint32_t type;
    if (index >= psbt->tx.in_count)
        return btc_fail(err, BTC_EUSAGE, "PSBT: there is no input %zu", index);
    if (btc_psbt_is_final(psbt, index))
        return BTC_PSBT_NOT_OURS;
    int rc = psbt_read_lock(psbt, index, &lock, err);
    if (rc == 0)
        rc = choose_hash_type(&psbt->ins[index], &lock, hash_type, &type, err);
    if (rc == 0)
        rc = psbt_prepare(psbt, err);
    if (rc == 0)
        rc = lock.is_multisig ? sign_multisig(psbt, index, &lock, secret, type, err)
                              : sign_single(psbt, index, &lock, secret, type, err);
    return rc < 0 ? btc_fail_within(err, rc, "PSBT, input %zu: ", index) : rc;
}
