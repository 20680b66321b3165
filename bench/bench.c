/* bench.c - see bench.h: the clock, the arithmetic of samples, and a count of allocations. */
#include "bench/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

uint64_t bench_percentile(uint64_t *samples, size_t count, unsigned percent)
{
    qsort(samples, count, sizeof *samples, compare_u64);
    size_t rank = (count * percent + 99) / 100;
    return samples[rank > 0 ? rank - 1 : 0];
}

static int compare_double(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_double);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double bench_median(const struct bench_line *line, size_t rounds)
{
    double values[BENCH_ROUNDS_MAX];
    memcpy(values, line->rounds, rounds * sizeof values[0]);
    return median(values, rounds);
}

double bench_ratio(const struct bench_line *line, const struct bench_line *reference, size_t rounds)
{
    double ratios[BENCH_ROUNDS_MAX] = {0};
    for (size_t i = 0; i < rounds; i++)
        ratios[i] = line->rounds[i] / reference->rounds[i];
    return median(ratios, rounds);
}

/* ---- allocations ----------------------------------------------------------------------------- */

static _Thread_local uint64_t allocations;

uint64_t bench_allocations(void)
{
    return allocations;
}

/* This program's own malloc, which counts and hands on to glibc's. A sanitizer brings its own. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *data, size_t size)
{
    allocations++;
    return __libc_realloc(data, size);
}
#endif
