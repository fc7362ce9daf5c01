/* The heap behind two counters. They are mutable file-scope state: tests need them in every program
 * that links it, and a context argument would reach every allocation. */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

static _Atomic int64_t fail_in = -1; /* successes left before the one failure, below 0 = never */
static _Atomic int64_t live;

#if MEM_IS_WATCHED
static void *take(size_t n)
{
    return calloc(1, n);
}

static size_t size_of(void *p)
{
    return malloc_usable_size(p);
}

static void give(void *p)
{
    explicit_bzero(p, malloc_usable_size(p));
    free(p);
}
#else
static void *take(size_t n)
{
    return pool_take(n);
}

static size_t size_of(void *p)
{
    return pool_size(p);
}

static void give(void *p)
{
    pool_give(p);
}
#endif

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
    void *p = take(n ? n : 1);
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void mem_free(void *p)
{
    if (!p)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    give(p);
}

void mem_free_wiped(void *p, size_t n)
{
    (void)n;
    mem_free(p);
}

void *mem_realloc(void *p, size_t n)
{
    if (!p)
        return mem_zalloc(n);
    if (n == 0) {
        mem_free(p);
        return NULL;
    }
    size_t has = size_of(p);
    if (n <= has && n > has / 2) {
        explicit_bzero((uint8_t *)p + n, has - n);
        return p;
    }
    void *to = mem_zalloc(n);
    if (!to)
        return NULL;
    memcpy(to, p, n < has ? n : has);
    mem_free(p);
    return to;
}

/* The frames are deeper than the caller's only if these are calls. */
__attribute__((noinline)) static void wipe_answer(void)
{
    uint8_t below[MEM_STACK_ANSWER];
    explicit_bzero(below, sizeof below);
}

__attribute__((noinline)) static void wipe_handshake(void)
{
    uint8_t below[MEM_STACK_HANDSHAKE];
    explicit_bzero(below, sizeof below);
}

void mem_wipe_stack(enum mem_stack n)
{
    if (n == MEM_STACK_HANDSHAKE)
        wipe_handshake();
    else
        wipe_answer();
}

void mem_fail_after(int64_t n)
{
    atomic_store_explicit(&fail_in, n, memory_order_relaxed);
}

int64_t mem_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}
