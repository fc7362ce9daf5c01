/* What is counted: time, processor ticks, memory, a histogram of delays. */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <stdint.h>

enum { HIST_FINE = 8, HIST_SLOTS = 64 * HIST_FINE };

/* Eight slots per power of two, nanoseconds. */
struct hist {
    uint64_t slot[HIST_SLOTS];
    uint64_t n;
};

void hist_add(struct hist *h, uint64_t ns);
/* Upper edge of the slot that holds the share (0 to 1); 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double share);

uint64_t now_ns(void);

/* Nanoseconds so far. busy: user, nice, system, irq, softirq of one processor. */
struct usage {
    uint64_t cpu_busy;
    uint64_t cpu_steal;
    uint64_t process;
    uint64_t rss; /* bytes */
    uint64_t at;
};

void usage_read(struct usage *ret, int cpu, int pid);

#endif
