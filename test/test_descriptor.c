/*
 * Descriptors: texts, checksums and addresses as Bitcoin Core 29's getdescriptorinfo and
 * deriveaddresses give them for the same input, the examples of BIP380 to BIP386, and refusals that
 * name the place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/bitcoin/address.h"
#include "actors/bitcoin/descriptor.h"

#define XPUB                                                                                       \
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49y" \
    "fdDEHGCtMMj92pReUsQ"
#define XPRV                                                                                       \
    "xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n9xV8oYywvM8at9yR" \
    "qyaZVz6TYYhX98VjsUk"
#define G        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
#define G_Y      "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define WIF      "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"
#define WIF_LONG "5HpHagT65TZzG1PH3CSu63k8DbpvD8s5ip4nEB3kEsreAnchuDf"

static const struct btc_params *params(void)
{
    return btc_params_get(BTC_MAIN);
}

static struct btc_descriptor parse(const char *text)
{
    struct btc_descriptor it;
    struct btc_error err = {0};
    if (btc_descriptor_parse(params(), text, false, &it, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return it;
}

static void assert_address(const struct btc_descriptor *it, uint32_t index, const char *due)
{
    uint8_t script[BTC_DESCRIPTOR_SCRIPT_SIZE];
    char text[BTC_ADDRESS_SIZE] = "";
    size_t size;
    assert_int_equal(btc_descriptor_script(it, index, script, &size), 0);
    assert_int_equal(btc_address_encode(params(), (struct btc_span){script, size}, text),
                     due ? 0 : BTC_ADDRESS_NONE);
    if (due)
        assert_string_equal(text, due);
}

static void texts_and_addresses_are_as_cores(void **state)
{
    (void)state;
    static const struct {
        const char *text;     /* without checksum */
        const char *checksum; /* of that text */
        const char *public;   /* the whole canonical text; NULL: there is none */
        bool is_range;
        bool is_private;
        const char *addresses[3]; /* at 0, 1, 2 */
    } known[] = {
        {"tr([73c5da0a/86h/0h/0h]" XPUB "/0/*)",
         "se42yddx",
         "tr([73c5da0a/86h/0h/0h]" XPUB "/0/*)#se42yddx",
         true,
         false,
         {"bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
          "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh",
          "bc1p0d0rhyynq0awa9m8cqrcr8f5nxqx3aw29w4ru5u9my3h0sfygnzs9khxz8"}},
        {"tr([73c5da0a/86'/0'/0']" XPUB "/0/*)",
         "rg247h69",
         "tr([73c5da0a/86h/0h/0h]" XPUB "/0/*)#se42yddx",
         true,
         false,
         {"bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"}},
        {"tr(" XPUB "/1/*)",
         "kdmqalpk",
         "tr(" XPUB "/1/*)#kdmqalpk",
         true,
         false,
         {"bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7",
          "bc1ptdg60grjk9t3qqcqczp4tlyy3z47yrx9nhlrjsmw36q5a72lhdrs9f00nj",
          "bc1pgcwgsu8naxp7xlp5p7ufzs7emtfza2las7r2e7krzjhe5qj5xz2q88kmk5"}},
        {"wpkh(" XPUB "/0/*)",
         "hjszq0wk",
         "wpkh(" XPUB "/0/*)#hjszq0wk",
         true,
         false,
         {"bc1qalwlmdxd2ggue4290ekzxl9tetg56neexr6amw",
          "bc1qytm2qwnmv7lys5w6gpfxfzydwpwey5dy4zw9v6",
          "bc1q3cjqwz6gvaq7u3cwuueeg370cpratsyg8qpke2"}},
        {"pkh([73c5da0a/44']" XPUB "/0/*)",
         "4kh4rzxj",
         NULL,
         true,
         false,
         {"1NsJS4DAHLcegD63trZurmkLm23TRAujXd", "14BsRPbmx8geebmp9RxyzHbvR3cYe6CY6T",
          "1Dxa7UaxBsJ6DCxt4ELrXab5ZtsY2DXTZi"}},
        {"sh(wpkh(" XPUB "/7/*))",
         "wx620m74",
         "sh(wpkh(" XPUB "/7/*))#wx620m74",
         true,
         false,
         {"34Lh3KRDtYPt7efuicnLFTnZXf3gmPYKmt", "358SJZTS2eYgeUGtRCNT5Z1JjAqfZc1iEe",
          "3DiThUCnxmhPEES4vixnAiNXUtWDk7YNR8"}},
        {"pkh(" XPRV "/1h/*)",
         "g4dcxuv9",
         NULL,
         true,
         true,
         {"1KE2f6kMQ62Ne98obhMJd6HaK4bkCdpY49", "1F1TRVS85Rfk7XNDVyodErTbPMcKtBZHoK",
          "19zELk3iFxpff2aXRWJa7D3Cz3PdPp8d2G"}},
        {"wpkh(" XPRV ")",
         "5g2w4gly",
         "wpkh(" XPUB ")#ancx56wp",
         false,
         true,
         {"bc1q57l2srt88x3m03zttqw9yudylq93x4amq2kvr2"}},
        {"pkh(" XPUB "/2147483647)",
         "jrlpdsza",
         "pkh(" XPUB "/2147483647)#jrlpdsza",
         false,
         false,
         {"1HYZ83p6SsgsSRZ5SYZYv6vtYU1KBSuSDB"}},
        {"pkh(" XPUB "/01)",
         "jdldwge5",
         "pkh(" XPUB "/1)#3ujy472u",
         false,
         false,
         {"1CMTxjxjqije6RojvUbQJMaBouKR5zjFQ9"}},
        {"pk(02" G ")", "gn28ywm7", "pk(02" G ")#gn28ywm7", false, false, {NULL}},
        {"pkh(04" G G_Y ")",
         "zvxck6mv",
         "pkh(04" G G_Y ")#zvxck6mv",
         false,
         false,
         {"1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm"}},
        {"tr(" G ")",
         "gxjkeue2",
         "tr(" G ")#gxjkeue2",
         false,
         false,
         {"bc1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5sspknck9"}},
        {"tr(02" G ")",
         "3q50ef67",
         "tr(02" G ")#3q50ef67",
         false,
         false,
         {"bc1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5sspknck9"}},
        {"wpkh([d34db33f/84h/0h/0h]02" G ")",
         "5fp02c75",
         "wpkh([d34db33f/84h/0h/0h]02" G ")#5fp02c75",
         false,
         false,
         {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}},
        {"wpkh(" WIF ")",
         "gul0776m",
         "wpkh(02" G ")#ucxz0gak",
         false,
         true,
         {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}},
        {"pkh(" WIF_LONG ")",
         "vxzgs9na",
         "pkh(04" G G_Y ")#zvxck6mv",
         false,
         true,
         {"1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm"}},
        {"tr(" WIF ")",
         "efdxzarj",
         "tr(" G ")#gxjkeue2",
         false,
         true,
         {"bc1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5sspknck9"}},
        {"addr(bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4)",
         "uyjndxcw",
         "addr(bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4)#uyjndxcw",
         false,
         false,
         {"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}},
        {"raw(512102" G "51ae)", "w5cc2k67", "raw(512102" G "51ae)#w5cc2k67", false, false, {NULL}},
        {"raw(deadbeef)", "89f8spxm", "raw(deadbeef)#89f8spxm", false, false, {NULL}},
        {"raw(DEADBEEF)", NULL, "raw(deadbeef)#89f8spxm", false, false, {NULL}},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[BTC_DESCRIPTOR_TEXT_SIZE];
        char checksum[BTC_DESCRIPTOR_CHECKSUM_SIZE + 1];
        struct btc_descriptor it = parse(known[i].text);
        assert_int_equal(btc_descriptor_checksum(known[i].text, strlen(known[i].text), checksum),
                         0);
        if (known[i].checksum)
            assert_string_equal(checksum, known[i].checksum);
        snprintf(text, sizeof(text), "%s#%s", known[i].text, checksum);
        struct btc_descriptor again;
        assert_int_equal(btc_descriptor_parse(params(), text, true, &again, NULL), 0);
        assert_memory_equal(&again, &it, sizeof(it));
        assert_int_equal(btc_descriptor_is_range(&it), known[i].is_range);
        assert_int_equal(btc_descriptor_is_private(&it), known[i].is_private);
        assert_int_equal(btc_descriptor_write(params(), &it, false, text, NULL), 0);
        if (known[i].public)
            assert_string_equal(text, known[i].public);
        struct btc_descriptor public = parse(text); /* the same scripts without secrets */
        for (uint32_t j = 0; j < 3 && (j == 0 || known[i].addresses[j]); j++) {
            assert_address(&it, j, known[i].addresses[j]);
            assert_address(&public, j, known[i].addresses[j]);
        }
        assert_int_equal(btc_descriptor_write(params(), &it, true, text, NULL),
                         known[i].is_private ? 0 : BTC_EUSAGE);
        if (known[i].is_private) {
            snprintf(checksum, sizeof(checksum), "%s", known[i].checksum);
            assert_memory_equal(text, known[i].text, strlen(known[i].text));
            assert_string_equal(text + strlen(known[i].text) + 1, checksum);
        }
    }
    struct btc_descriptor it = parse("wpkh(" XPUB "/0/*)");
    uint8_t script[BTC_DESCRIPTOR_SCRIPT_SIZE];
    size_t size;
    assert_address(&it, BTC_DESCRIPTOR_INDEX_MAX, "bc1qvlkux94l8v7udkqnez9y42ekdcchnp3jgedz2w");
    assert_int_equal(btc_descriptor_script(&it, BTC_DESCRIPTOR_INDEX_MAX + 1, script, &size),
                     BTC_EUSAGE);
}

/* BIP380's examples, whose checksums are right or wrong in one way each. */
static void checksums_are_bip380s(void **state)
{
    (void)state;
    char checksum[BTC_DESCRIPTOR_CHECKSUM_SIZE + 1];
    assert_int_equal(btc_descriptor_checksum("raw(deadbeef)", 13, checksum), 0);
    assert_string_equal(checksum, "89f8spxm");
    static const struct {
        const char *text;
        const char *says;
    } wrong[] = {
        {"raw(deadbeef)", "missing"},
        {"raw(deadbeef)#", "0 characters"},
        {"raw(deadbeef)#89f8spxmx", "9 characters"},
        {"raw(deadbeef)#89f8spx", "7 characters"},
        {"raw(dedbeef)#89f8spxm", "does not match"},
        {"raw(deadbeef)##9f8spxm", "does not match"},
        {"raw(Ü)#00000000", "may have"},
    };
    struct btc_descriptor it;
    assert_int_equal(btc_descriptor_parse(params(), "raw(deadbeef)#89f8spxm", true, &it, NULL), 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct btc_error err = {0};
        assert_int_equal(btc_descriptor_parse(params(), wrong[i].text, true, &it, &err),
                         BTC_EFORMAT);
        if (!strstr(err.text, wrong[i].says))
            fail_msg("%s: %s", wrong[i].text, err.text);
    }
}

static void errors_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        const char *says;
    } wrong[] = {
        {"", BTC_EUSAGE, "character 1:"},
        {"wpkh(", BTC_EFORMAT, "character 6:"},
        {"wpkh()", BTC_EFORMAT, "character 6:"},
        {"wpkh(02" G, BTC_EFORMAT, "closing bracket"},
        {"wpkh(02" G "))", BTC_EFORMAT, "character 6:"},
        {"combo(02" G ")", BTC_EUSAGE, "none of pk()"},
        {"sh(pkh(02" G "))", BTC_EUSAGE, "none of pk()"},
        {"wsh(pk(02" G "))", BTC_EUSAGE, "none of pk()"},
        {"multi(1,02" G ")", BTC_EUSAGE, "none of pk()"},
        {"tr(" G ",pk(" G "))", BTC_EUSAGE, "scripts"},
        {"wpkh(04" G G_Y ")", BTC_EFORMAT, "character 6: an uncompressed"},
        {"tr(04" G G_Y ")", BTC_EFORMAT, "uncompressed"},
        {"sh(wpkh(" WIF_LONG "))", BTC_EFORMAT, "character 9: an uncompressed"},
        {"pkh(" G ")", BTC_EFORMAT, "tr() only"},
        {"pkh(05" G ")", BTC_EFORMAT, "character 5: this is no public key"},
        {"tr(0000000000000000000000000000000000000000000000000000000000000005)", BTC_EFORMAT,
         "no public key"},
        {"pkh([]02" G ")", BTC_EFORMAT, "character 6:"},
        {"pkh([d34db33]02" G ")", BTC_EFORMAT, "character 13:"},
        {"pkh([d34db33fa]02" G ")", BTC_EFORMAT, "character 14:"},
        {"pkh([d34db33f/]02" G ")", BTC_EFORMAT, "character 15:"},
        {"pkh([d34db33f/0x]02" G ")", BTC_EFORMAT, "character 16:"},
        {"pkh([d34db33f/2147483648]02" G ")", BTC_EFORMAT, "2147483647"},
        {"pkh([d34db33f]", BTC_EFORMAT, "closing bracket"},
        {"pkh([d34db33f][d34db33f]02" G ")", BTC_EFORMAT, "character 15:"},
        {"pkh(" XPUB "/)", BTC_EFORMAT, "character 117:"},
        {"pkh(" XPUB "/0h)", BTC_EFORMAT, "private key"},
        {"pkh(" XPUB "/*h)", BTC_EFORMAT, "private key"},
        {"pkh(" XPUB "/*/0)", BTC_EFORMAT, "should end here"},
        {"pkh(" XPUB "/**)", BTC_EFORMAT, "should end here"},
        {"pkh(" XPUB "/<0;1>/*)", BTC_EUSAGE, "several paths"},
        {"pkh(" XPUB "/2147483648)", BTC_EFORMAT, "2147483647"},
        {"pkh(" XPUB "/99999999999999999999)", BTC_EFORMAT, "2147483647"},
        {"pkh(xpub6BgBgsespWv)", BTC_EFORMAT, "character 5: extended key"},
        {"pkh(tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnh"
         "yswJ76uZPStJRJCTKvosUCJZL5B)",
         BTC_ENETWORK, "character 5:"},
        {"pkh(cVpPVruEDdmutPzisEsYvtST1usBR3ntr8pXSyt6D2YYqXRyPcFW)", BTC_ENETWORK, "character 5:"},
        {"addr(bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080)", BTC_ENETWORK, "character 6:"},
        {"addr(nothing)", BTC_EFORMAT, "character 6:"},
        {"addr()", BTC_EFORMAT, "character 6:"},
        {"raw()", BTC_EFORMAT, "character 5:"},
        {"raw(abc)", BTC_EFORMAT, "character 8:"},
        {"raw(zz)", BTC_EFORMAT, "character 5:"},
        {"raw(az)", BTC_EFORMAT, "character 6:"},
        {" raw(aa)", BTC_EUSAGE, "character 1:"},
        {"raw(aa) ", BTC_EFORMAT, "closing bracket"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct btc_error err = {0};
        struct btc_descriptor it;
        int rc = btc_descriptor_parse(params(), wrong[i].text, false, &it, &err);
        if (rc != wrong[i].rc || !strstr(err.text, wrong[i].says))
            fail_msg("%s: %d, %s", wrong[i].text, rc, err.text);
    }
}

