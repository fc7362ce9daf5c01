/* Class and method bits of the message type. */
#include "wire/stun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void t_H2_all_types(void **state)
{
    (void)state;
    static uint8_t seen[0x4000];
    for (unsigned method = 0; method < 0x1000; method++) {
        for (unsigned cls = 0; cls < 4; cls++) {
            uint16_t type = stun_type((enum stun_class)cls, (uint16_t)method);
            assert_true(type < 0x4000);
            assert_int_equal(seen[type]++, 0);
            assert_int_equal(stun_type_class(type), cls);
            assert_int_equal(stun_type_method(type), method);
        }
    }
}

static void t_H2_known_types(void **state)
{
    (void)state;
    const struct {
        enum stun_class cls;
        uint16_t method;
        uint16_t type;
    } table[] = {
        {STUN_REQUEST, STUN_BINDING, 0x0001},
        {STUN_SUCCESS, STUN_BINDING, 0x0101},
        {STUN_ERROR, STUN_BINDING, 0x0111},
        {STUN_INDICATION, STUN_BINDING, 0x0011},
        {STUN_REQUEST, STUN_ALLOCATE, 0x0003},
        {STUN_ERROR, STUN_ALLOCATE, 0x0113},
        {STUN_INDICATION, STUN_SEND, 0x0016},
        {STUN_INDICATION, STUN_DATA, 0x0017},
        {STUN_SUCCESS, STUN_CHANNEL_BIND, 0x0109},
        {STUN_REQUEST, STUN_CONNECT, 0x000a},
        {STUN_ERROR, STUN_CONNECT, 0x011a},
        {STUN_REQUEST, STUN_CONNECTION_BIND, 0x000b},
        {STUN_SUCCESS, STUN_CONNECTION_BIND, 0x010b},
        {STUN_INDICATION, STUN_CONNECTION_ATTEMPT, 0x001c},
        {STUN_REQUEST, 0x080, 0x0200},
        {STUN_ERROR, 0xfff, 0x3fff},
        {STUN_SUCCESS, 0x010, 0x0120},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(stun_type(table[i].cls, table[i].method), table[i].type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_H2_all_types),
        cmocka_unit_test(t_H2_known_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
