/* The threads that share the signatures of a block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/node/crew.h"
#include "test/support/runner.h"

enum { PIECES = 3000 };

struct job {
    atomic_int done[PIECES];
    atomic_int together; /* pieces being done now */
    atomic_int most;     /* and the most there ever were */
    const size_t *bad;   /* pieces that fail */
    size_t bad_count;
};

static int do_piece(void *user, size_t index, struct btc_error *err)
{
    struct job *job = user;
    int now = atomic_fetch_add(&job->together, 1) + 1;
    int most = atomic_load(&job->most);
    while (now > most && !atomic_compare_exchange_weak(&job->most, &most, now))
        ;
    for (volatile int i = 0; i < 2000; i++)
        ;
    atomic_fetch_add(&job->done[index], 1);
    atomic_fetch_sub(&job->together, 1);
    for (size_t i = 0; i < job->bad_count; i++)
        if (index == job->bad[i])
            return btc_fail(err, i % 2 == 0 ? BTC_EINVALID : BTC_ENOMEM, "piece %zu", index);
    return 0;
}

static struct crew *crew_of(size_t threads)
{
    struct crew *crew = NULL;
    struct btc_error err;
    if (crew_open(threads, &crew, &err) != 0)
        fail_msg("%s", err.text);
    return crew;
}

static void every_piece_is_done_once(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= CREW_THREADS_MAX; threads += 5) {
        struct crew *crew = crew_of(threads);
        for (size_t count = 0; count < PIECES; count += 1 + count / 2) {
            struct job job = {0};
            assert_int_equal(crew_run(crew, count, do_piece, &job, NULL), 0);
            for (size_t i = 0; i < PIECES; i++)
                assert_int_equal(job.done[i], i < count);
            assert_int_equal(job.together, 0);
            assert_in_range(job.most, 0, threads);
        }
        crew_close(crew);
    }
}

static void first_failure_in_order_is_told(void **state)
{
    (void)state;
    static const size_t bad[] = {2900, 1234, 1235, 77, 76, 2000};
    struct crew *crews[] = {crew_of(1), crew_of(2), crew_of(7)};
    for (int round = 0; round < (runner_in_valgrind() ? 12 : 200); round++) {
        struct job job = {.bad = bad, .bad_count = (size_t)(round % 6 + 1)};
        struct btc_error err = {0};
        int rc = crew_run(crews[round % 3], PIECES, do_piece, &job, &err);
        static const struct {
            int code;
            const char *text;
            size_t index;
        } due[] = {{BTC_EINVALID, "piece 2900", 2900}, {BTC_ENOMEM, "piece 1234", 1234},
                   {BTC_ENOMEM, "piece 1234", 1234},   {BTC_ENOMEM, "piece 77", 77},
                   {BTC_EINVALID, "piece 76", 76},     {BTC_EINVALID, "piece 76", 76}};
        assert_int_equal(rc, due[round % 6].code);
        assert_int_equal(err.code, rc);
        assert_string_equal(err.text, due[round % 6].text);
        for (size_t i = 0; i < PIECES; i++)
            assert_true(job.done[i] == 1 || (job.done[i] == 0 && i > due[round % 6].index));
    }
    for (size_t i = 0; i < 3; i++)
        crew_close(crews[i]);
}

static void crews_are_bounded(void **state)
{
    (void)state;
    struct crew *crew = NULL;
    struct btc_error err;
    assert_in_range(crew_threads(), 1, CREW_THREADS_MAX);
    assert_int_equal(crew_open(0, &crew, &err), BTC_EUSAGE);
    assert_int_equal(crew_open(CREW_THREADS_MAX + 1, &crew, &err), BTC_EUSAGE);
    assert_string_equal(err.text, "a crew has 1 to 16 threads, not 17");
    assert_null(crew);
    crew_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_is_done_once),
        cmocka_unit_test(first_failure_in_order_is_told),
        cmocka_unit_test(crews_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