static void bounds_are_kept(void **state)
{
    (void)state;
    char text[BTC_DESCRIPTOR_TEXT_SIZE + 2];
    struct btc_descriptor it;
    struct btc_error err = {0};
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(btc_descriptor_parse(params(), text, false, &it, &err), BTC_EFORMAT);
    /* The longest raw script, and one byte more. */
    for (size_t size = BTC_DESCRIPTOR_SCRIPT_SIZE; size <= BTC_DESCRIPTOR_SCRIPT_SIZE + 1; size++) {
        memset(text, 'a', sizeof(text));
        memcpy(text, "raw(", 4);
        strcpy(text + 4 + 2 * size, ")");
        assert_int_equal(btc_descriptor_parse(params(), text, false, &it, &err),
                         size == BTC_DESCRIPTOR_SCRIPT_SIZE ? 0 : BTC_EUSAGE);
    }
    char written[BTC_DESCRIPTOR_TEXT_SIZE];
    assert_int_equal(btc_descriptor_write(params(), &it, false, written, NULL), 0);
    /* Paths: with origin, path and star 32 steps in all, each as long as it can be. */
    for (int origin = 0; origin <= 33; origin++) {
        snprintf(text, sizeof(text), "wpkh([00000000");
        for (int i = 0; i < origin; i++)
            strcat(text, "/2147483647h");
        strcat(text, "]" XPRV);
        for (int i = 0; i < 31 - origin; i++)
            strcat(text, "/2147483647h");
        strcat(text, "/*)");
        int rc = btc_descriptor_parse(params(), text, false, &it, &err);
        assert_int_equal(rc, origin <= 31 ? 0 : BTC_EFORMAT);
        if (rc != 0)
            continue;
        struct btc_key_origin found;
        assert_int_equal(btc_descriptor_write(params(), &it, false, written, NULL), 0);
        assert_int_equal(btc_descriptor_write(params(), &it, true, written, NULL), 0);
        assert_int_equal(btc_descriptor_origin(&it, 5, &found), 0);
        assert_int_equal(found.path_count, BTC_PATH_COUNT_MAX);
    }
}

