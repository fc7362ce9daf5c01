/* The limiter: rates per prefix, no suppression of innocent prefixes, the byte budget. */
#include "turn/limiter.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t KEY[16] = {9, 8, 7};

static struct addr prefix(uint32_t i)
{
    uint8_t ip[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
    return addr_make(ADDR_V4, ip, 0);
}

static bool asks(struct limiter *l, uint32_t who, uint32_t per_second, usec_t now)
{
    struct limiter_ask ask = {prefix(who), per_second, 1, now};
    return limiter_allows(l, &ask);
}

static unsigned asks_times(struct limiter *l, uint32_t who, unsigned times, usec_t now)
{
    unsigned allowed = 0;
    for (unsigned i = 0; i < times; i++) {
        limiter_note_in(l, 100);
        allowed += asks(l, who, 10, now);
    }
    return allowed;
}

static void rate_and_burst(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    usec_t now = 5 * USEC_PER_SEC;
    assert_int_equal(asks_times(l, 1, 100, now), 10);
    assert_int_equal(asks_times(l, 2, 100, now), 10);
    assert_int_equal(asks_times(l, 1, 100, now + 99999), 0);
    assert_int_equal(asks_times(l, 1, 100, now + 100000), 1);
    assert_int_equal(asks_times(l, 1, 100, now + 600000), 5);
    /* An hour of silence is one second's worth, and time that goes back gives nothing. */
    assert_int_equal(asks_times(l, 1, 100, now + 3600 * USEC_PER_SEC), 10);
    assert_int_equal(asks_times(l, 1, 100, now), 0);
    assert_int_equal(asks_times(l, 3, 1, now), 1);
    assert_int_equal(asks_times(l, 3, 100, now + 900000), 10);
    limiter_free(l);
}

/* Small steps add up to the same rate. */
static void fractions(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    unsigned allowed = 0;
    for (usec_t t = 0; t < 100 * USEC_PER_SEC; t += 3333)
        allowed += asks_times(l, 1, 1, t);
    assert_in_range(allowed, 1000, 1010);
    limiter_free(l);
}

static void unlimited(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    for (unsigned i = 0; i < 10000; i++)
        assert_true(asks(l, 1, 0, 0));
    limiter_free(l);
}

static void widest_rate(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    assert_true(asks(l, 1, UINT32_MAX, 0));
    assert_true(asks(l, 1, UINT32_MAX, INT64_MAX / 2));
    limiter_free(l);
}

/* While one prefix floods, all others are answered as if it were not there; many more prefixes
 * than the table holds do not suppress anybody either. */
static void innocents(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    unsigned flood = 0;
    for (uint32_t i = 1; i <= 50000; i++) {
        flood += asks_times(l, 0, 1, (usec_t)i * 10);
        assert_int_equal(asks_times(l, i, 1, (usec_t)i * 10), 1);
    }
    /* Half a second: its burst and five more. Nobody who is fuller was kept in its stead. */
    assert_in_range(flood, 10, 15);
    limiter_free(l);
}

/* Whoever has used up their share cannot be forgotten by crowding the table with fresh names. */
static void crowding_does_not_forgive(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    assert_int_equal(asks_times(l, 7, 100, 0), 10);
    for (uint32_t i = 1000; i < 1000 + 20 * LIMITER_SETS * LIMITER_WAYS; i++) {
        limiter_note_in(l, 100);
        asks(l, i, 10, 1000);
    }
    assert_int_equal(asks_times(l, 7, 100, 2000), 0);
    limiter_free(l);
}

static bool takes(struct limiter *l, size_t bytes, usec_t now)
{
    struct limiter_ask ask = {prefix(1), 0, bytes, now};
    return limiter_allows(l, &ask);
}

static void budget(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    assert_true(takes(l, 65536, 0));
    assert_false(takes(l, 1, 0));
    limiter_note_in(l, 20);
    assert_false(takes(l, 41, 0));
    assert_true(takes(l, 40, 0));
    assert_false(takes(l, 1, 0));
    limiter_free(l);
}

static void budget_is_capped(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    for (unsigned i = 0; i < 100; i++)
        limiter_note_in(l, SIZE_MAX);
    assert_true(takes(l, LIMITER_CREDIT_MAX, 0));
    assert_false(takes(l, 1, 0));
    limiter_free(l);
}

static void budget_trickles(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    assert_true(takes(l, 65536, 0));
    assert_true(takes(l, 4096, USEC_PER_SEC));
    assert_false(takes(l, 1, USEC_PER_SEC));
    assert_true(takes(l, 2048, USEC_PER_SEC * 3 / 2));
    assert_false(takes(l, 1, USEC_PER_SEC));
    assert_true(takes(l, LIMITER_CREDIT_START, 1000000 * USEC_PER_SEC));
    assert_false(takes(l, 1, 1000000 * USEC_PER_SEC));
    limiter_free(l);
}

/* A refusal costs nothing, neither of the rate nor of the budget. */
static void refusal_is_free(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    struct limiter_ask big = {prefix(1), 10, 65537, 0};
    for (unsigned i = 0; i < 50; i++)
        assert_false(limiter_allows(l, &big));
    struct limiter_ask fits = {prefix(1), 10, 6553, 0};
    for (unsigned i = 0; i < 10; i++)
        assert_true(limiter_allows(l, &fits));
    fits.bytes_out = 1;
    for (unsigned i = 0; i < 50; i++)
        assert_false(limiter_allows(l, &fits));
    struct limiter_ask rest = {prefix(2), 10, 6, 0};
    assert_true(limiter_allows(l, &rest));
    limiter_free(l);
}

/* The promise itself, over random traffic. */
static void never_more_than_promised(void **state)
{
    (void)state;
    struct limiter *l = limiter_new(KEY);
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t seed = 1;
    usec_t now = 0;
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        size_t n = (size_t)(seed >> 33) % 200;
        now += (usec_t)(seed >> 50) % 300;
        limiter_note_in(l, n);
        in += n;
        struct limiter_ask ask = {prefix((uint32_t)(seed >> 60)), 1000000, 3 * n, now};
        out += limiter_allows(l, &ask) ? 3 * n : 0;
        assert_true(out <= 65536 + 2 * in + 4096 * (uint64_t)now / 1000000);
    }
    assert_true(out > in);
    limiter_free(l);
}

static void out_of_memory(void **state)
{
    (void)state;
    int64_t before = mem_live();
    mem_fail_after(0);
    assert_null(limiter_new(KEY));
    mem_fail_after(-1);
    limiter_free(NULL);
    struct limiter *l = limiter_new(KEY);
    limiter_free(l);
    assert_int_equal(mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_and_burst),
        cmocka_unit_test(fractions),
        cmocka_unit_test(unlimited),
        cmocka_unit_test(widest_rate),
        cmocka_unit_test(innocents),
        cmocka_unit_test(crowding_does_not_forgive),
        cmocka_unit_test(budget),
        cmocka_unit_test(budget_is_capped),
        cmocka_unit_test(budget_trickles),
        cmocka_unit_test(refusal_is_free),
        cmocka_unit_test(never_more_than_promised),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
