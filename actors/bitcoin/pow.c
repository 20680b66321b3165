/* Proof of work: see pow.h. */
#include "actors/bitcoin/pow.h"

#include <string.h>

#include <openssl/bn.h>

#include "actors/bitcoin/params.h"

int btc_u256_compare(const struct btc_u256 *a, const struct btc_u256 *b)
{
    int order = memcmp(a->bytes, b->bytes, sizeof(a->bytes));
    return (order > 0) - (order < 0);
}

int btc_bits_to_target(uint32_t bits, struct btc_u256 *ret_target)
{
    int size = (int)(bits >> 24);
    uint8_t mantissa[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
    if ((mantissa[0] & 0x80) != 0)
        return BTC_EINVALID; /* negative */
    struct btc_u256 target = {{0}};
    bool zero = true;
    for (int i = 0; i < 3; i++) {
        int at = 32 - size + i; /* may be behind the last byte: then those bits are cut off */
        if (mantissa[i] == 0 || at > 31)
            continue;
        if (at < 0)
            return BTC_EINVALID; /* over 256 bits */
        target.bytes[at] = mantissa[i];
        zero = false;
    }
    if (zero)
        return BTC_EINVALID;
    *ret_target = target;
    return 0;
}

uint32_t btc_target_to_bits(const struct btc_u256 *target)
{
    int first = 0;
    while (first < 32 && target->bytes[first] == 0)
        first++;
    uint32_t size = (uint32_t)(32 - first);
    uint32_t mantissa = 0;
    for (int i = first; i < first + 3; i++)
        mantissa = mantissa << 8 | (i < 32 ? target->bytes[i] : 0u);
    if ((mantissa & 0x800000) != 0) { /* that bit is the sign: use one byte more */
        mantissa >>= 8;
        size++;
    }
    return size << 24 | mantissa;
}

/* A BIGNUM of at most 256 bits as btc_u256. */
static int from_bignum(const BIGNUM *number, struct btc_u256 *ret_value)
{
    if (BN_num_bits(number) > 256)
        return BTC_ELIMIT;
    return BN_bn2binpad(number, ret_value->bytes, sizeof(ret_value->bytes)) == 32 ? 0 : BTC_ECRYPTO;
}

int btc_target_work(const struct btc_u256 *target, struct btc_u256 *ret_work)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *divisor = BN_bin2bn(target->bytes, sizeof(target->bytes), NULL);
    BIGNUM *work = BN_new();
    int rc = BTC_ENOMEM;
    if (context != NULL && divisor != NULL && work != NULL && BN_add_word(divisor, 1) &&
        BN_set_bit(work, 256) && BN_div(work, NULL, work, divisor, context))
        rc = from_bignum(work, ret_work);
    BN_free(work);
    BN_free(divisor);
    BN_CTX_free(context);
    return rc;
}

int btc_u256_add(const struct btc_u256 *a, const struct btc_u256 *b, struct btc_u256 *ret_sum)
{
    struct btc_u256 sum;
    unsigned carry = 0;
    for (int i = 31; i >= 0; i--) {
        carry += (unsigned)a->bytes[i] + b->bytes[i];
        sum.bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry != 0)
        return BTC_ELIMIT;
    *ret_sum = sum;
    return 0;
}

int btc_pow_check(const struct btc_hash *hash, uint32_t bits, const struct btc_params *params,
                  struct btc_error *err)
{
    struct btc_u256 target;
    struct btc_u256 limit;
    if (btc_bits_to_target(bits, &target) < 0 ||
        btc_bits_to_target(params->pow_limit_bits, &limit) < 0)
        return btc_fail(err, BTC_EINVALID, "bits %08x stand for no target", bits);
    if (btc_u256_compare(&target, &limit) > 0)
        return btc_fail(err, BTC_EINVALID, "bits %08x are easier than %s allows (%08x)", bits,
                        params->name, params->pow_limit_bits);
    struct btc_u256 number; /* the hash as a number is least significant byte first */
    for (int i = 0; i < 32; i++)
        number.bytes[i] = hash->bytes[31 - i];
    if (btc_u256_compare(&number, &target) > 0)
        return btc_fail(err, BTC_EINVALID, "proof of work does not meet its target");
    return 0;
}

int btc_pow_retarget(uint32_t bits, int64_t timespan_s, const struct btc_params *params,
                     uint32_t *ret_bits)
{
    int64_t goal_s = params->retarget_timespan_s;
    if (timespan_s < goal_s / 4)
        timespan_s = goal_s / 4;
    if (timespan_s > goal_s * 4)
        timespan_s = goal_s * 4;
    struct btc_u256 target;
    struct btc_u256 limit;
    if (btc_bits_to_target(bits, &target) < 0 ||
        btc_bits_to_target(params->pow_limit_bits, &limit) < 0)
        return BTC_EINVALID;
    BIGNUM *number = BN_bin2bn(target.bytes, sizeof(target.bytes), NULL);
    int rc = BTC_ENOMEM;
    if (number != NULL && BN_mul_word(number, (BN_ULONG)timespan_s) &&
        BN_div_word(number, (BN_ULONG)goal_s) != (BN_ULONG)-1)
        rc = from_bignum(number, &target);
    BN_free(number);
    if (rc == BTC_ELIMIT || (rc == 0 && btc_u256_compare(&target, &limit) > 0)) {
        target = limit;
        rc = 0;
    }
    if (rc == 0)
        *ret_bits = btc_target_to_bits(&target);
    return rc;
}
