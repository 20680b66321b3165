/* Reading descriptors, and the keys and scripts that they stand for: see descriptor.h. */
#include "actors/bitcoin/descriptor_impl.h"

#include <string.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/hash.h"

enum { HD_PREFIX_SIZE = 4 }; /* xpub, xprv, tpub, tprv */

/* The text between two places; `at` is the next character. Errors count characters from 1. */
struct cursor {
    const struct btc_params *params;
    const char *text;
    size_t at;
    size_t end;
    struct btc_error *err;
};

static const struct {
    const char *opening;
    const char *closing;
} forms[] = {
    [BTC_DESCRIPTOR_PK] = {"pk(", ")"},     [BTC_DESCRIPTOR_PKH] = {"pkh(", ")"},
    [BTC_DESCRIPTOR_WPKH] = {"wpkh(", ")"}, [BTC_DESCRIPTOR_SH_WPKH] = {"sh(wpkh(", "))"},
    [BTC_DESCRIPTOR_TR] = {"tr(", ")"},     [BTC_DESCRIPTOR_ADDR] = {"addr(", ")"},
    [BTC_DESCRIPTOR_RAW] = {"raw(", ")"},
};

enum { FORM_COUNT = sizeof(forms) / sizeof(forms[0]) };

const char *descriptor_opening(enum btc_descriptor_kind kind)
{
    return forms[kind].opening;
}

static int fail_at(const struct cursor *cursor, size_t at, int rc, const char *text)
{
    return btc_fail(cursor->err, rc, "descriptor, character %zu: %s", at + 1, text);
}

/* Step over `text`, if it is next. */
static bool take(struct cursor *cursor, const char *text)
{
    size_t size = strlen(text);
    if (size > cursor->end - cursor->at || memcmp(cursor->text + cursor->at, text, size) != 0)
        return false;
    cursor->at += size;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Step over exactly 2 * size hex digits. */
static int take_hex(struct cursor *cursor, size_t size, uint8_t *ret_bytes)
{
    if (2 * size > cursor->end - cursor->at)
        return fail_at(cursor, cursor->end, BTC_EFORMAT, "hex digits are missing here");
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(cursor->text[cursor->at]);
        int low = hex_value(cursor->text[cursor->at + 1]);
        if (high < 0 || low < 0)
            return fail_at(cursor, cursor->at + (high >= 0), BTC_EFORMAT, "this is no hex digit");
        ret_bytes[i] = (uint8_t)(high << 4 | low);
        cursor->at += 2;
    }
    return 0;
}

static bool take_hardened_mark(struct cursor *cursor)
{
    return take(cursor, "h") || take(cursor, "'");
}

/* One step of a path, behind its slash. */
static int take_step(struct cursor *cursor, uint32_t *ret_step)
{
    size_t start = cursor->at;
    uint64_t number = 0;
    while (cursor->at < cursor->end && cursor->text[cursor->at] >= '0' &&
           cursor->text[cursor->at] <= '9' && cursor->at - start < 11)
        number = number * 10 + (uint64_t)(cursor->text[cursor->at++] - '0');
    if (cursor->at == start)
        return fail_at(cursor, start, BTC_EFORMAT, "a step of a path is a number here");
    if (number >= BTC_HD_HARDENED)
        return fail_at(cursor, start, BTC_EFORMAT, "this step is over 2147483647");
    *ret_step = (uint32_t)number;
    if (take_hardened_mark(cursor))
        *ret_step |= BTC_HD_HARDENED;
    return 0;
}

/* [fingerprint/path], its bracket being next. */
static int take_origin(struct cursor *cursor, struct btc_descriptor *it)
{
    cursor->at++;
    it->has_origin = true;
    int rc = take_hex(cursor, BTC_FINGERPRINT_SIZE, it->origin.fingerprint);
    while (rc == 0 && take(cursor, "/")) {
        if (it->origin.path_count == BTC_PATH_COUNT_MAX)
            return fail_at(cursor, cursor->at, BTC_EFORMAT, "the origin's path is too long");
        rc = take_step(cursor, &it->origin.path[it->origin.path_count++]);
    }
    if (rc == 0 && !take(cursor, "]"))
        rc = fail_at(cursor, cursor->at, BTC_EFORMAT,
                     "the origin ends in ] or goes on with / here");
    return rc;
}

