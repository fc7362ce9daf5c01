/* The engine's timers by their numbers: a microsecond before the end all is there, at the end it is
 * not. */
#include "unit/turn/bench.h"

static void t_permission_lives_300_s(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    allocate_long(&b);
    assert_int_equal(permits(&b, 1, 1), 0);
    b.now += 300 * S - 1;
    assert_true(sends(&b, 1, 4) && hears(&b, 1));
    b.now += 1;
    assert_false(sends(&b, 1, 4) || hears(&b, 1));
    bench_end(&b);
}

static void t_channel_lives_600_s(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    allocate_long(&b);
    assert_int_equal(binds(&b, 0x4000, 1), 0);
    b.now += 300 * S - 1;
    assert_true(channels(&b, 0x4000));
    b.now += 1;
    assert_false(channels(&b, 0x4000)); /* its permission is over */
    b.now += 200 * S;
    assert_int_equal(permits(&b, 1, 1), 0);
    b.now += 100 * S - 1;
    assert_true(channels(&b, 0x4000));
    b.now += 1;
    assert_false(channels(&b, 0x4000));
    bench_end(&b);
}

/* 0 or the error's code of redeeming a reservation that is so old. */
static int redeems_after(usec_t age)
{
    static struct bench b;
    struct span token;
    uint8_t copy[8];

    bench_begin(&b, (struct turn_limits){0});
    struct writer w = allocate(&b);
    stun_put_number(&w, STUN_ATTR_EVEN_PORT, 0x80);
    assert_int_equal(finish(&b, &w), 0);
    assert_true(stun_get_bytes(&b.reply, STUN_ATTR_RESERVATION_TOKEN, &token));
    memcpy(copy, token.p, sizeof copy);
    b.now += age;
    from_client(&b, v4(40, 0, 0, 1, 4001));
    w = allocate(&b);
    stun_put_bytes(&w, STUN_ATTR_RESERVATION_TOKEN, span_of(copy, sizeof copy));
    int code = finish(&b, &w);
    bench_end(&b);
    return code;
}

static void t_reservation_lives_31_s(void **state)
{
    (void)state;
    assert_int_equal(redeems_after(31 * S - 1), 0);
    assert_int_equal(redeems_after(31 * S), 508);
}

static void t_lifetimes(void **state)
{
    static struct bench b;
    static const struct {
        uint32_t asked;
        uint32_t granted;
    } rows[] = {{0, 600},     {599, 600},   {600, 600},         {601, 601},
                {3599, 3599}, {3600, 3600}, {UINT32_MAX, 3600}, {3601, 3600}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t granted = 0;
        bench_begin(&b, (struct turn_limits){0});
        struct writer w = allocate(&b);
        stun_put_number(&w, STUN_ATTR_LIFETIME, rows[i].asked);
        assert_int_equal(finish(&b, &w), 0);
        assert_true(stun_get_number(&b.reply, STUN_ATTR_LIFETIME, &granted));
        assert_int_equal(granted, rows[i].granted);
        b.now += (granted - 1) * S;
        assert_int_equal(permits(&b, 1, 1), 0);
        b.now += S - 1;
        assert_true(turn_flow_lives(b.turn, &b.flow, b.now) && sends(&b, 1, 4) && hears(&b, 1));
        b.now += 1;
        assert_false(turn_flow_lives(b.turn, &b.flow, b.now) || sends(&b, 1, 4) || hears(&b, 1));
        bench_end(&b);
    }
    bench_begin(&b, (struct turn_limits){0});
    assert_int_equal(allocates(&b), 0);
    b.now += 600 * S - 1;
    assert_true(turn_flow_lives(b.turn, &b.flow, b.now));
    b.now += 1;
    assert_false(turn_flow_lives(b.turn, &b.flow, b.now));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_permission_lives_300_s),
        cmocka_unit_test(t_channel_lives_600_s),
        cmocka_unit_test(t_reservation_lives_31_s),
        cmocka_unit_test(t_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
