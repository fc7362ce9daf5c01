/* Randomness, comparison, wiping, base64. */
#include "crypto/crypto.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_random(void **state)
{
    (void)state;
    uint8_t a[4096] = {0};
    uint8_t b[4096] = {0};
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    size_t ones = 0;
    for (size_t i = 0; i < sizeof a; i++)
        ones += (size_t)__builtin_popcount(a[i]);
    assert_in_range(ones, 15400, 17400); /* eleven standard deviations around 16384 */
    crypto_random(NULL, 0);
}

static void test_equal(void **state)
{
    (void)state;
    uint8_t a[32] = {1, 2, 3};
    uint8_t b[32] = {1, 2, 3};
    assert_true(crypto_equal(a, b, sizeof a));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(crypto_equal(a, b, sizeof a));
        assert_true(crypto_equal(a, b, bit / 8));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_wipe(void **state)
{
    (void)state;
    uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint8_t want[8] = {1, 0, 0, 0, 0, 0, 0, 8};
    crypto_wipe(a + 1, 6);
    assert_memory_equal(a, want, sizeof a);
}

static void test_base64(void **state)
{
    (void)state;
    /* RFC 4648 section 10. */
    static const char *const table[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char out[16];
        struct span data = span_text(table[i][0]);
        size_t n = strlen(table[i][1]);
        assert_int_equal(crypto_base64(data, out, n + 1), n);
        assert_string_equal(out, table[i][1]);
        memset(out, 'x', sizeof out);
        assert_int_equal(crypto_base64(data, out, n), -ENOSPC);
        assert_int_equal(out[0], 'x');
    }
    char out[4];
    assert_int_equal(crypto_base64(span_of(out, SIZE_MAX), out, SIZE_MAX), -ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
