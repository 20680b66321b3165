/* What a user of a facade relies on, the same in one, two and three processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/support/places.h"
#include "test/support/probe.h"
#include "test/support/prober.h"
#include "test/support/runner.h"

static uint64_t told_times(struct troupe_ref ref)
{
    struct probe_told_results told;
    assert_int_equal(probe_told(places.troupe, ref, &told, NULL, NULL), 0);
    return told.times;
}

/* ---- sync calls ----------------------------------------------------------------------------------- */

static void test_call_returns_what_the_actor_answered(void **state)
{
    (void)state;
    struct probe_echo_args args = {.number = UINT64_MAX, .text = troupe_text("grüße")};
    struct probe_echo_results results;
    assert_int_equal(probe_echo(places.troupe, places.probe, &args, &results, NULL, NULL), 0);
    assert_true(results.number == UINT64_MAX);
    assert_int_equal(results.text.size, args.text.size);
    assert_memory_equal(results.text.data, args.text.data, args.text.size);
    troupe_release(results.message);
}

static void test_declared_error_arrives_with_its_data(void **state)
{
    (void)state;
    struct troupe_error error;
    struct probe_odd odd;
    struct probe_check_args args = {.number = 7};
    assert_int_equal(probe_check(places.troupe, places.probe, &args, &error, NULL), PROBE_ODD);
    assert_int_equal(error.code, PROBE_ODD);
    assert_string_equal(error.text, "that is odd");
    assert_int_equal(probe_odd_from_error(&error, &odd), 0);
    assert_int_equal(odd.number, 7);
    args.number = 8;
    assert_int_equal(probe_check(places.troupe, places.probe, &args, &error, NULL), 0);
}

static void test_call_ends_at_its_deadline(void **state)
{
    (void)state;
    struct troupe_options options = {.deadline_ms = 50};
    struct troupe_error error;
    assert_int_equal(probe_hang(places.troupe, places.probe, &error, &options), TROUPE_ETIMEOUT);
    assert_int_equal(error.code, TROUPE_ETIMEOUT);
}

static bool was_cancelled(void *user)
{
    struct probe_told_results told;
    (void)user;
    assert_int_equal(probe_told(places.troupe, places.probe, &told, NULL, NULL), 0);
    return told.cancelled != 0;
}

static void test_callee_learns_that_nobody_waits(void **state)
{
    (void)state;
    struct troupe_options options = {.deadline_ms = 50};
    assert_int_equal(probe_hang(places.troupe, places.probe, NULL, &options), TROUPE_ETIMEOUT);
    places_wait(&places, was_cancelled, NULL);
}

static void test_call_inside_an_actor_is_refused(void **state)
{
    (void)state;
    struct probe_block_results results;
    assert_int_equal(probe_block(places.troupe, places.probe, &results, NULL, NULL), 0);
    assert_int_equal(results.code, TROUPE_EWOULDBLOCK);
}

/* The thread that waits is the only one that could run what is asked. */
static void test_call_that_needs_its_own_caller_is_refused(void **state)
{
    (void)state;
    struct troupe_actor_def def = probe_actor;
    struct probe_relay_args args = {.number = 9};
    struct probe_relay_results results;
    struct probe_echo_args echo_args = {.number = 9};
    struct probe_echo_results echo_results;
    def.flags |= TROUPE_PINNED;
    assert_int_equal(troupe_spawn(places.troupe, &def, NULL, &args.who), 0);
    int error = probe_relay(places.troupe, places.probe, &args, &results, NULL, NULL);
    assert_int_equal(error, TROUPE_ECYCLE);
    error = probe_echo(places.troupe, args.who, &echo_args, &echo_results, NULL, NULL);
    assert_int_equal(error, TROUPE_ECYCLE);
    assert_int_equal(troupe_stop(places.troupe, args.who), 0);
    troupe_step(places.troupe, 0);
}

static void counted_relay(struct troupe_actor *self, void *user, const struct troupe_error *error,
                          const struct probe_relay_results *results)
{
    assert_null(error);
    *(uint64_t *)user = results->number;
    places_done(self);
}

static void ask_relay(struct troupe_actor *self, void *user)
{
    static uint64_t number;
    struct probe_relay_args args = {.who = *(struct troupe_ref *)user, .number = 9};
    assert_int_equal(probe_relay_ask(self, places.probe, &args, counted_relay, &number, NULL), 0);
}

