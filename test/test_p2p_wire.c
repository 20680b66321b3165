/*
 * Messages of the P2P protocol: known bytes, what is written is read again, and every way of cutting
 * one off, making it too long or claiming too much is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/node/p2p_net.h"
#include "actors/node/p2p_wire.h"

#define params btc_params_get(BTC_REGTEST)

typedef int read_fn(struct btc_span payload, struct btc_error *err);

static int read_version(struct btc_span payload, struct btc_error *err)
{
    struct p2p_version version;
    return p2p_read_version(payload, &version, err);
}

static int read_number(struct btc_span payload, struct btc_error *err)
{
    uint64_t number;
    return p2p_read_number(payload, &number, err);
}

static int read_locator(struct btc_span payload, struct btc_error *err)
{
    struct p2p_locator locator;
    return p2p_read_locator(payload, &locator, err);
}

static int read_headers(struct btc_span payload, struct btc_error *err)
{
    static uint8_t headers[P2P_HEADERS_MAX * BTC_HEADER_SIZE];
    size_t count;
    return p2p_read_headers(payload, headers, &count, err);
}

static int read_inventory(struct btc_span payload, struct btc_error *err)
{
    struct p2p_inventory inventory;
    return p2p_read_inventory(payload, &inventory, err);
}

static int read_addr(struct btc_span payload, struct btc_error *err)
{
    size_t count;
    return p2p_read_addr(payload, &count, err);
}

static int read_addrv2(struct btc_span payload, struct btc_error *err)
{
    size_t count;
    return p2p_read_addrv2(payload, &count, err);
}

/* It reads; one byte more or any number of bytes less, it does not, with a sentence. The bytes lie
 * in memory of exactly their size, so that a checker sees a read beyond it. */
static void assert_exact(read_fn *read, const uint8_t *data, size_t size, bool is_open_ended,
                         size_t optional)
{
    struct btc_error err;
    for (size_t cut = 0; cut <= size; cut++) {
        uint8_t *copy = malloc(cut + 1);
        assert_non_null(copy);
        if (cut > 0)
            memcpy(copy, data, cut);
        copy = realloc(copy, cut > 0 ? cut : 1);
        err.text[0] = '\0';
        int rc = read((struct btc_span){copy, cut}, &err);
        if (cut == size || cut + optional == size) {
            assert_int_equal(rc, 0);
        } else {
            assert_int_equal(rc, BTC_EFORMAT);
            assert_true(err.text[0] != '\0');
        }
        free(copy);
    }
    uint8_t *longer = calloc(1, size + 1);
    assert_non_null(longer);
    if (size > 0)
        memcpy(longer, data, size);
    assert_int_equal(read((struct btc_span){longer, size + 1}, &err),
                     is_open_ended ? 0 : BTC_EFORMAT);
    free(longer);
}

/* Takes a whole message apart, after checking its head and checksum. */
static struct btc_span payload_of(const struct btc_writer *w, enum p2p_kind kind)
{
    struct p2p_head head;
    struct btc_error err;
    assert_int_equal(w->failed, 0);
    assert_int_equal(p2p_read_head(params, w->data, &head, &err), 0);
    assert_int_equal(head.kind, kind);
    assert_int_equal(head.size, w->size - P2P_HEAD_SIZE);
    struct btc_span payload = {w->data + P2P_HEAD_SIZE, head.size};
    assert_int_equal(p2p_check_payload(&head, payload, &err), 0);
    return payload;
}

static void a_version_from_the_reference_is_read(void **state)
{
    /* Developer reference, "version": a node of 2014. */
    static const char hex[] = "721101000100000000000000bc8f5e5400000000"
                              "010000000000000000000000000000000000ffffc61b6409208d"
                              "010000000000000000000000000000000000ffffcb0071c0208d"
                              "128035cbc97953f80f2f5361746f7368693a302e392e332fcf05050001";
    uint8_t bytes[(sizeof(hex) - 1) / 2];
    struct p2p_version version;
    struct btc_error err;
    (void)state;
    assert_int_equal(btc_hex_decode(hex, sizeof(bytes), bytes), 0);
    assert_int_equal(p2p_read_version((struct btc_span){bytes, sizeof(bytes)}, &version, &err), 0);
    assert_int_equal(version.protocol, 70002);
    assert_int_equal(version.services, 1);
    assert_int_equal(version.time_s, 1415483324);
    assert_true(version.nonce == UINT64_C(0xf85379c9cb358012));
    assert_int_equal(version.agent.size, 15);
    assert_memory_equal(version.agent.data, "/Satoshi:0.9.3/", 15);
    assert_int_equal(version.height, 329167);
    assert_true(version.relays);
    assert_exact(read_version, bytes, sizeof(bytes), true, 1);
}

