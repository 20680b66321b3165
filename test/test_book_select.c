/* Coin selection, against all subsets where there are few coins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "actors/wallet/select.h"

enum { FEW = 12, MANY = 3000 };

static uint64_t state_of_random;

static int64_t random_below(int64_t limit)
{
    return (int64_t)(select_random(&state_of_random) % (uint64_t)limit);
}

static int64_t sum_of(const struct select_task *task, const bool *picks, size_t *ret_count)
{
    int64_t sum = 0;
    *ret_count = 0;
    for (size_t i = 0; i < task->count; i++) {
        sum += picks[i] ? task->values[i] : 0;
        *ret_count += picks[i];
    }
    return sum;
}

/* The least sum of a subset from the target on; INT64_MAX for none. */
static int64_t least_of_all(const struct select_task *task)
{
    int64_t least = INT64_MAX;
    for (unsigned set = 0; set < 1u << task->count; set++) {
        int64_t sum = 0;
        for (size_t i = 0; i < task->count; i++)
            sum += set >> i & 1 ? task->values[i] : 0;
        if ((size_t)__builtin_popcount(set) <= task->pick_max && sum >= task->target && sum < least)
            least = sum;
    }
    return least;
}

static struct select_task random_task(int64_t *values)
{
    struct select_task task = {.values = values, .count = (size_t)random_below(FEW + 1)};
    int64_t scale = 2 + random_below(3) * random_below(1000); /* often many of one value */
    int64_t total = 0;
    for (size_t i = 0; i < task.count; i++)
        total += values[i] = 1 + random_below(scale);
    task.pick_max = (size_t)random_below(4) == 0 ? 1 + (size_t)random_below(FEW) : FEW;
    task.target = 1 + random_below(total + 2);
    task.excess_max = random_below(scale / 8 + 1);
    task.change_need = random_below(scale);
    task.seed = select_random(&state_of_random);
    return task;
}

static void the_set_without_change_is_the_best_of_all_subsets(void **state)
{
    int64_t values[FEW];
    bool picks[FEW];
    int found = 0;
    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct select_task task = random_task(values);
        size_t count;
        int64_t least = least_of_all(&task);
        int rc = select_exact(&task, picks);
        int64_t sum = sum_of(&task, picks, &count);
        if (least > task.target + task.excess_max) {
            assert_int_equal(rc, SELECT_NONE);
            continue;
        }
        found++;
        assert_int_equal(rc, 0);
        assert_int_equal(sum, least);
        assert_true(count <= task.pick_max);
    }
    assert_true(found > 150 && found < 1450);
}

static void whatever_is_enough_is_found(void **state)
{
    int64_t values[FEW];
    bool picks[FEW];
    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct select_task task = random_task(values);
        size_t count;
        int rc = select_coins(&task, picks);
        int64_t sum = sum_of(&task, picks, &count);
        if (least_of_all(&task) == INT64_MAX) {
            assert_int_equal(rc, SELECT_NONE);
            continue;
        }
        assert_int_equal(rc, 0);
        assert_true(sum >= task.target);
        assert_true(count <= task.pick_max);
    }
}

static void many_coins_take_a_bounded_time(void **state)
{
    static int64_t values[MANY];
    static bool picks[MANY];
    struct timespec start;
    struct timespec end;
    struct select_task task = {.values = values, .count = MANY, .pick_max = 1000};
    size_t count;
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        values[i] = 1000000 + 2 * random_below(100000); /* no odd sum: the search is in vain */
    task.target = 500 * 1100000 + 1;
    task.change_need = 1000;
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(select_coins(&task, picks), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(sum_of(&task, picks, &count) >= task.target + task.change_need);
    print_message("%d coins: %.1f ms\n", MANY,
                  (double)(end.tv_sec - start.tv_sec) * 1e3 +
                      (double)(end.tv_nsec - start.tv_nsec) / 1e6);
    task.pick_max = 3;
    assert_int_equal(select_coins(&task, picks), SELECT_NONE);
}

static void another_seed_draws_other_coins(void **state)
{
    int64_t values[FEW];
    bool first[FEW];
    bool picks[FEW];
    int different = 0;
    struct select_task task = {
        .values = values, .count = FEW, .pick_max = FEW, .target = 250, .change_need = 10};
    (void)state;
    for (size_t i = 0; i < FEW; i++)
        values[i] = 100;
    assert_int_equal(select_enough(&task, first), 0);
    for (task.seed = 1; task.seed < 20; task.seed++) {
        size_t count;
        assert_int_equal(select_enough(&task, picks), 0);
        assert_int_equal(sum_of(&task, picks, &count), 300);
        different += memcmp(picks, first, sizeof(picks)) != 0;
    }
    assert_true(different > 10);
}

static int seed_random(void **state)
{
    (void)state;
    state_of_random = (uint64_t)time(NULL);
    print_message("seed %llu\n", (unsigned long long)state_of_random);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_without_change_is_the_best_of_all_subsets),
        cmocka_unit_test(whatever_is_enough_is_found),
        cmocka_unit_test(many_coins_take_a_bounded_time),
        cmocka_unit_test(another_seed_draws_other_coins),
    };
    return cmocka_run_group_tests_name("book_select", tests, seed_random, NULL);
}
