/*
 * verifier: the checks of actors/bitcoin/sig.h and of a block's inputs, one line in, one line out, for tests that read their
 * vectors with Python. All numbers are decimal, all bytes hexadecimal ("-" for none).
 *
 *   verify FLAGS TX AMOUNT SCRIPT [AMOUNT SCRIPT]...   the coins in the order of the inputs
 *       -> for each input "ok", "outside" or "invalid: why", divided by "; "
 *   cost FLAGS TX AMOUNT SCRIPT...                     -> the cost of signature operations
 *   bip341 INDEX TYPE ANNEX TX AMOUNT SCRIPT...        -> the hash to sign
 *   sign SECRET HASH        -> the Schnorr signature by the secret's P2TR output key without scripts
 *   bip143 INDEX TYPE CODE TX AMOUNT SCRIPT...         -> the hash to sign
 *   block FLAGS THREADS FILE COINS      a block's bytes; a file of "AMOUNT SCRIPT" lines
 *       -> inputs checked, inputs outside, cost of signature operations, milliseconds
 *   schnorr KEY SIGNATURE MESSAGE                      -> "true" or "false"
 * What cannot be done is answered with "error: why".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/bitcoin/curve.h"
#include "actors/bitcoin/sig.h"
#include "actors/node/engine.h"

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
    struct btc_span annex = next_bytes(line);
    struct btc_tx tx;
    struct btc_spending spending;
    struct btc_hash hash;
    if (!next_spending(line, &tx, &spending))
        return;
    say_hash(btc_sighash_bip341(&spending, index, type, annex, &hash), &hash);
    btc_tx_free(&tx);
}

static void sign(struct line *line)
{
    struct btc_span secret = next_bytes(line);
    struct btc_span message = next_bytes(line);
    uint8_t output[BTC_SECRET_SIZE];
    uint8_t signature[BTC_SCHNORR_SIZE];
    char text[2 * BTC_SCHNORR_SIZE + 1];
    struct btc_hash hash;
    if (secret.size != BTC_SECRET_SIZE || message.size != BTC_HASH_SIZE ||
        btc_taproot_output_secret(secret.data, NULL, output) != 0) {
        printf("error: not of the size\n");
        return;
    }
    memcpy(hash.bytes, message.data, BTC_HASH_SIZE);
    if (btc_schnorr_sign(output, &hash, NULL, signature) != 0)
        abort();
    btc_hex_encode(signature, sizeof signature, text);
    puts(text);
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

/* All of a file, with a NUL behind it. */
static struct btc_span read_file(struct line *line, const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0)
        abort();
    char *bytes = keep(line, malloc((size_t)size + 1));
    if (fread(bytes, 1, (size_t)size, file) != (size_t)size)
        abort();
    bytes[size] = '\0';
    fclose(file);
    return (struct btc_span){(uint8_t *)bytes, (size_t)size};
}

/* The coins in a file of lines, their scripts decoded in its own bytes. */
static struct btc_tx_out *read_coins(struct line *line, struct btc_span file)
{
    struct line coin_line = {.rest = (char *)(uintptr_t)file.data};
    size_t room = file.size / 4 + 1;
    struct btc_tx_out *coins = keep(line, calloc(room, sizeof *coins));
    for (size_t i = 0; i < room && *coin_line.rest != '\0'; i++) {
        coins[i].amount = strtoll(next_word(&coin_line), NULL, 10);
        char *hex = (char *)(uintptr_t)next_word(&coin_line);
        size_t size = strlen(hex) / 2;
        if (btc_hex_decode(hex, size, (uint8_t *)hex) != 0)
            abort();
        coins[i].script = (struct btc_span){(uint8_t *)hex, size};
    }
    return coins;
}

static void check_block(struct line *line)
{
    unsigned flags = next_number(line);
    size_t threads = next_number(line);
    struct btc_span raw = read_file(line, next_word(line));
    struct btc_tx_out *coins = read_coins(line, read_file(line, next_word(line)));
    struct btc_error err = {.text = "no crew"};
    struct btc_block block;
    struct block_inputs inputs;
    struct crew *crew = NULL;
    struct timespec begin;
    struct timespec end;
    if (btc_block_parse(raw.data, raw.size, &block, &err) != 0) {
        printf("error: %s\n", err.text);
        return;
    }
    int rc = crew_open(threads, &crew, &err);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (rc == 0)
        rc = chain_check_inputs(crew, &block, coins, flags, &inputs, &err);
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (rc == 0)
        printf("%lld %lld %zu %lld\n", (long long)inputs.checked, (long long)inputs.outside,
               inputs.sigops_cost,
               (long long)(end.tv_sec - begin.tv_sec) * 1000 +
                   (end.tv_nsec - begin.tv_nsec) / 1000000);
    else
        printf("error: %s\n", err.text);
    crew_close(crew);
    btc_block_free(&block);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*answer)(struct line *line);
    } verbs[] = {{"verify", verify},  {"cost", cost}, {"bip341", bip341},
                 {"bip143", bip143},  {"sign", sign}, {"block", check_block},
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
