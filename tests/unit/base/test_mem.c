/* The heap's door: zeroes, counting, one failure on demand. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_blocks_are_zero_and_counted(void **state)
{
    (void)state;
    int64_t before = mem_live();
    for (size_t n = 0; n < 200; n++) {
        uint8_t *p = mem_zalloc(n);
        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        assert_int_equal(mem_live(), before + 1);
        if (n % 2)
            mem_free(p);
        else
            mem_free_wiped(p, n);
        assert_int_equal(mem_live(), before);
    }
    mem_free(NULL);
    mem_free_wiped(NULL, 8);
    assert_int_equal(mem_live(), before);
}

static void test_exactly_one_call_fails(void **state)
{
    (void)state;
    for (int after = 0; after < 4; after++) {
        mem_fail_after(after);
        for (int i = 0; i < 8; i++) {
            void *p = mem_zalloc(8);
            assert_int_equal(p == NULL, i == after);
            mem_free(p);
        }
    }
    mem_fail_after(1);
    mem_fail_after(-1);
    for (int i = 0; i < 4; i++) {
        void *p = mem_zalloc(8);
        assert_non_null(p);
        mem_free(p);
    }
    assert_int_equal(mem_live(), 0);
}

/* Asked for by the address sanitizer's run time, which would end the program otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_more_than_there_is(void **state)
{
    (void)state;
    volatile size_t n = SIZE_MAX / 2;
    assert_null(mem_zalloc(n));
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_zero_and_counted),
        cmocka_unit_test(test_exactly_one_call_fails),
        cmocka_unit_test(test_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