static void a_verack_has_the_bytes_everybody_knows(void **state)
{
    static const uint8_t known[] = {0xfa, 0xbf, 0xb5, 0xda, 'v',  'e',  'r',  'a',
                                    'c',  'k',  0,    0,    0,    0,    0,    0,
                                    0,    0,    0,    0,    0x5d, 0xf6, 0xe0, 0xe2};
    struct btc_writer w;
    struct btc_error err;
    (void)state;
    btc_writer_init(&w, 1000);
    p2p_write_message(&w, params, P2P_VERACK, (struct btc_span){NULL, 0});
    assert_int_equal(w.size, sizeof(known));
    assert_memory_equal(w.data, known, sizeof(known));
    assert_int_equal(p2p_read_nothing(payload_of(&w, P2P_VERACK), &err), 0);
    assert_int_equal(p2p_read_nothing((struct btc_span){known, 1}, &err), BTC_EFORMAT);
    btc_writer_free(&w);
}

static void what_is_written_is_read_and_nothing_else(void **state)
{
    uint8_t headers[3 * BTC_HEADER_SIZE];
    struct btc_hash hashes[4];
    struct p2p_item items[3] = {{.type = P2P_ITEM_TX}, {.type = P2P_ITEM_BLOCK | P2P_ITEM_WITNESS}};
    struct p2p_version version = {.protocol = P2P_PROTOCOL,
                                  .services = 9,
                                  .nonce = 7,
                                  .agent = {(const uint8_t *)"/a/", 3},
                                  .height = 5,
                                  .relays = false};
    struct p2p_version again;
    struct p2p_locator locator;
    struct p2p_inventory inventory;
    struct btc_error err;
    struct btc_writer w;
    (void)state;
    memset(headers, 0x11, sizeof(headers));
    memset(hashes, 0x22, sizeof(hashes));
    hashes[3].bytes[31] = 3;
    items[1].hash = hashes[3];
    btc_writer_init(&w, 100000);

    p2p_write_version(&w, params, &version);
    struct btc_span payload = payload_of(&w, P2P_VERSION);
    assert_int_equal(p2p_read_version(payload, &again, &err), 0);
    assert_int_equal(again.height, 5);
    assert_false(again.relays);
    assert_exact(read_version, payload.data, payload.size, true, 1);
    btc_writer_free(&w);

    p2p_write_number(&w, params, P2P_PING, 99);
    payload = payload_of(&w, P2P_PING);
    assert_exact(read_number, payload.data, payload.size, false, 0);
    btc_writer_free(&w);

    p2p_write_getheaders(&w, params, hashes, 4);
    payload = payload_of(&w, P2P_GETHEADERS);
    assert_int_equal(p2p_read_locator(payload, &locator, &err), 0);
    assert_int_equal(locator.count, 4);
    struct btc_hash last = p2p_locator_at(&locator, 3);
    assert_true(btc_hash_equal(&last, &hashes[3]));
    assert_exact(read_locator, payload.data, payload.size, false, 0);
    btc_writer_free(&w);

    p2p_write_headers(&w, params, headers, 3);
    payload = payload_of(&w, P2P_HEADERS);
    assert_exact(read_headers, payload.data, payload.size, false, 0);
    btc_writer_free(&w);

    p2p_write_inventory(&w, params, P2P_INV, items, 3);
    payload = payload_of(&w, P2P_INV);
    assert_int_equal(p2p_read_inventory(payload, &inventory, &err), 0);
    struct p2p_item item = p2p_inventory_at(&inventory, 1);
    assert_int_equal(item.type, P2P_ITEM_BLOCK | P2P_ITEM_WITNESS);
    assert_true(btc_hash_equal(&item.hash, &hashes[3]));
    assert_exact(read_inventory, payload.data, payload.size, false, 0);
    btc_writer_free(&w);
}

static void addresses_are_read_for_their_form_only(void **state)
{
    uint8_t addr[1 + 2 * 30] = {2};
    /* time, services, network, length, address, port; one IPv4 and one of an unknown kind */
    static const uint8_t addrv2[] = {2, 1, 2, 3, 4,    9, 1, 4,  127, 0, 0, 1, 0x20, 0x8d,
                                     0, 0, 0, 0, 0xfd, 0, 4, 99, 2,   7, 7, 0, 1};
    (void)state;
    assert_exact(read_addr, addr, sizeof(addr), false, 0);
    assert_exact(read_addrv2, addrv2, sizeof(addrv2), false, 0);
}

