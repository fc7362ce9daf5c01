/* SipHash-2-4 against the reference values of its authors (key 00..0f, message 00..n-1). */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t expected[] = {
    UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
    UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
    UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
    UINT64_C(0x9e0082df0ba9e4b0),
};

static void test_reference_values(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_LEN];
    uint8_t data[16];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
        data[i] = i;
    }
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++)
        assert_true(siphash(key, data, n) == expected[n]);
    assert_true(siphash(key, data, 15) == UINT64_C(0xa129ca6149be45e5));
}

static void test_every_bit_counts(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_LEN] = {1};
    uint8_t data[21] = {2};
    uint64_t plain = siphash(key, data, sizeof data);
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(siphash(key, data, sizeof data) != plain);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_true(siphash(key, data, sizeof data) != plain);
        key[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_values),
        cmocka_unit_test(test_every_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