static bool told_once(void *user)
{
    struct probe_told_results told;
    (void)user;
    assert_int_equal(probe_told(places.troupe, places.probe, &told, NULL, NULL), 0);
    return told.times == 1;
}

static void test_caller_that_does_not_wait_can_be_called_back(void **state)
{
    (void)state;
    struct troupe_actor_def def = probe_actor;
    struct probe_relay_later_args args;
    def.flags |= TROUPE_PINNED;
    assert_int_equal(troupe_spawn(places.troupe, &def, NULL, &args.who), 0);
    places_run(&places, ask_relay, &args.who);
    /* Nor does one wait for what its callee does after the answer. */
    assert_int_equal(probe_relay_later(places.troupe, places.probe, &args, NULL, NULL), 0);
    places_wait(&places, told_once, NULL);
    assert_int_equal(troupe_stop(places.troupe, args.who), 0);
    troupe_step(places.troupe, 0);
}

static void test_handler_that_forgets_to_answer_fails_the_call(void **state)
{
    (void)state;
    assert_int_equal(probe_forget(places.troupe, places.probe, NULL, NULL), TROUPE_EUNANSWERED);
}

static void test_value_out_of_bounds_is_not_sent(void **state)
{
    (void)state;
    static char text[1025];
    memset(text, 'x', sizeof text);
    struct probe_echo_args args = {.text = {.data = text, .size = sizeof text}};
    struct probe_echo_results results;
    assert_int_equal(probe_echo(places.troupe, places.probe, &args, &results, NULL, NULL),
                     TROUPE_EINVAL);
}

static void test_deferred_answer_comes_later(void **state)
{
    (void)state;
    struct probe_wait_args args = {.ms = 20};
    assert_int_equal(probe_wait(places.troupe, places.probe, &args, NULL, NULL), 0);
}

static void test_forwarded_call_is_answered_by_another(void **state)
{
    (void)state;
    struct probe_forward_args args = {.number = 41, .text = troupe_text("on")};
    struct probe_forward_results results;
    assert_int_equal(probe_forward(places.troupe, places.other, &args, &results, NULL, NULL), 0);
    assert_int_equal(results.number, 42);
    assert_memory_equal(results.text.data, "on", 2);
    troupe_release(results.message);
}

static void test_cancel_follows_a_forwarded_call(void **state)
{
    (void)state;
    struct troupe_options options = {.deadline_ms = 50};
    assert_int_equal(probe_hang_there(places.troupe, places.other, NULL, &options),
                     TROUPE_ETIMEOUT);
    places_wait(&places, was_cancelled, NULL);
}

static void test_secret_arrives(void **state)
{
    (void)state;
    struct probe_secret_args args = {.word = troupe_text("hunter2")};
    struct probe_secret_results results;
    assert_int_equal(probe_secret(places.troupe, places.probe, &args, &results, NULL, NULL), 0);
    assert_int_equal(results.size, 7);
}

/* ---- large beside small ----------------------------------------------------------------------------- */

struct mixed {
    uint32_t pieces;
    uint32_t came;
    uint32_t small; /* calls that were answered meanwhile */
    double slowest_s;
    double asked_s;
    bool over;
};

static void ask_small(struct troupe_actor *self, struct mixed *mixed);

static void small_answered(struct troupe_actor *self, void *user, const struct troupe_error *error,
                           const struct probe_echo_results *results)
{
    struct mixed *mixed = user;
    (void)results;
    assert_null(error);
    double took = runner_now() - mixed->asked_s;
    mixed->slowest_s = took > mixed->slowest_s ? took : mixed->slowest_s;
    mixed->small++;
    if (mixed->over) {
        places_done(self);
    } else {
        ask_small(self, mixed);
    }
}

static void ask_small(struct troupe_actor *self, struct mixed *mixed)
{
    struct probe_echo_args args = {.number = mixed->small};
    mixed->asked_s = runner_now();
    assert_int_equal(probe_echo_ask(self, places.other, &args, small_answered, mixed, NULL), 0);
}

static void piece_came(struct troupe_actor *self, void *user, const struct probe_pieces_item *item)
{
    struct mixed *mixed = user;
    (void)self;
    assert_int_equal(item->data.size, 1 << 20);
    mixed->came++;
}

static void pieces_over(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct mixed *mixed = user;
    (void)self;
    assert_null(error);
    mixed->over = true;
}