/* The steps below an extended key. */
static int take_path(struct cursor *cursor, struct btc_descriptor *it)
{
    while (take(cursor, "/")) {
        size_t start = cursor->at;
        bool is_star = take(cursor, "*");
        uint32_t step = 0;
        if (is_star)
            it->range = take_hardened_mark(cursor) ? BTC_RANGE_HARDENED : BTC_RANGE_PLAIN;
        else if (take(cursor, "<"))
            return fail_at(cursor, start, BTC_EUSAGE,
                           "several paths in one descriptor: give one for each");
        int rc = is_star ? 0 : take_step(cursor, &step);
        if (rc != 0)
            return rc;
        bool is_hardened = (step & BTC_HD_HARDENED) != 0 || it->range == BTC_RANGE_HARDENED;
        if (is_hardened && !it->node.is_private)
            return fail_at(cursor, start, BTC_EFORMAT,
                           "a hardened step needs the private key, this key is public");
        size_t count = it->origin.path_count + it->path_count + 1;
        if (count > (is_star ? BTC_PATH_COUNT_MAX : BTC_PATH_COUNT_MAX - 1)) /* room for the star */
            return fail_at(cursor, start, BTC_EFORMAT, "the path is too long");
        if (is_star)
            return 0;
        it->path[it->path_count++] = step;
    }
    return 0;
}

static int derive_parent(struct btc_descriptor *it)
{
    return btc_hd_derive(&it->node, it->path, it->path_count, &it->parent);
}

/* xpub... or xprv..., and its path. */
static int take_extended(struct cursor *cursor, struct btc_descriptor *it)
{
    char text[BTC_HD_TEXT_SIZE];
    size_t start = cursor->at;
    size_t size = 0;
    while (start + size < cursor->end && cursor->text[start + size] != '/' &&
           size < sizeof(text) - 1) {
        text[size] = cursor->text[start + size];
        size++;
    }
    text[size] = '\0';
    int rc = btc_hd_decode(text, cursor->params->bip32_public, cursor->params->bip32_private,
                           &it->node, cursor->err);
    btc_wipe(text, sizeof(text));
    if (rc != 0)
        return btc_fail_within(cursor->err, rc, "descriptor, character %zu: ", start + 1);
    it->form = BTC_KEY_EXTENDED;
    cursor->at += size;
    rc = take_path(cursor, it);
    if (rc != 0)
        return rc;
    rc = derive_parent(it);
    return rc == 0 ? 0 : fail_at(cursor, start, rc, "there is no key at this path");
}

static int take_wif(struct cursor *cursor, struct btc_descriptor *it)
{
    char text[BTC_WIF_SIZE + 1] = "";
    bool is_compressed = false;
    size_t size = cursor->end - cursor->at;
    if (size > sizeof(text) - 1)
        return fail_at(cursor, cursor->at, BTC_EFORMAT,
                       "this is no key: hex, xpub, xprv or an exported private key are due");
    memcpy(text, cursor->text + cursor->at, size);
    int rc = btc_wif_decode(cursor->params, text, it->secret, &is_compressed, cursor->err);
    btc_wipe(text, sizeof(text));
    if (rc != 0)
        return btc_fail_within(cursor->err, rc, "descriptor, character %zu: ", cursor->at + 1);
    it->form = BTC_KEY_WIF;
    uint8_t key[BTC_KEY_SIZE];
    rc = btc_key_of_secret(it->secret, key);
    if (rc == 0 && !is_compressed)
        rc = btc_key_expand(key, it->key);
    if (rc != 0)
        return fail_at(cursor, cursor->at, rc, "its public key could not be computed");
    if (is_compressed)
        memcpy(it->key, key, sizeof(key));
    it->key_size = is_compressed ? BTC_KEY_SIZE : BTC_KEY_LONG_SIZE;
    cursor->at += size;
    return 0;
}

/* All that is left are hex digits, as many as a key has. */
static bool is_hex_key(const struct cursor *cursor)
{
    size_t size = cursor->end - cursor->at;
    if (size != 2 * BTC_XONLY_SIZE && size != 2 * BTC_KEY_SIZE && size != 2 * BTC_KEY_LONG_SIZE)
        return false;
    for (size_t i = cursor->at; i < cursor->end; i++)
        if (hex_value(cursor->text[i]) < 0)
            return false;
    return true;
}

static int take_plain(struct cursor *cursor, struct btc_descriptor *it)
{
    size_t start = cursor->at;
    uint8_t even[BTC_KEY_SIZE] = {2};
    it->key_size = (cursor->end - cursor->at) / 2;
    int rc = take_hex(cursor, it->key_size, it->key);
    if (rc != 0)
        return rc;
    if (it->key_size == BTC_XONLY_SIZE)
        memcpy(even + 1, it->key, BTC_XONLY_SIZE);
    if (it->key_size == BTC_XONLY_SIZE ? !btc_key_is_valid(even, sizeof(even))
                                       : !btc_key_is_valid(it->key, it->key_size))
        return fail_at(cursor, start, BTC_EFORMAT, "this is no public key on the curve");
    return 0;
}

