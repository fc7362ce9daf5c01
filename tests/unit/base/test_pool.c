/* Memory of our own: sizes, zeroes, what is overwritten, what the kernel was asked for. */
#include "base/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LARGEST_IN_SLAB = 21792, ALIGN = 16 };

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static void test_every_size_fits_and_little_is_wasted(void **state)
{
    (void)state;
    for (size_t n = 1; n < 70000; n += n < 2000 ? 1 : 37) {
        uint8_t *p = pool_take(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % ALIGN, 0);
        assert_in_range(pool_size(p), n, n <= LARGEST_IN_SLAB ? n + n / 4 + ALIGN : n + 2 * 4096);
        assert_true(is_zero(p, pool_size(p)));
        memset(p, 0xa5, pool_size(p));
        pool_give(p);
    }
}

/* Blocks come back in any order, many are alive; none overlap, all are zeroes. */
static void test_a_crowd(void **state)
{
    enum { CROWD = 4000, STEPS = 200000 };
    static struct held {
        uint8_t *p;
        size_t n;
    } held[CROWD];
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        struct held *h = &held[(seed >> 8) % CROWD];
        if (h->p) {
            for (size_t at = 0; at < h->n; at++)
                assert_int_equal(h->p[at], (uint8_t)(h - held));
            pool_give(h->p);
            h->p = NULL;
            continue;
        }
        h->n = (seed >> 20) % (i % 50 == 0 ? 40000 : 700) + 1;
        h->p = pool_take(h->n);
        assert_true(is_zero(h->p, pool_size(h->p)));
        h->n = pool_size(h->p);
        memset(h->p, (uint8_t)(h - held), h->n);
    }
    for (size_t i = 0; i < CROWD; i++) {
        if (held[i].p)
            pool_give(held[i].p);
    }
}

/* The neighbour keeps the slab, so the memory can still be looked at. But for the link in its first
 * bytes nothing is left. */
static void test_what_is_freed_is_overwritten(void **state)
{
    static const size_t sizes[] = {24, 200, 1000, 1500, 17000};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *neighbour = pool_take(sizes[i]);
        uint8_t *p = pool_take(sizes[i]);
        size_t n = pool_size(p);
        memset(p, 0x5a, n);
        pool_give(p);
        assert_true(is_zero(p + sizeof(void *), n - sizeof(void *)));
        pool_give(neighbour);
    }
}

static void flags_of(const void *p, char *ret, size_t n)
{
    char line[512];
    FILE *f = fopen("/proc/self/smaps", "r");
    bool inside = false;

    assert_non_null(f);
    *ret = '\0';
    while (fgets(line, sizeof line, f)) {
        char *end;
        uintptr_t first = strtoul(line, &end, 16);
        if (end != line && *end == '-')
            inside = (uintptr_t)p >= first && (uintptr_t)p < strtoul(end + 1, NULL, 16);
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(ret, n, "%s", line);
    }
    fclose(f);
}

static void test_pages_are_guarded(void **state)
{
    static const size_t sizes[] = {100, 100000};
    char flags[512];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        void *p = pool_take(sizes[i]);
        flags_of(p, flags, sizeof flags);
        assert_non_null(strstr(flags, " dd")); /* not in core dumps */
        assert_non_null(strstr(flags, " wf")); /* not in children */
        pool_give(p);
    }
}

static void test_a_child_sees_nothing(void **state)
{
    int *p = pool_take(sizeof *p);
    int status;

    (void)state;
    *p = 42;
    pid_t child = fork();
    if (child == 0)
        _exit(*p);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(*p, 42);
    pool_give(p);
}

static long locked_or_mapped(const char *what)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");

    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, what, strlen(what)) == 0)
            kib = strtol(line + strlen(what) + 1, NULL, 10);
    }
    fclose(f);
    return kib;
}

static void test_empty_regions_go_back(void **state)
{
    enum { MANY = 40000, SIZE = 1000, KIB = 1024 };
    static void *held[MANY];

    (void)state;
    long before = locked_or_mapped("VmSize");
    for (size_t i = 0; i < MANY; i++)
        held[i] = pool_take(SIZE);
    assert_true(locked_or_mapped("VmSize") > before + 30 * KIB);
    for (size_t i = 0; i < MANY; i++)
        pool_give(held[i]);
    assert_true(locked_or_mapped("VmSize") < before + 4 * KIB);
}

static void *churn(void *arg)
{
    const size_t n = *(const size_t *)arg;

    for (int i = 0; i < 20000; i++) {
        uint8_t *p = pool_take(n + (size_t)i % 300);
        uint8_t *q = pool_take(n);
        memset(p, 1, n);
        memset(q, 2, n);
        if (p[0] != 1 || p[n - 1] != 1)
            return arg;
        pool_give(p);
        pool_give(q);
    }
    return NULL;
}

static void test_threads(void **state)
{
    static const size_t sizes[] = {40, 40, 1100, 20000};
    pthread_t threads[4];
    void *failed;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)&sizes[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void test_more_than_there_is(void **state)
{
    (void)state;
    assert_null(pool_take(SIZE_MAX));
    assert_null(pool_take(SIZE_MAX - 4096));
    assert_null(pool_take(SIZE_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size_fits_and_little_is_wasted),
        cmocka_unit_test(test_a_crowd),
        cmocka_unit_test(test_what_is_freed_is_overwritten),
        cmocka_unit_test(test_pages_are_guarded),
        cmocka_unit_test(test_a_child_sees_nothing),
        cmocka_unit_test(test_empty_regions_go_back),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