static void keys_have_secrets_and_origins(void **state)
{
    (void)state;
    uint8_t secret[BTC_SECRET_SIZE];
    uint8_t key[BTC_KEY_LONG_SIZE];
    uint8_t due[BTC_KEY_SIZE];
    struct btc_key_origin origin;
    size_t size;
    struct btc_descriptor it = parse("wpkh([73c5da0a/86h/0h/0h]" XPRV "/1/*h)");
    assert_int_equal(btc_descriptor_secret(&it, 3, secret), 0);
    assert_int_equal(btc_key_of_secret(secret, due), 0);
    assert_int_equal(btc_descriptor_key(&it, 3, key, &size), 0);
    assert_int_equal(size, BTC_KEY_SIZE);
    assert_memory_equal(key, due, size);
    assert_int_equal(btc_descriptor_origin(&it, 3, &origin), 0);
    assert_int_equal(origin.path_count, 5);
    assert_int_equal(origin.path[3], 1);
    assert_int_equal(origin.path[4], 3 | BTC_HD_HARDENED);
    assert_memory_equal(origin.fingerprint, "\x73\xc5\xda\x0a", 4);
    char text[BTC_DESCRIPTOR_TEXT_SIZE];
    assert_int_equal(btc_descriptor_write(params(), &it, false, text, NULL), BTC_EUSAGE);
    /* The public form begins below the last hardened step. */
    it = parse("wpkh([73c5da0a/86h/0h/0h]" XPRV "/1h/2/*)");
    assert_int_equal(btc_descriptor_write(params(), &it, false, text, NULL), 0);
    assert_memory_equal(text, "wpkh([73c5da0a/86h/0h/0h/1h]xpub", 32);
    assert_non_null(strstr(text, "/2/*)#"));
    it = parse("pkh(" XPUB "/4/*)");
    assert_int_equal(btc_descriptor_secret(&it, 0, secret), BTC_ENOTFOUND);
    assert_int_equal(btc_descriptor_origin(&it, 6, &origin), 0);
    assert_int_equal(origin.path_count, 2);
    assert_int_equal(origin.path[1], 6);
    it = parse("addr(1EHNa6Q4Jz2uvNExL497mE43ikXhwF6kZm)");
    assert_int_equal(btc_descriptor_key(&it, 0, key, &size), BTC_ENOTFOUND);
    assert_int_equal(btc_descriptor_secret(&it, 0, secret), BTC_ENOTFOUND);
    assert_int_equal(btc_descriptor_origin(&it, 0, &origin), BTC_ENOTFOUND);
    btc_descriptor_wipe(&it);
}

