/* The attribute table: every type finds its row, no other type finds one. */
#include "wire/stun_attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_every_type(void **state)
{
    (void)state;
    size_t found = 0;
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        enum stun_attr a = stun_attr_find((uint16_t)type);
        if (a == STUN_ATTR_COUNT)
            continue;
        assert_int_equal(stun_attr_row(a)->type, type);
        found++;
    }
    assert_int_equal(found, STUN_ATTR_COUNT);
}

static void test_rows(void **state)
{
    (void)state;
    for (int a = 0; a < STUN_ATTR_COUNT; a++) {
        const struct stun_attr_row *row = stun_attr_row((enum stun_attr)a);
        assert_true(row->min <= row->max);
        assert_int_equal(stun_attr_find(row->type), a);
        assert_true(strlen(row->name) > 0);
        assert_true(stun_kind_width(row->kind) <= row->min);
    }
    assert_true(STUN_ATTR_COUNT <= 64); /* the bits of stun_msg.present */
    assert_string_equal(stun_attr_row(STUN_ATTR_XOR_PEER_ADDRESS)->name, "XOR_PEER_ADDRESS");
    assert_int_equal(stun_attr_row(STUN_ATTR_CONNECTION_ID)->type, 0x002a);
    assert_int_equal(stun_attr_row(STUN_ATTR_CONNECTION_ID)->kind, STUN_KIND_U32);
}

static void test_required(void **state)
{
    (void)state;
    assert_true(stun_attr_is_required(0x0000));
    assert_true(stun_attr_is_required(0x7fff));
    assert_false(stun_attr_is_required(0x8000));
    assert_false(stun_attr_is_required(0xffff));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
