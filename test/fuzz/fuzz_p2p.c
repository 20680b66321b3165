/* fuzz_p2p - any bytes as what another node sends: as payloads of every kind, and as a conversation
 * with the peers' engine.
 *
 * The first byte chooses. What must hold: no bad access, no leak; what is refused is refused with a
 * sentence; lists stay within their maximum; a peer's memory stays within its quota. In a
 * conversation each record is a kind, a length of two bytes and a payload, put into a well-formed
 * message, since bytes alone hardly ever get past a checksum. A libFuzzer entry point. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <dirent.h>

#include "actors/node/p2p.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t headers[P2P_HEADERS_MAX * BTC_HEADER_SIZE];
static struct chain *chain; /* lives as long as the process */

static void check_at(int line, bool condition)
{
    if (!condition) {
        fprintf(stderr, "fuzz_p2p.c:%d: does not hold\n", line);
        abort();
    }
}
#define check(condition) check_at(__LINE__, condition)

static void try_payloads(struct btc_span payload)
{
    struct btc_error err = {.text = ""};
    struct p2p_version version;
    struct p2p_locator locator;
    struct p2p_inventory inventory;
    uint64_t number;
    size_t count = 0;
    if (p2p_read_version(payload, &version, &err) == 0)
        check(version.agent.size <= P2P_AGENT_MAX);
    else
        check(err.text[0] != '\0');
    if (p2p_read_locator(payload, &locator, &err) == 0)
        for (size_t i = 0; i < locator.count; i++)
            (void)p2p_locator_at(&locator, i);
    if (p2p_read_inventory(payload, &inventory, &err) == 0) {
        check(inventory.count <= P2P_INVENTORY_MAX);
        for (size_t i = 0; i < inventory.count; i++)
            (void)p2p_inventory_at(&inventory, i);
    }
    if (p2p_read_headers(payload, headers, &count, &err) == 0)
        check(count <= P2P_HEADERS_MAX && payload.size >= count * (BTC_HEADER_SIZE + 1));
    if (p2p_read_addr(payload, &count, &err) == 0 || p2p_read_addrv2(payload, &count, &err) == 0)
        check(count <= P2P_ADDRESSES_MAX);
    (void)!p2p_read_number(payload, &number, &err);
    (void)!p2p_read_sendcmpct(payload, &err);
    (void)!p2p_read_nothing(payload, &err);
}

/* ---- a conversation ---- */

static void on_changed(void *user, const struct chain_change *changes, size_t count)
{
    (void)user;
    (void)changes;
    check(count > 0);
}

static void on_headers(void *user)
{
    (void)user;
}

static void on_ready(void *user, uint32_t id)
{
    (void)user;
    check(id == 1);
}

static void on_dropped(void *user, uint32_t id, const char *reason, bool is_banned)
{
    (void)user;
    (void)is_banned;
    check(id == 1 && reason[0] != '\0');
}

static void on_trouble(void *user, int code, const struct btc_error *err)
{
    (void)user;
    (void)err;
    check(code == BTC_ENOMEM);
}

static char folder[] = "/tmp/fuzz-p2p-XXXXXX";

static void remove_chain(void)
{
    struct dirent *entry;
    chain_close(chain);
    DIR *all = opendir(folder);
    while (all != NULL && (entry = readdir(all)) != NULL)
        (void)unlinkat(dirfd(all), entry->d_name, 0);
    if (all != NULL)
        closedir(all);
    (void)rmdir(folder);
}

static void open_chain(void)
{
    struct btc_error err;
    check(mkdtemp(folder) != NULL);
    check(chain_open(folder, btc_params_get(BTC_REGTEST), &chain, &err) == 0);
    atexit(remove_chain);
}

static void hand_over(struct p2p *p2p, const uint8_t *data, size_t size)
{
    size_t room = p2p_room(p2p, 1);
    p2p_receive(p2p, 1, data, size < room ? size : room);
    (void)p2p_work(p2p, 2);
}

static void put_record(struct p2p *p2p, enum p2p_kind kind, struct btc_span payload)
{
    struct btc_writer w;
    btc_writer_init(&w, 1u << 20);
    p2p_write_message(&w, btc_params_get(BTC_REGTEST), kind, payload);
    hand_over(p2p, w.data, w.size);
    btc_writer_free(&w);
}

static void try_conversation(const uint8_t *data, size_t size, bool is_raw)
{
    struct p2p_config config = {
        .chain = chain,
        .agent = "/fuzz/",
        .nonce = 1,
        .listener = {on_changed, on_headers, on_ready, on_dropped, on_trouble, NULL}};
    struct p2p_info infos[P2P_PEERS_MAX];
    struct btc_error err;
    struct p2p *p2p = NULL;
    check(p2p_new(&config, &p2p, &err) == 0);
    check(p2p_open(p2p, 1, "fuzz", true, 1, &err) == 0);
    if (is_raw)
        hand_over(p2p, data, size);
    while (!is_raw && size >= 3) {
        size_t length = (size_t)data[1] << 8 | data[2];
        length = length < size - 3 ? length : size - 3;
        put_record(p2p, (enum p2p_kind)(1 + data[0] % (P2P_KINDS_COUNT - 1)),
                   (struct btc_span){data + 3, length});
        data += 3 + length;
        size -= 3 + length;
        p2p_sent(p2p, 1, p2p_output(p2p, 1).size / 2);
        p2p_tick(p2p, 1000 + size);
    }
    if (p2p_list(p2p, infos) == 1)
        check(infos[0].memory <=
              P2P_INBOX_BYTES_MAX + P2P_OUTBOX_BYTES_MAX + P2P_PLAN_MAX * sizeof(struct btc_hash));
    p2p_free(p2p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (chain == NULL)
        open_chain();
    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        try_payloads((struct btc_span){data + 1, size - 1});
    else
        try_conversation(data + 1, size - 1, data[0] % 3 == 1);
    return 0;
}
