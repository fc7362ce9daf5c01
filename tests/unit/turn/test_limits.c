/* The engine's limits by their numbers: what lies just within passes, what lies just beyond does
 * not. */
#include "unit/turn/bench.h"

static void t_permissions(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){.permissions = 3});
    allocate_long(&b);
    assert_int_equal(permits(&b, 1, 4), 508);
    assert_false(sends(&b, 1, 4));
    assert_int_equal(permits(&b, 1, 3), 0);
    assert_int_equal(permits(&b, 4, 4), 508);
    assert_int_equal(binds(&b, 0x4000, 4), 508);
    assert_int_equal(binds(&b, 0x4000, 3), 0);
    b.now += 299 * S;
    assert_int_equal(permits(&b, 1, 2), 0);
    b.now += S;
    assert_int_equal(permits(&b, 4, 4), 0);
    assert_int_equal(permits(&b, 5, 5), 508);
    bench_end(&b);
}

static void t_channels(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){.channels = 2, .permissions = 2});
    allocate_long(&b);
    assert_int_equal(binds(&b, 0x4001, 1), 0);
    assert_int_equal(binds(&b, 0x4002, 2), 0);
    assert_int_equal(binds(&b, 0x4002, 2), 0);
    b.now += 300 * S; /* the permissions have gone, the channels have not */
    assert_int_equal(binds(&b, 0x4003, 3), 508);
    b.now += 300 * S;
    assert_int_equal(binds(&b, 0x4003, 3), 0);
    bench_end(&b);
}

static void t_channel_numbers(void **state)
{
    static struct bench b;
    static const struct {
        uint16_t number;
        int code;
        int old_code; /* with rfc5766_channels */
    } rows[] = {{0x3fff, 400, 400}, {0x4000, 0, 0},     {0x4fff, 0, 0},    {0x5000, 400, 0},
                {0x7fff, 400, 0},   {0x8000, 400, 400}, {0xffff, 400, 400}};

    (void)state;
    for (int old = 0; old < 2; old++) {
        bench_begin(&b, (struct turn_limits){0});
        b.conf.rfc5766_channels = old;
        allocate_long(&b);
        for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
            int code = old ? rows[i].old_code : rows[i].code;
            assert_int_equal(binds(&b, rows[i].number, i), code);
            assert_int_equal(channels(&b, rows[i].number), code == 0);
        }
        bench_end(&b);
    }
}

/* How many allocations there may be of clients that differ in one byte of the address. */
static unsigned allocations_of(struct turn_limits limits, int byte, int *ret_code)
{
    static struct bench b;
    unsigned n = 0;

    bench_begin(&b, limits);
    for (; n < 20; n++) {
        struct addr a = v4(40, 0, 0, 0, 4000);
        if (byte < 4)
            a.ip[byte] = (uint8_t)(a.ip[byte] + n);
        else
            a.port = (uint16_t)(a.port + n);
        from_client(&b, a);
        *ret_code = allocates(&b);
        if (*ret_code != 0)
            break;
    }
    bench_end(&b);
    return n;
}

