/* Quotas: counting, limits, lifetime of entries, meters. */
#include "turn/quota.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t KEY[16] = {3, 1, 4};

static void counts_and_limits(void **state)
{
    (void)state;
    struct quota *q = quota_new(8, KEY);
    struct span anna = span_text("anna");
    struct span bert = span_text("bert");
    bool full = true;
    struct quota_entry *a = quota_take(q, anna, 2, &full);
    assert_non_null(a);
    assert_false(full);
    assert_ptr_equal(quota_take(q, anna, 2, &full), a);
    assert_int_equal(quota_count(a), 2);
    assert_null(quota_take(q, anna, 2, &full));
    assert_true(full);
    struct quota_entry *b = quota_take(q, bert, 2, &full);
    assert_non_null(b);
    assert_false(full);
    assert_ptr_not_equal(a, b);
    assert_int_equal(quota_live(q), 2);
    /* A limit lowered by a reload takes nothing away. */
    assert_null(quota_take(q, anna, 1, &full));
    assert_true(full);
    assert_ptr_equal(quota_take(q, anna, 0, &full), a);
    quota_give(q, a);
    quota_give(q, a);
    assert_ptr_equal(quota_take(q, anna, 2, &full), a);
    quota_give(q, a);
    quota_give(q, a);
    assert_int_equal(quota_live(q), 1);
    quota_give(q, b);
    quota_give(q, NULL);
    assert_int_equal(quota_live(q), 0);
    quota_free(q);
}

/* More keys than buckets, none taken for another, the empty key being one as well. */
static void many_keys(void **state)
{
    (void)state;
    enum { N = 5000 };
    static struct quota_entry *e[N];
    struct quota *q = quota_new(16, KEY);
    bool full;
    char name[16];
    for (unsigned i = 0; i < N; i++) {
        size_t n = i == 0 ? 0 : (size_t)snprintf(name, sizeof(name), "user-%u", i);
        e[i] = quota_take(q, span_of(name, n), 1, &full);
        assert_non_null(e[i]);
    }
    assert_int_equal(quota_live(q), N);
    for (unsigned i = 1; i < N; i++) {
        size_t n = (size_t)snprintf(name, sizeof(name), "user-%u", i);
        assert_null(quota_take(q, span_of(name, n), 1, &full));
        assert_true(full);
    }
    for (unsigned i = 0; i < N; i++)
        quota_give(q, e[i]);
    assert_int_equal(quota_live(q), 0);
    quota_free(q);
}

static void out_of_memory(void **state)
{
    (void)state;
    int64_t before = mem_live();
    for (int64_t i = 0; i < 2; i++) {
        mem_fail_after(i);
        assert_null(quota_new(8, KEY));
    }
    mem_fail_after(-1);
    struct quota *q = quota_new(8, KEY);
    bool full = true;
    mem_fail_after(0);
    assert_null(quota_take(q, span_text("anna"), 1, &full));
    assert_false(full);
    assert_int_equal(quota_live(q), 0);
    struct quota_entry *e = quota_take(q, span_text("anna"), 1, &full);
    assert_non_null(e);
    quota_give(q, e);
    quota_free(q);
    quota_free(NULL);
    assert_int_equal(mem_live(), before);
}

static void meter_is_shared(void **state)
{
    (void)state;
    struct quota *q = quota_new(8, KEY);
    bool full;
    struct quota_entry *a = quota_take(q, span_text("anna"), 0, &full);
    struct quota_entry *again = quota_take(q, span_text("anna"), 0, &full);
    assert_true(rate_take(quota_rate(a), 1000, 65536, 0));
    assert_false(rate_take(quota_rate(again), 1000, 1, 0));
    quota_give(q, a);
    quota_give(q, again);
    /* Forgotten with its last holder. */
    a = quota_take(q, span_text("anna"), 0, &full);
    assert_true(rate_take(quota_rate(a), 1000, 65536, 0));
    quota_give(q, a);
    quota_free(q);
}

static void rate_bursts(void **state)
{
    (void)state;
    static const struct {
        uint64_t per_second;
        uint64_t burst;
    } rows[] = {
        {1, 65536},
        {131072, 65536},
        {200000, 100000},
        {1000000000, 500000000},
        {RATE_MAX, RATE_MAX / 2},
        {UINT64_MAX, RATE_MAX / 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rate r = {0};
        usec_t now = 0;
        assert_false(rate_take(&r, rows[i].per_second, rows[i].burst + 1, now));
        assert_true(rate_take(&r, rows[i].per_second, rows[i].burst, now));
        assert_false(rate_take(&r, rows[i].per_second, 1, now));
        assert_true(rate_take(&r, rows[i].per_second, 1, now + USEC_PER_SEC));
        /* For ever and a day is one burst, not more. */
        now = INT64_MAX / 2;
        assert_true(rate_take(&r, rows[i].per_second, rows[i].burst, now));
        assert_false(rate_take(&r, rows[i].per_second, 1, now));
        /* Time that goes back gives nothing and breaks nothing. */
        assert_false(rate_take(&r, rows[i].per_second, 1, 0));
    }
    struct rate r = {0};
    assert_true(rate_take(&r, 0, SIZE_MAX, 0));
}

static void rate_over_time(void **state)
{
    (void)state;
    struct rate r = {0};
    uint64_t sent = 0;
    for (usec_t t = 0; t < 60 * USEC_PER_SEC; t += 777)
        sent += rate_take(&r, 250000, 1200, t) ? 1200 : 0;
    assert_in_range(sent, 60 * 250000, 60 * 250000 + 125000);
}

/* What a stream has read already is owed, and paid for by resting. */
static void rate_debts(void **state)
{
    (void)state;
    const usec_t s = USEC_PER_SEC;
    struct rate r = {0};
    assert_int_equal(rate_owe(&r, 1000, 65536, 5 * s), 0);
    assert_int_equal(rate_owe(&r, 1000, 0, 5 * s), 0);
    assert_int_equal(rate_owe(&r, 1000, 1, 5 * s), 5 * s + s / 1000);
    assert_int_equal(rate_owe(&r, 1000, 9999, 5 * s), 15 * s);
    assert_int_equal(rate_owe(&r, 1000, 0, 14 * s), 15 * s);
    assert_false(rate_take(&r, 1000, 1, 15 * s));
    assert_int_equal(rate_owe(&r, 1000, 0, 15 * s), 0);
    /* Whatever it is, it is paid some time. */
    assert_int_equal(rate_owe(&r, 1, 100000, 15 * s), 15 * s + 100000 * s);
    assert_int_equal(rate_owe(&r, 0, SIZE_MAX, 15 * s), 0);
    r = (struct rate){0};
    assert_int_equal(rate_owe(&r, UINT64_MAX, RATE_MAX, s), s + s / 2);
    /* Rounded up: never is less than all paid. */
    r = (struct rate){0};
    assert_int_equal(rate_owe(&r, 3, 65537, 0), 333334);
    assert_int_equal(rate_owe(&r, 3, 0, 333334), 0);
    /* Time that goes back. */
    assert_int_equal(rate_owe(&r, 3, 3, 0), 333334 + s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_limits), cmocka_unit_test(many_keys),
        cmocka_unit_test(out_of_memory),     cmocka_unit_test(meter_is_shared),
        cmocka_unit_test(rate_bursts),       cmocka_unit_test(rate_over_time),
        cmocka_unit_test(rate_debts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
