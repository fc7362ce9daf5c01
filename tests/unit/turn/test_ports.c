/* The port pool: completeness, slices, parity, pairs, spread, reservations, threads. */
#include "turn/ports.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t next_random(uint64_t *seed)
{
    *seed += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *seed;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static struct ports *pool(uint16_t first, uint16_t last, uint16_t workers)
{
    struct ports *p = ports_new((struct port_range){first, last}, workers);
    assert_non_null(p);
    return p;
}

static uint16_t take(struct ports *p, uint16_t worker, uint64_t random)
{
    struct ports_want w = {.family = TURN_V4, .worker = worker, .random = random};
    return ports_take(p, &w);
}

static void refuses_nonsense(void **state)
{
    (void)state;
    assert_null(ports_new((struct port_range){2000, 1999}, 1));
    assert_null(ports_new((struct port_range){0, 1999}, 1));
    assert_null(ports_new((struct port_range){2000, 2999}, 0));
    ports_free(NULL);
    int64_t before = mem_live();
    mem_fail_after(0);
    assert_null(ports_new((struct port_range){2000, 2999}, 1));
    mem_fail_after(-1);
    ports_free(pool(2000, 2999, 1));
    assert_int_equal(mem_live(), before);
}

/* Every port once, whatever the borders are; then none; then the one that came back. */
static void takes_all(void **state)
{
    (void)state;
    static const uint16_t ranges[][2] = {
        {49152, 65535}, {1024, 65535}, {2000, 2000}, {1, 64}, {63, 64}, {65, 127}, {40001, 40130},
    };
    static const uint16_t workers[] = {1, 2, 3, 7, 64};
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        for (size_t w = 0; w < sizeof(workers) / sizeof(workers[0]); w++) {
            uint16_t first = ranges[i][0];
            uint16_t last = ranges[i][1];
            struct ports *p = pool(first, last, workers[w]);
            static uint8_t seen[65536];
            memset(seen, 0, sizeof(seen));
            for (uint32_t n = first; n <= last; n++) {
                uint16_t port = take(p, (uint16_t)(n % workers[w]), next_random(&seed));
                assert_in_range(port, first, last);
                assert_int_equal(seen[port]++, 0);
            }
            assert_int_equal(take(p, 0, next_random(&seed)), 0);
            ports_give(p, TURN_V4, last);
            assert_int_equal(take(p, 0, next_random(&seed)), last);
            /* The families do not know of each other. */
            struct ports_want six = {.family = TURN_V6, .random = 5};
            assert_in_range(ports_take(p, &six), first, last);
            ports_free(p);
        }
}

static void slices(void **state)
{
    (void)state;
    enum { FIRST = 50000, LAST = 50999, WORKERS = 3 };
    struct ports *p = pool(FIRST, LAST, WORKERS);
    uint64_t seed = 2;
    static int8_t of[65536];
    memset(of, -1, sizeof(of));
    for (uint16_t w = 0; w < WORKERS; w++) {
        uint32_t low = UINT32_MAX;
        uint32_t high = 0;
        for (int i = 0; i < 333; i++) {
            uint16_t port = take(p, w, next_random(&seed));
            assert_int_equal(of[port], -1);
            of[port] = (int8_t)w;
            low = port < low ? port : low;
            high = port > high ? port : high;
        }
        assert_in_range(high - low, 332, 333);
    }
    /* One port is left, in whatever slice; anybody gets it. */
    assert_in_range(take(p, 0, 1), FIRST, LAST);
    assert_int_equal(take(p, 0, 1), 0);
    ports_free(p);
}

static void falls_back_to_other_slices(void **state)
{
    (void)state;
    struct ports *p = pool(50000, 50099, 4);
    for (int i = 0; i < 100; i++)
        assert_in_range(take(p, 2, (uint64_t)i), 50000, 50099);
    assert_int_equal(take(p, 2, 0), 0);
    ports_free(p);
}

static void even_ports(void **state)
{
    (void)state;
    struct ports *p = pool(50001, 50200, 1);
    uint64_t seed = 3;
    for (int i = 0; i < 100; i++) {
        struct ports_want w = {.even = true, .random = next_random(&seed)};
        uint16_t port = ports_take(p, &w);
        assert_int_equal(port % 2, 0);
        assert_in_range(port, 50002, 50200);
    }
    struct ports_want w = {.even = true};
    assert_int_equal(ports_take(p, &w), 0);
    /* The odd ones are all still there. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(take(p, 0, next_random(&seed)) % 2, 1);
    assert_int_equal(take(p, 0, 0), 0);
    ports_free(p);
}

static void pairs(void **state)
{
    (void)state;
    /* 50001 and 50200 have no partner inside the range. */
    struct ports *p = pool(50001, 50200, 1);
    uint64_t seed = 4;
    static uint8_t seen[65536];
    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < 99; i++) {
        struct ports_want w = {.pair = true, .random = next_random(&seed)};
        uint16_t port = ports_take(p, &w);
        assert_int_equal(port % 2, 0);
        assert_in_range(port, 50002, 50198);
        assert_int_equal(seen[port]++, 0);
    }
    struct ports_want w = {.pair = true};
    assert_int_equal(ports_take(p, &w), 0);
    uint16_t a = take(p, 0, 0);
    uint16_t b = take(p, 0, 0);
    assert_true((a == 50001 && b == 50200) || (a == 50200 && b == 50001));
    assert_int_equal(take(p, 0, 0), 0);
    /* Half a pair is none. */
    ports_give(p, TURN_V4, 50010);
    assert_int_equal(ports_take(p, &w), 0);
    ports_give(p, TURN_V4, 50012);
    assert_int_equal(ports_take(p, &w), 0);
    ports_give(p, TURN_V4, 50011);
    assert_int_equal(ports_take(p, &w), 50010);
    ports_free(p);
}

