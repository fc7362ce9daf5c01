/* The sampler's parts: unbiased integers, random bytes that do not stay behind. */
#include "metrics/laplace.h"

#include "bed.h"

static struct laplace_source source_of(uint64_t *seed)
{
    struct laplace_source s;
    laplace_init(&s, fixed_random, seed);
    return s;
}

static void uniform_stays_below_and_reaches_all(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct laplace_source s = source_of(&seed);
    for (uint64_t n = 1; n <= 40; n++) {
        uint64_t seen = 0;
        for (int i = 0; i < 2000; i++) {
            uint64_t v = laplace_uniform(&s, n);
            assert_true(v < n);
            seen |= UINT64_C(1) << v;
        }
        assert_int_equal(seen, (UINT64_C(1) << n) - 1);
    }
}

/* Gives a fixed row of 64 bit numbers, the last one first, as the pool is used from its end. */
static void row_random(void *ctx, void *ret, size_t n)
{
    memcpy(ret, ctx, n);
}

/* 3 * 2^62 leaves 2^62 values too many: these must be drawn again, not wrapped around. */
static void uniform_draws_again_instead_of_wrapping(void **state)
{
    (void)state;
    uint64_t n = UINT64_C(3) << 62;
    uint64_t row[LAPLACE_POOL / 8] = {0};
    row[LAPLACE_POOL / 8 - 1] = 5;                       /* below 2^62: surplus */
    row[LAPLACE_POOL / 8 - 2] = (UINT64_C(1) << 62) - 1; /* the last one of it */
    row[LAPLACE_POOL / 8 - 3] = UINT64_C(1) << 62;
    struct laplace_source s;
    laplace_init(&s, row_random, row);
    assert_true(laplace_uniform(&s, n) == UINT64_C(1) << 62);
    assert_int_equal(s.left, LAPLACE_POOL - 3 * 8);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    uint8_t all = 0;
    for (size_t i = 0; i < n; i++)
        all |= p[i];
    return all == 0;
}

static void used_bytes_are_overwritten(void **state)
{
    (void)state;
    uint64_t seed = 9;
    struct laplace_source s = source_of(&seed);
    for (int i = 0; i < 100; i++) {
        (void)laplace_draw(&s, 40);
        assert_true(is_zero(s.pool + s.left, sizeof s.pool - s.left));
    }
    laplace_forget(&s);
    assert_true(is_zero(s.pool, sizeof s.pool));
    assert_int_equal(s.left, 0);
}

static void same_bytes_same_noise(void **state)
{
    (void)state;
    uint64_t seeds[] = {5, 5};
    struct laplace_source a = source_of(&seeds[0]);
    struct laplace_source b = source_of(&seeds[1]);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(laplace_draw(&a, 640), laplace_draw(&b, 640));
}

static void smallest_and_largest_scale_work(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct laplace_source s = source_of(&seed);
    int64_t most = 0;
    int64_t zeroes = 0;
    for (int i = 0; i < 20000; i++) {
        int64_t v = laplace_draw(&s, LAPLACE_SCALE_MAX);
        most = v > most ? v : most;
        zeroes += laplace_draw(&s, 1) == 0;
    }
    assert_true(most > 5 * (int64_t)LAPLACE_SCALE_MAX && most < 30 * (int64_t)LAPLACE_SCALE_MAX);
    assert_in_range(zeroes, 8900, 9600); /* (e-1)/(e+1) = 0.4621 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_stays_below_and_reaches_all),
        cmocka_unit_test(uniform_draws_again_instead_of_wrapping),
        cmocka_unit_test(used_bytes_are_overwritten),
        cmocka_unit_test(same_bytes_same_noise),
        cmocka_unit_test(smallest_and_largest_scale_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