static void a_chain_of_an_account_is_what_its_text_says(void **state)
{
    (void)state;
    static const struct btc_key_origin origin = {
        {0x73, 0xc5, 0xda, 0x0a}, {86 | BTC_HD_HARDENED, BTC_HD_HARDENED, BTC_HD_HARDENED}, 3};
    struct btc_hd_node account;
    struct btc_descriptor it;
    char text[BTC_DESCRIPTOR_TEXT_SIZE];
    assert_int_equal(
        btc_hd_decode(XPRV, params()->bip32_public, params()->bip32_private, &account, NULL), 0);
    assert_int_equal(btc_descriptor_of_chain(BTC_DESCRIPTOR_TR, &origin, &account, 0, &it), 0);
    assert_int_equal(btc_descriptor_write(params(), &it, false, text, NULL), 0);
    assert_string_equal(text, "tr([73c5da0a/86h/0h/0h]" XPUB "/0/*)#se42yddx");
    assert_address(&it, 1, "bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh");
    assert_int_equal(btc_descriptor_write(params(), &it, true, text, NULL), 0);
    struct btc_descriptor again = parse(text);
    assert_memory_equal(&again, &it, sizeof(it));
    assert_int_equal(btc_descriptor_of_chain(BTC_DESCRIPTOR_ADDR, &origin, &account, 0, &it),
                     BTC_EUSAGE);
    assert_int_equal(
        btc_descriptor_of_chain(BTC_DESCRIPTOR_TR, &origin, &account, BTC_HD_HARDENED, &it),
        BTC_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_addresses_are_as_cores),
        cmocka_unit_test(checksums_are_bip380s),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(keys_have_secrets_and_origins),
        cmocka_unit_test(a_chain_of_an_account_is_what_its_text_says),
    };
    return cmocka_run_group_tests_name("descriptor", tests, NULL, NULL);
}
