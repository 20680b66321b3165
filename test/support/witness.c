#include "test/support/witness.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { CPUS_MAX = 64, REST_US = 20000, LATE_US = 500000 };

static struct {
    atomic_ullong seen_us;  /* when it last ran; 0: there is none on this CPU */
    atomic_ullong stood_us; /* all that it had to wait for longer than LATE_US */
} witnesses[CPUS_MAX];

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static uint64_t late_us(uint64_t since_us)
{
    uint64_t now = now_us();
    return now > since_us + LATE_US ? now - since_us : 0;
}

static void *witness(void *argument)
{
    size_t cpu = (size_t)argument;
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(cpu, &here);
    sched_setaffinity(0, sizeof here, &here);
    for (;;) {
        nanosleep(&(struct timespec){.tv_nsec = REST_US * 1000L}, NULL);
        atomic_fetch_add(&witnesses[cpu].stood_us, late_us(atomic_load(&witnesses[cpu].seen_us)));
        atomic_store(&witnesses[cpu].seen_us, now_us());
    }
    return NULL;
}

void witness_call(void)
{
    static bool called;
    cpu_set_t ours;
    CPU_ZERO(&ours);
    sched_getaffinity(0, sizeof ours, &ours);
    for (size_t cpu = 0; cpu < CPUS_MAX && !called; cpu++) {
        pthread_t thread;
        if (!CPU_ISSET(cpu, &ours)) {
            continue;
        }
        atomic_store(&witnesses[cpu].seen_us, now_us());
        if (pthread_create(&thread, NULL, witness, (void *)cpu) == 0) {
            pthread_detach(thread);
        } else {
            atomic_store(&witnesses[cpu].seen_us, 0);
        }
    }
    called = true;
}

double witness_stood(void)
{
    uint64_t most = 0;
    for (size_t cpu = 0; cpu < CPUS_MAX; cpu++) {
        uint64_t seen = atomic_load(&witnesses[cpu].seen_us);
        uint64_t stood = atomic_load(&witnesses[cpu].stood_us) + (seen != 0 ? late_us(seen) : 0);
        most = stood > most ? stood : most;
    }
    return (double)most * 1e-6;
}