static void ask_both(struct troupe_actor *self, void *user)
{
    struct mixed *mixed = user;
    struct troupe_options options = {.deadline_ms = 60000};
    struct probe_pieces_args args = {.count = mixed->pieces, .size = 1 << 20};
    assert_int_equal(
        probe_pieces_ask(self, places.probe, &args, piece_came, pieces_over, mixed, &options), 0);
    ask_small(self, mixed);
}

/* Over one and the same link: of every two batches at most one is a piece of a blob. */
static void test_gigabyte_in_pieces_lets_small_calls_pass(void **state)
{
    (void)state;
    struct mixed mixed = {.pieces = runner_slowness() > 1 ? 64 : 1024};
    double begun = runner_now();
    places_run(&places, ask_both, &mixed);
    assert_int_equal(mixed.came, mixed.pieces);
    print_message("%u MiB in %.2f s, meanwhile %u small calls, the slowest in %.1f ms\n",
                  mixed.pieces, runner_now() - begun, mixed.small, mixed.slowest_s * 1e3);
    assert_true(mixed.small > mixed.pieces / 16); /* behind it all, there would be none */
}

/* ---- tells ------------------------------------------------------------------------------------------ */

static bool told_hundred(void *user)
{
    return told_times(*(struct troupe_ref *)user) == 100;
}

static void test_tells_arrive_all(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        struct probe_tell_args args = {.number = i};
        assert_int_equal(probe_tell(places.troupe, places.probe, &args), 0);
    }
    places_wait(&places, told_hundred, &places.probe);
    struct probe_told_results told;
    assert_int_equal(probe_told(places.troupe, places.probe, &told, NULL, NULL), 0);
    assert_int_equal(told.sum, 4950);
}

/* ---- streams ------------------------------------------------------------------------------------------ */

static void count_item(struct troupe_actor *self, void *user, const struct probe_count_item *item)
{
    uint32_t *next = user;
    assert_null(self);
    assert_int_equal(item->number, *next);
    (*next)++;
}

static void test_stream_brings_every_item_in_order(void **state)
{
    (void)state;
    uint32_t next = 0;
    struct probe_count_args args = {.to = 5000};
    assert_int_equal(probe_count(places.troupe, places.probe, &args, count_item, &next, NULL, NULL),
                     0);
    assert_int_equal(next, 5000);
}

static void count_there_item(struct troupe_actor *self, void *user,
                             const struct probe_count_there_item *item)
{
    struct probe_count_item same = {.number = item->number};
    count_item(self, user, &same);
}

/* Rule 3: the asker's room reaches whoever streams, wherever the call was forwarded to. */
static void test_forwarded_stream_goes_on_beyond_its_window(void **state)
{
    (void)state;
    uint32_t next = 0;
    struct probe_count_there_args args = {.to = 1000};
    assert_int_equal(
        probe_count_there(places.troupe, places.other, &args, count_there_item, &next, NULL, NULL),
        0);
    assert_int_equal(next, 1000);
}

static void calling_item(struct troupe_actor *self, void *user, const struct probe_count_item *item)
{
    struct probe_echo_args args = {.number = item->number};
    struct probe_echo_results results;
    count_item(self, user, item);
    assert_int_equal(probe_echo(places.troupe, places.other, &args, &results, NULL, NULL), 0);
    assert_int_equal(results.number, item->number);
    troupe_release(results.message);
}

static void test_sync_call_between_the_items_of_a_stream(void **state)
{
    (void)state;
    uint32_t next = 0;
    struct probe_count_args args = {.to = 200};
    assert_int_equal(
        probe_count(places.troupe, places.probe, &args, calling_item, &next, NULL, NULL), 0);
    assert_int_equal(next, 200);
}

struct streaming {
    uint32_t next;
    uint64_t token;
    int error;
};

static void cancel_at_ten(struct troupe_actor *self, void *user,
                          const struct probe_count_item *item)
{
    struct streaming *streaming = user;
    assert_int_equal(item->number, streaming->next);
    if (++streaming->next == 10) {
        assert_int_equal(troupe_cancel(self, streaming->token), 0);
    }
}

static void stream_done(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    struct streaming *streaming = user;
    streaming->error = error != NULL ? error->code : 0;
    places_done(self);
}

