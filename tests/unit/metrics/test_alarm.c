/* The capacity alarm: by the hour, with noise on both sides of its comparison, two changes per
 * window at most. */
#include "metrics/ledger.h"

#include "bed.h"

enum { CAPACITY = 200000, RUNS = 40000 };

static struct bed alarm_bed(void)
{
    struct bed b = bed_of(METRICS_STANDARD);
    b.conf.capacity_alarm = true;
    b.conf.capacity = CAPACITY;
    return b;
}

/* An hour passes, then it looks. */
static bool looks(struct bed *b, uint64_t alive)
{
    bed_pass(b, 3600);
    return metrics_capacity(b->m, alive, b->wall);
}

static void it_comes_at_four_fifths_and_goes_below_three(void **state)
{
    (void)state;
    struct bed b = alarm_bed();
    bed_start(&b);
    assert_false(looks(&b, CAPACITY * 7 / 10));
    assert_false(metrics_capacity_alarm(b.m));
    assert_true(looks(&b, CAPACITY * 9 / 10));
    assert_true(metrics_capacity_alarm(b.m));
    assert_false(looks(&b, CAPACITY * 7 / 10));
    assert_true(metrics_capacity_alarm(b.m));
    assert_true(looks(&b, CAPACITY * 5 / 10));
    assert_false(metrics_capacity_alarm(b.m));
    metrics_free(b.m);
}

static void it_looks_once_an_hour(void **state)
{
    (void)state;
    struct bed b = alarm_bed();
    bed_start(&b);
    for (int i = 0; i < 3599; i++) {
        bed_pass(&b, 1);
        assert_false(metrics_capacity(b.m, CAPACITY, b.wall));
    }
    bed_pass(&b, 1);
    assert_true(metrics_capacity(b.m, CAPACITY, b.wall));
    assert_false(metrics_capacity(b.m, 0, b.wall));
    metrics_free(b.m);
}

static void two_changes_then_it_is_frozen_until_the_next_window(void **state)
{
    (void)state;
    struct bed b = alarm_bed();
    bed_start(&b);
    int changes = 0;
    for (int hour = 1; hour < 24; hour++)
        changes += looks(&b, hour % 2 ? CAPACITY : 0);
    assert_int_equal(changes, 2);
    assert_false(metrics_capacity_alarm(b.m));
    assert_true(looks(&b, CAPACITY)); /* midnight */
    for (int hour = 1; hour < 24; hour++)
        assert_false(looks(&b, CAPACITY)); /* stays on */
    assert_false(looks(&b, CAPACITY));
    assert_true(metrics_capacity_alarm(b.m));
    assert_true(looks(&b, 0));
    metrics_free(b.m);
}

static void it_rests_in_a_window_that_is_not_whole(void **state)
{
    (void)state;
    struct bed b = alarm_bed();
    b.wall += 10;
    bed_start(&b);
    for (int hour = 0; hour < 23; hour++)
        assert_false(looks(&b, CAPACITY));
    assert_true(looks(&b, CAPACITY));
    b.wall += 100;
    bed_pass(&b, 0);
    assert_false(looks(&b, 0));
    assert_true(metrics_capacity_alarm(b.m));
    metrics_free(b.m);
}

static void without_room_or_wish_there_is_none(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct bed b = alarm_bed();
        b.conf.capacity = i == 0 ? METRICS_CAPACITY_MIN - 1 : CAPACITY;
        b.conf.capacity_alarm = i != 1;
        b.conf.profile = i == 2 ? METRICS_FLEET : METRICS_STANDARD;
        bed_start(&b);
        for (int hour = 0; hour < 48; hour++)
            assert_false(looks(&b, CAPACITY));
        metrics_free(b.m);
    }
}

static void more_than_capacity_is_capacity(void **state)
{
    (void)state;
    struct bed b = alarm_bed();
    bed_start(&b);
    assert_true(looks(&b, UINT64_MAX));
    metrics_free(b.m);
}

/* How often it comes in the first hour of a window. */
static int rate(uint64_t seed, int64_t above)
{
    struct bed b = alarm_bed();
    b.seed = seed;
    b.wall -= 3600;
    int n = 0;
    for (int i = 0; i < RUNS; i++) {
        bed_start(&b);
        b.m->alarm.hour = -1;
        bed_pass(&b, 3600);
        n += metrics_capacity(b.m, (uint64_t)(CAPACITY * 4 / 5 + above), b.wall);
        metrics_free(b.m);
        b.wall -= 3600;
    }
    return n;
}

/* The difference of two Laplace draws of scale b exceeds x = 2b with probability
 * (1 + x/2b)/2 e^(-x/b) = e^-2 = 0.1353; with noise on one side only it would be 0.0677. */
static void there_is_noise_on_both_sides(void **state)
{
    (void)state;
    int64_t x = 2 * (int64_t)ledger[METRICS_USES].scale;
    assert_in_range(rate(5, -x), RUNS * 1293 / 10000, RUNS * 1413 / 10000);
    assert_in_range(rate(6, x), RUNS * 8587 / 10000, RUNS * 8707 / 10000);
    assert_in_range(rate(7, 0), RUNS * 49 / 100, RUNS * 51 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_at_four_fifths_and_goes_below_three),
        cmocka_unit_test(it_looks_once_an_hour),
        cmocka_unit_test(two_changes_then_it_is_frozen_until_the_next_window),
        cmocka_unit_test(it_rests_in_a_window_that_is_not_whole),
        cmocka_unit_test(without_room_or_wish_there_is_none),
        cmocka_unit_test(more_than_capacity_is_capacity),
        cmocka_unit_test(there_is_noise_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
