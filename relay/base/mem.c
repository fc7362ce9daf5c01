/* The heap behind two counters. They are the only mutable file-scope state of the room: tests need
 * them in every program that links it, and a context argument would reach every allocation. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t fail_in = -1; /* successes left before the one failure, below 0 = never */
static _Atomic int64_t live;

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_in, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub_explicit(&fail_in, 1, memory_order_relaxed) == 0;
}

void *mem_zalloc(size_t n)
{
    if (must_fail())
        return NULL;
    void *p = calloc(1, n ? n : 1);
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void mem_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(p);
}

void mem_free_wiped(void *p, size_t n)
{
    if (p)
        explicit_bzero(p, n);
    mem_free(p);
}

void mem_fail_after(int64_t n)
{
    atomic_store_explicit(&fail_in, n, memory_order_relaxed);
}

int64_t mem_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}
