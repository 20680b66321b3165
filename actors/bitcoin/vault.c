/* Boxes: version, log2 of N, r, p (a byte each), salt, nonce, tag, sealed bytes. What stands before
 * the nonce is authenticated too. */
#include "actors/bitcoin/vault.h"

#include <string.h>
#include <sys/mman.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "actors/bitcoin/bip32.h"

enum {
    BOX_VERSION = 1,
    COST_R = 8,
    COST_P = 1,
    SALT_AT = 4,
    SALT_SIZE = 16,
    NONCE_AT = SALT_AT + SALT_SIZE,
    NONCE_SIZE = 12,
    TAG_AT = NONCE_AT + NONCE_SIZE,
    TAG_SIZE = 16,
    DATA_AT = TAG_AT + TAG_SIZE,
    KEY_SIZE = 32,
    PAGE_SIZE = 4096,
};

/* The key of a box whose head and salt are filled in. */
static int derive_key(const char *passphrase, const uint8_t *box, uint8_t ret_key[KEY_SIZE],
                      struct btc_error *err)
{
    uint64_t cost = UINT64_C(1) << box[1];
    uint64_t memory = 128 * cost * box[2] + 128 * UINT64_C(64) * box[2] * box[3] + (1 << 20);
    if (EVP_PBE_scrypt(passphrase, strlen(passphrase), box + SALT_AT, SALT_SIZE, cost, box[2],
                       box[3], memory, ret_key, KEY_SIZE) == 1)
        return 0;
    return btc_fail(err, BTC_ENOMEM,
                    "the passphrase could not be turned into a key: that takes %llu MiB of memory",
                    (unsigned long long)(memory >> 20));
}

static int seal_with(EVP_CIPHER_CTX *context, const uint8_t key[KEY_SIZE], const uint8_t *secret,
                     size_t size, uint8_t *box)
{
    int count = 0;
    return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, box + NONCE_AT) == 1 &&
                   EVP_EncryptUpdate(context, NULL, &count, box, NONCE_AT) == 1 &&
                   EVP_EncryptUpdate(context, box + DATA_AT, &count, secret, (int)size) == 1 &&
                   EVP_EncryptFinal_ex(context, box + DATA_AT + size, &count) == 1 &&
                   EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, box + TAG_AT) == 1
               ? 0
               : BTC_ECRYPTO;
}

static int open_with(EVP_CIPHER_CTX *context, const uint8_t key[KEY_SIZE], const uint8_t *box,
                     size_t size, uint8_t *ret_secret)
{
    uint8_t tag[TAG_SIZE];
    int count = 0;
    memcpy(tag, box + TAG_AT, sizeof(tag));
    if (EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, box + NONCE_AT) != 1 ||
        EVP_DecryptUpdate(context, NULL, &count, box, NONCE_AT) != 1 ||
        EVP_DecryptUpdate(context, ret_secret, &count, box + DATA_AT, (int)size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) != 1)
        return BTC_ECRYPTO;
    return EVP_DecryptFinal_ex(context, ret_secret + size, &count) == 1 ? 0 : BTC_VAULT_WRONG;
}

int btc_vault_seal(const char *passphrase, const uint8_t *secret, size_t size,
                   uint8_t ret_box[BTC_VAULT_SIZE_MAX], size_t *ret_size, struct btc_error *err)
{
    uint8_t box[BTC_VAULT_SIZE_MAX] = {BOX_VERSION, BTC_VAULT_LOG_COST, COST_R, COST_P};
    uint8_t key[KEY_SIZE];
    if (size < 1 || size > BTC_VAULT_SECRET_SIZE_MAX)
        return btc_fail(err, BTC_EUSAGE, "a secret of %zu bytes cannot be sealed", size);
    if (RAND_bytes(box + SALT_AT, SALT_SIZE + NONCE_SIZE) != 1)
        return btc_fail(err, BTC_EIO, "no randomness to seal a secret with");
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context)
        return btc_fail(err, BTC_ENOMEM, "no memory to seal a secret");
    int rc = derive_key(passphrase, box, key, err);
    if (rc == 0) {
        rc = seal_with(context, key, secret, size, box);
        if (rc < 0)
            rc = btc_fail(err, rc, "AES-256-GCM failed to seal a secret");
    }
    EVP_CIPHER_CTX_free(context);
    btc_wipe(key, sizeof(key));
    if (rc < 0)
        return rc;
    memcpy(ret_box, box, DATA_AT + size);
    *ret_size = DATA_AT + size;
    return 0;
}

static int check_box(const uint8_t *box, size_t box_size, struct btc_error *err)
{
    if (box_size <= DATA_AT || box_size > DATA_AT + BTC_VAULT_SECRET_SIZE_MAX)
        return btc_fail(err, BTC_EFORMAT, "a sealed secret of %zu bytes: damaged", box_size);
    if (box[0] != BOX_VERSION)
        return btc_fail(err, BTC_EFORMAT,
                        "a secret sealed in the way %u, this program knows %d: use a newer one",
                        box[0], BOX_VERSION);
    const uint64_t work_max = ((uint64_t)BTC_VAULT_WORK_MAX << BTC_VAULT_LOG_COST) * COST_R *
                              COST_P;
    if (box[1] < 1 || box[1] >= 32 || box[2] < 1 || box[3] < 1 ||
        (UINT64_C(1) << box[1]) * box[2] * box[3] > work_max)
        return btc_fail(err, BTC_EFORMAT, "a sealed secret asks for absurd work: damaged");
    return 0;
}

int btc_vault_open(const char *passphrase, const uint8_t *box, size_t box_size,
                   uint8_t ret_secret[BTC_VAULT_SECRET_SIZE_MAX], size_t *ret_size,
                   struct btc_error *err)
{
    uint8_t key[KEY_SIZE];
    uint8_t secret[BTC_VAULT_SECRET_SIZE_MAX];
    int rc = check_box(box, box_size, err);
    if (rc < 0)
        return rc;
    size_t size = box_size - DATA_AT;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (!context)
        return btc_fail(err, BTC_ENOMEM, "no memory to open a sealed secret");
    rc = derive_key(passphrase, box, key, err);
    if (rc == 0) {
        rc = open_with(context, key, box, size, secret);
        if (rc < 0)
            rc = btc_fail(err, rc, "AES-256-GCM failed to open a sealed secret");
    }
    if (rc == 0) {
        memcpy(ret_secret, secret, size);
        *ret_size = size;
    }
    EVP_CIPHER_CTX_free(context);
    btc_wipe(key, sizeof(key));
    btc_wipe(secret, sizeof(secret));
    return rc;
}

void *btc_secret_alloc(void)
{
    void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    (void)!mlock(page, PAGE_SIZE);
    (void)!madvise(page, PAGE_SIZE, MADV_DONTDUMP);
    return page;
}

void btc_secret_free(void *page)
{
    if (!page)
        return;
    btc_wipe(page, PAGE_SIZE);
    munmap(page, PAGE_SIZE);
}