static int take_key(struct cursor *cursor, struct btc_descriptor *it)
{
    int rc = 0;
    if (cursor->at < cursor->end && cursor->text[cursor->at] == '[')
        rc = take_origin(cursor, it);
    if (rc != 0)
        return rc;
    size_t start = cursor->at;
    const char *text = cursor->text + start;
    if (is_hex_key(cursor))
        rc = take_plain(cursor, it);
    else if (cursor->end - start > HD_PREFIX_SIZE &&
             (memcmp(text + 1, "pub", 3) == 0 || memcmp(text + 1, "prv", 3) == 0))
        rc = take_extended(cursor, it);
    else
        rc = take_wif(cursor, it);
    if (rc != 0)
        return rc;
    if (it->form == BTC_KEY_EXTENDED)
        return 0;
    if (it->key_size == BTC_XONLY_SIZE && it->kind != BTC_DESCRIPTOR_TR)
        return fail_at(cursor, start, BTC_EFORMAT, "a key by its x alone is for tr() only");
    if (it->key_size == BTC_KEY_LONG_SIZE && it->kind != BTC_DESCRIPTOR_PK &&
        it->kind != BTC_DESCRIPTOR_PKH)
        return fail_at(cursor, start, BTC_EFORMAT,
                       "an uncompressed key is for pk() and pkh() only");
    return 0;
}

static int take_address(struct cursor *cursor, struct btc_descriptor *it)
{
    char text[BTC_ADDRESS_SIZE];
    struct btc_script script;
    size_t size = cursor->end - cursor->at;
    if (size >= sizeof(text))
        return fail_at(cursor, cursor->at, BTC_EFORMAT, "this is too long for an address");
    memcpy(text, cursor->text + cursor->at, size);
    text[size] = '\0';
    int rc = btc_address_decode(cursor->params, text, &script, cursor->err);
    if (rc != 0)
        return btc_fail_within(cursor->err, rc, "descriptor, character %zu: ", cursor->at + 1);
    memcpy(it->script, script.bytes, script.size);
    it->script_size = script.size;
    cursor->at += size;
    return 0;
}

static int take_raw(struct cursor *cursor, struct btc_descriptor *it)
{
    size_t size = cursor->end - cursor->at;
    if (size == 0 || size % 2 != 0)
        return fail_at(cursor, cursor->end, BTC_EFORMAT, "hex digits are missing here");
    if (size / 2 > sizeof(it->script))
        return fail_at(cursor, cursor->at, BTC_EUSAGE, "raw scripts over 520 bytes are refused");
    it->script_size = size / 2;
    return take_hex(cursor, it->script_size, it->script);
}

/* The checksum behind the last '#', which is cut off from the cursor. */
static int take_checksum(struct cursor *cursor, bool needs_checksum)
{
    char due[BTC_DESCRIPTOR_CHECKSUM_SIZE + 1];
    size_t mark = 0;
    while (mark < cursor->end && cursor->text[mark] != '#')
        mark++;
    size_t size = mark;
    int rc = btc_descriptor_checksum(cursor->text, size, due);
    if (rc != 0)
        return btc_fail(cursor->err, rc, "descriptor: it has a character that none may have");
    if (mark == cursor->end)
        return needs_checksum ? btc_fail(cursor->err, BTC_EFORMAT,
                                         "descriptor: its checksum is missing: # and 8 characters "
                                         "at the end")
                              : 0;
    if (cursor->end - mark - 1 != BTC_DESCRIPTOR_CHECKSUM_SIZE)
        return btc_fail(cursor->err, BTC_EFORMAT,
                        "descriptor, character %zu: its checksum has %zu characters, not %d",
                        mark + 2, cursor->end - mark - 1, BTC_DESCRIPTOR_CHECKSUM_SIZE);
    if (memcmp(cursor->text + mark + 1, due, BTC_DESCRIPTOR_CHECKSUM_SIZE) != 0)
        return fail_at(cursor, mark + 1, BTC_EFORMAT,
                       "its checksum does not match: a typing error?");
    cursor->end = mark;
    return 0;
}

