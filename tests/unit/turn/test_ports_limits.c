/* How many reservations there may be, all workers together, and what counts as one. */
#include "turn/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct reservation reservation(uint32_t number, usec_t expires)
{
    struct reservation r = {.family = TURN_V4, .expires = expires};
    r.port = (uint16_t)(2000 + number);
    r.token[0] = (uint8_t)number;
    r.token[1] = (uint8_t)(number >> 8);
    return r;
}

static void t_1024_reservations(void **state)
{
    struct ports *p = ports_new((struct port_range){1024, 65535}, 1);
    struct reservation r;
    enum turn_family family;

    (void)state;
    for (uint32_t i = 0; i < 1024; i++) {
        r = reservation(i, 1000);
        assert_true(ports_reserve(p, &r));
    }
    r = reservation(1024, 1000);
    assert_false(ports_reserve(p, &r));
    assert_int_equal(ports_redeem(p, reservation(7, 0).token, 999, &family), 2007);
    assert_true(ports_reserve(p, &r));
    assert_false(ports_reserve(p, &r));
    ports_free(p);
}

/* Another worker's clock may be ahead: what is over by that takes no room. */
static void t_expired_ones_make_room(void **state)
{
    struct ports *p = ports_new((struct port_range){1024, 65535}, 1);
    enum turn_family family;

    (void)state;
    assert_int_equal(ports_redeem(p, reservation(0, 0).token, 600, &family), 0);
    for (uint32_t i = 0; i < 1024; i++) {
        struct reservation r = reservation(i, i < 1023 ? 1000 : 600);
        assert_true(ports_reserve(p, &r));
    }
    struct reservation r = reservation(1024, 601);
    assert_true(ports_reserve(p, &r));
    assert_false(ports_reserve(p, &r));
    ports_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_1024_reservations),
        cmocka_unit_test(t_expired_ones_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
