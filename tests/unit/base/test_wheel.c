/* The timer wheel against a plain array of deadlines. */
#include "base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

enum { NODES = 400, ROUNDS = 30000 };

#define SEC(n) ((n)*USEC_PER_SEC)

struct timer {
    struct wheel_node node;
    bool set;
    usec_t when;
};

struct bed {
    struct wheel w;
    struct timer t[NODES];
    usec_t now;
    uint64_t seed;
    size_t fired;
    bool rearm; /* the callback disturbs others: sets, moves and clears */
};

static uint64_t rnd(struct bed *b)
{
    static const uint8_t key[SIPHASH_KEY_LEN] = {3};
    b->seed++;
    return siphash(key, &b->seed, sizeof b->seed);
}

static void set(struct bed *b, struct timer *t, usec_t when)
{
    wheel_set(&b->w, &t->node, when);
    t->set = true;
    t->when = when;
}

static void clear(struct bed *b, struct timer *t)
{
    wheel_clear(&b->w, &t->node);
    t->set = false;
}

/* Mostly near, sometimes beyond a turn, sometimes past, sometimes never. */
static usec_t some_time(struct bed *b)
{
    const usec_t spread[] = {SEC(2), SEC(60), SEC(600), SEC(5000), SEC(100000)};
    uint64_t r = rnd(b);
    if (r % 50 == 0)
        return USEC_NEVER;
    return b->now - SEC(1) + (usec_t)(rnd(b) % (uint64_t)spread[r % 5]);
}

static void fire(void *ctx, struct wheel_node *node, usec_t now)
{
    struct bed *b = ctx;
    struct timer *t = container_of(node, struct timer, node);
    assert_true(t->set);
    assert_true(t->when <= now);
    assert_true(node->when == t->when);
    t->set = false;
    b->fired++;
    if (!b->rearm)
        return;
    struct timer *other = &b->t[rnd(b) % NODES];
    switch (rnd(b) % 4) {
    case 0:
        set(b, t, some_time(b));
        break;
    case 1:
        set(b, other, some_time(b));
        break;
    case 2:
        clear(b, other);
        break;
    default:
        break;
    }
}

static void start(struct bed *b, usec_t now, uint64_t seed)
{
    b->now = now;
    b->seed = seed;
    b->fired = 0;
    b->rearm = false;
    wheel_init(&b->w, now);
    for (int i = 0; i < NODES; i++) {
        wheel_node_init(&b->t[i].node);
        b->t[i].set = false;
    }
}

static void check(struct bed *b, bool strict)
{
    size_t n = 0;
    usec_t soonest = USEC_NEVER;
    for (int i = 0; i < NODES; i++) {
        if (!b->t[i].set)
            continue;
        n++;
        if (b->t[i].when < soonest)
            soonest = b->t[i].when;
        if (strict)
            assert_true(b->t[i].when > b->now);
    }
    assert_int_equal(b->w.n, n);
    usec_t next = wheel_next(&b->w);
    assert_true((next == USEC_NEVER) == (n == 0));
    if (n > 0 && soonest >= b->now)
        assert_true(next <= soonest + SEC(1) || soonest == USEC_NEVER);
}

static void random_rounds(struct bed *b)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct timer *t = &b->t[rnd(b) % NODES];
        if (rnd(b) % 4)
            set(b, t, some_time(b));
        else
            clear(b, t);
        if (rnd(b) % 3)
            continue;
        b->now += (usec_t)(rnd(b) % (uint64_t)(rnd(b) % 100 ? SEC(3) : SEC(20000)));
        wheel_expire(&b->w, b->now, fire, b);
        /* What a callback set into the past waits for the next call. */
        check(b, !b->rearm);
    }
}

static void test_random_rounds(void **state)
{
    (void)state;
    static struct bed b;
    start(&b, SEC(1000) + 5, 1);
    random_rounds(&b);
    assert_true(b.fired > 1000);
    start(&b, -SEC(50), 2); /* the zero lies inside the run */
    random_rounds(&b);
}

static void test_callbacks_change_timers(void **state)
{
    (void)state;
    static struct bed b;
    start(&b, SEC(77), 3);
    b.rearm = true;
    random_rounds(&b);
    assert_true(b.fired > 1000);
}

static void test_jump_expires_all(void **state)
{
    (void)state;
    static struct bed b;
    const usec_t jumps[] = {SEC(4095), SEC(4096), SEC(4097), SEC(36000), SEC(INT64_C(1) << 40)};
    for (size_t j = 0; j < sizeof jumps / sizeof *jumps; j++) {
        start(&b, SEC(10) + 1, 4);
        for (int i = 0; i < NODES; i++)
            set(&b, &b.t[i], b.now + SEC(i * 10));
        b.now += jumps[j];
        wheel_expire(&b.w, b.now, fire, &b);
        check(&b, true);
        assert_int_equal(b.fired, NODES);
    }
}

static void test_clock_going_back(void **state)
{
    (void)state;
    static struct bed b;
    start(&b, SEC(50000), 5);
    for (int i = 0; i < NODES; i++)
        set(&b, &b.t[i], b.now + SEC(i));
    b.now -= SEC(9000);
    wheel_expire(&b.w, b.now, fire, &b);
    assert_int_equal(b.fired, 0);
    clear(&b, &b.t[0]);
    set(&b, &b.t[0], b.now + SEC(3)); /* must not wait for the time before the jump */
    b.now += SEC(4);
    wheel_expire(&b.w, b.now, fire, &b);
    assert_int_equal(b.fired, 1);
    check(&b, true);
    b.now += SEC(9000) + SEC(NODES);
    wheel_expire(&b.w, b.now, fire, &b);
    assert_int_equal(b.fired, NODES);
}

static void test_past_and_punctual(void **state)
{
    (void)state;
    static struct bed b;
    start(&b, SEC(100) + 300000, 6);
    set(&b, &b.t[0], b.now - SEC(50));
    set(&b, &b.t[1], b.now + 1);
    wheel_expire(&b.w, b.now, fire, &b);
    assert_false(b.t[0].set);
    assert_true(b.t[1].set);
    b.now += 1;
    wheel_expire(&b.w, b.now, fire, &b);
    assert_false(b.t[1].set);
}

static void test_next(void **state)
{
    (void)state;
    static struct bed b;
    start(&b, SEC(100), 7);
    assert_true(wheel_next(&b.w) == USEC_NEVER);
    set(&b, &b.t[0], SEC(130) + 5);
    assert_true(wheel_next(&b.w) == SEC(131));
    set(&b, &b.t[1], SEC(110));
    assert_true(wheel_next(&b.w) == SEC(111));
    clear(&b, &b.t[1]);
    clear(&b, &b.t[1]);
    assert_true(wheel_next(&b.w) == SEC(131));
    set(&b, &b.t[0], SEC(90));
    assert_true(wheel_next(&b.w) == SEC(101));
    set(&b, &b.t[0], SEC(100 + 2 * 4096));
    int wakes = 0; /* once per turn, until its time has come */
    for (; b.t[0].set; wakes++) {
        b.now = wheel_next(&b.w);
        wheel_expire(&b.w, b.now, fire, &b);
    }
    assert_int_equal(wakes, 3);
    assert_int_equal(b.fired, 1);
    assert_true(b.now >= SEC(100 + 2 * 4096));
    assert_true(b.now <= SEC(101 + 2 * 4096));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_rounds),     cmocka_unit_test(test_callbacks_change_timers),
        cmocka_unit_test(test_jump_expires_all),  cmocka_unit_test(test_clock_going_back),
        cmocka_unit_test(test_past_and_punctual), cmocka_unit_test(test_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