static void ask_stream(struct troupe_actor *self, void *user)
{
    struct streaming *streaming = user;
    struct probe_count_args args = {.to = 1000000};
    struct troupe_options options = {.ret_token = &streaming->token};
    assert_int_equal(
        probe_count_ask(self, places.probe, &args, cancel_at_ten, stream_done, user, &options), 0);
}

static void test_stream_stops_when_cancelled(void **state)
{
    (void)state;
    struct streaming streaming = {0};
    places_run(&places, ask_stream, &streaming);
    assert_int_equal(streaming.error, TROUPE_ECANCELED);
    assert_int_equal(streaming.next, 10); /* none after the cancel */
}

/* ---- blobs ---------------------------------------------------------------------------------------------- */

static void check_blob(uint32_t size, uint8_t seed)
{
    struct probe_make_args args = {.size = size, .seed = seed};
    struct probe_make_results results;
    assert_int_equal(probe_make(places.troupe, places.probe, &args, &results, NULL, NULL), 0);
    assert_int_equal(results.data.size, size);
    const void *cursor = NULL;
    struct troupe_bytes piece;
    uint32_t at = 0;
    while (troupe_blob_next(&results.data, &cursor, &piece)) {
        for (size_t i = 0; i < piece.size; i++, at++) {
            assert_int_equal(piece.data[i], (uint8_t)(at * 7 + seed));
        }
    }
    assert_int_equal(at, size);
    uint8_t *whole = malloc(size + 1);
    troupe_blob_copy(&results.data, whole);
    for (uint32_t i = 0; i < size; i += 97) {
        assert_int_equal(whole[i], (uint8_t)(i * 7 + seed));
    }
    free(whole);
    troupe_release(results.message);
}

static void test_blob_arrives_whole(void **state)
{
    (void)state;
    check_blob(0, 1);
    check_blob(1, 2);
    check_blob(TROUPE_CHUNK_BYTES_MAX, 3);
    check_blob(TROUPE_CHUNK_BYTES_MAX + 1, 4);
    check_blob(3000000, 5);
    check_blob(TROUPE_LINK_BLOB_BYTES_MAX, 6);
}

static void test_blob_in_arguments_arrives_whole(void **state)
{
    (void)state;
    size_t size = 3000001;
    uint8_t *data = malloc(size);
    memset(data, 3, size);
    struct probe_sum_args args = {.data = {.data = data, .size = size}};
    struct probe_sum_results results;
    assert_int_equal(probe_sum(places.troupe, places.probe, &args, &results, NULL, NULL), 0);
    free(data);
    assert_int_equal(results.size, size);
    assert_int_equal(results.sum, size * 3);
}

/* Rule 7: what has a blob and what has none, from one sender, mixed. */
struct mixing {
    uint32_t sums;
    uint32_t echoes;
    uint8_t *data;
};
enum { MIXED = 40, MIXED_BYTES = 200000 };

static void finish_if_mixed(struct troupe_actor *self, const struct mixing *mixing)
{
    if (mixing->sums == MIXED && mixing->echoes == MIXED) {
        places_done(self);
    }
}

static void summed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_sum_results *results)
{
    struct mixing *mixing = user;
    assert_null(error);
    assert_int_equal(results->sum, (uint64_t)MIXED_BYTES * 5);
    mixing->sums++;
    finish_if_mixed(self, mixing);
}

static void mixed_echo(struct troupe_actor *self, void *user, const struct troupe_error *error,
                       const struct probe_echo_results *results)
{
    struct mixing *mixing = user;
    assert_null(error);
    assert_int_equal(results->number, mixing->echoes);
    mixing->echoes++;
    finish_if_mixed(self, mixing);
}

static void ask_mixed(struct troupe_actor *self, void *user)
{
    struct mixing *mixing = user;
    for (uint32_t i = 0; i < MIXED; i++) {
        struct probe_sum_args sum = {.data = {.data = mixing->data, .size = MIXED_BYTES}};
        struct probe_echo_args echo = {.number = i};
        assert_int_equal(probe_sum_ask(self, places.probe, &sum, summed, user, NULL), 0);
        assert_int_equal(probe_echo_ask(self, places.probe, &echo, mixed_echo, user, NULL), 0);
    }
}

static void test_blobs_and_small_asks_mixed_all_complete(void **state)
{
    (void)state;
    struct mixing mixing = {.data = malloc(MIXED_BYTES)};
    memset(mixing.data, 5, MIXED_BYTES);
    places_run(&places, ask_mixed, &mixing);
    free(mixing.data);
}

