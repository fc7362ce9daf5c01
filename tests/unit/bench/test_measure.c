/* The histogram that latencies are read from: its edges, and its quantiles beside sorted values. */
#include "bench/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { VALUES = 5000 };

static struct hist *new_hist(void)
{
    struct hist *h = calloc(1, sizeof *h);
    assert_non_null(h);
    return h;
}

static void test_empty(void **state)
{
    (void)state;
    struct hist *h = new_hist();
    assert_int_equal(hist_quantile(h, 0.5), 0);
    free(h);
}

static void test_small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t ns = 0; ns < HIST_FINE; ns++) {
        struct hist *h = new_hist();
        hist_add(h, ns);
        assert_int_equal(hist_quantile(h, 1), ns);
        free(h);
    }
}

static void check_edge(uint64_t ns)
{
    struct hist *h = new_hist();
    hist_add(h, ns);
    uint64_t edge = hist_quantile(h, 1);
    assert_true(edge >= ns);
    assert_true(edge - ns <= ns / HIST_FINE);
    free(h);
}

/* Each value's edge is not below it and at most 1/64 above it, up to the largest there is. */
static void test_edges(void **state)
{
    (void)state;
    for (unsigned log = 0; log < 64; log++)
        for (uint64_t part = 0; part < 16; part++) {
            uint64_t base = UINT64_C(1) << log, ns = base + (base >> 4) * part;
            check_edge(ns - 1);
            check_edge(ns);
            check_edge(ns + 1);
        }
    check_edge(UINT64_MAX);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_quantiles(void **state)
{
    (void)state;
    static const double SHARES[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};
    struct hist *h = new_hist();
    uint64_t *values = calloc(VALUES, sizeof *values), seed = 42;
    assert_non_null(values);
    for (size_t i = 0; i < VALUES; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        values[i] = seed >> (24 + (seed >> 60)); /* over many powers of two */
        hist_add(h, values[i]);
    }
    qsort(values, VALUES, sizeof *values, by_size);
    for (size_t i = 0; i < sizeof SHARES / sizeof SHARES[0]; i++) {
        size_t rank = (size_t)(SHARES[i] * VALUES + 0.5);
        uint64_t exact = values[rank ? rank - 1 : 0], found = hist_quantile(h, SHARES[i]);
        assert_true(found >= exact);
        assert_true(found - exact <= exact / HIST_FINE);
    }
    free(values);
    free(h);
}

/* What a process has used only grows, and belongs to somebody who exists. */
static void test_usage(void **state)
{
    (void)state;
    struct usage a, b;
    struct subjects none = {.cpu = 0};
    struct subjects init = {.cpu = 0, .pid = 1, .threads = "1,999999999"};
    usage_read(&a, &none);
    assert_true(a.process == 0 && a.kernel == 0 && a.rss == 0 && a.cpu_busy > 0);
    usage_read(&a, &init);
    usage_read(&b, &init);
    assert_true(a.process > 0 && a.kernel > 0 && a.rss > 0);
    assert_true(b.process >= a.process && b.at > a.at && b.cpu_busy >= a.cpu_busy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty), cmocka_unit_test(test_small_values_are_exact),
        cmocka_unit_test(test_edges), cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
