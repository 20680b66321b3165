/* Writing descriptors: see descriptor.h. */
#include "actors/bitcoin/descriptor_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/bytes.h"

int btc_descriptor_checksum(const char *text, size_t size,
                            char ret_checksum[BTC_DESCRIPTOR_CHECKSUM_SIZE + 1])
{
    /* BIP380: what is likely mistaken for each other has the same upper bits. */
    static const char alphabet[] = "0123456789()[],'/*abcdefgh@:$%{}"
                                   "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~"
                                   "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
    static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    static const uint64_t generator[] = {0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a,
                                         0x644d626ffd};
    uint64_t state = 1;
    unsigned group = 0;
    unsigned group_size = 0;
    size_t rest = BTC_DESCRIPTOR_CHECKSUM_SIZE;
    size_t at = 0;
    while (at < size || group_size > 0 || rest > 0) {
        unsigned symbol = 0;
        if (group_size == 3 || (at == size && group_size > 0)) {
            symbol = group; /* the upper bits of three characters, or of the last ones */
            group = group_size = 0;
        } else if (at < size) {
            const char *found = text[at] != '\0' ? strchr(alphabet, text[at]) : NULL;
            if (found == NULL)
                return BTC_EFORMAT;
            unsigned value = (unsigned)(found - alphabet);
            symbol = value & 31;
            group = group * 3 + (value >> 5);
            group_size++;
            at++;
        } else {
            rest--;
        }
        uint64_t top = state >> 35;
        state = (state & 0x7ffffffff) << 5 ^ symbol;
        for (size_t i = 0; i < 5; i++)
            state ^= (top >> i & 1) != 0 ? generator[i] : 0;
    }
    state ^= 1;
    for (size_t i = 0; i < BTC_DESCRIPTOR_CHECKSUM_SIZE; i++)
        ret_checksum[i] = digits[state >> 5 * (BTC_DESCRIPTOR_CHECKSUM_SIZE - 1 - i) & 31];
    ret_checksum[BTC_DESCRIPTOR_CHECKSUM_SIZE] = '\0';
    return 0;
}

/* Text that grows in the caller's buffer. There is room for the longest descriptor that can be read;
 * what does not fit sticks as a failure. */
struct text {
    char *start; /* BTC_DESCRIPTOR_TEXT_SIZE bytes */
    size_t size;
    bool is_full;
};

static void __attribute__((format(printf, 2, 3))) append(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t left = BTC_DESCRIPTOR_TEXT_SIZE - text->size;
    int size = vsnprintf(text->start + text->size, left, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= left)
        text->is_full = true;
    else
        text->size += (size_t)size;
}

static void append_hex(struct text *text, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        append(text, "%02x", bytes[i]);
}

static void append_path(struct text *text, const uint32_t *path, size_t count)
{
    for (size_t i = 0; i < count; i++)
        append(text, "/%" PRIu32 "%s", path[i] & ~BTC_HD_HARDENED,
               (path[i] & BTC_HD_HARDENED) != 0 ? "h" : "");
}

static void append_origin(struct text *text, const struct btc_key_origin *origin)
{
    append(text, "[");
    append_hex(text, origin->fingerprint, BTC_FINGERPRINT_SIZE);
    append_path(text, origin->path, origin->path_count);
    append(text, "]");
}

/*
 * An extended key. Its public form starts below the last hardened step, since no public key leads
 * further up: the steps above become part of the origin.
 */