/* Far more than a link lets wait: what is asked for comes when there is room, none of it fails, and
 * small calls go on. Blobs go the other way at the same time, as many as are taken. */
struct many {
    uint32_t asked;
    uint32_t came;
    uint32_t echoes;
    uint32_t sums;
    bool summing;
    uint8_t *data;
};
enum { MANY_BYTES = 1 << 20 };

static void sum_again(struct troupe_actor *self, struct many *many);
static void echo_again(struct troupe_actor *self, struct many *many);

static void many_finish(struct troupe_actor *self, struct many *many)
{
    if (many->came == many->asked && !many->summing) {
        places_done(self);
    }
}

static void many_made(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct probe_make_results *results)
{
    struct many *many = user;
    assert_null(error);
    assert_int_equal(results->data.size, MANY_BYTES);
    const void *cursor = NULL;
    struct troupe_bytes piece;
    assert_true(troupe_blob_next(&results->data, &cursor, &piece));
    assert_int_equal(piece.data[0],
                     (uint8_t)many->came); /* in the order in which they were asked */
    many->came++;
    many_finish(self, many);
}

static void many_summed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                        const struct probe_sum_results *results)
{
    struct many *many = user;
    assert_null(error);
    assert_int_equal(results->size, MANY_BYTES);
    many->sums++;
    many->summing = false;
    sum_again(self, many);
    many_finish(self, many);
}

static void sum_again(struct troupe_actor *self, struct many *many)
{
    struct probe_sum_args args = {.data = {.data = many->data, .size = MANY_BYTES}};
    struct troupe_options options = {.deadline_ms = 100000};
    if (many->came < many->asked) {
        many->summing = true;
        assert_int_equal(probe_sum_ask(self, places.probe, &args, many_summed, many, &options), 0);
    }
}

static void many_echo(struct troupe_actor *self, void *user, const struct troupe_error *error,
                      const struct probe_echo_results *results)
{
    struct many *many = user;
    (void)results;
    assert_null(error);
    many->echoes++;
    if (many->came < many->asked) {
        echo_again(self, many);
    }
}

static void echo_again(struct troupe_actor *self, struct many *many)
{
    struct probe_echo_args args = {.number = many->echoes};
    assert_int_equal(probe_echo_ask(self, places.probe, &args, many_echo, many, NULL), 0);
}

static void ask_thousand(struct troupe_actor *self, void *user)
{
    struct many *many = user;
    struct troupe_options options = {.deadline_ms = 100000};
    for (uint32_t i = 0; i < many->asked; i++) {
        struct probe_make_args args = {.size = MANY_BYTES, .seed = (uint8_t)i};
        assert_int_equal(probe_make_ask(self, places.probe, &args, many_made, many, &options), 0);
    }
    sum_again(self, many);
    echo_again(self, many);
}

static void test_a_thousand_blobs_asked_for_at_once_all_come(void **state)
{
    (void)state;
    struct many many = {.asked = runner_slowness() > 1 ? 50 : 1000};
    many.data = malloc(MANY_BYTES);
    memset(many.data, 5, MANY_BYTES);
    double begun = runner_now();
    places_run(&places, ask_thousand, &many);
    print_message("%u MiB in %.2f s, meanwhile %u small calls and %u blobs the other way\n",
                  many.asked, runner_now() - begun, many.echoes, many.sums);
    assert_true(many.sums > 0);
    assert_true(many.echoes > 0); /* it was asked last */
    free(many.data);
}

/* Nothing of it is sent; the error says what to do. */
static void test_blob_larger_than_its_bound_is_refused_here(void **state)
{
    (void)state;
    struct probe_sum_args args = {
        .data = {.data = (const uint8_t *)"", .size = TROUPE_LINK_BLOB_BYTES_MAX + 1}};
    struct probe_sum_results results;
    struct troupe_error error;
    struct troupe_stats before;
    struct troupe_stats after;
    troupe_stats(places.troupe, &before);
    assert_int_equal(probe_sum(places.troupe, places.probe, &args, &results, &error, NULL),
                     TROUPE_ETOOLARGE);
    assert_non_null(strstr(error.text, "4194305"));
    assert_non_null(strstr(error.text, "at most 4194304"));
    assert_non_null(strstr(error.text, "stream"));
    troupe_stats(places.troupe, &after);
    assert_int_equal(after.messages_sent, before.messages_sent);
}

