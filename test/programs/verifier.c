/*
 * verifier: the checks of actors/bitcoin/sig.h, one line in, one line out, for tests that read their
 * vectors with Python. All numbers are decimal, all bytes hexadecimal ("-" for none).
 *
 *   verify FLAGS TX AMOUNT SCRIPT [AMOUNT SCRIPT]...   the coins in the order of the inputs
 *       -> for each input "ok", "outside" or "invalid: why", divided by "; "
 *   cost FLAGS TX AMOUNT SCRIPT...                     -> the cost of signature operations
 *   bip341 INDEX TYPE TX AMOUNT SCRIPT...              -> the hash to sign
 *   bip143 INDEX TYPE CODE TX AMOUNT SCRIPT...         -> the hash to sign
 *   schnorr KEY SIGNATURE MESSAGE                      -> "true" or "false"
 * What cannot be done is answered with "error: why".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/bitcoin/sig.h"

/* The words of the line that are left, and bytes decoded from them, which live until its end. */
struct line {
    char *rest;
    void *kept[4096];
    size_t kept_count;
};

static const char *next_word(struct line *line)
{
    char *word = line->rest + strspn(line->rest, " \n");
    char *end = word + strcspn(word, " \n");
    line->rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return word;
}

static void *keep(struct line *line, void *memory)
{
    if (memory == NULL || line->kept_count == sizeof line->kept / sizeof line->kept[0])
        abort();
    line->kept[line->kept_count++] = memory;
    return memory;
}

static struct btc_span next_bytes(struct line *line)
{
    const char *word = next_word(line);
    size_t size = strcmp(word, "-") == 0 ? 0 : strlen(word) / 2;
    uint8_t *bytes = keep(line, malloc(size + 1));
    if (size > 0 && btc_hex_decode(word, size, bytes) != 0)
        size = 0;
    return (struct btc_span){bytes, size};
}

static unsigned next_number(struct line *line)
{
    return (unsigned)strtoul(next_word(line), NULL, 10);
}

/* The transaction at the front and its coins. False, and the answer is given, when it is none. */
static bool next_spending(struct line *line, struct btc_tx *tx, struct btc_spending *spending)
{
    struct btc_span raw = next_bytes(line);
    struct btc_error err;
    if (btc_tx_parse(raw.data, raw.size, tx, &err) != 0) {
        printf("error: %s\n", err.text);
        return false;
    }
    struct btc_tx_out *coins = keep(line, calloc(tx->in_count, sizeof *coins));
    for (size_t i = 0; i < tx->in_count; i++) {
        coins[i].amount = strtoll(next_word(line), NULL, 10);
        coins[i].script = next_bytes(line);
    }
    if (btc_spending_prepare(tx, coins, spending) == 0)
        return true;
    printf("error: the transaction could not be prepared\n");
    btc_tx_free(tx);
    return false;
}

static void verify(struct line *line)
{
    unsigned flags = next_number(line);
    struct btc_tx tx;
    struct btc_spending spending;
    if (!next_spending(line, &tx, &spending))
        return;
    for (size_t i = 0; i < tx.in_count; i++) {
        struct btc_error err;
        int rc = btc_verify_input(&spending, i, flags, &err);
        printf("%s%s%s", i > 0 ? "; " : "",
               rc == 0                       ? "ok"
               : rc == BTC_OUTSIDE_TEMPLATES ? "outside"
               : rc == BTC_EINVALID          ? "invalid: "
                                             : "error: ",
               rc < 0 ? err.text : "");
    }
    putchar('\n');
    btc_tx_free(&tx);
}

static void cost(struct line *line)
{
    unsigned flags = next_number(line);
    struct btc_tx tx;
    struct btc_spending spending;
    if (!next_spending(line, &tx, &spending))
        return;
    printf("%zu\n", btc_tx_sigops_cost(&tx, spending.coins, flags));
    btc_tx_free(&tx);
}

static void say_hash(int code, const struct btc_hash *hash)
{
    char text[BTC_HASH_HEX_SIZE];
    btc_hex_encode(hash->bytes, sizeof hash->bytes, text);
    printf("%s%s\n", code == 0 ? "" : "error: ", code == 0 ? text : btc_code_text(code));
}

static void bip341(struct line *line)
{
    size_t index = next_number(line);
    unsigned type = next_number(line);
    struct btc_tx tx;
    struct btc_spending spending;
    struct btc_hash hash;
    if (!next_spending(line, &tx, &spending))
        return;
    say_hash(btc_sighash_bip341(&spending, index, type, (struct btc_span){NULL, 0}, &hash), &hash);
    btc_tx_free(&tx);
}

static void bip143(struct line *line)
{
    size_t index = next_number(line);
    unsigned type = next_number(line);
    struct btc_span code = next_bytes(line);
    struct btc_tx tx;
    struct btc_spending spending;
    struct btc_hash hash;
    if (!next_spending(line, &tx, &spending))
        return;
    if (index >= tx.in_count)
        printf("error: no such input\n");
    else
        say_hash(btc_sighash_bip143(&tx, &spending.bip143, index, code,
                                    spending.coins[index].amount, type, &hash),
                 &hash);
    btc_tx_free(&tx);
}

static void schnorr(struct line *line)
{
    struct btc_span key = next_bytes(line);
    struct btc_span signature = next_bytes(line);
    struct btc_span message = next_bytes(line);
    if (key.size != 32 || signature.size != 64)
        printf("error: not of the size\n");
    else
        puts(btc_schnorr_verify(key.data, signature.data, message) ? "true" : "false");
}

int main(void)
{
    static const struct {
        const char *name;
        void (*answer)(struct line *line);
    } verbs[] = {{"verify", verify},
                 {"cost", cost},
                 {"bip341", bip341},
                 {"bip143", bip143},
                 {"schnorr", schnorr}};
    static struct line line;
    char *text = NULL;
    size_t room = 0;
    while (getline(&text, &room, stdin) > 0) {
        line.rest = text;
        const char *name = next_word(&line);
        size_t i = 0;
        while (i < sizeof verbs / sizeof verbs[0] && strcmp(name, verbs[i].name) != 0)
            i++;
        if (i < sizeof verbs / sizeof verbs[0])
            verbs[i].answer(&line);
        else
            printf("error: no such verb\n");
        while (line.kept_count > 0)
            free(line.kept[--line.kept_count]);
    }
    free(text);
    return 0;
}