static void sendcmpct_is_nine_bytes(void **state)
{
    uint8_t bytes[9] = {1, 2};
    (void)state;
    assert_exact(p2p_read_sendcmpct, bytes, sizeof(bytes), false, 0);
}

/* `count` items of `size` zeros each, behind their number. */
static int read_many(read_fn *read, size_t count, size_t size, size_t before, size_t behind,
                     struct btc_error *err)
{
    struct btc_writer w;
    btc_writer_init(&w, 8u << 20);
    uint8_t *zeros = calloc(1, count * size + before + behind);
    assert_non_null(zeros);
    btc_write_bytes(&w, zeros, before);
    btc_write_compact(&w, count);
    btc_write_bytes(&w, zeros, count * size + behind);
    int rc = read((struct btc_span){w.data, w.size}, err);
    btc_writer_free(&w);
    free(zeros);
    return rc;
}

static void lists_end_at_their_maximum(void **state)
{
    static const struct {
        read_fn *read;
        size_t max, size, before, behind;
    } lists[] = {
        {read_inventory, P2P_INVENTORY_MAX, 36, 0, 0}, {read_headers, P2P_HEADERS_MAX, 81, 0, 0},
        {read_locator, P2P_LOCATOR_MAX, 32, 4, 32},    {read_addr, P2P_ADDRESSES_MAX, 30, 0, 0},
        {read_addrv2, P2P_ADDRESSES_MAX, 9, 0, 0},
    };
    struct btc_error err;
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_int_equal(read_many(lists[i].read, lists[i].max, lists[i].size, lists[i].before,
                                   lists[i].behind, &err),
                         0);
        assert_int_equal(read_many(lists[i].read, lists[i].max + 1, lists[i].size, lists[i].before,
                                   lists[i].behind, &err),
                         BTC_ELIMIT);
        assert_non_null(strstr(err.text, "over the maximum"));
    }
}

static void a_count_that_the_bytes_cannot_hold_is_refused(void **state)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    struct btc_error err;
    read_fn *readers[] = {read_inventory, read_headers, read_addr, read_addrv2};
    (void)state;
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        assert_int_equal(readers[i]((struct btc_span){huge, sizeof(huge)}, &err), BTC_EFORMAT);
}

static void a_header_with_transactions_is_refused(void **state)
{
    uint8_t bytes[1 + 81 + 2] = {1};
    struct btc_error err;
    (void)state;
    bytes[81] = 1;
    assert_int_equal(read_headers((struct btc_span){bytes, 82}, &err), BTC_EFORMAT);
}

/* A head of these parts. */
static int read_head(const char *command, uint32_t size, enum btc_network magic,
                     struct p2p_head *ret_head)
{
    uint8_t bytes[P2P_HEAD_SIZE] = {0};
    struct btc_error err;
    memcpy(bytes, btc_params_get(magic)->magic, 4);
    memcpy(bytes + 4, command, strnlen(command, 12));
    for (int i = 0; i < 4; i++)
        bytes[16 + i] = (uint8_t)(size >> (8 * i));
    return p2p_read_head(params, bytes, ret_head, &err);
}

static void heads_are_bounded_by_their_kind(void **state)
{
    struct p2p_head head;
    (void)state;
    assert_int_equal(read_head("block", P2P_PAYLOAD_MAX, BTC_REGTEST, &head), 0);
    assert_int_equal(head.kind, P2P_BLOCK);
    assert_int_equal(read_head("block", P2P_PAYLOAD_MAX + 1, BTC_REGTEST, &head), BTC_ELIMIT);
    assert_int_equal(read_head("whatever", P2P_PAYLOAD_MAX, BTC_REGTEST, &head), 0);
    assert_int_equal(head.kind, P2P_UNKNOWN);
    assert_int_equal(read_head("whatever", UINT32_MAX, BTC_REGTEST, &head), BTC_ELIMIT);
    assert_int_equal(read_head("ping", 9, BTC_REGTEST, &head), BTC_ELIMIT);
    assert_int_equal(read_head("ping", 8, BTC_MAIN, &head), BTC_ENETWORK);
    assert_int_equal(read_head("pi\nng", 8, BTC_REGTEST, &head), BTC_EFORMAT);
    for (int kind = P2P_UNKNOWN + 1; kind < P2P_KINDS_COUNT; kind++) {
        uint32_t max = p2p_size_max((enum p2p_kind)kind);
        assert_int_equal(read_head(p2p_command((enum p2p_kind)kind), max, BTC_REGTEST, &head), 0);
        assert_int_equal(head.kind, kind);
        assert_int_equal(read_head(p2p_command((enum p2p_kind)kind), max + 1, BTC_REGTEST, &head),
                         BTC_ELIMIT);
    }
}

