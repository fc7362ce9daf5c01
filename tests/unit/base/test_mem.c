/* The heap's door: zeroes, counting, one failure on demand. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* Asked for by the sanitizers' run times, which would end the program otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
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

static void test_blocks_grow_and_shrink(void **state)
{
    (void)state;
    int64_t before = mem_live();
    uint8_t *p = mem_realloc(NULL, 10);
    memset(p, 7, 10);
    for (size_t n = 11; n < 100000; n = n * 3 / 2) {
        p = mem_realloc(p, n);
        assert_non_null(p);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], i < 10 ? 7 : 0);
        assert_int_equal(mem_live(), before + 1);
    }
    for (size_t n = 100000; n > 4; n = n * 2 / 3) {
        p = mem_realloc(p, n);
        for (size_t i = 0; i < n && i < 10; i++)
            assert_int_equal(p[i], 7);
    }
    assert_null(mem_realloc(p, 0));
    assert_int_equal(mem_live(), before);
}

/* What a shorter block has lost is not there when it grows again. */
static void test_shrinking_forgets(void **state)
{
    (void)state;
    uint8_t *p = mem_zalloc(400);
    memset(p, 7, 400);
    p = mem_realloc(p, 390);
    p = mem_realloc(p, 400);
    for (size_t i = 0; i < 400; i++)
        assert_int_equal(p[i], i < 390 ? 7 : 0);
    mem_fail_after(0);
    assert_null(mem_realloc(p, 40000));
    assert_int_equal(p[389], 7);
    mem_free(p);
}

/* Where the frame of a call was that has returned; to look there is what this is about, and what a
 * sanitizer is there to forbid. */
#if !MEM_IS_WATCHED
static volatile uintptr_t left;

__attribute__((noinline)) static void leave_a_trace(void)
{
    volatile uint8_t trace[64];
    for (size_t i = 0; i < sizeof trace; i++)
        trace[i] = 0xa7;
    left = (uintptr_t)trace;
}
#endif

static void test_the_dead_stack_is_overwritten(void **state)
{
    (void)state;
#if !MEM_IS_WATCHED
    leave_a_trace();
    assert_int_equal(((volatile uint8_t *)left)[20], 0xa7);
    mem_wipe_stack(MEM_STACK_ANSWER);
    assert_int_equal(((volatile uint8_t *)left)[20], 0);
    leave_a_trace();
    mem_wipe_stack(MEM_STACK_HANDSHAKE);
    assert_int_equal(((volatile uint8_t *)left)[20], 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_zero_and_counted),
        cmocka_unit_test(test_exactly_one_call_fails),
        cmocka_unit_test(test_more_than_there_is),
        cmocka_unit_test(test_blocks_grow_and_shrink),
        cmocka_unit_test(test_shrinking_forgets),
        cmocka_unit_test(test_the_dead_stack_is_overwritten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
