/* Reads the clock and /proc; keeps the histogram. */
#include "bench/measure.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static unsigned slot_of(uint64_t ns)
{
    if (ns < HIST_FINE)
        return (unsigned)ns;
    unsigned log = 63 - (unsigned)__builtin_clzll(ns);
    return (log - 2) * HIST_FINE + (unsigned)(ns >> (log - 3) & (HIST_FINE - 1));
}

static uint64_t edge_of(unsigned slot)
{
    if (slot < HIST_FINE)
        return slot;
    unsigned log = slot / HIST_FINE + 2;
    return (HIST_FINE + slot % HIST_FINE + 1ull) << (log - 3);
}

void hist_add(struct hist *h, uint64_t ns)
{
    h->slot[slot_of(ns)]++;
    h->n++;
}

uint64_t hist_quantile(const struct hist *h, double share)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_SLOTS && h->n; i++) {
        seen += h->slot[i];
        if ((double)seen >= share * (double)h->n)
            return edge_of(i);
    }
    return 0;
}

uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t ticks(unsigned long long n)
{
    return n * (1000000000ull / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static void read_cpu(struct usage *ret, int cpu)
{
    char line[512], want[16];
    unsigned long long user, nice, sys, idle, wait, irq, soft, steal;
    FILE *f = fopen("/proc/stat", "r");
    size_t n = (size_t)snprintf(want, sizeof want, "cpu%d ", cpu);
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, want, n) != 0)
            continue;
        if (sscanf(line + n, "%llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys, &idle,
                   &wait, &irq, &soft, &steal) == 8) {
            ret->cpu_busy = ticks(user + nice + sys + irq + soft);
            ret->cpu_steal = ticks(steal);
        }
    }
    if (f)
        fclose(f);
}

static void read_process(struct usage *ret, int pid)
{
    char path[64], line[1024];
    unsigned long long user, sys, pages;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(line, sizeof line, f)) {
        const char *rest = strrchr(line, ')'); /* behind the name, which may hold anything */
        if (rest && sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                           &sys) == 2)
            ret->process = ticks(user + sys);
    }
    if (f)
        fclose(f);
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    f = fopen(path, "r");
    if (f && fscanf(f, "%*u %llu", &pages) == 1)
        ret->rss = pages * (unsigned long long)sysconf(_SC_PAGESIZE);
    if (f)
        fclose(f);
}

void usage_read(struct usage *ret, int cpu, int pid)
{
    memset(ret, 0, sizeof *ret);
    read_cpu(ret, cpu);
    if (pid > 0)
        read_process(ret, pid);
    ret->at = now_ns();
}