static void a_flipped_bit_does_not_pass(void **state)
{
    struct btc_writer w;
    struct p2p_head head;
    struct btc_error err;
    (void)state;
    btc_writer_init(&w, 1000);
    p2p_write_number(&w, params, P2P_PING, 12345);
    assert_int_equal(p2p_read_head(params, w.data, &head, &err), 0);
    for (int bit = 0; bit < 64; bit++) {
        w.data[P2P_HEAD_SIZE + bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(
            p2p_check_payload(&head, (struct btc_span){w.data + P2P_HEAD_SIZE, 8}, &err),
            BTC_EFORMAT);
        w.data[P2P_HEAD_SIZE + bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    btc_writer_free(&w);
}

/* ---- addresses ---- */

static bool is_same_host(const char *a, const char *b)
{
    struct p2p_address first;
    struct p2p_address second;
    struct btc_error err;
    assert_int_equal(p2p_address_read(a, 1, &first, NULL, &err), 0);
    assert_int_equal(p2p_address_read(b, 2, &second, NULL, &err), 0);
    assert_false(p2p_address_same(&first, &second));
    second.port = first.port;
    assert_int_equal(p2p_address_same(&first, &second), strcmp(a, b) == 0);
    return p2p_address_same_host(&first, &second);
}

/* Whoever has one address of IPv6 has 2^64 of them. */
static void a_host_of_ipv6_is_a_network(void **state)
{
    (void)state;
    assert_true(is_same_host("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    assert_false(is_same_host("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert_true(is_same_host("1.2.3.4", "1.2.3.4"));
    assert_false(is_same_host("1.2.3.4", "1.2.3.5"));
    assert_true(is_same_host("::1", "::1"));
    assert_false(is_same_host("::1", "::ffff:1.2.3.4"));
    assert_false(is_same_host("::ffff:1.2.3.5", "::ffff:1.2.3.4"));
}

static bool is_same_group(const char *a, const char *b)
{
    struct p2p_address first;
    struct p2p_address second;
    struct btc_error err;
    assert_int_equal(p2p_address_read(a, 1, &first, NULL, &err), 0);
    assert_int_equal(p2p_address_read(b, 2, &second, NULL, &err), 0);
    return p2p_address_same_group(&first, &second);
}

/* What one person is likely to have many of. */
static void a_group_is_a_part_of_the_internet(void **state)
{
    (void)state;
    assert_true(is_same_group("1.2.3.4", "1.2.9.9"));
    assert_false(is_same_group("1.2.3.4", "1.3.3.4"));
    assert_true(is_same_group("2001:db8:1::1", "2001:db8:2::1"));
    assert_false(is_same_group("2001:db8::1", "2001:db9::1"));
    assert_true(is_same_group("::ffff:1.2.3.4", "::ffff:1.2.9.9"));
    assert_false(is_same_group("::ffff:1.2.3.4", "::ffff:1.3.3.4"));
    assert_true(is_same_group("127.0.0.1", "127.0.0.1"));
    assert_false(is_same_group("127.0.0.1", "127.0.0.2"));
    assert_true(is_same_group("::1", "::1"));
    assert_false(is_same_group("::1", "1.2.3.4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_from_the_reference_is_read),
        cmocka_unit_test(a_verack_has_the_bytes_everybody_knows),
        cmocka_unit_test(what_is_written_is_read_and_nothing_else),
        cmocka_unit_test(addresses_are_read_for_their_form_only),
        cmocka_unit_test(sendcmpct_is_nine_bytes),
        cmocka_unit_test(lists_end_at_their_maximum),
        cmocka_unit_test(a_count_that_the_bytes_cannot_hold_is_refused),
        cmocka_unit_test(a_header_with_transactions_is_refused),
        cmocka_unit_test(heads_are_bounded_by_their_kind),
        cmocka_unit_test(a_flipped_bit_does_not_pass),
        cmocka_unit_test(a_host_of_ipv6_is_a_network),
        cmocka_unit_test(a_group_is_a_part_of_the_internet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