static void piece_item(struct troupe_actor *self, void *user, const struct probe_pieces_item *item)
{
    uint32_t *left = user;
    const void *cursor = NULL;
    struct troupe_bytes piece;
    size_t size = 0;
    (void)self;
    while (troupe_blob_next(&item->data, &cursor, &piece)) {
        assert_int_equal(piece.data[0], (uint8_t)*left);
        size += piece.size;
    }
    assert_int_equal(size, 100000);
    (*left)--;
}

static void test_stream_of_blobs_keeps_its_order(void **state)
{
    (void)state;
    uint32_t left = 100;
    struct probe_pieces_args args = {.count = 100, .size = 100000};
    assert_int_equal(
        probe_pieces(places.troupe, places.probe, &args, piece_item, &left, NULL, NULL), 0);
    assert_int_equal(left, 0);
}

/* ---- refs ------------------------------------------------------------------------------------------------- */

static struct troupe_ref spawn_child(struct troupe_ref where)
{
    struct probe_spawn_results results;
    assert_int_equal(probe_spawn(places.troupe, where, &results, NULL, NULL), 0);
    return results.child;
}

static void test_ref_in_a_result_can_be_called(void **state)
{
    (void)state;
    struct troupe_ref child = spawn_child(places.probe);
    struct probe_tell_args args = {.number = 5};
    assert_int_equal(probe_tell(places.troupe, child, &args), 0);
    assert_int_equal(told_times(child), 1);
    assert_int_equal(told_times(places.probe), 0);
}

static void test_ref_that_comes_home_can_be_called(void **state)
{
    (void)state;
    struct troupe_ref child = spawn_child(places.other);
    struct probe_relay_args args = {.who = child, .number = 9};
    struct probe_relay_results results;
    assert_int_equal(probe_relay(places.troupe, places.other, &args, &results, NULL, NULL), 0);
    assert_int_equal(results.number, 9);
}

static void test_ref_to_a_third_process_is_refused(void **state)
{
    (void)state;
    struct troupe_ref child = spawn_child(places.probe);
    struct probe_relay_args args = {.who = child, .number = 9};
    struct probe_relay_results results;
    int error = probe_relay(places.troupe, places.other, &args, &results, NULL, NULL);
    assert_int_equal(error, places.count == 3 ? TROUPE_EREF : 0);
}

static void test_ref_to_an_ended_actor_says_down(void **state)
{
    (void)state;
    struct troupe_ref child = spawn_child(places.probe);
    assert_int_equal(probe_end(places.troupe, child, NULL, NULL), 0);
    struct probe_told_results told;
    int error;
    do { /* its end follows its answer */
        error = probe_told(places.troupe, child, &told, NULL, NULL);
    } while (error == 0);
    assert_int_equal(error, TROUPE_EDOWN);
}

struct watching {
    struct troupe_ref child;
    int why;
};

static void gone(struct troupe_actor *self, void *user, struct troupe_ref ref, int why)
{
    struct watching *watching = user;
    assert_true(troupe_ref_equal(ref, watching->child));
    watching->why = why;
    places_done(self);
}

static void ended(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    (void)user;
    assert_null(error);
}

static void watch_it(struct troupe_actor *self, void *user)
{
    struct watching *watching = user;
    assert_int_equal(troupe_watch(self, watching->child, gone, user, NULL), 0);
    assert_int_equal(probe_end_ask(self, watching->child, ended, NULL, NULL), 0);
}

static void watch_only(struct troupe_actor *self, void *user)
{
    struct watching *watching = user;
    assert_int_equal(troupe_watch(self, watching->child, gone, user, NULL), 0);
}

static void test_watch_tells_that_an_actor_ended(void **state)
{
    (void)state;
    struct watching watching = {.child = spawn_child(places.probe)};
    places_run(&places, watch_it, &watching);
    assert_int_equal(watching.why, TROUPE_EDOWN);
    watching.why = 0;
    places_run(&places, watch_only, &watching); /* it is gone already: told at once */
    assert_int_equal(watching.why, TROUPE_EDOWN);
}

/* ---- deadlines ---------------------------------------------------------------------------------------------- */