static int append_extended(const struct btc_params *params, const struct btc_descriptor *it,
                           bool as_private, struct text *text)
{
    char key[BTC_HD_TEXT_SIZE];
    struct btc_hd_node node = it->node;
    struct btc_key_origin origin = it->origin;
    size_t above = 0;
    int rc = 0;
    for (size_t i = 0; !as_private && i < it->path_count; i++)
        if ((it->path[i] & BTC_HD_HARDENED) != 0)
            above = i + 1;
    if (above > 0) {
        rc = it->has_origin ? 0 : btc_hd_fingerprint(&it->node, origin.fingerprint);
        if (rc == 0)
            rc = btc_hd_derive(&it->node, it->path, above, &node);
        memcpy(origin.path + origin.path_count, it->path, above * sizeof(*it->path));
        origin.path_count += above;
    }
    if (rc == 0)
        rc = btc_hd_encode(&node, as_private ? params->bip32_private : params->bip32_public,
                           as_private, key);
    if (rc == 0) {
        if (it->has_origin || above > 0)
            append_origin(text, &origin);
        append(text, "%s", key);
        append_path(text, it->path + above, it->path_count - above);
        if (it->range != BTC_RANGE_NONE)
            append(text, "/*%s", it->range == BTC_RANGE_HARDENED ? "h" : "");
    }
    btc_hd_wipe(&node);
    btc_wipe(key, sizeof(key));
    return rc;
}

static int append_key(const struct btc_params *params, const struct btc_descriptor *it,
                      bool as_private, struct text *text)
{
    if (it->form == BTC_KEY_EXTENDED)
        return append_extended(params, it, as_private, text);
    if (it->has_origin)
        append_origin(text, &it->origin);
    if (!as_private) { /* taproot knows a private key's by x alone */
        bool is_xonly = it->kind == BTC_DESCRIPTOR_TR && it->form == BTC_KEY_WIF;
        append_hex(text, it->key + is_xonly, it->key_size - is_xonly);
        return 0;
    }
    char key[BTC_WIF_SIZE];
    int rc = btc_wif_encode(params, it->secret, it->key_size == BTC_KEY_SIZE, key);
    if (rc == 0)
        append(text, "%s", key);
    btc_wipe(key, sizeof(key));
    return rc;
}

static int append_body(const struct btc_params *params, const struct btc_descriptor *it,
                       bool as_private, struct text *text)
{
    int rc = 0;
    append(text, "%s", descriptor_opening(it->kind));
    if (it->kind == BTC_DESCRIPTOR_RAW) {
        append_hex(text, it->script, it->script_size);
    } else if (it->kind == BTC_DESCRIPTOR_ADDR) {
        char address[BTC_ADDRESS_SIZE];
        rc = btc_address_encode(params, (struct btc_span){it->script, it->script_size}, address);
        if (rc == 0)
            append(text, "%s", address);
    } else {
        rc = append_key(params, it, as_private, text);
    }
    append(text, it->kind == BTC_DESCRIPTOR_SH_WPKH ? "))" : ")");
    return rc;
}

int btc_descriptor_write(const struct btc_params *params, const struct btc_descriptor *descriptor,
                         bool as_private, char ret_text[BTC_DESCRIPTOR_TEXT_SIZE],
                         struct btc_error *err)
{
    struct text text = {.start = ret_text};
    char checksum[BTC_DESCRIPTOR_CHECKSUM_SIZE + 1];
    if (as_private && !btc_descriptor_is_private(descriptor))
        return btc_fail(err, BTC_EUSAGE, "the descriptor has no private key to write");
    if (!as_private && descriptor->range == BTC_RANGE_HARDENED)
        return btc_fail(err, BTC_EUSAGE,
                        "a descriptor that ends in a hardened star has no public form");
    int rc = append_body(params, descriptor, as_private, &text);
    if (rc == 0)
        rc = btc_descriptor_checksum(text.start, text.size, checksum);
    append(&text, "#%s", rc == 0 ? checksum : "");
    if (rc == 0 && text.is_full)
        rc = BTC_ELIMIT;
    if (rc != 0) {
        btc_wipe(ret_text, BTC_DESCRIPTOR_TEXT_SIZE);
        return btc_fail(err, rc, "the descriptor can't be written: %s", btc_code_text(rc));
    }
    return 0;
}