/* Which form it is; the cursor gets between its brackets. */
static int take_form(struct cursor *cursor, struct btc_descriptor *it)
{
    size_t kind = 0;
    while (kind < FORM_COUNT && !take(cursor, forms[kind].opening))
        kind++;
    if (kind == FORM_COUNT)
        return fail_at(cursor, 0, BTC_EUSAGE,
                       "it is none of pk(), pkh(), wpkh(), sh(wpkh()), tr(), addr(), raw(), which "
                       "are all that is known here");
    it->kind = (enum btc_descriptor_kind)kind;
    size_t closing = strlen(forms[kind].closing);
    size_t left = cursor->end - cursor->at;
    if (left < closing ||
        memcmp(cursor->text + cursor->end - closing, forms[kind].closing, closing) != 0)
        return fail_at(cursor, cursor->end, BTC_EFORMAT, "a closing bracket is missing here");
    cursor->end -= closing;
    if (it->kind == BTC_DESCRIPTOR_TR && memchr(cursor->text + cursor->at, ',', left))
        return fail_at(cursor, cursor->at, BTC_EUSAGE, "tr() with scripts is not known here");
    return 0;
}

int btc_descriptor_parse(const struct btc_params *params, const char *text, bool needs_checksum,
                         struct btc_descriptor *ret_descriptor, struct btc_error *err)
{
    struct btc_descriptor it = {0};
    struct cursor cursor = {.params = params, .text = text, .err = err};
    cursor.end = strnlen(text, BTC_DESCRIPTOR_TEXT_SIZE);
    if (cursor.end == BTC_DESCRIPTOR_TEXT_SIZE)
        return btc_fail(err, BTC_EFORMAT, "descriptor: it is longer than %d characters",
                        BTC_DESCRIPTOR_TEXT_SIZE - 1);
    int rc = take_checksum(&cursor, needs_checksum);
    if (rc == 0)
        rc = take_form(&cursor, &it);
    if (rc == 0)
        rc = it.kind == BTC_DESCRIPTOR_ADDR  ? take_address(&cursor, &it)
             : it.kind == BTC_DESCRIPTOR_RAW ? take_raw(&cursor, &it)
                                             : take_key(&cursor, &it);
    if (rc == 0 && cursor.at < cursor.end)
        rc = fail_at(&cursor, cursor.at, BTC_EFORMAT, "the key should end here");
    if (rc == 0)
        *ret_descriptor = it;
    btc_descriptor_wipe(&it);
    return rc;
}

int btc_descriptor_of_chain(enum btc_descriptor_kind kind, const struct btc_key_origin *origin,
                            const struct btc_hd_node *node, uint32_t chain,
                            struct btc_descriptor *ret_descriptor)
{
    struct btc_descriptor it = {.kind = kind,
                                .form = BTC_KEY_EXTENDED,
                                .range = BTC_RANGE_PLAIN,
                                .has_origin = true,
                                .origin = *origin,
                                .node = *node,
                                .path = {chain},
                                .path_count = 1};
    if (!descriptor_has_key(&it) || chain >= BTC_HD_HARDENED ||
        origin->path_count + 2 > BTC_PATH_COUNT_MAX)
        return BTC_EUSAGE;
    int rc = derive_parent(&it);
    if (rc == 0)
        *ret_descriptor = it;
    btc_descriptor_wipe(&it);
    return rc;
}

bool btc_descriptor_is_range(const struct btc_descriptor *descriptor)
{
    return descriptor->range != BTC_RANGE_NONE;
}

bool btc_descriptor_is_private(const struct btc_descriptor *descriptor)
{
    return descriptor->form == BTC_KEY_WIF ||
           (descriptor->form == BTC_KEY_EXTENDED && descriptor->node.is_private);
}

/* The extended key at an index. */
static int node_at(const struct btc_descriptor *descriptor, uint32_t index,
                   struct btc_hd_node *ret_node)
{
    if (index > BTC_DESCRIPTOR_INDEX_MAX)
        return BTC_EUSAGE;
    if (descriptor->range == BTC_RANGE_NONE) {
        *ret_node = descriptor->parent;
        return 0;
    }
    return btc_hd_child(&descriptor->parent,
                        descriptor->range == BTC_RANGE_HARDENED ? index | BTC_HD_HARDENED : index,
                        ret_node);
}

int btc_descriptor_key(const struct btc_descriptor *descriptor, uint32_t index,
                       uint8_t ret_key[BTC_KEY_LONG_SIZE], size_t *ret_size)
{
    if (!descriptor_has_key(descriptor))
        return BTC_ENOTFOUND;
    if (descriptor->form != BTC_KEY_EXTENDED) {
        memcpy(ret_key, descriptor->key, descriptor->key_size);
        *ret_size = descriptor->key_size;
        return index > BTC_DESCRIPTOR_INDEX_MAX ? BTC_EUSAGE : 0;
    }
    struct btc_hd_node node;
    int rc = node_at(descriptor, index, &node);
    if (rc == 0) {
        memcpy(ret_key, node.key, BTC_KEY_SIZE);
        *ret_size = BTC_KEY_SIZE;
        btc_hd_wipe(&node);
    }
    return rc;
}