static void test_nested_ask_inherits_the_time_left(void **state)
{
    (void)state;
    struct probe_budget_of_args args = {.who = places.other};
    struct probe_budget_of_results results;
    struct troupe_options options = {.deadline_ms = 700};
    assert_int_equal(probe_budget_of(places.troupe, places.other, &args, &results, NULL, &options),
                     0);
    assert_true(results.ms <= 700);
    assert_true(results.ms > 0);
}

/* ---- asks --------------------------------------------------------------------------------------------------- */

struct asking {
    uint64_t sent;
    uint64_t done;
};

static void echoed(struct troupe_actor *self, void *user, const struct troupe_error *error,
                   const struct probe_echo_results *results)
{
    struct asking *asking = user;
    assert_null(error);
    assert_int_equal(results->number, asking->done); /* the order in which they were asked */
    if (++asking->done == asking->sent) {
        places_done(self);
    }
}

static void ask_many(struct troupe_actor *self, void *user)
{
    struct asking *asking = user;
    for (uint64_t i = 0; i < 1000; i++) {
        struct probe_echo_args args = {.number = asking->sent};
        assert_int_equal(probe_echo_ask(self, places.probe, &args, echoed, user, NULL), 0);
        asking->sent++;
    }
}

static void test_asks_complete_once_and_in_order(void **state)
{
    (void)state;
    struct asking asking = {0};
    struct troupe_stats before;
    struct troupe_stats after;
    troupe_stats(places.troupe, &before);
    places_run(&places, ask_many, &asking);
    troupe_stats(places.troupe, &after);
    assert_int_equal(asking.done, 1000);
    assert_true(after.asks_completed - before.asks_completed >= 1000);
    assert_int_equal(after.asks_open, before.asks_open);
}

/* ---- events ------------------------------------------------------------------------------------------------- */

struct listening {
    struct troupe_handler *changed;
    struct troupe_handler *newest;
    uint64_t changed_last;
    uint64_t changed_count;
    uint64_t lost;
    uint64_t newest_last;
    uint64_t want;
};

static void finish_if_all(struct troupe_actor *self, struct listening *listening)
{
    if (listening->changed_count + listening->lost == listening->want &&
        listening->newest_last == listening->want) {
        troupe_handler_disconnect(listening->changed);
        troupe_handler_disconnect(listening->newest);
        places_done(self);
    }
}

static void on_changed(struct troupe_actor *self, void *user, const struct probe_changed *event,
                       const struct troupe_event_info *info)
{
    struct listening *listening = user;
    if (event == NULL) {
        assert_int_equal(info->lost_from, listening->changed_last + 1);
        listening->lost += info->lost_to - info->lost_from + 1;
        listening->changed_last = info->lost_to;
    } else {
        assert_int_equal(event->number, info->sequence);
        assert_int_equal(info->sequence, listening->changed_last + 1);
        listening->changed_last = info->sequence;
        listening->changed_count++;
    }
    finish_if_all(self, listening);
}

static void on_newest(struct troupe_actor *self, void *user, const struct probe_newest *event,
                      const struct troupe_event_info *info)
{
    struct listening *listening = user;
    (void)info;
    assert_non_null(event);
    assert_true(event->number >= listening->newest_last);
    listening->newest_last = event->number;
    finish_if_all(self, listening);
}

static void published(struct troupe_actor *self, void *user, const struct troupe_error *error)
{
    (void)self;
    (void)user;
    assert_null(error);
}

static void listen_and_publish(struct troupe_actor *self, void *user)
{
    struct listening *listening = user;
    struct probe_publish_args args = {.times = (uint32_t)listening->want};
    assert_int_equal(probe_on_changed(self, places.probe, on_changed, user, &listening->changed),
                     0);
    assert_int_equal(probe_on_newest(self, places.probe, on_newest, user, &listening->newest), 0);
    struct troupe_options options = {
        .deadline_ms = 100000}; /* under a checker, on a busy machine */
    assert_int_equal(probe_publish_ask(self, places.probe, &args, published, NULL, &options), 0);
}

static void test_events_arrive_in_order_and_all(void **state)
{
    (void)state;
    struct listening listening = {.want = 100};
    places_run(&places, listen_and_publish, &listening);
    assert_int_equal(listening.changed_count, 100);
}

static void test_a_flood_of_events_is_received_or_told_lost(void **state)
{
    (void)state;
    struct listening listening = {.want = 20000};
    places_run(&places, listen_and_publish, &listening);
    assert_int_equal(listening.changed_count + listening.lost, 20000);
}