/* Taking and giving back one port at a time: every sixteenth of the range comes up about equally
 * often (chi squared, 15 degrees of freedom, 0.1 %), and neighbours do not follow each other. */
static void spread(void **state)
{
    (void)state;
    enum { N = 16000, PARTS = 16 };
    struct ports *p = pool(49152, 65535, 1);
    unsigned hits[PARTS] = {0};
    unsigned neighbours = 0;
    unsigned repeats = 0;
    uint64_t seed = 5;
    uint16_t last = 0;
    for (int i = 0; i < N; i++) {
        uint16_t port = take(p, 0, next_random(&seed));
        hits[(port - 49152) / 1024]++;
        neighbours += port == last + 1;
        repeats += port == last;
        last = port;
        ports_give(p, TURN_V4, port);
    }
    double chi = 0;
    for (int i = 0; i < PARTS; i++) {
        double d = (double)hits[i] - (double)N / PARTS;
        chi += d * d / ((double)N / PARTS);
    }
    assert_true(chi < 37.7);
    assert_true(neighbours < 10);
    assert_true(repeats < 10);
    ports_free(p);
}

static void owners(void **state)
{
    (void)state;
    struct ports *p = pool(50000, 50099, 4);
    assert_int_equal(ports_owner(p, TURN_V4, 50000), -1);
    ports_set_owner(p, TURN_V4, 50000, (struct ports_owner){0, false});
    ports_set_owner(p, TURN_V6, 50000, (struct ports_owner){3, true});
    assert_false(ports_is_tcp(p, TURN_V4, 50000));
    assert_true(ports_is_tcp(p, TURN_V6, 50000));
    assert_int_equal(ports_owner(p, TURN_V4, 50000), 0);
    assert_int_equal(ports_owner(p, TURN_V6, 50000), 3);
    ports_clear_owner(p, TURN_V4, 50000);
    assert_int_equal(ports_owner(p, TURN_V4, 50000), -1);
    assert_int_equal(ports_owner(p, TURN_V6, 50000), 3);
    for (uint32_t port = 0; port < 65536; port++)
        if (port != 50000)
            assert_int_equal(ports_owner(p, TURN_V6, (uint16_t)port), -1);
    ports_clear_owner(p, TURN_V6, 50000);
    assert_false(ports_is_tcp(p, TURN_V6, 50000));
    /* Strangers name ports outside the range as well. */
    ports_give(p, TURN_V4, 80);
    ports_free(p);
}

static struct reservation reserve(struct ports *p, uint8_t name, usec_t expires)
{
    struct ports_want w = {.pair = true, .random = name};
    uint16_t port = ports_take(p, &w);
    assert_int_not_equal(port, 0);
    struct reservation r = {{name, 1, 2, 3, 4, 5, 6, 7}, TURN_V4, (uint16_t)(port + 1), expires};
    assert_true(ports_reserve(p, &r));
    return r;
}

static void redeeming(void **state)
{
    (void)state;
    struct ports *p = pool(50000, 50099, 1);
    assert_int_equal(ports_deadline(p), USEC_NEVER);
    struct reservation a = reserve(p, 'a', 30);
    struct reservation b = reserve(p, 'b', 20);
    assert_int_equal(ports_deadline(p), 20);
    enum turn_family family = TURN_V6;
    uint8_t wrong[PORTS_TOKEN_LEN];
    for (size_t i = 0; i < PORTS_TOKEN_LEN; i++) {
        memcpy(wrong, a.token, sizeof(wrong));
        wrong[i] ^= 0x80;
        assert_int_equal(ports_redeem(p, wrong, 1, &family), 0);
    }
    assert_int_equal(family, TURN_V6);
    assert_int_equal(ports_redeem(p, a.token, 19, &family), a.port);
    assert_int_equal(family, TURN_V4);
    assert_int_equal(ports_redeem(p, a.token, 19, &family), 0);
    /* At its very time it is over. */
    assert_int_equal(ports_redeem(p, b.token, 20, &family), 0);
    assert_int_equal(ports_deadline(p), USEC_NEVER);
    ports_free(p);
}