int btc_descriptor_secret(const struct btc_descriptor *descriptor, uint32_t index,
                          uint8_t ret_secret[BTC_SECRET_SIZE])
{
    if (!btc_descriptor_is_private(descriptor))
        return BTC_ENOTFOUND;
    if (descriptor->form == BTC_KEY_WIF) {
        memcpy(ret_secret, descriptor->secret, BTC_SECRET_SIZE);
        return 0;
    }
    struct btc_hd_node node;
    int rc = node_at(descriptor, index, &node);
    if (rc == 0) {
        memcpy(ret_secret, node.secret, BTC_SECRET_SIZE);
        btc_hd_wipe(&node);
    }
    return rc;
}

int btc_descriptor_origin(const struct btc_descriptor *descriptor, uint32_t index,
                          struct btc_key_origin *ret_origin)
{
    struct btc_key_origin origin = descriptor->origin;
    bool is_extended = descriptor_has_key(descriptor) && descriptor->form == BTC_KEY_EXTENDED;
    if (!descriptor->has_origin && !is_extended)
        return BTC_ENOTFOUND;
    if (index > BTC_DESCRIPTOR_INDEX_MAX)
        return BTC_EUSAGE;
    if (!descriptor->has_origin) {
        int rc = btc_hd_fingerprint(&descriptor->node, origin.fingerprint);
        if (rc != 0)
            return rc;
    }
    /* That there is room for all of it was seen to when it was made. */
    for (size_t i = 0; is_extended && i < descriptor->path_count; i++)
        origin.path[origin.path_count++] = descriptor->path[i];
    if (descriptor->range != BTC_RANGE_NONE)
        origin.path[origin.path_count++] = descriptor->range == BTC_RANGE_HARDENED
                                               ? index | BTC_HD_HARDENED
                                               : index;
    *ret_origin = origin;
    return 0;
}

static int script_of_key(enum btc_descriptor_kind kind, const uint8_t *key, size_t size,
                         struct btc_script *ret_script)
{
    struct btc_hash160 hash;
    uint8_t output[BTC_XONLY_SIZE];
    int rc;
    if (kind == BTC_DESCRIPTOR_PK)
        return btc_script_build(BTC_SCRIPT_P2PK, key, size, ret_script);
    if (kind == BTC_DESCRIPTOR_TR) {
        rc = btc_taproot_output_key(size == BTC_XONLY_SIZE ? key : key + 1, NULL, output);
        return rc != 0 ? rc : btc_script_build(BTC_SCRIPT_P2TR, output, sizeof(output), ret_script);
    }
    rc = btc_hash160(key, size, &hash);
    if (rc != 0)
        return rc;
    if (kind == BTC_DESCRIPTOR_PKH)
        return btc_script_build(BTC_SCRIPT_P2PKH, hash.bytes, sizeof(hash.bytes), ret_script);
    rc = btc_script_build(BTC_SCRIPT_P2WPKH, hash.bytes, sizeof(hash.bytes), ret_script);
    if (rc != 0 || kind == BTC_DESCRIPTOR_WPKH)
        return rc;
    rc = btc_hash160(ret_script->bytes, ret_script->size, &hash);
    return rc != 0 ? rc
                   : btc_script_build(BTC_SCRIPT_P2SH, hash.bytes, sizeof(hash.bytes), ret_script);
}

int btc_descriptor_script(const struct btc_descriptor *descriptor, uint32_t index,
                          uint8_t ret_script[BTC_DESCRIPTOR_SCRIPT_SIZE], size_t *ret_size)
{
    if (!descriptor_has_key(descriptor)) {
        memcpy(ret_script, descriptor->script, descriptor->script_size);
        *ret_size = descriptor->script_size;
        return 0;
    }
    uint8_t key[BTC_KEY_LONG_SIZE];
    struct btc_script script;
    size_t size;
    int rc = btc_descriptor_key(descriptor, index, key, &size);
    if (rc == 0)
        rc = script_of_key(descriptor->kind, key, size, &script);
    if (rc != 0)
        return rc;
    memcpy(ret_script, script.bytes, script.size);
    *ret_size = script.size;
    return 0;
}

void btc_descriptor_wipe(struct btc_descriptor *descriptor)
{
    btc_wipe(descriptor, sizeof(*descriptor));
}
