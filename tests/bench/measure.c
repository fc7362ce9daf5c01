/* Reads the clock and /proc; keeps the histogram. */
#include "bench/measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static unsigned slot_of(uint64_t ns)
{
    if (ns < HIST_FINE)
        return (unsigned)ns;
    unsigned log = 63 - (unsigned)__builtin_clzll(ns);
    return (log - HIST_LOG + 1) * HIST_FINE + (unsigned)(ns >> (log - HIST_LOG) & (HIST_FINE - 1));
}

static uint64_t edge_of(unsigned slot)
{
    if (slot < HIST_FINE)
        return slot;
    unsigned log = slot / HIST_FINE + HIST_LOG - 1;
    uint64_t first = HIST_FINE + slot % HIST_FINE;
    return (first << (log - HIST_LOG)) + ((UINT64_C(1) << (log - HIST_LOG)) - 1);
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

/* The scheduler's own count in nanoseconds; the tick's is too coarse for a window of seconds. */
static uint64_t run_time(const char *path)
{
    unsigned long long ns = 0;
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%llu", &ns) != 1)
        ns = 0;
    if (f)
        fclose(f);
    return ns;
}

static void read_process(struct usage *ret, int pid)
{
    char path[320];
    unsigned long long pages;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, e->d_name);
        if (e->d_name[0] != '.')
            ret->process += run_time(path);
    }
    if (d)
        closedir(d);
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*u %llu", &pages) == 1)
        ret->rss = pages * (unsigned long long)sysconf(_SC_PAGESIZE);
    if (f)
        fclose(f);
}

/* Packets that left through the links, and those that a link's full ring turned away. */
static uint64_t packets_left(int pid)
{
    char path[64], line[512];
    unsigned long long sent, dropped;
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/%d/net/dev", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strchr(line, ':');
        if (colon && !strstr(line, " lo:") &&
            sscanf(colon + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %llu %*u %llu", &sent,
                   &dropped) == 2)
            sum += sent + dropped;
    }
    if (f)
        fclose(f);
    return sum;
}

static void read_threads(struct usage *ret, const char *list)
{
    char path[64];
    char *rest;
    for (const char *at = list; at && *at; at = *rest == ',' ? rest + 1 : rest) {
        long pid = strtol(at, &rest, 10);
        if (rest == at)
            return;
        snprintf(path, sizeof path, "/proc/%ld/schedstat", pid);
        ret->kernel += run_time(path);
    }
}

void usage_read(struct usage *ret, const struct subjects *of)
{
    memset(ret, 0, sizeof *ret);
    read_cpu(ret, of->cpu);
    if (of->pid > 0) {
        read_process(ret, of->pid);
        ret->left = packets_left(of->pid);
    }
    read_threads(ret, of->threads);
    ret->at = now_ns();
}