/* The unredeemed port is free again, the redeemed one is not. */
static void expiry_gives_back(void **state)
{
    (void)state;
    struct ports *p = pool(50000, 50003, 1);
    struct reservation a = reserve(p, 'a', 30);
    struct reservation b = reserve(p, 'b', 30);
    assert_int_equal(take(p, 0, 0), 0);
    ports_expire(p, 29);
    assert_int_equal(take(p, 0, 0), 0);
    enum turn_family family;
    assert_int_equal(ports_redeem(p, b.token, 29, &family), b.port);
    ports_expire(p, 30);
    assert_int_equal(ports_deadline(p), USEC_NEVER);
    assert_int_equal(take(p, 0, 0), a.port);
    assert_int_equal(take(p, 0, 0), 0);
    ports_free(p);
}

static void reservations_are_bounded(void **state)
{
    (void)state;
    struct ports *p = pool(1024, 65535, 1);
    struct reservation r = {{0}, TURN_V6, 0, 1000};
    for (unsigned i = 0; i < PORTS_RESERVATIONS; i++) {
        r.token[0] = (uint8_t)i;
        r.token[1] = (uint8_t)(i >> 8);
        r.port = (uint16_t)(2000 + i);
        r.expires = i < 10 ? 500 : 1000;
        assert_true(ports_reserve(p, &r));
    }
    r.token[2] = 1;
    assert_false(ports_reserve(p, &r));
    ports_expire(p, 499);
    assert_false(ports_reserve(p, &r));
    ports_expire(p, 500);
    assert_int_equal(ports_deadline(p), 1000);
    for (unsigned i = 0; i < 10; i++)
        assert_true(ports_reserve(p, &r));
    assert_false(ports_reserve(p, &r));
    ports_free(p);
}

enum { THREADS = 4, ROUNDS = 20000, HELD = 24 };

struct crowd {
    struct ports *p;
    atomic_int holders[65536];
    atomic_uint worker;
    atomic_uint broken;
};

static void let_go(struct crowd *c, uint16_t port)
{
    if (port == 0)
        return;
    if (ports_owner(c->p, TURN_V4, port) < 0 || atomic_fetch_sub(&c->holders[port], 1) != 1)
        atomic_fetch_add(&c->broken, 1);
    ports_clear_owner(c->p, TURN_V4, port);
    ports_give(c->p, TURN_V4, port);
}

static uint16_t get_hold(struct crowd *c, uint16_t worker, uint64_t random)
{
    struct ports_want w = {.worker = worker, .random = random, .even = random % 3 == 0};
    uint16_t port = ports_take(c->p, &w);
    if (port == 0)
        return 0;
    if (atomic_fetch_add(&c->holders[port], 1) != 0)
        atomic_fetch_add(&c->broken, 1);
    ports_set_owner(c->p, TURN_V4, port, (struct ports_owner){worker, false});
    return port;
}

/* A reservation that this or another thread takes up, or lets expire. */
static void reserve_one(struct crowd *c, uint64_t random, usec_t now)
{
    struct ports_want w = {.family = TURN_V6, .pair = true, .random = random};
    uint16_t port = ports_take(c->p, &w);
    if (port == 0)
        return;
    struct reservation r = {{(uint8_t)(random % 8)}, TURN_V6, (uint16_t)(port + 1), now + 5};
    if (!ports_reserve(c->p, &r))
        ports_give(c->p, TURN_V6, r.port);
    enum turn_family family;
    uint16_t got = ports_redeem(c->p, r.token, now, &family);
    if (got != 0)
        ports_give(c->p, family, got);
    ports_give(c->p, TURN_V6, port);
    ports_expire(c->p, now);
}

static void *work(void *arg)
{
    struct crowd *c = arg;
    uint16_t worker = (uint16_t)atomic_fetch_add(&c->worker, 1);
    uint64_t seed = worker;
    uint16_t held[HELD] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t random = next_random(&seed);
        size_t slot = (size_t)(random >> 40) % HELD;
        let_go(c, held[slot]);
        held[slot] = get_hold(c, worker, random);
        if (i % 16 == 0)
            reserve_one(c, random, i);
    }
    for (size_t i = 0; i < HELD; i++)
        let_go(c, held[i]);
    return NULL;
}

/* Few ports, many hands: no port is ever in two of them, and in the end none is lost. */
static void threads(void **state)
{
    (void)state;
    static struct crowd c;
    c.p = pool(50001, 50064, 3);
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, &c), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(atomic_load(&c.broken), 0);
    ports_expire(c.p, USEC_NEVER - 1);
    for (int i = 0; i < 64; i++)
        assert_int_not_equal(take(c.p, 0, (uint64_t)i), 0);
    assert_int_equal(take(c.p, 0, 0), 0);
    for (int i = 0; i < 64; i++) {
        struct ports_want w = {.family = TURN_V6};
        assert_int_not_equal(ports_take(c.p, &w), 0);
    }
    ports_free(c.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_nonsense),
        cmocka_unit_test(takes_all),
        cmocka_unit_test(slices),
        cmocka_unit_test(falls_back_to_other_slices),
        cmocka_unit_test(even_ports),
        cmocka_unit_test(pairs),
        cmocka_unit_test(spread),
        cmocka_unit_test(owners),
        cmocka_unit_test(redeeming),
        cmocka_unit_test(expiry_gives_back),
        cmocka_unit_test(reservations_are_bounded),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
