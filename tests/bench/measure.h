/* What is counted: time, processor ticks, memory, a histogram of delays. */
#ifndef TESTS_BENCH_MEASURE_H
#define TESTS_BENCH_MEASURE_H

#include <stdint.h>

/* Slots per power of two, so that an edge is off by 1.6 % at most. */
enum { HIST_LOG = 6, HIST_FINE = 1 << HIST_LOG, HIST_SLOTS = (65 - HIST_LOG) * HIST_FINE };

/* Nanoseconds. */
struct hist {
    uint64_t slot[HIST_SLOTS];
    uint64_t n;
};

void hist_add(struct hist *h, uint64_t ns);
/* Upper edge of the slot that holds the share (0 to 1); 0 when empty. */
uint64_t hist_quantile(const struct hist *h, double share);

uint64_t now_ns(void);

/* Whose costs are read. */
struct subjects {
    int cpu;             /* the server's processor */
    int pid;             /* the server, 0 = none */
    const char *threads; /* the kernel's that receive for it, "17,18", NULL = none */
};

/* Nanoseconds so far. */
struct usage {
    uint64_t cpu_busy; /* user, nice, system, irq, softirq of the processor, by its tick */
    uint64_t cpu_steal;
    uint64_t process; /* on a processor, as the scheduler counts; children not included */
    uint64_t kernel;  /* the same of the threads that receive */
    uint64_t rss;     /* bytes */
    uint64_t left;    /* packets the server's namespace has sent, also those that found no room */
    uint64_t at;
};

void usage_read(struct usage *ret, const struct subjects *of);

#endif
