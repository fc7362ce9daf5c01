/* The two clocks: one never goes back, the other knows the year. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_monotonic(void **state)
{
    (void)state;
    usec_t last = clock_monotonic();
    assert_true(last > 0);
    for (int i = 0; i < 1000; i++) {
        usec_t now = clock_monotonic();
        assert_true(now >= last);
        last = now;
    }
}

static void test_wall(void **state)
{
    (void)state;
    assert_true(clock_wall() > INT64_C(1600000000));
    assert_true(clock_wall() < INT64_C(100000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic),
        cmocka_unit_test(test_wall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