static void t_allocations(void **state)
{
    static const struct {
        struct turn_limits limits;
        int byte;
        unsigned n;
        int code;
    } rows[] = {
        {{.allocations = 2}, 2, 2, 508},
        {{.allocations = 3}, 4, 3, 508},
        {{.allocations_per_account = 1}, 2, 1, 486},
        {{.allocations_per_account = 5}, 2, 5, 486},
        {{.allocations_per_prefix = 1}, 4, 1, 486},
        {{.allocations_per_prefix = 5}, 4, 5, 486},
        {{.allocations_per_prefix = 5}, 3, 20, 0},
        {{.allocations_per_prefix = 5, .prefix_v4 = 30}, 3, 20, 0}, /* 4 of each */
        {{.allocations_per_prefix = 3, .prefix_v4 = 30}, 3, 3, 486},
        {{.allocations_per_prefix = 5, .prefix_v4 = 29}, 3, 5, 486},
        {{.allocations_per_prefix = 5, .prefix_v4 = 24}, 3, 5, 486},
        {{.allocations_per_prefix = 5, .prefix_v4 = 24}, 2, 20, 0},
        {{0}, 4, 20, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int code = -1;
        assert_int_equal(allocations_of(rows[i].limits, rows[i].byte, &code), rows[i].n);
        assert_int_equal(code, rows[i].code);
    }
}

static void t_drained(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    assert_int_equal(allocates(&b), 0);
    turn_drain(b.turn);
    assert_int_equal(permits(&b, 1, 1), 0);
    from_client(&b, v4(40, 0, 0, 2, 4000));
    assert_int_equal(allocates(&b), 508);
    bench_end(&b);
}

/* 1000 bytes a second, and 64 KiB at once. */
static void t_bytes_per_second(void **state)
{
    static struct bench b;
    static const struct turn_limits limits[] = {
        {.bytes_per_allocation = 1000}, {.bytes_per_account = 1000}, {.bytes_per_prefix = 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        bench_begin(&b, limits[i]);
        allocate_long(&b);
        assert_int_equal(permits(&b, 1, 1), 0);
        assert_true(sends(&b, 1, 60000));
        assert_true(sends(&b, 1, 5536));
        assert_false(sends(&b, 1, 1));
        assert_false(hears(&b, 1));
        b.now += S;
        assert_false(sends(&b, 1, 1001));
        assert_true(sends(&b, 1, 1000));
        assert_false(sends(&b, 1, 1));
        b.now += S / 250;
        assert_true(hears(&b, 1)); /* four bytes, of the same purse */
        assert_false(hears(&b, 1));
        /* Another allocation of the account and the prefix. */
        from_client(&b, v4(40, 0, 0, 1, 4001));
        allocate_long(&b);
        assert_int_equal(permits(&b, 1, 1), 0);
        assert_int_equal(sends(&b, 1, 100), i == 0);
        bench_end(&b);
    }
}

static void t_64_keys_of_a_name(void **state)
{
    static struct bench b;
    static const struct {
        unsigned good;
        int code;
    } rows[] = {{0, 0}, {63, 0}, {64, 401}, {NEVER_GOOD, 401}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bench_begin(&b, (struct turn_limits){0});
        b.good = rows[i].good;
        assert_int_equal(allocates(&b), rows[i].code);
        bench_end(&b);
    }
}

static void t_16_ports_are_tried(void **state)
{
    static struct bench b;

    (void)state;
    bench_begin(&b, (struct turn_limits){0});
    b.refusals = 15;
    assert_int_equal(allocates(&b), 0);
    assert_int_equal(b.opened, 16);
    from_client(&b, v4(40, 0, 0, 2, 4000));
    b.opened = 0;
    b.refusals = 16;
    assert_int_equal(allocates(&b), 508);
    assert_int_equal(b.opened, 16);
    assert_int_equal(allocates(&b), 0);
    bench_end(&b);
}

/* How many of the unknown types in a request are told. */
static size_t types_told(size_t n)
{
    static struct bench b;

    bench_begin(&b, (struct turn_limits){0});
    struct writer w = allocate(&b);
    for (size_t i = 0; i < n; i++) {
        w_u16(&w, (uint16_t)(0x7000 + i));
        w_u16(&w, 0);
    }
    assert_int_equal(finish(&b, &w), 420);
    struct span types = b.reply.value[STUN_ATTR_UNKNOWN_ATTRIBUTES];
    assert_true(types.n >= 2);
    assert_int_equal(types.p[types.n - 2] << 8 | types.p[types.n - 1], 0x7000 + types.n / 2 - 1);
    bench_end(&b);
    return types.n / 2;
}

static void t_256_unknown_types_are_told(void **state)
{
    (void)state;
    assert_int_equal(types_told(1), 1);
    assert_int_equal(types_told(256), 256);
    assert_int_equal(types_told(257), 256);
    assert_int_equal(types_told(2000), 256);
}

/* The whole offer takes 88 bytes with this realm: half of that must have been sent. */
static void t_offer_to_those_who_sent_half(void **state)
{
    static struct bench b;

    (void)state;
    for (size_t sent = 40; sent <= 44; sent += 4) {
        bench_begin(&b, (struct turn_limits){0});
        b.conf.realm = "realm";
        struct writer w = begin(&b, STUN_REQUEST, STUN_ALLOCATE);
        stun_put_number(&w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
        stun_put_bytes(&w, STUN_ATTR_SOFTWARE, span_of("software-of-many", sent - 28 - 4));
        assert_int_equal(w.n, sent);
        assert_int_equal(answer_to(&b, &w), 401);
        assert_int_equal(stun_has(&b.reply, STUN_ATTR_PASSWORD_ALGORITHMS), sent == 44);
        assert_true(b.reply.raw.n <= 2 * sent);
        bench_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_permissions),
        cmocka_unit_test(t_channels),
        cmocka_unit_test(t_channel_numbers),
        cmocka_unit_test(t_allocations),
        cmocka_unit_test(t_drained),
        cmocka_unit_test(t_bytes_per_second),
        cmocka_unit_test(t_64_keys_of_a_name),
        cmocka_unit_test(t_16_ports_are_tried),
        cmocka_unit_test(t_256_unknown_types_are_told),
        cmocka_unit_test(t_offer_to_those_who_sent_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