static void subscribe_late(struct troupe_actor *self, void *user)
{
    struct listening *listening = user;
    listening->changed_count = listening->want; /* only the newest counts here */
    assert_int_equal(probe_on_newest(self, places.probe, on_newest, user, &listening->newest), 0);
}

static void test_latest_event_comes_first_to_a_late_subscriber(void **state)
{
    (void)state;
    struct probe_publish_args args = {.times = 3};
    struct listening listening = {.want = 3};
    assert_int_equal(probe_publish(places.troupe, places.probe, &args, NULL, NULL), 0);
    places_run(&places, subscribe_late, &listening);
    assert_int_equal(listening.newest_last, 3);
}

#if defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__) /* they take ten times as long: two ways that have all parts */
#define EVERY_WAY(test)                                                               \
    {#test " [three processes]", test, places_setup_three, places_teardown, NULL},    \
    {                                                                                 \
#test " [quick, bypass, two processes]", test, places_setup_quick_bypass_two, \
            places_teardown, NULL                                                     \
    }
#else
#define EVERY_WAY(test) THREE_WAYS(test), QUICK_WAYS(test), BYPASS_WAYS(test)
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        EVERY_WAY(test_call_returns_what_the_actor_answered),
        EVERY_WAY(test_declared_error_arrives_with_its_data),
        EVERY_WAY(test_call_ends_at_its_deadline),
        EVERY_WAY(test_callee_learns_that_nobody_waits),
        EVERY_WAY(test_call_inside_an_actor_is_refused),
        EVERY_WAY(test_call_that_needs_its_own_caller_is_refused),
        EVERY_WAY(test_caller_that_does_not_wait_can_be_called_back),
        cmocka_unit_test_setup_teardown(test_gigabyte_in_pieces_lets_small_calls_pass,
                                        places_setup_two, places_teardown),
        cmocka_unit_test_setup_teardown(test_gigabyte_in_pieces_lets_small_calls_pass,
                                        places_setup_bypass_two, places_teardown),
        EVERY_WAY(test_handler_that_forgets_to_answer_fails_the_call),
        EVERY_WAY(test_value_out_of_bounds_is_not_sent),
        EVERY_WAY(test_deferred_answer_comes_later),
        EVERY_WAY(test_cancel_follows_a_forwarded_call),
        EVERY_WAY(test_forwarded_call_is_answered_by_another),
        EVERY_WAY(test_secret_arrives),
        EVERY_WAY(test_tells_arrive_all),
        EVERY_WAY(test_stream_brings_every_item_in_order),
        EVERY_WAY(test_sync_call_between_the_items_of_a_stream),
        EVERY_WAY(test_forwarded_stream_goes_on_beyond_its_window),
        EVERY_WAY(test_stream_stops_when_cancelled),
        EVERY_WAY(test_blob_arrives_whole),
        EVERY_WAY(test_blob_in_arguments_arrives_whole),
        EVERY_WAY(test_blobs_and_small_asks_mixed_all_complete),
        EVERY_WAY(test_stream_of_blobs_keeps_its_order),
        cmocka_unit_test_setup_teardown(test_a_thousand_blobs_asked_for_at_once_all_come,
                                        places_setup_two, places_teardown),
        cmocka_unit_test_setup_teardown(test_a_thousand_blobs_asked_for_at_once_all_come,
                                        places_setup_bypass_two, places_teardown),
        EVERY_WAY(test_blob_larger_than_its_bound_is_refused_here),
        EVERY_WAY(test_ref_in_a_result_can_be_called),
        EVERY_WAY(test_ref_that_comes_home_can_be_called),
        EVERY_WAY(test_ref_to_a_third_process_is_refused),
        EVERY_WAY(test_ref_to_an_ended_actor_says_down),
        EVERY_WAY(test_watch_tells_that_an_actor_ended),
        EVERY_WAY(test_nested_ask_inherits_the_time_left),
        EVERY_WAY(test_asks_complete_once_and_in_order),
        EVERY_WAY(test_events_arrive_in_order_and_all),
        EVERY_WAY(test_a_flood_of_events_is_received_or_told_lost),
        EVERY_WAY(test_latest_event_comes_first_to_a_late_subscriber),
    };
    if (runner_in_valgrind()) { /* minutes; the sanitizers see all of them */
        cmocka_set_skip_filter("*, *");
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
